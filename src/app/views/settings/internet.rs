//! The page of the internet: whether it is used, who runs the relays there, and the user's own ones.

use eframe::egui::{Label, RichText, Ui};

use super::fields::{bare_field, changed, field_id, framed, public_ui, wrong};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, SettingsAction},
            state::{IrohStatus, State},
        },
        theme::{self, palette},
        views::View,
        widgets::{Button, Emphasis, Icon, form, icon, icon_button, muted, part, row},
    },
    engine::{Internet, IrohRelay, PathMode},
};

/// Draws the page.
pub(super) fn internet_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    muted(ui, &view.say("set-internet-hint"));
    if !Internet::IS_BUILT_IN {
        muted(ui, &view.say("lead-not-built-in-hint"));
        return;
    }
    if form::switch(ui, &mut state.settings.internet, &view.say("set-internet-on")) {
        changed(view);
    }
    let is_public = state.settings.iroh_relays.is_empty();
    muted(ui, &view.say(if is_public { "set-internet-public" } else { "set-internet-own" }));
    if !state.settings.internet {
        return;
    }
    if state.settings.path_mode == PathMode::LocalOnly {
        muted(ui, &view.say("lead-path-mode-hint"));
    }
    public_ui(ui, &view.say("set-public-relays"), is_public, view);
    let mut removed = None;
    for index in 0..state.form.iroh.len() {
        part(ui, ("iroh", index), |ui| own_ui(ui, state, index, view, &mut removed));
    }
    if let Some(index) = removed {
        state.form.remove_iroh(index);
        changed(view);
    }
    let add = view.say("set-add-iroh");
    if part(ui, "add", |ui| Button::new(Emphasis::Secondary, &add).icon(Icon::Plus).ui(ui).clicked()) {
        state.form.add_iroh();
    }
}

/// Draws an iroh relay of the user's.
fn own_ui(ui: &mut Ui, state: &mut State, index: usize, view: &mut View<'_>, removed: &mut Option<usize>) {
    let Some(address) = state.form.iroh.get_mut(index) else { return };
    let relay: Option<IrohRelay> = address.parse().ok();
    let name = view.words.tell("set-iroh-named", &[("number", (index + 1).into())]);
    let shown = relay.as_ref().map_or_else(|| name.clone(), |relay| relay.host().to_owned());
    let of = |key: &str| view.words.tell(key, &[("name", shown.as_str().into())]);
    let (test, test_name, remove) = (view.say("set-test"), of("set-test-named"), of("set-remove"));
    let (mut is_tested, mut is_removed, mut is_left) = (false, false, false);
    let id = field_id(ui, "address");
    if std::mem::take(&mut state.form.wants_focus) && index + 1 == state.form.iroh.len() {
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    let Some(address) = state.form.iroh.get_mut(index) else { return };
    framed(ui, |ui| {
        let right = |ui: &mut Ui| {
            let button = Button::new(Emphasis::Secondary, &test).name(&test_name).enabled(relay.is_some());
            is_tested = button.ui(ui).clicked();
            is_removed = icon_button(ui, Icon::Trash2, &remove).clicked();
        };
        row(ui, theme::CONTROL_HEIGHT, right, |ui| {
            let width = ui.available_width();
            is_left = bare_field(ui, id, &name, address, "https://relay.example.org", false, width);
        });
        if !address.trim().is_empty() && relay.is_none() {
            wrong(ui, &view.say("set-bad-iroh"));
        }
        if let Some(relay) = &relay {
            checked_ui(ui, state.checked_iroh.get(relay), view);
        }
    });
    if is_left {
        changed(view);
    }
    if let Some(relay) = relay.filter(|_| is_tested) {
        view.act(Action::Settings(SettingsAction::TestIroh(relay)));
    }
    if is_removed {
        *removed = Some(index);
    }
}

/// Draws what a test of the relay has found.
fn checked_ui(ui: &mut Ui, checked: Option<&IrohStatus>, view: &View<'_>) {
    let p = palette(ui);
    let (sign, ink, text) = match checked {
        None => return,
        Some(IrohStatus::Pending) => (Icon::Hourglass, p.muted, view.say("relay-checking")),
        Some(IrohStatus::Good(check)) => {
            let (sign, ink, key) = if check.tells_addresses {
                (Icon::CircleCheck, p.ok, "set-iroh-good")
            } else {
                (Icon::TriangleAlert, p.warn, "set-iroh-blind")
            };
            let latency = (check.latency.as_millis().max(1) as u64).into();
            (sign, ink, view.words.tell(key, &[("latency", latency)]))
        }
        Some(IrohStatus::Bad(error)) => (Icon::CircleAlert, p.bad, explain::iroh(view.words, error)),
    };
    ui.horizontal_top(|ui| {
        icon(ui, sign, 16.0, ink);
        ui.add(Label::new(RichText::new(text).color(ink)).wrap());
    });
}
