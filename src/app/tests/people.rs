//! People that two users have remembered: they send to each other without a code, with real engines and a real relay on loopback.

use std::{fs, path::Path};

use eframe::egui::{Key, Modifiers};

use super::{
    Screen, both,
    made_up::{self, MIB, manifest},
    transfers::{LocalRelay, ask, code, done},
};
use crate::{
    app::{
        desktop::{
            desk::{DeskOutcome, PickPurpose},
            dialogs::Picked,
        },
        explain,
        model::card::{Card, CardEnd, StartedWith},
    },
    crypto::{KnownPair, PairKey, Side},
    engine::{CallState, Called, Event, Notice, PairId, Presence, Report, TransferError},
    history::Direction,
    people::People,
    settings::SavedRelay,
};

pub(super) const ANN: &str = "Ann's laptop";
pub(super) const BEN: &str = "Ben";

/// A window on a computer of this name.
fn screen(relay: &LocalRelay, name: &str) -> Screen {
    Screen::with(|settings| {
        settings.relays = vec![SavedRelay::new(relay.address.parse().unwrap())];
        (settings.name, settings.tell_name) = (name.parse().ok(), true);
    })
}

pub(super) fn sentence(screen: &Screen, key: &str, direction: Direction, name: &str) -> String {
    explain::sentence(screen.words(), key, (direction, Some(name)), &[])
}

/// Ann and Ben, after a first transfer from Ann to Ben under a code, after which both have remembered the other.
fn acquainted(relay: &LocalRelay) -> (Screen, Screen) {
    let (mut ann, mut ben) = (screen(relay, ANN), screen(relay, BEN));
    let file = ann.file("first.txt", b"first");
    ann.drop_files(&[&file]);
    let code = code(&mut ann);
    ask(&mut ben, &mut ann, &code);
    ben.press(Key::Enter);
    done(&mut ann, &mut ben);
    for (screen, direction, other) in [(&mut ann, Direction::Sent, BEN), (&mut ben, Direction::Received, ANN)]
    {
        let remember = sentence(screen, "remember", direction, other);
        screen.click(&remember);
        screen.until("the person", |screen| (screen.window().state.people.all().len() == 1).then_some(()));
        assert!(screen.shows(&screen.say_named("remembered", other)), "{:#?}", screen.texts());
        screen.click_key("clear-finished");
    }
    (ann, ben)
}

/// The person of this window.
fn person(screen: &mut Screen) -> PairId {
    screen.window().state.people.all()[0].pair.id()
}

/// Drops a file on the name of a person.
fn drop_on(screen: &mut Screen, name: &str, file: &Path) {
    let button = screen.say_named("person-send-named", name);
    let find = |screen: &mut Screen| {
        let shown = screen.texts().into_iter().find(|text| text.starts_with(&format!("{button}, ")))?;
        screen.place(&shown)
    };
    let place = find(screen).unwrap_or_else(|| panic!("{:#?}", screen.texts()));
    screen.point_at(place.center());
    screen.hold(&[file]);
    assert!(screen.paints(&screen.say_named("drop-to-person", name)));
    screen.drop_files(&[file]);
}

fn first(screen: &mut Screen, seen: impl Fn(&Card) -> bool) -> bool {
    screen.window().state.cards.first().is_some_and(seen)
}

/// Waits until the receiver is asked.
fn is_asked(receiver: &mut Screen, sender: &mut Screen) {
    both(receiver, sender, "the offer", |receiver, _| {
        first(receiver, |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()))
    });
}

#[test]
fn a_drop_on_a_name_sends_without_a_code_in_both_directions() {
    let relay = LocalRelay::start();
    let (mut ann, mut ben) = acquainted(&relay);
    let file = ann.file("second.txt", b"second");
    drop_on(&mut ann, BEN, &file);
    is_asked(&mut ben, &mut ann);
    assert!(ann.shows(BEN) && ann.card().code.is_none(), "{:#?}", ann.texts());
    assert!(ben.shows("Ann's laptop wants to send you second.txt"), "{:#?}", ben.texts());
    let accept = ben.say_accept(1, 6);
    ben.click(&accept);
    done(&mut ann, &mut ben);
    assert_eq!(fs::read(ben.inbox().join("second.txt")).unwrap(), b"second");
    assert!(!ben.shows(&sentence(&ben, "remember", Direction::Received, ANN)), "they know each other");
    let answer = ben.file("answer.txt", b"answer");
    drop_on(&mut ben, ANN, &answer);
    is_asked(&mut ann, &mut ben);
    let accept = ann.say_accept(1, 6);
    ann.click(&accept);
    done(&mut ann, &mut ben);
    assert_eq!(fs::read(ann.inbox().join("answer.txt")).unwrap(), b"answer");
}

#[test]
fn a_trusted_person_is_not_asked_about_and_a_blocked_one_is_not_heard() {
    let relay = LocalRelay::start();
    let (mut ann, mut ben) = acquainted(&relay);
    let (of_ann, trusted) = (person(&mut ben), ben.folder().join("From Ann"));
    fs::create_dir(&trusted).unwrap();
    let picked = Picked::Paths(vec![trusted.clone()]);
    ben.outcome(DeskOutcome::Picked(PickPurpose::Trust(of_ann), picked));
    ben.until("the folder", |ben| ben.window().state.people.all()[0].trusted_folder.is_some().then_some(()));
    let file = ann.file("photo.jpg", b"photo");
    drop_on(&mut ann, BEN, &file);
    both(&mut ann, &mut ben, "the first card", |_, ben| !ben.window().state.cards.is_empty());
    done(&mut ann, &mut ben);
    assert_eq!(fs::read(trusted.join("photo.jpg")).unwrap(), b"photo");
    let more = ben.say_named("person-more-named", ANN);
    ben.click(&more);
    ben.click_key("person-block");
    ben.until("the block", |ben| ben.window().state.people.all()[0].is_blocked.then_some(()));
    let file = ann.file("more.jpg", b"more");
    drop_on(&mut ann, BEN, &file);
    both(&mut ann, &mut ben, "nobody", |ann, _| {
        first(ann, |card| matches!(card.call, Some(CallState::Away(_))))
    });
    assert!(ann.shows(&sentence(&ann, "calling-away", Direction::Sent, BEN)), "{:#?}", ann.texts());
    assert_eq!(ben.window().state.cards.len(), 1, "{:#?}", ben.texts());
}

#[test]
fn what_was_cut_off_on_either_side_goes_on_by_itself() {
    let relay = LocalRelay::start();
    let (mut ann, mut ben) = acquainted(&relay);
    ann.window().state.settings.bytes_per_sec = Some(4 * MIB);
    let bytes: Vec<u8> = (0..24 * MIB as u32).map(|n| (n.wrapping_mul(n) >> 9) as u8).collect();
    let file = ann.file("film.mov", &bytes);
    drop_on(&mut ann, BEN, &file);
    is_asked(&mut ben, &mut ann);
    let accept = ben.say_accept(1, 24 * MIB);
    ben.click(&accept);
    let moves = |screen: &mut Screen| first(screen, |card| card.progress.bytes > 4 * MIB);
    both(&mut ann, &mut ben, "the beginning", |_, ben| moves(ben));
    let mut ben = ben.reopened();
    both(&mut ann, &mut ben, "the rest to begin", |_, ben| {
        first(ben, |card| card.accepted.is_some() && card.progress.bytes > 8 * MIB)
    });
    let mut ann = ann.reopened();
    ann.until("the send", |ann| (!ann.window().state.cards.is_empty()).then_some(()));
    let again = ann.say("send-again");
    assert!(ann.control(&again).is_none(), "it goes on by itself: {:#?}", ann.texts());
    assert!(matches!(&ann.card().started_with, StartedWith::Paths(paths) if *paths == [file]));
    both(&mut ann, &mut ben, "the end", |ann, ben| {
        [ann, ben].map(|side| first(side, |card| card.end.as_ref().is_some_and(CardEnd::is_whole)))
            == [true; 2]
    });
    assert_eq!(fs::read(ben.inbox().join("film.mov")).unwrap(), bytes);
    assert_eq!(ben.window().state.cards.len(), 1, "no attempt stays behind: {:#?}", ben.texts());
    // It is over, and does not go on once more.
    let mut ann = ann.reopened();
    ann.until("the people", |ann| (!ann.window().state.people.all().is_empty()).then_some(()));
    assert!(ann.window().state.cards.is_empty(), "{:#?}", ann.texts());
}

#[test]
fn a_send_to_a_person_that_the_user_stops_is_not_kept() {
    let relay = LocalRelay::start();
    let (mut ann, ben) = acquainted(&relay);
    drop(ben);
    let file = ann.file("second.txt", b"second");
    drop_on(&mut ann, BEN, &file);
    let of_ben = person(&mut ann);
    let kept = |ann: &mut Screen| ann.window().state.people.of(of_ben).unwrap().sending().count();
    ann.until("the send to be kept", |ann| (kept(ann) == 1).then_some(()));
    let cancel = ann.say_named("cancel-named", "second.txt");
    ann.click(&cancel);
    ann.until("the end", |ann| (ann.window().state.cards.is_empty() && kept(ann) == 0).then_some(()));
}

fn made_up_pair() -> KnownPair {
    KnownPair::new(PairKey::from_bytes(&[7; 32]), Side::Sender)
}

/// A window that knows a person of this name, with nobody at the other end.
pub(super) fn knows(name: &'static str) -> (Screen, PairId) {
    let mut screen = Screen::new();
    let pair = made_up_pair();
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Acquainted(pair.clone()));
    screen.notice(id, Notice::Peer(name.parse().unwrap()));
    screen.window().remember(id);
    screen.until("the person", |screen| (!screen.window().state.people.all().is_empty()).then_some(()));
    screen.feed(made_up::failed(id, TransferError::Cancelled));
    (screen, pair.id())
}

#[test]
fn a_person_is_renamed_and_forgotten_by_keyboard_and_only_after_a_question() {
    let (mut screen, id) = knows(BEN);
    screen.tab_to(&screen.say_named("person-more-named", BEN));
    screen.press(Key::Enter);
    assert_eq!(screen.dialog_name().as_deref(), Some(BEN));
    let field = screen.say("person-name");
    screen.tab_to(&field);
    screen.press_with(Modifiers::COMMAND, Key::A);
    screen.type_text("Benjamin");
    screen.press(Key::Enter);
    let name = |screen: &mut Screen| screen.window().state.people.of(id).map(|person| person.name.clone());
    screen.until("the new name", |screen| (name(screen).as_deref() == Some("Benjamin")).then_some(()));
    screen.fill(&field, &"x".repeat(41));
    screen.press(Key::Enter);
    let too_long = screen.words().tell("set-bad-name", &[("most", 40.into())]);
    screen.until_shown(&too_long);
    assert_eq!(name(&mut screen).as_deref(), Some("Benjamin"));
    screen.click_key("person-forget");
    assert!(screen.shows(&screen.say_named("person-forget-question", "Benjamin")));
    // The keyboard is on the answer that loses nothing.
    screen.press(Key::Enter);
    assert!(name(&mut screen).is_some() && screen.dialog_name().is_some());
    for _ in 0..2 {
        screen.tab_to(&screen.say("person-forget"));
        screen.press(Key::Enter);
    }
    screen.until("nobody", |screen| screen.window().state.people.all().is_empty().then_some(()));
    assert_eq!(screen.dialog_name(), None);
}

/// Catches a refusal that is shown only in a dialog which has long been closed.
#[test]
fn why_nobody_is_remembered_is_told_on_the_page() {
    let (mut screen, _) = knows(BEN);
    screen.click(&screen.say_named("person-more-named", BEN));
    screen.press(Key::Escape);
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Acquainted(made_up_pair()));
    screen.window().remember(id);
    let told = screen.say_named("remembered", BEN);
    screen.until_shown(&told);
}

#[test]
fn each_receiver_of_one_code_can_be_remembered() {
    let mut screen = Screen::new();
    let of = screen.made_up(Direction::Sent);
    screen.card().receivers = 2;
    screen.notice(of, Notice::Listed(manifest(&[("notes.txt", MIB)])));
    let id = screen.window().engine.new_id();
    screen.feed(Event::Branch { of, id });
    screen.notice(id, Notice::Peer(BEN.parse().unwrap()));
    screen.notice(id, Notice::Acquainted(made_up_pair()));
    let remember = sentence(&screen, "remember", Direction::Sent, BEN);
    assert!(screen.control(&remember).is_none(), "nothing has arrived yet");
    let report = Report { stored: 1, bytes: MIB, receivers: 1, ..Report::default() };
    screen.feed(Event::Ended(id, Ok(report)));
    screen.click(&remember);
    screen.until("the person", |screen| {
        screen.window().state.people.of(made_up_pair().id()).map(|person| assert_eq!(person.name, BEN))
    });
    assert!(screen.control(&remember).is_none());
}

/// Catches a dialog that nobody sees and that keeps the page from the keyboard.
#[test]
fn the_question_about_a_person_that_is_gone_goes_as_well() {
    let (mut screen, id) = knows(BEN);
    screen.click(&screen.say_named("person-more-named", BEN));
    screen.click_key("person-forget");
    screen.outcome(DeskOutcome::People { people: People::default(), problem: None, changed: Ok(()) });
    assert!(screen.window().state.dialog.is_none() && screen.window().state.people.of(id).is_none());
}

/// A part of an offer that was accepted is not the offer.
#[test]
fn what_was_accepted_in_part_does_not_go_on_by_itself() {
    let (mut screen, person) = knows(BEN);
    let id = screen.made_up(Direction::Received);
    screen.window().is_with(id, person);
    let offer = made_up::offer(&manifest(&[("a.txt", 1), ("b.txt", 1)]), &screen.inbox(), &[]);
    screen.notice(id, Notice::Offer(offer));
    screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
    assert!(screen.card().offer.is_some());
    screen.click("b.txt");
    let accept = screen.say_accept(1, 1);
    screen.click(&accept);
    assert!(screen.card().offer.is_none());
}

#[test]
fn a_name_says_where_the_person_can_be_reached() {
    let (mut screen, id) = knows(BEN);
    for (presence, key) in [
        (Presence::Nearby, "person-nearby"),
        (Presence::Reachable, "person-reachable"),
        (Presence::Away, "person-away"),
    ] {
        screen.feed(Event::Presence(id, presence));
        let spoken = format!("{}, {}", screen.say_named("person-send-named", BEN), screen.say(key));
        assert!(screen.shows(&spoken), "{:#?}", screen.texts());
    }
}

#[test]
fn a_person_goes_by_the_name_that_the_user_knows() {
    let (mut screen, person) = knows(BEN);
    let id = screen.made_up(Direction::Received);
    screen.window().is_with(id, person);
    screen.notice(id, Notice::Peer("Mallory".parse().unwrap()));
    let offer = made_up::offer(&manifest(&[("notes.txt", 1)]), &screen.inbox(), &[]);
    screen.notice(id, Notice::Offer(offer));
    assert!(screen.shows("Ben wants to send you notes.txt"), "{:#?}", screen.texts());
    assert!(!screen.shows("Mallory"));
}

#[test]
fn who_has_the_name_of_a_known_person_is_told_from_them() {
    let (mut screen, _) = knows(BEN);
    let id = screen.moving(Direction::Received);
    screen.notice(id, Notice::Acquainted(KnownPair::new(PairKey::from_bytes(&[8; 32]), Side::Receiver)));
    screen.notice(id, Notice::Peer(BEN.parse().unwrap()));
    screen.feed(Event::Ended(id, Ok(Report { stored: 1, ..Report::default() })));
    let told = sentence(&screen, "remember-anew", Direction::Received, BEN);
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    let remember = sentence(&screen, "remember", Direction::Received, BEN);
    screen.click(&remember);
    screen.until("the second", |screen| (screen.window().state.people.all().len() == 2).then_some(()));
}

/// Catches a person that fills the page, though it never gets an answer.
#[test]
fn one_who_calls_and_hangs_up_again_and_again_leaves_one_card() {
    let (mut screen, person) = knows(BEN);
    for part in ["seven", "eight", "three"] {
        let code = format!("{part}-caller-hangs-again").parse().unwrap();
        screen.feed(Event::Called(Called { person, code, relay: None }));
        let id = screen.card().id;
        screen.feed(made_up::failed(id, TransferError::PeerCancelled));
    }
    let with_ben = screen.window().state.cards.iter().filter(|card| card.person == Some(person)).count();
    assert_eq!(with_ben, 1, "{:#?}", screen.texts());
}

#[test]
fn closing_asks_while_people_could_send() {
    let (mut screen, _) = knows(BEN);
    screen.close();
    assert!(screen.shows(&screen.say("quit-people")), "{:#?}", screen.texts());
}
