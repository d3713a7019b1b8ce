//! The parts that run over byte streams, against peers that are wrong, silent or hostile, over pairs in memory and with a paused
//! clock.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    time::sleep,
};

use super::{
    channel::{TrafficKey, deflate},
    chunks::{self, CHUNK_LEN, Coding},
    code::Version,
    control::{CodeMeeting, CrocControl, secure_receiver, secure_sender},
    error::{CrocError, StoreFailed},
    frame::{self, KEEP_ALIVE},
    lanes::{ChunkStore, ChunkTaken, CrocLanes},
    link::Link,
    message::Message,
    pake::{self, CurveName},
};

const ROOM: &str = "room";

fn meeting(password: &[u8]) -> CodeMeeting<'_> {
    CodeMeeting { room: ROOM, password, allows_v10: true }
}

fn pair() -> (Link<DuplexStream>, Link<DuplexStream>) {
    let (a, b) = duplex(1 << 20);
    (Link::new(a), Link::new(b))
}

async fn secured(
    sent_code: &[u8],
    typed_code: &[u8],
) -> (Result<CrocControl<DuplexStream>, CrocError>, Result<CrocControl<DuplexStream>, CrocError>) {
    let (sender, receiver) = pair();
    tokio::join!(
        secure_sender(sender, meeting(sent_code), None),
        secure_receiver(receiver, meeting(typed_code), CurveName::P256)
    )
}

#[tokio::test]
async fn two_sides_with_one_code_speak_croc_11() {
    let (sender, receiver) = secured(b"code", b"code").await;
    let (mut sender, mut receiver) = (sender.unwrap(), receiver.unwrap());
    assert_eq!((sender.version, receiver.version), (Version::V11, Version::V11));
    sender.send(&Message::Finished).await.unwrap();
    assert_eq!(receiver.receive().await.unwrap(), Message::Finished);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_code_is_told_as_one() {
    let (sender, receiver) = secured(b"code", b"other").await;
    assert!(matches!(sender, Err(CrocError::WrongCode)));
    assert!(matches!(receiver, Err(CrocError::WrongCode)));
}

/// A croc 11 with another code neither answers nor leaves.
#[tokio::test(start_paused = true)]
async fn a_sender_that_says_nothing_is_left_after_half_a_minute() {
    let (_sender, receiver) = pair();
    let secured = secure_receiver(receiver, meeting(b"code"), CurveName::P256).await;
    assert!(matches!(secured, Err(CrocError::Silence)));
}

/// What a croc 10 answers has no version and a short salt, and no proofs follow.
#[tokio::test]
async fn a_sender_that_has_croc_10_is_understood() {
    for allows_v10 in [true, false] {
        let (mut sender, receiver) = pair();
        let answering = async {
            assert_eq!(sender.read().await.unwrap(), b"handshake");
            let json = super::channel::inflate(sender.read().await.unwrap(), 1 << 16).unwrap();
            let Message::Pake { pake: question, .. } = Message::from_json(&json).unwrap() else { panic!() };
            let (agreement, answer) = pake::respond(CurveName::P256, b"code", &question).unwrap();
            let reply = Message::Pake { version: 0, pake: answer, extra: vec![7; 8] };
            sender.write(&deflate(&reply.to_json())).await.unwrap();
            TrafficKey::salted(&agreement, &[7; 8])
        };
        let meeting = CodeMeeting { allows_v10, ..meeting(b"code") };
        let (key, control) = tokio::join!(answering, secure_receiver(receiver, meeting, CurveName::P256));
        if !allows_v10 {
            assert!(matches!(control, Err(CrocError::VersionOff)));
            continue;
        }
        let mut control = control.unwrap();
        assert_eq!(control.version, Version::V10);
        sender.write(KEEP_ALIVE).await.unwrap();
        sender.write(&key.seal(&deflate(&Message::Finished.to_json())).unwrap()).await.unwrap();
        assert_eq!(control.receive().await.unwrap(), Message::Finished);
    }
}

#[tokio::test]
async fn what_is_no_key_exchange_ends_it() {
    for bytes in [
        frame::encode(b"handshake"),
        frame::encode(&deflate(&vec![b' '; 10 << 20])),
        frame::encode(&deflate(&Message::Finished.to_json())),
        frame::encode(&deflate(&Message::Pake { version: 2, pake: vec![1], extra: vec![0; 32] }.to_json())),
        b"HTTP/1.1 400 Bad Request".to_vec(),
        [&b"croc"[..], &u32::MAX.to_le_bytes()].concat(),
    ] {
        let (mut sender, receiver) = duplex(1 << 16);
        sender.write_all(&bytes).await.unwrap();
        let secured = secure_receiver(Link::new(receiver), meeting(b"code"), CurveName::P256).await;
        assert!(secured.is_err(), "{:?}", &bytes[..bytes.len().min(20)]);
    }
}

/// Keeps what it is given, or nothing while it rests.
#[derive(Default)]
struct Kept {
    chunks: Mutex<Vec<(usize, u64, usize)>>,
    rests: AtomicBool,
}

impl ChunkStore for Kept {
    fn take(&self, index: usize, start: u64, bytes: &[u8]) -> Result<ChunkTaken, StoreFailed> {
        if self.rests.load(Ordering::Relaxed) {
            return Ok(ChunkTaken::NotNow);
        }
        self.chunks.lock().unwrap().push((index, start, bytes.len()));
        Ok(ChunkTaken::Whole)
    }

    fn is_resting(&self) -> bool {
        self.rests.load(Ordering::Relaxed)
    }
}

fn key() -> TrafficKey {
    TrafficKey::from_bytes([7; 32])
}

fn sealed(start: u64, length: usize) -> Vec<u8> {
    let mut chunk = Vec::new();
    chunks::seal(&key(), Coding::Plain, start, &vec![1; length], &mut chunk).unwrap();
    frame::encode(&chunk)
}

/// Lanes that expect the first three of four chunks of a file, and the sender's end of one of them.
fn expecting(store: &Arc<Kept>) -> (DuplexStream, CrocLanes) {
    let (sender, receiver) = duplex(1 << 20);
    let mut link = Link::new(receiver);
    link.set_limit(2 * CHUNK_LEN);
    let lanes = CrocLanes::new(vec![link], &key(), store);
    let first_three = std::iter::once(0..3).collect::<Vec<_>>();
    lanes.expect(5, Coding::Plain, 4 * CHUNK_LEN as u64, &first_three);
    (sender, lanes)
}

#[tokio::test]
async fn wanted_chunks_come_in_any_order_between_keep_alives() {
    let store = Arc::<Kept>::default();
    let (mut sender, mut lanes) = expecting(&store);
    for start in [65536, 0, 32768] {
        sender.write_all(&[frame::encode(KEEP_ALIVE), sealed(start, CHUNK_LEN)].concat()).await.unwrap();
    }
    lanes.finished().await.unwrap();
    let taken = store.chunks.lock().unwrap().clone();
    assert_eq!(taken, [(5, 65536, CHUNK_LEN), (5, 0, CHUNK_LEN), (5, 32768, CHUNK_LEN)]);
}

#[tokio::test]
async fn a_chunk_that_is_not_wanted_ends_the_transfer() {
    for bytes in [
        sealed(98_304, CHUNK_LEN),
        sealed(1 << 40, CHUNK_LEN),
        sealed(1, CHUNK_LEN),
        sealed(0, 5),
        [sealed(0, CHUNK_LEN), sealed(0, CHUNK_LEN)].concat(),
        frame::encode(&[0; 100]),
        [&b"croc"[..], &(1u32 << 30).to_le_bytes()].concat(),
        b"nonsense".to_vec(),
    ] {
        let store = Arc::<Kept>::default();
        let (mut sender, mut lanes) = expecting(&store);
        sender.write_all(&bytes).await.unwrap();
        assert!(lanes.finished().await.is_err());
        assert!(store.chunks.lock().unwrap().iter().all(|(_, start, _)| *start == 0));
    }
}

#[tokio::test]
async fn a_chunk_that_can_t_be_taken_is_offered_again() {
    let store = Arc::<Kept>::default();
    store.rests.store(true, Ordering::Relaxed);
    let (mut sender, mut lanes) = expecting(&store);
    for start in [0, 32768, 65536] {
        sender.write_all(&sealed(start, CHUNK_LEN)).await.unwrap();
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(lanes.left(), 3);
    store.rests.store(false, Ordering::Relaxed);
    lanes.finished().await.unwrap();
    assert_eq!(store.chunks.lock().unwrap().len(), 3);
}
