//! Exit codes: one for each case that a script would handle differently. `--help` and the README list them.

use std::process::ExitCode;

use crate::engine::TransferError;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything arrived.
    Done = 0,
    /// Something went wrong that has no code of its own.
    Failed = 1,
    /// The arguments are invalid.
    Usage = 2,
    /// The code is wrong or retired, or no one is there under it.
    Code = 3,
    /// The other side declined, cancelled, was lost, or broke the protocol.
    Peer = 4,
    /// The relay can't be reached, or it refused.
    Relay = 5,
    /// Files on this machine are missing, not readable or not writable, or there is not enough space.
    Files = 6,
    /// The transfer ended, but some entries are missing; each was named.
    Partial = 7,
    /// The user cancelled or declined here.
    Cancelled = 130,
}

/// What `--help` says about exit codes.
pub(super) const HELP: &str = "Exit codes:
  0    everything arrived
  1    something went wrong that has no code of its own
  2    the arguments are invalid
  3    the code is wrong or retired, or no one is there under it
  4    the other side declined, cancelled, was lost or misbehaved
  5    the relay, or every relay on the internet, can't be reached, or refused
  6    files here are missing, unreadable or not writable, or there is no space
  7    finished, but some entries are missing; each was named
  130  cancelled or declined here";

impl Exit {
    /// The exit code for two transfers in one call: the first one that a script has to know about, so `Done` gives way to anything
    /// else, and `Partial` to anything but `Done`.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Done, other) => other,
            (Self::Partial, other) if other != Self::Done => other,
            (first, _) => first,
        }
    }

    /// The code for a transfer that ended early.
    pub(super) fn of(error: &TransferError) -> Self {
        match error {
            TransferError::WrongCode { .. }
            | TransferError::TooManyTries
            | TransferError::Retired
            | TransferError::NobodyThere { .. }
            | TransferError::OnlyStrangers { .. }
            | TransferError::CodeTaken => Self::Code,
            TransferError::PeerDeclined
            | TransferError::PeerCancelled
            | TransferError::Superseded
            | TransferError::PeerLost
            | TransferError::PeerGone
            | TransferError::NobodyGotIt { .. }
            | TransferError::PeerSilent { .. }
            | TransferError::Unconfirmed
            | TransferError::PeerFailed(_)
            | TransferError::PeerMisbehaved(_)
            | TransferError::PeerVersion { .. }
            | TransferError::Withdrawn { .. } => Self::Peer,
            TransferError::Relay(_) | TransferError::Offline => Self::Relay,
            TransferError::File { .. } | TransferError::NoSpace { .. } => Self::Files,
            TransferError::Cancelled | TransferError::Declined => Self::Cancelled,
            TransferError::Damaged { .. } | TransferError::Internal(_) | TransferError::Impossible(_) => {
                Self::Failed
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
