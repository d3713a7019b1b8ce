//! A transfer that stands still: paused by a user, or without its connection.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use eframe::egui::{Key, ViewportCommand};

use super::{
    Screen,
    made_up::{self, MIB, manifest, progress},
};
use crate::{
    app::{
        explain,
        model::standing::{Lost, Standstill},
    },
    engine::{Connection, Event, FileWatch, Notice, Paused, Phase, Progress},
    history::Direction,
    transfer::{
        file_states::ShownFiles,
        meter::Meter,
        plan::{Plan, Wanted, blocks::BlockSet},
    },
};

fn paused(here: bool, there: bool) -> Progress {
    let paused = Paused { here, there };
    Progress { paused, lanes: 0, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) }
}

fn lost(connection: Connection) -> Progress {
    Progress { connection, lanes: 0, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) }
}

/// What the newest card says about this standstill.
fn told(screen: &mut Screen, standstill: Standstill) -> String {
    let window = screen.window();
    let card = &window.state.cards[0];
    explain::standstill(&window.words, card, standstill).expect("there is something to say").1
}

#[test]
fn how_far_a_resting_transfer_has_come_is_whole_in_a_small_window() {
    for (language, percent) in [("en", "35 %"), ("de", "35 %"), ("fr", "35\u{a0}%")] {
        let mut screen = Screen::sized(800.0, 600.0, |settings| settings.language = Some(language.into()));
        screen.moving(Direction::Sent);
        for (here, there) in [(true, false), (false, true), (true, true)] {
            let far = progress(Phase::Moving, 1234 * MIB, 3456 * MIB);
            screen.progress(Progress { paused: Paused { here, there }, lanes: 0, ..far });
            assert!(screen.paints(percent), "{language}: {:#?}", screen.texts());
        }
    }
}

#[test]
fn a_pause_is_a_button_on_both_sides_and_says_who_wants_it() {
    for direction in [Direction::Sent, Direction::Received] {
        let mut screen = Screen::new();
        screen.moving(direction);
        let [pause, resume] = ["pause-named", "resume-named"].map(|key| screen.say_named(key, "notes.txt"));
        let cancel = screen.say_named("cancel-named", "notes.txt");
        let shown = |screen: &Screen, name: &str| screen.control(name).is_some();
        assert!(shown(&screen, &pause) && !shown(&screen, &resume));

        screen.progress(paused(true, false));
        assert!(shown(&screen, &resume) && !shown(&screen, &pause) && shown(&screen, &cancel));
        let line = format!("{} · ", screen.say("paused-here"));
        assert!(screen.shows(&line), "{:#?}", screen.texts());

        // Only the other side can lift its pause.
        screen.progress(paused(false, true));
        assert!(shown(&screen, &pause) && !shown(&screen, &resume));
        assert!(screen.shows(&screen.say_of("paused-there", direction)));
        assert!(screen.shows(&screen.say_of("paused-there-means", direction)));

        screen.progress(paused(true, true));
        assert!(shown(&screen, &resume));
        assert!(screen.shows(&screen.say("paused-both")));
        assert!(screen.shows(&screen.say_of("paused-both-means", direction)));

        screen.progress(progress(Phase::Storing, 8 * MIB, 8 * MIB));
        assert!(!shown(&screen, &pause) && !shown(&screen, &resume), "there is nothing to pause any more");
    }
}

#[test]
fn what_is_paused_shows_no_speed_and_no_time_and_draws_nothing_by_itself() {
    let mut screen = Screen::new();
    screen.moving(Direction::Received);
    assert!(!screen.shows(&screen.say("graph")), "it has nothing to show yet");
    let start = Instant::now().checked_sub(Duration::from_secs(20)).expect("the machine runs for longer");
    let mut meter = Meter::new();
    (0..=20).for_each(|second| meter.note(2 * MIB, Some(8 * MIB), start + Duration::from_secs(second)));
    screen.card().meter = meter;
    screen.settle();
    let speed = {
        let words = screen.words();
        words.tell("per-second", &[("size", words.bytes(0).into())])
    };
    assert!(screen.shows(&speed), "{:#?}", screen.texts());
    let button = |screen: &Screen, key| {
        screen.control(&screen.say_named(key, "notes.txt")).map(|button| button.rect())
    };
    let bar = |screen: &Screen| screen.place(&screen.say_named("progress-named", "notes.txt"));
    let (before, long) = (button(&screen, "pause-named"), bar(&screen));
    screen.progress(paused(true, false));
    assert!(before.is_some() && before == button(&screen, "resume-named") && long == bar(&screen));
    assert!(!screen.shows(&speed) && screen.shows(&screen.say("graph")));
    let name = screen.say_named("progress-named", "notes.txt");
    assert_eq!(screen.number(&name), Some(25.0), "how far it came stays in sight");
    // The answer to a question that was asked at the start may still arrive.
    screen.until("rest", |screen| (screen.wanted_after() > Duration::from_mins(1)).then_some(()));
    screen.progress(progress(Phase::Moving, 2 * MIB, 8 * MIB));
    assert!(screen.shows(&speed));
    assert!(screen.wanted_after() < Duration::from_secs(1));
}

/// Catches a pause that hides the lost connection: after resuming nothing would go on, for no visible reason.
#[test]
fn a_pause_does_not_hide_that_the_connection_is_lost_as_well() {
    for (here, there) in [(true, false), (false, true), (true, true)] {
        let mut screen = Screen::new();
        screen.moving(Direction::Received);
        screen.progress(paused(here, there));
        let lost = {
            let window = screen.window();
            explain::lost_while_paused(&window.words, Duration::ZERO)
        };
        assert!(!screen.shows(&lost), "{:#?}", screen.texts());
        screen.progress(Progress { connection: Connection::LookingForPeer, ..paused(here, there) });
        assert!(screen.shows(&lost), "{:#?}", screen.texts());
        let who =
            ["paused-here", "paused-there", "paused-both"].map(|key| screen.say_of(key, Direction::Received));
        assert!(who.iter().any(|who| screen.shows(who)), "{:#?}", screen.texts());
    }
}

#[test]
fn the_title_says_when_all_that_is_under_way_is_paused() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    screen.progress(paused(false, true));
    let title = format!("25 % · {} – Caiman", screen.say("paused-here"));
    assert_eq!(screen.window().title, title);
    screen.progress(progress(Phase::Moving, 2 * MIB, 8 * MIB));
    assert_eq!(screen.window().title, "25 % – Caiman");
}

#[test]
fn closing_asks_for_the_sake_of_what_is_paused() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    screen.progress(paused(false, true));
    screen.close();
    assert!(screen.shows(&screen.say("quit-question-resting")), "{:#?}", screen.texts());
    assert!(screen.asked.contains(&ViewportCommand::CancelClose));
}

#[test]
fn a_lost_connection_is_told_calmly_with_the_way_on() {
    for (connection, what) in
        [(Connection::LookingForRelay, Lost::Relay), (Connection::LookingForPeer, Lost::Peer)]
    {
        let mut screen = Screen::new();
        screen.moving(Direction::Sent);
        screen.progress(lost(connection));
        let since = Duration::from_secs(192);
        let card = screen.card();
        card.lost_since = card.lost_since.and_then(|then| then.checked_sub(since));
        screen.settle();
        let text = told(&mut screen, Standstill::Lost(what, since));
        assert!(screen.shows(&text), "{text}: {:#?}", screen.texts());
        assert!(text.contains("3 min 12 s"), "{text}");
        for key in ["pause-named", "cancel-named"] {
            assert!(screen.control(&screen.say_named(key, "notes.txt")).is_some(), "{key}");
        }
        assert!(screen.wanted_after() < Duration::from_secs(1), "its clock goes on");
        // A user who pauses meanwhile reads that the transfer is paused, and nothing else.
        screen.progress(Progress { connection, ..paused(true, false) });
        assert!(screen.shows(&screen.say("paused-here")) && !screen.shows(&text));
        let cancel = screen.say_named("cancel-named", "notes.txt");
        screen.click(&cancel);
        screen.click_key("stop");
        assert!(screen.shows(&screen.say("phase-cancelling")) && !screen.shows(&screen.say("paused-here")));
    }
}

/// While the receive looks for the other side it holds what has arrived, so another receive would not find that.
#[test]
fn a_lost_receive_says_what_to_do_if_it_is_sent_anew() {
    for (direction, is_told) in [(Direction::Received, true), (Direction::Sent, false)] {
        let mut screen = Screen::new();
        screen.moving(direction);
        for connection in [Connection::LookingForRelay, Connection::LookingForPeer] {
            screen.progress(lost(connection));
            assert_eq!(screen.shows(&screen.say("away-new-code")), is_told, "{:#?}", screen.texts());
        }
    }
}

#[test]
fn stopping_is_told_whatever_went_before() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    let cancel = screen.say_named("cancel-named", "notes.txt");
    screen.click(&cancel);
    screen.click_key("stop");
    assert!(screen.shows(&screen.say("phase-cancelling")), "{:#?}", screen.texts());
    assert!(screen.control(&screen.say_named("pause-named", "notes.txt")).is_none());
}

#[test]
fn a_code_whose_relay_is_lost_stays_in_sight() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    let connection = Connection::LookingForRelay;
    screen.progress(Progress { phase: Phase::WaitingForPeer, connection, ..Progress::default() });
    let text = told(&mut screen, Standstill::Lost(Lost::Relay, Duration::ZERO));
    assert!(screen.shows(&text) && screen.shows(made_up::CODE), "{text}: {:#?}", screen.texts());
    let (what, how) = (screen.place(&text).unwrap(), screen.place(&screen.say("options")).unwrap());
    assert!(what.bottom() <= how.top(), "it stands below the code, not below everything");
    screen.progress(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    assert!(!screen.shows(&text));
}

#[test]
fn an_offer_whose_sender_is_lost_says_so() {
    let mut screen = Screen::new();
    screen.offered(&manifest(&[("notes.txt", 8 * MIB)]), &[]);
    let connection = Connection::LookingForPeer;
    screen.progress(Progress { phase: Phase::WaitingForAnswer, connection, ..Progress::default() });
    let text = told(&mut screen, Standstill::Lost(Lost::Peer, Duration::ZERO));
    assert!(screen.shows(&text), "{text}: {:#?}", screen.texts());
    assert!(screen.control(&screen.say("decline")).is_some());
}

#[test]
fn the_keyboard_pauses_and_resumes_without_looking_for_the_button_again() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    let [pause, resume] = ["pause-named", "resume-named"].map(|key| screen.say_named(key, "notes.txt"));
    for _ in 0..40 {
        if screen.focused().is_some_and(|(_, name)| name == pause) {
            break;
        }
        screen.press(Key::Tab);
    }
    assert_eq!(screen.focused().map(|(_, name)| name), Some(pause));
    // The engine doesn't know a made-up transfer, so its answer is made up as well.
    screen.press(Key::Space);
    screen.progress(paused(true, false));
    assert_eq!(screen.focused().map(|(_, name)| name), Some(resume), "the keyboard stays where it was");
}

#[test]
fn the_details_of_a_running_transfer_list_how_far_each_file_has_come() {
    let mut screen = Screen::new();
    let offered =
        manifest(&[("large.bin", 8 * MIB), ("note.txt", 7), ("unwanted.txt", 7), ("gone.bin", MIB)]);
    let id = screen.made_up(Direction::Received);
    let (watch, snapshots) = (FileWatch::default(), screen.snapshots.subscribe());
    screen.feed(Event::Started(id, snapshots, watch.clone()));
    screen.notice(id, Notice::Listed(offered.clone()));
    screen.notice(id, Notice::Accepted { files: 3, bytes: Some(9 * MIB + 7) });
    screen.progress(Progress { file: Some(0), ..progress(Phase::Moving, 2 * MIB, 9 * MIB + 7) });
    let wanted = Wanted::pick(offered.entries(), |index| index != 2);
    let plan = Arc::new(Plan::new(&offered, |index| index != 2));
    let mut list = ShownFiles::new(watch, Arc::clone(&plan), wanted);
    list.show(&offered, || unreachable!("nobody looks at the list"), &BTreeSet::new());

    screen.click_key("show-details");
    let mut stored = BlockSet::default();
    stored.insert_range(0..plan.blocks_of(0).end / 4);
    stored.insert_range(plan.blocks_of(1));
    list.show(&offered, || stored, &BTreeSet::from([3]));
    screen.settle();
    let size = |screen: &Screen, bytes| screen.words().bytes(bytes);
    let moving = [("percent", 25.into()), ("size", size(&screen, 8 * MIB).into())];
    let arrived = [("size", size(&screen, 7).into())];
    for (key, args) in [("file-moving", &moving[..]), ("file-stored", &arrived), ("file-withdrawn", &[])] {
        let text = screen.words().tell(key, args);
        assert!(screen.shows(&text), "{text}: {:#?}", screen.texts());
    }
    let is_row = |name: &str| screen.texts().iter().any(|text| text == name);
    assert!(is_row("large.bin") && !is_row("unwanted.txt"), "{:#?}", screen.texts());
    // The list is one stop for the keyboard, which comes to it from the button that opened it.
    screen.tab_to(&screen.say("file-list"));

    screen.click_key("hide-details");
    assert!(!screen.shows(&screen.say("file-withdrawn")));
    list.show(&offered, || unreachable!("nobody looks any more"), &BTreeSet::new());
}

/// Catches a list that stays where it was opened, and one that pulls away from under a user who reads something else.
#[test]
fn the_list_of_files_goes_along_with_what_moves_until_the_user_scrolls() {
    let mut screen = Screen::new();
    let names: Vec<String> = (0..40).map(|number| format!("{number:02}.bin")).collect();
    let entries: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), MIB)).collect();
    let offered = manifest(&entries);
    let id = screen.made_up(Direction::Received);
    let (watch, snapshots) = (FileWatch::default(), screen.snapshots.subscribe());
    screen.feed(Event::Started(id, snapshots, watch.clone()));
    screen.notice(id, Notice::Listed(offered.clone()));
    screen.notice(id, Notice::Accepted { files: 40, bytes: Some(40 * MIB) });
    let moves = |screen: &mut Screen, file: u32| {
        let done = u64::from(file) * MIB;
        screen.progress(Progress { file: Some(file), ..progress(Phase::Moving, done, 40 * MIB) });
    };
    moves(&mut screen, 20);
    let mut list = ShownFiles::new(watch, Arc::new(Plan::new(&offered, |_| true)), Wanted::all());
    screen.click_key("show-details");
    list.show(&offered, BlockSet::default, &BTreeSet::new());
    screen.settle();
    let shows = |screen: &Screen, name: &str| screen.place(name).is_some();
    assert!(shows(&screen, "20.bin") && !shows(&screen, "00.bin"), "{:#?}", screen.texts());
    for file in [21, 22, 30, 31] {
        moves(&mut screen, file);
        assert!(shows(&screen, &format!("{file}.bin")), "{file}: {:#?}", screen.texts());
    }
    let at = screen.place("31.bin").unwrap().center();
    screen.point_at(at);
    screen.scroll(5000.0);
    assert!(shows(&screen, "00.bin"));
    moves(&mut screen, 32);
    assert!(shows(&screen, "00.bin"), "the user reads the beginning");
    screen.scroll(-5000.0);
    moves(&mut screen, 33);
    assert!(shows(&screen, "39.bin"));
    // Back at what moves, it goes along again.
    screen.scroll(4.0 * 26.0);
    moves(&mut screen, 34);
    assert!(shows(&screen, "34.bin"));
    moves(&mut screen, 39);
    assert!(shows(&screen, "39.bin"), "{:#?}", screen.texts());
}

#[test]
fn on_a_full_disk_neither_speed_nor_time_left_is_told() {
    let mut screen = Screen::new();
    screen.moving(Direction::Received);
    let tells =
        |screen: &Screen| screen.texts().iter().any(|text| text.ends_with("/s") || text.contains("left"));
    screen.progress(made_up::progress(Phase::Moving, MIB, 8 * MIB));
    assert!(tells(&screen), "{:#?}", screen.texts());
    screen.progress(Progress { disk_is_full: true, ..made_up::progress(Phase::Moving, 2 * MIB, 8 * MIB) });
    assert!(!tells(&screen), "{:#?}", screen.texts());
}
