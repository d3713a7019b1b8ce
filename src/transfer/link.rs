//! How two peers get from a code to a sealed channel, and how they reconnect when its connection is lost.
//!
//! - [`handshake`]: from a code and a fresh stream to keys
//! - [`rendezvous`]: how the two peers find each other
//! - [`invitation`]: a second code that a running session names
//! - [`call`]: what one side tells another that it knows already, so that the other comes as a receiver
//! - `forgeries`: records that were changed on their way
//! - [`direct`]: connections from one machine to the other; [`online`]: connections over the internet
//! - [`reconnect`]: how the two peers find each other again after a lost connection
//! - [`pipe`]: a byte stream between the two peers, whatever carries it; [`opener`]: how lanes are opened
//! - [`session`]: what a control channel begins with
//! - `wire`: one connection of the control channel; [`control`]: the channel over all of them
//! - [`activity`]: what this side is doing that may take long; [`watchdog`]: why nothing moves

pub(crate) mod activity;
pub(crate) mod call;
pub(crate) mod control;
pub(crate) mod direct;
pub(crate) mod forgeries;
pub mod handshake;
pub mod invitation;
pub(crate) mod online;
pub(crate) mod opener;
pub(crate) mod pipe;
pub(crate) mod reconnect;
pub mod rendezvous;
pub(crate) mod session;
pub(crate) mod watchdog;
mod wire;
