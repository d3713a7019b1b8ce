//! The computer around the window: everything here talks to the operating system or to other programs.
//!
//! - `arrival`: the arguments of a start
//! - `clipboard`: what is on the clipboard, also once the window is gone
//! - `desk`: a thread for everything slow
//! - `dialogs`: file dialogs
//! - `drops`: files dragged over the window, on Linux
//! - `fuzzing`: what has to hold for any bytes from other programs; only tests call it
//! - `instance`: one window for each user
//! - `launch`: opening the window on a screen
//! - `login`: starting with the user's session
//! - `paste`: which keys paste
//! - `portal`: the desktop portal, on Linux
//! - `system`: the desktop's own settings
//! - `taskbar`: progress in the taskbar or dock
//! - `tray`: the icon in the tray
//! - `uri`: `file:` addresses
//! - `viewer`: opening files, on Linux

pub(super) mod arrival;
pub(super) mod clipboard;
pub(super) mod desk;
pub(super) mod dialogs;
#[cfg(target_os = "linux")]
pub(super) mod drops;
pub(crate) mod fuzzing;
pub(super) mod instance;
pub(super) mod launch;
mod login;
pub(super) mod paste;
#[cfg(target_os = "linux")]
mod portal;
pub(super) mod relocate;
pub(super) mod system;
pub(super) mod taskbar;
pub(super) mod tray;
mod uri;
#[cfg(target_os = "linux")]
mod viewer;
