//! [`CodePhrase`], a code in its one normal form, and the limits of every code.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::words;
use crate::labels;

/// The fewest parts of any code, and the words of a drawn one unless the user asks for more. Two words name the room; two
/// words of secret, 20.7 bits, make a guess hopeless while a sender allows three.
pub const MIN_PARTS: usize = 4;
/// The most words that a code is drawn with; more would only make it harder to read out.
pub const MAX_DRAWN_WORDS: usize = 6;
/// The fewest letters or digits in each part of an own code; shorter parts are guessed too easily.
pub const MIN_PART_CHARS: usize = 3;
/// The longest code, in bytes of UTF-8: longer than anything that a user makes up and the receiver can type.
pub const MAX_CODE_BYTES: usize = 256;
/// The longest text that is searched for a code, in bytes: a long message with a code in it fits, a document doesn't.
pub const MAX_INPUT_BYTES: usize = 4096;

/// A code in its one normal form: lower-case parts joined by dashes.
///
/// Wiped from memory on drop. [`Display`](fmt::Display) shows it, because it is made to be shown to the user;
/// `Debug` does not, because logs are made of `Debug`. Comparison takes constant time.
#[derive(Clone)]
pub struct CodePhrase {
    pub(super) text: Zeroizing<String>,
}

impl CodePhrase {
    /// The whole code, for the key agreement.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The whole code as text. A caller that copies it has to wipe the copy.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The id of the room where the two ends meet. It tells the relay nothing about the words after the second.
    pub fn room(&self) -> [u8; 16] {
        let mut parts = self.words();
        let mut hash = Sha256::new();
        hash.update(labels::ROOM);
        hash.update(parts.next().unwrap_or_default());
        hash.update(b"-");
        hash.update(parts.next().unwrap_or_default());
        let digest: [u8; 32] = hash.finalize().into();
        let mut room = [0; 16];
        room.copy_from_slice(&digest[..16]);
        room
    }

    /// The words that name the room. Unlike [`room`](Self::room), they are told to nobody.
    pub fn room_words(&self) -> Zeroizing<String> {
        let mut parts = self.words();
        let [first, second] = [parts.next(), parts.next()].map(Option::unwrap_or_default);
        Zeroizing::new(format!("{first}-{second}"))
    }

    /// The code's parts, in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split('-')
    }

    /// Whether every part is a word of the list. Offer only such a code, or a link, from the clipboard: there, an own code
    /// can't be told from other text.
    pub fn is_listed(&self) -> bool {
        self.words().all(words::contains)
    }

    pub(super) fn from_parts(parts: &[&str]) -> Self {
        Self { text: Zeroizing::new(parts.join("-")) }
    }
}

impl fmt::Display for CodePhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CodePhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodePhrase(..)")
    }
}

impl PartialEq for CodePhrase {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for CodePhrase {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected bytes come from Python: `sha256(b"caiman room v1" + b"acid-coyote").digest()[:16]`.
    #[test]
    fn the_room_is_the_hash_of_the_first_two_words() {
        let hex = |code: &str| {
            let room = CodePhrase::parse(code).unwrap().room();
            format!("{:032x}", u128::from_be_bytes(room))
        };
        assert_eq!(hex("acid-coyote-mustard-tulip"), "83e43f9c92583c28c467fa99178c39a4");
        assert_eq!(hex("acid-coyote-lemon-tiger-yogurt"), "83e43f9c92583c28c467fa99178c39a4");
        assert_eq!(hex("Größe-Straße-7731-kitchen"), "d58569d4f412bd54ef6979e3612bd7cc");
    }
}
