//! The two standard streams of the headless commands. All that they write passes here, because a program such as `head` may stop
//! reading at any time, and a terminal may be closed: the macros of the standard library would then end the program by a panic.
//! A message that can't be written is dropped, and the exit code tells how it all ended.
//!
//! The program at the other end may also stop reading and stay. So each stream has a thread that writes to it, and what a command
//! says waits in a queue. A command that follows a transfer takes the next event only when all is [`written`]: the queue stays
//! short, progress is shown less often, and signals are heard meanwhile.

use std::{
    fmt::Display,
    future,
    io::{self, Write},
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use indicatif::ProgressBar;
use tokio::{
    sync::{oneshot, watch},
    time::sleep,
};

use super::interrupts::Interrupts;

/// How long the last messages may take after a signal: enough for a slow reader, and not too long for a user who waits.
const AFTER_SIGNAL: Duration = Duration::from_secs(3);
/// The same after a second signal, which asks for an end at once.
const AT_ONCE: Duration = Duration::from_millis(100);

static OUTPUT: LazyLock<OutputQueue> = LazyLock::new(|| OutputQueue::start("output"));
static ERRORS: LazyLock<OutputQueue> = LazyLock::new(|| OutputQueue::start("errors"));

type OutputJob = Box<dyn FnOnce() + Send>;

/// What is to be written to one stream, in this order.
struct OutputQueue {
    jobs: mpsc::Sender<OutputJob>,
    /// How many jobs are not done.
    left: watch::Sender<usize>,
}

/// Counts a job among those that are left, until it is dropped.
struct Left(watch::Sender<usize>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.send_modify(|left| *left -= 1);
    }
}

impl OutputQueue {
    fn start(name: &str) -> Self {
        let (jobs, inbox) = mpsc::channel::<OutputJob>();
        // If the system gives no thread, jobs are done where they come from.
        let _ =
            thread::Builder::new().name(name.to_owned()).spawn(move || inbox.iter().for_each(|job| job()));
        Self { jobs, left: watch::Sender::new(0) }
    }

    fn add(&self, work: impl FnOnce() + Send + 'static) {
        self.left.send_modify(|left| *left += 1);
        let left = Left(self.left.clone());
        let job = Box::new(move || {
            work();
            drop(left);
        });
        if let Err(mpsc::SendError(job)) = self.jobs.send(job) {
            job();
        }
    }
}

/// Writes a message for the user to standard error, as a line.
pub(super) fn line(text: impl Display) {
    prompt(format_args!("{text}\n"));
}

/// Writes a question to standard error. The user answers on the same line.
pub(super) fn prompt(text: impl Display) {
    // All of it at once, so that lines of several threads don't mix.
    let text = text.to_string();
    ERRORS.add(move || {
        let _ = write_all(io::stderr().lock(), text.as_bytes());
    });
}

/// Writes a message for the user as lines above a progress bar.
pub(super) fn line_above(bar: ProgressBar, text: &str) {
    let text = format!("{text}\n");
    ERRORS.add(move || {
        let _ = bar.suspend(|| write_all(io::stderr().lock(), text.as_bytes()));
    });
}

/// Changes a progress bar, which draws itself on standard error.
pub(super) fn draw(bar: ProgressBar, change: impl FnOnce(&ProgressBar) + Send + 'static) {
    ERRORS.add(move || change(&bar));
}

/// Has data written to standard output. What the system says of it comes later; it is for the caller to know whether that matters.
pub(super) fn data(bytes: Vec<u8>) -> oneshot::Receiver<io::Result<()>> {
    let (told, result) = oneshot::channel();
    OUTPUT.add(move || {
        // The caller need not be interested.
        let _ = told.send(data_now(&bytes));
    });
    result
}

/// Writes data to standard output, and waits for that. For commands during which signals have their usual effect.
///
/// # Errors
///
/// What the system says. It is for the caller to know whether that matters.
pub(super) fn data_now(bytes: &[u8]) -> io::Result<()> {
    write_all(io::stdout().lock(), bytes)
}

/// Waits until every message is written, in a command during which signals have their usual effect.
pub(super) fn flush() {
    let (last, written) = mpsc::channel::<()>();
    ERRORS.add(move || drop(last));
    // It brings nothing but its end.
    let _ = written.recv();
}

/// Waits until everything is written, or can't be; until then, more would only wait in a queue. Not at all once the user has
/// cancelled: a user who wants a command to end doesn't wait for a reader.
pub(super) async fn written_unless(is_cancelled: bool) {
    if !is_cancelled {
        written().await;
    }
}

/// Waits until everything is written, or can't be.
async fn written() {
    for queue in [&*OUTPUT, &*ERRORS] {
        // Its other end is never dropped.
        let _ = queue.left.subscribe().wait_for(|left| *left == 0).await;
    }
}

/// Waits at the end of a command until everything is written, and says whether it is. After a signal, that takes only a moment.
pub(super) async fn finish(interrupts: &mut Interrupts) -> bool {
    loop {
        let signals = interrupts.heard();
        let limit = async move {
            match signals {
                0 => future::pending().await,
                1 => sleep(AFTER_SIGNAL).await,
                _ => sleep(AT_ONCE).await,
            }
        };
        tokio::select! {
            biased;
            () = written() => return true,
            () = limit => return false,
            () = interrupts.next() => {}
        }
    }
}

fn write_all(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}
