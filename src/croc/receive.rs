//! A transfer as the receiver, step by step: the offer, one file after the other, the farewell. The caller decides what is wanted,
//! and what happens on the disk.

use std::{net::SocketAddr, ops::Range, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::{
    chunks::{self, Coding},
    client::InRoom,
    code::Version,
    control::{CodeMeeting, CrocControl, secure_receiver},
    error::CrocError,
    lanes::{self, ChunkStore, CrocLanes, Dial, LaneOrder},
    link::{FrameStream, Link},
    manifest::CrocList,
    message::{Message, PER_FILE_COMPRESSION, Request},
    pake::CurveName,
};
use crate::panics::spawn_blocking;

/// How long a sender may take to list its files: it may still be hashing them.
const LIST_LIMIT: Duration = Duration::from_mins(10);
/// How long the sender may send nothing of a file that it was asked for.
pub const IDLE_LIMIT: Duration = Duration::from_mins(2);
/// How often it is looked whether something has come.
const LOOK: Duration = Duration::from_secs(1);
/// How long the sender may take for its part of a step.
const STEP_LIMIT: Duration = Duration::from_secs(30);
/// How long the sender's farewell is waited for, and how long the last words of this side may take.
const FAREWELL_LIMIT: Duration = Duration::from_secs(3);

/// A sender's offer, which waits for an answer.
pub struct CrocOffer<S> {
    control: CrocControl<S>,
    lanes: Vec<Link<S>>,
    /// Which of croc's protocols the sender speaks.
    pub version: Version,
    /// The files.
    pub list: CrocList,
}

/// Proves the code to the sender, which is in the room already, and reads its offer.
pub async fn meet<D: Dial>(
    joined: InRoom<D::Stream>,
    dial: &D,
    meeting: CodeMeeting<'_>,
    relay_password: &str,
) -> Result<CrocOffer<D::Stream>, CrocError> {
    let ports = joined.data_ports()?;
    let seen_as = joined.seen_as;
    let mut control = secure_receiver(joined.link, meeting, CurveName::default()).await?;
    let order = LaneOrder { relay_password, room: meeting.room, ports: &ports };
    let lanes = lanes::open(dial, order).await?;

    let address =
        Message::Address { address: told_address(&seen_as, control.version), pake: control.answer.clone() };
    control.send(&address).await?;
    let first = timeout(STEP_LIMIT, control.receive()).await.map_err(|_| CrocError::Silence)?;
    match first {
        // One key seals both directions, so a relay can send back what this side has just sent. A sender repeats nothing.
        Ok(Message::Address { pake, .. }) if pake != control.answer => {}
        Ok(_) => return Err(CrocError::Misbehaved("a message at the wrong moment")),
        // croc 10 has no proofs: a wrong code shows itself here.
        Err(CrocError::Channel(_) | CrocError::Connection(_)) if control.version == Version::V10 => {
            return Err(CrocError::WrongCode);
        }
        Err(error) => return Err(error),
    }
    let listed = timeout(LIST_LIMIT, control.receive()).await.map_err(|_| CrocError::Silence)??;
    let Message::Files(list) = listed else {
        return Err(CrocError::Misbehaved("a message at the wrong moment"));
    };
    let list = spawn_blocking(move || CrocList::from_json(&list)).await?;
    Ok(CrocOffer { version: control.version, control, lanes, list })
}

/// Which chunks of a file are asked for.
#[derive(Debug, Clone)]
pub struct WantedFile {
    /// The file's index in the list.
    pub index: usize,
    /// Its length in bytes.
    pub size: u64,
    /// How its chunks are coded.
    pub coding: Coding,
    /// Its chunks, in ascending order; at least one.
    pub ranges: Vec<Range<u64>>,
}

impl<S: FrameStream> CrocOffer<S> {
    /// Does `work` while it listens to the sender, which says nothing before the answer unless it gives up.
    pub async fn beside<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CrocError> {
        tokio::select! {
            done = work => Ok(done),
            message = self.control.receive() => Err(unexpected(message)),
        }
    }

    /// Refuses the offer with the words by which a croc knows that.
    pub async fn refuse(&mut self) {
        say_goodbye(&mut self.control, "refusing files").await;
    }

    /// Accepts the offer. What is asked for from now on goes to `store`.
    pub fn accept(self, store: &Arc<impl ChunkStore>) -> CrocArrival<S> {
        let lanes = CrocLanes::new(self.lanes, &self.control.key(), store);
        CrocArrival { control: self.control, lanes }
    }
}

/// A transfer whose offer was accepted.
pub struct CrocArrival<S> {
    control: CrocControl<S>,
    lanes: CrocLanes,
}

impl<S: FrameStream> CrocArrival<S> {
    /// Asks for chunks of a file, and waits until the store has taken all of them.
    pub async fn fetch(&mut self, file: WantedFile, store: &impl ChunkStore) -> Result<(), CrocError> {
        let WantedFile { index, size, coding, ranges } = file;
        self.lanes.expect(index, coding, size, &ranges);
        let is_whole = ranges.first() == Some(&(0..chunks::count(size)));
        let request = Request {
            ranges: if is_whole { Vec::new() } else { chunks::write_ranges(&ranges) },
            index,
            features: vec![PER_FILE_COMPRESSION.to_owned()],
            ..Request::default()
        };
        // A request can be longer than what a connection takes from a sender that doesn't read.
        let request = Message::Ready(request);
        timeout(IDLE_LIMIT, self.control.send(&request)).await.map_err(|_| CrocError::Idle)??;
        self.wait_for_chunks(store).await?;
        self.control.send(&Message::CloseSender).await?;
        match timeout(STEP_LIMIT, self.control.receive()).await.map_err(|_| CrocError::Silence)?? {
            Message::CloseRecipient => Ok(()),
            _ => Err(CrocError::Misbehaved("a message at the wrong moment")),
        }
    }

    async fn wait_for_chunks(&mut self, store: &impl ChunkStore) -> Result<(), CrocError> {
        let mut clock = interval(LOOK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut before, mut came) = (self.lanes.left(), Instant::now());
        loop {
            tokio::select! {
                finished = self.lanes.finished() => return finished,
                message = self.control.receive() => return Err(unexpected(message)),
                _ = clock.tick() => {}
            }
            let left = self.lanes.left();
            if left != before || store.is_resting() {
                (before, came) = (left, Instant::now());
            } else if came.elapsed() >= IDLE_LIMIT {
                return Err(CrocError::Idle);
            }
        }
    }

    /// Does `work` while it listens to the sender, which says nothing unless it is asked or gives up.
    pub async fn beside<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CrocError> {
        tokio::select! {
            done = work => Ok(done),
            message = self.control.receive() => Err(unexpected(message)),
        }
    }

    /// How many lanes there are.
    pub fn lanes(&self) -> u16 {
        self.lanes.count()
    }

    /// Ends the lanes.
    pub async fn stop(&mut self) {
        self.lanes.stop().await;
    }

    /// Tells the sender that this side has everything, and waits a moment for its farewell.
    pub async fn finish(&mut self) {
        let farewell = async {
            if self.control.send(&Message::Finished).await.is_ok() {
                // The sender has everything that it waits for. That its farewell is lost changes nothing.
                let _ = self.control.receive().await;
            }
            self.control.close().await;
        };
        let _ = timeout(FAREWELL_LIMIT, farewell).await;
    }

    /// Tells the sender, which would otherwise wait for hours, that this side gives up.
    pub async fn give_up(&mut self) {
        say_goodbye(&mut self.control, "the receiver gave up").await;
    }
}

/// Says a last word, as far as the sender still hears it.
async fn say_goodbye<S: FrameStream>(control: &mut CrocControl<S>, word: &str) {
    let goodbye = async {
        let _ = control.send(&Message::Error(word.to_owned())).await;
        control.close().await;
    };
    let _ = timeout(FAREWELL_LIMIT, goodbye).await;
}

/// What a message means that nobody waits for.
fn unexpected(message: Result<Message, CrocError>) -> CrocError {
    message.err().unwrap_or(CrocError::Misbehaved("a message at the wrong moment"))
}

/// The address that the peer is told: whole for croc 10, and without the port for croc 11.
pub(super) fn told_address(seen_as: &str, version: Version) -> String {
    match (version, seen_as.parse::<SocketAddr>()) {
        (Version::V11, Ok(address)) => address.ip().to_string(),
        (Version::V10, Ok(address)) => address.to_string(),
        (_, Err(_)) => String::new(),
    }
}
