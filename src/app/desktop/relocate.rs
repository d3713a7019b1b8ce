//! Moves what has arrived into another folder of the same disk. Nothing that is there is replaced, and what can't be moved stays where it
//! is. To another disk it would have to be copied, and what changes meanwhile could get lost: that is left to the file manager.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::platform::{mount::Rules, name_text, open_folder::OpenFolder, os_name};

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

/// Moves files, folders and links into `folder`, where each gets a name that is free. Blocks on the disk.
pub(super) fn relocate(paths: &[PathBuf], folder: &Path) -> Relocated {
    let mut problem = None;
    let mut move_one = |path: &PathBuf| {
        move_into(path, folder).unwrap_or_else(|error| {
            problem.get_or_insert(error);
            path.clone()
        })
    };
    let places = paths.iter().map(&mut move_one).collect();
    Relocated { places, problem }
}

fn move_into(path: &Path, folder: &Path) -> io::Result<PathBuf> {
    let nameless = || io::Error::from(io::ErrorKind::InvalidInput);
    let (parent, inner) = (path.parent().ok_or_else(nameless)?, path.file_name().ok_or_else(nameless)?);
    let is_folder = fs::symlink_metadata(path)?.is_dir();
    let real = fs::canonicalize(folder)?;
    if fs::canonicalize(parent)? == real {
        return Ok(path.to_owned());
    }
    // A folder that was moved into itself would be gone.
    if is_folder && real.starts_with(fs::canonicalize(path)?) {
        return Err(nameless());
    }
    let (above, below, name) = (OpenFolder::open(parent)?, OpenFolder::open(folder)?, name_text(inner));
    for number in 1..=MOST_NAMES {
        let tried = if number == 1 { name.clone() } else { Rules::SYSTEM.numbered(&name, number) };
        match below.take(&above, Path::new(inner), &tried) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            taken => return taken.map(|()| folder.join(&*os_name(&tried))),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a file and a folder in it, and a file.
    fn plant(at: &Path) {
        fs::create_dir_all(at.join("tree/inner")).expect("the test's folder can be written");
        fs::write(at.join("tree/inner/a.txt"), "a").expect("the test's folder can be written");
        fs::write(at.join("note.tar.gz"), "new").expect("the test's folder can be written");
    }

    #[test]
    fn what_is_moved_replaces_nothing() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        plant(from.path());
        fs::write(to.path().join("note.tar.gz"), "old").unwrap();
        fs::create_dir(to.path().join("tree")).unwrap();
        let paths = ["tree", "note.tar.gz"].map(|name| from.path().join(name));
        let Relocated { places, problem } = relocate(&paths, to.path());
        assert!(problem.is_none(), "{problem:?}");
        assert_eq!(places, ["tree (2)", "note (2).tar.gz"].map(|name| to.path().join(name)));
        assert_eq!(fs::read_to_string(places[0].join("inner/a.txt")).unwrap(), "a");
        assert_eq!(fs::read_to_string(to.path().join("note.tar.gz")).unwrap(), "old");
        assert_eq!(fs::read_to_string(&places[1]).unwrap(), "new");
        assert_eq!(fs::read_dir(from.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_moved_stays_and_the_rest_goes() {
        let from = tempfile::tempdir().unwrap();
        plant(from.path());
        let paths = ["tree", "gone.txt", "note.tar.gz"].map(|name| from.path().join(name));
        let into_itself = relocate(&paths[..1], &paths[0].join("inner"));
        assert_eq!((into_itself.places.as_slice(), into_itself.problem.is_some()), (&paths[..1], true));
        assert!(paths[0].join("inner/a.txt").exists());
        let to = tempfile::tempdir().unwrap();
        let moved = relocate(&paths, to.path());
        assert_eq!(moved.places, [to.path().join("tree"), paths[1].clone(), to.path().join("note.tar.gz")]);
        assert!(moved.problem.is_some());
        assert_eq!(relocate(&moved.places[2..], to.path()).places, moved.places[2..], "it is there already");
    }

    /// Catches a second name for what is there already.
    #[cfg(unix)]
    #[test]
    fn the_same_folder_by_way_of_a_link_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (inbox, link) = (folder.path().join("inbox"), folder.path().join("link"));
        fs::create_dir(&inbox).unwrap();
        plant(&inbox);
        std::os::unix::fs::symlink(&inbox, &link).unwrap();
        let path = inbox.join("note.tar.gz");
        assert_eq!(relocate(std::slice::from_ref(&path), &link).places, [path]);
    }

    /// Where there is a second file system: on Linux, the memory behind `/dev/shm`.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_would_go_to_another_disk_stays() {
        use std::os::unix::fs::MetadataExt;
        let from = tempfile::tempdir().unwrap();
        let Ok(to) = tempfile::tempdir_in("/dev/shm") else { return };
        if from.path().metadata().unwrap().dev() == to.path().metadata().unwrap().dev() {
            return;
        }
        plant(from.path());
        let paths = [from.path().join("tree")];
        let Relocated { places, problem } = relocate(&paths, to.path());
        assert_eq!((places.as_slice(), problem.unwrap().kind()), (&paths[..], io::ErrorKind::CrossesDevices));
        assert!(paths[0].join("inner/a.txt").exists());
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }
}
