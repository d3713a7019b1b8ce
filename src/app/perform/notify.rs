//! Notifies a user who is looking elsewhere.

use eframe::egui::{Context, UserAttentionType, ViewportCommand};

use crate::{
    app::{desktop::desk::Job, explain, model::card::CardEnd, window::Window},
    engine::TaskId,
};

impl Window {
    /// Notifies that an offer waits for its answer, or that a transfer is over. `key` is the title of the latter.
    pub(super) fn tell_elsewhere(&self, ctx: &Context, id: TaskId, key: &str) {
        let Some(card) = self.state.cards.iter().find(|card| card.id == id) else { return };
        let title = match card.end {
            Some(_) => self.words.tell(key, &[("name", explain::name(&self.words, card).into())]),
            None => explain::offered(&self.words, card),
        };
        let body = match &card.end {
            Some(CardEnd::Done(report)) => explain::done(&self.words, card, report).0,
            Some(CardEnd::Failed(error)) => {
                explain::error(&self.words, error, explain::standpoint(card)).happened
            }
            Some(CardEnd::CutOff) => self.words.say("err-internal"),
            None => self.words.say("notify-asked-body"),
        };
        self.notify(ctx, title, body);
    }

    /// Shows a notification and asks for attention, if the window is in the background and the settings allow it.
    pub(super) fn notify(&self, ctx: &Context, title: String, body: String) {
        let is_here = ctx.input(|input| input.viewport().focused.unwrap_or(true));
        if is_here || !self.state.settings.notifications {
            return;
        }
        self.desk.ask(Job::Notify { title, body });
        ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(UserAttentionType::Informational));
    }
}
