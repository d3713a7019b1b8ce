//! Where things stand and what keeps its place: faults that were seen in the window and corrected.

use eframe::egui::{Key, Rect};

use super::{
    Screen,
    made_up::{self, CODE, manifest},
};
use crate::{
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
    let wait = place(&screen, &screen.say("phase-waiting"));
    screen.point_at(first.center());
    screen.scroll(-5000.0);
    let last = place(&screen, "29.txt");
    assert!(wait.top() - last.bottom() < (second.top() - first.top()) + 12.0, "{last} {wait}");
}

#[test]
fn both_sides_end_at_the_same_height() {
    let mut screen = Screen::new();
    waiting(&mut screen, "notes.txt");
    // The buttons stand in the middle of the left side.
    let middle = |screen: &Screen| place(screen, &screen.say("choose-files")).top();
    let below = |screen: &Screen| place(screen, CODE).top();
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
