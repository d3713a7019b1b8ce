//! One window for each user: a second start hands what it brings to the window that is already running.
//!
//! A locked file is the claim. The system releases it whatever happens to the program, so a crash leaves nothing
//! behind that a later start would have to interpret. The socket beside it only carries messages, and the holder of
//! the lock may replace it. Both live where only this user can reach them; even so, everything that comes over the
//! socket is checked like foreign input, and every wait on it is short.
//!
//! A message is its length in four bytes (little-endian), a version byte and an [`Arrival`]; the answer is one byte.
//! It is sent once the window has taken the arrival. So a start notices a window that hangs, and what that window
//! didn't take is withdrawn.
//!
//! `CAIMAN_INSTANCE` gives the lock and the socket another name, so that several windows can run at once, as they do
//! in tests.

mod location;
pub(super) mod wire;

use std::{
    fs::{File, TryLockError},
    io,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use interprocess::local_socket::{self, traits::Listener as _};

use super::arrival::Arrival;
use crate::sync::lock_shared;
use location::InstanceLocation;

/// How long a second start tries to hand over what it brings. A user waits this long for a sign of life, and a window
/// that runs needs far less.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one message may take to arrive. It is at most a mebibyte from the same computer.
const READ_LIMIT: Duration = Duration::from_secs(1);
/// How long the window may take to accept an arrival. It is less than [`PATIENCE`], so that the answer still arrives
/// in time.
const TAKE_LIMIT: Duration = Duration::from_millis(1500);
/// How many arrivals may wait for the window; more are refused. Nobody starts the program more often than that while
/// its window opens.
const QUEUE: usize = 16;

/// What a start of the program finds.
#[derive(Debug)]
pub(in crate::app) enum Claim {
    /// No window is running. This start opens one and listens for later starts.
    First(Listener),
    /// A window is running and has taken what this start brought.
    HandedOver,
}

/// Why a start could neither become the window nor reach it.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// There is no folder for the lock and the socket. A window can still be opened, but later starts won't find it.
    #[error("starts of Caiman can't find each other ({0}); each will open a window of its own")]
    NoLocation(#[source] io::Error),
    /// A window is running but doesn't answer.
    #[error(
        "Caiman is already running but doesn't answer; close its window, or end the program if it hangs, and start again"
    )]
    NoAnswer,
    /// A window is running and is too busy, or is of another version.
    #[error(
        "the window of Caiman that is already running didn't take this; close it and start again, or drop the files on it"
    )]
    Refused,
    /// The arrival doesn't fit into one message.
    #[error("these are too many files to hand to the window at once; send the folder that they are in")]
    TooMuch,
}

/// Makes this start the window, or hands `arrival` to the window that is running.
pub(in crate::app) fn claim(arrival: &Arrival) -> Result<Claim, InstanceError> {
    claim_at(&InstanceLocation::find().map_err(InstanceError::NoLocation)?, arrival, PATIENCE)
}

fn claim_at(
    location: &InstanceLocation,
    arrival: &Arrival,
    patience: Duration,
) -> Result<Claim, InstanceError> {
    let deadline = Instant::now() + patience;
    let lock = location.open_lock().map_err(InstanceError::NoLocation)?;
    loop {
        match lock.try_lock() {
            Ok(()) => {
                return Listener::start(location, lock).map(Claim::First).map_err(InstanceError::NoLocation);
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(InstanceError::NoLocation(error)),
        }
        // The other program may be about to listen, or about to end and release the lock. The next round finds out.
        match wire::hand_over(location, arrival, deadline) {
            Ok(wire::Reception::Taken) => return Ok(Claim::HandedOver),
            Ok(wire::Reception::Refused) => return Err(InstanceError::Refused),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(InstanceError::TooMuch),
            Err(error) => tracing::debug!(%error, "the running window can't be reached yet"),
        }
        if Instant::now() >= deadline {
            return Err(InstanceError::NoAnswer);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Listens for later starts, on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(in crate::app) struct Listener {
    arrivals: Receiver<PendingArrival>,
    signals: Arc<ListenerSignals>,
    location: InstanceLocation,
    thread: Option<JoinHandle<()>>,
    /// Released last, once the old socket can't be reached any more.
    _lock: File,
}

impl Listener {
    fn start(location: &InstanceLocation, lock: File) -> io::Result<Self> {
        let socket = location.listen()?;
        let (sender, arrivals) = mpsc::sync_channel(QUEUE);
        let signals = Arc::new(ListenerSignals::default());
        let thread = thread::Builder::new().name("later starts".to_owned()).spawn({
            let signals = signals.clone();
            move || serve(&socket, &sender, &signals)
        })?;
        Ok(Self { arrivals, signals, location: location.clone(), thread: Some(thread), _lock: lock })
    }

    /// Sets what is called, on another thread, whenever [`next`](Self::next) has something to return. Until then the
    /// window is only being opened, and other starts are told at once that theirs was taken.
    pub(in crate::app) fn wake_with(&self, wake: impl Fn() + Send + Sync + 'static) {
        wake();
        // A second call would change nothing, as the window stays the same.
        drop(self.signals.wake.set(Box::new(wake)));
    }

    /// Takes what the next later start has brought. The window comes to the front for it, even if it is empty.
    pub(in crate::app) fn next(&self) -> Option<Arrival> {
        self.arrivals.try_iter().find_map(|pending| pending.take())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.signals.is_over.store(true, Ordering::Release);
        // Only a connection wakes a thread that waits for one. If the socket is gone, the thread can't be reached and
        // ends with the program. The connection stays open until then, because a named pipe ignores one that is
        // closed before it is accepted.
        if let Ok(_knocking) = wire::knock(&self.location)
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that hears of later starts panicked");
        }
    }
}

/// What the listening thread and the window share.
#[derive(Default)]
struct ListenerSignals {
    is_over: AtomicBool,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for ListenerSignals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListenerSignals").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

/// An arrival that either the window takes or the thread withdraws.
#[derive(Debug)]
struct PendingArrival {
    arrival: Arc<Mutex<Option<Arrival>>>,
    taken: SyncSender<()>,
}

impl PendingArrival {
    fn take(&self) -> Option<Arrival> {
        let arrival = take(&self.arrival)?;
        // The thread may have given up at this very moment.
        let _ = self.taken.try_send(());
        Some(arrival)
    }
}

fn take(slot: &Mutex<Option<Arrival>>) -> Option<Arrival> {
    lock_shared(slot).take()
}

/// Serves one connection after the other. Each is over within a moment, and the system keeps the next ones waiting.
fn serve(socket: &local_socket::Listener, arrivals: &SyncSender<PendingArrival>, signals: &ListenerSignals) {
    while !signals.is_over.load(Ordering::Acquire) {
        let served = socket.accept().and_then(|stream| {
            if signals.is_over.load(Ordering::Acquire) {
                return Ok(());
            }
            let arrival = wire::read(&stream, Instant::now() + READ_LIMIT)?;
            match offer(arrival, arrivals, signals) {
                Some(answer) => wire::answer(&stream, answer),
                None => Ok(()),
            }
        });
        if let Err(error) = served {
            tracing::debug!(%error, "a later start of Caiman could not be heard");
            // An error of the listener itself, such as too many open files, would occur again at once.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Offers an arrival to the window and returns its answer; `None` for a window that hangs or is about to close.
fn offer(
    arrival: Arrival,
    arrivals: &SyncSender<PendingArrival>,
    signals: &ListenerSignals,
) -> Option<wire::Reception> {
    let arrival = Arc::new(Mutex::new(Some(arrival)));
    let (taken, was_taken) = mpsc::sync_channel(1);
    if arrivals.try_send(PendingArrival { arrival: arrival.clone(), taken }).is_err() {
        return Some(wire::Reception::Refused);
    }
    let Some(wake) = signals.wake.get() else { return Some(wire::Reception::Taken) };
    wake();
    let deadline = Instant::now() + TAKE_LIMIT;
    while !signals.is_over.load(Ordering::Acquire) && Instant::now() < deadline {
        if was_taken.recv_timeout(Duration::from_millis(50)).is_ok() {
            return Some(wire::Reception::Taken);
        }
    }
    // It is withdrawn here unless it was taken at the last moment.
    take(&arrival).is_none().then_some(wire::Reception::Taken)
}

#[cfg(test)]
mod tests;
