//! One transfer, from either side. `send` and `receive` are the two state machines; everything else is a part that one or
//! both of them use.
//!
//! Pure parts: [`plan`], [`placement`], [`names`], [`blocks`], [`tree_hash`], [`watchdog`], [`show`]. Parts that touch the disk:
//! [`scan`], [`listing`], [`outgoing`] (sender), [`staging`], [`layout`], [`delivery`], [`journal`],
//! [`leftovers`], [`holders`], [`unfinished`], [`same`] (receiver; the sender hashes with it too). Parts that touch the network:
//! [`rendezvous`], [`handshake`], [`invitation`], [`rejoin`], [`control`], [`lanes`].

pub mod blocks;
pub mod control;
pub mod delivery;
pub mod direct;
pub mod door;
pub mod error;
pub mod fingerprint;
pub mod handshake;
pub mod holders;
pub mod invitation;
pub mod journal;
pub mod lanes;
pub mod layout;
pub mod leftovers;
pub mod listing;
pub mod names;
pub mod notice;
pub mod offer;
pub mod ordered;
pub mod outgoing;
mod pace;
pub mod path_mode;
pub mod placement;
pub mod plan;
pub mod progress;
pub mod queue;
pub mod receive;
pub mod rejoin;
pub mod rendezvous;
pub mod same;
pub mod scan;
pub mod send;
pub mod show;
pub mod sink;
pub mod staging;
pub mod survey;
pub mod throttle;
pub mod tree_hash;
pub mod unfinished;
pub mod watchdog;
mod wire;
