//! How a sender is found: under which code, and where it waits.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    code::CodePhrase,
    net::{
        access::SenderKey,
        client::{RelayAddress, RelayChoice},
        internet::{Internet, Reveal},
        venue::Venue,
    },
    protocol::relay::RoomId,
    transfer::link::invitation::{Follower, MeetingPlace},
};

/// Which code a sender uses.
pub enum CodeChoice {
    /// A code drawn from the word list.
    Drawn {
        /// The number of words, from four to six.
        words: usize,
    },
    /// The user's own code.
    Own(CodePhrase),
}

/// How the receiver learns under which code the sender waits.
pub enum MeetBy {
    /// The user passes the code on.
    Code(CodeChoice, WaitingPlaces),
    /// A running send names the code to its receiver, and no user sees it.
    Invitation(Follower),
    /// A receiver that is known already is called and told this code, and no user sees it. `is_up` says whether it is of use to
    /// call now.
    Call {
        /// The code, which nobody else uses.
        code: CodePhrase,
        /// Where the code is up.
        places: WaitingPlaces,
        /// True while the code waits for the receiver.
        is_up: watch::Sender<bool>,
    },
}

/// How long a sender waits, and how its keys are made.
#[derive(Debug, Clone, Copy)]
pub struct WaitOptions {
    /// How long a sender that waits nowhere else goes on trying a relay that is lost.
    pub patience: Duration,
    /// Iterations of PBKDF2 for each channel's keys.
    pub iterations: u32,
    /// What a receiver that has proven the code may learn of this machine, over the internet.
    pub reveal: Reveal,
}

/// The places where a sender waits.
#[derive(Clone)]
pub struct WaitingPlaces {
    /// Relays in the order of preference. The sender uses the first that can be reached.
    pub relays: Vec<RelayChoice>,
    /// The relay that runs beside this sender, if there is one.
    pub own: Option<OwnRelay>,
    /// The internet, if it may be used.
    pub online: Option<OnlinePlace>,
}

/// How a sender can be found over the internet.
#[derive(Debug, Clone)]
pub struct OnlinePlace {
    /// Through which relays.
    pub internet: Internet,
    /// What the receiver may learn of this machine once it has proven the code.
    pub reveal: Reveal,
}

/// A relay that runs beside a sender, for receivers that can reach this machine. It is dropped when no receiver is to find
/// it any more.
#[derive(Clone)]
pub struct OwnRelay {
    /// The address at which the sender itself reaches the relay.
    pub address: RelayAddress,
    /// The key by which the relay knows the sender.
    pub key: SenderKey,
    /// The room to be announced in the local network, while the sender waits in one.
    pub announced: watch::Sender<Option<RoomId>>,
    /// Cancelled when the receiver that was met elsewhere has answered.
    pub unneeded: CancellationToken,
}

impl WaitingPlaces {
    /// The place where the two have met before, and no other. Nothing is announced in the local network.
    pub(super) fn only(MeetingPlace { venue, own_key }: MeetingPlace, reveal: Reveal) -> Self {
        let nowhere = Self { relays: Vec::new(), own: None, online: None };
        match (venue, own_key) {
            (Venue::Internet(internet), _) => {
                Self { online: Some(OnlinePlace { internet, reveal }), ..nowhere }
            }
            (Venue::Relay(relay), None) => Self { relays: vec![relay], ..nowhere },
            (Venue::Relay(relay), Some(key)) => {
                let (announced, unneeded) = (watch::Sender::new(None), CancellationToken::new());
                Self { own: Some(OwnRelay { address: relay.address, key, announced, unneeded }), ..nowhere }
            }
        }
    }
}
