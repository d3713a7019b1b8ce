//! Blocks in order: for receives that go to standard output or into memory instead of a folder. What lies in a hole of the file is
//! written as zeros.
//!
//! Lanes bring blocks in any order. Each lane waits here for its turn, holding the one block that it has. Since a sender hands
//! out blocks in ascending order over each lane, the block that is due is never behind one that waits, and memory stays at one
//! block for each lane.

use std::{
    io::Write,
    sync::{Mutex, MutexGuard},
};

use tokio::sync::watch;

use crate::{sync::lock, transfer::plan::tree_hash::FileHash};

/// A writer that gets blocks in order, and the hash of what it got.
pub(crate) struct Ordered {
    next: watch::Sender<u64>,
    output: Mutex<OrderedState>,
}

struct OrderedState {
    writer: Box<dyn Write + Send>,
    /// How many bytes were written.
    written: u64,
    hasher: blake3::Hasher,
    is_closed: bool,
}

impl OrderedState {
    /// Writes zeros until `end` bytes are written.
    fn fill_to(&mut self, end: u64) -> std::io::Result<()> {
        const ZEROS: &[u8] = &[0; 64 * 1024];
        while self.written < end {
            let len = usize::try_from(end - self.written).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
            self.writer.write_all(&ZEROS[..len])?;
            self.written += len as u64;
        }
        Ok(())
    }
}

impl Ordered {
    /// Writes to `writer`, from block 0 on.
    pub(crate) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self {
            next: watch::Sender::new(0),
            output: Mutex::new(OrderedState {
                writer,
                written: 0,
                hasher: blake3::Hasher::new(),
                is_closed: false,
            }),
        }
    }

    /// Waits until every block before `index` has been written.
    pub(crate) async fn turn(&self, index: u64) {
        // The channel's sending end is `self.next`, which can't be dropped while `self` is borrowed.
        let _ = self.next.subscribe().wait_for(|next| *next >= index).await;
    }

    /// Whether every block before `index` has been written.
    #[cfg(feature = "croc")]
    pub(crate) fn is_turn(&self, index: u64) -> bool {
        *self.next.borrow() >= index
    }

    /// Writes block `index`, which belongs at `offset` and whose turn it must be; drops it after [`Ordered::close`]. Blocks on the
    /// writer.
    pub(crate) fn write(&self, index: u64, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let mut output = self.lock();
        if output.is_closed {
            return Ok(());
        }
        output.fill_to(offset)?;
        output.writer.write_all(bytes)?;
        output.written += bytes.len() as u64;
        output.hasher.update(bytes);
        drop(output);
        self.next.send_replace(index + 1);
        Ok(())
    }

    /// Declares the end: no more blocks are written. Returns the hash of those that were.
    pub(crate) fn close(&self) -> FileHash {
        let mut output = self.lock();
        output.is_closed = true;
        *output.hasher.finalize().as_bytes()
    }

    /// Writes the hole at the end of a file of `size` bytes, and flushes the writer. Blocks on it.
    pub(crate) fn flush(&self, size: u64) -> std::io::Result<()> {
        let mut output = self.lock();
        output.fill_to(size)?;
        output.writer.flush()
    }

    fn lock(&self) -> MutexGuard<'_, OrderedState> {
        lock(&self.output)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;
    use crate::transfer::plan::tree_hash::hash_whole;

    struct Wire(mpsc::Sender<Vec<u8>>);

    impl Write for Wire {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_block_waits_for_its_turn() {
        let (wire, written) = mpsc::channel();
        let ordered = Arc::new(Ordered::new(Box::new(Wire(wire))));
        let second = async {
            ordered.turn(1).await;
            ordered.write(1, 1, b"b").unwrap();
        };
        let first = async {
            ordered.turn(0).await;
            ordered.write(0, 0, b"a").unwrap();
        };
        tokio::join!(second, first);
        assert_eq!(written.try_iter().collect::<Vec<_>>(), [b"a", b"b"]);
    }

    /// Catches a sender that goes on after the end, with bytes that are no longer checked.
    #[test]
    fn what_comes_after_the_end_is_not_written() {
        let (wire, written) = mpsc::channel();
        let ordered = Ordered::new(Box::new(Wire(wire)));
        ordered.write(0, 0, b"good").unwrap();
        assert_eq!(ordered.close(), hash_whole(b"good"));
        ordered.write(1, 4, b"evil").unwrap();
        assert_eq!(written.try_iter().collect::<Vec<_>>(), [b"good"]);
    }

    #[test]
    fn a_hole_is_written_as_zeros() {
        let (wire, written) = mpsc::channel();
        let ordered = Ordered::new(Box::new(Wire(wire)));
        ordered.write(0, 70_000, b"data").unwrap();
        assert_eq!(ordered.close(), hash_whole(b"data"));
        ordered.flush(140_000).unwrap();
        let mut whole = vec![0; 140_000];
        whole[70_000..70_004].copy_from_slice(b"data");
        assert_eq!(written.try_iter().flatten().collect::<Vec<_>>(), whole);
    }
}
