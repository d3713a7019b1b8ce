//! The receiver's part of finding the other side: it looks for the sender of a code in several places at once. Where
//! several answer, it proves the code to one after the other, because they may all be the same sender, which allows three
//! wrong codes in all.

use std::{future, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Meeting,
    meeting::Met,
    room::{RoomEntry, graver, join, new_client_token},
};
use crate::{
    code::CodePhrase,
    net::{
        backoff::Backoff,
        client::{CONNECT_LIMIT, Paired, RelayAddress, RelayChoice, RelayClientError},
    },
    panics::{joined, reported},
    protocol::{
        Role,
        relay::{ClientToken, Refusal},
    },
    transfer::{
        error::TransferError,
        link::handshake,
        notice::{Context, Notice},
        progress::Phase,
    },
};

/// The most addresses of the local network that are tried, because any machine there can name as many as it likes.
const MAX_FOUND: u32 = 16;
/// The pause between trying one address of the local network and the next: most of them belong to the same sender, and the
/// first is likely to do.
const STAGGER: Duration = Duration::from_millis(50);
/// How long an address of the local network may take to accept a connection: far longer than a machine on it needs.
const LOCAL_CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long this side goes on listening to the local network after the last relay has said that no sender is there: enough
/// for a sender that has only just begun, whose first announcement takes about a second.
const LOCAL_LIMIT: Duration = Duration::from_secs(3);
/// How long a sender that answers keeps this side from proving the code to the others. An honest sender needs one round
/// trip; a silent one must not keep the receiver from reaching it.
const TURN: Duration = Duration::from_secs(3);
/// How long this side tries to reach a sender that is busy with another receiver. A sender may serve several, one after the
/// other, and each may take some time for the handshake.
const BUSY_LIMIT: Duration = Duration::from_secs(30);
/// How long this side tries to reach a sender that has just invited it, when the relay or the sender is gone for a moment.
/// The sender waits longer than this.
const INVITED_LIMIT: Duration = Duration::from_secs(15);
/// The first pause before a sender that is busy or gone for a moment is tried again: a handshake takes no more than a few
/// round trips.
const FIRST_PAUSE: Duration = Duration::from_millis(150);
/// The longest pause before a sender that is busy or gone for a moment is tried again, to which the pauses grow.
const LONGEST_PAUSE: Duration = Duration::from_millis(1200);
/// How long this side asks for a room that doesn't exist. Its sender leaves it for a moment after another receiver has
/// tried a wrong code or sent nonsense, and is out of it while it looks for a lost relay.
const AWAY_LIMIT: Duration = Duration::from_secs(1);
/// The pause before a room that doesn't exist is asked for again.
const AWAY_PAUSE: Duration = Duration::from_millis(500);

/// Where a receiver looks for a sender.
pub struct SearchPlaces {
    /// The relays to look at, all of them at once.
    pub relays: Vec<RelayChoice>,
    /// Brings addresses of the local network at which the sender may be; `None` if this side doesn't listen there.
    pub found: Option<mpsc::Receiver<SocketAddr>>,
}

/// What a sender has said of the code.
#[derive(Default, PartialEq, Eq)]
enum Verdict {
    /// No sender has said anything yet.
    #[default]
    Open,
    /// A sender has said that the code is wrong, so it is not to be proven to any other.
    Wrong,
}

/// Finds the sender that waits under `code`, and proves the code to it.
///
/// # Errors
///
/// [`TransferError::WrongCode`] if a sender has another code, and [`TransferError::NobodyThere`] if no sender was found and
/// no relay failed; otherwise the error of a sender or a relay that says most.
pub async fn meet_sender(
    search: SearchPlaces,
    code: &Arc<CodePhrase>,
    context: &Context,
) -> Result<Meeting, TransferError> {
    let SearchPlaces { relays, mut found } = search;
    let looks_locally = found.is_some();
    let asked: Vec<RelayAddress> = relays.iter().map(|relay| relay.address.clone()).collect();
    let mut relays_left = relays.len();
    let turns = Arc::<Mutex<Verdict>>::default();
    // All visits end with this function.
    let mut visits = JoinSet::new();
    let visit = |relay, is_local| {
        let (code, turns, context) = (Arc::clone(code), Arc::clone(&turns), context.clone());
        reported(async move { (is_local, visit(relay, is_local, &code, &turns, &context).await) })
    };
    for relay in relays {
        visits.spawn(visit(relay, false));
    }
    let mut count = 0;
    let mut end = Instant::now() + LOCAL_LIMIT;
    let (mut answered, mut failure) = (None, None);
    loop {
        let is_listening = found.is_some();
        tokio::select! {
            Some(visited) = visits.join_next() => {
                let (is_local, met) = joined(visited);
                if !is_local {
                    relays_left -= 1;
                    end = Instant::now() + LOCAL_LIMIT;
                }
                match met {
                    Ok(met) => {
                        let relay = (!is_local).then(|| met.relay.address.clone());
                        // All other visits end now, before the keys are derived.
                        drop((visits, found));
                        context.tell(Notice::Met { relay }).await;
                        return Ok(met.meeting(code, false).await);
                    }
                    // All places may lead to the same sender, which counts wrong codes.
                    Err(error @ TransferError::WrongCode { .. }) => return Err(error),
                    Err(TransferError::Relay(RelayClientError::Refused(Refusal::NoSuchRoom))) => {}
                    Err(error) if is_answer(&error) => {
                        if !is_local {
                            return Err(error);
                        }
                        answered = Some(error);
                    }
                    Err(error) if is_local => tracing::debug!(%error, "not met on the local network"),
                    Err(error) => failure = Some(graver(failure, error)),
                }
            }
            address = next(&mut found), if is_listening => match address {
                Some(address) if count < MAX_FOUND => {
                    let relay = RelayChoice { address: RelayAddress::from_socket(address), password: None };
                    let (pause, visit) = (STAGGER * count, visit(relay, true));
                    visits.spawn(async move {
                        sleep(pause).await;
                        visit.await
                    });
                    count += 1;
                }
                Some(_) => {}
                None => found = None,
            },
            () = sleep_until(end), if is_listening && relays_left == 0 => found = None,
            else => break,
        }
    }
    Err(answered
        .or(failure)
        .unwrap_or(TransferError::NobodyThere { relays: asked, looked_locally: looks_locally }))
}

/// Whether this error is the answer of a sender in the code's room.
fn is_answer(error: &TransferError) -> bool {
    matches!(error, TransferError::Retired | TransferError::PeerVersion { .. })
}

async fn next(found: &mut Option<mpsc::Receiver<SocketAddr>>) -> Option<SocketAddr> {
    found.as_mut()?.recv().await
}

/// Finds the sender that has invited this receiver under `code`, at the relay where the two have met before, and proves the
/// code to it.
///
/// # Errors
///
/// [`TransferError::PeerLost`] if the sender is not there, or what went wrong with it or with the relay.
pub async fn meet_again(
    relay: &RelayChoice,
    code: CodePhrase,
    context: &Context,
) -> Result<Meeting, TransferError> {
    let code = Arc::new(code);
    let end = Instant::now() + INVITED_LIMIT;
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let error = match visit(relay.clone(), false, &code, &Mutex::default(), context).await {
            Ok(met) => return Ok(met.meeting(&code, false).await),
            Err(error) => error,
        };
        // The relay may be gone for a moment, and all rooms with it.
        let goes_by = matches!(error, TransferError::Relay(_) | TransferError::PeerLost);
        if !goes_by || Instant::now() >= end {
            let is_gone = matches!(
                error,
                TransferError::Relay(RelayClientError::Refused(Refusal::NoSuchRoom | Refusal::RoleTaken))
            );
            return Err(if is_gone { TransferError::PeerLost } else { error });
        }
        sleep(backoff.next_pause()).await;
    }
}

/// Enters the code's room as soon as the sender is in it and no other receiver.
async fn enter(
    relay: &RelayChoice,
    is_local: bool,
    code: &CodePhrase,
) -> Result<(ClientToken, Paired), TransferError> {
    let connect_limit = if is_local { LOCAL_CONNECT_LIMIT } else { CONNECT_LIMIT };
    let start = Instant::now();
    let (mut away_since, mut backoff) = (None, Backoff::new(FIRST_PAUSE, LONGEST_PAUSE));
    loop {
        // Every visit has a seat of its own, because two visits to the same room must not push each other out.
        let client_token = new_client_token()?;
        let entry = RoomEntry { role: Role::Receiver, client_token, connect_limit, first: Vec::new() };
        let entered = match join(relay, code, entry).await {
            Ok(joined) => joined.paired().await,
            Err(error) => Err(error),
        };
        match &entered {
            Err(RelayClientError::Refused(Refusal::RoleTaken)) if start.elapsed() < BUSY_LIMIT => {
                away_since = None;
                sleep(backoff.next_pause()).await;
            }
            Err(RelayClientError::Refused(Refusal::NoSuchRoom))
                if away_since.get_or_insert_with(Instant::now).elapsed() < AWAY_LIMIT =>
            {
                sleep(AWAY_PAUSE).await;
            }
            _ => return Ok((client_token, entered?)),
        }
    }
}

/// Looks for the sender at one relay, and proves the code to it.
async fn visit(
    relay: RelayChoice,
    is_local: bool,
    code: &CodePhrase,
    turns: &Mutex<Verdict>,
    context: &Context,
) -> Result<Met, TransferError> {
    let (client_token, mut paired) = enter(&relay, is_local, code).await?;
    let mut turn = timeout(TURN, turns.lock()).await;
    if turn.as_ref().is_ok_and(|verdict| **verdict == Verdict::Wrong) {
        // The caller that waits for all visits is about to learn this. Until then no other sender may hear the proof.
        return future::pending().await;
    }
    context.enter(Phase::Handshake);
    let agreed = handshake::greet(code, &mut paired.stream, &paired.first).await;
    if let (Err(TransferError::WrongCode { .. }), Ok(verdict)) = (&agreed, &mut turn) {
        **verdict = Verdict::Wrong;
    }
    Ok(Met { relay, client_token, paired, agreed: agreed? })
}
