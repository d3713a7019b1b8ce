//! The thumbnails for which a receiver asks while its user reads the offer: of pictures that are in sight, a few at a time.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::watch;

use crate::{
    protocol::{
        manifest::Manifest,
        peer::FromReceiver,
        thumbnail::{MAX_THUMBNAILS, Thumbnail},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        link::control::Control,
        notice::Notice,
    },
};

/// How many questions may be open at once. More would still be answered when the user has scrolled on.
const OPEN: usize = 8;

/// What has been asked about one offer.
pub(super) struct ThumbnailQuestions {
    manifest: Arc<Manifest>,
    /// What the user sees, as entries; the latest counts.
    in_sight: watch::Receiver<Vec<u32>>,
    asked: HashSet<u32>,
    open: HashSet<u32>,
}

impl ThumbnailQuestions {
    pub(super) fn new(manifest: Arc<Manifest>, in_sight: watch::Receiver<Vec<u32>>) -> Self {
        Self { manifest, in_sight, asked: HashSet::new(), open: HashSet::new() }
    }

    /// Waits until something else is in sight. Never returns if nobody can say so any more. Safe to drop and call again.
    pub(super) async fn scrolled(&mut self) {
        if self.in_sight.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Asks for what is in sight and was not asked for, as far as there is room for more questions.
    pub(super) fn ask(&mut self, control: &mut Control) -> Result<(), TransferError> {
        let mut wanted = Vec::new();
        for entry in self.in_sight.borrow_and_update().iter().copied() {
            let has_room = self.open.len() < OPEN && self.asked.len() < MAX_THUMBNAILS as usize;
            if has_room && self.manifest.file(entry).is_some() && self.asked.insert(entry) {
                self.open.insert(entry);
                wanted.push(entry);
            }
        }
        if wanted.is_empty() { Ok(()) } else { control.say(&FromReceiver::Thumbnails(wanted)) }
    }

    /// Takes in an answer. `message` is the name of its message, for an error.
    pub(super) fn hear(
        &mut self,
        entry: u32,
        thumbnail: Option<Thumbnail>,
        message: &'static str,
    ) -> Result<Notice, Misbehaviour> {
        if !self.open.remove(&entry) {
            let was_asked = self.asked.contains(&entry);
            return Err(if was_asked {
                Misbehaviour::OutOfTurn(message)
            } else {
                Misbehaviour::UnknownEntry
            });
        }
        Ok(Notice::Thumbnail { entry, thumbnail: thumbnail.map(Arc::new) })
    }
}
