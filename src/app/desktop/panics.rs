//! Catches panics of the window's threads, so that a panic ends one piece of work and not everything that its thread
//! would still have done, and keeps panics off the terminal while libraries open the window. What a panic said goes
//! into a report or an error.

use std::{
    cell::{Cell, RefCell},
    fmt,
    marker::PhantomData,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

use crate::code::{MIN_PARTS, SCHEME, words};

/// Where the message of a report is cut: long enough for a sentence and a path.
const MAX_MESSAGE_CHARS: usize = 300;

/// How many code words in a row are taken for part of a code. Two may stand in a sentence by chance.
const LISTED_IN_A_ROW: usize = 3;

/// What happens to a panic of the current thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// It is shown on the terminal, as always.
    Usual,
    /// A report of it is kept and logged. Its own message is not shown, because it may hold a secret.
    Reported,
    /// A report of it is kept, and nothing is shown.
    Muffled,
}

thread_local! {
    static HEARING: Cell<Hearing> = const { Cell::new(Hearing::Usual) };
    static HEARD: RefCell<Option<PanicReport>> = const { RefCell::new(None) };
}

/// What a panic said, and where in the source it happened. It may name paths but never holds a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct PanicReport {
    message: String,
    /// The place as `file:line`, if it is known.
    place: Option<String>,
}

impl PanicReport {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let message = info.payload_as_str().map(without_secrets);
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        Self { message: message.unwrap_or_else(Self::nothing_said), place }
    }

    fn nothing_said() -> String {
        "a panic without a message".to_owned()
    }

    #[cfg(test)]
    pub(in crate::app) fn made_up(message: &str) -> Self {
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

/// Runs `work` and catches a panic in it. The caller guarantees that everything that `work` was changing can be used
/// afterwards.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, PanicReport> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(install);
    let before = HEARING.replace(Hearing::Reported);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    HEARING.set(before);
    done.map_err(|_| {
        let heard = HEARD.take();
        heard.unwrap_or_else(|| PanicReport { message: PanicReport::nothing_said(), place: None })
    })
}

/// Installs a hook on top of the present one that does what the panicking thread has asked for.
fn install() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let hearing = HEARING.get();
        if hearing == Hearing::Usual {
            return usual(info);
        }
        let report = PanicReport::of(info);
        if hearing == Hearing::Reported {
            tracing::error!(%report, "something broke");
        }
        HEARD.set(Some(report));
    }));
}

/// The first line of a panic's message without what could be a secret. Where a text was cut at a wrong place, the
/// standard library quotes it in backticks, and it may be anything that the user typed.
fn without_secrets(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let outside = line.split('`').step_by(2).collect::<Vec<_>>().join("`…`");
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

/// While it exists, panics of the thread that started it are kept and not shown. Those of other threads are shown as
/// always.
pub(super) struct Muffled {
    /// It only affects the thread that started it.
    _not_send: PhantomData<*const ()>,
}

impl Muffled {
    pub(in crate::app) fn start() -> Self {
        // The hook stays, because a later one may have been installed on top of it. Once this has ended, it only
        // passes panics on.
        install();
        HEARD.set(None);
        HEARING.set(Hearing::Muffled);
        Self { _not_send: PhantomData }
    }

    /// Ends the muffling before this is dropped.
    #[expect(clippy::unused_self, reason = "there is something to end only where one was started")]
    pub(in crate::app) fn end(&self) {
        HEARING.set(Hearing::Usual);
    }

    /// What the last panic said.
    #[expect(clippy::unused_self, reason = "only what was muffled is kept")]
    pub(in crate::app) fn said(&self) -> String {
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
    use std::{
        sync::{Arc, Mutex},
        thread,
    };

    use super::*;

    #[test]
    fn a_panic_is_kept_until_the_end() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let usual = Arc::new(panic::take_hook());
        let thread = thread::current().id();
        panic::set_hook(Box::new({
            let (heard, usual) = (heard.clone(), usual.clone());
            move |info| {
                if thread::current().id() == thread {
                    heard.lock().unwrap().push(info.payload_as_str().unwrap().to_owned());
                } else {
                    usual(info);
                }
            }
        }));
        let muffled = Muffled::start();
        let said = |message: &'static str| panic::catch_unwind(move || panic!("{message}")).unwrap_err();
        said("one");
        assert_eq!(muffled.said(), "one");
        muffled.end();
        said("two");
        assert_eq!(*heard.lock().unwrap(), ["two"]);
    }

    #[test]
    fn a_caught_panic_says_what_and_where() {
        assert_eq!(caught(|| 7), Ok(7));
        let report = caught(|| panic!("the disk of {} is upside down", "/home/ada")).unwrap_err().to_string();
        assert!(
            report.starts_with("the disk of /home/ada is upside down (src/app/desktop/panics.rs:"),
            "{report}"
        );
        // The next panic is not mistaken for this one, even if it says nothing.
        let silent = caught(|| panic::panic_any(7)).unwrap_err().to_string();
        assert!(silent.starts_with("a panic without a message (src/app/desktop/panics.rs:"), "{silent}");
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
                let report = caught(|| panic!("{message}")).unwrap_err().to_string();
                for word in ["coyote", "7731"] {
                    assert!(!report.contains(word), "{message}: {report}");
                }
            }
        }
        // The standard library's own message, which quotes the text.
        let end = std::hint::black_box(CODE.len() + 1);
        let report = caught(|| CODE[..end].len()).unwrap_err().to_string();
        assert!(!report.contains("coyote") && report.contains("panics.rs:"), "{report}");
    }
}
