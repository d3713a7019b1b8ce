//! Compares an offer with a folder: where its entries would go, what is there already, whether anything can be stored
//! there.
//!
//! All calls block on the disk.

use std::{
    collections::{HashMap, HashSet},
    fs::Metadata,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    active::ActiveReceives, hidden::guarded, layout::under, leftovers::Leftovers, staging::Disk,
    unfinished::Registry,
};
use crate::{
    platform::mount::{Mount, Rules},
    protocol::{
        RelPath,
        manifest::{Manifest, OfferKind},
    },
    transfer::{
        error::{FileAction, TransferError},
        offer::{AlreadyHere, Choices, ExistingFile, Offer},
        plan::{
            Wanted,
            placement::{OnConflict, OnMerge, Target, merging, place},
        },
    },
};

impl Offer {
    /// Compares an offer with `folder`, which may turn out to be unusable; blocks on the disk. Receives among `active`
    /// that have lost their senders count as interrupted: what they have there can be resumed as well.
    pub fn look(
        manifest: &Arc<Manifest>,
        folder: Option<PathBuf>,
        unfinished: &Registry,
        active: &ActiveReceives,
    ) -> Self {
        let offer = Self::new(Arc::clone(manifest));
        let Some(folder) = folder.filter(|_| manifest.kind() != OfferKind::Text) else { return offer };
        let (mount, free) = match usable(&folder) {
            Ok(found) => found,
            Err(error) => return Self { folder: Some(folder), unusable: Some(error), ..offer },
        };
        let place = (folder.as_path(), mount.rules);
        let targets = place_in(place, manifest, |_| true, |_| OnConflict::KeepBoth, |_| OnMerge::Merge);
        let resumable = match manifest.kind() {
            OfferKind::Files => unfinished.key().map_or(0, |key| {
                let lost = active.lost_in(&folder, &key);
                Leftovers::find(&folder, &key).and(lost).bytes_of(manifest)
            }),
            OfferKind::Text | OfferKind::Stream => 0,
        };
        Self {
            guarded: guarded(&folder, manifest, &targets),
            existing: existing(&folder, &targets),
            targets,
            too_large: too_large(manifest, mount),
            largest_file: mount.largest_file,
            keeps_holes: mount.keeps_holes,
            free,
            resumable,
            folder: Some(folder),
            ..offer
        }
    }
}

/// The files in `folder` whose names are taken, by entry; blocks on the disk. Links are not followed.
fn existing(folder: &Path, targets: &[Target]) -> HashMap<u32, ExistingFile> {
    let file = |path: &RelPath| {
        let found = under(folder, path).symlink_metadata().ok().filter(Metadata::is_file)?;
        Some(ExistingFile { bytes: found.len(), modified: found.modified().ok() })
    };
    let taken = (0..).zip(targets).filter(|(_, target)| target.conflicts);
    taken.filter_map(|(entry, target)| Some((entry, file(target.in_place.as_ref()?)?))).collect()
}

/// Files that are larger than any that `mount` can hold, by entry.
fn too_large(manifest: &Manifest, mount: Mount) -> Vec<u32> {
    let entries = (0..).zip(manifest.entries());
    entries.filter(|(_, entry)| entry.size() > mount.largest_file).map(|(number, _)| number).collect()
}

/// Places an offer's entries in a real folder with these rules for names; blocks on the disk.
pub(crate) fn place_in(
    (folder, rules): (&Path, Rules),
    manifest: &Manifest,
    wanted: impl Fn(usize) -> bool,
    on_conflict: impl Fn(usize) -> OnConflict,
    on_merge: impl Fn(usize) -> OnMerge,
) -> Vec<Target> {
    place(manifest, wanted, rules, &Disk(folder), on_conflict, on_merge)
}

/// What of an offer is received into a folder, and where each entry of it goes.
pub(crate) struct Chosen {
    pub wanted: Wanted,
    pub targets: Vec<Target>,
    /// Files that are not wanted because the folder already has them.
    pub here: AlreadyHere,
    /// Files that the user wants and the mount can't hold, by entry.
    pub too_large: Vec<u32>,
}

impl Chosen {
    /// Carries out the user's choices. `here` are files that the folder already has, wherever the folders go that they are
    /// in. Blocks on the disk.
    pub(crate) fn by(
        choices: &Choices,
        (folder, mount): (&Path, Mount),
        manifest: &Manifest,
        here: AlreadyHere,
    ) -> Self {
        let too_large = too_large(manifest, mount);
        let fits = |index: usize| too_large.binary_search(&(index as u32)).is_err();
        let missed = |here: &AlreadyHere| {
            let missed = too_large.iter().copied();
            missed.filter(|entry| choices.wants(*entry as usize) && !here.contains(*entry as usize)).collect()
        };
        let top = |index: usize| manifest.entries().get(index).map_or("", |entry| entry.path.top());
        let place_with = |is_wanted: &dyn Fn(usize) -> bool, on_merge: &dyn Fn(usize) -> OnMerge| {
            let place = (folder, mount.rules);
            place_in(place, manifest, is_wanted, |index| choices.on_conflict(index), on_merge)
        };
        let is_wanted = |index| choices.wants(index) && fits(index) && !here.contains(index);
        let mut targets = place_with(&is_wanted, &|_| OnMerge::Merge);
        let guarded = if choices.allows_hidden { Vec::new() } else { guarded(folder, manifest, &targets) };
        let guarded: HashSet<&str> = guarded.into_iter().map(|entry| top(entry as usize)).collect();
        let mut apart =
            merging(manifest, &targets, |index| choices.wants(index), |index| here.contains(index));
        apart.retain(|_, entry| choices.on_merge(*entry) != OnMerge::Merge);
        if guarded.is_empty() && apart.is_empty() {
            let wanted = wanted(manifest, &targets, is_wanted);
            return Self { wanted, targets, too_large: missed(&here), here };
        }
        // A folder that goes elsewhere needs all of its files there.
        let here = here.only(manifest, |index| {
            let top = top(index);
            !guarded.contains(top) && !apart.contains_key(top)
        });
        let is_wanted = |index| {
            choices.wants(index) && fits(index) && !here.contains(index) && !guarded.contains(top(index))
        };
        targets = place_with(&is_wanted, &|index| match apart.get(top(index)) {
            Some(entry) => choices.on_merge(*entry),
            None => OnMerge::Merge,
        });
        let wanted = wanted(manifest, &targets, is_wanted);
        Self { wanted, targets, too_large: missed(&here), here }
    }
}

fn wanted(manifest: &Manifest, targets: &[Target], is_wanted: impl Fn(usize) -> bool) -> Wanted {
    Wanted::pick(manifest.entries(), |index| {
        is_wanted(index) && targets.get(index).is_some_and(|target| target.path.is_some())
    })
}

/// Checks that `folder` is one in which this user may write. Blocks on the disk.
pub fn check_folder(folder: &Path) -> Result<(), TransferError> {
    mount_of(folder).map(drop)
}

/// What `folder` can store, and how many bytes are free there, if the file system says. Fails if it is not a folder in which this
/// user may write.
fn usable(folder: &Path) -> Result<(Mount, Option<u64>), TransferError> {
    Ok((mount_of(folder)?, free_space(folder)?))
}

/// What `folder` can store. Fails if it is not a folder in which this user may write.
pub(crate) fn mount_of(folder: &Path) -> Result<Mount, TransferError> {
    Mount::probe(folder).map_err(|cause| TransferError::file(FileAction::UseFolder, folder, cause))
}

/// Bytes that are free in `folder` for this user; `None` where the file system doesn't say, as one in memory doesn't.
pub(crate) fn free_space(folder: &Path) -> Result<Option<u64>, TransferError> {
    let found =
        fs4::statvfs(folder).map_err(|cause| TransferError::file(FileAction::UseFolder, folder, cause))?;
    Ok((found.total_space() > 0).then_some(found.available_space()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn of_names_that_are_taken_the_size_and_date_there_are_known() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/sub")).unwrap();
        for name in ["a/taken", "other"] {
            fs::write(folder.path().join(name), "12345").unwrap();
        }
        let entries = [("a/", 0), ("a/taken", 1), ("a/new", 1), ("a/sub", 1), ("other", 7)];
        let manifest = Arc::new(Manifest::made_up(OfferKind::Files, &entries));
        let (registry, active) = (Registry::default(), ActiveReceives::default());
        let offer = Offer::look(&manifest, Some(folder.path().to_owned()), &registry, &active);
        let mut known: Vec<u32> = offer.existing.keys().copied().collect();
        known.sort_unstable();
        assert_eq!(known, [1, 4], "a folder is no file");
        let modified = fs::metadata(folder.path().join("other")).unwrap().modified().ok();
        assert_eq!(offer.existing[&4], ExistingFile { bytes: 5, modified });
    }
}
