//! The receiving side of one transfer: joins, reads the offer, asks, stores what the lanes bring, checks it, and gives
//! everything its real name.

mod comparing;
mod destination;
mod fleet;
mod session;

use std::{
    collections::{BTreeMap, BTreeSet},
    future,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, atomic::AtomicBool},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinHandle, spawn_blocking},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    blocks::BlockSet,
    control::Control,
    error::{Misbehaviour, TransferError},
    holders::{Hold, Holders},
    invitation,
    lanes::{Claims, ReceiveLanes, WithoutRoom},
    notice::{Context, Notice},
    offer::{Answer, Choices, Offer},
    path_mode::{Entrance, PathMode},
    progress::{Paused, Phase, Report},
    rendezvous::{Search, explain_loss, meet_again, meet_sender},
    same::{Compared, alike},
    staging::Staging,
    unfinished::Registry,
};
use crate::{
    code::CodePhrase,
    crypto::Side,
    protocol::{
        frame,
        manifest::{Manifest, ManifestBuilder},
        peer::{FromReceiver, FromSender, Way, Work},
        relay::{FIRST_LANES, MAX_LANES},
    },
};
use comparing::Comparing;
use destination::{Accepted, Checked, Destination};
use fleet::Fleet;
use session::Receiving;

/// Ranges of blocks in one message.
const RANGES_AT_ONCE: usize = 4096;

/// Everything that a receiver needs to know before there is an offer.
pub struct ReceiveRequest {
    /// The sender's code.
    pub code: CodePhrase,
    /// Where to look for the sender.
    pub search: Search,
    /// Where what arrives goes.
    pub output: Output,
    /// Over how many lanes at most, from 1 to [`MAX_LANES`].
    pub lanes: u16,
    /// How long another side that was lost is looked for. With none, the loss is the end.
    pub patience: Duration,
    /// Which ways bytes may take.
    pub path_mode: PathMode,
    /// Where this machine is to be reached directly.
    pub entrance: Entrance,
    /// Where it is written down that there is something to go on with.
    pub unfinished: Registry,
    /// Who else receives at the same time, in this engine.
    pub holders: Holders,
}

/// Where what arrives goes.
pub enum Output {
    /// Into a folder, which exists.
    Folder(PathBuf),
    /// A single file's bytes, in order.
    Writer(Box<dyn Write + Send>),
}

/// What a person has to say to an offer.
pub struct Person {
    /// The answer to [`Notice::Offer`].
    pub answer: oneshot::Receiver<Answer>,
    /// The folder that the offer is to be held against while it waits, if it is another one.
    pub look: watch::Receiver<Option<PathBuf>>,
    /// Whether the transfer is to rest.
    pub pause: watch::Receiver<bool>,
}

/// Runs one transfer to its end.
pub async fn receive(
    request: ReceiveRequest,
    person: Person,
    context: &Context,
) -> Result<Report, TransferError> {
    let code = Arc::new(request.code);
    let meeting = tokio::select! {
        meeting = meet_sender(request.search, &code, context) => meeting?,
        () = context.cancel.cancelled() => return Err(TransferError::Cancelled),
    };
    let relay = meeting.relay.clone();
    let (patience, ways) = (request.patience, (request.path_mode, request.entrance));
    let arrive = |meeting| Control::new(meeting, Side::Receiver, &relay, patience, ways, context);
    let mut control = arrive(meeting)?;
    context.tell_refused_port(control.refused_port()).await;
    let max_lanes = request.lanes.clamp(1, MAX_LANES);
    let give_way = CancellationToken::new();
    let mut kept = Kept::of(request.holders, context, &give_way);
    let work = async {
        context.enter(Phase::Listing);
        let announced = match begin(&mut control, max_lanes).await? {
            Beginning::Offer(announced) => announced,
            Beginning::Elsewhere(code) => {
                let ((), meeting) = tokio::join!(control.part(), meet_again(&relay, code, context));
                control = arrive(meeting?)?;
                context.enter(Phase::Listing);
                match begin(&mut control, max_lanes).await? {
                    Beginning::Offer(announced) => announced,
                    // Without end, it would keep us on the way for ever.
                    Beginning::Elsewhere(_) => return Err(Misbehaviour::OutOfTurn("invitation").into()),
                }
            }
        };
        run(&mut control, announced, request.output, person, &request.unfinished, &mut kept, context).await
    };
    let checked = tokio::select! {
        checked = work => checked,
        () = context.cancel.cancelled() => Err(TransferError::Cancelled),
        () = give_way.cancelled() => Err(TransferError::GaveWay),
    };
    kept.settle().await;
    // From here on a cancellation comes too late: everything is here, checked, and about to get its name.
    let ended = match checked {
        Ok(checked) => Ok(checked.deliver(&mut control, context).await),
        Err(error) => Err(error),
    };
    let last_word = match &ended {
        Ok(report) => Some(FromReceiver::Complete { stored: report.stored, failed: report.not_stored }),
        Err(TransferError::Cancelled | TransferError::GaveWay) => Some(FromReceiver::Cancel),
        Err(TransferError::Declined) => Some(FromReceiver::Decline),
        Err(error) => error.trouble().map(FromReceiver::Failed),
    };
    if let Some(last_word) = last_word {
        control.say(&last_word)?;
    }
    // The sender can't know that all is in place unless it hears of it.
    control.finish::<FromSender>(ended.is_ok()).await;
    if let Some((staging, held)) = kept.staging {
        leave(staging, held, &ended, &request.unfinished, context).await;
    }
    drop(kept.hold);
    match ended {
        Ok(report) => Ok(report),
        Err(error) => Err(explain_loss(error, &relay).await),
    }
}

/// Removes the staging folder, unless a transfer broke off and what arrived is worth keeping.
async fn leave(
    staging: Arc<Staging>,
    held: Arc<Mutex<BlockSet>>,
    ended: &Result<Report, TransferError>,
    unfinished: &Registry,
    context: &Context,
) {
    let is_empty = lock(&held).is_empty();
    let is_worth_keeping = match ended {
        Ok(report) => report.not_stored > 0,
        Err(_) if !staging.is_resumable() => false,
        // Whoever no longer waits for somebody who is lost has not said that what is here isn't wanted.
        Err(error) => !is_empty && (error.is_interruption() || context.is_closing() || context.is_lost()),
    };
    let folder = staging.folder().to_owned();
    let unfinished = unfinished.clone();
    let left = spawn_blocking(move || {
        if is_worth_keeping {
            staging.keep();
            return Ok(());
        }
        unfinished.forget(staging.folder());
        staging.discard()
    });
    if let Err(error) = left.await.expect("leaving the staging folder doesn't panic") {
        tracing::warn!(%error, "the staging folder could not be left in order");
    }
    // Whoever gave way to another knows where it is gone on with.
    if is_worth_keeping && !matches!(ended, Err(TransferError::GaveWay)) {
        context.tell(Notice::Kept(folder)).await;
    }
}

/// What a cancelled transfer has on the disk.
struct Kept<'a> {
    holders: Holders,
    context: &'a Context,
    /// Cancelled when another transfer goes on with what this one has.
    give_way: &'a CancellationToken,
    /// The disk is being prepared; what that makes has to be known before anything can be left in order.
    deciding: Option<JoinHandle<Result<Accepted, TransferError>>>,
    staging: Option<(Arc<Staging>, Arc<Mutex<BlockSet>>)>,
    /// Tells others of this transfer for as long as it has something on the disk.
    hold: Option<Hold>,
}

impl<'a> Kept<'a> {
    fn of(holders: Holders, context: &'a Context, give_way: &'a CancellationToken) -> Self {
        Self { holders, context, give_way, deciding: None, staging: None, hold: None }
    }

    /// Waits for what a cancellation came in between of.
    async fn settle(&mut self) {
        if let Some(deciding) = self.deciding.take()
            && let Ok(accepted) = deciding.await.expect("work on the disk doesn't panic")
        {
            self.note(&accepted);
        }
    }

    fn note(&mut self, accepted: &Accepted) -> Arc<Mutex<BlockSet>> {
        let held = Arc::new(Mutex::new(accepted.destination.held()));
        if let Destination::Folder(_, staging) = &accepted.destination {
            self.staging = Some((Arc::clone(staging), Arc::clone(&held)));
            self.hold = Some(self.holders.hold(staging.folder(), self.context, self.give_way));
        }
        held
    }
}

async fn run(
    control: &mut Control,
    announced: Announced,
    output: Output,
    person: Person,
    unfinished: &Registry,
    kept: &mut Kept<'_>,
    context: &Context,
) -> Result<Checked, TransferError> {
    let (manifest, lanes) = read_offer(control, announced).await?;
    let folder = match &output {
        Output::Folder(folder) => Some(folder.clone()),
        Output::Writer(_) => None,
    };
    let Person { answer, look, pause } = person;
    let (choices, compared) = ask(control, &manifest, folder, (answer, look), &kept.holders, context).await?;
    let (unfinished, holders) = (unfinished.clone(), kept.holders.clone());
    let deciding = spawn_blocking(move || {
        Accepted::decide(manifest, &choices, &compared, output, (&unfinished, &holders))
    });
    let decided = meanwhile_checked(control, Work::Disk, kept.deciding.insert(deciding)).await?;
    kept.deciding = None;
    let accepted = decided?;
    let held = kept.note(&accepted);
    let plan = Arc::clone(&accepted.plan);
    let needed = u16::try_from(plan.blocks()).unwrap_or(u16::MAX);
    let lanes = lanes.min(needed);
    let same = &accepted.here;
    if same.files() > 0 {
        control.say(&FromReceiver::Here { files: same.files(), bytes: same.bytes() })?;
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
        without_room: WithoutRoom::default(),
        work: Arc::clone(control.work()),
        has_opened: AtomicBool::new(false),
    });
    let mut fleet = Fleet::new(Arc::clone(&shared), lanes);
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
        journal_lacks_room: false,
        lacks_room: false,
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
    let checked = receiving.run(&mut fleet).await;
    fleet.stop().await;
    checked?;
    let (bytes, withdrawn) = (receiving.arrived_bytes(), receiving.withdrawn.len() as u64);
    context.enter(Phase::Storing);
    flush(control, &accepted).await?;
    Ok(Checked { accepted, bytes, withdrawn, started })
}

/// What a sender says first.
enum Beginning {
    Offer(Announced),
    /// It offers the same under this code, and nothing here.
    Elsewhere(CodePhrase),
}

/// An offer of which only the sums are known.
struct Announced {
    builder: ManifestBuilder,
    /// As many as both sides allow.
    lanes: u16,
}

/// Waits until it is clear where the offer is.
async fn begin(control: &mut Control, max_lanes: u16) -> Result<Beginning, TransferError> {
    loop {
        match control.next().await? {
            FromSender::Offer { kind, entries, bytes, lanes } => {
                let builder =
                    ManifestBuilder::announced(kind, entries, bytes).map_err(Misbehaviour::Manifest)?;
                // Nothing would ever arrive over none.
                if lanes == 0 {
                    return Err(Misbehaviour::Lanes.into());
                }
                return Ok(Beginning::Offer(Announced { builder, lanes: lanes.min(max_lanes) }));
            }
            FromSender::Invitation { code, instead: true } => {
                return Ok(Beginning::Elsewhere(invitation::read(&code)?));
            }
            other => check_common(control, &other).await?,
        }
    }
}

async fn read_offer(
    control: &mut Control,
    Announced { mut builder, lanes }: Announced,
) -> Result<(Arc<Manifest>, u16), TransferError> {
    let mut digest = blake3::Hasher::new();
    loop {
        match control.next().await? {
            FromSender::Page(entries) => {
                // An empty page brings the end no nearer; without end, it would keep us here for ever.
                if entries.is_empty() {
                    return Err(Misbehaviour::OutOfTurn("empty page").into());
                }
                for entry in entries {
                    digest.update(&frame::to_bytes(&entry));
                    builder.push(entry).map_err(Misbehaviour::Manifest)?;
                }
            }
            FromSender::OfferEnd { digest: theirs } => {
                let manifest = builder.finish().map_err(Misbehaviour::Manifest)?;
                if *digest.finalize().as_bytes() != theirs {
                    return Err(Misbehaviour::Record.into());
                }
                return Ok((Arc::new(manifest), lanes));
            }
            FromSender::ThisIs(_) => return Err(Misbehaviour::OutOfTurn("this is").into()),
            other => check_common(control, &other).await?,
        }
    }
}

async fn ask(
    control: &mut Control,
    manifest: &Arc<Manifest>,
    folder: Option<PathBuf>,
    (mut answer, mut look): (oneshot::Receiver<Answer>, watch::Receiver<Option<PathBuf>>),
    holders: &Holders,
    context: &Context,
) -> Result<(Choices, Compared), TransferError> {
    let has_folder = folder.is_some();
    let hold_against = |folder| {
        let (offered, holders) = (Arc::clone(manifest), holders.clone());
        spawn_blocking(move || hold_against(offered, folder, &holders))
    };
    let mut holding = hold_against(folder);
    let held = meanwhile_checked(control, Work::Disk, &mut holding).await?;
    context.enter(Phase::WaitingForAnswer);
    let mut comparing = Comparing::new(Arc::clone(manifest));
    comparing.begin(held, control)?;
    let mut looking = None;
    loop {
        tokio::select! {
            answer = &mut answer => return match answer {
                Ok(Answer::Accept(choices)) => Ok((choices, comparing.end())),
                Ok(Answer::Decline) => Err(TransferError::Declined),
                Err(_) => Err(TransferError::Cancelled),
            },
            Ok(()) = look.changed(), if looking.is_none() => {
                // What goes to a writer has no folder to be held against.
                let folder = look.borrow_and_update().clone().filter(|_| has_folder);
                looking = Some(hold_against(folder));
            }
            held = finished(&mut looking) => {
                looking = None;
                match held {
                    (Offer { unusable: Some(error), .. }, _) => context.tell(Notice::CantUse(error)).await,
                    held => comparing.begin(held, control)?,
                }
            }
            notice = comparing.next() => context.tell(notice).await,
            message = control.next() => match message? {
                FromSender::ThisIs(told) => comparing.hear(told)?,
                other => check_common(control, &other).await?,
            },
        }
    }
}

/// An offer held against a folder, and the files that have the same name and size there.
type HeldAgainst = (Offer, Vec<(u32, PathBuf)>);

/// Looks at a folder. Blocks on the disk.
fn hold_against(manifest: Arc<Manifest>, folder: Option<PathBuf>, holders: &Holders) -> HeldAgainst {
    let offer = Offer::look(manifest, folder, holders);
    let alike = alike(&offer);
    (offer, alike)
}

/// Waits for a look at a folder, if there is one.
async fn finished(looking: &mut Option<JoinHandle<HeldAgainst>>) -> HeldAgainst {
    match looking {
        Some(task) => task.await.expect("work on the disk doesn't panic"),
        None => future::pending().await,
    }
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
            flushed.map_err(|cause| TransferError::file("can't write to", "standard output", cause))
        }
    }
}

/// Waits for a task while the other side is kept informed that this one lives, and of what it is doing if that takes long;
/// ends early if the other side does.
async fn meanwhile_checked<T>(
    control: &mut Control,
    work: Work,
    task: &mut JoinHandle<T>,
) -> Result<T, TransferError> {
    let _working = control.work().begin(work);
    loop {
        tokio::select! {
            done = &mut *task => return Ok(done.expect("work on the disk doesn't panic")),
            message = control.next() => {
                let message = message?;
                check_common(control, &message).await?;
            }
        }
    }
}

/// The same, but whatever becomes of the other side, the task is waited for.
async fn meanwhile<T>(control: &mut Control, work: Work, mut task: JoinHandle<T>) -> T {
    let _working = control.work().begin(work);
    let mut is_there = true;
    loop {
        tokio::select! {
            done = &mut task => return done.expect("work on the disk doesn't panic"),
            message = control.next::<FromSender>(), if is_there => is_there = match message {
                Ok(FromSender::Invitation { code, instead: false }) => control.invited(&code).await.is_ok(),
                other => other.is_ok(),
            },
        }
    }
}

/// Messages that mean the same at every point.
async fn check_common(control: &mut Control, message: &FromSender) -> Result<(), TransferError> {
    match message {
        FromSender::Addresses(theirs) => {
            control.say_addresses()?;
            control.try_directly(theirs)
        }
        // Lanes of a connection that is lost, or of a transfer that hasn't begun; a hash that crossed the answer.
        FromSender::OpenLane { .. }
        | FromSender::LaneOver { .. }
        | FromSender::Pause(_)
        | FromSender::ThisIs(_) => Ok(()),
        FromSender::AtWork(work) => control.other_works(*work),
        FromSender::Invitation { code, instead: false } => control.invited(code).await,
        FromSender::Invitation { instead: true, .. } => Err(Misbehaviour::OutOfTurn("invitation").into()),
        FromSender::Cancel => Err(TransferError::PeerCancelled),
        FromSender::Failed(trouble) => Err(TransferError::PeerFailed(*trouble)),
        FromSender::Offer { .. } => Err(Misbehaviour::OutOfTurn("offer").into()),
        FromSender::Page(_) => Err(Misbehaviour::OutOfTurn("page").into()),
        FromSender::OfferEnd { .. } => Err(Misbehaviour::OutOfTurn("offer end").into()),
        FromSender::Withdrawn { .. } => Err(Misbehaviour::OutOfTurn("withdrawn").into()),
        FromSender::StreamEnd { .. } => Err(Misbehaviour::OutOfTurn("stream end").into()),
        FromSender::Hashes(_) => Err(Misbehaviour::OutOfTurn("hashes").into()),
        FromSender::Done => Err(Misbehaviour::OutOfTurn("done").into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no code panics while it holds this lock")
}
