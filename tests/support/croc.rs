//! A croc relay and a croc sender, made of the program's own decoders and keys, both of which can do wrong on purpose what real ones
//! do right; and the honest end, which receives from them.

use std::{
    collections::HashMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use caiman::{
    croc::{
        channel::{CrocTranscript, MAX_MESSAGE, Purpose, TrafficKey, deflate, inflate},
        chunks::{self, CHUNK_LEN, Coding},
        client,
        code::{USUAL_PASSWORD, Version},
        error::CrocError,
        frame::{KEEP_ALIVE, MAX_PAYLOAD},
        hashes::{HashKind, of_link},
        link::Link,
        manifest::{CrocList, ListEntry},
        message::{Message, PER_FILE_COMPRESSION, Request},
        pake::{self, CurveName},
    },
    engine::{
        Choices, CrocCode, CrocConfig, CrocPorts, CrocReceiveOrder, CrocSearch, Notice, Output, PathMode,
        Registry, RelayChoice, Report, TransferError,
    },
    net::client::RelayAddress,
    relay::{Relay, RelayConfig},
};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    engine::{Party, Transfer},
    within,
};

/// The code of these tests, which both versions of croc read alike.
pub const CODE: &str = "acid-acorn-acre";
/// How many data ports a relay has.
const DATA_PORTS: usize = 3;

pub fn code() -> CrocCode {
    CrocCode::new(CODE).unwrap()
}

/// A frame that passes a relay.
pub struct Passing {
    /// 0 for the control port.
    pub port: usize,
    /// Whether the client that came first to the room has sent it: the sender, in these tests.
    pub is_from_first: bool,
    pub frame: Vec<u8>,
}

/// What a relay makes of a frame: what goes on to the other client, and what goes back to the one from which it came.
pub type Passed = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// What a relay does with what passes it.
type Meddling = Arc<Mutex<dyn FnMut(Passing) -> Passed + Send>>;

/// A croc relay that serves in this process until it is dropped.
pub struct CrocRelay {
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl CrocRelay {
    /// A relay that passes on what it gets.
    pub async fn start() -> Self {
        Self::meddling(|passing| (vec![passing.frame], Vec::new())).await
    }

    /// The program's own relay.
    pub async fn of_the_program() -> Self {
        let ports = CrocPorts::new(vec![0; DATA_PORTS + 1]).unwrap();
        let mut config = RelayConfig {
            host: Some(Ipv4Addr::LOCALHOST.into()),
            port: 0,
            data_ports: Vec::new(),
            croc: Some(CrocConfig { ports, ..CrocConfig::default() }),
            ..RelayConfig::default()
        };
        // Tests come back more often than users do.
        config.limits.joins_per_minute = 1_000_000;
        config.limits.tries_per_minute = 1_000_000;
        let relay = Relay::bind(config).await.unwrap();
        let address = (Ipv4Addr::LOCALHOST, relay.croc_ports()[0]).into();
        let mut tasks = JoinSet::new();
        tasks.spawn(relay.serve(CancellationToken::new()));
        Self { address, _tasks: tasks }
    }

    /// A relay that changes what passes it.
    pub async fn meddling(meddle: impl FnMut(Passing) -> Passed + Send + 'static) -> Self {
        let mut listeners = Vec::new();
        for _ in 0..=DATA_PORTS {
            listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        }
        let ports: Vec<_> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string()).collect();
        let address = listeners[0].local_addr().unwrap();
        let meddle: Meddling = Arc::new(Mutex::new(meddle));
        let mut tasks = JoinSet::new();
        for (port, listener) in listeners.into_iter().enumerate() {
            let banner = if port == 0 { ports[1..].join(",") } else { "ok".to_owned() };
            tasks.spawn(serve(port, listener, banner, Arc::clone(&meddle)));
        }
        Self { address, _tasks: tasks }
    }

    pub fn choice(&self) -> RelayChoice {
        RelayChoice::new(RelayAddress::from_socket(self.address))
    }
}

/// The clients that wait alone, by their rooms.
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Link<TcpStream>>>>>;

async fn serve(port: usize, listener: TcpListener, banner: String, meddle: Meddling) {
    let (waiting, mut tasks) = (Waiting::default(), JoinSet::new());
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                let (banner, meddle, waiting) = (banner.clone(), Arc::clone(&meddle), Arc::clone(&waiting));
                // A client that leaves early is its own affair.
                tasks.spawn(async move { client(port, stream, &banner, meddle, waiting).await.ok(); });
            }
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn client(
    port: usize,
    stream: TcpStream,
    banner: &str,
    meddle: Meddling,
    waiting: Waiting,
) -> Result<(), CrocError> {
    let peer = stream.peer_addr().unwrap();
    stream.set_nodelay(true).unwrap();
    let mut link = Link::new(stream);
    let (agreement, answer) = pake::respond(CurveName::Siec, &[1, 2, 3], link.read().await?)?;
    link.write(&answer).await?;
    let key = TrafficKey::salted(&agreement, link.read().await?);
    assert_eq!(key.open(link.read().await?)?, USUAL_PASSWORD.as_bytes());
    link.write(&key.seal(format!("{banner}|||{peer}").as_bytes())?).await?;
    let room = String::from_utf8(key.open(link.read().await?)?.to_vec()).unwrap();
    link.write(&key.seal(b"ok")?).await?;
    link.set_limit(MAX_PAYLOAD);
    let (here, mut come) = oneshot::channel();
    let first = {
        let mut waiting = waiting.lock().unwrap();
        match waiting.remove(&room) {
            Some(first) if !first.is_closed() => Some(first),
            _ => {
                waiting.insert(room, here);
                None
            }
        }
    };
    if let Some(first) = first {
        // The first one may have left just now.
        let _ = first.send(link);
        return Ok(());
    }
    let mut clock = interval(Duration::from_secs(1));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut other = loop {
        tokio::select! {
            other = &mut come => break other.map_err(|_| CrocError::Silence)?,
            _ = clock.tick() => link.write(KEEP_ALIVE).await?,
            left = link.ready() => { left?; return Ok(()); }
        }
    };
    loop {
        let (is_from_first, frame) = tokio::select! {
            frame = link.read() => (true, frame?.to_vec()),
            frame = other.read() => (false, frame?.to_vec()),
        };
        let (on, back) = (meddle.lock().unwrap())(Passing { port, is_from_first, frame });
        let (to, from) = if is_from_first { (&mut other, &mut link) } else { (&mut link, &mut other) };
        for frame in on {
            to.write(&frame).await?;
        }
        for frame in back {
            from.write(&frame).await?;
        }
    }
}

/// What a sender sends.
#[derive(Clone)]
pub struct Goods {
    pub list: CrocList,
    /// The bytes of each entry.
    pub bytes: Vec<Vec<u8>>,
}

impl Goods {
    /// Files with their true hashes, sent without compression. A path's folders stand before its last slash.
    pub fn of(files: &[(&str, Vec<u8>)]) -> Self {
        Self::hashed(HashKind::Xxhash, files)
    }

    /// Files with their true hashes of this kind.
    pub fn hashed(kind: HashKind, files: &[(&str, Vec<u8>)]) -> Self {
        let entries = files.iter().map(|(path, bytes)| file(kind, path, bytes)).collect();
        let list = CrocList { entries, is_plain: true, hash: Some(kind), ..CrocList::default() };
        Self { list, bytes: files.iter().map(|(_, bytes)| bytes.clone()).collect() }
    }
}

/// The entry of a file.
pub fn file(kind: HashKind, path: &str, bytes: &[u8]) -> ListEntry {
    let (folder, name) = path.rsplit_once('/').map_or(("./", path), |(folder, name)| (folder, name));
    ListEntry {
        folder: if folder == "./" { folder.to_owned() } else { format!("{folder}/") },
        name: name.to_owned(),
        size: bytes.len() as u64,
        hash: kind.of_file(&mut std::io::Cursor::new(bytes), bytes.len() as u64).unwrap(),
        mode: Some(0o644),
        ..ListEntry::default()
    }
}

/// The entry of a link.
pub fn link(path: &str, target: &str) -> ListEntry {
    ListEntry { target: Some(target.to_owned()), hash: of_link(target), ..file(HashKind::Xxhash, path, b"") }
}

/// A sender that waits in the code's room.
pub struct WaitingCroc {
    link: Link<TcpStream>,
    ports: Vec<u16>,
    code: CrocCode,
}

impl WaitingCroc {
    pub async fn new(relay: &CrocRelay) -> Self {
        Self::with_code(relay, CODE).await
    }

    pub async fn with_code(relay: &CrocRelay, code: &str) -> Self {
        let code = CrocCode::new(code).unwrap();
        let stream = TcpStream::connect(relay.address).await.unwrap();
        let room = code.room(Version::V11);
        let joined = client::join(stream, USUAL_PASSWORD, &room).await.unwrap();
        Self { ports: joined.data_ports().unwrap(), link: joined.link, code }
    }

    /// Waits for the receiver and proves the code to it, as this version does. Opens no lane.
    pub async fn prove(self, version: Version) -> Result<CrocSender, CrocError> {
        self.prove_with(version, &[7; 8]).await
    }

    /// Proves the code; a croc 10 with this salt.
    pub async fn prove_with(self, version: Version, short_salt: &[u8]) -> Result<CrocSender, CrocError> {
        let Self { mut link, ports, code } = self;
        assert_eq!(within("a receiver", link.read_awake()).await?, b"handshake");
        let Message::Pake { pake: question, extra, .. } = plain(&mut link).await? else {
            panic!("the receiver begins with the key exchange")
        };
        let curve: CurveName = str::from_utf8(&extra).unwrap().parse()?;
        let (agreement, answer) = pake::respond(curve, code.password(version), &question)?;
        let key = match version {
            Version::V11 => {
                let salt = [9; 32];
                let message = Message::Pake { version: 2, pake: answer.clone(), extra: salt.to_vec() };
                link.write(&deflate(&message.to_json())).await?;
                let room = code.room(version);
                let transcript = CrocTranscript {
                    purpose: Purpose::Transfer,
                    room: &room,
                    curve,
                    initiator: &question,
                    responder: &answer,
                    salt: &salt,
                };
                let keys = transcript.keys(&agreement);
                let Message::Confirm { proof, .. } = plain(&mut link).await? else {
                    panic!("the receiver proves the code first")
                };
                if !keys.receiver_proof.is(&proof) {
                    return Err(CrocError::WrongCode);
                }
                let proof = keys.sender_proof.as_bytes().to_vec();
                link.write(&deflate(&Message::Confirm { version: 2, proof }.to_json())).await?;
                keys.traffic
            }
            Version::V10 => {
                let message = Message::Pake { version: 0, pake: answer, extra: short_salt.to_vec() };
                link.write(&deflate(&message.to_json())).await?;
                TrafficKey::salted(&agreement, short_salt)
            }
        };
        link.set_limit(MAX_PAYLOAD);
        Ok(CrocSender { link, key, lanes: Vec::new(), next_lane: 0, ports, room: code.room(version) })
    }

    /// Meets the receiver honestly, up to the point where the list is due.
    pub async fn meet(self, version: Version) -> CrocSender {
        let mut sender = self.prove(version).await.unwrap();
        sender.open_lanes().await;
        sender.exchange_addresses().await;
        sender
    }

    /// Sends all of this honestly.
    pub async fn send(self, version: Version, goods: &Goods) -> Sent {
        let mut sender = self.meet(version).await;
        sender.offer(&goods.list).await;
        sender.serve(goods).await
    }
}

async fn plain(link: &mut Link<TcpStream>) -> Result<Message, CrocError> {
    let frame = within("a step of the key exchange", link.read_awake()).await?;
    Ok(Message::from_json(&inflate(frame, 1 << 16)?)?)
}

/// What a receiver has asked for, in order.
pub struct Sent {
    pub requests: Vec<Request>,
    /// How it ended: with the receiver's farewell, or with its error or loss.
    pub ended: Result<(), CrocError>,
}

/// A sender whose code is proven.
pub struct CrocSender {
    pub link: Link<TcpStream>,
    pub key: TrafficKey,
    pub lanes: Vec<Link<TcpStream>>,
    next_lane: usize,
    ports: Vec<u16>,
    room: String,
}

impl CrocSender {
    pub async fn open_lanes(&mut self) {
        for (number, port) in self.ports.iter().enumerate() {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).await.unwrap();
            let room = format!("{}-{number}", self.room);
            self.lanes.push(client::join(stream, USUAL_PASSWORD, &room).await.unwrap().link);
        }
    }

    pub async fn exchange_addresses(&mut self) {
        assert!(matches!(self.hear().await, Ok(Message::Address { .. })));
        self.say(&Message::Address { address: "127.0.0.1".to_owned(), pake: Vec::new() }).await;
    }

    pub async fn offer(&mut self, list: &CrocList) {
        self.say(&Message::Files(list.to_json())).await;
    }

    /// Says something, if the receiver is still there.
    pub async fn say(&mut self, message: &Message) {
        self.say_json(&message.to_json()).await;
    }

    pub async fn say_json(&mut self, json: &[u8]) {
        let sealed = self.key.seal(&deflate(json)).unwrap();
        // A receiver that has given up may be gone.
        let _ = self.link.write(&sealed).await;
    }

    pub async fn hear(&mut self) -> Result<Message, CrocError> {
        let frame = within("a message", self.link.read_awake()).await?;
        Ok(Message::from_json(&inflate(self.key.open(frame)?, MAX_MESSAGE)?)?)
    }

    /// The request that has to come next.
    pub async fn request(&mut self) -> Request {
        match self.hear().await {
            Ok(Message::Ready(request)) => request,
            other => panic!("the receiver should ask for a file: {other:?}"),
        }
    }

    /// Sends a chunk as it stands here over the next lane.
    pub async fn chunk(&mut self, coding: Coding, start: u64, bytes: &[u8]) {
        let mut sealed = Vec::new();
        if coding == Coding::Deflated {
            // Real DEFLATE, unlike what the program itself sends.
            let chunk = deflate(&[&start.to_le_bytes(), bytes].concat());
            sealed = self.key.seal(&chunk).unwrap();
        } else {
            chunks::seal(&self.key, coding, start, bytes, &mut sealed).unwrap();
        }
        self.next_lane = (self.next_lane + 1) % self.lanes.len();
        let lane = &mut self.lanes[self.next_lane];
        let _ = lane.write(&sealed).await;
    }

    /// Sends what was asked for, up to `most` chunks.
    pub async fn fulfil(&mut self, request: &Request, goods: &Goods, most: usize) {
        let (entry, bytes) = (&goods.list.entries[request.index], &goods.bytes[request.index]);
        let knows = request.features.iter().any(|feature| feature == PER_FILE_COMPRESSION);
        let coding = goods.list.coding(entry, knows);
        let ranges = chunks::read_ranges(&request.ranges, bytes.len() as u64).unwrap();
        for chunk in ranges.into_iter().flatten().take(most) {
            let start = chunk as usize * CHUNK_LEN;
            let end = bytes.len().min(start + CHUNK_LEN);
            self.chunk(coding, start as u64, &bytes[start..end]).await;
        }
    }

    /// Answers what the receiver says, honestly, to the end.
    pub async fn serve(&mut self, goods: &Goods) -> Sent {
        let mut requests = Vec::new();
        let ended = loop {
            match self.hear().await {
                Ok(Message::Ready(request)) => {
                    self.fulfil(&request, goods, usize::MAX).await;
                    requests.push(request);
                }
                Ok(Message::CloseSender) => self.say(&Message::CloseRecipient).await,
                Ok(Message::Finished) => {
                    self.say(&Message::Finished).await;
                    break Ok(());
                }
                Ok(Message::Error(text)) => break Err(CrocError::PeerGaveUp(text)),
                Ok(other) => panic!("a receiver doesn't say {other:?}"),
                Err(error) => break Err(error),
            }
        };
        Sent { requests, ended }
    }
}

/// How the receive of the honest end went.
#[derive(Debug)]
pub struct Received {
    pub notices: Vec<Notice>,
    pub result: Result<Report, TransferError>,
}

impl Received {
    /// The report of a receive that has to have succeeded.
    pub fn report(self) -> Report {
        self.result.unwrap()
    }

    /// The last offer.
    pub fn resumable(&self) -> u64 {
        let mut offers = self.notices.iter().filter_map(|notice| match notice {
            Notice::Offer(offer) => Some(offer.resumable),
            _ => None,
        });
        offers.next_back().unwrap_or(0)
    }
}

/// The honest end: a real engine and a folder.
pub struct CrocStage {
    pub party: Party,
    pub target: TempDir,
    pub unfinished: Registry,
}

impl CrocStage {
    pub fn new() -> Self {
        Self { party: Party::start(), target: tempfile::tempdir().unwrap(), unfinished: Registry::default() }
    }

    /// A path in the folder.
    pub fn to(&self, path: &str) -> PathBuf {
        self.target.path().join(path)
    }

    /// Names in the folder that are no staging folder's.
    pub fn names(&self) -> Vec<String> {
        let mut names = super::engine::names_in(self.target.path());
        names.retain(|name| !name.starts_with(".caiman-"));
        names
    }

    /// How many staging folders are left.
    pub fn staging(&self) -> usize {
        super::engine::names_in(self.target.path()).len() - self.names().len()
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.to(path))
            .unwrap_or_else(|error| panic!("{path}: {error}; there are {:?}", self.names()))
    }

    /// Begins to receive.
    pub fn begin(&self, relay: &CrocRelay, code: &str, output: Option<Output>) -> Transfer {
        let code = CrocCode::new(code).unwrap();
        let relays = [caiman::engine::CrocRelay { relay: relay.choice(), password: None }];
        self.party.receive_croc(CrocReceiveOrder {
            search: CrocSearch::at(code, &relays, true),
            path_mode: PathMode::RelayOnly,
            output: output.unwrap_or_else(|| Output::Folder(self.target.path().to_owned())),
            unfinished: self.unfinished.clone(),
        })
    }

    /// Receives and accepts whatever is offered.
    pub async fn receive(&self, relay: &CrocRelay) -> Received {
        self.receive_with(relay, None, Choices::default()).await
    }

    pub async fn receive_with(
        &self,
        relay: &CrocRelay,
        output: Option<Output>,
        choices: Choices,
    ) -> Received {
        let mut receiving = self.begin(relay, CODE, output);
        let mut looked_at = 0;
        while !receiving.has_ended() {
            let is_offer = |notice: &Notice| matches!(notice, Notice::Offer(_));
            if looked_at == 0 && receiving.notices.iter().any(is_offer) {
                looked_at = 1;
                self.party.accept(&receiving, choices.clone());
            }
            receiving.next_event().await;
        }
        Received { notices: receiving.notices.drain(..).collect(), result: receiving.into_end() }
    }

    /// Receives from an honest sender that sends all of this, and returns what was asked for.
    pub async fn exchange(&self, version: Version, goods: &Goods) -> (Received, Sent) {
        let relay = CrocRelay::start().await;
        self.exchange_at(&relay, version, goods).await
    }

    pub async fn exchange_at(&self, relay: &CrocRelay, version: Version, goods: &Goods) -> (Received, Sent) {
        let sender = WaitingCroc::new(relay).await;
        tokio::join!(self.receive(relay), sender.send(version, goods))
    }
}
