//! From text to parts: one form for all the ways to type the same letters, then the parts and what stands between them.
//! What the parts mean is for `settle` and `reading` to decide.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

/// The one form of a text: compatibility composed (NFKC), lower case, without invisible characters. Folding twice changes
/// nothing; otherwise the two ends might not agree on a code.
pub(super) fn fold(text: &str) -> Zeroizing<String> {
    let composed: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|character| !is_invisible(*character)).nfkc().collect());
    let lower = Zeroizing::new(composed.to_lowercase());
    Zeroizing::new(lower.nfkc().collect())
}

/// A text that has been split.
pub(super) struct Split<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// The first character that belongs to no part and separates none.
    pub(super) stray: Option<char>,
}

/// A part and what stands before it.
pub(super) struct Token<'a> {
    pub(super) part: &'a str,
    pub(super) gap: Gap,
}

/// What stands between two parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Dashes only, or a line broken after a dash. The first part counts as joined.
    Dash,
    /// Spaces, and perhaps dashes among them.
    Space,
    /// Any other character, alone or with spaces.
    Mark { spaced: bool },
}

/// Splits a folded text into runs of letters and digits of any script, with their combining marks.
pub(super) fn split(text: &str) -> Split<'_> {
    let mut split = Split { tokens: Vec::new(), stray: None };
    let mut part_start = None;
    let mut gap_start = 0;
    for (at, character) in text.char_indices().chain([(text.len(), '-')]) {
        let continues = character.is_alphanumeric() || part_start.is_some() && is_combining_mark(character);
        match part_start {
            None if continues && !is_combining_mark(character) => part_start = Some(at),
            Some(start) if !continues => {
                let gap =
                    if split.tokens.is_empty() { Gap::Dash } else { Gap::between(&text[gap_start..start]) };
                split.tokens.push(Token { part: &text[start..at], gap });
                part_start = None;
                gap_start = at;
            }
            _ => {}
        }
        if part_start.is_none() && !is_dash(character) && !character.is_whitespace() {
            split.stray = split.stray.or(Some(character));
        }
    }
    split
}

/// How many letters and digits a part has; combining marks don't count.
pub(super) fn count_letters(part: &str) -> usize {
    part.chars().filter(|character| !is_combining_mark(*character)).count()
}

impl Gap {
    pub(super) fn is_mark(self) -> bool {
        matches!(self, Self::Mark { .. })
    }

    pub(super) fn has_space(self) -> bool {
        matches!(self, Self::Space | Self::Mark { spaced: true })
    }

    fn between(parts: &str) -> Self {
        let spaced = parts.contains(char::is_whitespace);
        if parts.contains(|c: char| !is_dash(c) && !c.is_whitespace()) {
            Self::Mark { spaced }
        } else if spaced && !(parts.starts_with(is_dash) && parts.contains('\n')) {
            Self::Space
        } else {
            Self::Dash
        }
    }
}

/// Characters that text picks up in editors and chats, and that can be neither seen nor read out.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_dash(character: char) -> bool {
    matches!(character, '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        split(&fold(text)).tokens.iter().map(|token| token.part.to_owned()).collect()
    }

    /// Both ends agree on a code only because of this: the receiver folds what the sender's side has folded and shown.
    #[test]
    fn folding_twice_changes_nothing_for_any_character() {
        for character in '\0'..=char::MAX {
            for text in [character.to_string(), format!("a{character}"), format!("{character}\u{301}Σ")] {
                let once = fold(&text);
                assert_eq!(fold(&once), once, "{}", character.escape_unicode());
            }
        }
    }

    #[test]
    fn ways_to_type_the_same_letters_fold_to_one() {
        for (typed, folded) in [
            ("ACID", "acid"),
            ("ＡＣＩＤ－７７３１", "acid-7731"),
            ("Gro\u{308}ße", "größe"),
            ("ΣΑΣ", "σας"),
            ("ac\u{ad}i\u{200b}d\u{feff}", "acid"),
            ("ﬁsh", "fish"),
        ] {
            assert_eq!(fold(typed).as_str(), folded);
        }
    }

    #[test]
    fn dashes_spaces_and_marks_separate_parts() {
        assert_eq!(parts("a-b – c—d_e\u{2011}f\u{a0}g\nh"), ["a", "b", "c", "d", "e", "f", "g", "h"]);
        assert_eq!(parts("“a, b.c”"), ["a", "b", "c"]);
        assert_eq!(parts(" -… "), [""; 0]);
        assert_eq!(parts("क्षमा-日本語"), ["क्षमा", "日本語"]);
        assert_eq!(split("a-b.c").stray, Some('.'));
        assert_eq!(split("a-b c_d").stray, None);
        assert_eq!(split("a \u{301}b").stray, Some('\u{301}'));
    }

    #[test]
    fn the_gap_tells_what_joins_two_parts() {
        for (text, gap) in [
            ("a-b", Gap::Dash),
            ("a--b", Gap::Dash),
            ("a-\nb", Gap::Dash),
            ("a b", Gap::Space),
            ("a - b", Gap::Space),
            ("a- b", Gap::Space),
            ("a.b", Gap::Mark { spaced: false }),
            ("a, b", Gap::Mark { spaced: true }),
        ] {
            assert!(split(text).tokens[1].gap == gap, "{text:?}");
        }
    }

    #[test]
    fn marks_of_a_letter_do_not_count_as_letters() {
        assert_eq!(count_letters("क्षमा"), 3);
        assert_eq!(count_letters("straße"), 6);
    }
}
