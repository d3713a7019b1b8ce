//! The relay's public interface over real sockets: how two clients meet, what is copied, what remains, how it stops.
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU64,
    sync::{Arc, Mutex},
    time::Instant,
};

use crate::support::*;
use caiman::{
    protocol::{
        Role,
        relay::{MAX_LANES, Refusal, Reply, RoomId},
    },
    relay::{Relay, RelayConfig, RelayError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn lanes_carry_every_byte_both_ways_and_end_each_way_by_itself() {
    let relay = TestRelay::start(|_| ()).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    for number in [0, MAX_LANES - 1] {
        let (mut there, mut back) = paired_lane(relay.addr, token, number).await;
        let (forward, reply) = (noise(3, 5 << 20), noise(4, 3 << 20));
        let (at_sender, at_receiver) = tokio::join!(exchange(&mut there, &forward), async {
            // It answers only after the other direction has ended: a half-closed lane must still carry this direction.
            let received = read_to_end(&mut back).await.unwrap();
            back.write_all(&reply).await.unwrap();
            back.shutdown().await.unwrap();
            received
        });
        assert!(at_receiver == forward && at_sender == reply);
    }
    assert_eq!(relay.metric("relayed_bytes_total{kind=\"lane\"}").await, 2 * (8 << 20));
    assert_eq!(relay.metric("lanes_total").await, 2);
    relay.stop().await;
}

#[tokio::test]
async fn both_ways_at_once_and_a_slow_reader_lose_nothing() {
    let relay = TestRelay::start(|_| ()).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    let (forward, reply) = (noise(5, 6 << 20), noise(6, 6 << 20));
    let slow = async {
        let (mut reader, mut writer) = back.split();
        let read = async {
            let (mut received, mut piece) = (Vec::new(), vec![0; 10_007]);
            loop {
                match reader.read(&mut piece).await.unwrap() {
                    0 => return received,
                    count => received.extend_from_slice(&piece[..count]),
                }
                tokio::task::yield_now().await;
            }
        };
        let write = async {
            writer.write_all(&reply).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        tokio::join!(read, write).0
    };
    let (at_sender, at_receiver) =
        within("a pair of connections", async { tokio::join!(exchange(&mut there, &forward), slow) }).await;
    assert!(at_receiver == forward && at_sender == reply);
    relay.stop().await;
}

#[tokio::test]
async fn paired_control_connections_carry_bytes_both_ways() {
    let relay = TestRelay::start(|_| ()).await;
    let (mut sender, mut receiver, _) = pair(relay.addr, ROOM).await;
    let (forward, reply) = (noise(7, 1 << 20), noise(8, 1 << 20));
    let (at_sender, at_receiver) =
        tokio::join!(exchange(&mut sender.stream, &forward), exchange(&mut receiver.stream, &reply));
    assert!(at_receiver == forward && at_sender == reply);
    assert_eq!(relay.metric("relayed_bytes_total{kind=\"control\"}").await, 2 << 20);
    assert_eq!(relay.metric("pairings_total").await, 1);
    relay.stop().await;
}

#[tokio::test]
async fn a_rate_slows_a_lane_but_loses_nothing() {
    let relay = TestRelay::start(|config| {
        config.limits.rate_bytes_per_sec = NonZeroU64::new(4 << 20);
    })
    .await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    let forward = noise(9, 2 << 20);
    let (_, at_receiver) = tokio::join!(exchange(&mut there, &forward), exchange(&mut back, b""));
    assert!(at_receiver == forward);
    relay.stop().await;
}

#[tokio::test]
async fn data_ports_are_named_in_the_welcome_and_take_lanes() {
    let relay = TestRelay::start(|config| config.data_ports = vec![0, 0]).await;
    let (sender, _receiver, token) = pair(relay.addr, ROOM).await;
    assert_eq!(sender.welcome.data_ports, relay.data_ports);
    assert_eq!(relay.data_ports.len(), 2);
    for (number, port) in (0..).zip(&relay.data_ports) {
        let addr = SocketAddr::new(relay.addr.ip(), *port);
        let (mut there, mut back) = paired_lane(addr, token, number).await;
        let (_, received) = tokio::join!(exchange(&mut there, b"over"), exchange(&mut back, b""));
        assert_eq!(received, b"over");
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_room_takes_one_of_each_role_and_needs_its_sender_first() {
    let relay = TestRelay::start(|_| ()).await;
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::NoSuchRoom);
    let (_sender, _receiver, _) = pair(relay.addr, ROOM).await;
    assert_eq!(refused(relay.addr, Role::Sender).await, Refusal::RoleTaken);
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::RoleTaken);
    assert_eq!(relay.metric("refusals_total{reason=\"role_taken\"}").await, 2);
    assert_eq!(relay.metric("joins_total").await, 5);
    relay.stop().await;
}

#[tokio::test]
async fn a_waiting_sender_that_leaves_takes_its_room_along() {
    let relay = TestRelay::start(|_| ()).await;
    let mut sender = waiting_sender(relay.addr, ROOM).await;
    assert_eq!(relay.metric("rooms").await, 1);
    sender.stream.shutdown().await.unwrap();
    closed_in_silence(&mut sender.stream).await;
    assert_eq!(relay.metric("rooms").await, 0);
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::NoSuchRoom);
    relay.stop().await;
}

#[tokio::test]
async fn when_either_of_a_pair_leaves_nothing_of_the_room_remains() {
    let relay = TestRelay::start(|_| ()).await;
    for leaver in [Role::Sender, Role::Receiver] {
        let (sender, receiver, token) = pair(relay.addr, ROOM).await;
        let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
        let waiting = lane(relay.addr, token, 1, Role::Sender).await;
        let (leaves, mut stays) =
            if leaver == Role::Sender { (sender, receiver) } else { (receiver, sender) };
        drop(leaves);
        closed_in_silence(&mut stays.stream).await;
        assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::NoSuchRoom);
        let late = lane(relay.addr, token, 2, Role::Sender).await;
        assert_eq!(lane_refusal(late).await, Refusal::NoSuchLane);
        assert_eq!(lane_refusal(waiting).await, Refusal::NoSuchLane);
        drop(stays);
        closed_in_silence(&mut there).await;
        closed_in_silence(&mut back).await;
        assert_eq!((relay.metric("rooms").await, relay.metric("lanes").await), (0, 0));
    }
    relay.stop().await;
}

#[tokio::test]
async fn draining_lets_a_pair_finish_and_refuses_everyone_else() {
    let relay = TestRelay::start(|_| ()).await;
    let (sender, mut receiver, token) = pair(relay.addr, ROOM).await;
    let waiting = waiting_sender(relay.addr, OTHER_ROOM).await;
    relay.shutdown.cancel();
    assert_eq!(waiting.refusal().await, Refusal::Draining);
    assert_eq!(refused(relay.addr, Role::Sender).await, Refusal::Draining);
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::Draining);
    assert_eq!(relay.metric("draining").await, 1);
    // The pair has not even opened its lanes yet.
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    let forward = noise(11, 1 << 20);
    let (_, arrived) = tokio::join!(exchange(&mut there, &forward), exchange(&mut back, b""));
    assert!(arrived == forward);
    drop(sender);
    closed_in_silence(&mut receiver.stream).await;
    drop(receiver);
    relay.ended().await;
}

#[tokio::test]
async fn a_pair_that_does_not_finish_is_cut_when_the_drain_is_over() {
    let relay = TestRelay::start(|config| config.limits.drain_secs = 1).await;
    let (mut sender, _receiver, _) = pair(relay.addr, ROOM).await;
    relay.shutdown.cancel();
    closed_in_silence(&mut sender.stream).await;
    relay.ended().await;
}

#[tokio::test]
async fn killing_ends_even_an_active_pair_at_once() {
    let relay = TestRelay::start(|_| ()).await;
    let (mut sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let (mut there, _back) = paired_lane(relay.addr, token, 0).await;
    relay.kill.cancel();
    closed_in_silence(&mut sender.stream).await;
    closed_in_silence(&mut there).await;
    relay.ended().await;
}

#[tokio::test]
async fn one_socket_serves_ipv4_and_ipv6() {
    let relay = TestRelay::start(|config| config.host = None).await;
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, relay.addr.port()));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, relay.addr.port()));
    let mut sender = waiting_sender(v6, ROOM).await;
    assert_eq!(sender.welcome.observed, sender.stream.local_addr().unwrap());
    let mut receiver = Client::connect(v4).await;
    assert_eq!(receiver.welcome.observed, receiver.stream.local_addr().unwrap());
    receiver.hello(Role::Receiver, ROOM).await;
    assert_eq!(receiver.paired().await.0, sender.paired().await.0);
    relay.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let relay = TestRelay::start(|_| ()).await;
    let config = RelayConfig {
        host: Some(relay.addr.ip()),
        port: relay.addr.port(),
        data_ports: Vec::new(),
        ..RelayConfig::default()
    };
    let Err(error) = Relay::bind(config).await else { panic!("two relays on one port") };
    assert!(matches!(error, RelayError::PortTaken(addr) if addr == relay.addr));
    assert!(error.to_string().contains(&relay.addr.port().to_string()));
    relay.stop().await;
}

#[tokio::test]
async fn metrics_answer_one_path_only() {
    let relay = TestRelay::start(|_| ()).await;
    let answer = http_get(relay.metrics_addr, "/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(answer.contains("caiman_relay_build_info{version=\""));
    assert!(http_get(relay.metrics_addr, "/").await.starts_with("HTTP/1.1 404 "));
    let mut endless = TcpStream::connect(relay.metrics_addr).await.unwrap();
    // The answer or a reset may come before everything is sent. What counts is that the relay doesn't read all of it.
    let _ = endless.write_all(&vec![b'x'; 8 << 20]).await;
    let _ = read_to_end(&mut endless).await;
    relay.stop().await;
}

#[tokio::test]
async fn logs_name_no_room_no_password_and_no_message() {
    let (log, _logging) = Log::start(tracing::Level::TRACE);
    let relay = TestRelay::start(|config| {
        config.password = Some("lagoon".into());
    })
    .await;
    let room = RoomId([0xA7; 16]);
    let mut sender = Client::connect(relay.addr).await;
    sender.hello_with(Role::Sender, room, "lagoon").await;
    assert_eq!(sender.reply().await, Reply::Waiting);
    let mut receiver = Client::connect(relay.addr).await;
    receiver.hello_with(Role::Receiver, room, "lagoon").await;
    let (token, _) = receiver.paired().await;
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    tokio::join!(exchange(&mut there, b"quietly"), exchange(&mut back, b""));
    relay.stop().await;
    let log = log.text().to_lowercase();
    assert!(log.contains("lane paired") && log.contains("relay stopped"), "{log}");
    let token = format!("{:?}", token.0).replace(['[', ']'], "");
    for secret in ["167, 167", "a7a7", "lagoon", "quietly", &token] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_makes_few_log_lines_and_each_says_how_many_were_left_out() {
    let (log, _logging) = Log::start(tracing::Level::INFO);
    let relay = TestRelay::start(|config| config.limits.joins_per_minute = 1).await;
    let start = Instant::now();
    for _ in 0..200 {
        refused(relay.addr, Role::Receiver).await;
    }
    assert!(relay.metric("refusals_total{reason=\"too_many_joins\"}").await >= 190);
    relay.stop().await;
    let text = log.text();
    let lines = text.lines().filter(|line| line.contains("refused") && line.contains("left_out=")).count();
    assert!(lines > 0 && lines as u64 <= 6 + start.elapsed().as_secs(), "{lines} lines: {text}");
}

/// Collects the log lines of a test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects what this thread logs, on which the runtime of a test stays, and with it the relay.
    fn start(level: tracing::Level) -> (Self, impl Sized) {
        let log = Self::default();
        let sink = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || sink.clone())
            .finish();
        // While there is only one subscriber, `tracing` asks the thread that first comes to an event whether the event is wanted
        // at all, and the threads of other tests have no subscriber.
        let another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
        (log, (another, tracing::subscriber::set_default(subscriber)))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
