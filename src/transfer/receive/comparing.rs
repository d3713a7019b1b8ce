//! Finds out, while the user reads the offer, which of its files the folder already has
//! ([`crate::transfer::sink::same`]): asks the sender for their hashes, takes this side's at the same time, and reports
//! which are the same as that becomes known.
//!
//! The answer need not wait for this: it gets what is known by then. A user who wants to wait is told when there is
//! nothing left to wait for: everything is known, or nothing has moved for a while.

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

/// How long an offer is held back for a comparison that may be over in a moment. An offer that changes while it is read
/// is irritating, and a longer delay would be noticed.
const MOMENT: Duration = Duration::from_millis(300);
/// How long to wait after one report of files that are the same before the next one: a list that changes faster can't
/// be read.
const NEWS_EVERY: Duration = Duration::from_millis(250);
/// How often to check whether there is something to report, which is how late a report may be.
const TICK: Duration = Duration::from_millis(25);
/// How long a comparison may go without progress on either side until the user need not wait for it any more. A sender
/// that is reading gives a sign far more often.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most files in one question, so that the message stays within
/// [`MAX_CONTROL`](crate::protocol::peer::MAX_CONTROL).
const ASKED_AT_ONCE: usize = 4096;
/// The most hashes of this side that may wait to be taken. It bounds the memory for them: hashing pauses while there
/// are more.
const OWN_WAITING: usize = 256;

/// The comparison of one offer with one folder after another, as the user chooses them.
pub(super) struct Comparing {
    manifest: Arc<Manifest>,
    /// What the sender has said about every file that it was asked about, for this folder or an earlier one.
    theirs: HashMap<u32, SenderHash>,
    round: Option<ComparisonRound>,
}

/// What the sender has said about a file.
#[derive(Clone, Copy)]
enum SenderHash {
    /// The sender was asked and has not answered.
    Asked,
    /// The sender can't read the file, or it has changed.
    Unknown,
    /// The file's hash.
    Hash(FileHash),
}

/// A file as it is on this side.
struct OwnFile {
    path: PathBuf,
    hash: FileHash,
    fingerprint: Fingerprint,
}

/// The comparison of the offer with one folder.
struct ComparisonRound {
    /// The offer until it is reported.
    offer: Option<Offer>,
    /// The files that are the same, as they were reported last or will be next.
    here: AlreadyHere,
    same_files: SameFiles,
    /// Files that are not settled, with this side's hash once it is known.
    open: HashMap<u32, Option<OwnFile>>,
    own: Option<mpsc::Receiver<(u32, Option<OwnFile>)>>,
    /// How many bytes this side has read.
    read: Arc<AtomicU64>,
    /// The value of `read` at the last check.
    read_before: u64,
    begun: Instant,
    /// When either side last made progress.
    moved: Instant,
    /// When something was last reported.
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

    /// Begins to compare an offer with a folder, given the files that have the same name and size there. The offer is
    /// reported by [`Comparing::next`]. An earlier folder is forgotten.
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

    /// Takes in what the sender says about files that it was asked about. `message` is the name of its message, for an
    /// error.
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

    /// The next notice to report: the offer, then more files that are the same. Never returns if there is nothing to
    /// report. Safe to drop and call again.
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

    /// Ends the comparison for an answer that has come, and returns the files that are known to be the same.
    pub(super) fn end(self) -> SameFiles {
        self.round.map(|round| round.same_files).unwrap_or_default()
    }

    /// Compares the two hashes of a file, if both are known.
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
            // This ends by itself once its results are no longer received.
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

    /// The notice that is due now, if there is one.
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

    /// Whether there may be something to report before the sender says more.
    fn is_busy(&self) -> bool {
        self.offer.is_some() || self.has_news || !self.open.is_empty()
    }

    fn note(&mut self, entry: u32, own: Option<OwnFile>) {
        self.moved = Instant::now();
        let Some(own) = own else {
            // The file can't be read, or changed while it was read.
            self.open.remove(&entry);
            return;
        };
        if let Some(open) = self.open.get_mut(&entry) {
            *open = Some(own);
        }
    }

    /// Notes that this side has hashed every file that it could.
    fn end_own(&mut self) {
        self.own = None;
        self.open.retain(|_, own| own.is_some());
    }
}

/// Waits for the next hash of this side; returns `None` after the last. Never returns if hashing is over.
async fn next_own(
    own: &mut Option<mpsc::Receiver<(u32, Option<OwnFile>)>>,
) -> Option<(u32, Option<OwnFile>)> {
    match own {
        Some(own) => own.recv().await,
        None => future::pending().await,
    }
}

/// Hashes files for as long as the results are received. Blocks on the disk.
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
