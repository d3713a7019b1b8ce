//! The offer of a croc, and the user's answer to it. Which of its files the folder already has is found out meanwhile, by the hashes
//! that stand in the list.

use std::{
    collections::HashMap,
    fs::File,
    future,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::list::CrocListed;
use crate::{
    croc::{hashes::HashKind, manifest::CrocList},
    panics::{Blocking, spawn_blocking},
    transfer::{
        error::TransferError,
        fingerprint::{Fingerprint, fingerprint_of},
        notice::{Context, Notice},
        offer::{AlreadyHere, Answer, Choices, Offer},
        progress::Phase,
        receive::{
            asking::{UserChoice, finished, survey},
            comparing::Surveyed,
        },
        sink::{active::ActiveReceives, same::SameFiles, unfinished::Registry},
    },
};

/// The files that a list has, by entry: each with its hash.
type ListedHashes = Arc<HashMap<u32, Vec<u8>>>;

/// Reports the offer and waits for the user's answer. Returns what the user chose, and the files that are known to be the same by
/// then.
pub(super) async fn ask(
    listed: &CrocListed,
    list: &CrocList,
    folder: Option<PathBuf>,
    UserChoice { mut answer, mut look, .. }: UserChoice,
    (unfinished, active): (&Registry, &ActiveReceives),
    context: &Context,
) -> Result<(Choices, SameFiles), TransferError> {
    let has_folder = folder.is_some();
    let hashes: ListedHashes = Arc::new(
        listed
            .files
            .iter()
            .filter_map(|(entry, index)| Some((*entry, list.entries.get(*index)?.hash.clone())))
            .collect(),
    );
    let hold = |folder| {
        let (manifest, unfinished, active) =
            (Arc::clone(&listed.manifest), unfinished.clone(), active.clone());
        spawn_blocking(move || survey(&manifest, folder, &unfinished, &active))
    };
    let mut looking = Some(hold(folder));
    let mut comparing = FolderComparison::none();
    let mut is_first = true;
    loop {
        tokio::select! {
            answer = &mut answer => return match answer {
                Ok(Answer::Accept(choices)) => Ok((choices, std::mem::take(&mut comparing.same))),
                Ok(Answer::Decline) => Err(TransferError::Declined),
                Err(_) => Err(TransferError::Cancelled),
            },
            Ok(()) = look.changed(), if looking.is_none() => {
                let folder = look.borrow_and_update().clone().filter(|_| has_folder);
                looking = Some(hold(folder));
            }
            Surveyed { offer, candidates } = finished(&mut looking) => {
                looking = None;
                if std::mem::take(&mut is_first) {
                    context.enter(Phase::WaitingForAnswer);
                } else if let Offer { unusable: Some(error), .. } = offer {
                    context.tell(Notice::CantUse(error)).await;
                    continue;
                }
                comparing = FolderComparison::begin(&offer, candidates, list.hash, &hashes);
                let here = AlreadyHere::default().growing(comparing.task.is_some());
                context.tell(Notice::Offer(Arc::new(Offer { here, ..offer }))).await;
            }
            same = compared(&mut comparing.task) => {
                comparing.task = None;
                let here = AlreadyHere::of(&listed.manifest, same.iter().map(|(entry, ..)| *entry));
                for (entry, path, fingerprint) in same {
                    comparing.same.add(entry, path, fingerprint);
                }
                context.tell(Notice::AlreadyHere(here)).await;
            }
        }
    }
}

/// Files of the folder that are the same as offered ones: entry, path, fingerprint.
type SameList = Vec<(u32, PathBuf, Fingerprint)>;

/// The comparison with one folder. It ends when this is dropped.
struct FolderComparison {
    same: SameFiles,
    task: Option<Blocking<SameList>>,
    is_over: Arc<AtomicBool>,
}

impl Drop for FolderComparison {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl FolderComparison {
    fn none() -> Self {
        Self { same: SameFiles::default(), task: None, is_over: Arc::default() }
    }

    fn begin(
        offer: &Offer,
        candidates: Vec<(u32, PathBuf)>,
        kind: Option<HashKind>,
        hashes: &ListedHashes,
    ) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        // imohash reads three places of a file, so two files of the same may differ.
        let kind = kind.filter(|kind| *kind != HashKind::Imohash && !candidates.is_empty());
        let task = kind.map(|kind| {
            let (is_over, hashes) = (Arc::clone(&is_over), Arc::clone(hashes));
            spawn_blocking(move || same_files(candidates, kind, &hashes, &is_over))
        });
        Self { same: SameFiles::new(offer.folder.clone().unwrap_or_default()), task, is_over }
    }
}

/// Waits for a comparison; never returns if there is none.
async fn compared(task: &mut Option<Blocking<SameList>>) -> SameList {
    match task {
        Some(task) => task.await,
        None => future::pending().await,
    }
}

/// Which of these files have the hashes of their entries. Blocks on the disk.
fn same_files(
    candidates: Vec<(u32, PathBuf)>,
    kind: HashKind,
    hashes: &HashMap<u32, Vec<u8>>,
    is_over: &AtomicBool,
) -> SameList {
    let mut same = Vec::new();
    for (entry, path) in candidates {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let Some(expected) = hashes.get(&entry) else { continue };
        if let Some(fingerprint) = hashes_to(&path, kind, expected) {
            same.push((entry, path, fingerprint));
        }
    }
    same
}

/// The fingerprint of the file at `path` if it has this hash, and if it did not change while it was read.
fn hashes_to(path: &Path, kind: HashKind, expected: &[u8]) -> Option<Fingerprint> {
    let fingerprint = fingerprint_of(path)?;
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    let is_same = size == 0 || kind.of_file(&mut file, size).ok()? == expected;
    (is_same && fingerprint_of(path) == Some(fingerprint)).then_some(fingerprint)
}
