//! Which ways to the other side the user allows, and where this machine can be reached.

use std::{num::NonZeroU16, time::Duration};

use serde::{Deserialize, Serialize};

use crate::net::internet::{Internet, Reveal};

/// Which ways to the other side a transfer may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathMode {
    /// Whatever works.
    #[default]
    Automatic,
    /// Only the local network: no relay elsewhere learns anything.
    LocalOnly,
    /// Only a relay: nothing is announced on the local network, and the other side is told no address.
    RelayOnly,
}

impl PathMode {
    /// What the other side may learn of this machine over the internet.
    pub(crate) fn reveal(self) -> Reveal {
        match self {
            Self::Automatic => Reveal::Addresses,
            Self::LocalOnly | Self::RelayOnly => Reveal::Nothing,
        }
    }
}

/// Where the other side may reach this machine directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenOptions {
    /// The port; `None` lets the system choose one.
    pub port: Option<NonZeroU16>,
    /// Whether to ask the gateway to let connections from outside in.
    pub asks_gateway: bool,
}

/// How the other side is reached, and reached again.
#[derive(Debug, Clone)]
pub(crate) struct ConnectOptions {
    /// How long a lost peer, or a lost relay while one waits, is looked for. With [`Duration::ZERO`] the loss is the end.
    pub(crate) patience: Duration,
    /// Which ways bytes may take.
    pub(crate) path_mode: PathMode,
    /// Where this machine is to be reached directly.
    pub(crate) listen: ListenOptions,
    /// What may be used of the internet.
    pub(crate) internet: Option<Internet>,
}
