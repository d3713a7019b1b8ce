//! The life of a relay: bind, accept, drain, join.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "croc")]
use super::croc::CrocDesk;
use super::{
    config::RelayConfig,
    connection,
    copy::LEAVE_GRACE,
    exporter,
    listen::{Door, Listeners},
    quota::Holding,
    refusal::log_refusal,
    shared::{Client, RelayState},
};
use crate::{
    net::{addresses, socket},
    panics::{PanicReport, caught},
    protocol::relay::MAX_DATA_PORTS,
};

/// How many connections over the limits are told so at the same time; further ones are closed without a word.
const MAX_TURNED_AWAY: usize = 64;
/// The most pipes. Fewer where the limit on open files leaves fewer.
const MAX_PIPES: usize = 16_384;
/// How long tasks have to end once they are told to, before they are aborted.
const ABORT_AFTER: Duration = Duration::from_secs(2);

/// Why a relay could not start.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Another program listens on this port.
    #[error("port {} is taken by another program; stop that program or choose another port", .0.port())]
    PortTaken(SocketAddr),
    /// The system reserves this port for the administrator.
    #[error("port {} is not allowed for this user; choose a port from 1024 on", .0.port())]
    PortForbidden(SocketAddr),
    /// This machine doesn't have this address.
    #[error("this machine doesn't have the address {}; choose one that it has, or none to listen on all of them", .0.ip())]
    NoSuchAddress(SocketAddr),
    /// More data ports than a welcome may name.
    #[error("{0} data ports are too many; at most {MAX_DATA_PORTS} can be used")]
    TooManyDataPorts(usize),
    /// The relay's own program has a fault: it panicked.
    #[error("something broke in this program ({0})")]
    Internal(PanicReport),
    /// The system refused for another reason.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address to listen on.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A relay that listens. It serves once [`Relay::serve`] is called.
pub struct Relay {
    shared: Arc<RelayState>,
    listeners: Vec<(TcpListener, Door)>,
    croc_ports: Vec<u16>,
    #[cfg(feature = "croc")]
    croc: Option<Arc<CrocDesk>>,
    exporter: Option<TcpListener>,
    local_addr: SocketAddr,
    metrics_addr: Option<SocketAddr>,
    is_local_only: bool,
    kill: CancellationToken,
}

impl Relay {
    /// Listens on every port of `config`. Raises the process's limit on open files as far as it may.
    #[expect(clippy::unused_async, reason = "needs a runtime to register its sockets with, which async says")]
    pub async fn bind(config: RelayConfig) -> Result<Self, RelayError> {
        if config.data_ports.len() > MAX_DATA_PORTS {
            return Err(RelayError::TooManyDataPorts(config.data_ports.len()));
        }
        let open_files = raise_open_files();
        let (control, local_addr) = bind(config.host, config.port)?;
        let mut listeners = vec![(control, Door::Own)];
        let mut data_ports = Vec::new();
        for port in config.data_ports.iter().copied() {
            let (listener, address) = bind(config.host, port)?;
            listeners.push((listener, Door::Own));
            data_ports.push(address.port());
        }
        #[cfg(feature = "croc")]
        let croc_ports = bind_croc(&config, &mut listeners)?;
        #[cfg(not(feature = "croc"))]
        let croc_ports = Vec::new();
        let exporter = config.metrics.map(|address| bind(Some(address.ip()), address.port())).transpose()?;
        let (exporter, metrics_addr) = exporter.unzip();
        let limits = config.limits.fitted_to(open_files);
        let pipes = open_files.map_or(MAX_PIPES, |files| MAX_PIPES.min(files as usize / 16));
        let shared = Arc::new(RelayState::new(config.password, config.sender_key, limits, data_ports, pipes));
        let (is_local_only, kill) = (config.is_local_only, CancellationToken::new());
        Ok(Self {
            #[cfg(feature = "croc")]
            croc: config.croc.map(|croc| Arc::new(CrocDesk::new(Arc::clone(&shared), croc, &croc_ports))),
            shared,
            listeners,
            croc_ports,
            exporter,
            local_addr,
            metrics_addr,
            is_local_only,
            kill,
        })
    }

    /// The control port.
    pub fn port(&self) -> u16 {
        self.local_addr.port()
    }

    /// The ports that take lanes; empty where lanes share the control port.
    pub fn data_ports(&self) -> &[u16] {
        &self.shared.data_ports
    }

    /// The ports for clients that have croc, the control port first; empty if they aren't served.
    pub fn croc_ports(&self) -> &[u16] {
        &self.croc_ports
    }

    /// The control port's address, as it was bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address at which `/metrics` is served, if it is.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Cancelling this token ends [`Relay::serve`] at once with everything that runs, draining or not.
    pub fn kill_token(&self) -> CancellationToken {
        self.kill.clone()
    }

    /// Serves until `shutdown` is cancelled, then drains: rooms that wait are wiped and their clients are told, new rooms
    /// are refused by name, and paired rooms have [`Limits::drain_secs`](super::Limits::drain_secs) to finish and may
    /// still open lanes. Every task has ended when this returns.
    pub async fn serve(self, shutdown: CancellationToken) {
        // Those who run it say where it listens.
        tracing::debug!(address = %self.local_addr, data_ports = ?self.shared.data_ports, "relay listens");
        let stop_exporter = CancellationToken::new();
        let server = AcceptLoop {
            #[cfg(feature = "croc")]
            croc: self.croc,
            ..AcceptLoop::new(Arc::clone(&self.shared), self.listeners, self.is_local_only, self.kill)
        };
        let serving = async {
            server.run(shutdown).await;
            stop_exporter.cancel();
        };
        match self.exporter {
            Some(listener) => {
                tokio::join!(serving, exporter::serve(listener, self.shared, stop_exporter.clone()));
            }
            None => serving.await,
        }
        tracing::info!("relay stopped");
    }
}

struct AcceptLoop {
    shared: Arc<RelayState>,
    listeners: Listeners,
    #[cfg(feature = "croc")]
    croc: Option<Arc<CrocDesk>>,
    tasks: JoinSet<()>,
    turned_away: Arc<Semaphore>,
    is_local_only: bool,
    kill: CancellationToken,
}

impl AcceptLoop {
    fn new(
        shared: Arc<RelayState>,
        listeners: Vec<(TcpListener, Door)>,
        is_local_only: bool,
        kill: CancellationToken,
    ) -> Self {
        let (listeners, tasks) = (Listeners::new(listeners), JoinSet::new());
        let turned_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
        Self {
            shared,
            listeners,
            #[cfg(feature = "croc")]
            croc: None,
            tasks,
            turned_away,
            is_local_only,
            kill,
        }
    }

    async fn run(mut self, shutdown: CancellationToken) {
        self.accept_until(shutdown.cancelled(), |_| false).await;
        self.shared.rooms().drain();
        #[cfg(feature = "croc")]
        if let Some(croc) = &self.croc {
            croc.drain();
        }
        tracing::info!(rooms = self.shared.open_rooms(), "relay drains");
        let drain = Duration::from_secs(self.shared.limits.drain_secs);
        self.accept_until(sleep(drain), |shared| shared.open_rooms() == 0).await;
        let Self { listeners, mut tasks, kill, .. } = self;
        drop(listeners);
        // Without rooms, only goodbyes still run, and each has a short limit of its own.
        tokio::select! {
            () = kill.cancelled() => {}
            _ = timeout(LEAVE_GRACE.min(drain), join_all(&mut tasks)) => {}
        }
        kill.cancel();
        if timeout(ABORT_AFTER, join_all(&mut tasks)).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "tasks had to be aborted");
        }
        tasks.shutdown().await;
    }

    /// Accepts connections until `end` or the kill token, or until `is_done`, which is checked whenever a task ends or a connection
    /// comes.
    async fn accept_until(&mut self, end: impl Future<Output = ()>, is_done: impl Fn(&RelayState) -> bool) {
        let kill = self.kill.clone();
        let end = async {
            tokio::select! {
                () = end => {}
                () = kill.cancelled() => {}
            }
        };
        tokio::pin!(end);
        while !is_done(&self.shared) {
            tokio::select! {
                biased;
                () = &mut end => break,
                Some(_) = self.tasks.join_next() => {}
                (stream, peer, door) = self.listeners.accept() => self.take(stream, peer, door),
            }
        }
    }

    /// Starts a connection's task.
    fn take(&mut self, stream: TcpStream, peer: SocketAddr, door: Door) {
        let number = self.shared.counters.connections.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(connection = number, %peer, "accepted");
        if self.is_local_only && !addresses::is_local(peer.ip()) {
            return tracing::debug!(connection = number, "not from the local network");
        }
        let (shared, kill) = (Arc::clone(&self.shared), self.kill.clone());
        match shared.admit(peer.ip().into(), Holding::Connection) {
            Ok(permit) => {
                let client = Client { permit, number, stream };
                #[cfg(feature = "croc")]
                if let (Door::Croc(port), Some(croc)) = (door, &self.croc) {
                    let serving = Arc::clone(croc).serve(port, client);
                    self.spawn(async move {
                        kill.run_until_cancelled(serving).await;
                    });
                    return;
                }
                self.spawn(async move {
                    kill.run_until_cancelled(connection::serve(shared, client)).await;
                });
            }
            // A croc could only be told after a handshake, which would cost as much as serving it.
            Err(refusal) if door != Door::Own => log_refusal(&shared, number, refusal),
            Err(refusal) => match Arc::clone(&self.turned_away).try_acquire_owned() {
                Ok(permit) => {
                    self.spawn(async move {
                        let told = connection::turn_away(shared, stream, peer, number, refusal);
                        kill.run_until_cancelled(told).await;
                        drop(permit);
                    });
                }
                Err(_) => log_refusal(&shared, number, refusal),
            },
        }
    }

    /// Starts a task. One that panics gives back what it holds, and the others go on.
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            // The panic is logged where it is caught.
            let _ = caught(task).await;
        });
    }
}

/// Listens for clients that have croc, if they are to be served.
#[cfg(feature = "croc")]
fn bind_croc(config: &RelayConfig, listeners: &mut Vec<(TcpListener, Door)>) -> Result<Vec<u16>, RelayError> {
    let Some(croc) = &config.croc else { return Ok(Vec::new()) };
    let mut bound = Vec::new();
    for (number, port) in croc.ports.as_slice().iter().enumerate() {
        let (listener, address) = bind(config.host, *port)?;
        listeners.push((listener, Door::Croc(number)));
        bound.push(address.port());
    }
    Ok(bound)
}

async fn join_all(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

fn bind(host: Option<IpAddr>, port: u16) -> Result<(TcpListener, SocketAddr), RelayError> {
    let wanted = SocketAddr::new(host.unwrap_or(std::net::Ipv6Addr::UNSPECIFIED.into()), port);
    socket::bind(host, port)
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => RelayError::PortTaken(wanted),
            io::ErrorKind::PermissionDenied => RelayError::PortForbidden(wanted),
            io::ErrorKind::AddrNotAvailable => RelayError::NoSuchAddress(wanted),
            _ => RelayError::Listen { address: wanted, source },
        })
}

/// Raises the soft limit on open files towards the hard one, because each connection takes a file. Returns the limit that holds
/// after that.
#[cfg(unix)]
fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // macOS calls its hard limit infinite but accepts no more than this.
    let wanted =
        [maximum, Some(10_240)].into_iter().filter(|limit| limit.is_none_or(|limit| current < Some(limit)));
    for limit in wanted {
        if current.is_some() && setrlimit(Resource::Nofile, Rlimit { current: limit, maximum }).is_ok() {
            return limit;
        }
    }
    current
}

#[cfg(not(unix))]
fn raise_open_files() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;
    use crate::{
        net::io,
        protocol::{
            frame::PADDING,
            relay::{ConnectionKind, MAX_FRAME, Welcome},
        },
        relay::Limits,
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_connection_whose_task_panics_takes_no_other_with_it() {
        let host = Some(std::net::Ipv4Addr::LOCALHOST.into());
        let config = RelayConfig { host, port: 0, data_ports: Vec::new(), ..RelayConfig::default() };
        let relay = Relay::bind(config).await.unwrap();
        let (address, kill) = (relay.local_addr(), relay.kill_token());
        let mut server = AcceptLoop::new(relay.shared, relay.listeners, false, kill.clone());
        server.spawn(async { panic!("a connection is made of paper") });
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&[&ConnectionKind::Control.to_bytes()[..], &PADDING].concat()).await.unwrap();
            let welcome: Welcome = io::read(&mut stream, MAX_FRAME).await.unwrap();
            kill.cancel();
            welcome
        };
        let shutdown = kill.child_token();
        tokio::join!(client, server.run(shutdown));
    }

    /// The sockets are real; only the address is made up, because the test's machine has no other network.
    #[tokio::test]
    async fn a_relay_for_the_local_network_closes_what_comes_from_elsewhere() {
        let listener = socket::bind(Some(std::net::Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let shared = Arc::new(RelayState::new(None, None, Limits::default(), Vec::new(), 0));
        let mut server = AcceptLoop::new(shared, Vec::new(), true, CancellationToken::new());
        for (from, is_served) in
            [("8.8.8.8:9", false), ("[2001:4860:4860::8888]:9", false), ("10.0.0.1:9", true)]
        {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            client.write_all(&[&ConnectionKind::Control.to_bytes()[..], &PADDING].concat()).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            server.take(stream, from.parse().unwrap(), Door::Own);
            let welcome = client.read_u8().await;
            assert_eq!(welcome.is_ok(), is_served, "{from}: {welcome:?}");
        }
    }
}
