//! Compares an offer with a folder: where its entries would go, what is there already, whether anything can be stored
//! there.
//!
//! All calls block on the disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{active::ActiveReceives, leftovers::Leftovers, staging::Disk, unfinished::Registry};
use crate::{
    platform::{self, Rules},
    protocol::manifest::{Manifest, OfferKind},
    transfer::{
        error::{FileAction, TransferError},
        offer::{AlreadyHere, Offer},
        plan::placement::{OnConflict, Target, place},
    },
};

impl Offer {
    /// Compares an offer with `folder`, which may turn out to be unusable; blocks on the disk. Receives among `active`
    /// that have lost their senders count as interrupted: what they have there can be resumed as well.
    pub fn look(
        manifest: Arc<Manifest>,
        folder: Option<PathBuf>,
        unfinished: &Registry,
        active: &ActiveReceives,
    ) -> Self {
        let Some(folder) = folder.filter(|_| manifest.kind() != OfferKind::Text) else {
            return Self {
                manifest,
                folder: None,
                targets: Vec::new(),
                free: None,
                resumable: 0,
                here: AlreadyHere::default(),
                unusable: None,
            };
        };
        match usable_space(&folder) {
            Ok(free) => {
                let targets = place_in(&folder, &manifest, |_| true, |_| OnConflict::KeepBoth);
                let resumable = match manifest.kind() {
                    OfferKind::Files => unfinished.key().map_or(0, |key| {
                        let lost = active.lost_in(&folder, &key);
                        Leftovers::find(&folder, &key).and(lost).bytes_of(&manifest)
                    }),
                    OfferKind::Text | OfferKind::Stream => 0,
                };
                let (here, free) = (AlreadyHere::default(), Some(free));
                Self { manifest, folder: Some(folder), targets, free, resumable, here, unusable: None }
            }
            Err(error) => {
                let (targets, here, unusable) = (Vec::new(), AlreadyHere::default(), Some(error));
                Self { manifest, folder: Some(folder), targets, free: None, resumable: 0, here, unusable }
            }
        }
    }
}

/// Places an offer's entries in a real folder; blocks on the disk.
pub(crate) fn place_in(
    folder: &Path,
    manifest: &Manifest,
    wanted: impl Fn(usize) -> bool,
    on_conflict: impl Fn(usize) -> OnConflict,
) -> Vec<Target> {
    place(manifest, wanted, Rules::of(folder), &Disk(folder), on_conflict)
}

/// Bytes that are free in `folder`. Fails if it is not a folder in which this user may write.
fn usable_space(folder: &Path) -> Result<u64, TransferError> {
    let usable = fs::metadata(folder).and_then(|metadata| {
        if metadata.is_dir() {
            platform::check_writable(folder)
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    });
    usable.map_err(|cause| TransferError::file(FileAction::UseFolder, folder, cause))?;
    free_space(folder)
}

/// Bytes that are free in `folder` for this user.
pub(crate) fn free_space(folder: &Path) -> Result<u64, TransferError> {
    fs4::available_space(folder).map_err(|cause| TransferError::file(FileAction::UseFolder, folder, cause))
}
