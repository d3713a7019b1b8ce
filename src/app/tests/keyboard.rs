//! The keyboard alone: Tab comes to every control in every state, and leaves it again. [`Screen::settle`] checks
//! after every step of every test that each control has a name.

use std::collections::BTreeMap;

use eframe::egui::{Key, Modifiers, accesskit::NodeId};
use egui_kittest::kittest::NodeT;

use super::{
    Screen,
    made_up::{self, failed, manifest, progress},
    screen::name_of,
};
use crate::{
    app::model::{settings_form::Page, state::RelayStatus, tone::Tone},
    engine::{Event, NotAdded, Notice, Phase, Progress, RelayError, Report, TransferError},
    history::{Direction, PastTransfer},
    protocol::peer::Withdrawal,
    settings::SavedRelay,
};

type Names = BTreeMap<NodeId, String>;

fn names(screen: &Screen) -> Names {
    let controls = screen.controls();
    controls.iter().map(|node| (node.accesskit_node().locate().0, name_of(node))).collect()
}

/// Presses Tab until it has come round, and compares the controls that it came to with those that exist, except those
/// `below` a dialog.
#[track_caller]
fn check_reach(screen: &mut Screen, below: &Names) {
    const MOST: usize = 200;
    let (mut reached, mut seen) = (Names::new(), names(screen));
    for _ in 0..MOST {
        screen.press(Key::Tab);
        let Some((id, name)) = screen.focused() else { continue };
        // Controls that are scrolled into sight on the way count as well.
        seen.extend(names(screen));
        seen.retain(|id, _| !below.contains_key(id));
        if reached.insert(id, name).is_some() && reached.len() >= seen.len() {
            break;
        }
    }
    let missed = seen.iter().filter(|(id, _)| !reached.contains_key(id));
    let missed: Vec<&String> = missed.map(|(_, name)| name).collect();
    assert!(missed.is_empty(), "Tab never comes to {missed:?}; it comes to {:?}", reached.values());
    assert!(reached.keys().all(|id| !below.contains_key(id)), "Tab goes below the dialog");
}

#[test]
fn an_empty_window() {
    check_reach(&mut Screen::new(), &Names::new());
}

#[test]
fn a_small_window() {
    let mut screen = Screen::sized(480.0, 420.0, |_| {});
    screen.state_of_everything();
    check_reach(&mut screen, &Names::new());
}

#[test]
fn a_waiting_send() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    screen.notice(id, Notice::Listed(manifest(&[("notes.txt", 1)])));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("copy-invitation")));
    screen.click_key("show-qr");
    screen.click_key("show-list");
    screen.click_key("options");
    check_reach(&mut screen, &Names::new());
}

#[test]
fn an_offer() {
    let mut screen = Screen::new();
    let names: Vec<String> = (0..20).map(|n| format!("pictures/{n}.jpg")).collect();
    let mut entries = vec![("pictures/", 0)];
    entries.extend(names.iter().map(|name| (name.as_str(), 100)));
    screen.offered(&manifest(&entries), &["pictures/1.jpg", "pictures/2.jpg"]);
    check_reach(&mut screen, &Names::new());
}

#[test]
fn what_moves_and_what_has_ended() {
    let mut screen = Screen::new();
    screen.state_of_everything();
    check_reach(&mut screen, &Names::new());
}

#[test]
fn the_pages_of_the_settings() {
    let mut screen = Screen::with(|settings| {
        settings.relays =
            ["127.0.0.1:1", "127.0.0.2:1"].map(|address| SavedRelay::new(address.parse().unwrap())).into();
        settings.internet = true;
        settings.iroh_relays = vec!["http://127.0.0.1:1".parse().unwrap()];
    });
    let below = names(&screen);
    screen.press_with(Modifiers::COMMAND, Key::Comma);
    for page in [Page::General, Page::Internet, Page::Relays, Page::Host, Page::Advanced] {
        screen.window().state.form.page = page;
        screen.window().state.form.editing = Some(0);
        screen.settle();
        check_reach(&mut screen, &below);
    }
}

#[test]
fn the_history() {
    let mut screen = Screen::new();
    for name in ["one.txt", "two.txt"] {
        let mut entry = PastTransfer::now(Direction::Sent, name);
        entry.paths.push(format!("/home/ada/{name}").into());
        screen.window().state.history.begin(entry);
    }
    let below = names(&screen);
    screen.press_with(Modifiers::COMMAND, Key::H);
    check_reach(&mut screen, &below);
}

/// Catches the controls at the right end of a row coming in the order in which they are laid out, from the edge
/// inwards.
#[test]
fn tab_goes_through_a_row_as_people_read() {
    let mut screen = Screen::with_relay("127.0.0.1:1");
    let id = screen.made_up(Direction::Received);
    screen.notice(id, Notice::Listed(manifest(&[("notes.txt", 100)])));
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(100) });
    screen.progress(made_up::progress(Phase::Moving, 10, 100));
    let names: Vec<String> = ["history", "settings"].map(|key| screen.say(key)).into();
    let of_card = ["pause-named", "cancel-named"].map(|key| screen.say_named(key, "notes.txt"));
    let expected: Vec<String> = names.into_iter().chain(of_card).collect();
    let mut reached = Vec::new();
    for _ in 0..20 {
        screen.press(Key::Tab);
        let name = screen.focused().map(|(_, name)| name).unwrap_or_default();
        if expected.contains(&name) && !reached.contains(&name) {
            reached.push(name);
        }
    }
    // Where the round starts doesn't matter.
    let first =
        expected.iter().position(|name| Some(name) == reached.first()).expect("Tab comes to one of them");
    let round: Vec<String> = expected.iter().cycle().skip(first).take(expected.len()).cloned().collect();
    assert_eq!(reached, round);
    // A screen reader goes the same way, from the name to the buttons.
    let texts = screen.texts();
    let place = |name: &str| texts.iter().position(|text| text == name).expect("it is there");
    assert!(
        place("notes.txt") < place(&expected[2]) && place(&expected[2]) < place(&expected[3]),
        "{texts:#?}"
    );
}

#[test]
fn backwards_as_well() {
    let mut screen = Screen::new();
    screen.press(Key::Tab);
    let first = screen.focused();
    screen.press(Key::Tab);
    assert_ne!(screen.focused(), first);
    screen.press_with(Modifiers::SHIFT, Key::Tab);
    assert_eq!(screen.focused(), first);
}

#[test]
fn a_shortcut_leads_to_the_code_field() {
    let mut screen = Screen::new();
    screen.press_with(Modifiers::COMMAND, Key::R);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("code")));
}

/// Nothing that appears by itself takes the keyboard from a control.
#[test]
fn whatever_comes_the_keyboard_stays_where_it_is() {
    let mut screen = Screen::new();
    let offered = screen.offered(&manifest(&[("a.txt", 1), ("b.txt", 2)]), &["a.txt"]);
    let waiting = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(waiting));
    screen.notice(waiting, Notice::Listed(manifest(&[("notes.txt", 1)])));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    let controls = names(&screen);
    assert!(controls.len() > 12, "{controls:?}");
    for (control, name) in controls {
        screen.window().state.banners.clear();
        let card = screen.window().state.card(waiting).unwrap();
        (card.tries_left, card.left_behind_count, card.other_version) = (None, 0, None);
        card.left_behind.clear();
        screen.settle();
        screen.focus_node(control);
        let stays = |screen: &Screen, what: &str| {
            assert_eq!(screen.focused(), Some((control, name.clone())), "{what}");
        };
        stays(&screen, "nothing");
        screen.window().state.tell(Tone::Warning, "Something has happened.".to_owned());
        screen.settle();
        stays(&screen, "a banner");
        screen.notice(waiting, Notice::WrongTry { tries_left: 2 });
        screen.notice(waiting, Notice::OtherVersion { theirs: 99 });
        stays(&screen, "a wrong try");
        let (paths, reason) = (vec!["/home/ada/late.txt".into()], NotAdded::TooLate);
        screen.notice(waiting, Notice::NotAdded { paths, reason });
        stays(&screen, "something left out");
        screen.notice(offered, Notice::CantUse(TransferError::PeerLost));
        stays(&screen, "a folder that can't be used");
        let new = screen.made_up(Direction::Received);
        screen.window().state.card(new).unwrap().folds.wants_focus = false;
        screen.settle();
        stays(&screen, "a new card");
        screen.feed(failed(new, TransferError::Cancelled));
        stays(&screen, "a card that went");
    }
}

#[test]
fn the_settings_keep_the_keyboard_too() {
    let mut screen = Screen::with(|settings| {
        settings.relays =
            ["127.0.0.1:1", "127.0.0.2:1"].map(|address| SavedRelay::new(address.parse().unwrap())).into();
        settings.internet = true;
        settings.iroh_relays = vec!["http://127.0.0.1:1".parse().unwrap()];
    });
    let below = names(&screen);
    screen.press_with(Modifiers::COMMAND, Key::Comma);
    for page in [Page::General, Page::Internet, Page::Relays, Page::Host, Page::Advanced] {
        let plain = |screen: &mut Screen| {
            let form = &mut screen.window().state.form;
            (form.page, form.editing) = (page, Some(1));
            (form.host_port, form.rate) = ("27001".to_owned(), String::new());
            screen.window().state.checked.clear();
            screen.window().state.host_error = None;
            screen.settle();
        };
        plain(&mut screen);
        let controls: Vec<NodeId> = names(&screen).into_keys().filter(|id| !below.contains_key(id)).collect();
        for control in controls {
            plain(&mut screen);
            screen.focus_node(control);
            let before = screen.focused();
            let state = &mut screen.window().state;
            for relay in &state.settings.relays {
                state.checked.insert(relay.address.clone(), RelayStatus::Pending);
                state.checked_with.insert(relay.address.clone(), None);
            }
            state.host_error = Some(RelayError::TooManyDataPorts(99));
            // A relay that can't start has no button to start it, so there the keyboard has nowhere to stay.
            state.form.rate = "none".to_owned();
            screen.settle();
            assert_eq!(screen.focused(), before);
        }
    }
}

impl Screen {
    /// Adds one transfer that moves, one that is done with something missing, a received text, one that failed, and
    /// an offered code.
    fn state_of_everything(&mut self) {
        let done = self.made_up(Direction::Received);
        self.notice(done, Notice::Listed(manifest(&[("done.txt", 1)])));
        self.notice(done, Notice::Accepted { files: 1, bytes: Some(100) });
        self.notice(done, Notice::Withdrawn { path: "gone.txt".into(), reason: Withdrawal::Vanished });
        let folder = self.inbox();
        let placed = vec![folder.join("done.txt")];
        let report = Report { stored: 1, missing: 1, folder: Some(folder), placed, ..Report::default() };
        self.feed(Event::Ended(done, Ok(report)));
        let text = self.made_up(Direction::Received);
        self.notice(text, Notice::Text("a line\n".repeat(20)));
        self.feed(Event::Ended(text, Ok(Report { stored: 1, ..Report::default() })));
        let lost = self.made_up(Direction::Sent);
        self.notice(lost, Notice::Listed(manifest(&[("lost.txt", 1)])));
        self.feed(failed(lost, TransferError::PeerLost));
        let moving = self.made_up(Direction::Sent);
        self.notice(moving, Notice::Listed(manifest(&[("moving.txt", 1)])));
        self.notice(moving, Notice::Accepted { files: 1, bytes: Some(100) });
        self.progress(progress(Phase::Moving, 25, 100));
        self.window().state.offered_code = Some(made_up::CODE.to_owned());
        self.settle();
    }
}
