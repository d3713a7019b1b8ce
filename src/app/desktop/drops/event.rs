//! What a listening thread reports to the window.

use std::{
    path::PathBuf,
    sync::mpsc::{SyncSender, TrySendError},
};

use super::{load::Load, uri_list::UriList};

/// What a drag over the window does. Positions are in pixels, on Wayland in the compositor's logical pixels, from the
/// window's corner.
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
    Dropped {
        load: Load,
        position: (f64, f64),
    },
    /// It was dropped and can't be read. A [`Left`](Self::Left) has been reported before.
    Unreadable,
    /// The toolkit has taken the drag, and will lose all of it because of some of this.
    Lost(UriList),
}

/// The window, seen from the listening thread.
pub(super) struct DragReporter {
    events: SyncSender<DragEvent>,
    wake: Box<dyn Fn() + Send>,
    /// Whether the window has stopped listening.
    pub(super) is_over: bool,
}

impl DragReporter {
    /// A reporter that calls `wake` after each report.
    pub(super) fn new(events: SyncSender<DragEvent>, wake: Box<dyn Fn() + Send>) -> Self {
        Self { events, wake, is_over: false }
    }

    pub(super) fn tell(&mut self, event: DragEvent) {
        self.is_over |= self.events.send(event).is_err();
        (self.wake)();
    }

    /// Reports a move. A full queue may swallow it, because a later one replaces it.
    pub(super) fn moved(&mut self, position: (f64, f64)) {
        match self.events.try_send(DragEvent::Moved { position }) {
            Ok(()) => (self.wake)(),
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => self.is_over = true,
        }
    }
}
