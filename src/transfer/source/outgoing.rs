//! The sender's bytes: reads blocks from files, from a text or from a stream, hashes them as they pass, and notices when
//! a file is no longer what was offered.
//!
//! All calls block on the disk; lanes make them on blocking threads, several at once.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use super::scan::Origin;
use crate::{
    platform,
    protocol::{manifest::Manifest, peer::Withdrawal},
    sync::lock,
    transfer::{
        error::{FileAction, TransferError},
        fingerprint::{Fingerprint, read_up_to},
        plan::{
            Block, Plan, Segment, Taken, Wanted,
            blocks::BlockSet,
            is_zero,
            tree_hash::{BlockHash, FileHash, Forest, hash_whole},
        },
    },
};

/// Where the bytes come from.
pub(crate) enum Content {
    /// Files on this machine, by entry.
    Files(Arc<Vec<Origin>>),
    /// A text in memory.
    Text(Arc<Vec<u8>>),
    /// Something that can be read only once, from front to back.
    Stream(Mutex<Stream>),
}

impl Content {
    /// A copy for another receiver; `None` for a stream, which can be read only once.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Files(origins) => Some(Self::Files(Arc::clone(origins))),
            Self::Text(text) => Some(Self::Text(Arc::clone(text))),
            Self::Stream(_) => None,
        }
    }

    /// The path of an entry on this machine, to be shown to the user; empty if it isn't a file.
    pub(crate) fn path_of(&self, entry: u32) -> PathBuf {
        let origin = match self {
            Self::Files(origins) => origins.get(entry as usize).map(|origin| origin.path.clone()),
            Self::Text(_) | Self::Stream(_) => None,
        };
        origin.unwrap_or_default()
    }

    /// Fills `bytes` with those of an entry from `offset` on, or finds out that the file is no longer what was offered. A stream
    /// can't be read like this. Blocks on the disk.
    pub(crate) fn read(&self, entry: u32, offset: u64, bytes: &mut [u8]) -> Result<(), Withdrawal> {
        let origin = match self {
            Self::Files(origins) => origins.get(entry as usize).ok_or(Withdrawal::Unreadable)?,
            Self::Text(text) => {
                let part = usize::try_from(offset).ok().and_then(|from| text.get(from..from + bytes.len()));
                bytes.copy_from_slice(part.ok_or(Withdrawal::Unreadable)?);
                return Ok(());
            }
            Self::Stream(_) => return Err(Withdrawal::Unreadable),
        };
        let file = File::open(&origin.path).map_err(|error| withdrawal(&error))?;
        let read = platform::read_exact_at(&file, bytes, offset);
        // If the fingerprint is still that of the listing, the file has changed neither before it was read nor while it
        // was.
        check_fingerprint(&file, origin.fingerprint)?;
        read.map_err(|error| withdrawal(&error))
    }
}

/// A stream and how far it has been read.
pub(crate) struct Stream {
    reader: Box<dyn Read + Send>,
    next_block: u64,
    bytes: u64,
}

impl Stream {
    /// A stream at its start.
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, next_block: 0, bytes: 0 }
    }
}

/// What a sender reads in one transfer, and what it learns about the files meanwhile.
pub(crate) struct Outgoing {
    manifest: Arc<Manifest>,
    plan: Arc<Plan>,
    content: Content,
    /// Bytes of the stream once it has ended. Kept apart from the stream, which stays locked while a read from a pipe
    /// waits.
    stream_end: OnceLock<u64>,
    state: Mutex<OutgoingState>,
}

#[derive(Default)]
struct OutgoingState {
    trees: Forest,
    hashes: Vec<(u32, FileHash)>,
    withdrawn: HashMap<u32, Withdrawal>,
    news: Vec<(u32, Withdrawal)>,
    /// Blocks of a stream that the receiver has not stored yet.
    kept: HashMap<u64, Vec<u8>>,
}

/// What became of a request for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// The bytes of this block are in the buffer.
    Block(u64),
    /// There is nothing to send: the block belongs to a file that was withdrawn, or the receiver already has it.
    Nothing,
    /// The stream has ended.
    End,
}

impl Outgoing {
    /// What is offered.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of the part of `manifest` that `plan` covers.
    pub(crate) fn new(manifest: Arc<Manifest>, plan: Arc<Plan>, content: Content) -> Self {
        Self { manifest, plan, content, stream_end: OnceLock::new(), state: Mutex::default() }
    }

    /// Whether the bytes can be read only once.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.content, Content::Stream(_))
    }

    /// Appends the bytes of a block to `buffer`, or nothing if all of them are zero: a block that is sent without bytes stands for
    /// zeros. For a new block of a stream, the number that was taken means nothing:
    /// the result is the stream's next block, under its own number. Fails only if a stream can't be read.
    pub(crate) fn fill(&self, taken: Taken, buffer: &mut Vec<u8>) -> Result<Filled, TransferError> {
        if let Content::Stream(stream) = &self.content {
            if taken.is_new {
                return self.fill_from_stream(stream, buffer);
            }
            return Ok(match self.lock().kept.get(&taken.block) {
                Some(bytes) => {
                    buffer.extend_from_slice(bytes);
                    Filled::Block(taken.block)
                }
                None => Filled::Nothing,
            });
        }
        match self.plan.block(taken.block) {
            Some(Block::Part(segment)) => Ok(self.fill_part(taken, segment, buffer)),
            Some(Block::Pack(files)) => {
                self.fill_pack(taken, files, buffer);
                Ok(Filled::Block(taken.block))
            }
            None => Ok(Filled::Nothing),
        }
    }

    /// Checks again the wanted files that were empty, or nothing but holes, when they were listed, because no block leads to them.
    /// Those that have changed are withdrawn.
    pub(crate) fn check_files_without_blocks(&self, wanted: &Wanted) {
        let Content::Files(origins) = &self.content else { return };
        for (index, (entry, origin)) in self.manifest.entries().iter().zip(origins.iter()).enumerate() {
            let has_blocks = !self.plan.blocks_of(index as u32).is_empty();
            if !entry.is_file() || has_blocks || !wanted.contains(index) {
                continue;
            }
            let looked = fs::metadata(&origin.path).map_err(|error| withdrawal(&error));
            if let Err(reason) =
                looked.and_then(|metadata| compare_fingerprints(&metadata, origin.fingerprint))
            {
                self.withdraw(index as u32, reason);
            }
        }
    }

    /// Reads blocks that need not be sent, for the hashes of their files.
    pub(crate) fn hash_unsent(&self, blocks: &BlockSet) {
        let mut buffer = Vec::new();
        for (first, count) in blocks.ranges() {
            for block in first..first + count {
                buffer.clear();
                // Only reading a stream can fail, and no receiver has blocks of one.
                let _ = self.fill(Taken { block, is_new: true }, &mut buffer);
            }
        }
    }

    /// Bytes of the stream, once it has ended; `None` before, and where there is no stream. Never waits for the stream.
    pub(crate) fn stream_end(&self) -> Option<u64> {
        self.stream_end.get().copied()
    }

    /// Forgets a block of a stream, which the receiver has stored.
    pub(crate) fn forget(&self, block: u64) {
        self.lock().kept.remove(&block);
    }

    /// Files withdrawn since the last call.
    pub(crate) fn take_withdrawn(&self) -> Vec<(u32, Withdrawal)> {
        std::mem::take(&mut self.lock().news)
    }

    /// Whether `block` holds nothing but bytes of a withdrawn file.
    pub(crate) fn is_withdrawn_block(&self, block: u64) -> bool {
        match self.plan.block(block) {
            Some(Block::Part(segment)) => self.lock().withdrawn.contains_key(&segment.entry),
            Some(Block::Pack(_)) | None => false,
        }
    }

    /// Hashes of files that were read to their end since the last call, without withdrawn ones.
    pub(crate) fn take_hashes(&self) -> Vec<(u32, FileHash)> {
        let mut state = self.lock();
        if let Some(entry) = self.plan.stream() {
            let hash = state.trees.finish(entry);
            state.hashes.extend(hash.map(|hash| (entry, hash)));
        }
        let hashes = std::mem::take(&mut state.hashes);
        hashes.into_iter().filter(|(entry, _)| !state.withdrawn.contains_key(entry)).collect()
    }

    /// Bytes of an entry that blocks hold.
    pub(crate) fn bytes_of(&self, entry: u32) -> u64 {
        self.plan.bytes_of(entry)
    }

    /// The path of an entry on this machine, to be shown to the user; empty if it isn't a file.
    pub(crate) fn path_of(&self, entry: u32) -> PathBuf {
        self.content.path_of(entry)
    }

    /// Compares a receiver's hashes of a file's blocks, from the first on, with the file as it is now. Returns the
    /// blocks that differ or have no hash, and the file's hash; `None` if the file had to be withdrawn.
    pub(crate) fn compare(&self, entry: u32, theirs: &[Option<FileHash>]) -> Option<(Vec<u64>, FileHash)> {
        let first = self.plan.blocks_of(entry).start;
        let mut whole = blake3::Hasher::new();
        let mut differing = Vec::new();
        for segment in self.plan.segments_of(entry) {
            let mut bytes = Vec::new();
            if let Err(reason) = self.read(segment, &mut bytes) {
                self.withdraw(entry, reason);
                return None;
            }
            whole.update(&bytes);
            let their_hash = usize::try_from(segment.number).ok().and_then(|number| theirs.get(number));
            if their_hash != Some(&Some(hash_whole(&bytes))) {
                differing.push(first + segment.number);
            }
        }
        Some((differing, *whole.finalize().as_bytes()))
    }

    fn fill_part(&self, taken: Taken, segment: Segment, buffer: &mut Vec<u8>) -> Filled {
        if self.lock().withdrawn.contains_key(&segment.entry) {
            return Filled::Nothing;
        }
        let start = buffer.len();
        if let Err(reason) = self.read(segment, buffer) {
            buffer.truncate(start);
            self.withdraw(segment.entry, reason);
            return Filled::Nothing;
        }
        if taken.is_new {
            let hash = BlockHash::of(&buffer[start..], self.plan.offset_in_data(segment));
            let mut state = self.lock();
            let blocks = self.plan.blocks_of(segment.entry);
            let whole = state.trees.add(segment.entry, segment.number, hash, blocks.end - blocks.start);
            state.hashes.extend(whole.map(|hash| (segment.entry, hash)));
        }
        if is_zero(&buffer[start..]) {
            buffer.truncate(start);
        }
        Filled::Block(taken.block)
    }

    fn fill_pack(&self, taken: Taken, files: &[(u32, u32)], buffer: &mut Vec<u8>) {
        let mut hashes = Vec::with_capacity(files.len());
        for (entry, len) in files {
            let start = buffer.len();
            match self.read(Segment { entry: *entry, number: 0, offset: 0, len: *len }, buffer) {
                Ok(()) => hashes.push((*entry, hash_whole(&buffer[start..]))),
                Err(reason) => {
                    // The zeros keep the other files of the pack in their places; the receiver drops them.
                    buffer.truncate(start);
                    buffer.resize(start + *len as usize, 0);
                    self.withdraw(*entry, reason);
                }
            }
        }
        if taken.is_new {
            self.lock().hashes.extend(hashes);
        }
    }

    fn fill_from_stream(
        &self,
        stream: &Mutex<Stream>,
        buffer: &mut Vec<u8>,
    ) -> Result<Filled, TransferError> {
        let mut stream = lock(stream);
        if self.stream_end.get().is_some() {
            return Ok(Filled::End);
        }
        let (start, block_size) = (buffer.len(), self.plan.block_size() as usize);
        buffer.resize(start + block_size, 0);
        let read = read_up_to(&mut stream.reader, &mut buffer[start..])
            .map_err(|cause| TransferError::file(FileAction::ReadInput, "", cause))?;
        buffer.truncate(start + read);
        let offset = stream.bytes;
        stream.bytes += read as u64;
        if read < block_size {
            self.stream_end.get_or_init(|| stream.bytes);
        }
        if read == 0 {
            return Ok(Filled::End);
        }
        let index = stream.next_block;
        stream.next_block += 1;
        drop(stream);
        let hash = BlockHash::of(&buffer[start..], offset);
        if let Some(entry) = self.plan.stream() {
            let mut state = self.lock();
            // How many blocks a stream has is not known here.
            state.trees.add(entry, index, hash, u64::MAX);
            state.kept.insert(index, buffer[start..].to_vec());
        }
        Ok(Filled::Block(index))
    }

    fn read(&self, segment: Segment, buffer: &mut Vec<u8>) -> Result<(), Withdrawal> {
        let start = buffer.len();
        buffer.resize(start + segment.len as usize, 0);
        self.content.read(segment.entry, segment.offset, &mut buffer[start..])
    }

    fn withdraw(&self, entry: u32, reason: Withdrawal) {
        let mut state = self.lock();
        if state.withdrawn.insert(entry, reason).is_none() {
            state.trees.remove(entry);
            state.news.push((entry, reason));
        }
    }

    fn lock(&self) -> MutexGuard<'_, OutgoingState> {
        lock(&self.state)
    }
}

fn check_fingerprint(file: &File, fingerprint: Fingerprint) -> Result<(), Withdrawal> {
    let metadata = file.metadata().map_err(|error| withdrawal(&error))?;
    compare_fingerprints(&metadata, fingerprint)
}

fn compare_fingerprints(metadata: &Metadata, fingerprint: Fingerprint) -> Result<(), Withdrawal> {
    if Fingerprint::of(metadata) == fingerprint { Ok(()) } else { Err(Withdrawal::Changed) }
}

fn withdrawal(error: &io::Error) -> Withdrawal {
    match error.kind() {
        io::ErrorKind::NotFound => Withdrawal::Vanished,
        io::ErrorKind::UnexpectedEof => Withdrawal::Changed,
        _ => Withdrawal::Unreadable,
    }
}
