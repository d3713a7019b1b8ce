//! Sockets that carry the protocol's frames; the client's side of a relay and of a gateway. Called by `relay`, `discovery` and
//! `transfer`; knows no keys and no files.

pub mod access;
pub mod addresses;
pub mod backoff;
pub mod client;
pub mod gateway;
pub mod internet;
pub mod io;
mod nat64;
pub mod proxy;
pub mod relay_address;
pub mod segments;
pub mod socket;
pub mod venue;
