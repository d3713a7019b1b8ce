//! Blocks in order: for receipts that go to standard output or into memory instead of a folder.
//!
//! Lanes bring blocks in any order. Each waits here for its turn, holding the one block that it has; since a sender hands
//! out blocks in order, the block that is due is always in some lane's hands, and memory stays at a block a lane.

use std::{
    io::Write,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::watch;

use super::tree_hash::FileHash;

/// See the module.
pub struct Ordered {
    next: watch::Sender<u64>,
    output: Mutex<Output>,
}

struct Output {
    writer: Box<dyn Write + Send>,
    hasher: blake3::Hasher,
}

impl Ordered {
    /// Writes to `writer`, from block 0 on.
    pub fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            next: watch::Sender::new(0),
            output: Mutex::new(Output { writer, hasher: blake3::Hasher::new() }),
        }
    }

    /// Waits until every block before `index` was written.
    pub async fn turn(&self, index: u64) {
        // The sender is `self.next`, which can't be dropped while `self` is borrowed.
        let _ = self.next.subscribe().wait_for(|next| *next >= index).await;
    }

    /// Writes block `index`, whose turn it is. Blocks on the writer.
    pub fn write(&self, index: u64, bytes: &[u8]) -> std::io::Result<()> {
        let mut output = self.lock();
        output.writer.write_all(bytes)?;
        output.hasher.update(bytes);
        drop(output);
        self.next.send_replace(index + 1);
        Ok(())
    }

    /// The hash of all that was written.
    pub fn hash(&self) -> FileHash {
        *self.lock().hasher.finalize().as_bytes()
    }

    /// Flushes the writer. Blocks on it.
    pub fn flush(&self) -> std::io::Result<()> {
        self.lock().writer.flush()
    }

    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().expect("no code panics while it holds this lock")
    }
}
