//! A lane, and how its ends come together.

use tokio::net::TcpStream;

use crate::{
    net::client::RelayClientError,
    protocol::{
        Role,
        peer::Way,
        relay::{LaneHello, MAX_LANES, Refusal},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        link::door::LaneDoor,
    },
};

/// One lane: its number, and how its ends come together.
#[derive(Debug, Clone, Copy)]
pub struct Lane {
    /// Its number.
    pub number: u16,
    /// How its ends come together.
    pub way: Way,
}

/// Opens one end of a lane.
pub(super) async fn open(door: &LaneDoor, lane: Lane, role: Role) -> Result<TcpStream, TransferError> {
    if lane.way != Way::Relay {
        let direct = door.direct.as_ref().ok_or(Misbehaviour::Lanes)?;
        return direct.lane(lane.way, door.link, lane.number).await;
    }
    // The relay knows it by its slot.
    let (address, token) = door.relay.as_ref().ok_or(TransferError::PeerLost)?;
    let hello = LaneHello { token: *token, lane: lane.number % MAX_LANES, role };
    address.open(hello).await.map_err(|error| match error {
        // A relay forgets a transfer as soon as one side has left it; why that one left, the control channel tells.
        RelayClientError::Lost | RelayClientError::Refused(Refusal::NoSuchLane) => TransferError::PeerLost,
        other => other.into(),
    })
}

pub(super) fn lost(_: std::io::Error) -> TransferError {
    TransferError::PeerLost
}
