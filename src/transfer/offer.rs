//! The offer as a receiver sees it, and the answer to it.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::{
    error::TransferError,
    plan::{
        blocks::BlockSet,
        placement::{OnConflict, Target},
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
    /// For each entry, where it would go if both were kept wherever a name is taken; [`Target::under`] tells the rest.
    /// Empty without a usable folder.
    pub targets: Vec<Target>,
    /// Bytes that are free in the folder; `None` without a usable folder.
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
    /// How many entries have names that are taken, without those in [`Offer::here`].
    pub fn conflicts(&self) -> usize {
        self.conflicts_beside(&self.here)
    }

    /// How many entries have names that are taken, without those in `here`, which may be more than [`Offer::here`].
    pub fn conflicts_beside(&self, here: &AlreadyHere) -> usize {
        let targets = self.targets.iter().enumerate();
        targets.filter(|(index, target)| target.conflicts && !here.contains(*index)).count()
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
}

impl Default for Choices {
    /// Takes everything, keeps both wherever a name is taken, and uses what is already in the folder.
    fn default() -> Self {
        Self {
            resumes: true,
            folder: None,
            unwanted: Vec::new(),
            on_conflict: OnConflict::default(),
            exceptions: HashMap::new(),
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
