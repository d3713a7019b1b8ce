//! The receiver's state machine while lanes bring blocks: what is stored, what the sender says about it, whether it is
//! correct.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{interval, sleep},
};

use super::{
    common::{check_common, meanwhile_checked, wait_for_room},
    destination::{Accepted, Destination},
    lane_pool::ReceiveLanePool,
};
use crate::{
    panics::{Blocking, spawn_blocking},
    protocol::{
        manifest::Entry,
        peer::{FromReceiver, FromSender, Way, Withdrawal, Work},
    },
    sync::lock,
    transfer::{
        error::{Misbehaviour, TransferError},
        file_states::ShownFiles,
        lanes::{
            lane::{EndedLane, Lane},
            receiving::ReceiveLanes,
        },
        link::control::Control,
        notice::{Context, Notice},
        plan::{
            blocks::{BlockSet, to_ranges},
            file_count::{FileCount, current},
            own_blocks,
            tree_hash::FileHash,
        },
        progress::{Paused, Phase},
        sink::staging::Staging,
    },
};

/// How often stored blocks are acknowledged. Each time costs a write to the journal and a message, and the sender
/// counts blocks as stored only then.
const TICK: Duration = Duration::from_millis(40);
/// The most hashes in one message. Each takes 33 bytes, so the message stays within
/// [`MAX_CONTROL`](crate::protocol::peer::MAX_CONTROL).
const HASHES_AT_ONCE: usize = 4096;

/// The state of a receive once lanes are open.
pub(super) struct Receiving<'a> {
    control: &'a mut Control,
    context: &'a Context,
    accepted: &'a Accepted,
    lanes: Arc<ReceiveLanes>,
    /// How the first lanes are opened, as the sender was told.
    way: Way,
    news: mpsc::Receiver<(u64, u32)>,
    /// Whether the user on this side wants a pause.
    pause: watch::Receiver<bool>,
    paused: Paused,
    /// Whether the journal can't be written because the disk is full.
    journal_is_full: bool,
    /// Whether the disk is full, as both sides were last told.
    disk_is_full: bool,
    held: Arc<Mutex<BlockSet>>,
    /// Stored blocks that are not in the journal yet.
    unreported: Vec<u64>,
    /// The write to the journal that is running. Its blocks are reported to the sender next.
    writing: Option<JournalTask>,
    /// The task that reads what was here from the start, for the hashes of its files.
    hashing: Option<Blocking<Result<(), TransferError>>>,
    bytes: u64,
    withdrawn: BTreeSet<u32>,
    hashes: BTreeMap<u32, FileHash>,
    stream_bytes: Option<u64>,
    files: FileCount,
    shown_files: ShownFiles,
    /// Damaged files that are being sent again.
    repaired: Option<BTreeSet<u32>>,
}

/// Ranges of blocks, and whether they could be written to the journal.
type JournalWrite = (Vec<(u64, u64)>, Result<(), TransferError>);
type JournalTask = Blocking<JournalWrite>;

/// How lanes are opened, what they bring, and whether they are to pause.
pub(super) struct LaneInput {
    /// How the first lanes are opened, as the sender was told.
    pub(super) way: Way,
    /// Which blocks are stored, with their bytes.
    pub(super) news: mpsc::Receiver<(u64, u32)>,
    /// Whether the user of this side wants a pause.
    pub(super) pause: watch::Receiver<bool>,
}

impl<'a> Receiving<'a> {
    pub(super) fn new(
        control: &'a mut Control,
        context: &'a Context,
        accepted: &'a Accepted,
        lanes: Arc<ReceiveLanes>,
        held: Arc<Mutex<BlockSet>>,
        LaneInput { way, news, pause }: LaneInput,
    ) -> Self {
        let bytes = accepted.plan.bytes_in(&lock(&held));
        let files = FileCount::new(&accepted.plan, &lock(&held));
        Self {
            control,
            context,
            accepted,
            lanes,
            way,
            news,
            pause,
            paused: Paused::default(),
            journal_is_full: false,
            disk_is_full: false,
            held,
            unreported: Vec::new(),
            writing: None,
            hashing: accepted.destination.hash_held(),
            bytes,
            withdrawn: BTreeSet::new(),
            hashes: BTreeMap::new(),
            stream_bytes: None,
            files,
            shown_files: ShownFiles::new(
                context.files.clone(),
                Arc::clone(&accepted.plan),
                accepted.wanted.clone(),
            ),
            repaired: None,
        }
    }

    /// Runs until everything is here and matches the sender's hashes.
    pub(super) async fn run(&mut self, pool: &mut ReceiveLanePool) -> Result<(), TransferError> {
        let mut tick = interval(TICK);
        if *self.pause.borrow() {
            self.pause.mark_changed();
        }
        pool.open_all(self.control.lane_opener(), self.way);
        loop {
            tokio::select! {
                message = self.control.next() => {
                    if self.hear(pool, message?).await? && self.check().await? {
                        return Ok(());
                    }
                }
                Some((block, bytes)) = self.news.recv() => {
                    self.note_stored(block, bytes);
                    // The sender waits for nothing but this acknowledgement.
                    if self.is_all_here() {
                        self.write_journal()?;
                    }
                }
                Some(ended) = pool.next() => self.lane_ended(pool, ended).await?,
                Ok(()) = self.pause.changed() => {
                    self.paused.here = *self.pause.borrow_and_update();
                    self.control.say(&FromReceiver::Pause(self.paused.here))?;
                    self.tell_pause();
                }
                written = written(&mut self.writing) => self.note_written(written)?,
                _ = tick.tick() => {
                    self.report_space()?;
                    self.write_journal()?;
                    self.shown_files.show(&self.accepted.manifest, || lock(&self.held).clone(), &self.withdrawn);
                }
            }
            self.keep_lanes(pool).await?;
        }
    }

    /// Handles the end of a lane. The sender is told what the lane brought before it is told that the lane is over.
    async fn lane_ended(
        &mut self,
        pool: &mut ReceiveLanePool,
        ended: EndedLane<()>,
    ) -> Result<(), TransferError> {
        if let Some((link, lane)) = pool.ended(ended)? {
            self.note_news();
            self.say_all_stored().await?;
            self.control.say(&FromReceiver::LaneOver { link, lane })?;
        }
        Ok(())
    }

    /// Follows the control channel to a new connection, once the lanes of the old one have ended and the sender was
    /// told what they brought.
    async fn keep_lanes(&mut self, pool: &mut ReceiveLanePool) -> Result<(), TransferError> {
        let link = self.control.link();
        if pool.is_at_home() && pool.link() != link {
            pool.leave();
        }
        if pool.has_left() {
            self.note_news();
            self.say_all_stored().await?;
            let opener = self.control.lane_opener();
            let way = opener.ways.best();
            self.control.say(&FromReceiver::Reopen { link, way })?;
            pool.open_all(opener, way);
        }
        let (lanes, (route, round_trip)) = pool.open_lanes();
        self.context.update(|progress| {
            (progress.lanes, progress.route, progress.round_trip) = (lanes, route, round_trip);
        });
        Ok(())
    }

    fn note_news(&mut self) {
        while let Ok((block, bytes)) = self.news.try_recv() {
            self.note_stored(block, bytes);
        }
    }

    fn tell_pause(&self) {
        let paused = self.paused;
        self.context.update(|progress| progress.paused = paused);
    }

    /// Takes in one message; returns whether the sender says that everything was sent.
    async fn hear(&mut self, pool: &mut ReceiveLanePool, message: FromSender) -> Result<bool, TransferError> {
        let out_of_turn = Misbehaviour::OutOfTurn(message.name());
        match message {
            FromSender::OpenLane { link, lane: number, way } => pool.open(link, Lane { number, way })?,
            FromSender::LaneOver { link, lane } => pool.end(link, lane),
            FromSender::Pause(is_paused) => {
                self.paused.there = is_paused;
                self.tell_pause();
            }
            // A stream is sent as it is read, so it can't have changed. Nor could its blocks be settled one by one,
            // because their number is unknown.
            FromSender::Withdrawn { .. } if self.accepted.plan.stream().is_some() => {
                return Err(out_of_turn.into());
            }
            FromSender::Withdrawn { entry, reason } => self.withdraw(entry, reason).await?,
            FromSender::StreamEnd { bytes } => {
                if self.accepted.plan.stream().is_none() || self.stream_bytes.replace(bytes).is_some() {
                    return Err(out_of_turn.into());
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
                        return Err(out_of_turn.into());
                    }
                }
            }
            FromSender::Done => return Ok(true),
            other => check_common(self.control, &other).await?,
        }
        Ok(false)
    }

    async fn withdraw(&mut self, entry: u32, reason: Withdrawal) -> Result<(), TransferError> {
        if !self.is_wanted_file(entry) || !self.withdrawn.insert(entry) {
            return Err(Misbehaviour::UnknownEntry.into());
        }
        let path = self.path_of(entry);
        let staging = match &self.accepted.destination {
            Destination::Folder(_, staging) => Arc::clone(staging),
            _ => return Err(TransferError::Withdrawn { path, reason }),
        };
        spawn_blocking(move || staging.drop_entry(entry)).await;
        self.hashes.remove(&entry);
        lock(&self.held).insert_range(own_blocks(&self.accepted.plan, entry));
        self.context.tell(Notice::Withdrawn { path: path.into(), reason }).await;
        Ok(())
    }

    fn is_all_here(&self) -> bool {
        lock(&self.held).len() == self.accepted.plan.blocks()
    }

    fn note_stored(&mut self, block: u64, bytes: u32) {
        self.unreported.push(block);
        if lock(&self.held).insert(block) {
            self.bytes += u64::from(bytes);
            self.files.note(&self.accepted.plan, block);
        }
    }

    /// Starts to write the blocks stored since the last time to the journal, unless a write is running. They are
    /// reported to the sender after that.
    fn write_journal(&mut self) -> Result<(), TransferError> {
        if self.writing.is_some() || self.unreported.is_empty() {
            return Ok(());
        }
        self.unreported.sort_unstable();
        let ranges = to_ranges(std::mem::take(&mut self.unreported));
        let Destination::Folder(_, staging) = &self.accepted.destination else {
            return self.say_stored(ranges);
        };
        let (staging, working) = (Arc::clone(staging), self.control.work().begin(Work::Disk));
        self.writing = Some(spawn_blocking(move || {
            let written = staging.note_stored(&ranges);
            drop(working);
            (ranges, written)
        }));
        Ok(())
    }

    /// Takes in the result of a write to the journal. Blocks for which the disk had no space are kept for the next
    /// time.
    fn note_written(&mut self, (ranges, written): JournalWrite) -> Result<(), TransferError> {
        self.journal_is_full = written.as_ref().is_err_and(TransferError::is_disk_full);
        if self.journal_is_full {
            self.unreported.extend(ranges.into_iter().flat_map(|(first, count)| first..first + count));
            return Ok(());
        }
        written?;
        self.say_stored(ranges)
    }

    /// Tells both sides when the disk is full, and when it no longer is.
    fn report_space(&mut self) -> Result<(), TransferError> {
        let disk_is_full = self.journal_is_full || self.lanes.space_waits.is_any();
        if self.disk_is_full != disk_is_full {
            self.disk_is_full = disk_is_full;
            self.control.say(&FromReceiver::DiskFull(disk_is_full))?;
            self.context.update(|progress| progress.disk_is_full = disk_is_full);
        }
        Ok(())
    }

    /// Writes all stored blocks to the journal and reports them to the sender before it returns. While the disk is
    /// full, it waits.
    async fn say_all_stored(&mut self) -> Result<(), TransferError> {
        while self.writing.is_some() || !self.unreported.is_empty() {
            self.write_journal()?;
            if self.writing.is_some() {
                let written = written(&mut self.writing).await;
                self.note_written(written)?;
                if self.journal_is_full {
                    sleep(TICK).await;
                }
            }
        }
        Ok(())
    }

    fn say_stored(&mut self, ranges: Vec<(u64, u64)>) -> Result<(), TransferError> {
        self.control.say(&FromReceiver::Stored(ranges))?;
        let bytes = self.bytes;
        let (files, file) = (self.files.complete(), current(&self.accepted.plan, &lock(&self.held)));
        let phase = if self.repaired.is_some() { Phase::Repairing } else { Phase::Moving };
        self.context.update(|progress| {
            (progress.phase, progress.bytes) = (phase, bytes);
            (progress.files, progress.file) = (files, file);
        });
        Ok(())
    }

    /// Compares what is here with the sender's hashes. Returns whether everything is correct; if not, the sender was
    /// asked for the damaged blocks again.
    async fn check(&mut self) -> Result<bool, TransferError> {
        if let Some(mut hashing) = self.hashing.take() {
            meanwhile_checked(self.control, Work::Hashing, &mut hashing).await??;
        }
        if let Destination::Folder(_, staging) = &self.accepted.destination {
            let staging = Arc::clone(staging);
            meanwhile_checked(self.control, Work::Disk, &mut spawn_blocking(move || staging.close())).await?;
        }
        if let Some(bytes) = self.stream_bytes {
            self.end_stream(bytes)?;
        } else if !self.is_all_here() {
            return Err(Misbehaviour::DoneTooEarly.into());
        }
        let mended = self.mend_lengths().await?;
        let damaged = match self.repaired.take() {
            None => {
                let mut damaged = self.damaged()?;
                damaged.extend(mended);
                damaged
            }
            Some(repaired) => {
                let again = self.still_damaged(repaired).await?.or(mended.first().copied());
                return match again {
                    None => Ok(true),
                    Some(entry) => Err(TransferError::Damaged { path: self.path_of(entry) }),
                };
            }
        };
        let Some(first) = damaged.first() else { return Ok(true) };
        let staging = match &self.accepted.destination {
            Destination::Folder(_, staging) if self.accepted.plan.stream().is_none() => Arc::clone(staging),
            // A stream can't be read again, and what went to a writer can't be written again.
            _ => return Err(TransferError::Damaged { path: self.path_of(*first) }),
        };
        self.ask_again(staging, damaged).await?;
        Ok(false)
    }

    /// Gives each file its length, and returns the files that had another.
    async fn mend_lengths(&mut self) -> Result<Vec<u32>, TransferError> {
        let Destination::Folder(_, staging) = &self.accepted.destination else { return Ok(Vec::new()) };
        let staging = Arc::clone(staging);
        let mut mending = spawn_blocking(move || staging.mend_lengths());
        meanwhile_checked(self.control, Work::Disk, &mut mending).await?
    }

    fn end_stream(&mut self, bytes: u64) -> Result<(), TransferError> {
        let plan = &self.accepted.plan;
        if !self.lanes.claims.is_whole_stream(plan, bytes) {
            return Err(Misbehaviour::DoneTooEarly.into());
        }
        if let (Destination::Folder(_, staging), Some(entry)) = (&self.accepted.destination, plan.stream()) {
            staging.end_stream(entry, bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Files whose hash is not the sender's.
    fn damaged(&self) -> Result<BTreeSet<u32>, TransferError> {
        let mut damaged = BTreeSet::new();
        for number in 0..self.accepted.manifest.entries().len() as u32 {
            let is_empty = match self.stream_bytes {
                Some(bytes) => bytes == 0,
                None => self.accepted.plan.blocks_of(number).is_empty(),
            };
            if is_empty || !self.is_wanted_file(number) || self.withdrawn.contains(&number) {
                continue;
            }
            let theirs = self.hashes.get(&number).ok_or(Misbehaviour::DoneTooEarly)?;
            let ours = match &self.accepted.destination {
                Destination::Folder(_, staging) => staging.hash(number),
                Destination::Writer(ordered) | Destination::Text(ordered, _) => Some(ordered.close()),
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
        // What another transfer left may be another sender's file of the same name, size and time, whose bytes are none of
        // this sender's business; neither are their hashes, by which it could try out guesses at them.
        let held = staging.held().clone();
        for entry in &damaged {
            let (staging, entry) = (Arc::clone(&staging), *entry);
            let mut reading = spawn_blocking(move || staging.read_back(entry));
            let (hashes, _) = meanwhile_checked(self.control, Work::Hashing, &mut reading).await??;
            let hashes: Vec<Option<FileHash>> = plan
                .blocks_of(entry)
                .zip(hashes)
                .map(|(block, hash)| (!held.contains(block)).then_some(hash))
                .collect();
            let pages = hashes.chunks(HASHES_AT_ONCE).count();
            for (number, page) in hashes.chunks(HASHES_AT_ONCE).enumerate() {
                let last = Some(entry) == last && number + 1 == pages;
                wait_for_room(self.control).await?;
                self.control.say(&FromReceiver::Damaged { entry, hashes: page.to_vec(), last })?;
            }
        }
        self.repaired = Some(damaged);
        Ok(())
    }

    /// Reads the repaired files back; returns the first whose hash is still not the sender's.
    async fn still_damaged(&mut self, repaired: BTreeSet<u32>) -> Result<Option<u32>, TransferError> {
        let Destination::Folder(_, staging) = &self.accepted.destination else { return Ok(None) };
        for entry in repaired {
            if self.withdrawn.contains(&entry) {
                continue;
            }
            let staging = Arc::clone(staging);
            let mut reading = spawn_blocking(move || staging.read_back(entry));
            let (_, hash) = meanwhile_checked(self.control, Work::Hashing, &mut reading).await??;
            if self.hashes.get(&entry) != Some(&hash) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Bytes of the files that arrived and were not withdrawn, and how many files were withdrawn.
    pub(super) fn sums(&self) -> (u64, u64) {
        (self.arrived_bytes(), self.withdrawn.len() as u64)
    }

    fn arrived_bytes(&self) -> u64 {
        self.stream_bytes.unwrap_or_else(|| {
            let plan = &self.accepted.plan;
            plan.bytes() - self.withdrawn.iter().map(|entry| plan.bytes_of(*entry)).sum::<u64>()
        })
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

/// Waits for the write to the journal that is running and returns its result; never returns if there is none.
async fn written(writing: &mut Option<JournalTask>) -> JournalWrite {
    let Some(task) = writing else { return std::future::pending().await };
    let written = task.await;
    *writing = None;
    written
}
