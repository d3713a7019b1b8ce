//! Moves one thing to another disk: copies it, reads the copy back, gives it its name, and only then removes what it was copied from.
//! What changes meanwhile is not removed, and neither is anything else unless its copy is on the other disk.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::platform::{self, open_folder::OpenFolder};

/// How much is copied at a time, in bytes: enough for a disk, little enough to be stopped at once.
const PART: usize = 1 << 20;

/// Is told how many bytes have been copied, and says whether to go on.
pub(super) type Watch<'a> = &'a mut dyn FnMut(u64) -> bool;

/// A copy that is whole and has no name yet, beside the place that it is to have.
pub(super) struct DiskCopy {
    /// The folder that the copy is in, which goes when this is dropped.
    staging: TempDir,
    /// What was copied, each folder before what is in it.
    items: Vec<Item>,
}

struct Item {
    /// Where it is.
    from: PathBuf,
    /// What it was before it was copied.
    metadata: Metadata,
}

/// The name of the copy in its folder.
const COPY: &str = "copy";

impl DiskCopy {
    /// Copies `path` to the disk of `folder`, and reads it back. Nothing is changed at `path`.
    pub(super) fn make(path: &Path, folder: &Path, watch: Watch<'_>) -> io::Result<Self> {
        let staging = tempfile::Builder::new().prefix(".caiman-move-").tempdir_in(folder)?;
        let mut copied = Self { staging, items: Vec::new() };
        let copy = copied.staging.path().join(COPY);
        copied.copy(path, &copy, watch)?;
        Ok(copied)
    }

    /// The folder that the copy is in, and the name that it has there.
    pub(super) fn place(&self) -> io::Result<(OpenFolder, &Path)> {
        Ok((OpenFolder::open(self.staging.path())?, Path::new(COPY)))
    }

    /// Removes what was copied, now that the copy has its name. What has changed since stays, and the first reason is returned.
    pub(super) fn remove_original(self) -> io::Result<()> {
        let mut result = Ok(());
        for item in self.items.iter().rev() {
            let removed = fs::symlink_metadata(&item.from).and_then(|now| {
                if item.metadata.is_dir() {
                    // It is removed only if nothing is left in it.
                    fs::remove_dir(&item.from)
                } else if is_same(&item.metadata, &now) {
                    fs::remove_file(&item.from)
                } else {
                    Err(changed())
                }
            });
            if let Err(error) = removed {
                result = result.and(Err(error));
            }
        }
        result
    }

    fn copy(&mut self, from: &Path, to: &Path, watch: Watch<'_>) -> io::Result<()> {
        let metadata = fs::symlink_metadata(from)?;
        let item = Item { from: from.to_owned(), metadata: metadata.clone() };
        self.items.push(item);
        if metadata.is_dir() {
            platform::make_private_folder(to)?;
            for child in fs::read_dir(from)? {
                let child = child?;
                self.copy(&child.path(), &to.join(child.file_name()), watch)?;
            }
            keep(&metadata, to)?;
        } else if metadata.is_file() {
            copy_file(from, &metadata, to, watch)?;
        } else if metadata.is_symlink() {
            let target = platform::link_text(&fs::read_link(from)?).ok_or(io::ErrorKind::InvalidFilename)?;
            platform::make_link(&target, to, from.is_dir())?;
        } else {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(())
    }
}

/// Copies a file, and reads it back.
fn copy_file(from: &Path, metadata: &Metadata, to: &Path, watch: Watch<'_>) -> io::Result<()> {
    let (mut source, mut part) = (File::open(from)?, vec![0; PART]);
    let mut copy = File::options().write(true).create_new(true).open(to)?;
    let mut read = blake3::Hasher::new();
    loop {
        let len = match source.read(&mut part) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        read.update(&part[..len]);
        copy.write_all(&part[..len])?;
        if !watch(len as u64) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    platform::flush(&copy)?;
    drop(copy);
    if !is_same(metadata, &fs::symlink_metadata(from)?) {
        return Err(changed());
    }
    let mut written = blake3::Hasher::new();
    written.update_reader(File::open(to)?)?;
    if written.finalize() != read.finalize() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the copy differs from what was copied"));
    }
    // What came from another computer stays marked as that.
    let _ = platform::mark_foreign(to);
    keep(metadata, to)
}

/// Gives a copy the permissions and the time of the original, as far as the disk keeps them.
fn keep(metadata: &Metadata, copy: &Path) -> io::Result<()> {
    if let Err(error) = fs::set_permissions(copy, metadata.permissions())
        && platform::is_disk_failure(&error)
    {
        return Err(error);
    }
    if let Some(modified) = platform::modified(metadata) {
        // A disk that keeps no times is no reason to leave a file where it is.
        let _ = platform::set_modified(copy, modified);
    }
    Ok(())
}

fn is_same(before: &Metadata, now: &Metadata) -> bool {
    before.file_type() == now.file_type()
        && before.len() == now.len()
        && platform::modified(before) == platform::modified(now)
        && platform::file_id(before) == platform::file_id(now)
}

fn changed() -> io::Error {
    io::Error::other("it was changed while it was being copied")
}

/// How many bytes the files at and below `path` have, without following links.
pub(super) fn size_of(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(if metadata.is_file() { metadata.len() } else { 0 });
    }
    fs::read_dir(path)?.try_fold(0, |sum, child| Ok(sum + size_of(&child?.path())?))
}
