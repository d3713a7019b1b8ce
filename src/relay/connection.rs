//! One connection from its first byte until it has said what it is for; then `control` or `lane` takes over. A connection that
//! is over the limits is told so.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use super::{
    control, lane,
    refusal::{ANSWER_LIMIT, LINGER, linger, log_refusal, tell},
    shared::{Client, RelayState},
};
use crate::{
    net::io,
    protocol::relay::{ConnectionKind, OPENING_LEN, Refusal},
};

/// Serves a connection that is within the limits, to its end.
pub(super) async fn serve(shared: Arc<RelayState>, mut client: Client) {
    let deadline = Instant::now() + Duration::from_secs(shared.limits.hello_secs);
    let number = client.number;
    match timeout_at(deadline, read_opening(&mut client.stream)).await {
        Ok(Ok(Some(ConnectionKind::Control))) => control::serve(shared, client, deadline).await,
        Ok(Ok(Some(ConnectionKind::Lane))) => lane::serve(shared, client, deadline).await,
        // A client that doesn't speak this protocol gets no answer.
        Ok(Ok(None)) => log_refusal(&shared, number, Refusal::Malformed),
        Err(_) => log_refusal(&shared, number, Refusal::TooSlow),
        Ok(Err(_)) => tracing::debug!(connection = number, "left before the opening"),
    }
}

/// Tells a connection that is over the limits why it is refused, if it soon says which kind it is.
pub(super) async fn turn_away(
    shared: Arc<RelayState>,
    mut stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    refusal: Refusal,
) {
    log_refusal(&shared, number, refusal);
    let Ok(Ok(Some(kind))) = timeout(LINGER, read_opening(&mut stream)).await else { return };
    let told = async {
        if kind == ConnectionKind::Control {
            control::welcome(&shared, &mut stream, peer).await?;
        }
        tell(&mut stream, kind, refusal).await
    };
    if let Ok(Ok(())) = timeout(ANSWER_LIMIT, told).await {
        linger(&mut stream).await;
    }
}

async fn read_opening(stream: &mut TcpStream) -> std::io::Result<Option<ConnectionKind>> {
    let mut bytes = [0; OPENING_LEN];
    stream.read_exact(&mut bytes).await?;
    let kind = ConnectionKind::from_bytes(bytes);
    if kind == Some(ConnectionKind::Control) {
        io::skip_padding(stream).await?;
    }
    Ok(kind)
}
