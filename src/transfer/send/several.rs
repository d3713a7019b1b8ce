//! A send for several receivers: one code that stays up until enough receivers have proven it. Each of them is invited
//! at once to another code, under which a [`Branch`] waits for that receiver alone. A branch is a send like any other.
//! It shares with the other branches only what is offered, which no longer changes once the first receiver has come.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    common::{cancelled, check_common, last_word},
    offering::offer_under,
    options::{SendOptions, SenderInput},
};
use crate::{
    crypto::Side,
    panics::{joined, reported},
    protocol::peer::{FromReceiver, FromSender, Trouble},
    transfer::{
        error::TransferError,
        lanes::throttle::Throttle,
        link::{
            control::Control,
            invitation::{self, Follower, Invitations, Succession},
            rendezvous::{Admitted, CodeChoice, Gate, MeetBy, WaitingPlaces, wait_for_several},
            session::Session,
        },
        notice::{Context, Notice},
        path_mode::{ConnectOptions, ListenOptions, PathMode},
        progress::{Phase, Report},
        source::listing::{Listing, Offered, Payload},
    },
};

/// How long the connection to a redirected receiver is kept until the sender is back in the code's room: while it is
/// kept, the next receiver finds a busy code rather than none. The sender needs a round trip or two to its relay.
const ROOM_LIMIT: Duration = Duration::from_secs(5);

/// How long a receiver may take to confirm the last message of a redirection that failed: a round trip on a slow
/// network. The code stays busy meanwhile.
const HEARD_LIMIT: Duration = Duration::from_secs(1);

/// The transfer with one of several receivers. The owner of the send's tasks has to run it.
pub(crate) struct Branch {
    offered: Offered,
    follower: Follower,
    options: SendOptions,
    guard: BranchGuard,
}

/// Keeps the send for several receivers from ending. It ends after the last guard is dropped, so that everything about
/// its branches is reported by then.
#[derive(Clone)]
pub(crate) struct BranchGuard(mpsc::Sender<Report>);

impl Branch {
    /// A guard, to be dropped once everything about this branch has been reported.
    pub(crate) fn guard(&self) -> BranchGuard {
        self.guard.clone()
    }

    /// The speed limit, which all branches of a send share.
    pub(crate) fn throttle(&self) -> Arc<Throttle> {
        Arc::clone(&self.options.throttle)
    }

    /// Runs the branch to its end. Paths that are added to it are refused as too late.
    pub(crate) async fn run(self, input: SenderInput, context: &Context) -> Result<Report, TransferError> {
        let Self { offered, follower, options, guard } = self;
        let SenderInput { changes, pause, invitations } = input;
        let listing = Listing::of(offered, changes, &context.cancel);
        let ended =
            offer_under(MeetBy::Invitation(follower), listing, options, pause, invitations, context).await;
        if let Ok(report) = &ended {
            // The channel holds as many reports as there are receivers.
            let _ = guard.0.try_send(report.clone());
        }
        ended
    }
}

/// A code that leads several receivers to one send.
pub(crate) struct CodeForSeveral {
    pub(crate) choice: CodeChoice,
    /// Where the receivers are waited for.
    pub(crate) places: WaitingPlaces,
    /// How many come, from 2 to [`MAX_RECEIVERS`](super::MAX_RECEIVERS).
    pub(crate) receivers: u16,
}

/// Runs a send for several receivers to its end. Each branch goes through `branches` to an owner that has to run it; a
/// branch that the owner drops has failed.
pub(crate) async fn send_to_several(
    payload: Payload,
    CodeForSeveral { choice, places, receivers }: CodeForSeveral,
    branches: mpsc::Sender<Branch>,
    options: SendOptions,
    input: SenderInput,
    context: &Context,
) -> Result<Report, TransferError> {
    let SenderInput { changes, .. } = input;
    let mut listing = Listing::start(payload, changes, &context.cancel)?;
    let (guard, mut reports) = mpsc::channel(usize::from(receivers));
    let (listed, offered) = watch::channel(None);
    let (first_arrival, waits) = (Notify::new(), options.waits());
    let shared = Arc::new(SharedCode {
        offered,
        branches,
        guard: BranchGuard(guard),
        options,
        context: context.apart(),
    });
    let (failed, mut failure) = oneshot::channel();
    let listing = list(&mut listing, listed, &first_arrival, failed, context);
    let work = async {
        let (arriving, mut arrivals) = mpsc::channel(1);
        let (mut redirects, mut came) = (JoinSet::new(), 0);
        let over = {
            let mut reception =
                Box::pin(wait_for_several(choice, places, Gate::new(receivers, arriving), waits, context));
            loop {
                tokio::select! {
                    Some(admitted) = arrivals.recv() => {
                        came += 1;
                        first_arrival.notify_one();
                        redirects.spawn(reported(redirect(admitted, Arc::clone(&shared))));
                    }
                    over = &mut reception => break over,
                    Ok(error) = &mut failure => break Err(error),
                    () = context.cancel.cancelled() => break Err(cancelled(context)),
                }
            }
        };
        // A receiver that has just proven the code is redirected as well.
        while let Some(admitted) = arrivals.recv().await {
            came += 1;
            first_arrival.notify_one();
            redirects.spawn(reported(redirect(admitted, Arc::clone(&shared))));
        }
        let over = match over {
            // The branches go on without the relay on which no more receivers can come.
            Err(error @ (TransferError::Relay(_) | TransferError::CodeTaken)) if came > 0 => {
                context.tell(Notice::Closed(error)).await;
                Ok(())
            }
            over => over,
        };
        context.enter(Phase::Branches);
        while let Some(redirected) = redirects.join_next().await {
            joined(redirected);
        }
        drop(shared);
        let mut sum = Report::default();
        while let Some(report) = reports.recv().await {
            sum.add(&report);
        }
        match (sum.receivers, over, failure.try_recv()) {
            (1.., ..) => Ok(sum),
            (0, _, Ok(error)) | (0, Err(error), _) => Err(error),
            (0, Ok(()), _) => Err(TransferError::NobodyGotIt { came }),
        }
    };
    tokio::select! {
        ended = work => ended,
        never = listing => match never {},
    }
}

/// Lists until the first receiver has come, and no longer: what is offered to one is offered to all. Paths that are
/// added after that are refused as too late.
async fn list(
    listing: &mut Listing,
    listed: watch::Sender<Option<Result<Offered, Trouble>>>,
    first_arrival: &Notify,
    failed: oneshot::Sender<TransferError>,
    context: &Context,
) -> Infallible {
    let grown = tokio::select! {
        error = listing.grow(context) => Err(error),
        () = first_arrival.notified() => listing.conclude(context).await,
    };
    match grown {
        Ok(()) => {
            listed.send_replace(Some(Ok(listing.take())));
            listing.refuse(context).await
        }
        Err(error) => {
            listed.send_replace(Some(Err(error.trouble().unwrap_or(Trouble::Files))));
            // The send may have ended for another reason, so that nothing waits for this error.
            let _ = failed.send(error);
            std::future::pending().await
        }
    }
}

/// What all redirections share.
struct SharedCode {
    offered: watch::Receiver<Option<Result<Offered, Trouble>>>,
    branches: mpsc::Sender<Branch>,
    guard: BranchGuard,
    options: SendOptions,
    context: Context,
}

/// Redirects one receiver to a branch of its own.
async fn redirect(admitted: Admitted, shared: Arc<SharedCode>) {
    let Admitted { meeting, place, stays, is_free } = admitted;
    let (mut invitations, follower) = invitation::channel(Succession::default());
    invitations.meet(place.clone());
    let context = &shared.context;
    // No lane is opened on this connection, so it needs no direct way.
    let connect = ConnectOptions {
        patience: shared.options.connect.patience,
        path_mode: PathMode::RelayOnly,
        listen: ListenOptions::default(),
        internet: None,
    };
    let session = Session::through(meeting, Side::Sender, connect, context);
    let mut control = Control::new(session, &place.venue, context);
    let pointed = tokio::select! {
        pointed = point_to_branch(&mut control, &mut invitations, follower, &shared) => pointed,
        () = context.cancel.cancelled() => Err(TransferError::Cancelled),
    };
    if let Some(last_word) = last_word(&pointed, context.is_closing()) {
        if control.say(&last_word).is_err() {
            return;
        }
        // This has to happen before the sender is back in the room, which ends this connection.
        let heard = async { while let Ok(Some(_)) = control.next_or_heard::<FromReceiver>().await {} };
        let _ = timeout(HEARD_LIMIT, heard).await;
    }
    drop(stays);
    // Where nothing waits for the room, only the timeout ends this wait.
    let _ = timeout(ROOM_LIMIT, is_free).await;
    control.part().await;
}

/// Returns once the receiver has heard where to go, or is there already.
async fn point_to_branch(
    control: &mut Control,
    invitations: &mut Invitations,
    follower: Follower,
    shared: &SharedCode,
) -> Result<(), TransferError> {
    let mut listed = shared.offered.clone();
    let offered = loop {
        // Nothing of what is behind the lock is held while anything is awaited.
        let is_listed = async { listed.wait_for(Option::is_some).await.is_ok() };
        tokio::select! {
            is_listed = is_listed => match &*shared.offered.borrow() {
                Some(Ok(offered)) if is_listed => break offered.again(),
                Some(Err(trouble)) if is_listed => return control.say(&FromSender::Failed(*trouble)),
                _ => return Err(TransferError::Cancelled),
            },
            message = control.next() => check_common(control, &message?).await?,
        }
    };
    let offered = offered.expect("a stream is never sent to several receivers");
    let branch = Branch { offered, follower, options: shared.options.clone(), guard: shared.guard.clone() };
    // The owner of the branches is gone only when everything ends.
    shared.branches.send(branch).await.map_err(|_| TransferError::Cancelled)?;
    let mut is_said = false;
    loop {
        let message =
            async { if is_said { control.next_or_heard().await } else { control.next().await.map(Some) } };
        tokio::select! {
            message = message => match message? {
                Some(message) => check_common(control, &message).await?,
                None => return Ok(()),
            },
            invitation = invitations.next() => match invitation {
                Some(invitation) => {
                    control.say(&FromSender::Invitation { code: invitation.say(), instead: true })?;
                    is_said = true;
                }
                // The branch has stopped waiting: its receiver is there, or it has ended.
                None if is_said => return Ok(()),
                None => return Err(TransferError::Cancelled),
            },
        }
    }
}
