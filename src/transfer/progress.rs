//! The state of a transfer: snapshots, of which only the latest matters, and the report at its end. Plain data.

use std::{path::PathBuf, time::Duration};

use crate::protocol::peer::Work;

/// What a transfer is doing. Whatever it waits for, it is in one of these phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Phase {
    /// Reaching the relay.
    #[default]
    Connecting,
    /// The sender's code works, and no receiver has come yet.
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
    /// Everything has arrived, and is being checked, flushed to the receiver's disk and given its real names.
    Storing,
    /// Damaged blocks are being sent again.
    Repairing,
    /// The receiver has everything in place, and waits until the sender confirms that it knows.
    Confirming,
    /// The code is retired; peers that still try it are told so.
    Retired,
    /// No more receivers come to a send for several receivers; the transfers with those that came go on.
    Branches,
}

/// The state of the connection to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Connection {
    /// The connection works, or there has been none yet.
    #[default]
    Up,
    /// The connection is lost, and the relay can't be reached either.
    LookingForRelay,
    /// The connection is lost. The relay can be reached, and the other side is not there yet.
    LookingForPeer,
}

/// Which way bytes take to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Route {
    /// Through a relay, Caiman's own kind.
    #[default]
    Relay,
    /// Through an iroh relay, because the two machines can't reach each other.
    IrohRelay,
    /// From one machine to the other.
    Direct,
}

/// Which users have paused the transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Paused {
    /// Whether the user on this side has paused the transfer.
    pub here: bool,
    /// Whether the user on the other side has paused the transfer.
    pub there: bool,
}

/// How many records have to be changed on their way before the user is told. One or two may be damaged by chance: the
/// checksum of TCP has 16 bits.
const MANY_FORGERIES: u32 = 3;

/// A snapshot of a transfer. On both sides, bytes count once the receiver has stored them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// What the transfer is doing.
    pub phase: Phase,
    /// How many bytes the receiver has stored.
    pub bytes: u64,
    /// How many bytes are to be stored in all; `None` while that is unknown, as for a stream.
    pub total_bytes: Option<u64>,
    /// How many files are complete on the receiver's disk.
    pub files: u64,
    /// The file that moves, as an entry of the offer; of several, the first. `None` while there is none.
    pub file: Option<u32>,
    /// How many lanes carry data, or are about to.
    pub lanes: u16,
    /// Which way the lanes take.
    pub route: Route,
    /// How long a byte takes to the other side and back, where that is known.
    pub round_trip: Option<Duration>,
    /// The state of the connection to the other side. While it is lost, `phase` is the one that continues afterwards.
    pub connection: Connection,
    /// Which users have paused the transfer.
    pub paused: Paused,
    /// Whether the receiver's disk is full. The transfer goes on by itself when there is free space again.
    pub disk_is_full: bool,
    /// How many records were changed on their way to this side. Each of them cost a connection and nothing else.
    pub forgeries: u32,
    /// Whether large packets have been found to get lost on the way, so that the transfer goes on with small ones.
    pub large_packets_are_lost: bool,
    /// The stall: set when nothing has been stored for a while, for none of the reasons above.
    pub stall: Option<Stall>,
}

impl Progress {
    /// Whether this many records were changed on their way that the user should know.
    pub fn is_tampered_with(&self) -> bool {
        self.forgeries >= MANY_FORGERIES
    }
}

/// The result of a transfer that reached its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Files, folders and links that are in place on the receiver's side.
    pub stored: u64,
    /// Bytes of the files that arrived, without those that were withdrawn.
    pub bytes: u64,
    /// Files that were not sent because the receiver already had them with the same content.
    pub here: u64,
    /// Bytes of the files counted in `here`.
    pub here_bytes: u64,
    /// Entries that were to move and are not in place on the receiver's side, where each was reported in a notice.
    pub missing: u64,
    /// Entries counted in `missing` that arrived but could not get their real names. Only the receiver's report counts
    /// them.
    pub not_stored: u64,
    /// How many receivers got what was sent: one, or in a send for several receivers, those whose transfers reached
    /// their ends. The sums are over all of them.
    pub receivers: u16,
    /// How long the data took in seconds, from the opening of the first lanes; with several receivers, for the slowest
    /// of them.
    pub seconds: f64,
    /// The folder in which everything is. Only the receiver's report has it, and not if everything went to a writer.
    pub folder: Option<PathBuf>,
    /// Paths at the top of `folder` that were stored or were already here, or that hold something that was, under the
    /// names that they really got: the first [`MAX_PLACED`].
    pub placed: Vec<PathBuf>,
    /// Whether everything at these paths came with this transfer. Otherwise something is among it that was there before.
    pub is_new: bool,
}

impl Report {
    /// Adds the counts of another receiver's report in a send for several receivers to this one.
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

/// The most paths that a report names. It bounds what a report, and its entry in the history, take; it is more than a
/// user looks through.
pub const MAX_PLACED: usize = 64;

/// What a transfer waits for while nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitsFor {
    /// Something that this side is doing.
    Here(Work),
    /// Something that the other side says it is doing.
    There(Work),
    /// The other side, which is silent: its machine sleeps, or it is gone.
    OtherSide,
    /// The relay: no lane can be opened through it, although the two sides hear each other.
    Relay,
    /// The network: bytes are in flight, and none arrives.
    Network,
}

/// Why a transfer stands still, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// When a block was last stored, or something else that the transfer waited for last ended.
    pub since: std::time::Instant,
}
