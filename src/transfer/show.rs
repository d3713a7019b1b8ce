//! How text from elsewhere, and numbers, are shown to the user.

use std::fmt;

use crate::foreign;

/// The longest number that is compared by its value, in digits. The code of a number's length has to be a character.
const MAX_DIGITS: usize = 0xd000;

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

/// A text by whose bytes names sort as people expect: in lower case, and with each number behind its length, so that 10
/// comes after 9.
pub(crate) fn natural_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 8);
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        if !c.is_ascii_digit() {
            key.extend(c.to_lowercase());
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = rest[..digits].trim_start_matches('0');
        // A number stands where its digits would, by the first of them that there is.
        key.push('0');
        key.extend(char::from_u32(number.len().min(MAX_DIGITS) as u32 + 1));
        key.push_str(number);
        rest = &rest[digits..];
    }
    key
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

    #[test]
    fn names_sort_as_people_count_and_whatever_their_case() {
        let mut names = [
            "IMG_10.jpg",
            "img_9.jpg",
            "Quarterly",
            "holiday",
            "IMG_9a.jpg",
            "007",
            "8",
            "ähnlich",
            "img_010.jpg",
            "12345678901234567890123",
            "zebra",
            "99999999999999999999999",
        ];
        names.sort_by_key(|name| natural_key(name));
        let expected = [
            "007",
            "8",
            "12345678901234567890123",
            "99999999999999999999999",
            "holiday",
            "img_9.jpg",
            "IMG_9a.jpg",
            "IMG_10.jpg",
            "img_010.jpg",
            "Quarterly",
            "zebra",
            "ähnlich",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn no_name_is_too_long_or_strange_for_a_key() {
        for name in ["", "0", "00", "٣", "İ", &"9".repeat(70_000), "\u{10ffff}"] {
            natural_key(name);
        }
        assert_eq!(natural_key("007"), natural_key("7"));
    }
}
