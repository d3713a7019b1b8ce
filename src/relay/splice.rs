//! A pipe in the kernel that bytes pass through from one socket to another without being copied to this process.
//! Linux only; elsewhere no pipe can be opened and `copy` uses a buffer.

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

    /// Asked for each pipe.
    const WANTED_BYTES: usize = 256 * 1024;
    /// What a pipe must hold to be worth its system calls. A user over the system's allowance for pipes gets tiny
    /// ones (`/proc/sys/fs/pipe-user-pages-soft`).
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
        /// Opens a pipe, or none where that would not pay.
        pub(in crate::relay) fn open(allowance: &Arc<Semaphore>) -> Option<Self> {
            let permit = Arc::clone(allowance).try_acquire_owned().ok()?;
            let (read_end, write_end) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            // Refused to a user over the system's allowance; the size that it has then decides.
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

        /// Moves at most `limit` bytes from the socket into the empty pipe. 0 is the stream's end.
        pub(in crate::relay) fn fill(&mut self, from: &TcpStream, limit: usize) -> io::Result<usize> {
            let wanted = self.capacity.min(limit);
            let moved = from.try_io(Interest::READABLE, || {
                Ok(splice(from, None, &self.write_end, None, wanted, flags())?)
            })?;
            self.held = moved;
            Ok(moved)
        }

        /// Moves what the pipe holds on to the socket, as far as that takes it.
        pub(in crate::relay) fn empty(&mut self, to: &TcpStream) -> io::Result<usize> {
            let moved = to.try_io(Interest::WRITABLE, || {
                Ok(splice(&self.read_end, None, to, None, self.held, flags())?)
            })?;
            self.held = self.held.saturating_sub(moved);
            Ok(moved)
        }

        /// Bytes in the pipe.
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

    /// Never exists.
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
