//! The sender's blocks, handed out in order to whichever lane is free.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::Notify;

/// See the module.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    next: u64,
    end: u64,
    again: VecDeque<u64>,
    is_closed: bool,
}

impl Queue {
    /// Blocks 0 to `end`, exclusive.
    pub fn new(end: u64) -> Self {
        let state = State { next: 0, end, again: VecDeque::new(), is_closed: false };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// The next block; waits while there is none. `None` once the queue is closed.
    pub async fn take(&self) -> Option<u64> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if state.is_closed {
                    return None;
                }
                if let Some(block) = state.again.pop_front() {
                    return Some(block);
                }
                if state.next < state.end {
                    state.next += 1;
                    return Some(state.next - 1);
                }
            }
            changed.await;
        }
    }

    /// Blocks below this have been handed out at least once.
    pub fn handed_out(&self) -> u64 {
        self.lock().next
    }

    /// Ends a stream: nothing is handed out any more. What was handed out before stays so, because the receiver has yet
    /// to say that it is stored.
    pub fn end_stream(&self) {
        let mut state = self.lock();
        state.end = state.next;
    }

    /// Hands out blocks once more.
    pub fn again(&self, blocks: impl IntoIterator<Item = u64>) {
        self.lock().again.extend(blocks);
        self.changed.notify_waiters();
    }

    /// Sends every lane home.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blocks_come_in_order_then_again_then_the_end() {
        let queue = Queue::new(2);
        assert_eq!(queue.take().await, Some(0));
        assert_eq!(queue.take().await, Some(1));
        assert_eq!(queue.handed_out(), 2);
        // A lane that waits already is woken by either.
        assert_eq!(tokio::join!(queue.take(), async { queue.again([0]) }).0, Some(0));
        assert_eq!(tokio::join!(queue.take(), async { queue.close() }).0, None);
    }

    #[tokio::test]
    async fn the_end_of_a_stream_takes_nothing_back() {
        let queue = Queue::new(u64::MAX);
        assert_eq!((queue.take().await, queue.take().await), (Some(0), Some(1)));
        queue.end_stream();
        assert_eq!(queue.handed_out(), 2);
        assert_eq!(tokio::join!(queue.take(), async { queue.close() }).0, None);
    }
}
