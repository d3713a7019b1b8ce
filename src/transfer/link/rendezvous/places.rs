//! How a sender is found: under which code, and where it waits.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    code::CodePhrase,
    net::client::{RelayAddress, RelayChoice},
    protocol::relay::RoomId,
    transfer::link::invitation::{Follower, MeetingPlace},
};

/// Which code a sender uses.
pub enum CodeChoice {
    /// One drawn from the word list, of this many words.
    Drawn {
        /// Four to six.
        words: usize,
    },
    /// The person's own.
    Own(CodePhrase),
}

/// How the other side learns where to come.
pub enum MeetBy {
    /// Under a code that a person passes on.
    Code(CodeChoice, WaitingPlaces),
    /// Under one that nobody sees: a send that runs says it to its receiver.
    Invitation(Follower),
}

/// How a sender waits.
#[derive(Debug, Clone, Copy)]
pub struct WaitOptions {
    /// How long a relay that is lost meanwhile is asked again.
    pub patience: Duration,
    /// Of PBKDF2, for each channel's keys.
    pub iterations: u32,
}

/// Where a sender waits.
pub struct WaitingPlaces {
    /// Relays in the order of preference: the first that can be reached is used.
    pub relays: Vec<RelayChoice>,
    /// The one that runs beside this sender.
    pub own: Option<OwnRelay>,
}

/// A relay that runs beside a sender, for whoever can reach this machine. Dropped when nobody is to find it any more.
pub struct OwnRelay {
    /// Where the sender itself reaches it.
    pub address: RelayAddress,
    /// The room that the local network may know of, once there is one.
    pub announced: watch::Sender<Option<RoomId>>,
    /// Cancelled when the two have met elsewhere.
    pub unneeded: CancellationToken,
}

impl WaitingPlaces {
    /// This one. Nothing is announced there, and nobody waits anywhere else.
    pub(super) fn only(MeetingPlace { relay, is_own }: MeetingPlace) -> Self {
        if !is_own {
            return Self { relays: vec![relay], own: None };
        }
        let (announced, unneeded) = (watch::Sender::new(None), CancellationToken::new());
        Self { relays: Vec::new(), own: Some(OwnRelay { address: relay.address, announced, unneeded }) }
    }
}
