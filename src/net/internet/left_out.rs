//! Stands for [`endpoint`](super) in a program that is built without the feature `internet`: there is never an endpoint.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Internet, IrohCheck, IrohCheckError, IrohRelay, Reveal};
use crate::{net::proxy::ProxyChoice, protocol::peer::EndpointId};

/// Never there.
#[derive(Clone, Debug)]
pub struct Endpoint(Infallible);

/// Never there.
#[derive(Clone, Debug)]
pub struct QuicConnection(Infallible);

/// Never there.
pub struct Incoming(Infallible);

/// Never there.
pub struct QuicStream(Infallible);

#[expect(clippy::unused_async, reason = "the same functions as where the feature is built in")]
impl Endpoint {
    /// Always fails.
    pub async fn bind(_: &Internet, _: Option<&[u8; 32]>, _: Reveal) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called.
    pub fn id(&self) -> EndpointId {
        match self.0 {}
    }

    /// Never called.
    pub fn relay(&self) -> Option<String> {
        match self.0 {}
    }

    /// Never called.
    pub async fn online(&self) {
        match self.0 {}
    }

    /// Never called.
    pub async fn accept(&self) -> Option<Incoming> {
        match self.0 {}
    }

    /// Never called.
    pub async fn connect(&self, _: EndpointId, _: impl Fn(&str) -> bool) -> io::Result<QuicConnection> {
        match self.0 {}
    }

    /// Never called.
    pub async fn close(&self) {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "the same functions as where the feature is built in")]
impl Incoming {
    /// Never called.
    pub async fn complete(self) -> Option<QuicConnection> {
        match self.0 {}
    }

    /// Never called.
    pub fn ignore(self) {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "the same functions as where the feature is built in")]
impl QuicConnection {
    /// Never called.
    pub fn peer(&self) -> EndpointId {
        match self.0 {}
    }

    /// Never called.
    pub async fn open(&self) -> io::Result<QuicStream> {
        match self.0 {}
    }

    /// Never called.
    pub async fn accept(&self) -> io::Result<QuicStream> {
        match self.0 {}
    }

    /// Never called.
    pub fn is_direct(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn round_trip(&self) -> Option<Duration> {
        match self.0 {}
    }

    /// Never called.
    pub fn relay(&self) -> Option<String> {
        match self.0 {}
    }

    /// Never called.
    pub fn is_open(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub async fn closed(&self) {
        match self.0 {}
    }

    /// Never called.
    pub fn close(&self) {
        match self.0 {}
    }
}

#[expect(clippy::unused_async, reason = "the same functions as where the feature is built in")]
impl QuicStream {
    /// Never called.
    pub async fn linger(self) {
        match self.0 {}
    }
}

impl AsyncRead for QuicStream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl AsyncWrite for QuicStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

/// Always fails.
pub async fn probe(_: &IrohRelay, _: ProxyChoice) -> Result<IrohCheck, IrohCheckError> {
    Err(io::Error::from(io::ErrorKind::Unsupported).into())
}

/// No key at all.
pub fn public_key(_: &[u8; 32]) -> EndpointId {
    EndpointId([0; 32])
}
