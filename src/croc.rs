//! The protocol of croc, versions 10 and 11, so that a user can receive from and send to a peer that has croc.
//!
//! Everything here is pure: bytes in, bytes out, no socket, disk or clock. What a peer sends is hostile until it is checked, and
//! nothing in it reaches an allocation, an index or a path before that.
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
//! Numbers of sections in these files are those of the description of croc's protocol that the project keeps.

pub mod channel;
pub mod chunks;
pub mod code;
pub mod error;
pub mod frame;
pub mod hashes;
pub mod manifest;
pub mod message;
pub mod pake;
