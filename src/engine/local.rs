//! A send's own relay, its announcement on the local network, and a receive's search for such announcements.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::command::SendOrder;
#[cfg(feature = "croc")]
use crate::{
    discovery::croc::{CrocRelaySearch, announce_croc},
    relay::{CrocConfig, CrocPorts},
    transfer::croc::{CrocPosting, CrocSend},
};
use crate::{
    discovery::{Announcement, LocalSearch, RoomSearch},
    net::{
        access::SenderKey,
        client::{DEFAULT_PORT, RelayAddress},
    },
    protocol::relay::RoomId,
    relay::{Limits, Relay, RelayConfig, RelayError},
    transfer::{error::Impossible, link::rendezvous::OwnRelay, path_mode::PathMode},
};

/// How many addresses that a search has found may wait for the receive to take them: as many as it ever tries.
const FOUND: usize = 16;

/// Keeps a send's own relay up. The send holds it, and so does every other transfer over that relay; when the last of them
/// has dropped it, the relay ends.
pub(super) type Lease = Arc<DropGuard>;

/// A relay that runs beside a send and is announced on the local network.
pub(super) struct OwnRelayTask {
    /// The relay.
    pub(super) relay: Relay,
    /// The room to announce, once there is one.
    announced: watch::Receiver<Option<RoomId>>,
    /// Cancelled when the two sides have met elsewhere.
    unneeded: CancellationToken,
}

/// What a send needs of its own relay.
pub(super) struct OwnRelayConfig {
    /// Whether the send has no other relay.
    is_alone: bool,
    path_mode: PathMode,
    /// What receivers that have croc are offered. It is theirs alone whose code the send shows, in the local network.
    #[cfg(feature = "croc")]
    croc: Option<CrocConfig>,
}

impl OwnRelayConfig {
    /// A relay for those who have Caiman.
    pub(super) fn new(path_mode: PathMode) -> Self {
        Self {
            is_alone: false,
            path_mode,
            #[cfg(feature = "croc")]
            croc: None,
        }
    }

    /// The relay of this send. `is_alone` says whether it has no other.
    pub(super) fn of(order: &SendOrder, is_alone: bool) -> Self {
        Self {
            is_alone,
            #[cfg(feature = "croc")]
            croc: order.croc.as_ref().filter(|_| order.path_mode != PathMode::RelayOnly).map(croc_config),
            ..Self::new(order.path_mode)
        }
    }

    /// Ways in which the relay may be bound, from the best one on. A port that is taken leads to the next.
    ///
    /// A sender without any other relay may have opened Caiman's default port in its firewall, and a user of croc may have opened croc's.
    fn ways(self, key: &SenderKey) -> Vec<RelayConfig> {
        let any = RelayConfig {
            port: 0,
            data_ports: Vec::new(),
            sender_key: Some(key.clone()),
            is_local_only: self.path_mode == PathMode::LocalOnly,
            limits: limits(),
            ..RelayConfig::default()
        };
        let wanted = RelayConfig { port: DEFAULT_PORT, ..any.clone() };
        let ways = if self.is_alone { vec![wanted, any] } else { vec![any] };
        #[cfg(feature = "croc")]
        if let Some(croc) = self.croc {
            let with = |way: &RelayConfig, ports| {
                let croc = Some(CrocConfig { ports, ..croc.clone() });
                RelayConfig { croc, ..way.clone() }
            };
            let each = |way| [CrocPorts::default(), CrocPorts::any()].map(|ports| with(way, ports));
            return ways.iter().flat_map(each).collect();
        }
        ways
    }
}

/// What is offered to those who have croc and come under the code of this send.
#[cfg(feature = "croc")]
fn croc_config(order: &CrocSend) -> CrocConfig {
    CrocConfig {
        password: CrocPosting::password(order).as_str().into(),
        rooms: Some(CrocPosting::rooms(order)),
        ..CrocConfig::default()
    }
}

impl OwnRelayTask {
    /// Binds a relay for one send, and returns it with the sender's end of it. In the path mode *local network only* it serves
    /// nobody else. Lanes of Caiman's use the relay's own port, so that a firewall needs to let only one through.
    pub(super) async fn bind(config: OwnRelayConfig) -> Result<(Self, OwnRelay), Impossible> {
        let key = SenderKey::draw().map_err(|_| Impossible::NoRandomness)?;
        let mut ways = config.ways(&key).into_iter();
        let mut bound = Relay::bind(ways.next().expect("there is at least one way")).await;
        while let (Err(RelayError::PortTaken(_)), Some(way)) = (&bound, ways.next()) {
            bound = Relay::bind(way).await;
        }
        let relay = bound.map_err(|error| Impossible::NoRelayHere(error.to_string()))?;
        let address = RelayAddress::from_socket((IpAddr::from([127, 0, 0, 1]), relay.port()).into());
        let (announced, announcing) = watch::channel(None);
        let unneeded = CancellationToken::new();
        let own = OwnRelay { address, key, announced, unneeded: unneeded.clone() };
        Ok((Self { relay, announced: announcing, unneeded }, own))
    }

    /// The control port for those who have croc, if they are served.
    #[cfg(feature = "croc")]
    pub(super) fn croc_port(&self) -> Option<u16> {
        self.relay.croc_ports().first().copied()
    }

    /// Runs the relay until `end` is cancelled or the sender no longer needs it. `is_told` says whether the local network
    /// hears of it.
    pub(super) async fn run(self, is_told: bool, end: CancellationToken) {
        let Self { relay, announced, unneeded } = self;
        let (port, kill, shutdown) = (relay.port(), relay.kill_token(), CancellationToken::new());
        let stop = async {
            tokio::select! {
                () = end.cancelled() => {}
                () = unneeded.cancelled() => {}
            }
            shutdown.cancel();
            kill.cancel();
        };
        #[cfg(feature = "croc")]
        let croc = (relay.croc_ports().first().copied(), announced.clone());
        let tell = async {
            if is_told {
                announce(announced, port).await;
            }
        };
        #[cfg(feature = "croc")]
        let tell = async {
            let crocs = async {
                if let (Some(port), announced) = croc
                    && is_told
                {
                    announce_to_crocs(announced, port).await;
                }
            };
            tokio::join!(tell, crocs);
        };
        tokio::join!(relay.serve(shutdown.clone()), stop, tell);
    }
}

/// The limits of a send's own relay. They are enough for all transfers that may go over it at a time, with a room for each and
/// another to reconnect in, and for clients that connect by mistake.
fn limits() -> Limits {
    Limits {
        max_connections: 2048,
        connections_per_address: 1024,
        max_rooms: 512,
        rooms_per_address: 192,
        joins_per_minute: 600,
        tries_per_minute: 60,
        max_memory_bytes: 64 << 20,
        ..Limits::default()
    }
}

/// Announces the sender's room on the local network whenever there is one, until the sender needs that no longer.
pub(super) async fn announce(mut announced: watch::Receiver<Option<RoomId>>, port: u16) {
    loop {
        let room = match announced.wait_for(Option::is_some).await {
            Ok(room) => *room,
            Err(_) => None,
        };
        let Some(room) = room else { return };
        let announcement = match Announcement::start(room, port) {
            Ok(announcement) => announcement,
            Err(error) => return tracing::warn!(%error, "this send can't be found on the local network"),
        };
        let over = async { announced.wait_for(Option::is_none).await.is_err() };
        tokio::pin!(over);
        let is_last = tokio::select! {
            is_last = &mut over => is_last,
            is_told = announcement.is_told() => {
                if !is_told {
                    tracing::warn!("no network takes the announcement of this send");
                }
                over.await
            }
        };
        announcement.end().await;
        if is_last {
            return;
        }
    }
}

/// Lets crocs on the local network know of the relay at this port while the sender waits.
#[cfg(feature = "croc")]
async fn announce_to_crocs(mut announced: watch::Receiver<Option<RoomId>>, port: u16) {
    while announced.wait_for(Option::is_some).await.is_ok() {
        tokio::select! {
            () = announce_croc(port) => {}
            over = announced.wait_for(Option::is_none) => if over.is_err() {
                return;
            }
        }
    }
}

/// A search for `room` on the local network: the addresses that it finds, and the search itself, which ends when their receiver
/// is dropped.
pub(super) fn search(room: RoomId) -> (mpsc::Receiver<SocketAddr>, impl Future<Output = ()>) {
    let (found, addresses) = mpsc::channel(FOUND);
    let searching = async move {
        let mut search = match RoomSearch::start(room) {
            Ok(search) => search,
            Err(error) => return tracing::warn!(%error, "the local network can't be searched"),
        };
        pass_on(&found, &mut search).await;
        search.end().await;
    };
    (addresses, searching)
}

/// A search for the relays of crocs on the local network, like [`search`].
#[cfg(feature = "croc")]
pub(super) fn search_for_crocs() -> (mpsc::Receiver<SocketAddr>, impl Future<Output = ()>) {
    let (found, addresses) = mpsc::channel(FOUND);
    let searching = async move {
        let mut search = match CrocRelaySearch::start() {
            Ok(search) => search,
            Err(error) => return tracing::debug!(%error, "no croc can be heard on the local network"),
        };
        pass_on(&found, &mut search).await;
    };
    (addresses, searching)
}

/// Passes on what a search finds, until there is no more or nobody takes it any more.
async fn pass_on(found: &mpsc::Sender<SocketAddr>, search: &mut impl LocalSearch) {
    loop {
        tokio::select! {
            () = found.closed() => return,
            address = search.next() => match address {
                Some(address) => {
                    // The send fails if the receive has just found its sender elsewhere or given up.
                    let _ = found.send(address).await;
                }
                None => return,
            },
        }
    }
}
