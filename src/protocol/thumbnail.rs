//! Thumbnails of pictures that are offered. They travel as plain pixels, so that a receiver has nothing to decode that a stranger
//! has sent.

use serde::{Deserialize, Serialize};

/// Longest side of a thumbnail in pixels: twice what the window shows, for displays of high resolution.
pub const MAX_SIDE: u16 = 128;
/// Most thumbnails that a receiver may ask for in one session. It bounds what a sender decodes, and takes a receiver 48 MiB.
pub const MAX_THUMBNAILS: u32 = 1024;
/// Bytes of a pixel: red, green and blue in sRGB, without transparency.
const PIXEL: usize = 3;

/// A small picture of a file that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawThumbnail")]
pub struct Thumbnail {
    width: u16,
    rgb: Vec<u8>,
}

/// A thumbnail that nobody has checked.
#[derive(Deserialize)]
struct RawThumbnail {
    width: u16,
    rgb: Vec<u8>,
}

/// These bytes are no thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no rectangle of 1 to {MAX_SIDE} pixels a side")]
pub struct NoThumbnail;

impl TryFrom<RawThumbnail> for Thumbnail {
    type Error = NoThumbnail;

    fn try_from(RawThumbnail { width, rgb }: RawThumbnail) -> Result<Self, NoThumbnail> {
        Self::new(width, rgb)
    }
}

impl Thumbnail {
    /// A thumbnail of this width, from the upper left to the lower right pixel, row by row, with red, green and blue of each in
    /// sRGB. Fails unless the bytes are 1 to [`MAX_SIDE`] whole rows, of 1 to [`MAX_SIDE`] pixels.
    pub fn new(width: u16, rgb: Vec<u8>) -> Result<Self, NoThumbnail> {
        let row = usize::from(width) * PIXEL;
        let is_one = (1..=MAX_SIDE).contains(&width)
            && rgb.len().is_multiple_of(row)
            && (1..=usize::from(MAX_SIDE)).contains(&(rgb.len() / row));
        if is_one { Ok(Self { width, rgb }) } else { Err(NoThumbnail) }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [usize; 2] {
        let width = usize::from(self.width);
        [width, self.rgb.len() / PIXEL / width]
    }

    /// Its pixels, as [`Thumbnail::new`] takes them.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{frame, peer::MAX_CONTROL};

    #[test]
    fn a_thumbnail_is_a_whole_rectangle_of_bounded_size() {
        assert_eq!(Thumbnail::new(3, vec![7; 18]).unwrap().size(), [3, 2]);
        let largest = Thumbnail::new(MAX_SIDE, vec![7; 128 * 128 * 3]).unwrap();
        assert!(frame::to_bytes(&largest).len() < MAX_CONTROL / 4);
        for (width, bytes) in [(0, 0), (0, 3), (1, 0), (3, 17), (2, 9), (129, 129 * 3), (1, 129 * 3)] {
            assert_eq!(Thumbnail::new(width, vec![0; bytes]), Err(NoThumbnail), "{width} {bytes}");
        }
    }

    #[test]
    fn what_a_peer_sends_is_held_to_the_same() {
        let good = Thumbnail::new(2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(frame::from_bytes::<Thumbnail>(&frame::to_bytes(&good)).unwrap(), good);
        for bad in [(0u16, vec![0u8; 6]), (3, vec![0; 10]), (MAX_SIDE + 1, vec![0; 129 * 3])] {
            assert!(frame::from_bytes::<Thumbnail>(&frame::to_bytes(&bad)).is_err(), "{bad:?}");
        }
    }
}
