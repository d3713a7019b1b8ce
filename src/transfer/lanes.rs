//! Lanes: the connections that carry blocks. Each is a task of its own that takes the next block when it is free, so a slow
//! lane slows only itself. Nothing here decides how a transfer ends; a lane that breaks reports it and goes.

pub mod claims;
pub mod opening;
pub mod receiving;
pub mod sending;

pub use self::{
    claims::Claims,
    opening::Lane,
    receiving::{ReceiveLanes, Waiting, WithoutRoom},
    sending::{Ending, SendLanes, Stop},
};
