//! The speed of a transfer, its last minute, and the time left, for window and commands alike. It is told which bytes were
//! acknowledged and when. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// How much time one point of the graph covers.
const SLOT: Duration = Duration::from_secs(1);
/// How many points the graph has: one minute of them.
const SLOTS: usize = 60;
/// How far back the shown speed looks: long enough that it doesn't jump, short enough that it doesn't lag.
const WINDOW: Duration = Duration::from_secs(3);
/// How many times something must have been stored in that time. On a slow network it takes longer than that for the next block, so it
/// looks back further there, or the speed would be nothing most of the time.
const ARRIVALS: usize = 3;
/// How far back it looks at most.
const LONGEST_WINDOW: Duration = Duration::from_mins(1);
/// How long a transfer must have run before a time left is shown; an earlier guess would be wild.
const LEAST: Duration = Duration::from_secs(2);

/// Measures one transfer.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    started: Option<Instant>,
    bytes: u64,
    /// Moments and the bytes acknowledged by then, about four a second, as far back as the speed looks.
    recent: VecDeque<(Instant, u64)>,
    slots: Vec<f32>,
    slot_start: Option<(Instant, u64)>,
    /// When the end is expected. It follows the latest guess smoothly.
    end: Option<Instant>,
}

impl Meter {
    /// A meter that has seen nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            started: None,
            bytes: 0,
            recent: VecDeque::new(),
            slots: Vec::new(),
            slot_start: None,
            end: None,
        }
    }

    /// Takes the bytes that are acknowledged at `now`, of `total`.
    pub(crate) fn note(&mut self, bytes: u64, total: Option<u64>, now: Instant) {
        let started = *self.started.get_or_insert(now);
        self.bytes = bytes;
        if self.recent.back().is_none_or(|(then, _)| now - *then >= Duration::from_millis(250)) {
            self.recent.push_back((now, bytes));
        }
        while self.recent.len() > 2 && self.is_enough_after_first(now) {
            self.recent.pop_front();
        }
        let (mut slot, mut at_start) = *self.slot_start.get_or_insert((now, bytes));
        while now - slot >= SLOT {
            // What came after a pause of several points is spread evenly over them.
            let slots = ((now - slot).as_secs_f32() / SLOT.as_secs_f32()).floor().max(1.0);
            let share = (bytes.saturating_sub(at_start) as f32 / slots) as u64;
            self.slots.push(share as f32 / SLOT.as_secs_f32());
            if self.slots.len() > SLOTS {
                self.slots.remove(0);
            }
            slot += SLOT;
            at_start += share;
        }
        self.slot_start = Some((slot, at_start));
        self.expect_end(total, now, started);
    }

    /// Whether the speed need not look back to the first of the moments.
    fn is_enough_after_first(&self, now: Instant) -> bool {
        let looked_back = now - self.recent[1].0;
        let moments = self.recent.iter().skip(1);
        let steps = moments.clone().zip(moments.skip(1)).filter(|((_, before), (_, bytes))| bytes > before);
        let arrivals: Vec<Instant> = steps.map(|(_, (then, _))| *then).collect();
        // What has not come for far longer than it took before has stopped.
        let has_stopped = match arrivals[..] {
            [first, .., last] => {
                let gap = (last - first) / (arrivals.len() - 1) as u32;
                now - last > 3 * gap.max(Duration::from_secs(1))
            }
            _ => false,
        };
        looked_back >= WINDOW && (arrivals.len() >= ARRIVALS || has_stopped || looked_back >= LONGEST_WINDOW)
    }

    fn expect_end(&mut self, total: Option<u64>, now: Instant, started: Instant) {
        let speed = self.speed(now);
        let fresh = match total {
            Some(total) if speed > 0.0 && now - started >= LEAST => {
                let secs = total.saturating_sub(self.bytes) as f64 / speed;
                (secs < 1e7).then(|| now + Duration::from_secs_f64(secs))
            }
            _ => None,
        };
        self.end = match (self.end, fresh) {
            (Some(old), Some(fresh)) => {
                // Far from the end there is time to correct a wrong guess gently; near the end there is none.
                let left = fresh.saturating_duration_since(now).as_secs_f64();
                let weight = (1.0 / left.max(1.0)).clamp(0.02, 0.5);
                let (old_left, fresh_left) = (old.saturating_duration_since(now).as_secs_f64(), left);
                let blended = if (old_left - fresh_left).abs() > fresh_left.max(10.0) {
                    fresh_left
                } else {
                    old_left + (fresh_left - old_left) * weight
                };
                Some(now + Duration::from_secs_f64(blended))
            }
            (_, fresh) => fresh,
        };
    }

    /// Pauses the measurement. Speed and time left start anew afterwards; the graph stays as it is.
    pub(crate) fn rest(&mut self) {
        (self.started, self.slot_start, self.end) = (None, None, None);
        self.recent.clear();
    }

    /// The speed in bytes a second, over the last few seconds; longer where little arrives.
    pub(crate) fn speed(&self, now: Instant) -> f64 {
        match self.recent.front() {
            Some((then, before)) if now > *then => {
                self.bytes.saturating_sub(*before) as f64 / (now - *then).as_secs_f64().max(0.25)
            }
            _ => 0.0,
        }
    }

    /// The speed in bytes a second at each second of the last minute, the oldest first, each over [`WINDOW`]. Only the window
    /// draws it.
    #[cfg(any(feature = "gui", test))]
    pub(crate) fn last_minute(&self) -> Vec<f32> {
        let window = (WINDOW.as_secs() / SLOT.as_secs()) as usize;
        let over = |end: usize| &self.slots[(end + 1).saturating_sub(window)..=end];
        let mean = |slots: &[f32]| slots.iter().sum::<f32>() / slots.len() as f32;
        (0..self.slots.len()).map(|end| mean(over(end))).collect()
    }

    /// The time left, in steps that are coarser the longer it is; `None` while it can't be told.
    pub(crate) fn time_left(&self, now: Instant) -> Option<Duration> {
        let left = self.end?.saturating_duration_since(now).as_secs();
        let step = match left {
            0..=9 => 1,
            10..=59 => 5,
            60..=599 => 15,
            600..=3599 => 60,
            _ => 300,
        };
        Some(Duration::from_secs(left.div_ceil(step).max(1) * step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn run(
        meter: &mut Meter,
        from: Instant,
        secs: u64,
        start: u64,
        per_sec: u64,
        total: u64,
    ) -> (Instant, u64) {
        let (mut now, mut bytes) = (from, start);
        for _ in 0..secs * 10 {
            now += Duration::from_millis(100);
            bytes += per_sec / 10;
            meter.note(bytes, Some(total), now);
        }
        (now, bytes)
    }

    /// At a low speed one block takes longer than a second, and the graph would be a saw.
    #[test]
    fn the_graph_is_smooth_where_a_block_comes_every_other_second() {
        let mut meter = Meter::new();
        let start = Instant::now();
        for second in 0..=40_u64 {
            meter.note(second / 2 * 256 * 1024, None, start + Duration::from_secs(second));
        }
        let graph = meter.last_minute();
        let settled = &graph[3..];
        let (least, most) = settled
            .iter()
            .fold((f32::MAX, 0.0_f32), |(least, most), speed| (least.min(*speed), most.max(*speed)));
        assert!(least * 2.5 > most, "{graph:?}");
    }

    #[test]
    fn a_steady_speed_is_shown_as_it_is() {
        let mut meter = Meter::new();
        let start = Instant::now();
        meter.note(0, Some(1000 * MB), start);
        let (now, _) = run(&mut meter, start, 20, 0, 10 * MB, 1000 * MB);
        assert!((meter.speed(now) / (10.0 * MB as f64) - 1.0).abs() < 0.05, "{}", meter.speed(now));
        let left = meter.time_left(now).unwrap().as_secs();
        assert!((75..=90).contains(&left), "{left}");
        assert!(meter.last_minute().len() >= 19 && meter.last_minute().len() <= 20);
        assert!(meter.last_minute().iter().all(|speed| (speed / (10.0 * MB as f32) - 1.0).abs() < 0.15));
    }

    #[test]
    fn the_time_left_does_not_jump_with_a_hiccup() {
        let mut meter = Meter::new();
        let start = Instant::now();
        meter.note(0, Some(1000 * MB), start);
        let (now, bytes) = run(&mut meter, start, 20, 0, 10 * MB, 1000 * MB);
        let before = meter.time_left(now).unwrap().as_secs_f64();
        let (now, _) = run(&mut meter, now, 1, bytes, 0, 1000 * MB);
        let after = meter.time_left(now).unwrap().as_secs_f64();
        assert!((after - before).abs() <= 15.0, "{before} {after}");
    }

    #[test]
    fn a_rest_leaves_the_graph_alone_and_everything_else_begins_anew() {
        let mut meter = Meter::new();
        let start = Instant::now();
        meter.note(0, Some(1000 * MB), start);
        let (now, bytes) = run(&mut meter, start, 20, 0, 10 * MB, 1000 * MB);
        let graph = meter.last_minute();
        meter.rest();
        assert_eq!((meter.speed(now), meter.time_left(now)), (0.0, None));
        let later = now + Duration::from_mins(10);
        meter.note(bytes, Some(1000 * MB), later);
        assert_eq!(meter.last_minute(), graph);
        assert_eq!(meter.time_left(later), None);
        let (now, _) = run(&mut meter, later, 5, bytes, 10 * MB, 1000 * MB);
        assert!((meter.speed(now) / (10.0 * MB as f64) - 1.0).abs() < 0.05, "{}", meter.speed(now));
        assert!(meter.last_minute().iter().all(|speed| *speed > 8.0 * MB as f32));
    }

    #[test]
    fn the_graph_holds_a_minute_and_a_pause_is_spread() {
        let mut meter = Meter::new();
        let start = Instant::now();
        meter.note(0, None, start);
        meter.note(100 * MB, None, start + Duration::from_secs(100));
        assert_eq!(meter.last_minute().len(), 60);
        assert!(meter.last_minute().iter().all(|speed| (speed - MB as f32).abs() < 10.0));
    }

    /// Catches a speed that is nothing between two blocks.
    #[test]
    fn a_slow_transfer_has_a_speed_between_its_blocks_as_well() {
        let (mut meter, start) = (Meter::new(), Instant::now());
        for tick in 0..240_u64 {
            let now = start + Duration::from_millis(500 * tick);
            // 256 KiB every ten seconds.
            let bytes = tick / 20 * 262_144;
            meter.note(bytes, Some(100 * 262_144), now);
            if tick >= 80 {
                let speed = meter.speed(now);
                assert!((13_000.0..40_000.0).contains(&speed), "{speed} at {tick}");
                assert!(meter.time_left(now).is_some(), "at {tick}");
            }
        }
        let later = start + Duration::from_mins(4);
        meter.note(11 * 262_144, Some(100 * 262_144), later);
        assert!(meter.speed(later) < 10_000.0, "what has stopped has no speed");
    }

    /// Catches a fast transfer that seems to go on for a minute after it has stopped.
    #[test]
    fn what_has_stopped_soon_has_no_speed() {
        let (mut meter, start) = (Meter::new(), Instant::now());
        let (mut now, bytes) = run(&mut meter, start, 20, 0, 10 * MB, 1000 * MB);
        for _ in 0..80 {
            now += Duration::from_millis(100);
            meter.note(bytes, Some(1000 * MB), now);
        }
        assert!(meter.speed(now) < 0.05 * (10 * MB) as f64, "{}", meter.speed(now));
    }
}
