//! Two peers that have found each other.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

use crate::{
    code::CodePhrase,
    net::{
        addresses::Reach,
        client::{self, LaneAddress, Paired, RelayChoice},
    },
    protocol::relay::{ClientToken, LaneToken, RoomId},
    transfer::{
        error::TransferError,
        link::handshake::{Agreed, Keys},
    },
};

/// How long a relay may take to show that it still runs: a few round trips, while the user waits for the reason of a
/// failure.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// The connection of two peers that have found each other, with everything that a session between them needs.
pub struct Meeting {
    /// The relay through which they met.
    pub relay: RelayChoice,
    /// Whether both may be on this machine, because they met through a relay on it. To a sender, the relay that runs beside
    /// it doesn't count, because it always reaches that one on this machine.
    pub is_here: bool,
    /// The connection between them.
    pub stream: TcpStream,
    /// Where the relay takes lanes.
    pub lanes: LaneAddress,
    /// The token by which the relay knows their lanes.
    pub token: LaneToken,
    /// This side's seat at the relay.
    pub seat: Seat,
    /// The keys of both channels.
    pub keys: Keys,
}

/// One side's seat in a room of a relay.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// The room.
    pub room: RoomId,
    /// The token of the seat: a client that knows it may take the seat again.
    pub client_token: ClientToken,
}

/// Two peers that have just proven the code to each other, and the relay through which they did.
pub(super) struct Met {
    pub(super) relay: RelayChoice,
    pub(super) client_token: ClientToken,
    pub(super) paired: Paired,
    pub(super) agreed: Agreed,
}

impl Met {
    pub(super) async fn meeting(self, code: &std::sync::Arc<CodePhrase>, is_own: bool) -> Meeting {
        let Self { relay, client_token, paired: Paired { stream, lanes, token, .. }, agreed } = self;
        let is_here = !is_own && lanes.relay().reach() == Some(Reach::ThisComputer);
        let seat = Seat { room: RoomId(code.room()), client_token };
        Meeting { relay, is_here, stream, lanes, token, seat, keys: agreed.keys(code).await }
    }
}

/// Finds out whether a lost peer is in truth a lost relay: when every connection breaks at once, only the relay can tell.
/// Returns the relay's error if the relay is gone, and otherwise the given one.
pub async fn explain_loss(error: TransferError, relay: &RelayChoice) -> TransferError {
    match error {
        TransferError::PeerLost => match timeout(CHECK_LIMIT, client::check(&relay.address)).await {
            Ok(Err(gone)) => gone.into(),
            Ok(Ok(())) | Err(_) => TransferError::PeerLost,
        },
        other => other,
    }
}
