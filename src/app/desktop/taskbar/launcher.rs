//! The signal of Unity's launcher interface, which KDE, the docks of Ubuntu and elementary and others read. Desktops that don't
//! know it ignore it. <https://wiki.ubuntu.com/Unity/LauncherAPI>

use std::collections::HashMap;

use zbus::{blocking::Connection, zvariant::Value};

use super::TaskbarProgress;
use crate::app::desktop::{launch::APP_ID, portal};

/// Where the signal comes from. Any path will do; readers go by the address of the program.
const PATH: &str = "/arpa/home/Caiman";
const INTERFACE: &str = "com.canonical.Unity.LauncherEntry";

/// The program's entry in the launcher.
pub(in crate::app::desktop) struct LauncherEntry {
    bus: Connection,
}

impl LauncherEntry {
    /// The entry on the session's bus.
    pub(in crate::app::desktop) fn find() -> zbus::Result<Self> {
        Ok(Self { bus: portal::session()? })
    }

    /// Shows how far the transfers have come; `None` for no bar.
    pub(in crate::app::desktop) fn show(&self, progress: Option<TaskbarProgress>) -> zbus::Result<()> {
        let program = format!("application://{APP_ID}.desktop");
        let fraction = progress.map(|progress| f64::from(progress.fraction));
        let content = HashMap::from([
            ("progress", Value::from(fraction.unwrap_or_default())),
            ("progress-visible", Value::from(fraction.is_some())),
        ]);
        self.bus.emit_signal(None::<&str>, PATH, INTERFACE, "Update", &(program, content))
    }
}
