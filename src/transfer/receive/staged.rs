//! What a receive has on the disk, however it ends: kept if it can be resumed, removed otherwise.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use super::destination::{Accepted, Destination};
use crate::{
    panics::{Blocking, caught, spawn_blocking},
    sync::lock,
    transfer::{
        error::TransferError,
        notice::{Context, Notice},
        plan::blocks::BlockSet,
        progress::Report,
        sink::{
            active::{ActiveGuard, ActiveReceives},
            staging::Staging,
            unfinished::Registry,
        },
    },
};

/// What a receive has on the disk.
pub(super) struct Staged<'a> {
    pub(super) active: ActiveReceives,
    pub(super) context: &'a Context,
    /// Cancelled when another transfer is to continue with what this one has.
    pub(super) give_way: &'a CancellationToken,
    /// The task that prepares the disk. What it creates has to be known before the disk can be left in order.
    pub(super) deciding: Option<Blocking<Result<Accepted, TransferError>>>,
    /// The staging folder, and the blocks that it holds.
    pub(super) staging: Option<(Arc<Staging>, Arc<Mutex<BlockSet>>)>,
    /// Shows this transfer to the engine's other receives while it has something on the disk.
    pub(super) hold: Option<ActiveGuard>,
}

/// Does the work of a receive until the user or another transfer stops it. Its panic is an error like any other.
pub(super) async fn until_stopped<T>(
    work: impl Future<Output = Result<T, TransferError>>,
    context: &Context,
    give_way: &CancellationToken,
) -> Result<T, TransferError> {
    let working = async {
        tokio::select! {
            done = work => done,
            () = context.cancel.cancelled() => Err(TransferError::Cancelled),
            () = give_way.cancelled() => Err(TransferError::Superseded),
        }
    };
    caught(working).await.unwrap_or_else(|report| Err(report.into()))
}

impl<'a> Staged<'a> {
    pub(super) fn of(active: ActiveReceives, context: &'a Context, give_way: &'a CancellationToken) -> Self {
        Self { active, context, give_way, deciding: None, staging: None, hold: None }
    }

    /// Waits for the task that prepares the disk, if a cancellation came while it ran.
    pub(super) async fn settle(&mut self) {
        if let Some(deciding) = self.deciding.take()
            // If the task panicked, that has already ended the session.
            && let Ok(Ok(accepted)) = caught(deciding).await
        {
            self.note(&accepted);
        }
    }

    /// Notes what was prepared on the disk. Returns the set of blocks that are here, to which the session adds.
    pub(super) fn note(&mut self, accepted: &Accepted) -> Arc<Mutex<BlockSet>> {
        let held = Arc::new(Mutex::new(accepted.destination.held()));
        if let Destination::Folder(_, staging) = &accepted.destination {
            self.staging = Some((Arc::clone(staging), Arc::clone(&held)));
            self.hold = Some(self.active.hold(staging.folder(), self.context, self.give_way));
        }
        held
    }

    /// Removes the staging folder, unless something in it is worth keeping: what arrived before the transfer broke off,
    /// or what could not get its real name. From then on other transfers may use what is kept. A second call does
    /// nothing.
    pub(super) async fn leave(&mut self, ended: &Result<Report, TransferError>, unfinished: &Registry) {
        if let Some((staging, held)) = self.staging.take() {
            leave(staging, held, ended, unfinished, self.context).await;
        }
        self.hold = None;
    }
}

async fn leave(
    staging: Arc<Staging>,
    held: Arc<Mutex<BlockSet>>,
    ended: &Result<Report, TransferError>,
    unfinished: &Registry,
    context: &Context,
) {
    let is_empty = lock(&held).is_empty();
    let is_worth_keeping = match ended {
        Ok(report) => report.not_stored > 0,
        Err(_) if !staging.is_resumable() => false,
        // A user who no longer waits for a sender that is lost has not said that what arrived is unwanted.
        Err(error) => !is_empty && (error.is_interruption() || context.is_closing() || context.is_lost()),
    };
    let folder = staging.folder().to_owned();
    let unfinished = unfinished.clone();
    let has_ended = ended.is_ok();
    let left = spawn_blocking(move || {
        // What could not be stored may be nothing but a link, of which nothing is here.
        if is_worth_keeping && !(has_ended && staging.holds_nothing()) {
            staging.keep();
            return Ok(true);
        }
        unfinished.forget(staging.folder());
        staging.discard().map(|()| false)
    });
    let is_kept = left.await.unwrap_or_else(|error: TransferError| {
        tracing::warn!(%error, "the staging folder could not be left in order");
        false
    });
    // After giving way to another transfer, the folder need not be reported: that transfer continues with it.
    if is_kept && !matches!(ended, Err(TransferError::Superseded)) {
        context.tell(Notice::Kept(folder)).await;
    }
}
