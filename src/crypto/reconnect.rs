//! The reconnect to a session whose connections were lost: both ends prove, over fresh nonces, that they still hold a
//! secret of that session, and get new keys. The code alone is not enough for any of this.
//!
//! The secret comes from the stretched root of the session ([`Root::reconnect_key`]), so PBKDF2 stays the second wall here as
//! well. Both ends contribute a nonce, so no proof and no key ever occurs twice, and a recorded reconnect is worthless.

use hmac::{Hmac, KeyInit, Mac, digest::FixedOutput};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

use super::{
    direct::DirectKey,
    error::CryptoError,
    kdf::{self, Channel, ChannelKeys, Root},
    nonces::{NONCE_LEN, Nonces},
    secret::Secret,
    side::Side,
};
use crate::labels;

/// The secret by which both ends of a session find and recognise each other after a lost connection, and from which the keys of
/// the new connection follow. Wiped on drop; can't be printed.
#[derive(ZeroizeOnDrop)]
pub struct ReconnectKey(Secret);

impl Root {
    /// The key with which both ends of this session find each other again.
    #[must_use]
    pub fn reconnect_key(&self) -> ReconnectKey {
        ReconnectKey(Secret::written_by(|key| kdf::expand(self.bytes(), labels::RECONNECT, key)))
    }
}

impl ReconnectKey {
    /// Draws a fresh nonce for this end.
    pub fn nonce() -> Result<[u8; NONCE_LEN], CryptoError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| CryptoError::NoRandomness)?;
        Ok(nonce)
    }

    /// The room in which the two ends meet again. It is not a secret, and says nothing about the code.
    #[must_use]
    pub fn room(&self) -> [u8; 16] {
        let mut room = [0; 16];
        kdf::expand(&self.0, labels::RECONNECT_ROOM, &mut room);
        room
    }

    /// The key that proves that a direct connection belongs to this session.
    #[must_use]
    pub fn direct(&self) -> DirectKey {
        DirectKey::new(Secret::written_by(|key| kdf::expand(&self.0, labels::DIRECT, key)))
    }

    /// The tag with which the end `by` proves that it holds this key: HMAC-SHA-256 (RFC 2104) over the end's label and
    /// both nonces.
    #[must_use]
    pub fn prove(&self, by: Side, nonces: &Nonces) -> [u8; 32] {
        self.proof(by, nonces).finalize().into_bytes().into()
    }

    /// Checks the tag that the end `by` sent, in constant time. A tag that is not the right one is
    /// [`CryptoError::WrongCode`].
    pub fn check(&self, by: Side, nonces: &Nonces, tag: &[u8; 32]) -> Result<(), CryptoError> {
        self.proof(by, nonces).verify(tag.into()).map_err(|_| CryptoError::WrongCode)
    }

    /// The keys of a channel on the connection that these nonces were drawn for.
    #[must_use]
    pub fn keys(&self, channel: Channel, nonces: &Nonces) -> ChannelKeys {
        let label = match channel {
            Channel::Metadata => labels::RECONNECT_METADATA,
            Channel::Data => labels::RECONNECT_DATA,
        };
        let root = Secret::written_by(|root| self.mac(label, nonces).finalize_into(root.into()));
        kdf::channel_keys(&root, channel)
    }

    fn proof(&self, by: Side, nonces: &Nonces) -> Hmac<Sha256> {
        let label = match by {
            Side::Sender => labels::RECONNECT_SENDER,
            Side::Receiver => labels::RECONNECT_RECEIVER,
        };
        self.mac(label, nonces)
    }

    fn mac(&self, label: &[u8], nonces: &Nonces) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        mac.update(label);
        mac.update(&nonces.sender);
        mac.update(&nonces.receiver);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Opener, Sealer};

    const NONCES: Nonces = Nonces { sender: [1; 32], receiver: [2; 32] };

    fn key(bytes: [u8; 32]) -> ReconnectKey {
        ReconnectKey(Secret::written_by(|key| *key = bytes))
    }

    #[test]
    fn only_the_same_secret_the_same_end_and_the_same_nonces_pass() {
        let own = key([9; 32]);
        let tag = own.prove(Side::Sender, &NONCES);
        assert_eq!(own.check(Side::Sender, &NONCES, &tag), Ok(()));
        let swapped = Nonces { sender: NONCES.receiver, receiver: NONCES.sender };
        for refused in [
            key([8; 32]).check(Side::Sender, &NONCES, &tag),
            own.check(Side::Receiver, &NONCES, &tag),
            own.check(Side::Sender, &swapped, &tag),
            own.check(Side::Sender, &Nonces { receiver: [3; 32], ..NONCES }, &tag),
        ] {
            assert_eq!(refused, Err(CryptoError::WrongCode));
        }
    }

    #[test]
    fn every_reconnect_has_keys_of_its_own() {
        let own = key([9; 32]);
        let open = |nonces: &Nonces, channel| {
            let record = Sealer::new(own.keys(Channel::Metadata, &NONCES).sent_by(Side::Sender), 0)
                .seal_message(b"still here")
                .unwrap();
            let keys = own.keys(channel, nonces);
            let mut opener = Opener::new(keys.sent_by(Side::Sender), 0, 64);
            let (header, rest) = record.split_first_chunk().unwrap();
            opener.begin(header)?;
            opener.open(header, &mut rest.to_vec()).map(|bytes| bytes.to_vec())
        };
        assert_eq!(open(&NONCES, Channel::Metadata), Ok(b"still here".to_vec()));
        assert!(open(&Nonces { sender: [4; 32], ..NONCES }, Channel::Metadata).is_err());
        assert!(open(&NONCES, Channel::Data).is_err());
    }

    #[test]
    fn the_room_says_nothing_of_the_secret_and_is_the_same_for_both() {
        let room = key([9; 32]).room();
        assert_eq!(room, key([9; 32]).room());
        assert_ne!(room, key([8; 32]).room());
    }
}
