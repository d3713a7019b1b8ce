//! What a relay counts. `exporter` makes it available to the operator.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::{VERSION, relay::Refusal};

/// Every refusal with the name that metrics and logs use.
pub(super) const REASONS: [(Refusal, &str); 15] = [
    (Refusal::Version(VERSION), "version"),
    (Refusal::PasswordRequired, "password_required"),
    (Refusal::PasswordWrong, "password_wrong"),
    (Refusal::NoSuchRoom, "no_such_room"),
    (Refusal::RoleTaken, "role_taken"),
    (Refusal::OtherSender, "other_sender"),
    (Refusal::TooManyConnections, "too_many_connections"),
    (Refusal::TooManyRooms, "too_many_rooms"),
    (Refusal::TooManyJoins, "too_many_joins"),
    (Refusal::TooMuchFromHere, "too_much_from_here"),
    (Refusal::OutOfMemory, "out_of_memory"),
    (Refusal::TooSlow, "too_slow"),
    (Refusal::Malformed, "malformed"),
    (Refusal::NoSuchLane, "no_such_lane"),
    (Refusal::Draining, "draining"),
];

/// Counts since the relay's start.
#[derive(Default)]
pub(super) struct Counters {
    /// Connections accepted, refused ones included.
    pub(super) connections: AtomicU64,
    /// Rooms opened.
    pub(super) rooms: AtomicU64,
    /// Hellos of clients, refused ones included.
    pub(super) joins: AtomicU64,
    /// Rooms in which two clients met.
    pub(super) pairings: AtomicU64,
    /// Lanes whose two ends met.
    pub(super) lanes: AtomicU64,
    /// Bytes copied between paired control connections.
    pub(super) control_bytes: AtomicU64,
    /// Bytes copied between paired lanes.
    pub(super) lane_bytes: AtomicU64,
    /// How often a direction of a lane had to wait for memory.
    pub(super) memory_waits: AtomicU64,
    /// Paired connections that were closed because they were idle.
    pub(super) idle_closes: AtomicU64,
    /// Control rooms and data rooms of clients that have croc, which are open now.
    croc_rooms: [AtomicU64; 2],
    refusals: [AtomicU64; REASONS.len()],
}

impl Counters {
    /// Counts a refusal and returns its name.
    pub(super) fn refuse(&self, refusal: Refusal) -> &'static str {
        for ((reason, name), count) in REASONS.iter().zip(&self.refusals) {
            if reason.lane_byte() == refusal.lane_byte() {
                count.fetch_add(1, Ordering::Relaxed);
                return name;
            }
        }
        "unknown"
    }

    /// Counts that a client that has croc has opened a room on the control port or on a data port.
    #[cfg(feature = "croc")]
    pub(super) fn open_croc(&self, is_control: bool) {
        if is_control {
            self.rooms.fetch_add(1, Ordering::Relaxed);
        }
        self.croc_rooms[usize::from(!is_control)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts that such a room is closed.
    #[cfg(feature = "croc")]
    pub(super) fn close_croc(&self, is_control: bool) {
        self.croc_rooms[usize::from(!is_control)].fetch_sub(1, Ordering::Relaxed);
    }

    /// How many rooms clients that have croc have open on the control port and on data ports.
    pub(super) fn croc_rooms(&self) -> [u64; 2] {
        self.croc_rooms.each_ref().map(|rooms| rooms.load(Ordering::Relaxed))
    }

    /// The name of each refusal, and how often it was given.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.iter().zip(&self.refusals).map(|((_, name), count)| (*name, count.load(Ordering::Relaxed)))
    }
}
