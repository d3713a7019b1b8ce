//! Sizes and rates as people write them.

use std::num::NonZeroU64;

/// `500`, `200MB`, `1.5GiB`, `10 k`: bytes. Decimal units are powers of 1,000, those with an `i` powers of 1,024.
pub(super) fn bytes(text: &str) -> Result<NonZeroU64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("/s").unwrap_or(&unit);
    let factor: f64 = match unit.strip_suffix('b').unwrap_or(unit) {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "ki" => 1024.0,
        "mi" => 1024.0 * 1024.0,
        "gi" => 1024.0 * 1024.0 * 1024.0,
        "ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err("write a number of bytes such as 500k, 200MB or 1.5GiB".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "write a number first, as in 200MB".to_owned())?;
    let bytes = (number * factor).round();
    if (1.0..=9e18).contains(&bytes) {
        NonZeroU64::new(bytes as u64).ok_or_else(|| "must be at least one byte".to_owned())
    } else {
        Err("must be at least one byte, and less than 9 EB".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, expected) in [
            ("500", 500),
            ("200MB", 200_000_000),
            ("1.5GiB", 1_610_612_736),
            ("10 k", 10_000),
            ("3MiB/s", 3 * 1024 * 1024),
            ("2 gb/s", 2_000_000_000),
        ] {
            assert_eq!(bytes(text).unwrap().get(), expected, "{text}");
        }
        for text in ["", "MB", "-5", "5 apples", "0", "1e5", "99999999999TB", "1.2.3"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
