//! What a run says about the targets. A target names amounts, and a run of other amounts says nothing about it.

use super::{
    Measured, numbers::number, others, settings::Task, table::Row, targets as target, targets::Figures,
};

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const MIB: f64 = 1024.0 * 1024.0;

/// Notes what the contestants of one task have shown.
pub(crate) fn of_task(measured: &Measured, figures: &mut Figures) {
    let row = |name: &str| measured.rows.iter().find(|row| row.name == name);
    let (Some(first), Some(relay), Some(direct)) =
        (measured.rows.first(), row("caiman, relay"), row("caiman, direct"))
    else {
        return;
    };
    let moving = |row: &Row| row.median(|run| run.moving).unwrap_or(f64::NAN);
    let peak = relay.peak_bytes().max(direct.peak_bytes());
    match measured.task {
        Task::Large(mib) => {
            of_large_file(mib, peak, figures);
            if mib != 1024 {
                return;
            }
            let speed = first.seconds() / relay.seconds();
            let while_moving = first.seconds() / moving(relay);
            figures.add(
                &target::LARGE,
                speed,
                format!("{speed:.2} × ({while_moving:.2} × while bytes move)"),
            );
            for (target, peer, program) in [
                (&target::LARGE_WORMHOLE, "wormhole-rs, relay", "WORMHOLE_RS"),
                (&target::LARGE_CROC, "croc, relay", "CROC"),
                (&target::LARGE_CROC_AS_IT_IS, "croc as it is, relay", "CROC"),
            ] {
                if let Some(peer) = row(peer) {
                    let (relayed, directly) =
                        (peer.seconds() / relay.seconds(), peer.seconds() / direct.seconds());
                    let version = others::version(program);
                    figures.add(
                        target,
                        relayed,
                        format!("{relayed:.1} × (directly {directly:.1} ×), version {version}"),
                    );
                }
            }
            if let Some(peer) = row("sendme, direct") {
                let speed = peer.seconds() / direct.seconds();
                let version = others::version("SENDME");
                figures.add(&target::LARGE_SENDME, speed, format!("{speed:.1} ×, version {version}"));
            }
            let gib = measured.bytes as f64 / GIB;
            let parts =
                ["sender", "relay", "receiver"].map(|part| relay.processor(part).unwrap_or(f64::NAN) / gib);
            let [sender, between, receiver] = parts;
            figures.add(
                &target::LARGE_PROCESSOR,
                parts.iter().sum(),
                format!("{sender:.2} + {between:.2} + {receiver:.2} s"),
            );
        }
        Task::Small(files) => {
            of_many_files(files, peak, figures);
            let target = match files {
                10_000 => &target::SMALL,
                100_000 => &target::SMALL_MANY,
                _ => return,
            };
            let time = relay.seconds() / first.seconds();
            let while_moving = moving(relay) / first.seconds();
            figures.add(target, time, format!("{time:.1} × ({while_moving:.1} × while bytes move)"));
            if files == 100_000 {
                let ms = relay.median(|run| run.code_after).unwrap_or(f64::NAN) * 1000.0;
                figures.add(&target::CODE, ms, format!("{ms:.0} ms"));
            }
        }
    }
}

/// Notes the memory that a transfer of one file has taken. A small file says nothing about files of any size.
pub(crate) fn of_large_file(mib: u64, peak_bytes: u64, figures: &mut Figures) {
    if mib >= 1024 {
        let peak = peak_bytes as f64 / MIB;
        figures.add(&target::MEMORY, peak, format!("{peak:.0} MiB with a file of {mib} MiB"));
    }
}

/// Notes the memory that a transfer of many files has taken.
pub(crate) fn of_many_files(files: u64, peak_bytes: u64, figures: &mut Figures) {
    if files == 100_000 {
        let peak = peak_bytes as f64 / MIB;
        figures.add(&target::MEMORY_MANY, peak, format!("{peak:.0} MiB"));
    }
}

/// Notes what a relay needs for a room. A few rooms tell less about it than what they share.
pub(crate) fn of_idle_rooms(rooms: u64, kib_each: f64, figures: &mut Figures) {
    if rooms >= 1000 {
        figures.add(
            &target::IDLE_ROOM,
            kib_each,
            format!("{kib_each:.1} KiB ({} rooms)", number(rooms as f64)),
        );
    }
}

/// Notes how evenly a relay serves that many transfers at once, if it is the number that the target names.
pub(crate) fn of_transfers(count: u64, slowest: f64, figures: &mut Figures) {
    if count == 100 {
        figures.add(&target::EVEN, slowest, format!("{slowest:.2} ×"));
    }
}

/// Notes the most rooms of which each got all its messages.
pub(crate) fn of_talking_rooms(rooms: Option<u64>, messages: u64, figures: &mut Figures) {
    if let Some(rooms) = rooms {
        let text = format!("{} with {messages} messages each; more were not tried", number(rooms as f64));
        figures.add(&target::TALKING_ROOMS, rooms as f64, text);
    }
}
