//! Finds the sender that waits under a croc code: at every relay where it may be, side by side, in the room that its version makes of
//! the code. Nothing is said there before somebody is in the room, so looking costs no try.

use std::time::Duration;

use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    croc::client::InRoom,
    panics::{joined, reported},
    transfer::{
        croc::{CrocPlace, CrocSearch, RelayPorts, enter, relay_failed},
        error::TransferError,
    },
};

/// How long a sender is looked for. One that is there is found in a few round trips.
const SEARCH_LIMIT: Duration = Duration::from_secs(15);
/// How long a Caiman is looked for before a croc is.
const HEAD_START: Duration = Duration::from_secs(2);

/// Where the sender was found.
pub(in crate::transfer::receive) struct FoundSender {
    pub(super) joined: InRoom<TcpStream>,
    pub(super) place: CrocPlace,
    pub(super) dial: RelayPorts,
}

/// The sender of a code that may be Caiman's or croc's.
pub(in crate::transfer::receive) enum Either<M> {
    /// A Caiman.
    Caiman(M),
    /// A croc.
    Croc(Box<FoundSender>),
}

/// Looks for a sender in both ways, since it isn't known whose code it is. Looking costs no try. Caiman's own way has a head start, so
/// that a croc relay learns nothing of a code whose sender is found at once. Where neither is found, what Caiman's search says counts.
pub(in crate::transfer::receive) async fn either<M>(
    caiman: impl Future<Output = Result<M, TransferError>>,
    croc: &CrocSearch,
) -> Result<Either<M>, TransferError> {
    let croc = async {
        sleep(HEAD_START).await;
        find(croc).await
    };
    tokio::pin!(caiman, croc);
    tokio::select! {
        met = &mut caiman => match met {
            Err(error) => Ok(Either::Croc(Box::new(croc.await.map_err(|_| error)?))),
            Ok(met) => Ok(Either::Caiman(met)),
        },
        found = &mut croc => match found {
            Err(_) => Ok(Either::Caiman(caiman.await?)),
            Ok(found) => Ok(Either::Croc(Box::new(found))),
        },
    }
}

/// Looks for the sender at its places.
pub(super) async fn find(search: &CrocSearch) -> Result<FoundSender, TransferError> {
    let CrocSearch { code, places, .. } = search;
    let until = Instant::now() + SEARCH_LIMIT;
    let mut visits = JoinSet::new();
    for place in places {
        visits.spawn(reported(visit(code.room(place.version), place.clone())));
    }
    let mut first_error = None;
    let mut failed = 0;
    while let Ok(Some(visited)) = timeout_at(until, visits.join_next()).await {
        match joined(visited) {
            Ok(found) => return Ok(found),
            Err(error) => {
                failed += 1;
                first_error.get_or_insert(error);
            }
        }
    }
    visits.shutdown().await;
    match first_error {
        Some(error) if failed == places.len() => Err(error),
        _ => {
            let mut relays = Vec::new();
            for place in places {
                if !relays.contains(&place.relay.address) {
                    relays.push(place.relay.address.clone());
                }
            }
            Err(TransferError::NobodyThere { relays, looked_locally: false, looked_online: false })
        }
    }
}

/// Waits in a room until somebody is there.
async fn visit(room: String, place: CrocPlace) -> Result<FoundSender, TransferError> {
    let (mut joined, dial) = enter(&room, &place).await?;
    joined.wait_for_peer().await.map_err(|error| relay_failed(error, &place))?;
    Ok(FoundSender { joined, place, dial })
}
