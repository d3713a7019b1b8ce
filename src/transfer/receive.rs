//! The receiving side of one transfer: joins the sender, reads the offer, asks the user, stores what the lanes bring,
//! checks it, and gives everything its real name.
//!
//! - [`request`]: what a receive is asked to do
//! - `taking`: one transfer, from its meeting to its end
//! - `asking`: from the first message to the user's answer; `comparing`: which files the folder already has, meanwhile;
//!   `thumbnails`: pictures that the user would see
//! - `destination`: what was accepted, and where it goes
//! - `session`: the state machine while lanes bring blocks; `lane_pool`: the lanes
//! - `staged`: what stays on the disk at the end
//! - `croc`: the same for a sender that has croc
//! - `common`: what all of these share

mod asking;
mod common;
mod comparing;
#[cfg(feature = "croc")]
pub(crate) mod croc;
mod destination;
mod lane_pool;
pub(crate) mod request;
mod session;
mod staged;
pub(crate) mod taking;
mod thumbnails;

pub(crate) use self::{
    request::{Output, ReceiveOptions, ReceiveRequest, ReceiverInput},
    taking::receive,
};
