//! Two peers that have found each other.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    code::CodePhrase,
    net::{
        addresses::Reach,
        client::{self, LaneAddress, Paired, RelayChoice},
        internet::{Endpoint, Internet, QuicStream},
        venue::Venue,
    },
    protocol::relay::{ClientToken, LaneToken, RoomId},
    transfer::{
        error::TransferError,
        link::{
            handshake::{Agreed, Keys},
            pipe::Pipe,
        },
    },
};

/// How long a relay may take to show that it still runs: a few round trips, while the user waits for the reason of a
/// failure.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// The connection of two peers that have found each other, with everything that a session between them needs.
pub struct Meeting {
    /// Where they met.
    pub venue: Venue,
    /// Whether both may be on this machine, because they met through a relay on it. To a sender, the relay that runs beside
    /// it doesn't count, because it always reaches that one on this machine.
    pub is_here: bool,
    /// The connection between them.
    pub(crate) pipe: Pipe,
    /// What the relay gives them, if they met at one.
    pub relayed: Option<Relayed>,
    /// The keys of both channels.
    pub keys: Keys,
    /// A sender's endpoint for this session, if it may use the internet.
    pub own: Option<Endpoint>,
    /// The endpoint with which they have met, if that was over the internet.
    pub met_with: Option<Endpoint>,
}

/// What a relay gives two peers that have met at it.
pub struct Relayed {
    /// The relay.
    pub relay: RelayChoice,
    /// Where it takes lanes.
    pub lanes: LaneAddress,
    /// The token by which it knows their lanes.
    pub token: LaneToken,
    /// This side's seat.
    pub seat: Seat,
}

/// One side's seat in a room of a relay.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// The room.
    pub room: RoomId,
    /// The token of the seat: a client that knows it may take the seat again.
    pub client_token: ClientToken,
}

/// Two peers that have just proven the code to each other.
pub(super) struct Met {
    pub(super) way: MetBy,
    pub(super) agreed: Agreed,
}

/// How two peers have found each other.
pub(super) enum MetBy {
    /// At a relay.
    Relay { relay: RelayChoice, client_token: ClientToken, paired: Paired },
    /// Over the internet, with this endpoint of this side's.
    Internet { internet: Internet, stream: QuicStream, endpoint: Endpoint },
}

impl Met {
    /// The relay at which they have met.
    pub(super) fn relay(&self) -> Option<&RelayChoice> {
        match &self.way {
            MetBy::Relay { relay, .. } => Some(relay),
            MetBy::Internet { .. } => None,
        }
    }

    pub(super) async fn meeting(
        self,
        code: &Arc<CodePhrase>,
        is_own: bool,
        own: Option<Endpoint>,
    ) -> Meeting {
        let Self { way, agreed } = self;
        let keys = agreed.keys(code).await;
        match way {
            MetBy::Relay { relay, client_token, paired: Paired { stream, lanes, token, .. } } => {
                let reached = lanes.socket().map(|reached| Reach::of(reached.ip()));
                let is_here = !is_own && reached == Some(Reach::ThisComputer);
                let seat = Seat { room: RoomId(code.room()), client_token };
                let venue = Venue::Relay(relay.clone());
                let relayed = Some(Relayed { relay, lanes, token, seat });
                Meeting { venue, is_here, pipe: stream.into(), relayed, keys, own, met_with: None }
            }
            MetBy::Internet { internet, stream, endpoint } => Meeting {
                venue: Venue::Internet(internet),
                is_here: false,
                pipe: stream.into(),
                relayed: None,
                keys,
                own,
                met_with: Some(endpoint),
            },
        }
    }
}

/// Finds out whether a lost peer is in truth a lost relay: when every connection breaks at once, only the relay can tell.
/// Returns the relay's error if the relay is gone, and otherwise the given one.
pub async fn explain_loss(error: TransferError, venue: &Venue) -> TransferError {
    match (error, venue.relay()) {
        (TransferError::PeerLost, Some(relay)) => match timeout(CHECK_LIMIT, client::check(relay)).await {
            Ok(Err(gone)) => gone.into(),
            Ok(Ok(())) | Err(_) => TransferError::PeerLost,
        },
        (other, _) => other,
    }
}
