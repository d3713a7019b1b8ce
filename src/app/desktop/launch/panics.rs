//! Keeping panics of the libraries that open the window off the terminal: their words go into an error in ours.

use std::{
    panic,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// While it lasts, panics of the thread that started it are kept and not shown. Those of other threads are shown as ever.
pub(super) struct Muffled {
    is_on: Arc<AtomicBool>,
    said: Arc<Mutex<Option<String>>>,
}

impl Muffled {
    pub(super) fn start() -> Self {
        let muffled = Self { is_on: Arc::new(AtomicBool::new(true)), said: Arc::default() };
        let (is_on, said) = (muffled.is_on.clone(), muffled.said.clone());
        let thread = thread::current().id();
        // The hook stays, as a later one may have been put on top of it, and only passes on what it gets once this is over.
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if is_on.load(Ordering::Acquire) && thread::current().id() == thread {
                let message = info.payload_as_str().unwrap_or("a library panicked").to_owned();
                *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
            } else {
                usual(info);
            }
        }));
        muffled
    }

    /// Ends it, also before this is dropped.
    pub(super) fn end(&self) {
        self.is_on.store(false, Ordering::Release);
    }

    /// What the last panic said.
    pub(super) fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).take();
        said.unwrap_or_else(|| "a library panicked".to_owned())
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
}
