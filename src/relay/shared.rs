//! What all connections of one relay share: the tables behind their locks, the counters, and the guards that give
//! back what they hold when they are dropped. No code takes two of the locks at once.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{Semaphore, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    bucket::TokenBucket,
    config::{AccessPassword, Limits},
    metrics::Counters,
    quota::{AddressKey, Quota},
    rooms::{Member, OpenedRoom, Rooms},
};
use crate::{
    net::access::SenderKey,
    protocol::{
        Role,
        relay::{LaneToken, Refusal, RoomId},
    },
    sync::lock_shared,
};

/// Memory of one connection in bytes, without the system's share: measured with ten thousand waiting senders and rounded up.
const CONNECTION_BYTES: u64 = 4 * 1024;
/// Memory of a room in bytes, besides its host's connection and first message.
const ROOM_BYTES: u64 = 512;
/// How much a pair may send at once before its rate limit holds it back, as the time that it would take at this rate.
const RATE_BURST: Duration = Duration::from_millis(250);

/// The state of one relay.
pub(super) struct RelayState {
    pub(super) password: Option<AccessPassword>,
    pub(super) sender_key: Option<SenderKey>,
    pub(super) limits: Limits,
    pub(super) data_ports: Vec<u16>,
    pub(super) counters: Counters,
    /// Limits the pipes that are open at once, so that copying can't use up the open files of the process.
    pub(super) pipes: Arc<Semaphore>,
    rooms: Mutex<RelayRooms>,
    quota: Mutex<Quota>,
    started: Instant,
}

type RelayRooms = Rooms<oneshot::Sender<Joiner>, oneshot::Sender<Client>, Arc<Pair>>;

/// A client's connection that is within the limits.
pub(super) struct Client {
    // It stands before the stream, so that it is given back before the client sees the end of the connection.
    pub(super) permit: Permit,
    /// Counted from the relay's start. Logs call the connection by this number.
    pub(super) number: u64,
    pub(super) stream: TcpStream,
}

/// The client that comes second, on its way to the task of the first.
pub(super) struct Joiner {
    pub(super) client: Client,
    pub(super) token: LaneToken,
    pub(super) pair: Arc<Pair>,
    /// The first messages of the client that waited and of this one.
    pub(super) firsts: (Vec<u8>, Vec<u8>),
}

impl RelayState {
    pub(super) fn new(
        password: Option<AccessPassword>,
        sender_key: Option<SenderKey>,
        limits: Limits,
        data_ports: Vec<u16>,
        pipes: usize,
    ) -> Self {
        Self {
            password,
            sender_key,
            data_ports,
            counters: Counters::default(),
            pipes: Arc::new(Semaphore::new(pipes)),
            rooms: Mutex::new(Rooms::new(limits.max_rooms)),
            quota: Mutex::new(Quota::new(&limits)),
            limits,
            started: Instant::now(),
        }
    }

    /// Counts one more connection, if the limits allow it.
    pub(super) fn admit(self: &Arc<Self>, address: AddressKey) -> Result<Permit, Refusal> {
        let now = self.now();
        let mut quota = self.quota();
        quota.reserve(CONNECTION_BYTES)?;
        if let Err(refusal) = quota.connect(address, now) {
            quota.release(CONNECTION_BYTES);
            return Err(refusal);
        }
        Ok(self.permit(Use::Connection(address), CONNECTION_BYTES))
    }

    /// Counts `bytes` of memory for buffers, if the limits allow it.
    pub(super) fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Permit, Refusal> {
        self.quota().reserve(bytes)?;
        Ok(self.permit(Use::Memory, bytes))
    }

    /// Opens a room for a client, which is reached by `mailbox`. If another pair has this room, it is ended.
    pub(super) fn open_room(
        self: &Arc<Self>,
        client: &Client,
        member: Member,
        first: Vec<u8>,
        mailbox: oneshot::Sender<Joiner>,
    ) -> Result<RoomGuard, Refusal> {
        if member.role == Role::Receiver
            && self.sender_key.is_some()
            && self.rooms().len() >= self.limits.max_rooms / 2
        {
            // Receivers that wait for a sender, real or not, must leave room for it.
            return Err(Refusal::TooManyRooms);
        }
        let permit = self.permit_room(client.permit.address()?, ROOM_BYTES + first.len() as u64)?;
        let OpenedRoom { number, displaced } = self.rooms().open(member, first, mailbox)?;
        if let Some(displaced) = displaced {
            displaced.closed.cancel();
        }
        self.counters.rooms.fetch_add(1, Ordering::Relaxed);
        let room = (member.room, number);
        Ok(RoomGuard { shared: Arc::clone(self), room, permit: Some(permit), pair: None })
    }

    /// Counts a try to join a room from this client's address.
    pub(super) fn count_join(&self, client: &Client) -> Result<(), Refusal> {
        self.counters.joins.fetch_add(1, Ordering::Relaxed);
        let address = client.permit.address()?;
        let now = self.now();
        self.quota().join(address, now)
    }

    /// What the connections of a room that is being paired will share.
    pub(super) fn new_pair(&self) -> Pair {
        Pair {
            closed: CancellationToken::new(),
            started: Instant::now(),
            moved_at_millis: AtomicU64::new(0),
            idle: Duration::from_secs(self.limits.idle_secs),
            rate: self
                .limits
                .rate_bytes_per_sec
                .map(|rate| (rate.get(), Mutex::new(TokenBucket::new(RATE_BURST)))),
        }
    }

    /// The table of rooms.
    pub(super) fn rooms(&self) -> MutexGuard<'_, RelayRooms> {
        lock_shared(&self.rooms)
    }

    /// The number of open connections, and the bytes of memory in use.
    pub(super) fn usage(&self) -> (usize, u64) {
        let quota = self.quota();
        (quota.connections(), quota.memory_bytes())
    }

    fn permit_room(self: &Arc<Self>, address: AddressKey, bytes: u64) -> Result<Permit, Refusal> {
        let mut quota = self.quota();
        quota.reserve(bytes)?;
        if let Err(refusal) = quota.open_room(address) {
            quota.release(bytes);
            return Err(refusal);
        }
        Ok(self.permit(Use::Room(address), bytes))
    }

    fn permit(self: &Arc<Self>, held: Use, bytes: u64) -> Permit {
        Permit { shared: Arc::clone(self), held, bytes }
    }

    fn quota(&self) -> MutexGuard<'_, Quota> {
        lock_shared(&self.quota)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Something that is counted against the limits until it is dropped.
pub(super) struct Permit {
    shared: Arc<RelayState>,
    held: Use,
    bytes: u64,
}

#[derive(Clone, Copy)]
enum Use {
    Connection(AddressKey),
    Room(AddressKey),
    Memory,
}

impl Permit {
    fn address(&self) -> Result<AddressKey, Refusal> {
        match self.held {
            Use::Connection(address) | Use::Room(address) => Ok(address),
            Use::Memory => Err(Refusal::Malformed),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.shared.now();
        let mut quota = self.shared.quota();
        quota.release(self.bytes);
        match self.held {
            Use::Connection(address) => quota.disconnect(address, now),
            Use::Room(address) => quota.close_room(address),
            Use::Memory => {}
        }
    }
}

/// The host's hold on its room. When it is dropped, the room is wiped and its lanes are closed.
pub(super) struct RoomGuard {
    shared: Arc<RelayState>,
    room: (RoomId, u64),
    permit: Option<Permit>,
    pair: Option<Arc<Pair>>,
}

impl RoomGuard {
    /// Takes the room out of the table, so that its id is free and no further lane can be opened. Lanes that copy go on until
    /// the guard is dropped.
    pub(super) fn wipe(&mut self) {
        if self.permit.take().is_some() {
            let (id, number) = self.room;
            self.pair = self.shared.rooms().close(id, number);
        }
    }
}

impl Drop for RoomGuard {
    fn drop(&mut self) {
        self.wipe();
        if let Some(pair) = self.pair.take() {
            pair.closed.cancel();
        }
    }
}

/// The hold on a lane by the end that came first. When it is dropped, the lane's number is free again.
pub(super) struct LaneGuard {
    pub(super) shared: Arc<RelayState>,
    pub(super) token: LaneToken,
    pub(super) lane: u16,
}

impl Drop for LaneGuard {
    fn drop(&mut self) {
        self.shared.rooms().free_lane(self.token, self.lane);
    }
}

/// What the connections of one paired room share: their end, their activity and their rate.
pub(super) struct Pair {
    closed: CancellationToken,
    started: Instant,
    moved_at_millis: AtomicU64,
    idle: Duration,
    rate: Option<(u64, Mutex<TokenBucket>)>,
}

impl Pair {
    /// Notes that bytes moved.
    pub(super) fn touch(&self) {
        self.moved_at_millis.fetch_max(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// How long to pause after `bytes` moved on a lane, to keep to the rate of the pair.
    pub(super) fn pause_after(&self, bytes: usize) -> Duration {
        let Some((rate, bucket)) = &self.rate else { return Duration::ZERO };
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(*rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = self.started.elapsed();
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

    /// Ends when none of the room's connections has moved a byte for as long as the limits allow.
    pub(super) async fn idle(&self) {
        loop {
            let moved_at = Duration::from_millis(self.moved_at_millis.load(Ordering::Relaxed));
            let deadline = self.started + moved_at + self.idle;
            if Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn shared(change: impl FnOnce(&mut Limits)) -> Arc<RelayState> {
        let mut limits = Limits::default();
        change(&mut limits);
        Arc::new(RelayState::new(None, None, limits, Vec::new(), 0))
    }

    #[tokio::test(start_paused = true)]
    async fn a_room_is_idle_only_when_none_of_its_connections_has_moved_a_byte() {
        let pair = Arc::new(shared(|limits| limits.idle_secs = 10).new_pair());
        let start = Instant::now();
        let lane = async {
            for _ in 0..5 {
                tokio::time::sleep(6 * SECOND).await;
                pair.touch();
            }
        };
        // The control connection is silent, but the lane keeps it open.
        tokio::join!(lane, pair.idle());
        assert_eq!(start.elapsed().as_secs(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_that_never_moves_a_byte_is_idle_in_time() {
        let pair = shared(|limits| limits.idle_secs = 10).new_pair();
        let start = Instant::now();
        pair.idle().await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test]
    async fn what_a_connection_held_is_given_back_when_it_ends() {
        let shared = shared(|limits| limits.connections_per_address = 1);
        let address = AddressKey::V6([1, 2, 3, 4]);
        let permit = shared.admit(address).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(shared.admit(address).is_err());
        assert_eq!(shared.usage(), (1, CONNECTION_BYTES));
        drop(permit);
        assert_eq!(shared.usage(), (0, 0));
        assert!(shared.admit(address).is_ok());
    }
}
