//! A limit on bytes a second, shared by all lanes of a transfer. A lane's record goes in pieces of a few milliseconds,
//! because at a low rate a whole record may take seconds. The lane that asked first is served first, until its whole record
//! is sent.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::sync::lock;

/// The most that goes at once, as the time that it takes at the limit: short against a second, so that no second has much
/// more than its share, and long enough for the system's timers.
const PIECE: Duration = Duration::from_millis(10);
/// The most unused time that may be made up for later, so that a late timer costs no speed. More is not saved up, so that
/// no burst follows a pause. Any second can exceed the limit by this and one [`PIECE`], which is 3 %.
const CREDIT: Duration = Duration::from_millis(20);

/// A limit on the speed of a transfer, or none. It can be changed while turns wait.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// Bytes a second; 0 for no limit.
    rate: AtomicU64,
    queue: Mutex<TurnQueue>,
    /// Wakes the waiting turns when one has left the queue, or the limit has changed.
    moved_up: Notify,
}

#[derive(Debug)]
struct TurnQueue {
    /// The time until which the limit is used up by what was sent.
    used_until: Instant,
    next_turn: u64,
    /// The numbers of the turns that wait. The lowest one goes first.
    waiting: BTreeSet<u64>,
}

/// A place in the order in which records are sent, held for one record.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    throttle: &'a Throttle,
    number: u64,
}

impl Throttle {
    /// A limit in bytes a second. `None` means no limit, and zero counts as one byte a second.
    pub(crate) fn new(bytes_per_sec: Option<u64>) -> Self {
        let queue = TurnQueue { used_until: Instant::now(), next_turn: 0, waiting: BTreeSet::new() };
        Self {
            rate: AtomicU64::new(rate_of(bytes_per_sec)),
            queue: Mutex::new(queue),
            moved_up: Notify::new(),
        }
    }

    /// Replaces the limit, also for the turns that wait.
    pub(crate) fn limit(&self, bytes_per_sec: Option<u64>) {
        self.rate.store(rate_of(bytes_per_sec), Ordering::Relaxed);
        self.moved_up.notify_waiters();
    }

    /// The limit in bytes a second, if there is one.
    pub(crate) fn bytes_per_sec(&self) -> Option<u64> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }

    /// A turn after all that were given out before; `None` if there is no limit.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        self.bytes_per_sec()?;
        let mut queue = self.lock();
        let number = queue.next_turn;
        queue.next_turn += 1;
        Some(Turn { throttle: self, number })
    }

    fn lock(&self) -> MutexGuard<'_, TurnQueue> {
        lock(&self.queue)
    }
}

/// A limit as a number of which 0 stands for none.
fn rate_of(bytes_per_sec: Option<u64>) -> u64 {
    bytes_per_sec.map_or(0, |rate| rate.max(1))
}

impl Turn<'_> {
    /// Waits until some of `wanted` bytes may be sent, and returns how many: at least one, and all of them if the limit is
    /// gone. Later turns go first only while this one isn't waiting here.
    pub(crate) async fn take(&self, wanted: usize) -> usize {
        let Self { throttle, number } = *self;
        let _waiting = QueuedTurn::enter(self);
        loop {
            let moved_up = throttle.moved_up.notified();
            let Some(rate) = throttle.bytes_per_sec() else { return wanted.max(1) };
            let rate = rate as f64;
            let bytes = ((rate * PIECE.as_secs_f64()) as usize).clamp(1, wanted.max(1));
            let time = Duration::from_secs_f64(bytes as f64 / rate);
            let due = {
                let mut queue = throttle.lock();
                let (now, due) = (Instant::now(), queue.used_until + time);
                let is_first = queue.waiting.first() == Some(&number);
                if is_first && due <= now {
                    queue.used_until = now.checked_sub(CREDIT).map_or(due, |unused| due.max(unused));
                    return bytes;
                }
                is_first.then_some(due)
            };
            match due {
                // The limit may change before that.
                Some(due) => {
                    let _ = timeout_at(due, moved_up).await;
                }
                None => moved_up.await,
            }
        }
    }
}

/// A turn that waits in the queue, until this is dropped.
struct QueuedTurn<'a>(&'a Turn<'a>);

impl<'a> QueuedTurn<'a> {
    fn enter(turn: &'a Turn<'a>) -> Self {
        turn.throttle.lock().waiting.insert(turn.number);
        Self(turn)
    }
}

impl Drop for QueuedTurn<'_> {
    fn drop(&mut self) {
        let Turn { throttle, number } = self.0;
        throttle.lock().waiting.remove(number);
        throttle.moved_up.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        task::JoinSet,
        time::{advance, sleep},
    };

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Lets `lanes` send record after record for five seconds, each of them taking `slowness` to send a piece. Returns when
    /// each piece went, and its size.
    async fn run(rate: u64, lanes: u64, record: usize, slowness: Duration) -> Vec<(Duration, usize)> {
        let throttle = Arc::new(Throttle::new(Some(rate)));
        let gone = Arc::new(Mutex::new(Vec::new()));
        let (start, mut tasks) = (Instant::now(), JoinSet::new());
        for _ in 0..lanes {
            let (throttle, gone) = (Arc::clone(&throttle), Arc::clone(&gone));
            tasks.spawn(async move {
                loop {
                    let (turn, mut left) = (throttle.turn().unwrap(), record);
                    while left > 0 {
                        let bytes = turn.take(left).await;
                        gone.lock().unwrap().push((start.elapsed(), bytes));
                        sleep(slowness).await;
                        left -= bytes;
                    }
                }
            });
        }
        sleep(5 * SECOND).await;
        tasks.shutdown().await;
        std::mem::take(&mut *gone.lock().unwrap())
    }

    fn sum_between(gone: &[(Duration, usize)], from: Duration, to: Duration) -> f64 {
        gone.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, bytes)| *bytes as f64).sum()
    }

    #[tokio::test(start_paused = true)]
    async fn every_second_has_the_bytes_of_a_second_to_three_percent() {
        const RECORD: usize = 256 * 1024;
        for rate in [4_000, 50_000, 1_000_000, 20_000_000] {
            for (lanes, slowness) in [(1, 0), (1, 5), (8, 0), (8, 5)] {
                let gone = run(rate, lanes, RECORD, Duration::from_millis(slowness)).await;
                for start in (0..4000).step_by(50).map(Duration::from_millis) {
                    let part = sum_between(&gone, start, start + SECOND) / rate as f64;
                    assert!(
                        (0.97..=1.03).contains(&part),
                        "{rate} B/s, {lanes} lanes, {slowness} ms: {part}"
                    );
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_passed_unused_is_not_saved_up() {
        let throttle = Throttle::new(Some(1000));
        let turn = throttle.turn().unwrap();
        for pause in [10 * SECOND, 3 * SECOND] {
            advance(pause).await;
            let start = Instant::now();
            let mut bytes = 0;
            loop {
                let more = turn.take(1000).await;
                if start.elapsed() >= SECOND {
                    break;
                }
                bytes += more;
            }
            assert!((1000..=1030).contains(&bytes), "{bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_was_begun_is_ended_before_the_next() {
        let throttle = Throttle::new(Some(1000));
        let turns = [throttle.turn().unwrap(), throttle.turn().unwrap()];
        let order = Mutex::new(Vec::new());
        let send = async |at: usize| {
            for _ in 0..3 {
                turns[at].take(20).await;
                order.lock().unwrap().push(at);
            }
        };
        tokio::join!(send(1), send(0));
        assert_eq!(order.into_inner().unwrap(), [0, 0, 0, 1, 1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_no_longer_waits_holds_up_no_other() {
        let throttle = Throttle::new(Some(1));
        let [first, second] = [throttle.turn().unwrap(), throttle.turn().unwrap()];
        assert!(tokio::time::timeout(SECOND / 2, first.take(5)).await.is_err());
        assert_eq!(second.take(5).await, 1);
        // Neither does a turn that asks for nothing because the network takes nothing from its lane.
        assert_eq!(second.take(5).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn another_limit_holds_at_once_also_for_a_turn_that_waits() {
        let throttle = Throttle::new(Some(1));
        let turn = throttle.turn().unwrap();
        turn.take(5).await;
        let start = Instant::now();
        let (bytes, ()) = tokio::join!(turn.take(500), async { throttle.limit(Some(1_000)) });
        assert_eq!(bytes, 10);
        assert!(start.elapsed() < SECOND / 10, "{:?}", start.elapsed());
        throttle.limit(None);
        assert_eq!(turn.take(500).await, 500);
        assert!(throttle.turn().is_none());
        throttle.limit(Some(1_000));
        assert_eq!(throttle.turn().unwrap().take(500).await, 10);
    }

    #[test]
    fn without_a_limit_no_lane_waits() {
        assert!(Throttle::new(None).turn().is_none());
    }
}
