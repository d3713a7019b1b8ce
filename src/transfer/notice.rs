//! What a transfer reports while it runs: notices, none of which is lost. [`Context`] is how every part of a transfer
//! reports them, together with snapshots of its progress.

use std::{
    collections::VecDeque,
    fmt, io,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "croc")]
use super::croc::CrocNews;
use super::{
    error::TransferError,
    file_states::FileWatch,
    offer::{AlreadyHere, Offer},
    progress::{Connection, Phase, Progress},
};
use crate::{
    code::CodePhrase,
    crypto::KnownPair,
    net::{client::RelayAddress, venue::Venue},
    protocol::{
        manifest::Manifest,
        name::PeerName,
        path::{MAX_NAMES, PathError},
        peer::{MAX_INVITATIONS, Withdrawal},
        thumbnail::Thumbnail,
    },
};

/// Something that the user should learn. No notice is ever dropped.
#[derive(Debug)]
pub enum Notice {
    /// The sender's code works from now on.
    Code {
        /// The code.
        code: CodePhrase,
        /// The relay on which a receiver finds the sender; `None` while it is found only on the local network.
        relay: Option<RelayAddress>,
    },
    /// How it is with the code for croc, of a send that has one.
    #[cfg(feature = "croc")]
    Croc(CrocNews),
    /// The relay on which a receiver finds the sender has changed, or the reason why there is none.
    Reach {
        /// The relay on which a receiver finds the sender; `None` while it is found only on the local network.
        relay: Option<RelayAddress>,
        /// What is wrong with the relays, which are tried again and again.
        why: Option<TransferError>,
    },
    /// Whether receivers can find the sender over the internet, where that is wanted. It comes again when that changes.
    Online(OnlineState),
    /// The two sides have found each other.
    Met(MetAt),
    /// What the other side's computer calls itself. It comes at most once after each [`Notice::Met`], before the offer is
    /// reported or answered. Anybody may use any name.
    Peer(PeerName),
    /// The receiver was lost before it answered. The code is up again, for that receiver or another.
    Unanswered,
    /// Some of those that answered in the sender's place did not prove that they know the code. Each had one guess at it. It
    /// comes again when there are more.
    Strangers {
        /// How many there were in all.
        count: usize,
    },
    /// The port for direct connections that was asked for is not available.
    PortRefused {
        /// The port that was asked for.
        wished: u16,
        /// The port that is used instead.
        used: u16,
    },
    /// A peer tried a wrong code.
    WrongTry {
        /// How many more tries are allowed.
        tries_left: u8,
    },
    /// The code is retired. For a while, peers that try it are told so.
    Retired,
    /// A peer came whose Caiman speaks another version of the protocol.
    OtherVersion {
        /// The version that the peer speaks.
        theirs: u16,
    },
    /// No more receivers can come to a send for several receivers, for this reason. The transfers with those that have
    /// come go on.
    Closed(TransferError),
    /// Some of what was chosen or added can't be offered.
    LeftOut(Vec<LeftOut>),
    /// Everything that will be offered, as far as it is known. It comes on the sender's side once the listing is done,
    /// again after each change of the user's, and when files turn out to have changed once a receiver has come.
    Listed(Arc<Manifest>),
    /// A chosen path is no longer part of a send, because the user has removed it.
    Removed(PathBuf),
    /// Paths that were to be added to a send are not part of it.
    NotAdded {
        /// The paths.
        paths: Vec<PathBuf>,
        /// Why.
        reason: NotAdded,
    },
    /// An offer, which the receiver's user has to answer. It comes again, compared with another folder, when the user
    /// asks for that. The first folder may be unusable: [`Offer::unusable`].
    Offer(Arc<Offer>),
    /// More files of the last offer turned out to be in the folder already, or it is now known that no more are. It
    /// comes again while [`AlreadyHere::is_growing`], until the offer is answered.
    AlreadyHere(AlreadyHere),
    /// The sender's answer about a picture that the user would see now: its thumbnail, if it has one.
    Thumbnail {
        /// Index of the entry.
        entry: u32,
        /// The thumbnail.
        thumbnail: Option<Arc<Thumbnail>>,
    },
    /// The other folder with which the offer was to be compared can't be used. The offer goes on waiting.
    CantUse(TransferError),
    /// The receiver, on the other side or this one, accepted the offer.
    Accepted {
        /// How many files will move.
        files: u64,
        /// Their size in bytes; `None` for a stream.
        bytes: Option<u64>,
    },
    /// The offer was accepted, and this is by what the two sides could find each other again on later days. Nothing is kept of it
    /// unless the user wants that. It comes before [`Notice::Accepted`].
    Acquainted(KnownPair),
    /// The sender withdrew a file, so it will not arrive.
    Withdrawn {
        /// The file: a path on this machine for a sender, a path in the offer for a receiver.
        path: PathBuf,
        /// Why.
        reason: Withdrawal,
    },
    /// A file, a folder or a link arrived but could not get its real name.
    NotStored {
        /// Its path in the offer.
        path: PathBuf,
        /// Why.
        error: TransferError,
    },
    /// Everything is in place, and the file system could not keep some of what came with the files.
    NotKept(NotKept),
    /// A text arrived.
    Text(String),
    /// The transfer broke off. What had arrived is kept in this staging folder.
    Kept(PathBuf),
    /// The offer was accepted, and the sender has something more for this receiver. The sender waits for it until a little
    /// after the end of the last transfer between the two.
    Invited(Invited),
}

/// What of files that have arrived a mount did not keep, by how many files. Their bytes are all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotKept {
    /// Times of the last change.
    pub times: u64,
    /// Permissions to execute.
    pub executable: u64,
    /// That others may not read or change them, as on the sender's machine.
    pub private: u64,
}

impl NotKept {
    /// Whether everything was kept.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// How the internet way is doing while a code waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnlineState {
    /// A receiver anywhere finds the sender.
    Reachable {
        /// The host of the iroh relay at which the sender waits.
        relay: String,
    },
    /// No iroh relay answers; they are tried again and again.
    NoRelay,
    /// The relay passes receivers of this code to another sender: one that has drawn the same words, or an attacker. Only a new
    /// code helps.
    Taken,
}

/// Where two sides have met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetAt {
    /// At the sender's own relay, which a receiver finds on the local network.
    OwnRelay,
    /// At a relay.
    Relay(RelayAddress),
    /// Over the internet, without a relay of Caiman's own kind.
    Internet,
}

/// Where a sender waits that has something more for its receiver. It is to be looked for there and nowhere else.
#[derive(Debug)]
pub struct Invited {
    /// A code that only the two sides know.
    pub code: CodePhrase,
    /// Where the two have met.
    pub venue: Venue,
    /// The chain to which the transfer will belong that follows the invitation.
    pub chain: InvitationChain,
}

/// All transfers to which one code leads: the one that begins with it, those to which that one invites, those to which these
/// invite, and so on. Together they may invite [`MAX_INVITATIONS`] times, and both sides count that.
#[derive(Debug, Clone)]
pub struct InvitationChain {
    left: Arc<AtomicU32>,
    /// By what the two sides can find each other again: that of the first transfer which was accepted, on both sides.
    pair: Arc<OnceLock<KnownPair>>,
}

impl Default for InvitationChain {
    /// The chain of a code that a user has passed on.
    fn default() -> Self {
        Self { left: Arc::new(AtomicU32::new(MAX_INVITATIONS)), pair: Arc::default() }
    }
}

impl InvitationChain {
    /// Counts an invitation. Returns `false` if it is one too many.
    pub fn count(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// By what the two sides of this chain can find each other again: `pair`, if theirs is the first transfer to be accepted.
    /// Each side may remember the other in any of a chain's transfers, and both get the same.
    #[must_use]
    pub fn acquaint(&self, pair: &KnownPair) -> KnownPair {
        self.pair.get_or_init(|| pair.clone()).clone()
    }

    /// Whether this is the same chain: one sender's, who was met under one code.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.left, &other.left)
    }
}

/// Why paths could not be added to a send. The send goes on without them.
#[derive(Debug, thiserror::Error)]
pub enum NotAdded {
    /// The other side has already been told what is offered.
    #[error("the offer has been made already")]
    TooLate,
    /// A text or a stream is sent by itself.
    #[error("nothing can be added to a text or a stream")]
    NotFiles,
    /// The path can't be read, or the list would grow too long.
    #[error(transparent)]
    Unlisted(TransferError),
}

/// Something below the chosen paths that can't be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path on this machine.
    pub path: PathBuf,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why something can't be offered, as the end of a sentence that begins with its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeftOutReason {
    /// The system doesn't let this user read it.
    #[error("can't be read: {0}")]
    Unreadable(io::ErrorKind),
    /// No system could store its name.
    #[error("can't be sent: it has {0}")]
    Name(PathError),
    /// It is inside more folders than an offer may have inside each other.
    #[error(
        "can't be sent: it is inside more than {MAX_NAMES} folders; send one of the inner folders by itself"
    )]
    TooDeep,
    /// A link that leads out of what is sent, or to no name at all.
    #[error("is {0}")]
    Link(PathError),
    /// A link to a name that isn't Unicode.
    #[error("is a link to a name that isn't Unicode")]
    LinkName,
    /// A file that says that it is empty and isn't, as those of `/proc` are.
    #[error("doesn't say how long it is")]
    NoSize,
    /// A device, a pipe or the like.
    #[error("is neither a file, a folder nor a link")]
    Special,
}

/// How a transfer reports to its owner, and learns from the owner that it has to end.
#[derive(Clone)]
pub struct Context {
    notices: mpsc::Sender<Notice>,
    progress: watch::Sender<Progress>,
    wake: Arc<dyn Fn() + Send + Sync>,
    /// Cancelled when the user no longer wants the transfer, or when the program ends.
    pub cancel: CancellationToken,
    /// Whether the program is ending.
    closing: Arc<AtomicBool>,
    /// Where the transfer shows how far its files have come.
    pub files: FileWatch,
}

impl Context {
    /// A context that reports over these channels. `wake` is called after every change; `closing` is set when the
    /// program ends.
    pub fn new(
        notices: mpsc::Sender<Notice>,
        progress: watch::Sender<Progress>,
        wake: Arc<dyn Fn() + Send + Sync>,
        cancel: CancellationToken,
        closing: Arc<AtomicBool>,
    ) -> Self {
        Self { notices, progress, wake, cancel, closing, files: FileWatch::default() }
    }

    /// A context for a part of the transfer, whose reports reach nobody. It is cancelled with this one.
    #[must_use]
    pub fn apart(&self) -> Self {
        let ((notices, _), progress) = (mpsc::channel(1), watch::Sender::default());
        Self {
            notices,
            progress,
            wake: Arc::new(|| {}),
            cancel: self.cancel.clone(),
            closing: Arc::clone(&self.closing),
            files: FileWatch::default(),
        }
    }

    /// Whether a cancellation means that the program ends, rather than that the user wants it.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Reports a notice; waits while too many are unread.
    pub async fn tell(&self, notice: Notice) {
        // The owner may be gone; the transfer then ends by its cancellation.
        let _ = self.notices.send(notice).await;
        (self.wake)();
    }

    /// Reports all of `notices`, from the first to the last. Safe to drop and call again: what is no longer in the
    /// queue was reported.
    pub async fn tell_all(&self, notices: &mut VecDeque<Notice>) {
        while !notices.is_empty() {
            let Ok(place) = self.notices.reserve().await else { return notices.clear() };
            if let Some(notice) = notices.pop_front() {
                place.send(notice);
                (self.wake)();
            }
        }
    }

    /// Reports a port that was not available, if there is one, and the port that is used instead: (wished, used).
    pub async fn tell_refused_port(&self, refused: Option<(u16, u16)>) {
        if let Some((wished, used)) = refused {
            self.tell(Notice::PortRefused { wished, used }).await;
        }
    }

    /// Makes `phase` the current one.
    pub fn enter(&self, phase: Phase) {
        self.update(|progress| progress.phase = phase);
    }

    /// Whether the connection to the other side is lost.
    pub fn is_lost(&self) -> bool {
        self.progress.borrow().connection != Connection::Up
    }

    /// Whether the receiver's disk is full.
    pub fn disk_is_full(&self) -> bool {
        self.progress.borrow().disk_is_full
    }

    /// The current phase.
    pub fn phase(&self) -> Phase {
        self.snapshot().phase
    }

    /// The current state of the transfer.
    pub fn snapshot(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Changes the snapshot, and wakes its readers if it is a different one afterwards.
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
