//! Starting the program together with the user's session. Used by the desk. What the system reads at the start of a session alone
//! says whether it is on, so that what other programs change there counts too.
//!
//! Each system has a module. `file` is for those that keep it in a file:
//!
//! - `autostart`: the folder of that name, as freedesktop.org describes it, on Linux
//! - `launch_agent`: a launch agent of macOS
//! - `run_key`: the registry of Windows

#[cfg(target_os = "linux")]
mod autostart;
#[cfg(not(windows))]
mod file;
#[cfg(any(target_os = "macos", test))]
mod launch_agent;
#[cfg(windows)]
mod run_key;

#[cfg(target_os = "linux")]
use autostart as system;
#[cfg(target_os = "macos")]
use launch_agent as system;
#[cfg(windows)]
use run_key as system;

use std::io;

/// Whether the program starts with the user's session; `None` where that can't be set.
pub(super) fn is_on() -> Option<bool> {
    system::is_on()
}

/// Has the program start with the user's session, or no longer.
pub(super) fn set(is_on: bool) -> io::Result<()> {
    system::set(is_on)
}
