//! What breaks in the program itself: a job of the desk that panics, and an engine that stops.

use std::time::Instant;

use eframe::egui::{Key, Modifiers};

use super::{
    Screen,
    made_up::{self, manifest, progress},
};
use crate::{
    app::{
        desktop::desk::{BrokenJob, DeskOutcome, Job},
        explain,
    },
    engine::{Notice, Phase, Progress},
    history::Direction,
    panics::PanicReport,
    settings::Settings,
    store::Store,
};

#[test]
fn a_step_of_the_desk_that_panics_is_told_with_a_report_and_the_next_one_is_done() {
    let mut screen = Screen::new();
    let message = format!("no room for {} in /home/ada/settings.toml", made_up::CODE);
    screen.window().desk.ask(Job::Break(message));
    let told = screen.say("desk-broke");
    screen.until_shown(&told);
    screen.click_key("copy-report");
    let report = screen.copied.pop().expect("the report was copied");
    assert!(
        report.contains("no room for … in /home/ada/settings.toml (src/app/desktop/desk.rs:"),
        "{report}"
    );
    assert!(report.starts_with(&told) && !report.contains("coyote"), "{report}");
    assert!(!screen.shows(&told), "it is told once");

    screen.press_with(Modifiers::COMMAND, Key::Comma);
    screen.click_key("set-general");
    screen.click_key("set-language");
    screen.click("Deutsch");
    // Closing the window waits for the desk.
    let screen = screen.reopened();
    let kept = Settings::look(&Store::at(screen.folder())).settings;
    assert_eq!(kept.language.as_deref(), Some("de"));
}

#[test]
fn an_offer_whose_list_cannot_be_shown_can_be_taken_as_a_whole() {
    let mut screen = Screen::new();
    let id = screen.offered(&manifest(&[("a.txt", 1), ("b.txt", 2)]), &[]);
    screen.card().sheet.as_mut().unwrap().tree = None;
    screen.settle();
    let accept = screen.say_accept(2, 3);
    assert!(screen.shows(&screen.say("reading-offer")) && screen.control(&accept).is_none());
    let report = PanicReport::made_up("the branches are crossed");
    screen.outcome(DeskOutcome::Broke { job: BrokenJob::Tree(id), report });
    assert!(screen.shows(&screen.say("desk-broke")) && screen.shows(&screen.say("offer-unlisted")));
    assert!(!screen.shows(&screen.say("reading-offer")), "nobody reads it any more");
    screen.click(&accept);
    let sheet = screen.card().sheet.as_ref().unwrap();
    assert!(sheet.is_answered && sheet.choices().unwanted.is_empty());
}

#[test]
fn an_engine_that_stops_is_told_and_nothing_seems_to_go_on() {
    let mut screen = Screen::with_relay("127.0.0.1:1");
    let id = screen.made_up(Direction::Received);
    screen.notice(id, Notice::Listed(manifest(&[("notes.txt", 100)])));
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(100) });
    screen.progress(progress(Phase::Moving, 25, 100));
    let waiting = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(waiting));
    screen.snapshots.send_replace(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    screen.settle();

    screen.engine_ends();
    let told = screen.say("engine-ended");
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    let words = {
        let window = screen.window();
        let card = window.state.card(id).unwrap();
        card.folds.details = true;
        explain::cut_off(&window.words, explain::standpoint(card))
    };
    screen.settle();
    for sentence in [&words.happened, &words.lost, &words.next] {
        assert!(screen.shows(sentence), "{sentence}: {:#?}", screen.texts());
    }
    assert_eq!(words.lost, screen.say("lost-arrived-kept"));
    for key in ["copy-code", "copy-invitation", "send-again", "resume"] {
        assert!(screen.control(&screen.say(key)).is_none(), "{key}");
    }
    assert!(!screen.shows(made_up::CODE), "the code leads nowhere");
    let (window, now) = (screen.window(), Instant::now());
    assert!(!window.state.is_under_way() && !window.state.wants_awake(now) && !window.state.has_clock(now));
    assert_eq!(window.title, "Caiman");

    // What is asked for now is refused because the engine has stopped, not because it is busy.
    screen.click_key("close");
    assert!(!screen.shows(&told));
    let file = screen.file("more.txt", b"more");
    screen.drop_files(&[&file]);
    screen.until_shown(&told);
    assert!(!screen.shows(&screen.say("engine-busy")));
    assert_eq!(screen.window().state.cards.len(), 2);

    screen.press_with(Modifiers::COMMAND, Key::H);
    assert!(
        screen.shows(&screen.say("history-interrupted")) && !screen.shows(&screen.say("history-running"))
    );
    screen.press(Key::Escape);
    screen.close();
    assert!(screen.window().state.dialog.is_none(), "there is nothing to wait for");
    // The next start reports what was cut off, as after any other interruption.
    let screen = screen.reopened();
    assert!(screen.shows("notes.txt"), "{:#?}", screen.texts());
}
