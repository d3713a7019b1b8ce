//! Records that fail before they are authenticated. Anything between the two computers can bring them about: a damaged
//! bit, a relay, a stranger on the network. So they say nothing about the peer. They cost the connection that brought them
//! and nothing else, and they are counted, so that the user learns of it when there are many.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{
    crypto::CryptoError,
    transfer::error::{Misbehaviour, TransferError},
};

/// How many records of a session, on the control channel and on all lanes, failed before they were authenticated.
#[derive(Debug, Default)]
pub(crate) struct Forgeries(AtomicU32);

impl Forgeries {
    /// What follows from a record that can't be opened: a lost connection, unless the record was authentic. Then the peer
    /// itself sealed something that it must not.
    pub(crate) fn judge(&self, error: CryptoError) -> TransferError {
        if matches!(error, CryptoError::Padding) {
            return Misbehaviour::Record.into();
        }
        tracing::warn!(%error, "a record was changed on its way");
        self.0.fetch_add(1, Ordering::Relaxed);
        TransferError::PeerLost
    }

    /// How many there have been.
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
