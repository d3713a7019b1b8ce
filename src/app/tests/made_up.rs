//! What the engine would have reported, made up.

use std::{collections::HashSet, path::Path, sync::Arc};

use crate::{
    code::CodePhrase,
    engine::{Event, Notice, Offer, Phase, Progress, TaskId, TransferError},
    net::client::RelayAddress,
    protocol::manifest::{Entry, Manifest, OfferKind},
    transfer::{error::FileAction, plan::placement::Target},
};

/// The code of every made-up transfer.
pub(in crate::app) const CODE: &str = "acid-coyote-mustard-tulip";

/// A mebibyte.
pub(super) const MIB: u64 = 1 << 20;

/// A manifest of files with their sizes, and of folders, whose names end in a slash and stand before what is in them.
pub(in crate::app) fn manifest(entries: &[(&str, u64)]) -> Arc<Manifest> {
    Arc::new(Manifest::made_up(OfferKind::Files, entries))
}

/// The manifest of a text.
pub(in crate::app) fn text_manifest() -> Arc<Manifest> {
    Arc::new(Manifest::made_up(OfferKind::Text, &[("text", 12)]))
}

/// The offer of `manifest` in `folder`, where the names `taken` are taken.
pub(in crate::app) fn offer(manifest: &Arc<Manifest>, folder: &Path, taken: &[&str]) -> Arc<Offer> {
    let taken: HashSet<&str> = taken.iter().copied().collect();
    let target = |entry: &Entry| {
        let conflicts = taken.contains(entry.path.as_str());
        let beside = entry.path.with_name(&format!("{} (2)", entry.path.name())).unwrap();
        Target {
            path: Some(if conflicts { beside } else { entry.path.clone() }),
            conflicts,
            in_place: conflicts.then(|| entry.path.clone()),
            ..Target::default()
        }
    };
    Arc::new(Offer {
        folder: Some(folder.to_owned()),
        targets: manifest.entries().iter().map(target).collect(),
        free: Some(1 << 40),
        ..Offer::new(Arc::clone(manifest))
    })
}

/// The offer of `manifest` in a `folder` that can't be used.
pub(super) fn offer_for_nowhere(manifest: &Arc<Manifest>, folder: &Path) -> Arc<Offer> {
    let cause = std::io::ErrorKind::PermissionDenied.into();
    let unusable = Some(TransferError::file(FileAction::UseFolder, folder, cause));
    Arc::new(Offer { folder: Some(folder.to_owned()), unusable, ..Offer::new(Arc::clone(manifest)) })
}

pub(in crate::app) fn code() -> CodePhrase {
    CODE.parse().unwrap()
}

pub(in crate::app) fn relay() -> RelayAddress {
    "relay.example.org".parse().unwrap()
}

/// The event by which a transfer gets its code.
pub(in crate::app) fn code_of(id: TaskId) -> Event {
    Event::Notice(id, Notice::Code { code: code(), relay: Some(relay()) })
}

/// A snapshot of the progress.
pub(in crate::app) fn progress(phase: Phase, bytes: u64, total: u64) -> Progress {
    Progress { phase, bytes, total_bytes: Some(total), lanes: 4, ..Progress::default() }
}

/// The event by which a transfer ends early.
pub(in crate::app) fn failed(id: TaskId, error: TransferError) -> Event {
    Event::Ended(id, Err(error))
}
