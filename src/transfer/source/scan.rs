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
        show::natural_key,
    },
};

/// The shortest hole that is looked for, in bytes: no block lies in a shorter one.
const SHORTEST_HOLE: u64 = MIN_BLOCK as u64;

/// A manifest, and where its files are.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// What is offered.
    pub manifest: Arc<Manifest>,
    /// For each entry, where it is; empty for a link.
    pub origins: Arc<Vec<Origin>>,
    /// What is not offered, and why.
    pub left_out: Vec<LeftOut>,
    /// The paths that the user chose, in the order of their entries.
    chosen: Vec<ChosenPath>,
}

/// A path that the user chose, and what was found there.
#[derive(Debug)]
struct ChosenPath {
    /// The path as the user named it.
    path: PathBuf,
    /// The path as [`real_place`] gives it.
    place: PathBuf,
    /// How many entries it has come to. They stand in a row, and the first one has its name; 0 if it is left out.
    entries: usize,
}

/// Where a file or a folder is, and its fingerprint when it was listed.
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
    let mut scan = Scan::new();
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
            origins: Arc::unwrap_or_clone(self.origins),
            left_out: self.left_out,
            places: self.chosen.iter().map(|chosen| chosen.place.clone()).collect(),
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

    /// Removes the chosen path whose entry at the top of the list has this name, with everything in it, and returns that
    /// path. Nothing is removed if there is none, or if nothing would be left.
    pub(crate) fn without(self, name: &str) -> Result<(Self, Option<PathBuf>), TransferError> {
        let at = |(chosen, from): (&ChosenPath, usize)| {
            let top = self.manifest.entries().get(from).filter(|_| chosen.entries > 0);
            top.is_some_and(|entry| entry.path.as_str() == name)
        };
        let Some(removed) = self.parts().position(at) else { return Ok((self, None)) };
        if self.chosen.iter().filter(|chosen| chosen.entries > 0).count() == 1 {
            return Ok((self, None));
        }
        let Self { manifest, origins, left_out, chosen } = self;
        let (mut scan, mut parts) = (Scan { left_out, ..Scan::new() }, ListParts::new(&manifest, origins));
        let mut path = None;
        for (number, chosen) in chosen.into_iter().enumerate() {
            let part = parts.next(chosen.entries);
            if number == removed {
                path = Some(chosen.path);
            } else {
                scan.keep(chosen, part)?;
            }
        }
        Ok((scan.finish()?, path))
    }

    /// Looks again at everything that is listed. What the user chose and has changed since then is listed anew, under its
    /// name; what is gone is left out. Also returns whether anything has changed. Fails if nothing is left.
    pub(crate) fn renewed(self, cancel: &CancellationToken) -> Result<(Self, bool), TransferError> {
        let mut is_as_listed = Vec::with_capacity(self.chosen.len());
        for (chosen, from) in self.parts() {
            if cancel.is_cancelled() {
                return Err(TransferError::Cancelled);
            }
            let part = from..from + chosen.entries;
            let mut pairs = self.manifest.entries()[part.clone()].iter().zip(&self.origins[part]);
            is_as_listed.push(pairs.all(|(entry, origin)| is_unchanged(entry, origin)));
        }
        if is_as_listed.iter().all(|is_as_listed| *is_as_listed) {
            return Ok((self, false));
        }
        let Self { manifest, origins, left_out, chosen } = self;
        let (mut scan, mut parts) = (Scan { left_out, ..Scan::new() }, ListParts::new(&manifest, origins));
        let mut failed = None;
        for (chosen, is_as_listed) in chosen.into_iter().zip(is_as_listed) {
            let part = parts.next(chosen.entries);
            let Some(top) = part.0.first().filter(|_| !is_as_listed) else {
                scan.keep(chosen, part)?;
                continue;
            };
            let path = chosen.path.clone();
            let listed = check(slice::from_ref(&path))
                .and_then(|()| scan.list_whole(chosen, |_| Ok(top.path.clone()), cancel));
            if let Err(error) = listed {
                let Some(reason) = reason_of(&error) else { return Err(error) };
                scan.leave_out(&path, reason);
                failed = failed.or(Some(error));
            }
        }
        match failed {
            Some(error) if scan.origins.is_empty() => Err(error),
            _ => Ok((scan.finish()?, true)),
        }
    }

    /// The chosen paths, each with the place of its first entry.
    fn parts(&self) -> impl Iterator<Item = (&ChosenPath, usize)> {
        self.chosen.iter().scan(0, |next, chosen| {
            let from = *next;
            *next += chosen.entries;
            Some((chosen, from))
        })
    }
}

/// What one chosen path has come to.
type ListPart<'a> = (&'a [Entry], Vec<Origin>);

/// Takes a list apart into what each chosen path has come to.
struct ListParts<'a> {
    entries: &'a [Entry],
    origins: std::vec::IntoIter<Origin>,
}

impl<'a> ListParts<'a> {
    fn new(manifest: &'a Manifest, origins: Arc<Vec<Origin>>) -> Self {
        Self { entries: manifest.entries(), origins: Arc::unwrap_or_clone(origins).into_iter() }
    }

    fn next(&mut self, entries: usize) -> ListPart<'a> {
        let (part, rest) = self.entries.split_at(entries);
        self.entries = rest;
        (part, self.origins.by_ref().take(entries).collect())
    }
}

struct Scan {
    builder: ManifestBuilder,
    origins: Vec<Origin>,
    left_out: Vec<LeftOut>,
    chosen: Vec<ChosenPath>,
    /// The places of the chosen paths.
    places: HashSet<PathBuf>,
    /// Folders whose contents are not listed yet.
    folders: Vec<(PathBuf, RelPath)>,
}

impl Scan {
    fn new() -> Self {
        Self {
            builder: ManifestBuilder::new(OfferKind::Files),
            origins: Vec::new(),
            left_out: Vec::new(),
            chosen: Vec::new(),
            places: HashSet::new(),
            folders: Vec::new(),
        }
    }

    /// Lists a path that the user chose, unless it is listed already. If that fails, everything stays as it was before.
    fn choose(&mut self, path: &Path, cancel: &CancellationToken) -> Result<(), TransferError> {
        let place = real_place(path);
        if self.places.contains(&place) {
            return Ok(());
        }
        let fail = |cause| TransferError::file(FileAction::Read, path, cause);
        let name = |scan: &Self| scan.free_name(&top_name(path).map_err(fail)?);
        self.list_whole(ChosenPath { path: path.to_owned(), place, entries: 0 }, name, cancel)
    }

    /// Takes over what a chosen path has come to in an earlier list.
    fn keep(&mut self, chosen: ChosenPath, (entries, origins): ListPart<'_>) -> Result<(), TransferError> {
        for entry in entries {
            self.builder.push_entry(entry.clone()).map_err(unsuited)?;
        }
        self.origins.extend(origins);
        self.places.insert(chosen.place.clone());
        self.chosen.push(chosen);
        Ok(())
    }

    /// Lists a chosen path under this name. If that fails, everything stays as it was before.
    fn list_whole(
        &mut self,
        chosen: ChosenPath,
        name: impl FnOnce(&Self) -> Result<RelPath, TransferError>,
        cancel: &CancellationToken,
    ) -> Result<(), TransferError> {
        let (entries, left_out) = (self.origins.len(), self.left_out.len());
        let listed = name(self).and_then(|name| self.list_chosen(&chosen.path, name, cancel));
        if listed.is_err() {
            self.builder.truncate(entries);
            self.origins.truncate(entries);
            self.left_out.truncate(left_out);
            self.folders.clear();
        } else {
            self.places.insert(chosen.place.clone());
            self.chosen.push(ChosenPath { entries: self.origins.len() - entries, ..chosen });
        }
        listed
    }

    fn list_chosen(
        &mut self,
        path: &Path,
        name: RelPath,
        cancel: &CancellationToken,
    ) -> Result<(), TransferError> {
        let metadata =
            fs::metadata(path).map_err(|cause| TransferError::file(FileAction::Read, path, cause))?;
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
        let manifest = Arc::new(builder.finish().map_err(unsuited)?);
        Ok(Scanned { manifest, origins: Arc::new(origins), left_out, chosen })
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
        // recognised. In this order they move, and both sides list them while they do.
        children.sort_by_cached_key(|child| {
            let name = child.file_name();
            (natural_key(&name.to_string_lossy()), name)
        });
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
        let is_link = metadata.is_symlink();
        self.origins.push(if is_link { Origin::default() } else { Origin { path, fingerprint } });
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

/// Whether what is listed looks as it did then. A folder looks different when something came into it, left it or got another
/// name, and with it all links in it.
fn is_unchanged(entry: &Entry, origin: &Origin) -> bool {
    // A link that the user chose stands for what it points to.
    let is_chosen = entry.path.parent().is_none();
    let found = match entry.kind {
        EntryKind::Link { .. } => return true,
        _ if is_chosen => fs::metadata(&origin.path),
        _ => fs::symlink_metadata(&origin.path),
    };
    found.is_ok_and(|metadata| Fingerprint::of(&metadata) == origin.fingerprint)
}

/// Why a chosen path can no longer be listed; `None` if the whole list can't be offered.
fn reason_of(error: &TransferError) -> Option<LeftOutReason> {
    match error {
        TransferError::File { cause, .. } => Some(LeftOutReason::Unreadable(cause.kind())),
        TransferError::Impossible(Impossible::NoSize { .. }) => Some(LeftOutReason::NoSize),
        TransferError::Impossible(Impossible::Special { .. }) => Some(LeftOutReason::Special),
        _ => None,
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
mod tests;
