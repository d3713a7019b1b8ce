//! What a croc has of what it was offered, as far as this side can tell.

use std::{collections::BTreeSet, sync::Arc};

use super::list::CrocListing;
use crate::{
    croc::feed::FileJob,
    protocol::manifest::Manifest,
    transfer::{
        file_states::{FileWatch, ShownFiles},
        notice::Context,
        plan::{Block, Plan, Wanted, blocks::BlockSet},
        progress::Report,
    },
};

/// What became of a file or a link of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody has asked for it yet. An empty file and a link are never asked for.
    Unasked,
    /// It is being sent.
    Moving,
    /// The receiver has it.
    Sent,
}

/// Counts what was asked for and what was sent.
pub(super) struct Tally {
    manifest: Arc<Manifest>,
    plan: Arc<Plan>,
    shown: ShownFiles,
    files: Vec<ListedFile>,
    /// The place in `files` of the one that is being sent.
    current: Option<usize>,
    /// How much of that one the receiver had before, and how much of everything was sent then.
    held: u64,
    sent_before: u64,
    /// The first place behind the last that was asked for. What lies before it and was not asked for is there already.
    seen: usize,
    /// How many files, and not links, are before that place.
    seen_files: u64,
    /// Bytes of everything.
    total: u64,
    /// Bytes of files that the receiver has, and of those that it has not asked for.
    bytes: u64,
    passed_over: u64,
    /// Blocks of the plan that lie in files which the receiver has.
    settled: BlockSet,
}

struct ListedFile {
    entry: u32,
    size: u64,
    is_file: bool,
    standing: Standing,
}

impl Tally {
    pub(super) fn new(manifest: &Arc<Manifest>, listing: &CrocListing, watch: FileWatch) -> Self {
        let entries = manifest.entries();
        let files: Vec<ListedFile> = listing
            .entries
            .iter()
            .filter_map(|entry| {
                let listed = entries.get(*entry as usize)?;
                let (size, is_file) = (listed.size(), listed.is_file());
                Some(ListedFile { entry: *entry, size, is_file, standing: Standing::Unasked })
            })
            .collect();
        let total = files.iter().map(|file| file.size).sum();
        let listed: BTreeSet<u32> = files.iter().map(|file| file.entry).collect();
        let is_listed = |index: usize| listed.contains(&(index as u32));
        let plan = Arc::new(Plan::new(manifest, is_listed));
        let shown = ShownFiles::new(watch, Arc::clone(&plan), Wanted::pick(entries, is_listed));
        Self {
            manifest: Arc::clone(manifest),
            plan,
            shown,
            files,
            current: None,
            held: 0,
            sent_before: 0,
            seen: 0,
            seen_files: 0,
            total,
            bytes: 0,
            passed_over: 0,
            settled: BlockSet::default(),
        }
    }

    /// How many files there are, and their bytes.
    pub(super) fn all(&self) -> (u64, u64) {
        let files = self.files.iter().filter(|file| file.is_file).count();
        (files as u64, self.total)
    }

    /// How many files without bytes there are, and their bytes.
    pub(super) fn without_bytes(&self) -> (u64, u64) {
        (self.files.iter().filter(|file| file.is_file && file.size == 0).count() as u64, 0)
    }

    /// Notes that a file is asked for. `sent` bytes were sent of everything before.
    pub(super) fn begin(&mut self, job: &FileJob, sent: u64) {
        for place in self.seen..=job.index {
            self.seen_files += self.files.get(place).map_or(0, |file| u64::from(file.is_file));
            if place < job.index
                && let Some(file) = self.files.get(place).filter(|file| file.standing == Standing::Unasked)
            {
                self.passed_over += file.size;
                self.settle(place);
            }
        }
        let Some(file) = self.files.get_mut(job.index) else { return };
        match file.standing {
            Standing::Sent => self.bytes -= file.size,
            Standing::Unasked if job.index < self.seen => self.passed_over -= file.size,
            Standing::Unasked | Standing::Moving => {}
        }
        file.standing = Standing::Moving;
        self.seen = self.seen.max(job.index + 1);
        (self.current, self.held, self.sent_before) = (Some(job.index), file.size - job.bytes(), sent);
    }

    /// Notes that the receiver has the file that was asked for last.
    pub(super) fn end(&mut self) {
        let Some(place) = self.current.take() else { return };
        if let Some(file) = self.files.get_mut(place) {
            file.standing = Standing::Sent;
            self.bytes += file.size;
            self.settle(place);
        }
    }

    /// Whether everything with bytes was sent, or was there already.
    pub(super) fn is_all_there(&self) -> bool {
        let is_left = |(place, file): (usize, &ListedFile)| match file.standing {
            Standing::Unasked => file.size > 0 && place >= self.seen,
            Standing::Moving => true,
            Standing::Sent => false,
        };
        !self.files.iter().enumerate().any(is_left)
    }

    /// Shows how far it has come, when `sent` bytes were sent of everything.
    pub(super) fn show(&mut self, sent: u64, context: &Context) {
        let current = self.current.and_then(|place| self.files.get(place));
        let moved = current.map_or(0, |file| (self.held + sent - self.sent_before).min(file.size));
        let total = self.total - self.passed_over;
        let complete = self.seen_files.saturating_sub(u64::from(current.is_some()));
        context.update(|progress| {
            (progress.bytes, progress.total_bytes) = (self.bytes + moved, Some(total));
            (progress.files, progress.file) = (complete, current.map(|file| file.entry));
        });
        let (plan, settled) = (&self.plan, &self.settled);
        let stored = || {
            let mut stored = settled.clone();
            if let Some(file) = current.filter(|file| file.size > 0) {
                let blocks = plan.blocks_of(file.entry);
                if let Some(Block::Part(_)) = plan.block(blocks.start) {
                    let part = moved as f64 / file.size as f64;
                    let count = ((blocks.end - blocks.start) as f64 * part) as u64;
                    stored.insert_range(blocks.start..(blocks.start + count).min(blocks.end));
                }
            }
            stored
        };
        self.shown.show(&self.manifest, stored, &BTreeSet::new());
    }

    /// The result, with this many entries that the receiver doesn't get.
    pub(super) fn report(&self, missing: u64) -> Report {
        let here = self.files.iter().filter(|file| file.size > 0 && file.standing == Standing::Unasked);
        let (here, here_bytes) = here.fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.size));
        let entries = self.manifest.entries().len() as u64;
        let stored = entries.saturating_sub(here + missing);
        Report { stored, bytes: self.bytes, here, here_bytes, missing, receivers: 1, ..Report::default() }
    }

    /// Notes the blocks of a file that the receiver has. The block of several small files counts with the last of them.
    fn settle(&mut self, place: usize) {
        let Some(file) = self.files.get(place) else { return };
        let blocks = self.plan.blocks_of(file.entry);
        let is_whole = match self.plan.block(blocks.start) {
            Some(Block::Pack(packed)) => packed.last().is_some_and(|(last, _)| *last == file.entry),
            Some(Block::Part(_)) => true,
            None => false,
        };
        if is_whole {
            self.settled.insert_range(blocks);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{croc::chunks::Coding, protocol::manifest::OfferKind, transfer::send::croc::list::listed};

    const CHUNK: u64 = 32 << 10;

    fn tally(sizes: &[(&str, u64)]) -> Tally {
        let manifest = Arc::new(Manifest::made_up(OfferKind::Files, sizes));
        Tally::new(&manifest, &listed(&manifest), FileWatch::default())
    }

    fn whole(index: usize, size: u64) -> FileJob {
        let ranges = std::iter::once(0..size.div_ceil(CHUNK)).collect();
        FileJob { index, size, coding: Coding::Plain, ranges }
    }

    #[test]
    fn what_is_not_asked_for_is_there_already() {
        let mut tally = tally(&[("a", 10), ("empty", 0), ("b", 20), ("c", 30)]);
        assert_eq!((tally.all(), tally.without_bytes()), ((4, 60), (1, 0)));
        tally.begin(&whole(2, 20), 0);
        tally.end();
        assert!(!tally.is_all_there());
        tally.begin(&whole(3, 30), 20);
        tally.end();
        assert!(tally.is_all_there());
        let Report { stored, bytes, here, here_bytes, missing, .. } = tally.report(0);
        assert_eq!((stored, bytes, here, here_bytes, missing), (3, 50, 1, 10, 0));
    }

    #[test]
    fn a_file_that_is_asked_for_again_counts_once() {
        let mut tally = tally(&[("a", 10), ("b", 20)]);
        for _ in 0..3 {
            tally.begin(&whole(1, 20), 0);
            tally.end();
        }
        tally.begin(&whole(0, 10), 0);
        tally.end();
        let Report { stored, bytes, here, .. } = tally.report(0);
        assert_eq!((stored, bytes, here, tally.passed_over), (2, 30, 0, 0));
    }

    #[test]
    fn what_the_receiver_held_of_a_file_counts_as_moved() {
        let mut tally = tally(&[("a", 4 * CHUNK)]);
        let job = FileJob { ranges: vec![1..2, 3..4], ..whole(0, 4 * CHUNK) };
        tally.begin(&job, 7);
        assert_eq!((tally.held, tally.sent_before), (2 * CHUNK, 7));
    }
}
