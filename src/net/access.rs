//! What lets a client use a relay that isn't open to everybody.
//!
//! A relay may have an access password. It is proven with HMAC-SHA-256 (RFC 2104) keyed with the password, over a label and the
//! relay's fresh nonce. The password itself never travels, and a proof is worth nothing on another connection.
//!
//! A relay that runs beside a sender has only that sender, which it knows by a [`SenderKey`].

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use crate::{labels, protocol::relay::ClientToken};

/// Length in bytes of a sender's key, which is half of a token. A guess costs a connection, so this is plenty.
const KEY_LEN: usize = 8;

/// The secret by which a relay that runs beside a sender knows that sender: the tokens of all of its clients begin with it.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SenderKey([u8; KEY_LEN]);

impl SenderKey {
    /// Draws a key.
    pub fn draw() -> io::Result<Self> {
        random().map(Self)
    }

    /// Draws a token for one of the sender's clients.
    pub fn client_token(&self) -> io::Result<ClientToken> {
        let mut token: [u8; 16] = random()?;
        token[..KEY_LEN].copy_from_slice(&self.0);
        Ok(ClientToken(token))
    }

    /// Whether `token` was drawn for a client of this sender. It takes the same time whatever the answer is.
    pub fn has_drawn(&self, token: &ClientToken) -> bool {
        token.0.iter().zip(&self.0).fold(0, |differing, (theirs, ours)| differing | (theirs ^ ours)) == 0
    }
}

/// Bytes from the operating system's generator.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

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
    fn a_sender_is_known_by_its_tokens_and_no_two_of_them_are_alike() {
        let (key, other) = (SenderKey::draw().unwrap(), SenderKey::draw().unwrap());
        let [one, two] = [key.client_token().unwrap(), key.client_token().unwrap()];
        assert_ne!(one, two);
        assert!(key.has_drawn(&one) && key.has_drawn(&two));
        assert!(!key.has_drawn(&other.client_token().unwrap()));
        for at in 0..KEY_LEN {
            let mut guess = one;
            guess.0[at] ^= 1;
            assert!(!key.has_drawn(&guess), "byte {at}");
        }
    }

    #[test]
    fn only_the_same_password_over_the_same_nonce_passes() {
        let proof = prove("lagoon", &[1; 32]);
        assert!(verify("lagoon", &[1; 32], &proof));
        assert!(!verify("lagoon", &[2; 32], &proof));
        assert!(!verify("Lagoon", &[1; 32], &proof));
    }
}
