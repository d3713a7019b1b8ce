//! Gathers what is dragged from the program that it comes from, which may be slow, hang, or never end.

use std::{
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::Timespec,
    pipe::{PipeFlags, pipe_with},
};

/// The longest list, in bytes: some hundred thousand paths.
const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How long the source may be silent. A file manager answers at once; one that doesn't has hung.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);
/// How long the whole list may take.
const TOTAL_LIMIT: Duration = Duration::from_secs(30);

/// What has come so far, and how long the rest may take.
#[derive(Debug)]
pub(super) struct Gathering {
    bytes: Vec<u8>,
    end: Instant,
    next: Instant,
}

impl Gathering {
    pub(super) fn start(now: Instant) -> Self {
        Self { bytes: Vec::new(), end: now + TOTAL_LIMIT, next: now + SILENCE_LIMIT }
    }

    /// The moment from which [`check`](Self::check) fails.
    fn deadline(&self) -> Instant {
        self.end.min(self.next)
    }

    /// The time until then.
    pub(super) fn time_left(&self) -> Timespec {
        let left = self.deadline().saturating_duration_since(Instant::now());
        Timespec {
            tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        }
    }

    /// Fails if the source has run out of time.
    pub(super) fn check(&self, now: Instant) -> io::Result<()> {
        if now < self.deadline() { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    /// Adds a piece that has come.
    pub(super) fn add(&mut self, piece: &[u8], now: Instant) -> io::Result<()> {
        if self.bytes.len() + piece.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(piece);
        self.next = now + SILENCE_LIMIT;
        Ok(())
    }

    /// Everything, once it has come.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// A list that is being read from a pipe, piece by piece.
#[derive(Debug)]
pub(super) struct ListReader {
    pipe: std::fs::File,
    pub(super) gathering: Gathering,
}

impl ListReader {
    /// A reader, and the end of its pipe that the source writes to.
    pub(super) fn start(now: Instant) -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok((Self { pipe: ours.into(), gathering: Gathering::start(now) }, theirs))
    }

    /// The descriptor that is readable when [`advance`](Self::advance) has something to read.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Reads what is there, and returns the list once it is whole. Blocks unless there is something to read, or the
    /// source is done.
    pub(super) fn advance(&mut self, now: Instant) -> io::Result<Option<Vec<u8>>> {
        let mut piece = [0; 16 * 1024];
        let count = match self.pipe.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            count => count?,
        };
        if count == 0 {
            return Ok(Some(self.gathering.take()));
        }
        self.gathering.add(&piece[..count], now)?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use super::*;

    #[test]
    fn a_list_comes_in_pieces() {
        let now = Instant::now();
        let (mut reading, theirs) = ListReader::start(now).unwrap();
        let mut theirs = File::from(theirs);
        theirs.write_all(b"file:///a\r\n").unwrap();
        assert_eq!(reading.advance(now).unwrap(), None);
        theirs.write_all(b"file:///b\r\n").unwrap();
        assert_eq!(reading.advance(now).unwrap(), None);
        drop(theirs);
        assert_eq!(reading.advance(now).unwrap(), Some(b"file:///a\r\nfile:///b\r\n".to_vec()));
    }

    #[test]
    fn a_source_that_says_nothing_or_never_ends_is_given_up() {
        let start = Instant::now();
        let (mut reading, theirs) = ListReader::start(start).unwrap();
        let mut theirs = File::from(theirs);
        assert!(reading.gathering.check(start).is_ok());
        assert!(reading.gathering.check(start + SILENCE_LIMIT).is_err());
        let mut now = start;
        while now < start + TOTAL_LIMIT {
            assert!(reading.gathering.check(now).is_ok());
            theirs.write_all(b"x").unwrap();
            reading.advance(now).unwrap();
            now += SILENCE_LIMIT / 2;
        }
        assert!(reading.gathering.check(now).is_err());
    }

    #[test]
    fn a_list_has_a_bound() {
        let now = Instant::now();
        let (mut reading, theirs) = ListReader::start(now).unwrap();
        let writer = std::thread::spawn(move || {
            let mut theirs = File::from(theirs);
            while theirs.write_all(&[b'x'; 4096]).is_ok() {}
        });
        let error = loop {
            match reading.advance(now) {
                Ok(None) => {}
                Ok(Some(_)) => panic!("it never ends"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        drop(reading);
        writer.join().unwrap();
    }
}
