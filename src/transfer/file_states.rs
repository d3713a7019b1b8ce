//! How far each file of a running transfer has come, for a list that the user may open. While nobody looks, nothing of it is made.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::watch;

use super::plan::{Plan, Wanted, blocks::BlockSet};
use crate::protocol::manifest::{Entry, Manifest};

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FileState {
    /// Nothing of it is stored yet.
    Waiting,
    /// This part of its blocks is stored, between 0 and 1.
    Moving(f32),
    /// All of it is stored.
    Stored,
    /// The sender could not send it.
    Withdrawn,
}

/// How far each file has come, at one moment.
#[derive(Debug)]
pub struct FileStates {
    plan: Arc<Plan>,
    files: Arc<[u32]>,
    stored: BlockSet,
    withdrawn: BTreeSet<u32>,
}

impl FileStates {
    /// The files that move, as entries of the offer, in its order.
    pub fn files(&self) -> &[u32] {
        &self.files
    }

    /// How far a file has come that moves.
    pub fn state(&self, entry: u32) -> FileState {
        if self.withdrawn.contains(&entry) {
            return FileState::Withdrawn;
        }
        let blocks = self.plan.blocks_of(entry);
        let all = blocks.end - blocks.start;
        let stored: u64 = self.stored.ranges_in(blocks).iter().map(|(_, count)| count).sum();
        match stored {
            // An empty file is made at the end, with everything else.
            0 if all == 0 && self.stored.len() < self.plan.blocks() => FileState::Waiting,
            _ if stored == all => FileState::Stored,
            0 => FileState::Waiting,
            _ => FileState::Moving(stored as f32 / all as f32),
        }
    }
}

/// Where a transfer shows how far its files have come.
#[derive(Debug, Clone, Default)]
pub struct FileWatch(watch::Sender<Option<Arc<FileStates>>>);

impl FileWatch {
    /// Looks on from now until the receiver is dropped. It has nothing before lanes are open.
    pub fn look(&self) -> watch::Receiver<Option<Arc<FileStates>>> {
        self.0.subscribe()
    }
}

/// What a session shows of its files to those who look.
pub(crate) struct ShownFiles {
    watch: FileWatch,
    wanted: Wanted,
    plan: Arc<Plan>,
    /// The files that move; `None` until the list is opened for the first time.
    files: Option<Arc<[u32]>>,
}

impl ShownFiles {
    /// The list of a transfer in which `wanted` of the entries move, after `plan`.
    pub(crate) fn new(watch: FileWatch, plan: Arc<Plan>, wanted: Wanted) -> Self {
        Self { watch, wanted, plan, files: None }
    }

    /// The entries that move.
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Shows how far the files have come, if anybody looks. A stream has no list.
    pub(crate) fn show(
        &mut self,
        manifest: &Manifest,
        stored: impl FnOnce() -> BlockSet,
        withdrawn: &BTreeSet<u32>,
    ) {
        if self.watch.0.receiver_count() == 0 || self.plan.stream().is_some() {
            return;
        }
        let files = self.files.get_or_insert_with(|| {
            let entries = (0..).zip(manifest.entries());
            let moves =
                |(index, entry): &(u32, &Entry)| entry.is_file() && self.wanted.contains(*index as usize);
            entries.filter(moves).map(|(index, _)| index).collect()
        });
        let (files, stored, withdrawn) = (Arc::clone(files), stored(), withdrawn.clone());
        let states = FileStates { plan: Arc::clone(&self.plan), files, stored, withdrawn };
        self.watch.0.send_replace(Some(Arc::new(states)));
    }
}

#[cfg(test)]
mod tests {
    use super::{
        FileState::{Moving, Stored, Waiting, Withdrawn},
        *,
    };
    use crate::{protocol::manifest::OfferKind, transfer::plan::MIN_BLOCK};

    #[test]
    fn each_file_is_as_far_as_its_blocks_while_somebody_looks() {
        let large = 4 * u64::from(MIN_BLOCK);
        let entries =
            [("empty", 0), ("large", large), ("small", 7), ("tiny", 1), ("unwanted", 9), ("other", large)];
        let manifest = Manifest::made_up(OfferKind::Files, &entries);
        let wanted = Wanted::pick(manifest.entries(), |index| index != 4);
        let plan = Arc::new(Plan::new(&manifest, |index| wanted.contains(index)));
        let watch = FileWatch::default();
        let small = plan.blocks_of(2);
        let mut list = ShownFiles::new(watch.clone(), plan, wanted);
        let mut stored = BlockSet::default();
        list.show(&manifest, || unreachable!("nobody looks"), &BTreeSet::new());
        let seen = watch.look();
        let mut states = |stored: &BlockSet| {
            list.show(&manifest, || stored.clone(), &BTreeSet::from([5]));
            let states = seen.borrow().clone().unwrap();
            assert_eq!(states.files(), [0, 1, 2, 3, 5]);
            [0, 1, 2, 3, 5].map(|entry| states.state(entry))
        };
        assert_eq!(states(&stored), [Waiting, Waiting, Waiting, Waiting, Withdrawn]);
        stored.extend([1, small.start]);
        assert_eq!(states(&stored), [Waiting, Moving(0.25), Stored, Stored, Withdrawn]);
        stored.insert_range(0..9);
        assert_eq!(states(&stored), [Stored, Stored, Stored, Stored, Withdrawn]);
    }
}
