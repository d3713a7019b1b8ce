//! What the window says about the internet: in its header, on cards, in the settings; and a transfer over it.

use std::{collections::BTreeSet, fs, time::Duration};

use eframe::egui::Key;

use super::{
    Screen, made_up,
    transfers::{ask, code, done},
};
use crate::{
    app::{
        explain,
        model::{
            action::Dialog,
            card::{Card, StartedWith},
            settings_form::Page,
            state::{CodesLead, IrohStatus, WhyNearby},
        },
        words::Words,
    },
    engine::{
        Event, Internet, IrohCheck, IrohCheckError, IrohRelay, MetAt, NotAdded, Notice, OnlineState,
        PathMode, Phase, Progress, Route, TaskId,
    },
    history::Direction,
    panics::PanicReport,
};

/// A window with the internet on. Nothing that these tests do with it opens a connection.
fn online() -> Screen {
    Screen::with(|settings| {
        (settings.internet, settings.internet_told, settings.path_mode) = (true, true, PathMode::Automatic);
    })
}

/// A send over the internet whose code waits.
fn waiting(screen: &mut Screen) -> TaskId {
    let id = screen.made_up(Direction::Sent);
    screen.card().internet = Some(Internet::default());
    screen.feed(Event::Notice(id, Notice::Code { code: made_up::code(), relay: None }));
    let reachable = vec!["192.0.2.7:4001".parse().unwrap()];
    let local = ([0, 0, 0, 0], 4001).into();
    screen.feed(Event::Listening {
        id,
        local,
        data_ports: Vec::new(),
        croc_ports: Vec::new(),
        metrics: None,
        reachable,
    });
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    id
}

fn reachable() -> OnlineState {
    OnlineState::Reachable { relay: "relay.example.org".to_owned() }
}

#[test]
fn the_header_says_how_far_codes_lead_and_the_click_where_to_change_it() {
    let (anywhere, nearby) = (WhyNearby::SwitchedOff, WhyNearby::PathMode);
    let mut screen = online();
    assert_eq!(screen.window().state.codes_lead(), CodesLead::Anywhere { is_certain: false });
    let named = |screen: &Screen, key: &str| format!("{}: {}", screen.say("lead"), screen.say(key));
    screen.click(&named(&screen, "lead-anywhere"));
    assert_eq!(screen.window().state.dialog, Some(Dialog::Settings));
    assert_eq!(screen.window().state.form.page, Page::Internet);
    screen.press(Key::Escape);

    let id = waiting(&mut screen);
    screen.notice(id, Notice::Online(OnlineState::NoRelay));
    assert_eq!(screen.window().state.codes_lead(), CodesLead::Nearby(WhyNearby::NoRelay));
    assert!(screen.control(&named(&screen, "lead-nearby")).is_some());
    screen.notice(id, Notice::Online(reachable()));
    assert_eq!(screen.window().state.codes_lead(), CodesLead::Anywhere { is_certain: true });

    screen.window().state.settings.internet = false;
    assert_eq!(screen.window().state.codes_lead(), CodesLead::Nearby(anywhere));
    screen.window().state.settings.path_mode = PathMode::LocalOnly;
    screen.settle();
    assert_eq!(screen.window().state.codes_lead(), CodesLead::Nearby(nearby));
    screen.click(&named(&screen, "lead-nearby"));
    assert_eq!(screen.window().state.form.page, Page::Advanced);
}

#[test]
fn a_waiting_code_says_in_one_line_where_it_works() {
    let mut screen = online();
    let id = waiting(&mut screen);
    assert!(screen.shows(&screen.say("online-soon")));
    // Who can reach this computer is of no interest then.
    for key in ["reach-local", "reach-public", "reach-nobody", "pass-on-local"] {
        assert!(!screen.shows(&screen.say(key)), "{key}");
    }
    screen.notice(id, Notice::Online(OnlineState::NoRelay));
    assert!(screen.shows(&screen.say("online-only-nearby")));
    screen.notice(id, Notice::Online(reachable()));
    assert!(screen.shows(&screen.say("works-anywhere")) && screen.shows(&screen.say("works-once")));
    screen.notice(id, Notice::Reach { relay: Some(made_up::relay()), why: None });
    screen.notice(id, Notice::Online(OnlineState::NoRelay));
    assert!(screen.shows(&screen.say("online-only-relay")));
}

#[test]
fn the_link_of_a_code_that_works_anywhere_tells_no_address_of_this_computer() {
    let mut screen = online();
    let id = waiting(&mut screen);
    let links = |screen: &mut Screen| -> Vec<String> {
        screen.card().invites().iter().map(ToString::to_string).collect()
    };
    assert!(links(&mut screen)[0].contains("192.0.2.7"), "the local network is all there is yet");
    screen.click_key("show-qr");
    let before = screen.card().folds.qr.clone();
    screen.notice(id, Notice::Online(reachable()));
    assert_eq!(links(&mut screen), [format!("caiman:{}", made_up::CODE)]);
    assert!(screen.card().folds.qr.is_some() && screen.card().folds.qr != before, "it is the old link's");
    screen.card().hosted = None;
    screen.notice(id, Notice::Online(OnlineState::NoRelay));
    assert_eq!(links(&mut screen), [format!("caiman:{}", made_up::CODE)], "there is always a link");
}

#[test]
fn a_code_that_somebody_else_uses_gives_way_to_a_new_one() {
    let mut screen = Screen::new();
    let (first, second) = (screen.file("notes.txt", b"one"), screen.file("more.txt", b"two"));
    screen.drop_files(&[&first]);
    screen.until_card("the code", |card| {
        card.manifest.is_some() && card.progress.phase == Phase::WaitingForPeer
    });
    let (old, id) = (screen.card().code.clone(), screen.card().id);
    let (_, rect) = screen.window().rects[0];
    screen.point_at(rect.center());
    screen.drop_files(&[&second]);
    screen.until_card("the second file", |card| {
        card.manifest.as_ref().is_some_and(|manifest| manifest.files() == 2)
    });
    screen.card().internet = Some(Internet::default());
    screen.notice(id, Notice::Online(OnlineState::Taken));
    assert!(screen.shows(&screen.say("online-taken")));
    screen.click_key("new-code");
    screen.until("the new code", |screen| {
        let cards = &screen.window().state.cards;
        let card = cards.first().filter(|card| cards.len() == 1 && card.id != id)?;
        (card.code.is_some() && card.code != old && card.manifest.as_ref()?.files() == 2).then_some(())
    });
}

#[test]
fn what_could_not_be_added_is_not_sent_again() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    let late = screen.folder().join("late.txt");
    let StartedWith::Paths(paths) = &mut screen.card().started_with else { panic!("it sends files") };
    paths.push(late.clone());
    screen.notice(id, Notice::NotAdded { paths: vec![late], reason: NotAdded::TooLate });
    assert!(matches!(&screen.card().started_with, StartedWith::Paths(paths) if paths.len() == 1));
}

#[test]
fn the_way_of_the_bytes_is_told_with_the_time_that_they_take() {
    let words = Words::of(Some("en"));
    let mut card = Card::new(TaskId::made_up(1), Direction::Sent, StartedWith::Text(String::new()));
    card.progress = Progress { lanes: 8, route: Route::Direct, ..Progress::default() };
    assert_eq!(explain::path(&words, &card), "Directly · 8 connections");
    card.progress.round_trip = Some(Duration::from_micros(42_400));
    assert_eq!(explain::path(&words, &card), "Directly · 8 connections · 42 ms");
    card.progress = Progress { lanes: 1, route: Route::IrohRelay, ..card.progress };
    card.internet = Some(Internet::default());
    assert_eq!(explain::path(&words, &card), "Through a public relay · 1 connection · 42 ms");
    card.internet =
        Some(Internet { relays: vec!["https://relay.example.org".parse().unwrap()], ..Internet::default() });
    card.progress.round_trip = Some(Duration::from_micros(40));
    assert_eq!(explain::path(&words, &card), "Through your iroh relay · 1 connection · 1 ms");
    card.progress = Progress { lanes: 8, ..Progress::default() };
    card.notice(Notice::Met(MetAt::Internet));
    assert_eq!(explain::path(&words, &card), "Met over the internet · 8 connections");
    card.notice(Notice::Met(MetAt::Relay(made_up::relay())));
    assert_eq!(explain::path(&words, &card), "Through the relay relay.example.org:27001 · 8 connections");
}

#[test]
fn who_runs_the_public_relays_is_told_once() {
    let mut screen = Screen::with(|settings| settings.internet = true);
    assert!(screen.shows(&screen.say("internet-first")));
    screen.click_key("internet-change");
    assert_eq!(screen.window().state.form.page, Page::Internet);
    screen.press(Key::Escape);
    screen.click_key("internet-understood");
    assert!(!screen.shows(&screen.say("internet-first")));
    let screen = screen.reopened();
    assert!(!screen.shows(&screen.say("internet-first")));
}

#[test]
fn own_relays_take_the_place_of_the_public_ones() {
    let mut screen = online();
    screen.click_key("settings");
    screen.click_key("set-internet");
    assert!(screen.shows(&screen.say("set-internet-public")) && screen.shows(&screen.say("set-in-use")));
    screen.click_key("set-add-iroh");
    let named = screen.words().tell("set-iroh-named", &[("number", 1.into())]);
    assert_eq!(screen.focused().map(|(_, name)| name).as_ref(), Some(&named));
    screen.type_text("https://relay.example.org/x");
    assert!(screen.shows(&screen.say("set-bad-iroh")) && screen.shows(&screen.say("set-internet-public")));
    screen.fill(&named, "relay.example.org");
    screen.press(Key::Enter);
    assert!(screen.shows(&screen.say("set-internet-own")) && screen.shows(&screen.say("set-not-in-use")));
    let relay: IrohRelay = "https://relay.example.org".parse().unwrap();
    assert_eq!(screen.window().state.settings.iroh_relays, [relay]);
    let remove = screen.say_named("set-remove", "relay.example.org");
    screen.click(&remove);
    assert!(screen.window().state.settings.iroh_relays.is_empty());
    screen.click_key("set-internet-on");
    assert!(!screen.window().state.settings.internet && !screen.shows(&screen.say("set-add-iroh")));
}

#[test]
fn what_a_test_of_an_iroh_relay_finds_stands_below_it() {
    let relay: IrohRelay = "http://127.0.0.1:1".parse().unwrap();
    let mut screen = Screen::with(|settings| {
        (settings.internet, settings.iroh_relays) = (true, vec!["http://127.0.0.1:1".parse().unwrap()]);
    });
    screen.click_key("settings");
    screen.click_key("set-internet");
    let id = screen.window().engine.new_id();
    for (tells_addresses, key) in [(true, "set-iroh-good"), (false, "set-iroh-blind")] {
        screen.window().state.iroh_checks.insert(id, relay.clone());
        let check = IrohCheck { latency: Duration::from_millis(42), tells_addresses };
        screen.feed(Event::CheckedIroh(id, Ok(check)));
        let text = screen.words().tell(key, &[("latency", 42.into())]);
        assert!(screen.shows(&text), "{:#?}", screen.texts());
    }
    // Nothing answers at this one.
    let test = screen.say_named("set-test-named", "127.0.0.1:1");
    screen.click(&test);
    assert!(screen.shows(&screen.say("relay-checking")));
    let silent = screen.words().tell("iroh-silent", &[("relay", "127.0.0.1:1".into())]);
    screen.until_shown(&silent);
    assert!(matches!(screen.window().state.checked_iroh.get(&relay), Some(IrohStatus::Bad(_))));
}

#[test]
fn every_trouble_with_an_iroh_relay_is_told() {
    let relay = || "https://relay.example.org".parse::<IrohRelay>().unwrap();
    let errors = [
        IrohCheckError::Silent(relay()),
        IrohCheckError::Unusable { relay: relay(), cause: "its certificate is of yesterday".to_owned() },
        IrohCheckError::Refused(relay()),
        IrohCheckError::Here(std::io::ErrorKind::PermissionDenied.into()),
        IrohCheckError::Internal(PanicReport::made_up("the relay is made of paper")),
    ];
    let languages: Vec<_> = Words::languages().map(|(tag, _)| Words::of(Some(tag))).collect();
    for error in errors {
        let texts: BTreeSet<_> = languages.iter().map(|words| explain::iroh(words, &error)).collect();
        assert_eq!(texts.len(), languages.len(), "each language has its own words: {texts:?}");
        assert!(texts.iter().all(|text| text.ends_with('.')), "{texts:?}");
    }
}

/// Catches a window that doesn't pass the settings on to the engine.
#[cfg(feature = "internet")]
#[test]
fn four_words_are_enough_over_the_internet() {
    use iroh_relay::server::{RelayConfig, Server, ServerConfig};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut config = ServerConfig::default();
    config.relay = Some(RelayConfig::new(([127, 0, 0, 1], 0)));
    let server = runtime.block_on(Server::spawn(config)).unwrap();
    let address = server.http_addr().unwrap();
    let open = || {
        Screen::with(|settings| {
            settings.internet = true;
            settings.iroh_relays = vec![format!("http://{address}").parse().unwrap()];
        })
    };
    let (mut sender, mut receiver) = (open(), open());
    let file = sender.file("notes.txt", b"one two three");
    sender.drop_files(&[&file]);
    let code = code(&mut sender);
    let works = sender.say("works-anywhere");
    sender.until_shown(&works);
    ask(&mut receiver, &mut sender, &code);
    receiver.press(Key::Enter);
    done(&mut sender, &mut receiver);
    assert_eq!(receiver.card().met_at, Some(MetAt::Internet));
    assert_eq!(fs::read(receiver.inbox().join("notes.txt")).unwrap(), b"one two three");
    sender.press_with(eframe::egui::Modifiers::COMMAND, Key::Comma);
    sender.click_key("set-internet");
    let test = sender.say_named("set-test-named", &address.to_string());
    sender.click(&test);
    sender.until("the test of the relay", |screen| {
        let checked = screen.window().state.checked_iroh.values().next();
        matches!(checked, Some(IrohStatus::Good(check)) if !check.tells_addresses).then_some(())
    });
    runtime.block_on(server.shutdown()).unwrap();
}
