//! Which receives of one engine hold which staging folders. One that only looks for its lost sender gives way to another to
//! which the same things are offered, so that what it holds is gone on with.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::leftovers::{Leftover, Leftovers};
use crate::{sync::lock_shared, transfer::notice::Context};

/// How long one that gives way may take to leave everything in order; after that, another begins without what it holds.
const LIMIT: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct ActiveReceives(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    active: Mutex<Vec<ActiveReceive>>,
    changed: Condvar,
}

#[derive(Debug)]
struct ActiveReceive {
    staging: PathBuf,
    context: Context,
    give_way: CancellationToken,
}

/// A staging folder that is held; no longer once this is dropped.
#[derive(Debug)]
pub struct ActiveGuard {
    active: ActiveReceives,
    staging: PathBuf,
}

impl ActiveReceives {
    /// The transfer behind `context` holds a staging folder, and ends as soon as `give_way` is cancelled.
    pub fn hold(&self, staging: &Path, context: &Context, give_way: &CancellationToken) -> ActiveGuard {
        let staging = staging.to_owned();
        let (context, give_way) = (context.clone(), give_way.clone());
        self.lock().push(ActiveReceive { staging: staging.clone(), context, give_way });
        ActiveGuard { active: self.clone(), staging }
    }

    /// What lies in `chosen` of transfers that look for their lost senders, to be read while they still hold it.
    pub fn lost_in(&self, chosen: &Path) -> Vec<Leftover> {
        self.folders_of_lost(chosen).into_iter().filter_map(Leftover::peek).collect()
    }

    /// Has those give way that hold something that `is_wanted`, and waits until they have. Blocks.
    pub fn make_way(&self, chosen: &Path, is_wanted: impl Fn(&Leftovers) -> bool) {
        let mut leaving = Vec::new();
        for folder in self.folders_of_lost(chosen) {
            let held = Leftover::peek(folder.clone()).map(|leftover| Leftovers::from(vec![leftover]));
            if held.is_some_and(|held| is_wanted(&held)) {
                leaving.push(folder);
            }
        }
        let active = self.lock();
        for receive in active.iter().filter(|receive| leaving.contains(&receive.staging)) {
            receive.give_way.cancel();
        }
        let is_there =
            |active: &mut Vec<ActiveReceive>| active.iter().any(|receive| leaving.contains(&receive.staging));
        let left = self.0.changed.wait_timeout_while(active, LIMIT, is_there);
        let left = left.unwrap_or_else(PoisonError::into_inner);
        if left.1.timed_out() {
            tracing::warn!("a transfer that was to give way takes too long");
        }
    }

    fn folders_of_lost(&self, chosen: &Path) -> Vec<PathBuf> {
        let Ok(chosen) = fs::canonicalize(chosen) else { return Vec::new() };
        // Asking the disk may take long, and others want to note what they hold meanwhile.
        let lost: Vec<PathBuf> = self
            .lock()
            .iter()
            .filter(|receive| receive.context.is_lost())
            .map(|receive| receive.staging.clone())
            .collect();
        let is_in = |staging: &PathBuf| {
            staging
                .parent()
                .and_then(|parent| fs::canonicalize(parent).ok())
                .is_some_and(|parent| parent == chosen)
        };
        lost.into_iter().filter(is_in).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ActiveReceive>> {
        lock_shared(&self.0.active)
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.active.lock().retain(|receive| receive.staging != self.staging);
        self.active.0.changed.notify_all();
    }
}
