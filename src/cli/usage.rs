//! What is wrong with a command line, in this program's own words: what clap found, and words that begin with no command.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    num::ParseIntError,
    path::Path,
};

use clap::{
    CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{args::Args, exit::Exit, output, report::failure};
use crate::{
    code::{self, CodeError},
    transfer::show::Shown,
};

/// What users call the commands, besides their names.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("get", "receive"),
    ("fetch", "receive"),
    ("download", "receive"),
    ("accept", "receive"),
    ("pull", "receive"),
    ("share", "send"),
    ("upload", "send"),
    ("give", "send"),
    ("push", "send"),
    ("put", "send"),
    ("server", "relay"),
    ("serve", "relay"),
    ("resume", "unfinished"),
    ("list", "unfinished"),
    ("contacts", "people"),
    ("friends", "people"),
    ("manual", "man"),
];
/// How many slips a name may have at most: one of three letters is near to everything.
const MOST_SLIPS: usize = 2;

/// Says what clap found, and returns how the program ends. `typed` is what stands after the program's name.
pub(super) fn refuse(error: &clap::Error, typed: &[OsString]) -> Exit {
    if !error.use_stderr() {
        // Help and version are what was asked for.
        return if error.print().is_ok() { Exit::Done } else { Exit::Failed };
    }
    let said = match (misspelt(typed), error.kind()) {
        (Some(meant), _) => meant,
        (None, ErrorKind::InvalidSubcommand) => no_command(typed),
        (None, _) => match in_words(error, typed) {
            Found::Problem(problem) => {
                format!("{}\n{} lists what can be given.", failure(&problem), help_of(typed))
            }
            // It ends in what can be typed, so without a full stop.
            Found::Advice(advice) => format!("caiman: {advice}"),
        },
    };
    output::line(said);
    output::flush();
    Exit::Usage
}

/// Whether the user asks for the version as if that were a command.
pub(super) fn asks_for_version(typed: &[OsString]) -> bool {
    matches!(typed, [word] if word == "version" && !is_there(word))
}

/// The command that shows the help for what is typed.
fn help_of(typed: &[OsString]) -> String {
    let first = typed.first().filter(|first| Args::command().find_subcommand(first).is_some());
    first.map_or_else(
        || "caiman --help".to_owned(),
        |name| format!("caiman {} --help", name.to_string_lossy()),
    )
}

/// What is wrong.
enum Found {
    /// A problem, for which the help helps.
    Problem(String),
    /// What to type instead.
    Advice(String),
}

fn in_words(error: &clap::Error, typed: &[OsString]) -> Found {
    let name = |kind| error.get(kind).map(names).unwrap_or_default();
    let argument = name(ContextKind::InvalidArg);
    let value = error.get(ContextKind::InvalidValue).map(|value| listed(value, "and")).unwrap_or_default();
    let shown = Shown(&value);
    let problem = match error.kind() {
        ErrorKind::MissingRequiredArgument if argument.contains("PATH") => {
            return Found::Advice("name what to send: caiman send photo.jpg".to_owned());
        }
        ErrorKind::MissingRequiredArgument if argument.contains("SHELL") => {
            return Found::Advice("name the shell: caiman completions bash".to_owned());
        }
        ErrorKind::MissingRequiredArgument => format!("{argument} is missing"),
        ErrorKind::UnknownArgument => {
            let what = if argument.starts_with('-') { "there is no option" } else { "this takes no" };
            let what = format!("{what} {}", Shown(&argument));
            match option_like(&argument, typed) {
                Some(meant) => format!("{what}; did you mean --{meant}?"),
                None => what,
            }
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{argument} needs a value"),
        ErrorKind::InvalidValue => {
            let allowed = error.get(ContextKind::ValidValue).map(|values| listed(values, "or"));
            let allowed = allowed.map_or_else(String::new, |allowed| format!("; it takes {allowed}"));
            format!("{argument} can't be “{shown}”{allowed}")
        }
        ErrorKind::ValueValidation => {
            format!("{argument} can't be “{shown}”{}", error.source().map_or_else(String::new, why))
        }
        ErrorKind::ArgumentConflict => match name(ContextKind::PriorArg) {
            prior if prior.is_empty() || prior == argument => format!("{argument} can be given only once"),
            prior => format!("{argument} can't be used together with {prior}"),
        },
        ErrorKind::InvalidUtf8 => "an argument is no Unicode text".to_owned(),
        // What no command here can meet.
        _ => {
            let said = error.to_string();
            let first = said.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    };
    Found::Problem(problem)
}

/// Why a value can't be: after a colon, or what can be.
fn why(cause: &(dyn Error + 'static)) -> String {
    if cause.is::<ParseIntError>() {
        return "; it takes a whole number".to_owned();
    }
    let said = cause.to_string();
    // As clap names bounds: `3 is not in 4..=6`.
    match said.split_once(" is not in ").and_then(|(_, bounds)| bounds.split_once("..=")) {
        Some((least, most)) => format!("; it takes {least} to {most}"),
        None => format!(": {said}"),
    }
}

/// A value of clap's as text; a list with commas, and with `last` before its last part.
fn listed(value: &ContextValue, last: &str) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => series(texts, last),
        other => other.to_string(),
    }
}

/// The names of arguments, without the values that clap writes behind them: `--rate` of `--rate <RATE>`, `PATH` of `[PATH]...`.
fn names(value: &ContextValue) -> String {
    let name = |text: &String| {
        let name = text.split(' ').next().unwrap_or_default();
        name.trim_end_matches("...").trim_matches(['<', '>', '[', ']']).to_owned()
    };
    match value {
        ContextValue::String(text) => name(text),
        ContextValue::Strings(texts) => series(&texts.iter().map(name).collect::<Vec<_>>(), "and"),
        other => other.to_string(),
    }
}

fn series(texts: &[String], last: &str) -> String {
    match texts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// What is said of words that begin with no command, where no window takes files and codes.
fn no_command(words: &[OsString]) -> String {
    if let Some(lines) = typed_out(words) {
        return format!(
            "{}\n{lines}",
            failure("without its window, Caiman has to be told what to do with this")
        );
    }
    let first = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    format!(
        "{}\n{}",
        failure(&format!("“{}” is neither a command nor a file nor a code", Shown(&first))),
        commands()
    )
}

/// What is said of words that begin with a mistyped command; `None` if they don't. Files and codes mean what they are.
pub(super) fn misspelt(words: &[OsString]) -> Option<String> {
    let first = words.first()?.to_str()?;
    let meant = command_like(first)?;
    if is_there(&words[0]) || Args::command().find_subcommand(first).is_some() {
        return None;
    }
    let rest: Vec<String> = words[1..].iter().map(|word| quoted(word)).collect();
    let line = [&[meant.to_owned()], &rest[..]].concat().join(" ");
    let problem = format!("there is no command “{}”; did you mean {meant}?", Shown(first));
    Some(format!("{}\n  caiman {line}\n{}", failure(&problem), commands()))
}

/// The commands that send these files and receive with these codes, a line for each; `None` if they are neither.
pub(super) fn typed_out(items: &[OsString]) -> Option<String> {
    let is_file = |item: &&OsString| is_there(item);
    let (files, others): (Vec<&OsString>, Vec<&OsString>) = items.iter().partition(is_file);
    let mut lines = Vec::new();
    if !files.is_empty() {
        let files: Vec<String> = files.iter().map(|file| quoted(file)).collect();
        lines.push(format!("  caiman send {}", files.join(" ")));
    }
    if !others.is_empty() {
        let text = joined(&others);
        match code::parse_any(&text) {
            Ok(invite) if invite.server().is_none() => {
                lines.push(format!("  caiman receive {}", invite.code()));
            }
            Ok(invite) => lines.push(format!("  caiman receive '{invite}'")),
            Err(CodeError::Unknown { suggestion: Some(repaired), .. }) => {
                lines.push(format!("  caiman receive {repaired}"));
            }
            Err(_) => return None,
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Items for the window, of which those that are a code only together are joined. What a link brings stays as it is.
#[cfg(feature = "gui")]
pub(super) fn with_one_code(items: Vec<OsString>) -> Vec<OsString> {
    let is_link = |item: &OsString| item.to_string_lossy().to_ascii_lowercase().contains(code::SCHEME);
    if items.len() < 2 || items.iter().any(|item| is_link(item) || is_there(item)) {
        return items;
    }
    let text = joined(&items.iter().collect::<Vec<_>>());
    match code::parse_any(&text) {
        Ok(_) | Err(CodeError::Unknown { suggestion: Some(_), .. }) => vec![text.into()],
        Err(_) => items,
    }
}

/// The names of the commands, as a sentence.
pub(super) fn commands() -> String {
    let args = Args::command();
    let shown = args.get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<String> = shown.map(|command| command.get_name().to_owned()).collect();
    format!("The commands are {}; caiman --help says more.", series(&names, "and"))
}

/// The command that the user may mean with this word.
fn command_like(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let named = OTHER_NAMES.iter().find(|(other, _)| *other == word).map(|(_, command)| *command);
    named.or_else(|| nearest(&word, NAMES.iter().copied()))
}

/// The option, without its dashes, that the user may mean with this one.
fn option_like(typed: &str, line: &[OsString]) -> Option<String> {
    let program = Args::command();
    let command = line.first().and_then(|first| program.find_subcommand(first)).unwrap_or(&program);
    let longs = command.get_arguments().filter_map(clap::Arg::get_long);
    nearest(typed.strip_prefix("--")?, longs).map(str::to_owned)
}

/// The name that is few slips away from a word.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = MOST_SLIPS.min(word.chars().count() / 2);
    let distances = names.map(|name| (strsim::osa_distance(name, word), name));
    distances.filter(|(slips, _)| *slips <= most).min().map(|(_, name)| name)
}

/// The commands whose names are compared.
const NAMES: &[&str] = &["send", "receive", "relay", "unfinished", "people", "completions", "help"];

fn joined(words: &[&OsString]) -> String {
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Whether there is a file, folder or link of this name.
fn is_there(item: &OsStr) -> bool {
    !item.is_empty() && Path::new(item).symlink_metadata().is_ok()
}

/// A word as a shell takes it, shown so that it can't steer the terminal.
pub(super) fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let shown = Shown(&word).to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "._/-,:=@%+~".contains(c);
    if !shown.is_empty() && shown.chars().all(is_plain) {
        shown
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_command_and_another_name_for_it_lead_to_the_command() {
        for (typed, meant) in [
            ("sned", "send"),
            ("Send", "send"),
            ("snd", "send"),
            ("sent", "send"),
            ("recieve", "receive"),
            ("reveive", "receive"),
            ("rely", "relay"),
            ("get", "receive"),
            ("share", "send"),
            ("unfinish", "unfinished"),
            ("completion", "completions"),
        ] {
            assert_eq!(command_like(typed), Some(meant), "{typed}");
        }
        for typed in ["", "x", "fly", "photo.jpg", "acid", "notes"] {
            assert_eq!(command_like(typed), None, "{typed}");
        }
    }

    #[test]
    fn every_command_that_help_shows_is_compared() {
        let args = Args::command();
        for command in args.get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(NAMES.contains(&command.get_name()), "{}", command.get_name());
        }
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_change_it() {
        for (word, shown) in [
            ("a.txt", "a.txt"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("a\u{1b}", r"'a\u{1b}'"),
        ] {
            assert_eq!(quoted(OsStr::new(word)), shown);
        }
    }
}
