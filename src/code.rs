//! The code phrase that two people share: drawing one, reading one, showing one, and the invite link around it.
//!
//! The engine, the window and the headless commands call this module; `crypto` takes the phrase's bytes. It knows
//! nothing of sockets, of key agreement or of what the code unlocks.
//!
//! A code is at least four parts joined by dashes. Words 1 and 2 name the room, the rest is the secret; the key
//! agreement runs over all of it. There are two kinds:
//!
//! - a *listed* code, `acid-coyote-mustard-tulip`: every part is a word of the list. It may be typed by three-letter
//!   prefixes, and a slip is offered for repair, not repaired silently ([`words::find`] names the exception);
//! - an *own* code, `blue-horse-7731-kitchen`, which a sender made up. It is taken as it stands.
//!
//! Sender and receiver decide between the two by one function (`settle`), so they can't disagree; what it
//! would take for a mistyped listed code, it refuses to a sender as an own code.

mod error;
mod invite;
mod parts;
mod reading;
mod settle;
pub mod words;

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

pub use error::{CodeError, Typed};
pub use invite::{Invite, SCHEME, parse_any};

use crate::labels;

/// The fewest parts of any code, and the words of a drawn one unless the person asks for more.
pub const MIN_PARTS: usize = 4;
/// The most words that a code is drawn with.
pub const MAX_DRAWN_WORDS: usize = 6;
/// The fewest letters or digits in each part of an own code.
pub const MIN_PART_CHARS: usize = 3;
/// The longest code, in bytes of UTF-8.
pub const MAX_CODE_BYTES: usize = 256;
/// The longest text that is searched for a code, in bytes.
pub const MAX_INPUT_BYTES: usize = 4096;

/// A code in its one normal form: lower-case parts joined by dashes.
///
/// Wiped from memory on drop. [`Display`](fmt::Display) shows it, because showing it to a person is its purpose;
/// `Debug` does not, because logs are made of `Debug`. Comparison takes constant time.
#[derive(Clone)]
pub struct CodePhrase {
    text: Zeroizing<String>,
}

impl CodePhrase {
    /// Draws a code of four to six words from the operating system's generator, each word equally likely.
    pub fn generate(words: usize) -> Result<Self, CodeError> {
        if !(MIN_PARTS..=MAX_DRAWN_WORDS).contains(&words) {
            return Err(CodeError::WordCount { asked: words });
        }
        let drawn = (0..words).map(|_| draw_word()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::from_parts(&drawn))
    }

    /// Takes a sender's own code: at least four parts of three or more letters or digits of any script, separated
    /// by dashes or spaces.
    ///
    /// What the receiver's [`CodePhrase::parse`] would not read back as the same code is refused. A code made of
    /// listed words only, or of their prefixes, becomes the listed code, exactly as it would at the receiver; so
    /// show the result to the person, not what was typed.
    pub fn own(text: &str) -> Result<Self, CodeError> {
        reading::read_own(text)
    }

    /// Reads what a receiver typed or pasted: a code with dashes or spaces in any case, an invite link, or a
    /// sentence around either.
    ///
    /// A slip is an error, [`CodeError::Unknown`], that carries the repaired code for the person to confirm.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        Ok(parse_any(text)?.into_parts().0)
    }

    /// The whole code, for the key agreement.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The name of the room where the two ends meet. It tells the relay nothing of the words after the second.
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

    /// The code's parts, in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split('-')
    }

    /// Whether every part is a word of the list. Only such a code, or a link, should be offered from the clipboard:
    /// an own code can't be told from other text there.
    pub fn is_listed(&self) -> bool {
        self.words().all(words::contains)
    }

    fn from_parts(parts: &[&str]) -> Self {
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

impl FromStr for CodePhrase {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        Self::parse(text)
    }
}

impl PartialEq for CodePhrase {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for CodePhrase {}

fn draw_word() -> Result<&'static str, CodeError> {
    let mut bytes = [0; 2];
    // Each round succeeds with 98.9 %, so the loop ends.
    loop {
        getrandom::fill(&mut bytes)?;
        let word = words::from_random(u16::from_le_bytes(bytes));
        bytes.zeroize();
        if let Some(word) = word {
            return Ok(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_code_has_the_words_asked_for_and_reads_back() {
        for words in MIN_PARTS..=MAX_DRAWN_WORDS {
            let code = CodePhrase::generate(words).unwrap();
            assert_eq!(code.words().count(), words);
            assert!(code.is_listed());
            assert!(code.words().all(|word| word.len() >= MIN_PART_CHARS));
            assert_eq!(CodePhrase::parse(&code.to_string()).unwrap(), code);
            assert_eq!(CodePhrase::own(&code.to_string()).unwrap(), code);
        }
        assert_ne!(CodePhrase::generate(6).unwrap(), CodePhrase::generate(6).unwrap());
    }

    #[test]
    fn a_code_of_too_few_or_too_many_words_is_not_drawn() {
        for words in [0, 3, 7, usize::MAX] {
            assert!(matches!(CodePhrase::generate(words), Err(CodeError::WordCount { .. })));
        }
    }

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

    #[test]
    fn debug_output_hides_the_code_and_what_was_typed() {
        let invite = parse_any("caiman:acid-coyote-mustard-tulip?server=relay.example").unwrap();
        let slip = parse_any("acid-coyote-mustrad-tulip").unwrap_err();
        for shown in [format!("{invite:?}"), format!("{slip:?}"), format!("{:?}", invite.code())] {
            for secret in ["acid", "coyote", "must", "tulip"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        assert_eq!(format!("{:?}", invite.code()), "CodePhrase(..)");
    }
}
