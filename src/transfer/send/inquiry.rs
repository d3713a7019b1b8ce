//! The receiver's questions before it answers an offer: what files are, by their hashes, so that it need not take those that it
//! has. Each file is hashed once at most, so whoever asks for all of them costs as much reading as a transfer.

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
    protocol::manifest::{Entry, Manifest, OfferKind},
    transfer::{
        error::Misbehaviour,
        fingerprint::hash_as,
        plan::{blocks::BlockSet, tree_hash::FileHash},
        source::{outgoing::Content, scan::Origin},
    },
};

/// Files that are hashed together at most, …
const MANY: usize = 256;
/// … and about how many bytes of them: an answer is never far.
const MUCH: u64 = 8 * 1024 * 1024;
/// How often a receiver hears that a large file is still being read.
const SIGN_EVERY: Duration = Duration::from_secs(1);

/// Hashes of files, by entry; `None` for what can't be read or is no longer what was offered.
type Hashes = Vec<(u32, Option<FileHash>)>;

/// See the module. Dropped, it stops what is being hashed.
pub(super) struct Inquiry {
    asked: BlockSet,
    /// What is to be hashed next: entries and their sizes.
    due: VecDeque<(u32, u64)>,
    work: Option<Blocking<Hashes>>,
    /// Bytes that were read, and as many as the last sign told of.
    read: Arc<AtomicU64>,
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

    /// Takes a question, which came in a message of the name `message`: about files of the offer, about each of them once.
    pub(super) fn ask(
        &mut self,
        entries: &[u32],
        manifest: &Manifest,
        message: &'static str,
    ) -> Result<(), Misbehaviour> {
        for entry in entries {
            let listed = manifest.entries().get(*entry as usize).filter(|entry| entry.is_file());
            let listed = listed.filter(|_| manifest.kind() == OfferKind::Files);
            let size = listed.map(Entry::size).ok_or(Misbehaviour::UnknownEntry)?;
            if !self.asked.insert((*entry).into()) {
                return Err(Misbehaviour::OutOfTurn(message));
            }
            self.due.push_back((*entry, size));
        }
        Ok(())
    }

    /// The next answers, or none as a sign that a large file is being read; never comes back if there is nothing to
    /// answer. Safe to drop and call again.
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

    /// Begins to hash what is due next.
    fn take_up(&mut self, content: &Content) -> Option<Blocking<Hashes>> {
        let Content::Files(origins) = content else { return None };
        let mut files: Vec<(u32, Origin)> = Vec::new();
        let mut bytes = 0;
        while let Some((entry, size)) = self.due.front().copied() {
            if files.len() == MANY || (bytes + size > MUCH && !files.is_empty()) {
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
