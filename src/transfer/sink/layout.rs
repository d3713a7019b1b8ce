//! Where the files of a transfer are in its staging folder: each under its entry's number, or, if a new folder arrives
//! as a whole, in a tree that mirrors the folder, so that one rename gives everything in it its real name.
//!
//! A tree is made only for a top folder that the receiver doesn't have, and in which every name stays what it is. That
//! is decided once (`new_tops`, pure). Whether a file is in its tree is known only when it is made: the disk may refuse
//! its name, or take two names for one. Such a file goes under its number, and what is wrong with its name shows when
//! it is to get that name, as it would without a tree.
//!
//! Everything but `new_tops` blocks on the disk.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    platform::{self, mount::Rules},
    protocol::{
        RelPath,
        manifest::{Entry, EntryKind, Manifest, Permissions},
    },
    sync::lock,
    transfer::plan::{
        Wanted,
        placement::{FolderView, Occupant, Target},
    },
};

/// The folder in a staging folder that holds the trees.
const TREE: &str = "tree";

/// Where each file of one transfer is in its staging folder.
pub struct Layout {
    folder: PathBuf,
    manifest: Arc<Manifest>,
    /// Folders in the tree that get their names as a whole.
    tops: Vec<RelPath>,
    /// Who may look into the folders of the offer, as far as it says so.
    folders: HashMap<RelPath, Permissions>,
    /// For each entry, where its file is. Locked while the file is made, so that no two callers make it.
    places: Vec<Mutex<FilePlace>>,
    /// Entries whose files were gone and were made again.
    lost: Mutex<HashSet<u32>>,
}

/// Where an entry's file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FilePlace {
    /// Not made yet; it goes under its number.
    Number,
    /// Under its number.
    Numbered,
    /// Not made yet; it belongs in the tree.
    Awaited,
    /// In the tree.
    Tree,
}

impl Layout {
    /// Makes the trees in the staging folder `folder`. `disk` is the folder in which everything gets its real name.
    pub fn create(
        folder: &Path,
        manifest: Arc<Manifest>,
        wanted: &Wanted,
        targets: &[Target],
        disk: &impl FolderView,
    ) -> io::Result<Self> {
        let mut tops = new_tops(&manifest, wanted, targets, disk);
        let tree = folder.join(TREE);
        if !tops.is_empty() {
            platform::make_private_folder(&tree)?;
        }
        let folders = folder_permissions(&manifest);
        // A top folder whose name this disk can't store, or takes for another's, gets no tree.
        tops.retain(|top| platform::make_folder(&under(&tree, top), folders.get(top).copied()).is_ok());
        let names: HashSet<&str> = tops.iter().map(RelPath::as_str).collect();
        let place = |(index, entry): (usize, &Entry)| {
            let is_in_tree = entry.is_file()
                && wanted.contains(index)
                && entry.path.names().nth(1).is_some()
                && names.contains(top_of(&entry.path));
            Mutex::new(if is_in_tree { FilePlace::Awaited } else { FilePlace::Number })
        };
        let places = manifest.entries().iter().enumerate().map(place).collect();
        Ok(Self { folder: folder.to_owned(), manifest, tops, folders, places, lost: Mutex::default() })
    }

    /// The new top folders, as (name, path in the staging folder).
    pub fn tops(&self) -> impl Iterator<Item = (&RelPath, PathBuf)> {
        self.tops.iter().map(|top| (top, under(&self.folder.join(TREE), top)))
    }

    /// Whether an entry's file was made in the tree, or is to be.
    pub fn belongs_in_tree(&self, entry: u32) -> bool {
        self.place(entry).is_some_and(|place| matches!(*place, FilePlace::Awaited | FilePlace::Tree))
    }

    /// Whether an entry's file was made in the tree.
    pub fn is_in_tree(&self, entry: u32) -> bool {
        self.place(entry).is_some_and(|place| *place == FilePlace::Tree)
    }

    /// The path of the file of `entry`. If the file was never made, nothing is there.
    pub fn path(&self, entry: u32) -> PathBuf {
        let is_in_tree = self.is_in_tree(entry);
        self.path_in_tree(entry).filter(|_| is_in_tree).unwrap_or_else(|| numbered(&self.folder, entry))
    }

    /// Opens the file of `entry` for reading and writing, and makes it if there is none. One with holes gets its length at once, so
    /// that only what is no hole has to be written. One that was made and is gone is made again, and counts as lost from then on.
    pub fn open(&self, entry: u32) -> io::Result<File> {
        if let Some(made) = self.make_in_tree(entry, |path| self.make(entry, path)) {
            return made;
        }
        let path = self.path(entry);
        let mut place = self.place(entry).ok_or(io::ErrorKind::NotFound)?;
        if *place == FilePlace::Number {
            let file = self.make(entry, &path)?;
            *place = FilePlace::Numbered;
            return Ok(file);
        }
        match platform::open_staged(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = self.make(entry, &path)?;
                lock(&self.lost).insert(entry);
                Ok(file)
            }
            opened => opened,
        }
    }

    /// Whether the file of `entry` was gone at some time, so that what was written before is not in it. Forgets that.
    pub fn was_lost(&self, entry: u32) -> bool {
        lock(&self.lost).remove(&entry)
    }

    fn make(&self, entry: u32, path: &Path) -> io::Result<File> {
        let file = platform::new_file(self.permissions(entry)).read(true).open(path)?;
        match self.manifest.entries().get(entry as usize) {
            Some(entry) if !entry.holes().is_empty() => match platform::extend(&file, entry.size()) {
                Ok(()) => Ok(file),
                Err(error) => {
                    // Half a file would keep its name from the whole one.
                    drop(file);
                    let _ = fs::remove_file(path);
                    Err(error)
                }
            },
            _ => Ok(file),
        }
    }

    /// Moves the file `from` here as that of `entry`, which has none, and makes it look like one that was made here: as
    /// long as the entry, and nobody may do more with it.
    pub fn adopt(&self, entry: u32, from: &Path) -> io::Result<()> {
        let file = platform::open_own(from, true)?;
        // A mount on which permissions can't be changed never kept any.
        let _ = platform::limit_mode(&file, self.permissions(entry));
        if let Some(entry) = self.manifest.entries().get(entry as usize) {
            if file.metadata()?.len() < entry.size() {
                platform::extend(&file, entry.size())?;
            }
            platform::set_len(&file, entry.size())?;
            // No hash covers them.
            platform::clear_holes(&file, entry.holes())?;
        }
        match self.make_in_tree(entry, |path| platform::rename_new(from, path)) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(error),
            None => {
                fs::rename(from, self.path(entry))?;
                if let Some(mut place) = self.place(entry) {
                    *place = FilePlace::Numbered;
                }
                Ok(())
            }
        }
    }

    /// Removes the file of `entry`, if there is one.
    pub fn remove(&self, entry: u32) -> io::Result<()> {
        match fs::remove_file(self.path(entry)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the folders above an entry's file in the tree that are empty.
    pub fn prune(&self, entry: u32) {
        let mut at = self.manifest.entries().get(entry as usize).and_then(|entry| entry.path.parent());
        while let Some(path) = at.filter(|path| fs::remove_dir(under(&self.folder.join(TREE), path)).is_ok())
        {
            at = path.parent();
        }
    }

    /// Makes the file of an entry that belongs in the tree and isn't there yet. If that fails, the file goes under its
    /// number (`None`), unless it fails only for want of room.
    fn make_in_tree<T>(&self, entry: u32, make: impl Fn(&Path) -> io::Result<T>) -> Option<io::Result<T>> {
        let mut place = self.place(entry).filter(|place| **place == FilePlace::Awaited)?;
        let path = self.path_in_tree(entry)?;
        let done = make(&path).or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return Err(error);
            }
            let parent = self.manifest.entries().get(entry as usize).and_then(|entry| entry.path.parent());
            self.make_folder(&parent.ok_or(error)?)?;
            make(&path)
        });
        match done {
            Err(error) if platform::is_disk_full(&error) => Some(Err(error)),
            Err(error) => {
                tracing::debug!(%error, "a file has no place in its tree");
                *place = FilePlace::Number;
                None
            }
            done => {
                *place = FilePlace::Tree;
                Some(done)
            }
        }
    }

    /// Makes `path` in the tree, but never a top folder: it was made at the start, so if it is gone, the files in it
    /// are gone too, and a new one would hide that.
    fn make_folder(&self, path: &RelPath) -> io::Result<()> {
        let parent = path.parent().ok_or(io::ErrorKind::NotFound)?;
        let full = under(&self.folder.join(TREE), path);
        let make = || platform::make_folder(&full, self.folders.get(path).copied());
        let done = match make() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_folder(&parent)?;
                make()
            }
            done => done,
        };
        match done {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn permissions(&self, entry: u32) -> Option<Permissions> {
        match self.manifest.entries().get(entry as usize)?.kind {
            EntryKind::File { permissions, .. } => permissions,
            EntryKind::Folder { .. } | EntryKind::Link { .. } => None,
        }
    }

    fn path_in_tree(&self, entry: u32) -> Option<PathBuf> {
        let entry = self.manifest.entries().get(entry as usize)?;
        Some(under(&self.folder.join(TREE), &entry.path))
    }

    fn place(&self, entry: u32) -> Option<MutexGuard<'_, FilePlace>> {
        let place = self.places.get(entry as usize)?;
        Some(lock(place))
    }
}

/// Finds files in the staging folder of an earlier transfer. Follows no link in it, and finds no file that has a second
/// name or belongs to somebody else, because another program may have made one.
pub(crate) struct Finder<'a> {
    folder: &'a Path,
    is_real: HashMap<RelPath, bool>,
}

impl<'a> Finder<'a> {
    /// A finder for this staging folder.
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self { folder, is_real: HashMap::new() }
    }

    /// The file of the entry with this number and path, and the file's length in bytes.
    pub(crate) fn find(&mut self, number: u32, path: &RelPath) -> Option<(PathBuf, u64)> {
        let look = |path: PathBuf| {
            let found = fs::symlink_metadata(&path).ok().filter(platform::is_own_file)?;
            Some((path, found.len()))
        };
        // Where the disk takes two names for one, only the number tells the files apart.
        look(numbered(self.folder, number)).or_else(|| {
            let is_name = |name| Rules::SYSTEM.repair(name) == name;
            if !path.names().all(is_name) || !self.is_folder(&path.parent()?) {
                return None;
            }
            look(under(&self.folder.join(TREE), path))
        })
    }

    /// Whether `path` and every folder above it are real folders in the tree.
    fn is_folder(&mut self, path: &RelPath) -> bool {
        if let Some(is_real) = self.is_real.get(path) {
            return *is_real;
        }
        let tree = self.folder.join(TREE);
        let is_real_folder =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| platform::is_own_folder(&found));
        let is_above_real = match path.parent() {
            Some(parent) => self.is_folder(&parent),
            None => is_real_folder(&tree),
        };
        let is_real = is_above_real && is_real_folder(&under(&tree, path));
        self.is_real.insert(path.clone(), is_real);
        is_real
    }
}

/// A path of an offer, below `folder`. Its names were repaired for this system, so none of them is more than a name
/// here.
pub(crate) fn under(folder: &Path, path: &RelPath) -> PathBuf {
    let mut joined = folder.to_owned();
    joined.extend(path.names().map(platform::os_name));
    joined
}

/// Who may look into the folders of an offer, as far as it says so.
pub(crate) fn folder_permissions(manifest: &Manifest) -> HashMap<RelPath, Permissions> {
    let of = |entry: &Entry| match entry.kind {
        EntryKind::Folder { permissions, .. } => Some((entry.path.clone(), permissions?)),
        EntryKind::File { .. } | EntryKind::Link { .. } => None,
    };
    manifest.entries().iter().filter_map(of).collect()
}

/// The first name of a path.
pub(crate) fn top_of(path: &RelPath) -> &str {
    path.names().next().unwrap_or(path.as_str())
}

fn numbered(folder: &Path, entry: u32) -> PathBuf {
    folder.join(entry.to_string())
}

/// The top folders with wanted files in them that are new to the receiver as a whole: their names are free, and every
/// wanted entry that is in one of them, or goes there from elsewhere, gets the path that it has in the offer.
fn new_tops(
    manifest: &Manifest,
    wanted: &Wanted,
    targets: &[Target],
    disk: &impl FolderView,
) -> Vec<RelPath> {
    let mut tops = Vec::new();
    let mut seen = HashSet::new();
    let mut changed = HashSet::new();
    for (index, (entry, target)) in manifest.entries().iter().zip(targets).enumerate() {
        if !wanted.contains(index) {
            continue;
        }
        let top = top_of(&entry.path);
        if target.path.as_ref() != Some(&entry.path) || target.replaces {
            changed.insert(top);
            changed.extend(target.path.as_ref().map(top_of));
        } else if entry.is_file() && entry.path.names().nth(1).is_some() && seen.insert(top) {
            tops.extend(RelPath::new(top).ok());
        }
    }
    tops.retain(|top| !changed.contains(top.as_str()) && disk.at(top) == Occupant::Nothing);
    tops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::plan::placement::{
        OnConflict, OnMerge, place,
        tests::{Disk, LINUX, WINDOWS, manifest},
    };

    /// The new top folders of an offer without the entries in `unwanted`.
    fn tops(
        entries: &[&str],
        unwanted: &[&str],
        rules: Rules,
        disk: &Disk,
        policy: OnConflict,
    ) -> Vec<String> {
        let manifest = manifest(entries);
        let picks = |index: usize| !unwanted.contains(&entries[index]);
        let targets = place(&manifest, picks, rules, disk, |_| policy, |_| OnMerge::Merge);
        let wanted = Wanted::pick(manifest.entries(), |index| picks(index) && targets[index].path.is_some());
        let tops = new_tops(&manifest, &wanted, &targets, disk);
        tops.iter().map(|top| top.as_str().to_owned()).collect()
    }

    #[test]
    fn new_folders_with_files_are_whole_and_files_beside_them_are_not() {
        let entries = ["a/", "a/b/", "a/b/x", "c/", "c/d/", "file", "e/", "e/y"];
        assert_eq!(tops(&entries, &[], LINUX, &Disk(&[]), OnConflict::KeepBoth), ["a", "e"]);
        assert_eq!(tops(&entries, &["a/b/x"], LINUX, &Disk(&[]), OnConflict::KeepBoth), ["e"]);
    }

    #[test]
    fn nothing_is_whole_whose_name_is_taken() {
        for (name, found) in [("a", Occupant::Folder), ("a", Occupant::Other), ("a/x", Occupant::Other)] {
            let taken = [("a", if name == "a" { found } else { Occupant::Folder }), (name, found)];
            let disk = Disk(Box::leak(Box::new(taken)));
            for policy in [OnConflict::Skip, OnConflict::Replace, OnConflict::KeepBoth] {
                let tops = tops(&["a/", "a/x", "a/y", "b/", "b/x"], &[], LINUX, &disk, policy);
                assert_eq!(tops, ["b"], "{name} {found:?} {policy:?}");
            }
        }
    }

    #[test]
    fn one_changed_name_makes_its_top_folder_no_whole() {
        let entries = ["a/", "a/x", "a/sub/", "a/sub/con", "b/", "b/x"];
        assert_eq!(tops(&entries, &[], WINDOWS, &Disk(&[]), OnConflict::KeepBoth), ["b"]);
        assert_eq!(tops(&entries, &["a/sub/con"], WINDOWS, &Disk(&[]), OnConflict::KeepBoth), ["a", "b"]);
        assert_eq!(tops(&entries, &[], LINUX, &Disk(&[]), OnConflict::KeepBoth), ["a", "b"]);
    }

    /// Catches a folder that is moved as a whole although files of another folder go there as well.
    #[test]
    fn what_comes_from_elsewhere_makes_a_folder_no_whole() {
        let manifest = manifest(&["a/", "a/x", "b/", "b/y"]);
        let target = |path| Target { path: Some(RelPath::new(path).unwrap()), ..Target::default() };
        let targets = [target("a"), target("a/x"), target("a"), target("a/y")];
        assert_eq!(new_tops(&manifest, &Wanted::all(), &targets, &Disk(&[])), []);
        let folded = ["A/", "A/x", "a/", "a/x"];
        assert_eq!(tops(&folded, &[], WINDOWS, &Disk(&[]), OnConflict::KeepBoth), ["A"]);
    }

    #[test]
    fn what_replaces_makes_its_top_folder_no_whole() {
        let manifest = manifest(&["a/", "a/x"]);
        let target = |path, replaces| Target {
            path: Some(RelPath::new(path).unwrap()),
            replaces,
            ..Target::default()
        };
        for (replaces, tops) in [(false, 1), (true, 0)] {
            let targets = [target("a", false), target("a/x", replaces)];
            assert_eq!(new_tops(&manifest, &Wanted::all(), &targets, &Disk(&[])).len(), tops);
        }
    }

    fn layout(folder: &Path, entries: &[&str]) -> Layout {
        let manifest = Arc::new(manifest(entries));
        let targets =
            place(&manifest, |_| true, LINUX, &Disk(&[]), |_| OnConflict::KeepBoth, |_| OnMerge::Merge);
        Layout::create(folder, manifest, &Wanted::all(), &targets, &Disk(&[])).unwrap()
    }

    /// Catches two files that become one on a disk that takes their names for the same, and a file that is removed with
    /// another.
    #[test]
    fn a_file_whose_name_is_taken_in_the_tree_goes_under_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(folder.path(), &["a/", "a/sub/", "a/sub/x", "a/sub/y", "b"]);
        let taken = folder.path().join("tree/a/sub/y");
        fs::create_dir(folder.path().join("tree/a/sub")).unwrap();
        fs::write(&taken, "another's").unwrap();
        layout.remove(3).unwrap();
        for entry in [2, 3, 4] {
            layout.open(entry).unwrap();
            // Lanes open a file again and again.
            layout.open(entry).unwrap();
        }
        let paths = [2, 3, 4].map(|entry| layout.path(entry));
        assert_eq!(paths, ["tree/a/sub/x", "3", "4"].map(|name| folder.path().join(name)));
        assert_eq!(fs::read_to_string(taken).unwrap(), "another's");
        layout.remove(2).unwrap();
        layout.prune(2);
        assert!(folder.path().join("tree/a/sub").is_dir(), "something is in it");
    }

    /// Catches files that vanish unnoticed: a folder that is made again looks as if everything were in it.
    #[test]
    fn a_top_folder_that_is_gone_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(folder.path(), &["a/", "a/sub/", "a/sub/x", "a/y"]);
        fs::remove_dir(folder.path().join("tree/a")).unwrap();
        layout.open(2).unwrap();
        layout.open(3).unwrap();
        assert!(!folder.path().join("tree/a").exists());
        assert_eq!(layout.path(2), folder.path().join("2"));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_found_that_is_no_file_of_the_users_own() {
        let place = tempfile::tempdir().unwrap();
        let (folder, outside) = (place.path().join("staging"), place.path().join("outside"));
        fs::create_dir_all(folder.join("tree/a/real")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("x"), "precious").unwrap();
        fs::write(folder.join("tree/a/real/x"), "four").unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("tree/a/linked")).unwrap();
        std::os::unix::fs::symlink(outside.join("x"), folder.join("tree/a/x")).unwrap();
        std::os::unix::fs::symlink(outside.join("x"), folder.join("7")).unwrap();
        fs::hard_link(outside.join("x"), folder.join("8")).unwrap();
        #[cfg(target_os = "linux")]
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("9"), rustix::fs::Mode::RUSR).unwrap();
        let mut finder = Finder::new(&folder);
        let mut find = |number, path| finder.find(number, &RelPath::new(path).unwrap());
        assert_eq!(find(1, "a/real/x"), Some((folder.join("tree/a/real/x"), 4)));
        for (number, path) in [(1, "a/linked/x"), (1, "a/x"), (7, "b"), (8, "b"), (9, "b")] {
            assert_eq!(find(number, path), None, "{number}");
        }
    }
}
