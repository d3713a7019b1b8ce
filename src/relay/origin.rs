//! Whom a connection counts for: an address, and the network that the address belongs to. Pure.
//!
//! | the client's address | counts as the address | in the network |
//! | --- | --- | --- |
//! | IPv4, also mapped into IPv6 | itself | its /24 |
//! | IPv6 | its /64, which is what one customer of a provider gets | its /48 |
//! | 6to4 (`2002::/16`) | the IPv4 address in it | the /24 of that |
//! | Teredo (`2001::/32`) | the client's IPv4 address in it | the /24 of that |
//! | NAT64 (`64:ff9b::/96`) | the IPv4 address in it | the /24 of that |
//!
//! A connection exists only if the relay's answers reach the client. In 6to4 and Teredo they go to the IPv4 address inside, so
//! no client can make that address up, while the client that has it may choose the rest. An address with the NAT64 prefix
//! reaches a relay only from a translator in front of it, which writes the IPv4 address of the client there. (A client that
//! leaves its own network through NAT64 comes with the IPv4 address of its translator.)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What limits are counted by: an address or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum AddressKey {
    V4(Ipv4Addr),
    V4Network([u8; 3]),
    V6([u16; 4]),
    V6Network([u16; 3]),
}

/// The two keys that a client's connection counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientOrigin {
    pub(super) address: AddressKey,
    pub(super) network: AddressKey,
}

impl ClientOrigin {
    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        Self { address: AddressKey::V4(address), network: AddressKey::V4Network([a, b, c]) }
    }
}

impl From<IpAddr> for ClientOrigin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => inner_v4(address).map_or_else(
                || {
                    let [a, b, c, d, ..] = address.segments();
                    Self { address: AddressKey::V6([a, b, c, d]), network: AddressKey::V6Network([a, b, c]) }
                },
                Self::of_v4,
            ),
        }
    }
}

/// The IPv4 address to which packets for this IPv6 address go, or from which a translator took them.
fn inner_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        // Teredo inverts the client's address.
        [0x2001, 0, .., high, low] => Some(join(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> ClientOrigin {
        address.parse::<IpAddr>().unwrap().into()
    }

    /// Whether two addresses are the same address, and whether they are in the same network.
    fn same(one: &str, other: &str) -> (bool, bool) {
        let (one, other) = (origin(one), origin(other));
        (one.address == other.address, one.network == other.network)
    }

    #[test]
    fn ipv4_counts_by_address_and_by_24_bits() {
        assert_eq!(same("192.0.2.1", "192.0.2.1"), (true, true));
        assert_eq!(same("192.0.2.1", "192.0.2.254"), (false, true));
        assert_eq!(same("192.0.2.1", "192.0.3.1"), (false, false));
        assert_eq!(same("192.0.2.1", "::ffff:192.0.2.1"), (true, true));
    }

    #[test]
    fn ipv6_counts_by_64_and_by_48_bits() {
        assert_eq!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), (true, true));
        assert_eq!(same("2001:db8:1:2::1", "2001:db8:1:3::1"), (false, true));
        assert_eq!(same("2001:db8:1:2::1", "2001:db8:2:2::1"), (false, false));
    }

    #[test]
    fn an_ipv4_address_gets_no_further_keys_from_the_ipv6_addresses_that_come_with_it() {
        let plain = origin("192.0.2.33");
        assert_eq!(origin("2002:c000:0221::1"), plain);
        assert_eq!(origin("2002:c000:0221:ffff:1:2:3:4"), plain);
        // Two servers, other flags and ports, one client.
        assert_eq!(origin("2001:0:4136:e378:8000:63bf:3fff:fdde"), plain);
        assert_eq!(origin("2001:0:1234:5678:0:1:3fff:fdde"), plain);
    }

    #[test]
    fn clients_that_share_a_translator_or_a_teredo_server_are_told_apart() {
        assert_eq!(origin("64:ff9b::192.0.2.33"), origin("192.0.2.33"));
        assert_eq!(same("64:ff9b::192.0.2.33", "64:ff9b::198.51.100.1"), (false, false));
        let [one, other] = ["2001:0:4136:e378::3fff:fdde", "2001:0:4136:e378::39cc:9bfe"];
        assert_eq!(same(one, other), (false, false));
        // Nothing is known about the form of addresses under the prefix for local use.
        assert_eq!(same("64:ff9b:1::192.0.2.33", "64:ff9b:1::198.51.100.1"), (true, true));
    }
}
