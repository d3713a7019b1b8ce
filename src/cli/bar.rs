//! How far a transfer has come, for terminals, logs and scripts. Speed and time left are those of the meter that the window shows;
//! indicatif only draws.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use crate::{
    engine::{Connection, Phase, Progress},
    transfer::{meter::Meter, show},
};

/// One transfer's progress, and the bar that shows it on a terminal.
pub(super) struct Gauge {
    meter: Meter,
    progress: Progress,
    bar: Option<ProgressBar>,
}

impl Gauge {
    /// A gauge that has seen nothing yet and shows nothing.
    pub(super) fn new() -> Self {
        Self { meter: Meter::new(), progress: Progress::default(), bar: None }
    }

    /// Takes a snapshot of the progress, and draws it if there is a bar.
    pub(super) fn take(&mut self, progress: Progress, now: Instant) {
        self.progress = progress;
        let rests = progress.paused.here || progress.paused.there || progress.connection != Connection::Up;
        if is_moving(progress.phase) && !rests {
            self.meter.note(progress.bytes, progress.total_bytes, now);
        } else {
            self.meter.rest();
        }
        self.draw(now);
    }

    /// Opens the bar.
    pub(super) fn open_bar(&mut self, now: Instant) {
        let (bar, template) = match self.progress.total_bytes {
            Some(total) => (ProgressBar::new(total), "{wide_bar} {msg}"),
            None => (ProgressBar::no_length(), "{spinner} {msg}"),
        };
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        self.bar = Some(bar.with_style(style));
        self.draw(now);
    }

    /// The bar, above which lines are written.
    pub(super) fn bar(&self) -> Option<&ProgressBar> {
        self.bar.as_ref()
    }

    /// Draws the bar again, because time has passed.
    pub(super) fn draw(&self, now: Instant) {
        let Some(bar) = &self.bar else { return };
        let (position, message) = (self.progress.bytes, self.amounts("  ", now));
        output::draw(bar.clone(), move |bar| {
            bar.set_message(message);
            bar.set_position(position);
        });
    }

    /// Removes the bar.
    pub(super) fn close_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            output::draw(bar, ProgressBar::finish_and_clear);
        }
    }

    /// The progress as a line of a log: `12.0 MiB of 100.0 MiB (12 %), 3.2 MiB/s, 30 s left`.
    pub(super) fn line(&self, now: Instant) -> String {
        self.amounts(", ", now)
    }

    /// Bytes a second, over the last few seconds.
    pub(super) fn speed(&self, now: Instant) -> u64 {
        self.meter.speed(now) as u64
    }

    /// The time left, where it can be told.
    pub(super) fn time_left(&self, now: Instant) -> Option<Duration> {
        self.meter.time_left(now)
    }

    fn amounts(&self, between: &str, now: Instant) -> String {
        let done = show::bytes(self.progress.bytes);
        let mut parts = vec![match self.progress.total_bytes {
            Some(total) => {
                let percent = self.progress.bytes.saturating_mul(100).checked_div(total).unwrap_or(100);
                format!("{done} of {} ({percent} %)", show::bytes(total))
            }
            None => done,
        }];
        if self.progress.phase == Phase::Storing {
            parts.push("checking and storing".to_owned());
        } else if is_moving(self.progress.phase) {
            parts.push(format!("{}/s", show::bytes(self.speed(now))));
            parts.extend(self.time_left(now).map(|left| format!("{} left", in_words(left))));
        }
        parts.join(between)
    }
}

fn is_moving(phase: Phase) -> bool {
    matches!(phase, Phase::Moving | Phase::Repairing)
}

/// A time as users say it: `25 s`, `3 min 15 s`, `1 h 5 min`.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    fn moving(bytes: u64) -> Progress {
        let total_bytes = Some(1000 * KIB);
        Progress { phase: Phase::Moving, bytes, total_bytes, ..Progress::default() }
    }

    /// Catches an estimate that takes what was there at the beginning, or arrived in the first burst, for speed.
    #[test]
    fn what_is_held_already_is_no_speed_and_the_speed_is_that_of_the_last_seconds() {
        let (mut gauge, start) = (Gauge::new(), Instant::now());
        gauge.take(moving(500 * KIB), start);
        assert_eq!(gauge.line(start), "500.0 KiB of 1000.0 KiB (50 %), 0 bytes/s");
        for second in 1..=10 {
            gauge.take(moving((500 + 10 * second) * KIB), start + Duration::from_secs(second));
        }
        let now = start + Duration::from_secs(10);
        assert_eq!(gauge.line(now), "600.0 KiB of 1000.0 KiB (60 %), 10.0 KiB/s, 40 s left");
        let stored = Progress { phase: Phase::Storing, ..moving(1000 * KIB) };
        gauge.take(stored, now);
        assert_eq!(gauge.line(now), "1000.0 KiB of 1000.0 KiB (100 %), checking and storing");
    }

    #[test]
    fn after_a_pause_the_measurement_begins_anew() {
        let (mut gauge, start) = (Gauge::new(), Instant::now());
        gauge.take(moving(0), start);
        gauge.take(moving(100 * KIB), start + Duration::from_secs(1));
        let mut paused = moving(100 * KIB);
        paused.paused.there = true;
        gauge.take(paused, start + Duration::from_secs(2));
        let later = start + Duration::from_mins(10);
        gauge.take(moving(100 * KIB), later);
        gauge.take(moving(150 * KIB), later + Duration::from_secs(1));
        assert_eq!(gauge.speed(later + Duration::from_secs(1)), 50 * KIB);
    }

    #[test]
    fn times_are_read_as_users_say_them() {
        for (seconds, said) in
            [(5, "5 s"), (60, "1 min"), (195, "3 min 15 s"), (3600, "1 h"), (3900, "1 h 5 min")]
        {
            assert_eq!(in_words(Duration::from_secs(seconds)), said);
        }
    }
}
