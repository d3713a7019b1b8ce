//! The page of the relays: the list, and the status of each.

use eframe::egui::{Label, RichText, Ui};

use super::fields::{changed, field, field_id, framed, hint_ui, wrong};
use crate::app::{
    explain,
    model::{
        action::{Action, SettingsAction},
        settings_form::SettingsForm,
        state::{RelayStatus, State},
    },
    theme::{self, Weight, palette, size},
    views::View,
    widgets::{Button, Emphasis, Icon, form, icon, icon_button, muted, part, row},
};

/// Draws the page.
pub(super) fn relays_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    muted(ui, &view.say("set-relays-hint"));
    let mut moved = None;
    let mut removed = None;
    for index in 0..state.form.relays.len() {
        part(ui, ("relay", index), |ui| {
            framed(ui, |ui| {
                part(ui, "head", |ui| relay_head_ui(ui, state, index, view, &mut moved, &mut removed));
                if state.form.editing == Some(index) && relay_fields_ui(ui, &mut state.form, index, view) {
                    changed(view);
                }
                // Below the fields: it comes by itself, and what the user is about to click must not move.
                let address = state.form.relays.get(index).and_then(|draft| Some((draft.parsed()?, draft)));
                if let Some((address, draft)) = address {
                    checked_ui(ui, state.checked_as(&address, &draft.password), view);
                }
            });
        });
    }
    if let Some(index) = moved {
        state.form.raise_relay(index);
        changed(view);
    }
    if let Some(index) = removed {
        state.form.remove_relay(index);
        changed(view);
    }
    let add = view.say("set-add-relay");
    if part(ui, "add", |ui| Button::new(Emphasis::Secondary, &add).icon(Icon::Plus).ui(ui).clicked()) {
        state.form.add_relay();
    }
    proxy_ui(ui, &mut state.form, view);
}

/// Draws the proxy through which relays are reached.
fn proxy_ui(ui: &mut Ui, form: &mut SettingsForm, view: &mut View<'_>) {
    let has_login = form.has_proxy_login();
    let is_secret = has_login && !form.shows_passwords;
    let (name, hint) = (view.say("set-proxy"), view.say("set-proxy-example"));
    if field(ui, &name, &mut form.proxy, &hint, is_secret) {
        changed(view);
    }
    if form.parsed_proxy().is_none() {
        wrong(ui, &view.say("set-bad-proxy"));
    }
    if has_login {
        form::switch(ui, &mut form.shows_passwords, &view.say("set-show-passwords"));
    }
    hint_ui(ui, &view.say("set-proxy-hint"));
}

fn relay_head_ui(
    ui: &mut Ui,
    state: &mut State,
    index: usize,
    view: &mut View<'_>,
    moved: &mut Option<usize>,
    removed: &mut Option<usize>,
) {
    let Some(draft) = state.form.relays.get(index).cloned() else { return };
    let title = if draft.name.trim().is_empty() { draft.address.clone() } else { draft.name.clone() };
    let title = if title.is_empty() { view.say("set-new-relay") } else { title };
    let named = |key: &str| view.words.tell(key, &[("name", title.as_str().into())]);
    let (raise, edit, remove) = (named("set-raise"), named("set-edit"), named("set-remove"));
    let test = view.say("set-test");
    let mut edits = false;
    let mut tests = false;
    let is_raised = state.form.raised.take_if(|raised| *raised == index).is_some();
    let right = |ui: &mut Ui| {
        let can = draft.parsed().is_some();
        let name = named("set-test-named");
        let button = Button::new(Emphasis::Secondary, &test).name(&name).enabled(can).ui(ui);
        if is_raised && index == 0 {
            // The relay is at the top and can't be moved any further.
            button.request_focus();
        }
        tests = button.clicked() && can;
        if index > 0 {
            let button = icon_button(ui, Icon::ArrowUp, &raise);
            if is_raised {
                button.request_focus();
            }
            if button.clicked() {
                *moved = Some(index);
            }
        }
        edits = icon_button(ui, Icon::Pencil, &edit).clicked();
        if icon_button(ui, Icon::Trash2, &remove).clicked() {
            *removed = Some(index);
        }
    };
    row(ui, theme::CONTROL_HEIGHT, right, |ui| {
        let font = theme::font(Weight::Medium, size::BODY);
        ui.add(Label::new(RichText::new(&title).font(font)).truncate());
        if state.form.in_use() == Some(index) {
            let p = palette(ui);
            let checked = draft.parsed().and_then(|address| state.checked_as(&address, &draft.password));
            let ink = if matches!(checked, Some(RelayStatus::Bad(_))) { p.muted } else { p.ok };
            ui.label(RichText::new(view.say("set-in-use")).size(size::SMALL).color(ink));
        }
    });
    if edits {
        state.form.editing = (state.form.editing != Some(index)).then_some(index);
    }
    if tests && let Some(address) = draft.parsed() {
        view.act(Action::Settings(SettingsAction::Test(address)));
    }
}

fn checked_ui(ui: &mut Ui, checked: Option<&RelayStatus>, view: &View<'_>) {
    let p = palette(ui);
    let (sign, ink, text) = match checked {
        None => return,
        Some(RelayStatus::Pending) => (Icon::Hourglass, p.muted, view.say("relay-checking")),
        Some(RelayStatus::Good(check)) => {
            let key = if check.has_password { "set-good-password" } else { "set-good" };
            let latency = (check.latency.as_millis() as u64).into();
            (Icon::CircleCheck, p.ok, view.words.tell(key, &[("latency", latency)]))
        }
        Some(RelayStatus::Bad(error)) => (Icon::CircleAlert, p.bad, explain::relay(view.words, error)),
    };
    ui.horizontal_top(|ui| {
        icon(ui, sign, 16.0, ink);
        ui.add(Label::new(RichText::new(text).color(ink)).wrap());
    });
}

/// Draws the fields of a relay; returns whether the keyboard has left one of them.
fn relay_fields_ui(ui: &mut Ui, form: &mut SettingsForm, index: usize, view: &View<'_>) -> bool {
    let SettingsForm { relays, shows_passwords: shows, wants_focus, .. } = form;
    let Some(draft) = relays.get_mut(index) else { return false };
    let mut has_changed = false;
    let address = view.say("set-address");
    if std::mem::take(wants_focus) {
        ui.memory_mut(|memory| memory.request_focus(field_id(ui, &address)));
    }
    has_changed |= field(ui, &address, &mut draft.address, &view.say("set-address-hint"), false);
    if !draft.address.trim().is_empty() && draft.parsed().is_none() {
        wrong(ui, &view.say("set-bad-address"));
    }
    has_changed |= field(ui, &view.say("set-name"), &mut draft.name, &view.say("set-optional"), false);
    has_changed |=
        field(ui, &view.say("set-password"), &mut draft.password, &view.say("set-optional"), !*shows);
    form::switch(ui, shows, &view.say("set-show-passwords"));
    has_changed
}
