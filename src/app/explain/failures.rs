//! Why something didn't work: how a transfer ended early, what was left behind, what is wrong with a relay.

use std::{
    io,
    path::{Path, PathBuf},
};

use fluent_bundle::FluentValue;

use super::peer::sentence;
use crate::{
    app::{
        model::card::Card,
        words::{Words, shown_path},
    },
    code::CodeError,
    engine::{IrohCheckError, NotAdded, NotKept, PeerName, ProxyError, RelayClientError, TransferError},
    history::Direction,
    protocol::{
        VERSION,
        path::PathError,
        peer::{Trouble, Withdrawal},
        relay::Refusal,
    },
    transfer::{
        error::{FileAction, Impossible, Misbehaviour},
        notice::LeftOutReason,
        show::Shown,
    },
};

/// An error in three sentences, as the user reads it. A sentence that would say nothing is empty.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::app) struct Explained {
    pub(in crate::app) happened: String,
    pub(in crate::app) lost: String,
    pub(in crate::app) next: String,
}

/// What decides how an error is put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) struct Standpoint<'a> {
    /// Which side of the transfer the user is on.
    pub(in crate::app) direction: Direction,
    /// What the other computer calls itself, if it has said that.
    pub(in crate::app) peer: Option<&'a PeerName>,
    /// Whether the offer had been accepted.
    pub(in crate::app) has_begun: bool,
    /// Whether what arrived is kept.
    pub(in crate::app) is_kept: bool,
}

/// The standpoint of a card.
pub(in crate::app) fn standpoint(card: &Card) -> Standpoint<'_> {
    let (has_begun, is_kept) = (card.accepted.is_some(), card.kept.is_some());
    Standpoint { direction: card.direction, peer: card.peer.as_ref(), has_begun, is_kept }
}

impl Standpoint<'_> {
    /// What is lost if nothing had moved.
    fn nothing_moved(self, words: &Words) -> String {
        words.say(self.either("lost-nothing-sent", "lost-nothing-received"))
    }

    /// What is lost if the transfer broke off against both users' will.
    fn broken_off(self, words: &Words) -> String {
        if self.has_begun {
            words.say(self.either("lost-only-missing-moves", "lost-arrived-kept"))
        } else {
            self.nothing_moved(words)
        }
    }

    /// What is lost if what had arrived was deleted, unless there was a reason to keep it.
    fn removed(self, words: &Words) -> String {
        if self.is_kept {
            words.say("lost-arrived-kept")
        } else if self.has_begun {
            words.say(self.either("lost-nothing-here", "lost-removed"))
        } else {
            self.nothing_moved(words)
        }
    }

    /// A sentence about the other computer.
    fn about(self, words: &Words, key: &str, args: &[(&'static str, FluentValue<'static>)]) -> String {
        sentence(words, key, (self.direction, self.peer.map(PeerName::as_str)), args)
    }

    fn either<'a>(self, sending: &'a str, receiving: &'a str) -> &'a str {
        match self.direction {
            Direction::Sent => sending,
            Direction::Received => receiving,
        }
    }
}

/// Why a text is no code.
pub(in crate::app) fn code(words: &Words, error: &CodeError) -> String {
    match error {
        CodeError::TooFewParts { found } => words.tell("code-too-short", &[("found", (*found).into())]),
        CodeError::Unknown { word, .. } => {
            words.tell("code-unknown-word", &[("word", Shown(&word.to_string()).to_string().into())])
        }
        CodeError::WebAddress => words.say("code-web-address"),
        CodeError::SeveralCodes => words.say("code-several"),
        CodeError::BadLink | CodeError::BadServer { .. } => words.say("code-bad-link"),
        _ => words.say("code-none"),
    }
}

/// Why a transfer ended early.
pub(in crate::app) fn error(words: &Words, error: &TransferError, at: Standpoint<'_>) -> Explained {
    use TransferError as E;
    let nothing_moved = || at.nothing_moved(words);
    let explained =
        |happened: String, lost: String, next: &str| Explained { happened, lost, next: words.say(next) };
    match error {
        E::WrongCode { tries_left } => wrong_code(words, *tries_left, at),
        E::TooManyTries => explained(words.say("err-guessed"), nothing_moved(), "next-send-again-safely"),
        E::Retired => explained(words.say("err-retired"), nothing_moved(), "next-ask-new-code"),
        E::Offline => explained(words.say("err-offline"), nothing_moved(), "next-offline"),
        E::NobodyThere { looked_online: true, .. } => {
            explained(words.say("err-nobody-anywhere"), nothing_moved(), "next-nobody-anywhere")
        }
        E::NobodyThere { relays, looked_locally, .. } => {
            let names: Vec<String> = relays.iter().map(ToString::to_string).collect();
            let key = match (names.is_empty(), looked_locally) {
                (true, _) => "err-nobody-local",
                (false, true) => "err-nobody-either",
                (false, false) => "err-nobody",
            };
            let args = [("relay", names.join(", ").into())];
            explained(words.tell(key, &args), nothing_moved(), "next-nobody")
        }
        E::OnlyStrangers { count } => {
            let args = [("count", (*count as u64).into())];
            explained(words.tell("err-only-strangers", &args), nothing_moved(), "next-only-strangers")
        }
        E::CodeTaken => explained(words.say("err-code-taken"), nothing_moved(), "next-code-taken"),
        E::PeerDeclined => explained(at.about(words, "err-declined", &[]), nothing_moved(), "next-declined"),
        E::PeerCancelled => {
            let next = at.either("next-declined", "next-ask-if-wanted");
            explained(at.about(words, "err-peer-cancelled", &[]), at.removed(words), next)
        }
        // The user wanted this and needs no advice.
        E::Declined => unadvised(words.say("err-you-declined"), at.removed(words)),
        E::Cancelled => unadvised(words.say("err-cancelled"), at.removed(words)),
        // What had arrived goes on in the other transfer.
        E::Superseded => unadvised(words.say("err-gave-way"), words.say("lost-used-there")),
        E::PeerLost => {
            let next = at.either("next-check-send", "next-check-ask");
            explained(at.about(words, "err-peer-lost", &[]), at.broken_off(words), next)
        }
        E::PeerSilent { seconds } => {
            let args = [("seconds", (*seconds).into())];
            let next = at.either("next-check-send", "next-check-ask");
            explained(at.about(words, "err-peer-silent", &args), at.broken_off(words), next)
        }
        E::Unconfirmed => explained(
            at.about(words, "err-unconfirmed", &[]),
            words.say("lost-only-missing-moves"),
            "next-unconfirmed",
        ),
        E::PeerFailed(trouble) => peer_failed(words, *trouble, at),
        // The report says in what way.
        E::PeerMisbehaved(_) => {
            let next = at.either("next-misbehaved-send", "next-misbehaved-ask");
            explained(at.about(words, "err-misbehaved", &[]), at.broken_off(words), next)
        }
        E::PeerVersion { theirs } => {
            let (happened, next) = if *theirs < VERSION {
                ("err-peer-older", "next-update-peer")
            } else {
                ("err-peer-newer", "next-update-here")
            };
            explained(at.about(words, happened, &[]), nothing_moved(), next)
        }
        E::Relay(cause) => explained(relay(words, cause), at.broken_off(words), relay_next(cause, at)),
        E::File { action, path, cause } => {
            let (happened, next) = file(words, *action, path, cause, at);
            explained(happened, at.broken_off(words), next)
        }
        E::NoSpace { needed, free } => {
            let args = [("needed", words.bytes(*needed).into()), ("free", words.bytes(*free).into())];
            explained(words.tell("no-room", &args), nothing_moved(), "next-no-space")
        }
        E::Damaged { path } => {
            let args = [("name", Shown(path).to_string().into())];
            explained(words.tell("err-damaged", &args), at.broken_off(words), "next-damaged-ask")
        }
        E::Withdrawn { path, reason } => {
            let args =
                [("name", Shown(path).to_string().into()), ("reason", withdrawal(words, *reason).into())];
            let next = at.either("next-withdrawn", "next-ask-again");
            explained(words.tell("err-withdrawn", &args), at.removed(words), next)
        }
        E::Internal(_) => {
            let next = at.either("next-internal-send", "next-internal-ask");
            explained(words.say("err-internal"), at.broken_off(words), next)
        }
        E::PeerGone => explained(at.about(words, "err-peer-gone", &[]), nothing_moved(), "next-peer-gone"),
        E::NobodyGotIt { came } => {
            let args = [("came", (*came).into())];
            explained(
                words.tell("err-nobody-got-it", &args),
                words.say("lost-nothing-here"),
                "next-nobody-got-it",
            )
        }
        E::Impossible(reason) => {
            let (happened, next) = unsuited(words, reason);
            explained(happened, nothing_moved(), next)
        }
    }
}

/// The codes of the two sides differ.
fn wrong_code(words: &Words, tries_left: Option<u8>, at: Standpoint<'_>) -> Explained {
    let next = match tries_left {
        Some(0) => words.say("next-ask-new-code"),
        Some(left) => words.tell("next-wrong-code", &[("left", left.into())]),
        None => words.say("next-compare-code"),
    };
    Explained { happened: words.say("err-wrong-code"), lost: at.nothing_moved(words), next }
}

/// Why a transfer ended together with the engine.
pub(in crate::app) fn cut_off(words: &Words, at: Standpoint<'_>) -> Explained {
    Explained {
        happened: words.say("err-internal"),
        lost: at.broken_off(words),
        next: words.say("next-start-again"),
    }
}

/// An error about which nothing needs to be done.
fn unadvised(happened: String, lost: String) -> Explained {
    Explained { happened, lost, next: String::new() }
}

/// Why something can't be done at all, and the key of what to do instead.
fn unsuited(words: &Words, reason: &Impossible) -> (String, &'static str) {
    match reason {
        // The number of words in a drawn code is always valid, so only the random generator can have failed.
        Impossible::NoRandomness | Impossible::Code(_) => (words.say("err-no-random"), "next-restart"),
        Impossible::Nothing => (words.say("err-nothing"), "next-gone"),
        Impossible::Special { path } => {
            let args = [("path", shown_path(path).into())];
            (words.tell("err-special", &args), "next-gone")
        }
        Impossible::NoSize { path } => {
            let args = [("path", shown_path(path).into())];
            (words.tell("err-no-size", &args), "next-copy-first")
        }
        Impossible::TooManyEntries => (words.say("err-too-many"), "next-pack"),
        Impossible::TooMuchText => (words.say("err-too-much-text"), "next-pack"),
        Impossible::Manifest(_) => (words.say("err-unsendable"), "next-pack"),
        Impossible::LongText { limit } => {
            (words.tell("err-long-text", &[("limit", words.bytes(*limit).into())]), "next-as-file")
        }
        Impossible::NoRelayHere(_) => (words.say("err-no-relay-here"), "next-add-relay"),
        Impossible::Croc10Off => (words.say("err-croc-10-off"), "next-croc-10"),
        // Only the headless commands ask for these.
        Impossible::StreamName | Impossible::NotOneFile { .. } | Impossible::Arguments(_) => {
            (words.say("err-unsuited"), "next-gone")
        }
    }
}

/// In what way the other computer broke the protocol, for the report.
pub(super) fn misbehaviour(words: &Words, misbehaviour: &Misbehaviour) -> String {
    use Misbehaviour as M;
    words.say(match misbehaviour {
        M::Frame(_) => "misbehaved-frame",
        M::Manifest(_) => "misbehaved-offer",
        M::Heard => "misbehaved-heard",
        M::Unread => "misbehaved-unread",
        M::Record => "misbehaved-record",
        M::OutOfTurn(_) => "misbehaved-turn",
        M::Croc(_) => "misbehaved-croc",
        M::UnknownBlock => "misbehaved-block",
        M::BlockTwice => "misbehaved-twice",
        M::UnknownEntry => "misbehaved-entry",
        M::Invitation => "misbehaved-invitation",
        M::Iterations => "misbehaved-iterations",
        M::Lanes => "misbehaved-lanes",
        M::DoneTooEarly => "misbehaved-early",
    })
}

fn peer_failed(words: &Words, trouble: Trouble, at: Standpoint<'_>) -> Explained {
    let (happened, next) = match trouble {
        Trouble::NoSpace => ("err-peer-no-space", "next-peer-no-space"),
        Trouble::Files => (at.either("err-peer-cant-save", "err-peer-cant-read"), "next-peer-says-more"),
        Trouble::Misbehaved => {
            ("err-peer-complains", at.either("next-misbehaved-send", "next-misbehaved-ask"))
        }
        Trouble::Damaged => ("err-peer-damaged", "next-damaged-send"),
        Trouble::Network => ("err-peer-network", at.either("next-check-send", "next-check-ask")),
        Trouble::Withdrawn => ("err-peer-withdrawn", "next-withdrawn"),
        Trouble::Internal => ("err-peer-internal", at.either("next-check-send", "next-check-ask")),
        Trouble::Impossible => ("err-peer-unsuited", "next-peer-says-more"),
        Trouble::Closed => ("err-peer-closed", at.either("next-peer-closed", "next-peer-closed-ask")),
    };
    Explained { happened: at.about(words, happened, &[]), lost: at.broken_off(words), next: words.say(next) }
}

/// What is wrong with a file or folder of this computer, and the key of what to do about it.
fn file(
    words: &Words,
    action: FileAction,
    path: &Path,
    cause: &io::Error,
    at: Standpoint<'_>,
) -> (String, &'static str) {
    use io::ErrorKind as K;
    let (is_read, is_folder) = (action.is_read(), action.is_about_folder());
    let key = match (is_read, is_folder) {
        (true, _) => "err-read",
        (_, true) => "err-save-in",
        _ => "err-write",
    };
    let happened = words.tell(key, &[("path", shown_path(path).into())]);
    let next = match cause.kind() {
        K::StorageFull | K::QuotaExceeded => "next-make-room",
        K::PermissionDenied if is_read => "next-permission",
        K::PermissionDenied => "next-folder-permission",
        K::NotFound if at.direction == Direction::Sent => "next-gone",
        K::ReadOnlyFilesystem
        | K::NotFound
        | K::AlreadyExists
        | K::NotADirectory
        | K::IsADirectory
        | K::InvalidFilename
        | K::FileTooLarge => "next-other-folder",
        _ => at.either("next-disk-send", "next-disk-ask"),
    };
    let reason = match cause.kind() {
        K::NotADirectory if is_folder => words.say("cause-no-folder"),
        _ => disk(words, cause),
    };
    (format!("{happened} {reason}"), next)
}

/// What the disk objects to, to follow a colon.
pub(super) fn disk(words: &Words, cause: &io::Error) -> String {
    use io::ErrorKind as K;
    words.say(match cause.kind() {
        K::StorageFull | K::QuotaExceeded => "cause-full",
        K::PermissionDenied => "cause-denied",
        K::ReadOnlyFilesystem => "cause-read-only",
        K::NotFound => "cause-gone",
        K::AlreadyExists | K::NotADirectory | K::IsADirectory => "cause-in-the-way",
        K::InvalidFilename => "cause-name",
        K::FileTooLarge => "cause-too-large",
        K::ResourceBusy | K::ExecutableFileBusy => "cause-busy",
        K::CrossesDevices => "cause-other-disk",
        // There are no better words for it than the system's.
        _ => return words.tell("cause-other", &[("detail", Shown(&cause.to_string()).to_string().into())]),
    })
}

/// Why something that was received could not be stored.
pub(super) fn not_stored(words: &Words, error: &TransferError) -> String {
    let at = Standpoint { direction: Direction::Received, peer: None, has_begun: true, is_kept: false };
    self::error(words, error, at).happened
}

/// What of files that have arrived the disk could not keep, one sentence for each kind.
pub(in crate::app) fn not_kept(words: &Words, not_kept: NotKept) -> Vec<String> {
    let NotKept { times, executable, private } = not_kept;
    [("not-kept-times", times), ("not-kept-executable", executable), ("not-kept-private", private)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| words.tell(key, &[("count", count.into())]))
        .collect()
}

/// Why something that was chosen is not offered, to follow its path.
pub(super) fn unfit(words: &Words, reason: LeftOutReason) -> String {
    words.say(match reason {
        LeftOutReason::Unreadable(io::ErrorKind::PermissionDenied) => "unfit-denied",
        LeftOutReason::Unreadable(io::ErrorKind::NotFound) => "unfit-gone",
        LeftOutReason::Unreadable(_) => "unfit-unreadable",
        LeftOutReason::Name(_) => "unfit-name",
        LeftOutReason::TooDeep => "unfit-deep",
        LeftOutReason::Link(PathError::Escapes) => "unfit-link-out",
        LeftOutReason::Link(_) | LeftOutReason::LinkName => "unfit-link",
        LeftOutReason::NoSize => "unfit-no-size",
        LeftOutReason::Special => "unfit-special",
    })
}

/// Why paths could not be added to a send.
pub(super) fn not_added(words: &Words, paths: &[PathBuf], reason: &NotAdded) -> String {
    let key = match reason {
        NotAdded::TooLate => "not-added-late",
        NotAdded::NotFiles => "not-added-no-files",
        NotAdded::Unlisted(cause) => {
            let at = Standpoint { direction: Direction::Sent, peer: None, has_begun: false, is_kept: false };
            return error(words, cause, at).happened;
        }
    };
    let first = paths.first().map(|path| Shown(&path.to_string_lossy()).to_string()).unwrap_or_default();
    let name = match paths.len() {
        0 | 1 => first,
        count => words.tell("and-more", &[("names", first.into()), ("count", (count - 1).into())]),
    };
    words.tell(key, &[("name", name.into())])
}

/// Why a file that was offered doesn't arrive, to follow its path.
pub(super) fn withdrawal(words: &Words, reason: Withdrawal) -> String {
    words.say(match reason {
        Withdrawal::Changed => "withdrawn-changed",
        Withdrawal::Vanished => "withdrawn-vanished",
        Withdrawal::Unreadable => "withdrawn-unreadable",
    })
}

/// What is wrong with a relay.
pub(in crate::app) fn relay(words: &Words, error: &RelayClientError) -> String {
    match error {
        RelayClientError::Unreachable { address, cause } => {
            let reason = match cause.kind() {
                io::ErrorKind::TimedOut => words.say("cause-silent"),
                io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::AddrNotAvailable => words.say("cause-no-network"),
                io::ErrorKind::HostUnreachable => words.say("cause-no-way"),
                io::ErrorKind::PermissionDenied => words.say("cause-forbidden"),
                _ => Shown(&cause.to_string()).to_string(),
            };
            words.tell(
                "relay-unreachable",
                &[("relay", address.to_string().into()), ("reason", reason.into())],
            )
        }
        RelayClientError::TurnedAway(address) => {
            words.tell("relay-turned-away", &[("relay", address.to_string().into())])
        }
        RelayClientError::Proxy { address, proxy, cause } => {
            let (key, detail) = match cause {
                ProxyError::Unreachable(_) => ("proxy-unreachable", ""),
                ProxyError::NoSuchHost => ("proxy-no-such-host", ""),
                ProxyError::Silent => ("proxy-silent", ""),
                ProxyError::Login => ("proxy-login", ""),
                ProxyError::Refused(detail) => ("proxy-refused", detail.as_str()),
                ProxyError::Failed(detail) => ("proxy-failed", detail.as_str()),
                ProxyError::NotAProxy => ("proxy-not-one", ""),
                ProxyError::Unusable => ("proxy-unusable", ""),
            };
            let args = [
                ("relay", address.to_string().into()),
                ("proxy", proxy.clone().into()),
                ("detail", detail.to_owned().into()),
            ];
            words.tell(key, &args)
        }
        RelayClientError::NoSuchHost { address, .. } => {
            let reason = words.say("cause-no-such-host");
            words.tell(
                "relay-unreachable",
                &[("relay", address.to_string().into()), ("reason", reason.into())],
            )
        }
        RelayClientError::NotARelay(address) => {
            words.tell("relay-not-one", &[("relay", address.to_string().into())])
        }
        RelayClientError::Lost => words.say("relay-lost"),
        RelayClientError::Internal(_) => words.say("desk-broke"),
        RelayClientError::Refused(refusal) => words.say(match refusal {
            Refusal::PasswordRequired => "relay-password-required",
            Refusal::PasswordWrong => "relay-password-wrong",
            Refusal::Version(version) if *version < VERSION => "relay-older",
            Refusal::Version(_) => "relay-newer",
            Refusal::NoSuchRoom => "relay-no-room",
            Refusal::RoleTaken => "relay-code-busy",
            Refusal::OtherSender => "relay-other-sender",
            Refusal::TooManyJoins => "relay-too-many-joins",
            Refusal::TooMuchFromHere => "relay-too-much-here",
            Refusal::TooManyConnections | Refusal::TooManyRooms | Refusal::OutOfMemory => "relay-full",
            Refusal::Draining => "relay-stopping",
            Refusal::TooSlow | Refusal::Malformed | Refusal::NoSuchLane => "relay-confused",
        }),
    }
}

/// What is wrong with an iroh relay.
pub(in crate::app) fn iroh(words: &Words, error: &IrohCheckError) -> String {
    match error {
        IrohCheckError::Silent(relay) => words.tell("iroh-silent", &[("relay", relay.host().into())]),
        IrohCheckError::Unusable { relay, cause } => {
            let args = [("relay", relay.host().into()), ("cause", Shown(cause).to_string().into())];
            words.tell("iroh-unusable", &args)
        }
        IrohCheckError::Refused(relay) => words.tell("iroh-refused", &[("relay", relay.host().into())]),
        IrohCheckError::Here(cause) => {
            words.tell("iroh-here", &[("cause", Shown(&cause.to_string()).to_string().into())])
        }
        IrohCheckError::Internal(_) => words.say("desk-broke"),
    }
}

/// The key of what to do about a relay that can't be used.
pub(super) fn relay_next(error: &RelayClientError, at: Standpoint<'_>) -> &'static str {
    match error {
        // It answered a moment ago, so its address is right.
        RelayClientError::Unreachable { .. }
        | RelayClientError::TurnedAway(_)
        | RelayClientError::NoSuchHost { .. }
        | RelayClientError::Lost
            if at.has_begun =>
        {
            at.either("next-relay-lost", "next-relay-lost-ask")
        }
        RelayClientError::Unreachable { .. } | RelayClientError::NoSuchHost { .. } => {
            "next-relay-unreachable"
        }
        RelayClientError::TurnedAway(_) => "next-relay-turned-away",
        RelayClientError::Proxy { .. } => "next-proxy",
        RelayClientError::NotARelay(_) => "next-relay-address",
        RelayClientError::Lost => "next-relay-lost",
        RelayClientError::Internal(_) => at.either("next-internal-send", "next-internal-ask"),
        RelayClientError::Refused(refusal) => match refusal {
            Refusal::PasswordRequired | Refusal::PasswordWrong => "next-relay-password",
            Refusal::Version(version) if *version < VERSION => "next-relay-older",
            Refusal::Version(_) => "next-update-here",
            Refusal::NoSuchRoom => "next-nobody",
            Refusal::RoleTaken => "next-code-taken",
            Refusal::TooManyJoins => "next-wait-a-minute",
            Refusal::TooMuchFromHere => "next-fewer-here",
            _ => "next-other-relay",
        },
    }
}

/// Whether the settings hold a remedy for this error.
pub(in crate::app) fn leads_to_settings(error: &TransferError) -> bool {
    let cause = match error {
        TransferError::Relay(cause) => cause,
        error => {
            let is_one = matches!(
                error,
                TransferError::Offline | TransferError::Impossible(Impossible::NoRelayHere(_))
            );
            return is_one;
        }
    };
    match cause {
        RelayClientError::Unreachable { .. }
        | RelayClientError::TurnedAway(_)
        | RelayClientError::Proxy { .. }
        | RelayClientError::NoSuchHost { .. }
        | RelayClientError::NotARelay(_) => true,
        RelayClientError::Lost | RelayClientError::Internal(_) => false,
        RelayClientError::Refused(refusal) => match refusal {
            Refusal::Version(version) => *version < VERSION,
            Refusal::NoSuchRoom | Refusal::RoleTaken | Refusal::TooManyJoins => false,
            _ => true,
        },
    }
}
