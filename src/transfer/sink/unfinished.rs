//! The list of interrupted transfers, which says where their staging folders are. Each entry is a file of its own in
//! the user's data folder, named after the staging folder and holding its path. So several programs can keep the list
//! at once, and a crash leaves no more than an entry that leads nowhere, which is dropped when the list is read.
//!
//! The key that seals the user's staging folders is kept beside the list.
//!
//! The list is only shown. Resuming a transfer doesn't need it, because a receiver searches the folder into which it
//! receives.

use std::{
    fmt, fs, io,
    path::{self, Path, PathBuf},
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use super::{
    journal::JournalContents,
    leftovers::{Leftover, glance, last_change},
    staging_key::StagingKey,
};
use crate::{platform, transfer::plan::names::STAGING_PREFIX};

/// The most names of an offer that are shown: enough for the user to recognise it.
const MAX_NAMES: usize = 3;

/// The name of the file with the user's key, beside the folder of the list.
const KEY_FILE: &str = "staging.key";

/// The list of interrupted transfers, and the key of their staging folders. Without a folder, the list stays empty, and
/// the key is one that is gone with the program. Clones share the key.
#[derive(Clone, Default)]
pub struct Registry {
    folder: Option<PathBuf>,
    key: Arc<OnceLock<StagingKey>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.folder).finish()
    }
}

/// An interrupted transfer that no receive is continuing at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Identifies the transfer, and is part of its staging folder's name.
    pub id: String,
    /// The digest of the offer ([`Manifest::digest`](crate::protocol::manifest::Manifest::digest)).
    pub offer: [u8; 32],
    /// The folder into which it was received.
    pub folder: PathBuf,
    /// The first few names at the top of the offer.
    pub names: Vec<String>,
    /// How many names there are at the top of the offer.
    pub count: usize,
    /// Whether the first of `names` is that of a folder or a link rather than of a file.
    pub is_folder: bool,
    /// How many bytes were wanted.
    pub bytes: u64,
    /// How many of these bytes are here.
    pub held: u64,
    /// When the last of these bytes were stored.
    pub last: SystemTime,
}

impl Unfinished {
    /// The staging folder, in which these bytes are.
    pub fn staging(&self) -> PathBuf {
        self.folder.join(format!("{STAGING_PREFIX}{}", self.id))
    }
}

impl Registry {
    /// The list that is kept in `folder`, which is made when it is needed, as the key beside it is.
    pub fn at(folder: Option<PathBuf>) -> Self {
        Self { folder, key: Arc::default() }
    }

    /// The key of the user's staging folders. If it can't be read or kept, one that is gone with the program, so that
    /// what is interrupted can be resumed only until then. `None` if the system has no randomness. Blocks on the disk.
    pub(crate) fn key(&self) -> Option<StagingKey> {
        if let Some(key) = self.key.get() {
            return Some(key.clone());
        }
        let kept = self.folder.as_ref().map(|folder| {
            platform::ensure_private_folder(folder)?;
            StagingKey::kept_in(&folder.with_file_name(KEY_FILE))
        });
        let key = match kept {
            Some(Ok(key)) => key,
            Some(Err(error)) => {
                tracing::warn!(%error, "without its key, an interrupted transfer can't be resumed after the program has ended");
                StagingKey::draw()?
            }
            None => StagingKey::draw()?,
        };
        Some(self.key.get_or_init(|| key).clone())
    }

    /// Adds a staging folder. One whose path isn't Unicode is left out: it can be resumed, but not listed.
    pub fn note(&self, staging: &Path) -> io::Result<()> {
        // The program that reads the list may be started elsewhere.
        let staging = path::absolute(staging)?;
        if let (Some(file), Some(path)) = (self.file_of(&staging), staging.to_str()) {
            // Where a user receives files is nobody else's business on a machine that several users share.
            platform::ensure_private_folder(file.parent().unwrap_or(Path::new("")))?;
            platform::write_private(&file, path.as_bytes())?;
        }
        Ok(())
    }

    /// Removes a staging folder that is gone, or about to go, from the list.
    pub fn forget(&self, staging: &Path) {
        if let Some(file) = self.file_of(staging) {
            // An entry that can't be removed leads nowhere, and is dropped when the list is read.
            let _ = fs::remove_file(file);
        }
    }

    /// Every interrupted transfer that can be resumed, the latest first. Blocks on the disk.
    pub fn list(&self) -> Vec<Unfinished> {
        let Some(key) = self.key() else { return Vec::new() };
        let mut list: Vec<_> = self.files().into_iter().filter_map(|file| read(&file, &key)).collect();
        list.sort_by_key(|unfinished| std::cmp::Reverse(unfinished.last));
        list
    }

    /// Removes what an interrupted transfer left. Returns `false` if the list has none with this `id`, or if a transfer
    /// uses it. Blocks on the disk.
    pub fn discard(&self, id: &str) -> io::Result<bool> {
        let Some(file) =
            self.files().into_iter().find(|file| file.file_name().is_some_and(|name| name == id))
        else {
            return Ok(false);
        };
        let Some(key) = self.key() else { return Ok(false) };
        let leftover = staging_of(&file).and_then(|folder| Leftover::open(folder, &key));
        let Some(leftover) = leftover else { return Ok(false) };
        leftover.discard()?;
        fs::remove_file(file)?;
        Ok(true)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = self.folder.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        let entries = entries.into_iter().flatten().filter_map(Result::ok);
        // What begins with a dot is an entry that is being written.
        entries
            .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
            .map(|entry| entry.path())
            .collect()
    }

    fn file_of(&self, staging: &Path) -> Option<PathBuf> {
        let name = staging.file_name()?.to_str()?.strip_prefix(STAGING_PREFIX)?;
        Some(self.folder.as_ref()?.join(name))
    }
}

/// Reads an entry of the list; removes one that leads nowhere.
fn read(file: &Path, key: &StagingKey) -> Option<Unfinished> {
    let staging = staging_of(file);
    if staging.as_ref().is_none_or(|staging| !staging.is_dir()) {
        // If its disk is missing at the moment, the entry may still be of use.
        if staging.as_ref().and_then(|staging| staging.parent()).is_none_or(Path::is_dir) {
            let _ = fs::remove_file(file);
        }
        return None;
    }
    let staging = staging?;
    let JournalContents { manifest, plan, held } = glance(&staging, key)?;
    let mut tops = manifest.entries().iter().filter(|entry| entry.path.names().nth(1).is_none()).peekable();
    let is_folder = tops.peek().is_some_and(|entry| !entry.is_file());
    let names: Vec<String> =
        tops.by_ref().take(MAX_NAMES).map(|entry| entry.path.name().to_owned()).collect();
    Some(Unfinished {
        offer: manifest.digest(),
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

/// The staging folder to which an entry of the list leads. Whatever the file holds, the result is the path of a staging
/// folder or `None`.
fn staging_of(file: &Path) -> Option<PathBuf> {
    let path = PathBuf::from(fs::read_to_string(file).ok()?);
    let name = path.file_name()?.to_str()?.strip_prefix(STAGING_PREFIX)?;
    (path.is_absolute() && file.file_name()?.to_str()? == name).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_list() {
        use std::os::unix::fs::PermissionsExt;

        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let data = tempfile::tempdir().unwrap();
        let (above, open) = (data.path().join("caiman"), data.path().join("open"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        for list in [above.join("unfinished"), open] {
            let registry = Registry::at(Some(list.clone()));
            for _ in 0..2 {
                registry.note(Path::new("/somewhere/.caiman-0123")).unwrap();
            }
            assert_eq!((mode(&list), mode(&list.join("0123"))), (0o700, 0o600));
            assert_eq!(fs::read_dir(list).unwrap().count(), 1);
        }
        assert_eq!(mode(&above), 0o700);
    }

    /// Catches a list that leads to the wrong place for `caiman receive`, which receives into `.`, when it is read from
    /// elsewhere.
    #[test]
    fn a_folder_that_is_named_from_here_is_found_from_elsewhere() {
        let data = tempfile::tempdir().unwrap();
        let registry = Registry::at(Some(data.path().to_owned()));
        registry.note(Path::new("./.caiman-0123")).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(staging_of(&data.path().join("0123")), Some(here.join(".caiman-0123")));
    }
}
