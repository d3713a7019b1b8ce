//! The journal of a staging folder: which offer its bytes belong to and which blocks are there.
//!
//! Written to a temporary name and renamed, with a checksum, so that a crash leaves the old one or the new one. It is a
//! hint: whoever reads it must still check the data against the sender's hashes. Reading it back comes with resuming.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use serde::Serialize;

use super::blocks::BlockSet;
use crate::protocol::frame;

/// Name of the journal in its staging folder.
pub const FILE_NAME: &str = "journal";
const TEMPORARY_NAME: &str = "journal.new";
/// Layout of the file; a reader refuses any other.
const VERSION: u16 = 1;

/// What a journal says, besides the blocks.
#[derive(Debug, Clone, Serialize)]
pub struct Heading {
    version: u16,
    /// BLAKE3 of the offer's entries.
    digest: [u8; 32],
    /// Bytes of a block.
    block_size: u32,
    /// Which entries were wanted, as in the acceptance.
    wanted: Option<Vec<u8>>,
}

impl Heading {
    /// For a transfer of the offer with this digest.
    pub fn new(digest: [u8; 32], block_size: u32, wanted: Option<Vec<u8>>) -> Self {
        Self { version: VERSION, digest, block_size, wanted }
    }
}

/// Writes the journal into `staging`: `postcard(heading, bitmap) ‖ BLAKE3 of that`.
pub fn save(staging: &Path, heading: &Heading, held: &BlockSet) -> io::Result<()> {
    let body = frame::to_bytes(&(heading, held.to_bytes()));
    let temporary = staging.join(TEMPORARY_NAME);
    let mut file = File::create(&temporary)?;
    file.write_all(&body)?;
    file.write_all(blake3::hash(&body).as_bytes())?;
    file.sync_data()?;
    fs::rename(temporary, staging.join(FILE_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_journal_carries_a_checksum_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let heading = Heading::new([7; 32], 1024, None);
        let mut held = BlockSet::default();
        for block in [0, 3] {
            held.insert(block);
            save(folder.path(), &heading, &held).unwrap();
        }
        let bytes = fs::read(folder.path().join(FILE_NAME)).unwrap();
        let (body, checksum) = bytes.split_at(bytes.len() - 32);
        assert_eq!(blake3::hash(body).as_bytes(), checksum);
        let (version, digest, block_size, wanted, bitmap): (u16, [u8; 32], u32, Option<Vec<u8>>, Vec<u8>) =
            frame::from_bytes(body).unwrap();
        assert_eq!((version, digest, block_size, wanted), (VERSION, [7; 32], 1024, None));
        assert_eq!(bitmap, [0b1001, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
