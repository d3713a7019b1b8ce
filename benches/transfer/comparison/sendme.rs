//! sendme, if `SENDME` names one: directly, as its ticket holds the sender's addresses. It has no relay to go through here, and
//! asks for none. It still tries to reach the name servers that it knows, which does nothing where there is no internet. It has
//! read and hashed everything before it shows its ticket, and its time begins after that.

use std::{
    ffi::OsStr,
    fs,
    process::{Command, Stdio},
    time::Instant,
};

use super::{Contestant, Run, process::Running, site::Site};

pub(crate) fn contestant(binary: &OsStr) -> Contestant {
    // Its folder is another one.
    let binary = fs::canonicalize(binary).unwrap_or_else(|error| panic!("SENDME can't be found: {error}"));
    let run = move |site: &Site| transfer(binary.as_os_str(), site);
    Contestant { name: "sendme, direct".to_owned(), run: Box::new(run) }
}

fn transfer(binary: &OsStr, site: &Site) -> Run {
    let command = |what: &str, subject: &OsStr| {
        let mut command = Command::new(binary);
        command.args([what, "--relay", "disabled", "--no-progress"]).arg(subject).stdin(Stdio::null());
        command
    };
    fs::create_dir_all(site.home()).unwrap();
    let mut send = command("send", site.source().as_os_str());
    send.args(["--ticket-type", "addresses"]).current_dir(site.home());
    let mut sender = Running::start("sender", &mut send);
    let ticket = sender.says("its ticket", |line| Some(line.strip_prefix("sendme receive ")?.to_owned()));
    let started = Instant::now();
    let mut receive = command("receive", OsStr::new(&ticket));
    // It receives into its folder, and keeps what it has received so far there too.
    let (receiver, _) = Running::start("receiver", receive.current_dir(site.target())).end();
    let seconds = started.elapsed().as_secs_f64();
    // The sender waits for further receivers.
    let processes = vec![("sender", sender.interrupt()), ("receiver", receiver)];
    Run { seconds, processes, ..Run::default() }
}
