//! The list of a running transfer's files, with how far each has come. The engine makes it only while it is open.

use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::{FileStates, FileWatch};

/// The list of one transfer.
#[derive(Default)]
pub(in crate::app) struct FileList {
    watch: FileWatch,
    looking: Option<watch::Receiver<Option<Arc<FileStates>>>>,
    latest: Option<Arc<FileStates>>,
}

impl FileList {
    /// Takes where a transfer that has begun shows its files.
    pub(super) fn follow(&mut self, watch: FileWatch) {
        self.watch = watch;
    }

    /// Opens or closes the list.
    pub(in crate::app) fn open(&mut self, is_open: bool) {
        self.looking = is_open.then(|| self.watch.look());
        self.latest = None;
    }

    /// Takes the latest states.
    pub(super) fn tick(&mut self) {
        if let Some(looking) = &mut self.looking {
            self.latest.clone_from(&looking.borrow_and_update());
        }
    }

    /// How far each file has come, while the list is open and something is known.
    pub(in crate::app) fn states(&self) -> Option<&FileStates> {
        self.latest.as_deref()
    }
}
