//! What a receive is asked to do, and what its user decides while it runs.

use std::{io::Write, path::PathBuf};

use tokio::sync::{oneshot, watch};

use crate::{
    code::CodePhrase,
    protocol::name::PeerName,
    transfer::{
        link::rendezvous::SearchPlaces,
        notice::InvitationChain,
        offer::Answer,
        path_mode::ConnectOptions,
        sink::{active::ActiveReceives, unfinished::Registry},
    },
};

/// What to receive, and how.
pub(crate) struct ReceiveRequest {
    /// The sender's code.
    pub code: CodePhrase,
    /// Where to look for the sender.
    pub search: SearchPlaces,
    /// The sender, if the code may be croc's.
    #[cfg(feature = "croc")]
    pub croc: Option<super::croc::meeting::CrocLookout>,
    /// How the receive works, wherever the sender is found.
    pub options: ReceiveOptions,
}

/// How a receive works.
pub(crate) struct ReceiveOptions {
    /// Where to put what arrives.
    pub output: Output,
    /// The most lanes, from 1 to [`MAX_LANES`](crate::protocol::relay::MAX_LANES).
    pub lanes: u16,
    /// How the sender is reached, and looked for when it is lost.
    pub connect: ConnectOptions,
    /// The list of interrupted transfers.
    pub unfinished: Registry,
    /// The chain to which the transfer belongs.
    pub chain: InvitationChain,
    /// What the sender is told that this computer is called; `None` for nothing.
    pub name: Option<PeerName>,
    /// The receives of this engine that have something on the disk at the same time.
    pub active: ActiveReceives,
}

/// Where to put what arrives.
pub enum Output {
    /// A folder, which must exist.
    Folder(PathBuf),
    /// A writer, for the bytes of a single file, in order.
    Writer(Box<dyn Write + Send>),
}

impl Output {
    /// The folder, if this is one.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.clone()),
            Self::Writer(_) => None,
        }
    }
}

/// What the user decides about an offer and its transfer.
pub(crate) struct ReceiverInput {
    /// The answer to [`Notice::Offer`](crate::transfer::notice::Notice::Offer).
    pub answer: oneshot::Receiver<Answer>,
    /// Another folder with which to compare the offer while it waits for its answer.
    pub look: watch::Receiver<Option<PathBuf>>,
    /// Of which entries the user would see a thumbnail now, while the offer waits for its answer.
    pub in_sight: watch::Receiver<Vec<u32>>,
    /// Whether the transfer is to pause.
    pub pause: watch::Receiver<bool>,
}
