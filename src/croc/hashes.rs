//! The hashes by which croc tells whether a file has arrived. None of them keeps an attacker from anything: the
//! sealed channel does that.

use std::io::{self, Read, Seek, SeekFrom};

use data_encoding::HEXLOWER;
use highway::{HighwayHash, HighwayHasher, Key};
use md5::Md5;
use sha2::{Digest, Sha256};
use twox_hash::XxHash64;

/// croc's key for `HighwayHash`.
const HIGHWAY_KEY: [u64; 4] =
    [0x65b8_b03f_38c5_5315, 0xf6b4_65a6_0d31_c378, 0xa958_eb22_cf1a_52e0, 0x15b1_a602_edff_3295];
/// How much of each of three places of a large file imohash reads.
const SAMPLE_LEN: u64 = 2 << 20;
/// The files that imohash reads whole are smaller than this many samples.
const WHOLE_SAMPLES: u64 = 4;

/// A hash that croc can be told to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashKind {
    /// XXH64 of the whole file: what croc takes unless told otherwise.
    #[default]
    Xxhash,
    /// Murmur3 of three samples of the file.
    Imohash,
    /// MD5 of the whole file.
    Md5,
    /// `HighwayHash` of the whole file, under a key that everyone knows.
    Highway,
}

impl HashKind {
    /// What croc calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            HashKind::Xxhash => "xxhash",
            HashKind::Imohash => "imohash",
            HashKind::Md5 => "md5",
            HashKind::Highway => "highway",
        }
    }

    /// The hash that a sender names; no name is the usual one. `None` for one that isn't known here.
    pub fn named(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(HashKind::default());
        }
        [HashKind::Xxhash, HashKind::Imohash, HashKind::Md5, HashKind::Highway]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }

    /// Hashes a file of `size` bytes, which begins where `file` stands at 0.
    pub fn of_file(self, file: &mut (impl Read + Seek), size: u64) -> io::Result<Vec<u8>> {
        file.rewind()?;
        match Hasher::new(self) {
            Some(mut hasher) => {
                let mut buffer = vec![0; 128 << 10];
                loop {
                    match file.read(&mut buffer)? {
                        0 => return Ok(hasher.finish()),
                        length => hasher.update(&buffer[..length]),
                    }
                }
            }
            None => imohash(file, size),
        }
    }
}

/// What croc gives as a link's hash: the hexadecimal digits of a SHA-256, whatever the algorithm.
pub fn of_link(target: &str) -> Vec<u8> {
    HEXLOWER.encode(&Sha256::digest(target)).into_bytes()
}

/// Hashes a file as its bytes pass by, in order.
pub struct Hasher(Inner);

enum Inner {
    Xxhash(XxHash64),
    Md5(Md5),
    Highway(Box<HighwayHasher>),
}

impl Hasher {
    /// Begins. `None` for imohash, which reads three places of a file.
    pub fn new(kind: HashKind) -> Option<Self> {
        Some(Self(match kind {
            HashKind::Xxhash => Inner::Xxhash(XxHash64::with_seed(0)),
            HashKind::Md5 => Inner::Md5(Md5::new()),
            HashKind::Highway => Inner::Highway(Box::new(HighwayHasher::new(Key(HIGHWAY_KEY)))),
            HashKind::Imohash => return None,
        }))
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Xxhash(hasher) => std::hash::Hasher::write(hasher, bytes),
            Inner::Md5(hasher) => hasher.update(bytes),
            Inner::Highway(hasher) => hasher.append(bytes),
        }
    }

    /// The hash as it stands in croc's list of files.
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Inner::Xxhash(hasher) => std::hash::Hasher::finish(&hasher).to_be_bytes().to_vec(),
            Inner::Md5(hasher) => hasher.finalize().to_vec(),
            Inner::Highway(hasher) => {
                hasher.finalize256().iter().flat_map(|word| word.to_le_bytes()).collect()
            }
        }
    }
}

/// Hashes a small file whole, and a large one at its start, its middle and its end; the size goes over the first bytes.
fn imohash(file: &mut (impl Read + Seek), size: u64) -> io::Result<Vec<u8>> {
    let sum = if size < WHOLE_SAMPLES * SAMPLE_LEN {
        murmur3::murmur3_x64_128(file, 0)?
    } else {
        let mut samples = Vec::with_capacity(3 * SAMPLE_LEN as usize);
        for start in [0, size / 2, size - SAMPLE_LEN] {
            file.seek(SeekFrom::Start(start))?;
            file.take(SAMPLE_LEN).read_to_end(&mut samples)?;
        }
        murmur3::murmur3_x64_128(&mut samples.as_slice(), 0)?
    };
    let halves = [sum as u64, (sum >> 64) as u64];
    let mut hash = halves.map(u64::to_be_bytes).concat();
    let mut rest = size;
    for byte in &mut hash {
        let last = rest < 0x80;
        *byte = rest as u8 & 0x7f | u8::from(!last) << 7;
        rest >>= 7;
        if last {
            break;
        }
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn hash(kind: HashKind, bytes: &[u8]) -> String {
        HEXLOWER.encode(&kind.of_file(&mut Cursor::new(bytes), bytes.len() as u64).unwrap())
    }

    #[test]
    fn xxhash_is_crocs() {
        for (text, hex) in
            [("hello world\n", "5215e13b207d6d8c"), ("", "ef46db3751d8e999"), ("abc", "44bc2cf5ad770999")]
        {
            assert_eq!(hash(HashKind::Xxhash, text.as_bytes()), hex);
        }
    }

    #[test]
    fn md5_is_md5() {
        assert_eq!(hash(HashKind::Md5, b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }

    /// The bytes that the tests of imohash itself hash: MD5 of ever more letters A, one behind the other.
    fn made_up(length: usize) -> Vec<u8> {
        let mut hasher = Md5::new();
        let mut bytes = Vec::new();
        while bytes.len() < length {
            hasher.update(b"A");
            bytes.extend_from_slice(&hasher.clone().finalize());
        }
        bytes.truncate(length);
        bytes
    }

    /// From the tests of imohash itself, for files that are hashed whole.
    #[test]
    fn imohash_is_imohash() {
        for (length, hex) in [
            (1, "01659e2ec0f3c75bf39e43a41adb5d4f"),
            (127, "7f47671cc79d4374404b807249f3166e"),
            (128, "800183e5dbea2e5199ef7c8ea963a463"),
            (4095, "ff1f770d90d3773949d89880efa17e60"),
        ] {
            assert_eq!(hash(HashKind::Imohash, &made_up(length)), hex, "{length}");
        }
    }

    /// Only three places of a large file count, and its size.
    #[test]
    fn imohash_of_a_large_file_is_that_of_its_samples() {
        let size = (WHOLE_SAMPLES * SAMPLE_LEN) as usize;
        let mut bytes = vec![7; size];
        let before = hash(HashKind::Imohash, &bytes);
        assert!(before.starts_with("80808004"), "the size stands first: {before}");
        bytes[SAMPLE_LEN as usize + 1] = 8;
        assert_eq!(hash(HashKind::Imohash, &bytes), before, "nobody reads there");
        for place in [0, size / 2, size - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_ne!(hash(HashKind::Imohash, &changed), before, "{place}");
        }
    }

    #[test]
    fn highway_hashes_under_crocs_key() {
        let key: Vec<u8> = HIGHWAY_KEY.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(HEXLOWER.encode(&key), "1553c5383fb0b86578c3310da665b4f6e0521acf22eb58a99532ffed02a6b115");
        assert_eq!(hash(HashKind::Highway, b"abc").len(), 64);
    }

    #[test]
    fn a_links_hash_is_crocs() {
        let expected =
            "MTk5YjNiYWRkOTY4NjM0ZWExNGUzNTFkMTEzNGFkYTczODg5NGE5MGEyZWZhNjY5ODMxMDFlY2U5OWEzMzU3Mg==";
        assert_eq!(data_encoding::BASE64.encode(&of_link("target.txt")), expected);
    }

    #[test]
    fn what_passes_by_in_pieces_hashes_like_the_whole() {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        for kind in [HashKind::Xxhash, HashKind::Md5, HashKind::Highway] {
            let mut hasher = Hasher::new(kind).unwrap();
            for piece in bytes.chunks(997) {
                hasher.update(piece);
            }
            assert_eq!(HEXLOWER.encode(&hasher.finish()), hash(kind, &bytes));
        }
    }

    #[test]
    fn names_are_crocs() {
        for kind in [HashKind::Xxhash, HashKind::Imohash, HashKind::Md5, HashKind::Highway] {
            assert_eq!(HashKind::named(kind.as_str()), Some(kind));
        }
        assert_eq!(HashKind::named(""), Some(HashKind::Xxhash));
        assert_eq!(HashKind::named("imohash-v2"), None);
    }
}
