//! Proves, on a connection that one end made straight to the other, that its two ends are those of a session. A stranger who
//! finds the port learns nothing and gets nowhere, because the proof needs the session's secret.
//!
//! Both ends contribute a nonce, and the tags cover the connection's purpose, so a proof is valid for one connection and one
//! purpose only.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use super::{error::CryptoError, nonces::Nonces, secret::Secret, side::Side};
use crate::labels;

/// The key with which both ends of a session prove that a direct connection is theirs. Wiped on drop; can't be printed.
#[derive(ZeroizeOnDrop)]
pub struct DirectKey(Secret);

impl DirectKey {
    pub(super) fn new(key: Secret) -> Self {
        Self(key)
    }

    /// The tag with which the end `by` proves that it holds this key: HMAC-SHA-256 (RFC 2104) over the end's label, both
    /// nonces, and the encoded purpose of the connection.
    #[must_use]
    pub fn prove(&self, by: Side, nonces: &Nonces, purpose: &[u8]) -> [u8; 32] {
        self.proof(by, nonces, purpose).finalize().into_bytes().into()
    }

    /// Checks the tag that the end `by` sent, in constant time. A tag that is not the right one is
    /// [`CryptoError::WrongCode`].
    pub fn check(
        &self,
        by: Side,
        nonces: &Nonces,
        purpose: &[u8],
        tag: &[u8; 32],
    ) -> Result<(), CryptoError> {
        self.proof(by, nonces, purpose).verify(tag.into()).map_err(|_| CryptoError::WrongCode)
    }

    fn proof(&self, by: Side, nonces: &Nonces, purpose: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        mac.update(match by {
            Side::Sender => labels::DIRECT_SENDER,
            Side::Receiver => labels::DIRECT_RECEIVER,
        });
        mac.update(&nonces.sender);
        mac.update(&nonces.receiver);
        mac.update(purpose);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bytes: [u8; 32]) -> DirectKey {
        DirectKey::new(Secret::written_by(|key| *key = bytes))
    }

    #[test]
    fn a_proof_is_good_for_one_end_one_connection_and_one_purpose() {
        let nonces = Nonces { sender: [1; 32], receiver: [2; 32] };
        let own = key([9; 32]);
        let tag = own.prove(Side::Sender, &nonces, b"lane 1");
        assert_eq!(own.check(Side::Sender, &nonces, b"lane 1", &tag), Ok(()));
        for refused in [
            key([8; 32]).check(Side::Sender, &nonces, b"lane 1", &tag),
            own.check(Side::Receiver, &nonces, b"lane 1", &tag),
            own.check(Side::Sender, &Nonces { receiver: [3; 32], ..nonces }, b"lane 1", &tag),
            own.check(Side::Sender, &Nonces { sender: [3; 32], ..nonces }, b"lane 1", &tag),
            own.check(Side::Sender, &nonces, b"lane 2", &tag),
        ] {
            assert_eq!(refused, Err(CryptoError::WrongCode));
        }
    }
}
