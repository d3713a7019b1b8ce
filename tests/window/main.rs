//! The program in a real window: another process drops files on it, keys are pressed as a user presses them, and the code is
//! read from the clipboard.
//!
//! Every test has a display server and a window manager of its own (Xvfb, openbox), and programs that keep everything in
//! a folder of their own, so that all tests can run at once. When one fails, it keeps a picture of its screen and prints
//! where. These tests are run by name (`cargo test --test window`); the packages that they need are listed in `.ci/run`.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod bus;
mod client;
mod clipboard;
mod display;
mod drops;
mod life;
mod picture;
mod program;
mod transfers;
mod xdnd;

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a wait may take before it counts as a hang and fails. Much longer than anything here takes, even on a machine that
/// is busy with something else.
const GUARD: Duration = Duration::from_mins(1);
/// How often something is checked that doesn't report its changes: often enough that a test loses no time, seldom enough to
/// leave the processor to the program.
const POLL: Duration = Duration::from_millis(10);

/// Waits until `look` finds something.
#[track_caller]
fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(GUARD, look).unwrap_or_else(|| panic!("waited too long for {what}"))
}

/// Waits until `look` finds something, but no longer than `limit`.
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
