//! Lanes: the connections that carry blocks. Each is a task of its own that takes the next block when it is free, so a slow
//! lane slows only itself. Nothing here decides how a transfer ends; a lane that breaks reports it and goes.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    blocks::{BlockSet, MAX_GAP},
    door::LaneDoor,
    error::{Misbehaviour, TransferError, Unsuited},
    outgoing::{Filled, Outgoing},
    plan::Plan,
    queue::Queue,
    sink::Sink,
    throttle::Throttle,
    watchdog::Workplace,
};
use crate::{
    crypto::{
        Channel, Opener, Sealer, Side,
        record::{HEADER_LEN, plaintext_offset, sealed_len},
    },
    net::{client::RelayClientError, socket},
    protocol::{
        Role,
        peer::{Way, Work},
        relay::{LaneHello, MAX_LANES, Refusal},
    },
};

/// A network that takes longer for a piece than this is slower than the limit on the speed.
const TAKEN_AT_ONCE: Duration = Duration::from_millis(500);
/// How often a full disk is tried again.
const ROOM_RETRY: Duration = Duration::from_secs(1);

/// One lane: its number, and how its ends come together.
#[derive(Debug, Clone, Copy)]
pub struct Lane {
    /// Its number.
    pub number: u16,
    /// How its ends come together.
    pub way: Way,
}

/// The ways to stop a sending lane.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// At once; what is on its way may be lost.
    pub now: CancellationToken,
    /// Once the block that it has is sent.
    pub after_block: CancellationToken,
}

/// How a sending lane ended on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All that it took is on its way, with the lane's end behind it.
    Closed,
    /// At once.
    Cut,
}

/// Opens one end of a lane.
async fn open(door: &LaneDoor, lane: Lane, role: Role) -> Result<TcpStream, TransferError> {
    if lane.way != Way::Relay {
        let direct = door.direct.as_ref().ok_or(Misbehaviour::Lanes)?;
        return direct.lane(lane.way, door.link, lane.number).await;
    }
    // The relay knows it by its slot.
    let (address, token) = door.relay.as_ref().ok_or(TransferError::PeerLost)?;
    let hello = LaneHello { token: *token, lane: lane.number % MAX_LANES, role };
    address.open(hello).await.map_err(|error| match error {
        // A relay forgets a transfer as soon as one side has left it; why that one left, the control channel tells.
        RelayClientError::Lost | RelayClientError::Refused(Refusal::NoSuchLane) => TransferError::PeerLost,
        other => other.into(),
    })
}

/// What all sending lanes share.
pub struct SendLanes {
    /// Where the bytes come from.
    pub outgoing: Arc<Outgoing>,
    /// Which block is next.
    pub queue: Arc<Queue>,
    /// How fast they may go.
    pub throttle: Arc<Throttle>,
    /// Bytes of a full block.
    pub block_size: u32,
    /// Where what takes long is noted.
    pub work: Arc<Workplace>,
    /// Whether any lane was ever open.
    pub has_opened: AtomicBool,
}

impl SendLanes {
    /// Opens a lane and sends blocks over it until the queue has no more for it, or it is stopped. A block that was begun to
    /// be read is read to its end whatever happens, so that the queue knows of it.
    pub async fn run(
        self: Arc<Self>,
        door: LaneDoor,
        lane: Lane,
        stop: Stop,
    ) -> Result<Ending, TransferError> {
        let Stop { now: end, after_block } = stop;
        let Some(opened) = end.run_until_cancelled(open(&door, lane, Role::Sender)).await else {
            return Ok(Ending::Cut);
        };
        let mut stream = opened?;
        socket::prepare_for_bulk(&stream);
        self.has_opened.store(true, Ordering::Relaxed);
        let _open = self.work.open_lane();
        let source = if self.outgoing.is_stream() { Work::Input } else { Work::Disk };
        let lane = lane.number;
        let mut sealer = Sealer::new(door.keys.sent_by(Side::Sender), lane);
        let mut buffer = Vec::with_capacity(sealed_len(Channel::Data, self.block_size as usize));
        let next = || async { after_block.run_until_cancelled(self.queue.take(lane)).await.flatten() };
        while let Some(Some(taken)) = end.run_until_cancelled(next()).await {
            let this = Arc::clone(&self);
            let reading = self.work.begin(source);
            let filled;
            (buffer, sealer, filled) = spawn_blocking(move || {
                buffer.clear();
                buffer.resize(plaintext_offset(Channel::Data), 0);
                let filled = this.outgoing.fill(taken, &mut buffer).and_then(|filled| {
                    if let Filled::Block(block) = filled {
                        sealer.seal(block, &mut buffer).map_err(|_| no_randomness())?;
                    }
                    Ok(filled)
                });
                (buffer, sealer, filled)
            })
            .await
            .expect("reading and sealing a block doesn't panic");
            drop(reading);
            match filled? {
                Filled::Block(block) => {
                    if self.outgoing.is_stream() {
                        self.queue.read_from_stream(block, lane);
                    }
                    let going = self.give(block, &buffer, &mut stream);
                    end.run_until_cancelled(going).await.unwrap_or(Ok(()))?;
                }
                Filled::Nothing => self.queue.settle(taken.block),
                Filled::End => self.queue.end_stream(),
            }
        }
        self.queue.takes_no_more(lane);
        // Whether the receiver hears this makes no difference.
        let _ = stream.shutdown().await;
        Ok(if end.is_cancelled() { Ending::Cut } else { Ending::Closed })
    }

    /// Gives a block's record to the network, no faster than the limit allows.
    async fn give(&self, block: u64, record: &[u8], stream: &mut TcpStream) -> Result<(), TransferError> {
        let Some(turn) = self.throttle.turn() else {
            self.queue.leaves(block);
            return stream.write_all(record).await.map_err(lost);
        };
        // Of the record as a whole: each piece of it waits for too short a time to be the reason of anything.
        let mut limited = self.work.begin(Work::Limit);
        let mut rest = record;
        while !rest.is_empty() {
            self.queue.waits(block);
            let (piece, after) = rest.split_at(turn.take(rest.len()).await);
            self.queue.leaves(block);
            let mut leaving = pin!(stream.write_all(piece));
            if let Ok(left) = timeout(TAKEN_AT_ONCE, &mut leaving).await {
                left.map_err(lost)?;
            } else {
                // It is the network that it waits for.
                drop(limited);
                leaving.await.map_err(lost)?;
                limited = self.work.begin(Work::Limit);
            }
            rest = after;
        }
        drop(limited);
        Ok(())
    }
}

/// What all receiving lanes share.
pub struct ReceiveLanes {
    /// What the blocks are.
    pub plan: Arc<Plan>,
    /// Where they go.
    pub sink: Sink,
    /// Which of them have come.
    pub claims: Claims,
    /// Tells which blocks are stored now, with their bytes: a stream's last is shorter than the plan can know.
    pub stored: mpsc::Sender<(u64, u32)>,
    /// Lanes that can't store what they hold, because the disk is full.
    pub without_room: WithoutRoom,
    /// Where what takes long is noted.
    pub work: Arc<Workplace>,
    /// Whether any lane was ever open.
    pub has_opened: AtomicBool,
}

impl ReceiveLanes {
    /// Opens a lane and stores blocks until the sender closes it or `end` is cancelled. A block that is being stored is stored
    /// to its end whatever happens, so that it is told of.
    pub async fn run(
        self: Arc<Self>,
        door: LaneDoor,
        lane: Lane,
        end: CancellationToken,
    ) -> Result<(), TransferError> {
        let Some(opening) = end.run_until_cancelled(open(&door, lane, Role::Receiver)).await else {
            return Ok(());
        };
        let mut stream = opening?;
        self.has_opened.store(true, Ordering::Relaxed);
        let _open = self.work.open_lane();
        let sink = match &self.sink {
            Sink::Folder(_) => Work::Disk,
            Sink::Ordered(_) => Work::Output,
        };
        let keys = door.keys.sent_by(Side::Sender);
        let mut opener = Opener::new(keys, lane.number, self.plan.block_size() as usize);
        let mut record = Vec::new();
        loop {
            let mut header = [0; HEADER_LEN];
            match end.run_until_cancelled(read_header(&mut stream, &mut header)).await {
                Some(Ok(true)) => {}
                Some(Ok(false)) | None => return Ok(()),
                Some(Err(error)) => return Err(error),
            }
            let due = opener.begin(&header).map_err(|_| Misbehaviour::Record)?;
            self.claims.claim(&self.plan, due.block, due.length)?;
            record.resize(due.rest, 0);
            let arriving = async {
                stream.read_exact(&mut record).await.map_err(lost)?;
                if let Sink::Ordered(ordered) = &self.sink {
                    ordered.turn(due.block).await;
                }
                Ok(())
            };
            let arrived = end.run_until_cancelled(arriving).await.unwrap_or(Err(TransferError::PeerLost));
            if let Err(error) = arrived {
                self.claims.release(due.block);
                return Err(error);
            }
            let this = Arc::clone(&self);
            let storing = self.work.begin(sink);
            let stored;
            (record, opener, stored) = spawn_blocking(move || {
                let stored = match opener.open(&header, &mut record) {
                    Ok(plaintext) => {
                        let stored = this.store(due.block, plaintext);
                        let has_no_room = stored.as_ref().is_err_and(TransferError::is_disk_full);
                        // Opened in place, it is kept apart for as long as there is no room for it.
                        let homeless = has_no_room.then(|| plaintext.to_vec());
                        homeless.map_or(stored.map(|()| None), |bytes| Ok(Some(bytes)))
                    }
                    Err(_) => Err(Misbehaviour::Record.into()),
                };
                (record, opener, stored)
            })
            .await
            .expect("opening and storing a block doesn't panic");
            drop(storing);
            if let Some(homeless) = stored?
                && !self.store_when_there_is_room(due.block, homeless, &end).await?
            {
                self.claims.release(due.block);
                return Ok(());
            }
            // Nobody listens any more only when the transfer is over.
            let _ = self.stored.send((due.block, due.length)).await;
        }
    }

    /// Tries again and again, until it works or `end` is cancelled; says which. Meanwhile the lane takes nothing in, so the
    /// sender comes to rest as well.
    async fn store_when_there_is_room(
        self: &Arc<Self>,
        block: u64,
        mut bytes: Vec<u8>,
        end: &CancellationToken,
    ) -> Result<bool, TransferError> {
        let _waiting = self.without_room.enter();
        while end.run_until_cancelled(sleep(ROOM_RETRY)).await.is_some() {
            let this = Arc::clone(self);
            let stored;
            (bytes, stored) = spawn_blocking(move || {
                let stored = this.store(block, &bytes);
                (bytes, stored)
            })
            .await
            .expect("storing a block doesn't panic");
            match stored {
                Ok(()) => return Ok(true),
                Err(error) if error.is_disk_full() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    fn store(&self, block: u64, bytes: &[u8]) -> Result<(), TransferError> {
        match &self.sink {
            Sink::Folder(staging) => staging.store(block, bytes),
            Sink::Ordered(ordered) => ordered
                .write(block, bytes)
                .map_err(|cause| TransferError::file("can't write to", "standard output", cause)),
        }
    }
}

/// How many wait for room on the disk.
#[derive(Debug, Default)]
pub struct WithoutRoom(AtomicUsize);

/// One that waits; no longer once it is dropped.
pub struct Waiting<'a>(&'a WithoutRoom);

impl WithoutRoom {
    /// One more waits.
    pub fn enter(&self) -> Waiting<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// Whether any does.
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Which blocks have come: each may come once, with the length that the plan gives it, and a second time only when it is
/// repaired.
#[derive(Debug)]
pub struct Claims {
    /// Blocks go out in order, so none may run far ahead of the others.
    is_in_order: bool,
    state: Mutex<ClaimState>,
}

#[derive(Debug, Default)]
struct ClaimState {
    claimed: BlockSet,
    /// Blocks of damaged files that have not come again yet.
    repairs: Option<std::collections::HashSet<u64>>,
    /// A stream's last block, the only short one, and its length.
    short: Option<(u64, u32)>,
}

impl Claims {
    /// For blocks that go to `sink`, all but those that are `held` already.
    pub fn new(sink: &Sink, held: BlockSet) -> Self {
        let state = ClaimState { claimed: held, ..ClaimState::default() };
        Self { is_in_order: matches!(sink, Sink::Ordered(_)), state: Mutex::new(state) }
    }

    /// Takes block `index` of `length` bytes, or refuses it by name.
    pub fn claim(&self, plan: &Plan, index: u64, length: u32) -> Result<(), Misbehaviour> {
        let full = plan.block_len(index).ok_or(Misbehaviour::UnknownBlock)?;
        let mut state = self.lock();
        // Where the plan or the disk doesn't bound how many blocks there can be, this bounds the memory for them.
        let is_bounded = plan.stream().is_some() || self.is_in_order;
        if is_bounded && index > state.claimed.first_missing() + MAX_GAP {
            return Err(Misbehaviour::UnknownBlock);
        }
        if plan.stream().is_some() {
            if length == 0 || length > full {
                return Err(Misbehaviour::UnknownBlock);
            }
            if length < full && state.short.replace((index, length)).is_some() {
                return Err(Misbehaviour::UnknownBlock);
            }
        } else if length != full {
            return Err(Misbehaviour::UnknownBlock);
        }
        let is_new = match &mut state.repairs {
            None => state.claimed.insert(index),
            Some(repairs) => repairs.remove(&index),
        };
        if is_new { Ok(()) } else { Err(Misbehaviour::BlockTwice) }
    }

    /// A block that was claimed has not come, and may come again.
    pub fn release(&self, index: u64) {
        let mut state = self.lock();
        if let Some(repairs) = &mut state.repairs {
            repairs.insert(index);
        } else {
            state.claimed.remove(index);
        }
        if state.short.is_some_and(|(short, _)| short == index) {
            state.short = None;
        }
    }

    /// Lets these blocks come once more, and no others.
    pub fn allow_repairs(&self, blocks: impl IntoIterator<Item = u64>) {
        self.lock().repairs = Some(blocks.into_iter().collect());
    }

    /// Whether a stream of `bytes` has come as a whole, and nothing beyond it.
    pub fn is_whole_stream(&self, plan: &Plan, bytes: u64) -> bool {
        let block_size = u64::from(plan.block_size());
        let state = self.lock();
        let blocks = bytes.div_ceil(block_size);
        let tail = (bytes % block_size) as u32;
        let short = (tail > 0).then(|| (blocks - 1, tail));
        state.claimed.len() == blocks && state.claimed.first_missing() == blocks && state.short == short
    }

    fn lock(&self) -> MutexGuard<'_, ClaimState> {
        self.state.lock().expect("no code panics while it holds this lock")
    }
}

/// Reads a record's header; `false` if the sender closed the lane before one.
async fn read_header(stream: &mut TcpStream, header: &mut [u8; HEADER_LEN]) -> Result<bool, TransferError> {
    if stream.read(&mut header[..1]).await.map_err(lost)? == 0 {
        return Ok(false);
    }
    stream.read_exact(&mut header[1..]).await.map_err(lost)?;
    Ok(true)
}

fn lost(_: std::io::Error) -> TransferError {
    TransferError::PeerLost
}

fn no_randomness() -> TransferError {
    Unsuited::NoRandomness.into()
}
