//! What interrupted transfers left in a folder, and how it becomes part of the next transfer.
//!
//! Only a staging folder that one of this user's own programs made is a leftover: its offer is sealed with the user's key
//! (`staging_key`), and it and every file of it that is used belong to the user and have no other name. Any other folder
//! of such a name is as good as not there: nothing in it is read further, taken or removed.
//!
//! A file of the new offer is taken from a leftover if its path, size and time are the same: block by block if it has
//! blocks of its own, as a whole if it was packed with others. The hash decides at the end whether that was right, and
//! what was not is sent again.
//!
//! All calls block on the disk. What leftovers record is read when it is needed, one leftover after the other.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    claim::{FolderClaim, LOCK},
    journal::{self, JournalContents},
    layout::{Finder, Layout},
    staging_key::StagingKey,
};
use crate::{
    platform,
    protocol::{
        RelPath,
        manifest::{Entry, EntryKind, Hole, Manifest, Modified},
    },
    transfer::plan::{Block, Plan, blocks::BlockSet, names::STAGING_PREFIX},
};

/// The files in a staging folder that a transfer keeps for itself.
const RECORDS: [&str; 4] = [LOCK, journal::OFFER, journal::OFFER_TEMPORARY, journal::JOURNAL];

/// The staging folder of one interrupted transfer.
pub struct Leftover {
    /// The staging folder.
    pub folder: PathBuf,
    key: StagingKey,
    /// Keeps other transfers from the folder; `None` after [`Leftover::peek`].
    _claim: Option<FolderClaim>,
}

/// What interrupted transfers left in a folder.
pub struct Leftovers {
    key: StagingKey,
    list: Vec<Leftover>,
}

/// A file that is the same in a leftover and in an offer.
struct SameEntry {
    /// The index of the leftover.
    leftover: usize,
    /// The entry in the leftover's offer.
    old: u32,
    /// Its path there.
    path: RelPath,
    /// The entry in the new offer.
    new: u32,
}

impl Leftover {
    /// Claims a staging folder of the user's own that no transfer uses at the moment. `None` if one does use it, or if
    /// the folder is anything else.
    pub fn open(folder: PathBuf, key: &StagingKey) -> Option<Self> {
        let leftover = Self::peek(folder, key)?;
        let claim = FolderClaim::take(&leftover.folder)?;
        Some(Self { _claim: Some(claim), ..leftover })
    }

    /// A staging folder of the user's own that a transfer uses. The result is not to be taken from, because that
    /// transfer may go on.
    pub fn peek(folder: PathBuf, key: &StagingKey) -> Option<Self> {
        let is_own = fs::symlink_metadata(&folder).is_ok_and(|found| platform::is_own_folder(&found))
            && journal::is_own(key, &folder);
        is_own.then(|| Self { folder, key: key.clone(), _claim: None })
    }

    /// What the folder records about itself, as far as the files are there.
    fn read(&self) -> Option<JournalContents> {
        let mut written = journal::load(&self.key, &self.folder).ok()?;
        drop_what_is_missing(&self.folder, &mut written);
        Some(written)
    }

    /// Removes the staging folder and everything in it.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }
}

/// What a staging folder records about itself, if no transfer uses it at the moment. The folder is claimed only for as
/// long as it takes to find that out, so that a transfer that wants it meanwhile gets it.
pub(crate) fn glance(folder: &Path, key: &StagingKey) -> Option<JournalContents> {
    drop(Leftover::open(folder.to_owned(), key)?);
    Leftover::peek(folder.to_owned(), key)?.read()
}

/// When a staging folder was last written to, as far as that can be told.
pub(crate) fn last_change(folder: &Path) -> SystemTime {
    let journal = fs::metadata(folder.join(journal::JOURNAL));
    journal.and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

impl Leftovers {
    /// Every staging folder of the user's own in `chosen` that no transfer uses at the moment. The result keeps them
    /// claimed.
    pub fn find(chosen: &Path, key: &StagingKey) -> Self {
        let entries = fs::read_dir(chosen).into_iter().flatten();
        let folders = entries.filter_map(Result::ok).map(|entry| entry.path());
        let is_staging = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(STAGING_PREFIX))
        };
        let list = folders.filter(is_staging).filter_map(|folder| Leftover::open(folder, key)).collect();
        Self { key: key.clone(), list }
    }

    /// No leftovers, or only this one.
    pub fn of(leftover: Option<Leftover>, key: &StagingKey) -> Self {
        Self { key: key.clone(), list: leftover.into_iter().collect() }
    }

    /// The key of the user to whom they belong.
    pub(crate) fn key(&self) -> &StagingKey {
        &self.key
    }

    /// These leftovers and `others`.
    #[must_use]
    pub fn and(mut self, others: Vec<Leftover>) -> Self {
        self.list.extend(others);
        self
    }

    /// Removes the leftovers that hold files of this offer that are in place (`is_in_place`, by entry) and nothing else. One
    /// that can't be read or removed whole stays on the disk.
    pub fn remove_useless(self, manifest: &Manifest, is_in_place: impl Fn(usize) -> bool) {
        let in_place: HashMap<&RelPath, &Entry> = manifest
            .entries()
            .iter()
            .enumerate()
            .filter(|(index, _)| is_in_place(*index))
            .map(|(_, entry)| (&entry.path, entry))
            .collect();
        for leftover in self.list {
            let Some(written) = leftover.read() else { continue };
            let mut finder = Finder::new(&leftover.folder);
            let copies: HashSet<PathBuf> = (0..)
                .zip(written.manifest.entries())
                .filter(|(_, entry)| in_place.get(&entry.path).is_some_and(|same| look(same) == look(entry)))
                .filter_map(|(number, entry)| Some(finder.find(number, &entry.path)?.0))
                .collect();
            // Files count, not blocks: what the journal says nothing of may still be the only copy of something.
            let is_useless = !copies.is_empty()
                && contents(&leftover.folder)
                    .is_ok_and(|files| files.iter().all(|file| copies.contains(file)));
            let folder = leftover.folder.clone();
            if is_useless && let Err(error) = leftover.discard() {
                tracing::warn!(?folder, %error, "a leftover that is no longer of use could not be removed");
            }
        }
    }

    /// Bytes of an offer that need not be sent again if all of it is wanted, because they are here.
    pub fn bytes_of(&self, manifest: &Manifest) -> u64 {
        if self.list.is_empty() {
            return 0;
        }
        let plan = Plan::new(manifest, |_| true);
        let held = self.blocks_of(manifest, &plan);
        plan.bytes_in(&held)
    }

    /// Which blocks of `plan` these leftovers hold.
    pub fn blocks_of(&self, manifest: &Manifest, plan: &Plan) -> BlockSet {
        self.held(manifest, plan).0
    }

    /// Moves the files that are the same to where `layout` has them, and removes the leftovers that hold nothing after
    /// that.
    pub fn move_into(self, layout: &Layout, manifest: &Manifest, plan: &Plan) -> io::Result<()> {
        let (_, same) = self.held(manifest, plan);
        let mut moved = HashSet::new();
        let mut finders: Vec<_> = self.list.iter().map(|leftover| Finder::new(&leftover.folder)).collect();
        for SameEntry { leftover, old, path, new } in same {
            let (from, _) = finders[leftover].find(old, &path).ok_or(io::ErrorKind::NotFound)?;
            layout.adopt(new, &from)?;
            moved.insert(leftover);
        }
        for leftover in
            (0..).zip(self.list).filter_map(|(index, leftover)| moved.contains(&index).then_some(leftover))
        {
            // What is left may belong to another offer, which may still be sent; whatever reads the leftover then notices
            // which files are missing.
            if contents(&leftover.folder).is_ok_and(|files| files.is_empty()) {
                leftover.discard()?;
            }
        }
        Ok(())
    }

    fn held(&self, manifest: &Manifest, plan: &Plan) -> (BlockSet, Vec<SameEntry>) {
        let mut held = BlockSet::default();
        let mut same = Vec::new();
        if self.list.is_empty() {
            return (held, same);
        }
        let mut whole = HashSet::new();
        let wanted: HashMap<&RelPath, u32> = manifest
            .entries()
            .iter()
            .enumerate()
            .filter(|(index, _)| !plan.blocks_of(*index as u32).is_empty())
            .map(|(index, entry)| (&entry.path, index as u32))
            .collect();
        for (leftover, folder) in self.list.iter().enumerate() {
            let Some(written) = folder.read() else { continue };
            if written.plan.block_size() != plan.block_size() {
                continue;
            }
            for (old, entry) in written.manifest.entries().iter().enumerate() {
                let old = old as u32;
                let Some(new) = wanted.get(&entry.path).copied() else { continue };
                let is_same =
                    manifest.entries().get(new as usize).is_some_and(|new| look(new) == look(entry));
                // If two leftovers have the same file, the first one is as good as the other.
                if !is_same || whole.contains(&new) {
                    continue;
                }
                let (theirs, ours) = (written.plan.blocks_of(old), plan.blocks_of(new));
                let ranges = written.held.ranges_in(theirs.clone());
                if ranges.is_empty() {
                    continue;
                }
                if !matches!(plan.block(ours.start), Some(Block::Pack(_))) {
                    for (first, count) in ranges {
                        let first = ours.start + (first - theirs.start);
                        held.insert_range(first..first + count);
                    }
                }
                whole.insert(new);
                same.push(SameEntry { leftover, old, path: entry.path.clone(), new });
            }
        }
        let packs: HashSet<u64> = whole.iter().map(|entry| plan.blocks_of(*entry).start).collect();
        for block in packs {
            if let Some(Block::Pack(files)) = plan.block(block)
                && files.iter().all(|(entry, _)| whole.contains(entry))
            {
                held.insert(block);
            }
        }
        (held, same)
    }
}

/// Everything in a staging folder that is not a folder, without the transfer's own records.
pub(super) fn contents(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut due = vec![folder.to_owned()];
    while let Some(at) = due.pop() {
        for entry in fs::read_dir(&at)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                due.push(entry.path());
            } else if at != folder || !RECORDS.iter().any(|record| entry.file_name() == *record) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// What tells one file from another without reading it: its size in bytes, its time, and its holes, by which its blocks are
/// numbered.
fn look(entry: &Entry) -> Option<(u64, Option<Modified>, &[Hole])> {
    match &entry.kind {
        EntryKind::File { size, modified, holes, .. } => Some((*size, *modified, holes)),
        EntryKind::Folder { .. } | EntryKind::Link { .. } => None,
    }
}

/// Drops blocks whose files are missing or too short: a power cut, or the user, may have taken files that the journal
/// still names.
fn drop_what_is_missing(folder: &Path, written: &mut JournalContents) {
    let JournalContents { manifest, plan, held } = written;
    let mut finder = Finder::new(folder);
    for (number, entry) in (0..).zip(manifest.entries()) {
        let blocks = plan.blocks_of(number);
        if held.ranges_in(blocks.clone()).is_empty() {
            continue;
        }
        let len = finder.find(number, &entry.path).map_or(0, |(_, len)| len);
        if len < entry.size() {
            // The whole blocks of the file stay; a pack is one block, and not whole.
            let kept = match plan.block(blocks.start) {
                Some(Block::Part(_)) if entry.holes().is_empty() => len / u64::from(plan.block_size()),
                // A file with holes has its whole length from the start, so this one is not what it was.
                Some(_) | None => 0,
            };
            held.remove_range(blocks.start + kept..blocks.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{protocol::manifest::OfferKind, transfer::sink::staging::Staging};

    /// What an interrupted transfer of these entries left in `chosen`, with every block stored.
    fn left(key: &StagingKey, chosen: &Path, kind: OfferKind, entries: &[(&str, u64)]) -> PathBuf {
        let manifest = Arc::new(Manifest::made_up(kind, entries));
        let plan = Plan::new(&manifest, |_| true);
        let staging = Staging::of_all(chosen, 7, manifest, Leftovers::of(None, key));
        let blocks = if kind == OfferKind::Stream { 1 } else { plan.blocks() };
        for block in 0..blocks {
            let len = if kind == OfferKind::Stream { 5 } else { plan.block_len(block).unwrap() };
            staging.store(block, &vec![7; len as usize]).unwrap();
            staging.note_stored(&[(block, 1)]).unwrap();
        }
        staging.keep();
        staging.folder().to_owned()
    }

    /// Removes what is useless once these files of an offer are in place.
    fn remove_useless(key: &StagingKey, chosen: &Path, in_place: &[(&str, u64)]) {
        Leftovers::find(chosen, key).remove_useless(&Manifest::made_up(OfferKind::Files, in_place), |_| true);
    }

    #[test]
    fn a_leftover_goes_only_when_every_file_in_it_is_in_place() {
        let (chosen, key) = (tempfile::tempdir().unwrap(), StagingKey::draw().unwrap());
        let folder = left(&key, chosen.path(), OfferKind::Files, &[("a.txt", 3), ("b.txt", 4)]);
        remove_useless(&key, chosen.path(), &[("c.txt", 3)]);
        remove_useless(&key, chosen.path(), &[("a.txt", 3)]);
        remove_useless(&key, chosen.path(), &[("a.txt", 3), ("b.txt", 5)]);
        assert!(folder.is_dir());
        remove_useless(&key, chosen.path(), &[("a.txt", 3), ("b.txt", 4)]);
        assert!(!folder.exists());
    }

    /// Both files shared a block, and one of them got its real name before the transfer broke off. The journal then speaks
    /// for neither.
    #[test]
    fn a_file_whose_block_no_longer_counts_is_not_lost() {
        let (chosen, key) = (tempfile::tempdir().unwrap(), StagingKey::draw().unwrap());
        let folder = left(&key, chosen.path(), OfferKind::Files, &[("a.txt", 3), ("b.txt", 4)]);
        let mut finder = Finder::new(&folder);
        let (a, _) = finder.find(0, &RelPath::new("a.txt").unwrap()).unwrap();
        let (b, _) = finder.find(1, &RelPath::new("b.txt").unwrap()).unwrap();
        fs::rename(a, chosen.path().join("a.txt")).unwrap();
        remove_useless(&key, chosen.path(), &[("a.txt", 3)]);
        assert!(b.is_file());
    }

    /// Its sender can't read it again.
    #[test]
    fn a_stream_is_not_lost() {
        let (chosen, key) = (tempfile::tempdir().unwrap(), StagingKey::draw().unwrap());
        let folder = left(&key, chosen.path(), OfferKind::Stream, &[("stream", 0)]);
        remove_useless(&key, chosen.path(), &[("a.txt", 3)]);
        remove_useless(&key, chosen.path(), &[("stream", 5)]);
        assert!(folder.is_dir());
    }

    /// Only an administrator can give files away, so for anybody else this tries nothing.
    #[cfg(unix)]
    #[test]
    fn what_belongs_to_another_user_is_no_leftover() {
        use std::os::unix::fs::{MetadataExt, chown};
        let (chosen, key) = (tempfile::tempdir().unwrap(), StagingKey::draw().unwrap());
        let entries = [("a.txt", 3)];
        let folder = left(&key, chosen.path(), OfferKind::Files, &entries);
        let found =
            || Leftovers::find(chosen.path(), &key).bytes_of(&Manifest::made_up(OfferKind::Files, &entries));
        assert_eq!(found(), 3);
        let user = fs::metadata(&folder).unwrap().uid();
        let files = [LOCK, journal::OFFER, journal::JOURNAL, "0"].map(|name| folder.join(name));
        for path in files.iter().chain([&folder]) {
            if chown(path, Some(user + 4711), None).is_err() {
                return;
            }
            assert_eq!(found(), 0, "{path:?}");
            chown(path, Some(user), None).unwrap();
        }
        assert_eq!(found(), 3);
    }

    #[test]
    fn what_no_transfer_put_there_is_not_lost() {
        let (chosen, key) = (tempfile::tempdir().unwrap(), StagingKey::draw().unwrap());
        let folder = left(&key, chosen.path(), OfferKind::Files, &[("a.txt", 3)]);
        fs::write(folder.join("note"), "mine").unwrap();
        remove_useless(&key, chosen.path(), &[("a.txt", 3)]);
        assert!(folder.join("note").is_file());
    }
}
