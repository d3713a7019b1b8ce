//! The headless commands: `send`, `receive`, `relay`, `unfinished` and `completions`. They drive the engine through commands and
//! events, as the window does, and below it they name only plain data. Standard output holds only data; messages to the user go
//! to standard error.

mod args;
mod conversation;
mod exit;
mod interrupts;
mod offer;
mod output;
mod relay;
mod report;
mod server;
mod session;
mod transfer;
mod unfinished;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};

use args::{Args, CliCommand};
use exit::Exit;
use interrupts::Interrupts;

/// Runs the program that the arguments ask for.
pub fn main() -> ExitCode {
    let args = Args::parse();
    start_logging(matches!(args.command, Some(CliCommand::Relay(_))));
    let exit = match args.command {
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
        Some(CliCommand::Completions { shell }) => {
            // The generator panics where it can't write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "caiman", &mut script);
            if output::data_now(&script).is_ok() { Exit::Done } else { Exit::Failed }
        }
        None => {
            #[cfg(feature = "gui")]
            let exit = open_window(args.items);
            #[cfg(not(feature = "gui"))]
            let exit = {
                output::line("This Caiman was built without its window. It has these commands:\n");
                output::line(Args::command().render_help());
                output::flush();
                Exit::Usage
            };
            exit
        }
    };
    exit.into()
}

#[cfg(feature = "gui")]
fn open_window(items: Vec<std::ffi::OsString>) -> Exit {
    use crate::app::{RunError, run};
    match run(items) {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::line(format_args!("caiman: {error}"));
            output::flush();
            if matches!(error, RunError::Arguments(_)) { Exit::Usage } else { Exit::Failed }
        }
    }
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
        output::line(format_args!("caiman can't start: {error}"));
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
