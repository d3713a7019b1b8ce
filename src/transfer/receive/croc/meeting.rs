//! Finds the sender that waits under a croc code: at every relay where it may be, side by side, in the room that its version makes of
//! the code. Nothing is said there before another client is in the room, so looking costs no try. Then the way is shortened: a sender that was
//! found at a relay elsewhere may have one of its own in this network, and tells where.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    croc::{
        client::{InRoom, join},
        control::CodeMeeting,
        error::CrocError,
        probe::{SenderAddresses, ask},
    },
    net::{
        addresses::Reach,
        client::{self, RelayAddress, RelayChoice},
    },
    panics::{joined, reported},
    transfer::{
        croc::{CrocPlace, CrocSearch, RelayPorts, enter, failed, relay_failed},
        error::TransferError,
        path_mode::PathMode,
    },
};

/// How long a sender is looked for. One that is there is found in a few round trips.
const SEARCH_LIMIT: Duration = Duration::from_secs(15);
/// How long a Caiman is looked for before a croc is.
const HEAD_START: Duration = Duration::from_secs(2);
/// How many addresses of a sender are tried: those of this network, in the sender's order.
const MAX_TRIED: usize = 16;
/// How long an address in this network may take to answer a connection. Most that don't belong to it never answer.
const DIAL_LIMIT: Duration = Duration::from_millis(500);
/// How long it may take in all until this side is in the sender's own room.
const NEAR_LIMIT: Duration = Duration::from_secs(2);

/// How long a sender that was found at a relay is waited for at those of this network, if one of them lets this side in.
const NEAR_GRACE: Duration = Duration::from_secs(1);

/// A code of croc, and where its sender is looked for.
pub(crate) struct CrocLookout {
    /// The code and the relays.
    search: CrocSearch,
    /// Relays that are found in this network, if they are looked for. They are given no password but the usual one.
    found: Option<mpsc::Receiver<SocketAddr>>,
    looks_locally: bool,
    /// Whether a sender that is found is asked where else it can be reached.
    asks: bool,
    /// Whether nothing is believed any more that was found in this network.
    only_relays: bool,
    visits: Option<Visits>,
}

/// The relays at which the sender is looked for right now. A sender whose room was entered and left waits there no more, so all of them
/// go on until the sender is met.
#[derive(Default)]
struct Visits {
    all: JoinSet<Result<FoundSender, (TransferError, Nearness)>>,
    /// How many of them are at relays that were found in this network.
    near: usize,
    failed: usize,
    first_error: Option<TransferError>,
    /// A sender that was found at a relay, while a nearer one may come.
    farther: Option<FoundSender>,
}

impl Visits {
    fn begin(search: &CrocSearch) -> Self {
        let mut visits = Self::default();
        for place in &search.places {
            visits.spawn(search, place.clone(), Nearness::Relay);
        }
        visits
    }

    fn spawn(&mut self, search: &CrocSearch, place: CrocPlace, nearness: Nearness) {
        let room = search.code.room(place.version);
        self.all.spawn(reported(visit(room, place, nearness)));
    }
}

impl CrocLookout {
    /// Looks in the ways that the user allows.
    pub(crate) fn new(
        mut search: CrocSearch,
        found: Option<mpsc::Receiver<SocketAddr>>,
        path_mode: PathMode,
    ) -> Self {
        if path_mode == PathMode::LocalOnly {
            search.keep_near();
        }
        let asks = path_mode != PathMode::RelayOnly;
        let found = found.filter(|_| asks);
        Self { search, looks_locally: found.is_some(), found, asks, only_relays: false, visits: None }
    }

    /// What the two sides know before they talk, at a place.
    pub(super) fn meeting<'a>(&'a self, room: &'a str, place: &CrocPlace) -> CodeMeeting<'a> {
        let CrocSearch { code, allows_v10, .. } = &self.search;
        CodeMeeting { room, password: code.password(place.version), allows_v10: *allows_v10 }
    }

    /// The room of the code at a place.
    pub(super) fn room(&self, place: &CrocPlace) -> String {
        self.search.code.room(place.version)
    }

    /// Goes on with the relays alone that the user or croc names. Returns whether there are any.
    pub(super) fn trust_only_relays(&mut self) -> bool {
        self.found = None;
        self.only_relays = true;
        !self.search.places.is_empty()
    }

    /// Leaves all rooms, once the sender is met.
    pub(super) async fn leave(&mut self) {
        if let Some(mut visits) = self.visits.take() {
            visits.all.shutdown().await;
        }
    }
}

/// Where the sender was found.
pub(in crate::transfer::receive) struct FoundSender {
    pub(super) joined: InRoom<TcpStream>,
    pub(super) place: CrocPlace,
    pub(super) dial: RelayPorts,
    pub(super) nearness: Nearness,
}

/// How near the place is at which a sender was found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nearness {
    /// A relay that the user or croc names.
    Relay,
    /// A relay of this network that anybody may have announced.
    Announced,
    /// The sender's own relay in this network, which the sender has told.
    Told,
}

/// The sender of a code that may be Caiman's or croc's.
pub(in crate::transfer::receive) enum Either<M> {
    /// A Caiman.
    Caiman(M),
    /// A croc.
    Croc(Box<FoundSender>),
}

/// Looks for a sender in both ways, since it isn't known whose code it is. Looking costs no try. Caiman's own way has a head start, so
/// that a croc relay learns nothing of a code whose sender is found at once. Where neither is found, what Caiman's search says counts.
pub(in crate::transfer::receive) async fn either<M>(
    caiman: impl Future<Output = Result<M, TransferError>>,
    croc: &mut CrocLookout,
) -> Result<Either<M>, TransferError> {
    let croc = async {
        sleep(HEAD_START).await;
        find(croc).await
    };
    tokio::pin!(caiman, croc);
    tokio::select! {
        met = &mut caiman => match met {
            Err(error) => Ok(Either::Croc(Box::new(croc.await.map_err(|_| error)?))),
            Ok(met) => Ok(Either::Caiman(met)),
        },
        found = &mut croc => match found {
            Err(_) => Ok(Either::Caiman(caiman.await?)),
            Ok(found) => Ok(Either::Croc(Box::new(found))),
        },
    }
}

/// Looks for the sender at its places, and at relays that are found in this network. One that is found there is nearer than one at a
/// relay. May be called again, for another one than before.
pub(super) async fn find(lookout: &mut CrocLookout) -> Result<FoundSender, TransferError> {
    let CrocLookout { search, found, visits, only_relays, .. } = lookout;
    let visits = visits.get_or_insert_with(|| Visits::begin(search));
    let end = sleep(SEARCH_LIMIT);
    tokio::pin!(end);
    if visits.farther.is_some() {
        end.as_mut().reset(Instant::now());
    }
    while found.is_some() || !visits.all.is_empty() {
        tokio::select! {
            Some(visited) = visits.all.join_next() => match joined(visited) {
                Ok(sender) if sender.nearness == Nearness::Relay => {
                    if *only_relays || visits.near == 0 {
                        return Ok(sender);
                    }
                    if visits.farther.is_none() {
                        visits.farther = Some(sender);
                        end.as_mut().reset(Instant::now() + NEAR_GRACE);
                    }
                }
                Ok(sender) => {
                    visits.near -= 1;
                    if !*only_relays {
                        return Ok(sender);
                    }
                }
                Err((error, Nearness::Relay)) => {
                    visits.failed += 1;
                    visits.first_error.get_or_insert(error);
                }
                Err((error, _)) => {
                    tracing::debug!(%error, "a relay in this network is of no use");
                    visits.near -= 1;
                    if visits.near == 0 && let Some(farther) = visits.farther.take() {
                        return Ok(farther);
                    }
                }
            },
            address = next(found) => match address {
                Some(address) => for place in search.near(address) {
                    visits.near += 1;
                    visits.spawn(search, place, Nearness::Announced);
                },
                None => *found = None,
            },
            () = &mut end => break,
        }
    }
    if let Some(farther) = visits.farther.take() {
        return Ok(farther);
    }
    let failed = visits.failed;
    visits.all.shutdown().await;
    match visits.first_error.take() {
        Some(error) if failed == search.places.len() => Err(error),
        _ => {
            let mut relays = Vec::new();
            for place in &search.places {
                if !relays.contains(&place.relay.address) {
                    relays.push(place.relay.address.clone());
                }
            }
            let looked_locally = lookout.looks_locally;
            Err(TransferError::NobodyThere { relays, looked_locally, looked_online: false })
        }
    }
}

/// The next relay that is found; never returns if none are looked for.
async fn next(found: &mut Option<mpsc::Receiver<SocketAddr>>) -> Option<SocketAddr> {
    match found {
        Some(found) => found.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits in a room until another client is there.
async fn visit(
    room: String,
    place: CrocPlace,
    nearness: Nearness,
) -> Result<FoundSender, (TransferError, Nearness)> {
    let (mut joined, dial) = enter(&room, &place).await.map_err(|error| (error, nearness))?;
    let came = joined.wait_for_peer().await;
    came.map_err(|error| (relay_failed(error, &place), nearness))?;
    Ok(FoundSender { joined, place, dial, nearness })
}

/// Asks a sender that was found at a relay where else it can be reached, and goes there if that is in this network. Whatever comes of
/// that, the two can meet where they are.
///
/// # Errors
///
/// The sender has another code.
pub(super) async fn shorten(
    mut found: FoundSender,
    lookout: &CrocLookout,
) -> Result<FoundSender, TransferError> {
    if !lookout.asks || found.nearness != Nearness::Relay {
        return Ok(found);
    }
    let room = lookout.room(&found.place);
    let asked = ask(&mut found.joined.link, lookout.meeting(&room, &found.place)).await;
    let addresses = match asked {
        Ok(Some(addresses)) => addresses,
        Err(error @ CrocError::WrongCode) => return Err(failed(error)),
        // Where the connection is lost, what comes next fails as well, and says so.
        Ok(None) | Err(_) => return Ok(found),
    };
    let mut visits = JoinSet::new();
    for address in near(&addresses) {
        let relay = RelayChoice::new(RelayAddress::from_socket(address));
        let place = CrocPlace { relay, ..found.place.clone() };
        let room = room.clone();
        visits
            .spawn(reported(async move { timeout(NEAR_LIMIT, approach(room, place)).await.ok().flatten() }));
    }
    while let Some(visited) = visits.join_next().await {
        if let Some(nearer) = joined(visited) {
            return Ok(nearer);
        }
    }
    Ok(found)
}

/// Which of the addresses that a sender tells are tried. It could tell any; only those lead nowhere but into this network.
fn near(addresses: &SenderAddresses) -> impl Iterator<Item = SocketAddr> {
    let ips = addresses.ips.iter().copied().filter(|ip| Reach::of(*ip) == Reach::LocalNetwork);
    ips.take(MAX_TRIED).map(|ip| (ip, addresses.port).into())
}

/// Joins the sender in the room of its own relay; `None` if it isn't there.
async fn approach(room: String, place: CrocPlace) -> Option<FoundSender> {
    let (stream, dial) = timeout(DIAL_LIMIT, client::connect_only(&place.relay)).await.ok()?.ok()?;
    let mut joined = join(stream, &place.password, &room).await.ok()?;
    // Another machine may have that address here, and even a relay.
    if joined.is_alone().await {
        return None;
    }
    Some(FoundSender { joined, place, dial: RelayPorts::at(dial), nearness: Nearness::Told })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        croc::{
            code::CrocCode,
            control::{secure_receiver, secure_sender},
            pake::CurveName,
        },
        relay::{CrocConfig, CrocPorts, Relay, RelayConfig},
        transfer::croc::CrocRelay,
    };

    const ROOM: &str = "f72491c26f320da8a93ea323d8d23b4561e0634f967ba21cb268a1cd0df48a12";

    /// A relay on this machine.
    async fn relay() -> (Relay, SocketAddr) {
        let relay = Relay::bind(RelayConfig {
            host: Some([127, 0, 0, 1].into()),
            port: 0,
            data_ports: Vec::new(),
            croc: Some(CrocConfig { ports: CrocPorts::any(), ..CrocConfig::default() }),
            ..RelayConfig::default()
        });
        let relay = relay.await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], relay.croc_ports()[0]));
        (relay, address)
    }

    /// What is known of the sender that is to be found at this relay.
    fn search(address: SocketAddr) -> CrocSearch {
        let code = CrocCode::new("acid-acorn-acre").unwrap();
        let own = CrocRelay { relay: RelayChoice::new(RelayAddress::from_socket(address)), password: None };
        CrocSearch::at(code, &[own], true)
    }

    /// The sender, in the room at a relay.
    async fn sender(address: SocketAddr) -> InRoom<TcpStream> {
        enter(ROOM, &search(address).places[0]).await.unwrap().0
    }

    fn told_code() -> CodeMeeting<'static> {
        CodeMeeting { room: ROOM, password: b"acorn-acre", allows_v10: true }
    }

    async fn secure(found: FoundSender) {
        secure_receiver(found.joined.link, told_code(), CurveName::default()).await.unwrap();
    }

    /// The sender tells addresses of this machine, where something else listens that is none of its business.
    #[tokio::test]
    async fn a_sender_leads_nowhere_but_into_this_network_and_is_met_where_it_is() {
        let (relay, address) = relay().await;
        let trap = TcpListener::bind("0.0.0.0:0").unwrap();
        trap.set_nonblocking(true).unwrap();
        let ips = ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"].map(|ip| ip.parse().unwrap());
        let told = SenderAddresses { port: trap.local_addr().unwrap().port(), ips: ips.to_vec() };
        let mut lookout = CrocLookout::new(search(address), None, PathMode::Automatic);
        let shutdown = CancellationToken::new();
        let meeting = async {
            let sender = sender(address).await.link;
            let receiving = async {
                let found = find(&mut lookout).await.unwrap();
                let found = shorten(found, &lookout).await.unwrap();
                assert!(found.nearness == Nearness::Relay);
                secure(found).await;
            };
            let (secured, ()) = tokio::join!(secure_sender(sender, told_code(), Some(&told)), receiving);
            secured.unwrap();
            shutdown.cancel();
        };
        tokio::join!(relay.serve(shutdown.clone()), meeting);
        assert!(trap.accept().is_err(), "something was connected to");
    }

    /// A machine in this network has announced a relay, and is in the room there in the sender's place.
    #[tokio::test]
    async fn a_sender_at_a_relay_is_still_there_when_one_in_this_network_was_none() {
        let ((relay, address), (false_relay, false_address)) = (relay().await, relay().await);
        let (announced, found) = mpsc::channel(1);
        announced.send(false_address).await.unwrap();
        drop(announced);
        let mut lookout = CrocLookout::new(search(address), Some(found), PathMode::Automatic);
        let shutdown = CancellationToken::new();
        let meeting = async {
            let (sender, _false_sender) = (sender(address).await.link, sender(false_address).await);
            let receiving = async {
                let first = find(&mut lookout).await.unwrap();
                assert!(first.nearness == Nearness::Announced);
                assert!(lookout.trust_only_relays());
                let found = find(&mut lookout).await.unwrap();
                assert!(found.nearness == Nearness::Relay);
                secure(found).await;
            };
            let (secured, ()) = tokio::join!(secure_sender(sender, told_code(), None), receiving);
            secured.unwrap();
            shutdown.cancel();
        };
        tokio::join!(relay.serve(shutdown.clone()), false_relay.serve(shutdown.clone()), meeting);
    }

    #[test]
    fn only_a_few_addresses_of_this_network_are_tried() {
        let told = |ips: &[&str]| SenderAddresses {
            port: 9009,
            ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
        };
        let elsewhere =
            ["8.8.8.8", "127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "2001:db8::1", "255.255.255.255"];
        assert_eq!(near(&told(&elsewhere)).count(), 0);
        let mapped = ["::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:0.0.0.0"];
        assert_eq!(near(&told(&mapped)).count(), 0);
        let here = ["10.0.0.1", "192.168.1.1", "fd00::1", "169.254.1.1", "fe80::1"];
        assert_eq!(near(&told(&here)).count(), here.len());
        assert_eq!(near(&told(&["10.0.0.1"; 200])).count(), MAX_TRIED);
    }
}
