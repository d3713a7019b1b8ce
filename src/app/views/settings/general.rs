//! The page of what people look for first: where files go, notifications, the speed limit, language and appearance, what
//! closing the window means; and what the program says about itself.

use eframe::egui::Ui;

use super::{
    fields::{changed, choose, field, hint_ui, label_ui, slider, wrong},
    name::name_ui,
};
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
        widgets::{Button, Emphasis, Icon, form, hairline, link, named, part, row, tip},
        words::{Words, shown_path},
    },
    settings::{Appearance, Closing, ReduceMotion},
};

/// Draws the page.
pub(super) fn general_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    part(ui, "name", |ui| name_ui(ui, state, view));
    folder_ui(ui, state, view);
    let mut has_changed = form::switch(ui, &mut state.settings.notifications, &view.say("set-notifications"));
    has_changed |= field(ui, &view.say("set-rate"), &mut state.form.rate, &view.say("set-no-limit"), false);
    if state.form.parsed_rate().is_none() {
        wrong(ui, &view.say("set-bad-rate"));
    }
    has_changed |= part(ui, "looks", |ui| looks_ui(ui, state, view));
    has_changed |= part(ui, "closing", |ui| closing_ui(ui, state, view));
    has_changed |= form::switch(ui, &mut state.settings.keep_awake, &view.say("set-keep-awake"));
    if has_changed {
        changed(view);
    }
    hairline(ui);
    part(ui, "about", |ui| about_ui(ui, &mut state.form, view));
}

/// Draws the folder that received files go into.
pub(in crate::app::views) fn folder_ui(ui: &mut Ui, state: &State, view: &mut View<'_>) {
    let folder = shown_path(&state.save_folder);
    ui.horizontal(|ui| {
        label_ui(ui, &view.say("save-to"));
        let name = format!("{}: {folder}", view.say("save-to-change"));
        if tip(named(link(ui, &folder), &name), &view.say("save-to-change")).clicked() {
            view.act(Action::PickDestination(None));
        }
    });
}

/// Draws what closing the window means, and whether the program starts by itself; returns whether a setting has changed.
fn closing_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) -> bool {
    let closings = [
        (Closing::Ask, view.say("set-closing-ask")),
        (Closing::KeepRunning, view.say("set-closing-keep")),
        (Closing::Quit, view.say("set-closing-quit")),
    ];
    let has_changed = choose(ui, &view.say("set-closing"), &mut state.settings.closing, &closings);
    hint_ui(ui, &view.say("set-closing-hint"));
    if let Some(mut is_on) = state.starts_at_login
        && form::switch(ui, &mut is_on, &view.say("set-at-login"))
    {
        view.act(Action::StartAtLogin(is_on));
    }
    has_changed
}

/// Draws language and appearance; returns whether a setting has changed.
fn looks_ui(ui: &mut Ui, state: &mut State, view: &View<'_>) -> bool {
    let settings = &mut state.settings;
    let mut languages = vec![(None, view.say("set-language-system"))];
    languages.extend(Words::languages().map(|(tag, name)| (Some(tag), name.to_owned())));
    let mut language =
        Words::languages().map(|(tag, _)| tag).find(|tag| settings.language.as_deref() == Some(tag));
    let mut has_changed = choose(ui, &view.say("set-language"), &mut language, &languages);
    if has_changed {
        settings.language = language.map(str::to_owned);
    }
    let looks = [
        (Appearance::System, view.say("set-look-system")),
        (Appearance::Light, view.say("set-look-light")),
        (Appearance::Dark, view.say("set-look-dark")),
    ];
    has_changed |= choose(ui, &view.say("set-look"), &mut settings.appearance, &looks);
    let scale = slider(ui, &view.say("set-scale"), &mut state.form.scale, 0.75..=2.0, 0.05, |scale| {
        format!("{:.0} %", scale * 100.0)
    });
    // While it is dragged, a change of scale would move the slider away from the pointer.
    if scale.drag_stopped() || (scale.changed() && !scale.dragged()) {
        state.settings.scale = state.form.scale;
        has_changed = true;
    }
    let motion = [
        (ReduceMotion::Automatic, view.say("set-motion-system")),
        (ReduceMotion::On, view.say("set-motion-less")),
        (ReduceMotion::Off, view.say("set-motion-full")),
    ];
    has_changed | choose(ui, &view.say("set-motion"), &mut state.settings.reduce_motion, &motion)
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
            && tip(link(ui, text), address).clicked()
        {
            goes_to = Some(Action::Browse((*address).to_owned()));
        }
    });
    view.actions.extend(did.or(goes_to));
}
