//! Transfers whose connections are lost go on by themselves, and what was stored is not sent again. The receiver itself checks
//! that no block comes twice, because it refuses such a sender.

use std::{fs, net::SocketAddr, time::Duration};

use crate::support::{
    TestRelay,
    cutter::Cutter,
    engine::{BLOCK, Transfer, World, memory, names_in},
    noise,
};
use caiman::engine::{
    Choices, Connection, Output, PATIENCE, Payload, Phase, ReceiveOrder, RelayConfig, SendOrder,
    TransferError,
};

/// The speed limit of the transfers here, in bytes a second: fast enough to end soon, slow enough to be interrupted.
const PACE: Option<u64> = Some(8 * 1024 * 1024);
/// The number of blocks of the file that is sent. At [`PACE`] they take four seconds.
const BLOCKS: usize = 128;

/// Two sides, each behind a piece of network.
struct Trip {
    world: World,
    here: Cutter,
    there: Cutter,
    sending: Transfer,
    receiving: Transfer,
}

impl Trip {
    /// A transfer of a large file and some small ones that has begun to move.
    async fn moving(lanes: u16) -> Self {
        let world = World::new().await;
        fs::create_dir(world.from("all")).unwrap();
        fs::write(world.from("all/large"), noise(7, BLOCKS * BLOCK + 1)).unwrap();
        for number in 0..100u32 {
            fs::write(world.from(&format!("all/{number}")), noise(u64::from(number), 999)).unwrap();
        }
        let what = world.paths(&["all"]);
        Self::with(world, what, lanes).await
    }

    async fn with(world: World, payload: Payload, lanes: u16) -> Self {
        let (here, there) = tokio::join!(Cutter::before(world.relay.addr), Cutter::before(world.relay.addr));
        let mut sending = world.sender.send(SendOrder {
            relays: vec![here.relay()],
            lanes,
            bytes_per_sec: PACE,
            patience: PATIENCE,
            ..world.send_order(payload)
        });
        let code = sending.code().await;
        let mut receiving = world.receiver.receive(ReceiveOrder {
            relays: vec![there.relay()],
            lanes,
            patience: PATIENCE,
            ..world.receive_order(code)
        });
        receiving.offer().await;
        world.receiver.accept(&receiving, Choices::default());
        sending.reach("some blocks", |progress| progress.bytes >= 4 * BLOCK as u64).await;
        Self { world, here, there, sending, receiving }
    }

    /// Waits for both ends, which must be successes, and compares what arrived.
    async fn arrive(mut self) {
        let (sent, received) = tokio::join!(self.sending.report(), self.receiving.report());
        assert_eq!((sent.missing, received.missing), (0, 0));
        assert_eq!((sent.bytes, received.bytes), (sent.bytes, sent.bytes));
        for name in names_in(&self.world.from("all")) {
            let path = format!("all/{name}");
            assert!(
                fs::read(self.world.from(&path)).unwrap() == fs::read(self.world.to(&path)).unwrap(),
                "{name} differs"
            );
        }
        assert_eq!(names_in(self.world.target.path()), ["all"]);
    }
}

fn is_down(progress: &caiman::engine::Progress) -> bool {
    progress.connection != Connection::Up
}

#[tokio::test]
async fn each_lane_may_be_lost_in_turn_and_is_opened_again() {
    for from_sender in [true, false] {
        let trip = Trip::moving(4).await;
        let side = if from_sender { &trip.here } else { &trip.there };
        for lane in 1..=4 {
            let before = side.connections();
            side.cut_one(lane);
            side.has_more_than(before).await;
        }
        trip.arrive().await;
    }
}

#[tokio::test]
async fn a_transfer_survives_the_loss_of_all_connections_of_either_side() {
    for round in 0..3 {
        let mut trip = Trip::moving(4).await;
        if round != 1 {
            trip.here.cut();
        }
        if round != 0 {
            trip.there.cut();
        }
        trip.sending.reach("the loss", is_down).await;
        trip.sending.reach("the return", |progress| !is_down(progress)).await;
        trip.arrive().await;
    }
}

/// Anything between the two computers can change bytes: a bad network card, a relay, a stranger. That must cost no more than
/// the connections on which it happens, on lanes, on the control channel and while the two sides reconnect.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_changed_on_their_way_cost_only_connections() {
    // CAIMAN_RUNS sets another number of transfers.
    let runs = std::env::var("CAIMAN_RUNS").map_or(3, |runs| runs.parse().expect("a number"));
    for run in 0..runs {
        let trip = Trip::moving(8).await;
        trip.here.tamper(1 + run % 8);
        trip.there.tamper(1 + (run / 8) % 8);
        trip.arrive().await;
    }
}

#[tokio::test]
async fn cuts_at_any_moment_do_no_harm() {
    let trip = Trip::moving(8).await;
    // It is also cut while the two sides are reconnecting.
    for pause in [0, 30, 100, 10, 300, 5, 50, 700] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if pause % 3 == 0 { trip.here.cut() } else { trip.there.cut() }
    }
    trip.arrive().await;
}

#[tokio::test]
async fn a_network_that_falls_silent_is_noticed_and_left_for_one_that_works() {
    let mut trip = Trip::moving(4).await;
    trip.there.freeze();
    // Both sides give up the silent connection in time.
    let silent_since = std::time::Instant::now();
    trip.sending.reach("doubt", is_down).await;
    trip.receiving.reach("doubt", is_down).await;
    assert!(silent_since.elapsed() < Duration::from_secs(15), "{:?}", silent_since.elapsed());
    trip.there.mend();
    trip.sending.reach("the return", |progress| !is_down(progress)).await;
    trip.arrive().await;
}

#[tokio::test]
async fn a_relay_that_is_killed_and_started_again_loses_nothing() {
    let mut trip = Trip::moving(4).await;
    let addr = trip.world.relay.addr;
    let again = |config: &mut RelayConfig| config.port = addr.port();
    let old = std::mem::replace(&mut trip.world.relay, TestRelay::start(|_| ()).await);
    old.stop().await;
    let gone = |progress: &caiman::engine::Progress| progress.connection == Connection::LookingForRelay;
    tokio::join!(trip.sending.reach("the loss", gone), trip.receiving.reach("the loss", gone));
    trip.world.relay = restart(addr, again).await;
    trip.arrive().await;
}

async fn restart(addr: SocketAddr, change: impl FnOnce(&mut RelayConfig)) -> TestRelay {
    let relay = TestRelay::start(change).await;
    assert_eq!(relay.addr, addr);
    relay
}

#[tokio::test]
async fn a_sender_that_waits_outlives_its_relay() {
    let mut world = World::new().await;
    fs::write(world.from("file"), b"content").unwrap();
    let patience = PATIENCE;
    let mut sending = world.sender.send(SendOrder { patience, ..world.send_order(world.paths(&["file"])) });
    let code = sending.code().await;
    let addr = world.relay.addr;
    let old = std::mem::replace(&mut world.relay, TestRelay::start(|_| ()).await);
    old.stop().await;
    sending.reach("the loss", is_down).await;
    world.relay = restart(addr, |config| config.port = addr.port()).await;
    sending.reach("the return", |progress| !is_down(progress)).await;
    let mut receiving = world.receiver.receive(world.receive_order(code));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(fs::read(world.to("file")).unwrap(), b"content");
}

#[tokio::test]
async fn an_offer_that_is_being_read_survives_a_cut() {
    let world = World::new().await;
    fs::write(world.from("file"), b"content").unwrap();
    let (here, there) = tokio::join!(Cutter::before(world.relay.addr), Cutter::before(world.relay.addr));
    let what = world.paths(&["file"]);
    let order = SendOrder { relays: vec![here.relay()], patience: PATIENCE, ..world.send_order(what) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let order = ReceiveOrder { relays: vec![there.relay()], patience: PATIENCE, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    here.cut();
    sending.reach("the loss", is_down).await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(fs::read(world.to("file")).unwrap(), b"content");
}

/// A stream can be read only once, so what was in flight is kept until it is stored.
#[tokio::test]
async fn a_stream_survives_cuts_into_a_folder_and_into_a_pipe() {
    let bytes = noise(9, 60 * BLOCK + 5);
    for into_pipe in [false, true] {
        let world = World::new().await;
        let reader = Box::new(std::io::Cursor::new(bytes.clone()));
        let (here, there) = tokio::join!(Cutter::before(world.relay.addr), Cutter::before(world.relay.addr));
        let mut sending = world.sender.send(SendOrder {
            relays: vec![here.relay()],
            lanes: 3,
            bytes_per_sec: PACE,
            patience: PATIENCE,
            ..world.send_order(Payload::Stream { name: "stream".to_owned(), reader })
        });
        let code = sending.code().await;
        let (writer, written) = memory();
        let order =
            ReceiveOrder { relays: vec![there.relay()], patience: PATIENCE, ..world.receive_order(code) };
        let order = if into_pipe {
            ReceiveOrder { output: Output::Writer(Box::new(writer)), ..order }
        } else {
            order
        };
        let mut receiving = world.receiver.receive(order);
        receiving.offer().await;
        world.receiver.accept(&receiving, Choices::default());
        for at in [5, 20, 40] {
            sending.reach("some blocks", |progress| progress.bytes >= at * BLOCK as u64).await;
            if at == 20 { here.cut() } else { there.cut() }
        }
        let (sent, _) = tokio::join!(sending.report(), receiving.report());
        assert_eq!(sent.bytes, bytes.len() as u64);
        let arrived = if into_pipe {
            std::mem::take(&mut *written.lock().unwrap())
        } else {
            fs::read(world.to("stream")).unwrap()
        };
        assert!(arrived == bytes, "the stream arrived changed, {} bytes of {}", arrived.len(), bytes.len());
    }
}

#[tokio::test]
async fn a_pause_of_either_side_rests_the_transfer_on_both_and_survives_a_cut() {
    let mut trip = Trip::moving(3).await;
    trip.world.sender.pause(&trip.sending, true);
    trip.receiving.reach("the pause", |progress| progress.paused.there && progress.lanes == 0).await;
    trip.world.receiver.pause(&trip.receiving, true);
    let at = trip.sending.reach("both pauses", |progress| {
        progress.paused.there && progress.paused.here && progress.lanes == 0
    });
    let bytes = at.await.bytes;
    trip.world.sender.pause(&trip.sending, false);
    trip.here.cut();
    trip.sending.reach("the loss", is_down).await;
    let back = trip.sending.reach("the return", |progress| !is_down(progress)).await;
    assert_eq!((back.bytes, back.paused.there, back.phase), (bytes, true, Phase::Moving));
    trip.world.receiver.pause(&trip.receiving, false);
    trip.arrive().await;
}

#[tokio::test]
async fn patience_has_an_end() {
    let world = World::new().await;
    fs::write(world.from("large"), noise(7, BLOCKS * BLOCK)).unwrap();
    let patience = Duration::from_secs(1);
    let order = SendOrder { bytes_per_sec: PACE, patience, ..world.send_order(world.paths(&["large"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let there = Cutter::before(world.relay.addr).await;
    // A receiver without any patience, which therefore never comes back.
    let mut receiving =
        world.receiver.receive(ReceiveOrder { relays: vec![there.relay()], ..world.receive_order(code) });
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    sending.moving().await;
    there.cut();
    assert!(matches!(receiving.error().await, TransferError::PeerLost), "{:?}", receiving.end().await);
    assert!(matches!(sending.error().await, TransferError::PeerLost), "{:?}", sending.end().await);
}
