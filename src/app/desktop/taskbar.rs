//! How far the transfers have come, on the program's entry in the taskbar or dock. Used by the desk, because the desktop may keep
//! every call waiting.
//!
//! Each system has a module that finds the entry and shows the progress on it:
//!
//! - `buttons`: the buttons of the Windows taskbar
//! - `dock`: the badge on the icon in the dock of macOS
//! - `launcher`: Unity's launcher interface, on Linux

#[cfg(windows)]
mod buttons;
#[cfg(target_os = "macos")]
mod dock;
#[cfg(target_os = "linux")]
mod launcher;

#[cfg(windows)]
pub(super) use buttons::TaskbarButtons as TaskbarEntry;
#[cfg(target_os = "macos")]
pub(super) use dock::DockBadge as TaskbarEntry;
#[cfg(target_os = "linux")]
pub(super) use launcher::LauncherEntry as TaskbarEntry;

/// How far the transfers have come together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::app) struct TaskbarProgress {
    /// From 0 to 1.
    pub fraction: f32,
    /// Whether all of them are paused, which only Windows shows.
    pub is_paused: bool,
}
