//! A part of the screen as a value.

use std::{collections::BTreeSet, fs::File, io, io::BufWriter, path::Path};

/// A picture, as three bytes a pixel: red, green, blue.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture from the display server's pixels, which have four bytes: blue, green, red, and one that is not used.
    pub fn new(width: u16, height: u16, data: &[u8]) -> Self {
        let (width, height) = (usize::from(width), usize::from(height));
        assert_eq!(data.len(), width * height * 4, "the server's pixels have 32 bits");
        let pixels = data.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        Self { width, height, pixels }
    }

    /// The pixel at this place, counted from the left and the top.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }

    /// The pixel near the lower left corner, where the page has nothing but its background.
    pub fn corner(&self) -> [u8; 3] {
        self.pixel(2, self.height - 3)
    }

    /// The pixels below the header. The header is left out because it shows the relay's latency, which varies.
    pub fn page(&self) -> &[u8] {
        &self.pixels[self.width * 3 * (self.height / 8)..]
    }

    /// Whether the picture shows more than a blank background: then it has many colours.
    pub fn is_painted(&self) -> bool {
        const ENOUGH: usize = 32;
        let mut seen = BTreeSet::new();
        self.pixels.chunks_exact(3).any(|pixel| {
            seen.insert(pixel);
            seen.len() > ENOUGH
        })
    }

    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut encoder = png::Encoder::new(
            BufWriter::new(File::create(path)?),
            self.width.try_into().expect("a screen's width fits into 32 bits"),
            self.height.try_into().expect("a screen's height fits into 32 bits"),
        );
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        Ok(())
    }
}
