//! The real program as a beginner uses it: words with spaces, slips in commands and codes, nothing to send, folders of no use, and
//! what is said then.

use std::fs;

use crate::support::{
    engine::names_in,
    process::{Running, Site, caiman, has_window, run, text},
};

const CODE: &str = "acid-coyote-mustard-tulip";

/// How the words of a code stand after `receive`.
fn ways_to_write(code: &str) -> Vec<Vec<String>> {
    let words: Vec<String> = code.split('-').map(str::to_owned).collect();
    let sentence = format!("the code is {code} , see you");
    let mut split = words.clone();
    split.insert(2, "--yes".to_owned());
    vec![
        words.clone(),
        split,
        words.iter().map(|word| word.to_uppercase()).collect(),
        words.iter().map(|word| word[..3].to_owned()).collect(),
        sentence.split(' ').map(str::to_owned).collect(),
        format!("caiman receive {code}").split(' ').map(str::to_owned).collect(),
    ]
}

#[test]
fn a_code_may_be_typed_as_several_words_with_options_between() {
    let site = Site::new();
    let path = site.plant("x", "x");
    for words in ways_to_write(CODE) {
        let mut sending = site.send(&["--code", CODE, text(&path)]);
        sending.code();
        let mut command = site.receive_command(&words);
        command.args(["--overwrite"]);
        if !words.contains(&"--yes".to_owned()) {
            command.arg("--yes");
        }
        run(command).exits(0);
        sending.end().exits(0);
    }
    assert_eq!(names_in(site.target.path()), ["x"]);
}

/// What stands behind a code in a sentence is passed over; the files would have come into another folder.
#[test]
fn a_folder_behind_the_code_is_no_part_of_a_sentence() {
    let site = Site::new();
    let out = text(site.target.path());
    for words in [&[CODE][..], &["acid", "coyote", "mustard", "tulip"]] {
        let ended = run(caiman(&[&["receive", "--yes"], words, &[out]].concat()));
        let line = format!("caiman receive {} --out {out}", words.join(" "));
        assert!(ended.exits(2).errors.contains(&line), "{}", ended.errors);
    }
}

#[test]
fn a_mistyped_command_is_recognised_and_the_line_is_shown_as_it_should_be() {
    for (typed, line) in [
        (&["sned", "a b.txt"][..], "  caiman send 'a b.txt'"),
        (&["recieve", CODE], "  caiman receive acid-coyote-mustard-tulip"),
        (&["get", CODE, "--yes"], "  caiman receive acid-coyote-mustard-tulip --yes"),
        (&["share", "photo.jpg"], "  caiman send photo.jpg"),
        (&["rely"], "  caiman relay"),
    ] {
        let ended = run(caiman(typed));
        let said = &ended.exits(2).errors;
        assert!(
            said.contains(&format!("caiman: there is no command “{}”; did you mean ", typed[0])),
            "{said}"
        );
        assert!(said.lines().any(|said| said == line), "{said}");
        assert!(
            said.contains("The commands are send, receive, relay, unfinished, people and completions"),
            "{said}"
        );
    }
}

#[test]
fn what_is_near_to_no_command_is_told_with_the_commands() {
    let ended = run(caiman(&["fly"]));
    assert!(ended.exits(2).errors.contains("The commands are send, "), "{}", ended.errors);
}

#[test]
fn help_and_version_are_shown_however_they_are_asked_for() {
    for typed in [&["help"][..], &["--help"], &["-h"]] {
        assert!(!run(caiman(typed)).exits(0).output.is_empty(), "{typed:?}");
    }
    for typed in ["version", "--version", "-V"] {
        let ended = run(caiman(&[typed]));
        assert!(ended.exits(0).output.starts_with(b"caiman "), "{typed}");
    }
}

/// Without a window nothing takes a file or a code that stands alone; on a machine without a screen the window doesn't either.
#[cfg(any(target_os = "linux", not(feature = "gui")))]
#[test]
fn a_file_or_a_code_alone_leads_to_the_line_that_sends_or_receives() {
    let site = Site::new();
    let path = site.plant("sned", "x");
    let send = format!("  caiman send {}", text(&path));
    for (items, line) in [
        (vec![text(&path)], send.as_str()),
        (vec![CODE], "  caiman receive acid-coyote-mustard-tulip"),
        (vec!["acid", "coyote", "mustard", "tulip"], "  caiman receive acid-coyote-mustard-tulip"),
    ] {
        let mut command = caiman(&items);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        let ended = run(command);
        ended.exits(if has_window() { 1 } else { 2 });
        assert!(ended.errors.lines().any(|said| said == line), "{}", ended.errors);
    }
    // A file of this name is a file.
    let mut command = caiman(&["sned"]);
    command.current_dir(site.source.path()).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let ended = run(command);
    assert!(ended.errors.lines().any(|said| said == "  caiman send sned"), "{}", ended.errors);
}

#[test]
fn nothing_to_send_and_no_shell_are_said_with_an_example() {
    for (typed, advice) in [
        (&["send"][..], "caiman: name what to send: caiman send photo.jpg\n"),
        (&["send", "--receivers", "2"], "caiman: name what to send: caiman send photo.jpg\n"),
        (&["completions"], "caiman: name the shell: caiman completions bash\n"),
    ] {
        assert_eq!(run(caiman(typed)).exits(2).errors, advice, "{typed:?}");
    }
}

#[test]
fn a_web_address_is_told_from_a_code() {
    for words in [&["https://example.org/download/acid"][..], &["see", "www.example.org"]] {
        let ended = run(caiman(&[&["receive"], words].concat()));
        assert_eq!(ended.exits(3).errors, "caiman: that is a web address; a code is 4 words.\n");
    }
}

/// Only in sentences about single receivers of several does the name of the program stand nowhere.
#[test]
fn every_error_that_ends_the_program_begins_with_its_name() {
    let site = Site::new();
    let missing = site.to("missing");
    let port = site.server.rsplit(':').next().unwrap();
    for (code, typed) in [
        (2, &["send"][..]),
        (2, &["send", "--words", "3", "x"]),
        (2, &["send", "--wrods", "4", "x"]),
        (2, &["send", "--rate", "fast", "x"]),
        (2, &["send", "--rate"]),
        (2, &["send", "--path", "loacl", "x"]),
        (2, &["send", "--text", "x", "x"]),
        (2, &["send", "-", "x"]),
        (2, &["send", "--server", "192.168.1", "x"]),
        (6, &["send", text(&missing)]),
        (2, &["receive", "--overwrite", "--skip"]),
        (2, &["receive", CODE, "--server", "not a host"]),
        (3, &["receive", "nonsense"]),
        (3, &["receive", CODE, "--yes", "--server", &site.server]),
        (6, &["receive", CODE, "--yes", "--out", text(&missing)]),
        (5, &["relay", "--host", "127.0.0.1", "--port", port]),
        (2, &["relay", "--data-ports", "many"]),
        (2, &["unfinished", "--discard", "nothing"]),
        (2, &["completions", "tcsh"]),
        (2, &["fly"]),
    ] {
        let ended = run(caiman(typed));
        let said = &ended.exits(code).errors;
        assert!(said.starts_with("caiman: ") && !said.contains("error:"), "{typed:?}: {said}");
        let first = said.lines().next().unwrap();
        assert!(first.ends_with(['.', '?', ':', 'g']), "{first}");
    }
}

#[test]
fn the_help_for_what_was_typed_is_named() {
    let ended = run(caiman(&["send", "--recievers", "3", "x"]));
    assert_eq!(
        ended.exits(2).errors,
        "caiman: there is no option --recievers; did you mean --receivers?\ncaiman send --help lists what can be given.\n"
    );
    let ended = run(caiman(&["send", "--path", "loacl", "x"]));
    assert!(
        ended.exits(2).errors.contains("can't be “loacl”; it takes auto, local or relay."),
        "{}",
        ended.errors
    );
}

#[test]
fn a_sender_whose_offer_is_declined_hears_what_concerns_it() {
    let site = Site::new();
    site.plant("top/x", "x");
    let mut sending =
        Running::start(caiman(&["send", "--server", &site.server, text(&site.source.path().join("top"))]));
    let code = sending.says("the code", |line| line.strip_prefix("Code:  ").map(str::to_owned));
    // What fits no standard output is declined.
    run(caiman(&["receive", &code, "--server", &site.server, "--stdout"])).exits(1);
    let said = sending.end();
    assert!(!said.exits(4).errors.contains("real name"), "{}", said.errors);
}

#[test]
fn a_relay_says_once_where_it_listens() {
    let mut relay =
        Running::start(caiman(&["relay", "--host", "127.0.0.1", "--port", "0", "--data-ports", "none"]));
    relay.says("where it listens", |line| line.starts_with("Relay listening on ").then_some(()));
    assert!(!relay.said().contains("relay listens"), "{}", relay.said());
}

/// A break within a paragraph of the source would be one more break in the middle of a wrapped line.
#[test]
fn help_fits_terminals_of_80_and_100_columns_and_breaks_lines_only_there() {
    for columns in [80_usize, 100] {
        for command in [
            &["--help"][..],
            &["send", "--help"],
            &["receive", "--help"],
            &["relay", "--help"],
            &["-h"],
            &["send", "-h"],
            &["receive", "-h"],
        ] {
            let mut asked = caiman(command);
            asked.env("COLUMNS", columns.to_string());
            let ended = run(asked);
            let help = String::from_utf8(ended.exits(0).output.clone()).unwrap();
            let lines: Vec<&str> = help.lines().collect();
            for pair in lines.windows(2) {
                let long = pair[0].chars().count() <= columns;
                assert!(long, "{command:?} at {columns}: {}", pair[0]);
                // The first word of the next line would not have fitted.
                let next = pair[1].split_whitespace().next().unwrap_or_default();
                let is_prose = |line: &str| line.starts_with(|c: char| c.is_uppercase()) && line.len() > 60;
                if is_prose(pair[0]) && !next.is_empty() && !pair[0].ends_with(['.', ':']) {
                    assert!(
                        pair[0].chars().count() + 1 + next.chars().count() > columns - 1,
                        "{command:?} at {columns}: {}",
                        pair[0]
                    );
                }
            }
        }
    }
}

/// A folder of the system takes nothing from a user without rights; that is said at once and not after a search for the sender.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_in_which_the_user_may_not_write_is_named_before_a_sender_is_looked_for() {
    use std::process::Command;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only an administrator can become another user");
        return;
    }
    let inner = caiman(&["receive", CODE, "--yes", "--server", "127.0.0.1:9", "--out", "/etc"]);
    // The program may lie where only the administrator may look.
    let copied = tempfile::Builder::new().prefix("caiman-test-").tempdir_in("/tmp").unwrap();
    let program = copied.path().join("caiman");
    fs::copy(inner.get_program(), &program).unwrap();
    for path in [copied.path(), &program] {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&program)
        .args(inner.get_args());
    crate::support::process::clean(&mut command);
    let ended = run(command);
    assert!(ended.exits(6).errors.starts_with("caiman: can't use the folder /etc: "), "{}", ended.errors);
}

#[cfg(target_os = "linux")]
mod terminals {
    use std::io::Write;

    use super::*;
    use crate::support::{network::Network, process::on_terminal};

    /// A receiver on a terminal, into which these lines are typed as soon as it asks.
    fn type_in(site: &Site, args: &[&str], lines: &str) -> (i32, String) {
        let mut command = site.receive_command(&["--yes"]);
        command.args(args);
        let (mut terminal, mut input) = Running::start_asking(on_terminal(&command));
        terminal.outputs("its number", |line| line.trim().strip_prefix("pid=").map(str::to_owned));
        input.write_all(lines.as_bytes()).unwrap();
        let ended = terminal.wait();
        (ended.code.unwrap(), String::from_utf8_lossy(&ended.output).replace('\r', ""))
    }

    #[test]
    fn the_code_is_asked_for_again_after_an_empty_line_a_slip_and_what_is_no_code() {
        for (args, typed) in [
            (&[][..], "\nhello\nacid-coyote-mustrad-tulip\nn\nacid coyote mustard tulip\n"),
            (&[], "acid-coyote-mustrad-tulip\n\n"),
            (&["acid", "coyote", "mustrad", "tulip"], "y\n"),
        ] {
            let site = Site::new();
            let path = site.plant("x", "x");
            let mut sending = site.send(&["--code", CODE, text(&path)]);
            sending.code();
            let (code, said) = type_in(&site, args, typed);
            assert_eq!(code, 0, "{said}");
            assert!(said.contains("Did you mean acid-coyote-mustard-tulip? [Y/n]"), "{said}");
            if args.is_empty() && typed.starts_with('\n') {
                assert!(said.contains("Type the four words that the sender reads out."), "{said}");
                assert!(said.contains("A code has at least 4 words, and this has 1"), "{said}");
            }
            sending.end().exits(0);
        }
    }

    #[test]
    fn the_end_of_the_input_ends_the_question_and_five_lines_without_a_code_do_too() {
        let site = Site::new();
        let (code, _) = type_in(&site, &[], "\u{4}");
        assert_eq!(code, 130);
        let (code, said) = type_in(&site, &[], "\nhello\n\nhello\nhello\n");
        assert_eq!(code, 3, "{said}");
        assert_eq!(said.matches("Code: ").count(), 5, "{said}");
    }

    #[test]
    fn a_bar_shows_the_speed_at_which_bytes_move() {
        let site = Site::new();
        let path = site.plant("x", crate::support::noise(1, 8 * crate::support::engine::BLOCK));
        let mut sending = site.send(&["--rate", "512KiB", text(&path)]);
        let code = sending.code();
        let (terminal, _input) = Running::start_asking(on_terminal(&site.receive_command(&[&code, "--yes"])));
        let said = String::from_utf8_lossy(&terminal.end().output).into_owned();
        sending.end().exits(0);
        let rates: Vec<&str> = said.split("  ").filter(|part| part.ends_with("/s")).collect();
        assert!(rates.len() > 3, "{said:?}");
        assert!(!rates.iter().any(|rate| rate.contains("GiB") || rate.contains("TiB")), "{rates:?}");
        let last = rates.iter().rfind(|rate| **rate != "0 bytes/s").unwrap();
        let speed: f64 = last.split(' ').next().unwrap().parse().unwrap();
        assert!(last.ends_with("KiB/s") && (300.0..800.0).contains(&speed), "{rates:?}");
    }

    /// The line for another computer would name an address of this machine alone.
    #[test]
    fn on_a_machine_without_a_network_it_is_said_that_there_is_none() {
        let Some(network) = Network::new("ip link set lo up && echo ready >&2 && read -r _") else { return };
        let source = tempfile::tempdir().unwrap();
        let path = source.path().join("x");
        fs::write(&path, "x").unwrap();
        for ways in [&["--path", "local"][..], &["--path", "auto"], &["--path", "relay"]] {
            let command = caiman(&[&["send", text(&path)], ways].concat());
            let mut sending = network.enter(&command);
            sending.says("that there is no network", |line| {
                line.starts_with("This computer has no network").then_some(())
            });
            sending.says("that it waits", |line| line.starts_with("Waiting").then_some(()));
            assert!(!sending.said().contains("127.0.0.1"), "{}", sending.said());
            sending.kill();
        }
        let command = caiman(&["receive", CODE, "--yes", "--path", "local", "--out", text(source.path())]);
        let ended = network.enter(&command).end();
        assert!(ended.exits(3).errors.contains("This computer has no network"), "{}", ended.errors);
    }
}
