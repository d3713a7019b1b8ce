//! The receiving end of a lane: reads the records of blocks, opens them and stores the blocks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    sync::mpsc,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    claims::Claims,
    lane::{Lane, lost},
};
use crate::{
    crypto::{
        Side,
        record::{HEADER_LEN, Opener},
    },
    panics::spawn_blocking,
    protocol::{Role, peer::Work},
    transfer::{
        error::{FileAction, Misbehaviour, TransferError},
        link::{activity::Activity, opener::LaneOpener},
        plan::Plan,
        sink::Sink,
    },
};

/// The pause before a full disk is tried again: short enough that a transfer goes on about as soon as the user has made
/// room.
const SPACE_RETRY: Duration = Duration::from_secs(1);

/// What all receiving lanes of a transfer share.
pub(crate) struct ReceiveLanes {
    /// Which bytes each block holds.
    pub plan: Arc<Plan>,
    /// Where the blocks are stored.
    pub sink: Sink,
    /// Which blocks have come.
    pub claims: Claims,
    /// Gets the number of each block that has been stored, and its length in bytes: the last block of a stream is shorter
    /// than the plan can know.
    pub stored: mpsc::Sender<(u64, u32)>,
    /// The lanes that can't store their block because the disk is full.
    pub space_waits: SpaceWaits,
    /// Where work that may take long is noted.
    pub work: Arc<Activity>,
    /// Whether any lane was ever open.
    pub has_opened: AtomicBool,
}

impl ReceiveLanes {
    /// Opens a lane and stores its blocks until the sender closes it or `end` is cancelled. A block whose storing has begun
    /// is always stored to its end, so that it is also reported as stored.
    pub(crate) async fn run(
        self: Arc<Self>,
        opener: LaneOpener,
        lane: Lane,
        end: CancellationToken,
    ) -> Result<(), TransferError> {
        let Some(opening) = end.run_until_cancelled(lane.open(&opener, Role::Receiver)).await else {
            return Ok(());
        };
        let mut stream = opening?;
        self.has_opened.store(true, Ordering::Relaxed);
        let _open = self.work.open_lane();
        let sink = match &self.sink {
            Sink::Folder(_) => Work::Disk,
            Sink::Ordered(_) => Work::Output,
        };
        let keys = opener.keys.sent_by(Side::Sender);
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
                        let is_full = stored.as_ref().is_err_and(TransferError::is_disk_full);
                        // The record was opened in place, so the block is copied out of it until the disk has room.
                        let unstored = is_full.then(|| plaintext.to_vec());
                        unstored.map_or(stored.map(|()| None), |bytes| Ok(Some(bytes)))
                    }
                    Err(_) => Err(Misbehaviour::Record.into()),
                };
                (record, opener, stored)
            })
            .await;
            drop(storing);
            if let Some(unstored) = stored?
                && !self.store_once_there_is_space(due.block, unstored, &end).await?
            {
                self.claims.release(due.block);
                return Ok(());
            }
            // Sending fails only once the transfer is over, when nothing reads these reports any more.
            let _ = self.stored.send((due.block, due.length)).await;
        }
    }

    /// Tries to store a block until the disk has room for it (`true`) or `end` is cancelled (`false`). Meanwhile the lane
    /// reads nothing, so the sender comes to rest as well.
    async fn store_once_there_is_space(
        self: &Arc<Self>,
        block: u64,
        mut bytes: Vec<u8>,
        end: &CancellationToken,
    ) -> Result<bool, TransferError> {
        let _waiting = self.space_waits.enter();
        while end.run_until_cancelled(sleep(SPACE_RETRY)).await.is_some() {
            let this = Arc::clone(self);
            let stored;
            (bytes, stored) = spawn_blocking(move || {
                let stored = this.store(block, &bytes);
                (bytes, stored)
            })
            .await;
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
                .map_err(|cause| TransferError::file(FileAction::WriteOutput, "", cause)),
        }
    }
}

/// How many lanes wait for room on the disk.
#[derive(Debug, Default)]
pub(crate) struct SpaceWaits(AtomicUsize);

/// A lane that waits for room on the disk, until this is dropped.
pub(crate) struct SpaceWait<'a>(&'a SpaceWaits);

impl SpaceWaits {
    /// Counts one more waiting lane, until the result is dropped.
    pub(crate) fn enter(&self) -> SpaceWait<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        SpaceWait(self)
    }

    /// Whether any lane waits.
    pub(crate) fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for SpaceWait<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads a record's header; `false` if the sender has closed the lane instead of sending another record.
async fn read_header(
    stream: &mut (impl AsyncRead + Unpin),
    header: &mut [u8; HEADER_LEN],
) -> Result<bool, TransferError> {
    if stream.read(&mut header[..1]).await.map_err(lost)? == 0 {
        return Ok(false);
    }
    stream.read_exact(&mut header[1..]).await.map_err(lost)?;
    Ok(true)
}
