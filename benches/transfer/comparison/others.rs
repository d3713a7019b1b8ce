//! Other programs that do the same, if the environment names them. They run through a relay on this machine and without
//! compression, because the data is taken to be compressed already.
//!
//! `CROC`: croc 10, which brings its own relay. `WORMHOLE_RS`: wormhole-rs 0.8 (crate `magic-wormhole-cli`), whose mailbox and
//! relay are other programs; `WORMHOLE_MAILBOX_URL` and `WORMHOLE_RELAY_URL` say where they run.

use std::{
    env,
    ffi::OsString,
    process::{Command, Stdio},
    time::Instant,
};

use super::{
    Contestant, Run,
    caiman::free_ports,
    process::{Running, Usage},
    settings::Task,
    site::Site,
};

const CODE: &str = "7-crocodile-caiman";

/// Which of the programs are installed. wormhole-rs sends a folder as an archive, which is a different task.
pub(crate) fn contestants(task: Task) -> (Vec<Contestant>, Vec<&'static str>) {
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    let mut look =
        |name: &'static str, variable: &str, transfer: fn(&OsString, &Site) -> Run| match env::var_os(
            variable,
        ) {
            Some(binary) => present.push(Contestant {
                name: name.to_owned(),
                run: Box::new(move |site| transfer(&binary, site)),
            }),
            None => absent.push(name),
        };
    look("croc, relay", "CROC", croc);
    if task == Task::Large {
        look("wormhole-rs, relay", "WORMHOLE_RS", wormhole);
    }
    (present, absent)
}

fn croc(binary: &OsString, site: &Site) -> Run {
    let first = free_ports(5);
    let ports: Vec<String> = (first..first + 5).map(|port| port.to_string()).collect();
    let command = || {
        let mut command = Command::new(binary);
        command.env("CROC_SECRET", CODE).env("HOME", site.home()).stdin(Stdio::null());
        command
    };
    let mut relay = command();
    relay.args(["relay", "--host", "127.0.0.1", "--ports", &ports.join(",")]);
    let mut relay = Running::start("croc relay", &mut relay);
    relay.says("that it listens", |line| line.contains(&ports[4]).then_some(()));
    let address = format!("127.0.0.1:{first}");
    let mut send = command();
    send.args(["--ignore-stdin", "--no-compress", "--relay", &address, "send", "--no-local"])
        .arg(site.source());
    let mut receive = command();
    receive.args(["--yes", "--overwrite", "--relay", &address, "--out"]).arg(site.target());
    let (seconds, mut processes) = both(send, receive, "code is");
    processes.push(("relay", relay.kill()));
    Run { seconds, moving: None, processes }
}

fn wormhole(binary: &OsString, site: &Site) -> Run {
    let mut send = Command::new(binary);
    send.args(["send", "--force-relay", "--no-qr", "--code", CODE]).arg(site.source());
    let mut receive = Command::new(binary);
    receive.args(["receive", "--noconfirm", "--force-relay", "--out-dir"]).arg(site.target()).arg(CODE);
    let (seconds, processes) = both(send, receive, CODE);
    Run { seconds, moving: None, processes }
}

/// Starts the receiver once the sender says `waiting`, and waits for both.
fn both(mut send: Command, mut receive: Command, waiting: &str) -> (f64, Vec<(&'static str, Usage)>) {
    let mut sender = Running::start("sender", &mut send);
    sender.says("that it waits", |line| line.to_lowercase().contains(waiting).then_some(()));
    let started = Instant::now();
    let (receiver, _) = Running::start("receiver", &mut receive).end();
    let (sender, _) = sender.end();
    (started.elapsed().as_secs_f64(), vec![("sender", sender), ("receiver", receiver)])
}
