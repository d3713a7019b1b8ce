//! Chunks of croc's files become blocks of the plan, and these go to the sink.
//!
//! A chunk lies within one block. Blocks of large files are put together in memory, a few at a time, and stored when they are whole;
//! a pack of small files is stored when the hash of each has been found right. A lane whose chunk would begin one block too many waits.
//! Since a sender sends ascending chunks over each lane, the chunks that the oldest blocks lack are never behind one that waits.

use std::{
    collections::HashMap,
    io::Cursor,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{mpsc, watch};

use crate::{
    croc::{
        error::StoreFailed,
        hashes::{HashKind, Hasher},
        lanes::{ChunkStore, ChunkTaken},
    },
    sync::lock,
    transfer::{
        error::{FileAction, TransferError},
        plan::{Block, Plan},
        sink::Sink,
    },
};

/// How many blocks of large files are put together at once: more than a croc's 15 lanes can be ahead of each other by a few chunks,
/// and at most 64 MiB.
const MAX_OPEN: usize = 32;

/// Puts blocks together and stores them.
pub(super) struct BlockStore {
    plan: std::sync::Arc<Plan>,
    sink: Sink,
    /// The entry of each file of the list; `None` for a link.
    entries: Vec<Option<u32>>,
    /// Where blocks are reported that are stored, with their bytes.
    stored: mpsc::Sender<(u64, u32)>,
    /// Whether the user of this side wants a pause.
    pause: watch::Receiver<bool>,
    disk_is_full: AtomicBool,
    open: Mutex<HashMap<u64, OpenBlock>>,
    /// The hash of what went to a writer; `None` if it can't be taken in passing.
    passing: Mutex<Option<Hasher>>,
    failure: Mutex<Option<TransferError>>,
}

/// A block that is not whole yet.
struct OpenBlock {
    bytes: Vec<u8>,
    /// How many bytes are missing in a block of a large file; how many files in a pack.
    missing: usize,
}

impl BlockStore {
    /// Stores blocks of `plan` in `sink`. `entries` has the entry of each file of the list.
    pub(super) fn new(
        plan: std::sync::Arc<Plan>,
        sink: Sink,
        entries: Vec<Option<u32>>,
        hash: HashKind,
        stored: mpsc::Sender<(u64, u32)>,
        pause: watch::Receiver<bool>,
    ) -> Self {
        Self {
            plan,
            sink,
            entries,
            stored,
            pause,
            disk_is_full: AtomicBool::new(false),
            open: Mutex::default(),
            passing: Mutex::new(Hasher::new(hash)),
            failure: Mutex::default(),
        }
    }

    /// Whether the disk was full when something was last stored.
    pub(super) fn disk_is_full(&self) -> bool {
        self.disk_is_full.load(Ordering::Relaxed)
    }

    /// Why something could not be stored.
    pub(super) fn failure(&self) -> Option<TransferError> {
        lock(&self.failure).take()
    }

    /// Forgets what is not whole, before a file is fetched once more.
    pub(super) fn forget_parts(&self) {
        lock(&self.open).retain(|block, _| matches!(self.plan.block(*block), Some(Block::Pack(_))));
    }

    /// Takes a small file of which all chunks have come into its pack, if it has this hash, and stores the pack with its last file.
    /// `None` if there is no room for the pack at the moment. Blocks on the disk.
    pub(super) fn take_packed(
        &self,
        entry: u32,
        hash: HashKind,
        expected: &[u8],
    ) -> Result<Option<bool>, TransferError> {
        let block = self.plan.blocks_of(entry).start;
        let Some((offset, len)) = self.place_in_pack(block, entry) else { return Ok(Some(false)) };
        let whole = {
            let mut open = lock(&self.open);
            let Some(pack) = open.get_mut(&block) else { return Ok(Some(false)) };
            let bytes = pack.bytes.get(offset..offset + len).unwrap_or_default();
            let found = hash.of_file(&mut Cursor::new(bytes), len as u64);
            if !found.is_ok_and(|found| found == expected) {
                return Ok(Some(false));
            }
            if pack.missing > 1 {
                pack.missing -= 1;
                return Ok(Some(true));
            }
            open.remove(&block)
        };
        let Some(whole) = whole else { return Ok(Some(false)) };
        Ok(self.store(block, whole)?.then_some(true))
    }

    /// The hash of what has passed by to a writer, once.
    pub(super) fn passed(&self) -> Option<Vec<u8>> {
        lock(&self.passing).take().map(Hasher::finish)
    }

    fn try_take(&self, index: usize, start: u64, bytes: &[u8]) -> Result<ChunkTaken, TransferError> {
        if self.is_paused() {
            return Ok(ChunkTaken::NotNow);
        }
        let Some(entry) = self.entries.get(index).copied().flatten() else { return Ok(ChunkTaken::Whole) };
        let blocks = self.plan.blocks_of(entry);
        let block = match self.plan.block(blocks.start) {
            Some(Block::Pack(_)) => return Ok(self.take_into_pack(blocks.start, entry, start, bytes)),
            Some(Block::Part(_)) => blocks.start + start / u64::from(self.plan.block_size()),
            None => return Ok(ChunkTaken::Whole),
        };
        let whole = {
            let mut open = lock(&self.open);
            if open.len() >= MAX_OPEN && !open.contains_key(&block) {
                return Ok(ChunkTaken::NotNow);
            }
            let part = open.entry(block).or_insert_with(|| {
                let len = self.plan.block_len(block).unwrap_or_default() as usize;
                OpenBlock { bytes: vec![0; len], missing: len }
            });
            let offset = (start % u64::from(self.plan.block_size())) as usize;
            if let Some(place) = part.bytes.get_mut(offset..offset + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            if part.missing > bytes.len() {
                part.missing -= bytes.len();
                return Ok(ChunkTaken::Whole);
            }
            // The last chunk counts only when the block is stored, so it may be offered again.
            if let Sink::Ordered(ordered) = &self.sink
                && !ordered.is_turn(block)
            {
                return Ok(ChunkTaken::NotNow);
            }
            open.remove(&block)
        };
        let Some(whole) = whole else { return Ok(ChunkTaken::NotNow) };
        Ok(if self.store(block, whole)? { ChunkTaken::Whole } else { ChunkTaken::NotNow })
    }

    fn take_into_pack(&self, block: u64, entry: u32, start: u64, bytes: &[u8]) -> ChunkTaken {
        let Some(Block::Pack(files)) = self.plan.block(block) else { return ChunkTaken::Whole };
        let Some((offset, _)) = self.place_in_pack(block, entry) else { return ChunkTaken::Whole };
        let mut open = lock(&self.open);
        let pack = open.entry(block).or_insert_with(|| {
            let len = self.plan.block_len(block).unwrap_or_default() as usize;
            OpenBlock { bytes: vec![0; len], missing: files.len() }
        });
        let offset = offset + start as usize;
        if let Some(place) = pack.bytes.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        ChunkTaken::Whole
    }

    /// Where in a pack a file's bytes are, and how many there are.
    fn place_in_pack(&self, block: u64, entry: u32) -> Option<(usize, usize)> {
        let Some(Block::Pack(files)) = self.plan.block(block) else { return None };
        let mut offset = 0;
        for (packed, size) in files {
            if *packed == entry {
                return Some((offset, *size as usize));
            }
            offset += *size as usize;
        }
        None
    }

    /// Stores a whole block. If the disk is full, the block stays as it was before its last part came (`false`).
    fn store(&self, block: u64, whole: OpenBlock) -> Result<bool, TransferError> {
        let stored = match &self.sink {
            Sink::Folder(staging) => staging.store(block, &whole.bytes),
            Sink::Ordered(ordered) => {
                if let Some(passing) = lock(&self.passing).as_mut() {
                    passing.update(&whole.bytes);
                }
                let written = ordered.write(block, self.plan.offset_of(block), &whole.bytes);
                written.map_err(|cause| TransferError::file(FileAction::WriteOutput, "", cause))
            }
        };
        let is_full =
            stored.as_ref().is_err_and(TransferError::is_disk_full) && matches!(self.sink, Sink::Folder(_));
        self.disk_is_full.store(is_full, Ordering::Relaxed);
        if is_full {
            lock(&self.open).insert(block, whole);
            return Ok(false);
        }
        stored?;
        // Sending fails only once the transfer is over, when nothing reads these reports any more.
        let _ = self.stored.blocking_send((block, whole.bytes.len() as u32));
        Ok(true)
    }

    fn is_paused(&self) -> bool {
        *self.pause.borrow()
    }
}

impl ChunkStore for BlockStore {
    fn take(&self, index: usize, start: u64, bytes: &[u8]) -> Result<ChunkTaken, StoreFailed> {
        self.try_take(index, start, bytes).map_err(|error| {
            lock(&self.failure).get_or_insert(error);
            StoreFailed
        })
    }

    fn is_resting(&self) -> bool {
        self.is_paused() || self.disk_is_full()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        protocol::manifest::{Manifest, OfferKind},
        transfer::sink::{leftovers::Leftovers, staging::Staging, unfinished::Registry},
    };

    const CHUNK: usize = 32 << 10;

    struct Setup {
        store: BlockStore,
        staging: Arc<Staging>,
        news: mpsc::Receiver<(u64, u32)>,
        pause: watch::Sender<bool>,
        _folder: tempfile::TempDir,
    }

    fn setup(files: &[(&str, u64)]) -> Setup {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Arc::new(Manifest::made_up(OfferKind::Files, files));
        let leftovers = Leftovers::of(None, &Registry::default().key().unwrap());
        let staging = Arc::new(Staging::of_all(folder.path(), 1, Arc::clone(&manifest), leftovers));
        let plan = Arc::new(Plan::new(&manifest, |_| true));
        let (stored, news) = mpsc::channel(64);
        let (pause, pauses) = watch::channel(false);
        let entries = (0..files.len()).map(|entry| Some(entry as u32)).collect();
        let sink = Sink::Folder(Arc::clone(&staging));
        let store = BlockStore::new(plan, sink, entries, HashKind::Xxhash, stored, pauses);
        Setup { store, staging, news, pause, _folder: folder }
    }

    fn hash(bytes: &[u8]) -> Vec<u8> {
        HashKind::Xxhash.of_file(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn a_block_is_stored_when_its_last_chunk_has_come() {
        let mut setup = setup(&[("big", 300 * 1024)]);
        let bytes: Vec<u8> = (0..300 * 1024_u32).map(|n| (n % 251) as u8).collect();
        let mut chunks: Vec<_> = bytes.chunks(CHUNK).enumerate().collect();
        chunks.reverse();
        for (number, chunk) in chunks {
            let taken = setup.store.take(0, (number * CHUNK) as u64, chunk);
            assert_eq!(taken, Ok(ChunkTaken::Whole), "{number}");
        }
        assert_eq!(setup.news.try_recv(), Ok((1, 44 * 1024)));
        assert_eq!(setup.news.try_recv(), Ok((0, 256 * 1024)));
        let mut file = setup.staging.open_staged(0).unwrap();
        assert_eq!(HashKind::Xxhash.of_file(&mut file, bytes.len() as u64).unwrap(), hash(&bytes));
    }

    #[test]
    fn a_pack_is_stored_once_each_of_its_files_is_right() {
        let mut setup = setup(&[("a", 5), ("b", 40_000)]);
        let b = vec![9; 40_000];
        setup.store.take(0, 0, b"wrong").unwrap();
        assert!(!setup.store.take_packed(0, HashKind::Xxhash, &hash(b"right")).unwrap().unwrap());
        setup.store.take(0, 0, b"right").unwrap();
        assert!(setup.store.take_packed(0, HashKind::Xxhash, &hash(b"right")).unwrap().unwrap());
        assert!(setup.news.try_recv().is_err());
        setup.store.take(1, CHUNK as u64, &b[CHUNK..]).unwrap();
        setup.store.take(1, 0, &b[..CHUNK]).unwrap();
        assert!(setup.store.take_packed(1, HashKind::Xxhash, &hash(&b)).unwrap().unwrap());
        assert_eq!(setup.news.try_recv(), Ok((0, 40_005)));
    }

    /// A sender could begin every block of a large file and end none.
    #[test]
    fn only_so_many_blocks_are_begun_at_once() {
        let setup = setup(&[("big", 64 * 256 * 1024)]);
        let mut waits = 0;
        for block in 0..64u64 {
            let taken = setup.store.take(0, block * 256 * 1024, &vec![1; CHUNK]).unwrap();
            waits += usize::from(taken == ChunkTaken::NotNow);
        }
        assert_eq!(waits, 64 - MAX_OPEN);
    }

    #[test]
    fn nothing_is_taken_during_a_pause() {
        let setup = setup(&[("a", 5)]);
        setup.pause.send_replace(true);
        assert_eq!(setup.store.take(0, 0, b"12345"), Ok(ChunkTaken::NotNow));
        assert!(setup.store.is_resting());
        setup.pause.send_replace(false);
        assert_eq!(setup.store.take(0, 0, b"12345"), Ok(ChunkTaken::Whole));
    }
}
