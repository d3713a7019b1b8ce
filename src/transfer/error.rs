//! Why a transfer ended early: one variant for each cause to which a user would react differently.
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
    net::{
        client::{RelayAddress, RelayClientError},
        proxy::ProxyError,
    },
    panics::PanicReport,
    platform,
    protocol::{
        frame::FrameError,
        manifest::ManifestError,
        peer::{Trouble, Withdrawal},
        relay::Refusal,
    },
};

/// What the texts below call the other side.
const OTHER_SIDE: &str = "the other side";

/// Why a transfer ended early.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The codes of the two sides differ.
    #[error("the code is wrong{}", tries(*tries_left))]
    WrongCode {
        /// How many more tries the sender allows, if it said so.
        tries_left: Option<u8>,
    },
    /// Too many wrong codes were tried, so this side retired its own.
    #[error("three wrong codes were tried, so this code is retired")]
    TooManyTries,
    /// The sender retired the code after too many wrong tries.
    #[error("this code was retired after too many wrong tries")]
    Retired,
    /// No sender is waiting under this code.
    #[error("nobody is sending with this code{}", places(relays, *looked_locally, *looked_online))]
    NobodyThere {
        /// The relays that were asked.
        relays: Vec<RelayAddress>,
        /// Whether the local network was searched as well.
        looked_locally: bool,
        /// Whether the internet was searched as well.
        looked_online: bool,
    },
    /// The sender may be reachable over the internet, and no iroh relay answers.
    #[error("no relay on the internet answers, so the sender could be looked for only nearby")]
    Offline,
    /// Only others than the sender have answered, or none that could prove to be the sender.
    #[error("{} answered, and {} the code", show::count(*count as u64, "place has", "places have"), if *count == 1 { "did not know" } else { "none of them knew" })]
    OnlyStrangers {
        /// How many have answered.
        count: usize,
    },
    /// Every code that was drawn is already in use, or the one that the user chose is.
    #[error("this code is already in use on the relay")]
    CodeTaken,
    /// The receiver declined the offer.
    #[error("the other side declined")]
    PeerDeclined,
    /// The user on the other side cancelled.
    #[error("the other side cancelled")]
    PeerCancelled,
    /// The user on this side cancelled.
    #[error("cancelled")]
    Cancelled,
    /// This side declined the offer.
    #[error("declined")]
    Declined,
    /// The sender was lost, and another transfer of this program continues with what had arrived.
    #[error("the same files are now being received under another code")]
    Superseded,
    /// The other side's connections broke.
    #[error("the connection to the other side was lost")]
    PeerLost,
    /// The receiver was lost after everything was sent to it, and before it confirmed that everything is in place.
    #[error(
        "everything was sent, but the connection was lost before the receiver could confirm that it has stored it"
    )]
    Unconfirmed,
    /// Nothing was heard from the other side for too long.
    #[error("the other side has not answered for {seconds} seconds")]
    PeerSilent {
        /// How long nothing was heard, in seconds.
        seconds: u64,
    },
    /// The other side reports that it can't go on.
    #[error("the other side stopped: {0}")]
    PeerFailed(Trouble),
    /// The other side broke the protocol.
    #[error("the other side sent something that it must not: {0}")]
    PeerMisbehaved(#[from] Misbehaviour),
    /// The other side speaks another version of the protocol.
    #[error("the other side has {} version of Caiman", if *theirs < crate::protocol::VERSION { "an older" } else { "a newer" })]
    PeerVersion {
        /// The version that the other side speaks.
        theirs: u16,
    },
    /// The relay refused, failed, or could not be reached.
    #[error(transparent)]
    Relay(#[from] RelayClientError),
    /// A file, a folder or a standard stream of this machine could not be used.
    #[error("{}: {cause}", action.on(path))]
    File {
        /// What was being tried.
        action: FileAction,
        /// The file or folder; empty for a standard stream.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The receiver's disk has less free space than the accepted files take.
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
    /// A send that was to follow another one to the same receiver could not: the other send has ended, has not met its
    /// receiver yet, or can't announce any more, or the receiver did not come for this one.
    #[error("the other side is not there to take more")]
    PeerGone,
    /// None of several receivers got what was sent.
    #[error("{}", nobody_got_it(*came))]
    NobodyGotIt {
        /// How many receivers came.
        came: u16,
    },
    /// This program panicked, which is always a fault of its own.
    #[error("something broke in this program ({0})")]
    Internal(PanicReport),
    /// The request makes no sense, or this machine can't do what it asks.
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
    /// Writing something other than a file that arrives, in the chosen folder or in the staging folder inside it.
    WriteIn,
    /// Writing to standard output.
    WriteOutput,
    /// Giving a file that has arrived its real name.
    Store,
    /// Replacing what already has the name of something that has arrived.
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
    /// Whether this is an attempt to read.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Read | Self::ReadInput | Self::ReadBack)
    }

    /// Whether this is about the chosen folder itself rather than about something in it.
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

/// Why a request can't be carried out at all, whatever the other side does.
#[derive(Debug, thiserror::Error)]
pub enum Impossible {
    /// The system's random number generator failed.
    #[error("this system provides no random numbers; nothing can be encrypted")]
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
    /// A file that says that it is empty and isn't, as those of `/proc` are, was named.
    #[error(
        "{} doesn't say how long it is; send what is in it as a stream: caiman send --file-name NAME - < {}",
        Shown(&path.to_string_lossy()), Shown(&path.to_string_lossy())
    )]
    NoSize {
        /// What was named.
        path: PathBuf,
    },
    /// More entries than an offer may have.
    #[error(
        "more than a million entries can't be sent at once; pack them into an archive, or send them in parts"
    )]
    TooManyEntries,
    /// More text in names than an offer may hold.
    #[error("the names take too much room; pack everything into an archive, or send it in parts")]
    TooMuchText,
    /// Anything else that no offer can hold.
    #[error("this can't be sent: {0}")]
    Manifest(ManifestError),
    /// A text that is longer than a text may be.
    #[error("a text may have at most {}; send it as a file", show::bytes(*limit))]
    LongText {
        /// The most bytes that a text may have.
        limit: u64,
    },
    /// A name for a stream that no file can have.
    #[error("that is not a plain file name")]
    StreamName,
    /// The offer is not exactly one file, which is all that standard output can take.
    #[error(
        "the offer holds {entries} entries, and standard output takes exactly one file; leave out --stdout to receive them \
         into a folder"
    )]
    NotOneFile {
        /// How many entries the offer has.
        entries: usize,
    },
    /// The transfer needs a relay on this machine, and none could be started.
    #[error("no relay could be started here: {0}")]
    NoRelayHere(String),
    /// The other side has croc 10, which the user has turned off.
    #[error("the other side has croc 10, which is turned off here; allow it, or ask for croc 11")]
    Croc10Off,
    /// The arguments of a headless command are wrong; the text says how.
    #[error("{0}")]
    Arguments(String),
}

/// What a peer did that no honest peer does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misbehaviour {
    /// Bytes that are not a message.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// An offer whose entries or sums contradict the rules for a manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A confirmation of more messages than were sent, or of fewer than were confirmed before.
    #[error("a confirmation of messages that were never sent")]
    Heard,
    /// Tens of megabytes of messages that it neither read nor confirmed.
    #[error("it does not read what it is sent")]
    Unread,
    /// An authentic record that no honest program seals, or an offer that is not the one it announced.
    #[error("something whose parts don't belong together")]
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
    /// An invitation whose code is not one that invitations use, or more invitations than are allowed.
    #[error("an invitation that makes no sense")]
    Invitation,
    /// Key derivation parameters out of bounds.
    #[error("a number of key derivation rounds that is out of bounds")]
    Iterations,
    /// Lanes that were not agreed on: too many, none, in an occupied slot, or over a way that this side does not allow.
    #[error("a number of connections that was not agreed")]
    Lanes,
    /// Something that no croc does; this says what.
    #[error("{0}")]
    Croc(&'static str),
    /// The sender said that it was done while blocks or hashes were missing.
    #[error("the end before everything was sent")]
    DoneTooEarly,
}

impl From<PanicReport> for TransferError {
    fn from(report: PanicReport) -> Self {
        Self::Internal(report)
    }
}

impl TransferError {
    /// Wraps an error that `action` met at `path`; an empty path stands for a standard stream.
    pub fn file(action: FileAction, path: impl Into<PathBuf>, cause: io::Error) -> Self {
        Self::File { action, path: path.into(), cause }
    }

    /// What happened, as the start of a sentence in which the other side is called `who`.
    pub fn naming(&self, who: &str) -> String {
        let text = self.to_string();
        match self {
            Self::PeerDeclined
            | Self::PeerCancelled
            | Self::PeerLost
            | Self::PeerSilent { .. }
            | Self::PeerFailed(_)
            | Self::PeerMisbehaved(_)
            | Self::PeerVersion { .. }
            | Self::PeerGone => text.replacen(OTHER_SIDE, who, 1),
            // Anywhere else these words would be part of a name, or of what a system said.
            _ => text,
        }
    }

    /// Whether this is a full disk, which may have free space again later.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::File { cause, .. } if platform::is_disk_full(cause))
    }

    /// Whether the same things would meet this error again in the same folder: the file system there, or its owner, doesn't let them
    /// be stored.
    pub fn will_repeat(&self) -> bool {
        use io::ErrorKind as K;
        matches!(self, Self::File { action, cause, .. } if !action.is_read() && matches!(
            cause.kind(),
            K::PermissionDenied | K::ReadOnlyFilesystem | K::InvalidInput | K::InvalidFilename | K::FileTooLarge | K::Unsupported
        ))
    }

    /// What the other side is told about this error; `None` if it is told in another way, or need not know.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::NoSpace { .. } => Some(Trouble::NoSpace),
            Self::File { cause, .. } if platform::is_disk_full(cause) => Some(Trouble::NoSpace),
            Self::File { .. } => Some(Trouble::Files),
            Self::PeerMisbehaved(_) => Some(Trouble::Misbehaved),
            Self::Damaged { .. } => Some(Trouble::Damaged),
            Self::Relay(_) | Self::Offline | Self::PeerLost | Self::PeerSilent { .. } | Self::Unconfirmed => {
                Some(Trouble::Network)
            }
            Self::Withdrawn { .. } => Some(Trouble::Withdrawn),
            Self::Impossible(_) => Some(Trouble::Impossible),
            Self::Internal(_) => Some(Trouble::Internal),
            _ => None,
        }
    }

    /// Whether the transfer broke off without either user wanting it to, so that it may be worth resuming later.
    pub fn is_interruption(&self) -> bool {
        match self {
            // What a sender has stopped may be sent again.
            Self::PeerLost
            | Self::PeerSilent { .. }
            | Self::Unconfirmed
            | Self::PeerCancelled
            | Self::Superseded
            | Self::Relay(_)
            | Self::Internal(_)
            // What has arrived is compared with its hashes before it is used again, whatever the other side did later.
            | Self::PeerMisbehaved(_)
            | Self::PeerFailed(_)
            | Self::Damaged { .. }
            | Self::File { .. } => true,
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
            Self::Offline => {
                "Check that this computer is on the internet. Some networks let nothing through to such relays; then try another network, or a relay of your own. Nothing was received."
            }
            Self::NobodyThere { looked_online: true, .. } => {
                "Check the first two words, ask whether the sender is still waiting and is on the internet, and whether the date is right on both computers."
            }
            Self::NobodyThere { .. } => {
                "Check the first two words, ask whether the sender is still waiting, and that both use the same relay or are on the same network."
            }
            Self::OnlyStrangers { .. } => {
                "Compare the code with the sender's. If it is right, somebody on the network or at the relay poses as the sender: ask for a new code, and use another network or another relay. Nothing was received."
            }
            Self::CodeTaken => "Choose another code, or leave it out to have one drawn.",
            Self::PeerDeclined => "Nothing was sent.",
            Self::PeerCancelled => "Files that have their real names are complete.",
            Self::PeerLost | Self::PeerSilent { .. } => {
                "Check both networks, and that the other program still runs. If you send again under a new code, only what is missing moves."
            }
            Self::Unconfirmed => {
                "The receiver probably has all of it: ask. If you send again under a new code, only what is missing moves."
            }
            Self::PeerFailed(Trouble::NoSpace) => {
                "The receiver has to free some disk space; then send again."
            }
            Self::PeerFailed(Trouble::Withdrawn) => "Send it again once nothing changes it any more.",
            Self::PeerFailed(Trouble::Closed) => {
                "If the same is sent once it runs again, only what is missing moves."
            }
            Self::PeerFailed(_) => "The other computer shows more about it.",
            Self::PeerMisbehaved(_) => {
                "Nothing outside the chosen folder was touched. If this happens again, the other program is broken or not Caiman."
            }
            Self::PeerVersion { theirs } if *theirs < crate::protocol::VERSION => {
                "Update Caiman on the other computer."
            }
            Self::PeerVersion { .. } => "Update Caiman on this machine.",
            Self::Relay(error) => relay_advice(error),
            Self::File { cause, .. } if platform::is_disk_full(cause) => {
                "Make room on the disk. Sent again, only what is missing comes."
            }
            Self::File { cause, .. } if cause.kind() == io::ErrorKind::FileTooLarge => {
                "No file on this disk can be so large. Choose a folder on another one."
            }
            Self::File { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                "Choose a place that you may use, or change its permissions."
            }
            Self::NoSpace { .. } => {
                "Make room, choose another folder, or take only some of the files. If the disk has more room than it says, --ignore-space begins all the same."
            }
            Self::Damaged { .. } => "The memory or the disk of one of the machines may be faulty; try again.",
            Self::Withdrawn { .. } => "Nothing of it is complete. Ask for it to be sent again.",
            Self::Superseded => "That transfer uses what had already arrived.",
            Self::PeerGone => {
                "Nothing of it was sent, and nothing is lost. Send it again, under a code of its own."
            }
            Self::NobodyGotIt { .. } => "What happened to each is said above. Send again to get a new code.",
            Self::Internal(_) => {
                "This is a fault of Caiman. What had arrived is kept: if you send again, only what is missing moves. Please report the words in \
                 brackets; they hold no secret."
            }
            Self::Cancelled | Self::Declined | Self::File { .. } | Self::Impossible(_) => "",
        }
    }
}

/// Lists the places that were searched: " on A, B or the local network". A search of the internet is one of everywhere.
fn places(relays: &[RelayAddress], looked_locally: bool, looked_online: bool) -> String {
    if looked_online {
        return String::new();
    }
    let local = looked_locally.then(|| "the local network".to_owned());
    let mut names: Vec<String> = relays.iter().map(ToString::to_string).chain(local).collect();
    let last = names.pop().unwrap_or_default();
    if names.is_empty() { format!(" on {last}") } else { format!(" on {} or {last}", names.join(", ")) }
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
        RelayClientError::TurnedAway(_) => {
            "Check the relay's address and port, and ask its owner whether it lets this machine in; or use another relay."
        }
        RelayClientError::Proxy { cause: ProxyError::Login, .. } => {
            "Give the proxy's user name and password: --proxy socks5://USER:PASSWORD@HOST:PORT; --proxy off goes without a proxy."
        }
        RelayClientError::Proxy { .. } => {
            "Check the proxy, or name another with --proxy; --proxy off goes without one."
        }
        RelayClientError::NoSuchHost { .. } => "Check the relay's name and this machine's network.",
        RelayClientError::NotARelay(_) => "Check the address and the port.",
        RelayClientError::Internal(_) => {
            "This is a fault of Caiman. Please report the words in brackets; they hold no secret."
        }
        RelayClientError::Lost => {
            "Check the network, and that the relay still runs. If you send again, only what is missing moves."
        }
        RelayClientError::Refused(refusal) => match refusal {
            Refusal::PasswordRequired | Refusal::PasswordWrong => {
                "Ask the relay's owner for its password and give it with --server and --password."
            }
            Refusal::Version(version) if *version < crate::protocol::VERSION => {
                "Ask the relay's owner to update it."
            }
            Refusal::Version(_) => "Update Caiman on this machine.",
            Refusal::NoSuchRoom => "Check the first two words of the code.",
            Refusal::RoleTaken => "This code is in use right now. Wait a moment, then try again.",
            Refusal::OtherSender => "Use another relay, or --server none to run one beside this send.",
            Refusal::TooManyJoins => "Wait a minute, then try again.",
            Refusal::TooMuchFromHere => {
                "Wait until other transfers from your network have finished, or use another relay."
            }
            Refusal::TooManyConnections
            | Refusal::TooManyRooms
            | Refusal::OutOfMemory
            | Refusal::Draining => "Try again later, or use another relay.",
            Refusal::TooSlow | Refusal::Malformed | Refusal::NoSuchLane => "Try again.",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_is_called_by_its_name_and_nothing_else_is() {
        let of_peer = [
            TransferError::PeerDeclined,
            TransferError::PeerCancelled,
            TransferError::PeerLost,
            TransferError::PeerSilent { seconds: 7 },
            TransferError::PeerFailed(Trouble::NoSpace),
            TransferError::PeerMisbehaved(Misbehaviour::Lanes),
            TransferError::PeerVersion { theirs: 9 },
            TransferError::PeerGone,
        ];
        for error in of_peer {
            let text = error.naming("Ann's laptop");
            assert!(text.contains("Ann's laptop") && !text.contains(OTHER_SIDE), "{text}");
        }
        let file = TransferError::file(FileAction::Read, OTHER_SIDE, io::ErrorKind::NotFound.into());
        assert!(file.naming("Ann's laptop").contains(OTHER_SIDE));
    }
}
