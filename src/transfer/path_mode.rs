//! Which ways bytes may take.

use serde::{Deserialize, Serialize};

/// Which ways the bytes of a transfer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathMode {
    /// Directly where the two machines can reach each other, else through a relay.
    #[default]
    Automatic,
    /// Only within the local network.
    LocalOnly,
    /// Only through a relay: the other side learns no address of this machine.
    RelayOnly,
}
