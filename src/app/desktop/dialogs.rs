//! Asks the user for files and folders, through the system's own dialogs. Each question has a thread of its own until
//! it is answered. It can't be withdrawn, so the window doesn't wait for it when it closes.

use std::{io, path::PathBuf, thread};

use rfd::FileDialog;

use crate::panics::{PanicReport, catch};

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
}

/// Shows the dialog, and calls `then` on another thread once it is answered, or once it has panicked.
pub(in crate::app) fn ask(
    question: Question,
    title: String,
    start: Option<PathBuf>,
    then: impl FnOnce(Result<Picked, PanicReport>) + Send + 'static,
) -> io::Result<()> {
    let pick = move || {
        // Windows under test are on no screen, and a dialog would appear on that of the person who runs the tests.
        if cfg!(test) || !can_ask() {
            return Picked::NoDialog;
        }
        let mut dialog = FileDialog::new().set_title(title);
        if let Some(start) = start {
            dialog = dialog.set_directory(start);
        }
        let picked = match question {
            Question::Files => dialog.pick_files(),
            Question::Folder => dialog.pick_folder().map(|folder| vec![folder]),
        };
        Picked::Paths(picked.unwrap_or_default())
    };
    on_a_thread(pick, then)
}

fn on_a_thread(
    pick: impl FnOnce() -> Picked + Send + 'static,
    then: impl FnOnce(Result<Picked, PanicReport>) + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new().name("file dialog".to_owned()).spawn(move || then(catch(pick))).map(drop)
}

/// Whether a dialog can be shown. On Linux that takes a portal on the session bus, or `zenity`. Without both, the
/// library answers as if the user had cancelled, and nothing would say why no dialog appears.
#[cfg(target_os = "linux")]
fn can_ask() -> bool {
    has_zenity() || has_portal()
}

#[cfg(not(target_os = "linux"))]
fn can_ask() -> bool {
    true
}

#[cfg(target_os = "linux")]
fn has_zenity() -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join("zenity").is_file())
}

#[cfg(target_os = "linux")]
fn has_portal() -> bool {
    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    let ask = || -> zbus::Result<bool> {
        let bus = zbus::blocking::connection::Builder::session()?
            .method_timeout(std::time::Duration::from_secs(3))
            .build()?;
        let names = zbus::blocking::fdo::DBusProxy::new(&bus)?;
        let name = PORTAL.try_into().map_err(zbus::Error::from)?;
        let is_running = names.name_has_owner(name)?;
        Ok(is_running || names.list_activatable_names()?.iter().any(|name| name.as_str() == PORTAL))
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[test]
    fn a_dialog_that_panics_says_so() {
        let (sender, picked) = mpsc::channel();
        on_a_thread(|| panic!("the portal is gone"), move |picked| sender.send(picked).unwrap()).unwrap();
        let report = picked.recv_timeout(Duration::from_mins(1)).unwrap().unwrap_err().to_string();
        assert!(report.starts_with("the portal is gone (src/app/desktop/dialogs.rs:"), "{report}");
    }
}
