//! Thumbnails on the screen. Each is handed to the graphics system while it is in sight, and no longer.

use std::collections::HashMap;

use eframe::egui::{ColorImage, Image, Rect, TextureHandle, TextureOptions, Ui, vec2};

use crate::{app::theme::palette, engine::TaskId, protocol::thumbnail::Thumbnail};

/// Radius of a thumbnail's corners, in points.
const CORNERS: u8 = 4;

/// Paints the place of a thumbnail that is still to come.
pub(in crate::app) fn paint_awaited(ui: &Ui, place: Rect) {
    ui.painter().rect_filled(place, CORNERS, palette(ui).line);
}

/// The thumbnails that are in sight.
#[derive(Default)]
pub(in crate::app) struct Textures {
    /// By transfer and entry, and whether this frame has drawn it.
    loaded: HashMap<(TaskId, u32), (TextureHandle, bool)>,
}

impl Textures {
    /// Draws a thumbnail in the middle of `place`, as large as fits, and no larger than a point for each of its pixels.
    pub(in crate::app) fn draw(&mut self, ui: &Ui, of: (TaskId, u32), thumbnail: &Thumbnail, place: Rect) {
        let size = thumbnail.size();
        let (texture, is_drawn) = self.loaded.entry(of).or_insert_with(|| {
            let image = ColorImage::from_rgb(size, thumbnail.rgb());
            (ui.ctx().load_texture(format!("thumbnail {}", of.1), image, TextureOptions::LINEAR), false)
        });
        *is_drawn = true;
        let [width, height] = size.map(|side| side as f32);
        let scale = (place.width() / width).min(place.height() / height).min(1.0);
        let shown = Rect::from_center_size(place.center(), vec2(width, height) * scale);
        Image::from_texture(&*texture).corner_radius(CORNERS).paint_at(ui, shown);
    }

    /// Lets go of what the last frame didn't draw.
    pub(in crate::app) fn end_frame(&mut self) {
        self.loaded.retain(|_, (_, is_drawn)| std::mem::take(is_drawn));
    }
}
