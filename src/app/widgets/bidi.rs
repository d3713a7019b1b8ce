//! The order in which a text is painted that holds words written from right to left. The toolkit shapes such a word
//! well, and puts words beside each other from left to right whatever they are; so they are handed to it in the order
//! in which they stand on the screen (Unicode Standard Annex #9). Pure.
//!
//! The window is written from left to right, and so is every line of it but those of a foreign text. The parts of a path keep their
//! order, whatever their names are.

use std::ops::Range;

use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};

/// What parts of a path are separated by, and what the window puts between the parts of a line. They are no letters of any name, so that
/// each part is ordered by itself: numbers after a name from right to left stay behind it.
const SEPARATORS: [char; 4] = ['/', '\n', '·', '→'];
/// It has the direction of a word from right to left, and is never painted.
const RIGHT_MARK: char = '\u{200f}';

/// From which side a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadFrom {
    /// From the left, as a sentence of the window and the names in it. Each part of a path is by itself.
    Left,
    /// From where its first letter says, as a paragraph of a foreign text.
    Beginning,
}

/// Whether something in a text is written from right to left. Otherwise it is painted as it stands.
pub(super) fn is_needed(text: &str) -> bool {
    text.chars().any(is_from_right)
}

/// Whether a paragraph of a foreign text is read from the right.
pub(super) fn reads_from_right(paragraph: &str) -> bool {
    let strong = |c: &char| matches!(bidi_class(*c), BidiClass::L | BidiClass::R | BidiClass::AL);
    paragraph.chars().find(strong).is_some_and(is_from_right)
}

/// The parts of a text on one line, from left to right, each to be shaped by itself.
pub(super) fn visual_parts(text: &str) -> Vec<String> {
    visual_line(text, 0..text.len(), ReadFrom::Left)
}

/// The parts of the beginning of a text, which has this many characters and is cut off after them.
pub(super) fn visual_parts_of_cut(text: &str, chars: usize) -> Vec<String> {
    let end = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let kept = text[..end].trim_end();
    // What stands for the rest stands where the reader comes to it.
    let ends_from_right = kept.chars().rev().find(|c| c.is_alphanumeric()).is_some_and(is_from_right);
    let mark = ends_from_right.then_some(RIGHT_MARK);
    visual_parts(
        &[kept, "…"].into_iter().map(str::to_owned).chain(mark.map(String::from)).collect::<String>(),
    )
}

/// The parts of one line of a text that has several, from left to right, each to be shaped by itself. Which bytes of the text stand on
/// the line has been found in the order in which it is read.
pub(super) fn visual_line(text: &str, line: Range<usize>, reading: ReadFrom) -> Vec<String> {
    let mut parts = Vec::new();
    let pieces: Vec<&str> = match reading {
        ReadFrom::Left => text.split_inclusive(SEPARATORS).collect(),
        ReadFrom::Beginning => vec![text],
    };
    let mut start = 0;
    for piece in pieces {
        let name = if reading == ReadFrom::Left { piece.trim_end_matches(SEPARATORS) } else { piece };
        let within = |from: usize, to: usize| {
            let (from, to) = (line.start.clamp(from, to), line.end.clamp(from, to));
            from - start..to - start
        };
        let (inside, after) =
            (within(start, start + name.len()), within(start + name.len(), start + piece.len()));
        if !inside.is_empty() {
            order(name, inside, reading, &mut parts);
        }
        parts.extend((!after.is_empty()).then(|| piece[after].to_owned()));
        start += piece.len();
    }
    parts
}

fn is_from_right(c: char) -> bool {
    // No script before Hebrew is.
    c >= '\u{590}' && matches!(bidi_class(c), BidiClass::R | BidiClass::AL | BidiClass::AN)
}

/// Adds the parts of what stands on `line` of a text without separators.
fn order(text: &str, line: Range<usize>, reading: ReadFrom, parts: &mut Vec<String>) {
    let info = BidiInfo::new(text, (reading == ReadFrom::Left).then(Level::ltr));
    for paragraph in &info.paragraphs {
        let within = paragraph.range.start.max(line.start)..paragraph.range.end.min(line.end);
        if within.is_empty() {
            continue;
        }
        let (levels, runs) = info.visual_runs(paragraph, within);
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
    for c in run.chars().filter(|c| *c != RIGHT_MARK) {
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
        visual_parts(text).join("|")
    }

    #[test]
    fn what_is_written_from_left_to_right_stays_as_it_is() {
        for text in ["", "notes.txt", "日本語 ไทย", "Ελληνικά (2).txt", "a/b"] {
            assert!(!is_needed(text));
            assert_eq!(visual_parts(text).concat(), text);
        }
    }

    /// Catches lines that begin with the end of a text, which they do if it is ordered before it is broken into lines.
    #[test]
    fn each_line_of_a_text_is_in_its_order() {
        let lines = |text: &str, breaks: &[&str], reading: ReadFrom| {
            assert_eq!(breaks.concat(), text);
            let mut start = 0;
            let mut line = |part: &&str| {
                let range = start..start + part.len();
                start = range.end;
                visual_line(text, range, reading).concat()
            };
            breaks.iter().map(&mut line).collect::<Vec<String>>()
        };
        let sentence = "Ann sends שלום עולם ועוד.txt";
        let broken = ["Ann sends שלום ", "עולם ועוד.txt"];
        assert_eq!(lines(sentence, &broken, ReadFrom::Left), ["Ann sends שלום ", "ועוד עולם.txt"]);
        let text = "שלום עולם (ועוד).";
        assert_eq!(lines(text, &["שלום עולם ", "(ועוד)."], ReadFrom::Beginning), [" עולם שלום", ".(ועוד)"]);
        assert_eq!(lines("a שלום עולם", &["a שלום ", "עולם"], ReadFrom::Beginning), ["a שלום ", "עולם"]);
        // In prose, a slash is a mark like others.
        assert_eq!(lines("ו/או", &["ו/או"], ReadFrom::Beginning), ["או/ו"]);
        assert_eq!(lines("/א/בג/ד", &["/א/ב", "ג/ד"], ReadFrom::Left), ["/א/ב", "ג/ד"]);
        assert!(reads_from_right("1. שלום") && !reads_from_right("1. hello שלום") && !reads_from_right("…"));
    }

    #[test]
    fn what_is_cut_off_ends_where_the_reader_comes_to_its_end() {
        for (text, chars, expected) in [
            ("שלום עולם.txt", 6, "…ע שלום"),
            ("שלום עולם.txt", 5, "…שלום"),
            ("שלום עולם.txt", 11, "עולם שלום.t…"),
            ("notes of שלום עולם", 13, "notes of …שלום"),
            ("notes of שלום עולם", 7, "notes o…"),
        ] {
            assert_eq!(visual_parts_of_cut(text, chars).concat(), expected, "{text}");
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
        assert_eq!(
            shown("Sent to דנה · 2025-11-13 · 8.0 MiB").replace('|', ""),
            "Sent to דנה · 2025-11-13 · 8.0 MiB"
        );
        assert_eq!(shown("תמונות → תמונות (2)").replace('|', ""), "תמונות → (2) תמונות");
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
            proptest::prop_assert_eq!(sorted(&visual_parts(&text).concat()), sorted(&text));
            // Nor where it is broken into lines.
            let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).filter(|at| at % 7 == 0).chain([text.len()]).collect();
            for reading in [ReadFrom::Left, ReadFrom::Beginning] {
                let lines = ends.windows(2).flat_map(|ends| visual_line(&text, ends[0]..ends[1], reading));
                proptest::prop_assert_eq!(sorted(&lines.collect::<String>()), sorted(&text));
            }
        }
    }
}
