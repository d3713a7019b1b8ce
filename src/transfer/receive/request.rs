//! What a receive is asked to do, and what its user has to say to it.

use std::{io::Write, path::PathBuf};

use tokio::sync::{oneshot, watch};

use crate::{
    code::CodePhrase,
    transfer::{
        link::rendezvous::SearchPlaces,
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
    /// How it goes, wherever the sender is found.
    pub options: ReceiveOptions,
}

/// How a receive goes.
pub(crate) struct ReceiveOptions {
    /// Where what arrives goes.
    pub output: Output,
    /// Over how many lanes at most, from 1 to [`MAX_LANES`](crate::protocol::relay::MAX_LANES).
    pub lanes: u16,
    /// How the sender is reached, and looked for when it is lost.
    pub connect: ConnectOptions,
    /// The list of interrupted transfers.
    pub unfinished: Registry,
    /// What else is received in this engine at the same time.
    pub active: ActiveReceives,
}

/// Where what arrives goes.
pub enum Output {
    /// Into a folder, which exists.
    Folder(PathBuf),
    /// A single file's bytes, in order.
    Writer(Box<dyn Write + Send>),
}

impl Output {
    /// The folder, if it is one.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder.clone()),
            Self::Writer(_) => None,
        }
    }
}

/// What a person has to say to an offer.
pub(crate) struct ReceiverInput {
    /// The answer to [`Notice::Offer`](crate::transfer::notice::Notice::Offer).
    pub answer: oneshot::Receiver<Answer>,
    /// The folder that the offer is to be held against while it waits, if it is another one.
    pub look: watch::Receiver<Option<PathBuf>>,
    /// Whether the transfer is to rest.
    pub pause: watch::Receiver<bool>,
}
