//! Sets of block numbers, such as the blocks that a receiver holds or that a sender knows to be stored. Pure.

use std::ops::Range;

/// The numbers in one word of a bitmap.
const WORD: u64 = u64::BITS as u64;

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
        self.advance();
        true
    }

    /// Adds every number of a range. The caller must have checked that the plan has such blocks.
    pub fn insert_range(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let words = range.end.div_ceil(WORD) as usize;
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
        for (word, bits) in masks(range) {
            let old = self.words[word];
            self.words[word] |= bits;
            self.len += u64::from((old ^ self.words[word]).count_ones());
        }
        self.advance();
    }

    /// Removes `index`, if it is in the set.
    pub fn remove(&mut self, index: u64) {
        self.remove_range(index..index.saturating_add(1));
    }

    /// Removes every number of a range that is in the set.
    pub fn remove_range(&mut self, range: Range<u64>) {
        let end = range.end.min(self.words.len() as u64 * WORD);
        if range.start >= end {
            return;
        }
        self.contiguous = self.contiguous.min(range.start);
        for (word, bits) in masks(range.start..end) {
            let old = self.words[word];
            self.words[word] &= !bits;
            self.len -= u64::from((old ^ self.words[word]).count_ones());
        }
    }

    /// Moves the end of what is contiguous to the first missing number.
    fn advance(&mut self) {
        while let Some(word) = self.words.get((self.contiguous / WORD) as usize) {
            let shifted = word >> (self.contiguous % WORD);
            let ones = u64::from(shifted.trailing_ones());
            self.contiguous += ones;
            if ones == 0 || !self.contiguous.is_multiple_of(WORD) {
                return;
            }
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
        self.ranges_in(0..u64::MAX)
    }

    /// The numbers in the set that are also in `range`, as sorted ranges, each with its first number and its count.
    pub fn ranges_in(&self, range: Range<u64>) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let end = range.end.min(self.words.len() as u64 * WORD);
        if range.start >= end {
            return ranges;
        }
        for (word, mask) in masks(range.start..end) {
            let mut bits = self.words[word] & mask;
            while bits != 0 {
                let at = u64::from(bits.trailing_zeros());
                let count = u64::from((bits >> at).trailing_ones());
                let first = word as u64 * WORD + at;
                match ranges.last_mut() {
                    Some((start, before)) if *start + *before == first => *before += count,
                    _ => ranges.push((first, count)),
                }
                bits &= !run(at, count);
            }
        }
        ranges
    }
}

/// `count` set bits from bit `at` on, within one word.
fn run(at: u64, count: u64) -> u64 {
    (u64::MAX >> (WORD - count)) << at
}

/// The words in which a range that is not empty has bits, each with these bits.
fn masks(range: Range<u64>) -> impl Iterator<Item = (usize, u64)> {
    let (first, last) = (range.start / WORD, (range.end - 1) / WORD);
    (first..=last).map(move |word| {
        let start = range.start.max(word * WORD);
        let end = range.end.min((word * WORD).saturating_add(WORD));
        (word as usize, run(start % WORD, end - start))
    })
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
    use std::collections::BTreeSet;

    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn ranges_do_what_single_numbers_do(steps in proptest::collection::vec((any::<bool>(), 0u64..300, 0u64..200), 0..12)) {
            let (mut set, mut single) = (BlockSet::default(), BTreeSet::new());
            for (inserts, first, count) in steps {
                let range = first..first + count;
                if inserts {
                    set.insert_range(range.clone());
                    single.extend(range);
                } else {
                    set.remove_range(range.clone());
                    single.retain(|number| !range.contains(number));
                }
                prop_assert_eq!(set.len(), single.len() as u64);
                prop_assert_eq!(set.ranges(), to_ranges(single.iter().copied()));
                let part = single.iter().copied().filter(|number| (50..170).contains(number));
                prop_assert_eq!(set.ranges_in(50..170), to_ranges(part));
                prop_assert_eq!(set.first_missing(), (0..600).find(|number| !single.contains(number)).unwrap());
            }
        }
    }

    /// Catches a set that is filled number by number: that would take minutes.
    #[test]
    fn a_range_costs_as_much_as_its_words() {
        let mut set = BlockSet::default();
        for _ in 0..4 {
            set.insert_range(0..1 << 30);
            set.remove_range(1..(1 << 30) - 1);
        }
        assert_eq!(set.ranges(), [(0, 1), ((1 << 30) - 1, 1)]);
        assert_eq!((set.len(), set.first_missing()), (2, 1));
        set.remove_range(1 << 60..u64::MAX);
        assert_eq!(set.ranges_in(1 << 60..u64::MAX), []);
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
