//! Messages between two starts of the program. Every wait has a deadline, and neither side trusts the other.

use std::{
    io::{self, Read, Write},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use interprocess::{
    ConnectWaitMode,
    local_socket::{ConnectOptions, Stream, traits::Stream as _},
};
use zeroize::Zeroizing;

use super::location::InstanceLocation;
use crate::app::desktop::arrival::Arrival;

/// The longest message, in bytes, without its length: room for the paths of some ten thousand files.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// The version of the messages. The two starts may be of different versions after an update.
const VERSION: u8 = 1;
/// How long to wait before a stream that wasn't ready is tried again.
const PAUSE: Duration = Duration::from_millis(2);

/// How the window receives an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reception {
    /// It has taken it.
    Taken,
    /// It can't take it, now or soon.
    Refused,
}

/// Hands an arrival to the window and returns its answer. One that doesn't fit into a message is
/// [`io::ErrorKind::FileTooLarge`].
pub(super) fn hand_over(
    location: &InstanceLocation,
    arrival: &Arrival,
    deadline: Instant,
) -> io::Result<Reception> {
    let message = message(arrival)?;
    let connection = location.connection()?;
    let (sender, answer) = mpsc::sync_channel(1);
    // Named pipes have no timeouts. A thread that waits for a window that hangs ends with this start of the program,
    // which has nothing else to do.
    thread::Builder::new().name("handing over".to_owned()).spawn(move || {
        let _ = sender.try_send(converse(&connection, &message));
    })?;
    let left = deadline.saturating_duration_since(Instant::now());
    answer.recv_timeout(left).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

fn converse(connection: &ConnectOptions<'_>, message: &[u8]) -> io::Result<Reception> {
    let mut stream = connection.connect_sync()?;
    stream.write_all(message)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(if answer == [1] { Reception::Taken } else { Reception::Refused })
}

/// The message that hands over an arrival: its length, the version, the arrival.
pub(in crate::app::desktop) fn message(arrival: &Arrival) -> io::Result<Zeroizing<Vec<u8>>> {
    let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
    let body = postcard::to_stdvec(arrival).map(Zeroizing::new).map_err(io::Error::other)?;
    let length = body.len() + 1;
    let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_MESSAGE_BYTES).ok_or_else(too_large)?;
    let mut message = Zeroizing::new(Vec::with_capacity(length + 4));
    message.extend_from_slice(&prefix.to_le_bytes());
    message.push(VERSION);
    message.extend_from_slice(&body);
    Ok(message)
}

/// Connects and sends nothing.
pub(super) fn knock(location: &InstanceLocation) -> io::Result<Stream> {
    let limit = ConnectWaitMode::Timeout(Duration::from_millis(200));
    location.connection()?.wait_mode(limit).connect_sync()
}

/// Reads one message from a stream that may carry anything.
pub(super) fn read(stream: &Stream, deadline: Instant) -> io::Result<Arrival> {
    stream.set_nonblocking(true)?;
    let mut length = [0; 4];
    read_by(stream, &mut length, deadline)?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_MESSAGE_BYTES {
        return Err(invalid("the length is out of range"));
    }
    let mut message = Zeroizing::new(vec![0; length]);
    read_by(stream, &mut message, deadline)?;
    let Some((&VERSION, body)) = message.split_first() else {
        answer(stream, Reception::Refused)?;
        return Err(invalid("another version"));
    };
    arrival(body)
}

/// What a message says behind its length and its version.
pub(in crate::app::desktop) fn arrival(body: &[u8]) -> io::Result<Arrival> {
    match postcard::take_from_bytes(body) {
        Ok((arrival, [])) => Ok(arrival),
        _ => Err(invalid("no arrival")),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Answers a message. There is always room for one byte.
pub(super) fn answer(mut stream: &Stream, answer: Reception) -> io::Result<()> {
    stream.write_all(&[u8::from(answer == Reception::Taken)])
}

/// Fills `into` by trying again and again for a short time, because named pipes have no timeouts.
fn read_by(mut stream: &Stream, mut into: &mut [u8], deadline: Instant) -> io::Result<()> {
    while !into.is_empty() {
        match stream.read(into) {
            // An empty pipe looks like one that has ended.
            Ok(0) if cfg!(windows) => {}
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                into = &mut into[count..];
                continue;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let name = "a".repeat(200);
        std::fs::write(folder.path().join(&name), "x").unwrap();
        let arrival = |count: usize| {
            Arrival::from_args(folder.path(), std::iter::repeat_n(name.clone().into(), count)).unwrap()
        };
        assert!(message(&arrival(1000)).unwrap().len() < MAX_MESSAGE_BYTES);
        assert_eq!(message(&arrival(6000)).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
