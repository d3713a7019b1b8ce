//! One transfer, from either side: [`send`] and [`receive`] are the two state machines, and every other module serves
//! one or both of them. A module imports only from those above it in this list:
//!
//! - [`show`], [`path_mode`], [`progress`], `meter`, [`error`]: types that the engine, the window and the headless commands share
//! - `croc`: what a send to a croc and a receive from one share, with the feature `croc`
//! - [`plan`]: what moves and where it is stored; pure
//! - [`file_states`], [`offer`], [`notice`]: further shared types
//! - [`fingerprint`]: what tells that a file has changed, and hashes of files that have not
//! - [`source`]: what a sender reads
//! - [`sink`]: where a receiver stores what arrives
//! - [`link`]: from a code to a sealed channel, and how it reconnects
//! - [`lanes`]: the connections that carry blocks
//! - [`send`], [`receive`]: the two sides

#[cfg(feature = "croc")]
pub mod croc;
pub mod error;
pub(crate) mod file_states;
pub(crate) mod fingerprint;
pub(crate) mod lanes;
pub mod link;
pub(crate) mod meter;
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
