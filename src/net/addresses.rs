//! This machine's addresses, and from where an address can be reached.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use socket2::{Domain, Socket, Type};

/// From where an address can be reached, as far as the address itself tells: a firewall may not let it be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Only from this computer.
    ThisComputer,
    /// From the same network: the address is private, or one that the provider shares among its customers.
    LocalNetwork,
    /// From everywhere.
    Anywhere,
}

impl Reach {
    /// From where `address` can be reached.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_unspecified() => Self::ThisComputer,
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => Self::ThisComputer,
            IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() || is_shared(v4) => Self::LocalNetwork,
            IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => Self::LocalNetwork,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::Anywhere,
        }
    }
}

/// Whether an address is one of those between a provider and its customers, 100.64.0.0/10 (RFC 6598).
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0xc0 == 64
}

/// This machine's addresses, first IPv4, then IPv6. Loopback and link-local addresses are left out, because other machines
/// can't use them as they stand; without any other address, the list is empty.
pub fn reachable() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(|interface| interface.ip())
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// Whether this machine still has the address of one end of a connection. The system doesn't tell a connection that its
/// address is gone; the connection just goes silent. But a socket can no longer be bound to such an address.
pub fn is_ours(mut end: SocketAddr) -> bool {
    end.set_port(0);
    if let (IpAddr::V4(v4), true) = (end.ip().to_canonical(), end.is_ipv6()) {
        end = (v4, 0).into();
    }
    let bound = Socket::new(Domain::for_address(end), Type::STREAM, None).and_then(|s| s.bind(&end.into()));
    // Any other error says nothing about the address.
    !bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_ours_as_long_as_the_machine_has_it() {
        for ours in ["127.0.0.1:1", "[::ffff:127.0.0.1]:1", "0.0.0.0:0"] {
            assert!(is_ours(ours.parse().unwrap()), "{ours}");
        }
        // Addresses that are reserved for documentation: no machine has them.
        for gone in ["192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
            assert!(!is_ours(gone.parse().unwrap()), "{gone}");
        }
    }

    #[test]
    fn addresses_are_known_by_their_networks() {
        for (reach, addresses) in [
            (
                Reach::ThisComputer,
                &["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"][..],
            ),
            (
                Reach::LocalNetwork,
                &[
                    "10.0.0.1",
                    "172.16.0.1",
                    "172.31.255.255",
                    "192.168.0.1",
                    "169.254.1.1",
                    "100.64.0.0",
                    "100.127.255.255",
                    "fc00::1",
                    "fdff::1",
                    "fe80::1",
                    "febf::1",
                    "::ffff:10.0.0.1",
                ],
            ),
            (
                Reach::Anywhere,
                &[
                    "8.8.8.8",
                    "172.15.0.1",
                    "172.32.0.1",
                    "100.63.255.255",
                    "100.128.0.0",
                    "2001:db8::1",
                    "fec0::1",
                    "::ffff:8.8.8.8",
                ],
            ),
        ] {
            for address in addresses {
                assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
            }
        }
    }
}
