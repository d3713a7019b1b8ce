//! What the listening thread reports to the window.

use std::path::PathBuf;

/// What a drag over the window does. Positions are in the compositor's logical pixels, from the window's corner.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum DragEvent {
    /// It has come in, or it has become known what it holds; at first it isn't.
    Hover {
        paths: Vec<PathBuf>,
        position: (f64, f64),
    },
    Moved {
        position: (f64, f64),
    },
    /// It has left, or it can't be dropped here.
    Left,
    /// It was dropped. `others` counts what isn't a file of this computer.
    Dropped {
        paths: Vec<PathBuf>,
        others: usize,
        position: (f64, f64),
    },
    /// It was dropped and can't be read. A [`Left`](Self::Left) has been reported before.
    Unreadable,
}
