//! What the two peers say to each other: the handshake in the clear, then sealed control messages.
//!
//! The order of the messages is told in [`crate::protocol`]. Every list is bounded by the record that carries it,
//! [`MAX_CONTROL`] bytes of plaintext.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::manifest::{OfferKind, RawEntry};

/// Largest frame in bytes during the handshake.
pub const MAX_HANDSHAKE: usize = 1024;
/// Largest control message in bytes. A selection among [`super::manifest::MAX_ENTRIES`] takes half of it.
pub const MAX_CONTROL: usize = 256 * 1024;
/// A sender starts a new manifest page once the current one holds this many bytes.
pub const PAGE_BYTES: usize = 48 * 1024;

/// Words of a code that one peer names to the other. Nobody has to read it out, so it is as long as codes get.
pub const INVITATION_WORDS: usize = 6;
/// Most invitations in one session.
pub const MAX_INVITATIONS: u32 = 64;

/// A sender's first message: kept by the relay, handed to whoever joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum First {
    /// Ready for a handshake.
    Hello(SenderHello),
    /// The code was retired after too many failed handshakes; there is nothing here any more.
    Retired,
}

/// The sender's half of the handshake. All of it is covered by both confirmation tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderHello {
    /// The sender's protocol version.
    pub version: u16,
    /// What the sender can do beyond version 1; no bits are given out yet.
    pub features: u64,
    /// SPAKE2 message of side A.
    pub pake: Vec<u8>,
    /// PBKDF2 iterations for both channels.
    pub iterations: u32,
    /// PBKDF2 salt of the metadata channel.
    pub metadata_salt: [u8; 8],
    /// PBKDF2 salt of the data channel.
    pub data_salt: [u8; 8],
}

/// The receiver's half of the handshake. All of it is covered by both confirmation tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverHello {
    /// The receiver's protocol version.
    pub version: u16,
    /// What the receiver can do beyond version 1; no bits are given out yet.
    pub features: u64,
    /// SPAKE2 message of side B.
    pub pake: Vec<u8>,
}

/// The receiver's only message in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverFirst {
    /// An encoded [`ReceiverHello`], as bytes, because the transcript covers exactly these.
    pub hello: Vec<u8>,
    /// The receiver's confirmation tag.
    pub tag: [u8; 32],
}

/// The sender's last message in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SenderVerdict {
    /// The receiver's tag was right; this is the sender's.
    Confirmed {
        /// The sender's confirmation tag.
        tag: [u8; 32],
    },
    /// The receiver's tag was wrong.
    WrongCode {
        /// How many more tries the sender allows; 0 means that the code is retired now.
        tries_left: u8,
    },
    /// The receiver speaks a version that the sender doesn't.
    Version {
        /// The sender's version.
        version: u16,
    },
}

/// The sender's first words on a new connection of a session whose last one was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectHello {
    /// Fresh random bytes.
    pub nonce: [u8; 32],
}

/// The receiver's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectAnswer {
    /// Fresh random bytes.
    pub nonce: [u8; 32],
    /// Proof that it holds the session's secret, over both nonces.
    pub tag: [u8; 32],
}

/// The sender's proof. After it everything is sealed under new keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectProof {
    /// Proof that it holds the session's secret, over both nonces.
    pub tag: [u8; 32],
}

/// How the two ends of a lane come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// Both go to the relay.
    Relay,
    /// The sending side's machine connects to the receiving side's.
    FromSender,
    /// The receiving side's machine connects to the sending side's.
    FromReceiver,
}

/// Most addresses that a side may name.
pub const MAX_ADDRESSES: usize = 16;

/// What a direct connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DirectPurpose {
    /// To see whether it can be made at all.
    Probe,
    /// To come back to each other after the control connection was lost.
    Reconnect,
    /// It is a lane.
    Lane {
        /// Of which connection.
        link: u64,
        /// Which one.
        lane: u16,
    },
}

/// The first words on a direct connection, by whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectHello {
    /// What it is for.
    pub purpose: DirectPurpose,
    /// Fresh random bytes.
    pub nonce: [u8; 32],
}

/// The answer of whoever was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectAnswer {
    /// Fresh random bytes.
    pub nonce: [u8; 32],
    /// Proof that it is the other side of the session.
    pub tag: [u8; 32],
}

/// The proof of whoever called. After it the connection is what it was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectProof {
    /// Proof that it is the other side of the session.
    pub tag: [u8; 32],
}

/// Control messages from sender to receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromSender {
    /// What is offered, as sums.
    Offer {
        /// What is being offered as a whole.
        kind: OfferKind,
        /// How many entries follow in pages.
        entries: u64,
        /// Bytes of all files.
        bytes: u64,
        /// Most lanes that the sender wants.
        lanes: u16,
    },
    /// Some of the entries, in order.
    Page(Vec<RawEntry>),
    /// All pages were sent.
    OfferEnd {
        /// BLAKE3 over all pages' entries; names this offer when it is resumed.
        digest: [u8; 32],
    },
    /// Where this machine may be reached directly, at most [`MAX_ADDRESSES`]: said before the offer and again on each new
    /// connection, and once more on each when a gateway has opened a way in meanwhile. The first is answered in kind. Without
    /// it the other side doesn't look for a direct way.
    Addresses(Vec<SocketAddr>),
    /// This lane is opened now, and the other side is to do the same: one beyond [`super::relay::FIRST_LANES`], or in place of
    /// one that is over. Its number is a slot below
    /// [`super::relay::MAX_LANES`], by which the relay knows it, plus a multiple of that for each time that the slot is
    /// used again, so that no two lanes of a connection share a number.
    OpenLane {
        /// Which connection is meant.
        link: u64,
        /// The lane.
        lane: u16,
        /// How its ends come together.
        way: Way,
    },
    /// This end of a lane is over, and what is on its way won't be waited for.
    LaneOver {
        /// Which connection is meant.
        link: u64,
        /// The lane.
        lane: u16,
    },
    /// A person paused the transfer, or lets it go on.
    Pause(bool),
    /// A file of the offer will not arrive; what came of it is to be dropped.
    Withdrawn {
        /// Index of the entry.
        entry: u32,
        /// What happened to it.
        reason: Withdrawal,
    },
    /// A stream's end is known now.
    StreamEnd {
        /// Bytes of the stream.
        bytes: u64,
    },
    /// BLAKE3 hashes of files that have been read to their end.
    Hashes(Vec<(u32, [u8; 32])>),
    /// Every wanted file was sent or withdrawn, and every hash was said.
    Done,
    /// The person on the sending side cancelled.
    Cancel,
    /// The sending side can't go on.
    Failed(Trouble),
    /// Answers to [`FromReceiver::WhatIs`], in any number: BLAKE3 of each file, or nothing for what can't be read. Without any
    /// answer it says that a large file is being read.
    ThisIs(Vec<(u32, Option<[u8; 32]>)>),
    /// What this side is doing that holds both up, or that it no longer does: said when that changes.
    AtWork(Option<Work>),
    /// The sender waits under this code as well, at the relay where the two met, for whoever hears of it here.
    Invitation {
        /// A code of [`INVITATION_WORDS`] drawn words.
        code: String,
        /// What this session was for is offered there, and nothing here: said before the offer and in place of it, once.
        /// Otherwise there is something more to be had.
        instead: bool,
    },
}

impl FromSender {
    /// What kind of message this is, in words, for reports of one that came out of turn.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Offer { .. } => "offer",
            Self::Page(_) => "page",
            Self::OfferEnd { .. } => "offer end",
            Self::Addresses(_) => "addresses",
            Self::OpenLane { .. } => "open lane",
            Self::LaneOver { .. } => "lane over",
            Self::Pause(_) => "pause",
            Self::Withdrawn { .. } => "withdrawn",
            Self::StreamEnd { .. } => "stream end",
            Self::Hashes(_) => "hashes",
            Self::Done => "done",
            Self::Cancel => "cancel",
            Self::Failed(_) => "failed",
            Self::ThisIs(_) => "this is",
            Self::AtWork(_) => "at work",
            Self::Invitation { .. } => "invitation",
        }
    }
}

/// Control messages from receiver to sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromReceiver {
    /// The offer is taken.
    Accept {
        /// How many lanes there may be at most. Both open them now, as far as they are [`super::relay::FIRST_LANES`].
        lanes: u16,
        /// How their ends come together.
        way: Way,
        /// One bit an entry, lowest bit first: which entries are wanted. `None` means all.
        wanted: Option<Vec<u8>>,
    },
    /// The answer to [`FromSender::Addresses`]: where this machine may be reached directly. None means that it is not to be.
    /// Said once more on each connection when a gateway has opened a way in meanwhile.
    Addresses(Vec<SocketAddr>),
    /// Before [`FromReceiver::Accept`]: blocks that are here already, as (first, count), of the plan that follows from the
    /// acceptance.
    Held(Vec<(u64, u64)>),
    /// The disk is full, or no longer is: what comes is not stored until it has room again.
    LacksRoom(bool),
    /// The offer is declined.
    Decline,
    /// On a new connection: whatever the last one's lanes brought was said, and the lanes of this one are opened.
    Reopen {
        /// Which connection is meant.
        link: u64,
        /// How the ends of its lanes come together.
        way: Way,
    },
    /// This end of a lane is over, and whatever the lane brought was said.
    LaneOver {
        /// Which connection is meant.
        link: u64,
        /// The lane.
        lane: u16,
    },
    /// A person paused the transfer, or lets it go on.
    Pause(bool),
    /// Blocks that are stored now, as (first, count).
    Stored(Vec<(u64, u64)>),
    /// A file's hash didn't match. These are the hashes of its blocks as they are stored here, from the first on;
    /// the sender compares them with its own and sends again what differs.
    Damaged {
        /// Index of the entry.
        entry: u32,
        /// BLAKE3 of each block, from where the last message about this file ended.
        hashes: Vec<[u8; 32]>,
        /// Whether this is the last message about damaged files.
        last: bool,
    },
    /// Everything that could be stored is under its real name.
    Complete {
        /// Files, folders and links that arrived.
        stored: u64,
        /// Entries that could not be stored, although they were sent.
        failed: u64,
    },
    /// The person on the receiving side cancelled.
    Cancel,
    /// The receiving side can't go on.
    Failed(Trouble),
    /// Before the answer: what these files of the offer are, each asked for once, because there are files of their names and
    /// sizes here.
    WhatIs(Vec<u32>),
    /// Before [`FromReceiver::Accept`]: files that are not wanted because the same are here already.
    Here {
        /// How many.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// What this side is doing that holds both up, or that it no longer does: said when that changes.
    AtWork(Option<Work>),
}

impl FromReceiver {
    /// What kind of message this is, in words, for reports of one that came out of turn.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accept { .. } => "accept",
            Self::Addresses(_) => "addresses",
            Self::Held(_) => "held",
            Self::LacksRoom(_) => "lacks room",
            Self::Decline => "decline",
            Self::Reopen { .. } => "reopen",
            Self::LaneOver { .. } => "lane over",
            Self::Pause(_) => "pause",
            Self::Stored(_) => "stored",
            Self::Damaged { .. } => "damaged",
            Self::Complete { .. } => "complete",
            Self::Cancel => "cancel",
            Self::Failed(_) => "failed",
            Self::WhatIs(_) => "what is",
            Self::Here { .. } => "here",
            Self::AtWork(_) => "at work",
        }
    }
}

/// What a side may be doing for so long that nothing moves meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Work {
    /// Its disk has yet to read or to write something.
    Disk,
    /// It reads what is there already, for its hashes.
    Hashing,
    /// The program whose output it sends has yet to write something.
    Input,
    /// The program to which it hands what arrives has yet to take something.
    Output,
    /// It sends no faster than its person allows.
    Limit,
}

/// What happened to a file that was offered and can't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Withdrawal {
    /// It changed while it was being sent.
    #[error("changed while it was being sent")]
    Changed,
    /// It is gone.
    #[error("vanished while it was being sent")]
    Vanished,
    /// It can't be read.
    #[error("could not be read")]
    Unreadable,
}

/// Why a side can't go on, as far as the other side needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Trouble {
    /// Not enough free space.
    #[error("its disk is full")]
    NoSpace,
    /// Files can't be read or written.
    #[error("it can't use its files")]
    Files,
    /// The other side broke the protocol.
    #[error("it refused what this side sent")]
    Misbehaved,
    /// A connection broke.
    #[error("it lost a connection")]
    Network,
    /// A file arrived damaged twice.
    #[error("a file arrived damaged twice")]
    Damaged,
    /// The only file that it takes was withdrawn.
    #[error("it takes nothing but the file that could not be sent")]
    Withdrawn,
    /// It has no way to take this kind of offer.
    #[error("it can't take this kind of offer")]
    Unsuited,
}
