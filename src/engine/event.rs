//! What the engine reports.

use std::net::SocketAddr;

use tokio::sync::watch;

use super::command::TaskId;
use crate::{
    code::CodePhrase,
    crypto::PairId,
    net::{
        client::{RelayAddress, RelayCheck, RelayChoice, RelayClientError},
        internet::{IrohCheck, IrohCheckError},
    },
    panics::PanicReport,
    relay::RelayError,
    transfer::{
        error::TransferError,
        file_states::FileWatch,
        notice::Notice,
        progress::{Progress, Report},
    },
};

/// A person this side knows has called: it waits as a sender, and is to be received from like any other.
#[derive(Debug)]
pub struct Called {
    /// The person.
    pub person: PairId,
    /// The code under which it waits.
    pub code: CodePhrase,
    /// The relay over which the call came. The caller may be found there as well as wherever senders are found.
    pub relay: Option<RelayChoice>,
}

/// Where a person can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// On the local network.
    Nearby,
    /// At a relay or over the internet.
    Reachable,
    /// Nowhere, as far as could be found out.
    Away,
}

/// How a call is doing.
#[derive(Debug)]
pub enum CallState {
    /// The person can't be found, for this reason, and is called again and again.
    Away(TransferError),
    /// The person's program has heard the call.
    Heard,
    /// The person was lost in the middle of the transfer, for this reason, and is called again.
    Lost(TransferError),
}

/// What the engine reports to its listener.
#[derive(Debug)]
pub enum Event {
    /// A transfer has begun; snapshots of its progress come over this channel. The watch shows how far each of its
    /// files has come.
    Started(TaskId, watch::Receiver<Progress>, FileWatch),
    /// A receiver has come to a send for several, and `id` is the transfer with it. The engine reports that transfer like any
    /// other, from its start to its end. It can be paused and cancelled by itself, and other sends may follow it. Pausing or
    /// cancelling the send reaches all its branches.
    Branch {
        /// The send.
        of: TaskId,
        /// The transfer with this receiver.
        id: TaskId,
    },
    /// A relay listens: a sender's own, or one that a command asked for.
    Listening {
        /// The relay, or the send that it was started for.
        id: TaskId,
        /// The address and port on which the relay takes control connections.
        local: SocketAddr,
        /// The ports for lanes; empty if lanes use the port of the control connections.
        data_ports: Vec<u16>,
        /// The ports for clients that have croc, the control port first; empty if they aren't served.
        croc_ports: Vec<u16>,
        /// The address and port of the relay's metrics, if it has any.
        metrics: Option<SocketAddr>,
        /// The addresses at which others can reach the relay; empty if this machine is on no network.
        reachable: Vec<RelayAddress>,
    },
    /// A transfer reports something while it runs.
    Notice(TaskId, Notice),
    /// A person has called, because the engine was told to wait for it.
    Called(Called),
    /// The person to which a send goes is called.
    Calling(TaskId, CallState),
    /// Where a person can be reached at the moment: after [`Command::Seek`](crate::engine::Command::Seek), and when a person for
    /// whom the engine waits has come by itself.
    Presence(PairId, Presence),
    /// The engine no longer waits for calls, because of a fault of its own.
    WaitBroke(PanicReport),
    /// A transfer has ended.
    Ended(TaskId, Result<Report, TransferError>),
    /// A relay has ended, because it was cancelled or because of an error.
    RelayEnded(TaskId, Result<(), RelayError>),
    /// A relay was tried. It can be used, or the error says why it can't.
    Checked(TaskId, Result<RelayCheck, RelayClientError>),
    /// An iroh relay was tried. It can be used, or the error says why it can't.
    CheckedIroh(TaskId, Result<IrohCheck, IrohCheckError>),
    /// The engine itself has panicked. This is its last event, and every task has ended with it. What had arrived is kept.
    Stopped(PanicReport),
}
