//! What the file system under a folder can store: which names, how large a file, and whether holes in files cost nothing.
//!
//! Nothing tells this reliably: the same kind of file system differs by how it is mounted, and network and FUSE mounts hide
//! what is behind them. So [`Mount::probe`] tries it in a folder of its own, which it makes and removes. What a mount may
//! refuse beside that (locks, times, permissions, links, flushing) is tried where it is needed, and done without where it is
//! refused.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use super::is_disk_full;

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
        let made = tempfile::Builder::new().prefix(".caiman-probe-").tempdir_in(folder);
        let probe = match made {
            Ok(probe) => probe,
            // Room may be made until something arrives.
            Err(full) if is_disk_full(&full) => return Ok(Self::UNKNOWN),
            // The library's own error names a folder that the user knows nothing of.
            Err(error) => return Err(error.kind().into()),
        };
        let mount = match make(probe.path(), "a") {
            Ok(file) => Self {
                rules: rules(probe.path()),
                largest_file: system::largest_file(&file),
                keeps_holes: system::keeps_holes(&file),
            },
            Err(full) if is_disk_full(&full) => Self::UNKNOWN,
            Err(error) => return Err(error.kind().into()),
        };
        if let Err(error) = probe.close() {
            tracing::debug!(%error, "a folder in which a mount was tried could not be removed");
        }
        Ok(mount)
    }
}

/// Makes the new file `name` in `probe`.
fn make(probe: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(probe.join(name))
}

/// The rules for names in `probe`, in which there is a file with the name `a`.
fn rules(probe: &Path) -> Rules {
    let system = Rules::SYSTEM;
    let is_there = |name: &str| fs::symlink_metadata(probe.join(name)).is_ok();
    // Composed and decomposed, which are the same on a disk that normalises names.
    let (composed, decomposed) = ("\u{e9}", "e\u{301}");
    Rules {
        // On Windows itself, a colon would name a second stream of a file.
        windows: system.windows || is_refused(make(probe, "a:b")),
        folds_case: system.folds_case || is_there("A"),
        normalises: system.normalises || (make(probe, composed).is_ok() && is_there(decomposed)),
        needs_unicode: system.needs_unicode || system::needs_unicode(probe),
        limit: match system.limit {
            NameLimit::Utf8(_) => NameLimit::Utf8(longest_name(probe)),
            NameLimit::Utf16(most) => NameLimit::Utf16(most),
        },
    }
}

/// Whether a name was refused, and not for want of room.
fn is_refused(made: io::Result<File>) -> bool {
    made.is_err_and(|error| !is_disk_full(&error))
}

/// How long a name in `probe` may be, in bytes: encrypting file systems have room for less than others, and not all of them say
/// so.
fn longest_name(probe: &Path) -> usize {
    let fits = |len: usize| {
        let name = "n".repeat(len);
        if let Err(error) = make(probe, &name) {
            return is_disk_full(&error);
        }
        // Some take a longer name, and cut it.
        let mut names = fs::read_dir(probe).into_iter().flatten().filter_map(Result::ok);
        let is_whole = names.any(|found| found.file_name() == name.as_str());
        // It goes with the folder otherwise.
        let _ = fs::remove_file(probe.join(&name));
        is_whole
    };
    let most = system::name_max(probe).unwrap_or(LONGEST_NAME).clamp(SHORTEST_LIMIT, LONGEST_NAME);
    if fits(most) {
        return most;
    }
    let (mut longest, mut too_long) = (SHORTEST_LIMIT, most);
    while longest + 1 < too_long {
        let middle = usize::midpoint(longest, too_long);
        if fits(middle) {
            longest = middle;
        } else {
            too_long = middle;
        }
    }
    longest
}

#[cfg(unix)]
mod system {
    use std::{
        ffi::OsStr,
        os::unix::{ffi::OsStrExt, fs::MetadataExt},
    };

    use rustix::{
        fs::{SeekFrom, seek, statvfs},
        process::{Resource, getrlimit},
    };

    use super::{File, OpenOptions, Path, is_refused};

    /// What the file system says of the longest name that it stores, in bytes.
    pub(super) fn name_max(probe: &Path) -> Option<usize> {
        let most = statvfs(probe).ok()?.f_namemax;
        usize::try_from(most).ok().filter(|most| *most > 0)
    }

    /// Whether a name that isn't UTF-8 is refused.
    pub(super) fn needs_unicode(probe: &Path) -> bool {
        let name = OsStr::from_bytes(b"caf\xe9");
        is_refused(OpenOptions::new().write(true).create_new(true).open(probe.join(name)))
    }

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

    /// Whether a file that was made longer takes less space than it has bytes.
    pub(super) fn keeps_holes(file: &File) -> bool {
        const LEN: u64 = 1 << 20;
        let found = file.set_len(LEN).and_then(|()| file.metadata());
        found.is_ok_and(|found| found.blocks() * 512 < LEN / 2)
    }
}

#[cfg(windows)]
mod system {
    use super::{File, Path};

    /// `None`: the limit of Windows holds everywhere.
    pub(super) fn name_max(_probe: &Path) -> Option<usize> {
        None
    }

    /// `true`: Windows stores names in UTF-16.
    pub(super) fn needs_unicode(_probe: &Path) -> bool {
        true
    }

    /// `u64::MAX`: Windows doesn't say.
    pub(super) fn largest_file(_file: &File) -> u64 {
        u64::MAX
    }

    /// `false`: on Windows a file has holes only if it is marked for that, which Caiman doesn't do.
    pub(super) fn keeps_holes(_file: &File) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mount = Mount::probe(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(mount.largest_file > 1 << 40);
    }

    /// Catches a full disk on which every name counts as forbidden.
    #[test]
    fn a_name_that_finds_no_room_is_not_refused() {
        assert!(is_refused(Err(io::ErrorKind::InvalidInput.into())));
        assert!(!is_refused(Err(io::ErrorKind::StorageFull.into())));
    }

    #[test]
    fn nothing_is_known_of_a_folder_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Mount::probe(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(!missing.to_string().contains("probe"), "{missing}");
    }
}
