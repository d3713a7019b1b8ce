//! Puts what happened into words for a person: what happened, whether anything is lost, what to do next. No detail of
//! the system's own wording is hidden, but it never stands alone.

mod failures;
mod names;
mod program;

use std::time::{Duration, Instant};

use fluent_bundle::FluentValue;

use super::{
    model::{
        card::{Bond, Card, Direction, End},
        standing::{Lost, Standstill},
        tone::Tone,
    },
    words::Words,
};
use crate::{
    code::CodeError,
    engine::{Paused, Phase, Reach, Report, TransferError, WaitsFor, Work},
    net::client::RelayAddress,
    transfer::show::Shown,
};
#[cfg(test)]
pub(super) use failures::Standpoint;
pub(super) use failures::{Explained, error, leads_to_settings, relay, standpoint};
pub(super) use names::{name, name_of, offered, trouble};
pub(super) use program::{host, interrupted, not_discarded, not_opened, problem, start, unsaved};

/// Why a typed code is none.
pub(super) fn code(words: &Words, error: &CodeError) -> String {
    match error {
        CodeError::TooFewParts { found } => words.tell("code-too-short", &[("found", (*found).into())]),
        CodeError::Unknown { word, .. } => {
            words.tell("code-unknown-word", &[("word", Shown(&word.to_string()).to_string().into())])
        }
        CodeError::SeveralCodes => words.say("code-several"),
        CodeError::BadLink | CodeError::BadServer { .. } => words.say("code-bad-link"),
        _ => words.say("code-none"),
    }
}

/// Whether a transfer ended early because the person wanted it to.
pub(super) fn is_wish(error: &TransferError) -> bool {
    matches!(error, TransferError::Cancelled | TransferError::Declined | TransferError::GaveWay)
}

/// What a transfer waits for, or does.
pub(super) fn phase(words: &Words, card: &Card) -> String {
    // The other side is asked by itself; nobody has to pass on a code.
    let is_asked = matches!(card.bond, Some(Bond::After(_)));
    words.say(match card.progress.phase {
        _ if card.is_cancelling => "phase-cancelling",
        Phase::Connecting | Phase::WaitingForPeer if is_asked => "phase-asking",
        Phase::Connecting | Phase::WaitingForPeer if card.receivers > 1 => "phase-waiting-several",
        Phase::WaitingForAnswer if card.direction == Direction::Receiving => "phase-answered",
        Phase::Connecting => "phase-connecting",
        Phase::WaitingForPeer => "phase-waiting",
        Phase::Handshake => "phase-handshake",
        Phase::Listing if card.direction == Direction::Sending => "phase-listing",
        Phase::Listing => "phase-offer-coming",
        Phase::WaitingForAnswer => "phase-answer",
        Phase::OpeningLanes => "phase-lanes",
        Phase::Moving => "phase-moving",
        Phase::Storing => "phase-storing",
        Phase::Repairing => "phase-repairing",
        Phase::Retired => "phase-retired",
        Phase::Branches => "phase-branches",
    })
}

/// `12 files, 1.4 GiB`.
pub(super) fn amount(words: &Words, files: u64, bytes: Option<u64>) -> String {
    let files = words.tell("files", &[("count", files.into()), ("shown", words.number(files).into())]);
    match bytes {
        Some(bytes) => format!("{files} · {}", words.bytes(bytes)),
        None => files,
    }
}

/// The line below a progress bar.
pub(super) fn progress(words: &Words, card: &Card, now: Instant) -> String {
    match card.standstill(now) {
        Some(Standstill::Paused(paused)) => {
            format!("{} · {}", words.say(who_paused(paused)), done_of(words, card))
        }
        Some(Standstill::Lost(..)) if card.is_under_way() => done_of(words, card),
        _ if !card.is_moving() || card.is_cancelling || card.progress.phase != Phase::Moving => {
            phase(words, card)
        }
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

/// `12.5 MiB of 100 MiB · 12 %`.
fn done_of(words: &Words, card: &Card) -> String {
    let done = words.bytes(card.progress.bytes);
    let Some(total) = card.progress.total_bytes else { return done };
    let percent = (card.fraction().unwrap_or_default() * 100.0).floor() as u64;
    let args = [("done", done.into()), ("total", words.bytes(total).into()), ("percent", percent.into())];
    words.tell("done-of", &args)
}

/// `3 min 20 s`.
pub(super) fn duration(words: &Words, time: Duration) -> String {
    let secs = time.as_secs();
    let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
    let part = |key: &str, count: u64| words.tell(key, &[("count", count.into())]);
    match (hours, minutes, seconds) {
        (0, 0, seconds) => part("seconds", seconds),
        (0, minutes, 0) => part("minutes", minutes),
        (0, minutes, seconds) => format!("{} {}", part("minutes", minutes), part("seconds", seconds)),
        (hours, 0, _) => part("hours", hours),
        (hours, minutes, _) => format!("{} {}", part("hours", hours), part("minutes", minutes)),
    }
}

/// Why a transfer stands still, and what becomes of it; `None` where the line below the bar says it all.
pub(super) fn standstill(words: &Words, card: &Card, standstill: Standstill) -> Option<(Tone, String)> {
    let (tone, text) = match standstill {
        Standstill::Paused(Paused { there: false, .. }) => return None,
        Standstill::Paused(Paused { here: false, .. }) => (Tone::Plain, words.say("paused-there-means")),
        Standstill::Paused(_) => (Tone::Plain, words.say("paused-both-means")),
        Standstill::Lost(lost, since) => (Tone::Warning, connection(words, card, lost, since)),
        Standstill::NoRoom => {
            let key = match card.direction {
                Direction::Sending => "no-room-there",
                Direction::Receiving => "no-room-here",
            };
            (Tone::Warning, words.say(key))
        }
        Standstill::Stalled(waits_for, since) => (Tone::Warning, stall(words, waits_for, since)),
    };
    Some((tone, text))
}

/// What became of the connection, and how it goes on.
fn connection(words: &Words, card: &Card, lost: Lost, since: Duration) -> String {
    let key = match lost {
        Lost::Relay if card.is_waiting() => "away-code",
        Lost::Relay => "away-relay",
        Lost::Peer => "away-peer",
    };
    let text = words.tell(key, &[("time", duration(words, Duration::from_secs(since.as_secs())).into())]);
    match card.direction {
        // It holds what arrived; under another code that would not be found.
        Direction::Receiving if card.is_under_way() => format!("{text} {}", words.say("away-new-code")),
        _ => text,
    }
}

/// The connection was lost so long ago, of a transfer that is paused anyway.
pub(super) fn lost_while_paused(words: &Words, since: Duration) -> String {
    let since = Duration::from_secs(since.as_secs());
    words.tell("away-paused", &[("time", duration(words, since).into())])
}

/// Why nothing moves, and how it goes on.
pub(super) fn stall(words: &Words, waits_for: WaitsFor, since: Duration) -> String {
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
    words.tell(key, &[("time", duration(words, Duration::from_secs(since.as_secs())).into())])
}

/// A port for direct connections that could not be had.
pub(super) fn refused_port(words: &Words, wished: u16, used: u16) -> String {
    // A port is a name, not an amount.
    let args = [("wished", wished.to_string().into()), ("used", used.to_string().into())];
    words.tell("port-refused", &args)
}

/// Which way the bytes take.
pub(super) fn path(words: &Words, card: &Card) -> String {
    let lanes: FluentValue<'_> = card.progress.lanes.into();
    if card.progress.is_direct {
        return words.tell("path-direct", &[("lanes", lanes)]);
    }
    if let Some(relay) = &card.relay {
        return words.tell("path-relay", &[("relay", relay.to_string().into()), ("lanes", lanes)]);
    }
    let key = match card.direction {
        _ if !card.is_local => "path-lanes",
        // Who came may be anywhere.
        Direction::Sending => "path-hosted",
        Direction::Receiving => "path-local",
    };
    words.tell(key, &[("lanes", lanes)])
}

/// What came of a transfer.
pub(super) fn done(words: &Words, card: &Card, report: &Report) -> (String, Tone) {
    let key = match (card.direction, card.is_text()) {
        (Direction::Sending, false) => "sent",
        (Direction::Receiving, false) => "received",
        (Direction::Sending, true) => "text-sent",
        (Direction::Receiving, true) => "text-received",
    };
    let files = card.accepted.map_or(report.stored, |(files, _)| files.saturating_sub(report.missing));
    let mut text = words.say(key);
    if card.receivers > 1 {
        text = words.tell("sent-to", &[("count", report.receivers.into())]);
        text = format!("{text} · {}", words.bytes(report.bytes));
    } else if files == 0 && report.missing == 0 && report.here > 0 {
        text = words.say(if card.direction == Direction::Sending { "all-there" } else { "all-here" });
        text = format!("{text} · {}", amount(words, report.here, Some(report.here_bytes)));
    } else if files == 0 && report.missing > 0 {
        // All of it is missing.
        text = words.say(if card.direction == Direction::Sending { "not-sent" } else { "not-received" });
    } else if !card.is_text() {
        let time = duration(words, Duration::from_secs(report.seconds.round().max(1.0) as u64));
        text = format!("{text} · {} · {time}", amount(words, files, Some(report.bytes)));
    }
    if files > 0 && report.here > 0 {
        let key = if card.direction == Direction::Sending { "some-there" } else { "some-here" };
        text = format!("{text} · {}", words.tell(key, &[("count", report.here.into())]));
    }
    if report.missing == 0 {
        return (text, Tone::Good);
    }
    let missing = words.tell("missing", &[("count", report.missing.into())]);
    (format!("{text} · {missing}"), Tone::Warning)
}

/// Who finds a code that is on no relay but the one on this machine, and what is the matter with others, if there are any.
pub(super) fn only_here(
    words: &Words,
    card: &Card,
    hosted: &[RelayAddress],
    has_others: bool,
) -> (Tone, String) {
    match &card.off_relay {
        Some(why) => {
            let why = error(words, why, standpoint(card)).happened;
            (Tone::Warning, words.tell("local-for-now", &[("why", why.into())]))
        }
        None if has_others => (Tone::Plain, words.say("local-looking")),
        None => {
            let (tone, key) = reach(hosted);
            (tone, words.say(key))
        }
    }
}

/// Who can reach a relay at these addresses.
pub(super) fn reach(addresses: &[RelayAddress]) -> (Tone, &'static str) {
    let is_public = addresses.iter().any(|address| address.reach() == Some(Reach::Anywhere));
    let is_local = addresses.iter().any(|address| address.reach() == Some(Reach::LocalNetwork));
    match (is_public, is_local) {
        (true, _) => (Tone::Plain, "reach-public"),
        (false, true) => (Tone::Plain, "reach-local"),
        (false, false) => (Tone::Warning, "reach-nobody"),
    }
}

/// Who can use a relay of this window at these addresses.
pub(super) fn host_reach(addresses: &[RelayAddress]) -> &'static str {
    match reach(addresses).1 {
        "reach-public" => "set-host-public",
        "reach-local" => "set-host-local",
        _ => "set-host-nobody",
    }
}

/// A transfer in a few lines, to be pasted into a mail.
pub(super) fn report(words: &Words, card: &Card) -> String {
    let mut lines = vec![name(words, card)];
    match &card.end {
        Some(End::Done(report)) => lines.push(done(words, card, report).0),
        Some(End::Failed(cause)) => {
            let Explained { happened, lost, next } = error(words, cause, standpoint(card));
            lines.extend([happened, lost, next].into_iter().filter(|line| !line.is_empty()));
            if let TransferError::PeerMisbehaved(way) = cause {
                lines.push(failures::misbehaviour(words, way));
            }
            // For whoever knows the program from inside; it speaks one language there.
            lines.push(words.tell("report-detail", &[("detail", cause.to_string().into())]));
        }
        None => lines.push(phase(words, card)),
    }
    let troubles = card.troubles.iter();
    lines.extend(troubles.map(|one| trouble(words, one)));
    lines.push(format!("Caiman {}", env!("CARGO_PKG_VERSION")));
    lines.join("\n")
}

#[cfg(test)]
mod tests;
