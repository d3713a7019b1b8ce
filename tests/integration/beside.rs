//! The relay beside a send: it serves that send and no other, and in the path mode *local network only* it lets nobody else in.
//! What a listener does with an address from elsewhere is tested where it is decided (`relay::server`, `transfer::link::direct`),
//! because the test's machine has only itself.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::support::{
    Client, OTHER_ROOM, ROOM, TestRelay,
    cutter::Cutter,
    engine::{BLOCK, Transfer, World},
    hello, noise,
    tree::tree,
};
use caiman::{
    engine::{Choices, PathMode, ReceiveOrder, RelayChoice, SendOrder},
    net::access::SenderKey,
    protocol::{
        Role,
        relay::{Hello, Refusal, Reply, RoomId},
    },
};

/// Where the relay beside a send listens.
fn beside(sending: &Transfer) -> SocketAddr {
    let address = sending.listening.as_ref().expect("a relay listens before there is a code");
    (Ipv4Addr::LOCALHOST, address.port()).into()
}

/// What the relay answers to a stranger's hello.
async fn answer(relay: SocketAddr, hello: &Hello) -> (Client, Reply) {
    let mut stranger = Client::connect(relay).await;
    stranger.say(hello).await;
    let reply = stranger.reply().await;
    (stranger, reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_meet_at_the_relay_beside_a_send() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let mut sending =
        world.sender.send(SendOrder { relays: Vec::new(), ..world.send_order(world.paths(&["x"])) });
    let code = sending.code().await;
    let relay = beside(&sending);
    // The answer is the same for a room that exists, so it tells nothing about the code.
    for room in [ROOM, RoomId(code.room())] {
        for waits in [false, true] {
            let (_, reply) = answer(relay, &Hello { waits, ..hello(Role::Sender, room) }).await;
            assert_eq!(reply, Reply::Refused(Refusal::OtherSender));
        }
    }
    let (_, reply) = answer(relay, &hello(Role::Receiver, ROOM)).await;
    assert_eq!(reply, Reply::Refused(Refusal::NoSuchRoom));
    // One that waits for the sender may do so, but only the sender could come.
    let (_waiting, reply) = answer(relay, &Hello { waits: true, ..hello(Role::Receiver, OTHER_ROOM) }).await;
    assert_eq!(reply, Reply::Waiting);
    for (role, refusal) in [(Role::Sender, Refusal::OtherSender), (Role::Receiver, Refusal::RoleTaken)] {
        let (_, reply) = answer(relay, &Hello { waits: true, ..hello(role, OTHER_ROOM) }).await;
        assert_eq!(reply, Reply::Refused(refusal));
    }
    let relays = vec![RelayChoice::new(sending.listening.clone().unwrap())];
    let mut receiving = world.receiver.receive(ReceiveOrder { relays, ..world.receive_order(code) });
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(tree(&world.to("x")), tree(&world.from("x")));
}

/// However many strangers wait there, the sender still finds room.
#[tokio::test]
async fn receivers_that_wait_leave_room_for_the_sender() {
    let key = SenderKey::draw().unwrap();
    let relay = TestRelay::start(|config| {
        config.sender_key = Some(key.clone());
        config.limits.max_rooms = 4;
    })
    .await;
    let mut waiting = Vec::new();
    for (number, due) in
        [(1, Reply::Waiting), (2, Reply::Waiting), (3, Reply::Refused(Refusal::TooManyRooms))]
    {
        let stranger = Hello { waits: true, ..hello(Role::Receiver, RoomId([number; 16])) };
        let (client, reply) = answer(relay.addr, &stranger).await;
        assert_eq!(reply, due);
        waiting.push(client);
    }
    let client_token = key.client_token().unwrap();
    let (_sender, reply) =
        answer(relay.addr, &Hello { client_token, ..hello(Role::Sender, RoomId([9; 16])) }).await;
    assert_eq!(reply, Reply::Waiting);
    relay.stop().await;
}

/// The receiver loses its network, and whichever side is first waits for the other one at the sender's own relay.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_comes_back_to_the_relay_beside_its_sender() {
    let world = World::new().await;
    fs::write(world.from("x"), noise(5, 12 * BLOCK)).unwrap();
    let patience = Duration::from_mins(2);
    let order = SendOrder {
        relays: Vec::new(),
        bytes_per_sec: Some(2 * BLOCK as u64),
        patience,
        ..world.send_order(world.paths(&["x"]))
    };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let cutter = Cutter::before(beside(&sending)).await;
    let order = ReceiveOrder { relays: vec![cutter.relay()], patience, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.moving(), receiving.moving());
    cutter.cut();
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(tree(&world.to("x")), tree(&world.from("x")));
}

#[tokio::test(flavor = "multi_thread")]
async fn within_the_local_network_a_transfer_works_as_ever() {
    let world = World::new().await;
    fs::write(world.from("x"), noise(6, 2 * BLOCK)).unwrap();
    let path_mode = PathMode::LocalOnly;
    let mut sending = world.sender.send(SendOrder { path_mode, ..world.send_order(world.paths(&["x"])) });
    let code = sending.code().await;
    let relays = vec![RelayChoice::new(sending.listening.clone().unwrap())];
    let order = ReceiveOrder { path_mode, relays, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(tree(&world.to("x")), tree(&world.from("x")));
    assert_eq!(world.relay.metric("connections_total").await, 0);
}
