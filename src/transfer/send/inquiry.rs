//! The receiver's questions about the hashes of offered files, before it answers the offer, so that it need not take
//! files that it already has. Each file is hashed at most once, so a receiver that asks for all of them causes no more
//! reading than a transfer does.

use std::{
    collections::VecDeque,
    future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    panics::{Blocking, spawn_blocking},
    protocol::manifest::{Entry, Manifest},
    transfer::{
        error::Misbehaviour,
        fingerprint::hash_as,
        plan::{blocks::BlockSet, tree_hash::FileHash},
        source::{outgoing::Content, scan::Origin},
    },
};

/// The most files that are hashed for one answer. It bounds the answer's length.
const MAX_FILES_AT_ONCE: usize = 256;
/// The most bytes that are hashed for one answer, unless a single file has more. They are few, so that the next answer
/// is never far off.
const MAX_BYTES_AT_ONCE: u64 = 8 * 1024 * 1024;
/// How often the receiver hears that a large file is still being read: often enough that it doesn't give up the
/// comparison.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// Hashes of files, by entry; `None` for a file that can't be read or is no longer what was offered.
type Hashes = Vec<(u32, Option<FileHash>)>;

/// The questions of one receiver, and the hashing that answers them. Dropping this stops the hashing.
pub(super) struct Inquiry {
    asked: BlockSet,
    /// The files that are to be hashed next, as (entry, bytes).
    due: VecDeque<(u32, u64)>,
    work: Option<Blocking<Hashes>>,
    /// Bytes that were read so far.
    read: Arc<AtomicU64>,
    /// The value of `read` when the last sign was given.
    signed: u64,
    stop: CancellationToken,
    _stops: DropGuard,
}

impl Inquiry {
    pub(super) fn new() -> Self {
        let stop = CancellationToken::new();
        Self {
            asked: BlockSet::default(),
            due: VecDeque::new(),
            work: None,
            read: Arc::default(),
            signed: 0,
            _stops: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Takes a question about files of the offer, each of which may be asked about once. `message` is the name of the
    /// message that brought it, for an error.
    pub(super) fn ask(
        &mut self,
        entries: &[u32],
        manifest: &Manifest,
        message: &'static str,
    ) -> Result<(), Misbehaviour> {
        for entry in entries {
            let size = manifest.file(*entry).map(Entry::size).ok_or(Misbehaviour::UnknownEntry)?;
            if !self.asked.insert((*entry).into()) {
                return Err(Misbehaviour::OutOfTurn(message));
            }
            self.due.push_back((*entry, size));
        }
        Ok(())
    }

    /// The next answers, or an empty list as a sign that a large file is still being read. Never returns if there is
    /// nothing to answer. Safe to drop and call again.
    pub(super) async fn next(&mut self, content: &Content) -> Hashes {
        loop {
            if self.work.is_none() {
                self.work = self.take_up(content);
            }
            let Some(work) = &mut self.work else { return future::pending().await };
            if let Ok(hashed) = timeout(SIGN_EVERY, work).await {
                self.work = None;
                return hashed;
            }
            let read = self.read.load(Ordering::Relaxed);
            if std::mem::replace(&mut self.signed, read) != read {
                return Hashes::new();
            }
        }
    }

    /// Begins to hash the files that are due next.
    fn take_up(&mut self, content: &Content) -> Option<Blocking<Hashes>> {
        let Content::Files(origins) = content else { return None };
        let mut files: Vec<(u32, Origin)> = Vec::new();
        let mut bytes = 0;
        while let Some((entry, size)) = self.due.front().copied() {
            if files.len() == MAX_FILES_AT_ONCE || (bytes + size > MAX_BYTES_AT_ONCE && !files.is_empty()) {
                break;
            }
            self.due.pop_front();
            bytes += size;
            files.push((entry, origins.get(entry as usize).cloned().unwrap_or_default()));
        }
        if files.is_empty() {
            return None;
        }
        let (read, stop) = (Arc::clone(&self.read), self.stop.clone());
        Some(spawn_blocking(move || {
            let hash = |(entry, origin): (u32, Origin)| {
                let goes_on = |bytes| {
                    read.fetch_add(bytes, Ordering::Relaxed);
                    !stop.is_cancelled()
                };
                (entry, hash_as(&origin.path, origin.fingerprint, goes_on))
            };
            files.into_iter().take_while(|_| !stop.is_cancelled()).map(hash).collect()
        }))
    }
}
