//! One connection of the control channel, and what is counted over all of its connections: which messages were said, heard
//! and confirmed.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    time::{Instant, timeout},
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    forgeries::Forgeries,
    pipe::{ByteStream, Pipe},
};
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

/// The message in a heartbeat: an empty one. The record around it still says how many messages its author has heard.
pub(super) const HEARTBEAT_MESSAGE: &[u8] = &[];

/// The most bytes that the number of heard messages takes in a record.
const MAX_HEARD_BYTES: usize = 10;

/// How long the last records of a connection may take to leave, with the other side closing it as well: a few round trips,
/// while the user waits for the end.
const LAST_WORD: Duration = Duration::from_secs(3);

/// How often a side checks whether its machine still has the address that the connection began with: often enough to
/// reconnect at once after a change of network, and rare enough to cost nothing.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The messages that were said and heard over all connections of a control channel.
#[derive(Default)]
pub(super) struct Talk {
    /// The messages that the other side has not confirmed, the oldest first.
    pub(super) unconfirmed: VecDeque<Zeroizing<Vec<u8>>>,
    pub(super) unconfirmed_bytes: usize,
    /// How many of this side's messages the other side has confirmed.
    pub(super) confirmed: u64,
    /// How many of the other side's messages this side has heard.
    pub(super) heard: u64,
    /// Bytes of messages that this side has heard and not confirmed yet.
    pub(super) heard_since_told: usize,
}

impl Talk {
    /// Forgets the messages that are now confirmed, when the other side says that it has heard `heard` messages in all.
    ///
    /// # Errors
    ///
    /// [`Misbehaviour::Heard`] if that is fewer than it has confirmed before, or more than were said.
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

/// One connection of a control channel.
pub(super) struct Wire {
    pub(super) reader: ReadHalf<Box<dyn ByteStream>>,
    pub(super) writer: WriteHalf<Box<dyn ByteStream>>,
    /// The network address of this machine's end, if it has one.
    pub(super) local: Option<SocketAddr>,
    /// When this side last checked whether its machine still has that address.
    pub(super) looked: Instant,
    pub(super) opener: Opener,
    pub(super) sealer: Sealer,
    /// Bytes that have come and were not opened yet.
    pub(super) incoming: Vec<u8>,
    /// Records that are to be written.
    pub(super) outgoing: Vec<u8>,
    /// How many bytes of `outgoing` are written already.
    pub(super) written: usize,
    /// When bytes last came from the other side.
    pub(super) heard: Instant,
    /// When this side last queued a record.
    pub(super) said: Instant,
    /// Whether the other side has said on this connection what it had heard on those before, so that messages can go out
    /// again.
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

    /// Whether this machine no longer has the address that this connection began with. That is checked every
    /// [`LOOK_EVERY`]; in between, the answer is `false`.
    pub(super) fn has_lost_its_address(&mut self, now: Instant) -> bool {
        if now < self.looked + LOOK_EVERY {
            return false;
        }
        self.looked = now;
        self.local.is_some_and(|local| !addresses::is_ours(local))
    }

    /// Queues a record with the number of messages that this side has heard, and then the message.
    pub(super) fn say(&mut self, heard: u64, message: &[u8]) -> Result<(), TransferError> {
        // Sized once, so that no reallocation leaves an unwiped copy behind.
        let mut plaintext = Zeroizing::new(Vec::with_capacity(MAX_HEARD_BYTES + message.len()));
        plaintext.extend_from_slice(&frame::to_bytes(&heard));
        plaintext.extend_from_slice(message);
        let record = self.sealer.seal_message(&plaintext).map_err(|_| Impossible::NoRandomness)?;
        self.outgoing.extend_from_slice(&record);
        self.said = Instant::now();
        Ok(())
    }

    /// Frees the memory of what is written, once that is all of it or much of it: a peer that reads slowly must not make
    /// it grow.
    pub(super) fn forget_written(&mut self) {
        if self.written == self.outgoing.len() || self.written >= MAX_CONTROL {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
    }

    /// Writes what is queued and a last confirmation if one is due, then closes this side of the connection. Waits a little
    /// for the other side to close it as well.
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
        // If these records don't arrive, the other side still notices that the connection has closed.
        let _ = timeout(LAST_WORD, last_words).await;
    }

    /// Opens the next record, if all of it has come. Returns how many messages the other side has heard, the message, and
    /// the message's length in bytes. A heartbeat has no message. A record that was changed on its way is a `PeerLost`, after
    /// which the connection is of no use.
    pub(super) fn open_next<T: DeserializeOwned>(
        &mut self,
        forgeries: &Forgeries,
    ) -> Result<Option<(u64, Option<T>, usize)>, TransferError> {
        let Some((header, rest)) = self.incoming.split_first_chunk_mut::<HEADER_LEN>() else {
            return Ok(None);
        };
        let header = *header;
        let due = self.opener.begin(&header).map_err(|error| forgeries.judge(error))?;
        let Some(record) = rest.get_mut(..due.rest) else {
            let missing = due.rest - rest.len();
            self.incoming.reserve(missing.min(sealed_len(Channel::Metadata, MAX_CONTROL)));
            return Ok(None);
        };
        let plaintext = self.opener.open(&header, record).map_err(|error| forgeries.judge(error))?;
        let (heard, message) = frame::split::<u64>(plaintext).map_err(Misbehaviour::Frame)?;
        let opened = if message == HEARTBEAT_MESSAGE {
            (heard, None, 0)
        } else {
            (heard, Some(frame::from_bytes(message).map_err(Misbehaviour::Frame)?), message.len())
        };
        // What is read from the connection next would not overwrite all of it.
        self.incoming[..HEADER_LEN + due.rest].zeroize();
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
        let messages = || VecDeque::from([vec![1; 10], vec![2; 20], vec![3; 30]].map(Zeroizing::new));
        let mut talk =
            Talk { unconfirmed: messages(), unconfirmed_bytes: 60, confirmed: 5, ..Talk::default() };
        for refused in [4, 9, u64::MAX] {
            assert_eq!(talk.confirm(refused), Err(Misbehaviour::Heard), "{refused}");
        }
        assert_eq!((talk.unconfirmed.len(), talk.unconfirmed_bytes, talk.confirmed), (3, 60, 5));
        talk.confirm(5).unwrap();
        talk.confirm(7).unwrap();
        assert_eq!(
            (talk.unconfirmed.front(), talk.unconfirmed_bytes),
            (Some(&Zeroizing::new(vec![3; 30])), 30)
        );
        assert_eq!(talk.confirm(6), Err(Misbehaviour::Heard));
        talk.confirm(8).unwrap();
        assert_eq!((talk.unconfirmed.len(), talk.unconfirmed_bytes), (0, 0));
    }
}
