//! How a task of the engine is told to end.

use std::sync::{Arc, atomic::AtomicBool};

use tokio_util::sync::CancellationToken;

/// The ways to end a task.
#[derive(Clone, Default)]
pub(super) struct EndSignals {
    /// The task is to end, with its goodbyes.
    pub(super) cancel: CancellationToken,
    /// Whether the cancellation is the program's end rather than the user's wish.
    pub(super) closing: Arc<AtomicBool>,
    /// A relay is to end at once.
    pub(super) kill: CancellationToken,
}

impl EndSignals {
    /// The signals of a task that ends when `cancel` is cancelled.
    pub(super) fn of(cancel: CancellationToken) -> Self {
        Self { cancel, ..Self::default() }
    }
}
