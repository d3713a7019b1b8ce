//! What the engine is asked to do.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    code::CodePhrase,
    net::client::RelayChoice,
    relay::RelayConfig,
    transfer::{
        link::rendezvous::CodeChoice,
        offer::Answer,
        path_mode::{ListenOptions, PathMode},
        receive::Output,
        sink::unfinished::Registry,
        source::listing::Payload,
    },
};

/// How long another side that was lost is looked for: long enough for a closed laptop's night.
pub const PATIENCE: Duration = Duration::from_hours(24);

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

/// Names tasks. Shared with the engine's thread, which names those that nobody asked for.
#[derive(Clone)]
pub(super) struct Ids(Arc<AtomicU64>);

impl Ids {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1)))
    }

    pub(super) fn draw(&self) -> TaskId {
        TaskId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// What to send, and how.
pub struct SendOrder {
    /// What is to be sent.
    pub payload: Payload,
    /// Under which code.
    pub code: CodeChoice,
    /// Relays in the order of preference: the first that can be reached is used.
    pub relays: Vec<RelayChoice>,
    /// Which ways there may be. Unless it is a relay alone, and one is named, the sender also waits on a relay in this process.
    pub path_mode: PathMode,
    /// Where this machine is to be reached directly.
    pub listen: ListenOptions,
    /// Over how many connections at most.
    pub lanes: u16,
    /// How fast at most, in bytes a second.
    pub bytes_per_sec: Option<u64>,
    /// How long a lost relay, or another side that was lost, is looked for; [`PATIENCE`] unless there is a reason.
    pub patience: Duration,
    /// Iterations of PBKDF2 for each channel's keys, from 100,000 to 5,000,000; [`DEFAULT_ITERATIONS`](crate::engine::DEFAULT_ITERATIONS) unless there is a
    /// reason.
    pub iterations: u32,
    /// Offer it to the receiver of that send of this engine, which has met it and runs. No code is shown then, and `code` and
    /// `relays` count for nothing: the two meet where they have met before. If the receiver can't be told any more, or
    /// doesn't come, that is [`TransferError::PeerGone`](crate::engine::TransferError::PeerGone).
    pub after: Option<TaskId>,
    /// To how many receivers the code leads, one after the other, from 1 to [`MAX_RECEIVERS`](crate::engine::MAX_RECEIVERS). With more than one, each gets
    /// a transfer of its own: [`Event::Branch`](crate::engine::Event::Branch).
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
    pub listen: ListenOptions,
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
    /// Add paths to what a send of files will offer; answered by [`Notice::Listed`](crate::engine::Notice::Listed), and by [`Notice::NotAdded`](crate::engine::Notice::NotAdded) for what
    /// can't be added. Possible until the other side is there; a send that has ended says nothing more.
    Add(TaskId, Vec<PathBuf>),
    /// Hold an offer that waits for its answer against another folder; answered by [`Notice::Offer`](crate::engine::Notice::Offer) or
    /// [`Notice::CantUse`](crate::engine::Notice::CantUse). Of several that come at once only the last counts. What is accepted goes into the folder
    /// that [`Choices`](crate::engine::Choices) name, whatever was looked at.
    Look(TaskId, PathBuf),
    /// Answer an offer.
    Answer(TaskId, Answer),
    /// Let a transfer rest, on both sides, or go on; what either side's person wants is shown on both.
    Pause(TaskId, bool),
    /// Run a relay until it is cancelled.
    Relay(TaskId, Box<RelayConfig>),
    /// Try a relay and its password; answered by [`Event::Checked`](crate::engine::Event::Checked) within seconds.
    Check(TaskId, RelayChoice),
    /// End a transfer as the engine's end does: what a receiver has is kept, to be gone on with.
    Stop(TaskId),
    /// End a transfer; let a relay finish what it carries. A relay that is cancelled twice ends at once. Of a check that
    /// is cancelled nothing more is heard.
    Cancel(TaskId),
    /// Panics, as a fault in the engine's own loop would.
    #[cfg(test)]
    Break,
}
