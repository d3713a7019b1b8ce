//! What the connections of one paired room share: their end, their activity, their rate, and what the host thinks of the client
//! that came to it.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{bucket::TokenBucket, config::Limits, origin::ClientOrigin};
use crate::sync::lock_shared;

/// How much a pair may send at once before its rate limit holds it back, as the time that it would take at this rate.
const RATE_BURST: Duration = Duration::from_millis(250);
/// How long a connection may move nothing while the relay is short of connections or memory. Peers that are in a transfer send a
/// word each second, and open a lane again when they need it.
const IDLE_WHEN_SHORT: Duration = Duration::from_mins(1);
/// What a host sends in bytes to a client that it trusts, and to no other: several times what saying that a code is wrong takes,
/// and less than agreeing and the first sealed message.
const TRUST_BYTES: u64 = 64;

/// When bytes last moved.
#[derive(Debug)]
pub(super) struct LastMoved {
    started: Instant,
    millis: AtomicU64,
}

impl LastMoved {
    /// As if bytes moved now.
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), millis: AtomicU64::new(0) }
    }

    fn touch(&self) {
        self.millis.fetch_max(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn at(&self) -> Instant {
        self.started + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// What the connections of one paired room share.
pub(super) struct Pair {
    pub(super) closed: CancellationToken,
    moved: LastMoved,
    idle: Duration,
    is_short: watch::Receiver<bool>,
    rate: Option<(u64, Mutex<TokenBucket>)>,
    /// The client that came to the host, if this counts as a try at a code.
    tried_by: Option<ClientOrigin>,
    host_bytes: AtomicU64,
}

impl Pair {
    pub(super) fn new(
        limits: &Limits,
        is_short: watch::Receiver<bool>,
        tried_by: Option<ClientOrigin>,
    ) -> Self {
        Self {
            closed: CancellationToken::new(),
            moved: LastMoved::new(),
            idle: Duration::from_secs(limits.idle_secs),
            is_short,
            rate: limits
                .rate_bytes_per_sec
                .map(|rate| (rate.get(), Mutex::new(TokenBucket::new(RATE_BURST)))),
            tried_by,
            host_bytes: AtomicU64::new(0),
        }
    }

    /// The same for two peers that may move nothing for this long.
    #[cfg(feature = "croc")]
    pub(super) fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Notes that bytes moved on this connection of the room.
    pub(super) fn touch(&self, connection: &LastMoved) {
        self.moved.touch();
        connection.touch();
    }

    /// Notes that the host's control connection has sent `bytes`. Returns, once, the client that came to it, if that counted as a
    /// try and the host has come to trust it.
    pub(super) fn host_sent(&self, bytes: usize) -> Option<ClientOrigin> {
        let bytes = bytes as u64;
        let before = self.host_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_first = before < TRUST_BYTES && before.saturating_add(bytes) >= TRUST_BYTES;
        self.tried_by.filter(|_| is_first)
    }

    /// How long to pause after `bytes` moved on a lane, to keep to the rate of the pair.
    pub(super) fn pause_after(&self, bytes: usize) -> Duration {
        let Some((rate, bucket)) = &self.rate else { return Duration::ZERO };
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(*rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = self.moved.started.elapsed();
        lock_shared(bucket).take_with_debt(now, cost)
    }

    /// Whether the rate is limited, so that bytes should move in small portions.
    pub(super) fn is_paced(&self) -> bool {
        self.rate.is_some()
    }

    /// Ends when the room is closed.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Ends when none of the room's connections has moved a byte for as long as the limits allow. While the relay is short, it
    /// ends when `connection` alone has moved nothing for a minute.
    pub(super) async fn idle(&self, connection: &LastMoved) {
        let mut is_short = self.is_short.clone();
        loop {
            let deadline = if *is_short.borrow_and_update() {
                connection.at() + self.idle.min(IDLE_WHEN_SHORT)
            } else {
                self.moved.at() + self.idle
            };
            if Instant::now() >= deadline {
                return;
            }
            tokio::select! {
                () = sleep_until(deadline) => {}
                // The other end of this channel is in the relay's state, which lives longer than every connection.
                Ok(()) = is_short.changed() => {}
            }
        }
    }

    /// As [`Pair::idle`], for the control connections, which are in use while a lane is.
    pub(super) async fn room_idle(&self) {
        self.idle(&self.moved).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pair(idle_secs: u64, tried_by: Option<ClientOrigin>) -> (Pair, watch::Sender<bool>) {
        let (short, is_short) = watch::channel(false);
        (Pair::new(&Limits { idle_secs, ..Limits::default() }, is_short, tried_by), short)
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_is_idle_only_when_none_of_its_connections_has_moved_a_byte() {
        let (pair, _short) = pair(10, None);
        let (start, lane) = (Instant::now(), LastMoved::new());
        let moving = async {
            for _ in 0..5 {
                tokio::time::sleep(6 * SECOND).await;
                pair.touch(&lane);
            }
        };
        // The control connection is silent, but the lane keeps it open.
        tokio::join!(moving, pair.room_idle());
        assert_eq!(start.elapsed().as_secs(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_that_never_moves_a_byte_is_idle_in_time() {
        let (pair, _short) = pair(10, None);
        let start = Instant::now();
        pair.idle(&LastMoved::new()).await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_lane_gives_way_when_the_relay_is_short_although_its_room_is_in_use() {
        let (pair, short) = pair(600, None);
        let (start, idle, busy) = (Instant::now(), LastMoved::new(), LastMoved::new());
        let moving = async {
            for second in 1..=300 {
                tokio::time::sleep(SECOND).await;
                pair.touch(&busy);
                if second == 200 {
                    short.send_replace(true);
                }
            }
        };
        let gives_way = async {
            pair.idle(&idle).await;
            assert_eq!(start.elapsed().as_secs(), 200);
        };
        let stays = async {
            pair.idle(&busy).await;
            assert_eq!(start.elapsed().as_secs(), 360);
        };
        tokio::join!(moving, gives_way, stays);
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_is_given_back_once_and_only_when_the_host_has_said_more_than_no() {
        let from = std::net::IpAddr::from([192, 0, 2, 1]).into();
        let (tried, _short) = pair(600, Some(from));
        let said: Vec<_> = [30, 30, 30, 9999].map(|bytes| tried.host_sent(bytes)).into();
        assert_eq!(said, [None, None, Some(from), None]);
        assert_eq!(pair(600, None).0.host_sent(9999), None);
    }
}
