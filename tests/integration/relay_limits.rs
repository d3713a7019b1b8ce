//! What the relay refuses, over real sockets: each limit by its name, hostile clients, and that the others go on meanwhile.
use crate::support::*;
use caiman::protocol::{
    Role, VERSION, frame,
    relay::{ConnectionKind, Hello, LaneHello, LaneToken, MAX_FIRST, MAX_FRAME, MAX_LANES, Refusal, Reply},
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

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
        config.password = Some("lagoon".into());
        config.limits.joins_per_minute = 5;
    })
    .await;
    assert_eq!(refused(relay.addr, Role::Sender).await, Refusal::PasswordRequired);
    let mut sender = Client::connect(relay.addr).await;
    assert!(sender.welcome.password_required);
    sender.hello_with(Role::Sender, ROOM, "lagoon").await;
    assert_eq!(sender.reply().await, Reply::Waiting);
    // Whatever a guesser does with the relay's answer, the try has been counted before: it may leave, …
    for _ in 0..2 {
        let mut guesser = Client::connect(relay.addr).await;
        assert!(guesser.claim("laguna").await.is_none(), "the relay has proven another password");
    }
    // … or say hello without a proof that fits.
    let mut guesser = Client::connect(relay.addr).await;
    assert!(guesser.claim("laguna").await.is_none());
    guesser.say(&Hello { proof: Some([7; 32]), ..hello(Role::Receiver, ROOM) }).await;
    assert_eq!(guesser.refusal().await, Refusal::PasswordWrong);
    let mut guesser = Client::connect(relay.addr).await;
    guesser.ask("laguna").await;
    assert_eq!(guesser.refusal().await, Refusal::TooManyJoins);
    // Those that left count as wrong as well, which an operator can see.
    within("the count", async {
        while relay.metric("refusals_total{reason=\"password_wrong\"}").await < 3 {}
    })
    .await;
    relay.stop().await;
}

#[tokio::test]
async fn a_client_of_another_version_is_told_the_relays_whatever_its_hello_looks_like() {
    let relay = TestRelay::start(|_| ()).await;
    let mut same_shape = Client::connect(relay.addr).await;
    let hello = Hello {
        version: 7,
        features: 0,
        role: Role::Sender,
        room: ROOM,
        client_token: client_token(),
        waits: false,
        proof: None,
        first: Vec::new(),
    };
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
        let hello = Hello {
            version: VERSION,
            features: 0,
            role,
            room: ROOM,
            client_token: client_token(),
            waits: false,
            proof: None,
            first,
        };
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
    half_lane.write_all(&ConnectionKind::Lane.to_bytes()).await.unwrap();
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
    // Under Wine, where these tests stand in for Windows, a thousand sockets in one process take too long to wait for. There, a
    // tenth of the crowd meets a tenth of the limit.
    let (crowd_size, limit): (u64, u32) = if cfg!(windows) { (200, 50) } else { (2000, 500) };
    let relay = TestRelay::start(|config| config.limits.connections_per_address = limit as usize).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    let mut crowd = Vec::new();
    for _ in 0..crowd_size {
        crowd.push(TcpStream::connect(relay.addr).await.unwrap());
    }
    // From the crowd's own address, connections that existed before go on.
    let forward = noise(10, 2 << 20);
    let (_, arrived) = tokio::join!(exchange(&mut there, &forward), exchange(&mut back, b""));
    assert!(arrived == forward);
    // For another address it is as if there were no crowd.
    let mut sender = Client::connect_from([127, 0, 0, 2], relay.addr).await;
    sender.hello(Role::Sender, OTHER_ROOM).await;
    assert_eq!(sender.reply().await, Reply::Waiting);
    let mut receiver = Client::connect_from([127, 0, 0, 3], relay.addr).await;
    receiver.hello(Role::Receiver, OTHER_ROOM).await;
    receiver.paired().await;
    assert!(relay.metric("connections").await < u64::from(limit) + 100);
    assert!(relay.metric("refusals_total{reason=\"too_much_from_here\"}").await > crowd_size / 2);
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
        let expected = if in_all { Refusal::TooManyConnections } else { Refusal::TooMuchFromHere };
        assert_eq!(refused(relay.addr, Role::Receiver).await, expected);
        let lane = lane(relay.addr, LaneToken([0; 16]), 0, Role::Sender).await;
        assert_eq!(lane_refusal(lane).await, expected);
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
        let expected = if in_all { Refusal::TooManyRooms } else { Refusal::TooMuchFromHere };
        assert_eq!(refused(relay.addr, Role::Sender).await, expected);
        relay.stop().await;
    }
}

#[tokio::test]
async fn a_flood_of_joins_is_refused_while_others_go_on() {
    let relay = TestRelay::start(|config| config.limits.joins_per_minute = 6).await;
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
    // Enough for a few connections, but not for the buffers of a paired room.
    let relay = TestRelay::start(|config| config.limits.max_memory_bytes = 20 * 1024).await;
    let mut sender = waiting_sender(relay.addr, ROOM).await;
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::OutOfMemory);
    assert_eq!(sender.reply().await, Reply::Refused(Refusal::OutOfMemory));
    relay.stop().await;
}
