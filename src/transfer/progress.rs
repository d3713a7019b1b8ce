//! How a transfer stands: snapshots, of which only the latest matters, and the report at its end. Plain data.

use std::path::PathBuf;

use crate::protocol::peer::Work;

/// What a transfer is doing. Every wait has one of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Phase {
    /// Reaching the relay.
    #[default]
    Connecting,
    /// The sender's code is out; nobody has come yet.
    WaitingForPeer,
    /// Agreeing on keys.
    Handshake,
    /// The sender is still listing what it offers, or the list is on its way.
    Listing,
    /// The receiver has not answered the offer yet.
    WaitingForAnswer,
    /// Opening lanes.
    OpeningLanes,
    /// Bytes are moving.
    Moving,
    /// Everything is there; it is being checked, flushed to the receiver's disk and given its real name.
    Storing,
    /// Damaged blocks are being sent again.
    Repairing,
    /// The receiver has everything in place, and waits until the sender has heard so.
    Confirming,
    /// The code is retired; whoever still tries it is told so.
    Retired,
    /// Nobody else comes to a send for several receivers; the transfers with those who came go on.
    Branches,
}

/// How it stands with the connection to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Connection {
    /// It works, or there has been none yet.
    #[default]
    Up,
    /// It is lost, and the relay can't be reached either.
    LookingForRelay,
    /// It is lost; the relay is there, and the other side isn't yet.
    LookingForPeer,
}

/// Who wants the transfer to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Paused {
    /// The person on this side.
    pub here: bool,
    /// The person on the other side.
    pub there: bool,
}

/// A snapshot. Bytes count when the receiver has stored them, on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What is going on.
    pub phase: Phase,
    /// Bytes stored by the receiver.
    pub bytes: u64,
    /// Bytes in all; `None` while unknown, as for a stream.
    pub total_bytes: Option<u64>,
    /// Connections that carry data.
    pub lanes: u16,
    /// Whether they go straight from one machine to the other.
    pub is_direct: bool,
    /// How it stands with the connection to the other side. While it is lost, the phase is what will go on after.
    pub connection: Connection,
    /// Who wants it to rest.
    pub paused: Paused,
    /// Whether the receiver's disk is full: it goes on by itself when there is room again.
    pub disk_is_full: bool,
    /// Nothing has been stored for a while, for no reason that stands above.
    pub stall: Option<Stall>,
}

/// What came of a transfer that reached its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Files, folders and links that are in place on the receiver's side.
    pub stored: u64,
    /// Bytes of the files that arrived, without those that were withdrawn.
    pub bytes: u64,
    /// Files that the receiver had already, the same, so that they were not sent.
    pub here: u64,
    /// Their bytes.
    pub here_bytes: u64,
    /// Entries that were to move and didn't arrive; each was named in a notice.
    pub missing: u64,
    /// Those among the missing that arrived but could not get their place on the receiver's side.
    pub not_stored: u64,
    /// Who got it: one, or of a send for several those whose transfer reached its end. The sums are over all of them.
    pub receivers: u16,
    /// How long the data took, from the first lane on; of several, with the slowest.
    pub seconds: f64,
    /// Where everything is, on the receiver's side.
    pub folder: Option<PathBuf>,
    /// What lies there now at the top, under the names that it really got, or was there: the first [`MAX_PLACED`] of it.
    pub placed: Vec<PathBuf>,
}

impl Report {
    /// Counts what another receiver of the same got.
    pub fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.bytes += other.bytes;
        self.here += other.here;
        self.here_bytes += other.here_bytes;
        self.missing += other.missing;
        self.not_stored += other.not_stored;
        self.receivers += other.receivers;
        self.seconds = self.seconds.max(other.seconds);
    }
}

/// Most paths that a report names.
pub(crate) const MAX_PLACED: usize = 64;

/// What a transfer waits for while nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitsFor {
    /// Something that this side is doing.
    Here(Work),
    /// Something that the other side is doing, as it says.
    There(Work),
    /// The other side, which says nothing: it sleeps, or is gone.
    OtherSide,
    /// The relay, through which no lane can be opened although the two hear each other.
    Relay,
    /// The network: bytes are on their way, and none arrives.
    Network,
}

/// A transfer stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// Since when nothing was stored and nothing else that it waited for has ended.
    pub since: std::time::Instant,
}
