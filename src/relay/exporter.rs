//! Answers `GET /metrics`. As much HTTP/1.1 as that takes: one small request a connection, a time limit, a few
//! connections at once.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{metrics, shared::Shared};

const MAX_REQUEST: u64 = 4096;
const MAX_SCRAPES: usize = 8;
const SCRAPE_LIMIT: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut scrapes = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = scrapes.join_next() => {}
            accepted = listener.accept(), if scrapes.len() < MAX_SCRAPES => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    scrapes.spawn(async move {
                        // A scraper that is slow or gone asks again; there is nobody to tell.
                        let _ = timeout(SCRAPE_LIMIT, answer(stream, &shared)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "metrics connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    scrapes.shutdown().await;
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut limited = (&mut stream).take(MAX_REQUEST);
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if limited.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let (status, body) = match request.split(|byte| *byte == b' ').take(2).collect::<Vec<_>>()[..] {
        [b"GET", b"/metrics"] => ("200 OK", metrics::render(shared)),
        [b"GET", _] => ("404 Not Found", "See /metrics.\n".to_owned()),
        _ => ("405 Method Not Allowed", "Only GET.\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
