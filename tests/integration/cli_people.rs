//! `caiman people`, `send --to`, `receive --from-people` and `--remember`, with the program itself.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    engine::BLOCK,
    iroh::left_out_over_quic,
    noise,
    process::{Running, Site, caiman, run, text},
};

/// A site, and the folder in which its sender keeps the people it knows.
struct Acquaintance {
    site: Site,
    sender: TempDir,
}

impl Acquaintance {
    /// Two that have met under a code and remembered each other: the receiver is Bob, the sender Ann.
    fn new() -> Self {
        let met = Self { site: Site::new(), sender: tempfile::tempdir().unwrap() };
        let file = met.site.plant("first", "first");
        let mut sending = Running::start(met.sends(&["--remember=Bob", text(&file)]));
        let code = sending.code();
        let receiving = met.site.receive(&[&code, "--yes", "--json", "--remember=Ann"]);
        let received = receiving.end();
        received.exits(0);
        assert_eq!(received.event("remembered")["name"], "Ann");
        let sent = sending.end();
        sent.exits(0);
        assert_eq!(sent.event("remembered")["name"], "Bob");
        met
    }

    fn sends(&self, args: &[&str]) -> Command {
        let mut command = self.site.send_command(args);
        command.env("CAIMAN_DATA_DIR", self.sender.path());
        command
    }

    /// Bob waits.
    fn waits(&self, args: &[&str]) -> Running {
        let mut waiting = self.site.receive(&[&["--from-people", "--json"], args].concat());
        waiting.event("waiting");
        waiting
    }

    /// Ann sends a file to Bob, and everything arrives.
    fn sends_to_bob(&self, file: &Path) -> Value {
        let sent = run(self.sends(&["--to", "Bob", text(file)]));
        sent.exits(0);
        assert!(sent.events().iter().all(|event| event["event"] != "code"), "a code was shown");
        sent.event("done")
    }
}

/// Runs `caiman people` for the owner of this folder.
fn people(data: &TempDir, args: &[&str]) -> (i32, String) {
    let mut command = caiman(&[&["people"], args].concat());
    command.env("CAIMAN_DATA_DIR", data.path());
    let ended = run(command);
    (ended.code.unwrap(), String::from_utf8(ended.output).unwrap() + &ended.errors)
}

#[test]
fn who_is_remembered_needs_no_code_and_who_is_trusted_no_answer() {
    if left_out_over_quic("the program uses no internet") {
        return;
    }
    let met = Acquaintance::new();
    let Acquaintance { site, sender } = &met;
    assert_eq!(people(sender, &[]), (0, "Bob  last transfer today\n".to_owned()));
    let second = site.plant("second", noise(1, BLOCK));
    let mut waiting = met.waits(&["--yes"]);
    met.sends_to_bob(&second);
    assert_eq!(waiting.event("done")["person"], "Ann");
    assert_eq!(fs::read(site.to("second")).unwrap(), noise(1, BLOCK));
    drop(waiting);

    let mut waiting = met.waits(&["--yes"]);
    let presence = |state: &str| {
        let mut command = caiman(&["people", "--check", "--json", "--server", &site.server]);
        command.env("CAIMAN_DATA_DIR", sender.path());
        let checked = run(command);
        checked.exits(0);
        let line = String::from_utf8(checked.output).unwrap();
        line.contains(&format!("\"presence\":\"{state}\""))
    };
    // The relay may take a moment to notice who has come and who has gone.
    while !presence("reachable") {}
    waiting.kill();
    while !presence("away") {}

    // Without a terminal, what nobody answers is declined; what is trusted is not asked about.
    let third = site.plant("third", "third");
    let mut waiting = met.waits(&[]);
    run(met.sends(&["--to", "Bob", text(&third)])).exits(4);
    let folder = tempfile::tempdir().unwrap();
    let trusted = people(&site.data, &["--trust", "ann", "--into", text(folder.path())]);
    assert_eq!(trusted, (0, String::new()));
    met.sends_to_bob(&third);
    waiting.event_where("done", |event| event["person"] == "Ann");
    assert_eq!(fs::read_to_string(folder.path().join("third")).unwrap(), "third");
    assert!(!site.to("third").exists());

    // A running program notices that a person is blocked.
    assert_eq!(people(&site.data, &["--block", "Ann"]), (0, String::new()));
    waiting.event_where("waiting", |event| event["people"] == serde_json::json!([]));
    let mut blocked = Running::start(met.sends(&["--to", "Bob", text(&third)]));
    blocked.event("away");
    // Once it is heard again, nothing has to be done on the other side.
    assert_eq!(people(&site.data, &["--unblock", "Ann"]), (0, String::new()));
    blocked.end().exits(0);

    assert_eq!(people(sender, &["--rename", "Bob", "Robert"]), (0, String::new()));
    assert_eq!(people(sender, &["--forget", "robert"]), (0, String::new()));
    let unknown = run(met.sends(&["--to", "Robert", text(&third)]));
    unknown.exits(2);
    assert!(unknown.events().iter().any(|event| {
        event["message"].as_str().is_some_and(|message| message.contains("nobody is known as “Robert”"))
    }));
}

/// The receiver is killed in the middle of an accepted transfer, and started again. Nobody is asked anything more.
#[test]
fn what_was_accepted_goes_on_by_itself_when_the_receiver_is_started_again() {
    if left_out_over_quic("the program uses no internet") {
        return;
    }
    let met = Acquaintance::new();
    let bytes = noise(2, 24 * BLOCK);
    let large = met.site.plant("large", &bytes);
    let mut command = met.site.receive_command(&["--from-people", "--json"]);
    command.stdin(std::process::Stdio::piped());
    let (mut waiting, mut answers) = Running::start_asking(command);
    waiting.event("waiting");
    let mut sending = Running::start(met.sends(&["--to", "Bob", "--rate", "1MiB", text(&large)]));
    waiting.event("offer");
    std::io::Write::write_all(&mut answers, b"y\n").unwrap();
    waiting.moving();
    waiting.kill();
    sending.event("lost");
    let mut again = met.waits(&[]);
    again.event("goes_on");
    let held = again.event_where("progress", |event| event["bytes"].as_u64() > Some(0));
    assert!(held["bytes"].as_u64().unwrap() >= BLOCK as u64);
    again.event("done");
    sending.end().exits(0);
    assert_eq!(fs::read(met.site.to("large")).unwrap(), bytes);
}

#[test]
fn what_makes_no_sense_with_people_is_refused_before_anything_happens() {
    let data = tempfile::tempdir().unwrap();
    for args in [
        &["send", "--to", "Ann", "--receivers", "2", "x"][..],
        &["send", "--to", "Ann", "--remember=Bob", "x"],
        &["send", "--remember=a\tb", "Cargo.toml"],
        &["send", "--to", "Ann", "Cargo.toml"],
        &["receive", "--from-people", "--stdout"],
        &["receive", "--from-people", "--remember=Ann"],
        &["people", "--forget", "Ann"],
        &["people", "--trust", "Ann"],
        &["people", "--block", "Ann", "--forget", "Ann"],
    ] {
        let mut command = caiman(args);
        command.env("CAIMAN_DATA_DIR", data.path());
        run(command).exits(2);
    }
    let (code, said) = people(&data, &[]);
    assert_eq!(code, 0);
    assert!(said.contains("Nobody is known"), "{said}");
}
