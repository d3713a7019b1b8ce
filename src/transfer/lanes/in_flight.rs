//! How fast a lane delivers blocks, and from that how many it may have in flight. Pure.
//!
//! A lane's clock runs only while something is in flight, so a time without work leaves its measured speed as it was. The
//! clock goes on while nothing arrives, so a lane that is stuck becomes slow.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The smallest in-flight limit of a lane, in blocks, unless the transfer is near its end: while one block arrives, the
/// next one is already in flight.
const MIN_BLOCKS: usize = 2;
/// The in-flight limit of a new lane, in blocks, until its first block is stored and its speed is known: enough to begin
/// with, and few enough that a slow lane doesn't hold many back.
const INITIAL_BLOCKS: usize = 4;
/// The in-flight limit as a multiple of the lane's bandwidth-delay product. It lets the lane become faster until the
/// network is full, and then take over what other lanes lose.
const GAIN: f64 = 3.0;
/// The in-flight limit as a multiple of the lane's bandwidth-delay product, when little is left to send: enough to keep the
/// lane's connection full, and no more than that.
const END_GAIN: f64 = 2.0;
/// How long a stored block waits on average before it is reported to the sender, because receivers report in batches. It is
/// added to the time that the quickest block took, because that one was reported with the shortest wait.
const REPORT_DELAY: Duration = Duration::from_millis(50);
/// A lane's speed is measured over at least this many of the last blocks, so that a single late block counts for little.
const RATE_BLOCKS: usize = 4;
/// A lane's speed is measured over all blocks of this last stretch of its clock, if those are more than [`RATE_BLOCKS`]: on
/// a fast lane many blocks are reported at once, and a few of them would be no measure.
const RATE_WINDOW: Duration = Duration::from_millis(300);

/// The blocks that one lane has in flight, the speed at which it delivers them, and the limit that follows from it.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// Blocks in flight.
    out: usize,
    /// How far the lane's clock had come when it last stopped.
    busy: Duration,
    /// When the lane's clock last started; `None` while nothing is in flight.
    busy_since: Option<Instant>,
    /// The lane's clock at each of the last arrivals. The first entry is where the measurement begins: the arrival before
    /// those, or the lane's start.
    arrivals: VecDeque<Duration>,
    /// The shortest known time from a block's leaving to the report that it is stored.
    quickest: Option<Duration>,
}

impl InFlight {
    /// Counts one more block in flight.
    pub(super) fn on_sent(&mut self, now: Instant) {
        self.out += 1;
        self.busy_since.get_or_insert(now);
        if self.arrivals.is_empty() {
            self.arrivals.push_back(self.busy);
        }
    }

    /// Counts a block as stored. `took` is the time since it left, where that is known.
    pub(super) fn on_stored(&mut self, took: Option<Duration>, now: Instant) {
        self.on_lost(now);
        let clock = self.clock(now);
        self.arrivals.push_back(clock);
        while self.arrivals.len() > RATE_BLOCKS + 1 && clock.saturating_sub(self.arrivals[1]) > RATE_WINDOW {
            self.arrivals.pop_front();
        }
        self.quickest = self.quickest.into_iter().chain(took).min();
    }

    /// Counts a block as no longer in flight over this lane, because it goes over another one.
    pub(super) fn on_lost(&mut self, now: Instant) {
        self.out -= 1;
        if self.out == 0
            && let Some(since) = self.busy_since.take()
        {
            self.busy += now - since;
        }
    }

    /// Whether one more block may be in flight. Fewer may be when the transfer is near its end.
    pub(super) fn has_room(&self, is_near_end: bool, now: Instant) -> bool {
        let Some(quickest) = self.quickest else { return self.out < INITIAL_BLOCKS };
        let (least, gain) = if is_near_end { (1, END_GAIN) } else { (MIN_BLOCKS, GAIN) };
        let useful = gain * self.blocks_per_sec(now) * (quickest + REPORT_DELAY).as_secs_f64();
        self.out < least.max(useful as usize)
    }

    /// The lane's speed in blocks a second. Before the first block has arrived, the most that it can still turn out to be.
    pub(super) fn blocks_per_sec(&self, now: Instant) -> f64 {
        // At least one, so that a lane whose first block is still in flight doesn't count as having no speed at all.
        let blocks = self.arrivals.len().saturating_sub(1).max(1) as f64;
        let since = self.arrivals.front().copied().unwrap_or_default();
        blocks / self.clock(now).saturating_sub(since).max(REPORT_DELAY).as_secs_f64()
    }

    /// Whether nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.out == 0
    }

    /// The seconds until the lane has delivered everything that it has in flight, at its present speed.
    pub(super) fn all(&self, now: Instant) -> f64 {
        self.out as f64 / self.blocks_per_sec(now)
    }

    /// The seconds until the lane would have delivered one more block after everything that it has in flight.
    pub(super) fn secs_for_one_more(&self, now: Instant) -> f64 {
        (self.out + 1) as f64 / self.blocks_per_sec(now)
    }

    /// How long something has been in flight, in all.
    fn clock(&self, now: Instant) -> Duration {
        self.busy + self.busy_since.map_or(Duration::ZERO, |since| now - since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lane after ten seconds of work. A block takes a fifth of a second, and no more than `per_second` arrive in a
    /// second.
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

    /// Catches a lane that fills a relay's buffers with blocks which other lanes could have delivered long ago.
    #[test]
    fn a_lane_has_a_few_times_its_bandwidth_delay_product_in_flight() {
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
