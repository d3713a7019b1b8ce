//! How a sender and a receiver find each other: the code, the rooms that it names, the handshake, and the end of a code
//! that was guessed at too often.
//!
//! A room can be in several places at once: on a relay that both know, and on one that runs beside the sender, which
//! the local network is told of. `sender` waits in all of them, `receiver` looks in all of them, and the first in which
//! the code is proven wins.

mod receiver;
mod sender;

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

pub use crate::net::client::RelayChoice;

pub use self::{
    receiver::{Search, meet_again, meet_sender},
    sender::{Guest, OwnRelay, Places, Threshold, Waits, wait_for_receiver, wait_for_several},
};
use super::{
    error::{TransferError, Unsuited},
    handshake::{Agreed, Keys},
    invitation::Follower,
};
use crate::{
    code::CodePhrase,
    net::{
        addresses::Reach,
        client::{self, Join, LaneAddress, Paired, RelayClientError, draw_client_token},
    },
    protocol::{
        Role,
        relay::{ClientToken, LaneToken, RoomId},
    },
};

/// How long a relay may take to show that it is still there.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// How the other side learns where to come.
pub enum Call {
    /// Under a code that a person passes on.
    Code(CodeChoice, Places),
    /// Under one that nobody sees: a send that runs says it to its receiver.
    Invitation(Follower),
}

/// Which code a sender uses.
pub enum CodeChoice {
    /// One drawn from the word list, of this many words.
    Drawn {
        /// Four to six.
        words: usize,
    },
    /// The person's own.
    Own(CodePhrase),
}

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
    pub place: ClientToken,
}

/// Two peers that have just proven the code to each other, and where.
struct Met {
    relay: RelayChoice,
    place: ClientToken,
    paired: Paired,
    agreed: Agreed,
}

impl Met {
    async fn meeting(self, code: &std::sync::Arc<CodePhrase>, is_own: bool) -> Meeting {
        let Self { relay, place, paired: Paired { stream, lanes, token, .. }, agreed } = self;
        let is_here = !is_own && lanes.relay().reach() == Some(Reach::ThisComputer);
        let seat = Seat { room: RoomId(code.room()), place };
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

/// How one side enters the code's room.
struct Entry {
    role: Role,
    place: ClientToken,
    connect_limit: Duration,
    first: Vec<u8>,
}

async fn join(
    relay: &RelayChoice,
    code: &CodePhrase,
    entry: Entry,
) -> Result<client::Joined, RelayClientError> {
    let (address, password) = (&relay.address, relay.password.as_deref());
    let room = RoomId(code.room());
    let Entry { role, place, connect_limit, first } = entry;
    let (known, waits) = (None, false);
    let join =
        Join { address, known, connect_limit, password, role, room, client_token: place, waits, first };
    client::join(join).await
}

/// Draws this side's place in a room.
pub(super) fn place() -> Result<ClientToken, TransferError> {
    draw_client_token().map_err(|_| Unsuited::NoRandomness.into())
}

/// Of two relays' troubles the one that says more: silence says the least.
fn graver(one: Option<TransferError>, other: TransferError) -> TransferError {
    match one {
        Some(one) if !is_silence(&one) || is_silence(&other) => one,
        _ => other,
    }
}

/// Whether a relay has not said anything.
fn is_silence(error: &TransferError) -> bool {
    matches!(
        error,
        TransferError::Relay(
            RelayClientError::Unreachable { .. }
                | RelayClientError::NoSuchHost { .. }
                | RelayClientError::Lost
        )
    )
}
