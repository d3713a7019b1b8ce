//! Meeting and lanes over the internet without a relay of Caiman's own kind: QUIC connections that find a direct way
//! through routers, and public relays where there is none. All of that is done by iroh; this module and [`endpoint`] are all
//! that names it.

use std::{fmt, io, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::proxy::ProxyChoice;
use crate::{host::is_shorthand, panics::PanicReport};

#[cfg(feature = "internet")]
mod endpoint;
#[cfg(not(feature = "internet"))]
#[path = "internet/left_out.rs"]
mod endpoint;

pub use endpoint::{Endpoint, Incoming, QuicConnection, QuicStream, probe, public_key};

/// What a transfer may use of the internet, beside Caiman's own relays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Internet {
    /// The iroh relays to use; empty for the public ones, which number 0 runs.
    pub relays: Vec<IrohRelay>,
    /// The proxy through which they are reached. It has to be one of HTTP; others are not used here.
    pub proxy: ProxyChoice,
}

/// What an endpoint tells those that it talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reveal {
    /// Nothing: everything goes through a relay.
    Nothing,
    /// The addresses of this machine, so that the two find a direct way.
    Addresses,
}

impl Internet {
    /// Whether this program can do it at all: the feature `internet` may have been left out.
    pub const IS_BUILT_IN: bool = cfg!(feature = "internet");

    /// Whether the public relays are used.
    pub fn is_public(&self) -> bool {
        self.relays.is_empty()
    }
}

/// The address of an iroh relay: `https://host[:port]/`. With `http://` it works without a certificate and can't tell its
/// clients how their routers translate addresses, so that few of them find a direct way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IrohRelay(String);

/// A text is no address of an iroh relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an iroh relay is named by its address, such as https://relay.example.org")]
pub struct BadIrohRelay;

impl IrohRelay {
    /// The host, and the port if one is named.
    pub fn host(&self) -> &str {
        let (_, rest) = self.0.split_once("://").expect("checked when it was read");
        rest.trim_end_matches('/')
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IrohRelay {
    type Err = BadIrohRelay;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let is_secure = scheme.eq_ignore_ascii_case("https");
        // A host name, an IPv4 address, or an IPv6 address in brackets; then a port.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let port = host.rsplit_once(':').filter(|(before, _)| !before.contains(':') || before.ends_with(']'));
        let has_good_port = port.is_none_or(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
        let name = port.map_or(host, |(name, _)| name);
        let is_good = (is_secure || scheme.eq_ignore_ascii_case("http"))
            && !host.is_empty()
            && !host.starts_with(':')
            && host.len() <= 253
            && host.bytes().all(is_plain)
            && !is_shorthand(name)
            && has_good_port;
        if !is_good {
            return Err(BadIrohRelay);
        }
        let scheme = if is_secure { "https" } else { "http" };
        Ok(Self(format!("{scheme}://{}/", host.to_ascii_lowercase())))
    }
}

/// What a test of an iroh relay has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IrohCheck {
    /// How long the relay takes to answer.
    pub latency: Duration,
    /// Whether the relay tells this machine under which address others see it. Without that, few clients of the relay find a
    /// direct way through their routers.
    pub tells_addresses: bool,
}

/// Why an iroh relay can't be used.
#[derive(Debug, thiserror::Error)]
pub enum IrohCheckError {
    /// Nothing answers at its address, or not as an iroh relay does.
    #[error("no iroh relay answers at {0}")]
    Silent(IrohRelay),
    /// It answers, and no connection to it comes about.
    #[error("the iroh relay {relay} can't be connected to: {cause}")]
    Unusable {
        /// The relay.
        relay: IrohRelay,
        /// The cause, as iroh tells it.
        cause: String,
    },
    /// It lets this machine not in.
    #[error("the iroh relay {0} serves only those that it knows")]
    Refused(IrohRelay),
    /// This machine can't try any relay: it gives no socket, or the certificates that the user has named can't be read.
    #[error("no iroh relay can be tried: {0}")]
    Here(#[from] io::Error),
    /// The test has panicked.
    #[error("{0}")]
    Internal(PanicReport),
}

impl TryFrom<String> for IrohRelay {
    type Error = BadIrohRelay;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<IrohRelay> for String {
    fn from(relay: IrohRelay) -> Self {
        relay.0
    }
}

impl fmt::Display for IrohRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iroh_relay_is_named_by_its_address() {
        for (text, meant) in [
            ("https://relay.example.org", "https://relay.example.org/"),
            (" https://Relay.example.org/ ", "https://relay.example.org/"),
            ("relay.example.org:8443", "https://relay.example.org:8443/"),
            ("http://127.0.0.1:3340", "http://127.0.0.1:3340/"),
            ("https://[2001:db8::1]:443/", "https://[2001:db8::1]:443/"),
        ] {
            assert_eq!(text.parse::<IrohRelay>().unwrap().as_str(), meant, "{text}");
        }
        for text in [
            "",
            "https://",
            "ftp://relay",
            "https://a/b",
            "https://a:0",
            "https://a:b",
            "https://a b",
            "x@y",
            ":1",
        ] {
            assert_eq!(text.parse::<IrohRelay>(), Err(BadIrohRelay), "{text}");
        }
    }
}
