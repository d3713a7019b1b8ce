//! Lanes: the connections that carry blocks. Each lane is a task of its own that takes the next block when it is free, so a
//! slow lane slows only itself. Nothing here decides how a transfer ends: a lane that breaks reports its error and ends.
//!
//! - [`lane`]: a lane, and how its two ends come together
//! - [`sending`], [`receiving`]: the two ends
//! - [`queue`]: which block goes over which lane; [`in_flight`]: how many blocks a lane may have in flight
//! - [`lane_count`]: how many lanes are worth having
//! - [`throttle`]: a limit on the speed of all lanes together
//! - [`claims`]: which blocks a receiver takes

pub(crate) mod claims;
pub(crate) mod in_flight;
pub(crate) mod lane;
pub(crate) mod lane_count;
pub(crate) mod queue;
pub(crate) mod receiving;
pub(crate) mod sending;
pub(crate) mod throttle;
