//! Who writes into which file at the moment.
//!
//! Systems let one thread at a time write into a file: while bytes are copied, a second thread waits in the kernel and keeps a core
//! busy. So threads wait for their turn here, where they sleep. Copying a block takes a tenth of a millisecond. A write that takes much
//! longer waits for a slow disk, where several writes at once are faster than one after the other, so the next threads go ahead.

use std::{
    sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use crate::sync::{POISONED, lock, lock_shared};

/// How long a thread waits for the one before it.
const PATIENCE: Duration = Duration::from_millis(5);
/// How many files have turns of their own. Others share one, which costs them nothing but patience.
const QUEUES: usize = 16;

/// The writers of one transfer.
#[derive(Default)]
pub(crate) struct WriteTurns {
    queues: [FileQueue; QUEUES],
    /// Locked for reading while a block is written, and for writing while the length of a file is changed.
    lengths: RwLock<()>,
}

#[derive(Default)]
struct FileQueue {
    writers: Mutex<usize>,
    left: Condvar,
}

/// A thread's turn to write, until it is dropped.
pub(crate) struct WriteTurn<'a> {
    queue: &'a FileQueue,
    _length: RwLockReadGuard<'a, ()>,
}

impl WriteTurns {
    /// Waits for the turn to write into the file of `entry`, but not for longer than a fast disk needs.
    pub(crate) fn take(&self, entry: u32) -> WriteTurn<'_> {
        let length = self.lengths.read().expect(POISONED);
        let queue = &self.queues[entry as usize % QUEUES];
        let writers = lock(&queue.writers);
        let waited = queue.left.wait_timeout_while(writers, PATIENCE, |writers| *writers > 0);
        *waited.expect(POISONED).0 += 1;
        WriteTurn { queue, _length: length }
    }

    /// Waits until nobody writes, and keeps all others from it: for what depends on a file's length.
    pub(crate) fn take_all(&self) -> RwLockWriteGuard<'_, ()> {
        self.lengths.write().expect(POISONED)
    }
}

impl Drop for WriteTurn<'_> {
    fn drop(&mut self) {
        *lock_shared(&self.queue.writers) -= 1;
        self.queue.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
    };

    use super::*;

    /// Takes a turn in a thread of its own, which reports that and keeps the turn until it is told.
    fn writer(turns: &Arc<WriteTurns>, entry: u32) -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (turns, (tell, told), (end, ended)) = (Arc::clone(turns), mpsc::channel(), mpsc::channel());
        thread::spawn(move || {
            let _turn = turns.take(entry);
            let _ = tell.send(());
            let _ = ended.recv();
        });
        (told, end)
    }

    #[test]
    fn files_are_written_side_by_side_and_a_slow_writer_is_not_waited_for() {
        let turns = Arc::default();
        let (first, _keeps) = writer(&turns, 0);
        first.recv().unwrap();
        // While the first one still writes: another file, and the same one.
        for entry in [1, 0] {
            let (next, _keeps) = writer(&turns, entry);
            next.recv().unwrap();
        }
    }

    #[test]
    fn who_changes_a_length_is_alone() {
        let turns = Arc::<WriteTurns>::default();
        let alone = turns.take_all();
        let (written, _keeps) = writer(&turns, 0);
        assert!(written.try_recv().is_err());
        drop(alone);
        written.recv().unwrap();
    }
}
