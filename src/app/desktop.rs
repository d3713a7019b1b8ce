//! The machine around the window: other starts of the program, window systems, file dialogs, the clipboard, what the desktop
//! says of itself, and a thread for everything slow.

pub(super) mod arrival;
pub(super) mod desk;
pub(super) mod dialogs;
pub(super) mod instance;
pub(super) mod launch;
pub(super) mod panics;
pub(super) mod paste;
pub(super) mod system;
mod uri;
#[cfg(target_os = "linux")]
pub(super) mod wayland;
