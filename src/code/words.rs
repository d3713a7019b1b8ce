//! The word list: EFF's short list 2.0, 1,296 words. Any three letters begin at most one word, and any two words are
//! at least three edits apart. This file searches, completes and repairs single words; whole codes are read elsewhere.

use std::sync::LazyLock;

static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut words: Vec<_> = include_str!("../../assets/eff_short_wordlist_2_0.txt").lines().collect();
    words.sort_unstable();
    words
});

/// How many letters are enough to name a word.
pub const PREFIX_LETTERS: usize = 3;

/// The words that begin with `prefix`, in alphabetical order; upper and lower case count the same. An empty prefix gives all
/// words, one of three or more letters at most one.
pub fn completions(prefix: &str) -> impl Iterator<Item = &'static str> + use<> {
    let prefix = prefix.to_lowercase();
    let start = WORDS.partition_point(|word| *word < prefix.as_str());
    WORDS[start..].iter().copied().take_while(move |word| word.starts_with(&prefix))
}

/// The word that `typed`, in lower case, stands for: the word itself, or the one that begins with these three or
/// more letters.
///
/// One slip in 2,000 looks like the beginning of another word (`artic`, for `attic`, begins *artichoke*) and is taken for it:
/// that is the price of abbreviations.
pub fn find(typed: &str) -> Option<&'static str> {
    if typed.len() < PREFIX_LETTERS {
        return None;
    }
    let start = WORDS.partition_point(|word| *word < typed);
    WORDS.get(start).copied().filter(|word| word.starts_with(typed))
}

/// Whether `word` is a word of the list, written out.
pub fn contains(word: &str) -> bool {
    WORDS.binary_search(&word).is_ok()
}

/// The word that `typed`, in lower case, is one slip away from: one letter missing, added or wrong, or two neighbouring
/// letters swapped. A word of the list is its own nearest word.
///
/// A missing, added or wrong letter has at most one repair, because any two words of the list are three edits apart. For five
/// pairs of words a swap in one looks like a wrong letter in the other (`dwan`: `dawn` or `swan`?); there the wrong letter
/// wins. Two slips in one word are not repaired: between short words the guess would be poor.
pub fn nearest(typed: &str) -> Option<&'static str> {
    let typed: Vec<char> = typed.chars().take(MAX_LETTERS + 2).collect();
    let mut swapped = None;
    for &word in WORDS.iter() {
        match slip(&typed, word) {
            Some(Slip::None | Slip::Letter) => return Some(word),
            Some(Slip::Swap) if swapped.is_none() => swapped = Some(word),
            Some(Slip::Swap) | None => {}
        }
    }
    swapped
}

/// Maps two random bytes to a word. `None` asks for two others: the numbers beyond the last whole multiple of the list's
/// length would favour some words.
pub(super) fn from_random(number: u16) -> Option<&'static str> {
    let count = WORDS.len();
    let fair = (usize::from(u16::MAX) + 1) / count * count;
    let number = usize::from(number);
    (number < fair).then(|| WORDS[number % count])
}

/// Letters of the longest word; a test compares it with the list.
const MAX_LETTERS: usize = 10;

enum Slip {
    None,
    Letter,
    Swap,
}

/// The slip that makes `word` into `typed`, if there is only one. What remains between their common beginning and their common
/// end shows it.
fn slip(typed: &[char], word: &str) -> Option<Slip> {
    if typed.len().abs_diff(word.len()) > 1 {
        return None;
    }
    let same_start = typed.iter().copied().zip(word.chars()).take_while(|(a, b)| a == b).count();
    let (typed, word) = (&typed[same_start..], &word[same_start..]);
    let same_end = typed.iter().rev().copied().zip(word.chars().rev()).take_while(|(a, b)| a == b).count();
    let (typed, word) = (&typed[..typed.len() - same_end], &word.as_bytes()[..word.len() - same_end]);
    match (typed, word) {
        ([], []) => Some(Slip::None),
        ([_], [] | [_]) | ([], [_]) => Some(Slip::Letter),
        ([a, b], [c, d]) if *a == char::from(*d) && *b == char::from(*c) => Some(Slip::Swap),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_1296_lower_case_words_of_three_to_ten_letters() {
        assert_eq!(WORDS.len(), 1296);
        assert!(WORDS.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
        assert!(WORDS.iter().all(|word| (PREFIX_LETTERS..=MAX_LETTERS).contains(&word.len())));
    }

    #[test]
    fn three_letters_name_at_most_one_word() {
        assert!(WORDS.windows(2).all(|pair| pair[0][..3] != pair[1][..3]));
    }

    #[test]
    fn any_two_words_are_at_least_three_edits_apart() {
        for (index, a) in WORDS.iter().enumerate() {
            for b in &WORDS[index + 1..] {
                assert!(edits(a, b) >= 3, "{a} {b}");
            }
        }
    }

    #[test]
    fn every_word_is_equally_likely_and_the_rest_is_drawn_again() {
        let mut drawn = std::collections::HashMap::new();
        for number in 0..=u16::MAX {
            *drawn.entry(from_random(number)).or_insert(0) += 1;
        }
        assert_eq!(drawn.remove(&None), Some(65_536 % 1296));
        assert_eq!(drawn.len(), 1296);
        assert!(drawn.values().all(|times| *times == 65_536 / 1296));
    }

    #[test]
    fn a_word_is_found_by_itself_and_by_three_letters_or_more() {
        for word in WORDS.iter() {
            for letters in 0..=word.len() {
                assert_eq!(find(&word[..letters]), (letters >= 3).then_some(*word));
            }
        }
        assert_eq!(find("mustang"), None);
        assert_eq!(find("zzz"), None);
        assert_eq!(find("äöü"), None);
        assert!(contains("mustard") && !contains("must"));
    }

    #[test]
    fn completion_lists_the_words_with_a_prefix_in_any_case() {
        assert_eq!(completions("Tu").collect::<Vec<_>>()[..3], ["tubeless", "tuesday", "tugboat"]);
        assert_eq!(completions("TUL").collect::<Vec<_>>(), ["tulip"]);
        assert_eq!(completions("").count(), 1296);
        assert_eq!(completions("tulips").count(), 0);
        assert_eq!(completions("ß").count(), 0);
    }

    /// Catches a repair that depends on where in the word the slip is.
    #[test]
    fn every_missing_added_or_wrong_letter_in_every_word_is_repaired() {
        let letters = || ['a', 'e', 'n', 'q', '7', 'é'];
        for word in WORDS.iter() {
            for at in 0..=word.len() {
                let (start, end) = word.split_at(at);
                for letter in letters() {
                    assert_eq!(nearest(&format!("{start}{letter}{end}")), Some(*word));
                }
                if at < word.len() {
                    let after = &end[1..];
                    assert_eq!(nearest(&format!("{start}{after}")), Some(*word));
                    for letter in letters() {
                        assert_eq!(nearest(&format!("{start}{letter}{after}")), Some(*word));
                    }
                }
            }
        }
    }

    #[test]
    fn every_swap_is_repaired_but_the_few_that_look_like_another_words_wrong_letter() {
        let mut ambiguous = Vec::new();
        for word in WORDS.iter() {
            for at in 0..word.len() - 1 {
                let mut typed = word.as_bytes().to_vec();
                typed.swap(at, at + 1);
                let typed = String::from_utf8(typed).unwrap();
                let repaired = nearest(&typed).unwrap();
                if repaired != *word {
                    ambiguous.push(format!("{typed}: {repaired}, not {word}"));
                }
            }
        }
        let expected = [
            "apena: arena, not apnea",
            "arnea: apnea, not arena",
            "waning: waving, not awning",
            "dwan: swan, not dawn",
            "leves: levers, not elves",
            "elvers: elves, not levers",
            "purne: purse, not prune",
            "pruse: prune, not purse",
            "sawn: dawn, not swan",
            "awving: awning, not waving",
        ];
        assert_eq!(ambiguous, expected);
    }

    #[test]
    fn two_slips_and_strange_input_have_no_nearest_word() {
        let long = "a".repeat(100_000);
        for typed in ["", "a", "mustnagg", "7731", "ääääää", "musstandd", long.as_str()] {
            assert_eq!(nearest(typed), None, "{typed:.20}");
        }
    }

    /// The textbook Levenshtein distance, which checks the list without sharing any code with [`slip`].
    fn edits(a: &str, b: &str) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.bytes().enumerate() {
            let mut diagonal = std::mem::replace(&mut row[0], i + 1);
            for (j, y) in b.bytes().enumerate() {
                let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
                diagonal = std::mem::replace(&mut row[j + 1], cost);
            }
        }
        row[b.len()]
    }
}
