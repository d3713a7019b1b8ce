//! The error of a start that ends without a window.

use super::desktop::{arrival::ArrivalError, instance::InstanceError, launch::StartError};

/// Why the window was not opened.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The arguments make no sense.
    #[error(transparent)]
    Arguments(#[from] ArrivalError),
    /// Another window is running and can't be reached.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// There is no screen, or nothing that can draw on it.
    #[error(transparent)]
    Start(#[from] StartError),
}
