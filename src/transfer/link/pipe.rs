//! A byte stream between the two peers, whatever carries it: a TCP connection or a QUIC stream in the program, memory in tests.

use std::{net::SocketAddr, pin::Pin};

use crate::net::internet::QuicStream;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A future whose type is hidden, for traits that are used as `dyn`.
pub(crate) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Anything that bytes can be read from and written to.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> ByteStream for T {}

/// One end of a connection between the two peers.
pub(crate) struct Pipe {
    /// The bytes.
    pub(crate) stream: Box<dyn ByteStream>,
    /// The network address of this end, if it has one: when this machine loses that address, the connection is dead.
    pub(crate) local: Option<SocketAddr>,
}

impl From<QuicStream> for Pipe {
    /// QUIC moves a connection to other addresses by itself, so the pipe has none that it could lose.
    fn from(stream: QuicStream) -> Self {
        Self { stream: Box::new(stream), local: None }
    }
}

impl From<TcpStream> for Pipe {
    fn from(stream: TcpStream) -> Self {
        Self { local: stream.local_addr().ok(), stream: Box::new(stream) }
    }
}
