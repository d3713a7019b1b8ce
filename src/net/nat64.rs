//! IPv4 addresses on a network that has only IPv6. Its gateway takes them inside IPv6 addresses (RFC 6052), under a prefix that the
//! name service tells (RFC 7050). Names need none of this, because that name service answers them with such addresses.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    time::Duration,
};

use tokio::{net::lookup_host, time::timeout};

/// A name that has only IPv4 addresses, so an IPv6 address for it has the gateway's prefix.
const NAME: &str = "ipv4only.arpa";
/// The addresses of that name.
const KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];
/// How long the name service may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(3);
/// Bytes of the prefixes that there are.
const PREFIX_BYTES: [usize; 6] = [12, 8, 7, 6, 5, 4];
/// The byte of an address that has to be zero, and that the IPv4 address leaves out.
const RESERVED: usize = 8;

/// The address at which this network's gateway takes connections to an IPv4 address, if there is such a gateway.
pub(super) async fn through_gateway(address: SocketAddrV4) -> Option<SocketAddr> {
    let found = timeout(LOOKUP_LIMIT, lookup_host((NAME, 0))).await.ok()?.ok()?;
    let mut samples = found.filter_map(|found| match found {
        SocketAddr::V6(v6) => Some(*v6.ip()),
        SocketAddr::V4(_) => None,
    });
    let embedded = samples.find_map(Prefix::in_address_of_name)?.embed(*address.ip());
    Some(SocketAddrV6::new(embedded, address.port(), 0, 0).into())
}

/// What all addresses of a gateway begin with.
#[derive(Debug, PartialEq, Eq)]
struct Prefix {
    bytes: [u8; 16],
    len: usize,
}

impl Prefix {
    /// The prefix in an address of [`NAME`]; `None` if the address has no known IPv4 address in it.
    fn in_address_of_name(address: Ipv6Addr) -> Option<Self> {
        let octets = address.octets();
        let len = PREFIX_BYTES.into_iter().find(|len| {
            let inside = places(*len).map(|place| octets[place]);
            KNOWN.contains(&Ipv4Addr::from(inside)) && (*len > RESERVED || octets[RESERVED] == 0)
        })?;
        let mut bytes = [0; 16];
        bytes[..len].copy_from_slice(&octets[..len]);
        Some(Self { bytes, len })
    }

    fn embed(&self, address: Ipv4Addr) -> Ipv6Addr {
        let mut bytes = self.bytes;
        for (place, octet) in places(self.len).into_iter().zip(address.octets()) {
            bytes[place] = octet;
        }
        bytes.into()
    }
}

/// Where the bytes of an IPv4 address stand behind a prefix of this many bytes.
fn places(len: usize) -> [usize; 4] {
    std::array::from_fn(|at| {
        let place = len + at;
        if len <= RESERVED && place >= RESERVED { place + 1 } else { place }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6052, section 2.4.
    #[test]
    fn an_address_is_put_behind_a_prefix_of_any_length() {
        let name = Ipv4Addr::new(192, 0, 0, 170);
        for (len, prefix, expected) in [
            (4, "2001:db8::", "2001:db8:c000:221::"),
            (5, "2001:db8:100::", "2001:db8:1c0:2:21::"),
            (6, "2001:db8:122::", "2001:db8:122:c000:2:2100::"),
            (7, "2001:db8:122:300::", "2001:db8:122:3c0:0:221::"),
            (8, "2001:db8:122:344::", "2001:db8:122:344:c0:2:2100::"),
            (12, "2001:db8:122:344::", "2001:db8:122:344::192.0.2.33"),
            (12, "64:ff9b::", "64:ff9b::192.0.2.33"),
        ] {
            let prefix = Prefix { bytes: prefix.parse::<Ipv6Addr>().unwrap().octets(), len };
            assert_eq!(prefix.embed(Ipv4Addr::new(192, 0, 2, 33)), expected.parse::<Ipv6Addr>().unwrap());
            assert_eq!(Prefix::in_address_of_name(prefix.embed(name)), Some(prefix));
        }
    }

    #[test]
    fn an_address_without_a_known_one_in_it_has_no_prefix() {
        for other in ["2001:db8::1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.170", "::"] {
            assert_eq!(Prefix::in_address_of_name(other.parse().unwrap()), None, "{other}");
        }
    }
}
