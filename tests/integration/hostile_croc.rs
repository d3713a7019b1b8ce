//! Receives from senders that have the right code of croc and break every other rule, and over relays that read, change, repeat and
//! reflect what passes them. Each ends by name and in time, and nothing but whole files that were checked gets a name in the folder.

use std::{fs, time::Duration};

use crate::support::{
    croc::*,
    engine::{BLOCK, names_in},
    noise,
};
use caiman::{
    croc::{
        channel::{deflate, inflate},
        chunks::{CHUNK_LEN, Coding, read_ranges},
        code::Version,
        hashes::HashKind,
        manifest::ListEntry,
        message::Message,
    },
    engine::{Choices, Notice, TransferError},
    protocol::manifest::{MAX_TEXT_BYTES, ManifestError},
    transfer::error::Misbehaviour,
};
use tokio::time::sleep;
const VERSIONS: [Version; 2] = [Version::V10, Version::V11];

fn assert_misbehaved(name: &str, received: Received, expected: &Misbehaviour) {
    match received.result {
        Err(TransferError::PeerMisbehaved(found)) => assert_eq!(found, *expected, "{name}"),
        other => panic!("{name}: {other:?}"),
    }
}

/// A file of one byte with this folder and name, as the peer writes them.
fn entry(folder: &str, name: &str) -> ListEntry {
    ListEntry { folder: folder.to_owned(), name: name.to_owned(), ..file(HashKind::Xxhash, "x", b"x") }
}

/// Offers a list whose JSON is this.
async fn offered(stage: &CrocStage, list: Vec<u8>) -> Received {
    let relay = CrocRelay::start().await;
    let sender = WaitingCroc::new(&relay).await;
    let offering = async {
        let mut sender = sender.meet(Version::V11).await;
        sender.say(&Message::Files(list)).await;
        // It waits for the receiver to say what it thinks of that.
        let _ = sender.hear().await;
    };
    tokio::join!(stage.receive(&relay), offering).0
}

#[tokio::test]
async fn lists_that_lead_out_or_contradict_themselves_are_refused() {
    let stage = CrocStage::new();
    let croc = Misbehaviour::Croc;
    let manifest = |error: ManifestError| Misbehaviour::Manifest(error);
    let outside = croc("a path that leads out of the folder");
    let control = croc("a name with a character that no name has");
    let cases = [
        (vec![entry("../", "x")], outside.clone()),
        (vec![entry("a/../../", "x")], outside.clone()),
        (vec![entry("a\\..\\..\\", "x")], outside.clone()),
        (vec![entry("/etc/", "x")], outside.clone()),
        (vec![entry("\\\\host\\share\\", "x")], outside.clone()),
        (vec![entry("C:\\", "x")], outside.clone()),
        (vec![entry("./", "..")], outside.clone()),
        (vec![entry("./", "../x")], outside.clone()),
        (vec![entry("./", "a/x")], outside.clone()),
        (vec![entry("./", "/x")], outside.clone()),
        (vec![entry("C:", "x")], outside),
        (vec![entry("./", "")], croc("a file without a name")),
        (vec![entry("./", ".")], croc("a file without a name")),
        (vec![entry("./", "a\0b")], control.clone()),
        (vec![entry("./", "a\u{1b}[2Jb")], control.clone()),
        (vec![entry("a\nb/", "x")], control.clone()),
        (vec![entry("./", "a\u{9b}b")], control),
        (vec![entry("./", &"x".repeat(100_000))], croc("a path that is too long")),
        (vec![entry(&"d/".repeat(300), "x")], croc("a path that is too long")),
        (vec![entry("./", "a"), entry("./", "a")], manifest(ManifestError::Duplicate)),
        (vec![entry("./", "a"), entry(".//./", "a")], manifest(ManifestError::Duplicate)),
        (vec![entry("./", "a"), entry("a/", "b")], manifest(ManifestError::NotBelowFolder)),
        (vec![entry("a/", "b"), entry("./", "a")], manifest(ManifestError::Duplicate)),
        (vec![link("a", "b"), entry("a/", "x")], manifest(ManifestError::NotBelowFolder)),
        (vec![link("a", "b"), link("a", "c")], manifest(ManifestError::Duplicate)),
        (vec![ListEntry { hash: Vec::new(), ..entry("./", "a") }], croc("a file without a hash")),
        (Vec::new(), croc("a list without files")),
    ];
    for (entries, expected) in cases {
        let name: String = format!("{entries:?}").chars().take(120).collect();
        let mut goods = Goods::of(&[]);
        goods.list.entries = entries;
        assert_misbehaved(&name, offered(&stage, goods.list.to_json()).await, &expected);
        assert_eq!(names_in(stage.target.path()), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_list_is_refused() {
    let stage = CrocStage::new();
    let unread = Misbehaviour::Croc("a message that can't be understood");
    let many = format!("{{\"FilesToTransfer\":[{}{{}}]}}", "{},".repeat(1_000_000));
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    for list in [
        "",
        "null",
        r#"{"FilesToTransfer":{}}"#,
        r#"{"FilesToTransfer":[{"n":"a","s":-1}]}"#,
        r#"{"FilesToTransfer":[{"n":"a","s":18446744073709551616}]}"#,
        r#"{"FilesToTransfer":[{"n":"a","s":17592186044417}]}"#,
        r#"{"FilesToTransfer":[{"n":"a","h":"@"}]}"#,
        &many,
        &deep,
    ] {
        let name: String = list.chars().take(60).collect();
        assert_misbehaved(&name, offered(&stage, list.as_bytes().to_vec()).await, &unread);
    }
    let unknown = br#"{"FilesToTransfer":[{"n":"a","s":1,"h":"AA=="}],"HashAlgorithm":"imohash-v2"}"#;
    let expected = Misbehaviour::Croc("a kind of hash that isn't known here");
    assert_misbehaved("an unknown hash", offered(&stage, unknown.to_vec()).await, &expected);
    assert!(names_in(stage.target.path()).is_empty());
}

#[tokio::test]
async fn names_that_some_systems_can_t_have_arrive_here_or_are_repaired() {
    let names = [
        "Readme",
        "README",
        "e\u{301}.txt",
        "\u{e9}.txt",
        "CON",
        "aux.txt",
        "ab:c?.txt",
        "dot.",
        "C:x",
        "space ",
        "\u{202e}gnp.exe",
    ];
    let files: Vec<_> = names.iter().map(|name| (*name, name.as_bytes().to_vec())).collect();
    let stage = CrocStage::new();
    let (received, _) = stage.exchange(Version::V11, &Goods::of(&files)).await;
    let report = received.report();
    assert_eq!((report.missing, stage.names().len()), (0, names.len()), "{:?}", stage.names());
    let mut contents: Vec<_> = stage.names().iter().map(|name| stage.read(name)).collect();
    contents.sort();
    let mut expected: Vec<_> = files.into_iter().map(|(_, bytes)| bytes).collect();
    expected.sort();
    assert_eq!(contents, expected);
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_lead_out_may_be_all_that_a_list_has() {
    let stage = CrocStage::new();
    let mut goods = Goods::of(&[]);
    goods.list.entries = vec![link("a", "/etc/passwd"), link("b", "../../x"), link("c", "d/../../x")];
    goods.bytes = vec![Vec::new(); 3];
    let (received, sent) = stage.exchange(Version::V11, &goods).await;
    assert_eq!(received.report().missing, 3);
    assert!(sent.requests.is_empty());
    assert!(stage.names().is_empty(), "{:?}", stage.names());
}

#[tokio::test]
async fn an_archive_is_stored_and_never_unpacked() {
    let stage = CrocStage::new();
    // An empty archive, whose unpacking would leave nothing.
    let zip = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let mut goods = Goods::of(&[("folder.zip", zip.clone())]);
    goods.list.entries[0].is_archive = true;
    stage.exchange(Version::V11, &goods).await.0.report();
    assert_eq!(stage.names(), ["folder.zip"]);
    assert_eq!(stage.read("folder.zip"), zip);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_a_file() {
    let stage = CrocStage::new();
    let mut goods = Goods::of(&[("croc-stdin-1", vec![b'a'; MAX_TEXT_BYTES as usize + 1])]);
    goods.list.is_text = true;
    let (received, _) = stage.exchange(Version::V11, &goods).await;
    assert!(!received.notices.iter().any(|notice| matches!(notice, Notice::Text(_))));
    received.report();
    assert_eq!(stage.names(), ["croc-stdin-1"]);
}

/// Meets the receiver, offers one file of five chunks, and hears what it asks for.
async fn asked(sender: WaitingCroc, goods: &Goods) -> CrocSender {
    let mut sender = sender.meet(Version::V11).await;
    sender.offer(&goods.list).await;
    assert_eq!(sender.request().await.index, 0);
    sender
}

#[tokio::test]
async fn chunks_that_were_not_asked_for_end_the_transfer() {
    let bytes = noise(1, 4 * CHUNK_LEN + 100);
    let last = 4 * CHUNK_LEN as u64;
    let cases: [(&str, &[(u64, usize)]); 8] = [
        ("beyond the end", &[(5 * CHUNK_LEN as u64, CHUNK_LEN)]),
        ("far beyond the end", &[(u64::MAX - 7, 100)]),
        ("not at a chunk's start", &[(1, CHUNK_LEN)]),
        ("shorter than it has to be", &[(0, CHUNK_LEN - 1)]),
        ("longer than the file", &[(last, 101)]),
        ("the last one as long as others", &[(last, CHUNK_LEN)]),
        ("twice", &[(0, CHUNK_LEN), (0, CHUNK_LEN)]),
        ("longer than any", &[(0, CHUNK_LEN + 1)]),
    ];
    for (name, chunks) in cases {
        for coding in [Coding::Plain, Coding::Deflated] {
            let stage = CrocStage::new();
            let relay = CrocRelay::start().await;
            let mut goods = Goods::of(&[("file", bytes.clone())]);
            goods.list.is_plain = coding == Coding::Plain;
            let sender = WaitingCroc::new(&relay).await;
            let sending = async {
                let mut sender = asked(sender, &goods).await;
                for (start, length) in chunks {
                    sender.chunk(coding, *start, &vec![7; *length]).await;
                }
                assert!(matches!(sender.hear().await, Ok(Message::Error(_))), "{name}");
            };
            let (received, ()) = tokio::join!(stage.receive(&relay), sending);
            let error = received.result.unwrap_err();
            assert!(matches!(error, TransferError::PeerMisbehaved(_)), "{name}: {error:?}");
            assert!(stage.names().is_empty());
        }
    }
}

#[tokio::test]
async fn what_is_no_chunk_ends_the_transfer() {
    let goods = Goods::of(&[("file", noise(1, 100_000))]);
    for (name, frame) in [
        ("not sealed", vec![7; 300]),
        ("empty", Vec::new()),
        ("shorter than a seal", vec![1; 27]),
        ("far too long", vec![0; 100_000]),
    ] {
        let stage = CrocStage::new();
        let relay = CrocRelay::start().await;
        let sender = WaitingCroc::new(&relay).await;
        let sending = async {
            let mut sender = asked(sender, &goods).await;
            sender.lanes[0].write(&frame).await.unwrap();
            assert!(matches!(sender.hear().await, Ok(Message::Error(_))), "{name}");
        };
        let (received, ()) = tokio::join!(stage.receive(&relay), sending);
        let error = received.result.unwrap_err();
        assert!(matches!(error, TransferError::PeerMisbehaved(_)), "{name}: {error:?}");
    }
}

/// A hash that is never right: the file is asked for three times, and then refused. What has arrived is not taken for it later.
#[tokio::test]
async fn a_file_whose_hash_is_wrong_is_refused_in_the_end() {
    for size in [5000, 3 * BLOCK + 5] {
        let stage = CrocStage::new();
        let relay = CrocRelay::start().await;
        let right = Goods::of(&[("file", noise(1, size))]);
        let sender = WaitingCroc::new(&relay).await;
        let sending = async {
            let mut sender = sender.meet(Version::V11).await;
            sender.offer(&right.list).await;
            let mut requests = 0;
            while let Ok(message) = sender.hear().await {
                match message {
                    Message::Ready(_) => {
                        requests += 1;
                        send_block_by_block(&mut sender, &noise(2, size)).await;
                    }
                    Message::CloseSender => sender.say(&Message::CloseRecipient).await,
                    message => assert!(matches!(message, Message::Error(_)), "{message:?}"),
                }
            }
            requests
        };
        let (received, requests) = tokio::join!(stage.receive(&relay), sending);
        assert!(
            matches!(&received.result, Err(TransferError::Damaged { path }) if path == "file"),
            "{:?}",
            received.result
        );
        assert_eq!(requests, 3);
        assert!(stage.names().is_empty());

        let (received, _) = stage.exchange_at(&relay, Version::V11, &right).await;
        received.report();
        assert!(stage.read("file") == right.bytes[0]);
        assert_eq!(stage.staging(), 0, "what was left is used, or removed");
    }
}

/// Sends a file so slowly that each block is noted in the journal by itself.
async fn send_block_by_block(sender: &mut CrocSender, bytes: &[u8]) {
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        for (chunk, bytes) in block.chunks(CHUNK_LEN).enumerate() {
            sender.chunk(Coding::Plain, (number * BLOCK + chunk * CHUNK_LEN) as u64, bytes).await;
        }
        sleep(Duration::from_millis(60)).await;
    }
}

#[tokio::test]
async fn a_message_at_the_wrong_moment_ends_the_transfer() {
    let goods = Goods::of(&[("file", noise(1, 100_000))]);
    let wrong = [
        Message::Files(goods.list.to_json()),
        Message::Finished,
        Message::CloseRecipient,
        Message::CloseSender,
        Message::Address { address: "\u{1b}]0;x\u{7}".to_owned(), pake: Vec::new() },
        Message::Pake { version: 2, pake: vec![1], extra: vec![2] },
    ];
    let expected = Misbehaviour::Croc("a message at the wrong moment");
    for message in wrong {
        for is_asked in [false, true] {
            let stage = CrocStage::new();
            let relay = CrocRelay::start().await;
            let sender = WaitingCroc::new(&relay).await;
            let sending = async {
                if is_asked {
                    let mut sender = asked(sender, &goods).await;
                    sender.say(&message).await;
                    assert!(matches!(sender.hear().await, Ok(Message::Error(_))));
                } else {
                    let mut sender = sender.meet(Version::V11).await;
                    // The list twice, or something before it.
                    if matches!(message, Message::Files(_)) {
                        sender.say(&message).await;
                    }
                    sender.say(&message).await;
                    let _ = sender.hear().await;
                }
            };
            let (received, ()) = tokio::join!(stage.receive(&relay), sending);
            assert_misbehaved(&format!("{message:?}"), received, &expected);
            assert!(stage.names().is_empty());
        }
    }
}

/// A message that is passed over may cost something once, not again and again.
#[tokio::test]
async fn messages_that_are_passed_over_are_short() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let sender = WaitingCroc::new(&relay).await;
    let bomb = format!("{{\"t\":\"later\",\"m\":\"{}\"}}", "a".repeat(10 << 20));
    let sending = async {
        let mut sender = sender.meet(Version::V11).await;
        for _ in 0..100 {
            sender.say_json(br#"{"t":"later","x":[1]}"#).await;
        }
        sender.say_json(bomb.as_bytes()).await;
        assert!(sender.hear().await.is_err());
    };
    let (received, ()) = tokio::join!(stage.receive(&relay), sending);
    assert_misbehaved("a bomb", received, &Misbehaviour::Croc("a message that is too long"));
}

/// What a peer says of its reasons could hold anything, so it is not shown.
#[tokio::test]
async fn the_words_of_a_sender_that_gives_up_reach_nobody() {
    for is_asked in [false, true] {
        let stage = CrocStage::new();
        let relay = CrocRelay::start().await;
        let goods = Goods::of(&[("file", noise(1, 100_000))]);
        let sender = WaitingCroc::new(&relay).await;
        let sending = async {
            let mut sender =
                if is_asked { asked(sender, &goods).await } else { sender.meet(Version::V11).await };
            sender.say(&Message::Error("\u{1b}]0;owned\u{7}\r\nPassword: ".to_owned())).await;
            let _ = sender.hear().await;
        };
        let (received, ()) = tokio::join!(stage.receive(&relay), sending);
        let error = received.result.unwrap_err();
        assert!(matches!(error, TransferError::PeerCancelled), "{error:?}");
        assert!(!format!("{error:?} {:?}", received.notices).contains("owned"));
    }
}

/// Where a sender can vanish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Proven,
    Lanes,
    Address,
    Offered,
    Asked,
    HalfSent,
    AllSent,
    Closed,
}

const STEPS: [Step; 8] = [
    Step::Proven,
    Step::Lanes,
    Step::Address,
    Step::Offered,
    Step::Asked,
    Step::HalfSent,
    Step::AllSent,
    Step::Closed,
];

/// Whatever the step at which the sender vanishes: the receive ends at once, no file that is not whole gets its name, and the next
/// receive of the same files gets all of them.
#[tokio::test]
async fn a_sender_may_vanish_at_any_step() {
    let goods =
        Goods::of(&[("large", noise(1, 4 * BLOCK + 77)), ("small", noise(2, 400)), ("empty", Vec::new())]);
    for version in VERSIONS {
        for step in STEPS {
            let stage = CrocStage::new();
            let relay = CrocRelay::start().await;
            let sender = WaitingCroc::new(&relay).await;
            let (received, ()) = tokio::join!(stage.receive(&relay), vanish(sender, version, &goods, step));
            let error = received.result.unwrap_err();
            assert!(
                matches!(error, TransferError::PeerLost | TransferError::WrongCode { .. }),
                "{version:?} {step:?}: {error:?}"
            );
            assert!(stage.names().is_empty(), "{version:?} {step:?}: {:?}", stage.names());
            let (received, _) = stage.exchange_at(&relay, version, &goods).await;
            received.report();
            for (entry, bytes) in goods.list.entries.iter().zip(&goods.bytes) {
                assert!(stage.read(&entry.name) == *bytes, "{version:?} {step:?}: {}", entry.name);
            }
            assert_eq!(stage.staging(), 0, "{version:?} {step:?}");
        }
    }
}

async fn vanish(sender: WaitingCroc, version: Version, goods: &Goods, step: Step) {
    let mut sender = sender.prove(version).await.unwrap();
    if step == Step::Proven {
        return;
    }
    sender.open_lanes().await;
    if step == Step::Lanes {
        return;
    }
    sender.exchange_addresses().await;
    if step == Step::Address {
        return;
    }
    sender.offer(&goods.list).await;
    if step == Step::Offered {
        return;
    }
    let request = sender.request().await;
    if step == Step::Asked {
        return;
    }
    let most = if step == Step::HalfSent { 2 * BLOCK / CHUNK_LEN + 3 } else { usize::MAX };
    sender.fulfil(&request, goods, most).await;
    if matches!(step, Step::HalfSent | Step::AllSent) {
        // What was sent arrives before the loss does.
        if step == Step::AllSent {
            assert!(matches!(sender.hear().await, Ok(Message::CloseSender)));
        }
        return;
    }
    assert!(matches!(sender.hear().await, Ok(Message::CloseSender)));
    sender.say(&Message::CloseRecipient).await;
    sender.request().await;
}

/// A relay repeats a chunk of one file in the place of another's. Nothing in the chunk tells, and the hash does.
#[tokio::test]
async fn a_chunk_of_another_file_is_found_by_the_hash() {
    let mut kept = None;
    let mut swaps = 1;
    let relay = CrocRelay::meddling(move |passing| {
        // A sealed whole chunk.
        if passing.port == 0 || passing.frame.len() < CHUNK_LEN {
            return (vec![passing.frame], Vec::new());
        }
        match &kept {
            None => kept = Some(passing.frame.clone()),
            Some(first) if swaps > 0 => {
                swaps -= 1;
                return (vec![Vec::clone(first)], Vec::new());
            }
            Some(_) => {}
        }
        (vec![passing.frame], Vec::new())
    })
    .await;
    let stage = CrocStage::new();
    let goods = Goods::of(&[("one", noise(1, CHUNK_LEN)), ("two", noise(2, CHUNK_LEN))]);
    let (received, sent) = stage.exchange_at(&relay, Version::V11, &goods).await;
    received.report();
    assert_eq!(sent.requests.iter().map(|request| request.index).collect::<Vec<_>>(), [0, 1, 1]);
    assert!(stage.read("one") == goods.bytes[0] && stage.read("two") == goods.bytes[1]);
}

/// One key seals both directions, so a relay can answer the receiver with its own messages.
#[tokio::test]
async fn a_relay_that_reflects_what_the_receiver_says_is_not_taken_for_the_sender() {
    for version in VERSIONS {
        let mut plain = if version == Version::V11 { 3 } else { 2 };
        let relay = CrocRelay::meddling(move |passing| {
            if passing.port != 0 || passing.is_from_first {
                return (vec![passing.frame], Vec::new());
            }
            if plain > 0 {
                plain -= 1;
                return (vec![passing.frame], Vec::new());
            }
            // From the first sealed message on.
            (Vec::new(), vec![passing.frame])
        })
        .await;
        let stage = CrocStage::new();
        let sender = WaitingCroc::new(&relay).await;
        let sending = async {
            let mut sender = sender.prove(version).await.unwrap();
            sender.open_lanes().await;
            assert!(sender.hear().await.is_err());
        };
        let (received, ()) = tokio::join!(stage.receive(&relay), sending);
        let expected = Misbehaviour::Croc("a message at the wrong moment");
        assert_misbehaved("a reflection", received, &expected);
    }
}

/// A relay that takes the version away from what a croc 11 says makes the two fail, and nothing else: their keys differ.
#[tokio::test]
async fn a_relay_can_not_pass_a_croc_11_off_as_croc_10() {
    let strip = |frame: &[u8]| match Message::from_json(&inflate(frame, 1 << 16).ok()?).ok()? {
        Message::Pake { version: 2, pake, extra } => {
            Some(deflate(&Message::Pake { version: 0, pake, extra }.to_json()))
        }
        _ => None,
    };
    let relay = CrocRelay::meddling(move |passing| {
        let stripped = if passing.port == 0 && passing.is_from_first { strip(&passing.frame) } else { None };
        (vec![stripped.unwrap_or(passing.frame)], Vec::new())
    })
    .await;
    let stage = CrocStage::new();
    let sender = WaitingCroc::new(&relay).await;
    let sending = async { assert!(sender.prove(Version::V11).await.is_err()) };
    let (received, ()) = tokio::join!(stage.receive(&relay), sending);
    let error = received.result.unwrap_err();
    assert!(matches!(error, TransferError::WrongCode { .. }), "{error:?}");
}

/// croc 10 proves nothing before its first message, so nobody may send a long one until then.
#[tokio::test]
async fn a_long_message_before_any_proof_is_refused() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    // Another code with the same first word, as an attacker that only knows the room has it.
    let sender = WaitingCroc::with_code(&relay, "acid-acorn-agent").await;
    let sending = async {
        let mut sender = sender.prove(Version::V10).await.unwrap();
        sender.open_lanes().await;
        let _ = sender.link.write(&vec![0; 1 << 20]).await;
        sender
    };
    let (received, _sender) = tokio::join!(stage.receive(&relay), sending);
    let expected = Misbehaviour::Croc("bytes that aren't croc's");
    assert_misbehaved("a long message", received, &expected);
}

/// The key of croc 10 is as good without its salt.
#[tokio::test]
async fn a_croc_10_may_have_any_salt() {
    for salt in [&b""[..], b"1", &[7; 8], &[9; 1000]] {
        let stage = CrocStage::new();
        let relay = CrocRelay::start().await;
        let goods = Goods::of(&[("file", b"content".to_vec())]);
        let sender = WaitingCroc::new(&relay).await;
        let sending = async {
            let mut sender = sender.prove_with(Version::V10, salt).await.unwrap();
            sender.open_lanes().await;
            sender.exchange_addresses().await;
            sender.offer(&goods.list).await;
            sender.serve(&goods).await
        };
        let (received, sent) = tokio::join!(stage.receive(&relay), sending);
        received.report();
        sent.ended.unwrap();
        assert_eq!(stage.read("file"), b"content");
    }
}

/// A relay that is told another answer of the key exchange, or another proof, than the sender gave.
#[tokio::test]
async fn a_relay_that_changes_the_key_exchange_is_found_out() {
    let change = |frame: &[u8], proofs: bool| {
        let message = Message::from_json(&inflate(frame, 1 << 16).ok()?).ok()?;
        let changed = match message {
            Message::Pake { version, pake, mut extra } if !proofs && extra.len() == 32 => {
                extra[0] ^= 1;
                Message::Pake { version, pake, extra }
            }
            Message::Confirm { version, mut proof } if proofs => {
                proof[31] ^= 1;
                Message::Confirm { version, proof }
            }
            _ => return None,
        };
        Some(deflate(&changed.to_json()))
    };
    for proofs in [false, true] {
        let relay = CrocRelay::meddling(move |passing| {
            let changed = if passing.port == 0 && passing.is_from_first {
                change(&passing.frame, proofs)
            } else {
                None
            };
            (vec![changed.unwrap_or(passing.frame)], Vec::new())
        })
        .await;
        let stage = CrocStage::new();
        let sender = WaitingCroc::new(&relay).await;
        let sending = async {
            if let Ok(mut sender) = sender.prove(Version::V11).await {
                let _ = sender.hear().await;
            }
        };
        let (received, ()) = tokio::join!(stage.receive(&relay), sending);
        let error = received.result.unwrap_err();
        assert!(matches!(error, TransferError::WrongCode { .. }), "{proofs}: {error:?}");
    }
}

/// An offer that has been answered is over: nothing of another one can follow under the same code.
#[tokio::test]
async fn files_that_the_user_does_not_want_are_never_asked_for() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let goods = Goods::of(&[("wanted", noise(1, 70_000)), ("unwanted", noise(2, 70_000))]);
    let sender = WaitingCroc::new(&relay).await;
    let choices = Choices { unwanted: vec![1], ..Choices::default() };
    let (received, sent) =
        tokio::join!(stage.receive_with(&relay, None, choices), sender.send(Version::V11, &goods));
    received.report();
    assert_eq!(sent.requests.iter().map(|request| request.index).collect::<Vec<_>>(), [0]);
    assert_eq!(stage.names(), ["wanted"]);
}

/// A folder of the same name may hold what programs read, so a new file in it is never a surprise: both folders stay apart unless the
/// user merges them.
#[tokio::test]
async fn a_hidden_folder_that_is_there_is_not_filled_unasked() {
    let stage = CrocStage::new();
    fs::create_dir(stage.to(".ssh")).unwrap();
    fs::write(stage.to(".ssh/config"), "mine").unwrap();
    let goods = Goods::of(&[(".ssh/authorized_keys", b"key".to_vec()), (".ssh/config", b"theirs".to_vec())]);
    let (received, _) = stage.exchange(Version::V11, &goods).await;
    received.report();
    assert_eq!(names_in(&stage.to(".ssh")), ["config"]);
    assert_eq!(fs::read(stage.to(".ssh/config")).unwrap(), b"mine");
}

/// A sender that is asked for a part of a file can send the whole of it no more.
#[tokio::test]
async fn parts_that_are_here_are_not_written_over() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let goods = Goods::of(&[("large", noise(1, 6 * BLOCK))]);
    let sender = WaitingCroc::new(&relay).await;
    let mut receiving = stage.begin(&relay, CODE, None);
    let (_, mut sender) = tokio::join!(receiving.offer(), async {
        let mut sender = sender.meet(Version::V11).await;
        sender.offer(&goods.list).await;
        sender
    });
    stage.party.accept(&receiving, Choices::default());
    let request = sender.request().await;
    sender.fulfil(&request, &goods, 3 * BLOCK / CHUNK_LEN).await;
    receiving.reach("three blocks", |progress| progress.bytes >= 3 * BLOCK as u64).await;
    drop(sender);
    receiving.error().await;

    let sender = WaitingCroc::new(&relay).await;
    let sending = async {
        let mut sender = sender.meet(Version::V11).await;
        sender.offer(&goods.list).await;
        let request = sender.request().await;
        let ranges = read_ranges(&request.ranges, 6 * BLOCK as u64).unwrap();
        assert!(ranges[0].start > 0);
        sender.chunk(Coding::Plain, 0, &vec![0; CHUNK_LEN]).await;
        assert!(matches!(sender.hear().await, Ok(Message::Error(_))));
    };
    let (received, ()) = tokio::join!(stage.receive(&relay), sending);
    assert_misbehaved("a part that is here", received, &Misbehaviour::UnknownBlock);
    let (received, _) = stage.exchange_at(&relay, Version::V11, &goods).await;
    received.report();
    assert!(stage.read("large") == goods.bytes[0]);
}
