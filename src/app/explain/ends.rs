//! How a transfer ended, on its card and in a report; and reports of what broke in the program.

use std::time::Duration;

use super::{
    amounts::{amount, duration},
    failures::{Explained, Standpoint, cut_off, error, misbehaviour, standpoint},
    names::{left_behind, name},
    peer::about,
    progress::phase,
};
use crate::{
    app::{
        model::{
            card::{Card, CardEnd},
            tone::Tone,
        },
        words::Words,
    },
    engine::{Report, TransferError},
    history::Direction,
    panics::PanicReport,
};

/// What came of a transfer that ran to its end.
pub(in crate::app) fn done(words: &Words, card: &Card, report: &Report) -> (String, Tone) {
    let key = match (card.direction, card.is_text()) {
        (Direction::Sent, false) => "sent",
        (Direction::Received, false) => "received",
        (Direction::Sent, true) => "text-sent",
        (Direction::Received, true) => "text-received",
    };
    let files = card.accepted.map_or(report.stored, |(files, _)| files.saturating_sub(report.missing));
    let mut text = about(words, card, key, &[]);
    if card.receivers > 1 {
        text = words.tell("sent-to", &[("count", report.receivers.into())]);
        text = format!("{text} · {}", words.bytes(report.bytes));
    } else if files == 0 && report.missing == 0 && report.here > 0 {
        text = words.say(if card.direction == Direction::Sent { "all-there" } else { "all-here" });
        text = format!("{text} · {}", amount(words, report.here, Some(report.here_bytes)));
    } else if files == 0 && report.missing > 0 {
        // All of it is missing.
        text = words.say(if card.direction == Direction::Sent { "not-sent" } else { "not-received" });
    } else if !card.is_text() {
        let time = duration(words, Duration::from_secs(report.seconds.round().max(1.0) as u64));
        text = format!("{text} · {} · {time}", amount(words, files, Some(report.bytes)));
    }
    if files > 0 && report.here > 0 {
        let key = if card.direction == Direction::Sent { "some-there" } else { "some-here" };
        text = format!("{text} · {}", words.tell(key, &[("count", report.here.into())]));
    }
    let left_out = card.left_out_there();
    if left_out > 0 {
        text = format!("{text} · {}", words.tell("left-out-there", &[("count", left_out.into())]));
    }
    if report.missing == 0 {
        return (text, Tone::Good);
    }
    let missing = words.tell("missing", &[("count", report.missing.into())]);
    (format!("{text} · {missing}"), Tone::Warning)
}

/// How bad an end is. Red is for what broke off in the middle; what one of the two people wanted is grey.
pub(in crate::app) fn tone_of_end(end: &CardEnd, at: Standpoint<'_>) -> Tone {
    match end {
        CardEnd::Done(report) if report.missing == 0 => Tone::Good,
        CardEnd::Failed(
            TransferError::Cancelled
            | TransferError::Declined
            | TransferError::Superseded
            | TransferError::PeerCancelled
            | TransferError::PeerDeclined,
        ) => Tone::Quiet,
        CardEnd::Failed(TransferError::Internal(_) | TransferError::PeerMisbehaved(_)) | CardEnd::CutOff => {
            Tone::Bad
        }
        CardEnd::Failed(_) if at.has_begun => Tone::Bad,
        CardEnd::Done(_) | CardEnd::Failed(_) => Tone::Warning,
    }
}

/// A report of what broke in this program, in a few lines to be pasted into a mail.
pub(in crate::app) fn broke(words: &Words, report: &PanicReport) -> String {
    let detail = words.tell("report-detail", &[("detail", report.to_string().into())]);
    [words.say("desk-broke"), detail, version()].join("\n")
}

/// A report of a transfer, in a few lines to be pasted into a mail. It holds no code.
pub(in crate::app) fn report(words: &Words, card: &Card) -> String {
    let mut lines = vec![name(words, card)];
    match &card.end {
        Some(CardEnd::Done(report)) => lines.push(done(words, card, report).0),
        Some(CardEnd::Failed(cause)) => {
            let Explained { happened, lost, next } = error(words, cause, standpoint(card));
            lines.extend([happened, lost, next].into_iter().filter(|line| !line.is_empty()));
            if let TransferError::PeerMisbehaved(way) = cause {
                lines.push(misbehaviour(words, way));
            }
            // This line is for developers, so it is in English everywhere.
            lines.push(words.tell("report-detail", &[("detail", cause.to_string().into())]));
        }
        Some(CardEnd::CutOff) => {
            let Explained { happened, lost, next } = cut_off(words, standpoint(card));
            lines.extend([happened, lost, next]);
        }
        None => lines.push(phase(words, card)),
    }
    lines.extend(card.left_behind.iter().map(|left| left_behind(words, left)));
    lines.push(version());
    lines.join("\n")
}

fn version() -> String {
    format!("Caiman {}", env!("CARGO_PKG_VERSION"))
}
