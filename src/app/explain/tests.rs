//! Everything that can go wrong is said, in every language, in whole sentences.

use std::{collections::BTreeSet, io, iter::successors, net::SocketAddr, path::PathBuf};

use super::{
    failures::{misbehaviour, relay_next},
    *,
};
use crate::{
    app::{
        card::Origin,
        tests::made_up::{self, failed, progress},
    },
    code as codes,
    code::{CodeError, CodePhrase},
    engine::{NotAdded, Notice, RelayClientError, RelayError, TaskId, TransferError},
    protocol::{
        VERSION,
        frame::FrameError,
        manifest::ManifestError,
        path::PathError,
        peer::{Trouble, Withdrawal},
        relay::Refusal,
    },
    transfer::{
        error::{Misbehaviour, Unsuited},
        notice::Unfit,
    },
};

const ENGLISH: &str = include_str!("../../../assets/words/en.ftl");

/// All values of an enumeration, each leading to the next. The `match` in `next` forgets none.
fn all<T>(first: T, next: impl Fn(&T) -> Option<T>) -> Vec<T> {
    successors(Some(first), next).collect()
}

fn troubles() -> Vec<Trouble> {
    use Trouble as T;
    all(T::NoSpace, |trouble| {
        Some(match trouble {
            T::NoSpace => T::Files,
            T::Files => T::Misbehaved,
            T::Misbehaved => T::Network,
            T::Network => T::Damaged,
            T::Damaged => T::Withdrawn,
            T::Withdrawn => T::Unsuited,
            T::Unsuited => return None,
        })
    })
}

fn withdrawals() -> Vec<Withdrawal> {
    use Withdrawal as W;
    all(W::Changed, |reason| {
        Some(match reason {
            W::Changed => W::Vanished,
            W::Vanished => W::Unreadable,
            W::Unreadable => return None,
        })
    })
}

fn refusals() -> Vec<Refusal> {
    use Refusal as R;
    all(R::Version(VERSION - 1), |refusal| {
        Some(match refusal {
            R::Version(version) if *version < VERSION => R::Version(VERSION + 1),
            R::Version(_) => R::PasswordRequired,
            R::PasswordRequired => R::PasswordWrong,
            R::PasswordWrong => R::NoSuchRoom,
            R::NoSuchRoom => R::RoleTaken,
            R::RoleTaken => R::TooManyConnections,
            R::TooManyConnections => R::TooManyRooms,
            R::TooManyRooms => R::TooManyJoins,
            R::TooManyJoins => R::OutOfMemory,
            R::OutOfMemory => R::TooSlow,
            R::TooSlow => R::Malformed,
            R::Malformed => R::NoSuchLane,
            R::NoSuchLane => R::Draining,
            R::Draining => return None,
        })
    })
}

/// Kinds that are told apart, and one that isn't.
fn causes() -> impl Iterator<Item = io::Error> {
    use io::ErrorKind as K;
    let kinds = [
        K::StorageFull,
        K::QuotaExceeded,
        K::PermissionDenied,
        K::ReadOnlyFilesystem,
        K::NotFound,
        K::ConnectionRefused,
        K::TimedOut,
        K::NotADirectory,
        K::AlreadyExists,
        K::InvalidFilename,
        K::FileTooLarge,
        K::ResourceBusy,
        K::NetworkUnreachable,
        K::HostUnreachable,
        K::ConnectionReset,
    ];
    kinds.into_iter().map(io::Error::from)
}

fn relay_errors() -> Vec<RelayClientError> {
    use RelayClientError as R;
    let mut errors: Vec<R> = Vec::new();
    for one in all(R::Lost, |error| {
        Some(match error {
            R::Lost => R::NotARelay(made_up::relay()),
            R::NotARelay(_) => R::Refused(Refusal::Draining),
            R::Refused(_) => {
                R::Unreachable { address: made_up::relay(), cause: io::ErrorKind::TimedOut.into() }
            }
            R::Unreachable { .. } => {
                R::NoSuchHost { address: made_up::relay(), cause: io::ErrorKind::NotFound.into() }
            }
            R::NoSuchHost { .. } => return None,
        })
    }) {
        match one {
            R::Refused(_) => errors.extend(refusals().into_iter().map(R::Refused)),
            R::Unreachable { .. } => {
                errors.extend(causes().map(|cause| R::Unreachable { address: made_up::relay(), cause }));
            }
            one => errors.push(one),
        }
    }
    errors
}

/// Every way for a transfer to end early; each kind once, then spread out into all that is inside of it.
fn errors() -> Vec<TransferError> {
    use TransferError as E;
    let name = || "report.pdf".to_owned();
    let kinds = all(E::GuessedAt, |error| {
        Some(match error {
            E::GuessedAt => E::WrongCode { tries_left: None },
            E::WrongCode { .. } => E::Retired,
            E::Retired => E::NobodyThere { relays: vec![made_up::relay()], looked_locally: true },
            E::NobodyThere { .. } => E::CodeTaken,
            E::CodeTaken => E::PeerDeclined,
            E::PeerDeclined => E::PeerCancelled,
            E::PeerCancelled => E::Cancelled,
            E::Cancelled => E::Declined,
            E::Declined => E::GaveWay,
            E::GaveWay => E::PeerLost,
            E::PeerLost => E::PeerSilent { seconds: 12 },
            E::PeerSilent { .. } => E::PeerFailed(Trouble::NoSpace),
            E::PeerFailed(_) => E::PeerMisbehaved(Misbehaviour::Record),
            E::PeerMisbehaved(_) => E::PeerVersion { theirs: VERSION },
            E::PeerVersion { .. } => E::Relay(RelayClientError::Lost),
            E::Relay(_) => E::file("can't read", "/home/ada/a", io::ErrorKind::Other.into()),
            E::File { .. } => E::NoSpace { needed: 1 << 30, free: 1 },
            E::NoSpace { .. } => E::Damaged { path: name() },
            E::Damaged { .. } => E::Withdrawn { path: name(), reason: Withdrawal::Changed },
            E::Withdrawn { .. } => E::PeerGone,
            E::PeerGone => E::NobodyGotIt { came: 2 },
            E::NobodyGotIt { .. } => E::Unsuited(Unsuited::Nothing),
            E::Unsuited(_) => return None,
        })
    });
    let spread = |kind: TransferError| -> Vec<TransferError> {
        match kind {
            E::WrongCode { .. } => {
                [None, Some(0), Some(1), Some(2)].map(|tries_left| E::WrongCode { tries_left }).into()
            }
            E::PeerMisbehaved(_) => misbehaviours().into_iter().map(E::PeerMisbehaved).collect(),
            E::PeerFailed(_) => troubles().into_iter().map(E::PeerFailed).collect(),
            E::PeerVersion { .. } => {
                [VERSION - 1, VERSION + 1].map(|theirs| E::PeerVersion { theirs }).into()
            }
            E::Relay(_) => relay_errors().into_iter().map(E::Relay).collect(),
            E::File { path, .. } => {
                let with = |action| {
                    let path = path.clone();
                    causes().map(move |cause| TransferError::file(action, path.clone(), cause))
                };
                let actions =
                    ["can't read", "can't write", "can't write in", "can't use the folder", "can't store"];
                actions.into_iter().flat_map(with).collect()
            }
            E::Withdrawn { .. } => {
                withdrawals().into_iter().map(|reason| E::Withdrawn { path: name(), reason }).collect()
            }
            E::Unsuited(_) => unsuited().into_iter().map(E::Unsuited).collect(),
            E::NobodyGotIt { .. } => [0, 1, 2].map(|came| E::NobodyGotIt { came }).into(),
            one => vec![one],
        }
    };
    kinds.into_iter().flat_map(spread).collect()
}

fn unsuited() -> Vec<Unsuited> {
    use Unsuited as U;
    all(U::Nothing, |reason| {
        Some(match reason {
            U::Nothing => U::NoRandomness,
            U::NoRandomness => U::Code(CodeError::WordCount { asked: 99 }),
            U::Code(_) => U::Special { path: "/dev/null".into() },
            U::Special { .. } => U::TooManyEntries,
            U::TooManyEntries => U::TooMuchText,
            U::TooMuchText => U::Manifest(ManifestError::Sizes),
            U::Manifest(_) => U::LongText { limit: 1 << 20 },
            U::LongText { .. } => U::StreamName,
            U::StreamName => U::NotOneFile { entries: 2 },
            U::NotOneFile { .. } => U::NoRelayHere("port 27001 is taken".to_owned()),
            U::NoRelayHere(_) => U::Arguments("an option is missing".to_owned()),
            U::Arguments(_) => return None,
        })
    })
}

fn misbehaviours() -> Vec<Misbehaviour> {
    use Misbehaviour as M;
    all(M::Record, |misbehaviour| {
        Some(match misbehaviour {
            M::Record => M::Frame(FrameError::TooLong { length: 1 << 30, limit: 1024 }),
            M::Frame(_) => M::Manifest(ManifestError::NotBelowFolder),
            M::Manifest(_) => M::OutOfTurn("done"),
            M::OutOfTurn(_) => M::UnknownBlock,
            M::UnknownBlock => M::BlockTwice,
            M::BlockTwice => M::UnknownEntry,
            M::UnknownEntry => M::Iterations,
            M::Iterations => M::Lanes,
            M::Lanes => M::DoneTooEarly,
            M::DoneTooEarly => M::Heard,
            M::Heard => M::Invitation,
            M::Invitation => return None,
        })
    })
}

fn unfits() -> Vec<Unfit> {
    use Unfit as U;
    all(U::Special, |reason| {
        Some(match reason {
            U::Special => U::LinkName,
            U::LinkName => U::Link(PathError::Escapes),
            U::Link(PathError::Escapes) => U::Link(PathError::Empty),
            U::Link(_) => U::Name(PathError::TooLong),
            U::Name(_) => U::Unreadable(io::ErrorKind::PermissionDenied),
            U::Unreadable(io::ErrorKind::PermissionDenied) => U::Unreadable(io::ErrorKind::NotFound),
            U::Unreadable(io::ErrorKind::NotFound) => U::Unreadable(io::ErrorKind::Other),
            U::Unreadable(_) => return None,
        })
    })
}

/// Both sides, before and after bytes moved, and with something kept of them.
fn standpoints() -> [Standpoint; 5] {
    [
        (Direction::Sending, false, false),
        (Direction::Sending, true, false),
        (Direction::Receiving, false, false),
        (Direction::Receiving, true, false),
        (Direction::Receiving, true, true),
    ]
    .map(|(direction, has_begun, is_kept)| Standpoint { direction, has_begun, is_kept })
}

fn languages() -> impl Iterator<Item = Words> {
    Words::languages().map(|(tag, _)| Words::of(Some(tag)))
}

fn keys() -> BTreeSet<&'static str> {
    ENGLISH.lines().filter_map(|line| line.split_once(" =")).map(|(key, _)| key.trim()).collect()
}

#[test]
fn what_is_not_added_is_named_with_its_reason() {
    let paths = [PathBuf::from("/home/ada/a.txt"), PathBuf::from("/home/ada/b.txt")];
    for words in languages() {
        for reason in all(NotAdded::TooLate, |reason| {
            Some(match reason {
                NotAdded::TooLate => NotAdded::NotFiles,
                NotAdded::NotFiles => {
                    let cause = io::ErrorKind::NotFound.into();
                    NotAdded::Unlisted(TransferError::file("can't read", &paths[0], cause))
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

/// Whole words, no message's key, no place that was not filled.
fn check(text: &str, of: &dyn std::fmt::Debug) {
    let keys = keys();
    assert!(!text.trim().is_empty(), "nothing is said of {of:?}");
    assert!(!text.contains(['{', '}', '$']), "{of:?}: {text}");
    assert!(!keys.contains(text), "{of:?}: {text}");
    let of_a_key = |word: &&str| word.contains('-') && keys.contains(word.trim_matches(['.', ':', ',']));
    assert_eq!(text.split_whitespace().find(of_a_key), None, "{of:?}: {text}");
}

/// The same, and it ends as a sentence does.
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
fn what_a_person_did_not_wish_for_has_a_way_on() {
    let words = Words::of(Some("en"));
    for error in errors() {
        let is_a_wish =
            matches!(error, TransferError::Cancelled | TransferError::Declined | TransferError::GaveWay);
        for at in standpoints() {
            let next = super::error(&words, &error, at).next;
            assert!(is_a_wish || !next.is_empty(), "{error:?}");
        }
    }
}

/// Catches a receiver that is told to send, and a sender that is told to ask for it.
#[test]
fn each_side_is_told_what_it_can_do() {
    let words = Words::of(Some("en"));
    for error in errors() {
        for at in standpoints() {
            let Explained { lost, next, .. } = super::error(&words, &error, at);
            match at.direction {
                Direction::Sending => {
                    assert!(!lost.contains("received") && !lost.contains("saved"), "{error:?}: {lost}");
                }
                Direction::Receiving => assert!(!lost.contains("sent"), "{error:?}: {lost}"),
            }
            let is_of_both = !matches!(
                error,
                TransferError::PeerLost
                    | TransferError::PeerSilent { .. }
                    | TransferError::PeerCancelled
                    | TransferError::PeerMisbehaved(_)
            );
            let asks = next.contains("sk for it to be sent again");
            assert!(is_of_both || asks == (at.direction == Direction::Receiving), "{error:?}: {next}");
        }
    }
}

#[test]
fn no_language_falls_back_to_the_engines_english() {
    let (english, german) = (Words::of(Some("en")), Words::of(Some("de")));
    for error in errors() {
        for at in standpoints() {
            let of = |words| super::error(words, &error, at).happened;
            assert_ne!(of(&english), of(&german), "{error:?}");
            // The system's own words about a file or an address may stand in it, ours may not.
            let is_own = matches!(error, TransferError::PeerMisbehaved(_) | TransferError::Unsuited(_));
            assert!(!is_own || !of(&german).contains(&error.to_string()), "{}", of(&german));
        }
    }
    for way in misbehaviours() {
        check_sentence(&misbehaviour(&english, &way), &way);
        assert_ne!(misbehaviour(&english, &way), misbehaviour(&german, &way));
    }
    for reason in unfits() {
        check(&unfit(&english, reason), &reason);
        assert_ne!(unfit(&english, reason), unfit(&german, reason));
    }
    for reason in withdrawals() {
        let theirs = withdrawal(&german, reason);
        assert_ne!(withdrawal(&english, reason), theirs);
        assert!(!theirs.contains(&reason.to_string()), "{theirs}");
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
                RelayError::Listen { .. } => return None,
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
            Expected::Ports => Expected::Table,
            Expected::Table => Expected::Tables,
            Expected::Tables => Expected::Transfer,
            Expected::Transfer => return None,
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
    let (english, german) = (Words::of(Some("en")), Words::of(Some("de")));
    for of in &problems {
        for words in [&english, &german] {
            let text = problem(words, of);
            check_sentence(&text, of);
            assert!(text.contains("/home/ada/settings.toml"), "{text}");
        }
        assert_ne!(problem(&english, of), problem(&german, of));
        assert!(!problem(&german, of).contains("must be"), "{}", problem(&german, of));
    }
    for error in [
        SaveError::NoFolder,
        SaveError::InTheWay(Problem::Unreadable { path: file(), cause: cause() }),
        SaveError::Disk { path: file(), cause: cause() },
    ] {
        check_sentence(&unsaved(&english, &error), &error);
        check_sentence(&unsaved(&german, &error), &error);
        assert_ne!(unsaved(&english, &error), unsaved(&german, &error));
    }
    for words in [&english, &german] {
        check_sentence(&not_discarded(words, "notes.txt", &cause()), &"not discarded");
        check_sentence(&not_opened(words, &file(), true), &"no program");
        check_sentence(&not_opened(words, &file(), false), &"gone");
    }
}

#[test]
fn whoever_gets_no_window_is_told_why_in_their_language() {
    use crate::app::{
        ArrivalError, InstanceError, RunError,
        launch::{Silence, StartError},
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
        ArrivalError::SeveralCodes,
    ];
    let instances = [
        InstanceError::NoPlace(io::ErrorKind::NotFound.into()),
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
    let (english, german) = (Words::of(Some("en")), Words::of(Some("de")));
    let errors = arguments.map(RunError::from).into_iter().chain(instances.map(RunError::from));
    for error in errors.chain(starts.map(RunError::from)) {
        for words in [&english, &german] {
            check_sentence(&start(words, &error), &error);
        }
        assert_ne!(start(&english, &error), start(&german, &error));
    }
}

#[test]
fn what_is_no_code_is_told() {
    let long = "acid ".repeat(2000);
    let texts =
        ["", "...", "hello", "acid coyote", "acid-coyote-mustard-xyzzyplugh", "caiman:%zz", long.as_str()];
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
            Phase::Repairing => Phase::Retired,
            Phase::Retired => Phase::Branches,
            Phase::Branches => return None,
        })
    });
    for words in languages() {
        for way in [Direction::Sending, Direction::Receiving] {
            let mut card = Card::new(id, way, Origin::Text(String::new()));
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
    for words in languages() {
        let mut seen = BTreeSet::new();
        for waits_for in &reasons {
            let text = stall(&words, *waits_for, Duration::from_secs(75));
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
            let mut card = Card::new(TaskId::made_up(1), Direction::Sending, Origin::Text(String::new()));
            card.progress = progress(phase, 10, 100);
            for reason in standstills {
                let (tone, _, text) = standstill(&words, &card, reason).expect("there is something to say");
                check_sentence(&text, &reason);
                assert_ne!(tone, Tone::Bad, "{reason:?} is no error");
                seen.insert(text);
            }
            let own = Standstill::Paused(Paused { here, there: false });
            assert!(standstill(&words, &card, own).is_none(), "the person knows");
        }
        assert_eq!(seen.len(), 7, "a waiting code has its own words: {seen:#?}");
        let mut card = Card::new(TaskId::made_up(1), Direction::Sending, Origin::Text(String::new()));
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
    let mut card = Card::new(TaskId::made_up(1), Direction::Receiving, Origin::Text(String::new()));
    card.progress = progress(Phase::WaitingForAnswer, 0, 100);
    assert_ne!(phase(&words, &card), words.say("phase-answer"));
}

#[test]
fn a_report_says_what_the_card_says_and_never_the_code() {
    let words = Words::of(Some("en"));
    let secret: CodePhrase = made_up::code();
    for error in errors() {
        let id = TaskId::made_up(1);
        let origin = Origin::Code { code: secret.clone(), server: None };
        let mut card = Card::new(id, Direction::Receiving, origin);
        card.code = Some(secret.clone());
        let taken = TransferError::file("can't store", "b.txt", io::ErrorKind::AlreadyExists.into());
        card.notice(Notice::NotStored { path: "b.txt".into(), error: taken });
        let crate::engine::Event::Ended(_, ended) = failed(id, error) else { unreachable!() };
        card.ended(ended, Instant::now());
        let report = report(&words, &card, "notes.txt");
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
