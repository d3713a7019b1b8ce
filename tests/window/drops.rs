//! What is dropped on the window and is not a file, and the file dialogs of a desktop.

use std::fs;

use crate::{
    bus::{Bus, Kind},
    display::Display,
    program::Program,
    support::{engine::names_in, process::Site},
    xdnd::{FILES, Source, uri_list},
};

const MIDDLE: (f32, f32) = (0.5, 0.5);

/// Something of a browser or a file manager that isn't a file.
fn from_elsewhere<'a>(forms: &'a [(&'a str, &'a [u8])]) -> Source<'a> {
    Source { forms, knows_proxies: true, is_in_pieces: false }
}

#[test]
fn a_drop_that_adds_nothing_says_why() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let link: Vec<u8> = "https://example.org/\nTitle".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let drops: [&[(&str, &[u8])]; 6] = [
        &[(FILES, b"sftp://nas/photo.jpg\r\n")],
        &[(FILES, b"trash:///letter.txt\r\n"), ("text/plain", b"trash:///letter.txt")],
        &[("image/png", b"\x89PNG"), (FILES, b"https://example.org/cat.png\r\n")],
        &[("text/x-moz-url", &link)],
        &[(FILES, b"mtp://phone/a\r\nhttps://example.org/\r\ntrash:///b\r\nsftp://nas/c\r\n")],
        // There is no bus here, so nobody knows the files.
        &[("application/vnd.portal.filetransfer", b"123\0")],
    ];
    let mut before = window.settled();
    for forms in drops {
        window.take_from(&from_elsewhere(forms), MIDDLE);
        before = window.looks_other_than(&before);
    }
    assert_eq!(window.outcome(), None, "nothing is sent");
}

#[test]
fn files_are_taken_from_between_things_that_are_none() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    site.plant("folder/inner", "1");
    site.plant("other folder/inner", "2");
    let paths = ["folder", "file", "other folder"].map(|name| site.source.path().join(name));
    site.plant("file", "3");
    let list = format!("https://example.org/\r\n{}sftp://nas/a\r\n", uri_list(&paths));
    window.take_from(&from_elsewhere(&[("text/html", b"<a>"), (FILES, list.as_bytes())]), MIDDLE);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()), ["file", "folder", "other folder"]);
    assert_eq!(fs::read(site.to("other folder/inner")).unwrap(), b"2");
}

#[test]
fn a_list_that_comes_in_pieces_is_taken_whole() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let paths: Vec<_> = (0..100).map(|number| site.plant(&format!("{number} of many"), "x")).collect();
    let list = uri_list(&paths);
    let forms: &[(&str, &[u8])] = &[(FILES, list.as_bytes())];
    window.take_from(&Source { forms, knows_proxies: true, is_in_pieces: true }, MIDDLE);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()).len(), 100);
}

#[test]
fn what_the_toolkit_loses_is_reported() {
    let (display, site) = (Display::start(), Site::new());
    let window = Program::start(&display, &site.server);
    let before = window.settled();
    // This source sends its messages to the toolkit's own window.
    let source = Source { forms: &[(FILES, b"sftp://nas/a\r\n")], knows_proxies: false, is_in_pieces: false };
    window.take_from(&source, MIDDLE);
    window.looks_other_than(&before);
    let list = uri_list(&[site.plant("a file", "x")]);
    let source = Source { forms: &[(FILES, list.as_bytes())], knows_proxies: false, is_in_pieces: false };
    window.take_from(&source, MIDDLE);
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()), ["a file"]);
}

#[test]
fn files_that_the_portal_hands_over_are_sent() {
    let (display, site, bus) = (Display::start(), Site::new(), Bus::start());
    let path = site.plant("from a sandbox", "x");
    let portal = bus.portal(Kind::Documents { paths: vec![path.to_str().unwrap().to_owned()] });
    let window = Program::start_on(&display, &bus, &site.server);
    window.take_from(&from_elsewhere(&[("application/vnd.portal.filetransfer", b"key 7\0")]), MIDDLE);
    assert_eq!(portal.question(), "key 7");
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()), ["from a sandbox"]);
}

#[test]
fn a_desktop_without_a_file_dialog_is_told_of() {
    let (display, site, bus) = (Display::start(), Site::new(), Bus::start());
    let _portal = bus.portal(Kind::NoChooser);
    let window = Program::start_on(&display, &bus, &site.server);
    let before = window.settled();
    window.control('o');
    window.looks_other_than(&before);
}

#[test]
fn a_dialog_that_fails_or_hangs_is_told_of() {
    let (display, site) = (Display::start(), Site::new());
    for is_silent in [false, true] {
        let bus = Bus::start();
        let failing = (!is_silent).then(|| bus.portal(Kind::Chooser { answer: 1, uris: Vec::new() }));
        let _silent = is_silent.then(|| bus.silent_portal());
        let window = Program::start_on(&display, &bus, &site.server);
        let before = window.settled();
        window.control('o');
        window.looks_other_than(&before);
        drop(failing);
    }
}

#[test]
fn a_file_that_is_chosen_in_a_dialog_is_sent() {
    let (display, site, bus) = (Display::start(), Site::new(), Bus::start());
    let uris = uri_list(&[site.plant("chosen one", "x")]).trim().to_owned();
    let portal = bus.portal(Kind::Chooser { answer: 0, uris: vec![uris] });
    let window = Program::start_on(&display, &bus, &site.server);
    window.control('o');
    assert_eq!(portal.question(), "Choose files to send");
    site.receive(&[window.code().as_str(), "--yes"]).end().exits(0);
    assert_eq!(names_in(site.target.path()), ["chosen one"]);
}
