//! Moves what has arrived into another folder. Nothing that is there is replaced, and what can't be moved stays where it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use filetime::FileTime;

use crate::platform::rename_new;

/// How many names are tried for one thing before it counts as one that can't be moved.
const MOST_NAMES: u32 = 1000;

/// What came of it.
#[derive(Debug)]
pub(in crate::app) struct Relocated {
    /// Where the things are now, in their order: those that were moved, and those that stayed.
    pub(in crate::app) places: Vec<PathBuf>,
    /// Why the first of those that stayed did.
    pub(in crate::app) problem: Option<io::Error>,
}

/// Moves files, folders and links into `folder`, where each gets a name that is free. Where the folder is on another disk, each is
/// copied in full before it is removed here. Blocks on the disk.
pub(super) fn relocate(paths: &[PathBuf], folder: &Path) -> Relocated {
    let mut problem = None;
    let mut move_one = |path: &PathBuf| {
        if problem.is_some() || path.parent() == Some(folder) {
            return path.clone();
        }
        move_into(path, folder).unwrap_or_else(|error| {
            problem = Some(error);
            path.clone()
        })
    };
    let places = paths.iter().map(&mut move_one).collect();
    Relocated { places, problem }
}

fn move_into(path: &Path, folder: &Path) -> io::Result<PathBuf> {
    // A folder that was moved into itself would be gone.
    if fs::canonicalize(folder)?.starts_with(fs::canonicalize(path)?) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    match claim_name(path, path, folder) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let copied = tempfile::Builder::new().prefix(".caiman-").tempdir_in(folder)?;
            let copy = copied.path().join("copy");
            copy_all(path, &copy)?;
            let place = claim_name(&copy, path, folder)?;
            if fs::symlink_metadata(path)?.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
            Ok(place)
        }
        moved => moved,
    }
}

/// Gives what is at `from` the name of `path`, or one like it, in `folder`.
fn claim_name(from: &Path, path: &Path, folder: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let stem = Path::new(name).file_stem().unwrap_or(name).to_owned();
    for number in 1..=MOST_NAMES {
        let mut tried = name.to_owned();
        if number > 1 {
            tried.clone_from(&stem);
            tried.push(format!(" ({number})"));
            if let Some(ending) = Path::new(name).extension() {
                tried.push(".");
                tried.push(ending);
            }
        }
        let place = folder.join(tried);
        match rename_new(from, &place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            renamed => return renamed.map(|()| place),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Copies a file, a link, or a folder with all that is in it, with times and permissions, and flushes it to the disk.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    if metadata.is_symlink() {
        return copy_link(from, to);
    }
    if metadata.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
        fs::set_permissions(to, metadata.permissions())?;
    } else {
        fs::copy(from, to)?;
        fs::File::open(to)?.sync_all()?;
    }
    filetime::set_file_mtime(to, FileTime::from_last_modification_time(&metadata))
}

#[cfg(unix)]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(fs::read_link(from)?, to)
}

#[cfg(windows)]
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    let target = fs::read_link(from)?;
    if from.is_dir() {
        std::os::windows::fs::symlink_dir(target, to)
    } else {
        std::os::windows::fs::symlink_file(target, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a file, a program, a link and a folder in it.
    fn plant(at: &Path) {
        fs::create_dir_all(at.join("tree/inner")).unwrap();
        fs::write(at.join("tree/inner/a.txt"), "a").unwrap();
        fs::write(at.join("tree/b.txt"), "b").unwrap();
        filetime::set_file_mtime(at.join("tree/b.txt"), FileTime::from_unix_time(1_000_000_000, 0)).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("b.txt", at.join("tree/link")).unwrap();
        fs::write(at.join("note.txt"), "new").unwrap();
    }

    fn check(place: &Path) {
        assert_eq!(fs::read_to_string(place.join("inner/a.txt")).unwrap(), "a");
        let changed = fs::metadata(place.join("b.txt")).unwrap();
        assert_eq!(FileTime::from_last_modification_time(&changed).unix_seconds(), 1_000_000_000);
        #[cfg(unix)]
        assert_eq!(fs::read_link(place.join("link")).unwrap(), Path::new("b.txt"));
    }

    #[test]
    fn what_is_moved_replaces_nothing() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        plant(from.path());
        fs::write(to.path().join("note.txt"), "old").unwrap();
        fs::create_dir(to.path().join("tree")).unwrap();
        let paths = ["tree", "note.txt"].map(|name| from.path().join(name));
        let Relocated { places, problem } = relocate(&paths, to.path());
        assert!(problem.is_none(), "{problem:?}");
        assert_eq!(places, ["tree (2)", "note (2).txt"].map(|name| to.path().join(name)));
        check(&places[0]);
        assert_eq!(fs::read_to_string(to.path().join("note.txt")).unwrap(), "old");
        assert_eq!(fs::read_to_string(&places[1]).unwrap(), "new");
        assert_eq!(fs::read_dir(from.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_moved_stays() {
        let from = tempfile::tempdir().unwrap();
        plant(from.path());
        let paths = ["tree", "gone.txt", "note.txt"].map(|name| from.path().join(name));
        let into_itself = relocate(&paths[..1], &paths[0].join("inner"));
        assert_eq!((into_itself.places.as_slice(), into_itself.problem.is_some()), (&paths[..1], true));
        check(&paths[0]);
        let to = tempfile::tempdir().unwrap();
        let moved = relocate(&paths, to.path());
        assert_eq!(moved.places, [to.path().join("tree"), paths[1].clone(), paths[2].clone()]);
        assert!(moved.problem.is_some());
        assert_eq!(fs::read_to_string(&paths[2]).unwrap(), "new");
        assert_eq!(relocate(&paths[2..], from.path()).places, paths[2..], "it is there already");
    }

    /// A copy as it is made for another disk is the same, and is under no name before it is whole.
    #[test]
    fn a_copy_is_the_same() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        plant(from.path());
        copy_all(&from.path().join("tree"), &to.path().join("tree")).unwrap();
        check(&to.path().join("tree"));
    }

    /// Where there is a second file system: on Linux, the memory behind `/dev/shm`.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_goes_to_another_disk_is_copied_and_then_removed() {
        let from = tempfile::tempdir().unwrap();
        let Ok(to) = tempfile::tempdir_in("/dev/shm") else { return };
        plant(from.path());
        let Relocated { places, problem } = relocate(&[from.path().join("tree")], to.path());
        assert!(problem.is_none(), "{problem:?}");
        check(&places[0]);
        assert!(!from.path().join("tree").exists());
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1, "nothing else is left there");
    }
}
