//! A transfer that moves, and every way for it to end.

use std::{
    fs,
    time::{Duration, Instant},
};

use eframe::egui::ViewportCommand;

use super::{
    Screen,
    made_up::{self, MIB, failed, manifest, progress},
    screen::name_of,
};
use crate::{
    app::{
        desktop::{
            desk::{DeskOutcome, PickPurpose},
            dialogs::Picked,
            relocate::Relocated,
        },
        explain,
        model::{
            action::Dialog,
            card::{CardEnd, StartedWith},
            settings_form::Page,
            tone::Tone,
        },
        words::shown_path,
    },
    engine::{
        Event, MetAt, Notice, Phase, Progress, RelayClientError, Report, Stall, TaskId, TransferError,
        WaitsFor, Work,
    },
    history::{Direction, PastKind},
    protocol::peer::Withdrawal,
    settings::Closing,
    transfer::error::FileAction,
};

fn report(screen: &Screen, placed: &[&str], missing: u64) -> Report {
    let folder = screen.inbox();
    Report {
        stored: placed.len() as u64,
        bytes: 8 * MIB,
        missing,
        seconds: 2.0,
        placed: placed.iter().map(|name| folder.join(name)).collect(),
        folder: Some(folder),
        ..Report::default()
    }
}

#[test]
fn what_moves_says_how_far_it_is() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    let words = screen.words();
    let args = [
        ("done", words.bytes(2 * MIB).into()),
        ("total", words.bytes(8 * MIB).into()),
        ("percent", 25.into()),
    ];
    let done = words.tell("done-of", &args);
    assert!(screen.shows(&done), "{:#?}", screen.texts());
    let name = screen.say_named("progress-named", "notes.txt");
    assert_eq!(screen.number(&name), Some(25.0));
    let title = |command: &ViewportCommand| matches!(command, ViewportCommand::Title(title) if title.starts_with("25 %"));
    assert!(screen.asked.iter().any(title), "{:?}", screen.asked);
    screen.progress(progress(Phase::Storing, 8 * MIB, 8 * MIB));
    assert!(screen.shows(&screen.say("phase-storing")));
    let cancel = screen.say_named("cancel-named", "notes.txt");
    screen.click(&cancel);
    assert!(screen.shows(&screen.say("stop-sending")), "one click stops nothing");
    screen.click_key("stop-keep");
    assert!(!screen.shows(&screen.say("stop-sending")));
    screen.click(&cancel);
    screen.click_key("stop");
    assert!(screen.shows(&screen.say("phase-cancelling")));
}

#[test]
fn a_stall_is_told_with_its_reason() {
    let mut screen = Screen::new();
    screen.moving(Direction::Received);
    let before = Instant::now().checked_sub(Duration::from_secs(20)).expect("the machine runs for longer");
    for waits_for in [WaitsFor::There(Work::Disk), WaitsFor::Network] {
        let stall = Some(Stall { waits_for, since: before });
        screen.progress(Progress { stall, ..progress(Phase::Moving, 2 * MIB, 8 * MIB) });
        let window = screen.window();
        let text = explain::stall(&window.words, &window.state.cards[0], waits_for, Duration::from_secs(20));
        assert!(screen.shows(&text), "{:#?}", screen.texts());
    }
}

#[test]
fn a_receive_that_is_done_shows_where_things_are() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Received);
    let report = report(&screen, &["notes.txt"], 0);
    screen.feed(Event::Ended(id, Ok(report)));
    assert!(screen.shows(&screen.say("received")));
    for key in ["open", "show-in-folder", "copy-report"] {
        assert!(screen.control(&screen.say(key)).is_some(), "{key}");
    }
    screen.click_key("copy-report");
    assert!(screen.copied[0].starts_with("notes.txt\n"), "{:?}", screen.copied);
    assert!(screen.control(&screen.say("copied")).is_some());
    assert_eq!(screen.window().state.history.entries().len(), 1);
    let dismiss = screen.say_named("dismiss-named", "notes.txt");
    screen.click(&dismiss);
    assert!(screen.window().state.cards.is_empty());
    assert_eq!(screen.window().state.history.entries().len(), 1);
}

#[test]
fn the_history_knows_what_kind_of_thing_came_also_after_a_restart() {
    let mut screen = Screen::new();
    let offers = [
        manifest(&[("photos/", 0), ("photos/a.jpg", 1)]),
        manifest(&[("empty/", 0)]),
        manifest(&[("a.jpg", 1), ("b.jpg", 1)]),
        manifest(&[("a.jpg", 1)]),
        made_up::text_manifest(),
    ];
    for offer in offers {
        let id = screen.offered(&offer, &[]);
        screen.notice(id, Notice::Accepted { files: offer.files(), bytes: Some(offer.bytes()) });
        screen.feed(Event::Ended(id, Ok(Report::default())));
    }
    let kinds = |screen: &mut Screen| -> Vec<PastKind> {
        screen.window().state.history.entries().iter().map(|entry| entry.kind).collect()
    };
    let expected = [PastKind::Text, PastKind::File, PastKind::Several, PastKind::Folder, PastKind::Folder];
    assert_eq!(kinds(&mut screen), expected);
    let mut screen = screen.reopened();
    assert_eq!(kinds(&mut screen), expected);
    screen.click_key("history");
    let received = screen.say("history-received");
    let lines: Vec<String> = screen.texts().into_iter().filter(|line| line.starts_with(&received)).collect();
    assert_eq!(lines.len(), expected.len());
    assert!(!lines[0].contains("file"), "a text is no file: {lines:#?}");
}

#[test]
fn several_things_are_shown_in_their_folder() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Received);
    let report = report(&screen, &["notes.txt", "more.txt"], 0);
    screen.feed(Event::Ended(id, Ok(report)));
    assert!(screen.control(&screen.say("show-in-folder")).is_some());
    assert!(screen.control(&screen.say("open")).is_none());
}

#[test]
fn what_is_missing_is_counted_and_named() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Received);
    let withdrawn = |name: &str| Notice::Withdrawn { path: name.into(), reason: Withdrawal::Changed };
    screen.notice(id, withdrawn("a.txt"));
    let reason = screen.say("withdrawn-changed");
    assert!(screen.shows(&format!("a.txt {reason}")), "a single one is named at once");
    for name in ["b.txt", "c.txt", "d.txt"] {
        screen.notice(id, withdrawn(name));
    }
    let report = report(&screen, &["notes.txt"], 4);
    screen.notice(id, Notice::Accepted { files: 5, bytes: Some(8 * MIB) });
    screen.feed(Event::Ended(id, Ok(report)));
    let missing = screen.words().tell("missing", &[("count", 4.into())]);
    assert!(screen.shows(&missing), "{:#?}", screen.texts());
    assert!(!screen.shows(&reason));
    screen.click_key("show-list");
    assert!(screen.shows(&format!("d.txt {reason}")));
    screen.click_key("hide-list");
    assert!(!screen.shows(&reason));
    assert!(screen.control(&screen.say("send-missing")).is_none(), "it isn't here");
}

#[test]
fn where_all_is_missing_nothing_is_called_sent() {
    for (direction, word, wrong) in
        [(Direction::Sent, "not-sent", "sent"), (Direction::Received, "not-received", "received")]
    {
        let mut screen = Screen::new();
        let id = screen.moving(direction);
        screen.notice(id, Notice::Withdrawn { path: "notes.txt".into(), reason: Withdrawal::Vanished });
        let report = report(&screen, &[], 1);
        screen.feed(Event::Ended(id, Ok(report)));
        assert!(screen.shows(&screen.say(word)), "{:#?}", screen.texts());
        let begins = format!("{} ·", screen.say(wrong));
        assert!(!screen.texts().iter().any(|text| text.starts_with(&begins)), "{:#?}", screen.texts());
        assert!(screen.control(&screen.say("show-in-folder")).is_none(), "nothing is there");
    }
}

#[test]
fn what_did_not_leave_is_sent_by_itself() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Sent);
    let path = screen.file("changed.txt", b"it is still here");
    screen.notice(id, Notice::Withdrawn { path: path.clone(), reason: Withdrawal::Changed });
    let report = report(&screen, &[], 1);
    screen.feed(Event::Ended(id, Ok(report)));
    screen.click_key("send-missing");
    assert_eq!(screen.window().state.cards.len(), 2);
    assert!(matches!(&screen.card().started_with, StartedWith::Paths(paths) if *paths == [path]));
}

#[test]
fn a_text_that_arrived_is_shown_and_copied_as_it_is() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(12) });
    let text = "see you\n\nat eight\t\u{202e}!\n".repeat(5);
    screen.notice(id, Notice::Text(text.clone()));
    screen.feed(Event::Ended(id, Ok(Report { stored: 1, bytes: 12, ..Report::default() })));
    assert!(screen.shows(&screen.say("text-received")) && screen.shows("see you"));
    assert!(
        !screen.texts().iter().any(|text| text.contains('\u{202e}')),
        "it could turn what stands around it"
    );
    screen.click_key("copy-text");
    assert_eq!(screen.copied, [text]);
    screen.click_key("show-more");
    screen.click_key("show-less");
    let entry = screen.window().state.history.entries()[0].clone();
    assert!(!format!("{entry:?}").contains("eight"), "the words of a text are kept");
}

#[test]
fn what_went_wrong_stands_on_its_card_with_a_way_on() {
    let gone = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let errors: Vec<Box<dyn Fn() -> TransferError>> = vec![
        Box::new(|| TransferError::PeerLost),
        Box::new(|| TransferError::TooManyTries),
        Box::new(|| TransferError::WrongCode { tries_left: Some(2) }),
        Box::new(|| TransferError::NobodyThere {
            relays: vec![made_up::relay()],
            looked_locally: true,
            looked_online: false,
        }),
        Box::new(|| TransferError::Offline),
        Box::new(|| TransferError::NoSpace { needed: 1 << 30, free: 17 }),
        Box::new(|| TransferError::PeerVersion { theirs: 99 }),
        Box::new(move || TransferError::file(FileAction::Read, "/home/ada/notes.txt", gone())),
    ];
    for direction in [Direction::Sent, Direction::Received] {
        let mut screen = Screen::new();
        for error in &errors {
            let id = screen.made_up(direction);
            screen.feed(failed(id, error()));
            let told = screen.explained(&error(), direction);
            for line in [&told.happened, &told.next] {
                assert!(line.is_empty() || screen.shows(line), "{line}: {:#?}", screen.texts());
            }
            assert!(told.lost.is_empty() || !screen.shows(&told.lost), "the rest is folded away");
            screen.click_key("show-details");
            for line in [told.happened, told.lost, told.next] {
                assert!(line.is_empty() || screen.shows(&line), "{line}: {:#?}", screen.texts());
            }
            let again: &[&str] = match (direction, error()) {
                (Direction::Sent, _) => &["send-again"],
                (_, TransferError::NobodyThere { .. }) => &["correct-code", "try-again"],
                (_, TransferError::Offline) => &["try-again"],
                (_, TransferError::WrongCode { .. }) => &["correct-code"],
                _ => &[],
            };
            for key in ["send-again", "try-again", "correct-code"] {
                assert_eq!(screen.control(&screen.say(key)).is_some(), again.contains(&key), "{key}");
            }
            let shows_code = screen.texts().iter().any(|text| text.contains(made_up::CODE));
            assert_eq!(
                shows_code,
                direction == Direction::Received,
                "the code that was typed stands on its card"
            );
            screen.click_key("copy-report");
            assert!(!screen.copied.pop().unwrap().contains(made_up::CODE));
            screen.click_key("clear-finished");
            assert!(screen.window().state.cards.is_empty());
        }
    }
}

#[test]
fn a_wrong_code_comes_back_to_be_corrected() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    screen.feed(failed(id, TransferError::WrongCode { tries_left: Some(2) }));
    screen.click_key("correct-code");
    let code = screen.say("code");
    assert_eq!(screen.value(&code), made_up::CODE);
    assert_eq!(screen.focused().map(|(_, name)| name), Some(code.clone()));
    // What is typed takes the place of the words that must be wrong.
    screen.type_text("x");
    assert_eq!(screen.value(&code), "acid-coyote-x");
}

/// Catches a mistyped first or second word, for which there was only another try of the same code.
#[test]
fn a_code_that_nobody_has_comes_back_to_be_corrected_too() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    assert!(screen.shows(made_up::CODE), "the code stands on its card from the start");
    let error = TransferError::NobodyThere { relays: Vec::new(), looked_locally: true, looked_online: false };
    screen.feed(failed(id, error));
    let dismiss = screen.say_named("dismiss-named", made_up::CODE);
    assert!(screen.control(&dismiss).is_some(), "the card is still called by it: {:#?}", screen.texts());
    screen.click_key("correct-code");
    let code = screen.say("code");
    assert_eq!(screen.focused().map(|(_, name)| name), Some(code.clone()));
    screen.type_text("x");
    assert_eq!(screen.value(&code), "x-mustard-tulip");
}

#[test]
fn the_next_attempt_takes_the_place_of_those_that_failed() {
    let mut screen = Screen::with_relay("127.0.0.1:1");
    for _ in 0..2 {
        let id = screen.made_up(Direction::Received);
        screen.feed(failed(id, TransferError::WrongCode { tries_left: Some(2) }));
    }
    let begun = screen.moving(Direction::Received);
    screen.feed(failed(begun, TransferError::PeerLost));
    let code = screen.say("code");
    screen.fill(&code, made_up::CODE);
    screen.press(eframe::egui::Key::Enter);
    let left: Vec<TaskId> = screen.window().state.cards.iter().map(|card| card.id).collect();
    assert!(left.len() == 2 && left[1] == begun, "what had begun is no failed attempt");
}

#[test]
fn what_was_tried_before_is_not_held_against_the_one_who_has_come() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.feed(made_up::code_of(id));
    screen.notice(id, Notice::WrongTry { tries_left: 2 });
    screen.notice(id, Notice::OtherVersion { theirs: 99 });
    let warned = screen.words().tell("wrong-try", &[("left", 2.into())]);
    assert!(screen.shows(&warned) && screen.shows(&screen.say("came-newer")));
    screen.notice(id, Notice::Met(MetAt::OwnRelay));
    assert!(!screen.shows(&warned) && !screen.shows(&screen.say("came-newer")), "{:#?}", screen.texts());
}

#[test]
fn the_sender_learns_how_many_files_the_receiver_left_out() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Sent);
    screen.notice(id, Notice::Listed(manifest(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)])));
    screen.notice(id, Notice::Accepted { files: 1, bytes: Some(1) });
    let ended = Report { stored: 1, bytes: 1, here: 1, here_bytes: 2, receivers: 1, ..Report::default() };
    screen.feed(Event::Ended(id, Ok(ended)));
    let told = screen.words().tell("left-out-there", &[("count", 2.into())]);
    assert!(screen.shows(&told), "{:#?}", screen.texts());
}

#[test]
fn what_moves_says_which_file_and_how_many_are_complete() {
    let mut screen = Screen::new();
    let id = screen.made_up(Direction::Received);
    screen.notice(
        id,
        Notice::Listed(manifest(&[("a.txt", MIB), ("album/", 0), ("album/b.txt", MIB), ("c.txt", MIB)])),
    );
    screen.notice(id, Notice::Accepted { files: 3, bytes: Some(3 * MIB) });
    screen.card().folder = Some("/somewhere".into());
    screen.progress(Progress { files: 1, file: Some(2), ..progress(Phase::Moving, MIB, 3 * MIB) });
    let words = screen.words();
    let count = words.tell("files-of", &[("done", "1".into()), ("total", "3".into())]);
    let place = words.tell("saving-in", &[("folder", shown_path(std::path::Path::new("/somewhere")).into())]);
    assert!(screen.shows(&format!("{count} · b.txt · {place}")), "{:#?}", screen.texts());
    let window = screen.window();
    let wire = explain::path(&window.words, &window.state.cards[0]);
    assert!(!screen.shows(&wire), "how the bytes travel is a detail");
    screen.click_key("show-details");
    assert!(screen.shows(&wire), "{:#?}", screen.texts());
}

#[test]
fn from_the_fourth_on_cards_are_rows_and_all_are_paused_at_once() {
    let mut screen = Screen::new();
    let ids: Vec<TaskId> = (0..5).map(|_| screen.moving(Direction::Sent)).collect();
    for id in &ids {
        screen.window().state.card(*id).unwrap().folds.wants_focus = false;
    }
    screen.settle();
    let unfold = screen.say_named("unfold-named", "notes.txt");
    let rows = |screen: &Screen| screen.controls().iter().filter(|node| name_of(node) == unfold).count();
    assert_eq!(rows(&screen), 2);
    let count = screen.words().tell("transfers-of", &[("count", 5.into())]);
    assert!(screen.shows(&count), "{:#?}", screen.texts());
    assert!(screen.control(&screen.say("pause-all")).is_some());
    screen.window().state.card(ids[0]).unwrap().folds.details = true;
    screen.settle();
    assert_eq!(rows(&screen), 1, "a row unfolds to its card");
}

#[test]
fn only_what_broke_off_is_red() {
    let at = |has_begun: bool| explain::Standpoint {
        direction: Direction::Received,
        peer: None,
        has_begun,
        is_kept: false,
    };
    for (error, has_begun, tone) in [
        (TransferError::PeerCancelled, true, Tone::Quiet),
        (TransferError::PeerDeclined, false, Tone::Quiet),
        (TransferError::Cancelled, true, Tone::Quiet),
        (TransferError::WrongCode { tries_left: Some(1) }, false, Tone::Warning),
        (TransferError::PeerLost, false, Tone::Warning),
        (TransferError::PeerLost, true, Tone::Bad),
    ] {
        assert_eq!(explain::tone_of_end(&CardEnd::Failed(error), at(has_begun)), tone);
    }
}

#[test]
fn trouble_with_the_relay_leads_to_its_settings() {
    let mut screen = Screen::new();
    let lost = |cause: RelayClientError| TransferError::Relay(cause);
    let id = screen.made_up(Direction::Received);
    screen.feed(failed(id, lost(RelayClientError::NotARelay(made_up::relay()))));
    assert!(screen.control(&screen.say("try-again")).is_some());
    let settings = format!("{}: {}", screen.say("settings"), screen.say("relay"));
    screen.click(&settings);
    assert_eq!(screen.window().state.dialog, Some(Dialog::Settings));
    assert_eq!(screen.window().state.form.page, Page::Relays);
    screen.press(eframe::egui::Key::Escape);
    screen.click_key("clear-finished");
    let id = screen.made_up(Direction::Received);
    screen.feed(failed(id, TransferError::Offline));
    let settings = format!("{}: {}", screen.say("settings"), screen.say("set-internet"));
    screen.click(&settings);
    assert_eq!(screen.window().state.form.page, Page::Internet);
    // The code is used up once bytes have moved.
    screen.press(eframe::egui::Key::Escape);
    screen.click_key("clear-finished");
    let id = screen.moving(Direction::Received);
    screen.feed(failed(id, lost(RelayClientError::Lost)));
    assert!(screen.control(&screen.say("try-again")).is_none());
    assert!(screen.shows(&screen.say("next-relay-lost-ask")), "{:#?}", screen.texts());
}

#[test]
fn what_is_kept_of_a_broken_receive_can_be_found() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Received);
    let kept = screen.inbox().join(".caiman-1");
    fs::create_dir(&kept).unwrap();
    screen.notice(id, Notice::Kept(kept.clone()));
    screen.feed(failed(id, TransferError::PeerLost));
    screen.click_key("show-details");
    assert!(screen.shows(&screen.say("kept-in")), "{:#?}", screen.texts());
    assert!(!screen.shows(&shown_path(&kept)), "the name of a hidden folder helps nobody");
    assert!(screen.control(&screen.say("show-in-folder")).is_some());
    assert_eq!(screen.window().state.history.entries()[0].kept, Some(kept));
}

#[test]
fn an_own_cancel_is_no_error() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Sent);
    screen.feed(failed(id, TransferError::Cancelled));
    assert!(screen.shows(&screen.say("err-cancelled")) && !screen.shows(&screen.say("not-sent")));
}

#[test]
fn only_what_has_ended_is_cleared_away() {
    let mut screen = Screen::new();
    let first = screen.moving(Direction::Sent);
    let second = screen.moving(Direction::Received);
    assert!(screen.control(&screen.say("clear-finished")).is_none());
    screen.feed(failed(first, TransferError::PeerLost));
    screen.click_key("clear-finished");
    let left: Vec<TaskId> = screen.window().state.cards.iter().map(|card| card.id).collect();
    assert_eq!(left, [second]);
}

#[test]
fn a_restart_tells_what_it_cut_off() {
    let mut screen = Screen::new();
    screen.moving(Direction::Sent);
    let mut screen = screen.reopened();
    let told = screen.say_named("interrupted-send", "notes.txt");
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    // It is reported only once.
    screen.click_key("close");
    let mut screen = screen.reopened();
    assert!(!screen.shows(&told));
    screen.moving(Direction::Sent);
    let mut screen = screen.reopened();
    screen.click_key("send-again");
    assert!(!screen.shows(&told) && screen.window().state.banners.is_empty());
    let sent = screen.folder().join("notes.txt");
    assert!(matches!(&screen.card().started_with, StartedWith::Paths(paths) if *paths == [sent]));
}

#[test]
fn what_was_there_already_is_told_at_the_end() {
    for (direction, some, all) in
        [(Direction::Sent, "some-there", "all-there"), (Direction::Received, "some-here", "all-here")]
    {
        let mut screen = Screen::new();
        let id = screen.moving(direction);
        let ended = Report { here: 3, here_bytes: MIB, ..report(&screen, &["notes.txt"], 0) };
        screen.feed(Event::Ended(id, Ok(ended)));
        let told = screen.words().tell(some, &[("count", 3.into())]);
        assert!(screen.shows(&told), "{:#?}", screen.texts());

        let id = screen.made_up(direction);
        screen.notice(id, Notice::Listed(manifest(&[("notes.txt", 8 * MIB)])));
        screen.notice(id, Notice::Accepted { files: 0, bytes: Some(0) });
        screen.feed(Event::Ended(id, Ok(Report { here: 1, here_bytes: 8 * MIB, ..Report::default() })));
        let amount = explain::amount(screen.words(), 1, Some(8 * MIB));
        assert!(screen.shows(&format!("{} · {amount}", screen.say(all))), "{:#?}", screen.texts());
    }
}

#[test]
fn what_has_arrived_can_be_moved_into_another_folder() {
    let mut screen = Screen::new();
    let elsewhere = screen.folder().join("elsewhere");
    for folder in [screen.inbox(), elsewhere.clone()] {
        fs::create_dir_all(&folder).unwrap();
    }
    fs::write(screen.inbox().join("notes.txt"), "new").unwrap();
    fs::write(elsewhere.join("notes.txt"), "mine").unwrap();
    let id = screen.moving(Direction::Received);
    let arrived = Report { is_new: true, ..report(&screen, &["notes.txt"], 0) };
    screen.feed(Event::Ended(id, Ok(arrived)));
    screen.tab_to(&screen.say("move-to"));
    let pick = |screen: &mut Screen, folder: &std::path::Path| {
        let picked = Picked::Paths(vec![folder.to_owned()]);
        screen.outcome(DeskOutcome::Picked(PickPurpose::Relocate(id), picked));
    };
    pick(&mut screen, &elsewhere);
    let place = elsewhere.join("notes (2).txt");
    screen.until_card("the move", |card| card.placed().is_some_and(|(_, placed)| *placed == [place.clone()]));
    assert_eq!(fs::read_to_string(&place).unwrap(), "new");
    assert_eq!(fs::read_to_string(elsewhere.join("notes.txt")).unwrap(), "mine");
    let told = screen.words().tell("saved-in", &[("folder", shown_path(&elsewhere).into())]);
    assert!(screen.shows(&told), "{:#?}", screen.texts());
    let past = screen.window().state.history.entries()[0].clone();
    assert_eq!((past.folder, past.paths), (Some(elsewhere), vec![place.clone()]));

    // A folder that is gone takes nothing, and the file stays.
    let gone = screen.folder().join("gone");
    pick(&mut screen, &gone);
    let why = explain::not_relocated(screen.words(), &std::io::ErrorKind::NotFound.into());
    screen.until_shown(&why);
    assert!(place.exists());
}

/// Another disk is the memory behind `/dev/shm`.
#[cfg(target_os = "linux")]
#[test]
fn what_has_arrived_can_be_moved_to_another_disk_and_the_user_sees_how_far_that_is() {
    use std::os::unix::fs::MetadataExt;
    let mut screen = Screen::new();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    if elsewhere.path().metadata().unwrap().dev() == screen.inbox().metadata().unwrap().dev() {
        return;
    }
    fs::write(screen.inbox().join("notes.txt"), "new").unwrap();
    let id = screen.moving(Direction::Received);
    let arrived = Report { is_new: true, ..report(&screen, &["notes.txt"], 0) };
    screen.feed(Event::Ended(id, Ok(arrived)));
    let copying = DeskOutcome::Relocating { id, folder: "/disk".into(), done: MIB, total: 2 * MIB };
    screen.outcome(copying);
    let words = screen.words();
    let args = [
        ("folder", "/disk".into()),
        ("done", words.bytes(MIB).into()),
        ("total", words.bytes(2 * MIB).into()),
    ];
    let told = words.tell("relocating", &args);
    assert_eq!(screen.number(&told), Some(50.0), "{:#?}", screen.texts());
    assert!(screen.control(&screen.say("move-to")).is_none(), "it is on its way");
    screen.click_key("clear-finished");
    assert!(screen.window().state.card(id).is_some(), "the history is to learn where it is");
    screen.click_key("stop");
    screen.card().relocation = None;
    screen.settle();
    let picked = Picked::Paths(vec![elsewhere.path().to_owned()]);
    screen.outcome(DeskOutcome::Picked(PickPurpose::Relocate(id), picked));
    let place = elsewhere.path().join("notes.txt");
    screen.until_card("the move", |card| card.placed().is_some_and(|(_, placed)| *placed == [place.clone()]));
    assert!(screen.card().relocation.is_none());
    assert_eq!(fs::read_to_string(&place).unwrap(), "new");
    assert!(!screen.inbox().join("notes.txt").exists());
}

#[test]
fn closing_while_what_arrived_is_copied_to_another_disk_asks_first() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Received);
    let arrived = report(&screen, &["notes.txt"], 0);
    screen.feed(Event::Ended(id, Ok(arrived)));
    screen.window().state.settings.closing = Closing::Quit;
    screen.outcome(DeskOutcome::Relocating { id, folder: "/disk".into(), done: 1, total: 2 });
    screen.close();
    assert!(screen.asked.iter().any(|asked| matches!(asked, ViewportCommand::CancelClose)));
    assert!(screen.shows(&screen.say("quit-question-copying")), "{:#?}", screen.texts());
    assert!(screen.shows(&screen.say("quit-copies")) && !screen.shows(&screen.say("quit-means")));
    let relocated = Relocated { places: vec!["/disk/notes.txt".into()], problem: None };
    screen.outcome(DeskOutcome::Relocated { id, folder: "/disk".into(), relocated });
    assert!(!screen.shows(&screen.say("quit-question-copying")), "nothing is copied any more");
    screen.asked.clear();
    screen.close();
    assert!(screen.asked.is_empty(), "nothing holds it: {:?}", screen.asked);
}

#[test]
fn what_is_mixed_with_older_files_is_not_moved() {
    let mut screen = Screen::new();
    let id = screen.moving(Direction::Received);
    let arrived = report(&screen, &["album"], 0);
    screen.feed(Event::Ended(id, Ok(arrived)));
    assert!(screen.control(&screen.say("show-in-folder")).is_some());
    assert!(screen.control(&screen.say("move-to")).is_none());
}
