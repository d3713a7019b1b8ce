//! TCP sockets as this program wants them: on every address, without delay for small messages, and with an eye on
//! whether the other end is still there.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

const BACKLOG: i32 = 1024;
/// Silence on a connection after which the system asks whether the other end is there.
const KEEPALIVE: Duration = Duration::from_secs(10);

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
    // Elsewhere than on Windows this only lets a restarted program have its port back at once; there it would let two
    // programs share it.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connects, within `limit`.
pub async fn connect(address: SocketAddr, limit: Duration) -> io::Result<TcpStream> {
    let stream = timeout(limit, TcpStream::connect(address)).await??;
    prepare(&stream)?;
    Ok(stream)
}

/// Small messages go out at once, and the system notices an end that is gone without a word.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    keep_alive(stream, KEEPALIVE)
}

/// Has the system notice that the other end is gone without a word: after `time` of silence, and about as long again.
pub fn keep_alive(stream: &TcpStream, time: Duration) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(time).with_interval(time.div_f32(2.0).max(Duration::from_secs(1)));
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    let keepalive = keepalive.with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}
