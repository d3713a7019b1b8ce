//! [`HostilePeer`]: the other end of a transfer, with the right keys and bad intentions. It meets the honest end through a real
//! relay, of Caiman's own kind or of iroh's, and then says, seals and sends whatever a test wants, byte by byte as the protocol
//! does it.
//!
//! What it writes may meet a closed connection, because the honest end is free to leave at the first wrong byte. So writing
//! never fails here. What counts is what the honest end says last and how it ends.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use caiman::{
    code::CodePhrase,
    crypto::{
        Channel, ChannelKeys, Nonces, Opener, Pake, ReconnectKey, Root, Sealer, SharedKey, Side, Stretch,
        Transcript, derive,
        record::{HEADER_LEN, plaintext_offset},
    },
    net::{
        self,
        internet::{Connection, QuicStream},
    },
    protocol::{
        Role, VERSION, frame,
        manifest::{OfferKind, RawEntry, RawKind},
        peer::{
            Addresses, DirectPurpose, EndpointId, First, FromReceiver, FromSender, MAX_CONTROL,
            MAX_HANDSHAKE, ReceiverFirst, ReceiverHello, ReconnectAnswer, ReconnectHello, ReconnectProof,
            SenderHello, SenderId, SenderVerdict, Trouble, Way,
        },
        relay::{Hello, LANE_PAIRED, LaneToken, Refusal, Reply, RoomId},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    sync::mpsc,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use super::{
    Client, client_token,
    iroh::over_quic,
    lane,
    quic::{HostileEndpoint, call_for},
    read_to_end, within,
};

/// The PBKDF2 iterations of every handshake here: as few as an honest receiver accepts, because there are many tests.
pub const ITERATIONS: u32 = 100_000;

/// Where a hostile peer meets the honest end.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// At this relay.
    Relay(SocketAddr),
    /// Over the internet, through this iroh relay.
    Iroh(SocketAddr),
}

impl From<SocketAddr> for Place {
    fn from(relay: SocketAddr) -> Self {
        Self::Relay(relay)
    }
}

/// How a hostile receiver has lanes opened.
pub fn lane_way() -> Way {
    if over_quic() { Way::Internet } else { Way::Relay }
}

/// A connection of any kind.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// A connection to the honest end.
pub struct Contact {
    pub stream: BufReader<Box<dyn Stream>>,
    line: Line,
}

/// What carries a connection, and the lanes that follow.
enum Line {
    Relay { addr: SocketAddr, token: LaneToken },
    Iroh(Arc<HostileEndpoint>),
}

impl Contact {
    fn new(stream: impl Stream + 'static, line: Line) -> Self {
        Self { stream: BufReader::new(Box::new(stream)), line }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }
}

/// A sender's name that no other sender has.
fn fresh_id() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
}

/// A code that no other test uses.
pub fn code() -> CodePhrase {
    CodePhrase::generate(4).unwrap()
}

/// Another code for the same room.
pub fn wrong_code(right: &CodePhrase) -> CodePhrase {
    let room: Vec<&str> = right.words().take(2).collect();
    loop {
        let secret = code();
        let words: Vec<&str> = room.iter().copied().chain(secret.words().skip(2)).collect();
        let wrong = CodePhrase::parse(&words.join("-")).unwrap();
        if wrong != *right {
            return wrong;
        }
    }
}

/// Sends the relay a hello with `first`, whatever that is.
pub async fn enter(relay: SocketAddr, role: Role, code: &CodePhrase, first: Vec<u8>) -> Client {
    let mut client = Client::connect(relay).await;
    let room = RoomId(code.room());
    client
        .send(&frame::encode(&Hello {
            version: VERSION,
            features: 0,
            role,
            room,
            client_token: client_token(),
            waits: false,
            proof: None,
            first,
        }))
        .await;
    client
}

/// A sender that waits under its code.
pub struct WaitingSender {
    room: Room,
    code: CodePhrase,
    pake: Pake,
    first: Vec<u8>,
}

/// The code's room, in which a sender waits.
enum Room {
    Relay(Client, SocketAddr),
    Iroh(Arc<HostileEndpoint>),
}

impl Room {
    async fn enter(place: Place, code: &CodePhrase, first: &[u8]) -> Self {
        let relay = match place {
            Place::Iroh(iroh) => return Self::Iroh(HostileEndpoint::bind(iroh, Some(code)).await),
            Place::Relay(relay) => relay,
        };
        within("a place in the code's room", async {
            loop {
                let mut client = enter(relay, Role::Sender, code, first.to_vec()).await;
                match client.reply().await {
                    Reply::Waiting => break Self::Relay(client, relay),
                    // The relay is still ending the last pair.
                    Reply::Refused(Refusal::RoleTaken) => sleep(Duration::from_millis(5)).await,
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
    }

    /// Waits for a receiver, which hears `first`.
    async fn contact(self, first: &[u8]) -> Contact {
        match self {
            Self::Relay(mut client, addr) => {
                let (token, _) = client.paired().await;
                Contact::new(client.stream, Line::Relay { addr, token })
            }
            Self::Iroh(endpoint) => {
                let stream = within("a receiver", endpoint.greet(first)).await;
                Contact::new(stream, Line::Iroh(endpoint))
            }
        }
    }
}

impl WaitingSender {
    pub async fn new(place: impl Into<Place>, code: &CodePhrase) -> Self {
        Self::with(place, code, |_| ()).await
    }

    /// A sender whose hello `change` has modified.
    pub async fn with(
        place: impl Into<Place>,
        code: &CodePhrase,
        change: impl FnOnce(&mut SenderHello),
    ) -> Self {
        let (pake, message) = Pake::start(Side::Sender, code.as_bytes(), &code.room(), VERSION);
        let mut hello = SenderHello {
            version: VERSION,
            features: 0,
            sender: SenderId(fresh_id()),
            pake: message,
            iterations: ITERATIONS,
            metadata_salt: [1; 8],
            data_salt: [2; 8],
        };
        change(&mut hello);
        let first = frame::to_bytes(&First::Hello(hello));
        Self::saying(place, code, pake, first).await
    }

    /// A sender that says nothing but `first`, whatever that is.
    pub async fn saying_only(place: impl Into<Place>, code: &CodePhrase, first: Vec<u8>) -> Self {
        let (pake, _) = Pake::start(Side::Sender, code.as_bytes(), &code.room(), VERSION);
        Self::saying(place, code, pake, first).await
    }

    async fn saying(place: impl Into<Place>, code: &CodePhrase, pake: Pake, first: Vec<u8>) -> Self {
        let room = Room::enter(place.into(), code, &first).await;
        Self { room, code: code.clone(), pake, first }
    }

    /// Waits for the receiver and its proof, and proves itself.
    pub async fn meet(self) -> HostilePeer {
        let mut greeted = self.greeted().await;
        let verdict = SenderVerdict::Confirmed { tag: greeted.tag };
        greeted.client.send(&frame::encode(&verdict)).await;
        let Greeted { client, key, code, .. } = greeted;
        HostilePeer::new(client, code, key, Side::Sender, [ITERATIONS; 2], [[1; 8], [2; 8]]).await
    }

    /// Waits for the receiver and its proof, and says nothing yet.
    pub async fn greeted(self) -> Greeted {
        let mut client = self.room.contact(&self.first).await;
        let theirs: ReceiverFirst =
            within("a handshake message", net::io::read(&mut client.stream, MAX_HANDSHAKE)).await.unwrap();
        let hello: ReceiverHello = frame::from_bytes(&theirs.hello).unwrap();
        let transcript = Transcript::new(&self.first, &theirs.hello);
        let key = self.pake.finish(&hello.pake).unwrap();
        key.check(Side::Receiver, &transcript, &theirs.tag).unwrap();
        let tag = key.confirm(Side::Sender, &transcript);
        let their_tag = theirs.tag;
        Greeted { client, key, tag, their_tag, code: self.code }
    }

    /// Waits until a receiver has come and gone again, and returns what it said.
    pub async fn abandoned(self) -> Vec<u8> {
        let mut contact = self.room.contact(&self.first).await;
        // It may have broken the connection rather than closed it; then it has said nothing.
        read_to_end(&mut contact.stream).await.unwrap_or_default()
    }
}

/// A sender whose verdict is due.
pub struct Greeted {
    pub client: Contact,
    /// The tag that would prove this end.
    pub tag: [u8; 32],
    /// The tag that proved the receiver.
    pub their_tag: [u8; 32],
    key: SharedKey,
    code: CodePhrase,
}

/// A receiver that has joined an honest sender and said nothing yet.
pub struct JoinedReceiver {
    pub client: Contact,
    /// The sender's first message as it arrived.
    pub first: Vec<u8>,
}

impl JoinedReceiver {
    /// Joins as soon as the sender is back in its room.
    pub async fn new(place: impl Into<Place>, code: &CodePhrase) -> Self {
        let addr = match place.into() {
            Place::Relay(relay) => relay,
            Place::Iroh(iroh) => {
                let endpoint = HostileEndpoint::bind(iroh, None).await;
                let (stream, first) = endpoint.join(code).await;
                return Self { client: Contact::new(stream, Line::Iroh(endpoint)), first };
            }
        };
        within("the sender's room", async {
            loop {
                let mut client = enter(addr, Role::Receiver, code, Vec::new()).await;
                match client.reply().await {
                    Reply::Paired { token, first } => {
                        let client = Contact::new(client.stream, Line::Relay { addr, token });
                        return Self { client, first };
                    }
                    other => assert!(matches!(other, Reply::Refused(_)), "{other:?} came to a receiver"),
                }
            }
        })
        .await
    }

    /// The sender's first message.
    pub fn sender_hello(&self) -> SenderHello {
        match frame::from_bytes(&self.first).unwrap() {
            First::Hello(hello) => hello,
            First::Retired => panic!("the code is retired"),
        }
    }

    /// The honest answer to the sender's first message, and the key that results. With a wrong code it is still the honest
    /// answer of a user who mistyped the code.
    pub fn answer(&self, code: &CodePhrase) -> (ReceiverFirst, SharedKey, Transcript) {
        let (pake, message) = Pake::start(Side::Receiver, code.as_bytes(), &code.room(), VERSION);
        let key = pake.finish(&self.sender_hello().pake).unwrap();
        let hello = frame::to_bytes(&ReceiverHello { version: VERSION, features: 0, pake: message });
        let transcript = Transcript::new(&self.first, &hello);
        let tag = key.confirm(Side::Receiver, &transcript);
        (ReceiverFirst { hello, tag }, key, transcript)
    }

    /// Sends `answer` and reads the verdict.
    pub async fn try_answer(&mut self, answer: &ReceiverFirst) -> SenderVerdict {
        self.client.send(&frame::encode(answer)).await;
        self.verdict().await
    }

    /// The sender's verdict, which must come next.
    pub async fn verdict(&mut self) -> SenderVerdict {
        within("a handshake message", net::io::read(&mut self.client.stream, MAX_HANDSHAKE)).await.unwrap()
    }

    /// Proves itself with the right code.
    pub async fn meet(mut self, code: &CodePhrase) -> HostilePeer {
        let hello = self.sender_hello();
        let (answer, key, transcript) = self.answer(code);
        let SenderVerdict::Confirmed { tag } = self.try_answer(&answer).await else {
            panic!("the sender refused a right code");
        };
        key.check(Side::Sender, &transcript, &tag).unwrap();
        let salts = [hello.metadata_salt, hello.data_salt];
        let iterations = [hello.iterations; 2];
        HostilePeer::new(self.client, code.clone(), key, Side::Receiver, iterations, salts).await
    }
}

/// The other end of a transfer, with the right keys and bad intentions.
pub struct HostilePeer {
    stream: BufReader<Box<dyn Stream>>,
    side: Side,
    line: Line,
    sealer: Sealer,
    opener: Opener,
    data: Option<ChannelKeys>,
    secret: Arc<(CodePhrase, SharedKey)>,
    stretch: Stretch,
    /// The key with which the session can be resumed.
    reconnect: Arc<ReconnectKey>,
    /// Bytes written on the control connection.
    pub said: u64,
    /// The number of the link.
    link: u64,
    online: Online,
}

/// What a peer needs beside that over the internet.
#[derive(Default)]
struct Online {
    /// The honest sender's endpoint, which it has named.
    endpoint: Option<EndpointId>,
    /// A receiver's connection to it.
    connection: Option<Connection>,
    /// The connection on which the two have met, once they have moved on to another.
    met_on: Option<BufReader<Box<dyn Stream>>>,
    /// Brings the streams on which an honest receiver calls.
    streams: Option<mpsc::UnboundedReceiver<(DirectPurpose, QuicStream)>>,
    /// Those that this sender hasn't used yet. The call to reconnect stays among them.
    called: Vec<(DirectPurpose, QuicStream)>,
    /// A record that was read too early.
    early: Option<Vec<u8>>,
}

impl HostilePeer {
    async fn new(
        client: Contact,
        code: CodePhrase,
        key: SharedKey,
        side: Side,
        iterations: [u32; 2],
        salts: [[u8; 8]; 2],
    ) -> Self {
        let secret = Arc::new((code, key));
        let [metadata, stretch] = [0, 1].map(|at| Stretch::checked(iterations[at], salts[at]).unwrap());
        let shared = Arc::clone(&secret);
        let root = spawn_blocking(move || Root::stretch(shared.0.as_bytes(), &shared.1, &metadata));
        let root = root.await.unwrap();
        let keys = root.keys(Channel::Metadata);
        let Contact { stream, line } = client;
        let mut peer = Self {
            stream,
            side,
            line,
            sealer: Sealer::new(keys.sent_by(side), 0),
            opener: Opener::new(keys.sent_by(side.other()), 0, MAX_CONTROL),
            data: None,
            secret,
            stretch,
            reconnect: Arc::new(root.reconnect_key()),
            said: 0,
            link: 0,
            online: Online::default(),
        };
        peer.go_online().await;
        peer
    }

    /// Over the internet, does what both sides do before the offer: a sender names its endpoint, a receiver moves on from the
    /// connection on which the two have met. A sender stays on it.
    async fn go_online(&mut self) {
        let Line::Iroh(endpoint) = &self.line else { return };
        let endpoint = Arc::clone(endpoint);
        match self.side {
            Side::Sender => {
                self.online.streams = Some(endpoint.serve(&self.reconnect));
                let (sockets, endpoint) = (Vec::new(), Some(endpoint.id()));
                self.say(&FromSender::Addresses(Addresses { sockets, endpoint })).await;
                // The receiver names none, but it always answers.
                self.hear_first().await;
            }
            Side::Receiver => {
                self.hear_first().await;
                if let Some(id) = self.online.endpoint {
                    self.online.connection = Some(endpoint.call(id).await);
                    self.call_for(DirectPurpose::Probe).await;
                    self.move_on().await;
                }
            }
        }
    }

    /// Hears what should be the other side's addresses, and keeps it if it is something else.
    async fn hear_first(&mut self) {
        loop {
            let Some(heard) = within("a record", self.hear_record()).await else { return };
            let (_, message) = frame::split::<u64>(&heard).unwrap();
            match message {
                [] => {}
                message if self.takes_note_of(message) => return,
                _ => {
                    self.online.early = Some(heard);
                    return;
                }
            }
        }
    }

    /// Whether this is a message about addresses, of which a test need not know.
    fn takes_note_of(&mut self, message: &[u8]) -> bool {
        if !matches!(self.line, Line::Iroh(_)) {
            return false;
        }
        match self.side {
            Side::Sender => {
                matches!(frame::from_bytes::<FromReceiver>(message), Ok(FromReceiver::Addresses(_)))
            }
            Side::Receiver => match frame::from_bytes::<FromSender>(message) {
                Ok(FromSender::Addresses(addresses)) => {
                    self.online.endpoint = addresses.endpoint;
                    true
                }
                _ => false,
            },
        }
    }

    /// A new stream to the honest sender.
    async fn call_for(&self, purpose: DirectPurpose) -> Box<dyn Stream> {
        let Line::Iroh(endpoint) = &self.line else { unreachable!("only over the internet") };
        let connection = self.online.connection.as_ref().expect("the sender has named its endpoint");
        Box::new(endpoint.own(call_for(connection, &self.reconnect.direct(), purpose).await))
    }

    /// Reconnects to the honest sender, as a receiver does as soon as it can.
    async fn move_on(&mut self) {
        let mut stream = self.call_for(DirectPurpose::Reconnect).await;
        let ReconnectHello { nonce: theirs } =
            within("a handshake message", net::io::read(&mut stream, MAX_HANDSHAKE)).await.unwrap();
        let nonces = Nonces { sender: theirs, receiver: ReconnectKey::nonce().unwrap() };
        let tag = self.reconnect.prove(Side::Receiver, &nonces);
        net::io::write(&mut stream, &ReconnectAnswer { nonce: nonces.receiver, tag }).await.unwrap();
        let ReconnectProof { tag } =
            within("a handshake message", net::io::read(&mut stream, MAX_HANDSHAKE)).await.unwrap();
        self.reconnect.check(Side::Sender, &nonces, &tag).unwrap();
        let keys = self.reconnect.keys(Channel::Metadata, &nonces);
        self.sealer = Sealer::new(keys.sent_by(Side::Receiver), 0);
        self.opener = Opener::new(keys.sent_by(Side::Sender), 0, MAX_CONTROL);
        self.data = Some(self.reconnect.keys(Channel::Data, &nonces));
        self.link = u64::from_be_bytes(*nonces.sender.first_chunk().unwrap());
        self.online.met_on = Some(std::mem::replace(&mut self.stream, BufReader::new(stream)));
        // From now on, the sender says everything again that it has said before.
        let heartbeat = self.heartbeat();
        self.send(&heartbeat).await;
        self.said = 0;
    }

    /// Lets the control connection break.
    pub fn lose(&mut self) {
        self.stream = BufReader::new(Box::new(tokio::io::duplex(1).0));
    }

    /// The key with which the session can be resumed.
    pub fn key(&self) -> Arc<ReconnectKey> {
        Arc::clone(&self.reconnect)
    }

    /// A new connection to the honest end, on which nothing is proven yet.
    pub async fn come_back(&mut self) -> Contact {
        match (&self.line, self.side) {
            (Line::Relay { addr, .. }, side) => {
                let role = if side == Side::Sender { Role::Sender } else { Role::Receiver };
                meet_again(*addr, role, self.reconnect.room()).await
            }
            (Line::Iroh(endpoint), Side::Sender) => {
                let endpoint = Arc::clone(endpoint);
                let stream = endpoint.own(self.called_for(DirectPurpose::Reconnect).await);
                Contact::new(stream, Line::Iroh(endpoint))
            }
            (Line::Iroh(endpoint), Side::Receiver) => {
                let stream = self.call_for(DirectPurpose::Reconnect).await;
                Contact::new(stream, Line::Iroh(Arc::clone(endpoint)))
            }
        }
    }

    /// A control message as a record, to be sent, changed or kept.
    pub fn seal(&mut self, message: &impl Serialize) -> Vec<u8> {
        // It says that nothing was heard, so the honest end keeps everything that it has said.
        self.seal_bytes(&frame::to_bytes(&(0u64, message)))
    }

    /// A record without a message.
    pub fn heartbeat(&mut self) -> Vec<u8> {
        self.seal_bytes(&frame::to_bytes(&0u64))
    }

    /// Any plaintext as a control record.
    pub fn seal_bytes(&mut self, plaintext: &[u8]) -> Vec<u8> {
        self.sealer.seal_message(plaintext).unwrap()
    }

    /// Sends a control message.
    pub async fn say(&mut self, message: &impl Serialize) {
        let record = self.seal(message);
        self.send(&record).await;
    }

    /// Writes bytes on the control connection as they are, and says whether the connection still took them.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.said += bytes.len() as u64;
        within("a lane to take bytes", self.stream.write_all(bytes)).await.is_ok()
    }

    /// Whether the honest end has said nothing that was not read yet.
    pub async fn is_quiet(&mut self) -> bool {
        timeout(Duration::ZERO, self.stream.fill_buf()).await.is_err()
    }

    /// The next control message that is not a heartbeat; `None` once the honest end has left.
    pub async fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let heard = within("a record", self.hear_record()).await?;
            let (_, message) = frame::split::<u64>(&heard).unwrap();
            if !message.is_empty() && !self.takes_note_of(message) {
                return Some(frame::from_bytes(message).unwrap());
            }
        }
    }

    /// The next control record, whatever it contains.
    pub async fn hear_record(&mut self) -> Option<Vec<u8>> {
        if let Some(early) = self.online.early.take() {
            return Some(early);
        }
        let mut header = [0; HEADER_LEN];
        self.stream.read_exact(&mut header).await.ok()?;
        let due = self.opener.begin(&header).unwrap();
        let mut rest = vec![0; due.rest];
        self.stream.read_exact(&mut rest).await.ok()?;
        Some(self.opener.open(&header, &mut rest).unwrap().to_vec())
    }

    /// The reason that the honest end gave in its last message; `None` if it left without one.
    pub async fn last_word(&mut self) -> Option<Trouble> {
        loop {
            match self.side {
                Side::Sender => match self.hear::<FromReceiver>().await? {
                    FromReceiver::Failed(trouble) => return Some(trouble),
                    FromReceiver::Complete { .. } => return None,
                    _ => {}
                },
                Side::Receiver => {
                    if let FromSender::Failed(trouble) = self.hear::<FromSender>().await? {
                        return Some(trouble);
                    }
                }
            }
        }
    }

    /// Opens the lanes from 0 up to but not including `count`, whose other ends the honest end opens now.
    pub async fn open_lanes(&mut self, count: u16) -> Vec<Lane> {
        if self.data.is_none() {
            self.data = Some(keys(Channel::Data, &self.secret, self.stretch).await);
        }
        let mut lanes = Vec::new();
        for number in 0..count {
            let stream = self.open_lane(number).await;
            let keys = self.data.as_ref().unwrap().sent_by(Side::Sender);
            let sealer = Sealer::new(keys, number);
            lanes.push(Lane { stream, sealer, opener: Opener::new(keys, number, 2 << 20) });
        }
        lanes
    }

    async fn open_lane(&mut self, number: u16) -> Box<dyn Stream> {
        let purpose = DirectPurpose::Lane { link: self.link, lane: number };
        match (&self.line, self.side) {
            (Line::Relay { addr, token }, side) => {
                let role = if side == Side::Sender { Role::Sender } else { Role::Receiver };
                let mut stream = lane(*addr, *token, number, role).await;
                assert_eq!(within("a lane's other end", stream.read_u8()).await.unwrap(), LANE_PAIRED);
                Box::new(stream)
            }
            (Line::Iroh(endpoint), Side::Sender) => {
                let endpoint = Arc::clone(endpoint);
                Box::new(endpoint.own(self.called_for(purpose).await))
            }
            (Line::Iroh(_), Side::Receiver) => self.call_for(purpose).await,
        }
    }

    /// The stream on which the honest receiver calls for this purpose.
    async fn called_for(&mut self, purpose: DirectPurpose) -> QuicStream {
        let Online { streams, called, .. } = &mut self.online;
        loop {
            if let Some(at) = called.iter().position(|(found, _)| *found == purpose) {
                return called.swap_remove(at).1;
            }
            called.push(within("a call", streams.as_mut().unwrap().recv()).await.unwrap());
        }
    }

    /// A sealer of blocks for a lane, which need not exist.
    pub async fn block_sealer(&mut self, lane: u16) -> Sealer {
        if self.data.is_none() {
            self.data = Some(keys(Channel::Data, &self.secret, self.stretch).await);
        }
        Sealer::new(self.data.as_ref().unwrap().sent_by(Side::Sender), lane)
    }
}

/// Meets the honest end that waits in the room to reconnect.
async fn meet_again(addr: SocketAddr, role: Role, room: [u8; 16]) -> Contact {
    within("the room in which both sides meet again", async {
        loop {
            let mut client = Client::connect(addr).await;
            let (room, first) = (RoomId(room), Vec::new());
            let hello = Hello {
                version: VERSION,
                features: 0,
                role,
                room,
                client_token: client_token(),
                waits: true,
                proof: None,
                first,
            };
            client.send(&frame::encode(&hello)).await;
            loop {
                match client.reply().await {
                    Reply::Waiting => {}
                    Reply::Paired { token, .. } => {
                        return Contact::new(client.stream, Line::Relay { addr, token });
                    }
                    // The relay has not yet removed the connection before this one.
                    Reply::Refused(_) => break,
                    Reply::Access { .. } => panic!("this relay has no password"),
                }
            }
        }
    })
    .await
}

async fn keys(channel: Channel, secret: &Arc<(CodePhrase, SharedKey)>, stretch: Stretch) -> ChannelKeys {
    let secret = Arc::clone(secret);
    spawn_blocking(move || derive(channel, secret.0.as_bytes(), &secret.1, &stretch)).await.unwrap()
}

/// One end of a lane.
pub struct Lane {
    pub stream: Box<dyn Stream>,
    sealer: Sealer,
    opener: Opener,
}

impl Lane {
    /// A block as a record, the next in the order of this lane.
    pub fn seal(&mut self, index: u64, bytes: &[u8]) -> Vec<u8> {
        seal_block(&mut self.sealer, index, bytes)
    }

    /// Writes bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        // The honest end may have left, which is no failure here.
        let _ = within("the connection to take bytes", self.stream.write_all(bytes)).await;
    }

    /// The next block and its index.
    pub async fn take(&mut self) -> Option<(u64, Vec<u8>)> {
        within("a block", async {
            let mut header = [0; HEADER_LEN];
            self.stream.read_exact(&mut header).await.ok()?;
            let due = self.opener.begin(&header).unwrap();
            let mut rest = vec![0; due.rest];
            self.stream.read_exact(&mut rest).await.ok()?;
            Some((due.block, self.opener.open(&header, &mut rest).unwrap().to_vec()))
        })
        .await
    }
}

/// A block as a record of the lane that `sealer` is for.
pub fn seal_block(sealer: &mut Sealer, index: u64, bytes: &[u8]) -> Vec<u8> {
    let mut record = vec![0; plaintext_offset(Channel::Data)];
    record.extend_from_slice(bytes);
    sealer.seal(index, &mut record).unwrap();
    record
}

pub fn file(path: &str, size: u64) -> RawEntry {
    RawEntry { path: path.to_owned(), kind: RawKind::File { size, modified: None, executable: false } }
}

pub fn folder(path: &str) -> RawEntry {
    RawEntry { path: path.to_owned(), kind: RawKind::Folder { modified: None } }
}

pub fn link(path: &str, target: &str) -> RawEntry {
    RawEntry { path: path.to_owned(), kind: RawKind::Link { target: target.to_owned(), modified: None } }
}

/// The messages that offer `entries`, with sums that are right as far as possible.
pub fn offer(kind: OfferKind, entries: &[RawEntry]) -> Vec<FromSender> {
    let size = |entry: &RawEntry| if let RawKind::File { size, .. } = entry.kind { size } else { 0 };
    let bytes = entries.iter().map(size).fold(0, u64::saturating_add);
    let opening = FromSender::Offer { kind, entries: entries.len() as u64, bytes, lanes: 2 };
    let mut digest = blake3::Hasher::new();
    for entry in entries {
        digest.update(&frame::to_bytes(entry));
    }
    let end = FromSender::OfferEnd { digest: *digest.finalize().as_bytes() };
    let pages = entries.chunks(1000).map(|page| FromSender::Page(page.to_vec()));
    [opening].into_iter().chain(pages).chain([end]).collect()
}
