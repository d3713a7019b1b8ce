//! What users come for, from the first key to the last, by keyboard alone. File dialogs are the system's, so what was chosen in one is
//! made up once the keyboard has come to the button that opens it.

use std::{fs, path::Path};

use eframe::egui::{Key, Modifiers};

use super::{
    Screen, both,
    made_up::{self, MIB, manifest},
    people::{ANN, BEN, knows, sentence},
    transfers::{LocalRelay, code, done},
};
use crate::{
    app::{
        desktop::{
            desk::{DeskOutcome, PickPurpose},
            dialogs::Picked,
        },
        model::action::Dialog,
        words::shown_path,
    },
    engine::{Event, Notice, OnConflict, Report, TransferError},
    history::{Direction, Outcome, PastTransfer},
    relay::Ports,
    settings::{SavedRelay, Settings},
    store::Store,
};

/// Goes to a control with Tab, and uses it.
fn use_key(screen: &mut Screen, name: &str) {
    screen.tab_to(name);
    screen.press(Key::Space);
}

fn use_control(screen: &mut Screen, key: &str) {
    let name = screen.say(key);
    use_key(screen, &name);
}

/// Goes to the control whose name begins like this, and returns the name.
fn tab_to_like(screen: &mut Screen, beginning: &str) -> String {
    let shown = screen.texts().into_iter().find(|text| text.starts_with(beginning));
    let name = shown.unwrap_or_else(|| panic!("nothing is called {beginning}: {:#?}", screen.texts()));
    screen.tab_to(&name);
    name
}

fn picked(screen: &mut Screen, purpose: PickPurpose, path: &Path) {
    screen.outcome(DeskOutcome::Picked(purpose, Picked::Paths(vec![path.to_owned()])));
}

/// Types a code, and waits for the offer.
fn ask(receiver: &mut Screen, sender: &mut Screen, code: &str) {
    receiver.tab_to(&receiver.say("code"));
    receiver.press_with(Modifiers::COMMAND, Key::A);
    receiver.type_text(code);
    receiver.press(Key::Enter);
    is_asked(receiver, sender);
}

fn is_asked(receiver: &mut Screen, sender: &mut Screen) {
    both(receiver, sender, "the offer", |receiver, _| {
        let card = receiver.window().state.cards.first();
        card.and_then(|card| card.sheet.as_ref()).is_some_and(|sheet| sheet.tree.is_some())
    });
}

fn named(relay: &LocalRelay, name: &str) -> Screen {
    Screen::with(|settings| {
        settings.relays = vec![SavedRelay::new(relay.address.parse().unwrap())];
        (settings.name, settings.tell_name) = (name.parse().ok(), true);
    })
}

#[test]
fn two_meet_by_a_code_remember_each_other_and_then_need_none() {
    let relay = LocalRelay::start();
    let (mut ann, mut ben) = (named(&relay, ANN), named(&relay, BEN));
    ann.tab_to(&ann.say("choose-files"));
    let file = ann.file("first.txt", b"first");
    picked(&mut ann, PickPurpose::Send, &file);
    let code = code(&mut ann);
    use_control(&mut ann, "copy-code");
    assert_eq!(ann.copied.last(), Some(&code));
    ask(&mut ben, &mut ann, &code);
    let accept = ben.say_accept(1, 5);
    use_key(&mut ben, &accept);
    done(&mut ann, &mut ben);
    assert_eq!(fs::read(ben.inbox().join("first.txt")).unwrap(), b"first");

    for (screen, direction, other) in [(&mut ann, Direction::Sent, BEN), (&mut ben, Direction::Received, ANN)]
    {
        let remember = sentence(screen, "remember", direction, other);
        use_key(screen, &remember);
        screen.until("the person", |screen| (screen.window().state.people.all().len() == 1).then_some(()));
        use_control(screen, "clear-finished");
    }
    let to_ben = ann.say_named("person-send-named", BEN);
    tab_to_like(&mut ann, &to_ben);
    let (second, of_ben) = (ann.file("second.txt", b"second"), ann.window().state.people.all()[0].pair.id());
    picked(&mut ann, PickPurpose::SendTo(of_ben), &second);
    is_asked(&mut ben, &mut ann);
    let accept = ben.say_accept(1, 6);
    use_key(&mut ben, &accept);
    done(&mut ann, &mut ben);
    assert_eq!(fs::read(ben.inbox().join("second.txt")).unwrap(), b"second");
}

#[test]
fn a_text_is_written_sent_and_copied() {
    let relay = LocalRelay::start();
    let (mut ann, mut ben) = (relay.screen(), relay.screen());
    use_control(&mut ann, "write-text");
    assert_eq!(ann.window().state.dialog, Some(Dialog::Text));
    // The dialog has the keyboard in its field.
    ann.type_text("see you at eight");
    use_control(&mut ann, "text-send");
    let code = code(&mut ann);
    ask(&mut ben, &mut ann, &code);
    use_control(&mut ben, "accept-text");
    done(&mut ann, &mut ben);
    use_control(&mut ben, "copy-text");
    assert_eq!(ben.copied.last().map(String::as_str), Some("see you at eight"));
}

#[test]
fn what_waits_is_shaped_and_withdrawn() {
    let mut screen = Screen::new();
    let files = ["keep.txt", "drop.txt"].map(|name| screen.file(name, b"x"));
    for file in &files {
        screen.tab_to(&screen.say("choose-files"));
        let purpose =
            screen.window().state.cards.first().map_or(PickPurpose::Send, |card| PickPurpose::Add(card.id));
        picked(&mut screen, purpose, file);
        code(&mut screen);
    }
    screen.until_card("both", |card| {
        card.manifest.as_ref().is_some_and(|manifest| manifest.entries().len() == 2)
    });
    use_control(&mut screen, "show-list");
    let remove = screen.say_named("remove-named", "drop.txt");
    use_key(&mut screen, &remove);
    screen.until_card("one", |card| {
        card.manifest.as_ref().is_some_and(|manifest| manifest.entries().len() == 1)
    });
    use_control(&mut screen, "options");
    use_control(&mut screen, "show-qr");
    assert!(screen.place(&screen.say("qr-name")).is_some());
    let cancel = screen.say_named("cancel-named", "keep.txt");
    use_key(&mut screen, &cancel);
    screen.until("the end", |screen| screen.window().state.cards.is_empty().then_some(()));
}

#[test]
fn an_offer_is_searched_ticked_and_its_conflicts_are_settled() {
    let mut screen = Screen::new();
    let names: Vec<String> = (0..20).map(|number| format!("{number:02}.jpg")).collect();
    let mut entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 100)).collect();
    entries.push(("taken.txt", 5));
    screen.offered(&manifest(&entries), &["taken.txt"]);
    screen.tab_to(&screen.say("search"));
    screen.type_text("0");
    let none = screen.words().tell("tick-none-found", &[("count", 11.into())]);
    use_key(&mut screen, &none);
    screen.tab_to(&screen.say("search"));
    screen.press(Key::Backspace);
    use_control(&mut screen, "show-pictures");
    use_control(&mut screen, "skip");
    screen.tab_to(&screen.say("offer-list"));
    screen.press(Key::End);
    screen.press(Key::Home);
    screen.press(Key::Space);
    let sheet = screen.card().sheet.as_ref().unwrap();
    assert_eq!((sheet.on_conflict, sheet.pictures.are_shown), (OnConflict::Skip, true));
    assert_eq!(sheet.coming().0, 10, "nine are left of twenty, and one was ticked again");
    let accept = screen.say_accept(10, 1000);
    use_key(&mut screen, &accept);
    assert!(screen.card().sheet.as_ref().is_none_or(|sheet| sheet.is_answered));
}

#[test]
fn a_file_goes_to_a_user_of_croc_and_comes_from_one() {
    let relay = LocalRelay::start();
    let with_croc = || {
        Screen::with(|settings| {
            settings.croc.relays = vec![SavedRelay::new(relay.croc_address.parse().unwrap())];
        })
    };
    let (mut ann, mut ben) = (with_croc(), with_croc());
    let file = ann.file("notes.txt", b"one two three");
    picked(&mut ann, PickPurpose::Send, &file);
    ann.until_card("the code", |card| card.code.is_some());
    use_control(&mut ann, "options");
    use_control(&mut ann, "also-for-croc");
    ann.until_card("the code for croc", |card| card.for_croc.code.is_some());
    use_control(&mut ann, "copy-croc-code");
    let code = ann.copied.last().unwrap().clone();
    ask(&mut ben, &mut ann, &code);
    let accept = ben.say_accept(1, 13);
    use_key(&mut ben, &accept);
    done(&mut ann, &mut ben);
    assert_eq!(fs::read(ben.inbox().join("notes.txt")).unwrap(), b"one two three");
}

#[test]
fn a_person_is_trusted_blocked_and_heard_again() {
    let (mut screen, id) = knows(BEN);
    let more = screen.say_named("person-more-named", BEN);
    use_key(&mut screen, &more);
    screen.tab_to(&screen.say("person-trust"));
    let folder = screen.inbox();
    picked(&mut screen, PickPurpose::Trust(id), &folder);
    screen.until("the folder", |screen| {
        screen.window().state.people.of(id).unwrap().trusted_folder.is_some().then_some(())
    });
    use_control(&mut screen, "person-trust");
    for is_blocked in [true, false] {
        use_control(&mut screen, "person-block");
        screen.until("the change", |screen| {
            let person = screen.window().state.people.of(id).unwrap();
            (person.is_blocked == is_blocked && person.trusted_folder.is_none()).then_some(())
        });
    }
    screen.press(Key::Escape);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(more));
}

#[test]
fn what_has_arrived_is_moved_elsewhere() {
    let mut screen = Screen::new();
    let (name, elsewhere) = ("notes.txt", screen.folder().join("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    fs::write(screen.inbox().join(name), "new").unwrap();
    let id = screen.moving(Direction::Received);
    let report = Report {
        is_new: true,
        stored: 1,
        folder: Some(screen.inbox()),
        placed: vec![screen.inbox().join(name)],
        ..Report::default()
    };
    screen.feed(Event::Ended(id, Ok(report)));
    screen.tab_to(&screen.say("move-to"));
    picked(&mut screen, PickPurpose::Relocate(id), &elsewhere);
    let told = screen.words().tell("saved-in", &[("folder", shown_path(&elsewhere).into())]);
    screen.until_shown(&told);
    assert_eq!(fs::read_to_string(elsewhere.join(name)).unwrap(), "new");
}

#[test]
fn a_transfer_is_looked_into_and_stopped() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Listed(manifest(&[("a.bin", 8 * MIB), ("b.bin", MIB)])));
    screen.notice(id, Notice::Accepted { files: 2, bytes: Some(9 * MIB) });
    screen.progress(made_up::progress(crate::engine::Phase::Moving, MIB, 9 * MIB));
    use_control(&mut screen, "show-details");
    assert!(screen.card().folds.details);
    let beginning = screen.say_named("cancel-named", "");
    let cancel = tab_to_like(&mut screen, beginning.trim_end());
    screen.press(Key::Space);
    assert!(screen.shows(&screen.say("stop-sending")), "{cancel} asks first");
    use_control(&mut screen, "stop");
    assert!(screen.card().is_cancelling);
    screen.feed(made_up::failed(id, TransferError::Cancelled));
    use_control(&mut screen, "clear-finished");
    assert!(screen.window().state.cards.is_empty());
}

#[test]
fn the_history_is_read_and_cleared() {
    let mut screen = Screen::new();
    let mut past = PastTransfer::now(Direction::Received, "photos".to_owned());
    past.folder = Some(screen.inbox());
    past.outcome = Outcome::Done;
    screen.window().state.history.begin(past);
    use_control(&mut screen, "history");
    assert!(screen.shows("photos"));
    use_control(&mut screen, "history-clear");
    assert_eq!(screen.window().state.dialog, Some(Dialog::ClearHistory));
    use_control(&mut screen, "history-clear");
    assert!(screen.window().state.history.entries().is_empty());
    screen.press(Key::Escape);
    assert_eq!(screen.window().state.dialog, None);
}

#[test]
fn a_setting_is_changed_and_kept() {
    let mut screen = Screen::new();
    use_control(&mut screen, "settings");
    screen.tab_to(&screen.say("set-name"));
    screen.press_with(Modifiers::COMMAND, Key::A);
    screen.type_text("Kitchen");
    screen.press(Key::Escape);
    assert_eq!(screen.window().state.dialog, None);
    let screen = screen.reopened();
    let saved = Settings::look(&Store::at(screen.folder())).settings;
    assert_eq!(saved.name.unwrap().as_str(), "Kitchen");
}

#[test]
fn the_first_steps_are_gone_through() {
    let mut screen = Screen::with(|settings| settings.first_steps_done = false);
    screen.tab_to(&screen.say("set-name"));
    screen.press_with(Modifiers::COMMAND, Key::A);
    screen.type_text("Kitchen");
    for key in ["first-next", "first-next"] {
        use_control(&mut screen, key);
    }
    let last = if screen.control(&screen.say("first-done")).is_some() { "first-done" } else { "first-next" };
    if screen.shows(&screen.say("first-title")) {
        use_control(&mut screen, last);
    }
    assert!(!screen.shows(&screen.say("first-title")), "{:#?}", screen.texts());
    assert_eq!(screen.window().state.settings.name.as_ref().unwrap().as_str(), "Kitchen");
}

#[test]
fn a_relay_is_hosted_and_stopped() {
    let mut screen =
        Screen::with(|settings| (settings.host.port, settings.host.data_ports) = (0, Ports(Vec::new())));
    use_control(&mut screen, "settings");
    let page = screen.say("set-host");
    tab_to_like(&mut screen, &page);
    screen.press(Key::Space);
    use_control(&mut screen, "set-host-start");
    screen.until("the relay", |screen| {
        screen.window().state.host.as_ref().is_some_and(|host| host.reachable.is_some()).then_some(())
    });
    use_control(&mut screen, "set-host-stop");
    screen.until("its end", |screen| screen.window().state.host.is_none().then_some(()));
}

#[test]
fn the_window_is_closed_although_something_moves() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    screen.close();
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("quit-stay")));
    use_control(&mut screen, "quit-anyway");
    assert!(screen.window().may_close);
}
