//! Where things stand and what keeps its place: faults that were seen in the window and corrected.

use eframe::egui::{Key, Rect};

use super::{
    Screen,
    made_up::{self, CODE, manifest},
    screen::name_of,
};
use crate::{
    app::model::settings_form::Page,
    engine::{Notice, Phase, Progress, TransferError},
    history::Direction,
};

fn waiting(screen: &mut Screen, name: &str) {
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    screen.notice(id, Notice::Listed(manifest(&[(name, 1)])));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
}

fn place(screen: &Screen, name: &str) -> Rect {
    screen.place(name).expect("it is on the screen")
}

#[test]
fn the_keyboard_stays_where_it_was_when_the_qr_code_comes_and_goes() {
    let mut screen = Screen::new();
    waiting(&mut screen, "notes.txt");
    for _ in 0..2 {
        screen.press(Key::Tab);
    }
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("show-qr")));
    screen.press(Key::Space);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("hide-qr")));
    screen.press(Key::Space);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("show-qr")));
}

#[test]
fn the_qr_code_leaves_the_code_its_size() {
    let mut screen = Screen::new();
    waiting(&mut screen, "notes.txt");
    let copy = screen.say("copy-code");
    let before = (place(&screen, CODE), place(&screen, &copy));
    screen.click_key("show-qr");
    assert_eq!((place(&screen, CODE), place(&screen, &copy)), before);
}

/// Catches buttons that slide to the left while one of them says that it has copied.
#[test]
fn nothing_moves_while_a_button_says_that_it_has_copied() {
    for language in ["en", "de"] {
        let mut screen = Screen::with(|settings| settings.language = Some(language.to_owned()));
        waiting(&mut screen, "notes.txt");
        let qr = screen.say("show-qr");
        let before = place(&screen, &qr);
        for key in ["copy-invitation", "copy-code"] {
            screen.click_key(key);
            assert_eq!(place(&screen, &qr), before, "{language}: {key}");
        }
    }
}

/// Catches labels that are cut off, or run under their field, in one of the languages.
#[test]
fn every_label_of_the_settings_is_whole() {
    for language in ["en", "de"] {
        let mut screen = Screen::with(|settings| settings.language = Some(language.to_owned()));
        screen.click_key("settings");
        for page in [Page::General, Page::Host, Page::Advanced] {
            screen.window().state.form.page = page;
            screen.settle();
            for key in ["set-direct-port", "set-rate", "set-data-ports", "set-closing", "set-path"] {
                let (label, field) = (screen.say(key), screen.place(&screen.say(key)));
                let painted = screen.painted(&label);
                if let (Some(painted), Some(field)) = (painted, field) {
                    assert!(painted.right() < field.left(), "{language}: {label} {painted} {field}");
                }
            }
        }
    }
}

#[test]
fn while_a_code_waits_the_drop_zone_is_a_strip_and_the_code_is_in_sight() {
    for (width, height) in [(1040.0, 720.0), (640.0, 480.0)] {
        let mut screen = Screen::sized(width, height, |_| {});
        waiting(&mut screen, "notes.txt");
        let (files, code) = (place(&screen, &screen.say("choose-files")), place(&screen, CODE));
        assert!(code.top() - files.bottom() < 120.0, "{files} {code}");
        for key in ["copy-invitation", "copy-code", "show-qr", "options", "show-list"] {
            let control = place(&screen, &screen.say(key));
            assert!(control.bottom() <= height, "{width} x {height}: {key} at {control}");
        }
        let middle = f32::midpoint(screen.window().rects[0].1.left(), screen.window().rects[0].1.right());
        assert!((code.center().x - middle).abs() < 2.0, "the code stands in the middle");
    }
}

#[test]
fn the_list_opens_without_moving_what_stands_beside() {
    let mut screen = Screen::new();
    waiting(&mut screen, "notes.txt");
    let options = screen.say("options");
    let before = place(&screen, &options);
    screen.click_key("show-list");
    assert!(screen.control(&screen.say("hide-list")).is_some());
    assert_eq!(place(&screen, &options), before);
    let status = screen.painted(CODE).expect("the code is there");
    assert!(before.top() - status.bottom() < 130.0, "a hole below the code: {status} {before}");
}

#[test]
fn a_long_name_leaves_room_for_how_much_it_is() {
    let mut screen = Screen::new();
    waiting(&mut screen, &"x".repeat(200));
    let amount = place(&screen, "1 file · 1 byte");
    assert!(amount.width() > 60.0, "the amount is cut off: {amount}");
}

#[test]
fn an_offered_text_is_called_one_and_no_file() {
    let mut screen = Screen::new();
    screen.offered(&made_up::text_manifest(), &[]);
    assert!(screen.shows(&screen.say("offered-text")));
    assert!(!screen.texts().iter().any(|text| text.contains("1 file")), "{:?}", screen.texts());
}

#[test]
fn what_is_wrong_with_a_code_is_mended_in_its_field() {
    let mut screen = Screen::new();
    let code = screen.say("code");
    screen.fill(&code, "acid-zzzzzz-mustard-tulip");
    screen.press(Key::Enter);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(code), "the keyboard has left the field");
}

/// Catches a gap below the last row, which rows left that were lower than the list took them to be.
#[test]
fn a_list_ends_with_its_last_row() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    let names: Vec<String> = (0..30).map(|number| format!("{number}.txt")).collect();
    let entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    screen.notice(id, Notice::Listed(manifest(&entries)));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    screen.click_key("show-list");
    let (first, second) = (place(&screen, "0.txt"), place(&screen, "1.txt"));
    let card = screen.window().rects[0].1;
    screen.point_at(first.center());
    screen.scroll(-5000.0);
    let last = place(&screen, "29.txt");
    assert!(card.bottom() - last.bottom() < (second.top() - first.top()) + 20.0, "{last} {card}");
}

#[test]
fn both_sides_end_at_the_same_height() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    // The buttons stand in the middle of the left side.
    let middle = |screen: &Screen| place(screen, &screen.say("choose-files")).top();
    let below = |screen: &Screen| place(screen, "notes.txt").top();
    let before = (middle(&screen), below(&screen));
    let code = screen.say("code");
    screen.fill(&code, "acid-zzzzzz-mustard-tulip");
    screen.press(Key::Enter);
    let grown = below(&screen) - before.1;
    assert!(grown > 4.0, "what is told about the code needs room: {grown}");
    assert!((middle(&screen) - before.0 - grown / 2.0).abs() < 1.0, "the left side has not grown along");
    screen.fill(&code, "");
    assert_eq!((middle(&screen), below(&screen)), before);
}

/// Catches a dialog that is wider than the smallest window, so that its right edge is cut off.
#[test]
fn all_of_the_settings_fit_into_the_smallest_window() {
    for language in ["en", "de", "fr"] {
        let mut screen =
            Screen::sized(640.0, 480.0, |settings| settings.language = Some(language.to_owned()));
        screen.click_key("settings");
        for page in [Page::General, Page::Internet, Page::Relays, Page::Croc, Page::Host, Page::Advanced] {
            screen.window().state.form.page = page;
            screen.settle();
            for control in screen.controls() {
                let (name, rect) = (name_of(&control), control.rect());
                assert!(rect.left() > 31.0 && rect.right() < 609.0, "{language}, {page:?}: {name} {rect}");
            }
        }
    }
}

/// Catches a small window in which only Send and Receive can be seen while something moves.
#[test]
fn what_moves_is_in_sight_in_the_smallest_window() {
    let mut screen = Screen::sized(640.0, 480.0, |_| {});
    screen.moving(Direction::Received);
    let bar = place(&screen, &screen.say_named("progress-named", "notes.txt"));
    assert!(bar.bottom() < 480.0, "how far it has come is at {bar}");
}

#[test]
fn who_wants_to_send_what_is_never_cut_off() {
    let mut screen = Screen::sized(640.0, 480.0, |_| {});
    let name = format!("{} end.mov", "a long name ".repeat(8));
    screen.offered(&manifest(&[(&name, 1)]), &[]);
    assert!(screen.paints("end.mov"), "{:#?}", screen.texts());
}

#[test]
fn the_example_of_a_code_is_whole() {
    for language in ["en", "de", "fr"] {
        let screen = Screen::sized(900.0, 700.0, |settings| settings.language = Some(language.to_owned()));
        assert!(screen.paints(&screen.say("code-example")), "{language}");
    }
}

/// Catches buttons that begin at the left edge because they don't fit on one row.
#[test]
fn the_buttons_below_a_code_stand_in_the_middle() {
    let mut screen = Screen::sized(640.0, 480.0, |settings| settings.language = Some("fr".to_owned()));
    waiting(&mut screen, "notes.txt");
    screen.click_key("show-qr");
    let (code, invite) = (place(&screen, CODE), place(&screen, &screen.say("copy-invitation")));
    let middle = f32::midpoint(invite.left(), place(&screen, &screen.say("hide-qr")).right());
    assert!((code.center().x - middle).abs() < 2.0, "{code} {middle}");
}

#[test]
fn what_fails_at_once_is_brought_into_sight() {
    const HEIGHT: f32 = 500.0;
    let mut screen = Screen::sized(700.0, HEIGHT, |_| {});
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::failed(id, TransferError::Offline));
    let report = screen.say("copy-report");
    let bottom = screen.place(&report).unwrap_or_else(|| panic!("{:#?}", screen.texts())).bottom();
    assert!(bottom < HEIGHT, "the card ends at {bottom}");
}

/// Catches a small window in which a receiver has to look for the place where the code goes.
#[test]
fn both_what_can_be_dropped_and_where_the_code_goes_are_in_sight_in_a_small_window() {
    let screen = Screen::sized(640.0, 480.0, |_| {});
    for key in ["choose-files", "code", "receive-button"] {
        let place = screen.place(&screen.say(key)).unwrap();
        assert!(place.bottom() <= 480.0, "{key}: {place:?}");
    }
}
