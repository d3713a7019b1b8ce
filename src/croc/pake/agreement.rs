//! What two sides have agreed on, and the keys that croc makes of it.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::curves::CurveName;

/// What croc's identity-bound key begins with.
const BOUND_KEY_LABEL: &[u8] = b"github.com/schollz/pake/v3/identity-bound-session-key/v1";

/// What both sides know after the exchange, if they know the same password. Wiped on drop; can't be printed.
pub struct Agreement {
    pub(super) curve: CurveName,
    pub(super) password: Zeroizing<Vec<u8>>,
    /// The coordinates of X, Y and Z without leading zeros.
    pub(super) coordinates: [Zeroizing<Vec<u8>>; 6],
}

impl Agreement {
    /// The key that relays and croc 10 use.
    pub fn plain_key(&self) -> SessionKey {
        let mut hash = Sha256::new_with_prefix(&*self.password);
        for coordinate in &self.coordinates {
            hash.update(&**coordinate);
        }
        SessionKey(Zeroizing::new(hash.finalize().into()))
    }

    /// The key that croc 11 uses, which holds for these two participants alone.
    pub fn bound_key(&self, initiator: &[u8], responder: &[u8]) -> SessionKey {
        let head: [&[u8]; 5] =
            [BOUND_KEY_LABEL, &self.password, initiator, responder, self.curve.as_str().as_bytes()];
        let mut hash = Sha256::new();
        for field in head.into_iter().chain(self.coordinates.iter().map(|coordinate| &***coordinate)) {
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field);
        }
        SessionKey(Zeroizing::new(hash.finalize().into()))
    }
}

/// The key of an exchange, from which `channel` derives those that seal. Wiped on drop; can't be printed.
pub struct SessionKey(Zeroizing<[u8; 32]>);

impl SessionKey {
    /// The bytes, for a key derivation.
    pub(in crate::croc) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key of these bytes, for the vectors of the derivations.
    #[cfg(test)]
    pub(in crate::croc) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}
