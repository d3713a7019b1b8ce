//! Lists what is to be sent: the paths that the user chose become a manifest, and the path and fingerprint of each file
//! are noted.

use std::{
    collections::HashSet,
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    slice,
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use crate::{
    platform::{self, mount::Rules},
    protocol::{
        RelPath,
        manifest::{Entry, EntryKind, Hole, MAX_HOLES, Manifest, ManifestBuilder, ManifestError, OfferKind},
        path::{LinkTarget, PathError},
    },
    transfer::{
        error::{FileAction, Impossible, TransferError},
        fingerprint::Fingerprint,
        notice::{LeftOut, LeftOutReason},
        plan::MIN_BLOCK,
    },
};

/// The shortest hole that is looked for, in bytes: no block lies in a shorter one.
const SHORTEST_HOLE: u64 = MIN_BLOCK as u64;

/// A manifest, and where its files are.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// What is offered.
    pub manifest: Arc<Manifest>,
    /// For each entry, where it is; empty for what isn't read from a file.
    pub origins: Vec<Origin>,
    /// What is not offered, and why.
    pub left_out: Vec<LeftOut>,
    /// The paths that the user chose, as [`real_place`] gives them.
    chosen: HashSet<PathBuf>,
}

/// Where a file is, and its fingerprint when it was listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Its path on this machine.
    pub path: PathBuf,
    /// Its size, time and identity when it was listed.
    pub fingerprint: Fingerprint,
}

/// Checks the paths that the user named, at once and without listing what is in folders: everything exists, and can be
/// opened.
pub(crate) fn check(paths: &[PathBuf]) -> Result<(), TransferError> {
    if paths.is_empty() {
        return Err(Impossible::Nothing.into());
    }
    paths.iter().try_for_each(|path| {
        let fail = |cause| TransferError::file(FileAction::Read, path, cause);
        let metadata = fs::metadata(path).map_err(fail)?;
        if metadata.is_dir() {
            fs::read_dir(path).map_err(fail)?;
        } else if metadata.is_file() {
            File::open(path).map_err(fail)?;
            if metadata.len() == 0 && platform::has_bytes(path).map_err(fail)? {
                return Err(Impossible::NoSize { path: path.clone() }.into());
            }
        } else {
            return Err(Impossible::Special { path: path.clone() }.into());
        }
        Ok(())
    })
}

/// Lists everything at and below `paths`; a path that occurs again adds nothing. Blocks on the disk; checks `cancel`
/// from time to time.
pub(crate) fn scan(paths: &[PathBuf], cancel: &CancellationToken) -> Result<Scanned, TransferError> {
    let mut scan = Scan {
        builder: ManifestBuilder::new(OfferKind::Files),
        origins: Vec::new(),
        left_out: Vec::new(),
        chosen: HashSet::new(),
        folders: Vec::new(),
    };
    for path in paths {
        check(slice::from_ref(path))?;
        scan.choose(path, cancel)?;
    }
    scan.finish()
}

/// Paths that could not be added to a list, each with the reason.
pub(crate) type Failures = Vec<(PathBuf, TransferError)>;

impl Scanned {
    /// Adds more paths, without reading again those that are already listed. Each path is added as a whole or not at
    /// all.
    pub(crate) fn extended(
        self,
        paths: Vec<PathBuf>,
        cancel: &CancellationToken,
    ) -> Result<(Self, Failures), TransferError> {
        let mut scan = Scan {
            builder: ManifestBuilder::growing(Arc::unwrap_or_clone(self.manifest)),
            origins: self.origins,
            left_out: self.left_out,
            chosen: self.chosen,
            folders: Vec::new(),
        };
        let mut failures = Vec::new();
        for path in paths {
            match check(slice::from_ref(&path)).and_then(|()| scan.choose(&path, cancel)) {
                Ok(()) => {}
                Err(TransferError::Cancelled) => return Err(TransferError::Cancelled),
                Err(error) => failures.push((path, error)),
            }
        }
        Ok((scan.finish()?, failures))
    }
}

struct Scan {
    builder: ManifestBuilder,
    origins: Vec<Origin>,
    left_out: Vec<LeftOut>,
    chosen: HashSet<PathBuf>,
    /// Folders whose contents are not listed yet.
    folders: Vec<(PathBuf, RelPath)>,
}

impl Scan {
    /// Lists a path that the user chose. If that fails, everything stays as it was before.
    fn choose(&mut self, path: &Path, cancel: &CancellationToken) -> Result<(), TransferError> {
        let place = real_place(path);
        if !self.chosen.insert(place.clone()) {
            return Ok(());
        }
        let (entries, left_out) = (self.origins.len(), self.left_out.len());
        let listed = self.list_chosen(path, cancel);
        if listed.is_err() {
            self.builder.truncate(entries);
            self.origins.truncate(entries);
            self.left_out.truncate(left_out);
            self.chosen.remove(&place);
            self.folders.clear();
        }
        listed
    }

    fn list_chosen(&mut self, path: &Path, cancel: &CancellationToken) -> Result<(), TransferError> {
        let fail = |cause| TransferError::file(FileAction::Read, path, cause);
        let metadata = fs::metadata(path).map_err(fail)?;
        let name = self.free_name(&top_name(path).map_err(fail)?)?;
        // A link that the user names stands for what it points to; only links below it are kept as links.
        self.add(path.to_owned(), name, &metadata)?;
        while let Some((folder, below)) = self.folders.pop() {
            if cancel.is_cancelled() {
                return Err(TransferError::Cancelled);
            }
            self.list(&folder, &below)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Scanned, TransferError> {
        let Self { builder, origins, left_out, chosen, .. } = self;
        Ok(Scanned { manifest: Arc::new(builder.finish().map_err(unsuited)?), origins, left_out, chosen })
    }

    fn list(&mut self, folder: &Path, below: &RelPath) -> Result<(), TransferError> {
        let read = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut children = match read {
            Ok(children) => children,
            Err(error) => {
                self.leave_out(folder, LeftOutReason::Unreadable(error.kind()));
                return Ok(());
            }
        };
        // With sorted entries, an unchanged folder always gives the same list, so that an interrupted transfer can be
        // recognised.
        children.sort_by_key(fs::DirEntry::file_name);
        let first_folder = self.folders.len();
        for child in children {
            let path = child.path();
            let metadata = match child.metadata() {
                Ok(metadata) => metadata,
                Err(error) => {
                    self.leave_out(&path, LeftOutReason::Unreadable(error.kind()));
                    continue;
                }
            };
            match below.join(&platform::name_text(&child.file_name())) {
                Ok(name) => {
                    let name = self.free_name(&name)?;
                    self.add(path, name, &metadata)?;
                }
                Err(PathError::TooDeep) => self.leave_out(&path, LeftOutReason::TooDeep),
                Err(error) => self.leave_out(&path, LeftOutReason::Name(error)),
            }
        }
        // Folders are taken from the end of the stack, so the subfolders of a folder are reversed to be listed in
        // order.
        self.folders[first_folder..].reverse();
        Ok(())
    }

    fn add(&mut self, path: PathBuf, name: RelPath, metadata: &Metadata) -> Result<(), TransferError> {
        let (modified, permissions) = (platform::modified(metadata), platform::permissions(metadata));
        let kind = if metadata.is_dir() {
            EntryKind::Folder { modified, permissions }
        } else if metadata.is_file() {
            match holes_of(&path, metadata) {
                Ok(holes) => EntryKind::File { size: metadata.len(), modified, permissions, holes },
                Err(reason) => {
                    self.leave_out(&path, reason);
                    return Ok(());
                }
            }
        } else if metadata.is_symlink() {
            match read_link(&path, &name) {
                Ok(target) => EntryKind::Link { target, modified },
                Err(reason) => {
                    self.leave_out(&path, reason);
                    return Ok(());
                }
            }
        } else {
            self.leave_out(&path, LeftOutReason::Special);
            return Ok(());
        };
        if metadata.is_dir() {
            self.folders.push((path.clone(), name.clone()));
        }
        self.builder.push_entry(Entry { path: name, kind }).map_err(unsuited)?;
        let fingerprint = Fingerprint::of(metadata);
        self.origins.push(if metadata.is_file() { Origin { path, fingerprint } } else { Origin::default() });
        Ok(())
    }

    /// `name`, or `name` with a number if it is taken: two chosen paths may have the same last name, and on Windows two names
    /// that aren't Unicode may become the same text.
    fn free_name(&self, name: &RelPath) -> Result<RelPath, TransferError> {
        let rules = Rules::SYSTEM;
        let mut free = name.clone();
        for number in 2.. {
            if !self.builder.contains(&free) {
                break;
            }
            free = name
                .with_name(&rules.numbered(name.name(), number))
                .map_err(|error| unsuited(error.into()))?;
        }
        Ok(free)
    }

    fn leave_out(&mut self, path: &Path, reason: LeftOutReason) {
        self.left_out.push(LeftOut { path: path.to_owned(), reason });
    }
}

/// The real path of `path`, by which two spellings of one path are recognised. A link at the end of the path is not
/// followed: it has a name of its own.
fn real_place(path: &Path) -> PathBuf {
    let place = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            parent.canonicalize().map(|parent| parent.join(name))
        }
        _ => path.canonicalize(),
    };
    place.unwrap_or_else(|_| path.to_owned())
}

fn top_name(path: &Path) -> io::Result<RelPath> {
    let named = match path.file_name() {
        Some(name) => platform::name_text(name),
        // The name behind `.`, `..` and the like is known only to the disk, and a root has none.
        None => match path.canonicalize()?.file_name() {
            Some(name) => platform::name_text(name),
            None => "files".to_owned(),
        },
    };
    RelPath::new(&named).map_err(|error| io::Error::new(io::ErrorKind::InvalidFilename, error.to_string()))
}

/// The holes of a file that is to be sent. Fails if it can't be read, which has to be known now: later, both users would have waited
/// in vain. Also fails if there is more in it than its size says.
fn holes_of(path: &Path, metadata: &Metadata) -> Result<Box<[Hole]>, LeftOutReason> {
    let unreadable = |error: io::Error| LeftOutReason::Unreadable(error.kind());
    if metadata.len() == 0 {
        return if platform::has_bytes(path).map_err(unreadable)? {
            Err(LeftOutReason::NoSize)
        } else {
            Ok(Box::default())
        };
    }
    if metadata.len() < SHORTEST_HOLE {
        platform::check_readable(path).map_err(unreadable)?;
        return Ok(Box::default());
    }
    let file = File::open(path).map_err(unreadable)?;
    platform::holes(&file, SHORTEST_HOLE, MAX_HOLES).map(Into::into).map_err(unreadable)
}

fn read_link(path: &Path, name: &RelPath) -> Result<LinkTarget, LeftOutReason> {
    let target = fs::read_link(path).map_err(|error| LeftOutReason::Unreadable(error.kind()))?;
    let text = platform::link_text(&target).ok_or(LeftOutReason::LinkName)?;
    LinkTarget::new(name, &text).map_err(LeftOutReason::Link)
}

fn unsuited(error: ManifestError) -> TransferError {
    let unsuited = match error {
        ManifestError::TooMany(_) => Impossible::TooManyEntries,
        ManifestError::TooMuchText => Impossible::TooMuchText,
        other => Impossible::Manifest(other),
    };
    unsuited.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::path::MAX_NAMES;

    fn names(scanned: &Scanned) -> Vec<&str> {
        scanned.manifest.entries().iter().map(|entry| entry.path.as_str()).collect()
    }

    fn scan_now(paths: &[PathBuf]) -> Scanned {
        scan(paths, &CancellationToken::new()).unwrap()
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir_all(top.join("b/c")).unwrap();
        fs::create_dir_all(top.join("a")).unwrap();
        for file in ["z", "b/c/y", "a/x", "b/w"] {
            fs::write(top.join(file), file).unwrap();
        }
        let scanned = scan_now(&[top]);
        assert_eq!(
            names(&scanned),
            ["top", "top/a", "top/b", "top/z", "top/a/x", "top/b/c", "top/b/w", "top/b/c/y"]
        );
    }

    #[test]
    fn chosen_paths_that_end_alike_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = ["1/x.txt", "2/x.txt"].map(|path| folder.path().join(path)).into();
        for path in &paths {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(names(&scan_now(&paths)), ["x.txt", "x (2).txt"]);
    }

    #[test]
    fn the_same_path_spelled_in_two_ways_is_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner/x");
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(&path, "").unwrap();
        let again = folder.path().join("inner/../inner/./x");
        assert_eq!(names(&scan_now(&[path, again])), ["x"]);
    }

    #[test]
    fn a_list_grows_by_what_can_be_read_and_keeps_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("x"), name).unwrap();
        }
        let first = scan_now(&[path("a"), path("a/x")]);
        let held = Arc::clone(&first.manifest);
        // With the file gone, a second look at it would be noticed.
        fs::remove_file(path("a/x")).unwrap();
        let added = ["a", "b/x", "missing", "b"].map(path).into();
        let (grown, failures) = first.extended(added, &CancellationToken::new()).unwrap();
        assert_eq!(names(&grown), ["a", "a/x", "x", "x (2)", "b", "b/x"]);
        assert_eq!(grown.origins.len(), 6);
        assert_eq!(grown.origins[3].path, path("b/x"));
        assert_eq!((grown.manifest.files(), grown.manifest.bytes()), (4, 4));
        assert_eq!(held.entries().len(), 3);
        assert_eq!(failures.len(), 1);
        assert!(matches!(&failures[0], (failed, TransferError::File { .. }) if *failed == path("missing")));
    }

    #[test]
    fn a_folder_named_by_dots_gets_its_real_name() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("real/inner");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(names(&scan_now(&[inner.join("..")])), ["real", "real/inner"]);
    }

    /// Going down a tree may take stack for each folder, on this side and on the other.
    #[test]
    fn what_is_too_deep_is_named_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("d");
        let last = (1..MAX_NAMES).fold(top.clone(), |above, _| above.join("d"));
        fs::create_dir_all(&last).unwrap();
        fs::create_dir(last.join("below")).unwrap();
        fs::write(last.join("below/x"), "").unwrap();
        fs::write(last.join("y"), "").unwrap();
        let scanned = scan_now(&[top]);
        assert_eq!(scanned.manifest.entries().len(), MAX_NAMES);
        let reason = LeftOutReason::TooDeep;
        let left_out = ["below", "y"].map(|name| LeftOut { path: last.join(name), reason });
        assert_eq!(scanned.left_out, left_out);
        let said = reason.to_string();
        assert!(said.contains("256 folders") && said.contains("send one of the inner folders"), "{said}");
        assert_eq!(scan_now(&[last]).manifest.entries().len(), 4);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_kept_and_those_that_lead_out_are_named() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir(&top).unwrap();
        symlink("nowhere", top.join("dangling")).unwrap();
        symlink("/etc/passwd", top.join("absolute")).unwrap();
        symlink("../../out", top.join("up")).unwrap();
        let scanned = scan_now(&[top]);
        assert_eq!(names(&scanned), ["top", "top/dangling"]);
        assert_eq!(scanned.left_out.len(), 2);
        assert_eq!(scanned.left_out[0].reason, LeftOutReason::Link(PathError::Escapes));
    }

    /// Catches a code that is shown and passed on although what it is for can't be read.
    #[cfg(unix)]
    #[test]
    fn what_cannot_be_read_is_told_while_it_is_listed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir(&top).unwrap();
        for name in ["open", "secret"] {
            fs::write(top.join(name), name).unwrap();
        }
        let secret = top.join("secret");
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o0)).unwrap();
        if File::open(&secret).is_ok() {
            // An administrator may read everything.
            return;
        }
        let scanned = scan_now(&[top]);
        assert_eq!(names(&scanned), ["top", "top/open"]);
        let reason = LeftOutReason::Unreadable(io::ErrorKind::PermissionDenied);
        assert_eq!(scanned.left_out, [LeftOut { path: secret.clone(), reason }]);
        let chosen = scan(&[secret], &CancellationToken::new());
        assert!(matches!(chosen, Err(TransferError::File { .. })), "{chosen:?}");
    }

    #[test]
    fn what_is_not_there_is_named_before_anything_starts() {
        let missing = PathBuf::from("/nowhere/at/all");
        assert!(matches!(check(&[missing]), Err(TransferError::File { .. })));
        assert!(matches!(check(&[]), Err(TransferError::Impossible(Impossible::Nothing))));
    }
}
