//! Whole records through the public interface: what is sealed opens again, and every way of tampering is refused. The known
//! answers stand beside each primitive.

use std::collections::HashSet;
use std::fmt::Debug;
use std::marker::PhantomData;

use proptest::prelude::*;
use zeroize::ZeroizeOnDrop;

use super::record::{HEADER_LEN, IV_LEN, TAG_LEN, plaintext_offset};
use super::secret::Secret;
use super::*;
use crate::labels;

const LIMIT: usize = 256 * 1024;
const OFFSET: usize = plaintext_offset(Channel::Data);

/// Bytes from hexadecimal digits.
pub(super) fn unhex(digits: &str) -> Vec<u8> {
    let nibbles: Vec<u32> = digits.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    nibbles.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// Keys without the cost of a derivation. They are the same for every channel and end, so a test that confuses two channels
/// or ends sees the header refuse it, not the keys.
pub(super) fn record_keys(channel: Channel, author: Side) -> RecordKeys {
    let key = |byte| Secret::written_by(|key| *key = [byte; 32]);
    RecordKeys { channel, author, encrypt: key(1), mac: key(2) }
}

fn data_keys() -> RecordKeys {
    record_keys(Channel::Data, Side::Sender)
}

fn seal(sealer: &mut Sealer, block: u64, plaintext: &[u8]) -> Vec<u8> {
    let mut record = [&[0; OFFSET], plaintext].concat();
    sealer.seal(block, &mut record).unwrap();
    record
}

fn open(opener: &mut Opener, record: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let (header, rest) = record.split_first_chunk::<HEADER_LEN>().unwrap();
    opener.open(header, &mut rest.to_vec()).map(|plaintext| plaintext.to_vec())
}

fn begin(opener: &Opener, record: &[u8]) -> Result<Due, CryptoError> {
    opener.begin(record.first_chunk().unwrap())
}

fn round_trip(plaintext: &[u8]) {
    let mut sealer = Sealer::new(&data_keys(), 3);
    let mut opener = Opener::new(&data_keys(), 3, plaintext.len());
    for block in [9, 0, u64::MAX] {
        let record = seal(&mut sealer, block, plaintext);
        assert_eq!(record.len(), sealed_len(Channel::Data, plaintext.len()));
        let due = begin(&opener, &record).unwrap();
        assert_eq!((due.block, due.length as usize), (block, plaintext.len()));
        assert_eq!(HEADER_LEN + due.rest, record.len());
        assert_eq!(open(&mut opener, &record).unwrap(), plaintext);
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens(plaintext in prop::collection::vec(any::<u8>(), 0..2100)) {
        round_trip(&plaintext);
    }

    #[test]
    fn what_was_never_sealed_does_not_open(mut record in prop::collection::vec(any::<u8>(), 200..400)) {
        let mut opener = Opener::new(&data_keys(), 0, LIMIT);
        prop_assert!(open(&mut opener, &record).is_err());
        // If the header is one that is due, only the tag can catch the forgery.
        let length = (record.len() - sealed_len(Channel::Data, 0)) as u32;
        record[..4].copy_from_slice(&[2, 1, 0, 0]);
        record[4..8].copy_from_slice(&length.to_be_bytes());
        record[8..16].fill(0);
        record.truncate(sealed_len(Channel::Data, length as usize));
        prop_assert_eq!(open(&mut opener, &record), Err(CryptoError::Forged));
    }
}

#[test]
fn lengths_around_a_cipher_block_and_a_whole_file_block_open() {
    for length in [0, 1, 15, 16, 17, 31, 32, 33, LIMIT - 1, LIMIT] {
        round_trip(&vec![0xa5; length]);
    }
}

#[test]
fn derived_keys_carry_records_from_end_to_end() {
    let (sender, to_receiver) = Pake::start(Side::Sender, b"code", &[0; 16], 1);
    let (receiver, to_sender) = Pake::start(Side::Receiver, b"code", &[0; 16], 1);
    let params = Stretch::checked(kdf::MIN_ITERATIONS, [5; 8]).unwrap();
    let keys = |key| Root::stretch(b"code", &key, &params).keys(Channel::Metadata);
    let ours = keys(sender.finish(&to_sender).unwrap());
    let theirs = keys(receiver.finish(&to_receiver).unwrap());
    for author in [Side::Sender, Side::Receiver] {
        let record = Sealer::new(ours.sent_by(author), 0).seal_message(b"the offer").unwrap();
        let mut opener = Opener::new(theirs.sent_by(author), 0, LIMIT);
        assert_eq!(open(&mut opener, &record).unwrap(), b"the offer");
        let mut wrong_way = Opener::new(theirs.sent_by(author.other()), 0, LIMIT);
        assert_eq!(open(&mut wrong_way, &record), Err(CryptoError::UnexpectedHeader));
    }
}

#[test]
fn a_buffer_with_capacity_is_sealed_without_allocating() {
    let mut buffer = Vec::with_capacity(sealed_len(Channel::Data, 1000));
    buffer.resize(OFFSET + 1000, 7);
    let before = (buffer.as_ptr(), buffer.capacity());
    Sealer::new(&data_keys(), 0).seal(0, &mut buffer).unwrap();
    assert_eq!((buffer.as_ptr(), buffer.capacity()), before);
}

#[test]
fn one_plaintext_sealed_twice_shares_no_ciphertext() {
    // Catches an IV that is constant or counted, or the same for two chains.
    let mut sealer = Sealer::new(&data_keys(), 0);
    let records = [seal(&mut sealer, 0, &[0; 4096]), seal(&mut sealer, 0, &[0; 4096])];
    let blocks = records.iter().flat_map(|record| record[HEADER_LEN..].chunks(16));
    let distinct: HashSet<&[u8]> = blocks.clone().collect();
    assert_eq!(distinct.len(), blocks.count());
}

#[test]
fn a_flipped_bit_anywhere_is_refused_and_the_true_record_still_opens() {
    let record = seal(&mut Sealer::new(&data_keys(), 0), 4, b"twenty-one characters");
    let mut opener = Opener::new(&data_keys(), 0, LIMIT);
    for bit in 0..record.len() * 8 {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let refusal = open(&mut opener, &changed).unwrap_err();
        match bit / 8 {
            // Which of the two errors it is depends on the length that the flip makes.
            4..8 => assert!(matches!(refusal, CryptoError::Forged | CryptoError::TooLong { .. })),
            0..16 => assert_eq!(refusal, CryptoError::UnexpectedHeader, "bit {bit}"),
            _ => assert_eq!(refusal, CryptoError::Forged, "bit {bit}"),
        }
    }
    assert_eq!(open(&mut opener, &record).unwrap(), b"twenty-one characters");
}

#[test]
fn a_record_cut_short_or_drawn_out_is_refused() {
    let record = seal(&mut Sealer::new(&data_keys(), 0), 0, b"a block");
    let mut opener = Opener::new(&data_keys(), 0, LIMIT);
    for length in HEADER_LEN..record.len() {
        assert_eq!(open(&mut opener, &record[..length]), Err(CryptoError::Forged));
    }
    assert_eq!(open(&mut opener, &[&record[..], &[0]].concat()), Err(CryptoError::Forged));
    assert_eq!(open(&mut opener, &[&record[..], &record[..]].concat()), Err(CryptoError::Forged));
}

#[test]
fn a_length_that_leaves_the_padding_in_is_refused() {
    // Catches a tag that does not cover the header: 20 and 21 bytes fill the same number of cipher blocks.
    let mut record = seal(&mut Sealer::new(&data_keys(), 0), 0, &[1; 20]);
    record[7] = 21;
    assert_eq!(open(&mut Opener::new(&data_keys(), 0, LIMIT), &record), Err(CryptoError::Forged));
}

#[test]
fn replayed_reordered_and_dropped_records_are_refused() {
    let mut sealer = Sealer::new(&data_keys(), 0);
    let records: Vec<Vec<u8>> = (0..3).map(|block| seal(&mut sealer, block, &[block as u8])).collect();
    let mut opener = Opener::new(&data_keys(), 0, LIMIT);

    assert_eq!(open(&mut opener, &records[1]), Err(CryptoError::UnexpectedHeader));
    assert_eq!(open(&mut opener, &records[0]).unwrap(), [0]);
    assert_eq!(open(&mut opener, &records[0]), Err(CryptoError::UnexpectedHeader));
    assert_eq!(open(&mut opener, &records[2]), Err(CryptoError::UnexpectedHeader));
    assert_eq!(open(&mut opener, &records[1]).unwrap(), [1]);
    // The first record is renumbered so that it looks due.
    let mut renumbered = records[0].clone();
    renumbered[8..16].copy_from_slice(&2u64.to_be_bytes());
    assert_eq!(open(&mut opener, &renumbered), Err(CryptoError::Forged));
    assert_eq!(open(&mut opener, &records[2]).unwrap(), [2]);
}

#[test]
fn a_record_of_another_lane_end_or_channel_is_refused() {
    // All of them share the same keys here, so only the header keeps them apart.
    let record = seal(&mut Sealer::new(&data_keys(), 1), 0, b"data");
    let mut others = [
        Opener::new(&data_keys(), 2, LIMIT),
        Opener::new(&record_keys(Channel::Data, Side::Receiver), 1, LIMIT),
        Opener::new(&record_keys(Channel::Metadata, Side::Sender), 0, LIMIT),
    ];
    for opener in &mut others {
        assert_eq!(open(opener, &record), Err(CryptoError::UnexpectedHeader));
    }
    // The record is relabelled, first for another end, then for another lane.
    let mut relabelled = record.clone();
    relabelled[1..4].copy_from_slice(&[2, 0, 1]);
    assert_eq!(open(&mut others[1], &relabelled), Err(CryptoError::Forged));
    let mut relabelled = record;
    relabelled[2..4].copy_from_slice(&[0, 2]);
    assert_eq!(open(&mut others[0], &relabelled), Err(CryptoError::Forged));

    let offer = Sealer::new(&record_keys(Channel::Metadata, Side::Sender), 0).seal_message(b"offer").unwrap();
    let mut data = Opener::new(&data_keys(), 0, LIMIT);
    assert_eq!(open(&mut data, &offer), Err(CryptoError::UnexpectedHeader));
}

#[test]
fn a_swapped_block_index_is_refused() {
    let mut sealer = Sealer::new(&data_keys(), 0);
    let mut first = seal(&mut sealer, 10, b"ten");
    let second = seal(&mut sealer, 11, b"eleven");
    first[16..24].copy_from_slice(&second[16..24]);
    assert_eq!(open(&mut Opener::new(&data_keys(), 0, LIMIT), &first), Err(CryptoError::Forged));
}

#[test]
fn metadata_has_no_lane_and_no_block() {
    let keys = record_keys(Channel::Metadata, Side::Sender);
    let mut buffer = vec![0; plaintext_offset(Channel::Metadata)];
    assert_eq!(Sealer::new(&keys, 0).seal(1, &mut buffer), Err(CryptoError::UnexpectedHeader));
    assert_eq!(Sealer::new(&keys, 1).seal(0, &mut buffer), Err(CryptoError::UnexpectedHeader));
    assert_eq!(buffer.len(), plaintext_offset(Channel::Metadata));
    let mut header = [0; HEADER_LEN];
    header[..2].copy_from_slice(&[1, 1]);
    assert!(Opener::new(&keys, 0, LIMIT).begin(&header).is_ok());
    header[23] = 1;
    assert_eq!(Opener::new(&keys, 0, LIMIT).begin(&header), Err(CryptoError::UnexpectedHeader));
}

#[test]
fn a_huge_length_is_refused_from_the_header_alone() {
    let opener = Opener::new(&data_keys(), 0, LIMIT);
    let mut header = [0; HEADER_LEN];
    header[..2].copy_from_slice(&[2, 1]);
    for length in [LIMIT as u32 + 1, u32::MAX] {
        header[4..8].copy_from_slice(&length.to_be_bytes());
        let refusal = CryptoError::TooLong { length: length as usize, limit: LIMIT };
        assert_eq!(opener.begin(&header), Err(refusal));
    }
    header[4..8].copy_from_slice(&(LIMIT as u32).to_be_bytes());
    assert_eq!(opener.begin(&header).unwrap().rest, 8 * IV_LEN + LIMIT + 16 + TAG_LEN);
}

#[test]
fn labels_are_distinct_and_none_begins_another() {
    let all = [
        labels::ROOM,
        labels::MEETING_KEY,
        labels::PAKE_SENDER,
        labels::PAKE_RECEIVER,
        labels::CONFIRM_SENDER,
        labels::CONFIRM_RECEIVER,
        labels::SENDER_ID,
        labels::METADATA_FORWARD_ENCRYPT,
        labels::METADATA_FORWARD_MAC,
        labels::METADATA_BACK_ENCRYPT,
        labels::METADATA_BACK_MAC,
        labels::DATA_FORWARD_ENCRYPT,
        labels::DATA_FORWARD_MAC,
        labels::DATA_BACK_ENCRYPT,
        labels::DATA_BACK_MAC,
        labels::ACCESS_CLIENT,
        labels::ACCESS_RELAY,
        labels::ACCESS_CLIENT_PROOF,
        labels::ACCESS_RELAY_PROOF,
        labels::RECONNECT,
        labels::RECONNECT_ROOM,
        labels::RECONNECT_SENDER,
        labels::RECONNECT_RECEIVER,
        labels::RECONNECT_METADATA,
        labels::RECONNECT_DATA,
        labels::PAIR,
        labels::CALL_SENDER,
        labels::CALL_RECEIVER,
        labels::PAIR_ID,
        labels::DIRECT,
        labels::DIRECT_SENDER,
        labels::DIRECT_RECEIVER,
        labels::STAGING_OFFER,
        labels::STAGING_RECORD,
    ];
    let declared = include_str!("../labels.rs").matches("pub const").count();
    assert_eq!(all.len(), declared, "a label is missing from this test");
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    for label in all {
        assert_eq!(all.iter().filter(|other| other.starts_with(label)).count(), 1);
    }
}

#[test]
fn secrets_are_wiped_and_can_not_be_printed() {
    // An inherent constant, which exists only for printable types, takes precedence over the trait's.
    struct Probe<T>(PhantomData<T>);
    trait Otherwise {
        const PRINTABLE: bool = false;
    }
    impl<T> Otherwise for T {}
    impl<T: Debug> Probe<T> {
        const PRINTABLE: bool = true;
    }
    fn wiped<T: ZeroizeOnDrop>() {}

    const {
        assert!(Probe::<Stretch>::PRINTABLE, "the probe itself is broken");
        assert!(!Probe::<Pake>::PRINTABLE);
        assert!(!Probe::<SharedKey>::PRINTABLE);
        assert!(!Probe::<ChannelKeys>::PRINTABLE);
        assert!(!Probe::<RecordKeys>::PRINTABLE);
        assert!(!Probe::<ReconnectKey>::PRINTABLE);
        assert!(!Probe::<DirectKey>::PRINTABLE);
        assert!(!Probe::<Sealer>::PRINTABLE);
        assert!(!Probe::<Opener>::PRINTABLE);
    }
    wiped::<SharedKey>();
    wiped::<ChannelKeys>();
    wiped::<RecordKeys>();
    wiped::<ReconnectKey>();
    wiped::<DirectKey>();
    wiped::<Sealer>();
    wiped::<Opener>();
}
