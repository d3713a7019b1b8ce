//! The staging folder as a transfer and other programs treat it.

use super::*;
use crate::{
    protocol::manifest::{Hole, ManifestBuilder, OfferKind, RawEntry, RawKind},
    transfer::{plan::MIN_BLOCK, sink::staging_key::StagingKey},
};

fn staging(chosen: &Path, size: u64) -> Staging {
    staging_of(&StagingKey::draw().unwrap(), chosen, size)
}

fn staging_of(key: &StagingKey, chosen: &Path, size: u64) -> Staging {
    let manifest = Arc::new(Manifest::made_up(OfferKind::Files, &[("file", size)]));
    Staging::of_all(chosen, 1, manifest, Leftovers::of(None, key))
}

/// Catches a sender that goes on after it said that it was done, with bytes that are no longer checked.
#[test]
fn what_comes_while_files_are_checked_is_dropped() {
    let chosen = tempfile::tempdir().unwrap();
    let staging = staging(chosen.path(), 4);
    staging.store(0, b"good").unwrap();
    staging.close();
    staging.store(0, b"evil").unwrap();
    assert_eq!(fs::read(staging.folder().join("0")).unwrap(), b"good");
    staging.start_repair([0]);
    staging.store(0, b"mend").unwrap();
    assert_eq!(staging.read_back(0).unwrap().1, hash_whole(b"mend"));
}

/// Catches bytes that reach the user unchecked, because a hash is of what was written.
#[test]
fn a_file_that_something_else_made_longer_or_shorter_counts_as_damaged() {
    let chosen = tempfile::tempdir().unwrap();
    let staging = staging(chosen.path(), 4);
    staging.store(0, b"good").unwrap();
    let path = staging.folder().join("0");
    for (spoilt, mended) in [(&b"good and more"[..], &b"good"[..]), (b"go", b"go\0\0")] {
        fs::write(&path, spoilt).unwrap();
        staging.close();
        assert_eq!(staging.mend_lengths().unwrap(), [0]);
        assert_eq!(fs::read(&path).unwrap(), mended);
        assert!(staging.mend_lengths().unwrap().is_empty());
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(staging.mend_lengths().unwrap(), [0]);
    staging.start_repair([0]);
    staging.store(0, b"mend").unwrap();
    assert_eq!(staging.read_back(0).unwrap().1, hash_whole(b"mend"));
}

#[cfg(unix)]
#[test]
fn a_length_is_not_mended_through_a_link() {
    let place = tempfile::tempdir().unwrap();
    let (chosen, outside) = (place.path().join("chosen"), place.path().join("outside"));
    fs::create_dir(&chosen).unwrap();
    fs::write(&outside, "precious").unwrap();
    let staging = staging(&chosen, 4);
    staging.store(0, b"good").unwrap();
    let path = staging.folder().join("0");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    staging.close();
    assert_eq!(staging.mend_lengths().unwrap(), [0]);
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    assert_eq!(fs::read_to_string(outside).unwrap(), "precious");
}

#[test]
fn a_staging_folder_that_is_dropped_stays_if_it_holds_something_to_go_on_from() {
    let (chosen, key) = (tempfile::tempdir().unwrap(), StagingKey::draw().unwrap());
    let dropped = staging_of(&key, chosen.path(), 4);
    dropped.store(0, b"text").unwrap();
    dropped.note_stored(&[(0, 1)]).unwrap();
    let manifest = Arc::clone(&dropped.manifest);
    drop(dropped);
    let left = Leftovers::find(chosen.path(), &key);
    assert_eq!(left.bytes_of(&manifest), 4);
}

#[test]
fn a_staging_folder_goes_with_its_transfer_unless_it_is_kept() {
    let chosen = tempfile::tempdir().unwrap();
    drop(staging(chosen.path(), 4));
    assert_eq!(fs::read_dir(chosen.path()).unwrap().count(), 0);
    let kept = staging(chosen.path(), 4);
    kept.keep();
    drop(kept);
    assert_eq!(fs::read_dir(chosen.path()).unwrap().count(), 1);
}

/// Catches zeros that reach the user as a whole file, because each block was hashed as it came.
#[test]
fn a_file_that_is_gone_and_was_made_again_counts_as_damaged() {
    let chosen = tempfile::tempdir().unwrap();
    let (block, size) = (u64::from(MIN_BLOCK), 2 * u64::from(MIN_BLOCK));
    let staging = staging(chosen.path(), size);
    staging.store(0, &vec![1; block as usize]).unwrap();
    fs::remove_file(staging.folder().join("0")).unwrap();
    staging.store(1, &vec![2; block as usize]).unwrap();
    staging.close();
    assert_eq!(staging.mend_lengths().unwrap(), [0]);
    assert!(staging.mend_lengths().unwrap().is_empty());
}

/// Catches the user's own folder that is removed because another user gave it the name of a staging folder.
#[cfg(unix)]
#[test]
fn only_the_folder_that_was_made_is_removed() {
    let chosen = tempfile::tempdir().unwrap();
    let docs = chosen.path().join("docs");
    fs::create_dir(&docs).unwrap();
    fs::write(docs.join("only copy"), "mine").unwrap();
    for ends_by_discard in [true, false] {
        let staging = staging(chosen.path(), 4);
        let folder = staging.folder().to_owned();
        fs::rename(&folder, chosen.path().join(format!("away {ends_by_discard}"))).unwrap();
        fs::rename(&docs, &folder).unwrap();
        if ends_by_discard {
            assert!(staging.discard().is_err());
        }
        drop(staging);
        fs::rename(&folder, &docs).unwrap();
        assert_eq!(fs::read_to_string(docs.join("only copy")).unwrap(), "mine");
    }
}

/// Catches bytes that get into a file through its holes, which no hash covers.
#[cfg(unix)]
#[test]
fn what_was_written_into_a_hole_is_gone_when_a_transfer_is_resumed() {
    let (chosen, key) = (tempfile::tempdir().unwrap(), StagingKey::draw().unwrap());
    let block = u64::from(MIN_BLOCK);
    let holes = vec![Hole { start: 0, end: 4 * block }];
    let kind = RawKind::File { size: 5 * block, modified: None, permissions: None, holes };
    let mut builder = ManifestBuilder::new(OfferKind::Files);
    builder.push(RawEntry { path: "file".to_owned(), kind }).unwrap();
    let manifest = Arc::new(builder.finish().unwrap());
    let begin = |id, leftovers| Staging::of_all(chosen.path(), id, Arc::clone(&manifest), leftovers);
    let broken = begin(1, Leftovers::of(None, &key));
    broken.store(0, &vec![7; block as usize]).unwrap();
    broken.note_stored(&[(0, 1)]).unwrap();
    platform::write_all_at(&platform::open_staged(&broken.folder().join("0")).unwrap(), b"garbage", 9)
        .unwrap();
    broken.keep();
    drop(broken);
    let resumed = begin(2, Leftovers::find(chosen.path(), &key));
    let bytes = fs::read(resumed.folder().join("0")).unwrap();
    assert!(bytes[..4 * block as usize].iter().all(|byte| *byte == 0));
    assert!(bytes[4 * block as usize..].iter().all(|byte| *byte == 7));
}
