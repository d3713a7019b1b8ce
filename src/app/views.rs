//! What is drawn. A view reads the state and returns what the user did as [`Action`]s; the only thing it changes in
//! place is a field's own text. Nothing here waits, and nothing here touches a disk or a socket.

mod branches;
mod card_parts;
mod confirmation;
mod drop_zone;
mod ended;
pub(super) mod header;
pub(super) mod history;
pub(super) mod licences;
mod offer;
pub(super) mod page;
pub(super) mod quit;
pub(super) mod receive;
mod send_card;
pub(super) mod settings;
mod taken;
pub(super) mod text;
mod transfer;
mod tree;
pub(super) mod unfinished;

use std::time::Instant;

use eframe::egui::{Rect, TextureId};

use super::{model::action::Action, words::Words};
use crate::engine::TaskId;

/// Where on the screen the cards are that take a drop: sends that still wait, and sends whose receiver can be offered
/// more.
pub(super) type CardRects = Vec<(TaskId, Rect)>;

/// What every view is given.
pub(super) struct View<'a> {
    pub(super) words: &'a Words,
    pub(super) now: Instant,
    /// The program's icon.
    pub(super) icon: TextureId,
    /// The address of the list of releases, if there is one.
    pub(super) releases: Option<&'a str>,
    pub(super) actions: &'a mut Vec<Action>,
}

impl View<'_> {
    /// Records what the user did.
    pub(super) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// The text of a message without arguments.
    pub(super) fn say(&self, key: &str) -> String {
        self.words.say(key)
    }
}
