//! The people that the user has remembered: a button for each, which sends to that person and takes drops; and the dialogs of what
//! is set for one, and before one is forgotten.

use eframe::egui::{
    Color32, Context, CornerRadius, CursorIcon, Id, Modal, Rect, Role, Sense, Stroke, StrokeKind, TextEdit,
    Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::{DropRects, DropTarget, View, confirmation::Confirmation, take_keyboard_of_dialog};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, Dialog, PersonAction},
            card::Card,
            state::State,
            tone::Tone,
        },
        theme::{self, CONTROL_RADIUS, Palette, Weight, palette, size, space},
        widgets::{
            Button, Emphasis, Icon, dialog_frame, face, focus_ring, form, heading, icon_button, link, muted,
            name_dialog, note, one_line, paint_face, part, plain, row, small, small_paragraph,
        },
        words::shown_path,
    },
    engine::{MAX_NAME_CHARS, PairId, Presence},
    people::Person,
    transfer::show::Shown,
};

/// Least width of a person's button, in points.
const WIDTH: f32 = 220.0;
/// Height of a person's button, in points.
const HEIGHT: f32 = 52.0;
/// Height of the heading, in points.
const HEAD: f32 = 28.0;

/// How high the section is at this width, in points; 0 if nobody is remembered.
pub(super) fn height(state: &State, width: f32, gap: f32) -> f32 {
    match state.people.all().len() {
        0 => 0.0,
        count => {
            let lines = count.div_ceil(columns(width, gap)) as f32;
            space::L + HEAD + lines * (HEIGHT + gap) + gap + space::S
        }
    }
}

fn columns(width: f32, gap: f32) -> usize {
    (((width + gap) / (WIDTH + gap)) as usize).max(1)
}

/// Draws the section.
pub(super) fn people_ui(ui: &mut Ui, state: &State, view: &mut View<'_>, rects: &mut DropRects) {
    let people = state.people.all();
    let (name, hint) = (view.say("people"), view.say("people-hint"));
    row(
        ui,
        HEAD,
        |_| (),
        |ui| {
            heading(ui, &name);
            ui.add_space(space::S);
            small(ui, &hint);
        },
    );
    let gap = ui.spacing().item_spacing.y;
    let columns = columns(ui.available_width(), gap);
    let width = (ui.available_width() - gap * (columns - 1) as f32) / columns as f32;
    for line in people.chunks(columns) {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for person in line {
                let id = person.pair.id();
                let rect = part(ui, id.0, |ui| button_ui(ui, person, width, state, view));
                if !person.is_blocked {
                    rects.push((DropTarget::Person(id), rect));
                }
            }
        });
    }
    ui.add_space(space::S);
}

/// Draws a person: a button that asks for files, and one at its end that leads to everything else.
fn button_ui(ui: &mut Ui, person: &Person, width: f32, state: &State, view: &mut View<'_>) -> Rect {
    const FACE: f32 = 32.0;
    let p = palette(ui);
    let id = person.pair.id();
    let name = Shown(&person.name).to_string();
    let (status, dot) = status(p, person, state.people.presence(id), view);
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    let spoken = view.words.tell(
        if person.is_blocked { "person-open-named" } else { "person-send-named" },
        &[("name", name.as_str().into())],
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, format!("{spoken}, {status}")));
    let fill = if response.hovered() { p.hover } else { p.card };
    let radius = CornerRadius::same(CONTROL_RADIUS + 2);
    ui.painter().rect(rect, radius, fill, Stroke::new(1.0, p.line), StrokeKind::Inside);
    focus_ring(ui, &response, rect, CONTROL_RADIUS + 2);
    let left = rect.left() + space::S + FACE / 2.0;
    paint_face(ui, &person.name, pos2(left, rect.center().y), FACE);
    let text_left = left + FACE / 2.0 + space::S;
    let room = rect.right() - theme::CONTROL_HEIGHT - space::S - text_left;
    let ink = if person.is_blocked { p.muted } else { p.text };
    let line = |ui: &Ui, text: &str, font, ink: Color32, top: f32, inset: f32| {
        let (galley, _) = one_line(ui, text, font, ink, room - inset);
        ui.painter().galley(pos2(text_left + inset, top), galley, ink);
    };
    line(ui, &name, theme::font(Weight::Medium, size::BODY), ink, rect.top() + 8.0, 0.0);
    ui.painter().circle_filled(pos2(text_left + 4.0, rect.bottom() - 16.0), 4.0, dot);
    line(ui, &status, plain(size::SMALL), p.muted, rect.bottom() - 24.0, 14.0);
    if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
        view.act(if person.is_blocked {
            Action::Person(id, PersonAction::Open)
        } else {
            Action::Person(id, PersonAction::PickFiles)
        });
    }
    let side = theme::CONTROL_HEIGHT;
    let end =
        Rect::from_center_size(pos2(rect.right() - side / 2.0 - 6.0, rect.center().y), vec2(side, side));
    let open = view.words.tell("person-more-named", &[("name", name.into())]);
    ui.scope_builder(UiBuilder::new().max_rect(end), |ui| {
        if part(ui, "more", |ui| icon_button(ui, Icon::Ellipsis, &open)).clicked() {
            view.act(Action::Person(id, PersonAction::Open));
        }
    });
    rect
}

/// Where a person can be reached, in a word, and the colour that stands for it.
fn status(p: &Palette, person: &Person, presence: Option<Presence>, view: &View<'_>) -> (String, Color32) {
    let (key, colour) = match presence {
        _ if person.is_blocked => ("person-blocked", p.edge),
        None => ("person-sought", p.edge),
        Some(Presence::Nearby) => ("person-nearby", p.ok),
        Some(Presence::Reachable) => ("person-reachable", p.ok),
        Some(Presence::Away) => ("person-away", p.edge),
    };
    (view.say(key), colour)
}

/// Draws what can be done with a person, and what is set for it.
pub(in crate::app) fn person_ui(ctx: &Context, state: &mut State, view: &mut View<'_>) {
    let Some(person) = state.people.opened().cloned() else { return };
    let id = person.pair.id();
    let name = Shown(&person.name).to_string();
    let refused = state.people.refused.clone();
    let shown = Modal::new(Id::unique("person")).frame(dialog_frame(&ctx.global_style())).show(ctx, |ui| {
        ui.set_width((ctx.content_rect().width() - 64.0).min(460.0));
        name_dialog(ui, &name);
        let close = view.say("close");
        let mut closes = false;
        let right = |ui: &mut Ui| {
            let button = icon_button(ui, Icon::X, &close);
            take_keyboard_of_dialog(state, &button);
            closes = button.clicked();
        };
        row(ui, 36.0, right, |ui| {
            face(ui, &person.name, 28.0);
            heading(ui, &name);
        });
        if !person.is_blocked {
            part(ui, "send", |ui| sending_ui(ui, id, view));
        }
        ui.add_space(space::S);
        part(ui, "name", |ui| name_ui(ui, &person, &mut state.people.draft, view));
        if let Some(refused) = &refused {
            note(ui, Tone::Bad, refused);
        }
        ui.add_space(space::XS);
        part(ui, "trust", |ui| trust_ui(ui, &person, view));
        let mut is_blocked = person.is_blocked;
        if form::switch(ui, &mut is_blocked, &view.say("person-block")) {
            view.act(Action::Person(id, PersonAction::Block(is_blocked)));
        }
        form::switch_hint(ui, &view.say("person-block-means"));
        ui.add_space(space::S);
        let forget = view.say("person-forget");
        if Button::new(Emphasis::Secondary, &forget).icon(Icon::Trash2).ui(ui).clicked() {
            view.act(Action::Person(id, PersonAction::AskForget));
        }
        closes
    });
    if shown.inner || shown.should_close() {
        view.act(Action::Show(None));
    }
}

/// Draws what can be sent to a person.
fn sending_ui(ui: &mut Ui, id: PairId, view: &mut View<'_>) {
    ui.horizontal_wrapped(|ui| {
        for (key, sign, kind, action) in [
            ("choose-files", Icon::File, Emphasis::Primary, Action::Person(id, PersonAction::PickFiles)),
            (
                "choose-folder",
                Icon::Folder,
                Emphasis::Secondary,
                Action::Person(id, PersonAction::PickFolder),
            ),
            ("write-text", Icon::Text, Emphasis::Secondary, Action::Person(id, PersonAction::WriteText)),
        ] {
            if Button::new(kind, &view.say(key)).icon(sign).ui(ui).clicked() {
                view.act(Action::Show(None));
                view.act(action);
            }
        }
    });
}

/// Draws what the user calls a person.
fn name_ui(ui: &mut Ui, person: &Person, draft: &mut String, view: &mut View<'_>) {
    let label = view.say("person-name");
    small(ui, &label);
    let edit = TextEdit::singleline(draft)
        .id(Id::unique("name of a person"))
        .char_limit(2 * MAX_NAME_CHARS)
        .desired_width(f32::INFINITY)
        .frame(form::field_frame(ui))
        .show(ui)
        .response
        .response;
    let value = draft.clone();
    edit.widget_info(|| WidgetInfo {
        label: Some(label.clone()),
        ..WidgetInfo::text_edit(true, &value, &value, "")
    });
    focus_ring(ui, &edit, edit.rect, CONTROL_RADIUS);
    if edit.lost_focus() && draft.trim() != person.name {
        view.act(Action::Person(person.pair.id(), PersonAction::Rename(draft.clone())));
    }
}

/// Draws whether what a person sends is received without asking, and into which folder.
fn trust_ui(ui: &mut Ui, person: &Person, view: &mut View<'_>) {
    let id = person.pair.id();
    let mut is_trusted = person.trusted_folder.is_some();
    if form::switch(ui, &mut is_trusted, &view.say("person-trust")) {
        view.act(if is_trusted {
            Action::Person(id, PersonAction::PickTrusted)
        } else {
            Action::Person(id, PersonAction::AlwaysAsk)
        });
    }
    match &person.trusted_folder {
        Some(folder) => {
            let text = view.words.tell("saving-in", &[("folder", shown_path(folder).into())]);
            let change = view.say("person-trust-change");
            let mut changes = false;
            row(
                ui,
                24.0,
                |ui| changes = link(ui, &change).clicked(),
                |ui| {
                    small(ui, &text);
                },
            );
            if changes {
                view.act(Action::Person(id, PersonAction::PickTrusted));
            }
        }
        None => {
            form::switch_hint(ui, &view.say("person-trust-means"));
        }
    }
}

/// Draws the question before a person is forgotten.
pub(in crate::app) fn forget_ui(ctx: &Context, state: &State, view: &mut View<'_>) {
    let Some(person) = state.people.opened() else { return };
    let id = person.pair.id();
    let args = [("name", Shown(&person.name).to_string().into())];
    let (text, means) = (view.words.tell("person-forget-question", &args), view.say("person-forget-means"));
    let (keep, act) = (view.say("person-keep"), view.say("person-forget"));
    let question = Confirmation {
        id: "forget person",
        width: 400.0,
        text: &text,
        keep: (&keep, Action::Show(Some(Dialog::Person))),
        act: (&act, Some(Icon::Trash2), Action::Person(id, PersonAction::Forget)),
    };
    question.ui(ctx, view, |ui| {
        muted(ui, &means);
    });
}

/// Draws whether the other side of a transfer is to be remembered, or that it is.
pub(super) fn remember_ui(ui: &mut Ui, card: &Card, state: &State, view: &mut View<'_>) {
    let Some(pair) = card.pair.as_ref().filter(|_| card.person.is_none()) else { return };
    let known = state.people.of(pair.id());
    let text = if let Some(person) = known {
        let name = Shown(&person.name).to_string();
        view.words.tell("remembered", &[("name", name.into())])
    } else {
        let is_named = |person: &Person| card.peer.as_ref().is_some_and(|peer| peer.as_str() == person.name);
        let is_known = state.people.all().iter().any(is_named);
        explain::about(view.words, card, if is_known { "remember-anew" } else { "remember-means" }, &[])
    };
    let remember = explain::about(view.words, card, "remember", &[]);
    let mut remembers = false;
    let right = |ui: &mut Ui| {
        if known.is_none() {
            remembers = Button::new(Emphasis::Secondary, &remember).icon(Icon::UserPlus).ui(ui).clicked();
        }
    };
    row(ui, theme::CONTROL_HEIGHT, right, |ui| {
        small_paragraph(ui, &text);
    });
    if remembers {
        view.act(Action::Remember(card.id));
    }
}
