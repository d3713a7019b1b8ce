//! How many lanes help: a hill that is climbed by measuring. Pure; the fleet opens and closes what comes of it.
//!
//! Where loss or a long way holds each lane back for itself, twice as many bring about twice as much. Where the network, a
//! disk or a processor is what is full, more bring nothing and are closed again, and it is long until more are tried.

use std::{ops::RangeInclusive, time::Duration};

use tokio::time::Instant;

/// Nothing is measured for so long after the number has changed: new lanes have to find their speed.
const SETTLE_TIME: Duration = Duration::from_millis(1500);
/// A measurement has two halves, each of which takes at least so long,
const MIN_HALF: Duration = Duration::from_millis(800);
/// until so much has come, because it comes in blocks and begins and ends with one,
const MIN_BLOCKS: u64 = 8;
/// and at most so long.
const MAX_HALF: Duration = Duration::from_secs(8);
/// Before more are tried, the second half has to be within these parts of the first. What is still rising is nothing to
/// compare with; nor is what falls because it began faster than loss allows.
const STEADY: RangeInclusive<f64> = 0.7..=1.15;
/// There has to be enough left for so long: a try that brings nothing costs about a second, and the last blocks are no
/// measure.
const MIN_TIME_LEFT: Duration = Duration::from_secs(4);
/// The part that more lanes have to bring of what they would if each brought as much as those before. Not all of it, because a
/// few may be enough to fill what was left of the network; more than what they take away from other traffic.
const MIN_GAIN: f64 = 0.15;
/// Where they bring so much of it, still more are tried at once.
const CLEAR_GAIN: f64 = 0.6;
/// The part of a limit on the speed from which on nothing but the limit holds a transfer back.
const LIMIT_SHARE: f64 = 0.9;
/// The pause before more are tried again when they have brought nothing, doubled each time.
const FIRST_REST: Duration = Duration::from_secs(10);
/// Those that have brought nothing go one by one, so far apart: the others have to take over what they had.
const CLOSE_INTERVAL: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(crate) struct LaneCount {
    lanes: u16,
    most: u16,
    block_bytes: u64,
    /// A person's limit, in bytes a second.
    limit: Option<u64>,
    /// While some go: how many stay, and when the next one goes.
    staying: Option<(u16, Instant)>,
    /// While more are tried: how many there were before, and what they brought in bytes a second.
    fewer: Option<(u16, f64)>,
    measuring: Option<Measuring>,
    /// What had arrived when it was looked at last.
    seen: u64,
    rest: Duration,
    rests_until: Option<Instant>,
}

#[derive(Debug)]
struct Measuring {
    from: Instant,
    /// What had arrived then, once that is past.
    before: Option<u64>,
    first_half: Option<f64>,
}

impl LaneCount {
    /// Begins with `first` lanes, and ends at `most`, or where a limit in bytes a second is reached.
    pub(crate) fn new(first: u16, most: u16, block_bytes: u32, limit: Option<u64>) -> Self {
        Self {
            lanes: first.min(most),
            most,
            block_bytes: block_bytes.into(),
            limit,
            staying: None,
            fewer: None,
            measuring: None,
            seen: 0,
            rest: FIRST_REST,
            rests_until: None,
        }
    }

    /// Something that has nothing to do with the number of lanes decides how much arrives.
    pub(crate) fn interrupt(&mut self) {
        self.measuring = None;
    }

    /// How many lanes are wanted, now that so many bytes have arrived in all, and so many are left.
    pub(crate) fn observe(&mut self, arrived: u64, left: u64, now: Instant) -> u16 {
        if let Some((staying, at)) = self.staying.filter(|(_, at)| now >= *at) {
            self.lanes -= 1;
            self.staying = (self.lanes > staying).then_some((staying, at + CLOSE_INTERVAL));
        }
        let is_resting = self.rests_until.is_some_and(|until| now < until);
        // The last step is measured like all others: it may have to be taken back.
        if self.fewer.is_none() && (is_resting || self.lanes == self.most) {
            return self.lanes;
        }
        if let Some(halves) = self.measure(arrived, now) {
            self.step(halves, left as f64, now);
        }
        self.lanes
    }

    /// Bytes a second in both halves, once they are known.
    fn measure(&mut self, arrived: u64, now: Instant) -> Option<[f64; 2]> {
        let new = || Measuring { from: now + SETTLE_TIME, before: None, first_half: None };
        let measuring = self.measuring.get_or_insert_with(new);
        let time = now.checked_duration_since(measuring.from)?;
        let has_come = std::mem::replace(&mut self.seen, arrived) != arrived;
        if !has_come && time < MAX_HALF {
            return None;
        }
        let Some(before) = measuring.before else {
            (measuring.from, measuring.before) = (now, Some(arrived));
            return None;
        };
        // The end of a stream may make it a little less.
        let bytes = arrived.saturating_sub(before);
        let is_enough = time >= MIN_HALF && bytes >= MIN_BLOCKS * self.block_bytes;
        if !is_enough && time < MAX_HALF {
            return None;
        }
        let rate = bytes as f64 / time.as_secs_f64();
        // Unless the number changes, this half is the next measurement's first.
        let first = measuring.first_half.replace(rate);
        (measuring.from, measuring.before) = (now, Some(arrived));
        first.map(|first| [first, rate])
    }

    fn step(&mut self, halves: [f64; 2], left: f64, now: Instant) {
        let rate = f64::midpoint(halves[0], halves[1]);
        let is_near_end = left < rate * MIN_TIME_LEFT.as_secs_f64();
        let is_at_limit = self.limit.is_some_and(|limit| rate >= limit as f64 * LIMIT_SHARE);
        if is_near_end {
            return;
        }
        let mut may_grow = STEADY.contains(&(halves[1] / halves[0]));
        if let Some((fewer, before)) = self.fewer.take() {
            let growth = f64::from(self.lanes) / f64::from(fewer) - 1.0;
            let brought = (rate / before - 1.0) / growth;
            if brought < MIN_GAIN {
                self.interrupt();
                self.staying = Some((fewer, now));
                self.rests_until = Some(now + self.rest);
                self.rest *= 2;
                return;
            }
            may_grow |= brought >= CLEAR_GAIN;
        }
        if self.lanes < self.most && may_grow && !is_at_limit {
            self.interrupt();
            self.fewer = Some((self.lanes, halves[1]));
            self.lanes = (self.lanes * 2).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u32 = 256 * 1024;
    const MEGABIT: f64 = 125_000.0;

    /// A transfer whose speed follows from the number of lanes and the time in seconds.
    struct Trip {
        lane_count: LaneCount,
        now: Instant,
        seconds: f64,
        arrived: f64,
        left: u64,
        /// Numbers of lanes, one after the other; of those that go one by one, the last.
        taken: Vec<u16>,
    }

    impl Trip {
        fn new(most: u16) -> Self {
            let lane_count = LaneCount::new(8, most, BLOCK, None);
            Self {
                lane_count,
                now: Instant::now(),
                seconds: 0.0,
                arrived: 0.0,
                left: u64::MAX,
                taken: vec![8.min(most)],
            }
        }

        fn go(&mut self, seconds: f64, megabits: impl Fn(u16, f64) -> f64) -> &[u16] {
            let end = self.seconds + seconds;
            while self.seconds < end {
                let lanes = *self.taken.last().unwrap();
                self.arrived += megabits(lanes, self.seconds) * MEGABIT * 0.05;
                self.now += Duration::from_millis(50);
                self.seconds += 0.05;
                // It is told of whole blocks.
                let arrived = (self.arrived as u64 / u64::from(BLOCK)) * u64::from(BLOCK);
                let wanted = self.lane_count.observe(arrived, self.left, self.now);
                if wanted < lanes && self.taken.len() > 1 && self.taken[self.taken.len() - 2] > lanes {
                    self.taken.pop();
                }
                if wanted != lanes {
                    self.taken.push(wanted);
                }
            }
            &self.taken
        }
    }

    #[test]
    fn lanes_that_are_each_held_back_become_as_many_as_there_may_be() {
        assert_eq!(Trip::new(32).go(20.0, |lanes, _| f64::from(lanes) * 2.5), [8, 16, 32]);
        assert_eq!(Trip::new(24).go(20.0, |lanes, _| f64::from(lanes) * 2.5), [8, 16, 24]);
        assert_eq!(Trip::new(24).go(17.0, |lanes, _| f64::from(lanes.min(16)) * 2.5), [8, 16, 24, 16]);
        assert_eq!(Trip::new(32).go(10.0, |lanes, _| f64::from(lanes) * 20.0), [8, 16, 32]);
    }

    #[test]
    fn a_full_network_keeps_its_lanes_and_is_seldom_asked() {
        let mut trip = Trip::new(32);
        assert_eq!(trip.go(3600.0, |_, _| 200.0).iter().max(), Some(&16));
        let tries = trip.taken.iter().filter(|lanes| **lanes == 16).count();
        assert!((5..=9).contains(&tries) && trip.taken.last() == Some(&8), "{:?}", trip.taken);
    }

    #[test]
    fn what_fills_the_network_is_enough() {
        let megabits = |lanes, _| (f64::from(lanes) * 10.0).min(170.0);
        assert_eq!(Trip::new(32).go(20.0, megabits), [8, 16, 32, 16]);
    }

    /// Half the network is somebody else's, who gives way to more of the same kind.
    #[test]
    fn lanes_are_no_way_to_crowd_others_out() {
        let megabits = |lanes, _| 100.0 * f64::from(lanes) / f64::from(lanes + 2);
        assert_eq!(Trip::new(32).go(10.0, megabits), [8, 16, 8]);
    }

    #[test]
    fn a_person_may_allow_fewer() {
        for most in [1, 5, 8] {
            assert_eq!(Trip::new(most).go(60.0, |lanes, _| f64::from(lanes)), [most]);
        }
    }

    #[test]
    fn a_limit_that_is_reached_needs_no_more() {
        for (limit, taken) in [(150.0, &[8, 16][..]), (80.0, &[8]), (40.0, &[8])] {
            let mut trip = Trip::new(32);
            trip.lane_count.limit = Some((limit * MEGABIT) as u64);
            assert_eq!(trip.go(60.0, |lanes, _| (f64::from(lanes) * 10.0).min(limit)), taken, "{limit}");
        }
    }

    #[test]
    fn near_the_end_nothing_is_tried() {
        let mut trip = Trip::new(32);
        trip.left = 7_000_000;
        assert_eq!(trip.go(60.0, |lanes, _| f64::from(lanes) * 4.0), [8]);
        assert_eq!(trip.go(60.0, |lanes, _| f64::from(lanes)), [8, 16]);
    }

    #[test]
    fn the_start_and_an_interruption_are_not_measured() {
        // It takes a second to become as fast as it can, and stands still for ten later.
        let mut trip = Trip::new(32);
        trip.go(4.0, |_, seconds| 200.0 * seconds.min(1.0));
        assert_eq!(trip.taken, [8, 16]);
        trip.lane_count.interrupt();
        assert_eq!(trip.go(10.0, |_, _| 200.0), [8, 16, 8]);
    }
}
