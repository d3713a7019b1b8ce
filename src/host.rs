//! Which names of hosts are shorthand for IPv4 addresses. Links, settings and the command line refuse them. Pure.

use std::net::Ipv4Addr;

/// Whether resolvers take this host for an IPv4 address that isn't written out. `192.168.1` means 192.168.0.1 to them, so half of
/// an address leads to another computer; `0300.1` is octal, and `3232235777` is one number for all four.
pub(crate) fn is_shorthand(host: &str) -> bool {
    if host.contains(':') {
        // An IPv6 address may end like one of IPv4.
        return false;
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    // No top-level domain is a number, and no other name ends in one.
    let is_number = match hex {
        Some(digits) => digits.chars().all(|c| c.is_ascii_hexdigit()),
        None => !last.is_empty() && last.chars().all(char::is_numeric),
    };
    is_number && host.parse::<Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_is_written_out_is_none() {
        for host in [
            "192.168.1",
            "192.168.1.",
            "10.1",
            "10",
            "3232235777",
            "0x7f.1",
            "0x7f000001",
            "0X7F000001",
            "127.0.0.0x1",
            "0300.0250.1.1",
            "192.168.001.020",
            "192.168.1.256",
            "1.2.3.4.5",
            "relay.example.1",
            "１９２.１６８.１.２０",
        ] {
            assert!(is_shorthand(host), "{host}");
        }
        for host in [
            "192.168.1.20",
            "127.0.0.1",
            "relay.example.org",
            "relay.example.org.",
            "host1",
            "1.host",
            "0xa.org",
            "::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "",
        ] {
            assert!(!is_shorthand(host), "{host}");
        }
    }
}
