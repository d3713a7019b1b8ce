//! Compares an offer with a folder: where its entries would go, what is there already, whether anything can be stored
//! there.
//!
//! All calls block on the disk.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    active::ActiveReceives, hidden::guarded, leftovers::Leftovers, staging::Disk, unfinished::Registry,
};
use crate::{
    platform::{self, Rules},
    protocol::manifest::{Manifest, OfferKind},
    transfer::{
        error::{FileAction, TransferError},
        offer::{AlreadyHere, Choices, Offer},
        plan::{
            Wanted,
            names::STAGING_PREFIX,
            placement::{OnConflict, OnMerge, Target, merging, place},
        },
    },
};

impl Offer {
    /// Compares an offer with `folder`, which may turn out to be unusable; blocks on the disk. Receives among `active`
    /// that have lost their senders count as interrupted: what they have there can be resumed as well.
    pub fn look(
        manifest: Arc<Manifest>,
        folder: Option<PathBuf>,
        unfinished: &Registry,
        active: &ActiveReceives,
    ) -> Self {
        let Some(folder) = folder.filter(|_| manifest.kind() != OfferKind::Text) else {
            return Self {
                manifest,
                folder: None,
                targets: Vec::new(),
                guarded: Vec::new(),
                free: None,
                resumable: 0,
                here: AlreadyHere::default(),
                unusable: None,
            };
        };
        match check_folder(&folder).and_then(|()| free_space(&folder)) {
            Ok(free) => {
                let targets =
                    place_in(&folder, &manifest, |_| true, |_| OnConflict::KeepBoth, |_| OnMerge::Merge);
                let guarded = guarded(&folder, &manifest, &targets);
                let resumable = match manifest.kind() {
                    OfferKind::Files => unfinished.key().map_or(0, |key| {
                        let lost = active.lost_in(&folder, &key);
                        Leftovers::find(&folder, &key).and(lost).bytes_of(&manifest)
                    }),
                    OfferKind::Text | OfferKind::Stream => 0,
                };
                let (here, free) = (AlreadyHere::default(), Some(free));
                Self {
                    manifest,
                    folder: Some(folder),
                    targets,
                    guarded,
                    free,
                    resumable,
                    here,
                    unusable: None,
                }
            }
            Err(error) => {
                let (targets, guarded, here) = (Vec::new(), Vec::new(), AlreadyHere::default());
                let (folder, unusable) = (Some(folder), Some(error));
                Self { manifest, folder, targets, guarded, free: None, resumable: 0, here, unusable }
            }
        }
    }
}

/// Places an offer's entries in a real folder; blocks on the disk.
pub(crate) fn place_in(
    folder: &Path,
    manifest: &Manifest,
    wanted: impl Fn(usize) -> bool,
    on_conflict: impl Fn(usize) -> OnConflict,
    on_merge: impl Fn(usize) -> OnMerge,
) -> Vec<Target> {
    place(manifest, wanted, Rules::of(folder), &Disk(folder), on_conflict, on_merge)
}

/// What of an offer is received into a folder, and where each entry of it goes.
pub(crate) struct Chosen {
    pub wanted: Wanted,
    pub targets: Vec<Target>,
    /// Files that are not wanted because the folder already has them.
    pub here: AlreadyHere,
}

impl Chosen {
    /// Carries out the user's choices. `here` are files that the folder already has, wherever the folders go that they are
    /// in. Blocks on the disk.
    pub(crate) fn by(choices: &Choices, folder: &Path, manifest: &Manifest, here: AlreadyHere) -> Self {
        let top = |index: usize| manifest.entries().get(index).map_or("", |entry| entry.path.top());
        let place_with = |is_wanted: &dyn Fn(usize) -> bool, on_merge: &dyn Fn(usize) -> OnMerge| {
            place_in(folder, manifest, is_wanted, |index| choices.on_conflict(index), on_merge)
        };
        let is_wanted = |index| choices.wants(index) && !here.contains(index);
        let mut targets = place_with(&is_wanted, &|_| OnMerge::Merge);
        let guarded = if choices.allows_hidden { Vec::new() } else { guarded(folder, manifest, &targets) };
        let guarded: HashSet<&str> = guarded.into_iter().map(|entry| top(entry as usize)).collect();
        let mut apart =
            merging(manifest, &targets, |index| choices.wants(index), |index| here.contains(index));
        apart.retain(|_, entry| choices.on_merge(*entry) != OnMerge::Merge);
        if guarded.is_empty() && apart.is_empty() {
            let wanted = wanted(manifest, &targets, is_wanted);
            return Self { wanted, targets, here };
        }
        // A folder that goes elsewhere needs all of its files there.
        let here = here.only(manifest, |index| {
            let top = top(index);
            !guarded.contains(top) && !apart.contains_key(top)
        });
        let is_wanted =
            |index| choices.wants(index) && !here.contains(index) && !guarded.contains(top(index));
        targets = place_with(&is_wanted, &|index| match apart.get(top(index)) {
            Some(entry) => choices.on_merge(*entry),
            None => OnMerge::Merge,
        });
        let wanted = wanted(manifest, &targets, is_wanted);
        Self { wanted, targets, here }
    }
}

fn wanted(manifest: &Manifest, targets: &[Target], is_wanted: impl Fn(usize) -> bool) -> Wanted {
    Wanted::pick(manifest.entries(), |index| {
        is_wanted(index) && targets.get(index).is_some_and(|target| target.path.is_some())
    })
}

/// Checks that `folder` is one in which this user may write. Blocks on the disk.
pub fn check_folder(folder: &Path) -> Result<(), TransferError> {
    let usable = fs::metadata(folder).and_then(|metadata| {
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        // What a system says about permissions isn't all that counts: a mount may be read-only, or made by a program that takes
        // nothing. A staging folder is what a receive begins with.
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        let probe = folder.join(format!("{STAGING_PREFIX}{:016x}", u64::from_be_bytes(id)));
        match platform::make_private_folder(&probe) {
            Ok(()) => fs::remove_dir(&probe),
            // Room may be made until something arrives.
            Err(full) if platform::is_disk_full(&full) => Ok(()),
            Err(error) => Err(error),
        }
    });
    usable.map_err(|cause| TransferError::file(FileAction::UseFolder, folder, cause))
}

/// Bytes that are free in `folder` for this user.
pub(crate) fn free_space(folder: &Path) -> Result<u64, TransferError> {
    fs4::available_space(folder).map_err(|cause| TransferError::file(FileAction::UseFolder, folder, cause))
}
