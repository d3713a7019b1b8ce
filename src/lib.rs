//! Caiman moves files from one computer to another: end-to-end encrypted, over parallel connections, directly or through
//! a relay that can read nothing.
//!
//! The crate is a library with a thin binary on top. Read it in this order: a module imports only from modules that come
//! before it. ARCHITECTURE.md states the rules in full, and a test checks them.
//!
//! - [`sync`]: how to lock, and what a panic under a lock does
//! - [`units`]: sizes and rates as users write them
//! - [`raw_name`]: names that aren't UTF-8, as text
//! - `foreign`: which characters of text from elsewhere are escaped before a user sees it
//! - `hex`: bytes as hexadecimal digits
//! - [`labels`]: every label that separates one use of a key or a hash from another
//! - [`code`]: the code that two users share, four words unless they choose otherwise
//! - [`panics`]: what happens after a panic, and the report of it
//! - [`crypto`]: key agreement, key derivation, sealed records; bytes in, bytes out
//! - [`protocol`]: messages, limits, frames, the manifest and [`protocol::RelPath`]; no sockets, no clock
//! - [`net`]: sockets that speak the protocol's frames, the client's side of a relay, and requests to a gateway
//! - `croc`: the protocol of croc, with the feature `croc`
//! - [`platform`]: what differs between operating systems in files, links and times
//! - [`relay`]: the server that pairs two strangers and copies bytes between them
//! - [`discovery`]: announcing a room on the local network, and finding one there
//! - [`transfer`]: the sending and the receiving side of one transfer
//! - [`engine`]: commands in, events out, on a thread of its own
//! - [`store`]: the small files that the program keeps for itself
//! - [`settings`]: what the user has chosen
//! - [`history`]: past transfers
//! - [`people`]: those that the user has remembered
//! - `app`: the window, with the feature `gui`
//! - [`cli`]: the headless commands, which use the engine and plain data
//! - [`fuzzing`]: what has to hold for any foreign bytes; only tests call it

#[cfg(feature = "gui")]
pub mod app;
pub mod cli;
pub mod code;
#[cfg(feature = "croc")]
pub mod croc;
pub mod crypto;
pub mod discovery;
pub mod engine;
mod foreign;
#[doc(hidden)]
pub mod fuzzing;
mod hex;
pub mod history;
mod host;
pub mod labels;
pub mod net;
pub mod panics;
pub mod people;
pub mod platform;
pub mod protocol;
pub mod raw_name;
pub mod relay;
pub mod settings;
pub mod store;
pub mod sync;
pub mod transfer;
pub mod units;
