//! The page of the transfers: where they are saved, how they move, which ways they take.

use eframe::egui::Ui;

use super::{
    fields::{changed, choose, field, hint_ui, label_ui, slider, wrong},
    name::name_ui,
};
use crate::{
    app::{
        model::{action::Action, state::State},
        views::View,
        widgets::{form, link, named},
        words::shown_path,
    },
    code::MAX_DRAWN_WORDS,
    engine::{MAX_RECEIVERS, PathMode},
    protocol::relay::MAX_LANES,
};

/// Draws the page.
pub(super) fn transfers_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    name_ui(ui, state, view);
    let folder = shown_path(&state.save_folder);
    ui.horizontal(|ui| {
        label_ui(ui, &view.say("save-to"));
        let name = format!("{}: {folder}", view.say("save-to-change"));
        if named(link(ui, &folder), &name).on_hover_text(view.say("save-to-change")).clicked() {
            view.act(Action::PickDestination(None));
        }
    });
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
        hint_ui(ui, &view.say("set-map-port-hint"));
    }
    has_changed |= field(ui, &view.say("set-rate"), &mut state.form.rate, &view.say("set-no-limit"), false);
    if state.form.parsed_rate().is_none() {
        wrong(ui, &view.say("set-bad-rate"));
    }
    has_changed |= form::switch(ui, &mut state.settings.keep_awake, &view.say("set-keep-awake"));
    if has_changed {
        changed(view);
    }
}
