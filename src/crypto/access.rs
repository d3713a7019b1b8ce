//! Proves on one connection that a client and a relay both know the relay's access password: SPAKE2, then a tag by each end.
//! Called by `net::access`, which puts it into the relay's messages.
//!
//! A listener learns nothing to test passwords against, and a party without the password can test one guess on each connection.
//! The identities and the labels are others than those of a code, so nothing that was said for one is of use for the other, even
//! if a user chose a code as the password.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use spake2::Identity;

use super::{
    error::CryptoError,
    pake::{MESSAGE_LEN, Pake, SharedKey},
    side::Side,
};
use crate::labels;

/// Length in bytes of a point, which is a key agreement message without the byte that names its role.
pub const POINT_LEN: usize = MESSAGE_LEN - 1;

/// The two ends of a connection to a relay. Each proves with a label of its own, so no proof can be sent back to its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessSide {
    /// The end that connects.
    Client,
    /// The relay.
    Relay,
}

/// A key agreement from an access password under way.
pub struct AccessPake {
    pake: Pake,
    by: AccessSide,
}

/// The key that a client and a relay have agreed on. It says nothing about the other end's password until
/// [`AccessKey::check`] has accepted that end's tag. Wiped on drop; it can be neither printed nor copied.
pub struct AccessKey(SharedKey);

impl AccessSide {
    /// The byte that names the role of a message by this end.
    fn role(self) -> u8 {
        match self {
            Self::Client => b'A',
            Self::Relay => b'B',
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Client => Self::Relay,
            Self::Relay => Self::Client,
        }
    }
}

impl AccessPake {
    /// Starts at the end `by`, and returns the point for the other end. Ends with different versions get different keys.
    #[must_use]
    pub fn start(by: AccessSide, password: &[u8], version: u16) -> (Self, [u8; POINT_LEN]) {
        let identity = |label: &[u8]| Identity::new(&[label, &version.to_be_bytes()].concat());
        let identities = [identity(labels::ACCESS_CLIENT), identity(labels::ACCESS_RELAY)];
        let side = match by {
            AccessSide::Client => Side::Sender,
            AccessSide::Relay => Side::Receiver,
        };
        let (pake, message) = Pake::between(side, password, &identities);
        let point = message[1..].try_into().expect("a message is a role and a point");
        (Self { pake, by }, point)
    }

    /// Takes the other end's point and returns the key.
    pub fn finish(self, theirs: &[u8; POINT_LEN]) -> Result<AccessKey, CryptoError> {
        let message = [&[self.by.other().role()], &theirs[..]].concat();
        self.pake.finish(&message).map(AccessKey)
    }
}

impl AccessKey {
    /// The tag with which the end `by` proves that it holds this key: HMAC-SHA-256 (RFC 2104) over the end's label and what was
    /// said on this connection, each part after its length.
    #[must_use]
    pub fn prove(&self, by: AccessSide, said: &[&[u8]]) -> [u8; 32] {
        self.proof(by, said).finalize().into_bytes().into()
    }

    /// Checks the tag that the end `by` sent, in constant time. A tag that is not the right one is [`CryptoError::WrongCode`].
    pub fn check(&self, by: AccessSide, said: &[&[u8]], tag: &[u8; 32]) -> Result<(), CryptoError> {
        self.proof(by, said).verify(tag.into()).map_err(|_| CryptoError::WrongCode)
    }

    fn proof(&self, by: AccessSide, said: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.bytes()).expect("HMAC takes keys of any length");
        mac.update(match by {
            AccessSide::Client => labels::ACCESS_CLIENT_PROOF,
            AccessSide::Relay => labels::ACCESS_RELAY_PROOF,
        });
        for part in said {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccessSide::{Client, Relay};

    const SAID: [&[u8]; 2] = [b"welcome", b"hello"];

    fn agree(
        client: (AccessPake, [u8; POINT_LEN]),
        relay: (AccessPake, [u8; POINT_LEN]),
    ) -> (AccessKey, AccessKey) {
        (client.0.finish(&relay.1).unwrap(), relay.0.finish(&client.1).unwrap())
    }

    #[test]
    fn both_ends_with_the_password_prove_it_to_each_other() {
        let (client, relay) =
            agree(AccessPake::start(Client, b"lagoon", 1), AccessPake::start(Relay, b"lagoon", 1));
        for by in [Client, Relay] {
            assert_eq!(relay.check(by, &SAID, &client.prove(by, &SAID)), Ok(()));
        }
        assert_eq!(client.check(Client, &SAID, &relay.prove(Relay, &SAID)), Err(CryptoError::WrongCode));
        // Catches parts that are joined without their lengths, and parts that aren't covered.
        for other in [&[b"welcom" as &[u8], b"ehello"][..], &[b"welcome"], &[b"welcome", b"Hello"]] {
            assert_eq!(client.check(Relay, other, &relay.prove(Relay, &SAID)), Err(CryptoError::WrongCode));
        }
    }

    #[test]
    fn another_password_or_version_proves_nothing() {
        for (password, version) in [(&b"Lagoon"[..], 1), (b"", 1), (b"lagoon", 2)] {
            let (client, relay) =
                agree(AccessPake::start(Client, password, version), AccessPake::start(Relay, b"lagoon", 1));
            for by in [Client, Relay] {
                assert_eq!(relay.check(by, &SAID, &client.prove(by, &SAID)), Err(CryptoError::WrongCode));
            }
        }
    }

    #[test]
    fn each_connection_has_a_key_of_its_own_and_a_mirror_gets_none() {
        let start =
            || agree(AccessPake::start(Client, b"lagoon", 1), AccessPake::start(Relay, b"lagoon", 1)).0;
        assert_ne!(start().prove(Client, &SAID), start().prove(Client, &SAID));
        let (client, own) = AccessPake::start(Client, b"lagoon", 1);
        let (relay, theirs) = AccessPake::start(Relay, b"lagoon", 1);
        let tag = relay.finish(&own).unwrap().prove(Relay, &SAID);
        assert_eq!(client.finish(&own).unwrap().check(Relay, &SAID, &tag), Err(CryptoError::WrongCode));
        let _ = theirs;
    }

    /// The same words as a code and as a password give two keys.
    #[test]
    fn what_was_said_for_a_code_is_of_no_use_for_a_password() {
        let words = b"acid-canyon-mustang-tulip";
        let (client, point) = AccessPake::start(Client, words, 1);
        let (receiver, message) = Pake::start(Side::Receiver, words, &[7; 16], 1);
        let theirs = message[1..].try_into().unwrap();
        let sender_message = [&[Client.role()], &point[..]].concat();
        let (ours, theirs) = (client.finish(theirs).unwrap(), receiver.finish(&sender_message).unwrap());
        assert!(ours.0.bytes() != theirs.bytes());
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let refused = (0..=255).filter(|y| {
            let mut point = [0; POINT_LEN];
            point[0] = *y;
            AccessPake::start(Client, b"lagoon", 1).0.finish(&point).is_err()
        });
        // About half of all y coordinates belong to no point of the curve.
        assert!((64..192).contains(&refused.count()));
    }
}
