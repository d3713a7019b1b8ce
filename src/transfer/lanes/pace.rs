//! How fast a lane gets rid of blocks, and so how many it may have on its way. Pure.
//!
//! Its clock runs only while something is on its way, so what it could do is known however long it had nothing to do; and it
//! runs on while nothing arrives, so a lane that is stuck becomes slow.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Blocks that any lane may have on its way.
const LEAST_OUT: usize = 2;
/// The same at its start, when nothing is known of it.
const FIRST_OUT: usize = 4;
/// It may have so many times as much on its way as the empty way holds: enough to become faster and faster until the network
/// is full, and to take over what other lanes lose when it is.
const GAIN: f64 = 3.0;
/// The same when little is left: what is enough to keep the way full.
const LAST_GAIN: f64 = 2.0;
/// What it takes on average until a stored block is told of, beside the way: the quickest one had luck.
const TELLING: Duration = Duration::from_millis(50);
/// The speed is that of the last so many blocks,
const LAST: usize = 4;
/// or of all that came so lately.
const OF_LATE: Duration = Duration::from_millis(300);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    out: usize,
    /// The lane's clock up to when it last had nothing to do or began to.
    busy: Duration,
    busy_since: Option<Instant>,
    /// Its clock at the last arrivals, behind that of the one before, or of the start.
    arrivals: VecDeque<Duration>,
    /// The least time from leaving to being stored, as far as it is known.
    quickest: Option<Duration>,
}

impl Pace {
    /// One more is on its way.
    pub(super) fn goes_out(&mut self, now: Instant) {
        self.out += 1;
        self.busy_since.get_or_insert(now);
        if self.arrivals.is_empty() {
            self.arrivals.push_back(self.busy);
        }
    }

    /// One has arrived, so long after it left, if that is known.
    pub(super) fn arrives(&mut self, took: Option<Duration>, now: Instant) {
        self.is_gone(now);
        let clock = self.clock(now);
        self.arrivals.push_back(clock);
        while self.arrivals.len() > LAST + 1 && clock.saturating_sub(self.arrivals[1]) > OF_LATE {
            self.arrivals.pop_front();
        }
        self.quickest = self.quickest.into_iter().chain(took).min();
    }

    /// One goes over another lane.
    pub(super) fn is_gone(&mut self, now: Instant) {
        self.out -= 1;
        if self.out == 0
            && let Some(since) = self.busy_since.take()
        {
            self.busy += now - since;
        }
    }

    /// Whether one more may be on its way; fewer when little is left.
    pub(super) fn has_room(&self, is_near_end: bool, now: Instant) -> bool {
        let Some(quickest) = self.quickest else { return self.out < FIRST_OUT };
        let (least, gain) = if is_near_end { (1, LAST_GAIN) } else { (LEAST_OUT, GAIN) };
        let useful = gain * self.speed(now) * (quickest + TELLING).as_secs_f64();
        self.out < least.max(useful as usize)
    }

    /// Blocks a second; of a lane over which none has arrived yet, what it can be at most.
    pub(super) fn speed(&self, now: Instant) -> f64 {
        // The first one hasn't to be told of for the speed to be more than none.
        let blocks = self.arrivals.len().saturating_sub(1).max(1) as f64;
        let since = self.arrivals.front().copied().unwrap_or_default();
        blocks / self.clock(now).saturating_sub(since).max(TELLING).as_secs_f64()
    }

    /// Whether nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.out == 0
    }

    /// When it will have brought all that is on its way, in seconds from now.
    pub(super) fn all(&self, now: Instant) -> f64 {
        self.out as f64 / self.speed(now)
    }

    /// When it would have brought one more, in seconds from now.
    pub(super) fn one_more(&self, now: Instant) -> f64 {
        (self.out + 1) as f64 / self.speed(now)
    }

    fn clock(&self, now: Instant) -> Duration {
        self.busy + self.busy_since.map_or(Duration::ZERO, |since| now - since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane whose way takes a fifth of a second, so many blocks a second at most; after ten seconds.
    fn pace(per_second: u32) -> (Pace, Instant) {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let mut on_their_way = VecDeque::new();
        let mut last = now;
        for _ in 0..10_000 {
            now += Duration::from_millis(1);
            while pace.has_room(false, now) {
                pace.goes_out(now);
                last = last.max(now) + Duration::from_secs(1) / per_second;
                on_their_way.push_back((now, last + Duration::from_millis(200)));
            }
            while let Some((left, arrives)) = on_their_way.front().copied().filter(|(_, at)| *at <= now) {
                on_their_way.pop_front();
                pace.arrives(Some(arrives - left), now);
            }
        }
        (pace, now)
    }

    /// Catches a lane that fills a relay's buffers with what others could have brought long ago.
    #[test]
    fn a_lane_has_a_few_times_as_much_on_its_way_as_the_way_holds() {
        for (per_second, least, most) in [(1, 2, 4), (5, 3, 7), (20, 10, 20), (100, 60, 80), (1000, 600, 800)]
        {
            let (pace, now) = pace(per_second);
            let speed = pace.speed(now) / f64::from(per_second);
            assert!((0.8..1.2).contains(&speed), "{per_second}: {speed}");
            assert!((least..=most).contains(&pace.out), "{per_second}: {}", pace.out);
        }
    }

    #[test]
    fn a_lane_that_is_stuck_becomes_slow_and_one_without_work_does_not() {
        let (mut pace, now) = pace(10);
        assert!(pace.speed(now + Duration::from_secs(10)) < 1.0);
        while pace.out > 0 {
            pace.arrives(None, now);
        }
        let speed = pace.speed(now);
        let later = pace.speed(now + Duration::from_secs(10));
        assert!(speed >= 9.0 && later >= speed, "{speed}, {later}");
    }
}
