//! Where what arrives goes.

use std::sync::Arc;

use super::{ordered::Ordered, staging::Staging};

/// Where a receiver's blocks go.
pub enum Sink {
    /// Into files.
    Folder(Arc<Staging>),
    /// To a writer, in order.
    Ordered(Arc<Ordered>),
}
