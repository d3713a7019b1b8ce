//! Which words a code may go on with, for the shell that completes it. `complete` asks by way of the arguments.

use std::{
    env,
    ffi::{OsStr, OsString},
};

use clap_complete::engine::{CompletionCandidate, ValueCompleter};

use crate::code::{MIN_PARTS, words};

/// Completes the words of a code, joined by dashes or given one by one.
pub(super) struct CodeWords;

impl ValueCompleter for CodeWords {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(typed) = current.to_str() else { return Vec::new() };
        codes(typed, follows_word()).into_iter().map(CompletionCandidate::new).collect()
    }
}

/// Whether a word of a code stands alone before the one that is completed: then the user separates them by spaces. The crate tells
/// no completer what stands before.
fn follows_word() -> bool {
    let line: Vec<OsString> = env::args_os().skip_while(|word| word != "--").skip(1).collect();
    // Some shells end the line with the word that is completed, and others say which one it is.
    let at = env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
    let before =
        at.unwrap_or(line.len().saturating_sub(1)).checked_sub(1).and_then(|before| line.get(before));
    before.is_some_and(|before| words::contains(&before.to_string_lossy().to_lowercase()))
}

/// What `typed` may become. Without a letter that would be the whole list, so it is nothing.
fn codes(typed: &str, follows_word: bool) -> Vec<String> {
    let start = typed.rfind('-').map_or(0, |dash| dash + 1);
    let (before, last) = typed.split_at(start);
    if last.is_empty() || typed.starts_with('-') {
        return Vec::new();
    }
    let has_more = before.matches('-').count() + 1 < MIN_PARTS && (!follows_word || !before.is_empty());
    let dash = if has_more { "-" } else { "" };
    words::completions(last).map(|word| format!("{before}{word}{dash}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_code_is_completed_and_a_dash_follows_up_to_the_fourth() {
        assert_eq!(codes("tul", false), ["tulip-"]);
        assert_eq!(codes("acid-coyote-mus", false), ["acid-coyote-mustard-"]);
        assert_eq!(codes("acid-coyote-mustard-tul", false), ["acid-coyote-mustard-tulip"]);
        assert_eq!(codes("acid-coyote-mustard-tulip-lem", false), ["acid-coyote-mustard-tulip-lemon"]);
        assert_eq!(codes("coy", true), ["coyote"]);
        assert_eq!(codes("tu", false).len(), words::completions("tu").count());
        for typed in ["", "acid-", "acid-qqq", "/tmp", "--out"] {
            assert!(codes(typed, false).is_empty(), "{typed}");
        }
    }
}
