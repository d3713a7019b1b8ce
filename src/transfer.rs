//! One transfer, from either side: [`send`] and [`receive`] are the two state machines, and every other room serves one or
//! both of them. A room imports only from those above it in this list:
//!
//! - the words that engine, window and headless commands share: [`show`], [`error`], [`progress`], [`offer`], [`notice`],
//!   [`path_mode`]
//! - [`plan`]: what moves and where it lands; pure
//! - [`fingerprint`]: how a file looked, and hashes of files that stayed as they were
//! - [`source`]: what a sender reads
//! - [`sink`]: where what arrives lands
//! - [`link`]: from a code to a sealed channel, and back to it
//! - [`lanes`]: blocks on their way
//! - [`send`], [`receive`]: the two sides

pub mod error;
pub(crate) mod fingerprint;
pub(crate) mod lanes;
pub mod link;
pub mod notice;
pub(crate) mod offer;
pub(crate) mod path_mode;
pub mod plan;
pub(crate) mod progress;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod show;
pub(crate) mod sink;
pub(crate) mod source;
#[cfg(test)]
mod tests;
