//! The sending side of one transfer: lists, waits, offers, feeds the lanes, and says what the receiver needs to check.

use std::{io::Read, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::{Instant, interval, sleep},
};

use super::{
    blocks::BlockSet,
    control::Control,
    error::{Misbehaviour, TransferError},
    lanes::{self, SendLanes, own_blocks},
    listing::Listing,
    outgoing::{Content, Outgoing},
    plan::{Plan, Wanted},
    progress::{Context, Notice, Phase, Report},
    queue::Queue,
    rendezvous::{CodeChoice, Meeting, RelayChoice, explain_loss, wait_for_receiver},
    throttle::Throttle,
    tree_hash::FileHash,
};
use crate::{
    crypto::{ChannelKeys, Sealer, Side},
    net::client::LaneAddress,
    protocol::{
        Role, frame,
        manifest::Manifest,
        peer::{FromReceiver, FromSender, PAGE_BYTES},
        relay::{LaneHello, LaneToken, MAX_LANES},
    },
};

/// What is to be sent.
pub enum What {
    /// Files and folders.
    Paths(Vec<PathBuf>),
    /// A snippet of text.
    Text(String),
    /// Something that is read once, and the name that it gets on the other side.
    Stream {
        /// A plain file name.
        name: String,
        /// Read on a blocking thread.
        reader: Box<dyn Read + Send>,
    },
}

/// Everything that a sender needs to know.
pub struct SendRequest {
    /// What is to be sent.
    pub what: What,
    /// Under which code.
    pub code: CodeChoice,
    /// Through which relay.
    pub relay: RelayChoice,
    /// Over how many lanes at most, from 1 to [`MAX_LANES`].
    pub lanes: u16,
    /// How fast at most, in bytes a second.
    pub bytes_per_sec: Option<u64>,
}

/// How often news is looked for that no event brings.
const TICK: Duration = Duration::from_millis(50);
/// How long the control connection may take to explain a broken lane.
const GRACE: Duration = Duration::from_secs(3);
/// No more pages are queued while this many bytes wait to be written.
const MAX_BACKLOG: usize = 4 * PAGE_BYTES;
/// Hashes in one message.
const HASHES_AT_ONCE: usize = 4096;

/// Runs one transfer to its end. `additions` grows by the paths that a person adds to those of the request.
pub async fn send(
    request: SendRequest,
    additions: watch::Receiver<Vec<PathBuf>>,
    context: &Context,
) -> Result<Report, TransferError> {
    let SendRequest { what, code, relay, lanes, bytes_per_sec } = request;
    let mut listing = Listing::start(what, additions, &context.cancel)?;
    let Meeting { stream, lanes: lane_address, token, keys } = tokio::select! {
        meeting = wait_for_receiver(&relay, code, context) => meeting?,
        error = listing.grow(context) => return Err(error),
        () = context.cancel.cancelled() => {
            // Whoever no longer wants to tell others about a retired code hasn't cancelled anything else.
            let is_retired = context.phase() == Phase::Retired;
            return Err(if is_retired { TransferError::GuessedAt } else { TransferError::Cancelled });
        }
    };
    let mut control = Control::new(stream, &keys.metadata, Side::Sender, &FromSender::Alive);
    let max_lanes = lanes.clamp(1, MAX_LANES);
    let door = Door { address: lane_address, token };
    let work = async {
        context.enter(Phase::Listing);
        let offered = finish_listing(&mut control, &mut listing, context).await?;
        tokio::select! {
            ended = run(&mut control, offered, keys.data, door, max_lanes, bytes_per_sec, context) => ended,
            never = listing.refuse(context) => match never {},
        }
    };
    let ended = tokio::select! {
        ended = work => ended,
        () = context.cancel.cancelled() => Err(TransferError::Cancelled),
    };
    let last_word = match &ended {
        Err(TransferError::Cancelled) => Some(FromSender::Cancel),
        Err(error) => error.trouble().map(FromSender::Failed),
        Ok(_) => None,
    };
    if let Some(last_word) = last_word {
        control.say(&last_word)?;
    }
    control.finish().await;
    match ended {
        Ok(report) => Ok(report),
        Err(error) => Err(explain_loss(error, &relay).await),
    }
}

/// Where lanes are opened, and the name that the relay knows them by.
struct Door {
    address: LaneAddress,
    token: LaneToken,
}

async fn run(
    control: &mut Control,
    (manifest, source): (Arc<Manifest>, Content),
    data_keys: JoinHandle<ChannelKeys>,
    door: Door,
    max_lanes: u16,
    bytes_per_sec: Option<u64>,
    context: &Context,
) -> Result<Report, TransferError> {
    offer(control, &manifest, max_lanes).await?;
    context.enter(Phase::WaitingForAnswer);
    let (lanes, wanted) = answer(control, &manifest, max_lanes).await?;
    let plan = Arc::new(Plan::new(&manifest, |index| wanted.contains(index)));
    if lanes == 0 && plan.blocks() > 0 {
        return Err(Misbehaviour::Lanes.into());
    }
    let is_stream = plan.stream().is_some();
    let total = (!is_stream).then(|| plan.bytes());
    context.tell(Notice::Accepted { files: plan.wanted_files(), bytes: total }).await;
    context.update(|progress| {
        (progress.phase, progress.total_bytes, progress.lanes) = (Phase::OpeningLanes, total, lanes);
    });
    let outgoing = Arc::new(Outgoing::new(Arc::clone(&manifest), Arc::clone(&plan), source));
    let data_keys = data_keys.await.expect("deriving a key doesn't panic");
    let queue = Arc::new(Queue::new(plan.blocks()));
    let shared = Arc::new(SendLanes {
        outgoing: Arc::clone(&outgoing),
        queue: Arc::clone(&queue),
        throttle: Arc::new(Throttle::new(bytes_per_sec)),
        block_size: plan.block_size(),
    });
    let mut tasks = JoinSet::new();
    for lane in 0..lanes {
        let (shared, address) = (Arc::clone(&shared), door.address.clone());
        let sealer = Sealer::new(data_keys.sent_by(Side::Sender), lane);
        let hello = LaneHello { token: door.token, lane, role: Role::Sender };
        tasks.spawn(async move { shared.run(lanes::open(address, hello).await?, sealer).await });
    }
    let mut sending = Sending {
        control,
        context,
        plan,
        outgoing,
        queue,
        settled: BlockSet::default(),
        repairs_left: None,
        damaged: Vec::new(),
        bytes: 0,
        missing: 0,
        withdrawn_bytes: 0,
        is_checked: false,
        is_done: false,
        has_repaired: false,
    };
    let started = Instant::now();
    let ended = sending.run(&mut tasks, wanted).await;
    let bytes = if is_stream { sending.bytes } else { sending.plan.bytes() - sending.withdrawn_bytes };
    lanes::stop(tasks).await;
    let (stored, missing) = ended?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Report { stored, bytes, missing, seconds, ..Report::default() })
}

/// The transfer's state once lanes are open.
struct Sending<'a> {
    control: &'a mut Control,
    context: &'a Context,
    plan: Arc<Plan>,
    outgoing: Arc<Outgoing>,
    queue: Arc<Queue>,
    /// Blocks that the receiver has stored, or that belong to withdrawn files.
    settled: BlockSet,
    /// Blocks that are being sent a second time and are not stored yet.
    repairs_left: Option<std::collections::HashSet<u64>>,
    /// What the receiver says of damaged files: entry, and the hashes of the blocks that it holds.
    damaged: Vec<(u32, Vec<FileHash>)>,
    bytes: u64,
    missing: u64,
    /// Bytes of withdrawn files, whether or not they were sent.
    withdrawn_bytes: u64,
    /// Empty files were looked at once more.
    is_checked: bool,
    is_done: bool,
    has_repaired: bool,
}

type Lanes = JoinSet<Result<(), TransferError>>;
type Comparison = JoinHandle<(Vec<u64>, Vec<(u32, FileHash)>)>;

impl Sending<'_> {
    async fn run(&mut self, tasks: &mut Lanes, wanted: Wanted) -> Result<(u64, u64), TransferError> {
        let outgoing = Arc::clone(&self.outgoing);
        let mut check = Some(spawn_blocking(move || outgoing.check_empty_files(&wanted)));
        let mut tick = interval(TICK);
        let mut broken: Option<Instant> = None;
        let mut comparison: Option<Comparison> = None;
        loop {
            tokio::select! {
                message = self.control.next() => match self.hear(message?)? {
                    Heard::Nothing => {}
                    Heard::AllDamage => comparison = Some(self.compare()),
                    Heard::Complete { stored, failed } => {
                        self.queue.close();
                        return Ok((stored, self.missing + failed));
                    }
                },
                Some(ended) = tasks.join_next(), if broken.is_none() => {
                    if let Err(error) = ended.expect("a lane doesn't panic") {
                        if !matches!(error, TransferError::PeerLost) {
                            return Err(error);
                        }
                        broken = Some(Instant::now() + GRACE);
                    }
                }
                () = join(&mut check) => {
                    check = None;
                    self.is_checked = true;
                }
                compared = join(&mut comparison) => {
                    comparison = None;
                    self.send_again(compared)?;
                }
                _ = tick.tick() => {}
            }
            if broken.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(TransferError::PeerLost);
            }
            self.tell_news().await?;
        }
    }

    fn hear(&mut self, message: FromReceiver) -> Result<Heard, TransferError> {
        match message {
            FromReceiver::Stored(ranges) => self.settle_stored(&ranges)?,
            FromReceiver::Damaged { entry, hashes, last } => {
                self.note_damage(entry, hashes)?;
                if last {
                    return Ok(Heard::AllDamage);
                }
            }
            FromReceiver::Complete { stored, failed } => {
                if !self.is_done {
                    return Err(Misbehaviour::OutOfTurn("complete").into());
                }
                return Ok(Heard::Complete { stored, failed });
            }
            FromReceiver::Accept { .. } => return Err(Misbehaviour::OutOfTurn("accept").into()),
            FromReceiver::Decline => return Err(TransferError::PeerDeclined),
            other => check_common(&other)?,
        }
        Ok(Heard::Nothing)
    }

    fn settle_stored(&mut self, ranges: &[(u64, u64)]) -> Result<(), TransferError> {
        // At a stream's end lanes take numbers that no block comes for.
        let stream_blocks = self.outgoing.stream_end().map(|end| end.div_ceil(self.plan.block_size().into()));
        let handed_out = self.queue.handed_out().min(stream_blocks.unwrap_or(u64::MAX));
        for (first, count) in ranges {
            let end = first.checked_add(*count).filter(|end| *end <= handed_out);
            let end = end.ok_or(Misbehaviour::UnknownBlock)?;
            // A withdrawn file's blocks count as settled, and may have been on their way.
            for block in *first..end {
                if let Some(left) = &mut self.repairs_left {
                    if !left.remove(&block) && !self.outgoing.is_withdrawn_block(block) {
                        return Err(Misbehaviour::BlockTwice.into());
                    }
                } else if self.settled.insert(block) {
                    self.bytes += u64::from(self.plan.block_len(block).unwrap_or_default());
                } else if !self.outgoing.is_withdrawn_block(block) {
                    return Err(Misbehaviour::BlockTwice.into());
                }
            }
        }
        // A stream's last block is shorter than the plan can know.
        let bytes = self.outgoing.stream_end().map_or(self.bytes, |end| self.bytes.min(end));
        self.bytes = bytes;
        let phase = if self.has_repaired { Phase::Repairing } else { Phase::Moving };
        self.context.update(|progress| (progress.phase, progress.bytes) = (phase, bytes));
        Ok(())
    }

    fn note_damage(&mut self, entry: u32, hashes: Vec<FileHash>) -> Result<(), TransferError> {
        if !self.is_done || self.has_repaired {
            return Err(Misbehaviour::OutOfTurn("damaged").into());
        }
        let blocks = self.plan.blocks_of(entry);
        match self.damaged.last_mut() {
            Some((last, held)) if *last == entry => held.extend(hashes),
            // Files come in the offer's order; one that came again would cost its hashes and its comparison again.
            Some((last, _)) if *last > entry => return Err(Misbehaviour::UnknownEntry.into()),
            _ => self.damaged.push((entry, hashes)),
        }
        let held = self.damaged.last().map_or(0, |(_, held)| held.len() as u64);
        let is_file = blocks.start < blocks.end && self.plan.stream().is_none();
        if !is_file || held > blocks.end - blocks.start {
            return Err(Misbehaviour::UnknownEntry.into());
        }
        Ok(())
    }

    fn compare(&mut self) -> Comparison {
        self.context.enter(Phase::Repairing);
        (self.is_done, self.has_repaired) = (false, true);
        let (outgoing, damaged) = (Arc::clone(&self.outgoing), std::mem::take(&mut self.damaged));
        spawn_blocking(move || {
            let mut blocks = Vec::new();
            let mut hashes = Vec::new();
            for (entry, theirs) in damaged {
                if let Some((differing, hash)) = outgoing.compare(entry, &theirs) {
                    blocks.extend(differing);
                    hashes.push((entry, hash));
                }
            }
            blocks.sort_unstable();
            blocks.dedup();
            (blocks, hashes)
        })
    }

    fn send_again(&mut self, compared: (Vec<u64>, Vec<(u32, FileHash)>)) -> Result<(), TransferError> {
        let (blocks, hashes) = compared;
        self.say_hashes(&hashes)?;
        self.repairs_left = Some(blocks.iter().copied().collect());
        self.queue.again(blocks);
        Ok(())
    }

    /// Tells the receiver what has changed on this side; says that all is done once it is.
    async fn tell_news(&mut self) -> Result<(), TransferError> {
        for (entry, reason) in self.outgoing.take_withdrawn() {
            self.missing += 1;
            self.withdrawn_bytes += self.outgoing.size_of(entry);
            self.control.say(&FromSender::Withdrawn { entry, reason })?;
            for block in own_blocks(&self.plan, entry) {
                self.settled.insert(block);
                if let Some(left) = &mut self.repairs_left {
                    left.remove(&block);
                }
            }
            self.context.tell(Notice::Withdrawn { path: self.outgoing.path_of(entry), reason }).await;
        }
        let stream_end = self.outgoing.stream_end();
        let blocks =
            stream_end.map_or(self.plan.blocks(), |bytes| bytes.div_ceil(u64::from(self.plan.block_size())));
        let nothing_left = match &self.repairs_left {
            Some(left) => left.is_empty(),
            None => self.settled.len() >= blocks && !self.has_repaired,
        };
        if self.is_done || !self.is_checked || !nothing_left {
            return Ok(());
        }
        self.is_done = true;
        if !self.has_repaired {
            if let Some(bytes) = stream_end {
                self.control.say(&FromSender::StreamEnd { bytes })?;
            }
            let hashes = self.outgoing.take_hashes();
            self.say_hashes(&hashes)?;
        }
        self.control.say(&FromSender::Done)?;
        self.context.enter(Phase::Storing);
        Ok(())
    }

    fn say_hashes(&mut self, hashes: &[(u32, FileHash)]) -> Result<(), TransferError> {
        hashes
            .chunks(HASHES_AT_ONCE)
            .try_for_each(|page| self.control.say(&FromSender::Hashes(page.to_vec())))
    }
}

enum Heard {
    Nothing,
    AllDamage,
    Complete { stored: u64, failed: u64 },
}

/// Waits for a task that may not be there.
async fn join<T>(task: &mut Option<JoinHandle<T>>) -> T {
    match task {
        Some(task) => task.await.expect("work on the disk doesn't panic"),
        None => std::future::pending().await,
    }
}

/// Messages that mean the same at every point.
fn check_common(message: &FromReceiver) -> Result<(), TransferError> {
    match message {
        FromReceiver::Alive => Ok(()),
        FromReceiver::Cancel => Err(TransferError::PeerCancelled),
        FromReceiver::Failed(trouble) => Err(TransferError::PeerFailed(*trouble)),
        FromReceiver::Decline => Err(Misbehaviour::OutOfTurn("decline").into()),
        FromReceiver::Accept { .. } => Err(Misbehaviour::OutOfTurn("accept").into()),
        FromReceiver::Stored(_) => Err(Misbehaviour::OutOfTurn("stored").into()),
        FromReceiver::Damaged { .. } => Err(Misbehaviour::OutOfTurn("damaged").into()),
        FromReceiver::Complete { .. } => Err(Misbehaviour::OutOfTurn("complete").into()),
    }
}

/// Lists what is not listed yet, while the other side waits.
async fn finish_listing(
    control: &mut Control,
    listing: &mut Listing,
    context: &Context,
) -> Result<(Arc<Manifest>, Content), TransferError> {
    loop {
        tokio::select! {
            settled = listing.settle(context) => return settled.map(|()| listing.take()),
            message = control.next() => check_common(&message?)?,
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
            while control.backlog() > MAX_BACKLOG {
                tokio::select! {
                    message = control.next() => check_common(&message?)?,
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

async fn answer(
    control: &mut Control,
    manifest: &Manifest,
    max_lanes: u16,
) -> Result<(u16, Wanted), TransferError> {
    loop {
        match control.next().await? {
            FromReceiver::Accept { lanes, wanted } => {
                if lanes > max_lanes {
                    return Err(Misbehaviour::Lanes.into());
                }
                let wanted = Wanted::from_wire(wanted, manifest.entries().len());
                return Ok((lanes, wanted.ok_or(Misbehaviour::UnknownEntry)?));
            }
            FromReceiver::Decline => return Err(TransferError::PeerDeclined),
            other => check_common(&other)?,
        }
    }
}
