//! From a code to a sealed channel between two peers, and back to it when its connection is lost.
//!
//! - [`handshake`]: from a code and a fresh stream to keys
//! - [`rendezvous`]: how the two find each other
//! - [`invitation`]: a second code that a running session names
//! - [`direct`]: connections from one machine to the other
//! - [`reconnect`]: the way back after a lost connection
//! - [`door`]: how lanes are opened
//! - `wire`: one connection of the control channel; [`control`]: the channel over all of them
//! - [`watchdog`]: why nothing moves

pub mod control;
pub mod direct;
pub mod door;
pub mod handshake;
pub mod invitation;
pub mod reconnect;
pub mod rendezvous;
pub mod watchdog;
mod wire;
