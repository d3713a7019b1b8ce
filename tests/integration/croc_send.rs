//! A send that also waits for a receiver which has croc: the same files, whoever comes first, and what a hostile receiver can't do.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use caiman::{
    code::CodePhrase,
    croc::{
        channel::{MAX_MESSAGE, TrafficKey, deflate, inflate},
        chunks::{ChunkOpener, Coding, write_ranges},
        client::join,
        code::{USUAL_PASSWORD, Version},
        control::{CodeMeeting, CrocControl, secure_receiver},
        error::CrocError,
        frame::{KEEP_ALIVE, MAX_PAYLOAD},
        link::Link,
        manifest::CrocList,
        message::{Message, Request},
        pake::{CurveName, Initiator},
    },
    engine::{
        Answer, Choices, CodeChoice, CrocCode, CrocConfig, CrocFate, CrocNews, CrocPorts, CrocReceiveOrder,
        CrocRelay, CrocSearch, CrocSend, Notice, Output, Payload, Phase, ReceiveOrder, RelayChoice, Report,
        SendOrder, TransferError,
    },
    net::client::RelayAddress,
};
use tokio::net::TcpStream;

use crate::support::{
    engine::{BLOCK, CRAWL, CRAWL_BLOCKS, Transfer, World},
    noise,
    process::{Running, caiman},
    tree::{Node, tree},
    within,
};

/// Two engines, and a relay that serves croc as well.
struct CrocWorld(World);

impl CrocWorld {
    async fn new() -> Self {
        let serve = |config: &mut caiman::engine::RelayConfig| {
            let ports = CrocPorts::new(vec![0; 5]).unwrap();
            config.croc = Some(CrocConfig { ports, ..CrocConfig::default() });
        };
        Self(World::with_relay(serve).await)
    }

    fn port(&self) -> u16 {
        self.0.relay.croc_ports[0]
    }

    fn place(&self) -> CrocRelay {
        place(self.port())
    }

    /// Sends under a code for croc as well.
    fn send(&self, payload: Payload, code: &CrocCode) -> Transfer {
        self.0.sender.send(self.order(payload, code))
    }

    fn order(&self, payload: Payload, code: &CrocCode) -> SendOrder {
        SendOrder { croc: Some(to_croc(code, &[self.place()])), ..self.0.send_order(payload) }
    }

    fn receive(&self, code: &CrocCode) -> Transfer {
        let output = Output::Folder(self.0.target.path().to_owned());
        let search = CrocSearch::at(code.clone(), &[self.place()], true);
        let unfinished = self.0.unfinished.clone();
        self.0.receiver.receive_croc(CrocReceiveOrder { search, output, unfinished })
    }

    /// Receives everything that is offered.
    async fn take(&self, code: &CrocCode) -> Report {
        let mut receiving = self.receive(code);
        receiving.offer().await;
        self.0.receiver.accept(&receiving, Choices::default());
        receiving.report().await
    }

    /// Writes a file to be sent.
    fn plant(&self, name: &str, bytes: &[u8]) {
        let path = self.0.from(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Whether exactly what is sent has arrived. croc knows no times of folders.
    fn has_all(&self) -> bool {
        nodes(self.0.source.path()) == nodes(self.0.target.path())
    }
}

fn place(port: u16) -> CrocRelay {
    let address = RelayAddress::from_socket((Ipv4Addr::LOCALHOST, port).into());
    CrocRelay { relay: RelayChoice::new(address), password: None }
}

fn to_croc(code: &CrocCode, relays: &[CrocRelay]) -> CrocSend {
    CrocSend { search: CrocSearch::at(code.clone(), relays, true), relay: None, needs_password: false }
}

fn nodes(folder: &Path) -> BTreeMap<PathBuf, Option<Node>> {
    let without_times = |node| if let Node::Folder { .. } = node { None } else { Some(node) };
    tree(folder).into_iter().map(|(path, node)| (path, without_times(node))).collect()
}

fn code() -> CrocCode {
    CrocCode::draw().unwrap()
}

/// A port on which nothing listens.
fn closed_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Another code that leads to the same room.
fn wrong(right: &CrocCode) -> CrocCode {
    let (selector, rest) = right.as_str().split_once('-').unwrap();
    let other = if rest == "acorn-acre" { "acorn-acid" } else { "acorn-acre" };
    CrocCode::new(&format!("{selector}-{other}")).unwrap()
}

/// Waits until croc's code is told.
async fn is_up(sending: &mut Transfer) {
    sending
        .told("the code for croc", |notice| match notice {
            Notice::Croc(CrocNews::Code { .. }) => Some(()),
            _ => None,
        })
        .await;
}

/// A receiver of which each step is under control.
struct Receiver {
    control: Channel,
    lanes: Vec<Link<TcpStream>>,
    opener: ChunkOpener,
    list: CrocList,
}

enum Channel {
    V11(CrocControl<TcpStream>),
    V10(Link<TcpStream>, TrafficKey),
}

impl Channel {
    async fn say(&mut self, message: Message) {
        match self {
            Self::V11(control) => control.send(&message).await.unwrap(),
            Self::V10(link, key) => {
                let sealed = key.seal(&deflate(&message.to_json())).unwrap();
                link.write(&sealed).await.unwrap();
            }
        }
    }

    async fn hear(&mut self) -> Result<Message, CrocError> {
        match self {
            Self::V11(control) => within("a message", control.receive()).await,
            Self::V10(link, key) => {
                let frame = within("a message", link.read_awake()).await?;
                Ok(Message::from_json(&inflate(key.open(frame)?, MAX_MESSAGE)?)?)
            }
        }
    }
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap()
}

impl Receiver {
    /// Meets the sender, and reads its list.
    async fn meet(world: &CrocWorld, code: &CrocCode, version: Version) -> Result<Self, CrocError> {
        let room = code.room(version);
        let joined = join(connect(world.port()).await, USUAL_PASSWORD, &room).await?;
        let ports = joined.data_ports()?;
        let meeting = CodeMeeting { room: &room, password: code.password(version), allows_v10: true };
        let (mut control, key) = match version {
            Version::V11 => {
                let control = secure_receiver(joined.link, meeting, CurveName::default()).await?;
                let key = control.key();
                (Channel::V11(control), key)
            }
            Version::V10 => {
                let (link, key) = agree_as_v10(joined.link, meeting.password).await?;
                (Channel::V10(link, key.clone()), key)
            }
        };
        let mut lanes = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let room = format!("{room}-{number}");
            let mut lane = join(connect(port).await, USUAL_PASSWORD, &room).await?.link;
            lane.set_limit(MAX_PAYLOAD);
            lanes.push(lane);
        }
        control.say(Message::Address { address: String::new(), pake: Vec::new() }).await;
        let Message::Address { .. } = control.hear().await? else { panic!("the sender tells its address") };
        let Message::Files(list) = control.hear().await? else { panic!("the sender tells its files") };
        let list = CrocList::from_json(&list).unwrap();
        Ok(Self { control, lanes, opener: ChunkOpener::new(key), list })
    }

    async fn ask(&mut self, index: usize, ranges: Vec<u64>) {
        let request = Request { ranges, index, ..Request::default() };
        self.control.say(Message::Ready(request)).await;
    }

    /// Asks for a whole file, and takes it.
    async fn fetch(&mut self, index: usize) -> Vec<u8> {
        self.ask(index, Vec::new()).await;
        let mut bytes = vec![0; self.list.entries[index].size as usize];
        let mut left = bytes.len();
        while left > 0 {
            let mut ready = None;
            let arrived = async {
                // Whichever lane has something.
                std::future::poll_fn(|cx| {
                    for (number, lane) in self.lanes.iter_mut().enumerate() {
                        let mut waiting = std::pin::pin!(lane.ready());
                        if let std::task::Poll::Ready(done) = waiting.as_mut().poll(cx) {
                            done.unwrap();
                            ready = Some(number);
                            return std::task::Poll::Ready(());
                        }
                    }
                    std::task::Poll::Pending
                })
                .await;
            };
            within("a chunk", arrived).await;
            let lane = &mut self.lanes[ready.unwrap()];
            while let Some(frame) = lane.arrived().unwrap() {
                if frame != KEEP_ALIVE {
                    let (start, chunk) = self.opener.open(Coding::Plain, frame).unwrap();
                    bytes[start as usize..start as usize + chunk.len()].copy_from_slice(chunk);
                    left -= chunk.len();
                }
            }
        }
        self.control.say(Message::CloseSender).await;
        assert_eq!(self.control.hear().await.unwrap(), Message::CloseRecipient);
        bytes
    }

    async fn finish(mut self) {
        self.control.say(Message::Finished).await;
        assert_eq!(self.control.hear().await.unwrap(), Message::Finished);
    }

    /// Whether the sender says that it gives up.
    async fn is_told_the_end(&mut self) -> bool {
        matches!(self.control.hear().await, Err(CrocError::PeerGaveUp(_)))
    }
}

/// The key exchange as croc 10 does it, which proves nothing.
async fn agree_as_v10(
    mut link: Link<TcpStream>,
    password: &[u8],
) -> Result<(Link<TcpStream>, TrafficKey), CrocError> {
    link.write(b"handshake").await?;
    let curve = CurveName::default();
    let (initiator, question) = Initiator::begin(curve, password)?;
    let extra = curve.as_str().as_bytes().to_vec();
    link.write(&deflate(&Message::Pake { version: 0, pake: question, extra }.to_json())).await?;
    let answer = inflate(within("an answer", link.read_awake()).await?, MAX_MESSAGE)?;
    let Message::Pake { version: 0, pake, extra } = Message::from_json(&answer)? else {
        return Err(CrocError::VersionOff);
    };
    let key = TrafficKey::salted(&initiator.finish(&pake)?, &extra);
    link.set_limit(MAX_PAYLOAD);
    Ok((link, key))
}

/// A folder with a bit of everything.
fn plant_all(world: &CrocWorld) {
    world.plant("all/large", &noise(1, 5 * BLOCK + 4321));
    world.plant("all/exact", &noise(2, 65536));
    world.plant("all/empty", b"");
    for number in 0..200 {
        world.plant(&format!("all/many/{}/{number}", number % 7), &noise(number, 1 + number as usize * 37));
    }
    fs::create_dir_all(world.0.from("all/nothing/in/it")).unwrap();
    world.plant("all/ä ö.sh", b"#!/bin/sh\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        fs::set_permissions(world.0.from("all/ä ö.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("many/3", world.0.from("all/link")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_as_it_is() {
    let world = CrocWorld::new().await;
    plant_all(&world);
    let code = code();
    let mut sending = world.send(world.0.paths(&["all"]), &code);
    is_up(&mut sending).await;
    let received = world.take(&code).await;
    let sent = sending.report().await;
    assert!(world.has_all());
    assert_eq!((sent.stored, sent.bytes, sent.missing), (received.stored, received.bytes, 0));
    assert_eq!((sent.here, sent.receivers), (0, 1));
    let last = *sending.history().await.last().unwrap();
    assert_eq!((last.bytes, last.total_bytes, last.files), (sent.bytes, Some(sent.bytes), 204));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_shown() {
    let world = CrocWorld::new().await;
    let code = code();
    let mut sending = world.send(Payload::Text("the door code is 4711".to_owned()), &code);
    is_up(&mut sending).await;
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    let text = receiving
        .told("the text", |notice| match notice {
            Notice::Text(text) => Some(text.clone()),
            _ => None,
        })
        .await;
    assert_eq!(text, "the door code is 4711");
    receiving.report().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_missing_is_sent_again() {
    let world = CrocWorld::new().await;
    world.plant("large", &noise(7, CRAWL_BLOCKS * BLOCK));
    let code = code();
    let order = SendOrder {
        bytes_per_sec: CRAWL.map(|rate| rate * 16),
        ..world.order(world.0.paths(&["large"]), &code)
    };
    let mut sending = world.0.sender.send(order);
    is_up(&mut sending).await;
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    let held = receiving.reach("two blocks", |progress| progress.bytes >= 2 * BLOCK as u64).await.bytes;
    world.0.receiver.stop(&receiving);
    receiving.error().await;
    sending.error().await;

    let code = self::code();
    let mut sending = world.send(world.0.paths(&["large"]), &code);
    is_up(&mut sending).await;
    world.take(&code).await;
    sending.report().await;
    let snapshots = sending.history().await;
    let first = snapshots.iter().find(|progress| progress.bytes > 0).unwrap();
    assert!(first.bytes >= held, "{held} bytes were there, and it began at {}", first.bytes);
    assert!(world.has_all());
}

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_end_crocs_code_and_not_caimans() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    for left in [2, 1, 0] {
        // The sender may still be on its way back into the room.
        let guess = async {
            while !matches!(
                Receiver::meet(&world, &wrong(&code), Version::V11).await,
                Err(CrocError::WrongCode)
            ) {}
        };
        within("a guess", guess).await;
        sending
            .told("a wrong try", |notice| match notice {
                Notice::Croc(CrocNews::WrongTry { tries_left }) if *tries_left == left => Some(()),
                _ => None,
            })
            .await;
    }
    let mut joined =
        join(connect(world.port()).await, USUAL_PASSWORD, &code.room(Version::V11)).await.unwrap();
    assert_eq!(
        within("a keep-alive", joined.link.read()).await.unwrap(),
        KEEP_ALIVE,
        "nobody is in the room"
    );
    let caiman = sending.code().await;
    let mut receiving = world.0.receiver.receive(world.0.receive_order(caiman));
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    receiving.report().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_of_croc_10_is_one_try() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    assert!(Receiver::meet(&world, &wrong(&code), Version::V10).await.is_err());
    sending
        .told("a wrong try", |notice| match notice {
            Notice::Croc(CrocNews::WrongTry { tries_left: 2 }) => Some(()),
            _ => None,
        })
        .await;
    let receiver = async {
        loop {
            if let Ok(receiver) = Receiver::meet(&world, &code, Version::V10).await {
                return receiver;
            }
        }
    };
    let mut receiver = within("the sender", receiver).await;
    assert_eq!(receiver.fetch(0).await, b"bytes");
    receiver.finish().await;
    assert_eq!(sending.report().await.bytes, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn croc_10_gets_nothing_where_it_is_turned_off() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut croc = to_croc(&code, &[world.place()]);
    croc.forbid_v10();
    let order = SendOrder { croc: Some(croc), ..world.0.send_order(world.0.paths(&["file"])) };
    let mut sending = world.0.sender.send(order);
    is_up(&mut sending).await;
    assert!(Receiver::meet(&world, &code, Version::V10).await.is_err());
    world.take(&code).await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_declines_ends_the_send() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.answer(&receiving, Answer::Decline);
    assert!(matches!(sending.error().await, TransferError::PeerDeclined));
    assert!(matches!(receiving.error().await, TransferError::Declined));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_lost_before_it_answers_makes_room_for_another() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    drop(Receiver::meet(&world, &code, Version::V11).await.unwrap());
    sending.told("that it is gone", |notice| matches!(notice, Notice::Unanswered).then_some(())).await;
    world.take(&code).await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_ends_the_send_with_its_name() {
    let world = CrocWorld::new().await;
    world.plant("file", &noise(1, 100_000));
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let mut receiver = Receiver::meet(&world, &code, Version::V11).await.unwrap();
    world.plant("file", &noise(2, 100_001));
    receiver.ask(0, Vec::new()).await;
    assert!(receiver.is_told_the_end().await);
    let error = sending.error().await.to_string();
    assert!(error.contains("file: it changed while it was being sent"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_no_croc_makes_end_the_send() {
    let world = CrocWorld::new().await;
    world.plant("file", &noise(1, 100_000));
    world.plant("zero", b"");
    for (index, ranges) in [
        (2, vec![]),
        (usize::MAX, vec![]),
        (0, vec![32768]),
        (0, vec![32768, 0]),
        (0, vec![4096, 0, 1]),
        (0, vec![32768, 1, 1]),
        (0, vec![32768, 0, 0]),
        (0, vec![32768, 0, 5]),
        (0, vec![32768, 0, u64::MAX]),
        (0, vec![32768, 32768, 1, 0, 1]),
        (1, vec![]),
    ] {
        let code = code();
        let mut sending = world.send(world.0.paths(&["file", "zero"]), &code);
        is_up(&mut sending).await;
        let mut receiver = Receiver::meet(&world, &code, Version::V11).await.unwrap();
        receiver.ask(index, ranges.clone()).await;
        assert!(receiver.is_told_the_end().await, "{index} {ranges:?}");
        drop(receiver);
        assert!(
            matches!(sending.error().await, TransferError::PeerMisbehaved(_)),
            "{index} {ranges:?}: {:?}",
            sending.end().await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_sent_as_they_are_asked_for() {
    let world = CrocWorld::new().await;
    let bytes = noise(1, 7 * 32768 + 5);
    world.plant("file", &bytes);
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let mut receiver = Receiver::meet(&world, &code, Version::V11).await.unwrap();
    receiver.ask(0, write_ranges(&[1..2, 7..8])).await;
    let mut starts = Vec::new();
    while starts.len() < 2 {
        for lane in &mut receiver.lanes {
            while let Some(frame) = lane.arrived().unwrap() {
                if frame != KEEP_ALIVE {
                    let (start, chunk) = receiver.opener.open(Coding::Plain, frame).unwrap();
                    assert_eq!(chunk, &bytes[start as usize..][..chunk.len()]);
                    starts.push(start);
                }
            }
            let _ = tokio::time::timeout(std::time::Duration::from_millis(5), lane.ready()).await;
        }
    }
    starts.sort_unstable();
    assert_eq!(starts, [32768, 7 * 32768]);
    receiver.control.say(Message::CloseSender).await;
    assert_eq!(receiver.control.hear().await.unwrap(), Message::CloseRecipient);
    receiver.finish().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_sent_ten_times_and_no_more() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let mut receiver = Receiver::meet(&world, &code, Version::V11).await.unwrap();
    for _ in 0..10 {
        assert_eq!(receiver.fetch(0).await, b"bytes");
    }
    receiver.ask(0, Vec::new()).await;
    assert!(receiver.is_told_the_end().await);
    assert!(matches!(sending.error().await, TransferError::PeerMisbehaved(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_first_ends_the_other_wait() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let caiman = sending.code().await;
    let mut receiving = world.0.receiver.receive(world.0.receive_order(caiman));
    receiving.offer().await;
    let mut joined =
        join(connect(world.port()).await, USUAL_PASSWORD, &code.room(Version::V11)).await.unwrap();
    assert_eq!(
        within("a keep-alive", joined.link.read()).await.unwrap(),
        KEEP_ALIVE,
        "nobody is in the room"
    );
    drop(joined);
    world.0.receiver.accept(&receiving, Choices::default());
    receiving.report().await;
    sending.report().await;

    let code = self::code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let caiman = sending.code().await;
    let mut receiver = Receiver::meet(&world, &code, Version::V11).await.unwrap();
    let mut late = world.0.receiver.receive(world.0.receive_order(caiman));
    assert!(matches!(late.error().await, TransferError::NobodyThere { .. }));
    assert_eq!(receiver.fetch(0).await, b"bytes");
    receiver.finish().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_and_a_transfer_can_be_cancelled() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    world.0.sender.cancel(&sending);
    assert!(matches!(sending.error().await, TransferError::Cancelled));
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let mut receiver = Receiver::meet(&world, &code, Version::V11).await.unwrap();
    sending.enters(Phase::WaitingForAnswer).await;
    world.0.sender.cancel(&sending);
    assert!(receiver.is_told_the_end().await);
    assert!(matches!(sending.error().await, TransferError::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_the_lanes() {
    let world = CrocWorld::new().await;
    world.plant("large", &noise(7, 4 * BLOCK));
    let code = code();
    let mut sending = world.send(world.0.paths(&["large"]), &code);
    is_up(&mut sending).await;
    world.0.sender.pause(&sending, true);
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    let progress =
        sending.reach("a pause", |progress| progress.phase == Phase::Moving && progress.paused.here).await;
    assert_eq!(progress.bytes, 0);
    world.0.sender.pause(&sending, false);
    receiving.report().await;
    sending.report().await;
    assert!(world.has_all());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn names_that_croc_refuses_are_changed_and_told_before_the_code() {
    let world = CrocWorld::new().await;
    world.plant("top/a:b/con.txt", b"one");
    world.plant("top/a_b/x", b"two");
    std::os::unix::fs::symlink("../a_b/x", world.0.from("top/a_b/up")).unwrap();
    let code = code();
    let mut sending = world.send(world.0.paths(&["top"]), &code);
    is_up(&mut sending).await;
    let news: Vec<_> = sending
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Croc(CrocNews::Names(names)) => Some(Some(names.clone())),
            Notice::Croc(CrocNews::Code { .. }) => Some(None),
            _ => None,
        })
        .collect();
    let [Some(names), None] = news.as_slice() else { panic!("the names come before the code: {news:?}") };
    let renamed = |to: &str| CrocFate::Renamed(to.to_owned());
    let fates: Vec<_> = names.iter().map(|name| (name.path.as_str(), name.fate.clone())).collect();
    assert_eq!(
        fates,
        [
            ("top/a:b", renamed("a_b")),
            ("top/a_b", renamed("a_b (2)")),
            ("top/a:b/con.txt", renamed("con_.txt")),
            ("top/a_b/up", CrocFate::LinkLeftOut),
        ]
    );
    world.take(&code).await;
    assert_eq!(sending.report().await.missing, 1);
    assert_eq!(fs::read(world.0.to("top/a_b/con_.txt")).unwrap(), b"one");
    assert_eq!(fs::read(world.0.to("top/a_b (2)/x")).unwrap(), b"two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_or_a_room_that_is_full_is_told_and_caimans_code_works() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let room = code.room(Version::V11);
    let first = join(connect(world.port()).await, USUAL_PASSWORD, &room).await.unwrap();
    let second = join(connect(world.port()).await, USUAL_PASSWORD, &room).await.unwrap();
    let closed = closed_port();
    let croc = to_croc(&code, &[world.place(), place(closed)]);
    let order = SendOrder { croc: Some(croc), ..world.0.send_order(world.0.paths(&["file"])) };
    let mut sending = world.0.sender.send(order);
    for port in [world.port(), closed] {
        let is_taken = sending
            .told("what is wrong with a relay", |notice| match notice {
                Notice::Croc(CrocNews::NoRelay { relay, why }) if relay.port() == port => {
                    Some(matches!(why, TransferError::CodeTaken))
                }
                _ => None,
            })
            .await;
        assert_eq!(is_taken, port == world.port());
    }
    drop((first, second));
    let caiman = sending.code().await;
    let mut receiving = world.0.receiver.receive(world.0.receive_order(caiman));
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    receiving.report().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_both_codes() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let relay = format!("127.0.0.1:{}", world.port());
    let file = world.0.from("file");
    let args = ["send", "--path", "local", "--croc", "--croc-relay", &relay, file.to_str().unwrap()];
    let mut sending = Running::start(caiman(&args));
    let shown = tokio::task::spawn_blocking(move || {
        let code = sending
            .says("the code for croc", |line| Some(line.strip_prefix("Code for croc:")?.trim().to_owned()));
        let command = sending
            .says("the command", |line| line.trim().starts_with("croc ").then(|| line.trim().to_owned()));
        (code, command, sending)
    });
    let (code, command, sending) = within("the command", shown).await.unwrap();
    assert_eq!(command, format!("croc --relay {relay}"));
    world.take(&CrocCode::new(&code).unwrap()).await;
    let ended = tokio::task::spawn_blocking(move || sending.end()).await.unwrap();
    ended.exits(0);
}

/// A code that Caiman and croc may both have leads to its sender, whichever of them that has.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_may_be_eithers_leads_to_its_sender() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    for is_crocs in [true, false] {
        let text = if is_crocs { "8123-alpha-bravo-charlie" } else { "blue-horse-kitchen-door" };
        let (code, own) = (CrocCode::new(text).unwrap(), CodePhrase::own(text).unwrap());
        let payload = world.0.paths(&["file"]);
        let mut sending = if is_crocs {
            let mut sending = world.send(payload, &code);
            is_up(&mut sending).await;
            sending
        } else {
            let mut sending = world
                .0
                .sender
                .send(SendOrder { code: CodeChoice::Own(own.clone()), ..world.0.send_order(payload) });
            sending.code().await;
            sending
        };
        let croc = Some(CrocSearch::at(code, &[world.place()], true));
        let mut receiving = world.0.receiver.receive(ReceiveOrder { croc, ..world.0.receive_order(own) });
        receiving.offer().await;
        world.0.receiver.accept(&receiving, Choices::default());
        assert_eq!((receiving.report().await.missing, sending.report().await.missing), (0, 0));
        assert!(sending.notices.iter().all(|notice| !matches!(notice, Notice::WrongTry { .. })));
    }
}

/// Where neither has a sender, Caiman's search says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_may_be_eithers_and_is_nobodys_is_told_as_one() {
    let world = CrocWorld::new().await;
    let text = "blue-horse-kitchen-door";
    let (code, own) = (CrocCode::new(text).unwrap(), CodePhrase::own(text).unwrap());
    let closed = place(closed_port());
    let croc = Some(CrocSearch::at(code, &[closed], true));
    let mut receiving = world.0.receiver.receive(ReceiveOrder { croc, ..world.0.receive_order(own) });
    assert!(matches!(receiving.error().await, TransferError::NobodyThere { .. }));
}
