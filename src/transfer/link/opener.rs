//! How the lanes of one connection are opened: directly from one machine to the other where that works, else through the
//! relay.

use std::sync::Arc;

use super::{
    direct::Direct,
    pipe::{BoxFuture, Pipe},
};
use crate::{
    crypto::ChannelKeys,
    net::{
        client::{LaneAddress, RelayClientError},
        socket,
    },
    protocol::{
        Role,
        peer::Way,
        relay::{LaneHello, LaneToken, MAX_LANES, Refusal},
    },
    transfer::error::{Misbehaviour, TransferError},
};

/// Opens the lanes of one connection, and has the keys for them.
#[derive(Clone)]
pub(crate) struct LaneOpener {
    /// Names the connection; both sides call it the same.
    pub(crate) link: u64,
    /// Keys of the data channel.
    pub(crate) keys: Arc<ChannelKeys>,
    /// What connects the two ends.
    pub(crate) ways: Arc<dyn LaneWays>,
}

/// The ways in which the two ends of a lane can be connected.
pub(crate) trait LaneWays: Send + Sync {
    /// How lanes are best opened now.
    fn best(&self) -> Way;

    /// Whether lanes can be opened without the relay at all.
    fn allows_direct(&self) -> bool;

    /// The direct way that was found works no more.
    fn forget_direct(&self);

    /// Opens this side's end of lane `number` of connection `link`, and waits for the other end.
    fn open(
        &self,
        link: u64,
        number: u16,
        way: Way,
        role: Role,
    ) -> BoxFuture<'_, Result<Pipe, TransferError>>;
}

/// The relay of a connection, and the direct way around it.
pub(super) struct NetworkWays {
    /// Where the relay takes lanes, and the token that it knows them by; `None` for a connection that goes around it.
    pub(super) relay: Option<(LaneAddress, LaneToken)>,
    /// The way around the relay, unless the user wants none.
    pub(super) direct: Option<Arc<Direct>>,
}

impl LaneWays for NetworkWays {
    fn best(&self) -> Way {
        self.direct.as_ref().map_or(Way::Relay, |direct| direct.way())
    }

    fn allows_direct(&self) -> bool {
        self.direct.is_some()
    }

    fn forget_direct(&self) {
        if let Some(direct) = &self.direct {
            direct.forget();
        }
    }

    fn open(
        &self,
        link: u64,
        number: u16,
        way: Way,
        role: Role,
    ) -> BoxFuture<'_, Result<Pipe, TransferError>> {
        Box::pin(async move {
            let stream = if way == Way::Relay {
                let (address, token) = self.relay.as_ref().ok_or(TransferError::PeerLost)?;
                // The relay knows a lane by its slot.
                let hello = LaneHello { token: *token, lane: number % MAX_LANES, role };
                address.open(hello).await.map_err(lane_error)?
            } else {
                let direct = self.direct.as_ref().ok_or(Misbehaviour::Lanes)?;
                direct.lane(way, link, number).await?
            };
            if role == Role::Sender {
                socket::prepare_for_bulk(&stream);
            }
            Ok(stream.into())
        })
    }
}

fn lane_error(error: RelayClientError) -> TransferError {
    match error {
        // A relay forgets a transfer as soon as one side has left it; why that one left, the control channel tells.
        RelayClientError::Lost | RelayClientError::Refused(Refusal::NoSuchLane) => TransferError::PeerLost,
        other => other.into(),
    }
}
