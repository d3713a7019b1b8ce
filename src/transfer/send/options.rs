//! How a send goes, and what its user may still say to it.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::watch;

use crate::transfer::{
    lanes::throttle::Throttle,
    link::{invitation::Invitations, rendezvous::WaitOptions},
    path_mode::ConnectOptions,
};

/// How a send goes, whatever it sends and to whom. Several that share them share the rate.
#[derive(Clone)]
pub(crate) struct SendOptions {
    /// Over how many lanes at most, from 1 to [`MAX_LANES`](crate::protocol::relay::MAX_LANES).
    pub lanes: u16,
    /// How fast at most.
    pub throttle: Arc<Throttle>,
    /// Iterations of PBKDF2 for each channel's keys.
    pub iterations: u32,
    /// How the receiver is reached, and looked for when it is lost.
    pub connect: ConnectOptions,
}

impl SendOptions {
    /// How it waits for its receiver.
    pub(super) fn waits(&self) -> WaitOptions {
        WaitOptions { patience: self.connect.patience, iterations: self.iterations }
    }
}

/// Most receivers of one code.
pub const MAX_RECEIVERS: u16 = 16;

/// What a person may still say to a send that runs.
pub(crate) struct SenderInput {
    /// Every path that was added to those of the request.
    pub additions: watch::Receiver<Vec<PathBuf>>,
    /// Whether it is to rest.
    pub pause: watch::Receiver<bool>,
    /// Other sends to the same receiver.
    pub invitations: Invitations,
}
