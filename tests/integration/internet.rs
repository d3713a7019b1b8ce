//! Over the internet: two sides that share nothing but an iroh relay meet under the words of a code, and move their session to
//! endpoints of its own.

use std::{fs, time::Duration};

use crate::support::{
    engine::{BLOCK, Transfer, World},
    iroh::TestIrohRelay,
    noise,
    peer::wrong_code,
    wiretap::Wiretap,
    within,
};
use caiman::{
    code::CodePhrase,
    crypto::meeting_key::meeting_key,
    engine::{
        Choices, CodeChoice, Internet, MetAt, Notice, OnlineState, PathMode, ReceiveOrder, Route, SendOrder,
        TransferError,
    },
    net::{
        internet::{Endpoint, QuicConnection, Reveal},
        io as frames,
    },
    protocol::peer::{MAX_HANDSHAKE, OnlineFirst},
};
use iroh::{EndpointAddr, RelayMode, SecretKey, TransportAddr, endpoint::presets};
use n0_future::StreamExt;

/// A world with a file, and an iroh relay as the only place to meet.
async fn world() -> (World, TestIrohRelay) {
    let (world, iroh) = (World::new().await, TestIrohRelay::start().await);
    fs::write(world.from("file"), noise(14, 20 * BLOCK + 7)).unwrap();
    (world, iroh)
}

fn send_order(world: &World, iroh: &TestIrohRelay) -> SendOrder {
    let order = world.send_order(world.paths(&["file"]));
    SendOrder { relays: Vec::new(), internet: Some(iroh.internet()), ..order }
}

fn receive_order(world: &World, iroh: &TestIrohRelay, code: CodePhrase) -> ReceiveOrder {
    ReceiveOrder { relays: Vec::new(), internet: Some(iroh.internet()), ..world.receive_order(code) }
}

fn own(text: &str) -> CodePhrase {
    CodePhrase::own(text).unwrap()
}

/// The key under which a sender with this code can be found now.
fn key(code: &CodePhrase) -> [u8; 32] {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    *meeting_key(code.room_words().as_bytes(), now.as_secs() / 86_400)
}

/// Waits until it is known how the sender can be reached.
async fn online(sending: &mut Transfer) -> OnlineState {
    sending
        .told("how the code can be reached", |notice| match notice {
            Notice::Online(state) => Some(state.clone()),
            _ => None,
        })
        .await
}

fn met_at(transfer: &Transfer) -> Option<&MetAt> {
    transfer.notices.iter().find_map(|notice| match notice {
        Notice::Met(place) => Some(place),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn four_words_and_a_shared_iroh_relay_are_enough() {
    for path_mode in [PathMode::RelayOnly, PathMode::Automatic] {
        let (world, iroh) = world().await;
        let mut sending = world.sender.send(SendOrder { path_mode, ..send_order(&world, &iroh) });
        let code = sending.code().await;
        assert!(
            matches!(online(&mut sending).await, OnlineState::Reachable { relay } if relay.starts_with("127.0.0.1:"))
        );
        let order = ReceiveOrder { path_mode, ..receive_order(&world, &iroh, code) };
        // A search of the local network would find the sender sooner.
        let mut receiving = world.receiver.receive(order);
        receiving.offer().await;
        world.receiver.accept(&receiving, Choices::default());
        tokio::join!(sending.report(), receiving.report());
        assert_eq!(fs::read(world.to("file")).unwrap(), fs::read(world.from("file")).unwrap());
        if path_mode == PathMode::RelayOnly {
            assert_eq!(
                (met_at(&sending), met_at(&receiving)),
                (Some(&MetAt::Internet), Some(&MetAt::Internet))
            );
            let history = receiving.history().await;
            assert!(history.iter().any(|progress| progress.route == Route::IrohRelay), "{path_mode:?}");
            assert!(history.iter().all(|progress| progress.route != Route::Direct), "{path_mode:?}");
        }
    }
}

/// A stranger who guesses two words reaches the meeting endpoint, and learns nothing there but that a sender waits.
#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_first_two_words_learns_no_address() {
    let (world, iroh) = world().await;
    let order = SendOrder { path_mode: PathMode::Automatic, ..send_order(&world, &iroh) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    online(&mut sending).await;
    // As curious as iroh allows.
    let url: iroh::RelayUrl = iroh.relay().as_str().parse().unwrap();
    let stranger = iroh::Endpoint::builder(presets::Minimal).relay_mode(RelayMode::custom([url.clone()]));
    let stranger = stranger.bind().await.unwrap();
    let id = SecretKey::from_bytes(&key(&code)).public();
    let address = EndpointAddr::new(id).with_relay_url(url.clone());
    let connection = within("the sender", stranger.connect(address, b"caiman/1")).await.unwrap();
    let (_silence, mut heard) = within("a stream", connection.accept_bi()).await.unwrap();
    let greeted: OnlineFirst = frames::read(&mut heard, MAX_HANDSHAKE).await.unwrap();
    assert!(!greeted.first.is_empty());
    // The sender and the stranger are on one machine, so that a direct path would be found at once.
    let mut paths = connection.paths_stream();
    let looked = tokio::time::timeout(Duration::from_secs(3), async {
        while let Some(paths) = paths.next().await {
            assert!(paths.iter().all(|path| path.is_relay()), "a stranger has found the sender's machine");
        }
    });
    looked.await.unwrap_err();
    let known = stranger.remote_info(id).await.unwrap();
    let known: Vec<_> = known.addrs().map(|address| address.addr().clone()).collect();
    assert_eq!(known, [TransportAddr::Relay(url)]);
    stranger.close().await;
    world.sender.cancel(&sending);
    sending.end().await.as_ref().unwrap_err();
}

/// Two senders that have drawn the same words: the later one leaves the room to the earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_in_which_a_sender_waits_already_is_left_to_it() {
    let (world, iroh) = world().await;
    let code = own("blue-horse-7731-kitchen");
    let order = || SendOrder { code: CodeChoice::Own(code.clone()), ..send_order(&world, &iroh) };
    let mut earlier = world.sender.send(order());
    assert!(matches!(online(&mut earlier).await, OnlineState::Reachable { .. }));
    let mut later = world.sender.send(order());
    assert_eq!(online(&mut later).await, OnlineState::Taken);
    let mut receiving = world.receiver.receive(receive_order(&world, &iroh, code));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(earlier.report(), receiving.report());
    world.sender.cancel(&later);
    later.end().await.as_ref().unwrap_err();
}

/// Another sender under the same words, at another relay, costs the receiver one visit.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_sender_at_one_relay_keeps_nobody_from_the_true_one_at_another() {
    let ((world, iroh), elsewhere) = (world().await, TestIrohRelay::start().await);
    let right = own("acid-coyote-mustard-tulip");
    let false_order =
        SendOrder { code: CodeChoice::Own(wrong_code(&right)), ..send_order(&world, &elsewhere) };
    let mut squatting = world.sender.send(false_order);
    online(&mut squatting).await;
    let order = SendOrder { code: CodeChoice::Own(right.clone()), ..send_order(&world, &iroh) };
    let mut sending = world.sender.send(order);
    online(&mut sending).await;
    let internet = Some(Internet { relays: vec![elsewhere.relay(), iroh.relay()], ..Internet::default() });
    let order = ReceiveOrder { internet, ..receive_order(&world, &iroh, right) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    world.sender.cancel(&squatting);
    squatting.end().await.as_ref().unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iroh_relay_sees_neither_words_nor_names_nor_contents() {
    let (world, iroh) = world().await;
    let marked = "a sentence that nobody else has to read. ".repeat(1000);
    fs::write(world.from("telltale-name"), &marked).unwrap();
    let listener = Wiretap::before(iroh.addr()).await;
    let internet = Some(Internet {
        relays: vec![format!("http://{}", listener.addr).parse().unwrap()],
        ..Internet::default()
    });
    let order = SendOrder { internet: internet.clone(), ..send_order(&world, &iroh) };
    let mut sending = world.sender.send(SendOrder { payload: world.paths(&["telltale-name"]), ..order });
    let code = sending.code().await;
    let order = ReceiveOrder { internet, ..receive_order(&world, &iroh, code.clone()) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert!(listener.heard() > marked.len());
    let tells = |secret: &[u8]| listener.tells(secret);
    assert!(!tells(code.as_bytes()) && !tells(code.room_words().as_bytes()));
    assert!(!tells(b"telltale-name") && !tells(&marked.as_bytes()[..40]) && !tells(&code.room()));
    // What it does see: the key under which the sender waits.
    let id = SecretKey::from_bytes(&key(&code)).public();
    assert!(tells(id.as_bytes()));
}

/// Another endpoint under the key of a code's room, which greets nobody.
struct Squatter {
    endpoint: Endpoint,
}

impl Squatter {
    async fn at(iroh: &TestIrohRelay, code: &CodePhrase) -> Self {
        let endpoint = Endpoint::bind(&iroh.internet(), Some(&key(code)), Reveal::Nothing).await.unwrap();
        within("the squatter's relay", endpoint.online()).await;
        Self { endpoint }
    }

    async fn caller(&self) -> QuicConnection {
        let incoming = within("a caller", self.endpoint.accept()).await.unwrap();
        incoming.complete().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_somebody_else_holds_is_noticed() {
    let (world, iroh) = world().await;
    let code = own("blue-horse-7731-kitchen");
    let path_mode = PathMode::Automatic;
    let order = SendOrder { code: CodeChoice::Own(code.clone()), path_mode, ..send_order(&world, &iroh) };
    let mut sending = world.sender.send(order);
    assert!(matches!(online(&mut sending).await, OnlineState::Reachable { .. }));
    let squatter = Squatter::at(&iroh, &code).await;
    let taken = sending.told("that the room is taken", |notice| {
        matches!(notice, Notice::Online(OnlineState::Taken)).then_some(())
    });
    let ((), visitor) = tokio::join!(taken, squatter.caller());
    // What calls is an endpoint that tells nothing, and not the one at which the session will be.
    let calling = iroh::Endpoint::builder(presets::Minimal);
    let url: iroh::RelayUrl = iroh.relay().as_str().parse().unwrap();
    let curious = calling.relay_mode(RelayMode::custom([url.clone()])).bind().await.unwrap();
    let id = iroh::PublicKey::from_bytes(&visitor.peer().0).unwrap();
    let reached = curious.connect(EndpointAddr::new(id).with_relay_url(url.clone()), b"caiman/1");
    let _ = tokio::time::timeout(Duration::from_secs(3), reached).await;
    if let Some(known) = curious.remote_info(id).await {
        assert!(known.addrs().all(|address| *address.addr() == TransportAddr::Relay(url.clone())));
    }
    curious.close().await;
    squatter.endpoint.close().await;
    world.sender.cancel(&sending);
    sending.end().await.as_ref().unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_retire_the_code_wherever_they_are_tried() {
    let (world, iroh) = world().await;
    // One place is a relay, the other the internet.
    let order = SendOrder { internet: Some(iroh.internet()), ..world.send_order(world.paths(&["file"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    online(&mut sending).await;
    for (over_internet, left) in [(true, 2), (false, 1), (true, 0)] {
        let order = if over_internet {
            receive_order(&world, &iroh, wrong_code(&code))
        } else {
            world.receive_order(wrong_code(&code))
        };
        let mut receiving = world.receiver.receive(order);
        let error = receiving.error().await;
        assert!(matches!(error, TransferError::WrongCode { tries_left: Some(n) } if *n == left), "{error:?}");
    }
    let mut late = world.receiver.receive(receive_order(&world, &iroh, code));
    assert!(matches!(late.error().await, TransferError::Retired));
    world.sender.cancel(&sending);
    assert!(matches!(sending.error().await, TransferError::TooManyTries | TransferError::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_iroh_relay_the_user_is_told_and_nothing_hangs() {
    let world = World::new().await;
    fs::write(world.from("file"), "x").unwrap();
    // A port on which nothing listens.
    let gone = TestIrohRelay::start().await;
    let internet = Some(gone.internet());
    gone.stop().await;
    let order = world.send_order(world.paths(&["file"]));
    let order = SendOrder { relays: Vec::new(), internet: internet.clone(), ..order };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let mut receiving = world.receiver.receive(ReceiveOrder {
        relays: Vec::new(),
        internet: internet.clone(),
        ..world.receive_order(code)
    });
    assert!(matches!(receiving.error().await, TransferError::Offline));
    assert_eq!(online(&mut sending).await, OnlineState::NoRelay);
    world.sender.cancel(&sending);
    sending.end().await.as_ref().unwrap_err();
}
