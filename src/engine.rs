//! The engine: commands in, events out. Owned by what shows it to the user, the headless commands or the window.
//!
//! It lives on a thread of its own with a tokio runtime, so that a window never waits for it. Commands go in over a bounded
//! channel. Events come out over another, and none is ever lost. Progress comes over a `watch` for each transfer, where
//! the latest snapshot wins. After each change the engine calls the waker, and only after it has sent the change, so that
//! a listener who is woken finds it.
//!
//! Every transfer and every relay is a task that the engine owns and joins. Dropping [`Engine`] cancels them all and gives
//! them a few seconds to say goodbye to their peers.

mod calling;
mod command;
mod event;
mod local;
mod outbox;
mod presence;
mod receiving;
mod relays;
mod sending;
mod signals;
mod tasks;
mod typed_code;
mod waiting;

use std::{io, path::PathBuf, sync::Arc, thread, time::Duration};

use tokio::sync::mpsc;

use crate::panics::{self, caught};
use command::Ids;

pub use self::{
    command::{Command, PATIENCE, ReceiveOrder, SendOrder, TaskId, WaitOrder},
    event::{CallState, Called, Event, Presence},
    typed_code::{TypedCode, read_code},
};

#[cfg(feature = "croc")]
pub use self::command::CrocReceiveOrder;
#[cfg(feature = "croc")]
pub use crate::{
    croc::code::{CrocCode, FoundCode, USUAL_PASSWORD as USUAL_CROC_PASSWORD, find as find_croc},
    relay::{CrocConfig, CrocPorts},
    transfer::croc::{CrocFate, CrocName, CrocNews, CrocRelay, CrocSearch, CrocSend},
};
pub use crate::{
    crypto::{KnownPair, PairId, PairKey, Side},
    net::{
        addresses::{Reach, has_network},
        client::{RelayCheck, RelayChoice, RelayClientError},
        internet::{Internet, IrohCheck, IrohCheckError, IrohRelay},
        proxy::{Proxies, ProxyChoice, ProxyError},
        venue::Venue,
    },
    protocol::{
        name::{MAX_NAME_CHARS, PeerName},
        peer::Work,
    },
    relay::{AccessPassword, Limits, Ports, RelayConfig, RelayError},
    transfer::{
        error::{FileAction, TransferError},
        file_states::{FileState, FileStates, FileWatch},
        link::{
            handshake::DEFAULT_ITERATIONS,
            rendezvous::{CodeChoice, today},
        },
        notice::{InvitationChain, Invited, MetAt, NotAdded, NotKept, Notice, OnlineState},
        offer::{AlreadyHere, Answer, Choices, Offer, Top},
        path_mode::{ListenOptions, PathMode},
        plan::placement::{OnConflict, OnMerge},
        progress::{Connection, MAX_PLACED, Paused, Phase, Progress, Report, Route, Stall, WaitsFor},
        receive::request::Output,
        send::MAX_RECEIVERS,
        sink::{
            survey::check_folder,
            unfinished::{Registry, Unfinished},
        },
        source::listing::Payload,
    },
};

/// How many commands may wait to be taken. The engine's loop waits for no task and takes each at once, so this many only wait
/// if it has come to a stop.
const COMMANDS: usize = 64;
/// How many events may wait to be taken; when there are this many, transfers wait as well. Enough for a listener that falls
/// behind for a moment, such as a window while it draws.
const EVENTS: usize = 256;
/// How long threads that hang in a system call, such as reading a terminal, may delay the end: too short for a user to notice.
const LAST_THREADS: Duration = Duration::from_millis(200);

/// A running engine. It takes commands, and dropping it ends it: every task is cancelled, and the drop returns once all have
/// ended, after a few seconds at most.
pub struct Engine {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<thread::JoinHandle<()>>,
    ids: Ids,
}

/// The events of one engine, in the order in which it sent them. There is one listener.
pub struct Events(mpsc::Receiver<Event>);

/// The command could not be taken: too many are waiting, or the engine has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine takes no commands at the moment")]
pub struct Busy;

impl Engine {
    /// Starts an engine and returns it with its events. `wake` is called from the engine's threads after every event and
    /// snapshot, and must return at once. Fails if the system gives no thread or no runtime.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> io::Result<(Self, Events)> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().thread_name("engine").enable_all().build()?;
        outlive_large_files(&runtime);
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (outbox, events) = mpsc::channel(EVENTS + 1);
        // Keeps room for the last event, however far behind the listener is.
        let last = outbox.clone().try_reserve_owned().expect("a new channel has room");
        let ids = Ids::new();
        let branch_ids = ids.clone();
        let thread = thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let wake = Arc::new(wake);
            let running = tasks::run(inbox, outbox, branch_ids, Arc::clone(&wake) as _);
            if let Err(report) = runtime.block_on(caught(running)) {
                drop(last.send(Event::Stopped(report)));
                // The waker may be what panicked.
                let _ = panics::catch(|| wake());
            }
            runtime.shutdown_timeout(LAST_THREADS);
        })?;
        let engine = Self { commands: Some(commands), thread: Some(thread), ids };
        Ok((engine, Events(events)))
    }

    /// Draws the id of a new transfer, relay or check. No other task of this engine has it.
    pub fn new_id(&self) -> TaskId {
        self.ids.draw()
    }

    /// Gives the engine a command, without waiting. Fails if too many commands wait already or the engine has ended.
    pub fn command(&self, command: Command) -> Result<(), Busy> {
        self.commands.as_ref().ok_or(Busy)?.try_send(command).map_err(|_| Busy)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // If the engine has panicked, its own thread has reported that.
            let _ = thread.join();
        }
    }
}

impl Events {
    /// Waits for the next event. `None` once the engine has ended and no event is left.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    /// The next event, without waiting. `None` if there is none now, or if the engine has ended.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.try_recv().ok()
    }
}

/// Checks, before a send is started, that there is at least one path, and that each is a folder that can be listed or a file
/// that can be opened. The error names the first that is neither. What is in the folders is not checked.
pub fn check_paths(paths: &[PathBuf]) -> Result<(), TransferError> {
    crate::transfer::source::scan::check(paths)
}

/// Makes the system return an error for a write beyond `ulimit -f`, instead of ending the process.
#[cfg(unix)]
fn outlive_large_files(runtime: &tokio::runtime::Runtime) {
    use tokio::signal::unix::{SignalKind, signal};
    let _entered = runtime.enter();
    // A handler stays for as long as the process runs, whatever becomes of this result.
    let handled = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
    if let Err(error) = handled {
        tracing::warn!(%error, "a file that is larger than this process may write would end it");
    }
}

/// Does nothing: Windows has no such limit.
#[cfg(not(unix))]
fn outlive_large_files(_runtime: &tokio::runtime::Runtime) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_engine_whose_loop_panics_says_so_last_and_takes_no_more_commands() {
        let (engine, mut events) = Engine::start(|| {}).unwrap();
        engine.command(Command::Break).unwrap();
        let Some(Event::Stopped(report)) = events.next().await else { panic!("the engine has stopped") };
        assert!(report.to_string().starts_with("the engine ran dry (src/engine/tasks.rs:"), "{report}");
        assert!(events.next().await.is_none());
        assert_eq!(engine.command(Command::Break), Err(Busy));
    }
}
