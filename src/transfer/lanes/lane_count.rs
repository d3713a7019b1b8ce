//! How many lanes are worth having, and whether they should go over QUIC, found by measuring. Pure; the lane pool opens and
//! closes the lanes.
//!
//! Where packet loss or a long round trip limits each lane on its own, twice as many lanes carry about twice as much. Where
//! the network, a disk or a processor is at its limit, more lanes gain nothing and are closed again, and the next try comes
//! much later.
//!
//! Where the path loses packets, TCP's usual congestion controls keep few bytes in flight, because they take each lost packet
//! for a full network. QUIC has BBR here, on every system, and is tried once, before more lanes are.

use std::{ops::RangeInclusive, time::Duration};

use tokio::time::Instant;

/// How long nothing is measured after the number of lanes has changed, because new lanes have yet to reach their speed.
const SETTLE_TIME: Duration = Duration::from_millis(1500);
/// The shortest time that each of a measurement's two halves takes: long enough to even out how arrivals are reported, and
/// short enough that the right number of lanes is found within a few seconds.
const MIN_HALF: Duration = Duration::from_millis(800);
/// The fewest blocks that must arrive in each half of a measurement. Arrivals are counted in whole blocks, so with fewer
/// the rate would depend on whether one more block fell into the half.
const MIN_BLOCKS: u64 = 8;
/// The longest time that a half takes: then the measurement counts, however little has arrived.
const MAX_HALF: Duration = Duration::from_secs(8);
/// The range in which the second half's rate must be, as a part of the first half's, before more lanes are tried. A rate
/// that still rises is nothing to compare with, and neither is one that falls because it began faster than packet loss
/// allows.
const STEADY: RangeInclusive<f64> = 0.7..=1.15;
/// No more lanes are tried if the rest of the transfer will take less than this: a try that gains nothing costs about a
/// second, and the rate of the last blocks says nothing.
const MIN_TIME_LEFT: Duration = Duration::from_secs(4);
/// The least gain for which added lanes are kept, as a part of the gain if each carried as much as a lane did before. Less
/// than all of it is enough, because a few more lanes may fill what was left of the network. It is more than added lanes
/// gain by merely crowding out other traffic.
const MIN_GAIN: f64 = 0.15;
/// The gain from which still more lanes are tried at once, as a part of the gain if each carried as much as a lane did
/// before.
const CLEAR_GAIN: f64 = 0.6;
/// The part of the user's speed limit from which on only that limit holds the transfer back, so that more lanes can't help.
/// Below 1, because a measured rate falls a little short of the limit.
const LIMIT_SHARE: f64 = 0.9;
/// The pause before more lanes are tried again after a try that gained nothing. It doubles each time, so that a full
/// network is seldom disturbed.
const FIRST_REST: Duration = Duration::from_secs(10);
/// The time between closing one lane that gained nothing and the next, in which the other lanes take over what it carried.
const CLOSE_INTERVAL: Duration = Duration::from_millis(500);
/// How long nothing is measured after lanes have moved to QUIC: each needs a connection, a way through both routers and some
/// round trips to find the network's speed.
const QUIC_SETTLE_TIME: Duration = Duration::from_secs(3);
/// The shortest round trip with which QUIC is tried. With a shorter one TCP soon recovers from a loss, and QUIC, which runs in
/// this program and not in the system, takes more of the processor.
const QUIC_ROUND_TRIP: Duration = Duration::from_millis(20);
/// How many bytes may be in flight on all TCP lanes where QUIC is tried: 90 packets for each of eight lanes. With CUBIC that means
/// about one lost packet in a thousand or more, or else a slow network, where a try costs little.
const HELD_BACK_BYTES: f64 = 1024.0 * 1024.0;
/// No QUIC is tried if the rest of the transfer will take less than this: a try that gains nothing costs up to two seconds.
const QUIC_TIME_LEFT: Duration = Duration::from_secs(20);
/// How much faster than TCP QUIC has to be for the lanes to stay there: clearly more than what two measurements of the same
/// network differ by.
const QUIC_GAIN: f64 = 1.25;

/// The lanes that a transfer should have at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneWish {
    pub(crate) lanes: u16,
    /// Whether they should go over QUIC, though TCP leads from machine to machine as well.
    pub(crate) prefers_quic: bool,
}

/// What is known about QUIC in place of TCP.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Quic {
    Untried,
    /// It is being tried; before, bytes arrived at this rate, in bytes a second.
    Trying(f64),
    Better,
    Worse,
}

/// The number of lanes that a transfer should have. It follows from how fast bytes arrive with fewer lanes and with more.
#[derive(Debug)]
pub(crate) struct LaneCount {
    lanes: u16,
    most: u16,
    block_bytes: u64,
    /// The user's speed limit, in bytes a second.
    limit: Option<u64>,
    /// While lanes are being closed: how many will stay, and when the next one closes.
    staying: Option<(u16, Instant)>,
    /// While more lanes are being tried: how many there were before, and their rate in bytes a second.
    fewer: Option<(u16, f64)>,
    measuring: Option<Measuring>,
    /// Bytes that had arrived at the last observation.
    seen: u64,
    /// The next pause between tries.
    rest: Duration,
    /// The end of the present pause between tries.
    rests_until: Option<Instant>,
    quic: Quic,
    /// The most lanes over QUIC.
    most_over_quic: u16,
}

/// A measurement that is under way.
#[derive(Debug)]
struct Measuring {
    /// When the present half begins.
    from: Instant,
    /// Bytes that had arrived at that time; `None` while it is still to come.
    before: Option<u64>,
    /// The rate in the first half, in bytes a second, once that is over.
    first_half: Option<f64>,
}

impl LaneCount {
    /// Begins with `first` lanes and never asks for more than `most`, or `most_over_quic`. Once the speed reaches `limit`, in
    /// bytes a second, no more are tried.
    pub(crate) fn new(
        first: u16,
        (most, most_over_quic): (u16, u16),
        block_bytes: u32,
        limit: Option<u64>,
    ) -> Self {
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
            quic: Quic::Untried,
            most_over_quic: most_over_quic.min(most),
        }
    }

    /// Replaces the user's speed limit, in bytes a second. What was measured under another one no longer counts.
    pub(crate) fn limit_to(&mut self, limit: Option<u64>) {
        if std::mem::replace(&mut self.limit, limit) != limit {
            self.measuring = None;
        }
    }

    /// Drops the present measurement, because something other than the number of lanes decides how much arrives.
    pub(crate) fn interrupt(&mut self) {
        self.measuring = None;
    }

    /// Notes that a lane over QUIC could not be opened, or was lost: lanes go back to TCP. Where QUIC was faster, it may be tried again.
    pub(crate) fn quic_failed(&mut self) {
        let now = match self.quic {
            Quic::Untried | Quic::Worse => return,
            Quic::Trying(_) => Quic::Worse,
            Quic::Better => Quic::Untried,
        };
        self.interrupt();
        self.quic = now;
    }

    /// The lanes wanted at this moment, when `arrived` bytes have arrived in all and `left` bytes are left. Where lanes go from
    /// machine to machine over TCP and could go over QUIC as well, `round_trip` is how long a packet takes there and back.
    pub(crate) fn observe(
        &mut self,
        arrived: u64,
        left: u64,
        round_trip: Option<Duration>,
        now: Instant,
    ) -> LaneWish {
        if let Some((staying, at)) = self.staying.filter(|(_, at)| now >= *at) {
            self.lanes -= 1;
            self.staying = (self.lanes > staying).then_some((staying, at + CLOSE_INTERVAL));
        }
        if round_trip.is_none() {
            self.quic_failed();
        }
        let is_trying = self.fewer.is_some() || matches!(self.quic, Quic::Trying(_));
        let may_try_quic = self.quic == Quic::Untried && round_trip.is_some();
        // Even the step to the most lanes is measured, because it may have to be taken back.
        if (is_trying || may_try_quic || self.may_try_more(now))
            && let Some(halves) = self.measure(arrived, now)
        {
            self.step(halves, left as f64, round_trip, now);
        }
        self.wish()
    }

    fn wish(&self) -> LaneWish {
        match self.quic {
            Quic::Untried | Quic::Worse => LaneWish { lanes: self.lanes, prefers_quic: false },
            Quic::Trying(_) | Quic::Better => {
                LaneWish { lanes: self.lanes.min(self.most_over_quic), prefers_quic: true }
            }
        }
    }

    fn may_try_more(&self, now: Instant) -> bool {
        let is_resting = self.rests_until.is_some_and(|until| now < until);
        !is_resting && self.lanes < self.most && self.quic != Quic::Better
    }

    /// The rates in both halves of a measurement, in bytes a second, once the second half is over.
    fn measure(&mut self, arrived: u64, now: Instant) -> Option<[f64; 2]> {
        let is_trying_quic = matches!(self.quic, Quic::Trying(_));
        let settle_time = if is_trying_quic { QUIC_SETTLE_TIME } else { SETTLE_TIME };
        let new = || Measuring { from: now + settle_time, before: None, first_half: None };
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
        // At the end of a stream the count may fall a little.
        let bytes = arrived.saturating_sub(before);
        let is_enough = time >= MIN_HALF && bytes >= MIN_BLOCKS * self.block_bytes;
        if !is_enough && time < MAX_HALF {
            return None;
        }
        let rate = bytes as f64 / time.as_secs_f64();
        // Unless the number of lanes changes, this half is also the first half of the next measurement.
        let first = measuring.first_half.replace(rate);
        (measuring.from, measuring.before) = (now, Some(arrived));
        first.map(|first| [first, rate])
    }

    /// Decides by the rates of both halves whether what was tried stays and what is tried next.
    fn step(&mut self, halves: [f64; 2], left: f64, round_trip: Option<Duration>, now: Instant) {
        let rate = f64::midpoint(halves[0], halves[1]);
        if let Quic::Trying(before) = self.quic {
            self.interrupt();
            self.quic = if rate >= before * QUIC_GAIN { Quic::Better } else { Quic::Worse };
            return;
        }
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
        if is_at_limit {
            return;
        }
        let is_held_back = round_trip.is_some_and(|round_trip| {
            round_trip >= QUIC_ROUND_TRIP && rate * round_trip.as_secs_f64() < HELD_BACK_BYTES
        });
        let is_worth_it = left >= rate * QUIC_TIME_LEFT.as_secs_f64();
        // TCP's rate falls while it finds out how many packets get lost.
        let is_rising = halves[1] > halves[0] * STEADY.end();
        if self.quic == Quic::Untried && is_held_back && is_worth_it && !is_rising {
            self.interrupt();
            self.quic = Quic::Trying(halves[1]);
        } else if may_grow && self.may_try_more(now) {
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

    /// A transfer whose speed depends on the number of lanes and on the time.
    struct Trip {
        lane_count: LaneCount,
        /// How long a packet takes there and back over QUIC, if there is a connection.
        over_quic: Option<Duration>,
        now: Instant,
        seconds: f64,
        arrived: f64,
        left: u64,
        /// The numbers of lanes, one after the other. Where lanes are closed one by one, only the last number counts.
        taken: Vec<u16>,
    }

    impl Trip {
        fn new(most: u16) -> Self {
            Self {
                lane_count: LaneCount::new(8, (most, 8), BLOCK, None),
                over_quic: None,
                now: Instant::now(),
                seconds: 0.0,
                arrived: 0.0,
                left: u64::MAX,
                taken: vec![8.min(most)],
            }
        }

        fn go(&mut self, seconds: f64, megabits: impl Fn(u16, f64) -> f64) -> &[u16] {
            self.go_either_way(seconds, |lanes, seconds, _| megabits(lanes, seconds))
        }

        /// The speed depends also on whether the lanes go over QUIC.
        fn go_either_way(&mut self, seconds: f64, megabits: impl Fn(u16, f64, bool) -> f64) -> &[u16] {
            let end = self.seconds + seconds;
            while self.seconds < end {
                let lanes = *self.taken.last().unwrap();
                let prefers_quic = self.lane_count.wish().prefers_quic;
                self.arrived += megabits(lanes, self.seconds, prefers_quic) * MEGABIT * 0.05;
                self.now += Duration::from_millis(50);
                self.seconds += 0.05;
                // Arrivals are counted in whole blocks.
                let arrived = (self.arrived as u64 / u64::from(BLOCK)) * u64::from(BLOCK);
                let wanted = self.lane_count.observe(arrived, self.left, self.over_quic, self.now).lanes;
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
    fn a_full_network_keeps_its_lanes_and_more_are_seldom_tried() {
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

    /// Other connections share the network, and get less of it the more lanes there are.
    #[test]
    fn lanes_are_no_way_to_crowd_others_out() {
        let megabits = |lanes, _| 100.0 * f64::from(lanes) / f64::from(lanes + 2);
        assert_eq!(Trip::new(32).go(10.0, megabits), [8, 16, 8]);
    }

    #[test]
    fn the_user_may_allow_fewer_lanes() {
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
        // The transfer takes a second to reach its full speed.
        let mut trip = Trip::new(32);
        trip.go(4.0, |_, seconds| 200.0 * seconds.min(1.0));
        assert_eq!(trip.taken, [8, 16]);
        trip.lane_count.interrupt();
        assert_eq!(trip.go(10.0, |_, _| 200.0), [8, 16, 8]);
    }

    /// A path that loses packets: each TCP lane carries this much.
    const HELD_BACK: f64 = 4.0;

    #[test]
    fn where_tcp_is_held_back_quic_is_tried_before_more_lanes_and_stays_if_it_is_faster() {
        let mut trip = Trip::new(32);
        trip.over_quic = Some(Duration::from_millis(100));
        // At first TCP is faster than it can stay.
        let megabits =
            |_, seconds, is_quic| if is_quic { 120.0 } else { 32.0 + 80.0 / (1.0 + seconds * seconds) };
        trip.go_either_way(4.0, megabits);
        assert!(trip.lane_count.wish().prefers_quic);
        let taken = trip.go_either_way(3600.0, |_, _, is_quic| if is_quic { 120.0 } else { 32.0 });
        assert_eq!(taken, [8]);
        assert_eq!(trip.lane_count.wish(), LaneWish { lanes: 8, prefers_quic: true });
    }

    #[test]
    fn quic_that_is_not_clearly_faster_is_left_for_good_and_lanes_are_added() {
        let mut trip = Trip::new(32);
        trip.over_quic = Some(Duration::from_millis(100));
        let megabits = |lanes, _, is_quic| if is_quic { 38.0 } else { f64::from(lanes) * HELD_BACK };
        trip.go_either_way(6.0, megabits);
        assert!(trip.lane_count.wish().prefers_quic);
        assert_eq!(trip.go_either_way(60.0, megabits), [8, 16, 32]);
        assert!(!trip.lane_count.wish().prefers_quic);
    }

    #[test]
    fn quic_is_not_tried_near_by_on_a_good_path_within_a_limit_or_near_the_end() {
        let never = |mut trip: Trip, megabits: f64| {
            for _ in 0..600 {
                trip.go(0.1, |_, _| megabits);
                assert!(!trip.lane_count.wish().prefers_quic);
            }
        };
        let far = || {
            let mut trip = Trip::new(8);
            trip.over_quic = Some(Duration::from_millis(100));
            trip
        };
        never(far(), 200.0);
        let mut near = far();
        near.over_quic = Some(Duration::from_millis(5));
        never(near, 32.0);
        let mut limited = far();
        limited.lane_count.limit = Some((32.0 * MEGABIT) as u64);
        never(limited, 32.0);
        let mut ending = far();
        ending.left = 60_000_000;
        never(ending, 32.0);
        never(Trip::new(8), 32.0);
    }

    #[test]
    fn quic_that_can_not_be_had_is_given_up_at_once() {
        let mut trip = Trip::new(32);
        trip.over_quic = Some(Duration::from_millis(100));
        trip.go(4.0, |lanes, _| f64::from(lanes) * HELD_BACK);
        assert!(trip.lane_count.wish().prefers_quic);
        trip.lane_count.quic_failed();
        assert!(!trip.lane_count.wish().prefers_quic);
        assert_eq!(trip.go(20.0, |lanes, _| f64::from(lanes) * HELD_BACK), [8, 16, 32]);
    }

    #[test]
    fn where_quic_is_lost_lanes_are_added_and_it_is_tried_again_when_it_is_back() {
        let megabits =
            |lanes: u16, _, is_quic| if is_quic { 120.0 } else { f64::from(lanes.min(16)) * HELD_BACK };
        let mut trip = Trip::new(32);
        trip.over_quic = Some(Duration::from_millis(100));
        trip.go_either_way(20.0, megabits);
        assert!(trip.lane_count.wish().prefers_quic);
        trip.over_quic = None;
        trip.go_either_way(20.0, megabits);
        assert_eq!(trip.lane_count.wish(), LaneWish { lanes: 16, prefers_quic: false });
        trip.over_quic = Some(Duration::from_millis(100));
        trip.go_either_way(20.0, megabits);
        assert_eq!(trip.lane_count.wish(), LaneWish { lanes: 8, prefers_quic: true });
    }
}
