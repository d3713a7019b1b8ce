//! Sizes and durations in words.

use std::time::Duration;

use crate::app::words::Words;

/// An amount: `12 files · 1.4 GiB`.
pub(in crate::app) fn amount(words: &Words, files: u64, bytes: Option<u64>) -> String {
    let files = words.tell("files", &[("count", files.into()), ("shown", words.number(files).into())]);
    match bytes {
        Some(bytes) => format!("{files} · {}", words.bytes(bytes)),
        None => files,
    }
}

/// A duration in at most two units: `3 min 20 s`.
pub(in crate::app) fn duration(words: &Words, time: Duration) -> String {
    let secs = time.as_secs();
    let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
    let part = |key: &str, count: u64| words.tell(key, &[("count", count.into())]);
    match (hours, minutes, seconds) {
        (0, 0, seconds) => part("seconds", seconds),
        (0, minutes, 0) => part("minutes", minutes),
        (0, minutes, seconds) => format!("{} {}", part("minutes", minutes), part("seconds", seconds)),
        (hours, 0, _) => part("hours", hours),
        (hours, minutes, _) => format!("{} {}", part("hours", hours), part("minutes", minutes)),
    }
}
