//! This machine's addresses, and from where an address can be reached.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use if_addrs::IfAddr;
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

/// Whether a connection from `peer` comes from the local network: from an address that can be reached only from there, or from
/// one in the same subnet as this machine, as most IPv6 addresses of a home network are.
pub fn is_local(peer: IpAddr) -> bool {
    Reach::of(peer) != Reach::Anywhere
        || if_addrs::get_if_addrs().unwrap_or_default().iter().any(|interface| {
            // The other end of a line to a provider is no local network.
            !interface.is_p2p() && is_in_subnet(peer.to_canonical(), &interface.addr)
        })
}

/// Whether `ip` is in the subnet of an interface. A mask that is missing or far too wide for one network counts for nothing.
fn is_in_subnet(ip: IpAddr, interface: &IfAddr) -> bool {
    match (ip, interface) {
        (IpAddr::V4(ip), IfAddr::V4(own)) => {
            own.netmask.to_bits().leading_ones() >= 8
                && (ip.to_bits() ^ own.ip.to_bits()) & own.netmask.to_bits() == 0
        }
        (IpAddr::V6(ip), IfAddr::V6(own)) => {
            own.netmask.to_bits().leading_ones() >= 48
                && (ip.to_bits() ^ own.ip.to_bits()) & own.netmask.to_bits() == 0
        }
        _ => false,
    }
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

/// Whether this machine has a network at all, if only a cable to another machine.
pub fn has_network() -> bool {
    // A system that doesn't say is taken to have one.
    if_addrs::get_if_addrs().map_or(true, |interfaces| interfaces.iter().any(|one| !one.is_loopback()))
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
    use if_addrs::{Ifv4Addr, Ifv6Addr};

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
    fn only_the_subnets_of_this_machine_are_local_among_public_addresses() {
        let v4 = |ip: &str, netmask: &str| {
            let (ip, netmask) = (ip.parse().unwrap(), netmask.parse().unwrap());
            IfAddr::V4(Ifv4Addr { ip, netmask, prefixlen: 0, broadcast: None })
        };
        let v6 = |ip: &str, netmask: &str| {
            let (ip, netmask) = (ip.parse().unwrap(), netmask.parse().unwrap());
            IfAddr::V6(Ifv6Addr { ip, netmask, prefixlen: 0, broadcast: None })
        };
        let home = [v4("203.0.113.5", "255.255.255.0"), v6("2001:db8:1:2::5", "ffff:ffff:ffff:ffff::")];
        // An unknown mask comes as zeros.
        let odd = [v4("198.51.100.1", "0.0.0.0"), v6("2001:db8:ffff::1", "::"), v4("8.1.1.1", "254.0.0.0")];
        let is_local = |peer: &str| {
            let peer: IpAddr = peer.parse().unwrap();
            home.iter().chain(&odd).any(|interface| is_in_subnet(peer, interface))
        };
        for peer in ["203.0.113.77", "2001:db8:1:2:ffff::9"] {
            assert!(is_local(peer), "{peer}");
        }
        for peer in ["203.0.114.5", "198.51.100.2", "9.1.1.1", "2001:db8:1:3::5", "2001:db8:ffff::2"] {
            assert!(!is_local(peer), "{peer}");
        }
    }

    #[test]
    fn a_private_address_is_local_and_one_of_the_internet_is_not() {
        for peer in
            ["127.0.0.1", "::1", "10.1.2.3", "::ffff:192.168.1.1", "169.254.3.4", "fe80::1", "fd00::1"]
        {
            assert!(super::is_local(peer.parse().unwrap()), "{peer}");
        }
        // Addresses of a name service, whose subnets no other machine is in. Those for documentation are in use in some test beds.
        for peer in ["8.8.8.8", "::ffff:8.8.8.8", "2001:4860:4860::8888"] {
            assert!(!super::is_local(peer.parse().unwrap()), "{peer}");
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
