//! A control connection after its opening: welcome, hello, then a room. The client that comes first hosts the room in its task,
//! and the connection of the second is handed to that task. Only a sender may come first, unless both clients have said that
//! they wait.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};

use super::{
    copy::{self, PairEnd, Traffic},
    origin::ClientOrigin,
    pair::Pair,
    quota::Holding,
    refusal::{StopReason, answer, refuse, wait_for},
    rooms::{JoinedRoom, Member, Opening},
    shared::{Client, Joiner, RelayState, RoomGuard},
};
use crate::{
    net::{
        self,
        access::{self, AccessPassword, AccessProof},
        io::ReadError,
    },
    protocol::{
        Role, VERSION, frame,
        relay::{AccessRequest, ConnectionKind, Hello, LaneToken, MAX_HELLO, Refusal, Reply, Welcome},
    },
};

/// Serves a control connection whose hello is due at `deadline`.
pub(super) async fn serve(shared: Arc<RelayState>, mut client: Client, deadline: Instant) {
    // Boxed, so that the many connections that only wait don't take the memory that greeting and copying need.
    let greeted = timeout_at(deadline, Box::pin(greet(&shared, &mut client))).await;
    let outcome = match greeted {
        Ok(Ok(hello)) if hello.role == Role::Sender && !hello.waits => {
            host(&shared, &mut client, hello).await
        }
        Ok(Ok(hello)) => match join(&shared, client, &hello) {
            Ok(()) => return,
            Err((back, refusal)) => {
                client = back;
                if hello.waits && matches!(refusal, Refusal::NoSuchRoom | Refusal::RoleTaken) {
                    host(&shared, &mut client, hello).await
                } else {
                    Err(refusal.into())
                }
            }
        },
        Ok(Err(stop)) => Err(stop),
        Err(_) => Err(Refusal::TooSlow.into()),
    };
    let refusal = match outcome {
        Ok(()) | Err(StopReason::Gone) => {
            tracing::debug!(connection = client.number, "control connection closed");
            return;
        }
        // A room that its host still holds is wiped either by draining or because the host itself has come back to it.
        Err(StopReason::Wiped) if shared.rooms().is_draining() => Refusal::Draining,
        Err(StopReason::Wiped) => Refusal::RoleTaken,
        Err(StopReason::Refused(refusal)) => refusal,
    };
    Box::pin(refuse(&shared, client, ConnectionKind::Control, refusal)).await;
}

/// Sends the welcome and returns it.
pub(super) async fn welcome(
    shared: &RelayState,
    stream: &mut TcpStream,
    peer: SocketAddr,
) -> io::Result<Welcome> {
    let welcome = Welcome {
        version: VERSION,
        features: 0,
        nonce: random()?,
        password_required: shared.password.is_some(),
        data_ports: shared.data_ports.clone(),
        observed: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
    };
    answer(stream, &[&frame::encode(&welcome)[..], &frame::PADDING].concat()).await?;
    Ok(welcome)
}

async fn greet(shared: &RelayState, client: &mut Client) -> Result<Hello, StopReason> {
    let peer = client.stream.peer_addr()?;
    let welcome = welcome(shared, &mut client.stream, peer).await?;
    let proof = match &shared.password {
        Some(password) => Some(show_password(shared, client, password, &welcome).await?),
        None => None,
    };
    let hello = match (net::io::read_bytes(&mut client.stream, MAX_HELLO).await, &proof) {
        // A client leaves here when the relay's proof shows that its password is wrong.
        (Err(ReadError::Io(_)), Some(_)) => return Err(Refusal::PasswordWrong.into()),
        (payload, _) => Hello::read(&payload?)?,
    };
    match proof {
        // Before anything that the answer could tell: beyond its allowance a client gets the same refusal for each room.
        None => shared.count_join(client)?,
        Some(proof) if proof.is_in(&hello) => {}
        Some(_) => return Err(Refusal::PasswordWrong.into()),
    }
    check_sender(shared, &hello)?;
    Ok(hello)
}

/// Shows a client that asks for it that this relay knows its password, and returns what the client's hello has to prove. This
/// counts as a hello does, because the answer is enough to check a guess.
async fn show_password(
    shared: &RelayState,
    client: &mut Client,
    password: &AccessPassword,
    welcome: &Welcome,
) -> Result<AccessProof, StopReason> {
    let payload = net::io::read_bytes(&mut client.stream, MAX_HELLO).await?;
    shared.count_join(client)?;
    let request = match frame::from_bytes(&payload) {
        Ok(request @ AccessRequest { version: VERSION, .. }) => request,
        Ok(_) => return Err(Refusal::Version(VERSION).into()),
        // A client that doesn't ask for the relay's proof says hello at once.
        Err(_) => {
            return Err(Hello::read(&payload).map_or_else(|why| why, |_| Refusal::PasswordRequired).into());
        }
    };
    let (reply, proof) = access::answer(password, welcome, &request).ok_or(Refusal::Malformed)?;
    answer(&mut client.stream, &frame::encode(&reply)).await?;
    Ok(proof)
}

/// Refuses a stranger that wants to be a sender at a relay which has one already. It learns nothing of any room.
fn check_sender(shared: &RelayState, hello: &Hello) -> Result<(), Refusal> {
    let is_stranger = shared.sender_key.as_ref().is_some_and(|key| !key.has_drawn(&hello.client_token));
    if is_stranger && hello.role == Role::Sender { Err(Refusal::OtherSender) } else { Ok(()) }
}

/// Hands a connection to the task of the client that waits, or gives it back with the reason.
fn join(shared: &Arc<RelayState>, client: Client, hello: &Hello) -> Result<(), (Client, Refusal)> {
    // Clients that wait for each other know the room from a shared secret, which isn't guessed.
    let tried_by = (!hello.waits).then(|| client.origin());
    let pair = Arc::new(shared.new_pair(tried_by));
    let entered = random().map_err(|_| Refusal::OutOfMemory).and_then(|bytes| {
        let token = LaneToken(bytes);
        Ok((enter(shared, hello, tried_by, token, &pair)?, token))
    });
    match entered {
        Ok((joined, token)) => joined
            .mailbox
            .send(Joiner { client, token, pair, firsts: (joined.first, hello.first.clone()) })
            .map_err(|joiner| (joiner.client, Refusal::NoSuchRoom)),
        Err(refusal) => Err((client, refusal)),
    }
}

/// Enters a room as the second client. `tried_by` is the client if this counts as a try, until the host trusts it.
fn enter(
    shared: &RelayState,
    hello: &Hello,
    tried_by: Option<ClientOrigin>,
    token: LaneToken,
    pair: &Arc<Pair>,
) -> Result<JoinedRoom<oneshot::Sender<Joiner>>, Refusal> {
    if let Some(origin) = tried_by {
        shared.count_try(origin)?;
    }
    let joined = shared.rooms().join(member(hello), hello.waits, token, Arc::clone(pair));
    if let (Err(_), Some(origin)) = (&joined, tried_by) {
        shared.give_back_try(origin);
    }
    joined
}

fn member(hello: &Hello) -> Member {
    Member { room: hello.room, role: hello.role, client_token: hello.client_token }
}

/// Opens a room, waits in it, and once the other client is there copies until one of them leaves.
async fn host(shared: &Arc<RelayState>, client: &mut Client, hello: Hello) -> Result<(), StopReason> {
    let (mailbox, mut arrivals) = oneshot::channel();
    let (member, waits) = (member(&hello), hello.waits);
    let mut room = shared.open_room(client, Opening { member, waits, first: hello.first, mailbox })?;
    match wait_in_room(shared, client, &mut arrivals).await {
        Ok(joiner) => Box::pin(copy_pair(shared, client, joiner, room)).await,
        Err(stop) => {
            room.wipe();
            // Another client may have joined at the same moment.
            if let Ok(joiner) = arrivals.try_recv() {
                Box::pin(refuse(shared, joiner.client, ConnectionKind::Control, Refusal::NoSuchRoom)).await;
            }
            Err(stop)
        }
    }
}

async fn wait_in_room(
    shared: &RelayState,
    client: &mut Client,
    arrivals: &mut oneshot::Receiver<Joiner>,
) -> Result<Joiner, StopReason> {
    let waiting = frame::encode(&Reply::Waiting);
    Box::pin(answer(&mut client.stream, &waiting)).await?;
    tracing::debug!(connection = client.number, "waits");
    let limit = Duration::from_secs(shared.limits.wait_secs);
    timeout(limit, wait_for(&client.stream, arrivals)).await.unwrap_or(Err(Refusal::TooSlow.into()))
}

async fn copy_pair(
    shared: &Arc<RelayState>,
    client: &mut Client,
    joiner: Joiner,
    mut room: RoomGuard,
) -> Result<(), StopReason> {
    let Joiner { client: mut other, token, pair, firsts: (first, joiners) } = joiner;
    // Reserved for as long as the pair is there, so that the two can always hear each other.
    let told = match shared.admit(client.origin(), Holding::Memory(copy::CONTROL_PAIR_BYTES)) {
        Ok(memory) => {
            let paired = frame::encode(&Reply::Paired { token, first: joiners });
            answer(&mut client.stream, &paired).await.map(|()| memory).map_err(|_| Refusal::NoSuchRoom)
        }
        Err(refusal) => Err(refusal),
    };
    let _memory = match told {
        Ok(memory) => memory,
        Err(refusal) => {
            room.wipe();
            refuse(shared, other, ConnectionKind::Control, refusal).await;
            return Err(if refusal == Refusal::NoSuchRoom { StopReason::Gone } else { refusal.into() });
        }
    };
    answer(&mut other.stream, &frame::encode(&Reply::Paired { token, first })).await?;
    shared.counters.pairings.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(connection = client.number, other = other.number, "paired");
    let left = || room.wipe();
    let end = copy::both_ways(shared, &pair, Traffic::Control, client, &other, left).await;
    if end == PairEnd::Idle {
        shared.counters.idle_closes.fetch_add(1, Ordering::Relaxed);
    }
    tracing::debug!(connection = client.number, other = other.number, ?end, "pair ended");
    // Wiped before the connections close, so that a client that sees the end finds the room gone.
    drop(room);
    Ok(())
}

/// Bytes from the operating system's generator.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            tracing::error!(%error, "the system gives no random bytes");
            Err(io::Error::other(error.to_string()))
        }
    }
}
