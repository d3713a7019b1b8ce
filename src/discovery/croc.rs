//! How croc's senders and receivers find each other on the local network: a sender says to everybody on which port its relay is, and a
//! receiver says that it listens. Over IPv4, as every croc does it.
//!
//! Nothing of that is proven, and no code is in it: what is heard is only an address to try.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    net::UdpSocket,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use super::LocalSearch;
use crate::{croc::code::USUAL_PORT, net::addresses::Reach};

/// The group to which all crocs listen, and the port.
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), 9999);
/// How far croc lets its messages go.
const TTL: u32 = 2;
/// What a sender says, before the port of its relay.
const SENDER: &[u8] = b"croc";
/// What a receiver says.
const RECEIVER: &[u8] = b"ok";
/// The longest message that is read.
const MAX_HEARD: usize = 64;
/// How often a sender says where it is: twice while a receiver that has croc listens, which is a fifth of a second.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How long a sender goes on unasked. Later it only answers receivers.
const TELL_FOR: Duration = Duration::from_mins(2);
/// The shortest time from one answer to the next.
const ANSWER_EVERY: Duration = Duration::from_millis(50);
/// How often the machine's networks are looked up anew.
const REFRESH: Duration = Duration::from_secs(30);
/// How long a receiver listens, and how often it says so meanwhile.
const LISTEN_FOR: Duration = Duration::from_secs(3);
const ASK_EVERY: Duration = Duration::from_millis(100);
/// The most relays that one search finds. Any machine on the network can make up any number of them.
const MAX_FOUND: usize = 8;

/// Says on the local network that a croc's relay is on this machine at this port. Never returns; ends when it is dropped.
pub async fn announce_croc(port: u16) {
    let said = [SENDER, port.to_string().as_bytes()].concat();
    let unasked_until = Instant::now() + TELL_FOR;
    loop {
        match CrocGroup::join() {
            Ok(group) => drop(timeout(REFRESH, tell(&group, &said, unasked_until)).await),
            Err(error) => {
                tracing::debug!(%error, "no croc on the local network hears of this send");
                sleep(REFRESH).await;
            }
        }
    }
}

async fn tell(group: &CrocGroup, said: &[u8], unasked_until: Instant) {
    let mut clock = ticking(TELL_EVERY);
    loop {
        tokio::select! {
            _ = clock.tick(), if Instant::now() < unasked_until => group.say(said).await,
            heard = group.hear() => if heard.0 == RECEIVER {
                group.say(said).await;
                sleep(ANSWER_EVERY).await;
            },
        }
    }
}

/// A search for the relays of croc's senders on the local network.
pub struct CrocRelaySearch {
    group: CrocGroup,
    clock: Interval,
    until: Instant,
    known: HashSet<SocketAddr>,
}

impl CrocRelaySearch {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// Why the network can't be used.
    pub fn start() -> io::Result<Self> {
        let group = CrocGroup::join()?;
        let (clock, until) = (ticking(ASK_EVERY), Instant::now() + LISTEN_FOR);
        Ok(Self { group, clock, until, known: HashSet::new() })
    }
}

impl LocalSearch for CrocRelaySearch {
    async fn next(&mut self) -> Option<SocketAddr> {
        while self.known.len() < MAX_FOUND {
            tokio::select! {
                () = sleep_until(self.until) => break,
                _ = self.clock.tick() => self.group.say(RECEIVER).await,
                (said, from) = self.group.hear() => {
                    let relay = announced(&said).map(|port| SocketAddr::new(from, port));
                    if let Some(relay) = relay.filter(|relay| self.known.insert(*relay)) {
                        return Some(relay);
                    }
                }
            }
        }
        None
    }
}

/// The port that a sender announces.
fn announced(said: &[u8]) -> Option<u16> {
    match said.strip_prefix(SENDER)? {
        b"" => Some(USUAL_PORT),
        port => str::from_utf8(port).ok()?.parse().ok().filter(|port| *port != 0),
    }
}

/// The group, on every network of this machine that is a local one.
struct CrocGroup {
    socket: UdpSocket,
    /// This machine's addresses there.
    networks: Vec<Ipv4Addr>,
}

impl CrocGroup {
    fn join() -> io::Result<Self> {
        let networks: Vec<Ipv4Addr> = if_addrs::get_if_addrs()?
            .into_iter()
            .filter(|interface| !interface.is_p2p())
            .filter_map(|interface| match interface.ip() {
                IpAddr::V4(ip) if is_local(ip.into()) => Some(ip),
                _ => None,
            })
            .collect();
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Every croc on this machine listens at the same port.
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        socket.set_reuse_port(true)?;
        socket.set_multicast_ttl_v4(TTL)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, GROUP.port()).into())?;
        let is_joined = |ip: &Ipv4Addr| socket.join_multicast_v4(GROUP.ip(), ip).is_ok();
        let networks: Vec<Ipv4Addr> = networks.into_iter().filter(is_joined).collect();
        Ok(Self { socket: UdpSocket::from_std(socket.into())?, networks })
    }

    /// Says something on every network. What doesn't go out is said again soon.
    async fn say(&self, said: &[u8]) {
        for ip in &self.networks {
            if SockRef::from(&self.socket).set_multicast_if_v4(ip).is_ok() {
                let _ = self.socket.send_to(said, GROUP).await;
            }
        }
    }

    /// What is said next in a local network, and from which address.
    async fn hear(&self) -> (Vec<u8>, IpAddr) {
        let mut said = [0; MAX_HEARD];
        loop {
            match self.socket.recv_from(&mut said).await {
                Ok((length, from)) if length < MAX_HEARD && is_local(from.ip()) => {
                    return (said[..length].to_vec(), from.ip());
                }
                Ok(_) => {}
                // On Windows an earlier message that could not be delivered is told here.
                Err(_) => sleep(ANSWER_EVERY).await,
            }
        }
    }
}

fn is_local(ip: IpAddr) -> bool {
    Reach::of(ip) == Reach::LocalNetwork
}

fn ticking(every: Duration) -> Interval {
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    clock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_croc_says_is_an_announcement() {
        assert_eq!(announced(b"croc9009"), Some(9009));
        assert_eq!(announced(b"croc1"), Some(1));
        assert_eq!(announced(b"croc"), Some(USUAL_PORT));
        for other in
            [&b"ok"[..], b"croc0", b"croc70000", b"croc-1", b"croc 9009", b"croc\xff", b"", b"CROC9009"]
        {
            assert_eq!(announced(other), None, "{other:?}");
        }
    }
}
