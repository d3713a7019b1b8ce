//! The page of the window itself: its appearance, its language, its notifications, and what the program says about itself.

use eframe::egui::Ui;

use super::fields::{changed, choose, hint_ui, slider};
use crate::{
    app::{
        about,
        model::{
            action::{Action, Dialog},
            settings_form::SettingsForm,
            state::State,
        },
        theme,
        views::View,
        widgets::{Button, Emphasis, Icon, form, hairline, link, row},
        words::Words,
    },
    settings::{Appearance, ReduceMotion, WindowSystem},
};

/// Draws the page.
pub(super) fn window_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    let settings = &mut state.settings;
    let looks = [
        (Appearance::System, view.say("set-look-system")),
        (Appearance::Light, view.say("set-look-light")),
        (Appearance::Dark, view.say("set-look-dark")),
    ];
    let mut has_changed = choose(ui, &view.say("set-look"), &mut settings.appearance, &looks);
    let scale = slider(ui, &view.say("set-scale"), &mut state.form.scale, 0.75..=2.0, 0.05, |scale| {
        format!("{:.0} %", scale * 100.0)
    });
    // While it is dragged, a change of scale would move the slider away from the pointer.
    if scale.drag_stopped() || (scale.changed() && !scale.dragged()) {
        state.settings.scale = state.form.scale;
        has_changed = true;
    }
    let settings = &mut state.settings;
    let mut languages = vec![(None, view.say("set-language-system"))];
    languages.extend(Words::languages().map(|(tag, name)| (Some(tag), name.to_owned())));
    let mut language =
        Words::languages().map(|(tag, _)| tag).find(|tag| settings.language.as_deref() == Some(tag));
    if choose(ui, &view.say("set-language"), &mut language, &languages) {
        settings.language = language.map(str::to_owned);
        has_changed = true;
    }
    let motion = [
        (ReduceMotion::Automatic, view.say("set-motion-system")),
        (ReduceMotion::On, view.say("set-motion-less")),
        (ReduceMotion::Off, view.say("set-motion-full")),
    ];
    has_changed |= choose(ui, &view.say("set-motion"), &mut settings.reduce_motion, &motion);
    has_changed |= form::switch(ui, &mut settings.notifications, &view.say("set-notifications"));
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
    hairline(ui);
    about_ui(ui, &mut state.form, view);
}

/// Draws which version this is, and the ways to newer ones and to the licences.
fn about_ui(ui: &mut Ui, form: &mut SettingsForm, view: &mut View<'_>) {
    let licences = view.say("licences");
    let mut did = None;
    let right = |ui: &mut Ui| {
        let button = Button::new(Emphasis::Secondary, &licences).icon(Icon::Scale).ui(ui);
        if std::mem::take(&mut form.is_back_from_licences) {
            button.request_focus();
        }
        if button.clicked() {
            did = Some(Action::Show(Some(Dialog::Licences)));
        }
    };
    let releases = view.releases.map(|address| (address, view.say("releases")));
    let mut goes_to = None;
    row(ui, theme::CONTROL_HEIGHT, right, |ui| {
        ui.label(about::VERSION);
        if let Some((address, text)) = &releases
            && link(ui, text).on_hover_text(*address).clicked()
        {
            goes_to = Some(Action::Browse((*address).to_owned()));
        }
    });
    view.actions.extend(did.or(goes_to));
}
