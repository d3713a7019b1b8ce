//! The question before the window closes while that would end something: whether the program goes on without its window.

use eframe::egui::{Context, Label, RichText};

use super::{View, confirmation::Confirmation};
use crate::app::{
    explain,
    model::{action::Action, state::State},
    theme::palette,
    widgets::{form, muted},
};

/// Draws the question.
pub(in crate::app) fn quit_ui(ctx: &Context, state: &mut State, view: &mut View<'_>) {
    let at_stake = state.at_stake();
    let key = match (state.is_moving(), at_stake.is_under_way, at_stake.is_copying) {
        (true, ..) => "quit-question",
        (_, _, true) => "quit-question-copying",
        (_, true, _) => "quit-question-resting",
        (false, false, false) => "quit-question-waiting",
    };
    let (text, keep, act) = (view.say(key), view.say("quit-stay"), view.say("quit-anyway"));
    let (means, remember) = (view.say("quit-keep-means"), view.say("quit-remember"));
    let lines = explain::lost_by_closing(view.words, at_stake);
    let question = Confirmation {
        id: "quit",
        width: 420.0,
        text: &text,
        keep: (&keep, Action::KeepRunning),
        act: (&act, None, Action::Quit),
    };
    question.ui(ctx, view, |ui| {
        for line in &lines {
            ui.add(Label::new(RichText::new(line).color(palette(ui).text)).wrap());
        }
        muted(ui, &means);
        form::switch(ui, &mut state.remembers_closing, &remember);
    });
}
