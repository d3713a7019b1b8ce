//! Moves what has arrived into another folder. Nothing that is there is replaced, and what can't be moved stays where it is. What goes to
//! another disk is copied there, which takes a while, and the user is told how far that is.

mod across;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    engine::TaskId,
    platform::{self, mount::Rules, name_text, open_folder::OpenFolder, os_name},
};
use across::DiskCopy;

/// How many names are tried for one thing before it counts as one that can't be moved.
const MOST_NAMES: u32 = 1000;
/// How often it is told how far a copy is.
const TELLS_EVERY: Duration = Duration::from_millis(250);

/// What came of it.
#[derive(Debug)]
pub(in crate::app) struct Relocated {
    /// Where the things are now, in their order: those that were moved, and those that stayed.
    pub(in crate::app) places: Vec<PathBuf>,
    /// Why the first of those that stayed did; [`io::ErrorKind::Interrupted`] if the user wanted that.
    pub(in crate::app) problem: Option<io::Error>,
}

/// What is being moved, each on a thread of its own, because a copy to another disk may take long. Dropping this stops all of it.
#[derive(Default)]
pub(super) struct Movers(Vec<Mover>);

struct Mover {
    id: TaskId,
    is_stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Movers {
    /// Moves what a transfer has brought. `work` is run on another thread, with what says whether it is stopped.
    pub(super) fn start(
        &mut self,
        id: TaskId,
        work: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> io::Result<()> {
        self.0.retain(|mover| !mover.thread.is_finished());
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let thread = thread::Builder::new().name("move".to_owned()).spawn(move || work(&stopped))?;
        self.0.push(Mover { id, is_stopped, thread });
        Ok(())
    }

    /// Stops a copy. What is copied stays where it was.
    pub(super) fn stop(&self, id: TaskId) {
        for mover in self.0.iter().filter(|mover| mover.id == id) {
            mover.is_stopped.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Movers {
    fn drop(&mut self) {
        for mover in self.0.drain(..) {
            mover.is_stopped.store(true, Ordering::Relaxed);
            // The thread catches its panics, so there is nothing to report here.
            let _ = mover.thread.join();
        }
    }
}

/// Moves files, folders and links into `folder`, where each gets a name that is free. Blocks on the disk. `tell` is told how many bytes of
/// how many have been copied to another disk, from time to time.
pub(super) fn relocate(
    paths: &[PathBuf],
    folder: &Path,
    is_stopped: &AtomicBool,
    mut tell: impl FnMut(u64, u64),
) -> Relocated {
    let (mut done, mut total, mut told) = (0, None, Instant::now());
    let mut watch = |bytes: u64| {
        let total =
            *total.get_or_insert_with(|| paths.iter().filter_map(|path| across::size_of(path).ok()).sum());
        done += bytes;
        if done == bytes || told.elapsed() >= TELLS_EVERY {
            tell(done.min(total), total);
            told = Instant::now();
        }
        !is_stopped.load(Ordering::Relaxed)
    };
    let mut problem = None;
    let mut move_one = |path: &PathBuf| {
        let (place, result) =
            move_into(path, folder, &mut watch).unwrap_or_else(|error| (path.clone(), Err(error)));
        if let Err(error) = result {
            problem.get_or_insert(error);
        }
        place
    };
    let places = paths.iter().map(&mut move_one).collect();
    Relocated { places, problem }
}

/// Moves one thing; returns where it is, and whether something of it has stayed where it was as well.
fn move_into(path: &Path, folder: &Path, watch: across::Watch<'_>) -> io::Result<(PathBuf, io::Result<()>)> {
    let nameless = || io::Error::from(io::ErrorKind::InvalidInput);
    let (parent, inner) = (path.parent().ok_or_else(nameless)?, path.file_name().ok_or_else(nameless)?);
    let is_folder = fs::symlink_metadata(path)?.is_dir();
    let real = fs::canonicalize(folder)?;
    if fs::canonicalize(parent)? == real {
        return Ok((path.to_owned(), Ok(())));
    }
    // A folder that was moved into itself would be gone.
    if is_folder && real.starts_with(fs::canonicalize(path)?) {
        return Err(nameless());
    }
    let (above, below, name) = (OpenFolder::open(parent)?, OpenFolder::open(folder)?, name_text(inner));
    match name_free(&above, Path::new(inner), &below, &name) {
        Ok(taken) => Ok((folder.join(&*os_name(&taken)), Ok(()))),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let copied = DiskCopy::make(path, folder, watch)?;
            let (staging, copy) = copied.place()?;
            let taken = name_free(&staging, copy, &below, &name)?;
            // The copy has to be on the disk under its name before there is no other.
            platform::flush_everything(folder)?;
            Ok((folder.join(&*os_name(&taken)), copied.remove_original()))
        }
        Err(error) => Err(error),
    }
}

/// Gives what is at `path` below `from` the first free name like `name` in the folder `to`; returns that name.
fn name_free(from: &OpenFolder, path: &Path, to: &OpenFolder, name: &str) -> io::Result<String> {
    for number in 1..=MOST_NAMES {
        let tried = if number == 1 { name.to_owned() } else { Rules::SYSTEM.numbered(name, number) };
        match to.take(from, path, &tried) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            taken => return taken.map(|()| tried),
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

    fn move_all(paths: &[PathBuf], folder: &Path) -> Relocated {
        relocate(paths, folder, &AtomicBool::new(false), |_, _| {})
    }

    #[test]
    fn what_is_moved_replaces_nothing() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        plant(from.path());
        fs::write(to.path().join("note.tar.gz"), "old").unwrap();
        fs::create_dir(to.path().join("tree")).unwrap();
        let paths = ["tree", "note.tar.gz"].map(|name| from.path().join(name));
        let Relocated { places, problem } = move_all(&paths, to.path());
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
        let into_itself = move_all(&paths[..1], &paths[0].join("inner"));
        assert_eq!((into_itself.places.as_slice(), into_itself.problem.is_some()), (&paths[..1], true));
        assert!(paths[0].join("inner/a.txt").exists());
        let to = tempfile::tempdir().unwrap();
        let moved = move_all(&paths, to.path());
        assert_eq!(moved.places, [to.path().join("tree"), paths[1].clone(), to.path().join("note.tar.gz")]);
        assert!(moved.problem.is_some());
        assert_eq!(move_all(&moved.places[2..], to.path()).places, moved.places[2..], "it is there already");
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
        assert_eq!(move_all(std::slice::from_ref(&path), &link).places, [path]);
    }

    /// Two folders on different disks: on Linux, one is in the memory behind `/dev/shm`. `None` where there is no second disk.
    #[cfg(target_os = "linux")]
    fn two_disks() -> Option<(tempfile::TempDir, tempfile::TempDir)> {
        use std::os::unix::fs::MetadataExt;
        let from = tempfile::tempdir().unwrap();
        let to = tempfile::tempdir_in("/dev/shm").ok()?;
        let disks = [&from, &to].map(|folder| folder.path().metadata().unwrap().dev());
        (disks[0] != disks[1]).then_some((from, to))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_goes_to_another_disk_arrives_whole_and_under_a_free_name() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let Some((from, to)) = two_disks() else { return };
        plant(from.path());
        let (tree, tool) = (from.path().join("tree"), from.path().join("tree/tool"));
        fs::write(&tool, vec![7; 3 << 20]).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o750)).unwrap();
        symlink("inner/a.txt", tree.join("link")).unwrap();
        let before = fs::metadata(&tool).unwrap();
        fs::write(to.path().join("note.tar.gz"), "old").unwrap();
        let paths = [tree.clone(), from.path().join("note.tar.gz")];
        let mut told = Vec::new();
        let moved =
            relocate(&paths, to.path(), &AtomicBool::new(false), |done, total| told.push((done, total)));
        assert!(moved.problem.is_none(), "{:?}", moved.problem);
        assert_eq!(moved.places, ["tree", "note (2).tar.gz"].map(|name| to.path().join(name)));
        let after = fs::metadata(moved.places[0].join("tool")).unwrap();
        assert_eq!((after.mode(), after.mtime(), after.len()), (before.mode(), before.mtime(), 3 << 20));
        assert_eq!(fs::read(moved.places[0].join("tool")).unwrap(), vec![7; 3 << 20]);
        assert_eq!(fs::read_link(moved.places[0].join("link")).unwrap(), Path::new("inner/a.txt"));
        assert_eq!(fs::read_to_string(moved.places[0].join("inner/a.txt")).unwrap(), "a");
        assert_eq!(fs::read_to_string(to.path().join("note.tar.gz")).unwrap(), "old");
        assert_eq!(fs::read_to_string(&moved.places[1]).unwrap(), "new");
        assert_eq!(fs::read_dir(from.path()).unwrap().count(), 0, "nothing is left behind");
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 3, "nor a folder of the copy");
        let whole = (3 << 20) + 4;
        assert!(
            !told.is_empty() && told.iter().all(|(done, total)| done <= total && *total == whole),
            "{told:?}"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_copy_that_is_stopped_leaves_everything_where_it_was() {
        let Some((from, to)) = two_disks() else { return };
        plant(from.path());
        let paths = [from.path().join("tree"), from.path().join("note.tar.gz")];
        let Relocated { places, problem } = relocate(&paths, to.path(), &AtomicBool::new(true), |_, _| {});
        assert_eq!((places.as_slice(), problem.unwrap().kind()), (&paths[..], io::ErrorKind::Interrupted));
        assert!(paths[0].join("inner/a.txt").exists() && paths[1].exists());
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }

    /// Catches a file that is removed although its copy is an older one, and one that is removed without a copy.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_changes_while_it_is_copied_stays() {
        let Some((from, to)) = two_disks() else { return };
        plant(from.path());
        let tree = from.path().join("tree");
        let copied = DiskCopy::make(&tree, to.path(), &mut |_| true).unwrap();
        fs::write(tree.join("inner/a.txt"), "longer").unwrap();
        fs::write(tree.join("late.txt"), "late").unwrap();
        assert!(copied.remove_original().is_err());
        assert_eq!(fs::read_to_string(tree.join("inner/a.txt")).unwrap(), "longer");
        assert_eq!(fs::read_to_string(tree.join("late.txt")).unwrap(), "late");

        let file = from.path().join("note.tar.gz");
        let mut write = |_| {
            fs::write(&file, "other").unwrap();
            true
        };
        assert!(DiskCopy::make(&file, to.path(), &mut write).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "other");
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }
}
