//! Who uses a staging folder: the transfer that has its lock file locked.
//!
//! Some mounts have no locks. There, a transfer writes the time into its lock file again and again while it lives, whether bytes
//! arrive or not, and writes a word into it when it leaves the folder to others. A folder whose file has neither been touched for a
//! minute nor has the word belongs to a program that has ended.

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use crate::platform;

/// The name of the lock file in a staging folder.
pub(crate) const LOCK: &str = "lock";
/// What a transfer writes into the file when it leaves the folder to others.
const RELEASED: &[u8] = b"released";
/// How often a transfer on a mount without locks touches the file.
const TOUCH_EVERY: Duration = Duration::from_secs(15);
/// How long the file must not have been touched until its transfer counts as ended: a few touches, on a slow network mount.
const QUIET: Duration = Duration::from_mins(1);

/// A claim to a staging folder. Others can have the folder once this is released or dropped.
pub(crate) struct FolderClaim {
    file: File,
    /// Touches the file where there are no locks.
    touching: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl FolderClaim {
    /// Claims a folder that was just made.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = File::create(folder.join(LOCK))?;
        // The folder is new, so if another program holds this lock, it is about to release it.
        match file.lock() {
            Ok(()) => Ok(Self { file, touching: None }),
            Err(error) if platform::is_unsupported(&error) => Self::touching(file),
            Err(error) => Err(error),
        }
    }

    /// Claims a folder that no transfer uses at the moment; `None` if one does.
    pub(super) fn take(folder: &Path) -> Option<Self> {
        let file = platform::open_own(&folder.join(LOCK), true).ok()?;
        match file.try_lock() {
            Ok(()) => Some(Self { file, touching: None }),
            Err(TryLockError::Error(error)) if platform::is_unsupported(&error) => {
                let found = file.metadata().ok()?;
                let is_released = found.len() == RELEASED.len() as u64;
                let touched = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                let quiet = SystemTime::now().duration_since(touched).unwrap_or_default();
                if !is_released && quiet < QUIET {
                    return None;
                }
                // The next one to look finds it touched just now.
                file.set_len(0).ok()?;
                Self::touching(file).ok()
            }
            Err(_) => None,
        }
    }

    /// Leaves the folder to others at once, although this claim may still have owners.
    pub(super) fn release(&self) {
        if self.touching.is_some() {
            let _ = (&self.file).write_all(RELEASED);
        }
        // A lock that can't be released here is released when its file is closed.
        let _ = self.file.unlock();
    }

    fn touching(file: File) -> io::Result<Self> {
        let touched = file.try_clone()?;
        touched.set_modified(SystemTime::now())?;
        let (stop, stopped) = mpsc::channel();
        let touch = move || {
            while stopped.recv_timeout(TOUCH_EVERY) == Err(RecvTimeoutError::Timeout) {
                let is_released = touched.metadata().is_ok_and(|found| found.len() > 0);
                if is_released || touched.set_modified(SystemTime::now()).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("claim".to_owned()).spawn(touch)?;
        Ok(Self { file, touching: Some((stop, thread)) })
    }
}

impl Drop for FolderClaim {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.touching.take() {
            drop(stop);
            // It has nothing to say, and touches a file at most.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a mount without locks does: a claim there is no lock.
    fn claim_without_lock(folder: &Path) -> FolderClaim {
        FolderClaim::touching(File::create(folder.join(LOCK)).unwrap()).unwrap()
    }

    /// Whether another transfer could have the folder, if locks are not supported.
    fn is_free(folder: &Path) -> bool {
        let found = std::fs::metadata(folder.join(LOCK)).unwrap();
        found.len() == RELEASED.len() as u64
            || found.modified().unwrap().elapsed().unwrap_or_default() >= QUIET
    }

    #[test]
    fn a_folder_in_use_is_touched_and_one_that_is_left_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let claim = claim_without_lock(folder.path());
        claim.file.set_modified(SystemTime::now() - 2 * QUIET).unwrap();
        assert!(is_free(folder.path()), "nothing has touched it for long");
        drop(claim);
        let claim = claim_without_lock(folder.path());
        assert!(!is_free(folder.path()));
        claim.release();
        assert!(is_free(folder.path()));
    }
}
