//! Puts what happened into words for a person: what happened, whether anything is lost, what to do next. No detail of
//! the system's own wording is hidden, but it never stands alone.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use fluent_bundle::FluentValue;

use super::{
    card::{Card, Direction},
    widgets::Tone,
    words::Words,
};
use crate::{
    code::CodeError,
    engine::{NotAdded, Phase, Reach, RelayClientError, RelayError, Report, TransferError},
    net::client::RelayAddress,
    protocol::{
        VERSION,
        peer::{Trouble, Withdrawal},
        relay::Refusal,
    },
    transfer::show::Shown,
};

/// An error as a person reads it. Empty sentences are left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) happened: String,
    pub(super) lost: String,
    pub(super) next: String,
}

/// Why a transfer ended early.
pub(super) fn error(words: &Words, error: &TransferError, direction: Direction) -> Explained {
    use TransferError as E;
    let is_sender = direction == Direction::Sending;
    let nothing_moved = || words.say(if is_sender { "lost-nothing-sent" } else { "lost-nothing-received" });
    let arrived_kept = || words.say(if is_sender { "lost-nothing-here" } else { "lost-arrived-kept" });
    let explained = |happened: String, lost: String, next: &str| {
        let next = if next.is_empty() { String::new() } else { words.say(next) };
        Explained { happened, lost, next }
    };
    match error {
        E::WrongCode { tries_left: Some(left @ 1..) } => {
            let next = words.tell("next-wrong-code", &[("left", (*left).into())]);
            Explained { happened: words.say("err-wrong-code"), lost: nothing_moved(), next }
        }
        E::WrongCode { tries_left: Some(0) } => {
            explained(words.say("err-wrong-code"), nothing_moved(), "next-ask-new-code")
        }
        E::WrongCode { tries_left: None } => {
            explained(words.say("err-wrong-code"), nothing_moved(), "next-compare-code")
        }
        E::GuessedAt => explained(words.say("err-guessed"), nothing_moved(), "next-send-again-safely"),
        E::Retired => explained(words.say("err-retired"), nothing_moved(), "next-ask-new-code"),
        E::NobodyThere { relay } => {
            let args = [("relay", relay.to_string().into())];
            explained(words.tell("err-nobody", &args), nothing_moved(), "next-nobody")
        }
        E::CodeTaken => explained(words.say("err-code-taken"), nothing_moved(), "next-code-taken"),
        E::PeerDeclined => explained(words.say("err-declined"), nothing_moved(), "next-declined"),
        E::PeerCancelled => explained(words.say("err-peer-cancelled"), arrived_kept(), ""),
        E::Cancelled => explained(words.say("err-cancelled"), String::new(), ""),
        E::Declined => explained(words.say("err-you-declined"), String::new(), ""),
        E::PeerLost => explained(words.say("err-peer-lost"), arrived_kept(), "next-check-both"),
        E::PeerSilent { seconds } => {
            let args = [("seconds", (*seconds).into())];
            explained(words.tell("err-peer-silent", &args), arrived_kept(), "next-check-both")
        }
        E::PeerFailed(trouble) => peer_failed(words, *trouble, arrived_kept()),
        E::PeerMisbehaved(_) => {
            let args = [("detail", Shown(&error.to_string()).to_string().into())];
            explained(words.tell("err-misbehaved", &args), words.say("lost-folder-safe"), "next-misbehaved")
        }
        E::PeerVersion { theirs } => {
            let is_older = *theirs < VERSION;
            let happened = words.say(if is_older { "err-peer-older" } else { "err-peer-newer" });
            explained(
                happened,
                nothing_moved(),
                if is_older { "next-update-peer" } else { "next-update-here" },
            )
        }
        E::Relay(cause) => {
            Explained { happened: relay(words, cause), lost: String::new(), next: relay_next(words, cause) }
        }
        E::File { action, path, cause } => {
            file(words, action, &path.to_string_lossy(), cause, arrived_kept())
        }
        E::NoSpace { needed, free } => {
            let args = [("needed", words.bytes(*needed).into()), ("free", words.bytes(*free).into())];
            explained(words.tell("no-room", &args), nothing_moved(), "next-no-space")
        }
        E::Damaged { path } => {
            let args = [("name", Shown(path).to_string().into())];
            explained(words.tell("err-damaged", &args), words.say("lost-damaged"), "next-damaged")
        }
        E::Withdrawn { path, reason } => {
            let args =
                [("name", Shown(path).to_string().into()), ("reason", withdrawal(words, *reason).into())];
            explained(words.tell("err-withdrawn", &args), String::new(), "next-withdrawn")
        }
        E::Unsuited(text) => {
            let args = [("detail", Shown(text).to_string().into())];
            explained(words.tell("err-unsuited", &args), nothing_moved(), "")
        }
    }
}

fn peer_failed(words: &Words, trouble: Trouble, lost: String) -> Explained {
    let (happened, next) = match trouble {
        Trouble::NoSpace => ("err-peer-no-space", "next-peer-no-space"),
        Trouble::Files => ("err-peer-files", "next-peer-says-more"),
        Trouble::Misbehaved => ("err-peer-complains", "next-misbehaved"),
        Trouble::Damaged => ("err-peer-damaged", "next-damaged"),
        Trouble::Network => ("err-peer-network", "next-check-both"),
        Trouble::Withdrawn => ("err-peer-withdrawn", "next-withdrawn"),
        Trouble::Unsuited => ("err-peer-unsuited", "next-peer-says-more"),
    };
    Explained { happened: words.say(happened), lost, next: words.say(next) }
}

fn file(words: &Words, action: &str, path: &str, cause: &io::Error, lost: String) -> Explained {
    let path = Shown(path).to_string();
    let is_read = action.contains("read") || action.contains("open") || action.contains("list");
    let happened = words.tell(if is_read { "err-read" } else { "err-write" }, &[("path", path.into())]);
    let (reason, next) = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (words.say("cause-full"), "next-make-room")
        }
        io::ErrorKind::PermissionDenied => (words.say("cause-denied"), "next-permission"),
        io::ErrorKind::ReadOnlyFilesystem => (words.say("cause-read-only"), "next-other-folder"),
        io::ErrorKind::NotFound => (words.say("cause-gone"), "next-gone"),
        _ => (
            words.tell("cause-other", &[("detail", Shown(&cause.to_string()).to_string().into())]),
            "next-disk",
        ),
    };
    Explained { happened: format!("{happened} {reason}"), lost, next: words.say(next) }
}

/// Why paths are not part of a send to which they were to be added.
pub(super) fn not_added(words: &Words, paths: &[PathBuf], reason: &NotAdded) -> String {
    let key = match reason {
        NotAdded::TooLate => "not-added-late",
        NotAdded::NotFiles => "not-added-no-files",
        NotAdded::Unlisted(cause) => return error(words, cause, Direction::Sending).happened,
    };
    let first = paths.first().map(|path| Shown(&path.to_string_lossy()).to_string()).unwrap_or_default();
    let name = match paths.len() {
        0 | 1 => first,
        count => words.tell("and-more", &[("names", first.into()), ("count", (count - 1).into())]),
    };
    words.tell(key, &[("name", name.into())])
}

/// Why a file doesn't arrive.
pub(super) fn withdrawal(words: &Words, reason: Withdrawal) -> String {
    words.say(match reason {
        Withdrawal::Changed => "withdrawn-changed",
        Withdrawal::Vanished => "withdrawn-vanished",
        Withdrawal::Unreadable => "withdrawn-unreadable",
    })
}

/// What is the matter with a relay.
pub(super) fn relay(words: &Words, error: &RelayClientError) -> String {
    match error {
        RelayClientError::Unreachable { address, cause } => {
            let reason = match cause.kind() {
                io::ErrorKind::ConnectionRefused => words.say("cause-refused"),
                io::ErrorKind::TimedOut => words.say("cause-silent"),
                _ if cause.to_string().contains("lookup") => words.say("cause-no-such-host"),
                _ => Shown(&cause.to_string()).to_string(),
            };
            words.tell(
                "relay-unreachable",
                &[("relay", address.to_string().into()), ("reason", reason.into())],
            )
        }
        RelayClientError::NotARelay(address) => {
            words.tell("relay-not-one", &[("relay", address.to_string().into())])
        }
        RelayClientError::Lost => words.say("relay-lost"),
        RelayClientError::Refused(refusal) => words.say(match refusal {
            Refusal::PasswordRequired => "relay-password-required",
            Refusal::PasswordWrong => "relay-password-wrong",
            Refusal::Version(version) if *version < VERSION => "relay-older",
            Refusal::Version(_) => "relay-newer",
            Refusal::NoSuchRoom => "relay-no-room",
            Refusal::RoleTaken => "relay-code-busy",
            Refusal::TooManyJoins => "relay-too-many-joins",
            Refusal::TooManyConnections | Refusal::TooManyRooms | Refusal::OutOfMemory => "relay-full",
            Refusal::Draining => "relay-stopping",
            Refusal::TooSlow | Refusal::Malformed | Refusal::NoSuchLane => "relay-confused",
        }),
    }
}

fn relay_next(words: &Words, error: &RelayClientError) -> String {
    words.say(match error {
        RelayClientError::Unreachable { .. } => "next-relay-unreachable",
        RelayClientError::NotARelay(_) => "next-relay-address",
        RelayClientError::Lost => "next-relay-lost",
        RelayClientError::Refused(refusal) => match refusal {
            Refusal::PasswordRequired | Refusal::PasswordWrong => "next-relay-password",
            Refusal::Version(version) if *version < VERSION => "next-relay-older",
            Refusal::Version(_) => "next-update-here",
            Refusal::NoSuchRoom => "next-nobody",
            Refusal::RoleTaken => "next-code-taken",
            Refusal::TooManyJoins => "next-wait-a-minute",
            _ => "next-other-relay",
        },
    })
}

/// Why a relay of this window isn't running.
pub(super) fn host(words: &Words, error: &RelayError) -> String {
    match error {
        RelayError::PortTaken(address) => {
            words.tell("host-port-taken", &[("port", address.port().to_string().into())])
        }
        other => words.tell("host-failed", &[("detail", Shown(&other.to_string()).to_string().into())]),
    }
}

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

/// What a transfer waits for, or does.
pub(super) fn phase(words: &Words, card: &Card) -> String {
    words.say(match card.progress.phase {
        _ if card.is_cancelling => "phase-cancelling",
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
    if !card.is_moving() || card.progress.phase != Phase::Moving {
        return phase(words, card);
    }
    let done = words.bytes(card.progress.bytes);
    let Some(total) = card.progress.total_bytes else { return done };
    let percent = (card.fraction().unwrap_or_default() * 100.0).floor() as u64;
    let args = [("done", done.into()), ("total", words.bytes(total).into()), ("percent", percent.into())];
    let mut text = words.tell("done-of", &args);
    if let Some(left) = card.meter.time_left(now) {
        text.push_str(" · ");
        text.push_str(&words.tell("left", &[("time", duration(words, left).into())]));
    }
    text
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

/// Why nothing moves, as far as this side can tell.
pub(super) fn stall(words: &Words, card: &Card, since: Duration) -> String {
    let key = match (card.progress.phase, card.direction) {
        (Phase::Storing | Phase::Repairing, Direction::Receiving) => "stall-disk-here",
        (Phase::Storing | Phase::Repairing, Direction::Sending) => "stall-disk-there",
        _ => "stall-network",
    };
    words.tell(key, &[("time", duration(words, Duration::from_secs(since.as_secs())).into())])
}

/// Which way the bytes take.
pub(super) fn path(words: &Words, card: &Card) -> String {
    let lanes: FluentValue<'_> = card.progress.lanes.into();
    match (&card.hosted, &card.relay) {
        (Some(_), _) => words.tell("path-hosted", &[("lanes", lanes)]),
        (None, Some(relay)) => {
            words.tell("path-relay", &[("relay", relay.to_string().into()), ("lanes", lanes)])
        }
        (None, None) => words.tell("path-lanes", &[("lanes", lanes)]),
    }
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
    if !card.is_text() {
        let time = duration(words, Duration::from_secs(report.seconds.round().max(1.0) as u64));
        text = format!("{text} · {} · {time}", amount(words, files, Some(report.bytes)));
    }
    if report.missing == 0 {
        return (text, Tone::Good);
    }
    let missing = words.tell("missing", &[("count", report.missing.into())]);
    (format!("{text} · {missing}"), Tone::Warning)
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
pub(super) fn report(words: &Words, card: &Card, name: &str) -> String {
    let mut lines = vec![name.to_owned()];
    match &card.end {
        Some(super::card::End::Done(report)) => lines.push(done(words, card, report).0),
        Some(super::card::End::Failed(cause)) => {
            let Explained { happened, lost, next } = error(words, cause, card.direction);
            lines.extend([happened, lost, next].into_iter().filter(|line| !line.is_empty()));
            lines.push(cause.to_string());
        }
        None => lines.push(phase(words, card)),
    }
    let troubles = card.troubles.iter();
    lines.extend(troubles.map(|trouble| super::views::transfer::trouble_text(words, trouble)));
    lines.push(format!("Caiman {}", env!("CARGO_PKG_VERSION")));
    lines.join("\n")
}

#[cfg(test)]
mod tests;
