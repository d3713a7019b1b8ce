//! Whole transfers between two windows, with real engines, a real relay on loopback, and real files.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use eframe::egui::Key;

use super::{Screen, both};
use crate::{
    app::{
        desktop::desk::{ClipboardUse, DeskOutcome},
        model::card::{Card, CardEnd},
    },
    code::words,
    engine::{Command, CrocConfig, CrocPorts, Engine, Event, Phase, RelayConfig, TransferError},
    history::Direction,
    settings::{self, Settings},
};

/// A relay for one test, which ends with it.
pub(super) struct LocalRelay {
    pub(super) address: String,
    /// Where clients find it that have croc.
    pub(super) croc_address: String,
    _engine: Engine,
}

impl LocalRelay {
    pub(super) fn start() -> Self {
        let (wake, woken) = mpsc::channel();
        let wake = move || {
            // Nothing waits for the relay's end.
            let _ = wake.send(());
        };
        let (engine, mut events) = Engine::start(wake).unwrap();
        let config = RelayConfig {
            host: Some([127, 0, 0, 1].into()),
            port: 0,
            data_ports: Vec::new(),
            croc: Some(CrocConfig { ports: CrocPorts::new(vec![0; 3]).unwrap(), ..CrocConfig::default() }),
            ..RelayConfig::default()
        };
        engine.command(Command::Relay(engine.new_id(), Box::new(config))).unwrap();
        loop {
            woken.recv_timeout(Duration::from_mins(1)).expect("the relay starts");
            if let Some(Event::Listening { local, croc_ports, .. }) = events.try_next() {
                let croc_address = format!("127.0.0.1:{}", croc_ports[0]);
                return Self { address: local.to_string(), croc_address, _engine: engine };
            }
        }
    }

    pub(super) fn screen(&self) -> Screen {
        Screen::with_relay(&self.address)
    }
}

fn first(screen: &mut Screen, seen: impl Fn(&Card) -> bool) -> bool {
    screen.window().state.cards.first().is_some_and(seen)
}

/// Waits until the sender's code can be passed on, and returns it.
pub(super) fn code(sender: &mut Screen) -> String {
    sender.until_card("the code", |card| {
        card.progress.phase == Phase::WaitingForPeer && card.manifest.is_some() && card.code.is_some()
    });
    sender.card().code.as_ref().unwrap().to_string()
}

/// Types a code and waits for the offer.
pub(super) fn ask(receiver: &mut Screen, sender: &mut Screen, text: &str) {
    let field = receiver.say("code");
    receiver.click(&field);
    receiver.type_text(text);
    receiver.press(Key::Enter);
    both(receiver, sender, "the offer", |receiver, _| {
        first(receiver, |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()))
    });
}

/// Waits until both have everything in place.
pub(super) fn done(one: &mut Screen, other: &mut Screen) {
    let is_done = |screen: &mut Screen| first(screen, |card| card.end.is_some());
    both(one, other, "the end", |one, other| is_done(one) && is_done(other));
    for screen in [one, other] {
        assert!(screen.card().end.as_ref().is_some_and(CardEnd::is_whole), "{:#?}", screen.texts());
    }
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn dropped_typed_accepted_there() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    let folder = sender.folder().join("album");
    fs::create_dir(&folder).unwrap();
    let picture: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
    fs::write(folder.join("one.jpg"), &picture).unwrap();
    fs::write(folder.join("two.txt"), b"two").unwrap();
    sender.drop_files(&[&folder]);
    let code = code(&mut sender);
    assert!(sender.shows(&code));
    // Three letters of each word are enough.
    let short: Vec<&str> = code.split('-').map(|word| &word[..3]).collect();
    ask(&mut receiver, &mut sender, &short.join(" "));
    assert!(receiver.shows("album"));
    receiver.press(Key::Enter);
    done(&mut sender, &mut receiver);
    assert_eq!(read(&receiver.inbox(), "album/one.jpg"), picture);
    assert_eq!(read(&receiver.inbox(), "album/two.txt"), b"two");
    assert!(sender.shows(&sender.say("sent")) && receiver.shows(&receiver.say("received")));
    for screen in [&mut sender, &mut receiver] {
        assert_eq!(screen.card().progress.files, 2, "both sides count the files that are complete");
        assert_eq!(screen.window().state.history.entries().len(), 1);
    }
}

#[test]
fn a_code_that_is_used_up_is_not_offered_from_the_clipboard_after_a_restart() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    let file = sender.file("notes.txt", b"one two three");
    sender.drop_files(&[&file]);
    let code = code(&mut sender);
    ask(&mut receiver, &mut sender, &code);
    receiver.press(Key::Enter);
    done(&mut sender, &mut receiver);
    let mut receiver = receiver.reopened();
    let look = |screen: &mut Screen, text: &str| {
        let text = Some(text.to_owned());
        screen.outcome(DeskOutcome::Clipboard { purpose: ClipboardUse::Look, files: Vec::new(), text });
        screen.window().state.offered_code.clone()
    };
    assert_eq!(look(&mut receiver, &code), None);
    assert!(look(&mut receiver, "acid-coyote-mustard-tulip").is_some(), "another one is");
}

#[test]
fn without_a_relay_the_invitation_is_enough() {
    let (mut sender, mut receiver) = (Screen::new(), Screen::new());
    let file = sender.file("notes.txt", b"one two three");
    sender.drop_files(&[&file]);
    code(&mut sender);
    sender.click_key("copy-invitation");
    // A field of one line gets a text of several lines like this.
    let invitation = sender.copied.pop().unwrap().replace('\n', " ");
    let field = receiver.say("code");
    receiver.click(&field);
    receiver.window().state.field.set(invitation);
    ask(&mut receiver, &mut sender, "");
    receiver.press(Key::Enter);
    done(&mut sender, &mut receiver);
    assert_eq!(read(&receiver.inbox(), "notes.txt"), b"one two three");
}

#[test]
fn what_was_chosen_in_the_offer_happens_on_the_disk() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    for name in ["keep.txt", "replace.txt"] {
        fs::write(receiver.inbox().join(name), b"old").unwrap();
    }
    let files = ["keep.txt", "replace.txt", "unwanted.txt"].map(|name| sender.file(name, b"new"));
    sender.drop_files(&files.each_ref().map(std::path::PathBuf::as_path));
    let code = code(&mut sender);
    ask(&mut receiver, &mut sender, &code);
    receiver.click("unwanted.txt");
    let of_one = receiver.say_named("conflict-named", "replace.txt");
    receiver.click(&of_one);
    let replace = receiver.say("replace");
    receiver.click_last(&replace);
    let accept = receiver.say_accept(2, 6);
    receiver.click(&accept);
    done(&mut sender, &mut receiver);
    let inbox = receiver.inbox();
    assert_eq!((read(&inbox, "keep.txt"), read(&inbox, "replace.txt")), (b"old".to_vec(), b"new".to_vec()));
    assert!(!inbox.join("unwanted.txt").exists());
    let names = fs::read_dir(&inbox).unwrap().count();
    assert_eq!(names, 3, "the second keep.txt lies beside the first");
}

#[test]
fn a_no_is_told_to_the_other_side() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    let file = sender.file("notes.txt", b"one");
    sender.drop_files(&[&file]);
    let code = code(&mut sender);
    ask(&mut receiver, &mut sender, &code);
    receiver.click_key("decline");
    both(&mut sender, &mut receiver, "the end", |sender, receiver| {
        first(sender, |card| card.end.is_some()) && receiver.window().state.cards.is_empty()
    });
    let told = sender.explained(&TransferError::PeerDeclined, Direction::Sent);
    assert!(sender.shows(&told.happened) && sender.shows(&told.next), "{:#?}", sender.texts());
    assert_eq!(fs::read_dir(receiver.inbox()).unwrap().count(), 0);
}

#[test]
fn a_wrong_code_is_told_on_both_sides() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    let file = sender.file("notes.txt", b"one");
    sender.drop_files(&[&file]);
    let right = code(&mut sender);
    let mut parts: Vec<&str> = right.split('-').collect();
    let other = words::completions("a").find(|word| *word != parts[3]).unwrap();
    parts[3] = other;
    let field = receiver.say("code");
    receiver.click(&field);
    receiver.type_text(&parts.join("-"));
    receiver.press(Key::Enter);
    both(&mut sender, &mut receiver, "the wrong try", |sender, receiver| {
        first(receiver, |card| card.end.is_some()) && first(sender, |card| card.tries_left.is_some())
    });
    let told = receiver.explained(&TransferError::WrongCode { tries_left: Some(2) }, Direction::Received);
    assert!(receiver.shows(&told.happened) && receiver.shows(&told.next), "{:#?}", receiver.texts());
    let warned = sender.words().tell("wrong-try", &[("left", 2.into())]);
    assert!(sender.shows(&warned), "{:#?}", sender.texts());
    // The right code still works.
    sender.until_card("the return", |card| card.progress.phase == Phase::WaitingForPeer);
    ask(&mut receiver, &mut sender, &right);
}

#[test]
fn a_sender_who_changes_their_mind_is_understood() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    let file = sender.file("notes.txt", b"one");
    sender.drop_files(&[&file]);
    let code = code(&mut sender);
    ask(&mut receiver, &mut sender, &code);
    let cancel = sender.say_named("cancel-named", "notes.txt");
    sender.click(&cancel);
    both(&mut sender, &mut receiver, "the end", |sender, receiver| {
        sender.window().state.cards.is_empty() && first(receiver, |card| card.end.is_some())
    });
    assert!(matches!(receiver.card().end, Some(CardEnd::Failed(TransferError::PeerCancelled))));
    let told = receiver.explained(&TransferError::PeerCancelled, Direction::Received);
    assert!(receiver.shows(&told.happened));
}

#[test]
fn a_pasted_text_arrives_to_be_read() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    let text = Some("see you\nat eight".to_owned());
    sender.outcome(DeskOutcome::Clipboard { purpose: ClipboardUse::Paste, files: Vec::new(), text });
    sender.click_key("text-send");
    let code = code(&mut sender);
    ask(&mut receiver, &mut sender, &code);
    receiver.press(Key::Enter);
    done(&mut sender, &mut receiver);
    assert!(receiver.shows("see you") && receiver.shows(&receiver.say("text-received")));
    receiver.click_key("copy-text");
    assert_eq!(receiver.copied, ["see you\nat eight"]);
    assert!(sender.shows(&sender.say("text-sent")));
}

/// A sender and a receiver between whom the first bytes of a film have moved, the film's path, and its bytes.
fn film_on_its_way(relay: &LocalRelay) -> (Screen, Screen, PathBuf, Vec<u8>) {
    const SIZE: usize = 6_000_000;
    let slow = |settings: &mut Settings| {
        settings.relays = vec![settings::SavedRelay::new(relay.address.parse().unwrap())];
        settings.bytes_per_sec = Some(2_000_000);
    };
    let (mut sender, mut receiver) = (Screen::with(slow), relay.screen());
    let bytes: Vec<u8> = (0..SIZE).map(|n| ((n * n) >> 9) as u8).collect();
    let file = sender.file("film.mov", &bytes);
    sender.drop_files(&[&file]);
    let code = code(&mut sender);
    ask(&mut receiver, &mut sender, &code);
    receiver.press(Key::Enter);
    both(&mut sender, &mut receiver, "the first bytes", |sender, receiver| {
        let has_some = |card: &Card| card.progress.phase == Phase::Moving && card.progress.bytes > 0;
        first(sender, has_some) && first(receiver, has_some)
    });
    (sender, receiver, file, bytes)
}

#[test]
fn a_pause_of_either_side_is_shown_on_both_and_lifted_by_its_own() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver, _file, bytes) = film_on_its_way(&relay);
    let [pause, resume] = ["pause-named", "resume-named"].map(|key| sender.say_named(key, "film.mov"));
    let here = sender.say("paused-here");
    let [of_receiver, of_sender] =
        [Direction::Sent, Direction::Received].map(|side| sender.say_of("paused-there-means", side));
    let both_mean =
        [Direction::Sent, Direction::Received].map(|side| sender.say_of("paused-both-means", side));

    sender.click(&pause);
    both(&mut sender, &mut receiver, "the sender's pause", |sender, receiver| {
        sender.shows(&here) && receiver.shows(&of_sender)
    });
    receiver.click(&pause);
    both(&mut sender, &mut receiver, "both pauses", |sender, receiver| {
        sender.shows(&both_mean[0]) && receiver.shows(&both_mean[1])
    });
    sender.click(&resume);
    both(&mut sender, &mut receiver, "the receiver's pause alone", |sender, receiver| {
        sender.shows(&of_receiver) && receiver.shows(&here) && !receiver.shows(&both_mean[1])
    });
    assert!([&mut sender, &mut receiver].into_iter().all(|screen| screen.card().end.is_none()));
    receiver.click(&resume);
    done(&mut sender, &mut receiver);
    assert_eq!(read(&receiver.inbox(), "film.mov"), bytes);
}

#[test]
fn what_a_closed_window_left_is_gone_on_with_in_the_folder_where_it_is() {
    let relay = LocalRelay::start();
    let (mut sender, receiver, file, bytes) = film_on_its_way(&relay);
    let resume = receiver.say_named("resume-named", "film.mov");
    assert!(receiver.control(&resume).is_none(), "what runs is not unfinished");
    let mut receiver = receiver.reopened();
    sender.until_card("the end", |card| card.end.is_some());
    sender.click_key("clear-finished");

    // By now everything else is saved in another folder.
    let elsewhere = receiver.folder().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    receiver.window().state.save_folder = elsewhere;
    receiver.until("the list", |receiver| receiver.control(&resume).is_some().then_some(()));
    receiver.click(&resume);
    sender.drop_files(&[&file]);
    let second_code = code(&mut sender);
    receiver.type_text(&second_code);
    receiver.press(Key::Enter);
    both(&mut receiver, &mut sender, "the offer", |receiver, _| {
        first(receiver, |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()))
    });
    let here = receiver.card().sheet.as_ref().unwrap().offer.resumable;
    assert!(here > 0);
    let here = receiver.words().bytes(here);
    let told = receiver.words().tell("here-already", &[("size", here.into())]);
    assert!(receiver.shows(&told), "{:#?}", receiver.texts());
    receiver.press(Key::Enter);
    done(&mut sender, &mut receiver);
    assert_eq!(read(&receiver.inbox(), "film.mov"), bytes);
    receiver.until("the end of the list", |receiver| receiver.control(&resume).is_none().then_some(()));
}
