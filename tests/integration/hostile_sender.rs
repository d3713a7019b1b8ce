//! An honest receiver against senders that have the right code and the right keys, and break every other rule in what they
//! offer. Each is refused by name, and the receiver's folder is left as it was.
use std::fs;

use crate::support::{iroh::over_quic, peer::*, read_to_end, stage::*};
use caiman::{
    engine::{Answer, Choices, Notice, TransferError},
    protocol::{
        frame::{self, FrameError},
        manifest::{
            MAX_ENTRIES, MAX_TEXT_BYTES, MAX_TOTAL_BYTES, ManifestError, Modified, OfferKind, RawEntry,
            RawKind,
        },
        path::{MAX_NAMES, PathError},
        peer::{
            First, FromReceiver, FromSender, MAX_HANDSHAKE, SenderHello, SenderIdKey, SenderVerdict, Trouble,
            Withdrawal,
        },
    },
    transfer::error::Misbehaviour,
};

/// Says `messages` to a receiver that accepts whatever it is offered. It must refuse them as `expected`, and its folder must be
/// left as it was.
async fn refused(stage: &mut Stage, name: &str, messages: &[FromSender], expected: Misbehaviour) {
    let before = stage.tree();
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        for message in messages {
            peer.say(message).await;
        }
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{name}");
    };
    let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
    assert_misbehaved(name, ended, &expected);
    assert_eq!(stage.tree(), before, "{name} left something behind");
}

fn assert_misbehaved(name: &str, ended: Ended, expected: &Misbehaviour) {
    match ended.result {
        Err(TransferError::PeerMisbehaved(found)) => assert_eq!(found, *expected, "{name}"),
        other => panic!("{name}: {other:?}"),
    }
}

/// Delivers `entries`, whose files are empty, honestly.
async fn delivered(stage: &mut Stage, entries: &[RawEntry], choices: Choices) -> Ended {
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let sending = async {
        let mut peer = waiting.meet().await;
        for message in offer(OfferKind::Files, entries) {
            peer.say(&message).await;
        }
        let FromReceiver::Accept { lanes: 0, .. } = peer.hear().await.unwrap() else {
            panic!("only empty files are delivered here");
        };
        peer.say(&FromSender::Done).await;
        assert_eq!(peer.last_word().await, None);
    };
    let accept = |notice: &Notice| accept_with(notice, choices.clone());
    tokio::join!(stage.receive(&code, None, accept), sending).0
}

#[tokio::test]
async fn paths_that_lead_out_or_hold_no_name_are_refused() {
    let mut stage = Stage::new().await;
    // With backslashes it would be a plain name, which is repaired on Windows.
    let inside = if cfg!(windows) { "/x".to_owned() } else { format!("{}/x", stage.outer().display()) };
    let long = "x".repeat(100_000);
    let deep = format!("{}d", "d/".repeat(3000));
    let nested = format!("{}d", "d/".repeat(MAX_NAMES));
    let cases = [
        ("../x", PathError::Dots),
        ("..", PathError::Dots),
        (".", PathError::Dots),
        ("./x", PathError::Dots),
        ("a/../../x", PathError::Dots),
        ("a/..", PathError::Dots),
        ("a/./x", PathError::Dots),
        ("/etc/x", PathError::Absolute),
        ("//host/x", PathError::Absolute),
        ("/", PathError::Absolute),
        (&inside, PathError::Absolute),
        ("a\0b", PathError::Nul),
        ("", PathError::Empty),
        ("a/", PathError::Empty),
        ("a//x", PathError::Empty),
        (&long, PathError::TooLong),
        (&deep, PathError::TooLong),
        (&nested, PathError::TooDeep),
    ];
    for (path, expected) in cases {
        for entry in [file(path, 0), folder(path), link(path, "a")] {
            let messages = offer(OfferKind::Files, &[folder("a"), entry]);
            let shown: String = path.chars().take(40).collect();
            refused(&mut stage, &shown, &messages, ManifestError::Path(expected).into()).await;
        }
    }
}

#[tokio::test]
async fn trees_that_do_not_hold_together_are_refused() {
    let mut stage = Stage::new().await;
    let cases = [
        (
            "a path through a link",
            vec![folder("b"), link("a", "b"), file("a/x", 0)],
            ManifestError::NotBelowFolder,
        ),
        (
            "a folder below a link",
            vec![folder("b"), link("a", "b"), folder("a/x")],
            ManifestError::NotBelowFolder,
        ),
        ("a file below a file", vec![file("a", 0), file("a/x", 0)], ManifestError::NotBelowFolder),
        ("a file below nothing", vec![file("a/x", 0)], ManifestError::NotBelowFolder),
        ("a folder after what is in it", vec![file("a/x", 0), folder("a")], ManifestError::NotBelowFolder),
        (
            "a journal in a folder of nobody",
            vec![file(".caiman-0000000000000000/journal", 0)],
            ManifestError::NotBelowFolder,
        ),
        ("a file twice", vec![file("a", 0), file("a", 0)], ManifestError::Duplicate),
        ("a link over a folder", vec![folder("a"), link("a", "b")], ManifestError::Duplicate),
        (
            "a folder over a link, and through it",
            vec![link("a", "b"), folder("a"), file("a/x", 0)],
            ManifestError::Duplicate,
        ),
    ];
    for (name, entries, expected) in cases {
        refused(&mut stage, name, &offer(OfferKind::Files, &entries), expected.into()).await;
    }
}

#[tokio::test]
async fn links_that_lead_out_are_refused() {
    let mut stage = Stage::new().await;
    // With backslashes it would be a plain name, to which no link is created on Windows.
    let outside = if cfg!(windows) { "/x".to_owned() } else { stage.outer().display().to_string() };
    let cases = [
        ("l", "/etc", PathError::Escapes),
        ("l", &outside, PathError::Escapes),
        ("l", "//host/share", PathError::Escapes),
        ("l", "..", PathError::Escapes),
        ("l", "../..", PathError::Escapes),
        ("l", "./../x", PathError::Escapes),
        ("d/l", "../..", PathError::Escapes),
        ("d/l", "../../x", PathError::Escapes),
        ("l", "d/..", PathError::Escapes),
        ("l", "d/../../x", PathError::Escapes),
        ("l", "", PathError::Empty),
        ("l", "d//x", PathError::Empty),
        ("l", "a\0b", PathError::Nul),
    ];
    for (path, target, expected) in cases {
        let messages = offer(OfferKind::Files, &[folder("d"), link(path, target)]);
        let name = format!("{path} -> {target}");
        refused(&mut stage, &name, &messages, ManifestError::Path(expected).into()).await;
    }
}

#[tokio::test]
async fn offers_that_lie_about_themselves_are_refused() {
    let mut stage = Stage::new().await;
    let opening = |kind, entries, bytes| vec![FromSender::Offer { kind, entries, bytes, lanes: 2 }];
    let files = |entries, bytes| opening(OfferKind::Files, entries, bytes);
    let with_page = |mut messages: Vec<FromSender>, entries: &[RawEntry]| {
        messages.extend(offer(OfferKind::Files, entries).into_iter().skip(1));
        messages
    };
    let two = [file("a", 3), file("b", 4)];
    let late = RawKind::File {
        size: 0,
        modified: Some(Modified { secs: 0, nanos: 2_000_000_000 }),
        permissions: None,
        holes: Vec::new(),
    };
    let late = RawEntry { path: "a".to_owned(), kind: late };
    let mut wrong_digest = offer(OfferKind::Files, &two);
    wrong_digest[2] = FromSender::OfferEnd { digest: [0; 32] };
    let sizes: Misbehaviour = ManifestError::Sizes.into();
    let kind: Misbehaviour = ManifestError::Kind.into();
    let cases = [
        ("every entry there is", files(u64::MAX, 0), ManifestError::TooMany(u64::MAX).into()),
        ("one entry too many", files(MAX_ENTRIES + 1, 0), ManifestError::TooMany(MAX_ENTRIES + 1).into()),
        ("every byte there is", files(1, u64::MAX), sizes.clone()),
        ("one byte too many", files(1, MAX_TOTAL_BYTES + 1), sizes.clone()),
        ("a sum that is too small", with_page(files(2, 6), &two), sizes.clone()),
        ("a sum that is too large", with_page(files(2, 8), &two), sizes.clone()),
        (
            "a sum that overflows",
            with_page(files(2, 6), &[file("a", 4), file("b", u64::MAX - 1)]),
            sizes.clone(),
        ),
        ("more than announced", with_page(files(1, 7), &two), ManifestError::TooMany(2).into()),
        (
            "less than announced",
            with_page(files(3, 7), &two),
            ManifestError::TooFew { held: 2, announced: 3 }.into(),
        ),
        ("a time that doesn't exist", offer(OfferKind::Files, &[late]), ManifestError::Time.into()),
        ("the digest of another offer", wrong_digest, Misbehaviour::Record),
        ("a text that is too long", opening(OfferKind::Text, 1, MAX_TEXT_BYTES + 1), sizes.clone()),
        (
            "a text that grows",
            with_page(opening(OfferKind::Text, 1, 3), &[file("text", MAX_TEXT_BYTES + 1)]),
            sizes,
        ),
        ("a text of two files", offer(OfferKind::Text, &two), kind.clone()),
        ("a text that is a folder", offer(OfferKind::Text, &[folder("a")]), kind.clone()),
        ("a stream of two files", offer(OfferKind::Stream, &[file("a", 0), file("b", 0)]), kind.clone()),
        ("a stream with a size", offer(OfferKind::Stream, &[file("a", 5)]), kind.clone()),
        ("a stream that is a link", offer(OfferKind::Stream, &[link("a", "b")]), kind.clone()),
        ("a stream of nothing", offer(OfferKind::Stream, &[]), kind),
    ];
    for (name, messages, expected) in cases {
        refused(&mut stage, name, &messages, expected).await;
    }
    let no_lanes = [FromSender::Offer { kind: OfferKind::Files, entries: 1, bytes: 3, lanes: 0 }];
    let messages: Vec<_> =
        no_lanes.into_iter().chain(offer(OfferKind::Files, &[file("a", 3)]).into_iter().skip(1)).collect();
    refused(&mut stage, "no lanes for three bytes", &messages, Misbehaviour::Lanes).await;
}

/// Catches a receiver that collects what was never announced, or that can be kept busy with nothing.
#[tokio::test]
async fn pages_that_never_end_are_refused_before_they_fill_the_memory() {
    const ENOUGH: u64 = 32 << 20;
    let mut stage = Stage::new().await;
    let page: Vec<_> = (0..2000).map(|number| file(&format!("file {number}"), 0)).collect();
    let cases = [
        ("more than announced", page, ManifestError::TooMany(11).into()),
        ("empty ones", Vec::new(), Misbehaviour::OutOfTurn("page")),
    ];
    for (name, page, expected) in cases {
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let attack = async {
            let mut peer = waiting.meet().await;
            peer.say(&FromSender::Offer { kind: OfferKind::Files, entries: 10, bytes: 0, lanes: 2 }).await;
            while peer.is_quiet().await {
                peer.say(&FromSender::Page(page.clone())).await;
                assert!(peer.said < ENOUGH, "{name}: the receiver takes {ENOUGH} bytes and more");
            }
            assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{name}");
        };
        let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
        assert_misbehaved(name, ended, &expected);
    }
    assert_eq!(stage.tree(), ["inbox/"]);
}

/// What a sender writes in place of an honest record.
type Written<'a> = Box<dyn Fn(&mut HostilePeer) -> Vec<u8> + 'a>;

/// Writes the record to a receiver. Returns how it ends; `last_word` is what it says then.
async fn written(stage: &mut Stage, name: &str, record: Written<'_>, last_word: Option<Trouble>) -> Ended {
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        let bytes = record(&mut peer);
        peer.send(&bytes).await;
        assert_eq!(peer.last_word().await, last_word, "{name}");
    };
    tokio::join!(stage.receive(&code, None, accept), attack).0
}

/// A receiver that doesn't look for a lost sender ends with the connection, and blames nobody.
#[tokio::test]
async fn control_records_that_are_not_authentic_cost_the_connection_and_nothing_else() {
    let mut stage = Stage::new().await;
    let too_long = {
        let mut header = [0; 24];
        header[..8].copy_from_slice(&[1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        header.to_vec()
    };
    let one_over = {
        let mut header = too_long.clone();
        header[4..8].copy_from_slice(&(256 * 1024 + 1u32).to_be_bytes());
        header
    };
    let flip = |at: usize, bits: u8| -> Written<'_> {
        Box::new(move |peer| {
            let mut record = peer.heartbeat();
            record[at] ^= bits;
            record
        })
    };
    let second = |peer: &mut HostilePeer| {
        peer.heartbeat();
        peer.heartbeat()
    };
    let cases = [
        ("a changed channel", flip(0, 1)),
        ("a changed author", flip(1, 1)),
        ("the receiver's own words", flip(1, 3)),
        ("a changed lane", flip(3, 1)),
        ("a changed sequence number", flip(15, 1)),
        ("a changed block", flip(23, 1)),
        ("a changed vector", flip(24, 1)),
        ("a changed content", flip(40, 1)),
        ("a changed tag", flip(56 + 31, 1)),
        ("4 GiB announced", Box::new(|_| too_long.clone())),
        ("a byte too much announced", Box::new(|_| one_over.clone())),
        ("the same record twice", Box::new(|peer| peer.heartbeat().repeat(2))),
        ("a record left out", Box::new(second)),
    ];
    // Where this sender stays on the connection on which the two have met over the internet, its loss is borne for ten seconds, in
    // which an honest one may move on. The records are the same, so one of them is enough.
    let count = if over_quic() { 1 } else { cases.len() };
    for (name, record) in cases.into_iter().take(count) {
        let ended = written(&mut stage, name, record, Some(Trouble::Network).filter(|_| !over_quic())).await;
        assert!(matches!(ended.result, Err(TransferError::PeerLost)), "{name}: {ended:?}");
    }
    assert_eq!(stage.tree(), ["inbox/"]);
}

#[tokio::test]
async fn authentic_records_with_dishonest_contents_are_refused() {
    let mut stage = Stage::new().await;
    let plain = |bytes: &'static [u8]| -> Written<'_> { Box::new(move |peer| peer.seal_bytes(bytes)) };
    // The message `Done` comes after the count of heard messages, and before the bytes that make it dishonest.
    let done = |heard: u8, more: &'static [u8]| -> Written<'_> {
        let bytes = [&[heard], frame::to_bytes(&FromSender::Done).as_slice(), more].concat();
        Box::new(move |peer| peer.seal_bytes(&bytes))
    };
    let cases: [(&str, Written<'_>, Misbehaviour); 5] = [
        ("an empty message", plain(b""), FrameError::Malformed.into()),
        ("a count of heard messages that can't be", done(9, b""), Misbehaviour::Heard),
        ("an unknown message", plain(b"\x00\xff\xff\xff"), FrameError::Malformed.into()),
        ("a message and more", done(0, b"\x00"), FrameError::Trailing.into()),
        ("a list of 2^32 entries", plain(b"\x00\x01\xff\xff\xff\xff\x0f"), FrameError::Malformed.into()),
    ];
    for (name, record, expected) in cases {
        let ended = written(&mut stage, name, record, Some(Trouble::Misbehaved)).await;
        assert_misbehaved(name, ended, &expected);
    }
    assert_eq!(stage.tree(), ["inbox/"]);
}

#[tokio::test]
async fn messages_at_the_wrong_moment_are_refused() {
    let mut stage = Stage::new().await;
    let offered = offer(OfferKind::Files, &[file("a", 3)]);
    let never = |_: &Notice| None;
    let messages = [
        ("offer", offered[0].clone()),
        ("page", offered[1].clone()),
        ("offer end", offered[2].clone()),
        ("withdrawn", FromSender::Withdrawn { entry: 0, reason: Withdrawal::Changed }),
        ("stream end", FromSender::StreamEnd { bytes: 0 }),
        ("hashes", FromSender::Hashes(vec![(0, [0; 32])])),
        ("done", FromSender::Done),
    ];
    let moments = [
        ("before the offer", 0, vec!["offer"]),
        ("between the pages", 1, vec!["page", "offer end"]),
        ("before the answer", 3, vec![]),
    ];
    for (moment, said_before, in_turn) in moments {
        for (name, message) in messages.iter().filter(|(name, _)| !in_turn.contains(name)) {
            let code = code();
            let waiting = WaitingSender::new(stage.place(), &code).await;
            let attack = async {
                let mut peer = waiting.meet().await;
                for honest in &offered[..said_before] {
                    peer.say(honest).await;
                }
                peer.say(message).await;
                assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{name} {moment}");
            };
            let (ended, ()) = tokio::join!(stage.receive(&code, None, never), attack);
            assert_misbehaved(moment, ended, &Misbehaviour::OutOfTurn(name));
        }
    }
    assert_eq!(stage.tree(), ["inbox/"]);
}

/// Names that mean something only on other systems, or to this program, are ordinary names; on Windows they are repaired.
#[tokio::test]
async fn names_that_mean_more_on_another_system_land_inside() {
    let mut stage = Stage::new().await;
    let long = format!("{}.txt", "n".repeat(1000));
    let cases = [
        (r"C:\evil", r"C:\evil", "C__evil"),
        (r"..\x", r"..\x", ".._x"),
        (r"\\host\share", r"\\host\share", "__host_share"),
        ("NUL", "NUL", "NUL_"),
        ("...", "...", ".._"),
        ("-rf", "-rf", "-rf"),
        (".caiman-0000000000000000", "_caiman-0000000000000000", "_caiman-0000000000000000"),
    ];
    for (name, on_unix, on_windows) in cases {
        let inner = format!("{name}/journal");
        let ended = delivered(&mut stage, &[folder(name), file(&inner, 0)], Choices::default()).await;
        assert_eq!(ended.result.unwrap().stored, 2);
        let kept = if cfg!(windows) { on_windows } else { on_unix };
        let journal = stage.inbox().join(kept).join("journal");
        assert!(journal.is_file(), "{name} is not at {}", journal.display());
        fs::remove_dir_all(journal.parent().unwrap()).unwrap();
        assert_eq!(stage.tree(), ["inbox/"], "{name} left something elsewhere");
    }
    delivered(&mut stage, &[file(&long, 0)], Choices::default()).await.result.unwrap();
    let kept = format!("inbox/{}.txt", "n".repeat(251));
    assert!(stage.tree()[1].starts_with(&kept), "{:?}", stage.tree());
}

/// Times that no calendar knows must neither stop nor crash a receiver.
#[tokio::test]
async fn times_at_the_ends_of_the_world_are_taken() {
    let mut stage = Stage::new().await;
    for secs in [i64::MIN, -1, i64::MAX] {
        let modified = Some(Modified { secs, nanos: 999_999_999 });
        let entries = [
            RawEntry { path: "d".to_owned(), kind: RawKind::Folder { modified, permissions: None } },
            RawEntry {
                path: "d/f".to_owned(),
                kind: RawKind::File { size: 0, modified, permissions: Some(0o755), holes: Vec::new() },
            },
            RawEntry { path: "l".to_owned(), kind: RawKind::Link { target: "d".to_owned(), modified } },
        ];
        let entries = if cfg!(windows) { &entries[..2] } else { &entries[..] };
        // The second time, the file would exist already.
        let choices = Choices { resumes: false, ..Choices::default() };
        let ended = delivered(&mut stage, entries, choices).await;
        assert_eq!(ended.result.unwrap().not_stored, 0, "{secs}");
    }
}

/// The receiver never writes through what already exists in the folder: not through a link to elsewhere, nor through a folder
/// that replaces a link.
#[cfg(unix)]
#[tokio::test]
async fn what_stands_in_the_folder_is_not_written_through() {
    use std::os::unix::fs::symlink;

    use caiman::engine::OnConflict;

    for on_conflict in [OnConflict::KeepBoth, OnConflict::Replace, OnConflict::Skip] {
        let mut stage = Stage::new().await;
        let (inbox, elsewhere) = (stage.inbox(), stage.outer().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("precious"), "kept").unwrap();
        fs::create_dir(inbox.join("folder")).unwrap();
        fs::write(inbox.join("folder/precious"), "kept").unwrap();
        symlink("../elsewhere", inbox.join("out")).unwrap();
        symlink("../elsewhere/precious", inbox.join("leaf")).unwrap();
        symlink("../elsewhere/new", inbox.join("dangling")).unwrap();
        let entries = [
            folder("out"),
            file("out/precious", 0),
            file("leaf", 0),
            file("dangling", 0),
            folder("evil"),
            link("folder", "evil"),
        ];
        let choices = Choices { on_conflict, ..Choices::default() };
        delivered(&mut stage, &entries, choices).await.result.unwrap();
        let kept = fs::read_to_string(elsewhere.join("precious")).unwrap();
        assert_eq!(
            (kept.as_str(), fs::read_dir(&elsewhere).unwrap().count()),
            ("kept", 1),
            "{on_conflict:?}"
        );
        assert_eq!(fs::read_to_string(inbox.join("folder/precious")).unwrap(), "kept", "{on_conflict:?}");
        assert!(!stage.tree().iter().any(|path| path.contains(".caiman")), "{on_conflict:?}");
    }
}

/// A message that is wrong before there are keys ends the receiver by name, and it says nothing more.
#[tokio::test]
async fn handshakes_that_are_no_honest_ones_are_refused() {
    type Verdict = fn(&Greeted) -> Vec<u8>;
    type Change = fn(&mut SenderHello);
    let mut stage = Stage::new().await;
    let iterations = TransferError::from(Misbehaviour::Iterations).to_string();
    let stranger = TransferError::OnlyStrangers { count: 1 }.to_string();
    let hellos: [(&str, Change, String); 7] = [
        ("one iteration too few", |hello| hello.iterations = 99_999, iterations.clone()),
        ("no iterations", |hello| hello.iterations = 0, iterations.clone()),
        ("one iteration too many", |hello| hello.iterations = 5_000_001, iterations.clone()),
        ("iterations for ever", |hello| hello.iterations = u32::MAX, iterations),
        ("another version", |hello| hello.version = 2, TransferError::PeerVersion { theirs: 2 }.to_string()),
        ("a key message that is too short", |hello| hello.pake.truncate(32), stranger.clone()),
        ("a key message of the other role", |hello| hello.pake[0] = b'B', stranger.clone()),
    ];
    for (name, change, expected) in hellos {
        let code = code();
        let waiting = WaitingSender::with(stage.place(), &code, change).await;
        let attack = async { assert_eq!(waiting.abandoned().await, b"", "{name}") };
        let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
        assert_eq!(ended.result.unwrap_err().to_string(), expected, "{name}");
    }
    let malformed = |error: FrameError| TransferError::from(Misbehaviour::Frame(error)).to_string();
    for (name, first, error) in [
        ("noise", vec![0xff; 40], FrameError::Malformed),
        ("nothing", Vec::new(), FrameError::Malformed),
        ("more than a hello", frame::to_bytes(&(First::Retired, 0u8)), FrameError::Trailing),
    ] {
        let code = code();
        let waiting = WaitingSender::saying_only(stage.place(), &code, first).await;
        let (ended, said) = tokio::join!(stage.receive(&code, None, accept), waiting.abandoned());
        assert_eq!((ended.result.unwrap_err().to_string(), said), (malformed(error), Vec::new()), "{name}");
    }
    let verdicts: [(&str, Verdict, String); 6] = [
        ("a forged proof", |_| frame::encode(&SenderVerdict::Confirmed { tag: [7; 32] }), stranger.clone()),
        (
            "the receiver's own proof",
            |peer| frame::encode(&SenderVerdict::Confirmed { tag: peer.their_tag }),
            stranger,
        ),
        ("noise", |_| frame::wrap(&[0xff; 10]), malformed(FrameError::Malformed)),
        (
            "a byte too many",
            |peer| frame::encode(&(SenderVerdict::Confirmed { tag: peer.tag }, 0u8)),
            malformed(FrameError::Trailing),
        ),
        (
            "4 GiB announced",
            |_| vec![0xff; 4],
            malformed(FrameError::TooLong { length: u32::MAX, limit: MAX_HANDSHAKE }),
        ),
        (
            "tries without number",
            |_| frame::encode(&SenderVerdict::WrongCode { tries_left: 255, key: SenderIdKey([0; 16]) }),
            TransferError::WrongCode { tries_left: Some(255) }.to_string(),
        ),
    ];
    for (name, verdict, expected) in verdicts {
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let attack = async {
            let mut greeted = waiting.greeted().await;
            let bytes = verdict(&greeted);
            greeted.client.send(&bytes).await;
            read_to_end(&mut greeted.client.stream).await.unwrap_or_default()
        };
        let (ended, said) = tokio::join!(stage.receive(&code, None, accept), attack);
        assert_eq!((ended.result.unwrap_err().to_string(), said), (expected, Vec::new()), "{name}");
    }
    assert_eq!(stage.tree(), ["inbox/"]);
}

/// If the user declines or doesn't answer, a sender that goes on regardless can't change that.
#[tokio::test]
async fn a_declined_offer_stays_declined() {
    let mut stage = Stage::new().await;
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        for message in offer(OfferKind::Files, &[file("a", 0)]) {
            peer.say(&message).await;
        }
        assert_eq!(peer.hear().await, Some(FromReceiver::Decline));
        peer.say(&FromSender::Done).await;
        assert_eq!(peer.last_word().await, None);
    };
    let decline = |notice: &Notice| matches!(notice, Notice::Offer(_)).then_some(Answer::Decline);
    let (ended, ()) = tokio::join!(stage.receive(&code, None, decline), attack);
    assert!(matches!(ended.result, Err(TransferError::Declined)), "{ended:?}");
    assert_eq!(stage.tree(), ["inbox/"]);
}
