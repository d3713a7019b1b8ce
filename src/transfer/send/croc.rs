//! A receiver that has croc: the same files as for any other, in croc's words.
//!
//! - `waiting`: the wait at croc's relays
//! - `list`: the offer as croc's list
//! - `source`: where the bytes and the hashes come from
//! - `tally`: what the receiver has
//!
//! croc asks for one file after the other, and never says which it has already or doesn't want. So what was not asked for counts as
//! being there. Bytes count once the network has taken them: croc says of no byte that it is stored, only of whole files. A pause
//! stops the lanes, which the receiver is not told, because croc has no word for it. A lost connection ends the transfer.

mod list;
mod source;
mod tally;
pub(super) mod waiting;

use std::{
    collections::HashSet,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use self::{
    list::{CrocListing, listed},
    source::{CrocSource, hash_all},
    tally::Tally,
    waiting::CrocGuest,
};
use super::{common::cancelled, options::SendOptions};
use crate::{
    croc::{
        error::CrocError,
        feed::FileJob,
        send::{CrocReceiver, CrocServing},
    },
    panics::{caught, spawn_blocking},
    protocol::{manifest::Manifest, peer::Withdrawal},
    sync::lock,
    transfer::{
        croc::{CrocName, CrocNews, failed},
        error::{FileAction, Impossible, TransferError},
        notice::{Context, Notice},
        progress::{Phase, Report},
        source::{
            listing::{Listing, Offered},
            outgoing::Content,
        },
    },
};

/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(50);
/// What a croc says when its user doesn't want the files.
const REFUSED: &str = "refusing files";

/// Offers what is listed to a receiver, and sends what it asks for. `None` if the receiver was lost before it has answered. `on_answer`
/// is called when it has.
pub(super) async fn serve(
    guest: CrocGuest,
    (listing, offered): (&mut Listing, &mut Option<Offered>),
    on_answer: impl FnOnce(),
    (options, pause): (&SendOptions, watch::Receiver<bool>),
    context: &Context,
) -> Result<Option<Report>, TransferError> {
    let CrocGuest { receiver, met_at, named } = guest;
    context.tell(Notice::Croc(CrocNews::Peer { version: receiver.version.number() })).await;
    context.tell(Notice::Met(met_at)).await;
    let mut service = Service { stage: Stage::Came(receiver), named, options, pause, context };
    let until_cancelled = async {
        tokio::select! {
            ended = service.work(listing, offered, on_answer) => ended,
            () = context.cancel.cancelled() => Err(cancelled(context)),
        }
    };
    let ended = caught(until_cancelled).await.unwrap_or_else(|report| Err(report.into()));
    match (service.stage, &ended) {
        (Stage::Served(mut serving), Ok(Some(_))) => serving.finish().await,
        (Stage::Served(mut serving), _) => serving.give_up().await,
        (Stage::Came(mut receiver), _) => receiver.give_up().await,
        (Stage::Nobody, _) => {}
    }
    ended
}

/// The receiver, as far as the transfer has come.
enum Stage {
    Nobody,
    Came(CrocReceiver<TcpStream>),
    Served(CrocServing<TcpStream>),
}

/// One transfer to a croc.
struct Service<'a> {
    stage: Stage,
    /// The names that the user knows of.
    named: Arc<HashSet<CrocName>>,
    options: &'a SendOptions,
    pause: watch::Receiver<bool>,
    context: &'a Context,
}

/// What a receiver is offered.
struct Prepared {
    manifest: Arc<Manifest>,
    content: Content,
    listing: CrocListing,
    /// How many entries it doesn't get.
    missing: u64,
}

impl Service<'_> {
    async fn work(
        &mut self,
        listing: &mut Listing,
        offered: &mut Option<Offered>,
        on_answer: impl FnOnce(),
    ) -> Result<Option<Report>, TransferError> {
        self.context.enter(Phase::Listing);
        let Stage::Came(receiver) = &mut self.stage else { return Err(TransferError::PeerLost) };
        let preparing = prepare(listing, offered, &self.named, self.context);
        let prepared = match receiver.beside(preparing).await {
            Ok(prepared) => prepared?,
            Err(error) => return unanswered(error),
        };
        let Prepared { manifest, content, listing: croc, missing } = prepared;
        let Stage::Came(receiver) = mem::replace(&mut self.stage, Stage::Nobody) else {
            return Err(TransferError::PeerLost);
        };
        let tally = Tally::new(&manifest, &croc, self.context.files.clone());
        let serving = match receiver.offer(croc.list).await {
            Ok(serving) => serving,
            Err(error) => return unanswered(error),
        };
        self.context.enter(Phase::WaitingForAnswer);
        self.stage = Stage::Served(serving);
        let Stage::Served(serving) = &mut self.stage else { return Err(TransferError::PeerLost) };
        let answer = tokio::select! {
            answer = serving.next() => answer,
            never = listing.refuse(self.context) => match never {},
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return unanswered(error),
        };
        on_answer();
        *offered = None;
        let source = Arc::new(CrocSource {
            content,
            entries: croc.entries,
            throttle: Arc::clone(&self.options.throttle),
            pause: self.pause.clone(),
            sent: AtomicU64::new(0),
            trouble: Mutex::default(),
        });
        let context = self.context;
        tokio::select! {
            report = self.send_all(answer, tally, &source, missing) => report.map(Some),
            never = listing.refuse(context) => match never {},
        }
    }

    /// Sends whatever the receiver asks for, which begins with its answer.
    async fn send_all(
        &mut self,
        answer: Option<FileJob>,
        mut tally: Tally,
        source: &Arc<CrocSource>,
        missing: u64,
    ) -> Result<Report, TransferError> {
        let Stage::Served(serving) = &mut self.stage else { return Err(TransferError::PeerLost) };
        let (context, pause) = (self.context, &mut self.pause);
        let (files, bytes) = if answer.is_some() { tally.all() } else { tally.without_bytes() };
        context.tell(Notice::Accepted { files, bytes: Some(bytes) }).await;
        context.update(|progress| {
            (progress.phase, progress.total_bytes, progress.lanes) =
                (Phase::Moving, Some(bytes), serving.lanes());
            progress.paused.here = *pause.borrow();
        });
        let started = Instant::now();
        let mut clock = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next = answer;
        while let Some(job) = next {
            tally.begin(&job, source.sent.load(Ordering::Relaxed));
            let sent = {
                let mut sending = std::pin::pin!(serving.send(job, source));
                loop {
                    tokio::select! {
                        sent = &mut sending => break sent,
                        Ok(()) = pause.changed() => {
                            context.update(|progress| progress.paused.here = *pause.borrow_and_update());
                        }
                        _ = clock.tick() => tally.show(source.sent.load(Ordering::Relaxed), context),
                    }
                }
            };
            sent.map_err(|error| after_answer(error, source, &tally))?;
            tally.end();
            tally.show(source.sent.load(Ordering::Relaxed), context);
            next = loop {
                tokio::select! {
                    asked = serving.next() => break asked.map_err(|error| after_answer(error, source, &tally))?,
                    Ok(()) = pause.changed() => {
                        context.update(|progress| progress.paused.here = *pause.borrow_and_update());
                    }
                }
            };
        }
        context.enter(Phase::Storing);
        Ok(Report { seconds: started.elapsed().as_secs_f64(), ..tally.report(missing) })
    }
}

/// Lists to the end, hashes every file, and tells the user what a croc doesn't get as it is.
async fn prepare(
    listing: &mut Listing,
    offered: &mut Option<Offered>,
    named: &HashSet<CrocName>,
    context: &Context,
) -> Result<Prepared, TransferError> {
    if offered.is_none() {
        listing.conclude(context).await?;
        *offered = Some(listing.take());
    }
    let again = offered.as_ref().and_then(Offered::again);
    let offered = again.ok_or_else(only_once)?;
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    let mut hashing = spawn_blocking(move || {
        let Offered { manifest, content } = &offered;
        let hashed = hash_all(listed(manifest), manifest, content, &stop);
        (offered, hashed)
    });
    let (Offered { manifest, content }, hashed) = tokio::select! {
        hashed = &mut hashing => hashed,
        never = listing.refuse(context) => match never {},
    };
    let (croc, withdrawn) = hashed.ok_or(TransferError::Cancelled)?;
    let left_out = croc.changes.iter().filter(|change| change.fate.is_left_out()).count();
    let missing = left_out as u64 + withdrawn.len() as u64;
    for (entry, reason) in withdrawn {
        context.tell(Notice::Withdrawn { path: content.path_of(entry), reason }).await;
    }
    let new: Vec<CrocName> = croc.changes.iter().filter(|change| !named.contains(change)).cloned().collect();
    if !new.is_empty() {
        context.tell(Notice::Croc(CrocNews::Names(new))).await;
    }
    Ok(Prepared { manifest, content, listing: croc, missing })
}

/// What it means that a receiver has not answered: it declined, or another one may still come.
fn unanswered(error: CrocError) -> Result<Option<Report>, TransferError> {
    match error {
        CrocError::PeerGaveUp(_) => Err(TransferError::PeerDeclined),
        CrocError::Connection(_) | CrocError::Silence | CrocError::Idle => Ok(None),
        error => Err(failed(error)),
    }
}

/// Why a transfer ended early whose receiver had answered.
fn after_answer(error: CrocError, source: &CrocSource, tally: &Tally) -> TransferError {
    match error {
        CrocError::Source(_) => match *lock(&source.trouble) {
            Some((entry, why)) => unreadable(source.content.path_of(entry), why),
            None => TransferError::PeerLost,
        },
        CrocError::PeerGaveUp(word) if word == REFUSED => TransferError::PeerDeclined,
        CrocError::Connection(_) if tally.is_all_there() => TransferError::Unconfirmed,
        error => failed(error),
    }
}

/// Why a file can't be sent any more that was offered.
fn unreadable(path: std::path::PathBuf, why: Withdrawal) -> TransferError {
    TransferError::file(FileAction::Read, path, std::io::Error::other(format!("it {why}")))
}

fn only_once() -> TransferError {
    let why = "what can be read only once can't be sent to a croc, which wants its hash before";
    Impossible::Arguments(why.to_owned()).into()
}
