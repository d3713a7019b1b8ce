//! Fingerprints of files: what a file looked like when it was listed or hashed, so that a later change is noticed. Also the
//! hashes of files that did not change while they were read.
//!
//! All functions here block on the disk.

use std::{
    fs::{self, File, Metadata},
    io,
    path::Path,
};

use super::plan::tree_hash::FileHash;
use crate::{platform, protocol::manifest::Modified};

/// Bytes that are read and hashed between two calls of `goes_on`: few enough that a cancelled hash ends at once, and enough
/// that the calls and the reads cost little beside the hashing.
const STEP: usize = 1024 * 1024;

/// What a file's metadata says, and what would differ if the file had been changed or replaced: its size, its time of
/// modification and the system's number for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    size: u64,
    modified: Option<Modified>,
    id: Option<(u64, u64)>,
}

impl Fingerprint {
    /// The fingerprint of the file that this metadata belongs to.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: platform::modified(metadata), id: platform::file_id(metadata) }
    }
}

/// The fingerprint of the regular file at `path`; `None` if there is none, or if `path` is a link.
pub(crate) fn fingerprint_of(path: &Path) -> Option<Fingerprint> {
    let found = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Fingerprint::of(&found))
}

/// The hash and the fingerprint of the regular file at `path`. `None` if there is none, if `path` is a link, or if the file
/// can't be read or changes meanwhile. `goes_on` is called with the number of bytes of each read, and ends the hashing by
/// returning `false`; the result is then `None`, too.
pub(crate) fn hash_found(path: &Path, goes_on: impl FnMut(u64) -> bool) -> Option<(FileHash, Fingerprint)> {
    let fingerprint = fingerprint_of(path)?;
    Some((hash_as(path, fingerprint, goes_on)?, fingerprint))
}

/// The hash of the file at `path`, provided that it has this `fingerprint` both before and after it is read. `None` if it
/// has another one or can't be read. `goes_on` is called with the number of bytes of each read, and ends the hashing by
/// returning `false`; the result is then `None`, too.
pub(crate) fn hash_as(
    path: &Path,
    fingerprint: Fingerprint,
    mut goes_on: impl FnMut(u64) -> bool,
) -> Option<FileHash> {
    let mut file = File::open(path).ok()?;
    let as_before =
        |file: &File| file.metadata().is_ok_and(|metadata| Fingerprint::of(&metadata) == fingerprint);
    if !as_before(&file) {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    let size = usize::try_from(file.metadata().ok()?.len()).unwrap_or(STEP);
    // One byte more than a small file has, so that a single read also finds its end.
    let mut buffer = vec![0; STEP.min(size.saturating_add(1))];
    loop {
        let read = read_up_to(&mut file, &mut buffer).ok()?;
        hasher.update(&buffer[..read]);
        if !goes_on(read as u64) {
            return None;
        }
        if read < buffer.len() {
            break;
        }
    }
    as_before(&file).then(|| *hasher.finalize().as_bytes())
}

/// Reads until `buffer` is full or the file ends, and returns the number of bytes read.
pub(crate) fn read_up_to(file: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::plan::tree_hash::hash_whole;

    #[test]
    fn a_file_of_any_size_is_hashed_unless_its_fingerprint_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for size in [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP] {
            let bytes = vec![7; size];
            fs::write(&path, &bytes).unwrap();
            let mut read = 0;
            let found = hash_found(&path, |more| {
                read += more;
                true
            });
            let (hash, fingerprint) = found.unwrap();
            assert_eq!((hash, read), (hash_whole(&bytes), size as u64));
            assert_eq!(hash_found(&path, |_| false), None, "the caller has stopped it");
            fs::write(&path, vec![7; size + 1]).unwrap();
            assert_eq!(hash_as(&path, fingerprint, |_| true), None);
        }
    }
}
