//! Direct connections between the two machines: used if they can be made, not needed if they can't, and never made by a side
//! that wants to hide its addresses.

use std::{fs, net::SocketAddr, time::Duration};

use crate::support::{engine::*, noise, peer::*, stage::*};
use caiman::{
    engine::{Choices, PATIENCE, PathMode, Payload, ReceiveOrder, Route, SendOrder},
    protocol::{
        frame::PADDING,
        manifest::OfferKind,
        peer::{Addresses, FromReceiver, FromSender, Way},
    },
};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::oneshot};

/// A transfer between two sides with these path modes. Returns whether it went directly, and how many lanes the relay has seen.
async fn exchange(sender: PathMode, receiver: PathMode) -> (bool, u64) {
    let world = World::new().await;
    let bytes = noise(3, 20 * BLOCK + 7);
    fs::write(world.from("file"), &bytes).unwrap();
    let order = SendOrder { path_mode: sender, ..world.send_order(world.paths(&["file"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let order = ReceiveOrder { path_mode: receiver, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert!(fs::read(world.to("file")).unwrap() == bytes);
    let was_direct = receiving.history().await.iter().any(|progress| progress.route == Route::Direct);
    let lanes = world.relay.metric("lanes_total").await;
    world.relay.stop().await;
    (was_direct, lanes)
}

#[tokio::test]
async fn where_the_two_reach_each_other_the_relay_carries_no_data() {
    assert_eq!(exchange(PathMode::Automatic, PathMode::Automatic).await, (true, 0));
}

#[tokio::test]
async fn one_side_that_wants_the_relay_is_enough() {
    for (sender, receiver) in
        [(PathMode::RelayOnly, PathMode::Automatic), (PathMode::Automatic, PathMode::RelayOnly)]
    {
        let (was_direct, lanes) = exchange(sender, receiver).await;
        assert!(!was_direct, "{sender:?} and {receiver:?} met directly");
        assert!(lanes > 0, "no lane went through the relay");
    }
}

#[tokio::test]
async fn a_relay_that_is_gone_for_good_is_gone_around() {
    let world = World::new().await;
    let bytes = noise(4, 40 * BLOCK);
    fs::write(world.from("file"), &bytes).unwrap();
    let order = SendOrder {
        path_mode: PathMode::Automatic,
        patience: PATIENCE,
        bytes_per_sec: Some(20 * BLOCK as u64),
        ..world.send_order(world.paths(&["file"]))
    };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let path_mode = PathMode::Automatic;
    let order = ReceiveOrder { path_mode, patience: PATIENCE, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    receiving
        .reach("bytes on a direct lane", |progress| progress.route == Route::Direct && progress.bytes > 0)
        .await;
    world.relay.stop().await;
    tokio::join!(sending.report(), receiving.report());
    assert!(fs::read(world.target.path().join("file")).unwrap() == bytes);
}

#[tokio::test]
async fn a_sender_that_stays_hidden_names_no_address() {
    let mut stage = Stage::new().await;
    let path = stage.outer().join("file");
    fs::write(&path, noise(1, 10)).unwrap();
    let (relay, code) = (stage.relay.addr, code());
    let (ready, is_ready) = oneshot::channel();
    let attack = async {
        is_ready.await.unwrap();
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        peer.say(&FromReceiver::Addresses(named(&["192.0.2.1:9"]))).await;
        let mut heard = Vec::new();
        while !matches!(heard.last(), Some(FromSender::OfferEnd { .. })) {
            heard.push(peer.hear::<FromSender>().await.unwrap());
        }
        peer.say(&FromReceiver::Decline).await;
        while let Some(message) = peer.hear().await {
            heard.push(message);
        }
        heard
    };
    let what = Payload::Paths(vec![path]);
    let (_, heard) = tokio::join!(stage.send(&code, what, ready), attack);
    assert!(!heard.iter().any(|message| matches!(message, FromSender::Addresses(_))), "{heard:?}");
    stage.relay.stop().await;
}

#[tokio::test]
async fn a_receiver_that_stays_hidden_names_no_address() {
    let mut stage = Stage::new().await;
    let (relay, code) = (stage.relay.addr, code());
    let waiting = WaitingSender::new(relay, &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        peer.say(&FromSender::Addresses(named(&["192.0.2.1:9"]))).await;
        for message in offer(OfferKind::Files, &[file("x", 9)]) {
            peer.say(&message).await;
        }
        let mut heard = Vec::new();
        while !matches!(heard.last(), Some(FromReceiver::Accept { .. })) {
            heard.push(peer.hear::<FromReceiver>().await.unwrap());
        }
        peer.say(&FromSender::Cancel).await;
        heard
    };
    let (_, heard) = tokio::join!(stage.receive(&code, None, accept), attack);
    let named = heard.iter().find_map(|message| match message {
        FromReceiver::Addresses(addresses) => Some(addresses.clone()),
        _ => None,
    });
    assert_eq!(named, Some(Addresses::default()));
    assert!(matches!(heard.last(), Some(FromReceiver::Accept { way: Way::Relay, .. })));
    stage.relay.stop().await;
}

/// The receiver's addresses, as an honest receiver tells them to a sender that asks.
fn named(addresses: &[&str]) -> Addresses {
    Addresses { sockets: addresses.iter().map(|address| address.parse().unwrap()).collect(), endpoint: None }
}

async fn addresses_of(peer: &mut HostilePeer) -> Vec<SocketAddr> {
    loop {
        if let FromReceiver::Addresses(addresses) = peer.hear().await.unwrap() {
            return addresses.sockets;
        }
    }
}

#[tokio::test]
async fn an_address_that_leads_to_somebody_else_costs_that_one_a_greeting() {
    let mut stage = Stage::new().await;
    stage.path_mode = PathMode::Automatic;
    let (relay, code) = (stage.relay.addr, code());
    let waiting = WaitingSender::new(relay, &code).await;
    let bystander = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = bystander.local_addr().unwrap();
    let attack = async {
        let mut peer = waiting.meet().await;
        peer.say(&FromSender::Addresses(Addresses { sockets: vec![address; 1000], endpoint: None })).await;
        assert!(!addresses_of(&mut peer).await.is_empty());
        let (mut stream, _) = bystander.accept().await.unwrap();
        let mut greeting = [0; 4096];
        let said = crate::support::within("a greeting", stream.read(&mut greeting)).await.unwrap();
        assert!(said <= 64 + PADDING.len(), "{said} bytes to a stranger");
        peer.say(&FromSender::Cancel).await;
        drop(stream);
        // No more connections than addresses that a side may name.
        let mut more = 0;
        while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(1), bystander.accept()).await {
            more += 1;
        }
        assert!(more < 16, "{more} more connections");
    };
    tokio::join!(stage.receive(&code, None, accept), attack);
    stage.relay.stop().await;
}

#[tokio::test]
async fn addresses_come_once_and_once_more_for_a_gateway() {
    let mut stage = Stage::new().await;
    stage.path_mode = PathMode::Automatic;
    let (relay, code) = (stage.relay.addr, code());
    let waiting = WaitingSender::new(relay, &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        for _ in 0..3 {
            peer.say(&FromSender::Addresses(Addresses::default())).await;
        }
        while peer.hear::<FromReceiver>().await.is_some() {}
    };
    let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
    let error = ended.result.unwrap_err();
    assert!(error.to_string().contains("'addresses' at the wrong moment"), "{error}");
    stage.relay.stop().await;
}
