//! Copies every byte between two paired connections, in both directions, until both ends are done, one breaks, the room
//! closes or nothing moves any more. Each direction has one pipe or buffer while bytes come. A lane's is counted against the sending
//! client's share of the memory until none are left to come for now; if the share is used up, the bytes wait in the sender. Nothing is
//! taken from the sender while the receiver takes nothing.

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
use tokio::{
    net::TcpStream,
    task::{coop::consume_budget, yield_now},
    time::{sleep, timeout},
};

use super::{
    pair::{LastMoved, Pair},
    quota::Holding,
    shared::{Client, Permit, RelayState},
    splice::{Pipe, Pipes},
};

/// How long the other direction may go on after one end of a control connection has left, or after an error: enough for last
/// words.
pub(super) const LEAVE_GRACE: Duration = Duration::from_secs(5);

/// Buffer for one direction of a control connection in bytes; most control messages fit.
const CONTROL_BUFFER_BYTES: usize = 16 * 1024;
/// Buffer or pipe for one direction of a lane in bytes: a block of most transfers.
const LANE_BUFFER_BYTES: usize = 256 * 1024;
/// Bytes after which a direction lets all others have their turn, so that quick clients don't slow down the rest.
const TURN_BYTES: usize = LANE_BUFFER_BYTES;
/// Bytes that are copied at once when the rate is limited: small, so that the speed is even.
const PACED_BYTES: usize = 64 * 1024;

/// Estimated memory in bytes for a pair of control connections, both directions together.
pub(super) const CONTROL_PAIR_BYTES: u64 = 2 * CONTROL_BUFFER_BYTES as u64;
/// How long to wait before asking for memory again.
const MEMORY_PAUSE: Duration = Duration::from_millis(50);

/// What is copied. This decides about buffers, limits and the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Control messages, which are small and many. Both directions end together.
    Control,
    /// A lane, of which each direction ends by itself.
    Lane,
    /// A data connection of croc's. Its clients close it as a whole and can't open it again, so both directions end together, and it is
    /// idle only with all others of its room.
    #[cfg(feature = "croc")]
    CrocLane,
}

/// How copying between a pair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairEnd {
    /// One end, or both, closed or broke.
    Left,
    /// The control connections of the room are gone.
    RoomClosed,
    /// Nothing moved for too long on any of the room's connections, or on this one while the relay was short.
    Idle,
}

/// Copies in both directions between `one`, which was there first, and `other`. `left` is called as soon as the first direction
/// has ended.
pub(super) async fn both_ways(
    shared: &Arc<RelayState>,
    pair: &Pair,
    traffic: Traffic,
    one: &Client,
    other: &Client,
    left: impl FnOnce(),
) -> PairEnd {
    let moved = &LastMoved::new();
    let way = |from, to, is_hosts| one_way(OneWay { from, to, traffic, is_hosts, moved, pair, shared });
    let idle = async {
        match traffic {
            Traffic::Lane => pair.idle(moved).await,
            _ => pair.room_idle().await,
        }
    };
    tokio::select! {
        () = until_both_end(traffic, way(one, other, true), way(other, one, false), left) => PairEnd::Left,
        () = pair.closed() => PairEnd::RoomClosed,
        () = idle => PairEnd::Idle,
    }
}

async fn until_both_end(
    traffic: Traffic,
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
    if traffic != Traffic::Lane || first.is_err() {
        let _ = timeout(LEAVE_GRACE, rest).await;
    } else {
        let _ = rest.await;
    }
}

/// One direction of a pair.
struct OneWay<'a> {
    from: &'a Client,
    to: &'a Client,
    traffic: Traffic,
    /// Whether the bytes come from the client that was there first.
    is_hosts: bool,
    moved: &'a LastMoved,
    pair: &'a Pair,
    shared: &'a Arc<RelayState>,
}

async fn one_way(way: OneWay<'_>) -> io::Result<()> {
    let (from, to) = (&way.from.stream, &way.to.stream);
    let paced = way.traffic != Traffic::Control && way.pair.is_paced();
    let mut buffer = CopyBuffer::new(way.traffic, paced);
    let (mut memory, mut in_turn) = (None, 0);
    loop {
        if in_turn >= TURN_BYTES {
            buffer.release(&way.shared.pipes);
            yield_now().await;
            in_turn = 0;
        }
        // Bytes that come one by one are no way to have a longer turn.
        consume_budget().await;
        to.writable().await?;
        if memory.is_none() && way.traffic != Traffic::Control {
            memory = Some(way.memory(buffer.limit).await);
        }
        let filled = match buffer.fill(from, &way.shared.pipes) {
            Ok(0) => break,
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                buffer.release(&way.shared.pipes);
                memory = None;
                from.readable().await?;
                continue;
            }
            Err(error) => return Err(error),
        };
        in_turn += filled;
        way.pair.touch(way.moved);
        while buffer.held() > 0 {
            match buffer.empty(to) {
                Ok(moved) => way.count(moved),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
        if paced {
            sleep(way.pair.pause_after(filled)).await;
        }
    }
    buffer.release(&way.shared.pipes);
    SockRef::from(to).shutdown(Shutdown::Write)
}

impl OneWay<'_> {
    /// Memory for this many bytes, as soon as the sending client may have it. Until then nothing is read from it, so that the
    /// system holds it back.
    async fn memory(&self, bytes: usize) -> Permit {
        let mut has_waited = false;
        loop {
            match self.shared.admit(self.from.origin(), Holding::Memory(bytes as u64)) {
                Ok(permit) => return permit,
                Err(_) if has_waited => {}
                Err(_) => {
                    has_waited = true;
                    self.shared.counters.memory_waits.fetch_add(1, Ordering::Relaxed);
                }
            }
            sleep(MEMORY_PAUSE).await;
        }
    }

    /// Counts bytes that have been passed on.
    fn count(&self, bytes: usize) {
        let counter: &AtomicU64 = match self.traffic {
            Traffic::Control => &self.shared.counters.control_bytes,
            _ => &self.shared.counters.lane_bytes,
        };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        self.pair.touch(self.moved);
        if self.is_hosts
            && self.traffic == Traffic::Control
            && let Some(trusted) = self.pair.host_sent(bytes)
        {
            self.shared.give_back_try(trusted);
        }
    }
}

/// Holds the bytes of one direction on their way from one socket to the other.
struct CopyBuffer {
    at: Storage,
    limit: usize,
    /// Whether a pipe is worth trying.
    pipe_wanted: bool,
}

/// Where the bytes are held.
enum Storage {
    Nowhere,
    Pipe(Pipe),
    Buffer { bytes: Vec<u8>, sent: usize },
}

impl CopyBuffer {
    fn new(traffic: Traffic, paced: bool) -> Self {
        let limit = match traffic {
            Traffic::Control => CONTROL_BUFFER_BYTES,
            _ if paced => PACED_BYTES,
            _ => LANE_BUFFER_BYTES,
        };
        // Control messages are small and many. A pipe would take as many system calls for each as a read and a write do, and
        // two more open files for each direction.
        Self { at: Storage::Nowhere, limit, pipe_wanted: traffic != Traffic::Control }
    }

    /// Takes bytes from the socket. It is called only when nothing is held. 0 means that the stream has ended.
    fn fill(&mut self, from: &TcpStream, pipes: &Pipes) -> io::Result<usize> {
        if matches!(self.at, Storage::Nowhere) {
            self.at = match self.pipe_wanted.then(|| pipes.take()).flatten() {
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
            result => result,
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

    /// Frees everything, and lets others have the pipe. It is called only when nothing is held.
    fn release(&mut self, pipes: &Pipes) {
        if let Storage::Pipe(pipe) = std::mem::replace(&mut self.at, Storage::Nowhere) {
            pipes.give_back(pipe);
        }
    }
}

/// Whether the kernel can't splice these sockets at all.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

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

    /// A relay's end of a connection from this address.
    fn client(shared: &Arc<RelayState>, stream: TcpStream, from: [u8; 4]) -> Client {
        let permit = shared.admit(IpAddr::from(from).into(), Holding::Connection);
        Client { permit: permit.unwrap_or_else(|refusal| panic!("{refusal}")), number: 0, stream }
    }

    #[tokio::test]
    async fn the_buffer_that_stands_in_for_a_pipe_copies_the_same() {
        for pipes in [0, 1, 2] {
            let shared = Arc::new(RelayState::new(None, None, Limits::default(), Vec::new(), pipes));
            let pair = shared.new_pair(None);
            let ((mut one, its_end), (mut other, other_end)) = (connection().await, connection().await);
            let its_end = client(&shared, its_end, [192, 0, 2, 1]);
            let other_end = client(&shared, other_end, [192, 0, 2, 2]);
            let before = shared.usage();
            let (forward, back) = (vec![1; 3_000_001], vec![2; 2_000_003]);
            let copying = both_ways(&shared, &pair, Traffic::Lane, &its_end, &other_end, || ());
            let (at_one, at_other, end) = tokio::join!(
                send_and_receive(&mut one, &forward),
                send_and_receive(&mut other, &back),
                copying
            );
            assert!(at_one == back && at_other == forward);
            assert_eq!(end, PairEnd::Left);
            assert_eq!(shared.pipes.lent(pipes), 0);
            assert_eq!(shared.usage(), before);
        }
    }

    #[tokio::test]
    async fn a_client_that_holds_its_share_of_the_memory_waits_while_others_go_on() {
        let limits = Limits { max_memory_bytes: 24 << 20, ..Limits::default() };
        let shared = Arc::new(RelayState::new(None, None, limits, Vec::new(), 8));
        let pair = shared.new_pair(None);
        let ((mut one, its_end), (mut other, other_end)) = (connection().await, connection().await);
        let greedy = client(&shared, its_end, [192, 0, 2, 1]);
        let modest = client(&shared, other_end, [198, 51, 100, 1]);
        // As if the receiving ends of its other lanes read nothing.
        let stuck: Vec<_> = std::iter::from_fn(|| {
            shared.admit(greedy.origin(), Holding::Memory(LANE_BUFFER_BYTES as u64)).ok()
        })
        .collect();
        let copying = both_ways(&shared, &pair, Traffic::Lane, &greedy, &modest, || ());
        let talk = async {
            one.write_all(b"from the greedy one").await.unwrap();
            other.write_all(b"from the modest one").await.unwrap();
            let mut heard = [0; 19];
            one.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"from the modest one");
            while shared.counters.memory_waits.load(Ordering::Relaxed) == 0 {
                sleep(MEMORY_PAUSE).await;
            }
            assert!(other.try_read(&mut heard).is_err());
            drop(stuck);
            other.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"from the greedy one");
        };
        tokio::select! {
            () = talk => {}
            end = copying => panic!("copying ended: {end:?}"),
        }
    }
}
