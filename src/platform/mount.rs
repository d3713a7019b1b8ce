//! What the file system under a folder can store: which names, how large a file, and whether holes in files cost nothing.
//!
//! Nothing tells this reliably: the same kind of file system differs by how it is mounted, and network and FUSE mounts hide
//! what is behind them. So [`Mount::probe`] tries it in a folder of its own, which it makes and removes. What a mount may
//! refuse beside that (locks, times, permissions, links, flushing) is tried where it is needed, and done without where it is
//! refused.

use std::{fs::File, io, path::Path};

use super::{is_disk_full, make_private_folder, open_folder::OpenFolder};
use crate::raw_name;

/// The rules of a system, or of the file system under a folder, for names. `transfer::names` applies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub struct Rules {
    /// Whether the rules of Windows hold: forbidden characters, trailing dots and device names.
    pub windows: bool,
    /// Whether names that differ only in case are the same.
    pub folds_case: bool,
    /// Whether names that differ only in how their characters are composed are the same.
    pub normalises: bool,
    /// Whether every name has to be Unicode.
    pub needs_unicode: bool,
    /// How long one name may be.
    pub limit: NameLimit,
}

/// How long one name may be: 255 of either unit on nearly every system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameLimit {
    /// This many bytes of UTF-8.
    Utf8(usize),
    /// This many UTF-16 code units.
    Utf16(usize),
}

/// The longest name that any file system is taken to store, in the unit in which it counts.
const LONGEST_NAME: usize = 255;
/// The shortest limit for names in bytes that is believed; a staging folder's own name takes 24.
const SHORTEST_LIMIT: usize = 32;

impl Rules {
    /// The rules of the operating system itself, which no file system under it can loosen.
    pub const SYSTEM: Self = Self {
        windows: cfg!(windows),
        folds_case: cfg!(any(windows, target_vendor = "apple")),
        normalises: cfg!(target_vendor = "apple"),
        needs_unicode: !cfg!(unix) || cfg!(target_vendor = "apple"),
        limit: if cfg!(any(windows, target_vendor = "apple")) {
            NameLimit::Utf16(LONGEST_NAME)
        } else {
            NameLimit::Utf8(LONGEST_NAME)
        },
    };
}

/// What the file system under a folder can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mount {
    /// Its rules for names.
    pub rules: Rules,
    /// The size of the largest file that it can hold, or that this process may write, in bytes. FAT32 ends one byte before
    /// 4 GiB. Always `u64::MAX` on Windows, which doesn't say.
    pub largest_file: u64,
    /// Whether parts of a file that were never written take no space.
    pub keeps_holes: bool,
}

impl Mount {
    /// What is assumed of a disk that is too full to try.
    const UNKNOWN: Self = Self { rules: Rules::SYSTEM, largest_file: u64::MAX, keeps_holes: true };

    /// Tries what the file system under `folder` can store; blocks on the disk. Fails if nothing can be made in `folder`.
    pub fn probe(folder: &Path) -> io::Result<Self> {
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        let name = format!(".caiman-probe-{:016x}", u64::from_be_bytes(id));
        match make_private_folder(&folder.join(&name)) {
            // Room may be made until something arrives.
            Err(full) if is_disk_full(&full) => return Ok(Self::UNKNOWN),
            made => made?,
        }
        let above = OpenFolder::open(folder)?;
        // All that follows happens in the folder that is open now, and only what was made in it is removed: where others may write
        // as well, another folder may have got its name.
        let found = above.below(&name).and_then(|folder| Probe { folder, made: Vec::new() }.look(&above));
        if let Err(error) = above.remove_folder(&name) {
            tracing::debug!(%error, "a folder in which a mount was tried could not be removed");
        }
        found
    }
}

/// A folder in which a mount is tried.
struct Probe {
    folder: OpenFolder,
    /// The files that were made in it.
    made: Vec<String>,
}

impl Probe {
    /// Tries everything. `above` is the folder in which this one was made.
    fn look(mut self, above: &OpenFolder) -> io::Result<Mount> {
        let file = match self.make("a") {
            Err(full) if is_disk_full(&full) => return Ok(Mount::UNKNOWN),
            file => file?,
        };
        let rules = self.rules(above);
        let largest_file = system::largest_file(&file);
        Ok(Mount { rules, largest_file, keeps_holes: system::keeps_holes(&file, largest_file) })
    }

    fn make(&mut self, name: &str) -> io::Result<File> {
        let file = self.folder.make_file(name)?;
        self.made.push(name.to_owned());
        Ok(file)
    }

    /// Whether a name is refused, and not for want of room.
    fn refuses(&mut self, name: &str) -> bool {
        self.make(name).is_err_and(|error| !is_disk_full(&error))
    }

    fn has(&self, name: &str) -> bool {
        matches!(self.folder.is_folder(name), Ok(Some(_)))
    }

    /// The rules for names here, where there is a file with the name `a`.
    fn rules(&mut self, above: &OpenFolder) -> Rules {
        let system = Rules::SYSTEM;
        // Composed and decomposed, which are the same on a disk that normalises names.
        let (composed, decomposed) = ("\u{e9}", "e\u{301}");
        Rules {
            // On Windows itself, a colon would name a second stream of a file.
            windows: system.windows || self.refuses("a:b"),
            folds_case: system.folds_case || self.has("A"),
            normalises: system.normalises || (self.make(composed).is_ok() && self.has(decomposed)),
            needs_unicode: system.needs_unicode || self.refuses(&raw_name::text_of(b"caf\xe9")),
            limit: match system.limit {
                NameLimit::Utf8(most) => {
                    NameLimit::Utf8(self.longest_name(above.name_max().unwrap_or(most).min(most)))
                }
                NameLimit::Utf16(most) => NameLimit::Utf16(most),
            },
        }
    }

    /// How long a name may be, in bytes, if the file system says that it may have `most`: encrypting file systems have room for less
    /// than others, and not all of them say so.
    fn longest_name(&mut self, most: usize) -> usize {
        let most = most.max(SHORTEST_LIMIT);
        if !self.refuses(&"n".repeat(most)) {
            return most;
        }
        let (mut longest, mut too_long) = (SHORTEST_LIMIT, most);
        while longest + 1 < too_long {
            let middle = usize::midpoint(longest, too_long);
            if self.refuses(&"n".repeat(middle)) {
                too_long = middle;
            } else {
                longest = middle;
            }
        }
        longest
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        for name in &self.made {
            // What stays keeps the folder, which is in nobody's way.
            let _ = self.folder.remove(name);
        }
    }
}

#[cfg(unix)]
mod system {
    use std::os::unix::fs::MetadataExt;

    use rustix::{
        fs::{SeekFrom, seek},
        process::{Resource, getrlimit},
    };

    use super::File;

    /// The system refuses to go to a place in a file at which the file system could hold no byte.
    pub(super) fn largest_file(file: &File) -> u64 {
        let most = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
        let (mut fits, mut too_large) = (0, u64::MAX);
        if seek(file, SeekFrom::Start(i64::MAX.cast_unsigned())).is_ok() {
            return most;
        }
        while fits + 1 < too_large {
            let middle = u64::midpoint(fits, too_large);
            if i64::try_from(middle).is_ok() && seek(file, SeekFrom::Start(middle)).is_ok() {
                fits = middle;
            } else {
                too_large = middle;
            }
        }
        fits.min(most)
    }

    /// Whether a file that was made longer takes less space than it has bytes, where files may be long enough to tell.
    pub(super) fn keeps_holes(file: &File, largest_file: u64) -> bool {
        const LEN: u64 = 1 << 20;
        if largest_file < LEN {
            return false;
        }
        let found = file.set_len(LEN).and_then(|()| file.metadata());
        found.is_ok_and(|found| found.blocks() * 512 < LEN / 2)
    }
}

#[cfg(windows)]
mod system {
    use super::File;

    /// `u64::MAX`: Windows doesn't say.
    pub(super) fn largest_file(_file: &File) -> u64 {
        u64::MAX
    }

    /// `false`: on Windows a file has holes only if it is marked for that, which Caiman doesn't do.
    pub(super) fn keeps_holes(_file: &File, _largest_file: u64) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mount = Mount::probe(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(mount.largest_file > 1 << 40);
    }

    /// Catches a probe that empties a folder which got its name meanwhile.
    #[cfg(unix)]
    #[test]
    fn a_probe_removes_only_what_it_made() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for folder in ["probe", "docs"] {
            fs::create_dir(at(folder)).unwrap();
        }
        fs::write(at("docs/a"), "mine").unwrap();
        let above = OpenFolder::open(place.path()).unwrap();
        let mut probe = Probe { folder: above.below("probe").unwrap(), made: Vec::new() };
        probe.make("a").unwrap();
        fs::rename(at("probe"), at("away")).unwrap();
        fs::rename(at("docs"), at("probe")).unwrap();
        drop(probe);
        assert!(above.remove_folder("probe").is_err());
        assert_eq!(fs::read_to_string(at("probe/a")).unwrap(), "mine");
        assert_eq!(fs::read_dir(at("away")).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_known_of_a_folder_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Mount::probe(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(!missing.to_string().contains("probe"), "{missing}");
    }
}
