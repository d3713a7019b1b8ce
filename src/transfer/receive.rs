//! The receiving side of one transfer: joins, reads the offer, asks, stores what the lanes bring, checks it, and gives
//! everything its real name.
//!
//! - [`request`]: what a receive is asked to do
//! - `asking`: from the first message to the user's answer; `comparing`: what the folder has already, meanwhile
//! - `destination`: what was accepted, and where it goes
//! - `session`: the state machine while lanes bring blocks; `lane_pool`: the lanes
//! - `staged`: what stays on the disk at the end
//! - `common`: what all of these share

mod asking;
mod common;
mod comparing;
mod destination;
mod lane_pool;
pub(crate) mod request;
mod session;
mod staged;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicBool},
};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    error::{FileAction, TransferError},
    lanes::{
        claims::Claims,
        receiving::{ReceiveLanes, SpaceWaits},
    },
    link::{
        control::{Control, Session},
        rendezvous::{explain_loss, meet_again, meet_sender},
    },
    notice::{Context, Notice},
    progress::{Paused, Phase, Report},
    sink::unfinished::Registry,
};
use crate::{
    crypto::Side,
    panics::{caught, spawn_blocking},
    protocol::{
        peer::{FromReceiver, FromSender, Way, Work},
        relay::{FIRST_LANES, MAX_LANES},
    },
};
use asking::{AnnouncedOffer, FirstMessage, ask, first_message, read_offer};
use common::meanwhile_checked;
use destination::{Accepted, Destination, Verified};
use lane_pool::ReceiveLanePool;
use session::Receiving;
use staged::{Staged, leave};

pub(crate) use self::request::{Output, ReceiveRequest, ReceiverInput};

/// Ranges of blocks in one message.
const RANGES_AT_ONCE: usize = 4096;

/// Runs one transfer to its end.
pub(crate) async fn receive(
    request: ReceiveRequest,
    input: ReceiverInput,
    context: &Context,
) -> Result<Report, TransferError> {
    let code = Arc::new(request.code);
    let meeting = tokio::select! {
        meeting = meet_sender(request.search, &code, context) => meeting?,
        () = context.cancel.cancelled() => return Err(TransferError::Cancelled),
    };
    let relay = meeting.relay.clone();
    let (patience, ways) = (request.patience, (request.path_mode, request.listen));
    let arrive = |meeting| {
        let session = Session::through(meeting, Side::Receiver, &relay, patience, ways, context)?;
        Ok::<_, TransferError>(Control::new(session, &relay, context))
    };
    let mut control = arrive(meeting)?;
    context.tell_refused_port(control.refused_port()).await;
    let max_lanes = request.lanes.clamp(1, MAX_LANES);
    let give_way = CancellationToken::new();
    let mut staged = Staged::of(request.active, context, &give_way);
    let work = async {
        context.enter(Phase::Listing);
        let mut is_redirected = false;
        let announced = loop {
            match first_message(&mut control, max_lanes, is_redirected).await? {
                FirstMessage::Offer(announced) => break announced,
                FirstMessage::Elsewhere(code) => {
                    is_redirected = true;
                    let ((), meeting) = tokio::join!(control.part(), meet_again(&relay, code, context));
                    control = arrive(meeting?)?;
                    context.enter(Phase::Listing);
                }
            }
        };
        run(&mut control, announced, request.output, input, &request.unfinished, &mut staged, context).await
    };
    let until_cancelled = async {
        tokio::select! {
            verified = work => verified,
            () = context.cancel.cancelled() => Err(TransferError::Cancelled),
            () = give_way.cancelled() => Err(TransferError::Superseded),
        }
    };
    let verified = caught(until_cancelled).await.unwrap_or_else(|report| Err(report.into()));
    staged.settle().await;
    // From here on a cancellation comes too late: everything is here, checked, and about to get its name.
    let ended = match verified {
        Ok(verified) => caught(verified.deliver(&mut control, context)).await.map_err(TransferError::from),
        Err(error) => Err(error),
    };
    let last_word = match &ended {
        Ok(report) => Some(FromReceiver::Complete { stored: report.stored, failed: report.not_stored }),
        Err(TransferError::Cancelled | TransferError::Superseded) => Some(FromReceiver::Cancel),
        Err(TransferError::Declined) => Some(FromReceiver::Decline),
        Err(error) => error.trouble().map(FromReceiver::Failed),
    };
    if let Some(last_word) = last_word {
        control.say(&last_word)?;
    }
    // The sender can't know that all is in place unless it hears of it.
    control.finish::<FromSender>(ended.is_ok()).await;
    if let Some((staging, held)) = staged.staging {
        leave(staging, held, &ended, &request.unfinished, context).await;
    }
    drop(staged.hold);
    match ended {
        Ok(report) => Ok(report),
        Err(error) => Err(explain_loss(error, &relay).await),
    }
}

async fn run(
    control: &mut Control,
    announced: AnnouncedOffer,
    output: Output,
    input: ReceiverInput,
    unfinished: &Registry,
    staged: &mut Staged<'_>,
    context: &Context,
) -> Result<Verified, TransferError> {
    let (manifest, lanes) = read_offer(control, announced).await?;
    let folder = match &output {
        Output::Folder(folder) => Some(folder.clone()),
        Output::Writer(_) => None,
    };
    let ReceiverInput { answer, look, pause } = input;
    let (choices, same_files) =
        ask(control, &manifest, folder, (answer, look), &staged.active, context).await?;
    let (unfinished, active) = (unfinished.clone(), staged.active.clone());
    let deciding = spawn_blocking(move || {
        Accepted::decide(manifest, &choices, &same_files, output, (&unfinished, &active))
    });
    let decided = meanwhile_checked(control, Work::Disk, staged.deciding.insert(deciding)).await?;
    staged.deciding = None;
    let accepted = decided?;
    let held = staged.note(&accepted);
    let plan = Arc::clone(&accepted.plan);
    let needed = u16::try_from(plan.blocks()).unwrap_or(u16::MAX);
    let lanes = lanes.min(needed);
    let same = &accepted.here;
    if same.files() > 0 {
        control.say(&FromReceiver::AlreadyHere { files: same.files(), bytes: same.bytes() })?;
    }
    let here = accepted.destination.held();
    for ranges in here.ranges().chunks(RANGES_AT_ONCE) {
        control.say(&FromReceiver::Held(ranges.to_vec()))?;
    }
    let way = if lanes > 0 { control.way().await } else { Way::Relay };
    control.say(&FromReceiver::Accept { lanes, way, wanted: accepted.wanted.to_wire() })?;
    let total = plan.stream().is_none().then(|| plan.bytes());
    context.tell(Notice::Accepted { files: plan.wanted_files(), bytes: total }).await;
    context.update(|progress| {
        (progress.phase, progress.total_bytes, progress.lanes) =
            (Phase::OpeningLanes, total, lanes.min(FIRST_LANES));
    });
    let (stored, news) = mpsc::channel(256);
    let sink = accepted.destination.sink();
    let shared = Arc::new(ReceiveLanes {
        plan: Arc::clone(&plan),
        claims: Claims::new(&sink, here.clone()),
        sink,
        stored,
        space_waits: SpaceWaits::default(),
        work: Arc::clone(control.work()),
        has_opened: AtomicBool::new(false),
    });
    let mut pool = ReceiveLanePool::new(Arc::clone(&shared), lanes);
    let started = Instant::now();
    let mut receiving = Receiving {
        control,
        context,
        accepted: &accepted,
        lanes: shared,
        way,
        news,
        pause,
        paused: Paused::default(),
        journal_is_full: false,
        disk_is_full: false,
        held,
        unsaid: Vec::new(),
        writing: None,
        hashing: accepted.destination.hash_held(),
        bytes: plan.bytes_in(&here),
        withdrawn: BTreeSet::new(),
        hashes: BTreeMap::new(),
        stream_bytes: None,
        repaired: None,
    };
    let checked = receiving.run(&mut pool).await;
    pool.stop().await;
    checked?;
    let (bytes, withdrawn) = (receiving.arrived_bytes(), receiving.withdrawn.len() as u64);
    context.enter(Phase::Storing);
    flush(control, &accepted).await?;
    Ok(Verified { accepted, bytes, withdrawn, started })
}

/// Brings everything to the disk, or out of the writer's buffer.
async fn flush(control: &mut Control, accepted: &Accepted) -> Result<(), TransferError> {
    match &accepted.destination {
        Destination::Folder(_, staging) => {
            let staging = Arc::clone(staging);
            meanwhile_checked(control, Work::Disk, &mut spawn_blocking(move || staging.flush())).await?
        }
        Destination::Writer(ordered) | Destination::Text(ordered, _) => {
            let ordered = Arc::clone(ordered);
            let mut flushing = spawn_blocking(move || ordered.flush());
            let flushed = meanwhile_checked(control, Work::Output, &mut flushing).await?;
            flushed.map_err(|cause| TransferError::file(FileAction::WriteOutput, "", cause))
        }
    }
}
