//! Text, by its weight.

use eframe::egui::{Color32, FontId, Label, Response, RichText, Role, Ui, WidgetInfo};

use super::face::face;
use crate::app::theme::{self, Weight, palette, size};

/// Draws the name of a card.
pub(in crate::app) fn title(ui: &mut Ui, text: &str) -> Response {
    let font = theme::font(Weight::SemiBold, size::TITLE);
    ui.add(Label::new(RichText::new(text).font(font).color(palette(ui).text)).truncate())
}

/// Draws the name of a card with secondary words after it, which keep their room if the name is long.
pub(in crate::app) fn title_with(ui: &mut Ui, text: &str, aside: &str) {
    let font = theme::font(Weight::Regular, size::SMALL);
    let aside_width = ui.painter().layout_no_wrap(aside.to_owned(), font, Color32::WHITE).size().x;
    let room = ui.available_width() - aside_width - 2.0 * ui.spacing().item_spacing.x;
    ui.scope(|ui| {
        ui.set_max_width(room.max(60.0));
        title(ui, text);
    });
    small(ui, aside);
}

/// Draws the name of a card, and after it a computer's badge with secondary words, which keep their room if the name is long.
pub(in crate::app) fn title_with_face(ui: &mut Ui, text: &str, computer: &str, aside: &str) {
    const FACE: f32 = 18.0;
    let font = theme::font(Weight::Regular, size::SMALL);
    let aside_width = ui.painter().layout_no_wrap(aside.to_owned(), font, Color32::WHITE).size().x;
    ui.horizontal(|ui| {
        let room = ui.available_width() - aside_width - FACE - 3.0 * ui.spacing().item_spacing.x;
        ui.scope(|ui| {
            ui.set_max_width(room.max(60.0));
            title(ui, text);
        });
        face(ui, computer, FACE);
        small(ui, aside);
    });
}

/// Draws the name of a section.
pub(in crate::app) fn heading(ui: &mut Ui, text: &str) -> Response {
    let response = ui.add(Label::new(
        RichText::new(text).font(theme::font(Weight::SemiBold, size::HEADING)).color(palette(ui).text),
    ));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response
}

/// Draws secondary text, which wraps.
pub(in crate::app) fn muted(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).color(palette(ui).muted)).wrap())
}

/// Draws small secondary text, on one line.
pub(in crate::app) fn small(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).size(size::SMALL).color(palette(ui).muted)).truncate())
}

/// The largest size, up to `most`, at which `text` fits into `width` on one line.
pub(in crate::app) fn fitting(
    ui: &Ui,
    text: &str,
    font: impl Fn(f32) -> FontId,
    most: f32,
    width: f32,
) -> f32 {
    let full = ui.painter().layout_no_wrap(text.to_owned(), font(most), Color32::WHITE).size().x;
    if full <= width { most } else { (most * width / full).floor().max(10.0) }
}
