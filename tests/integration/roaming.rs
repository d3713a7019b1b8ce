//! A machine whose address changes while bytes move. It is in a network namespace of its own, because a test may not take an
//! address from the machine that runs it. On a system that doesn't allow such namespaces, the test does nothing.

use std::{fs, io::Write};

use crate::support::{engine::BLOCK, network::Network, noise, process::caiman};

/// The commands that give the machine three addresses. The relay's is reached from `10.9.9.1` until that one is taken away,
/// then from `10.9.9.2`. Earlier connections are told nothing, and what they send and what is sent to them is lost.
const NETWORK: &str = "ip link set lo up && ip address add 10.9.9.1/32 dev lo && ip address add 10.9.9.3/32 dev lo \
    && ip route replace local 10.9.9.3 dev lo table local src 10.9.9.1 && echo ready >&2 && read -r _ \
    && ip address add 10.9.9.2/32 dev lo && ip address delete 10.9.9.1/32 dev lo \
    && ip route replace local 10.9.9.3 dev lo table local src 10.9.9.2 && read -r _";

#[test]
fn an_address_that_is_gone_is_noticed_without_a_silence_and_told_to_the_other_side() {
    let Some(mut network) = Network::new(NETWORK) else { return };
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = source.path().join("large");
    fs::write(&path, noise(7, 128 * BLOCK)).unwrap();
    let mut relay = network.enter(&caiman(&["relay", "--port", "0", "--data-ports", "none"]));
    let port: u16 = relay.says("the relay's port", |line| {
        line.strip_prefix("Relay listening on ")?.split(',').next()?.rsplit(':').next()?.parse().ok()
    });
    let mut sender = caiman(&["send", "--json", "--rate", "8MB", "--server"]);
    sender.arg(format!("127.0.0.1:{port}")).arg(&path);
    sender.env("CAIMAN_LOG", "caiman::transfer=debug");
    let mut sending = network.enter(&sender);
    let code = sending.code();
    let mut receiver = caiman(&["receive", "--json", "--yes", &code, "--server"]);
    receiver.arg(format!("10.9.9.3:{port}")).arg("--out").arg(target.path());
    receiver.env("CAIMAN_LOG", "caiman::transfer=debug");
    let mut receiving = network.enter(&receiver);
    receiving.moving();
    network.tell.write_all(b"now\n").unwrap();
    let logs = |line: &'static str| move |logged: &str| logged.contains(line).then_some(());
    receiving.says("its address's end", logs("this machine has lost the address of a connection"));
    // A side that only suspects a silent connection keeps it until another one has replaced it.
    sending.says("the other side's leaving", logs("a connection is lost"));
    sending.wait().exits(0);
    receiving.wait().exits(0);
    assert!(fs::read(target.path().join("large")).unwrap() == fs::read(&path).unwrap());
}
