//! The sending side of one transfer: lists the files, waits for a receiver, offers, feeds the lanes, and sends the
//! hashes with which the receiver checks what it got.
//!
//! - [`options`]: how a send works, and what its user may change while it runs
//! - `offering`: one transfer, from its wait to its end
//! - `inquiry`: the receiver's questions before it answers; `thumbnails`: those about pictures
//! - `session`: the state machine while lanes carry blocks
//! - `lane_pool`: the lanes, and how many of them are used
//! - `several`: one code for several receivers
//! - `reception`: where the receiver is waited for
//! - `croc`: a receiver that has croc, with the feature `croc`
//! - `common`: what all of these share

mod common;
#[cfg(feature = "croc")]
mod croc;
mod inquiry;
mod lane_pool;
pub(crate) mod offering;
pub(crate) mod options;
mod reception;
mod session;
mod several;
mod thumbnails;

pub use self::options::MAX_RECEIVERS;
pub(crate) use self::{
    offering::send,
    options::SenderInput,
    several::{Branch, CodeForSeveral, send_to_several},
};
