//! What an operator can set: ports, password and limits, each with a default that suits a small public server.
//! Checked nowhere else; read by the rest of the relay.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU64,
};

use zeroize::Zeroizing;

use crate::net::access;

/// Where a relay listens and what it allows.
#[derive(Clone)]
pub struct RelayConfig {
    /// The address to listen on. `None` is every address of the machine, IPv6 and IPv4 on one socket.
    pub host: Option<IpAddr>,
    /// The control port; 0 lets the system choose.
    pub port: u16,
    /// Ports for lanes, named to clients in the welcome; 0 lets the system choose. Empty: lanes share the control
    /// port.
    pub data_ports: Vec<u16>,
    /// Asked of every client before it may open or join a room. Lanes need none: their token is told only to clients
    /// that passed.
    pub password: Option<AccessPassword>,
    /// What is too much.
    pub limits: Limits,
    /// Where `/metrics` is served, if anywhere. Nothing there is secret, but it belongs on an inner address.
    pub metrics: Option<SocketAddr>,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            host: None,
            port: 27001,
            data_ports: (27002..=27009).collect(),
            password: None,
            limits: Limits::default(),
            metrics: None,
        }
    }
}

/// A relay's access password. It has no `Debug`, and is wiped from memory when dropped.
#[derive(Clone)]
pub struct AccessPassword(Zeroizing<String>);

impl AccessPassword {
    /// Whether `proof` was made with this password over `nonce`; takes the same time whatever the answer.
    pub(super) fn is_proven_by(&self, proof: &[u8; 32], nonce: &[u8; 32]) -> bool {
        access::verify(&self.0, nonce, proof)
    }
}

impl From<String> for AccessPassword {
    fn from(password: String) -> Self {
        Self(Zeroizing::new(password))
    }
}

/// What one relay, and one address, may use. An address is an IPv4 address or an IPv6 network of 64 bits, which is
/// what one customer of a provider gets. Whoever goes over a limit is told which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all. Lowered at the start where the system allows fewer open files.
    pub max_connections: usize,
    /// Connections from one address. One transfer takes nine, at most 33.
    pub connections_per_address: usize,
    /// Rooms in all, waiting and paired.
    pub max_rooms: usize,
    /// Rooms opened from one address.
    pub rooms_per_address: usize,
    /// Tries to join a room, and wrong passwords, from one address in a minute. This is what makes guessing at rooms
    /// slow.
    pub joins_per_minute: u32,
    /// Seconds from the connection to the end of the client's hello.
    pub hello_secs: u64,
    /// Seconds that a sender may wait for a receiver.
    pub wait_secs: u64,
    /// Seconds without one byte on any of a transfer's connections, after which they are closed.
    pub idle_secs: u64,
    /// Seconds that transfers get to finish once the relay is told to stop.
    pub drain_secs: u64,
    /// Bytes per second that one transfer's lanes may carry together, both directions counted.
    pub rate_bytes_per_sec: Option<NonZeroU64>,
    /// Bytes of memory, by the relay's own estimate: connections, rooms, first messages and copy buffers, not the
    /// system's socket buffers. A paired lane counts with 512 KiB, so a gibibyte is good for about 250 transfers of
    /// eight lanes at the same time, or for some 200,000 rooms that wait.
    pub max_memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            connections_per_address: 512,
            max_rooms: 32_768,
            rooms_per_address: 128,
            joins_per_minute: 60,
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
    /// Lowers the number of connections so that `open_files`, the most that the system allows, leaves a quarter for
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

    #[test]
    fn only_a_proof_of_the_same_password_passes() {
        let password = AccessPassword::from("lagoon".to_owned());
        assert!(password.is_proven_by(&access::prove("lagoon", &[1; 32]), &[1; 32]));
        assert!(!password.is_proven_by(&access::prove("lagoons", &[1; 32]), &[1; 32]));
    }
}
