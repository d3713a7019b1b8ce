//! What stands around other things: cards, tinted boxes, the frames of dialogs.

use eframe::egui::{
    AsIdSalt, Color32, CornerRadius, Frame, InnerResponse, Label, Margin, RichText, Sense, Stroke, Style, Ui,
    UiBuilder, UiKind, UiStack, vec2,
};

use super::icons::{Icon, icon};
use crate::app::{
    model::tone::Tone,
    theme::{self, CONTROL_RADIUS, Palette, palette, size, space},
};

/// A part whose controls stay themselves, with the keyboard on them, whatever comes and goes before it. `salt` is its own
/// among its neighbours.
pub(in crate::app) fn part<R>(ui: &mut Ui, salt: impl AsIdSalt, add: impl FnOnce(&mut Ui) -> R) -> R {
    let id = ui.scope_id().with(salt);
    ui.scope_builder(UiBuilder::new().scope_id(id), add).inner
}

/// A white sheet with a hairline.
pub(in crate::app) fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let p = palette(ui);
    Frame::new()
        .fill(p.card)
        .stroke(Stroke::new(1.0, p.line))
        .corner_radius(CornerRadius::same(theme::CARD_RADIUS))
        .inner_margin(Margin::same(space::CARD as i8))
        .shadow(theme::card_shadow(ui))
        .show(ui, add)
}

/// A line between things that stand below each other.
pub(in crate::app) fn hairline(ui: &mut Ui) {
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(line.x_range(), line.center().y, Stroke::new(1.0, palette(ui).line));
}

/// The sheet of a dialog.
pub(in crate::app) fn dialog_frame(style: &Style) -> Frame {
    Frame::new()
        .fill(style.visuals.window_fill)
        .stroke(style.visuals.window_stroke)
        .corner_radius(style.visuals.window_corner_radius)
        .inner_margin(style.spacing.window_margin)
        .shadow(style.visuals.window_shadow)
}

/// Says what the dialog around `ui` is called: the toolkit can't know.
pub(in crate::app) fn name_dialog(ui: &Ui, name: &str) {
    let is_dialog = |part: &&UiStack| part.info.kind == Some(UiKind::Modal);
    if let Some(dialog) = ui.stack().iter().find(is_dialog) {
        ui.ctx().accesskit_node_builder(dialog.unique_id, |node| node.set_label(name));
    }
}

/// A tinted box for a word that must not be missed.
pub(in crate::app) fn tinted<R>(
    ui: &mut Ui,
    fill: Color32,
    add: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    Frame::new()
        .fill(fill)
        .corner_radius(CornerRadius::same(CONTROL_RADIUS))
        .inner_margin(Margin::symmetric(space::M as i8, 10))
        .show(ui, add)
}

impl Tone {
    /// Its ground, its ink and its sign.
    pub(in crate::app) fn look(self, p: &Palette) -> (Color32, Color32, Icon) {
        match self {
            Self::Plain => (p.accent_soft, p.accent, Icon::Info),
            Self::Good => (p.ok_soft, p.ok, Icon::CircleCheck),
            Self::Warning => (p.warn_soft, p.warn, Icon::TriangleAlert),
            Self::Bad => (p.bad_soft, p.bad, Icon::CircleAlert),
        }
    }
}

/// A sentence that must not be missed, with its sign.
pub(in crate::app) fn note(ui: &mut Ui, tone: Tone, text: &str) {
    let (_, _, sign) = tone.look(palette(ui));
    signed_note(ui, tone, sign, text);
}

/// The same with another sign.
pub(in crate::app) fn signed_note(ui: &mut Ui, tone: Tone, sign: Icon, text: &str) {
    let (ground, ink, _) = tone.look(palette(ui));
    tinted(ui, ground, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            icon(ui, sign, size::ICON, ink);
            ui.add(Label::new(RichText::new(text).color(palette(ui).text)).wrap());
        });
    });
}
