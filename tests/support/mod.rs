//! A relay on ports that the system chooses, and clients that speak to it over raw sockets, byte by byte as the protocol says,
//! so that a test can do wrong on purpose what the real client does right.

#![allow(dead_code, reason = "the tests of the window use a part of it")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[cfg(feature = "croc")]
pub mod croc;
#[cfg(feature = "croc")]
pub mod croc_receiver;
#[cfg(feature = "croc")]
pub mod croc_world;
pub mod cutter;
pub mod encounter;
pub mod engine;
pub mod iroh;
#[cfg(target_os = "linux")]
pub mod network;
pub mod peer;
pub mod process;
pub mod proxy;
pub mod quic;
pub mod stage;
pub mod tree;
pub mod wiretap;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use caiman::{
    net::{
        self,
        access::{AccessClaim, AccessProof},
    },
    protocol::{
        Role, VERSION, frame,
        relay::{
            ClientToken, ConnectionKind, Hello, LANE_PAIRED, LaneHello, LaneToken, MAX_FRAME, Refusal, Reply,
            RoomId, Welcome,
        },
    },
    relay::{Relay, RelayConfig},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub const ROOM: RoomId = RoomId([1; 16]);
pub const OTHER_ROOM: RoomId = RoomId([2; 16]);
pub const FIRST: &[u8] = b"what the sender says first";

/// How long a wait may take before it counts as a hang and fails. Much longer than anything here takes, even on a machine that
/// is busy with something else.
const GUARD: Duration = Duration::from_mins(2);

/// Runs a part of a test that must not hang.
pub async fn within<T>(what: &str, body: impl Future<Output = T>) -> T {
    timeout(GUARD, body).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// A relay that serves in this process.
pub struct TestRelay {
    pub addr: SocketAddr,
    pub data_ports: Vec<u16>,
    /// The ports for clients that have croc, the control port first.
    pub croc_ports: Vec<u16>,
    pub metrics_addr: SocketAddr,
    pub shutdown: CancellationToken,
    pub kill: CancellationToken,
    serving: JoinHandle<()>,
}

impl TestRelay {
    /// A relay on 127.0.0.1, on one port for everything, with metrics, and with the changes that `change` makes to the
    /// defaults. Joins and tries are hardly limited.
    pub async fn start(change: impl FnOnce(&mut RelayConfig)) -> Self {
        let mut config = RelayConfig {
            host: Some(Ipv4Addr::LOCALHOST.into()),
            port: 0,
            data_ports: Vec::new(),
            metrics: Some((Ipv4Addr::LOCALHOST, 0).into()),
            ..RelayConfig::default()
        };
        // Tests come back more often than users do.
        config.limits.joins_per_minute = 1_000_000;
        config.limits.tries_per_minute = 1_000_000;
        change(&mut config);
        let relay = Relay::bind(config).await.unwrap();
        let shutdown = CancellationToken::new();
        Self {
            addr: relay.local_addr(),
            data_ports: relay.data_ports().to_vec(),
            croc_ports: relay.croc_ports().to_vec(),
            metrics_addr: relay.metrics_addr().unwrap(),
            kill: relay.kill_token(),
            shutdown: shutdown.clone(),
            serving: tokio::spawn(relay.serve(shutdown)),
        }
    }

    /// Waits until the relay has ended by itself.
    pub async fn ended(self) {
        within("the relay's end", self.serving).await.unwrap();
    }

    /// Ends the relay at once, with every task joined.
    pub async fn stop(self) {
        self.kill.cancel();
        self.ended().await;
    }

    /// The value of one sample of `/metrics`, named without its prefix.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = http_get(self.metrics_addr, "/metrics").await;
        let prefix = format!("caiman_relay_{name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
    }
}

/// The whole answer to one request.
pub async fn http_get(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: relay\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("the metrics", stream.read_to_string(&mut answer)).await.unwrap();
    answer
}

/// A control connection.
pub struct Client {
    pub stream: TcpStream,
    pub welcome: Welcome,
}

impl Client {
    /// Connects, sends the opening and reads the welcome.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::greet(TcpStream::connect(addr).await.unwrap()).await
    }

    /// Connects from a chosen loopback address, sends the opening and reads the welcome.
    pub async fn connect_from(from: [u8; 4], addr: SocketAddr) -> Self {
        Self::greet(connect_from(from, addr).await.unwrap()).await
    }

    /// Sends a correct hello.
    pub async fn hello(&mut self, role: Role, room: RoomId) {
        self.say(&hello(role, room)).await;
    }

    /// Sends this hello.
    pub async fn say(&mut self, hello: &Hello) {
        self.send(&frame::encode(hello)).await;
    }

    /// Asks the relay to prove that it knows `password`.
    pub async fn ask(&mut self, password: &str) -> AccessClaim {
        let (claim, request) = AccessClaim::new(&password.into());
        self.send(&frame::encode(&request)).await;
        claim
    }

    /// Asks the relay to prove that it knows `password`. Returns the client's proof, or `None` if the relay has another password.
    pub async fn claim(&mut self, password: &str) -> Option<AccessProof> {
        let claim = self.ask(password).await;
        let Reply::Access { point, tag } = self.reply().await else {
            panic!("the relay should prove itself")
        };
        claim.check(&self.welcome, &point, &tag)
    }

    /// Sends a correct hello with a proof of `password`.
    pub async fn hello_with(&mut self, role: Role, room: RoomId, password: &str) {
        let proof = self.claim(password).await.expect("the relay has this password");
        self.say(&proof.put_into(hello(role, room))).await;
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next reply.
    pub async fn reply(&mut self) -> Reply {
        within("an answer", net::io::read(&mut self.stream, MAX_FRAME)).await.unwrap()
    }

    /// The refusal that must come next, followed by a clean end.
    pub async fn refusal(mut self) -> Refusal {
        let Reply::Refused(refusal) = self.reply().await else { panic!("the relay should have refused") };
        assert_eq!(read_to_end(&mut self.stream).await.unwrap(), b"", "something followed a refusal");
        refusal
    }

    /// The token that must come next, with the sender's first message.
    pub async fn paired(&mut self) -> (LaneToken, Vec<u8>) {
        match self.reply().await {
            Reply::Paired { token, first } => (token, first),
            other => panic!("the relay should have paired two clients, and said {other:?}"),
        }
    }

    async fn greet(mut stream: TcpStream) -> Self {
        let opening = [&ConnectionKind::Control.to_bytes()[..], &frame::PADDING].concat();
        stream.write_all(&opening).await.unwrap();
        let welcome = net::io::read_padded(&mut stream, MAX_FRAME);
        let welcome = within("the relay's welcome", welcome).await.unwrap();
        Self { stream, welcome }
    }
}

/// A correct hello of a client that nobody knows.
pub fn hello(role: Role, room: RoomId) -> Hello {
    let first = if role == Role::Sender { FIRST.to_vec() } else { Vec::new() };
    let (client_token, waits) = (client_token(), false);
    Hello { version: VERSION, features: 0, role, room, client_token, waits, proof: None, first }
}

/// A token that no other client has.
pub fn client_token() -> ClientToken {
    let mut token = [0; 16];
    getrandom::fill(&mut token).unwrap();
    ClientToken(token)
}

/// A sender that waits in `room`.
pub async fn waiting_sender(addr: SocketAddr, room: RoomId) -> Client {
    let mut sender = Client::connect(addr).await;
    sender.hello(Role::Sender, room).await;
    assert_eq!(sender.reply().await, Reply::Waiting);
    sender
}

/// A sender and a receiver that met in `room`.
pub async fn pair(addr: SocketAddr, room: RoomId) -> (Client, Client, LaneToken) {
    let mut sender = waiting_sender(addr, room).await;
    let mut receiver = Client::connect(addr).await;
    receiver.hello(Role::Receiver, room).await;
    let (token, first) = receiver.paired().await;
    assert_eq!(first, FIRST);
    assert_eq!(sender.paired().await, (token, Vec::new()));
    (sender, receiver, token)
}

/// A lane that has sent its hello and nothing more.
pub async fn lane(addr: SocketAddr, token: LaneToken, lane: u16, role: Role) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&LaneHello { token, lane, role }.to_bytes()).await.unwrap();
    stream
}

/// Both ends of a lane that is ready.
pub async fn paired_lane(addr: SocketAddr, token: LaneToken, number: u16) -> (TcpStream, TcpStream) {
    let mut sender = lane(addr, token, number, Role::Sender).await;
    let mut receiver = lane(addr, token, number, Role::Receiver).await;
    for end in [&mut sender, &mut receiver] {
        assert_eq!(within("a lane's other end", end.read_u8()).await.unwrap(), LANE_PAIRED);
    }
    (sender, receiver)
}

/// The refusal that must come on a lane, followed by a clean end.
pub async fn lane_refusal(mut lane: TcpStream) -> Refusal {
    let answer = read_to_end(&mut lane).await.unwrap();
    assert_eq!(answer.len(), 1, "one byte refuses a lane");
    assert_ne!(answer[0], LANE_PAIRED);
    Refusal::from_lane_byte(answer[0])
}

/// Sends `bytes`, ends its own direction, and returns what came from the other end.
pub async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = stream.split();
    let mut received = Vec::new();
    let send = async {
        writer.write_all(bytes).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    within("bytes that are passed on", async { tokio::join!(send, reader.read_to_end(&mut received)).1 })
        .await
        .unwrap();
    received
}

/// Why a client that makes no mistake is not let into [`ROOM`].
pub async fn refused(addr: SocketAddr, role: Role) -> Refusal {
    let mut client = Client::connect(addr).await;
    client.hello(role, ROOM).await;
    client.refusal().await
}

/// Connects from a chosen loopback address.
pub async fn connect_from(from: [u8; 4], addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::from(from), 0))?;
    socket.connect(addr).await
}

/// Reads everything until the other side's end.
pub async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    within("the end of a connection", stream.read_to_end(&mut bytes)).await?;
    Ok(bytes)
}

/// Waits for the other side's end, clean or not, before which it must say nothing.
pub async fn closed_in_silence(stream: &mut TcpStream) {
    if let Ok(bytes) = read_to_end(stream).await {
        assert_eq!(bytes, b"");
    }
}

/// Bytes without a pattern that a copying mistake could preserve. The same seed always gives the same bytes.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
