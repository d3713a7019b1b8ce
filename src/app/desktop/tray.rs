//! The icon in the desktop's tray while the program goes on without its window.
//!
//! Each system has a module that shows it:
//!
//! - `area`: the notification area of Windows and the menu bar of macOS
//! - `status_item`: the `StatusNotifierItem` protocol, on Linux

#[cfg(any(windows, target_os = "macos"))]
mod area;
#[cfg(target_os = "linux")]
mod status_item;

use eframe::CreationContext;
#[cfg(target_os = "linux")]
use raw_window_handle::{HasWindowHandle, RawWindowHandle};

#[cfg(any(windows, target_os = "macos"))]
pub(super) use area::AreaIcon as TrayIcon;
#[cfg(target_os = "linux")]
pub(super) use status_item::StatusItem as TrayIcon;

/// What the icon says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct TrayContent {
    /// The name of the program.
    pub title: String,
    /// What waits, in lines of the menu that do nothing.
    pub lines: Vec<String>,
    /// The entry that brings the window back.
    pub open: String,
    /// The entry that ends the program.
    pub quit: String,
}

/// What the user did with the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum TrayDeed {
    /// The window is to come back.
    Open,
    /// The program is to end.
    Quit,
}

/// Whether the window may be taken out of sight while the tray has its icon. On Wayland nothing would bring it back. On macOS the
/// icon in the dock brings back only a minimised window, and the menu bar has not always room for another icon.
pub(in crate::app) fn can_hide(context: &CreationContext<'_>) -> bool {
    #[cfg(target_os = "linux")]
    return !context
        .window_handle()
        .is_ok_and(|handle| matches!(handle.as_raw(), RawWindowHandle::Wayland(_)));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = context;
        cfg!(windows)
    }
}
