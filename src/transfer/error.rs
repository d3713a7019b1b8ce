//! Why a transfer ended early: one variant for each thing that a person would do something different about.
//!
//! `Display` says what happened; [`TransferError::advice`] says what is lost and what to do next. The headless commands
//! show both, one below the other.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::show::{self, Shown};
use crate::{
    code::CodeError,
    net::client::{RelayAddress, RelayClientError},
    panics::PanicReport,
    platform,
    protocol::{
        frame::FrameError,
        manifest::ManifestError,
        peer::{Trouble, Withdrawal},
        relay::Refusal,
    },
};

/// Why a transfer ended early.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The codes of the two sides differ.
    #[error("the code is wrong{}", tries(*tries_left))]
    WrongCode {
        /// How many more tries the sender allows, where it said so.
        tries_left: Option<u8>,
    },
    /// So many wrong codes were tried that this side retired its own.
    #[error("three wrong codes were tried, so this code is retired")]
    TooManyTries,
    /// The sender has retired the code after too many wrong ones.
    #[error("this code was retired after too many wrong tries")]
    Retired,
    /// No sender waits under this code.
    #[error("nobody is sending with this code on {}", places(relays, *looked_locally))]
    NobodyThere {
        /// The relays that were asked.
        relays: Vec<RelayAddress>,
        /// Whether the local network was listened to as well.
        looked_locally: bool,
    },
    /// Every code that was drawn is in use, or the one that was asked for.
    #[error("somebody is already using this code on the relay")]
    CodeTaken,
    /// The receiver said no.
    #[error("the other side declined")]
    PeerDeclined,
    /// The person on the other side cancelled.
    #[error("the other side cancelled")]
    PeerCancelled,
    /// The person on this side cancelled.
    #[error("cancelled")]
    Cancelled,
    /// This side said no to the offer.
    #[error("declined")]
    Declined,
    /// Its sender was lost, and another transfer of this program goes on with what it had.
    #[error("the same is received under another code now")]
    Superseded,
    /// The other side's connections broke.
    #[error("the connection to the other side was lost")]
    PeerLost,
    /// The receiver was lost when it had everything, before it said that all is in place.
    #[error(
        "everything was sent, but the connection was lost before the receiver could confirm that it has stored it"
    )]
    Unconfirmed,
    /// Nothing was heard from the other side for too long.
    #[error("the other side has not answered for {seconds} seconds")]
    PeerSilent {
        /// How long nothing was heard.
        seconds: u64,
    },
    /// The other side can't go on.
    #[error("the other side stopped: {0}")]
    PeerFailed(Trouble),
    /// The other side broke the protocol.
    #[error("the other side sent something that it must not: {0}")]
    PeerMisbehaved(#[from] Misbehaviour),
    /// The other side speaks another version.
    #[error("the other side has {} version of Caiman", if *theirs < crate::protocol::VERSION { "an older" } else { "a newer" })]
    PeerVersion {
        /// The version that the other side speaks.
        theirs: u16,
    },
    /// The relay, or the way to it.
    #[error(transparent)]
    Relay(#[from] RelayClientError),
    /// Something on this machine's disk.
    #[error("{}: {cause}", action.on(path))]
    File {
        /// What was being tried.
        action: FileAction,
        /// Where.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The receiver's disk has less room than the offer takes.
    #[error("not enough space: {} needed, {} free", show::bytes(*needed), show::bytes(*free))]
    NoSpace {
        /// Bytes that the accepted files take.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Files arrived damaged, were sent again and arrived damaged again.
    #[error("{} arrived damaged twice", Shown(path))]
    Damaged {
        /// The first of the damaged files.
        path: String,
    },
    /// The only file of the offer was withdrawn by its sender.
    #[error("{} {reason}", Shown(path))]
    Withdrawn {
        /// The file.
        path: String,
        /// Why.
        reason: Withdrawal,
    },
    /// A send that was to follow another one to the same receiver: that one has ended, has not met anybody yet, or can't
    /// take any more with it; or the receiver has not come for it.
    #[error("the other side is not there to take more")]
    PeerGone,
    /// Of several receivers none got what was sent.
    #[error("{}", nobody_got_it(*came))]
    NobodyGotIt {
        /// How many came.
        came: u16,
    },
    /// A panic: a fault of this program, which is none of what else is named here.
    #[error("something broke in this program ({0})")]
    Internal(PanicReport),
    /// What is to be sent, or how, doesn't make sense, or this machine can't do it.
    #[error(transparent)]
    Impossible(#[from] Impossible),
}

/// What was being tried with a file, a folder or a stream when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileAction {
    /// Reading, or listing, what is to be sent.
    Read,
    /// Reading standard input.
    ReadInput,
    /// Reading what has arrived, to check it.
    ReadBack,
    /// Writing a file that arrives.
    Write,
    /// Writing beside the files that arrive, in the folder that was chosen.
    WriteIn,
    /// Writing to standard output.
    WriteOutput,
    /// Giving a file that has arrived its name.
    Store,
    /// Replacing what has the name of something that has arrived.
    Replace,
    /// Making a folder that has arrived.
    MakeFolder,
    /// Making a link that has arrived.
    MakeLink,
    /// Using a folder that was chosen.
    UseFolder,
    /// Removing what is no longer needed.
    Remove,
}

impl FileAction {
    /// Whether something was to be read.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::ReadInput | Self::ReadBack)
    }

    /// Whether it is about the folder that was chosen rather than about something in it.
    pub fn is_about_folder(self) -> bool {
        matches!(self, Self::WriteIn | Self::UseFolder)
    }

    /// What could not be done, as the beginning of a sentence.
    fn on(self, path: &Path) -> String {
        let tried = match self {
            Self::ReadInput => return "can't read standard input".to_owned(),
            Self::WriteOutput => return "can't write to standard output".to_owned(),
            Self::Read => "can't read",
            Self::ReadBack => "can't read back",
            Self::Write => "can't write",
            Self::WriteIn => "can't write in",
            Self::Store => "can't store",
            Self::Replace => "can't replace",
            Self::MakeFolder => "can't make the folder",
            Self::MakeLink => "can't make the link",
            Self::UseFolder => "can't use the folder",
            Self::Remove => "can't remove",
        };
        format!("{tried} {}", Shown(&path.to_string_lossy()))
    }
}

/// What can't be done at all, whoever is on the other side.
#[derive(Debug, thiserror::Error)]
pub enum Impossible {
    /// The system's random generator fails.
    #[error("this system gives no random numbers; nothing can be encrypted")]
    NoRandomness,
    /// A code can't be drawn.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// No path was named.
    #[error("there is nothing to send; name a file or a folder")]
    Nothing,
    /// A device, a socket or the like was named.
    #[error("{} is neither a file nor a folder", Shown(&path.to_string_lossy()))]
    Special {
        /// What was named.
        path: PathBuf,
    },
    /// More entries than an offer may have.
    #[error(
        "more than a million entries can't be sent at once; pack them into an archive, or send them in parts"
    )]
    TooManyEntries,
    /// More names than an offer may hold.
    #[error("the names take too much room; pack everything into an archive, or send it in parts")]
    TooMuchText,
    /// Anything else that no offer can hold.
    #[error("this can't be sent: {0}")]
    Manifest(ManifestError),
    /// A text that is too long to be one.
    #[error("a text may have at most {}; send it as a file", show::bytes(*limit))]
    LongText {
        /// Bytes that it may have.
        limit: u64,
    },
    /// A stream's name that no file can have.
    #[error("that is no plain file name")]
    StreamName,
    /// Several entries were offered for one stream.
    #[error(
        "the offer holds {entries} entries, and standard output takes exactly one file; leave out --stdout to receive them \
         into a folder"
    )]
    NotOneFile {
        /// How many there are.
        entries: usize,
    },
    /// Without another relay one has to run here, and can't.
    #[error("no relay could be started here: {0}")]
    NoRelayHere(String),
    /// The arguments of a headless command, which says what is wrong with them.
    #[error("{0}")]
    Arguments(String),
}

/// What a peer did that no honest peer does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// Bytes that are no message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// An offer that doesn't hold together.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A count of heard messages that can't be.
    #[error("a confirmation of what was never said")]
    Heard,
    /// A record that was forged, damaged, replayed or moved.
    #[error("a record that was forged or damaged on the way")]
    Record,
    /// A message at a point where it makes no sense.
    #[error("'{0}' at the wrong moment")]
    OutOfTurn(&'static str),
    /// A block that doesn't exist, wasn't asked for, or has the wrong length.
    #[error("a block that was not asked for")]
    UnknownBlock,
    /// The same block twice.
    #[error("the same block twice")]
    BlockTwice,
    /// An entry number past the end of the offer.
    #[error("something about a file that is not in the offer")]
    UnknownEntry,
    /// An invitation to something else under what is no code for it, or one too many.
    #[error("an invitation that makes no sense")]
    Invitation,
    /// Key derivation parameters out of bounds.
    #[error("a number of key derivation rounds that is out of bounds")]
    Iterations,
    /// More or fewer lanes than were agreed.
    #[error("a number of connections that was not agreed")]
    Lanes,
    /// The transfer was called done with blocks or hashes missing.
    #[error("the end before everything was sent")]
    DoneTooEarly,
}

impl From<PanicReport> for TransferError {
    fn from(report: PanicReport) -> Self {
        Self::Internal(report)
    }
}

impl TransferError {
    /// Wraps a disk error, told apart by whether it is a full disk.
    pub fn file(action: FileAction, path: impl Into<PathBuf>, cause: io::Error) -> Self {
        Self::File { action, path: path.into(), cause }
    }

    /// Whether this is a disk without room, which may have some later.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::File { cause, .. } if platform::is_disk_full(cause))
    }

    /// What the other side needs to know about this, if it is still there to hear it.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::NoSpace { .. } => Some(Trouble::NoSpace),
            Self::File { cause, .. } if platform::is_disk_full(cause) => Some(Trouble::NoSpace),
            Self::File { .. } => Some(Trouble::Files),
            Self::PeerMisbehaved(_) => Some(Trouble::Misbehaved),
            Self::Damaged { .. } => Some(Trouble::Damaged),
            Self::Relay(_) | Self::PeerLost | Self::PeerSilent { .. } | Self::Unconfirmed => {
                Some(Trouble::Network)
            }
            Self::Withdrawn { .. } => Some(Trouble::Withdrawn),
            Self::Impossible(_) => Some(Trouble::Impossible),
            Self::Internal(_) => Some(Trouble::Internal),
            _ => None,
        }
    }

    /// Whether the transfer broke off through nobody's will, so that it may be worth going on with later.
    pub fn is_interruption(&self) -> bool {
        match self {
            // Whoever cancels there may only have closed the program.
            Self::PeerLost
            | Self::PeerSilent { .. }
            | Self::Unconfirmed
            | Self::PeerCancelled
            | Self::Superseded
            | Self::Relay(_)
            | Self::Internal(_)
            | Self::File { .. } => true,
            Self::PeerFailed(trouble) => !matches!(trouble, Trouble::Misbehaved | Trouble::Damaged),
            _ => false,
        }
    }

    /// What to do next, in a sentence or two; empty where nothing helps.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::WrongCode { tries_left: Some(0) } => {
                "The sender has retired the code now. Ask for a new one; nothing was sent."
            }
            Self::WrongCode { .. } => {
                "Compare it with the sender's, word by word, and try again; nothing was sent."
            }
            Self::TooManyTries => {
                "Nothing was sent. Send again to get a new code, and make sure that only the right person hears it."
            }
            Self::Retired => "Ask the sender to send again, under a new code.",
            Self::NobodyThere { .. } => {
                "Check the first two words, ask whether the sender is still waiting, and that both use the same relay or are on the same network."
            }
            Self::CodeTaken => "Choose another code, or leave it out to have one drawn.",
            Self::PeerDeclined | Self::PeerCancelled => "Nothing under its real name is incomplete.",
            Self::PeerLost | Self::PeerSilent { .. } => {
                "Check both networks, and that the other program still runs. Sent again under a new code, only what is missing moves."
            }
            Self::Unconfirmed => {
                "The receiver probably has all of it: ask. Sent again under a new code, only what is missing moves."
            }
            Self::PeerFailed(Trouble::NoSpace) => "Room has to be made there, then send again.",
            Self::PeerFailed(Trouble::Withdrawn) => "Send it again once nothing changes it any more.",
            Self::PeerFailed(_) => "The other side says more about it.",
            Self::PeerMisbehaved(_) => {
                "Nothing outside the chosen folder was touched. If this happens again, the other program is broken or not Caiman."
            }
            Self::PeerVersion { theirs } if *theirs < crate::protocol::VERSION => {
                "Ask the other side to update Caiman."
            }
            Self::PeerVersion { .. } => "Update Caiman on this machine.",
            Self::Relay(error) => relay_advice(error),
            Self::File { cause, .. } if platform::is_disk_full(cause) => {
                "Make room on the disk. Sent again, only what is missing comes."
            }
            Self::File { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                "Choose a place that you may use, or change its permissions."
            }
            Self::NoSpace { .. } => "Make room, choose another folder, or take only some of the files.",
            Self::Damaged { .. } => "The memory or the disk of one of the machines may be faulty; try again.",
            Self::Withdrawn { .. } => "Nothing of it is complete. Ask for it to be sent again.",
            Self::Superseded => "What had arrived is used there.",
            Self::PeerGone => {
                "Nothing of it was sent, and nothing is lost. Send it again, under a code of its own."
            }
            Self::NobodyGotIt { .. } => "What happened to each is said above. Send again to get a new code.",
            Self::Internal(_) => {
                "This is a fault of Caiman. What had arrived is kept: sent again, only what is missing moves. Please report the words in \
                 brackets; they hold no secret."
            }
            Self::Cancelled | Self::Declined | Self::File { .. } | Self::Impossible(_) => "",
        }
    }
}

/// "A, B or the local network".
fn places(relays: &[RelayAddress], looked_locally: bool) -> String {
    let local = looked_locally.then(|| "the local network".to_owned());
    let mut names: Vec<String> = relays.iter().map(ToString::to_string).chain(local).collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { last } else { format!("{} or {last}", names.join(", ")) }
}

fn nobody_got_it(came: u16) -> String {
    match came {
        0 => "nobody came".to_owned(),
        1 => "the only receiver who came did not get it".to_owned(),
        came => format!("none of the {came} receivers got it"),
    }
}

fn tries(left: Option<u8>) -> String {
    match left {
        Some(left @ 1..) => {
            format!("; the sender allows {}", show::count(u64::from(left), "more try", "more tries"))
        }
        Some(0) | None => String::new(),
    }
}

fn relay_advice(error: &RelayClientError) -> &'static str {
    match error {
        RelayClientError::Unreachable { .. } => {
            "Check the relay's address and this machine's network, and that nothing blocks the port."
        }
        RelayClientError::NoSuchHost { .. } => "Check the relay's name and this machine's network.",
        RelayClientError::NotARelay(_) => "Check the address and the port.",
        RelayClientError::Internal(_) => {
            "This is a fault of Caiman. Please report the words in brackets; they hold no secret."
        }
        RelayClientError::Lost => {
            "Check the network, and that the relay still runs. Sent again, only what is missing moves."
        }
        RelayClientError::Refused(refusal) => match refusal {
            Refusal::PasswordRequired | Refusal::PasswordWrong => {
                "Ask the relay's owner for its password and give it with --password."
            }
            Refusal::Version(version) if *version < crate::protocol::VERSION => {
                "The relay has to be updated by whoever runs it."
            }
            Refusal::Version(_) => "Update Caiman on this machine.",
            Refusal::NoSuchRoom => "Check the first two words of the code.",
            Refusal::RoleTaken => {
                "Somebody else is using this code right now. Wait a moment, then try again."
            }
            Refusal::TooManyJoins => "Wait a minute, then try again.",
            Refusal::TooManyConnections
            | Refusal::TooManyRooms
            | Refusal::OutOfMemory
            | Refusal::Draining => "Try again later, or use another relay.",
            Refusal::TooSlow | Refusal::Malformed | Refusal::NoSuchLane => "Try again.",
        },
    }
}
