//! Pauses between tries that grow with every failure, and that differ by chance: many that were cut off at the same moment,
//! by a relay that restarts for instance, must not come back at the same moment.

use std::time::Duration;

/// How long to pause before each further try: first a little, then twice as long each time, up to a longest pause. Every pause
/// is drawn out by chance, by up to half of itself.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// Pauses so far, from which the next one follows.
    attempts: u32,
}

impl Backoff {
    /// Pauses from `first` to `longest`, before they are drawn out by chance.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempts: 0 }
    }

    /// The pause that is due now; the next one will be longer.
    pub fn next_pause(&mut self) -> Duration {
        let pause = jittered(pause_after(self.attempts, self.first, self.longest));
        self.attempts = self.attempts.saturating_add(1);
        pause
    }

    /// Begins with the first pause again, after a try that worked.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// This pause, drawn out by chance by up to half of itself, for pauses that don't grow.
pub fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness nothing is drawn out, which does no harm.
    let _ = getrandom::fill(&mut random);
    drawn_out(pause, random[0])
}

/// The pause after `attempts` earlier ones: `first`, doubled each time, but at most `longest`.
fn pause_after(attempts: u32, first: Duration, longest: Duration) -> Duration {
    let factor = 2u32.checked_pow(attempts).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// 0 leaves the pause as it is; 255 makes it half as long again.
fn drawn_out(pause: Duration, random: u8) -> Duration {
    pause.saturating_add(pause.mul_f64(f64::from(random) / 510.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(2);

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u128> =
            (0..7).map(|attempts| pause_after(attempts, FIRST, LONGEST).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(pause_after(u32::MAX, FIRST, LONGEST), LONGEST);
        assert_eq!(pause_after(9, Duration::MAX, Duration::MAX), Duration::MAX, "nothing overflows");
        assert_eq!(pause_after(0, LONGEST, FIRST), FIRST, "no pause is longer than the longest");
    }

    #[test]
    fn chance_draws_a_pause_out_by_up_to_half_and_never_shortens_it() {
        assert_eq!(drawn_out(LONGEST, 0), LONGEST);
        assert_eq!(drawn_out(LONGEST, u8::MAX), LONGEST + LONGEST / 2);
        assert!((0..=u8::MAX).is_sorted_by_key(|random| drawn_out(LONGEST, random)));
    }

    #[test]
    fn the_next_pause_grows_and_begins_anew_after_a_reset() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        let within = |pause: Duration, of: Duration| (of..=of + of / 2).contains(&pause);
        for due in [FIRST, 2 * FIRST, 4 * FIRST] {
            assert!(within(backoff.next_pause(), due));
        }
        backoff.reset();
        assert!(within(backoff.next_pause(), FIRST));
    }

    /// Catches clients that come back in step after a relay's restart.
    #[test]
    fn many_that_begin_at_once_pause_for_different_times() {
        let pauses: std::collections::HashSet<Duration> =
            (0..64).map(|_| Backoff::new(FIRST, LONGEST).next_pause()).collect();
        assert!(pauses.len() > 16, "only {} of 64 pauses differ", pauses.len());
    }
}
