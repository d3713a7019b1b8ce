//! [`Wiretap`]: a listener between clients and a relay, which keeps every byte that passes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Everything that passes between the two sides and a relay goes through here, and is kept.
pub struct Wiretap {
    pub addr: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Wiretap {
    /// A listener in front of the relay at `relay`.
    pub async fn before(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(relay).await else { return };
                    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                        (client.split(), server.split());
                    let there = listen(&mut from_client, &mut to_server, &kept);
                    let back = listen(&mut from_server, &mut to_client, &kept);
                    tokio::join!(there, back);
                });
            }
        });
        Self { addr, heard }
    }

    /// How many bytes have passed.
    pub fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    /// Whether these bytes stand somewhere in what has passed.
    pub fn tells(&self, secret: &[u8]) -> bool {
        self.heard.lock().unwrap().windows(secret.len()).any(|part| part == secret)
    }
}

async fn listen(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    kept: &Mutex<Vec<u8>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.lock().unwrap().extend_from_slice(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
