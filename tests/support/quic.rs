//! The hostile end's connections over the internet: what a relay of Caiman's own kind does for it otherwise. A sender has one
//! endpoint, under the key of its code's room, which it also names as that of its session. A receiver calls with one of its own.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use caiman::{
    code::CodePhrase,
    crypto::{DirectKey, Nonces, ReconnectKey, Side, meeting_key::meeting_key},
    engine::Internet,
    net::{
        self,
        internet::{Endpoint, QuicConnection, QuicStream, Reveal, public_key},
    },
    protocol::{
        frame,
        peer::{
            DirectAnswer, DirectHello, DirectProof, DirectPurpose, EndpointId, MAX_HANDSHAKE, OnlineFirst,
        },
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::mpsc,
    time::{sleep, timeout},
};

use super::within;

/// How long what was written last may take to arrive once the hostile end has left.
const LAST_WORD: Duration = Duration::from_secs(2);

/// An endpoint that is closed once nothing uses it any more.
pub struct HostileEndpoint(Endpoint);

impl HostileEndpoint {
    /// An endpoint of a receiver, or the one of a sender under the key of its code's room.
    pub async fn bind(iroh: SocketAddr, room: Option<&CodePhrase>) -> Arc<Self> {
        let internet =
            Internet { relays: vec![format!("http://{iroh}").parse().unwrap()], ..Internet::default() };
        let endpoint = match room {
            Some(code) => {
                let endpoint = Endpoint::bind(&internet, Some(&key(code).await), Reveal::Nothing).await;
                let endpoint = endpoint.unwrap();
                within("an iroh relay", endpoint.online()).await;
                endpoint
            }
            None => Endpoint::bind(&internet, None, Reveal::Nothing).await.unwrap(),
        };
        Arc::new(Self(endpoint))
    }

    pub fn id(&self) -> EndpointId {
        self.0.id()
    }

    /// Waits for a receiver, and tells it `first`.
    pub async fn greet(self: &Arc<Self>, first: &[u8]) -> OnlineStream {
        let connection = loop {
            let incoming = self.0.accept().await.unwrap();
            if let Some(connection) = incoming.complete().await {
                break connection;
            }
        };
        let mut stream = connection.open().await.unwrap();
        net::io::write(&mut stream, &OnlineFirst { first: first.to_vec() }).await.unwrap();
        self.own(stream)
    }

    /// Calls the sender that waits under `code`, and hears what it says first.
    pub async fn join(self: &Arc<Self>, code: &CodePhrase) -> (OnlineStream, Vec<u8>) {
        let id = public_key(&key(code).await);
        let connection = self.call(id).await;
        let mut stream = within("a sender's greeting", connection.accept()).await.unwrap();
        let OnlineFirst { first } =
            within("a sender's greeting", net::io::read(&mut stream, MAX_HANDSHAKE)).await.unwrap();
        (self.own(stream), first)
    }

    /// Connects to the endpoint `id`.
    pub async fn call(&self, id: EndpointId) -> QuicConnection {
        within("a call over the internet", async {
            loop {
                if let Ok(connection) = self.0.connect(id, |_| true).await {
                    return connection;
                }
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    /// Serves all who call this sender's endpoint and prove that they belong to the session with this key. Their streams come with
    /// what they are for, except those on which only a way was to be found out.
    pub fn serve(&self, key: &ReconnectKey) -> mpsc::UnboundedReceiver<(DirectPurpose, QuicStream)> {
        let (proven, streams) = mpsc::unbounded_channel();
        let (endpoint, key) = (self.0.clone(), Arc::new(key.direct()));
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let (proven, key) = (proven.clone(), Arc::clone(&key));
                tokio::spawn(async move {
                    let Some(connection) = incoming.complete().await else { return };
                    while let Ok(mut stream) = connection.accept().await {
                        if let Some(purpose) = hear_proof(&mut stream, &key).await
                            && purpose != DirectPurpose::Probe
                        {
                            // A test that has seen enough has dropped its end.
                            let _ = proven.send((purpose, stream));
                        }
                    }
                });
            }
        });
        streams
    }

    /// A stream that keeps this endpoint until it has ended.
    pub fn own(self: &Arc<Self>, stream: QuicStream) -> OnlineStream {
        OnlineStream(Some((stream, Arc::clone(self))))
    }
}

impl Drop for HostileEndpoint {
    fn drop(&mut self) {
        let endpoint = self.0.clone();
        tokio::spawn(async move { endpoint.close().await });
    }
}

/// A stream that ends as a TCP connection does when it is dropped: what was written still arrives.
pub struct OnlineStream(Option<(QuicStream, Arc<HostileEndpoint>)>);

impl OnlineStream {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut QuicStream> {
        Pin::new(&mut self.get_mut().0.as_mut().expect("taken when it is dropped").0)
    }
}

impl Drop for OnlineStream {
    fn drop(&mut self) {
        let Some((mut stream, endpoint)) = self.0.take() else { return };
        tokio::spawn(async move {
            let _ = stream.shutdown().await;
            let mut sink = [0; 4096];
            let ended = async { while stream.read(&mut sink).await.is_ok_and(|read| read > 0) {} };
            let _ = timeout(LAST_WORD, ended).await;
            drop(endpoint);
        });
    }
}

impl AsyncRead for OnlineStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl AsyncWrite for OnlineStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.stream().poll_write(context, buffer)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

/// A receiver's stream for `purpose`, on which both ends have proven who they are.
pub async fn call_for(connection: &QuicConnection, key: &DirectKey, purpose: DirectPurpose) -> QuicStream {
    let mut stream = connection.open().await.unwrap();
    let hello = DirectHello { purpose, nonce: ReconnectKey::nonce().unwrap() };
    net::io::write_padded(&mut stream, &hello).await.unwrap();
    let DirectAnswer { nonce, tag } =
        within("a proof", net::io::read_padded(&mut stream, MAX_HANDSHAKE)).await.unwrap();
    let (nonces, encoded) = (Nonces { sender: nonce, receiver: hello.nonce }, frame::to_bytes(&purpose));
    key.check(Side::Sender, &nonces, &encoded, &tag).unwrap();
    let tag = key.prove(Side::Receiver, &nonces, &encoded);
    net::io::write(&mut stream, &DirectProof { tag }).await.unwrap();
    stream
}

/// Proves to a receiver that has called who this sender is, and has it prove the same. Returns what the stream is for.
async fn hear_proof(stream: &mut QuicStream, key: &DirectKey) -> Option<DirectPurpose> {
    let DirectHello { purpose, nonce } = net::io::read_padded(stream, MAX_HANDSHAKE).await.ok()?;
    let (nonces, encoded) =
        (Nonces { sender: ReconnectKey::nonce().unwrap(), receiver: nonce }, frame::to_bytes(&purpose));
    let tag = key.prove(Side::Sender, &nonces, &encoded);
    net::io::write_padded(stream, &DirectAnswer { nonce: nonces.sender, tag }).await.ok()?;
    let DirectProof { tag } = net::io::read(stream, MAX_HANDSHAKE).await.ok()?;
    key.check(Side::Receiver, &nonces, &encoded, &tag).unwrap();
    Some(purpose)
}

/// The secret key of the code's room today.
async fn key(code: &CodePhrase) -> [u8; 32] {
    let words = code.room_words();
    let day = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / (24 * 60 * 60);
    tokio::task::spawn_blocking(move || *meeting_key(words.as_bytes(), day)).await.unwrap()
}
