//! What is sealed and how: the AEAD envelope, DEFLATE, and the keys that follow from a key exchange.
//!
//! croc has one key for both directions and all connections of a transfer, and nothing in a sealed message says where in
//! which stream it belongs. So an attacker on the way can repeat, reorder and reflect what was sealed, and the caller that
//! opens a message checks that it makes sense where it arrives.

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce, Tag,
    aead::{AeadInOut, inout::InOutBuf},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use miniz_oxide::{deflate::compress_to_vec, inflate};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    code::CodeMeeting,
    pake::{Agreement, CurveName, SessionKey},
};

/// Bytes that sealing adds.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
/// The longest control message after inflating.
pub const MAX_MESSAGE: usize = 64 << 20;
/// How many rounds croc gives PBKDF2. The password is a key already.
const ROUNDS: u32 = 100;
/// How hard messages are compressed: file lists shrink to a tenth, and the rest is short.
const LEVEL: u8 = 6;
/// The version of croc 11's key schedule, as it stands in every field of it.
const VERSION: [u8; 8] = 2u64.to_le_bytes();
/// Length of the salt that croc 11 takes.
pub const SALT_LEN: usize = 32;
/// Length of the salt that relays and croc 10 take.
pub const SHORT_SALT_LEN: usize = 8;

/// Why a message can't be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The message is not sealed with this key: another code, another program, or an attacker.
    #[error("a message could not be decrypted")]
    NotAuthentic,
    /// What was sealed is not DEFLATE, or larger than it may be.
    #[error("a message could not be decompressed")]
    NotDeflated,
    /// The system gave no random bytes.
    #[error("the system has no random bytes")]
    NoRandomness,
}

/// A key that seals messages. Wiped on drop; can't be printed.
#[derive(Clone)]
pub struct TrafficKey(Aes256Gcm);

impl TrafficKey {
    fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// The key of a connection to a relay, and of a transfer with croc 10.
    pub fn salted(agreement: &Agreement, salt: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(agreement.plain_key().as_bytes(), salt, ROUNDS, &mut *key);
        Self::new(&key)
    }

    /// The key of a croc 10's question for addresses.
    pub fn unsalted(agreement: &Agreement) -> Self {
        Self::new(agreement.plain_key().as_bytes())
    }

    /// Seals a message.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        sealed.resize(NONCE_LEN, 0);
        sealed.extend_from_slice(plaintext);
        self.seal_in(&mut sealed, 0)?;
        Ok(sealed)
    }

    /// Seals what stands in `buffer` from [`plaintext_offset`] after `start` on, in place, so that the sealed message begins at `start`.
    pub fn seal_in(&self, buffer: &mut Vec<u8>, start: usize) -> Result<(), ChannelError> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| ChannelError::NoRandomness)?;
        self.seal_under(nonce, buffer, start)
    }

    fn seal_under(
        &self,
        nonce: [u8; NONCE_LEN],
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), ChannelError> {
        let (head, plaintext) = buffer[start..].split_at_mut(NONCE_LEN);
        head.copy_from_slice(&nonce);
        let tag = self
            .0
            .encrypt_inout_detached(&Nonce::from(nonce), &[], InOutBuf::from(plaintext))
            .map_err(|_| ChannelError::NotAuthentic)?;
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens a sealed message in place, and returns the plaintext.
    pub fn open<'a>(&self, sealed: &'a mut [u8]) -> Result<&'a mut [u8], ChannelError> {
        let (nonce, rest) = sealed.split_first_chunk_mut().ok_or(ChannelError::NotAuthentic)?;
        let (plaintext, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(ChannelError::NotAuthentic)?;
        self.0
            .decrypt_inout_detached(
                &Nonce::from(*nonce),
                &[],
                InOutBuf::from(&mut *plaintext),
                &Tag::from(*tag),
            )
            .map_err(|_| ChannelError::NotAuthentic)?;
        Ok(plaintext)
    }
}

/// How far after its start a sealed message has its plaintext.
pub const fn plaintext_offset() -> usize {
    NONCE_LEN
}

/// Bytes that nobody can foretell.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ChannelError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| ChannelError::NoRandomness)?;
    Ok(bytes)
}

/// Compresses to raw DEFLATE.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, LEVEL)
}

/// Decompresses raw DEFLATE to at most `limit` bytes. Memory grows with what comes out.
pub fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, ChannelError> {
    inflate::decompress_to_vec_with_limit(bytes, limit).map_err(|_| ChannelError::NotDeflated)
}

/// Decompresses raw DEFLATE into `room`, and returns how many bytes came out.
pub fn inflate_into(bytes: &[u8], room: &mut [u8]) -> Result<usize, ChannelError> {
    inflate::decompress_slice_iter_to_slice(room, std::iter::once(bytes), false, true)
        .map_err(|_| ChannelError::NotDeflated)
}

/// What a croc 11 exchange is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The transfer itself.
    Transfer,
    /// The question for the sender's addresses in the local network.
    Probe,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::Transfer => b"peer-transfer",
            Purpose::Probe => b"local-ip-probe",
        }
    }
}

/// What both sides of a croc 11 exchange have seen of it.
#[derive(Debug, Clone, Copy)]
pub struct CrocTranscript<'a> {
    /// What the exchange is for.
    pub purpose: Purpose,
    /// The room in which the two have met.
    pub room: &'a str,
    /// The curve, which the receiver has chosen.
    pub curve: CurveName,
    /// The receiver's message, byte for byte as it was sent.
    pub initiator: &'a [u8],
    /// The sender's answer, byte for byte as it was sent.
    pub responder: &'a [u8],
    /// What the sender has drawn.
    pub salt: &'a [u8; SALT_LEN],
}

impl<'a> CodeMeeting<'a> {
    /// What both sides have seen of an exchange in this room: the receiver's message, the sender's answer, and the salt.
    pub(super) fn transcript(
        self,
        purpose: Purpose,
        curve: CurveName,
        (initiator, responder): (&'a [u8], &'a [u8]),
        salt: &'a [u8; SALT_LEN],
    ) -> CrocTranscript<'a> {
        CrocTranscript { purpose, room: self.room, curve, initiator, responder, salt }
    }
}

/// The keys of a croc 11 transfer. Wiped on drop; can't be printed.
pub struct CrocKeys {
    /// Seals everything that follows.
    pub traffic: TrafficKey,
    /// The receiver's proof that it knows the code.
    pub receiver_proof: Proof,
    /// The sender's proof that it knows the code.
    pub sender_proof: Proof,
}

/// A side's proof that it has the same keys: 32 bytes that are compared in constant time.
pub struct Proof(Zeroizing<[u8; 32]>);

impl Proof {
    /// The bytes, for the peer.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the peer has sent this proof.
    pub fn is(&self, sent: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.0[..], sent).into()
    }
}

impl CrocTranscript<'_> {
    /// Derives the keys.
    pub fn keys(&self, agreement: &Agreement) -> CrocKeys {
        self.schedule(&agreement.bound_key(&self.participant("receiver"), &self.participant("sender")))
    }

    fn schedule(&self, key: &SessionKey) -> CrocKeys {
        let transcript = self.framed();
        let mut okm = Zeroizing::new([0; 96]);
        Hkdf::<Sha256>::new(Some(self.salt), key.as_bytes())
            .expand(&transcript, &mut *okm)
            .expect("three blocks are within what HKDF gives");
        let (traffic, proofs) = okm.split_first_chunk().expect("the array has 96 bytes");
        let (receiver, sender) = proofs.split_at(32);
        let proof = |key: &[u8]| {
            let mut mac =
                <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(&transcript);
            Proof(Zeroizing::new(mac.finalize().into_bytes().into()))
        };
        CrocKeys {
            traffic: TrafficKey::new(traffic),
            receiver_proof: proof(receiver),
            sender_proof: proof(sender),
        }
    }

    fn participant(&self, role: &str) -> Vec<u8> {
        framed(&[
            b"croc/spake2/participant/v2",
            &VERSION,
            self.purpose.label(),
            self.room.as_bytes(),
            role.as_bytes(),
        ])
    }

    fn framed(&self) -> Vec<u8> {
        framed(&[
            b"croc/spake2/channel/v2",
            &VERSION,
            self.purpose.label(),
            self.room.as_bytes(),
            self.curve.as_str().as_bytes(),
            &self.participant("receiver"),
            &self.participant("sender"),
            self.initiator,
            self.responder,
            self.salt,
        ])
    }
}

/// Each field after its length, so that no two lists of fields give the same bytes.
fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let mut framed = Vec::new();
    for field in fields {
        framed.extend_from_slice(&(field.len() as u64).to_le_bytes());
        framed.extend_from_slice(field);
    }
    framed
}

#[cfg(test)]
impl TrafficKey {
    /// A key of these bytes, for the vectors of what is sealed with it.
    pub(super) fn from_bytes(key: [u8; 32]) -> Self {
        Self::new(&key)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::{super::pake::vectors, *};

    const ROOM: &str = "1cdafe5c70a87f001f2f437fa6773c0ee726d10b7c3f86184dc68fa709c2f355";

    fn bytes(hex: &str) -> Vec<u8> {
        HEXLOWER.decode(hex.as_bytes()).unwrap()
    }

    /// Seals an empty message under a nonce of zeros: two keys are the same if this is.
    fn fingerprint(key: &TrafficKey) -> String {
        let mut sealed = vec![0; NONCE_LEN];
        key.seal_under([0; NONCE_LEN], &mut sealed, 0).unwrap();
        HEXLOWER.encode(&sealed)
    }

    fn is_key(key: &TrafficKey, hex: &str) -> bool {
        fingerprint(key) == fingerprint(&TrafficKey::new(&bytes(hex).try_into().unwrap()))
    }

    fn counting<const N: usize>() -> [u8; N] {
        std::array::from_fn(|n| n as u8)
    }

    #[test]
    fn a_relays_key_and_what_it_seals_are_crocs() {
        let (agreement, ..) = vectors::exchange(CurveName::Siec, &[1, 2, 3]);
        let key = TrafficKey::salted(&agreement, &counting::<8>());
        assert!(is_key(&key, "9fac499df660d78796f063eba76895fea5fd6e6db484a974c1676206569f38fd"));
        let mut sealed = [&[0; NONCE_LEN], &b"pass123"[..]].concat();
        key.seal_under(std::array::from_fn(|n| 0xa0 + n as u8), &mut sealed, 0).unwrap();
        let expected = "a0a1a2a3a4a5a6a7a8a9aaab04278cbaf2e53b68e567289c7b6fa0348801559cf898c7";
        assert_eq!(HEXLOWER.encode(&sealed), expected);
        assert_eq!(key.open(&mut sealed).unwrap(), b"pass123");
    }

    #[test]
    fn the_key_of_croc_10_is_crocs() {
        let (agreement, ..) = vectors::exchange(CurveName::P256, b"alpha-bravo-charlie");
        let key = TrafficKey::salted(&agreement, &bytes("1122334455667788"));
        assert!(is_key(&key, "d12cfd5ab29e29bfd57de532872f21b956a93ea81a226ea2a459ae0453ca2df5"));
    }

    #[test]
    fn the_keys_of_croc_11_are_crocs() {
        let (mine, theirs, initiator, responder) = vectors::exchange(CurveName::P256, b"alpha-bravo-charlie");
        let salt = counting();
        let transcript = |purpose| CrocTranscript {
            purpose,
            room: ROOM,
            curve: CurveName::P256,
            initiator: &initiator,
            responder: &responder,
            salt: &salt,
        };
        let transfer = transcript(Purpose::Transfer);
        assert_eq!(transfer.participant("receiver").len(), 159);
        assert_eq!(transfer.participant("sender").len(), 157);
        assert_eq!(transfer.framed().len(), 1953);
        for agreement in [&mine, &theirs] {
            let keys = transfer.keys(agreement);
            assert!(is_key(
                &keys.traffic,
                "5dadcd1b74abbd3e026d4a73289202e39fe15a882e2c1f8e62f0e19a8ff59817"
            ));
            assert_eq!(
                HEXLOWER.encode(keys.receiver_proof.as_bytes()),
                "5a0debe0fe0559a6a0dd93cee715987e6c05a3837cb0c235419536e150557b5a"
            );
            assert_eq!(
                HEXLOWER.encode(keys.sender_proof.as_bytes()),
                "06365539d19cb7370b89f78ed868634228cbafb8c4f00cff65854b6893dd0dee"
            );
        }
        let keys = transcript(Purpose::Probe).keys(&mine);
        assert!(is_key(&keys.traffic, "8034d0ae43795fcbab34752292eeacaf74a81cfd20cb5c0d65df871218d72ad8"));
        assert_eq!(
            HEXLOWER.encode(keys.receiver_proof.as_bytes()),
            "4bcc29f1dc8e1664d26522070dc0ff559479a927d1a817517e7451872e11653a"
        );
    }

    #[test]
    fn the_bound_keys_themselves_are_crocs() {
        let (agreement, ..) = vectors::exchange(CurveName::P256, b"alpha-bravo-charlie");
        for (purpose, expected) in [
            (Purpose::Transfer, "dceadea24d54e82cf17d9269c5ef1add38757910cab7d884765d209d73eb43d6"),
            (Purpose::Probe, "c0fc6e7a1a6415c1593d08c72e79857146bf2212e11649c635eb771408a6724a"),
        ] {
            let transcript = CrocTranscript {
                purpose,
                room: ROOM,
                curve: CurveName::P256,
                initiator: &[],
                responder: &[],
                salt: &[0; 32],
            };
            let key =
                agreement.bound_key(&transcript.participant("receiver"), &transcript.participant("sender"));
            assert_eq!(HEXLOWER.encode(key.as_bytes()), expected);
        }
    }

    #[test]
    fn the_schedule_alone_is_crocs() {
        let transcript = CrocTranscript {
            purpose: Purpose::Transfer,
            room: "room-one",
            curve: CurveName::P256,
            initiator: b"initiator-wire-value",
            responder: b"responder-wire-value",
            salt: &[0x42; 32],
        };
        let keys = transcript.schedule(&SessionKey::from_bytes([1; 32]));
        assert!(is_key(&keys.traffic, "be2e8cc761b7a5a59a5bc1cb52f0b296d0247f618e2ca620470e996b0a0a29ad"));
        assert!(
            keys.receiver_proof
                .is(&bytes("7ba94b4e401ffcab9a5b5d35eb2b73810ee1934d922200df96301635f7df3844"))
        );
        assert!(
            keys.sender_proof.is(&bytes("faba5168442a153b80cb3d1e69ec3603931287b4f79b46930bc517f3d45fcca9"))
        );
        assert!(!keys.sender_proof.is(keys.receiver_proof.as_bytes()));
        assert!(!keys.sender_proof.is(&[]));
    }

    #[test]
    fn what_was_changed_is_not_opened() {
        let key = TrafficKey::new(&[7; 32]);
        let sealed = key.seal(b"hello").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(&mut changed), Err(ChannelError::NotAuthentic));
        }
        for length in 0..sealed.len() {
            assert_eq!(key.open(&mut sealed.clone()[..length]), Err(ChannelError::NotAuthentic));
        }
    }

    #[test]
    fn every_kind_of_deflate_is_read() {
        let message = br#"{"t":"finished"}"#;
        for hex in [
            "001000efff7b2274223a2266696e6973686564227d010000ffff",
            "011000efff7b2274223a2266696e6973686564227d",
        ] {
            assert_eq!(inflate(&bytes(hex), MAX_MESSAGE).unwrap(), message);
        }
        assert_eq!(inflate(&deflate(message), MAX_MESSAGE).unwrap(), message);
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = deflate(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(&bomb, 1 << 20), Err(ChannelError::NotDeflated));
        assert_eq!(inflate_into(&bomb, &mut [0; 4096]), Err(ChannelError::NotDeflated));
        assert_eq!(inflate(&bomb, 10 << 20).unwrap().len(), 10 << 20);
    }

    #[test]
    fn deflate_without_an_end_is_refused() {
        let whole = deflate(b"hello hello hello");
        for length in 0..whole.len() {
            assert_eq!(inflate(&whole[..length], 100), Err(ChannelError::NotDeflated));
        }
    }

    /// What a croc 11 sends as its last word, byte for byte.
    #[test]
    fn a_sealed_control_message_is_crocs() {
        let key = TrafficKey::new(
            &bytes("5dadcd1b74abbd3e026d4a73289202e39fe15a882e2c1f8e62f0e19a8ff59817").try_into().unwrap(),
        );
        let stored = bytes("011000efff7b2274223a2266696e6973686564227d");
        let mut sealed = [vec![0; NONCE_LEN], stored].concat();
        key.seal_under(counting(), &mut sealed, 0).unwrap();
        let expected = "63726f6331000000000102030405060708090a0bba864ed737d5a1a4505580d2923b99356016ef3680c4bad0359ec811e6e66dc6\
                        b54d3275b9";
        assert_eq!(HEXLOWER.encode(&super::super::frame::encode(&sealed)), expected);
        let opened = inflate(key.open(&mut sealed).unwrap(), MAX_MESSAGE).unwrap();
        assert_eq!(opened, br#"{"t":"finished"}"#);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_opening_panic(mut bytes: Vec<u8>) {
            let _ = inflate(&bytes, 1 << 16);
            let _ = inflate_into(&bytes, &mut [0; 100]);
            proptest::prop_assert!(TrafficKey::new(&[7; 32]).open(&mut bytes).is_err());
        }
    }
}
