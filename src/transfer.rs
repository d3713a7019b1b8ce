//! One transfer.

pub mod blocks;
pub mod delivery;
pub mod error;
pub mod journal;
pub mod names;
pub mod ordered;
pub mod placement;
pub mod plan;
pub mod scan;
pub mod show;
pub mod staging;
pub mod tree_hash;
