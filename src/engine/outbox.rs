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

/// How many notices of one transfer may wait to become events; when there are this many, the transfer waits. Notices are few,
/// and wait only while the channel of events is full.
const NOTICES: usize = 16;

/// What every task needs to report events and to hand branches to the engine's loop.
#[derive(Clone)]
pub(super) struct Outbox {
    pub(super) events: mpsc::Sender<Event>,
    /// Wakes the listener. Called after every event and snapshot.
    pub(super) wake: Arc<dyn Fn() + Send + Sync>,
    pub(super) branches: mpsc::Sender<NewBranch>,
}

impl Outbox {
    /// Reports an event, and waits for room if too many wait already.
    pub(super) async fn send(&self, event: Event) {
        // Without a listener the engine is about to end.
        let _ = self.events.send(event).await;
        (self.wake)();
    }

    /// Has the engine's loop run a branch like any other task.
    pub(super) async fn begin(&self, branch_order: NewBranch) {
        // If the loop takes no branches any more, the engine is about to end, and the send that has this branch with it.
        let _ = self.branches.send(branch_order).await;
    }
}

/// A branch of a send for several receivers, to be run by the engine's loop.
pub(super) struct NewBranch {
    /// The send that the branch belongs to.
    pub(super) of: TaskId,
    pub(super) branch: Branch,
    /// Ends the branch; cancelled when the send is.
    pub(super) cancel: CancellationToken,
    pub(super) lease: Lease,
}

impl NewBranch {
    /// The lease for sends that will follow the branch.
    pub(super) fn lease(&self) -> Weak<DropGuard> {
        Arc::downgrade(&self.lease)
    }
}

/// Runs one side of a transfer, and turns its notices and its progress into events.
pub(super) async fn transfer(
    id: TaskId,
    out: &Outbox,
    end: EndSignals,
    work: impl AsyncFnOnce(&Context) -> Result<Report, TransferError>,
) -> Result<Report, TransferError> {
    let (progress, snapshots) = watch::channel(Progress::default());
    let (notices, mut inbox) = mpsc::channel(NOTICES);
    let context = Context::new(notices, progress, Arc::clone(&out.wake), end.cancel, end.closing);
    out.send(Event::Started(id, snapshots, context.files.clone())).await;
    let working = async {
        // A session is large, and its future would be copied into each of those around it. On the heap it exists once.
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

/// The event that says where a relay listens.
pub(super) fn listening(id: TaskId, relay: &Relay) -> Event {
    let local = relay.local_addr();
    let hosts = if local.ip().is_unspecified() { addresses::reachable() } else { vec![local.ip()] };
    let reachable =
        hosts.into_iter().map(|ip| RelayAddress::from_socket((ip, local.port()).into())).collect();
    let (data_ports, metrics) = (relay.data_ports().to_vec(), relay.metrics_addr());
    let croc_ports = relay.croc_ports().to_vec();
    Event::Listening { id, local, data_ports, croc_ports, metrics, reachable }
}
