//! How a hostile peer meets the honest end: in a code's room at a relay of Caiman's own kind or, over the internet, at an iroh relay;
//! and the handshake, as far as a test wants it to go. What follows is [`super::peer`].

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
    crypto::{Pake, SharedKey, Side, Stretch, Transcript},
    net::{self},
    protocol::{
        Role, VERSION, frame,
        peer::{
            First, MAX_HANDSHAKE, ReceiverFirst, ReceiverHello, SenderHello, SenderId, SenderVerdict, Way,
        },
        relay::{Hello, LaneToken, Refusal, Reply, RoomId},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    time::sleep,
};

use super::{
    Client, client_token, iroh::over_quic, peer::HostilePeer, quic::HostileEndpoint, read_to_end, within,
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
    pub(super) line: Line,
}

/// What carries a connection, and the lanes that follow.
pub(super) enum Line {
    Relay { addr: SocketAddr, token: LaneToken },
    Iroh(Arc<HostileEndpoint>),
}

impl Contact {
    pub(super) fn new(stream: impl Stream + 'static, line: Line) -> Self {
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

/// Another code for the same room, where the code is one that no user sees.
pub fn wrong_secret(right: &CodePhrase) -> CodePhrase {
    let room: Vec<&str> = right.words().take(2).collect();
    CodePhrase::own(&format!("{}-{}", room.join("-"), "wrong-secret-7731")).unwrap()
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
            salt: [1; 8],
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
        let stretch = Stretch::checked(ITERATIONS, [1; 8]).unwrap();
        HostilePeer::new(client, code, key, Side::Sender, stretch).await
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
        let stretch = Stretch::checked(hello.iterations, hello.salt).unwrap();
        HostilePeer::new(self.client, code.clone(), key, Side::Receiver, stretch).await
    }
}
