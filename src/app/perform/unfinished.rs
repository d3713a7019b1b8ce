//! Lists interrupted transfers, resumes one, and deletes one once the user has confirmed that.

use eframe::egui::Context;

use crate::{
    app::{
        desktop::desk::Job,
        explain,
        model::{
            action::{Action, Dialog, Resume},
            tone::Tone,
        },
        window::Window,
    },
    engine::TaskId,
    history::Direction,
};

impl Window {
    /// Has the interrupted transfers listed, and checks whether the folders that cards name as kept still exist.
    pub(in crate::app) fn list_unfinished(&self) {
        let cards = self.state.cards.iter().filter_map(|card| card.kept.clone());
        let resume = self.state.unfinished.resume.as_ref().map(|resume| resume.staging.clone());
        self.desk.ask(Job::ListUnfinished { kept: cards.chain(resume).collect() });
    }

    /// Has the interrupted transfers listed again because a receive has begun or ended. One that begins takes what it
    /// resumes out of the list, and one that breaks off adds itself to it. For a send this does nothing.
    pub(super) fn relist_for(&mut self, id: TaskId) {
        if self.state.card(id).is_some_and(|card| card.direction == Direction::Received) {
            self.list_unfinished();
        }
    }

    /// Lets the next receive resume this transfer.
    pub(in crate::app) fn resume(&mut self, ctx: &Context, resume: Resume) {
        self.state.unfinished.resume = Some(resume);
        self.focus_code(ctx);
    }

    /// Asks before an interrupted transfer is deleted.
    pub(super) fn ask_discard(&mut self, ctx: &Context, id: String) {
        self.state.unfinished.asked = Some(id);
        self.perform(ctx, Action::Show(Some(Dialog::Discard)));
    }

    /// Deletes what the user was asked about.
    pub(in crate::app) fn discard(&mut self, ctx: &Context, name: String) {
        let id = self.state.unfinished.asked().map(|unfinished| unfinished.id.clone());
        if let Some(discarded) = id.and_then(|id| self.state.unfinished.take(&id)) {
            // Else the person's next call would bring it back unasked.
            if self.state.people.whose(&discarded.offer).is_some() {
                self.note_of_people(move |people| people.note_discarded(&discarded.offer));
            }
            self.desk.ask(Job::Discard { id: discarded.id, name });
        }
        self.perform(ctx, Action::Show(None));
    }

    /// Takes the outcome of a deletion.
    pub(in crate::app) fn discarded(&mut self, name: String, discarded: std::io::Result<bool>) {
        match discarded {
            Ok(true) => {}
            Ok(false) => {
                let args = [("name", name.into())];
                self.state.tell(Tone::Warning, self.words.tell("not-discarded-in-use", &args));
            }
            Err(error) => {
                let text = explain::not_discarded(&self.words, &name, &error);
                self.state.tell(Tone::Bad, text);
            }
        }
        self.list_unfinished();
    }
}
