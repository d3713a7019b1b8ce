//! What is drawn. A view reads the state and returns what the person did as [`Action`]s; only the text of a field is
//! changed in place. Nothing here waits, and nothing here touches a disk or a socket.

mod branches;
mod card_parts;
mod drop_zone;
mod ended;
pub(super) mod header;
pub(super) mod history;
mod offer;
pub(super) mod page;
mod question;
pub(super) mod quit;
pub(super) mod receive;
mod send_card;
pub(super) mod settings;
mod transfer;
pub(super) mod unfinished;

use std::time::Instant;

use eframe::egui::{Rect, TextureId};

use super::{model::action::Action, words::Words};
use crate::engine::TaskId;

/// Where the cards are on the screen on which something can be dropped: those of sends that wait, or whose receiver can be
/// offered more.
pub(super) type CardRects = Vec<(TaskId, Rect)>;

/// What every view needs.
pub(super) struct View<'a> {
    pub(super) words: &'a Words,
    pub(super) now: Instant,
    /// The program's icon.
    pub(super) icon: TextureId,
    pub(super) actions: &'a mut Vec<Action>,
}

impl View<'_> {
    /// The person did this.
    pub(super) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Words without arguments.
    pub(super) fn say(&self, key: &str) -> String {
        self.words.say(key)
    }
}
