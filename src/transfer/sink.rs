//! Where what arrives lands: in a folder, by way of its staging folder, or in a writer.
//!
//! - [`survey`]: an offer held against a folder
//! - [`same`]: files that the folder has already
//! - [`staging`]: the folder while bytes arrive; [`layout`]: where each file is in it; [`journal`]: what it says of itself
//! - [`leftovers`]: staging folders of interrupted transfers; [`unfinished`]: the list of them
//! - [`active`]: which receive of this engine uses which staging folder
//! - [`delivery`]: staged files get their real names
//! - [`ordered`]: blocks in order, for a writer

pub(crate) mod active;
pub(crate) mod delivery;
pub(crate) mod journal;
pub(crate) mod layout;
pub(crate) mod leftovers;
pub(crate) mod ordered;
pub(crate) mod same;
pub(crate) mod staging;
pub(crate) mod survey;
pub(crate) mod unfinished;

use std::sync::Arc;

use ordered::Ordered;
use staging::Staging;

/// Where a receiver's blocks go.
pub(crate) enum Sink {
    /// Into files.
    Folder(Arc<Staging>),
    /// To a writer, in order.
    Ordered(Arc<Ordered>),
}
