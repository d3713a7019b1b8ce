//! What Settings end with: the version, the way to the releases, and the licences.

use eframe::egui::{Key, Modifiers};

use super::Screen;
use crate::app::{
    about,
    model::{action::Dialog, settings_form::Page},
};

/// Opens the page that ends with them.
fn at_the_end(screen: &mut Screen) {
    screen.press_with(Modifiers::COMMAND, Key::Comma);
    screen.window().state.form.page = Page::General;
    screen.settle();
    let rate = screen.say("set-rate");
    screen.point_at(screen.place(&rate).expect("it is on this page").center());
    screen.scroll(-5000.0);
}

/// Opens the licences by the keyboard.
fn open_licences(screen: &mut Screen) {
    at_the_end(screen);
    let licences = screen.say("licences");
    while screen.focused().is_none_or(|(_, name)| name != licences) {
        screen.press(Key::Tab);
    }
    screen.press(Key::Enter);
    assert_eq!(screen.window().state.dialog, Some(Dialog::Licences));
}

#[test]
fn licences_open_by_keyboard_and_escape_leads_back_to_their_button() {
    let mut screen = Screen::new();
    open_licences(&mut screen);
    let licences = screen.say("licences");
    assert_eq!(screen.dialog_name().as_ref(), Some(&licences));
    assert_eq!(screen.focused().map(|(_, name)| name).as_ref(), Some(&licences), "the text has the keyboard");
    screen.press(Key::Escape);
    assert_eq!(screen.window().state.dialog, Some(Dialog::Settings));
    assert_eq!(screen.focused().map(|(_, name)| name), Some(licences), "the button has it again");
    assert!(screen.window().notices.is_none(), "the text takes no memory while it is closed");
    screen.press(Key::Escape);
    assert_eq!(screen.window().state.dialog, None);
}

#[test]
fn keys_lead_through_the_licences_to_any_crate() {
    let mut screen = Screen::new();
    open_licences(&mut screen);
    let first = screen.say("licences");
    let crates = "Where a crate lets its users choose";
    assert!(screen.shows("The words of codes") && !screen.shows(crates));
    let mut pages = 0;
    while !screen.shows("blake3 ") {
        screen.press(if pages % 2 == 0 { Key::PageDown } else { Key::Space });
        pages += 1;
        assert!(pages < 100, "{:#?}", screen.texts());
    }
    assert!(pages > 5, "a page is no more than what is in sight");
    screen.press(Key::End);
    let last = include_str!("../../../assets/third-party.txt").trim_end().lines().next_back().unwrap().trim();
    assert!(screen.shows(last), "{:#?}", screen.texts());
    screen.press(Key::Home);
    assert!(screen.shows("The words of codes"));
    for _ in 0..3 {
        screen.press(Key::ArrowDown);
    }
    assert!(!screen.shows("Caiman is Copyright"), "{:#?}", screen.texts());
    assert_eq!(screen.focused().map(|(_, name)| name), Some(first), "arrows move the text, not the keyboard");
}

#[test]
fn of_the_licences_only_what_is_in_sight_is_drawn() {
    for (width, height) in [(1000.0, 1400.0), (480.0, 420.0)] {
        let mut screen = Screen::sized(width, height, |_| {});
        screen.window().state.dialog = Some(Dialog::Licences);
        screen.settle();
        assert!(screen.node_count() < 300, "{}", screen.node_count());
        let close = screen.say("close");
        assert!(screen.place(&close).is_some_and(|place| place.right() < width));
    }
}

#[test]
fn settings_lead_to_releases_only_if_the_program_knows_where_they_are() {
    let mut screen = Screen::new();
    let releases = screen.say("releases");
    screen.window().releases = None;
    at_the_end(&mut screen);
    assert!(screen.shows(about::VERSION) && screen.control(&releases).is_none());
    let address = "https://forge.example/caiman/releases";
    screen.window().releases = Some(address.to_owned());
    screen.settle();
    screen.click(&releases);
    assert_eq!(screen.browsed, [address]);
}
