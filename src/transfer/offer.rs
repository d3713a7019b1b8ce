//! The offer as a receiver sees it, and the answer to it.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use super::{
    error::TransferError,
    plan::{
        blocks::BlockSet,
        placement::{self, OnConflict, OnMerge, Target},
    },
};
use crate::protocol::manifest::Manifest;

/// An offer, compared with the folder in which it would be stored.
#[derive(Debug)]
pub struct Offer {
    /// The entries.
    pub manifest: Arc<Manifest>,
    /// The folder; `None` for a text, and for an offer that goes to a writer.
    pub folder: Option<PathBuf>,
    /// For each entry, where it would go if folders at the top were merged with those of the same name, and otherwise
    /// both were kept wherever a name is taken; [`Target::under`] and [`Target::merged`] tell the rest. Empty without a
    /// usable folder.
    pub targets: Vec<Target>,
    /// What has the names that are taken, by entry, as far as it is a file and the system tells.
    pub existing: HashMap<u32, ExistingFile>,
    /// Entries at the top that would get hidden names in the user's home folder, where programs take them for what the
    /// user has set. They are received only if [`Choices::allows_hidden`] says so. In order.
    pub guarded: Vec<u32>,
    /// Files that are larger than any that the folder's file system can hold, by entry. They are not received. In order.
    pub too_large: Vec<u32>,
    /// The size of the largest file that the folder's file system can hold, in bytes.
    pub largest_file: u64,
    /// Whether parts of a file that were never written take no space in the folder.
    pub keeps_holes: bool,
    /// Bytes that are free in the folder; `None` without a usable folder, and where the file system doesn't say.
    pub free: Option<u64>,
    /// Bytes of the offer that interrupted transfers left in the folder, so that they need not be sent again.
    pub resumable: u64,
    /// Files that the folder already has with the same content, so that they need not be sent, as far as that was known
    /// when the offer was reported.
    pub here: AlreadyHere,
    /// Why nothing can be stored in the folder, so that the user has to choose another. Nothing else is known about the
    /// folder then.
    pub unusable: Option<TransferError>,
}

impl Offer {
    /// An offer that has not been compared with any folder.
    pub fn new(manifest: Arc<Manifest>) -> Self {
        Self {
            manifest,
            folder: None,
            targets: Vec::new(),
            existing: HashMap::new(),
            guarded: Vec::new(),
            too_large: Vec::new(),
            largest_file: u64::MAX,
            keeps_holes: false,
            free: None,
            resumable: 0,
            here: AlreadyHere::default(),
            unusable: None,
        }
    }

    /// The targets of the entries whose names are taken if folders are merged like this, without those in `here`, which may be
    /// more than [`Offer::here`]. Folders that merge don't count.
    pub fn conflicts(&self, here: &AlreadyHere, on_merge: OnMerge) -> Vec<&Target> {
        let apart = if on_merge == OnMerge::Merge { HashMap::new() } else { self.merging(here) };
        let counts = |(index, target): &(usize, &Target)| {
            target.conflicts && !here.contains(*index) && !apart.contains_key(self.top_of(*index))
        };
        self.targets.iter().enumerate().filter(counts).map(|(_, target)| target).collect()
    }

    /// Those of the files that are `here` which are not sent again if folders are merged like this: a folder that is stored
    /// beside the one that is there needs all of its files.
    pub fn not_sent_again(&self, here: &AlreadyHere, on_merge: OnMerge) -> AlreadyHere {
        let apart = if on_merge == OnMerge::Merge { HashMap::new() } else { self.merging(here) };
        here.only(&self.manifest, |index| !apart.contains_key(self.top_of(index)))
    }

    /// The folders at the top that would change folders of the same name if they were merged with them, given the files
    /// that are `here` already: each as its name and its entry's index.
    pub fn merging(&self, here: &AlreadyHere) -> HashMap<&str, u32> {
        placement::merging(&self.manifest, &self.targets, |_| true, |index| here.contains(index))
    }

    /// The first name of an entry's path; empty for an index past the end.
    pub fn top_of(&self, index: usize) -> &str {
        self.manifest.entries().get(index).map_or("", |entry| entry.path.top())
    }

    /// What is offered by its first names: those that need a word of their own first, then hidden ones and folders that
    /// merge, and otherwise in the offer's order.
    pub fn tops(&self, here: &AlreadyHere) -> Vec<Top<'_>> {
        let merging = self.merging(here);
        let guarded: HashSet<u32> = self.guarded.iter().copied().collect();
        let mut tops: Vec<Top<'_>> = Vec::new();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for (index, entry) in self.manifest.entries().iter().enumerate() {
            let name = entry.path.top();
            let number = *numbers.entry(name).or_insert_with(|| {
                tops.push(Top {
                    entry: index as u32,
                    name,
                    files: 0,
                    bytes: 0,
                    is_hidden: is_hidden(name),
                    is_guarded: guarded.contains(&(index as u32)),
                    merges: merging.contains_key(name),
                });
                tops.len() - 1
            });
            tops[number].files += u64::from(entry.is_file());
            tops[number].bytes += entry.size();
        }
        tops.sort_by_key(|top| (!top.is_guarded, !top.is_hidden, !top.merges));
        tops
    }

    /// Entries whose names this system can't store, each as (name in the offer, name that it gets instead).
    pub fn repaired(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.manifest.entries();
        self.targets
            .iter()
            .zip(entries)
            .filter(|(target, _)| target.is_repaired)
            .filter_map(|(target, entry)| Some((entry.path.as_str(), target.path.as_ref()?.as_str())))
    }
}

/// A file in the receiver's folder that has the name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExistingFile {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last changed, if the system says so.
    pub modified: Option<SystemTime>,
}

/// What stands under one name at the top of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Top<'a> {
    /// Index of the entry that has this name.
    pub entry: u32,
    /// The name.
    pub name: &'a str,
    /// How many files there are under it.
    pub files: u64,
    /// The bytes of these files.
    pub bytes: u64,
    /// Whether file managers usually don't show it.
    pub is_hidden: bool,
    /// Whether it is in [`Offer::guarded`].
    pub is_guarded: bool,
    /// Whether it is a folder that would change one that is there if it were merged with it.
    pub merges: bool,
}

/// Whether a name begins with a dot, so that file managers usually don't show it.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

/// The receiver's answer to an offer.
#[derive(Debug)]
pub enum Answer {
    /// The offer is declined.
    Decline,
    /// The offer is accepted, with these choices.
    Accept(Choices),
}

/// What the receiver's user chose when accepting an offer.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Whether to use what is in the folder: what an interrupted transfer left, and files with the same content.
    pub resumes: bool,
    /// A folder to receive into instead of the one with which the receive was started.
    pub folder: Option<PathBuf>,
    /// Indices of entries that are not wanted, sorted. The entries in an unwanted folder are listed one by one.
    pub unwanted: Vec<u32>,
    /// What to do where a name is taken.
    pub on_conflict: OnConflict,
    /// Entries for which something other than `on_conflict` is to be done.
    pub exceptions: HashMap<u32, OnConflict>,
    /// What to do about a folder at the top, if a folder of that name is there. If merging the two would change nothing,
    /// they count as one whatever this says.
    pub on_merge: OnMerge,
    /// Folders for which something other than `on_merge` is to be done.
    pub merge_exceptions: HashMap<u32, OnMerge>,
    /// Whether hidden names may appear in the user's home folder. Otherwise such entries are not wanted.
    pub allows_hidden: bool,
    /// Whether to begin although the folder seems to have too little free space. Some file systems don't know how much they
    /// have, because they compress, or keep equal parts once.
    pub ignores_space: bool,
}

impl Default for Choices {
    /// Takes everything but hidden names in the home folder, keeps both wherever a name is taken, and uses what is already
    /// in the folder.
    fn default() -> Self {
        Self {
            resumes: true,
            folder: None,
            unwanted: Vec::new(),
            on_conflict: OnConflict::default(),
            exceptions: HashMap::new(),
            on_merge: OnMerge::default(),
            merge_exceptions: HashMap::new(),
            allows_hidden: false,
            ignores_space: false,
        }
    }
}

impl Choices {
    /// Whether entry `index` is wanted.
    pub fn wants(&self, index: usize) -> bool {
        u32::try_from(index).is_ok_and(|index| self.unwanted.binary_search(&index).is_err())
    }

    /// What to do where the name of entry `index` is taken.
    pub fn on_conflict(&self, index: usize) -> OnConflict {
        let exception = u32::try_from(index).ok().and_then(|index| self.exceptions.get(&index));
        exception.copied().unwrap_or(self.on_conflict)
    }

    /// What to do about folder `index`, if a folder of its name is there.
    pub fn on_merge(&self, index: u32) -> OnMerge {
        self.merge_exceptions.get(&index).copied().unwrap_or(self.on_merge)
    }
}

/// Files of an offer that the receiver's folder already has with the same content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlreadyHere {
    entries: BlockSet,
    files: u64,
    bytes: u64,
    is_growing: bool,
}

impl AlreadyHere {
    /// The files with these indices in `manifest`. Each counts once; an index past the end counts as none.
    pub fn of(manifest: &Manifest, entries: impl IntoIterator<Item = u32>) -> Self {
        let mut here = Self::default();
        entries.into_iter().for_each(|entry| here.add(manifest, entry));
        here
    }

    /// Adds the file with this index in `manifest`. Adding it again changes nothing, and neither does an index past the
    /// end.
    pub fn add(&mut self, manifest: &Manifest, entry: u32) {
        let Some(listed) = manifest.entries().get(entry as usize) else { return };
        if self.entries.insert(entry.into()) {
            self.files += 1;
            self.bytes += listed.size();
        }
    }

    /// This set, with [`AlreadyHere::is_growing`] set to `is_growing`.
    #[must_use]
    pub fn growing(self, is_growing: bool) -> Self {
        Self { is_growing, ..self }
    }

    /// Whether entry `index` is in this set.
    pub fn contains(&self, index: usize) -> bool {
        self.entries.contains(index as u64)
    }

    /// How many files are in this set.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// The size of these files in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether files are still being compared, so that more may be reported.
    pub fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// The files of this set whose indices `pick` accepts.
    #[must_use]
    pub fn only(&self, manifest: &Manifest, pick: impl Fn(usize) -> bool) -> Self {
        let ranges = self.entries.ranges();
        let entries = ranges.into_iter().flat_map(|(first, count)| first..first + count);
        let picked = entries.filter(|entry| pick(*entry as usize)).map(|entry| entry as u32);
        Self::of(manifest, picked).growing(self.is_growing)
    }
}
