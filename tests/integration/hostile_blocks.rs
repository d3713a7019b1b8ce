//! An honest receiver against senders that break the rules after their offer was accepted: blocks, hashes, the end. Each is
//! refused by name, and no file gets its real name. What has arrived stays in the staging folder, and nothing else is left.
use std::{fs, io, time::Instant};

use crate::support::{iroh::over_quic, peer::*, stage::*, *};
use caiman::{
    engine::{Choices, Notice, Output, TransferError},
    protocol::{
        manifest::{Modified, OfferKind, RawEntry, RawKind},
        peer::{FromReceiver, FromSender, Trouble, Withdrawal},
    },
    transfer::{
        error::Misbehaviour,
        plan::{MIN_BLOCK, blocks::MAX_GAP},
    },
};

const BLOCK: usize = MIN_BLOCK as usize;

/// What the hostile sender does once its offer is accepted.
#[derive(Clone)]
enum Act {
    Say(FromSender),
    /// A correct record of block `1` with `2` bytes, on lane `0`.
    Block(usize, u64, usize),
    /// The last record of lane `0` once more.
    Replay(usize),
    /// A correct record of lane `1`, on lane `0`.
    Moved(usize, u16),
    /// A correct record on lane `0`, after one that is never sent.
    Skipping(usize),
    /// A record on lane `0` in which the bits `2` of byte `1` are flipped.
    Turned(usize, usize, u8),
    /// These bytes on lane `0`.
    Raw(usize, Vec<u8>),
    /// Waits until this many blocks are stored.
    Stored(u64),
}
use Act::*;

/// Two lanes, a folder, a file of two blocks and a byte, two small files that share a block, and an empty file.
fn files() -> Vec<RawEntry> {
    let block = u64::from(MIN_BLOCK);
    vec![folder("d"), file("d/large", 2 * block + 1), file("small", 10), file("tiny", 20), file("empty", 0)]
}

/// The bytes of a block as the sender has them.
fn bytes(index: u64, length: usize) -> Vec<u8> {
    noise(index.wrapping_add(1), length)
}

/// All of [`files`], sent honestly.
fn all_blocks() -> Vec<Act> {
    vec![Block(0, 0, BLOCK), Block(1, 1, BLOCK), Block(0, 2, 1), Block(1, 3, 30), Stored(4)]
}

/// The hashes that belong to [`all_blocks`].
fn true_hashes() -> Vec<(u32, [u8; 32])> {
    let large = [bytes(0, BLOCK), bytes(1, BLOCK), bytes(2, 1)].concat();
    let pack = bytes(3, 30);
    let hash = |bytes: &[u8]| *blake3::hash(bytes).as_bytes();
    vec![(1, hash(&large)), (2, hash(&pack[..10])), (3, hash(&pack[10..]))]
}

/// A sender whose offer of `entries` was accepted, and its lanes.
async fn accepted(waiting: WaitingSender, kind: OfferKind, entries: &[RawEntry]) -> (HostilePeer, Vec<Lane>) {
    let mut peer = waiting.meet().await;
    for message in offer(kind, entries) {
        peer.say(&message).await;
    }
    loop {
        match peer.hear().await {
            Some(FromReceiver::Held(_)) => {}
            Some(FromReceiver::Accept { lanes, .. }) => {
                let lanes = peer.open_lanes(lanes).await;
                return (peer, lanes);
            }
            other => panic!("{other:?} where the offer should have been taken"),
        }
    }
}

async fn perform(peer: &mut HostilePeer, lanes: &mut [Lane], acts: &[Act]) {
    let mut last: Vec<Vec<u8>> = vec![Vec::new(); lanes.len()];
    let mut stored = 0;
    for act in acts {
        match act {
            Say(message) => peer.say(message).await,
            Block(lane, index, length) => {
                last[*lane] = lanes[*lane].seal(*index, &bytes(*index, *length));
                lanes[*lane].send(&last[*lane]).await;
            }
            Replay(lane) => lanes[*lane].send(&last[*lane]).await,
            Moved(lane, from) => {
                let record = seal_block(&mut peer.block_sealer(*from), 0, &bytes(0, BLOCK));
                lanes[*lane].send(&record).await;
            }
            Skipping(lane) => {
                lanes[*lane].seal(0, &bytes(0, BLOCK));
                let record = lanes[*lane].seal(1, &bytes(1, BLOCK));
                lanes[*lane].send(&record).await;
            }
            Turned(lane, at, bits) => {
                let mut record = lanes[*lane].seal(0, &bytes(0, BLOCK));
                record[*at] ^= bits;
                lanes[*lane].send(&record).await;
            }
            Raw(lane, bytes) => lanes[*lane].send(bytes).await,
            Stored(count) => {
                while stored < *count {
                    if let FromReceiver::Stored(ranges) = peer.hear().await.expect("the receiver goes on") {
                        stored += ranges.iter().map(|(_, count)| count).sum::<u64>();
                    }
                }
            }
        }
    }
}

/// An attack on a receiver that accepts `entries` except the unwanted ones.
struct Attack<'a> {
    kind: OfferKind,
    entries: &'a [RawEntry],
    unwanted: Vec<u32>,
    to_writer: bool,
}

impl Attack<'_> {
    /// How the receiver ends after `acts`, of which nothing but a staging folder may be left behind.
    async fn run(
        &self,
        stage: &mut Stage,
        name: &str,
        acts: &[Act],
        last_word: Option<Trouble>,
    ) -> TransferError {
        let before = stage.tree();
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let attack = async {
            let (mut peer, mut lanes) = accepted(waiting, self.kind, self.entries).await;
            perform(&mut peer, &mut lanes, acts).await;
            assert_eq!(peer.last_word().await, last_word, "{name}");
        };
        let choices = Choices { unwanted: self.unwanted.clone(), ..Choices::default() };
        let output = self.to_writer.then(|| Output::Writer(Box::new(io::sink())));
        let decide = |notice: &Notice| accept_with(notice, choices.clone());
        let (ended, ()) = tokio::join!(stage.receive(&code, output, decide), attack);
        stage.take_staging();
        assert_eq!(stage.tree(), before, "{name} left something behind");
        ended.result.expect_err(name)
    }

    async fn refused(&self, stage: &mut Stage, name: &str, acts: &[Act], expected: Misbehaviour) {
        match self.run(stage, name, acts, Some(Trouble::Misbehaved)).await {
            TransferError::PeerMisbehaved(found) => assert_eq!(found, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn blocks_that_were_not_asked_for_are_refused() {
    let mut stage = Stage::new().await;
    let entries = files();
    let all = Attack { kind: OfferKind::Files, entries: &entries, unwanted: Vec::new(), to_writer: false };
    let cases = [
        ("one past the last", vec![Block(0, 4, 1)], Misbehaviour::UnknownBlock),
        ("the last there could be", vec![Block(0, u64::MAX, BLOCK)], Misbehaviour::UnknownBlock),
        ("one that is too short", vec![Block(0, 0, BLOCK - 1)], Misbehaviour::UnknownBlock),
        // One without bytes stands for zeros.
        ("empty, and then again", vec![Block(0, 0, 0), Block(0, 0, BLOCK)], Misbehaviour::BlockTwice),
        ("a tail that is too long", vec![Block(0, 2, 2)], Misbehaviour::UnknownBlock),
        ("a pack that is too long", vec![Block(0, 3, 31)], Misbehaviour::UnknownBlock),
        ("twice on one lane", vec![Block(0, 0, BLOCK), Block(0, 0, BLOCK)], Misbehaviour::BlockTwice),
        ("twice on two lanes", vec![Block(0, 0, BLOCK), Block(1, 0, BLOCK)], Misbehaviour::BlockTwice),
        (
            "twice, the first stored",
            vec![Block(0, 0, BLOCK), Stored(1), Block(1, 0, BLOCK)],
            Misbehaviour::BlockTwice,
        ),
    ];
    for (name, acts, expected) in cases {
        all.refused(&mut stage, name, &acts, expected).await;
    }
    let without_large = Attack { unwanted: vec![1], ..all };
    for (name, act) in [("an unwanted file's", Block(0, 0, BLOCK)), ("behind the wanted", Block(0, 1, BLOCK))]
    {
        without_large.refused(&mut stage, name, &[act], Misbehaviour::UnknownBlock).await;
    }
}

/// Until its tag is right, a record may be anybody's: the relay's, or that of a stranger on the way.
#[tokio::test]
async fn records_that_are_not_authentic_cost_the_lane_and_nothing_else() {
    let entries = files();
    let mut huge = vec![2, 1, 0, 0, 0xff, 0xff, 0xff, 0xff];
    huge.resize(24, 0);
    let cases = [
        ("a block that is longer than any", vec![Block(0, 0, BLOCK + 1)]),
        ("a record replayed", vec![Block(0, 0, BLOCK), Replay(0)]),
        ("a record of another lane", vec![Moved(0, 1)]),
        ("a record of a lane that isn't there", vec![Moved(0, 31)]),
        ("a record left out", vec![Skipping(0)]),
        ("a turned bit in the kind", vec![Turned(0, 0, 3)]),
        ("a turned bit in the direction", vec![Turned(0, 1, 3)]),
        ("a turned bit in the sequence", vec![Turned(0, 15, 1)]),
        ("a turned bit in the block", vec![Turned(0, 23, 1)]),
        ("a turned bit in the first vector", vec![Turned(0, 24, 1)]),
        ("a turned bit in the last vector", vec![Turned(0, 24 + 8 * 16 - 1, 1)]),
        ("a turned bit in the content", vec![Turned(0, 1000, 128)]),
        ("a turned bit in the padding", vec![Turned(0, 24 + 8 * 16 + BLOCK + 15, 1)]),
        ("a turned bit in the tag", vec![Turned(0, 24 + 8 * 16 + BLOCK + 16 + 31, 1)]),
        ("4 GiB announced", vec![Raw(0, huge)]),
        ("what isn't Caiman at all", vec![Raw(0, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec())]),
    ];
    for (name, acts) in cases {
        let mut stage = Stage::new().await;
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let came = acts.iter().filter(|act| matches!(act, Block(_, 0, BLOCK))).count();
        let on_the_other_lane = [Block(1, 0, BLOCK), Block(1, 1, BLOCK), Block(1, 2, 1), Block(1, 3, 30)];
        let end = [Stored(4), Say(FromSender::Hashes(true_hashes())), Say(FromSender::Done)];
        let acts = [&acts[..], &on_the_other_lane[came..], &end[..]].concat();
        let attack = async {
            let (mut peer, mut lanes) = accepted(waiting, OfferKind::Files, &entries).await;
            perform(&mut peer, &mut lanes, &acts).await;
            assert_eq!(peer.last_word().await, None, "{name}");
        };
        let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
        assert_eq!(ended.result.expect(name).stored, 5, "{name}");
        let large = fs::read(stage.inbox().join("d/large")).unwrap();
        assert!(large == [bytes(0, BLOCK), bytes(1, BLOCK), bytes(2, 1)].concat(), "{name}");
    }
}

#[tokio::test]
async fn words_about_files_that_are_not_due_are_refused() {
    let mut stage = Stage::new().await;
    let entries = files();
    let all = Attack { kind: OfferKind::Files, entries: &entries, unwanted: vec![3], to_writer: false };
    let offered = offer(OfferKind::Files, &entries);
    let hashes = |entry: u32| Say(FromSender::Hashes(vec![(entry, [0; 32])]));
    let withdrawn = |entry: u32| Say(FromSender::Withdrawn { entry, reason: Withdrawal::Changed });
    let done = || Say(FromSender::Done);
    let stream_end = Say(FromSender::StreamEnd { bytes: 0 });
    let cases = [
        ("a hash of a file past the end", vec![hashes(5)], Misbehaviour::UnknownEntry),
        ("a hash of the last file there could be", vec![hashes(u32::MAX)], Misbehaviour::UnknownEntry),
        ("a hash of a folder", vec![hashes(0)], Misbehaviour::UnknownEntry),
        ("a hash of an unwanted file", vec![hashes(3)], Misbehaviour::UnknownEntry),
        ("a hash twice", vec![hashes(1), hashes(1)], Misbehaviour::OutOfTurn("hashes")),
        ("a file past the end withdrawn", vec![withdrawn(5)], Misbehaviour::UnknownEntry),
        ("the last file there could be withdrawn", vec![withdrawn(u32::MAX)], Misbehaviour::UnknownEntry),
        ("a folder withdrawn", vec![withdrawn(0)], Misbehaviour::UnknownEntry),
        ("an unwanted file withdrawn", vec![withdrawn(3)], Misbehaviour::UnknownEntry),
        ("a file withdrawn twice", vec![withdrawn(1), withdrawn(1)], Misbehaviour::UnknownEntry),
        ("a stream's end", vec![stream_end], Misbehaviour::OutOfTurn("stream end")),
        ("an offer", vec![Say(offered[0].clone())], Misbehaviour::OutOfTurn("offer")),
        ("a page", vec![Say(offered[1].clone())], Misbehaviour::OutOfTurn("page")),
        ("an offer's end", vec![Say(offered[2].clone())], Misbehaviour::OutOfTurn("offer end")),
        ("the end before anything", vec![done()], Misbehaviour::DoneTooEarly),
        (
            "the end before the last block",
            vec![Block(0, 0, BLOCK), Stored(1), done()],
            Misbehaviour::DoneTooEarly,
        ),
        ("the end with a pack missing", vec![withdrawn(1), done()], Misbehaviour::DoneTooEarly),
    ];
    for (name, acts, expected) in cases {
        all.refused(&mut stage, name, &acts, expected).await;
    }
    let all = Attack { unwanted: Vec::new(), ..all };
    let without = |missing: usize| {
        let mut hashes = true_hashes();
        hashes.remove(missing);
        [all_blocks(), vec![Say(FromSender::Hashes(hashes)), done()]].concat()
    };
    for missing in 0..3 {
        all.refused(&mut stage, "the end with a hash missing", &without(missing), Misbehaviour::DoneTooEarly)
            .await;
    }
}

#[tokio::test]
async fn streams_that_lie_about_their_end_are_refused() {
    let mut stage = Stage::new().await;
    let entries = [file("stream", 0)];
    let done = || Say(FromSender::Done);
    let end = |bytes: u64| Say(FromSender::StreamEnd { bytes });
    let block = u64::from(MIN_BLOCK);
    let two = |rest: &[Act]| [&[Block(0, 0, BLOCK), Block(1, 1, 100), Stored(2)], rest].concat();
    let cases = [
        ("beyond the gap", vec![Block(0, MAX_GAP + 1, BLOCK)], Misbehaviour::UnknownBlock),
        ("the last there could be", vec![Block(0, u64::MAX - 1, BLOCK)], Misbehaviour::UnknownBlock),
        ("an empty block", vec![Block(0, 0, 0)], Misbehaviour::UnknownBlock),
        ("two last blocks", vec![Block(0, 0, 5), Block(0, 1, 5)], Misbehaviour::UnknownBlock),
        ("a block twice", vec![Block(0, 0, BLOCK), Block(0, 0, BLOCK)], Misbehaviour::BlockTwice),
        ("no end", two(&[done()]), Misbehaviour::DoneTooEarly),
        ("an end that is too early", two(&[end(block), done()]), Misbehaviour::DoneTooEarly),
        ("an end at nothing", two(&[end(0), done()]), Misbehaviour::DoneTooEarly),
        ("an end within the last block", two(&[end(block + 99), done()]), Misbehaviour::DoneTooEarly),
        ("an end that is too late", two(&[end(2 * block + 1), done()]), Misbehaviour::DoneTooEarly),
        ("an end beyond all", two(&[end(u64::MAX), done()]), Misbehaviour::DoneTooEarly),
        (
            "an end with a hole before it",
            vec![Block(0, 1, BLOCK), Stored(1), end(2 * block), done()],
            Misbehaviour::DoneTooEarly,
        ),
        ("two ends", vec![end(0), end(0)], Misbehaviour::OutOfTurn("stream end")),
        ("no hash", two(&[end(block + 100), done()]), Misbehaviour::DoneTooEarly),
    ];
    for to_writer in [false, true] {
        let stream = Attack { kind: OfferKind::Stream, entries: &entries, unwanted: Vec::new(), to_writer };
        for (name, acts, expected) in &cases {
            // What is written in order waits for the blocks before it, so this attack would never end.
            if !(to_writer && name.contains("hole")) {
                stream.refused(&mut stage, name, acts, expected.clone()).await;
            }
        }
    }
}

/// A stream has no fixed number of blocks, so what is done for each block of a file must not be done for a stream.
#[tokio::test]
async fn a_stream_is_neither_withdrawn_nor_repaired() {
    let mut stage = Stage::new().await;
    let entries = [file("stream", 0)];
    let stream =
        Attack { kind: OfferKind::Stream, entries: &entries, unwanted: Vec::new(), to_writer: false };
    let withdrawn = Say(FromSender::Withdrawn { entry: 0, reason: Withdrawal::Changed });
    let ended = stream.run(&mut stage, "withdrawn", &[withdrawn], Some(Trouble::Misbehaved)).await;
    assert!(
        matches!(ended, TransferError::PeerMisbehaved(Misbehaviour::OutOfTurn("withdrawn"))),
        "{ended:?}"
    );
    let wrong = [
        Block(0, 0, 5),
        Stored(1),
        Say(FromSender::StreamEnd { bytes: 5 }),
        Say(FromSender::Hashes(vec![(0, [0; 32])])),
        Say(FromSender::Done),
    ];
    let ended = stream.run(&mut stage, "a wrong hash", &wrong, Some(Trouble::Damaged)).await;
    assert!(matches!(&ended, TransferError::Damaged { path } if path == "stream"), "{ended:?}");
}

/// Catches a receiver that allocates memory for a block's number before it checks whether the block can be due.
#[tokio::test]
async fn a_writer_takes_blocks_near_the_next_one_only() {
    let mut stage = Stage::new().await;
    let entries = [file("huge", 1 << 53)];
    let huge = Attack { kind: OfferKind::Files, entries: &entries, unwanted: Vec::new(), to_writer: true };
    // The last block of 2^53 bytes in blocks of 2 MiB.
    let far = Block(0, u64::from(u32::MAX), 2 << 20);
    huge.refused(&mut stage, "the last of 2^32 blocks", &[far], Misbehaviour::UnknownBlock).await;
}

/// Everything except the hashes of [`files`], then `hashes`, then the end.
fn everything_with(hashes: Vec<(u32, [u8; 32])>) -> Vec<Act> {
    [all_blocks(), vec![Say(FromSender::Hashes(hashes)), Say(FromSender::Done)]].concat()
}

/// [`true_hashes`], in which those of `entries` are wrong.
fn wrong_hashes(entries: &[u32]) -> Vec<(u32, [u8; 32])> {
    let lie = |(entry, hash)| (entry, if entries.contains(&entry) { [7; 32] } else { hash });
    true_hashes().into_iter().map(lie).collect()
}

/// Waits until the receiver has asked for damaged files again, and returns what it says about each.
async fn damage(peer: &mut HostilePeer) -> Vec<(u32, Vec<Option<[u8; 32]>>)> {
    let mut damaged = Vec::new();
    loop {
        match peer.hear().await.expect("the receiver asks again") {
            FromReceiver::Damaged { entry, hashes, last } => {
                damaged.push((entry, hashes));
                if last {
                    return damaged;
                }
            }
            other => panic!("{other:?} where damage should have been reported"),
        }
    }
}

/// A sender that goes on until the receiver has asked for the files `lied_about` again, then does `acts`. Returns how the
/// receiver ends.
async fn repaired(
    stage: &mut Stage,
    entries: &[RawEntry],
    lied_about: &[u32],
    acts: &[Act],
    ended_by: Option<Trouble>,
) -> Ended {
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let sending = async {
        let (mut peer, mut lanes) = accepted(waiting, OfferKind::Files, entries).await;
        perform(&mut peer, &mut lanes, &everything_with(wrong_hashes(lied_about))).await;
        let damaged = damage(&mut peer).await;
        assert_eq!(damaged.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), lied_about);
        for (entry, hashes) in damaged {
            // The receiver gives the hash of every block that it holds, so that the sender can tell which ones differ.
            assert_eq!(hashes.len(), if entry == 1 { 3 } else { 1 });
        }
        perform(&mut peer, &mut lanes, acts).await;
        assert_eq!(peer.last_word().await, ended_by);
    };
    tokio::join!(stage.receive(&code, None, accept), sending).0
}

#[tokio::test]
async fn damaged_files_that_are_repaired_arrive_whole() {
    let mut stage = Stage::new().await;
    let mut entries = files();
    let modified = Some(Modified { secs: 1_000_000_000, nanos: 0 });
    entries[1].kind = RawKind::File {
        size: 2 * u64::from(MIN_BLOCK) + 1,
        modified,
        permissions: Some(0o755),
        holes: Vec::new(),
    };
    let again = [
        Say(FromSender::Hashes(true_hashes().into_iter().filter(|(entry, _)| *entry != 2).collect())),
        Block(0, 1, BLOCK),
        Block(1, 3, 30),
        Stored(2),
        Say(FromSender::Done),
    ];
    let ended = repaired(&mut stage, &entries, &[1, 3], &again, None).await;
    assert_eq!(ended.result.unwrap().stored, 5);
    let large = stage.inbox().join("d/large");
    let content = [bytes(0, BLOCK), bytes(1, BLOCK), bytes(2, 1)].concat();
    assert!(fs::read(&large).unwrap() == content);
    let changed = fs::metadata(&large).unwrap().modified().unwrap();
    assert_eq!(changed.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_000_000_000);
    assert_eq!(stage.tree().len(), 6, "{:?}", stage.tree());
}

/// Two senders offer files of the same names, sizes and times, so that what the first has sent passes for the second's. A
/// hash would let the second try out any number of guesses at the other's bytes.
#[tokio::test]
async fn what_one_sender_sent_is_not_told_to_another_by_its_hash() {
    let mut stage = Stage::new().await;
    let entries = files();
    let (code, next) = (code(), code());
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let interrupted = async {
        let (mut peer, mut lanes) = accepted(waiting, OfferKind::Files, &entries).await;
        perform(&mut peer, &mut lanes, &[Block(0, 1, BLOCK), Block(1, 3, 30), Stored(2)]).await;
        drop((peer, lanes));
    };
    let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), interrupted);
    assert!(ended.result.is_err(), "{ended:?}");
    let waiting = WaitingSender::new(stage.place(), &next).await;
    let other = async {
        let (mut peer, mut lanes) = accepted(waiting, OfferKind::Files, &entries).await;
        let hashes = Say(FromSender::Hashes(wrong_hashes(&[1, 2])));
        let own = [Block(0, 0, BLOCK), Block(1, 2, 1), Stored(2), hashes, Say(FromSender::Done)];
        perform(&mut peer, &mut lanes, &own).await;
        let own = |index, length| Some(*blake3::hash(&bytes(index, length)).as_bytes());
        let told = [(1, vec![own(0, BLOCK), None, own(2, 1)]), (2, vec![None])];
        assert_eq!(damage(&mut peer).await, told);
        let hashes = true_hashes().into_iter().filter(|(entry, _)| *entry != 3).collect();
        let again = [
            Block(0, 1, BLOCK),
            Block(1, 3, 30),
            Stored(2),
            Say(FromSender::Hashes(hashes)),
            Say(FromSender::Done),
        ];
        perform(&mut peer, &mut lanes, &again).await;
        assert_eq!(peer.last_word().await, None);
    };
    let (ended, ()) = tokio::join!(stage.receive(&next, None, accept), other);
    assert_eq!(ended.result.unwrap().stored, 5);
}

#[tokio::test]
async fn files_that_are_damaged_twice_get_no_name() {
    let mut stage = Stage::new().await;
    let entries = files();
    let done = || Say(FromSender::Done);
    let cases = [
        ("no block again", vec![done()]),
        ("the same lie again", vec![Say(FromSender::Hashes(vec![(1, [7; 32])])), done()]),
        (
            "another lie",
            vec![Say(FromSender::Hashes(vec![(1, [8; 32])])), Block(0, 0, BLOCK), Stored(1), done()],
        ),
    ];
    for (name, acts) in cases {
        let ended = repaired(&mut stage, &entries, &[1], &acts, Some(Trouble::Damaged)).await;
        match ended.result {
            Err(TransferError::Damaged { path }) => assert_eq!(path, "d/large", "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        assert!(stage.take_staging(), "{name}: what arrived is kept");
        assert_eq!(stage.tree(), ["inbox/"], "{name} left something behind");
    }
}

#[tokio::test]
async fn a_repair_brings_nothing_but_what_was_asked_for() {
    let mut stage = Stage::new().await;
    let entries = files();
    let cases = [
        ("a block of a sound file", vec![Block(0, 3, 30)], Misbehaviour::BlockTwice),
        ("a block twice", vec![Block(0, 0, BLOCK), Stored(1), Block(1, 0, BLOCK)], Misbehaviour::BlockTwice),
        ("a block past the end", vec![Block(0, 4, 1)], Misbehaviour::UnknownBlock),
        ("a block of another length", vec![Block(0, 2, 2)], Misbehaviour::UnknownBlock),
        (
            "a hash of a sound file",
            vec![Say(FromSender::Hashes(vec![(2, [7; 32])]))],
            Misbehaviour::UnknownEntry,
        ),
    ];
    for (name, acts, expected) in cases {
        let ended = repaired(&mut stage, &entries, &[1], &acts, Some(Trouble::Misbehaved)).await;
        assert!(
            matches!(&ended.result, Err(TransferError::PeerMisbehaved(found)) if *found == expected),
            "{name}: {ended:?}"
        );
        assert!(stage.take_staging(), "{name}: what arrived is kept");
        assert_eq!(stage.tree(), ["inbox/"], "{name} left something behind");
    }
}

/// A text is never shown, and a single file never reported as complete, unless its hash is the sender's.
#[tokio::test]
async fn what_goes_to_no_folder_is_checked_as_well() {
    let mut stage = Stage::new().await;
    let entries = [file("text", 30)];
    let acts =
        [Block(0, 0, 30), Stored(1), Say(FromSender::Hashes(vec![(0, [7; 32])])), Say(FromSender::Done)];
    for (kind, to_writer) in [(OfferKind::Text, false), (OfferKind::Text, true), (OfferKind::Files, true)] {
        let attack = Attack { kind, entries: &entries, unwanted: Vec::new(), to_writer };
        let ended = attack.run(&mut stage, "a wrong hash", &acts, Some(Trouble::Damaged)).await;
        assert!(matches!(&ended, TransferError::Damaged { path } if path == "text"), "{ended:?}");
        let withdrawn = Say(FromSender::Withdrawn { entry: 0, reason: Withdrawal::Vanished });
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let sending = async {
            let (mut peer, mut lanes) = accepted(waiting, kind, &entries).await;
            perform(&mut peer, &mut lanes, &[withdrawn]).await;
            peer.last_word().await
        };
        let output = to_writer.then(|| Output::Writer(Box::new(io::sink())));
        let (ended, _) = tokio::join!(stage.receive(&code, output, accept), sending);
        assert!(matches!(&ended.result, Err(TransferError::Withdrawn { .. })), "{ended:?}");
        assert!(!ended.notices.iter().any(|notice| matches!(notice, Notice::Text(_))));
    }
}

/// Nothing limits how long a sender may be connected and send nothing. The user on this side decides, and a cancellation works.
#[tokio::test]
async fn a_sender_that_is_only_alive_can_be_cancelled() {
    let mut stage = Stage::new().await;
    let (code, cancel) = (code(), std::sync::Arc::clone(&stage.cancel));
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let attack = async {
        let (mut peer, mut lanes) = accepted(waiting, OfferKind::Files, &files()).await;
        perform(&mut peer, &mut lanes, &[Block(0, 0, BLOCK), Stored(1)]).await;
        for _ in 0..5 {
            let heartbeat = peer.heartbeat();
            peer.send(&heartbeat).await;
        }
        cancel.notify_one();
        assert_eq!(peer.hear().await, Some(FromReceiver::Cancel));
    };
    let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
    assert!(matches!(ended.result, Err(TransferError::Cancelled)), "{ended:?}");
    assert_eq!(stage.tree(), ["inbox/"]);
}

/// Two senders that fall silent without closing anything, before and after their offer was accepted. They run side by side
/// because this takes real time.
#[tokio::test]
async fn a_sender_that_falls_silent_is_given_up() {
    let silent_after = async |is_accepted: bool| {
        let mut stage = Stage::new().await;
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let falling_silent = async {
            let (mut peer, lanes) = if is_accepted {
                accepted(waiting, OfferKind::Files, &files()).await
            } else {
                (waiting.meet().await, Vec::new())
            };
            let started = Instant::now();
            let last_word = peer.last_word().await;
            assert_eq!(last_word, Some(Trouble::Network).filter(|_| !over_quic()));
            drop(lanes);
            started.elapsed()
        };
        let (ended, silence) = tokio::join!(stage.receive(&code, None, accept), falling_silent);
        // This sender stays where the two have met over the internet, from which an honest one has ten seconds to move on.
        let (is_due, most) = match &ended.result {
            Err(TransferError::PeerSilent { seconds: 12 }) => (!over_quic(), 15),
            Err(TransferError::PeerLost) => (over_quic(), 15 + 10),
            _ => (false, 0),
        };
        assert!(is_due, "{ended:?}");
        assert!(silence.as_secs() < most, "given up after {silence:?}");
        assert_eq!(stage.tree(), ["inbox/"]);
    };
    tokio::join!(silent_after(false), silent_after(true));
}
