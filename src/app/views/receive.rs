//! The right side, Receive: the code field with its completions, the repair of slips, and the folder to save to.

use eframe::egui::{
    Align2, Area, Color32, CornerRadius, Event, EventFilter, FontSelection, Frame, Id, Key, Label, Margin,
    Modifiers, Order, Rect, Response, RichText, Role, Sense, Stroke, StrokeKind, TextEdit, Ui, WidgetInfo,
    pos2, text::CCursor, text_selection::CCursorRange, vec2,
};

use super::{View, unfinished};
use crate::{
    app::{
        explain,
        model::{
            action::Action,
            code_field::{CodeField, Reading},
            state::State,
        },
        theme::{self, Weight, palette, size, space},
        widgets::{
            Button, Emphasis, Icon, fitting, hairline, heading, icon, line, link, muted, named, part, plain,
            row, small, small_paragraph, tip,
        },
        words::shown_path,
    },
    engine::FoundCode,
    transfer::show::Shown,
};

/// The code field's id, with which the window gives it the keyboard.
pub(in crate::app) fn field_id() -> Id {
    Id::unique("code field")
}

/// Draws the right side. Where there is little room, it is the field and its button, unless a transfer is to be resumed.
pub(super) fn receive_side_ui(ui: &mut Ui, state: &mut State, is_tight: bool, view: &mut View<'_>) {
    let is_tight = is_tight && state.unfinished.resume.is_none();
    let text = view.say("receive-button");
    let receive = || Button::new(Emphasis::Primary, &text).icon(Icon::Download);
    let mut wants = false;
    let edit = if is_tight {
        // The button is drawn beside the field, before what has just been typed is read.
        let could = state.field.read().can_receive();
        let edit = row(
            ui,
            FIELD_HEIGHT,
            |ui| wants = receive().enabled(could).ui(ui).clicked(),
            |ui| field_ui(ui, &mut state.field, view),
        );
        if state.field.read().can_receive() != could {
            ui.ctx().request_discard("what is typed has become a code, or no longer is one");
        }
        edit
    } else {
        heading(ui, &view.say("receive"));
        part(ui, "hint", |ui| match &state.unfinished.resume {
            None => {
                muted(ui, &view.say("receive-hint"));
            }
            Some(resume) => unfinished::resume_ui(ui, resume, &state.save_folder, view),
        });
        field_ui(ui, &mut state.field, view)
    };
    if state.field.wants_sight {
        // The keyboard may have come here from far below. What has to be typed is said above the field, so all of it
        // is brought into sight.
        ui.scroll_to_rect(ui.min_rect(), None);
    }
    part(ui, "server", |ui| server_ui(ui, &state.field, view));
    let reading = state.field.read();
    wants |= edit.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    match &reading {
        Reading::Slip { word, repaired } => slip_ui(ui, word, &repaired.to_string(), view),
        Reading::Croc(found) => croc_ui(ui, found, view),
        Reading::Wrong(error) => {
            ui.add(Label::new(RichText::new(explain::code(view.words, error)).color(palette(ui).bad)).wrap());
        }
        _ if is_tight => {}
        _ => {
            ui.add_space(space::XS);
        }
    }
    if !is_tight {
        wants |= receive().wide().enabled(reading.can_receive()).ui(ui).clicked();
    }
    if wants {
        match reading {
            Reading::Code(_) | Reading::Either(..) | Reading::Croc(_) => view.act(Action::Receive),
            // The first Enter repairs a slip, the second one receives.
            Reading::Slip { repaired, .. } => view.act(Action::FillCode(repaired.to_string())),
            Reading::Empty => {}
            Reading::Typing | Reading::Wrong(_) => {
                state.field.was_tried = true;
                // Enter has taken the keyboard from the field, and the text has to be corrected.
                edit.request_focus();
            }
        }
    }
    destination_ui(ui, state, view);
    steps_ui(ui, view);
}

/// Draws how receiving works, in the room that is left while there are no transfers.
fn steps_ui(ui: &mut Ui, view: &View<'_>) {
    const ROOM: f32 = 190.0;
    const DISC: f32 = 22.0;
    if ui.available_height() < ROOM {
        return;
    }
    let p = palette(ui);
    ui.add_space(space::S);
    hairline(ui);
    ui.add_space(space::S);
    for (number, key) in ["step-code", "step-type", "step-accept"].into_iter().enumerate() {
        ui.horizontal_top(|ui| {
            let (disc, _) = ui.allocate_exact_size(vec2(DISC, DISC), Sense::hover());
            ui.painter().circle_filled(disc.center(), DISC / 2.0, p.accent_soft);
            let font = theme::font(Weight::SemiBold, size::SMALL);
            let digit = (number + 1).to_string();
            ui.painter().text(disc.center(), Align2::CENTER_CENTER, digit, font, p.accent);
            ui.vertical(|ui| {
                ui.add_space(2.0);
                muted(ui, &view.say(key));
            });
        });
    }
}

/// Draws the relay of an invite link, of which only the code stands in the field.
fn server_ui(ui: &mut Ui, field: &CodeField, view: &mut View<'_>) {
    let Some(server) = &field.server else { return };
    let forget = view.say("server-forget");
    let named = view.words.tell("path-relay", &[("relay", server.as_str().into())]);
    let mut forgets = false;
    row(
        ui,
        24.0,
        |ui| forgets = link(ui, &forget).clicked(),
        |ui| {
            icon(ui, Icon::Link, 16.0, palette(ui).muted);
            small(ui, &named);
        },
    );
    if forgets {
        view.act(Action::ForgetServer);
    }
}

/// Draws whose code it is, and the relay that the line around it named.
fn croc_ui(ui: &mut Ui, found: &FoundCode, view: &View<'_>) {
    let relay = found.relay.as_ref().map(|relay| {
        let relay = Shown(relay).to_string();
        view.words.tell("path-relay", &[("relay", relay.into())])
    });
    let text = std::iter::once(view.say("croc-code")).chain(relay).collect::<Vec<_>>().join(" · ");
    small_paragraph(ui, &text);
}

fn slip_ui(ui: &mut Ui, word: &str, repaired: &str, view: &mut View<'_>) {
    let text = view.words.tell("slip", &[("word", word.into())]);
    let ink = palette(ui).warn;
    line(ui, &text, plain(size::BODY), ink);
    let offer = view.words.tell("slip-take", &[("code", repaired.into())]);
    if link(ui, &offer).clicked() {
        view.act(Action::FillCode(repaired.to_owned()));
    }
}

fn destination_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    ui.horizontal(|ui| {
        icon(ui, Icon::FolderDown, 16.0, palette(ui).muted);
        small(ui, &view.say("save-to"));
        let resume = state.unfinished.resume.as_ref();
        if let Some(resume) = resume.filter(|resume| resume.folder() != state.save_folder) {
            // What has arrived would not be found in another folder, so it can't be changed.
            small(ui, &shown_path(resume.folder()));
            return;
        }
        let shown = shown_path(&state.save_folder);
        let name = format!("{}: {shown}", view.say("save-to-change"));
        if tip(named(link(ui, &shown), &name), &view.say("save-to-change")).clicked() {
            view.act(Action::PickDestination(None));
        }
    });
}

/// Height of the field, in points.
const FIELD_HEIGHT: f32 = 46.0;
/// Distance of the code from the edges of its field to the left and right, in points.
const FIELD_INSET: f32 = 13.0;
/// Distance of the code from the edges of its field above and below, in points.
const FIELD_INSET_Y: f32 = 11.0;

fn field_ui(ui: &mut Ui, field: &mut CodeField, view: &View<'_>) -> Response {
    let id = field_id();
    let has_focus = ui.memory(|memory| memory.has_focus(id));
    let offered = if has_focus { field.completions() } else { Vec::new() };
    let mut taken: Option<&'static str> = None;
    if !offered.is_empty() {
        ui.input_mut(|input| {
            if !input.modifiers.shift && input.consume_key(Modifiers::NONE, Key::Tab) {
                taken = offered.get(field.chosen).copied();
            }
            if input.consume_key(Modifiers::NONE, Key::ArrowDown) {
                field.choose_next(false);
            }
            if input.consume_key(Modifiers::NONE, Key::ArrowUp) {
                field.choose_next(true);
            }
            if input.consume_key(Modifiers::NONE, Key::Escape) {
                field.is_closed = true;
            }
        });
    }
    let p = palette(ui);
    // The font of a long code shrinks a little before the code no longer fits.
    let room = ui.available_width() - 2.0 * FIELD_INSET - 4.0;
    let example = view.say("code-example");
    let shown = if field.text.is_empty() { &example } else { &field.text };
    let points = fitting(ui, shown, theme::mono, size::FIELD, room).max(size::BODY);
    let font = theme::mono(points);
    // A smaller font leaves the field its height, so that nothing below it moves.
    let [full, now] =
        [theme::mono(size::FIELD), font.clone()].map(|font| ui.fonts_mut(|fonts| fonts.row_height(&font)));
    let inset = (FIELD_INSET_Y + (full - now) / 2.0).round();
    let filter = EventFilter {
        // Shift and Tab lead back, as everywhere.
        tab: !offered.is_empty() && !ui.input(|input| input.modifiers.shift),
        horizontal_arrows: true,
        vertical_arrows: !offered.is_empty(),
        escape: !offered.is_empty(),
    };
    let frame = Frame::new()
        .fill(p.sunken)
        .stroke(Stroke::new(1.0, p.edge))
        .corner_radius(CornerRadius::same(theme::CONTROL_RADIUS))
        .inner_margin(Margin::symmetric(FIELD_INSET as i8, inset as i8));
    let name = view.say("code");
    let mut output = TextEdit::singleline(&mut field.text)
        .id(id)
        .font(FontSelection::FontId(font.clone()))
        .hint_text(RichText::new(&example).font(font.clone()).color(p.muted.gamma_multiply(0.75)))
        .desired_width(f32::INFINITY)
        .char_limit(crate::code::MAX_INPUT_BYTES)
        .event_filter(filter)
        .frame(frame)
        .show(ui);
    let response = output.response.response.clone();
    if has_focus {
        // Painted over the frame, which a thicker line would make larger.
        let (edge, radius) = (Stroke::new(1.5, p.accent), CornerRadius::same(theme::CONTROL_RADIUS));
        ui.painter().rect_stroke(response.rect, radius, edge, StrokeKind::Inside);
    }
    let text = field.text.clone();
    response.widget_info(|| WidgetInfo {
        label: Some(name.clone()),
        ..WidgetInfo::text_edit(true, &text, &text, "")
    });
    if response.changed() {
        // What is typed, however fast, may go on.
        if ui.input(|input| input.events.iter().any(|event| matches!(event, Event::Paste(_)))) {
            field.take_link();
        }
        field.edited();
    }
    if let Some(range) = field.selects.take() {
        let [start, end] = [range.start, range.end].map(CCursor::new);
        output.state.cursor.set_char_range(Some(CCursorRange::two(start, end)));
        output.state.clone().store(ui.ctx(), id);
    }
    // What Tab would add is shown behind what is typed.
    if let Some(word) = offered.get(field.chosen).filter(|_| taken.is_none()) {
        let rest: String = word.chars().skip(field.typed_letters()).collect();
        let end = output.galley_pos + vec2(output.galley.size().x, 0.0);
        let room = Rect::from_min_max(end, pos2(response.rect.right() - 12.0, response.rect.bottom()));
        ui.painter().with_clip_rect(room).text(end, Align2::LEFT_TOP, rest, font, p.muted);
    }
    let clicked = completions_ui(ui, field, &offered, response.rect, view);
    if let Some(word) = clicked.or(taken) {
        field.take(word);
        let end = CCursorRange::one(CCursor::new(field.text.chars().count()));
        let mut state = output.state;
        state.cursor.set_char_range(Some(end));
        state.store(ui.ctx(), id);
        response.request_focus();
    }
    response
}

/// Draws the list of completions below the field; returns the word that was clicked.
fn completions_ui(
    ui: &Ui,
    field: &CodeField,
    offered: &[&'static str],
    below: Rect,
    view: &View<'_>,
) -> Option<&'static str> {
    if offered.is_empty() {
        return None;
    }
    let p = palette(ui);
    let mut clicked = None;
    let area = Area::new(Id::unique("completions"))
        .order(Order::Foreground)
        .fixed_pos(below.left_bottom() + vec2(0.0, 6.0));
    area.show(ui.ctx(), |ui| {
        Frame::popup(ui.style()).inner_margin(Margin::same(6)).fill(p.card).show(ui, |ui| {
            ui.set_width(below.width() - 14.0);
            ui.spacing_mut().item_spacing.y = 2.0;
            for (index, word) in offered.iter().enumerate() {
                let is_chosen = index == field.chosen;
                let (rect, response) =
                    ui.allocate_exact_size(vec2(ui.available_width(), 30.0), Sense::click());
                let name = view.words.tell("completion", &[("word", (*word).into())]);
                response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, is_chosen, &name));
                if is_chosen || response.hovered() {
                    let fill = if is_chosen { p.accent_soft } else { p.hover };
                    ui.painter().rect(rect, CornerRadius::same(7), fill, Stroke::NONE, StrokeKind::Inside);
                }
                let left = rect.left_center() + vec2(10.0, 0.0);
                let typed = field.typed_letters().min(word.len());
                let font = theme::mono(15.0);
                let head = ui.painter().layout_no_wrap(word[..typed].to_owned(), font.clone(), p.accent);
                let tail = ui.painter().layout_no_wrap(word[typed..].to_owned(), font, p.text);
                let at = left - vec2(0.0, head.size().y / 2.0);
                let tail_at = at + vec2(head.size().x, 0.0);
                ui.painter().galley(at, head, Color32::PLACEHOLDER);
                ui.painter().galley(tail_at, tail, Color32::PLACEHOLDER);
                if is_chosen {
                    let font = theme::font(Weight::Medium, size::SMALL);
                    let at = rect.right_center() - vec2(10.0, 0.0);
                    ui.painter().text(at, Align2::RIGHT_CENTER, view.say("key-tab"), font, p.muted);
                }
                if response.clicked() {
                    clicked = Some(*word);
                }
            }
        });
    });
    clicked
}
