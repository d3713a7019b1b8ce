//! What stands around other things: cards, tinted boxes, the frames of dialogs.

use eframe::egui::{
    AsIdSalt, Color32, CornerRadius, Frame, InnerResponse, Margin, Role, Sense, Stroke, Style, Ui, UiBuilder,
    UiKind, UiStack, vec2,
};

use super::{
    icons::{Icon, icon},
    text::{paragraph, plain},
};
use crate::app::{
    model::tone::Tone,
    theme::{self, CONTROL_RADIUS, Palette, palette, size, space},
};

/// Draws a part of the page whose controls stay the same ones, and keep the keyboard, whatever comes and goes before
/// it. `salt` has to be unique among its neighbours.
pub(in crate::app) fn part<R>(ui: &mut Ui, salt: impl AsIdSalt, add: impl FnOnce(&mut Ui) -> R) -> R {
    let id = ui.scope_id().with(salt);
    ui.scope_builder(UiBuilder::new().scope_id(id), add).inner
}

/// Draws a [`part`] below others that may turn out to be empty, which then takes no room.
pub(in crate::app) fn part_if_any(ui: &mut Ui, salt: impl AsIdSalt, add: impl FnOnce(&mut Ui)) {
    let id = ui.scope_id().with(salt);
    let drawn = ui.scope_builder(UiBuilder::new().scope_id(id), add).response.rect;
    if drawn.height() < 1.0 {
        ui.add_space(-ui.spacing().item_spacing.y);
    }
}

/// Draws a [`part`] that screen readers know as a group of this name.
pub(in crate::app) fn group<R>(
    ui: &mut Ui,
    salt: impl AsIdSalt,
    name: &str,
    add: impl FnOnce(&mut Ui) -> R,
) -> R {
    let id = ui.scope_id().with(salt);
    let builder = UiBuilder::new().scope_id(id).accessibility_role(Role::Group).accessibility_label(name);
    ui.scope_builder(builder, add).inner
}

/// Draws a card: a white sheet with a thin line around it.
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

/// Draws a card that is one row.
pub(in crate::app) fn slim_card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    let p = palette(ui);
    Frame::new()
        .fill(p.card)
        .stroke(Stroke::new(1.0, p.line))
        .corner_radius(CornerRadius::same(theme::CARD_RADIUS))
        .inner_margin(Margin::symmetric(space::CARD as i8, space::S as i8))
        .shadow(theme::card_shadow(ui))
        .show(ui, add)
}

/// Draws a thin line between things that stand below each other.
pub(in crate::app) fn hairline(ui: &mut Ui) {
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(line.x_range(), line.center().y, Stroke::new(1.0, palette(ui).line));
}

/// The frame of a dialog.
pub(in crate::app) fn dialog_frame(style: &Style) -> Frame {
    Frame::new()
        .fill(style.visuals.window_fill)
        .stroke(style.visuals.window_stroke)
        .corner_radius(style.visuals.window_corner_radius)
        .inner_margin(style.spacing.window_margin)
        .shadow(style.visuals.window_shadow)
}

/// Gives the dialog around `ui` an accessible name, which the toolkit can't know.
pub(in crate::app) fn name_dialog(ui: &Ui, name: &str) {
    let is_dialog = |part: &&UiStack| part.info.kind == Some(UiKind::Modal);
    if let Some(dialog) = ui.stack().iter().find(is_dialog) {
        ui.ctx().accesskit_node_builder(dialog.unique_id, |node| {
            node.set_label(name);
            node.set_modal();
        });
    }
}

/// Draws a tinted box around something that must not be missed.
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
    /// The background, the ink and the icon of a message of this tone.
    pub(in crate::app) fn look(self, p: &Palette) -> (Color32, Color32, Icon) {
        match self {
            Self::Quiet => (p.sunken, p.muted, Icon::Info),
            Self::Plain => (p.accent_soft, p.accent, Icon::Info),
            Self::Good => (p.ok_soft, p.ok, Icon::CircleCheck),
            Self::Warning => (p.warn_soft, p.warn, Icon::TriangleAlert),
            Self::Bad => (p.bad_soft, p.bad, Icon::CircleAlert),
        }
    }
}

/// Draws a message of this tone, with the icon of the tone.
pub(in crate::app) fn note(ui: &mut Ui, tone: Tone, text: &str) {
    let (_, _, sign) = tone.look(palette(ui));
    signed_note(ui, tone, sign, text);
}

/// Draws a message of this tone, with this icon.
pub(in crate::app) fn signed_note(ui: &mut Ui, tone: Tone, sign: Icon, text: &str) {
    let (ground, ink, _) = tone.look(palette(ui));
    tinted(ui, ground, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            icon(ui, sign, size::ICON, ink);
            let ink = palette(ui).text;
            paragraph(ui, text, plain(size::BODY), ink);
        });
    });
}
