//! The badge on the program's icon in the dock of macOS, with a percentage.

use std::convert::Infallible;

use dispatch2::DispatchQueue;
use objc2::MainThreadMarker;
use objc2_app_kit::NSApplication;
use objc2_foundation::NSString;

use super::TaskbarProgress;

/// The badge on the icon. Only the main thread may change it.
pub(in crate::app::desktop) struct DockBadge {
    main: &'static DispatchQueue,
}

#[expect(clippy::unnecessary_wraps, reason = "other systems may have no such entry")]
impl DockBadge {
    /// The badge, which every program has.
    pub(in crate::app::desktop) fn find() -> Result<Self, Infallible> {
        Ok(Self { main: DispatchQueue::main() })
    }

    /// Shows how far the transfers have come as soon as the main thread comes to it; `None` for no badge.
    pub(in crate::app::desktop) fn show(&self, progress: Option<TaskbarProgress>) -> Result<(), Infallible> {
        let label = progress.map(|progress| format!("{} %", (progress.fraction * 100.0).floor()));
        self.main.exec_async(move || {
            // The queue's closures run on the main thread.
            let Some(main) = MainThreadMarker::new() else { return };
            let label = label.as_deref().map(NSString::from_str);
            NSApplication::sharedApplication(main).dockTile().setBadgeLabel(label.as_deref());
        });
        Ok(())
    }
}
