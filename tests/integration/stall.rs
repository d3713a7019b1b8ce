//! Transfers that stand still without being cut off: after ten seconds both sides know what they wait for, and the transfers go
//! on by themselves.

use std::{
    fs,
    io::{self, Read, Write},
    sync::{Mutex, mpsc},
};

use crate::support::iroh::{STREAMS_STALL, left_out_over_quic};
use crate::support::{
    cutter::Cutter,
    engine::{BLOCK, Transfer, World, memory},
    noise,
};
use caiman::engine::{
    Choices, Output, Payload, Progress, ReceiveOrder, SendOrder, WaitsFor, WaitsFor::Here, WaitsFor::Network,
    WaitsFor::There, Work,
};

/// A program that writes into the transfer or reads from it only when the test lets it.
struct Slow<T> {
    inner: T,
    /// Each message lets one more block pass. When the channel is closed, everything passes.
    gate: Mutex<mpsc::Receiver<()>>,
}

impl<T> Slow<T> {
    fn new(inner: T) -> (Self, mpsc::Sender<()>) {
        let (open, gate) = mpsc::channel();
        (Self { inner, gate: Mutex::new(gate) }, open)
    }

    fn wait(&self) {
        let _ = self.gate.lock().unwrap().recv();
    }
}

impl<T: Read> Read for Slow<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait();
        self.inner.read(buffer)
    }
}

impl<T: Write> Write for Slow<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait();
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn waits_for(progress: &Progress) -> Option<WaitsFor> {
    progress.stall.map(|stall| stall.waits_for)
}

/// Waits until both sides say what they wait for.
async fn both_wait(sides: [(&mut Transfer, WaitsFor); 2]) {
    for (side, reason) in sides {
        side.reach(&format!("{reason:?}"), |progress| waits_for(progress) == Some(reason)).await;
    }
}

async fn begin(world: &World, send: SendOrder, output: Output) -> (Transfer, Transfer) {
    let mut sending = world.sender.send(send);
    let code = sending.code().await;
    let order = ReceiveOrder { output, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    (sending, receiving)
}

#[tokio::test]
async fn an_input_that_brings_nothing_is_named_on_both_sides() {
    if left_out_over_quic(STREAMS_STALL) {
        return;
    }
    let world = World::new().await;
    let bytes = noise(1, 3 * BLOCK);
    let (reader, open) = Slow::new(io::Cursor::new(bytes.clone()));
    let what = Payload::Stream { name: "stream".to_owned(), reader: Box::new(reader) };
    let (writer, written) = memory();
    let output = Output::Writer(Box::new(writer));
    let (mut sending, mut receiving) = begin(&world, world.send_order(what), output).await;
    open.send(()).unwrap();
    sending.moving().await;
    let (here, there) = (Here(Work::Input), There(Work::Input));
    both_wait([(&mut sending, here), (&mut receiving, there)]).await;
    drop(open);
    for side in [&mut sending, &mut receiving] {
        side.report().await;
        let history = side.history().await;
        assert!(
            history.iter().all(|progress| [None, Some(here), Some(there)].contains(&waits_for(progress)))
        );
        assert_eq!(history.last().unwrap().stall, None);
    }
    assert!(*written.lock().unwrap() == bytes);
}

#[tokio::test]
async fn an_output_that_takes_nothing_is_named_on_both_sides() {
    let world = World::new().await;
    let bytes = noise(2, 5 * BLOCK);
    fs::write(world.from("file"), &bytes).unwrap();
    let (writer, written) = memory();
    let (writer, open) = Slow::new(writer);
    let order = world.send_order(world.paths(&["file"]));
    let (mut sending, mut receiving) = begin(&world, order, Output::Writer(Box::new(writer))).await;
    open.send(()).unwrap();
    sending.moving().await;
    both_wait([(&mut sending, There(Work::Output)), (&mut receiving, Here(Work::Output))]).await;
    drop(open);
    tokio::join!(sending.report(), receiving.report());
    assert!(*written.lock().unwrap() == bytes);
}

#[tokio::test]
async fn a_limit_that_lets_nothing_pass_for_long_is_named_on_both_sides() {
    let world = World::new().await;
    fs::write(world.from("file"), noise(3, 5 * BLOCK)).unwrap();
    // One block in sixteen seconds.
    let bytes_per_sec = Some(BLOCK as u64 / 16);
    let order = SendOrder { bytes_per_sec, ..world.send_order(world.paths(&["file"])) };
    let output = Output::Folder(world.target.path().to_owned());
    let (mut sending, mut receiving) = begin(&world, order, output).await;
    tokio::join!(sending.moving(), receiving.moving());
    both_wait([(&mut sending, Here(Work::Limit)), (&mut receiving, There(Work::Limit))]).await;
    world.sender.cancel(&sending);
    let _ = (sending.end().await, receiving.end().await);
}

/// A transfer of this many blocks over this many lanes, whose sender is behind a piece of network.
async fn behind(world: &World, blocks: usize, lanes: u16) -> (Cutter, Transfer, Transfer) {
    fs::write(world.from("file"), noise(3, blocks * BLOCK)).unwrap();
    let cutter = Cutter::before(world.relay.addr).await;
    let order = SendOrder {
        relays: vec![cutter.relay()],
        lanes,
        bytes_per_sec: Some(8 * BLOCK as u64),
        ..world.send_order(world.paths(&["file"]))
    };
    let output = Output::Folder(world.target.path().to_owned());
    let (sending, receiving) = begin(world, order, output).await;
    (cutter, sending, receiving)
}

#[tokio::test]
async fn lanes_whose_path_dies_in_silence_are_told_as_the_network() {
    if left_out_over_quic("it cuts connections to a relay of Caiman's own kind") {
        return;
    }
    let world = World::new().await;
    let (cutter, mut sending, mut receiving) = behind(&world, 40, 2).await;
    sending.moving().await;
    for lane in [1, 2] {
        cutter.freeze_one(lane);
    }
    both_wait([(&mut sending, Network), (&mut receiving, Network)]).await;
    // This is what a relay does once its system has noticed that a connection is lost.
    for lane in [1, 2] {
        cutter.cut_one(lane);
    }
    tokio::join!(sending.report(), receiving.report());
    assert!(cutter.connections() > 3, "no lane was opened again");
    assert!(fs::read(world.from("file")).unwrap() == fs::read(world.to("file")).unwrap());
}

/// Catches a transfer that stands still at 99 %: the other lane brings what this one had before a stall is reported.
#[tokio::test]
async fn a_single_lane_that_dies_in_silence_near_the_end_holds_nothing_up_for_long() {
    if left_out_over_quic("it cuts connections to a relay of Caiman's own kind") {
        return;
    }
    let world = World::new().await;
    let (cutter, mut sending, mut receiving) = behind(&world, 16, 2).await;
    sending.reach("blocks on both lanes", |progress| progress.bytes >= 8 * BLOCK as u64).await;
    cutter.freeze_one(2);
    for side in [&mut sending, &mut receiving] {
        side.report().await;
        let history = side.history().await;
        assert!(history.iter().all(|progress| progress.stall.is_none()));
    }
    assert!(cutter.connections() > 3, "the lane was not ended");
    assert!(fs::read(world.from("file")).unwrap() == fs::read(world.to("file")).unwrap());
}

/// To the other side, a stopped program looks like a machine that sleeps.
#[cfg(unix)]
#[test]
fn a_side_that_sleeps_is_named_and_waited_for() {
    use crate::support::process::{Running, Site, caiman, text};
    use rustix::process::Signal;

    let site = Site::new();
    let path = site.plant("large", noise(7, 400 * BLOCK));
    let sender = ["send", "--json", "--server", &site.server, "--rate", "8MB", text(&path)];
    let mut sending = Running::start(caiman(&sender));
    let code = sending.code();
    let out = text(site.target.path());
    let receiver = ["receive", &code, "--json", "--yes", "--server", &site.server, "--out", out];
    let mut command = caiman(&receiver);
    command.env("CAIMAN_DATA_DIR", site.data.path());
    let mut receiving = Running::start(command);
    receiving.moving();
    receiving.signal(Signal::STOP);
    let stall = sending.event_where("stall", |event| event["waits_for"].is_string());
    assert_eq!((stall["waits_for"].as_str(), stall["where"].as_str()), (Some("answer"), Some("there")));
    sending.event_where("connection", |event| event["connection"] == "looking for the other side");
    receiving.signal(Signal::CONT);
    sending.event_where("connection", |event| event["connection"] == "up");
    assert_eq!((sending.wait().code, receiving.wait().code), (Some(0), Some(0)));
    assert_eq!(fs::read(site.to("large")).unwrap(), fs::read(&path).unwrap());
}
