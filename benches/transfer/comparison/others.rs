//! Other programs that do the same, if the environment names them, and the program with them. They run through a relay on this
//! machine, or without one.
//!
//! `CROC`: croc 10, which brings its own relay. `WORMHOLE_RS`: wormhole-rs 0.8 (crate `magic-wormhole-cli`), whose mailbox and
//! relay are other programs; `WORMHOLE_MAILBOX_URL` and `WORMHOLE_RELAY_URL` say where they run. `SENDME`: sendme.

use std::{
    env,
    ffi::OsString,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{
    Contestant, Run, croc,
    process::{Running, Usage},
    sendme,
    settings::Task,
    site::Site,
};

const CODE: &str = "7-crocodile-caiman";

/// Which of the programs are installed. wormhole-rs sends a folder as an archive, which is a different task.
pub(crate) fn contestants(task: Task) -> (Vec<Contestant>, Vec<&'static str>) {
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    match env::var_os("CROC") {
        Some(binary) => present.extend(croc::contestants(&binary, task)),
        None => absent.push("croc, relay"),
    }
    match env::var_os("SENDME") {
        Some(binary) => present.push(sendme::contestant(&binary)),
        None => absent.push("sendme, direct"),
    }
    if matches!(task, Task::Large(_)) {
        let name = "wormhole-rs, relay";
        match env::var_os("WORMHOLE_RS") {
            Some(binary) => present.push(Contestant {
                name: name.to_owned(),
                run: Box::new(move |site| wormhole(&binary, site)),
            }),
            None => absent.push(name),
        }
    }
    (present, absent)
}

/// The version of the program that this variable of the environment names: the last word of what it says of itself.
pub(crate) fn version(variable: &str) -> String {
    let asked = env::var_os(variable).map(|binary| Command::new(binary).arg("--version").output());
    let said = asked.map(|output| String::from_utf8_lossy(&output.unwrap().stdout).into_owned());
    let word = said.as_deref().and_then(|said| said.split_whitespace().last()).unwrap_or("unknown");
    word.trim_start_matches('v').to_owned()
}

fn wormhole(binary: &OsString, site: &Site) -> Run {
    let mut send = Command::new(binary);
    send.args(["send", "--force-relay", "--no-qr", "--code", CODE]);
    let mut receive = Command::new(binary);
    receive.args(["receive", "--noconfirm", "--force-relay", "--out-dir"]).arg(site.target()).arg(CODE);
    let (seconds, processes) = both(send, receive, site, CODE);
    Run { seconds, processes, ..Run::default() }
}

/// Starts the sender of what the site has, and the receiver once the sender says `waiting`; waits for both.
pub(crate) fn both(
    mut send: Command,
    mut receive: Command,
    site: &Site,
    waiting: &str,
) -> (f64, Vec<(&'static str, Usage)>) {
    let mut sender = Running::start("sender", send.arg(site.source()));
    sender.says("that it waits", |line| line.to_lowercase().contains(waiting).then_some(()));
    // Senders say their code a little before they wait at the relay, and a receiver that is too early looks again only seconds later.
    thread::sleep(Duration::from_secs(1));
    let started = Instant::now();
    let (receiver, _) = Running::start("receiver", &mut receive).end();
    let (sender, _) = sender.end();
    (started.elapsed().as_secs_f64(), vec![("sender", sender), ("receiver", receiver)])
}
