//! The server that pairs two strangers and copies bytes between them.

mod bucket;
mod config;
mod quota;
mod rooms;

pub use config::{AccessPassword, Limits, RelayConfig};
