//! Direct connections between the two machines of a session, where they can be made. Both sides listen, tell each other
//! their addresses over the sealed control channel, and try all of the other side's addresses at once. A path that works is
//! used for lanes in place of the relay. One that stops working is forgotten, and the search begins again.
//!
//! Every direct connection begins with a proof of the session's secret by both ends, so a stranger who finds the port gets
//! nothing but padding and a few bytes, and can't keep the peer out: unproven connections are few and short-lived, and the oldest makes
//! room for the newest.
//!
//! Connections over the internet ([`super::online`]) begin with the same proof, and serve the same purposes.
//!
//! [`Paths`] belongs to the control channel and owns the tasks; lanes hold a [`Direct`].

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    handshake::{read, read_padded, write, write_padded},
    online::{Online, OnlineParts},
    pipe::Pipe,
};
use crate::{
    crypto::{DirectKey, Nonces, ReconnectKey, Side},
    net::{
        addresses::{self, Reach},
        gateway::PortMapping,
        internet::QuicConnection,
        segments::LargePackets,
        socket::{self, ACCEPT_PAUSE},
    },
    protocol::{
        frame,
        peer::{Addresses, DirectAnswer, DirectHello, DirectProof, DirectPurpose, MAX_ADDRESSES, Way},
        relay::MAX_LANES,
    },
    sync::lock,
    transfer::{
        error::{Impossible, TransferError},
        path_mode::{ListenOptions, PathMode},
        progress::Route,
    },
};

/// How long lanes wait for a direct path to be found, once the other side's addresses have come, before they use the relay:
/// a few round trips, and short enough that the user hardly notices where there is no such path.
const SEARCH: Duration = Duration::from_millis(1500);
/// How long an address may take to accept a connection. It may exceed [`SEARCH`], because lanes still move to a path that
/// is found later.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long both proofs on a connection may take, which is one and a half round trips and a little work.
const PROOF_LIMIT: Duration = Duration::from_secs(5);
/// How long one end of a lane waits for the other side to connect. Both sides open the lane within a round trip.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// The pause before an address is tried again that didn't answer: rare enough to cost nothing, while a path may appear at
/// any time.
const RETRY: Duration = Duration::from_secs(15);
/// The most connections that have proven nothing yet. When there is one more, the oldest of them is closed. It is more than
/// the lanes that an honest side opens at once, and few enough to cost little.
const MAX_UNPROVEN: usize = 64;
/// The direct paths of one session; its tasks end with it.
pub(crate) struct Paths {
    direct: Arc<Direct>,
    mode: PathMode,
    /// Whether the two peers met through a relay on this machine, so that the other side may be on it as well.
    is_here: bool,
    port: u16,
    /// The port that the user chose, if it was not available.
    refused: Option<NonZeroU16>,
    /// The port that the gateway is asked to open, if the user wants that.
    mapping: Option<PortMapping>,
    /// Whether addresses beyond the local network may be told and tried: a receiver's user has to accept the offer first.
    is_open: bool,
    /// The other side's addresses that are to be tried then.
    later: Vec<SocketAddr>,
    /// When the other side's addresses came.
    heard_at: Option<Instant>,
    /// The task that takes connections from the other side.
    listening: JoinSet<()>,
    /// The tasks that try the other side's addresses.
    dialing: JoinSet<()>,
    /// The task that takes or makes connections over the internet.
    online: JoinSet<()>,
}

/// How the two sides of a session have met.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetHow {
    /// Whether they met through a relay on this machine, so that the other side may be on it as well.
    pub(crate) is_here: bool,
    /// Whether they met at a relay, which lanes can use.
    pub(crate) has_relay: bool,
}

/// What lanes need to open a direct connection.
pub(crate) struct Direct {
    side: Side,
    key: DirectKey,
    found: watch::Sender<KnownWays>,
    inbound: Mutex<HashMap<DirectPurpose, Inbound>>,
    /// What the session may use of the internet.
    online: Option<Arc<Online>>,
    /// Whether the two have met at a relay, which lanes can use as well.
    has_relay: bool,
    /// What is known of large packets between the two machines.
    large_packets: LargePackets,
}

/// The directions in which direct connections are known to work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct KnownWays {
    /// The address at which this side has reached the other one.
    reached: Option<SocketAddr>,
    /// The address from which the other side has reached this one.
    reached_from: Option<IpAddr>,
}

impl KnownWays {
    /// Whether nothing is known.
    fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether the two are known to be in one local network, or on one computer.
    fn is_local(self) -> bool {
        self.reached.map(|address| address.ip()).or(self.reached_from).is_some_and(addresses::is_local)
    }
}

/// A connection that the other side makes, for a lane or to reconnect.
enum Inbound {
    /// This side waits for the connection.
    Awaited(oneshot::Sender<Pipe>),
    /// The connection came before this side waited for it.
    Early(Pipe),
}

impl Paths {
    /// Listens for direct connections, on the port that `listen` names or, if that one is not available, on another; and uses
    /// what `online` allows of the internet. `None` if all that leaves no way.
    pub(crate) fn open(
        side: Side,
        key: &ReconnectKey,
        (mode, listen): (PathMode, ListenOptions),
        MetHow { is_here, has_relay }: MetHow,
        online: Option<OnlineParts>,
    ) -> Option<Self> {
        let wishes_port = listen.port.filter(|_| mode != PathMode::RelayOnly);
        let wished = wishes_port.map(|port| socket::bind(None, port.get()));
        let refused = wishes_port.filter(|_| wished.as_ref().is_some_and(Result::is_err));
        let bind = || {
            let listener = wished.and_then(Result::ok).map_or_else(|| socket::bind(None, 0), Ok);
            listener.map_err(|error| tracing::warn!(%error, "no direct connections")).ok()
        };
        let listener = if mode == PathMode::RelayOnly { None } else { bind() };
        if listener.is_none() && online.is_none() {
            return None;
        }
        let port =
            listener.as_ref().and_then(|listener| listener.local_addr().ok()).map_or(0, |addr| addr.port());
        // A user who stays within the local network wants no connections from outside.
        let is_asked = listen.asks_gateway && mode == PathMode::Automatic;
        let mapping = NonZeroU16::new(port).filter(|_| is_asked).map(PortMapping::ask);
        let direct = Arc::new(Direct {
            side,
            key: key.direct(),
            found: watch::Sender::default(),
            inbound: Mutex::default(),
            online: online.map(|parts| Arc::new(Online::new(parts))),
            has_relay,
            large_packets: LargePackets::default(),
        });
        let (mut listening, dialing, mut online) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        if let Some(listener) = listener {
            listening.spawn(Arc::clone(&direct).listen(listener, mode));
        }
        if direct.online.is_some() {
            match side {
                Side::Sender => online.spawn(Arc::clone(&direct).take_calls()),
                Side::Receiver => online.spawn(Arc::clone(&direct).call()),
            };
        }
        Some(Self {
            direct,
            mode,
            is_here,
            port,
            refused,
            mapping,
            is_open: side == Side::Sender,
            later: Vec::new(),
            heard_at: None,
            listening,
            dialing,
            online,
        })
    }

    /// Where the other side may reach this one, as far as it may be told by now; `None` if that is nothing yet.
    pub(crate) fn addresses(&self, used: Option<IpAddr>) -> Option<Addresses> {
        let endpoint = self.direct.online.as_ref().filter(|_| self.direct.side == Side::Sender);
        let endpoint = endpoint.and_then(|online| online.own()).map(crate::net::internet::Endpoint::id);
        let sockets = if self.port == 0 { Some(Vec::new()) } else { self.sockets(used) };
        match (sockets, endpoint) {
            (None, None) => None,
            (sockets, endpoint) => Some(Addresses { sockets: sockets.unwrap_or_default(), endpoint }),
        }
    }

    /// The addresses at which the other side may reach this machine at the moment, no more than [`MAX_ADDRESSES`]. `used` is
    /// the one that this machine has in the network of the relay. Before the user has accepted the offer, no other is told,
    /// and this one only to a sender of the same network; `None` if that leaves nothing to be told yet.
    fn sockets(&self, used: Option<IpAddr>) -> Option<Vec<SocketAddr>> {
        let here = self.is_here.then_some(IpAddr::from(Ipv4Addr::LOCALHOST));
        if !self.is_open {
            let used = used.filter(|ip| Reach::of(*ip) == Reach::LocalNetwork && may_use(*ip, self.mode));
            let near: Vec<_> =
                used.into_iter().chain(here).map(|ip| SocketAddr::new(ip, self.port)).collect();
            return Some(near).filter(|near| !near.is_empty());
        }
        let own = addresses::reachable().into_iter().filter(|ip| may_use(*ip, self.mode)).chain(here);
        let own = own.map(|ip| SocketAddr::new(ip, self.port));
        Some(self.outside().into_iter().chain(own).take(MAX_ADDRESSES).collect())
    }

    /// From now on, addresses beyond the local network are told and tried as well.
    pub(crate) fn open_up(&mut self) {
        self.is_open = true;
        if let Some(online) = &self.direct.online {
            online.open_up();
        }
        // The search for a direct way begins anew with the addresses that are tried and told only now.
        self.heard_at = self.heard_at.map(|_| Instant::now());
        for address in std::mem::take(&mut self.later) {
            self.dialing.spawn(Arc::clone(&self.direct).probe(address));
        }
    }

    /// The address at which the gateway lets connections from outside in, once it does and may be told.
    pub(crate) fn outside(&self) -> Option<SocketAddr> {
        self.mapping.as_ref().filter(|_| self.is_open).and_then(PortMapping::outside)
    }

    /// The port that the user chose and that was not available, with the one that is used instead.
    pub(crate) fn refused_port(&self) -> Option<(u16, u16)> {
        self.refused.map(|refused| (refused.get(), self.port))
    }

    /// Ends all listening and trying, and has the gateway close the port that it has opened.
    pub(crate) async fn close(self) {
        drop(self.online);
        tokio::join!(
            async {
                if let Some(mapping) = self.mapping {
                    mapping.close().await;
                }
            },
            async {
                if let Some(online) = &self.direct.online {
                    Arc::clone(online).close().await;
                }
            },
        );
    }

    /// Whether the two can find each other over the internet after a loss: a sender that has an endpoint, a receiver that knows it.
    pub(crate) fn knows_where(&self) -> bool {
        self.direct.online.as_ref().is_some_and(|online| match self.direct.side {
            Side::Sender => online.own().is_some(),
            Side::Receiver => online.knows_peer(),
        })
    }

    /// Whether the two can leave the connection on which they have met over the internet: the receiver calls the sender's endpoint as
    /// soon as the offer is accepted, and the sender has been called.
    pub(crate) fn may_move(&self) -> bool {
        let Some(online) = &self.direct.online else { return false };
        let has_been_called = self.direct.way() != Way::Relay || online.found().is_some();
        has_been_called || (self.is_open && self.direct.side == Side::Receiver && online.knows_peer())
    }

    /// Forgets every path that was found. The two sides have reconnected, perhaps from other networks, so none of them can
    /// be relied on any more.
    pub(crate) fn start_over(&self) {
        self.direct.forget_machines();
        self.direct.inbound().clear();
    }

    /// What lanes need to open a direct connection.
    pub(crate) fn direct(&self) -> &Arc<Direct> {
        &self.direct
    }

    /// Tries the other side's addresses again and again until one of them works. Addresses that make no sense or that the
    /// mode forbids are left out. An empty list means that the other side wants no direct connections; then this side stops
    /// listening.
    pub(crate) fn try_all(&mut self, theirs: &Addresses) {
        (self.dialing, self.later) = (JoinSet::new(), Vec::new());
        self.heard_at = Some(Instant::now());
        if let (Some(online), Some(endpoint)) = (&self.direct.online, theirs.endpoint) {
            online.meet(endpoint);
        }
        let theirs = &theirs.sockets;
        if self.port == 0 {
            return;
        }
        if theirs.is_empty() {
            self.listening = JoinSet::new();
        }
        for address in theirs.iter().take(MAX_ADDRESSES) {
            if !is_worth_trying(*address, self.mode, self.is_here) {
                continue;
            }
            // A connection tells the other side from where it comes.
            if !self.is_open && Reach::of(address.ip()) == Reach::Anywhere {
                self.later.push(*address);
            } else {
                self.dialing.spawn(Arc::clone(&self.direct).probe(*address));
            }
        }
    }

    /// Waits until a direct path is found, or until lanes should wait for one no longer. Returns how lanes are to be opened
    /// then.
    pub(crate) async fn settled(&self) {
        let mut found = self.direct.found.subscribe();
        let by_machine = async {
            let _ = found.wait_for(|found| !found.is_empty()).await;
        };
        let is_listening = !self.listening.is_empty() || !self.dialing.is_empty();
        // Where there is a relay, lanes use it until a better way is found.
        let online = self.direct.online.as_ref().filter(|_| !self.direct.has_relay);
        let over_internet = async {
            match online {
                Some(online) => {
                    let _ = online.watch().wait_for(Option::is_some).await;
                }
                None => std::future::pending().await,
            }
        };
        if let Some(heard_at) = self.heard_at.filter(|_| is_listening || online.is_some()) {
            let either = async {
                tokio::select! {
                    () = by_machine => {}
                    () = over_internet => {}
                }
            };
            // Whether a path was found or the time is over, the search for this lane is done.
            let _ = timeout_at(heard_at + SEARCH, either).await;
        }
    }
}

impl Direct {
    /// A connection over which to reconnect, made by the side that also makes the lanes. `None` if none can be had now.
    pub(crate) async fn reconnect(&self) -> Option<Pipe> {
        let way = match self.way() {
            // Where nothing else is known, the internet is worth a try.
            Way::Relay if self.online.is_some() => Way::Internet,
            way => way,
        };
        self.connect(way, DirectPurpose::Reconnect).await
    }

    /// How lanes are best opened now. Where both sides can reach each other, the sender makes the connections, so that both
    /// sides give the same answer.
    pub(crate) fn way(&self) -> Way {
        let KnownWays { reached, reached_from } = *self.found.borrow();
        let (by_sender, by_receiver) = match self.side {
            Side::Sender => (reached.is_some(), reached_from.is_some()),
            Side::Receiver => (reached_from.is_some(), reached.is_some()),
        };
        match (by_sender, by_receiver) {
            (true, _) => Way::FromSender,
            (false, true) => Way::FromReceiver,
            (false, false) if self.is_online() => Way::Internet,
            (false, false) => Way::Relay,
        }
    }

    /// Whether lanes are better opened over the internet than through the relay.
    fn is_online(&self) -> bool {
        let found = self.online.as_ref().and_then(|online| online.found());
        found.is_some_and(|connection| !self.has_relay || connection.is_direct())
    }

    /// How long a packet takes there and back, where lanes go from machine to machine over TCP and could go directly over QUIC as
    /// well.
    pub(crate) fn quic_round_trip(&self) -> Option<Duration> {
        let connection = self.online.as_ref()?.found().filter(QuicConnection::is_direct)?;
        let is_over_tcp = matches!(self.way(), Way::FromSender | Way::FromReceiver);
        if is_over_tcp { connection.round_trip() } else { None }
    }

    /// Whether lanes can be opened over the internet at all.
    pub(crate) fn may_go_online(&self) -> bool {
        self.online.is_some()
    }

    /// Which way lanes really take that are opened in this one, and how long a packet takes there and back, where that is known.
    pub(crate) fn route(&self, way: Way) -> (Route, Option<Duration>) {
        match way {
            Way::Relay => (Route::Relay, None),
            Way::FromSender | Way::FromReceiver => (Route::Direct, None),
            Way::Internet => match self.online.as_ref().and_then(|online| online.found()) {
                Some(connection) if connection.is_direct() => (Route::Direct, connection.round_trip()),
                Some(connection) => (Route::IrohRelay, connection.round_trip()),
                None => (Route::IrohRelay, None),
            },
        }
    }

    /// Opens this side's end of a lane, whichever of the two sides connects. A path that fails is forgotten.
    pub(crate) async fn lane(&self, way: Way, link: u64, lane: u16) -> Result<Pipe, TransferError> {
        let opened = self.connect(way, DirectPurpose::Lane { link, lane }).await;
        opened.ok_or_else(|| {
            if way != Way::Internet {
                self.forget_machines();
            }
            TransferError::PeerLost
        })
    }

    /// Forgets the paths that were found, because they no longer work.
    pub(crate) fn forget(&self) {
        self.forget_machines();
        if let Some(online) = &self.online {
            online.forget();
        }
    }

    /// Forgets the paths from machine to machine.
    fn forget_machines(&self) {
        self.found.send_replace(KnownWays::default());
    }

    async fn connect(&self, way: Way, purpose: DirectPurpose) -> Option<Pipe> {
        match (way, self.side) {
            (Way::Relay, _) => None,
            (Way::Internet, Side::Receiver) => self.call_for(purpose).await,
            (Way::Internet, Side::Sender) => self.await_inbound(purpose).await,
            (Way::FromSender, Side::Sender) | (Way::FromReceiver, Side::Receiver) => {
                let address = self.found.borrow().reached?;
                self.dial(address, purpose).await.map(Pipe::from)
            }
            (Way::FromSender, Side::Receiver) | (Way::FromReceiver, Side::Sender) => {
                self.await_inbound(purpose).await
            }
        }
    }

    async fn await_inbound(&self, purpose: DirectPurpose) -> Option<Pipe> {
        let meet = {
            let mut inbound = self.inbound();
            match inbound.remove(&purpose) {
                Some(Inbound::Early(stream)) => return Some(stream),
                Some(Inbound::Awaited(_)) | None => {
                    let (sender, receiver) = oneshot::channel();
                    inbound.insert(purpose, Inbound::Awaited(sender));
                    receiver
                }
            }
        };
        let came = timeout(CALL_LIMIT, meet).await;
        self.inbound().remove(&purpose);
        came.ok()?.ok()
    }

    /// Takes a connection on which the other side has proven who it is.
    fn take_inbound(&self, purpose: DirectPurpose, stream: TcpStream) {
        if let Ok(peer) = stream.peer_addr() {
            self.found.send_if_modified(|found| found.reached_from.replace(peer.ip()).is_none());
        }
        if purpose != DirectPurpose::Probe {
            self.prepare(&stream, purpose);
            self.keep_inbound(purpose, stream.into());
        }
    }

    /// Gets a connection ready for what it is for.
    fn prepare(&self, stream: &TcpStream, purpose: DirectPurpose) {
        if self.side == Side::Sender && matches!(purpose, DirectPurpose::Lane { .. }) {
            socket::prepare_for_bulk(stream);
        }
    }

    /// Hands a connection to what waits for it, or keeps it for that.
    fn keep_inbound(&self, purpose: DirectPurpose, stream: Pipe) {
        let mut inbound = self.inbound();
        match inbound.remove(&purpose) {
            // The lane that waited may have given up a moment ago. Then the stream is dropped, and the other end notices.
            Some(Inbound::Awaited(waiting)) => drop(waiting.send(stream)),
            None if inbound.len() < 2 * usize::from(MAX_LANES) => {
                inbound.insert(purpose, Inbound::Early(stream));
            }
            // This side has not come for the earlier one, which may be dead by now.
            Some(Inbound::Early(_)) => {
                inbound.insert(purpose, Inbound::Early(stream));
            }
            None => {}
        }
    }

    /// Accepts connections that `mode` allows, and keeps those on which the other side proves who it is.
    async fn listen(self: Arc<Self>, listener: TcpListener, mode: PathMode) {
        let mut unproven = JoinSet::new();
        let mut by_age = VecDeque::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((stream, peer)) = accepted else {
                        sleep(ACCEPT_PAUSE).await;
                        continue;
                    };
                    if !may_come(peer.ip(), mode) {
                        continue;
                    }
                    if unproven.len() >= MAX_UNPROVEN && let Some(oldest) = by_age.pop_front() {
                        tokio::task::AbortHandle::abort(&oldest);
                    }
                    by_age.push_back(unproven.spawn(Arc::clone(&self).answer(stream)));
                }
                Some(_) = unproven.join_next() => by_age.retain(|task| !task.is_finished()),
            }
        }
    }

    async fn answer(self: Arc<Self>, mut stream: TcpStream) {
        if let Some(purpose) = self.hear_proof(&mut stream).await
            && socket::prepare(&stream).is_ok()
        {
            self.take_inbound(purpose, stream);
        }
    }

    /// Proves to a side that has connected who this one is, and has it prove the same. Returns what the connection is for. A
    /// stranger gets no answer.
    async fn hear_proof(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<DirectPurpose> {
        let proving = async {
            let DirectHello { purpose, nonce } = read_padded(stream).await?;
            let (nonces, ours) = self.nonces(nonce)?;
            let encoded = frame::to_bytes(&purpose);
            let tag = self.key.prove(self.side, &nonces, &encoded);
            write_padded(stream, &DirectAnswer { nonce: ours, tag }).await?;
            let DirectProof { tag } = read(stream).await?;
            self.key.check(self.side.other(), &nonces, &encoded, &tag).map_err(|_| stranger())?;
            Ok::<_, TransferError>(purpose)
        };
        timeout(PROOF_LIMIT, proving).await.ok()?.ok()
    }

    /// Tries an address again and again while the other side has not been reached.
    async fn probe(self: Arc<Self>, address: SocketAddr) {
        let mut found = self.found.subscribe();
        loop {
            if found.wait_for(|found| found.reached.is_none()).await.is_err() {
                return;
            }
            let _ = self.dial(address, DirectPurpose::Probe).await;
            sleep(RETRY).await;
        }
    }

    /// Whether large packets have been found to get lost between the two machines.
    pub(crate) fn loses_large_packets(&self) -> bool {
        self.large_packets.are_lost()
    }

    /// Connects to `address`, and has both sides prove who they are.
    async fn dial(&self, address: SocketAddr, purpose: DirectPurpose) -> Option<TcpStream> {
        let checked = || {
            if purpose == DirectPurpose::Probe {
                // This side must know the path before it sends its proof, because the other side may use the path from then
                // on.
                self.found.send_if_modified(|found| {
                    found.reached.is_none().then(|| found.reached = Some(address)).is_some()
                });
            }
        };
        let connect = async |segments| socket::connect(address, CONNECT_LIMIT, segments).await.map_err(drop);
        let prove = async |mut stream: TcpStream| {
            self.offer_proof(&mut stream, purpose, checked).await.ok_or(())?;
            Ok(stream)
        };
        let stream = self.large_packets.exchange(connect, prove).await.ok()?;
        self.prepare(&stream, purpose);
        Some(stream)
    }

    /// Has the side to which this one has connected prove who it is, and then proves the same to it; in between, `checked` is
    /// called. `None` if it is a stranger.
    async fn offer_proof(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        purpose: DirectPurpose,
        checked: impl FnOnce(),
    ) -> Option<()> {
        let proving = async {
            let hello = DirectHello { purpose, nonce: nonce()? };
            write_padded(stream, &hello).await?;
            let DirectAnswer { nonce: theirs, tag } = read_padded(stream).await?;
            let nonces = self.both(hello.nonce, theirs);
            let encoded = frame::to_bytes(&purpose);
            self.key.check(self.side.other(), &nonces, &encoded, &tag).map_err(|_| stranger())?;
            checked();
            let tag = self.key.prove(self.side, &nonces, &encoded);
            write(stream, &DirectProof { tag }).await
        };
        timeout(PROOF_LIMIT, proving).await.ok()?.ok()
    }

    /// Draws this side's nonce for a connection that the other side made. Returns both nonces, then this side's.
    fn nonces(&self, theirs: [u8; 32]) -> Result<(Nonces, [u8; 32]), TransferError> {
        let ours = nonce()?;
        Ok((self.both(ours, theirs), ours))
    }

    fn both(&self, ours: [u8; 32], theirs: [u8; 32]) -> Nonces {
        match self.side {
            Side::Sender => Nonces { sender: ours, receiver: theirs },
            Side::Receiver => Nonces { sender: theirs, receiver: ours },
        }
    }

    fn inbound(&self) -> MutexGuard<'_, HashMap<DirectPurpose, Inbound>> {
        lock(&self.inbound)
    }
}

fn nonce() -> Result<[u8; 32], TransferError> {
    ReconnectKey::nonce().map_err(|_| Impossible::NoRandomness.into())
}

fn stranger() -> TransferError {
    TransferError::WrongCode { tries_left: None }
}

fn may_use(ip: IpAddr, mode: PathMode) -> bool {
    mode == PathMode::Automatic || Reach::of(ip) == Reach::LocalNetwork
}

/// Whether a connection from `peer` may be one that the user allows.
fn may_come(peer: IpAddr, mode: PathMode) -> bool {
    mode == PathMode::Automatic || addresses::is_local(peer)
}

/// Whether an address that the other side named may be one of its own. Such an address must not make this machine connect
/// to itself, nor to many machines at once.
pub(crate) fn is_worth_trying(address: SocketAddr, mode: PathMode, is_here: bool) -> bool {
    let ip = address.ip().to_canonical();
    let is_single = match ip {
        IpAddr::V4(v4) => !v4.is_multicast() && !v4.is_broadcast() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_multicast() && !v6.is_unicast_link_local(),
    };
    let is_allowed = match Reach::of(ip) {
        Reach::ThisComputer => is_here && !ip.is_unspecified(),
        _ => may_use(ip, mode),
    };
    is_single && is_allowed && address.port() != 0
}

mod calls;
#[cfg(test)]
mod tests;
