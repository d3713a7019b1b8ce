//! The protocol, message by message: plain data, limits and codecs. No sockets, no clock, no cryptography.

pub mod frame;
pub mod manifest;
pub mod path;
pub mod peer;
pub mod relay;

pub use path::RelPath;

use serde::{Deserialize, Serialize};

/// The protocol's version. Both ends and the relay name theirs in their first message.
pub const VERSION: u16 = 1;

/// The two ends of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Offers files; draws the code.
    Sender,
    /// Types the code; accepts or declines.
    Receiver,
}
