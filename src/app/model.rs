//! What the window knows, and what is asked of it. Pure: no toolkit, socket, disk or clock. Events and the person's doings
//! change it, views read it.

pub(super) mod action;
pub(super) mod card;
pub(super) mod code_field;
pub(super) mod meter;
pub(super) mod settings_form;
pub(super) mod sheet;
pub(super) mod standing;
pub(super) mod state;
pub(super) mod tone;
pub(super) mod tree;
pub(super) mod unfinished;
