//! The commitment by which a receiver knows that the sender whose name it has heard is the one that calls the code wrong.

use sha2::{Digest, Sha256};

use crate::labels;

/// Length in bytes of a sender's name and of the key behind it.
pub const LEN: usize = 16;

/// The name that belongs to `key`: the first bytes of SHA-256 over a label and the key. A party that hears the
/// name can't find a key for it.
pub fn of_key(key: &[u8; LEN]) -> [u8; LEN] {
    let hash = Sha256::new().chain_update(labels::SENDER_ID).chain_update(key).finalize();
    let mut id = [0; LEN];
    id.copy_from_slice(&hash[..LEN]);
    id
}
