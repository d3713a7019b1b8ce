//! Random schedules of faults: whatever happens and in whatever order, in the end the receiver has what the sender has.
//!
//! A schedule follows from its seed. `CAIMAN_SEED=17 cargo test --lib schedule` runs only that schedule and says what
//! happens in it; `CAIMAN_RUNS` sets how many schedules are run. A seed that fails is printed. Once its fault is fixed, it
//! is kept in [`KEPT`].

use std::{
    fs,
    io::{Seek, Write},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{runtime, sync::watch, task::JoinSet, time::sleep};

use super::{
    network::{Network, Random},
    pair::{BLOCK, Folders, Terms, begin, temporary},
    sessions::{noise, tree},
};
use crate::transfer::{error::TransferError, link::control::farewell::LONGEST_FAREWELL};

/// Seeds that have found a fault. They run first.
const KEPT: [u64; 0] = [];
/// How many schedules are run unless `CAIMAN_RUNS` says otherwise. They take about half a minute on two cores.
const RUNS: u64 = 1000;
/// The most faults of one schedule.
const MAX_FAULTS: u64 = 16;
/// The most files of one schedule.
const MAX_FILES: u64 = 6;
/// The most blocks of a file.
const MAX_BLOCKS: u64 = 6;

/// Something that happens during a transfer. A duration says how long it lasts, unless said otherwise.
#[derive(Debug, Clone, Copy)]
enum Fault {
    CutControl,
    /// The lane in this slot is cut.
    CutLane(u16),
    CutAll,
    StallControl(Duration),
    /// The lane in this slot stalls.
    StallLane(u16, Duration),
    StallAll(Duration),
    /// The network is down.
    Unreachable(Duration),
    /// This many of 1,000 pieces of bytes are changed on their way.
    Tampering(u64, Duration),
    /// The next new connection reaches only one of the sides.
    HalfReconnection,
    /// One side's user pauses the transfer.
    Pause(Who, Duration),
    /// The sender's user pauses the transfer for this long. When that ends, the receiver's user pauses it for as long.
    PauseBoth(Duration),
    /// One side's program ends without a word, and both users begin again.
    Restart(Who),
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Sender,
    Receiver,
}

impl Fault {
    fn draw(random: &mut Random) -> Self {
        let lane = random.below(8) as u16;
        let (moment, minutes) = (millis(random, 1..20_000), millis(random, 1..600_000));
        let who = if random.below(2) == 0 { Who::Sender } else { Who::Receiver };
        match random.below(21) {
            0..3 => Self::CutControl,
            3..6 => Self::CutLane(lane),
            6..8 => Self::CutAll,
            8..10 => Self::StallControl(moment),
            10..12 => Self::StallLane(lane, minutes),
            12 => Self::StallAll(minutes),
            13 => Self::Unreachable(minutes),
            14..16 => Self::HalfReconnection,
            16 => Self::Pause(who, minutes),
            17 => Self::PauseBoth(moment),
            18 => Self::Tampering(1 + random.below(100), minutes),
            _ => Self::Restart(who),
        }
    }

    /// The longest that the two sides can't hear each other because of this fault.
    fn outage(self) -> Duration {
        match self {
            Self::StallControl(time)
            | Self::StallAll(time)
            | Self::Unreachable(time)
            | Self::Tampering(_, time) => time,
            _ => Duration::ZERO,
        }
    }
}

fn millis(random: &mut Random, range: Range<u64>) -> Duration {
    Duration::from_millis(range.start + random.below(range.end - range.start))
}

#[test]
fn whatever_happens_everything_arrives() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    if let Some(seed) = number("CAIMAN_SEED") {
        return run(seed, true);
    }
    let runs = number("CAIMAN_RUNS").unwrap_or(RUNS);
    let next = AtomicU64::new(0);
    let work = || {
        let mut failed = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let kept = KEPT.len() as u64;
            if at >= kept + runs {
                return failed;
            }
            let seed = KEPT.get(at as usize).copied().unwrap_or(at.wrapping_sub(kept));
            if catch_unwind(AssertUnwindSafe(|| run(seed, false))).is_err() {
                eprintln!("Seed {seed} failed: CAIMAN_SEED={seed} cargo test --lib schedule -- --nocapture");
                failed.push(seed);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let failed: Vec<u64> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "of {runs} schedules these failed: {failed:?}");
}

fn run(seed: u64, is_told: bool) {
    let runtime = runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(Box::pin(schedule(seed, is_told)));
}

async fn schedule(seed: u64, is_told: bool) {
    let mut random = Random(seed);
    let outbox = temporary();
    let all = outbox.path().join("all");
    lay_out(&all, &mut random);
    let folders = Folders::new(&all);
    let delay = millis(&mut random, 0..60);
    let terms = Terms {
        lanes: 1 + random.below(8) as u16,
        // In every other schedule the transfer is slow, so that faults happen while bytes are in flight.
        bytes_per_sec: (random.below(2) == 0).then(|| 20_000 + random.below(2_000_000)),
        answers_after: millis(&mut random, 0..10_000),
        ..Terms::default()
    };
    let mut network = Network::new(random.next(), delay);
    let (mut sender, mut receiver) = begin(&network, &folders, terms);
    let (mut outages, mut has_restarted) = (Duration::ZERO, false);
    // Each fault has a task of its own, because faults may overlap.
    let mut strikes = JoinSet::new();
    for _ in 0..random.below(MAX_FAULTS + 1) {
        // Faults come both in bursts and alone.
        let until = if random.below(3) == 0 { 1..50 } else { 1..8000 };
        sleep(millis(&mut random, until)).await;
        let fault = Fault::draw(&mut random);
        if is_told {
            eprintln!("{fault:?}\n  sender:   {:?}\n  receiver: {:?}", sender.now(), receiver.now());
        }
        if sender.is_over() || receiver.is_over() {
            break;
        }
        outages += fault.outage();
        if let Fault::Restart(who) = fault {
            has_restarted = true;
            let (killed, other) = if who == Who::Sender { (sender, receiver) } else { (receiver, sender) };
            killed.kill().await;
            sleep(millis(&mut random, 1..30_000)).await;
            other.cancel.cancel();
            let end = other.end().await;
            assert!(
                matches!(end, Err(TransferError::Cancelled | TransferError::Unconfirmed) | Ok(_)),
                "{end:?}"
            );
            network = Network::new(random.next(), delay);
            (sender, receiver) = begin(&network, &folders, terms);
        } else {
            let pauses = [sender.pause.clone(), receiver.pause.clone()];
            strikes.spawn(strike(Arc::clone(&network), fault, pauses));
        }
    }
    let (sent, got) = tokio::join!(sender.end(), receiver.end());
    if is_told {
        eprintln!("sender: {sent:?}\nreceiver: {got:?}");
    }
    assert_eq!(got.expect("the receiver is done").missing, 0);
    match sent {
        Ok(sent) => assert_eq!(sent.missing, 0),
        Err(TransferError::Unconfirmed) if outages > LONGEST_FAREWELL => {}
        Err(error) => panic!("the sender is not done: {error:?}"),
    }
    let (there, mut here) = (tree(outbox.path()), tree(folders.inbox.path()));
    if has_restarted {
        // All files may have been in place when the program ended. The user here may accept the offer again before the
        // files are compared with what is sent, and then gets a second copy.
        here.retain(|(name, _)| !name.ends_with(" (2)"));
    }
    let names = |tree: &[(String, Vec<u8>)]| tree.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&here), names(&there), "the receiver has all files and no others");
    assert!(here == there, "a file has other bytes than were sent");
}

/// Writes some files into `folder`, a few of them several blocks long.
fn lay_out(folder: &Path, random: &mut Random) {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| noise(0, 2 * MAX_BLOCKS as usize * BLOCK));
    for number in 0..=random.below(MAX_FILES) {
        let folder = if random.below(2) == 0 { folder.to_owned() } else { folder.join("deep") };
        fs::create_dir_all(&folder).unwrap();
        let size = match random.below(4) {
            0 => 0,
            1 => random.below(5000),
            2 => (1 + random.below(MAX_BLOCKS)) * BLOCK as u64,
            _ => random.below(MAX_BLOCKS * BLOCK as u64),
        } as usize;
        let from = random.below((NOISE.len() - size) as u64) as usize;
        let path = folder.join(number.to_string());
        if random.below(3) > 0 {
            fs::write(path, &NOISE[from..from + size]).unwrap();
        } else {
            write_in_part(&path, &NOISE[from..from + size], random);
        }
    }
}

/// Writes some blocks of a file and, of those left over, some as zeros. The others become holes, where the system keeps them.
fn write_in_part(path: &Path, bytes: &[u8], random: &mut Random) {
    let mut file = fs::File::create(path).unwrap();
    for block in bytes.chunks(BLOCK) {
        match random.below(3) {
            0 => file.write_all(block).unwrap(),
            1 => file.write_all(&vec![0; block.len()]).unwrap(),
            _ => file.seek_relative(i64::try_from(block.len()).unwrap()).unwrap(),
        }
    }
    file.set_len(bytes.len() as u64).unwrap();
}

/// Lets a fault happen to the network or to the users at its ends, and ends it after its time.
async fn strike(network: Arc<Network>, fault: Fault, [sender, receiver]: [watch::Sender<bool>; 2]) {
    match fault {
        Fault::CutControl => network.cut_control(),
        Fault::CutLane(lane) => network.cut_lane(lane),
        Fault::CutAll => network.cut_all(),
        Fault::StallControl(time) => {
            network.stall_control(true);
            sleep(time).await;
            network.stall_control(false);
        }
        Fault::StallLane(lane, time) => {
            network.stall_lane(lane, true);
            sleep(time).await;
            network.stall_lane(lane, false);
        }
        Fault::StallAll(time) => {
            network.stall_all(true);
            sleep(time).await;
            network.stall_all(false);
        }
        Fault::Unreachable(time) => {
            network.set_up(false);
            sleep(time).await;
            network.set_up(true);
        }
        Fault::Tampering(permille, time) => {
            network.tamper(permille);
            sleep(time).await;
            network.tamper(0);
        }
        Fault::HalfReconnection => network.halve_next_reconnection(),
        Fault::Pause(who, time) => {
            let pause = if who == Who::Sender { &sender } else { &receiver };
            pause.send_replace(true);
            sleep(time).await;
            pause.send_replace(false);
        }
        Fault::PauseBoth(between) => {
            sender.send_replace(true);
            sleep(between).await;
            receiver.send_replace(true);
            sender.send_replace(false);
            sleep(between).await;
            receiver.send_replace(false);
        }
        Fault::Restart(_) => unreachable!("a restart needs both sessions, which only the schedule has"),
    }
}
