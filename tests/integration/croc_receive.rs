//! Receives from honest senders that have croc 10 or 11: everything that a list can hold arrives as it was sent.

use std::{fs, time::Duration};

use crate::support::{
    croc::*,
    engine::{BLOCK, Transfer, memory},
    noise, within,
};
use caiman::{
    croc::{
        chunks::{CHUNK_LEN, Coding, read_ranges},
        code::Version,
        hashes::HashKind,
        message::Message,
    },
    engine::{Choices, Notice, Output, Phase, TransferError},
};

const VERSIONS: [Version; 2] = [Version::V10, Version::V11];

/// A tree with whatever a list can have.
fn tree() -> Goods {
    let mut files = vec![
        ("one.txt".to_owned(), b"one".to_vec()),
        ("empty".to_owned(), Vec::new()),
        ("a/b/two".to_owned(), noise(2, 5000)),
        ("a/large".to_owned(), noise(3, 3 * BLOCK + 70_001)),
        ("chunk".to_owned(), noise(4, CHUNK_LEN)),
    ];
    files.extend(
        (0..40).map(|number| (format!("many/{number}"), noise(number, 999 * number as usize % 40_000))),
    );
    let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
    let mut goods = Goods::of(&files);
    goods.list.empty_folders = vec!["a/nothing/".to_owned(), "void/".to_owned()];
    goods
}

fn assert_arrived(stage: &CrocStage, goods: &Goods) {
    for (entry, bytes) in goods.list.entries.iter().zip(&goods.bytes) {
        let path = entry.path().unwrap().join("/");
        assert!(stage.read(&path) == *bytes, "{path} differs");
    }
    for folder in &goods.list.empty_folders {
        assert!(fs::read_dir(stage.to(folder)).unwrap().next().is_none());
    }
    assert_eq!(stage.staging(), 0);
}

#[tokio::test]
async fn a_tree_arrives_from_either_version() {
    for version in VERSIONS {
        let stage = CrocStage::new();
        let goods = tree();
        let (received, sent) = stage.exchange(version, &goods).await;
        let report = received.report();
        assert_eq!((report.missing, report.not_stored), (0, 0));
        sent.ended.unwrap();
        assert_arrived(&stage, &goods);
        // Each file that has bytes is asked for once, as a whole.
        let with_bytes = goods.bytes.iter().filter(|bytes| !bytes.is_empty()).count();
        assert_eq!(sent.requests.len(), with_bytes);
        assert!(sent.requests.iter().all(|request| request.ranges.is_empty()));
    }
}

#[tokio::test]
async fn a_tree_arrives_over_the_programs_own_relay() {
    for version in VERSIONS {
        let stage = CrocStage::new();
        let (relay, goods) = (CrocRelay::of_the_program().await, tree());
        let (received, sent) = stage.exchange_at(&relay, version, &goods).await;
        received.report();
        sent.ended.unwrap();
        assert_arrived(&stage, &goods);
    }
}

#[tokio::test]
async fn every_hash_and_every_way_to_compress_is_understood() {
    for kind in [HashKind::Xxhash, HashKind::Imohash, HashKind::Md5, HashKind::Highway] {
        for way in ["plain", "all deflated", "file by file"] {
            let stage = CrocStage::new();
            let zeros = vec![0; 400_000];
            let mut goods = Goods::hashed(
                kind,
                &[("small", noise(1, 700)), ("large", noise(2, 400_000)), ("zeros", zeros)],
            );
            goods.list.is_plain = way == "plain";
            goods.list.has_per_file_compression = way == "file by file";
            goods.list.entries[2].is_compressed = true;
            let (received, sent) = stage.exchange(Version::V11, &goods).await;
            received.report();
            assert_eq!(sent.requests.len(), 3, "{kind:?}, {way}");
            assert_arrived(&stage, &goods);
        }
    }
}

/// imohash reads three places of a file as large as this.
#[tokio::test]
async fn a_large_file_arrives_under_imohash() {
    let stage = CrocStage::new();
    let goods = Goods::hashed(HashKind::Imohash, &[("large", noise(1, (9 << 20) + 5))]);
    let (received, sent) = stage.exchange(Version::V11, &goods).await;
    received.report();
    assert_eq!(sent.requests.len(), 1);
    assert_arrived(&stage, &goods);
}

#[tokio::test]
async fn a_list_may_have_nothing_but_folders_or_empty_files() {
    for version in VERSIONS {
        let stage = CrocStage::new();
        let mut goods = Goods::of(&[]);
        goods.list.empty_folders = vec!["x/y/".to_owned()];
        let (received, sent) = stage.exchange(version, &goods).await;
        received.report();
        assert!(sent.requests.is_empty() && sent.ended.is_ok());
        assert_arrived(&stage, &goods);

        let stage = CrocStage::new();
        let goods = Goods::of(&[("nothing", Vec::new())]);
        stage.exchange(version, &goods).await.0.report();
        assert_arrived(&stage, &goods);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_stay_inside_are_made_and_others_are_named() {
    use std::path::Path;

    let stage = CrocStage::new();
    let mut goods = Goods::of(&[("a/file", b"content".to_vec())]);
    for (path, target) in
        [("a/l", "file"), ("a/up", "../a/file"), ("out", "../secret"), ("root", "/etc/passwd")]
    {
        goods.list.entries.push(link(path, target));
        goods.bytes.push(Vec::new());
    }
    let (received, sent) = stage.exchange(Version::V10, &goods).await;
    sent.ended.unwrap();
    let named: Vec<_> = received
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::NotStored { path, .. } => path.to_str(),
            _ => None,
        })
        .collect();
    assert_eq!(named, ["out", "root"]);
    assert_eq!(received.report().missing, 2);
    assert_eq!(fs::read_link(stage.to("a/l")).unwrap(), Path::new("file"));
    assert_eq!(stage.read("a/up"), b"content");
    assert_eq!(stage.names(), ["a"]);
}

#[tokio::test]
async fn a_text_is_told_and_not_stored() {
    for version in VERSIONS {
        let stage = CrocStage::new();
        let mut goods = Goods::of(&[("croc-stdin-123", "grüße".as_bytes().to_vec())]);
        goods.list.is_text = true;
        let (received, _) = stage.exchange(version, &goods).await;
        assert!(
            received.notices.iter().any(|notice| matches!(notice, Notice::Text(text) if text == "grüße")),
            "{:?}",
            received.notices
        );
        received.report();
        assert!(stage.names().is_empty());
    }
}

#[tokio::test]
async fn a_large_file_can_go_to_a_writer_in_order() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let goods = Goods::of(&[("large", noise(1, 5 * BLOCK + 3))]);
    let (writer, written) = memory();
    let sender = WaitingCroc::new(&relay).await;
    let output = Some(Output::Writer(Box::new(writer)));
    let (received, _) = tokio::join!(
        stage.receive_with(&relay, output, Choices::default()),
        sender.send(Version::V11, &goods)
    );
    received.report();
    assert!(*written.lock().unwrap() == goods.bytes[0]);
}

/// imohash can't be taken while bytes pass by, which is told before any of them has moved.
#[tokio::test]
async fn what_can_not_be_checked_on_its_way_is_not_asked_for() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let goods = Goods::hashed(HashKind::Imohash, &[("large", noise(1, 2 * BLOCK))]);
    let (writer, written) = memory();
    let sender = WaitingCroc::new(&relay).await;
    let output = Some(Output::Writer(Box::new(writer)));
    let (received, sent) = tokio::join!(
        stage.receive_with(&relay, output, Choices::default()),
        sender.send(Version::V11, &goods)
    );
    assert!(matches!(received.result, Err(TransferError::Impossible(_))), "{:?}", received.result);
    assert!(sent.requests.is_empty() && written.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_that_is_taken_keeps_both() {
    let stage = CrocStage::new();
    fs::write(stage.to("file.txt"), "mine").unwrap();
    let goods = Goods::of(&[("file.txt", b"theirs".to_vec())]);
    stage.exchange(Version::V11, &goods).await.0.report();
    assert_eq!(stage.read("file.txt"), b"mine");
    assert_eq!(stage.names().len(), 2);
}

#[tokio::test]
async fn a_file_that_is_here_already_is_not_asked_for() {
    let stage = CrocStage::new();
    let goods = Goods::of(&[("same", noise(1, 5000)), ("other", noise(2, 5000))]);
    fs::write(stage.to("same"), &goods.bytes[0]).unwrap();
    fs::write(stage.to("other"), noise(5, 5000)).unwrap();
    let relay = CrocRelay::start().await;
    let sender = WaitingCroc::new(&relay).await;
    let receiving = async {
        let mut receiving = stage.begin(&relay, CODE, None);
        receiving
            .told("what is here", |notice| match notice {
                Notice::AlreadyHere(here) if !here.is_growing() => Some(()),
                _ => None,
            })
            .await;
        stage.party.accept(&receiving, Choices::default());
        receiving.report().await
    };
    let (report, sent) = tokio::join!(receiving, sender.send(Version::V11, &goods));
    assert_eq!(report.here, 1);
    assert_eq!(sent.requests.iter().map(|request| request.index).collect::<Vec<_>>(), [1]);
}

/// Meets the receiver, offers `goods`, and sends `chunks` of the first file that is asked for.
async fn send_some(sender: WaitingCroc, version: Version, goods: &Goods, chunks: usize) -> CrocSender {
    let mut sender = sender.meet(version).await;
    sender.offer(&goods.list).await;
    let request = sender.request().await;
    sender.fulfil(&request, goods, chunks).await;
    sender
}

#[tokio::test]
async fn what_a_lost_sender_has_sent_is_not_asked_for_again() {
    for version in VERSIONS {
        let stage = CrocStage::new();
        let relay = CrocRelay::start().await;
        let goods = Goods::of(&[("large", noise(7, 16 * BLOCK + 9)), ("small", noise(8, 50))]);
        let sender = WaitingCroc::new(&relay).await;
        // Five and a half blocks.
        let losing = async {
            let mut receiving = stage.begin(&relay, CODE, None);
            receiving.offer().await;
            stage.party.accept(&receiving, Choices::default());
            receiving.reach("five blocks", |progress| progress.bytes >= 5 * BLOCK as u64).await;
            receiving
        };
        let (mut receiving, sender) =
            tokio::join!(losing, send_some(sender, version, &goods, 5 * BLOCK / CHUNK_LEN + 4));
        drop(sender);
        assert!(matches!(receiving.error().await, TransferError::PeerLost), "{:?}", receiving.end().await);
        assert_eq!((stage.names(), stage.staging()), (Vec::new(), 1));

        let (received, sent) = stage.exchange_at(&relay, version, &goods).await;
        assert!(received.resumable() >= 5 * BLOCK as u64);
        received.report();
        let ranges = read_ranges(&sent.requests[0].ranges, goods.bytes[0].len() as u64).unwrap();
        let first = (5 * BLOCK / CHUNK_LEN) as u64;
        assert!(ranges.iter().all(|range| range.start >= first), "{ranges:?}");
        assert_arrived(&stage, &goods);
    }
}

/// What an interrupted transfer has left is used only if the whole file then has the hash that is announced now.
#[tokio::test]
async fn parts_of_another_file_of_the_same_name_and_size_are_found_and_replaced() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let size = 8 * BLOCK;
    let old = Goods::of(&[("large", noise(1, size))]);
    let sender = WaitingCroc::new(&relay).await;
    let losing = async {
        let mut receiving = stage.begin(&relay, CODE, None);
        receiving.offer().await;
        stage.party.accept(&receiving, Choices::default());
        receiving.reach("two blocks", |progress| progress.bytes >= 2 * BLOCK as u64).await;
        receiving
    };
    let (mut receiving, sender) =
        tokio::join!(losing, send_some(sender, Version::V11, &old, 2 * BLOCK / CHUNK_LEN));
    drop(sender);
    receiving.error().await;

    let new = Goods::of(&[("large", noise(2, size))]);
    let (received, sent) = stage.exchange_at(&relay, Version::V11, &new).await;
    assert!(received.resumable() > 0);
    received.report();
    assert_eq!(sent.requests.len(), 2, "what was missing, and then all of it");
    assert!(sent.requests[1].ranges.is_empty());
    assert_arrived(&stage, &new);
}

/// Begins a receive of one large file, of which the sender has sent three blocks, and which were stored.
async fn begun(stage: &CrocStage, relay: &CrocRelay, goods: &Goods) -> (Transfer, CrocSender) {
    let sender = WaitingCroc::new(relay).await;
    let mut receiving = stage.begin(relay, CODE, None);
    let (_, mut sender) = tokio::join!(receiving.offer(), async {
        let mut sender = sender.meet(Version::V11).await;
        sender.offer(&goods.list).await;
        sender
    });
    stage.party.accept(&receiving, Choices::default());
    let request = sender.request().await;
    sender.fulfil(&request, goods, 3 * BLOCK / CHUNK_LEN).await;
    receiving.reach("three blocks", |progress| progress.bytes >= 3 * BLOCK as u64).await;
    (receiving, sender)
}

#[tokio::test]
async fn nothing_is_stored_during_a_pause_and_nothing_is_lost_by_it() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let goods = Goods::of(&[("large", noise(7, 4 * BLOCK))]);
    let (mut receiving, mut sender) = begun(&stage, &relay, &goods).await;
    stage.party.pause(&receiving, true);
    receiving.reach("the pause", |progress| progress.paused.here).await;
    for start in (3 * BLOCK..4 * BLOCK).step_by(CHUNK_LEN) {
        sender.chunk(Coding::Plain, start as u64, &goods.bytes[0][start..start + CHUNK_LEN]).await;
    }
    let progress = receiving.reach("the pause", |progress| progress.paused.here).await;
    assert_eq!(progress.bytes, 3 * BLOCK as u64);
    stage.party.pause(&receiving, false);
    let (report, sent) = tokio::join!(receiving.report(), sender.serve(&goods));
    sent.ended.unwrap();
    assert_eq!(report.missing, 0);
    assert_arrived(&stage, &goods);
}

/// A user who cancels wants nothing of it; one whose program ends finds what has arrived.
#[tokio::test]
async fn a_cancel_leaves_nothing_and_the_programs_end_what_was_stored() {
    for is_cancelled in [true, false] {
        let stage = CrocStage::new();
        let relay = CrocRelay::start().await;
        let goods = Goods::of(&[("large", noise(7, 12 * BLOCK))]);
        let (mut receiving, mut sender) = begun(&stage, &relay, &goods).await;
        if is_cancelled {
            stage.party.cancel(&receiving);
        } else {
            stage.party.stop(&receiving);
        }
        receiving.error().await;
        // A croc is told that nobody waits for it any more.
        assert!(matches!(sender.hear().await, Ok(Message::Error(_))));
        assert_eq!((stage.names(), stage.staging()), (Vec::new(), usize::from(!is_cancelled)));
        drop(sender);

        let (received, sent) = stage.exchange_at(&relay, Version::V11, &goods).await;
        received.report();
        assert_eq!(sent.requests[0].ranges.is_empty(), is_cancelled, "only the rest is asked for");
        assert_arrived(&stage, &goods);
    }
}

#[tokio::test]
async fn a_wrong_code_is_told_as_one() {
    for version in VERSIONS {
        let stage = CrocStage::new();
        let relay = CrocRelay::start().await;
        // The first word, which makes the room, is the same.
        let sender = WaitingCroc::with_code(&relay, "acid-acorn-agent").await;
        let (received, ()) = tokio::join!(stage.receive(&relay), async {
            let proven = sender.prove(version).await;
            match (version, proven) {
                (Version::V11, proven) => assert!(proven.is_err()),
                (Version::V10, proven) => {
                    let mut sender = proven.unwrap();
                    sender.open_lanes().await;
                    assert!(sender.hear().await.is_err());
                }
            }
        });
        let error = received.result.unwrap_err();
        assert!(matches!(error, TransferError::WrongCode { .. }), "{version:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_refused_offer_is_told_in_crocs_words() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let goods = Goods::of(&[("file", b"content".to_vec())]);
    let sender = WaitingCroc::new(&relay).await;
    let mut receiving = stage.begin(&relay, CODE, None);
    let (_, mut sender) = tokio::join!(receiving.offer(), async {
        let mut sender = sender.meet(Version::V11).await;
        sender.offer(&goods.list).await;
        sender
    });
    stage.party.answer(&receiving, caiman::engine::Answer::Decline);
    assert!(matches!(sender.hear().await, Ok(Message::Error(text)) if text == "refusing files"));
    assert!(matches!(receiving.error().await, TransferError::Declined));
    assert!(stage.names().is_empty() && stage.staging() == 0);
}

/// A sender hashes large files before it lists them.
#[tokio::test]
async fn a_list_that_takes_its_time_is_waited_for() {
    let stage = CrocStage::new();
    let relay = CrocRelay::start().await;
    let goods = Goods::of(&[("file", b"content".to_vec())]);
    let sender = WaitingCroc::new(&relay).await;
    let mut receiving = stage.begin(&relay, CODE, None);
    let mut sender = sender.meet(Version::V11).await;
    receiving.enters(Phase::Handshake).await;
    for _ in 0..3 {
        sender.say(&Message::Unknown).await;
        let _ = sender.link.write(&[1]).await;
    }
    sender.offer(&goods.list).await;
    within("the offer", receiving.offer()).await;
    stage.party.cancel(&receiving);
    receiving.error().await;
    tokio::time::timeout(Duration::from_secs(30), sender.hear()).await.unwrap().ok();
}
