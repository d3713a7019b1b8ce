//! What is in use, by each address and in all: connections, rooms and tries to join by address, connections and memory in all.
//! Pure: no sockets, no clock. `shared` puts it behind a lock and ties every grant to a value that gives it back when dropped.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use super::{bucket::TokenBucket, config::Limits};
use crate::protocol::relay::Refusal;

/// The most addresses without a connection whose recent joins are remembered, about a hundred bytes each.
const REMEMBERED_ADDRESSES: usize = 16_384;
const MINUTE: Duration = Duration::from_mins(1);

/// The address that a client counts for: an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum AddressKey {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// Everything that is in use, and the limits.
pub(super) struct Quota {
    max_connections: usize,
    connections_per_address: usize,
    rooms_per_address: usize,
    joins_per_minute: u32,
    max_memory_bytes: u64,
    connections: usize,
    memory_bytes: u64,
    addresses: HashMap<AddressKey, Usage>,
}

struct Usage {
    connections: usize,
    rooms: usize,
    joins: TokenBucket,
}

impl Quota {
    /// Nothing in use.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            max_connections: limits.max_connections,
            connections_per_address: limits.connections_per_address,
            rooms_per_address: limits.rooms_per_address,
            joins_per_minute: limits.joins_per_minute,
            max_memory_bytes: limits.max_memory_bytes,
            connections: 0,
            memory_bytes: 0,
            addresses: HashMap::new(),
        }
    }

    /// Counts a new connection. Every success is followed by one [`Quota::disconnect`].
    pub(super) fn connect(&mut self, address: AddressKey, now: Duration) -> Result<(), Refusal> {
        if self.connections >= self.max_connections {
            return Err(Refusal::TooManyConnections);
        }
        self.forget_if_crowded(now);
        let usage = self.addresses.entry(address).or_insert_with(|| Usage {
            connections: 0,
            rooms: 0,
            joins: TokenBucket::new(MINUTE),
        });
        if usage.connections >= self.connections_per_address {
            return Err(Refusal::TooManyConnections);
        }
        usage.connections += 1;
        self.connections += 1;
        Ok(())
    }

    /// Counts a connection's end.
    pub(super) fn disconnect(&mut self, address: AddressKey, now: Duration) {
        self.connections = self.connections.saturating_sub(1);
        if let Entry::Occupied(mut entry) = self.addresses.entry(address) {
            entry.get_mut().connections = entry.get().connections.saturating_sub(1);
            if entry.get().connections == 0 && entry.get().joins.is_full(now) {
                entry.remove();
            }
        }
    }

    /// Counts a room opened from a connected address. Every success is followed by one [`Quota::close_room`].
    pub(super) fn open_room(&mut self, address: AddressKey) -> Result<(), Refusal> {
        match self.addresses.get_mut(&address) {
            Some(usage) if usage.rooms < self.rooms_per_address => {
                usage.rooms += 1;
                Ok(())
            }
            _ => Err(Refusal::TooManyRooms),
        }
    }

    /// Counts a room's end.
    pub(super) fn close_room(&mut self, address: AddressKey) {
        if let Some(usage) = self.addresses.get_mut(&address) {
            usage.rooms = usage.rooms.saturating_sub(1);
        }
    }

    /// Counts a try to join a room, or a wrong password, from a connected address.
    pub(super) fn join(&mut self, address: AddressKey, now: Duration) -> Result<(), Refusal> {
        let cost = MINUTE.checked_div(self.joins_per_minute).ok_or(Refusal::TooManyJoins)?;
        let usage = self.addresses.get_mut(&address).ok_or(Refusal::TooManyJoins)?;
        if usage.joins.try_take(now, cost) { Ok(()) } else { Err(Refusal::TooManyJoins) }
    }

    /// Counts `bytes` of memory. Every success is followed by one [`Quota::release`] of as much.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<(), Refusal> {
        match self.memory_bytes.checked_add(bytes) {
            Some(sum) if sum <= self.max_memory_bytes => {
                self.memory_bytes = sum;
                Ok(())
            }
            _ => Err(Refusal::OutOfMemory),
        }
    }

    /// Counts memory that is given back.
    pub(super) fn release(&mut self, bytes: u64) {
        self.memory_bytes = self.memory_bytes.saturating_sub(bytes);
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    /// How many bytes of memory are in use, as estimated.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Keeps the table bounded however many addresses connect. First it forgets addresses without recent joins, and if that
    /// frees too little, all addresses without a connection. A limit per address doesn't hold back an attacker who has that
    /// many addresses anyway.
    fn forget_if_crowded(&mut self, now: Duration) {
        let spare = |table: &HashMap<_, _>| table.len().saturating_sub(self.connections);
        if spare(&self.addresses) < REMEMBERED_ADDRESSES {
            return;
        }
        self.addresses.retain(|_, usage| usage.connections > 0 || !usage.joins.is_full(now));
        if spare(&self.addresses) > REMEMBERED_ADDRESSES / 2 {
            self.addresses.retain(|_, usage| usage.connections > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn key(address: &str) -> AddressKey {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn quota(change: impl FnOnce(&mut Limits)) -> Quota {
        let mut limits = Limits::default();
        change(&mut limits);
        Quota::new(&limits)
    }

    #[test]
    fn an_ipv6_network_of_64_bits_counts_as_one_address() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn one_address_cannot_take_the_connections_of_others() {
        let mut quota = quota(|limits| limits.connections_per_address = 2);
        let (greedy, other) = (key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(quota.connect(greedy, NOW), Ok(()));
        assert_eq!(quota.connect(greedy, NOW), Ok(()));
        assert_eq!(quota.connect(greedy, NOW), Err(Refusal::TooManyConnections));
        assert_eq!(quota.connect(other, NOW), Ok(()));
        quota.disconnect(greedy, NOW);
        assert_eq!(quota.connect(greedy, NOW), Ok(()));
    }

    #[test]
    fn connections_in_all_are_limited() {
        let mut quota = quota(|limits| limits.max_connections = 1);
        assert_eq!(quota.connect(key("192.0.2.1"), NOW), Ok(()));
        assert_eq!(quota.connect(key("192.0.2.2"), NOW), Err(Refusal::TooManyConnections));
        quota.disconnect(key("192.0.2.1"), NOW);
        assert_eq!(quota.connect(key("192.0.2.2"), NOW), Ok(()));
    }

    #[test]
    fn rooms_of_one_address_are_limited() {
        let mut quota = quota(|limits| limits.rooms_per_address = 1);
        let address = key("192.0.2.1");
        quota.connect(address, NOW).unwrap();
        assert_eq!(quota.open_room(address), Ok(()));
        assert_eq!(quota.open_room(address), Err(Refusal::TooManyRooms));
        quota.close_room(address);
        assert_eq!(quota.open_room(address), Ok(()));
    }

    #[test]
    fn reconnecting_does_not_bring_back_spent_joins_but_time_does() {
        let mut quota = quota(|limits| limits.joins_per_minute = 6);
        let address = key("192.0.2.1");
        for _ in 0..6 {
            quota.connect(address, NOW).unwrap();
            assert_eq!(quota.join(address, NOW), Ok(()));
            quota.disconnect(address, NOW);
        }
        quota.connect(address, NOW).unwrap();
        assert_eq!(quota.join(address, NOW), Err(Refusal::TooManyJoins));
        assert_eq!(quota.join(address, NOW + MINUTE / 6), Ok(()));
        assert_eq!(quota.join(address, NOW + MINUTE / 6), Err(Refusal::TooManyJoins));
    }

    #[test]
    fn an_address_that_is_gone_leaves_nothing_behind() {
        let mut quota = quota(|_| ());
        quota.connect(key("192.0.2.1"), NOW).unwrap();
        quota.disconnect(key("192.0.2.1"), NOW);
        assert!(quota.addresses.is_empty());
    }

    #[test]
    fn the_table_stays_bounded_when_every_join_comes_from_another_address() {
        let mut quota = quota(|_| ());
        for number in 0..100_000u32 {
            let address = AddressKey::V4(Ipv4Addr::from_bits(number));
            quota.connect(address, NOW).unwrap();
            quota.join(address, NOW).unwrap();
            quota.disconnect(address, NOW);
            assert!(quota.addresses.len() <= REMEMBERED_ADDRESSES + 1);
        }
    }

    #[test]
    fn memory_is_refused_before_it_runs_out_and_given_back() {
        let mut quota = quota(|limits| limits.max_memory_bytes = 100);
        assert_eq!(quota.reserve(60), Ok(()));
        assert_eq!(quota.reserve(60), Err(Refusal::OutOfMemory));
        quota.release(60);
        assert_eq!(quota.reserve(100), Ok(()));
        assert_eq!(quota.reserve(u64::MAX), Err(Refusal::OutOfMemory));
    }
}
