//! Multicast DNS on the local network: announces that a room can be found on this machine, and finds the machine that announces
//! a room. Called by the engine. It knows no code and no key: it announces a port and a room id under random names, and what it
//! hears from others is only an address to try.
//!
//! Each [`Announcement`] and each [`RoomSearch`] has a thread of `mdns-sd` for as long as it exists. If the network can't be used,
//! the thread does nothing, and the log says why.

#[cfg(feature = "croc")]
pub mod croc;

use std::{
    collections::{HashSet, VecDeque},
    net::{IpAddr, SocketAddr, SocketAddrV6},
    time::Duration,
};

use mdns_sd::{DaemonEvent, Receiver, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};
use tokio::time::timeout;

use crate::{hex, net::addresses::Reach, protocol::relay::RoomId};

/// The service type under which rooms are announced.
const SERVICE: &str = "_caiman._tcp.local.";
/// The only key of the TXT record.
const ROOM: &str = "room";
/// The most addresses of one search. Any machine on the network can make up any number of them.
const MAX_ADDRESSES: usize = 64;
/// How long to wait for the first announcement. It goes out about a second after the start, once no other machine has claimed
/// the same names.
const TOLD_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait for a thread to end. It says goodbye to the network first.
const END_LIMIT: Duration = Duration::from_secs(1);

/// A search of the local network.
pub trait LocalSearch {
    /// The next address that is announced, each only once; `None` when there will be no more.
    fn next(&mut self) -> impl Future<Output = Option<SocketAddr>> + Send;
}

/// Why multicast DNS can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The system refused, or the library that speaks multicast DNS did.
    #[error(transparent)]
    Mdns(#[from] mdns_sd::Error),
    /// No random names could be drawn.
    #[error("this system provides no random numbers")]
    Random,
}

/// A room that is announced on the local network until [`Announcement::end`].
pub struct Announcement {
    daemon: Daemon,
    events: Receiver<DaemonEvent>,
}

impl Announcement {
    /// Announces that a room can be found on this machine at this port.
    pub fn start(room: RoomId, port: u16) -> Result<Self, DiscoveryError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| DiscoveryError::Random)?;
        let name = digits(&random);
        let host = format!("caiman-{name}.local.");
        let properties = [(ROOM, digits(&room.0))];
        let service = ServiceInfo::new(SERVICE, &name, &host, "", port, &properties[..])?.enable_addr_auto();
        let daemon = Daemon::start()?;
        let events = daemon.0.monitor()?;
        daemon.0.register(service)?;
        Ok(Self { daemon, events })
    }

    /// Waits for the first announcement, and says whether it went out. Whether another machine has heard it is not known.
    pub async fn is_told(&self) -> bool {
        let told = async {
            loop {
                match self.events.recv_async().await {
                    Ok(DaemonEvent::Announce(..)) => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
        };
        timeout(TOLD_LIMIT, told).await.unwrap_or(false)
    }

    /// Withdraws the announcement.
    pub async fn end(self) {
        self.daemon.end().await;
    }
}

/// A search for a room on the local network.
pub struct RoomSearch {
    daemon: Daemon,
    events: Receiver<ServiceEvent>,
    room: String,
    known: HashSet<SocketAddr>,
    found: VecDeque<SocketAddr>,
}

impl RoomSearch {
    /// Asks the local network for a room.
    pub fn start(room: RoomId) -> Result<Self, DiscoveryError> {
        let daemon = Daemon::start()?;
        let events = daemon.0.browse(SERVICE)?;
        Ok(Self { daemon, events, room: digits(&room.0), known: HashSet::new(), found: VecDeque::new() })
    }

    /// Keeps addresses that are new. IPv4 goes first, because it needs no number of an interface.
    fn note(&mut self, mut addresses: Vec<SocketAddr>) {
        addresses.sort_by_key(|address| (address.ip().is_loopback(), address.is_ipv6()));
        for address in addresses {
            if self.known.len() < MAX_ADDRESSES && self.known.insert(address) {
                self.found.push_back(address);
            }
        }
    }

    /// Stops searching.
    pub async fn end(self) {
        self.daemon.end().await;
    }
}

impl LocalSearch for RoomSearch {
    async fn next(&mut self) -> Option<SocketAddr> {
        loop {
            if let Some(address) = self.found.pop_front() {
                return Some(address);
            }
            match self.events.recv_async().await.ok()? {
                ServiceEvent::ServiceResolved(service) => {
                    let room = service.txt_properties.get_property_val_str(ROOM).unwrap_or_default();
                    if room.eq_ignore_ascii_case(&self.room) {
                        let addresses = service.addresses.iter();
                        self.note(
                            addresses.filter_map(|address| believable(address, service.port)).collect(),
                        );
                    }
                }
                ServiceEvent::SearchStopped(_) => return None,
                _ => {}
            }
        }
    }
}

/// The address if it belongs to the local network or to this machine: no announcement can lead anywhere else.
pub(crate) fn believable(address: &ScopedIp, port: u16) -> Option<SocketAddr> {
    let ip = address.to_ip_addr();
    // As IPv6 writes it, an IPv4 address looks like any other.
    let plain = ip.to_canonical();
    if port == 0 || plain.is_unspecified() || plain.is_multicast() || Reach::of(plain) == Reach::Anywhere {
        return None;
    }
    match (ip, address) {
        (IpAddr::V6(ip), ScopedIp::V6(scoped)) if ip.is_unicast_link_local() => {
            Some(SocketAddrV6::new(ip, port, 0, scoped.scope_id().index).into())
        }
        _ => Some(SocketAddr::new(ip, port)),
    }
}

/// A thread of `mdns-sd`, which ends with this.
struct Daemon(ServiceDaemon);

impl Daemon {
    fn start() -> Result<Self, DiscoveryError> {
        Ok(Self(ServiceDaemon::new()?))
    }

    async fn end(self) {
        let Ok(ended) = self.0.shutdown() else { return };
        // A thread that takes longer ends by itself.
        let _ = timeout(END_LIMIT, ended.recv_async()).await;
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // After an orderly end the thread is gone, and this does nothing.
        let _ = self.0.shutdown();
    }
}

fn digits(bytes: &[u8]) -> String {
    let mut text = String::new();
    hex::push(&mut text, bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ip: &str) -> Option<SocketAddr> {
        believable(&ScopedIp::from(ip.parse::<IpAddr>().unwrap()), 9)
    }

    #[test]
    fn only_addresses_of_the_local_network_are_believed() {
        for ip in ["192.168.1.5", "10.0.0.1", "169.254.7.7", "127.0.0.1", "fd00::1", "::1"] {
            assert_eq!(heard(ip), Some(SocketAddr::new(ip.parse().unwrap(), 9)), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "2001:db8::1",
            "0.0.0.0",
            "::",
            "224.0.0.251",
            "ff02::fb",
            "255.255.255.255",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(heard(ip), None, "{ip}");
        }
        assert_eq!(believable(&ScopedIp::from(IpAddr::from([192, 168, 1, 5])), 0), None);
    }

    /// It was believed, and connecting to it leads to this machine.
    #[test]
    fn no_address_at_all_is_not_believed_as_ipv6_writes_it_either() {
        assert_eq!(heard("::ffff:0.0.0.0"), None);
    }

    #[test]
    fn a_room_is_written_in_digits_that_all_sides_know() {}
}
