//! The first steps, at the top of the page until the user has gone through them or skipped them: this computer's name, the folder for
//! what is received, and how far codes lead. Nothing waits for them: files can be dropped and a code typed meanwhile.

use eframe::egui::{Label, RichText, Ui};

use super::{
    View,
    settings::{folder_ui, name_ui},
};
use crate::{
    app::{
        model::{
            action::{Action, SettingsAction},
            state::State,
        },
        theme::{Weight, font, palette, size, space},
        widgets::{self, Button, Emphasis, announce, form, heading, link, muted, part, row, small},
    },
    engine::Internet,
};

/// How many steps there are. Without the internet there is nothing to choose in the last one.
pub(in crate::app) const STEPS: usize = if Internet::IS_BUILT_IN { 3 } else { 2 };

/// Draws the step that is next.
pub(super) fn first_steps_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    let step = state.first_step.min(STEPS - 1);
    let (title, skip) = (view.say("first-title"), view.say("first-skip"));
    let count = view.words.tell("first-count", &[("number", (step + 1).into()), ("all", STEPS.into())]);
    let mut skips = false;
    widgets::card(ui, |ui| {
        ui.set_width(ui.available_width());
        row(
            ui,
            28.0,
            |ui| skips = link(ui, &skip).clicked(),
            |ui| {
                heading(ui, &title);
                ui.add_space(space::S);
                small(ui, &count);
            },
        );
        let question = ["first-name", "first-folder", "first-reach"][step];
        let question = RichText::new(view.say(question)).font(font(Weight::Medium, size::BODY));
        // The keyboard stays on the button that leads here, so screen readers would not come across it.
        announce(&ui.add(Label::new(question.color(palette(ui).text)).wrap()));
        part(ui, ("step", step), |ui| {
            ui.spacing_mut().item_spacing.y = space::S;
            match step {
                0 => name_ui(ui, state, view),
                1 => folder_ui(ui, state, view),
                _ => reach_ui(ui, state, view),
            }
        });
        ui.add_space(space::XS);
        ui.horizontal(|ui| {
            let is_last = step + 1 == STEPS;
            let next = view.say(if is_last { "first-done" } else { "first-next" });
            if Button::new(Emphasis::Primary, &next).ui(ui).clicked() {
                view.act(Action::FirstStep(step + 1));
            }
            if step > 0 && Button::new(Emphasis::Quiet, &view.say("first-back")).ui(ui).clicked() {
                view.act(Action::FirstStep(step - 1));
            }
        });
    });
    if skips {
        view.act(Action::EndFirstSteps);
    }
    ui.add_space(space::S);
}

/// Draws how far codes lead, and who runs what carries them.
fn reach_ui(ui: &mut Ui, state: &mut State, view: &mut View<'_>) {
    let before = state.settings.internet;
    ui.horizontal_wrapped(|ui| {
        for (is_on, key) in [(true, "first-anywhere"), (false, "first-nearby")] {
            if form::option(ui, state.settings.internet == is_on, &view.say(key)) {
                state.settings.internet = is_on;
            }
        }
    });
    muted(ui, &view.say(if state.settings.internet { "internet-first" } else { "first-nearby-means" }));
    if before != state.settings.internet {
        view.act(Action::Settings(SettingsAction::Changed));
    }
}
