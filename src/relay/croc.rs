//! Serves clients that have croc: on ports of their own, beside the relay's own clients and within the same limits.
//!
//! A connection is greeted here (`croc::host` knows the protocol), and then waits in a room or goes to the task of the client that waits
//! there (`room`), which copies between the two (`relay::copy`). Unlike croc's own relay, this one admits the second client before
//! it passes on what the first one has sent, keeps a room for as long as its clients are there and something moves, and refuses
//! new clients where that one ends the wait of others.

pub(super) mod config;
mod room;
mod rooms;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout_at},
};

use self::{
    config::CrocConfig,
    rooms::{CrocArrival, CrocRoomName, CrocRooms},
};
use super::{
    allowance::Allowance,
    origin::ClientOrigin,
    pair::Pair,
    quota::Holding,
    refusal::{StopReason, answer, linger, log_refusal},
    shared::{Client, Permit, RelayState},
};
use crate::{
    croc::{
        client::MAX_HOSTED_LANES,
        error::{CrocError, RelayRefusal},
        host::{self, Introduction, ON_A_DATA_PORT, RoomAnswer, RoomRequest},
    },
    net::access::AccessPassword,
    protocol::relay::Refusal,
    sync::lock_shared,
};

/// How many times as long as others two crocs may move nothing. croc has no sign of life while its user reads an offer, and the system
/// notices when a client is gone.
const PATIENCE: u64 = 6;
/// How many clients at once are told that they come too often. Each costs as much as a client that is served; further ones are closed
/// without a word.
const MAX_TOLD: usize = 4;
/// Memory of a data room in bytes, without its name.
const DATA_ROOM_BYTES: u64 = 256;

/// What serves the clients that have croc.
pub(super) struct CrocDesk {
    shared: Arc<RelayState>,
    password: AccessPassword,
    banner: String,
    rooms: Mutex<CrocRooms<CrocWaiter, CrocPair>>,
    /// How often each address may come to a data port: as often as to the control port for each of them.
    lane_joins: Mutex<Allowance>,
    told: Semaphore,
}

/// Reaches a client that waits.
type CrocWaiter = oneshot::Sender<CrocJoiner>;

/// What two peers share, and whom their control connections count for.
#[derive(Clone)]
struct CrocPair {
    pair: Arc<Pair>,
    origins: [ClientOrigin; 2],
}

/// The client that comes second, on its way to the task of the first.
struct CrocJoiner {
    client: Client,
    request: RoomRequest,
}

/// The first client's hold on its room. When it is dropped, the room is free.
struct CrocRoomGuard {
    desk: Arc<CrocDesk>,
    name: CrocRoomName,
    number: u64,
    permit: Option<Permit>,
}

impl CrocDesk {
    /// Nobody there yet. `ports` are those on which the relay listens, the control port first.
    pub(super) fn new(shared: Arc<RelayState>, config: CrocConfig, ports: &[u16]) -> Self {
        let data_ports: Vec<String> = ports.iter().skip(1).map(ToString::to_string).collect();
        let lane_joins = shared.limits.joins_per_minute.saturating_mul(MAX_HOSTED_LANES as u32);
        Self {
            shared,
            password: config.password,
            banner: data_ports.join(","),
            rooms: Mutex::new(CrocRooms::new()),
            lane_joins: Mutex::new(Allowance::new(lane_joins)),
            told: Semaphore::new(MAX_TOLD),
        }
    }

    /// Takes no new clients from now on, but for further connections of transfers that run.
    pub(super) fn drain(&self) {
        self.rooms().drain();
    }

    /// Serves a connection to the port of this number, to its end. The control port is number 0.
    pub(super) async fn serve(self: Arc<Self>, port: usize, mut client: Client) {
        let deadline = Instant::now() + Duration::from_secs(self.shared.limits.hello_secs);
        let number = client.number;
        // Boxed, as for the relay's own clients.
        let greeted = timeout_at(deadline, Box::pin(self.greet(port, &mut client))).await;
        let ended = match greeted {
            Ok(Ok(Some(request))) => self.enter(port, client, request).await,
            Ok(Ok(None)) => return tracing::debug!(connection = number, "a croc asked for the relay"),
            Ok(Err(stop)) => {
                if matches!(stop, StopReason::Refused(Refusal::PasswordWrong)) {
                    linger(&mut client.stream).await;
                }
                Err(stop)
            }
            Err(_) => Err(Refusal::TooSlow.into()),
        };
        match ended {
            Ok(()) | Err(StopReason::Gone) => {
                tracing::debug!(connection = number, "croc's connection closed")
            }
            Err(StopReason::Wiped) => log_refusal(&self.shared, number, Refusal::Draining),
            Err(StopReason::Refused(refusal)) => log_refusal(&self.shared, number, refusal),
        }
    }

    /// A client's handshake, up to the room that it asks for; nothing for one that wants no more.
    async fn greet(&self, port: usize, client: &mut Client) -> Result<Option<RoomRequest>, StopReason> {
        let seen_as = client.stream.peer_addr()?;
        let Some(question) = host::question(&mut client.stream).await? else { return Ok(None) };
        // Before the arithmetic, and before anything that the answer could tell: beyond its allowance a client learns nothing of a room
        // or of the password.
        let counted = self.count_join(port, client);
        let told = match counted {
            Ok(()) => None,
            Err(refusal) => Some(self.told.try_acquire().map_err(|_| refusal)?),
        };
        let password = counted.is_ok().then(|| self.password.as_str());
        let banner = if port == 0 { &self.banner } else { ON_A_DATA_PORT };
        let introduction = Introduction { password, banner };
        let request = introduction.shake(&mut client.stream, &question, seen_as).await?;
        if let Err(refusal) = counted {
            tell(client, &request, RoomAnswer::Limited).await;
            drop(told);
            return Err(refusal.into());
        }
        Ok(Some(request))
    }

    fn count_join(&self, port: usize, client: &Client) -> Result<(), Refusal> {
        if port == 0 {
            return self.shared.count_join(client);
        }
        let is_granted = lock_shared(&self.lane_joins).take(client.origin(), self.shared.now());
        if is_granted { Ok(()) } else { Err(Refusal::TooManyJoins) }
    }

    /// Lets a client into its room: it waits there, or goes to the one that does.
    async fn enter(
        self: &Arc<Self>,
        port: usize,
        mut client: Client,
        request: RoomRequest,
    ) -> Result<(), StopReason> {
        let name = CrocRoomName { port, name: request.room.clone() };
        let (mailbox, arrivals) = oneshot::channel();
        let arrival = self.rooms().enter(&name, || mailbox);
        let (answer, refusal) = match arrival {
            CrocArrival::First(number) => match self.hold(&client, name, number) {
                Ok(guard) => return room::host(client, &request, guard, arrivals).await,
                Err(refusal) => (RoomAnswer::Limited, refusal),
            },
            CrocArrival::Second(waiter) => match waiter.send(CrocJoiner { client, request }) {
                Ok(()) => return Ok(()),
                // The first one has left at this moment.
                Err(joiner) => {
                    tell(&mut { joiner.client }, &joiner.request, RoomAnswer::Full).await;
                    return Err(Refusal::NoSuchRoom.into());
                }
            },
            CrocArrival::Full => (RoomAnswer::Full, Refusal::RoleTaken),
            CrocArrival::Draining => (RoomAnswer::Ending, Refusal::Draining),
        };
        tell(&mut client, &request, answer).await;
        Err(refusal.into())
    }

    /// Counts a room that has just been opened. If the client may not have it, it is closed.
    fn hold(
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
    fn pair(&self, guard: &CrocRoomGuard, origins: [ClientOrigin; 2]) -> Arc<Pair> {
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

    fn rooms(&self) -> MutexGuard<'_, CrocRooms<CrocWaiter, CrocPair>> {
        lock_shared(&self.rooms)
    }
}

impl CrocRoomGuard {
    /// Takes the room out of the table, so that its name is free.
    fn close(&mut self) {
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
async fn tell(client: &mut Client, request: &RoomRequest, said: RoomAnswer) {
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
