//! The page of what few people need: codes, connections, which route transfers take, ports, the window system.

use eframe::egui::Ui;

use super::fields::{changed, choose, field, hint_ui, slider, wrong};
use crate::{
    app::{model::state::State, views::View, widgets::form},
    code::MAX_DRAWN_WORDS,
    engine::{MAX_RECEIVERS, PathMode},
    protocol::relay::MAX_LANES,
    settings::WindowSystem,
};

/// Draws the page.
pub(super) fn advanced_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    let settings = &mut state.settings;
    let mut has_changed = slider(
        ui,
        &view.say("set-words"),
        &mut settings.code_words,
        4..=MAX_DRAWN_WORDS as u8,
        1.0,
        u8::to_string,
    )
    .changed();
    hint_ui(ui, &view.say("set-words-hint"));
    let most = 1..=MAX_RECEIVERS;
    has_changed |=
        slider(ui, &view.say("set-receivers"), &mut settings.receivers, most, 1.0, u16::to_string).changed();
    hint_ui(ui, &view.say("set-receivers-hint"));
    has_changed |=
        slider(ui, &view.say("set-lanes"), &mut settings.lanes, 1..=MAX_LANES, 1.0, u16::to_string).changed();
    hint_ui(ui, &view.say("set-lanes-hint"));
    let ways = [
        (PathMode::Automatic, view.say("set-path-automatic")),
        (PathMode::LocalOnly, view.say("set-path-local")),
        (PathMode::RelayOnly, view.say("set-path-relay")),
    ];
    has_changed |= choose(ui, &view.say("set-path"), &mut settings.path_mode, &ways);
    hint_ui(
        ui,
        &view.say(match settings.path_mode {
            PathMode::Automatic => "set-path-automatic-hint",
            PathMode::LocalOnly => "set-path-local-hint",
            PathMode::RelayOnly => "set-path-relay-hint",
        }),
    );
    if settings.path_mode != PathMode::RelayOnly {
        let name = view.say("set-direct-port");
        has_changed |= field(ui, &name, &mut state.form.direct_port, &view.say("set-any-port"), false);
        if state.form.parsed_direct_port().is_none() {
            wrong(ui, &view.say("set-bad-port"));
        }
    }
    if settings.path_mode == PathMode::Automatic {
        has_changed |= form::switch(ui, &mut settings.map_port, &view.say("set-map-port"));
        form::switch_hint(ui, &view.say("set-map-port-hint"));
    }
    if cfg!(target_os = "linux") {
        let systems = [
            (WindowSystem::Automatic, view.say("set-system-automatic")),
            (WindowSystem::X11, "X11".to_owned()),
        ];
        has_changed |= choose(ui, &view.say("set-system"), &mut settings.window_system, &systems);
        hint_ui(ui, &view.say("set-system-hint"));
    }
    if has_changed {
        changed(view);
    }
}
