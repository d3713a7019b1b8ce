//! Where the chunks for a croc come from: the files or the text of any send, with its limit on the speed and its pause. It also
//! computes the hashes that stand in croc's list.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::list::CrocListing;
use crate::{
    croc::{
        error::SourceFailed,
        feed::ChunkSource,
        hashes::{HashKind, Hasher},
    },
    protocol::{
        manifest::{Entry, Manifest},
        peer::Withdrawal,
    },
    sync::lock,
    transfer::{lanes::throttle::Throttle, source::outgoing::Content},
};

/// How much of a file is read at once for its hash.
const READ: usize = 1 << 20;

/// What is sent to a croc.
pub(super) struct CrocSource {
    pub(super) content: Content,
    /// For each entry of the list, that of the offer.
    pub(super) entries: Vec<u32>,
    pub(super) throttle: Arc<Throttle>,
    pub(super) pause: watch::Receiver<bool>,
    /// How many bytes of files the network has taken.
    pub(super) sent: AtomicU64,
    /// What could not be read: the entry, and why.
    pub(super) trouble: Mutex<Option<(u32, Withdrawal)>>,
}

impl ChunkSource for CrocSource {
    fn read(&self, index: usize, start: u64, bytes: &mut [u8]) -> Result<(), SourceFailed> {
        let entry = *self.entries.get(index).ok_or(SourceFailed)?;
        self.content.read(entry, start, bytes).map_err(|why| {
            lock(&self.trouble).get_or_insert((entry, why));
            SourceFailed
        })
    }

    async fn allow(&self, wanted: usize) -> usize {
        let mut pause = self.pause.clone();
        // Nobody can pause or resume any more only when the transfer is about to be cancelled.
        let _ = pause.wait_for(|is_paused| !is_paused).await;
        match self.throttle.turn() {
            Some(turn) => turn.take(wanted).await,
            None => wanted,
        }
    }

    fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    fn is_resting(&self) -> bool {
        *self.pause.borrow()
    }
}

/// Hashes every file of a list. Files that can't be read as they were offered are taken out of the list and returned, each with the
/// reason. `None` once `stop` is cancelled. Blocks on the disk.
pub(super) fn hash_all(
    mut listing: CrocListing,
    manifest: &Manifest,
    content: &Content,
    stop: &CancellationToken,
) -> Option<(CrocListing, Vec<(u32, Withdrawal)>)> {
    let (mut kept, mut entries, mut withdrawn) = (Vec::new(), Vec::new(), Vec::new());
    let mut buffer = vec![0; READ];
    for (mut listed, index) in listing.list.entries.drain(..).zip(listing.entries.drain(..)) {
        if listed.target.is_none() {
            let size = manifest.entries().get(index as usize).map_or(0, Entry::size);
            match hash(content, index, size, &mut buffer, stop)? {
                Ok(hash) => listed.hash = hash,
                Err(why) => {
                    withdrawn.push((index, why));
                    continue;
                }
            }
        }
        kept.push(listed);
        entries.push(index);
    }
    (listing.list.entries, listing.entries) = (kept, entries);
    Some((listing, withdrawn))
}

fn hash(
    content: &Content,
    entry: u32,
    size: u64,
    buffer: &mut [u8],
    stop: &CancellationToken,
) -> Option<Result<Vec<u8>, Withdrawal>> {
    let mut hasher = Hasher::new(HashKind::Xxhash)?;
    let mut start = 0;
    loop {
        if stop.is_cancelled() {
            return None;
        }
        let length = usize::try_from(size - start).unwrap_or(usize::MAX).min(buffer.len());
        let part = &mut buffer[..length];
        // An empty file is looked at as well, because it may no longer be empty.
        if let Err(why) = content.read(entry, start, part) {
            return Some(Err(why));
        }
        hasher.update(part);
        start += length as u64;
        if start == size {
            return Some(Ok(hasher.finish()));
        }
    }
}
