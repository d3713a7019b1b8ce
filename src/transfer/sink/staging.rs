//! The receiver's folder while a transfer runs: bytes are stored in `.caiman-<id>/` inside it, where [`Layout`] says,
//! and everything gets its real name only at the end, when it has been checked and flushed.
//!
//! All calls block on the disk; lanes make them on blocking threads. Several may store blocks at once.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    attributes::Attributes,
    claim::FolderClaim,
    journal::Journal,
    layout::{Layout, top_of, under},
    leftovers::{Leftovers, contents},
    turns::WriteTurns,
};
use crate::{
    platform::{
        self,
        mount::{Mount, Rules},
        open_folder::OpenFolder,
    },
    protocol::{
        RelPath,
        manifest::{Entry, Manifest},
    },
    sync::lock,
    transfer::{
        error::{FileAction, TransferError},
        notice::NotKept,
        plan::{
            Block, Plan, Segment, Wanted,
            blocks::BlockSet,
            is_zero,
            names::STAGING_PREFIX,
            placement::{FolderView, Occupant, Target},
            tree_hash::{BlockHash, FileHash, Forest, hash_whole},
        },
    },
};

/// Why the lock of a staging folder's fate is never poisoned.
const NO_PANIC: &str = "no code panics while it holds this lock";

/// The staging folder of one receive.
pub(crate) struct Staging {
    folder: PathBuf,
    /// The folder as it was made, whatever has its name later.
    opened: OpenFolder,
    /// What tells the folder from every other one, where the system knows that.
    id: Option<(u64, u64)>,
    layout: Layout,
    manifest: Arc<Manifest>,
    plan: Arc<Plan>,
    journal: Journal,
    /// Shows other transfers that this folder is in use.
    claim: FolderClaim,
    /// Blocks that an earlier transfer left.
    held: BlockSet,
    /// Whether the journal names any blocks, so that another transfer can resume from here.
    has_blocks: AtomicBool,
    state: Mutex<StagingState>,
    turns: WriteTurns,
    mount: Mount,
    attributes: Attributes,
    /// Locked for reading while bytes are written, and for writing while it is decided what becomes of the folder.
    fate: RwLock<Fate>,
    /// The last field, because it has to be dropped after the files above it are closed.
    _shell: EmptyFolderGuard,
}

/// Removes a folder when dropped, if nothing is in it. Some systems remove an open file only when it is closed, and its
/// folder can't be removed before that.
struct EmptyFolderGuard(PathBuf);

impl Drop for EmptyFolderGuard {
    fn drop(&mut self) {
        // Mostly the folder is gone already, or keeps what another transfer continues with.
        let _ = fs::remove_dir(&self.0);
    }
}

/// What becomes of a staging folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Bytes may still come.
    Open,
    /// What is here is being checked; bytes that still come are dropped.
    Closed,
    /// It stays for another transfer.
    Kept,
    /// It has been removed.
    Discarded,
}

#[derive(Default)]
struct StagingState {
    trees: Forest,
    hashes: HashMap<u32, FileHash>,
    dropped: HashSet<u32>,
    /// The length of a stream that has ended.
    stream_bytes: u64,
    /// Files whose blocks are being sent a second time; while this is set, no others are written.
    repairing: Option<HashSet<u32>>,
}

/// What a staging folder is made for.
pub(crate) struct StagedFiles<'a> {
    pub(crate) manifest: Arc<Manifest>,
    /// The blocks of the wanted entries.
    pub(crate) plan: Arc<Plan>,
    pub(crate) wanted: &'a Wanted,
    /// Where each entry goes in the end.
    pub(crate) targets: &'a [Target],
    /// What the file system there can store.
    pub(crate) mount: Mount,
}

impl Staging {
    /// Makes the staging folder inside `chosen`, which must exist, and moves into it what `leftovers` has of this offer.
    /// `id` is random. What it records about itself is sealed with the key of the leftovers.
    pub(crate) fn create(
        chosen: &Path,
        id: [u8; 8],
        StagedFiles { manifest, plan, wanted, targets, mount }: StagedFiles<'_>,
        leftovers: Leftovers,
    ) -> Result<Self, TransferError> {
        let name = format!("{STAGING_PREFIX}{:016x}", u64::from_be_bytes(id));
        let folder = chosen.join(&name);
        let fail = |cause| TransferError::file(FileAction::WriteIn, chosen, cause);
        platform::make_private_folder(&folder).map_err(fail)?;
        let begin = || {
            let opened = OpenFolder::open(chosen)?.below(&name)?;
            let claim = FolderClaim::new(&folder)?;
            // The journal is written before files are moved: after a crash in between, each file is in one of two
            // folders that both name it.
            let held = leftovers.blocks_of(&manifest, &plan);
            let journal = Journal::create(&folder, leftovers.key(), &manifest, wanted, &held)?;
            let layout = Layout::create(&folder, Arc::clone(&manifest), wanted, targets, &Disk(chosen))?;
            Ok((opened, claim, held, journal, layout))
        };
        let prepared = begin().inspect_err(|_| {
            // Nothing is in it yet that anybody could want.
            let _ = fs::remove_dir_all(&folder);
        });
        let (opened, claim, held, journal, layout) = prepared.map_err(fail)?;
        leftovers.move_into(&layout, &manifest, &plan).map_err(fail)?;
        Ok(Self {
            _shell: EmptyFolderGuard(folder.clone()),
            id: platform::file_id(&fs::symlink_metadata(&folder).map_err(fail)?),
            folder,
            opened,
            layout,
            manifest,
            plan,
            journal,
            claim,
            has_blocks: AtomicBool::new(!held.is_empty()),
            held,
            state: Mutex::default(),
            turns: WriteTurns::default(),
            mount,
            attributes: Attributes::default(),
            fate: RwLock::new(Fate::Open),
        })
    }

    /// The folder, opened right after it was made.
    pub(crate) fn opened(&self) -> &OpenFolder {
        &self.opened
    }

    /// Whether another transfer could resume from here: not a stream, which is read only once.
    pub(crate) fn is_resumable(&self) -> bool {
        self.plan.stream().is_none()
    }

    /// Blocks that were here from the start.
    pub(crate) fn held(&self) -> &BlockSet {
        &self.held
    }

    /// Reads the blocks that were here from the start, so that the hashes of their files become complete.
    pub(crate) fn hash_held(&self) -> Result<(), TransferError> {
        let mut bytes = Vec::new();
        for (first, count) in self.held.ranges() {
            for block in first..first + count {
                match self.plan.block(block) {
                    Some(Block::Part(segment)) => self.hash_part(segment, &mut bytes)?,
                    Some(Block::Pack(files)) => {
                        for (entry, size) in files {
                            let segment = Segment { entry: *entry, number: 0, offset: 0, len: *size };
                            self.hash_part(segment, &mut bytes)?;
                        }
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }

    fn hash_part(&self, segment: Segment, bytes: &mut Vec<u8>) -> Result<(), TransferError> {
        let path = self.layout.path(segment.entry);
        bytes.clear();
        bytes.resize(segment.len as usize, 0);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let read = file.and_then(|file| platform::read_exact_at(&file, bytes, segment.offset).map(|()| file));
        let file = read.map_err(|cause| TransferError::file(FileAction::ReadBack, &path, cause))?;
        self.note_hash(&file, segment, BlockHash::of(bytes, self.plan.offset_in_data(segment)))
    }

    /// The staging folder itself, where the bytes are until they have their real names.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stores the bytes of block `index`, whose length the caller has checked against the plan. Bytes that come while
    /// nothing more is taken are dropped.
    pub(crate) fn store(&self, index: u64, bytes: &[u8]) -> Result<(), TransferError> {
        let fate = self.fate.read().expect(NO_PANIC);
        if *fate != Fate::Open {
            return Ok(());
        }
        match self.plan.block(index) {
            Some(Block::Part(segment)) => self.store_part(segment, bytes),
            Some(Block::Pack(files)) => self.store_pack(files, bytes),
            None => Ok(()),
        }
    }

    /// Forgets a file that the sender withdrew.
    pub(crate) fn drop_entry(&self, entry: u32) {
        let mut state = self.lock();
        state.dropped.insert(entry);
        state.trees.remove(entry);
        state.hashes.remove(&entry);
        drop(state);
        // A lane may be writing the file at this moment. What it leaves is removed with the staging folder, or before a
        // tree gets its name.
        let _ = self.layout.remove(entry);
    }

    /// Whether the sender withdrew this file.
    pub(crate) fn is_dropped(&self, entry: u32) -> bool {
        self.lock().dropped.contains(&entry)
    }

    /// Ends a stream of which all `bytes` are here: only now is its hash known.
    pub(crate) fn end_stream(&self, entry: u32, bytes: u64) {
        let mut state = self.lock();
        state.stream_bytes = bytes;
        if let Some(hash) = state.trees.finish(entry) {
            state.hashes.insert(entry, hash);
        }
    }

    /// The hash of a file as it is stored, once all of it is here: of the bytes that blocks hold.
    pub(crate) fn hash(&self, entry: u32) -> Option<FileHash> {
        if self.plan.blocks_of(entry).is_empty() {
            return Some(hash_whole(&[]));
        }
        self.lock().hashes.get(&entry).copied()
    }

    /// Waits for blocks that are being stored and takes no more, so that what is checked afterwards is what gets its
    /// real name.
    pub(crate) fn close(&self) {
        *self.fate.write().expect(NO_PANIC) = Fate::Closed;
    }

    /// Gives each wanted file the length of its entry, and returns the files that had another. Hashes are of what was
    /// written, so they tell nothing of bytes that something else has put behind it, or of a file that is gone and was made
    /// again. To be called after
    /// [`Staging::close`].
    pub(crate) fn mend_lengths(&self) -> Result<Vec<u32>, TransferError> {
        let (dropped, stream_bytes) = {
            let state = self.lock();
            (state.dropped.clone(), state.stream_bytes)
        };
        let mut mended = Vec::new();
        for (number, entry) in (0..).zip(self.manifest.entries()) {
            if self.plan.blocks_of(number).is_empty() || dropped.contains(&number) {
                continue;
            }
            let len = if self.plan.stream() == Some(number) { stream_bytes } else { entry.size() };
            let found = fs::symlink_metadata(self.layout.path(number)).ok();
            let is_file = found.as_ref().is_some_and(Metadata::is_file);
            if found.map_or(0, |found| found.len()) == len && (is_file || len == 0) {
                if self.layout.was_lost(number) {
                    mended.push(number);
                }
                continue;
            }
            // What is no file is not opened: a link would lead elsewhere.
            let removed = if is_file { Ok(()) } else { self.layout.remove(number) };
            let file = removed.and_then(|()| {
                let file = self.layout.open(number)?;
                file.set_len(len).map(|()| file)
            });
            // The new length has changed the file's time.
            self.set_attributes(&file.map_err(|cause| self.cannot_write(number, cause))?, number)?;
            self.layout.was_lost(number);
            mended.push(number);
        }
        Ok(mended)
    }

    /// Takes blocks again, but only of these files; they are written over what is there.
    pub(crate) fn start_repair(&self, entries: impl IntoIterator<Item = u32>) {
        self.lock().repairing = Some(entries.into_iter().collect());
        *self.fate.write().expect(NO_PANIC) = Fate::Open;
    }

    /// Reads a file back, of which [`Staging::mend_lengths`] knows the length; returns the hash of each of its blocks, and of all of
    /// them.
    pub(crate) fn read_back(&self, entry: u32) -> Result<(Vec<FileHash>, FileHash), TransferError> {
        let path = self.layout.path(entry);
        let fail = |cause| TransferError::file(FileAction::ReadBack, &path, cause);
        let file = File::open(&path).map_err(fail)?;
        let mut whole = blake3::Hasher::new();
        let mut hashes = Vec::new();
        let mut block = Vec::new();
        for segment in self.plan.segments_of(entry) {
            block.resize(segment.len as usize, 0);
            platform::read_exact_at(&file, &mut block, segment.offset).map_err(fail)?;
            whole.update(&block);
            hashes.push(hash_whole(&block));
        }
        Ok((hashes, *whole.finalize().as_bytes()))
    }

    /// Adds blocks that are stored now, as (first, count), to the journal.
    pub(crate) fn note_stored(&self, ranges: &[(u64, u64)]) -> Result<(), TransferError> {
        match *self.fate.read().expect(NO_PANIC) {
            Fate::Open | Fate::Closed => {
                let written = self.journal.append(ranges);
                written.map_err(|cause| TransferError::file(FileAction::WriteIn, &self.folder, cause))?;
                self.has_blocks.store(true, Ordering::Relaxed);
                Ok(())
            }
            Fate::Kept | Fate::Discarded => Ok(()),
        }
    }

    /// Flushes everything that was stored to the disk, so that a crash after the renames finds whole files.
    pub(crate) fn flush(&self) -> Result<(), TransferError> {
        // Past this many files, one flush of the whole file system beats a flush for each.
        const MANY_FILES: u64 = 64;
        let fail = |cause| TransferError::file(FileAction::WriteIn, &self.folder, cause);
        if self.plan.wanted_files() > MANY_FILES && platform::flush_everything(&self.folder).map_err(fail)? {
            return Ok(());
        }
        for (index, entry) in self.manifest.entries().iter().enumerate() {
            let path = self.layout.path(index as u32);
            if !entry.is_file() || self.plan.blocks_of(index as u32).is_empty() {
                continue;
            }
            match OpenOptions::new().write(true).open(&path).and_then(|file| platform::flush(&file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// A file as it is staged at the moment, to be read back.
    #[cfg(feature = "croc")]
    pub(crate) fn open_staged(&self, entry: u32) -> Result<File, TransferError> {
        let path = self.layout.path(entry);
        File::open(&path).map_err(|cause| TransferError::file(FileAction::ReadBack, &path, cause))
    }

    /// The path of the staged file of `entry`. If the entry has no bytes, the file is made here.
    pub(crate) fn take(&self, entry: u32) -> Result<PathBuf, TransferError> {
        let is_empty = self.plan.blocks_of(entry).is_empty() || self.plan.stream() == Some(entry);
        if is_empty {
            let file = self.layout.open(entry).map_err(|cause| self.cannot_write(entry, cause))?;
            if self.plan.stream().is_none() {
                // It is empty, or nothing but a hole.
                let size = self.entry(entry).map_or(0, Entry::size);
                let sized = platform::set_len(&file, 0).and_then(|()| platform::extend(&file, size));
                sized.map_err(|cause| self.cannot_write(entry, cause))?;
            }
            self.set_attributes(&file, entry)?;
        }
        Ok(self.layout.path(entry))
    }

    /// Whether a file is in a new folder that is to get its name as a whole.
    pub(crate) fn is_in_tree(&self, entry: u32) -> bool {
        self.layout.is_in_tree(entry)
    }

    /// The new folders that are to get their names as a whole, as (name, path in the staging folder). Empty files are
    /// made in them here, and what is left of withdrawn ones is removed. To be called when all files are closed.
    pub(crate) fn take_trees(&self) -> Vec<(RelPath, PathBuf)> {
        let dropped = self.lock().dropped.clone();
        let mut spoilt = HashSet::new();
        for (number, entry) in (0..).zip(self.manifest.entries()) {
            if !self.layout.belongs_in_tree(number) {
                continue;
            }
            if dropped.contains(&number) {
                // A lane that was writing the file when it was withdrawn may have made it again.
                match self.layout.remove(number) {
                    Ok(()) => self.layout.prune(number),
                    Err(_) => drop(spoilt.insert(top_of(&entry.path))),
                }
            } else if self.plan.blocks_of(number).is_empty() {
                // If this fails, the delivery of this single file reports why.
                let _ = self.take(number);
            }
        }
        let tops = self.layout.tops().filter(|(top, _)| !spoilt.contains(top.as_str()));
        tops.map(|(top, path)| (top.clone(), path)).collect()
    }

    /// Whether no file is left here.
    pub(crate) fn holds_nothing(&self) -> bool {
        contents(&self.folder).is_ok_and(|files| files.is_empty())
    }

    /// Removes the staging folder and everything in it.
    pub(crate) fn discard(&self) -> Result<(), TransferError> {
        let mut fate = self.fate.write().expect(NO_PANIC);
        *fate = Fate::Discarded;
        self.remove().map_err(|cause| TransferError::file(FileAction::Remove, &self.folder, cause))
    }

    /// Leaves the staging folder where it is, for another transfer to continue with. That one may take it at once,
    /// although blocking work of this transfer, which no longer writes anything, may still have a reference to it.
    pub(crate) fn keep(&self) {
        *self.fate.write().expect(NO_PANIC) = Fate::Kept;
        self.claim.release();
    }

    /// Removes the folder and everything in it, if it still is the folder that was made: in a folder that others may write to,
    /// another one may have got its name.
    fn remove(&self) -> io::Result<()> {
        if platform::file_id(&fs::symlink_metadata(&self.folder)?) != self.id {
            return Err(io::ErrorKind::NotFound.into());
        }
        fs::remove_dir_all(&self.folder)
    }

    fn store_part(&self, segment: Segment, bytes: &[u8]) -> Result<(), TransferError> {
        if !self.is_wanted(segment.entry) {
            return Ok(());
        }
        let hash = BlockHash::of(bytes, self.plan.offset_in_data(segment));
        let file =
            self.layout.open(segment.entry).map_err(|cause| self.cannot_write(segment.entry, cause))?;
        let written = if self.mount.keeps_holes && is_zero(bytes) {
            let _alone = self.turns.take_all();
            write_zeros_at(&file, bytes, segment.offset)
        } else {
            let _turn = self.turns.take(segment.entry);
            platform::write_all_at(&file, bytes, segment.offset)
        };
        written.map_err(|cause| self.cannot_write(segment.entry, cause))?;
        let state = self.lock();
        if state.repairing.is_some() {
            drop(state);
            // Writing changed the file's time, and which block is the last to be repaired isn't known here.
            return self.set_attributes(&file, segment.entry);
        }
        drop(state);
        self.note_hash(&file, segment, hash)
    }

    /// Notes the hash of one more block of a file. With the last one, the hash of the file is known and the file gets
    /// its attributes.
    fn note_hash(&self, file: &File, segment: Segment, hash: BlockHash) -> Result<(), TransferError> {
        let blocks = self.plan.blocks_of(segment.entry);
        let mut state = self.lock();
        if let Some(whole) = state.trees.add(segment.entry, segment.number, hash, blocks.end - blocks.start) {
            state.hashes.insert(segment.entry, whole);
            drop(state);
            self.set_attributes(file, segment.entry)?;
        }
        Ok(())
    }

    fn store_pack(&self, files: &[(u32, u32)], mut bytes: &[u8]) -> Result<(), TransferError> {
        let mut hashes = Vec::with_capacity(files.len());
        for (entry, size) in files {
            let Some((content, rest)) = bytes.split_at_checked(*size as usize) else { break };
            bytes = rest;
            if !self.is_wanted(*entry) {
                continue;
            }
            let file = self.layout.open(*entry).map_err(|cause| self.cannot_write(*entry, cause))?;
            let written = platform::write_all_at(&file, content, 0);
            // The file may be one that was here before, and that this is written over.
            let written = written.and_then(|()| platform::set_len(&file, u64::from(*size)));
            written.map_err(|cause| self.cannot_write(*entry, cause))?;
            self.set_attributes(&file, *entry)?;
            hashes.push((*entry, hash_whole(content)));
        }
        let mut state = self.lock();
        let dropped = std::mem::take(&mut state.dropped);
        state.hashes.extend(hashes.into_iter().filter(|(entry, _)| !dropped.contains(entry)));
        state.dropped = dropped;
        Ok(())
    }

    fn is_wanted(&self, entry: u32) -> bool {
        let state = self.lock();
        !state.dropped.contains(&entry) && state.repairing.as_ref().is_none_or(|files| files.contains(&entry))
    }

    /// Gives a file the attributes of its entry.
    fn set_attributes(&self, file: &File, number: u32) -> Result<(), TransferError> {
        let Some(entry) = self.entry(number) else { return Ok(()) };
        let set = self.attributes.set(file, &self.layout.path(number), number, entry);
        set.map_err(|cause| self.cannot_write(number, cause))
    }

    /// What the mount did not keep of the files so far.
    pub(crate) fn not_kept(&self) -> NotKept {
        self.attributes.not_kept()
    }

    /// The rules for names where the files go.
    pub(crate) fn rules(&self) -> Rules {
        self.mount.rules
    }

    /// The error names the file as the user knows it, not by its name in the staging folder.
    fn cannot_write(&self, entry: u32, cause: io::Error) -> TransferError {
        let path = self.entry(entry).map(|entry| PathBuf::from(entry.path.as_str()));
        TransferError::file(FileAction::Write, path.unwrap_or_default(), cause)
    }

    fn entry(&self, entry: u32) -> Option<&Entry> {
        self.manifest.entries().get(entry as usize)
    }

    fn lock(&self) -> MutexGuard<'_, StagingState> {
        lock(&self.state)
    }
}

impl Drop for Staging {
    /// If the transfer was dropped before it could decide, the folder stays if another transfer can resume from it, and
    /// is removed otherwise.
    fn drop(&mut self) {
        let fate = *self.fate.get_mut().unwrap_or_else(PoisonError::into_inner);
        let is_undecided = matches!(fate, Fate::Open | Fate::Closed);
        if is_undecided
            && !(self.is_resumable() && self.has_blocks.load(Ordering::Relaxed))
            && let Err(error) = self.remove()
        {
            tracing::warn!(%error, "a staging folder could not be removed");
        }
    }
}

/// Makes the bytes of an open file at `offset` zero, without taking room for them where nothing was written yet. No other thread may
/// change the length of the file meanwhile.
fn write_zeros_at(file: &File, zeros: &[u8], offset: u64) -> io::Result<()> {
    let (end, len) = (offset + zeros.len() as u64, file.metadata()?.len());
    if len > offset {
        let mut found =
            vec![0; usize::try_from((len - offset).min(zeros.len() as u64)).unwrap_or(zeros.len())];
        platform::read_exact_at(file, &mut found, offset)?;
        if !is_zero(&found) {
            return platform::write_all_at(file, zeros, offset);
        }
    }
    if len < end { platform::extend(file, end) } else { Ok(()) }
}

/// The receiver's real folder.
pub(crate) struct Disk<'a>(pub &'a Path);

impl FolderView for Disk<'_> {
    fn at(&self, path: &RelPath) -> Occupant {
        match fs::symlink_metadata(under(self.0, path)) {
            Ok(metadata) if metadata.is_dir() => Occupant::Folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Occupant::Nothing,
            // Nothing can have a name that can't be stored.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename) =>
            {
                Occupant::Nothing
            }
            // What can't be examined has to count as something that is there.
            Ok(_) | Err(_) => Occupant::Other,
        }
    }
}

#[cfg(test)]
impl Staging {
    /// A staging folder for all of `manifest`, without trees.
    pub(crate) fn of_all(chosen: &Path, id: u8, manifest: Arc<Manifest>, leftovers: Leftovers) -> Self {
        let plan = Arc::new(Plan::new(&manifest, |_| true));
        let (wanted, mount) = (Wanted::all(), Mount::probe(chosen).unwrap());
        let files = StagedFiles { manifest, plan, wanted: &wanted, targets: &[], mount };
        Self::create(chosen, [id; 8], files, leftovers).unwrap()
    }
}

#[cfg(test)]
mod tests;
