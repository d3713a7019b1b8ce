//! How the lanes of a connection are opened.

use std::sync::Arc;

use super::direct::Direct;
use crate::{
    crypto::ChannelKeys,
    net::client::LaneAddress,
    protocol::{peer::Way, relay::LaneToken},
};

/// Where and under which keys the lanes of this connection are opened.
#[derive(Clone)]
pub struct LaneDoor {
    /// Where the relay takes them, and the name that it knows them by; `None` where it was gone around.
    pub relay: Option<(LaneAddress, LaneToken)>,
    /// Keys of the data channel.
    pub keys: Arc<ChannelKeys>,
    /// Names the connection.
    pub link: u64,
    /// The way around the relay.
    pub direct: Option<Arc<Direct>>,
}

impl LaneDoor {
    /// How lanes are best opened now.
    pub fn way(&self) -> Way {
        self.direct.as_ref().map_or(Way::Relay, |direct| direct.way())
    }
}
