//! How fast a lane gets rid of blocks, and so how many it may have on its way. Pure.
//!
//! Its clock runs only while something is on its way, so what it could do is known however long it had nothing to do; and it
//! runs on while nothing arrives, so a lane that is stuck becomes slow.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Blocks that any lane may have on its way.
const MIN_BLOCKS: usize = 2;
/// The same at its start, when nothing is known of it.
const INITIAL_BLOCKS: usize = 4;
/// It may have so many times as much on its way as the empty way holds: enough to become faster and faster until the network
/// is full, and to take over what other lanes lose when it is.
const GAIN: f64 = 3.0;
/// The same when little is left: what is enough to keep the way full.
const END_GAIN: f64 = 2.0;
/// What it takes on average until a stored block is told of, beside the way: the quickest one had luck.
const REPORT_DELAY: Duration = Duration::from_millis(50);
/// The speed is that of the last so many blocks,
const RATE_BLOCKS: usize = 4;
/// or of all that came so lately.
const RATE_WINDOW: Duration = Duration::from_millis(300);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    out: usize,
    /// The lane's clock up to when it last had nothing to do or began to.
    busy: Duration,
    busy_since: Option<Instant>,
    /// Its clock at the last arrivals, behind that of the one before, or of the start.
    arrivals: VecDeque<Duration>,
    /// The least time from leaving to being stored, as far as it is known.
    quickest: Option<Duration>,
}

impl InFlight {
    /// One more is on its way.
    pub(super) fn on_sent(&mut self, now: Instant) {
        self.out += 1;
        self.busy_since.get_or_insert(now);
        if self.arrivals.is_empty() {
            self.arrivals.push_back(self.busy);
        }
    }

    /// One has arrived, so long after it left, if that is known.
    pub(super) fn on_stored(&mut self, took: Option<Duration>, now: Instant) {
        self.on_lost(now);
        let clock = self.clock(now);
        self.arrivals.push_back(clock);
        while self.arrivals.len() > RATE_BLOCKS + 1 && clock.saturating_sub(self.arrivals[1]) > RATE_WINDOW {
            self.arrivals.pop_front();
        }
        self.quickest = self.quickest.into_iter().chain(took).min();
    }

    /// One goes over another lane.
    pub(super) fn on_lost(&mut self, now: Instant) {
        self.out -= 1;
        if self.out == 0
            && let Some(since) = self.busy_since.take()
        {
            self.busy += now - since;
        }
    }

    /// Whether one more may be on its way; fewer when little is left.
    pub(super) fn has_room(&self, is_near_end: bool, now: Instant) -> bool {
        let Some(quickest) = self.quickest else { return self.out < INITIAL_BLOCKS };
        let (least, gain) = if is_near_end { (1, END_GAIN) } else { (MIN_BLOCKS, GAIN) };
        let useful = gain * self.blocks_per_sec(now) * (quickest + REPORT_DELAY).as_secs_f64();
        self.out < least.max(useful as usize)
    }

    /// Blocks a second; of a lane over which none has arrived yet, what it can be at most.
    pub(super) fn blocks_per_sec(&self, now: Instant) -> f64 {
        // The first one hasn't to be told of for the speed to be more than none.
        let blocks = self.arrivals.len().saturating_sub(1).max(1) as f64;
        let since = self.arrivals.front().copied().unwrap_or_default();
        blocks / self.clock(now).saturating_sub(since).max(REPORT_DELAY).as_secs_f64()
    }

    /// Whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.out == 0
    }

    /// When it will have brought all that is on its way, in seconds from now.
    pub(super) fn all(&self, now: Instant) -> f64 {
        self.out as f64 / self.blocks_per_sec(now)
    }

    /// When it would have brought one more, in seconds from now.
    pub(super) fn secs_for_one_more(&self, now: Instant) -> f64 {
        (self.out + 1) as f64 / self.blocks_per_sec(now)
    }

    fn clock(&self, now: Instant) -> Duration {
        self.busy + self.busy_since.map_or(Duration::ZERO, |since| now - since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane whose way takes a fifth of a second, so many blocks a second at most; after ten seconds.
    fn in_flight(per_second: u32) -> (InFlight, Instant) {
        let (mut in_flight, mut now) = (InFlight::default(), Instant::now());
        let mut on_their_way = VecDeque::new();
        let mut last = now;
        for _ in 0..10_000 {
            now += Duration::from_millis(1);
            while in_flight.has_room(false, now) {
                in_flight.on_sent(now);
                last = last.max(now) + Duration::from_secs(1) / per_second;
                on_their_way.push_back((now, last + Duration::from_millis(200)));
            }
            while let Some((left, on_stored)) = on_their_way.front().copied().filter(|(_, at)| *at <= now) {
                on_their_way.pop_front();
                in_flight.on_stored(Some(on_stored - left), now);
            }
        }
        (in_flight, now)
    }

    /// Catches a lane that fills a relay's buffers with what others could have brought long ago.
    #[test]
    fn a_lane_has_a_few_times_as_much_on_its_way_as_the_way_holds() {
        for (per_second, least, most) in [(1, 2, 4), (5, 3, 7), (20, 10, 20), (100, 60, 80), (1000, 600, 800)]
        {
            let (in_flight, now) = in_flight(per_second);
            let blocks_per_sec = in_flight.blocks_per_sec(now) / f64::from(per_second);
            assert!((0.8..1.2).contains(&blocks_per_sec), "{per_second}: {blocks_per_sec}");
            assert!((least..=most).contains(&in_flight.out), "{per_second}: {}", in_flight.out);
        }
    }

    #[test]
    fn a_lane_that_is_stuck_becomes_slow_and_one_without_work_does_not() {
        let (mut in_flight, now) = in_flight(10);
        assert!(in_flight.blocks_per_sec(now + Duration::from_secs(10)) < 1.0);
        while in_flight.out > 0 {
            in_flight.on_stored(None, now);
        }
        let blocks_per_sec = in_flight.blocks_per_sec(now);
        let later = in_flight.blocks_per_sec(now + Duration::from_secs(10));
        assert!(blocks_per_sec >= 9.0 && later >= blocks_per_sec, "{blocks_per_sec}, {later}");
    }
}
