//! The control channel between the peers: from the first frame to sealed messages, for both roles and both
//! versions.
//!
//! One code is good for one try: the side that fails in the key exchange closes the connection. A croc on the other side may say
//! nothing then, so every step here has a limit.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    channel::{MAX_MESSAGE, Purpose, SALT_LEN, SHORT_SALT_LEN, TrafficKey, deflate, inflate, random},
    code::Version,
    error::CrocError,
    frame::{KEEP_ALIVE, MAX_EARLY_PAYLOAD, MAX_PAYLOAD},
    link::{FrameStream, Link, Unanswered},
    message::{self, Message},
    pake::{self, CurveName, Initiator, PakeError},
    probe::{self, ProbeQuestion, SenderAddresses},
};

pub use super::code::CodeMeeting;

/// The receiver's first word.
const HANDSHAKE: &[u8] = b"handshake";
/// What a sender says to a receiver that is told no addresses in the local network. croc's receivers go on without them.
const NO_ADDRESSES: &[u8] = b"{}";
/// How long the peer may take for one step of the key exchange.
const STEP_LIMIT: Duration = Duration::from_secs(30);
/// How long after a question what a hasty receiver said next is waited for.
const HASTY: Duration = Duration::from_millis(20);
/// How often a receiver may ask for addresses before it says [`HANDSHAKE`].
const MAX_PROBES: usize = 8;
/// The longest message that is neither a list nor a request, after inflating.
const MAX_SHORT: usize = MAX_EARLY_PAYLOAD;

/// The control channel, once it is sealed.
pub struct CrocControl<S> {
    link: Link<S>,
    key: TrafficKey,
    /// Which of croc's protocols the peer speaks.
    pub version: Version,
    /// The sender's message of the key exchange, which a receiver repeats to it.
    pub answer: Vec<u8>,
}

impl<S: FrameStream> CrocControl<S> {
    /// Sends a message.
    pub async fn send(&mut self, message: &Message) -> Result<(), CrocError> {
        let sealed = self.key.seal(&deflate(&message.to_json()))?;
        self.link.write(&sealed).await
    }

    /// Receives the next message that is known here. Can be cancelled at any time.
    ///
    /// Frames may be long only once a first message was opened: a croc 10 has proven nothing before that.
    pub async fn receive(&mut self) -> Result<Message, CrocError> {
        loop {
            let frame = self.link.read().await?;
            if frame == KEEP_ALIVE {
                continue;
            }
            let json = inflate(self.key.open(frame)?, MAX_MESSAGE)?;
            let message = Message::from_json(&json)?;
            // Others are passed over or end the transfer, and none may cost what a list costs again and again.
            if json.len() > MAX_SHORT && !matches!(message, Message::Files(_) | Message::Ready(_)) {
                return Err(CrocError::Misbehaved("a message that is too long"));
            }
            self.link.set_limit(MAX_PAYLOAD);
            match message {
                Message::Unknown => {}
                Message::Error(text) => return Err(CrocError::PeerGaveUp(text)),
                message => return Ok(message),
            }
        }
    }

    /// The key that also seals the chunks.
    pub fn key(&self) -> TrafficKey {
        self.key.clone()
    }

    /// Says that nothing more is sent.
    pub async fn close(&mut self) {
        self.link.close().await;
    }

    fn new(link: Link<S>, key: TrafficKey, version: Version, answer: Vec<u8>) -> Self {
        Self { link, key, version, answer }
    }
}

/// Secures the channel as the receiver, which speaks first.
pub async fn secure_receiver<S: FrameStream>(
    mut link: Link<S>,
    meeting: CodeMeeting<'_>,
    curve: CurveName,
) -> Result<CrocControl<S>, CrocError> {
    link.write(HANDSHAKE).await?;
    let (initiator, question) = Initiator::begin(curve, meeting.password)?;
    let extra = curve.as_str().as_bytes().to_vec();
    send_plain(&mut link, &Message::Pake { version: message::VERSION, pake: question.clone(), extra })
        .await?;
    let Message::Pake { version, pake: answer, extra: salt } = first_answer(&mut link).await? else {
        return Err(CrocError::Misbehaved("the answer of the key exchange is missing"));
    };
    let agreement = initiator.finish(&answer)?;
    match version {
        message::VERSION => {
            let salt: &[u8; SALT_LEN] = salt
                .as_slice()
                .try_into()
                .map_err(|_| CrocError::Misbehaved("the salt has another length"))?;
            let keys =
                meeting.transcript(Purpose::Transfer, curve, (&question, &answer), salt).keys(&agreement);
            confirm(&mut link, keys.receiver_proof.as_bytes()).await?;
            match receive_plain(&mut link).await {
                Ok(Message::Confirm { version: message::VERSION, proof }) if keys.sender_proof.is(&proof) => {
                }
                // A croc that doesn't agree says nothing, or leaves.
                Ok(_) | Err(CrocError::Silence | CrocError::Connection(_)) => {
                    return Err(CrocError::WrongCode);
                }
                Err(error) => return Err(error),
            }
            Ok(CrocControl::new(link, keys.traffic, Version::V11, answer))
        }
        0 if meeting.allows_v10 => {
            let key = TrafficKey::salted(&agreement, &salt);
            Ok(CrocControl::new(link, key, Version::V10, answer))
        }
        0 => Err(CrocError::VersionOff),
        _ => Err(CrocError::Misbehaved("the key exchange has an unknown version")),
    }
}

/// Secures the channel as the sender. It waits for the receiver without a limit; the caller has one, if there is any. A receiver that
/// asks where else the sender can be reached is told `addresses`.
pub async fn secure_sender<S: FrameStream>(
    mut link: Link<S>,
    meeting: CodeMeeting<'_>,
    addresses: Option<&SenderAddresses>,
) -> Result<CrocControl<S>, CrocError> {
    wait_for_handshake(&mut link, meeting, addresses).await?;
    let Message::Pake { version, pake: question, extra } = receive_plain(&mut link).await? else {
        return Err(CrocError::Misbehaved("the key exchange doesn't begin"));
    };
    let curve: CurveName = str::from_utf8(&extra).map_err(|_| PakeError::UnknownCurve)?.parse()?;
    let (agreement, answer) = pake::respond(curve, meeting.password, &question)?;
    match version {
        message::VERSION => {
            let salt = random::<SALT_LEN>()?;
            let reply = Message::Pake { version, pake: answer.clone(), extra: salt.to_vec() };
            send_plain(&mut link, &reply).await?;
            let keys =
                meeting.transcript(Purpose::Transfer, curve, (&question, &answer), &salt).keys(&agreement);
            match receive_plain(&mut link).await? {
                Message::Confirm { version: message::VERSION, proof } if keys.receiver_proof.is(&proof) => {}
                _ => return Err(CrocError::WrongCode),
            }
            confirm(&mut link, keys.sender_proof.as_bytes()).await?;
            Ok(CrocControl::new(link, keys.traffic, Version::V11, answer))
        }
        0 if meeting.allows_v10 => {
            let salt = random::<SHORT_SALT_LEN>()?;
            let reply = Message::Pake { version, pake: answer.clone(), extra: salt.to_vec() };
            send_plain(&mut link, &reply).await?;
            Ok(CrocControl::new(link, TrafficKey::salted(&agreement, &salt), Version::V10, answer))
        }
        0 => Err(CrocError::VersionOff),
        _ => Err(CrocError::Misbehaved("the key exchange has an unknown version")),
    }
}

/// Waits for the receiver's first word. A receiver may ask for addresses before it. Of several questions on one connection, the first
/// alone is answered: each answer is one guess at the code.
async fn wait_for_handshake<S: FrameStream>(
    link: &mut Link<S>,
    meeting: CodeMeeting<'_>,
    mut addresses: Option<&SenderAddresses>,
) -> Result<(), CrocError> {
    let mut asked = None;
    for _ in 0..=MAX_PROBES {
        let frame = link.read_awake().await?;
        if frame == HANDSHAKE {
            return Ok(());
        }
        if let Some((key, addresses)) = asked.take() {
            let told = probe::told(&key, frame, addresses)?;
            link.write(&told).await?;
            continue;
        }
        let Some(question) = ProbeQuestion::read(frame) else { break };
        // A receiver that came first has given up its question, and what it says next has arrived already.
        if timeout(HASTY, link.peek()).await.is_ok() {
            continue;
        }
        let answer = addresses.take().and_then(|told| Some((question.answer(meeting)?, told)));
        match answer {
            Some(((key, answer), told)) => {
                link.write(&answer).await?;
                asked = Some((key, told));
            }
            None => link.write(NO_ADDRESSES).await?,
        }
    }
    Err(CrocError::Misbehaved("the receiver doesn't say that it is there"))
}

/// Receives the sender's first message of the key exchange. What answers the receiver's question for addresses late is passed over.
async fn first_answer<S: FrameStream>(link: &mut Link<S>) -> Result<Message, CrocError> {
    match (receive_plain(link).await, link.unanswered.take()) {
        (Err(CrocError::Channel(_) | CrocError::Message(_)), Some(_)) => receive_plain(link).await,
        // A croc that can't open the question says nothing more, or leaves.
        (Err(CrocError::Silence | CrocError::Connection(_)), Some(Unanswered::Sealed)) => {
            Err(CrocError::WrongCode)
        }
        (answer, _) => answer,
    }
}

async fn confirm<S: FrameStream>(link: &mut Link<S>, proof: &[u8; 32]) -> Result<(), CrocError> {
    let message = Message::Confirm { version: message::VERSION, proof: proof.to_vec() };
    send_plain(link, &message).await
}

async fn send_plain<S: FrameStream>(link: &mut Link<S>, message: &Message) -> Result<(), CrocError> {
    link.write(&deflate(&message.to_json())).await
}

async fn receive_plain<S: FrameStream>(link: &mut Link<S>) -> Result<Message, CrocError> {
    let frame = timeout(STEP_LIMIT, link.read_awake()).await.map_err(|_| CrocError::Silence)??;
    Ok(Message::from_json(&inflate(frame, MAX_EARLY_PAYLOAD)?)?)
}
