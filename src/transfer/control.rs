//! The sealed control channel of a session: messages in, messages out, and proof that the other side still lives.
//!
//! [`Control::next`] writes what is queued while it waits, says that this side is alive when it has nothing else to say,
//! and gives up on a peer that has been silent for too long. It may be dropped at any await and called again, so it can
//! stand in a `select!` beside lanes and a person's decisions.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};

use super::error::{Misbehaviour, TransferError};
use crate::{
    crypto::{
        ChannelKeys, Opener, Sealer, Side,
        record::{HEADER_LEN, sealed_len},
    },
    protocol::{frame, peer::MAX_CONTROL},
};

/// A side that has said nothing for this long says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// A peer that has said nothing for this long is given up: four heartbeats.
const SILENCE: Duration = Duration::from_secs(12);
/// How long a last word may take to leave.
const LAST_WORD: Duration = Duration::from_secs(3);

/// See the module.
pub struct Control {
    stream: TcpStream,
    opener: Opener,
    sealer: Sealer,
    /// The start of the record that is being read.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    written: usize,
    heard: Instant,
    said: Instant,
    alive: Vec<u8>,
}

impl Control {
    /// Over a stream whose handshake is done. `alive` is what this side says when it has nothing to say.
    pub fn new(stream: TcpStream, keys: &ChannelKeys, side: Side, alive: &impl Serialize) -> Self {
        let now = Instant::now();
        Self {
            stream,
            opener: Opener::new(keys.sent_by(side.other()), 0, MAX_CONTROL),
            sealer: Sealer::new(keys.sent_by(side), 0),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            written: 0,
            heard: now,
            said: now,
            alive: frame::to_bytes(alive),
        }
    }

    /// Queues a message; [`Control::next`] and [`Control::finish`] write it.
    pub fn say<T: Serialize>(&mut self, message: &T) -> Result<(), TransferError> {
        self.say_bytes(&frame::to_bytes(message))
    }

    /// Bytes that are queued and not written yet.
    pub fn backlog(&self) -> usize {
        self.outgoing.len() - self.written
    }

    /// The next message. Safe to drop and call again.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, TransferError> {
        loop {
            if let Some(message) = self.open_next()? {
                return Ok(message);
            }
            let now = Instant::now();
            if now >= self.heard + SILENCE {
                return Err(TransferError::PeerSilent { seconds: SILENCE.as_secs() });
            }
            if now >= self.said + HEARTBEAT {
                let alive = self.alive.clone();
                self.say_bytes(&alive)?;
            }
            let has_backlog = self.backlog() > 0;
            let wake = (self.heard + SILENCE).min(self.said + HEARTBEAT);
            let (mut read, mut write) = self.stream.split();
            tokio::select! {
                read = read.read_buf(&mut self.incoming) => match read {
                    Ok(0) | Err(_) => return Err(TransferError::PeerLost),
                    Ok(_) => self.heard = Instant::now(),
                },
                written = write.write(&self.outgoing[self.written..]), if has_backlog => match written {
                    Ok(0) | Err(_) => return Err(TransferError::PeerLost),
                    Ok(written) => {
                        self.written += written;
                        if self.written == self.outgoing.len() {
                            self.outgoing.clear();
                            self.written = 0;
                        }
                    }
                },
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Writes what is queued, says that nothing more comes, and waits a little for the other side to close as well, so
    /// that closing doesn't destroy the last words on their way.
    pub async fn finish(mut self) {
        let last_words = async {
            self.stream.write_all(&self.outgoing[self.written..]).await?;
            self.stream.shutdown().await?;
            let mut sink = [0; 4096];
            while self.stream.read(&mut sink).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        // Whoever doesn't hear them learns from the closed connection.
        let _ = timeout(LAST_WORD, last_words).await;
    }

    fn say_bytes(&mut self, message: &[u8]) -> Result<(), TransferError> {
        let record = self.sealer.seal_message(message).map_err(|_| {
            TransferError::Unsuited(
                "this system gives no random numbers; nothing can be encrypted".to_owned(),
            )
        })?;
        self.outgoing.extend_from_slice(&record);
        self.said = Instant::now();
        Ok(())
    }

    fn open_next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TransferError> {
        let Some((header, rest)) = self.incoming.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(None);
        };
        let header = *header;
        let due = self.opener.begin(&header).map_err(|_| Misbehaviour::Record)?;
        let Some(record) = rest.get_mut(..due.rest) else {
            let missing = due.rest - rest.len();
            self.incoming.reserve(missing.min(sealed_len(MAX_CONTROL)));
            return Ok(None);
        };
        let plaintext = self.opener.open(&header, record).map_err(|_| Misbehaviour::Record)?;
        let message = frame::from_bytes(plaintext).map_err(Misbehaviour::Frame)?;
        self.incoming.drain(..HEADER_LEN + due.rest);
        Ok(Some(message))
    }
}
