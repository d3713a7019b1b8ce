//! Why nothing moves. Each side notes what its own work waits for ([`Activity`]), tells the other when that is what holds
//! both up, and says to its person what a transfer waits for once nothing has been stored for a while ([`Watchdog`]).
//!
//! It knows no socket, no file and no clock: the control channel asks it about once a second, and tells it the time.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::activity::Activity;
use crate::{
    protocol::peer::Work,
    transfer::progress::{Connection, Phase, Progress, Stall, WaitsFor},
};

/// So long without a stored byte, and a person is told why.
const STALL: Duration = Duration::from_secs(10);
/// So long without a stored byte and in the same piece of work, and the other side is told of it, so that it knows before it
/// has to say something to its own person.
const TELL: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Watchdog {
    work: Arc<Activity>,
    /// How far the transfer was, and since when.
    seen: (Phase, u64),
    since: Instant,
    /// What the other side was told that this one is doing.
    told: Option<Work>,
    /// What the other side says that it is doing.
    heard: Option<Work>,
    /// The other side has ended what it was doing since the last look.
    has_ended_there: bool,
}

/// What came of a look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    /// What the other side is to be told of this one.
    pub news: News,
    /// What the user of this side is to know.
    pub stall: Option<Stall>,
}

/// What has changed about the work that holds both sides up, as far as this side does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// This side is at this work.
    Busy(Work),
    /// This side holds nothing up any more.
    Free,
}

impl Watchdog {
    /// Over what is done at `work`.
    pub(crate) fn new(work: Arc<Activity>) -> Self {
        let (seen, since) = ((Phase::default(), 0), Instant::now());
        Self { work, seen, since, told: None, heard: None, has_ended_there: false }
    }

    /// What the watchdog watches over.
    pub(crate) fn work(&self) -> &Arc<Activity> {
        &self.work
    }

    /// The other side says what it is doing. `false` if it says again what it said before: it speaks only when that changes.
    pub(crate) fn hear(&mut self, work: Option<Work>) -> bool {
        let before = std::mem::replace(&mut self.heard, work);
        self.has_ended_there |= before.is_some() && before != work;
        before != work
    }

    /// Whether the other side says that it is what things wait for.
    pub(crate) fn other_is_at_work(&self) -> bool {
        self.heard.is_some()
    }

    /// Looks how it stands. `hears`: the other side was heard a moment ago.
    pub(crate) fn observe(&mut self, progress: &Progress, hears: bool, now: Instant) -> Observation {
        let Progress { phase, bytes, connection, paused, disk_is_full, .. } = *progress;
        let has_a_name = connection != Connection::Up || paused.here || paused.there || disk_is_full;
        if has_a_name || (phase, bytes) != self.seen {
            (self.seen, self.since) = ((phase, bytes), now);
        }
        let reason = self.work.reason(TELL, now);
        // What held it up is over, so what comes next gets its own time.
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
        let has_lanes = progress.is_direct || self.work.has_lanes();
        match (ours, self.heard) {
            (Some(ours), _) => Some(WaitsFor::Here(ours)),
            (None, _) if !hears => Some(WaitsFor::OtherSide),
            (None, Some(theirs)) => Some(WaitsFor::There(theirs)),
            (None, None) if moves && !has_lanes => Some(WaitsFor::Relay),
            (None, None) if moves => Some(WaitsFor::Network),
            // A person may take their time, and what is put in place is work on one of the sides.
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
    async fn a_piece_of_work_that_lasts_is_told_to_the_other_side_before_its_person_asks() {
        let (mut here, mut there) = (Side::new(), Side::new());
        here.observe();
        there.observe();
        let storing = here.dog.work().begin(Work::Disk);
        advance(TELL).await;
        assert_eq!(here.observe(), Observation { news: News::Busy(Work::Disk), stall: None });
        assert_eq!(here.observe().news, News::None, "it is no news any more");
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
    async fn a_limit_is_no_reason_while_bytes_are_lost_on_their_way() {
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
        side.progress.is_direct = true;
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
