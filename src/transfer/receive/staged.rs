//! What a receive has on the disk, however it ends: kept if something can be gone on with, removed otherwise.

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

/// What a cancelled transfer has on the disk.
pub(super) struct Staged<'a> {
    pub(super) active: ActiveReceives,
    pub(super) context: &'a Context,
    /// Cancelled when another transfer goes on with what this one has.
    pub(super) give_way: &'a CancellationToken,
    /// The disk is being prepared; what that makes has to be known before anything can be left in order.
    pub(super) deciding: Option<Blocking<Result<Accepted, TransferError>>>,
    pub(super) staging: Option<(Arc<Staging>, Arc<Mutex<BlockSet>>)>,
    /// Tells others of this transfer for as long as it has something on the disk.
    pub(super) hold: Option<ActiveGuard>,
}

impl<'a> Staged<'a> {
    pub(super) fn of(active: ActiveReceives, context: &'a Context, give_way: &'a CancellationToken) -> Self {
        Self { active, context, give_way, deciding: None, staging: None, hold: None }
    }

    /// Waits for what a cancellation came in between of.
    pub(super) async fn settle(&mut self) {
        if let Some(deciding) = self.deciding.take()
            // Its panic has ended the session already.
            && let Ok(Ok(accepted)) = caught(deciding).await
        {
            self.note(&accepted);
        }
    }

    pub(super) fn note(&mut self, accepted: &Accepted) -> Arc<Mutex<BlockSet>> {
        let held = Arc::new(Mutex::new(accepted.destination.held()));
        if let Destination::Folder(_, staging) = &accepted.destination {
            self.staging = Some((Arc::clone(staging), Arc::clone(&held)));
            self.hold = Some(self.active.hold(staging.folder(), self.context, self.give_way));
        }
        held
    }

    /// Removes the staging folder, unless the transfer broke off and what arrived is worth keeping; others may have the
    /// folder from then on. Does nothing the second time.
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
        // Whoever no longer waits for somebody who is lost has not said that what is here isn't wanted.
        Err(error) => !is_empty && (error.is_interruption() || context.is_closing() || context.is_lost()),
    };
    let folder = staging.folder().to_owned();
    let unfinished = unfinished.clone();
    let left = spawn_blocking(move || {
        if is_worth_keeping {
            staging.keep();
            return Ok(());
        }
        unfinished.forget(staging.folder());
        staging.discard()
    });
    if let Err(error) = left.await {
        tracing::warn!(%error, "the staging folder could not be left in order");
    }
    // Whoever gave way to another knows where it is gone on with.
    if is_worth_keeping && !matches!(ended, Err(TransferError::Superseded)) {
        context.tell(Notice::Kept(folder)).await;
    }
}
