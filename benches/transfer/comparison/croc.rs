//! croc's protocol, if `CROC` names a croc 10: a croc at both ends, and the program in the place of either and of both, all through
//! a relay of croc's own. Without compression, because the data is taken to be compressed already; a croc as it is by itself, which
//! compresses, is measured beside them with the large file.

use std::{
    ffi::OsString,
    net::SocketAddr,
    process::{Command, Stdio},
    rc::Rc,
};

use super::{
    Contestant, Run,
    caiman::{self, Relay, free_ports},
    others::both,
    process::Running,
    settings::Task,
    site::Site,
};

/// Three words of croc's list.
const CODE: &str = "gown-ream-lens";

/// Who is at one end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Croc,
    Caiman,
}

/// Whether a croc compresses what it sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    Off,
    AsItIs,
}

/// The four pairs, and for a large file a croc as it is by itself.
pub(crate) fn contestants(binary: &OsString, task: Task) -> Vec<Contestant> {
    let binary = Rc::new(binary.clone());
    let mut pairs = vec![
        ("croc, relay", End::Croc, End::Croc, Compression::Off),
        ("croc to caiman", End::Croc, End::Caiman, Compression::Off),
        ("caiman to croc", End::Caiman, End::Croc, Compression::Off),
        ("caiman, croc's protocol", End::Caiman, End::Caiman, Compression::Off),
    ];
    if matches!(task, Task::Large(_)) {
        pairs.push(("croc as it is, relay", End::Croc, End::Croc, Compression::AsItIs));
    }
    pairs
        .into_iter()
        .map(|(name, from, to, compression)| {
            let binary = Rc::clone(&binary);
            let run = move |site: &Site| transfer(&binary, site, from, to, compression);
            Contestant { name: name.to_owned(), run: Box::new(run) }
        })
        .collect()
}

fn transfer(binary: &OsString, site: &Site, from: End, to: End, compression: Compression) -> Run {
    let command = || {
        let mut command = Command::new(binary);
        command.env("CROC_SECRET", CODE).env("HOME", site.home()).stdin(Stdio::null());
        command
    };
    // A sender of the program always waits for a receiver of its own kind as well, at a relay of that kind. It starts first: a croc
    // says that it listens before all its ports are taken.
    let own_relay = (from == End::Caiman).then(|| Relay::start(&caiman::binary(), &site.home()));
    let first = free_ports(5);
    let ports: Vec<String> = (first..first + 5).map(|port| port.to_string()).collect();
    let mut relay = command();
    relay.args(["relay", "--host", "127.0.0.1", "--ports", &ports.join(",")]);
    let mut relay = Running::start("croc relay", &mut relay);
    relay.says("that it listens", |line| line.contains(&ports[4]).then_some(()));
    let address = format!("127.0.0.1:{first}");
    let send = if let Some(own_relay) = &own_relay {
        caiman_send(site, own_relay.address, &address)
    } else {
        let mut send = command();
        send.arg("--ignore-stdin");
        if compression == Compression::Off {
            send.arg("--no-compress");
        }
        send.args(["--relay", &address, "send", "--no-local"]);
        send
    };
    let receive = match to {
        End::Croc => {
            let mut receive = command();
            receive.args(["--yes", "--overwrite", "--relay", &address, "--out"]).arg(site.target());
            receive
        }
        End::Caiman => {
            let mut receive = caiman::command(&caiman::binary(), &site.home());
            receive.args(["receive", "--croc", "--croc-relay", &address, CODE, "--yes", "--out"]);
            receive.arg(site.target());
            receive
        }
    };
    let waiting = if from == End::Croc { "code is" } else { CODE };
    let (seconds, mut processes) = both(send, receive, site, waiting);
    processes.push(("relay", relay.kill()));
    if let Some(own_relay) = own_relay {
        own_relay.stop();
    }
    Run { seconds, processes, ..Run::default() }
}

fn caiman_send(site: &Site, own_relay: SocketAddr, address: &str) -> Command {
    let mut send = caiman::command(&caiman::binary(), &site.home());
    send.args([
        "send",
        "--croc",
        "--croc-relay",
        address,
        "--croc-code",
        CODE,
        "--path",
        "relay",
        "--server",
    ]);
    send.arg(own_relay.to_string());
    send
}
