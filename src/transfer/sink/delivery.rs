//! The last step of a receive: staged files get their real names.
//!
//! Folders that are new as a whole get their names first, with all the files in them. Then the other folders are made,
//! files are renamed into them, links are made, and folders get their times. Every folder on the way to a name must be a
//! real one, and is used through the handle with which it was opened, so that nothing is written through a link, even if
//! another program makes one meanwhile; links are made only after everything else, and an offer has nothing below a
//! link. Nothing is replaced unless the user allowed it: a new folder whose name was taken meanwhile is delivered file
//! by file, like any other.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    layout::{folder_permissions, top_of, under},
    opened::OpenedTree,
    staging::Staging,
};
use crate::{
    platform::{
        self,
        mount::{NameLimit, Rules},
        open_folder::OpenFolder,
    },
    protocol::{
        RelPath,
        manifest::{Entry, EntryKind, Manifest, Modified, Permissions},
        path::LinkTarget,
    },
    transfer::{
        error::{FileAction, TransferError},
        plan::{Wanted, placement::Target},
        progress::MAX_PLACED,
    },
};

/// The highest number that is added to a name that was taken at the last moment. It only keeps a delivery from trying
/// numbers for ever.
const MAX_NUMBER: u32 = 1000;

/// Rules for names that every file system in use keeps.
const STRICTEST: Rules = Rules {
    windows: true,
    folds_case: true,
    normalises: true,
    needs_unicode: true,
    limit: NameLimit::Utf8(127),
};

/// An entry that could not get its real name.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Index of the entry.
    pub entry: u32,
    /// Why.
    pub error: TransferError,
}

/// The result of a delivery.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// Files, folders and links that are in place.
    pub stored: u64,
    /// Paths at the top of the folder that are in place, or hold something that is: the first [`MAX_PLACED`].
    pub placed: Vec<PathBuf>,
    /// Whether all folders at the top are new, so that nothing is in them that was there before.
    pub is_new: bool,
    /// Entries that are not in place, and why.
    pub failures: Vec<Failure>,
}

/// Gives every wanted entry that arrived its real name below `folder`. Blocks on the disk. A failure of one entry is
/// reported and does not stop the others.
pub(crate) fn deliver(
    folder: &Path,
    manifest: &Manifest,
    wanted: &Wanted,
    targets: &[Target],
    staging: &Staging,
) -> Delivered {
    let mut delivered = Delivered::default();
    let mut delivery = match Delivery::begin(folder, manifest, targets, staging) {
        Ok(delivery) => delivery,
        Err(error) => {
            let wanted = (0..).zip(targets).filter(|(index, target)| {
                wanted.contains(*index as usize) && target.path.is_some() && !staging.is_dropped(*index)
            });
            let fail = |(entry, _)| Failure {
                entry,
                error: TransferError::file(FileAction::UseFolder, folder, error.kind().into()),
            };
            delivered.failures = wanted.map(fail).collect();
            return delivered;
        }
    };
    delivery.move_trees();
    let mut links = Vec::new();
    for (index, (entry, target)) in manifest.entries().iter().zip(targets).enumerate() {
        let number = index as u32;
        let Some(path) = target.path.as_ref().filter(|_| wanted.contains(index)) else { continue };
        let done = match &entry.kind {
            EntryKind::Folder { modified, .. } => delivery.folder(path, target.replaces, *modified),
            EntryKind::File { .. } if staging.is_dropped(number) => continue,
            EntryKind::File { .. } if delivery.has_moved(path) && staging.is_in_tree(number) => {
                Ok(under(folder, path))
            }
            EntryKind::File { .. } => delivery.file(path, target.replaces, number),
            EntryKind::Link { target: link, modified } => {
                links.push((number, path, target.replaces, link, *modified));
                continue;
            }
        };
        delivered.count(number, folder, done);
    }
    let is_folder = |entry: &&Entry| matches!(entry.kind, EntryKind::Folder { .. });
    let folders: HashSet<_> = manifest.entries().iter().filter(is_folder).map(|entry| &entry.path).collect();
    for (number, path, replaces, link, modified) in links {
        let own_path = manifest.entries().get(number as usize).map(|entry| &entry.path);
        let is_folder = own_path.is_some_and(|own_path| points_to_folder(&folders, own_path, link));
        let made = delivery.link(path, replaces, link, is_folder);
        if let (Ok(_), Some(modified)) = (&made, modified) {
            delivery.set_time(path, modified);
        }
        delivered.count(number, folder, made);
    }
    delivery.set_folder_times();
    delivered.is_new = !delivery.merges;
    delivered
}

impl Delivered {
    /// Counts the entry that is now at `done` below `folder`, or notes why it isn't.
    fn count(&mut self, entry: u32, folder: &Path, done: Result<PathBuf, TransferError>) {
        match done {
            Ok(full) => {
                self.stored += 1;
                if self.placed.len() == MAX_PLACED {
                    return;
                }
                let top = full.strip_prefix(folder).ok().and_then(|below| below.iter().next());
                // Entries of one folder mostly come in a row, so the last path is compared first.
                if let Some(top) = top.map(|top| folder.join(top))
                    && self.placed.last() != Some(&top)
                    && !self.placed.contains(&top)
                {
                    self.placed.push(top);
                }
            }
            Err(error) => self.failures.push(Failure { entry, error }),
        }
    }
}

struct Delivery<'a> {
    folder: &'a Path,
    rules: Rules,
    staging: &'a Staging,
    /// The folder in which everything gets its name.
    opened: OpenedTree,
    /// The staging folder.
    staged: &'a OpenFolder,
    /// Names of the top folders that were moved here as a whole.
    moved: HashSet<String>,
    /// Whether a folder at the top was there already.
    merges: bool,
    /// Who may look into the folders, by the paths that they get.
    permissions: HashMap<RelPath, Permissions>,
    real_folders: HashSet<RelPath>,
    folder_times: Vec<(RelPath, Modified)>,
}

impl<'a> Delivery<'a> {
    /// Opens the folder in which everything gets its name.
    fn begin(
        folder: &'a Path,
        manifest: &Manifest,
        targets: &[Target],
        staging: &'a Staging,
    ) -> io::Result<Self> {
        let root = OpenFolder::open(folder)?;
        let by_entry = folder_permissions(manifest);
        let placed = manifest.entries().iter().zip(targets);
        let permissions =
            placed.filter_map(|(entry, target)| Some((target.path.clone()?, *by_entry.get(&entry.path)?)));
        Ok(Self {
            folder,
            permissions: permissions.collect(),
            rules: staging.rules(),
            staging,
            opened: OpenedTree::new(root),
            staged: staging.opened(),
            moved: HashSet::new(),
            merges: false,
            real_folders: HashSet::new(),
            folder_times: Vec::new(),
        })
    }

    fn move_trees(&mut self) {
        for (top, tree) in self.staging.take_trees() {
            mark_folders(&tree);
            let taken = self.opened.root().take(self.staged, self.in_staging(&tree), top.as_str());
            match taken {
                Ok(()) => drop(self.moved.insert(top.as_str().to_owned())),
                Err(error) => tracing::debug!(%error, "a folder is delivered file by file"),
            }
        }
    }

    /// The path below the staging folder of something in it.
    fn in_staging<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.staging.folder()).unwrap_or(path)
    }

    fn has_moved(&self, path: &RelPath) -> bool {
        self.moved.contains(top_of(path))
    }

    fn folder(
        &mut self,
        path: &RelPath,
        replaces: bool,
        modified: Option<Modified>,
    ) -> Result<PathBuf, TransferError> {
        let full = under(self.folder, path);
        if replaces {
            self.make_parent(path)?;
            let remove = |above: &OpenFolder| match above.is_folder(path.name())? {
                Some(false) => above.remove(path.name()),
                Some(true) | None => Ok(()),
            };
            let removed = self.opened.parent_of(path).and_then(remove);
            removed.map_err(|cause| TransferError::file(FileAction::Replace, &full, cause))?;
        }
        if self.make_folder(path)? || self.has_moved(path) {
            self.folder_times.extend(modified.map(|time| (path.clone(), time)));
        }
        Ok(full)
    }

    fn file(&mut self, path: &RelPath, replaces: bool, entry: u32) -> Result<PathBuf, TransferError> {
        self.make_parent(path)?;
        let staged = self.staging.take(entry)?;
        let full = under(self.folder, path);
        let fail = |cause| TransferError::file(FileAction::Store, &full, cause);
        let staged = staged.strip_prefix(self.staging.folder()).unwrap_or(&staged);
        let above = self.opened.parent_of(path).map_err(fail)?;
        if replaces {
            above.replace(self.staged, staged, path.name()).map_err(fail)?;
            return Ok(full);
        }
        let mut rules = self.rules;
        let mut base = path.name().to_owned();
        let mut wanted = base.clone();
        let mut number = 1;
        loop {
            match above.take(self.staged, staged, &wanted) {
                Ok(()) => return Ok(full.with_file_name(platform::os_name(&wanted))),
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists && number < MAX_NUMBER => {
                    number += 1;
                    wanted = rules.numbered(&base, number);
                }
                // The mount accepts less than it seemed to, so the name is repaired by the strictest rules, once.
                Err(refused) if is_name_refused(&refused) && rules != STRICTEST => {
                    rules = STRICTEST;
                    base = rules.plainest(&base);
                    wanted.clone_from(&base);
                    number = 1;
                }
                Err(other) => return Err(fail(other)),
            }
        }
    }

    fn link(
        &mut self,
        path: &RelPath,
        replaces: bool,
        target: &LinkTarget,
        is_folder: bool,
    ) -> Result<PathBuf, TransferError> {
        self.make_parent(path)?;
        let full = under(self.folder, path);
        let fail = |cause| TransferError::file(FileAction::MakeLink, &full, cause);
        // A name that is harmless on the sender's system may be a path here: `..\..\x` on Windows.
        let is_name = |name: &str| matches!(name, "" | "." | "..") || self.rules.storable(name) == name;
        if !target.as_str().split('/').all(is_name) {
            return Err(fail(io::ErrorKind::InvalidFilename.into()));
        }
        let above = self.opened.parent_of(path).map_err(fail)?;
        if replaces {
            self.staged.make_link(target.as_str(), "link", is_folder).map_err(fail)?;
            above.replace(self.staged, Path::new("link"), path.name()).map_err(fail)?;
        } else {
            above.make_link(target.as_str(), path.name(), is_folder).map_err(fail)?;
        }
        Ok(full)
    }

    fn make_parent(&mut self, path: &RelPath) -> Result<(), TransferError> {
        match path.parent() {
            Some(parent) => self.make_folder(&parent).map(drop),
            None => Ok(()),
        }
    }

    /// Makes sure that `path` and every folder above it are real folders; returns whether `path` was made here.
    fn make_folder(&mut self, path: &RelPath) -> Result<bool, TransferError> {
        if self.real_folders.contains(path) {
            return Ok(false);
        }
        self.make_parent(path)?;
        let full = under(self.folder, path);
        let fail = |cause| TransferError::file(FileAction::MakeFolder, &full, cause);
        let above = self.opened.parent_of(path).map_err(fail)?;
        let is_new = match above.make_folder(path.name(), self.permissions.get(path).copied()) {
            Ok(()) => {
                mark(&full);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if above.is_folder(path.name()).map_err(fail)? != Some(true) {
                    return Err(fail(io::ErrorKind::NotADirectory.into()));
                }
                self.merges |= path.parent().is_none() && !self.has_moved(path);
                false
            }
            Err(error) => return Err(fail(error)),
        };
        self.real_folders.insert(path.clone());
        Ok(is_new)
    }

    fn set_folder_times(&mut self) {
        // Inner folders come first: a change inside a folder could change the folder's own time.
        for (path, modified) in std::mem::take(&mut self.folder_times).iter().rev() {
            self.set_time(path, *modified);
        }
    }

    /// Sets the time of a folder or a link. A failure is only logged, because the entry is in place all the same.
    fn set_time(&mut self, path: &RelPath, modified: Modified) {
        let set = |above: &OpenFolder| above.set_modified(path.name(), modified);
        if let Err(error) = self.opened.parent_of(path).and_then(set) {
            tracing::debug!(%error, "the time of a folder or a link could not be set");
        }
    }
}

/// Whether a file system has refused a name because of its characters or its length.
fn is_name_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename)
        || platform::is_illegal_sequence(error)
}

/// Marks a new folder, and every folder in it, as coming from another computer: macOS starts folders.
fn mark_folders(folder: &Path) {
    if !cfg!(target_vendor = "apple") {
        return;
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        mark(&folder);
        let entries = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(inner.map(|entry| entry.path()));
    }
}

fn mark(folder: &Path) {
    if let Err(error) = platform::mark_foreign(folder) {
        tracing::debug!(%error, "a folder can't be marked as coming from another computer");
    }
}

/// Whether a link leads to a folder of the same offer, as far as its text tells.
fn points_to_folder(folders: &HashSet<&RelPath>, link: &RelPath, target: &LinkTarget) -> bool {
    let mut at = link.parent();
    for name in target.as_str().split('/') {
        at = match (name, &at) {
            ("" | ".", _) => continue,
            ("..", Some(here)) => here.parent(),
            ("..", None) => return false,
            (name, Some(here)) => here.join(name).ok(),
            (name, None) => RelPath::new(name).ok(),
        };
    }
    at.is_some_and(|path| folders.contains(&path))
}

#[cfg(test)]
mod tests;
