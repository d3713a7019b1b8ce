//! What the window remembers about interrupted transfers: the list of them, the wish to resume one, and the question
//! before one is deleted. The desk reads and deletes them.

use super::action::Resume;
use crate::engine::Unfinished;

/// The interrupted transfers.
#[derive(Default)]
pub(in crate::app) struct UnfinishedList {
    /// The interrupted transfers, the latest first.
    pub(in crate::app) list: Vec<Unfinished>,
    /// What the next receive resumes.
    pub(in crate::app) resume: Option<Resume>,
    /// The transfer that the user is asked about before it is deleted.
    pub(in crate::app) asked: Option<String>,
}

impl UnfinishedList {
    /// The transfer that the user is asked about, if it is still there.
    pub(in crate::app) fn asked(&self) -> Option<&Unfinished> {
        let id = self.asked.as_ref()?;
        self.list.iter().find(|unfinished| unfinished.id == *id)
    }

    /// Takes a transfer that is about to be deleted out of the list.
    pub(in crate::app) fn take(&mut self, id: &str) -> Option<Unfinished> {
        let index = self.list.iter().position(|unfinished| unfinished.id == id)?;
        let taken = self.list.remove(index);
        self.resume.take_if(|resume| resume.staging == taken.staging());
        Some(taken)
    }
}
