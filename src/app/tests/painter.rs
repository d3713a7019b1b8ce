//! What a screen would show, as a picture: the toolkit's triangles, drawn without a display or a graphics card.

use std::{cell::RefCell, collections::HashMap, fs, path::Path, rc::Rc};

use eframe::egui::{
    Color32, ColorImage, Context, FontData, FullOutput, ImageData, Mesh, MissingGlyphPolicy, Pos2, Rect,
    TextureId, TexturesDelta,
    epaint::{
        Primitive, Vertex,
        text::{FontInsert, FontPriority, InsertFontFamily},
    },
    pos2,
};
use egui_kittest::TestRenderer;

use crate::app::theme::{self, Weight};

/// A font of this machine's that has letters which the program's own fonts lack. Where it is missing, boxes stand for them.
const MORE_LETTERS: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

/// The textures of a window, which come frame by frame.
#[derive(Clone, Default)]
pub(super) struct Painter {
    textures: Rc<RefCell<HashMap<TextureId, ColorImage>>>,
    /// Whether names in other scripts may be shown.
    has_letters: bool,
}

/// Lets a window show letters of any script that this machine has a font for.
fn add_letters(ctx: &Context) {
    ctx.set_missing_glyph_policy(MissingGlyphPolicy::Tofu);
    let Ok(bytes) = fs::read(MORE_LETTERS) else { return };
    let families =
        [Weight::Regular, Weight::Medium, Weight::SemiBold].map(|weight| theme::font(weight, 1.0).family);
    let families = families.into_iter().chain([theme::mono(1.0).family]);
    let families =
        families.map(|family| InsertFontFamily { family, priority: FontPriority::Lowest }).collect();
    ctx.add_font(FontInsert::new("letters", FontData::from_owned(bytes), families));
}

impl TestRenderer for Painter {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        let mut textures = self.textures.borrow_mut();
        for (id, changes) in delta.set.drain() {
            for change in changes {
                let ImageData::Color(image) = change.image;
                let Some([left, top]) = change.pos else {
                    textures.insert(id, ColorImage::clone(&image));
                    continue;
                };
                let whole = textures.get_mut(&id).expect("what is changed is there");
                for row in 0..image.size[1] {
                    for column in 0..image.size[0] {
                        whole[(left + column, top + row)] = image[(column, row)];
                    }
                }
            }
        }
        for id in delta.free.drain() {
            textures.remove(&id);
        }
    }
}

impl Painter {
    /// One for a window in which names of any script are shown.
    pub(super) fn of_any_script() -> Self {
        Self { has_letters: true, ..Self::default() }
    }

    /// Prepares a window.
    pub(super) fn prepare(&self, ctx: &Context) {
        if self.has_letters {
            add_letters(ctx);
        }
    }

    /// Writes the picture of a frame into a PNG file.
    pub(super) fn save(&self, ctx: &Context, frame: &FullOutput, path: &Path) {
        let scale = frame.pixels_per_point;
        let size = (ctx.content_rect().size() * scale).round();
        let mut canvas = ColorImage::filled([size.x as usize, size.y as usize], Color32::BLACK);
        let textures = self.textures.borrow();
        for part in ctx.tessellate(frame.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = part.primitive else { continue };
            if let Some(texture) = textures.get(&mesh.texture_id) {
                draw(&mut canvas, &mesh, texture, part.clip_rect * scale, scale);
            }
        }
        let bytes: Vec<u8> = canvas.pixels.iter().flat_map(Color32::to_array).collect();
        image::save_buffer(path, &bytes, size.x as u32, size.y as u32, image::ColorType::Rgba8)
            .expect("the picture can be written");
    }
}

fn draw(canvas: &mut ColorImage, mesh: &Mesh, texture: &ColorImage, clip: Rect, scale: f32) {
    let [width, height] = canvas.size;
    let clip = Rect::from_min_max(clip.min.round(), clip.max.round())
        .intersect(Rect::from_min_max(Pos2::ZERO, pos2(width as f32, height as f32)));
    for corners in mesh.indices.chunks_exact(3) {
        let corners = [0, 1, 2].map(|corner| mesh.vertices[corners[corner] as usize]);
        let at = corners.map(|corner| corner.pos * scale);
        let area = cross(at[0], at[1], at[2]);
        if area == 0.0 {
            continue;
        }
        let bounds = Rect::from_points(&at).intersect(clip);
        for y in
            (bounds.top() - 0.5).ceil().max(0.0) as usize..(bounds.bottom() + 0.5).floor().max(0.0) as usize
        {
            for x in (bounds.left() - 0.5).ceil().max(0.0) as usize
                ..(bounds.right() + 0.5).floor().max(0.0) as usize
            {
                let point = pos2(x as f32 + 0.5, y as f32 + 0.5);
                let shares = [
                    cross(at[1], at[2], point) / area,
                    cross(at[2], at[0], point) / area,
                    cross(at[0], at[1], point) / area,
                ];
                let is_in = |corner: usize| {
                    let (from, to) = (at[(corner + 1) % 3], at[(corner + 2) % 3]);
                    let edge = (to - from) * area.signum();
                    // A point on an edge belongs to one of the two triangles there.
                    shares[corner] > 0.0
                        || (shares[corner] == 0.0 && (edge.y < 0.0 || (edge.y == 0.0 && edge.x > 0.0)))
                };
                if (0..3).all(is_in) && x < width && y < height {
                    let pixel = &mut canvas[(x, y)];
                    *pixel = blend(*pixel, colour(&corners, shares, texture));
                }
            }
        }
    }
}

fn cross(one: Pos2, other: Pos2, third: Pos2) -> f32 {
    (other.x - one.x) * (third.y - one.y) - (other.y - one.y) * (third.x - one.x)
}

/// The colour between the corners of a triangle.
fn colour(corners: &[Vertex; 3], shares: [f32; 3], texture: &ColorImage) -> [f32; 4] {
    let mut ink = [0.0; 4];
    let mut at = Pos2::ZERO;
    for (corner, share) in corners.iter().zip(shares) {
        for (sum, channel) in ink.iter_mut().zip(corner.color.to_array()) {
            *sum += f32::from(channel) * share;
        }
        at += corner.uv.to_vec2() * share;
    }
    let [width, height] = texture.size;
    let (x, y) = (at.x * width as f32 - 0.5, at.y * height as f32 - 0.5);
    let (right, below) = (x - x.floor(), y - y.floor());
    let texel = |column: f32, row: f32| {
        let column = (column.max(0.0) as usize).min(width - 1);
        texture[(column, (row.max(0.0) as usize).min(height - 1))].to_array().map(f32::from)
    };
    let around = [
        (texel(x.floor(), y.floor()), (1.0 - right) * (1.0 - below)),
        (texel(x.floor() + 1.0, y.floor()), right * (1.0 - below)),
        (texel(x.floor(), y.floor() + 1.0), (1.0 - right) * below),
        (texel(x.floor() + 1.0, y.floor() + 1.0), right * below),
    ];
    let mut mixed = [0.0; 4];
    for (channel, value) in mixed.iter_mut().enumerate() {
        let sampled: f32 = around.iter().map(|(texel, share)| texel[channel] * share).sum();
        *value = ink[channel] * sampled / 255.0;
    }
    mixed
}

/// A colour with premultiplied alpha over another one.
fn blend(below: Color32, above: [f32; 4]) -> Color32 {
    let kept = 1.0 - above[3] / 255.0;
    let channels = below.to_array();
    let mixed = [0, 1, 2].map(|channel| (above[channel] + f32::from(channels[channel]) * kept).round() as u8);
    Color32::from_rgb(mixed[0], mixed[1], mixed[2])
}
