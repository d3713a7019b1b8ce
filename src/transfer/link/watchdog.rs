//! Why nothing moves. Each side notes its own work that may take long ([`Activity`]). It tells the other side when that
//! work holds both up. Once nothing has been stored for a while, it tells its user what the transfer waits for
//! ([`Watchdog`]).
//!
//! The watchdog knows no socket, no file and no clock: the control channel asks it about once a second, and tells it the
//! time.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::activity::Activity;
use crate::{
    protocol::peer::Work,
    transfer::progress::{Connection, Phase, Progress, Route, Stall, WaitsFor},
};

/// How long nothing may be stored before the user is told what the transfer waits for: longer than the pauses that an
/// ordinary transfer has.
const STALL: Duration = Duration::from_secs(10);
/// How long nothing may be stored, and one piece of this side's work may last, before the other side is told of that work.
/// It is shorter than [`STALL`], so that the other side knows before it has to tell its own user.
const TELL: Duration = Duration::from_secs(5);

/// Finds out why a transfer doesn't move, from this side's work, from what the other side says, and from the progress.
#[derive(Debug)]
pub(crate) struct Watchdog {
    work: Arc<Activity>,
    /// The phase and the bytes that the transfer had reached at the last observation.
    seen: (Phase, u64),
    /// Since when the transfer has stood there.
    since: Instant,
    /// The work of this side that the other side was last told of.
    told: Option<Work>,
    /// The work that the other side last said it is doing.
    heard: Option<Work>,
    /// Whether the other side has ended some work since the last observation.
    has_ended_there: bool,
}

/// What the watchdog has found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    /// What the other side is to be told about this one.
    pub news: News,
    /// What this side's user is to be told, if the transfer has stalled.
    pub stall: Option<Stall>,
}

/// What has changed about this side's work that holds both sides up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing has changed.
    None,
    /// This side is busy with this work.
    Busy(Work),
    /// This side no longer holds the other one up.
    Free,
}

impl Watchdog {
    /// A watchdog for a side that notes its work in `work`.
    pub(crate) fn new(work: Arc<Activity>) -> Self {
        let (seen, since) = ((Phase::default(), 0), Instant::now());
        Self { work, seen, since, told: None, heard: None, has_ended_there: false }
    }

    /// Where this side notes work that may take long.
    pub(crate) fn work(&self) -> &Arc<Activity> {
        &self.work
    }

    /// Takes note of the work that the other side says it is doing; `None` means that it holds nothing up any more. Returns
    /// `false` if it repeats itself, which an honest peer doesn't: it speaks only when its work changes.
    pub(crate) fn hear(&mut self, work: Option<Work>) -> bool {
        let before = std::mem::replace(&mut self.heard, work);
        self.has_ended_there |= before.is_some() && before != work;
        before != work
    }

    /// Whether the other side says that its work holds both up.
    pub(crate) fn other_is_at_work(&self) -> bool {
        self.heard.is_some()
    }

    /// Finds out how the transfer stands. `hears` says whether the other side was heard a moment ago.
    pub(crate) fn observe(&mut self, progress: &Progress, hears: bool, now: Instant) -> Observation {
        let Progress { phase, bytes, connection, paused, disk_is_full, .. } = *progress;
        let has_a_name = connection != Connection::Up || paused.here || paused.there || disk_is_full;
        if has_a_name || (phase, bytes) != self.seen {
            (self.seen, self.since) = ((phase, bytes), now);
        }
        let reason = self.work.reason(TELL, now);
        // The work that held the transfer up is over, so what comes next gets its own time.
        let has_ended_here = self.told.is_some() && self.told != reason;
        if has_ended_here || std::mem::take(&mut self.has_ended_there) {
            self.since = now;
        }
        let still_for = now.duration_since(self.since);
        let ours = reason.filter(|_| still_for >= TELL);
        let news = match ours {
            _ if std::mem::replace(&mut self.told, ours) == ours => News::None,
            Some(work) => News::Busy(work),
            None => News::Free,
        };
        let waits_for = if still_for >= STALL { self.reason(ours, progress, hears) } else { None };
        Observation {
            news,
            stall: waits_for.map(|waits_for| Stall { waits_for, since: self.since.into_std() }),
        }
    }

    fn reason(&self, ours: Option<Work>, progress: &Progress, hears: bool) -> Option<WaitsFor> {
        let moves = matches!(progress.phase, Phase::OpeningLanes | Phase::Moving | Phase::Repairing);
        let has_lanes = progress.route != Route::Relay || self.work.has_lanes();
        match (ours, self.heard) {
            (Some(ours), _) => Some(WaitsFor::Here(ours)),
            (None, _) if !hears => Some(WaitsFor::OtherSide),
            (None, Some(theirs)) => Some(WaitsFor::There(theirs)),
            (None, None) if moves && !has_lanes => Some(WaitsFor::Relay),
            (None, None) if moves => Some(WaitsFor::Network),
            // In other phases, either a user decides and may take any time, or files are being put in place, which is one
            // side's work.
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::transfer::{link::activity::OpenLane, progress::Paused};

    /// A side whose bytes move over a lane.
    struct Side {
        dog: Watchdog,
        progress: Progress,
        hears: bool,
        _lane: OpenLane,
    }

    impl Side {
        fn new() -> Self {
            let work = Arc::<Activity>::default();
            let lane = work.open_lane();
            let progress = Progress { phase: Phase::Moving, bytes: 1, ..Progress::default() };
            Self { dog: Watchdog::new(work), progress, hears: true, _lane: lane }
        }

        fn observe(&mut self) -> Observation {
            self.dog.observe(&self.progress, self.hears, Instant::now())
        }

        async fn waits_after(&mut self, time: Duration) -> Option<WaitsFor> {
            self.observe();
            advance(time).await;
            self.observe().stall.map(|stall| stall.waits_for)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_seconds_without_a_byte_get_a_name_and_a_byte_ends_them() {
        let mut side = Side::new();
        let since = Instant::now();
        assert_eq!(side.waits_after(STALL.saturating_sub(Duration::from_millis(1))).await, None);
        advance(Duration::from_millis(1)).await;
        let stall = Stall { waits_for: WaitsFor::Network, since: since.into_std() };
        assert_eq!(side.observe().stall, Some(stall));
        side.progress.bytes += 1;
        assert_eq!(side.observe().stall, None);
        assert_eq!(side.waits_after(STALL).await, Some(WaitsFor::Network));
    }

    #[tokio::test(start_paused = true)]
    async fn long_work_is_reported_to_the_other_side_before_its_user_is_told() {
        let (mut here, mut there) = (Side::new(), Side::new());
        here.observe();
        there.observe();
        let storing = here.dog.work().begin(Work::Disk);
        advance(TELL).await;
        assert_eq!(here.observe(), Observation { news: News::Busy(Work::Disk), stall: None });
        assert_eq!(here.observe().news, News::None, "the same work is no news");
        assert!(there.dog.hear(Some(Work::Disk)));
        assert!(there.dog.other_is_at_work());
        advance(STALL.saturating_sub(TELL)).await;
        let told = [&mut here, &mut there].map(|side| side.observe().stall.unwrap().waits_for);
        assert_eq!(told, [WaitsFor::Here(Work::Disk), WaitsFor::There(Work::Disk)]);
        drop(storing);
        assert_eq!(here.observe(), Observation { news: News::Free, stall: None });
        assert!(there.dog.hear(None));
        assert_eq!(there.observe().stall, None, "what it waits for now has only begun");
        assert_eq!(there.waits_after(STALL).await, Some(WaitsFor::Network));
    }

    #[tokio::test(start_paused = true)]
    async fn many_short_pieces_of_work_are_no_reason() {
        let mut side = Side::new();
        side.observe();
        for _ in 0..20 {
            let _storing = side.dog.work().begin(Work::Disk);
            advance(STALL / 10).await;
        }
        assert_eq!(side.observe().stall.unwrap().waits_for, WaitsFor::Network);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_no_reason_while_bytes_are_lost_in_flight() {
        let mut side = Side::new();
        let _limited = side.dog.work().begin(Work::Limit);
        assert_eq!(side.waits_after(STALL).await, Some(WaitsFor::Here(Work::Limit)));
        side.dog.work().set_in_flight(true);
        assert_eq!(side.waits_after(STALL).await, Some(WaitsFor::Network));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_side_and_a_relay_without_lanes_are_told_from_the_network() {
        let mut side = Side::new();
        side.hears = false;
        assert_eq!(side.waits_after(STALL).await, Some(WaitsFor::OtherSide));
        let mut side = Side { dog: Watchdog::new(Arc::default()), ..Side::new() };
        assert_eq!(side.waits_after(STALL).await, Some(WaitsFor::Relay));
        side.progress.route = Route::Direct;
        assert_eq!(side.observe().stall.unwrap().waits_for, WaitsFor::Network);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_a_name_already_is_no_stall() {
        let changes: [fn(&mut Progress); 4] = [
            |progress| progress.paused = Paused { here: true, there: false },
            |progress| progress.disk_is_full = true,
            |progress| progress.connection = Connection::LookingForPeer,
            |progress| progress.phase = Phase::WaitingForAnswer,
        ];
        for change in changes {
            let mut side = Side::new();
            change(&mut side.progress);
            assert_eq!(side.waits_after(2 * STALL).await, None, "{:?}", side.progress);
        }
    }

    #[test]
    fn the_same_thing_is_not_said_twice() {
        let mut dog = Watchdog::new(Arc::default());
        assert!(!dog.hear(None));
        assert!(dog.hear(Some(Work::Disk)));
        assert!(dog.hear(Some(Work::Hashing)));
        assert!(!dog.hear(Some(Work::Hashing)));
    }
}
