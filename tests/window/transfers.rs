//! Files go from window to command line, from command line to window, and from window to window.

use std::fs;

use crate::{
    bus::Bus,
    clipboard::Copied,
    display::Display,
    program::Program,
    support::{
        engine::{BLOCK, names_in},
        noise,
        process::{Site, caiman, run},
        tree::tree,
    },
    xdnd,
};

#[test]
fn a_file_that_another_program_drops_shows_a_code_and_arrives() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let path = site.plant("holiday.mov", noise(1, 3 * BLOCK + 7));
    window.drop_files(&[path]);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(fs::read(site.to("holiday.mov")).unwrap(), noise(1, 3 * BLOCK + 7));
    window.done();
}

#[test]
fn the_keyboard_alone_types_a_code_accepts_the_offer_and_has_the_file() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let mut sending = site.send(&[site.plant("letter.txt", noise(2, BLOCK + 1))]);
    window.type_code(&sending.code());
    window.accept();
    window.done();
    sending.end().exits(0);
    assert_eq!(names_in(&window.received()), ["letter.txt"]);
    assert_eq!(fs::read(window.received().join("letter.txt")).unwrap(), noise(2, BLOCK + 1));
}

#[test]
fn two_windows_pass_a_file_to_each_other() {
    let (display, site) = (Display::start(), Site::new());
    let (sender, receiver) = (Program::start(&display, &site.server), Program::start(&display, &site.server));
    let path = site.plant("between windows", noise(3, 2 * BLOCK));
    sender.activate();
    sender.drop_files(&[path]);
    let code = sender.code();
    receiver.activate();
    receiver.type_code(&code);
    receiver.accept();
    receiver.done();
    sender.done();
    assert_eq!(fs::read(receiver.received().join("between windows")).unwrap(), noise(3, 2 * BLOCK));
}

#[test]
fn a_transfer_shows_in_the_taskbar_as_long_as_it_moves() {
    let (display, site, bus) = (Display::start(), Site::new(), Bus::start());
    let taskbar = bus.taskbar();
    let window = Program::start_slowly_on(&display, &bus, &site.server);
    window.drop_files(&[site.plant("film.mov", noise(5, 8 * BLOCK))]);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert!((0.0..=1.0).contains(&taskbar.shows("arpa.home.Caiman", true)));
    taskbar.shows("arpa.home.Caiman", false);
    window.done();
}

#[test]
fn a_folder_and_files_with_awkward_names_arrive_equal_when_dropped_at_once() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    site.plant("a folder/deeper 🐊/50% of it", "half");
    site.plant("a folder/Ärger", "trouble");
    fs::create_dir(site.source.path().join("a folder/empty")).unwrap();
    for (number, name) in
        ["two words.txt", "100% sure", "%20", "Grüße aus Köln.txt", "🐊.bin", "a#b?c&d+e.txt"]
            .iter()
            .enumerate()
    {
        site.plant(name, noise(number as u64 + 1, 1000 * number));
    }
    let names = names_in(site.source.path());
    let paths: Vec<_> = names.iter().map(|name| site.source.path().join(name)).collect();
    window.drop_files(&paths);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()), names);
    for name in names {
        assert_eq!(tree(&site.to(&name)), tree(&site.source.path().join(&name)), "{name}");
    }
}

#[test]
fn files_that_are_dropped_on_a_send_that_waits_go_with_it() {
    /// A place on the newest send's card, which is the first in the lower part of the window.
    const ON_THE_CARD: (f32, f32) = (0.3, 0.45);
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let empty = window.settled();
    window.drop_files(&[site.plant("first", "1")]);
    let one = window.looks_other_than(&empty);
    window.drop_files_at(ON_THE_CARD, &[site.plant("added", "2")]);
    window.looks_other_than(&one);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()), ["added", "first"]);
}

#[test]
fn without_a_relay_the_window_is_one_and_the_invite_link_is_enough() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start_without_relay(&display);
    window.drop_files(&[site.plant("for whoever has the link", "x")]);
    let invitation = window.invitation();
    let mut command = caiman(&["receive", &invitation, "--yes", "--out"]);
    command.arg(site.target.path());
    run(command).exits(0);
    assert_eq!(fs::read(site.to("for whoever has the link")).unwrap(), b"x");
    window.done();
}

#[test]
fn files_that_were_copied_elsewhere_are_sent_when_they_are_pasted() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let paths = [site.plant("first one", "1"), site.plant("second", noise(4, BLOCK))];
    let _copied = Copied::files(&display, xdnd::uri_list(&paths));
    window.control('v');
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()), ["first one", "second"]);
    assert_eq!(fs::read(site.to("second")).unwrap(), noise(4, BLOCK));
}

#[test]
fn a_second_start_hands_its_file_to_the_window_that_runs() {
    let (display, site) = (Display::start(), Site::new());
    let mut window = Program::start(&display, &site.server);
    let path = site.plant("handed over", "x");
    window.second_start(&[path]).end().exits(0);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(fs::read(site.to("handed over")).unwrap(), b"x");
    assert!(window.is_running());
}
