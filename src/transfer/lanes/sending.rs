//! The sending end of a lane: takes blocks from the queue, then reads, seals and sends them.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    lane::{Lane, lost},
    queue::Queue,
    throttle::Throttle,
};
use crate::{
    crypto::{
        Side,
        kdf::Channel,
        record::{Sealer, plaintext_offset, sealed_len},
    },
    panics::spawn_blocking,
    protocol::{Role, peer::Work},
    transfer::{
        error::{Impossible, TransferError},
        link::{activity::Activity, opener::LaneOpener},
        source::outgoing::{Filled, Outgoing},
    },
};

/// A network that takes longer than this to accept one piece is what holds the lane back, and not the speed limit, which
/// allows a piece every few milliseconds.
const TAKEN_AT_ONCE: Duration = Duration::from_millis(500);

/// The ways to stop a sending lane.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneStop {
    /// Stops the lane at once; what it has in flight may be lost.
    pub now: CancellationToken,
    /// Stops the lane once the block that it has taken is sent.
    pub after_block: CancellationToken,
}

/// How a sending lane ended on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneEnd {
    /// The lane was closed after every block that it had taken was sent.
    Closed,
    /// The lane was stopped at once.
    Cut,
}

/// What all sending lanes of a transfer share.
pub(crate) struct SendLanes {
    /// Where the blocks' bytes come from.
    pub outgoing: Arc<Outgoing>,
    /// Which block is next.
    pub queue: Arc<Queue>,
    /// The speed limit of all lanes together.
    pub throttle: Arc<Throttle>,
    /// Bytes of a full block.
    pub block_size: u32,
    /// Where work that may take long is noted.
    pub work: Arc<Activity>,
    /// Whether any lane was ever open.
    pub has_opened: AtomicBool,
}

impl SendLanes {
    /// Opens a lane and sends blocks over it until the queue has no more for it, or until it is stopped. A block whose
    /// reading has begun is always read to its end, so that the queue learns of it.
    pub(crate) async fn run(
        self: Arc<Self>,
        opener: LaneOpener,
        lane: Lane,
        stop: LaneStop,
    ) -> Result<LaneEnd, TransferError> {
        let LaneStop { now: end, after_block } = stop;
        let Some(stream) = end.run_until_cancelled(lane.open(&opener, Role::Sender)).await else {
            return Ok(LaneEnd::Cut);
        };
        let mut stream = stream?;
        self.has_opened.store(true, Ordering::Relaxed);
        let _open = self.work.open_lane();
        let source = if self.outgoing.is_stream() { Work::Input } else { Work::Disk };
        let lane = lane.number;
        let mut sealer = Sealer::new(opener.keys.sent_by(Side::Sender), lane);
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
            .await;
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
        // It makes no difference whether the receiver hears this.
        let _ = stream.shutdown().await;
        Ok(if end.is_cancelled() { LaneEnd::Cut } else { LaneEnd::Closed })
    }

    /// Gives a block's record to the network, no faster than the speed limit allows.
    async fn give(
        &self,
        block: u64,
        record: &[u8],
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), TransferError> {
        let Some(turn) = self.throttle.turn() else {
            self.queue.on_leaving(block);
            return stream.write_all(record).await.map_err(lost);
        };
        // The wait counts over the whole record, because each piece waits too short a time to be noticed.
        let mut limited = self.work.begin(Work::Limit);
        let mut rest = record;
        while !rest.is_empty() {
            self.queue.on_waiting(block);
            let (piece, after) = rest.split_at(turn.take(rest.len()).await);
            self.queue.on_leaving(block);
            let mut leaving = pin!(stream.write_all(piece));
            if let Ok(left) = timeout(TAKEN_AT_ONCE, &mut leaving).await {
                left.map_err(lost)?;
            } else {
                // The piece waits for the network, not for the limit.
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

fn no_randomness() -> TransferError {
    Impossible::NoRandomness.into()
}
