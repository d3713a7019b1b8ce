//! A send that also waits for a receiver which has croc: what arrives there, and what its user can do meanwhile.

use std::fs;

use caiman::{
    croc::code::Version,
    engine::{Answer, Choices, CrocFate, CrocNews, Notice, Payload, Phase, SendOrder, TransferError},
};

use crate::support::{
    croc_receiver::CrocReceiver,
    croc_world::{CrocWorld, code, is_up},
    engine::{BLOCK, CRAWL, CRAWL_BLOCKS},
    noise,
};

/// A folder with a bit of everything.
fn plant_all(world: &CrocWorld) {
    world.plant("all/large", &noise(1, 5 * BLOCK + 4321));
    world.plant("all/exact", &noise(2, 65536));
    world.plant("all/empty", b"");
    for number in 0..200 {
        world.plant(&format!("all/many/{}/{number}", number % 7), &noise(number, 1 + number as usize * 37));
    }
    fs::create_dir_all(world.0.from("all/nothing/in/it")).unwrap();
    world.plant("all/ä ö.sh", b"#!/bin/sh\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt, symlink};
        fs::set_permissions(world.0.from("all/ä ö.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("many/3", world.0.from("all/link")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_as_it_is() {
    let world = CrocWorld::new().await;
    plant_all(&world);
    let (code, mut sending) = world.waiting(&["all"]).await;
    let received = world.take(&code).await;
    let sent = sending.report().await;
    assert!(world.has_all());
    let is_told = |notice: &Notice| matches!(notice, Notice::Croc(CrocNews::Peer { version: 11 }));
    assert!(sending.notices.iter().any(is_told), "the user learns that it is a croc");
    assert_eq!((sent.stored, sent.bytes, sent.missing), (received.stored, received.bytes, 0));
    assert_eq!((sent.here, sent.receivers), (0, 1));
    let last = *sending.history().await.last().unwrap();
    assert_eq!((last.bytes, last.total_bytes, last.files), (sent.bytes, Some(sent.bytes), 204));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_shown() {
    let world = CrocWorld::new().await;
    let code = code();
    let mut sending = world.send(Payload::Text("the door code is 4711".to_owned()), &code);
    is_up(&mut sending).await;
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    let text = receiving
        .told("the text", |notice| match notice {
            Notice::Text(text) => Some(text.clone()),
            _ => None,
        })
        .await;
    assert_eq!(text, "the door code is 4711");
    receiving.report().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_missing_is_sent_again() {
    let world = CrocWorld::new().await;
    world.plant("large", &noise(7, CRAWL_BLOCKS * BLOCK));
    let code = code();
    let order = SendOrder {
        bytes_per_sec: CRAWL.map(|rate| rate * 16),
        ..world.order(world.0.paths(&["large"]), &code)
    };
    let mut sending = world.0.sender.send(order);
    is_up(&mut sending).await;
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    let held = receiving.reach("two blocks", |progress| progress.bytes >= 2 * BLOCK as u64).await.bytes;
    world.0.receiver.stop(&receiving);
    receiving.error().await;
    sending.error().await;

    let (code, mut sending) = world.waiting(&["large"]).await;
    world.take(&code).await;
    sending.report().await;
    let snapshots = sending.history().await;
    let first = snapshots.iter().find(|progress| progress.bytes > 0).unwrap();
    assert!(first.bytes >= held, "{held} bytes were there, and it began at {}", first.bytes);
    assert!(world.has_all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_declines_ends_the_send() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let (code, mut sending) = world.waiting(&["file"]).await;
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.answer(&receiving, Answer::Decline);
    assert!(matches!(sending.error().await, TransferError::PeerDeclined));
    assert!(matches!(receiving.error().await, TransferError::Declined));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_and_a_transfer_can_be_cancelled() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let (code, mut sending) = world.waiting(&["file"]).await;
    world.0.sender.cancel(&sending);
    assert!(matches!(sending.error().await, TransferError::Cancelled));
    let mut sending = world.send(world.0.paths(&["file"]), &code);
    is_up(&mut sending).await;
    let mut receiver = CrocReceiver::meet(&world, &code, Version::V11).await.unwrap();
    sending.enters(Phase::WaitingForAnswer).await;
    world.0.sender.cancel(&sending);
    assert!(receiver.is_told_the_end().await);
    assert!(matches!(sending.error().await, TransferError::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_the_lanes() {
    let world = CrocWorld::new().await;
    world.plant("large", &noise(7, 4 * BLOCK));
    let (code, mut sending) = world.waiting(&["large"]).await;
    world.0.sender.pause(&sending, true);
    let mut receiving = world.receive(&code);
    receiving.offer().await;
    world.0.receiver.accept(&receiving, Choices::default());
    let progress =
        sending.reach("a pause", |progress| progress.phase == Phase::Moving && progress.paused.here).await;
    assert_eq!(progress.bytes, 0);
    world.0.sender.pause(&sending, false);
    receiving.report().await;
    sending.report().await;
    assert!(world.has_all());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn names_that_croc_refuses_are_changed_and_told_before_the_code() {
    let world = CrocWorld::new().await;
    world.plant("top/a:b/con.txt", b"one");
    world.plant("top/a_b/x", b"two");
    std::os::unix::fs::symlink("../a_b/x", world.0.from("top/a_b/up")).unwrap();
    let (code, mut sending) = world.waiting(&["top"]).await;
    let news: Vec<_> = sending
        .notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Croc(CrocNews::Names(names)) => Some(Some(names.clone())),
            Notice::Croc(CrocNews::Code { .. }) => Some(None),
            _ => None,
        })
        .collect();
    let [Some(names), None] = news.as_slice() else { panic!("the names come before the code: {news:?}") };
    let renamed = |to: &str| CrocFate::Renamed(to.to_owned());
    let fates: Vec<_> = names.iter().map(|name| (name.path.as_str(), name.fate.clone())).collect();
    assert_eq!(
        fates,
        [
            ("top/a:b", renamed("a_b")),
            ("top/a_b", renamed("a_b (2)")),
            ("top/a:b/con.txt", renamed("con_.txt")),
            ("top/a_b/up", CrocFate::LinkLeftOut),
        ]
    );
    world.take(&code).await;
    assert_eq!(sending.report().await.missing, 1);
    assert_eq!(fs::read(world.0.to("top/a_b/con_.txt")).unwrap(), b"one");
    assert_eq!(fs::read(world.0.to("top/a_b (2)/x")).unwrap(), b"two");
}
