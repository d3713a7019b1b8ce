//! One transfer.

pub mod names;
pub mod placement;
pub mod plan;
pub mod tree_hash;
