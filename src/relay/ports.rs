//! A relay's data ports as users write them, on a command line or in the settings.

use std::{fmt, str::FromStr};

/// The most data ports that a relay can have, as many as its welcome may name.
const MAX_PORTS: usize = 64;

/// A list of ports, written `27002-27009`, `27002,27005-27006` or `none`. It is empty if lanes share the control port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ports(pub Vec<u16>);

/// Text that is not a list of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPorts {
    /// A part that is neither a port nor a range.
    #[error("write for instance 27002-27009, 27002,27003 or none")]
    NoList,
    /// A range from a higher port to a lower one, or too many ports.
    #[error("write a range from the lower port to the higher one, with at most {MAX_PORTS} ports in all")]
    Count,
}

impl FromStr for Ports {
    type Err = BadPorts;

    fn from_str(text: &str) -> Result<Self, BadPorts> {
        if text.trim().eq_ignore_ascii_case("none") {
            return Ok(Self::default());
        }
        let mut ports = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: u16 = first.trim().parse().map_err(|_| BadPorts::NoList)?;
            let last: u16 = last.trim().parse().map_err(|_| BadPorts::NoList)?;
            if last < first || usize::from(last - first) + ports.len() >= MAX_PORTS {
                return Err(BadPorts::Count);
            }
            ports.extend(first..=last);
        }
        Ok(Self(ports))
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let runs = self.0.chunk_by(|port, next| port.checked_add(1) == Some(*next));
        for (index, run) in runs.enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match run {
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                run => run.iter().try_for_each(|only| write!(f, "{comma}{only}"))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_lists_are_read() {
        assert_eq!("27002-27004, 9".parse::<Ports>().unwrap().0, [27002, 27003, 27004, 9]);
        assert!("none".parse::<Ports>().unwrap().0.is_empty());
        for text in ["", "x", "5-3", "1-65535", "70000"] {
            assert!(text.parse::<Ports>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_list_reads_back_from_what_it_shows() {
        for text in ["none", "27002-27009", "27002", "0,0", "27002,27005-27006,9", "65535,0"] {
            assert_eq!(text.parse::<Ports>().unwrap().to_string(), text);
        }
    }
}
