//! What is drawn. A view reads the state and returns what the user did as [`Action`]s; the only thing it changes in
//! place is a field's own text. Nothing here waits, and nothing here touches a disk or a socket.

mod branches;
mod card_parts;
mod confirmation;
mod drop_zone;
mod ended;
mod file_list;
pub(super) mod first_steps;
mod for_croc;
pub(super) mod header;
pub(super) mod history;
pub(super) mod licences;
mod offer;
pub(super) mod page;
pub(super) mod people;
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

use eframe::egui::{Rect, Response, TextureId};

use super::{
    model::{action::Action, state::State},
    widgets::Textures,
    words::Words,
};
use crate::engine::{PairId, TaskId};

/// What files can be dropped on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DropTarget {
    /// A send that still waits, or one whose receiver can be offered more.
    Transfer(TaskId),
    /// A person, to whom they are sent.
    Person(PairId),
}

/// Gives the keyboard to this control of a dialog that has just opened, unless the dialog has given it to another one.
fn take_keyboard_of_dialog(state: &State, control: &Response) {
    if state.dialog_opens && control.ctx.memory(|memory| memory.focused().is_none()) {
        control.request_focus();
    }
}

/// Where on the screen that is which takes a drop.
pub(super) type DropRects = Vec<(DropTarget, Rect)>;

/// What every view is given.
pub(super) struct View<'a> {
    pub(super) words: &'a Words,
    pub(super) now: Instant,
    /// The program's icon.
    pub(super) icon: TextureId,
    /// The thumbnails that are in sight.
    pub(super) textures: &'a mut Textures,
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
