//! What a side is doing that may take long: work for disks and other programs, hashing, waiting for a speed limit.
//! [`super::watchdog`] asks for it when nothing moves.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{protocol::peer::Work, sync::lock};

/// The work that this side is doing at the moment and that may take long. Lanes, hashing and storing note it here.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    pieces: Mutex<Pieces>,
    /// Lanes that are open.
    lanes: AtomicUsize,
    /// Whether bytes have been in flight for a long time.
    is_in_flight: AtomicBool,
}

#[derive(Debug, Default)]
struct Pieces {
    next: u64,
    begun: BTreeMap<u64, (Work, Instant)>,
}

/// A piece of work that is being done, until this is dropped.
#[derive(Debug)]
pub(crate) struct ActivityGuard {
    activity: Arc<Activity>,
    piece: u64,
}

/// A lane that counts as open, until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenLane(Arc<Activity>);

impl Activity {
    /// Notes that a piece of work begins. It lasts until the result is dropped.
    pub(crate) fn begin(self: &Arc<Self>, work: Work) -> ActivityGuard {
        let mut pieces = self.lock();
        let piece = pieces.next;
        pieces.next += 1;
        pieces.begun.insert(piece, (work, Instant::now()));
        ActivityGuard { activity: Arc::clone(self), piece }
    }

    /// Counts one more open lane, until the result is dropped.
    pub(crate) fn open_lane(self: &Arc<Self>) -> OpenLane {
        self.lanes.fetch_add(1, Ordering::Relaxed);
        OpenLane(Arc::clone(self))
    }

    /// Notes whether bytes have been in flight for a long time.
    pub(crate) fn set_in_flight(&self, is_in_flight: bool) {
        self.is_in_flight.store(is_in_flight, Ordering::Relaxed);
    }

    /// The work that is the reason why nothing moves, if there is any: one piece of it has lasted for `limit` or longer.
    pub(super) fn reason(&self, limit: Duration, now: Instant) -> Option<Work> {
        let pieces = self.lock();
        let lasts = |work| {
            pieces.begun.values().any(|(other, begun)| *other == work && now.duration_since(*begun) >= limit)
        };
        // The speed limit does not hold up bytes that left long ago.
        let is_in_flight = self.is_in_flight.load(Ordering::Relaxed);
        let is_reason = |work: &Work| lasts(*work) && !(*work == Work::Limit && is_in_flight);
        [Work::Disk, Work::Input, Work::Output, Work::Hashing, Work::Limit].into_iter().find(is_reason)
    }

    /// Whether any lane is open.
    pub(super) fn has_lanes(&self) -> bool {
        self.lanes.load(Ordering::Relaxed) > 0
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        lock(&self.pieces)
    }
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        self.activity.lock().begun.remove(&self.piece);
    }
}

impl Drop for OpenLane {
    fn drop(&mut self) {
        self.0.lanes.fetch_sub(1, Ordering::Relaxed);
    }
}
