//! A lane after its opening: the end that comes first waits, and its task copies once the second end is handed to it.

use std::sync::{Arc, atomic::Ordering};

use tokio::{
    io::AsyncReadExt,
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    copy::{self, PairEnd, Traffic},
    pair::{LastMoved, Pair},
    refusal::{StopReason, answer, refuse, wait_for},
    rooms::LaneArrival,
    shared::{Client, LaneGuard, RelayState},
};
use crate::{
    net::socket,
    protocol::relay::{
        ConnectionKind, LANE_HELLO_LEN, LANE_PAIRED, LaneHello, MAX_LANES, OPENING_LEN, Refusal,
    },
};

/// Serves a lane whose hello is due at `deadline`.
pub(super) async fn serve(shared: Arc<RelayState>, mut client: Client, deadline: Instant) {
    let hello = timeout_at(deadline, read_hello(&mut client)).await;
    let outcome = match hello.unwrap_or(Err(Refusal::TooSlow.into())) {
        Ok(hello) => match enter(&shared, client, &hello).await {
            Ok(()) => return,
            Err((back, stop)) => {
                client = back;
                stop
            }
        },
        Err(stop) => stop,
    };
    let refusal = match outcome {
        StopReason::Gone => return tracing::debug!(connection = client.number, "lane closed"),
        StopReason::Wiped => Refusal::NoSuchLane,
        StopReason::Refused(refusal) => refusal,
    };
    refuse(&shared, client, ConnectionKind::Lane, refusal).await;
}

async fn read_hello(client: &mut Client) -> Result<LaneHello, StopReason> {
    let mut rest = [0; LANE_HELLO_LEN - OPENING_LEN];
    client.stream.read_exact(&mut rest).await?;
    match LaneHello::from_rest(&rest) {
        Some(hello) => Ok(hello),
        None if u16::from_be_bytes([rest[16], rest[17]]) >= MAX_LANES => Err(Refusal::NoSuchLane.into()),
        None => Err(Refusal::Malformed.into()),
    }
}

/// Pairs with the end that waits, or waits itself. If neither is possible, gives the connection back with the reason.
async fn enter(
    shared: &Arc<RelayState>,
    client: Client,
    hello: &LaneHello,
) -> Result<(), (Client, StopReason)> {
    let (mailbox, arrivals) = oneshot::channel();
    let arrival = shared.rooms().enter_lane(hello, mailbox);
    match arrival {
        Ok(LaneArrival::Second(first_comer)) => {
            first_comer.send(client).map_err(|client| (client, Refusal::NoSuchLane.into()))
        }
        Ok(LaneArrival::First(pair)) => {
            let guard = LaneGuard { shared: Arc::clone(shared), token: hello.token, lane: hello.lane };
            wait_and_copy(shared, client, &pair, guard, arrivals).await
        }
        Err(refusal) => Err((client, refusal.into())),
    }
}

async fn wait_and_copy(
    shared: &Arc<RelayState>,
    client: Client,
    pair: &Pair,
    guard: LaneGuard,
    mut arrivals: oneshot::Receiver<Client>,
) -> Result<(), (Client, StopReason)> {
    let came = LastMoved::new();
    let waited = tokio::select! {
        waited = wait_for(&client.stream, &mut arrivals) => waited,
        () = pair.idle(&came) => Err(Refusal::TooSlow.into()),
    };
    match waited {
        Ok(other) => {
            Box::pin(copy_pair(shared, client, other, pair, guard)).await;
            Ok(())
        }
        Err(stop) => {
            drop(guard);
            // The other end may have come at the same moment.
            if let Ok(other) = arrivals.try_recv() {
                Box::pin(refuse(shared, other, ConnectionKind::Lane, Refusal::NoSuchLane)).await;
            }
            Err((client, stop))
        }
    }
}

async fn copy_pair(
    shared: &Arc<RelayState>,
    mut client: Client,
    mut other: Client,
    pair: &Pair,
    _guard: LaneGuard,
) {
    for stream in [&mut client.stream, &mut other.stream] {
        socket::prepare_for_bulk(stream);
        // A client that has left by now is noticed when copying starts.
        let _ = answer(stream, &[LANE_PAIRED]).await;
    }
    shared.counters.lanes.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(connection = client.number, other = other.number, "lane paired");
    let end = copy::both_ways(shared, pair, Traffic::Lane, &client, &other, || ()).await;
    if end == PairEnd::Idle {
        shared.counters.idle_closes.fetch_add(1, Ordering::Relaxed);
    }
    tracing::debug!(connection = client.number, other = other.number, ?end, "lane ended");
}
