//! The headless commands: `send`, `receive`, `relay`, `unfinished`, `people`, `completions` and `man`. They drive the engine through commands
//! and events, as the window does, and below it they name only plain data. Standard output holds only data; messages to the user
//! go to standard error. What ends the program begins with its name there.

mod args;
mod ask;
mod bar;
mod code_words;
mod complete;
mod conversation;
#[cfg(feature = "croc")]
mod croc;
mod exit;
mod from_people;
mod interrupts;
mod manual;
mod offer;
mod output;
mod people;
mod relay;
mod report;
mod server;
mod session;
mod transfer;
mod unfinished;
mod usage;

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};

use args::{Args, CliCommand};
use exit::Exit;
use interrupts::Interrupts;
use report::failure;

use crate::transfer::show::Shown;

/// Runs the program that the arguments ask for.
pub fn main() -> ExitCode {
    if let Some(answered) = complete::answer() {
        return if answered.is_ok() { Exit::Done } else { Exit::Usage }.into();
    }
    let typed: Vec<OsString> = env::args_os().skip(1).collect();
    let exit = match Args::try_parse() {
        _ if usage::asks_for_version(&typed) => {
            written(output::data_now(Args::command().render_version().as_bytes()))
        }
        Ok(args) => run(args),
        Err(error) => usage::refuse(&error, &typed),
    };
    exit.into()
}

fn run(args: Args) -> Exit {
    start_logging(matches!(args.command, Some(CliCommand::Relay(_))));
    match args.command {
        Some(CliCommand::Send(args)) => {
            with_runtime(async |interrupts| session::send(args, interrupts).await)
        }
        Some(CliCommand::Receive(args)) => {
            with_runtime(async |interrupts| session::receive(args, interrupts).await)
        }
        Some(CliCommand::Relay(args)) => with_runtime(async |interrupts| relay::run(*args, interrupts).await),
        Some(CliCommand::Unfinished { discard, json }) => {
            let exit = unfinished::run(discard.as_deref(), json);
            output::flush();
            exit
        }
        Some(CliCommand::People(args)) if args.check => {
            with_runtime(async |interrupts| people::check(&args.common, interrupts).await)
        }
        Some(CliCommand::People(args)) => {
            let exit = people::run(args);
            output::flush();
            exit
        }
        Some(CliCommand::Completions { shell }) => {
            written(complete::script(shell).and_then(|script| output::data_now(script.as_bytes())))
        }
        Some(CliCommand::Man { out, date }) => written(match out {
            Some(folder) => manual::write_all(&folder, &date).map_err(|error| {
                io::Error::other(format!("can't write in {}: {error}", Shown(&folder.to_string_lossy())))
            }),
            None => manual::page(&date).and_then(|page| output::data_now(&page)),
        }),
        None => {
            #[cfg(feature = "gui")]
            let exit = open_window(args.items);
            #[cfg(not(feature = "gui"))]
            let exit = show_commands();
            exit
        }
    }
}

/// How a command ends that only writes something.
fn written(result: io::Result<()>) -> Exit {
    let Err(error) = result else { return Exit::Done };
    output::line(failure(&error.to_string()));
    output::flush();
    Exit::Failed
}

#[cfg(not(feature = "gui"))]
fn show_commands() -> Exit {
    output::line("This Caiman was built without its window. It has these commands:\n");
    output::line(Args::command().render_help());
    output::flush();
    Exit::Usage
}

#[cfg(feature = "gui")]
fn open_window(items: Vec<OsString>) -> Exit {
    use crate::app::{ArrivalError, RunError, run};
    let (line, exit) = if let Some(meant) = usage::misspelt(&items) {
        (meant, Exit::Usage)
    } else {
        let items = usage::with_one_code(items);
        let typed_out = usage::typed_out(&items);
        let Err(error) = run(items) else { return Exit::Done };
        let line = failure(&error.to_string());
        match (&error, typed_out) {
            (RunError::Arguments(ArrivalError::Neither { .. }), _) => {
                (format!("{line}\n{}", usage::commands()), Exit::Usage)
            }
            (RunError::Arguments(_), _) => (line, Exit::Usage),
            (_, Some(typed_out)) => (format!("{line}\n{typed_out}"), Exit::Failed),
            (_, None) => (line, Exit::Failed),
        }
    };
    output::line(line);
    output::flush();
    exit
}

/// Runs a command on a runtime of one thread, on which it waits for events, signals and the user at once. The engine has its own
/// threads.
fn with_runtime(command: impl AsyncFnOnce(&mut Interrupts) -> Exit) -> Exit {
    let started = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = started.and_then(|runtime| {
        let exit = runtime.block_on(async {
            let mut interrupts = Interrupts::listen()?;
            let exit = command(&mut interrupts).await;
            let is_written = output::finish(&mut interrupts).await;
            Ok(if is_written { exit } else { exit.or(Exit::Cancelled) })
        });
        // A thread may still wait for a line that the user will never type.
        runtime.shutdown_background();
        exit
    });
    ended.unwrap_or_else(|error: io::Error| {
        output::line(failure(&format!("this program can't start: {error}")));
        output::flush();
        Exit::Failed
    })
}

/// Starts logging. A relay logs what it does; transfers report through events, and log only errors unless `CAIMAN_LOG` asks for
/// more.
fn start_logging(is_relay: bool) {
    let usual = if is_relay { "info" } else { "error" };
    let wanted = std::env::var("CAIMAN_LOG").ok().filter(|wanted| !wanted.trim().is_empty());
    let wanted = wanted.unwrap_or_else(|| usual.to_owned());
    // A plain level is for this program alone: toolkits also log attempts that fail before another one works, and libraries log
    // the addresses and keys that they connect to.
    let filter = if wanted.contains('=') { wanted } else { format!("caiman={}", wanted.trim()) };
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| "caiman=error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // Otherwise it says on standard error that it can't write there, and panics.
        .log_internal_errors(false)
        .init();
}
