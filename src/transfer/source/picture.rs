//! Thumbnails of pictures that are offered, made where the pictures are. The decoders are bounded in memory and in what they read,
//! because the sender may have a picture from anybody.
//!
//! All functions here block on the disk and the processor.

use std::{
    fs::{self, File, Metadata},
    io::{BufReader, Cursor, Read},
    sync::Mutex,
};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

use super::scan::Origin;
use crate::{
    panics,
    protocol::thumbnail::{MAX_SIDE, Thumbnail},
    sync::lock,
    transfer::fingerprint::Fingerprint,
};

/// Largest file that is read for a thumbnail, in bytes: more than cameras write, and read in a second.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Most memory for one picture, in bytes, with what its decoder needs: enough for 60 megapixels.
const MAX_MEMORY: u64 = 540_000_000;
/// Whose turn it is to decode a picture.
static TURN: Mutex<()> = Mutex::new(());
/// Longest side of a picture in pixels.
const MAX_PICTURE_SIDE: u32 = 30_000;

/// A thumbnail of the picture at `origin`. `None` if there is no longer the file that was listed, if it is no JPEG, PNG, WebP or GIF,
/// or if it is damaged or too large.
pub(crate) fn thumbnail(origin: &Origin) -> Option<Thumbnail> {
    let is_it =
        |metadata: &Metadata| Fingerprint::of(metadata) == origin.fingerprint && metadata.len() <= MAX_FILE;
    // What has become a pipe would never open.
    fs::metadata(&origin.path).ok().filter(is_it)?;
    let file = File::open(&origin.path).ok()?;
    file.metadata().ok().filter(is_it)?;
    let mut bytes = Vec::new();
    BufReader::new(file).take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    // One at a time, however many receivers ask. A fault in a decoder costs one thumbnail, and not the transfer.
    let _turn = lock(&TURN);
    panics::catch(|| small(&bytes)).ok()?
}

/// The picture in these bytes, made small.
fn small(bytes: &[u8]) -> Option<Thumbnail> {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_PICTURE_SIDE), Some(MAX_PICTURE_SIDE));
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    // Of the limits, only those of the sides have been checked so far. A progressive JPEG takes twice as much again for its
    // coefficients.
    if decoder.total_bytes().saturating_mul(3) > MAX_MEMORY {
        return None;
    }
    // Cameras store how they were held, and not the picture as it was seen.
    let orientation = decoder.orientation().ok()?;
    let picture = DynamicImage::from_decoder(decoder).ok()?;
    let side = u32::from(MAX_SIDE);
    let mut picture =
        if picture.width().max(picture.height()) > side { picture.thumbnail(side, side) } else { picture };
    picture.apply_orientation(orientation);
    let picture = picture.into_rgba8();
    // What is transparent lies on white, as on paper.
    let on_white = RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        Rgb([red, green, blue].map(|ink| ((ink * alpha + 255 * (255 - alpha)) / 255) as u8))
    });
    Thumbnail::new(u16::try_from(on_white.width()).ok()?, on_white.into_raw()).ok()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;
    use crate::transfer::fingerprint::fingerprint_of;

    fn origin(path: &Path) -> Origin {
        Origin { path: path.to_owned(), fingerprint: fingerprint_of(path).expect("it was just written") }
    }

    /// Red on the left, half of it transparent; blue on the right.
    fn picture(width: u32, height: u32) -> RgbaImage {
        RgbaImage::from_fn(width, height, |x, _| {
            if x < width / 2 { Rgba([255, 0, 0, 128]) } else { Rgba([0, 0, 255, 255]) }
        })
    }

    #[test]
    fn pictures_become_small_and_keep_their_shape() {
        let folder = tempfile::tempdir().unwrap();
        for (name, width, height, size) in
            [("wide.png", 400, 100, [128, 32]), ("high.webp", 50, 500, [13, 128]), ("tiny.gif", 4, 2, [4, 2])]
        {
            let path = folder.path().join(name);
            picture(width, height).save(&path).unwrap();
            let thumbnail = thumbnail(&origin(&path)).unwrap();
            assert_eq!(thumbnail.size(), size, "{name}");
            let last = &thumbnail.rgb()[thumbnail.rgb().len() - 3..];
            assert!(last[2] > 200 && last[0] < 50, "{name}: {last:?}");
        }
        let half_red = thumbnail(&origin(&folder.path().join("wide.png"))).unwrap();
        assert_eq!(half_red.rgb()[..3], [255, 127, 127], "transparent red on white");
    }

    #[test]
    fn a_photo_stands_as_it_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        image::DynamicImage::from(picture(200, 100)).into_rgb8().save(&path).unwrap();
        let plain = fs::read(&path).unwrap();
        assert_eq!(thumbnail(&origin(&path)).unwrap().size(), [128, 64]);
        // An EXIF segment that says: turned by a quarter (TIFF 6.0, tag 0x0112, value 6).
        let mut exif = b"\xff\xe1\x00\x22Exif\0\0MM\x00\x2a\x00\x00\x00\x08\x00\x01".to_vec();
        exif.extend(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00");
        fs::write(&path, [&plain[..2], &exif, &plain[2..]].concat()).unwrap();
        assert_eq!(thumbnail(&origin(&path)).unwrap().size(), [64, 128]);
    }

    #[test]
    fn what_is_no_picture_has_no_thumbnail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        picture(300, 300).save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        // A header that asks for 30,000 by 30,000 pixels, of which there are none.
        let mut bomb = bytes.clone();
        bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        // A JPEG of a few hundred bytes that says it has 20,000 by 20,000 pixels.
        let mut large = Vec::new();
        let small = image::DynamicImage::from(picture(64, 64)).into_rgb8();
        image::codecs::jpeg::JpegEncoder::new(&mut large).encode_image(&small).unwrap();
        let at = large.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        large[at + 5..at + 9].copy_from_slice(&[0x4e, 0x20, 0x4e, 0x20]);
        let mut damaged = bytes.clone();
        damaged[60] ^= 0xff;
        for bad in [&b""[..], b"text", &bytes[..40], &bomb, &large, &damaged] {
            fs::write(&path, bad).unwrap();
            assert_eq!(thumbnail(&origin(&path)), None);
        }
        #[cfg(unix)]
        {
            let before = origin(&path);
            fs::remove_file(&path).unwrap();
            rustix::fs::mknodat(
                rustix::fs::CWD,
                &path,
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RWXU,
                0,
            )
            .unwrap();
            assert_eq!(thumbnail(&before), None, "a pipe that nobody writes to holds nothing up");
            fs::remove_file(&path).unwrap();
        }
        fs::write(&path, &bytes).unwrap();
        let before = origin(&path);
        picture(10, 10).save_with_format(&path, ImageFormat::Png).unwrap();
        assert_eq!(thumbnail(&before), None, "another file than the one that is offered");
    }
}
