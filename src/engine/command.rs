//! What the engine is asked to do.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

#[cfg(feature = "croc")]
use crate::transfer::croc::{CrocSearch, CrocSend};
use crate::{
    code::CodePhrase,
    crypto::KnownPair,
    net::{
        client::RelayChoice,
        internet::{Internet, IrohRelay},
        proxy::ProxyChoice,
    },
    protocol::name::PeerName,
    relay::RelayConfig,
    transfer::{
        link::rendezvous::CodeChoice,
        notice::InvitationChain,
        offer::Answer,
        path_mode::{ListenOptions, PathMode},
        receive::Output,
        sink::unfinished::Registry,
        source::listing::Payload,
    },
};

/// How long a transfer looks for a peer or a relay that it has lost: a day, so that a laptop that is closed overnight comes
/// back in time.
pub const PATIENCE: Duration = Duration::from_hours(24);

/// The id of a transfer, a relay or a check. No two tasks of one engine share an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(u64);

#[cfg(all(test, feature = "gui"))]
impl TaskId {
    /// An id that no engine drew.
    pub(crate) const fn made_up(number: u64) -> Self {
        Self(number)
    }
}

/// Draws the ids of tasks. The engine's handle draws those of commands, and its thread those of branches, which no command
/// asks for.
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
    /// The files, the text or the stream to send.
    pub payload: Payload,
    /// How the code is chosen.
    pub code: CodeChoice,
    /// Relays in the order of preference: the first that can be reached is used.
    pub relays: Vec<RelayChoice>,
    /// What may be used of the internet beside these relays; `None` for nothing.
    pub internet: Option<Internet>,
    /// Which paths the transfer may use. The sender also waits on a relay in this process, unless only relays are allowed and
    /// at least one is named.
    pub path_mode: PathMode,
    /// Where the receiver may reach this machine directly.
    pub listen: ListenOptions,
    /// The most lanes at once.
    pub lanes: u16,
    /// The speed limit in bytes a second; `None` for no limit.
    pub bytes_per_sec: Option<u64>,
    /// How long a lost relay or a lost receiver is looked for; [`PATIENCE`] unless there is a reason for another time.
    pub patience: Duration,
    /// Iterations of PBKDF2 for each channel's keys, from 100,000 to 5,000,000;
    /// [`DEFAULT_ITERATIONS`](crate::engine::DEFAULT_ITERATIONS) unless there is a reason for another number.
    pub iterations: u32,
    /// Offers the payload to the receiver of another send of this engine, which must still run and have met that receiver. No
    /// code is shown then, and `code` and `relays` are ignored: the two meet where they have met before. If the receiver can
    /// no longer be told, or doesn't come, the send ends with
    /// [`TransferError::PeerGone`](crate::engine::TransferError::PeerGone).
    pub after: Option<TaskId>,
    /// How many receivers may use the code, one after the other, from 1 to
    /// [`MAX_RECEIVERS`](crate::engine::MAX_RECEIVERS). If more than one may, each gets a transfer of its own:
    /// [`Event::Branch`](crate::engine::Event::Branch).
    pub receivers: u16,
    /// Sends to a person this side knows. No code is shown then, and `code` is ignored: the person is called, again and
    /// again, until it comes, and once more when it is lost in the middle; [`Event::Calling`](crate::engine::Event::Calling).
    pub to: Option<KnownPair>,
    /// What the receiver is told that this computer is called; `None` for nothing.
    pub name: Option<PeerName>,
    /// Also waits for one receiver that has croc, under a code of croc's own; `None` for not. Whichever receiver comes first gets
    /// everything. Not for a stream, several receivers, a person or what follows another send.
    #[cfg(feature = "croc")]
    pub croc: Option<CrocSend>,
}

/// For whose calls to wait, and where.
#[derive(Clone, Default, PartialEq)]
pub struct WaitOrder {
    /// The people.
    pub people: Vec<KnownPair>,
    /// Relays at which to wait, all of them at once.
    pub relays: Vec<RelayChoice>,
    /// What may be used of the internet; `None` for nothing.
    pub internet: Option<Internet>,
    /// Which ways may be used. Unless only relays are allowed, the local network hears where this side waits.
    pub path_mode: PathMode,
}

/// What to receive, and how.
pub struct ReceiveOrder {
    /// The sender's code.
    pub code: CodePhrase,
    /// Relays that are searched for the sender, all at once.
    pub relays: Vec<RelayChoice>,
    /// What may be used of the internet beside these relays; `None` for nothing.
    pub internet: Option<Internet>,
    /// Which paths the transfer may use. The local network is searched as well, unless only relays are allowed.
    pub path_mode: PathMode,
    /// Where the sender may reach this machine directly.
    pub listen: ListenOptions,
    /// Where the received data goes.
    pub output: Output,
    /// The most lanes at once.
    pub lanes: u16,
    /// How long a lost sender is looked for; [`PATIENCE`] unless there is a reason for another time.
    pub patience: Duration,
    /// The list in which the transfer is entered while it can be resumed.
    pub unfinished: Registry,
    /// The chain to which the transfer belongs: that of the invitation that it follows, or a new one.
    pub chain: InvitationChain,
    /// What the sender is told that this computer is called; `None` for nothing.
    pub name: Option<PeerName>,
    /// Where a sender that has croc may be, if the code may be croc's.
    #[cfg(feature = "croc")]
    pub croc: Option<CrocSearch>,
}

/// What to receive from a sender that has croc, and how.
#[cfg(feature = "croc")]
pub struct CrocReceiveOrder {
    /// The sender's code, and where it may be.
    pub search: CrocSearch,
    /// Which paths the transfer may use. The local network is searched as well, unless only relays are allowed.
    pub path_mode: PathMode,
    /// Where the received data goes.
    pub output: Output,
    /// The list in which the transfer is entered while it can be resumed.
    pub unfinished: Registry,
}

/// What the user wants of the engine.
pub enum Command {
    /// Start sending.
    Send(TaskId, Box<SendOrder>),
    /// Start receiving.
    Receive(TaskId, Box<ReceiveOrder>),
    /// Start receiving from a sender that has croc. From there on it is a receive like any other.
    #[cfg(feature = "croc")]
    ReceiveCroc(TaskId, Box<CrocReceiveOrder>),
    /// Wait for calls like this, and no longer as an earlier order said. Each call is an
    /// [`Event::Called`](crate::engine::Event::Called). An order without people ends the waiting.
    Wait(Box<WaitOrder>),
    /// Find out where these people can be reached, in these places. Each is answered by one
    /// [`Event::Presence`](crate::engine::Event::Presence), within half a minute.
    Seek(Box<WaitOrder>),
    /// Add paths to a send of files, until its receiver is there; answered by
    /// [`Notice::Listed`](crate::engine::Notice::Listed), and by [`Notice::NotAdded`](crate::engine::Notice::NotAdded) for
    /// what can't be added. A send that has ended doesn't answer.
    Add(TaskId, Vec<PathBuf>),
    /// Remove the entry of this name at the top of a send of files, with everything in it, until its receiver is there;
    /// answered by [`Notice::Removed`](crate::engine::Notice::Removed). The last one stays.
    Remove(TaskId, String),
    /// Limit the speed of a send from now on, in bytes a second; `None` for no limit. Branches share the limit of their send.
    Limit(TaskId, Option<u64>),
    /// Compare an offer that waits for its answer with another folder; answered by
    /// [`Notice::Offer`](crate::engine::Notice::Offer) or [`Notice::CantUse`](crate::engine::Notice::CantUse). If several
    /// folders are named at once, only the last counts. What is accepted goes into the folder that
    /// [`Choices`](crate::engine::Choices) name, whichever folder was compared.
    Look(TaskId, PathBuf),
    /// Ask the sender for thumbnails of these files of an offer that waits for its answer, because the user would see them now;
    /// answered by [`Notice::Thumbnail`](crate::engine::Notice::Thumbnail) for each. Of what was named before, nothing more is asked
    /// for.
    Thumbnails(TaskId, Vec<u32>),
    /// Answer an offer.
    Answer(TaskId, Answer),
    /// Pause a transfer (`true`) or resume it, on both sides. It moves while neither side has paused it, and each side is
    /// told what the other wants.
    Pause(TaskId, bool),
    /// Run a relay until it is cancelled.
    Relay(TaskId, Box<RelayConfig>),
    /// Try a relay and its password; answered by [`Event::Checked`](crate::engine::Event::Checked) within seconds.
    Check(TaskId, RelayChoice),
    /// Try an iroh relay, through this proxy; answered by [`Event::CheckedIroh`](crate::engine::Event::CheckedIroh) within seconds.
    CheckIroh(TaskId, IrohRelay, ProxyChoice),
    /// End a transfer as the end of the engine would: what a receiver has is kept, so that it can be resumed.
    Stop(TaskId),
    /// Cancel a transfer, a relay or a check. A relay first finishes what it carries; if it is cancelled again, it ends at
    /// once. A check that is cancelled reports nothing more.
    Cancel(TaskId),
    /// Panic, as a fault in the engine's own loop would.
    #[cfg(test)]
    Break,
}
