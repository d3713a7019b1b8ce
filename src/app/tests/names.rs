//! What the other computer calls itself, everywhere in the window, and what this one is called.

use eframe::egui::Key;

use super::{
    Screen,
    made_up::{self, MIB, failed, manifest},
};
use crate::{
    app::explain,
    engine::{Event, MetAt, Notice, Paused, PeerName, Phase, Progress, Report, TaskId, TransferError},
    history::Direction,
};

const ANN: &str = "Ann's laptop";

fn name(text: &str) -> PeerName {
    text.parse().unwrap()
}

fn is_called(screen: &mut Screen, id: TaskId, text: &str) {
    screen.notice(id, Notice::Peer(name(text)));
}

/// How many of the texts on the screen hold this.
fn times(screen: &Screen, part: &str) -> usize {
    screen.texts().iter().filter(|text| text.contains(part)).count()
}

#[test]
fn an_offer_says_who_asks() {
    let mut screen = Screen::new();
    let many: Vec<(String, u64)> = (0..21).map(|number| (format!("{number}.jpg"), MIB)).collect();
    let many: Vec<(&str, u64)> = many.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    let id = screen.offered(&manifest(&many), &[]);
    assert!(screen.shows("The sender wants to send you 21 files"), "{:#?}", screen.texts());
    is_called(&mut screen, id, ANN);
    assert!(screen.shows("Ann's laptop wants to send you 21 files"), "{:#?}", screen.texts());
    assert_eq!(times(&screen, ANN), 1, "a screen reader says it once");
    let id = screen.offered(&manifest(&[("notes.txt", 1)]), &[]);
    is_called(&mut screen, id, "Ben");
    assert!(screen.shows("Ben wants to send you notes.txt"), "{:#?}", screen.texts());
}

#[test]
fn a_sender_sees_who_looks_at_the_offer_and_who_came_after() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Met(MetAt::OwnRelay));
    is_called(&mut screen, id, ANN);
    screen.progress(Progress { phase: Phase::WaitingForAnswer, ..Progress::default() });
    assert!(screen.shows("Ann's laptop is looking at the offer"), "{:#?}", screen.texts());
    // The next one has said no name.
    screen.notice(id, Notice::Unanswered);
    screen.notice(id, Notice::Met(MetAt::OwnRelay));
    assert!(screen.shows("The receiver is looking at the offer"), "{:#?}", screen.texts());
}

#[test]
fn a_transfer_that_runs_or_is_over_says_to_whom_or_from_whom() {
    for (direction, running, done) in [
        (Direction::Sent, "to Ann's laptop", "Sent to Ann's laptop"),
        (Direction::Received, "from Ann's laptop", "Received from Ann's laptop"),
    ] {
        let mut screen = Screen::new();
        let id = screen.moving(direction);
        is_called(&mut screen, id, ANN);
        assert!(screen.shows(running), "{:#?}", screen.texts());
        let paused = Paused { here: false, there: true };
        screen.progress(Progress { paused, ..made_up::progress(Phase::Moving, MIB, 8 * MIB) });
        assert!(screen.shows("Ann's laptop has paused this transfer."), "{:#?}", screen.texts());
        screen.feed(Event::Ended(id, Ok(Report { stored: 1, bytes: 8 * MIB, ..Report::default() })));
        assert!(screen.shows(done), "{:#?}", screen.texts());
        assert_eq!(times(&screen, ANN), 1);
    }
}

#[test]
fn an_error_names_who_it_is_about() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Received);
    is_called(&mut screen, id, ANN);
    screen.feed(failed(id, TransferError::PeerCancelled));
    assert!(screen.shows("Ann's laptop stopped the transfer."), "{:#?}", screen.texts());
    let id = screen.moving(Direction::Sent);
    screen.feed(failed(id, TransferError::PeerLost));
    assert!(screen.shows("The connection to the receiver was lost."), "{:#?}", screen.texts());
}

#[test]
fn receivers_of_one_code_are_told_apart_by_their_names() {
    let mut screen = Screen::new();
    let of = screen.made_up(Direction::Sent);
    screen.card().receivers = 3;
    screen.notice(of, Notice::Listed(manifest(&[("notes.txt", MIB)])));
    let ids: Vec<TaskId> = ["Ann", "Ben", "Ann"]
        .iter()
        .map(|who| {
            let id = screen.window().engine.new_id();
            screen.feed(Event::Branch { of, id });
            is_called(&mut screen, id, who);
            id
        })
        .collect();
    for who in ["Ann (1)", "Ben", "Ann (3)"] {
        let cancel = screen.say_named("cancel-named", who);
        assert!(screen.control(&cancel).is_some(), "{who}: {:#?}", screen.texts());
    }
    screen.feed(failed(ids[1], TransferError::PeerDeclined));
    assert!(screen.shows("Ben declined."), "{:#?}", screen.texts());
}

/// Catches a name that turns, hides or breaks what stands around it.
#[test]
fn a_hostile_name_is_shown_as_what_it_is() {
    let mut screen = Screen::new();
    let id = screen.offered(&manifest(&[("notes.txt", 1)]), &[]);
    is_called(&mut screen, id, "a\u{202e}b\u{200b}c");
    assert!(screen.shows("a\\u{202e}b\\u{200b}c wants to send you notes.txt"), "{:#?}", screen.texts());
    let raw = |text: &String| text.contains(['\u{202e}', '\u{200b}']);
    assert!(!screen.texts().iter().any(raw));
}

#[test]
fn the_history_remembers_who_it_was() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    is_called(&mut screen, id, ANN);
    screen.notice(id, Notice::Listed(manifest(&[("notes.txt", MIB)])));
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(MIB) });
    screen.feed(Event::Ended(id, Ok(Report::default())));
    let mut screen = screen.reopened();
    screen.click_key("history");
    assert!(screen.shows("Received from Ann's laptop · "), "{:#?}", screen.texts());
}

#[test]
fn a_notification_says_who_asks() {
    let mut screen = Screen::new();
    let id = screen.offered(&made_up::text_manifest(), &[]);
    is_called(&mut screen, id, ANN);
    let window = screen.window();
    assert_eq!(
        explain::offered(&window.words, &window.state.cards[0]),
        "Ann's laptop wants to send you a text"
    );
}

#[test]
fn the_name_of_this_computer_is_set_once_it_is_one_and_told_unless_that_is_switched_off() {
    let mut screen = Screen::with(|settings| settings.tell_name = true);
    screen.click_key("settings");
    screen.click_key("set-general");
    let (field, bad) = (screen.say("set-name"), screen.words().tell("set-bad-name", &[("most", 40.into())]));
    screen.fill(&field, &"x".repeat(41));
    assert!(screen.shows(&bad), "{:#?}", screen.texts());
    screen.press(Key::Tab);
    assert_eq!(screen.window().state.settings.name, None);
    screen.fill(&field, ANN);
    assert!(!screen.shows(&bad));
    screen.press(Key::Tab);
    assert_eq!(screen.window().state.settings.told_name(), Some(name(ANN)));
    let switch = screen.say("set-tell-name");
    screen.click(&switch);
    assert_eq!(screen.window().state.settings.told_name(), None);
    let mut screen = screen.reopened();
    let settings = &screen.window().state.settings;
    assert_eq!((settings.own_name(), settings.told_name()), (Some(name(ANN)), None));
}
