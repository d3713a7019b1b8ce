//! Sizes and rates as users write them, with one grammar for the command line and the window: a number, which may have a decimal
//! point or comma, and a unit such as `kB`, `MB` or `GiB`, in upper or lower case, with `/s` or without. Units are powers of
//! 1,000; those with an `i` are powers of 1,024. In place of `B` may stand `o`, for octet, as in French: `Mo`.

use std::{fmt, num::NonZeroU64, str::FromStr};

/// Bytes a second, at least 1 and at most 9·10¹⁸.
///
/// A number without a unit is in MB/s, because that is what people measure transfers in: `5` as five bytes a second would
/// stop a transfer, and no user means that. [`Display`](fmt::Display) writes the rate in the largest decimal unit that
/// shows it whole, in a form that can be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(NonZeroU64);

/// A number of bytes, at least 1 and at most 9·10¹⁸. A number without a unit is in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(NonZeroU64);

/// Text that is neither a rate nor a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUnits {
    /// The text does not begin with a number, or the number has several points or commas.
    #[error("write a number first, as in 200MB")]
    NoNumber,
    /// What follows the number is not a unit.
    #[error("write a number and a unit, such as 500kB, 200MB or 1.5GiB")]
    NoUnit,
    /// The result is less than one byte, or more than 9·10¹⁸ bytes.
    #[error("must be at least one byte, and less than 9 EB")]
    OutOfRange,
}

impl Rate {
    /// The rate of this many bytes a second; `None` for 0.
    pub fn from_bytes_per_sec(bytes: u64) -> Option<Self> {
        NonZeroU64::new(bytes).map(Self)
    }

    /// Bytes a second.
    pub fn bytes_per_sec(self) -> NonZeroU64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = BadUnits;

    fn from_str(text: &str) -> Result<Self, BadUnits> {
        read(text, 1e6).map(Self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get() {
            rate if rate.is_multiple_of(1_000_000_000) => write!(f, "{} GB/s", rate / 1_000_000_000),
            rate if rate.is_multiple_of(1_000_000) => write!(f, "{} MB/s", rate / 1_000_000),
            rate if rate.is_multiple_of(1_000) => write!(f, "{} kB/s", rate / 1_000),
            rate => write!(f, "{rate} B/s"),
        }
    }
}

impl ByteSize {
    /// How many bytes.
    pub fn bytes(self) -> NonZeroU64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = BadUnits;

    fn from_str(text: &str) -> Result<Self, BadUnits> {
        read(text, 1.0).map(Self)
    }
}

/// Reads a number and its unit; `plain` is how many bytes a number without a unit counts in.
fn read(text: &str, plain: f64) -> Result<NonZeroU64, BadUnits> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("/s").unwrap_or(&unit);
    let factor = match unit {
        "" => plain,
        "b" | "o" => 1.0,
        _ => match unit.strip_suffix(['b', 'o']).unwrap_or(unit) {
            "k" => 1e3,
            "m" => 1e6,
            "g" => 1e9,
            "t" => 1e12,
            "ki" => 1024.0,
            "mi" => 1024.0 * 1024.0,
            "gi" => 1024.0 * 1024.0 * 1024.0,
            "ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(BadUnits::NoUnit),
        },
    };
    let number: f64 = number.replace(',', ".").parse().map_err(|_| BadUnits::NoNumber)?;
    let bytes = (number * factor).round();
    if (1.0..=9e18).contains(&bytes) {
        NonZeroU64::new(bytes as u64).ok_or(BadUnits::OutOfRange)
    } else {
        Err(BadUnits::OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_sizes_are_read_as_users_write_them() {
        for (text, bytes) in [
            ("500b", 500),
            ("200MB", 200_000_000),
            ("1.5GiB", 1_610_612_736),
            ("1,5 MB/s", 1_500_000),
            ("10 k", 10_000),
            ("64 KiB", 65_536),
            ("3MiB/s", 3 * 1024 * 1024),
            ("2 gb/s", 2_000_000_000),
            (" 7 B/s ", 7),
            ("5 Mo/s", 5_000_000),
            ("1,5\u{a0}Gio", 1_610_612_736),
            ("300 o", 300),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().bytes_per_sec().get(), bytes, "{text}");
            assert_eq!(text.parse::<ByteSize>().unwrap().bytes().get(), bytes, "{text}");
        }
        for (text, why) in [
            ("", BadUnits::NoNumber),
            ("MB", BadUnits::NoNumber),
            ("1.2.3", BadUnits::NoNumber),
            ("1,000,000 B/s", BadUnits::NoNumber),
            ("-5", BadUnits::NoUnit),
            ("5 apples", BadUnits::NoUnit),
            ("1e5", BadUnits::NoUnit),
            ("0", BadUnits::OutOfRange),
            ("99999999999TB", BadUnits::OutOfRange),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(why), "{text}");
            assert_eq!(text.parse::<ByteSize>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_plain_number_is_a_rate_in_megabytes_a_second_and_a_size_in_bytes() {
        assert_eq!("5".parse::<Rate>().unwrap().bytes_per_sec().get(), 5_000_000);
        assert_eq!("0.5".parse::<Rate>().unwrap().bytes_per_sec().get(), 500_000);
        assert_eq!("500".parse::<ByteSize>().unwrap().bytes().get(), 500);
    }

    #[test]
    fn a_rate_reads_back_from_what_it_shows() {
        for (bytes, shown) in [
            (7, "7 B/s"),
            (1_500, "1500 B/s"),
            (64_000, "64 kB/s"),
            (5_000_000, "5 MB/s"),
            (2_000_000_000, "2 GB/s"),
        ] {
            let rate = Rate::from_bytes_per_sec(bytes).unwrap();
            assert_eq!(rate.to_string(), shown);
            assert_eq!(shown.parse(), Ok(rate));
        }
        assert_eq!(Rate::from_bytes_per_sec(0), None);
    }
}
