//! An iroh relay in this process, for transfers over the internet way that never leave this machine.

use caiman::engine::{Internet, IrohRelay};
use iroh_relay::server::{RelayConfig, Server, ServerConfig, SpawnError};

/// Whether the suites are to run over QUIC: then their transfers meet over the internet way and know no relay of Caiman's own
/// kind, so all of it (meeting, control channel, lanes) goes through an iroh relay in this process. `CAIMAN_OVER=quic` says so.
pub fn over_quic() -> bool {
    std::env::var_os("CAIMAN_OVER").is_some_and(|over| over == "quic")
}

/// Why tests of streams that stall are left out: see `a_stream_that_stalls_does_not_hold_up_what_it_has_brought`.
pub const STREAMS_STALL: &str =
    "a block that is lost in the move to another connection comes again only once the stream goes on";

/// Whether a test is to be left out, for this reason, because the suites run over QUIC.
pub fn left_out_over_quic(reason: &str) -> bool {
    if over_quic() {
        println!("left out over QUIC: {reason}");
    }
    over_quic()
}

/// A relay without a certificate. It ends when it is dropped.
pub struct TestIrohRelay {
    server: Server,
}

impl TestIrohRelay {
    pub async fn start() -> Self {
        Self::at(([127, 0, 0, 1], 0)).await
    }

    /// A relay if the suites run over QUIC.
    pub async fn if_over_quic() -> Option<Self> {
        if over_quic() { Some(Self::start().await) } else { None }
    }

    /// A relay at this address.
    pub async fn at(address: impl Into<std::net::SocketAddr>) -> Self {
        Self::try_at(address).await.unwrap()
    }

    /// A relay at this address, which another may have.
    pub async fn try_at(address: impl Into<std::net::SocketAddr>) -> Result<Self, SpawnError> {
        let mut config = ServerConfig::default();
        config.relay = Some(RelayConfig::new(address));
        Ok(Self { server: Server::spawn(config).await? })
    }

    pub fn addr(&self) -> std::net::SocketAddr {
        self.server.http_addr().unwrap()
    }

    pub fn relay(&self) -> IrohRelay {
        format!("http://{}", self.addr()).parse().unwrap()
    }

    /// What transfers may use: this relay and no other.
    pub fn internet(&self) -> Internet {
        Internet { relays: vec![self.relay()], ..Internet::default() }
    }

    pub async fn stop(self) {
        self.server.shutdown().await.unwrap();
    }
}
