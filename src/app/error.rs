//! Why the window was not opened.

use super::desktop::{arrival::ArrivalError, instance::InstanceError, launch::StartError};

/// Why the window was not opened.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program was started with something that it can't use.
    #[error(transparent)]
    Arguments(#[from] ArrivalError),
    /// Another window runs and can't be reached.
    #[error(transparent)]
    Instance(#[from] InstanceError),
    /// There is no screen, or nothing to draw on it with.
    #[error(transparent)]
    Start(#[from] StartError),
}
