//! What a send to a croc and a receive from one share: the relays at which the two sides meet, why a relay or a peer could not be
//! used, and what a send reports of croc's code.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::error::{Impossible, Misbehaviour, TransferError};
use crate::{
    croc::{
        client::{InRoom, join},
        code::{CrocCode, USUAL_PASSWORD, USUAL_PORT, Version},
        error::{CrocError, RelayRefusal},
        lanes::Dial,
        probe::SenderAddresses,
        receive::IDLE_LIMIT,
    },
    net::{
        addresses::{self, Reach},
        client::{self, LaneAddress, RelayAddress, RelayChoice},
    },
    protocol::relay::Refusal,
};

/// How many addresses a receiver is told: it waits half a second for each that it can't reach.
const MAX_TOLD: usize = 16;

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

/// A code of croc, and where the other side may be under it.
#[derive(Clone)]
pub struct CrocSearch {
    /// The code.
    pub code: CrocCode,
    /// The relays at which the other side may be. All are searched at once.
    pub places: Vec<CrocPlace>,
    /// Whether the other side may have croc 10.
    pub allows_v10: bool,
}

/// A croc relay of the user's.
#[derive(Clone)]
pub struct CrocRelay {
    /// The relay, and how it is reached.
    pub relay: RelayChoice,
    /// Its password; `None` for the usual one.
    pub password: Option<Zeroizing<String>>,
}

impl CrocRelay {
    /// Whether a client has to name the relay's password.
    pub fn has_own_password(&self) -> bool {
        self.password.as_ref().is_some_and(|password| password.as_str() != USUAL_PASSWORD)
    }
}

impl CrocSearch {
    /// Looks at these relays.
    pub fn at(code: CrocCode, relays: &[CrocRelay], allows_v10: bool) -> Self {
        let versions = versions(&code, allows_v10);
        let place = |relay: &CrocRelay, version: Version| CrocPlace {
            relay: relay.relay.clone(),
            password: relay.password.clone().unwrap_or_else(usual_password),
            version,
        };
        let places = relays.iter().flat_map(|relay| versions.iter().map(|version| place(relay, *version)));
        Self { places: places.collect(), code, allows_v10 }
    }

    /// Looks at the public relays at which a croc may be under this code. `reach` says how a relay is reached.
    pub fn at_public(code: CrocCode, allows_v10: bool, reach: impl Fn(RelayAddress) -> RelayChoice) -> Self {
        let places = code.public_places(allows_v10).into_iter().map(|(host, version)| {
            let address = RelayAddress::with_default_port(&host, USUAL_PORT);
            let relay = reach(address.expect("the public relays have valid names"));
            CrocPlace { relay, password: usual_password(), version }
        });
        Self { places: places.collect(), code, allows_v10 }
    }

    /// Leaves out the relays that are in another network.
    pub(crate) fn keep_near(&mut self) {
        let is_near =
            |relay: &RelayAddress| matches!(relay.reach(), Some(Reach::LocalNetwork | Reach::ThisComputer));
        self.places.retain(|place| is_near(&place.relay.address));
    }

    /// The rooms of the code at a relay in this network. The machine that has announced it is given the usual password.
    pub(crate) fn near(&self, address: SocketAddr) -> Vec<CrocPlace> {
        let relay = RelayChoice::new(RelayAddress::from_socket(address));
        let own = CrocRelay { relay, password: None };
        Self::at(self.code.clone(), &[own], self.allows_v10).places
    }
}

/// The versions whose rooms of a code are looked at. Where both versions make the same room of it, looking there once is enough.
fn versions(code: &CrocCode, allows_v10: bool) -> &'static [Version] {
    if allows_v10 && !code.is_the_same_for_both() { &[Version::V11, Version::V10] } else { &[Version::V11] }
}

fn usual_password() -> Zeroizing<String> {
    Zeroizing::new(USUAL_PASSWORD.to_owned())
}

/// A croc's part of a send: the same files, for a receiver that has croc.
#[derive(Clone)]
pub struct CrocSend {
    /// The code, and where to wait for the receiver, all at once.
    pub search: CrocSearch,
    /// The relay that the receiver has to name; `None` for croc's public ones.
    pub relay: Option<RelayAddress>,
    /// Whether that relay has a password of its own, which the receiver has to name as well.
    pub needs_password: bool,
}

impl CrocSend {
    /// Lets no receiver come that has croc 10.
    pub fn forbid_v10(&mut self) {
        self.search.allows_v10 = false;
        self.search.places.retain(|place| place.version == Version::V11);
    }
}

/// A croc's part of a send, and the sender's own relay, which receivers in this network can reach.
#[derive(Clone)]
pub(crate) struct CrocPosting {
    /// What is ordered.
    pub(crate) order: CrocSend,
    /// The control port of the sender's own relay for crocs, if it has one.
    pub(crate) own_port: Option<u16>,
}

impl CrocPosting {
    /// The rooms that the sender's own relay needs to have.
    pub(crate) fn rooms(order: &CrocSend) -> Vec<String> {
        let CrocSearch { code, allows_v10, .. } = &order.search;
        versions(code, *allows_v10).iter().map(|version| code.room(*version)).collect()
    }

    /// The password of the sender's own relay: the one that the receiver's user names for the other relay.
    pub(crate) fn password(order: &CrocSend) -> Zeroizing<String> {
        order.search.places.first().map_or_else(usual_password, |place| place.password.clone())
    }

    /// The rooms at the sender's own relay in which it waits.
    pub(crate) fn own_places(&self) -> Vec<CrocPlace> {
        let Some(port) = self.own_port else { return Vec::new() };
        let password = Self::password(&self.order);
        let places = self.order.search.near((Ipv4Addr::LOCALHOST, port).into()).into_iter();
        places.map(|place| CrocPlace { password: password.clone(), ..place }).collect()
    }

    /// What a receiver is told that asks where else the sender can be reached.
    pub(crate) fn addresses(&self) -> Option<SenderAddresses> {
        let port = self.own_port?;
        let mut ips = addresses::reachable();
        // A receiver tries one after the other.
        ips.sort_by_key(|ip| Reach::of(*ip) == Reach::Anywhere);
        ips.truncate(MAX_TOLD);
        Some(SenderAddresses { port, ips }).filter(|told| !told.ips.is_empty())
    }
}

/// What a send or a receive reports of croc. Of a send, Caiman's own code works on, whatever it is.
#[derive(Debug)]
pub enum CrocNews {
    /// The other side has croc, of this major version: 10 or 11. It comes right before [`Notice::Met`](super::notice::Notice::Met).
    Peer {
        /// The version.
        version: u8,
    },
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
    /// A receiver tried a wrong code. With no tries left, croc's code is over.
    WrongTry {
        /// How many more tries are allowed.
        tries_left: u8,
    },
    /// There are more files than a croc can be told of, so no code for croc is shown.
    TooLong,
    /// A receiver came that has croc 10, which the user has turned off. It was not let in. Told once.
    VersionOff,
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

impl RelayPorts {
    /// The ports at this address.
    pub(crate) fn at(address: LaneAddress) -> Self {
        Self(address)
    }
}

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
        CrocError::VersionOff => Impossible::Croc10Off.into(),
        CrocError::Frame(_) => Misbehaviour::Croc("bytes that aren't croc's").into(),
        CrocError::Message(_) => Misbehaviour::Croc("a message that can't be understood").into(),
        CrocError::Pake(_) => Misbehaviour::Croc("a key exchange that makes no sense").into(),
        CrocError::Channel(_) => Misbehaviour::Croc("a message that was not sealed for this side").into(),
        CrocError::Chunk(_) => Misbehaviour::UnknownBlock.into(),
    }
}
