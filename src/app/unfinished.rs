//! What interrupted transfers left on this computer: the list of them, the wish to go on with one, the question before one
//! is removed. The disk is the desk's; here is what the window remembers, and when it asks.

use std::path::{Path, PathBuf};

use eframe::egui::{Context, Id};

use super::{
    Window,
    action::Action,
    card::Direction,
    desk::Job,
    explain,
    state::{Dialog, State},
    widgets::Tone,
};
use crate::engine::{TaskId, Unfinished};

/// See the module.
#[derive(Default)]
pub(super) struct UnfinishedList {
    /// The latest first.
    pub(super) list: Vec<Unfinished>,
    /// What the next receive goes on with.
    pub(super) resume: Option<Resume>,
    /// The one that a person is about to remove, and what had the keyboard before they were asked.
    asked: Option<(String, Option<Id>)>,
}

/// Something that a person wants to go on with. The sender has to offer it again, under a new code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resume {
    /// What it is called.
    pub(super) name: String,
    /// Where what is here of it lies.
    pub(super) staging: PathBuf,
}

impl Resume {
    /// The folder that it has to be received into, so that what is here is found.
    pub(super) fn folder(&self) -> &Path {
        self.staging.parent().unwrap_or(&self.staging)
    }
}

impl UnfinishedList {
    /// What the person is asked about, if it is still there.
    pub(super) fn asked(&self) -> Option<&Unfinished> {
        let (id, _) = self.asked.as_ref()?;
        self.list.iter().find(|unfinished| unfinished.id == *id)
    }

    /// Takes something out that is about to be removed.
    fn take(&mut self, id: &str) -> Option<Unfinished> {
        let index = self.list.iter().position(|unfinished| unfinished.id == id)?;
        let taken = self.list.remove(index);
        self.resume.take_if(|resume| resume.staging == taken.staging());
        Some(taken)
    }
}

impl State {
    /// The list was read; what lay in `gone` is no longer there.
    pub(super) fn listed(&mut self, list: Vec<Unfinished>, gone: &[PathBuf]) {
        self.unfinished.list = list;
        self.unfinished.resume.take_if(|resume| gone.contains(&resume.staging));
        for card in &mut self.cards {
            card.kept.take_if(|kept| gone.contains(kept));
        }
        if self.dialog == Some(Dialog::Discard) && self.unfinished.asked().is_none() {
            self.dialog = None;
        }
    }
}

impl Window {
    /// Has the list read, and looked whether what cards say that they kept is still there.
    pub(super) fn list_unfinished(&self) {
        let cards = self.state.cards.iter().filter_map(|card| card.kept.clone());
        let resume = self.state.unfinished.resume.as_ref().map(|resume| resume.staging.clone());
        self.desk.ask(Job::ListUnfinished { kept: cards.chain(resume).collect() });
    }

    /// The same, if this transfer brings something here: one that begins takes what it goes on with out of the list, and one
    /// that breaks off stands in it.
    pub(super) fn look_for_unfinished(&mut self, id: TaskId) {
        if self.state.card(id).is_some_and(|card| card.direction == Direction::Receiving) {
            self.list_unfinished();
        }
    }

    /// The next receive goes on with this.
    pub(super) fn resume(&mut self, ctx: &Context, resume: Resume) {
        self.state.unfinished.resume = Some(resume);
        self.focus_code(ctx);
    }

    /// Asks before something is removed.
    pub(super) fn ask_discard(&mut self, ctx: &Context, id: String) {
        // The question's own button takes it.
        let before = ctx.memory_mut(|memory| {
            let before = memory.focused();
            before.inspect(|id| memory.surrender_focus(*id))
        });
        self.state.unfinished.asked = Some((id, before));
        self.perform(ctx, Action::Show(Some(Dialog::Discard)));
    }

    /// Once the question is answered, the keyboard goes back to where it was.
    pub(super) fn give_keyboard_back(&mut self, ctx: &Context) {
        if self.state.dialog == Some(Dialog::Discard) || self.state.unfinished.asked.is_none() {
            return;
        }
        // The toolkit keeps the keyboard from the page for one frame more.
        if ctx.memory(|memory| memory.top_modal_layer().is_some()) {
            ctx.request_repaint();
        } else if let Some((_, Some(before))) = self.state.unfinished.asked.take() {
            ctx.memory_mut(|memory| memory.request_focus(before));
        }
    }

    /// Removes what the person was asked about.
    pub(super) fn discard(&mut self, ctx: &Context, name: String) {
        let id = self.state.unfinished.asked().map(|unfinished| unfinished.id.clone());
        if let Some(discarded) = id.and_then(|id| self.state.unfinished.take(&id)) {
            self.desk.ask(Job::Discard { id: discarded.id, name });
        }
        self.perform(ctx, Action::Show(None));
    }

    /// Something was removed, or wasn't.
    pub(super) fn discarded(&mut self, name: String, discarded: std::io::Result<bool>) {
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
