//! The page of the window's own relay.

use eframe::egui::{Label, RichText, Ui};

use super::fields::{changed, field, wrong};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, SettingsAction},
            state::{Host, State},
            tone::Tone,
        },
        theme::{self, palette, size},
        views::View,
        widgets::{Button, Emphasis, Icon, form, icon, icon_button, muted, note, part, row, small, tinted},
    },
    settings::HostRelay,
};

/// Draws the page.
pub(super) fn host_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    muted(ui, &view.say("set-host-hint"));
    host_status_ui(ui, state, view);
    let form = &mut state.form;
    let mut has_changed = field(ui, &view.say("set-port"), &mut form.host_port, "27001", false);
    if form.parsed_port().is_none() {
        wrong(ui, &view.say("set-bad-port"));
    }
    has_changed |= field(ui, &view.say("set-data-ports"), &mut form.data_ports, "27002-27009", false);
    if form.parsed_data_ports().is_none() {
        wrong(ui, &view.say("set-bad-ports"));
    }
    let hint = view.say("set-optional");
    let is_secret = !form.shows_passwords;
    has_changed |= field(ui, &view.say("set-password"), &mut form.host_password, &hint, is_secret);
    form::switch(ui, &mut form.shows_passwords, &view.say("set-show-passwords"));
    has_changed |=
        form::switch(ui, &mut state.settings.host.start_with_window, &view.say("set-host-at-start"));
    if has_changed {
        changed(view);
    }
    let set = &state.settings.host;
    let differs = |host: &Host| {
        let HostRelay { port, data_ports, password, .. } = &host.as_set;
        (port, data_ports, password) != (&set.port, &set.data_ports, &set.password)
    };
    if state.host.as_ref().is_some_and(differs) {
        small(ui, &view.say("set-host-restart"));
    }
}

fn host_status_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    // Start and Stop are the same control, so that the one keeps the keyboard of the other.
    const SWITCH: &str = "switch";
    match &state.host {
        None => {
            if let Some(error) = &state.host_error {
                note(ui, Tone::Bad, &explain::host(view.words, error));
            }
            let text = view.say("set-host-start");
            if part(ui, SWITCH, |ui| Button::new(Emphasis::Primary, &text).icon(Icon::Play).ui(ui).clicked())
            {
                view.act(Action::Settings(SettingsAction::StartRelay));
            }
        }
        Some(host) => {
            let (ground, ink, sign) = Tone::Good.look(palette(ui));
            tinted(ui, ground, |ui| {
                ui.set_width(ui.available_width());
                let ports: Vec<String> = host.ports.iter().map(ToString::to_string).collect();
                let args = [("ports", ports.join(", ").into())];
                ui.horizontal_top(|ui| {
                    icon(ui, sign, size::ICON, ink);
                    let key = if host.is_stopping { "set-host-stopping" } else { "set-host-runs" };
                    ui.add(Label::new(view.words.tell(key, &args)).wrap());
                });
                for address in host.reachable.iter().flatten() {
                    let text = address.to_string();
                    let copy = view.words.tell("set-copy-address", &[("address", text.as_str().into())]);
                    let mut copies = false;
                    let right = |ui: &mut Ui| copies = icon_button(ui, Icon::Copy, &copy).clicked();
                    row(ui, 30.0, right, |ui| {
                        ui.add(Label::new(RichText::new(&text).font(theme::mono(size::BODY))).truncate());
                    });
                    if copies {
                        view.act(Action::CopyText(text));
                    }
                }
                if let Some(reachable) = &host.reachable {
                    small(ui, &explain::host_reach(view.words, reachable));
                }
            });
            let text = view.say("set-host-stop");
            // Pressed a second time, it ends the relay at once. It is never disabled, because that would lose the
            // keyboard.
            let stop = Button::new(Emphasis::Secondary, &text).icon(Icon::Square);
            if part(ui, SWITCH, |ui| stop.ui(ui).clicked()) {
                view.act(Action::Settings(SettingsAction::StopRelay));
            }
        }
    }
}
