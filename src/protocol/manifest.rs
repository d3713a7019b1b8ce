//! The manifest: what is offered, entry by entry, and the checks that a peer's pages must pass.
//!
//! Pages hold [`RawEntry`]s, plain decoded data. [`ManifestBuilder`] turns them into [`Entry`]s one page at a time and
//! refuses, by name, whatever is inconsistent. So a [`Manifest`] is always sound: paths are unique, every
//! parent is a folder that stands before its children, and the sums are those that were announced.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    frame,
    path::{LinkTarget, PathError, RelPath},
};

/// Most entries in one offer. With [`MAX_NAMES_BYTES`], it bounds what an offer costs in memory.
pub const MAX_ENTRIES: u64 = 1_000_000;
/// Largest offer in bytes: 2^53, so that sums of sizes stay exact everywhere, including in JSON.
pub const MAX_TOTAL_BYTES: u64 = 1 << 53;
/// Most bytes that all paths and link targets of an offer may take together. It bounds what an offer costs in memory.
pub const MAX_NAMES_BYTES: usize = 256 * 1024 * 1024;
/// Most holes in one file, so that its entry always fits into a page of an offer. A sender with a file of more names the longest.
pub const MAX_HOLES: usize = 4096;
/// Longest text snippet in bytes; a longer text is better sent as a file.
pub const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// A modification time: seconds since 1970 (may be negative) and nanoseconds below a billion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    /// Whole seconds.
    pub secs: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}

/// Who may read, write and execute a file, or look into a folder: the nine lowest bits of a Unix mode (POSIX.1-2017,
/// `<sys/stat.h>`). A receiver gives nobody more than these, and never less to the owner than reading and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// The permissions with these bits; `None` if there are others than the nine.
    pub fn new(bits: u16) -> Option<Self> {
        (bits <= 0o777).then_some(Self(bits))
    }

    /// The bits.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// Whether the owner may execute the file.
    pub fn is_executable(self) -> bool {
        self.0 & 0o100 != 0
    }
}

/// A part of a file that was never written and reads as zeros: it takes no space, and none of its bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Where it begins, in bytes.
    pub start: u64,
    /// Where it ends, in bytes.
    pub end: u64,
}

/// One entry as it travels, unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawEntry {
    /// The path, `/`-separated.
    pub path: String,
    /// What it is.
    pub kind: RawKind,
}

/// What a [`RawEntry`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RawKind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// When it was last changed.
        modified: Option<Modified>,
        /// The bits of its [`Permissions`]; `None` from a system that has none.
        permissions: Option<u16>,
        /// Its holes, first to last, as far as it is worth to leave them out.
        holes: Vec<Hole>,
    },
    /// A folder. Every folder is listed, before what is in it.
    Folder {
        /// When it was last changed.
        modified: Option<Modified>,
        /// The bits of its [`Permissions`]; `None` from a system that has none.
        permissions: Option<u16>,
    },
    /// A symbolic link, kept as a link.
    Link {
        /// Where it points.
        target: String,
        /// When it was last changed.
        modified: Option<Modified>,
    },
}

/// What is offered as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OfferKind {
    /// Files and folders.
    Files,
    /// A text snippet: exactly one file of at most [`MAX_TEXT_BYTES`], shown rather than saved.
    Text,
    /// Exactly one file whose size is not known in advance (its entry says 0).
    Stream,
}

/// A checked entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path relative to the chosen folder.
    pub path: RelPath,
    /// What it is.
    pub kind: EntryKind,
}

/// What a checked [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// When it was last changed.
        modified: Option<Modified>,
        /// Who may use it; `None` if the sender's system has no such bits.
        permissions: Option<Permissions>,
        /// Its holes, first to last. They don't touch each other and are within the file.
        holes: Box<[Hole]>,
    },
    /// A folder.
    Folder {
        /// When it was last changed.
        modified: Option<Modified>,
        /// Who may look into it; `None` if the sender's system has no such bits.
        permissions: Option<Permissions>,
    },
    /// A symbolic link that stays inside.
    Link {
        /// Where it points.
        target: LinkTarget,
        /// When it was last changed.
        modified: Option<Modified>,
    },
}

impl Entry {
    /// Bytes of a file; 0 for anything else.
    pub fn size(&self) -> u64 {
        match self.kind {
            EntryKind::File { size, .. } => size,
            EntryKind::Folder { .. } | EntryKind::Link { .. } => 0,
        }
    }

    /// Holes of a file; none of anything else.
    pub fn holes(&self) -> &[Hole] {
        match &self.kind {
            EntryKind::File { holes, .. } => holes,
            EntryKind::Folder { .. } | EntryKind::Link { .. } => &[],
        }
    }

    /// Bytes of a file outside its holes.
    pub fn data_bytes(&self) -> u64 {
        self.size() - self.holes().iter().map(|hole| hole.end - hole.start).sum::<u64>()
    }

    /// Bytes that the entry takes in memory beside what each entry takes: of the path, of a link's target, of a file's holes.
    fn own_bytes(&self) -> usize {
        let more = match &self.kind {
            EntryKind::Link { target, .. } => target.as_str().len(),
            EntryKind::File { holes, .. } => size_of_val(&**holes),
            EntryKind::Folder { .. } => 0,
        };
        self.path.as_str().len() + more
    }

    /// Whether the entry is a regular file.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, EntryKind::File { .. })
    }

    /// The entry as it travels.
    pub fn to_raw(&self) -> RawEntry {
        let kind = match &self.kind {
            EntryKind::File { size, modified, permissions, holes } => RawKind::File {
                size: *size,
                modified: *modified,
                permissions: permissions.map(Permissions::bits),
                holes: holes.to_vec(),
            },
            EntryKind::Folder { modified, permissions } => {
                RawKind::Folder { modified: *modified, permissions: permissions.map(Permissions::bits) }
            }
            EntryKind::Link { target, modified } => {
                RawKind::Link { target: target.as_str().to_owned(), modified: *modified }
            }
        };
        RawEntry { path: self.path.as_str().to_owned(), kind }
    }
}

/// Why an offer is inconsistent. The peer misbehaves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A path or a link target that could lead out of the folder, or that no system can store.
    #[error("the offer holds {0}")]
    Path(#[from] PathError),
    /// More entries than [`MAX_ENTRIES`], or more than were announced.
    #[error("the offer holds too many entries ({0})")]
    TooMany(u64),
    /// Fewer entries than were announced.
    #[error("the offer ended after {held} of {announced} entries")]
    TooFew {
        /// Entries that came.
        held: u64,
        /// Entries that were announced.
        announced: u64,
    },
    /// Paths and link targets take more than [`MAX_NAMES_BYTES`].
    #[error("the names in the offer take too much room")]
    TooMuchText,
    /// A path that is listed twice.
    #[error("the offer names the same path twice")]
    Duplicate,
    /// A path below a file or a link, or below a folder that was not listed before it.
    #[error("the offer holds a path below something that is not a folder")]
    NotBelowFolder,
    /// The sizes don't add up to what was announced, or exceed [`MAX_TOTAL_BYTES`].
    #[error("the sizes in the offer don't add up")]
    Sizes,
    /// A time with a billion nanoseconds or more.
    #[error("the offer holds a time that doesn't exist")]
    Time,
    /// Permissions with bits that aren't permissions.
    #[error("the offer holds permissions that don't exist")]
    Permissions,
    /// Holes that overlap, are empty, or lie outside of their file, or more than [`MAX_HOLES`] in one file.
    #[error("the offer holds a file with impossible holes")]
    Holes,
    /// A text or a stream that isn't exactly one fitting file.
    #[error("the offer is not what it says it is")]
    Kind,
}

/// A sound list of entries: paths are unique, every parent is a folder that stands before its children, and the sums are those
/// that were announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    kind: OfferKind,
    entries: Vec<Entry>,
    bytes: u64,
    files: u64,
    data_bytes: u64,
}

impl Manifest {
    /// What is offered as a whole.
    pub fn kind(&self) -> OfferKind {
        self.kind
    }

    /// The entries, folders before what is in them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file with this index, if files are offered; `None` for anything else, and in an offer of a text or a stream.
    pub fn file(&self, index: u32) -> Option<&Entry> {
        let entry = self.entries.get(index as usize).filter(|entry| entry.is_file());
        entry.filter(|_| self.kind == OfferKind::Files)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of all files outside their holes.
    pub fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    /// How many regular files there are.
    pub fn files(&self) -> u64 {
        self.files
    }

    /// BLAKE3 of the entries, by which the same offer is recognised when it comes again.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = blake3::Hasher::new();
        for entry in &self.entries {
            digest.update(&frame::to_bytes(&entry.to_raw()));
        }
        *digest.finalize().as_bytes()
    }
}

/// Builds a [`Manifest`] from unchecked entries.
#[derive(Debug)]
pub struct ManifestBuilder {
    manifest: Manifest,
    announced: Option<(u64, u64)>,
    is_folder: HashMap<RelPath, bool>,
    names_bytes: usize,
}

impl ManifestBuilder {
    /// Starts a list for which nothing was announced.
    pub fn new(kind: OfferKind) -> Self {
        let manifest = Manifest { kind, entries: Vec::new(), bytes: 0, files: 0, data_bytes: 0 };
        Self { manifest, announced: None, is_folder: HashMap::new(), names_bytes: 0 }
    }

    /// Goes on with a list that was finished before.
    pub fn growing(manifest: Manifest) -> Self {
        let paths = manifest.entries.iter();
        Self {
            announced: None,
            is_folder: paths
                .map(|entry| (entry.path.clone(), matches!(entry.kind, EntryKind::Folder { .. })))
                .collect(),
            names_bytes: manifest.entries.iter().map(Entry::own_bytes).sum(),
            manifest,
        }
    }

    /// Starts the list of a peer's offer, for which this many entries and bytes were announced.
    pub fn announced(kind: OfferKind, entries: u64, bytes: u64) -> Result<Self, ManifestError> {
        if entries > MAX_ENTRIES {
            return Err(ManifestError::TooMany(entries));
        }
        if bytes > MAX_TOTAL_BYTES || (kind == OfferKind::Text && bytes > MAX_TEXT_BYTES) {
            return Err(ManifestError::Sizes);
        }
        Ok(Self { announced: Some((entries, bytes)), ..Self::new(kind) })
    }

    /// How many entries the list has.
    pub fn len(&self) -> u64 {
        self.manifest.entries.len() as u64
    }

    /// Whether the list has no entries yet.
    pub fn is_empty(&self) -> bool {
        self.manifest.entries.is_empty()
    }

    /// Whether `path` is taken already.
    pub fn contains(&self, path: &RelPath) -> bool {
        self.is_folder.contains_key(path)
    }

    /// Checks one entry and adds it.
    pub fn push(&mut self, raw: RawEntry) -> Result<(), ManifestError> {
        let path = RelPath::new(&raw.path)?;
        let kind = match raw.kind {
            RawKind::File { size, modified, permissions, holes } => EntryKind::File {
                size,
                modified: checked(modified)?,
                permissions: checked_permissions(permissions)?,
                holes: checked_holes(holes, size)?,
            },
            RawKind::Folder { modified, permissions } => EntryKind::Folder {
                modified: checked(modified)?,
                permissions: checked_permissions(permissions)?,
            },
            RawKind::Link { target, modified } => {
                EntryKind::Link { target: LinkTarget::new(&path, &target)?, modified: checked(modified)? }
            }
        };
        self.push_entry(Entry { path, kind })
    }

    /// Adds an entry whose parts are checked already.
    pub fn push_entry(&mut self, entry: Entry) -> Result<(), ManifestError> {
        let limit = self.announced.map_or(MAX_ENTRIES, |(entries, _)| entries);
        if self.len() >= limit {
            return Err(ManifestError::TooMany(self.len() + 1));
        }
        if entry.path.parent().is_some_and(|parent| self.is_folder.get(&parent) != Some(&true)) {
            return Err(ManifestError::NotBelowFolder);
        }
        let names_bytes = self.names_bytes + entry.own_bytes();
        if names_bytes > MAX_NAMES_BYTES {
            return Err(ManifestError::TooMuchText);
        }
        let bytes_limit = self.announced.map_or(MAX_TOTAL_BYTES, |(_, bytes)| bytes);
        let bytes = self.manifest.bytes.checked_add(entry.size()).filter(|sum| *sum <= bytes_limit);
        let bytes = bytes.ok_or(ManifestError::Sizes)?;
        let is_folder = matches!(entry.kind, EntryKind::Folder { .. });
        if self.is_folder.insert(entry.path.clone(), is_folder).is_some() {
            return Err(ManifestError::Duplicate);
        }
        self.names_bytes = names_bytes;
        self.manifest.bytes = bytes;
        self.manifest.files += u64::from(entry.is_file());
        self.manifest.data_bytes += entry.data_bytes();
        self.manifest.entries.push(entry);
        Ok(())
    }

    /// Removes all entries except the first `count`.
    pub fn truncate(&mut self, count: usize) {
        let count = count.min(self.manifest.entries.len());
        for entry in self.manifest.entries.drain(count..) {
            self.names_bytes -= entry.own_bytes();
            self.manifest.bytes -= entry.size();
            self.manifest.files -= u64::from(entry.is_file());
            self.manifest.data_bytes -= entry.data_bytes();
            self.is_folder.remove(&entry.path);
        }
    }

    /// The manifest, if everything that was announced is there.
    pub fn finish(self) -> Result<Manifest, ManifestError> {
        let manifest = self.manifest;
        let held = manifest.entries.len() as u64;
        if let Some((announced, bytes)) = self.announced {
            if held < announced {
                return Err(ManifestError::TooFew { held, announced });
            }
            if manifest.bytes != bytes {
                return Err(ManifestError::Sizes);
            }
        }
        let single = manifest.entries.len() == 1 && manifest.files == 1;
        let fits = match manifest.kind {
            OfferKind::Files => true,
            OfferKind::Text => {
                single && manifest.bytes <= MAX_TEXT_BYTES && manifest.data_bytes == manifest.bytes
            }
            OfferKind::Stream => single && manifest.bytes == 0,
        };
        if fits { Ok(manifest) } else { Err(ManifestError::Kind) }
    }
}

fn checked(modified: Option<Modified>) -> Result<Option<Modified>, ManifestError> {
    match modified {
        Some(time) if time.nanos >= 1_000_000_000 => Err(ManifestError::Time),
        time => Ok(time),
    }
}

fn checked_permissions(bits: Option<u16>) -> Result<Option<Permissions>, ManifestError> {
    bits.map(|bits| Permissions::new(bits).ok_or(ManifestError::Permissions)).transpose()
}

fn checked_holes(holes: Vec<Hole>, size: u64) -> Result<Box<[Hole]>, ManifestError> {
    let are_apart = holes.windows(2).all(|pair| matches!(pair, [a, b] if a.end < b.start));
    let are_sound = holes.iter().all(|hole| hole.start < hole.end && hole.end <= size);
    if are_apart && are_sound && holes.len() <= MAX_HOLES {
        Ok(holes.into())
    } else {
        Err(ManifestError::Holes)
    }
}

#[cfg(test)]
impl Manifest {
    /// A manifest for tests, of paths with sizes. Paths that end in a slash are folders and stand before what is in them.
    pub(crate) fn made_up(kind: OfferKind, entries: &[(&str, u64)]) -> Self {
        let mut builder = ManifestBuilder::new(kind);
        for (path, size) in entries {
            let kind = match path.strip_suffix('/') {
                Some(_) => EntryKind::Folder { modified: None, permissions: None },
                None => {
                    EntryKind::File { size: *size, modified: None, permissions: None, holes: Box::default() }
                }
            };
            let path = RelPath::new(path.trim_end_matches('/')).unwrap();
            builder.push_entry(Entry { path, kind }).unwrap();
        }
        builder.finish().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: u64) -> RawEntry {
        RawEntry {
            path: path.to_owned(),
            kind: RawKind::File { size, modified: None, permissions: None, holes: vec![] },
        }
    }

    fn folder(path: &str) -> RawEntry {
        RawEntry { path: path.to_owned(), kind: RawKind::Folder { modified: None, permissions: None } }
    }

    fn link(path: &str, target: &str) -> RawEntry {
        RawEntry { path: path.to_owned(), kind: RawKind::Link { target: target.to_owned(), modified: None } }
    }

    fn build(entries: &[RawEntry]) -> Result<Manifest, ManifestError> {
        let mut builder = ManifestBuilder::new(OfferKind::Files);
        entries.iter().cloned().try_for_each(|entry| builder.push(entry))?;
        builder.finish()
    }

    #[test]
    fn a_tree_comes_back_as_it_was_sent() {
        let sent = [folder("a"), file("a/b", 3), link("a/l", "../x"), file("x", 4)];
        let manifest = build(&sent).unwrap();
        assert_eq!((manifest.bytes(), manifest.files()), (7, 2));
        assert_eq!(manifest.entries().iter().map(Entry::to_raw).collect::<Vec<_>>(), sent);
    }

    #[test]
    fn a_path_below_a_link_a_file_or_nothing_is_refused() {
        for above in [link("a", "b"), file("a", 1), file("other", 1)] {
            assert_eq!(build(&[above, file("a/b", 1)]), Err(ManifestError::NotBelowFolder));
        }
    }

    #[test]
    fn the_same_path_twice_is_refused() {
        assert_eq!(build(&[file("a", 1), link("a", "b")]), Err(ManifestError::Duplicate));
        assert_eq!(build(&[folder("a"), folder("a")]), Err(ManifestError::Duplicate));
    }

    #[test]
    fn sizes_that_lie_or_overflow_are_refused() {
        assert_eq!(build(&[file("a", u64::MAX), file("b", 2)]), Err(ManifestError::Sizes));
        let mut builder = ManifestBuilder::announced(OfferKind::Files, 2, 10).unwrap();
        builder.push(file("a", 10)).unwrap();
        assert_eq!(builder.push(file("b", 1)), Err(ManifestError::Sizes));
        let mut builder = ManifestBuilder::announced(OfferKind::Files, 1, 10).unwrap();
        builder.push(file("a", 9)).unwrap();
        assert_eq!(builder.finish(), Err(ManifestError::Sizes));
    }

    #[test]
    fn holes_and_permissions_that_no_file_has_are_refused() {
        let with = |size, permissions, holes: &[(u64, u64)]| {
            let holes = holes.iter().map(|(start, end)| Hole { start: *start, end: *end }).collect();
            let kind = RawKind::File { size, modified: None, permissions, holes };
            build(&[RawEntry { path: "a".to_owned(), kind }])
        };
        let manifest = with(9, Some(0o777), &[(0, 2), (3, 4), (8, 9)]).unwrap();
        assert_eq!((manifest.bytes(), manifest.data_bytes()), (9, 5));
        assert_eq!(with(9, None, &[(0, 9)]).unwrap().data_bytes(), 0);
        let many: Vec<_> = (0..=MAX_HOLES as u64).map(|number| (2 * number, 2 * number + 1)).collect();
        for holes in [&[(2, 2)][..], &[(3, 2)], &[(0, 10)], &[(4, 5), (0, 1)], &[(0, 1), (1, 2)], &many] {
            let size = if holes.len() > 2 { 1 << 20 } else { 9 };
            assert_eq!(with(size, None, holes), Err(ManifestError::Holes), "{holes:?}");
        }
        assert_eq!(with(9, Some(0o4755), &[]), Err(ManifestError::Permissions));
    }

    #[test]
    fn counts_that_lie_are_refused() {
        assert_eq!(
            ManifestBuilder::announced(OfferKind::Files, u64::MAX, 0).err(),
            Some(ManifestError::TooMany(u64::MAX))
        );
        let mut builder = ManifestBuilder::announced(OfferKind::Files, 1, 2).unwrap();
        builder.push(file("a", 1)).unwrap();
        assert_eq!(builder.push(file("b", 1)), Err(ManifestError::TooMany(2)));
        let builder = ManifestBuilder::announced(OfferKind::Files, 1, 0).unwrap();
        assert_eq!(builder.finish(), Err(ManifestError::TooFew { held: 0, announced: 1 }));
    }

    #[test]
    fn names_may_not_fill_the_memory() {
        let nearly_full =
            ManifestBuilder { names_bytes: MAX_NAMES_BYTES - 3, ..ManifestBuilder::new(OfferKind::Files) };
        let mut builder = nearly_full;
        assert_eq!(builder.push(folder("abc")), Ok(()));
        assert_eq!(builder.push(folder("d")), Err(ManifestError::TooMuchText));
    }

    #[test]
    fn entries_that_are_taken_back_leave_no_trace() {
        let kept = build(&[folder("a"), file("a/b", 3)]).unwrap();
        let mut builder = ManifestBuilder::growing(kept.clone());
        let names_bytes = builder.names_bytes;
        for entry in [folder("a/c"), file("a/c/d", 4), link("l", "a")] {
            builder.push(entry).unwrap();
        }
        builder.truncate(2);
        assert_eq!(builder.names_bytes, names_bytes);
        assert_eq!(builder.push(file("a/c/d", 4)), Err(ManifestError::NotBelowFolder));
        builder.push(file("l", 4)).unwrap();
        builder.truncate(2);
        assert_eq!(builder.finish(), Ok(kept));
    }

    #[test]
    fn a_text_or_a_stream_is_exactly_one_file() {
        for kind in [OfferKind::Text, OfferKind::Stream] {
            assert_eq!(ManifestBuilder::new(kind).finish(), Err(ManifestError::Kind));
            let mut builder = ManifestBuilder::new(kind);
            builder.push(file("a", 0)).unwrap();
            assert!(builder.finish().is_ok());
            let mut builder = ManifestBuilder::new(kind);
            builder.push(folder("a")).unwrap();
            assert_eq!(builder.finish(), Err(ManifestError::Kind));
        }
        let huge = ManifestBuilder::announced(OfferKind::Text, 1, MAX_TEXT_BYTES + 1);
        assert_eq!(huge.err(), Some(ManifestError::Sizes));
    }

    #[test]
    fn a_time_that_does_not_exist_is_refused() {
        let modified = Some(Modified { secs: 0, nanos: 1_000_000_000 });
        let odd = RawEntry { path: "a".into(), kind: RawKind::Folder { modified, permissions: None } };
        assert_eq!(build(&[odd]), Err(ManifestError::Time));
    }
}
