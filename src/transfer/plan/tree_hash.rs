//! The BLAKE3 of a file from the hashes of its blocks, in any order in which the blocks come.
//!
//! BLAKE3 is a binary tree over chunks of 1,024 bytes in which every left subtree is the largest full one that fits (the
//! BLAKE3 paper, section 2.1). Blocks are a power of two of chunks, so each is a subtree, and neighbours merge as soon as
//! both are there: memory follows how far apart blocks arrive, not the size of the file. The subtrees along the left edge
//! are merged only at the end, because the very last merge is done differently, and a stream's end is not known before.

use std::collections::HashMap;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// The BLAKE3 of all bytes of a file, which `b3sum` prints in hexadecimal.
pub type FileHash = [u8; 32];

/// The hash of one block at its place in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHash {
    subtree: ChainingValue,
    /// The file's hash if this block turns out to be the whole file; only the first block has one.
    alone: Option<FileHash>,
}

impl BlockHash {
    /// Hashes the bytes of the block at `offset`, which must be a multiple of the block size.
    pub fn of(bytes: &[u8], offset: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset).update(bytes);
        // Both hashes come from the same pass over the bytes.
        let alone = (offset == 0).then(|| *hasher.finalize().as_bytes());
        let subtree = if bytes.is_empty() {
            [0; 32] // Only an empty stream has an empty block, and its hash is `alone`.
        } else {
            hasher.finalize_non_root()
        };
        Self { subtree, alone }
    }
}

/// The BLAKE3 of bytes that are all in memory.
pub fn hash_whole(bytes: &[u8]) -> FileHash {
    *blake3::hash(bytes).as_bytes()
}

/// Collects the hashes of one file's blocks, and merges them into the file's hash.
#[derive(Debug, Default)]
pub struct TreeHash {
    /// The subtrees that could not be merged yet, by level (blocks are level 0) and by index within the level.
    subtrees: HashMap<(u32, u64), ChainingValue>,
    alone: Option<FileHash>,
    blocks: u64,
}

impl TreeHash {
    /// Adds the hash of block `index`. Each block may be added only once.
    pub fn add(&mut self, index: u64, hash: BlockHash) {
        self.blocks += 1;
        self.alone = self.alone.or(hash.alone);
        let (mut level, mut index, mut subtree) = (0, index, hash.subtree);
        while index >= 2 {
            let Some(sibling) = self.subtrees.remove(&(level, index ^ 1)) else { break };
            let (left, right) = if index & 1 == 0 { (subtree, sibling) } else { (sibling, subtree) };
            subtree = merge_subtrees_non_root(&left, &right, Mode::Hash);
            index /= 2;
            level += 1;
        }
        self.subtrees.insert((level, index), subtree);
    }

    /// The number of blocks that were added.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// The file's hash, if exactly the blocks from 0 to `blocks`, exclusive, were added; otherwise `None`.
    pub fn finish(mut self, blocks: u64) -> Option<FileHash> {
        if blocks != self.blocks {
            return None;
        }
        match blocks {
            0 => return Some(hash_whole(&[])),
            1 => return self.alone,
            _ => {}
        }
        // First the left edge is merged from the bottom up, as far as the largest full subtree.
        let full_levels = blocks.ilog2();
        let mut left = self.subtrees.remove(&(0, 0))?;
        for level in 0..full_levels {
            let right = self.subtrees.remove(&(level, 1))?;
            if blocks.is_power_of_two() && level + 1 == full_levels {
                return Some(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes());
            }
            left = merge_subtrees_non_root(&left, &right, Mode::Hash);
        }
        // Right of it are full subtrees, each smaller than the one before, which are merged from the last one on.
        let mut edge = Vec::new();
        let mut start = 1 << full_levels;
        while start < blocks {
            let level = (0..=start.trailing_zeros())
                .rev()
                .find(|level| self.subtrees.contains_key(&(*level, start >> level)))?;
            edge.extend(self.subtrees.remove(&(level, start >> level)));
            start += 1 << level;
        }
        let right = edge
            .into_iter()
            .rev()
            .reduce(|right, left| merge_subtrees_non_root(&left, &right, Mode::Hash))?;
        Some(*merge_subtrees_root(&left, &right, Mode::Hash).as_bytes())
    }
}

/// The tree hashes of all files that are being transferred, by entry.
#[derive(Debug, Default)]
pub struct Forest(HashMap<u32, TreeHash>);

impl Forest {
    /// Adds the hash of block `index` of `entry`, a file of `blocks` blocks. Returns the file's hash once all of them were
    /// added.
    pub fn add(&mut self, entry: u32, index: u64, hash: BlockHash, blocks: u64) -> Option<FileHash> {
        let tree = self.0.entry(entry).or_default();
        tree.add(index, hash);
        if tree.blocks() == blocks { self.finish(entry) } else { None }
    }

    /// The hash of `entry`, taking the blocks that were added for the whole file. It is for streams, whose end is known
    /// only afterwards.
    pub fn finish(&mut self, entry: u32) -> Option<FileHash> {
        let tree = self.0.remove(&entry).unwrap_or_default();
        let blocks = tree.blocks();
        tree.finish(blocks)
    }

    /// Forgets the blocks of `entry` that were added.
    pub fn remove(&mut self, entry: u32) {
        self.0.remove(&entry);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCK: usize = 1024;

    fn tree(bytes: &[u8], order: impl Iterator<Item = usize>) -> Option<FileHash> {
        let blocks: Vec<_> = bytes.chunks(BLOCK).collect();
        let mut tree = TreeHash::default();
        for index in order {
            let hash = BlockHash::of(blocks[index], (index * BLOCK) as u64);
            tree.add(index as u64, hash);
        }
        tree.finish(blocks.len() as u64)
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i % 251) as u8).collect()
    }

    #[test]
    fn the_tree_is_the_standard_hash_for_every_number_of_blocks() {
        for blocks in 0..70 {
            for tail in [0, 1, 1023] {
                let bytes = bytes(blocks * BLOCK + tail);
                let count = bytes.len().div_ceil(BLOCK);
                assert_eq!(tree(&bytes, 0..count), Some(hash_whole(&bytes)), "{blocks} + {tail}");
                assert_eq!(tree(&bytes, (0..count).rev()), Some(hash_whole(&bytes)), "{blocks} + {tail}");
            }
        }
    }

    #[test]
    fn a_missing_block_gives_no_hash() {
        let bytes = bytes(5 * BLOCK);
        assert_eq!(tree(&bytes, 0..4), None);
        assert_eq!(tree(&bytes, [0, 1, 2, 3, 3].into_iter()), None);
    }

    #[test]
    fn memory_follows_disorder_not_size() {
        let block = bytes(BLOCK);
        let mut tree = TreeHash::default();
        for index in 0..4096u64 {
            tree.add(index, BlockHash::of(&block, index * BLOCK as u64));
            assert!(tree.subtrees.len() <= 26, "{} subtrees after block {index}", tree.subtrees.len());
        }
    }

    proptest! {
        #[test]
        fn any_order_gives_the_same_hash(
            order in (2usize..40).prop_flat_map(|n| Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
            cut in 0..BLOCK,
        ) {
            let bytes = bytes(order.len() * BLOCK - cut);
            prop_assert_eq!(tree(&bytes, order.into_iter()), Some(hash_whole(&bytes)));
        }
    }
}
