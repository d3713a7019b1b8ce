//! The task that finds out where people can be reached: each is met as for a call, to which nothing is said. Meeting them is the proof
//! that they are there, and no stranger could give it.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{calling::Callee, command::WaitOrder, event::Event, event::Presence, outbox::Outbox};
use crate::{
    panics::caught,
    transfer::{
        notice::{Context, MetAt, Notice},
        path_mode::PathMode,
        progress::Progress,
    },
};

/// How many notices of one search may wait. There are fewer.
const NOTICES: usize = 16;

/// Looks for all people of the order at once, and reports each.
pub(super) async fn seek_task(order: WaitOrder, cancel: CancellationToken, out: Outbox) {
    let WaitOrder { people, mut relays, mut internet, path_mode } = order;
    if path_mode == PathMode::LocalOnly {
        relays.clear();
        internet = None;
    }
    let mut searches = JoinSet::new();
    for person in people {
        let callee = Callee { person, relays: relays.clone(), internet: internet.clone(), path_mode };
        let (cancel, out) = (cancel.clone(), out.clone());
        searches.spawn(async move {
            let id = callee.person.id();
            let presence = caught(seek(callee, cancel)).await.unwrap_or(Presence::Away);
            out.send(Event::Presence(id, presence)).await;
        });
    }
    tokio::select! {
        () = async { while searches.join_next().await.is_some() {} } => {}
        () = cancel.cancelled() => searches.shutdown().await,
    }
}

async fn seek(callee: Callee, cancel: CancellationToken) -> Presence {
    let (notices, mut told) = mpsc::channel(NOTICES);
    let progress = watch::Sender::new(Progress::default());
    let context = Context::new(notices, progress, Arc::new(|| {}), cancel, Arc::default());
    if callee.reach(None, &context).await.is_err() {
        return Presence::Away;
    }
    let mut presence = Presence::Reachable;
    while let Ok(notice) = told.try_recv() {
        if let Notice::Met(MetAt::OwnRelay) = notice {
            presence = Presence::Nearby;
        }
    }
    presence
}
