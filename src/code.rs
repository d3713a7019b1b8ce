//! The code phrase that two people share: drawing one, reading one, showing one, and the invite link around it.
//!
//! The engine, the window and the headless commands call this module; `crypto` takes the phrase's bytes. It knows
//! nothing of sockets, of key agreement or of what the code unlocks.
//!
//! A code is at least four parts joined by dashes. Words 1 and 2 name the room, the rest is the secret; the key
//! agreement runs over all of it. There are two kinds:
//!
//! - a *listed* code, `acid-coyote-mustard-tulip`: every part is a word of the list. It may be typed by three-letter
//!   prefixes, and a slip is offered for repair, not repaired silently ([`words::find`] names the exception);
//! - an *own* code, `blue-horse-7731-kitchen`, which a sender made up. It is taken as it stands.
//!
//! Sender and receiver decide between the two by one function (`settle`), so they can't disagree; what it
//! would take for a mistyped listed code, it refuses to a sender as an own code.

mod draw;
mod error;
mod invite;
mod parts;
mod phrase;
mod reading;
mod settle;
pub mod words;

pub use error::{CodeError, Typed};
pub use invite::{Invite, SCHEME, parse_any};
pub use phrase::{CodePhrase, MAX_CODE_BYTES, MAX_DRAWN_WORDS, MAX_INPUT_BYTES, MIN_PART_CHARS, MIN_PARTS};
