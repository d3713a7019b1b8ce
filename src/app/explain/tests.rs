//! Everything that can go wrong is put into words, in every language and in whole sentences.

mod kinds;

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::LazyLock,
    time::{Duration, Instant},
};

use super::{
    amounts::duration,
    failures::{misbehaviour, not_added, relay_next, unfit, withdrawal},
    *,
};
use crate::{
    app::{
        model::{
            card::{Card, StartedWith},
            standing::{Lost, Standstill},
            tone::Tone,
        },
        tests::made_up::{self, failed, progress},
        words::Words,
    },
    code as codes,
    code::CodePhrase,
    engine::{NotAdded, Notice, Paused, Phase, RelayError, TaskId, TransferError, WaitsFor, Work},
    history::Direction,
    panics::PanicReport,
    transfer::error::FileAction,
};
use kinds::{all, errors, misbehaviours, relay_errors, standpoints, unfits, withdrawals};

const ENGLISH: &str = include_str!("../../../assets/words/en.ftl");

/// All languages, English first.
fn languages() -> Vec<Words> {
    Words::languages().map(|(tag, _)| Words::of(Some(tag))).collect()
}

/// The keys of all messages.
static KEYS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    ENGLISH.lines().filter_map(|line| line.split_once(" =")).map(|(key, _)| key.trim()).collect()
});

#[test]
fn what_is_not_added_is_named_with_its_reason() {
    let paths = [PathBuf::from("/home/ada/a.txt"), PathBuf::from("/home/ada/b.txt")];
    for words in languages() {
        for reason in all(NotAdded::TooLate, |reason| {
            Some(match reason {
                NotAdded::TooLate => NotAdded::NotFiles,
                NotAdded::NotFiles => {
                    let cause = io::ErrorKind::NotFound.into();
                    NotAdded::Unlisted(TransferError::file(FileAction::Read, &paths[0], cause))
                }
                NotAdded::Unlisted(_) => return None,
            })
        }) {
            let text = not_added(&words, &paths, &reason);
            check_sentence(&text, &reason);
            assert!(text.contains("/home/ada/a.txt"), "{text}");
        }
    }
}

/// The text consists of words: it is not a message's key, and every placeable in it is filled.
fn check(text: &str, of: &dyn std::fmt::Debug) {
    assert!(!text.trim().is_empty(), "nothing is said of {of:?}");
    assert!(!text.contains(['{', '}', '$']), "{of:?}: {text}");
    assert!(!KEYS.contains(text), "{of:?}: {text}");
    let of_a_key = |word: &&str| word.contains('-') && KEYS.contains(word.trim_matches(['.', ':', ',']));
    assert_eq!(text.split_whitespace().find(of_a_key), None, "{of:?}: {text}");
}

/// The text is a whole sentence: it consists of words, and ends as a sentence does.
fn check_sentence(text: &str, of: &dyn std::fmt::Debug) {
    check(text, of);
    assert!(text.ends_with(['.', '!', '?']), "{of:?}: {text}");
    assert!(!text.contains("..") && !text.contains("  "), "{of:?}: {text}");
}

#[test]
fn every_end_of_a_transfer_is_told_in_whole_sentences() {
    let errors = errors();
    assert!(errors.len() > 60, "{}", errors.len());
    for words in languages() {
        for error in &errors {
            for at in standpoints() {
                let explained = super::error(&words, error, at);
                check_sentence(&explained.happened, error);
                check_sentence(&explained.lost, error);
                if !explained.next.is_empty() {
                    check_sentence(&explained.next, error);
                }
            }
        }
    }
}

#[test]
fn what_breaks_in_the_program_is_told_in_whole_sentences_too() {
    let report = PanicReport::made_up("the disk is upside down");
    for words in languages() {
        for at in standpoints() {
            let Explained { happened, lost, next } = cut_off(&words, at);
            for sentence in [happened, lost, next] {
                check_sentence(&sentence, &at);
            }
        }
        let text = broke(&words, &report);
        check(&text, &report);
        assert!(text.contains("the disk is upside down (src/made_up.rs:7)"), "{text}");
    }
}

#[test]
fn an_error_that_the_user_did_not_wish_for_has_a_way_on() {
    let words = Words::of(Some("en"));
    for error in errors() {
        let is_a_wish =
            matches!(error, TransferError::Cancelled | TransferError::Declined | TransferError::Superseded);
        for at in standpoints() {
            let next = super::error(&words, &error, at).next;
            assert!(is_a_wish || !next.is_empty(), "{error:?}");
        }
    }
}

/// Catches a receiver who is told to send, and a sender who is told to ask for it.
#[test]
fn each_side_is_told_what_it_can_do() {
    let words = Words::of(Some("en"));
    for error in errors() {
        for at in standpoints() {
            let Explained { lost, next, .. } = super::error(&words, &error, at);
            match at.direction {
                Direction::Sent => {
                    assert!(!lost.contains("received") && !lost.contains("saved"), "{error:?}: {lost}");
                }
                Direction::Received => assert!(!lost.contains("sent"), "{error:?}: {lost}"),
            }
            let is_of_both = !matches!(
                error,
                TransferError::PeerLost
                    | TransferError::PeerSilent { .. }
                    | TransferError::PeerCancelled
                    | TransferError::PeerMisbehaved(_)
            );
            let asks = next.contains("sk for it to be sent again");
            assert!(is_of_both || asks == (at.direction == Direction::Received), "{error:?}: {next}");
        }
    }
}

#[test]
fn no_language_falls_back_to_the_engines_english() {
    let all = languages();
    let (english, others) = (&all[0], &all[1..]);
    for words in others {
        for error in errors() {
            for at in standpoints() {
                let of = |words| super::error(words, &error, at).happened;
                assert_ne!(of(english), of(words), "{error:?}");
                // The system's own words about a file or an address may be part of it, but ours may not.
                let is_own = matches!(error, TransferError::PeerMisbehaved(_) | TransferError::Impossible(_));
                assert!(!is_own || !of(words).contains(&error.to_string()), "{}", of(words));
            }
        }
        for way in misbehaviours() {
            assert_ne!(misbehaviour(english, &way), misbehaviour(words, &way));
        }
        for reason in unfits() {
            assert_ne!(unfit(english, reason), unfit(words, reason));
        }
        for reason in withdrawals() {
            let theirs = withdrawal(words, reason);
            assert_ne!(withdrawal(english, reason), theirs);
            assert!(!theirs.contains(&reason.to_string()), "{theirs}");
        }
    }
    for words in &all {
        for way in misbehaviours() {
            check_sentence(&misbehaviour(words, &way), &way);
        }
        for reason in unfits() {
            check(&unfit(words, reason), &reason);
        }
    }
}

#[test]
fn every_trouble_with_a_relay_is_told() {
    for words in languages() {
        for error in relay_errors() {
            check_sentence(&relay(&words, &error), &error);
            for at in standpoints() {
                check_sentence(&words.say(relay_next(&error, at)), &error);
            }
        }
        let at = SocketAddr::from(([0, 0, 0, 0], 27001));
        for error in all(RelayError::PortTaken(at), |error| {
            Some(match error {
                RelayError::PortTaken(_) => RelayError::PortForbidden(at),
                RelayError::PortForbidden(_) => RelayError::NoSuchAddress(at),
                RelayError::NoSuchAddress(_) => RelayError::TooManyDataPorts(99),
                RelayError::TooManyDataPorts(_) => {
                    RelayError::Listen { address: at, source: io::ErrorKind::Other.into() }
                }
                RelayError::Listen { .. } => {
                    RelayError::Internal(PanicReport::made_up("the relay is made of paper"))
                }
                RelayError::Internal(_) => return None,
            })
        }) {
            check_sentence(&host(&words, &error), &error);
            let is_english = words.bytes(1).contains("byte");
            assert!(is_english || !host(&words, &error).contains(&error.to_string()), "{error}");
        }
    }
}

#[test]
fn every_problem_with_the_programs_own_files_is_told() {
    use crate::store::{BadEntry, Expected, Flaw, Problem, SaveError};
    let file = || PathBuf::from("/home/ada/settings.toml");
    let cause = || io::Error::from(io::ErrorKind::PermissionDenied);
    let expected = all(Expected::Number { from: "1".into(), to: "32".into() }, |expected| {
        Some(match expected {
            Expected::Number { .. } => Expected::Switch,
            Expected::Switch => Expected::Text,
            Expected::Text => Expected::OneOf(&["x11", "automatic"]),
            Expected::OneOf(_) => Expected::Address,
            Expected::Address => Expected::Ports,
            Expected::Ports => Expected::IrohRelays,
            Expected::IrohRelays => Expected::Proxy,
            Expected::Proxy => Expected::ComputerName,
            Expected::ComputerName => Expected::Table,
            Expected::Table => Expected::Tables,
            Expected::Tables => Expected::Transfer,
            Expected::Transfer => Expected::Person,
            Expected::Person => return None,
        })
    });
    let entry = |expected: Expected| BadEntry { key: "relay 2: address".to_owned(), expected };
    let mut problems = vec![Problem::Unreadable { path: file(), cause: cause() }];
    for flaw in
        [Flaw::NotToml { line: 7, message: "duplicate key".to_owned() }, Flaw::NotText, Flaw::TooLarge]
    {
        let kept = Some(PathBuf::from("/home/ada/settings.broken-1.toml"));
        problems.push(Problem::Broken { path: file(), flaw: flaw.clone(), kept });
        problems.push(Problem::Broken { path: file(), flaw, kept: None });
    }
    for expected in expected {
        problems.push(Problem::BadEntries { path: file(), entries: vec![entry(expected.clone())] });
        problems.push(Problem::BadEntries { path: file(), entries: vec![entry(expected); 7] });
    }
    let all = languages();
    let (english, others) = (&all[0], &all[1..]);
    for of in &problems {
        for words in &all {
            let text = problem(words, of);
            check_sentence(&text, of);
            assert!(text.contains("/home/ada/settings.toml"), "{text}");
        }
        for words in others {
            let text = problem(words, of);
            assert_ne!(text, problem(english, of));
            assert!(!text.contains("must be"), "{text}");
        }
    }
    for error in [
        SaveError::NoFolder,
        SaveError::InTheWay(Problem::Unreadable { path: file(), cause: cause() }),
        SaveError::Disk { path: file(), cause: cause() },
    ] {
        for words in &all {
            check_sentence(&unsaved(words, &error), &error);
        }
        for words in others {
            assert_ne!(unsaved(english, &error), unsaved(words, &error));
        }
    }
    for words in &all {
        check_sentence(&not_discarded(words, "notes.txt", &cause()), &"not discarded");
        check_sentence(&only_shown(words, &file()), &"a program");
        check_sentence(&not_opened(words, &file(), true), &"no program");
        check_sentence(&not_opened(words, &file(), false), &"gone");
    }
}

#[test]
fn a_user_without_a_window_is_told_why_in_their_language() {
    use crate::app::{
        ArrivalError, InstanceError, RunError,
        desktop::launch::{Silence, StartError},
    };
    let no_answer = Silence::NoAnswer {
        variable: "DISPLAY",
        value: ":7".to_owned(),
        cause: io::ErrorKind::NotFound.into(),
    };
    let silent = vec![Silence::Unset("WAYLAND_DISPLAY"), no_answer, Silence::NoLibrary];
    let slip = || codes::parse_any("acid-coyote-mustard-xyzzyplugh").expect_err("it is no code");
    let arguments = [
        ArrivalError::Neither { argument: "notes".to_owned(), source: slip() },
        ArrivalError::Missing { argument: "notes.txt".to_owned() },
        ArrivalError::BadCode(slip()),
        ArrivalError::LinkNotAlone,
        ArrivalError::SeveralCodes,
    ];
    let instances = [
        InstanceError::NoLocation(io::ErrorKind::NotFound.into()),
        InstanceError::NoAnswer,
        InstanceError::Refused,
        InstanceError::TooMuch,
    ];
    let starts = StartError::examples().into_iter().chain([
        StartError::NoDisplay { silent },
        StartError::Refused,
        StartError::App("no threads".into()),
        StartError::Lost,
    ]);
    let all = languages();
    let (english, others) = (&all[0], &all[1..]);
    let errors = arguments.map(RunError::from).into_iter().chain(instances.map(RunError::from));
    for error in errors.chain(starts.map(RunError::from)) {
        for words in &all {
            check_sentence(&start(words, &error), &error);
        }
        for words in others {
            assert_ne!(start(english, &error), start(words, &error));
        }
    }
}

#[test]
fn what_is_no_code_is_told() {
    let long = "acid ".repeat(2000);
    let texts = [
        "",
        "...",
        "hello",
        "acid coyote",
        "acid-coyote-mustard-xyzzyplugh",
        "caiman:%zz",
        "https://example.org/x",
        long.as_str(),
    ];
    for words in languages() {
        for text in texts {
            let error = codes::parse_any(text).expect_err("it is no code");
            check_sentence(&code(&words, &error), &error);
        }
    }
}

#[test]
fn every_phase_has_a_name() {
    let id = TaskId::made_up(1);
    let phases = all(Phase::Connecting, |phase| {
        Some(match phase {
            Phase::Connecting => Phase::WaitingForPeer,
            Phase::WaitingForPeer => Phase::Handshake,
            Phase::Handshake => Phase::Listing,
            Phase::Listing => Phase::WaitingForAnswer,
            Phase::WaitingForAnswer => Phase::OpeningLanes,
            Phase::OpeningLanes => Phase::Moving,
            Phase::Moving => Phase::Storing,
            Phase::Storing => Phase::Repairing,
            Phase::Repairing => Phase::Confirming,
            Phase::Confirming => Phase::Retired,
            Phase::Retired => Phase::Branches,
            Phase::Branches => return None,
        })
    });
    for words in languages() {
        for way in [Direction::Sent, Direction::Received] {
            let mut card = Card::new(id, way, StartedWith::Text(String::new()));
            for named in &phases {
                card.progress = progress(*named, 10, 100);
                check(&phase(&words, &card), named);
                check(&super::progress(&words, &card, Instant::now()), named);
            }
        }
    }
}

#[test]
fn every_stall_names_what_it_waits_for() {
    let works = all(Work::Disk, |work| {
        Some(match work {
            Work::Disk => Work::Hashing,
            Work::Hashing => Work::Input,
            Work::Input => Work::Output,
            Work::Output => Work::Limit,
            Work::Limit => return None,
        })
    });
    let elsewhere = [WaitsFor::OtherSide, WaitsFor::Relay, WaitsFor::Network];
    let both = works.iter().flat_map(|work| [WaitsFor::Here(*work), WaitsFor::There(*work)]);
    let reasons: Vec<_> = both.chain(elsewhere).collect();
    let card = Card::new(TaskId::made_up(1), Direction::Received, StartedWith::Invitation);
    for words in languages() {
        let mut seen = BTreeSet::new();
        for waits_for in &reasons {
            let text = stall(&words, &card, *waits_for, Duration::from_secs(75));
            check_sentence(&text, waits_for);
            assert!(text.contains("1 min 15 s"), "{text}");
            seen.insert(text);
        }
        assert_eq!(seen.len(), reasons.len(), "{seen:#?}");
    }
}

#[test]
fn every_standstill_is_told_and_says_how_it_goes_on() {
    let (here, there) = (true, true);
    let since = Duration::from_secs(75);
    let standstills = [
        Standstill::Paused(Paused { here: false, there }),
        Standstill::Paused(Paused { here, there }),
        Standstill::Lost(Lost::Relay, since),
        Standstill::Lost(Lost::Peer, since),
        Standstill::NoRoom,
        Standstill::Stalled(WaitsFor::Network, since),
    ];
    for words in languages() {
        let mut seen = BTreeSet::new();
        for phase in [Phase::WaitingForPeer, Phase::Moving] {
            let mut card = Card::new(TaskId::made_up(1), Direction::Sent, StartedWith::Text(String::new()));
            card.progress = progress(phase, 10, 100);
            for reason in standstills {
                let (tone, text) = standstill(&words, &card, reason).expect("there is something to say");
                check_sentence(&text, &reason);
                assert_ne!(tone, Tone::Bad, "{reason:?} is no error");
                seen.insert(text);
            }
            let own = Standstill::Paused(Paused { here, there: false });
            assert!(standstill(&words, &card, own).is_none(), "the person knows");
        }
        assert_eq!(seen.len(), 7, "a waiting code has its own words: {seen:#?}");
        let mut card = Card::new(TaskId::made_up(1), Direction::Sent, StartedWith::Text(String::new()));
        card.progress = progress(Phase::Moving, 10, 100);
        let mut said = BTreeSet::from([super::progress(&words, &card, Instant::now())]);
        for (here, there) in [(true, false), (false, true), (true, true)] {
            card.progress.paused = Paused { here, there };
            let text = super::progress(&words, &card, Instant::now());
            check(&text, &card.progress.paused);
            said.insert(text);
        }
        assert_eq!(said.len(), 4, "{said:#?}");
    }
}

#[test]
fn a_receiver_is_not_told_that_the_other_side_looks_at_the_offer() {
    let words = Words::of(Some("en"));
    let mut card = Card::new(TaskId::made_up(1), Direction::Received, StartedWith::Text(String::new()));
    card.progress = progress(Phase::WaitingForAnswer, 0, 100);
    assert_ne!(phase(&words, &card), words.say("phase-answer"));
}

#[test]
fn a_report_says_what_the_card_says_and_never_the_code() {
    let words = Words::of(Some("en"));
    let secret: CodePhrase = made_up::code();
    for error in errors() {
        let id = TaskId::made_up(1);
        let started_with = StartedWith::Code { code: secret.clone(), server: None };
        let mut card = Card::new(id, Direction::Received, started_with);
        card.code = Some(secret.clone());
        card.know(made_up::manifest(&[("notes.txt", 1)]));
        let taken = TransferError::file(FileAction::Store, "b.txt", io::ErrorKind::AlreadyExists.into());
        card.notice(Notice::NotStored { path: "b.txt".into(), error: taken });
        let crate::engine::Event::Ended(_, ended) = failed(id, error) else { unreachable!() };
        card.ended(ended, Instant::now());
        let report = report(&words, &card);
        assert!(report.starts_with("notes.txt\n") && report.contains("b.txt can't be saved"), "{report}");
        assert!(!report.contains(&secret.to_string()), "{report}");
    }
}

#[test]
fn durations_are_read_as_people_say_them() {
    let words = Words::of(Some("en"));
    for (secs, text) in
        [(0, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (3725, "1 h 2 min")]
    {
        assert_eq!(duration(&words, Duration::from_secs(secs)), text);
    }
}
