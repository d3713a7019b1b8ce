//! Sizes, rates and port lists as people write them.

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

/// A list of ports from what an operator writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ports(pub(super) Vec<u16>);

/// `27002-27009`, `27002,27005-27006`, or `none`.
pub(super) fn ports(text: &str) -> Result<Ports, String> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(Ports(Vec::new()));
    }
    let wrong =
        || format!("'{text}' is no list of ports; write for instance 27002-27009, 27002,27003 or none");
    let mut ports = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: u16 = first.trim().parse().map_err(|_| wrong())?;
        let last: u16 = last.trim().parse().map_err(|_| wrong())?;
        if last < first || usize::from(last - first) + ports.len() >= 64 {
            return Err(format!("'{text}' names no ports, or more than 64"));
        }
        ports.extend(first..=last);
    }
    Ok(Ports(ports))
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

    #[test]
    fn port_lists_are_read() {
        assert_eq!(ports("27002-27004, 9").unwrap().0, [27002, 27003, 27004, 9]);
        assert!(ports("none").unwrap().0.is_empty());
        for text in ["", "x", "5-3", "1-65535", "70000"] {
            assert!(ports(text).is_err(), "{text}");
        }
    }
}
