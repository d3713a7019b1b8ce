//! How many files of a plan are complete, counted from the blocks that are stored. Pure.

use std::collections::HashMap;

use super::{Block, Plan, blocks::BlockSet};

/// Counts the complete files of one plan. A file without blocks counts from the start.
#[derive(Debug)]
pub(crate) struct FileCount {
    complete: u64,
    /// How many blocks are stored of each file that has begun and is not complete.
    begun: HashMap<u32, u64>,
}

impl FileCount {
    /// The count when the blocks in `stored` are.
    pub(crate) fn new(plan: &Plan, stored: &BlockSet) -> Self {
        let mut count = Self { complete: plan.files_without_blocks(), begun: HashMap::new() };
        if plan.stream().is_none() {
            let ranges = stored.ranges().into_iter();
            ranges.flat_map(|(first, more)| first..first + more).for_each(|block| count.note(plan, block));
        }
        count
    }

    /// Takes a block that has just been stored. Each block may come once.
    pub(crate) fn note(&mut self, plan: &Plan, block: u64) {
        match plan.block(block) {
            Some(Block::Pack(files)) => self.complete += files.len() as u64,
            Some(Block::Part(segment)) if plan.stream().is_none() => {
                let blocks = plan.blocks_of(segment.entry);
                let stored = self.begun.entry(segment.entry).or_default();
                *stored += 1;
                if *stored == blocks.end - blocks.start {
                    self.begun.remove(&segment.entry);
                    self.complete += 1;
                }
            }
            Some(Block::Part(_)) | None => {}
        }
    }

    /// How many files are complete.
    pub(crate) fn complete(&self) -> u64 {
        self.complete
    }
}

/// The file that moves, as an entry of the manifest: the first of which something is missing in `stored`.
pub(crate) fn current(plan: &Plan, stored: &BlockSet) -> Option<u32> {
    match plan.block(stored.first_missing())? {
        Block::Part(segment) => Some(segment.entry),
        Block::Pack(files) => files.first().map(|(entry, _)| *entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        protocol::manifest::{Manifest, OfferKind},
        transfer::plan::MIN_BLOCK,
    };

    #[test]
    fn a_file_counts_once_its_last_block_is_stored() {
        let large = 3 * u64::from(MIN_BLOCK);
        let entries = [("empty", 0), ("large", large), ("small", 7), ("tiny", 1), ("other", large)];
        let manifest = Manifest::made_up(OfferKind::Files, &entries);
        let plan = Plan::new(&manifest, |index| index != 4);
        assert_eq!(plan.blocks(), 4);
        let mut stored = BlockSet::default();
        let mut count = FileCount::new(&plan, &stored);
        assert_eq!((count.complete(), current(&plan, &stored)), (1, Some(1)));
        for (block, complete, file) in [(2, 1, Some(1)), (0, 1, Some(1)), (1, 2, Some(2)), (3, 4, None)] {
            stored.insert(block);
            count.note(&plan, block);
            assert_eq!((count.complete(), current(&plan, &stored)), (complete, file), "{block}");
            assert_eq!(FileCount::new(&plan, &stored).complete(), complete, "a resumed one knows the same");
        }
        assert_eq!(count.complete(), plan.wanted_files());
    }
}
