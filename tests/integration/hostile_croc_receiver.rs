//! What a receiver that has croc can't do to a sender, whatever it says.

use caiman::{
    croc::{
        chunks::{Coding, write_ranges},
        code::Version,
        error::CrocError,
        frame::KEEP_ALIVE,
        message::Message,
    },
    engine::{CrocNews, Notice, SendOrder, TransferError},
};

use crate::support::{
    croc_receiver::{CrocReceiver, assert_room_is_free, wrong},
    croc_world::{CrocWorld, code, is_up, to_croc},
    noise, within,
};

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_end_crocs_code_and_not_caimans() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let (code, mut sending) = world.waiting(&["file"]).await;
    for left in [2, 1, 0] {
        // The sender may still be on its way back into the room.
        let guess = async {
            while !matches!(
                CrocReceiver::meet(&world, &wrong(&code), Version::V11).await,
                Err(CrocError::WrongCode)
            ) {}
        };
        within("a guess", guess).await;
        sending
            .told("a wrong try", |notice| match notice {
                Notice::Croc(CrocNews::WrongTry { tries_left }) if *tries_left == left => Some(()),
                _ => None,
            })
            .await;
    }
    assert_room_is_free(&world, &code).await;
    let caiman = sending.code().await;
    world.arrives_under(caiman, &mut sending).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_of_croc_10_is_one_try() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let (code, mut sending) = world.waiting(&["file"]).await;
    assert!(CrocReceiver::meet(&world, &wrong(&code), Version::V10).await.is_err());
    sending
        .told("a wrong try", |notice| match notice {
            Notice::Croc(CrocNews::WrongTry { tries_left: 2 }) => Some(()),
            _ => None,
        })
        .await;
    let receiver = async {
        loop {
            if let Ok(receiver) = CrocReceiver::meet(&world, &code, Version::V10).await {
                return receiver;
            }
        }
    };
    let mut receiver = within("the sender", receiver).await;
    assert_eq!(receiver.fetch(0).await, b"bytes");
    receiver.finish().await;
    assert_eq!(sending.report().await.bytes, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn croc_10_gets_nothing_where_it_is_turned_off() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let mut croc = to_croc(&code, &[world.place()]);
    croc.forbid_v10();
    let order = SendOrder { croc: Some(croc), ..world.0.send_order(world.0.paths(&["file"])) };
    let mut sending = world.0.sender.send(order);
    is_up(&mut sending).await;
    assert!(CrocReceiver::meet(&world, &code, Version::V10).await.is_err());
    let is_told = |notice: &Notice| matches!(notice, Notice::Croc(CrocNews::VersionOff)).then_some(());
    sending.told("that croc 10 was not let in", is_told).await;
    world.take(&code).await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_lost_before_it_answers_makes_room_for_another() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let (code, mut sending) = world.waiting(&["file"]).await;
    drop(CrocReceiver::meet(&world, &code, Version::V11).await.unwrap());
    sending.told("that it is gone", |notice| matches!(notice, Notice::Unanswered).then_some(())).await;
    world.take(&code).await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_ends_the_send_with_its_name() {
    let world = CrocWorld::new().await;
    world.plant("file", &noise(1, 100_000));
    let (code, mut sending) = world.waiting(&["file"]).await;
    let mut receiver = CrocReceiver::meet(&world, &code, Version::V11).await.unwrap();
    world.plant("file", &noise(2, 100_001));
    receiver.ask(0, Vec::new()).await;
    assert!(receiver.is_told_the_end().await);
    let error = sending.error().await.to_string();
    assert!(error.contains("file: it changed while it was being sent"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_no_croc_makes_end_the_send() {
    let world = CrocWorld::new().await;
    world.plant("file", &noise(1, 100_000));
    world.plant("zero", b"");
    for (index, ranges) in [
        (2, vec![]),
        (usize::MAX, vec![]),
        (0, vec![32768]),
        (0, vec![32768, 0]),
        (0, vec![4096, 0, 1]),
        (0, vec![32768, 1, 1]),
        (0, vec![32768, 0, 0]),
        (0, vec![32768, 0, 5]),
        (0, vec![32768, 0, u64::MAX]),
        (0, vec![32768, 32768, 1, 0, 1]),
        (1, vec![]),
    ] {
        let (code, mut sending) = world.waiting(&["file", "zero"]).await;
        let mut receiver = CrocReceiver::meet(&world, &code, Version::V11).await.unwrap();
        receiver.ask(index, ranges.clone()).await;
        assert!(receiver.is_told_the_end().await, "{index} {ranges:?}");
        drop(receiver);
        assert!(
            matches!(sending.error().await, TransferError::PeerMisbehaved(_)),
            "{index} {ranges:?}: {:?}",
            sending.end().await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_sent_as_they_are_asked_for() {
    let world = CrocWorld::new().await;
    let bytes = noise(1, 7 * 32768 + 5);
    world.plant("file", &bytes);
    let (code, mut sending) = world.waiting(&["file"]).await;
    let mut receiver = CrocReceiver::meet(&world, &code, Version::V11).await.unwrap();
    receiver.ask(0, write_ranges(&[1..2, 7..8])).await;
    let mut starts = Vec::new();
    while starts.len() < 2 {
        for lane in &mut receiver.lanes {
            while let Some(frame) = lane.arrived().unwrap() {
                if frame != KEEP_ALIVE {
                    let (start, chunk) = receiver.opener.open(Coding::Plain, frame).unwrap();
                    assert_eq!(chunk, &bytes[start as usize..][..chunk.len()]);
                    starts.push(start);
                }
            }
            let _ = tokio::time::timeout(std::time::Duration::from_millis(5), lane.ready()).await;
        }
    }
    starts.sort_unstable();
    assert_eq!(starts, [32768, 7 * 32768]);
    receiver.control.say(Message::CloseSender).await;
    assert_eq!(receiver.control.hear().await.unwrap(), Message::CloseRecipient);
    receiver.finish().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_is_sent_ten_times_and_no_more() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let (code, mut sending) = world.waiting(&["file"]).await;
    let mut receiver = CrocReceiver::meet(&world, &code, Version::V11).await.unwrap();
    for _ in 0..10 {
        assert_eq!(receiver.fetch(0).await, b"bytes");
    }
    receiver.ask(0, Vec::new()).await;
    assert!(receiver.is_told_the_end().await);
    assert!(matches!(sending.error().await, TransferError::PeerMisbehaved(_)));
}
