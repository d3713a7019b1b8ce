//! Cancellations: which side cancels, at which moment, what the other side learns, and what is left on the disk.

use std::{
    fs,
    io::{self, Read},
    sync::mpsc,
};

use crate::support::iroh::{STREAMS_STALL, left_out_over_quic, over_quic};
use crate::support::{
    engine::{BLOCK, Party, World, names_in},
    noise,
};
use caiman::{
    engine::{Answer, Choices, Notice, Payload, Phase, ReceiveOrder, SendOrder, TransferError},
    protocol::peer::Trouble,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_cancels_while_it_waits_leaves_nobody_under_the_code() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["x"])));
    let code = sending.code().await;
    sending.enters(Phase::WaitingForPeer).await;
    world.sender.cancel(&sending);
    assert!(matches!(sending.error().await, TransferError::Cancelled));
    // The relay may notice a moment later. Until then it pairs the receiver with a closed connection.
    let mut receiving = world.receiver.receive(world.receive_order(code));
    let error = receiving.error().await;
    assert!(
        matches!(
            error,
            TransferError::NobodyThere { .. } | TransferError::PeerLost | TransferError::Relay(_)
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_at_the_question_reaches_the_other_side() {
    for sender_cancels in [true, false] {
        let world = World::new().await;
        fs::write(world.from("x"), "x").unwrap();
        let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["x"]))).await;
        let (here, there) = if sender_cancels {
            world.sender.cancel(&sending);
            (&mut sending, &mut receiving)
        } else {
            world.receiver.cancel(&receiving);
            (&mut receiving, &mut sending)
        };
        let (here, there) = tokio::join!(here.error(), there.error());
        assert!(matches!(here, TransferError::Cancelled), "{here:?}");
        assert!(matches!(there, TransferError::PeerCancelled), "{there:?}");
        assert!(names_in(world.target.path()).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_declines_says_so() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["x"]))).await;
    world.receiver.answer(&receiving, Answer::Decline);
    let (here, there) = tokio::join!(receiving.error(), sending.error());
    assert!(matches!(here, TransferError::Declined), "{here:?}");
    assert!(matches!(there, TransferError::PeerDeclined), "{there:?}");
    assert!(names_in(world.target.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_while_bytes_move_reaches_the_other_side() {
    for sender_cancels in [true, false] {
        let world = World::new().await;
        let (mut sending, mut receiving) = world.crawl("large").await;
        assert_eq!(names_in(world.target.path()).len(), 1, "only the staging folder is there");
        let (here, there) = if sender_cancels {
            world.sender.cancel(&sending);
            (&mut sending, &mut receiving)
        } else {
            world.receiver.cancel(&receiving);
            (&mut receiving, &mut sending)
        };
        let (here, there) = tokio::join!(here.error(), there.error());
        assert!(matches!(here, TransferError::Cancelled), "{here:?}");
        assert!(matches!(there, TransferError::PeerCancelled), "{there:?}");
        // What the receiver's user no longer wants is removed. If the other side cancels, the user may want it again.
        assert_eq!(names_in(world.target.path()).len(), usize::from(sender_cancels));
    }
}

/// The folder for what arrives is being created at this moment. A cancellation must wait for that, or the folder is left
/// behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_right_after_the_answer_leaves_nothing() {
    let world = World::new().await;
    fs::write(world.from("x"), noise(1, 3 * BLOCK)).unwrap();
    for _ in 0..8 {
        let order = SendOrder {
            bytes_per_sec: crate::support::engine::CRAWL,
            ..world.send_order(world.paths(&["x"]))
        };
        let (mut sending, mut receiving, _) = world.offer(order).await;
        world.receiver.accept(&receiving, Choices::default());
        world.receiver.cancel(&receiving);
        let (here, there) = tokio::join!(receiving.error(), sending.error());
        assert!(matches!(here, TransferError::Cancelled), "{here:?}");
        assert!(matches!(there, TransferError::PeerCancelled), "{there:?}");
        assert!(names_in(world.target.path()).is_empty());
    }
}

/// The relay removes the room at this moment, and refuses lanes that come after that as unknown. The reason for the end must
/// still be the cancellation.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_while_connections_are_opened_reaches_the_other_side() {
    for sender_cancels in [true, false].repeat(4) {
        let world = World::new().await;
        fs::write(world.from("x"), noise(1, 9 * BLOCK)).unwrap();
        let order = SendOrder {
            bytes_per_sec: crate::support::engine::CRAWL,
            ..world.send_order(world.paths(&["x"]))
        };
        let (mut sending, mut receiving, _) = world.offer(order).await;
        world.receiver.accept(&receiving, Choices::default());
        let accepted = |notice: &Notice| matches!(notice, Notice::Accepted { .. }).then_some(());
        let (here, there) = if sender_cancels {
            sending.told("the answer", accepted).await;
            world.sender.cancel(&sending);
            (&mut sending, &mut receiving)
        } else {
            receiving.told("the answer", accepted).await;
            world.receiver.cancel(&receiving);
            (&mut receiving, &mut sending)
        };
        let (here, there) = tokio::join!(here.error(), there.error());
        assert!(matches!(here, TransferError::Cancelled), "{here:?}");
        assert!(matches!(there, TransferError::PeerCancelled), "{there:?}");
        // A block may have come before the sender's cancellation did. Then it is kept, and the receiver says so.
        let is_kept = receiving.notices.iter().any(|notice| matches!(notice, Notice::Kept(_)));
        assert!(sender_cancels || !is_kept);
        assert_eq!(names_in(world.target.path()).len(), usize::from(is_kept));
    }
}

/// A pipe that gives what it is told to give, and otherwise lets its reader wait.
struct Pipe(mpsc::Receiver<Vec<u8>>, io::Cursor<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.1.read(buffer)? {
                0 => match self.0.recv() {
                    Ok(bytes) => self.1 = io::Cursor::new(bytes),
                    Err(_) => return Ok(0),
                },
                read => return Ok(read),
            }
        }
    }
}

fn pipe() -> (mpsc::Sender<Vec<u8>>, Payload) {
    let (input, output) = mpsc::channel();
    let reader = Box::new(Pipe(output, io::Cursor::new(Vec::new())));
    (input, Payload::Stream { name: "stream".to_owned(), reader })
}

/// Nothing comes from the pipe, so a thread hangs reading it. The transfer itself must not hang with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_can_be_cancelled_from_either_side() {
    if left_out_over_quic(STREAMS_STALL) {
        return;
    }
    for sender_cancels in [true, false] {
        let world = World::new().await;
        let (input, what) = pipe();
        let (mut sending, mut receiving, _) = world.offer(world.send_order(what)).await;
        world.receiver.accept(&receiving, Choices::default());
        input.send(noise(1, BLOCK)).unwrap();
        tokio::join!(sending.moving(), receiving.moving());
        let (here, there) = if sender_cancels {
            world.sender.cancel(&sending);
            (&mut sending, &mut receiving)
        } else {
            world.receiver.cancel(&receiving);
            (&mut receiving, &mut sending)
        };
        let (here, there) = tokio::join!(here.error(), there.error());
        assert!(matches!(here, TransferError::Cancelled), "{here:?}");
        assert!(matches!(there, TransferError::PeerCancelled), "{there:?}");
        assert!(names_in(world.target.path()).is_empty());
        drop(input);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_and_goes_on_arrives() {
    if left_out_over_quic(STREAMS_STALL) {
        return;
    }
    let world = World::new().await;
    let (input, what) = pipe();
    let (mut sending, mut receiving, _) = world.offer(world.send_order(what)).await;
    world.receiver.accept(&receiving, Choices::default());
    let bytes = noise(2, 2 * BLOCK + 3);
    let (first, rest) = bytes.split_at(BLOCK);
    input.send(first.to_vec()).unwrap();
    tokio::join!(sending.moving(), receiving.moving());
    input.send(rest.to_vec()).unwrap();
    drop(input);
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(fs::read(world.to("stream")).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_closed_tells_the_other_side() {
    for sender_closes in [true, false] {
        let world = World::new().await;
        let (mut sending, mut receiving) = world.crawl("large").await;
        let World { sender, receiver, target, relay: _relay, source: _source, .. } = world;
        let (closed, other, there) =
            if sender_closes { (sender, receiver, &mut receiving) } else { (receiver, sender, &mut sending) };
        closed.close().await;
        let error = there.error().await;
        // The other side may come back.
        assert!(matches!(error, TransferError::PeerFailed(Trouble::Closed)), "{error:?}");
        assert_eq!(names_in(target.path()).len(), 1, "what arrived is kept, to be resumed");
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosted_relay_ends_when_its_transfer_is_cancelled() {
    if left_out_over_quic("it is about the sender's own relay") {
        return;
    }
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let mut sending =
        world.sender.send(SendOrder { relays: Vec::new(), ..world.send_order(world.paths(&["x"])) });
    let code = sending.code().await;
    let address = sending.listening.clone().unwrap();
    world.sender.cancel(&sending);
    assert!(matches!(sending.error().await, TransferError::Cancelled));
    let relay = caiman::engine::RelayChoice::new(address);
    let late = Party::start();
    let mut receiving = late.receive(ReceiveOrder { relays: vec![relay], ..world.receive_order(code) });
    // Another test may have taken the port in the meantime; then its relay doesn't know this code.
    let error = receiving.error().await;
    assert!(matches!(error, TransferError::Relay(_) | TransferError::NobodyThere { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_relay_is_gone_both_sides_say_so_and_what_arrived_is_kept() {
    let mut world = World::new().await;
    let (mut sending, mut receiving) = world.crawl("large").await;
    world.lose_relay().await;
    let (here, there) = tokio::join!(sending.error(), receiving.error());
    for error in [here, there] {
        match error {
            TransferError::PeerLost | TransferError::Relay(_) => {}
            // Over QUIC, nothing tells an end that the relay is gone.
            TransferError::PeerSilent { .. } if over_quic() => {}
            other => panic!("{other:?}"),
        }
    }
    let kept = receiving.notices.iter().find_map(|notice| match notice {
        Notice::Kept(folder) => Some(folder.clone()),
        _ => None,
    });
    let kept = kept.expect("what arrived is named");
    assert_eq!(names_in(world.target.path()), [kept.file_name().unwrap().to_str().unwrap()]);
}
