//! A lane, and how its two ends come together.

use crate::{
    protocol::{Role, peer::Way},
    transfer::{
        error::TransferError,
        link::{opener::LaneOpener, pipe::ByteStream},
    },
};

/// One lane: its number, and how its ends come together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    /// Its number; no two lanes of one connection have the same.
    pub number: u16,
    /// How its ends come together.
    pub way: Way,
}

impl Lane {
    /// Opens this side's end.
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
    /// The connection that it belonged to.
    pub link: u64,
    /// Its number.
    pub number: u16,
    /// How it ended.
    pub result: Result<T, TransferError>,
}

/// What a broken lane means: its cause says nothing about the transfer.
pub(super) fn lost(_: std::io::Error) -> TransferError {
    TransferError::PeerLost
}
