//! The small things that views are made of: buttons, cards, bars, the speed graph, the QR code. Each control has an
//! accessible name and shows the keyboard's focus.

pub(super) mod form;

use eframe::egui::{
    Align, AsIdSalt, Color32, CornerRadius, CursorIcon, FontId, Frame, Id, InnerResponse, Label, Layout,
    Margin, Mesh, Pos2, Rect, Response, RichText, Role, Sense, Shape, Stroke, StrokeKind, Style,
    TextWrapMode, Ui, UiBuilder, UiKind, UiStack, Vec2, WidgetInfo, WidgetText, pos2, vec2,
};
pub(super) use lucide_icons::Icon;

use super::{
    model::tone::Tone,
    theme::{self, CONTROL_HEIGHT, CONTROL_RADIUS, Palette, Weight, palette, size, space},
};

/// How much a button weighs among its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The one thing to do next.
    Primary,
    /// Something else to do.
    Secondary,
    /// Something on the side: no frame until the pointer is there.
    Quiet,
}

/// A button with an optional icon. Its accessible name is its text.
pub(super) struct Button<'a> {
    kind: Kind,
    icon: Option<Icon>,
    text: &'a str,
    /// What it is called where the text alone doesn't say it.
    name: Option<&'a str>,
    is_wide: bool,
    is_left: bool,
    is_enabled: bool,
}

impl<'a> Button<'a> {
    pub(super) fn new(kind: Kind, text: &'a str) -> Self {
        Self { kind, icon: None, text, name: None, is_wide: false, is_left: false, is_enabled: true }
    }

    pub(super) fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Another accessible name, such as one that says which of many things it acts on.
    pub(super) fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// Takes the width that there is.
    pub(super) fn wide(mut self) -> Self {
        self.is_wide = true;
        self
    }

    /// Its text stands at the left, as in a list.
    pub(super) fn left(mut self) -> Self {
        self.is_left = true;
        self
    }

    pub(super) fn enabled(mut self, is_enabled: bool) -> Self {
        self.is_enabled = is_enabled;
        self
    }

    pub(super) fn ui(self, ui: &mut Ui) -> Response {
        let colours = palette(ui);
        let font = theme::font(Weight::Medium, size::BODY);
        let padding = if self.text.is_empty() { 0.0 } else { 14.0 };
        let icon_width = match (self.icon, self.text.is_empty()) {
            (None, _) => 0.0,
            (Some(_), true) => size::ICON,
            (Some(_), false) => size::ICON + space::XS + 2.0,
        };
        let room = (ui.available_width() - 2.0 * padding - icon_width).max(24.0);
        let galley = WidgetText::from(RichText::new(self.text).font(font)).into_galley(
            ui,
            Some(TextWrapMode::Truncate),
            room,
            theme::font(Weight::Medium, size::BODY),
        );
        let content = icon_width + galley.size().x;
        let width = if self.text.is_empty() {
            CONTROL_HEIGHT
        } else if self.is_wide {
            ui.available_width()
        } else {
            content + 2.0 * padding
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
            // An icon alone needs its word for those who see it as well.
            return response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(name);
        }
        response.on_hover_cursor(if self.is_enabled { CursorIcon::PointingHand } else { CursorIcon::Default })
    }

    fn colours(&self, p: &Palette, response: &Response) -> (Color32, Color32, Color32) {
        let (is_down, is_over) = (response.is_pointer_button_down_on(), response.hovered());
        let none = Color32::TRANSPARENT;
        if !self.is_enabled {
            return match self.kind {
                Kind::Quiet => (none, none, p.muted.gamma_multiply(0.6)),
                _ => (p.hover, none, p.muted.gamma_multiply(0.8)),
            };
        }
        match self.kind {
            Kind::Primary if is_down => (p.accent.gamma_multiply(0.8), none, p.on_accent),
            Kind::Primary if is_over => (p.accent.gamma_multiply(0.9), none, p.on_accent),
            Kind::Primary => (p.accent, none, p.on_accent),
            Kind::Secondary if is_down => (p.accent_soft, p.accent, p.text),
            Kind::Secondary if is_over => (p.hover, p.line, p.text),
            Kind::Secondary => (p.card, p.line, p.text),
            Kind::Quiet if is_down => (p.accent_soft, none, p.text),
            Kind::Quiet if is_over => (p.hover, none, p.text),
            Kind::Quiet => (none, none, p.muted),
        }
    }
}

/// A button that is an icon; `name` is its accessible name and its tooltip.
pub(super) fn icon_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    Button::new(Kind::Quiet, "").icon(icon).name(name).ui(ui)
}

/// A word that can be clicked, in the accent colour.
pub(super) fn link(ui: &mut Ui, text: &str) -> Response {
    let font = theme::font(Weight::Medium, size::BODY - 0.5);
    let room = ui.available_width();
    let galley = WidgetText::from(RichText::new(text).font(font.clone())).into_galley(
        ui,
        Some(TextWrapMode::Truncate),
        room,
        font,
    );
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
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// Gives a button another accessible name than its text.
pub(super) fn named(button: Response, name: &str) -> Response {
    button.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    button
}

/// Shows which control the keyboard acts on.
pub(super) fn focus_ring(ui: &Ui, response: &Response, rect: Rect, radius: u8) {
    if response.has_focus() {
        let stroke = Stroke::new(2.0, palette(ui).accent);
        let radius = CornerRadius::same(radius + 2);
        ui.painter().rect_stroke(rect.expand(2.0), radius, stroke, StrokeKind::Outside);
    }
}

/// An icon for itself.
pub(super) fn icon(ui: &mut Ui, icon: Icon, points: f32, colour: Color32) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(points), Sense::hover());
    paint_icon(ui, icon, rect.center(), points, colour);
    response
}

/// Paints an icon around `centre`.
pub(super) fn paint_icon(ui: &Ui, icon: Icon, centre: Pos2, points: f32, colour: Color32) {
    let galley = ui.painter().layout_no_wrap(char::from(icon).to_string(), theme::icons(points), colour);
    // By what is drawn: the font's own lines fall on other pixels at every size.
    let at = centre - galley.mesh_bounds.center().to_vec2();
    ui.painter().galley(at, galley, colour);
}

/// A large sign on a tinted disc, over a few words in the middle of an empty place.
pub(super) fn disc(ui: &mut Ui, sign: Icon) {
    let p = palette(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(64.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 32.0, p.accent_soft);
    paint_icon(ui, sign, rect.center(), 28.0, p.accent);
}

/// A part whose controls stay themselves, with the keyboard on them, whatever comes and goes before it. `salt` is its own
/// among its neighbours.
pub(super) fn part<R>(ui: &mut Ui, salt: impl AsIdSalt, add: impl FnOnce(&mut Ui) -> R) -> R {
    let id = ui.scope_id().with(salt);
    ui.scope_builder(UiBuilder::new().scope_id(id), add).inner
}

/// A white sheet with a hairline.
pub(super) fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
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
pub(super) fn hairline(ui: &mut Ui) {
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(line.x_range(), line.center().y, Stroke::new(1.0, palette(ui).line));
}

/// The sheet of a dialog.
pub(super) fn dialog_frame(style: &Style) -> Frame {
    Frame::new()
        .fill(style.visuals.window_fill)
        .stroke(style.visuals.window_stroke)
        .corner_radius(style.visuals.window_corner_radius)
        .inner_margin(style.spacing.window_margin)
        .shadow(style.visuals.window_shadow)
}

/// Says what the dialog around `ui` is called: the toolkit can't know.
pub(super) fn name_dialog(ui: &Ui, name: &str) {
    let is_dialog = |part: &&UiStack| part.info.kind == Some(UiKind::Modal);
    if let Some(dialog) = ui.stack().iter().find(is_dialog) {
        ui.ctx().accesskit_node_builder(dialog.unique_id, |node| node.set_label(name));
    }
}

/// A tinted box for a word that must not be missed.
pub(super) fn tinted<R>(ui: &mut Ui, fill: Color32, add: impl FnOnce(&mut Ui) -> R) -> InnerResponse<R> {
    Frame::new()
        .fill(fill)
        .corner_radius(CornerRadius::same(CONTROL_RADIUS))
        .inner_margin(Margin::symmetric(space::M as i8, 10))
        .show(ui, add)
}

impl Tone {
    /// Its ground, its ink and its sign.
    pub(super) fn look(self, p: &Palette) -> (Color32, Color32, Icon) {
        match self {
            Self::Plain => (p.accent_soft, p.accent, Icon::Info),
            Self::Good => (p.ok_soft, p.ok, Icon::CircleCheck),
            Self::Warning => (p.warn_soft, p.warn, Icon::TriangleAlert),
            Self::Bad => (p.bad_soft, p.bad, Icon::CircleAlert),
        }
    }
}

/// A sentence that must not be missed, with its sign.
pub(super) fn note(ui: &mut Ui, tone: Tone, text: &str) {
    let (_, _, sign) = tone.look(palette(ui));
    signed_note(ui, tone, sign, text);
}

/// The same with another sign.
pub(super) fn signed_note(ui: &mut Ui, tone: Tone, sign: Icon, text: &str) {
    let (ground, ink, _) = tone.look(palette(ui));
    tinted(ui, ground, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            icon(ui, sign, size::ICON, ink);
            ui.add(Label::new(RichText::new(text).color(palette(ui).text)).wrap());
        });
    });
}

/// Text in the weight of a card's name.
pub(super) fn title(ui: &mut Ui, text: &str) -> Response {
    let font = theme::font(Weight::SemiBold, size::TITLE);
    ui.add(Label::new(RichText::new(text).font(font).color(palette(ui).text)).truncate())
}

/// A card's name with less important words after it, which keep their room when the name is long.
pub(super) fn title_with(ui: &mut Ui, text: &str, aside: &str) {
    let font = theme::font(Weight::Regular, size::SMALL);
    let aside_width = ui.painter().layout_no_wrap(aside.to_owned(), font, Color32::WHITE).size().x;
    let room = ui.available_width() - aside_width - 2.0 * ui.spacing().item_spacing.x;
    ui.scope(|ui| {
        ui.set_max_width(room.max(60.0));
        title(ui, text);
    });
    small(ui, aside);
}

/// A section's name.
pub(super) fn heading(ui: &mut Ui, text: &str) -> Response {
    let response = ui.add(Label::new(
        RichText::new(text).font(theme::font(Weight::SemiBold, size::HEADING)).color(palette(ui).text),
    ));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    response
}

/// Text of less weight; wraps.
pub(super) fn muted(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).color(palette(ui).muted)).wrap())
}

/// Small text of less weight, on one line.
pub(super) fn small(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).size(size::SMALL).color(palette(ui).muted)).truncate())
}

/// A progress bar. `fraction` is from 0 to 1; `None` while nobody knows how much there is.
pub(super) fn bar(ui: &mut Ui, fraction: Option<f32>, ink: Color32, name: &str) -> Response {
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), theme::BAR_HEIGHT), Sense::hover());
    response.widget_info(|| WidgetInfo {
        value: fraction.map(|fraction| f64::from((fraction * 100.0).floor())),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, name)
    });
    let radius = CornerRadius::same(3);
    ui.painter().rect_filled(rect, radius, palette(ui).line);
    let done = match fraction {
        Some(fraction) => {
            Rect::from_min_size(rect.min, vec2(rect.width() * fraction.clamp(0.0, 1.0), rect.height()))
        }
        None => Rect::from_center_size(rect.center(), vec2(rect.width() / 3.0, rect.height())),
    };
    if done.width() > 0.5 {
        ui.painter().rect_filled(done, radius, ink);
    }
    response
}

/// The last minute's speed: `samples` from oldest to newest, at most 60.
pub(super) fn graph(ui: &mut Ui, samples: &[f32], desired: Vec2, name: &str) -> Response {
    const SLOTS: usize = 60;
    let (rect, response) = ui.allocate_exact_size(desired, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let p = palette(ui);
    let top = samples.iter().copied().fold(1.0_f32, f32::max);
    let first = SLOTS.saturating_sub(samples.len());
    let at = |(index, sample): (usize, &f32)| {
        let x = rect.left() + rect.width() * (first + index) as f32 / (SLOTS - 1) as f32;
        pos2(x, rect.bottom() - 2.0 - (rect.height() - 6.0) * sample / top)
    };
    let line: Vec<Pos2> = samples.iter().enumerate().map(at).collect();
    // The ground that the minute stands on, also where nothing has been measured yet.
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, p.line));
    if line.len() < 2 {
        return response;
    }
    let mut area = Mesh::default();
    for point in &line {
        let strength = (rect.bottom() - point.y) / rect.height();
        area.colored_vertex(*point, p.accent.gamma_multiply(0.10 + 0.22 * strength));
        area.colored_vertex(pos2(point.x, rect.bottom()), p.accent.gamma_multiply(0.02));
    }
    for index in 0..(line.len() as u32 - 1) {
        let base = 2 * index;
        area.add_triangle(base, base + 1, base + 2);
        area.add_triangle(base + 1, base + 2, base + 3);
    }
    ui.painter().add(Shape::mesh(area));
    ui.painter().circle_filled(line[line.len() - 1], 2.5, p.accent);
    ui.painter().add(Shape::line(line, Stroke::new(1.5, p.accent)));
    response
}

/// How wide and high a QR code is with its quiet zone: as near to `most` as whole pixels for each module allow, so that
/// no seams show between them.
pub(super) fn qr_side(ui: &Ui, modules: &[Vec<bool>], most: f32) -> f32 {
    qr_module(ui, modules, most) * (modules.len() + 2 * QR_QUIET) as f32
}

/// The white modules around a QR code that readers ask for.
const QR_QUIET: usize = 4;

fn qr_module(ui: &Ui, modules: &[Vec<bool>], most: f32) -> f32 {
    let scale = ui.pixels_per_point();
    (most * scale / (modules.len() + 2 * QR_QUIET) as f32).floor().max(1.0) / scale
}

/// A QR code, black on white whatever the appearance, so that every reader takes it. `modules` are its rows.
pub(super) fn qr(ui: &mut Ui, modules: &[Vec<bool>], most: f32, name: &str) -> Response {
    let side = qr_side(ui, modules, most);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let painter = ui.painter();
    let edge = Stroke::new(1.0, palette(ui).line);
    painter.rect(rect, CornerRadius::same(CONTROL_RADIUS), Color32::WHITE, edge, StrokeKind::Inside);
    let scale = ui.pixels_per_point();
    let module = qr_module(ui, modules, most);
    let from = rect.center() - Vec2::splat(module * modules.len() as f32 / 2.0);
    let from = (from.to_vec2() * scale).round() / scale;
    let mut mesh = Mesh::default();
    for (y, row) in modules.iter().enumerate() {
        let mut x = 0;
        while x < row.len() {
            let run = row[x..].iter().take_while(|dark| **dark).count();
            if run > 0 {
                let min = from + vec2(x as f32, y as f32) * module;
                mesh.add_colored_rect(
                    Rect::from_min_size(min.to_pos2(), vec2(run as f32, 1.0) * module),
                    Color32::BLACK,
                );
            }
            x += run.max(1);
        }
    }
    painter.add(Shape::mesh(mesh));
    response
}

/// A row with controls at its right end, which keep their room. The keyboard and a screen reader come to them last and from
/// left to right, as a person reads. So they are drawn last, where they ended before; where they turn out to be wider or
/// narrower the page is laid out once more.
pub(super) fn row<L>(
    ui: &mut Ui,
    height: f32,
    right: impl FnOnce(&mut Ui),
    left: impl FnOnce(&mut Ui) -> L,
) -> L {
    let own = ui.next_auto_id().with("right end");
    // Rows of one list are alike, so one that is scrolled into sight mostly needs no second layout.
    let alike = Id::unique(("right end of a row", height.to_bits()));
    let before = ui.data(|data| data.get_temp(own).or_else(|| data.get_temp(alike))).unwrap_or(Vec2::ZERO);
    let gap = if before.x > 0.0 { ui.spacing().item_spacing.x } else { 0.0 };
    // Both ends have one middle, also where the controls are higher than the row was to be.
    let height = height.max(before.y);
    let size = vec2(ui.available_width(), height);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_height(height);
        let whole = Rect::from_min_size(ui.min_rect().min, size);
        let room = vec2((size.x - before.x - gap).max(0.0), height);
        let done = ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(room);
            left(ui)
        });
        // It may be wider this time, so its place is open to the right.
        let end = whole.translate(vec2(size.x - before.x, 0.0));
        let shown = ui.scope_builder(UiBuilder::new().max_rect(end), right);
        let now = shown.response.rect.size();
        ui.data_mut(|data| {
            data.insert_temp(own, now);
            data.insert_temp(alike, now);
        });
        if (now - before).abs().max_elem() > 0.5 {
            ui.ctx().request_discard("the right end of a row has another size");
        }
        done.inner
    })
    .inner
}

/// A row with words at its right end, which keep their room whatever they are. There is nothing to reach in them.
pub(super) fn row_of_words<L>(
    ui: &mut Ui,
    height: f32,
    right: impl FnOnce(&mut Ui),
    left: impl FnOnce(&mut Ui) -> L,
) -> L {
    let size = vec2(ui.available_width(), height);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), |ui| {
        ui.set_min_height(height);
        right(ui);
        let room = vec2(ui.available_width(), height);
        ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(room);
            left(ui)
        })
        .inner
    })
    .inner
}

/// The largest size, up to `most`, at which `text` fits into `width` on one line.
pub(super) fn fitting(ui: &Ui, text: &str, font: impl Fn(f32) -> FontId, most: f32, width: f32) -> f32 {
    let full = ui.painter().layout_no_wrap(text.to_owned(), font(most), Color32::WHITE).size().x;
    if full <= width { most } else { (most * width / full).floor().max(10.0) }
}

/// A square behind an icon, such as a file's in a list.
pub(super) fn tile(ui: &mut Ui, sign: Icon, badge: Option<(Icon, Color32)>) {
    const SIDE: f32 = 42.0;
    let p = palette(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
    let radius = CornerRadius::same(CONTROL_RADIUS + 1);
    ui.painter().rect(rect, radius, p.sunken, Stroke::new(1.0, p.line), StrokeKind::Inside);
    paint_icon(ui, sign, rect.center(), 20.0, p.muted);
    if let Some((sign, colour)) = badge {
        let centre = rect.right_bottom() - Vec2::splat(4.0);
        ui.painter().circle(centre, 9.0, colour, Stroke::new(2.0, p.card));
        let ink = if ui.visuals().dark_mode { p.card } else { Color32::WHITE };
        paint_icon(ui, sign, centre, 11.0, ink);
    }
}
