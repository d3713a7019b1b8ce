//! What the two computers call themselves: each side learns the other's name once the code is proven, nobody between them does,
//! and no name can do harm.

use std::{fs, process::Command};

use crate::support::{
    engine::{Transfer, World},
    iroh::left_out_over_quic,
    peer::*,
    process::{Running, Site, caiman},
    read_to_end,
    stage::*,
    wiretap::Wiretap,
};
use caiman::{
    engine::{
        Answer, Choices, Invited, Notice, Payload, PeerName, Phase, ReceiveOrder, RelayChoice, SendOrder,
        TransferError,
    },
    net::client::RelayAddress,
    protocol::{
        frame::{self, FrameError},
        manifest::OfferKind,
        peer::{FromReceiver, FromSender, SenderVerdict, Trouble},
    },
    transfer::error::Misbehaviour,
};
use tokio::sync::oneshot;

const ANN: &str = "Ann's laptop";
const BEN: &str = "Ben";

fn name(text: &str) -> Option<PeerName> {
    text.parse().ok()
}

/// The names that this side has been told, in order.
fn told(transfer: &Transfer) -> Vec<&str> {
    names_among(&transfer.notices)
}

fn names_among(notices: &[Notice]) -> Vec<&str> {
    let names = notices.iter().filter_map(|notice| match notice {
        Notice::Peer(name) => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}

async fn world() -> World {
    let world = World::new().await;
    fs::write(world.from("file"), "file").unwrap();
    world
}

/// Waits until this side has been told a name.
async fn learns(transfer: &mut Transfer) -> String {
    let find = |notice: &Notice| match notice {
        Notice::Peer(name) => Some(name.as_str().to_owned()),
        _ => None,
    };
    transfer.told("the other side's name", find).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_learns_the_others_name_before_the_offer_is_answered() {
    let world = world().await;
    let order = SendOrder { name: name(ANN), ..world.send_order(world.paths(&["file"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let order = ReceiveOrder { name: name(BEN), ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    // A user who is asked knows by then who asks.
    assert_eq!(told(&receiving), [ANN]);
    assert_eq!(learns(&mut sending).await, BEN);
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!((told(&sending), told(&receiving)), (vec![BEN], vec![ANN]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_is_told_to_say_no_name_says_none() {
    let world = world().await;
    for (senders, receivers) in [(None, name(BEN)), (name(ANN), None), (None, None)] {
        let order = SendOrder { name: senders.clone(), ..world.send_order(world.paths(&["file"])) };
        let mut sending = world.sender.send(order);
        let code = sending.code().await;
        let order = ReceiveOrder { name: receivers.clone(), ..world.receive_order(code) };
        let mut receiving = world.receiver.receive(order);
        receiving.offer().await;
        world.receiver.accept(&receiving, Choices::default());
        tokio::join!(sending.report(), receiving.report());
        let said = |name: Option<PeerName>| name.into_iter().collect::<Vec<_>>();
        let heard = |side: &Transfer| told(side).into_iter().filter_map(name).collect::<Vec<_>>();
        assert_eq!((heard(&sending), heard(&receiving)), (said(receivers), said(senders)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_receivers_is_known_by_its_name() {
    let world = world().await;
    let order = SendOrder { name: name(ANN), receivers: 2, ..world.send_order(world.paths(&["file"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    for who in ["Ben", "Cleo"] {
        let order = ReceiveOrder { name: name(who), ..world.receive_order(code.clone()) };
        let mut receiving = world.receiver.receive(order);
        receiving.offer().await;
        assert_eq!(told(&receiving), [ANN]);
        let mut branch = world.sender.branch(&mut sending).await;
        assert_eq!(learns(&mut branch).await, who);
        world.receiver.answer(&receiving, Answer::Decline);
        branch.error().await;
        receiving.error().await;
    }
    assert!(told(&sending).is_empty(), "names are the branches'");
    sending.error().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_an_invitation_tells_the_names_again() {
    let world = world().await;
    let order = SendOrder { name: name(ANN), ..world.send_order(world.paths(&["file"])) };
    let (sending, mut receiving, _) = world.offer(order).await;
    let order =
        SendOrder { name: name(ANN), after: Some(sending.id), ..world.send_order(world.paths(&["file"])) };
    let mut following = world.sender.send(order);
    // Once it waits, the receiver is invited: a transfer that ends before that has nobody to follow it.
    following.enters(Phase::WaitingForPeer).await;
    world.receiver.accept(&receiving, Choices::default());
    let Invited { code, venue, chain } = receiving.invitation().await;
    let relays = venue.relay().cloned().into_iter().collect();
    let order = ReceiveOrder { relays, chain, name: name(BEN), ..world.receive_order(code) };
    let mut more = world.receiver.receive(order);
    more.offer().await;
    assert_eq!((told(&more), learns(&mut following).await.as_str()), (vec![ANN], BEN));
}

/// The relay sees every byte of both sides.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_never_sees_a_name() {
    if left_out_over_quic("it listens at a relay of Caiman's own kind") {
        return;
    }
    let (world, ours, theirs) =
        (world().await, "a-telltale-name-of-the-sender", "a-telltale-name-of-the-receiver");
    let tap = Wiretap::before(world.relay.addr).await;
    let relays = vec![RelayChoice::new(RelayAddress::from_socket(tap.addr))];
    let order = world.send_order(world.paths(&["file"]));
    let mut sending = world.sender.send(SendOrder { relays: relays.clone(), name: name(ours), ..order });
    let code = sending.code().await;
    let order = ReceiveOrder { relays, name: name(theirs), ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!((told(&sending), told(&receiving)), (vec![theirs], vec![ours]));
    assert!(tap.heard() > 1000);
    for part in [ours, theirs, "telltale", &ours[..12], &theirs[16..]] {
        assert!(!tap.tells(part.as_bytes()), "{part}");
    }
}

/// Neither in clear nor sealed: after a wrong code, nothing comes that could hold a name.
#[tokio::test]
async fn who_does_not_know_the_code_is_told_no_name() {
    let mut stage = Stage::new().await;
    stage.name = name(ANN);
    let right = code();
    let (ready, is_ready) = oneshot::channel();
    let (place, cancel) = (stage.place(), stage.cancel.clone());
    fs::write(stage.outer().join("x"), "x").unwrap();
    let payload = Payload::Paths(vec![stage.outer().join("x")]);
    let attack = async {
        is_ready.await.unwrap();
        let wrong = wrong_code(&right);
        let mut receiver = JoinedReceiver::new(place, &wrong).await;
        let (answer, ..) = receiver.answer(&wrong);
        let verdict = receiver.try_answer(&answer).await;
        assert!(matches!(verdict, SenderVerdict::WrongCode { .. }));
        assert!(nothing_more(&mut receiver.client).await, "the sender says no more");
        cancel.notify_one();
    };
    let (ended, ()) = tokio::join!(stage.send(&right, payload, ready), attack);
    assert!(matches!(ended.result, Err(TransferError::Cancelled)), "{ended:?}");

    let waiting = WaitingSender::new(place, &right).await;
    let attack = async {
        let mut greeted = waiting.greeted().await;
        let unproven = SenderVerdict::Confirmed { tag: greeted.their_tag };
        greeted.client.send(&frame::encode(&unproven)).await;
        assert!(nothing_more(&mut greeted.client).await, "the receiver says no more");
    };
    let (ended, ()) = tokio::join!(stage.receive(&right, None, accept), attack);
    assert!(ended.result.is_err(), "{ended:?}");
}

/// Whether the other side leaves without another byte.
async fn nothing_more(contact: &mut Contact) -> bool {
    // It may break the connection rather than close it; then nothing came either.
    read_to_end(&mut contact.stream).await.is_ok_and(|rest| rest.is_empty())
}

/// A name as a peer may write it, whatever it holds: the number of the message, and a text.
fn raw(message: &[u8], text: &str) -> (u8, String) {
    (message[0], text.to_owned())
}

/// Names that no honest program says.
fn impossible_names() -> Vec<String> {
    let long = "x".repeat(10_000);
    ["", "  ", " Ann", "Ann\u{1b}[2J", "Ann\nBen", "Ann\u{2028}", &long].map(str::to_owned).into()
}

#[tokio::test]
async fn names_that_cannot_be_or_come_twice_or_late_are_refused_by_a_receiver() {
    let mut stage = Stage::new().await;
    let tag = frame::to_bytes(&FromSender::Name(name("x").unwrap()));
    for text in impossible_names() {
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let attack = async {
            let mut peer = waiting.meet().await;
            peer.say(&raw(&tag, &text)).await;
            assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{text:?}");
        };
        let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
        assert_misbehaved(&text, &ended, &FrameError::Malformed.into());
        assert!(names_among(&ended.notices).is_empty());
    }
    let ann = || FromSender::Name(name(ANN).unwrap());
    let [opening, ..] = &offer(OfferKind::Files, &[file("x", 0)])[..] else { panic!("an offer has a start") };
    for messages in [vec![ann(), ann()], vec![opening.clone(), ann()]] {
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let attack = async {
            let mut peer = waiting.meet().await;
            for message in &messages {
                peer.say(message).await;
            }
            assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{messages:?}");
        };
        let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
        assert_misbehaved("out of turn", &ended, &Misbehaviour::OutOfTurn("name"));
    }
}

#[tokio::test]
async fn names_that_cannot_be_or_come_twice_are_refused_by_a_sender() {
    let mut stage = Stage::new().await;
    fs::write(stage.outer().join("x"), "x").unwrap();
    let tag = frame::to_bytes(&FromReceiver::Name(name("x").unwrap()));
    let twice = [ANN.to_owned(), ANN.to_owned()];
    let attacks =
        impossible_names().into_iter().map(|text| (vec![text], Misbehaviour::from(FrameError::Malformed)));
    for (texts, expected) in attacks.chain([(twice.to_vec(), Misbehaviour::OutOfTurn("name"))]) {
        let (code, place) = (code(), stage.place());
        let payload = Payload::Paths(vec![stage.outer().join("x")]);
        let (ready, is_ready) = oneshot::channel();
        let attack = async {
            is_ready.await.unwrap();
            let mut peer = JoinedReceiver::new(place, &code).await.meet(&code).await;
            for text in &texts {
                peer.say(&raw(&tag, text)).await;
            }
            assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{texts:?}");
        };
        let (ended, ()) = tokio::join!(stage.send(&code, payload, ready), attack);
        assert_misbehaved(&texts[0], &ended, &expected);
    }
}

fn assert_misbehaved(what: &str, ended: &Ended, expected: &Misbehaviour) {
    match &ended.result {
        Err(TransferError::PeerMisbehaved(found)) => assert_eq!(found, expected, "{what:?}"),
        other => panic!("{what:?}: {other:?}"),
    }
}

/// Runs both commands with these further arguments, and returns what each has said to its user.
fn told_by_commands(sending: &[&str], receiving: &[&str]) -> [String; 2] {
    let site = Site::new();
    let path = site.plant("x", "x");
    let mut command = caiman(&["send", "--patience", "0", "--server", &site.server]);
    command.arg(path).args(sending);
    let mut sender = Running::start(command);
    let code = sender.says("the code", |line| line.strip_prefix("Code:  ").map(str::to_owned));
    let receiver = site.receive(&[&[code.as_str(), "--yes"], receiving].concat()).end();
    receiver.exits(0);
    let sender = sender.end();
    sender.exits(0);
    [sender.errors, receiver.errors]
}

#[test]
fn commands_tell_who_is_there() {
    let [sender, receiver] = told_by_commands(&["--name", ANN], &["--name", BEN]);
    assert!(sender.contains("The receiver's computer is called Ben.\n"), "{sender}");
    assert!(receiver.contains("Ann's laptop offers 1 file, 1 byte\n"), "{receiver}");
    let [sender, receiver] = told_by_commands(&["--no-name"], &["--no-name"]);
    assert!(!sender.contains("is called"), "{sender}");
    assert!(receiver.contains("Offered: 1 file, 1 byte\n"), "{receiver}");
}

#[test]
fn a_name_cannot_turn_the_text_around_it() {
    let [sender, receiver] = told_by_commands(&["--name", "a\u{202e}b"], &["--name", "c\u{200b}d"]);
    assert!(receiver.contains("a\\u{202e}b offers"), "{receiver}");
    assert!(sender.contains("is called c\\u{200b}d."), "{sender}");
}

#[test]
fn a_script_gets_the_name_as_it_was_said() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let mut sender = site.send(&["--name".as_ref(), ANN.as_ref(), path.as_os_str()]);
    let code = sender.code();
    let receiver = site.receive(&[&code, "--yes", "--json", "--name", BEN]).end();
    assert_eq!(receiver.exits(0).event("peer")["name"], ANN);
    assert_eq!(sender.end().exits(0).event("peer")["name"], BEN);
}

#[test]
fn the_settings_say_what_this_computer_is_called_and_whether_that_is_told() {
    let site = Site::new();
    let path = site.plant("x", "x");
    let config = tempfile::tempdir().unwrap();
    let receives_under = |settings: &str| {
        fs::write(config.path().join("settings.toml"), settings).unwrap();
        let mut command: Command = site.send_command(&[&path]);
        command.env("CAIMAN_CONFIG_DIR", config.path());
        let mut sender = Running::start(command);
        let code = sender.code();
        let receiver = site.receive(&[&code, "--yes", "--json", "--overwrite"]).end();
        sender.end().exits(0);
        let events = receiver.exits(0).events();
        let peer = events.iter().find(|event| event["event"] == "peer");
        peer.map(|event| event["name"].as_str().unwrap().to_owned())
    };
    assert_eq!(receives_under("name = \"Ann's laptop\"").as_deref(), Some(ANN));
    assert_eq!(receives_under("name = \"Ann's laptop\"\ntell_name = false"), None);
}

/// What a name may be is said where it is given.
#[test]
fn a_name_that_cannot_be_is_refused_before_anything_is_sent() {
    for (bad, why) in [(" ", "at least one character"), (&*"x".repeat(41), "at most 40 characters")] {
        let ended = Running::start(caiman(&["send", "--text", "x", "--name", bad])).end();
        assert!(ended.exits(2).errors.contains(why), "{}", ended.errors);
    }
}
