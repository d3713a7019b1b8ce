//! More for a receiver that is already there: a send that follows another one to the same receiver, without a code that a
//! user has to pass on.

use std::{fs, path::Path, time::Duration};

use crate::support::engine::{BLOCK, CRAWL, CRAWL_BLOCKS, Transfer, World};
use crate::support::iroh::left_out_over_quic;
use caiman::engine::{
    Answer, Choices, CodeChoice, Invited, Notice, PathMode, Phase, ReceiveOrder, SendOrder, TransferError,
};

/// A send of a small file that follows `other`.
fn follow(world: &World, other: &Transfer, file: &str) -> SendOrder {
    fs::write(world.from(file), file).unwrap();
    // A send that follows another uses neither this code nor its own relays, so both are as useless as can be.
    let code = CodeChoice::Drawn { words: 4 };
    SendOrder { code, relays: Vec::new(), after: Some(other.id), ..world.send_order(world.paths(&[file])) }
}

/// The order with which an invitation is followed.
fn followed(world: &World, Invited { code, venue, chain }: Invited) -> ReceiveOrder {
    ReceiveOrder { relays: venue.relay().cloned().into_iter().collect(), chain, ..world.receive_order(code) }
}

/// Receives what the sender of a transfer has invited to.
async fn take_more(world: &World, receiving: &mut Transfer) -> Transfer {
    let order = followed(world, receiving.invitation().await);
    let mut more = world.receiver.receive(order);
    more.offer().await;
    world.receiver.accept(&more, Choices::default());
    more
}

fn is_in(folder: &Path, name: &str) -> bool {
    fs::read_to_string(folder.join(name)).is_ok_and(|content| content == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_transfer_that_moves_reaches_the_same_receiver() {
    let world = World::new().await;
    let (mut sending, mut receiving) = world.crawl("large").await;
    let mut following = world.sender.send(follow(&world, &sending, "more"));
    let mut more = take_more(&world, &mut receiving).await;
    tokio::join!(following.report(), more.report());
    assert!(is_in(world.target.path(), "more"));
    // The code of the follower is not shown.
    assert!(!following.notices.iter().any(|notice| matches!(notice, Notice::Code { .. })));
    // The first transfer is not affected.
    sending.enters(Phase::Moving).await;
    world.sender.cancel(&sending);
    assert!(matches!(sending.error().await, TransferError::Cancelled));
    assert!(matches!(receiving.error().await, TransferError::PeerCancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_an_offer_that_waits_comes_once_that_is_accepted() {
    let world = World::new().await;
    fs::write(world.from("first"), "first").unwrap();
    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["first"]))).await;
    let mut following: Vec<Transfer> =
        ["one", "two"].map(|file| world.sender.send(follow(&world, &sending, file))).into();
    for following in &mut following {
        following.enters(Phase::WaitingForPeer).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!receiving.notices.iter().any(|notice| matches!(notice, Notice::Invited(_))));
    world.receiver.accept(&receiving, Choices::default());
    // However short the first transfer is, both are named before its end.
    tokio::join!(sending.report(), receiving.report());
    let invited = receiving.notices.drain(..).filter_map(|notice| match notice {
        Notice::Invited(invited) => Some(invited),
        _ => None,
    });
    for invited in invited.collect::<Vec<_>>() {
        let mut more = world.receiver.receive(followed(&world, invited));
        more.offer().await;
        world.receiver.accept(&more, Choices::default());
        more.report().await;
    }
    for mut following in following {
        following.report().await;
    }
    assert!(["first", "one", "two"].iter().all(|name| is_in(world.target.path(), name)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_declined_offer_ends_with_it() {
    let world = World::new().await;
    fs::write(world.from("first"), "first").unwrap();
    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["first"]))).await;
    let mut following = world.sender.send(follow(&world, &sending, "more"));
    following.enters(Phase::WaitingForPeer).await;
    world.receiver.answer(&receiving, Answer::Decline);
    assert!(matches!(sending.error().await, TransferError::PeerDeclined));
    assert!(matches!(following.error().await, TransferError::PeerGone));
    assert!(matches!(receiving.error().await, TransferError::Declined));
    assert!(!receiving.notices.iter().any(|notice| matches!(notice, Notice::Invited(_))));
}

/// Catches a sender's own relay that ends with the first transfer over it, and so ends the sends that follow.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_over_the_senders_own_relay_outlives_the_first() {
    if left_out_over_quic("it is about the sender's own relay") {
        return;
    }
    let world = World::new().await;
    fs::write(world.from("first"), "first").unwrap();
    let order = SendOrder { relays: Vec::new(), ..world.send_order(world.paths(&["first"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let address = sending.listening.clone().unwrap();
    let relay = caiman::engine::RelayChoice::new(address);
    let order = ReceiveOrder { relays: vec![relay], ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    fs::write(world.from("large"), crate::support::noise(7, CRAWL_BLOCKS * BLOCK)).unwrap();
    let large = SendOrder {
        bytes_per_sec: CRAWL,
        after: Some(sending.id),
        ..world.send_order(world.paths(&["large"]))
    };
    let mut following = world.sender.send(large);
    following.enters(Phase::WaitingForPeer).await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    let mut more = take_more(&world, &mut receiving).await;
    tokio::join!(following.moving(), more.moving());
    // Another send follows, and goes on when nothing is left of the first one.
    let mut last = world.sender.send(follow(&world, &following, "last"));
    let mut taken = take_more(&world, &mut more).await;
    tokio::join!(last.report(), taken.report());
    assert!(is_in(world.target.path(), "first") && is_in(world.target.path(), "last"));
    world.sender.cancel(&following);
    assert!(matches!(more.error().await, TransferError::PeerCancelled));
    following.error().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_nobody_says_so_at_once() {
    let world = World::new().await;
    fs::write(world.from("first"), "first").unwrap();
    let mut waiting = world.sender.send(world.send_order(world.paths(&["first"])));
    let code = waiting.code().await;
    // No receiver has come yet.
    let mut following = world.sender.send(follow(&world, &waiting, "more"));
    assert!(matches!(following.error().await, TransferError::PeerGone));
    let mut receiving = world.receiver.receive(world.receive_order(code));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(waiting.report(), receiving.report());
    // A send that has ended can't be followed, and neither can one that failed.
    for ended in [&waiting, &following] {
        let mut following = world.sender.send(follow(&world, ended, "more"));
        assert!(matches!(following.error().await, TransferError::PeerGone));
    }
}

/// The receiver was invited and doesn't come. Another client may come instead only with the code, which no one else has.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_ends_when_the_receiver_does_not_come() {
    let world = World::new().await;
    let (mut sending, mut receiving) = world.crawl("large").await;
    let mut following = world.sender.send(follow(&world, &sending, "more"));
    receiving.invitation().await;
    following.enters(Phase::WaitingForPeer).await;
    world.receiver.cancel(&receiving);
    assert!(matches!(sending.error().await, TransferError::PeerCancelled));
    assert!(matches!(following.error().await, TransferError::PeerGone));
    receiving.error().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_can_be_cancelled_while_it_waits() {
    let world = World::new().await;
    let (sending, mut receiving) = world.crawl("large").await;
    let mut following = world.sender.send(follow(&world, &sending, "more"));
    let invited = receiving.invitation().await;
    world.sender.cancel(&following);
    assert!(matches!(following.error().await, TransferError::Cancelled));
    let mut more = world.receiver.receive(followed(&world, invited));
    // No one is there, or the sender is leaving at this moment. The receiver doesn't ask again in case it was the network: a
    // stranger who pretends to be the sender would get another guess at the code.
    let error = more.error().await;
    assert!(matches!(error, TransferError::NobodyThere { .. } | TransferError::PeerLost), "{error:?}");
    receiving.enters(Phase::Moving).await;
}

/// A follow-up as the window sends it: every path is allowed, and both sides are on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn what_follows_may_go_directly() {
    let world = World::new().await;
    fs::write(world.from("first"), "first").unwrap();
    let path_mode = PathMode::Automatic;
    let order = SendOrder { path_mode, ..world.send_order(world.paths(&["first"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let order = |order: ReceiveOrder| ReceiveOrder { path_mode, ..order };
    let mut receiving = world.receiver.receive(order(world.receive_order(code)));
    receiving.offer().await;
    let following = SendOrder { path_mode, ..follow(&world, &sending, "more") };
    let mut following = world.sender.send(following);
    following.enters(Phase::WaitingForPeer).await;
    world.receiver.accept(&receiving, Choices::default());
    let more = order(followed(&world, receiving.invitation().await));
    let mut more = world.receiver.receive(more);
    more.offer().await;
    world.receiver.accept(&more, Choices::default());
    tokio::join!(following.report(), more.report(), sending.report(), receiving.report());
    assert!(is_in(world.target.path(), "more") && is_in(world.target.path(), "first"));
}
