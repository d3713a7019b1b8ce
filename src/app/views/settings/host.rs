//! The page of the window's own relay.

use eframe::egui::{Label, RichText, Ui};

use super::fields::{changed, field, wrong};
use crate::{
    app::{
        explain,
        model::{
            action::{Action, SettingsAction},
            settings_form::passed_on,
            state::{Host, State},
            tone::Tone,
        },
        theme::{self, palette, size},
        views::View,
        widgets::{Button, Emphasis, Icon, form, icon, icon_button, muted, note, part, row, small, tinted},
    },
    engine::{AccessPassword, Ports},
    settings::HostRelay,
};

/// Draws the page.
pub(super) fn host_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    muted(ui, &view.say("set-host-hint"));
    if let Some(host) = &state.host {
        part(ui, "running", |ui| running_ui(ui, host, view));
    } else if let Some(error) = &state.host_error {
        note(ui, Tone::Bad, &explain::host(view.words, error));
    }
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
    switch_ui(ui, state, view);
}

/// Draws the button that starts the relay, with the ports that it will use, or the one that stops it.
fn switch_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    // Start and Stop are the same control, so that the one keeps the keyboard of the other.
    const SWITCH: &str = "switch";
    if state.host.is_some() {
        let text = view.say("set-host-stop");
        // Pressed a second time, it ends the relay at once. It is never disabled, because that would lose the keyboard.
        let stop = Button::new(Emphasis::Secondary, &text).icon(Icon::Square);
        if part(ui, SWITCH, |ui| stop.ui(ui).clicked()) {
            view.act(Action::Settings(SettingsAction::StopRelay));
        }
        return;
    }
    let ports = state.form.parsed_port().zip(state.form.parsed_data_ports());
    let text = view.say("set-host-start");
    let start = Button::new(Emphasis::Primary, &text).icon(Icon::Play).enabled(ports.is_some());
    if part(ui, SWITCH, |ui| start.ui(ui).clicked()) && ports.is_some() {
        view.act(Action::Settings(SettingsAction::StartRelay));
    }
    if let Some((port, data)) = ports {
        let all: Vec<u16> = std::iter::once(port).chain(data.0).filter(|port| *port > 0).collect();
        if !all.is_empty() {
            small(ui, &view.words.tell("set-host-will-use", &[("ports", Ports(all).to_string().into())]));
        }
    }
}

/// Draws where the running relay can be reached, and what to tell others.
fn running_ui(ui: &mut Ui, host: &Host, view: &mut View<'_>) {
    let (ground, ink, sign) = Tone::Good.look(palette(ui));
    tinted(ui, ground, |ui| {
        ui.set_width(ui.available_width());
        let args = [("ports", Ports(host.ports.clone()).to_string().into())];
        ui.horizontal_top(|ui| {
            icon(ui, sign, size::ICON, ink);
            let key = if host.is_stopping { "set-host-stopping" } else { "set-host-runs" };
            ui.add(Label::new(view.words.tell(key, &args)).wrap());
        });
        let password = host.as_set.password.as_ref().map_or("", AccessPassword::as_str);
        for address in host.reachable.iter().flatten() {
            let text = address.to_string();
            let copy_all = view.words.tell("set-copy-relay", &[("address", text.as_str().into())]);
            let copy = view.words.tell("set-copy-address", &[("address", text.as_str().into())]);
            let mut copied = None;
            let right = |ui: &mut Ui| {
                if icon_button(ui, Icon::Copy, &copy).clicked() {
                    copied = Some(text.clone());
                }
                let all = view.say("set-copy-all");
                let button = Button::new(Emphasis::Secondary, &all).name(&copy_all).icon(Icon::Share2);
                if !password.is_empty() && button.ui(ui).clicked() {
                    copied = Some(passed_on(address, password));
                }
            };
            row(ui, theme::CONTROL_HEIGHT, right, |ui| {
                ui.add(Label::new(RichText::new(&text).font(theme::mono(size::BODY))).truncate());
            });
            if let Some(text) = copied {
                view.act(Action::CopyText(text));
            }
        }
        if let Some(reachable) = &host.reachable {
            small(ui, &explain::host_reach(view.words, reachable));
        }
    });
}
