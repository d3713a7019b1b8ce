//! Transfers over an iroh relay that comes and goes while both sides pause and go on, as their seeds say. Whatever happens within
//! both sides' patience, both succeed and every byte arrives.
//!
//! `CAIMAN_SEED=17 cargo test --test integration internet_faults` runs only that schedule; `CAIMAN_RUNS` sets how many are run.

use std::{fs, net::SocketAddr, time::Duration};

use crate::support::{
    engine::{BLOCK, Transfer, World},
    iroh::TestIrohRelay,
    noise,
    tree::tree,
};
use caiman::engine::{Choices, PATIENCE, ReceiveOrder, SendOrder};
use tokio::time::{sleep, timeout};

/// How many schedules are run unless `CAIMAN_RUNS` says otherwise. They run side by side, because they wait most of the time.
const RUNS: u64 = 4;
/// The number of blocks of the large file. At [`PACE`] they take three seconds.
const BLOCKS: usize = 24;
/// The speed limit, in bytes a second.
const PACE: Option<u64> = Some(8 * BLOCK as u64);
/// The most faults in one schedule.
const FAULTS: u64 = 3;

/// What a schedule takes its numbers from.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn throw(&mut self, sides: u64) -> u64 {
        // SplitMix64, so that seeds next to each other have nothing in common.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.throw(most))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_the_relay_everything_arrives() {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<u64>().ok());
    let seeds = match number("CAIMAN_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CAIMAN_RUNS").unwrap_or(RUNS),
    };
    let mut seeds = seeds.peekable();
    let mut schedules = tokio::task::JoinSet::new();
    while seeds.peek().is_some() || !schedules.is_empty() {
        while schedules.len() < RUNS as usize
            && let Some(seed) = seeds.next()
        {
            schedules.spawn(async move {
                let ended = timeout(Duration::from_mins(2), schedule(seed)).await;
                assert!(ended.is_ok(), "seed {seed} takes too long");
            });
        }
        if let Some(ended) = schedules.join_next().await {
            ended.unwrap();
        }
    }
}

async fn schedule(seed: u64) {
    let mut dice = Dice(seed);
    let mut world = World::new().await;
    world.iroh = Some(TestIrohRelay::start().await);
    plant(&world, seed);
    let lanes = 1 + dice.throw(8) as u16;
    let order = SendOrder {
        lanes,
        bytes_per_sec: PACE,
        patience: PATIENCE,
        ..world.send_order(world.paths(&["all"]))
    };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let order = ReceiveOrder { lanes, patience: PATIENCE, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    for _ in 0..=dice.throw(FAULTS) {
        sleep(dice.millis(1000)).await;
        fault(&mut world, &mut dice, &sending, &receiving).await;
    }
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.missing, received.missing, received.not_stored), (0, 0, 0), "seed {seed}");
    assert_eq!(sent.bytes, received.bytes, "seed {seed}");
    assert!(tree(&world.to("all")) == tree(&world.from("all")), "seed {seed}: the folders differ");
}

/// A large file, and small ones that share blocks.
fn plant(world: &World, seed: u64) {
    fs::create_dir_all(world.from("all/deep")).unwrap();
    fs::write(world.from("all/large"), noise(seed + 1, BLOCKS * BLOCK + 1)).unwrap();
    for number in 0..20usize {
        fs::write(world.from(&format!("all/deep/{number}")), noise(number as u64, number * 999)).unwrap();
    }
}

/// One thing that happens, and is over when this returns.
async fn fault(world: &mut World, dice: &mut Dice, sending: &Transfer, receiving: &Transfer) {
    let lasting = dice.millis(1500);
    match dice.throw(4) {
        0 => {
            world.sender.pause(sending, true);
            sleep(lasting).await;
            world.sender.pause(sending, false);
        }
        1 => {
            world.receiver.pause(receiving, true);
            sleep(lasting).await;
            world.receiver.pause(receiving, false);
        }
        _ => {
            let relay = world.iroh.take().unwrap();
            let address = relay.addr();
            relay.stop().await;
            sleep(lasting).await;
            world.iroh = Some(back_at(address).await);
        }
    }
}

/// The relay at its old address, once the system gives that back.
async fn back_at(address: SocketAddr) -> TestIrohRelay {
    loop {
        match TestIrohRelay::try_at(address).await {
            Ok(relay) => return relay,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}
