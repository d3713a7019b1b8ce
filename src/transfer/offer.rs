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

/// What is offered, held against the folder where it would go.
#[derive(Debug)]
pub struct Offer {
    /// The entries.
    pub manifest: Arc<Manifest>,
    /// Where it would go; `None` for what goes to a writer.
    pub folder: Option<PathBuf>,
    /// By entry: where it would go if both are kept wherever a name is taken; [`Target::under`] tells the rest. Empty
    /// without a folder.
    pub targets: Vec<Target>,
    /// Bytes that are free there.
    pub free: Option<u64>,
    /// Bytes of the offer that interrupted transfers left there, and that need not be sent again.
    pub resumable: u64,
    /// Files that are here already, the same, and need not be sent: as far as that was known when this was told.
    pub here: AlreadyHere,
    /// Why nothing can be stored there: another folder is needed. Nothing is known of this one then.
    pub unusable: Option<TransferError>,
}

impl Offer {
    /// How many entries' names are taken, but for what is [`Offer::here`].
    pub fn conflicts(&self) -> usize {
        self.conflicts_beside(&self.here)
    }

    /// The same where more is known to be here.
    pub fn conflicts_beside(&self, here: &AlreadyHere) -> usize {
        let targets = self.targets.iter().enumerate();
        targets.filter(|(index, target)| target.conflicts && !here.contains(*index)).count()
    }

    /// Entries whose names this system can't store, with the names that they get instead.
    pub fn repaired(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.manifest.entries();
        self.targets
            .iter()
            .zip(entries)
            .filter(|(target, _)| target.is_repaired)
            .filter_map(|(target, entry)| Some((entry.path.as_str(), target.path.as_ref()?.as_str())))
    }
}

/// What the receiver makes of an offer.
#[derive(Debug)]
pub enum Answer {
    /// No.
    Decline,
    /// Yes, with these choices.
    Accept(Choices),
}

/// How an offer is taken.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Whether what is in the folder is used: what an interrupted transfer left, and files that are the same already.
    pub resumes: bool,
    /// Another folder than the one that was looked at.
    pub folder: Option<PathBuf>,
    /// Entries that are not wanted, by index, sorted. What is in an unwanted folder is named one by one.
    pub unwanted: Vec<u32>,
    /// What to do where a name is taken.
    pub on_conflict: OnConflict,
    /// Entries for which something else is to be done.
    pub exceptions: HashMap<u32, OnConflict>,
}

impl Default for Choices {
    /// Everything, kept beside what is there, without sending again what is here already.
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
    /// Whether entry `index` was left ticked.
    pub fn wants(&self, index: usize) -> bool {
        u32::try_from(index).is_ok_and(|index| self.unwanted.binary_search(&index).is_err())
    }

    /// What to do where the name of entry `index` is taken.
    pub fn on_conflict(&self, index: usize) -> OnConflict {
        let exception = u32::try_from(index).ok().and_then(|index| self.exceptions.get(&index));
        exception.copied().unwrap_or(self.on_conflict)
    }
}

/// Files of an offer that are here already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlreadyHere {
    entries: BlockSet,
    files: u64,
    bytes: u64,
    is_growing: bool,
}

impl AlreadyHere {
    /// These entries of `manifest`.
    pub fn of(manifest: &Manifest, entries: impl IntoIterator<Item = u32>) -> Self {
        let mut here = Self::default();
        entries.into_iter().for_each(|entry| here.add(manifest, entry));
        here
    }

    /// Adds an entry, once.
    pub fn add(&mut self, manifest: &Manifest, entry: u32) {
        let Some(listed) = manifest.entries().get(entry as usize) else { return };
        if self.entries.insert(entry.into()) {
            self.files += 1;
            self.bytes += listed.size();
        }
    }

    /// Says whether more is being found out.
    #[must_use]
    pub fn growing(self, is_growing: bool) -> Self {
        Self { is_growing, ..self }
    }

    /// Whether entry `index` is here.
    pub fn contains(&self, index: usize) -> bool {
        self.entries.contains(index as u64)
    }

    /// How many files there are.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether more is being found out, and will be told.
    pub fn is_growing(&self) -> bool {
        self.is_growing
    }

    /// Those of it that `pick` picks.
    #[must_use]
    pub fn only(&self, manifest: &Manifest, pick: impl Fn(usize) -> bool) -> Self {
        let ranges = self.entries.ranges();
        let entries = ranges.into_iter().flat_map(|(first, count)| first..first + count);
        let picked = entries.filter(|entry| pick(*entry as usize)).map(|entry| entry as u32);
        Self::of(manifest, picked).growing(self.is_growing)
    }
}
