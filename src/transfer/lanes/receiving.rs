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
        record::{Due, HEADER_LEN, Opener},
    },
    panics::spawn_blocking,
    protocol::{Role, peer::Work},
    transfer::{
        error::{FileAction, TransferError},
        link::{activity::Activity, forgeries::Forgeries, opener::LaneOpener},
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
    /// Counts records that were changed on their way.
    pub forgeries: Arc<Forgeries>,
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
            let due = opener.begin(&header).map_err(|error| self.forgeries.judge(error))?;
            record.resize(due.rest, 0);
            let arriving = async { stream.read_exact(&mut record).await.map_err(lost) };
            end.run_until_cancelled(arriving).await.unwrap_or(Err(TransferError::PeerLost))?;
            let this = Arc::clone(&self);
            let working = self.work.begin(sink);
            let taken;
            (record, opener, taken) = spawn_blocking(move || {
                let taken = this.take(&mut opener, &header, &due, &mut record);
                (record, opener, taken)
            })
            .await;
            drop(working);
            if !taken? {
                let Some(emptied) = self.store_later(due, record, sink, &end).await? else {
                    self.claims.release(due.block);
                    return Ok(());
                };
                record = emptied;
            }
            // Sending fails only once the transfer is over, when nothing reads these reports any more.
            let _ = self.stored.send((due.block, self.length_of(&due))).await;
        }
    }

    /// Opens a record and stores its block, if that can be done at once (`true`). The block is claimed in between: until its
    /// record is authentic, a header only claims to be of this block. Blocks on the disk.
    fn take(
        &self,
        opener: &mut Opener,
        header: &[u8; HEADER_LEN],
        due: &Due,
        record: &mut [u8],
    ) -> Result<bool, TransferError> {
        let plaintext = opener.open(header, record).map_err(|error| self.forgeries.judge(error))?;
        self.claims.claim(&self.plan, due.block, self.length_of(due))?;
        match self.sink {
            Sink::Folder(_) => self.store_if_there_is_space(due.block, plaintext),
            Sink::Ordered(_) => Ok(false),
        }
    }

    /// Stores the block of an open record when it is its turn and the disk has room. Returns the record's memory, or nothing
    /// if `end` is cancelled first. Meanwhile the lane reads nothing, so the sender comes to rest as well.
    async fn store_later(
        self: &Arc<Self>,
        due: Due,
        mut record: Vec<u8>,
        sink: Work,
        end: &CancellationToken,
    ) -> Result<Option<Vec<u8>>, TransferError> {
        if let Sink::Ordered(ordered) = &self.sink
            && end.run_until_cancelled(ordered.turn(due.block)).await.is_none()
        {
            return Ok(None);
        }
        let mut waiting = None;
        loop {
            let this = Arc::clone(self);
            let working = self.work.begin(sink);
            let stored;
            (record, stored) = spawn_blocking(move || {
                let stored = this.store_if_there_is_space(due.block, &record[due.plaintext()]);
                (record, stored)
            })
            .await;
            drop(working);
            if stored? {
                return Ok(Some(record));
            }
            waiting.get_or_insert_with(|| self.space_waits.enter());
            if end.run_until_cancelled(sleep(SPACE_RETRY)).await.is_none() {
                return Ok(None);
            }
        }
    }

    /// How many bytes a block has: one that comes without bytes stands for as many zeros, except in a stream.
    fn length_of(&self, due: &Due) -> u32 {
        if due.length > 0 || self.plan.stream().is_some() {
            return due.length;
        }
        self.plan.block_len(due.block).unwrap_or_default()
    }

    /// Stores a block; `false` if the disk is full.
    fn store_if_there_is_space(&self, block: u64, bytes: &[u8]) -> Result<bool, TransferError> {
        match self.store(block, bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.is_disk_full() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn store(&self, block: u64, bytes: &[u8]) -> Result<(), TransferError> {
        let zeros;
        let bytes = if bytes.is_empty() {
            zeros = vec![0; self.plan.block_len(block).unwrap_or_default() as usize];
            &zeros
        } else {
            bytes
        };
        match &self.sink {
            Sink::Folder(staging) => staging.store(block, bytes),
            Sink::Ordered(ordered) => ordered
                .write(block, self.plan.offset_of(block), bytes)
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
