//! What the engine reports.

use std::net::SocketAddr;

use tokio::sync::watch;

use super::command::TaskId;
use crate::{
    net::client::{RelayAddress, RelayCheck, RelayClientError},
    panics::PanicReport,
    relay::RelayError,
    transfer::{
        error::TransferError,
        notice::Notice,
        progress::{Progress, Report},
    },
};

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
    /// The engine itself has panicked: this is its last event, and every task has ended with it. What had arrived is kept.
    Stopped(PanicReport),
}
