//! How both kinds of connection are refused, and how they wait while a refusal is still possible.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    time::timeout,
};

use super::shared::{Client, RelayState};
use crate::{
    net::io::{self as frames, ReadError},
    protocol::relay::{ConnectionKind, Refusal, Reply},
};

/// How long a short answer may take to go out. It fits into any socket's buffer, so only a broken client takes longer.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long to read from a refused client so that the refusal reaches it: a round trip, even a slow one.
pub(super) const LINGER: Duration = Duration::from_secs(2);
/// How many bytes to read from a refused client at most: what it may have sent before it could know, twice the largest frame.
const LINGER_BYTES: usize = 128 * 1024;

/// Why a connection goes no further.
#[derive(Debug)]
pub(super) enum StopReason {
    /// The client is refused for this reason.
    Refused(Refusal),
    /// The client has left, or its connection broke.
    Gone,
    /// The room or the lane in which the connection waited was wiped.
    Wiped,
}

impl From<Refusal> for StopReason {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for StopReason {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<ReadError> for StopReason {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(_) => Self::Gone,
            ReadError::Frame(_) => Self::Refused(Refusal::Malformed),
        }
    }
}

/// Refuses a client, in the form that its kind of connection understands, and closes so that the client can read it.
pub(super) async fn refuse(shared: &RelayState, mut client: Client, kind: ConnectionKind, refusal: Refusal) {
    log_refusal(shared, client.number, refusal);
    if let Ok(Ok(())) = timeout(ANSWER_LIMIT, tell(&mut client.stream, kind, refusal)).await {
        linger(&mut client.stream).await;
    }
}

/// Writes something short, within a time limit.
pub(super) async fn answer(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(ANSWER_LIMIT, stream.write_all(bytes)).await?
}

/// Waits for the other client, which comes through `arrivals`. Meanwhile the waiting client must stay and be silent.
pub(super) async fn wait_for<T>(
    stream: &TcpStream,
    arrivals: &mut oneshot::Receiver<T>,
) -> Result<T, StopReason> {
    loop {
        tokio::select! {
            biased;
            arrival = &mut *arrivals => return arrival.map_err(|_| StopReason::Wiped),
            ready = stream.readable() => ready?,
        }
        match stream.try_read(&mut [0]) {
            Ok(0) => return Err(StopReason::Gone),
            Ok(_) => return Err(Refusal::Malformed.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes the refusal in the form that this kind of connection understands.
pub(super) async fn tell(stream: &mut TcpStream, kind: ConnectionKind, refusal: Refusal) -> io::Result<()> {
    match kind {
        ConnectionKind::Control => frames::write(stream, &Reply::Refused(refusal)).await,
        ConnectionKind::Lane => stream.write_all(&[refusal.lane_byte()]).await,
    }
}

/// Closing a socket with unread bytes in it resets the connection, and a reset overtakes the answer. So the end is
/// announced first, and what the client still sends is read for a while.
pub(super) async fn linger(stream: &mut TcpStream) {
    let drained = async {
        stream.shutdown().await?;
        let (mut bytes, mut total) = ([0; 256], 0);
        while total < LINGER_BYTES {
            match stream.read(&mut bytes).await? {
                0 => break,
                count => total += count,
            }
        }
        io::Result::Ok(())
    };
    // The client is being refused, so it may as well have left first.
    let _ = timeout(LINGER, drained).await;
}

/// Counts a refusal and logs it, unless many were logged just now.
pub(super) fn log_refusal(shared: &RelayState, number: u64, refusal: Refusal) {
    let reason = shared.counters.refuse(refusal);
    // An operator wants to know that limits are reached, but not that a user has mistyped a code.
    let matters = matches!(
        refusal,
        Refusal::TooManyConnections
            | Refusal::TooManyRooms
            | Refusal::TooManyJoins
            | Refusal::TooMuchFromHere
            | Refusal::OutOfMemory
    );
    if !matters && !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let Some(left_out) = shared.report_refusal() else { return };
    if matters {
        tracing::info!(connection = number, reason, left_out, "refused");
    } else {
        tracing::debug!(connection = number, reason, left_out, "refused");
    }
}
