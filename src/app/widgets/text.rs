//! Text, by its weight.

use eframe::egui::{
    Color32, FontId, Label, Response, RichText, Role, Ui, WidgetInfo, WidgetText,
    accesskit::Live,
    text::{LayoutJob, TextFormat},
};

use super::{bidi, face::face};
use crate::app::theme::{self, Weight, palette, size};

/// A text that may hold names of any script, as it is painted: what is written from right to left stands in its order.
/// Screen readers need the text itself; [`line()`] and [`paragraph`] tell it to them.
pub(in crate::app) fn painted(text: &str, font: FontId, ink: Color32) -> WidgetText {
    let Some(parts) = bidi::visual_parts(text) else {
        return RichText::new(text).font(font).color(ink).into();
    };
    // The toolkit guesses the direction of each section by itself.
    let mut job = LayoutJob::default();
    for part in parts {
        job.append(&part, 0.0, TextFormat::simple(font.clone(), ink));
    }
    job.into()
}

/// Draws a text that may hold names of any script on one line, which is cut off where there is no room.
pub(in crate::app) fn line(ui: &mut Ui, text: &str, font: FontId, ink: Color32) -> Response {
    told(ui, Label::new(painted(text, font, ink)).truncate(), text)
}

/// Draws a text that may hold names of any script, which wraps.
pub(in crate::app) fn paragraph(ui: &mut Ui, text: &str, font: FontId, ink: Color32) -> Response {
    told(ui, Label::new(painted(text, font, ink)).wrap(), text)
}

fn told(ui: &mut Ui, label: Label, text: &str) -> Response {
    let response = ui.add(label);
    if bidi::visual_parts(text).is_some() {
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    }
    response
}

/// Has screen readers say a text as soon as it appears or changes.
pub(in crate::app) fn announce(text: &Response) {
    text.ctx.accesskit_node_builder(text.id, |node| node.set_live(Live::Polite));
}

/// The font of plain text of this size, in points.
pub(in crate::app) fn plain(size: f32) -> FontId {
    theme::font(Weight::Regular, size)
}

/// Draws the name of a card.
pub(in crate::app) fn title(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).text;
    line(ui, text, theme::font(Weight::SemiBold, size::TITLE), ink)
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
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, text));
    response
}

/// Draws secondary text, which wraps.
pub(in crate::app) fn muted(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).muted;
    paragraph(ui, text, plain(size::BODY), ink)
}

/// Draws small secondary text, on one line.
pub(in crate::app) fn small(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).muted;
    line(ui, text, plain(size::SMALL), ink)
}

/// Draws small secondary text, which wraps.
pub(in crate::app) fn small_paragraph(ui: &mut Ui, text: &str) -> Response {
    let ink = palette(ui).muted;
    paragraph(ui, text, plain(size::SMALL), ink)
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
