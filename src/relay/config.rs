//! What an operator can set: ports, password and limits, each with a default that suits a small public server. The rest of the
//! relay reads it.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU64,
};

#[cfg(feature = "croc")]
use super::croc::config::CrocConfig;
use crate::net::access::{AccessPassword, SenderKey};

/// Where a relay listens and what it allows.
#[derive(Clone)]
pub struct RelayConfig {
    /// The address to listen on. `None` is every address of the machine, IPv6 and IPv4 on one socket.
    pub host: Option<IpAddr>,
    /// The control port; 0 lets the system choose.
    pub port: u16,
    /// Ports for lanes, which the welcome names to clients; 0 lets the system choose. If the list is empty, lanes share the control
    /// port.
    pub data_ports: Vec<u16>,
    /// The password that a client must prove before it may open or join a room. Lanes need none, because their token is told only
    /// to clients that have proven it.
    pub password: Option<AccessPassword>,
    /// The key of the only sender that the relay has, if it runs beside one. Anybody may be a receiver there, but in rooms with
    /// that sender alone.
    pub sender_key: Option<SenderKey>,
    /// Whether only clients of the local network are served. A connection from elsewhere is closed at once.
    pub is_local_only: bool,
    /// The limits on what clients may use.
    pub limits: Limits,
    /// What clients that have croc are offered, if they are served.
    #[cfg(feature = "croc")]
    pub croc: Option<CrocConfig>,
    /// The address at which `/metrics` is served, if any. Nothing there is secret, but it belongs on an internal address.
    pub metrics: Option<SocketAddr>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            host: None,
            port: 27001,
            data_ports: (27002..=27009).collect(),
            password: None,
            sender_key: None,
            is_local_only: false,
            limits: Limits::default(),
            metrics: None,
            #[cfg(feature = "croc")]
            croc: None,
        }
    }
}

/// How many times as much as one address all addresses of a network may use together: enough that the customers of a provider
/// who share a network rarely notice each other.
pub(super) const NETWORK_FACTOR: u32 = 4;

/// What a relay in all, and each address, may use. An address is an IPv4 address or an IPv6 network of 64 bits. All addresses of
/// an IPv4 network of 24 bits, or of an IPv6 network of 48 bits, may use four times as much together (`relay::origin`). The fuller
/// the relay is, the less of its connections, rooms and memory each of them may hold (`relay::shares`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most connections in all. It is lowered at the start if the system allows fewer open files.
    pub max_connections: usize,
    /// The most connections from one address. One transfer takes 9 to begin with, and at most 33.
    pub connections_per_address: usize,
    /// The most rooms in all, waiting and paired.
    pub max_rooms: usize,
    /// The most rooms opened from one address.
    pub rooms_per_address: usize,
    /// The most hellos from one address in a minute, of senders and of receivers. This makes it slow to find out which rooms are
    /// in use, and to guess at the password.
    pub joins_per_minute: u32,
    /// The most receivers from one address in a minute that are let in to a sender and then turn out not to know its code. Each
    /// costs that sender one of its tries.
    pub tries_per_minute: u32,
    /// Seconds from the connection to the end of the client's hello.
    pub hello_secs: u64,
    /// Seconds that a sender may wait for a receiver.
    pub wait_secs: u64,
    /// Seconds without one byte on any of a transfer's connections, after which they are closed.
    pub idle_secs: u64,
    /// Seconds that transfers have to finish once the relay is told to stop.
    pub drain_secs: u64,
    /// Bytes per second that all lanes of one transfer may carry together, counting both directions.
    pub rate_bytes_per_sec: Option<NonZeroU64>,
    /// Bytes of memory, as the relay estimates it: connections, rooms, first messages and what is on its way between two peers,
    /// without the system's socket buffers. A lane counts as 256 KiB for each direction while it has bytes to pass on, and as
    /// nothing otherwise. An address may use an eighth of this and a network a quarter, or as much as one transfer and two need.
    pub max_memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            connections_per_address: 512,
            max_rooms: 32_768,
            rooms_per_address: 128,
            joins_per_minute: 120,
            tries_per_minute: 6,
            hello_secs: 10,
            wait_secs: 24 * 60 * 60,
            idle_secs: 10 * 60,
            drain_secs: 5 * 60,
            rate_bytes_per_sec: None,
            max_memory_bytes: 1 << 30,
        }
    }
}

impl Limits {
    /// Lowers the number of connections so that a quarter of `open_files`, the most that the system allows, is left for
    /// pipes and for the rest of the process.
    pub(super) fn fitted_to(mut self, open_files: Option<u64>) -> Self {
        if let Some(files) = open_files.and_then(|files| usize::try_from(files).ok()) {
            self.max_connections = self.max_connections.min(files - files / 4);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_ports_are_the_documented_nine() {
        let config = RelayConfig::default();
        assert_eq!((config.port, config.data_ports.len()), (27001, 8));
        assert_eq!((config.data_ports[0], config.data_ports[7]), (27002, 27009));
    }

    #[test]
    fn connections_never_use_up_every_open_file() {
        assert_eq!(Limits::default().fitted_to(Some(1024)).max_connections, 768);
        assert_eq!(Limits::default().fitted_to(None), Limits::default());
    }
}
