//! The protocol of croc, versions 10 and 11, so that a user can receive from and send to a peer that has croc.
//!
//! It names no part of Caiman's own protocol, and nothing of it is part of that. What a peer sends is hostile until it is checked, and
//! nothing in it reaches an allocation, an index or a path before that.
//!
//! These are pure: bytes in, bytes out, no socket, disk or clock.
//!
//! - [`frame`]: the frames of which every connection consists
//! - [`pake`]: the key exchange, over four curves
//! - [`channel`]: sealing, DEFLATE, and the keys of a transfer
//! - [`message`]: control messages
//! - [`manifest`]: the sender's list of files
//! - [`chunks`]: the pieces of a file, and which of them are wanted
//! - [`hashes`]: by which croc tells whether a file has arrived
//! - [`code`]: croc's codes, and how a text is recognised as one
//!
//! These run over any byte stream:
//!
//! - [`link`]: frames over a connection
//! - [`client`]: how a client joins a room of a croc relay
//! - [`host`]: the relay's side of that
//! - [`control`]: the control channel, from the first frame to sealed messages
//! - [`lanes`]: the data connections of a receiver
//! - [`receive`]: a transfer as the receiver, step by step

pub mod channel;
pub mod chunks;
pub mod client;
pub mod code;
pub mod control;
pub mod error;
pub mod frame;
pub mod hashes;
pub mod host;
pub mod lanes;
pub mod link;
pub mod manifest;
pub mod message;
pub mod pake;
pub mod receive;

#[cfg(test)]
mod tests;
