//! How tasks report events and hand branches to the engine's loop.

use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{command::TaskId, event::Event, local::Lease, signals::EndSignals};
use crate::{
    net::{addresses, client::RelayAddress},
    relay::Relay,
    transfer::{
        error::TransferError,
        notice::Context,
        progress::{Progress, Report},
        send::Branch,
    },
};

/// Notices of one transfer that may wait to become events.
const NOTICES: usize = 16;

/// The engine's events, whoever is to be woken for them, and the way to the loop.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) wake: Arc<dyn Fn() + Send + Sync>,
    pub(super) branches: mpsc::Sender<NewBranch>,
}

impl Outbox {
    pub(super) async fn send(&self, event: Event) {
        // Whoever listened may be gone; the engine is about to end then.
        let _ = self.events.send(event).await;
        (self.wake)();
    }

    /// Has a branch run like any other task.
    pub(super) async fn begin(&self, branch_order: NewBranch) {
        // The engine is about to end, and so is whatever has branches.
        let _ = self.branches.send(branch_order).await;
    }
}

/// A branch that is to be run.
pub(super) struct NewBranch {
    /// The send that it belongs to.
    pub(super) of: TaskId,
    pub(super) branch: Branch,
    /// Cancelled with that send.
    pub(super) cancel: CancellationToken,
    pub(super) lease: Lease,
}

impl NewBranch {
    /// For those who will follow the branch.
    pub(super) fn lease(&self) -> Weak<DropGuard> {
        Arc::downgrade(&self.lease)
    }
}

/// Runs one side of a transfer and passes on what it tells.
pub(super) async fn transfer(
    id: TaskId,
    out: &Outbox,
    end: EndSignals,
    work: impl AsyncFnOnce(&Context) -> Result<Report, TransferError>,
) -> Result<Report, TransferError> {
    let (progress, snapshots) = watch::channel(Progress::default());
    out.send(Event::Started(id, snapshots)).await;
    let (notices, mut inbox) = mpsc::channel(NOTICES);
    let context = Context::new(notices, progress, Arc::clone(&out.wake), end.cancel, end.closing);
    let working = async {
        // A session is large; on the heap, it is there once.
        let ended = Box::pin(work(&context)).await;
        drop(context);
        ended
    };
    let telling = async {
        while let Some(notice) = inbox.recv().await {
            out.send(Event::Notice(id, notice)).await;
        }
    };
    tokio::join!(working, telling).0
}

pub(super) fn listening(id: TaskId, relay: &Relay) -> Event {
    let local = relay.local_addr();
    let hosts = if local.ip().is_unspecified() { addresses::reachable() } else { vec![local.ip()] };
    let reachable =
        hosts.into_iter().map(|ip| RelayAddress::from_socket((ip, local.port()).into())).collect();
    let (data_ports, metrics) = (relay.data_ports().to_vec(), relay.metrics_addr());
    Event::Listening { id, local, data_ports, metrics, reachable }
}
