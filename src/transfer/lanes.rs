//! Lanes: the connections that carry blocks. Each is a task of its own that takes the next block when it is free, so a slow
//! lane slows only itself. Nothing here decides how a transfer ends; a lane that breaks reports it and goes.
//!
//! - [`opening`]: a lane, and how its two ends come together
//! - [`sending`], [`receiving`]: the two ends
//! - [`queue`]: which block goes over which lane; [`in_flight`]: how many blocks a lane may have on its way
//! - [`lane_count`]: how many lanes help
//! - [`throttle`]: a limit on the speed of all of them
//! - [`claims`]: which blocks a receiver takes

pub mod claims;
pub mod in_flight;
pub mod lane_count;
pub mod opening;
pub mod queue;
pub mod receiving;
pub mod sending;
pub mod throttle;

pub use self::{
    claims::Claims,
    opening::Lane,
    receiving::{ReceiveLanes, SpaceWait, SpaceWaits},
    sending::{LaneEnd, LaneStop, SendLanes},
};
