//! A set of block numbers: which blocks a receiver holds, which a sender knows to be stored. Pure.

/// A growing bitmap.
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

/// How far ahead of the first missing block a stream may run; bounds the bitmap against a hostile sender.
pub const MAX_GAP: u64 = 4096;

impl BlockSet {
    /// Adds `index`; `false` if it was in already. The caller has checked that `index` is within the plan.
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

    /// Takes `index` out.
    pub fn remove(&mut self, index: u64) {
        if self.contains(index) {
            self.words[(index / 64) as usize] &= !(1 << (index % 64));
            self.len -= 1;
            self.contiguous = self.contiguous.min(index);
        }
    }

    /// Whether `index` is in.
    pub fn contains(&self, index: u64) -> bool {
        self.words.get((index / 64) as usize).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// How many are in.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is in.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first number that is missing.
    pub fn first_missing(&self) -> u64 {
        self.contiguous
    }

    /// The bitmap as bytes, lowest number first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// Folds block numbers into (first, count) pairs, sorted.
pub fn to_ranges(mut numbers: Vec<u64>) -> Vec<(u64, u64)> {
    numbers.sort_unstable();
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
        assert_eq!(to_ranges(vec![5, 1, 2, 0, 7, 6]), vec![(0, 3), (5, 3)]);
        assert_eq!(to_ranges(vec![]), vec![]);
    }
}
