//! What interrupted transfers left on this computer: the list of them, the wish to go on with one, the question before one
//! is removed. The disk is the desk's; here is what the window remembers.

use super::action::Resume;
use crate::engine::Unfinished;

/// See the module.
#[derive(Default)]
pub(in crate::app) struct UnfinishedList {
    /// The latest first.
    pub(in crate::app) list: Vec<Unfinished>,
    /// What the next receive goes on with.
    pub(in crate::app) resume: Option<Resume>,
    /// The one that a person is about to remove.
    pub(in crate::app) asked: Option<String>,
}

impl UnfinishedList {
    /// What the person is asked about, if it is still there.
    pub(in crate::app) fn asked(&self) -> Option<&Unfinished> {
        let id = self.asked.as_ref()?;
        self.list.iter().find(|unfinished| unfinished.id == *id)
    }

    /// Takes something out that is about to be removed.
    pub(in crate::app) fn take(&mut self, id: &str) -> Option<Unfinished> {
        let index = self.list.iter().position(|unfinished| unfinished.id == id)?;
        let taken = self.list.remove(index);
        self.resume.take_if(|resume| resume.staging == taken.staging());
        Some(taken)
    }
}
