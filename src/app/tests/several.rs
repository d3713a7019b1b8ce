//! More for the same receiver, and several receivers of one code: what the sender's window shows of them, what the
//! receiver's window does by itself, and whole transfers of both kinds.

use std::fs;

use eframe::egui::Key;

use super::{
    Screen, both,
    made_up::{self, MIB, failed, manifest, progress},
    transfers::{LocalRelay, ask, code},
};
use crate::{
    app::{
        model::card::{Bond, Card, CardEnd},
        views::DropTarget,
    },
    engine::{Event, FileWatch, Notice, Phase, Progress, Report, TaskId, TransferError},
    history::Direction,
};

/// Adds a send for three receivers, none of whom has come yet.
fn for_three(screen: &mut Screen) -> TaskId {
    let id = screen.made_up(Direction::Sent);
    screen.card().receivers = 3;
    screen.feed(made_up::code_of(id));
    screen.notice(id, Notice::Listed(manifest(&[("notes.txt", 8 * MIB)])));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    id
}

/// Lets a receiver come.
fn comes(screen: &mut Screen, of: TaskId) -> TaskId {
    let id = screen.window().engine.new_id();
    let snapshots = screen.snapshots.subscribe();
    screen.feed(Event::Branch { of, id });
    screen.feed(Event::Started(id, snapshots, FileWatch::default()));
    id
}

fn receiver(screen: &Screen, number: u64) -> String {
    screen.words().tell("receiver-named", &[("number", number.into())])
}

fn came(screen: &Screen, came: u64) -> String {
    screen.words().tell("for-several", &[("most", 3.into()), ("came", came.into())])
}

#[test]
fn what_is_dropped_on_a_send_that_runs_goes_to_the_same_receiver_without_a_code() {
    let mut screen = Screen::new();
    let before = screen.moving(Direction::Sent);
    let place = screen.place("notes.txt").expect("the card is there").center();
    let more = screen.file("more.txt", b"more");
    screen.point_at(place);
    screen.hold(&[&more]);
    assert!(screen.paints(&screen.say("drop-to-follow")));
    screen.drop_files(&[&more]);
    // The desk finds out where the pointer is.
    screen.until_card("the send", |card| card.bond == Some(Bond::After(before)));
    assert!(screen.shows("more.txt"), "{:#?}", screen.texts());
    for key in ["copy-code", "copy-invitation", "code-coming", "show-qr"] {
        assert!(screen.control(&screen.say(key)).is_none() && !screen.shows(&screen.say(key)), "{key}");
    }
}

#[test]
fn more_can_be_sent_with_the_keyboard_as_long_as_the_two_are_connected() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Sent);
    let more = screen.say_named("more-named", "notes.txt");
    assert!(screen.control(&more).is_some());
    let lost = crate::engine::Connection::LookingForPeer;
    screen.progress(Progress { connection: lost, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) });
    assert!(screen.control(&more).is_none(), "nobody is there to be asked");
    screen.progress(progress(Phase::Moving, 2 * MIB, 8 * MIB));
    screen.feed(failed(id, TransferError::PeerLost));
    assert!(screen.control(&more).is_none());
}

#[test]
fn a_receiver_that_is_gone_can_be_sent_to_again_under_a_code() {
    let mut screen = Screen::new();
    let before = screen.moving(Direction::Sent);
    let id = screen.made_up(Direction::Sent);
    screen.card().bond = Some(Bond::After(before));
    screen.feed(failed(id, TransferError::PeerGone));
    let words = screen.explained(&TransferError::PeerGone, Direction::Sent);
    assert!(screen.shows(&words.happened) && screen.shows(&words.next), "{:#?}", screen.texts());
    screen.click_key("send-again");
    assert_eq!(screen.card().bond, None);
}

#[test]
fn each_receiver_has_a_row_with_its_own_progress_and_controls() {
    let mut screen = Screen::new();
    let of = for_three(&mut screen);
    assert!(screen.shows(&came(&screen, 0)) && screen.control(&screen.say("copy-code")).is_some());
    let one = comes(&mut screen, of);
    assert!(screen.control(&screen.say("add-files")).is_none(), "the first one was offered what there was");
    let two = comes(&mut screen, of);
    assert!(screen.shows(&came(&screen, 2)), "{:#?}", screen.texts());
    screen.notice(one, Notice::Accepted { files: 1, bytes: Some(8 * MIB) });
    screen.progress(progress(Phase::Moving, 2 * MIB, 8 * MIB));
    let [first, second] = [1, 2].map(|number| receiver(&screen, number));
    assert!(screen.shows(&first) && screen.shows(&second) && !screen.shows(&receiver(&screen, 3)));
    assert_eq!(screen.number(&screen.say_named("progress-named", &first)), Some(25.0));
    for key in ["pause-named", "cancel-named"] {
        assert!(screen.control(&screen.say_named(key, &first)).is_some(), "{key}");
    }
    screen.progress(progress(Phase::Storing, 8 * MIB, 8 * MIB));
    assert!(screen.control(&screen.say_named("pause-named", &first)).is_none());
    assert_eq!(screen.anew, 0, "a row keeps the room of its buttons, also of those that are gone");
    // The history has an entry for each receiver to whom bytes have moved.
    assert_eq!(screen.window().state.history.entries().len(), 1);
    screen.feed(failed(two, TransferError::PeerDeclined));
    assert!(screen.shows(&screen.say("err-declined")));
    assert!(screen.control(&screen.say_named("cancel-named", &second)).is_none(), "it is over");
    screen
        .feed(Event::Ended(one, Ok(Report { stored: 1, bytes: 8 * MIB, receivers: 1, ..Report::default() })));
    let report = Report { stored: 1, bytes: 8 * MIB, receivers: 1, ..Report::default() };
    screen.feed(Event::Ended(of, Ok(report)));
    let sent = screen.words().tell("sent-to", &[("count", 1.into())]);
    assert!(screen.shows(&sent) && screen.shows(&first) && screen.shows(&second), "{:#?}", screen.texts());
    // The receivers' rows go with the send.
    let dismiss = screen.say_named("dismiss-named", "notes.txt");
    screen.click(&dismiss);
    assert!(screen.window().state.cards.is_empty());
}

#[test]
fn a_send_for_several_that_is_stopped_stays_with_what_became_of_each() {
    let mut screen = Screen::new();
    let of = for_three(&mut screen);
    let one = comes(&mut screen, of);
    screen.feed(failed(one, TransferError::Cancelled));
    assert!(screen.shows(&receiver(&screen, 1)), "its row stays");
    screen.feed(failed(of, TransferError::Cancelled));
    assert!(
        screen.shows(&screen.say("err-cancelled")) && screen.shows(&receiver(&screen, 1)),
        "{:#?}",
        screen.texts()
    );
}

/// The cards without the rows of receivers, the newest first.
fn cards(screen: &mut Screen) -> Vec<&Card> {
    screen.window().state.cards.iter().filter(|card| card.branch_of().is_none()).collect()
}

#[test]
fn what_is_sent_after_is_offered_by_itself_and_arrives() {
    let relay = LocalRelay::start();
    let (mut sender, mut receiver) = (relay.screen(), relay.screen());
    let first = sender.file("first.txt", b"first");
    sender.drop_files(&[&first]);
    let text = code(&mut sender);
    ask(&mut receiver, &mut sender, &text);
    both(&mut sender, &mut receiver, "the two to have met", |sender, _| {
        sender.window().state.cards[0].takes_more()
    });
    // It is dropped on the card that waits for the answer.
    let second = sender.file("second.txt", b"second");
    let before = sender.card().id;
    sender.window().arrive(vec![second], Some(DropTarget::Transfer(before)));
    both(&mut sender, &mut receiver, "the second to wait", |sender, _| {
        cards(sender)[0].progress.phase == Phase::WaitingForPeer
    });
    assert!(!receiver.shows("second.txt"), "one question at a time: {:#?}", receiver.texts());
    receiver.press(Key::Enter);
    let ended = |screen: &mut Screen, count: usize| {
        cards(screen).iter().filter(|card| matches!(card.end, Some(CardEnd::Done(_)))).count() == count
    };
    both(&mut sender, &mut receiver, "the first", |sender, receiver| ended(sender, 1) && ended(receiver, 1));
    assert_eq!(fs::read(receiver.inbox().join("first.txt")).unwrap(), b"first");
    let is_offered = |screen: &mut Screen| {
        let cards = cards(screen);
        cards.len() == 2 && cards[0].sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some())
    };
    both(&mut sender, &mut receiver, "the second offer", |_, receiver| is_offered(receiver));
    assert!(receiver.shows("second.txt"), "{:#?}", receiver.texts());
    let accept = receiver.say_accept(1, 6);
    receiver.click(&accept);
    both(&mut sender, &mut receiver, "the second", |sender, receiver| ended(sender, 2) && ended(receiver, 2));
    assert_eq!(fs::read(receiver.inbox().join("second.txt")).unwrap(), b"second");
}

#[test]
fn two_receivers_take_the_same_code() {
    let relay = LocalRelay::start();
    let mut sender = Screen::with(|settings| {
        settings.relays = vec![crate::settings::SavedRelay::new(relay.address.parse().unwrap())];
        settings.receivers = 2;
    });
    let file = sender.file("for-all.txt", b"for all");
    sender.drop_files(&[&file]);
    let text = code(&mut sender);
    let mut receivers = [relay.screen(), relay.screen()];
    for receiver in &mut receivers {
        ask(receiver, &mut sender, &text);
        receiver.press(Key::Enter);
        both(receiver, &mut sender, "the file", |receiver, _| {
            matches!(receiver.card().end, Some(CardEnd::Done(_)))
        });
        assert_eq!(fs::read(receiver.inbox().join("for-all.txt")).unwrap(), b"for all");
    }
    sender.until("the end", |screen| screen.window().state.cards[0].end.is_some().then_some(()));
    let sent = sender.words().tell("sent-to", &[("count", 2.into())]);
    assert!(sender.shows(&sent), "{:#?}", sender.texts());
    assert_eq!(sender.window().state.history.entries().len(), 2);
}
