//! Length-prefixed frames, which separate plaintext messages on a byte stream.
//!
//! A frame is a big-endian `u32` length and that many bytes of `postcard`. The caller gives the limit, which is
//! checked before anything is allocated. `net` reads frames from sockets.

use serde::{Serialize, de::DeserializeOwned};

/// Bytes of a frame's length prefix.
pub const PREFIX_LEN: usize = 4;

/// Bytes that follow the first message of each end of a connection and mean nothing. With them it fills a packet of any usual size,
/// so both ends learn at once whether large packets arrive (`net::segments`).
pub const PADDING: [u8; 2048] = [0; 2048];

/// Why bytes are not a message of this protocol. The other side misbehaves or isn't Caiman at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The announced length is over the limit for this place in the protocol.
    #[error("a message of {length} bytes was announced, where at most {limit} are allowed")]
    TooLong {
        /// Announced length in bytes.
        length: u32,
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes don't decode to the message that is due here.
    #[error("a message could not be understood")]
    Malformed,
    /// Bytes are left over after the message.
    #[error("a message carries extra bytes")]
    Trailing,
}

/// Encodes `message` with its length prefix.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut frame = postcard::to_extend(message, vec![0; PREFIX_LEN])
        .expect("messages hold only types that postcard can encode");
    let length = u32::try_from(frame.len() - PREFIX_LEN).expect("messages are far below 4 GiB");
    frame[..PREFIX_LEN].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Puts the length prefix before an already encoded message.
pub fn wrap(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("messages are far below 4 GiB");
    [&length.to_be_bytes(), payload].concat()
}

/// Reads the length prefix and refuses a length of more than `limit` bytes.
pub fn length(prefix: [u8; PREFIX_LEN], limit: usize) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(prefix);
    match usize::try_from(length) {
        Ok(fits) if fits <= limit => Ok(fits),
        _ => Err(FrameError::TooLong { length, limit }),
    }
}

/// Encodes a message without a prefix, for carriers that have a length of their own.
pub fn to_bytes<T: Serialize>(message: &T) -> Vec<u8> {
    // Sized once, so that no reallocation leaves a copy of a secret behind.
    postcard::experimental::serialized_size(message)
        .and_then(|size| postcard::to_extend(message, Vec::with_capacity(size)))
        .expect("messages hold only types that postcard can encode")
}

/// Decodes exactly one message from `bytes`.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(FrameError::Trailing),
        Err(_) => Err(FrameError::Malformed),
    }
}

/// Decodes the first value in `bytes`, and returns it with the bytes that follow it.
pub fn split<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), FrameError> {
    postcard::take_from_bytes(bytes).map_err(|_| FrameError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_was() {
        let frame = encode(&("hello", 7u64));
        let length = length(frame[..4].try_into().unwrap(), 64).unwrap();
        assert_eq!(length, frame.len() - 4);
        assert_eq!(from_bytes::<(String, u64)>(&frame[4..]).unwrap(), ("hello".to_owned(), 7));
        assert_eq!(wrap(&frame[4..]), frame);
    }

    #[test]
    fn an_oversized_length_is_refused_before_anything_is_read() {
        assert_eq!(
            length(u32::MAX.to_be_bytes(), 65_536),
            Err(FrameError::TooLong { length: u32::MAX, limit: 65_536 })
        );
    }

    #[test]
    fn extra_and_missing_bytes_are_refused() {
        let mut bytes = to_bytes(&3u32);
        bytes.push(0);
        assert_eq!(from_bytes::<u32>(&bytes), Err(FrameError::Trailing));
        assert_eq!(from_bytes::<u32>(&[]), Err(FrameError::Malformed));
    }

    #[test]
    fn a_list_that_claims_more_items_than_bytes_allocates_nothing_large() {
        // A varint length of u32::MAX followed by nothing: decoding must fail, not reserve 4 GiB.
        assert_eq!(from_bytes::<Vec<u8>>(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(FrameError::Malformed));
    }
}
