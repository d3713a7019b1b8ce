//! One connection of the control channel, and what both sides know of all of them: which messages were said, heard and
//! confirmed.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    time::{Instant, timeout},
};

use super::pipe::{ByteStream, Pipe};
use crate::{
    crypto::{
        Side,
        kdf::{Channel, ChannelKeys},
        record::{HEADER_LEN, Opener, Sealer, sealed_len},
    },
    net::addresses,
    protocol::{frame, peer::MAX_CONTROL},
    transfer::error::{Impossible, Misbehaviour, TransferError},
};

/// What a side says when it has nothing to say.
pub(super) const HEARTBEAT_MESSAGE: &[u8] = &[];

/// How long a last word may take to leave.
const LAST_WORD: Duration = Duration::from_secs(3);

/// How often a side looks whether it still has the address that a connection began with.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What was said and heard, over all connections.
#[derive(Default)]
pub(super) struct Talk {
    /// Messages that the other side has not confirmed, the oldest first.
    pub(super) unconfirmed: VecDeque<Vec<u8>>,
    pub(super) unconfirmed_bytes: usize,
    /// How many before those it has.
    pub(super) confirmed: u64,
    pub(super) heard: u64,
    pub(super) heard_since_told: usize,
}

impl Talk {
    /// The other side has so many of this side's messages.
    pub(super) fn confirm(&mut self, heard: u64) -> Result<(), Misbehaviour> {
        let news = heard.checked_sub(self.confirmed).and_then(|news| usize::try_from(news).ok());
        let news = news.filter(|news| *news <= self.unconfirmed.len()).ok_or(Misbehaviour::Heard)?;
        for bytes in self.unconfirmed.drain(..news) {
            self.unconfirmed_bytes -= bytes.len();
        }
        self.confirmed = heard;
        Ok(())
    }
}

/// One connection.
pub(super) struct Wire {
    pub(super) reader: ReadHalf<Box<dyn ByteStream>>,
    pub(super) writer: WriteHalf<Box<dyn ByteStream>>,
    /// Its end on this machine.
    pub(super) local: Option<SocketAddr>,
    /// When that was last looked for.
    pub(super) looked: Instant,
    pub(super) opener: Opener,
    pub(super) sealer: Sealer,
    /// The start of the record that is being read.
    pub(super) incoming: Vec<u8>,
    pub(super) outgoing: Vec<u8>,
    pub(super) written: usize,
    pub(super) heard: Instant,
    pub(super) said: Instant,
    /// Whether the other side has told on this connection what it has heard on those before.
    pub(super) is_in_step: bool,
}

impl Wire {
    pub(super) fn new(pipe: Pipe, keys: &ChannelKeys, side: Side) -> Self {
        let now = Instant::now();
        let Pipe { stream, local } = pipe;
        let (reader, writer) = split(stream);
        Self {
            reader,
            writer,
            local,
            looked: now,
            opener: Opener::new(keys.sent_by(side.other()), 0, MAX_CONTROL),
            sealer: Sealer::new(keys.sent_by(side), 0),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            written: 0,
            heard: now,
            said: now,
            is_in_step: false,
        }
    }

    /// Whether this machine has no longer the address that this connection began with; looked at now and then.
    pub(super) fn has_lost_its_address(&mut self, now: Instant) -> bool {
        if now < self.looked + LOOK_EVERY {
            return false;
        }
        self.looked = now;
        self.local.is_some_and(|local| !addresses::is_ours(local))
    }

    /// Queues a record: how much was heard, then the message.
    pub(super) fn say(&mut self, heard: u64, message: &[u8]) -> Result<(), TransferError> {
        let mut plaintext = frame::to_bytes(&heard);
        plaintext.extend_from_slice(message);
        let record = self.sealer.seal_message(&plaintext).map_err(|_| Impossible::NoRandomness)?;
        self.outgoing.extend_from_slice(&record);
        self.said = Instant::now();
        Ok(())
    }

    /// Writes what is still to be said, and waits a little for the other side to close as well.
    pub(super) async fn close(mut self, talk: &Talk) {
        let last_words = async {
            if talk.heard_since_told > 0 {
                self.say(talk.heard, HEARTBEAT_MESSAGE)?;
            }
            self.writer
                .write_all(&self.outgoing[self.written..])
                .await
                .map_err(|_| TransferError::PeerLost)?;
            self.writer.shutdown().await.map_err(|_| TransferError::PeerLost)?;
            let mut sink = [0; 4096];
            while self.reader.read(&mut sink).await.is_ok_and(|read| read > 0) {}
            Ok::<_, TransferError>(())
        };
        // Whoever doesn't hear them learns from the closed connection.
        let _ = timeout(LAST_WORD, last_words).await;
    }

    /// What the next record says was heard, and its message and length, unless it is a heartbeat.
    pub(super) fn open_next<T: DeserializeOwned>(
        &mut self,
    ) -> Result<Option<(u64, Option<T>, usize)>, TransferError> {
        let Some((header, rest)) = self.incoming.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(None);
        };
        let header = *header;
        let due = self.opener.begin(&header).map_err(|_| Misbehaviour::Record)?;
        let Some(record) = rest.get_mut(..due.rest) else {
            let missing = due.rest - rest.len();
            self.incoming.reserve(missing.min(sealed_len(Channel::Metadata, MAX_CONTROL)));
            return Ok(None);
        };
        let plaintext = self.opener.open(&header, record).map_err(|_| Misbehaviour::Record)?;
        let (heard, message) = frame::split::<u64>(plaintext).map_err(Misbehaviour::Frame)?;
        let opened = if message == HEARTBEAT_MESSAGE {
            (heard, None, 0)
        } else {
            (heard, Some(frame::from_bytes(message).map_err(Misbehaviour::Frame)?), message.len())
        };
        self.incoming.drain(..HEADER_LEN + due.rest);
        Ok(Some(opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that confirms what it was never told, or takes a confirmation back, would have messages dropped or kept
    /// for ever.
    #[test]
    fn only_what_was_said_can_be_confirmed_and_nothing_is_taken_back() {
        let messages = || VecDeque::from([vec![1; 10], vec![2; 20], vec![3; 30]]);
        let mut talk =
            Talk { unconfirmed: messages(), unconfirmed_bytes: 60, confirmed: 5, ..Talk::default() };
        for refused in [4, 9, u64::MAX] {
            assert_eq!(talk.confirm(refused), Err(Misbehaviour::Heard), "{refused}");
        }
        assert_eq!((talk.unconfirmed.len(), talk.unconfirmed_bytes, talk.confirmed), (3, 60, 5));
        talk.confirm(5).unwrap();
        talk.confirm(7).unwrap();
        assert_eq!((talk.unconfirmed.front(), talk.unconfirmed_bytes), (Some(&vec![3; 30]), 30));
        assert_eq!(talk.confirm(6), Err(Misbehaviour::Heard));
        talk.confirm(8).unwrap();
        assert_eq!((talk.unconfirmed.len(), talk.unconfirmed_bytes), (0, 0));
    }
}
