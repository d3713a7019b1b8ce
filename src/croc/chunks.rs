//! Chunks of a file: which of them are asked for, which have come, and how one stands in a sealed message
//!.
//!
//! A chunk names only its place, not its file. So a chunk that was not asked for, or comes twice, is the sign of a peer that
//! is broken or hostile, and [`WantedChunks`] refuses it.

use std::ops::Range;

use super::channel::{ChannelError, TrafficKey, inflate_into, plaintext_offset};

/// Length of each chunk but a file's last.
pub const CHUNK_LEN: usize = 32 << 10;
/// Length of the place that stands before a chunk's bytes.
pub const PLACE_LEN: usize = 8;
/// The longest chunk with its place.
const MAX_PLAIN: usize = PLACE_LEN + CHUNK_LEN;
/// Length of the shortest piece of a stored block of DEFLATE: one block, its length twice, and the bytes.
const STORED_OVERHEAD: usize = 5;

/// Why a peer's ranges or chunk are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The ranges don't fit the file, or contradict themselves.
    #[error("the other side asks for parts that the file doesn't have")]
    BadRanges,
    /// The chunk isn't one of the file, has the wrong length, was not asked for, or comes twice.
    #[error("the other side sent a part that was not asked for")]
    NotWanted,
    /// The chunk can't be opened.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// How many chunks a file of `size` bytes has.
pub const fn count(size: u64) -> u64 {
    size.div_ceil(CHUNK_LEN as u64)
}

/// Length of a chunk of a file of `size` bytes; 0 for a chunk that the file doesn't have.
pub fn len(size: u64, chunk: u64) -> usize {
    let start = chunk.saturating_mul(CHUNK_LEN as u64);
    size.saturating_sub(start).min(CHUNK_LEN as u64) as usize
}

/// Reads a receiver's ranges, for a file of `size` bytes, as ranges of chunks. No ranges at all are the whole file.
pub fn read_ranges(numbers: &[u64], size: u64) -> Result<Vec<Range<u64>>, ChunkError> {
    let whole = 0..count(size);
    let Some((chunk_len, pairs)) = numbers.split_first() else { return Ok(vec![whole]) };
    if *chunk_len != CHUNK_LEN as u64 || pairs.is_empty() || pairs.len() % 2 != 0 {
        return Err(ChunkError::BadRanges);
    }
    let mut ranges = Vec::with_capacity(pairs.len() / 2);
    let mut last = 0;
    for pair in pairs.chunks_exact(2) {
        let (start, number) = (pair[0] / CHUNK_LEN as u64, pair[1]);
        let end = start.checked_add(number).ok_or(ChunkError::BadRanges)?;
        if pair[0] % CHUNK_LEN as u64 != 0 || number == 0 || start < last || end > whole.end {
            return Err(ChunkError::BadRanges);
        }
        ranges.push(start..end);
        last = end;
    }
    Ok(ranges)
}

/// Writes ascending ranges of chunks as a receiver's request has them.
pub fn write_ranges(ranges: &[Range<u64>]) -> Vec<u64> {
    let pairs = ranges.iter().flat_map(|range| [range.start * CHUNK_LEN as u64, range.end - range.start]);
    std::iter::once(CHUNK_LEN as u64).chain(pairs).collect()
}

/// Which chunks of the current file are asked for and have not come. It takes a bit for each chunk of the file.
#[derive(Debug)]
pub struct WantedChunks {
    size: u64,
    bits: Vec<u64>,
    left: u64,
}

impl WantedChunks {
    /// Waits for these ranges of a file of `size` bytes.
    ///
    /// # Panics
    /// When the ranges go beyond the file: the caller has made them for it.
    pub fn new(size: u64, ranges: &[Range<u64>]) -> Self {
        let words =
            usize::try_from(count(size).div_ceil(64)).expect("files fit the address space a bit for a chunk");
        let mut wanted = Self { size, bits: vec![0; words], left: 0 };
        for range in ranges {
            let mut chunk = range.start;
            while chunk < range.end {
                // Large files have hundreds of millions of chunks, which are noted 64 at a time.
                let (word, bit) = place(chunk);
                let is_word = bit == 1 && range.end - chunk >= 64;
                let (bits, count) = if is_word { (u64::MAX, 64) } else { (bit, 1) };
                wanted.left += u64::from((bits & !wanted.bits[word]).count_ones());
                wanted.bits[word] |= bits;
                chunk += count;
            }
        }
        wanted
    }

    /// How many chunks have not come yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes a chunk that begins at `start` in the file and has `length` bytes, once.
    pub fn take(&mut self, start: u64, length: usize) -> Result<(), ChunkError> {
        let chunk = start / CHUNK_LEN as u64;
        let fits = start.is_multiple_of(CHUNK_LEN as u64) && length > 0 && len(self.size, chunk) == length;
        let (word, bit) = place(chunk);
        match self.bits.get_mut(word) {
            Some(bits) if fits && *bits & bit != 0 => *bits &= !bit,
            _ => return Err(ChunkError::NotWanted),
        }
        self.left -= 1;
        Ok(())
    }
}

fn place(chunk: u64) -> (usize, u64) {
    ((chunk / 64) as usize, 1 << (chunk % 64))
}

/// Whether a file's chunks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// They are sent as they are.
    Plain,
    /// Each is DEFLATE.
    Deflated,
}

/// Seals a chunk at the end of `buffer`, without a frame's header. `bytes` begin at `start` in the file.
pub fn seal(
    key: &TrafficKey,
    coding: Coding,
    start: u64,
    bytes: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), ChannelError> {
    let sealed = buffer.len();
    buffer.resize(sealed + plaintext_offset(), 0);
    if coding == Coding::Deflated {
        // A stored block: this side has compressed nothing, and the peer reads it like any other DEFLATE.
        let length = (PLACE_LEN + bytes.len()) as u16;
        buffer.push(1);
        buffer.extend_from_slice(&length.to_le_bytes());
        buffer.extend_from_slice(&(!length).to_le_bytes());
    }
    buffer.extend_from_slice(&start.to_le_bytes());
    buffer.extend_from_slice(bytes);
    key.seal_in(buffer, sealed)
}

/// Length of a sealed chunk of `length` bytes.
pub const fn sealed_len(coding: Coding, length: usize) -> usize {
    let coded = match coding {
        Coding::Plain => 0,
        Coding::Deflated => STORED_OVERHEAD,
    };
    super::channel::OVERHEAD + coded + PLACE_LEN + length
}

/// Opens sealed chunks, one after the other, with one buffer.
pub struct ChunkOpener {
    key: TrafficKey,
    room: Box<[u8]>,
}

impl ChunkOpener {
    /// Opens what is sealed with this key.
    pub fn new(key: TrafficKey) -> Self {
        Self { key, room: vec![0; MAX_PLAIN].into() }
    }

    /// Opens a chunk: where it begins in the file, and its bytes. Whether it was asked for is still to be checked.
    pub fn open<'a>(
        &'a mut self,
        coding: Coding,
        sealed: &'a mut [u8],
    ) -> Result<(u64, &'a [u8]), ChunkError> {
        let opened = self.key.open(sealed)?;
        let plain = match coding {
            Coding::Plain => &*opened,
            Coding::Deflated => {
                let length = inflate_into(opened, &mut self.room)?;
                &self.room[..length]
            }
        };
        match plain.split_first_chunk() {
            Some((start, bytes)) if (1..=CHUNK_LEN).contains(&bytes.len()) => {
                Ok((u64::from_le_bytes(*start), bytes))
            }
            _ => Err(ChunkError::NotWanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            channel::deflate,
            pake::{CurveName, vectors},
        },
        *,
    };

    fn key() -> TrafficKey {
        TrafficKey::salted(&vectors::exchange(CurveName::Siec, b"x").0, b"salt")
    }

    #[test]
    fn ranges_are_read_and_written_as_croc_does() {
        let ranges = read_ranges(&[32768, 32768, 2, 163_840, 1], 200_000).unwrap();
        assert_eq!(ranges, [1..3, 5..6]);
        assert_eq!(write_ranges(&ranges), [32768, 32768, 2, 163_840, 1]);
        let wanted = WantedChunks::new(200_000, &ranges);
        assert_eq!(wanted.left(), 3);
        assert_eq!(ranges.into_iter().flatten().map(|chunk| len(200_000, chunk)).sum::<usize>(), 98_304);
    }

    #[test]
    fn no_ranges_are_the_whole_file() {
        assert!(read_ranges(&[], 200_000).unwrap().into_iter().eq(std::iter::once(0..7)));
        assert_eq!((len(200_000, 6), len(200_000, 7)), (3392, 0));
        assert_eq!((count(0), count(1), count(32768), count(32769)), (0, 1, 1, 2));
    }

    #[test]
    fn ranges_that_lie_are_refused() {
        for numbers in [
            &[32768][..],
            &[32768, 0],
            &[32768, 0, 1, 2],
            &[1, 0, 1],
            &[0, 0, 1],
            &[32768, 5, 1],
            &[32768, 0, 0],
            &[32768, 0, 8],
            &[32768, 229_376, 1],
            &[32768, 65536, 1, 0, 1],
            &[32768, 0, 2, 32768, 1],
            &[32768, 0, u64::MAX],
            &[32768, u64::MAX - 32767, u64::MAX],
        ] {
            assert_eq!(read_ranges(numbers, 200_000), Err(ChunkError::BadRanges), "{numbers:?}");
        }
    }

    #[test]
    fn each_wanted_chunk_is_taken_once() {
        let mut wanted = WantedChunks::new(200_000, &[1..3, 5..7]);
        for (start, length) in [
            (0, 32768),
            (32768, 100),
            (32769, 32768),
            (196_608, 32768),
            (229_376, 1),
            (u64::MAX, 1),
            (32768, 0),
        ] {
            assert_eq!(wanted.take(start, length), Err(ChunkError::NotWanted), "{start} {length}");
        }
        assert_eq!(wanted.left(), 4);
        wanted.take(196_608, 3392).unwrap();
        assert_eq!(wanted.take(196_608, 3392), Err(ChunkError::NotWanted));
        for start in [32768, 65536, 163_840] {
            wanted.take(start, 32768).unwrap();
        }
        assert_eq!(wanted.left(), 0);
    }

    #[test]
    fn ranges_of_any_length_are_noted_chunk_by_chunk() {
        let size = 1000 * CHUNK_LEN as u64;
        for range in [0..1000, 1..999, 63..65, 64..128, 64..129, 500..501, 7..7] {
            let mut wanted = WantedChunks::new(size, &[range.clone(), range.clone()]);
            assert_eq!(wanted.left(), range.end - range.start);
            for chunk in 0..1000 {
                let taken = wanted.take(chunk * CHUNK_LEN as u64, CHUNK_LEN);
                assert_eq!(taken.is_ok(), range.contains(&chunk), "{range:?} {chunk}");
            }
        }
    }

    #[test]
    fn a_chunk_comes_back_in_both_codings() {
        let mut opener = ChunkOpener::new(key());
        for coding in [Coding::Plain, Coding::Deflated] {
            for bytes in [&b"hello world\n"[..], &vec![7; CHUNK_LEN]] {
                let mut buffer = b"before".to_vec();
                seal(&key(), coding, 65536, bytes, &mut buffer).unwrap();
                let mut sealed = buffer.split_off(6);
                assert_eq!(sealed.len(), sealed_len(coding, bytes.len()));
                assert_eq!(opener.open(coding, &mut sealed).unwrap(), (65536, bytes));
            }
        }
        assert_eq!(sealed_len(Coding::Plain, CHUNK_LEN) + super::super::frame::HEADER_LEN, 32_812);
    }

    /// One chunk in both codings, as croc 11 seals it.
    #[test]
    fn a_sealed_chunk_is_crocs() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let key = hex("5dadcd1b74abbd3e026d4a73289202e39fe15a882e2c1f8e62f0e19a8ff59817").try_into().unwrap();
        let mut opener = ChunkOpener::new(TrafficKey::from_bytes(key));
        for (coding, sealed) in [
            (
                Coding::Plain,
                "000102030405060708090a0bbb964f38c8ae83d01a0aced8947587297a1fef1eff65847984264fe391f8d38cb75c85a0",
            ),
            (
                Coding::Deflated,
                "000102030405060708090a0bba824ed337ae83d1726fa2b4fb3d952a641cab63922a05d6374b8da7e4c1951511647c169b822af1df",
            ),
        ] {
            let mut sealed = hex(sealed);
            assert_eq!(sealed.len(), sealed_len(coding, 12));
            assert_eq!(opener.open(coding, &mut sealed).unwrap(), (65536, &b"hello world\n"[..]));
        }
    }

    #[test]
    fn a_chunk_that_is_too_long_or_empty_is_refused() {
        let mut opener = ChunkOpener::new(key());
        let mut open = |coding, plain: &[u8]| {
            let mut sealed = key().seal(plain).unwrap();
            opener.open(coding, &mut sealed).map(|_| ())
        };
        for length in [0, 7, 8, MAX_PLAIN + 1] {
            assert_eq!(open(Coding::Plain, &vec![0; length]), Err(ChunkError::NotWanted), "{length}");
        }
        assert_eq!(open(Coding::Deflated, &deflate(&[0; 8])), Err(ChunkError::NotWanted));
        let bomb = deflate(&vec![0; 1 << 20]);
        assert_eq!(open(Coding::Deflated, &bomb), Err(ChunkError::Channel(ChannelError::NotDeflated)));
    }

    proptest::proptest! {
        #[test]
        fn ranges_come_back_as_they_were(starts in proptest::collection::btree_map(0u64..1000, 1u64..4, 1..40)) {
            let mut ranges = Vec::<Range<u64>>::new();
            for (start, number) in starts {
                if ranges.last().is_none_or(|last| last.end <= start) {
                    ranges.push(start..start + number);
                }
            }
            let size = 2000 * CHUNK_LEN as u64;
            proptest::prop_assert_eq!(read_ranges(&write_ranges(&ranges), size).unwrap(), ranges);
        }

        #[test]
        fn no_numbers_make_reading_panic(numbers: Vec<u64>, size in 0u64..1 << 40, start: u64, length: usize) {
            for numbers in [numbers.clone(), [vec![32768], numbers].concat()] {
                if let Ok(ranges) = read_ranges(&numbers, size) {
                    let chunks = ranges.iter().map(|range| range.end - range.start).sum::<u64>();
                    proptest::prop_assert!(chunks <= count(size));
                }
            }
            let _ = WantedChunks::new(1 << 20, &read_ranges(&[], 1 << 20).unwrap()).take(start, length);
        }
    }
}
