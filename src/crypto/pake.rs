//! From the code that two users share to a key that only their two ends hold: SPAKE2, then a proof by each end that it holds
//! the same key. Called once per handshake by `transfer`. It takes the hellos as bytes and doesn't know what they contain.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use spake2::{Ed25519Group, Identity, Password, Spake2};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{error::CryptoError, secret::Secret, side::Side};
use crate::labels;

/// Length of a key agreement message in bytes: one for the role, 32 for the point.
pub const MESSAGE_LEN: usize = 33;
/// Length of a room id in bytes.
pub const ROOM_LEN: usize = 16;
/// Length of a confirmation tag in bytes, a whole HMAC-SHA-256.
pub const CONFIRMATION_LEN: usize = 32;

/// One key agreement under way: SPAKE2 (Abdalla and Pointcheval, 2005) over the Ed25519 group, with distinct roles,
/// as python-spake2 and magic-wormhole compute it. It predates RFC 9382 and is not wire-compatible with it.
///
/// An eavesdropper learns nothing to test codes against; an attacker who takes part can test one code. The `spake2` crate
/// wipes neither its state nor the scalar that it makes of the code, and gives no access to them, so keep a `Pake` only while
/// waiting for the peer's message.
pub struct Pake {
    state: Spake2<Ed25519Group>,
}

impl Pake {
    /// Starts on `side` with the whole normalised `code` and returns the message for the peer, [`MESSAGE_LEN`] bytes.
    /// The identities bind role, room and protocol version: ends that differ in any of them get different keys.
    #[must_use]
    pub fn start(side: Side, code: &[u8], room: &[u8; ROOM_LEN], version: u16) -> (Pake, Vec<u8>) {
        let sender = identity(labels::PAKE_SENDER, room, version);
        let receiver = identity(labels::PAKE_RECEIVER, room, version);
        Self::between(side, code, &[sender, receiver])
    }

    /// Starts on `side` between the two ends with these identities, the sending side's first.
    pub(super) fn between(side: Side, secret: &[u8], [a, b]: &[Identity; 2]) -> (Pake, Vec<u8>) {
        let password = Password::new(secret);
        let (state, message) = match side {
            Side::Sender => Spake2::start_a(&password, a, b),
            Side::Receiver => Spake2::start_b(&password, a, b),
        };
        (Pake { state }, message)
    }

    /// Takes the peer's message and returns the key. The key says nothing about the peer's code until [`SharedKey::check`] has
    /// accepted the peer's tag. A message of this end's own role, for instance a mirrored one, is refused.
    pub fn finish(self, peer_message: &[u8]) -> Result<SharedKey, CryptoError> {
        let agreed = self.state.finish(peer_message).map_err(|_| CryptoError::BadPakeMessage)?;
        let agreed: Zeroizing<Vec<u8>> = agreed.into();
        let agreed: &[u8; 32] = agreed.as_slice().try_into().map_err(|_| CryptoError::BadPakeMessage)?;
        Ok(SharedKey(Secret::written_by(|key| key.copy_from_slice(agreed))))
    }
}

/// K, the result of the key agreement. Wiped on drop; it can be neither printed nor copied.
#[derive(ZeroizeOnDrop)]
pub struct SharedKey(Secret);

impl SharedKey {
    /// The tag with which the end `by` proves that it holds this key and saw this transcript:
    /// HMAC-SHA-256 (RFC 2104) over the end's label and the transcript.
    #[must_use]
    pub fn confirm(&self, by: Side, transcript: &Transcript) -> [u8; CONFIRMATION_LEN] {
        self.confirmation(by, transcript).finalize().into_bytes().into()
    }

    /// Checks the tag that the end `by` sent, in constant time. A tag that is not the right one is
    /// [`CryptoError::WrongCode`].
    pub fn check(
        &self,
        by: Side,
        transcript: &Transcript,
        tag: &[u8; CONFIRMATION_LEN],
    ) -> Result<(), CryptoError> {
        self.confirmation(by, transcript).verify(tag.into()).map_err(|_| CryptoError::WrongCode)
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: [u8; 32]) -> SharedKey {
        SharedKey(Secret::written_by(|key| *key = bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn confirmation(&self, by: Side, transcript: &Transcript) -> Hmac<Sha256> {
        let label = match by {
            Side::Sender => labels::CONFIRM_SENDER,
            Side::Receiver => labels::CONFIRM_RECEIVER,
        };
        hmac(&*self.0, label, &transcript.bytes)
    }
}

/// Everything that both ends said before they could trust each other, as raw bytes: versions, feature lists and key
/// agreement messages. Each of the two parts is preceded by its length, so two different pairs never give the same transcript.
#[derive(Clone)]
pub struct Transcript {
    bytes: Vec<u8>,
}

impl Transcript {
    /// Joins the sender's first message and the receiver's hello, byte for byte as they travelled.
    #[must_use]
    pub fn new(sender_first: &[u8], receiver_hello: &[u8]) -> Transcript {
        let mut bytes = Vec::with_capacity(16 + sender_first.len() + receiver_hello.len());
        for part in [sender_first, receiver_hello] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Transcript { bytes }
    }
}

fn identity(label: &[u8], room: &[u8; ROOM_LEN], version: u16) -> Identity {
    Identity::new(&[label, room, &version.to_be_bytes()].concat())
}

fn hmac(key: &[u8], label: &[u8], message: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .expect("HMAC takes a key of any length")
        .chain_update(label)
        .chain_update(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::unhex;

    const CODE: &[u8] = b"acid-canyon-mustang-tulip";
    const ROOM: [u8; ROOM_LEN] = [7; ROOM_LEN];

    fn agree(
        (sender, to_receiver): (Pake, Vec<u8>),
        (receiver, to_sender): (Pake, Vec<u8>),
    ) -> (SharedKey, SharedKey) {
        (sender.finish(&to_sender).unwrap(), receiver.finish(&to_receiver).unwrap())
    }

    #[test]
    fn confirmation_is_the_hmac_of_rfc_4231() {
        // Test cases 1, 2, 3, 4 and 6.
        let cases: [(Vec<u8>, Vec<u8>, &str); 5] = [
            (
                vec![0x0b; 20],
                b"Hi There".to_vec(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (1..=25).collect(),
                vec![0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, expected) in cases {
            for cut in [0, 3, message.len()] {
                let (label, rest) = message.split_at(cut);
                assert_eq!(hmac(&key, label, rest).finalize().into_bytes().as_slice(), unhex(expected));
            }
        }
    }

    #[test]
    fn both_sides_agree_and_confirm_each_other() {
        let sender = Pake::start(Side::Sender, CODE, &ROOM, 1);
        let receiver = Pake::start(Side::Receiver, CODE, &ROOM, 1);
        assert_eq!((sender.1.len(), receiver.1.len()), (MESSAGE_LEN, MESSAGE_LEN));
        let (ours, theirs) = agree(sender, receiver);
        assert!(ours.bytes() == theirs.bytes());

        let transcript = Transcript::new(b"hello", b"hello yourself");
        for by in [Side::Sender, Side::Receiver] {
            assert_eq!(theirs.check(by, &transcript, &ours.confirm(by, &transcript)), Ok(()));
        }
    }

    #[test]
    fn a_confirmation_is_the_documented_hmac() {
        let key = SharedKey::from_bytes([9; 32]);
        let transcript = Transcript::new(b"abc", b"");
        let message = [labels::CONFIRM_SENDER, &[0, 0, 0, 0, 0, 0, 0, 3], b"abc", &[0; 8]].concat();
        let expected: [u8; 32] = hmac(&[9; 32], b"", &message).finalize().into_bytes().into();
        assert_eq!(key.confirm(Side::Sender, &transcript), expected);
    }

    #[test]
    fn two_runs_with_one_code_give_different_keys() {
        let start = || {
            agree(Pake::start(Side::Sender, CODE, &ROOM, 1), Pake::start(Side::Receiver, CODE, &ROOM, 1)).0
        };
        assert!(start().bytes() != start().bytes());
    }

    #[test]
    fn another_code_room_or_version_is_a_wrong_code() {
        let transcript = Transcript::new(b"a", b"b");
        let others = [
            Pake::start(Side::Receiver, b"acid-canyon-mustang-tulips", &ROOM, 1),
            Pake::start(Side::Receiver, b"", &ROOM, 1),
            Pake::start(Side::Receiver, CODE, &[8; ROOM_LEN], 1),
            Pake::start(Side::Receiver, CODE, &ROOM, 2),
        ];
        for other in others {
            let (ours, theirs) = agree(Pake::start(Side::Sender, CODE, &ROOM, 1), other);
            assert!(ours.bytes() != theirs.bytes());
            for by in [Side::Sender, Side::Receiver] {
                let tag = theirs.confirm(by, &transcript);
                assert_eq!(ours.check(by, &transcript, &tag), Err(CryptoError::WrongCode));
            }
        }
    }

    #[test]
    fn a_changed_transcript_or_a_mirrored_tag_is_a_wrong_code() {
        let key = SharedKey::from_bytes([1; 32]);
        let tag = key.confirm(Side::Sender, &Transcript::new(b"ab", b"c"));
        // The first pair catches parts that are joined without their lengths.
        for (first, second) in [(&b"a"[..], &b"bc"[..]), (b"c", b"ab"), (b"abc", b""), (b"ab", b"d")] {
            let changed = Transcript::new(first, second);
            assert_eq!(key.check(Side::Sender, &changed, &tag), Err(CryptoError::WrongCode));
        }
        let transcript = Transcript::new(b"ab", b"c");
        assert_eq!(key.check(Side::Receiver, &transcript, &tag), Err(CryptoError::WrongCode));
        for bit in 0..CONFIRMATION_LEN * 8 {
            let mut flipped = tag;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.check(Side::Sender, &transcript, &flipped), Err(CryptoError::WrongCode));
        }
    }

    #[test]
    fn a_message_of_our_own_role_is_refused() {
        for side in [Side::Sender, Side::Receiver] {
            let (pake, own) = Pake::start(side, CODE, &ROOM, 1);
            assert!(matches!(pake.finish(&own), Err(CryptoError::BadPakeMessage)));
            let (pake, _) = Pake::start(side, CODE, &ROOM, 1);
            let (_, twin) = Pake::start(side, CODE, &ROOM, 1);
            assert!(matches!(pake.finish(&twin), Err(CryptoError::BadPakeMessage)));
        }
    }

    #[test]
    fn a_mirrored_message_under_the_other_role_gives_the_mirror_no_key() {
        let (sender, mut mirrored) = Pake::start(Side::Sender, CODE, &ROOM, 1);
        let (receiver, to_sender) = Pake::start(Side::Receiver, CODE, &ROOM, 1);
        let theirs = receiver.finish(&mirrored).unwrap();
        mirrored[0] = to_sender[0];
        assert!(sender.finish(&mirrored).unwrap().bytes() != theirs.bytes());
    }

    #[test]
    fn a_malformed_message_is_refused_without_a_panic() {
        let (_, good) = Pake::start(Side::Receiver, CODE, &ROOM, 1);
        let finish = |message: &[u8]| Pake::start(Side::Sender, CODE, &ROOM, 1).0.finish(message);
        for length in 0..MESSAGE_LEN {
            assert!(matches!(finish(&good[..length]), Err(CryptoError::BadPakeMessage)));
        }
        assert!(matches!(finish(&[&good[..], b"!"].concat()), Err(CryptoError::BadPakeMessage)));
        for role in (0..=255).filter(|role| *role != good[0]) {
            let mut other = good.clone();
            other[0] = role;
            assert!(matches!(finish(&other), Err(CryptoError::BadPakeMessage)));
        }
        // About half of all y coordinates belong to no point of the curve.
        let refused = (0..=255u8)
            .filter(|y| {
                let mut point = [0; MESSAGE_LEN];
                point[0] = good[0];
                point[1] = *y;
                matches!(finish(&point), Err(CryptoError::BadPakeMessage))
            })
            .count();
        assert!((64..192).contains(&refused), "{refused} of 256 refused");
    }
}
