//! What a transfer tells while it runs: snapshots of which only the latest matters, and notices none of which is lost.

use std::{
    collections::VecDeque,
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    error::TransferError, listing::NotAdded, offer::Offer, rendezvous::RelayChoice, same::Here,
    scan::LeftOut, watchdog::Stall,
};
use crate::{
    code::CodePhrase,
    net::client::RelayAddress,
    protocol::{manifest::Manifest, peer::Withdrawal},
};

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
    pub lacks_room: bool,
    /// Nothing has been stored for a while, for no reason that stands above.
    pub stall: Option<Stall>,
}

/// Something that a person should learn of. None is ever dropped.
#[derive(Debug)]
pub enum Notice {
    /// The sender's code is good from now on.
    Code {
        /// The code.
        code: CodePhrase,
        /// The relay on which the other side finds it; `None`: the local network only, for now.
        relay: Option<RelayAddress>,
    },
    /// Where a sender's code can be found has changed, or why it is on no relay.
    Reach {
        /// The relay on which the other side finds it; `None`: the local network only, for now.
        relay: Option<RelayAddress>,
        /// What is the matter with the relays. They are asked again and again.
        why: Option<TransferError>,
    },
    /// The two sides have found each other.
    Met {
        /// The relay between them; `None`: the sender's own, which a receiver found on the local network.
        relay: Option<RelayAddress>,
    },
    /// The port for direct connections that was asked for can't be had.
    PortRefused {
        /// That port.
        wished: u16,
        /// The one that is used instead.
        used: u16,
    },
    /// Somebody tried a wrong code.
    WrongTry {
        /// How many more are allowed.
        tries_left: u8,
    },
    /// The code is retired; for a while, whoever tries it is told so.
    Retired,
    /// Somebody came whose Caiman speaks another version of the protocol.
    OtherVersion {
        /// That version.
        theirs: u16,
    },
    /// Nobody else can come to a send for several receivers, for this reason; with those who have come it goes on.
    Closed(TransferError),
    /// Some of what was chosen, or was added, can't be offered.
    LeftOut(Vec<LeftOut>),
    /// Everything that will be offered, as far as it is known: told to the sender once it is listed, and again after
    /// each addition.
    Listed(Arc<Manifest>),
    /// Paths that were to be added to a send are not part of it.
    NotAdded {
        /// The paths.
        paths: Vec<PathBuf>,
        /// Why.
        reason: NotAdded,
    },
    /// The receiver's question: what is offered. An answer is due. The same offer comes again, held against another
    /// folder, when that is asked for. The first folder may be of no use: [`Offer::unusable`].
    Offer(Arc<Offer>),
    /// More of the offer that was told last turned out to be here already, or it is known now that nothing more is. Told
    /// again while [`Here::is_growing`], until the offer is answered.
    Here(Here),
    /// Another folder was to be looked at for the offer, and it can't be used. The offer goes on waiting.
    CantUse(TransferError),
    /// The other side took the offer, or this side did.
    Accepted {
        /// Files that will move.
        files: u64,
        /// Their bytes; `None` for a stream.
        bytes: Option<u64>,
    },
    /// A file will not arrive.
    Withdrawn {
        /// The file: a path on this machine for a sender, one of the offer for a receiver.
        path: PathBuf,
        /// Why.
        reason: Withdrawal,
    },
    /// A file arrived but could not get its place.
    NotStored {
        /// Its path in the offer.
        path: PathBuf,
        /// Why.
        error: TransferError,
    },
    /// A text arrived.
    Text(String),
    /// The transfer broke off; what had arrived is in this folder.
    Kept(PathBuf),
    /// The sender has something more for this receiver, who is to look under this code on this relay and nowhere else. It waits
    /// there until a little after the end of this transfer.
    Invited {
        /// A code that nobody else knows.
        code: CodePhrase,
        /// The relay on which the two have met, and its password.
        relay: RelayChoice,
    },
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
pub const MAX_PLACED: usize = 64;

/// A transfer's line to whoever started it.
#[derive(Clone)]
pub struct Context {
    notices: mpsc::Sender<Notice>,
    progress: watch::Sender<Progress>,
    wake: Arc<dyn Fn() + Send + Sync>,
    /// Cancelled when a person no longer wants the transfer, or when the program ends.
    pub cancel: CancellationToken,
    /// Whether it is the program that ends.
    closing: Arc<AtomicBool>,
}

impl Context {
    /// `wake` is called after every change.
    pub fn new(
        notices: mpsc::Sender<Notice>,
        progress: watch::Sender<Progress>,
        wake: Arc<dyn Fn() + Send + Sync>,
        cancel: CancellationToken,
        closing: Arc<AtomicBool>,
    ) -> Self {
        Self { notices, progress, wake, cancel, closing }
    }

    /// For a part of the transfer that nobody is told of. It ends when the transfer is cancelled.
    #[must_use]
    pub fn apart(&self) -> Self {
        let ((notices, _), progress) = (mpsc::channel(1), watch::Sender::default());
        Self {
            notices,
            progress,
            wake: Arc::new(|| {}),
            cancel: self.cancel.clone(),
            closing: Arc::clone(&self.closing),
        }
    }

    /// Whether a cancellation is the program's end rather than a person's wish.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Tells something; waits if nobody has listened for a while.
    pub async fn tell(&self, notice: Notice) {
        // Whoever started the transfer may be gone; it then ends by its cancellation.
        let _ = self.notices.send(notice).await;
        (self.wake)();
    }

    /// Tells all of `notices`, the first one first. Safe to drop and call again: what is no longer there was told.
    pub async fn tell_all(&self, notices: &mut VecDeque<Notice>) {
        while !notices.is_empty() {
            let Ok(place) = self.notices.reserve().await else { return notices.clear() };
            if let Some(notice) = notices.pop_front() {
                place.send(notice);
                (self.wake)();
            }
        }
    }

    /// Tells of a port that could not be had, if there is one, and of the one that is used instead.
    pub async fn tell_refused_port(&self, refused: Option<(u16, u16)>) {
        if let Some((wished, used)) = refused {
            self.tell(Notice::PortRefused { wished, used }).await;
        }
    }

    /// Enters a phase.
    pub fn enter(&self, phase: Phase) {
        self.update(|progress| progress.phase = phase);
    }

    /// Whether the other side is being looked for.
    pub fn is_lost(&self) -> bool {
        self.progress.borrow().connection != Connection::Up
    }

    /// Whether the receiver's disk is full.
    pub fn lacks_room(&self) -> bool {
        self.progress.borrow().lacks_room
    }

    /// What is going on.
    pub fn phase(&self) -> Phase {
        self.snapshot().phase
    }

    /// How it stands.
    pub fn snapshot(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Changes the snapshot. Whoever looks at it is woken if it is another one.
    pub fn update(&self, change: impl FnOnce(&mut Progress)) {
        let has_changed = self.progress.send_if_modified(|progress| {
            let before = *progress;
            change(progress);
            *progress != before
        });
        if has_changed {
            (self.wake)();
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_snapshot_that_stays_the_same_wakes_nobody() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&wakes);
        let wake = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let (notices, _heard) = mpsc::channel(1);
        let (progress, _seen) = watch::channel(Progress::default());
        let context =
            Context::new(notices, progress, Arc::new(wake), CancellationToken::new(), Arc::default());
        context.update(|progress| progress.lanes = 4);
        context.update(|progress| progress.lanes = 4);
        context.enter(Phase::Connecting);
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
    }
}
