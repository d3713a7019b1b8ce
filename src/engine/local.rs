//! A send's own relay, and what the local network is told of it; and the other way round, what a receive hears there.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    discovery::{Announcement, RoomSearch},
    net::client::{DEFAULT_PORT, RelayAddress},
    protocol::relay::RoomId,
    relay::{Limits, Relay, RelayConfig, RelayError},
    transfer::link::rendezvous::OwnRelay,
};

/// Addresses that may wait to be tried.
const FOUND: usize = 16;

/// Keeps a send's own relay up: the send holds it, and so does whatever else goes over that relay. The last one to go lets
/// the relay end.
pub(super) type Lease = Arc<DropGuard>;

/// What runs beside a send.
pub(super) struct OwnRelayTask {
    /// The relay.
    pub(super) relay: Relay,
    announced: watch::Receiver<Option<RoomId>>,
    unneeded: CancellationToken,
}

impl OwnRelayTask {
    /// A relay for one transfer, on the usual port if that `is_wanted` and free: somebody may have opened it in a firewall
    /// for sends that know no other relay. One port for everything: fewer to open.
    pub(super) async fn bind(is_wanted: bool) -> Result<(Self, OwnRelay), RelayError> {
        let on =
            |port| RelayConfig { port, data_ports: Vec::new(), limits: limits(), ..RelayConfig::default() };
        let bound = match Relay::bind(on(if is_wanted { DEFAULT_PORT } else { 0 })).await {
            Err(RelayError::PortTaken(_)) => Relay::bind(on(0)).await,
            other => other,
        };
        let relay = bound?;
        let address = RelayAddress::from_socket((IpAddr::from([127, 0, 0, 1]), relay.port()).into());
        let (announced, announcing) = watch::channel(None);
        let unneeded = CancellationToken::new();
        let own = OwnRelay { address, announced, unneeded: unneeded.clone() };
        Ok((Self { relay, announced: announcing, unneeded }, own))
    }

    /// Runs it until `end` or until nobody needs it; tells the local network of it, if that `is_told`.
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
        let tell = async {
            if is_told {
                announce(announced, port).await;
            }
        };
        tokio::join!(relay.serve(shutdown.clone()), stop, tell);
    }
}

/// Enough for as many transfers as may go over it at a time, with a room for each and one to come back to, and for those
/// who come to the wrong place.
fn limits() -> Limits {
    Limits {
        max_connections: 2048,
        connections_per_address: 1024,
        max_rooms: 256,
        rooms_per_address: 192,
        max_memory_bytes: 64 << 20,
        ..Limits::default()
    }
}

/// Tells the local network of a room from when there is one until its sender no longer waits there.
async fn announce(mut announced: watch::Receiver<Option<RoomId>>, port: u16) {
    let room = match announced.wait_for(Option::is_some).await {
        Ok(room) => *room,
        Err(_) => None,
    };
    let Some(room) = room else { return };
    match Announcement::start(room, port) {
        Ok(announcement) => {
            let over = async { while announced.changed().await.is_ok() {} };
            tokio::pin!(over);
            tokio::select! {
                () = &mut over => {}
                is_told = announcement.is_told() => {
                    if !is_told {
                        tracing::warn!("no network takes the announcement of this send");
                    }
                    over.await;
                }
            }
            announcement.end().await;
        }
        Err(error) => tracing::warn!(%error, "this send can't be found on the local network"),
    }
}

/// A channel for the addresses that a search finds, and the search itself, which ends when nobody takes them any more.
pub(super) fn search(room: RoomId) -> (mpsc::Receiver<SocketAddr>, impl Future<Output = ()>) {
    let (found, addresses) = mpsc::channel(FOUND);
    let searching = async move {
        let mut search = match RoomSearch::start(room) {
            Ok(search) => search,
            Err(error) => return tracing::warn!(%error, "the local network can't be searched"),
        };
        loop {
            tokio::select! {
                () = found.closed() => break,
                address = search.next() => match address {
                    Some(address) => {
                        // Whoever looked has found somebody, or has given up.
                        let _ = found.send(address).await;
                    }
                    None => break,
                },
            }
        }
        search.end().await;
    };
    (addresses, searching)
}
