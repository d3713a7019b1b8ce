//! The list of transfers that were interrupted: where their staging folders are. Each has a file of its own in the person's
//! data folder, named after it and holding its path, so that several programs can keep the list at once and a crash leaves
//! no more than an entry that leads nowhere, which is dropped when the list is read.
//!
//! The list is for showing; going on needs none of it, because a receiver looks into the folder that it receives into.

use std::{
    fs, io,
    path::{self, Path, PathBuf},
    time::SystemTime,
};

use super::{
    journal::JournalContents,
    leftovers::{Leftover, glance, last_change},
};
use crate::transfer::plan::names::STAGING_PREFIX;

/// Names of an offer that are shown.
const MAX_NAMES: usize = 3;

/// See the module. Without a folder, the list stays empty.
#[derive(Debug, Clone, Default)]
pub struct Registry(Option<PathBuf>);

/// An interrupted transfer that nobody goes on with at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Names it.
    pub id: String,
    /// The folder that it was received into.
    pub folder: PathBuf,
    /// What was offered: the first few names at the top of it.
    pub names: Vec<String>,
    /// How many names there are at the top of it.
    pub count: usize,
    /// The first of them is a folder's.
    pub is_folder: bool,
    /// Bytes that were wanted.
    pub bytes: u64,
    /// Bytes of those that are here.
    pub held: u64,
    /// When the last of them came.
    pub last: SystemTime,
}

impl Unfinished {
    /// Where what is here of it lies.
    pub fn staging(&self) -> PathBuf {
        self.folder.join(format!("{STAGING_PREFIX}{}", self.id))
    }
}

impl Registry {
    /// Kept in this folder, which is made when it is needed.
    pub fn at(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// Adds a staging folder. A path that isn't Unicode is left out: it can be gone on with, but not listed.
    pub fn note(&self, staging: &Path) -> io::Result<()> {
        // The next program may be started elsewhere.
        let staging = path::absolute(staging)?;
        if let (Some(file), Some(path)) = (self.file_of(&staging), staging.to_str()) {
            fs::create_dir_all(file.parent().unwrap_or(Path::new("")))?;
            fs::write(file, path)?;
        }
        Ok(())
    }

    /// Takes a staging folder out that is gone or about to go.
    pub fn forget(&self, staging: &Path) {
        if let Some(file) = self.file_of(staging) {
            // What can't be removed leads nowhere, and is dropped when the list is read.
            let _ = fs::remove_file(file);
        }
    }

    /// Everything that can be gone on with, the latest first. Blocks on the disk.
    pub fn list(&self) -> Vec<Unfinished> {
        let mut list: Vec<_> = self.files().into_iter().filter_map(|file| read(&file)).collect();
        list.sort_by_key(|unfinished| std::cmp::Reverse(unfinished.last));
        list
    }

    /// Removes what is here of an interrupted transfer. `false` if there is none of that name that nobody uses.
    pub fn discard(&self, id: &str) -> io::Result<bool> {
        let Some(file) =
            self.files().into_iter().find(|file| file.file_name().is_some_and(|name| name == id))
        else {
            return Ok(false);
        };
        let Some(leftover) = staging_of(&file).and_then(Leftover::open) else { return Ok(false) };
        leftover.discard()?;
        fs::remove_file(file)?;
        Ok(true)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = self.0.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        entries.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()).collect()
    }

    fn file_of(&self, staging: &Path) -> Option<PathBuf> {
        let name = staging.file_name()?.to_str()?.strip_prefix(STAGING_PREFIX)?;
        Some(self.0.as_ref()?.join(name))
    }
}

/// An entry of the list; one that leads nowhere is removed.
fn read(file: &Path) -> Option<Unfinished> {
    let staging = staging_of(file);
    if staging.as_ref().is_none_or(|staging| !staging.is_dir()) {
        // On a disk that is not there at the moment, it would still be of use.
        if staging.as_ref().and_then(|staging| staging.parent()).is_none_or(Path::is_dir) {
            let _ = fs::remove_file(file);
        }
        return None;
    }
    let staging = staging?;
    let JournalContents { manifest, plan, held } = glance(&staging)?;
    let mut tops = manifest.entries().iter().filter(|entry| entry.path.names().nth(1).is_none()).peekable();
    let is_folder = tops.peek().is_some_and(|entry| !entry.is_file());
    let names: Vec<String> =
        tops.by_ref().take(MAX_NAMES).map(|entry| entry.path.name().to_owned()).collect();
    Some(Unfinished {
        id: file.file_name()?.to_str()?.to_owned(),
        folder: staging.parent()?.to_owned(),
        count: names.len() + tops.count(),
        names,
        is_folder,
        bytes: plan.bytes(),
        held: plan.bytes_in(&held),
        last: last_change(&staging),
    })
}

/// The staging folder that an entry of the list leads to: whatever stands in the file, nothing but a staging folder.
fn staging_of(file: &Path) -> Option<PathBuf> {
    let path = PathBuf::from(fs::read_to_string(file).ok()?);
    let name = path.file_name()?.to_str()?.strip_prefix(STAGING_PREFIX)?;
    (path.is_absolute() && file.file_name()?.to_str()? == name).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches `caiman receive`, which receives into `.`, and a list that leads to there from anywhere.
    #[test]
    fn a_folder_that_is_named_from_here_is_found_from_elsewhere() {
        let data = tempfile::tempdir().unwrap();
        let registry = Registry::at(Some(data.path().to_owned()));
        registry.note(Path::new("./.caiman-0123")).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(staging_of(&data.path().join("0123")), Some(here.join(".caiman-0123")));
    }
}
