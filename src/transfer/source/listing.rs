//! What a sender is going to offer. It is listed while no receiver has come yet, and follows what the user adds and removes
//! meanwhile. When a receiver has come, it is looked at once more, because files may have changed while the code waited.
//!
//! [`Listing`] does nothing by itself: the sender awaits it beside whatever else it waits for, and may drop that future
//! and await a new one.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future,
    io::Read,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    outgoing::{Content, Stream},
    scan::{self, Scanned},
};
use crate::{
    panics::{Blocking, spawn_blocking},
    protocol::{
        manifest::{Entry, EntryKind, MAX_TEXT_BYTES, Manifest, ManifestBuilder, OfferKind},
        path::RelPath,
    },
    transfer::{
        error::{Impossible, Misbehaviour, TransferError},
        notice::{Context, NotAdded, Notice},
    },
};

/// What is to be sent.
pub enum Payload {
    /// Files and folders.
    Paths(Vec<PathBuf>),
    /// A snippet of text.
    Text(String),
    /// A stream, which is read once.
    Stream {
        /// The plain file name that it gets on the other side.
        name: String,
        /// Where it is read from, on a blocking thread.
        reader: Box<dyn Read + Send>,
    },
}

impl Payload {
    /// The same, to be sent once more; `None` for a stream, which can be read only once.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Paths(paths) => Some(Self::Paths(paths.clone())),
            Self::Text(text) => Some(Self::Text(text.clone())),
            Self::Stream { .. } => None,
        }
    }
}

/// A change that the user makes to what is going to be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListChange {
    /// These paths are offered as well.
    Add(Vec<PathBuf>),
    /// The entry of this name at the top of the list is not offered, and neither is what is in it.
    Remove(String),
}

/// What is going to be offered, as far as it is listed.
pub(crate) struct Listing {
    /// Every change that was ever made, the oldest first.
    changes: watch::Receiver<Vec<ListChange>>,
    /// How many of `changes` were taken up.
    taken: usize,
    /// Whether it was looked at again since the receiver came.
    is_renewed: bool,
    stop: CancellationToken,
    _stops: DropGuard,
    work: Option<Blocking<Result<ListingRound, TransferError>>>,
    /// What is listed; `None` while `work` is running.
    listed: Option<Listed>,
    /// What is listed so far, for those who look; `None` until it is listed for the first time.
    shown: watch::Sender<Option<Arc<Manifest>>>,
    untold: VecDeque<Notice>,
}

/// What one pass over the disk has found.
struct ListingRound {
    listed: Listed,
    news: Vec<Notice>,
}

enum Listed {
    Paths(Scanned),
    Single(Offered),
    /// What another receiver has been offered already, so that nothing can be added.
    Settled(Offered),
}

impl Listed {
    fn manifest(&self) -> &Arc<Manifest> {
        match self {
            Self::Paths(scanned) => &scanned.manifest,
            Self::Single(offered) | Self::Settled(offered) => &offered.manifest,
        }
    }
}

/// What is offered, and where its bytes come from.
pub(crate) struct Offered {
    /// What the other side is told.
    pub manifest: Arc<Manifest>,
    /// Where the bytes come from.
    pub content: Content,
}

impl Offered {
    /// A copy for another receiver; `None` for a stream, which can be read only once.
    pub(crate) fn again(&self) -> Option<Self> {
        Some(Self { manifest: Arc::clone(&self.manifest), content: self.content.again()? })
    }
}

impl Listing {
    /// Starts to list `payload`. `changes` grows by what the user changes. Cancelling `cancel` ends the listing, and so
    /// does dropping it. Fails for a text of more than [`MAX_TEXT_BYTES`].
    pub(crate) fn start(
        payload: Payload,
        changes: watch::Receiver<Vec<ListChange>>,
        cancel: &CancellationToken,
    ) -> Result<Self, TransferError> {
        if let Payload::Text(text) = &payload
            && text.len() as u64 > MAX_TEXT_BYTES
        {
            return Err(Impossible::LongText { limit: MAX_TEXT_BYTES }.into());
        }
        let stop = cancel.child_token();
        let stopped = stop.clone();
        let work = spawn_blocking(move || {
            let listed = list(payload, &stopped)?;
            Ok(ListingRound::new(listed, Vec::new()))
        });
        Ok(Self {
            changes,
            taken: 0,
            is_renewed: false,
            _stops: stop.clone().drop_guard(),
            stop,
            work: Some(work),
            listed: None,
            shown: watch::Sender::new(None),
            untold: VecDeque::new(),
        })
    }

    /// A listing of what another receiver has been offered already: nothing can be added.
    pub(crate) fn of(
        offered: Offered,
        changes: watch::Receiver<Vec<ListChange>>,
        cancel: &CancellationToken,
    ) -> Self {
        let stop = cancel.child_token();
        let untold = VecDeque::from([Notice::Listed(Arc::clone(&offered.manifest))]);
        Self {
            changes,
            taken: 0,
            is_renewed: false,
            _stops: stop.clone().drop_guard(),
            stop,
            work: None,
            shown: watch::Sender::new(Some(Arc::clone(&offered.manifest))),
            listed: Some(Listed::Settled(offered)),
            untold,
        }
    }

    /// What is listed, from now on and after each change; `None` until it is listed for the first time.
    #[cfg(feature = "croc")]
    pub(crate) fn manifests(&self) -> watch::Receiver<Option<Arc<Manifest>>> {
        self.shown.subscribe()
    }

    /// Lists until there is nothing left to list or to report. Safe to drop and call again.
    pub(crate) async fn settle(&mut self, context: &Context) -> Result<(), TransferError> {
        loop {
            context.tell_all(&mut self.untold).await;
            if let Some(work) = &mut self.work {
                let done = work.await;
                self.work = None;
                let ListingRound { listed, news } = done?;
                self.shown.send_replace(Some(Arc::clone(listed.manifest())));
                self.listed = Some(listed);
                self.untold.extend(news);
            } else {
                let changes = self.take_changes();
                if changes.is_empty() {
                    return Ok(());
                }
                self.change(changes);
            }
        }
    }

    /// Lists to the end, and looks once more at what was listed, because a receiver has come. Safe to drop and call again.
    pub(crate) async fn conclude(&mut self, context: &Context) -> Result<(), TransferError> {
        self.settle(context).await?;
        if !self.is_renewed {
            self.is_renewed = true;
            self.renew();
        }
        self.settle(context).await
    }

    /// Lists whatever is changed, for as long as it is awaited; returns only if listing fails. Safe to drop and call
    /// again.
    pub(crate) async fn grow(&mut self, context: &Context) -> TransferError {
        loop {
            if let Err(error) = self.settle(context).await {
                return error;
            }
            self.news_of_changes().await;
        }
    }

    /// Takes what is to be offered. To be called after [`Listing::conclude`] has returned, and again only if
    /// [`Listing::look_again`] allows it.
    pub(crate) fn take(&mut self) -> Offered {
        match self
            .listed
            .take()
            .expect("the listing has settled, and what can't be looked at again is taken once")
        {
            Listed::Paths(scanned) => {
                let (manifest, origins) = (Arc::clone(&scanned.manifest), Arc::clone(&scanned.origins));
                self.listed = Some(Listed::Paths(scanned));
                Offered { manifest, content: Content::Files(origins) }
            }
            Listed::Single(offered) | Listed::Settled(offered) => offered,
        }
    }

    /// Prepares for another receiver in place of the one for which everything was taken: files are looked at again, and more can
    /// be added until it has come. Returns `false` for what can't be looked at again, such as a stream.
    pub(crate) fn look_again(&mut self) -> bool {
        let has_files = matches!(self.listed, Some(Listed::Paths(_)));
        self.is_renewed &= !has_files;
        has_files
    }

    /// Refuses everything that is still added, because it comes too late. Safe to drop and call again.
    pub(crate) async fn refuse(&mut self, context: &Context) -> Infallible {
        loop {
            let paths = added(self.take_changes());
            if !paths.is_empty() {
                self.untold.push_back(Notice::NotAdded { paths, reason: NotAdded::TooLate });
            }
            context.tell_all(&mut self.untold).await;
            self.news_of_changes().await;
        }
    }

    fn take_changes(&mut self) -> Vec<ListChange> {
        let changes = self.changes.borrow_and_update();
        let new = changes.get(self.taken..).unwrap_or_default().to_vec();
        self.taken = changes.len();
        new
    }

    async fn news_of_changes(&mut self) {
        if self.changes.changed().await.is_err() {
            // Nothing can be changed any more, because the transfer is about to be cancelled.
            future::pending::<()>().await;
        }
    }

    fn change(&mut self, changes: Vec<ListChange>) {
        match self.listed.take() {
            Some(Listed::Paths(scanned)) => {
                let stopped = self.stop.clone();
                self.work = Some(spawn_blocking(move || changed(scanned, changes, &stopped)));
            }
            other => {
                let is_settled = matches!(other, Some(Listed::Settled(_)));
                self.listed = other;
                let reason = if is_settled { NotAdded::TooLate } else { NotAdded::NotFiles };
                let paths = added(changes);
                if !paths.is_empty() {
                    self.untold.push_back(Notice::NotAdded { paths, reason });
                }
            }
        }
    }

    /// Looks again at the files that are listed.
    fn renew(&mut self) {
        match self.listed.take() {
            Some(Listed::Paths(scanned)) => {
                let stopped = self.stop.clone();
                self.work = Some(spawn_blocking(move || {
                    let (scanned, has_changed) = scanned.renewed(&stopped)?;
                    let listed = Listed::Paths(scanned);
                    Ok(if has_changed {
                        ListingRound::new(listed, Vec::new())
                    } else {
                        ListingRound { listed, news: Vec::new() }
                    })
                }));
            }
            other => self.listed = other,
        }
    }
}

/// The paths that these changes add.
fn added(changes: Vec<ListChange>) -> Vec<PathBuf> {
    let paths = |change| match change {
        ListChange::Add(paths) => paths,
        ListChange::Remove(_) => Vec::new(),
    };
    changes.into_iter().flat_map(paths).collect()
}

/// Makes changes to a list. Blocks on the disk.
fn changed(
    mut scanned: Scanned,
    changes: Vec<ListChange>,
    stopped: &CancellationToken,
) -> Result<ListingRound, TransferError> {
    let mut news = Vec::new();
    for change in changes {
        match change {
            ListChange::Add(paths) => {
                let (grown, failures) = scanned.extended(paths, stopped)?;
                scanned = grown;
                news.extend(failures.into_iter().map(|(path, error)| Notice::NotAdded {
                    paths: vec![path],
                    reason: NotAdded::Unlisted(error),
                }));
            }
            ListChange::Remove(name) => {
                let (rest, path) = scanned.without(&name)?;
                scanned = rest;
                news.extend(path.map(Notice::Removed));
            }
        }
    }
    Ok(ListingRound::new(Listed::Paths(scanned), news))
}

impl ListingRound {
    fn new(mut listed: Listed, mut news: Vec<Notice>) -> Self {
        let manifest = match &mut listed {
            Listed::Paths(scanned) => {
                let left_out = std::mem::take(&mut scanned.left_out);
                if !left_out.is_empty() {
                    news.push(Notice::LeftOut(left_out));
                }
                &scanned.manifest
            }
            Listed::Single(offered) | Listed::Settled(offered) => &mut offered.manifest,
        };
        news.push(Notice::Listed(Arc::clone(manifest)));
        Self { listed, news }
    }
}

fn list(payload: Payload, cancel: &CancellationToken) -> Result<Listed, TransferError> {
    Ok(match payload {
        Payload::Paths(paths) => Listed::Paths(scan::scan(&paths, cancel)?),
        Payload::Text(text) => {
            let manifest = single(OfferKind::Text, "text", text.len() as u64)?;
            Listed::Single(Offered { manifest, content: Content::Text(Arc::new(text.into_bytes())) })
        }
        Payload::Stream { name, reader } => {
            let manifest = single(OfferKind::Stream, &name, 0)?;
            Listed::Single(Offered { manifest, content: Content::Stream(Mutex::new(Stream::new(reader))) })
        }
    })
}

fn single(kind: OfferKind, name: &str, size: u64) -> Result<Arc<Manifest>, TransferError> {
    let path = RelPath::new(name).ok().filter(|path| path.parent().is_none());
    let path = path.ok_or_else(|| Impossible::StreamName)?;
    let mut builder = ManifestBuilder::new(kind);
    let kind = EntryKind::File { size, modified: None, permissions: None, holes: Box::default() };
    builder.push_entry(Entry { path, kind }).map_err(Misbehaviour::Manifest)?;
    Ok(Arc::new(builder.finish().map_err(Misbehaviour::Manifest)?))
}
