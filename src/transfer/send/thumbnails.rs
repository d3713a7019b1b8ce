//! The thumbnails for which a receiver asks before it answers the offer. Each file is decoded at most once, and one at a time, so
//! a receiver that asks for all that it may ask for takes one processor for a while, and no more.

use std::{collections::VecDeque, future};

use crate::{
    panics::{Blocking, spawn_blocking},
    protocol::{
        manifest::Manifest,
        thumbnail::{MAX_THUMBNAILS, Thumbnail},
    },
    transfer::{error::Misbehaviour, plan::blocks::BlockSet, source::outgoing::Content},
};

#[cfg(feature = "gui")]
use crate::transfer::source::picture::thumbnail;

/// A program without a window has no decoders, and so no thumbnail of anything.
#[cfg(not(feature = "gui"))]
fn thumbnail(_: &crate::transfer::source::scan::Origin) -> Option<Thumbnail> {
    None
}

/// What one receiver has asked for. A file that is being decoded when this is dropped is decoded to its end, for nobody.
#[derive(Default)]
pub(super) struct ThumbnailRequests {
    asked: BlockSet,
    due: VecDeque<u32>,
    work: Option<(u32, Blocking<Option<Thumbnail>>)>,
}

impl ThumbnailRequests {
    /// Takes a question about files of the offer, each of which may be asked about once. `message` is the name of the message that
    /// brought it, for an error.
    pub(super) fn ask(
        &mut self,
        entries: &[u32],
        manifest: &Manifest,
        message: &'static str,
    ) -> Result<(), Misbehaviour> {
        for entry in entries {
            manifest.file(*entry).ok_or(Misbehaviour::UnknownEntry)?;
            if self.asked.len() >= MAX_THUMBNAILS.into() || !self.asked.insert((*entry).into()) {
                return Err(Misbehaviour::OutOfTurn(message));
            }
            self.due.push_back(*entry);
        }
        Ok(())
    }

    /// The next answer: an entry and its thumbnail, if it has one. Never returns if there is nothing to answer. Safe to drop and
    /// call again.
    pub(super) async fn next(&mut self, content: &Content) -> (u32, Option<Thumbnail>) {
        let (Content::Files(origins), None) = (content, &self.work) else { return self.made().await };
        if let Some(entry) = self.due.pop_front() {
            let origin = origins.get(entry as usize).cloned().unwrap_or_default();
            self.work = Some((entry, spawn_blocking(move || thumbnail(&origin))));
        }
        self.made().await
    }

    async fn made(&mut self) -> (u32, Option<Thumbnail>) {
        let Some((entry, work)) = &mut self.work else { return future::pending().await };
        let made = (*entry, work.await);
        self.work = None;
        made
    }
}
