//! What all connections of one relay share: the tables behind their locks, the counters, and the guards that give
//! back what they hold when they are dropped. No code takes two of the locks at once.

use std::{
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{oneshot, watch},
    time::Instant,
};

use super::{
    config::Limits,
    metrics::Counters,
    origin::ClientOrigin,
    pair::Pair,
    quota::{Holding, Quota},
    reports::Reports,
    rooms::{OpenedRoom, Opening, Rooms},
    splice::Pipes,
};
use crate::{
    net::access::{AccessPassword, SenderKey},
    protocol::{
        Role,
        relay::{LaneToken, Refusal, RoomId},
    },
    sync::lock_shared,
};

/// The state of one relay.
pub(super) struct RelayState {
    pub(super) password: Option<AccessPassword>,
    pub(super) sender_key: Option<SenderKey>,
    pub(super) limits: Limits,
    pub(super) data_ports: Vec<u16>,
    pub(super) counters: Counters,
    pub(super) pipes: Pipes,
    rooms: Mutex<RelayRooms>,
    quota: Mutex<Quota>,
    is_short: watch::Sender<bool>,
    refusals: Mutex<Reports>,
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

impl Client {
    /// Whom the connection counts for.
    pub(super) fn origin(&self) -> ClientOrigin {
        self.permit.origin
    }
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
            pipes: Pipes::new(pipes),
            rooms: Mutex::new(Rooms::new(limits.max_rooms)),
            quota: Mutex::new(Quota::new(&limits)),
            is_short: watch::Sender::new(false),
            refusals: Mutex::new(Reports::new()),
            limits,
            started: Instant::now(),
        }
    }

    /// Counts something that a client wants to hold, if the limits allow it.
    pub(super) fn admit(self: &Arc<Self>, origin: ClientOrigin, holding: Holding) -> Result<Permit, Refusal> {
        let mut quota = self.quota();
        quota.take(origin, holding)?;
        self.note_shortness(&mut quota);
        Ok(Permit { shared: Arc::clone(self), origin, holding })
    }

    /// Opens a room for a client. If another pair has this room, it is ended.
    pub(super) fn open_room(
        self: &Arc<Self>,
        client: &Client,
        opening: Opening<oneshot::Sender<Joiner>>,
    ) -> Result<RoomGuard, Refusal> {
        if opening.member.role == Role::Receiver
            && self.sender_key.is_some()
            && self.rooms().len() >= self.limits.max_rooms / 2
        {
            // Receivers that wait for a sender, real or not, must leave room for it.
            return Err(Refusal::TooManyRooms);
        }
        let permit = self.admit(client.origin(), Holding::Room(opening.first.len() as u64))?;
        let id = opening.member.room;
        let OpenedRoom { number, displaced } = self.rooms().open(opening)?;
        if let Some(displaced) = displaced {
            displaced.closed.cancel();
        }
        self.counters.rooms.fetch_add(1, Ordering::Relaxed);
        Ok(RoomGuard { shared: Arc::clone(self), room: (id, number), permit: Some(permit), pair: None })
    }

    /// Counts a hello of this client.
    pub(super) fn count_join(&self, client: &Client) -> Result<(), Refusal> {
        self.counters.joins.fetch_add(1, Ordering::Relaxed);
        self.quota().count_join(client.origin(), self.now())
    }

    /// Counts that a client from here may cost the host of a room a try.
    pub(super) fn count_try(&self, origin: ClientOrigin) -> Result<(), Refusal> {
        self.quota().count_try(origin, self.now())
    }

    /// Takes back a try that has cost nobody anything.
    pub(super) fn give_back_try(&self, origin: ClientOrigin) {
        self.quota().give_back_try(origin);
    }

    /// What the connections of a room that is being paired will share. `tried_by` is the client that came to the host, if that
    /// counts as a try.
    pub(super) fn new_pair(&self, tried_by: Option<ClientOrigin>) -> Pair {
        Pair::new(&self.limits, self.is_short.subscribe(), tried_by)
    }

    /// Whether to log a refusal now, and if so, how many were left out since the last one.
    pub(super) fn report_refusal(&self) -> Option<u64> {
        lock_shared(&self.refusals).next(self.now())
    }

    /// The table of rooms.
    pub(super) fn rooms(&self) -> MutexGuard<'_, RelayRooms> {
        lock_shared(&self.rooms)
    }

    /// How many rooms are open, those of clients that have croc included.
    pub(super) fn open_rooms(&self) -> u64 {
        let [croc_rooms, _] = self.counters.croc_rooms();
        self.rooms().len() as u64 + croc_rooms
    }

    /// The number of open connections, and the bytes of memory in use.
    pub(super) fn usage(&self) -> (u64, u64) {
        let quota = self.quota();
        (quota.connections(), quota.memory_bytes())
    }

    /// Under the lock of the quota, so that the last one to change it has the last word.
    fn note_shortness(&self, quota: &mut Quota) {
        let is_short = quota.is_short();
        if is_short != *self.is_short.borrow() {
            self.is_short.send_replace(is_short);
        }
    }

    fn quota(&self) -> MutexGuard<'_, Quota> {
        lock_shared(&self.quota)
    }

    /// The time since the relay's start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Something that is counted against the limits until it is dropped.
pub(super) struct Permit {
    shared: Arc<RelayState>,
    origin: ClientOrigin,
    holding: Holding,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut quota = self.shared.quota();
        quota.give_back(self.origin, self.holding);
        self.shared.note_shortness(&mut quota);
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[tokio::test]
    async fn what_a_connection_held_is_given_back_when_it_ends() {
        let limits = Limits { connections_per_address: 1, ..Limits::default() };
        let shared = Arc::new(RelayState::new(None, None, limits, Vec::new(), 0));
        let origin = IpAddr::from([192, 0, 2, 1]).into();
        let admit = || shared.admit(origin, Holding::Connection);
        let permit = admit().unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(admit().is_err());
        assert_eq!(shared.usage().0, 1);
        drop(permit);
        assert_eq!(shared.usage(), (0, 0));
        assert!(admit().is_ok());
    }
}
