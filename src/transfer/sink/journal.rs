//! What a staging folder records about itself, so that a transfer can be resumed after the program has ended: which
//! offer its bytes belong to, and which blocks are there.
//!
//! `offer` is written once, to a temporary name that is then renamed. It begins with a header of 96 bytes: version and
//! length of what follows the header (both little-endian `u64`), 16 random bytes, BLAKE3 of what follows, and the seal
//! of all this with the user's [`StagingKey`]. `postcard(selection, number of entries)` and the entries follow.
//! `journal` grows by records of 32 bytes: first block, count (both little-endian `u64`), and the seal of these, which
//! is bound to the offer's seal, so that no record counts in another folder. A crash can only leave a last record whose
//! seal is wrong, and reading stops there. Blocks are written down before the sender is told of them, so what it counts
//! as stored is never sent again.
//!
//! A folder whose header has no right seal is not read any further, whatever it holds. Both files are hints: nothing is
//! flushed for them, and a transfer that uses them still checks the data against the sender's hashes.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Write},
    path::Path,
    sync::Mutex,
};

use super::staging_key::{OFFER_SEAL_LEN, RECORD_SEAL_LEN, StagingKey};
use crate::{
    platform,
    protocol::{
        frame,
        manifest::{MAX_ENTRIES, Manifest, ManifestBuilder, OfferKind, RawEntry},
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
pub(crate) const VERSION: u64 = 2;
/// Bytes of a record in the journal.
const RECORD_LEN: usize = 16 + RECORD_SEAL_LEN;
/// Bytes of a BLAKE3 hash.
const HASH_LEN: usize = 32;
/// Bytes of the part of the offer's header that is sealed: version, length, random bytes, hash.
const SEALED_LEN: usize = 8 + 8 + 16 + HASH_LEN;
/// Bytes of the offer's header.
const HEADER_LEN: usize = SEALED_LEN + OFFER_SEAL_LEN;
/// The most bytes of an offer's file that are read: more than this program ever writes, since an offer has at most
/// [`MAX_NAMES_BYTES`](crate::protocol::manifest::MAX_NAMES_BYTES) of names.
const MAX_OFFER_BYTES: u64 = 512 * 1024 * 1024;
/// An offer of more blocks, which is one of more than 32 TiB, is not read: going through them would take long.
const MAX_BLOCKS: u64 = 1 << 24;

/// The seal of an offer's file, to which all records in the journal are bound.
type OfferSeal = [u8; OFFER_SEAL_LEN];

/// The open journal of a staging folder.
pub(crate) struct Journal {
    /// The file, and how much of it holds whole records.
    file: Mutex<(File, u64)>,
    key: StagingKey,
    offer: OfferSeal,
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
        key: &StagingKey,
        manifest: &Manifest,
        wanted: &Wanted,
        held: &BlockSet,
    ) -> io::Result<Self> {
        let (bytes, offer) = offer_file(key, manifest, wanted)?;
        let temporary = folder.join(OFFER_TEMPORARY);
        fs::write(&temporary, bytes)?;
        fs::rename(temporary, folder.join(OFFER))?;
        let file = OpenOptions::new().create(true).append(true).open(folder.join(JOURNAL))?;
        let journal = Self { file: Mutex::new((file, 0)), key: key.clone(), offer };
        journal.append(&held.ranges())?;
        Ok(journal)
    }

    /// Adds blocks that are stored now, as (first, count).
    pub(crate) fn append(&self, ranges: &[(u64, u64)]) -> io::Result<()> {
        let records: Vec<u8> =
            ranges.iter().flat_map(|range| record(&self.key, &self.offer, *range)).collect();
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

/// Whether a staging folder was made by a program of the user to whom `key` belongs. Reads no more than the offer's
/// header.
pub(crate) fn is_own(key: &StagingKey, folder: &Path) -> bool {
    let header = platform::open_own(&folder.join(OFFER), false).and_then(|offer| Header::read(key, offer));
    header.is_ok()
}

/// Reads what a staging folder records about itself. Fails if that can't be read, makes no sense, or was not written by
/// a program of the user to whom `key` belongs.
pub(crate) fn load(key: &StagingKey, folder: &Path) -> io::Result<JournalContents> {
    let [offer, journal] = [OFFER, JOURNAL].map(|name| {
        let file = platform::open_own(&folder.join(name), false)?;
        let len = file.metadata()?.len();
        Ok::<_, io::Error>((BufReader::new(file), len))
    });
    read(key, offer?, journal?)
}

/// What both files say; an error if that makes no sense.
pub(crate) fn parse(key: &StagingKey, offer: &[u8], journal: &[u8]) -> io::Result<JournalContents> {
    read(key, (offer, offer.len() as u64), (journal, journal.len() as u64))
}

/// Reads both files, whose lengths are given. Each length is compared with what the other bytes allow before anything is
/// read.
fn read(
    key: &StagingKey,
    (mut offer, offer_len): (impl Read, u64),
    (journal, journal_len): (impl Read, u64),
) -> io::Result<JournalContents> {
    let header = Header::read(key, &mut offer)?;
    if header.body_len > MAX_OFFER_BYTES || offer_len != HEADER_LEN as u64 + header.body_len {
        return Err(nonsense());
    }
    let mut body = Vec::new();
    offer.take(header.body_len).read_to_end(&mut body)?;
    if *blake3::hash(&body).as_bytes() != header.body_hash {
        return Err(nonsense());
    }
    let (manifest, wanted) = decode(&body)?;
    drop(body);
    let plan = Plan::new(&manifest, |index| wanted.contains(index));
    // Each block is written down once, and once more if it was damaged; a crash may leave part of a record.
    if plan.blocks() > MAX_BLOCKS || journal_len > (2 * plan.blocks() + 1) * RECORD_LEN as u64 {
        return Err(nonsense());
    }
    let held = read_records(key, journal, &header.seal, plan.blocks())?;
    Ok(JournalContents { manifest, plan, held })
}

/// The header of an offer's file, whose seal is right.
struct Header {
    body_len: u64,
    body_hash: [u8; HASH_LEN],
    seal: OfferSeal,
}

impl Header {
    fn read(key: &StagingKey, mut offer: impl Read) -> io::Result<Self> {
        let mut bytes = [0; HEADER_LEN];
        offer.read_exact(&mut bytes)?;
        let (sealed, seal) = bytes.split_at(SEALED_LEN);
        let seal: OfferSeal = seal.try_into().map_err(|_| nonsense())?;
        if key.seal_offer(sealed) != seal || word(sealed, 0) != VERSION {
            return Err(nonsense());
        }
        let body_hash = sealed.last_chunk().copied().ok_or_else(nonsense)?;
        Ok(Self { body_len: word(sealed, 8), body_hash, seal })
    }
}

/// The offer, and which of its entries were wanted. Entries are decoded one by one, so that none takes memory before the
/// bounds of an offer were checked for those before it.
fn decode(body: &[u8]) -> io::Result<(Manifest, Wanted)> {
    let ((wanted, count), mut rest): ((Option<Vec<u8>>, u64), _) =
        frame::split(body).map_err(|_| nonsense())?;
    if count > MAX_ENTRIES {
        return Err(nonsense());
    }
    let mut builder = ManifestBuilder::new(OfferKind::Files);
    for _ in 0..count {
        let (entry, after): (RawEntry, _) = frame::split(rest).map_err(|_| nonsense())?;
        builder.push(entry).map_err(|_| nonsense())?;
        rest = after;
    }
    if !rest.is_empty() {
        return Err(nonsense());
    }
    let manifest = builder.finish().map_err(|_| nonsense())?;
    let wanted = Wanted::from_wire(wanted, manifest.entries().len()).ok_or_else(nonsense)?;
    Ok((manifest, wanted))
}

/// The bytes of the offer's file, and its seal.
pub(crate) fn offer_file(
    key: &StagingKey,
    manifest: &Manifest,
    wanted: &Wanted,
) -> io::Result<(Vec<u8>, OfferSeal)> {
    let mut body = frame::to_bytes(&(wanted.to_wire(), manifest.entries().len() as u64));
    for entry in manifest.entries() {
        body.extend(frame::to_bytes(&entry.to_raw()));
    }
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|_| io::ErrorKind::Unsupported)?;
    Ok(sealed_offer(key, VERSION, nonce, &body))
}

/// An offer's file with this body, and its seal.
pub(crate) fn sealed_offer(
    key: &StagingKey,
    version: u64,
    nonce: [u8; 16],
    body: &[u8],
) -> (Vec<u8>, OfferSeal) {
    let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
    bytes.extend(version.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(nonce);
    bytes.extend(blake3::hash(body).as_bytes());
    let seal = key.seal_offer(&bytes);
    bytes.extend(seal);
    bytes.extend(body);
    (bytes, seal)
}

/// The blocks of all sound records, up to the first that isn't.
fn read_records(
    key: &StagingKey,
    mut journal: impl Read,
    offer: &OfferSeal,
    blocks: u64,
) -> io::Result<BlockSet> {
    let mut held = BlockSet::default();
    let mut left = 2 * blocks;
    let mut bytes = [0; RECORD_LEN];
    loop {
        match journal.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(held),
            Err(error) => return Err(error),
        }
        let (first, count) = (word(&bytes, 0), word(&bytes, 8));
        let is_sound = record(key, offer, (first, count)) == bytes
            && first.checked_add(count).is_some_and(|end| end <= blocks)
            && count <= left;
        if !is_sound {
            return Ok(held);
        }
        left -= count;
        held.insert_range(first..first + count);
    }
}

/// One record of the journal.
pub(crate) fn record(key: &StagingKey, offer: &OfferSeal, (first, count): (u64, u64)) -> [u8; RECORD_LEN] {
    let mut bytes = [0; RECORD_LEN];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..16].copy_from_slice(&count.to_le_bytes());
    let seal = key.seal_record(offer, &bytes[..16]);
    bytes[16..].copy_from_slice(&seal);
    bytes
}

/// The little-endian number at `at`, which the caller knows to be within `bytes`.
fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]))
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this staging folder makes no sense")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{
        protocol::manifest::RawKind,
        transfer::plan::{MAX_BLOCK, MIN_BLOCK},
    };

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

    fn key() -> StagingKey {
        StagingKey::draw().unwrap()
    }

    fn created(key: &StagingKey, folder: &Path) -> Journal {
        let manifest = manifest();
        let wanted = Wanted::pick(manifest.entries(), |index| index != 2);
        Journal::create(folder, key, &manifest, &wanted, &set([3])).unwrap()
    }

    #[test]
    fn what_was_written_is_read_back() {
        let (folder, key) = (tempfile::tempdir().unwrap(), key());
        let journal = created(&key, folder.path());
        journal.append(&[(5, 2), (9, 1)]).unwrap();
        let written = load(&key, folder.path()).unwrap();
        assert_eq!(written.manifest.entries().len(), 3);
        assert_eq!((written.plan.blocks(), written.plan.wanted_files()), (21, 2));
        assert_eq!(written.held, set([3, 5, 6, 9]));
        assert!(is_own(&key, folder.path()));
    }

    #[test]
    fn what_another_user_wrote_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        created(&key(), folder.path());
        let other = key();
        assert!(load(&other, folder.path()).is_err() && !is_own(&other, folder.path()));
    }

    /// Catches a journal of one offer that is read for another, and one of an earlier transfer of the same offer.
    #[test]
    fn records_count_for_their_own_offer_only() {
        let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let key = key();
        created(&key, here.path());
        created(&key, there.path()).append(&[(5, 2)]).unwrap();
        fs::copy(there.path().join(JOURNAL), here.path().join(JOURNAL)).unwrap();
        assert_eq!(load(&key, here.path()).unwrap().held, set([]));
        fs::copy(there.path().join(OFFER), here.path().join(OFFER)).unwrap();
        assert_eq!(load(&key, here.path()).unwrap().held, set([3, 5, 6]));
    }

    #[test]
    fn a_crash_at_any_byte_leaves_a_journal_that_can_be_read() {
        let (folder, key) = (tempfile::tempdir().unwrap(), key());
        created(&key, folder.path()).append(&[(5, 2), (9, 1)]).unwrap();
        let path = folder.path().join(JOURNAL);
        let whole = fs::read(&path).unwrap();
        let after = [set([]), set([3]), set([3, 5, 6]), set([3, 5, 6, 9])];
        for len in 0..=whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert_eq!(load(&key, folder.path()).unwrap().held, after[len / RECORD_LEN], "cut at {len}");
        }
    }

    /// Both files are holes, which take no room on the disk.
    #[test]
    fn files_that_are_longer_than_they_can_be_are_not_read() {
        let (folder, key) = (tempfile::tempdir().unwrap(), key());
        for name in [JOURNAL, OFFER] {
            created(&key, folder.path());
            let file = OpenOptions::new().write(true).open(folder.path().join(name)).unwrap();
            let len = file.metadata().unwrap().len();
            file.set_len(1 << 43).unwrap();
            assert!(load(&key, folder.path()).is_err(), "{name}");
            file.set_len(len).unwrap();
        }
        let (bytes, _) = offer_file(&key, &manifest(), &Wanted::all()).unwrap();
        let longest = (2 * 21 + 1) * RECORD_LEN;
        assert!(parse(&key, &bytes, &vec![0; longest]).is_ok());
        assert!(parse(&key, &bytes, &vec![0; longest + 1]).is_err());
    }

    /// Only the user's own programs could seal these; a fault in one of them is not to cost minutes either.
    #[test]
    fn what_claims_more_than_anybody_has_is_not_gone_through() {
        let (modified, key) = (None, key());
        let kind = |size| RawKind::File { size, modified, permissions: None, holes: Vec::new() };
        let offer = |size| {
            let mut builder = ManifestBuilder::new(OfferKind::Files);
            builder.push(RawEntry { path: "a".to_owned(), kind: kind(size) }).unwrap();
            offer_file(&key, &builder.finish().unwrap(), &Wanted::all()).unwrap()
        };
        let started = Instant::now();
        let (bytes, seal) = offer(1 << 53);
        assert!(parse(&key, &bytes, &record(&key, &seal, (0, 1 << 32))).is_err());
        let blocks = MAX_BLOCKS;
        let (bytes, seal) = offer(blocks * u64::from(MAX_BLOCK));
        let everything = record(&key, &seal, (0, blocks)).repeat(1 << 14);
        assert_eq!(parse(&key, &bytes, &everything).unwrap().held.len(), blocks);
        let (bytes, _) = sealed_offer(&key, VERSION, [0; 16], &frame::to_bytes(&(None::<Vec<u8>>, u64::MAX)));
        assert!(parse(&key, &bytes, &[]).is_err());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }

    #[test]
    fn changed_bytes_are_not_believed() {
        let (folder, key) = (tempfile::tempdir().unwrap(), key());
        created(&key, folder.path()).append(&[(5, 2)]).unwrap();
        let path = folder.path().join(JOURNAL);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let held = load(&key, folder.path()).unwrap().held;
            assert_eq!(held, set((at >= RECORD_LEN).then_some(3)), "at {at}");
        }
        let path = folder.path().join(OFFER);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(load(&key, folder.path()).is_err(), "at {at}");
        }
    }

    #[test]
    fn a_block_beyond_the_plan_is_not_believed() {
        let (folder, key) = (tempfile::tempdir().unwrap(), key());
        let journal = created(&key, folder.path());
        journal.append(&[(20, 1), (21, 1), (0, 1)]).unwrap();
        assert_eq!(load(&key, folder.path()).unwrap().held, set([3, 20]));
    }
}
