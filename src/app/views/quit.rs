//! The question before the window closes while transfers are under way.

use eframe::egui::{Context, Id, Modal};

use super::View;
use crate::app::{
    model::{action::Action, state::State},
    theme::space,
    widgets::{Button, Emphasis, dialog_frame, heading, muted, name_dialog},
};

/// Draws the question.
pub(in crate::app) fn quit_ui(ctx: &Context, state: &State, view: &mut View<'_>) {
    let question = if state.is_moving() { "quit-question" } else { "quit-question-resting" };
    let shown = Modal::new(Id::unique("quit")).frame(dialog_frame(&ctx.global_style())).show(ctx, |ui| {
        ui.set_width(380.0);
        let question = view.say(question);
        name_dialog(ui, &question);
        heading(ui, &question);
        muted(ui, &view.say("quit-means"));
        ui.add_space(space::S);
        ui.horizontal(|ui| {
            let stay = Button::new(Emphasis::Primary, &view.say("quit-stay")).ui(ui);
            if ui.memory(|memory| memory.focused().is_none()) {
                stay.request_focus();
            }
            if stay.clicked() {
                view.act(Action::Show(None));
            }
            if Button::new(Emphasis::Secondary, &view.say("quit-anyway")).ui(ui).clicked() {
                view.act(Action::Quit);
            }
        });
    });
    if shown.should_close() {
        view.act(Action::Show(None));
    }
}
