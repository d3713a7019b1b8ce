//! The question before the window closes while transfers are under way.

use eframe::egui::Context;

use super::{View, confirmation::Confirmation};
use crate::app::{
    model::{action::Action, state::State},
    widgets::muted,
};

/// Draws the question.
pub(in crate::app) fn quit_ui(ctx: &Context, state: &State, view: &mut View<'_>) {
    let text = view.say(if state.is_moving() { "quit-question" } else { "quit-question-resting" });
    let (keep, act, means) = (view.say("quit-stay"), view.say("quit-anyway"), view.say("quit-means"));
    let act = (act.as_str(), None, Action::Quit);
    Confirmation { id: "quit", width: 380.0, text: &text, keep: &keep, act }.ui(ctx, view, |ui| {
        muted(ui, &means);
    });
}
