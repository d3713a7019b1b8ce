//! What every connection of one relay shares: the tables behind their locks, the counters, and the guards that give
//! back what they hold when dropped. Never takes two locks at once.

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
    protocol::relay::{LaneToken, Refusal, RoomId},
    sync::lock_shared,
};

/// What one connection takes in user space, by measurement of ten thousand waiting senders, rounded up.
const CONNECTION_BYTES: u64 = 4 * 1024;
/// What a room takes besides its sender's connection and first message.
const ROOM_BYTES: u64 = 512;
/// How much a transfer may send at once before its rate limit holds it back.
const RATE_BURST: Duration = Duration::from_millis(250);

/// The state of one relay.
pub(super) struct RelayState {
    pub(super) password: Option<AccessPassword>,
    pub(super) limits: Limits,
    pub(super) data_ports: Vec<u16>,
    pub(super) counters: Counters,
    /// How many pipes may be open at once, so that copying can't use up the process's open files.
    pub(super) pipes: Arc<Semaphore>,
    rooms: Mutex<RelayRooms>,
    quota: Mutex<Quota>,
    started: Instant,
}

type RelayRooms = Rooms<oneshot::Sender<Joiner>, oneshot::Sender<Client>, Arc<Pair>>;

/// A connection within the limits.
pub(super) struct Client {
    // Before the stream, so that the place is free by the time the client sees the end.
    pub(super) permit: Permit,
    /// Counted from the relay's start; what logs call this connection.
    pub(super) number: u64,
    pub(super) stream: TcpStream,
}

/// A second comer, on its way to the task of the first.
pub(super) struct Joiner {
    pub(super) client: Client,
    pub(super) token: LaneToken,
    pub(super) pair: Arc<Pair>,
    /// What the first comer said first, and what this one did.
    pub(super) firsts: (Vec<u8>, Vec<u8>),
}

impl RelayState {
    pub(super) fn new(
        password: Option<AccessPassword>,
        limits: Limits,
        data_ports: Vec<u16>,
        pipes: usize,
    ) -> Self {
        Self {
            password,
            data_ports,
            counters: Counters::default(),
            pipes: Arc::new(Semaphore::new(pipes)),
            rooms: Mutex::new(Rooms::new(limits.max_rooms)),
            quota: Mutex::new(Quota::new(&limits)),
            limits,
            started: Instant::now(),
        }
    }

    /// A place for one connection, if the limits leave one.
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

    /// Memory for `bytes` of buffers.
    pub(super) fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Permit, Refusal> {
        self.quota().reserve(bytes)?;
        Ok(self.permit(Use::Memory, bytes))
    }

    /// Opens a room for a first comer's connection, which is reached by `mailbox`. A pair whose room it was ends.
    pub(super) fn open_room(
        self: &Arc<Self>,
        client: &Client,
        member: Member,
        first: Vec<u8>,
        mailbox: oneshot::Sender<Joiner>,
    ) -> Result<RoomGuard, Refusal> {
        let permit = self.permit_room(client.permit.address()?, ROOM_BYTES + first.len() as u64)?;
        let OpenedRoom { number, displaced } = self.rooms().open(member, first, mailbox)?;
        if let Some(displaced) = displaced {
            displaced.closed.cancel();
        }
        self.counters.rooms.fetch_add(1, Ordering::Relaxed);
        let room = (member.room, number);
        Ok(RoomGuard { shared: Arc::clone(self), room, permit: Some(permit), pair: None })
    }

    /// Counts a try to join from this address.
    pub(super) fn count_join(&self, client: &Client) -> Result<(), Refusal> {
        self.counters.joins.fetch_add(1, Ordering::Relaxed);
        let address = client.permit.address()?;
        let now = self.now();
        self.quota().join(address, now)
    }

    /// What the connections of one room share.
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

    /// Connections open and bytes of memory in use.
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

/// Something counted against the limits, given back when dropped.
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

/// A first comer's hold on its room. Dropped, it wipes the room and closes the lanes.
pub(super) struct RoomGuard {
    shared: Arc<RelayState>,
    room: (RoomId, u64),
    permit: Option<Permit>,
    pair: Option<Arc<Pair>>,
}

impl RoomGuard {
    /// Takes the room out of the table, so that its id is free and no lane can be opened. Lanes that copy go on until
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

/// A first comer's hold on its lane. Dropped, it frees the lane's number.
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

    /// How long to pause after `bytes` moved on a lane, to keep to the transfer's rate.
    pub(super) fn pause_after(&self, bytes: usize) -> Duration {
        let Some((rate, bucket)) = &self.rate else { return Duration::ZERO };
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(*rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = self.started.elapsed();
        lock_shared(bucket).take_with_debt(now, cost)
    }

    /// Whether a rate is set, so that bytes should move in small portions.
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
        Arc::new(RelayState::new(None, limits, Vec::new(), 0))
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
        // The control connection's view: silent itself, kept by the lane.
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
