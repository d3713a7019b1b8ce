//! Fields, tick boxes, lists, sliders, choices. The views lay them out and name them.

use eframe::egui::{
    AsIdSalt, Color32, ComboBox, CornerRadius, Frame, Key, Label, Margin, Popup, Rect, Response, RichText,
    Role, Sense, Slider, Stroke, StrokeKind, Ui, WidgetInfo, emath::Numeric, pos2, style::HandleShape, vec2,
};

use super::{Button, Emphasis, Icon, focus_ring, paint_icon, part, small_paragraph};
use crate::app::theme::{self, CONTROL_RADIUS, Weight, palette, size, space};

/// The frame around the text of a field.
pub(in crate::app) fn field_frame(ui: &Ui) -> Frame {
    let p = palette(ui);
    Frame::new()
        .fill(p.sunken)
        .stroke(Stroke::new(1.0, p.edge))
        .corner_radius(CornerRadius::same(CONTROL_RADIUS))
        .inner_margin(Margin::symmetric(10, 8))
}

/// What a tick box shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Mark {
    Off,
    Partly,
    On,
}

/// Paints a tick box in the middle of `area`.
pub(in crate::app) fn tick_box(ui: &Ui, area: Rect, mark: Mark, is_over: bool) {
    let p = palette(ui);
    let square = Rect::from_center_size(area.center(), vec2(17.0, 17.0));
    let (fill, edge) = if mark == Mark::Off {
        (if is_over { p.hover } else { p.card }, p.edge)
    } else {
        (p.accent, p.accent)
    };
    ui.painter().rect(square, CornerRadius::same(5), fill, Stroke::new(1.2, edge), StrokeKind::Inside);
    match mark {
        Mark::On => paint_icon(ui, Icon::Check, square.center(), 13.0, p.on_accent),
        Mark::Partly => paint_icon(ui, Icon::Minus, square.center(), 13.0, p.on_accent),
        Mark::Off => {}
    }
}

/// Width of the box before the label of a tick box, in points.
const SWITCH_BOX: f32 = 20.0;

/// Draws a tick box with its label; returns whether it was flipped.
pub(in crate::app) fn switch(ui: &mut Ui, is_on: &mut bool, label: &str) -> bool {
    let font = theme::font(Weight::Regular, size::BODY);
    let room = (ui.available_width() - SWITCH_BOX - space::S).max(24.0);
    let galley = ui.painter().layout(label.to_owned(), font, palette(ui).text, room);
    let wanted = vec2(SWITCH_BOX + space::S + galley.size().x, galley.size().y.max(24.0));
    let (rect, mut response) = part(ui, label, |ui| ui.allocate_exact_size(wanted, Sense::click()));
    if response.clicked() {
        *is_on = !*is_on;
        response.mark_changed();
    }
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, *is_on, label));
    let area = Rect::from_min_size(rect.min, vec2(SWITCH_BOX, rect.height()));
    tick_box(ui, area, if *is_on { Mark::On } else { Mark::Off }, response.hovered());
    let at = pos2(area.right() + space::S, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette(ui).text);
    focus_ring(ui, &response, rect, 4);
    response.changed()
}

/// Draws what a tick box means, below it and where its label begins.
pub(in crate::app) fn switch_hint(ui: &mut Ui, text: &str) {
    // This puts it nearer to its own control than to the next one.
    ui.add_space(-ui.spacing().item_spacing.y / 2.0);
    ui.horizontal_top(|ui| {
        ui.add_space(SWITCH_BOX + space::S);
        ui.vertical(|ui| small_paragraph(ui, text));
    });
}

/// Draws one of several choices that stand beside each other; returns whether it was clicked.
pub(in crate::app) fn option(ui: &mut Ui, is_on: bool, text: &str) -> bool {
    let kind = if is_on { Emphasis::Secondary } else { Emphasis::Quiet };
    let response = Button::new(kind, text).ui(ui);
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, is_on, text));
    if is_on {
        chosen_edge(ui, response.rect);
    }
    response.clicked()
}

/// How wide an [`option`] of this text is, in points.
pub(in crate::app) fn option_width(ui: &Ui, text: &str) -> f32 {
    Button::width_without_icon(ui, text)
}

/// Draws the edge of the choice that is chosen.
pub(in crate::app) fn chosen_edge(ui: &Ui, rect: Rect) {
    let edge = Stroke::new(1.5, palette(ui).accent);
    ui.painter().rect_stroke(rect, CornerRadius::same(CONTROL_RADIUS), edge, StrokeKind::Inside);
}

/// Draws a list that opens. `chosen` is what it shows while it is closed, and `add` draws its content.
pub(in crate::app) fn list(
    ui: &mut Ui,
    salt: impl AsIdSalt,
    name: &str,
    chosen: &str,
    width: f32,
    add: impl FnOnce(&mut Ui),
) {
    let width = width.min(ui.available_width());
    let combo = ComboBox::from_id_salt(salt).selected_text(chosen).width(width);
    let combo = combo.icon(|ui, rect, visuals, _| {
        paint_icon(ui, Icon::ChevronDown, rect.center(), 15.0, visuals.fg_stroke.color);
    });
    let response = combo.show_ui(ui, add).response;
    close_by_keyboard(ui, &response);
    response.widget_info(|| WidgetInfo {
        current_text_value: Some(chosen.to_owned()),
        ..WidgetInfo::labeled(Role::ComboBox, true, name)
    });
    if cfg!(target_os = "linux") {
        // AT-SPI has no text for what a list shows while it is closed.
        response.ctx.accesskit_node_builder(response.id, |node| node.set_description(chosen));
    }
    focus_ring(ui, &response, response.rect, CONTROL_RADIUS);
}

/// Closes a list when a key has chosen something in it, which the toolkit does for the pointer alone, and gives the
/// keyboard back to it.
fn close_by_keyboard(ui: &Ui, list: &Response) {
    let is_open = ComboBox::is_open(ui.ctx(), list.id);
    let was_open = ui.data(|data| data.get_temp(list.id)).unwrap_or(false);
    let [chooses, leaves] = [&[Key::Enter, Key::Space][..], &[Key::Escape]]
        .map(|keys| ui.input(|input| keys.iter().any(|key| input.key_pressed(*key))));
    let has_chosen = chooses && was_open && is_open && !list.has_focus();
    if has_chosen {
        Popup::close_all(ui.ctx());
    }
    if has_chosen || (was_open && !is_open && (chooses || leaves)) {
        list.request_focus();
    }
    ui.data_mut(|data| data.insert_temp(list.id, is_open && !has_chosen));
}

/// Draws a slider with its value in words.
pub(in crate::app) fn slider<N: Numeric>(
    ui: &mut Ui,
    name: &str,
    value: &mut N,
    range: std::ops::RangeInclusive<N>,
    step: f64,
    words: impl Fn(&N) -> String,
) -> Response {
    let font = theme::font(Weight::Medium, size::BODY);
    // Its words keep their room in a small window.
    let longest = [range.start(), range.end()]
        .map(|value| ui.painter().layout_no_wrap(words(value), font.clone(), Color32::WHITE).size().x);
    let room = ui.available_width() - longest[0].max(longest[1]) - ui.spacing().item_spacing.x;
    let response = part(ui, name, |ui| {
        let p = palette(ui);
        let spacing = ui.spacing_mut();
        spacing.slider_width = room.clamp(60.0, 200.0);
        let visuals = ui.visuals_mut();
        visuals.selection.bg_fill = p.accent;
        let states = &mut visuals.widgets;
        for state in [&mut states.inactive, &mut states.hovered, &mut states.active] {
            state.fg_stroke = Stroke::new(2.0, p.accent);
        }
        let slider = Slider::new(value, range).step_by(step).show_value(false);
        ui.add(slider.handle_shape(HandleShape::Circle))
    });
    response.widget_info(|| WidgetInfo::slider(true, value.to_f64(), name));
    focus_ring(ui, &response, response.rect, 10);
    ui.add(Label::new(RichText::new(words(value)).font(font)));
    response
}
