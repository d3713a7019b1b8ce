//! The address of a relay, as users write it.

use std::{fmt, net::SocketAddr, str::FromStr};

use super::addresses::Reach;
use crate::host::is_shorthand;

/// The port of a relay's control connections if none is named.
pub const DEFAULT_PORT: u16 = 27001;

/// The address of a relay: `HOST`, `HOST:PORT`, `1.2.3.4:PORT` or `[::1]:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelayAddress {
    host: String,
    port: u16,
}

/// Text that is not the address of a relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a relay's address; write HOST or HOST:PORT, for instance relay.example.org:27001")]
pub struct BadRelayAddress(String);

impl RelayAddress {
    /// The address of a relay at exactly this socket address.
    pub fn from_socket(address: SocketAddr) -> Self {
        let host = match address {
            // Such an address is valid only on the network of one interface, which has to be named with it.
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        Self { host, port: address.port() }
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of control connections.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether this is the same host and port. Upper and lower case count the same in a host's name.
    pub fn is_same(&self, other: &Self) -> bool {
        self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// From where the relay can be reached, as far as the address tells; `None` for a host's name.
    pub fn reach(&self) -> Option<Reach> {
        // An IPv6 address of the local network may name its interface after a `%`.
        let ip = self.host.split_once('%').map_or(self.host.as_str(), |(ip, _)| ip);
        ip.parse().ok().map(Reach::of)
    }
}

impl FromStr for RelayAddress {
    type Err = BadRelayAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::with_default_port(text, DEFAULT_PORT)
    }
}

impl RelayAddress {
    /// Reads an address, with this port if none is named.
    pub fn with_default_port(text: &str, default_port: u16) -> Result<Self, BadRelayAddress> {
        let text = text.trim();
        let bad = || BadRelayAddress(text.chars().filter(|c| !c.is_control()).take(80).collect());
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some("bad")))
        } else if text.matches(':').count() == 1 {
            text.split_once(':').map(|(host, port)| (host, Some(port))).ok_or_else(bad)?
        } else {
            (text, None)
        };
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || host.len() > 253 || !host.chars().all(fits) || is_shorthand(host) {
            return Err(bad());
        }
        let port = match port {
            None => default_port,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relay_addresses_come_back_as_they_were() {
        for (text, shown) in [
            ("relay.example.org", "relay.example.org:27001"),
            ("relay.example.org:9", "relay.example.org:9"),
            ("192.0.2.1:27001", "192.0.2.1:27001"),
            ("[::1]:5", "[::1]:5"),
            ("::1", "[::1]:27001"),
            ("[2001:db8::1]", "[2001:db8::1]:27001"),
        ] {
            assert_eq!(text.parse::<RelayAddress>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn an_address_of_one_interface_keeps_it() {
        let address = SocketAddr::V6(std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 0, 3));
        let relay = RelayAddress::from_socket(address);
        assert_eq!(
            (relay.to_string(), relay.reach()),
            ("[fe80::1%3]:9".to_owned(), Some(Reach::LocalNetwork))
        );
    }

    #[test]
    fn an_address_tells_from_where_it_can_be_reached_and_a_name_does_not() {
        for (text, reach) in [
            ("192.168.1.5:9", Some(Reach::LocalNetwork)),
            ("[fe80::1%eth0]:9", Some(Reach::LocalNetwork)),
            ("[2001:db8::1]", Some(Reach::Anywhere)),
            ("relay.example.org", None),
        ] {
            assert_eq!(text.parse::<RelayAddress>().unwrap().reach(), reach, "{text}");
        }
    }

    #[test]
    fn what_is_no_relay_address_is_said_to_be_none() {
        for text in
            ["", ":27001", "host:0", "host:99999", "host:x", "[::1", "[::1]x", "a b", "a/b", "user@host"]
        {
            assert!(text.parse::<RelayAddress>().is_err(), "{text}");
        }
    }
}
