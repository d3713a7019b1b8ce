//! The secret key under which a sender can be found over the internet: Argon2id (RFC 9106) of the words that name the room.
//! Anyone who guesses two words can make it, so it proves nothing; it only leads to the place where the whole code is proven. It
//! takes time and memory to make, so that a table of all rooms costs days, and one that is made for a day is worthless on the
//! next.

use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::labels;

/// Memory in KiB: what every computer can spare for a moment.
const MEMORY: u32 = 64 * 1024;
/// Passes over the memory. Together with it they take about 0.2 s on an ordinary laptop.
const PASSES: u32 = 3;

/// The secret key of the room that `words` name, for one day, counted from 1970-01-01 in UTC.
///
/// # Panics
///
/// Never: the parameters are within the bounds of Argon2id.
#[must_use]
pub fn meeting_key(words: &[u8], day: u64) -> Zeroizing<[u8; 32]> {
    let params = Params::new(MEMORY, PASSES, 1, Some(32)).expect("the parameters are within bounds");
    let mut salt = Sha256::new();
    salt.update(labels::MEETING_KEY);
    salt.update(day.to_be_bytes());
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(words, &salt.finalize(), &mut *key)
        .expect("the salt and the key have lengths that Argon2id allows");
    key
}
