//! From the agreed key to the keys of records: PBKDF2, then one HKDF label per purpose. Called once per session by `transfer`.
//! Sealing is `record`'s task.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{error::CryptoError, pake::SharedKey, secret::Secret, side::Side};
use crate::labels;

/// How many PBKDF2 iterations a sender asks for unless it is told otherwise: about a hundredth of a second of work.
///
/// They cost nobody anything who has not broken the key agreement, because K has full entropy. Who has broken it, for one recorded
/// session, tries codes against the recording: the 41 bits of four words then take a thousand years of one processor core, or about
/// one of a large graphics card. Counts recommended for stored passwords are six times that, for secrets of which thieves hold
/// thousands at once; here every session would pay, on each side.
pub const DEFAULT_ITERATIONS: u32 = MIN_ITERATIONS;
/// The fewest PBKDF2 iterations that a receiver accepts. With fewer, the stretched code would protect too little if the key
/// agreement were broken.
pub const MIN_ITERATIONS: u32 = 100_000;
/// The most PBKDF2 iterations that a receiver accepts. With more, a peer could keep this computer busy.
pub const MAX_ITERATIONS: u32 = 5_000_000;
/// Length of the PBKDF2 salt in bytes: RFC 8018 asks for at least this many. K differs in every session anyway.
pub const SALT_LEN: usize = 8;

/// How the sender wants the code stretched. In every value of this type, the iterations are within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    iterations: u32,
    salt: [u8; SALT_LEN],
}

impl Stretch {
    /// A stretch with this many iterations and a fresh random salt, for a sender. Draw one for each session.
    pub fn draw(iterations: u32) -> Result<Stretch, CryptoError> {
        let mut salt = [0; SALT_LEN];
        getrandom::fill(&mut salt).map_err(|_| CryptoError::NoRandomness)?;
        Stretch::checked(iterations, salt)
    }

    /// The stretch that a sender asks for. Fails if the iterations are outside [`MIN_ITERATIONS`] and [`MAX_ITERATIONS`].
    pub fn checked(iterations: u32, salt: [u8; SALT_LEN]) -> Result<Stretch, CryptoError> {
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations) {
            return Err(CryptoError::Iterations { asked: iterations });
        }
        Ok(Stretch { iterations, salt })
    }

    /// Number of PBKDF2 iterations.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// The PBKDF2 salt. It is not a secret.
    pub fn salt(&self) -> [u8; SALT_LEN] {
        self.salt
    }
}

/// The two encrypted streams of a transfer. They share no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The offer and every control message, on lane 0.
    Metadata,
    /// Blocks of files, on any lane.
    Data,
}

/// What PBKDF2 makes of the code and K: the root of all keys of a session. Wiped on drop; can't be printed.
#[derive(ZeroizeOnDrop)]
pub struct Root(Secret);

impl Root {
    /// PBKDF2-HMAC-SHA-256 (RFC 8018) over code ‖ 0x00 ‖ K. K has full entropy, so no guess can be tried against a recording even
    /// if PBKDF2 were free; the stretched code is the second wall.
    ///
    /// It is slow by design: with [`DEFAULT_ITERATIONS`] it takes between a hundredth and a tenth of a second, depending on the
    /// processor. So call it off the async threads.
    #[must_use]
    pub fn stretch(code: &[u8], key: &SharedKey, params: &Stretch) -> Self {
        // Sized once, so that no reallocation leaves an unwiped copy behind.
        let mut passphrase = Zeroizing::new(Vec::with_capacity(code.len() + 1 + key.bytes().len()));
        passphrase.extend_from_slice(code);
        passphrase.push(0);
        passphrase.extend_from_slice(key.bytes());
        Self(stretch(&passphrase, &params.salt, params.iterations))
    }

    /// The keys of a channel: HKDF-Expand (RFC 5869) with one label per end and purpose.
    #[must_use]
    pub fn keys(&self, channel: Channel) -> ChannelKeys {
        channel_keys(&self.0, channel)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The keys of a channel from a root of 32 uniform bytes.
pub(super) fn channel_keys(root: &[u8; 32], channel: Channel) -> ChannelKeys {
    let record_keys = |author| {
        let (encrypt_label, mac_label) = record_labels(channel, author);
        let key = |label| Secret::written_by(|key| expand(root, label, key));
        RecordKeys { channel, author, encrypt: key(encrypt_label), mac: key(mac_label) }
    };
    ChannelKeys { forward: record_keys(Side::Sender), back: record_keys(Side::Receiver) }
}

/// The keys of one channel, both ways. Wiped on drop; can't be printed.
#[derive(ZeroizeOnDrop)]
pub struct ChannelKeys {
    forward: RecordKeys,
    back: RecordKeys,
}

impl ChannelKeys {
    /// The keys of the records that `author` seals and the other end opens.
    pub fn sent_by(&self, author: Side) -> &RecordKeys {
        match author {
            Side::Sender => &self.forward,
            Side::Receiver => &self.back,
        }
    }
}

/// The keys of the records of one channel in one direction. Every header names the channel and the end of its keys, so they
/// can't be swapped. Wiped on drop; can't be printed.
#[derive(ZeroizeOnDrop)]
pub struct RecordKeys {
    #[zeroize(skip)]
    pub(super) channel: Channel,
    #[zeroize(skip)]
    pub(super) author: Side,
    pub(super) encrypt: Secret,
    pub(super) mac: Secret,
}

fn record_labels(channel: Channel, author: Side) -> (&'static [u8], &'static [u8]) {
    match (channel, author) {
        (Channel::Metadata, Side::Sender) => (labels::METADATA_FORWARD_ENCRYPT, labels::METADATA_FORWARD_MAC),
        (Channel::Metadata, Side::Receiver) => (labels::METADATA_BACK_ENCRYPT, labels::METADATA_BACK_MAC),
        (Channel::Data, Side::Sender) => (labels::DATA_FORWARD_ENCRYPT, labels::DATA_FORWARD_MAC),
        (Channel::Data, Side::Receiver) => (labels::DATA_BACK_ENCRYPT, labels::DATA_BACK_MAC),
    }
}

fn stretch(passphrase: &[u8], salt: &[u8], iterations: u32) -> Secret {
    Secret::written_by(|root| pbkdf2::pbkdf2_hmac::<Sha256>(passphrase, salt, iterations, root))
}

/// Fills `key` by HKDF-Expand (RFC 5869) of a root under a label.
pub(super) fn expand(master: &[u8; 32], label: &[u8], key: &mut [u8]) {
    Hkdf::<Sha256>::from_prk(master)
        .expect("32 bytes are a pseudorandom key for SHA-256")
        .expand(label, key)
        .expect("a key is far shorter than HKDF's limit of 8,160 bytes");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::crypto::tests::unhex;

    fn quick(salt: u8) -> Stretch {
        Stretch::checked(MIN_ITERATIONS, [salt; SALT_LEN]).unwrap()
    }

    fn derived(channel: Channel, code: &[u8], key: &SharedKey, stretch: &Stretch) -> ChannelKeys {
        Root::stretch(code, key, stretch).keys(channel)
    }

    fn key_bytes(keys: &ChannelKeys) -> [[u8; 32]; 4] {
        [&keys.forward.encrypt, &keys.forward.mac, &keys.back.encrypt, &keys.back.mac].map(|key| **key)
    }

    #[test]
    fn stretching_is_the_pbkdf2_of_rfc_7914() {
        // Section 11. Its outputs are 64 bytes; the first 32 don't depend on the rest.
        let once = stretch(b"passwd", b"salt", 1);
        assert_eq!(*once, *unhex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"));
        let often = stretch(b"Password", b"NaCl", 80_000);
        assert_eq!(*often, *unhex("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"));
    }

    #[test]
    fn expansion_is_the_hkdf_of_rfc_5869() {
        // Appendix A, test cases 1, 2 and 3.
        let long_info: Vec<u8> = (0xb0..=0xff).collect();
        let cases: [(&str, &[u8], &str); 3] = [
            (
                "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                &[0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9],
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            ),
            (
                "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
                &long_info,
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
                 da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                &[],
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            ),
        ];
        for (master, info, expected) in cases {
            let expected = unhex(expected);
            let mut key = vec![0; expected.len()];
            expand(&unhex(master).try_into().unwrap(), info, &mut key);
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn keys_are_what_other_libraries_compute_from_the_documented_formula() {
        // Computed by Python's hashlib and `cryptography` from code ‖ 0x00 ‖ K and the labels as text. Catches a changed label
        // or order, which would separate this version from earlier ones without any other test failing.
        let key = SharedKey::from_bytes([9; 32]);
        let params = Stretch::checked(100_000, [1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let metadata = [
            "3a60475a27c84bb25f31e5dfe97a69f69a3b96e1852ba10b9b67a52e727d27db",
            "fcdb7f425bf5b90e5e1d777f6c421506a64745350ffd19220d1d939c5c153fb0",
            "e42504b3c764cd080bffe3c51f0134240d673be885542bbf5b79e2d5a1fa3ad6",
            "c289262070fcaeb5ef29fa2044d33d28534d3125f1278834e5784d185f72bae8",
        ];
        let data = [
            "827a9cc7d0866e4e525befd8ad1d339d64a6192d52b21941ffd51a5fe4a90657",
            "2e9c6371ee2d02df7e0a9cc4852e4c7cfae6cad2eac15d54aa190ec2a78caae8",
            "db19a6bfeda9e6474bcfad8c539a01d7e85b3c5983c7b95fe83bec03ab35d4fc",
            "804afe4c2fa41a3914657d52f6499f1376c2e9791bb3afc3c47ee8c4c773498a",
        ];
        let root = Root::stretch(b"acid-canyon-mustang-tulip", &key, &params);
        for (channel, expected) in [(Channel::Metadata, metadata), (Channel::Data, data)] {
            assert_eq!(key_bytes(&root.keys(channel)).map(Vec::from), expected.map(unhex));
        }
    }

    #[test]
    fn both_ends_derive_the_same_keys_and_any_other_input_changes_all_of_them() {
        let key = SharedKey::from_bytes([9; 32]);
        let keys = key_bytes(&derived(Channel::Metadata, b"code", &key, &quick(1)));
        assert_eq!(keys, key_bytes(&derived(Channel::Metadata, b"code", &key, &quick(1))));

        let more = Stretch::checked(MIN_ITERATIONS + 1, [1; SALT_LEN]).unwrap();
        let others = [
            derived(Channel::Data, b"code", &key, &quick(1)),
            derived(Channel::Metadata, b"cod", &key, &quick(1)),
            derived(Channel::Metadata, b"code", &SharedKey::from_bytes([8; 32]), &quick(1)),
            derived(Channel::Metadata, b"code", &key, &quick(2)),
            derived(Channel::Metadata, b"code", &key, &more),
        ];
        let distinct: HashSet<[u8; 32]> = others.iter().flat_map(key_bytes).chain(keys).collect();
        assert_eq!(distinct.len(), 4 * (others.len() + 1));
    }

    #[test]
    fn an_iteration_count_out_of_bounds_is_refused() {
        for asked in [0, 1, 99_999, 5_000_001, u32::MAX] {
            assert_eq!(Stretch::checked(asked, [0; SALT_LEN]), Err(CryptoError::Iterations { asked }));
        }
        for asked in [100_000, 600_000, 5_000_000] {
            assert_eq!(Stretch::checked(asked, [0; SALT_LEN]).unwrap().iterations(), asked);
        }
    }

    #[test]
    fn every_draw_has_its_own_salt() {
        let draw = || Stretch::draw(DEFAULT_ITERATIONS).unwrap();
        let (first, second) = (draw(), draw());
        assert_eq!(first.iterations(), DEFAULT_ITERATIONS);
        assert_ne!(first.salt(), second.salt());
    }
}
