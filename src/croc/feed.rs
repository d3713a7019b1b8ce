//! The sender's data connections. Each lane takes the next few chunks of a file from a queue that all lanes share, so a slow
//! connection holds up nothing but itself. Reading and sealing happen on the blocking pool, and the next chunks are read while the
//! last ones are written.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::task::JoinSet;

use super::{
    channel::TrafficKey,
    chunks::{self, CHUNK_LEN, Coding},
    error::{CrocError, SourceFailed},
    frame,
    link::{FrameStream, Link},
};
use crate::{
    panics::{Blocking, joined, reported, spawn_blocking},
    sync::lock,
};

/// How many chunks a lane reads and writes at once.
const BATCH: u64 = 8;

/// More bytes than a chunk takes as a frame beside its own.
const FRAME_OVERHEAD: usize = 64;

/// Where chunks come from, for all lanes at once.
pub trait ChunkSource: Send + Sync + 'static {
    /// Fills `bytes` with those of a file from `start` on. Blocks on the disk.
    fn read(&self, index: usize, start: u64, bytes: &mut [u8]) -> Result<(), SourceFailed>;

    /// Waits until some of `wanted` bytes may be sent, and returns how many: at least one, and at most `wanted`.
    fn allow(&self, wanted: usize) -> impl Future<Output = usize> + Send;

    /// Notes that this many bytes of the file are on their way.
    fn sent(&self, bytes: u64);

    /// Whether nothing may be sent at the moment, so that a receiver that takes nothing is not silent.
    fn is_resting(&self) -> bool;
}

/// Which parts of which file are to be sent.
#[derive(Debug, Clone)]
pub struct FileJob {
    /// The file's index in the list.
    pub index: usize,
    /// Its length in bytes.
    pub size: u64,
    /// How its chunks are coded.
    pub coding: Coding,
    /// Its chunks, in ascending order.
    pub ranges: Vec<Range<u64>>,
}

impl FileJob {
    /// How many bytes of the file are to be sent.
    pub fn bytes(&self) -> u64 {
        let length = |range: &Range<u64>| {
            let end = range.end.saturating_mul(CHUNK_LEN as u64).min(self.size);
            end.saturating_sub(range.start.saturating_mul(CHUNK_LEN as u64))
        };
        self.ranges.iter().map(length).sum()
    }
}

/// A job that lanes work on.
pub(super) struct SharedJob {
    index: usize,
    size: u64,
    coding: Coding,
    /// The ranges that no lane has taken yet.
    left: Mutex<VecDeque<Range<u64>>>,
    /// How many bytes the network has taken.
    written: AtomicU64,
}

impl SharedJob {
    pub(super) fn new(job: FileJob) -> Arc<Self> {
        let FileJob { index, size, coding, ranges } = job;
        Arc::new(Self { index, size, coding, left: Mutex::new(ranges.into()), written: AtomicU64::new(0) })
    }

    /// How many bytes the network has taken.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The next few chunks; none when all are taken.
    fn take(&self) -> Vec<Range<u64>> {
        let mut left = lock(&self.left);
        let (mut taken, mut room) = (Vec::new(), BATCH);
        while room > 0
            && let Some(range) = left.front_mut()
        {
            let part = range.start..range.end.min(range.start + room);
            range.start = part.end;
            if range.is_empty() {
                left.pop_front();
            }
            room -= part.end - part.start;
            taken.push(part);
        }
        taken
    }

    /// Reads and seals chunks as frames. Blocks on the disk.
    fn seal(
        &self,
        taken: Vec<Range<u64>>,
        key: &TrafficKey,
        source: &impl ChunkSource,
    ) -> Result<Batch, CrocError> {
        let length = |range: &Range<u64>| range.clone().map(|chunk| chunks::len(self.size, chunk)).sum();
        let lengths: Vec<usize> = taken.iter().map(length).collect();
        let whole: usize = lengths.iter().sum();
        // Most files are small, and need little room.
        let mut bytes = vec![0; lengths.iter().copied().max().unwrap_or(0)];
        let room = whole + BATCH as usize * FRAME_OVERHEAD;
        let mut batch = Batch { frames: Vec::with_capacity(room), bytes: whole as u64 };
        for (range, length) in taken.into_iter().zip(lengths) {
            let start = range.start * CHUNK_LEN as u64;
            let part = &mut bytes[..length];
            source.read(self.index, start, part)?;
            for (number, chunk) in part.chunks(CHUNK_LEN).enumerate() {
                let sealed_len = chunks::sealed_len(self.coding, chunk.len());
                batch.frames.extend_from_slice(&frame::header(sealed_len));
                let at = start + (number * CHUNK_LEN) as u64;
                chunks::seal(key, self.coding, at, chunk, &mut batch.frames)?;
            }
        }
        Ok(batch)
    }
}

/// Chunks as they go over a lane.
struct Batch {
    frames: Vec<u8>,
    /// How many bytes of the file are in them.
    bytes: u64,
}

/// Sends a job over all lanes, and gives the lanes back. Dropping it ends the lanes.
pub(super) async fn send_job<S: FrameStream>(
    lanes: &mut Vec<Link<S>>,
    key: &TrafficKey,
    source: &Arc<impl ChunkSource>,
    job: &Arc<SharedJob>,
) -> Result<(), CrocError> {
    let chunks: u64 = lock(&job.left).iter().map(|range| range.end - range.start).sum();
    let needed = usize::try_from(chunks.div_ceil(BATCH)).unwrap_or(usize::MAX).min(lanes.len());
    let lane = |link| WriteLane { link, key: key.clone(), source: Arc::clone(source), job: Arc::clone(job) };
    // Most files are small, and a task for each would take longer than the file.
    if needed == 1 {
        let only = lane(lanes.remove(0));
        lanes.push(only.write().await?);
        return Ok(());
    }
    let mut tasks = JoinSet::new();
    for link in lanes.drain(..needed) {
        tasks.spawn(reported(lane(link).write()));
    }
    while let Some(ended) = tasks.join_next().await {
        lanes.push(joined(ended)?);
    }
    Ok(())
}

/// One lane while it sends a job.
struct WriteLane<S, T> {
    link: Link<S>,
    key: TrafficKey,
    source: Arc<T>,
    job: Arc<SharedJob>,
}

impl<S: FrameStream, T: ChunkSource> WriteLane<S, T> {
    async fn write(mut self) -> Result<Link<S>, CrocError> {
        let mut next = self.next();
        while let Some(sealing) = next {
            let Batch { frames, bytes } = sealing.await?;
            next = self.next();
            let mut rest = &frames[..];
            while !rest.is_empty() {
                let allowed = self.source.allow(rest.len()).await.clamp(1, rest.len());
                let (piece, after) = rest.split_at(allowed);
                self.link.write_frames(piece).await?;
                self.job.written.fetch_add(piece.len() as u64, Ordering::Relaxed);
                rest = after;
            }
            self.source.sent(bytes);
        }
        Ok(self.link)
    }

    /// Begins to read the next chunks, if any are left.
    fn next(&self) -> Option<Blocking<Result<Batch, CrocError>>> {
        let taken = self.job.take();
        if taken.is_empty() {
            return None;
        }
        let (job, key, source) = (Arc::clone(&self.job), self.key.clone(), Arc::clone(&self.source));
        Some(spawn_blocking(move || job.seal(taken, &key, &*source)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(size: u64, ranges: &[(u64, u64)]) -> FileJob {
        let ranges = ranges.iter().map(|(start, end)| *start..*end).collect();
        FileJob { index: 0, size, coding: Coding::Plain, ranges }
    }

    #[test]
    fn lanes_take_a_few_chunks_at_once_even_of_scattered_ranges() {
        let shared = SharedJob::new(job(u64::MAX, &[(0, 1), (3, 4), (9, 30)]));
        let take = || shared.take().into_iter().map(|range| (range.start, range.end)).collect::<Vec<_>>();
        assert_eq!(take(), [(0, 1), (3, 4), (9, 15)]);
        assert_eq!(take(), [(15, 23)]);
        assert_eq!(take(), [(23, 30)]);
        assert!(take().is_empty());
    }

    #[test]
    fn the_bytes_of_a_job_are_those_of_its_chunks() {
        let chunk = CHUNK_LEN as u64;
        assert_eq!(job(5 * chunk + 7, &[(0, 6)]).bytes(), 5 * chunk + 7);
        assert_eq!(job(5 * chunk + 7, &[(1, 3), (5, 6)]).bytes(), 2 * chunk + 7);
    }
}
