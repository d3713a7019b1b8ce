//! Codes of croc in the window, over a croc relay of this test's own.

use std::fs;

use super::{
    Screen, made_up,
    transfers::{LocalRelay, ask, done},
};
use crate::{
    app::model::card::{CardEnd, StartedWith},
    engine::{CrocCode, CrocFate, CrocName, CrocNews, Notice, Phase, TransferError},
    history::Direction,
    protocol::manifest::{Manifest, OfferKind},
    settings::SavedRelay,
};

/// A relay that doesn't exist: nothing listens on this port of this computer.
const NO_RELAY: &str = "127.0.0.1:1";

/// A window that uses this croc relay.
fn with_relay(address: &str, sends: bool) -> Screen {
    Screen::with(|settings| {
        settings.croc.relays = vec![SavedRelay::new(address.parse().unwrap())];
        settings.croc.sends = sends;
    })
}

fn typing(screen: &mut Screen, text: &str) {
    let code = screen.say("code");
    screen.click(&code);
    screen.type_text(text);
}

#[test]
fn a_file_goes_from_window_to_window_under_a_code_of_croc() {
    let relay = LocalRelay::start();
    let mut sender = with_relay(&relay.croc_address, true);
    let file = sender.file("notes.txt", b"one two three");
    sender.drop_files(&[&file]);
    sender.until_card("the code for croc", |card| card.for_croc.code.is_some());
    let code = sender.card().for_croc.code.as_ref().unwrap().as_str().to_owned();
    assert!(sender.shows(&code) && sender.shows(&sender.say("croc-weaker")), "{:#?}", sender.texts());
    assert!(sender.shows(&format!("croc --relay {}", relay.croc_address)), "{:#?}", sender.texts());
    sender.click_key("copy-croc-code");
    assert_eq!(sender.copied, [code.as_str()]);

    let mut receiver = with_relay(&relay.croc_address, false);
    typing(&mut receiver, &code);
    assert!(receiver.shows(&receiver.say("croc-code")), "{:#?}", receiver.texts());
    let field = receiver.say("code");
    receiver.fill(&field, "");
    ask(&mut receiver, &mut sender, &code);
    assert!(receiver.shows("notes.txt") && receiver.shows(&receiver.say("croc-weaker")));
    assert_eq!(receiver.card().croc, Some(11));
    let accept = receiver.say_accept(1, 13);
    receiver.click(&accept);
    done(&mut sender, &mut receiver);
    assert_eq!(fs::read(receiver.inbox().join("notes.txt")).unwrap(), b"one two three");
}

#[test]
fn a_line_of_croc_is_read_and_an_attempt_that_failed_can_be_corrected() {
    let mut screen = with_relay(NO_RELAY, false);
    let field = screen.say("code");
    screen.click(&field);
    screen.paste_text("croc --relay 127.0.0.1:1 acid-acorn-acre");
    assert_eq!(screen.value(&field), "acid-acorn-acre");
    screen.click_key("receive-button");
    assert!(matches!(&screen.card().started_with, StartedWith::Croc(found) if found.relay.is_some()));
    screen.until_card("the end", |card| matches!(card.end, Some(CardEnd::Failed(TransferError::Relay(_)))));
    assert!(screen.shows("acid-acorn-acre"));
    screen.click_key("try-again");
    screen.until_card("the end", |card| card.end.is_some());
    let id = screen.card().id;
    screen.card().end = Some(CardEnd::Failed(TransferError::WrongCode { tries_left: None }));
    screen.settle();
    assert!(screen.window().state.card(id).is_some());
    screen.click_key("correct-code");
    assert_eq!(screen.value(&field), "acid-acorn-acre");
}

#[test]
fn a_send_gets_a_code_for_croc_among_its_options() {
    let mut screen = with_relay(NO_RELAY, false);
    let file = screen.file("notes.txt", b"one two three");
    screen.drop_files(&[&file]);
    let waits = |card: &crate::app::model::card::Card| {
        card.code.is_some() && card.progress.phase == Phase::WaitingForPeer
    };
    screen.until_card("the code", waits);
    assert!(!screen.shows(&screen.say("croc-weaker")));
    screen.click_key("options");
    let also = screen.say("also-for-croc");
    screen.click(&also);
    screen.until_card("the new code", |card| waits(card) && card.is_for_croc && card.for_croc.code.is_some());
    assert!(screen.shows(&screen.say("croc-weaker")));
    screen.until_card("news of the relay", |card| card.for_croc.away.is_some());
    assert!(screen.shows(NO_RELAY), "{:#?}", screen.texts());
    assert_eq!(screen.is_on(&also), Some(true));
    screen.click(&also);
    screen.until_card("the new code", |card| waits(card) && !card.is_for_croc);
    screen.click_key("set-receivers");
    screen.click("3");
    screen.until_card("the new code", |card| waits(card) && card.receivers == 3);
    assert!(screen.control(&also).is_none() && screen.shows(&screen.say("croc-for-one")));
}

#[test]
fn what_croc_does_not_take_and_wrong_codes_are_told() {
    let mut screen = with_relay(NO_RELAY, false);
    let id = screen.made_up(Direction::Sent);
    screen.card().is_for_croc = true;
    let code = CrocCode::new("acid-acorn-acre").unwrap();
    screen.notice(id, Notice::Code { code: "acid-coyote-mustard-tulip".parse().unwrap(), relay: None });
    screen.progress(crate::engine::Progress { phase: Phase::WaitingForPeer, ..Default::default() });
    let name = |number: u8| CrocName {
        path: format!("{number}: a"),
        fate: CrocFate::Renamed(format!("{number}_ a")),
    };
    let link = CrocName { path: "up".to_owned(), fate: CrocFate::LinkLeftOut };
    let names = std::iter::once(link).chain((0..9).map(name)).collect();
    screen.notice(id, Notice::Croc(CrocNews::Names(names)));
    screen.notice(id, Notice::Croc(CrocNews::Code { code, relay: None, needs_password: false }));
    assert!(screen.shows("acid-acorn-acre"));
    assert!(screen.shows("0_ a") && screen.shows("up") && !screen.shows("8_ a"), "{:#?}", screen.texts());
    screen.notice(id, Notice::Croc(CrocNews::VersionOff));
    assert!(screen.shows(&screen.say("croc-version-off")));
    screen.notice(id, Notice::Croc(CrocNews::WrongTry { tries_left: 1 }));
    let warning = screen.words().tell("croc-wrong-try", &[("left", 1.into())]);
    assert!(screen.shows(&warning));
    screen.notice(id, Notice::Croc(CrocNews::WrongTry { tries_left: 0 }));
    assert!(screen.shows(&screen.say("croc-retired")));
    assert!(screen.control(&screen.say("copy-croc-code")).is_none(), "it is of no use any more");
    assert!(screen.control(&screen.say("copy-code")).is_some());
    screen.notice(id, Notice::Croc(CrocNews::TooLong));
    assert!(screen.shows(&screen.say("croc-too-long")) && !screen.shows("acid-acorn-acre"));
}

#[test]
fn an_offer_of_croc_has_no_pictures_to_show() {
    let manifest = std::sync::Arc::new(Manifest::made_up(OfferKind::Files, &[("a.jpg", 1), ("b.jpg", 1)]));
    let mut screen = Screen::new();
    screen.offered(&manifest, &[]);
    assert!(screen.shows(&screen.say("show-pictures")));
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    screen.notice(id, Notice::Croc(CrocNews::Peer { version: 10 }));
    let offer = made_up::offer(&manifest, &screen.inbox(), &[]);
    screen.notice(id, Notice::Offer(offer));
    screen.until_card("the tree", |card| card.sheet.as_ref().is_some_and(|sheet| sheet.tree.is_some()));
    assert!(!screen.shows(&screen.say("show-pictures")), "{:#?}", screen.texts());
}

#[test]
fn croc_relays_are_kept_with_their_passwords() {
    let mut screen = Screen::new();
    screen.click_key("settings");
    screen.click_key("set-croc");
    screen.click_key("set-add-croc");
    let (address, password) = (screen.say("set-address"), screen.say("set-password"));
    screen.fill(&address, "?");
    screen.press(eframe::egui::Key::Tab);
    assert!(screen.shows(&screen.say("set-bad-address")));
    assert!(screen.window().state.settings.croc.relays.is_empty());
    screen.fill(&address, "relay.example.org");
    screen.fill(&password, "basking");
    screen.press(eframe::egui::Key::Tab);
    let relays = &screen.window().state.settings.croc.relays;
    let kept: Vec<_> =
        relays.iter().map(|relay| (relay.address.to_string(), relay.password.is_some())).collect();
    assert_eq!(kept, [("relay.example.org:9009".to_owned(), true)]);
    let (sends, older) = (screen.say("set-croc-sends"), screen.say("set-croc-10"));
    screen.click(&sends);
    screen.click(&older);
    let croc = &screen.window().state.settings.croc;
    assert!(croc.sends && !croc.version_10);
    let remove = screen.say_named("set-remove", "relay.example.org:9009");
    screen.click(&remove);
    assert!(screen.window().state.settings.croc.relays.is_empty());
}
