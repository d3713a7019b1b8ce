//! The way back to the other side after the connection was lost: through the relay, into a room that only these two know,
//! or directly where that is known to work; with a proof of the session's secret before anything else. Whoever comes
//! first waits for the other.

use std::{convert::Infallible, future::pending, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, sleep, sleep_until},
};

use super::{
    direct::Direct,
    handshake::{read, write},
    opener::{LaneWays, NetworkWays},
    pipe::{BoxFuture, Pipe},
    rendezvous::Seat,
};
use crate::{
    crypto::{Channel, ChannelKeys, Nonces, ReconnectKey, Side},
    net::{
        backoff::{Backoff, jittered},
        client::{self, Join, Joined, LaneAddress, Paired, RelayChoice, RelayClientError},
    },
    protocol::{
        Role,
        peer::{ReconnectAnswer, ReconnectHello, ReconnectProof},
        relay::{ClientToken, LaneToken, Refusal, RoomId},
    },
    transfer::{
        error::{Impossible, TransferError},
        notice::Context,
        progress::Connection,
    },
};

/// How long the relay may take to answer a connection, before its name is looked up again.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);
/// The first pause after a try that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause: below what a user would call "at once" when the network is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The pause after a relay has refused: it is there, and asks for less.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// Where a session can be found again, and what proves it.
pub(crate) struct Reconnect {
    /// The relay that brought the two together.
    pub relay: RelayChoice,
    /// The address that its name had.
    pub known: SocketAddr,
    /// Which of the two this is.
    pub side: Side,
    /// The session's secret.
    pub key: ReconnectKey,
    /// This side's place in the room.
    pub client_token: ClientToken,
    /// The way around the relay.
    pub direct: Option<Arc<Direct>>,
    /// Where to tell how it goes.
    pub context: Context,
}

/// How a session finds its other side again.
pub(crate) trait FindPeer: Send + Sync {
    /// Tries until the other side is found. A connection that only this side knows to be dead is given up for the other one
    /// as well: `left` is the seat that it had, unless it was in the room of a reconnection, where taking the seat again does
    /// that.
    fn find(&self, left: Option<Seat>) -> BoxFuture<'_, Reconnected>;
}

/// Two peers that have found each other again, on a new connection.
pub(crate) struct Reconnected {
    /// What connects them.
    pub pipe: Pipe,
    /// New keys of the control channel.
    pub metadata: ChannelKeys,
    /// New keys of the lanes.
    pub data: ChannelKeys,
    /// How lanes are opened on it.
    pub ways: Arc<dyn LaneWays>,
    /// Whether it goes from one machine to the other, around the relay.
    pub is_direct: bool,
    /// Names this connection, the same on both sides.
    pub link: u64,
}

impl FindPeer for Reconnect {
    fn find(&self, left: Option<Seat>) -> BoxFuture<'_, Reconnected> {
        Box::pin(async move {
            tokio::select! {
                back = self.through_relay() => back,
                back = self.directly() => back,
                never = self.vacate(left) => match never {},
            }
        })
    }
}

impl Reconnect {
    /// Takes a seat again, which makes the relay end the pair that it belonged to, and leaves it.
    async fn vacate(&self, left: Option<Seat>) -> Infallible {
        let Some(Seat { room, client_token }) = left else { return pending().await };
        let mut backoff = backoff();
        // A relay that answers otherwise knows of no such pair any more.
        while let Err(
            RelayClientError::Unreachable { .. }
            | RelayClientError::NoSuchHost { .. }
            | RelayClientError::Lost,
        ) = self.enter(room, client_token).await
        {
            sleep(backoff.next_pause()).await;
        }
        pending().await
    }

    async fn directly(&self) -> Reconnected {
        let Some(direct) = &self.direct else { return pending().await };
        let mut backoff = backoff();
        loop {
            if let Some(stream) = direct.reconnect().await
                && let Ok(back) = self.meet_again(stream, None).await
            {
                return back;
            }
            sleep(backoff.next_pause()).await;
        }
    }

    async fn through_relay(&self) -> Reconnected {
        let mut backoff = backoff();
        loop {
            let started = Instant::now();
            match self.try_once().await {
                Ok(back) => return back,
                Err(error) => {
                    tracing::debug!(%error, "not back yet");
                    let pause = self.report(&error).unwrap_or_else(|| backoff.next_pause());
                    sleep_until(started + pause).await;
                }
            }
        }
    }

    /// Reports what is missing on the way; gives the pause that a relay which has refused asks for.
    fn report(&self, error: &TransferError) -> Option<Duration> {
        let (connection, pause) = match error {
            TransferError::Relay(RelayClientError::Refused(Refusal::RoleTaken)) => {
                (Connection::LookingForPeer, None)
            }
            TransferError::Relay(RelayClientError::Refused(_)) => {
                (Connection::LookingForRelay, Some(jittered(REFUSED_PAUSE)))
            }
            TransferError::Relay(_) => (Connection::LookingForRelay, None),
            _ => (Connection::LookingForPeer, None),
        };
        self.tell(connection);
        pause
    }

    /// While the old connection is only doubted, nothing is told yet.
    fn tell(&self, connection: Connection) {
        self.context.update(|progress| {
            if progress.connection != Connection::Up {
                progress.connection = connection;
            }
        });
    }

    async fn try_once(&self) -> Result<Reconnected, TransferError> {
        let joined = self.enter(RoomId(self.key.room()), self.client_token).await?;
        self.tell(Connection::LookingForPeer);
        let Paired { stream, lanes, token, .. } = joined.paired().await?;
        self.meet_again(stream, Some((lanes, token))).await
    }

    async fn enter(&self, room: RoomId, client_token: ClientToken) -> Result<Joined, RelayClientError> {
        let role = match self.side {
            Side::Sender => Role::Sender,
            Side::Receiver => Role::Receiver,
        };
        let joined = client::join(Join {
            address: &self.relay.address,
            // The name may lead somewhere else by now; asking for it may also take long where the network is gone.
            known: Some(self.known),
            connect_limit: CONNECT_LIMIT,
            password: self.relay.password.as_deref(),
            role,
            room,
            client_token,
            waits: true,
            first: Vec::new(),
        });
        joined.await
    }

    async fn meet_again(
        &self,
        mut stream: TcpStream,
        relay: Option<(LaneAddress, LaneToken)>,
    ) -> Result<Reconnected, TransferError> {
        let nonces = self.prove(&mut stream).await?;
        let [link, ..] = nonces.sender.as_chunks().0 else {
            unreachable!("a nonce has more than eight bytes")
        };
        let (is_direct, direct) = (relay.is_none(), self.direct.clone());
        Ok(Reconnected {
            pipe: stream.into(),
            metadata: self.key.keys(Channel::Metadata, &nonces),
            data: self.key.keys(Channel::Data, &nonces),
            ways: Arc::new(NetworkWays { relay, direct }),
            is_direct,
            link: u64::from_be_bytes(*link),
        })
    }

    /// Nothing is said or believed before both have proven the session's secret.
    async fn prove(&self, stream: &mut TcpStream) -> Result<Nonces, TransferError> {
        let ours = ReconnectKey::nonce().map_err(|_| Impossible::NoRandomness)?;
        let stranger = |_| TransferError::WrongCode { tries_left: None };
        match self.side {
            Side::Sender => {
                write(stream, &ReconnectHello { nonce: ours }).await?;
                let ReconnectAnswer { nonce, tag } = read(stream).await?;
                let nonces = Nonces { sender: ours, receiver: nonce };
                self.key.check(Side::Receiver, &nonces, &tag).map_err(stranger)?;
                write(stream, &ReconnectProof { tag: self.key.prove(Side::Sender, &nonces) }).await?;
                Ok(nonces)
            }
            Side::Receiver => {
                let ReconnectHello { nonce } = read(stream).await?;
                let nonces = Nonces { sender: nonce, receiver: ours };
                let tag = self.key.prove(Side::Receiver, &nonces);
                write(stream, &ReconnectAnswer { nonce: ours, tag }).await?;
                let ReconnectProof { tag } = read(stream).await?;
                self.key.check(Side::Sender, &nonces, &tag).map_err(stranger)?;
                Ok(nonces)
            }
        }
    }
}

/// The pauses between tries to come back.
fn backoff() -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
}
