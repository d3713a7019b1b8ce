//! One record, sealed or opened in place: `header ‖ IVs ‖ ciphertext ‖ tag`. Called by `transfer` for every control
//! message and every block of a file. It touches no socket: the caller reads the header, asks
//! [`Opener::begin`] how much follows, reads that, and hands it over whole.
//!
//! The plaintext is AES-256-CBC with PKCS#7 under fresh random IVs (NIST SP 800-38A, appendix C): one chain in a record of
//! metadata, eight side by side in one of data, each under an IV of its own (`chains` says why). A keyed BLAKE3
//! tag covers everything before it. It is checked in constant time before anything is decrypted, so a forger learns
//! nothing from padding.
//!
//! The header, in big-endian order: channel `u8` (1 metadata, 2 data), author `u8` (1 sender, so forward; 2 receiver,
//! so back), lane `u16`, plaintext length `u32`, sequence `u64`, block `u64`. Metadata uses lane 0 and block 0.

use std::ops::Range;

use aes::{Aes256Dec, Aes256Enc};
use cbc::cipher::KeyInit;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{
    chains::{self, Iv, MAX_CHAINS, padded_len},
    error::CryptoError,
    kdf::{Channel, RecordKeys},
    side::Side,
};

/// Length of a record's header in bytes.
pub const HEADER_LEN: usize = 24;
/// Length of an initialisation vector in bytes.
pub const IV_LEN: usize = chains::BLOCK_LEN;
/// Length of a record's tag in bytes, a whole BLAKE3 hash.
pub const TAG_LEN: usize = 32;

/// Where in a record of this channel the ciphertext begins, and where [`Sealer::seal`] expects the plaintext.
#[must_use]
pub const fn plaintext_offset(channel: Channel) -> usize {
    HEADER_LEN + chains::count(channel) * IV_LEN
}

/// Length of a record of this channel that holds `plaintext` bytes of plaintext.
#[must_use]
pub const fn sealed_len(channel: Channel, plaintext: usize) -> usize {
    plaintext_offset(channel) + padded_len(plaintext) + TAG_LEN
}

/// Seals the records of one lane, in order. Wiped on drop; can't be printed.
///
/// Make only one sealer for each lane under one set of keys: a second one would count from 0 again, and the peer could not
/// tell new records from recorded ones. A lane that is opened again takes a new number, and a new session takes new keys.
#[derive(ZeroizeOnDrop)]
pub struct Sealer {
    cipher: Aes256Enc,
    mac: [u8; 32],
    #[zeroize(skip)]
    position: RecordPosition,
}

impl Sealer {
    /// Starts at sequence number 0.
    #[must_use]
    pub fn new(keys: &RecordKeys, lane: u16) -> Sealer {
        Sealer {
            cipher: Aes256Enc::new((&*keys.encrypt).into()),
            mac: *keys.mac,
            position: RecordPosition::first(keys, lane),
        }
    }

    /// Turns `buffer`, which holds plaintext from [`plaintext_offset`] on, into a record, in place. Whatever stands before
    /// the plaintext is overwritten. If the buffer has a capacity of [`sealed_len`], nothing is allocated or copied.
    /// After an error the buffer is as it was and the sequence number is still free.
    ///
    /// # Panics
    /// When the buffer is shorter than [`plaintext_offset`].
    pub fn seal(&mut self, block: u64, buffer: &mut Vec<u8>) -> Result<(), CryptoError> {
        let mut ivs = [[0; IV_LEN]; MAX_CHAINS];
        let ivs = &mut ivs[..chains::count(self.position.channel)];
        getrandom::fill(ivs.as_flattened_mut()).map_err(|_| CryptoError::NoRandomness)?;
        self.seal_under(ivs, block, buffer)
    }

    /// Seals a copy of a metadata message.
    pub fn seal_message(&mut self, plaintext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let channel = self.position.channel;
        let mut buffer = Vec::with_capacity(sealed_len(channel, plaintext.len()));
        buffer.resize(plaintext_offset(channel), 0);
        buffer.extend_from_slice(plaintext);
        self.seal(0, &mut buffer)?;
        Ok(buffer)
    }

    /// Seals under `ivs`, one for each chain of the channel's records.
    fn seal_under(&mut self, ivs: &[Iv], block: u64, buffer: &mut Vec<u8>) -> Result<(), CryptoError> {
        let offset = plaintext_offset(self.position.channel);
        assert!(buffer.len() >= offset, "the plaintext begins at plaintext_offset");
        let plaintext_len = buffer.len() - offset;
        let length = u32::try_from(plaintext_len)
            .map_err(|_| CryptoError::TooLong { length: plaintext_len, limit: u32::MAX as usize })?;
        let header = self.position.header(length, block)?;

        let record_len = sealed_len(self.position.channel, plaintext_len);
        buffer.resize(record_len, 0);
        let (rest, tag) = buffer.split_at_mut(record_len - TAG_LEN);
        rest[..HEADER_LEN].copy_from_slice(&header);
        rest[HEADER_LEN..offset].copy_from_slice(ivs.as_flattened());
        chains::encrypt(&self.cipher, ivs, &mut rest[offset..], plaintext_len);
        tag.copy_from_slice(authenticate(&self.mac, &header, &rest[HEADER_LEN..]).as_bytes());
        self.position.advance();
        Ok(())
    }
}

/// Opens the records of one lane, in the order in which they were sealed. Wiped on drop; can't be printed.
///
/// After an error the opener still waits for the record that failed. A stream that caused an error is out of step or under
/// attack: close the connection rather than reading on.
#[derive(ZeroizeOnDrop)]
pub struct Opener {
    cipher: Aes256Dec,
    mac: [u8; 32],
    #[zeroize(skip)]
    position: RecordPosition,
    #[zeroize(skip)]
    max_plaintext: usize,
}

/// What the header of a record announces. It is not authentic until [`Opener::open`] has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Index of the block of file data; 0 for metadata.
    pub block: u64,
    /// Length of the plaintext, no more than the opener's limit.
    pub length: u32,
    /// How many bytes of the record follow the header.
    pub rest: usize,
    /// Where the plaintext begins in these bytes once the record is open.
    start: usize,
}

impl Due {
    /// Where the plaintext is in the bytes that follow the header, once the record is open.
    #[must_use]
    pub fn plaintext(&self) -> Range<usize> {
        self.start..self.start + self.length as usize
    }
}

impl Opener {
    /// Starts at sequence number 0, with the keys of the end that seals. Refuses records of more than `max_plaintext` bytes
    /// of plaintext.
    #[must_use]
    pub fn new(keys: &RecordKeys, lane: u16, max_plaintext: usize) -> Opener {
        Opener {
            cipher: Aes256Dec::new((&*keys.encrypt).into()),
            mac: *keys.mac,
            position: RecordPosition::first(keys, lane),
            max_plaintext,
        }
    }

    /// Compares a header with the one that is due, before anything more is read, and says how much follows it.
    /// Nothing here is authentic yet, but the length is bounded, so memory of this size may be allocated.
    pub fn begin(&self, header: &[u8; HEADER_LEN]) -> Result<Due, CryptoError> {
        let (length, block) = claims(header);
        if self.position.header(length, block)? != *header {
            return Err(CryptoError::UnexpectedHeader);
        }
        let plaintext_len = length as usize;
        if plaintext_len > self.max_plaintext {
            return Err(CryptoError::TooLong { length: plaintext_len, limit: self.max_plaintext });
        }
        let rest = sealed_len(self.position.channel, plaintext_len) - HEADER_LEN;
        Ok(Due { block, length, rest, start: chains::count(self.position.channel) * IV_LEN })
    }

    /// Opens the record whose header is `header` and whose other bytes are `rest`, in place, and returns the
    /// plaintext within `rest`. The tag is checked in constant time, over all that precedes it, before anything is
    /// decrypted; a `rest` of any length but the announced one fails like a forged one. After a success the next record
    /// is due. After an error the same record is due as before, and `rest` holds nothing of use.
    pub fn open<'b>(
        &mut self,
        header: &[u8; HEADER_LEN],
        rest: &'b mut [u8],
    ) -> Result<&'b mut [u8], CryptoError> {
        let due = self.begin(header)?;
        if rest.len() != due.rest {
            return Err(CryptoError::Forged);
        }
        let (body, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(CryptoError::Forged)?;
        // Equality of `blake3::Hash` takes constant time.
        if authenticate(&self.mac, header, body) != blake3::Hash::from_bytes(*tag) {
            return Err(CryptoError::Forged);
        }
        let ivs_len = chains::count(self.position.channel) * IV_LEN;
        let (ivs, ciphertext) = body.split_at_mut_checked(ivs_len).ok_or(CryptoError::Forged)?;
        let (ivs, _) = ivs.as_chunks();
        let plaintext_len = chains::decrypt(&self.cipher, ivs, ciphertext)?;
        if plaintext_len != due.length as usize {
            return Err(CryptoError::Padding);
        }
        self.position.advance();
        Ok(&mut ciphertext[..plaintext_len])
    }
}

/// Which record comes next. Sealer and opener both keep count, and a header that doesn't agree with the count is refused.
#[derive(Clone, Copy)]
struct RecordPosition {
    channel: Channel,
    author: Side,
    lane: u16,
    sequence: u64,
}

impl RecordPosition {
    fn first(keys: &RecordKeys, lane: u16) -> RecordPosition {
        RecordPosition { channel: keys.channel, author: keys.author, lane, sequence: 0 }
    }

    fn advance(&mut self) {
        self.sequence = self.sequence.checked_add(1).expect("no machine lives for 2^64 records");
    }

    /// The only header with this length and this block that is valid at this position.
    fn header(&self, length: u32, block: u64) -> Result<[u8; HEADER_LEN], CryptoError> {
        if self.channel == Channel::Metadata && (self.lane, block) != (0, 0) {
            return Err(CryptoError::UnexpectedHeader);
        }
        let mut header = [0; HEADER_LEN];
        header[0] = match self.channel {
            Channel::Metadata => 1,
            Channel::Data => 2,
        };
        header[1] = match self.author {
            Side::Sender => 1,
            Side::Receiver => 2,
        };
        header[2..4].copy_from_slice(&self.lane.to_be_bytes());
        header[4..8].copy_from_slice(&length.to_be_bytes());
        header[8..16].copy_from_slice(&self.sequence.to_be_bytes());
        header[16..24].copy_from_slice(&block.to_be_bytes());
        Ok(header)
    }
}

/// The two fields of a header that the opener can't know in advance: the length of the plaintext and the block.
fn claims(header: &[u8; HEADER_LEN]) -> (u32, u64) {
    let length = header[4..8].try_into().expect("four bytes");
    let block = header[16..24].try_into().expect("eight bytes");
    (u32::from_be_bytes(length), u64::from_be_bytes(block))
}

/// The tag of a record: keyed BLAKE3 (BLAKE3 specification, section 2.3) over header and body. The header's length is fixed,
/// so no two pairs give the same input.
pub(super) fn authenticate(key: &[u8; 32], header: &[u8], body: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let tag = hasher.update(header).update(body).finalize();
    hasher.zeroize();
    tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::tests::{record_keys, unhex};

    #[test]
    fn authentication_is_the_keyed_blake3_of_the_official_vectors() {
        // test_vectors/test_vectors.json of the BLAKE3 repository.
        let key = b"whats the Elvish word for friend";
        let cases = [
            (0, "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26"),
            (1, "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b"),
            (1023, "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e"),
            (1024, "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4"),
            (1025, "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69"),
            (2049, "9f29700902f7c86e514ddc4df1e3049f258b2472b6dd5267f61bf13983b78dd5"),
            (31744, "efa53b389ab67c593dba624d898d0f7353ab99e4ac9d42302ee64cbf9939a419"),
            (102_400, "1c35d1a5811083fd7119f5d5d1ba027b4d01c0c6c49fb6ff2cf75393ea5db4a7"),
        ];
        for (length, expected) in cases {
            let input: Vec<u8> = (0..=250).cycle().take(length).collect();
            let (header, body) = input.split_at(length.min(HEADER_LEN));
            assert_eq!(authenticate(key, header, body).as_bytes().as_slice(), unhex(expected));
        }
    }

    #[test]
    fn a_record_of_data_is_laid_out_as_documented() {
        let keys = record_keys(Channel::Data, Side::Receiver);
        let offset = plaintext_offset(Channel::Data);
        assert_eq!(offset, 24 + 8 * 16);
        let mut sealer = Sealer::new(&keys, 0x0102);
        sealer.seal(0, &mut vec![0; offset]).unwrap();
        let ivs: [Iv; MAX_CHAINS] = std::array::from_fn(|at| [0x51 + at as u8; IV_LEN]);
        let mut record = [&vec![0xee; offset][..], b"seventeen letters"].concat();
        sealer.seal_under(&ivs, 0x0304, &mut record).unwrap();

        assert_eq!(record.len(), sealed_len(Channel::Data, 17));
        assert_eq!(record[..HEADER_LEN], unhex("020201020000001100000000000000010000000000000304"));
        assert_eq!(record[HEADER_LEN..offset], *ivs.as_flattened());
        let mut ciphertext = [b"seventeen letters", &[0; 15][..]].concat();
        chains::encrypt(&sealer.cipher, &ivs, &mut ciphertext, 17);
        assert_eq!(record[offset..offset + 32], ciphertext);
        let tagged = record.len() - TAG_LEN;
        assert_eq!(record[tagged..], *blake3::keyed_hash(&keys.mac, &record[..tagged]).as_bytes());
    }

    #[test]
    fn a_record_of_metadata_is_laid_out_as_documented() {
        let keys = record_keys(Channel::Metadata, Side::Sender);
        let mut record = [&[0xee; HEADER_LEN + IV_LEN][..], b"seventeen letters"].concat();
        let mut sealer = Sealer::new(&keys, 0);
        sealer.seal_under(&[[0x55; IV_LEN]], 0, &mut record).unwrap();

        assert_eq!(record.len(), sealed_len(Channel::Metadata, 17));
        assert_eq!(record[..HEADER_LEN], unhex("010100000000001100000000000000000000000000000000"));
        assert_eq!(record[HEADER_LEN..HEADER_LEN + IV_LEN], [0x55; IV_LEN]);
        let mut ciphertext = [b"seventeen letters", &[0; 15][..]].concat();
        chains::encrypt(&sealer.cipher, &[[0x55; IV_LEN]], &mut ciphertext, 17);
        assert_eq!(record[HEADER_LEN + IV_LEN..][..32], ciphertext);
        let tagged = record.len() - TAG_LEN;
        assert_eq!(record[tagged..], *blake3::keyed_hash(&keys.mac, &record[..tagged]).as_bytes());
    }

    #[test]
    fn an_authentic_record_whose_padding_disagrees_with_its_header_is_refused() {
        for (channel, chains) in [(Channel::Metadata, 1), (Channel::Data, MAX_CHAINS)] {
            let keys = record_keys(channel, Side::Sender);
            let sealer = Sealer::new(&keys, 0);
            let header = sealer.position.header(5, 0).unwrap();
            let ivs = vec![[0; IV_LEN]; chains];
            // The first record has six bytes where five are announced; the second has no valid padding.
            let longer = |body: &mut [u8]| chains::encrypt(&sealer.cipher, &ivs, body, 6);
            let unpadded = |body: &mut [u8]| {
                let mut blocks = [0; 2 * IV_LEN];
                chains::encrypt(&sealer.cipher, &ivs, &mut blocks, IV_LEN);
                body.copy_from_slice(&blocks[..IV_LEN]);
            };
            for fill in [&longer as &dyn Fn(&mut [u8]), &unpadded] {
                let mut rest = vec![0; sealed_len(channel, 5) - HEADER_LEN];
                let (body, tag) = rest.split_last_chunk_mut::<TAG_LEN>().unwrap();
                fill(&mut body[chains * IV_LEN..]);
                *tag = *authenticate(&keys.mac, &header, body).as_bytes();
                assert_eq!(Opener::new(&keys, 0, 16).open(&header, &mut rest), Err(CryptoError::Padding));
            }
        }
    }
}
