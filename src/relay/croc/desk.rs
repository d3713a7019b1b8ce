//! What the connections of all crocs at a relay share: the rooms, what counts for them beside the relay's own limits, and how a client
//! holds a room.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    config::CrocConfig,
    rooms::{CrocRoomName, CrocRooms},
};
use crate::{
    croc::{
        client::MAX_HOSTED_LANES,
        error::{CrocError, RelayRefusal},
        host::{RoomAnswer, RoomRequest},
    },
    net::access::AccessPassword,
    protocol::relay::Refusal,
    relay::{
        allowance::Allowance,
        bucket::TokenBucket,
        origin::ClientOrigin,
        pair::Pair,
        quota::Holding,
        refusal::{StopReason, answer, linger},
        shared::{Client, Permit, RelayState},
    },
    sync::lock_shared,
};

/// How many times as long as others two crocs may move nothing. croc has no sign of life while its user reads an offer, and the system
/// notices when a client is gone.
const PATIENCE: u64 = 6;
/// The time from one client that is told that it comes too often to the next, in the long run. Each costs as much arithmetic as a client
/// that is served; others are closed without a word.
const TOLD_EVERY: Duration = Duration::from_millis(50);
/// How many may be told so at once.
const TOLD_AT_ONCE: u32 = 20;
/// Memory of a data room in bytes, without its name.
const DATA_ROOM_BYTES: u64 = 256;

/// What serves the clients that have croc.
pub(in crate::relay) struct CrocDesk {
    pub(super) shared: Arc<RelayState>,
    pub(super) password: AccessPassword,
    pub(super) banner: String,
    /// The only control rooms that are served; `None` for any.
    only: Option<Vec<String>>,
    rooms: Mutex<CrocRooms<CrocWaiter, CrocPair>>,
    /// How often each address may come to a data port: as often as to the control port for each of them.
    lane_joins: Mutex<Allowance>,
    told: Mutex<TokenBucket>,
}

/// Reaches a client that waits.
pub(super) type CrocWaiter = oneshot::Sender<CrocJoiner>;

/// What two peers share, and the addresses for which their control connections count.
#[derive(Clone)]
pub(super) struct CrocPair {
    pair: Arc<Pair>,
    origins: [ClientOrigin; 2],
}

/// The client that comes second, on its way to the task of the first.
pub(super) struct CrocJoiner {
    pub(super) client: Client,
    pub(super) request: RoomRequest,
}

/// The first client's hold on its room. When it is dropped, the room is free.
pub(super) struct CrocRoomGuard {
    pub(super) desk: Arc<CrocDesk>,
    pub(super) name: CrocRoomName,
    number: u64,
    permit: Option<Permit>,
}

impl CrocDesk {
    /// Nobody there yet. `ports` are those on which the relay listens, the control port first.
    pub(in crate::relay) fn new(shared: Arc<RelayState>, config: CrocConfig, ports: &[u16]) -> Self {
        let data_ports: Vec<String> = ports.iter().skip(1).map(ToString::to_string).collect();
        let lane_joins = shared.limits.joins_per_minute.saturating_mul(MAX_HOSTED_LANES as u32);
        Self {
            shared,
            password: config.password,
            banner: data_ports.join(","),
            only: config.rooms,
            rooms: Mutex::new(CrocRooms::new()),
            lane_joins: Mutex::new(Allowance::new(lane_joins)),
            told: Mutex::new(TokenBucket::new(TOLD_AT_ONCE * TOLD_EVERY)),
        }
    }

    /// Takes no new clients from now on, but for further connections of transfers that run.
    pub(in crate::relay) fn drain(&self) {
        self.rooms().drain();
    }

    /// Counts that a client comes to the port of this number.
    pub(super) fn count_join(&self, port: usize, client: &Client) -> Result<(), Refusal> {
        if port == 0 {
            return self.shared.count_join(client);
        }
        let is_granted = lock_shared(&self.lane_joins).take(client.origin(), self.shared.now());
        if is_granted { Ok(()) } else { Err(Refusal::TooManyJoins) }
    }

    /// Whether the relay has such a room.
    pub(super) fn serves(&self, name: &CrocRoomName) -> bool {
        let Some(only) = &self.only else { return true };
        let serves = |control: &CrocRoomName| only.contains(&control.name);
        if name.is_control() { serves(name) } else { name.control().as_ref().is_some_and(serves) }
    }

    /// Whether a client that comes too often is to be told so.
    pub(super) fn may_tell(&self) -> bool {
        lock_shared(&self.told).try_take(self.shared.now(), TOLD_EVERY)
    }

    /// Counts a room that has just been opened. If the client may not have it, it is closed.
    pub(super) fn hold(
        self: &Arc<Self>,
        client: &Client,
        name: CrocRoomName,
        number: u64,
    ) -> Result<CrocRoomGuard, Refusal> {
        let length = name.name.len() as u64;
        let holding =
            if name.is_control() { Holding::Room(length) } else { Holding::Memory(DATA_ROOM_BYTES + length) };
        let permit = match self.shared.admit(client.origin(), holding) {
            Ok(permit) => permit,
            Err(refusal) => {
                self.rooms().close(&name, number);
                return Err(refusal);
            }
        };
        self.shared.counters.open_croc(name.is_control());
        Ok(CrocRoomGuard { desk: Arc::clone(self), name, number, permit: Some(permit) })
    }

    /// What the connections of two clients share that have met in this room. Data rooms share it with the control room of their
    /// transfer, if one of the two has a connection there, so that nobody else can use up what a transfer may.
    pub(super) fn pair(&self, guard: &CrocRoomGuard, origins: [ClientOrigin; 2]) -> Arc<Pair> {
        let is_of = |shared: &&CrocPair| shared.origins.iter().any(|origin| origins.contains(origin));
        let mut rooms = self.rooms();
        if let Some(shared) = rooms.shared(&guard.name).filter(is_of) {
            return Arc::clone(&shared.pair);
        }
        let idle = Duration::from_secs(self.shared.limits.idle_secs.saturating_mul(PATIENCE));
        let pair = Arc::new(self.shared.new_pair(None).with_idle(idle));
        if guard.name.is_control() {
            rooms.share(&guard.name, guard.number, CrocPair { pair: Arc::clone(&pair), origins });
        }
        pair
    }

    /// The table of rooms.
    pub(super) fn rooms(&self) -> MutexGuard<'_, CrocRooms<CrocWaiter, CrocPair>> {
        lock_shared(&self.rooms)
    }
}

impl CrocRoomGuard {
    /// Takes the room out of the table, so that its name is free.
    pub(super) fn close(&mut self) {
        if self.permit.take().is_some() {
            self.desk.rooms().close(&self.name, self.number);
            self.desk.shared.counters.close_croc(self.name.is_control());
        }
    }
}

impl Drop for CrocRoomGuard {
    fn drop(&mut self) {
        self.close();
    }
}

/// Tells a client that it isn't let in, and closes so that it can read that.
pub(super) async fn tell(client: &mut Client, request: &RoomRequest, said: RoomAnswer) {
    let Ok(frame) = request.answer(said) else { return };
    if answer(&mut client.stream, &frame).await.is_ok() {
        linger(&mut client.stream).await;
    }
}

impl From<CrocError> for StopReason {
    fn from(error: CrocError) -> Self {
        match error {
            CrocError::Connection(_) => Self::Gone,
            CrocError::Refused(RelayRefusal::BadPassword) => Self::Refused(Refusal::PasswordWrong),
            _ => Self::Refused(Refusal::Malformed),
        }
    }
}
