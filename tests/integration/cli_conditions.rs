//! The real program as scripts, terminals and mail programs treat it: nobody reads what it says, the terminal closes or there is
//! none, the folder takes nothing, and what is pasted as a code is a whole line.

use std::fs;

use crate::support::{
    engine::{BLOCK, names_in},
    noise,
    process::{Running, Site, caiman, run, text},
};

#[test]
fn a_receiver_that_nobody_listens_to_receives_all_the_same() {
    for args in [&["--yes"][..], &["--yes", "--json"]] {
        let site = Site::new();
        let path = site.plant("x", noise(1, 3 * BLOCK));
        let mut sending = site.send(&[path]);
        let code = sending.code();
        let mut command = site.receive_command(&[&[code.as_str()], args].concat());
        let ended = Running::start_unheard(&mut command).wait().unwrap();
        assert_eq!(ended.code(), Some(0), "{args:?}");
        sending.end().exits(0);
        assert_eq!(fs::read(site.to("x")).unwrap(), noise(1, 3 * BLOCK));
    }
}

#[test]
fn a_sender_that_nobody_listens_to_sends_all_the_same() {
    const CODE: &str = "blue-horse-7731-kitchen";
    for is_json in [true, false] {
        let site = Site::new();
        let path = site.plant("x", "x");
        let mut command = site.send_command(&["--code", CODE, text(&path)]);
        if !is_json {
            command = caiman(&["send", "--server", &site.server, "--code", CODE, text(&path)]);
        }
        let mut sending = Running::start_unheard(&mut command);
        // It can't say when it waits.
        let received = loop {
            let received = site.receive(&[CODE, "--yes"]).end();
            if received.code != Some(3) {
                break received;
            }
        };
        received.exits(0);
        assert_eq!(sending.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn data_that_cannot_be_written_ends_a_command_by_its_exit_code() {
    let site = Site::new();
    for args in [&["completions", "bash"][..], &["--help"], &["unfinished"]] {
        let code = Running::start_unheard(&mut caiman(args)).wait().unwrap().code();
        assert!(matches!(code, Some(0 | 1)), "{args:?} ended with {code:?}");
    }
    for args in [&["--yes"][..], &["--yes", "--json"]] {
        let mut sending = site.send(&["--text", "the door code is 4711"]);
        let code = sending.code();
        let mut command = site.receive_command(&[&[code.as_str()], args].concat());
        let ended = Running::start_unheard(&mut command).wait().unwrap();
        assert_eq!(ended.code(), Some(6), "the text is lost, {args:?}");
        sending.end().exits(0);
    }
}

#[test]
fn without_a_terminal_nothing_is_contacted_unless_the_offer_is_accepted_beforehand() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let mut sending = site.send(&[path]);
    let code = sending.code();
    let received = site.receive(&[&code]).end();
    assert!(received.exits(2).errors.contains("add --yes"), "{}", received.errors);
    assert!(!received.errors.contains("Met"), "{}", received.errors);
    site.receive(&[&code, "--yes"]).end().exits(0);
    sending.end().exits(0);
}

#[test]
fn a_folder_of_no_use_is_named_before_the_code_is_used() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let file = site.to("file");
    fs::write(&file, "").unwrap();
    let mut sending = site.send(&[path]);
    let code = sending.code();
    let mut folders = vec![site.to("missing"), file];
    if cfg!(target_os = "linux") {
        // Not even an administrator can make anything in it.
        folders.push("/proc".into());
    }
    for folder in folders {
        let received =
            run(caiman(&["receive", &code, "--yes", "--server", &site.server, "--out", text(&folder)]));
        assert!(received.exits(6).errors.contains("can't use the folder"), "{}", received.errors);
        assert!(!received.errors.contains("Met"), "{}", received.errors);
    }
    site.receive(&[&code, "--yes"]).end().exits(0);
    sending.end().exits(0);
}

#[test]
fn the_line_that_the_sender_prints_can_be_pasted_as_a_code() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let mut sending = Running::start(caiman(&["send", "--server", &site.server, text(&path)]));
    let line = sending.says("what to type", |line| line.contains("caiman receive").then(|| line.to_owned()));
    let mut command = caiman(&["receive", &line, "--yes", "--out"]);
    command.arg(site.target.path());
    run(command).exits(0);
    sending.end().exits(0);
    assert_eq!(fs::read_to_string(site.to("x")).unwrap(), "x");
}

#[test]
fn half_an_address_is_refused_wherever_it_is_given() {
    let code = "acid-coyote-mustard-tulip";
    for server in ["192.168.1", "10.1:27001", "0x7f.1", "3232235777"] {
        run(caiman(&["receive", code, "--yes", "--server", server])).exits(2);
        run(caiman(&["receive", &format!("caiman:{code}?server={server}"), "--yes"])).exits(3);
        run(caiman(&["send", "--text", "x", "--internet", &format!("https://{server}")])).exits(2);
        let settings = tempfile::tempdir().unwrap();
        fs::write(settings.path().join("settings.toml"), format!("[[relay]]\naddress = \"{server}\"\n"))
            .unwrap();
        let mut command = caiman(&["receive", code, "--yes"]);
        command.env("CAIMAN_CONFIG_DIR", settings.path());
        assert!(run(command).exits(2).errors.contains("settings.toml"), "{server}");
    }
}

/// A folder stays, whatever `--overwrite` says of files.
#[test]
fn what_is_said_of_a_name_that_is_taken_is_what_is_done() {
    let site = Site::new();
    let paths = [site.plant("a", "theirs"), site.plant("b", "theirs")];
    fs::create_dir(site.to("a")).unwrap();
    fs::write(site.to("b"), "ours").unwrap();
    for is_json in [false, true] {
        let mut sending = site.send(&paths);
        let code = sending.code();
        let json = if is_json { "--json" } else { "--overwrite" };
        let received = site
            .receive(&[&code, "--yes", "--no-resume", "--overwrite", json][..if is_json { 5 } else { 4 }])
            .end();
        received.exits(0);
        sending.end().exits(0);
        if is_json {
            let offer = received.event("offer");
            assert_eq!((&offer["conflicts"], &offer["replaced"]), (&2.into(), &1.into()));
        } else {
            for told in [
                "1 name is already there: replaced",
                "1 name is already there: kept; what arrives gets a number",
            ] {
                assert!(received.errors.contains(told), "{told} is not in {}", received.errors);
            }
            assert_eq!(names_in(site.target.path()), ["a", "a (2)", "b"]);
            assert_eq!(fs::read_to_string(site.to("b")).unwrap(), "theirs");
        }
    }
}

/// Links and unreadable files, named and within a folder.
#[cfg(unix)]
#[test]
fn what_a_named_link_leads_to_is_sent_and_one_that_leads_nowhere_is_refused_before_the_code() {
    use std::os::unix::fs::symlink;
    let site = Site::new();
    site.plant("dir/x", "x");
    let at = |name: &str| site.source.path().join(name);
    symlink("nowhere", at("dangling")).unwrap();
    symlink("dir", at("to_folder")).unwrap();
    symlink("self", at("self")).unwrap();
    symlink(".", at("dir/loop")).unwrap();
    symlink("../../out", at("dir/up")).unwrap();
    symlink("missing", at("dir/broken")).unwrap();
    for named in ["dangling", "self"] {
        let sent = site.send(&[at(named)]).end();
        let message = sent.exits(6).event("error")["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{message}");
        assert!(sent.events().iter().all(|event| event["event"] != "code"));
    }
    let mut sending = site.send(&[at("to_folder")]);
    let code = sending.code();
    site.receive(&[&code, "--yes"]).end().exits(0);
    let sent = sending.end();
    assert!(sent.exits(7).event("left_out")["path"].as_str().unwrap().ends_with("up"));
    assert_eq!(names_in(&site.to("to_folder")), ["broken", "loop", "x"]);
    assert_eq!(fs::read_link(site.to("to_folder/loop")).unwrap().to_str(), Some("."));
}

#[cfg(target_os = "linux")]
mod terminals {
    use std::{
        io::{Read, Write},
        process::Command,
    };

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;
    use crate::support::{
        network::Network,
        process::{Ended, on_terminal},
    };

    /// A receiver on a terminal that asks its question, and the sender that waits for the answer.
    struct Asked {
        sending: Running,
        /// The program behind the terminal.
        terminal: Running,
        input: std::process::ChildStdin,
        receiver: Pid,
        code: String,
    }

    fn ask(site: &Site, send: Command) -> Asked {
        ask_with(Running::start(send), |code| site.receive_command(&[code]))
    }

    fn ask_with(mut sending: Running, receive: impl Fn(&str) -> Command) -> Asked {
        let code = sending.code();
        let (mut terminal, input) = Running::start_asking(on_terminal(&receive(&code)));
        let pid = terminal.outputs("its number", |line| line.trim().strip_prefix("pid=")?.parse().ok());
        terminal.outputs("the offer", |line| line.starts_with("Into ").then_some(()));
        sending.event_where("phase", |event| event["phase"] == "waiting for an answer");
        Asked { sending, terminal, input, receiver: Pid::from_raw(pid).unwrap(), code }
    }

    #[test]
    fn a_declined_offer_exits_with_130_here_and_4_there() {
        let site = Site::new();
        let path = site.plant("x", "x");
        let Asked { sending, terminal, mut input, .. } = ask(&site, site.send_command(&[path]));
        input.write_all(b"n\n").unwrap();
        terminal.end().exits(130);
        assert!(sending.end().exits(4).event("error")["message"].as_str().unwrap().contains("declined"));
        assert!(names_in(site.target.path()).is_empty());
    }

    #[test]
    fn a_terminal_that_closes_at_the_question_is_a_cancellation_of_which_the_other_side_hears() {
        let site = Site::new();
        let path = site.plant("x", "x");
        let Asked { sending, mut terminal, .. } = ask(&site, site.send_command(&[path]));
        terminal.kill();
        let message = sending.end().exits(4).event("error")["message"].as_str().unwrap().to_owned();
        // The end of the input and the signal come at the same moment.
        assert!(message.contains("its program was closed") || message.contains("declined"), "{message}");
    }

    /// Without a signal, what was said waits for the reader.
    #[test]
    fn a_reader_that_stays_and_reads_nothing_keeps_no_signal_from_being_heard() {
        for (is_json, signals) in
            [true, false].into_iter().flat_map(|is_json| [0, 1, 2].map(|signals| (is_json, signals)))
        {
            let site = Site::new();
            let path = site.plant("x", "x");
            let mut sending = site.send(&[path]);
            let code = sending.code();
            let args = [code.as_str(), "--yes", "--json"];
            let command = site.receive_command(&args[..if is_json { 3 } else { 2 }]);
            let (receiving, mut reader) = Running::start_unread(command, is_json);
            sending.event_where("phase", |event| event["phase"] == "waiting for an answer");
            for signal in [Signal::INT, Signal::TERM].into_iter().take(signals) {
                receiving.signal(signal);
            }
            if signals > 0 {
                receiving.end().exits(130);
                continue;
            }
            let mut said = String::new();
            reader.read_to_string(&mut said).unwrap();
            receiving.end().exits(0);
            sending.end().exits(0);
            assert_eq!(fs::read_to_string(site.to("x")).unwrap(), "x");
            let last = if is_json { "\"event\":\"done\"" } else { "Done: 1 entry" };
            assert!(said.lines().last().unwrap().contains(last), "{said}");
        }
    }

    /// A closed terminal may bring the signal twice.
    #[test]
    fn hangups_end_a_transfer_as_an_interrupt_does_unless_they_are_ignored() {
        for is_ignored in [false, true] {
            let site = Site::new();
            // What is interrupted must not have arrived before, however busy the machine is.
            let blocks = if is_ignored { 8 } else { 80 };
            let path = site.plant("x", noise(1, blocks * BLOCK));
            let mut sending = site.send(&["--rate", "512KiB", text(&path)]);
            let code = sending.code();
            let inner = site.receive_command(&[&code, "--yes", "--json"]);
            let mut command = Command::new("sh");
            let trap = if is_ignored { "trap '' HUP; exec \"$@\"" } else { "exec \"$@\"" };
            command.args(["-c", trap, "sh"]).arg(inner.get_program()).args(inner.get_args());
            crate::support::process::clean(&mut command);
            let mut receiving = Running::start(command);
            receiving.moving();
            receiving.signal(Signal::HUP);
            receiving.signal(Signal::HUP);
            if is_ignored {
                receiving.end().exits(0);
                sending.end().exits(0);
            } else {
                receiving.end().exits(130);
                let sent = sending.end();
                let message = sent.exits(4).event("error")["message"].as_str().unwrap().to_owned();
                assert!(message.contains("its program was closed"), "{message}");
            }
        }
    }

    /// Catches an address of the loopback in what is meant for another computer, and a local network that is none.
    #[test]
    fn on_a_machine_without_a_network_the_code_is_shown_alone_and_works_there() {
        let Some(network) = Network::new("ip link set lo up && echo ready >&2 && read -r _") else { return };
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = source.path().join("x");
        fs::write(&path, "x").unwrap();
        let mut command = caiman(&["send", "--json", "--path", "local", text(&path)]);
        let mut sending = network.enter(&command);
        let code = sending.event("code");
        let phrase = code["code"].as_str().unwrap();
        assert_eq!(
            (&code["servers"], &code["links"][0]),
            (&serde_json::json!([]), &format!("caiman:{phrase}").into())
        );
        command = caiman(&["receive", phrase, "--yes", "--path", "local", "--out"]);
        command.arg(target.path());
        network.enter(&command).end().exits(0);
        sending.end().exits(0);
        assert_eq!(fs::read_to_string(target.path().join("x")).unwrap(), "x");
    }

    /// Receives under this code as soon as its sender is back in the room.
    fn receive_again(site: &Site, code: &str) -> Ended {
        again(|| site.receive_command(&[code, "--yes", "--json"]))
    }

    fn again(command: impl Fn() -> Command) -> Ended {
        loop {
            let received = run(command());
            let is_early = received.code == Some(3)
                && received.event("error")["message"].as_str().unwrap().starts_with("nobody is sending");
            if !is_early {
                return received;
            }
        }
    }

    #[test]
    fn a_receiver_that_dies_at_the_question_leaves_the_code_to_the_next() {
        for patience in ["0", "600"] {
            let site = Site::new();
            let path = site.plant("x", "x");
            let fixed = ["send", "--json", "--patience", patience, "--server", &site.server];
            let command = caiman(&[&fixed[..], &[text(&path)]].concat());
            let Asked { mut sending, receiver, code, mut terminal, .. } = ask(&site, command);
            kill_process(receiver, Signal::KILL).unwrap();
            terminal.wait();
            sending.event("unanswered");
            receive_again(&site, &code).exits(0);
            sending.end().exits(0);
            assert_eq!(fs::read_to_string(site.to("x")).unwrap(), "x");
        }
    }

    #[cfg(feature = "internet")]
    #[tokio::test(flavor = "multi_thread")]
    async fn over_the_internet_another_receiver_follows_as_well() {
        let iroh = crate::support::iroh::TestIrohRelay::start().await;
        let relay = iroh.relay().to_string();
        let sent = tokio::task::spawn_blocking(move || {
            let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let path = source.path().join("x");
            fs::write(&path, "x").unwrap();
            let ways = ["--server", "none", "--internet", &relay];
            let receive = |args: &[&str]| {
                let mut command = caiman(&[&["receive"], &ways[..], args, &["--out"]].concat());
                command.arg(target.path());
                command
            };
            let mut sending =
                Running::start(caiman(&[&["send", "--json"], &ways[..], &[text(&path)]].concat()));
            sending.event_where("online", |event| event["state"] == "reachable");
            let Asked { mut sending, receiver, code, mut terminal, .. } =
                ask_with(sending, |code| receive(&[code]));
            kill_process(receiver, Signal::KILL).unwrap();
            terminal.wait();
            sending.event("unanswered");
            again(|| receive(&[&code, "--yes", "--json"])).exits(0);
            sending.end().exits(0);
            fs::read_to_string(target.path().join("x")).unwrap()
        });
        assert_eq!(sent.await.unwrap(), "x");
    }

    #[test]
    fn wrong_codes_count_over_all_receivers_that_are_lost() {
        let site = Site::with_relay(&["--data-ports", "none", "--joins-per-minute", "1000"]);
        let path = site.plant("x", "x");
        let command = site.send_command(&["--code", "blue-horse-7731-kitchen", text(&path)]);
        let Asked { mut sending, receiver, code, mut terminal, .. } = ask(&site, command);
        kill_process(receiver, Signal::KILL).unwrap();
        terminal.wait();
        for left in [2, 1, 0] {
            let message = receive_again(&site, "blue-horse-1377-kitchen");
            assert!(
                message.exits(3).event("error")["message"].as_str().unwrap().starts_with("the code is wrong")
            );
            sending.event_where("wrong_try", |event| event["tries_left"] == left);
        }
        sending.event("retired");
        let message = receive_again(&site, &code);
        assert!(message.exits(3).event("error")["message"].as_str().unwrap().contains("retired"));
    }
}
