//! The real program as sender, relay and receiver over this machine's loopback, compared with plain references that move the
//! same bytes: `cargo bench --bench transfer`, or with `-- --quick` for a look of a few seconds. `settings` describes what can
//! be set. Contestants take turns, round by round, because machines are noisy. What counts is the ratio of medians.
//!
//! This is not a test, but it checks that everything arrived and that a relayed transfer went through the relay, and gives up
//! otherwise.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't go on gives up")]

#[cfg(unix)]
mod comparison;

fn main() {
    #[cfg(unix)]
    comparison::main();
    #[cfg(not(unix))]
    eprintln!("This needs a Unix system, where processes can be measured and told to end.");
}
