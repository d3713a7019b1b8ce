//! The receiver's part of finding the other side: it looks for the sender of a code in several places at once. Where
//! several answer, it proves the code to one after the other ([`super::proofs`]), because they may all be the same sender,
//! which allows three wrong codes in all, or none of them may be the sender.
//!
//! Nothing that a place says is to be believed before it has proven that it knows the code. So "the code is wrong", like
//! anything else, ends only the visit to that place, and the search goes on where it has not come to an end.

mod online_visit;
mod visit;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Meeting,
    meeting::{Met, MetBy},
    proofs::{MAX_PROOFS, Place, Proofs},
    room::{RoomEntry, graver, join, new_client_token},
};
use online_visit::visit_online;
use visit::{Missed, prove};

use crate::{
    code::CodePhrase,
    net::{
        backoff::Backoff,
        client::{CONNECT_LIMIT, Paired, RelayAddress, RelayChoice, RelayClientError},
        internet::Internet,
        venue::Venue,
    },
    panics::{joined, reported},
    protocol::{
        Role,
        relay::{ClientToken, Refusal},
    },
    transfer::{
        error::TransferError,
        notice::{Context, MetAt, Notice},
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
/// How long this side has looked, at least, before it believes a sender that says that the code is wrong or retired: enough
/// for the true sender to be heard on the local network, and short for a user who has mistyped the code.
const MOMENT: Duration = Duration::from_secs(1);
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
    /// What of the internet may be searched; `None` for nothing.
    pub internet: Option<Internet>,
}

/// Where a visit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whither {
    /// To a relay.
    Relay,
    /// To an address of the local network.
    Nearby,
    /// To wherever the internet leads.
    Internet,
}

/// Finds the sender that waits under `code`, and proves the code to it.
///
/// # Errors
///
/// [`TransferError::WrongCode`] if a sender has another code, [`TransferError::OnlyStrangers`] if more than one answered and
/// none knew the code, and [`TransferError::NobodyThere`] if no sender was found and no relay failed; otherwise the error of a
/// sender or a relay that says most.
pub async fn meet_sender(
    search: SearchPlaces,
    code: &Arc<CodePhrase>,
    context: &Context,
) -> Result<Meeting, TransferError> {
    let SearchPlaces { relays, mut found, internet } = search;
    let (looked_locally, looked_online) = (found.is_some(), internet.is_some());
    let asked: Vec<RelayAddress> = relays.iter().map(|relay| relay.address.clone()).collect();
    let proofs = Proofs::new();
    let mut answers = Answers::new(relays.len() + usize::from(internet.is_some()));
    // All visits end with this function.
    let mut visits = JoinSet::new();
    let mut online_strangers = None;
    let visit = |relay, is_local| {
        let (code, place, context) = (Arc::clone(code), proofs.place(is_local), context.clone());
        let whither = if is_local { Whither::Nearby } else { Whither::Relay };
        reported(async move { (whither, visit(relay, place, &code, &context).await) })
    };
    for relay in relays {
        visits.spawn(visit(relay, false));
    }
    if let Some(internet) = internet {
        let (code, proofs, context) = (Arc::clone(code), Arc::clone(&proofs), context.clone());
        let (strangers, met_strangers) = mpsc::channel(usize::from(MAX_PROOFS));
        online_strangers = Some(met_strangers);
        visits.spawn(reported(async move {
            (Whither::Internet, visit_online(internet, &proofs, &code, strangers, &context).await)
        }));
    }
    let mut count = 0;
    while (!visits.is_empty() || found.is_some()) && answers.strangers.len() < usize::from(MAX_PROOFS) {
        let is_listening = found.is_some();
        let is_over = answers.are_enough() && answers.are_all(&proofs);
        tokio::select! {
            biased;
            Some(visited) = visits.join_next() => match joined(visited) {
                (whither, Ok(met)) => {
                    let place = match met.relay() {
                        Some(_) if whither == Whither::Nearby => MetAt::OwnRelay,
                        Some(relay) => MetAt::Relay(relay.address.clone()),
                        None => MetAt::Internet,
                    };
                    // All other visits end now, before the keys are derived.
                    drop((visits, found));
                    answers.tell(context).await;
                    context.tell(Notice::Met(place)).await;
                    return Ok(met.meeting(code, false, None).await);
                }
                (whither, Err(missed)) => {
                    if matches!(missed, Missed::Stranger(_)) {
                        context.enter(Phase::Connecting);
                    }
                    answers.note(whither == Whither::Nearby, missed);
                }
            },
            Some(error) = next(&mut online_strangers) => {
                context.enter(Phase::Connecting);
                answers.note_stranger(false, error);
            }
            () = sleep_until(answers.tell_at()), if answers.have_news() => answers.tell(context).await,
            () = sleep_until(answers.begun + MOMENT), if is_over => {
                // A visit may have found a sender meanwhile.
                if answers.are_all(&proofs) {
                    break;
                }
            }
            () = sleep_until(answers.listen_until), if is_listening && answers.relays_left == 0 => found = None,
            address = next(&mut found), if is_listening => match address {
                Some(address) if count < MAX_FOUND => {
                    let relay = RelayChoice::new(RelayAddress::from_socket(address));
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
        }
    }
    drop((visits, found));
    if !answers.is_one_mistake() {
        answers.tell(context).await;
    }
    Err(answers.error().unwrap_or(TransferError::NobodyThere {
        relays: asked,
        looked_locally,
        looked_online,
    }))
}

/// What a search has found out so far.
struct Answers {
    begun: Instant,
    relays_left: usize,
    /// Until when the local network is listened to once no relay is left.
    listen_until: Instant,
    /// How those ended to which the code was proven in vain, and whether each was in the local network.
    strangers: Vec<(bool, TransferError)>,
    /// How many of them the user knows of.
    told: usize,
    /// When the last of them was met.
    met_at: Instant,
    /// What a sender has said that takes no proof to be said.
    said: Option<TransferError>,
    failure: Option<TransferError>,
}

impl Answers {
    fn new(relays_left: usize) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            relays_left,
            listen_until: begun + LOCAL_LIMIT,
            strangers: Vec::new(),
            told: 0,
            met_at: begun,
            said: None,
            failure: None,
        }
    }

    fn note(&mut self, is_local: bool, missed: Missed) {
        if !is_local {
            self.relays_left -= 1;
            self.listen_until = Instant::now() + LOCAL_LIMIT;
        }
        match missed {
            Missed::Stranger(error) => self.note_stranger(is_local, error),
            Missed::Before(TransferError::Relay(RelayClientError::Refused(Refusal::NoSuchRoom)))
            | Missed::Spared
            | Missed::Nobody => {}
            Missed::Before(error @ (TransferError::Retired | TransferError::PeerVersion { .. })) => {
                if self.said.is_none() || !is_local {
                    self.said = Some(error);
                }
            }
            Missed::Before(error) if is_local => tracing::debug!(%error, "not met on the local network"),
            Missed::Before(error) => self.failure = Some(graver(self.failure.take(), error)),
        }
    }

    fn note_stranger(&mut self, is_local: bool, error: TransferError) {
        tracing::warn!(%error, is_local, "the code was proven to a sender that did not know it");
        self.strangers.push((is_local, error));
        self.met_at = Instant::now();
    }

    /// Whether a sender has given a reason why there will be no meeting with it.
    fn are_enough(&self) -> bool {
        self.relays_left == 0
            && (self.said.is_some() || self.strangers.iter().any(|(_, error)| is_refusal(error)))
    }

    /// Whether no proof is being answered or about to be made, which could lead to the true sender.
    fn are_all(&self, proofs: &Proofs) -> bool {
        usize::from(proofs.made()) == self.strangers.len() && !proofs.are_awaited()
    }

    /// Whether all that happened is what happens when a user mistypes a code.
    fn is_one_mistake(&self) -> bool {
        matches!(&self.strangers[..], [(_, error)] if is_refusal(error))
    }

    /// Whether the user doesn't know yet how many strangers there are.
    fn have_news(&self) -> bool {
        self.told < self.strangers.len()
    }

    /// When the user is to know: at once, unless it may be a mistyped code, of which the end of the search tells soon.
    fn tell_at(&self) -> Instant {
        self.met_at + if self.is_one_mistake() { LOCAL_LIMIT } else { Duration::ZERO }
    }

    async fn tell(&mut self, context: &Context) {
        if self.have_news() {
            self.told = self.strangers.len();
            context.tell(Notice::Strangers { count: self.told }).await;
        }
    }

    /// Why the search ends without a meeting; `None` if nobody was there.
    fn error(mut self) -> Option<TransferError> {
        let is_of_relay = |(is_local, error): &(bool, TransferError)| !is_local && is_refusal(error);
        let count = self.strangers.len();
        if let Some(at) = self.strangers.iter().position(is_of_relay) {
            return Some(self.strangers.swap_remove(at).1);
        }
        let only_strangers = TransferError::OnlyStrangers { count };
        match (self.strangers.pop(), self.said.or(self.failure)) {
            _ if count == usize::from(MAX_PROOFS) => Some(only_strangers),
            (Some((_, error)), _) if count == 1 && is_refusal(&error) => Some(error),
            (_, Some(error)) => Some(error),
            (Some((false, error)), None)
                if count == 1 && !matches!(error, TransferError::WrongCode { .. }) =>
            {
                Some(error)
            }
            (Some(_), None) => Some(only_strangers),
            (None, None) => None,
        }
    }
}

/// Whether a sender has said that the code is wrong. An honest one does; a wrong tag comes from others.
fn is_refusal(error: &TransferError) -> bool {
    matches!(error, TransferError::WrongCode { tries_left: Some(_) })
}

async fn next<T>(channel: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    channel.as_mut()?.recv().await
}

/// Finds the sender that has invited this receiver under `code`, where the two have met before, and proves the code to it.
///
/// # Errors
///
/// [`TransferError::PeerLost`] if the sender is not there, or what went wrong with it or with the relay.
pub async fn meet_again(
    venue: &Venue,
    code: CodePhrase,
    context: &Context,
) -> Result<Meeting, TransferError> {
    let code = Arc::new(code);
    let (end, proofs) = (Instant::now() + INVITED_LIMIT, Proofs::new());
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let visited = match venue {
            Venue::Relay(relay) => visit(relay.clone(), proofs.place(false), &code, context).await,
            Venue::Internet(internet) => {
                let (strangers, _) = mpsc::channel(usize::from(MAX_PROOFS));
                visit_online(internet.clone(), &proofs, &code, strangers, context).await
            }
        };
        let error = match visited {
            Ok(met) => return Ok(met.meeting(&code, false, None).await),
            Err(Missed::Before(error) | Missed::Stranger(error)) => error,
            Err(Missed::Nobody) => TransferError::PeerLost,
            Err(Missed::Spared) => return Err(TransferError::PeerLost),
        };
        // The relay may be gone for a moment, and all rooms with it. What was said before the code was proven may have been
        // changed on its way, because this sender does know the code.
        let goes_by = matches!(
            error,
            TransferError::Relay(_)
                | TransferError::PeerLost
                | TransferError::PeerMisbehaved(_)
                | TransferError::WrongCode { .. }
        );
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
            // Others behind the same address may have used up what it may do at the moment.
            Err(RelayClientError::Refused(Refusal::RoleTaken | Refusal::TooManyJoins))
                if start.elapsed() < BUSY_LIMIT =>
            {
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
    mut place: Place,
    code: &CodePhrase,
    context: &Context,
) -> Result<Met, Missed> {
    let (client_token, mut paired) = enter(&relay, place.is_local(), code).await?;
    let agreed = prove(&paired.first, &mut place, code, &mut paired.stream, context).await?;
    Ok(Met { way: MetBy::Relay { relay, client_token, paired }, agreed })
}
