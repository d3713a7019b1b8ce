//! How two sides find each other, or don't: codes, passwords, and the relay between them.

use std::{fs, time::Duration};

use crate::support::{
    TestRelay,
    engine::{Party, World},
};
use caiman::{
    code::CodePhrase,
    engine::{
        AccessPassword, Choices, CodeChoice, Notice, Phase, ReceiveOrder, RelayChoice, SendOrder,
        TransferError,
    },
    net::{
        client::{RelayAddress, RelayClientError},
        venue::Venue,
    },
    protocol::relay::Refusal,
    transfer::link::rendezvous::explain_loss,
};
use tokio::{io::AsyncWriteExt, net::TcpListener};

fn own(text: &str) -> CodePhrase {
    CodePhrase::own(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_nobody_waits_under_is_named_as_that() {
    let world = World::new().await;
    let mut receiving = world.receiver.receive(world.receive_order(own("blue-horse-7731-kitchen")));
    let error = receiving.error().await;
    assert!(
        matches!(error, TransferError::NobodyThere { relays, looked_locally: false, .. } if *relays == [world.relay().address]),
        "{error:?}"
    );
}

/// The sender leaves the room whenever a wrong code was tried, and comes back at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_away_for_a_moment_is_found() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let code = own("blue-horse-7731-kitchen");
    let mut receiving = world.receiver.receive(world.receive_order(code.clone()));
    while world.relay.metric("joins_total").await == 0 {}
    let order = world.send_order(world.paths(&["x"]));
    let mut sending = world.sender.send(SendOrder { code: CodeChoice::Own(code), ..order });
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    receiving.report().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_retire_the_right_one() {
    // The last part below asks repeatedly.
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let right = own("blue-horse-7731-kitchen");
    let code = CodeChoice::Own(right.clone());
    let mut sending = world.sender.send(SendOrder { code, ..world.send_order(world.paths(&["x"])) });
    sending.code().await;
    for left in [2, 1, 0] {
        sending.enters(Phase::WaitingForPeer).await;
        let wrong = own("blue-horse-1377-kitchen");
        let mut receiving = world.receiver.receive(world.receive_order(wrong));
        let error = receiving.error().await;
        assert!(
            matches!(error, TransferError::WrongCode { tries_left: Some(tries) } if *tries == left),
            "{error:?}"
        );
        let told = sending.told("the wrong try", |notice| match notice {
            Notice::WrongTry { tries_left } => (*tries_left == left).then_some(()),
            _ => None,
        });
        told.await;
    }
    sending.told("the end of the code", |notice| matches!(notice, Notice::Retired).then_some(())).await;
    sending.enters(Phase::Retired).await;
    // The sender is going back into the room, where it says that the code is retired.
    loop {
        let mut receiving = world.receiver.receive(world.receive_order(right.clone()));
        match receiving.error().await {
            TransferError::NobodyThere { .. } => tokio::time::sleep(Duration::from_millis(5)).await,
            TransferError::Retired => break,
            other => panic!("{other:?}"),
        }
    }
    world.sender.cancel(&sending);
    sending.error().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_does_not_keep_the_right_one_out() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let right = own("blue-horse-7731-kitchen");
    let code = CodeChoice::Own(right.clone());
    let mut sending = world.sender.send(SendOrder { code, ..world.send_order(world.paths(&["x"])) });
    sending.code().await;
    let mut wrong = world.receiver.receive(world.receive_order(own("blue-horse-7731-cellar")));
    assert!(matches!(wrong.error().await, TransferError::WrongCode { .. }));
    sending.told("the wrong try", |notice| matches!(notice, Notice::WrongTry { .. }).then_some(())).await;
    sending.enters(Phase::WaitingForPeer).await;
    let mut receiving = world.receiver.receive(world.receive_order(right));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(fs::read_to_string(world.to("x")).unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_with_a_password_takes_only_those_who_know_it() {
    let world = World::new().await;
    let relay = TestRelay::start(|config| config.password = Some("lagoon".into())).await;
    fs::write(world.from("x"), "x").unwrap();
    let with = |password: Option<&str>| RelayChoice {
        password: password.map(AccessPassword::from),
        ..RelayChoice::new(RelayAddress::from_socket(relay.addr))
    };
    for (password, refusal) in [(None, Refusal::PasswordRequired), (Some("swamp"), Refusal::PasswordWrong)] {
        let order = SendOrder { relays: vec![with(password)], ..world.send_order(world.paths(&["x"])) };
        let mut sending = world.sender.send(order);
        let code = own("blue-horse-7731-kitchen");
        let order = ReceiveOrder { relays: vec![with(password)], ..world.receive_order(code) };
        let mut receiving = world.receiver.receive(order);
        for error in [sending.error().await, receiving.error().await] {
            let is_due =
                matches!(error, TransferError::Relay(RelayClientError::Refused(why)) if *why == refusal);
            assert!(is_due, "{error:?}");
        }
    }
    let order = SendOrder { relays: vec![with(Some("lagoon"))], ..world.send_order(world.paths(&["x"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let order = ReceiveOrder { relays: vec![with(Some("lagoon"))], ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_not_there_is_named_as_that() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    // The port is bound but nothing listens: no other program gets it, and nothing answers.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = RelayAddress::from_socket(closed.local_addr().unwrap());
    let relay = RelayChoice::new(address);
    let order = SendOrder { relays: vec![relay.clone()], ..world.send_order(world.paths(&["x"])) };
    let mut sending = world.sender.send(order);
    let code = own("blue-horse-7731-kitchen");
    let mut receiving =
        world.receiver.receive(ReceiveOrder { relays: vec![relay], ..world.receive_order(code) });
    for error in [sending.error().await, receiving.error().await] {
        assert!(matches!(error, TransferError::Relay(RelayClientError::TurnedAway(_))), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_whose_relay_goes_while_it_waits_learns_it() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["x"])));
    sending.code().await;
    world.relay.kill.cancel();
    let error = sending.error().await;
    // If the relay is still able to, it says why it closes.
    let is_due = matches!(
        error,
        TransferError::Relay(RelayClientError::Lost | RelayClientError::Refused(Refusal::Draining))
    );
    assert!(is_due, "{error:?}");
}

/// While a process is being killed, its socket may still accept connections although all earlier ones are closed. If that were
/// taken for a working relay, the other side would be blamed.
#[tokio::test]
async fn a_relay_that_drops_who_comes_is_gone() {
    for takes in [1, usize::MAX] {
        let dying = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = RelayAddress::from_socket(dying.local_addr().unwrap());
        let relay = Venue::Relay(RelayChoice::new(address));
        let die = async move {
            for _ in 0..takes {
                drop(dying.accept().await.unwrap());
            }
            drop(dying);
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            error = explain_loss(TransferError::PeerLost, &relay) => error,
            () = die => unreachable!("it never ends"),
        };
        assert!(matches!(error, TransferError::Relay(RelayClientError::TurnedAway(_))), "{error:?}");
    }
}

#[tokio::test]
async fn a_lost_peer_is_not_blamed_on_a_relay_that_is_there() {
    let relay = TestRelay::start(|config| config.password = Some("x".into())).await;
    let choice = RelayChoice::new(RelayAddress::from_socket(relay.addr));
    let error = explain_loss(TransferError::PeerLost, &Venue::Relay(choice)).await;
    assert!(matches!(error, TransferError::PeerLost), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_a_relay_proves_its_password() {
    let guarded = TestRelay::start(|config| config.password = Some("lagoon".into())).await;
    let open = TestRelay::start(|_| {}).await;
    let party = Party::start();
    let check = async |relay: &TestRelay, password: Option<&str>| {
        let address = RelayAddress::from_socket(relay.addr);
        let password = password.map(AccessPassword::from);
        party.check(RelayChoice { password, ..RelayChoice::new(address) }).await
    };
    for (relay, has_password) in [(&guarded, true), (&open, false)] {
        let checked = check(relay, Some("lagoon")).await.unwrap();
        assert_eq!(checked.has_password, has_password);
        assert!(!checked.latency.is_zero());
    }
    assert!(check(&open, None).await.is_ok());
    for (password, due) in [(None, Refusal::PasswordRequired), (Some("x"), Refusal::PasswordWrong)] {
        let refused = check(&guarded, password).await;
        assert!(matches!(&refused, Err(RelayClientError::Refused(why)) if *why == due), "{refused:?}");
    }
    assert_eq!((guarded.metric("pairings_total").await, open.metric("pairings_total").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_what_is_no_relay_says_so() {
    let party = Party::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = RelayAddress::from_socket(listener.local_addr().unwrap());
    let relay = RelayChoice::new(address);
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (checked, _stream) = tokio::join!(party.check(relay.clone()), answer);
    assert!(matches!(checked, Err(RelayClientError::NotARelay(_))), "{checked:?}");
    drop(listener);
    let checked = party.check(relay).await;
    assert!(matches!(checked, Err(RelayClientError::TurnedAway(_))), "{checked:?}");
}
