//! A token bucket, which allows a burst at once and a steady rate over time. Pure: the caller brings the clock.
//!
//! It counts in time instead of tokens (the generic cell rate algorithm): a cost is how long the bucket takes to
//! refill by that much, and the whole state is the moment at which the bucket will be full again.

use std::time::Duration;

/// What is left of a burst that refills at a steady rate.
#[derive(Debug, Clone)]
pub(super) struct TokenBucket {
    burst: Duration,
    full_at: Duration,
}

impl TokenBucket {
    /// A full bucket that takes `burst` to refill when it is empty.
    pub(super) fn new(burst: Duration) -> Self {
        Self { burst, full_at: Duration::ZERO }
    }

    /// Takes `cost` if the bucket holds that much, and says whether it did.
    pub(super) fn try_take(&mut self, now: Duration, cost: Duration) -> bool {
        let full_at = self.full_at.max(now) + cost;
        let granted = full_at.saturating_sub(now) <= self.burst;
        if granted {
            self.full_at = full_at;
        }
        granted
    }

    /// Puts back what was taken.
    pub(super) fn give_back(&mut self, cost: Duration) {
        self.full_at = self.full_at.saturating_sub(cost);
    }

    /// Takes `cost` for something that has already happened, and says how long to pause until the debt is paid.
    pub(super) fn take_with_debt(&mut self, now: Duration, cost: Duration) -> Duration {
        self.full_at = self.full_at.max(now) + cost;
        self.full_at.saturating_sub(now).saturating_sub(self.burst)
    }

    /// Whether nothing is missing, so that a new bucket would be the same.
    pub(super) fn is_full(&self, now: Duration) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_is_granted_at_once_and_then_only_the_rate() {
        let mut bucket = TokenBucket::new(3 * SECOND);
        let now = 100 * SECOND;
        assert_eq!((0..5).filter(|_| bucket.try_take(now, SECOND)).count(), 3);
        assert!(!bucket.try_take(now + SECOND / 2, SECOND));
        assert!(bucket.try_take(now + SECOND, SECOND));
        assert!(!bucket.try_take(now + SECOND, SECOND));
    }

    #[test]
    fn time_unused_is_not_saved_beyond_the_burst() {
        let mut bucket = TokenBucket::new(2 * SECOND);
        assert_eq!((0..9).filter(|_| bucket.try_take(1000 * SECOND, SECOND)).count(), 2);
    }

    #[test]
    fn a_refused_take_costs_nothing() {
        let mut bucket = TokenBucket::new(SECOND);
        assert!(!bucket.try_take(Duration::ZERO, 2 * SECOND));
        assert!(bucket.is_full(Duration::ZERO));
        assert!(bucket.try_take(Duration::ZERO, SECOND));
        assert!(!bucket.is_full(SECOND / 2));
        assert!(bucket.is_full(SECOND));
    }

    #[test]
    fn a_debt_is_paid_at_the_rate_whichever_lane_made_it() {
        // Two lanes of one transfer each move a second's worth. The second lane waits for both, so that together they keep to
        // the rate.
        let mut bucket = TokenBucket::new(SECOND / 4);
        assert_eq!(bucket.take_with_debt(Duration::ZERO, SECOND), SECOND * 3 / 4);
        assert_eq!(bucket.take_with_debt(Duration::ZERO, SECOND), SECOND * 7 / 4);
        assert_eq!(bucket.take_with_debt(SECOND * 7 / 4, SECOND), SECOND);
    }

    #[test]
    fn a_long_stream_keeps_to_the_rate() {
        let mut bucket = TokenBucket::new(SECOND / 4);
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            now += bucket.take_with_debt(now, SECOND / 10);
        }
        assert_eq!(now + SECOND / 4, SECOND * 10);
    }
}
