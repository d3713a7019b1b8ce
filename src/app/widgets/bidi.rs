//! The order in which a text is painted that holds words written from right to left. The toolkit shapes such a word
//! well, and puts words beside each other from left to right whatever they are; so they are handed to it in the order
//! in which they stand on the screen (Unicode Standard Annex #9). Pure.
//!
//! The window is written from left to right, and so is every line of it. The parts of a path keep their order, whatever
//! their names are.

use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};

/// What parts of a path are separated by. They are no letters of any name, so that each name is ordered by itself.
const SEPARATORS: [char; 2] = ['/', '\n'];

/// The parts of a text from left to right, each to be shaped by itself; `None` if nothing in it is written from right to
/// left, so that it is painted as it stands.
pub(super) fn visual_parts(text: &str) -> Option<Vec<String>> {
    if !text.chars().any(is_from_right) {
        return None;
    }
    let mut parts = Vec::new();
    for piece in text.split_inclusive(SEPARATORS) {
        let name = piece.trim_end_matches(SEPARATORS);
        order(name, &mut parts);
        parts.extend((name.len() < piece.len()).then(|| piece[name.len()..].to_owned()));
    }
    Some(parts)
}

fn is_from_right(c: char) -> bool {
    // No script before Hebrew is.
    c >= '\u{590}' && matches!(bidi_class(c), BidiClass::R | BidiClass::AL | BidiClass::AN)
}

/// Adds the parts of a text without separators.
fn order(text: &str, parts: &mut Vec<String>) {
    let info = BidiInfo::new(text, Some(Level::ltr()));
    for paragraph in &info.paragraphs {
        let (levels, runs) = info.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let from_left = levels.get(run.start).is_none_or(Level::is_ltr);
            let piece = &text[run];
            if from_left {
                parts.push(piece.to_owned());
            } else {
                parts.extend(words_from_right(piece).into_iter().rev());
            }
        }
    }
}

/// What a run from right to left consists of: its words, in their own order, and what stands between them.
fn words_from_right(run: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut script = None;
    for c in run.chars() {
        let this = script_of(c);
        match words.last_mut() {
            // A mark belongs to the letter before it.
            Some(word) if script.is_some() && (this == script || bidi_class(c) == BidiClass::NSM) => {
                word.push(c);
            }
            _ => {
                words.push(if this.is_some() { c } else { mirrored(c) }.to_string());
                script = this;
            }
        }
    }
    words
}

/// Which of the scripts from right to left a letter or a mark of punctuation belongs to, as far as fonts tell them apart;
/// `None` for what all scripts share.
fn script_of(c: char) -> Option<u8> {
    match c {
        '\u{590}'..='\u{5ff}' | '\u{fb1d}'..='\u{fb4f}' => Some(0),
        '\u{600}'..='\u{6ff}'
        | '\u{750}'..='\u{77f}'
        | '\u{870}'..='\u{8ff}'
        | '\u{fb50}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefe}' => Some(1),
        // Syriac, Thaana, N'Ko and others, each of which has fonts of its own.
        '\u{700}'..='\u{74f}' => Some(2),
        '\u{780}'..='\u{7bf}' => Some(3),
        '\u{7c0}'..='\u{7ff}' => Some(4),
        c if matches!(bidi_class(c), BidiClass::R | BidiClass::AL) => Some(5),
        _ => None,
    }
}

/// A bracket as it looks in a text from right to left.
fn mirrored(c: char) -> char {
    const PAIRS: [(char, char); 7] =
        [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('«', '»'), ('‹', '›'), ('≤', '≥')];
    PAIRS
        .iter()
        .find_map(|(left, right)| match c {
            c if c == *left => Some(*right),
            c if c == *right => Some(*left),
            _ => None,
        })
        .unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        visual_parts(text).map_or_else(|| text.to_owned(), |parts| parts.join("|"))
    }

    #[test]
    fn what_is_written_from_left_to_right_stays_as_it_is() {
        for text in ["", "notes.txt", "日本語 ไทย", "Ελληνικά (2).txt", "a/b"] {
            assert_eq!(visual_parts(text), None);
        }
    }

    #[test]
    fn words_from_right_to_left_stand_in_their_order_and_keep_their_letters() {
        for (text, expected) in [
            ("שלום", "שלום"),
            ("שלום עולם", "עולם| |שלום"),
            ("You are offered שלום עולם.txt", "You are offered |עולם| |שלום|.txt"),
            ("مرحبا بالعالم 2025.pdf", "2025| |بالعالم| |مرحبا|.pdf"),
            ("שלום (עולם)", "(|עולם|)| |שלום"),
            ("مرحبا، عالم", "عالم| |مرحبا،"),
            ("بِسْمِ اللّٰه", "اللّٰه| |بِسْمِ"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_keeps_the_order_of_its_folders() {
        assert_eq!(shown("/home/שלום עולם/קובץ"), "/|home|/|עולם| |שלום|/|קובץ");
        assert_eq!(shown("שלום עולם\nשלום"), "עולם| |שלום|\n|שלום");
    }

    proptest::proptest! {
        /// Nothing may get lost, and brackets may only be turned.
        #[test]
        fn the_same_characters_are_painted(text in "[a-z0-9()\\[\\] ./\n\u{5b0}-\u{5ff}\u{600}-\u{6ff}\u{200c}\\u{202e}]{0,40}") {
            let turned = |c: char| mirrored(c).min(c);
            let sorted = |text: &str| {
                let mut all: Vec<char> = text.chars().map(turned).collect();
                all.sort_unstable();
                all
            };
            let parts = visual_parts(&text).map_or_else(|| text.clone(), |parts| parts.concat());
            proptest::prop_assert_eq!(sorted(&parts), sorted(&text));
        }
    }
}
