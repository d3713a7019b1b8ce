//! The offer as a receiver sees it, and the answer to it.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::TransferError,
    holders::Holders,
    leftovers::Leftovers,
    placement::{OnConflict, Target, place},
    same::Here,
    staging::Disk,
};
use crate::{
    platform::{self, Rules},
    protocol::manifest::{Manifest, OfferKind},
};

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
    pub here: Here,
    /// Why nothing can be stored there: another folder is needed. Nothing is known of this one then.
    pub unusable: Option<TransferError>,
}

impl Offer {
    /// Looks at `folder`, which may turn out to be of no use; blocks on the disk. What lost transfers among `holders` have
    /// there counts as what interrupted ones left.
    pub fn look(manifest: Arc<Manifest>, folder: Option<PathBuf>, holders: &Holders) -> Self {
        let Some(folder) = folder.filter(|_| manifest.kind() != OfferKind::Text) else {
            return Self {
                manifest,
                folder: None,
                targets: Vec::new(),
                free: None,
                resumable: 0,
                here: Here::default(),
                unusable: None,
            };
        };
        match usable_space(&folder) {
            Ok(free) => {
                let targets = place_in(&folder, &manifest, |_| true, |_| OnConflict::KeepBoth);
                let resumable = match manifest.kind() {
                    OfferKind::Files => {
                        Leftovers::find(&folder).and(holders.lost_in(&folder)).bytes_of(&manifest)
                    }
                    OfferKind::Text | OfferKind::Stream => 0,
                };
                let (here, free) = (Here::default(), Some(free));
                Self { manifest, folder: Some(folder), targets, free, resumable, here, unusable: None }
            }
            Err(error) => {
                let (targets, here, unusable) = (Vec::new(), Here::default(), Some(error));
                Self { manifest, folder: Some(folder), targets, free: None, resumable: 0, here, unusable }
            }
        }
    }

    /// How many entries' names are taken, but for what is [`Offer::here`].
    pub fn conflicts(&self) -> usize {
        self.conflicts_beside(&self.here)
    }

    /// The same where more is known to be here.
    pub fn conflicts_beside(&self, here: &Here) -> usize {
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

/// Places an offer's entries in a real folder; blocks on the disk.
pub fn place_in(
    folder: &Path,
    manifest: &Manifest,
    wanted: impl Fn(usize) -> bool,
    on_conflict: impl Fn(usize) -> OnConflict,
) -> Vec<Target> {
    place(manifest, wanted, Rules::of(folder), &Disk(folder), on_conflict)
}

/// Bytes that are free in `folder`, if it is one that can be written in.
fn usable_space(folder: &Path) -> Result<u64, TransferError> {
    let usable = fs::metadata(folder).and_then(|metadata| {
        if metadata.is_dir() {
            platform::check_writable(folder)
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    });
    usable.map_err(|cause| TransferError::file("can't use the folder", folder, cause))?;
    free_space(folder)
}

/// Bytes that are free in `folder` for this person.
pub fn free_space(folder: &Path) -> Result<u64, TransferError> {
    fs4::available_space(folder).map_err(|cause| TransferError::file("can't use the folder", folder, cause))
}
