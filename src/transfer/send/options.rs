//! How a send works, and what its user may change while it runs.

use std::sync::Arc;

use tokio::sync::watch;

#[cfg(feature = "croc")]
use crate::transfer::croc::CrocPosting;
use crate::{
    protocol::name::PeerName,
    transfer::{
        lanes::throttle::Throttle,
        link::{invitation::Invitations, rendezvous::WaitOptions},
        path_mode::ConnectOptions,
        source::listing::ListChange,
    },
};

/// How a send works, whatever it sends and to whom. Sends that share a throttle share its limit.
#[derive(Clone)]
pub(crate) struct SendOptions {
    /// The most lanes, from 1 to [`MAX_LANES`](crate::protocol::relay::MAX_LANES).
    pub lanes: u16,
    /// Limits the speed. The limit may change while the send runs.
    pub throttle: Arc<Throttle>,
    /// Iterations of PBKDF2 for each channel's keys.
    pub iterations: u32,
    /// How the receiver is reached, and looked for when it is lost.
    pub connect: ConnectOptions,
    /// What the receiver is told that this computer is called; `None` for nothing.
    pub name: Option<PeerName>,
    /// Also waits for a receiver that has croc.
    #[cfg(feature = "croc")]
    pub croc: Option<CrocPosting>,
}

impl SendOptions {
    /// The same with the sender's own relay for crocs at this port, if it has one.
    #[cfg(feature = "croc")]
    pub(crate) fn with_croc_at(mut self, own_port: Option<u16>) -> Self {
        if let Some(croc) = &mut self.croc {
            croc.own_port = own_port;
        }
        self
    }

    /// How the send waits for its receiver.
    pub(super) fn waits(&self) -> WaitOptions {
        let ConnectOptions { patience, path_mode, .. } = self.connect;
        WaitOptions { patience, iterations: self.iterations, reveal: path_mode.reveal() }
    }
}

/// The most receivers of one code. Each has lanes of its own, so it bounds what one send costs this machine and its
/// network.
pub const MAX_RECEIVERS: u16 = 16;

/// What the user may change in a send that runs.
pub(crate) struct SenderInput {
    /// Every change to what the request named, the oldest first.
    pub changes: watch::Receiver<Vec<ListChange>>,
    /// Whether the transfer is to pause.
    pub pause: watch::Receiver<bool>,
    /// Other sends to which the same receiver is to be invited.
    pub invitations: Invitations,
}
