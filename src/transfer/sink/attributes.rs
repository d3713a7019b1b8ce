//! What a file has beside its bytes: its time, who may use it, and the mark of a file from another computer. A mount that can't keep
//! one of them is no reason to lose the file; what was not kept is counted, so that the user learns of it once.

use std::{collections::HashSet, fs::File, io, path::Path, sync::Mutex};

use crate::{
    platform,
    protocol::manifest::{Entry, EntryKind},
    sync::lock,
    transfer::notice::NotKept,
};

/// Gives files their attributes, and counts what the mount did not keep.
#[derive(Default)]
pub(super) struct Attributes {
    not_kept: Mutex<NotKept>,
    /// Entries that are counted: a file that is repaired gets its attributes again.
    counted: Mutex<HashSet<u32>>,
}

impl Attributes {
    /// Gives the open file at `path` the time of its entry, which has this number, and lets those execute it who may. Fails only if
    /// the disk does.
    pub(super) fn set(&self, file: &File, path: &Path, number: u32, entry: &Entry) -> io::Result<()> {
        let EntryKind::File { modified, permissions, .. } = &entry.kind else { return Ok(()) };
        // The mark comes first, because it may change the file's time, and while the file has no real name.
        if let Err(error) = platform::mark_foreign(path) {
            tracing::debug!(%error, "a file can't be marked as coming from another computer");
        }
        let mut missed = NotKept::default();
        if let Some(permissions) = permissions {
            if permissions.is_executable() {
                missed.executable = u64::from(!kept(platform::make_executable(file, *permissions))?);
            }
            let is_private = permissions.bits() & 0o044 != 0o044;
            missed.private = u64::from(
                is_private && file.metadata().is_ok_and(|found| platform::is_wider(&found, *permissions)),
            );
        }
        if let Some(modified) = modified {
            missed.times = u64::from(!kept(platform::set_file_modified(file, *modified).map(|()| true))?);
        }
        if !missed.is_nothing() && lock(&self.counted).insert(number) {
            let mut not_kept = lock(&self.not_kept);
            not_kept.times += missed.times;
            not_kept.executable += missed.executable;
            not_kept.private += missed.private;
        }
        Ok(())
    }

    /// What the mount did not keep of the files so far.
    pub(super) fn not_kept(&self) -> NotKept {
        *lock(&self.not_kept)
    }
}

/// Whether something was kept, given the answer of the system. Fails if the disk has failed.
fn kept(done: io::Result<bool>) -> io::Result<bool> {
    match done {
        Err(error) if platform::is_disk_failure(&error) => Err(error),
        done => Ok(done.unwrap_or(false)),
    }
}
