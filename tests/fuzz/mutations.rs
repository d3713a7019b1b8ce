//! Mutations of seeds, the same in each run.

/// The numbers that decoders are most often wrong about.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 53, i64::MAX as u64, u64::MAX];
/// The most steps from a seed to its mutation.
const MAX_STEPS: usize = 4;
/// A mutation doesn't grow beyond this many bytes.
const MAX_BYTES: usize = 8192;

/// Endless mutations of some seeds.
pub(crate) struct Mutations {
    seeds: Vec<Vec<u8>>,
    /// The state of `SplitMix64` (Steele, Lea and Flood, 2014).
    state: u64,
}

impl Mutations {
    /// Of these seeds, at least one.
    pub(crate) fn new(seeds: Vec<Vec<u8>>) -> Self {
        Self { seeds, state: 0x0ca1_3a17 }
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % end.max(1) as u64) as usize
    }

    /// A range within `len` of at most 64.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len);
        let count = 1 + self.below(64);
        start..(start + count).min(len)
    }

    fn seed(&mut self) -> Vec<u8> {
        let index = self.below(self.seeds.len());
        self.seeds[index].clone()
    }

    fn step(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(8) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = self.below(256) as u8,
            2 => bytes.truncate(at),
            3 => {
                let range = self.range(bytes.len());
                bytes.drain(range);
            }
            4 => {
                let range = self.range(bytes.len());
                let copy = bytes[range].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let other = self.seed();
                let from = self.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => {
                let edge = EDGES[self.below(EDGES.len())];
                let width = 1 << self.below(4);
                let number = if self.below(2) == 0 {
                    edge.to_le_bytes()[..width].to_vec()
                } else {
                    edge.to_be_bytes()[8 - width..].to_vec()
                };
                let end = (at + width).min(bytes.len());
                bytes.splice(at..end, number);
            }
            _ => {
                let byte = self.below(256) as u8;
                bytes.insert(at, byte);
            }
        }
        bytes.truncate(MAX_BYTES);
    }
}

impl Iterator for Mutations {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.seed();
        for _ in 0..=self.below(MAX_STEPS) {
            self.step(&mut bytes);
        }
        Some(bytes)
    }
}
