//! A transfer in croc's words between two programs on one network: where they meet, and that they keep to the relay if the user says so.
//! The network is a namespace of its own, because on loopback alone no machine has an address of a local network. On a system that
//! doesn't allow such namespaces, the tests do nothing.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use crate::support::{
    network::Network,
    noise,
    process::{Running, caiman, text},
};

/// A machine with two addresses, of which the relay has the first.
const NETWORK: &str = "ip link set lo up && ip address add 10.9.9.1/24 dev lo && ip route add 224.0.0.0/4 dev lo \
    && echo ready >&2 && read -r _";
const CODE: &str = "acid-acorn-acre";

/// The network, what is sent, and where it goes.
struct CrocNetwork {
    network: Network,
    path: PathBuf,
    source: TempDir,
    target: TempDir,
}

impl CrocNetwork {
    fn new() -> Option<Self> {
        let network = Network::new(NETWORK)?;
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = source.path().join("large");
        fs::write(&path, noise(7, 1 << 20)).unwrap();
        Some(Self { network, path, source, target })
    }

    /// A relay for crocs, and its address.
    fn relay(&self) -> (Running, String) {
        let relay = ["relay", "--port", "0", "--data-ports", "none", "--croc", "--croc-ports", "0,0,0"];
        let mut relay = self.network.enter(&caiman(&relay));
        let port: u16 = relay.says("the port for crocs", |line| {
            line.strip_prefix("Listening for croc on ")?.split(',').next()?.rsplit(':').next()?.parse().ok()
        });
        (relay, format!("127.0.0.1:{port}"))
    }

    /// Sends in these ways, until the receiver could find the code.
    fn send(&self, ways: &[&str]) -> Running {
        let args = [&["send", "--croc", "--croc-code", CODE, text(&self.path)], ways].concat();
        let mut sending = self.network.enter(&caiman(&args));
        sending.says("the code for croc", |line| line.contains(CODE).then_some(()));
        sending
    }

    /// Receives in these ways to the end, and returns what both sides said.
    fn receive(&self, mut sending: Running, ways: &[&str]) -> [String; 2] {
        let to = ["receive", "--croc", CODE, "--yes", "--out", text(self.target.path())];
        let mut receiving = self.network.enter(&caiman(&[&to, ways].concat()));
        let both = [sending.wait(), receiving.wait()].map(|ended| ended.exits(0).errors.clone());
        assert!(fs::read(self.target.path().join("large")).unwrap() == fs::read(&self.path).unwrap());
        assert!(self.source.path().exists());
        both
    }
}

#[test]
fn two_that_have_met_at_a_relay_go_on_without_it() {
    let Some(world) = CrocNetwork::new() else { return };
    let (_relay, at) = world.relay();
    let sending = world.send(&["--path", "auto", "--croc-relay", &at]);
    let [sender, receiver] = world.receive(sending, &["--path", "auto", "--croc-relay", &at]);
    assert!(sender.contains("Met on this computer's own relay."), "{sender}");
    assert!(receiver.contains("Met on the local network."), "{receiver}");
}

/// Each side can keep its addresses to itself.
#[test]
fn with_relays_only_the_two_stay_at_the_relay() {
    for [sends, receives] in [["relay", "auto"], ["auto", "relay"]] {
        let Some(world) = CrocNetwork::new() else { return };
        let (_relay, at) = world.relay();
        let sending = world.send(&["--path", sends, "--croc-relay", &at]);
        let both = world.receive(sending, &["--path", receives, "--croc-relay", &at]);
        for said in both {
            assert!(said.contains(&format!("Met through the relay {at}.")), "{said}");
        }
    }
}

/// Neither knows of a relay, and the code was never anywhere else.
#[test]
fn without_any_relay_the_two_find_each_other() {
    let Some(world) = CrocNetwork::new() else { return };
    let sending = world.send(&["--path", "local"]);
    let [sender, receiver] = world.receive(sending, &["--path", "local"]);
    assert!(sender.contains("Met on this computer's own relay."), "{sender}");
    assert!(receiver.contains("Met on the local network."), "{receiver}");
}
