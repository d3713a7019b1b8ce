//! The program in a real window: files dropped by another process, keys pressed as a person presses them, the code read
//! from the clipboard.
//!
//! Every test has a display server and a window manager of its own (Xvfb, openbox), and programs that keep everything in
//! a folder of their own, so that all can run at once. When one fails, a picture of its screen is kept and its place
//! told. These tests are run by name (`cargo test --test window`); what they need is in `.ci/run`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod clipboard;
mod display;
mod life;
mod picture;
mod program;
mod transfers;
mod xdnd;

use std::{
    thread,
    time::{Duration, Instant},
};

/// Far longer than anything here takes, even on a machine that is busy with something else.
const GUARD: Duration = Duration::from_mins(1);
/// How often things are looked at that tell nobody when they change.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `look` finds something.
#[track_caller]
fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(GUARD, look).unwrap_or_else(|| panic!("waited too long for {what}"))
}

/// Waits for `limit` at most until `look` finds something.
fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look();
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        thread::sleep(POLL);
    }
}
