//! The messages between the two peers: the handshake in the clear, then sealed control messages.
//!
//! [`crate::protocol`] describes their order. Every list is bounded by the record that carries it, [`MAX_CONTROL`] bytes of
//! plaintext.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{
    manifest::{OfferKind, RawEntry},
    name::PeerName,
    thumbnail::Thumbnail,
};

/// Largest frame in bytes during the handshake; the messages take about a hundred.
pub const MAX_HANDSHAKE: usize = 1024;
/// Largest control message in bytes. A selection among [`super::manifest::MAX_ENTRIES`] entries takes half of it.
pub const MAX_CONTROL: usize = 256 * 1024;
/// Bytes in a page of the manifest after which a sender starts the next one. One more entry always fits into [`MAX_CONTROL`].
pub const PAGE_BYTES: usize = 48 * 1024;

/// Words of a code that one peer names to the other. No person has to read it out, so it is as long as drawn codes get.
pub const INVITATION_WORDS: usize = 6;
/// Most invitations in all sessions to which one code leads: more than a user adds, few enough to keep.
pub const MAX_INVITATIONS: u32 = 64;

/// The code of an invitation, as it was named. Wiped from memory on drop, and not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct InvitationCode(Zeroizing<String>);

impl InvitationCode {
    /// The code's text, which nobody has checked.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for InvitationCode {
    fn from(code: &str) -> Self {
        Self(Zeroizing::new(code.to_owned()))
    }
}

impl fmt::Debug for InvitationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationCode(..)")
    }
}

impl Serialize for InvitationCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for InvitationCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|code| Self(Zeroizing::new(code)))
    }
}

/// Under what a caller waits as a sender for the side that it has called: random bytes, of which both sides make a code. Wiped from
/// memory on drop, and not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ZeroizeOnDrop)]
pub struct CallCode {
    /// What names the room.
    pub room: [u8; 16],
    /// What nobody else knows.
    pub secret: [u8; 32],
}

impl fmt::Debug for CallCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallCode(..)")
    }
}

/// A sender's first message: the relay keeps it and hands it to the receiver that joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum First {
    /// Ready for a handshake.
    Hello(SenderHello),
    /// The code was retired after too many failed handshakes; nothing is offered under it any more.
    Retired,
}

/// What a sender calls itself while its code is up, in every room of the code: a hash of a [`SenderIdKey`]. A receiver whose
/// code is wrong recognises by it the sender that has told it so, and doesn't use up another try there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderId(pub [u8; 16]);

/// The random bytes behind a [`SenderId`]. A sender shows them to a receiver that has used up a try at its code, so that no
/// other party that has heard the name can call the code wrong under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderIdKey(pub [u8; 16]);

/// The sender's half of the handshake. All of it is covered by both confirmation tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderHello {
    /// The sender's protocol version.
    pub version: u16,
    /// What the sender can do beyond version 1; no bits are assigned yet.
    pub features: u64,
    /// The same in all rooms of the code.
    pub sender: SenderId,
    /// SPAKE2 message of side A.
    pub pake: Vec<u8>,
    /// PBKDF2 iterations.
    pub iterations: u32,
    /// PBKDF2 salt.
    pub salt: [u8; 8],
}

/// The receiver's half of the handshake. All of it is covered by both confirmation tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverHello {
    /// The receiver's protocol version.
    pub version: u16,
    /// What the receiver can do beyond version 1; no bits are assigned yet.
    pub features: u64,
    /// SPAKE2 message of side B.
    pub pake: Vec<u8>,
}

/// The receiver's only message in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverFirst {
    /// An encoded [`ReceiverHello`]. It stays encoded because the transcript covers exactly these bytes.
    pub hello: Vec<u8>,
    /// The receiver's confirmation tag.
    pub tag: [u8; 32],
}

/// The sender's last message in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SenderVerdict {
    /// The receiver's tag was right.
    Confirmed {
        /// The sender's confirmation tag.
        tag: [u8; 32],
    },
    /// The receiver's tag was wrong.
    WrongCode {
        /// How many more tries the sender allows; 0 means that the code is now retired.
        tries_left: u8,
        /// What the sender's name was made of.
        key: SenderIdKey,
    },
    /// The receiver speaks a version that the sender doesn't know.
    Version {
        /// The sender's version.
        version: u16,
    },
}

/// The sender's first message on a new connection of a session whose last connection was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectHello {
    /// Fresh random bytes.
    pub nonce: [u8; 32],
}

/// The receiver's answer to a [`ReconnectHello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectAnswer {
    /// Fresh random bytes.
    pub nonce: [u8; 32],
    /// Proof that the receiver holds the session's secret, over both nonces.
    pub tag: [u8; 32],
}

/// The sender's reply to a [`ReconnectAnswer`]. After it everything is sealed under new keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectProof {
    /// Proof that the sender holds the session's secret, over both nonces.
    pub tag: [u8; 32],
}

/// How the two ends of a lane come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Way {
    /// Both connect to the relay.
    Relay,
    /// The sending side's machine connects to the receiving side's.
    FromSender,
    /// The receiving side's machine connects to the sending side's.
    FromReceiver,
    /// The receiving side's endpoint connects to the sending side's, over the internet.
    Internet,
}

impl Way {
    /// Which of two ways is the better one: the higher. A connection from machine to machine costs the least work, and one that
    /// has to find its way over the internet is at least around the relay.
    pub fn rank(self) -> u8 {
        match self {
            Self::Relay => 0,
            Self::Internet => 1,
            Self::FromSender | Self::FromReceiver => 2,
        }
    }
}

/// The public key of an endpoint, by which it can be reached over the internet: an Ed25519 key, of iroh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointId(pub [u8; 32]);

/// Where a side may be reached without the relay at which the two have met.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Addresses {
    /// Addresses of its machine, at most [`MAX_ADDRESSES`].
    pub sockets: Vec<SocketAddr>,
    /// The endpoint at which a sender takes connections over the internet, for this session alone. A receiver names none: it
    /// makes the connections.
    pub endpoint: Option<EndpointId>,
}

/// What a sender says first on a connection over the internet, where no relay of Caiman's own kind keeps it for the receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineFirst {
    /// An encoded [`First`]. It stays encoded because the transcript covers exactly these bytes.
    pub first: Vec<u8>,
}

/// Most addresses that a side may name: more than a machine has, and few enough to try all of them at once.
pub const MAX_ADDRESSES: usize = 16;

/// What a direct connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DirectPurpose {
    /// To find out whether a direct connection can be made at all.
    Probe,
    /// To reconnect after the control connection was lost.
    Reconnect,
    /// To carry blocks.
    Lane {
        /// The control connection that the lane belongs to.
        link: u64,
        /// The lane's number.
        lane: u16,
    },
}

/// The first message on a direct connection, from the side that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectHello {
    /// What the connection is for.
    pub purpose: DirectPurpose,
    /// Fresh random bytes.
    pub nonce: [u8; 32],
}

/// The answer to a [`DirectHello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectAnswer {
    /// Fresh random bytes.
    pub nonce: [u8; 32],
    /// Proof that the answer comes from the other side of the session.
    pub tag: [u8; 32],
}

/// The reply to a [`DirectAnswer`]. After it the connection serves its purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectProof {
    /// Proof that the connection comes from the other side of the session.
    pub tag: [u8; 32],
}

/// Control messages from sender to receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromSender {
    /// The sums of what is offered.
    Offer {
        /// What is offered as a whole.
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
        /// BLAKE3 over the entries of all pages. An interrupted transfer is recognised by it.
        digest: [u8; 32],
    },
    /// Where this side may be reached directly. Sent before the offer and again on each new connection, and once more on the same
    /// connection after a gateway has opened a port. The receiver answers the first with its own addresses. Without this message
    /// it doesn't look for a direct way.
    Addresses(Addresses),
    /// The sender opens this lane now, and the receiver is to do the same. It is one beyond [`super::relay::FIRST_LANES`], or
    /// replaces one that is over. Its number is a slot below [`super::relay::MAX_LANES`], by which the relay knows it, plus
    /// `MAX_LANES` for each time that the slot was used before, so that no two lanes of a connection share a number.
    OpenLane {
        /// The control connection that the lane belongs to.
        link: u64,
        /// The lane's number.
        lane: u16,
        /// How its ends come together.
        way: Way,
    },
    /// The sender's end of a lane is over, and the receiver need not wait for what is still in flight on it.
    LaneOver {
        /// The control connection that the lane belongs to.
        link: u64,
        /// The lane's number.
        lane: u16,
    },
    /// The user paused the transfer (`true`), or lets it go on (`false`).
    Pause(bool),
    /// A file of the offer will not arrive; what has arrived of it is to be dropped.
    Withdrawn {
        /// Index of the entry.
        entry: u32,
        /// What happened to it.
        reason: Withdrawal,
    },
    /// The stream has ended.
    StreamEnd {
        /// Bytes of the whole stream.
        bytes: u64,
    },
    /// BLAKE3 hashes of files that have been read to their end, each with the index of the entry.
    Hashes(Vec<(u32, [u8; 32])>),
    /// Every wanted file was sent or withdrawn, and every hash was sent.
    Done,
    /// The user on the sending side cancelled.
    Cancel,
    /// The sending side can't go on.
    Failed(Trouble),
    /// Answers to [`FromReceiver::WhatIs`], in any number: the index of the entry with the BLAKE3 hash of the file, or with
    /// nothing if the file can't be read. An empty list says that a large file is being read.
    ThisIs(Vec<(u32, Option<[u8; 32]>)>),
    /// What the sending side is doing that holds both sides up, or `None` when it no longer does. Sent when that changes.
    AtWork(Option<Work>),
    /// The sender also waits under this code, at the relay where the two met, for this receiver alone. Sent after the offer was
    /// accepted, or once before it, in its place.
    Invitation {
        /// A code of [`INVITATION_WORDS`] drawn words.
        code: InvitationCode,
        /// Whether the invitation replaces this session's offer, which is then made there: sent before the offer, once.
        /// Otherwise the sender has something more to offer there.
        instead: bool,
    },
    /// What the sending computer calls itself. The first message, or not said at all.
    Name(PeerName),
    /// The answer to [`FromReceiver::Thumbnails`] for one of the files; with nothing if the sender can't make it a thumbnail.
    Thumbnail {
        /// Index of the entry.
        entry: u32,
        /// The thumbnail.
        thumbnail: Option<Thumbnail>,
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
            Self::Name(_) => "name",
            Self::Thumbnail { .. } => "thumbnail",
        }
    }
}

/// Control messages from receiver to sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromReceiver {
    /// The offer is accepted.
    Accept {
        /// The most lanes that there may be. Both sides open them now, but no more than [`super::relay::FIRST_LANES`].
        lanes: u16,
        /// How their ends come together.
        way: Way,
        /// Which entries are wanted: one bit for each entry, the lowest bit of each byte first. `None` means all.
        wanted: Option<Vec<u8>>,
    },
    /// The answer to [`FromSender::Addresses`]: where this side may be reached directly. An empty list means that it can't be.
    /// Before the offer is accepted, it names no more than an address of the local network. Sent once more on the same connection
    /// with the acceptance, and once more after a gateway has opened a port.
    Addresses(Addresses),
    /// Blocks that the receiver holds already, as (first, count) of the plan that follows from the acceptance. Sent before
    /// [`FromReceiver::Accept`].
    Held(Vec<(u64, u64)>),
    /// The receiver's disk is full (`true`), or no longer is (`false`). What arrives is not stored until there is room again.
    DiskFull(bool),
    /// The offer is declined.
    Decline,
    /// On a new connection: the receiver has reported everything that the last connection's lanes brought, and opens the lanes
    /// of this one.
    Reopen {
        /// The control connection that the lanes belong to.
        link: u64,
        /// How the ends of its lanes come together.
        way: Way,
    },
    /// The receiver's end of a lane is over, and every block that the lane brought has been reported.
    LaneOver {
        /// The control connection that the lane belongs to.
        link: u64,
        /// The lane's number.
        lane: u16,
    },
    /// The user paused the transfer (`true`), or lets it go on (`false`).
    Pause(bool),
    /// Blocks that are now stored, as (first, count).
    Stored(Vec<(u64, u64)>),
    /// The hash of a file didn't match. For each of its blocks, from the first on, this is the hash of what this sender sent,
    /// as the receiver has stored it; the sender compares it with its own and sends the blocks that differ again. A block
    /// that the receiver had before has no hash, because it may be part of another sender's file; it is sent again anyway.
    Damaged {
        /// Index of the entry.
        entry: u32,
        /// BLAKE3 of each block that this sender sent, from where the last message about this file ended.
        hashes: Vec<Option<[u8; 32]>>,
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
    /// The user on the receiving side cancelled.
    Cancel,
    /// The receiving side can't go on.
    Failed(Trouble),
    /// Asks for the hashes of these entries, each once, because the receiver has files of the same names and sizes. Sent before
    /// the answer to the offer.
    WhatIs(Vec<u32>),
    /// Files that are not wanted because the receiver has identical ones. Sent before [`FromReceiver::Accept`].
    AlreadyHere {
        /// How many files.
        files: u64,
        /// How many bytes they have together.
        bytes: u64,
    },
    /// What the receiving side is doing that holds both sides up, or `None` when it no longer does. Sent when that changes.
    AtWork(Option<Work>),
    /// What the receiving computer calls itself. The first message, or not said at all.
    Name(PeerName),
    /// The only message of a session that begins under a pair's code for calls: its author waits as a sender under this code,
    /// wherever it can be found, and the other side is to come as a receiver.
    Call(CallCode),
    /// Asks for thumbnails of these files, each once, and of at most [`MAX_THUMBNAILS`](super::thumbnail::MAX_THUMBNAILS) in all. Sent
    /// before the answer to the offer.
    Thumbnails(Vec<u32>),
}

impl FromReceiver {
    /// What kind of message this is, in words, for reports of one that came out of turn.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accept { .. } => "accept",
            Self::Addresses(_) => "addresses",
            Self::Held(_) => "held",
            Self::DiskFull(_) => "disk full",
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
            Self::AlreadyHere { .. } => "already here",
            Self::AtWork(_) => "at work",
            Self::Name(_) => "name",
            Self::Call(_) => "call",
            Self::Thumbnails(_) => "thumbnails",
        }
    }
}

/// What may keep a side busy while nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Work {
    /// The side waits for its disk to read or write.
    Disk,
    /// The side reads files that it has already, for their hashes.
    Hashing,
    /// The side waits for the program whose output it sends.
    Input,
    /// The side waits for the program that takes what arrives.
    Output,
    /// The side sends no faster than its user allows.
    Limit,
}

/// Why a file that was offered can't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Withdrawal {
    /// The file changed while it was being sent.
    #[error("changed while it was being sent")]
    Changed,
    /// The file is gone.
    #[error("vanished while it was being sent")]
    Vanished,
    /// The file can't be read.
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
    /// The only file that the side takes was withdrawn.
    #[error("it takes nothing but the file that could not be sent")]
    Withdrawn,
    /// The side's program has a fault.
    #[error("its program has a fault")]
    Internal,
    /// The side has no way to take this kind of offer.
    #[error("it can't take this kind of offer")]
    Impossible,
    /// The side's program is closing. What has arrived is kept, and the user has not said that it isn't wanted any more.
    #[error("its program was closed")]
    Closed,
}
