//! Why a transfer with croc ends early.

use std::io;

use super::{
    channel::ChannelError, chunks::ChunkError, frame::CrocFrameError, message::MessageError, pake::PakeError,
};

/// Why a transfer with croc ends early.
#[derive(Debug, thiserror::Error)]
pub enum CrocError {
    /// The connection was lost or could not be made.
    #[error("the connection was lost: {0}")]
    Connection(#[source] io::Error),
    /// What arrives can't be stored.
    #[error(transparent)]
    Store(#[from] StoreFailed),
    /// What was asked for can't be read.
    #[error(transparent)]
    Source(#[from] SourceFailed),
    /// The list is longer than a message of croc may be.
    #[error("the list of files is too long for croc")]
    TooLong,
    /// The relay refuses, and says why.
    #[error(transparent)]
    Refused(#[from] RelayRefusal),
    /// The peer has another code, or is no peer of this code at all.
    #[error("the other side has another code")]
    WrongCode,
    /// The peer speaks a version that the user has turned off.
    #[error("the other side has croc 10, which is turned off")]
    VersionOff,
    /// The peer gives up, and says why.
    #[error("the other side gave up: {0}")]
    PeerGaveUp(String),
    /// The peer says nothing where it has to.
    #[error("the other side says nothing")]
    Silence,
    /// The peer sends nothing of what it was asked for.
    #[error("the other side sends nothing")]
    Idle,
    /// The peer breaks the protocol.
    #[error("the other side breaks the protocol: {0}")]
    Misbehaved(&'static str),
    /// What arrives is no frame.
    #[error(transparent)]
    Frame(#[from] CrocFrameError),
    /// What arrives is no message.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The key exchange failed.
    #[error(transparent)]
    Pake(#[from] PakeError),
    /// A message can't be sealed or opened.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A chunk is refused.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
}

/// What arrives can't be stored. The store knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what arrives can't be stored")]
pub struct StoreFailed;

/// What was asked for can't be read. Why is known to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was asked for can't be read")]
pub struct SourceFailed;

/// What a relay says in place of admitting a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayRefusal {
    /// The relay has another password.
    #[error("the relay has another password")]
    BadPassword,
    /// Two are in the room already.
    #[error("two others use this code at the relay")]
    RoomFull,
    /// This client, or this room, was there too often in the last minute.
    #[error("the relay asks for patience")]
    RateLimited,
    /// Anything else.
    #[error("the relay refuses")]
    Other,
}
