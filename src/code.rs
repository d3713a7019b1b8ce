//! The code phrase that two people share: drawing, reading and showing it, and the invite link around it.
//!
//! The engine, the window and the headless commands call this module; `crypto` takes the phrase's bytes. It knows
//! nothing about sockets, key agreement or what the code unlocks.
//!
//! A code is at least four parts joined by dashes. Words 1 and 2 name the room, the rest is the secret; the key
//! agreement runs over all of it. There are two kinds:
//!
//! - a *listed* code, `acid-coyote-mustard-tulip`: every part is a word of the list. It may be abbreviated to three letters
//!   a word. For a typing slip the repaired code is offered, and never taken silently ([`words::find`] names the exception).
//! - an *own* code, `blue-horse-7731-kitchen`, which a sender made up. It is taken as it stands.
//!
//! Sender and receiver decide between the two by the same function (`settle`), so they can't disagree. A sender may not use an
//! own code that this function takes for a mistyped listed one.
//!
//! Codes that no user ever sees are made of key material (`derived`).
//!
//! `phrase` has the type that everything else here is built on, `draw` makes one, and `parts`, `settle`, `reading`, `invite`
//! and `pasted` lead from typed text to one.

mod derived;
mod draw;
mod error;
mod invite;
mod parts;
mod pasted;
mod phrase;
mod reading;
mod settle;
pub mod words;

pub use error::{CodeError, Typed};
pub use invite::{Invite, SCHEME};
pub use pasted::parse_any;
pub use phrase::{CodePhrase, MAX_CODE_BYTES, MAX_DRAWN_WORDS, MAX_INPUT_BYTES, MIN_PART_CHARS, MIN_PARTS};
