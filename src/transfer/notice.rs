//! What a transfer reports while it runs: notices, none of which is lost. [`Context`] is how every part of a transfer
//! reports them, together with snapshots of its progress.

use std::{
    collections::VecDeque,
    fmt, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    error::TransferError,
    offer::{AlreadyHere, Offer},
    progress::{Connection, Phase, Progress},
};
use crate::{
    code::CodePhrase,
    net::client::{RelayAddress, RelayChoice},
    protocol::{manifest::Manifest, path::PathError, peer::Withdrawal},
};

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
    /// again while [`AlreadyHere::is_growing`], until the offer is answered.
    AlreadyHere(AlreadyHere),
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

/// Why paths are not part of a send to which they were to be added. It goes on without them.
#[derive(Debug, thiserror::Error)]
pub enum NotAdded {
    /// The other side has been told already what is offered.
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
    /// The system doesn't let this person read it.
    #[error("can't be read: {0}")]
    Unreadable(io::ErrorKind),
    /// No system could store its name.
    #[error("can't be sent: it has {0}")]
    Name(PathError),
    /// A link that leads out of what is sent, or to no name at all.
    #[error("is {0}")]
    Link(PathError),
    /// A link to a name that isn't Unicode.
    #[error("is a link to a name that isn't Unicode")]
    LinkName,
    /// A device, a pipe or the like.
    #[error("is neither a file, a folder nor a link")]
    Special,
}

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
    pub fn disk_is_full(&self) -> bool {
        self.progress.borrow().disk_is_full
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
