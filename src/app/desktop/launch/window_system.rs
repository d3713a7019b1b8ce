//! The window system that the window is opened on. On Linux there are two, and `display` finds out which one answers.

/// A window system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    #[cfg(target_os = "linux")]
    Wayland,
    #[cfg(target_os = "linux")]
    X11,
    /// The only one of this operating system.
    #[cfg(not(target_os = "linux"))]
    Native,
}
