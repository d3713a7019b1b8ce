//! Answers `GET /metrics` with the relay's counts as Prometheus text. No label ever names a room, a code or an address. It
//! speaks only as much HTTP/1.1 as that takes: one small request per connection, a time limit, a few connections at once.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::shared::RelayState;
use crate::net::socket::ACCEPT_PAUSE;

/// The largest request in bytes that is read; one with a browser's headers fits.
const MAX_REQUEST: u64 = 4096;
/// How many requests are answered at once. One scraper needs one.
const MAX_SCRAPES: usize = 8;
/// How long one request and its answer may take.
const SCRAPE_LIMIT: Duration = Duration::from_secs(5);

/// Serves until `stop` is cancelled.
pub(super) async fn serve(listener: TcpListener, shared: Arc<RelayState>, stop: CancellationToken) {
    let mut scrapes = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = scrapes.join_next() => {}
            accepted = listener.accept(), if scrapes.len() < MAX_SCRAPES => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    scrapes.spawn(async move {
                        // A scraper that is slow or gone will ask again, and can't be told anything now.
                        let _ = timeout(SCRAPE_LIMIT, answer(stream, &shared)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "metrics connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    scrapes.shutdown().await;
}

async fn answer(mut stream: TcpStream, shared: &RelayState) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut limited = (&mut stream).take(MAX_REQUEST);
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if limited.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let (status, body) = match request.split(|byte| *byte == b' ').take(2).collect::<Vec<_>>()[..] {
        [b"GET", b"/metrics"] => ("200 OK", render(shared)),
        [b"GET", _] => ("404 Not Found", "See /metrics.\n".to_owned()),
        _ => ("405 Method Not Allowed", "Only GET.\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// All counts as Prometheus text, version 0.0.4.
fn render(shared: &RelayState) -> String {
    let (connections, memory_bytes) = shared.usage();
    let (rooms, lanes, draining) = {
        let rooms = shared.rooms();
        (rooms.len(), rooms.lanes(), rooms.is_draining())
    };
    let counters = &shared.counters;
    let [croc_rooms, croc_lanes] = counters.croc_rooms();
    let mut text = Text::default();
    text.labelled(
        "build_info",
        "gauge",
        "The program's version.",
        "version",
        &[(env!("CARGO_PKG_VERSION"), 1)],
    );
    text.gauge("connections", "Open connections, without refused ones.", connections);
    text.gauge("rooms", "Open rooms, waiting and paired.", rooms as u64 + croc_rooms);
    text.gauge("croc_rooms", "Open rooms of clients that have croc, which are among the rooms.", croc_rooms);
    text.gauge("lanes", "Open lanes, waiting and paired.", lanes as u64 + croc_lanes);
    text.gauge("memory_bytes", "Memory in use, as the relay estimates it.", memory_bytes);
    text.gauge("draining", "Whether the relay is shutting down.", u64::from(draining));
    text.counter("connections_total", "Connections accepted, refused ones included.", &counters.connections);
    text.counter("rooms_total", "Rooms opened.", &counters.rooms);
    text.counter("joins_total", "Hellos of clients, refused ones included.", &counters.joins);
    text.counter("pairings_total", "Rooms in which a sender and a receiver met.", &counters.pairings);
    text.counter("lanes_total", "Lanes on which both ends met.", &counters.lanes);
    text.counter("memory_waits_total", "Times that a lane had to wait for memory.", &counters.memory_waits);
    text.counter("idle_closes_total", "Paired connections closed for idleness.", &counters.idle_closes);
    let bytes = [("control", load(&counters.control_bytes)), ("lane", load(&counters.lane_bytes))];
    text.labelled("relayed_bytes_total", "counter", "Bytes copied between peers.", "kind", &bytes);
    let refusals: Vec<_> = counters.refusals().collect();
    text.labelled("refusals_total", "counter", "Refused clients, by reason.", "reason", &refusals);
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
    use crate::{
        protocol::relay::Refusal,
        relay::{Limits, metrics::REASONS},
    };

    #[test]
    fn every_refusal_is_counted_under_its_own_name() {
        let shared = RelayState::new(None, None, Limits::default(), Vec::new(), 0);
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
        let text = render(&RelayState::new(None, None, Limits::default(), Vec::new(), 0));
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
