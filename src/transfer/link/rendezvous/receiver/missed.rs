//! Why a visit to a place where the sender may be has led to nothing.

use crate::transfer::error::TransferError;

/// Why a place has not brought a meeting.
pub(super) enum Missed {
    /// The code was not proven there.
    Before(TransferError),
    /// The code was proven, and was not proven in return.
    Stranger(TransferError),
    /// A sender is there, and the code is not to be proven to it: the search has made all its proofs, or the same sender has
    /// said in another place that the code is wrong.
    Spared,
    /// Nobody is there.
    Nobody,
}

impl From<TransferError> for Missed {
    fn from(error: TransferError) -> Self {
        Self::Before(error)
    }
}
