//! What a send to a croc and a receive from one share: the relays at which the two sides meet, why a relay or a peer could not be
//! used, and what a send reports of croc's code.

use std::io;

use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::error::{Impossible, Misbehaviour, TransferError};
use crate::{
    croc::{
        client::{InRoom, join},
        code::{CrocCode, Version},
        error::{CrocError, RelayRefusal},
        lanes::Dial,
        receive::IDLE_LIMIT,
    },
    net::client::{self, LaneAddress, RelayAddress, RelayChoice},
    protocol::relay::Refusal,
};

/// A croc relay at which the two sides of a transfer can meet.
#[derive(Clone)]
pub struct CrocPlace {
    /// The relay, and how it is reached. Its password is none of Caiman's kind.
    pub relay: RelayChoice,
    /// The relay's password.
    pub password: Zeroizing<String>,
    /// Which version's room of the code it is.
    pub version: Version,
}

/// A croc's part of a send: the same files, for a receiver that has croc.
#[derive(Clone)]
pub struct CrocSend {
    /// The code.
    pub code: CrocCode,
    /// Where to wait, all at once.
    pub places: Vec<CrocPlace>,
    /// Whether a receiver may have croc 10, whose codes protect less.
    pub allows_v10: bool,
    /// The relay that the receiver has to name; `None` for croc's public ones.
    pub relay: Option<RelayAddress>,
    /// Whether that relay has a password of its own, which the receiver has to name as well.
    pub needs_password: bool,
}

/// What a send reports of its code for croc. Caiman's own code works on, whatever it is.
#[derive(Debug)]
pub enum CrocNews {
    /// The code works from now on.
    Code {
        /// The code.
        code: CrocCode,
        /// The relay that the receiver has to name; `None` for croc's public ones.
        relay: Option<RelayAddress>,
        /// Whether the receiver has to name that relay's password as well.
        needs_password: bool,
    },
    /// A croc gets these under other names, or not at all. It comes before the code, and again for what is added later.
    Names(Vec<CrocName>),
    /// A relay can't be used, for this reason. It is tried again and again.
    NoRelay {
        /// The relay.
        relay: RelayAddress,
        /// What is wrong.
        why: TransferError,
    },
    /// A relay that could not be used can be used again.
    RelayBack(RelayAddress),
    /// Somebody tried a wrong code. With no tries left, croc's code is over.
    WrongTry {
        /// How many more tries are allowed.
        tries_left: u8,
    },
    /// There are more files than a croc can be told of, so no code for croc is shown.
    TooLong,
}

/// Something that a croc doesn't get as it is offered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CrocName {
    /// Its path in the offer.
    pub path: String,
    /// What becomes of it.
    pub fate: CrocFate,
}

/// What becomes of something that croc doesn't take as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CrocFate {
    /// It gets this name.
    Renamed(String),
    /// It is a link that croc refuses, and is left out: croc would refuse everything else with it.
    LinkLeftOut,
}

impl CrocFate {
    /// Whether a croc doesn't get it at all.
    pub fn is_left_out(&self) -> bool {
        matches!(self, Self::LinkLeftOut)
    }
}

/// The ports of a relay, at the address at which it was reached.
pub(crate) struct RelayPorts(LaneAddress);

impl Dial for RelayPorts {
    type Stream = TcpStream;

    async fn dial(&self, port: u16) -> io::Result<TcpStream> {
        self.0.connect(port).await.map_err(io::Error::other)
    }
}

/// Enters the room of a code at a relay.
pub(crate) async fn enter(
    room: &str,
    place: &CrocPlace,
) -> Result<(InRoom<TcpStream>, RelayPorts), TransferError> {
    let (stream, address) = client::connect_only(&place.relay).await?;
    let joined = join(stream, &place.password, room).await.map_err(|error| relay_failed(error, place))?;
    Ok((joined, RelayPorts(address)))
}

/// Why a list of files can't be sent to a croc.
pub(crate) fn too_long() -> TransferError {
    let why =
        "these are more files than a croc can be told of; pack them into an archive, or send them in parts";
    Impossible::Arguments(why.to_owned()).into()
}

/// Why a relay could not be used.
pub(crate) fn relay_failed(error: CrocError, place: &CrocPlace) -> TransferError {
    match error {
        CrocError::Connection(_) => client::RelayClientError::Lost.into(),
        CrocError::Silence => place.relay.silence().into(),
        CrocError::Refused(refusal) => refused(&refusal),
        error => failed(error),
    }
}

fn refused(refusal: &RelayRefusal) -> TransferError {
    let refusal = match refusal {
        RelayRefusal::BadPassword => Refusal::PasswordWrong,
        RelayRefusal::RoomFull => Refusal::RoleTaken,
        RelayRefusal::RateLimited => Refusal::TooManyJoins,
        RelayRefusal::Other => return Misbehaviour::Croc("an answer that no croc relay gives").into(),
    };
    client::RelayClientError::Refused(refusal).into()
}

/// Why a transfer with a croc ended early, once the two have met.
pub(crate) fn failed(error: CrocError) -> TransferError {
    match error {
        // What could not be stored or read is said by the store or the source.
        CrocError::Connection(_) | CrocError::Store(_) | CrocError::Source(_) => TransferError::PeerLost,
        CrocError::TooLong => too_long(),
        CrocError::Refused(refusal) => refused(&refusal),
        CrocError::WrongCode => TransferError::WrongCode { tries_left: None },
        CrocError::PeerGaveUp(_) => TransferError::PeerCancelled,
        CrocError::Silence => TransferError::PeerSilent { seconds: 30 },
        CrocError::Idle => TransferError::PeerSilent { seconds: IDLE_LIMIT.as_secs() },
        CrocError::Misbehaved(what) => Misbehaviour::Croc(what).into(),
        CrocError::VersionOff => Misbehaviour::Croc("an older version of its protocol").into(),
        CrocError::Frame(_) => Misbehaviour::Croc("bytes that aren't croc's").into(),
        CrocError::Message(_) => Misbehaviour::Croc("a message that can't be understood").into(),
        CrocError::Pake(_) => Misbehaviour::Croc("a key exchange that makes no sense").into(),
        CrocError::Channel(_) => Misbehaviour::Croc("a message that was not sealed for this side").into(),
        CrocError::Chunk(_) => Misbehaviour::UnknownBlock.into(),
    }
}
