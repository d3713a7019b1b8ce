//! Where two peers can meet.

use super::{client::RelayChoice, internet::Internet};

/// Where two peers have met, and can meet again.
#[derive(Debug, Clone, PartialEq)]
pub enum Venue {
    /// A relay.
    Relay(RelayChoice),
    /// The internet, without a relay of Caiman's own kind.
    Internet(Internet),
}

impl Venue {
    /// The relay, if this is one.
    pub fn relay(&self) -> Option<&RelayChoice> {
        match self {
            Self::Relay(relay) => Some(relay),
            Self::Internet(_) => None,
        }
    }
}
