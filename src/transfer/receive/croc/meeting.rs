//! Finds the sender that waits under a croc code: at every relay where it may be, side by side, in the room that its version makes of
//! the code. Nothing is said there before somebody is in the room, so looking costs no try.

use std::time::Duration;

use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    croc::{client::InRoom, code::CrocCode},
    panics::{joined, reported},
    transfer::{
        croc::{CrocPlace, RelayPorts, enter, relay_failed},
        error::TransferError,
    },
};

/// How long a sender is looked for. One that is there is found in a few round trips.
const SEARCH_LIMIT: Duration = Duration::from_secs(15);

/// Where the sender was found.
pub(super) struct FoundSender {
    pub(super) joined: InRoom<TcpStream>,
    pub(super) place: CrocPlace,
    pub(super) dial: RelayPorts,
}

/// Looks for the sender at these places.
pub(super) async fn find(code: &CrocCode, places: &[CrocPlace]) -> Result<FoundSender, TransferError> {
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
