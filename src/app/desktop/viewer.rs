//! Opens files, and shows them in their folders, on Linux: by the file manager if it answers on the session bus, and
//! otherwise by xdg-open. That ends with an error when no program opens the file, often seconds later, so its end is
//! waited for on a thread of its own. `desk` decides what may be opened.

use std::{
    env, io,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::portal;

/// How soon xdg-open must have failed for its failure to be told. Where it waits for the program that it has started, what
/// that ends with much later is no news of the file.
const SOON: Duration = Duration::from_secs(15);
/// What a `file:` address may hold as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const MANAGER: &str = "org.freedesktop.FileManager1";

/// Opens a file or folder with its program. `fails` is called if it turns out that none does.
pub(super) fn open(path: &Path, fails: impl FnOnce() + Send + 'static) -> Result<(), opener::OpenError> {
    if is_in_windows() {
        return opener::open(path);
    }
    let mut opening = Command::new("xdg-open");
    opening.arg(path);
    // Where it isn't installed, there is a copy of it in the crate.
    watch(&mut opening, fails).or_else(|_| opener::open(path))
}

/// Shows a file or folder in `folder`, which holds it. `fails` is called if it turns out that no program does.
pub(super) fn reveal(
    path: &Path,
    folder: &Path,
    fails: impl FnOnce() + Send + 'static,
) -> Result<(), opener::OpenError> {
    if is_in_windows() {
        return opener::reveal(path);
    }
    if let Err(error) = show(path) {
        tracing::debug!(%error, "no file manager answers");
        return open(folder, fails);
    }
    Ok(())
}

/// Has the file manager show a file.
fn show(path: &Path) -> zbus::Result<()> {
    let address = format!("file://{}", percent_encode(path.as_os_str().as_bytes(), PATH));
    let items = (vec![address], "");
    portal::session()?.call_method(
        Some(MANAGER),
        "/org/freedesktop/FileManager1",
        Some(MANAGER),
        "ShowItems",
        &items,
    )?;
    Ok(())
}

/// Whether this is Linux within Windows, whose programs open files.
fn is_in_windows() -> bool {
    env::var_os("WSL_DISTRO_NAME").is_some()
}

/// Starts a program, and calls `fails` if it soon ends with an error.
fn watch(program: &mut Command, fails: impl FnOnce() + Send + 'static) -> io::Result<()> {
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // What it starts outlives this program, also where a terminal ends this one.
    let mut running = program.process_group(0).spawn()?;
    let started = Instant::now();
    let wait = move || {
        let has_failed = running.wait().is_ok_and(|status| !status.success());
        if has_failed && started.elapsed() < SOON {
            fails();
        }
    };
    // The thread ends with the program that it waits for, and nothing waits for it.
    let _ = thread::Builder::new().name("opening a file".to_owned()).spawn(wait);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// What a program that ends with this status leads to.
    fn heard(status: &str) -> Result<(), mpsc::RecvError> {
        let (sender, heard) = mpsc::channel();
        let fails = move || sender.send(()).expect("the test waits");
        watch(Command::new("sh").args(["-c", &format!("exit {status}")]), fails).unwrap();
        heard.recv()
    }

    /// Catches a failure that comes after the program was started, which is how xdg-open says that nothing opens a file.
    #[test]
    fn a_program_that_ends_with_an_error_is_heard() {
        for status in ["3", "4"] {
            assert_eq!(heard(status), Ok(()));
        }
        assert_eq!(heard("0"), Err(mpsc::RecvError), "the thread is over and has said nothing");
    }

    #[test]
    fn a_program_that_is_not_there_fails_at_once() {
        assert!(watch(&mut Command::new("/no/such/program"), || {}).is_err());
    }
}
