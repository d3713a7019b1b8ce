//! The sender's state machine while lanes carry blocks: what is stored, what is withdrawn, what has to be sent again.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, interval},
};

use super::{common::check_common, lane_pool::SendLanePool};
use crate::{
    panics::{Blocking, spawn_blocking},
    protocol::peer::{FromReceiver, FromSender, Way, Work},
    transfer::{
        error::{Misbehaviour, TransferError},
        file_states::ShownFiles,
        lanes::{lane_count::LaneCount, queue::Queue},
        link::{activity::ActivityGuard, control::Control},
        notice::{Context, Notice},
        plan::{
            Plan, Wanted,
            blocks::BlockSet,
            file_count::{FileCount, current},
            own_blocks,
            tree_hash::FileHash,
        },
        progress::{Paused, Phase},
        source::outgoing::Outgoing,
    },
};

/// How often the session checks for what no event announces: withdrawn files, silent lanes, lanes that are due. It is
/// short enough that no user notices the delay.
const TICK: Duration = Duration::from_millis(50);
/// How long a block must have been in flight for the network to count as what holds it up, rather than this side's
/// limit on the speed.
const SLOW: Duration = Duration::from_secs(5);
/// The most hashes in one message. Each takes up to 37 bytes with its entry, so the message stays within
/// [`MAX_CONTROL`](crate::protocol::peer::MAX_CONTROL).
const HASHES_AT_ONCE: usize = 4096;

/// The state of a send once lanes are open.
pub(super) struct Sending<'a> {
    control: &'a mut Control,
    context: &'a Context,
    plan: Arc<Plan>,
    outgoing: Arc<Outgoing>,
    queue: Arc<Queue>,
    /// How many lanes are used.
    lane_count: LaneCount,
    /// Whether the user on this side wants a pause.
    pause: watch::Receiver<bool>,
    paused: Paused,
    /// The connection on which the receiver is ready for lanes, and the way that they take.
    ready: (u64, Way),
    /// Blocks that the receiver has stored, or that belong to withdrawn files.
    settled: BlockSet,
    /// Blocks that the receiver reported as stored after their file had been withdrawn.
    late: BlockSet,
    /// Blocks that are being sent a second time and are not stored yet.
    repairs_left: Option<HashSet<u64>>,
    /// What the receiver has reported about damaged files: the entry, and the hashes of the blocks that it holds.
    damaged: Vec<(u32, Vec<Option<FileHash>>)>,
    /// Bytes of all blocks that the receiver has stored.
    bytes: u64,
    files: FileCount,
    /// Files that were withdrawn.
    withdrawn: BTreeSet<u32>,
    shown_files: ShownFiles,
    /// Bytes of withdrawn files, whether or not they were sent.
    withdrawn_bytes: u64,
    /// Whether empty files were checked again, and what the receiver already had was hashed.
    is_checked: bool,
    is_done: bool,
    has_repaired: bool,
    /// Set while nothing is left to do but to read files for their hashes.
    hashing: Option<ActivityGuard>,
}

type Comparison = Blocking<(Vec<u64>, Vec<(u32, FileHash)>)>;

/// What a session has to send.
pub(super) struct Workload {
    pub(super) plan: Arc<Plan>,
    /// Where the blocks are read.
    pub(super) outgoing: Arc<Outgoing>,
    /// From which the lanes take blocks.
    pub(super) queue: Arc<Queue>,
    /// Blocks that the receiver has already.
    pub(super) held: BlockSet,
    /// The entries that the receiver wants.
    pub(super) wanted: Wanted,
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        control: &'a mut Control,
        context: &'a Context,
        Workload { plan, outgoing, queue, held, wanted }: Workload,
        pause: watch::Receiver<bool>,
        way: Way,
        lane_count: LaneCount,
    ) -> Self {
        let ready = (control.link(), way);
        let bytes = plan.bytes_in(&held);
        let files = FileCount::new(&plan, &held);
        let shown_files = ShownFiles::new(context.files.clone(), Arc::clone(&plan), wanted);
        Self {
            control,
            context,
            plan,
            outgoing,
            queue,
            lane_count,
            pause,
            paused: Paused::default(),
            ready,
            settled: held,
            late: BlockSet::default(),
            repairs_left: None,
            damaged: Vec::new(),
            bytes,
            files,
            withdrawn: BTreeSet::new(),
            shown_files,
            withdrawn_bytes: 0,
            is_checked: false,
            is_done: false,
            has_repaired: false,
            hashing: None,
        }
    }

    /// Runs until the receiver has everything. Returns how many entries it has stored, and how many are missing there.
    pub(super) async fn run(&mut self, pool: &mut SendLanePool) -> Result<(u64, u64), TransferError> {
        let (outgoing, held) = (Arc::clone(&self.outgoing), self.settled.clone());
        let wanted = self.shown_files.wanted().clone();
        let mut check = Some(spawn_blocking(move || {
            outgoing.check_files_without_blocks(&wanted);
            outgoing.hash_unsent(&held);
        }));
        let mut tick = interval(TICK);
        if *self.pause.borrow() {
            self.pause.mark_changed();
        }
        let mut comparison: Option<Comparison> = None;
        self.keep_lanes(pool)?;
        loop {
            tokio::select! {
                message = self.control.next() => match self.hear(pool, message?).await? {
                    Heard::Nothing => {}
                    Heard::AllDamage => comparison = Some(self.compare()),
                    Heard::Complete { stored, failed } => {
                        self.queue.close();
                        return Ok((stored, (self.withdrawn.len() as u64).saturating_add(failed)));
                    }
                },
                Some(ended) = pool.next() => pool.ended(self.control, ended)?,
                () = join(&mut check) => {
                    check = None;
                    self.is_checked = true;
                }
                compared = join(&mut comparison) => {
                    comparison = None;
                    self.send_again(compared)?;
                }
                Ok(()) = self.pause.changed() => {
                    self.paused.here = *self.pause.borrow_and_update();
                    self.control.say(&FromSender::Pause(self.paused.here))?;
                    self.pause_lanes(pool);
                }
                _ = tick.tick() => {
                    let settled = &self.settled;
                    self.shown_files.show(self.outgoing.manifest(), || settled.clone(), &self.withdrawn);
                }
            }
            self.keep_lanes(pool)?;
            self.tell_news().await?;
        }
    }

    /// Whether the receiver has every block, and was sent everything that it needs to check them.
    pub(super) fn is_done(&self) -> bool {
        self.is_done && self.damaged.is_empty()
    }

    /// Bytes that the receiver has, without those of withdrawn files.
    pub(super) fn arrived_bytes(&self) -> u64 {
        if self.plan.stream().is_some() { self.bytes } else { self.plan.bytes() - self.withdrawn_bytes }
    }

    /// Keeps lanes open on the current connection: opens all of them on a new one, once the old ones have ended on both
    /// sides, and opens single ones again that were lost.
    fn keep_lanes(&mut self, pool: &mut SendLanePool) -> Result<(), TransferError> {
        let link = self.control.link();
        if pool.is_at_home() && pool.link() != link {
            pool.leave();
            self.control.say_addresses()?;
        }
        if pool.has_left() && self.ready.0 == link {
            self.queue.requeue(None);
            let opener = self.control.lane_opener();
            pool.open_all(self.control, opener, self.ready.1)?;
        }
        if self.context.disk_is_full() || self.control.other_is_at_work() || !self.control.hears() {
            self.queue.excuse();
            self.lane_count.interrupt();
        } else if self.paused.here || self.paused.there || !pool.is_at_home() {
            self.lane_count.interrupt();
        } else {
            let total = if self.plan.stream().is_some() { u64::MAX } else { self.plan.bytes() };
            let left = total.saturating_sub(self.bytes);
            self.lane_count.limit_to(pool.limit());
            if pool.has_failed_over_quic() {
                self.lane_count.quic_failed();
            }
            pool.use_lanes(self.lane_count.observe(self.bytes, left, pool.quic_round_trip(), Instant::now()));
        }
        self.control.work().set_in_flight(!self.queue.silent(SLOW).is_empty());
        pool.end_silent(self.control)?;
        pool.end_straggler(self.control)?;
        pool.open_due(self.control)?;
        let (lanes, (route, round_trip)) = (pool.open_lanes(), pool.route());
        self.context.update(|progress| {
            (progress.lanes, progress.route, progress.round_trip) = (lanes, route, round_trip);
        });
        Ok(())
    }

    fn pause_lanes(&mut self, pool: &mut SendLanePool) {
        let paused = self.paused;
        pool.pause(paused.here || paused.there);
        self.context.update(|progress| progress.paused = paused);
    }

    async fn hear(&mut self, pool: &mut SendLanePool, message: FromReceiver) -> Result<Heard, TransferError> {
        let out_of_turn = Misbehaviour::OutOfTurn(message.name());
        match message {
            FromReceiver::Reopen { link, way } => self.ready = (link, way),
            FromReceiver::LaneOver { link, lane } => pool.other_end_is_over(link, lane),
            FromReceiver::Pause(is_paused) => {
                self.paused.there = is_paused;
                self.pause_lanes(pool);
            }
            FromReceiver::Stored(ranges) => self.settle_stored(&ranges)?,
            FromReceiver::DiskFull(disk_is_full) => {
                self.context.update(|progress| progress.disk_is_full = disk_is_full);
            }
            FromReceiver::Damaged { .. } if !self.is_done || self.has_repaired => {
                return Err(out_of_turn.into());
            }
            FromReceiver::Damaged { entry, hashes, last } => {
                self.note_damage(entry, hashes)?;
                if last {
                    return Ok(Heard::AllDamage);
                }
            }
            FromReceiver::Complete { stored, failed } if self.is_done => {
                return Ok(Heard::Complete { stored, failed });
            }
            FromReceiver::Decline => return Err(TransferError::PeerDeclined),
            other => check_common(self.control, &other).await?,
        }
        Ok(Heard::Nothing)
    }

    fn settle_stored(&mut self, ranges: &[(u64, u64)]) -> Result<(), TransferError> {
        // At the end of a stream, lanes have taken numbers for which there is no block.
        let stream_blocks = self.outgoing.stream_end().map(|end| end.div_ceil(self.plan.block_size().into()));
        let handed_out = self.queue.handed_out().min(stream_blocks.unwrap_or(u64::MAX));
        for (first, count) in ranges {
            let end = first.checked_add(*count).filter(|end| *end <= handed_out);
            let end = end.ok_or(Misbehaviour::UnknownBlock)?;
            for block in *first..end {
                let is_new = match &mut self.repairs_left {
                    Some(left) => left.remove(&block),
                    None => self.settled.insert(block),
                };
                // The blocks of a withdrawn file already count as settled. Those that were in flight are stored once.
                let is_late = !is_new && self.outgoing.is_withdrawn_block(block) && self.late.insert(block);
                if !is_new && !is_late {
                    return Err(Misbehaviour::BlockTwice.into());
                }
                if is_new && self.repairs_left.is_none() {
                    self.bytes += u64::from(self.plan.block_len(block).unwrap_or_default());
                    self.files.note(&self.plan, block);
                }
                self.queue.settle(block);
                self.outgoing.forget(block);
            }
        }
        // The last block of a stream may be shorter than the plan says.
        let bytes = self.outgoing.stream_end().map_or(self.bytes, |end| self.bytes.min(end));
        self.bytes = bytes;
        let phase = if self.has_repaired { Phase::Repairing } else { Phase::Moving };
        let (files, file) = (self.files.complete(), current(&self.plan, &self.settled));
        self.context.update(|progress| {
            (progress.phase, progress.bytes) = (phase, bytes);
            (progress.files, progress.file) = (files, file);
        });
        Ok(())
    }

    fn note_damage(&mut self, entry: u32, hashes: Vec<Option<FileHash>>) -> Result<(), TransferError> {
        let blocks = self.plan.blocks_of(entry);
        match self.damaged.last_mut() {
            Some((last, held)) if *last == entry => held.extend(hashes),
            // Files come in the order of the offer. One that came again would have to be compared, and its hash sent,
            // again.
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
        self.hashing = Some(self.control.work().begin(Work::Hashing));
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
        self.hashing = None;
        self.say_hashes(&hashes)?;
        self.repairs_left = Some(blocks.iter().copied().collect());
        self.queue.resend(blocks);
        Ok(())
    }

    /// Tells the receiver what has changed on this side and, at the end, that everything was sent.
    async fn tell_news(&mut self) -> Result<(), TransferError> {
        for (entry, reason) in self.outgoing.take_withdrawn() {
            self.withdrawn.insert(entry);
            self.withdrawn_bytes += self.outgoing.bytes_of(entry);
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
        if nothing_left && !self.is_checked && self.hashing.is_none() {
            self.hashing = Some(self.control.work().begin(Work::Hashing));
        }
        if self.is_done || !self.is_checked || !nothing_left {
            return Ok(());
        }
        self.hashing = None;
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

/// Waits for a task; never returns if there is none.
async fn join<T>(task: &mut Option<Blocking<T>>) -> T {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}
