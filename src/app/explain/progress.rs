//! What a transfer is doing: its phase, how far it has come, which way its bytes take, and why it stands still.

use std::time::{Duration, Instant};

use fluent_bundle::FluentValue;

use super::{amounts::duration, peer::about};
use crate::{
    app::{
        model::{
            card::{Bond, Card},
            standing::{Lost, Standstill},
            tone::Tone,
        },
        words::{Words, shown_path},
    },
    engine::{CallState, Internet, MetAt, Paused, Phase, Route, WaitsFor, Work},
    history::Direction,
    transfer::show::Shown,
};

/// What a transfer is doing or waiting for.
pub(in crate::app) fn phase(words: &Words, card: &Card) -> String {
    // The receiver of the other send is asked without a code.
    let is_asked = matches!(card.bond, Some(Bond::After(_)));
    let key = match card.progress.phase {
        _ if card.is_cancelling => "phase-cancelling",
        Phase::Connecting | Phase::WaitingForPeer if is_asked => "phase-asking",
        Phase::Connecting | Phase::WaitingForPeer if card.receivers > 1 => "phase-waiting-several",
        Phase::WaitingForAnswer if card.direction == Direction::Received => "phase-answered",
        Phase::Connecting if card.internet.is_none() => "phase-connecting",
        Phase::Connecting if card.direction == Direction::Received => "phase-looking",
        Phase::Connecting => "phase-getting-ready",
        Phase::WaitingForPeer => "phase-waiting",
        Phase::Handshake => "phase-handshake",
        Phase::Listing if card.direction == Direction::Sent => "phase-listing",
        Phase::Listing => "phase-offer-coming",
        Phase::WaitingForAnswer => "phase-answer",
        Phase::OpeningLanes => "phase-lanes",
        Phase::Moving => "phase-moving",
        Phase::Storing => "phase-storing",
        Phase::Repairing => "phase-repairing",
        Phase::Confirming => "phase-confirming",
        Phase::Retired => "phase-retired",
        Phase::Branches => "phase-branches",
    };
    about(words, card, key, &[])
}

/// How the call of a person is going, and what that means for the user.
pub(in crate::app) fn calling(words: &Words, card: &Card) -> (String, Option<String>) {
    let is_waiting = matches!(card.progress.phase, Phase::Connecting | Phase::WaitingForPeer);
    let (key, means) = match &card.call {
        _ if card.is_cancelling || !is_waiting => return (phase(words, card), None),
        None => ("calling", None),
        Some(CallState::Away(_)) => ("calling-away", Some("calling-away-means")),
        Some(CallState::Heard) => ("calling-heard", None),
        Some(CallState::Lost(_)) => ("calling-lost", Some("calling-lost-means")),
    };
    (about(words, card, key, &[]), means.map(|means| words.say(means)))
}

/// The line below a progress bar.
pub(in crate::app) fn progress(words: &Words, card: &Card, now: Instant) -> String {
    match card.standstill(now) {
        Some(Standstill::Paused(paused)) => {
            format!("{} · {}", about(words, card, who_paused(paused), &[]), done_of(words, card))
        }
        Some(Standstill::Lost(..)) if card.is_under_way() => done_of(words, card),
        _ if !card.is_moving() || card.is_cancelling || card.progress.phase != Phase::Moving => {
            phase(words, card)
        }
        // How long the rest would take at the speed so far says nothing any more.
        Some(Standstill::NoRoom | Standstill::Stalled(..)) => done_of(words, card),
        _ => match card.meter.time_left(now) {
            Some(left) if card.progress.total_bytes.is_some() => {
                let left = words.tell("left", &[("time", duration(words, left).into())]);
                format!("{} · {left}", done_of(words, card))
            }
            _ => done_of(words, card),
        },
    }
}

fn who_paused(paused: Paused) -> &'static str {
    match (paused.here, paused.there) {
        (true, true) => "paused-both",
        (false, true) => "paused-there",
        (_, false) => "paused-here",
    }
}

/// How far a transfer has come: `12.5 MiB of 100 MiB · 12 %`.
fn done_of(words: &Words, card: &Card) -> String {
    let done = words.bytes(card.progress.bytes);
    let Some(total) = card.progress.total_bytes else { return done };
    let percent = (card.fraction().unwrap_or_default() * 100.0).floor() as u64;
    let args = [("done", done.into()), ("total", words.bytes(total).into()), ("percent", percent.into())];
    words.tell("done-of", &args)
}

/// Why a transfer stands still and how it will go on; `None` if the line below the bar says it all.
pub(in crate::app) fn standstill(
    words: &Words,
    card: &Card,
    standstill: Standstill,
) -> Option<(Tone, String)> {
    let (tone, text) = match standstill {
        Standstill::Paused(Paused { there: false, .. }) => return None,
        Standstill::Paused(Paused { here: false, .. }) => {
            (Tone::Plain, about(words, card, "paused-there-means", &[]))
        }
        Standstill::Paused(_) => (Tone::Plain, about(words, card, "paused-both-means", &[])),
        Standstill::Lost(lost, since) => (Tone::Warning, connection(words, card, lost, since)),
        Standstill::NoRoom => {
            let key = match card.direction {
                Direction::Sent => "no-room-there",
                Direction::Received => "no-room-here",
            };
            (Tone::Warning, about(words, card, key, &[]))
        }
        Standstill::Stalled(waits_for, since) => (Tone::Warning, stall(words, card, waits_for, since)),
    };
    Some((tone, text))
}

/// What happened to the connection, and how the transfer will go on.
fn connection(words: &Words, card: &Card, lost: Lost, since: Duration) -> String {
    let key = match lost {
        Lost::Relay if card.is_waiting() => "away-code",
        Lost::Relay => "away-relay",
        Lost::Peer => "away-peer",
    };
    let since = duration(words, Duration::from_secs(since.as_secs()));
    let text = about(words, card, key, &[("time", since.into())]);
    match card.direction {
        // This transfer holds what has arrived, so another receive would not find it.
        Direction::Received if card.is_under_way() => format!("{text} {}", words.say("away-new-code")),
        _ => text,
    }
}

/// How long ago a paused transfer has also lost its connection.
pub(in crate::app) fn lost_while_paused(words: &Words, since: Duration) -> String {
    let since = Duration::from_secs(since.as_secs());
    words.tell("away-paused", &[("time", duration(words, since).into())])
}

/// Why nothing moves, and how the transfer will go on.
pub(in crate::app) fn stall(words: &Words, card: &Card, waits_for: WaitsFor, since: Duration) -> String {
    let key = match waits_for {
        WaitsFor::Here(Work::Disk) => "stall-disk-here",
        WaitsFor::Here(Work::Hashing) => "stall-hashing-here",
        WaitsFor::Here(Work::Input) => "stall-input-here",
        WaitsFor::Here(Work::Output) => "stall-output-here",
        WaitsFor::Here(Work::Limit) => "stall-limit-here",
        WaitsFor::There(Work::Disk) => "stall-disk-there",
        WaitsFor::There(Work::Hashing) => "stall-hashing-there",
        WaitsFor::There(Work::Input) => "stall-input-there",
        WaitsFor::There(Work::Output) => "stall-output-there",
        WaitsFor::There(Work::Limit) => "stall-limit-there",
        WaitsFor::OtherSide => "stall-other-side",
        WaitsFor::Relay => "stall-relay",
        WaitsFor::Network => "stall-network",
    };
    let since = duration(words, Duration::from_secs(since.as_secs()));
    about(words, card, key, &[("time", since.into())])
}

/// Which port for direct connections could not be had, and which is used instead.
pub(in crate::app) fn refused_port(words: &Words, wished: u16, used: u16) -> String {
    // A port is written without thousands separators.
    let args = [("wished", wished.to_string().into()), ("used", used.to_string().into())];
    words.tell("port-refused", &args)
}

/// What moves just now: how many of the files are complete, the file, and where it is saved. Nothing of a single file that
/// is sent, of which the card has said it all.
pub(in crate::app) fn moving_files(words: &Words, card: &Card) -> Option<String> {
    let total = card.accepted.map_or(0, |(files, _)| files);
    let count = (total > 1).then(|| {
        let done = card.progress.files.min(total);
        let args = [("done", words.number(done).into()), ("total", words.number(total).into())];
        words.tell("files-of", &args)
    });
    // One file has its name above already.
    let name = |path: &str| Shown(path.rsplit('/').next().unwrap_or(path)).to_string();
    let file = card.moving_file().filter(|_| total > 1).map(name);
    let folder = card.folder.as_ref().filter(|_| card.direction == Direction::Received);
    let place = folder.map(|folder| words.tell("saving-in", &[("folder", shown_path(folder).into())]));
    let parts: Vec<String> = count.into_iter().chain(file).chain(place).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// What is under way together: `8 transfers · 3.1 MiB/s · 4 min left`.
pub(in crate::app) fn totals(words: &Words, count: usize, speed: f64, left: Option<Duration>) -> String {
    let size = words.bytes(speed as u64);
    let mut parts = vec![words.tell("transfers-of", &[("count", count.into())])];
    if speed >= 1.0 {
        parts.push(words.tell("per-second", &[("size", size.into())]));
    }
    parts.extend(left.map(|left| words.tell("left", &[("time", duration(words, left).into())])));
    parts.join(" · ")
}

/// Which way the bytes take, over how many connections, and how long they take.
pub(in crate::app) fn path(words: &Words, card: &Card) -> String {
    let way = match (card.progress.route, &card.relay) {
        (Route::Direct, _) => Some(words.say("path-direct")),
        (Route::IrohRelay, _) => {
            let is_public = card.internet.as_ref().is_none_or(Internet::is_public);
            Some(words.say(if is_public { "path-public-relay" } else { "path-iroh-relay" }))
        }
        (Route::Relay, Some(relay)) => Some(words.tell("path-relay", &[("relay", relay.to_string().into())])),
        (Route::Relay, None) => match (&card.met_at, card.direction) {
            // No connection for data is there yet.
            (Some(MetAt::Internet), _) => Some(words.say("path-met-online")),
            // The receiver may be anywhere.
            (Some(MetAt::OwnRelay), Direction::Sent) => Some(words.say("path-hosted")),
            (Some(MetAt::OwnRelay), Direction::Received) => Some(words.say("path-local")),
            (None | Some(MetAt::Relay(_)), _) => None,
        },
    };
    let lanes: FluentValue<'_> = card.progress.lanes.into();
    let lanes = words.tell("path-lanes", &[("lanes", lanes)]);
    let round_trip = card.progress.round_trip.map(|time| {
        let millis = (time.as_secs_f64() * 1e3).round().max(1.0) as u64;
        words.tell("path-round-trip", &[("millis", millis.into())])
    });
    let parts: Vec<String> = way.into_iter().chain([lanes]).chain(round_trip).collect();
    parts.join(" · ")
}
