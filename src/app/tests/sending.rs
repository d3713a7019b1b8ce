//! From a drop to a code, and what can be done with a send that waits.

use std::{fs, time::Duration};

use super::{Screen, made_up};
use crate::{
    app::{
        desktop::desk::{ClipboardUse, DeskOutcome},
        model::{card::StartedWith, tone::Tone},
    },
    engine::{NotAdded, Notice, Phase, Progress, TransferError},
    history::Direction,
    transfer::error::FileAction,
};

/// Drops a new file and waits until it could be received. The send hosts its own relay.
fn waiting(screen: &mut Screen) -> String {
    let file = screen.file("notes.txt", b"one two three");
    screen.drop_files(&[&file]);
    screen.until_card("the code", |card| {
        card.code.is_some() && card.manifest.is_some() && card.progress.phase == Phase::WaitingForPeer
    });
    screen.card().code.as_ref().unwrap().to_string()
}

#[test]
fn what_is_dropped_gets_a_code() {
    let mut screen = Screen::new();
    let code = waiting(&mut screen);
    assert!(screen.shows(&code) && screen.shows("notes.txt"), "{:#?}", screen.texts());
    assert!(screen.shows(&screen.say("phase-waiting")));
    assert!(screen.card().hosted.is_some() && screen.shows(&screen.say("works-once")));
    // One of these texts says who can reach this computer.
    let reach = ["works-nearby", "works-reachable", "reach-nobody"].map(|key| screen.say(key));
    assert!(reach.iter().any(|text| screen.shows(text)));
    screen.click_key("options");
    let reach = ["reach-local", "reach-public", "reach-nobody"].map(|key| screen.say(key));
    assert!(reach.iter().any(|text| screen.shows(text)));
}

#[test]
fn copying_is_acknowledged_and_the_button_comes_back() {
    let mut screen = Screen::new();
    let code = waiting(&mut screen);
    screen.click_key("copy-code");
    assert_eq!(screen.copied, [code.as_str()]);
    assert!(screen.control(&screen.say("copied")).is_some());
    assert!(screen.control(&screen.say("copy-code")).is_none());
    screen.click_key("copy-invitation");
    let invitation = screen.copied.pop().unwrap();
    let link = invitation.split_whitespace().last().unwrap();
    assert!(link.starts_with("caiman:") && link.contains(&code) && link.contains("server="), "{link}");
    // It is read as the link, also by those who paste all of it.
    assert_eq!(crate::code::parse_any(&invitation).unwrap().to_string(), link);
    assert!(!invitation.contains("notes.txt"), "a messenger learns what is sent: {invitation}");
    // The button comes back by itself, without a hand on the window.
    let (copy, limit) = (screen.say("copy-invitation"), Duration::from_secs(2));
    assert!(screen.wanted_after() <= limit, "the window rests");
    screen.until("the button", |screen| screen.control(&copy).is_some().then_some(()));
    assert!(screen.control(&screen.say("copy-code")).is_some());
    assert!(screen.control(&screen.say("copied")).is_none());
}

#[test]
fn a_drop_on_a_waiting_send_adds_to_it() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    let (_, rect) = screen.window().rects[0];
    screen.point_at(rect.center());
    let more = screen.file("more.txt", b"four");
    screen.hold(&[&more]);
    assert!(screen.paints(&screen.say("drop-to-add")) && screen.paints("more.txt"));
    screen.drop_files(&[&more]);
    screen.until_card("the second file", |card| {
        card.manifest.as_ref().is_some_and(|manifest| manifest.files() == 2)
    });
    assert_eq!(screen.window().state.cards.len(), 1);
    assert!(screen.shows("notes.txt, more.txt"), "{:#?}", screen.texts());
}

#[test]
fn a_drop_elsewhere_is_another_send() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    let zone = screen.control(&screen.say("choose-files")).unwrap().rect();
    screen.point_at(zone.center_top());
    let more = screen.file("more.txt", b"four");
    screen.hold(&[&more]);
    assert!(screen.paints(&screen.say("drop-to-send")));
    screen.drop_files(&[&more]);
    screen.until("the second card", |screen| (screen.window().state.cards.len() == 2).then_some(()));
    assert!(!screen.paints(&screen.say("drop-to-send")));
}

/// Windows and macOS say where the pointer is only once it moves over the window again.
#[test]
fn a_drop_whose_place_is_told_late_adds_all_the_same() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    let (_, rect) = screen.window().rects[0];
    let more = screen.file("more.txt", b"four");
    screen.outcome(DeskOutcome::Dropped { paths: vec![more], at: None });
    screen.point_at(rect.center());
    screen.until_card("the second file", |card| {
        card.manifest.as_ref().is_some_and(|manifest| manifest.files() == 2)
    });
    assert_eq!(screen.window().state.cards.len(), 1);
}

#[test]
fn drops_whose_places_are_never_told_are_other_sends() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    for name in ["more.txt", "most.txt"] {
        let paths = vec![screen.file(name, b"four")];
        screen.outcome(DeskOutcome::Dropped { paths, at: None });
    }
    screen.until("the other cards", |screen| (screen.window().state.cards.len() == 3).then_some(()));
}

#[test]
fn a_long_list_in_the_hand_is_counted() {
    let mut screen = Screen::new();
    let paths: Vec<_> = (0..5).map(|n| screen.folder().join(format!("{n}.txt"))).collect();
    screen.hold(&paths.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>());
    let text = screen
        .window()
        .words
        .tell("and-more", &[("names", "0.txt, 1.txt, 2.txt".into()), ("count", 2.into())]);
    assert!(screen.paints(&text));
}

#[test]
fn a_waiting_send_can_be_cancelled_and_leaves_nothing() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    let cancel = screen.say_named("cancel-named", "notes.txt");
    screen.click(&cancel);
    screen.until("the end", |screen| screen.window().state.cards.is_empty().then_some(()));
    assert!(screen.window().state.history.entries().is_empty());
}

#[test]
fn a_file_that_is_not_there_is_told_and_can_be_tried_again() {
    let mut screen = Screen::new();
    let gone = screen.folder().join("gone.txt");
    screen.drop_files(&[&gone]);
    screen.until_card("the end", |card| card.end.is_some());
    let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
    let told = screen.explained(&TransferError::file(FileAction::Read, &gone, cause), Direction::Sent);
    assert!(screen.shows(&told.happened) && screen.shows(&told.next), "{:#?}", screen.texts());
    fs::write(&gone, b"back").unwrap();
    screen.click_key("send-again");
    screen.until_card("the code", |card| card.code.is_some());
    assert_eq!(screen.window().state.cards.len(), 1);
}

#[test]
fn the_qr_code_and_the_list_fold_out_and_in() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    screen.click_key("show-qr");
    assert!(screen.shows(&screen.say("qr-name")));
    screen.click_key("hide-qr");
    assert!(!screen.shows(&screen.say("qr-name")));
    let size = screen.words().bytes(13);
    screen.click_key("show-list");
    assert!(screen.texts().iter().filter(|text| **text == size).count() == 1, "{:#?}", screen.texts());
    screen.click_key("hide-list");
    assert!(!screen.texts().contains(&size));
}

#[test]
fn wrong_tries_are_told_until_the_code_is_retired() {
    let mut screen = Screen::new();
    screen.file("notes.txt", b"one two three");
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    let tries = |screen: &mut Screen, left: u8| screen.words().tell("wrong-try", &[("left", left.into())]);
    for left in [2, 1] {
        screen.notice(id, Notice::WrongTry { tries_left: left });
        let text = tries(&mut screen, left);
        assert!(screen.shows(&text), "{:#?}", screen.texts());
    }
    screen.notice(id, Notice::OtherVersion { theirs: 99 });
    assert!(screen.shows(&screen.say("came-newer")));
    screen.notice(id, Notice::Retired);
    screen.progress(Progress { phase: Phase::Retired, ..Progress::default() });
    assert!(screen.shows(&screen.say("code-retired")));
    // A retired code must not be passed on.
    assert!(screen.control(&screen.say("copy-invitation")).is_none());
    assert!(screen.control(&screen.say("copy-code")).is_none());
    // The way on is there at once, and not only after the minute in which the old code is told to be retired.
    screen.click_key("new-code");
    assert!(screen.window().state.card(id).is_none());
    screen.until_card("the new code", |card| card.code.is_some());
    assert_eq!(screen.window().state.cards.len(), 1);
}

#[test]
fn what_waits_can_be_thinned_out_and_the_last_one_stays() {
    let mut screen = Screen::new();
    let files = ["one.txt", "two.txt"].map(|name| screen.file(name, b"x"));
    screen.drop_files(&files.each_ref().map(std::path::PathBuf::as_path));
    screen.until_card("both files", |card| {
        card.code.is_some()
            && card.manifest.as_ref().is_some_and(|manifest| manifest.files() == 2)
            && card.progress.phase == Phase::WaitingForPeer
    });
    screen.click_key("show-list");
    let remove = screen.say_named("remove-named", "one.txt");
    screen.click(&remove);
    screen.until_card("what is left", |card| {
        card.manifest.as_ref().is_some_and(|manifest| manifest.files() == 1)
    });
    assert_eq!(screen.card().names().0, ["two.txt"]);
    assert!(matches!(&screen.card().started_with, StartedWith::Paths(paths) if *paths == files[1..]));
    assert!(screen.control(&screen.say_named("remove-named", "two.txt")).is_none());
}

#[test]
fn receivers_limit_and_expiry_are_set_for_one_send() {
    let mut screen = Screen::new();
    let old = waiting(&mut screen);
    let id = screen.card().id;
    screen.click_key("options");
    screen.click_key("set-rate");
    screen.click("5 MB/s");
    assert_eq!(screen.card().limit, Some(5_000_000));
    assert_eq!(screen.window().state.settings.bytes_per_sec, None, "others keep theirs");
    screen.click_key("set-receivers");
    screen.click("3");
    screen.until("the new code", |screen| {
        let cards = &screen.window().state.cards;
        let card = cards.first().filter(|card| cards.len() == 1 && card.id != id)?;
        (card.code.as_ref()?.to_string() != old && card.progress.phase == Phase::WaitingForPeer).then_some(())
    });
    assert_eq!((screen.card().receivers, screen.card().limit), (3, Some(5_000_000)));
    screen.click_key("expires");
    let after = screen.words().tell("expires-after", &[("time", "10 min".into())]);
    screen.click(&after);
    assert!(screen.wanted_after() <= Duration::from_mins(10));
    // Its time comes at once.
    let id = screen.card().id;
    screen.card().expires = Some((Duration::ZERO, std::time::Instant::now()));
    screen.settle();
    screen.until("the end", |screen| screen.window().state.card(id).is_none().then_some(()));
    let told = screen.say_named("expired", "notes.txt");
    assert!(screen.shows(&told), "{:#?}", screen.texts());
}

/// Catches a limit that holds only for sends that begin after it was set.
#[test]
fn a_limit_in_the_settings_reaches_what_waits() {
    let mut screen = Screen::new();
    waiting(&mut screen);
    screen.click_key("settings");
    let rate = screen.say("set-rate");
    screen.fill(&rate, "5 MB/s");
    screen.press(eframe::egui::Key::Enter);
    assert_eq!(screen.card().limit, Some(5_000_000));
}

#[test]
fn files_a_text_or_a_code_can_be_pasted() {
    let mut screen = Screen::new();
    let paste = |files, text: Option<&str>| DeskOutcome::Clipboard {
        purpose: ClipboardUse::Paste,
        files,
        text: text.map(str::to_owned),
    };
    screen.outcome(paste(Vec::new(), Some("  \n")));
    assert!(screen.shows(&screen.say("nothing-to-paste")));
    let file = screen.file("notes.txt", b"one");
    screen.outcome(paste(vec![file], None));
    assert_eq!(screen.card().names().0, ["notes.txt"]);
    // A text is seen before it goes, and can be changed: nobody sees what is on a clipboard.
    screen.outcome(paste(Vec::new(), Some("see you at eight")));
    assert_eq!(screen.window().state.cards.len(), 1);
    let field = screen.say("text-to-send");
    assert_eq!(screen.value(&field), "see you at eight");
    screen.press(eframe::egui::Key::Escape);
    assert_eq!(screen.window().state.cards.len(), 1, "nothing was sent");
    screen.click_key("write-text");
    assert_eq!(screen.value(&field), "see you at eight", "what was written is kept");
    screen.fill(&field, "at nine");
    screen.click_key("text-send");
    assert!(screen.card().is_text() && screen.shows(&screen.say("a-text")));
    assert!(matches!(&screen.card().started_with, StartedWith::Text(text) if text == "at nine"));
    assert!(screen.window().state.draft.is_empty());
    screen.click_key("show-text");
    assert!(screen.shows("at nine"), "{:#?}", screen.texts());
    screen.outcome(paste(Vec::new(), Some(made_up::CODE)));
    assert_eq!(screen.window().state.cards.len(), 2);
    assert_eq!(screen.value(&screen.say("code")), made_up::CODE);
}

#[test]
fn an_own_code_that_is_pasted_is_not_sent_to_anybody() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    let text = Some(made_up::CODE.to_owned());
    screen.outcome(DeskOutcome::Clipboard { purpose: ClipboardUse::Paste, files: Vec::new(), text });
    assert_eq!(screen.window().state.cards.len(), 1);
}

#[test]
fn a_code_on_the_clipboard_is_offered_once_and_an_own_one_never() {
    let mut screen = Screen::new();
    let look = |text: &str| DeskOutcome::Clipboard {
        purpose: ClipboardUse::Look,
        files: Vec::new(),
        text: Some(text.to_owned()),
    };
    screen.outcome(look("four words that are no code"));
    assert!(screen.window().state.offered_code.is_none());
    screen.outcome(look(made_up::CODE));
    assert!(screen.shows(made_up::CODE));
    screen.click_key("close");
    assert!(!screen.shows(made_up::CODE));
    screen.outcome(look(made_up::CODE));
    assert!(!screen.shows(made_up::CODE), "it was offered twice");

    let link = "caiman:tulip-acid-coyote-mustard?server=192.0.2.7:27001";
    screen.outcome(look(link));
    screen.click_key("clipboard-take");
    assert_eq!(screen.value(&screen.say("code")), "tulip-acid-coyote-mustard");
    assert_eq!(screen.window().state.field.server.as_deref(), Some("192.0.2.7:27001"));
    let code = screen.say("code");
    screen.fill(&code, "");
    let other = "caiman:mustard-acid-coyote-tulip?server=192.0.2.7:27001";
    let args = [("get", "x".into()), ("code", "y".into()), ("link", other.into())];
    let invitation = screen.words().tell("invitation", &args);
    screen.outcome(look(&invitation));
    assert!(screen.shows("mustard-acid-coyote-tulip"), "{:#?}", screen.texts());

    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    screen.outcome(look(made_up::CODE));
    screen.outcome(look(&made_up::CODE.replace('-', " ")));
    assert!(screen.window().state.offered_code.is_none());
}

#[test]
fn a_code_on_the_clipboard_that_is_received_already_is_not_offered() {
    let mut screen = Screen::new();
    screen.made_up(Direction::Received);
    screen.outcome(DeskOutcome::Clipboard {
        purpose: ClipboardUse::Look,
        files: Vec::new(),
        text: Some(made_up::CODE.to_owned()),
    });
    assert!(screen.window().state.offered_code.is_none());
}

#[test]
fn what_is_left_out_is_counted_and_named_on_demand() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    let late = |name: &str| Notice::NotAdded { paths: vec![name.into()], reason: NotAdded::TooLate };
    screen.notice(id, late("/home/ada/late.txt"));
    assert!(screen.shows("late.txt"), "a single one is named at once");
    for name in ["b", "c", "d"] {
        screen.notice(id, late(name));
    }
    let count = screen.words().tell("left-behind", &[("count", 4.into())]);
    assert!(screen.shows(&count) && !screen.shows("late.txt"));
    screen.click_key("show-list");
    assert!(screen.shows("late.txt"), "{:#?}", screen.texts());
}

#[test]
fn banners_go_when_they_are_closed() {
    let mut screen = Screen::new();
    let text = screen.say("engine-busy");
    screen.window().state.tell(Tone::Bad, text.clone());
    screen.settle();
    assert!(screen.shows(&text));
    screen.click_key("close");
    assert!(!screen.shows(&text));
    assert!(screen.window().state.banners.is_empty());
}
