//! What the user accepted of an offer, where it goes, and how it gets its real name at the end.

use std::{
    collections::HashSet,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::time::Instant;

use super::request::Output;
use crate::{
    panics::{Blocking, spawn_blocking},
    protocol::manifest::{Manifest, OfferKind},
    sync::lock,
    transfer::{
        error::{FileAction, Impossible, TransferError},
        notice::{Context, Notice},
        offer::{AlreadyHere, Choices},
        plan::{Plan, Wanted, blocks::BlockSet, placement::Target},
        progress::{MAX_PLACED, Report},
        sink::{
            Sink,
            active::ActiveReceives,
            delivery::{Delivered, Failure, deliver},
            leftovers::Leftovers,
            ordered::Ordered,
            same::SameFiles,
            staging::{StagedFiles, Staging},
            survey::{Chosen, free_space, mount_of},
            unfinished::Registry,
        },
    },
};

/// What the user accepted, and where it goes.
pub(super) struct Accepted {
    pub(super) manifest: Arc<Manifest>,
    pub(super) wanted: Wanted,
    pub(super) plan: Arc<Plan>,
    pub(super) targets: Vec<Target>,
    /// Files that are not wanted because the folder already has them.
    pub(super) here: AlreadyHere,
    /// Files that the user wants and that are too large for the file system.
    too_large: Vec<u32>,
    /// Paths at the top of the folder that are, or hold, files in `here`.
    tops: Vec<PathBuf>,
    pub(super) destination: Destination,
}

/// Where what was accepted goes.
pub(super) enum Destination {
    /// A folder, by way of its staging folder.
    Folder(PathBuf, Arc<Staging>),
    /// A writer, in order.
    Writer(Arc<Ordered>),
    /// Memory, for a text.
    Text(Arc<Ordered>, Memory),
}

impl Accepted {
    /// Carries out the user's choices, up to creating the staging folder. Blocks on the disk.
    pub(super) fn decide(
        manifest: Arc<Manifest>,
        choices: &Choices,
        same_files: &SameFiles,
        output: Output,
        unfinished: &Registry,
        active: &ActiveReceives,
    ) -> Result<Self, TransferError> {
        if manifest.kind() == OfferKind::Text {
            let memory = Memory::default();
            let ordered = Arc::new(Ordered::new(Box::new(memory.clone())));
            return Ok(Self::without_folder(manifest, Destination::Text(ordered, memory)));
        }
        let folder = match output {
            Output::Folder(folder) => choices.folder.clone().unwrap_or(folder),
            Output::Writer(writer) => {
                if manifest.entries().len() != 1 || manifest.files() != 1 {
                    let entries = manifest.entries().len();
                    return Err(Impossible::NotOneFile { entries }.into());
                }
                let ordered = Arc::new(Ordered::new(writer));
                return Ok(Self::without_folder(manifest, Destination::Writer(ordered)));
            }
        };
        let mount = mount_of(&folder)?;
        let same = same_files.here(&folder, &manifest, choices);
        let Chosen { wanted, targets, here, too_large } =
            Chosen::by(choices, (&folder, mount), &manifest, same);
        let tops = same_files.tops(&here, MAX_PLACED);
        let plan = Arc::new(Plan::new(&manifest, |index| wanted.contains(index)));
        // A stream has no blocks that could be named beforehand, so nothing of it can be resumed.
        let is_resumable = plan.stream().is_none();
        let key = unfinished.key().ok_or(Impossible::NoRandomness)?;
        let leftovers = if is_resumable && choices.resumes {
            active.make_way(&folder, &key, |held| !held.blocks_of(&manifest, &plan).is_empty());
            Leftovers::find(&folder, &key)
        } else {
            Leftovers::of(None, &key)
        };
        let held = leftovers.blocks_of(&manifest, &plan);
        let holes = if mount.keeps_holes { 0 } else { holes_in(&manifest, &wanted, &plan, &held) };
        let needed = plan.bytes() - plan.bytes_in(&held) + holes;
        if let Some(free) = free_space(&folder)?.filter(|free| needed > *free && !choices.ignores_space) {
            return Err(TransferError::NoSpace { needed, free });
        }
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(|_| Impossible::NoRandomness)?;
        let (manifests, plans) = (Arc::clone(&manifest), Arc::clone(&plan));
        let files =
            StagedFiles { manifest: manifests, plan: plans, wanted: &wanted, targets: &targets, mount };
        let staging = Staging::create(&folder, id, files, leftovers)?;
        if is_resumable && let Err(error) = unfinished.note(staging.folder()) {
            tracing::warn!(%error, "this transfer can't be listed if it is interrupted");
        }
        let destination = Destination::Folder(folder, Arc::new(staging));
        Ok(Self { manifest, wanted, plan, targets, here, too_large, tops, destination })
    }

    /// Accepts all of an offer for a destination that has no file names.
    fn without_folder(manifest: Arc<Manifest>, destination: Destination) -> Self {
        let plan = Arc::new(Plan::new(&manifest, |_| true));
        Self {
            manifest,
            wanted: Wanted::all(),
            plan,
            targets: Vec::new(),
            here: AlreadyHere::default(),
            too_large: Vec::new(),
            tops: Vec::new(),
            destination,
        }
    }
}

/// Bytes without blocks in the files that are wanted. A file of which blocks are held has its whole length already.
fn holes_in(manifest: &Manifest, wanted: &Wanted, plan: &Plan, held: &BlockSet) -> u64 {
    let entries = (0..).zip(manifest.entries()).filter(|(number, _)| wanted.contains(*number as usize));
    let sparse = entries.filter(|(number, entry)| {
        !entry.holes().is_empty() && held.ranges_in(plan.blocks_of(*number)).is_empty()
    });
    sparse.map(|(number, entry)| entry.size() - plan.bytes_of(number)).sum()
}

impl Destination {
    /// Starts to read the blocks that were here from the start, for the hashes of their files; `None` if there are
    /// none.
    pub(super) fn hash_held(&self) -> Option<Blocking<Result<(), TransferError>>> {
        let Self::Folder(_, staging) = self else { return None };
        let staging = Arc::clone(staging);
        (!staging.held().is_empty()).then(|| spawn_blocking(move || staging.hash_held()))
    }

    /// Blocks that were here from the start.
    pub(super) fn held(&self) -> BlockSet {
        match self {
            Self::Folder(_, staging) => staging.held().clone(),
            Self::Writer(_) | Self::Text(..) => BlockSet::default(),
        }
    }

    pub(super) fn sink(&self) -> Sink {
        match self {
            Self::Folder(_, staging) => Sink::Folder(Arc::clone(staging)),
            Self::Writer(ordered) | Self::Text(ordered, _) => Sink::Ordered(Arc::clone(ordered)),
        }
    }
}

/// A transfer of which everything is here and checked, and only the real names are missing.
pub(super) struct Verified {
    pub(super) accepted: Accepted,
    /// Bytes of the files that arrived, without withdrawn ones.
    pub(super) bytes: u64,
    /// How many files the sender withdrew.
    pub(super) withdrawn: u64,
    pub(super) started: Instant,
}

impl Verified {
    /// Gives everything its real name, reports what could not get one, and returns the report of the transfer.
    ///
    /// `wait` waits for the work on the disk, and keeps the other side informed meanwhile.
    pub(super) async fn deliver(
        self,
        unfinished: Registry,
        context: &Context,
        wait: impl AsyncFnOnce(Blocking<Delivered>) -> Delivered,
    ) -> Report {
        let Self { accepted, bytes, withdrawn, started } = self;
        let Accepted { manifest, wanted, targets, here, too_large, tops, destination, .. } = accepted;
        let missing = withdrawn + too_large.len() as u64;
        let mut report = Report { stored: 1, bytes, missing, receivers: 1, ..Report::default() };
        (report.here, report.here_bytes) = (here.files(), here.bytes());
        match destination {
            Destination::Folder(folder, staging) => {
                report.folder = Some(folder.clone());
                let (entries, staged) = (Arc::clone(&manifest), Arc::clone(&staging));
                let delivered = spawn_blocking(move || {
                    let delivered = deliver(&folder, &entries, &wanted, &targets, &staging);
                    let failed: HashSet<u32> =
                        delivered.failures.iter().map(|failure| failure.entry).collect();
                    let has_come = |index: usize| {
                        let number = index as u32;
                        wanted.contains(index)
                            && targets.get(index).is_some_and(|target| target.path.is_some())
                            && !staging.is_dropped(number)
                            && !failed.contains(&number)
                    };
                    let is_in_place = |index| here.contains(index) || has_come(index);
                    if let Some(key) = unfinished.key() {
                        Leftovers::find(&folder, &key).remove_useless(&entries, is_in_place);
                    }
                    delivered
                });
                let Delivered { stored, placed, is_new, failures } = wait(delivered).await;
                report.placed = placed;
                report.is_new = is_new && report.here == 0;
                let others = tops.into_iter().filter(|top| !report.placed.contains(top));
                let others: Vec<PathBuf> = others.collect();
                report.placed.extend(others);
                report.placed.truncate(MAX_PLACED);
                report.not_stored = failures.len() as u64;
                (report.stored, report.missing) = (stored, missing + report.not_stored);
                let refused = too_large.into_iter().map(|entry| Failure {
                    entry,
                    error: TransferError::file(
                        FileAction::Store,
                        manifest
                            .entries()
                            .get(entry as usize)
                            .map(|entry| entry.path.as_str())
                            .unwrap_or_default(),
                        io::ErrorKind::FileTooLarge.into(),
                    ),
                });
                let failures = failures.into_iter().chain(refused);
                let not_kept = staged.not_kept();
                if !not_kept.is_nothing() {
                    context.tell(Notice::NotKept(not_kept)).await;
                }
                for failure in failures {
                    let entry = manifest.entries().get(failure.entry as usize);
                    let path = entry.map(|entry| entry.path.as_str().into()).unwrap_or_default();
                    context.tell(Notice::NotStored { path, error: failure.error }).await;
                }
            }
            Destination::Writer(_) => {}
            Destination::Text(_, memory) => {
                let text = String::from_utf8_lossy(&std::mem::take(&mut *lock(&memory.0))).into_owned();
                context.tell(Notice::Text(text)).await;
            }
        }
        report.seconds = started.elapsed().as_secs_f64();
        report
    }
}

/// A text that is arriving; the manifest bounds its length.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
