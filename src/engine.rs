//! The engine: commands in, events out. Owned by whoever shows it to a person, the headless commands or the window.
//!
//! It lives on a thread of its own with a tokio runtime, so that a window never waits for it. Commands go in over a bounded
//! channel; events, none of which is ever lost, come out over another; progress comes over a `watch` for each transfer,
//! where the latest snapshot wins. After each change the waker is called: the thing is sent first, then the other side
//! is woken.
//!
//! Every transfer and every relay is a task that the engine owns and joins. Dropping [`Engine`] cancels them all, tells
//! the peers, and waits a little.

mod local;
mod sending;
mod tasks;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use crate::{code::CodePhrase, net::client::RelayAddress};
pub use crate::{
    net::{
        addresses::Reach,
        client::{RelayCheck, RelayChoice, RelayClientError},
    },
    protocol::peer::Work,
    relay::{AccessPassword, Limits, Ports, RelayConfig, RelayError},
    transfer::{
        error::TransferError,
        link::{handshake::DEFAULT_ITERATIONS, rendezvous::CodeChoice},
        notice::{NotAdded, Notice},
        offer::{Answer, Choices, Here, Offer},
        path_mode::{Entrance, PathMode},
        plan::placement::OnConflict,
        progress::{Connection, Paused, Phase, Progress, Report, Stall, WaitsFor},
        receive::request::Output,
        send::MAX_RECEIVERS,
        sink::unfinished::{Registry, Unfinished},
        source::listing::What,
    },
};

/// How long another side that was lost is looked for: long enough for a closed laptop's night.
pub const PATIENCE: Duration = Duration::from_hours(24);
/// Commands that may wait to be taken.
const COMMANDS: usize = 64;
/// Events that may wait to be taken; after that, transfers wait as well.
const EVENTS: usize = 256;
/// How long threads that hang in a system call, such as reading a terminal, may delay the end.
const LAST_THREADS: Duration = Duration::from_millis(200);

/// Names a transfer, a relay or a check of one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(u64);

#[cfg(all(test, feature = "gui"))]
impl TaskId {
    /// A name that no engine gave.
    pub(crate) const fn made_up(number: u64) -> Self {
        Self(number)
    }
}

/// What to send, and how.
pub struct SendOrder {
    /// What is to be sent.
    pub what: What,
    /// Under which code.
    pub code: CodeChoice,
    /// Relays in the order of preference: the first that can be reached is used.
    pub relays: Vec<RelayChoice>,
    /// Which ways there may be. Unless it is a relay alone, and one is named, the sender also waits on a relay in this process.
    pub path_mode: PathMode,
    /// Where this machine is to be reached directly.
    pub entrance: Entrance,
    /// Over how many connections at most.
    pub lanes: u16,
    /// How fast at most, in bytes a second.
    pub bytes_per_sec: Option<u64>,
    /// How long a lost relay, or another side that was lost, is looked for; [`PATIENCE`] unless there is a reason.
    pub patience: Duration,
    /// Iterations of PBKDF2 for each channel's keys, from 100,000 to 5,000,000; [`DEFAULT_ITERATIONS`] unless there is a
    /// reason.
    pub iterations: u32,
    /// Offer it to the receiver of that send of this engine, which has met it and runs. No code is shown then, and `code` and
    /// `relays` count for nothing: the two meet where they have met before. If the receiver can't be told any more, or
    /// doesn't come, that is [`TransferError::PeerGone`].
    pub after: Option<TaskId>,
    /// To how many receivers the code leads, one after the other, from 1 to [`MAX_RECEIVERS`]. With more than one, each gets
    /// a transfer of its own: [`Event::Branch`].
    pub receivers: u16,
}

/// What to receive, and how.
pub struct ReceiveOrder {
    /// The sender's code.
    pub code: CodePhrase,
    /// Relays to look on, all at once.
    pub relays: Vec<RelayChoice>,
    /// Which ways there may be. Unless it is a relay alone, the local network is searched as well.
    pub path_mode: PathMode,
    /// Where this machine is to be reached directly.
    pub entrance: Entrance,
    /// Where what arrives goes.
    pub output: Output,
    /// Over how many connections at most.
    pub lanes: u16,
    /// How long another side that was lost is looked for; [`PATIENCE`] unless there is a reason.
    pub patience: Duration,
    /// Where it is written down that there is something to go on with.
    pub unfinished: Registry,
}

/// What a person wants.
pub enum Command {
    /// Start sending.
    Send(TaskId, Box<SendOrder>),
    /// Start receiving.
    Receive(TaskId, Box<ReceiveOrder>),
    /// Add paths to what a send of files will offer; answered by [`Notice::Listed`], and by [`Notice::NotAdded`] for what
    /// can't be added. Possible until the other side is there; a send that has ended says nothing more.
    Add(TaskId, Vec<PathBuf>),
    /// Hold an offer that waits for its answer against another folder; answered by [`Notice::Offer`] or
    /// [`Notice::CantUse`]. Of several that come at once only the last counts. What is accepted goes into the folder
    /// that [`Choices`] name, whatever was looked at.
    Look(TaskId, PathBuf),
    /// Answer an offer.
    Answer(TaskId, Answer),
    /// Let a transfer rest, on both sides, or go on; what either side's person wants is shown on both.
    Pause(TaskId, bool),
    /// Run a relay until it is cancelled.
    Relay(TaskId, Box<RelayConfig>),
    /// Try a relay and its password; answered by [`Event::Checked`] within seconds.
    Check(TaskId, RelayChoice),
    /// End a transfer as the engine's end does: what a receiver has is kept, to be gone on with.
    Stop(TaskId),
    /// End a transfer; let a relay finish what it carries. A relay that is cancelled twice ends at once. Of a check that
    /// is cancelled nothing more is heard.
    Cancel(TaskId),
}

/// What a person should see.
#[derive(Debug)]
pub enum Event {
    /// A transfer has begun; its snapshots come here.
    Started(TaskId, watch::Receiver<Progress>),
    /// A receiver has come to a send for several, and this is the transfer with it. It is told of like any other from its
    /// start to its end, can be paused and cancelled by itself, and may be followed by others; a pause and a cancellation of
    /// the send reach all its branches.
    Branch {
        /// The send.
        of: TaskId,
        /// The transfer with this receiver.
        id: TaskId,
    },
    /// A relay listens: a transfer's own, or one that was asked for.
    Listening {
        /// The relay, or the transfer that it was started for.
        id: TaskId,
        /// Where it listens.
        local: SocketAddr,
        /// Ports for lanes; empty if they share the first.
        data_ports: Vec<u16>,
        /// Where its metrics are.
        metrics: Option<SocketAddr>,
        /// Under which addresses others can reach it; empty if this machine is on no network.
        reachable: Vec<RelayAddress>,
    },
    /// Something that a transfer tells.
    Notice(TaskId, Notice),
    /// A transfer is over.
    Ended(TaskId, Result<Report, TransferError>),
    /// A relay is over.
    RelayEnded(TaskId, Result<(), RelayError>),
    /// A relay was tried: it can be used, or why it can't.
    Checked(TaskId, Result<RelayCheck, RelayClientError>),
}

/// The handle; see the module.
pub struct Engine {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<thread::JoinHandle<()>>,
    ids: Ids,
}

/// Names tasks. Shared with the engine's thread, which names those that nobody asked for.
#[derive(Clone)]
struct Ids(Arc<AtomicU64>);

impl Ids {
    fn draw(&self) -> TaskId {
        TaskId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// The engine's events, for one listener.
pub struct Events(mpsc::Receiver<Event>);

/// The command could not be taken: too many are waiting, or the engine has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine takes no commands at the moment")]
pub struct Busy;

impl Engine {
    /// Starts the engine. `wake` is called from its thread after every event and snapshot, and must return at once.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> io::Result<(Self, Events)> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().thread_name("engine").enable_all().build()?;
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (outbox, events) = mpsc::channel(EVENTS);
        let ids = Ids(Arc::new(AtomicU64::new(1)));
        let branch_ids = ids.clone();
        let thread = thread::Builder::new().name("engine".to_owned()).spawn(move || {
            runtime.block_on(tasks::run(inbox, outbox, branch_ids, Arc::new(wake)));
            runtime.shutdown_timeout(LAST_THREADS);
        })?;
        let engine = Self { commands: Some(commands), thread: Some(thread), ids };
        Ok((engine, Events(events)))
    }

    /// A name for a new transfer, relay or check.
    pub fn new_id(&self) -> TaskId {
        self.ids.draw()
    }

    /// Hands in a command; never waits.
    pub fn command(&self, command: Command) -> Result<(), Busy> {
        self.commands.as_ref().ok_or(Busy)?.try_send(command).map_err(|_| Busy)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there was reported by its own thread already.
            let _ = thread.join();
        }
    }
}

impl Events {
    /// The next event; `None` once the engine has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.try_recv().ok()
    }
}

/// Checks what a person named, before anything is started: it exists and can be opened.
pub fn check_paths(paths: &[PathBuf]) -> Result<(), TransferError> {
    crate::transfer::source::scan::check(paths)
}
