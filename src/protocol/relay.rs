//! The messages between a client and a relay, before the relay becomes a pipe.
//!
//! *Control connection.* The client opens with the eight bytes of [`ConnectionKind::Control`] and [`frame::PADDING`]; the relay
//! answers with a [`Welcome`] frame and the same padding; the client sends a [`Hello`] frame; the relay answers with [`Reply`] frames. If the relay asks for a
//! password, an [`AccessRequest`] and a [`Reply::Access`] come before the hello. After [`Reply::Paired`] every byte belongs
//! to the two peers. The relay is silent before the opening bytes, so a port scanner learns nothing.
//!
//! *Lane.* The client sends one [`LaneHello`], 32 bytes; the relay answers with one byte: [`LANE_PAIRED`] once the
//! other end of the same lane is there, or [`Refusal::lane_byte`]. Then every byte belongs to the two peers.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Role, VERSION, frame};

/// Largest frame in bytes before two peers are paired.
pub const MAX_FRAME: usize = 64 * 1024;
/// Largest first message in bytes that a relay keeps for the receiver. A sender's hello takes about a hundred.
pub const MAX_FIRST: usize = 1024;
/// Largest hello in bytes: a first message and about a hundred bytes, rounded up.
pub const MAX_HELLO: usize = 2 * MAX_FIRST;
/// Most data ports that a welcome may name; twice as many as a transfer has lanes.
pub const MAX_DATA_PORTS: usize = 64;
/// The most lanes of a transfer. At the relay their numbers run from 0 up to but not including this.
pub const MAX_LANES: u16 = 32;
/// Lanes that both ends open at once on a new connection. The sender says which further ones are opened.
pub const FIRST_LANES: u16 = 8;

const MAGIC: [u8; 7] = *b"caiman\0";
/// Length in bytes of the opening, which is the same for both kinds of connection.
pub const OPENING_LEN: usize = 8;

/// What a connection to a relay is for. Its first eight bytes say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionKind {
    /// Small messages. An end that closes its side has left.
    Control,
    /// Blocks of files; the rest of a [`LaneHello`] follows the first bytes. Either end may close its side and go on reading.
    Lane,
}

impl ConnectionKind {
    /// The bytes on the wire.
    pub fn to_bytes(self) -> [u8; OPENING_LEN] {
        let mut bytes = [0; OPENING_LEN];
        bytes[..7].copy_from_slice(&MAGIC);
        bytes[7] = match self {
            Self::Control => b'C',
            Self::Lane => b'L',
        };
        bytes
    }

    /// The kind that `bytes` stand for, or `None` for anything that isn't Caiman.
    pub fn from_bytes(bytes: [u8; OPENING_LEN]) -> Option<Self> {
        [Self::Control, Self::Lane].into_iter().find(|kind| kind.to_bytes() == bytes)
    }
}

/// Names a room on a relay: derived from the first two words of a code, or from a shared key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoomId(pub [u8; 16]);

/// By this a relay knows a client again that comes back to its room: random, and the same on every connection of that client.
/// A client that shows it takes over from its own earlier connection, which may be dead without the relay having noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientToken(pub [u8; 16]);

/// Ties a lane to its room. The relay draws it and tells it to both ends when they are paired. So the relay can refuse a lane
/// that belongs to no room, and its password protects lanes as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LaneToken(pub [u8; 16]);

/// The relay's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The relay's protocol version.
    pub version: u16,
    /// What the relay can do beyond version 1; no bits are assigned yet.
    pub features: u64,
    /// Fresh random bytes, which make every welcome another one.
    pub nonce: [u8; 32],
    /// Whether the client must prove the relay's password.
    pub password_required: bool,
    /// Ports on this host that take lanes, at most [`MAX_DATA_PORTS`]; an empty list means the control port.
    pub data_ports: Vec<u16>,
    /// The client's address as the relay sees it. The relay tells it to no other client.
    pub observed: SocketAddr,
}

/// The client's answer to the welcome of a relay that asks for a password. A relay tells it from a hello by its length, because
/// every hello is longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRequest {
    /// The client's protocol version.
    pub version: u16,
    /// SPAKE2 point of side A.
    pub point: [u8; 32],
}

/// The client's answer to the welcome, or to [`Reply::Access`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The client's protocol version.
    pub version: u16,
    /// What the client can do beyond version 1; no bits are assigned yet.
    pub features: u64,
    /// The client's role in the room, which takes one client of each.
    pub role: Role,
    /// The room.
    pub room: RoomId,
    /// This client's own token for the room.
    pub client_token: ClientToken,
    /// Whether to wait for the other client even as a receiver. Without it, a receiver is refused if no sender is there.
    pub waits: bool,
    /// Proof of the relay's password, made by `net::access` over the welcome and the rest of this hello.
    pub proof: Option<[u8; 32]>,
    /// A sender's first message to the receiver, at most [`MAX_FIRST`] bytes; empty from a receiver.
    pub first: Vec<u8>,
}

impl Hello {
    /// Reads a client's hello, of which only the version is sure to be understood. Refuses a first message that is too long.
    pub fn read(payload: &[u8]) -> Result<Self, Refusal> {
        // The version stands first in every version's hello, whatever follows.
        match frame::split::<u16>(payload) {
            Ok((VERSION, _)) => {}
            Ok(_) => return Err(Refusal::Version(VERSION)),
            Err(_) => return Err(Refusal::Malformed),
        }
        let hello: Self = frame::from_bytes(payload).map_err(|_| Refusal::Malformed)?;
        let longest = if hello.role == Role::Sender { MAX_FIRST } else { 0 };
        if hello.first.len() > longest { Err(Refusal::Malformed) } else { Ok(hello) }
    }
}

/// The relay's answer to an [`AccessRequest`] or to a hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The room is open; a further reply follows when the other client joins.
    Waiting,
    /// Both clients are there.
    Paired {
        /// The token for this room's lanes.
        token: LaneToken,
        /// The [`Hello::first`] of the other client.
        first: Vec<u8>,
    },
    /// The relay refuses, and closes the connection after this.
    Refused(Refusal),
    /// The relay knows its password, and the client may prove it too.
    Access {
        /// SPAKE2 point of side B.
        point: [u8; 32],
        /// The relay's proof, made by `net::access` over the welcome.
        tag: [u8; 32],
    },
}

/// Why a relay refuses. The user has something different to do about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The client speaks another version; this is the relay's.
    #[error("the relay speaks version {0} of the protocol")]
    Version(u16),
    /// No proof of the password came, and one is needed.
    #[error("the relay asks for a password")]
    PasswordRequired,
    /// The proof doesn't match.
    #[error("the password for the relay is wrong")]
    PasswordWrong,
    /// A receiver named a room that has no sender.
    #[error("no sender is in that room")]
    NoSuchRoom,
    /// The room already has a client of this role.
    #[error("another user is already in that room")]
    RoleTaken,
    /// The relay runs beside a sender and has no other.
    #[error("this relay runs beside a sender and serves no other")]
    OtherSender,
    /// Too many connections in all.
    #[error("the relay has too many connections")]
    TooManyConnections,
    /// Too many rooms in all.
    #[error("the relay has too many rooms")]
    TooManyRooms,
    /// Too many recent hellos, or too many receivers that didn't know the code, from this address or its network.
    #[error("too many tries from this address, wait a minute")]
    TooManyJoins,
    /// This address, or its network, holds as many connections, rooms or bytes of memory as it may.
    #[error("as much of the relay is in use from this address as it allows")]
    TooMuchFromHere,
    /// The relay's memory limit is reached.
    #[error("the relay is out of memory for more")]
    OutOfMemory,
    /// The client was too slow to say hello, or silent for too long.
    #[error("the relay waited too long")]
    TooSlow,
    /// The client said something that isn't in the protocol.
    #[error("the relay didn't understand what was sent")]
    Malformed,
    /// A lane of a room that isn't there, a number out of range, or a lane that is already taken.
    #[error("the relay doesn't know this lane")]
    NoSuchLane,
    /// The relay is shutting down.
    #[error("the relay is shutting down")]
    Draining,
}

/// The byte with which a relay answers a lane once both ends are there.
pub const LANE_PAIRED: u8 = 1;

impl Refusal {
    /// The byte that refuses a lane; never [`LANE_PAIRED`].
    pub fn lane_byte(self) -> u8 {
        match self {
            Self::Version(_) => 2,
            Self::PasswordRequired => 3,
            Self::PasswordWrong => 4,
            Self::NoSuchRoom => 5,
            Self::RoleTaken => 6,
            Self::TooManyConnections => 7,
            Self::TooManyRooms => 8,
            Self::TooManyJoins => 9,
            Self::OutOfMemory => 10,
            Self::TooSlow => 11,
            Self::Malformed => 12,
            Self::NoSuchLane => 13,
            Self::Draining => 14,
            Self::OtherSender => 15,
            Self::TooMuchFromHere => 16,
        }
    }

    /// The refusal that a relay's answer to a lane means. A byte that this version never sends counts as malformed.
    pub fn from_lane_byte(byte: u8) -> Self {
        match byte {
            5 => Self::NoSuchRoom,
            6 => Self::RoleTaken,
            7 => Self::TooManyConnections,
            10 => Self::OutOfMemory,
            11 => Self::TooSlow,
            13 => Self::NoSuchLane,
            14 => Self::Draining,
            16 => Self::TooMuchFromHere,
            _ => Self::Malformed,
        }
    }
}

/// Length in bytes of a lane's hello, including the opening.
pub const LANE_HELLO_LEN: usize = 32;

/// The first message on a lane: `opening (8) ‖ token (16) ‖ lane (2, big-endian) ‖ role (1) ‖ zeros (5)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneHello {
    /// The token from [`Reply::Paired`].
    pub token: LaneToken,
    /// The lane's number, below [`MAX_LANES`].
    pub lane: u16,
    /// Which end this is.
    pub role: Role,
}

impl LaneHello {
    /// The bytes on the wire.
    pub fn to_bytes(self) -> [u8; LANE_HELLO_LEN] {
        let mut bytes = [0; LANE_HELLO_LEN];
        bytes[..8].copy_from_slice(&ConnectionKind::Lane.to_bytes());
        bytes[8..24].copy_from_slice(&self.token.0);
        bytes[24..26].copy_from_slice(&self.lane.to_be_bytes());
        bytes[26] = match self.role {
            Role::Sender => b'S',
            Role::Receiver => b'R',
        };
        bytes
    }

    /// Reads what follows the opening. `None` for an unknown role, a number out of range or padding that isn't zero.
    pub fn from_rest(rest: &[u8; LANE_HELLO_LEN - OPENING_LEN]) -> Option<Self> {
        let mut token = [0; 16];
        token.copy_from_slice(&rest[..16]);
        let lane = u16::from_be_bytes([rest[16], rest[17]]);
        let role = match rest[18] {
            b'S' => Role::Sender,
            b'R' => Role::Receiver,
            _ => return None,
        };
        (lane < MAX_LANES && rest[19..] == [0; 5]).then_some(Self { token: LaneToken(token), lane, role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_hello_comes_back_as_it_was() {
        let hello = LaneHello { token: LaneToken([7; 16]), lane: 31, role: Role::Receiver };
        let bytes = hello.to_bytes();
        assert_eq!(ConnectionKind::from_bytes(bytes[..8].try_into().unwrap()), Some(ConnectionKind::Lane));
        assert_eq!(LaneHello::from_rest(bytes[8..].try_into().unwrap()), Some(hello));
    }

    #[test]
    fn a_lane_hello_with_anything_odd_in_it_is_refused() {
        let good = LaneHello { token: LaneToken([7; 16]), lane: 3, role: Role::Sender }.to_bytes();
        for (at, value) in [(24, 1), (25, 32), (26, b'X'), (27, 1), (31, 1)] {
            let mut bytes = good;
            bytes[at] = value;
            assert_eq!(LaneHello::from_rest(bytes[8..].try_into().unwrap()), None, "byte {at}");
        }
    }

    fn hello(role: Role, first: usize) -> Hello {
        let (room, client_token) = (RoomId([1; 16]), ClientToken([2; 16]));
        let first = vec![7; first];
        Hello { version: VERSION, features: 0, role, room, client_token, waits: false, proof: None, first }
    }

    #[test]
    fn a_hello_of_another_version_is_told_ours_whatever_follows() {
        let payload = frame::to_bytes(&(VERSION + 1, "of another kind"));
        assert_eq!(Hello::read(&payload), Err(Refusal::Version(VERSION)));
        assert_eq!(Hello::read(&payload[..0]), Err(Refusal::Malformed));
    }

    #[test]
    fn no_hello_is_as_short_as_a_request_for_access() {
        let request = frame::to_bytes(&AccessRequest { version: VERSION, point: [0xff; 32] });
        let shortest = frame::to_bytes(&hello(Role::Receiver, 0));
        assert!(shortest.len() > request.len());
        assert!(frame::from_bytes::<AccessRequest>(&shortest).is_err());
        assert_eq!(Hello::read(&request), Err(Refusal::Malformed));
    }

    #[test]
    fn only_a_sender_may_leave_a_first_message_and_no_longer_one_than_the_relay_keeps() {
        for (role, first, fits) in [
            (Role::Sender, MAX_FIRST, true),
            (Role::Sender, MAX_FIRST + 1, false),
            (Role::Receiver, 0, true),
            (Role::Receiver, 1, false),
        ] {
            let hello = hello(role, first);
            let expected = if fits { Ok(hello.clone()) } else { Err(Refusal::Malformed) };
            assert_eq!(Hello::read(&frame::to_bytes(&hello)), expected);
        }
    }

    #[test]
    fn anything_else_is_no_opening() {
        assert_eq!(ConnectionKind::from_bytes(*b"GET / HT"), None);
        assert_eq!(ConnectionKind::from_bytes(*b"caiman\0X"), None);
    }
}
