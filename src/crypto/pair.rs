//! The key that two sides share once they have met, and what follows from it: the codes under which each can call the other,
//! another one each day and for each direction. Called by `transfer`, which meets under these codes as under any, and by
//! `people`, which keeps the key.
//!
//! The pair key follows from the root of a session, and so from the key agreement of two live ends: neither the code nor a
//! recording is enough for it. A thief of it can find the other side and call it, but opens no transfer with it, because each
//! call agrees on fresh keys.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use super::{
    kdf::{self, Root},
    secret::Secret,
    side::Side,
};
use crate::labels;

/// Length of a pair key in bytes.
pub const PAIR_KEY_LEN: usize = 32;

/// The key that two sides share once they have met. Clones share it. Wiped when the last is dropped; can't be printed.
#[derive(Clone)]
pub struct PairKey(Arc<Secret>);

/// A pair key, and which of the two sides this one was when they met. Clones share the key.
#[derive(Clone)]
pub struct KnownPair {
    key: PairKey,
    side: Side,
}

/// What tells one pair key from another. It is no secret, and nobody but this program sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PairId(pub [u8; 8]);

/// What a code for a call is made of, as 16 bytes that name its room and 32 that nobody else knows.
pub struct CallSecret {
    /// Names the room.
    pub room: Zeroizing<[u8; 16]>,
    /// The secret.
    pub secret: Zeroizing<[u8; 32]>,
}

impl Root {
    /// The key by which both ends of this session can find each other again, on any later day.
    #[must_use]
    pub fn pair_key(&self) -> PairKey {
        PairKey(Arc::new(Secret::written_by(|key| kdf::expand(self.bytes(), labels::PAIR, key))))
    }
}

impl PairKey {
    /// The key that was kept as these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; PAIR_KEY_LEN]) -> Self {
        Self(Arc::new(Secret::written_by(|key| key.copy_from_slice(bytes))))
    }

    /// The bytes, to be kept where only the user can read them.
    #[must_use]
    pub fn bytes(&self) -> &[u8; PAIR_KEY_LEN] {
        &self.0
    }
}

impl KnownPair {
    /// The pair of which this side was `side` when the two met.
    #[must_use]
    pub fn new(key: PairKey, side: Side) -> Self {
        Self { key, side }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &PairKey {
        &self.key
    }

    /// Which side this one was when the two met.
    #[must_use]
    pub fn side(&self) -> Side {
        self.side
    }

    /// What tells this pair from others.
    #[must_use]
    pub fn id(&self) -> PairId {
        let mut id = [0; 8];
        kdf::expand(&self.key.0, labels::PAIR_ID, &mut id);
        PairId(id)
    }

    /// Under what the other side calls this one on a day, counted from 1970-01-01 in UTC.
    #[must_use]
    pub fn is_called_under(&self, day: u64) -> CallSecret {
        self.call_of(self.side, day)
    }

    /// Under what this side calls the other one on a day, counted from 1970-01-01 in UTC.
    #[must_use]
    pub fn calls_under(&self, day: u64) -> CallSecret {
        self.call_of(self.side.other(), day)
    }

    fn call_of(&self, called: Side, day: u64) -> CallSecret {
        let label = match called {
            Side::Sender => labels::CALL_SENDER,
            Side::Receiver => labels::CALL_RECEIVER,
        };
        let mut bytes = Zeroizing::new([0; 48]);
        kdf::expand(&self.key.0, &[label, &day.to_be_bytes()].concat(), &mut *bytes);
        let mut call = CallSecret { room: Zeroizing::new([0; 16]), secret: Zeroizing::new([0; 32]) };
        call.room.copy_from_slice(&bytes[..16]);
        call.secret.copy_from_slice(&bytes[16..]);
        call
    }
}

impl PartialEq for KnownPair {
    /// Compares the ids, which differ whenever the keys do, and the sides.
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id() && self.side == other.side
    }
}

impl Eq for KnownPair {}

impl fmt::Debug for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKey(..)")
    }
}

impl fmt::Debug for KnownPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownPair(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::crypto::{SharedKey, Stretch, kdf::MIN_ITERATIONS};

    fn pair(key: u8, side: Side) -> KnownPair {
        KnownPair::new(PairKey::from_bytes(&[key; 32]), side)
    }

    fn parts(call: &CallSecret) -> [Vec<u8>; 3] {
        [call.room.to_vec(), call.secret[..16].to_vec(), call.secret[16..].to_vec()]
    }

    #[test]
    fn what_one_side_calls_under_is_what_the_other_is_called_under() {
        let (sender, receiver) = (pair(7, Side::Sender), pair(7, Side::Receiver));
        assert_eq!(sender.id(), receiver.id());
        for day in [0, 20_000, u64::MAX] {
            assert_eq!(parts(&sender.calls_under(day)), parts(&receiver.is_called_under(day)));
            assert_eq!(parts(&receiver.calls_under(day)), parts(&sender.is_called_under(day)));
        }
    }

    /// A relay sees the rooms of many days. If two of them had anything in common, it could tell that the same two meet there.
    #[test]
    fn rooms_of_other_days_directions_and_pairs_have_nothing_in_common() {
        let mut seen = HashSet::new();
        let mut count = 0;
        for key in 0..4 {
            for day in 20_000..20_032 {
                for side in [Side::Sender, Side::Receiver] {
                    seen.extend(parts(&pair(key, side).is_called_under(day)));
                    count += 3;
                }
            }
        }
        assert_eq!(seen.len(), count);
        assert_ne!(pair(1, Side::Sender).id(), pair(2, Side::Sender).id());
    }

    /// A stranger who has the code, and a recording of all that was said, lacks K: that of another run of the key agreement
    /// under the same code leads to another key, and so do other salts.
    #[test]
    fn a_pair_key_does_not_follow_from_a_code() {
        let key = |shared: u8, salt: u8| {
            let params = Stretch::checked(MIN_ITERATIONS, [salt; 8]).unwrap();
            *Root::stretch(b"acid-canyon-mustang-tulip", &SharedKey::from_bytes([shared; 32]), &params)
                .pair_key()
                .bytes()
        };
        assert_eq!(key(1, 1), key(1, 1));
        let distinct: HashSet<_> = [key(1, 1), key(2, 1), key(1, 2)].into();
        assert_eq!(distinct.len(), 3);
    }

    #[test]
    fn nothing_of_a_pair_is_printed() {
        assert_eq!(format!("{:?}", pair(0x5a, Side::Sender)), "KnownPair(..)");
        assert_eq!(format!("{:?}", pair(0x5a, Side::Sender).key()), "PairKey(..)");
    }
}
