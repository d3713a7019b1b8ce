//! What a staging folder records about itself, so that a transfer can be resumed after the program has ended: which
//! offer its bytes belong to, and which blocks are there.
//!
//! `offer` is written once, to a temporary name that is then renamed: `postcard(version, selection, entries) ‖ BLAKE3
//! of that`. `journal` grows by records of 24 bytes: first block, count (both little-endian `u64`), and the first 8
//! bytes of BLAKE3 over the offer's hash and these. A crash can only leave a last record that fails its check, and
//! reading stops there. Blocks are written down before the sender is told of them, so what it counts as stored is never
//! sent again.
//!
//! Both files are hints: nothing is flushed for them, and a transfer that uses them still checks the data against the
//! sender's hashes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    path::Path,
    sync::Mutex,
};

use crate::{
    protocol::{
        frame,
        manifest::{Entry, Manifest, ManifestBuilder, OfferKind, RawEntry},
    },
    sync::lock,
    transfer::plan::{Plan, Wanted, blocks::BlockSet},
};

/// The name of the offer's file.
pub(crate) const OFFER: &str = "offer";
/// The name of the offer's file until all of it is written.
pub(crate) const OFFER_TEMPORARY: &str = "offer.new";
/// The journal's name. The file changes whenever blocks are stored.
pub(crate) const JOURNAL: &str = "journal";
/// The version of both files' layout; a reader refuses any other.
const VERSION: u16 = 1;
/// Bytes of a record in the journal.
const RECORD_LEN: usize = 24;
/// Bytes of a BLAKE3 hash.
const HASH_LEN: usize = 32;
/// The most bytes of an offer's file that are read: more than this program ever writes, since an offer has at most
/// [`MAX_NAMES_BYTES`](crate::protocol::manifest::MAX_NAMES_BYTES) of names.
const MAX_OFFER_BYTES: u64 = 512 * 1024 * 1024;
/// An offer of more blocks, which is one of more than 32 TiB, is not read: going through them would take long, and any
/// program that can write to the folder can claim any number.
const MAX_BLOCKS: u64 = 1 << 24;

/// What the offer's file holds: version, selection, entries.
type OfferFile = (u16, Option<Vec<u8>>, Vec<RawEntry>);

/// The open journal of a staging folder.
pub(crate) struct Journal {
    /// The file, and how much of it holds whole records.
    file: Mutex<(File, u64)>,
    offer: [u8; HASH_LEN],
}

/// What a staging folder records about itself.
pub(crate) struct JournalContents {
    /// The offer.
    pub manifest: Manifest,
    /// The plan of the entries that were wanted.
    pub plan: Plan,
    /// The blocks of that plan that are stored.
    pub held: BlockSet,
}

impl Journal {
    /// Writes the offer, and the blocks that are there from the start.
    pub(crate) fn create(
        folder: &Path,
        manifest: &Manifest,
        wanted: &Wanted,
        held: &BlockSet,
    ) -> io::Result<Self> {
        let (bytes, offer) = offer_file(manifest, wanted);
        let temporary = folder.join(OFFER_TEMPORARY);
        fs::write(&temporary, bytes)?;
        fs::rename(temporary, folder.join(OFFER))?;
        let file = OpenOptions::new().create(true).append(true).open(folder.join(JOURNAL))?;
        let journal = Self { file: Mutex::new((file, 0)), offer };
        journal.append(&held.ranges())?;
        Ok(journal)
    }

    /// Adds blocks that are stored now, as (first, count).
    pub(crate) fn append(&self, ranges: &[(u64, u64)]) -> io::Result<()> {
        let records: Vec<u8> = ranges.iter().flat_map(|range| record(&self.offer, *range)).collect();
        let mut locked = lock(&self.file);
        let (file, len) = &mut *locked;
        match file.write_all(&records) {
            Ok(()) => {
                *len += records.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A partial record would hide all that follow.
                file.set_len(*len)?;
                Err(error)
            }
        }
    }
}

/// Reads what a staging folder records about itself. Fails if that can't be read or makes no sense.
pub(crate) fn load(folder: &Path) -> io::Result<JournalContents> {
    let file = File::open(folder.join(OFFER))?;
    let len = file.metadata()?.len();
    if len > MAX_OFFER_BYTES {
        return Err(nonsense());
    }
    let mut offer = Vec::new();
    file.take(len).read_to_end(&mut offer)?;
    parse(&offer, BufReader::new(File::open(folder.join(JOURNAL))?))
}

/// What both files say; an error if that makes no sense.
pub(crate) fn parse(offer: &[u8], journal: impl Read) -> io::Result<JournalContents> {
    let (body, offer) = offer.split_last_chunk::<HASH_LEN>().ok_or_else(nonsense)?;
    if blake3::hash(body).as_bytes() != offer {
        return Err(nonsense());
    }
    let (version, wanted, entries): OfferFile = frame::from_bytes(body).map_err(|_| nonsense())?;
    if version != VERSION {
        return Err(nonsense());
    }
    let mut builder = ManifestBuilder::new(OfferKind::Files);
    let count = entries.len();
    for entry in entries {
        builder.push(entry).map_err(|_| nonsense())?;
    }
    let manifest = builder.finish().map_err(|_| nonsense())?;
    let wanted = Wanted::from_wire(wanted, count).ok_or_else(nonsense)?;
    let plan = Plan::new(&manifest, |index| wanted.contains(index));
    if plan.blocks() > MAX_BLOCKS {
        return Err(nonsense());
    }
    let held = read_records(journal, offer, plan.blocks())?;
    Ok(JournalContents { manifest, plan, held })
}

/// The bytes of the offer's file, and the hash that they end in.
pub(crate) fn offer_file(manifest: &Manifest, wanted: &Wanted) -> (Vec<u8>, [u8; HASH_LEN]) {
    let entries: Vec<RawEntry> = manifest.entries().iter().map(Entry::to_raw).collect();
    let mut bytes = frame::to_bytes(&(VERSION, wanted.to_wire(), entries));
    let offer = *blake3::hash(&bytes).as_bytes();
    bytes.extend_from_slice(&offer);
    (bytes, offer)
}

/// The blocks of all sound records, up to the first that isn't.
fn read_records(mut journal: impl Read, offer: &[u8; HASH_LEN], blocks: u64) -> io::Result<BlockSet> {
    let mut held = BlockSet::default();
    // Each block is written down once, and once more if it was damaged.
    let mut left = 2 * blocks;
    let mut bytes = [0; RECORD_LEN];
    loop {
        match journal.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(held),
            Err(error) => return Err(error),
        }
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        let (first, count) = (word(0), word(8));
        let is_sound = record(offer, (first, count)) == bytes
            && first.checked_add(count).is_some_and(|end| end <= blocks)
            && count <= left;
        if !is_sound {
            return Ok(held);
        }
        left -= count;
        held.extend(first..first + count);
    }
}

/// One record of the journal.
pub(crate) fn record(offer: &[u8; HASH_LEN], (first, count): (u64, u64)) -> [u8; RECORD_LEN] {
    let mut bytes = [0; RECORD_LEN];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..16].copy_from_slice(&count.to_le_bytes());
    let check = blake3::Hasher::new().update(offer).update(&bytes[..16]).finalize();
    bytes[16..].copy_from_slice(&check.as_bytes()[..8]);
    bytes
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this staging folder makes no sense")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{protocol::manifest::RawKind, transfer::plan::MIN_BLOCK};

    fn manifest() -> Manifest {
        Manifest::made_up(
            OfferKind::Files,
            &[("small", 7), ("large", 20 * u64::from(MIN_BLOCK)), ("unwanted", 9)],
        )
    }

    fn set(blocks: impl IntoIterator<Item = u64>) -> BlockSet {
        let mut set = BlockSet::default();
        set.extend(blocks);
        set
    }

    fn created(folder: &Path) -> Journal {
        let manifest = manifest();
        let wanted = Wanted::pick(manifest.entries(), |index| index != 2);
        Journal::create(folder, &manifest, &wanted, &set([3])).unwrap()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let journal = created(folder.path());
        journal.append(&[(5, 2), (9, 1)]).unwrap();
        let written = load(folder.path()).unwrap();
        assert_eq!(written.manifest.entries().len(), 3);
        assert_eq!((written.plan.blocks(), written.plan.wanted_files()), (21, 2));
        assert_eq!(written.held, set([3, 5, 6, 9]));
    }

    #[test]
    fn a_crash_at_any_byte_leaves_a_journal_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        created(folder.path()).append(&[(5, 2), (9, 1)]).unwrap();
        let path = folder.path().join(JOURNAL);
        let whole = fs::read(&path).unwrap();
        let after = [set([]), set([3]), set([3, 5, 6]), set([3, 5, 6, 9])];
        for len in 0..=whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert_eq!(load(folder.path()).unwrap().held, after[len / RECORD_LEN], "cut at {len}");
        }
    }

    #[test]
    fn a_journal_with_an_endless_tail_is_read_up_to_there() {
        let folder = tempfile::tempdir().unwrap();
        created(folder.path());
        let journal = OpenOptions::new().write(true).open(folder.path().join(JOURNAL)).unwrap();
        // A hole, which takes no room on the disk.
        journal.set_len(1 << 43).unwrap();
        assert_eq!(load(folder.path()).unwrap().held, set([3]));
    }

    /// Both are put together by hand; anybody who can write to the folder can do that. Going through them would take minutes.
    #[test]
    fn what_claims_more_blocks_than_anybody_has_is_not_gone_through() {
        let modified = None;
        let kind = |size| RawKind::File { size, modified, executable: false };
        let offer = |size| {
            let mut builder = ManifestBuilder::new(OfferKind::Files);
            builder.push(RawEntry { path: "a".to_owned(), kind: kind(size) }).unwrap();
            offer_file(&builder.finish().unwrap(), &Wanted::all())
        };
        let (bytes, hash) = offer(1 << 53);
        assert!(parse(&bytes, &record(&hash, (0, 1 << 32))[..]).is_err());

        let (bytes, hash) = offer(1 << 38);
        let everything = record(&hash, (0, 1 << 19)).repeat(1 << 14);
        let started = Instant::now();
        assert_eq!(parse(&bytes, &everything[..]).unwrap().held.len(), 1 << 19);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn changed_bytes_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        created(folder.path()).append(&[(5, 2)]).unwrap();
        let path = folder.path().join(JOURNAL);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(load(folder.path()).unwrap().held, set((at >= RECORD_LEN).then_some(3)), "at {at}");
        }
        let path = folder.path().join(OFFER);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(load(folder.path()).is_err(), "at {at}");
        }
    }

    /// Catches a journal of one offer that is read for another.
    #[test]
    fn a_block_beyond_the_plan_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let journal = created(folder.path());
        journal.append(&[(20, 1), (21, 1), (0, 1)]).unwrap();
        assert_eq!(load(folder.path()).unwrap().held, set([3, 20]));
    }
}
