//! Lanes: the connections that carry blocks. Each is a task of its own that takes the next block when it is free, so a slow
//! lane slows only itself. Nothing here decides how a transfer ends; a lane that breaks reports it and goes.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
};

use super::{
    blocks::{BlockSet, MAX_GAP},
    error::{Misbehaviour, TransferError},
    ordered::Ordered,
    outgoing::{Filled, Outgoing},
    plan::{Block, Plan},
    queue::Queue,
    staging::Staging,
    throttle::Throttle,
};
use crate::{
    crypto::{
        Opener, Sealer,
        record::{HEADER_LEN, PLAINTEXT_OFFSET, sealed_len},
    },
    net::client::{LaneAddress, RelayClientError},
    protocol::relay::{LaneHello, Refusal},
};

/// Opens a lane through the relay.
pub async fn open(address: LaneAddress, hello: LaneHello) -> Result<TcpStream, TransferError> {
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
}

impl SendLanes {
    /// Sends blocks until the queue is closed.
    pub async fn run(
        self: Arc<Self>,
        mut stream: TcpStream,
        mut sealer: Sealer,
    ) -> Result<(), TransferError> {
        let mut buffer = Vec::with_capacity(sealed_len(self.block_size as usize));
        while let Some(index) = self.queue.take().await {
            let this = Arc::clone(&self);
            let filled;
            (buffer, sealer, filled) = spawn_blocking(move || {
                buffer.clear();
                buffer.resize(PLAINTEXT_OFFSET, 0);
                let filled = this.outgoing.fill(index, &mut buffer).and_then(|filled| {
                    if let Filled::Block(block) = filled {
                        sealer.seal(block, &mut buffer).map_err(|_| no_randomness())?;
                    }
                    Ok(filled)
                });
                (buffer, sealer, filled)
            })
            .await
            .expect("reading and sealing a block doesn't panic");
            match filled? {
                Filled::Block(_) => {
                    self.throttle.take(buffer.len()).await;
                    stream.write_all(&buffer).await.map_err(|_| TransferError::PeerLost)?;
                }
                Filled::Nothing => {}
                Filled::End => self.queue.end_stream(),
            }
        }
        // The receiver has everything by now; whether it hears this makes no difference.
        let _ = stream.shutdown().await;
        Ok(())
    }
}

/// Where a receiver's blocks go.
pub enum Sink {
    /// Into files.
    Folder(Arc<Staging>),
    /// To a writer, in order.
    Ordered(Arc<Ordered>),
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
}

impl ReceiveLanes {
    /// Stores blocks until the sender closes the lane.
    pub async fn run(
        self: Arc<Self>,
        mut stream: TcpStream,
        mut opener: Opener,
    ) -> Result<(), TransferError> {
        let mut record = Vec::new();
        loop {
            let mut header = [0; HEADER_LEN];
            if stream.read(&mut header[..1]).await.map_err(lost)? == 0 {
                return Ok(());
            }
            stream.read_exact(&mut header[1..]).await.map_err(lost)?;
            let due = opener.begin(&header).map_err(|_| Misbehaviour::Record)?;
            self.claims.claim(&self.plan, due.block, due.length)?;
            record.resize(due.rest, 0);
            stream.read_exact(&mut record).await.map_err(lost)?;
            if let Sink::Ordered(ordered) = &self.sink {
                ordered.turn(due.block).await;
            }
            let this = Arc::clone(&self);
            let stored;
            (record, opener, stored) = spawn_blocking(move || {
                let stored = match opener.open(&header, &mut record) {
                    Ok(plaintext) => this.store(due.block, plaintext),
                    Err(_) => Err(Misbehaviour::Record.into()),
                };
                (record, opener, stored)
            })
            .await
            .expect("opening and storing a block doesn't panic");
            stored?;
            // Nobody listens any more only when the transfer is over.
            let _ = self.stored.send((due.block, due.length)).await;
        }
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
    /// For blocks that go to `sink`.
    pub fn new(sink: &Sink) -> Self {
        Self { is_in_order: matches!(sink, Sink::Ordered(_)), state: Mutex::default() }
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

/// All blocks that hold bytes of `entry` alone; a pack's block is shared, so it is none of them. Not for a stream, whose
/// blocks have no end.
pub fn own_blocks(plan: &Plan, entry: u32) -> std::ops::Range<u64> {
    debug_assert!(plan.stream().is_none(), "a stream's blocks have no end");
    let blocks = plan.blocks_of(entry);
    match plan.block(blocks.start) {
        Some(Block::Pack(_)) => 0..0,
        _ => blocks,
    }
}

/// Ends all lanes and waits until they are gone.
pub async fn stop(mut lanes: JoinSet<Result<(), TransferError>>) {
    lanes.shutdown().await;
}

fn lost(_: std::io::Error) -> TransferError {
    TransferError::PeerLost
}

fn no_randomness() -> TransferError {
    TransferError::Unsuited("this system gives no random numbers; nothing can be encrypted".to_owned())
}
