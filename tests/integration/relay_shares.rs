//! What one address and one network can do to the others on a relay, over real sockets: find their rooms, use up the tries at their
//! codes, take the connections, the rooms and the memory.
use std::net::SocketAddr;

use crate::support::{engine::World, *};
use caiman::{
    code::CodePhrase,
    engine::{CodeChoice, Payload, SendOrder, TransferError},
    net::client::RelayClientError,
    protocol::{
        Role, VERSION, frame,
        relay::{ClientToken, Hello, Refusal, Reply, RoomId},
    },
};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// The attacker's network has the first address, and the others have addresses elsewhere.
const ATTACKER: [u8; 4] = [127, 0, 0, 1];
const NEIGHBOUR: [u8; 4] = [127, 0, 0, 2];
const ELSEWHERE: [u8; 4] = [127, 0, 1, 1];

fn room(number: u8) -> RoomId {
    RoomId([number; 16])
}

/// A client that has said hello.
async fn client(from: [u8; 4], to: SocketAddr, role: Role, room: RoomId) -> Client {
    let mut client = Client::connect_from(from, to).await;
    client.hello(role, room).await;
    client
}

/// The relay's first answer to a hello, and the client that got it.
async fn ask(from: [u8; 4], to: SocketAddr, role: Role, room: RoomId) -> (Reply, Client) {
    let mut client = client(from, to, role, room).await;
    (client.reply().await, client)
}

#[tokio::test]
async fn a_stranger_learns_of_few_rooms_whether_they_are_taken_and_then_gets_the_same_answer_for_all() {
    for role in [Role::Sender, Role::Receiver] {
        let relay = TestRelay::start(|config| config.limits.joins_per_minute = 8).await;
        let (reply, _victim) = ask(ELSEWHERE, relay.addr, Role::Sender, room(20)).await;
        assert_eq!(reply, Reply::Waiting);
        let mut told = 0;
        for number in 0..40 {
            match ask(ATTACKER, relay.addr, role, room(number)).await.0 {
                Reply::Refused(Refusal::TooManyJoins) => {}
                _ => told += 1,
            }
        }
        assert_eq!(told, 8);
        for number in [20, 21] {
            assert_eq!(
                ask(ATTACKER, relay.addr, role, room(number)).await.0,
                Reply::Refused(Refusal::TooManyJoins)
            );
        }
        // A sender elsewhere draws a code that is taken, and another one.
        let (taken, _) = ask(ELSEWHERE, relay.addr, Role::Sender, room(20)).await;
        assert_eq!(taken, Reply::Refused(Refusal::RoleTaken));
        let (drawn_again, _client) = ask(ELSEWHERE, relay.addr, Role::Sender, room(22)).await;
        assert_eq!(drawn_again, Reply::Waiting);
        relay.stop().await;
    }
}

#[tokio::test]
async fn the_addresses_of_a_network_may_ask_no_more_than_a_few_of_them() {
    let relay = TestRelay::start(|config| config.limits.joins_per_minute = 3).await;
    let mut told = 0;
    for host in 1..=10 {
        for number in 0..4 {
            let (reply, _) = ask([127, 0, 0, host], relay.addr, Role::Receiver, room(number)).await;
            told += u32::from(reply != Reply::Refused(Refusal::TooManyJoins));
        }
    }
    assert_eq!(told, 12);
    let (elsewhere, _) = ask(ELSEWHERE, relay.addr, Role::Receiver, room(1)).await;
    assert_eq!(elsewhere, Reply::Refused(Refusal::NoSuchRoom));
    relay.stop().await;
}

#[tokio::test]
async fn guessing_at_the_codes_of_others_costs_few_of_them_a_try() {
    let relay = TestRelay::start(|config| config.limits.tries_per_minute = 2).await;
    let mut senders = Vec::new();
    for number in 0..8 {
        senders.push(client(ELSEWHERE, relay.addr, Role::Sender, room(number)).await);
        assert_eq!(senders[usize::from(number)].reply().await, Reply::Waiting);
    }
    let mut met = 0;
    for number in 0..8 {
        let (reply, _) = ask(ATTACKER, relay.addr, Role::Receiver, room(number)).await;
        match reply {
            Reply::Paired { .. } => met += 1,
            other => assert_eq!(other, Reply::Refused(Refusal::TooManyJoins)),
        }
    }
    assert_eq!(met, 2);
    // The other senders have noticed nothing, and a receiver elsewhere reaches them.
    let (reply, _client) = ask(ELSEWHERE, relay.addr, Role::Receiver, room(7)).await;
    assert!(matches!(reply, Reply::Paired { .. }), "{reply:?}");
    relay.stop().await;
}

#[tokio::test]
async fn a_room_that_is_not_there_or_busy_costs_no_try_and_neither_does_a_sender_that_trusts() {
    let relay = TestRelay::start(|config| config.limits.tries_per_minute = 1).await;
    for _ in 0..3 {
        let (reply, _) = ask(ATTACKER, relay.addr, Role::Receiver, room(9)).await;
        assert_eq!(reply, Reply::Refused(Refusal::NoSuchRoom));
    }
    for round in 0..3 {
        let mut sender = client(ELSEWHERE, relay.addr, Role::Sender, room(1)).await;
        assert_eq!(sender.reply().await, Reply::Waiting);
        let mut receiver = client(ATTACKER, relay.addr, Role::Receiver, room(1)).await;
        receiver.paired().await;
        sender.paired().await;
        let (busy, _) = ask(NEIGHBOUR, relay.addr, Role::Receiver, room(1)).await;
        assert_eq!(busy, Reply::Refused(Refusal::RoleTaken), "in round {round}");
        let said = noise(1, 600);
        let (_, heard) =
            tokio::join!(exchange(&mut sender.stream, &said), exchange(&mut receiver.stream, b""));
        assert!(heard == said);
    }
    // A sender that says little more than no doesn't trust.
    for expected in [true, false] {
        let mut sender = client(ELSEWHERE, relay.addr, Role::Sender, room(2)).await;
        assert_eq!(sender.reply().await, Reply::Waiting);
        let (reply, mut receiver) = ask(ATTACKER, relay.addr, Role::Receiver, room(2)).await;
        assert_eq!(matches!(reply, Reply::Paired { .. }), expected, "{reply:?}");
        if expected {
            sender.paired().await;
            tokio::join!(exchange(&mut sender.stream, b"wrong code"), exchange(&mut receiver.stream, b""));
        }
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_code_uses_up_no_try_and_who_guesses_does() {
    let world = World::with_relay(|config| config.limits.tries_per_minute = 1).await;
    for _ in 0..3 {
        world.exchange(Payload::Text("it is 4711".to_owned())).await;
    }
    let code = CodePhrase::own("blue-horse-7731-kitchen").unwrap();
    let order = world.send_order(Payload::Text("it is 4711".to_owned()));
    let mut sending = world.sender.send(SendOrder { code: CodeChoice::Own(code), ..order });
    sending.code().await;
    let wrong = || CodePhrase::own("blue-horse-1377-kitchen").unwrap();
    let mut first = world.receiver.receive(world.receive_order(wrong()));
    let error = first.error().await;
    assert!(matches!(error, TransferError::WrongCode { tries_left: Some(2) }), "{error:?}");
    let mut second = world.receiver.receive(world.receive_order(wrong()));
    let error = second.error().await;
    let refused = RelayClientError::Refused(Refusal::TooManyJoins);
    assert_eq!(error.to_string(), TransferError::Relay(refused).to_string());
}

#[tokio::test]
async fn a_client_that_says_it_waits_does_not_get_around_the_count_of_tries() {
    let relay = TestRelay::start(|config| config.limits.tries_per_minute = 0).await;
    let (reply, mut sender) = ask(ELSEWHERE, relay.addr, Role::Sender, ROOM).await;
    assert_eq!(reply, Reply::Waiting);
    let mut waits = Client::connect(relay.addr).await;
    let hello = Hello {
        version: VERSION,
        features: 0,
        role: Role::Receiver,
        room: ROOM,
        client_token: ClientToken([7; 16]),
        waits: true,
        proof: None,
        first: Vec::new(),
    };
    waits.send(&frame::encode(&hello)).await;
    assert_eq!(waits.refusal().await, Refusal::RoleTaken);
    // The sender is still alone.
    sender.stream.shutdown().await.unwrap();
    closed_in_silence(&mut sender.stream).await;
    relay.stop().await;
}

#[tokio::test]
async fn one_address_cannot_take_all_connections_of_a_relay() {
    let relay = TestRelay::start(|config| config.limits.max_connections = 200).await;
    let mut crowd = Vec::new();
    for _ in 0..150 {
        crowd.push(TcpStream::connect(relay.addr).await.unwrap());
    }
    // The relay has seen all of the crowd once it refuses this one.
    assert_eq!(refused(relay.addr, Role::Sender).await, Refusal::TooMuchFromHere);
    assert_eq!(relay.metric("connections").await, 100);
    let (reply, _sender) = ask(ELSEWHERE, relay.addr, Role::Sender, ROOM).await;
    assert_eq!(reply, Reply::Waiting);
    let (reply, _receiver) = ask(ELSEWHERE, relay.addr, Role::Receiver, ROOM).await;
    assert!(matches!(reply, Reply::Paired { .. }), "{reply:?}");
    relay.stop().await;
}

#[tokio::test]
async fn one_network_cannot_take_all_rooms_of_a_relay() {
    let relay = TestRelay::start(|config| {
        config.limits.max_rooms = 60;
        config.limits.rooms_per_address = 10;
    })
    .await;
    let (mut open, mut counts) = (Vec::new(), Vec::new());
    for host in 1..=4 {
        let before = open.len();
        for number in 0..12 {
            let (reply, client) =
                ask([127, 0, 0, host], relay.addr, Role::Sender, room(host * 16 + number)).await;
            match reply {
                Reply::Waiting => open.push(client),
                other => assert_eq!(other, Reply::Refused(Refusal::TooMuchFromHere)),
            }
        }
        counts.push(open.len() - before);
    }
    // Ten an address, and no more than are left for all others.
    assert_eq!(counts, [10, 10, 10, 0]);
    let (elsewhere, _client) = ask(ELSEWHERE, relay.addr, Role::Sender, room(1)).await;
    assert_eq!(elsewhere, Reply::Waiting);
    relay.stop().await;
}

#[tokio::test]
async fn lanes_on_which_nothing_moves_hold_no_memory() {
    let relay = TestRelay::start(|config| config.limits.max_memory_bytes = 2 << 20).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let mut lanes = Vec::new();
    for number in 0..32 {
        let (mut there, mut back) = paired_lane(relay.addr, token, number).await;
        there.write_all(b"a word").await.unwrap();
        let mut word = [0; 6];
        within("a word", tokio::io::AsyncReadExt::read_exact(&mut back, &mut word)).await.unwrap();
        lanes.push((there, back));
    }
    assert!(relay.metric("memory_bytes").await < 1 << 20);
    let (there, back) = &mut lanes[0];
    let forward = noise(3, 8 << 20);
    let (_, arrived) = tokio::join!(exchange(there, &forward), exchange(back, b""));
    assert!(arrived == forward);
    relay.stop().await;
}
