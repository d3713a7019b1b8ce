//! AES-256-CBC as several chains side by side: a padded plaintext is cut into segments, and each segment becomes a CBC
//! chain under an initialisation vector (IV) of its own. Called by `record`, which draws the IVs and authenticates the result.
//!
//! CBC encryption waits for itself: no block can begin before the one in front of it is done, and an AES unit that could
//! work on several blocks at once stands idle. Chains don't wait for each other, so working on one block of each chain at a
//! time keeps the unit busy: eight chains are encrypted more than four times as fast as one. Decryption never waits, and is
//! left to the `cbc` crate. Each chain is plain CBC (NIST SP 800-38A), byte for byte as `cbc` computes it; the tests compare
//! every length.
//!
//! The number of chains depends only on the channel, and where they begin only on the length.

use aes::{Aes256Dec, Aes256Enc};
use cbc::cipher::{
    Array, Block, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockModeDecrypt,
    BlockSizeUser, InOutBuf, InnerIvInit,
    block_padding::{Padding, Pkcs7},
    consts::U16,
};

use super::{error::CryptoError, kdf::Channel};

/// Bytes of a cipher block and of an IV.
pub(super) const BLOCK_LEN: usize = 16;

/// The number of chains in a record of data, and the most in any record. Eight keep the AES units of today's processors busy;
/// sixteen no longer fit into their registers.
pub(super) const MAX_CHAINS: usize = 8;

/// An initialisation vector.
pub(super) type Iv = [u8; BLOCK_LEN];

type AesBlock = Block<Aes256Enc>;

/// How many chains the records of a channel have. Control messages are small, and eight IVs would be most of such a record.
pub(super) const fn count(channel: Channel) -> usize {
    match channel {
        Channel::Metadata => 1,
        Channel::Data => MAX_CHAINS,
    }
}

/// The length of `plaintext` bytes with their padding, which is a whole block if the plaintext fills its last one.
pub(super) const fn padded_len(plaintext: usize) -> usize {
    (plaintext / BLOCK_LEN + 1) * BLOCK_LEN
}

/// Pads the first `plaintext_len` bytes of `buffer` so that they fill it, and encrypts it as one chain for each of `ivs`.
/// In a buffer that is too short for that many chains, the last ones are empty.
pub(super) fn encrypt(cipher: &Aes256Enc, ivs: &[Iv], buffer: &mut [u8], plaintext_len: usize) {
    debug_assert!(ivs.len() <= MAX_CHAINS && buffer.len() == padded_len(plaintext_len));
    let segment_blocks = segment_len(buffer.len(), ivs.len()) / BLOCK_LEN;
    let (blocks, _) = Array::slice_as_chunks_mut(buffer);
    if let Some(last) = blocks.last_mut() {
        Pkcs7::pad(last, plaintext_len % BLOCK_LEN);
    }
    let mut segments = blocks.chunks_mut(segment_blocks);
    let mut heads = [AesBlock::default(); MAX_CHAINS];
    for (head, iv) in heads.iter_mut().zip(ivs) {
        *head = (*iv).into();
    }
    let segments = std::array::from_fn(|_| segments.next().unwrap_or_default());
    cipher.encrypt_with_backend(Chains { heads, segments });
}

/// Decrypts what [`encrypt`] made, in place, and returns the length without padding.
pub(super) fn decrypt(cipher: &Aes256Dec, ivs: &[Iv], buffer: &mut [u8]) -> Result<usize, CryptoError> {
    let segment_len = segment_len(buffer.len(), ivs.len());
    for (iv, segment) in ivs.iter().zip(buffer.chunks_mut(segment_len)) {
        let (blocks, _) = Array::slice_as_chunks_mut(segment);
        cbc::Decryptor::inner_iv_init(cipher, iv.into()).decrypt_blocks(blocks);
    }
    let (blocks, _) = Array::<u8, U16>::slice_as_chunks(buffer);
    Pkcs7::unpad_blocks(blocks).map(<[u8]>::len).map_err(|_| CryptoError::Padding)
}

/// The length in bytes of each segment except the last, which has what is left. With several chains it is a number of whole
/// cache lines: in a block of a file, segments of exactly an eighth would begin almost a power of two apart, and a cache keeps
/// all such addresses in the same few places.
fn segment_len(padded_len: usize, chains: usize) -> usize {
    const CACHE_LINE: usize = 64;
    if chains == 1 { padded_len } else { padded_len.div_ceil(chains).next_multiple_of(CACHE_LINE) }
}

/// The chains of a record on their way through the cipher.
struct Chains<'a> {
    /// The last ciphertext block of each chain, or its IV at the beginning.
    heads: [AesBlock; MAX_CHAINS],
    /// What each chain has to encrypt. None is longer than the one before it.
    segments: [&'a mut [AesBlock]; MAX_CHAINS],
}

impl BlockSizeUser for Chains<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Chains<'_> {
    #[expect(
        clippy::inline_always,
        reason = "only where it is inlined can it use the instructions of the backend"
    )]
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let Self { mut heads, mut segments } = self;
        let [longest, .., shortest] = &segments;
        let (shortest, longest) = (shortest.len(), longest.len());
        for step in 0..shortest {
            for (head, segment) in heads.iter_mut().zip(&segments) {
                xor(head, &segment[step]);
            }
            let (chunks, rest) = InOutBuf::from(&mut heads[..]).into_chunks::<B::ParBlocksSize>();
            for chunk in chunks {
                backend.encrypt_par_blocks(chunk);
            }
            for head in rest {
                backend.encrypt_block(head);
            }
            for (head, segment) in heads.iter().zip(&mut segments) {
                segment[step] = *head;
            }
        }
        // All chains but the last are a little longer than the shortest, or, in a short record, some chains are empty.
        for step in shortest..longest {
            for (head, segment) in heads.iter_mut().zip(&mut segments) {
                let Some(block) = segment.get_mut(step) else { break };
                xor(head, block);
                backend.encrypt_block(head.into());
                *block = *head;
            }
        }
    }
}

/// XORs `block` into `head`, each as one integer. Byte by byte, this would take longer than the cipher.
fn xor(head: &mut AesBlock, block: &AesBlock) {
    head.0 = (u128::from_ne_bytes(head.0) ^ u128::from_ne_bytes(block.0)).to_ne_bytes();
}

#[cfg(test)]
mod tests {
    use cbc::cipher::{BlockModeEncrypt, KeyInit};
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::tests::unhex;

    // The vectors of NIST SP 800-38A, F.2.5 and F.2.6. The last block of the ciphertext is the padding, as OpenSSL computes it.
    const KEY: &str = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    const IV: &str = "000102030405060708090a0b0c0d0e0f";
    const PLAINTEXT: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                             30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
    const CIPHERTEXT: &str = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
                              39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b\
                              3f461796d6b0d6b2e0c2a72b4d80e644";

    #[test]
    fn a_single_chain_is_the_cbc_of_sp_800_38a() {
        let key: [u8; 32] = unhex(KEY).try_into().unwrap();
        let iv: Iv = unhex(IV).try_into().unwrap();
        let mut buffer = unhex(PLAINTEXT);
        buffer.resize(80, 0);
        encrypt(&Aes256Enc::new((&key).into()), &[iv], &mut buffer, 64);
        assert_eq!(buffer, unhex(CIPHERTEXT));
        assert_eq!(decrypt(&Aes256Dec::new((&key).into()), &[iv], &mut buffer), Ok(64));
        assert_eq!(buffer[..64], unhex(PLAINTEXT));
    }

    /// Encrypts segment by segment with `cbc`, which knows only one chain, and says how many segments there were.
    fn one_by_one(cipher: &Aes256Enc, ivs: &[Iv], plaintext: &[u8]) -> (Vec<u8>, usize) {
        let segment_len = segment_len(padded_len(plaintext.len()), ivs.len());
        let mut rest = plaintext;
        let mut ciphertext = Vec::new();
        let mut segments = 0;
        for iv in ivs {
            segments += 1;
            let encryptor = || cbc::Encryptor::inner_iv_init(cipher, iv.into());
            if rest.len() < segment_len {
                let mut last = rest.to_vec();
                last.resize(padded_len(rest.len()), 0xff);
                ciphertext.extend(encryptor().encrypt_padded::<Pkcs7>(&mut last, rest.len()).unwrap());
                break;
            }
            let (segment, after) = rest.split_at(segment_len);
            let mut segment = segment.to_vec();
            encryptor().encrypt_blocks(Array::slice_as_chunks_mut(&mut segment).0);
            ciphertext.extend(segment);
            rest = after;
        }
        (ciphertext, segments)
    }

    fn agrees_with_cbc(key: [u8; 32], ivs: &[Iv], plaintext: &[u8]) -> usize {
        let cipher = Aes256Enc::new((&key).into());
        let mut buffer = plaintext.to_vec();
        buffer.resize(padded_len(plaintext.len()), 0xff);
        encrypt(&cipher, ivs, &mut buffer, plaintext.len());
        let (expected, segments) = one_by_one(&cipher, ivs, plaintext);
        assert!(buffer == expected, "{} bytes as {} chains", plaintext.len(), ivs.len());
        let length = decrypt(&Aes256Dec::new((&key).into()), ivs, &mut buffer);
        assert_eq!(length, Ok(plaintext.len()));
        assert!(buffer[..plaintext.len()] == *plaintext);
        segments
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[test]
    fn every_length_is_what_cbc_makes_of_it() {
        let ivs: [Iv; MAX_CHAINS] = std::array::from_fn(|at| [at as u8 + 1; BLOCK_LEN]);
        let plaintext = bytes(2 << 20);
        for length in (0..1400).chain([16 << 10, (64 << 10) + 5, (256 << 10) - 1, 256 << 10, 2 << 20]) {
            agrees_with_cbc([7; 32], &ivs, &plaintext[..length]);
            agrees_with_cbc([7; 32], &ivs[..1], &plaintext[..length]);
        }
    }

    proptest! {
        #[test]
        fn side_by_side_is_one_by_one(
            key: [u8; 32],
            ivs: [Iv; MAX_CHAINS],
            chains in 1..=MAX_CHAINS,
            plaintext in prop::collection::vec(any::<u8>(), 0..5000),
        ) {
            agrees_with_cbc(key, &ivs[..chains], &plaintext);
        }
    }

    /// Catches segments that leave chains without work, which would be as slow as if those chains didn't exist.
    #[test]
    fn a_block_of_a_file_is_cut_into_as_many_segments_as_there_are_chains_and_evenly() {
        for length in [256 << 10, 512 << 10, 1 << 20, 2 << 20] {
            let padded = padded_len(length);
            let segment = segment_len(padded, MAX_CHAINS);
            let last = padded - (MAX_CHAINS - 1) * segment;
            assert!(last <= segment && segment - last < segment / 50, "{last} after {segment}");
            assert_ne!(segment % 4096, 0, "all chains would meet in one place of the cache");
        }
    }
}
