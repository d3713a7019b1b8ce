//! The relay's public face, over real sockets: what clients may rely on, and what hostile ones can't do.

mod support;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU64,
};

use caiman::{
    protocol::{
        Role, VERSION, frame,
        relay::{Hello, LaneHello, LaneToken, MAX_FIRST, MAX_FRAME, MAX_LANES, Opening, Refusal, Reply},
    },
    relay::{AccessPassword, Relay, RelayConfig, RelayError},
};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends `bytes`, ends that side, and returns what came from the other.
async fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = stream.split();
    let mut received = Vec::new();
    let send = async {
        writer.write_all(bytes).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    within(async { tokio::join!(send, reader.read_to_end(&mut received)).1 }).await.unwrap();
    received
}

async fn refused(addr: SocketAddr, role: Role) -> Refusal {
    let mut client = Client::connect(addr).await;
    client.hello(role, ROOM).await;
    client.refusal().await
}

#[tokio::test]
async fn lanes_carry_every_byte_both_ways_and_end_each_way_by_itself() {
    let relay = TestRelay::start(|_| ()).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    for number in [0, MAX_LANES - 1] {
        let (mut there, mut back) = paired_lane(relay.addr, token, number).await;
        let (forward, reply) = (noise(3, 5 << 20), noise(4, 3 << 20));
        let (at_sender, at_receiver) = tokio::join!(exchange(&mut there, &forward), async {
            // Answers only once the other way has ended: a half-closed lane must still carry this way.
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
    let (at_sender, at_receiver) = within(async { tokio::join!(exchange(&mut there, &forward), slow) }).await;
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
    assert_eq!(relay.metric("joins_total").await, 3);
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
async fn a_lane_needs_a_known_token_a_number_in_range_and_a_free_place() {
    let relay = TestRelay::start(|_| ()).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let stranger = lane(relay.addr, LaneToken([9; 16]), 0, Role::Sender).await;
    assert_eq!(lane_refusal(stranger).await, Refusal::NoSuchLane);
    let beyond = lane(relay.addr, token, MAX_LANES, Role::Sender).await;
    assert_eq!(lane_refusal(beyond).await, Refusal::NoSuchLane);
    let (_there, _back) = paired_lane(relay.addr, token, 0).await;
    let again = lane(relay.addr, token, 0, Role::Sender).await;
    assert_eq!(lane_refusal(again).await, Refusal::NoSuchLane);
    let mut odd = TcpStream::connect(relay.addr).await.unwrap();
    let mut hello = LaneHello { token, lane: 3, role: Role::Sender }.to_bytes();
    hello[31] = 1;
    odd.write_all(&hello).await.unwrap();
    assert_eq!(lane_refusal(odd).await, Refusal::Malformed);
    relay.stop().await;
}

#[tokio::test]
async fn only_clients_with_the_password_get_in() {
    let relay = TestRelay::start(|config| {
        config.password = Some(AccessPassword::from("lagoon".to_owned()));
        config.limits.joins_per_minute = 2;
    })
    .await;
    assert_eq!(refused(relay.addr, Role::Sender).await, Refusal::PasswordRequired);
    let mut sender = Client::connect(relay.addr).await;
    assert!(sender.welcome.password_required);
    sender.hello_with(Role::Sender, ROOM, "lagoon").await;
    assert_eq!(sender.reply().await, Reply::Waiting);
    for expected in [Refusal::PasswordWrong, Refusal::PasswordWrong, Refusal::TooManyJoins] {
        let mut guesser = Client::connect(relay.addr).await;
        guesser.hello_with(Role::Receiver, ROOM, "laguna").await;
        assert_eq!(guesser.refusal().await, expected);
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_client_of_another_version_is_told_the_relays_whatever_its_hello_looks_like() {
    let relay = TestRelay::start(|_| ()).await;
    let mut same_shape = Client::connect(relay.addr).await;
    let hello =
        Hello { version: 7, features: 0, role: Role::Sender, room: ROOM, proof: None, first: Vec::new() };
    same_shape.send(&frame::encode(&hello)).await;
    assert_eq!(same_shape.refusal().await, Refusal::Version(VERSION));
    let mut other_shape = Client::connect(relay.addr).await;
    other_shape.send(&frame::encode(&(7u16, "who knows what version 7 says"))).await;
    assert_eq!(other_shape.refusal().await, Refusal::Version(VERSION));
    relay.stop().await;
}

#[tokio::test]
async fn what_is_not_the_protocol_is_refused_by_name_or_closed() {
    let relay = TestRelay::start(|_| ()).await;
    let mut scanner = TcpStream::connect(relay.addr).await.unwrap();
    scanner.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    closed_in_silence(&mut scanner).await;

    let mut oversized = Client::connect(relay.addr).await;
    oversized.send(&u32::MAX.to_be_bytes()).await;
    assert_eq!(oversized.refusal().await, Refusal::Malformed);

    // Large enough that closing without reading it would reset the connection and lose the answer.
    let mut huge = Client::connect(relay.addr).await;
    huge.send(&frame::wrap(&vec![7; MAX_FRAME])).await;
    assert_eq!(huge.refusal().await, Refusal::Malformed);

    let mut nonsense = Client::connect(relay.addr).await;
    nonsense.send(&frame::wrap(&[1, 0xff, 0xff, 0xff])).await;
    assert_eq!(nonsense.refusal().await, Refusal::Malformed);

    for (role, length) in [(Role::Sender, MAX_FIRST + 1), (Role::Receiver, 1)] {
        let mut talkative = Client::connect(relay.addr).await;
        let first = vec![0; length];
        let hello = Hello { version: VERSION, features: 0, role, room: ROOM, proof: None, first };
        talkative.send(&frame::encode(&hello)).await;
        assert_eq!(talkative.refusal().await, Refusal::Malformed);
    }

    let mut early = waiting_sender(relay.addr, ROOM).await;
    early.send(b"not yet").await;
    assert_eq!(early.refusal().await, Refusal::Malformed);
    assert_eq!(relay.metric("rooms").await, 0);
    assert_eq!(relay.metric("refusals_total{reason=\"malformed\"}").await, 7);
    relay.stop().await;
}

#[tokio::test]
async fn whoever_is_slow_to_say_hello_is_told_and_let_go() {
    let relay = TestRelay::start(|config| config.limits.hello_secs = 1).await;
    let mut silent = TcpStream::connect(relay.addr).await.unwrap();
    let mut dribbling = Client::connect(relay.addr).await;
    dribbling.send(&[0, 0]).await;
    let mut half_lane = TcpStream::connect(relay.addr).await.unwrap();
    half_lane.write_all(&Opening::Lane.to_bytes()).await.unwrap();
    assert_eq!(dribbling.refusal().await, Refusal::TooSlow);
    assert_eq!(lane_refusal(half_lane).await, Refusal::TooSlow);
    closed_in_silence(&mut silent).await;
    assert_eq!(relay.metric("refusals_total{reason=\"too_slow\"}").await, 3);
    relay.stop().await;
}

#[tokio::test]
async fn a_sender_for_whom_nobody_comes_is_told() {
    let relay = TestRelay::start(|config| config.limits.wait_secs = 1).await;
    let sender = waiting_sender(relay.addr, ROOM).await;
    assert_eq!(sender.refusal().await, Refusal::TooSlow);
    relay.stop().await;
}

#[tokio::test]
async fn a_room_in_which_nothing_moves_is_closed_with_its_lanes() {
    let relay = TestRelay::start(|config| config.limits.idle_secs = 1).await;
    let (mut sender, mut receiver, token) = pair(relay.addr, ROOM).await;
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    for stream in [&mut sender.stream, &mut receiver.stream, &mut there, &mut back] {
        closed_in_silence(stream).await;
    }
    assert_eq!(relay.metric("rooms").await, 0);
    relay.stop().await;
}

#[tokio::test]
async fn silent_connections_by_the_thousand_do_not_stop_a_transfer() {
    let relay = TestRelay::start(|_| ()).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    let mut crowd = Vec::new();
    for _ in 0..2000 {
        crowd.push(TcpStream::connect(relay.addr).await.unwrap());
    }
    // The crowd's own address: what was there before goes on.
    let forward = noise(10, 2 << 20);
    let (_, received) = tokio::join!(exchange(&mut there, &forward), exchange(&mut back, b""));
    assert!(received == forward);
    // Another address: as if there were no crowd.
    let mut sender = Client::connect_from([127, 0, 0, 2], relay.addr).await;
    sender.hello(Role::Sender, OTHER_ROOM).await;
    assert_eq!(sender.reply().await, Reply::Waiting);
    let mut receiver = Client::connect_from([127, 0, 0, 3], relay.addr).await;
    receiver.hello(Role::Receiver, OTHER_ROOM).await;
    receiver.paired().await;
    assert!(relay.metric("connections").await < 600);
    assert!(relay.metric("refusals_total{reason=\"too_many_connections\"}").await > 1000);
    relay.stop().await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_told_in_its_own_form() {
    for in_all in [true, false] {
        let relay = TestRelay::start(|config| {
            let limits = &mut config.limits;
            *(if in_all { &mut limits.max_connections } else { &mut limits.connections_per_address }) = 1;
        })
        .await;
        let sender = waiting_sender(relay.addr, ROOM).await;
        assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::TooManyConnections);
        let lane = lane(relay.addr, LaneToken([0; 16]), 0, Role::Sender).await;
        assert_eq!(lane_refusal(lane).await, Refusal::TooManyConnections);
        drop(sender);
        relay.stop().await;
    }
}

#[tokio::test]
async fn rooms_over_the_limit_are_refused() {
    for in_all in [true, false] {
        let relay = TestRelay::start(|config| {
            let limits = &mut config.limits;
            *(if in_all { &mut limits.max_rooms } else { &mut limits.rooms_per_address }) = 1;
        })
        .await;
        let _sender = waiting_sender(relay.addr, OTHER_ROOM).await;
        assert_eq!(refused(relay.addr, Role::Sender).await, Refusal::TooManyRooms);
        relay.stop().await;
    }
}

#[tokio::test]
async fn a_flood_of_joins_is_refused_while_others_go_on() {
    let relay = TestRelay::start(|config| config.limits.joins_per_minute = 5).await;
    let _sender = waiting_sender(relay.addr, OTHER_ROOM).await;
    for _ in 0..5 {
        assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::NoSuchRoom);
    }
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::TooManyJoins);
    let mut other = Client::connect_from([127, 0, 0, 2], relay.addr).await;
    other.hello(Role::Receiver, OTHER_ROOM).await;
    assert_eq!(other.paired().await.1, FIRST);
    relay.stop().await;
}

#[tokio::test]
async fn memory_over_the_limit_is_refused_by_name() {
    // Enough for a few connections, not for a paired room's buffers.
    let relay = TestRelay::start(|config| config.limits.max_memory_bytes = 20 * 1024).await;
    let mut sender = waiting_sender(relay.addr, ROOM).await;
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::OutOfMemory);
    assert_eq!(sender.reply().await, Reply::Refused(Refusal::OutOfMemory));
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
    let (_, received) = tokio::join!(exchange(&mut there, &forward), exchange(&mut back, b""));
    assert!(received == forward);
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
    // The answer may come, or a reset, before all of it is sent; what counts is that the relay doesn't take it all.
    let _ = endless.write_all(&vec![b'x'; 8 << 20]).await;
    let _ = read_to_end(&mut endless).await;
    relay.stop().await;
}
