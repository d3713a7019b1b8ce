//! Codes that no user sees: made of key material, for two sides that share some already.

use zeroize::Zeroizing;

use super::phrase::CodePhrase;
use crate::hex;

/// Letters of such a code: two digits for each byte, and three dashes.
const LETTERS: usize = 2 * (16 + 32) + 3;

impl CodePhrase {
    /// A code of these bytes: `room` stands for its first two parts, which name the room, and `secret` for two more. It is far
    /// longer than anything that a user types, and the room can be guessed no more than the rest.
    pub fn derived(room: &[u8; 16], secret: &[u8; 32]) -> Self {
        // Sized once, so that no reallocation leaves an unwiped copy behind.
        let mut text = Zeroizing::new(String::with_capacity(LETTERS));
        for part in [&room[..8], &room[8..], &secret[..16], &secret[16..]] {
            if !text.is_empty() {
                text.push('-');
            }
            hex::push(&mut text, part);
        }
        Self { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::MAX_CODE_BYTES;

    #[test]
    fn every_byte_counts_and_only_the_first_sixteen_name_the_room() {
        let code = |changed: usize| {
            let mut bytes = [0xab; 48];
            if let Some(byte) = bytes.get_mut(changed) {
                *byte ^= 1;
            }
            let (room, secret) = bytes.split_at(16);
            CodePhrase::derived(room.try_into().unwrap(), secret.try_into().unwrap())
        };
        let plain = code(usize::MAX);
        assert_eq!(plain.as_str().len(), LETTERS);
        const { assert!(LETTERS <= MAX_CODE_BYTES) };
        for changed in 0..48 {
            let other = code(changed);
            assert_ne!(other, plain);
            assert_eq!(other.room() == plain.room(), changed >= 16, "{changed}");
            assert_eq!(other.room_words() == plain.room_words(), changed >= 16, "{changed}");
        }
    }
}
