//! How one side enters the code's room at a relay and leaves it, and which of several errors says most.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    code::CodePhrase,
    net::client::{self, Join, RelayChoice, RelayClientError, draw_client_token},
    protocol::{
        Role,
        relay::{ClientToken, RoomId},
    },
    transfer::error::{Impossible, TransferError},
};

/// How long the relay may take to end a pair, which is one round trip. Entering the room again copes with a relay that
/// takes longer.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// How one side enters the code's room.
pub(super) struct RoomEntry {
    pub(super) role: Role,
    pub(super) client_token: ClientToken,
    /// How long one address of the relay may take to accept a connection.
    pub(super) connect_limit: Duration,
    /// The message that the relay keeps for the other side; empty if there is none.
    pub(super) first: Vec<u8>,
}

pub(super) async fn join(
    relay: &RelayChoice,
    code: &CodePhrase,
    entry: RoomEntry,
) -> Result<client::Joined, RelayClientError> {
    let room = RoomId(code.room());
    let RoomEntry { role, client_token, connect_limit, first } = entry;
    let (known, waits) = (None, false);
    client::join(Join { relay, known, connect_limit, role, room, client_token, waits, first }).await
}

/// Ends a pair, and waits until the relay has ended it as well. The relay removes the room before it closes the connection,
/// so the sender can then enter it anew: the next receiver neither meets the old pair nor finds the room missing for long.
pub(super) async fn leave(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let leaving = async {
        stream.shutdown().await?;
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Entering the room again copes with a relay that takes longer.
    let _ = timeout(LEAVE_LIMIT, leaving).await;
}

/// Draws a token for this side's seat in a room.
pub(super) fn new_client_token() -> Result<ClientToken, TransferError> {
    draw_client_token().map_err(|_| Impossible::NoRandomness.into())
}

/// Of two relays' errors the one that says more. A relay's silence says the least.
pub(super) fn graver(one: Option<TransferError>, other: TransferError) -> TransferError {
    match one {
        Some(one) if !is_silence(&one) || is_silence(&other) => one,
        _ => other,
    }
}

/// Whether this error means that a relay has not answered at all.
pub(super) fn is_silence(error: &TransferError) -> bool {
    matches!(
        error,
        TransferError::Offline
            | TransferError::Relay(
                RelayClientError::Unreachable { .. }
                    | RelayClientError::TurnedAway(_)
                    | RelayClientError::Lost
            )
    )
}
