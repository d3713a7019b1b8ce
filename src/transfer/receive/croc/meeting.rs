//! Finds the sender that waits under a croc code: at every relay where it may be, side by side, in the room that its version makes of
//! the code. Nothing is said there before somebody is in the room, so looking costs no try.

use std::{io, time::Duration};

use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    croc::{
        client::{InRoom, join},
        error::{CrocError, RelayRefusal},
        lanes::Dial,
        receive::IDLE_LIMIT,
    },
    net::client::{self, LaneAddress},
    panics::{joined, reported},
    protocol::relay::Refusal,
    transfer::{
        croc_places::{CrocPlace, CrocSearch},
        error::{Misbehaviour, TransferError},
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

/// The ports of a relay, at the address at which it was reached.
pub(super) struct RelayPorts(LaneAddress);

impl Dial for RelayPorts {
    type Stream = TcpStream;

    async fn dial(&self, port: u16) -> io::Result<TcpStream> {
        self.0.connect(port).await.map_err(io::Error::other)
    }
}

/// The sender of a code that may be Caiman's or croc's.
pub(in crate::transfer::receive) enum Either<M> {
    /// A Caiman.
    Caiman(M),
    /// A croc.
    Croc(FoundSender),
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
            Err(error) => Ok(Either::Croc(croc.await.map_err(|_| error)?)),
            Ok(met) => Ok(Either::Caiman(met)),
        },
        found = &mut croc => match found {
            Err(_) => Ok(Either::Caiman(caiman.await?)),
            Ok(found) => Ok(Either::Croc(found)),
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
    let (stream, address) = client::connect_only(&place.relay).await?;
    let entering = async {
        let mut joined = join(stream, &place.password, &room).await?;
        joined.wait_for_peer().await?;
        Ok(joined)
    };
    let joined = entering.await.map_err(|error| relay_failed(error, &place))?;
    Ok(FoundSender { joined, place, dial: RelayPorts(address) })
}

/// Why a relay could not be used.
fn relay_failed(error: CrocError, place: &CrocPlace) -> TransferError {
    match error {
        CrocError::Connection(_) => client::RelayClientError::Lost.into(),
        CrocError::Silence => place.relay.silence().into(),
        CrocError::Refused(refusal) => refused(&refusal),
        error => failed(error),
    }
}

fn refused(refusal: &RelayRefusal) -> TransferError {
    let refusal = match refusal {
        RelayRefusal::BadPassword => Refusal::PasswordWrong,
        RelayRefusal::RoomFull => Refusal::RoleTaken,
        RelayRefusal::RateLimited => Refusal::TooManyJoins,
        RelayRefusal::Other => return Misbehaviour::Croc("an answer that no croc relay gives").into(),
    };
    client::RelayClientError::Refused(refusal).into()
}

/// Why a transfer with a croc ended early, once the two have met.
pub(super) fn failed(error: CrocError) -> TransferError {
    match error {
        // What could not be stored is said by the store.
        CrocError::Connection(_) | CrocError::Store(_) => TransferError::PeerLost,
        CrocError::Refused(refusal) => refused(&refusal),
        CrocError::WrongCode => TransferError::WrongCode { tries_left: None },
        CrocError::PeerGaveUp(_) => TransferError::PeerCancelled,
        CrocError::Silence => TransferError::PeerSilent { seconds: 30 },
        CrocError::Idle => TransferError::PeerSilent { seconds: IDLE_LIMIT.as_secs() },
        CrocError::Misbehaved(what) => Misbehaviour::Croc(what).into(),
        CrocError::VersionOff => Misbehaviour::Croc("an older version of its protocol").into(),
        CrocError::Frame(_) => Misbehaviour::Croc("bytes that aren't croc's").into(),
        CrocError::Message(_) => Misbehaviour::Croc("a message that can't be understood").into(),
        CrocError::Pake(_) => Misbehaviour::Croc("a key exchange that makes no sense").into(),
        CrocError::Channel(_) => Misbehaviour::Croc("a message that was not sealed for this side").into(),
        CrocError::Chunk(_) => Misbehaviour::UnknownBlock.into(),
    }
}
