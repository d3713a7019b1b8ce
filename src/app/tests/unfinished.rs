//! The list of interrupted transfers: what is in it, resuming one, deleting one. The staging folders are real.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use eframe::egui::Key;

use super::{
    Screen,
    made_up::{self, failed, manifest},
    people::{BEN, knows},
    screen::name_of,
};
use crate::{
    app::{model::action::Dialog, words::shown_path},
    engine::{Notice, Registry, TaskId, TransferError},
    history::Direction,
    transfer::{
        show::Shown,
        sink::{leftovers::Leftovers, staging::Staging},
    },
};

const BLOCK: u64 = 256 << 10;

/// Leaves one block of `entries` in `chosen`, as an interrupted transfer would, and returns the staging folder.
fn leave(screen: &Screen, chosen: &Path, id: u8, entries: &[(&str, u64)]) -> PathBuf {
    fs::create_dir_all(chosen).unwrap();
    let registry = Registry::at(Some(screen.folder().join("unfinished")));
    let leftovers = Leftovers::of(None, &registry.key().unwrap());
    let staging = Staging::of_all(chosen, id, manifest(entries), leftovers);
    staging.store(0, &vec![7; BLOCK as usize]).unwrap();
    staging.note_stored(&[(0, 1)]).unwrap();
    registry.note(staging.folder()).unwrap();
    staging.keep();
    staging.folder().to_owned()
}

/// A window that finds one interrupted transfer in its save folder, and its staging folder.
fn with_film() -> (Screen, PathBuf) {
    let screen = Screen::new();
    let kept = leave(&screen, &screen.inbox(), 1, &[("film.mov", 4 * BLOCK)]);
    let mut screen = screen.reopened();
    screen.until_shown("film.mov");
    (screen, kept)
}

fn held(screen: &Screen) -> String {
    let words = screen.words();
    let args = [("held", words.bytes(BLOCK).into()), ("total", words.bytes(4 * BLOCK).into())];
    words.tell("held-of", &args)
}

#[test]
fn nothing_interrupted_is_not_mentioned() {
    let screen = Screen::new();
    assert!(!screen.shows(&screen.say("unfinished")));
}

#[test]
fn what_was_interrupted_is_listed_with_how_much_is_here_and_where() {
    let (screen, _) = with_film();
    assert!(screen.shows(&screen.say("unfinished")));
    let folder = format!(" · {}", shown_path(&screen.inbox()));
    let is_line = |text: &String| text.starts_with(&held(&screen)) && text.ends_with(&folder);
    assert!(screen.texts().iter().any(is_line), "{folder}: {:#?}", screen.texts());
    for key in ["resume-named", "discard-named"] {
        assert!(screen.control(&screen.say_named(key, "film.mov")).is_some(), "{key}");
    }
    let bar = screen.say_named("progress-named", "film.mov");
    assert_eq!(screen.number(&bar), Some(25.0));
}

#[test]
fn several_things_are_called_by_their_first_names_and_none_can_turn_the_text() {
    let screen = Screen::new();
    let names = ["a\u{202e}.txt", "b.txt", "c.txt", "d.txt", "e.txt"];
    leave(&screen, &screen.inbox(), 1, &names.map(|name| (name, BLOCK)));
    let mut screen = screen.reopened();
    let more = [("names", format!("{}, b.txt, c.txt", Shown(names[0])).into()), ("count", 2.into())];
    let name = screen.words().tell("and-more", &more);
    screen.until_shown(&name);
    assert!(!screen.texts().iter().any(|text| text.contains('\u{202e}')));
}

#[test]
fn resume_says_what_to_do_and_takes_the_keyboard_to_the_code() {
    let (mut screen, _) = with_film();
    let resume = screen.say_named("resume-named", "film.mov");
    screen.tab_to(&resume);
    screen.press(Key::Enter);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("code")));
    let told = screen.say("resume-means");
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    screen.click_key("resume-undo");
    assert!(!screen.shows(&told) && screen.shows(&screen.say("receive-hint")));
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("code")));
}

#[test]
fn what_lies_in_another_folder_is_received_there() {
    // This accepts connections and never says anything.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let screen = Screen::with_relay(&silent.local_addr().unwrap().to_string());
    let other = screen.folder().join("other");
    leave(&screen, &other, 1, &[("film.mov", 4 * BLOCK)]);
    let mut screen = screen.reopened();
    screen.until_shown("film.mov");
    let resume = screen.say_named("resume-named", "film.mov");
    screen.click(&resume);
    let folder = shown_path(&other);
    let args = [("folder", folder.as_str().into())];
    let told = screen.words().tell("resume-into", &args);
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    let save_to = format!("{}: {}", screen.say("save-to-change"), shown_path(&screen.inbox()));
    assert!(screen.control(&save_to).is_none(), "it doesn't go there");
    screen.type_text(made_up::CODE);
    screen.press(Key::Enter);
    assert!(!screen.shows(&told) && screen.control(&save_to).is_some(), "it is for one receive only");
    // Nothing came of the receive, so the transfer is still to be resumed.
    let cancel = screen.say_named("cancel-named", &screen.say("a-transfer"));
    screen.click(&cancel);
    screen.until_shown(&told);
}

#[test]
fn discard_asks_first_and_the_keyboard_answers() {
    let (mut screen, kept) = with_film();
    let discard = screen.say_named("discard-named", "film.mov");
    let question = screen.say("discard-question");
    screen.tab_to(&discard);
    screen.press(Key::Enter);
    assert_eq!(screen.dialog_name(), Some(question));
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("discard-keep")), "Enter is harmless");
    screen.press(Key::Escape);
    assert_eq!(screen.window().state.dialog, None);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(discard.clone()), "back where it was");
    assert!(kept.is_dir() && screen.shows("film.mov"));

    screen.press(Key::Enter);
    let sure = screen.say("discard");
    screen.tab_to(&sure);
    screen.press(Key::Enter);
    assert!(!screen.shows("film.mov") && screen.window().state.dialog.is_none());
    screen.until("the space", |_| (!kept.exists()).then_some(()));
    let screen = screen.reopened();
    assert!(!screen.shows(&screen.say("unfinished")));
}

#[test]
fn that_of_a_person_goes_on_by_itself_unless_it_is_discarded() {
    let (mut screen, person) = knows(BEN);
    let film = [("film.mov", 4 * BLOCK)];
    leave(&screen, &screen.inbox(), 1, &film);
    let (digest, inbox) = (manifest(&film).digest(), screen.inbox());
    screen.window().note_of_people(move |people| people.note_accepted(person, &digest, &inbox));
    let mut screen = screen.reopened();
    screen.until_shown("film.mov");
    let goes_on = screen.words().tell("unfinished-goes-on", &[("who", BEN.into())]);
    screen.until("the person", |screen| {
        screen.texts().iter().any(|text| text.starts_with(&goes_on)).then_some(())
    });
    assert!(screen.control(&screen.say_named("resume-named", "film.mov")).is_none(), "no code is needed");
    assert!(!screen.shows(&screen.say("unfinished-hint")), "{:#?}", screen.texts());
    let discard = screen.say_named("discard-named", "film.mov");
    screen.click(&discard);
    screen.click_key("discard");
    screen.until("the note", |screen| {
        screen.window().state.people.goes_unasked(person, &digest).is_none().then_some(())
    });
}

#[test]
fn what_cannot_be_removed_is_told_and_stays() {
    let (mut screen, kept) = with_film();
    // This is found only when the list is read again, which has to be over before the film is locked.
    leave(&screen, &screen.inbox(), 2, &[("notes.txt", 4 * BLOCK)]);
    let discarded = Err(std::io::ErrorKind::PermissionDenied.into());
    screen.outcome(crate::app::desktop::desk::DeskOutcome::Discarded {
        name: "film.mov".to_owned(),
        discarded,
    });
    let args = [("name", "film.mov".into()), ("cause", screen.say("cause-denied").into())];
    let told = screen.words().tell("not-discarded", &args);
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    screen.until_shown("notes.txt");

    // Another transfer resumes it between the question and the answer.
    let claim = fs::File::options().write(true).open(kept.join("lock")).unwrap();
    claim.lock().unwrap();
    let discard = screen.say_named("discard-named", "film.mov");
    screen.click(&discard);
    screen.click_key("discard");
    let told = screen.say_named("not-discarded-in-use", "film.mov");
    screen.until_shown(&told);
    drop(claim);
    assert!(kept.is_dir());
}

#[test]
fn a_question_about_what_is_gone_goes_as_well() {
    let (mut screen, kept) = with_film();
    let discard = screen.say_named("discard-named", "film.mov");
    screen.click(&discard);
    assert_eq!(screen.window().state.dialog, Some(Dialog::Discard));
    fs::remove_dir_all(kept).unwrap();
    screen.window().list_unfinished();
    screen.until("the answer", |screen| screen.window().state.dialog.is_none().then_some(()));
    assert!(!screen.shows("film.mov"));
}

/// Adds a receive of 8 MiB that broke off and keeps its bytes in `kept`.
fn broken_off(screen: &mut Screen, kept: &Path, error: TransferError) -> TaskId {
    let id = screen.moving(Direction::Received);
    screen.notice(id, Notice::Kept(kept.to_owned()));
    screen.feed(failed(id, error));
    id
}

#[test]
fn a_broken_receive_is_gone_on_with_from_its_card() {
    let mut screen = Screen::new();
    let kept = leave(&screen, &screen.inbox(), 1, &[("notes.txt", 32 * BLOCK)]);
    broken_off(&mut screen, &kept, TransferError::PeerCancelled);
    screen.click_key("show-details");
    assert!(!screen.shows(&screen.say("lost-removed")), "{:#?}", screen.texts());
    let listed = screen.say_named("resume-named", "notes.txt");
    screen.until("the list", |screen| (!screen.window().state.unfinished.list.is_empty()).then_some(()));
    assert!(screen.control(&listed).is_none(), "it stands on its card, and not a second time");
    screen.click_key("resume");
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("code")));
    let told = screen.say("resume-means");
    assert!(screen.shows(&told));

    // Once it is deleted, no card and no note says that it is here.
    let discard = screen.say_named("discard-named", "notes.txt");
    screen.click(&discard);
    screen.click_key("discard");
    screen.until("what is no longer kept", |screen| screen.card().kept.is_none().then_some(()));
    assert!(screen.control(&screen.say("resume")).is_none());
    assert!(!screen.shows(&told) && screen.shows(&screen.say("lost-removed")), "{:#?}", screen.texts());
}

#[test]
fn tab_comes_to_every_one_of_many() {
    let screen = Screen::new();
    for number in 0..6 {
        leave(&screen, &screen.inbox(), number, &[(&format!("film {number}.mov"), 4 * BLOCK)]);
    }
    let mut screen = screen.reopened();
    screen.until_shown("film 5.mov");
    let controls: Vec<String> = screen.controls().iter().map(name_of).collect();
    let buttons = controls.into_iter().filter(|name| name.contains("film"));
    let buttons: Vec<String> = buttons.collect();
    assert_eq!(buttons.len(), 12, "{buttons:?}");
    for button in buttons {
        screen.tab_to(&button);
    }
}

#[test]
fn the_code_field_comes_into_sight_from_far_below() {
    let screen = Screen::new();
    for number in 0..30 {
        leave(&screen, &screen.inbox(), number, &[(&format!("film {number}.mov"), 4 * BLOCK)]);
    }
    let mut screen = screen.reopened();
    screen.until_shown("film 29.mov");
    let code = screen.say("code");
    screen.point_at(screen.place(&code).unwrap().center());
    screen.scroll(-5000.0);
    assert!(screen.place(&code).is_none_or(|place| place.bottom() < 0.0), "the field is out of sight");
    // The oldest one is last.
    let resume = screen.say_named("resume-named", "film 0.mov");
    screen.click(&resume);
    for seen in [screen.say("resume-means"), code] {
        let place = screen.place(&seen).unwrap();
        assert!(place.top() > 0.0 && place.bottom() < 1400.0, "{seen}: {place}");
    }
}
