//! One connection from its first byte to the moment it is known what it is for; `control` and `lane` take over from here.
//! One that the limits leave no place for is told so.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

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
use crate::protocol::relay::{ConnectionKind, OPENING_LEN, Refusal};

/// Serves one connection within the limits, to its end.
pub(super) async fn serve(shared: Arc<RelayState>, mut client: Client) {
    let deadline = Instant::now() + Duration::from_secs(shared.limits.hello_secs);
    let number = client.number;
    match timeout_at(deadline, read_opening(&mut client.stream)).await {
        Ok(Ok(Some(ConnectionKind::Control))) => control::serve(shared, client, deadline).await,
        Ok(Ok(Some(ConnectionKind::Lane))) => lane::serve(shared, client, deadline).await,
        // To whoever doesn't speak this protocol there is nothing to say.
        Ok(Ok(None)) => log_refusal(&shared, number, Refusal::Malformed),
        Err(_) => log_refusal(&shared, number, Refusal::TooSlow),
        Ok(Err(_)) => tracing::debug!(connection = number, "left before the opening"),
    }
}

/// Tells a connection for which the limits leave no place why, if it says soon what it is.
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

async fn read_opening(stream: &mut TcpStream) -> io::Result<Option<ConnectionKind>> {
    let mut bytes = [0; OPENING_LEN];
    stream.read_exact(&mut bytes).await?;
    Ok(ConnectionKind::from_bytes(bytes))
}
