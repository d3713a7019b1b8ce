//! The real program: what it prints, where it prints it, and what arrives.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
};

use crate::support::{
    engine::{BLOCK, CRAWL_BLOCKS, names_in},
    noise,
    process::{Running, Site, caiman, clean, feed, json_lines, run, text},
};

#[test]
fn a_folder_goes_from_one_process_to_another() {
    // It has data ports of its own, like a real relay.
    let site = Site::with_relay(&["--data-ports", "0,0"]);
    site.plant("top/large", noise(1, 6 * BLOCK + 1));
    site.plant("top/sub/small", "small");
    let mut sending = site.send(&[site.source.path().join("top")]);
    let code = sending.code();
    let received = site.receive(&[code.as_str(), "--yes"]).end();
    received.exits(0);
    assert!(received.output.is_empty(), "standard output is for data");
    assert!(received.errors.contains("2 files, 1.5 MiB"), "{}", received.errors);
    assert!(received.errors.contains("Done: 4 entries"), "{}", received.errors);
    let sent = sending.end();
    sent.exits(0);
    let done = sent.event("done");
    assert_eq!((&done["stored"], &done["missing"]), (&4.into(), &0.into()));
    assert_eq!(done["bytes"], 6 * BLOCK + 6);
    assert_eq!(fs::read(site.to("top/large")).unwrap(), noise(1, 6 * BLOCK + 1));
    assert_eq!(fs::read_to_string(site.to("top/sub/small")).unwrap(), "small");
    assert_eq!(names_in(site.target.path()), ["top"]);
}

#[test]
fn people_read_the_code_on_standard_error_and_nothing_on_standard_output() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let mut sending = Running::start(caiman(&["send", "--server", &site.server, text(&path)]));
    let code = sending.says("the code", |line| line.strip_prefix("Code:  ").map(str::to_owned));
    let typed =
        sending.says("what to type", |line| line.contains("caiman receive").then(|| line.trim().to_owned()));
    assert_eq!(typed, format!("caiman receive {code} --server {}", site.server));
    let link =
        sending.says("the link", |line| line.trim().starts_with("caiman:").then(|| line.trim().to_owned()));
    // The link also names the relay.
    let mut command = caiman(&["receive", &link, "--yes", "--out"]);
    command.arg(site.target.path());
    run(command).exits(0);
    let sent = sending.end();
    sent.exits(0);
    assert!(sent.output.is_empty());
    assert_eq!(fs::read_to_string(site.to("x")).unwrap(), "x");
}

#[test]
fn scripts_read_json_lines_and_nothing_else() {
    let site = Site::new();
    let path = site.plant("x", noise(2, 3 * BLOCK));
    let mut sending = site.send(&[path]);
    let code = sending.code();
    let received = site.receive(&[code.as_str(), "--yes", "--json"]).end();
    for ended in [received.exits(0), sending.end().exits(0)] {
        let names: Vec<_> =
            ended.events().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names.last().unwrap(), "done");
        assert!(names.iter().any(|name| name == "phase"), "{names:?}");
        assert!(
            names.iter().all(|name| name != "connection"),
            "the other side's leaving is no loss: {names:?}"
        );
        assert!(ended.errors.is_empty(), "{}", ended.errors);
    }
    let offer = received.event("offer");
    assert_eq!(
        (&offer["files"], &offer["conflicts"], &offer["kind"]),
        (&1.into(), &0.into(), &"files".into())
    );
}

#[test]
fn what_is_here_already_is_said_and_not_sent() {
    let site = Site::new();
    site.plant("top/large", noise(3, 3 * BLOCK));
    site.plant("top/small", "small");
    let transfer = |args: &[&str]| {
        let mut sending = site.send(&[site.source.path().join("top")]);
        let code = sending.code();
        let received = site.receive(&[&[code.as_str(), "--yes"], args].concat()).end();
        received.exits(0);
        (sending.end().exits(0).event("done"), received)
    };
    transfer(&[]);
    fs::write(site.to("top/small"), "Small").unwrap();
    let (sent, received) = transfer(&["--json", "--overwrite", "--merge"]);
    let (offer, done) = (received.event("offer"), received.event("done"));
    assert_eq!((&offer["here"], &offer["conflicts"], &offer["files"]), (&1.into(), &1.into(), &2.into()));
    assert_eq!(offer["here_bytes"], 3 * BLOCK);
    for done in [&sent, &done] {
        assert_eq!((&done["here"], &done["bytes"]), (&1.into(), &5.into()));
    }
    assert_eq!(fs::read_to_string(site.to("top/small")).unwrap(), "small");

    let (sent, received) = transfer(&[]);
    assert_eq!((&sent["here"], &sent["bytes"], &sent["missing"]), (&2.into(), &0.into(), &0.into()));
    for told in [
        "top/large  768.0 KiB, already here",
        "2 files, 768.0 KiB, are here already and are not sent again.",
        "Nothing has to move.",
        "2 files, 768.0 KiB, were here already.",
    ] {
        assert!(received.errors.contains(told), "{told} is not in {}", received.errors);
    }
    assert_eq!(names_in(&site.to("top")), ["large", "small"]);
    let (sent, _) = transfer(&["--no-resume"]);
    assert_eq!((&sent["here"], &sent["bytes"]), (&0.into(), &(3 * BLOCK + 5).into()));
    assert_eq!(names_in(&site.to("top")), ["large", "small"]);
    assert_eq!(names_in(site.target.path()), ["top", "top (2)"]);
}

#[test]
fn without_a_server_the_sender_is_its_own_relay() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let mut sending = Running::start(caiman(&["send", "--json", text(&path)]));
    let code = sending.event("code");
    assert_eq!(code["hosted"], true);
    let server = code["servers"][0].as_str().unwrap();
    let port = server.rsplit(':').next().unwrap();
    let mut command = caiman(&["receive", code["code"].as_str().unwrap(), "--yes", "--server"]);
    command.arg(format!("127.0.0.1:{port}")).arg("--out").arg(site.target.path());
    run(command).exits(0);
    sending.end().exits(0);
    assert_eq!(fs::read_to_string(site.to("x")).unwrap(), "x");
}

#[test]
fn without_a_server_both_sides_use_the_first_relay_of_the_settings_and_its_password() {
    let site = Site::with_relay(&["--data-ports", "none", "--password", "lagoon"]);
    let path = site.plant("x", "x");
    let settings = tempfile::tempdir().unwrap();
    let relay = |address: &str, password: &str| {
        format!("[[relay]]\naddress = \"{address}\"\npassword = \"{password}\"\n")
    };
    let relays = relay(&site.server, "lagoon") + &relay("127.0.0.1:9", "other");
    fs::write(settings.path().join("settings.toml"), relays).unwrap();
    let with_settings = |args: &[&str]| {
        let mut command = caiman(args);
        command.env("CAIMAN_CONFIG_DIR", settings.path());
        command
    };
    for invited in [false, true] {
        let mut sending = Running::start(with_settings(&["send", "--json", text(&path)]));
        let event = sending.event("code");
        assert_eq!((&event["hosted"], &event["servers"][0]), (&false.into(), &site.server.clone().into()));
        let code = if invited { &event["links"][0] } else { &event["code"] };
        let mut command =
            with_settings(&["receive", code.as_str().unwrap(), "--yes", "--overwrite", "--out"]);
        command.arg(site.target.path());
        let received = run(command);
        received.exits(0);
        sending.end().exits(0);
    }
    // What is given on the command line takes precedence.
    let server = ["--server", &site.server, "--password", "wrong"];
    run(with_settings(&[&["send", text(&path)], &server[..]].concat())).exits(5);
    let mut sending = Running::start(with_settings(&["send", "--json", "--server", "none", text(&path)]));
    assert_eq!(sending.event("code")["hosted"], true);
    run(with_settings(&["receive", "acid-coyote-mustard-tulip", "--server", "none"])).exits(2);
}

#[test]
fn broken_settings_are_said_left_alone_and_stop_nothing() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let settings = tempfile::tempdir().unwrap();
    let file = settings.path().join("settings.toml");
    for broken in ["lanes = \n", "lanes = 99\n"] {
        fs::write(&file, broken).unwrap();
        let mut sending = Running::start({
            let mut command = site.send_command(&[&path]);
            command.env("CAIMAN_CONFIG_DIR", settings.path());
            command
        });
        let warning = sending.event("warning")["message"].as_str().unwrap().to_owned();
        assert!(warning.contains(text(&file)), "{warning}");
        let code = sending.code();
        let mut command = site.receive_command(&[&code, "--yes", "--overwrite"]);
        command.env("CAIMAN_CONFIG_DIR", settings.path());
        let received = run(command);
        assert!(received.exits(0).errors.contains(text(&file)), "{}", received.errors);
        sending.end().exits(0);
        assert_eq!(fs::read_to_string(&file).unwrap(), broken);
    }
    assert_eq!(names_in(settings.path()), ["settings.toml"]);
}

#[test]
fn a_code_comes_from_the_environment_or_from_standard_input() {
    let site = Site::new();
    let path = site.plant("x", "x");
    for from_input in [false, true] {
        let mut sending = Running::start({
            let mut command = site.send_command(&[&path]);
            command.env("CAIMAN_CODE", "blue-horse-7731-kitchen");
            command
        });
        assert_eq!(sending.code(), "blue-horse-7731-kitchen");
        let mut command = site.receive_command(&["--yes", "--overwrite"]);
        if from_input {
            let (receiving, input) = Running::start_asking(command);
            feed(input, b" Blue Horse 7731 kitchen\n");
            receiving.end().exits(0);
        } else {
            command.env("CAIMAN_CODE", "blue-horse-7731-kitchen");
            run(command).exits(0);
        }
        sending.end().exits(0);
    }
    assert_eq!(names_in(site.target.path()), ["x"]);
}

#[test]
fn standard_input_arrives_on_standard_output_byte_for_byte() {
    let site = Site::new();
    let bytes = noise(3, 5 * BLOCK + 12);
    let (mut sending, input) = Running::start_asking(site.send_command(&["-"]));
    let code = sending.code();
    let fed = bytes.clone();
    let feeding = thread::spawn(move || feed(input, &fed));
    let received = run(caiman(&["receive", &code, "--server", &site.server, "--stdout", "--json"]));
    feeding.join().unwrap();
    received.exits(0);
    sending.end().exits(0);
    assert!(received.output == bytes, "{} of {} bytes", received.output.len(), bytes.len());
    // The lines for the script go to standard error, away from the data.
    let events = json_lines(&received.errors);
    assert_eq!(events.last().unwrap()["event"], "done");
    assert_eq!(events.last().unwrap()["bytes"], bytes.len());
}

/// Needs `tar`, which every system that runs this test has. Another test checks the bytes alone.
#[test]
fn a_tar_goes_through_the_pipe() {
    if Command::new("tar").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no tar here");
        return;
    }
    let site = Site::new();
    site.plant("project/a", "first");
    site.plant("project/sub/b", noise(4, 2 * BLOCK));
    let mut pack = Command::new("tar");
    pack.arg("-c").arg("-C").arg(site.source.path()).arg("project").stdout(Stdio::piped());
    let mut pack = pack.spawn().unwrap();
    let mut command = site.send_command(&["-", "--file-name", "project.tar"]);
    command.stdin(pack.stdout.take().unwrap());
    let mut sending = Running::start(command);
    let code = sending.code();
    let mut receiving = caiman(&["receive", &code, "--server", &site.server, "--stdout"]);
    let mut receiving = receiving.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut unpack = Command::new("tar");
    unpack.arg("-x").arg("-C").arg(site.target.path()).stdin(receiving.stdout.take().unwrap());
    let unpacked = run(unpack);
    assert!(receiving.wait().unwrap().success());
    unpacked.exits(0);
    sending.end().exits(0);
    assert!(pack.wait().unwrap().success());
    assert_eq!(fs::read_to_string(site.to("project/a")).unwrap(), "first");
    assert_eq!(fs::read(site.to("project/sub/b")).unwrap(), noise(4, 2 * BLOCK));
}

#[test]
fn a_text_is_printed_and_nothing_is_saved() {
    let site = Site::new();
    let mut sending = site.send(&["--text", "the door code is 4711\n"]);
    let code = sending.code();
    let received = site.receive(&[&code, "--yes"]).end();
    assert_eq!(received.exits(0).output, b"the door code is 4711\n");
    sending.end().exits(0);

    let mut sending = site.send(&["--text", "line\u{1b}"]);
    let code = sending.code();
    let received = site.receive(&[code.as_str(), "--yes", "--json"]).end();
    assert_eq!(received.exits(0).event("text")["text"], "line\u{1b}");
    sending.end().exits(0);
    assert!(names_in(site.target.path()).is_empty());
}

#[test]
fn names_that_are_taken_are_dealt_with_as_asked() {
    let site = Site::new();
    let path = site.plant("x.txt", "theirs");
    for (args, names, text) in [
        (&["--skip"][..], &["x.txt"][..], "ours"),
        (&[][..], &["x (2).txt", "x.txt"][..], "ours"),
        (&["--rename"][..], &["x (2).txt", "x (3).txt", "x.txt"][..], "ours"),
        (&["--overwrite"][..], &["x (2).txt", "x (3).txt", "x.txt"][..], "theirs"),
    ] {
        if !site.to("x.txt").exists() {
            fs::write(site.to("x.txt"), "ours").unwrap();
        }
        let mut sending = site.send(&[&path]);
        let code = sending.code();
        let received = site.receive(&[&[code.as_str(), "--yes"], args].concat()).end();
        received.exits(0);
        assert!(received.errors.contains("1 name is already there"), "{}", received.errors);
        sending.end().exits(0);
        assert_eq!(names_in(site.target.path()), names, "{args:?}");
        assert_eq!(fs::read_to_string(site.to("x.txt")).unwrap(), text, "{args:?}");
    }
}

/// Thirty pictures, and behind them what programs in a home folder would take for the user's own.
#[test]
fn hidden_names_reach_the_home_folder_only_with_a_word_of_their_own() {
    let site = Site::new();
    for number in 10..40 {
        site.plant(&format!("{number}.jpg"), "picture");
    }
    site.plant(".ssh/authorized_keys", "theirs");
    site.plant(".zshenv", "theirs");
    let paths: Vec<_> =
        fs::read_dir(site.source.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    fs::create_dir(site.to(".ssh")).unwrap();
    fs::write(site.to(".ssh/known_hosts"), "ours").unwrap();
    fs::create_dir(site.to("sub")).unwrap();
    // A folder is the home folder by whatever path.
    let above = site.to("sub/..");
    for (args, out, code) in [
        (&["--merge"][..], site.target.path(), 7),
        (&["--merge", "--exclude", ".ssh", "--exclude", ".zshenv"], &above, 0),
        (&["--merge", "--allow-hidden", "--skip"], site.target.path(), 0),
    ] {
        let mut sending = site.send(&paths);
        let sent_code = sending.code();
        let args = [&["receive", "--server", &site.server, &sent_code, "--yes"], args].concat();
        let mut command = caiman(&args);
        command.arg("--out").arg(out);
        command.env("HOME", site.target.path()).env("USERPROFILE", site.target.path());
        let received = run(command);
        received.exits(code);
        sending.end().exits(0);
        assert_eq!(received.errors.contains("Left out: .ssh, .zshenv."), code == 7, "{}", received.errors);
        let has_come = args.contains(&"--allow-hidden");
        assert_eq!(site.to(".ssh/authorized_keys").exists(), has_come);
        assert_eq!(site.to(".zshenv").exists(), has_come);
        let merges = received.errors.contains("1 folder is already there (.ssh): merged");
        assert_eq!(merges, has_come, "{}", received.errors);
        assert!(site.to("39.jpg").exists() && received.errors.contains("  39.jpg  7 bytes"));
        let shown = |name: &str| received.errors.find(&format!("  {name}")).unwrap();
        assert!(shown(".ssh/") < shown("11.jpg") && shown(".zshenv") < shown("11.jpg"));
    }
    assert_eq!(fs::read_to_string(site.to(".ssh/known_hosts")).unwrap(), "ours");
}

/// Without a terminal nobody is asked, and --yes alone merges nothing.
#[test]
fn a_folder_that_is_there_is_merged_only_if_that_is_asked_for() {
    let site = Site::new();
    site.plant("top/new", "theirs");
    fs::create_dir(site.to("top")).unwrap();
    for (args, told, names) in [
        (&[][..], "1 folder is already there (top): kept", &["top", "top (2)"][..]),
        (&["--skip"], "1 folder is already there (top): left out", &["top", "top (2)"]),
        (&["--merge"], "1 folder is already there (top): merged", &["top", "top (2)"]),
    ] {
        let mut sending = site.send(&[site.source.path().join("top")]);
        let code = sending.code();
        let received = site.receive(&[&[code.as_str(), "--yes"], args].concat()).end();
        received.exits(0);
        sending.end().exits(0);
        assert!(received.errors.contains(told), "{}", received.errors);
        assert_eq!(names_in(site.target.path()), names);
        assert_eq!(site.to("top/new").exists(), args == ["--merge"]);
    }
}

#[test]
fn what_is_excluded_does_not_come() {
    let site = Site::new();
    for name in ["top/keep", "top/drop/a", "top/drop/b/c", "top/dropped", "top/drop.txt"] {
        site.plant(name, name);
    }
    let mut sending = site.send(&[site.source.path().join("top")]);
    let code = sending.code();
    site.receive(&[&code, "--yes", "--exclude", "top/drop/", "--exclude", "top/drop.txt"]).end().exits(0);
    let sent = sending.end();
    assert_eq!(sent.exits(0).event("accepted")["files"], 2);
    assert_eq!(names_in(&site.to("top")), ["dropped", "keep"]);
}

#[cfg(unix)]
#[test]
fn a_name_cannot_steer_the_terminal() {
    let site = Site::new();
    site.plant("top/a\u{1b}[2J\u{202e}b\nDone: 1 entry", "x");
    let mut command = caiman(&["send", "--server", &site.server]);
    command.arg(site.source.path().join("top"));
    let mut sending = Running::start(command);
    let code = sending.says("the code", |line| line.strip_prefix("Code:  ").map(str::to_owned));
    // A file that is in the way is also named in an error.
    fs::write(site.to("top"), "in the way").unwrap();
    let received = site.receive(&[&code, "--yes"]).end();
    for ended in [received.exits(0), sending.end().exits(0)] {
        let steers = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!ended.errors.contains(steers), "{:?}", ended.errors);
    }
    assert!(received.errors.contains("a\\u{1b}[2J\\u{202e}b\\nDone: 1 entry"), "{}", received.errors);
}

#[test]
fn help_lists_the_exit_codes() {
    let help = run(caiman(&["--help"]));
    let text = String::from_utf8(help.exits(0).output.clone()).unwrap();
    for line in ["Exit codes:", "0    everything arrived", "7    finished", "130  cancelled"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    for command in ["send", "receive", "relay"] {
        let help = run(caiman(&[command, "--help"]));
        assert!(!help.exits(0).output.is_empty());
    }
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = run(caiman(&["completions", shell]));
        let text = String::from_utf8(completions.exits(0).output.clone()).unwrap();
        assert!(text.contains("CAIMAN_COMPLETE") && text.contains("caiman"), "{shell}");
    }
}

#[test]
fn an_access_password_opens_the_relay() {
    let site = Site::with_relay(&["--data-ports", "none", "--password", "lagoon"]);
    let path = site.plant("x", "x");
    let refused = site.send(&[&path]).end();
    assert!(refused.exits(5).event("error")["advice"].as_str().unwrap().contains("--password"));
    let mut sending = Running::start({
        let mut command = site.send_command(&[&path]);
        clean(&mut command);
        command.env("CAIMAN_PASSWORD", "lagoon");
        command
    });
    let code = sending.code();
    site.receive(&[&code, "--yes", "--password", "lagoon"]).end().exits(0);
    sending.end().exits(0);
}

#[test]
fn an_interrupted_transfer_is_listed_and_can_be_discarded() {
    let site = Site::new();
    let (mut sending, mut receiving) = site.crawl();
    receiving.kill();
    sending.kill();
    let unfinished = |args: &[&str]| {
        let mut command = caiman(&[&["unfinished"], args].concat());
        command.env("CAIMAN_DATA_DIR", site.data.path());
        run(command)
    };
    let listed = unfinished(&["--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.exits(0).output).unwrap();
    assert_eq!((&listed["names"][0], &listed["bytes"]), (&"large".into(), &(CRAWL_BLOCKS * BLOCK).into()));
    assert!(listed["held"].as_u64().unwrap() >= BLOCK as u64, "{listed}");
    let id = listed["id"].as_str().unwrap();
    let said = unfinished(&[]);
    let line = String::from_utf8(said.exits(0).output.clone()).unwrap();
    assert!(line.starts_with(id) && line.contains("large") && line.contains("20.0 MiB"), "{line}");
    unfinished(&["--discard", "nothing"]).exits(2);
    unfinished(&["--discard", id]).exits(0);
    assert_eq!(std::fs::read_dir(site.target.path()).unwrap().count(), 0);
    assert!(unfinished(&[]).exits(0).errors.contains("No transfer was interrupted"));
}
