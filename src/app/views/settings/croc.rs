//! The page of croc: whether sends have a code for it, which of its versions are spoken, and over which relays.

use eframe::egui::{Label, RichText, Ui};

use super::fields::{changed, field, field_id, framed, public_ui, wrong};
use crate::app::{
    model::state::State,
    theme::{self, Weight, size},
    views::View,
    widgets::{Button, Emphasis, Icon, form, icon_button, muted, part, row},
};

/// Draws the page.
pub(super) fn croc_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    muted(ui, &view.say("set-croc-hint"));
    let croc = &mut state.settings.croc;
    let mut has_changed = form::switch(ui, &mut croc.sends, &view.say("set-croc-sends"));
    form::switch_hint(ui, &view.say("set-croc-sends-hint"));
    has_changed |= form::switch(ui, &mut croc.version_10, &view.say("set-croc-10"));
    form::switch_hint(ui, &view.say("set-croc-10-hint"));
    public_ui(ui, &view.say("set-croc-public"), croc.relays.is_empty(), view);
    let mut removed = None;
    for index in 0..state.form.croc.len() {
        has_changed |= part(ui, ("croc", index), |ui| own_ui(ui, state, index, view, &mut removed));
    }
    if let Some(index) = removed {
        state.form.remove_croc(index);
        has_changed = true;
    }
    let add = view.say("set-add-croc");
    if part(ui, "add", |ui| Button::new(Emphasis::Secondary, &add).icon(Icon::Plus).ui(ui).clicked()) {
        state.form.add_croc();
    }
    if has_changed {
        changed(view);
    }
}

/// Draws a croc relay of the user's; returns whether the keyboard has left one of its fields.
fn own_ui(
    ui: &mut Ui,
    state: &mut State,
    index: usize,
    view: &View<'_>,
    removed: &mut Option<usize>,
) -> bool {
    let wants_focus = index + 1 == state.form.croc.len() && std::mem::take(&mut state.form.wants_focus);
    let shows = state.form.shows_passwords;
    let Some(draft) = state.form.croc.get_mut(index) else { return false };
    let title = match draft.parsed_croc() {
        Some(address) => address.to_string(),
        None => view.say("set-new-relay"),
    };
    let remove = view.words.tell("set-remove", &[("name", title.as_str().into())]);
    let address = view.say("set-address");
    if wants_focus {
        ui.memory_mut(|memory| memory.request_focus(field_id(ui, &address)));
    }
    let mut has_changed = false;
    framed(ui, |ui| {
        let mut is_removed = false;
        row(
            ui,
            theme::CONTROL_HEIGHT,
            |ui| is_removed = icon_button(ui, Icon::Trash2, &remove).clicked(),
            |ui| {
                let font = theme::font(Weight::Medium, size::BODY);
                ui.add(Label::new(RichText::new(&title).font(font)).truncate());
            },
        );
        if is_removed {
            *removed = Some(index);
        }
        has_changed |= field(ui, &address, &mut draft.address, &view.say("set-croc-address-hint"), false);
        if !draft.address.trim().is_empty() && draft.parsed_croc().is_none() {
            wrong(ui, &view.say("set-bad-address"));
        }
        let password = view.say("set-password");
        has_changed |= field(ui, &password, &mut draft.password, &view.say("set-croc-password-hint"), !shows);
        form::switch(ui, &mut state.form.shows_passwords, &view.say("set-show-passwords"));
    });
    has_changed
}
