//! How time and memory grow: with the size of a file, with the number of files, and a relay's memory with rooms in which a
//! client waits. Each row says what one unit costs; anything worse than linear shows as a column that rises.

use std::{
    fs::{self, File},
    time::{Duration, Instant},
};

use ::caiman::{
    net::client::{Join, Joined, RelayAddress, RelayChoice, draw_client_token, join},
    protocol::{Role, relay::RoomId},
};
use tokio::task::JoinSet;

use super::{
    Run,
    caiman::{Relay, binary, transfer},
    figures,
    settings::Settings,
    site::Site,
    targets::Figures,
};

const MIB: u64 = 1024 * 1024;
/// How many connections are opened at a time: enough that opening thousands doesn't take long, without all of them being half
/// open at once.
const AT_ONCE: usize = 64;

/// Sends one file of each size. The files are holes, so that reading them costs almost nothing and no disk has to hold them
/// twice.
pub(crate) fn sizes(settings: &Settings, figures: &mut Figures) {
    head("MiB in one file");
    for mib in &settings.sizes_mib[0] {
        let site = Site::empty(settings);
        File::create(site.source()).unwrap().set_len(mib * MIB).unwrap();
        let run = through_relay(&site);
        row(*mib, &run);
        figures::of_large_file(*mib, run.peak_bytes(), figures);
    }
}

/// Sends each number of files, of 100 bytes each, with a thousand in each folder.
pub(crate) fn counts(settings: &Settings, figures: &mut Figures) {
    head("files");
    for count in &settings.counts[0] {
        let site = Site::empty(settings);
        for number in 0..*count {
            let folder = site.source().join((number / 1000).to_string());
            if number % 1000 == 0 {
                fs::create_dir_all(&folder).unwrap();
            }
            fs::write(folder.join(number.to_string()), [7; 100]).unwrap();
        }
        let run = through_relay(&site);
        row(*count, &run);
        figures::of_many_files(*count, run.peak_bytes(), figures);
    }
}

/// Measures a relay with each number of rooms, in each of which a sender waits.
pub(crate) fn rooms(settings: &Settings, figures: &mut Figures) {
    println!(
        "\n| rooms with a waiting client | seconds to open | relay's resident MiB | KiB a room |\n| --- | --- | --- | --- |"
    );
    for count in &settings.rooms {
        let site = Site::empty(settings);
        let relay = Relay::start_for(*count, *count, &site.home());
        let before = resident_bytes(relay.id());
        let started = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let address = RelayAddress::from_socket(relay.address);
        let waiting = runtime.block_on(wait_in_rooms(&address, *count));
        let (seconds, after) = (started.elapsed().as_secs_f64(), resident_bytes(relay.id()));
        let kib_each = after.saturating_sub(before) as f64 / 1024.0 / *count as f64;
        println!("| {count} | {seconds:.2} | {:.1} | {kib_each:.1} |", after as f64 / MIB as f64);
        figures::of_idle_rooms(*count, kib_each, figures);
        drop(waiting);
        relay.stop();
    }
}

async fn wait_in_rooms(address: &RelayAddress, count: u64) -> Vec<Joined> {
    let (mut opening, mut waiting) = (JoinSet::new(), Vec::new());
    for number in 0..count {
        let address = address.clone();
        opening.spawn(async move {
            // About the length of a sender's hello.
            enter(&address, number, Role::Sender, vec![7; 100]).await
        });
        if opening.len() == AT_ONCE {
            waiting.extend(opening.join_next().await.map(Result::unwrap));
        }
    }
    waiting.extend(opening.join_all().await);
    waiting
}

/// Joins the room with this number.
pub(crate) async fn enter(address: &RelayAddress, number: u64, role: Role, first: Vec<u8>) -> Joined {
    let relay = RelayChoice::new(address.clone());
    let joined = join(Join {
        relay: &relay,
        known: None,
        connect_limit: Duration::from_mins(1),
        role,
        room: RoomId((u128::from(number) + 1).to_be_bytes()),
        client_token: draw_client_token().unwrap(),
        waits: false,
        first,
    });
    joined.await.unwrap()
}

fn through_relay(site: &Site) -> Run {
    let run = transfer(&binary(), site, true);
    fs::remove_dir_all(site.target()).unwrap();
    run
}

fn head(unit: &str) {
    println!(
        "\n| {unit} | seconds | of that moving | moving, ms each | CPU s: sender, relay, receiver | peak MiB: the same |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
}

fn row(units: u64, run: &Run) {
    let moving = run.moving.unwrap_or(f64::NAN);
    let of_each = |value: &dyn Fn(&super::process::Usage) -> String| {
        run.processes.iter().map(|(_, usage)| value(usage)).collect::<Vec<_>>().join(", ")
    };
    println!(
        "| {units} | {:.2} | {moving:.2} | {:.3} | {} | {} |",
        run.seconds,
        moving * 1000.0 / units as f64,
        of_each(&|usage| format!("{:.2}", usage.seconds)),
        of_each(&|usage| (usage.peak_bytes / MIB).to_string()),
    );
}

/// The memory that a process uses now; `None` if the system has no `/proc`.
pub(crate) fn resident_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    line.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1024
}
