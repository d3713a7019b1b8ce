//! A relay with many users at once: transfers side by side and how evenly it serves them, and messages through thousands of
//! rooms on one core. This program is also the clients, so they take their share of the machine.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ::caiman::{
    net::client::{Paired, RelayAddress},
    protocol::{Role, relay::LaneHello},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    task::{JoinSet, yield_now},
};

use super::{
    caiman::Relay,
    figures,
    growth::{enter, resident_bytes},
    settings::Settings,
    site::Site,
    targets::Figures,
};

const MIB: f64 = 1024.0 * 1024.0;
const LANES: u16 = 8;
const CHUNK: usize = 64 * 1024;
/// How many rooms are opened at a time: enough that opening thousands doesn't take long, without all of them being half open
/// at once.
const AT_ONCE: u64 = 64;
/// How long transfers run side by side: long enough for a mean that says something about each.
const RUNNING: Duration = Duration::from_secs(5);
/// How many messages go through each room, each there and back again.
const MESSAGES: u64 = 10;
const MESSAGE_LEN: usize = 100;

/// Measures each number of transfers at once, with eight lanes each, of bytes that cost nothing to read.
pub(crate) fn transfers(settings: &Settings, figures: &mut Figures) {
    println!(
        "\n| transfers at once | MiB/s in all | relay, CPU s/GiB | relay, resident MiB | slowest against the mean | Jain's index |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for count in &settings.transfers {
        let site = Site::empty(settings);
        let relay = relay(&site, *count);
        let runtime = runtime();
        let moved = runtime.block_on(side_by_side(&relay, *count));
        let resident = resident_bytes(relay.id());
        let all: f64 = moved.iter().sum();
        let squares: f64 = moved.iter().map(|bytes| bytes * bytes).sum();
        let slowest = moved.iter().copied().fold(f64::INFINITY, f64::min) / (all / moved.len() as f64);
        figures::of_transfers(*count, slowest, figures);
        drop(runtime);
        let (usage, _) = relay.stop();
        println!(
            "| {count} | {:.0} | {:.2} | {:.0} | {:.2} | {:.3} |",
            all / MIB / RUNNING.as_secs_f64(),
            usage.seconds / (all / MIB / 1024.0),
            resident as f64 / MIB,
            slowest,
            all * all / (moved.len() as f64 * squares),
        );
    }
}

/// Measures messages through each number of rooms at once, with the relay on one core. Gives up if one is lost or altered.
pub(crate) fn messages(settings: &Settings, figures: &mut Figures) {
    println!("\n| rooms | messages | lost | seconds | relay, CPU s | relay, resident MiB | KiB a room |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for count in &settings.talking {
        let site = Site::empty(settings);
        let relay = relay(&site, *count);
        let process = relay.id();
        let pinned = Command::new("taskset").args(["-apc", "0"]).arg(process.to_string()).output();
        assert!(pinned.is_ok_and(|pinned| pinned.status.success()), "taskset is needed");
        let before = resident_bytes(process);
        let runtime = runtime();
        let (seconds, resident) = runtime.block_on(async {
            let pairs = pairs(&relay, *count).await;
            let started = Instant::now();
            let mut talking = JoinSet::new();
            for (number, (sender, receiver)) in pairs.into_iter().enumerate() {
                talking.spawn(echo(receiver.stream));
                talking.spawn(talk(sender.stream, number as u64));
            }
            let mut open = Vec::new();
            while let Some(ended) = talking.join_next().await {
                open.extend(ended.unwrap());
                if open.len() as u64 == *count {
                    break;
                }
            }
            let seconds = started.elapsed().as_secs_f64();
            (seconds, resident_bytes(process))
        });
        drop(runtime);
        let (usage, _) = relay.stop();
        println!(
            "| {count} | {} | 0 | {seconds:.2} | {:.2} | {:.1} | {:.1} |",
            count * MESSAGES * 2,
            usage.seconds,
            resident as f64 / MIB,
            resident.saturating_sub(before) as f64 / 1024.0 / *count as f64,
        );
    }
    figures::of_talking_rooms(settings.talking.iter().copied().max(), MESSAGES * 2, figures);
}

/// Runs this many transfers side by side, and returns the bytes that each has moved. The clients, which share two cores here and
/// have machines of their own elsewhere, give way to each other after each chunk.
async fn side_by_side(relay: &Relay, count: u64) -> Vec<f64> {
    let mut opening = JoinSet::new();
    for (sender, receiver) in pairs(relay, count).await {
        opening.spawn(async move {
            let mut lanes = Vec::new();
            for lane in 0..LANES {
                lanes.push(tokio::join!(
                    open(&sender, lane, Role::Sender),
                    open(&receiver, lane, Role::Receiver)
                ));
            }
            (lanes, sender.stream, receiver.stream)
        });
    }
    let open: Vec<_> = opening.join_all().await;
    let counters: Vec<Arc<AtomicU64>> = (0..count).map(|_| Arc::default()).collect();
    let (mut moving, mut controls) = (JoinSet::new(), Vec::new());
    for ((lanes, sender, receiver), counter) in open.into_iter().zip(&counters) {
        controls.push((sender, receiver));
        for (mut from, mut to) in lanes {
            let counter = Arc::clone(counter);
            moving.spawn(async move {
                let chunk = vec![7; CHUNK];
                while from.write_all(&chunk).await.is_ok() {
                    yield_now().await;
                }
            });
            moving.spawn(async move {
                let mut chunk = vec![0; CHUNK];
                while let Ok(read @ 1..) = to.read(&mut chunk).await {
                    counter.fetch_add(read as u64, Ordering::Relaxed);
                    yield_now().await;
                }
            });
        }
    }
    let read = || counters.iter().map(|counter| counter.load(Ordering::Relaxed)).collect::<Vec<_>>();
    let before = read();
    tokio::time::sleep(RUNNING).await;
    let after = read();
    moving.abort_all();
    after.iter().zip(before).map(|(after, before)| (after - before) as f64).collect()
}

async fn open(paired: &Paired, lane: u16, role: Role) -> TcpStream {
    paired.lanes.open(LaneHello { token: paired.token, lane, role }).await.unwrap()
}

/// Sends [`MESSAGES`] messages and expects each one back. Returns the stream, so that the room stays open.
async fn talk(mut stream: TcpStream, number: u64) -> Option<TcpStream> {
    for message in 0..MESSAGES {
        let mut said = [0; MESSAGE_LEN];
        said[..8].copy_from_slice(&number.to_be_bytes());
        said[8..16].copy_from_slice(&message.to_be_bytes());
        stream.write_all(&said).await.unwrap();
        let mut heard = [0; MESSAGE_LEN];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, said);
    }
    Some(stream)
}

async fn echo(mut stream: TcpStream) -> Option<TcpStream> {
    let mut message = [0; MESSAGE_LEN];
    while stream.read_exact(&mut message).await.is_ok() {
        stream.write_all(&message).await.unwrap();
    }
    None
}

/// Joins this many senders and receivers to each other, and returns their connections.
async fn pairs(relay: &Relay, count: u64) -> Vec<(Paired, Paired)> {
    let address = RelayAddress::from_socket(relay.address);
    let (mut opening, mut open) = (JoinSet::new(), Vec::new());
    for number in 0..count {
        let address = address.clone();
        opening.spawn(async move {
            let sender = enter(&address, number, Role::Sender, Vec::new()).await;
            let receiver = enter(&address, number, Role::Receiver, Vec::new()).await;
            let (sender, receiver) = tokio::join!(sender.paired(), receiver.paired());
            (sender.unwrap(), receiver.unwrap())
        });
        if opening.len() as u64 == AT_ONCE {
            open.extend(opening.join_next().await.map(Result::unwrap));
        }
    }
    open.extend(opening.join_all().await);
    open
}

/// A relay that allows one address this many rooms with all their lanes.
fn relay(site: &Site, rooms: u64) -> Relay {
    Relay::start_for(rooms, rooms * 18, &site.home())
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}
