//! The labelled controls of the dialog's pages, and the hints and errors below them.

use eframe::{
    egui::{
        CornerRadius, Frame, Id, Label, Margin, Response, RichText, Sense, Stroke, TextEdit, Ui, WidgetInfo,
        pos2, vec2,
    },
    emath::Numeric,
};

use crate::app::{
    model::action::{Action, SettingsAction},
    theme::{self, CONTROL_RADIUS, Weight, palette, size, space},
    views::View,
    widgets::{Icon, focus_ring, form, icon, row},
};

/// Width of the labels, in points. A longer one goes over two lines.
const LABEL_WIDTH: f32 = 150.0;

/// Reports that a setting may have changed.
pub(super) fn changed(view: &mut View<'_>) {
    view.act(Action::Settings(SettingsAction::Changed));
}

/// Draws what is wrong with a field, below it.
pub(super) fn wrong(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).size(size::SMALL).color(palette(ui).bad)).wrap());
}

/// Draws the label before a control. All labels have the same width.
pub(super) fn label_ui(ui: &mut Ui, label: &str) {
    let font = theme::font(Weight::Regular, size::BODY);
    let galley = ui.painter().layout(label.to_owned(), font, palette(ui).text, LABEL_WIDTH);
    let height = galley.size().y.max(theme::CONTROL_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(vec2(LABEL_WIDTH, height), Sense::hover());
    let at = pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette(ui).text);
}

/// The field's id for the toolkit. It doesn't depend on the hints that come and go around the field while it is being
/// edited.
pub(super) fn field_id(ui: &Ui, label: &str) -> Id {
    ui.scope_id().with(label)
}

/// Draws a labelled text field; returns whether the keyboard has left it, so that its text may take effect.
pub(super) fn field(ui: &mut Ui, label: &str, text: &mut String, hint: &str, is_secret: bool) -> bool {
    let id = field_id(ui, label);
    ui.horizontal(|ui| {
        label_ui(ui, label);
        let width = ui.available_width().min(340.0);
        bare_field(ui, id, label, text, hint, is_secret, width)
    })
    .inner
}

/// Draws a text field without its label; returns whether the keyboard has left it.
pub(super) fn bare_field(
    ui: &mut Ui,
    id: Id,
    name: &str,
    text: &mut String,
    hint: &str,
    is_secret: bool,
    width: f32,
) -> bool {
    let edit = TextEdit::singleline(text)
        .id(id)
        .hint_text(RichText::new(hint).color(palette(ui).muted))
        .password(is_secret)
        .char_limit(300)
        .desired_width(width)
        .frame(form::field_frame(ui))
        .show(ui)
        .response
        .response;
    let value = if is_secret { "•".repeat(text.chars().count()) } else { text.clone() };
    edit.widget_info(|| WidgetInfo {
        label: Some(name.to_owned()),
        ..WidgetInfo::text_edit(true, &value, &value, hint)
    });
    focus_ring(ui, &edit, edit.rect, CONTROL_RADIUS);
    edit.lost_focus()
}

/// Draws what a setting means, below its control.
pub(super) fn hint_ui(ui: &mut Ui, text: &str) {
    // This puts it nearer to its own control than to the next one.
    ui.add_space(-space::S);
    ui.horizontal_top(|ui| {
        ui.add_space(LABEL_WIDTH + ui.spacing().item_spacing.x);
        let text = RichText::new(text).size(size::SMALL).color(palette(ui).muted);
        ui.add(Label::new(text).wrap());
    });
}

/// Draws a labelled list of choices; returns whether another one was chosen.
pub(super) fn choose<T: PartialEq + Copy>(
    ui: &mut Ui,
    label: &str,
    value: &mut T,
    choices: &[(T, String)],
) -> bool {
    let mut has_changed = false;
    ui.horizontal(|ui| {
        label_ui(ui, label);
        let text = choices.iter().find(|(choice, _)| choice == value).map_or("", |(_, text)| text);
        form::list(ui, label, label, text, 200.0, |ui| {
            for (choice, text) in choices {
                has_changed |= ui.selectable_value(value, *choice, text).changed();
            }
        });
    });
    has_changed
}

/// Draws a labelled slider.
pub(super) fn slider<N: Numeric>(
    ui: &mut Ui,
    label: &str,
    value: &mut N,
    range: std::ops::RangeInclusive<N>,
    step: f64,
    words: impl Fn(&N) -> String,
) -> Response {
    ui.horizontal(|ui| {
        label_ui(ui, label);
        form::slider(ui, label, value, range, step, words)
    })
    .inner
}

/// Draws the row of public relays, and whether they are in use.
pub(super) fn public_ui(ui: &mut Ui, name: &str, is_used: bool, view: &View<'_>) {
    let p = palette(ui);
    let (key, ink) = if is_used { ("set-in-use", p.ok) } else { ("set-not-in-use", p.muted) };
    framed(ui, |ui| {
        row(
            ui,
            24.0,
            |_| (),
            |ui| {
                icon(ui, Icon::Globe, size::ICON, p.muted);
                let font = theme::font(Weight::Medium, size::BODY);
                ui.add(Label::new(RichText::new(name).font(font)).truncate());
                ui.label(RichText::new(view.say(key)).size(size::SMALL).color(ink));
            },
        );
    });
}

/// Draws the frame of one entry of a list.
pub(super) fn framed(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    Frame::new()
        .stroke(Stroke::new(1.0, palette(ui).line))
        .corner_radius(CornerRadius::same(CONTROL_RADIUS + 2))
        .inner_margin(Margin::same(12))
        .show(ui, add);
}
