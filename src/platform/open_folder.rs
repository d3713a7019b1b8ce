//! An open folder. What is done through it is done in this very folder, even if another program has meanwhile given the
//! folder's path to something else, such as a link that leads elsewhere. On Windows there is only the path, so what gets
//! it in between two steps is used.
//!
//! Every `name` is a single name of an offer, without separators; nothing here follows a link under such a name.

pub use system::OpenFolder;

#[cfg(unix)]
mod system {
    use std::{fs::File, io, os::fd::OwnedFd, path::Path};

    use rustix::fs::{
        AtFlags, CWD, FileType, Mode, OFlags, RawMode, Timespec, Timestamps, fstatvfs, mkdirat, openat,
        renameat, statat, symlinkat, unlinkat, utimensat,
    };

    use crate::{
        platform::{os_name, system::others, system_time},
        protocol::manifest::{Modified, Permissions},
    };

    /// An open folder.
    #[derive(Debug)]
    pub struct OpenFolder(OwnedFd);

    impl OpenFolder {
        /// Opens the folder at `path`, to which links may lead.
        pub fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(openat(CWD, path, flags(), Mode::empty())?))
        }

        /// Opens the real folder `name` in this one.
        pub fn below(&self, name: &str) -> io::Result<Self> {
            Ok(Self(openat(&self.0, &*os_name(name), flags() | OFlags::NOFOLLOW, Mode::empty())?))
        }

        /// Whether `name` is a real folder; `None` if there is nothing of that name.
        pub fn is_folder(&self, name: &str) -> io::Result<Option<bool>> {
            match statat(&self.0, &*os_name(name), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => Ok(Some(FileType::from_raw_mode(found.st_mode) == FileType::Directory)),
                Err(rustix::io::Errno::NOENT) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }

        /// What the file system says of the longest name that it stores, in bytes.
        pub fn name_max(&self) -> Option<usize> {
            let most = fstatvfs(&self.0).ok()?.f_namemax;
            usize::try_from(most).ok().filter(|most| *most > 0)
        }

        /// Makes the folder `name`, which others than its owner may use as far as `permissions` and the user's umask let them.
        pub fn make_folder(&self, name: &str, permissions: Option<Permissions>) -> io::Result<()> {
            let mode = Mode::RWXU | Mode::from_raw_mode(others(permissions) as RawMode);
            Ok(mkdirat(&self.0, &*os_name(name), mode)?)
        }

        /// Makes the new file `name`, which only its owner may use, and opens it for writing.
        pub fn make_file(&self, name: &str) -> io::Result<File> {
            let make = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            Ok(openat(&self.0, &*os_name(name), make, Mode::RUSR | Mode::WUSR)?.into())
        }

        /// Removes the folder `name`, if nothing is in it.
        pub fn remove_folder(&self, name: &str) -> io::Result<()> {
            Ok(unlinkat(&self.0, &*os_name(name), AtFlags::REMOVEDIR)?)
        }

        /// Makes the symbolic link `name` to `target`, which has `/` between names.
        pub fn make_link(&self, target: &str, name: &str, _is_folder: bool) -> io::Result<()> {
            Ok(symlinkat(&*os_name(target), &self.0, &*os_name(name))?)
        }

        /// Removes `name`, which is no folder.
        pub fn remove(&self, name: &str) -> io::Result<()> {
            Ok(unlinkat(&self.0, &*os_name(name), AtFlags::empty())?)
        }

        /// Gives what is at `path` below `from`, on the same disk, the name `name` here. Fails if something has that name
        /// already.
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        pub fn take(&self, from: &Self, path: &Path, name: &str) -> io::Result<()> {
            use rustix::{
                fs::{RenameFlags, linkat, renameat_with},
                io::Errno,
            };
            let os = os_name(name);
            match renameat_with(&from.0, path, &self.0, &*os, RenameFlags::NOREPLACE) {
                // Some file systems can't check and rename in one step. A second name is never given to what has one.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                renamed => return Ok(renamed?),
            }
            match linkat(&from.0, path, &self.0, &*os, AtFlags::empty()) {
                Ok(()) => Ok(unlinkat(&from.0, path, AtFlags::empty())?),
                // Some have no second names either, and none of them gives one to a folder.
                Err(Errno::PERM | Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::MLINK) => {
                    self.take_over(from, path, name)
                }
                Err(error) => Err(error.into()),
            }
        }

        /// Like [`OpenFolder::take`], where a file system can neither check and rename in one step nor give second names: makes an
        /// empty file or folder of this name, which fails if there is one, and renames over it.
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        pub(super) fn take_over(&self, from: &Self, path: &Path, name: &str) -> io::Result<()> {
            let os = os_name(name);
            let found = statat(&from.0, path, AtFlags::SYMLINK_NOFOLLOW)?;
            let unmake = if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                mkdirat(&self.0, &*os, Mode::RWXU)?;
                AtFlags::REMOVEDIR
            } else {
                drop(self.make_file(name)?);
                AtFlags::empty()
            };
            self.replace(from, path, name).inspect_err(|_| {
                // What was made here is in nobody's way if it stays.
                let _ = unlinkat(&self.0, &*os, unmake);
            })
        }

        /// Gives what is at `path` below `from`, on the same disk, the name `name` here. Fails if something has that name
        /// already. This system can't check and rename in one step, so what gets the name in between is replaced.
        #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
        pub fn take(&self, from: &Self, path: &Path, name: &str) -> io::Result<()> {
            match self.is_folder(name)? {
                Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
                None => self.replace(from, path, name),
            }
        }

        /// Gives what is at `path` below `from`, on the same disk, the name `name` here, in place of a file or a link that has
        /// it.
        pub fn replace(&self, from: &Self, path: &Path, name: &str) -> io::Result<()> {
            Ok(renameat(&from.0, path, &self.0, &*os_name(name))?)
        }

        /// Sets the time at which `name` was last changed. A time that this system can't hold is ignored.
        pub fn set_modified(&self, name: &str, modified: Modified) -> io::Result<()> {
            if system_time(modified).is_none() {
                return Ok(());
            }
            let time = Timespec { tv_sec: modified.secs, tv_nsec: modified.nanos.into() };
            let times = Timestamps { last_access: time, last_modification: time };
            Ok(utimensat(&self.0, &*os_name(name), &times, AtFlags::SYMLINK_NOFOLLOW)?)
        }
    }

    /// On Linux, a folder can be opened to be used without being read, so that it may be one that the user may only write.
    fn flags() -> OFlags {
        #[cfg(target_os = "linux")]
        let kind = OFlags::PATH;
        #[cfg(not(target_os = "linux"))]
        let kind = OFlags::RDONLY;
        kind | OFlags::DIRECTORY | OFlags::CLOEXEC
    }
}

#[cfg(windows)]
mod system {
    use std::{
        fs::{self, File},
        io,
        path::{Path, PathBuf},
    };

    use tempfile::TempPath;

    use crate::{
        platform,
        protocol::manifest::{Modified, Permissions},
    };

    /// The path of a folder.
    #[derive(Debug)]
    pub struct OpenFolder(PathBuf);

    impl OpenFolder {
        /// The folder at `path`, to which links may lead.
        pub fn open(path: &Path) -> io::Result<Self> {
            if fs::metadata(path)?.is_dir() {
                Ok(Self(path.to_owned()))
            } else {
                Err(io::ErrorKind::NotADirectory.into())
            }
        }

        /// The real folder `name` in this one.
        pub fn below(&self, name: &str) -> io::Result<Self> {
            match self.is_folder(name)? {
                Some(true) => Ok(Self(self.0.join(name))),
                Some(false) => Err(io::ErrorKind::NotADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        }

        /// Whether `name` is a real folder; `None` if there is nothing of that name.
        pub fn is_folder(&self, name: &str) -> io::Result<Option<bool>> {
            match fs::symlink_metadata(self.0.join(name)) {
                Ok(found) => Ok(Some(found.is_dir())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        }

        /// `None`: the limit of Windows holds everywhere.
        pub fn name_max(&self) -> Option<usize> {
            None
        }

        /// Makes the folder `name`. Who can use it follows from this folder.
        pub fn make_folder(&self, name: &str, permissions: Option<Permissions>) -> io::Result<()> {
            platform::make_folder(&self.0.join(name), permissions)
        }

        /// Makes the new file `name`, and opens it for writing. Who can use it follows from this folder.
        pub fn make_file(&self, name: &str) -> io::Result<File> {
            platform::new_file(None).open(self.0.join(name))
        }

        /// Removes the folder `name`, if nothing is in it.
        pub fn remove_folder(&self, name: &str) -> io::Result<()> {
            fs::remove_dir(self.0.join(name))
        }

        /// Makes the symbolic link `name` to `target`, which has `/` between names.
        pub fn make_link(&self, target: &str, name: &str, is_folder: bool) -> io::Result<()> {
            platform::make_link(target, &self.0.join(name), is_folder)
        }

        /// Removes `name`, which is no folder.
        pub fn remove(&self, name: &str) -> io::Result<()> {
            fs::remove_file(self.0.join(name))
        }

        /// Gives what is at `path` below `from`, on the same disk, the name `name` here. Fails if something has that name
        /// already.
        pub fn take(&self, from: &Self, path: &Path, name: &str) -> io::Result<()> {
            let (from, to) = (from.0.join(path), self.0.join(name));
            if fs::symlink_metadata(&from)?.is_dir() {
                return platform::rename_new(&from, &to);
            }
            let mut from = TempPath::try_from_path(from)?;
            from.disable_cleanup(true);
            from.persist_noclobber(to).map_err(|taken| taken.error)
        }

        /// Gives what is at `path` below `from`, on the same disk, the name `name` here, in place of a file or a link that has
        /// it.
        pub fn replace(&self, from: &Self, path: &Path, name: &str) -> io::Result<()> {
            fs::rename(from.0.join(path), self.0.join(name))
        }

        /// Sets the time at which `name` was last changed. A time that this system can't hold is ignored.
        pub fn set_modified(&self, name: &str, modified: Modified) -> io::Result<()> {
            platform::set_modified(&self.0.join(name), modified)
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::*;

    #[test]
    fn a_folder_that_is_replaced_by_a_link_leads_nowhere_else() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for folder in ["inbox", "inbox/a", "inbox/staging", "outside"] {
            fs::create_dir(at(folder)).unwrap();
        }
        fs::write(at("inbox/staging/0"), "bytes").unwrap();
        let inbox = OpenFolder::open(&at("inbox")).unwrap();
        let (a, staging) = (inbox.below("a").unwrap(), inbox.below("staging").unwrap());
        for name in ["a", "staging"] {
            fs::rename(at("inbox").join(name), at("inbox").join(format!("old {name}"))).unwrap();
            symlink(at("outside"), at("inbox").join(name)).unwrap();
        }
        a.take(&staging, Path::new("0"), "file").unwrap();
        a.make_folder("sub", None).unwrap();
        a.make_link("file", "link", false).unwrap();
        assert_eq!(fs::read_to_string(at("inbox/old a/file")).unwrap(), "bytes");
        assert_eq!(fs::read_dir(at("outside")).unwrap().count(), 0);
        assert!(inbox.below("a").is_err());
        assert_eq!(inbox.is_folder("a").unwrap(), Some(false));
    }

    /// What a mount does that knows neither the flag nor second names.
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    #[test]
    fn a_name_is_taken_over_only_if_nothing_has_it() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let folder = OpenFolder::open(place.path()).unwrap();
        fs::write(at("file"), "file").unwrap();
        fs::create_dir_all(at("folder/inner")).unwrap();
        for name in ["file", "folder"] {
            let taken = folder.take_over(&folder, Path::new("file"), name).unwrap_err();
            assert_eq!(taken.kind(), std::io::ErrorKind::AlreadyExists);
            assert!(folder.take_over(&folder, Path::new("missing"), "new").is_err());
            folder.take_over(&folder, Path::new(name), "new").unwrap();
            assert!(!at(name).exists());
            assert!(at("new").exists());
            fs::rename(at("new"), at(name)).unwrap();
        }
        assert!(at("folder/inner").is_dir());
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "file");
    }

    #[test]
    fn a_name_that_is_taken_stays_unless_it_is_to_be_replaced() {
        let place = tempfile::tempdir().unwrap();
        let folder = OpenFolder::open(place.path()).unwrap();
        for name in ["new", "old"] {
            fs::write(place.path().join(name), name).unwrap();
        }
        let taken = folder.take(&folder, Path::new("new"), "old").unwrap_err();
        assert_eq!(taken.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(place.path().join("old")).unwrap(), "old");
        folder.replace(&folder, Path::new("new"), "old").unwrap();
        assert_eq!(fs::read_to_string(place.path().join("old")).unwrap(), "new");
        folder.remove("old").unwrap();
        assert_eq!(folder.is_folder("old").unwrap(), None);
    }
}
