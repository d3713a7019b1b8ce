//! The receiver's part: looks for the sender of a code in several places at once. Where several answer, they hear the code's
//! proof one after the other: they may all be the same sender, who allows three wrong codes in all.

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

/// Addresses of the local network that are tried at most: anybody there can name some.
const MAX_FOUND: u32 = 16;
/// One after the other, because most of them are the same sender's.
const STAGGER: Duration = Duration::from_millis(50);
/// How long such an address may take to answer a connection.
const LOCAL_CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long the local network is listened to after the last relay has said that nobody is there.
const LOCAL_LIMIT: Duration = Duration::from_secs(3);
/// How long a sender that answers keeps the others from being asked for their proof. An honest one needs a round trip; a
/// silent one must not bar the way to it.
const TURN: Duration = Duration::from_secs(3);
/// How long a sender that is there is waited for while it is busy with somebody else: it may serve several, one after the
/// other, and each may take its time for the handshake.
const BUSY_LIMIT: Duration = Duration::from_secs(30);
/// The same where the other side has just said that it waits, and something may have come in between.
const INVITED_LIMIT: Duration = Duration::from_secs(15);
/// How soon it is asked again, and how rarely at most.
const FIRST_PAUSE: Duration = Duration::from_millis(150);
const LONGEST_PAUSE: Duration = Duration::from_millis(1200);
/// How long a room is asked for that is not there: its sender leaves it for a moment when somebody else has tried a code or
/// talked nonsense, and is outside while it looks for a lost relay.
const AWAY_LIMIT: Duration = Duration::from_secs(1);
/// How soon such a room is asked for again.
const AWAY_PAUSE: Duration = Duration::from_millis(500);

/// Where a receiver looks.
pub struct SearchPlaces {
    /// These relays, all of them at once.
    pub relays: Vec<RelayChoice>,
    /// Addresses at which the local network may have the sender, while it is listened to.
    pub found: Option<mpsc::Receiver<SocketAddr>>,
}

/// What a sender has said of the code.
#[derive(Default, PartialEq, Eq)]
enum Verdict {
    /// Nothing yet.
    #[default]
    Open,
    /// That it is wrong: nobody else is to hear it.
    Wrong,
}

/// Joins the sender who waits under `code`.
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
    // All of them end with this function.
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
                        // Everybody else is left now, before the keys are made.
                        drop((visits, found));
                        context.tell(Notice::Met { relay }).await;
                        return Ok(met.meeting(code, false).await);
                    }
                    // The sender may be the same everywhere, and counts.
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

/// Whether a sender has answered, if not with what was hoped for.
fn is_answer(error: &TransferError) -> bool {
    matches!(error, TransferError::Retired | TransferError::PeerVersion { .. })
}

async fn next(found: &mut Option<mpsc::Receiver<SocketAddr>>) -> Option<SocketAddr> {
    found.as_mut()?.recv().await
}

/// Joins a sender that has named `code` where the two had met before.
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
        // The relay may be gone for a moment, and everybody's rooms with it.
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

/// Enters the code's room, as soon as the sender is in it and nobody else.
async fn enter(
    relay: &RelayChoice,
    is_local: bool,
    code: &CodePhrase,
) -> Result<(ClientToken, Paired), TransferError> {
    let connect_limit = if is_local { LOCAL_CONNECT_LIMIT } else { CONNECT_LIMIT };
    let start = Instant::now();
    let (mut away_since, mut backoff) = (None, Backoff::new(FIRST_PAUSE, LONGEST_PAUSE));
    loop {
        // A place of its own for every visit: two that lead into the same room must not push each other out.
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

/// Looks in one place.
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
        // Whoever waits for all visits is about to learn it; until then nobody else may be asked.
        return future::pending().await;
    }
    context.enter(Phase::Handshake);
    let agreed = handshake::greet(code, &mut paired.stream, &paired.first).await;
    if let (Err(TransferError::WrongCode { .. }), Ok(verdict)) = (&agreed, &mut turn) {
        **verdict = Verdict::Wrong;
    }
    Ok(Met { relay, client_token, paired, agreed: agreed? })
}
