//! Completions: the script that a shell loads, and what this program answers when that script asks it. `code_words` has the words of
//! codes.
//!
//! The script asks the program itself, so that it completes the words of a code without a list of its own, and stays right when
//! options change.

use std::{env, io};

use clap::CommandFactory;
use clap_complete::{
    CompleteEnv,
    env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh},
};

use super::args::{Args, CompletedShell};

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

/// Has bash quote the names of files, which may hold what it would run: it inserts other words as they are.
const BASH_QUOTES: [&str; 2] = ["-o bashdefault", "-o bashdefault -o filenames"];
/// Has PowerShell quote what is no plain word, for the same reason.
const POWERSHELL_QUOTES: [&str; 2] = [
    "::new($cmd, $cmd,",
    r#"::new($(if ($cmd -cmatch '^[-\w./\\:=]+\z') { $cmd } else {
            "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($cmd) + "'"
        }), $cmd,"#,
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
        CompletedShell::Bash => {
            script.replace(BASH_OPEN_ENDS[0], BASH_OPEN_ENDS[1]).replace(BASH_QUOTES[0], BASH_QUOTES[1])
        }
        CompletedShell::PowerShell => script.replace(POWERSHELL_QUOTES[0], POWERSHELL_QUOTES[1]),
        CompletedShell::Zsh => {
            script.replace(ZSH_OPEN_ENDS[0], ZSH_OPEN_ENDS[1]).replace(ZSH_FIRST_TIME[0], ZSH_FIRST_TIME[1])
        }
        CompletedShell::Elvish | CompletedShell::Fish => script.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a new release of the crate that writes its scripts in another way.
    #[test]
    fn what_is_changed_in_the_scripts_is_found_in_them() {
        let bash = script(CompletedShell::Bash).unwrap();
        assert!(bash.contains(BASH_OPEN_ENDS[1]));
        assert_eq!(bash.matches(BASH_QUOTES[1]).count(), bash.matches("complete -o").count());
        assert!(script(CompletedShell::PowerShell).unwrap().contains(POWERSHELL_QUOTES[1]));
        let zsh = script(CompletedShell::Zsh).unwrap();
        assert!(zsh.contains(ZSH_OPEN_ENDS[1]) && zsh.contains(ZSH_FIRST_TIME[1]));
    }
}
