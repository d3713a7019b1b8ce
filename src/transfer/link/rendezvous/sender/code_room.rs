//! The code's room on one relay, and on the first of a list that can be reached.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    code::CodePhrase,
    net::client::{self, CONNECT_LIMIT, RelayChoice, RelayClientError},
    protocol::{
        Role,
        peer::SenderIdKey,
        relay::{ClientToken, Refusal},
    },
    transfer::{
        error::TransferError,
        link::{
            handshake::Greeting,
            rendezvous::room::{RoomEntry, graver, join},
        },
    },
};

/// How long a relay may take to let the sender into the room, if others of the list can be tried after it: several round
/// trips over a satellite.
const LIMIT_OF_SEVERAL: Duration = Duration::from_secs(4);

/// The code's room on one relay.
pub(super) struct CodeRoom {
    pub(super) relay: RelayChoice,
    pub(super) client_token: ClientToken,
    pub(super) sender: SenderIdKey,
    pub(super) iterations: u32,
}

/// A room that the sender is in, and the greeting that it has left there for the receiver.
pub(super) struct EnteredRoom {
    pub(super) joined: client::Joined,
    pub(super) greeting: Greeting,
}

impl CodeRoom {
    /// The error of a relay that doesn't answer in time.
    pub(super) fn silence(&self) -> TransferError {
        self.relay.silence().into()
    }

    pub(super) async fn enter(&self, code: &CodePhrase) -> Result<EnteredRoom, TransferError> {
        let greeting = Greeting::new(code, self.sender, self.iterations)?;
        let joined = self.join(code, greeting.first().to_vec()).await?;
        Ok(EnteredRoom { joined, greeting })
    }

    pub(super) async fn join(
        &self,
        code: &CodePhrase,
        first: Vec<u8>,
    ) -> Result<client::Joined, TransferError> {
        let entry = RoomEntry {
            role: Role::Sender,
            client_token: self.client_token,
            connect_limit: CONNECT_LIMIT,
            first,
        };
        match join(&self.relay, code, entry).await {
            Err(RelayClientError::Refused(Refusal::RoleTaken)) => Err(TransferError::CodeTaken),
            other => Ok(other?),
        }
    }
}

/// The result of entering a code's room on one relay of a list: the relay's index and the room, or the gravest error.
pub(super) type Tried = Result<(usize, EnteredRoom), TransferError>;

/// Enters the code's room on the first relay of the list that lets the sender in, or on the relay with the index `only`.
pub(super) async fn first_of(rooms: &[CodeRoom], only: Option<usize>, code: &CodePhrase) -> Tried {
    let is_the_only_one = rooms.len() == 1 || only.is_some();
    let mut failure = None;
    for (at, room) in rooms.iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
        let entered = if is_the_only_one {
            room.enter(code).await
        } else {
            timeout(LIMIT_OF_SEVERAL, room.enter(code)).await.unwrap_or_else(|_| Err(room.silence()))
        };
        match entered {
            Ok(entered) => return Ok((at, entered)),
            // Another sender has this code, so another code is needed and not another relay.
            Err(error @ TransferError::CodeTaken) => return Err(error),
            Err(error) => failure = Some(graver(failure, error)),
        }
    }
    Err(failure.unwrap_or(TransferError::Relay(RelayClientError::Lost)))
}
