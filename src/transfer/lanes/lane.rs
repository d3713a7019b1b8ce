//! A lane, and how its two ends come together.

use crate::{
    protocol::{Role, peer::Way},
    transfer::{
        error::TransferError,
        link::{opener::LaneOpener, pipe::ByteStream},
    },
};

/// One lane, as both sides name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    /// The lane's number, which no other lane of the same link has.
    pub number: u16,
    /// How the lane's two ends come together.
    pub way: Way,
}

impl Lane {
    /// Opens this side's end and waits for the other one.
    pub(super) async fn open(
        self,
        opener: &LaneOpener,
        role: Role,
    ) -> Result<Box<dyn ByteStream>, TransferError> {
        Ok(opener.ways.open(opener.link, self.number, self.way, role).await?.stream)
    }
}

/// A lane that has ended on this side.
pub(crate) struct EndedLane<T> {
    /// The link that the lane belonged to.
    pub link: u64,
    /// The lane's number.
    pub number: u16,
    /// How the lane ended.
    pub result: Result<T, TransferError>,
}

/// What a broken lane means for the transfer. The system's reason for it says nothing more, so it is dropped.
pub(super) fn lost(_: std::io::Error) -> TransferError {
    TransferError::PeerLost
}
