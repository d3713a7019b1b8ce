//! Frames, of which every connection of croc consists: the four letters `croc`, a length and that many bytes.
//!
//! [`Decoder`] takes bytes as they arrive and gives whole payloads. It holds what has arrived, never what was announced, so
//! a peer that announces 64 MiB and sends nothing costs nothing. Called by `client` and `relay`, which read the sockets.

/// What every frame begins with.
const MAGIC: [u8; 4] = *b"croc";
/// Bytes before a payload.
pub const HEADER_LEN: usize = 8;
/// The longest payload that croc accepts.
pub const MAX_PAYLOAD: usize = 64 << 20;
/// The longest payload before a peer or a client is authenticated. The longest there is a PAKE message of p521, 2.5 KiB.
pub const MAX_EARLY_PAYLOAD: usize = 16 << 10;
/// What a relay says to a client that waits alone in a room, once a second.
pub const KEEP_ALIVE: &[u8] = &[1];
/// The least space into which a socket is read.
const READ_LEN: usize = 16 << 10;
/// How much space is kept once all frames are taken: a list may have needed far more.
const KEPT_LEN: usize = 1 << 20;

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrocFrameError {
    /// The bytes don't begin with `croc`: the other side speaks another protocol.
    #[error("what arrived isn't croc's protocol")]
    NotCroc,
    /// The announced length is over the limit for this place in the protocol.
    #[error("a message of {length} bytes was announced, where at most {limit} are allowed")]
    TooLong {
        /// Announced length in bytes.
        length: u32,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The eight bytes before a payload of `length` bytes.
///
/// # Panics
/// When the payload is longer than [`MAX_PAYLOAD`]: every caller makes its payloads far below that.
pub fn header(length: usize) -> [u8; HEADER_LEN] {
    assert!(length <= MAX_PAYLOAD, "payloads are made within the limit");
    let mut header = [0; HEADER_LEN];
    header[..4].copy_from_slice(&MAGIC);
    header[4..].copy_from_slice(&(length as u32).to_le_bytes());
    header
}

/// Puts the header before a payload, so that both are written at once.
pub fn encode(payload: &[u8]) -> Vec<u8> {
    [&header(payload.len()), payload].concat()
}

/// Reads a header and refuses a payload of more than `limit` bytes.
pub fn payload_len(header: [u8; HEADER_LEN], limit: usize) -> Result<usize, CrocFrameError> {
    let [a, b, c, d, length @ ..] = header;
    if [a, b, c, d] != MAGIC {
        return Err(CrocFrameError::NotCroc);
    }
    let length = u32::from_le_bytes(length);
    match usize::try_from(length) {
        Ok(fits) if fits <= limit => Ok(fits),
        _ => Err(CrocFrameError::TooLong { length, limit }),
    }
}

/// Finds the frames in a stream of bytes. After an error the stream is out of step: close the connection.
///
/// Fill [`Decoder::space`] from the socket, say with [`Decoder::filled`] how much came, and take frames while there are whole
/// ones. Nothing is lost when a read is cancelled.
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
}

impl Decoder {
    /// Allows payloads of up to `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, limit }
    }

    /// Allows payloads of up to `limit` bytes from the next frame on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether the next frame has arrived whole.
    pub fn is_ready(&self) -> Result<bool, CrocFrameError> {
        Ok(self.next_len()?.is_some_and(|length| self.arrived().len() >= HEADER_LEN + length))
    }

    /// The payload of the next frame, if it has arrived whole. It may be changed in place.
    pub fn take(&mut self) -> Result<Option<&mut [u8]>, CrocFrameError> {
        let Some(length) = self.next_len()? else { return Ok(None) };
        if self.arrived().len() < HEADER_LEN + length {
            return Ok(None);
        }
        let payload = self.start + HEADER_LEN;
        self.start = payload + length;
        Ok(Some(&mut self.buffer[payload..payload + length]))
    }

    /// Where the next bytes of the socket belong; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > KEPT_LEN {
                self.buffer = Vec::new();
            }
        }
        if self.buffer.len() - self.end < READ_LEN {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < READ_LEN {
            let longer = (self.buffer.len() * 2).max(4 * READ_LEN);
            self.buffer.resize(longer, 0);
        }
        &mut self.buffer[self.end..]
    }

    /// Says that `count` bytes were read into [`Decoder::space`].
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.buffer.len());
    }

    fn arrived(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn next_len(&self) -> Result<Option<usize>, CrocFrameError> {
        match self.arrived().first_chunk() {
            Some(header) => payload_len(*header, self.limit).map(Some),
            // Another protocol is told at its first letters, not after a silence.
            None if !MAGIC.starts_with(&self.arrived()[..self.arrived().len().min(4)]) => {
                Err(CrocFrameError::NotCroc)
            }
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in pieces of `piece` bytes, and returns the frames.
    fn frames(bytes: &[u8], piece: usize, limit: usize) -> Result<Vec<Vec<u8>>, CrocFrameError> {
        let (mut decoder, mut frames) = (Decoder::new(limit), Vec::new());
        for piece in bytes.chunks(piece) {
            let mut rest = piece;
            while !rest.is_empty() {
                let space = decoder.space();
                let count = rest.len().min(space.len());
                space[..count].copy_from_slice(&rest[..count]);
                decoder.filled(count);
                rest = &rest[count..];
                while let Some(frame) = decoder.take()? {
                    frames.push(frame.to_vec());
                }
            }
        }
        Ok(frames)
    }

    #[test]
    fn frames_are_as_croc_writes_them() {
        for (payload, hex) in [
            (&b"ping"[..], "63726f630400000070696e67"),
            (b"pong", "63726f6304000000706f6e67"),
            (KEEP_ALIVE, "63726f630100000001"),
            (b"handshake", "63726f630900000068616e647368616b65"),
        ] {
            assert_eq!(data_encoding::HEXLOWER.encode(&encode(payload)), hex);
        }
    }

    #[test]
    fn frames_come_whole_however_the_bytes_arrive() {
        let sent = [&b""[..], b"a", &vec![7; 40_000], &vec![8; 100_000], b"end"];
        let bytes = sent.map(encode).concat();
        for piece in [1, 7, 8, 9, 4096, bytes.len()] {
            assert_eq!(frames(&bytes, piece, MAX_PAYLOAD).unwrap(), sent);
        }
    }

    #[test]
    fn an_oversized_length_is_refused_before_anything_is_held() {
        let mut bytes = encode(b"x");
        bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        let refused = CrocFrameError::TooLong { length: u32::MAX, limit: MAX_PAYLOAD };
        assert_eq!(frames(&bytes, 3, MAX_PAYLOAD), Err(refused));
    }

    #[test]
    fn an_announced_payload_costs_nothing_until_it_arrives() {
        let mut decoder = Decoder::new(MAX_PAYLOAD);
        decoder.space()[..8].copy_from_slice(&header(MAX_PAYLOAD));
        decoder.filled(8);
        assert_eq!(decoder.take(), Ok(None));
        assert!(decoder.space().len() <= 8 * READ_LEN);
    }

    #[test]
    fn space_for_a_long_frame_is_given_back() {
        let mut decoder = Decoder::new(MAX_PAYLOAD);
        let long = encode(&vec![7; 4 << 20]);
        let mut rest = &long[..];
        while !rest.is_empty() {
            let space = decoder.space();
            let count = rest.len().min(space.len());
            space[..count].copy_from_slice(&rest[..count]);
            decoder.filled(count);
            rest = &rest[count..];
        }
        assert_eq!(decoder.take().unwrap().map(|payload| payload.len()), Some(4 << 20));
        assert!(decoder.space().len() < KEPT_LEN);
    }

    #[test]
    fn another_protocol_is_told_at_its_first_letter() {
        assert_eq!(frames(b"H", 1, 64), Err(CrocFrameError::NotCroc));
        assert_eq!(frames(b"crox", 4, 64), Err(CrocFrameError::NotCroc));
        assert_eq!(frames(b"cro", 1, 64), Ok(vec![]));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>, piece in 1usize..64, limit in 0usize..300) {
            let _ = frames(&bytes, piece, limit);
            let _ = frames(&[b"croc".to_vec(), bytes].concat(), piece, limit);
        }
    }
}
