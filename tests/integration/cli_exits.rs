//! How the real program ends when something goes wrong: one exit code for each case that a script would handle differently, and
//! the other side is told.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::support::{
    engine::BLOCK,
    noise,
    process::{Site, caiman, has_window, run, text},
};

/// How long a side may take to notice that the other side is gone.
const NOTICED: Duration = Duration::from_secs(15);

#[test]
fn invalid_arguments_exit_with_2() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = text(file.path());
    for args in [
        &["send"][..],
        &["send", "--text", "x", file],
        &["send", "-", file],
        &["send", "--words", "3", file],
        &["send", "--lanes", "0", file],
        &["send", "--rate", "fast", file],
        &["receive", "--overwrite", "--skip"],
        &["receive", "--stdout", "--out", "."],
        &["receive", "acid-coyote-mustard-tulip"],
        &["receive", "acid-coyote-mustard-tulip", "--server", "not a host"],
        &["relay", "--data-ports", "many"],
        &["fly"],
    ] {
        let ended = run(caiman(args));
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.errors);
        assert!(ended.output.is_empty() && !ended.errors.is_empty(), "{args:?}");
    }
}

/// On other systems there is always a screen, and a window would open.
#[cfg(any(target_os = "linux", not(feature = "gui")))]
#[test]
fn without_arguments_it_is_said_why_there_is_no_window() {
    let mut command = caiman(&[] as &[&str]);
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    let ended = run(command);
    let (code, words) = if has_window() { (1, "no screen") } else { (2, "built without its window") };
    assert!(ended.exits(code).errors.contains(words), "{}", ended.errors);
}

#[test]
fn a_slip_in_the_code_offers_the_repaired_code_and_exits_with_3() {
    let ended = run(caiman(&["receive", "acid-coyote-mustrad-tulip", "--server", "127.0.0.1:9"]));
    assert!(ended.exits(3).errors.contains("did you mean acid-coyote-mustard-tulip?"), "{}", ended.errors);
    assert!(ended.output.is_empty());
    let ended = run(caiman(&["receive", "nonsense", "--server", "127.0.0.1:9"]));
    ended.exits(3);
}

#[test]
fn a_code_that_nobody_waits_under_exits_with_3() {
    let site = Site::new();
    let ended = site.receive(&["acid-coyote-mustard-tulip", "--yes"]).end();
    assert!(ended.exits(3).errors.contains("nobody is sending with this code"), "{}", ended.errors);
}

#[test]
fn three_wrong_codes_exit_with_3_and_so_does_the_right_one_after_them() {
    let site = Site::with_relay(&["--data-ports", "none", "--joins-per-minute", "1000"]);
    let path = site.plant("x", "x");
    let mut sending = site.send(&["--code", "blue-horse-7731-kitchen", text(&path)]);
    sending.code();
    // Between two tries the sender goes back into its room. A receiver that comes at that moment finds no sender.
    let try_code = |code: &str| loop {
        let ended = site.receive(&[code, "--yes", "--json"]).end();
        let message = ended.exits(3).event("error")["message"].as_str().unwrap().to_owned();
        if !message.contains("nobody is sending") {
            return message;
        }
    };
    for left in [2, 1, 0] {
        assert!(try_code("blue-horse-1377-kitchen").starts_with("the code is wrong"));
        sending.event_where("wrong_try", |event| event["tries_left"] == left);
    }
    sending.event("retired");
    assert!(try_code("blue-horse-7731-kitchen").contains("retired"));
    assert!(site.has_only_staging());
}

#[test]
fn a_taken_code_exits_with_3() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let args = ["--code", "blue-horse-7731-kitchen", text(&path)];
    let mut first = site.send(&args);
    first.code();
    let second = site.send(&args).end();
    assert_eq!(second.exits(3).event("error")["kind"], "code");
}

#[test]
fn a_side_whose_peer_is_killed_exits_with_4_and_nothing_has_its_real_name() {
    for kills_sender in [true, false] {
        let site = Site::new();
        let (mut sending, mut receiving) = site.crawl();
        let killed = Instant::now();
        let survivor = if kills_sender {
            sending.kill();
            receiving
        } else {
            receiving.kill();
            sending
        };
        let ended = survivor.end();
        assert!(killed.elapsed() < NOTICED, "took {:?}", killed.elapsed());
        assert!(ended.exits(4).event("error")["message"].as_str().unwrap().contains("lost"));
        assert!(site.has_only_staging());
    }
}

#[test]
fn a_relay_that_cannot_be_reached_exits_with_5() {
    // The port is bound but nothing listens: no other program gets it, and nothing answers.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    closed.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let server = closed.local_addr().unwrap().as_socket().unwrap().to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    run(caiman(&["send", "--server", &server, text(file.path())])).exits(5);
    run(caiman(&["receive", "acid-coyote-mustard-tulip", "--yes", "--server", &server])).exits(5);
}

#[test]
fn what_is_no_relay_exits_with_5() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let answering = std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        stream
    });
    let ended = run(caiman(&["receive", "acid-coyote-mustard-tulip", "--yes", "--server", &server]));
    assert!(ended.exits(5).errors.contains("not a Caiman relay"), "{}", ended.errors);
    answering.join().unwrap();
}

#[test]
fn a_relay_on_a_port_that_is_taken_exits_with_5() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    run(caiman(&["relay", "--host", "127.0.0.1", "--port", &port, "--data-ports", "none"])).exits(5);
}

#[test]
fn a_relay_that_is_killed_while_the_sender_waits_exits_with_5() {
    let mut site = Site::new();
    let path = site.plant("x", "x");
    let mut sending = site.send(&[path]);
    sending.code();
    site.relay.kill();
    sending.end().exits(5);
}

/// A dead relay and a dead peer look the same at first: every connection closes. Asking the relay tells them apart.
#[test]
fn a_relay_that_is_killed_while_bytes_move_ends_both_sides() {
    let mut site = Site::new();
    let (sending, receiving) = site.crawl();
    site.relay.kill();
    let killed = Instant::now();
    for side in [sending, receiving] {
        let ended = side.end();
        let message = ended.exits(5).event("error")["message"].as_str().unwrap().to_owned();
        assert!(message.contains("refuses connections"), "{message}");
    }
    assert!(killed.elapsed() < NOTICED, "took {:?}", killed.elapsed());
    assert!(site.has_only_staging());
}

#[test]
fn files_that_cannot_be_used_exit_with_6() {
    let site = Site::new();
    let file = site.plant("file", "x");
    let missing = site.source.path().join("missing");
    let ended = run(caiman(&["send", "--server", &site.server, text(&missing)]));
    assert!(ended.exits(6).errors.contains("missing"), "{}", ended.errors);
    for out in [&file, &missing] {
        let args =
            ["receive", "acid-coyote-mustard-tulip", "--yes", "--server", &site.server, "--out", text(out)];
        let ended = run(caiman(&args));
        assert!(ended.exits(6).errors.contains(text(out)), "{}", ended.errors);
    }
}

#[test]
fn files_that_went_missing_exit_with_7_on_both_sides() {
    let site = Site::new();
    // One block a second over one lane: the last file is read long after the first block was stored.
    site.plant("top/1 large", noise(1, 10 * BLOCK));
    let gone = site.plant("top/2 gone", noise(2, BLOCK));
    let top = site.source.path().join("top");
    let mut sending = site.send(&["--rate", "256KiB", "--lanes", "1", text(&top)]);
    let code = sending.code();
    let mut receiving = site.receive(&[&code, "--yes", "--json"]);
    receiving.moving();
    fs::remove_file(gone).unwrap();
    for side in [sending, receiving] {
        let ended = side.end();
        assert!(ended.exits(7).event("withdrawn")["path"].as_str().unwrap().ends_with("2 gone"));
        assert_eq!(ended.event("done")["missing"], 1);
    }
    assert_eq!(crate::support::engine::names_in(&site.to("top")), ["1 large"]);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_sent_exits_with_7_for_the_sender() {
    let site = Site::new();
    site.plant("top/x", "x");
    std::os::unix::fs::symlink("/etc/passwd", site.source.path().join("top/out")).unwrap();
    let mut sending = site.send(&[site.source.path().join("top")]);
    let code = sending.code();
    site.receive(&[&code, "--yes"]).end().exits(0);
    assert!(sending.end().exits(7).event("left_out")["path"].as_str().unwrap().ends_with("out"));
    assert_eq!(crate::support::engine::names_in(&site.to("top")), ["x"]);
}

#[test]
fn more_than_one_file_does_not_fit_standard_output() {
    let site = Site::new();
    site.plant("top/x", "x");
    let mut sending = site.send(&[site.source.path().join("top")]);
    let code = sending.code();
    let received = run(caiman(&["receive", &code, "--server", &site.server, "--stdout"]));
    assert!(received.exits(1).output.is_empty());
    sending.end().exits(4);
}

/// On Windows the signal would be Ctrl-C, which can't be sent to one process alone. `engine::Command::Cancel`, which both lead
/// to, is tested in `cancel.rs`.
#[cfg(unix)]
mod signals {
    use rustix::process::Signal;

    use super::*;
    use crate::support::process::Running;

    #[test]
    fn an_interrupt_exits_with_130_and_tells_the_other_side() {
        for interrupts_sender in [true, false] {
            let site = Site::new();
            let (sending, receiving) = site.crawl();
            let (here, there) = if interrupts_sender { (sending, receiving) } else { (receiving, sending) };
            here.signal(Signal::INT);
            here.end().exits(130);
            let told = there.end().exits(4).event("error")["message"].as_str().unwrap().to_owned();
            // The other side may come back.
            assert!(told.contains("its program was closed"), "{told}");
            assert_eq!(crate::support::engine::names_in(site.target.path()).len(), 1, "what arrived is kept");
        }
    }

    #[test]
    fn an_interrupt_while_a_pipe_gives_nothing_ends_the_sender() {
        let site = Site::new();
        let (mut sending, input) = Running::start_asking(site.send_command(&["-"]));
        let code = sending.code();
        let mut receiving = site.receive(&[&code, "--yes", "--json"]);
        receiving.event("accepted");
        sending.event("accepted");
        sending.signal(Signal::INT);
        sending.end().exits(130);
        receiving.end().exits(4);
        drop(input);
    }

    /// Before the handler is installed, an interrupt ends the program without its own exit code, so the test waits for the
    /// handler.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_interrupt_at_the_question_for_the_code_exits_with_130() {
        let site = Site::new();
        let (receiving, input) = Running::start_asking(site.receive_command(&["--yes"]));
        receiving.listens_for_signals();
        receiving.signal(Signal::INT);
        receiving.end().exits(130);
        drop(input);
    }

    #[test]
    fn a_relay_that_is_terminated_lets_a_transfer_finish_and_exits_with_0() {
        let site = Site::new();
        let path = site.plant("x", noise(1, 8 * BLOCK));
        let mut sending = site.send(&["--rate", "512KiB", text(&path)]);
        let code = sending.code();
        let mut receiving = site.receive(&[&code, "--yes", "--json"]);
        receiving.moving();
        site.relay.signal(Signal::TERM);
        let Site { mut relay, source: _source, target, .. } = site;
        relay.says("that it stops", |line| line.starts_with("Stopping").then_some(()));
        receiving.end().exits(0);
        sending.end().exits(0);
        relay.end().exits(0);
        assert_eq!(fs::read(target.path().join("x")).unwrap(), noise(1, 8 * BLOCK));
    }

    #[test]
    fn an_idle_relay_that_is_terminated_exits_with_0() {
        let site = Site::new();
        site.relay.signal(Signal::TERM);
        let Site { relay, .. } = site;
        relay.end().exits(0);
    }
}

/// A full disk needs a file system of its own: a small one in memory, which only the receiver's process sees and which vanishes
/// with that process.
#[cfg(target_os = "linux")]
mod full_disk {
    use std::process::Command;

    use super::*;
    use crate::support::process::{Running, clean};

    const MOUNT: &str = r#"mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@""#;

    /// A receiver with this much room; `None` if the user who runs the tests may not mount anything.
    fn receive_into(room: &str, site: &Site, code: &str) -> Option<Running> {
        let mut probe = Command::new("unshare");
        probe.args(["-m", "sh", "-c", MOUNT, "sh", "1m"]).arg(site.target.path()).arg("true");
        if !probe.status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: mounting a file system takes an administrator");
            return None;
        }
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", MOUNT, "sh", room]).arg(site.target.path());
        let inner = site.receive_command(&[code, "--yes", "--json"]);
        command.arg(inner.get_program()).args(inner.get_args());
        clean(&mut command);
        Some(Running::start(command))
    }

    #[test]
    fn an_offer_that_does_not_fit_exits_with_6_before_anything_moves() {
        let site = Site::new();
        let path = site.plant("large", noise(1, 9 * BLOCK));
        let mut sending = site.send(&[path]);
        let code = sending.code();
        let Some(receiving) = receive_into("2m", &site, &code) else { return };
        let received = receiving.end();
        assert_eq!(
            received.exits(6).event("error")["message"],
            "not enough space: 2.2 MiB needed, 2.0 MiB free"
        );
        let sent = sending.end();
        assert!(sent.exits(4).event("error")["message"].as_str().unwrap().contains("disk is full"));
    }
}
