//! The two endpoints of a session over the internet. The sender's takes connections, the receiver's makes them: one for the
//! control channel, and one for each of a few lanes. iroh finds a direct way for them, moves them to it, and moves them
//! again when an address changes.
//!
//! The receiver's endpoint tells the sender this machine's addresses, so there is none before the offer is accepted. Until then
//! the receiver uses the one with which it has met the sender, which tells nothing.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, OnceCell, watch},
    time::{sleep, timeout},
};

use crate::{
    net::internet::{Endpoint, Internet, QuicConnection, QuicStream, Reveal},
    protocol::peer::EndpointId,
};

/// The most connections for lanes, and so the most lanes over the internet: all of them share one socket on each side, so more
/// would only share its rate.
pub(crate) const MAX_ONLINE_LANES: u16 = 8;
/// How long a connection may take: several round trips through a relay that is far away.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);
/// The first pause before iroh is made to look for a direct way again: longer than it waits itself.
const FIRST_LOOK: Duration = Duration::from_secs(6);
/// The longest such pause.
const LONGEST_LOOK: Duration = Duration::from_mins(1);

/// One side of a session, over the internet.
pub(super) struct Online {
    internet: Internet,
    reveal: Reveal,
    /// This side's endpoint for this session: a sender's is there from the start, a receiver's once it is needed.
    own: OnceCell<Endpoint>,
    /// The endpoint with which this side has met the other one over the internet. It tells no addresses.
    met_with: Option<Endpoint>,
    /// The sender's endpoint, once the receiver knows it.
    peer: watch::Sender<Option<EndpointId>>,
    /// Whether a receiver may use an endpoint that tells the sender its addresses.
    is_open: watch::Sender<bool>,
    /// A receiver's connections: the first for everything but lanes.
    connections: [Mutex<Option<QuicConnection>>; MAX_ONLINE_LANES as usize + 1],
    /// A connection on which the other side has proven who it is.
    found: watch::Sender<Option<QuicConnection>>,
}

/// What a session may use of the internet.
#[derive(Debug)]
pub(crate) struct OnlineParts {
    /// The relays to use.
    pub(crate) internet: Internet,
    /// Whether the other side may learn this machine's addresses.
    pub(crate) reveal: Reveal,
    /// A sender's endpoint for the session.
    pub(crate) own: Option<Endpoint>,
    /// The endpoint with which the two have met.
    pub(crate) met_with: Option<Endpoint>,
}

impl Online {
    pub(super) fn new(parts: OnlineParts) -> Self {
        let OnlineParts { internet, reveal, own, met_with } = parts;
        Self {
            internet,
            reveal,
            own: OnceCell::new_with(own),
            met_with,
            peer: watch::Sender::new(None),
            is_open: watch::Sender::new(false),
            connections: Default::default(),
            found: watch::Sender::new(None),
        }
    }

    /// The endpoint at which a sender takes connections.
    pub(super) fn own(&self) -> Option<&Endpoint> {
        self.own.get()
    }

    /// From now on, a receiver's endpoint may tell its addresses.
    pub(super) fn open_up(&self) {
        self.is_open.send_replace(true);
        // A connection that was made before can never become direct. What still uses it keeps it.
        if let Ok(mut first) = self.connections[0].try_lock() {
            first.take();
        }
    }

    /// Takes note of the sender's endpoint.
    pub(super) fn meet(&self, peer: EndpointId) {
        self.peer.send_replace(Some(peer));
    }

    /// Whether a receiver knows the sender's endpoint.
    pub(super) fn knows_peer(&self) -> bool {
        self.peer.borrow().is_some()
    }

    /// Waits until a receiver may look for the sender's endpoint.
    pub(super) async fn is_wanted(&self) {
        let (mut peer, mut is_open) = (self.peer.subscribe(), self.is_open.subscribe());
        // The senders of both live as long as `self`.
        let _ = peer.wait_for(Option::is_some).await;
        let _ = is_open.wait_for(|is_open| *is_open).await;
    }

    /// Binds a receiver's endpoint before it is needed, so that it knows by then how its router translates addresses. Nobody is
    /// told of it.
    pub(super) async fn prepare(&self) {
        if let Err(error) = self.bound().await {
            tracing::warn!(%error, "no endpoint for the internet");
        }
    }

    async fn bound(&self) -> io::Result<&Endpoint> {
        self.own.get_or_try_init(|| Endpoint::bind(&self.internet, None, self.reveal)).await
    }

    /// Waits until a connection that goes through a relay has ended. Meanwhile it has iroh look for a direct way again and again,
    /// with growing pauses: each new connection makes it try, and by itself it does so once a minute.
    pub(super) async fn outlive(&self, connection: &QuicConnection) {
        let mut pause = FIRST_LOOK;
        loop {
            tokio::select! {
                () = connection.closed() => return,
                () = sleep(pause) => {}
            }
            let peer = *self.peer.borrow();
            if self.reveal == Reveal::Addresses
                && !connection.is_direct()
                && let (Some(endpoint), Some(peer)) = (self.own(), peer)
            {
                let _ = timeout(CONNECT_LIMIT, endpoint.connect(peer, |_| true)).await;
            }
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }

    /// A connection on which the other side has proven who it is, if one is open.
    pub(super) fn found(&self) -> Option<QuicConnection> {
        self.found.borrow().clone().filter(QuicConnection::is_open)
    }

    /// Follows [`found`](Self::found).
    pub(super) fn watch(&self) -> watch::Receiver<Option<QuicConnection>> {
        self.found.subscribe()
    }

    /// Notes that the other side has proven on `connection` who it is.
    pub(super) fn find(&self, connection: QuicConnection) {
        self.found.send_replace(Some(connection));
    }

    /// Ends the connections that were made, because nothing arrives over them any more.
    pub(super) fn forget(&self) {
        if let Some(connection) = self.found.send_replace(None) {
            connection.close();
        }
        for slot in &self.connections {
            if let Ok(mut slot) = slot.try_lock()
                && let Some(connection) = slot.take()
            {
                connection.close();
            }
        }
    }

    /// A new stream for everything but lanes, with its connection.
    pub(super) async fn call(&self) -> io::Result<(QuicStream, QuicConnection)> {
        self.stream(0).await
    }

    /// A new stream for the lane with this number.
    pub(super) async fn lane(&self, number: u16) -> io::Result<QuicStream> {
        Ok(self.stream(usize::from(1 + number % MAX_ONLINE_LANES)).await?.0)
    }

    /// Opens a stream on the connection `slot`, which is made if there is none.
    async fn stream(&self, slot: usize) -> io::Result<(QuicStream, QuicConnection)> {
        let mut slot = self.connections[slot].lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.is_open()) {
            return Ok((connection.open().await?, connection.clone()));
        }
        let peer = (*self.peer.borrow()).ok_or(io::ErrorKind::NotConnected)?;
        let endpoint = self.dialing().await?;
        let connection = timeout(CONNECT_LIMIT, endpoint.connect(peer, |_| true)).await??;
        *slot = Some(connection.clone());
        Ok((connection.open().await?, connection))
    }

    /// The endpoint with which a receiver makes connections now.
    async fn dialing(&self) -> io::Result<&Endpoint> {
        if let Some(met_with) = self.met_with.as_ref().filter(|_| !*self.is_open.borrow()) {
            return Ok(met_with);
        }
        self.bound().await
    }

    /// Ends everything.
    pub(super) async fn close(self: Arc<Self>) {
        let close = async |endpoint: Option<&Endpoint>| {
            if let Some(endpoint) = endpoint {
                endpoint.close().await;
            }
        };
        tokio::join!(close(self.own.get()), close(self.met_with.as_ref()));
    }
}
