//! One window for each person: a second start hands what came with it to the window that runs already.
//!
//! A locked file is the claim: the system releases it whatever becomes of the program, so a crash leaves nothing behind
//! that a start would have to guess about. The socket beside it only carries messages, and who holds the lock may
//! replace it. Both live where only this person can reach them. Still, whatever comes over the socket is checked like
//! anything foreign, and every wait on it is short.
//!
//! A message is four bytes of length (little-endian), a version byte and an [`Arrival`]; the answer is one byte. It comes
//! once the window has taken the arrival, so a window that hangs is noticed, and what it didn't take is withdrawn.
//!
//! `CAIMAN_INSTANCE` names another place, so that several windows can run at once, as tests do.

mod location;
mod wire;

use std::{
    fs::{File, TryLockError},
    io,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use interprocess::local_socket::{self, traits::Listener as _};

use super::arrival::Arrival;
use location::InstanceLocation;

/// How long a second start tries to reach the window, and how long the window has to take what it brings.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long one message may take to arrive.
const READ_LIMIT: Duration = Duration::from_secs(1);
/// How long the window may take for one arrival; less than [`PATIENCE`], so that the answer is still heard.
const TAKE_LIMIT: Duration = Duration::from_millis(1500);
/// Arrivals that wait for the window. More are refused.
const QUEUE: usize = 16;

/// What a start of the program finds.
#[derive(Debug)]
pub(in crate::app) enum Claim {
    /// No window runs: this start opens it, and hears of later starts.
    First(Listener),
    /// A window runs and has taken what came along.
    HandedOver,
}

/// Why a start could neither become the window nor reach it.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// There is no place for the lock and the socket. A window can be opened all the same; later starts won't find it.
    #[error("starts of Caiman can't find each other ({0}); each will open a window of its own")]
    NoLocation(#[source] io::Error),
    /// A window runs but doesn't answer.
    #[error(
        "Caiman is already running but doesn't answer; close its window, or end the program if it hangs, and start again"
    )]
    NoAnswer,
    /// A window runs and has too much to do, or is another version.
    #[error(
        "the window of Caiman that is already running didn't take this; close it and start again, or drop the files on it"
    )]
    Refused,
    /// More than one message holds.
    #[error("these are too many files to hand to the window at once; send the folder they are in")]
    TooMuch,
}

/// Makes this start the window, or hands `arrival` to the one that runs.
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
        // The other program may be about to listen, or about to end and give up the lock; then this goes round again.
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

/// Hears of later starts, on a thread of its own, until dropped.
#[derive(Debug)]
pub(in crate::app) struct Listener {
    arrivals: Receiver<PendingArrival>,
    signals: Arc<ListenerSignals>,
    location: InstanceLocation,
    thread: Option<JoinHandle<()>>,
    /// Released last, when nobody can reach the old socket any more.
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

    /// Sets what is called, on another thread, whenever [`next`](Self::next) has something to give. Until then the window
    /// is only being opened, and other starts are told at once that theirs was taken.
    pub(in crate::app) fn wake_with(&self, wake: impl Fn() + Send + Sync + 'static) {
        wake();
        // A second call would be a mistake of no consequence: the window stays the same.
        drop(self.signals.wake.set(Box::new(wake)));
    }

    /// Takes what came with a later start, in order. The window comes to the front for it, even if it is empty.
    pub(in crate::app) fn next(&self) -> Option<Arrival> {
        self.arrivals.try_iter().find_map(|pending| pending.take())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.signals.is_over.store(true, Ordering::Release);
        // Only a connection wakes a thread that waits for one. If the socket is gone, so is the only way to reach it, and
        // the thread ends with the program. The connection stays open until then: a named pipe passes over one that is
        // closed before it is accepted.
        if let Ok(_knocking) = wire::knock(&self.location)
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that hears of later starts panicked");
        }
    }
}

/// What the thread and the window's side have in common.
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

/// An arrival that either the window takes or the thread takes back.
#[derive(Debug)]
struct PendingArrival {
    arrival: Arc<Mutex<Option<Arrival>>>,
    taken: SyncSender<()>,
}

impl PendingArrival {
    fn take(&self) -> Option<Arrival> {
        let arrival = take(&self.arrival)?;
        // Who waits may have given up this very moment.
        let _ = self.taken.try_send(());
        Some(arrival)
    }
}

fn take(slot: &Mutex<Option<Arrival>>) -> Option<Arrival> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Takes one connection after the other: each is over within a moment, and the system keeps the next ones waiting.
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
            // An error of the listener itself, such as too many open files, would come again at once.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Gives an arrival to the window and says whether it took it; says nothing for one that hangs or is about to close.
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
    // Taken at the last moment, or taken back.
    take(&arrival).is_none().then_some(wire::Reception::Taken)
}

#[cfg(test)]
mod tests;
