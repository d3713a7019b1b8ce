//! Which proxy is used for a relay: the one that the user names, or one of the environment; none for relays nearby, and none for those
//! that the environment exempts.

use std::{env, fmt, net::IpAddr, str::FromStr};

use super::{BadProxy, Proxy};
use crate::net::{addresses::Reach, relay_address::RelayAddress};

/// The variables of the environment that name a proxy, in the order in which they count.
const VARIABLES: [&str; 4] = ["all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"];
/// The variables that exempt hosts from it.
const EXEMPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];
/// What stands for "no proxy, whatever the environment says".
const OFF: &str = "off";

/// What the user wants of proxies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyChoice {
    /// Whatever the environment names.
    #[default]
    Environment,
    /// None.
    Off,
    /// This one.
    Through(Proxy),
}

impl FromStr for ProxyChoice {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().eq_ignore_ascii_case(OFF) { Ok(Self::Off) } else { text.parse().map(Self::Through) }
    }
}

/// What [`FromStr`] reads, with the login; nothing for the environment.
impl fmt::Display for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => Ok(()),
            Self::Off => f.write_str(OFF),
            Self::Through(proxy) => f.write_str(&proxy.to_url()),
        }
    }
}

/// Finds the proxy for a relay.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    proxy: Option<Proxy>,
    exemptions: Vec<String>,
}

impl Proxies {
    /// What the user wants, and what the environment says.
    pub fn new(choice: &ProxyChoice) -> Self {
        Self::found_in(choice, |name| env::var(name).ok())
    }

    fn found_in(choice: &ProxyChoice, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let proxy = match choice {
            ProxyChoice::Off => None,
            ProxyChoice::Through(proxy) => Some(proxy.clone()),
            ProxyChoice::Environment => VARIABLES.iter().find_map(|name| {
                let value = set(name)?;
                Some(value.parse().unwrap_or_else(|_| Proxy::unusable(name)))
            }),
        };
        let exemptions = EXEMPTIONS.iter().find_map(set).unwrap_or_default();
        let exemptions = exemptions.split([',', ' ']).map(|entry| entry.trim().to_ascii_lowercase());
        Self { proxy, exemptions: exemptions.filter(|entry| !entry.is_empty()).collect() }
    }

    /// The proxy through which this relay is reached; `None` if it is reached without.
    pub fn for_relay(&self, relay: &RelayAddress) -> Option<Proxy> {
        let host = relay.host().to_ascii_lowercase();
        let is_exempt = |entry: &String| is_meant(entry, &host, relay.port());
        self.proxy.clone().filter(|_| !is_nearby(relay, &host) && !self.exemptions.iter().any(is_exempt))
    }
}

/// Whether a relay is on this computer or in the local network, as far as its address or its name tells.
fn is_nearby(relay: &RelayAddress, host: &str) -> bool {
    match relay.reach() {
        Some(reach) => reach != Reach::Anywhere,
        // A proxy could not look up a name without a dot, nor one of multicast DNS.
        None => host.rsplit_once('.').is_none_or(|(_, last)| ["local", "localhost"].contains(&last)),
    }
}

/// Whether an entry of `NO_PROXY` means this host: all hosts, a domain with all that is below it, an address or a network of
/// addresses; with a port, only that one.
fn is_meant(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let (Some((address, bits)), Ok(ip)) = (entry.split_once('/'), host.parse::<IpAddr>()) {
        return address.parse().is_ok_and(|network| is_in_network(ip, network, bits));
    }
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return host.parse() == Ok(ip);
    }
    let (domain, only) = match entry.rsplit_once(':') {
        Some((domain, only)) => (domain, Some(only)),
        None => (entry, None),
    };
    let domain = domain.trim_start_matches("*.").trim_start_matches(['.', '[']).trim_end_matches(']');
    let is_port = only.is_none_or(|only| only.parse() == Ok(port));
    is_port && (host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

fn is_in_network(ip: IpAddr, network: IpAddr, bits: &str) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) if bits <= 32 => {
            (ip.to_bits() ^ network.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) if bits <= 128 => {
            (ip.to_bits() ^ network.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(choice: &ProxyChoice, variables: &[(&str, &str)]) -> Proxies {
        Proxies::found_in(choice, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn shown(proxies: &Proxies, relay: &str) -> Option<String> {
        proxies.for_relay(&relay.parse().unwrap()).map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_environment_counts_unless_the_user_names_a_proxy_or_wants_none() {
        let variables = [("ALL_PROXY", " "), ("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:2")];
        let relay = "relay.example.org";
        assert_eq!(shown(&proxies(&ProxyChoice::Environment, &variables), relay), Some("a:1".to_owned()));
        assert_eq!(shown(&proxies(&ProxyChoice::Environment, &[]), relay), None);
        assert_eq!(shown(&proxies(&"off".parse().unwrap(), &variables), relay), None);
        let named = "socks5://c:3".parse().unwrap();
        assert_eq!(shown(&proxies(&named, &variables), relay), Some("c:3".to_owned()));
        let all = [("all_proxy", "socks5://d:4"), ("https_proxy", "http://a:1")];
        assert_eq!(shown(&proxies(&ProxyChoice::Environment, &all), relay), Some("d:4".to_owned()));
        // A proxy that is set and can't be used is no reason to go without.
        let unusable = [("ALL_PROXY", "https://secret@a:1")];
        assert_eq!(
            shown(&proxies(&ProxyChoice::Environment, &unusable), relay),
            Some("ALL_PROXY".to_owned())
        );
    }

    #[test]
    fn relays_nearby_are_reached_without_a_proxy() {
        let all = proxies(&"http://proxy:1".parse().unwrap(), &[]);
        for (relay, is_proxied) in [
            ("127.0.0.1", false),
            ("[::1]:9", false),
            ("192.168.1.5:27001", false),
            ("[fe80::1%eth0]:9", false),
            ("localhost", false),
            ("nas", false),
            ("Nas.LOCAL", false),
            ("relay.example.org", true),
            ("8.8.8.8", true),
            ("[2001:4860:4860::8888]", true),
        ] {
            assert_eq!(shown(&all, relay).is_some(), is_proxied, "{relay}");
        }
    }

    #[test]
    fn the_environment_exempts_domains_addresses_and_networks() {
        for (exempt, relay, is_proxied) in [
            ("*", "relay.example.org", false),
            ("example.org", "relay.example.org", false),
            (".example.org", "relay.example.org", false),
            ("*.Example.org", "relay.example.org", false),
            ("other.net, example.org", "relay.example.org", false),
            ("ample.org", "relay.example.org", true),
            ("relay.example.org:27001", "relay.example.org", false),
            ("relay.example.org:9", "relay.example.org", true),
            ("8.8.8.8", "8.8.8.8", false),
            ("8.8.0.0/16", "8.8.8.8", false),
            ("0.0.0.0/0", "8.8.8.8", false),
            ("8.9.0.0/16", "8.8.8.8", true),
            ("8.8.0.0/x", "8.8.8.8", true),
            ("2001:4860::/32", "[2001:4860:4860::8888]", false),
            ("[2001:4860:4860::8888]", "[2001:4860:4860::8888]", false),
            ("", "relay.example.org", true),
        ] {
            let found = proxies(&"http://proxy:1".parse().unwrap(), &[("NO_PROXY", exempt)]);
            assert_eq!(shown(&found, relay).is_some(), is_proxied, "{exempt} and {relay}");
        }
    }
}
