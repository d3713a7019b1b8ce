//! The name by which a computer shows itself to the other one: plain text, bounded. A name is a claim, which anybody may make;
//! it says nothing about who a person is. Pure.
//!
//! Nothing here makes a name fit to be shown: a name may hold characters that turn or hide text. It has no `Display`, so that
//! each place that shows one escapes it, as file names are.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters of a name: enough for any computer's, and few enough for a line. They take at most 160 bytes.
pub const MAX_NAME_CHARS: usize = 40;

/// The name of a computer: 1 to [`MAX_NAME_CHARS`] characters, without control characters, line breaks, or spaces at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct PeerName(String);

/// Why a text can't be the name of a computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerNameError {
    /// Nothing but spaces.
    #[error("a name needs at least one character")]
    Empty,
    /// More than [`MAX_NAME_CHARS`] characters.
    #[error("a name may have at most {MAX_NAME_CHARS} characters")]
    TooLong,
    /// Control characters or line breaks, or, in what a peer says, spaces at an end.
    #[error("a name can't hold line breaks or control characters")]
    Unprintable,
}

impl PeerName {
    /// The name that can be made of a text, whatever it holds: without what no name may hold, and cut off where it is too long.
    /// `None` if nothing is left.
    pub fn clean(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(|c| is_unprintable(c) || c.is_whitespace()).collect();
        let joined = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let cut: String = joined.chars().take(MAX_NAME_CHARS).collect();
        cut.parse().ok()
    }

    /// The name as it was given, which is not fit to be shown as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PeerName {
    type Error = PeerNameError;

    /// Takes what a peer says, which has to be a name as it stands.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            Err(PeerNameError::Empty)
        } else if text.chars().nth(MAX_NAME_CHARS).is_some() {
            Err(PeerNameError::TooLong)
        } else if text.chars().any(is_unprintable) || text.trim() != text {
            Err(PeerNameError::Unprintable)
        } else {
            Ok(Self(text))
        }
    }
}

impl FromStr for PeerName {
    type Err = PeerNameError;

    /// Takes what a user types. Spaces at the ends don't count.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.trim().to_owned())
    }
}

/// Whether a character has no place in a line of text.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame;

    #[test]
    fn a_name_is_one_short_line() {
        let longest = "é".repeat(MAX_NAME_CHARS);
        for name in ["Ann's laptop", "x", "日本語のパソコン", "👩\u{200d}💻", "a\u{202e}b", &longest]
        {
            assert_eq!(name.parse::<PeerName>().unwrap().as_str(), name);
        }
        assert_eq!(" Ann ".parse::<PeerName>().unwrap().as_str(), "Ann");
        let too_long = "é".repeat(MAX_NAME_CHARS + 1);
        for (text, error) in [
            ("", PeerNameError::Empty),
            (" \u{2003}\n", PeerNameError::Empty),
            (too_long.as_str(), PeerNameError::TooLong),
            ("a\nb", PeerNameError::Unprintable),
            ("a\u{1b}[2J", PeerNameError::Unprintable),
            ("a\u{2028}b", PeerNameError::Unprintable),
            ("a\0", PeerNameError::Unprintable),
        ] {
            assert_eq!(text.parse::<PeerName>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_peer_has_to_say_a_name_as_it_stands() {
        for text in ["", " ", " Ann", "Ann ", "a\tb", &"x".repeat(10_000)] {
            assert!(frame::from_bytes::<PeerName>(&frame::to_bytes(&text)).is_err(), "{text:?}");
        }
        let name = frame::from_bytes::<PeerName>(&frame::to_bytes(&"Ann's laptop")).unwrap();
        assert_eq!(frame::to_bytes(&name), frame::to_bytes(&"Ann's laptop"), "it is sent as it is read");
    }

    #[test]
    fn any_text_can_be_cleaned_into_a_name() {
        for (text, name) in [
            ("  Ann's \n laptop\u{7f}\0 ", Some("Ann's laptop")),
            ("\u{1b}]0;x\u{7}", Some("]0;x")),
            (" \r\n\u{2029}", None),
            ("", None),
        ] {
            assert_eq!(PeerName::clean(text).as_ref().map(PeerName::as_str), name, "{text:?}");
        }
        let cut = PeerName::clean(&format!("{} {}", "a".repeat(MAX_NAME_CHARS - 1), "b".repeat(9))).unwrap();
        assert_eq!(cut.as_str(), "a".repeat(MAX_NAME_CHARS - 1), "no space is left at the end");
    }

    proptest::proptest! {
        #[test]
        fn what_is_cleaned_is_a_name(text: String) {
            if let Some(name) = PeerName::clean(&text) {
                proptest::prop_assert_eq!(PeerName::try_from(name.as_str().to_owned()), Ok(name));
            }
        }
    }
}
