//! Asks the user for files and folders, through the system's own dialogs. Each question has a thread of its own until
//! it is answered. It can't be withdrawn, so the window doesn't wait for it when it closes.
//!
//! On Linux the portal is asked directly, because the library can't tell a dialog that was cancelled from one that was
//! never shown. The library is left with `zenity`, and with all other systems.

use std::{
    io,
    path::PathBuf,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use rfd::FileDialog;

#[cfg(target_os = "linux")]
use super::portal::{Chooser, DialogAnswer};
use crate::panics::{PanicReport, catch};

/// How long a dialog may take to appear before the user is told what to do without one.
const SHOW_LIMIT: Duration = Duration::from_secs(5);

/// What the user is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Question {
    /// Any number of files.
    Files,
    /// One folder, to send or to save in.
    Folder,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) enum Picked {
    /// The chosen paths; none if the user cancelled.
    Paths(Vec<PathBuf>),
    /// This system can't show a dialog.
    NoDialog,
    /// There is no answer yet, and there should long be a dialog. It may be on the screen, or never come: the window
    /// still has the keyboard if it hasn't. The answer follows.
    NotYet,
}

/// Shows the dialog, and calls `then` on another thread once it is answered, or once it has panicked, and before that
/// if it takes long.
pub(in crate::app) fn ask(
    question: Question,
    title: String,
    start: Option<PathBuf>,
    then: impl Fn(Result<Picked, PanicReport>) + Send + Sync + 'static,
) -> io::Result<()> {
    // Windows under test are on no screen, and a dialog would appear on that of the person who runs the tests.
    let pick = move || if cfg!(test) { Picked::NoDialog } else { pick(question, &title, start) };
    on_a_thread(pick, SHOW_LIMIT, then)
}

fn on_a_thread(
    pick: impl FnOnce() -> Picked + Send + 'static,
    limit: Duration,
    then: impl Fn(Result<Picked, PanicReport>) + Send + Sync + 'static,
) -> io::Result<()> {
    let ask = move || {
        thread::scope(|scope| {
            let then = &then;
            let (answered, answer) = mpsc::channel::<()>();
            // Without this thread nothing is missing but a hint.
            let _ =
                thread::Builder::new().name("file dialog clock".to_owned()).spawn_scoped(scope, move || {
                    if answer.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                        then(Ok(Picked::NotYet));
                    }
                });
            let picked = catch(pick);
            drop(answered);
            then(picked);
        });
    };
    thread::Builder::new().name("file dialog".to_owned()).spawn(ask).map(drop)
}

#[cfg(target_os = "linux")]
fn pick(question: Question, title: &str, start: Option<PathBuf>) -> Picked {
    let is_folder = question == Question::Folder;
    match Chooser::find() {
        Ok(chooser) if !is_folder || chooser.knows_folders() => {
            match chooser.ask(is_folder, title, start.as_deref()) {
                Ok(DialogAnswer::Chosen(paths)) => Picked::Paths(paths),
                Ok(DialogAnswer::Failed) => Picked::NoDialog,
                Err(error) => {
                    tracing::warn!(%error, "the portal shows no file dialog");
                    Picked::NoDialog
                }
            }
        }
        // The library asks the portal once more before it starts zenity, and would wait for one that hangs.
        Err(zbus::Error::InputOutput(error)) if error.kind() == io::ErrorKind::TimedOut => Picked::NoDialog,
        _ if has_zenity() => pick_by_library(question, title, start),
        _ => Picked::NoDialog,
    }
}

#[cfg(not(target_os = "linux"))]
fn pick(question: Question, title: &str, start: Option<PathBuf>) -> Picked {
    pick_by_library(question, title, start)
}

fn pick_by_library(question: Question, title: &str, start: Option<PathBuf>) -> Picked {
    let mut dialog = FileDialog::new().set_title(title);
    if let Some(start) = start {
        dialog = dialog.set_directory(start);
    }
    let picked = match question {
        Question::Files => dialog.pick_files(),
        Question::Folder => dialog.pick_folder().map(|folder| vec![folder]),
    };
    Picked::Paths(picked.unwrap_or_default())
}

#[cfg(target_os = "linux")]
fn has_zenity() -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join("zenity").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_dialog_that_panics_says_so() {
        let (sender, picked) = mpsc::channel();
        on_a_thread(|| panic!("the portal is gone"), LONG, move |picked| sender.send(picked).unwrap())
            .unwrap();
        let report = picked.recv_timeout(LONG).unwrap().unwrap_err().to_string();
        assert!(report.starts_with("the portal is gone (src/app/desktop/dialogs.rs:"), "{report}");
    }

    #[test]
    fn a_dialog_that_takes_long_is_reported_before_its_answer() {
        let (sender, picked) = mpsc::channel();
        let (answer, waits) = mpsc::channel::<()>();
        let pick = move || {
            waits.recv().unwrap();
            Picked::Paths(Vec::new())
        };
        on_a_thread(pick, Duration::from_millis(1), move |picked| sender.send(picked.unwrap()).unwrap())
            .unwrap();
        assert_eq!(picked.recv_timeout(LONG).unwrap(), Picked::NotYet);
        answer.send(()).unwrap();
        assert_eq!(picked.recv_timeout(LONG).unwrap(), Picked::Paths(Vec::new()));
    }
}
