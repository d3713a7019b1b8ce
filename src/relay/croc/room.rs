//! A room of croc's in the task of its first client: it waits there, and copies once the second one has come.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::Interest,
    net::TcpStream,
    sync::oneshot,
    time::{MissedTickBehavior, interval, timeout},
};

use super::desk::{CrocJoiner, CrocRoomGuard, tell};
use crate::{
    croc::{
        frame::{self, KEEP_ALIVE},
        host::{KEEP_ALIVE_EVERY, RoomAnswer, RoomRequest},
    },
    net::socket,
    protocol::relay::Refusal,
    relay::{
        copy::{self, PairEnd, Traffic},
        quota::Holding,
        refusal::{StopReason, answer},
        shared::Client,
    },
};

/// Lets the first client in, waits with it for the second, and copies between the two until one of them leaves.
pub(super) async fn host(
    mut client: Client,
    request: RoomRequest,
    mut room: CrocRoomGuard,
    mut arrivals: oneshot::Receiver<CrocJoiner>,
) -> Result<(), StopReason> {
    answer(&mut client.stream, &request.answer(RoomAnswer::Admitted)?).await?;
    // Its key takes more memory than all else that is held of a client that waits.
    drop(request);
    tracing::debug!(connection = client.number, port = room.name.port, "croc waits");
    let limit = Duration::from_secs(room.desk.shared.limits.wait_secs);
    let waited = timeout(limit, wait(&mut client.stream, &mut arrivals)).await;
    match waited.unwrap_or(Err(Refusal::TooSlow.into())) {
        Ok(joiner) => Box::pin(copy_pair(client, joiner, room)).await,
        Err(stop) => {
            room.close();
            Box::pin(turn_back(arrivals)).await;
            Err(stop)
        }
    }
}

/// Refuses a client that has come at the moment at which the first one ended its wait.
pub(super) async fn turn_back(mut arrivals: oneshot::Receiver<CrocJoiner>) {
    arrivals.close();
    if let Ok(mut joiner) = arrivals.try_recv() {
        tell(&mut joiner.client, &joiner.request, RoomAnswer::Full).await;
    }
}

/// Tells a client once a second that it is alone, until the other one comes. What it sends meanwhile stays with the system, so this
/// takes no memory.
async fn wait(
    stream: &mut TcpStream,
    arrivals: &mut oneshot::Receiver<CrocJoiner>,
) -> Result<CrocJoiner, StopReason> {
    let keep_alive = frame::encode(KEEP_ALIVE);
    let mut clock = interval(KEEP_ALIVE_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_spoken = false;
    loop {
        tokio::select! {
            biased;
            joiner = &mut *arrivals => return joiner.map_err(|_| StopReason::Wiped),
            _ = clock.tick() => {
                if has_spoken && stream.ready(Interest::READABLE).await?.is_read_closed() {
                    return Err(StopReason::Gone);
                }
                answer(stream, &keep_alive).await?;
            }
            // Behind what a client has sent, its end is seen at the next tick.
            peeked = peek(stream), if !has_spoken => {
                if peeked? == 0 {
                    return Err(StopReason::Gone);
                }
                has_spoken = true;
            }
        }
    }
}

async fn peek(stream: &TcpStream) -> std::io::Result<usize> {
    stream.peek(&mut [0]).await
}

/// Admits the second client and copies. Nothing that the first one has sent goes before that.
async fn copy_pair(client: Client, joiner: CrocJoiner, mut room: CrocRoomGuard) -> Result<(), StopReason> {
    let CrocJoiner { client: mut other, request } = joiner;
    let shared = Arc::clone(&room.desk.shared);
    let is_control = room.name.is_control();
    let mut memory = None;
    if is_control {
        match shared.admit(client.origin(), Holding::Memory(copy::CONTROL_PAIR_BYTES)) {
            Ok(permit) => memory = Some(permit),
            Err(refusal) => {
                room.close();
                tell(&mut other, &request, RoomAnswer::Limited).await;
                return Err(refusal.into());
            }
        }
    } else {
        socket::prepare_for_bulk(&client.stream);
        socket::prepare_for_bulk(&other.stream);
    }
    let pair = room.desk.pair(&room, [client.origin(), other.origin()]);
    answer(&mut other.stream, &request.answer(RoomAnswer::Admitted)?).await?;
    let (met, traffic) = if is_control {
        (&shared.counters.pairings, Traffic::Control)
    } else {
        (&shared.counters.lanes, Traffic::CrocLane)
    };
    met.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(connection = client.number, other = other.number, "crocs paired");
    let left = || room.close();
    let end = copy::both_ways(&shared, &pair, traffic, &client, &other, left).await;
    if end == PairEnd::Idle {
        shared.counters.idle_closes.fetch_add(1, Ordering::Relaxed);
    }
    tracing::debug!(connection = client.number, other = other.number, ?end, "crocs' pair ended");
    drop(memory);
    // Closed before the connections are, so that a client that sees the end finds the room free.
    drop(room);
    Ok(())
}
