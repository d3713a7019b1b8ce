//! What is wrong with the program itself: its files, its own relay, its arguments, the window that it can't open.

use std::{io, path::Path};

use super::failures::{code, disk};
use crate::{
    app::{
        desktop::{
            arrival::ArrivalError,
            instance::InstanceError,
            launch::{Advice, Renderers, Silence, StartError},
        },
        error::RunError,
        words::{Words, shown_path},
    },
    engine::{MAX_NAME_CHARS, RelayError},
    history::PastTransfer,
    people::{MAX_PEOPLE, PeopleError},
    store::{BadEntry, Expected, Flaw, Problem, SaveError},
    transfer::show::Shown,
};

/// How many bad entries of a file are named; the rest is counted. More would fill the window.
const SHOWN_ENTRIES: usize = 5;

/// Why one of the program's own files could not be read.
pub(in crate::app) fn problem(words: &Words, problem: &Problem) -> String {
    match problem {
        Problem::Unreadable { path, cause } => {
            let args = [("path", shown_path(path).into()), ("cause", disk(words, cause).into())];
            words.tell("store-unreadable", &args)
        }
        Problem::Broken { path, flaw, kept } => {
            let path = shown_path(path);
            let flaw = match flaw {
                Flaw::NotToml { line, .. } => {
                    words.tell("store-not-toml", &[("path", path.into()), ("line", (*line).into())])
                }
                Flaw::NotText => words.tell("store-not-text", &[("path", path.into())]),
                Flaw::TooLarge => words.tell("store-too-large", &[("path", path.into())]),
            };
            let fate = match kept {
                Some(kept) => words.tell("store-kept", &[("path", shown_path(kept).into())]),
                None => words.say("store-in-place"),
            };
            format!("{flaw} {fate}")
        }
        Problem::BadEntries { path, entries } => {
            let named: Vec<String> =
                entries.iter().take(SHOWN_ENTRIES).map(|bad| bad_entry(words, bad)).collect();
            let named = named.join(", ");
            let entries = match entries.len().saturating_sub(SHOWN_ENTRIES) {
                0 => named,
                more => words.tell("and-more", &[("names", named.into()), ("count", more.into())]),
            };
            words.tell("store-entries", &[("path", shown_path(path).into()), ("entries", entries.into())])
        }
    }
}

/// What is wrong with an entry of a file.
fn bad_entry(words: &Words, BadEntry { key, expected }: &BadEntry) -> String {
    let key = ("key", Shown(key).to_string().into());
    match expected {
        Expected::Number { from, to } => {
            let bounds = [key, ("from", from.as_str().into()), ("to", to.as_str().into())];
            words.tell("expected-number", &bounds)
        }
        Expected::OneOf(choices) => {
            let choices: Vec<String> =
                choices.iter().map(|choice| words.tell("quoted", &[("text", (*choice).into())])).collect();
            words.tell("expected-one-of", &[key, ("choices", choices.join(", ").into())])
        }
        Expected::Switch => words.tell("expected-switch", &[key]),
        Expected::Text => words.tell("expected-text", &[key]),
        Expected::Address => words.tell("expected-address", &[key]),
        Expected::Ports => words.tell("expected-ports", &[key]),
        Expected::IrohRelays => words.tell("expected-iroh-relays", &[key]),
        Expected::Proxy => words.tell("expected-proxy", &[key]),
        Expected::ComputerName => words.tell("expected-computer-name", &[key]),
        Expected::Table | Expected::Tables => words.tell("expected-table", &[key]),
        Expected::Transfer => words.tell("expected-transfer", &[key]),
        Expected::Person => words.tell("expected-person", &[key]),
    }
}

/// What was cut off when the program was last closed.
pub(in crate::app) fn interrupted(words: &Words, entry: &PastTransfer) -> String {
    let name = ("name", entry.what.as_str().into());
    match &entry.folder {
        Some(folder) => words.tell("interrupted-receive", &[name, ("folder", shown_path(folder).into())]),
        None => words.tell("interrupted-send", &[name]),
    }
}

/// Why something could not be saved.
pub(in crate::app) fn unsaved(words: &Words, error: &SaveError) -> String {
    match error {
        SaveError::NoFolder => words.say("unsaved-no-folder"),
        SaveError::InTheWay(way) => problem(words, way),
        SaveError::Disk { path, cause } => {
            let args = [("path", shown_path(path).into()), ("cause", disk(words, cause).into())];
            words.tell("unsaved-disk", &args)
        }
    }
}

/// Why the list of people was not changed.
pub(in crate::app) fn not_changed(words: &Words, error: &PeopleError) -> String {
    match error {
        PeopleError::BadName(_) => words.tell("set-bad-name", &[("most", MAX_NAME_CHARS.into())]),
        PeopleError::NameTaken => words.say("person-name-taken"),
        PeopleError::Unknown => words.say("person-unknown"),
        PeopleError::TooMany => words.tell("people-too-many", &[("most", MAX_PEOPLE.into())]),
        PeopleError::Known(name) => words.tell("remembered", &[("name", Shown(name).to_string().into())]),
        PeopleError::Save(error) => unsaved(words, error),
    }
}

/// Why what has arrived of an interrupted transfer could not be deleted.
pub(in crate::app) fn not_discarded(words: &Words, name: &str, cause: &io::Error) -> String {
    words.tell("not-discarded", &[("name", name.into()), ("cause", disk(words, cause).into())])
}

/// Why a file or folder could not be opened.
pub(in crate::app) fn not_opened(words: &Words, path: &Path, is_there: bool) -> String {
    let key = if is_there { "not-opened" } else { "not-opened-gone" };
    words.tell(key, &[("path", shown_path(path).into())])
}

/// Why something could not be moved into another folder.
pub(in crate::app) fn not_relocated(words: &Words, cause: &std::io::Error) -> String {
    words.tell("not-moved", &[("cause", disk(words, cause).into())])
}

/// Why something was shown in its folder and not opened.
pub(in crate::app) fn only_shown(words: &Words, path: &Path) -> String {
    words.tell("only-shown", &[("path", shown_path(path).into())])
}

/// Why the window's own relay isn't running.
pub(in crate::app) fn host(words: &Words, error: &RelayError) -> String {
    match error {
        RelayError::PortTaken(address) => {
            words.tell("host-port-taken", &[("port", address.port().to_string().into())])
        }
        RelayError::PortForbidden(address) => {
            words.tell("host-port-forbidden", &[("port", address.port().to_string().into())])
        }
        RelayError::NoSuchAddress(address) => {
            words.tell("host-no-address", &[("address", address.ip().to_string().into())])
        }
        RelayError::TooManyDataPorts(count) => {
            words.tell("host-too-many-ports", &[("count", (*count).into())])
        }
        RelayError::Internal(report) => words.tell("host-broke", &[("detail", report.to_string().into())]),
        RelayError::Listen { address, source } => {
            let port = ("port", address.port().to_string().into());
            words.tell("host-cant-listen", &[port, ("cause", disk(words, source).into())])
        }
    }
}

/// Why there is no window.
pub(in crate::app) fn start(words: &Words, error: &RunError) -> String {
    match error {
        RunError::Arguments(error) => arguments(words, error),
        RunError::Instance(error) => words.say(match error {
            InstanceError::NoLocation(_) => "instance-no-location",
            InstanceError::NoAnswer => "instance-no-answer",
            InstanceError::Refused => "instance-refused",
            InstanceError::TooMuch => "instance-too-much",
        }),
        RunError::Start(error) => no_window(words, error),
    }
}

fn arguments(words: &Words, error: &ArrivalError) -> String {
    let named =
        |key: &str, argument: &String| words.tell(key, &[("name", Shown(argument).to_string().into())]);
    match error {
        ArrivalError::Neither { argument, .. } => named("arrival-neither", argument),
        ArrivalError::Missing { argument } => named("arrival-missing", argument),
        ArrivalError::BadCode(error) => code(words, error),
        ArrivalError::LinkNotAlone => words.say("arrival-link-not-alone"),
        ArrivalError::SeveralCodes => words.say("code-several"),
    }
}

fn no_window(words: &Words, error: &StartError) -> String {
    let (happened, advice) = match error {
        StartError::NoDisplay { silent } => {
            let why: Vec<String> = silent.iter().map(|silence| self::silence(words, silence)).collect();
            (words.tell("start-no-display", &[("why", why.join("; ").into())]), None)
        }
        StartError::Refused => (words.say("start-refused"), None),
        StartError::Toolkit(advice) => (words.say("start-toolkit"), Some(advice)),
        StartError::NoGraphics { tried, advice } => {
            let key = match tried {
                Renderers::OpenGl => "start-no-opengl",
                Renderers::Vulkan => "start-no-vulkan",
                Renderers::Both => "start-no-graphics",
            };
            (words.say(key), Some(advice))
        }
        StartError::App(cause) => {
            let args = [("detail", Shown(&cause.to_string()).to_string().into())];
            return words.tell("start-failed", &args);
        }
        StartError::Lost => return words.say("start-lost"),
    };
    let advice = advice.map(|advice| self::advice(words, advice));
    [Some(happened), advice, Some(words.say("start-without"))]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

/// Why a window system can't be used.
fn silence(words: &Words, silence: &Silence) -> String {
    match silence {
        Silence::Unset(variable) => words.tell("silent-unset", &[("variable", (*variable).into())]),
        Silence::NoAnswer { variable, value, .. } => {
            let args = [("variable", (*variable).into()), ("value", Shown(value).to_string().into())];
            words.tell("silent-no-answer", &args)
        }
        Silence::NoLibrary => words.say("silent-no-library"),
    }
}

fn advice(words: &Words, advice: &Advice) -> String {
    if advice.is_empty() {
        return words.say("start-driver");
    }
    let lines = advice.commands().map(|(system, command)| format!("{system}: {command}"));
    std::iter::once(words.say("start-install")).chain(lines).collect::<Vec<_>>().join("\n")
}
