//! What can be wrong with a code, in words for the user who typed it.

use std::fmt;

use zeroize::Zeroizing;

use crate::foreign;

use super::phrase::{CodePhrase, MAX_DRAWN_WORDS, MAX_INPUT_BYTES, MIN_PART_CHARS, MIN_PARTS};

/// Why a text holds no usable code, or why none could be drawn. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// Nothing but spaces and punctuation.
    #[error("no code was given; a code has at least {MIN_PARTS} words")]
    Empty,
    /// More text than is searched.
    #[error(
        "this text is too long to search; paste only the code or the invite link (at most {MAX_INPUT_BYTES} bytes)"
    )]
    InputTooLong,
    /// A web address, alone or in a sentence, and no code.
    #[error("that is a web address; a code is {MIN_PARTS} words")]
    WebAddress,
    /// A sentence without a code in it.
    #[error("there is no code in this text; paste only the code or the invite link")]
    NoCode,
    /// A text with more than one code in it.
    #[error("there are several codes in this text; paste only the one you want")]
    SeveralCodes,
    /// A part of a listed code that is neither a word of the list nor the beginning of one.
    #[error("“{word}” is not one of the code words; {}", repair_advice(.suggestion.as_ref()))]
    Unknown {
        /// What was typed.
        word: Typed,
        /// The whole code with every slip repaired, if each has exactly one repair. Ask the user before using it.
        suggestion: Option<CodePhrase>,
    },
    /// Fewer parts than a code has.
    #[error("a code has at least {MIN_PARTS} words, and this has {found}; add what is missing")]
    TooFewParts {
        /// How many there are.
        found: usize,
    },
    /// A part of an own code that is too short.
    #[error("“{part}” is too short; each part of a code needs {MIN_PART_CHARS} letters or digits")]
    PartTooShort {
        /// The part.
        part: Typed,
    },
    /// A character in an own code that is not a letter, digit, dash or space.
    #[error("a code can't hold {character:?}; use letters and digits, with dashes between the parts")]
    BadCharacter {
        /// The first such character.
        character: char,
    },
    /// An own code longer than [`MAX_CODE_BYTES`](super::MAX_CODE_BYTES).
    #[error("this code is too long; use fewer or shorter parts")]
    CodeTooLong,
    /// An own code that the receiver's side would take for a mistyped listed code.
    #[error(
        "the other side would take “{word}” for a mistyped code word; put a number there, or let Caiman draw a code"
    )]
    ReadsAsSlip {
        /// The first part that looks like a mistyped word.
        word: Typed,
    },
    /// An invite link that can't be decoded.
    #[error("this invite link is damaged; ask for it again, or type the code")]
    BadLink,
    /// A server's address that is not `HOST` or `HOST:PORT`.
    #[error("“{server}” is not a server's address; write it as HOST or HOST:PORT")]
    BadServer {
        /// What was given.
        server: Typed,
    },
    /// A number of words, for a code that is to be drawn, that is out of range.
    #[error("a code can't be drawn with {asked} words; choose {MIN_PARTS} to {MAX_DRAWN_WORDS}")]
    WordCount {
        /// The number asked for.
        asked: usize,
    },
    /// The operating system's generator failed.
    #[error("the system's random generator failed ({0}); no safe code can be drawn until it works")]
    Random(#[from] getrandom::Error),
}

/// An excerpt of what the user typed, for an error message. It may be part of a secret, so it is wiped on drop and
/// `Debug` hides it; `Display` shows it, cut after 40 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed(Zeroizing<String>);

impl Typed {
    const MAX_CHARS: usize = 40;

    pub(super) fn new(text: &str) -> Self {
        let mut excerpt: String = text.chars().take(Self::MAX_CHARS).collect();
        if text.chars().nth(Self::MAX_CHARS).is_some() {
            excerpt.push('…');
        }
        Self(Zeroizing::new(excerpt))
    }
}

impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        foreign::write(f, &self.0)
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(..)")
    }
}

fn repair_advice(suggestion: Option<&CodePhrase>) -> String {
    match suggestion {
        Some(code) => format!("did you mean {code}?"),
        None => "check it with the sender".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_about_a_slip_offers_the_whole_code() {
        let error = CodePhrase::parse("acid-coyote-mustrad-tulip").unwrap_err();
        assert_eq!(
            error.to_string(),
            "“mustrad” is not one of the code words; did you mean acid-coyote-mustard-tulip?"
        );
        let error = CodePhrase::parse("acid-coyote-mmmmmmm-tulip").unwrap_err();
        assert_eq!(error.to_string(), "“mmmmmmm” is not one of the code words; check it with the sender");
    }

    #[test]
    fn an_excerpt_is_cut_by_characters_and_cannot_turn_the_text_around_it() {
        assert_eq!(Typed::new(&"ä".repeat(40)).to_string(), "ä".repeat(40));
        assert_eq!(Typed::new(&"ä".repeat(41)).to_string(), format!("{}…", "ä".repeat(40)));
        assert_eq!(Typed::new("a\u{1b}[2Jb").to_string(), "a\\u{1b}[2Jb");
        assert_eq!(Typed::new("\u{202e}a\u{61c}").to_string(), "\\u{202e}a\\u{61c}");
    }
}
