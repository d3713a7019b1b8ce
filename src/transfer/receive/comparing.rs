//! Finds out, while the person reads the offer, which of its files the folder has already ([`crate::transfer::sink::same`]): asks
//! the sender for their hashes, takes its own at the same time, and tells what is the same as it becomes known.
//!
//! Nobody has to wait for it: whoever answers gets what is known by then. Whoever wants to wait hears when there is
//! nothing to wait for any more: everything is known, or nothing has moved for a while.

use std::{
    collections::HashMap,
    future,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::{
    panics::spawn_blocking,
    protocol::{
        manifest::{Entry, Manifest},
        peer::FromReceiver,
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        fingerprint::{Fingerprint, hash_found},
        link::control::Control,
        notice::Notice,
        offer::{AlreadyHere, Offer},
        plan::tree_hash::{FileHash, hash_whole},
        sink::same::SameFiles,
    },
};

/// How long an offer is held back for a comparison that may be over in a moment: what changes while one reads it irritates.
const MOMENT: Duration = Duration::from_millis(300);
/// How often news are told.
const NEWS_EVERY: Duration = Duration::from_millis(250);
/// How often is looked whether there are some.
const TICK: Duration = Duration::from_millis(25);
/// A comparison that has not moved on either side for this long is no longer waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Files in one question.
const ASKED_AT_ONCE: usize = 4096;
/// Own hashes that may wait to be taken.
const OWN_WAITING: usize = 256;

/// See the module.
pub(super) struct Comparing {
    manifest: Arc<Manifest>,
    /// Of every file that the sender was asked about, whatever the folder was then.
    theirs: HashMap<u32, SenderHash>,
    round: Option<ComparisonRound>,
}

/// What the sender says of a file.
#[derive(Clone, Copy)]
enum SenderHash {
    /// Nothing yet.
    Asked,
    /// That it can't say.
    Unknown,
    /// Its hash.
    Hash(FileHash),
}

/// A file as it is here.
struct OwnFile {
    path: PathBuf,
    hash: FileHash,
    fingerprint: Fingerprint,
}

/// The offer held against one folder.
struct ComparisonRound {
    /// Until it is told.
    offer: Option<Offer>,
    /// What is the same, as it was told last or will be next.
    here: AlreadyHere,
    same_files: SameFiles,
    /// Files that are not settled, with this side's hash once it is known.
    open: HashMap<u32, Option<OwnFile>>,
    own: Option<mpsc::Receiver<(u32, Option<OwnFile>)>>,
    /// Bytes that this side has read.
    read: Arc<AtomicU64>,
    read_before: u64,
    begun: Instant,
    moved: Instant,
    told: Instant,
    has_news: bool,
}

/// An offer held against a folder, and the files that have the same name and size there.
pub(super) struct Surveyed {
    pub(super) offer: Offer,
    /// Entries of the offer, and where the folder has a file of that name and size.
    pub(super) candidates: Vec<(u32, PathBuf)>,
}

impl Comparing {
    pub(super) fn new(manifest: Arc<Manifest>) -> Self {
        Self { manifest, theirs: HashMap::new(), round: None }
    }

    /// Takes an offer that is held against a folder, with the files that have the same name and size there; it is told by
    /// [`Comparing::next`]. An earlier folder is forgotten.
    pub(super) fn begin(
        &mut self,
        Surveyed { offer, candidates }: Surveyed,
        control: &mut Control,
    ) -> Result<(), TransferError> {
        let mut unasked = Vec::new();
        for (entry, _) in &candidates {
            let is_empty = self.manifest.entries().get(*entry as usize).map(Entry::size) == Some(0);
            self.theirs.entry(*entry).or_insert_with(|| {
                if is_empty {
                    return SenderHash::Hash(hash_whole(&[]));
                }
                unasked.push(*entry);
                SenderHash::Asked
            });
        }
        for page in unasked.chunks(ASKED_AT_ONCE) {
            control.say(&FromReceiver::WhatIs(page.to_vec()))?;
        }
        self.round = Some(ComparisonRound::begin(offer, candidates));
        Ok(())
    }

    /// The sender's word for files that it was asked about, in a message of the name `message`.
    pub(super) fn hear(
        &mut self,
        told: Vec<(u32, Option<FileHash>)>,
        message: &'static str,
    ) -> Result<(), Misbehaviour> {
        if let Some(round) = &mut self.round {
            round.moved = Instant::now();
        }
        for (entry, hash) in told {
            match self.theirs.get_mut(&entry) {
                Some(theirs @ SenderHash::Asked) => {
                    *theirs = hash.map_or(SenderHash::Unknown, SenderHash::Hash);
                }
                Some(_) => return Err(Misbehaviour::OutOfTurn(message)),
                None => return Err(Misbehaviour::UnknownEntry),
            }
            self.settle(entry);
        }
        Ok(())
    }

    /// The next thing to tell: the offer, then more of what is the same. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Notice {
        loop {
            let Some(round) = &mut self.round else { return future::pending().await };
            if let Some(notice) = round.due() {
                return notice;
            }
            if !round.is_busy() {
                return future::pending().await;
            }
            let own = tokio::select! {
                own = next_own(&mut round.own) => own,
                () = sleep(TICK) => continue,
            };
            match own {
                Some((entry, own)) => {
                    round.note(entry, own);
                    self.settle(entry);
                }
                None => round.end_own(),
            }
        }
    }

    /// What is known to be the same, for an answer that has come.
    pub(super) fn end(self) -> SameFiles {
        self.round.map(|round| round.same_files).unwrap_or_default()
    }

    /// Holds the two hashes of a file against each other, if both are known.
    fn settle(&mut self, entry: u32) {
        let (Some(round), Some(theirs)) = (&mut self.round, self.theirs.get(&entry)) else { return };
        let is_same = match (theirs, round.open.get(&entry)) {
            (SenderHash::Unknown, _) => false,
            (SenderHash::Hash(theirs), Some(Some(own))) => own.hash == *theirs,
            _ => return,
        };
        if let Some(Some(own)) = round.open.remove(&entry).filter(|_| is_same) {
            round.here.add(&self.manifest, entry);
            round.same_files.add(entry, own.path, own.fingerprint);
            round.has_news = true;
        }
    }
}

impl ComparisonRound {
    fn begin(offer: Offer, candidates: Vec<(u32, PathBuf)>) -> Self {
        let open: HashMap<_, _> = candidates.iter().map(|(entry, _)| (*entry, None)).collect();
        let (results, own) = mpsc::channel(OWN_WAITING);
        let read = Arc::<AtomicU64>::default();
        if !candidates.is_empty() {
            let read = Arc::clone(&read);
            // Ends by itself once nobody takes its results.
            spawn_blocking(move || hash_own(candidates, &results, &read));
        }
        let now = Instant::now();
        Self {
            here: AlreadyHere::default(),
            same_files: SameFiles::new(offer.folder.clone().unwrap_or_default()),
            offer: Some(offer),
            open,
            own: Some(own),
            read,
            read_before: 0,
            begun: now,
            moved: now,
            told: now,
            has_news: false,
        }
    }

    /// What is to be told now.
    fn due(&mut self) -> Option<Notice> {
        let read = self.read.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.read_before, read) != read {
            self.moved = Instant::now();
        }
        let is_growing = !self.open.is_empty() && self.moved.elapsed() < PATIENCE;
        let is_due = match &self.offer {
            Some(_) => !is_growing || self.begun.elapsed() >= MOMENT,
            None => {
                is_growing != self.here.is_growing() || (self.has_news && self.told.elapsed() >= NEWS_EVERY)
            }
        };
        if !is_due {
            return None;
        }
        self.here = std::mem::take(&mut self.here).growing(is_growing);
        (self.has_news, self.told) = (false, Instant::now());
        let here = self.here.clone();
        Some(match self.offer.take() {
            Some(offer) => Notice::Offer(Arc::new(Offer { here, ..offer })),
            None => Notice::AlreadyHere(here),
        })
    }

    /// Whether there may be something to tell before the sender says more.
    fn is_busy(&self) -> bool {
        self.offer.is_some() || self.has_news || !self.open.is_empty()
    }

    fn note(&mut self, entry: u32, own: Option<OwnFile>) {
        self.moved = Instant::now();
        let Some(own) = own else {
            // It can't be read, or is being written to.
            self.open.remove(&entry);
            return;
        };
        if let Some(open) = self.open.get_mut(&entry) {
            *open = Some(own);
        }
    }

    /// This side has hashed what it could.
    fn end_own(&mut self) {
        self.own = None;
        self.open.retain(|_, own| own.is_some());
    }
}

/// Waits for the next hash of this side; `None` once, after the last.
async fn next_own(
    own: &mut Option<mpsc::Receiver<(u32, Option<OwnFile>)>>,
) -> Option<(u32, Option<OwnFile>)> {
    match own {
        Some(own) => own.recv().await,
        None => future::pending().await,
    }
}

/// Hashes files for as long as somebody takes the results. Blocks on the disk.
fn hash_own(files: Vec<(u32, PathBuf)>, results: &mpsc::Sender<(u32, Option<OwnFile>)>, read: &AtomicU64) {
    for (entry, path) in files {
        let found = hash_found(&path, |bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
            !results.is_closed()
        });
        let own = found.map(|(hash, fingerprint)| OwnFile { path, hash, fingerprint });
        if results.blocking_send((entry, own)).is_err() {
            return;
        }
    }
}
