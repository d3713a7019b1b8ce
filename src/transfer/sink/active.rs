//! Which receives of one engine use which staging folders. A receive that is only looking for its lost sender gives way
//! to another one that is offered the same things, which then continues with what is in the folder.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    leftovers::{Leftover, Leftovers},
    staging_key::StagingKey,
};
use crate::{sync::lock_shared, transfer::notice::Context};

/// How long a receive that gives way may take to leave its staging folder in order: time for a slow disk to finish a
/// write. After that, the other receive begins without what is in the folder.
const LIMIT: Duration = Duration::from_secs(10);

/// The receives of one engine that use staging folders. Clones share one list.
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

/// Marks a staging folder as used until it is dropped.
#[derive(Debug)]
pub struct ActiveGuard {
    active: ActiveReceives,
    staging: PathBuf,
}

impl ActiveReceives {
    /// Marks a staging folder as used by the transfer behind `context`, which ends as soon as `give_way` is cancelled.
    pub fn hold(&self, staging: &Path, context: &Context, give_way: &CancellationToken) -> ActiveGuard {
        let staging = staging.to_owned();
        let (context, give_way) = (context.clone(), give_way.clone());
        self.lock().push(ActiveReceive { staging: staging.clone(), context, give_way });
        ActiveGuard { active: self.clone(), staging }
    }

    /// What receives that look for their lost senders have in `chosen`. It is only to be read, because they still use
    /// it.
    pub fn lost_in(&self, chosen: &Path, key: &StagingKey) -> Vec<Leftover> {
        self.folders_of_lost(chosen).into_iter().filter_map(|folder| Leftover::peek(folder, key)).collect()
    }

    /// Makes receives that look for their lost senders give way if they have something in `chosen` that `is_wanted`,
    /// and waits for a limited time until they have. Blocks.
    pub fn make_way(&self, chosen: &Path, key: &StagingKey, is_wanted: impl Fn(&Leftovers) -> bool) {
        let mut leaving = Vec::new();
        for folder in self.folders_of_lost(chosen) {
            if is_wanted(&Leftovers::of(Leftover::peek(folder.clone(), key), key)) {
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
            tracing::warn!("a transfer that has to give way is taking too long");
        }
    }

    fn folders_of_lost(&self, chosen: &Path) -> Vec<PathBuf> {
        let Ok(chosen) = fs::canonicalize(chosen) else { return Vec::new() };
        // The list is not locked while the disk is asked, which may take long, because other receives need it
        // meanwhile.
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
