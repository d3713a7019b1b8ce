//! Listening sockets: how one task accepts from all of them in turn.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    task::Poll,
    time::{Duration, Instant},
};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use super::reports::Reports;
use crate::net::socket::ACCEPT_PAUSE;

/// For which clients a socket listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Those of this program.
    Own,
    /// Those that have croc, at the port of this number; 0 is their control port.
    #[cfg(feature = "croc")]
    Croc(usize),
}

/// Several listening sockets as one.
pub(super) struct Listeners {
    sockets: Vec<(TcpListener, Door)>,
    next: usize,
    failures: Reports,
    started: Instant,
}

impl Listeners {
    pub(super) fn new(sockets: Vec<(TcpListener, Door)>) -> Self {
        Self { sockets, next: 0, failures: Reports::new(), started: Instant::now() }
    }

    /// The next connection on any of the sockets, which take turns. Safe to cancel.
    pub(super) async fn accept(&mut self) -> (TcpStream, SocketAddr, Door) {
        loop {
            match poll_fn(|context| self.poll_accept(context)).await {
                Ok((stream, peer, door)) => {
                    prepare(&stream);
                    return (stream, peer, door);
                }
                // The client gave up before it was its turn.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if let Some(left_out) = self.failures.next(self.started.elapsed()) {
                        tracing::warn!(%error, left_out, "connection not accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn poll_accept(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> Poll<io::Result<(TcpStream, SocketAddr, Door)>> {
        let count = self.sockets.len();
        for turn in 0..count {
            let index = (self.next + turn) % count;
            let Some((socket, door)) = self.sockets.get(index) else { continue };
            if let Poll::Ready(result) = socket.poll_accept(context) {
                self.next = index + 1;
                return Poll::Ready(result.map(|(stream, peer)| (stream, peer, *door)));
            }
        }
        Poll::Pending
    }
}

/// Has small messages sent at once, and a client that vanished without a word noticed within a minute.
fn prepare(stream: &TcpStream) {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
    #[cfg(not(windows))]
    let keepalive = keepalive.with_retries(3);
    let prepared =
        stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    // A connection that broke before it was accepted can't be prepared. Reading from it will report that.
    if let Err(error) = prepared {
        tracing::debug!(%error, "socket options not set");
    }
}
