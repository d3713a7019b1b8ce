//! The server that pairs two strangers and copies bytes between them. It learns room ids, addresses, sizes and times,
//! never a code, a name or a byte of content, and it writes nothing to disk.
//!
//! Called by `engine`, which also runs one inside a sender's process. Signals are not its business: a relay is stopped
//! through [`CancellationToken`](tokio_util::sync::CancellationToken)s. It knows the wire (`protocol::relay`, `net`) and no cryptography
//! but the password's proof.
//!
//! One task serves one connection. When two are paired, the connection that came second moves into the first one's
//! task, which copies until both are done. [`Relay::serve`] owns all tasks and joins them; dropping its future aborts
//! them. What is pure (`rooms`, `quota`, `bucket`) stands behind locks in `shared`, whose guards give back whatever a
//! task held, however it ends.
//!
//! Logs: what an operator should know is at `info` and `warn`, without addresses; at `debug` each connection goes by
//! a number, and its address stands once beside it. No log names a room, a token, a password or a message.

mod bucket;
mod config;
mod connection;
mod control;
mod copy;
mod exporter;
mod lane;
mod listen;
mod metrics;
mod ports;
mod quota;
mod refusal;
mod rooms;
mod server;
mod shared;
mod splice;

pub use config::{AccessPassword, Limits, RelayConfig};
pub use ports::{BadPorts, Ports};
pub use server::{Relay, RelayError};
