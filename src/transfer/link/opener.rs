//! How the lanes of one link are opened: directly from one machine to the other where that works, and otherwise through the
//! relay.

use std::{sync::Arc, time::Duration};

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
    transfer::{
        error::{Misbehaviour, TransferError},
        progress::Route,
    },
};

/// Opens the lanes of one link, and has their keys.
#[derive(Clone)]
pub(crate) struct LaneOpener {
    /// The link's number, the same on both sides.
    pub(crate) link: u64,
    /// The keys of the data channel.
    pub(crate) keys: Arc<ChannelKeys>,
    /// What connects the two ends.
    pub(crate) ways: Arc<dyn LaneWays>,
}

/// The ways in which the two ends of a lane can be connected.
pub(crate) trait LaneWays: Send + Sync {
    /// How lanes are best opened now.
    fn best(&self) -> Way;

    /// How long a packet takes there and back, where lanes are best opened from machine to machine over TCP and could go directly
    /// over QUIC as well.
    fn quic_round_trip(&self) -> Option<Duration>;

    /// Whether lanes can be opened without the relay at all.
    fn allows_direct(&self) -> bool;

    /// Which way lanes really take that are opened in `way`, and how long a packet takes there and back, where that is known.
    fn route(&self, way: Way) -> (Route, Option<Duration>);

    /// Whether large packets have been found to get lost on the way.
    fn loses_large_packets(&self) -> bool;

    /// Forgets the direct path that was found, because it no longer works.
    fn forget_direct(&self);

    /// Opens this side's end of lane `number` of this `link`, and waits for the other end.
    fn open(
        &self,
        link: u64,
        number: u16,
        way: Way,
        role: Role,
    ) -> BoxFuture<'_, Result<Pipe, TransferError>>;
}

/// The relay of a link, and the direct path around it.
pub(super) struct NetworkWays {
    /// Where the relay takes lanes, and the token by which it knows them; `None` for a link that goes around the relay.
    pub(super) relay: Option<(LaneAddress, LaneToken)>,
    /// The direct path around the relay, unless the user wants none.
    pub(super) direct: Option<Arc<Direct>>,
}

impl LaneWays for NetworkWays {
    fn best(&self) -> Way {
        let Some(direct) = &self.direct else { return Way::Relay };
        match direct.way() {
            Way::Relay if self.relay.is_none() && direct.may_go_online() => Way::Internet,
            way => way,
        }
    }

    fn quic_round_trip(&self) -> Option<Duration> {
        self.direct.as_ref().and_then(|direct| direct.quic_round_trip())
    }

    fn route(&self, way: Way) -> (Route, Option<Duration>) {
        self.direct.as_ref().map_or((Route::Relay, None), |direct| direct.route(way))
    }

    fn allows_direct(&self) -> bool {
        self.direct.is_some()
    }

    fn loses_large_packets(&self) -> bool {
        let to_relay = self.relay.as_ref().is_some_and(|(address, _)| address.loses_large_packets());
        to_relay || self.direct.as_ref().is_some_and(|direct| direct.loses_large_packets())
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
            if way == Way::Relay {
                let (address, token) = self.relay.as_ref().ok_or(TransferError::PeerLost)?;
                // The relay knows a lane by its slot.
                let hello = LaneHello { token: *token, lane: number % MAX_LANES, role };
                let stream = address.open(hello).await.map_err(lane_error)?;
                if role == Role::Sender {
                    socket::prepare_for_bulk(&stream);
                }
                Ok(stream.into())
            } else {
                let direct = self.direct.as_ref().ok_or(Misbehaviour::Lanes)?;
                direct.lane(way, link, number).await
            }
        })
    }
}

fn lane_error(error: RelayClientError) -> TransferError {
    match error {
        // A relay forgets a transfer as soon as one side has left it. The control channel learns why that side left.
        RelayClientError::Lost | RelayClientError::Refused(Refusal::NoSuchLane) => TransferError::PeerLost,
        other => other.into(),
    }
}
