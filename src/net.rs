//! Sockets that speak the protocol's frames. Called by `relay` and `transfer`; knows no keys and no files.

pub mod access;
pub mod addresses;
pub mod backoff;
pub mod client;
pub mod gateway;
pub mod io;
pub mod socket;
