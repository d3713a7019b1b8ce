//! The decision that sender and receiver share: whether parts are a listed code, a mistyped one, or a sender's own code.
//! A change here changes which codes two versions agree on.

use super::{
    error::{CodeError, Typed},
    parts::count_letters,
    phrase::{CodePhrase, MAX_CODE_BYTES, MIN_PART_CHARS, MIN_PARTS},
    words,
};

/// Decides what these parts are, for sender and receiver alike:
///
/// 1. Every part is a listed word or the beginning of one: the listed code, words written out.
/// 2. Every part is listed or one slip from it; or at least half are listed, and each of the others is one slip
///    from a word or of plain letters a to z only: a mistyped listed code, an error that carries the repair.
/// 3. Anything else is an own code, taken as it stands: it has a part with a digit or a letter of another script, or
///    too few listed words.
pub(super) fn settle(parts: &[&str]) -> Result<CodePhrase, CodeError> {
    if parts.len() < MIN_PARTS {
        return Err(CodeError::TooFewParts { found: parts.len() });
    }
    if parts.iter().map(|part| part.len() + 1).sum::<usize>() > MAX_CODE_BYTES + 1 {
        return Err(CodeError::CodeTooLong);
    }
    let guesses: Vec<Guess<'_>> = parts.iter().map(|part| Guess::of(part)).collect();
    let unknown: Vec<_> = guesses.iter().filter(|guess| guess.spelling == Spelling::Mistyped).collect();
    let Some(first) = unknown.first() else {
        let code = join(&guesses);
        return if code.as_bytes().len() > MAX_CODE_BYTES { Err(CodeError::CodeTooLong) } else { Ok(code) };
    };
    let has_repair = guesses.iter().all(|guess| guess.word.is_some());
    let is_half_listed = unknown.len() * 2 <= parts.len();
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    if has_repair
        || is_half_listed && unknown.iter().all(|guess| guess.word.is_some() || is_plain(guess.part))
    {
        let repaired = has_repair.then(|| join(&guesses));
        let suggestion = repaired.filter(|code| code.as_bytes().len() <= MAX_CODE_BYTES);
        return Err(CodeError::Unknown { word: Typed::new(first.part), suggestion });
    }
    match parts.iter().find(|part| count_letters(part) < MIN_PART_CHARS) {
        Some(part) => Err(CodeError::PartTooShort { part: Typed::new(part) }),
        None => Ok(CodePhrase::from_parts(parts)),
    }
}

/// What a part may mean as a code word.
pub(super) struct Guess<'a> {
    pub(super) part: &'a str,
    pub(super) word: Option<&'static str>,
    pub(super) spelling: Spelling,
}

/// How a part compares with the word that it may mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    WrittenOut,
    Abbreviated,
    Mistyped,
}

impl<'a> Guess<'a> {
    pub(super) fn of(part: &'a str) -> Self {
        let (word, spelling) = match words::find(part) {
            Some(word) if word == part => (Some(word), Spelling::WrittenOut),
            Some(word) => (Some(word), Spelling::Abbreviated),
            None => (words::nearest(part), Spelling::Mistyped),
        };
        Self { part, word, spelling }
    }

    /// Whether the part may be a code word within a sentence. Parts of two letters are a slip away from too many words.
    pub(super) fn is_plausible(&self) -> bool {
        self.word.is_some() && self.part.len() >= words::PREFIX_LETTERS
    }
}

/// The code that the guesses make together.
pub(super) fn join(guesses: &[Guess<'_>]) -> CodePhrase {
    CodePhrase::from_parts(&guesses.iter().filter_map(|guess| guess.word).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_listed_words_and_plain_letters_make_a_mistyped_code_and_less_or_a_digit_an_own_one() {
        let is_own = |parts: [&str; 4]| match settle(&parts) {
            Ok(code) => code.to_string() == parts.join("-"),
            Err(CodeError::Unknown { .. }) => false,
            Err(other) => panic!("{other}"),
        };
        assert!(!is_own(["acid", "coyote", "mmmmmm", "nnnnnn"]));
        assert!(is_own(["acid", "mmmmmm", "nnnnnn", "oooooo"]));
        assert!(is_own(["acid", "coyote", "mmmmmm", "7731"]));
        assert!(is_own(["acid", "coyote", "mmmmmm", "grün"]));
        assert!(!is_own(["acdi", "coyoe", "mustarrd", "tulpi"]));
        assert!(is_own(["acdi", "coyoe", "mustarrd", "mmmmmm"]));
    }

    /// Thirty-two prefixes and a slip fit into a code's length; written out they don't.
    #[test]
    fn a_repair_that_is_longer_than_a_code_may_be_is_not_offered() {
        let mistyped = |words: usize| {
            let parts: Vec<_> = ["mustrad"].into_iter().chain(std::iter::repeat_n("mus", words)).collect();
            match settle(&parts) {
                Err(CodeError::Unknown { suggestion, .. }) => suggestion.map(|code| code.as_bytes().len()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(mistyped(31), Some(32 * 8 - 1));
        assert_eq!(mistyped(32), None);
    }
}
