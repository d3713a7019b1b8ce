//! TCP sockets as this program needs them: listening on every address, without delay for small messages, and checking
//! whether the other end is still there.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{nat64, segments::Segments};
use crate::panics::joined;

/// Connections that the system accepts in advance. Systems lower it to their own limit.
const BACKLOG: i32 = 1024;
/// How long to leave the system alone when it has no open files or memory left for another connection.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Silence on a connection after which the system asks whether the other end is still there: well below the minutes after
/// which routers forget a connection.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long an address may take to answer before a second connection is tried beside the first. The system itself repeats its
/// question at ever longer intervals, so a network that comes back in between would have to wait for the next one.
const AGAIN: Duration = Duration::from_secs(1);
/// Bytes of a connection that the system may hold without sending them: half a block of most transfers.
#[cfg(target_os = "linux")]
const NOT_SENT_BYTES: u32 = 128 * 1024;
/// How long one of several addresses may take to answer before the next one is tried as well (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

/// Listens on `host`, or on every address: IPv6 and IPv4 on one socket, IPv4 alone where there is no IPv6.
pub fn bind(host: Option<IpAddr>, port: u16) -> io::Result<TcpListener> {
    if let Some(host) = host {
        return bind_to(SocketAddr::new(host, port));
    }
    match bind_to((Ipv6Addr::UNSPECIFIED, port).into()) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind_to((Ipv4Addr::UNSPECIFIED, port).into())
        }
        result => result,
    }
}

fn bind_to(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        socket.set_only_v6(false)?;
    }
    // This lets a restarted program have its port back at once. On Windows it would let two programs share the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connects within `limit`. Where an address is slow to answer, more than one try runs, and the first answer counts. Where there
/// is no way to an IPv4 address, it is tried through this network's gateway to IPv4, if there is one.
pub async fn connect(address: SocketAddr, limit: Duration, segments: Segments) -> io::Result<TcpStream> {
    let tried = try_address(address, limit, segments).await;
    let stream = match (tried, address) {
        (Err(error), SocketAddr::V4(v4)) if error.kind() == io::ErrorKind::NetworkUnreachable => {
            match nat64::through_gateway(v4).await {
                Some(address) => try_address(address, limit, segments).await?,
                None => return Err(error),
            }
        }
        (tried, _) => tried?,
    };
    prepare(&stream)?;
    Ok(stream)
}

async fn try_address(address: SocketAddr, limit: Duration, segments: Segments) -> io::Result<TcpStream> {
    let trying = async {
        let mut tries = JoinSet::new();
        loop {
            tries.spawn(connect_once(address, segments));
            if let Ok(Some(tried)) = timeout(AGAIN, tries.join_next()).await {
                return joined(tried);
            }
        }
    };
    timeout(limit, trying).await?
}

async fn connect_once(address: SocketAddr, segments: Segments) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    segments.apply(&socket);
    socket.connect(address).await
}

/// Why no connection came about.
#[derive(Debug)]
pub enum ConnectError {
    /// The name could not be turned into an address.
    NoSuchHost(io::Error),
    /// No address answered, or the name service didn't.
    Unreachable(io::Error),
}

/// Connects to the address that answers first, `known` or one that `looked_up` brings: an address that no longer works must not
/// hold up one that does, and a silent name service must not hold up a known address. Where nothing answers, the last failure
/// counts.
pub async fn connect_to_any(
    known: Option<SocketAddr>,
    looked_up: impl Future<Output = io::Result<Vec<SocketAddr>>>,
    limit: Duration,
    segments: Segments,
) -> Result<TcpStream, ConnectError> {
    let (mut waiting, mut tries) = (VecDeque::from_iter(known), JoinSet::new());
    let no_address = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut failure = ConnectError::NoSuchHost(no_address);
    let (mut looked_up, mut is_looked_up) = (pin!(timeout(limit, looked_up)), false);
    loop {
        if let Some(address) = waiting.pop_front() {
            tries.spawn(connect(address, limit, segments));
        }
        tokio::select! {
            found = &mut looked_up, if !is_looked_up => {
                is_looked_up = true;
                match found {
                    Ok(Ok(found)) => waiting.extend(found.into_iter().filter(|found| Some(*found) != known)),
                    Ok(Err(error)) => failure = ConnectError::NoSuchHost(error),
                    Err(_) => failure = ConnectError::Unreachable(io::ErrorKind::TimedOut.into()),
                }
            }
            Some(connected) = tries.join_next() => match joined(connected) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = ConnectError::Unreachable(error),
            },
            () = sleep(STAGGER), if !waiting.is_empty() => {}
            else => return Err(failure),
        }
    }
}

/// Has small messages sent at once, and has the system notice an end that is gone without a word.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    keep_alive(stream, KEEPALIVE);
    Ok(())
}

/// Prepares a connection that carries bulk data beside other connections like it.
///
/// The system takes no more in advance than it can send soon: bytes that wait in a slow connection could have gone over
/// another one, and at the end everything waits for them.
///
/// The connection also asks for BBR. The usual congestion controls take every lost packet for a full network, and on a long
/// path that loses some packets they never get fast. A system that doesn't have BBR, doesn't allow it or was told to use another
/// congestion control keeps that.
#[cfg(target_os = "linux")]
pub fn prepare_for_bulk(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // Without it the connection works as well as before.
    let _ = socket.set_tcp_notsent_lowat(NOT_SENT_BYTES);
    let is_usual = |name: &[u8]| [&b"cubic"[..], b"reno"].contains(&name);
    let name = socket.tcp_congestion().unwrap_or_default();
    if is_usual(name.split(|byte| *byte == 0).next().unwrap_or_default()) {
        let _ = socket.set_tcp_congestion(b"bbr");
    }
}

/// Does nothing: this system offers no choice.
#[cfg(not(target_os = "linux"))]
pub fn prepare_for_bulk(_stream: &TcpStream) {}

/// Has the system notice that the other end is gone without a word: it asks after `time` of silence, and gives up after about
/// as long again. On a system that can't do this, only heartbeats notice it.
pub fn keep_alive(stream: &TcpStream, time: Duration) {
    let socket = SockRef::from(stream);
    let interval = time.div_f32(2.0).max(Duration::from_secs(1));
    let usual = TcpKeepalive::new().with_time(time).with_interval(interval);
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    if socket.set_tcp_keepalive(&usual.clone().with_retries(3)).is_ok() {
        return;
    }
    // Windows lets programs choose the number of tries only since 2017, and Wine doesn't.
    let _ = socket.set_tcp_keepalive(&usual);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Much longer than anything here takes.
    const GUARD: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn neither_a_dead_address_nor_a_silent_name_service_holds_up_an_address_that_answers() {
        let listener = bind(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let alive = listener.local_addr().unwrap();
        // An address that is reserved for documentation: nothing answers there, or the network refuses it at once.
        let dead = SocketAddr::from(([192, 0, 2, 1], 9));
        let silent = std::future::pending();
        assert!(connect_to_any(Some(alive), silent, GUARD, Segments::Usual).await.is_ok());
        let both = async { Ok(vec![dead, alive]) };
        assert!(connect_to_any(Some(dead), both, GUARD, Segments::Usual).await.is_ok());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn bbr_is_used_where_it_may_be_and_nothing_else_is_replaced() {
        let listener = bind(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
        let congestion = |stream: &TcpStream| {
            let name = SockRef::from(stream).tcp_congestion().unwrap();
            name.into_iter().take_while(|byte| *byte != 0).collect::<Vec<_>>()
        };
        for before in [&b"cubic"[..], b"reno", b"vegas"] {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let is_allowed = SockRef::from(&stream).set_tcp_congestion(b"bbr").is_ok();
            if SockRef::from(&stream).set_tcp_congestion(before).is_err() {
                continue;
            }
            prepare_for_bulk(&stream);
            let expected = if is_allowed && before != b"vegas" { &b"bbr"[..] } else { before };
            assert_eq!(congestion(&stream), expected);
        }
    }

    #[tokio::test]
    async fn where_nothing_answers_the_last_failure_is_told() {
        let closed = bind(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap().local_addr().unwrap();
        let refused =
            connect_to_any(None, async { Ok(vec![closed]) }, GUARD, Segments::Usual).await.unwrap_err();
        assert!(
            matches!(&refused, ConnectError::Unreachable(why) if why.kind() == io::ErrorKind::ConnectionRefused),
            "{refused:?}"
        );
        let nobody =
            connect_to_any(None, async { Ok(Vec::new()) }, GUARD, Segments::Usual).await.unwrap_err();
        assert!(
            matches!(&nobody, ConnectError::NoSuchHost(why) if why.kind() == io::ErrorKind::NotFound),
            "{nobody:?}"
        );
        let unknown = async { Err(io::Error::other("no such name")) };
        let unknown = connect_to_any(None, unknown, GUARD, Segments::Usual).await.unwrap_err();
        assert!(matches!(unknown, ConnectError::NoSuchHost(_)), "{unknown:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_service_that_is_silent_does_not_say_that_there_is_no_such_host() {
        let silent = connect_to_any(None, std::future::pending(), GUARD, Segments::Usual).await.unwrap_err();
        assert!(
            matches!(&silent, ConnectError::Unreachable(why) if why.kind() == io::ErrorKind::TimedOut),
            "{silent:?}"
        );
    }
}
