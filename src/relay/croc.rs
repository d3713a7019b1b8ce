//! Serves clients that have croc: on ports of their own, beside the relay's own clients and within the same limits.
//!
//! A connection is greeted here (`croc::host` knows the protocol), and then waits in a room or goes to the task of the client that waits
//! there (`room`), which copies between the two (`relay::copy`). Unlike croc's own relay, this one admits the second client before
//! it passes on what the first one has sent, keeps a room for as long as its clients are there and something moves, and refuses
//! new clients where that one ends the wait of others.

pub(super) mod config;
mod desk;
mod room;
mod rooms;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

pub(super) use self::desk::CrocDesk;
use self::{
    desk::{CrocJoiner, tell},
    rooms::{CrocRoomName, RoomFound},
};
use super::{
    refusal::{StopReason, linger, log_refusal},
    shared::Client,
};
use crate::{
    croc::host::{self, Introduction, ON_A_DATA_PORT, RoomAnswer, RoomRequest},
    protocol::relay::Refusal,
};

impl CrocDesk {
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
                tracing::debug!(connection = number, "croc's connection closed");
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
        if let Err(refusal) = counted
            && !self.may_tell()
        {
            return Err(refusal.into());
        }
        let password = counted.is_ok().then(|| self.password.as_str());
        let banner = if port == 0 { &self.banner } else { ON_A_DATA_PORT };
        let introduction = Introduction { password, banner };
        let request = introduction.shake(&mut client.stream, &question, seen_as).await?;
        if let Err(refusal) = counted {
            tell(client, &request, RoomAnswer::Limited).await;
            return Err(refusal.into());
        }
        Ok(Some(request))
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
            RoomFound::First(number) => match self.hold(&client, name, number) {
                Ok(guard) => return room::host(client, request, guard, arrivals).await,
                Err(refusal) => {
                    room::turn_back(arrivals).await;
                    (RoomAnswer::Limited, refusal)
                }
            },
            RoomFound::Second(waiter) => match waiter.send(CrocJoiner { client, request }) {
                Ok(()) => return Ok(()),
                // The first one has left at this moment.
                Err(joiner) => {
                    tell(&mut { joiner.client }, &joiner.request, RoomAnswer::Full).await;
                    return Err(Refusal::NoSuchRoom.into());
                }
            },
            RoomFound::Full => (RoomAnswer::Full, Refusal::RoleTaken),
            RoomFound::Draining => (RoomAnswer::Ending, Refusal::Draining),
        };
        tell(&mut client, &request, answer).await;
        Err(refusal.into())
    }
}
