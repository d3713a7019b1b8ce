//! What the window is opened on. On Linux there are two systems, and `display` finds out which one answers.

/// What windows are opened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    #[cfg(target_os = "linux")]
    Wayland,
    #[cfg(target_os = "linux")]
    X11,
    /// There is only one.
    #[cfg(not(target_os = "linux"))]
    Native,
}
