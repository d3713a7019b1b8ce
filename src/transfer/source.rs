//! What a sender reads.
//!
//! - [`scan`]: the chosen paths become a manifest and a note of where each file is
//! - [`listing`]: what is going to be offered
//! - [`outgoing`]: the bytes, block by block, with their hashes
//! - `picture`: thumbnails of pictures, in programs with a window

pub(crate) mod listing;
pub(crate) mod outgoing;
#[cfg(feature = "gui")]
pub(crate) mod picture;
pub(crate) mod scan;
