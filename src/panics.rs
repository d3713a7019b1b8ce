//! What happens after a panic: the work in which it happened ends with a [`PanicReport`], and everything else goes on.
//!
//! A panic in a blocking call or in a task continues in the task that waits for it ([`Blocking`], [`joined`]), up to the
//! first [`caught`]. The engine has one around every task, and a transfer has one around its session, so that a session
//! still says its last word and keeps what has arrived.
//!
//! The first use installs a panic hook on top of the existing one. For a panic that will be caught, it remembers the message
//! and the place.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    env, fmt,
    future::poll_fn,
    marker::PhantomData,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    pin::Pin,
    sync::{Mutex, Once},
    task::{Context, Poll},
};

use tokio::task::{JoinError, JoinHandle};

use crate::{
    code::{MIN_PARTS, SCHEME, words},
    sync::{POISONED, lock_shared},
};

/// How much of a panic's message a report repeats, in characters: enough for a sentence and a path.
const MAX_MESSAGE_CHARS: usize = 300;
/// How many code words in a row are taken for a part of a code. Two may follow each other in a sentence by chance.
const LISTED_IN_A_ROW: usize = 3;

/// What the hook does about a panic of the current thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// The hook prints the panic, as it would without this module.
    Usual,
    /// The hook keeps a report for the code that catches the panic. It also prints the panic if `RUST_BACKTRACE` is set.
    Caught,
    /// The hook keeps a report and prints nothing.
    Muffled,
}

impl Hearing {
    /// Whether the hook prints the usual message.
    fn prints(self, wants_backtrace: bool) -> bool {
        match self {
            Self::Usual => true,
            Self::Caught => wants_backtrace,
            Self::Muffled => false,
        }
    }
}

thread_local! {
    static HEARING: Cell<Hearing> = const { Cell::new(Hearing::Usual) };
    /// The report of this thread's last panic that the hook kept and that was not taken yet.
    static HEARD: RefCell<Option<PanicReport>> = const { RefCell::new(None) };
}

/// What broke, as text that a user can copy and send to the developers. It holds no secret: what a panic's message quotes, and
/// what looks like a code, is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanicReport {
    message: String,
    /// The place as `file:line`, if it is known.
    place: Option<String>,
}

/// The report of the last panic that followed from no other. A panic under a lock makes every other task panic that needs
/// the lock, and whichever of them is heard first has to report what really broke.
static CAUSE: Mutex<Option<PanicReport>> = Mutex::new(None);

impl PanicReport {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let message = info.payload_as_str();
        let follows = message.is_some_and(|message| message.starts_with(POISONED));
        if follows && let Some(cause) = lock_shared(&CAUSE).clone() {
            return cause;
        }
        let message = message.map(without_secrets);
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        let report = Self { message: message.unwrap_or_else(Self::nothing_said), place };
        *lock_shared(&CAUSE) = Some(report.clone());
        report
    }

    fn nothing_said() -> String {
        "a panic without a message".to_owned()
    }

    /// A report without a panic, for tests of how reports are shown.
    #[cfg(all(test, feature = "gui"))]
    pub(crate) fn made_up(message: &str) -> Self {
        Self { message: message.to_owned(), place: Some("src/made_up.rs:7".to_owned()) }
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

/// Installs the hook, once. For each panic it does what [`HEARING`] says in the thread that panics.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let hearing = HEARING.get();
            if hearing != Hearing::Usual {
                HEARD.set(Some(PanicReport::of(info)));
            }
            if hearing.prints(env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0")) {
                usual(info);
            }
        }));
    });
}

/// Runs `work`. A panic in it is logged and becomes the error. The caller has to ensure that what `work` was changing is still
/// valid after a panic, or is dropped.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, PanicReport> {
    install();
    let before = HEARING.replace(Hearing::Caught);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    HEARING.set(before);
    done.map_err(report_of)
}

/// The report of a panic that was caught on this thread, or that continued here from another one.
fn report_of(payload: Box<dyn Any + Send>) -> PanicReport {
    if let Ok(report) = payload.downcast::<PanicReport>() {
        return *report;
    }
    let report = HEARD.take();
    let report = report.unwrap_or_else(|| PanicReport { message: PanicReport::nothing_said(), place: None });
    tracing::error!(%report, "something broke");
    report
}

/// Awaits `work`. A panic in it is logged and becomes the error.
pub fn caught<F: Future>(work: F) -> impl Future<Output = Result<F::Output, PanicReport>> {
    // The work goes to the heap because it is large, and would otherwise take its size twice.
    let mut work = Box::pin(work);
    poll_fn(move |cx| match catch(|| work.as_mut().poll(cx)) {
        Ok(polled) => polled.map(Ok),
        Err(report) => Poll::Ready(Err(report)),
    })
}

/// Awaits `work`, which runs as a task of its own. A panic in it continues, with its report, in the task that waits for
/// this one and takes its result with [`joined`].
pub async fn reported<F: Future>(work: F) -> F::Output {
    caught(work).await.unwrap_or_else(|report| panic::resume_unwind(Box::new(report)))
}

/// The result of a task that has ended. If the task panicked, the panic continues here.
///
/// # Panics
/// When the task panicked or was aborted. Only a task's owner may call this, and only for a task that it has not aborted.
pub fn joined<T>(ended: Result<T, JoinError>) -> T {
    ended.unwrap_or_else(|error| {
        panic::resume_unwind(error.try_into_panic().expect("a task is aborted by its owner alone"))
    })
}

/// Work on a blocking thread. Awaiting it gives the result of the work; a panic in the work continues in the task that waits.
/// The work can't be aborted: when this is dropped, it runs to its end by itself.
#[derive(Debug)]
pub struct Blocking<T>(JoinHandle<Result<T, PanicReport>>);

/// Starts `work` on a blocking thread.
pub fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Blocking<T> {
    Blocking(tokio::task::spawn_blocking(move || catch(work)))
}

impl<T> Future for Blocking<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut self.0).poll(cx) {
            Poll::Ready(Ok(Ok(done))) => Poll::Ready(done),
            Poll::Ready(Ok(Err(report))) => panic::resume_unwind(Box::new(report)),
            // The work was never begun because the runtime is ending, and the task that waits here ends with the runtime.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

/// The first line of a panic's message, without anything that could be a secret. Text between double quotes or backticks is
/// left out, because the standard library quotes values that way, and a value may be anything that the user typed.
fn without_secrets(message: &str) -> String {
    let outside = without_quotes(message.lines().next().unwrap_or_default());
    let short: String = outside.chars().take(MAX_MESSAGE_CHARS).collect();
    let may_be_code = |word: &str| word.matches('-').count() + 1 >= MIN_PARTS || word.contains(SCHEME);
    let shown: Vec<&str> = short.split(' ').map(|word| if may_be_code(word) { "…" } else { word }).collect();
    let shown = shown.join(" ");
    let parts: Vec<&str> =
        shown.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let is_listed = |word: &&str| words::contains(&word.to_lowercase());
    if parts.windows(LISTED_IN_A_ROW).any(|row| row.iter().all(is_listed)) {
        return "a panic whose message may hold a code".to_owned();
    }
    shown
}

/// `text` with `…` in place of everything between double quotes or backticks.
fn without_quotes(text: &str) -> String {
    let mut kept = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if !matches!(c, '"' | '`') {
            kept.push(c);
            continue;
        }
        kept.push('…');
        let mut is_escaped = false;
        for inner in chars.by_ref() {
            if inner == c && !is_escaped {
                break;
            }
            is_escaped = inner == '\\' && !is_escaped;
        }
    }
    kept
}

/// While this exists, panics of the thread that created it are kept and not printed. Panics of other threads are not affected.
pub struct Muffled {
    /// Keeps the value on the thread that it affects.
    _not_send: PhantomData<*const ()>,
}

impl Muffled {
    /// Begins to keep the panics of the current thread.
    pub fn start() -> Self {
        // The hook is never removed, because a later one may have been installed on top of it. Once the muffling has ended,
        // the hook only passes panics on.
        install();
        HEARD.set(None);
        HEARING.set(Hearing::Muffled);
        Self { _not_send: PhantomData }
    }

    /// Ends the muffling, before this value is dropped.
    pub fn end(&self) {
        HEARING.set(Hearing::Usual);
    }

    /// Takes the message of the last panic that was kept. If there is none, the text only says that a library panicked.
    pub fn said(&self) -> String {
        HEARD.take().map_or_else(|| "a library panicked".to_owned(), |report| report.message)
    }
}

impl Drop for Muffled {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_muffled_panic_is_kept_and_a_later_one_is_not() {
        let muffled = Muffled::start();
        let panics = |message: &'static str| panic::catch_unwind(move || panic!("{message}")).unwrap_err();
        panics("one");
        assert_eq!(muffled.said(), "one");
        muffled.end();
        panics("two");
        assert_eq!(muffled.said(), "a library panicked");
    }

    #[test]
    fn what_nothing_catches_is_printed_always_and_what_is_muffled_never() {
        let prints = |hearing: Hearing| [false, true].map(|wants_backtrace| hearing.prints(wants_backtrace));
        assert_eq!(prints(Hearing::Usual), [true, true]);
        assert_eq!(prints(Hearing::Caught), [false, true]);
        assert_eq!(prints(Hearing::Muffled), [false, false]);
    }

    /// Other tests panic meanwhile, so the cause may be one of theirs; but it is a cause.
    #[test]
    fn a_panic_that_only_follows_from_another_reports_the_cause() {
        let mutex = Mutex::new(());
        let cause = catch(|| {
            let _guard = crate::sync::lock(&mutex);
            panic!("the cause");
        });
        assert_eq!(cause.unwrap_err().message, "the cause");
        let follows = catch(|| drop(crate::sync::lock(&mutex))).unwrap_err();
        assert!(!follows.message.starts_with(POISONED), "{follows}");
    }

    #[test]
    fn a_caught_panic_says_what_and_where() {
        assert_eq!(catch(|| 7), Ok(7));
        let report = catch(|| panic!("the disk of {} is upside down", "/home/ada")).unwrap_err().to_string();
        assert!(report.starts_with("the disk of /home/ada is upside down (src/panics.rs:"), "{report}");
        // The next panic is not mistaken for the one above, even if it has no message.
        let silent = catch(|| panic::panic_any(7)).unwrap_err().to_string();
        assert!(silent.starts_with("a panic without a message (src/panics.rs:"), "{silent}");
    }

    #[test]
    fn a_report_holds_no_code_however_it_got_into_the_message() {
        const CODE: &str = "acid-coyote-mustard-tulip";
        let spaced = CODE.replace('-', " ");
        let link = format!("caiman:{CODE}?server=relay.example.org");
        for text in [CODE, &spaced, &link, "blue-horse-7731-kitchen"] {
            for message in [
                text.to_owned(),
                format!("no room for {text} in it"),
                format!("`{text}` is cut"),
                format!("at\n{text}"),
            ] {
                let report = catch(|| panic!("{message}")).unwrap_err().to_string();
                for word in ["coyote", "7731"] {
                    assert!(!report.contains(word), "{message}: {report}");
                }
            }
        }
        // This message is the standard library's own, which quotes the text.
        let end = std::hint::black_box(CODE.len() + 1);
        let report = catch(|| CODE[..end].len()).unwrap_err().to_string();
        assert!(!report.contains("coyote") && report.contains("panics.rs:"), "{report}");
    }

    #[test]
    fn what_a_message_quotes_is_left_out() {
        let report =
            catch(|| panic!("no room for {:?}, says \"a \\\" b\"", "a name")).unwrap_err().to_string();
        assert!(report.starts_with("no room for …, says … ("), "{report}");
    }

    #[tokio::test]
    async fn a_panic_on_a_blocking_thread_or_in_a_task_goes_on_where_it_is_waited_for() {
        let blocking = caught(async { spawn_blocking(|| panic!("on a thread")).await }).await;
        let report = blocking.unwrap_err().to_string();
        assert!(report.starts_with("on a thread (src/panics.rs:"), "{report}");
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(reported(async { panic!("in a task") }));
        let ended = tasks.join_next().await.unwrap();
        let report = catch(|| joined::<()>(ended)).unwrap_err().to_string();
        assert!(report.starts_with("in a task (src/panics.rs:"), "{report}");
        assert_eq!(caught(async { spawn_blocking(|| 7).await }).await, Ok(7));
    }
}
