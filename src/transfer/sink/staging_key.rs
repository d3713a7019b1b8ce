//! The key with which this user's programs seal what their staging folders record about themselves. A folder that was
//! made by anybody else (a peer whose tree was received, an archive, another user of the disk) can't have right seals,
//! so nothing in it is taken for the user's own.
//!
//! The key never leaves this machine, and nothing that is sent is made with it. A user whose key is lost can't resume
//! the transfers that were interrupted before; nothing else is lost.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
    sync::Arc,
};

use zeroize::Zeroizing;

use crate::{labels, platform};

/// Bytes of the key, and of its file.
const KEY_LEN: usize = 32;
/// Bytes of the seal of an offer.
pub(crate) const OFFER_SEAL_LEN: usize = 32;
/// Bytes of the seal of a record.
pub(crate) const RECORD_SEAL_LEN: usize = 16;

/// The key of one user's staging folders. Clones share it.
#[derive(Clone)]
pub struct StagingKey(Arc<Zeroizing<[u8; KEY_LEN]>>);

impl StagingKey {
    /// A fresh key; `None` if the system has no randomness.
    pub fn draw() -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        getrandom::fill(&mut *key).ok()?;
        Some(Self(Arc::new(key)))
    }

    /// The key in the file `path`, which is made if it doesn't exist or doesn't hold a key. Of programs that do this at
    /// the same time, one makes the key and the others read it.
    pub fn kept_in(path: &Path) -> io::Result<Self> {
        let mut file = platform::open_private(path)?;
        // A disk that has no locks leaves a moment in which two programs could make different keys; that costs the
        // resumption of one transfer.
        let _ = file.lock();
        if let Some(key) = read(&mut file)? {
            return Ok(key);
        }
        let key = Self::draw().ok_or(io::ErrorKind::Unsupported)?;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(&**key.0)?;
        file.sync_all()?;
        Ok(key)
    }

    /// The seal of an offer's file, over its `header`.
    pub(crate) fn seal_offer(&self, header: &[u8]) -> [u8; OFFER_SEAL_LEN] {
        *self.seal(labels::STAGING_OFFER, &[header]).as_bytes()
    }

    /// The seal of one record in the journal that belongs to the offer with this seal.
    pub(crate) fn seal_record(&self, offer: &[u8; OFFER_SEAL_LEN], record: &[u8]) -> [u8; RECORD_SEAL_LEN] {
        let seal = self.seal(labels::STAGING_RECORD, &[offer, record]);
        std::array::from_fn(|at| seal.as_bytes()[at])
    }

    fn seal(&self, label: &[u8], parts: &[&[u8]]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(label);
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// The key in a file; `None` if the file holds anything else.
fn read(file: &mut File) -> io::Result<Option<StagingKey>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LEN + 1));
    file.take(KEY_LEN as u64 + 1).read_to_end(&mut bytes)?;
    let key = <[u8; KEY_LEN]>::try_from(&bytes[..]).ok();
    Ok(key.map(|key| StagingKey(Arc::new(Zeroizing::new(key)))))
}

#[cfg(test)]
mod tests {
    use std::{fs, thread};

    use super::*;

    fn seal(key: &StagingKey) -> [u8; OFFER_SEAL_LEN] {
        key.seal_offer(b"header")
    }

    #[test]
    fn programs_that_start_together_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let starting: Vec<_> = (0..16)
            .map(|_| {
                let path = path.clone();
                thread::spawn(move || seal(&StagingKey::kept_in(&path).unwrap()))
            })
            .collect();
        let seals: Vec<_> = starting.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(seals.iter().all(|other| *other == seals[0]));
        assert_eq!(fs::metadata(&path).unwrap().len(), KEY_LEN as u64);
    }

    #[test]
    fn a_key_that_was_cut_off_is_made_again_and_then_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for broken in [&b""[..], b"short", &[7; KEY_LEN + 1]] {
            fs::write(&path, broken).unwrap();
            let made = StagingKey::kept_in(&path).unwrap();
            assert!(seal(&StagingKey::kept_in(&path).unwrap()) == seal(&made));
        }
        assert!(seal(&StagingKey::draw().unwrap()) != seal(&StagingKey::draw().unwrap()));
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_the_key_and_it_is_read_through_no_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let [path, link] = ["key", "link"].map(|name| folder.path().join(name));
        StagingKey::kept_in(&path).unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        StagingKey::kept_in(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        symlink(&path, &link).unwrap();
        assert!(StagingKey::kept_in(&link).is_err());
        fs::remove_file(&link).unwrap();
        fs::hard_link(&path, &link).unwrap();
        assert!(StagingKey::kept_in(&link).is_err());
    }
}
