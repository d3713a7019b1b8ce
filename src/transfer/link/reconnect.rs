//! How the two sides reconnect after their connection was lost: through the relay, in a room that only these two know, or
//! directly where that is known to work. On the new connection both sides first prove the session's secret. The side that
//! comes to the room first waits for the other one.

use std::{convert::Infallible, future::pending, net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{
    direct::Direct,
    handshake::{read, write},
    opener::{LaneWays, NetworkWays},
    pipe::{BoxFuture, ByteStream, Pipe},
    rendezvous::Seat,
};
use crate::{
    crypto::{Channel, ChannelKeys, Nonces, ReconnectKey, Side},
    net::{
        access::GUESS_PAUSE,
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

/// How long the relay may take to accept a connection at its known address, before its name is looked up again.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);
/// The first pause of the backoff: short, because many losses are.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause of the backoff: short enough that a user calls it "at once" when the network is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The pause after the relay has refused. It can be reached then, and its refusal asks for fewer tries.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// Where one side of a session looks for the other one after a loss, and the secret that proves who they are.
pub(crate) struct Reconnect {
    /// The relay through which the two peers have met; `None` if they have met without one.
    pub relay: Option<KnownRelay>,
    /// Which of the two sides this one is.
    pub side: Side,
    /// The session's secret.
    pub key: ReconnectKey,
    /// The direct path around the relay, unless the user wants none.
    pub direct: Option<Arc<Direct>>,
    /// Where to report the state of the connection.
    pub context: Context,
}

/// The relay at which two peers meet again.
pub(crate) struct KnownRelay {
    /// The relay.
    pub relay: RelayChoice,
    /// The address to which its name led when the two met, unless only a proxy knows.
    pub known: Option<SocketAddr>,
    /// The token of this side's seats, the same as in the room where the two have met.
    pub client_token: ClientToken,
}

/// How one side of a session finds the other one again after a loss.
pub(crate) trait FindPeer: Send + Sync {
    /// Tries until the other side is found. `left` is the seat of a connection that only this side knows to be dead. It is
    /// taken again and left, so that the other side learns of the loss. It is `None` for a connection made by reconnecting,
    /// because there the next try takes the same seat anyway.
    fn find(&self, left: Option<Seat>) -> BoxFuture<'_, Reconnected>;
}

/// Two peers that have found each other again, on a new connection.
pub(crate) struct Reconnected {
    /// The new connection.
    pub pipe: Pipe,
    /// The new keys of the control channel.
    pub metadata: ChannelKeys,
    /// The new keys of the lanes.
    pub data: ChannelKeys,
    /// How the new link's lanes are opened.
    pub ways: Arc<dyn LaneWays>,
    /// Whether the connection goes directly from one machine to the other, around the relay.
    pub is_direct: bool,
    /// The new link's number, the same on both sides.
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
    /// Takes a seat again and leaves it, which makes the relay end the pair that the seat belonged to. Never returns.
    async fn vacate(&self, left: Option<Seat>) -> Infallible {
        let (Some(Seat { room, client_token }), Some(relay)) = (left, &self.relay) else {
            return pending().await;
        };
        let mut backoff = backoff();
        // A relay that gives any other answer has no such pair any more.
        while let Err(
            RelayClientError::Unreachable { .. }
            | RelayClientError::TurnedAway(_)
            | RelayClientError::Proxy { .. }
            | RelayClientError::NoSuchHost { .. }
            | RelayClientError::Lost,
        ) = self.enter(relay, room, client_token).await
        {
            sleep(backoff.next_pause()).await;
        }
        pending().await
    }

    async fn directly(&self) -> Reconnected {
        let Some(direct) = &self.direct else { return pending().await };
        let mut backoff = backoff();
        loop {
            if self.relay.is_none() {
                self.tell(Connection::LookingForPeer);
            }
            if let Some(pipe) = direct.reconnect().await
                && let Ok(back) = self.meet_again(pipe, None).await
            {
                return back;
            }
            sleep(backoff.next_pause()).await;
        }
    }

    async fn through_relay(&self) -> Reconnected {
        let Some(relay) = &self.relay else { return pending().await };
        let mut backoff = backoff();
        loop {
            let started = Instant::now();
            match self.try_once(relay).await {
                Ok(back) => return back,
                Err(error) => {
                    tracing::debug!(%error, "not reconnected yet");
                    let pause = self.report(&error).unwrap_or_else(|| backoff.next_pause());
                    sleep_until(started + pause).await;
                }
            }
        }
    }

    /// Reports whether the relay or the other side is missing. Returns the pause that a relay's refusal asks for, if it
    /// does.
    fn report(&self, error: &TransferError) -> Option<Duration> {
        let (connection, pause) = match error {
            TransferError::Relay(RelayClientError::Refused(Refusal::RoleTaken)) => {
                (Connection::LookingForPeer, None)
            }
            TransferError::Relay(RelayClientError::Refused(Refusal::PasswordWrong)) => {
                (Connection::LookingForRelay, Some(jittered(GUESS_PAUSE)))
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

    /// Reports the state of the connection, unless the old connection is only doubted and may still work.
    fn tell(&self, connection: Connection) {
        self.context.update(|progress| {
            if progress.connection != Connection::Up {
                progress.connection = connection;
            }
        });
    }

    async fn try_once(&self, relay: &KnownRelay) -> Result<Reconnected, TransferError> {
        let joined = self.enter(relay, RoomId(self.key.room()), relay.client_token).await?;
        self.tell(Connection::LookingForPeer);
        let Paired { stream, lanes, token, .. } = joined.paired().await?;
        self.meet_again(stream.into(), Some((lanes, token))).await
    }

    async fn enter(
        &self,
        KnownRelay { relay, known, .. }: &KnownRelay,
        room: RoomId,
        client_token: ClientToken,
    ) -> Result<Joined, RelayClientError> {
        let role = match self.side {
            Side::Sender => Role::Sender,
            Side::Receiver => Role::Receiver,
        };
        let joined = client::join(Join {
            relay,
            // By now the name may lead to another relay, and looking it up may take long while the network is gone.
            known: *known,
            connect_limit: CONNECT_LIMIT,
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
        mut pipe: Pipe,
        relay: Option<(LaneAddress, LaneToken)>,
    ) -> Result<Reconnected, TransferError> {
        let nonces = self.prove(&mut pipe.stream).await?;
        let [link, ..] = nonces.sender.as_chunks().0 else {
            unreachable!("a nonce has more than eight bytes")
        };
        let (is_direct, direct) = (relay.is_none(), self.direct.clone());
        Ok(Reconnected {
            pipe,
            metadata: self.key.keys(Channel::Metadata, &nonces),
            data: self.key.keys(Channel::Data, &nonces),
            ways: Arc::new(NetworkWays { relay, direct }),
            is_direct,
            link: u64::from_be_bytes(*link),
        })
    }

    /// Has both sides prove the session's secret. Before that, nothing else is said or believed.
    async fn prove(&self, stream: &mut Box<dyn ByteStream>) -> Result<Nonces, TransferError> {
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

/// The pauses between tries to reconnect.
fn backoff() -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
}
