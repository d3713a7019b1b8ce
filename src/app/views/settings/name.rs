//! The rows about this computer's name.

use eframe::egui::Ui;

use super::fields::{bare_field, changed, field_id, hint_ui, label_ui, wrong};
use crate::{
    app::{
        model::state::State,
        theme::CONTROL_HEIGHT,
        views::View,
        widgets::{face, form},
    },
    engine::MAX_NAME_CHARS,
    settings::Settings,
    transfer::show::Shown,
};

/// Draws the rows.
pub(in crate::app::views) fn name_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    let label = view.say("set-name");
    let by_system = Settings::default().own_name();
    let hint =
        by_system.as_ref().map_or_else(|| view.say("set-no-name"), |name| Shown(name.as_str()).to_string());
    let id = field_id(ui, &label);
    let mut has_changed = ui
        .horizontal(|ui| {
            label_ui(ui, &label);
            let room = CONTROL_HEIGHT + ui.spacing().item_spacing.x;
            let width = (ui.available_width() - room).min(300.0);
            let has_left = bare_field(ui, id, &label, &mut state.form.name, &hint, false, width);
            if let Some(name) = state.form.parsed_name().map(|typed| typed.or(by_system)).unwrap_or_default()
            {
                face(ui, name.as_str(), 26.0);
            }
            has_left
        })
        .inner;
    if state.form.parsed_name().is_some() {
        hint_ui(ui, &view.say("set-name-hint"));
    } else {
        let most = [("most", MAX_NAME_CHARS.into())];
        wrong(ui, &view.words.tell("set-bad-name", &most));
    }
    has_changed |= form::switch(ui, &mut state.settings.tell_name, &view.say("set-tell-name"));
    if has_changed {
        changed(view);
    }
}
