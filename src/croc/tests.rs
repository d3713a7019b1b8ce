//! The parts that run over byte streams, against peers that are wrong, silent or hostile, over pairs in memory and with a paused
//! clock.

use std::{
    io,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{
    channel::{TrafficKey, deflate},
    chunks::{self, CHUNK_LEN, Coding},
    client::{ADMITTED, InRoom, WEAK_PASSWORD},
    code::Version,
    control::{CodeMeeting, CrocControl, secure_receiver, secure_sender},
    error::{CrocError, StoreFailed},
    frame::{self, KEEP_ALIVE},
    hashes::HashKind,
    lanes::{ChunkStore, ChunkTaken, CrocLanes, Dial},
    link::Link,
    manifest::{CrocList, ListEntry},
    message::Message,
    pake::{self, CurveName},
    receive::{CrocArrival, IDLE_LIMIT, WantedFile, meet},
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

#[tokio::test]
async fn a_receiver_may_choose_any_curve() {
    for curve in [CurveName::P256, CurveName::P384, CurveName::P521, CurveName::Siec] {
        let (sender, receiver) = pair();
        let (sender, receiver) = tokio::join!(
            secure_sender(sender, meeting(b"code"), None),
            secure_receiver(receiver, meeting(b"code"), curve)
        );
        let (mut sender, mut receiver) = (sender.unwrap(), receiver.unwrap());
        receiver.send(&Message::CloseSender).await.unwrap();
        assert_eq!(sender.receive().await.unwrap(), Message::CloseSender, "{curve}");
    }
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

/// Hands the other ends of its connections to the test.
struct Dialled(mpsc::UnboundedSender<DuplexStream>);

impl Dial for Dialled {
    type Stream = DuplexStream;

    async fn dial(&self, _port: u16) -> io::Result<DuplexStream> {
        let (near, far) = duplex(1 << 20);
        self.0.send(far).unwrap();
        Ok(near)
    }
}

/// Admits a client as a relay does.
async fn admit(stream: DuplexStream) -> Link<DuplexStream> {
    let mut link = Link::new(stream);
    let (agreement, answer) =
        pake::respond(CurveName::Siec, WEAK_PASSWORD, link.read().await.unwrap()).unwrap();
    link.write(&answer).await.unwrap();
    let key = TrafficKey::salted(&agreement, link.read().await.unwrap());
    for answer in [&b"ok|||127.0.0.1:5"[..], ADMITTED] {
        link.read().await.unwrap();
        link.write(&key.seal(answer).unwrap()).await.unwrap();
    }
    link
}

/// How many chunks the file of these tests has.
const CHUNKS: u64 = 4000;

/// A transfer of one file, offered and accepted: the receiver's side, the sender's control channel and its lane. `room` is how many
/// bytes the control connection holds that nobody reads.
async fn accepted(
    store: &Arc<Kept>,
    room: usize,
) -> (CrocArrival<DuplexStream>, CrocControl<DuplexStream>, Link<DuplexStream>) {
    let (sender, receiver) = duplex(room);
    let (dialled, mut lanes) = mpsc::unbounded_channel();
    let joined = InRoom { link: Link::new(receiver), banner: "9010".to_owned(), seen_as: String::new() };
    let sending = async {
        let mut control = secure_sender(Link::new(sender), meeting(b"code"), None).await.unwrap();
        let lane = admit(lanes.recv().await.unwrap()).await;
        assert!(matches!(control.receive().await, Ok(Message::Address { .. })));
        control.send(&Message::Address { address: String::new(), pake: Vec::new() }).await.unwrap();
        let file =
            ListEntry { name: "file".to_owned(), size: CHUNKS * CHUNK_LEN as u64, ..ListEntry::default() };
        let list = CrocList { entries: vec![file], hash: Some(HashKind::Xxhash), ..CrocList::default() };
        control.send(&Message::Files(list.to_json())).await.unwrap();
        (control, lane)
    };
    let dialled = Dialled(dialled);
    let (offer, (control, lane)) = tokio::join!(meet(joined, &dialled, meeting(b"code"), "pass123"), sending);
    (offer.unwrap().accept(store), control, lane)
}

fn wanted(ranges: Vec<Range<u64>>) -> WantedFile {
    WantedFile { index: 0, size: CHUNKS * CHUNK_LEN as u64, coding: Coding::Plain, ranges }
}

/// The first chunk alone.
fn first_chunk() -> WantedFile {
    wanted(std::iter::once(0..1).collect())
}

async fn send_first_chunk(control: &CrocControl<DuplexStream>, lane: &mut Link<DuplexStream>) {
    let mut sealed = Vec::new();
    chunks::seal(&control.key(), Coding::Plain, 0, &vec![1; CHUNK_LEN], &mut sealed).unwrap();
    lane.write(&sealed).await.unwrap();
}

/// Signs of life on both connections, for ever.
async fn stay_awake(control: &mut CrocControl<DuplexStream>, lane: &mut Link<DuplexStream>) {
    loop {
        sleep(Duration::from_secs(1)).await;
        control.send(&Message::Unknown).await.unwrap();
        lane.write(KEEP_ALIVE).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_sends_nothing_of_a_file_is_left_however_awake_it_is() {
    let store = Arc::<Kept>::default();
    let (mut arrival, mut control, mut lane) = accepted(&store, 1 << 20).await;
    let began = Instant::now();
    let fetched = tokio::select! {
        fetched = arrival.fetch(first_chunk(), &*store) => fetched,
        () = stay_awake(&mut control, &mut lane) => unreachable!(),
    };
    assert!(matches!(fetched, Err(CrocError::Idle)), "{fetched:?}");
    assert!((IDLE_LIMIT..IDLE_LIMIT * 2).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_does_not_confirm_a_file_is_left() {
    let store = Arc::<Kept>::default();
    let (mut arrival, mut control, mut lane) = accepted(&store, 1 << 20).await;
    let fetched = tokio::select! {
        fetched = arrival.fetch(first_chunk(), &*store) => fetched,
        () = async {
            assert!(matches!(control.receive().await, Ok(Message::Ready(_))));
            send_first_chunk(&control, &mut lane).await;
            stay_awake(&mut control, &mut lane).await;
        } => unreachable!(),
    };
    assert!(matches!(fetched, Err(CrocError::Silence)), "{fetched:?}");
}

/// The clock of the sender's silence begins anew after a rest: the sender could send nothing while nobody read.
#[tokio::test(start_paused = true)]
async fn a_rest_of_this_side_is_no_silence_of_the_sender() {
    let store = Arc::<Kept>::default();
    let (mut arrival, mut control, mut lane) = accepted(&store, 1 << 20).await;
    let sending = async {
        assert!(matches!(control.receive().await, Ok(Message::Ready(_))));
        store.rests.store(true, Ordering::Relaxed);
        sleep(IDLE_LIMIT * 5 / 2).await;
        store.rests.store(false, Ordering::Relaxed);
        // Longer than it is until a clock of that length strikes that began with the request.
        sleep(IDLE_LIMIT * 3 / 4).await;
        send_first_chunk(&control, &mut lane).await;
        assert!(matches!(control.receive().await, Ok(Message::CloseSender)));
        control.send(&Message::CloseRecipient).await.unwrap();
    };
    let (fetched, ()) = tokio::join!(arrival.fetch(first_chunk(), &*store), sending);
    fetched.unwrap();
}

/// A request with many ranges is longer than what a connection holds.
#[tokio::test(start_paused = true)]
async fn a_sender_that_does_not_read_a_request_is_left() {
    let store = Arc::<Kept>::default();
    let (mut arrival, _control, _lane) = accepted(&store, 64).await;
    let every_other = (0..CHUNKS / 2).map(|number| 2 * number..2 * number + 1).collect();
    let fetched = arrival.fetch(wanted(every_other), &*store).await;
    assert!(matches!(fetched, Err(CrocError::Idle)), "{fetched:?}");
}
