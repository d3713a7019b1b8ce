//! What can be clicked, and the ring around the control that has the keyboard.

use eframe::egui::{
    Color32, CornerRadius, CursorIcon, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2,
    vec2,
};

use super::{
    icons::{Icon, paint_icon},
    text::{one_line, tip},
};
use crate::app::theme::{self, CONTROL_HEIGHT, CONTROL_RADIUS, Palette, Weight, palette, size, space};

/// How much a button stands out among its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Emphasis {
    /// The one thing to do next.
    Primary,
    /// Something else that can be done.
    Secondary,
    /// Something on the side: it has no frame until the pointer is over it.
    Quiet,
}

/// Between the text of a button and its edges, in points.
const PADDING: f32 = 14.0;

/// A button with an optional icon. Its accessible name is its text unless it is given another one.
pub(in crate::app) struct Button<'a> {
    kind: Emphasis,
    icon: Option<Icon>,
    text: &'a str,
    /// Its accessible name, if the text alone doesn't say enough.
    name: Option<&'a str>,
    /// Its least width, in points.
    least: f32,
    is_wide: bool,
    is_left: bool,
    is_enabled: bool,
}

impl<'a> Button<'a> {
    pub(in crate::app) fn new(kind: Emphasis, text: &'a str) -> Self {
        Self {
            kind,
            icon: None,
            text,
            name: None,
            least: 0.0,
            is_wide: false,
            is_left: false,
            is_enabled: true,
        }
    }

    pub(in crate::app) fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Sets the accessible name, for example one that says which of many things the button acts on.
    pub(in crate::app) fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// Makes it at least this wide, in points, so that nothing beside it moves when its text changes.
    pub(in crate::app) fn at_least(mut self, width: f32) -> Self {
        self.least = width;
        self
    }

    /// How wide a button with an icon and this text is, in points.
    pub(in crate::app) fn width_of(ui: &Ui, text: &str) -> f32 {
        Self::width_without_icon(ui, text) + size::ICON + space::XS + 2.0
    }

    /// How wide a button with this text alone is, in points.
    pub(in crate::app) fn width_without_icon(ui: &Ui, text: &str) -> f32 {
        let font = theme::font(Weight::Medium, size::BODY);
        ui.painter().layout_no_wrap(text.to_owned(), font, Color32::WHITE).size().x + 2.0 * PADDING
    }

    /// Makes it as wide as the room that there is.
    pub(in crate::app) fn wide(mut self) -> Self {
        self.is_wide = true;
        self
    }

    /// Puts its text at the left, as in a list.
    pub(in crate::app) fn left(mut self) -> Self {
        self.is_left = true;
        self
    }

    pub(in crate::app) fn enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    pub(in crate::app) fn ui(self, ui: &mut Ui) -> Response {
        let colours = palette(ui);
        let font = theme::font(Weight::Medium, size::BODY);
        let padding = if self.text.is_empty() { 0.0 } else { PADDING };
        let icon_width = match (self.icon, self.text.is_empty()) {
            (None, _) => 0.0,
            (Some(_), true) => size::ICON,
            (Some(_), false) => size::ICON + space::XS + 2.0,
        };
        let room = (ui.available_width() - 2.0 * padding - icon_width).max(24.0);
        let (galley, is_cut) = one_line(ui, self.text, font, Color32::PLACEHOLDER, room);
        let content = icon_width + galley.size().x;
        let width = if self.text.is_empty() {
            CONTROL_HEIGHT
        } else if self.is_wide {
            ui.available_width()
        } else {
            (content + 2.0 * padding).max(self.least)
        };
        let sense = if self.is_enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(vec2(width, CONTROL_HEIGHT), sense);
        let name = self.name.unwrap_or(self.text);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, self.is_enabled, name));
        if ui.is_rect_visible(rect) {
            let (fill, edge, text) = self.colours(colours, &response);
            let radius = CornerRadius::same(CONTROL_RADIUS);
            ui.painter().rect(rect, radius, fill, Stroke::new(1.0, edge), StrokeKind::Inside);
            focus_ring(ui, &response, rect, CONTROL_RADIUS);
            let mut left = if self.is_left { rect.left() + padding } else { rect.center().x - content / 2.0 };
            if let Some(icon) = self.icon {
                let centre = pos2(left + size::ICON / 2.0, rect.center().y);
                paint_icon(ui, icon, centre, size::ICON, text);
                left += icon_width;
            }
            if !self.text.is_empty() {
                let at = pos2(left, rect.center().y - galley.size().y / 2.0);
                ui.painter().galley_with_override_text_color(at, galley, text);
            }
        }
        if self.text.is_empty() {
            // An icon alone needs its name as a tooltip too.
            return tip(response.on_hover_cursor(CursorIcon::PointingHand), name);
        }
        let response = if is_cut { tip(response, self.text) } else { response };
        response.on_hover_cursor(if self.is_enabled { CursorIcon::PointingHand } else { CursorIcon::Default })
    }

    fn colours(&self, p: &Palette, response: &Response) -> (Color32, Color32, Color32) {
        let (is_down, is_over) = (response.is_pointer_button_down_on(), response.hovered());
        let none = Color32::TRANSPARENT;
        if !self.is_enabled {
            return match self.kind {
                Emphasis::Quiet => (none, none, p.muted.gamma_multiply(0.6)),
                _ => (p.hover, none, p.muted.gamma_multiply(0.8)),
            };
        }
        match self.kind {
            Emphasis::Primary if is_down => (p.accent.gamma_multiply(0.8), none, p.on_accent),
            Emphasis::Primary if is_over => (p.accent.gamma_multiply(0.9), none, p.on_accent),
            Emphasis::Primary => (p.accent, none, p.on_accent),
            Emphasis::Secondary if is_down => (p.accent_soft, p.accent, p.text),
            Emphasis::Secondary if is_over => (p.hover, p.line, p.text),
            Emphasis::Secondary => (p.card, p.line, p.text),
            Emphasis::Quiet if is_down => (p.accent_soft, none, p.text),
            Emphasis::Quiet if is_over => (p.hover, none, p.text),
            Emphasis::Quiet => (none, none, p.muted),
        }
    }
}

/// Draws a button that is only an icon. `name` is its accessible name and its tooltip.
pub(in crate::app) fn icon_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    Button::new(Emphasis::Quiet, "").icon(icon).name(name).ui(ui)
}

/// Draws a word that can be clicked, in the accent colour.
pub(in crate::app) fn link(ui: &mut Ui, text: &str) -> Response {
    let font = theme::font(Weight::Medium, size::BODY - 0.5);
    let room = ui.available_width();
    let (galley, is_cut) = one_line(ui, text, font, Color32::PLACEHOLDER, room);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(0.0, 6.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), text));
    let colour = palette(ui).accent;
    let at = rect.min + vec2(0.0, 3.0);
    let underline = rect.bottom() - 3.0;
    ui.painter().galley_with_override_text_color(at, galley, colour);
    if response.hovered() {
        ui.painter().hline(rect.x_range(), underline, Stroke::new(1.0, colour));
    }
    focus_ring(ui, &response, rect, 4);
    let response = if is_cut { tip(response, text) } else { response };
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// Draws a word that shows or hides something. Screen readers tell whether it `is_open`.
pub(in crate::app) fn fold(ui: &mut Ui, is_open: bool, text: &str) -> Response {
    let response = link(ui, text);
    tell_expanded(&response, is_open);
    response
}

/// Lets screen readers tell whether what a control shows or hides `is_open`.
pub(in crate::app) fn tell_expanded(control: &Response, is_open: bool) {
    control.ctx.accesskit_node_builder(control.id, |node| node.set_expanded(is_open));
}

/// Gives a button an accessible name other than its text.
pub(in crate::app) fn named(button: Response, name: &str) -> Response {
    button.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    button
}

/// Scrolls until a control is in sight, and clear of the edge where what is cut off fades.
pub(in crate::app) fn bring_into_sight(ui: &Ui, rect: Rect) {
    ui.scroll_to_rect(rect.expand2(vec2(0.0, ui.spacing().scroll.fade.size)), None);
}

/// Draws a ring around the control if it has the keyboard, and brings it into sight if it has just got it.
pub(in crate::app) fn focus_ring(ui: &Ui, response: &Response, rect: Rect, radius: u8) {
    if response.has_focus() {
        if response.gained_focus() {
            bring_into_sight(ui, rect);
        }
        let stroke = Stroke::new(2.0, palette(ui).accent);
        let radius = CornerRadius::same(radius + 2);
        ui.painter().rect_stroke(rect.expand(2.0), radius, stroke, StrokeKind::Outside);
    }
}
