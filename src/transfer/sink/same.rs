//! Files of an offer that the receiver's folder already has: the same name, the same size, the same bytes. They are not
//! sent, and those in the folder stay as they are, with their times.
//!
//! A survey of the folder finds files that may be the same ([`candidates`]); the hashes of both sides, taken while the
//! user reads the offer, tell whether they are. If that isn't known by the time of the answer, the file is only one
//! whose name is taken, like any other.
//!
//! All this holds for the time of the offer. A file that changes here before the answer is noticed ([`SameFiles`]); one
//! that changes on the sender's side after it was hashed is not, because it isn't sent.
//!
//! All functions block on the disk; [`AlreadyHere`] is plain data.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fs::{self},
    path::{Path, PathBuf},
};

use super::layout::under;
use crate::{
    protocol::manifest::{Manifest, OfferKind},
    transfer::{
        fingerprint::{Fingerprint, fingerprint_of},
        offer::{AlreadyHere, Choices, Offer},
    },
};

/// The most files that are compared. It bounds the memory for them.
const MAX_ALIKE: usize = 1 << 17;

/// Offered files for which the folder has a regular file of the same name and size, as (entry, path of that file): the
/// smallest first, so that most of them are settled soon. If there are more than [`MAX_ALIKE`], the largest, which save
/// most. Links are not followed.
pub(crate) fn candidates(offer: &Offer) -> Vec<(u32, PathBuf)> {
    let Some(folder) = offer.folder.as_deref().filter(|_| offer.manifest.kind() == OfferKind::Files) else {
        return Vec::new();
    };
    let mut candidates = Vec::new();
    for (index, (entry, target)) in offer.manifest.entries().iter().zip(&offer.targets).enumerate() {
        let Some(path) = target.in_place.as_ref().filter(|_| entry.is_file()) else { continue };
        let path = under(folder, path);
        let is_as_large =
            fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() == entry.size());
        if is_as_large {
            candidates.push((entry.size(), index as u32, path));
        }
    }
    if candidates.len() > MAX_ALIKE {
        candidates.sort_by_key(|(size, ..)| Reverse(*size));
        candidates.truncate(MAX_ALIKE);
    }
    candidates.sort_by_key(|(size, ..)| *size);
    candidates.into_iter().map(|(_, entry, path)| (entry, path)).collect()
}

/// The files in a folder that were found to be the same as offered ones, by entry: where each is, and its fingerprint.
#[derive(Debug, Default)]
pub(crate) struct SameFiles {
    folder: PathBuf,
    same: BTreeMap<u32, (PathBuf, Fingerprint)>,
}

impl SameFiles {
    /// No files of this folder yet.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, same: BTreeMap::new() }
    }

    /// Notes that the file at `path`, with this fingerprint, is the same as the offered one.
    pub(crate) fn add(&mut self, entry: u32, path: PathBuf, fingerprint: Fingerprint) {
        self.same.insert(entry, (path, fingerprint));
    }

    /// The files that stay as they are when the offer is accepted with `choices` into `folder`: those that are wanted,
    /// for which the user has chosen nothing else, and that have not changed since they were read.
    pub(crate) fn here(&self, folder: &Path, manifest: &Manifest, choices: &Choices) -> AlreadyHere {
        if !choices.resumes || folder != self.folder {
            return AlreadyHere::default();
        }
        let stays = |(entry, (path, fingerprint)): &(&u32, &(PathBuf, Fingerprint))| {
            choices.wants(**entry as usize)
                && !choices.exceptions.contains_key(*entry)
                && fingerprint_of(path) == Some(*fingerprint)
        };
        AlreadyHere::of(manifest, self.same.iter().filter(stays).map(|(entry, _)| *entry))
    }

    /// Paths at the top of the folder that are, or hold, files in `here`: the first `most`.
    pub(crate) fn tops(&self, here: &AlreadyHere, most: usize) -> Vec<PathBuf> {
        let mut tops = Vec::new();
        for (_, (path, _)) in self.same.iter().filter(|(entry, _)| here.contains(**entry as usize)) {
            let top = path.strip_prefix(&self.folder).ok().and_then(|below| below.iter().next());
            let Some(top) = top.map(|top| self.folder.join(top)) else { continue };
            if tops.len() == most {
                break;
            }
            // Entries of one folder mostly come in a row, so the last path is compared first.
            if tops.last() != Some(&top) && !tops.contains(&top) {
                tops.push(top);
            }
        }
        tops
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        protocol::manifest::Manifest,
        transfer::{
            fingerprint::hash_found,
            sink::{active::ActiveReceives, unfinished::Registry},
        },
    };

    /// An offer of these entries, as (path, bytes); paths that end in `/` are folders.
    fn offer(folder: &Path, entries: &[(&str, u64)]) -> Offer {
        let manifest = Arc::new(Manifest::made_up(OfferKind::Files, entries));
        Offer::look(&manifest, Some(folder.to_owned()), &Registry::default(), &ActiveReceives::default())
    }

    #[test]
    fn files_of_the_same_name_and_size_are_found_the_smallest_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("a/folder")).unwrap();
        for (name, text) in [("a/large", "12345"), ("a/small", "1"), ("other", "123"), ("empty", "")] {
            fs::write(path(name), text).unwrap();
        }
        let entries = [
            ("a/", 0),
            ("a/large", 5),
            ("a/small", 1),
            ("a/folder", 0),
            ("other", 4),
            ("new", 3),
            ("empty", 0),
        ];
        let found = candidates(&offer(folder.path(), &entries));
        assert_eq!(found, [(6, path("empty")), (2, path("a/small")), (1, path("a/large"))]);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_looked_for_through_a_link() {
        use std::os::unix::fs::symlink;
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("x"), "x").unwrap();
        symlink(outside.path(), folder.path().join("a")).unwrap();
        symlink(outside.path().join("x"), folder.path().join("x")).unwrap();
        let found = candidates(&offer(folder.path(), &[("a/", 0), ("a/x", 1), ("x", 1)]));
        assert_eq!(found, []);
        assert_eq!(hash_found(&folder.path().join("x"), |_| true), None);
    }

    #[test]
    fn what_changed_what_is_not_wanted_and_what_the_person_decided_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = ["same", "changed", "unwanted", "decided", "top/deep"];
        fs::create_dir(path("top")).unwrap();
        let mut same_files = SameFiles::new(folder.path().to_owned());
        for (entry, name) in (0..).zip(names) {
            fs::write(path(name), "text").unwrap();
            same_files.add(entry, path(name), fingerprint_of(&path(name)).unwrap());
        }
        fs::write(path("changed"), "longer text").unwrap();
        let entries =
            [("same", 4), ("changed", 4), ("unwanted", 4), ("decided", 4), ("top/", 0), ("top/deep", 4)];
        let manifest = offer(folder.path(), &entries).manifest;
        let choices = Choices {
            unwanted: vec![2],
            exceptions: [(3, crate::transfer::plan::placement::OnConflict::Replace)].into(),
            ..Choices::default()
        };
        let here = same_files.here(folder.path(), &manifest, &choices);
        assert_eq!(here, AlreadyHere::of(&manifest, [0, 4]));
        assert_eq!(same_files.tops(&here, 9), [path("same"), path("top")]);
        assert_eq!(
            same_files.here(&path("top"), &manifest, &choices),
            AlreadyHere::default(),
            "another folder"
        );
        let again = Choices { resumes: false, ..choices };
        assert_eq!(same_files.here(folder.path(), &manifest, &again), AlreadyHere::default());
    }
}
