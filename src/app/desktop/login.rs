//! Starting the program together with the user's session. Used by the desk. What the system reads at the start of a session alone
//! says whether it is on, so that what other programs change there counts too.
//!
//! Each system has a module:
//!
//! - `autostart`: the folder of that name, as freedesktop.org describes it, on Linux
//! - `launch_agent`: a launch agent of macOS
//! - `run_key`: the registry of Windows

#[cfg(target_os = "linux")]
mod autostart;
#[cfg(any(target_os = "macos", test))]
mod launch_agent;
#[cfg(windows)]
mod run_key;

#[cfg(target_os = "linux")]
use autostart as system;
#[cfg(target_os = "macos")]
use launch_agent as system;
#[cfg(windows)]
use run_key as system;

use std::io;
#[cfg(not(windows))]
use std::{fs, path::Path};

/// Whether the program starts with the user's session; `None` where that can't be set.
pub(super) fn is_on() -> Option<bool> {
    system::is_on()
}

/// Has the program start with the user's session, or no longer.
pub(super) fn set(is_on: bool) -> io::Result<()> {
    system::set(is_on)
}

/// Writes a file and the folder that it is in, or removes the file.
#[cfg(not(windows))]
fn keep(file: &Path, text: Option<&str>) -> io::Result<()> {
    let Some(text) = text else {
        return match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;

    #[test]
    fn the_file_comes_and_goes_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("autostart/x.desktop");
        keep(&file, None).unwrap();
        keep(&file, Some("text")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        keep(&file, None).unwrap();
        assert!(!file.exists());
    }
}
