//! What has to hold for any bytes that come from elsewhere: one function for each decoder of foreign bytes, which panics
//! when it doesn't hold. `fuzz/` runs them with a fuzzer, `tests/fuzz` over the seeds and their mutations.
//!
//! "It doesn't crash" is the least of it. What decodes has to encode to something that decodes to the same, limits have to hold,
//! a path that comes out has to be safe by a second opinion, and a forged record must not open. Nothing in the program
//! calls this module.
//!
//! - `network`: what comes from a socket
//! - `croc`: what comes from a croc, with the feature `croc`
//! - `offer`: what a peer's offer holds
//! - `text`: what users type and paste
//! - `files`: what the program finds on the disk
//!
//! `crypto` and, with the feature `gui`, `app` have their own functions, which need what nobody outside may touch.

#[cfg(feature = "croc")]
mod croc;
mod files;
mod network;
mod offer;
mod text;

#[cfg(feature = "croc")]
pub use croc::{
    croc_chunk, croc_code, croc_frame, croc_handshake, croc_list, croc_messages, croc_pake, croc_ranges,
    croc_relay,
};
pub use files::{history, journal, people, settings};
pub use network::{addresses, frame, handshake, peer_messages, relay_messages, relay_opening};
pub use offer::{manifest, names, tree_hash};
pub use text::{code, invite_link};

#[cfg(feature = "croc")]
pub use network::croc_client;

#[cfg(feature = "gui")]
pub use crate::app::fuzzing::{instance, uri_list};
pub use crate::crypto::fuzzing::record;
