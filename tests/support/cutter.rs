//! [`Cutter`]: a piece of network between a client and a relay, which a test can cut, freeze and restore, and which can change
//! what passes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use caiman::{engine::RelayChoice, net::client::RelayAddress};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{noise, within};

/// The most bytes that are carried at once.
const CHUNK: usize = 16 * 1024;
/// The time between two chunks on a narrow connection.
const PAUSE: Duration = Duration::from_millis(50);

/// The state of a cutter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Each connection gets one [`CHUNK`] through in every [`PAUSE`], however many connections there are.
    Narrow,
    /// Nothing passes, and neither end is told.
    Frozen,
}

/// The ways to treat one connection alone.
#[derive(Debug, Clone)]
struct Single {
    cut: CancellationToken,
    way: watch::Sender<Way>,
}

/// How much later than the rest the first bytes of a new connection arrive.
#[derive(Debug, Clone, Copy, Default)]
struct Lateness {
    upload: Duration,
    answer: Duration,
}

/// A piece of network that stands between its clients and the relay until it is dropped.
pub struct Cutter {
    addr: SocketAddr,
    way: watch::Sender<Way>,
    /// Cut connections break at once; a new token follows for connections that come later.
    cut: watch::Sender<CancellationToken>,
    /// The connections in the order in which they came.
    each: watch::Sender<Vec<Single>>,
    /// Of 256 chunks, how many are changed.
    tampering: Arc<AtomicU8>,
    /// Whether nothing passes on connections that send large segments.
    loses_large: Arc<AtomicBool>,
    late: watch::Sender<Lateness>,
    late_uploads: watch::Sender<usize>,
    accepting: JoinHandle<()>,
}

impl Cutter {
    /// A cutter in front of the relay at `relay`.
    pub async fn before(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Its buffers are small, so that little waits in it.
        SockRef::from(&listener).set_recv_buffer_size(4 * CHUNK).unwrap();
        let addr = listener.local_addr().unwrap();
        let (way, ways) = watch::channel(Way::Open);
        let (cut, cuts) = watch::channel(CancellationToken::new());
        let each = watch::Sender::new(Vec::new());
        let known = each.clone();
        let tampering = Arc::new(AtomicU8::new(0));
        let share = Arc::clone(&tampering);
        let loses_large = Arc::new(AtomicBool::new(false));
        let loses = Arc::clone(&loses_large);
        let late = watch::Sender::new(Lateness::default());
        let late_uploads = watch::Sender::new(0);
        let (lateness, arrived) = (late.clone(), late_uploads.clone());
        let accepting = tokio::spawn(async move {
            let mut pipes = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let single = Single { cut: cuts.borrow().child_token(), way: watch::Sender::new(Way::Open) };
                known.send_modify(|each: &mut Vec<_>| each.push(single.clone()));
                if loses.load(Ordering::Relaxed) && has_large_segments(&client) {
                    single.way.send_replace(Way::Frozen);
                }
                let seed = known.borrow().len() as u64;
                let late = *lateness.borrow();
                // Only that of one connection is late, so that what comes after it overtakes it.
                lateness.send_modify(|late| late.upload = Duration::ZERO);
                pipes.spawn(pipe(
                    client,
                    relay,
                    ways.clone(),
                    single,
                    Tampering { share: Arc::clone(&share), seed },
                    (late, arrived.clone()),
                ));
            }
        });
        Self { addr, way, cut, each, tampering, loses_large, late, late_uploads, accepting }
    }

    /// The relay's address as seen from behind the cutter.
    pub fn relay(&self) -> RelayChoice {
        RelayChoice::new(RelayAddress::from_socket(self.addr))
    }

    /// Breaks every connection; new connections pass.
    pub fn cut(&self) {
        self.cut.send_replace(CancellationToken::new()).cancel();
    }

    /// Breaks one connection: 0 is the control connection, and the lanes follow.
    pub fn cut_one(&self, number: usize) {
        self.each.borrow()[number].cut.cancel();
    }

    /// Lets nothing pass over one connection from now on, and tells neither end.
    pub fn freeze_one(&self, number: usize) {
        self.each.borrow()[number].way.send_replace(Way::Frozen);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.each.borrow().len()
    }

    /// Waits until there have been more than this many connections.
    pub async fn has_more_than(&self, number: usize) {
        let mut each = self.each.subscribe();
        within("another connection", each.wait_for(|each| each.len() > number)).await.unwrap();
    }

    /// Holds each connection back on its own, as a long path that loses packets does, or stops doing so.
    pub fn narrow(&self, is_narrow: bool) {
        self.way.send_replace(if is_narrow { Way::Narrow } else { Way::Open });
    }

    /// From now on changes this many of 256 chunks on every connection: it flips a bit, drops the chunk, sends it twice or lets the
    /// next one overtake it.
    pub fn tamper(&self, share: u8) {
        self.tampering.store(share, Ordering::Relaxed);
    }

    /// From now on lets nothing pass on new connections whose segments are larger than those that every network should take.
    pub fn lose_large_packets(&self) {
        self.loses_large.store(true, Ordering::Relaxed);
    }

    /// From now on the relay's first answer on each new connection arrives that much later.
    pub fn delay_answers(&self, by: Duration) {
        self.late.send_modify(|late| late.answer = by);
    }

    /// What the client says first on the next connection arrives that much later, even if the client has left by then.
    pub fn delay_next_upload(&self, by: Duration) {
        self.late.send_modify(|late| late.upload = by);
    }

    /// Waits until a delayed upload has arrived.
    pub async fn late_upload_arrives(&self) {
        let mut arrived = self.late_uploads.subscribe();
        within("the late upload", arrived.wait_for(|count| *count > 0)).await.unwrap();
    }

    /// Lets nothing pass, on old connections or new ones, and tells neither end.
    pub fn freeze(&self) {
        self.way.send_replace(Way::Frozen);
    }

    /// Lets everything pass again. What was sent meanwhile is lost with its connections, as after a long outage of a network.
    pub fn mend(&self) {
        self.cut();
        self.way.send_replace(Way::Open);
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[cfg(unix)]
fn has_large_segments(client: &TcpStream) -> bool {
    SockRef::from(client).tcp_mss().unwrap() > 1220
}

#[cfg(not(unix))]
fn has_large_segments(_: &TcpStream) -> bool {
    false
}

/// How one connection's bytes are changed.
#[derive(Clone)]
struct Tampering {
    share: Arc<AtomicU8>,
    seed: u64,
}

async fn pipe(
    client: TcpStream,
    relay: SocketAddr,
    ways: watch::Receiver<Way>,
    single: Single,
    tampering: Tampering,
    (late, late_uploads): (Lateness, watch::Sender<usize>),
) {
    let mut ready = ways.clone();
    let both = [ways, single.way.subscribe()];
    let carrying = async {
        if ready.wait_for(|way| *way != Way::Frozen).await.is_err() {
            return;
        }
        let Ok(server) = TcpStream::connect(relay).await else { return };
        for stream in [&client, &server] {
            // Closed abruptly, like a lost connection.
            SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let back = Tampering { seed: !tampering.seed, ..tampering.clone() };
        let upload = async {
            copy(from_client, to_server, both.clone(), tampering, (late.upload, &late_uploads)).await;
        };
        let answers = watch::Sender::new(0);
        tokio::join!(upload, copy(from_server, to_client, both.clone(), back, (late.answer, &answers)));
    };
    single.cut.run_until_cancelled(carrying).await;
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut ways: [watch::Receiver<Way>; 2],
    tampering: Tampering,
    (mut late, arrived): (Duration, &watch::Sender<usize>),
) {
    let mut buffer = vec![0; CHUNK];
    let mut overtaken = Vec::new();
    let mut dice = noise(tampering.seed, CHUNK).into_iter().cycle();
    let mut throw = move || dice.next().expect("it never ends");
    loop {
        let Ok(read) = from.read(&mut buffer).await else { return };
        let is_late = !late.is_zero();
        sleep(std::mem::take(&mut late)).await;
        for way in &mut ways {
            let Ok(way) = way.wait_for(|way| *way != Way::Frozen).await.map(|way| *way) else { return };
            if way == Way::Narrow {
                sleep(PAUSE).await;
            }
        }
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        let mut bytes = buffer[..read].to_vec();
        if throw() < tampering.share.load(Ordering::Relaxed) {
            match throw() % 4 {
                0 => bytes[usize::from(throw()) * read / 256] ^= 1 << (throw() % 8),
                1 => bytes.clear(),
                2 => bytes.extend_from_within(..),
                _ => {
                    overtaken = bytes;
                    continue;
                }
            }
        }
        bytes.append(&mut overtaken);
        if to.write_all(&bytes).await.is_err() {
            return;
        }
        if is_late {
            arrived.send_modify(|count| *count += 1);
        }
    }
}
