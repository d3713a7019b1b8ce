//! What a relay counts, and its rendering as Prometheus text. No label ever names a room, a code or an address.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use super::shared::Shared;
use crate::protocol::{VERSION, relay::Refusal};

/// Every refusal with the name that metrics and logs use.
const REASONS: [(Refusal, &str); 13] = [
    (Refusal::Version(VERSION), "version"),
    (Refusal::PasswordRequired, "password_required"),
    (Refusal::PasswordWrong, "password_wrong"),
    (Refusal::NoSuchRoom, "no_such_room"),
    (Refusal::RoleTaken, "role_taken"),
    (Refusal::TooManyConnections, "too_many_connections"),
    (Refusal::TooManyRooms, "too_many_rooms"),
    (Refusal::TooManyJoins, "too_many_joins"),
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
    /// Tries to join a room, refused ones included.
    pub(super) joins: AtomicU64,
    /// Rooms in which two met.
    pub(super) pairings: AtomicU64,
    /// Lanes on which two met.
    pub(super) lanes: AtomicU64,
    /// Bytes copied between paired control connections.
    pub(super) control_bytes: AtomicU64,
    /// Bytes copied between paired lanes.
    pub(super) lane_bytes: AtomicU64,
    /// Paired connections closed for idleness.
    pub(super) idle_closes: AtomicU64,
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
}

/// Everything as Prometheus text, version 0.0.4.
pub(super) fn render(shared: &Shared) -> String {
    let (connections, memory_bytes) = shared.usage();
    let (rooms, lanes, draining) = {
        let rooms = shared.rooms();
        (rooms.len(), rooms.lanes(), rooms.is_draining())
    };
    let counters = &shared.counters;
    let mut text = Text::default();
    text.labelled(
        "build_info",
        "gauge",
        "The program's version.",
        "version",
        &[(env!("CARGO_PKG_VERSION"), 1)],
    );
    text.gauge("connections", "Connections open, refused ones not counted.", connections as u64);
    text.gauge("rooms", "Rooms open, waiting and paired.", rooms as u64);
    text.gauge("lanes", "Lanes open, waiting and paired.", lanes as u64);
    text.gauge("memory_bytes", "Memory in use, by the relay's estimate.", memory_bytes);
    text.gauge("draining", "Whether the relay is shutting down.", u64::from(draining));
    text.counter("connections_total", "Connections accepted, refused ones included.", &counters.connections);
    text.counter("rooms_total", "Rooms opened.", &counters.rooms);
    text.counter("joins_total", "Tries to join a room, refused ones included.", &counters.joins);
    text.counter("pairings_total", "Rooms in which a sender and a receiver met.", &counters.pairings);
    text.counter("lanes_total", "Lanes on which both ends met.", &counters.lanes);
    text.counter("idle_closes_total", "Paired connections closed for idleness.", &counters.idle_closes);
    let bytes = [("control", load(&counters.control_bytes)), ("lane", load(&counters.lane_bytes))];
    text.labelled("relayed_bytes_total", "counter", "Bytes copied between peers.", "kind", &bytes);
    let refusals: Vec<_> =
        REASONS.iter().zip(&counters.refusals).map(|((_, name), count)| (*name, load(count))).collect();
    text.labelled("refusals_total", "counter", "Clients told no, by reason.", "reason", &refusals);
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.0, "caiman_relay_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, count: &AtomicU64) {
        self.head(name, "counter", help);
        let _ = writeln!(self.0, "caiman_relay_{name} {}", load(count));
    }

    fn labelled(&mut self, name: &str, kind: &str, help: &str, label: &str, values: &[(&str, u64)]) {
        self.head(name, kind, help);
        for (label_value, value) in values {
            let _ = writeln!(self.0, "caiman_relay_{name}{{{label}=\"{label_value}\"}} {value}");
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP caiman_relay_{name} {help}\n# TYPE caiman_relay_{name} {kind}");
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::Limits;

    #[test]
    fn every_refusal_is_counted_under_its_own_name() {
        let shared = Shared::new(None, Limits::default(), Vec::new(), 0);
        let names: std::collections::HashSet<_> =
            REASONS.iter().map(|(refusal, _)| shared.counters.refuse(*refusal)).collect();
        assert_eq!(names.len(), REASONS.len());
        shared.counters.refuse(Refusal::Version(9));
        let text = render(&shared);
        assert!(text.contains("caiman_relay_refusals_total{reason=\"version\"} 2\n"), "{text}");
        assert!(text.contains("caiman_relay_refusals_total{reason=\"draining\"} 1\n"), "{text}");
    }

    #[test]
    fn every_sample_follows_its_help_and_its_type() {
        let text = render(&Shared::new(None, Limits::default(), Vec::new(), 0));
        let mut announced = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(rest) => announced = rest.split(' ').next().unwrap(),
                None if line.starts_with('#') => {}
                None => assert!(line.starts_with(announced), "{line} after {announced}"),
            }
        }
        assert!(text.ends_with('\n'));
    }
}
