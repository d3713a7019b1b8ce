//! The queue of the sender's blocks. It hands blocks out in order to the lanes that are free, and knows which lane has each
//! block that the receiver has not stored yet, so that the blocks of a lane that ends go out again over another one.
//!
//! Over each lane, blocks go in ascending order. A receiver that needs them in order reads no further over a lane whose block
//! is not due yet, so the block that is due must never be behind a later one.
//!
//! From the same knowledge follows which lanes have fallen silent, and how much each may have in flight: a relay and the
//! systems along the path take in far more than a slow lane delivers, and what waits there can't go out over a faster lane.
//! Near the end of a transfer, a block waits for the lane that will deliver it first.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::in_flight::InFlight;
use crate::{
    sync::lock,
    transfer::plan::{Taken, blocks::BlockSet},
};

/// The blocks of one transfer: those to be handed out to lanes, and those in flight.
#[derive(Debug)]
pub(crate) struct Queue {
    is_stream: bool,
    state: Mutex<QueueState>,
    changed: Notify,
}

#[derive(Debug)]
struct QueueState {
    /// The first block that has not been handed out yet.
    next: u64,
    /// The first block that does not exist.
    end: u64,
    /// Blocks that the receiver has from an earlier transfer.
    held: BlockSet,
    /// Blocks to be handed out again, before any new one.
    resend: BTreeSet<u64>,
    /// Blocks in flight.
    out: HashMap<u64, InFlightBlock>,
    lanes: HashMap<u16, LaneState>,
    /// How many blocks were settled since the start, over all lanes.
    settled: u64,
    /// Silence before this time has a reason that is no lane's fault.
    excused: Instant,
    is_paused: bool,
    is_closed: bool,
}

/// A block that a lane has taken and the receiver has not stored yet.
#[derive(Debug, Clone, Copy)]
struct InFlightBlock {
    lane: u16,
    /// When the block, or the last piece of it so far, was given to the network; `None` while it waits on this side.
    left: Option<Instant>,
}

#[derive(Debug, Default)]
struct LaneState {
    in_flight: InFlight,
    /// The lane's last sign of life.
    heard: Option<LastSign>,
    /// Whether the lane takes no further block, and only delivers those that it has.
    takes_no_more: bool,
}

/// The last sign of life of a lane.
#[derive(Debug, Clone, Copy)]
struct LastSign {
    at: Instant,
    /// How many blocks were settled by then, over all lanes.
    settled: u64,
}

/// A lane that has something in flight and over which nothing has arrived for a long time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silent {
    /// The lane's number.
    pub lane: u16,
    /// Blocks that have arrived over the other lanes since this one's last sign of life.
    pub others: u64,
}

/// The most blocks of a stream that may be in flight. They are kept in memory, because a stream can't be read again.
const MAX_STREAM_OUT: usize = 64;
/// How often a lane that leaves a block to a faster one checks whether that one is still faster. Nothing else would tell it
/// when the other lane gets stuck.
const RECHECK: Duration = Duration::from_millis(100);
/// About what it costs to end a lane and to send its blocks over another one. A lane is ended only when that saves more
/// than this, and when its oldest block has been in flight for at least this long.
const RESCUE: Duration = Duration::from_secs(1);

impl Queue {
    /// A queue of the blocks from 0 to `end`, exclusive, without the `held` ones, which the receiver has already.
    pub(crate) fn new(end: u64, held: BlockSet) -> Self {
        Self::with(end, held, false)
    }

    /// A queue for a stream: its blocks have no known end, and a block's number is known only once the block has been read.
    pub(crate) fn stream() -> Self {
        Self::with(u64::MAX, BlockSet::default(), true)
    }

    fn with(end: u64, held: BlockSet, is_stream: bool) -> Self {
        let state = QueueState {
            next: 0,
            end,
            held,
            resend: BTreeSet::new(),
            out: HashMap::new(),
            lanes: HashMap::new(),
            settled: 0,
            excused: Instant::now(),
            is_paused: false,
            is_closed: false,
        };
        Self { is_stream, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The next block for `lane`. Waits while there is none, and while the lane has enough in flight. `None` once the queue
    /// is closed or paused.
    pub(crate) async fn take(&self, lane: u16) -> Option<Taken> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if state.is_closed || state.is_paused {
                    return None;
                }
                if let Some(taken) = state.next_for(lane, self.is_stream) {
                    return Some(taken);
                }
            }
            // The lane that the next block was left to may become slow, which wakes nobody.
            let _ = timeout(RECHECK, changed).await;
        }
    }

    /// Notes that the lane takes no further block, and only delivers those that it has.
    pub(crate) fn takes_no_more(&self, lane: u16) {
        if let Some(lane) = self.lock().lanes.get_mut(&lane) {
            lane.takes_no_more = true;
        }
        self.changed.notify_waiters();
    }

    /// Counts a block of a stream as in flight, now that `lane` has read it and its number is known.
    pub(crate) fn read_from_stream(&self, block: u64, lane: u16) {
        self.lock().on_sent(block, lane);
    }

    /// Notes that a block, or a piece of it, is being given to the network.
    pub(crate) fn on_leaving(&self, block: u64) {
        self.set_left(block, Some(Instant::now()));
    }

    /// Notes that the rest of a block waits on this side until the speed limit lets it leave.
    pub(crate) fn on_waiting(&self, block: u64) {
        self.set_left(block, None);
    }

    /// Notes that the receiver has stored the block, or that it need not be sent any more.
    pub(crate) fn settle(&self, block: u64) {
        let mut state = self.lock();
        state.settled += 1;
        let (at, settled) = (Instant::now(), state.settled);
        if let Some(out) = state.out.remove(&block)
            && let Some(lane) = state.lanes.get_mut(&out.lane)
        {
            lane.in_flight.on_stored(out.left.map(|left| at - left), at);
            lane.heard = Some(LastSign { at, settled });
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Forgets a lane that has ended, and hands out again what it had in flight; `None` means every lane.
    pub(crate) fn requeue(&self, lane: Option<u16>) {
        let mut state = self.lock();
        let is_lost = |over: u16| lane.is_none_or(|lane| lane == over);
        let lost: Vec<u64> =
            state.out.extract_if(|_, out| is_lost(out.lane)).map(|(block, _)| block).collect();
        state.lanes.retain(|over, _| !is_lost(*over));
        state.resend.extend(lost);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Excuses all silence until now, because it has a reason that is no lane's fault.
    pub(crate) fn excuse(&self) {
        self.lock().excused = Instant::now();
    }

    /// The lanes that have had a block in flight for `limit` and over which nothing has arrived in that time.
    pub(crate) fn silent(&self, limit: Duration) -> Vec<Silent> {
        let state = self.lock();
        let now = Instant::now();
        let is_long_ago = |at: Instant| now.duration_since(at) >= limit;
        if !is_long_ago(state.excused) {
            return Vec::new();
        }
        let mut lanes: Vec<u16> =
            state.out.values().filter(|out| out.left.is_some_and(is_long_ago)).map(|out| out.lane).collect();
        lanes.sort_unstable();
        lanes.dedup();
        let heard = |lane| state.lanes.get(&lane).and_then(|lane| lane.heard);
        let silent = lanes.into_iter().filter_map(|lane| match heard(lane) {
            Some(heard) if !is_long_ago(heard.at) => None,
            heard => Some(Silent { lane, others: state.settled - heard.map_or(0, |heard| heard.settled) }),
        });
        silent.collect()
    }

    /// Whether all blocks that are not stored yet are in flight over these lanes; `false` before a stream's end.
    pub(crate) fn waits_only_for(&self, lanes: &[u16]) -> bool {
        let state = self.lock();
        state.is_all_out() && state.out.values().all(|out| lanes.contains(&out.lane))
    }

    /// The lane on which the end of the transfer waits, if every block has been handed out and a lane without work could
    /// deliver a block more than `times` times in the time that this lane still needs.
    pub(crate) fn straggler(&self, times: u32) -> Option<u16> {
        let state = self.lock();
        let now = Instant::now();
        if !state.is_all_out() || now - state.excused < RESCUE {
            return None;
        }
        let is_free =
            |lane: &&LaneState| lane.heard.is_some() && !lane.takes_no_more && lane.in_flight.is_idle();
        let free = state.lanes.values().filter(is_free).map(|lane| lane.in_flight.secs_for_one_more(now));
        let free = free.min_by(f64::total_cmp)?;
        let has_left = |number: u16| {
            let left = state.out.values().filter(|out| out.lane == number).filter_map(|out| out.left);
            left.min().is_some_and(|left| now - left >= RESCUE)
        };
        let lanes = state.lanes.iter().filter(|(number, _)| has_left(**number));
        let (slowest, left) = lanes
            .map(|(number, lane)| (*number, lane.in_flight.all(now)))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        (left > free * f64::from(times) + RESCUE.as_secs_f64()).then_some(slowest)
    }

    /// The number of the first block that was never handed out. All blocks below it were, or are held.
    pub(crate) fn handed_out(&self) -> u64 {
        self.lock().next
    }

    /// Ends a stream: no new block is handed out any more. The blocks in flight stay so, because the receiver has yet to
    /// report that they are stored.
    pub(crate) fn end_stream(&self) {
        let mut state = self.lock();
        state.end = state.next;
    }

    /// Hands out these blocks once more.
    pub(crate) fn resend(&self, blocks: impl IntoIterator<Item = u64>) {
        self.lock().resend.extend(blocks);
        self.changed.notify_waiters();
    }

    /// Pauses the queue (`true`), so that it hands no lane a block and each lane ends, or lets lanes take blocks again
    /// (`false`).
    pub(crate) fn pause(&self, is_paused: bool) {
        self.lock().is_paused = is_paused;
        self.changed.notify_waiters();
    }

    /// Closes the queue for good: no lane gets a further block, so each lane ends.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_waiters();
    }

    fn set_left(&self, block: u64, left: Option<Instant>) {
        if let Some(out) = self.lock().out.get_mut(&block) {
            out.left = left;
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }
}

impl QueueState {
    fn next_for(&mut self, lane: u16, is_stream: bool) -> Option<Taken> {
        while self.held.contains(self.next) {
            self.next += 1;
        }
        let now = Instant::now();
        self.lanes.entry(lane).or_default();
        let again = self.first_to_resend(lane);
        if !self.may_have_more(lane, again, now) {
            return None;
        }
        if let Some(block) = again {
            self.resend.remove(&block);
            self.on_sent(block, lane);
            return Some(Taken { block, is_new: false });
        }
        let is_full = is_stream && self.out.len() >= MAX_STREAM_OUT;
        if self.next >= self.end || is_full {
            return None;
        }
        let block = self.next;
        self.next += 1;
        if !is_stream {
            self.on_sent(block, lane);
        }
        Some(Taken { block, is_new: true })
    }

    /// Whether every block is stored or in flight; `false` before a stream's end.
    fn is_all_out(&self) -> bool {
        self.resend.is_empty() && self.next >= self.end
    }

    /// The first block to be sent again that `lane` may take: one after all that it has in flight.
    fn first_to_resend(&self, lane: u16) -> Option<u64> {
        let first = *self.resend.first()?;
        let last = self.last_out(lane).unwrap_or(first);
        self.resend.range(last..).next().copied()
    }

    /// The last block that `lane` has in flight.
    fn last_out(&self, lane: u16) -> Option<u64> {
        self.out.iter().filter(|(_, out)| out.lane == lane).map(|(block, _)| *block).max()
    }

    /// Whether `lane` may take one more block, which is either `again` or a new one. It may not while it has enough in flight.
    /// Once fewer blocks wait than are in flight, it also may not if it would deliver the block only after all lanes together
    /// could have delivered everything, and another lane that may take the block would deliver it sooner.
    fn may_have_more(&self, lane: u16, again: Option<u64>, now: Instant) -> bool {
        let Some(in_flight) = self.lanes.get(&lane).map(|lane| &lane.in_flight) else { return false };
        let waiting = self.resend.len() as u64 + self.end.saturating_sub(self.next);
        let is_near_end = waiting <= self.out.len() as u64;
        if !in_flight.has_room(is_near_end, now) {
            return false;
        }
        if !is_near_end {
            return true;
        }
        let others = || {
            let others = self.lanes.iter().filter(|(number, other)| **number != lane && !other.takes_no_more);
            others.map(|(number, other)| (*number, &other.in_flight))
        };
        let blocks_per_sec: f64 = others().map(|(_, other)| other.blocks_per_sec(now)).sum();
        let all = (waiting + self.out.len() as u64) as f64 / (blocks_per_sec + in_flight.blocks_per_sec(now));
        let secs_for_one_more = in_flight.secs_for_one_more(now);
        let may_take =
            |number: u16| again.is_none_or(|block| self.last_out(number).is_none_or(|last| last < block));
        secs_for_one_more <= all
            || others()
                .all(|(number, other)| secs_for_one_more <= other.secs_for_one_more(now) || !may_take(number))
    }

    fn on_sent(&mut self, block: u64, lane: u16) {
        let now = Instant::now();
        let before = self.out.insert(block, InFlightBlock { lane, left: None });
        if let Some(before) = before.and_then(|before| self.lanes.get_mut(&before.lane)) {
            before.in_flight.on_lost(now);
        }
        self.lanes.entry(lane).or_default().in_flight.on_sent(now);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::time::advance;

    use super::*;

    fn queue(end: u64) -> Queue {
        Queue::new(end, BlockSet::default())
    }

    async fn take(queue: &Queue, lane: u16) -> Option<u64> {
        queue.take(lane).await.map(|taken| taken.block)
    }

    #[tokio::test]
    async fn blocks_come_in_order_then_again_then_the_end() {
        let queue = queue(2);
        assert_eq!(queue.take(0).await, Some(Taken { block: 0, is_new: true }));
        assert_eq!(take(&queue, 0).await, Some(1));
        assert_eq!(queue.handed_out(), 2);
        (0..2).for_each(|block| queue.settle(block));
        // Both a repeated block and the end wake a lane that waits already.
        let resend = tokio::join!(queue.take(0), async { queue.resend([0]) }).0;
        assert_eq!(resend, Some(Taken { block: 0, is_new: false }));
        assert_eq!(tokio::join!(take(&queue, 0), async { queue.close() }).0, None);
    }

    #[tokio::test]
    async fn blocks_of_a_lost_lane_go_out_again_except_those_that_were_stored() {
        let queue = queue(6);
        for lane in [0, 1, 0, 1, 0] {
            take(&queue, lane).await;
        }
        queue.settle(2);
        queue.requeue(Some(0));
        assert_eq!([take(&queue, 2).await, take(&queue, 2).await], [Some(0), Some(4)]);
        assert_eq!(queue.take(2).await, Some(Taken { block: 5, is_new: true }));
        queue.requeue(None);
        let mut all = Vec::new();
        for lane in [2, 3, 2, 3, 2] {
            all.extend(take(&queue, lane).await);
        }
        assert_eq!(all, [0, 1, 3, 4, 5]);
    }

    /// A receiver that needs blocks in order waits with the first block of each lane until its turn comes, so a block that is
    /// due and comes behind a later one would never be read.
    #[tokio::test]
    async fn no_block_goes_behind_a_later_one_over_the_same_lane() {
        let queue = queue(9);
        for lane in [0, 1, 2, 0, 1, 2] {
            take(&queue, lane).await;
        }
        // Lanes end one after the other, and the last one is left with blocks 2 and 5.
        queue.requeue(Some(1));
        queue.requeue(Some(0));
        assert_eq!(queue.take(2).await, Some(Taken { block: 6, is_new: true }));
        let mut again = Vec::new();
        for lane in [3, 4, 3, 4] {
            again.extend(take(&queue, lane).await);
        }
        assert_eq!(again, [0, 1, 3, 4]);
    }

    #[tokio::test]
    async fn what_the_receiver_has_already_is_left_out() {
        let mut held = BlockSet::default();
        held.extend([0, 1, 3]);
        let queue = Queue::new(5, held);
        assert_eq!([take(&queue, 0).await, take(&queue, 0).await], [Some(2), Some(4)]);
    }

    #[tokio::test]
    async fn a_pause_hands_out_no_block_and_loses_none() {
        let queue = queue(2);
        queue.pause(true);
        assert_eq!(take(&queue, 0).await, None);
        queue.pause(false);
        assert_eq!(take(&queue, 0).await, Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_is_silent_when_what_it_carries_does_not_arrive() {
        const LIMIT: Duration = Duration::from_secs(10);
        let queue = queue(9);
        for lane in [0, 1, 2] {
            take(&queue, lane).await;
        }
        queue.on_leaving(0);
        queue.on_leaving(1);
        advance(LIMIT / 2).await;
        queue.settle(1);
        for block in [3, 4] {
            take(&queue, 1).await;
            queue.on_leaving(block);
        }
        queue.settle(3);
        advance(LIMIT / 2).await;
        // Lane 2 has read its block and waits for its turn to send it.
        assert_eq!(queue.silent(LIMIT), [Silent { lane: 0, others: 2 }]);
        advance(LIMIT / 2).await;
        assert_eq!(queue.silent(LIMIT).len(), 2);
        queue.excuse();
        assert_eq!(queue.silent(LIMIT), []);
        queue.requeue(Some(0));
        advance(LIMIT).await;
        assert_eq!(queue.silent(LIMIT), [Silent { lane: 1, others: 0 }]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_that_leaves_in_pieces_is_silent_once_a_piece_does_not_get_away() {
        const LIMIT: Duration = Duration::from_secs(10);
        let queue = queue(1);
        take(&queue, 0).await;
        for _ in 0..3 {
            queue.on_leaving(0);
            advance(LIMIT / 2).await;
            queue.on_waiting(0);
            advance(LIMIT).await;
            assert_eq!(queue.silent(LIMIT), []);
        }
        queue.on_leaving(0);
        advance(LIMIT).await;
        assert_eq!(queue.silent(LIMIT), [Silent { lane: 0, others: 0 }]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_has_enough_in_flight_waits_until_something_has_arrived() {
        let queue = queue(1000);
        let mut taken = 0;
        while queue.lock().next_for(0, false).is_some() {
            taken += 1;
        }
        assert!((2..10).contains(&taken), "{taken}");
        assert_eq!(take(&queue, 1).await, Some(taken));
        queue.on_leaving(0);
        advance(Duration::from_secs(1)).await;
        let next =
            tokio::join!(take(&queue, 0), async { (0..taken).for_each(|block| queue.settle(block)) }).0;
        assert_eq!(next, Some(taken + 1));
    }

    /// A queue of which five blocks are left. Lane 0 delivers one block a second and has one in flight; lane 1 delivers ten
    /// a second and has two in flight.
    async fn near_the_end() -> Queue {
        let queue = queue(1000);
        let out = |lane| {
            let taken = queue.lock().next_for(lane, false).unwrap().block;
            queue.on_leaving(taken);
            taken
        };
        let mut on_lane_0: VecDeque<u64> = (0..1).map(|_| out(0)).collect();
        let mut on_lane_1: VecDeque<u64> = (0..2).map(|_| out(1)).collect();
        for tenth in 0..100 {
            advance(Duration::from_millis(100)).await;
            queue.settle(on_lane_1.pop_front().unwrap());
            on_lane_1.push_back(out(1));
            if tenth % 10 == 9 {
                queue.settle(on_lane_0.pop_front().unwrap());
                on_lane_0.push_back(out(0));
            }
        }
        let mut state = queue.lock();
        state.end = state.next + 2;
        drop(state);
        queue
    }

    /// Catches a transfer that stands at 99 % until its slowest lane delivers a block which others could have delivered
    /// long ago.
    #[tokio::test(start_paused = true)]
    async fn the_last_blocks_wait_for_the_lane_that_delivers_them_first() {
        let queue = near_the_end().await;
        assert_eq!(queue.lock().next_for(0, false), None);
        assert!(queue.lock().next_for(1, false).is_some());
        // A slow lane takes the block once the fast one takes no more.
        queue.takes_no_more(1);
        assert!(queue.lock().next_for(0, false).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_holds_up_the_end_is_told_from_one_that_is_about_to_deliver() {
        let queue = near_the_end().await;
        // Lane 1 takes all blocks that are left and delivers them; lane 0 has one block in flight.
        let on_lane_1 = || queue.lock().out.iter().find(|(_, out)| out.lane == 1).map(|(block, _)| *block);
        let next = || queue.lock().next_for(1, false);
        while let Some(block) = on_lane_1() {
            assert_eq!(queue.straggler(3), None, "no lane is without work");
            queue.settle(block);
            while let Some(taken) = next() {
                queue.on_leaving(taken.block);
            }
        }
        assert_eq!(queue.straggler(3), None, "lane 0 needs no longer than it always has");
        advance(Duration::from_secs(5)).await;
        assert_eq!((queue.straggler(3), queue.straggler(1000)), (Some(0), None));
        queue.excuse();
        assert_eq!(queue.straggler(3), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_was_fast_and_is_stuck_is_waited_for_no_longer() {
        let queue = near_the_end().await;
        let slow = queue.lock().out.iter().find(|(_, out)| out.lane == 0).map(|(block, _)| *block);
        queue.settle(slow.unwrap());
        let begun = Instant::now();
        assert!(take(&queue, 0).await.is_some());
        let waited = begun.elapsed();
        assert!((Duration::from_millis(300)..Duration::from_secs(2)).contains(&waited), "{waited:?}");
    }

    #[tokio::test]
    async fn all_that_is_left_may_be_in_flight_over_one_lane() {
        let queue = queue(3);
        for lane in [0, 1] {
            take(&queue, lane).await;
        }
        queue.settle(0);
        assert!(!queue.waits_only_for(&[1]), "the last block has not been handed out");
        take(&queue, 2).await;
        assert!(!queue.waits_only_for(&[1]) && queue.waits_only_for(&[1, 2]));
        queue.settle(2);
        assert!(queue.waits_only_for(&[1]));
        queue.requeue(Some(1));
        assert!(!queue.waits_only_for(&[1]), "any lane may take it");
    }

    #[tokio::test]
    async fn a_stream_that_has_ended_may_wait_for_one_lane_as_well() {
        let queue = Queue::stream();
        take(&queue, 0).await;
        queue.read_from_stream(0, 0);
        assert!(!queue.waits_only_for(&[0]), "more may come");
        queue.end_stream();
        assert!(queue.waits_only_for(&[0]));
    }

    #[tokio::test]
    async fn the_end_of_a_stream_takes_nothing_back() {
        let queue = Queue::stream();
        assert_eq!((take(&queue, 0).await, take(&queue, 0).await), (Some(0), Some(1)));
        queue.end_stream();
        assert_eq!(queue.handed_out(), 2);
        assert_eq!(tokio::join!(take(&queue, 0), async { queue.close() }).0, None);
    }

    #[tokio::test]
    async fn a_stream_runs_ahead_of_what_is_stored_only_up_to_a_limit() {
        let queue = Queue::stream();
        for block in 0..MAX_STREAM_OUT as u64 {
            let lane = block as u16 % 32;
            take(&queue, lane).await;
            queue.read_from_stream(block, lane);
        }
        let next = tokio::join!(take(&queue, 5), async { queue.settle(5) }).0;
        assert_eq!(next, Some(MAX_STREAM_OUT as u64));
    }
}
