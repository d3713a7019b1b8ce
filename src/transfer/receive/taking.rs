//! One transfer from the receiver's side: finds the sender, receives what the user accepts of its offer, and ends.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "croc")]
use super::croc::{
    CrocRequest,
    meeting::{Either, either},
    receive_found,
};
use super::{
    asking::{FirstMessage, UserChoice, announcement, ask, first_message, read_offer},
    common::{check_common, introduce, is_last_word, meanwhile, meanwhile_checked},
    destination::{Accepted, Destination, Verified},
    lane_pool::ReceiveLanePool,
    request::{ReceiveOptions, ReceiveRequest, ReceiverInput},
    session::{LaneInput, Receiving},
    staged::{Staged, until_stopped},
};
use crate::{
    code::CodePhrase,
    crypto::Side,
    panics::{caught, spawn_blocking},
    protocol::{
        peer::{FromReceiver, Trouble, Way, Work},
        relay::{FIRST_LANES, MAX_LANES},
    },
    transfer::{
        error::{FileAction, TransferError},
        lanes::{
            claims::Claims,
            receiving::{ReceiveLanes, SpaceWaits},
        },
        link::{
            control::Control,
            pipe::BoxFuture,
            rendezvous::{explain_loss, meet_again, meet_sender},
            session::Session,
        },
        notice::{Context, Notice},
        progress::{Phase, Report},
    },
};

/// The most ranges of blocks in one message, so that it stays within
/// [`MAX_CONTROL`](crate::protocol::peer::MAX_CONTROL).
const RANGES_AT_ONCE: usize = 4096;
/// How many blocks lanes may have stored before the session notes them. Beyond that, lanes wait for the session.
const STORED_WAITING: usize = 256;

/// How long the acceptance waits for the control channel to move to the session's own endpoints: several round trips. Without the
/// move, the transfer works as well.
const MOVE_LIMIT: Duration = Duration::from_secs(3);
/// How often to check whether it has moved, which no message says.
const MOVE_CHECK_EVERY: Duration = Duration::from_millis(20);

/// Finds the sender and runs the transfer to its end.
pub(crate) async fn receive(
    request: ReceiveRequest,
    input: ReceiverInput,
    context: &Context,
) -> Result<Report, TransferError> {
    let ReceiveRequest {
        code,
        search,
        #[cfg(feature = "croc")]
        mut croc,
        options,
    } = request;
    let code = Arc::new(code);
    let meeting = meet_sender(search, &code, context);
    #[cfg(feature = "croc")]
    let meeting = async {
        match &mut croc {
            None => Ok(Either::Caiman(meeting.await?)),
            Some(croc) => either(meeting, croc).await,
        }
    };
    let meeting = tokio::select! {
        meeting = meeting => meeting?,
        () = context.cancel.cancelled() => return Err(TransferError::Cancelled),
    };
    #[cfg(feature = "croc")]
    let meeting = match (meeting, croc) {
        (Either::Caiman(meeting), _) => meeting,
        (Either::Croc(found), sender) => {
            let sender = sender.expect("a croc is found only where one is looked for");
            let ReceiveOptions { output, unfinished, active, .. } = options;
            let request = CrocRequest { sender, output, unfinished, active };
            return Box::pin(receive_found(*found, request, input, context)).await;
        }
    };
    let venue = meeting.venue.clone();
    let (connect, chain) = (options.connect.clone(), options.chain.clone());
    let begin = |meeting| {
        let session = Session::through(meeting, Side::Receiver, connect.clone(), context);
        let mut control = Control::new(session, &venue, context);
        control.belong_to(chain.clone());
        control
    };
    let control = begin(meeting);
    context.tell_refused_port(control.refused_port()).await;
    let (begin, met_at) = (&begin, &venue);
    let follow = |code| -> BoxFuture<'_, _> {
        Box::pin(async move { Ok(begin(meet_again(met_at, code, context).await?)) })
    };
    match take(control, follow, options, input, context).await {
        Ok(report) => Ok(report),
        Err(error) => Err(explain_loss(error, &venue).await),
    }
}

/// Receives what a sender offers over `control`, or over the channel to which `follow` leads if the sender names
/// another code instead, and runs the session to its end.
pub(crate) async fn take<'a>(
    mut control: Control,
    follow: impl FnOnce(CodePhrase) -> BoxFuture<'a, Result<Control, TransferError>>,
    options: ReceiveOptions,
    input: ReceiverInput,
    context: &Context,
) -> Result<Report, TransferError> {
    let ReceiveOptions { output, lanes, unfinished, active, name, .. } = options;
    let max_lanes = lanes.clamp(1, MAX_LANES);
    let give_way = CancellationToken::new();
    let mut staged = Staged::of(active, context, &give_way);
    let work = async {
        context.enter(Phase::Listing);
        introduce(&mut control, name.as_ref())?;
        let announced = match first_message(&mut control, max_lanes).await? {
            FirstMessage::Offer(announced) => announced,
            FirstMessage::Elsewhere(code) => {
                let ((), followed) = tokio::join!(control.part(), follow(code));
                control = followed?;
                context.enter(Phase::Listing);
                introduce(&mut control, name.as_ref())?;
                announcement(&mut control, max_lanes).await?
            }
        };
        let (offered, lanes) = read_offer(&mut control, announced).await?;
        let ReceiverInput { answer, look, in_sight, pause } = input;
        let folder = output.folder();
        let active = staged.active.clone();
        let user = UserChoice { answer, look, in_sight };
        let (choices, same_files) =
            ask(&mut control, &offered, folder, user, (&unfinished, &active), context).await?;
        let decide = {
            let unfinished = unfinished.clone();
            move || Accepted::decide(offered, &choices, &same_files, output, &unfinished, &active)
        };
        let deciding = staged.deciding.insert(spawn_blocking(decide));
        let decided = meanwhile_checked(&mut control, Work::Disk, deciding).await?;
        staged.deciding = None;
        let accepted = decided?;
        move_bytes(&mut control, accepted, lanes, pause, &mut staged, context).await
    };
    let verified = until_stopped(work, context, &give_way).await;
    staged.settle().await;
    // From here on a cancellation comes too late: everything is here, checked, and about to get its real name.
    let ended = match verified {
        Ok(verified) => {
            let wait = async |delivering| meanwhile(&mut control, Work::Disk, delivering).await;
            caught(verified.deliver(unfinished.clone(), context, wait)).await.map_err(TransferError::from)
        }
        Err(error) => Err(error),
    };
    if let Some(last_word) = last_word(&ended, context.is_closing()) {
        control.say(&last_word)?;
    }
    if ended.is_ok() {
        context.update(|progress| {
            (progress.phase, progress.stall, progress.disk_is_full) = (Phase::Confirming, None, false);
        });
        // Waiting for the confirmation may take minutes, and the staging folder is not needed meanwhile.
        staged.leave(&ended, &unfinished).await;
        // The sender can't know that everything is in place unless it is told, so this message has to arrive.
        control.finish_confirmed(is_last_word).await;
    } else {
        control.part().await;
    }
    staged.leave(&ended, &unfinished).await;
    ended
}

/// What the sender is told when the receive ends like this; `None` if it is told nothing.
fn last_word(ended: &Result<Report, TransferError>, is_closing: bool) -> Option<FromReceiver> {
    match ended {
        // The sender may offer the same again, once this side is back.
        Err(TransferError::Cancelled) if is_closing => Some(FromReceiver::Failed(Trouble::Closed)),
        Ok(report) => Some(FromReceiver::Complete { stored: report.stored, failed: report.not_stored }),
        Err(TransferError::Cancelled | TransferError::Superseded) => Some(FromReceiver::Cancel),
        Err(TransferError::Declined) => Some(FromReceiver::Decline),
        Err(error) => error.trouble().map(FromReceiver::Failed),
    }
}

/// Tells the sender what is accepted, and receives it until all of it is here, checked and flushed.
async fn move_bytes(
    control: &mut Control,
    accepted: Accepted,
    lanes: u16,
    pause: watch::Receiver<bool>,
    staged: &mut Staged<'_>,
    context: &Context,
) -> Result<Verified, TransferError> {
    let held = staged.note(&accepted);
    let plan = Arc::clone(&accepted.plan);
    let lanes = lanes.min(u16::try_from(plan.blocks()).unwrap_or(u16::MAX));
    let way = say_acceptance(control, &accepted, lanes).await?;
    let total = plan.stream().is_none().then(|| plan.bytes());
    context.tell(Notice::Acquainted(control.pair())).await;
    context.tell(Notice::Accepted { files: plan.wanted_files(), bytes: total }).await;
    context.update(|progress| {
        (progress.phase, progress.total_bytes, progress.lanes) =
            (Phase::OpeningLanes, total, lanes.min(FIRST_LANES));
    });
    let (stored, news) = mpsc::channel(STORED_WAITING);
    let sink = accepted.destination.sink();
    let shared = Arc::new(ReceiveLanes {
        plan,
        claims: Claims::new(&sink, accepted.destination.held()),
        sink,
        stored,
        space_waits: SpaceWaits::default(),
        work: Arc::clone(control.work()),
        forgeries: Arc::clone(control.forgeries()),
        has_opened: AtomicBool::new(false),
    });
    let mut pool = ReceiveLanePool::new(Arc::clone(&shared), lanes);
    let started = Instant::now();
    let mut receiving =
        Receiving::new(control, context, &accepted, shared, held, LaneInput { way, news, pause });
    let checked = receiving.run(&mut pool).await;
    pool.stop().await;
    checked?;
    let (bytes, withdrawn) = receiving.sums();
    context.enter(Phase::Storing);
    flush(control, &accepted).await?;
    Ok(Verified { accepted, bytes, withdrawn, started })
}

/// Tells the sender what is accepted, and what of it is already here; returns the way that lanes take.
async fn say_acceptance(
    control: &mut Control,
    accepted: &Accepted,
    lanes: u16,
) -> Result<Way, TransferError> {
    let here = &accepted.here;
    if here.files() > 0 {
        control.say(&FromReceiver::AlreadyHere { files: here.files(), bytes: here.bytes() })?;
    }
    for ranges in accepted.destination.held().ranges().chunks(RANGES_AT_ONCE) {
        control.say(&FromReceiver::Held(ranges.to_vec()))?;
    }
    control.note_acceptance()?;
    // Lanes that are opened before the move would be lost with it, and with them what they have in flight.
    let move_until = Instant::now() + MOVE_LIMIT;
    while control.is_moving() && Instant::now() < move_until {
        if let Ok(message) = timeout(MOVE_CHECK_EVERY, control.next()).await {
            check_common(control, &message?).await?;
        }
    }
    let way = if lanes > 0 { control.way().await } else { Way::Relay };
    control.say(&FromReceiver::Accept { lanes, way, wanted: accepted.wanted.to_wire() })?;
    Ok(way)
}

/// Flushes everything to the disk, or out of the writer's buffer.
async fn flush(control: &mut Control, accepted: &Accepted) -> Result<(), TransferError> {
    match &accepted.destination {
        Destination::Folder(_, staging) => {
            let staging = Arc::clone(staging);
            meanwhile_checked(control, Work::Disk, &mut spawn_blocking(move || staging.flush())).await?
        }
        Destination::Writer(ordered) | Destination::Text(ordered, _) => {
            let ordered = Arc::clone(ordered);
            // It is the only entry. That of a stream has no size.
            let size = accepted.manifest.bytes();
            let mut flushing = spawn_blocking(move || ordered.flush(size));
            let flushed = meanwhile_checked(control, Work::Output, &mut flushing).await?;
            flushed.map_err(|cause| TransferError::file(FileAction::WriteOutput, "", cause))
        }
    }
}
