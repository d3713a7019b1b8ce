//! One connection from its first byte to the moment it is known what it is for, and the ways of saying no that both
//! kinds share. `control` and `lane` take over from here.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};

use super::{
    control, lane,
    shared::{Link, Shared},
};
use crate::{
    net::io::ReadError,
    protocol::relay::{OPENING_LEN, Opening, Refusal},
};

/// How long a short answer may take to go out.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long, and for how many bytes, a refused client is listened to so that it gets to read why.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 128 * 1024;

/// Why a connection goes no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// The client is told this.
    Refused(Refusal),
    /// The client has left, or its connection broke.
    Gone,
    /// What the connection waited in was wiped.
    Wiped,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(_) => Self::Gone,
            ReadError::Frame(_) => Self::Refused(Refusal::Malformed),
        }
    }
}

/// Serves one connection within the limits, to its end.
pub(super) async fn serve(shared: Arc<Shared>, mut link: Link) {
    let deadline = Instant::now() + Duration::from_secs(shared.limits.hello_secs);
    let number = link.number;
    match timeout_at(deadline, read_opening(&mut link.stream)).await {
        Ok(Ok(Some(Opening::Control))) => control::serve(shared, link, deadline).await,
        Ok(Ok(Some(Opening::Lane))) => lane::serve(shared, link, deadline).await,
        // To whoever doesn't speak this protocol there is nothing to say.
        Ok(Ok(None)) => log_refusal(&shared, number, Refusal::Malformed),
        Err(_) => log_refusal(&shared, number, Refusal::TooSlow),
        Ok(Err(_)) => tracing::debug!(connection = number, "left before the opening"),
    }
}

/// Tells a connection for which the limits leave no place why, if it says soon what it is.
pub(super) async fn turn_away(
    shared: Arc<Shared>,
    mut stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    refusal: Refusal,
) {
    log_refusal(&shared, number, refusal);
    let Ok(Ok(Some(opening))) = timeout(LINGER, read_opening(&mut stream)).await else { return };
    let told = async {
        if opening == Opening::Control {
            control::welcome(&shared, &mut stream, peer).await?;
        }
        tell(&mut stream, opening, refusal).await
    };
    if let Ok(Ok(())) = timeout(ANSWER_LIMIT, told).await {
        linger(&mut stream).await;
    }
}

/// Tells a client no, in the form that its kind of connection understands, and closes so that it gets to read it.
pub(super) async fn refuse(shared: &Shared, mut link: Link, opening: Opening, refusal: Refusal) {
    log_refusal(shared, link.number, refusal);
    if let Ok(Ok(())) = timeout(ANSWER_LIMIT, tell(&mut link.stream, opening, refusal)).await {
        linger(&mut link.stream).await;
    }
}

/// Writes something short, within a time limit.
pub(super) async fn answer(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(ANSWER_LIMIT, stream.write_all(bytes)).await?
}

/// Waits for whoever is to come through `arrivals`, while the waiting client must stay and be silent.
pub(super) async fn wait_for<T>(stream: &TcpStream, arrivals: &mut oneshot::Receiver<T>) -> Result<T, Stop> {
    loop {
        tokio::select! {
            biased;
            arrival = &mut *arrivals => return arrival.map_err(|_| Stop::Wiped),
            ready = stream.readable() => ready?,
        }
        match stream.try_read(&mut [0]) {
            Ok(0) => return Err(Stop::Gone),
            Ok(_) => return Err(Refusal::Malformed.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn read_opening(stream: &mut TcpStream) -> io::Result<Option<Opening>> {
    let mut bytes = [0; OPENING_LEN];
    stream.read_exact(&mut bytes).await?;
    Ok(Opening::from_bytes(bytes))
}

async fn tell(stream: &mut TcpStream, opening: Opening, refusal: Refusal) -> io::Result<()> {
    match opening {
        Opening::Control => control::tell(stream, refusal).await,
        Opening::Lane => stream.write_all(&[refusal.lane_byte()]).await,
    }
}

/// Closing a socket with unread bytes in it resets the connection, and a reset overtakes the answer. So the end is
/// announced first, and what the client still sends is read for a while.
async fn linger(stream: &mut TcpStream) {
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
    // The client is being sent away; that it left first is fine.
    let _ = timeout(LINGER, drained).await;
}

fn log_refusal(shared: &Shared, number: u64, refusal: Refusal) {
    let reason = shared.counters.refuse(refusal);
    tracing::debug!(connection = number, reason, "refused");
}
