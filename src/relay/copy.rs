//! Copies every byte between two paired connections, in both directions, until both ends are done, one breaks, the room
//! closes or nothing moves any more. Memory is bounded by one pipe or buffer for each direction, taken when bytes come.

use std::{
    future::Future,
    io,
    net::Shutdown,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use socket2::SockRef;
use tokio::{net::TcpStream, sync::Semaphore, task::coop::consume_budget, time::timeout};

use super::{
    shared::{Pair, RelayState},
    splice::Pipe,
};
use crate::protocol::relay::ConnectionKind;

/// How long the other direction may go on after one end of a control connection has left, or after an error: enough for last
/// words.
pub(super) const LEAVE_GRACE: Duration = Duration::from_secs(5);

/// Buffer for one direction of a control connection in bytes; most control messages fit.
const CONTROL_BUFFER_BYTES: usize = 16 * 1024;
/// Buffer or pipe for one direction of a lane in bytes: a block of most transfers.
const LANE_BUFFER_BYTES: usize = 256 * 1024;
/// Bytes that are copied at once when the rate is limited: small, so that the speed is even.
const PACED_BYTES: usize = 64 * 1024;

/// Estimated memory in bytes for a pair of this kind, both directions together.
pub(super) fn pair_bytes(kind: ConnectionKind) -> u64 {
    2 * buffer_bytes(kind) as u64
}

/// Buffer in bytes for one direction.
fn buffer_bytes(kind: ConnectionKind) -> usize {
    match kind {
        ConnectionKind::Control => CONTROL_BUFFER_BYTES,
        ConnectionKind::Lane => LANE_BUFFER_BYTES,
    }
}

/// How copying between a pair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairEnd {
    /// One end, or both, closed or broke.
    Left,
    /// The control connections of the room are gone.
    RoomClosed,
    /// Nothing moved on any of the room's connections for too long.
    Idle,
}

/// Copies in both directions between `one` and `other`. `left` is called as soon as the first direction has ended.
pub(super) async fn both_ways(
    shared: &RelayState,
    pair: &Pair,
    kind: ConnectionKind,
    one: &TcpStream,
    other: &TcpStream,
    left: impl FnOnce(),
) -> PairEnd {
    let way = |from, to| one_way(OneWay { from, to, kind, pair, shared });
    tokio::select! {
        () = until_both_end(kind, way(one, other), way(other, one), left) => PairEnd::Left,
        () = pair.closed() => PairEnd::RoomClosed,
        () = pair.idle() => PairEnd::Idle,
    }
}

async fn until_both_end(
    kind: ConnectionKind,
    there: impl Future<Output = io::Result<()>>,
    back: impl Future<Output = io::Result<()>>,
    left: impl FnOnce(),
) {
    let (mut there, mut back) = (pin!(there), pin!(back));
    let (first, is_there) = tokio::select! {
        result = &mut there => (result, true),
        result = &mut back => (result, false),
    };
    left();
    let rest = async { if is_there { back.await } else { there.await } };
    // An error in the second direction changes nothing any more.
    if kind == ConnectionKind::Control || first.is_err() {
        let _ = timeout(LEAVE_GRACE, rest).await;
    } else {
        let _ = rest.await;
    }
}

/// One direction of a pair.
struct OneWay<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    kind: ConnectionKind,
    pair: &'a Pair,
    shared: &'a RelayState,
}

async fn one_way(OneWay { from, to, kind, pair, shared }: OneWay<'_>) -> io::Result<()> {
    let counter: &AtomicU64 = match kind {
        ConnectionKind::Control => &shared.counters.control_bytes,
        ConnectionKind::Lane => &shared.counters.lane_bytes,
    };
    let paced = kind == ConnectionKind::Lane && pair.is_paced();
    let mut buffer = CopyBuffer::new(kind, paced);
    loop {
        consume_budget().await;
        let filled = match buffer.fill(from, &shared.pipes) {
            Ok(0) => break,
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                buffer.release();
                from.readable().await?;
                continue;
            }
            Err(error) => return Err(error),
        };
        pair.touch();
        while buffer.held() > 0 {
            match buffer.empty(to) {
                Ok(moved) => {
                    counter.fetch_add(moved as u64, Ordering::Relaxed);
                    pair.touch();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
        if paced {
            tokio::time::sleep(pair.pause_after(filled)).await;
        }
    }
    SockRef::from(to).shutdown(Shutdown::Write)
}

/// Holds the bytes of one direction on their way from one socket to the other.
struct CopyBuffer {
    at: Storage,
    limit: usize,
    /// Whether a pipe is worth trying.
    pipe_wanted: bool,
    /// Whether anything ever came.
    used: bool,
}

/// Where the bytes are held.
enum Storage {
    Nowhere,
    Pipe(Pipe),
    Buffer { bytes: Vec<u8>, sent: usize },
}

impl CopyBuffer {
    fn new(kind: ConnectionKind, paced: bool) -> Self {
        let limit = if paced { PACED_BYTES } else { buffer_bytes(kind) };
        // Control messages are small and many. A pipe would take as many system calls for each as a read and a write do, and
        // two more open files for each direction.
        Self { at: Storage::Nowhere, limit, pipe_wanted: kind == ConnectionKind::Lane, used: false }
    }

    /// Takes bytes from the socket. It is called only when nothing is held. 0 means that the stream has ended.
    fn fill(&mut self, from: &TcpStream, pipes: &Arc<Semaphore>) -> io::Result<usize> {
        if matches!(self.at, Storage::Nowhere) {
            self.at = match self.pipe_wanted.then(|| Pipe::open(pipes)).flatten() {
                Some(pipe) => Storage::Pipe(pipe),
                None => Storage::Buffer { bytes: Vec::with_capacity(self.limit), sent: 0 },
            };
        }
        let result = match &mut self.at {
            Storage::Pipe(pipe) => pipe.fill(from, self.limit),
            Storage::Buffer { bytes, sent } => {
                bytes.clear();
                *sent = 0;
                from.try_read_buf(bytes)
            }
            Storage::Nowhere => Ok(0),
        };
        match result {
            Err(error) if self.pipe_wanted && is_unsupported(&error) => {
                self.pipe_wanted = false;
                self.at = Storage::Nowhere;
                self.fill(from, pipes)
            }
            result => {
                self.used |= result.is_ok();
                result
            }
        }
    }

    /// Gives held bytes to the socket, as many as it takes.
    fn empty(&mut self, to: &TcpStream) -> io::Result<usize> {
        match &mut self.at {
            Storage::Pipe(pipe) => pipe.empty(to),
            Storage::Buffer { bytes, sent } => {
                let moved = to.try_write(bytes.get(*sent..).unwrap_or_default())?;
                *sent += moved;
                Ok(moved)
            }
            Storage::Nowhere => Ok(0),
        }
    }

    fn held(&self) -> usize {
        match &self.at {
            Storage::Pipe(pipe) => pipe.held(),
            Storage::Buffer { bytes, sent } => bytes.len() - sent,
            Storage::Nowhere => 0,
        }
    }

    /// Frees, while nothing comes, what waiting doesn't need: a buffer, or a pipe through which nothing ever came. A pipe that has
    /// been used stays open, because an empty pipe takes no memory.
    fn release(&mut self) {
        if matches!(self.at, Storage::Buffer { .. }) || !self.used {
            self.at = Storage::Nowhere;
        }
    }
}

/// Whether the kernel can't splice these sockets at all.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::relay::Limits;

    /// The client's end and the relay's end of one connection.
    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    async fn send_and_receive(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
        let (mut reader, mut writer) = stream.split();
        let mut received = Vec::new();
        let send = async {
            writer.write_all(bytes).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        tokio::join!(send, reader.read_to_end(&mut received)).1.unwrap();
        received
    }

    #[tokio::test]
    async fn the_buffer_that_stands_in_for_a_pipe_copies_the_same() {
        for pipes in [0, 1, 2] {
            let shared = RelayState::new(None, None, Limits::default(), Vec::new(), pipes);
            let pair = shared.new_pair();
            let ((mut one, its_end), (mut other, other_end)) = (connection().await, connection().await);
            let (forward, back) = (vec![1; 3_000_001], vec![2; 2_000_003]);
            let copying = both_ways(&shared, &pair, ConnectionKind::Lane, &its_end, &other_end, || ());
            let (at_one, at_other, end) = tokio::join!(
                send_and_receive(&mut one, &forward),
                send_and_receive(&mut other, &back),
                copying
            );
            assert!(at_one == back && at_other == forward);
            assert_eq!(end, PairEnd::Left);
            assert_eq!(shared.pipes.available_permits(), pipes);
        }
    }
}
