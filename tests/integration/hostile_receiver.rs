//! An honest sender against receivers that break the rules: guessing at the code, lying about what they hold, asking for what
//! they may not have. Each is refused by name, and learns nothing before it has proven the code.
use std::{fs, io, io::Read, sync::mpsc};

use crate::support::{peer::*, stage::*, *};
use caiman::{
    code::CodePhrase,
    engine::{Notice, Payload, TransferError},
    protocol::{
        VERSION, frame,
        frame::FrameError,
        peer::{First, FromReceiver, FromSender, ReceiverFirst, ReceiverHello, SenderVerdict, Trouble},
    },
    transfer::{error::Misbehaviour, plan::MIN_BLOCK},
};
use tokio::{io::AsyncWriteExt, sync::oneshot};

const BLOCK: usize = MIN_BLOCK as usize;
/// The number of blocks of [`goods`].
const BLOCKS: u64 = 4;

/// A folder with a file of two blocks and a byte, and two small files that share a block.
fn goods(stage: &Stage) -> Payload {
    let folder = stage.outer().join("goods");
    if !folder.exists() {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("large"), noise(1, 2 * BLOCK + 1)).unwrap();
        fs::write(folder.join("small"), noise(2, 10)).unwrap();
        fs::write(folder.join("tiny"), noise(3, 20)).unwrap();
    }
    Payload::Paths(vec![folder])
}

/// Runs an honest sender of `what`, and `attack` once its code can be used.
async fn against<T>(
    stage: &mut Stage,
    payload: Payload,
    attack: impl AsyncFnOnce(Place, CodePhrase) -> T,
) -> (Ended, T) {
    let (code, relay) = (code(), stage.place());
    let (ready, is_ready) = oneshot::channel();
    let attack = async {
        is_ready.await.unwrap();
        attack(relay, code.clone()).await
    };
    tokio::join!(stage.send(&code, payload, ready), attack)
}

/// Reads the offer to its end, and returns the entries in order.
async fn hear_offer(peer: &mut HostilePeer) -> Vec<String> {
    let mut paths = Vec::new();
    loop {
        match peer.hear().await.expect("the sender offers") {
            FromSender::Page(entries) => paths.extend(entries.into_iter().map(|entry| entry.path)),
            FromSender::OfferEnd { .. } => return paths,
            FromSender::Offer { .. } => {}
            other => panic!("{other:?} in an offer"),
        }
    }
}

/// The path of the file that has blocks of its own.
const LARGE: &str = "goods/large";

/// What the hostile receiver does once it has heard the offer.
#[derive(Clone)]
enum Act {
    Say(FromReceiver),
    /// Accepts the offer over one lane, and takes all blocks.
    TakeAll,
    /// Waits for the sender's last word about the data.
    Done,
    /// Says that the blocks of a file, named by its path, don't match, with this many wrong hashes.
    Damaged(&'static str, usize, bool),
}
use Act::*;

fn take_over(lanes: u16) -> Act {
    Say(FromReceiver::Accept { lanes, way: lane_way(), wanted: None })
}

fn stored(first: u64, count: u64) -> Act {
    Say(FromReceiver::Stored(vec![(first, count)]))
}

fn complete() -> Act {
    Say(complete_message())
}

fn complete_message() -> FromReceiver {
    FromReceiver::Complete { stored: 4, failed: 0 }
}

/// Everything is accepted and acknowledged, and the sender has said that this is all.
fn all_taken() -> Vec<Act> {
    vec![TakeAll, stored(0, BLOCKS), Done]
}

async fn perform(peer: &mut HostilePeer, paths: &[String], acts: &[Act]) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for act in acts {
        match act {
            Say(message) => peer.say(message).await,
            TakeAll => {
                peer.say(&FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: None }).await;
                lanes = peer.open_lanes(1).await;
                for _ in 0..BLOCKS {
                    lanes[0].take().await.unwrap();
                }
            }
            Done => while peer.hear::<FromSender>().await.expect("the sender ends") != FromSender::Done {},
            Damaged(path, hashes, last) => {
                let entry = paths.iter().position(|found| found == path).unwrap_or(99) as u32;
                let (hashes, last) = (vec![Some([7; 32]); *hashes], *last);
                peer.say(&FromReceiver::Damaged { entry, hashes, last }).await;
            }
        }
    }
    lanes
}

async fn refused(stage: &mut Stage, name: &str, acts: &[Act], expected: Misbehaviour) {
    let what = goods(stage);
    let (ended, ()) = against(stage, what, async |relay, code| {
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        let paths = hear_offer(&mut peer).await;
        let _lanes = perform(&mut peer, &paths, acts).await;
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{name}");
    })
    .await;
    assert_misbehaved(name, &ended, &expected);
}

fn assert_misbehaved(name: &str, ended: &Ended, expected: &Misbehaviour) {
    match &ended.result {
        Err(TransferError::PeerMisbehaved(found)) => assert_eq!(found, expected, "{name}"),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn acceptances_that_were_never_offered_are_refused() {
    let mut stage = Stage::new().await;
    let wanting =
        |bits: Vec<u8>| vec![Say(FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: Some(bits) })];
    let cases = [
        ("more lanes than offered", vec![take_over(5)], Misbehaviour::Lanes),
        ("all lanes there could be", vec![take_over(u16::MAX)], Misbehaviour::Lanes),
        ("no lanes", vec![take_over(0)], Misbehaviour::Lanes),
        ("a selection of nothing at all", wanting(Vec::new()), Misbehaviour::UnknownEntry),
        ("a selection that is too long", wanting(vec![0xff; 2]), Misbehaviour::UnknownEntry),
        ("a selection without end", wanting(vec![0xff; 200_000]), Misbehaviour::UnknownEntry),
        ("taken twice", vec![take_over(1), take_over(1)], Misbehaviour::OutOfTurn("accept")),
    ];
    for (name, acts, expected) in cases {
        refused(&mut stage, name, &acts, expected).await;
    }
}

#[tokio::test]
async fn acknowledgements_of_what_was_not_sent_are_refused() {
    let mut stage = Stage::new().await;
    let then = |more: &[Act]| [&[TakeAll], more].concat();
    let unknown = Misbehaviour::UnknownBlock;
    let cases = [
        ("one more than there is", then(&[stored(0, BLOCKS + 1)]), unknown.clone()),
        ("everything there could be", then(&[stored(0, u64::MAX)]), unknown.clone()),
        ("more than there could be", then(&[stored(u64::MAX, 2)]), unknown.clone()),
        ("nothing, behind everything", then(&[stored(u64::MAX, 0)]), unknown.clone()),
        ("before a lane is open", vec![take_over(1), stored(0, 1)], unknown),
        ("a block twice", then(&[stored(0, 1), stored(0, 1)]), Misbehaviour::BlockTwice),
        ("ranges that overlap", then(&[stored(0, 3), stored(2, 2)]), Misbehaviour::BlockTwice),
    ];
    for (name, acts, expected) in cases {
        refused(&mut stage, name, &acts, expected).await;
    }
}

/// Blocks of a withdrawn file count as settled already. Named again and again, they would keep the sender busy for nothing.
#[tokio::test]
async fn blocks_of_a_withdrawn_file_are_acknowledged_once() {
    let mut stage = Stage::new().await;
    let what = goods(&stage);
    let large = stage.outer().join("goods/large");
    let (ended, ()) = against(&mut stage, what, async |relay, code| {
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        hear_offer(&mut peer).await;
        fs::write(&large, "changed").unwrap();
        peer.say(&FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: None }).await;
        let _lanes = peer.open_lanes(1).await;
        while !matches!(peer.hear().await, Some(FromSender::Withdrawn { .. })) {}
        for _ in 0..2 {
            peer.say(&FromReceiver::Stored(vec![(0, 1)])).await;
        }
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved));
    })
    .await;
    assert_misbehaved("a withdrawn block twice", &ended, &Misbehaviour::BlockTwice);
}

#[tokio::test]
async fn complaints_that_are_not_due_are_refused() {
    let mut stage = Stage::new().await;
    let then = |more: &[Act]| [all_taken(), more.to_vec()].concat();
    let damaged = |path, hashes, last| Damaged(path, hashes, last);
    let out_of_turn = Misbehaviour::OutOfTurn;
    let cases = [
        ("damage before the end", vec![TakeAll, damaged(LARGE, 3, true)], out_of_turn("damaged")),
        ("completion before the end", vec![TakeAll, complete()], out_of_turn("complete")),
        (
            "damage of nothing that was offered",
            then(&[damaged("nothing", 1, true)]),
            Misbehaviour::UnknownEntry,
        ),
        ("damage of a folder", then(&[damaged("goods", 1, true)]), Misbehaviour::UnknownEntry),
        ("too many hashes at once", then(&[damaged(LARGE, 4, true)]), Misbehaviour::UnknownEntry),
        (
            "too many hashes in the end",
            then(&[damaged(LARGE, 2, false), damaged(LARGE, 2, true)]),
            Misbehaviour::UnknownEntry,
        ),
        (
            "a file named twice",
            then(&[damaged(LARGE, 3, false), damaged("goods/small", 1, false), damaged(LARGE, 3, false)]),
            Misbehaviour::UnknownEntry,
        ),
        (
            "completion while it is repaired",
            then(&[damaged(LARGE, 3, true), complete()]),
            out_of_turn("complete"),
        ),
        ("damage twice", then(&[damaged(LARGE, 3, true), damaged(LARGE, 3, true)]), out_of_turn("damaged")),
        (
            "damage once more after the repair",
            then(&[damaged(LARGE, 0, false), damaged(LARGE, 3, true), damaged("goods/tiny", 1, true)]),
            out_of_turn("damaged"),
        ),
    ];
    for (name, acts, expected) in cases {
        refused(&mut stage, name, &acts, expected).await;
    }
}

#[tokio::test]
async fn messages_at_the_wrong_moment_are_refused() {
    let mut stage = Stage::new().await;
    let out_of_turn = Misbehaviour::OutOfTurn;
    let cases = [
        ("stored before the answer", vec![stored(0, 1)], out_of_turn("stored")),
        ("damaged before the answer", vec![Damaged(LARGE, 1, true)], out_of_turn("damaged")),
        ("complete before the answer", vec![complete()], out_of_turn("complete")),
    ];
    for (name, acts, expected) in cases {
        refused(&mut stage, name, &acts, expected).await;
    }
}

/// A sender that doesn't look for a lost receiver ends with the connection, and blames nobody.
#[tokio::test]
async fn control_records_that_are_not_authentic_cost_the_connection_and_nothing_else() {
    type Attack = fn(&mut HostilePeer) -> Vec<u8>;
    let mut stage = Stage::new().await;
    let turned: Attack = |peer| {
        let mut record = peer.heartbeat();
        record[45] ^= 4;
        record
    };
    let reflected: Attack = |peer| {
        let mut record = peer.heartbeat();
        record[1] = 1;
        record
    };
    let endless: Attack = |_| [&[1, 2, 0, 0, 0xff, 0xff, 0xff, 0xff][..], &[0; 16]].concat();
    let cases: [(&str, Attack); 4] = [
        ("a turned bit", turned),
        ("the sender's direction", reflected),
        ("4 GiB announced", endless),
        ("the same record twice", |peer| peer.heartbeat().repeat(2)),
    ];
    for (name, attack) in cases {
        let what = goods(&stage);
        let (ended, ()) = against(&mut stage, what, async |relay, code| {
            let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
            // Before the answer, the sender would go back to its code.
            hear_offer(&mut peer).await;
            peer.say(&FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: None }).await;
            let _lanes = peer.open_lanes(1).await;
            let bytes = attack(&mut peer);
            peer.send(&bytes).await;
            assert_eq!(peer.last_word().await, Some(Trouble::Network), "{name}");
        })
        .await;
        assert!(matches!(ended.result, Err(TransferError::PeerLost)), "{name}: {ended:?}");
    }
}

#[tokio::test]
async fn an_unknown_message_is_refused() {
    let mut stage = Stage::new().await;
    let what = goods(&stage);
    let (ended, ()) = against(&mut stage, what, async |relay, code| {
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        let bytes = peer.seal_bytes(b"\xff");
        peer.send(&bytes).await;
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved));
    })
    .await;
    assert_misbehaved("an unknown message", &ended, &FrameError::Malformed.into());
}

/// Catches a sender that counts a stream wrongly: it learns the length only while it sends.
#[tokio::test]
async fn a_stream_is_acknowledged_like_anything_else() {
    let mut stage = Stage::new().await;
    let stream = || Payload::Stream {
        name: "stream".to_owned(),
        reader: Box::new(io::repeat(7).take(BLOCK as u64 + 5)),
    };
    let cases = [
        ("honestly", (0, 2), None),
        ("one block too many", (0, 3), Some(Misbehaviour::UnknownBlock)),
        ("blocks without number", (0, u64::MAX), Some(Misbehaviour::UnknownBlock)),
    ];
    for (name, range, refused_as) in cases {
        let (ended, ()) = against(&mut stage, stream(), async |relay, code| {
            let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
            hear_offer(&mut peer).await;
            peer.say(&FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: None }).await;
            let mut lanes = peer.open_lanes(1).await;
            assert_eq!(lanes[0].take().await.unwrap().1.len(), BLOCK);
            assert_eq!(lanes[0].take().await.unwrap(), (1, vec![7; 5]));
            peer.say(&FromReceiver::Stored(vec![range])).await;
            if refused_as.is_none() {
                while peer.hear::<FromSender>().await.expect("the sender ends") != FromSender::Done {}
                peer.say(&FromReceiver::Complete { stored: 1, failed: 0 }).await;
            }
            peer.last_word().await;
        })
        .await;
        match &refused_as {
            Some(expected) => assert_misbehaved(name, &ended, expected),
            None => assert_eq!(ended.result.unwrap().bytes, BLOCK as u64 + 5),
        }
    }
}

/// A reader that gives what it is sent, and waits for more while more may come.
struct Pipe(mpsc::Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.recv().unwrap_or_default();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

/// Catches a sender that waits for its own input when it should listen to its peer.
#[tokio::test]
async fn a_stream_that_pauses_keeps_the_sender_listening() {
    let mut stage = Stage::new().await;
    let (writer, reader) = mpsc::channel();
    let what = Payload::Stream { name: "stream".to_owned(), reader: Box::new(Pipe(reader)) };
    let (ended, ()) = against(&mut stage, what, async |relay, code| {
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        hear_offer(&mut peer).await;
        writer.send(vec![7; BLOCK]).unwrap();
        peer.say(&FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: None }).await;
        let mut lanes = peer.open_lanes(1).await;
        assert_eq!(lanes[0].take().await.unwrap().0, 0);
        assert_eq!(within("a record", peer.hear_record()).await, Some(vec![1]), "no heartbeat");
        peer.say(&complete_message()).await;
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved));
    })
    .await;
    assert_misbehaved("a completion", &ended, &Misbehaviour::OutOfTurn("complete"));
    drop(writer);
}

/// Catches a sender that, when it closes a lane, makes the receiver drop what is still in flight on it.
#[tokio::test]
async fn a_lane_that_is_closed_is_left_to_end_behind_its_last_block() {
    let mut stage = Stage::new().await;
    let what = goods(&stage);
    let (ended, ()) = against(&mut stage, what, async |relay, code| {
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        let paths = hear_offer(&mut peer).await;
        let mut lanes = perform(&mut peer, &paths, &[TakeAll, Say(FromReceiver::Pause(true))]).await;
        assert!(lanes[0].take().await.is_none(), "a block more than there are");
        peer.say(&FromReceiver::Stored(vec![(0, BLOCKS)])).await;
        let hashes = peer.hear().await;
        assert!(matches!(hashes, Some(FromSender::Hashes(_))), "{hashes:?} after the pause");
        assert_eq!(peer.hear().await, Some(FromSender::Done));
        peer.say(&complete_message()).await;
        assert_eq!(peer.last_word().await, None);
    })
    .await;
    assert_eq!(ended.result.unwrap().stored, 4);
}

/// A frame of the handshake, as raw bytes.
fn answer_of(change: impl FnOnce(&mut ReceiverHello)) -> Vec<u8> {
    let mut hello = ReceiverHello { version: VERSION, features: 0, pake: vec![0x42; 33] };
    change(&mut hello);
    frame::encode(&ReceiverFirst { hello: frame::to_bytes(&hello), tag: [0; 32] })
}

/// What is not a real try at the code costs no try; otherwise any client could retire the code. After all of it, the right
/// receiver is still accepted.
#[tokio::test]
async fn contacts_that_try_no_code_cost_no_try() {
    let mut stage = Stage::new().await;
    let nonsense: [(&str, Vec<u8>); 6] = [
        ("nothing", Vec::new()),
        ("half a frame", vec![0, 0, 0, 40, 1, 2, 3]),
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a frame that is too large", 1025u32.to_be_bytes().to_vec()),
        ("a frame of noise", frame::wrap(&noise(5, 200))),
        ("a hello of noise", frame::encode(&ReceiverFirst { hello: noise(6, 40), tag: [0; 32] })),
    ];
    let what = goods(&stage);
    let (ended, ()) = against(&mut stage, what, async |relay, code| {
        for (name, bytes) in nonsense {
            let mut visitor = JoinedReceiver::new(relay, &code).await;
            visitor.client.send(&bytes).await;
            visitor.client.stream.shutdown().await.unwrap();
            assert_eq!(read_to_end(&mut visitor.client.stream).await.unwrap_or_default(), b"", "{name}");
        }
        let mut newer = JoinedReceiver::new(relay, &code).await;
        newer.client.send(&answer_of(|hello| hello.version = VERSION + 1)).await;
        assert_eq!(newer.verdict().await, SenderVerdict::Version { version: VERSION });
        drop(newer);
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        hear_offer(&mut peer).await;
        peer.say(&FromReceiver::Decline).await;
        peer.last_word().await;
    })
    .await;
    assert!(matches!(ended.result, Err(TransferError::PeerDeclined)), "{ended:?}");
    assert!(!ended.notices.iter().any(|notice| matches!(notice, Notice::WrongTry { .. })), "{ended:?}");
    assert!(ended.notices.iter().any(|notice| matches!(notice, Notice::OtherVersion { theirs: 2 })));
}

/// Each kind of wrong proof costs a try, is reported as such, and does nothing else. The third retires the code, also for the
/// right receiver.
#[tokio::test]
async fn three_wrong_codes_retire_the_code_and_learn_nothing() {
    for way in 0..3 {
        let mut stage = Stage::new().await;
        let what = goods(&stage);
        let cancel = std::sync::Arc::clone(&stage.cancel);
        let (ended, ()) = against(&mut stage, what, async |relay, code| {
            for tries_left in [2, 1, 0] {
                let mut guesser = JoinedReceiver::new(relay, &code).await;
                let hello = guesser.sender_hello();
                let bytes = match way {
                    // The right code with a flipped bit in the proof, …
                    0 => {
                        let (mut answer, ..) = guesser.answer(&code);
                        answer.tag[31] ^= 1;
                        frame::encode(&answer)
                    }
                    // … another code, …
                    1 => frame::encode(&guesser.answer(&wrong_code(&code)).0),
                    // … or the sender's own messages sent back.
                    _ => answer_of(|answer| answer.pake = hello.pake),
                };
                guesser.client.send(&bytes).await;
                let said = read_to_end(&mut guesser.client.stream).await.unwrap();
                let verdict: SenderVerdict = frame::from_bytes(&said[4..]).unwrap();
                let is_due = matches!(verdict, SenderVerdict::WrongCode { tries_left: left, .. } if left == tries_left);
                assert!(is_due && frame::encode(&verdict) == said, "way {way}");
            }
            let late = JoinedReceiver::new(relay, &code).await;
            assert_eq!(frame::from_bytes::<First>(&late.first).unwrap(), First::Retired);
            cancel.notify_one();
        })
        .await;
        assert!(matches!(ended.result, Err(TransferError::TooManyTries)), "{ended:?}");
        let tries: Vec<_> = ended
            .notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::WrongTry { tries_left } => Some(*tries_left),
                Notice::Retired => Some(99),
                _ => None,
            })
            .collect();
        assert_eq!(tries, [2, 1, 0, 99]);
    }
}

/// A proof is valid for one handshake. Repeated in the next one, it is a wrong code like any other.
#[tokio::test]
async fn a_recorded_handshake_is_of_no_use() {
    let mut stage = Stage::new().await;
    let what = goods(&stage);
    let cancel = std::sync::Arc::clone(&stage.cancel);
    let (ended, ()) = against(&mut stage, what, async |relay, code| {
        let mut first = JoinedReceiver::new(relay, &code).await;
        let (recorded, ..) = first.answer(&code);
        first.client.send(&frame::encode(&recorded)[..50]).await;
        drop(first);
        let mut second = JoinedReceiver::new(relay, &code).await;
        let verdict = second.try_answer(&recorded).await;
        assert!(matches!(verdict, SenderVerdict::WrongCode { tries_left: 2, .. }));
        cancel.notify_one();
    })
    .await;
    assert!(matches!(ended.result, Err(TransferError::Cancelled)), "{ended:?}");
}
