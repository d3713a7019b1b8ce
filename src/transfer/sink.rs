//! Where a receiver stores what arrives: in a folder, by way of its staging folder, or in a writer.
//!
//! - [`survey`]: an offer compared with a folder
//! - [`hidden`]: names that need a word of the user's own, because programs run what they find under them
//! - [`same`]: files that the folder already has
//! - [`staging`]: the staging folder while bytes arrive; [`layout`]: where each file is in it; [`journal`]: what it
//!   records about itself
//! - [`leftovers`]: staging folders of interrupted transfers; [`unfinished`]: the list of them; [`staging_key`]: what tells
//!   them from folders that others have made
//! - [`active`]: which receive of this engine uses which staging folder
//! - `attributes`: what files have beside their bytes, as far as the mount keeps it
//! - `claim`: which transfer uses a staging folder; `turns`: who writes into which file at the moment
//! - [`delivery`]: staged files get their real names; [`opened`]: the folders in which they get them
//! - [`ordered`]: blocks in order, for a writer

pub(crate) mod active;
mod attributes;
mod claim;
pub(crate) mod delivery;
pub(crate) mod hidden;
pub(crate) mod journal;
pub(crate) mod layout;
pub(crate) mod leftovers;
pub(crate) mod opened;
pub(crate) mod ordered;
pub(crate) mod same;
pub(crate) mod staging;
pub(crate) mod staging_key;
pub(crate) mod survey;
mod turns;
pub(crate) mod unfinished;

use std::sync::Arc;

use ordered::Ordered;
use staging::Staging;

/// Where a receiver's blocks go.
pub(crate) enum Sink {
    /// Files, in a staging folder.
    Folder(Arc<Staging>),
    /// A writer, in order.
    Ordered(Arc<Ordered>),
}
