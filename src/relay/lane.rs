//! A lane after its opening: the first of two ends waits, and its task copies once the second is handed to it.

use std::sync::{Arc, atomic::Ordering};

use tokio::{
    io::AsyncReadExt,
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    copy::{self, End},
    refusal::{Stop, answer, refuse, wait_for},
    rooms::Seat,
    shared::{LaneGuard, Link, Shared, Transfer},
};
use crate::{
    net::socket,
    protocol::relay::{
        ConnectionKind, LANE_HELLO_LEN, LANE_PAIRED, LaneHello, MAX_LANES, OPENING_LEN, Refusal,
    },
};

/// Serves a lane whose hello is due at `deadline`.
pub(super) async fn serve(shared: Arc<Shared>, mut link: Link, deadline: Instant) {
    let hello = timeout_at(deadline, read_hello(&mut link)).await;
    let outcome = match hello.unwrap_or(Err(Refusal::TooSlow.into())) {
        Ok(hello) => match take_seat(&shared, link, &hello).await {
            Ok(()) => return,
            Err((back, stop)) => {
                link = back;
                stop
            }
        },
        Err(stop) => stop,
    };
    let refusal = match outcome {
        Stop::Gone => return tracing::debug!(connection = link.number, "lane closed"),
        Stop::Wiped => Refusal::NoSuchLane,
        Stop::Refused(refusal) => refusal,
    };
    refuse(&shared, link, ConnectionKind::Lane, refusal).await;
}

async fn read_hello(link: &mut Link) -> Result<LaneHello, Stop> {
    let mut rest = [0; LANE_HELLO_LEN - OPENING_LEN];
    link.stream.read_exact(&mut rest).await?;
    match LaneHello::from_rest(&rest) {
        Some(hello) => Ok(hello),
        None if u16::from_be_bytes([rest[16], rest[17]]) >= MAX_LANES => Err(Refusal::NoSuchLane.into()),
        None => Err(Refusal::Malformed.into()),
    }
}

/// Pairs with the end that waits, or waits; gives the connection back with the reason where neither can be.
async fn take_seat(shared: &Arc<Shared>, link: Link, hello: &LaneHello) -> Result<(), (Link, Stop)> {
    let (mailbox, arrivals) = oneshot::channel();
    let seat = shared.rooms().seat_lane(hello, mailbox);
    match seat {
        Ok(Seat::Second(first_comer)) => {
            first_comer.send(link).map_err(|link| (link, Refusal::NoSuchLane.into()))
        }
        Ok(Seat::First(transfer)) => {
            let guard = LaneGuard { shared: Arc::clone(shared), token: hello.token, lane: hello.lane };
            wait_and_copy(shared, link, &transfer, guard, arrivals).await
        }
        Err(refusal) => Err((link, refusal.into())),
    }
}

async fn wait_and_copy(
    shared: &Arc<Shared>,
    link: Link,
    transfer: &Transfer,
    guard: LaneGuard,
    mut arrivals: oneshot::Receiver<Link>,
) -> Result<(), (Link, Stop)> {
    let waited = tokio::select! {
        waited = wait_for(&link.stream, &mut arrivals) => waited,
        () = transfer.idle() => Err(Refusal::TooSlow.into()),
    };
    match waited {
        Ok(other) => Box::pin(pair(shared, link, other, transfer, guard)).await,
        Err(stop) => {
            drop(guard);
            // The other end may have come in the same instant.
            if let Ok(other) = arrivals.try_recv() {
                Box::pin(refuse(shared, other, ConnectionKind::Lane, Refusal::NoSuchLane)).await;
            }
            Err((link, stop))
        }
    }
}

async fn pair(
    shared: &Arc<Shared>,
    mut link: Link,
    mut other: Link,
    transfer: &Transfer,
    guard: LaneGuard,
) -> Result<(), (Link, Stop)> {
    let _memory = match shared.reserve(copy::pair_bytes(ConnectionKind::Lane)) {
        Ok(memory) => memory,
        Err(refusal) => {
            drop(guard);
            refuse(shared, other, ConnectionKind::Lane, refusal).await;
            return Err((link, refusal.into()));
        }
    };
    for stream in [&mut link.stream, &mut other.stream] {
        socket::prepare_for_bulk(stream);
        // Whoever has left by now is noticed when copying starts.
        let _ = answer(stream, &[LANE_PAIRED]).await;
    }
    shared.counters.lanes.fetch_add(1, Ordering::Relaxed);
    transfer.touch();
    tracing::debug!(connection = link.number, other = other.number, "lane paired");
    let end =
        copy::both_ways(shared, transfer, ConnectionKind::Lane, &link.stream, &other.stream, || ()).await;
    if end == End::Idle {
        shared.counters.idle_closes.fetch_add(1, Ordering::Relaxed);
    }
    tracing::debug!(connection = link.number, other = other.number, ?end, "lane ended");
    Ok(())
}
