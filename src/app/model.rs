//! What the window knows and what can be asked of it. Everything here is pure: it names no toolkit, socket, disk or
//! clock. Events and the user's actions change it, and views read it.
//!
//! - `action`: what the user can ask for
//! - `card`: one transfer
//! - `code_field`: the code being typed
//! - `file_list`: how far each file of a running transfer has come
//! - `for_croc`: the code for croc that a send has
//! - `passing_on`: how the code of a send is passed on
//! - `people`: the people that the user has remembered
//! - `pictures`: thumbnails of what is offered
//! - `settings_form`: the settings being edited
//! - `sheet`: an offer that waits for its answer
//! - `standing`: whether a transfer waits, moves or stands still
//! - `state`: everything together
//! - `tone`: how good or bad a message is
//! - `tree`: the entries of an offer
//! - `unfinished`: what interrupted transfers left

pub(super) mod action;
pub(super) mod card;
pub(super) mod code_field;
pub(super) mod file_list;
pub(super) mod for_croc;
mod passing_on;
pub(super) mod people;
pub(super) mod pictures;
pub(super) mod settings_form;
pub(super) mod sheet;
pub(super) mod standing;
pub(super) mod state;
pub(super) mod tone;
pub(super) mod tree;
pub(super) mod unfinished;
