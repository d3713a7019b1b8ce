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

/// How long a relay may take to show that it is still there.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// Two peers that know each other's keys.
pub struct Meeting {
    /// The relay that brought them together.
    pub relay: RelayChoice,
    /// Whether both are on this machine, as far as that relay tells: one of its own that a sender runs tells nothing.
    pub is_here: bool,
    /// The pipe between them.
    pub stream: TcpStream,
    /// Where lanes are opened.
    pub lanes: LaneAddress,
    /// Their name.
    pub token: LaneToken,
    /// Where this side sits there.
    pub seat: Seat,
    /// Both channels' keys.
    pub keys: Keys,
}

/// A place in a room of a relay.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// The room.
    pub room: RoomId,
    /// Whoever knows it may take it.
    pub client_token: ClientToken,
}

/// Two peers that have just proven the code to each other, and where.
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

/// Tells a lost peer from a lost relay: when every connection breaks at once, only the relay can say whose end it was.
pub async fn explain_loss(error: TransferError, relay: &RelayChoice) -> TransferError {
    match error {
        TransferError::PeerLost => match timeout(CHECK_LIMIT, client::check(&relay.address)).await {
            Ok(Err(gone)) => gone.into(),
            Ok(Ok(())) | Err(_) => TransferError::PeerLost,
        },
        other => other,
    }
}
