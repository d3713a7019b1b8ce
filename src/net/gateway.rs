//! Asks the gateway between the local network and the internet to let connections to one port of this machine in: by PCP or
//! NAT-PMP if the gateway speaks them, else by UPnP.
//!
//! Nothing waits for the answer: the port is open at some later time, or never. It is closed again at the end. If the program
//! ends without doing so, the gateway closes the port when its lease is over; a gateway that only grants leases without an end
//! is not used.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    num::NonZeroU16,
    time::Duration,
};

use crab_nat::{
    GatewayAddress, InternetProtocol, PortMapping as LeasedMapping, PortMappingOptions, PortMappingType,
    TimeoutConfig, natpmp,
};
use igd_next::{PortMappingProtocol, SearchOptions, search_gateway};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::panics::spawn_blocking;

/// How long a gateway keeps a port open unless it is asked again: short enough that a forgotten port doesn't stay open.
const LEASE: Duration = Duration::from_hours(1);
/// How long a gateway may take to answer a search over UPnP. Nothing waits for it, so this is generous.
const SEARCH: Duration = Duration::from_secs(3);
/// How long closing may take, since the end of a transfer waits for it; after that the port closes with its lease.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long to wait for PCP and NAT-PMP. A gateway that speaks them is one hop away and answers at once.
const QUICK: TimeoutConfig = TimeoutConfig {
    initial_timeout: Duration::from_millis(250),
    max_retries: 2,
    max_retry_timeout: Some(Duration::from_secs(1)),
};
/// The name under which the gateway lists the open port.
const NAME: &str = "Caiman";

/// A port of this machine that a gateway was asked to open.
pub struct PortMapping {
    outside: watch::Receiver<Option<SocketAddr>>,
    end: CancellationToken,
    keeping: JoinSet<()>,
}

/// A port that a gateway opened, and how it was asked.
enum Granted {
    Leased(LeasedMapping, IpAddr),
    Upnp { gateway: igd_next::Gateway, inside: SocketAddr, outside: SocketAddr },
}

impl PortMapping {
    /// Starts to ask for `port`.
    pub fn ask(port: NonZeroU16) -> Self {
        let (told, outside) = watch::channel(None);
        let end = CancellationToken::new();
        let mut keeping = JoinSet::new();
        keeping.spawn(keep(port, told, end.clone()));
        Self { outside, end, keeping }
    }

    /// The address for connections from outside, once it is known.
    pub fn outside(&self) -> Option<SocketAddr> {
        *self.outside.borrow()
    }

    /// Closes the port again, or stops asking for it.
    pub async fn close(mut self) {
        self.end.cancel();
        let _ = timeout(FAREWELL, async { while self.keeping.join_next().await.is_some() {} }).await;
    }
}

/// Has a port opened, keeps it open until `end`, and closes it.
async fn keep(port: NonZeroU16, told: watch::Sender<Option<SocketAddr>>, end: CancellationToken) {
    let Some(Some(mut mapping)) = end.run_until_cancelled(open(port)).await else { return };
    let outside = mapping.outside();
    tracing::info!(%outside, "the gateway lets connections in");
    told.send_replace(Some(outside));
    while end.run_until_cancelled(sleep(LEASE / 2)).await.is_some() {
        let renewed = mapping.renew().await.then(|| mapping.outside());
        told.send_if_modified(|told| std::mem::replace(told, renewed) != renewed);
    }
    mapping.close().await;
}

async fn open(port: NonZeroU16) -> Option<Granted> {
    let router = spawn_blocking(router).await;
    if let Some(router) = router
        && let Some(mapping) = open_leased(router, port).await
    {
        return Some(mapping);
    }
    let opened = spawn_blocking(move || open_upnp(port)).await;
    opened.inspect_err(|why| tracing::info!(%why, "no gateway lets connections in")).ok()
}

/// The router to which everything goes that is not for the local network.
fn router() -> Option<Ipv4Addr> {
    netdev::get_default_gateway().ok()?.ipv4.first().copied()
}

/// Asks by PCP, or by NAT-PMP if the gateway says that it speaks only that.
async fn open_leased(router: Ipv4Addr, port: NonZeroU16) -> Option<Granted> {
    let gateway = GatewayAddress::from(router);
    let inside = address_towards((router, crab_nat::GATEWAY_PORT).into())?;
    let options = PortMappingOptions {
        external_port: Some(port),
        lifetime_seconds: Some(LEASE.as_secs() as u32),
        timeout_config: Some(QUICK),
    };
    let mapping = LeasedMapping::new(gateway, inside, InternetProtocol::Tcp, port, options).await;
    let mapping =
        mapping.inspect_err(|error| tracing::debug!(%error, "the router speaks no PCP or NAT-PMP")).ok()?;
    let outside = match mapping.mapping_type() {
        PortMappingType::Pcp { external_ip, .. } => Some(external_ip),
        PortMappingType::NatPmp => {
            natpmp::external_address(gateway, Some(QUICK)).await.ok().map(IpAddr::from)
        }
    };
    let Some(outside) = outside.map(|ip| ip.to_canonical()).filter(|ip| !ip.is_unspecified()) else {
        // The router has no address outside, so the open port is of no use.
        Granted::Leased(mapping, IpAddr::V4(router)).close().await;
        return None;
    };
    Some(Granted::Leased(mapping, outside))
}

/// Asks by UPnP. Blocks on the network.
fn open_upnp(port: NonZeroU16) -> Result<Granted, Box<dyn std::error::Error + Send + Sync>> {
    let mut search = SearchOptions::default();
    search.timeout = Some(SEARCH);
    let gateway = search_gateway(search)?;
    let inside = address_towards(gateway.addr).ok_or("there is no way to the gateway")?;
    let inside = SocketAddr::new(inside, port.get());
    let ip = gateway.get_external_ip()?;
    let (protocol, lease) = (PortMappingProtocol::TCP, LEASE.as_secs() as u32);
    let outside = match gateway.add_port(protocol, port.get(), inside, lease, NAME) {
        Ok(()) => port.get(),
        Err(_) => gateway.add_any_port(protocol, inside, lease, NAME)?,
    };
    Ok(Granted::Upnp { gateway, inside, outside: SocketAddr::new(ip, outside) })
}

/// This machine's address as a neighbour sees it. Nothing is sent to find out.
fn address_towards(neighbour: SocketAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(neighbour).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

impl Granted {
    fn outside(&self) -> SocketAddr {
        match self {
            Self::Leased(mapping, ip) => SocketAddr::new(*ip, mapping.external_port().get()),
            Self::Upnp { outside, .. } => *outside,
        }
    }

    /// Asks for a longer lease, and says whether the port stays open.
    async fn renew(&mut self) -> bool {
        match self {
            Self::Leased(mapping, _) => mapping.renew().await.is_ok(),
            Self::Upnp { gateway, inside, outside } => {
                let (gateway, inside, outside) = (gateway.clone(), *inside, outside.port());
                let lease = LEASE.as_secs() as u32;
                let renewing = spawn_blocking(move || {
                    gateway.add_port(PortMappingProtocol::TCP, outside, inside, lease, NAME).is_ok()
                });
                renewing.await
            }
        }
    }

    async fn close(self) {
        let is_closed = match self {
            Self::Leased(mapping, _) => mapping.try_drop().await.is_ok(),
            Self::Upnp { gateway, outside, .. } => {
                let closing = spawn_blocking(move || {
                    gateway.remove_port(PortMappingProtocol::TCP, outside.port()).is_ok()
                });
                closing.await
            }
        };
        if !is_closed {
            tracing::warn!("the gateway was asked to close a port and didn't");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// A gateway that never answers must not hold up the end of a transfer.
    #[tokio::test]
    async fn a_mapping_that_is_still_being_asked_for_is_given_up_at_once() {
        let mapping = PortMapping::ask(NonZeroU16::new(40_001).unwrap());
        assert_eq!(mapping.outside(), None);
        let begun = Instant::now();
        mapping.close().await;
        assert!(begun.elapsed() < FAREWELL, "{:?}", begun.elapsed());
    }
}
