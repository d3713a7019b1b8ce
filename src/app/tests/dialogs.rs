//! The dialogs: settings, history, and the question before closing.

use std::time::Duration;

use eframe::egui::{Key, Modifiers, ViewportCommand};

use super::{
    Screen,
    made_up::{failed, progress},
    screen::Pause,
};
use crate::{
    app::{
        explain,
        model::{action::Dialog, settings_form::Page},
    },
    engine::{AccessPassword, Notice, Phase, ProxyChoice, RelayClientError, TransferError},
    history::{Direction, Ending, Outcome, PastTransfer},
    relay::Ports,
    settings::{Closing, SavedRelay, Settings},
    store::Store,
};

/// The first of two relays that refuse connections at once.
const ONE: &str = "127.0.0.1:1";
/// The second of two relays that refuse connections at once.
const TWO: &str = "127.0.0.2:1";

fn with_two_relays() -> Screen {
    Screen::with(|settings| {
        settings.relays = [ONE, TWO].map(|address| SavedRelay::new(address.parse().unwrap())).into();
    })
}

fn addresses(screen: &mut Screen) -> Vec<String> {
    screen.window().state.settings.relays.iter().map(|relay| relay.address.to_string()).collect()
}

/// Opens the settings at the page of the relays.
fn open_relays(screen: &mut Screen) {
    screen.press_with(Modifiers::COMMAND, Key::Comma);
    screen.click_key("set-relays");
}

fn first_password(settings: &Settings) -> Option<&str> {
    settings.relays[0].password.as_ref().map(AccessPassword::as_str)
}

fn kept(screen: &Screen) -> Settings {
    Settings::look(&Store::at(screen.folder())).settings
}

#[test]
fn dialogs_open_by_shortcut_and_close_by_escape() {
    let mut screen = Screen::new();
    for (key, dialog) in [(Key::Comma, Dialog::Settings), (Key::H, Dialog::History)] {
        screen.press_with(Modifiers::COMMAND, key);
        assert_eq!(screen.window().state.dialog, Some(dialog));
        screen.press(Key::Escape);
        assert_eq!(screen.window().state.dialog, None);
    }
    screen.click_key("settings");
    assert_eq!(screen.window().state.dialog, Some(Dialog::Settings));
    screen.click_key("close");
    assert_eq!(screen.window().state.dialog, None);
}

#[test]
fn a_dialog_takes_the_keyboard_and_gives_it_back() {
    let mut screen = Screen::new();
    let before = screen.say("choose-folder");
    screen.tab_to(&before);
    for (key, first) in [(Key::Comma, "set-general"), (Key::H, "close")] {
        screen.press_with(Modifiers::COMMAND, key);
        assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say(first)));
        screen.press(Key::Escape);
        assert_eq!(screen.focused().map(|(_, name)| name), Some(before.clone()));
    }
}

/// Catches what a control of the page says, above a dialog that a key has opened.
#[test]
fn what_a_control_says_under_the_pointer_goes_when_a_dialog_opens() {
    let mut screen = Screen::new();
    let history = screen.say("history");
    let rests = |screen: &mut Screen| {
        for _ in 0..8 {
            screen.pause(&Pause::AtMost(Duration::ZERO));
        }
    };
    let place = screen.place(&history).expect("its button is there");
    screen.point_at(place.center());
    rests(&mut screen);
    assert!(screen.painted(&history).is_some(), "its name comes up");
    screen.press_with(Modifiers::COMMAND, Key::Comma);
    assert_eq!(screen.window().state.dialog, Some(Dialog::Settings));
    assert!(screen.painted(&history).is_none(), "it lies above the dialog");
    rests(&mut screen);
    assert!(screen.painted(&history).is_none());
    screen.press(Key::Escape);
    // In the dialog itself it comes up.
    screen.press_with(Modifiers::COMMAND, Key::Comma);
    let close = screen.say("close");
    screen.point_at(screen.place(&close).expect("its button is there").center());
    rests(&mut screen);
    assert!(screen.painted(&close).is_some());
}

#[test]
fn a_relay_is_added_tested_and_survives_a_restart() {
    let mut screen = Screen::new();
    assert!(screen.shows(&screen.say("lead-nearby")));
    open_relays(&mut screen);
    screen.click_key("set-add-relay");
    let (address, name) = (screen.say("set-address"), screen.say("set-name"));
    screen.fill(&address, ONE);
    screen.fill(&name, "Office");
    assert_eq!(addresses(&mut screen), [ONE]);
    assert_eq!(screen.value(&address), ONE);
    let test = screen.say_named("set-test-named", "Office");
    screen.click(&test);
    let address = ONE.parse().unwrap();
    let refused = explain::relay(screen.words(), &RelayClientError::TurnedAway(address));
    screen.until_shown(&refused);
    screen.press(Key::Escape);
    let mut screen = screen.reopened();
    assert_eq!(addresses(&mut screen), [ONE]);
    assert!(screen.shows("Office"));
}

#[test]
fn a_proxy_takes_effect_once_it_is_whole_and_its_password_is_hidden() {
    let mut screen = Screen::new();
    open_relays(&mut screen);
    let (field, bad) = (screen.say("set-proxy"), screen.say("set-bad-proxy"));
    screen.fill(&field, "ftp://proxy");
    assert!(screen.shows(&bad));
    assert_eq!(screen.window().state.settings.proxy, ProxyChoice::Environment);
    let url = "socks5://ada:lovelace@proxy.example:1080";
    screen.fill(&field, url);
    screen.press(Key::Tab);
    assert!(!screen.shows(&bad));
    assert_eq!(screen.window().state.settings.proxy.to_string(), url);
    assert_eq!(screen.value(&field), "•".repeat(url.len()));
    screen.fill(&field, "off");
    screen.press(Key::Tab);
    assert_eq!(screen.value(&field), "off");
    assert_eq!(screen.window().state.settings.proxy, ProxyChoice::Off);
}

#[test]
fn a_new_relay_waits_for_its_address() {
    let mut screen = with_two_relays();
    open_relays(&mut screen);
    let in_use = screen.say("set-in-use");
    for address in [ONE, TWO] {
        let remove = screen.say_named("set-remove", address);
        screen.click(&remove);
    }
    screen.click_key("set-add-relay");
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("set-address")));
    assert!(!screen.texts().contains(&in_use), "it has no address yet");
    screen.type_text(TWO);
    assert!(screen.texts().contains(&in_use));
    screen.click_key("set-add-relay");
    screen.type_text(ONE);
    let raise = screen.say_named("set-raise", ONE);
    screen.click(&raise);
    assert_eq!(addresses(&mut screen), [ONE, TWO]);
}

/// Catches a second key press that undoes the first one, because another relay has come to stand where the keyboard
/// is.
#[test]
fn the_keyboard_goes_with_a_relay_that_is_moved() {
    const THREE: &str = "127.0.0.3:1";
    let mut screen = Screen::with(|settings| {
        settings.relays = [ONE, TWO, THREE].map(|address| SavedRelay::new(address.parse().unwrap())).into();
    });
    open_relays(&mut screen);
    let raise = screen.say_named("set-raise", THREE);
    while screen.focused().is_none_or(|(_, name)| name != raise) {
        screen.press(Key::Tab);
    }
    screen.press(Key::Space);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(raise));
    screen.press(Key::Space);
    assert_eq!(addresses(&mut screen), [THREE, ONE, TWO]);
    let test = screen.say_named("set-test-named", THREE);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(test));
}

#[test]
fn the_window_and_its_dialogs_say_what_they_are() {
    let mut screen = Screen::new();
    assert_eq!(screen.root_name().as_deref(), Some(crate::app::views::header::NAME));
    for (dialog, key) in [(Dialog::Settings, "settings"), (Dialog::History, "history")] {
        screen.window().state.dialog = Some(dialog);
        screen.settle();
        assert_eq!(screen.dialog_name(), Some(screen.say(key)));
    }
}

#[test]
fn half_an_address_is_not_asked_for() {
    let mut screen = Screen::new();
    open_relays(&mut screen);
    screen.click_key("set-add-relay");
    let address = screen.say("set-address");
    screen.fill(&address, ONE);
    assert!(screen.window().state.checked.is_empty(), "a relay was asked while its address was being typed");
    assert!(kept(&screen).relays.is_empty(), "a half address was kept");
    screen.press(Key::Tab);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("set-name")));
    let asked: Vec<String> = screen.window().state.checked.keys().map(ToString::to_string).collect();
    assert_eq!(asked, [ONE], "the new relay is looked at once it is there");
}

#[test]
fn what_was_typed_last_holds_when_the_dialog_closes_or_a_relay_is_tested() {
    let mut screen = with_two_relays();
    open_relays(&mut screen);
    let edit = screen.say_named("set-edit", ONE);
    screen.click(&edit);
    let password = screen.say("set-password");
    screen.fill(&password, "one");
    let test = screen.say_named("set-test-named", ONE);
    screen.click(&test);
    assert_eq!(first_password(&screen.window().state.settings), Some("one"));
    screen.fill(&password, "two");
    screen.press(Key::Escape);
    assert_eq!(screen.window().state.dialog, None);
    assert_eq!(first_password(&screen.window().state.settings), Some("two"));
    let screen = screen.reopened();
    assert_eq!(first_password(&kept(&screen)), Some("two"));
}

#[test]
fn a_running_relay_says_when_a_change_needs_a_restart() {
    let mut screen = Screen::with(|settings| {
        settings.host.port = 0;
        settings.host.data_ports = Ports(Vec::new());
    });
    screen.click_key("settings");
    screen.click_key("set-host");
    screen.click_key("set-host-start");
    screen.until("the relay", |screen| screen.window().state.host.as_ref()?.reachable.clone());
    let hint = screen.say("set-host-restart");
    assert!(!screen.shows(&hint));
    let password = screen.say("set-password");
    screen.fill(&password, "secret");
    screen.press(Key::Enter);
    assert!(screen.shows(&hint));
    screen.fill(&password, "");
    screen.press(Key::Enter);
    assert!(!screen.shows(&hint), "it is as it was");
}

#[test]
fn what_is_no_address_is_marked_and_not_kept() {
    let mut screen = with_two_relays();
    open_relays(&mut screen);
    screen.click_key("set-add-relay");
    let address = screen.say("set-address");
    screen.fill(&address, "not an address");
    assert!(screen.shows(&screen.say("set-bad-address")));
    assert_eq!(addresses(&mut screen), [ONE, TWO]);
    let test = screen.say_named("set-test-named", "not an address");
    assert!(screen.control(&test).is_none());
    screen.press(Key::Escape);
    screen.click_key("settings");
    assert!(!screen.shows("not an address"), "it is forgotten with the dialog");
    assert_eq!(addresses(&mut screen), [ONE, TWO]);
}

#[test]
fn relays_are_ordered_and_removed() {
    let mut screen = with_two_relays();
    open_relays(&mut screen);
    let raise = screen.say_named("set-raise", TWO);
    screen.click(&raise);
    assert_eq!(addresses(&mut screen), [TWO, ONE]);
    let remove = screen.say_named("set-remove", TWO);
    screen.click(&remove);
    assert_eq!(addresses(&mut screen), [ONE]);
    screen.press(Key::Escape);
    let mut screen = screen.reopened();
    assert_eq!(addresses(&mut screen), [ONE]);
}

#[test]
fn a_password_is_hidden_until_it_is_asked_for() {
    let mut screen = with_two_relays();
    open_relays(&mut screen);
    let edit = screen.say_named("set-edit", ONE);
    screen.click(&edit);
    let password = screen.say("set-password");
    screen.fill(&password, "tops3cret");
    screen.press(Key::Enter);
    assert_eq!(first_password(&screen.window().state.settings), Some("tops3cret"));
    assert!(!screen.texts().iter().any(|text| text.contains("tops3cret")));
    assert!(!screen.value(&password).contains("tops3cret") && !screen.paints("tops3cret"));
    screen.click_key("set-show-passwords");
    assert!(screen.paints("tops3cret"));
}

/// Catches a click that goes wrong because the result of a test, which comes by itself, moved what was to be clicked.
#[test]
fn the_result_of_a_test_moves_no_field() {
    let mut screen = with_two_relays();
    open_relays(&mut screen);
    let (edit, test) = ["set-edit", "set-test-named"].map(|key| screen.say_named(key, ONE)).into();
    screen.click(&edit);
    let fields = ["set-address", "set-password", "set-show-passwords"].map(|key| screen.say(key));
    let places = |screen: &Screen| fields.each_ref().map(|field| screen.place(field));
    let before = places(&screen);
    screen.click(&test);
    screen.until("the result", |screen| screen.shows("refuses connections").then_some(()));
    assert_eq!(places(&screen), before);
}

#[test]
fn a_relay_runs_in_the_window_until_it_is_stopped() {
    let mut screen = Screen::with(|settings| {
        settings.host.port = 0;
        settings.host.data_ports = Ports(Vec::new());
    });
    screen.click_key("settings");
    screen.click_key("set-host");
    let start = screen.say("set-host-start");
    while screen.focused().is_none_or(|(_, name)| name != start) {
        screen.press(Key::Tab);
    }
    screen.press(Key::Space);
    screen.until("the relay", |screen| screen.window().state.host.as_ref()?.reachable.clone());
    let port = screen.window().state.host.as_ref().unwrap().ports[0].to_string();
    let runs = screen.words().tell("set-host-runs", &[("ports", port.into())]);
    assert!(screen.shows(&runs), "{:#?}", screen.texts());
    screen.settle();
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("set-host-stop")));
    screen.press(Key::Space);
    screen.until("its end", |screen| screen.window().state.host.is_none().then_some(()));
    screen.settle();
    assert_eq!(screen.focused().map(|(_, name)| name), Some(start));
}

#[test]
fn numbers_that_are_none_are_marked_and_change_nothing() {
    let mut screen = Screen::new();
    let before = screen.window().state.settings.clone();
    screen.click_key("settings");
    screen.click_key("set-host");
    for (field, bad, text) in [
        ("set-port", "set-bad-port", "70000"),
        ("set-port", "set-bad-port", "port"),
        ("set-data-ports", "set-bad-ports", "27002-"),
    ] {
        let field = screen.say(field);
        screen.fill(&field, text);
        assert!(screen.shows(&screen.say(bad)), "{text}");
    }
    screen.window().state.form.page = Page::General;
    screen.settle();
    let rate = screen.say("set-rate");
    screen.fill(&rate, "12 parsecs");
    assert!(screen.shows(&screen.say("set-bad-rate")));
    assert_eq!(screen.window().state.settings, before);
    screen.fill(&rate, "5 MB/s");
    screen.press(Key::Enter);
    assert_eq!(screen.window().state.settings.bytes_per_sec, Some(5_000_000));
}

#[test]
fn another_language_holds_at_once_and_is_kept() {
    let mut screen = Screen::with(|settings| settings.language = Some("en".to_owned()));
    screen.click_key("settings");
    screen.click_key("set-general");
    screen.click_key("set-language");
    screen.click("Deutsch");
    assert_eq!(screen.window().state.settings.language.as_deref(), Some("de"));
    assert_eq!(screen.say("settings"), "Einstellungen");
    assert!(screen.shows("Einstellungen"));
    screen.press(Key::Escape);
    if screen.window().state.dialog.is_some() {
        screen.press(Key::Escape);
    }
    let screen = screen.reopened();
    assert_eq!(kept(&screen).language.as_deref(), Some("de"));
    assert!(screen.shows(&screen.say("drop-here")));
}

#[test]
fn broken_files_are_told_and_kept_aside() {
    let mut screen = Screen::new();
    std::fs::write(screen.folder().join("settings.toml"), "lanes = \"many\"\ncode_words = 5\n").unwrap();
    std::fs::write(screen.folder().join("history.toml"), "no toml at all").unwrap();
    screen = screen.reopened();
    assert_eq!(screen.window().state.settings.code_words, 5, "one bad value costs nothing else");
    assert_eq!(screen.window().state.banners.len(), 2);
    assert!(screen.shows("settings.toml") && screen.shows("history.toml"), "{:#?}", screen.texts());
}

/// Adds something that was sent to the history.
fn past(screen: &mut Screen, name: &str) {
    let history = &mut screen.window().state.history;
    let id = history.begin(PastTransfer::now(Direction::Sent, name));
    let ending = Ending {
        outcome: Outcome::Done,
        ended: 1_700_000_000,
        files: 1,
        bytes: 1,
        paths: vec![format!("/home/ada/{name}").into()],
        kept: None,
    };
    history.finish(id, ending);
}

#[test]
fn the_past_is_forgotten_one_by_one_or_as_a_whole() {
    let mut screen = Screen::new();
    screen.click_key("history");
    assert!(screen.shows(&screen.say("history-empty")));
    screen.press(Key::Escape);
    for name in ["one.txt", "two.txt", "three.txt"] {
        past(&mut screen, name);
    }
    screen.press_with(Modifiers::COMMAND, Key::H);
    let forget = screen.say_named("history-forget", "two.txt");
    screen.click(&forget);
    assert!(!screen.shows("two.txt") && screen.shows("one.txt") && screen.shows("three.txt"));
    screen.press(Key::Escape);
    let mut screen = screen.reopened();
    assert_eq!(screen.window().state.history.entries().len(), 2);
    screen.press_with(Modifiers::COMMAND, Key::H);
    screen.click_key("history-clear");
    assert!(screen.shows(&screen.say("history-question")), "one click must not lose all of it");
    screen.click_key("history-keep");
    assert!(screen.shows("one.txt") && screen.shows("three.txt"));
    screen.click_key("history-clear");
    screen.click_key("history-clear");
    assert!(screen.shows(&screen.say("history-empty")));
    screen.press(Key::Escape);
    assert!(screen.reopened().window().state.history.entries().is_empty());
}

#[test]
fn a_long_past_is_drawn_as_far_as_it_is_in_sight() {
    let mut screen = Screen::new();
    for number in 0..500 {
        past(&mut screen, &format!("{number}.txt"));
    }
    screen.press_with(Modifiers::COMMAND, Key::H);
    assert!(screen.shows("499.txt") && !screen.shows("100.txt"));
    assert!(screen.node_count() < 250, "{}", screen.node_count());
}

#[test]
fn closing_while_bytes_move_asks_first() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(100) });
    screen.progress(progress(Phase::Moving, 1, 100));
    let closes = |screen: &Screen| screen.asked.iter().any(|asked| matches!(asked, ViewportCommand::Close));
    screen.close();
    assert!(screen.asked.iter().any(|asked| matches!(asked, ViewportCommand::CancelClose)));
    assert!(screen.shows(&screen.say("quit-question")) && !closes(&screen));
    assert_eq!(screen.dialog_name(), Some(screen.say("quit-question")));
    assert_eq!(screen.focused().map(|(_, name)| name), Some(screen.say("quit-stay")), "Enter must not quit");
    screen.press(Key::Escape);
    assert_eq!(screen.window().state.dialog, None);
    screen.close();
    screen.press(Key::Enter);
    assert_eq!(screen.window().state.dialog, None);
    assert!(!closes(&screen));
    screen.until("the window to be put away", put_away);
    screen.close();
    screen.click_key("quit-anyway");
    assert!(closes(&screen));
    screen.asked.clear();
    screen.close();
    assert!(screen.asked.is_empty(), "the second time nothing holds it: {:?}", screen.asked);
}

/// Where no tray takes an icon, the window is minimised.
fn put_away(screen: &mut Screen) -> Option<()> {
    let minimises = |asked: &ViewportCommand| matches!(asked, ViewportCommand::Minimized(true));
    screen.asked.iter().any(minimises).then_some(())
}

/// Adds a send whose code waits.
fn waiting(screen: &mut Screen) -> crate::engine::TaskId {
    let id = screen.made_up(Direction::Sent);
    screen.feed(super::made_up::code_of(id));
    screen.progress(crate::engine::Progress { phase: Phase::WaitingForPeer, ..Default::default() });
    id
}

/// Catches a window that takes a waiting code or a relay with it without a word.
#[test]
fn closing_while_a_code_waits_or_a_relay_runs_says_what_would_be_lost() {
    let mut screen = Screen::with(|settings| {
        settings.host.port = 0;
        settings.host.data_ports = Ports(Vec::new());
    });
    let codes = |screen: &Screen, count: u64| screen.words().tell("quit-codes", &[("count", count.into())]);
    let id = waiting(&mut screen);
    screen.close();
    assert!(screen.asked.iter().any(|asked| matches!(asked, ViewportCommand::CancelClose)));
    assert!(screen.shows(&screen.say("quit-question-waiting")) && screen.shows(&codes(&screen, 1)));
    assert!(!screen.shows(&screen.say("quit-relay")) && !screen.shows(&screen.say("quit-means")));
    screen.feed(failed(id, TransferError::Cancelled));
    assert_eq!(screen.window().state.dialog, None, "nothing would be lost any more");

    screen.window().start_relay();
    screen.until("the relay", |screen| screen.window().state.host.as_ref()?.reachable.clone());
    screen.close();
    assert!(screen.shows(&screen.say("quit-relay")), "{:#?}", screen.texts());
    screen.press(Key::Escape);
    assert!(screen.asked.iter().all(|asked| !matches!(asked, ViewportCommand::Close)));
}

#[test]
fn what_closing_means_is_asked_once_and_can_be_set() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    screen.close();
    screen.click_key("quit-remember");
    screen.click_key("quit-stay");
    screen.until("the window to be put away", put_away);
    assert_eq!(screen.window().state.settings.closing, Closing::KeepRunning);
    screen.window().come_back(&eframe::egui::Context::default());
    screen.asked.clear();
    screen.close();
    screen.until("the window to be put away", put_away);
    assert_eq!(screen.window().state.dialog, None, "it was asked again");

    screen.click_key("settings");
    screen.click_key("set-closing");
    screen.click_key("set-closing-quit");
    screen.press(Key::Escape);
    screen.asked.clear();
    screen.close();
    assert!(screen.asked.iter().all(|asked| !matches!(asked, ViewportCommand::CancelClose)));
    // What moves is asked about whatever is set.
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(100) });
    screen.progress(progress(Phase::Moving, 1, 100));
    screen.close();
    assert!(screen.shows(&screen.say("quit-question")));
    let screen = screen.reopened();
    assert_eq!(kept(&screen).closing, Closing::Quit);
}

#[test]
fn what_a_test_has_found_belongs_to_the_password_with_which_it_was_made() {
    let mut screen = with_two_relays();
    open_relays(&mut screen);
    let edit = screen.say_named("set-edit", ONE);
    screen.click(&edit);
    let address: crate::net::client::RelayAddress = ONE.parse().unwrap();
    let refused = explain::relay(screen.words(), &RelayClientError::TurnedAway(address));
    screen.until_shown(&refused);
    let password = screen.say("set-password");
    screen.fill(&password, "another");
    assert!(!screen.shows(&refused), "it was found with another password");
}

#[test]
fn a_relay_that_is_passed_on_is_understood_with_its_password() {
    let mut screen = Screen::new();
    open_relays(&mut screen);
    screen.click_key("set-add-relay");
    let address = screen.say("set-address");
    screen.fill(&address, "caiman-relay:127.0.0.1:1#top%20s3cret");
    assert!(!screen.shows(&screen.say("set-bad-address")));
    screen.press(Key::Tab);
    assert_eq!(screen.value(&address), ONE);
    assert_eq!(first_password(&screen.window().state.settings), Some("top s3cret"));
}

#[test]
fn a_hosted_relay_uses_the_ports_that_it_shows_and_copies_address_and_password_as_one() {
    let mut screen = Screen::new();
    screen.click_key("settings");
    screen.click_key("set-host");
    let ports = screen.say("set-data-ports");
    let uses =
        |screen: &Screen, ports: &str| screen.words().tell("set-host-will-use", &[("ports", ports.into())]);
    assert!(screen.shows(&uses(&screen, "27001-27009")), "{:#?}", screen.texts());
    screen.fill(&ports, "102-28109");
    let start = screen.say("set-host-start");
    assert!(screen.control(&start).is_none(), "it would start with other ports than those shown");
    screen.fill(&ports, "none");
    let port = screen.say("set-port");
    screen.fill(&port, "0");
    let password = screen.say("set-password");
    screen.fill(&password, "top s3cret");
    screen.click(&start);
    screen.until("the relay", |screen| screen.window().state.host.as_ref()?.reachable.clone());
    let address = screen.window().state.host.as_ref().unwrap().reachable.as_ref().unwrap().first().cloned();
    // A computer without a network has no address to pass on.
    if let Some(address) = address {
        let copy = screen.words().tell("set-copy-relay", &[("address", address.to_string().into())]);
        screen.click(&copy);
        assert_eq!(screen.copied, [format!("caiman-relay:{address}#top%20s3cret")]);
    }
}

#[test]
fn the_question_goes_when_everything_has_arrived() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(100) });
    screen.progress(progress(Phase::Moving, 1, 100));
    screen.close();
    assert!(screen.shows(&screen.say("quit-question")));
    screen.feed(failed(id, TransferError::Cancelled));
    assert!(!screen.shows(&screen.say("quit-question")), "nothing moves any more");
}

#[test]
fn closing_while_nothing_moves_asks_nothing() {
    let mut screen = Screen::new();
    screen.made_up(Direction::Sent);
    screen.close();
    assert!(screen.asked.iter().all(|asked| !matches!(asked, ViewportCommand::CancelClose)));
    assert_eq!(screen.window().state.dialog, None);
}
