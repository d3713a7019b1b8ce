//! Which ways to the other side a person allows.

use serde::{Deserialize, Serialize};

/// Which ways to the other side are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathMode {
    /// Whatever works.
    #[default]
    Automatic,
    /// The local network; no relay elsewhere learns anything.
    LocalOnly,
    /// A relay; nothing is told to the local network, and no address to the other side.
    RelayOnly,
}
