//! The reference for a large file: the same bytes over the same hops, only copied. Caiman's relay pairs the lanes. The sender
//! and the receiver are processes of their own: this program under other arguments, with a blocking thread for each lane. One
//! block at a time, the sender's threads read at an offset and write to the lane, and the receiver's read from the lane and
//! write at an offset.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ::caiman::{
    net::client::{Join, Joined, RelayChoice, draw_client_token, join},
    platform::{read_exact_at, write_all_at},
    protocol::{
        Role,
        relay::{LaneHello, RoomId},
    },
    transfer::plan::MIN_BLOCK,
};

use super::{
    Contestant, Run,
    caiman::{Relay, binary},
    process::Running,
    site::Site,
};

const LANES: u16 = 8;
const ROOM: RoomId = RoomId([7; 16]);
/// The position and the length of a block.
const HEADER_LEN: usize = 12;

pub(crate) fn contestants() -> Vec<Contestant> {
    vec![Contestant { name: "plain copies, relay".to_owned(), run: Box::new(transfer) }]
}

fn transfer(site: &Site) -> Run {
    let relay = Relay::start(&binary(), &site.home());
    let command = |what: &str, path: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(what).arg(relay.address.to_string()).arg(path);
        command
    };
    let mut sender = Running::start("sender", &mut command("plain-send", &site.source()));
    sender.says("that it waits", |line| (line == "waiting").then_some(()));
    let started = Instant::now();
    let receiver = Running::start("receiver", &mut command("plain-receive", &site.target().join("source")));
    let (receiver, _) = receiver.end();
    let (sender, _) = sender.end();
    let seconds = started.elapsed().as_secs_f64();
    let (relay, relayed) = relay.stop();
    assert!(relayed >= site.bytes, "{relayed} bytes went over the relay's lanes");
    let processes = vec![("sender", sender), ("relay", relay), ("receiver", receiver)];
    Run { seconds, processes, ..Run::default() }
}

/// Runs one side of a transfer, if the arguments say so.
pub(crate) fn serves(args: &[String]) -> bool {
    match args {
        [what, relay, path] if what == "plain-send" => send(relay, Path::new(path)),
        [what, relay, path] if what == "plain-receive" => receive(relay, Path::new(path)),
        _ => return false,
    }
    true
}

fn send(relay: &str, path: &Path) {
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let next = AtomicU64::new(0);
    let lane = |mut lane: TcpStream| {
        let mut block = vec![0; HEADER_LEN + MIN_BLOCK as usize];
        loop {
            let offset = next.fetch_add(MIN_BLOCK.into(), Ordering::Relaxed);
            if offset >= size {
                return;
            }
            let len = u64::from(MIN_BLOCK).min(size - offset) as usize;
            block[..8].copy_from_slice(&offset.to_be_bytes());
            block[8..HEADER_LEN].copy_from_slice(&(len as u32).to_be_bytes());
            let block = &mut block[..HEADER_LEN + len];
            read_exact_at(&file, &mut block[HEADER_LEN..], offset).unwrap();
            lane.write_all(block).unwrap();
        }
    };
    on_lanes(relay, Role::Sender, lane);
}

fn receive(relay: &str, path: &Path) {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).unwrap();
    let lane = |mut lane: TcpStream| {
        let mut header = [0; HEADER_LEN];
        let mut block = vec![0; MIN_BLOCK as usize];
        while lane.read_exact(&mut header).is_ok() {
            let (offset, len) = header.split_first_chunk::<8>().unwrap();
            let len = u32::from_be_bytes(len.try_into().unwrap()) as usize;
            lane.read_exact(&mut block[..len]).unwrap();
            write_all_at(&file, &block[..len], u64::from_be_bytes(*offset)).unwrap();
        }
    };
    on_lanes(relay, Role::Receiver, lane);
}

/// Meets the other side and runs every lane on a thread of its own, to its end.
fn on_lanes(relay: &str, role: Role, lane: impl Fn(TcpStream) + Sync) {
    let relay = RelayChoice::new(relay.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (lanes, _control) = runtime.block_on(async {
        let joined: Joined = join(Join {
            relay: &relay,
            known: None,
            connect_limit: Duration::from_secs(5),
            role,
            room: ROOM,
            client_token: draw_client_token().unwrap(),
            waits: false,
            first: Vec::new(),
        })
        .await
        .unwrap();
        println!("waiting");
        let paired = joined.paired().await.unwrap();
        let mut lanes = Vec::new();
        for lane in 0..LANES {
            let hello = LaneHello { token: paired.token, lane, role };
            let stream = paired.lanes.open(hello).await.unwrap().into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            lanes.push(stream);
        }
        // The relay closes the lanes when this connection is closed.
        (lanes, paired.stream)
    });
    thread::scope(|scope| {
        for stream in lanes {
            scope.spawn(|| lane(stream));
        }
    });
}
