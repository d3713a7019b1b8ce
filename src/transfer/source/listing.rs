//! What a sender is going to offer. It is listed while no receiver has come yet, and grows with every path that the
//! user adds meanwhile.
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

/// What is going to be offered, as far as it is listed.
pub(crate) struct Listing {
    /// Every path that was ever added.
    additions: watch::Receiver<Vec<PathBuf>>,
    /// How many of `additions` were taken up.
    taken: usize,
    stop: CancellationToken,
    _stops: DropGuard,
    work: Option<Blocking<Result<ListingRound, TransferError>>>,
    /// What is listed; `None` while `work` is running.
    listed: Option<Listed>,
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
    /// Starts to list `payload`. `additions` grows by what the user adds. Cancelling `cancel` ends the listing, and so
    /// does dropping it. Fails for a text of more than [`MAX_TEXT_BYTES`].
    pub(crate) fn start(
        payload: Payload,
        additions: watch::Receiver<Vec<PathBuf>>,
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
            additions,
            taken: 0,
            _stops: stop.clone().drop_guard(),
            stop,
            work: Some(work),
            listed: None,
            untold: VecDeque::new(),
        })
    }

    /// A listing of what another receiver has been offered already: nothing can be added.
    pub(crate) fn of(
        offered: Offered,
        additions: watch::Receiver<Vec<PathBuf>>,
        cancel: &CancellationToken,
    ) -> Self {
        let stop = cancel.child_token();
        let untold = VecDeque::from([Notice::Listed(Arc::clone(&offered.manifest))]);
        Self {
            additions,
            taken: 0,
            _stops: stop.clone().drop_guard(),
            stop,
            work: None,
            listed: Some(Listed::Settled(offered)),
            untold,
        }
    }

    /// Lists until there is nothing left to list or to report. Safe to drop and call again.
    pub(crate) async fn settle(&mut self, context: &Context) -> Result<(), TransferError> {
        loop {
            context.tell_all(&mut self.untold).await;
            if let Some(work) = &mut self.work {
                let done = work.await;
                self.work = None;
                let ListingRound { listed, news } = done?;
                self.listed = Some(listed);
                self.untold.extend(news);
            } else {
                let added = self.take_additions();
                if added.is_empty() {
                    return Ok(());
                }
                self.extend(added);
            }
        }
    }

    /// Lists whatever is added, for as long as it is awaited; returns only if listing fails. Safe to drop and call
    /// again.
    pub(crate) async fn grow(&mut self, context: &Context) -> TransferError {
        loop {
            if let Err(error) = self.settle(context).await {
                return error;
            }
            self.news_of_additions().await;
        }
    }

    /// Takes what is to be offered. To be called once, after [`Listing::settle`] has returned.
    pub(crate) fn take(&mut self) -> Offered {
        match self.listed.take().expect("what is offered is taken once, after the listing has settled") {
            Listed::Paths(Scanned { manifest, origins, .. }) => {
                Offered { manifest, content: Content::Files(Arc::new(origins)) }
            }
            Listed::Single(offered) | Listed::Settled(offered) => offered,
        }
    }

    /// Refuses everything that is still added, because it comes too late. Safe to drop and call again.
    pub(crate) async fn refuse(&mut self, context: &Context) -> Infallible {
        loop {
            let paths = self.take_additions();
            if !paths.is_empty() {
                self.untold.push_back(Notice::NotAdded { paths, reason: NotAdded::TooLate });
            }
            context.tell_all(&mut self.untold).await;
            self.news_of_additions().await;
        }
    }

    fn take_additions(&mut self) -> Vec<PathBuf> {
        let additions = self.additions.borrow_and_update();
        let new = additions.get(self.taken..).unwrap_or_default().to_vec();
        self.taken = additions.len();
        new
    }

    async fn news_of_additions(&mut self) {
        if self.additions.changed().await.is_err() {
            // Nothing can be added any more, because the transfer is about to be cancelled.
            future::pending::<()>().await;
        }
    }

    fn extend(&mut self, paths: Vec<PathBuf>) {
        match self.listed.take() {
            Some(Listed::Paths(scanned)) => {
                let stopped = self.stop.clone();
                self.work = Some(spawn_blocking(move || {
                    let (scanned, failures) = scanned.extended(paths, &stopped)?;
                    let failures = failures.into_iter().map(|(path, error)| Notice::NotAdded {
                        paths: vec![path],
                        reason: NotAdded::Unlisted(error),
                    });
                    Ok(ListingRound::new(Listed::Paths(scanned), failures.collect()))
                }));
            }
            other => {
                let is_settled = matches!(other, Some(Listed::Settled(_)));
                self.listed = other;
                let reason = if is_settled { NotAdded::TooLate } else { NotAdded::NotFiles };
                self.untold.push_back(Notice::NotAdded { paths, reason });
            }
        }
    }
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
