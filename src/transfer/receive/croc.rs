//! A receive from a sender that has croc: from its code to the report, with the same offer, the same staging folder and the same
//! delivery as any other receive.
//!
//! - [`meeting`]: where the sender is found, also while it isn't known whose code it is
//! - `list`: its list of files as an offer
//! - `asking`: the user's answer
//! - `blocks`: chunks become blocks of the plan
//! - `fetching`: one file after the other, with the journal
//!
//! Other than in a receive from a Caiman, nothing is reconnected: a lost sender ends the transfer, what has arrived stays in the
//! staging folder, and the next receive of the same files asks for the rest. A pause of this side's user stops the lanes, of which
//! the sender is not told, because croc has no word for it.

mod asking;
mod blocks;
mod fetching;
pub(crate) mod list;
pub(crate) mod meeting;

use std::sync::Arc;

use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::{
    asking::ask,
    blocks::BlockStore,
    fetching::{Fetching, Keeper},
    list::{CrocListed, listed},
    meeting::{CrocLookout, FoundSender, Nearness, find, shorten},
};
use super::{
    ReceiverInput,
    asking::UserChoice,
    destination::{Accepted, Destination, Verified},
    request::Output,
    staged::{Staged, until_stopped},
};
use crate::{
    croc::{
        manifest::CrocList,
        receive::{CrocArrival, CrocOffer, meet},
    },
    panics::{caught, spawn_blocking},
    protocol::manifest::ManifestError,
    transfer::{
        croc::{CrocNews, failed},
        error::{FileAction, Misbehaviour, TransferError},
        notice::{Context, MetAt, Notice},
        progress::{Phase, Report},
        sink::{active::ActiveReceives, unfinished::Registry},
    },
};

/// How many blocks may be stored before they are noted in the journal. Beyond that, lanes wait.
const STORED_WAITING: usize = 256;

/// What to receive from a croc, and how.
pub(crate) struct CrocRequest {
    /// The sender.
    pub sender: CrocLookout,
    /// Where to put what arrives.
    pub output: Output,
    /// The list of interrupted transfers.
    pub unfinished: Registry,
    /// The receives of this engine that have something on the disk at the same time.
    pub active: ActiveReceives,
}

/// The sender, as far as the transfer has come.
enum CrocPeer {
    Nobody,
    Offers(CrocOffer<TcpStream>),
    Sends(CrocArrival<TcpStream>),
}

impl CrocPeer {
    fn offer(&mut self) -> Result<&mut CrocOffer<TcpStream>, TransferError> {
        match self {
            Self::Offers(offer) => Ok(offer),
            Self::Nobody | Self::Sends(_) => Err(TransferError::PeerLost),
        }
    }
}

/// Finds the sender and runs the transfer to its end.
pub(crate) async fn receive_croc(
    mut request: CrocRequest,
    input: ReceiverInput,
    context: &Context,
) -> Result<Report, TransferError> {
    let found = tokio::select! {
        found = find(&mut request.sender) => found?,
        () = context.cancel.cancelled() => return Err(TransferError::Cancelled),
    };
    receive_found(found, request, input, context).await
}

/// Runs the transfer with a sender that was found to its end.
pub(super) async fn receive_found(
    found: FoundSender,
    request: CrocRequest,
    input: ReceiverInput,
    context: &Context,
) -> Result<Report, TransferError> {
    let CrocRequest { mut sender, output, unfinished, active } = request;
    let give_way = CancellationToken::new();
    let mut staged = Staged::of(active, context, &give_way);
    let mut peer = CrocPeer::Nobody;
    let work = async {
        let (list, listed) = meet_sender(found, &mut sender, &mut peer, context).await?;
        let ReceiverInput { answer, look, in_sight, pause } = input;
        let user = UserChoice { answer, look, in_sight };
        let active = staged.active.clone();
        let asking = ask(&listed, &list, output.folder(), user, (&unfinished, &active), context);
        let (choices, same_files) = peer.offer()?.beside(asking).await.map_err(failed)??;
        let decide = {
            let (manifest, unfinished) = (Arc::clone(&listed.manifest), unfinished.clone());
            move || Accepted::decide(manifest, &choices, &same_files, output, &unfinished, &active)
        };
        let deciding = staged.deciding.insert(spawn_blocking(decide));
        let decided = peer.offer()?.beside(deciding).await.map_err(failed)?;
        staged.deciding = None;
        let accepted = decided?;
        let verified = move_bytes(accepted, &list, &listed, pause, &mut peer, &mut staged, context).await?;
        Ok((verified, listed.left_out))
    };
    let verified = until_stopped(work, context, &give_way).await;
    staged.settle().await;
    // From here on a cancellation comes too late: everything is here, checked, and about to get its real name.
    let mut ended = match verified {
        Ok((verified, left_out)) => {
            let delivering = verified.deliver(unfinished.clone(), context, async |delivered| delivered.await);
            caught(delivering).await.map(|report| (report, left_out)).map_err(TransferError::from)
        }
        Err(error) => Err(error),
    };
    if let Ok((report, left_out)) = &mut ended {
        for (path, why) in left_out.drain(..) {
            report.missing += 1;
            let error = Misbehaviour::Manifest(ManifestError::Path(why)).into();
            context.tell(Notice::NotStored { path: path.into(), error }).await;
        }
    }
    let ended = ended.map(|(report, _)| report);
    staged.leave(&ended, &unfinished).await;
    part(peer, &ended, context).await;
    ended
}

/// Proves the code to the sender and reads its offer.
async fn meet_sender(
    found: FoundSender,
    lookout: &mut CrocLookout,
    peer: &mut CrocPeer,
    context: &Context,
) -> Result<(CrocList, CrocListed), TransferError> {
    context.enter(Phase::Handshake);
    let was_announced = found.nearness == Nearness::Announced;
    if !was_announced {
        lookout.leave().await;
    }
    let met = match meet_at(found, lookout).await {
        // Anybody in this network can announce a relay and say there that the sender has come.
        Err(error) if was_announced && lookout.trust_only_relays() => {
            tracing::debug!(%error, "what a relay of this network led to is not the sender");
            let found = find(lookout).await?;
            lookout.leave().await;
            meet_at(found, lookout).await
        }
        met => met,
    };
    lookout.leave().await;
    let (mut offer, met_at) = met?;
    context.tell(Notice::Croc(CrocNews::Peer { version: offer.version.number() })).await;
    context.tell(Notice::Met(met_at)).await;
    context.enter(Phase::Listing);
    let list = std::mem::take(&mut offer.list);
    *peer = CrocPeer::Offers(offer);
    if list.hash.is_none() {
        return Err(Misbehaviour::Croc("a kind of hash that isn't known here").into());
    }
    spawn_blocking(move || listed(&list).map(|listed| (list, listed))).await.map_err(TransferError::from)
}

/// Meets the sender where it was found, or nearer. Returns its offer, and where the two have met.
async fn meet_at(
    found: FoundSender,
    lookout: &CrocLookout,
) -> Result<(CrocOffer<TcpStream>, MetAt), TransferError> {
    let FoundSender { joined, place, dial, nearness } = shorten(found, lookout).await?;
    let room = lookout.room(&place);
    let offer = meet(joined, &dial, lookout.meeting(&room, &place), &place.password).await.map_err(failed)?;
    let met_at = match nearness {
        Nearness::Relay => MetAt::Relay(place.relay.address),
        Nearness::Announced | Nearness::Told => MetAt::OwnRelay,
    };
    Ok((offer, met_at))
}

/// Receives what is accepted until all of it is here, checked and flushed.
async fn move_bytes(
    accepted: Accepted,
    list: &CrocList,
    listed: &CrocListed,
    pause: watch::Receiver<bool>,
    peer: &mut CrocPeer,
    staged: &mut Staged<'_>,
    context: &Context,
) -> Result<Verified, TransferError> {
    let held = staged.note(&accepted);
    let hash = list.hash.unwrap_or_default();
    let mut entries = vec![None; list.entries.len()];
    for (entry, index) in &listed.files {
        if let Some(place) = entries.get_mut(*index) {
            *place = Some(*entry);
        }
    }
    let (stored, news) = mpsc::channel(STORED_WAITING);
    let plan = Arc::clone(&accepted.plan);
    let store = Arc::new(BlockStore::new(
        Arc::clone(&plan),
        accepted.destination.sink(),
        entries,
        hash,
        stored,
        pause.clone(),
    ));
    let CrocPeer::Offers(offer) = std::mem::replace(peer, CrocPeer::Nobody) else {
        return Err(TransferError::PeerLost);
    };
    *peer = CrocPeer::Sends(offer.accept(&store));
    let CrocPeer::Sends(arrival) = peer else { return Err(TransferError::PeerLost) };
    context.tell(Notice::Accepted { files: plan.wanted_files(), bytes: Some(plan.bytes()) }).await;
    context.update(|progress| {
        (progress.phase, progress.total_bytes) = (Phase::Moving, Some(plan.bytes()));
        progress.lanes = arrival.lanes();
    });
    let started = Instant::now();
    let mut fetching = Fetching {
        keeper: Keeper::new(&accepted, context, Arc::clone(&store), held, news, pause).knowing(&listed.files),
        arrival,
        list,
        hash,
        store,
        good_packs: std::collections::HashMap::new(),
    };
    let fetched = fetching.fetch_all(&listed.files).await;
    fetching.arrival.stop().await;
    fetched?;
    context.enter(Phase::Storing);
    match &accepted.destination {
        Destination::Folder(_, staging) => {
            let closing = Arc::clone(staging);
            let mended = spawn_blocking(move || {
                closing.close();
                let mended = closing.mend_lengths()?;
                closing.flush().map(|()| mended)
            });
            if let Some(entry) = mended.await?.first() {
                let entry = accepted.manifest.entries().get(*entry as usize);
                let path = entry.map(|entry| entry.path.as_str().to_owned()).unwrap_or_default();
                return Err(TransferError::Damaged { path });
            }
        }
        Destination::Writer(ordered) | Destination::Text(ordered, _) => {
            let (ordered, size) = (Arc::clone(ordered), accepted.manifest.bytes());
            let flushed = spawn_blocking(move || ordered.flush(size)).await;
            flushed.map_err(|cause| TransferError::file(FileAction::WriteOutput, "", cause))?;
        }
    }
    let bytes = plan.bytes();
    Ok(Verified { accepted, bytes, withdrawn: 0, started })
}

/// Tells the sender how this ends, as far as a croc understands that.
async fn part(peer: CrocPeer, ended: &Result<Report, TransferError>, context: &Context) {
    match (peer, ended) {
        (CrocPeer::Sends(mut arrival), Ok(_)) => {
            context.enter(Phase::Confirming);
            arrival.finish().await;
        }
        (CrocPeer::Sends(mut arrival), Err(_)) => arrival.give_up().await,
        (CrocPeer::Offers(mut offer), _) => offer.refuse().await,
        (CrocPeer::Nobody, _) => {}
    }
}
