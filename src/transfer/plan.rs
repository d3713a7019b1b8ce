//! The plan: how the bytes of the wanted files become one sequence of blocks. Pure; both sides compute the same plan from
//! the same manifest and selection.
//!
//! A file of at least one block starts on a block of its own. Smaller files are packed together, so that ten thousand of
//! them cost no more round trips than one file of their total size. Empty files take no block, and neither does a part of a
//! file that lies in one of its holes. A stream has no known end; every block of it is full except the last.
//!
//! The other pure parts of a transfer are beside it:
//!
//! - [`blocks`]: sets of block numbers
//! - [`file_count`]: how many files are complete
//! - [`tree_hash`]: the BLAKE3 of a file from the hashes of its blocks
//! - [`names`]: names that this system can't store, and the names that take their place
//! - [`placement`]: where each entry of an offer goes in the receiver's folder

pub mod blocks;
pub(crate) mod file_count;
pub(crate) mod names;
pub(crate) mod placement;
pub mod tree_hash;

use std::ops::Range;

use crate::protocol::manifest::{Entry, Hole, Manifest, OfferKind};
use blocks::BlockSet;

/// The smallest block size in bytes. It is a power of two of at least 1,024, so that a block of a file is a subtree of its
/// BLAKE3.
pub const MIN_BLOCK: u32 = 256 * 1024;
/// The largest block size in bytes: each lane holds a few blocks in memory.
pub const MAX_BLOCK: u32 = 2 * 1024 * 1024;
/// The block size doubles, up to [`MAX_BLOCK`], until an offer has no more than about this many blocks. Their bitmap then
/// takes 64 KiB.
const MANY_BLOCKS: u64 = 1 << 19;
/// The most files in one pack. It keeps the work for a pack about as large as the work for any other block.
const MAX_PACKED: usize = 512;

/// A part of a block: `len` bytes of `entry` from `offset` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Index of the entry in the manifest.
    pub entry: u32,
    /// How many blocks of the file are before it.
    pub number: u64,
    /// Where in the file the segment starts, in bytes.
    pub offset: u64,
    /// The segment's length in bytes. For a stream it is always that of a full block, though the last block may be shorter.
    pub len: u32,
}

/// What one block holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block<'a> {
    /// A part of one file.
    Part(Segment),
    /// Whole small files, one after the other, each as its entry and its size in bytes.
    Pack(&'a [(u32, u32)]),
}

/// The blocks of a transfer: which bytes of which wanted entries each of them holds.
#[derive(Debug)]
pub struct Plan {
    block_size: u32,
    /// Sorted by their first block.
    runs: Vec<Run>,
    /// The index in `runs` for each entry of the manifest, or [`NO_RUN`].
    run_of_entry: Vec<u32>,
    blocks: u64,
    bytes: u64,
    wanted_files: u64,
}

/// Blocks that follow each other and hold the same kind of content.
#[derive(Debug)]
struct Run {
    first_block: u64,
    content: RunContent,
}

#[derive(Debug)]
enum RunContent {
    File { entry: u32, size: u64, data: DataBlocks },
    Pack(Box<[(u32, u32)]>),
    Stream { entry: u32 },
}

/// The parts of a file that have blocks, each as the first of the file's blocks in it, counted as if the file had no holes, and
/// how many blocks with bytes are before that one. A file without holes has none, because all of it has blocks.
#[derive(Debug, Default)]
struct DataBlocks {
    parts: Box<[DataPart]>,
    /// All blocks with bytes, in a file with holes.
    count: u64,
}

#[derive(Debug, Clone, Copy)]
struct DataPart {
    first: u64,
    before: u64,
}

impl DataBlocks {
    /// The blocks of a file of this size that don't lie in a hole as a whole.
    fn of(size: u64, holes: &[Hole], block_size: u64) -> Self {
        let end = size.div_ceil(block_size);
        let mut parts = Vec::new();
        let (mut first, mut before) = (0, 0);
        for hole in holes {
            let from = hole.start.div_ceil(block_size);
            let to = if hole.end == size { end } else { hole.end / block_size };
            if from >= to {
                continue;
            }
            if first < from {
                parts.push(DataPart { first, before });
                before += from - first;
            }
            first = to;
        }
        if first == 0 {
            return Self { parts: Box::default(), count: end };
        }
        if first < end {
            parts.push(DataPart { first, before });
            before += end - first;
        }
        Self { parts: parts.into(), count: before }
    }

    /// Bytes in all blocks of the file, which has this size.
    fn bytes(&self, size: u64, block_size: u64) -> u64 {
        let last = self.count.saturating_sub(1);
        last * block_size + (size - self.place(last) * block_size).min(block_size)
    }

    /// Where block `number` of those with bytes is among all of the file's blocks.
    fn place(&self, number: u64) -> u64 {
        let at = self.parts.partition_point(|part| part.before <= number).checked_sub(1);
        at.and_then(|at| self.parts.get(at)).map_or(number, |part| part.first + (number - part.before))
    }
}

/// Stands for the run of an entry that takes no block.
const NO_RUN: u32 = u32::MAX;

impl Plan {
    /// Plans the entries of `manifest` whose index `wanted` picks.
    pub fn new(manifest: &Manifest, wanted: impl Fn(usize) -> bool) -> Self {
        let mut plan = Self {
            block_size: block_size(manifest.data_bytes()),
            runs: Vec::new(),
            run_of_entry: vec![NO_RUN; manifest.entries().len()],
            blocks: 0,
            bytes: 0,
            wanted_files: 0,
        };
        let mut pack = Vec::new();
        let mut packed_bytes = 0;
        for (index, entry) in manifest.entries().iter().enumerate() {
            if !entry.is_file() || !wanted(index) {
                continue;
            }
            plan.wanted_files += 1;
            let (number, size) = (index as u32, entry.size());
            if manifest.kind() == OfferKind::Stream {
                plan.push_run(RunContent::Stream { entry: number });
                plan.blocks = u64::MAX;
            } else if size >= u64::from(plan.block_size) {
                let data = DataBlocks::of(size, entry.holes(), u64::from(plan.block_size));
                if data.count > 0 {
                    plan.push_run(RunContent::File { entry: number, size, data });
                }
            } else if size > 0 {
                if packed_bytes + size > u64::from(plan.block_size) || pack.len() == MAX_PACKED {
                    plan.push_run(RunContent::Pack(std::mem::take(&mut pack).into()));
                    packed_bytes = 0;
                }
                pack.push((number, size as u32));
                packed_bytes += size;
            }
        }
        if !pack.is_empty() {
            plan.push_run(RunContent::Pack(pack.into()));
        }
        plan
    }

    /// The number of blocks; `u64::MAX` for a stream.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// The bytes of all blocks together; zero for a stream.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number of wanted files, including empty ones.
    pub fn wanted_files(&self) -> u64 {
        self.wanted_files
    }

    /// How many wanted files take no block: empty ones, and those that are nothing but holes.
    pub(crate) fn files_without_blocks(&self) -> u64 {
        let files = |run: &Run| match &run.content {
            RunContent::File { .. } | RunContent::Stream { .. } => 1,
            RunContent::Pack(files) => files.len() as u64,
        };
        self.wanted_files - self.runs.iter().map(files).sum::<u64>()
    }

    /// The size of a full block in bytes.
    pub fn block_size(&self) -> u32 {
        self.block_size
    }

    /// The index of the stream's entry, if this is the plan of a stream.
    pub fn stream(&self) -> Option<u32> {
        match self.runs.first()?.content {
            RunContent::Stream { entry } => Some(entry),
            RunContent::File { .. } | RunContent::Pack(_) => None,
        }
    }

    /// What block `index` holds; `None` past the end.
    pub fn block(&self, index: u64) -> Option<Block<'_>> {
        if index >= self.blocks {
            return None;
        }
        let at = self.runs.partition_point(|run| run.first_block <= index).checked_sub(1)?;
        let run = self.runs.get(at)?;
        let number = index - run.first_block;
        let block_size = u64::from(self.block_size);
        Some(match &run.content {
            RunContent::File { entry, size, data } => {
                let offset = data.place(number).checked_mul(block_size)?;
                let len = size.checked_sub(offset)?.min(block_size) as u32;
                Block::Part(Segment { entry: *entry, number, offset, len })
            }
            RunContent::Pack(files) => Block::Pack(files),
            RunContent::Stream { entry } => {
                let offset = number.checked_mul(block_size)?;
                Block::Part(Segment { entry: *entry, number, offset, len: self.block_size })
            }
        })
    }

    /// Where block `index` begins in its file; 0 for a pack and past the end.
    pub fn offset_of(&self, index: u64) -> u64 {
        match self.block(index) {
            Some(Block::Part(segment)) => segment.offset,
            Some(Block::Pack(_)) | None => 0,
        }
    }

    /// How many bytes block `index` holds; for a stream, the most that it may hold. `None` past the end.
    pub fn block_len(&self, index: u64) -> Option<u32> {
        Some(match self.block(index)? {
            Block::Part(segment) => segment.len,
            Block::Pack(files) => files.iter().map(|(_, size)| size).sum(),
        })
    }

    /// How many bytes these blocks hold together.
    pub fn bytes_in(&self, blocks: &BlockSet) -> u64 {
        let block_size = u64::from(self.block_size);
        let bytes_of = |run: &Run| match &run.content {
            RunContent::File { entry, size, data } => {
                let ranges = blocks.ranges_in(self.blocks_of(*entry)).into_iter();
                // Only the last block of a file may be shorter than the others.
                let bytes = data.bytes(*size, block_size);
                let start = |block: u64| ((block - run.first_block) * block_size).min(bytes);
                ranges.map(|(first, count)| start(first + count) - start(first)).sum()
            }
            RunContent::Pack(files) if blocks.contains(run.first_block) => {
                files.iter().map(|(_, size)| u64::from(*size)).sum()
            }
            RunContent::Pack(_) => 0,
            RunContent::Stream { .. } => blocks.len() * block_size,
        };
        self.runs.iter().map(bytes_of).sum()
    }

    /// The blocks that hold bytes of `entry`. For a small file it is the one block of its pack, and for an entry without
    /// bytes, or one that isn't wanted, there are none.
    pub fn blocks_of(&self, entry: u32) -> Range<u64> {
        let run = self.run_of_entry.get(entry as usize).and_then(|run| self.runs.get(*run as usize));
        run.map_or(0..0, |run| match &run.content {
            RunContent::File { data, .. } => run.first_block..run.first_block + data.count,
            RunContent::Pack(_) => run.first_block..run.first_block + 1,
            RunContent::Stream { .. } => 0..u64::MAX,
        })
    }

    /// Where a segment begins among the bytes of its file that blocks hold. The hash of a file is that of these bytes, which is all
    /// of them in a file without holes.
    pub fn offset_in_data(&self, segment: Segment) -> u64 {
        segment.number * u64::from(self.block_size)
    }

    /// How many bytes of `entry` blocks hold.
    pub fn bytes_of(&self, entry: u32) -> u64 {
        self.segments_of(entry).map(|segment| u64::from(segment.len)).sum()
    }

    /// The parts of `entry` that blocks hold, first to last: all of a small file, and the blocks of another one. None for an
    /// entry without bytes, or one that isn't wanted. Must not be called for a stream, whose blocks have no end.
    pub fn segments_of(&self, entry: u32) -> impl Iterator<Item = Segment> {
        debug_assert!(self.stream().is_none(), "a stream's blocks have no end");
        self.blocks_of(entry).filter_map(move |block| match self.block(block)? {
            Block::Part(segment) => Some(segment),
            Block::Pack(files) => files.iter().find(|(packed, _)| *packed == entry).map(|(_, len)| Segment {
                entry,
                number: 0,
                offset: 0,
                len: *len,
            }),
        })
    }

    fn push_run(&mut self, content: RunContent) {
        let number = self.runs.len() as u32;
        let first_block = self.blocks;
        match &content {
            RunContent::File { entry, size, data } => {
                self.run_of_entry[*entry as usize] = number;
                self.blocks += data.count;
                self.bytes += data.bytes(*size, u64::from(self.block_size));
            }
            RunContent::Pack(files) => {
                for (entry, size) in files {
                    self.run_of_entry[*entry as usize] = number;
                    self.bytes += u64::from(*size);
                }
                self.blocks += 1;
            }
            RunContent::Stream { entry } => self.run_of_entry[*entry as usize] = number,
        }
        self.runs.push(Run { first_block, content });
    }
}

/// The block size in bytes for an offer of `bytes` in all.
fn block_size(bytes: u64) -> u32 {
    let mut size = MIN_BLOCK;
    while size < MAX_BLOCK && bytes / u64::from(size) > MANY_BLOCKS {
        size *= 2;
    }
    size
}

/// Whether all of `bytes` are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Most blocks differ in the first few bytes; within a part, the compiler compares many bytes at once.
    bytes.chunks(1024).all(|part| part.iter().fold(0, |all, byte| all | byte) == 0)
}

/// Which entries of a manifest the receiver wants. `None` means every entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted(Option<Vec<u8>>);

impl Wanted {
    /// A selection of every entry.
    pub fn all() -> Self {
        Self(None)
    }

    /// A selection of the entries whose index `pick` picks.
    pub fn pick(entries: &[Entry], pick: impl Fn(usize) -> bool) -> Self {
        let mut bits = vec![0u8; entries.len().div_ceil(8)];
        let mut every = true;
        for index in 0..entries.len() {
            if pick(index) {
                bits[index / 8] |= 1 << (index % 8);
            } else {
                every = false;
            }
        }
        Self((!every).then_some(bits))
    }

    /// Takes a selection as a peer has sent it, for an offer of this many `entries`. `None` if its length is wrong.
    pub fn from_wire(bits: Option<Vec<u8>>, entries: usize) -> Option<Self> {
        match bits {
            Some(bits) if bits.len() != entries.div_ceil(8) => None,
            bits => Some(Self(bits)),
        }
    }

    /// The selection as it is sent to a peer: one bit for each entry, the lowest bit of each byte first. `None` means every
    /// entry.
    pub fn to_wire(&self) -> Option<Vec<u8>> {
        self.0.clone()
    }

    /// Whether entry `index` is wanted.
    pub fn contains(&self, index: usize) -> bool {
        match &self.0 {
            None => true,
            Some(bits) => bits.get(index / 8).is_some_and(|byte| byte & (1 << (index % 8)) != 0),
        }
    }
}

/// The blocks that hold bytes of `entry` and of no other. The block of a pack is shared, so it is not among them. Must not
/// be called for a stream, whose blocks have no end.
pub fn own_blocks(plan: &Plan, entry: u32) -> std::ops::Range<u64> {
    debug_assert!(plan.stream().is_none(), "a stream's blocks have no end");
    let blocks = plan.blocks_of(entry);
    match plan.block(blocks.start) {
        Some(Block::Pack(_)) => 0..0,
        _ => blocks,
    }
}

/// A block that a lane has taken to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The block's number.
    pub block: u64,
    /// Whether the block is handed out for the first time.
    pub is_new: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::manifest::{ManifestBuilder, RawEntry, RawKind};

    fn manifest(kind: OfferKind, sizes: &[u64]) -> Manifest {
        let names: Vec<String> = (0..sizes.len()).map(|index| index.to_string()).collect();
        let entries: Vec<_> = names.iter().map(String::as_str).zip(sizes.iter().copied()).collect();
        Manifest::made_up(kind, &entries)
    }

    const B: u64 = MIN_BLOCK as u64;

    #[test]
    fn large_files_have_blocks_of_their_own_and_small_ones_share() {
        let plan = Plan::new(&manifest(OfferKind::Files, &[10, 2 * B + 1, 0, 20, B]), |_| true);
        assert_eq!(plan.blocks(), 5);
        assert_eq!(plan.bytes(), 3 * B + 31);
        assert_eq!(plan.blocks_of(1), 0..3);
        assert_eq!(plan.block(2), Some(Block::Part(Segment { entry: 1, number: 2, offset: 2 * B, len: 1 })));
        assert_eq!(plan.blocks_of(4), 3..4);
        assert_eq!(plan.block(4), Some(Block::Pack(&[(0, 10), (3, 20)])));
        assert_eq!(plan.blocks_of(2), 0..0);
        assert_eq!(plan.block(5), None);
        assert_eq!(plan.wanted_files(), 5);
    }

    #[test]
    fn what_is_not_wanted_takes_no_block() {
        let plan = Plan::new(&manifest(OfferKind::Files, &[10, 2 * B, 30]), |index| index != 1);
        assert_eq!((plan.blocks(), plan.bytes()), (1, 40));
        assert_eq!(plan.blocks_of(1), 0..0);
    }

    /// A manifest of one file of this size with these holes.
    fn sparse(size: u64, holes: &[(u64, u64)]) -> Manifest {
        let holes = holes.iter().map(|(start, end)| Hole { start: *start, end: *end }).collect();
        let kind = RawKind::File { size, modified: None, permissions: None, holes };
        let mut builder = ManifestBuilder::new(OfferKind::Files);
        builder.push(RawEntry { path: "sparse".to_owned(), kind }).unwrap();
        builder.finish().unwrap()
    }

    #[test]
    fn what_lies_in_a_hole_takes_no_block() {
        let holes = [(0, B), (2 * B - 1, 4 * B + 1), (5 * B + 1, 6 * B - 1), (9 * B, 12 * B + 7)];
        let plan = Plan::new(&sparse(12 * B + 7, &holes), |_| true);
        let offsets: Vec<_> =
            plan.segments_of(0).map(|segment| (segment.number, segment.offset / B)).collect();
        assert_eq!(offsets, [(0, 1), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8)]);
        assert_eq!((plan.blocks(), plan.bytes()), (6, 6 * B));
        let plan = Plan::new(&sparse(3 * B + 7, &[(0, 3 * B)]), |_| true);
        assert_eq!((plan.blocks(), plan.bytes()), (1, 7));
        let only_holes = Plan::new(&sparse(1 << 40, &[(0, 1 << 40)]), |_| true);
        assert_eq!((only_holes.blocks(), only_holes.bytes(), only_holes.wanted_files()), (0, 0, 1));
    }

    #[test]
    fn a_stream_goes_on_until_it_ends() {
        let plan = Plan::new(&manifest(OfferKind::Stream, &[0]), |_| true);
        assert_eq!(plan.stream(), Some(0));
        assert_eq!(
            plan.block(7),
            Some(Block::Part(Segment { entry: 0, number: 7, offset: 7 * B, len: MIN_BLOCK }))
        );
        assert_eq!(plan.block(u64::MAX - 1), None);
    }

    #[test]
    fn blocks_grow_so_that_their_number_stays_small() {
        assert_eq!(block_size(0), MIN_BLOCK);
        assert_eq!(block_size(128 << 30), MIN_BLOCK);
        assert_eq!(block_size(256 << 30), 2 * MIN_BLOCK);
        assert_eq!(block_size(1 << 53), MAX_BLOCK);
    }

    #[test]
    fn a_selection_survives_the_wire_and_a_wrong_length_is_refused() {
        let manifest = manifest(OfferKind::Files, &[1; 9]);
        let picked = Wanted::pick(manifest.entries(), |index| index == 8);
        let back = Wanted::from_wire(picked.to_wire(), 9).unwrap();
        assert!(back.contains(8) && !back.contains(0) && !back.contains(9));
        assert_eq!(Wanted::from_wire(picked.to_wire(), 17), None);
        assert_eq!(Wanted::pick(manifest.entries(), |_| true), Wanted::all());
    }

    proptest! {
        #[test]
        fn every_wanted_byte_stands_in_exactly_one_block(
            sizes in proptest::collection::vec(prop_oneof![0u64..2000, 0..3 * B], 0..40),
            mask: u64,
        ) {
            let manifest = manifest(OfferKind::Files, &sizes);
            let plan = Plan::new(&manifest, |index| mask >> (index % 64) & 1 == 1);
            let mut seen = vec![0u64; sizes.len()];
            let mut some = BlockSet::default();
            let mut bytes_in_some = 0;
            for index in 0..plan.blocks() {
                if mask >> (index % 61) & 1 == 1 {
                    some.insert(index);
                    bytes_in_some += u64::from(plan.block_len(index).unwrap());
                }
                prop_assert!(plan.block_len(index).unwrap() <= plan.block_size());
                match plan.block(index).unwrap() {
                    Block::Part(segment) => {
                        prop_assert_eq!(seen[segment.entry as usize], segment.offset);
                        seen[segment.entry as usize] += u64::from(segment.len);
                        prop_assert!(plan.blocks_of(segment.entry).contains(&index));
                    }
                    Block::Pack(files) => for (entry, size) in files {
                        prop_assert_eq!(seen[*entry as usize], 0);
                        seen[*entry as usize] += u64::from(*size);
                        prop_assert_eq!(plan.blocks_of(*entry), index..index + 1);
                    }
                }
            }
            prop_assert_eq!(plan.bytes_in(&some), bytes_in_some);
            for (index, size) in sizes.iter().enumerate() {
                let wanted = mask >> (index % 64) & 1 == 1;
                prop_assert_eq!(seen[index], if wanted { *size } else { 0 });
            }
        }
    }
}
