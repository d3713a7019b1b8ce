//! The sender's blocks, handed out in order to whichever lane is free, and which lane has each of those that the receiver
//! has not stored yet: when a lane is over, they go out again over another. Which lanes have fallen silent follows from
//! that as well, and how much one may have on its way: a relay and the systems along the way take in far more than a slow
//! lane gets rid of, and what stands in a queue there can't go out over a faster one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::blocks::BlockSet;

/// See the module.
#[derive(Debug)]
pub struct Queue {
    is_stream: bool,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    next: u64,
    end: u64,
    /// Blocks that the receiver has from an earlier transfer.
    held: BlockSet,
    again: VecDeque<u64>,
    /// Blocks that are on their way.
    out: HashMap<u64, Out>,
    lanes: HashMap<u16, LaneState>,
    /// How many blocks it has had since the start.
    settled: u64,
    /// Until when nothing counts as silence.
    excused: Instant,
    is_paused: bool,
    is_closed: bool,
}

/// A block that is on its way.
#[derive(Debug, Clone, Copy)]
struct Out {
    lane: u16,
    /// When it was given to the network.
    left: Option<Instant>,
}

#[derive(Debug, Default)]
struct LaneState {
    /// How many blocks are on their way over it.
    out: usize,
    /// When the receiver had those that it had of late.
    stored: VecDeque<Instant>,
    heard: Option<Heard>,
}

/// The last sign of life of a lane.
#[derive(Debug, Clone, Copy)]
struct Heard {
    at: Instant,
    /// How many blocks the receiver had had then, over all lanes.
    settled: u64,
}

/// A lane over which something is on its way, and nothing has arrived for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent {
    /// Which.
    pub lane: u16,
    /// Blocks that arrived over the other lanes since.
    pub others: u64,
}

/// A block to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Which.
    pub block: u64,
    /// Whether it is handed out for the first time.
    pub is_new: bool,
}

/// Blocks of a stream that may be on their way: they are kept in memory, because they can't be read again.
const MAX_STREAM_OUT: usize = 64;
/// Blocks that any lane may have on its way.
const LEAST_OUT: usize = 2;
/// The same at its start, when nothing is known of it.
const FIRST_OUT: usize = 4;
/// Beyond that, a lane may have twice as much on its way as arrived over it in so long: more than the longest way holds, and
/// enough to become faster and faster until the network is full.
const OF_LATE: Duration = Duration::from_secs(1);

impl Queue {
    /// Blocks 0 to `end`, exclusive, but for those that are held already.
    pub fn new(end: u64, held: BlockSet) -> Self {
        Self::with(end, held, false)
    }

    /// Blocks without end, whose numbers are known only when they have been read.
    pub fn stream() -> Self {
        Self::with(u64::MAX, BlockSet::default(), true)
    }

    fn with(end: u64, held: BlockSet, is_stream: bool) -> Self {
        let state = State {
            next: 0,
            end,
            held,
            again: VecDeque::new(),
            out: HashMap::new(),
            lanes: HashMap::new(),
            settled: 0,
            excused: Instant::now(),
            is_paused: false,
            is_closed: false,
        };
        Self { is_stream, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The next block for `lane`; waits while there is none, or while enough is on its way over it. `None` once the queue is
    /// closed or paused.
    pub async fn take(&self, lane: u16) -> Option<Taken> {
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
            changed.await;
        }
    }

    /// A stream's block has been read by `lane` and is about to go.
    pub fn read_from_stream(&self, block: u64, lane: u16) {
        self.lock().goes_out(block, lane);
    }

    /// A block, or a piece of it, is given to the network.
    pub fn leaves(&self, block: u64) {
        self.set_left(block, Some(Instant::now()));
    }

    /// The rest of a block waits on this side until it may leave.
    pub fn waits(&self, block: u64) {
        self.set_left(block, None);
    }

    /// The receiver has the block, or it need not be sent any more.
    pub fn settle(&self, block: u64) {
        let mut state = self.lock();
        state.settled += 1;
        let (at, settled) = (Instant::now(), state.settled);
        let out = state.out.remove(&block);
        if let Some(lane) = out.and_then(|out| state.lanes.get_mut(&out.lane)) {
            lane.out -= 1;
            lane.stored.push_back(at);
            lane.heard = Some(Heard { at, settled });
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// What was on its way over a lane that is over goes out again; `None` means every lane.
    pub fn requeue(&self, lane: Option<u16>) {
        let mut state = self.lock();
        let mut lost: Vec<u64> = state
            .out
            .iter()
            .filter(|(_, out)| lane.is_none_or(|lane| lane == out.lane))
            .map(|(block, _)| *block)
            .collect();
        lost.sort_unstable();
        state.out.retain(|block, _| lost.binary_search(block).is_err());
        state.lanes.retain(|over, _| lane.is_some_and(|lane| lane != *over));
        for block in lost.into_iter().rev() {
            state.again.push_front(block);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Silence until now has a reason that is no lane's fault.
    pub fn excuse(&self) {
        self.lock().excused = Instant::now();
    }

    /// Lanes over which a block has been on its way for `limit`, and nothing has arrived for as long.
    pub fn silent(&self, limit: Duration) -> Vec<Silent> {
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

    /// Whether nothing is left to be done but what is on its way over these lanes.
    pub fn waits_only_for(&self, lanes: &[u16]) -> bool {
        let state = self.lock();
        let is_all_out = !self.is_stream && state.again.is_empty() && state.next >= state.end;
        is_all_out && state.out.values().all(|out| lanes.contains(&out.lane))
    }

    /// Blocks below this have been handed out at least once.
    pub fn handed_out(&self) -> u64 {
        self.lock().next
    }

    /// Ends a stream: nothing new is handed out any more. What was handed out before stays so, because the receiver has
    /// yet to say that it is stored.
    pub fn end_stream(&self) {
        let mut state = self.lock();
        state.end = state.next;
    }

    /// Hands out blocks once more.
    pub fn again(&self, blocks: impl IntoIterator<Item = u64>) {
        self.lock().again.extend(blocks);
        self.changed.notify_waiters();
    }

    /// Sends every lane home for now, or lets them take blocks again.
    pub fn pause(&self, is_paused: bool) {
        self.lock().is_paused = is_paused;
        self.changed.notify_waiters();
    }

    /// Sends every lane home.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_waiters();
    }

    fn set_left(&self, block: u64, left: Option<Instant>) {
        if let Some(out) = self.lock().out.get_mut(&block) {
            out.left = left;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds this lock")
    }
}

impl State {
    fn next_for(&mut self, lane: u16, is_stream: bool) -> Option<Taken> {
        if !self.lanes.entry(lane).or_default().may_have_more() {
            return None;
        }
        if let Some(block) = self.again.pop_front() {
            self.goes_out(block, lane);
            return Some(Taken { block, is_new: false });
        }
        while self.held.contains(self.next) {
            self.next += 1;
        }
        let is_full = is_stream && self.out.len() >= MAX_STREAM_OUT;
        if self.next >= self.end || is_full {
            return None;
        }
        let block = self.next;
        self.next += 1;
        if !is_stream {
            self.goes_out(block, lane);
        }
        Some(Taken { block, is_new: true })
    }

    fn goes_out(&mut self, block: u64, lane: u16) {
        let before = self.out.insert(block, Out { lane, left: None });
        if let Some(before) = before.and_then(|before| self.lanes.get_mut(&before.lane)) {
            before.out -= 1;
        }
        self.lanes.entry(lane).or_default().out += 1;
    }
}

impl LaneState {
    fn may_have_more(&mut self) -> bool {
        while self.stored.front().is_some_and(|at| at.elapsed() > OF_LATE) {
            self.stored.pop_front();
        }
        let least = if self.heard.is_some() { LEAST_OUT } else { FIRST_OUT };
        self.out < least.max(2 * self.stored.len())
    }
}

#[cfg(test)]
mod tests {
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
        // A lane that waits already is woken by either.
        let again = tokio::join!(queue.take(0), async { queue.again([0]) }).0;
        assert_eq!(again, Some(Taken { block: 0, is_new: false }));
        assert_eq!(tokio::join!(take(&queue, 0), async { queue.close() }).0, None);
    }

    #[tokio::test]
    async fn what_a_lost_lane_had_goes_out_again_but_for_what_was_stored() {
        let queue = queue(6);
        for lane in [0, 1, 0, 1, 0] {
            take(&queue, lane).await;
        }
        queue.settle(2);
        queue.requeue(Some(0));
        assert_eq!([take(&queue, 1).await, take(&queue, 1).await], [Some(0), Some(4)]);
        assert_eq!(queue.take(2).await, Some(Taken { block: 5, is_new: true }));
        queue.requeue(None);
        let mut all = Vec::new();
        for lane in [2, 3, 2, 3, 2] {
            all.extend(take(&queue, lane).await);
        }
        assert_eq!(all, [0, 1, 3, 4, 5]);
    }

    #[tokio::test]
    async fn what_the_receiver_has_already_is_left_out() {
        let mut held = BlockSet::default();
        held.extend([0, 1, 3]);
        let queue = Queue::new(5, held);
        assert_eq!([take(&queue, 0).await, take(&queue, 0).await], [Some(2), Some(4)]);
    }

    #[tokio::test]
    async fn a_pause_sends_lanes_home_and_takes_nothing_away() {
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
        queue.leaves(0);
        queue.leaves(1);
        advance(LIMIT / 2).await;
        queue.settle(1);
        for block in [3, 4] {
            take(&queue, 1).await;
            queue.leaves(block);
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
            queue.leaves(0);
            advance(LIMIT / 2).await;
            queue.waits(0);
            advance(LIMIT).await;
            assert_eq!(queue.silent(LIMIT), []);
        }
        queue.leaves(0);
        advance(LIMIT).await;
        assert_eq!(queue.silent(LIMIT), [Silent { lane: 0, others: 0 }]);
    }

    /// Catches a lane that fills a relay's buffers with what others could have brought long ago.
    #[tokio::test(start_paused = true)]
    async fn a_lane_has_no_more_on_its_way_than_it_soon_gets_rid_of() {
        let queue = queue(1000);
        let mut taken = 0;
        let mut take_all = |lane| {
            let mut state = queue.lock();
            let blocks = std::iter::from_fn(|| state.next_for(lane, false)).count();
            taken += blocks;
            blocks
        };
        assert_eq!(take_all(0), FIRST_OUT);
        // As much again for each that arrives, and as much more: it is not known yet what the lane can carry.
        advance(OF_LATE / 10).await;
        (0..4).for_each(|block| queue.settle(block));
        assert_eq!(take_all(0), 8);
        advance(OF_LATE / 10).await;
        (4..12).for_each(|block| queue.settle(block));
        assert_eq!(take_all(0), 24);
        // A slow one.
        advance(2 * OF_LATE).await;
        queue.settle(12);
        assert_eq!(take_all(0), 0);
        (13..36).for_each(|block| queue.settle(block));
        advance(2 * OF_LATE).await;
        assert_eq!(take_all(0), LEAST_OUT);
        assert_eq!(take_all(1), FIRST_OUT);
        assert_eq!(queue.handed_out(), taken as u64);
        // It waits in front of a queue that has more, until something has arrived.
        queue.settle(36);
        assert_eq!(take(&queue, 0).await, Some(taken as u64));
        let next = tokio::join!(take(&queue, 0), async { queue.settle(37) }).0;
        assert_eq!(next, Some(taken as u64 + 1));
    }

    #[tokio::test]
    async fn what_is_left_may_all_be_on_its_way_over_one_lane() {
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
        assert!(!queue.waits_only_for(&[1]), "anybody may take it");
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
    async fn a_stream_runs_only_so_far_ahead_of_what_is_stored() {
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
