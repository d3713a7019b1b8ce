//! Fetches one file of a croc after the other, checks each by its hash, and keeps the journal meanwhile.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::{Interval, interval, sleep},
};

use super::blocks::BlockStore;
use crate::{
    croc::{
        chunks::{self, CHUNK_LEN},
        hashes::{HashKind, Hasher},
        manifest::{CrocList, ListEntry},
        receive::{CrocArrival, WantedFile},
    },
    panics::{Blocking, spawn_blocking},
    sync::lock,
    transfer::{
        croc::failed,
        error::{Impossible, TransferError},
        file_states::ShownFiles,
        notice::Context,
        plan::{
            Block, Plan,
            blocks::{BlockSet, to_ranges},
            file_count::{FileCount, current},
        },
        receive::destination::{Accepted, Destination},
    },
};

/// How often a file is fetched that doesn't arrive as it was announced.
const MAX_TRIES: usize = 3;
/// How often the journal is written.
const TICK: Duration = Duration::from_millis(40);
/// How long to wait before a pack is stored again for which the disk had no room.
const SPACE_RETRY: Duration = Duration::from_millis(500);

/// A transfer while its files are fetched.
pub(super) struct Fetching<'a> {
    pub(super) keeper: Keeper<'a>,
    pub(super) arrival: &'a mut CrocArrival<TcpStream>,
    pub(super) list: &'a CrocList,
    pub(super) hash: HashKind,
    pub(super) store: Arc<BlockStore>,
    /// Packs that were here from the start, and whether all their files have the right hashes.
    pub(super) good_packs: HashMap<u64, bool>,
}

impl Fetching<'_> {
    /// Fetches what is missing of the files that are wanted, each as its entry and its index in the list.
    pub(super) async fn fetch_all(&mut self, files: &[(u32, usize)]) -> Result<(), TransferError> {
        match self.fetch_each(files).await {
            Ok(()) => self.keeper.settle().await,
            Err(error) => {
                self.keeper.write_rest().await;
                Err(error)
            }
        }
    }

    async fn fetch_each(&mut self, files: &[(u32, usize)]) -> Result<(), TransferError> {
        for (entry, index) in files {
            if self.keeper.accepted.plan.blocks_of(*entry).is_empty() {
                continue;
            }
            let Some(listed) = self.list.entries.get(*index) else { continue };
            let done = self.fetch_file(*entry, *index, listed).await;
            // What the store says comes before what the connection says: the one follows from the other.
            done.map_err(|error| self.store.failure().unwrap_or(error))?;
        }
        Ok(())
    }

    async fn fetch_file(
        &mut self,
        entry: u32,
        index: usize,
        listed: &ListEntry,
    ) -> Result<(), TransferError> {
        let accepted = self.keeper.accepted;
        let plan = &accepted.plan;
        let is_packed = matches!(plan.block(plan.blocks_of(entry).start), Some(Block::Pack(_)));
        let whole = || std::iter::once(0..chunks::count(listed.size)).collect::<Vec<_>>();
        if !is_packed && !self.can_check() {
            return Err(cannot_check());
        }
        for attempt in 0..MAX_TRIES {
            let ranges = match attempt {
                0 if is_packed && self.pack_is_good(plan.blocks_of(entry).start).await? => return Ok(()),
                0 if !is_packed => missing(plan, &accepted.destination.held(), entry, listed.size),
                _ => whole(),
            };
            if !ranges.is_empty() {
                let coding = self.list.coding(listed, true);
                let wanted = WantedFile { index, size: listed.size, coding, ranges };
                let fetched = self.arrival.fetch(wanted, &*self.store);
                self.keeper.during(fetched).await?.map_err(failed)?;
            }
            if self.is_right(entry, listed, is_packed).await? {
                return Ok(());
            }
            if !matches!(accepted.destination, Destination::Folder(..)) && !is_packed {
                break;
            }
            self.store.forget_parts();
        }
        Err(TransferError::Damaged { path: self.keeper.path_of(entry) })
    }

    /// Whether a large file can be checked where it goes.
    fn can_check(&self) -> bool {
        matches!(self.keeper.accepted.destination, Destination::Folder(..))
            || Hasher::new(self.hash).is_some()
    }

    /// Whether a file has the hash that the sender announced.
    async fn is_right(
        &mut self,
        entry: u32,
        listed: &ListEntry,
        is_packed: bool,
    ) -> Result<bool, TransferError> {
        let (kind, expected, size) = (self.hash, listed.hash.clone(), listed.size);
        if is_packed {
            loop {
                let (store, expected) = (Arc::clone(&self.store), expected.clone());
                let taking = spawn_blocking(move || store.take_packed(entry, kind, &expected));
                match self.keeper.during(taking).await?? {
                    Some(is_right) => return Ok(is_right),
                    None => self.keeper.during(sleep(SPACE_RETRY)).await?,
                }
            }
        }
        let Destination::Folder(_, staging) = &self.keeper.accepted.destination else {
            return Ok(self.store.passed().ok_or_else(cannot_check)? == expected);
        };
        let staging = Arc::clone(staging);
        let hashing = spawn_blocking(move || {
            let mut file = staging.open_staged(entry)?;
            Ok(kind.of_file(&mut file, size).is_ok_and(|found| found == expected))
        });
        self.listening(hashing).await?
    }

    /// Whether a pack that was here from the start has the files that the sender announced.
    async fn pack_is_good(&mut self, block: u64) -> Result<bool, TransferError> {
        let accepted = self.keeper.accepted;
        let Destination::Folder(_, staging) = &accepted.destination else { return Ok(false) };
        if !staging.held().contains(block) {
            return Ok(false);
        }
        if let Some(is_good) = self.good_packs.get(&block) {
            return Ok(*is_good);
        }
        let Some(Block::Pack(files)) = accepted.plan.block(block) else { return Ok(false) };
        let expected: Vec<(u32, u64, Vec<u8>)> = files
            .iter()
            .filter_map(|(entry, size)| {
                let index = self.keeper.index_of.get(entry)?;
                Some((*entry, u64::from(*size), self.list.entries.get(*index)?.hash.clone()))
            })
            .collect();
        let (staging, kind) = (Arc::clone(staging), self.hash);
        let hashing = spawn_blocking(move || {
            expected.into_iter().all(|(entry, size, expected)| {
                let file = staging.open_staged(entry).ok();
                file.is_some_and(|mut file| {
                    kind.of_file(&mut file, size).is_ok_and(|found| found == expected)
                })
            })
        });
        let is_good = self.listening(hashing).await?;
        self.good_packs.insert(block, is_good);
        Ok(is_good)
    }

    /// Does `work` while the journal is kept and the sender is listened to.
    async fn listening<T>(&mut self, work: impl Future<Output = T>) -> Result<T, TransferError> {
        let beside = self.arrival.beside(work);
        self.keeper.during(beside).await?.map_err(failed)
    }
}

/// The chunks of a large file that belong to blocks which are not held.
fn missing(plan: &Plan, held: &BlockSet, entry: u32, size: u64) -> Vec<Range<u64>> {
    let blocks = plan.blocks_of(entry);
    let chunks_of_block = u64::from(plan.block_size()) / CHUNK_LEN as u64;
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for block in blocks.clone().filter(|block| !held.contains(*block)) {
        let first = (block - blocks.start) * chunks_of_block;
        let end = (first + chunks_of_block).min(chunks::count(size));
        match ranges.last_mut() {
            Some(last) if last.end == first => last.end = end,
            _ => ranges.push(first..end),
        }
    }
    ranges
}

/// Ranges of blocks, how many bytes and files are here with them, and whether the ranges could be written to the journal.
type Written = (Vec<(u64, u64)>, (u64, u64), Result<(), TransferError>);

/// Keeps the journal and the progress while something else goes on.
pub(super) struct Keeper<'a> {
    pub(super) accepted: &'a Accepted,
    /// The index in the list of each file, by entry.
    pub(super) index_of: HashMap<u32, usize>,
    context: &'a Context,
    store: Arc<BlockStore>,
    held: Arc<Mutex<BlockSet>>,
    news: mpsc::Receiver<(u64, u32)>,
    pause: watch::Receiver<bool>,
    /// Stored blocks that are not in the journal yet.
    unreported: Vec<u64>,
    writing: Option<Blocking<Written>>,
    /// The task that reads what was here from the start. With the last of it, files get their times and permissions.
    hashing: Option<Blocking<Result<(), TransferError>>>,
    bytes: u64,
    files: FileCount,
    shown_files: ShownFiles,
    clock: Interval,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        accepted: &'a Accepted,
        context: &'a Context,
        store: Arc<BlockStore>,
        held: Arc<Mutex<BlockSet>>,
        news: mpsc::Receiver<(u64, u32)>,
        mut pause: watch::Receiver<bool>,
    ) -> Self {
        pause.mark_changed();
        let plan = &accepted.plan;
        // One lock after the other: two in one statement would wait for each other.
        let bytes = plan.bytes_in(&lock(&held));
        let files = FileCount::new(plan, &lock(&held));
        let shown_files = ShownFiles::new(context.files.clone(), Arc::clone(plan), accepted.wanted.clone());
        Self {
            accepted,
            index_of: HashMap::new(),
            context,
            store,
            held,
            news,
            pause,
            unreported: Vec::new(),
            writing: None,
            hashing: accepted.destination.hash_held(),
            bytes,
            files,
            shown_files,
            clock: interval(TICK),
        }
    }

    /// Notes which index in the list each file has.
    #[must_use]
    pub(super) fn knowing(mut self, files: &[(u32, usize)]) -> Self {
        self.index_of = files.iter().copied().collect();
        self
    }

    /// Does `work`, and keeps the journal and the progress meanwhile.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, TransferError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                Some((block, bytes)) = self.news.recv() => self.note_stored(block, bytes),
                Ok(()) = self.pause.changed() => {
                    let is_paused = *self.pause.borrow_and_update();
                    self.context.update(|progress| progress.paused.here = is_paused);
                }
                written = written(&mut self.writing) => self.note_written(written)?,
                _ = self.clock.tick() => {
                    self.write_journal();
                    let disk_is_full = self.store.disk_is_full();
                    self.context.update(|progress| progress.disk_is_full = disk_is_full);
                    self.shown_files.show(&self.accepted.manifest, || lock(&self.held).clone(), &BTreeSet::new());
                }
            }
        }
    }

    /// Writes all that is stored to the journal, and waits until what was here from the start is read.
    async fn settle(&mut self) -> Result<(), TransferError> {
        self.note_news();
        while self.writing.is_some() || !self.unreported.is_empty() {
            self.write_journal();
            if self.writing.is_some() {
                let written = written(&mut self.writing).await;
                self.note_written(written)?;
                if !self.unreported.is_empty() {
                    sleep(TICK).await;
                }
            }
        }
        if let Some(hashing) = self.hashing.take() {
            hashing.await?;
        }
        self.show((self.bytes, self.files.complete()));
        Ok(())
    }

    /// Writes what is stored to the journal before the transfer ends early, as far as that succeeds.
    async fn write_rest(&mut self) {
        self.note_news();
        // The write that is running, and one of what came after it began.
        for _ in 0..2 {
            self.write_journal();
            if self.writing.is_some() {
                let written = written(&mut self.writing).await;
                if self.note_written(written).is_err() {
                    return;
                }
            }
        }
    }

    fn note_news(&mut self) {
        while let Ok((block, bytes)) = self.news.try_recv() {
            self.note_stored(block, bytes);
        }
    }

    fn note_stored(&mut self, block: u64, bytes: u32) {
        // A file that is fetched once more has its blocks in the journal, which would soon be longer than any that is read.
        if lock(&self.held).insert(block) {
            self.unreported.push(block);
            self.bytes += u64::from(bytes);
            self.files.note(&self.accepted.plan, block);
        }
    }

    /// Starts to write the blocks that were stored since the last time to the journal, unless a write is running.
    fn write_journal(&mut self) {
        if self.writing.is_some() || self.unreported.is_empty() {
            return;
        }
        self.unreported.sort_unstable();
        let ranges = to_ranges(std::mem::take(&mut self.unreported));
        let sums = (self.bytes, self.files.complete());
        let Destination::Folder(_, staging) = &self.accepted.destination else { return self.show(sums) };
        let staging = Arc::clone(staging);
        self.writing = Some(spawn_blocking(move || {
            let written = staging.note_stored(&ranges);
            (ranges, sums, written)
        }));
    }

    /// Takes in the result of a write to the journal. Blocks for which the disk had no room are kept for the next time.
    fn note_written(&mut self, (ranges, sums, written): Written) -> Result<(), TransferError> {
        if written.as_ref().is_err_and(TransferError::is_disk_full) {
            self.unreported.extend(ranges.into_iter().flat_map(|(first, count)| first..first + count));
            return Ok(());
        }
        written?;
        self.show(sums);
        Ok(())
    }

    /// Shows how many bytes and files are here. Nothing counts that isn't in the journal yet, so that a transfer which is stopped now
    /// can go on with all that was shown.
    fn show(&self, (bytes, files): (u64, u64)) {
        let file = current(&self.accepted.plan, &lock(&self.held));
        self.context.update(|progress| {
            (progress.bytes, progress.files, progress.file) = (bytes, files, file);
        });
    }

    fn path_of(&self, entry: u32) -> String {
        let entry = self.accepted.manifest.entries().get(entry as usize);
        entry.map(|entry| entry.path.as_str().to_owned()).unwrap_or_default()
    }
}

/// Waits for the write to the journal that is running; never returns if there is none.
async fn written(writing: &mut Option<Blocking<Written>>) -> Written {
    let Some(task) = writing else { return std::future::pending().await };
    let written = task.await;
    *writing = None;
    written
}

/// The error of a file that can't be checked while it passes by.
fn cannot_check() -> TransferError {
    let why = "the sender uses imohash, by which nothing can be checked on its way to standard output; leave out --stdout";
    Impossible::Arguments(why.to_owned()).into()
}
