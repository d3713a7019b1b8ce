//! Under which addresses other computers can reach this one.

use std::net::IpAddr;

/// This machine's addresses, those of the local network first: IPv4, then IPv6. Loopback and link-local ones are left
/// out, since nobody else can use them; empty if there is nothing else.
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
