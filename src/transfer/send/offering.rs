//! One transfer from the sender's side: waits for the receiver, offers, sends over lanes what was accepted, and ends. The code is up
//! again when a receiver is lost before it has answered.

use std::{
    future,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

#[cfg(feature = "croc")]
use super::croc::{
    serve,
    waiting::{CrocGuest, CrocWait},
};
use super::{
    common::{cancelled, check_common, last_word},
    inquiry::Inquiry,
    lane_pool::SendLanePool,
    options::{SendOptions, SenderInput},
    reception::{Newcomer, SendReception},
    session::{Sending, Workload},
    thumbnails::ThumbnailRequests,
};
use crate::{
    crypto::Side,
    panics::caught,
    protocol::{
        frame,
        manifest::Manifest,
        peer::{FromReceiver, FromSender, PAGE_BYTES, Way},
        relay::{FIRST_LANES, MAX_LANES},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        lanes::{lane_count::LaneCount, queue::Queue, sending::SendLanes},
        link::{
            control::Control,
            invitation::Invitations,
            online::MAX_ONLINE_LANES,
            rendezvous::{MeetBy, WaitingSender, explain_loss},
            session::Session,
        },
        notice::{Context, Notice},
        plan::{Plan, Wanted, blocks::BlockSet},
        progress::{Connection, Phase, Report},
        source::{
            listing::{Listing, Offered, Payload},
            outgoing::{Content, Outgoing},
        },
    },
};

/// The most ranges of blocks that a receiver may say it has. It bounds the memory for them to 16 MiB; only an offer of
/// several TiB, of which the receiver has every other block, would need more.
const MAX_RANGES: usize = 1 << 20;

/// The most bytes of blocks that lanes may hold on each side: as much as the first lanes hold of the largest blocks. It
/// limits the number of further lanes.
const MAX_LANE_BYTES: u32 = 16 * 1024 * 1024;

/// How often to check whether the other side has confirmed enough for more hashes to be sent, because no message
/// announces that: a fraction of a usual round trip.
const BACKLOG_CHECK_EVERY: Duration = Duration::from_millis(20);

/// How long a receiver that has not answered yet may be lost before others can come under the code: longer than most networks fail,
/// and short enough for a user who starts a receive again.
const ALONE_FOR: Duration = Duration::from_secs(5);

/// Offers `payload` to one receiver and runs the transfer to its end.
pub(crate) async fn send(
    payload: Payload,
    meet_by: MeetBy,
    options: SendOptions,
    input: SenderInput,
    context: &Context,
) -> Result<Report, TransferError> {
    let SenderInput { changes, pause, invitations } = input;
    let listing = Listing::start(payload, changes, &context.cancel)?;
    offer_under(meet_by, listing, options, pause, invitations, context).await
}

/// Waits for the receiver while the listing goes on, and offers what was listed. A receiver that is lost before it has answered is
/// followed by another, if the user has passed the code on.
pub(super) async fn offer_under(
    meet_by: MeetBy,
    mut listing: Listing,
    options: SendOptions,
    pause: watch::Receiver<bool>,
    invitations: Invitations,
    context: &Context,
) -> Result<Report, TransferError> {
    let waiting = tokio::select! {
        waiting = Box::pin(WaitingSender::put_up(meet_by, options.waits(), context)) => waiting?,
        error = listing.grow(context) => return Err(error),
        () = context.cancel.cancelled() => return Err(cancelled(context)),
    };
    let waiting = SendReception {
        caiman: waiting,
        #[cfg(feature = "croc")]
        croc: options.croc.clone().map(|croc| CrocWait::new(croc, listing.manifests(), context)),
    };
    let mut offering = Offering { listing, offered: None, waiting: Some(waiting) };
    let (mut invitations, mut next) = (Some(invitations), None);
    loop {
        let newcomer = match next.take() {
            Some(next) => next,
            None => offering.next_receiver(context).await?,
        };
        let (meeting, place) = match newcomer {
            Newcomer::Caiman(meeting, place) => (*meeting, place),
            #[cfg(feature = "croc")]
            Newcomer::Croc(guest) => {
                let served = offering.serve_croc(*guest, &options, pause.clone(), context);
                if let Some(report) = served.await? {
                    return Ok(report);
                }
                offering.look_again();
                continue;
            }
        };
        let venue = meeting.venue.clone();
        let session = Session::through(meeting, Side::Sender, options.connect.clone(), context);
        let mut control = Control::new(session, &venue, context);
        context.tell_refused_port(control.refused_port()).await;
        if let Some(invitations) = invitations.take() {
            invitations.meet(place);
            control.invite_over(invitations);
        }
        match offering.serve(&mut control, &options, pause.clone(), context).await {
            Ok(Served::Done(report)) => return Ok(report),
            Ok(Served::Lost) => offering.look_again(),
            Ok(Served::Replaced(newcomer)) => {
                offering.look_again();
                next = Some(newcomer);
            }
            Err(error) => return Err(explain_loss(error, &venue).await),
        }
        invitations = control.take_invitations();
    }
}

/// What is offered, to one receiver after the other until one of them has answered.
pub(crate) struct Offering<'a> {
    pub(crate) listing: Listing,
    /// What the listing has come to for the receiver that has come.
    pub(crate) offered: Option<Offered>,
    /// Where other receivers are waited for, if the first is lost before it has answered.
    pub(crate) waiting: Option<SendReception<'a>>,
}

/// What a session with a receiver has come to.
pub(crate) enum Served {
    /// The receiver has what it wanted.
    Done(Report),
    /// The receiver was lost before it answered.
    Lost,
    /// The receiver was lost before it answered, and another has come.
    Replaced(Newcomer),
}

impl Offering<'_> {
    /// Has the files looked at again for the next receiver, because the last one was lost before it answered.
    fn look_again(&mut self) {
        if self.listing.look_again() {
            self.offered = None;
        }
    }

    async fn next_receiver(&mut self, context: &Context) -> Result<Newcomer, TransferError> {
        let Self { listing, offered, waiting } = self;
        let waiting = waiting.as_mut().expect("it is there until a receiver has answered");
        let listing = async {
            match offered {
                Some(_) => match listing.refuse(context).await {},
                None => listing.grow(context).await,
            }
        };
        tokio::select! {
            newcomer = waiting.newcomer() => newcomer,
            error = listing => Err(error),
            () = context.cancel.cancelled() => Err(cancelled(context)),
        }
    }

    /// Offers what is listed to a receiver that has croc, and sends what it asks for. `None` if it was lost before it has answered.
    #[cfg(feature = "croc")]
    async fn serve_croc(
        &mut self,
        guest: CrocGuest,
        options: &SendOptions,
        pause: watch::Receiver<bool>,
        context: &Context,
    ) -> Result<Option<Report>, TransferError> {
        let Self { listing, offered, waiting } = self;
        let is_at_own = guest.is_at_own();
        let on_answer = || {
            // The relay beside this send carries what a receiver asks for that has come there.
            if let Some(waiting) = waiting.take().filter(|_| !is_at_own) {
                waiting.settle();
            }
        };
        let ended = serve(guest, (listing, offered), on_answer, (options, pause), context).await;
        if let Ok(None) = ended {
            tell_unanswered(context).await;
        }
        ended
    }

    /// Offers what is listed over `control`, and runs the session to its end.
    pub(crate) async fn serve(
        &mut self,
        control: &mut Control,
        options: &SendOptions,
        pause: watch::Receiver<bool>,
        context: &Context,
    ) -> Result<Served, TransferError> {
        let until_cancelled = async {
            tokio::select! {
                ended = self.work(control, options, pause, context) => ended,
                // A user who no longer waits for a lost receiver should know that everything was sent.
                () = context.cancel.cancelled() => match context.phase() {
                    Phase::Storing if context.is_lost() => Err(TransferError::Unconfirmed),
                    _ => Err(cancelled(context)),
                },
            }
        };
        let ended = caught(until_cancelled).await.unwrap_or_else(|report| Err(report.into()));
        if let Some(last_word) = last_word(&ended, context.is_closing()) {
            control.say(&last_word)?;
        }
        control.part().await;
        ended
    }

    async fn work(
        &mut self,
        control: &mut Control,
        options: &SendOptions,
        pause: watch::Receiver<bool>,
        context: &Context,
    ) -> Result<Served, TransferError> {
        let loss = control.loss();
        let Self { listing, offered, waiting } = self;
        let waits_again = waiting.as_ref().is_some_and(SendReception::may_wait_again);
        let acceptance = tokio::select! {
            asked = ask(control, options, listing, offered, context) => match asked {
                Err(gone @ (TransferError::PeerLost | TransferError::PeerSilent { .. })) if waits_again => {
                    // Where only the connection is lost, the receiver may still hear it.
                    if let Some(last_word) = last_word::<()>(&Err(gone), context.is_closing()) {
                        control.say(&last_word)?;
                    }
                    tell_unanswered(context).await;
                    return Ok(Served::Lost);
                }
                asked => asked?,
            },
            newcomer = another(waiting, loss, context), if waits_again => {
                return Ok(Served::Replaced(newcomer?));
            }
        };
        if let Some(waiting) = waiting.take() {
            waiting.settle();
        }
        let offered = offered.take().expect("what is offered was listed for the question");
        tokio::select! {
            ended = run(control, offered, acceptance, options, pause, context) => ended.map(Served::Done),
            never = listing.refuse(context) => match never {},
        }
    }
}

/// Finishes the listing, unless that was done for another receiver, and waits for the answer to the offer.
async fn ask(
    control: &mut Control,
    options: &SendOptions,
    listing: &mut Listing,
    offered: &mut Option<Offered>,
    context: &Context,
) -> Result<Acceptance, TransferError> {
    let max_lanes = options.lanes.clamp(1, MAX_LANES);
    context.enter(Phase::Listing);
    if let Some(name) = &options.name {
        control.say(&FromSender::Name(name.clone()))?;
    }
    control.say_addresses()?;
    let Offered { manifest, content } = match offered {
        Some(offered) => offered,
        None => offered.insert(finish_listing(control, listing, context).await?),
    };
    let answered = async {
        offer(control, manifest, max_lanes).await?;
        context.enter(Phase::WaitingForAnswer);
        answer(control, manifest, content, max_lanes).await
    };
    tokio::select! {
        answered = answered => answered,
        never = listing.refuse(context) => match never {},
    }
}

/// Once the receiver has been lost for a while, waits for another one beside it. Whichever of them is there first is served.
async fn another(
    waiting: &mut Option<SendReception<'_>>,
    mut loss: watch::Receiver<Option<Instant>>,
    context: &Context,
) -> Result<Newcomer, TransferError> {
    let Some(waiting) = waiting else { return future::pending().await };
    // The sender of the loss lives as long as the session, and so as long as this wait.
    loop {
        let lost_at = loss
            .wait_for(Option::is_some)
            .await
            .map_or_else(|_| Instant::now(), |at| at.unwrap_or_else(Instant::now));
        if timeout_at(lost_at + ALONE_FOR, loss.wait_for(Option::is_none)).await.is_ok() {
            continue;
        }
        let phase = context.phase();
        tell_unanswered(context).await;
        tokio::select! {
            newcomer = waiting.newcomer() => return newcomer,
            _ = loss.wait_for(Option::is_none) => {}
        }
        waiting.rest().await;
        context.enter(phase);
    }
}

async fn tell_unanswered(context: &Context) {
    context.tell(Notice::Unanswered).await;
    // What is waited for now is any receiver, and not that one.
    context.update(|progress| {
        (progress.phase, progress.connection) = (Phase::WaitingForPeer, Connection::Up);
    });
}

async fn run(
    control: &mut Control,
    Offered { manifest, content }: Offered,
    Acceptance { lanes, way, wanted, here, held }: Acceptance,
    options: &SendOptions,
    pause: watch::Receiver<bool>,
    context: &Context,
) -> Result<Report, TransferError> {
    control.note_acceptance()?;
    let plan = Arc::new(Plan::new(&manifest, |index| wanted.contains(index)));
    let (here, here_bytes) = here;
    // What the receiver already has is part of what it doesn't want.
    if here > manifest.files() - plan.wanted_files() || here_bytes > manifest.bytes() - plan.bytes() {
        return Err(Misbehaviour::UnknownEntry.into());
    }
    let held = check_held(&held, &plan)?;
    if lanes == 0 && plan.blocks() > 0 {
        return Err(Misbehaviour::Lanes.into());
    }
    let is_stream = plan.stream().is_some();
    let total = (!is_stream).then(|| plan.bytes());
    context.tell(Notice::Acquainted(control.pair())).await;
    context.tell(Notice::Accepted { files: plan.wanted_files(), bytes: total }).await;
    context.update(|progress| {
        (progress.phase, progress.total_bytes, progress.lanes) =
            (Phase::OpeningLanes, total, lanes.min(FIRST_LANES));
    });
    let outgoing = Arc::new(Outgoing::new(Arc::clone(&manifest), Arc::clone(&plan), content));
    let queue = Arc::new(if is_stream { Queue::stream() } else { Queue::new(plan.blocks(), held.clone()) });
    let shared = Arc::new(SendLanes {
        outgoing: Arc::clone(&outgoing),
        queue: Arc::clone(&queue),
        throttle: Arc::clone(&options.throttle),
        block_size: plan.block_size(),
        work: Arc::clone(control.work()),
        has_opened: AtomicBool::new(false),
    });
    // Each lane holds one block on each side.
    let fitting = u16::try_from(MAX_LANE_BYTES / plan.block_size()).unwrap_or(MAX_LANES).max(FIRST_LANES);
    let limit = options.throttle.bytes_per_sec();
    let most = lanes.min(fitting);
    let lane_count = LaneCount::new(FIRST_LANES, (most, MAX_ONLINE_LANES), plan.block_size(), limit);
    let mut pool = SendLanePool::new(shared, lanes);
    let started = Instant::now();
    let workload = Workload { plan, outgoing, queue, held, wanted };
    let mut sending = Sending::new(control, context, workload, pause, way, lane_count);
    let ended = sending.run(&mut pool).await;
    let bytes = sending.arrived_bytes();
    pool.stop().await;
    let (stored, missing) = ended.map_err(|error| match error {
        TransferError::PeerLost | TransferError::PeerSilent { .. } if sending.is_done() => {
            TransferError::Unconfirmed
        }
        error => error,
    })?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Report { stored, bytes, here, here_bytes, missing, receivers: 1, seconds, ..Report::default() })
}

/// Finishes the listing while the other side waits.
async fn finish_listing(
    control: &mut Control,
    listing: &mut Listing,
    context: &Context,
) -> Result<Offered, TransferError> {
    loop {
        tokio::select! {
            listed = listing.conclude(context) => return listed.map(|()| listing.take()),
            message = control.next() => {
                let message = message?;
                check_common(control, &message).await?;
            }
        }
    }
}

async fn offer(control: &mut Control, manifest: &Manifest, lanes: u16) -> Result<(), TransferError> {
    let entries = manifest.entries();
    control.say(&FromSender::Offer {
        kind: manifest.kind(),
        entries: entries.len() as u64,
        bytes: manifest.bytes(),
        lanes,
    })?;
    let mut digest = blake3::Hasher::new();
    let mut page = Vec::new();
    let mut page_bytes = 0;
    for entry in entries {
        let raw = entry.to_raw();
        let bytes = frame::to_bytes(&raw);
        digest.update(&bytes);
        page_bytes += bytes.len();
        page.push(raw);
        if page_bytes >= PAGE_BYTES {
            control.say(&FromSender::Page(std::mem::take(&mut page)))?;
            page_bytes = 0;
            while !control.has_room() {
                tokio::select! {
                    message = control.next() => {
                        let message = message?;
                        check_common(control, &message).await?;
                    }
                    () = sleep(Duration::from_millis(1)) => {}
                }
            }
        }
    }
    if !page.is_empty() {
        control.say(&FromSender::Page(page))?;
    }
    control.say(&FromSender::OfferEnd { digest: *digest.finalize().as_bytes() })
}

/// What a receiver accepts.
struct Acceptance {
    lanes: u16,
    way: Way,
    wanted: Wanted,
    /// How many files the receiver already has, and their bytes.
    here: (u64, u64),
    /// Blocks that the receiver already has, as (first, count).
    held: Vec<(u64, u64)>,
}

async fn answer(
    control: &mut Control,
    manifest: &Manifest,
    source: &Content,
    max_lanes: u16,
) -> Result<Acceptance, TransferError> {
    let mut held = Vec::new();
    let mut here = None;
    let mut inquiry = Inquiry::new();
    let mut thumbnails = ThumbnailRequests::default();
    loop {
        let has_room = control.has_room();
        let message: FromReceiver = tokio::select! {
            message = control.next() => message?,
            hashes = inquiry.next(source), if has_room => {
                control.say(&FromSender::ThisIs(hashes))?;
                continue;
            }
            (entry, thumbnail) = thumbnails.next(source), if has_room => {
                control.say(&FromSender::Thumbnail { entry, thumbnail })?;
                continue;
            }
            () = sleep(BACKLOG_CHECK_EVERY), if !has_room => continue,
        };
        let name = message.name();
        match message {
            FromReceiver::WhatIs(entries) => inquiry.ask(&entries, manifest, name)?,
            FromReceiver::Thumbnails(entries) => thumbnails.ask(&entries, manifest, name)?,
            FromReceiver::AlreadyHere { files, bytes } => {
                if here.replace((files, bytes)).is_some() {
                    return Err(Misbehaviour::OutOfTurn(name).into());
                }
            }
            FromReceiver::Held(ranges) => {
                held.extend(ranges);
                if held.len() > MAX_RANGES {
                    return Err(Misbehaviour::UnknownBlock.into());
                }
            }
            FromReceiver::Accept { lanes, way, wanted } => {
                if lanes > max_lanes {
                    return Err(Misbehaviour::Lanes.into());
                }
                let wanted = Wanted::from_wire(wanted, manifest.entries().len());
                let wanted = wanted.ok_or(Misbehaviour::UnknownEntry)?;
                return Ok(Acceptance { lanes, way, wanted, here: here.unwrap_or_default(), held });
            }
            FromReceiver::Decline => return Err(TransferError::PeerDeclined),
            other => check_common(control, &other).await?,
        }
    }
}

/// The blocks that a receiver says it has: sorted, and all of them in the plan.
fn check_held(ranges: &[(u64, u64)], plan: &Plan) -> Result<BlockSet, Misbehaviour> {
    let mut held = BlockSet::default();
    let mut after = 0;
    // A stream is read only once, so no receiver can have any block of it.
    let blocks = if plan.stream().is_some() { 0 } else { plan.blocks() };
    for (first, count) in ranges {
        let end = first.checked_add(*count).filter(|end| *first >= after && *end <= blocks);
        after = end.ok_or(Misbehaviour::UnknownBlock)?;
        held.extend(*first..after);
    }
    Ok(held)
}
