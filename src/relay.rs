//! The server that pairs two clients and copies bytes between them. It learns room ids, addresses, sizes and times,
//! never a code, a name or a byte of content, and it writes nothing to disk.
//!
//! Called by `engine`, which also runs a relay inside a sender's process. It does not handle signals: a relay is stopped
//! through [`CancellationToken`](tokio_util::sync::CancellationToken)s. It knows the wire (`protocol::relay`, `net`), and of
//! cryptography only the proof of its password, which `net::access` makes.
//!
//! One task serves one connection. When two connections are paired, the one that came second moves into the task of the
//! first, which copies until both are done. [`Relay::serve`] owns all tasks and joins them; dropping its future aborts
//! them. What is pure (`rooms`, `quota` and what they count with) stands behind locks in `shared`, whose guards give back
//! whatever a task held, however it ends.
//!
//! Logs: what an operator should know is at `info` and `warn`, without addresses, and where clients can cause it, about
//! once a second at most (`reports`). At `debug` each connection goes by a number, and its address is logged once beside
//! it. No log names a room, a token, a password or a message.

mod allowance;
mod bucket;
mod config;
mod connection;
mod control;
mod copy;
#[cfg(feature = "croc")]
mod croc;
mod exporter;
mod lane;
mod listen;
mod metrics;
mod origin;
mod pair;
mod ports;
mod quota;
mod refusal;
mod reports;
mod rooms;
mod server;
mod shared;
mod shares;
mod splice;

pub use crate::net::access::AccessPassword;
pub use config::{Limits, RelayConfig};
#[cfg(feature = "croc")]
pub use croc::config::{BadCrocPorts, CrocConfig, CrocPorts};
pub use ports::{BadPorts, Ports};
pub use server::{Relay, RelayError};
