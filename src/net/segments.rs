//! Networks on which large packets get lost and small ones arrive: a tunnel or a line on the way takes smaller packets than its
//! ends, and a firewall drops the message that would tell them so. Connections come about there, and then stand still with the
//! first full packet.
//!
//! What the two ends of a connection say to each other first is long enough to fill a packet (`protocol::frame::PADDING`). If no
//! answer comes, [`LargePackets`] tries the same over a connection with small segments. Where that helps, later connections have
//! them from the start.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// Bytes of a small segment. With its headers it fits into the 1280 bytes that every network with IPv6 has to carry, and that
/// tunnels choose.
#[cfg(unix)]
const SMALL_SEGMENT: u32 = 1200;
/// How long the first exchange on a connection may take before it is tried with small segments beside it: several round trips
/// over a satellite, for two packets each way.
const LARGE_LIMIT: Duration = Duration::from_secs(2);

/// How much a connection puts into one packet, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segments {
    /// As much as this machine's network takes.
    Usual,
    /// No more than every network should take.
    Small,
}

impl Segments {
    /// Applies to a socket that is about to connect. The connection tells its other end, which then sends no larger ones either.
    /// Windows leaves programs no choice; it finds out by itself where large packets get lost.
    pub(super) fn apply(self, socket: &TcpSocket) {
        #[cfg(unix)]
        if self == Self::Small {
            // Without it the connection works as well as the usual one.
            let _ = SockRef::from(socket).set_tcp_mss(SMALL_SEGMENT);
        }
        #[cfg(not(unix))]
        let _ = (self, SockRef::from(socket));
    }
}

/// What is known of large packets on the way to one place. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct LargePackets(Arc<AtomicBool>);

impl LargePackets {
    /// Whether large packets have been found to get lost.
    pub fn are_lost(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// How connections to this place are to be made.
    pub fn segments(&self) -> Segments {
        if self.are_lost() { Segments::Small } else { Segments::Usual }
    }

    /// Connects, and has both ends say what comes first, which has to be padded. Where the usual connection brings no answer, another
    /// with small segments is tried beside it, and the first answer counts. What is said on the other may still arrive, at any time,
    /// so it must not change anything at the other end.
    pub async fn exchange<T, E, C, X>(
        &self,
        connect: impl Fn(Segments) -> C,
        exchange: impl Fn(TcpStream) -> X,
    ) -> Result<T, E>
    where
        C: Future<Output = Result<TcpStream, E>>,
        X: Future<Output = Result<T, E>>,
    {
        let stream = connect(self.segments()).await?;
        let mut usual = pin!(exchange(stream));
        if self.are_lost() || cfg!(not(unix)) {
            return usual.await;
        }
        if let Ok(answered) = timeout(LARGE_LIMIT, &mut usual).await {
            return answered;
        }
        let mut small = pin!(async { exchange(connect(Segments::Small).await?).await });
        tokio::select! {
            answered = &mut usual => match answered {
                Ok(answered) => return Ok(answered),
                Err(_) => small.await,
            },
            answered = &mut small => match answered {
                Ok(answered) => Ok(answered),
                Err(_) => return usual.await,
            },
        }
        .inspect(|_| self.0.store(true, Ordering::Relaxed))
    }
}

/// What is known of a network is no part of what it is known for.
impl PartialEq for LargePackets {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{io, net::SocketAddr};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinSet,
    };

    use super::*;
    use crate::net::socket;

    /// A place to which only small segments get.
    fn narrow_place() -> (SocketAddr, JoinSet<()>) {
        let listener = socket::bind(Some([127, 0, 0, 1].into()), 0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut lost = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                if SockRef::from(&stream).tcp_mss().unwrap() > SMALL_SEGMENT {
                    lost.push(stream);
                } else {
                    stream.write_all(b"!").await.unwrap();
                }
            }
        });
        (address, tasks)
    }

    async fn reached(known: &LargePackets, address: SocketAddr) -> io::Result<u8> {
        let connect = async |segments: Segments| {
            let socket = TcpSocket::new_v4()?;
            segments.apply(&socket);
            socket.connect(address).await
        };
        known.exchange(connect, async |mut stream: TcpStream| stream.read_u8().await).await
    }

    #[tokio::test(start_paused = true)]
    async fn where_large_segments_get_no_answer_small_ones_are_tried_and_remembered() {
        let (address, _tasks) = narrow_place();
        let known = LargePackets::default();
        assert_eq!((reached(&known, address).await.unwrap(), known.are_lost()), (b'!', true));
        // From then on it takes no time.
        let again = timeout(Duration::from_nanos(1), reached(&known, address));
        assert!(again.await.is_ok_and(|answer| answer.is_ok()));
    }

    #[tokio::test]
    async fn a_place_that_answers_or_refuses_says_nothing_of_large_segments() {
        let listener = socket::bind(Some([127, 0, 0, 1].into()), 0).unwrap();
        let address = listener.local_addr().unwrap();
        let known = LargePackets::default();
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(SockRef::from(&stream).tcp_mss().unwrap() > SMALL_SEGMENT);
            stream.write_all(b"!").await.unwrap();
        };
        let (answer, ()) = tokio::join!(reached(&known, address), answer);
        assert_eq!(answer.unwrap(), b'!');
        drop(listener);
        assert!(reached(&known, address).await.is_err());
        assert!(!known.are_lost());
    }
}
