//! A panic is a fault of this program: it ends the transfer in which it happens, on both sides and with a report, and
//! nothing else.

use std::{
    fs,
    io::{self, Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::support::{
    engine::{BLOCK, World},
    noise, within,
};
use caiman::{
    engine::{Choices, Command, Engine, Event, Notice, Output, Payload, ReceiveOrder, TransferError},
    protocol::peer::Trouble,
};

const MESSAGE: &str = "the branches are crossed";

/// Gives some blocks, then panics.
struct BrokenReader(usize);

impl Read for BrokenReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.0 > 0, "{MESSAGE}");
        let len = buffer.len().min(self.0);
        self.0 -= len;
        buffer[..len].fill(7);
        Ok(len)
    }
}

/// Panics at once.
struct BrokenWriter;

impl Write for BrokenWriter {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        panic!("{MESSAGE}");
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_reported(error: &TransferError) -> bool {
    let TransferError::Internal(report) = error else { return false };
    let text = report.to_string();
    text.starts_with(MESSAGE) && text.contains("tests/integration/panics.rs:")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_sending_lane_ends_that_transfer_on_both_sides_and_no_other() {
    let world = World::new().await;
    fs::write(world.from("other"), noise(1, 40 * BLOCK)).unwrap();
    let (mut other, mut other_receiving) = world.crawl("other").await;
    other.moving().await;

    let what = Payload::Stream { name: "stream".to_owned(), reader: Box::new(BrokenReader(3 * BLOCK)) };
    let (mut sending, mut receiving, _) = world.offer(world.send_order(what)).await;
    world.receiver.accept(&receiving, Choices::default());
    let error = sending.error().await;
    assert!(is_reported(error), "{error:?}");
    let error = receiving.error().await;
    assert!(matches!(error, TransferError::PeerFailed(Trouble::Internal)), "{error:?}");

    world.sender.cancel(&other);
    assert!(matches!(other.error().await, TransferError::Cancelled), "it went on until it was cancelled");
    assert!(matches!(other_receiving.error().await, TransferError::PeerCancelled));
    fs::write(world.from("next"), noise(2, BLOCK)).unwrap();
    world.exchange(world.paths(&["next"])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_receiving_lane_ends_that_transfer_on_both_sides() {
    let world = World::new().await;
    fs::write(world.from("file"), noise(1, 3 * BLOCK)).unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["file"])));
    let order = world.receive_order(sending.code().await);
    let order = ReceiveOrder { output: Output::Writer(Box::new(BrokenWriter)), ..order };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    let error = receiving.error().await;
    assert!(is_reported(error), "{error:?}");
    let error = sending.error().await;
    assert!(matches!(error, TransferError::PeerFailed(Trouble::Internal)), "{error:?}");
}

/// The waker is called by the engine's tasks, so a panic in it is one of theirs, outside of any session that could tell a peer.
#[tokio::test(flavor = "multi_thread")]
async fn a_waker_that_panics_takes_one_task_and_not_the_engine() {
    let world = World::new().await;
    fs::write(world.from("file"), b"text").unwrap();
    let panics = Arc::new(AtomicBool::new(true));
    let broken = Arc::clone(&panics);
    let (engine, mut events) =
        Engine::start(move || assert!(!broken.swap(false, Ordering::Relaxed), "{MESSAGE}")).unwrap();
    let order = |id| Command::Send(id, Box::new(world.send_order(world.paths(&["file"]))));
    let first = engine.new_id();
    engine.command(order(first)).unwrap();
    let ended = async {
        loop {
            if let Some(Event::Ended(id, ended)) = events.next().await {
                return (id, ended);
            }
        }
    };
    let (id, ended) = within("the end", ended).await;
    assert_eq!(id, first);
    assert!(ended.as_ref().is_err_and(is_reported), "{ended:?}");

    let second = engine.new_id();
    engine.command(order(second)).unwrap();
    let coded = async {
        loop {
            let event = events.next().await.expect("the engine goes on");
            if let Event::Notice(id, Notice::Code { .. }) = event {
                return id;
            }
        }
    };
    assert_eq!(within("a code", coded).await, second);
}
