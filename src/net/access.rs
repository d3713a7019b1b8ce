//! Proof of a relay's access password: HMAC-SHA-256 (RFC 2104) keyed with the password, over a label and the relay's
//! fresh nonce. The password itself never travels, and a proof is worth nothing on another connection.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::labels;

/// The proof of `password` over `nonce`.
pub fn prove(password: &str, nonce: &[u8; 32]) -> [u8; 32] {
    mac(password, nonce).finalize().into_bytes().into()
}

/// Whether `proof` was made with `password` over `nonce`. It takes the same time whatever the answer is.
pub fn verify(password: &str, nonce: &[u8; 32], proof: &[u8; 32]) -> bool {
    mac(password, nonce).verify_slice(proof).is_ok()
}

fn mac(password: &str, nonce: &[u8; 32]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(password.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(labels::RELAY_ACCESS);
    mac.update(nonce);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_over_the_same_nonce_passes() {
        let proof = prove("lagoon", &[1; 32]);
        assert!(verify("lagoon", &[1; 32], &proof));
        assert!(!verify("lagoon", &[2; 32], &proof));
        assert!(!verify("Lagoon", &[1; 32], &proof));
    }
}
