//! Pipes in the kernel, through which bytes pass from one socket to another without being copied to this process. Only Linux
//! has them; on other systems no pipe can be opened, and `copy` uses a buffer.
//!
//! All connections share the pipes: one is lent for as long as it holds bytes that the receiving socket doesn't take.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use crate::sync::lock_shared;

/// How many empty pipes are kept for the next connections that need one. They take two open files each and no memory.
const KEPT_PIPES: usize = 64;

/// The pipes of a relay.
pub(super) struct Pipes {
    kept: Mutex<Vec<Pipe>>,
    /// Limits the pipes that are open at once, so that copying can't use up the open files of the process.
    allowance: Arc<Semaphore>,
}

impl Pipes {
    /// At most this many pipes will be open at once.
    pub(super) fn new(most: usize) -> Self {
        Self { kept: Mutex::default(), allowance: Arc::new(Semaphore::new(most)) }
    }

    /// An empty pipe; `None` if as many are open as may be, or if the system gives none of a useful size.
    pub(super) fn take(&self) -> Option<Pipe> {
        let kept = lock_shared(&self.kept).pop();
        kept.or_else(|| Pipe::open(&self.allowance))
    }

    /// Takes back a pipe. One that holds bytes is closed.
    pub(super) fn give_back(&self, pipe: Pipe) {
        let mut kept = lock_shared(&self.kept);
        if pipe.held() == 0 && kept.len() < KEPT_PIPES {
            kept.push(pipe);
        }
    }

    /// How many pipes are lent.
    #[cfg(test)]
    pub(super) fn lent(&self, most: usize) -> usize {
        most - self.allowance.available_permits() - lock_shared(&self.kept).len()
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Pipe;

#[cfg(target_os = "linux")]
mod linux {
    use std::{io, os::fd::OwnedFd, sync::Arc};

    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};
    use tokio::{
        io::Interest,
        net::TcpStream,
        sync::{OwnedSemaphorePermit, Semaphore},
    };

    /// The size of a pipe in bytes that the system is asked for: a block of most transfers.
    const WANTED_BYTES: usize = 256 * 1024;
    /// The size in bytes that a pipe must have to be worth its system calls. A user over the system's allowance for pipes gets
    /// tiny ones (`/proc/sys/fs/pipe-user-pages-soft`).
    const USEFUL_BYTES: usize = 64 * 1024;

    /// An open pipe and what is in it.
    pub(in crate::relay) struct Pipe {
        read_end: OwnedFd,
        write_end: OwnedFd,
        capacity: usize,
        held: usize,
        _permit: OwnedSemaphorePermit,
    }

    impl Pipe {
        /// Opens a pipe, unless the allowance is used up or the pipe would be too small.
        pub(in crate::relay) fn open(allowance: &Arc<Semaphore>) -> Option<Self> {
            let permit = Arc::clone(allowance).try_acquire_owned().ok()?;
            let (read_end, write_end) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            // The system refuses this to a user over its allowance. The size that the pipe has then decides.
            let _ = fcntl_setpipe_size(&write_end, WANTED_BYTES);
            let capacity = fcntl_getpipe_size(&write_end).ok()?;
            (capacity >= USEFUL_BYTES).then_some(Self {
                read_end,
                write_end,
                capacity,
                held: 0,
                _permit: permit,
            })
        }

        /// Moves at most `limit` bytes from the socket into the empty pipe. 0 means that the stream has ended.
        pub(in crate::relay) fn fill(&mut self, from: &TcpStream, limit: usize) -> io::Result<usize> {
            let wanted = self.capacity.min(limit);
            let moved = from.try_io(Interest::READABLE, || {
                Ok(splice(from, None, &self.write_end, None, wanted, flags())?)
            })?;
            self.held = moved;
            Ok(moved)
        }

        /// Moves what the pipe holds on to the socket, as much as the socket takes.
        pub(in crate::relay) fn empty(&mut self, to: &TcpStream) -> io::Result<usize> {
            let moved = to.try_io(Interest::WRITABLE, || {
                Ok(splice(&self.read_end, None, to, None, self.held, flags())?)
            })?;
            self.held = self.held.saturating_sub(moved);
            Ok(moved)
        }

        /// How many bytes the pipe holds.
        pub(in crate::relay) fn held(&self) -> usize {
            self.held
        }
    }

    fn flags() -> SpliceFlags {
        SpliceFlags::MOVE | SpliceFlags::NONBLOCK
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::{io, sync::Arc};

    use tokio::{net::TcpStream, sync::Semaphore};

    /// A pipe that can't exist on this system.
    pub(in crate::relay) enum Pipe {}

    impl Pipe {
        pub(in crate::relay) fn open(_allowance: &Arc<Semaphore>) -> Option<Self> {
            None
        }

        pub(in crate::relay) fn fill(&mut self, _from: &TcpStream, _limit: usize) -> io::Result<usize> {
            match *self {}
        }

        pub(in crate::relay) fn empty(&mut self, _to: &TcpStream) -> io::Result<usize> {
            match *self {}
        }

        pub(in crate::relay) fn held(&self) -> usize {
            match *self {}
        }
    }
}
