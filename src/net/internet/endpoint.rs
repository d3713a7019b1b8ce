//! QUIC endpoints that can be reached by their key alone: through an iroh relay at first, and directly once both sides have
//! found a way through their routers. The owner of one has to [close](Endpoint::close) it.

use std::{
    env, fs, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use iroh::{
    EndpointAddr, PublicKey, RelayMap, RelayMode, RelayUrl, SecretKey, TransportAddr, Watcher,
    dns::DnsResolver,
    endpoint::{self, PortmapperConfig, QuicTransportConfig, RecvStream, SendStream, VarInt, presets},
    tls::CaTlsConfig,
};
use noq_proto::congestion::Bbr3Config;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};

use super::{Internet, IrohCheck, IrohCheckError, IrohRelay, Reveal};
use crate::{net::proxy::ProxyChoice, protocol::peer::EndpointId};

/// The name of this protocol in the handshake of a connection, by which iroh refuses everything else.
const ALPN: &[u8] = b"caiman/1";
/// How many bytes of a stream may be on their way. Beyond 2 MiB, the gaps after a burst of losses are more than the receiving
/// end keeps, and it ends the connection (`MAX_CHUNKS` in noq-proto's assembler).
const STREAM_WINDOW: u32 = 2 << 20;
/// How many bytes a connection takes before a write has to wait. What it has taken can't go another way, so it is no more than
/// what may be on its way.
const SEND_WINDOW: u64 = 2 << 20;
/// The most streams that the other side may have open on one connection: its lanes, and some that are ending.
const MAX_STREAMS: u32 = 64;
/// How long a connection may take to be made by the side that accepts it: a few round trips.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long the last words on a stream may take to arrive: a few round trips.
const LINGER_LIMIT: Duration = Duration::from_secs(3);
/// How long an endpoint may take to say goodbye. A relay that doesn't answer would keep it for longer.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// How long the test of a relay may take. iroh itself gives up on a relay that doesn't answer after 3 s.
const PROBE_LIMIT: Duration = Duration::from_secs(8);
/// The file of certificates that are trusted beside the built-in ones; the name is the one that OpenSSL gave it.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// One end of any number of connections.
#[derive(Clone, Debug)]
pub struct Endpoint {
    inner: iroh::Endpoint,
    relays: Vec<RelayUrl>,
}

/// A connection to another endpoint, over whichever path works best at the moment.
#[derive(Clone, Debug)]
pub struct QuicConnection(endpoint::Connection);

/// A connection that another endpoint has begun to make.
pub struct Incoming(endpoint::Incoming);

/// One stream of a connection.
pub struct QuicStream {
    sending: SendStream,
    receiving: RecvStream,
    /// Keeps the connection open.
    _connection: QuicConnection,
}

impl Endpoint {
    /// An endpoint under the secret key `key`, or under a random one.
    ///
    /// # Errors
    ///
    /// The certificates that the user has named can't be read, or the system gives no socket.
    pub async fn bind(internet: &Internet, key: Option<&[u8; 32]>, reveal: Reveal) -> io::Result<Self> {
        let relays: RelayMap = if internet.is_public() {
            RelayMode::Default.relay_map()
        } else {
            internet.relays.iter().filter_map(|relay| relay.as_str().parse::<RelayUrl>().ok()).collect()
        };
        let urls = relays.urls();
        // The resolver of the system is asked and no other, whatever it says.
        let resolver = DnsResolver::builder().with_system_defaults().disable_fallback().build();
        let mut builder = iroh::Endpoint::builder(presets::Minimal)
            .alpns(vec![ALPN.to_vec()])
            .transport_config(transport())
            .portmapper_config(PortmapperConfig::Disabled)
            .dns_resolver(resolver)
            .ca_tls_config(certificates()?)
            .relay_mode(RelayMode::Custom(relays));
        match &internet.proxy {
            ProxyChoice::Environment => builder = builder.proxy_from_env(),
            ProxyChoice::Off => {}
            ProxyChoice::Through(proxy) => {
                if let Some(Ok(url)) = proxy.http_url().map(|url| url.parse()) {
                    builder = builder.proxy_url(url);
                }
            }
        }
        if let Some(key) = key {
            builder = builder.secret_key(SecretKey::from_bytes(key));
        }
        if reveal == Reveal::Nothing {
            builder = builder.clear_ip_transports();
        }
        let inner = builder.bind().await.map_err(io::Error::other)?;
        Ok(Self { inner, relays: urls })
    }

    /// The public key by which others reach this endpoint.
    pub fn id(&self) -> EndpointId {
        EndpointId(*self.inner.id().as_bytes())
    }

    /// The address of the relay at which this endpoint can be reached now, if it is connected to one.
    pub fn relay(&self) -> Option<String> {
        self.inner
            .home_relay_status()
            .get()
            .iter()
            .find(|relay| relay.is_connected())
            .map(|relay| relay.url().to_string())
    }

    /// Waits until this endpoint can be reached at a relay.
    pub async fn online(&self) {
        self.inner.online().await;
    }

    /// The next connection that another endpoint begins to make; `None` once this endpoint is closed.
    pub async fn accept(&self) -> Option<Incoming> {
        self.inner.accept().await.map(Incoming)
    }

    /// Connects to the endpoint `id`, through all relays at once whose addresses `through` lets pass. It may take half a
    /// minute if there is no such endpoint, so it should be given a limit.
    ///
    /// # Errors
    ///
    /// No relay is left, or none leads to that endpoint.
    pub async fn connect(
        &self,
        id: EndpointId,
        through: impl Fn(&str) -> bool,
    ) -> io::Result<QuicConnection> {
        let key = PublicKey::from_bytes(&id.0).map_err(io::Error::other)?;
        let relays = self.relays.iter().filter(|relay| through(relay.as_str()));
        let address = EndpointAddr::from_parts(key, relays.cloned().map(TransportAddr::Relay));
        if address.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.inner.connect(address, ALPN).await.map(QuicConnection).map_err(io::Error::other)
    }

    /// Says goodbye to all other sides and ends. What was written and not yet confirmed is lost.
    pub async fn close(&self) {
        let _ = timeout(CLOSE_LIMIT, self.inner.close()).await;
    }
}

impl Incoming {
    /// Completes the connection. `None` if the other side doesn't.
    pub async fn complete(self) -> Option<QuicConnection> {
        let accepting = self.0.accept().ok()?;
        timeout(HANDSHAKE_LIMIT, accepting).await.ok()?.ok().map(QuicConnection)
    }

    /// Turns the other side away without a word.
    pub fn ignore(self) {
        self.0.ignore();
    }
}

impl QuicConnection {
    /// The key of the other end.
    pub fn peer(&self) -> EndpointId {
        EndpointId(*self.0.remote_id().as_bytes())
    }

    /// Opens a stream. The other side learns of it with the first bytes that are written.
    pub async fn open(&self) -> io::Result<QuicStream> {
        let (sending, receiving) = self.0.open_bi().await?;
        Ok(QuicStream { sending, receiving, _connection: self.clone() })
    }

    /// The next stream that the other side opens.
    pub async fn accept(&self) -> io::Result<QuicStream> {
        let (sending, receiving) = self.0.accept_bi().await?;
        Ok(QuicStream { sending, receiving, _connection: self.clone() })
    }

    /// Whether the connection goes from one machine to the other, and through no relay.
    pub fn is_direct(&self) -> bool {
        self.0.paths().iter().any(|path| path.is_selected() && path.is_ip())
    }

    /// How long a packet takes to the other side and back.
    pub fn round_trip(&self) -> Option<Duration> {
        self.0.paths().iter().find(endpoint::Path::is_selected).map(|path| path.rtt())
    }

    /// The address of the relay through which the connection goes, if it does.
    pub fn relay(&self) -> Option<String> {
        self.0.paths().iter().find(endpoint::Path::is_selected).and_then(|path| match path.remote_addr() {
            TransportAddr::Relay(url) => Some(url.to_string()),
            _ => None,
        })
    }

    /// Whether the connection has not ended yet, as far as this side knows.
    pub fn is_open(&self) -> bool {
        self.0.close_reason().is_none()
    }

    /// Waits until the connection has ended.
    pub async fn closed(&self) {
        self.0.closed().await;
    }

    /// Ends the connection at once. What was written and not yet confirmed is lost.
    pub fn close(&self) {
        self.0.close(VarInt::from_u32(0), b"");
    }
}

impl QuicStream {
    /// Ends this side of the stream, and keeps the connection until the other side has everything that was written, or until a
    /// few seconds have passed.
    pub async fn linger(mut self) {
        let delivered = async {
            self.sending.finish().ok()?;
            self.sending.stopped().await.ok()
        };
        let _ = timeout(LINGER_LIMIT, delivered).await;
    }
}

impl AsyncRead for QuicStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.get_mut().receiving), context, buffer)
    }
}

impl AsyncWrite for QuicStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.get_mut().sending), context, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.get_mut().sending), context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.get_mut().sending), context)
    }
}

/// Tries a relay: whether it answers, whether it lets this machine in, and what it can do.
///
/// # Errors
///
/// Why the relay can't be used.
pub async fn probe(relay: &IrohRelay, proxy: ProxyChoice) -> Result<IrohCheck, IrohCheckError> {
    let internet = Internet { relays: vec![relay.clone()], proxy };
    let endpoint = Endpoint::bind(&internet, None, Reveal::Addresses).await?;
    let checked = timeout(PROBE_LIMIT, examine(&endpoint, relay)).await;
    let checked = checked.unwrap_or_else(|_| Err(unusable(&endpoint, relay)));
    endpoint.close().await;
    checked
}

/// Finds out what the only relay of an endpoint can do.
async fn examine(endpoint: &Endpoint, relay: &IrohRelay) -> Result<IrohCheck, IrohCheckError> {
    let report = endpoint.inner.net_report().initialized().await;
    let latency = report.relay_latency.iter().map(|(_, _, latency)| latency).min();
    let latency = latency.ok_or_else(|| IrohCheckError::Silent(relay.clone()))?;
    // Whatever answers a probe need not let this machine in.
    let mut status = endpoint.inner.home_relay_status();
    while endpoint.relay().is_none() {
        if status.get().iter().any(|relay| relay.auth_denied_reason().is_some()) {
            return Err(IrohCheckError::Refused(relay.clone()));
        }
        if status.updated().await.is_err() {
            return Err(IrohCheckError::Silent(relay.clone()));
        }
    }
    Ok(IrohCheck { latency, tells_addresses: report.has_udp() })
}

/// Why no connection to the only relay of an endpoint has come about.
fn unusable(endpoint: &Endpoint, relay: &IrohRelay) -> IrohCheckError {
    let status = endpoint.inner.home_relay_status().get();
    match status.iter().find_map(|relay| relay.last_error()) {
        Some(cause) => IrohCheckError::Unusable { relay: relay.clone(), cause: cause.to_string() },
        None => IrohCheckError::Silent(relay.clone()),
    }
}

/// How connections behave. BBR3 keeps its rate where some packets are lost at random, as on most radio links; CUBIC, the usual
/// choice, takes each loss for a full queue.
fn transport() -> QuicTransportConfig {
    QuicTransportConfig::builder()
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .send_window(SEND_WINDOW)
        .congestion_controller_factory(Arc::new(Bbr3Config::default()))
        .build()
}

/// The certificates by which a relay is recognised.
fn certificates() -> io::Result<CaTlsConfig> {
    let Some(file) = env::var_os(CERTIFICATES).filter(|file| !file.is_empty()) else {
        return Ok(CaTlsConfig::embedded());
    };
    let text = fs::read(file)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    Ok(CaTlsConfig::embedded().with_extra_roots(read.map_err(io::Error::other)?))
}

/// The public key that belongs to a secret one.
pub fn public_key(key: &[u8; 32]) -> EndpointId {
    EndpointId(*SecretKey::from_bytes(key).public().as_bytes())
}
