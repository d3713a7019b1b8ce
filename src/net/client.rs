//! The client's side of a relay: joining a room, waiting for the other client, opening lanes.

use std::{fmt, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    time::{Instant, sleep, timeout},
};

use super::{
    access::{AccessClaim, AccessPassword},
    io as frames,
    proxy::{Proxy, ProxyError},
    segments::{LargePackets, Segments},
    socket::{self, ConnectError},
};
use crate::{
    panics::PanicReport,
    protocol::{
        Role, VERSION, frame,
        relay::{
            ClientToken, ConnectionKind, Hello, LANE_PAIRED, LaneHello, LaneToken, MAX_DATA_PORTS, MAX_FRAME,
            Refusal, Reply, RoomId, Welcome,
        },
    },
};

pub use super::relay_address::{BadRelayAddress, DEFAULT_PORT, RelayAddress};

/// How long one address of a relay may take to answer a connection: time for two lost packets on a slow network.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a relay may take for its part of the opening, which is one round trip and a little work.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// How often [`check`] asks a relay that breaks the connection before its welcome; then the relay counts as gone.
const CHECKS: u32 = 3;
/// The pause between two such checks: a process that is being killed has closed its sockets by then.
const CHECK_PAUSE: Duration = Duration::from_millis(50);
/// How long testing a relay may take in all: connecting and the opening, with the user waiting for the result.
const PROBE_LIMIT: Duration = Duration::from_secs(15);
/// Silence after which the system asks whether the relay is still there, while this client waits in a room to reconnect. A
/// relay that is lost then must be noticed quickly.
const QUICK_KEEPALIVE: Duration = Duration::from_secs(2);
/// How long a lane waits for its other end. Both ends open it at the same time, or within a round trip.
const LANE_LIMIT: Duration = Duration::from_secs(15);

/// A relay that is to be used, its password, and how it is reached.
#[derive(Clone, PartialEq)]
pub struct RelayChoice {
    /// The relay's address.
    pub address: RelayAddress,
    /// The relay's access password, if it has one.
    pub password: Option<AccessPassword>,
    /// The proxy through which it is reached, if any.
    pub proxy: Option<Proxy>,
    /// What is known of large packets on the way to it.
    pub large_packets: LargePackets,
}

impl RelayChoice {
    /// A relay that is reached without a proxy and asks for no password.
    pub fn new(address: RelayAddress) -> Self {
        Self { address, password: None, proxy: None, large_packets: LargePackets::default() }
    }

    /// The error of a relay that doesn't answer in time.
    pub fn silence(&self) -> RelayClientError {
        match &self.proxy {
            Some(proxy) => self.failed_by(proxy, ProxyError::Silent),
            None => RelayClientError::Unreachable {
                address: self.address.clone(),
                cause: io::ErrorKind::TimedOut.into(),
            },
        }
    }

    fn failed_by(&self, proxy: &Proxy, cause: ProxyError) -> RelayClientError {
        RelayClientError::Proxy { address: self.address.clone(), proxy: proxy.to_string(), cause }
    }
}

impl fmt::Debug for RelayChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayChoice").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What can go wrong between a client and its relay.
#[derive(Debug, thiserror::Error)]
pub enum RelayClientError {
    /// No connection to the relay could be made.
    #[error("the relay at {address} can't be reached: {cause}")]
    Unreachable {
        /// The relay.
        address: RelayAddress,
        /// What the system said.
        cause: io::Error,
    },
    /// The relay, or something before it, refuses connections from this machine.
    #[error(
        "the relay at {0} refuses connections: nothing listens there, or this machine may not connect to it"
    )]
    TurnedAway(RelayAddress),
    /// The proxy through which the relay is to be reached is of no help.
    #[error("the relay at {address} can't be reached: the proxy {proxy} {cause}")]
    Proxy {
        /// The relay.
        address: RelayAddress,
        /// The proxy's address, without what is secret.
        proxy: String,
        /// What is wrong with it.
        cause: ProxyError,
    },
    /// The relay's name could not be turned into an address: it is misspelt, or the name service has no network.
    #[error("the relay at {address} can't be found by its name: {cause}")]
    NoSuchHost {
        /// The relay.
        address: RelayAddress,
        /// What the system said.
        cause: io::Error,
    },
    /// Something answers at the address, but it isn't a Caiman relay.
    #[error("what answers at {0} is not a Caiman relay")]
    NotARelay(RelayAddress),
    /// The relay refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection to the relay broke.
    #[error("the connection to the relay was lost")]
    Lost,
    /// This program has a fault: the attempt panicked.
    #[error("something broke in this program ({0})")]
    Internal(PanicReport),
}

/// What [`join`] needs to know.
pub struct Join<'a> {
    /// The relay.
    pub relay: &'a RelayChoice,
    /// An address that the relay had before, which is tried beside those that its name has now.
    pub known: Option<SocketAddr>,
    /// How long one address of the relay may take to answer a connection.
    pub connect_limit: Duration,
    /// This client's role in the room.
    pub role: Role,
    /// The room.
    pub room: RoomId,
    /// This client's own token for the room; the same as before when it comes back.
    pub client_token: ClientToken,
    /// Whether to wait for the other client even as a receiver.
    pub waits: bool,
    /// The sender's first message; empty from a receiver.
    pub first: Vec<u8>,
}

/// A control connection that the relay has accepted.
pub struct Joined {
    stream: TcpStream,
    lanes: LaneAddress,
    /// The relay's answer if both clients were there at once, rather than that this client has to wait.
    reply: Option<Reply>,
}

/// A control connection whose two ends have met.
pub struct Paired {
    /// Every byte from here on belongs to the two peers.
    pub stream: TcpStream,
    /// The sender's first message; empty on the sender's side.
    pub first: Vec<u8>,
    /// Where lanes of this pair are opened.
    pub lanes: LaneAddress,
    /// The token for the lanes of this pair.
    pub token: LaneToken,
}

/// The addresses at which a relay takes lanes.
#[derive(Debug, Clone)]
pub struct LaneAddress {
    relay: RelayChoice,
    /// The control port as it was reached; `None` if only a proxy knows.
    control: Option<SocketAddr>,
    data_ports: Vec<u16>,
}

/// The result of testing a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayCheck {
    /// How long the relay took to answer the first bytes with its welcome.
    pub latency: Duration,
    /// Whether the relay requires a password.
    pub has_password: bool,
}

/// Draws a token for one room.
pub fn draw_client_token() -> io::Result<ClientToken> {
    let mut token = [0; 16];
    getrandom::fill(&mut token).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(ClientToken(token))
}

/// Connects and says hello. For the client that comes first this returns when the room is open, for the second when the relay
/// has answered.
pub async fn join(join: Join<'_>) -> Result<Joined, RelayClientError> {
    let greeted = greet(join.relay, join.known, join.connect_limit).await?;
    enter(greeted, join).await
}

/// Says hello to a relay that has sent its welcome, and reads the answer.
async fn enter(greeted: Greeted, join: Join<'_>) -> Result<Joined, RelayClientError> {
    let Greeted { mut stream, welcome, .. } = greeted;
    if welcome.version != VERSION {
        return Err(Refusal::Version(welcome.version).into());
    }
    if join.waits {
        // A client that has lost its peer may lose the relay too while it waits there.
        socket::keep_alive(&stream, QUICK_KEEPALIVE);
    }
    let hello =
        if welcome.password_required { prove(&mut stream, &join, &welcome).await? } else { join.hello() };
    let exchange = async {
        frames::write(&mut stream, &hello).await?;
        frames::read(&mut stream, MAX_FRAME).await
    };
    let Join { relay, .. } = join;
    match in_time(&relay.address, exchange).await? {
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Access { .. } => Err(RelayClientError::NotARelay(relay.address.clone())),
        reply @ (Reply::Waiting | Reply::Paired { .. }) => {
            let control = match relay.proxy {
                Some(_) => None,
                None => Some(stream.peer_addr().map_err(|_| RelayClientError::Lost)?),
            };
            let mut data_ports = welcome.data_ports;
            data_ports.truncate(MAX_DATA_PORTS);
            let reply = (reply != Reply::Waiting).then_some(reply);
            let lanes = LaneAddress { relay: relay.clone(), control, data_ports };
            Ok(Joined { stream, lanes, reply })
        }
    }
}

/// Has the relay prove that it knows the password, and returns a hello that proves it to the relay. A relay that doesn't know it
/// hears nothing more.
async fn prove(
    stream: &mut TcpStream,
    join: &Join<'_>,
    welcome: &Welcome,
) -> Result<Hello, RelayClientError> {
    let (claim, request) = AccessClaim::new(join.relay.password.as_ref().ok_or(Refusal::PasswordRequired)?);
    let exchange = async {
        frames::write(stream, &request).await?;
        frames::read(stream, MAX_FRAME).await
    };
    let address = &join.relay.address;
    match in_time(address, exchange).await? {
        Reply::Access { point, tag } => {
            let proof = claim.check(welcome, &point, &tag).ok_or(Refusal::PasswordWrong)?;
            Ok(proof.put_into(join.hello()))
        }
        Reply::Refused(refusal) => Err(refusal.into()),
        Reply::Waiting | Reply::Paired { .. } => Err(RelayClientError::NotARelay(address.clone())),
    }
}

/// Checks that a relay is still there. It has to send its welcome: while a process is being killed, its socket may still accept
/// connections that are no longer served.
pub async fn check(relay: &RelayChoice) -> Result<(), RelayClientError> {
    for _ in 0..CHECKS {
        match greet(relay, None, CONNECT_LIMIT).await {
            // The next try finds the port closed, which says more.
            Err(RelayClientError::Lost) => sleep(CHECK_PAUSE).await,
            other => return other.map(drop),
        }
    }
    Err(RelayClientError::TurnedAway(relay.address.clone()))
}

/// Tests a relay as far as that is possible without a peer: connects, measures the latency, and has the password checked by
/// asking for a room that no client is in.
pub async fn probe(relay: &RelayChoice) -> Result<RelayCheck, RelayClientError> {
    let probe = async {
        let greeted = greet(relay, None, CONNECT_LIMIT).await?;
        let Greeted { welcome, latency, .. } = &greeted;
        let check = RelayCheck { latency: *latency, has_password: welcome.password_required };
        // The room is fresh and random, so no client is in it.
        let room = RoomId(std::array::from_fn(|at| welcome.nonce[at]));
        let client_token = ClientToken(std::array::from_fn(|at| welcome.nonce[at + 16]));
        let first = Vec::new();
        let join = Join {
            relay,
            known: None,
            role: Role::Receiver,
            room,
            client_token,
            waits: false,
            first,
            connect_limit: CONNECT_LIMIT,
        };
        match enter(greeted, join).await {
            Ok(_) | Err(RelayClientError::Refused(Refusal::NoSuchRoom)) => Ok(check),
            Err(error) => Err(error),
        }
    };
    timeout(PROBE_LIMIT, probe).await.unwrap_or_else(|_| Err(relay.silence()))
}

impl Join<'_> {
    fn hello(&self) -> Hello {
        let Self { role, room, client_token, waits, .. } = *self;
        Hello {
            version: VERSION,
            features: 0,
            role,
            room,
            client_token,
            waits,
            proof: None,
            first: self.first.clone(),
        }
    }
}

impl Joined {
    /// Waits until the other client is there.
    pub async fn paired(mut self) -> Result<Paired, RelayClientError> {
        loop {
            let reply = match self.reply.take() {
                Some(reply) => reply,
                None => match frames::read(&mut self.stream, MAX_FRAME).await {
                    Ok(reply) => reply,
                    Err(_) => return Err(RelayClientError::Lost),
                },
            };
            match reply {
                Reply::Waiting => {}
                Reply::Refused(refusal) => return Err(refusal.into()),
                Reply::Access { .. } => return Err(RelayClientError::Lost),
                Reply::Paired { token, first } => {
                    return Ok(Paired { stream: self.stream, first, lanes: self.lanes, token });
                }
            }
        }
    }
}

impl LaneAddress {
    /// The socket address of the relay's control port as it was reached; `None` if it was reached through a proxy.
    pub fn socket(&self) -> Option<SocketAddr> {
        self.control
    }

    /// Whether large packets have been found to get lost on the way to the relay.
    pub fn loses_large_packets(&self) -> bool {
        self.relay.large_packets.are_lost()
    }

    /// Opens a lane and waits for its other end. Lanes are spread over the data ports. If a data port can't be reached, the lane
    /// goes through the control port, because a firewall that lets that one through often stops the others.
    pub async fn open(&self, hello: LaneHello) -> Result<TcpStream, RelayClientError> {
        let data_port = match self.data_ports.len() {
            0 => self.relay.address.port(),
            ports => self.data_ports[usize::from(hello.lane) % ports],
        };
        let mut stream = match self.connect(data_port).await {
            Err(_) if data_port != self.relay.address.port() => self.connect(self.relay.address.port()).await,
            tried => tried,
        }?;
        let answer = async {
            stream.write_all(&hello.to_bytes()).await?;
            stream.read_u8().await
        };
        match timeout(LANE_LIMIT, answer).await {
            Ok(Ok(LANE_PAIRED)) => Ok(stream),
            Ok(Ok(byte)) => Err(Refusal::from_lane_byte(byte).into()),
            Ok(Err(_)) | Err(_) => Err(RelayClientError::Lost),
        }
    }

    /// Connects to this port of the relay.
    pub async fn connect(&self, port: u16) -> Result<TcpStream, RelayClientError> {
        let segments = self.relay.large_packets.segments();
        let connected = match (&self.relay.proxy, self.control) {
            (Some(proxy), _) => {
                proxy.connect(self.relay.address.host(), port, CONNECT_LIMIT, segments).await.ok()
            }
            (None, Some(mut data)) => {
                data.set_port(port);
                socket::connect(data, CONNECT_LIMIT, segments).await.ok()
            }
            (None, None) => None,
        };
        connected.ok_or(RelayClientError::Lost)
    }
}

/// Connects to the relay's port, and says nothing: for a relay of another kind. Its other ports are to be found at the same address.
#[cfg(feature = "croc")]
pub async fn connect_only(relay: &RelayChoice) -> Result<(TcpStream, LaneAddress), RelayClientError> {
    let stream = connect(relay, None, CONNECT_LIMIT, relay.large_packets.segments()).await?;
    let control = match relay.proxy {
        Some(_) => None,
        None => Some(stream.peer_addr().map_err(|_| RelayClientError::Lost)?),
    };
    Ok((stream, LaneAddress { relay: relay.clone(), control, data_ports: Vec::new() }))
}

/// A connection to a relay that has sent its welcome.
struct Greeted {
    stream: TcpStream,
    welcome: Welcome,
    latency: Duration,
}

/// Connects, sends the opening and reads the welcome. The hello has to wait for that: two connections may be tried beside each
/// other, and of two hellos the one that the relay hears later takes the room from the other, even when its connection is given
/// up already.
async fn greet(
    relay: &RelayChoice,
    known: Option<SocketAddr>,
    limit: Duration,
) -> Result<Greeted, RelayClientError> {
    let opening = &[&ConnectionKind::Control.to_bytes()[..], &frame::PADDING].concat();
    let connect = |segments| connect(relay, known, limit, segments);
    let exchange = async |mut stream: TcpStream| {
        let started = Instant::now();
        let heard = async {
            stream.write_all(opening).await?;
            frames::read_padded(&mut stream, MAX_FRAME).await
        };
        let welcome = in_time(&relay.address, heard).await?;
        Ok(Greeted { stream, welcome, latency: started.elapsed() })
    };
    Box::pin(relay.large_packets.exchange(connect, exchange)).await
}

/// Waits for the relay's part of the opening.
async fn in_time<T>(
    address: &RelayAddress,
    exchange: impl Future<Output = Result<T, frames::ReadError>>,
) -> Result<T, RelayClientError> {
    match timeout(HELLO_LIMIT, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(frames::ReadError::Io(_))) => Err(RelayClientError::Lost),
        Ok(Err(frames::ReadError::Frame(_))) | Err(_) => Err(RelayClientError::NotARelay(address.clone())),
    }
}

async fn connect(
    relay: &RelayChoice,
    known: Option<SocketAddr>,
    limit: Duration,
    segments: Segments,
) -> Result<TcpStream, RelayClientError> {
    let address = &relay.address;
    if let Some(proxy) = &relay.proxy {
        let connected = proxy.connect(address.host(), address.port(), limit, segments).await;
        return connected.map_err(|cause| relay.failed_by(proxy, cause));
    }
    let looked_up = async { Ok(lookup_host((address.host(), address.port())).await?.collect()) };
    socket::connect_to_any(known, looked_up, limit, segments).await.map_err(|error| {
        let address = address.clone();
        match error {
            ConnectError::NoSuchHost(cause) => RelayClientError::NoSuchHost { address, cause },
            ConnectError::Unreachable(cause) if is_turned_away(&cause) => {
                RelayClientError::TurnedAway(address)
            }
            ConnectError::Unreachable(cause) => RelayClientError::Unreachable { address, cause },
        }
    })
}

/// Whether something has answered a connection, and refused it.
fn is_turned_away(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::PermissionDenied
    )
}
