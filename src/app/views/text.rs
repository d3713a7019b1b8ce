//! The text that is to be sent: a box in which it is typed, or in which a pasted one is seen and changed before it goes.

use eframe::egui::{Context, Id, Modal, RichText, ScrollArea, TextEdit, WidgetInfo, vec2};

use super::View;
use crate::{
    app::{
        model::{action::Action, state::State, tone::Tone},
        theme::{CONTROL_RADIUS, palette, space},
        widgets::{
            Button, Emphasis, Icon, dialog_frame, focus_ring, form, heading, muted, name_dialog, note,
        },
    },
    protocol::manifest::MAX_TEXT_BYTES,
    transfer::show::Shown,
};

/// Height of the box, in points.
const BOX: f32 = 240.0;

/// Draws the dialog.
pub(in crate::app) fn text_ui(ctx: &Context, state: &mut State, view: &mut View<'_>) {
    let room = ctx.content_rect().size();
    let size = vec2((room.x - 96.0).min(560.0), (room.y - 240.0).clamp(120.0, BOX));
    let shown = Modal::new(Id::unique("text")).frame(dialog_frame(&ctx.global_style())).show(ctx, |ui| {
        ui.set_width(size.x);
        let person = state.text_for.and_then(|id| state.people.of(id));
        let to = |key: &str, by_code: &str| match person {
            Some(person) => view.words.tell(key, &[("name", Shown(&person.name).to_string().into())]),
            None => view.say(by_code),
        };
        let (name, hint) = (to("text-to-person", "text-to-send"), view.say("text-hint"));
        let send = to("person-send-named", "text-send");
        name_dialog(ui, &name);
        heading(ui, &name);
        let area = ScrollArea::vertical().max_height(size.y).min_scrolled_height(size.y);
        let drawn = area.show(ui, |ui| {
            let edit = TextEdit::multiline(&mut state.draft)
                .id(Id::unique("text to send"))
                .hint_text(RichText::new(&hint).color(palette(ui).muted))
                .desired_width(f32::INFINITY)
                .desired_rows(8)
                .frame(form::field_frame(ui))
                .show(ui)
                .response
                .response;
            let value = state.draft.clone();
            edit.widget_info(|| WidgetInfo {
                label: Some(name.clone()),
                ..WidgetInfo::text_edit(true, &value, &value, &hint)
            });
            if ui.memory(|memory| memory.focused().is_none()) {
                edit.request_focus();
            }
            edit
        });
        // Around what is in sight: within the area it would be cut off.
        focus_ring(ui, &drawn.inner, drawn.inner.rect.intersect(drawn.inner_rect), CONTROL_RADIUS);
        let is_long = state.draft.len() as u64 > MAX_TEXT_BYTES;
        if is_long {
            let limit = view.words.bytes(MAX_TEXT_BYTES);
            note(ui, Tone::Bad, &view.words.tell("err-long-text", &[("limit", limit.into())]));
        } else {
            muted(ui, &view.say("text-means"));
        }
        ui.add_space(space::S);
        ui.horizontal(|ui| {
            let can = !state.draft.trim().is_empty() && !is_long;
            if Button::new(Emphasis::Primary, &send).icon(Icon::ArrowUp).enabled(can).ui(ui).clicked() {
                view.act(Action::SendText);
            }
            if Button::new(Emphasis::Secondary, &view.say("close")).ui(ui).clicked() {
                view.act(Action::Show(None));
            }
        });
    });
    if shown.should_close() {
        view.act(Action::Show(None));
    }
}
