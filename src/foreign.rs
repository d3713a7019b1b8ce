//! How text that this user didn't write is written where the user reads it: names of files, errors of a system, what was
//! typed or pasted. It decides which characters are escaped, and nothing else does. Pure.
//!
//! A byte of a name that isn't UTF-8 is written as `\xe9`. Escaped are control characters, which steer a terminal or break a line, characters that change the writing direction, and
//! characters that show nothing, with which two different names look alike. A few of the last kind are part of how words and
//! emoji are written. They stay where they have that effect, and are escaped everywhere else:
//!
//! - the joiner and the non-joiner where RFC 5892 (appendix A.1 and A.2) allows them in a domain name: between letters that
//!   join, and after a virama;
//! - the joiner between two pictures of one emoji, and the selectors of how an emoji is drawn.

use std::fmt::{self, Write};

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic,
        JoiningType,
    },
};

use crate::raw_name;

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
/// Draws the character before it as an emoji, or as text.
const DRAWN_AS: [char; 2] = ['\u{fe0f}', '\u{fe0e}'];
/// Encloses a digit in a key, with one of [`DRAWN_AS`] between the two.
const KEYCAP: char = '\u{20e3}';

/// Writes foreign text so that it can neither steer, turn nor hide what stands around it.
pub(crate) fn write(f: &mut impl Write, text: &str) -> fmt::Result {
    let mut before = Before::default();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if let Some(byte) = raw_name::escaped_byte(c) => write!(f, "\\x{byte:02x}")?,
            c if is_hidden(c) && !before.needs(c, characters.clone()) => {
                write!(f, "\\u{{{:x}}}", u32::from(c))?;
            }
            c => f.write_char(c)?,
        }
        before.read(c);
    }
    Ok(())
}

/// Whether a character is escaped unless what stands around it needs it.
fn is_hidden(c: char) -> bool {
    c.is_control()
        // Line and paragraph separators, and marks of interlinear text, which are shown by no ordinary program.
        || matches!(c, '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
        // The zero-width characters, those that change the direction, fillers, soft hyphens, tags and variation selectors.
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// What has been read of a text, as far as the next character depends on it.
#[derive(Default)]
struct Before {
    last: Option<char>,
    /// The last character that isn't transparent to joining, which combining marks are.
    base: Option<char>,
    /// Whether the text ends with a picture, with its skin and how it is drawn.
    is_picture: bool,
}

impl Before {
    /// Whether a character that shows nothing by itself has its effect at this place.
    fn needs(&self, c: char, mut rest: impl Iterator<Item = char>) -> bool {
        let Some(last) = self.last else { return false };
        match c {
            NON_JOINER => is_virama(last) || (self.joins_forward() && joins_backward(rest)),
            JOINER => is_virama(last) || (self.is_picture && rest.next().is_some_and(is_picture)),
            c if DRAWN_AS.contains(&c) => match last {
                '#' | '*' | '0'..='9' => rest.next() == Some(KEYCAP),
                _ => CodePointSetData::new::<Emoji>().contains(last),
            },
            _ => false,
        }
    }

    fn joins_forward(&self) -> bool {
        self.base.is_some_and(|c| matches!(joining(c), JoiningType::LeftJoining | JoiningType::DualJoining))
    }

    fn read(&mut self, c: char) {
        self.is_picture = is_picture(c) || (self.is_picture && is_part_of_picture(c));
        if joining(c) != JoiningType::Transparent {
            self.base = Some(c);
        }
        self.last = Some(c);
    }
}

/// Whether what comes next, after combining marks, joins with what is before it.
fn joins_backward(mut rest: impl Iterator<Item = char>) -> bool {
    let next = rest.find(|c| joining(*c) != JoiningType::Transparent);
    next.is_some_and(|c| matches!(joining(c), JoiningType::RightJoining | JoiningType::DualJoining))
}

fn joining(c: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(c)
}

fn is_virama(c: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama
}

fn is_picture(c: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(c)
}

fn is_part_of_picture(c: char) -> bool {
    DRAWN_AS.contains(&c) || CodePointSetData::new::<EmojiModifier>().contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut shown = String::new();
        write(&mut shown, text).unwrap();
        shown
    }

    /// One of each kind, and the ends of each range that is listed here by itself.
    const HIDDEN: &[char] = &[
        '\u{0}',
        '\u{1b}',
        '\u{7f}',
        '\u{9b}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{206f}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0e}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{fffb}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0041}',
        '\u{e007f}',
        '\u{e0100}',
    ];

    #[test]
    fn nothing_steers_turns_or_hides() {
        assert_eq!(shown(&raw_name::text_of(b"caf\xe9.txt")), "caf\\xe9.txt");
        assert_eq!(shown("a\u{1b}[2Jb\nc\r\t"), "a\\u{1b}[2Jb\\nc\\r\\t");
        for c in HIDDEN {
            for (before, after) in [("", ""), ("a", "b"), ("1", "2"), ("日", "本"), ("ا", "b"), ("😀", "a")]
            {
                let (text, escaped) =
                    (format!("{before}{c}{after}"), format!("{before}\\u{{{:x}}}{after}", u32::from(*c)));
                if DRAWN_AS.contains(c) && before == "😀" {
                    assert_eq!(shown(&text), text);
                } else {
                    assert_eq!(shown(&text), escaped);
                }
            }
        }
    }

    #[test]
    fn ordinary_text_stays() {
        for text in
            ["", "naïve Ωμέγα.txt", "日本語 😀 'x'", "a\u{a0}b", "e\u{301}", "שלום", "مرحبا", "👍🏽", "🇩🇪"]
        {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn what_words_and_emoji_need_stays() {
        for text in [
            "می\u{200c}شود",
            "بِ\u{200c}ب",
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "👩\u{200d}👩\u{200d}👧",
            "👩🏽\u{200d}💻",
            "❤\u{fe0f}\u{200d}🔥",
            "☺\u{fe0e}",
            "1\u{fe0f}\u{20e3}",
        ] {
            assert_eq!(shown(text), text, "{}", text.escape_unicode());
        }
    }

    #[test]
    fn what_has_no_effect_where_it_stands_is_escaped() {
        for (text, expected) in [
            ("می\u{200c}\u{200c}شود", "می\\u{200c}\\u{200c}شود"),
            ("مي\u{200c}", "مي\\u{200c}"),
            ("\u{200d}👩", "\\u{200d}👩"),
            ("👩\u{200d}\u{200d}👧", "👩\\u{200d}\\u{200d}👧"),
            ("☺\u{fe0f}\u{fe0f}", "☺\u{fe0f}\\u{fe0f}"),
            ("🏴\u{e0067}\u{e007f}", "🏴\\u{e0067}\\u{e007f}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    proptest::proptest! {
        /// Escaping is for reading alone, but it must not lose or add anything that is seen.
        #[test]
        fn what_is_seen_stays_in_its_order(text: String) {
            let seen = |text: &str| text.chars().filter(|c| !is_hidden(*c)).collect::<String>();
            let mut rest = shown(&text);
            for c in seen(&text).chars() {
                let at = rest.find(c).unwrap();
                rest = rest.split_off(at + c.len_utf8());
            }
            proptest::prop_assert!(!shown(&text).chars().any(char::is_control));
        }
    }
}
