//! A receiver's visits to the internet. A relay leads to one sender only, and anyone who has the first two words may be that one;
//! then the other relays are tried without it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::visit::{Missed, prove};
use crate::{
    code::CodePhrase,
    net::internet::{Endpoint, Internet, QuicConnection, QuicStream, Reveal, public_key},
    panics::{joined, reported},
    protocol::peer::{EndpointId, OnlineFirst},
    transfer::{
        error::TransferError,
        link::{
            handshake::{Agreed, read},
            rendezvous::{
                meeting::{Met, MetBy},
                online::{days, key},
                proofs::{Place, Proofs},
            },
        },
        notice::Context,
    },
};

/// How long this side looks for a sender: the relays have to be found first, and nobody says that no sender is there.
const ONLINE_LIMIT: Duration = Duration::from_secs(12);

/// How long this side looks for a relay.
const OFFLINE_LIMIT: Duration = Duration::from_secs(8);

/// Looks for the sender over the internet, and proves the code to it. Each that turns out not to be the sender is told to
/// `strangers`, but for the last.
pub(super) async fn visit_online(
    internet: Internet,
    proofs: &Arc<Proofs>,
    code: &CodePhrase,
    strangers: mpsc::Sender<TransferError>,
    context: &Context,
) -> Result<Met, Missed> {
    let mut place = proofs.place(false);
    let making: Vec<_> = days().into_iter().map(|day| key(code, day)).collect();
    // The endpoint looks for relays while the keys are being made.
    let mut endpoint = bind(&internet).await?;
    let mut ids = Vec::new();
    for key in making {
        ids.push(public_key(&*key.await));
    }
    let mut without = Vec::new();
    loop {
        let Some(connection) = dial(&endpoint, &ids, &without).await else {
            let is_offline = endpoint.relay().is_none() && without.is_empty();
            endpoint.close().await;
            return Err(if is_offline { TransferError::Offline.into() } else { Missed::Nobody });
        };
        let relay = connection.relay();
        let missed = match answer(&connection, &mut place, code, context).await {
            Ok((stream, agreed)) => {
                return Ok(Met { way: MetBy::Internet { internet, stream, endpoint }, agreed });
            }
            Err(missed) => missed,
        };
        let relay = relay.or_else(|| connection.relay());
        endpoint.close().await;
        match (missed, relay) {
            (Missed::Stranger(error), Some(relay)) => {
                without.push(relay);
                // The search takes it in as long as it goes on.
                let _ = strangers.send(error).await;
                // An endpoint keeps the paths to a key, so each visit has one of its own.
                endpoint = bind(&internet).await?;
            }
            (missed, _) => return Err(missed),
        }
    }
}

async fn bind(internet: &Internet) -> Result<Endpoint, TransferError> {
    let bound = Endpoint::bind(internet, None, Reveal::Nothing).await;
    bound.map_err(|error| {
        tracing::warn!(%error, "nothing can be received over the internet");
        TransferError::Offline
    })
}

/// A connection to the first of these endpoints that answers.
async fn dial(endpoint: &Endpoint, ids: &[EndpointId], without: &[String]) -> Option<QuicConnection> {
    let mut dialing = JoinSet::new();
    for id in ids.iter().copied() {
        let (endpoint, without) = (endpoint.clone(), without.to_vec());
        dialing.spawn(reported(async move {
            endpoint.connect(id, |host| !without.iter().any(|left| left == host)).await
        }));
    }
    let first = async {
        while let Some(dialed) = dialing.join_next().await {
            match joined(dialed) {
                Ok(connection) => return Some(connection),
                Err(error) => tracing::debug!(%error, "no sender on the internet"),
            }
        }
        None
    };
    let offline = async {
        sleep(OFFLINE_LIMIT).await;
        // A relay that is there may still lead to the sender.
        if endpoint.relay().is_some() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        found = timeout(ONLINE_LIMIT, first) => found.ok()?,
        () = offline => None,
    }
}

/// Hears the sender's greeting, and proves the code to it.
async fn answer(
    connection: &QuicConnection,
    place: &mut Place,
    code: &CodePhrase,
    context: &Context,
) -> Result<(QuicStream, Agreed), Missed> {
    let accepted = timeout(ONLINE_LIMIT, connection.accept()).await;
    let mut stream = accepted.ok().and_then(Result::ok).ok_or(TransferError::PeerLost)?;
    let OnlineFirst { first } = read(&mut stream).await?;
    let agreed = prove(&first, place, code, &mut stream, context).await?;
    Ok((stream, agreed))
}
