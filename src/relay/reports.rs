//! How often the relay logs something that clients can cause at any rate. Pure: the caller brings the clock.

use std::time::Duration;

use super::bucket::TokenBucket;

/// The time from one line to the next, in the long run.
const INTERVAL: Duration = Duration::from_secs(1);
/// How many lines may follow each other at once.
const AT_ONCE: u32 = 5;

/// Lets through a line a second, and counts what it leaves out.
pub(super) struct Reports {
    bucket: TokenBucket,
    left_out: u64,
}

impl Reports {
    /// Nothing logged yet.
    pub(super) fn new() -> Self {
        Self { bucket: TokenBucket::new(AT_ONCE * INTERVAL), left_out: 0 }
    }

    /// Whether something is to be logged now, and if it is, how many lines were left out since the last one.
    pub(super) fn next(&mut self, now: Duration) -> Option<u64> {
        if self.bucket.try_take(now, INTERVAL) {
            Some(std::mem::take(&mut self.left_out))
        } else {
            self.left_out += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_a_line_a_second_and_each_says_what_was_left_out() {
        let mut reports = Reports::new();
        let lines: Vec<u64> = (0..60_000).filter_map(|at| reports.next(Duration::from_millis(at))).collect();
        assert!((60..=65).contains(&lines.len()), "{}", lines.len());
        assert_eq!(lines[..5], [0; 5]);
        assert!(lines.iter().sum::<u64>() + lines.len() as u64 > 59_000 - 5);
    }

    #[test]
    fn what_happens_seldom_is_logged_each_time() {
        let mut reports = Reports::new();
        assert!((0..100).all(|at| reports.next(at * INTERVAL) == Some(0)));
    }
}
