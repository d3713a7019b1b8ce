//! What clients hold of the relay, and how often they have asked for something. Pure: no sockets, no clock. `shared` puts it behind
//! a lock and ties everything that is held to a value that gives it back when dropped.

use std::time::Duration;

use super::{
    allowance::Allowance,
    config::{Limits, NETWORK_FACTOR},
    origin::ClientOrigin,
    shares::{Amounts, Lack, Shares},
};
use crate::protocol::relay::{MAX_LANES, Refusal};

/// Memory of one connection in bytes, without the system's share: measured with ten thousand waiting senders and rounded up.
const CONNECTION_BYTES: u64 = 4 * 1024;
/// Memory of a room in bytes, besides its host's connection and first message.
const ROOM_BYTES: u64 = 512;
/// The connections of one end of a transfer, rounded up.
const MODEST_CONNECTIONS: u64 = MAX_LANES as u64 + 8;
/// The rooms in which one client may wait for several transfers.
const MODEST_ROOMS: u64 = 8;
/// The memory of a transfer whose lanes are all full, both ways.
const MODEST_MEMORY: u64 = MAX_LANES as u64 * 512 * 1024;

/// Something that a client holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    /// A connection.
    Connection,
    /// A room, with a first message of this many bytes.
    Room(u64),
    /// Memory for bytes that are on their way, at most this many.
    Memory(u64),
}

impl Holding {
    fn bytes(self) -> u64 {
        match self {
            Self::Connection => CONNECTION_BYTES,
            Self::Room(first) => ROOM_BYTES + first,
            Self::Memory(bytes) => bytes,
        }
    }
}

/// Everything that is in use, and the limits.
pub(super) struct Quota {
    connections: Shares,
    rooms: Shares,
    memory: Shares,
    joins: Allowance,
    tries: Allowance,
    is_short: bool,
}

impl Quota {
    /// Nothing in use.
    pub(super) fn new(limits: &Limits) -> Self {
        let counted = |whole: usize, per_address: usize, modest| {
            let per_address = per_address as u64;
            let per_network = per_address.saturating_mul(NETWORK_FACTOR.into());
            Shares::new(Amounts { whole: whole as u64, per_address, per_network, modest })
        };
        let memory = limits.max_memory_bytes;
        Self {
            connections: counted(limits.max_connections, limits.connections_per_address, MODEST_CONNECTIONS),
            rooms: counted(limits.max_rooms, limits.rooms_per_address, MODEST_ROOMS),
            memory: Shares::new(Amounts {
                whole: memory,
                per_address: (memory / 8).max(MODEST_MEMORY),
                per_network: (memory / 4).max(2 * MODEST_MEMORY),
                modest: MODEST_MEMORY,
            }),
            joins: Allowance::new(limits.joins_per_minute),
            tries: Allowance::new(limits.tries_per_minute),
            is_short: false,
        }
    }

    /// Counts something that a client wants to hold. Every success is followed by one [`Quota::give_back`] of the same.
    pub(super) fn take(&mut self, origin: ClientOrigin, holding: Holding) -> Result<(), Refusal> {
        let refusal = |lack, all| if lack == Lack::OfAll { all } else { Refusal::TooMuchFromHere };
        let bytes = holding.bytes();
        self.memory.take(origin, bytes).map_err(|lack| refusal(lack, Refusal::OutOfMemory))?;
        let counted = match holding {
            Holding::Connection => {
                self.connections.take(origin, 1).map_err(|lack| refusal(lack, Refusal::TooManyConnections))
            }
            Holding::Room(_) => {
                self.rooms.take(origin, 1).map_err(|lack| refusal(lack, Refusal::TooManyRooms))
            }
            Holding::Memory(_) => Ok(()),
        };
        if counted.is_err() {
            self.memory.give_back(origin, bytes);
        }
        counted
    }

    /// Counts that something is no longer held.
    pub(super) fn give_back(&mut self, origin: ClientOrigin, holding: Holding) {
        self.memory.give_back(origin, holding.bytes());
        match holding {
            Holding::Connection => self.connections.give_back(origin, 1),
            Holding::Room(_) => self.rooms.give_back(origin, 1),
            Holding::Memory(_) => {}
        }
    }

    /// Counts a hello, whose answer would tell something about a room or the password.
    pub(super) fn count_join(&mut self, origin: ClientOrigin, now: Duration) -> Result<(), Refusal> {
        if self.joins.take(origin, now) { Ok(()) } else { Err(Refusal::TooManyJoins) }
    }

    /// Counts that a receiver meets a sender, which may cost the sender one of the tries at its code.
    pub(super) fn count_try(&mut self, origin: ClientOrigin, now: Duration) -> Result<(), Refusal> {
        if self.tries.take(origin, now) { Ok(()) } else { Err(Refusal::TooManyJoins) }
    }

    /// Takes back a try that has cost no sender anything.
    pub(super) fn give_back_try(&mut self, origin: ClientOrigin) {
        self.tries.give_back(origin);
    }

    /// Whether connections or memory are short: from when seven eighths are in use until it is less than six.
    pub(super) fn is_short(&mut self) -> bool {
        let eighths = if self.is_short { 6 } else { 7 };
        self.is_short = self.connections.is_used_to(eighths) || self.memory.is_used_to(eighths);
        self.is_short
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> u64 {
        self.connections.used()
    }

    /// How many bytes of memory are in use, as estimated.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory.used()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const MIB: u64 = 1 << 20;
    const NOW: Duration = Duration::from_secs(1000);

    fn origin(address: &str) -> ClientOrigin {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn quota(change: impl FnOnce(&mut Limits)) -> Quota {
        let mut limits = Limits::default();
        change(&mut limits);
        Quota::new(&limits)
    }

    /// How many of these an origin gets.
    fn take_all(quota: &mut Quota, origin: ClientOrigin, holding: Holding) -> (usize, Refusal) {
        for count in 0.. {
            if let Err(refusal) = quota.take(origin, holding) {
                return (count, refusal);
            }
        }
        unreachable!("everything is limited")
    }

    #[test]
    fn one_address_cannot_take_the_connections_of_others() {
        let mut quota = quota(|limits| limits.connections_per_address = 2);
        let (greedy, other) = (origin("192.0.2.1"), origin("192.0.2.2"));
        assert_eq!(take_all(&mut quota, greedy, Holding::Connection), (2, Refusal::TooMuchFromHere));
        assert_eq!(quota.take(other, Holding::Connection), Ok(()));
        quota.give_back(greedy, Holding::Connection);
        assert_eq!(quota.take(greedy, Holding::Connection), Ok(()));
        assert_eq!(quota.connections(), 3);
    }

    #[test]
    fn connections_in_all_are_limited() {
        let mut quota = quota(|limits| limits.max_connections = 1);
        assert_eq!(quota.take(origin("192.0.2.1"), Holding::Connection), Ok(()));
        let other = origin("198.51.100.1");
        assert_eq!(quota.take(other, Holding::Connection), Err(Refusal::TooManyConnections));
        quota.give_back(origin("192.0.2.1"), Holding::Connection);
        assert_eq!(quota.take(other, Holding::Connection), Ok(()));
    }

    #[test]
    fn rooms_of_one_address_and_of_one_network_are_limited() {
        let mut quota = quota(|limits| limits.rooms_per_address = 3);
        let counts: Vec<_> = (1..=6)
            .map(|host| take_all(&mut quota, origin(&format!("192.0.2.{host}")), Holding::Room(9)))
            .collect();
        let counts: Vec<_> = counts.iter().map(|(count, _)| *count).collect();
        assert_eq!(counts, [3, 3, 3, 3, 0, 0]);
        quota.give_back(origin("192.0.2.1"), Holding::Room(9));
        assert_eq!(take_all(&mut quota, origin("192.0.2.6"), Holding::Room(9)).0, 1);
    }

    #[test]
    fn an_address_holds_an_eighth_of_the_memory_and_a_network_a_quarter() {
        let mut quota = quota(|limits| limits.max_memory_bytes = 1024 * MIB);
        let [first, second, third] = [1, 2, 3].map(|host| origin(&format!("192.0.2.{host}")));
        assert_eq!(take_all(&mut quota, first, Holding::Memory(MIB)), (128, Refusal::TooMuchFromHere));
        assert_eq!(take_all(&mut quota, second, Holding::Memory(MIB)), (128, Refusal::TooMuchFromHere));
        assert_eq!(take_all(&mut quota, third, Holding::Memory(MIB)), (0, Refusal::TooMuchFromHere));
        assert_eq!(quota.take(origin("198.51.100.1"), Holding::Memory(MIB)), Ok(()));
    }

    #[test]
    fn memory_is_refused_before_it_runs_out_and_given_back() {
        let mut quota = quota(|limits| limits.max_memory_bytes = 100);
        let origin = origin("192.0.2.1");
        assert_eq!(quota.take(origin, Holding::Memory(60)), Ok(()));
        assert_eq!(quota.take(origin, Holding::Memory(60)), Err(Refusal::OutOfMemory));
        assert_eq!(quota.take(origin, Holding::Connection), Err(Refusal::OutOfMemory));
        quota.give_back(origin, Holding::Memory(60));
        assert_eq!(quota.take(origin, Holding::Memory(100)), Ok(()));
        assert_eq!(quota.take(origin, Holding::Memory(u64::MAX)), Err(Refusal::OutOfMemory));
        assert_eq!(quota.memory_bytes(), 100);
    }

    #[test]
    fn what_is_refused_holds_no_memory() {
        let mut quota = quota(|limits| limits.connections_per_address = 1);
        take_all(&mut quota, origin("192.0.2.1"), Holding::Connection);
        assert_eq!(quota.memory_bytes(), CONNECTION_BYTES);
    }

    #[test]
    fn shortness_begins_late_and_ends_early() {
        let mut quota = quota(|limits| limits.max_memory_bytes = 800);
        let origin = origin("192.0.2.1");
        let mut is_short = |bytes| {
            quota.take(origin, Holding::Memory(bytes)).unwrap();
            let is_short = quota.is_short();
            quota.give_back(origin, Holding::Memory(bytes));
            is_short
        };
        assert_eq!(
            [650, 700, 650, 600, 590, 650].map(&mut is_short),
            [false, true, true, true, false, false]
        );
    }

    #[test]
    fn tries_are_rarer_than_joins_and_are_given_back_when_they_cost_nothing() {
        let mut quota = quota(|limits| (limits.joins_per_minute, limits.tries_per_minute) = (5, 2));
        let origin = origin("192.0.2.1");
        let joins = (0..9).filter(|_| quota.count_join(origin, NOW).is_ok()).count();
        let tries = (0..9).filter(|_| quota.count_try(origin, NOW).is_ok()).count();
        assert_eq!((joins, tries), (5, 2));
        quota.give_back_try(origin);
        assert_eq!(quota.count_try(origin, NOW), Ok(()));
    }
}
