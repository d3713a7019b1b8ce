//! People who know each other: once they have met under a code and both remember it, one calls the other without a code.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::support::{
    engine::{BLOCK, CRAWL_BLOCKS, Party, Transfer, World},
    iroh::left_out_over_quic,
    noise,
    peer::{JoinedReceiver, file, offer, wrong_secret},
    within,
};
use caiman::{
    code::CodePhrase,
    engine::{
        CallState, Called, Choices, KnownPair, Notice, Output, PairKey, Presence, ReceiveOrder, SendOrder,
        Side, TransferError, WaitOrder,
    },
    protocol::{
        manifest::OfferKind,
        peer::{CallCode, FromReceiver, FromSender, MAX_CONTROL, SenderVerdict},
    },
};

/// What a side learns in a transfer by which it can find the other side again.
async fn acquaintance(transfer: &mut Transfer) -> KnownPair {
    transfer
        .told("the acquaintance", |notice| match notice {
            Notice::Acquainted(pair) => Some(pair.clone()),
            _ => None,
        })
        .await
}

/// Both sides of a first transfer under a code, as they may remember each other.
async fn meet(world: &World) -> (KnownPair, KnownPair) {
    fs::write(world.from("first"), "first").unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["first"])));
    let code = sending.code().await;
    let mut receiving = world.receiver.receive(world.receive_order(code));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    let pairs = (acquaintance(&mut sending).await, acquaintance(&mut receiving).await);
    sending.report().await;
    receiving.report().await;
    pairs
}

fn wait_order(world: &World, people: Vec<KnownPair>) -> WaitOrder {
    let order = world.send_order(world.paths(&[]));
    WaitOrder { people, relays: order.relays, internet: order.internet, path_mode: order.path_mode }
}

/// The order that sends these to a person.
fn order_to(world: &World, person: &KnownPair, paths: &[&str]) -> SendOrder {
    SendOrder { to: Some(person.clone()), ..world.send_order(world.paths(paths)) }
}

/// Follows a call with a receive into the world's target.
fn answer(world: &World, party: &Party, called: &Called) -> Transfer {
    let output = Output::Folder(world.target.path().to_owned());
    party.receive(ReceiveOrder { output, ..world.receive_order(called.code.clone()) })
}

/// Sends a file to a person, which hears the call and takes it.
async fn is_still_heard(world: &World, person: &KnownPair) {
    fs::write(world.from("file"), "file").unwrap();
    let mut sending = world.sender.send(order_to(world, person, &["file"]));
    let called = world.receiver.called().await;
    let mut receiving = answer(world, &world.receiver, &called);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_remember_each_other_send_without_a_code_in_both_directions() {
    let world = World::new().await;
    let (ours, theirs) = meet(&world).await;
    assert_eq!(ours.id(), theirs.id());
    fs::write(world.from("second"), noise(2, 3 * BLOCK)).unwrap();
    for (caller, called, to, from) in
        [(&world.sender, &world.receiver, &ours, &theirs), (&world.receiver, &world.sender, &theirs, &ours)]
    {
        called.wait(wait_order(&world, vec![from.clone()]));
        let mut sending = caller.send(order_to(&world, to, &["second"]));
        let call = called.called().await;
        assert_eq!(call.person, from.id());
        let mut receiving = answer(&world, called, &call);
        receiving.offer().await;
        called.accept(&receiving, Choices::default());
        receiving.report().await;
        sending.report().await;
        assert!(sending.calls.iter().any(|state| matches!(state, CallState::Heard)));
        assert!(!sending.notices.iter().any(|notice| matches!(notice, Notice::Code { .. })));
        fs::remove_file(world.to("second")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_forgotten_finds_nobody_and_is_told_so() {
    let world = World::new().await;
    let (ours, theirs) = meet(&world).await;
    let mut sending = world.sender.send(order_to(&world, &ours, &["first"]));
    while sending.calls.is_empty() {
        sending.next_event().await;
    }
    let [CallState::Away(TransferError::NobodyThere { .. })] = &sending.calls[..] else {
        panic!("{:?}", sending.calls);
    };
    // Once the other side waits, it is found without anything being done here.
    world.receiver.wait(wait_order(&world, vec![theirs.clone()]));
    let call = world.receiver.called().await;
    let mut receiving = answer(&world, &world.receiver, &call);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    sending.report().await;
    // An order without people ends the waiting.
    world.receiver.wait(wait_order(&world, Vec::new()));
    let mut again = world.sender.send(order_to(&world, &ours, &["first"]));
    while again.calls.is_empty() {
        again.next_event().await;
    }
    world.sender.cancel(&again);
    assert!(matches!(again.error().await, TransferError::Cancelled));
}

/// Waits until this call state comes.
async fn until(transfer: &mut Transfer, what: &str, is_it: impl Fn(&CallState) -> bool) {
    while !transfer.calls.iter().any(&is_it) {
        within(what, transfer.next_event()).await;
    }
}

/// Two sides that know each other from before.
fn acquainted() -> (KnownPair, KnownPair) {
    let mut key = [0; 32];
    getrandom::fill(&mut key).unwrap();
    let key = PairKey::from_bytes(&key);
    (KnownPair::new(key.clone(), Side::Sender), KnownPair::new(key, Side::Receiver))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_people_are_waited_for_at_the_same_time() {
    let world = World::new().await;
    fs::write(world.from("file"), noise(3, BLOCK)).unwrap();
    let pairs = [(); 3].map(|()| acquainted());
    world.receiver.wait(wait_order(&world, pairs.iter().map(|(_, theirs)| theirs.clone()).collect()));
    let mut sends: Vec<_> =
        pairs.iter().map(|(ours, _)| world.sender.send(order_to(&world, ours, &["file"]))).collect();
    let mut callers = Vec::new();
    for _ in 0..3 {
        let called = world.receiver.called().await;
        callers.push(called.person);
        let folder = tempfile::tempdir().unwrap();
        let output = Output::Folder(folder.path().to_owned());
        let order = ReceiveOrder { output, ..world.receive_order(called.code) };
        let mut receiving = world.receiver.receive(order);
        receiving.offer().await;
        world.receiver.accept(&receiving, Choices::default());
        receiving.report().await;
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), noise(3, BLOCK));
    }
    for send in &mut sends {
        send.report().await;
    }
    callers.sort();
    let mut known: Vec<_> = pairs.iter().map(|(ours, _)| ours.id()).collect();
    known.sort();
    assert_eq!(callers, known);
}

/// The receiver's program is closed in the middle, and started again. The sender calls again, and only what is missing moves.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_lost_in_the_middle_goes_on_after_its_restart() {
    let world = World::new().await;
    let (ours, theirs) = acquainted();
    fs::write(world.from("large"), noise(5, CRAWL_BLOCKS * BLOCK)).unwrap();
    world.receiver.wait(wait_order(&world, vec![theirs.clone()]));
    // Some eight blocks a second.
    let order = SendOrder { bytes_per_sec: Some(8 * BLOCK as u64), ..order_to(&world, &ours, &["large"]) };
    let mut sending = world.sender.send(order);
    let called = world.receiver.called().await;
    let mut receiving = answer(&world, &world.receiver, &called);
    let digest = receiving.offer().await.manifest.digest();
    world.receiver.accept(&receiving, Choices::default());
    receiving.moving().await;
    world.receiver.stop(&receiving);
    assert!(matches!(receiving.error().await, TransferError::Cancelled));
    until(&mut sending, "the loss", |state| matches!(state, CallState::Lost(_))).await;
    world.receiver.wait(wait_order(&world, Vec::new()));
    let again = Party::start();
    again.wait(wait_order(&world, vec![theirs]));
    let called = again.called().await;
    assert_eq!(called.person, ours.id());
    let mut receiving = answer(&world, &again, &called);
    let offer = receiving.offer().await;
    assert_eq!(offer.manifest.digest(), digest, "the same offer is recognised");
    assert!(offer.resumable > 0, "nothing of it is here");
    again.accept(&receiving, Choices::default());
    let (held, total) = (offer.resumable, (CRAWL_BLOCKS * BLOCK) as u64);
    let first = receiving.moving().await;
    assert!(first.bytes >= held, "{} of {held} are counted", first.bytes);
    world.sender.cancel(&sending);
    assert!(held < total);
    assert!(sending.end().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_seen_and_who_does_not_is_away() {
    let world = World::new().await;
    let [(there, they), (away, _)] = [(); 2].map(|()| acquainted());
    let looker = they.id();
    world.receiver.wait(wait_order(&world, vec![they]));
    let order = || wait_order(&world, vec![there.clone(), away.clone()]);
    while world.sender.seek(order()).await[&there.id()] != Presence::Reachable {}
    assert_eq!(world.sender.seek(order()).await[&away.id()], Presence::Away);
    // One who looks has come, and is seen in turn.
    assert_eq!(world.receiver.sees().await, (looker, Presence::Reachable));
    // Looking is no call.
    is_still_heard(&world, &there).await;
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / (24 * 60 * 60)
}

/// What a caller meets the other side under today.
fn call_code(ours: &KnownPair) -> CodePhrase {
    let secret = ours.calls_under(today());
    CodePhrase::derived(&secret.room, &secret.secret)
}

/// Anything but a call ends the session with the caller, and the next caller is heard.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_says_anything_but_one_call_is_left_and_the_next_is_heard() {
    if left_out_over_quic("the hostile peer waits for addresses there, which nobody names in a call") {
        return;
    }
    let world = World::new().await;
    let (ours, theirs) = acquainted();
    world.receiver.wait(wait_order(&world, vec![theirs]));
    let code = call_code(&ours);
    let honest = CallCode { room: [1; 16], secret: [2; 32] };
    let huge = FromReceiver::Held(vec![(u64::MAX, u64::MAX); MAX_CONTROL / 32]);
    for said in [FromReceiver::Decline, FromReceiver::WhatIs(vec![0]), huge, FromReceiver::Cancel] {
        let mut peer = JoinedReceiver::new(world.place(), &code).await.meet(&code).await;
        peer.say(&said).await;
        // A call after it comes too late.
        peer.say(&FromReceiver::Call(honest.clone())).await;
        while peer.hear::<FromSender>().await.is_some() {}
    }
    // Messages that only a sender says are none, and neither are bytes.
    let mut peer = JoinedReceiver::new(world.place(), &code).await.meet(&code).await;
    for message in offer(OfferKind::Files, &[file("x", 5)]) {
        peer.say(&message).await;
    }
    while peer.hear::<FromSender>().await.is_some() {}
    // Two calls are one.
    let mut peer = JoinedReceiver::new(world.place(), &code).await.meet(&code).await;
    for room in [1, 9] {
        peer.say(&FromReceiver::Call(CallCode { room: [room; 16], ..honest.clone() })).await;
    }
    while peer.hear::<FromSender>().await.is_some() {}
    let called = world.receiver.called().await;
    assert_eq!(
        called.code,
        CodePhrase::derived(&[1; 16], &[2; 32]),
        "the first of two calls is the first heard"
    );
    // One that says nothing is left after a while.
    let mut silent = JoinedReceiver::new(world.place(), &code).await.meet(&code).await;
    while within("the end of patience", silent.hear::<FromSender>()).await.is_some() {}
    is_still_heard(&world, &ours).await;
}

/// A relay knows the room, and can let a stranger in. It learns nothing, and doesn't keep the person out.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_in_the_room_of_a_person_learns_nothing() {
    let world = World::new().await;
    let (ours, theirs) = acquainted();
    world.receiver.wait(wait_order(&world, vec![theirs]));
    let code = call_code(&ours);
    for _ in 0..2 {
        let mut stranger = JoinedReceiver::new(world.place(), &code).await;
        let (answer, ..) = stranger.answer(&wrong_secret(&code));
        let verdict = stranger.try_answer(&answer).await;
        assert!(matches!(verdict, SenderVerdict::WrongCode { .. }), "{verdict:?}");
    }
    is_still_heard(&world, &ours).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_a_person_that_contradicts_itself_is_refused() {
    let world = World::new().await;
    let (ours, _) = acquainted();
    fs::write(world.from("file"), "file").unwrap();
    let mut to_two = world.sender.send(SendOrder { receivers: 2, ..order_to(&world, &ours, &["file"]) });
    assert!(matches!(to_two.error().await, TransferError::Impossible(_)));
    let stream = caiman::engine::Payload::Stream { name: "x".to_owned(), reader: Box::new(std::io::empty()) };
    let mut once = world.sender.send(SendOrder { to: Some(ours), ..world.send_order(stream) });
    assert!(matches!(once.error().await, TransferError::Impossible(_)));
}
