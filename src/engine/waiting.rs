//! The task that waits for calls of people this side knows: under a code of each person's own, wherever callers look. At
//! midnight UTC the code changes, and with it the room, so that nobody who sees rooms can tell that it is the same two on another
//! day. A caller whose clock is a little behind or ahead looks in the room of the neighbouring day as well.
//!
//! Three wrong proofs in one place retire a code, as they do any. Here that is a rest of a minute, after which the same code is up
//! again: its room can't be guessed, so only a relay could bring a stranger there, and its secret of 256 bits can't be guessed
//! either. The rest keeps strangers from costing work without end.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    command::WaitOrder,
    event::{Called, Event, Presence},
    local::{OwnRelayConfig, OwnRelayTask, announce},
    outbox::Outbox,
};
use crate::{
    crypto::KnownPair,
    net::{
        access::SenderKey,
        backoff::Backoff,
        client::{RelayAddress, RelayChoice},
    },
    panics::caught,
    transfer::{
        error::TransferError,
        link::{
            call,
            handshake::MIN_ITERATIONS,
            rendezvous::{
                Admitted, CodeChoice, Gate, OnlinePlace, OwnRelay, WaitOptions, WaitingPlaces, today,
                wait_for_several,
            },
        },
        notice::Context,
        path_mode::PathMode,
        progress::Progress,
    },
};

/// The first pause after a place could not be waited in.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause, to which the pauses grow.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a relay that is lost is tried before the wait begins anew, which does the same.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often the clock is asked whether the day is over: it may be set, and the machine may sleep.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long a place rests after a call, so that no person can call more often than the user could notice.
const REST: Duration = Duration::from_secs(1);

/// One place where callers look.
#[derive(Clone)]
enum Spot {
    /// The relay in this process, at this port, which is announced on the local network.
    Own { port: u16, key: SenderKey },
    /// A relay.
    Relay(RelayChoice),
    /// The internet.
    Online(OnlinePlace),
}

/// Waits for calls until it is cancelled.
pub(super) async fn wait_task(order: WaitOrder, cancel: CancellationToken, out: Outbox) {
    let WaitOrder { people, mut relays, mut internet, path_mode } = order;
    if path_mode == PathMode::LocalOnly {
        relays.clear();
        internet = None;
    }
    let bound = match path_mode {
        PathMode::RelayOnly => None,
        _ => OwnRelayTask::bind(OwnRelayConfig::new(path_mode))
            .await
            .map_err(|error| tracing::warn!(%error, "no calls come over the local network"))
            .ok(),
    };
    let (notices, _) = mpsc::channel(1);
    let progress = watch::Sender::new(Progress::default());
    // What the waits report is of no use to anybody.
    let context = Context::new(notices, progress, Arc::new(|| {}), cancel.clone(), Arc::default());
    let mut spots: Vec<Spot> = relays.into_iter().map(Spot::Relay).collect();
    spots.extend(internet.map(|internet| Spot::Online(OnlinePlace { internet, reveal: path_mode.reveal() })));
    if let Some((task, own)) = &bound {
        spots.push(Spot::Own { port: task.relay.port(), key: own.key.clone() });
    }
    let mut waits = JoinSet::new();
    for person in &people {
        for spot in &spots {
            waits.spawn(wait_in(person.clone(), spot.clone(), context.clone(), out.clone()));
        }
    }
    if let Some((task, _own)) = bound {
        let end = cancel.clone();
        waits.spawn(async move {
            let _ = caught(task.run(false, end)).await;
        });
    }
    cancel.cancelled().await;
    waits.shutdown().await;
}

/// Waits in one place for the calls of one person, for ever.
async fn wait_in(person: KnownPair, spot: Spot, context: Context, out: Outbox) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let day = today();
        let waiting = caught(wait_for_day(&person, day, &spot, &context, &out));
        tokio::select! {
            ended = waiting => {
                if let Ok(Err(error)) = ended {
                    tracing::debug!(%error, "a place can't be waited in");
                }
                sleep(backoff.next_pause()).await;
            }
            () = is_over(day) => backoff.reset(),
        }
    }
}

async fn is_over(day: u64) {
    while today() == day {
        sleep(LOOK_EVERY).await;
    }
}

/// Waits in one place for the calls of a day.
async fn wait_for_day(
    person: &KnownPair,
    day: u64,
    spot: &Spot,
    context: &Context,
    out: &Outbox,
) -> Result<(), TransferError> {
    let code = call::called_under(&person.is_called_under(day));
    let (announced, announcing) = watch::channel(None);
    let (places, port, reveal) = match spot.clone() {
        Spot::Relay(relay) => {
            let places = WaitingPlaces { relays: vec![relay], own: None, online: None };
            (places, None, PathMode::RelayOnly.reveal())
        }
        Spot::Online(place) => {
            let reveal = place.reveal;
            (WaitingPlaces { relays: Vec::new(), own: None, online: Some(place) }, None, reveal)
        }
        Spot::Own { port, key } => {
            let address = RelayAddress::from_socket((IpAddr::from(Ipv4Addr::LOCALHOST), port).into());
            let own = Some(OwnRelay { address, key, announced, unneeded: CancellationToken::new() });
            (
                WaitingPlaces { relays: Vec::new(), own, online: None },
                Some(port),
                PathMode::LocalOnly.reveal(),
            )
        }
    };
    let waits = WaitOptions { patience: PATIENCE, iterations: MIN_ITERATIONS, reveal };
    let (admitting, mut admitted) = mpsc::channel(1);
    let waiting = Box::pin(wait_for_several(
        CodeChoice::Own(code),
        places,
        Gate::new(u16::MAX, admitting),
        waits,
        context,
    ));
    let hearing = async {
        while let Some(admitted) = admitted.recv().await {
            hear(person, admitted, context, out).await;
        }
        std::future::pending::<()>().await;
    };
    let announcing = async {
        if let Some(port) = port {
            announce(announcing, port).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = waiting => ended,
        () = hearing => Ok(()),
        () = announcing => Ok(()),
    }
}

/// Hears one call, and reports it, and that the person is there.
async fn hear(person: &KnownPair, admitted: Admitted, context: &Context, out: &Outbox) {
    let Admitted { meeting, place, stays, is_free: _is_free } = admitted;
    // Nobody else could have proven to know the code, so the person is there, whatever it says. The relay in this process is found on
    // the local network.
    let presence = if place.own_key.is_some() { Presence::Nearby } else { Presence::Reachable };
    out.send(Event::Presence(person.id(), presence)).await;
    match call::hear(meeting, &place.venue, context).await {
        Ok(heard) => {
            // The relay in this process takes no sender but those of this process, so the caller waits elsewhere.
            let relay = place.venue.relay().filter(|_| place.own_key.is_none()).cloned();
            out.send(Event::Called(Called { person: person.id(), code: call::code_of(&heard), relay })).await;
        }
        Err(error) => tracing::debug!(%error, "a call came to nothing"),
    }
    sleep(REST).await;
    drop(stays);
}
