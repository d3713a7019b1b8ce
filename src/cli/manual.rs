//! The manual pages, made of the text that `--help` prints: one for the program and one for each command.
//!
//! Nothing in them depends on the machine or the moment, so two builds of one version have the same pages.

use std::{fs, io, path::Path};

use clap::{Arg, Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use super::args::Args;

/// What the program reads from its environment, beside what options name.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("CAIMAN_LOG", "What is logged: error, warn, info or debug. Codes, keys and rooms never are."),
    ("CAIMAN_CONFIG_DIR", "The folder of settings.toml."),
    (
        "CAIMAN_DATA_DIR",
        "The folder of the history, the people you know, the list of interrupted transfers and their key.",
    ),
    (
        "ALL_PROXY, HTTPS_PROXY, NO_PROXY",
        "The proxy for relays, and what is reached without it, unless --proxy or the settings name one.",
    ),
];

/// Where the program keeps what it keeps.
const FILES: &[(&str, &str)] = &[
    (
        "~/.config/caiman/settings.toml",
        "The settings of the window. The commands take relays, proxy and internet from it.",
    ),
    (
        "~/.local/share/caiman/",
        "The history, the people you know with their keys, the list of interrupted transfers, and the key without which they can't be \
         resumed.",
    ),
    (".caiman-*", "In a folder that receives: what has arrived of a transfer that is not over."),
];

/// The page caiman(1).
pub(super) fn page(date: &str) -> io::Result<Vec<u8>> {
    page_of(&built(), date)
}

/// Writes the pages of all commands into `folder`, which is made if it is missing.
pub(super) fn write_all(folder: &Path, date: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let program = built();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    for command in std::iter::once(&program).chain(commands) {
        fs::write(folder.join(format!("{}.1", name_of(command))), page_of(command, date)?)?;
    }
    Ok(())
}

fn built() -> Command {
    // `caiman help` is in no page of its own.
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    program
}

/// `caiman`, or `caiman-send`.
fn name_of(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page_of(command: &Command, date: &str) -> io::Result<Vec<u8>> {
    // What the short help leaves out belongs here.
    let whole = command.clone().mut_args(|argument| argument.hide_short_help(false));
    let man = Man::new(whole);
    let mut page = Vec::new();
    man.render_name_section(&mut page)?;
    synopsis(command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    let (lists, paragraphs) = epilogue(command);
    let mut more = Roff::new();
    for paragraph in paragraphs {
        more.control("PP", []).text([roman(paragraph)]);
    }
    more.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    let is_program = command.has_subcommands();
    if is_program {
        subcommands(&mut rest, command);
    }
    for (heading, lines) in lists {
        list(&mut rest, &heading, &lines);
    }
    if is_program {
        terms(&mut rest, "ENVIRONMENT", ENVIRONMENT);
        terms(&mut rest, "FILES", FILES);
    } else {
        environment(&mut rest, command);
    }
    see_also(&mut rest, command);
    rest.to_writer(&mut page)?;
    Ok(tidy(command, date, &String::from_utf8_lossy(&page)).into_bytes())
}

/// The parts of a page as one: each begins with the same definitions, and the crate breaks lines in a way that tools complain of.
/// The title is written here, because the crate drops a date that is empty.
fn tidy(command: &Command, date: &str, parts: &str) -> String {
    let (name, version) = (name_of(command), env!("CARGO_PKG_VERSION"));
    let definitions = Roff::new().render();
    let body = parts.replace(&definitions, "").replace(".br\n\n.br\n", ".sp\n");
    format!("{definitions}.TH {name} 1 \"{date}\" \"Caiman {version}\" \"Caiman's manual\"\n{body}")
}

/// How the command is called, without its options one by one.
fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let mut line = vec![bold(name_of(command).replace('-', " "))];
    if command.has_subcommands() {
        let mut items = line.clone();
        for item in command.get_positionals() {
            items.extend([roman(" ["), italic(value_of(item)), roman("]...")]);
        }
        if command.get_positionals().next().is_some() {
            roff.text(items).control("br", []);
        }
        line.extend([roman(" "), italic("COMMAND"), roman(" ["), italic("OPTIONS"), roman("]")]);
    } else {
        line.extend([roman(" ["), italic("OPTIONS"), roman("]")]);
    }
    for item in command.get_positionals().filter(|_| !command.has_subcommands()) {
        let more = if item.get_num_args().is_some_and(|count| count.max_values() > 1) { "..." } else { "" };
        line.extend([roman(" ["), italic(value_of(item)), roman("]"), roman(more)]);
    }
    roff.text(line);
    roff
}

fn value_of(argument: &Arg) -> String {
    argument.get_value_names().map_or_else(|| argument.get_id().to_string(), |names| names.join(" "))
}

/// What stands below the options in `--help`: its lists with their headings, and its paragraphs.
fn epilogue(command: &Command) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let (mut lists, mut paragraphs) = (Vec::new(), Vec::new());
    let text = command.get_after_long_help().or_else(|| command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    for block in text.split("\n\n") {
        let mut lines = block.lines();
        match lines.next().and_then(|first| first.strip_suffix(':')) {
            Some(heading) => {
                lists.push((heading.to_owned(), lines.map(|line| line.trim_start().to_owned()).collect()));
            }
            // The program's page has them, and each page names that.
            None if block.starts_with("Exit codes") => {}
            None => paragraphs.push(block.to_owned()),
        }
    }
    (lists, paragraphs)
}

/// A list as it stands in the help.
fn list(roff: &mut Roff, heading: &str, lines: &[String]) {
    if heading == "Exit codes" {
        roff.control("SH", ["EXIT STATUS"]);
        for line in lines {
            let (code, meaning) = line.split_once(' ').unwrap_or((line, ""));
            roff.control("TP", ["6"]).text([bold(code)]).text([roman(meaning.trim_start())]);
        }
        return;
    }
    roff.control("SH", [heading.to_uppercase().as_str()]);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

fn subcommands(roff: &mut Roff, program: &Command) {
    roff.control("SH", ["COMMANDS"]);
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        roff.control("TP", []).text([bold(name_of(command)), roman("(1)")]).text([roman(about)]);
    }
}

fn terms(roff: &mut Roff, heading: &str, terms: &[(&str, &str)]) {
    roff.control("SH", [heading]);
    for (term, meaning) in terms {
        roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
    }
}

/// The variables that stand for options of a command.
fn environment(roff: &mut Roff, command: &Command) {
    let named = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let named: Vec<(String, String)> = named
        .filter_map(|argument| {
            let variable = argument.get_env()?.to_string_lossy().into_owned();
            let of = argument.get_long().map_or_else(|| value_of(argument), |long| format!("--{long}"));
            Some((variable, format!("Stands for {of}, if that is not given.")))
        })
        .collect();
    if !named.is_empty() {
        let named: Vec<(&str, &str)> =
            named.iter().map(|(term, meaning)| (term.as_str(), meaning.as_str())).collect();
        terms(roff, "ENVIRONMENT", &named);
    }
}

fn see_also(roff: &mut Roff, command: &Command) {
    let program = built();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
    let others: Vec<&str> = std::iter::once(&program)
        .chain(commands)
        .map(name_of)
        .filter(|other| *other != name_of(command))
        .collect();
    roff.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (index, other) in others.iter().enumerate() {
        let end = if index + 1 < others.len() { "(1), " } else { "(1)" };
        line.extend([bold(*other), roman(end)]);
    }
    roff.text(line);
}
