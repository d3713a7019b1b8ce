//! The code field: completions, slips, and what Enter does.

use eframe::egui::{Key, Modifiers};

use super::{Screen, made_up};
use crate::{
    app::model::action::Action,
    engine::{Notice, TransferError},
    history::Direction,
};

/// A relay that doesn't exist: nothing listens on this port of this computer.
const NO_RELAY: &str = "127.0.0.1:1";

fn typing(screen: &mut Screen, text: &str) -> String {
    let code = screen.say("code");
    screen.click(&code);
    screen.type_text(text);
    code
}

fn completion(screen: &mut Screen, word: &str) -> String {
    screen.words().tell("completion", &[("word", word.to_owned().into())])
}

#[test]
fn tab_takes_the_completion_that_the_arrows_chose() {
    let mut screen = Screen::new();
    let code = typing(&mut screen, "ac");
    let offered = screen.window().state.field.completions();
    assert!(offered.len() > 1, "{offered:?}");
    for word in &offered {
        let name = completion(&mut screen, word);
        assert!(screen.control(&name).is_some(), "{name}");
    }
    let names: Vec<String> = offered.iter().map(|word| completion(&mut screen, word)).collect();
    assert_eq!(screen.is_on(&names[0]), Some(true));
    screen.press(Key::ArrowDown);
    assert_eq!((screen.is_on(&names[0]), screen.is_on(&names[1])), (Some(false), Some(true)));
    screen.press(Key::ArrowUp);
    screen.press(Key::ArrowUp);
    assert_eq!(screen.is_on(names.last().unwrap()), Some(true));
    screen.press(Key::Tab);
    assert_eq!(screen.value(&code), format!("{}-", offered.last().unwrap()));
    // The keyboard stays in the field, behind the word.
    screen.type_text("coy");
    screen.press(Key::Tab);
    assert_eq!(screen.value(&code), format!("{}-coyote-", offered.last().unwrap()));
}

#[test]
fn a_click_takes_a_completion_too() {
    let mut screen = Screen::new();
    let code = typing(&mut screen, "aci");
    let name = completion(&mut screen, "acid");
    screen.click(&name);
    assert_eq!(screen.value(&code), "acid-");
    screen.type_text("x");
    assert_eq!(screen.value(&code), "acid-x");
}

#[test]
fn escape_closes_the_list_for_this_word_and_tab_goes_on() {
    let mut screen = Screen::new();
    let code = typing(&mut screen, "ac");
    screen.press(Key::Escape);
    let acid = completion(&mut screen, "acid");
    assert!(screen.control(&acid).is_none());
    assert_eq!(screen.focused().map(|(_, name)| name), Some(code.clone()), "Escape left the field");
    screen.press(Key::Tab);
    assert_eq!(screen.value(&code), "ac");
    assert_ne!(screen.focused().map(|(_, name)| name), Some(code.clone()));
    screen.click(&code);
    screen.type_text("i");
    assert!(screen.control(&acid).is_some(), "the next letter opens it again");
}

#[test]
fn shift_tab_goes_back_and_takes_nothing() {
    let mut screen = Screen::new();
    let code = typing(&mut screen, "ac");
    screen.press_with(Modifiers::SHIFT, Key::Tab);
    assert_eq!(screen.value(&code), "ac");
    assert_ne!(screen.focused().map(|(_, name)| name), Some(code));
}

#[test]
fn who_is_typing_is_not_interrupted() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    let sending = screen.made_up(Direction::Sent);
    let code = typing(&mut screen, "acid");
    let manifest = made_up::manifest(&[("a.txt", 1)]);
    screen.notice(id, Notice::Offer(made_up::offer(&manifest, &screen.inbox(), &[])));
    screen.feed(made_up::code_of(sending));
    screen.until("the tree", |screen| {
        screen.window().state.card(id)?.sheet.as_ref()?.tree.as_ref().map(|_| ())
    });
    // A key that was meant for the field must not accept anything.
    screen.type_text("-coyote");
    screen.press(Key::Enter);
    assert_eq!(screen.value(&code), "acid-coyote");
    assert!(screen.window().state.card(id).unwrap().is_asking());
}

#[test]
fn a_slip_is_repaired_by_one_enter_and_received_by_the_next() {
    let mut screen = Screen::with_relay(NO_RELAY);
    let code = typing(&mut screen, "acid-coyote-mustrad-tulip");
    let slip = screen.words().tell("slip", &[("word", "mustrad".into())]);
    assert!(screen.shows(&slip));
    let receive = screen.say("receive-button");
    assert!(screen.control(&receive).is_none(), "a slip must not be received");
    screen.press(Key::Enter);
    assert_eq!(screen.value(&code), made_up::CODE);
    assert!(screen.window().state.cards.is_empty());
    screen.press(Key::Enter);
    assert_eq!(screen.window().state.cards.len(), 1);
    assert_eq!(screen.value(&code), "");
    screen.until_card("the end", |card| card.end.is_some());
    let told = {
        let relay = NO_RELAY.parse().unwrap();
        let error = crate::engine::RelayClientError::TurnedAway(relay);
        screen.explained(&TransferError::Relay(error), Direction::Received)
    };
    assert!(screen.shows(&told.happened), "{:#?}", screen.texts());
    screen.click_key("try-again");
    assert_eq!(screen.window().state.cards.len(), 1);
    screen.until_card("the end", |card| card.end.is_some());
}

#[test]
fn a_click_repairs_a_slip_as_well() {
    let mut screen = Screen::new();
    let code = typing(&mut screen, "acid coyote mustrad tulip");
    let take = screen.words().tell("slip-take", &[("code", made_up::CODE.into())]);
    screen.click(&take);
    assert_eq!(screen.value(&code), made_up::CODE);
}

#[test]
fn nothing_is_called_wrong_before_enter() {
    let mut screen = Screen::new();
    typing(&mut screen, "acid-coyote");
    let short = screen.words().tell("code-too-short", &[("found", 2.into())]);
    assert!(!screen.shows(&short));
    screen.press(Key::Enter);
    assert!(screen.shows(&short), "{:#?}", screen.texts());
    let code = screen.say("code");
    screen.click(&code);
    screen.type_text("-");
    assert!(!screen.shows(&short), "it is being mended");
}

#[test]
fn a_code_without_any_relay_needs_the_link() {
    let mut screen = Screen::new();
    typing(&mut screen, made_up::CODE);
    screen.click_key("receive-button");
    assert!(screen.shows(&screen.say("receive-needs-relay")));
    assert!(screen.window().state.cards.is_empty());
    assert_eq!(screen.value(&screen.say("code")), made_up::CODE, "what was typed is lost");
    let code = screen.say("code");
    screen.fill(&code, &format!("caiman:{}?server={NO_RELAY}", made_up::CODE));
    screen.press(Key::Enter);
    assert_eq!(screen.window().state.cards.len(), 1);
    assert_eq!(screen.card().relay, Some(NO_RELAY.parse().unwrap()));
}

/// Catches a link of which only the end can be read.
#[test]
fn a_link_that_is_handed_over_shows_its_code_and_its_relay() {
    let mut screen = Screen::new();
    let link = format!("caiman:{}?server={NO_RELAY}", made_up::CODE);
    screen.window().actions.push(Action::FillCode(link));
    screen.settle();
    let code = screen.say("code");
    assert_eq!(screen.value(&code), made_up::CODE);
    let relay = screen.words().tell("path-relay", &[("relay", NO_RELAY.into())]);
    assert!(screen.shows(&relay), "{:#?}", screen.texts());
    // The caret is behind it.
    screen.type_text("s");
    assert_eq!(screen.value(&code), format!("{}s", made_up::CODE));
    screen.press(Key::Backspace);
    screen.press(Key::Enter);
    assert_eq!(screen.card().relay, Some(NO_RELAY.parse().unwrap()));
    assert!(!screen.shows(&screen.say("server-forget")), "the next code has nothing to do with it");
}

/// Catches keys that come faster than frames being taken for a paste, so that a word is completed in the middle.
#[test]
fn what_is_typed_fast_is_not_completed_and_what_is_pasted_is_read() {
    let mut screen = Screen::new();
    let code = screen.say("code");
    screen.click(&code);
    screen.type_at_once("acid-coyote-mustard-tul");
    assert_eq!(screen.value(&code), "acid-coyote-mustard-tul");
    screen.fill(&code, "");
    screen.paste_text(&format!("caiman:{}?server={NO_RELAY}", made_up::CODE));
    assert_eq!(screen.value(&code), made_up::CODE);
    assert_eq!(screen.window().state.field.server.as_deref(), Some(NO_RELAY));
}

#[test]
fn a_repaired_slip_in_a_link_still_leads_to_its_relay_until_the_user_looks_everywhere() {
    let mut screen = Screen::new();
    let code = screen.say("code");
    screen.window().actions.push(Action::FillCode(format!("caiman:{}?server={NO_RELAY}", made_up::CODE)));
    screen.settle();
    screen.window().state.field.text = "acid-coyote-mustrad-tulip".to_owned();
    screen.settle();
    screen.press(Key::Enter);
    assert_eq!(screen.value(&code), made_up::CODE);
    assert_eq!(screen.window().state.field.server.as_deref(), Some(NO_RELAY));
    screen.click_key("server-forget");
    assert_eq!(screen.window().state.field.server, None);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(code));
}

#[test]
fn a_long_text_or_a_strange_one_harms_nothing() {
    let mut screen = Screen::new();
    let code = screen.say("code");
    screen.click(&code);
    for text in ["Straße ÀÉ", "é-ñ-ç", "İİİ", "a".repeat(5000).as_str()] {
        screen.window().state.field.set(text.to_owned());
        screen.settle();
        screen.press(Key::ArrowDown);
        screen.press(Key::Enter);
        screen.click(&code);
    }
}
