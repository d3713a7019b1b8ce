//! Under which key a sender can be found over the internet: one that both sides make of the first two words and the day.

use std::time::{SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

use crate::{
    code::CodePhrase,
    crypto::meeting_key::meeting_key,
    panics::{Blocking, spawn_blocking},
};

/// A day of UTC, without leap seconds.
const DAY: u64 = 24 * 60 * 60;
/// How far two clocks may be apart around midnight.
const SLACK: u64 = 2 * 60 * 60;

/// The key of the code's room on a day, which takes a moment to make.
pub(super) fn key(code: &CodePhrase, day: u64) -> Blocking<Zeroizing<[u8; 32]>> {
    let words = code.room_words();
    spawn_blocking(move || meeting_key(words.as_bytes(), day))
}

/// Today, as a sender counts it: days since 1970-01-01, in UTC.
pub fn today() -> u64 {
    now() / DAY
}

/// The days on which a sender may have put up its code that a receiver looks for now.
pub fn days() -> Vec<u64> {
    days_at(now())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn days_at(now: u64) -> Vec<u64> {
    let mut days = vec![now / DAY, now.saturating_sub(SLACK) / DAY, (now + SLACK) / DAY];
    days.dedup();
    days.truncate(2);
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn around_midnight_the_neighbouring_day_counts_as_well() {
        let noon = 20_000 * DAY + DAY / 2;
        assert_eq!(days_at(noon), [20_000]);
        assert_eq!(days_at(20_000 * DAY + 60), [20_000, 19_999]);
        assert_eq!(days_at(20_001 * DAY - 60), [20_000, 20_001]);
        assert_eq!(days_at(20_000 * DAY + SLACK), [20_000]);
    }
}
