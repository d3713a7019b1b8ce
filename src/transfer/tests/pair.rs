//! A sender's and a receiver's session on one [`Network`].

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, atomic::AtomicBool},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::network::{Access, Network, root};
use crate::{
    crypto::{Channel, KnownPair, Side},
    net::{
        client::{RelayAddress, RelayChoice},
        venue::Venue,
    },
    sync::lock_shared,
    transfer::{
        error::TransferError,
        lanes::throttle::Throttle,
        link::{control::Control, pipe::Pipe, session::Session},
        notice::{Context, Notice},
        offer::{Answer, Choices},
        path_mode::{ConnectOptions, ListenOptions, PathMode},
        plan::placement::OnMerge,
        progress::{Progress, Report},
        receive::{Output, ReceiveOptions, ReceiverInput, taking::take},
        send::{
            offering::{Offering, Served},
            options::SendOptions,
        },
        sink::{active::ActiveReceives, unfinished::Registry},
        source::listing::{Listing, Payload},
    },
};

/// The longest that a test may wait, on the paused clock: longer than any session here lasts.
const GUARD: Duration = Duration::from_hours(48);
/// How long the two sides look for each other after a loss: longer than any outage here.
pub(super) const PATIENCE: Duration = Duration::from_hours(24);
/// The size of a block in bytes.
pub(super) const BLOCK: usize = crate::transfer::plan::MIN_BLOCK as usize;

/// One side's running session, and what its user can do to it.
pub(super) struct Running {
    pub(super) cancel: CancellationToken,
    pub(super) pause: watch::Sender<bool>,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) notices: Arc<Mutex<Vec<Notice>>>,
    session: JoinHandle<Result<Report, TransferError>>,
}

impl Running {
    /// Waits for the session to end, and returns how it ended.
    pub(super) async fn end(self) -> Result<Report, TransferError> {
        timeout(GUARD, self.session).await.expect("a session ends").expect("a session doesn't panic")
    }

    /// Ends the session without a word to the other side, as when its program is killed.
    pub(super) async fn kill(self) {
        self.session.abort();
        let _ = self.session.await;
    }

    /// The session's progress at this moment.
    pub(super) fn now(&self) -> Progress {
        *self.progress.borrow()
    }

    pub(super) fn is_over(&self) -> bool {
        self.session.is_finished()
    }

    /// Waits until the progress is as `is_there` asks.
    pub(super) async fn reaches(&mut self, is_there: impl FnMut(&Progress) -> bool) {
        timeout(GUARD, self.progress.wait_for(is_there))
            .await
            .expect("the progress is reached")
            .expect("the session runs");
    }
}

/// The folders of the two sides.
pub(super) struct Folders {
    pub(super) outbox: PathBuf,
    pub(super) inbox: TempDir,
}

impl Folders {
    /// The sender's folder `outbox`, and a new folder for the receiver.
    pub(super) fn new(outbox: &Path) -> Self {
        Self { outbox: outbox.to_owned(), inbox: temporary() }
    }
}

/// What the receiver's user keeps, in particular the key of the staging folders.
pub(super) static USERS: LazyLock<Registry> = LazyLock::new(Registry::default);

/// A temporary folder, in memory where the system can do that.
pub(super) fn temporary() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// What a pair of sessions begins with.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) lanes: u16,
    pub(super) patience: Duration,
    pub(super) bytes_per_sec: Option<u64>,
    /// How long the receiver's user takes to accept the offer.
    pub(super) answers_after: Duration,
    /// Whether folders that are there are merged with those of the same names in the offer.
    pub(super) merges: bool,
}

impl Default for Terms {
    fn default() -> Self {
        let answers_after = Duration::ZERO;
        Self { lanes: 8, patience: PATIENCE, bytes_per_sec: None, answers_after, merges: true }
    }
}

/// Starts both sides of a transfer of the sender's folder into the receiver's.
pub(super) fn begin(network: &Arc<Network>, folders: &Folders, terms: Terms) -> (Running, Running) {
    begin_into(network, &folders.outbox, Output::Folder(folders.inbox.path().to_owned()), terms)
}

/// Starts both sides of a transfer of `outbox` into this output.
pub(super) fn begin_into(
    network: &Arc<Network>,
    outbox: &Path,
    output: Output,
    terms: Terms,
) -> (Running, Running) {
    let (ours, theirs) = network.first();
    let sender = send(session(network, ours, Side::Sender, terms.patience), outbox, terms);
    let receiver = receive(session(network, theirs, Side::Receiver, terms.patience), output, terms);
    (sender, receiver)
}

/// Both ends of a control channel without a transfer.
pub(super) fn controls(network: &Arc<Network>, patience: Duration) -> (Control, Control) {
    let (ours, theirs) = network.first();
    let control = |pipe, side| Control::new(session(network, pipe, side, patience), &venue(), &context().0);
    (control(ours, Side::Sender), control(theirs, Side::Receiver))
}

fn session(network: &Arc<Network>, pipe: Pipe, side: Side, patience: Duration) -> Session {
    let access = || Arc::new(Access { network: Arc::clone(network), side });
    Session {
        pipe,
        side,
        keys: root().keys(Channel::Metadata),
        pair: KnownPair::new(root().pair_key(), side),
        lane_keys: root().keys(Channel::Data),
        ways: access(),
        seat: None,
        find: access(),
        paths: None,
        patience,
    }
}

fn connect_options(patience: Duration) -> ConnectOptions {
    ConnectOptions {
        patience,
        path_mode: PathMode::RelayOnly,
        listen: ListenOptions::default(),
        internet: None,
    }
}

fn send(session: Session, outbox: &Path, terms: Terms) -> Running {
    let (context, running) = context();
    let (changing, changes) = watch::channel(Vec::new());
    let (pause, pauses) = watch::channel(false);
    let options = SendOptions {
        lanes: terms.lanes,
        throttle: Arc::new(Throttle::new(terms.bytes_per_sec)),
        iterations: 0,
        connect: connect_options(terms.patience),
        name: None,
        #[cfg(feature = "croc")]
        croc: None,
    };
    let payload = Payload::Paths(vec![outbox.to_owned()]);
    let control = Control::new(session, &venue(), &context);
    let session = async move {
        let listing = Listing::start(payload, changes, &context.cancel)?;
        let mut control = control;
        let mut offering = Offering { listing, offered: None, waiting: None };
        let ended = offering.serve(&mut control, &options, pauses, &context).await;
        drop(changing);
        match ended? {
            Served::Done(report) => Ok(report),
            Served::Lost | Served::Replaced(_) => unreachable!("nobody else is waited for"),
        }
    };
    running.run(pause, session, None, terms)
}

fn receive(session: Session, output: Output, terms: Terms) -> Running {
    let (context, running) = context();
    let ((answers, answer), (looking, look)) = (oneshot::channel(), watch::channel(None));
    let ((pause, pauses), (scrolling, in_sight)) = (watch::channel(false), watch::channel(Vec::new()));
    let options = ReceiveOptions {
        chain: crate::transfer::notice::InvitationChain::default(),
        output,
        lanes: terms.lanes,
        connect: connect_options(terms.patience),
        unfinished: USERS.clone(),
        active: ActiveReceives::default(),
        name: None,
    };
    let control = Control::new(session, &venue(), &context);
    let session = async move {
        let input = ReceiverInput { answer, look, in_sight, pause: pauses };
        let never = |_| unreachable!("the sender names no other code");
        let ended = take(control, never, options, input, &context).await;
        drop((looking, scrolling));
        ended
    };
    running.run(pause, session, Some(answers), terms)
}

/// The test's ends of a session's context.
struct ContextEnds {
    cancel: CancellationToken,
    progress: watch::Receiver<Progress>,
    inbox: mpsc::Receiver<Notice>,
}

impl ContextEnds {
    /// Runs a session. If an offer comes, all of it is accepted.
    fn run(
        self,
        pause: watch::Sender<bool>,
        session: impl Future<Output = Result<Report, TransferError>> + Send + 'static,
        mut answers: Option<oneshot::Sender<Answer>>,
        terms: Terms,
    ) -> Running {
        let Self { cancel, progress, mut inbox } = self;
        let notices = Arc::<Mutex<Vec<Notice>>>::default();
        let noted = Arc::clone(&notices);
        let listening = async move {
            while let Some(notice) = inbox.recv().await {
                if matches!(notice, Notice::Offer(_))
                    && let Some(answers) = answers.take()
                {
                    tokio::spawn(async move {
                        sleep(terms.answers_after).await;
                        // The session may have ended meanwhile.
                        let on_merge = if terms.merges { OnMerge::Merge } else { OnMerge::KeepBoth };
                        let _ = answers.send(Answer::Accept(Choices { on_merge, ..Choices::default() }));
                    });
                }
                lock_shared(&noted).push(notice);
            }
        };
        let session = tokio::spawn(async move {
            let session = Box::pin(session);
            // The notices end with the session, because it holds their sending end.
            tokio::join!(session, listening).0
        });
        Running { cancel, pause, progress, notices, session }
    }
}

fn context() -> (Context, ContextEnds) {
    let ((notices, inbox), (progress, snapshots)) = (mpsc::channel(16), watch::channel(Progress::default()));
    let cancel = CancellationToken::new();
    let closing = Arc::<AtomicBool>::default();
    let context = Context::new(notices, progress, Arc::new(|| {}), cancel.clone(), closing);
    (context, ContextEnds { cancel, progress: snapshots, inbox })
}

fn venue() -> Venue {
    Venue::Relay(RelayChoice::new(RelayAddress::from_socket(([127, 0, 0, 1], 9).into())))
}
