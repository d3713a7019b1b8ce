//! Sets of block numbers, such as the blocks that a receiver holds or that a sender knows to be stored. Pure.

/// A set of block numbers, kept as a bitmap that grows with the largest number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockSet {
    words: Vec<u64>,
    len: u64,
    /// Every number below this is in the set.
    contiguous: u64,
}

impl Extend<u64> for BlockSet {
    fn extend<T: IntoIterator<Item = u64>>(&mut self, numbers: T) {
        for number in numbers {
            self.insert(number);
        }
    }
}

/// How many blocks may come ahead of the first missing one where nothing else bounds their number, as in a stream. It
/// bounds the bitmap against a hostile sender, and is far more than an honest one has in flight.
pub const MAX_GAP: u64 = 4096;

impl BlockSet {
    /// Adds `index`, and returns whether it is new. The caller must have checked that the plan has such a block, because
    /// memory grows with the index.
    pub fn insert(&mut self, index: u64) -> bool {
        let (word, bit) = ((index / 64) as usize, 1 << (index % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if self.words[word] & bit != 0 {
            return false;
        }
        self.words[word] |= bit;
        self.len += 1;
        while self.contains(self.contiguous) {
            self.contiguous += 1;
        }
        true
    }

    /// Removes `index`, if it is in the set.
    pub fn remove(&mut self, index: u64) {
        if self.contains(index) {
            self.words[(index / 64) as usize] &= !(1 << (index % 64));
            self.len -= 1;
            self.contiguous = self.contiguous.min(index);
        }
    }

    /// Whether `index` is in the set.
    pub fn contains(&self, index: u64) -> bool {
        self.words.get((index / 64) as usize).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// How many numbers are in the set.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The lowest number that is not in the set.
    pub fn first_missing(&self) -> u64 {
        self.contiguous
    }

    /// The numbers in the set as sorted ranges, each with its first number and its count.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        let bits = self.words.iter().enumerate().filter(|(_, word)| **word != 0);
        let numbers = bits.flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at as u64 * 64 + bit)
        });
        to_ranges(numbers)
    }
}

/// Folds sorted numbers into ranges, each with its first number and its count.
pub fn to_ranges(numbers: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((first, count)) if *first + *count == number => *count += 1,
            _ => ranges.push((number, 1)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_goes_in_once() {
        let mut set = BlockSet::default();
        assert!(set.insert(100) && !set.insert(100));
        assert!(set.contains(100) && !set.contains(99) && !set.contains(1 << 40));
        assert_eq!((set.len(), set.first_missing()), (1, 0));
        assert!(set.insert(0) && set.insert(1));
        assert_eq!(set.first_missing(), 2);
        set.remove(0);
        set.remove(7);
        assert_eq!((set.len(), set.first_missing()), (2, 0));
        assert!(set.insert(0));
        assert_eq!(set.first_missing(), 2);
    }

    #[test]
    fn neighbours_share_a_range() {
        assert_eq!(to_ranges([0, 1, 2, 5, 6, 7]), vec![(0, 3), (5, 3)]);
        let mut set = BlockSet::default();
        set.extend([64, 63, 200, 0]);
        assert_eq!(set.ranges(), vec![(0, 1), (63, 2), (200, 1)]);
        assert_eq!(to_ranges([]), vec![]);
    }
}
