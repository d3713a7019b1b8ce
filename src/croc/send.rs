//! A transfer as the sender, step by step: the wait in the code's room, the proof of the code, the list, whatever the receiver asks
//! for, the farewell. The caller decides what is offered, and where the bytes come from.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{
    channel::MAX_MESSAGE,
    chunks::{self, ChunkError},
    client::InRoom,
    code::Version,
    control::{CodeMeeting, CrocControl, secure_sender},
    error::CrocError,
    feed::{self, ChunkSource, FileJob, SharedJob},
    frame::KEEP_ALIVE,
    lanes::{self, Dial, LaneOrder},
    link::{FrameStream, Link},
    manifest::CrocList,
    message::{Message, Request},
    probe::SenderAddresses,
    receive::{IDLE_LIMIT, told_address},
};

/// How long nothing may come in a room, not even a keep-alive: a relay sends one each second while the sender is alone.
const QUIET_LIMIT: Duration = Duration::from_secs(30);
/// How long a receiver that has said something may take until the channel is sealed.
const HANDSHAKE_LIMIT: Duration = Duration::from_mins(1);
/// How long the receiver may take for its part of a step.
const STEP_LIMIT: Duration = Duration::from_secs(30);
/// How long a receiver may take to say that it has a file of which everything was sent. On a slow network, much of it is still on its
/// way then.
const STORE_LIMIT: Duration = Duration::from_mins(10);
/// How long the last words get to arrive before the connection ends.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);
/// How often a receiver may ask for one file: more often than one that arrives damaged by chance.
const MAX_REPEATS: u8 = 10;

/// Who is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InTheRoom {
    /// Something has arrived that a receiver may have said.
    Receiver,
    /// A client that says nothing was there before this side: another sender whose code leads to the same room.
    Stranger,
}

/// Waits until another client is in the room and says something; what it said is left to be read.
///
/// # Errors
///
/// [`CrocError::Silence`] if a client came and says nothing, or the relay doesn't answer any more.
pub async fn wait_for_receiver<S: FrameStream>(joined: &mut InRoom<S>) -> Result<InTheRoom, CrocError> {
    let mut was_alone = false;
    loop {
        match timeout(QUIET_LIMIT, joined.link.peek()).await {
            Ok(Ok(KEEP_ALIVE)) => {
                joined.link.read().await?;
                was_alone = true;
            }
            Ok(Ok(_)) => return Ok(InTheRoom::Receiver),
            Ok(Err(error)) => return Err(error),
            Err(_) if was_alone => return Err(CrocError::Silence),
            Err(_) => return Ok(InTheRoom::Stranger),
        }
    }
}

/// A receiver that has proven the code and waits for the list.
pub struct CrocReceiver<S> {
    control: CrocControl<S>,
    lanes: Vec<Link<S>>,
    /// Which of croc's protocols it speaks.
    pub version: Version,
}

/// Has the receiver in the room prove the code, and opens the lanes. A receiver that asks where else the sender can be reached is told
/// `addresses`.
///
/// # Errors
///
/// [`CrocError::WrongCode`] is one guess at the code. After any other error the receiver has learned nothing about it.
pub async fn meet<D: Dial>(
    joined: InRoom<D::Stream>,
    dial: &D,
    meeting: CodeMeeting<'_>,
    relay_password: &str,
    addresses: Option<&SenderAddresses>,
) -> Result<CrocReceiver<D::Stream>, CrocError> {
    let ports = joined.data_ports()?;
    let seen_as = joined.seen_as;
    let secured = timeout(HANDSHAKE_LIMIT, secure_sender(joined.link, meeting, addresses)).await;
    let mut control = secured.map_err(|_| CrocError::Silence)??;
    let order = LaneOrder { relay_password, room: meeting.room, ports: &ports };
    let lanes = lanes::open(dial, order).await?;
    let first = timeout(STEP_LIMIT, control.receive()).await.map_err(|_| CrocError::Silence)?;
    match first {
        Ok(Message::Address { .. }) => {}
        Ok(_) => return Err(CrocError::Misbehaved("a message at the wrong moment")),
        // croc 10 has no proofs: a wrong code shows itself here.
        Err(CrocError::Channel(_)) if control.version == Version::V10 => return Err(CrocError::WrongCode),
        Err(error) => return Err(error),
    }
    let version = control.version;
    control.send(&Message::Address { address: told_address(&seen_as, version), pake: Vec::new() }).await?;
    Ok(CrocReceiver { control, lanes, version })
}

impl<S: FrameStream> CrocReceiver<S> {
    /// Does `work` while it listens to the receiver, which says nothing before it has the list unless it gives up.
    pub async fn beside<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CrocError> {
        tokio::select! {
            done = work => Ok(done),
            message = self.control.receive() => Err(unexpected(message)),
        }
    }

    /// Sends the list. Whether the receiver takes it shows itself when it asks for something.
    ///
    /// # Errors
    ///
    /// [`CrocError::TooLong`] if no receiver could read a list of this length.
    pub async fn offer(mut self, list: CrocList) -> Result<CrocServing<S>, CrocError> {
        let json = list.to_json();
        if !fits(json.len()) {
            self.give_up().await;
            return Err(CrocError::TooLong);
        }
        self.control.send(&Message::Files(json)).await?;
        let repeats = vec![0; list.entries.len()];
        Ok(CrocServing { control: self.control, lanes: self.lanes, list, repeats })
    }

    /// Tells the receiver, which would otherwise wait for hours, that this side gives up.
    pub async fn give_up(&mut self) {
        say_goodbye(&mut self.control).await;
    }
}

/// Whether a list whose JSON has this many bytes fits into a message, in which it stands as Base64.
pub fn fits(list_len: usize) -> bool {
    list_len.div_ceil(3).saturating_mul(4) < MAX_MESSAGE - 1024
}

/// A receiver that has the list, and asks for files or not.
pub struct CrocServing<S> {
    control: CrocControl<S>,
    lanes: Vec<Link<S>>,
    list: CrocList,
    /// How often each file was asked for.
    repeats: Vec<u8>,
}

impl<S: FrameStream> CrocServing<S> {
    /// What the receiver wants next; `None` if it wants nothing more, and has everything that it asked for.
    pub async fn next(&mut self) -> Result<Option<FileJob>, CrocError> {
        match self.control.receive().await? {
            Message::Ready(request) => self.job(&request).map(Some),
            Message::Finished => Ok(None),
            _ => Err(CrocError::Misbehaved("a message at the wrong moment")),
        }
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> u16 {
        self.lanes.len() as u16
    }

    /// Checks a request.
    fn job(&mut self, request: &Request) -> Result<FileJob, CrocError> {
        let (Some(entry), Some(repeats)) =
            (self.list.entries.get(request.index), self.repeats.get_mut(request.index))
        else {
            return Err(CrocError::Misbehaved("a request for a file that isn't in the list"));
        };
        *repeats += 1;
        if *repeats > MAX_REPEATS {
            return Err(CrocError::Misbehaved("a request for the same file again and again"));
        }
        if entry.size == 0 || entry.target.is_some() {
            return Err(ChunkError::BadRanges.into());
        }
        Ok(FileJob {
            index: request.index,
            size: entry.size,
            coding: self.list.coding(entry, request.has_per_file_compression()),
            ranges: chunks::read_ranges(&request.ranges, entry.size)?,
        })
    }

    /// Sends what was asked for, until the receiver says that it has it.
    pub async fn send(&mut self, job: FileJob, source: &Arc<impl ChunkSource>) -> Result<(), CrocError> {
        let key = self.control.key();
        let job = SharedJob::new(job);
        let (mut is_sent, mut is_stored) = (false, false);
        {
            let mut sending = pin!(feed::send_job(&mut self.lanes, &key, source, &job));
            let mut clock = interval_at(Instant::now() + IDLE_LIMIT, IDLE_LIMIT);
            clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut before = 0;
            while !is_sent {
                tokio::select! {
                    sent = &mut sending => {
                        sent?;
                        is_sent = true;
                    }
                    // A receiver that has everything may say so before this side knows that all was sent.
                    message = self.control.receive(), if !is_stored => match message? {
                        Message::CloseSender => is_stored = true,
                        _ => return Err(CrocError::Misbehaved("a message at the wrong moment")),
                    },
                    _ = clock.tick() => {
                        if job.written() == before && !source.is_resting() {
                            return Err(CrocError::Idle);
                        }
                        before = job.written();
                    }
                }
            }
        }
        if !is_stored {
            let said = timeout(STORE_LIMIT, self.control.receive()).await.map_err(|_| CrocError::Idle)?;
            let Message::CloseSender = said? else {
                return Err(CrocError::Misbehaved("a message at the wrong moment"));
            };
        }
        self.control.send(&Message::CloseRecipient).await
    }

    /// Says farewell to a receiver that has everything.
    pub async fn finish(&mut self) {
        let farewell = async {
            let _ = self.control.send(&Message::Finished).await;
            self.control.close().await;
            // Reading on until the receiver has closed keeps the farewell from being lost with the connection.
            while self.control.receive().await.is_ok() {}
        };
        let _ = timeout(FAREWELL_LIMIT, farewell).await;
    }

    /// Tells the receiver, which would otherwise wait for hours, that this side gives up.
    pub async fn give_up(&mut self) {
        say_goodbye(&mut self.control).await;
    }
}

/// Says a last word, as far as the receiver still hears it.
async fn say_goodbye<S: FrameStream>(control: &mut CrocControl<S>) {
    let goodbye = async {
        let _ = control.send(&Message::Error("the sender gave up".to_owned())).await;
        control.close().await;
        // As at the farewell, what is said last is not to be lost with the connection.
        while control.receive().await.is_ok() {}
    };
    let _ = timeout(FAREWELL_LIMIT, goodbye).await;
}

/// What a message means that nobody waits for.
fn unexpected(message: Result<Message, CrocError>) -> CrocError {
    message.err().unwrap_or(CrocError::Misbehaved("a message at the wrong moment"))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncWriteExt, DuplexStream, duplex},
        time::sleep,
    };

    use super::*;
    use crate::croc::frame;

    fn room() -> (DuplexStream, InRoom<DuplexStream>) {
        let (relay, here) = duplex(1024);
        let (banner, seen_as) = ("9010".to_owned(), String::new());
        (relay, InRoom { link: Link::new(here), banner, seen_as })
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_is_waited_for_as_long_as_the_relay_is_there() {
        let (mut relay, mut joined) = room();
        let relaying = async {
            for _ in 0..10_000 {
                relay.write_all(&frame::encode(KEEP_ALIVE)).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
            relay.write_all(&frame::encode(b"handshake")).await.unwrap();
        };
        let (came, ()) = tokio::join!(wait_for_receiver(&mut joined), relaying);
        assert_eq!(came.unwrap(), InTheRoom::Receiver);
        assert_eq!(joined.link.read().await.unwrap(), b"handshake", "what was said is left to be read");
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_says_nothing_is_not_waited_for() {
        let (mut relay, mut joined) = room();
        relay.write_all(&frame::encode(KEEP_ALIVE)).await.unwrap();
        let since = Instant::now();
        assert!(matches!(wait_for_receiver(&mut joined).await, Err(CrocError::Silence)));
        assert_eq!(since.elapsed(), QUIET_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_was_there_first_and_says_nothing_is_a_stranger() {
        let (_relay, mut joined) = room();
        assert_eq!(wait_for_receiver(&mut joined).await.unwrap(), InTheRoom::Stranger);
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_stops_in_the_handshake_is_left_in_time() {
        struct Nowhere;
        impl Dial for Nowhere {
            type Stream = DuplexStream;
            async fn dial(&self, _port: u16) -> std::io::Result<DuplexStream> {
                Err(std::io::ErrorKind::NotFound.into())
            }
        }
        let (mut relay, joined) = room();
        relay.write_all(&frame::encode(br#"{"Kind":"pake1"}"#)).await.unwrap();
        let meeting = CodeMeeting { room: "room", password: b"secret", allows_v10: true };
        let since = Instant::now();
        assert!(matches!(meet(joined, &Nowhere, meeting, "pass123", None).await, Err(CrocError::Silence)));
        assert!(since.elapsed() <= HANDSHAKE_LIMIT);
    }

    #[test]
    fn a_list_fits_if_a_message_can_hold_it_as_base64() {
        assert!(fits(48 << 20 >> 1));
        assert!(!fits(48 << 20));
        assert!(!fits(usize::MAX));
    }
}
