//! How far the transfers have come, on the program's entry in the taskbar or dock: by the signal of Unity's launcher interface, which
//! KDE, the docks of Ubuntu and elementary and others read. Desktops that don't know it ignore it.
//!
//! Used by the desk, because the bus may keep every call waiting. <https://wiki.ubuntu.com/Unity/LauncherAPI>

use std::collections::HashMap;

use zbus::{blocking::Connection, zvariant::Value};

use super::{launch::APP_ID, portal};

/// Where the signal comes from. Any path will do; readers go by the address of the program.
const PATH: &str = "/arpa/home/Caiman";
const INTERFACE: &str = "com.canonical.Unity.LauncherEntry";

/// The program's entry in the taskbar.
pub(super) struct TaskbarEntry {
    bus: Connection,
}

impl TaskbarEntry {
    /// The entry on the session's bus.
    pub(super) fn find() -> zbus::Result<Self> {
        Ok(Self { bus: portal::session()? })
    }

    /// Shows how far the transfers have come, from 0 to 1; `None` for no bar.
    pub(super) fn show(&self, fraction: Option<f64>) -> zbus::Result<()> {
        let program = format!("application://{APP_ID}.desktop");
        let content = HashMap::from([
            ("progress", Value::from(fraction.unwrap_or_default())),
            ("progress-visible", Value::from(fraction.is_some())),
        ]);
        self.bus.emit_signal(None::<&str>, PATH, INTERFACE, "Update", &(program, content))
    }
}
