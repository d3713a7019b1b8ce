//! The left side, Send: the drop zone with its buttons, which is a strip while sends wait, and what covers the window while files are held over it.

use std::path::PathBuf;

use eframe::egui::{
    Align, Align2, CornerRadius, Id, LayerId, Layout, Order, Pos2, Rect, RichText, Shape, Stroke, Ui,
    UiBuilder, Vec2, vec2,
};

use super::{DropRects, DropTarget, View};
use crate::{
    app::{
        model::{action::Action, state::State},
        theme::{self, Weight, palette, size, space},
        widgets::{
            Button, Emphasis, Icon, block, disc, fitting, heading, icon, icon_button, line, muted, one_line,
            plain, row,
        },
    },
    engine::TaskId,
    transfer::show::Shown,
};

/// Height below which what takes a drop says only what the drop does, in points.
const LOW: f32 = 64.0;
/// Size of what says that a drop anywhere else is sent under a code, in points.
const HINT: Vec2 = vec2(420.0, 160.0);
/// Height of the strip that is left of the zone while sends wait, in points.
const STRIP: f32 = 56.0;
/// Height of the zone's words and buttons, in points, without the icon above them.
const CONTENT: f32 = 103.0;
/// Height of the zone's words and buttons, in points, with the icon above them.
const ROOMY_CONTENT: f32 = 187.0;

/// Draws the left side.
pub(super) fn send_side_ui(ui: &mut Ui, view: &mut View<'_>) {
    heading(ui, &view.say("send"));
    let rect = ui.available_rect_before_wrap();
    let p = palette(ui);
    ui.painter().rect_filled(rect, CornerRadius::same(theme::CARD_RADIUS), p.sunken);
    ui.painter().extend(dashes(rect.shrink(0.5), Stroke::new(1.2, p.edge)));
    let is_roomy = rect.height() > 220.0;
    ui.scope_builder(UiBuilder::new().max_rect(rect.shrink(space::M)), |ui| {
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            let content = if is_roomy { ROOMY_CONTENT } else { CONTENT };
            ui.add_space(((ui.available_height() - content) / 2.0).max(0.0));
            if is_roomy {
                disc(ui, Icon::FilePlus);
                ui.add_space(space::XS);
            }
            let font = theme::font(Weight::SemiBold, size::DISPLAY);
            ui.label(RichText::new(view.say("drop-here")).font(font).color(p.text));
            muted(ui, &view.say("drop-hint"));
            ui.add_space(space::XS);
            buttons_ui(ui, view);
        });
    });
}

fn buttons_ui(ui: &mut Ui, view: &mut View<'_>) {
    let (files, folder, paste) = (view.say("choose-files"), view.say("choose-folder"), view.say("paste"));
    let write = view.say("write-text");
    // The buttons are measured in the language in use, so that the row stands in the middle.
    let gaps = 3.0 * space::S + 1.0;
    let two = Button::width_of(ui, &files) + Button::width_of(ui, &folder) + gaps;
    let others = Button::width_of(ui, &paste) + Button::width_of(ui, &write);
    let is_tight = two + others > ui.available_width();
    let width = two + if is_tight { 2.0 * theme::CONTROL_HEIGHT } else { others };
    let room = vec2(width.min(ui.available_width()), theme::CONTROL_HEIGHT);
    ui.allocate_ui_with_layout(room, Layout::left_to_right(Align::Center), |ui| {
        if Button::new(Emphasis::Primary, &files).icon(Icon::File).ui(ui).clicked() {
            view.act(Action::PickFiles);
        }
        if Button::new(Emphasis::Secondary, &folder).icon(Icon::Folder).ui(ui).clicked() {
            view.act(Action::PickFolder);
        }
        let others = [(&paste, Icon::Clipboard, Action::Paste), (&write, Icon::Text, Action::WriteText)];
        for (text, sign, action) in others {
            let button = Button::new(Emphasis::Secondary, if is_tight { "" } else { text });
            if button.name(text).icon(sign).ui(ui).clicked() {
                view.act(action);
            }
        }
    });
}

/// Draws the drop zone as a strip, while sends wait below it.
pub(super) fn strip_ui(ui: &mut Ui, view: &mut View<'_>) {
    let rect = ui.available_rect_before_wrap();
    let rect = Rect::from_min_size(rect.min, vec2(rect.width(), STRIP));
    let p = palette(ui);
    ui.painter().rect_filled(rect, CornerRadius::same(theme::CARD_RADIUS), p.sunken);
    ui.painter().extend(dashes(rect.shrink(0.5), Stroke::new(1.2, p.edge)));
    let (files, text) = (view.say("choose-files"), view.say("drop-more"));
    ui.scope_builder(UiBuilder::new().max_rect(rect.shrink2(vec2(space::L, 0.0))), |ui| {
        let right = |ui: &mut Ui| {
            if Button::new(Emphasis::Secondary, &files).icon(Icon::File).ui(ui).clicked() {
                view.act(Action::PickFiles);
            }
            for (key, sign, action) in [
                ("choose-folder", Icon::Folder, Action::PickFolder),
                ("paste", Icon::Clipboard, Action::Paste),
                ("write-text", Icon::Text, Action::WriteText),
            ] {
                if icon_button(ui, sign, &view.say(key)).clicked() {
                    view.act(action);
                }
            }
        };
        row(ui, STRIP, right, |ui| {
            icon(ui, Icon::FilePlus, 20.0, p.accent);
            ui.add_space(space::XS);
            line(ui, &text, plain(size::BODY), p.text);
        });
    });
}

/// Covers the window while files are held over it, and says what a drop would do.
pub(super) fn overlay_ui(ui: &Ui, state: &State, view: &View<'_>, rects: &DropRects) {
    let p = palette(ui);
    let window = ui.ctx().content_rect();
    let painter = ui.ctx().layer_painter(LayerId::new(Order::Foreground, Id::unique("drop overlay")));
    let held_at = ui.input(|input| input.pointer.latest_pos());
    let target = held_at.and_then(|at| rects.iter().find(|(_, rect)| rect.contains(at)));
    let follows = |id: TaskId| state.cards.iter().any(|card| card.id == id && card.takes_more());
    let (area, text) = match target {
        Some((DropTarget::Person(id), rect)) => {
            let name = state.people.of(*id).map(|person| Shown(&person.name).to_string());
            let args = [("name", name.unwrap_or_default().into())];
            (*rect, view.words.tell("drop-to-person", &args))
        }
        Some((DropTarget::Transfer(id), rect)) if follows(*id) => (*rect, view.say("drop-to-follow")),
        Some((DropTarget::Transfer(_), rect)) => (*rect, view.say("drop-to-add")),
        None if rects.is_empty() => (window.shrink(space::S), view.say("drop-to-send")),
        None => {
            let size = vec2(HINT.x.min(window.width() - 2.0 * space::S), HINT.y);
            let top = window.center_top() + vec2(0.0, space::PAGE + size.y / 2.0);
            (Rect::from_center_size(top, size), view.say("drop-to-send"))
        }
    };
    let veil = if rects.is_empty() { 0.92 } else { 0.55 };
    painter.rect_filled(window, 0.0, p.page.gamma_multiply(veil));
    if target.is_none() {
        // What takes a drop for itself stays in sight.
        for (_, rect) in rects {
            painter.extend(dashes(*rect, Stroke::new(1.5, p.accent)));
        }
    }
    painter.rect_filled(area, CornerRadius::same(theme::CARD_RADIUS), p.accent_soft);
    painter.extend(dashes(area.shrink(1.0), Stroke::new(2.0, p.accent)));
    let centre = area.center();
    let is_low = area.height() < 150.0;
    if !is_low {
        let glyph = char::from(Icon::FilePlus);
        painter.text(centre - vec2(0.0, 46.0), Align2::CENTER_CENTER, glyph, theme::icons(40.0), p.accent);
    }
    let semi_bold = |size| theme::font(Weight::SemiBold, size);
    let fitted = fitting(ui, &text, semi_bold, size::DISPLAY, area.width() - 2.0 * space::S);
    // On the name of a person there is no room for more.
    let (galley, _) = one_line(ui, &text, semi_bold(fitted), p.text, area.width() - space::S);
    let is_lowest = area.height() < LOW;
    let at = if is_low && !is_lowest { centre - vec2(0.0, 12.0) } else { centre };
    painter.galley(at - galley.size() / 2.0, galley, p.text);
    if is_lowest {
        return;
    }
    let held = describe(&state.hovering, state.hover_count, view);
    let galley = block(ui, &held, &plain(size::BODY), p.muted, area.width() - 2.0 * space::PAGE);
    painter.galley(Pos2::new(centre.x - galley.size().x / 2.0, at.y + 20.0), galley, p.muted);
}

/// The names of the first files, and how many more there are.
fn describe(paths: &[PathBuf], count: usize, view: &View<'_>) -> String {
    const NAMED: usize = 3;
    let names = paths.iter().filter_map(|path| path.file_name()).take(NAMED);
    let names: Vec<String> = names.map(|name| Shown(&name.to_string_lossy()).to_string()).collect();
    match count.saturating_sub(names.len()) {
        0 => names.join(", "),
        _ if names.is_empty() => String::new(),
        more => view.words.tell("and-more", &[("names", names.join(", ").into()), ("count", more.into())]),
    }
}

/// A dashed line around `rect`, with the corners of a card.
fn dashes(rect: Rect, stroke: Stroke) -> Vec<Shape> {
    let radius = f32::from(theme::CARD_RADIUS);
    let corners = [
        (rect.right_top() + vec2(-radius, radius), -90.0_f32),
        (rect.right_bottom() + vec2(-radius, -radius), 0.0),
        (rect.left_bottom() + vec2(radius, -radius), 90.0),
        (rect.left_top() + vec2(radius, radius), 180.0),
    ];
    let mut points = Vec::new();
    for (centre, from) in corners {
        for step in 0..=6_u8 {
            let angle = (from + 15.0 * f32::from(step)).to_radians();
            points.push(centre + radius * vec2(angle.cos(), angle.sin()));
        }
    }
    points.extend(points.first().copied());
    Shape::dashed_line(&points, stroke, 6.0, 4.0)
}
