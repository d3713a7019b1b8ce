//! How text from elsewhere, and numbers, are shown to the user.

use std::fmt;

use crate::foreign;

/// Text from a peer or a disk, shown so that it can't forge what stands around it.
pub(crate) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        foreign::write(f, self.0)
    }
}

/// A number of bytes in units of 1,024: `512 bytes`, `1.5 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") };
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded up to 1024 is shown as 1 of the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with its noun: `1 file`, `2 files`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal_or_turn_the_text() {
        assert_eq!(Shown("a\u{1b}[2Jb\nc").to_string(), "a\\u{1b}[2Jb\\nc");
        assert_eq!(Shown("\u{202e}gpj.exe").to_string(), "\\u{202e}gpj.exe");
        assert_eq!(Shown("日本語 😀 'x'").to_string(), "日本語 😀 'x'");
    }

    #[test]
    fn sizes_read_well() {
        for (count, shown) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536 * 1024, "1.5 MiB"),
            ((1 << 30) - 1, "1.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(count), shown);
        }
    }
}
