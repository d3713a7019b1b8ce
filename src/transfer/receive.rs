//! The receiving side of one transfer: joins, reads the offer, asks, stores what the lanes bring, checks it, and gives
//! everything its real name.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::{Instant, interval},
};

use super::{
    blocks::{BlockSet, to_ranges},
    control::Control,
    delivery::{Delivered, deliver},
    error::{Misbehaviour, TransferError},
    journal::Heading,
    lanes::{self, Claims, ReceiveLanes, Sink, own_blocks},
    offer::{Answer, Choices, Offer, free_space, place_in},
    ordered::Ordered,
    placement::Target,
    plan::{Plan, Wanted},
    progress::{Context, Notice, Phase, Report},
    rendezvous::{Meeting, RelayChoice, explain_loss, meet_sender},
    staging::Staging,
    tree_hash::FileHash,
};
use crate::{
    code::CodePhrase,
    crypto::{ChannelKeys, Opener, Side},
    net::client::LaneAddress,
    protocol::{
        Role, frame,
        manifest::{Entry, Manifest, ManifestBuilder, OfferKind},
        peer::{FromReceiver, FromSender, Withdrawal},
        relay::{LaneHello, LaneToken, MAX_LANES},
    },
};

/// Everything that a receiver needs to know before there is an offer.
pub struct ReceiveRequest {
    /// The sender's code.
    pub code: CodePhrase,
    /// Through which relay.
    pub relay: RelayChoice,
    /// Where what arrives goes.
    pub output: Output,
    /// Over how many lanes at most, from 1 to [`MAX_LANES`].
    pub lanes: u16,
}

/// Where what arrives goes.
pub enum Output {
    /// Into a folder, which exists.
    Folder(PathBuf),
    /// A single file's bytes, in order.
    Writer(Box<dyn Write + Send>),
}

/// How often stored blocks are acknowledged.
const TICK: Duration = Duration::from_millis(40);
/// How long the control connection may take to explain a broken lane.
const GRACE: Duration = Duration::from_secs(3);
/// How often the journal is written while bytes move.
const JOURNAL_EVERY: Duration = Duration::from_secs(10);
/// Hashes in one message.
const HASHES_AT_ONCE: usize = 4096;

/// Runs one transfer to its end. `answer` brings the person's answer to [`Notice::Offer`].
pub async fn receive(
    request: ReceiveRequest,
    answer: oneshot::Receiver<Answer>,
    context: &Context,
) -> Result<Report, TransferError> {
    let code = Arc::new(request.code);
    let meeting = tokio::select! {
        meeting = meet_sender(&request.relay, &code, context) => meeting?,
        () = context.cancel.cancelled() => return Err(TransferError::Cancelled),
    };
    let Meeting { stream, lanes: address, token, keys } = meeting;
    let mut control = Control::new(stream, &keys.metadata, Side::Receiver, &FromReceiver::Alive);
    let door = Door { address, token, keys: keys.data, max_lanes: request.lanes.clamp(1, MAX_LANES) };
    let mut staging = None;
    let checked = tokio::select! {
        checked = run(&mut control, door, request.output, answer, &mut staging, context) => checked,
        () = context.cancel.cancelled() => Err(TransferError::Cancelled),
    };
    // From here on a cancellation comes too late: everything is here, checked, and about to get its name.
    let ended = match checked {
        Ok(checked) => Ok(checked.deliver(&mut control, context).await),
        Err(error) => Err(error),
    };
    let last_word = match &ended {
        Ok(report) => Some(FromReceiver::Complete { stored: report.stored, failed: report.not_stored }),
        Err(TransferError::Cancelled) => Some(FromReceiver::Cancel),
        Err(TransferError::Declined) => Some(FromReceiver::Decline),
        Err(error) => error.trouble().map(FromReceiver::Failed),
    };
    if let Some(last_word) = last_word {
        control.say(&last_word)?;
    }
    control.finish().await;
    if let Some((staging, held)) = staging {
        leave(staging, held, &ended, context).await;
    }
    match ended {
        Ok(report) => Ok(report),
        Err(error) => Err(explain_loss(error, &request.relay).await),
    }
}

/// Removes the staging folder, unless a transfer broke off and what arrived is worth keeping.
async fn leave(
    staging: Arc<Staging>,
    held: Arc<Mutex<BlockSet>>,
    ended: &Result<Report, TransferError>,
    context: &Context,
) {
    let held = held.lock().expect("no code panics while it holds this lock").clone();
    let is_worth_keeping = match ended {
        Ok(report) => report.not_stored > 0,
        Err(error) => error.is_interruption() && !held.is_empty(),
    };
    let folder = staging.folder().to_owned();
    let left = spawn_blocking(move || {
        if is_worth_keeping {
            staging.save_journal(&held).map_err(|error| error.to_string())
        } else {
            staging.discard().map_err(|error| error.to_string())
        }
    });
    if let Err(error) = left.await.expect("leaving the staging folder doesn't panic") {
        tracing::warn!(%error, "the staging folder could not be left in order");
    }
    if is_worth_keeping {
        context.tell(Notice::Kept(folder)).await;
    }
}

/// What it takes to open lanes.
struct Door {
    address: LaneAddress,
    token: LaneToken,
    keys: JoinHandle<ChannelKeys>,
    max_lanes: u16,
}

/// What the person took, and where it goes.
struct Accepted {
    manifest: Arc<Manifest>,
    wanted: Wanted,
    plan: Arc<Plan>,
    targets: Vec<Target>,
    destination: Destination,
}

enum Destination {
    Folder(PathBuf, Arc<Staging>),
    Writer(Arc<Ordered>),
    Text(Arc<Ordered>, Memory),
}

type Kept = Option<(Arc<Staging>, Arc<Mutex<BlockSet>>)>;

async fn run(
    control: &mut Control,
    door: Door,
    output: Output,
    answer: oneshot::Receiver<Answer>,
    kept: &mut Kept,
    context: &Context,
) -> Result<Checked, TransferError> {
    context.enter(Phase::Listing);
    let (manifest, digest, their_lanes) = read_offer(control).await?;
    let folder = match &output {
        Output::Folder(folder) => Some(folder.clone()),
        Output::Writer(_) => None,
    };
    let choices = ask(control, &manifest, folder, answer, context).await?;
    let decided = spawn_blocking(move || Accepted::decide(manifest, &choices, output, digest));
    let accepted = decided.await.expect("preparing a folder doesn't panic")?;
    let held = Arc::new(Mutex::new(BlockSet::default()));
    if let Destination::Folder(_, staging) = &accepted.destination {
        *kept = Some((Arc::clone(staging), Arc::clone(&held)));
    }
    let plan = Arc::clone(&accepted.plan);
    let needed = u16::try_from(plan.blocks()).unwrap_or(u16::MAX);
    let lanes = door.max_lanes.min(their_lanes).min(needed);
    control.say(&FromReceiver::Accept { lanes, wanted: accepted.wanted.to_wire() })?;
    let total = plan.stream().is_none().then(|| plan.bytes());
    context.tell(Notice::Accepted { files: plan.wanted_files(), bytes: total }).await;
    context.update(|progress| {
        (progress.phase, progress.total_bytes, progress.lanes) = (Phase::OpeningLanes, total, lanes);
    });
    let keys = door.keys.await.expect("deriving a key doesn't panic");
    let (stored, news) = mpsc::channel(256);
    let sink = accepted.destination.sink();
    let shared = Arc::new(ReceiveLanes { plan: Arc::clone(&plan), sink, claims: Claims::default(), stored });
    let mut tasks = JoinSet::new();
    for lane in 0..lanes {
        let (shared, address) = (Arc::clone(&shared), door.address.clone());
        let opener = Opener::new(keys.sent_by(Side::Sender), lane, plan.block_size() as usize);
        let hello = LaneHello { token: door.token, lane, role: Role::Receiver };
        tasks.spawn(async move { shared.run(lanes::open(address, hello).await?, opener).await });
    }
    let started = Instant::now();
    let mut receiving = Receiving {
        control,
        context,
        accepted: &accepted,
        lanes: shared,
        news,
        held,
        unsaid: Vec::new(),
        bytes: 0,
        withdrawn: BTreeSet::new(),
        hashes: BTreeMap::new(),
        stream_bytes: None,
        repaired: None,
    };
    let checked = receiving.run(&mut tasks).await;
    lanes::stop(tasks).await;
    checked?;
    let (bytes, withdrawn) = (receiving.bytes, receiving.withdrawn.len() as u64);
    context.enter(Phase::Storing);
    flush(control, &accepted).await?;
    Ok(Checked { accepted, bytes, withdrawn, started })
}

/// The transfer's state once lanes are open.
struct Receiving<'a> {
    control: &'a mut Control,
    context: &'a Context,
    accepted: &'a Accepted,
    lanes: Arc<ReceiveLanes>,
    news: mpsc::Receiver<u64>,
    held: Arc<Mutex<BlockSet>>,
    /// Stored blocks that the sender has not been told of.
    unsaid: Vec<u64>,
    bytes: u64,
    withdrawn: BTreeSet<u32>,
    hashes: BTreeMap<u32, FileHash>,
    stream_bytes: Option<u64>,
    /// Files that were damaged and are sent again.
    repaired: Option<BTreeSet<u32>>,
}

type Lanes = JoinSet<Result<(), TransferError>>;
type JournalTask = JoinHandle<Result<(), TransferError>>;

impl Receiving<'_> {
    /// Until everything is here and its hashes are right.
    async fn run(&mut self, tasks: &mut Lanes) -> Result<(), TransferError> {
        let mut tick = interval(TICK);
        let mut broken: Option<Instant> = None;
        let mut journal: Option<JournalTask> = None;
        let mut journal_due = Instant::now() + JOURNAL_EVERY;
        loop {
            tokio::select! {
                message = self.control.next() => {
                    if self.hear(message?).await? && self.check().await? {
                        return Ok(());
                    }
                }
                Some(block) = self.news.recv() => self.note_stored(block),
                Some(ended) = tasks.join_next(), if broken.is_none() => {
                    match ended.expect("a lane doesn't panic") {
                        Err(TransferError::PeerLost) | Ok(()) => broken = Some(Instant::now() + GRACE),
                        Err(other) => return Err(other),
                    }
                }
                saved = finish_journal(&mut journal) => {
                    journal = None;
                    saved?;
                }
                _ = tick.tick() => self.say_stored()?,
            }
            if broken.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(TransferError::PeerLost);
            }
            if journal.is_none() && Instant::now() >= journal_due {
                journal = self.save_journal();
                journal_due = Instant::now() + JOURNAL_EVERY;
            }
        }
    }

    /// Takes in one message; says whether it was the sender's last.
    async fn hear(&mut self, message: FromSender) -> Result<bool, TransferError> {
        match message {
            FromSender::Withdrawn { entry, reason } => self.withdraw(entry, reason).await?,
            FromSender::StreamEnd { bytes } => {
                if self.accepted.plan.stream().is_none() || self.stream_bytes.replace(bytes).is_some() {
                    return Err(Misbehaviour::OutOfTurn("stream end").into());
                }
            }
            FromSender::Hashes(hashes) => {
                for (entry, hash) in hashes {
                    let is_due = self.is_wanted_file(entry)
                        && self.repaired.as_ref().is_none_or(|files| files.contains(&entry));
                    if !is_due {
                        return Err(Misbehaviour::UnknownEntry.into());
                    }
                    if self.hashes.insert(entry, hash).is_some() && self.repaired.is_none() {
                        return Err(Misbehaviour::OutOfTurn("hashes").into());
                    }
                }
            }
            FromSender::Done => return Ok(true),
            other => check_common(&other)?,
        }
        Ok(false)
    }

    async fn withdraw(&mut self, entry: u32, reason: Withdrawal) -> Result<(), TransferError> {
        if !self.is_wanted_file(entry) || !self.withdrawn.insert(entry) {
            return Err(Misbehaviour::UnknownEntry.into());
        }
        let path = self.path_of(entry);
        let Destination::Folder(_, staging) = &self.accepted.destination else {
            return Err(TransferError::Withdrawn { path, reason });
        };
        let staging = Arc::clone(staging);
        spawn_blocking(move || staging.drop_entry(entry)).await.expect("removing a file doesn't panic");
        self.hashes.remove(&entry);
        lock(&self.held).extend(own_blocks(&self.accepted.plan, entry));
        self.context.tell(Notice::Withdrawn { path: path.into(), reason }).await;
        Ok(())
    }

    fn note_stored(&mut self, block: u64) {
        self.unsaid.push(block);
        if lock(&self.held).insert(block) {
            self.bytes += u64::from(self.accepted.plan.block_len(block).unwrap_or_default());
        }
    }

    fn say_stored(&mut self) -> Result<(), TransferError> {
        if self.unsaid.is_empty() {
            return Ok(());
        }
        self.control.say(&FromReceiver::Stored(to_ranges(std::mem::take(&mut self.unsaid))))?;
        let bytes = self.bytes;
        self.context.update(|progress| (progress.phase, progress.bytes) = (Phase::Moving, bytes));
        Ok(())
    }

    fn save_journal(&self) -> Option<JournalTask> {
        let Destination::Folder(_, staging) = &self.accepted.destination else { return None };
        let (staging, held) = (Arc::clone(staging), lock(&self.held).clone());
        Some(spawn_blocking(move || staging.save_journal(&held)))
    }

    /// Holds what is here against the sender's hashes. Says whether all is well; if not, the damaged blocks are on their
    /// way again.
    async fn check(&mut self) -> Result<bool, TransferError> {
        if let Some(bytes) = self.stream_bytes {
            self.end_stream(bytes)?;
        } else if lock(&self.held).len() != self.accepted.plan.blocks() {
            return Err(Misbehaviour::DoneTooEarly.into());
        }
        let damaged = match self.repaired.take() {
            None => self.damaged()?,
            Some(repaired) => {
                let again = self.still_damaged(repaired).await?;
                return match again {
                    None => Ok(true),
                    Some(entry) => Err(TransferError::Damaged { path: self.path_of(entry) }),
                };
            }
        };
        let Some(first) = damaged.first() else { return Ok(true) };
        let Destination::Folder(_, staging) = &self.accepted.destination else {
            return Err(TransferError::Damaged { path: self.path_of(*first) });
        };
        let staging = Arc::clone(staging);
        self.ask_again(staging, damaged).await?;
        Ok(false)
    }

    fn end_stream(&mut self, bytes: u64) -> Result<(), TransferError> {
        let plan = &self.accepted.plan;
        if !self.lanes.claims.is_whole_stream(plan, bytes) {
            return Err(Misbehaviour::DoneTooEarly.into());
        }
        if let (Destination::Folder(_, staging), Some(entry)) = (&self.accepted.destination, plan.stream()) {
            staging.end_stream(entry, bytes.div_ceil(u64::from(plan.block_size())));
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Files whose hash is not the sender's.
    fn damaged(&self) -> Result<BTreeSet<u32>, TransferError> {
        let mut damaged = BTreeSet::new();
        for (index, entry) in self.accepted.manifest.entries().iter().enumerate() {
            let number = index as u32;
            let is_empty = match self.stream_bytes {
                Some(bytes) => bytes == 0,
                None => entry.size() == 0,
            };
            if is_empty || !self.is_wanted_file(number) || self.withdrawn.contains(&number) {
                continue;
            }
            let theirs = self.hashes.get(&number).ok_or(Misbehaviour::DoneTooEarly)?;
            let ours = match &self.accepted.destination {
                Destination::Folder(_, staging) => staging.hash(number),
                Destination::Writer(ordered) | Destination::Text(ordered, _) => Some(ordered.hash()),
            };
            if ours != Some(*theirs) {
                damaged.insert(number);
            }
        }
        Ok(damaged)
    }

    async fn ask_again(
        &mut self,
        staging: Arc<Staging>,
        damaged: BTreeSet<u32>,
    ) -> Result<(), TransferError> {
        self.context.enter(Phase::Repairing);
        let plan = &self.accepted.plan;
        staging.start_repair(damaged.iter().copied());
        self.lanes.claims.allow_repairs(damaged.iter().flat_map(|entry| plan.blocks_of(*entry)));
        let last = damaged.last().copied();
        for entry in &damaged {
            let (staging, entry) = (Arc::clone(&staging), *entry);
            let read = spawn_blocking(move || staging.read_back(entry)).await;
            let (hashes, _) = read.expect("reading a file doesn't panic")?;
            let pages = hashes.chunks(HASHES_AT_ONCE).count();
            for (number, page) in hashes.chunks(HASHES_AT_ONCE).enumerate() {
                let last = Some(entry) == last && number + 1 == pages;
                self.control.say(&FromReceiver::Damaged { entry, hashes: page.to_vec(), last })?;
            }
        }
        self.repaired = Some(damaged);
        Ok(())
    }

    /// Reads the repaired files back; gives the first that is still not the sender's.
    async fn still_damaged(&self, repaired: BTreeSet<u32>) -> Result<Option<u32>, TransferError> {
        let Destination::Folder(_, staging) = &self.accepted.destination else { return Ok(None) };
        for entry in repaired {
            if self.withdrawn.contains(&entry) {
                continue;
            }
            let staging = Arc::clone(staging);
            let read = spawn_blocking(move || staging.read_back(entry)).await;
            let (_, hash) = read.expect("reading a file doesn't panic")?;
            if self.hashes.get(&entry) != Some(&hash) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    fn is_wanted_file(&self, entry: u32) -> bool {
        let index = entry as usize;
        self.accepted.manifest.entries().get(index).is_some_and(Entry::is_file)
            && self.accepted.wanted.contains(index)
    }

    fn path_of(&self, entry: u32) -> String {
        let entry = self.accepted.manifest.entries().get(entry as usize);
        entry.map(|entry| entry.path.as_str().to_owned()).unwrap_or_default()
    }
}

/// Everything is here and checked; only the names are missing.
struct Checked {
    accepted: Accepted,
    bytes: u64,
    withdrawn: u64,
    started: Instant,
}

impl Checked {
    async fn deliver(self, control: &mut Control, context: &Context) -> Report {
        let Self { accepted, bytes, withdrawn, started } = self;
        let Accepted { manifest, wanted, targets, destination, .. } = accepted;
        let mut report = Report { stored: 1, bytes, missing: withdrawn, ..Report::default() };
        match destination {
            Destination::Folder(folder, staging) => {
                report.folder = Some(folder.clone());
                let entries = Arc::clone(&manifest);
                let delivered =
                    spawn_blocking(move || deliver(&folder, &entries, &wanted, &targets, &staging));
                let Delivered { stored, failures } = meanwhile(control, delivered).await;
                report.not_stored = failures.len() as u64;
                (report.stored, report.missing) = (stored, withdrawn + report.not_stored);
                for failure in failures {
                    let entry = manifest.entries().get(failure.entry as usize);
                    let path = entry.map(|entry| entry.path.as_str().into()).unwrap_or_default();
                    context.tell(Notice::NotStored { path, reason: failure.error.to_string() }).await;
                }
            }
            Destination::Writer(_) => {}
            Destination::Text(_, memory) => {
                let text = String::from_utf8_lossy(&std::mem::take(&mut *lock(&memory.0))).into_owned();
                context.tell(Notice::Text(text)).await;
            }
        }
        report.seconds = started.elapsed().as_secs_f64();
        report
    }
}

impl Accepted {
    /// Blocks on the disk.
    fn decide(
        manifest: Arc<Manifest>,
        choices: &Choices,
        output: Output,
        digest: [u8; 32],
    ) -> Result<Self, TransferError> {
        let whole = |manifest: &Arc<Manifest>| (Wanted::all(), Arc::new(Plan::new(manifest, |_| true)));
        if manifest.kind() == OfferKind::Text {
            let memory = Memory::default();
            let ordered = Arc::new(Ordered::new(Box::new(memory.clone())));
            let (wanted, plan) = whole(&manifest);
            let destination = Destination::Text(ordered, memory);
            return Ok(Self { manifest, wanted, plan, targets: Vec::new(), destination });
        }
        let folder = match output {
            Output::Folder(folder) => choices.folder.clone().unwrap_or(folder),
            Output::Writer(writer) => {
                if manifest.entries().len() != 1 || manifest.files() != 1 {
                    let entries = manifest.entries().len();
                    return Err(TransferError::Unsuited(format!(
                        "the offer holds {entries} entries, and standard output takes exactly one file; \
                         leave out --stdout to receive them into a folder"
                    )));
                }
                let (wanted, plan) = whole(&manifest);
                let destination = Destination::Writer(Arc::new(Ordered::new(writer)));
                return Ok(Self { manifest, wanted, plan, targets: Vec::new(), destination });
            }
        };
        let targets =
            place_in(&folder, &manifest, |index| choices.wants(index), |index| choices.on_conflict(index));
        let wanted = Wanted::pick(manifest.entries(), |index| {
            choices.wants(index) && targets.get(index).is_some_and(|target| target.path.is_some())
        });
        let plan = Arc::new(Plan::new(&manifest, |index| wanted.contains(index)));
        let free = free_space(&folder)?;
        if plan.bytes() > free {
            return Err(TransferError::NoSpace { needed: plan.bytes(), free });
        }
        let mut id = [0; 8];
        getrandom::fill(&mut id)
            .map_err(|_| TransferError::Unsuited("this system gives no random numbers".to_owned()))?;
        let heading = Heading::new(digest, plan.block_size(), wanted.to_wire());
        let staging = Staging::create(&folder, id, Arc::clone(&manifest), Arc::clone(&plan), heading)?;
        let destination = Destination::Folder(folder, Arc::new(staging));
        Ok(Self { manifest, wanted, plan, targets, destination })
    }
}

impl Destination {
    fn sink(&self) -> Sink {
        match self {
            Self::Folder(_, staging) => Sink::Folder(Arc::clone(staging)),
            Self::Writer(ordered) | Self::Text(ordered, _) => Sink::Ordered(Arc::clone(ordered)),
        }
    }
}

/// A text on its way; the manifest bounds its length.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn read_offer(control: &mut Control) -> Result<(Arc<Manifest>, [u8; 32], u16), TransferError> {
    let (mut builder, lanes) = loop {
        match control.next().await? {
            FromSender::Offer { kind, entries, bytes, lanes } => {
                let builder =
                    ManifestBuilder::announced(kind, entries, bytes).map_err(Misbehaviour::Manifest)?;
                break (builder, lanes);
            }
            other => check_common(&other)?,
        }
    };
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
                return Ok((Arc::new(manifest), theirs, lanes));
            }
            other => check_common(&other)?,
        }
    }
}

async fn ask(
    control: &mut Control,
    manifest: &Arc<Manifest>,
    folder: Option<PathBuf>,
    mut answer: oneshot::Receiver<Answer>,
    context: &Context,
) -> Result<Choices, TransferError> {
    let manifest = Arc::clone(manifest);
    let looking = spawn_blocking(move || Offer::look(manifest, folder));
    let offer = meanwhile_checked(control, looking).await??;
    context.enter(Phase::WaitingForAnswer);
    context.tell(Notice::Offer(Arc::new(offer))).await;
    loop {
        tokio::select! {
            answer = &mut answer => return match answer {
                Ok(Answer::Accept(choices)) => Ok(choices),
                Ok(Answer::Decline) => Err(TransferError::Declined),
                Err(_) => Err(TransferError::Cancelled),
            },
            message = control.next() => check_common(&message?)?,
        }
    }
}

/// Brings everything to the disk, or out of the writer's buffer.
async fn flush(control: &mut Control, accepted: &Accepted) -> Result<(), TransferError> {
    match &accepted.destination {
        Destination::Folder(_, staging) => {
            let staging = Arc::clone(staging);
            meanwhile_checked(control, spawn_blocking(move || staging.flush())).await?
        }
        Destination::Writer(ordered) | Destination::Text(ordered, _) => {
            let ordered = Arc::clone(ordered);
            let flushed = meanwhile_checked(control, spawn_blocking(move || ordered.flush())).await?;
            flushed.map_err(|cause| TransferError::file("can't write to", "standard output", cause))
        }
    }
}

/// Waits for a task while the other side is kept informed that this one lives; ends early if the other side does.
async fn meanwhile_checked<T>(control: &mut Control, mut task: JoinHandle<T>) -> Result<T, TransferError> {
    loop {
        tokio::select! {
            done = &mut task => return Ok(done.expect("work on the disk doesn't panic")),
            message = control.next() => check_common(&message?)?,
        }
    }
}

/// The same, but whatever becomes of the other side, the task is waited for.
async fn meanwhile<T>(control: &mut Control, mut task: JoinHandle<T>) -> T {
    let mut is_there = true;
    loop {
        tokio::select! {
            done = &mut task => return done.expect("work on the disk doesn't panic"),
            message = control.next::<FromSender>(), if is_there => is_there = message.is_ok(),
        }
    }
}

async fn finish_journal(journal: &mut Option<JournalTask>) -> Result<(), TransferError> {
    match journal {
        Some(task) => task.await.expect("writing the journal doesn't panic"),
        None => std::future::pending().await,
    }
}

/// Messages that mean the same at every point.
fn check_common(message: &FromSender) -> Result<(), TransferError> {
    match message {
        FromSender::Alive => Ok(()),
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
