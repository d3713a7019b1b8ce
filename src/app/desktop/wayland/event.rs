//! What the thread that hears of drags tells the window.

use std::path::PathBuf;

/// What a drag over the window does. Positions are in the compositor's logical pixels from the window's corner.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum DragEvent {
    /// It came in, or it became known what it holds: nothing yet at first.
    Hover {
        paths: Vec<PathBuf>,
        position: (f64, f64),
    },
    Moved {
        position: (f64, f64),
    },
    /// It went away, or it can't be dropped here.
    Left,
    /// It was dropped. `others` counts what is no file of this machine.
    Dropped {
        paths: Vec<PathBuf>,
        others: usize,
        position: (f64, f64),
    },
    /// It was dropped and can't be read. It has left.
    Unreadable,
}
