//! Completions: the script that a shell loads, and what this program answers when that script asks it.
//!
//! The script asks the program itself, so that it completes the words of a code without a list of its own, and stays right when
//! options change.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
};

use clap::CommandFactory;
use clap_complete::{
    CompleteEnv,
    engine::{CompletionCandidate, ValueCompleter},
    env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh},
};

use super::args::{Args, CompletedShell};
use crate::code::{MIN_PARTS, words};

/// The environment variable by which a shell's script asks.
const VARIABLE: &str = "CAIMAN_COMPLETE";

/// After these ends of a completed word bash adds no space. A dash is none of them, but another word of the code follows it.
const BASH_OPEN_ENDS: [&str; 2] = ["[=/:]$", "[=/:-]$"];
/// The same for zsh, where candidates that end in a dash are a group of their own.
const ZSH_OPEN_ENDS: [&str; 2] = [
    "[[ -n $other ]] && _describe -V 'values' other",
    r#"local -a codes=("${(@M)other:#*-}")
        other=("${(@)other:#*-}")
        [[ -n $codes ]] && _describe -V 'codes' codes -S ''
        [[ -n $other ]] && _describe -V 'values' other"#,
];

/// As a file in zsh's search path, the script is also the function that completes, from the first time on.
const ZSH_FIRST_TIME: [&str; 2] = [
    "compdef _clap_dynamic_completer_caiman caiman",
    r#"if [[ "$funcstack[1]" == _caiman ]]; then
    _clap_dynamic_completer_caiman "$@"
else
    compdef _clap_dynamic_completer_caiman caiman
fi"#,
];

/// Answers a shell's script, if it is one that asks. `None` if the user has started the program.
pub(super) fn answer() -> Option<Result<(), clap::Error>> {
    let folder = env::current_dir().ok();
    let answered = CompleteEnv::with_factory(Args::command).var(VARIABLE);
    match answered.try_complete(env::args_os(), folder.as_deref()) {
        Ok(false) => None,
        Ok(true) => Some(Ok(())),
        Err(error) => Some(Err(error)),
    }
}

/// The script that a shell loads.
pub(super) fn script(shell: CompletedShell) -> io::Result<String> {
    let asks: &dyn EnvCompleter = match shell {
        CompletedShell::Bash => &Bash,
        CompletedShell::Elvish => &Elvish,
        CompletedShell::Fish => &Fish,
        CompletedShell::PowerShell => &Powershell,
        CompletedShell::Zsh => &Zsh,
    };
    let mut script = Vec::new();
    asks.write_registration(VARIABLE, "caiman", "caiman", "caiman", &mut script)?;
    let script = String::from_utf8_lossy(&script);
    Ok(match shell {
        CompletedShell::Bash => script.replace(BASH_OPEN_ENDS[0], BASH_OPEN_ENDS[1]),
        CompletedShell::Zsh => {
            script.replace(ZSH_OPEN_ENDS[0], ZSH_OPEN_ENDS[1]).replace(ZSH_FIRST_TIME[0], ZSH_FIRST_TIME[1])
        }
        _ => script.into_owned(),
    })
}

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

    /// Catches a new release of the crate that writes its scripts in another way.
    #[test]
    fn what_is_changed_in_the_scripts_is_found_in_them() {
        assert!(script(CompletedShell::Bash).unwrap().contains(BASH_OPEN_ENDS[1]));
        let zsh = script(CompletedShell::Zsh).unwrap();
        assert!(zsh.contains(ZSH_OPEN_ENDS[1]) && zsh.contains(ZSH_FIRST_TIME[1]));
    }
}
