//! Records made of any bytes, also by a peer that has the keys. It stands here because nothing outside can tag what it likes.

use super::{
    error::CryptoError,
    kdf::{Channel, RecordKeys, channel_keys},
    record::{HEADER_LEN, IV_LEN, Opener, Sealer, TAG_LEN, authenticate, plaintext_offset},
    side::Side,
};

/// The largest plaintext here, in bytes: enough for several rows of the eight chains.
const LIMIT: usize = 600;

/// A record: the first two bytes choose its channel, author and lane, the others are the bytes of the record, or of what is
/// in it.
pub fn record(bytes: &[u8]) {
    let [shape, lane, rest @ ..] = bytes else { return };
    let channel = if shape & 1 == 0 { Channel::Metadata } else { Channel::Data };
    let author = if shape & 2 == 0 { Side::Sender } else { Side::Receiver };
    let lane = if channel == Channel::Metadata { 0 } else { u16::from(*lane) };
    let keys = channel_keys(&[7; 32], channel);
    let keys = keys.sent_by(author);
    stranger(keys, lane, rest);
    honest(keys, channel, lane, &rest[..rest.len().min(LIMIT)]);
    hostile(keys, channel, lane, rest);
}

/// Who doesn't have the keys gets nothing in.
fn stranger(keys: &RecordKeys, lane: u16, bytes: &[u8]) {
    let Some((header, rest)) = bytes.split_first_chunk() else { return };
    let mut opener = Opener::new(keys, lane, LIMIT);
    if let Ok(due) = opener.begin(header) {
        assert!(
            due.length as usize <= LIMIT
                && due.rest <= LIMIT + plaintext_offset(Channel::Data) + IV_LEN + TAG_LEN
        );
        let mut rest: Vec<u8> = rest.iter().copied().chain([0; LIMIT * 2]).take(due.rest).collect();
        assert_eq!(opener.open(header, &mut rest).err(), Some(CryptoError::Forged));
    }
}

/// What was sealed opens, and with any bit changed it doesn't.
fn honest(keys: &RecordKeys, channel: Channel, lane: u16, plaintext: &[u8]) {
    let block = if channel == Channel::Metadata { 0 } else { plaintext.len() as u64 };
    let mut record = [&vec![0; plaintext_offset(channel)], plaintext].concat();
    if Sealer::new(keys, lane).seal(block, &mut record).is_err() {
        return;
    }
    let mut opener = Opener::new(keys, lane, LIMIT);
    let mut open = |record: &[u8]| {
        let (header, rest) = record.split_first_chunk().expect("a record has a header");
        opener.open(header, &mut rest.to_vec()).map(|plaintext| plaintext.to_vec())
    };
    let mixed =
        plaintext.iter().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    let place = mixed % (record.len() * 8);
    let mut damaged = record.clone();
    damaged[place / 8] ^= 1 << (place % 8);
    assert!(open(&damaged).is_err(), "bit {place}");
    assert_eq!(open(&record).as_deref(), Ok(plaintext));
    assert_eq!(open(&record), Err(CryptoError::UnexpectedHeader), "a record opens once");
}

/// Who has the keys may put together what no honest peer would: any length, any bytes in place of ciphertext and padding.
fn hostile(keys: &RecordKeys, channel: Channel, lane: u16, bytes: &[u8]) {
    let [high, low, body @ ..] = bytes else { return };
    let mut header = [0; HEADER_LEN];
    header[0] = if channel == Channel::Metadata { 1 } else { 2 };
    header[1] = if keys.author == Side::Sender { 1 } else { 2 };
    header[2..4].copy_from_slice(&lane.to_be_bytes());
    header[6..8].copy_from_slice(&[*high, *low]);
    let mut opener = Opener::new(keys, lane, LIMIT);
    let Ok(due) = opener.begin(&header) else {
        assert!(usize::from(u16::from_be_bytes([*high, *low])) > LIMIT);
        return;
    };
    let mut rest: Vec<u8> = body.iter().copied().chain([0; LIMIT * 2]).take(due.rest - TAG_LEN).collect();
    let tag = authenticate(&keys.mac, &header, &rest);
    rest.extend_from_slice(tag.as_bytes());
    match opener.open(&header, &mut rest) {
        Ok(plaintext) => assert_eq!(plaintext.len(), due.length as usize),
        Err(error) => assert_eq!(error, CryptoError::Padding),
    }
}
