//! The handshake: from a code and a fresh pipe to two sets of keys. It is the only place where `crypto` and `protocol` meet
//! before everything is sealed.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use crate::{
    code::CodePhrase,
    crypto::{
        Channel, ChannelKeys, CryptoError, PairKey, Pake, ReconnectKey, Root, SharedKey, Side, Stretch,
        Transcript, sender_id,
    },
    net::io as frames,
    panics::spawn_blocking,
    protocol::{
        VERSION,
        frame::{self, FrameError},
        peer::{
            First, MAX_HANDSHAKE, ReceiverFirst, ReceiverHello, SenderHello, SenderId, SenderIdKey,
            SenderVerdict,
        },
    },
    transfer::error::{Impossible, Misbehaviour, TransferError},
};

pub use crate::crypto::kdf::{DEFAULT_ITERATIONS, MIN_ITERATIONS};

/// How long the other side may take for one message of the handshake: a round trip and a little work, even over a slow
/// network.
const LIMIT: Duration = Duration::from_secs(10);

/// A sender's first message, and the secrets with which it understands the answer. It serves for one handshake.
pub struct Greeting {
    pake: Pake,
    first: Vec<u8>,
    key: SenderIdKey,
    stretch: Stretch,
}

/// The keys that both sides have after a handshake.
pub struct Keys {
    /// The keys of the control channel.
    pub metadata: ChannelKeys,
    /// The keys of the lanes.
    pub data: ChannelKeys,
    /// The secret with which the two sides reconnect when the connection is lost.
    pub reconnect: ReconnectKey,
    /// The key by which the two sides can find each other again on later days.
    pub pair: PairKey,
}

/// What two sides share once they have proven to each other that they know the code.
pub struct Agreed {
    key: SharedKey,
    stretch: Stretch,
}

impl Agreed {
    /// Derives the keys. It takes a moment, because a code is stretched with many iterations of PBKDF2.
    pub async fn keys(self, code: &Arc<CodePhrase>) -> Keys {
        derive_keys(code, self.key, self.stretch).await
    }
}

/// Why a proof of the code led to no agreement.
pub struct NotProven {
    /// What happened.
    pub error: TransferError,
    /// Whether the very sender whose name was heard has called the code wrong, so that it has counted a try.
    pub is_refusal: bool,
}

impl<E: Into<TransferError>> From<E> for NotProven {
    fn from(error: E) -> Self {
        Self { error: error.into(), is_refusal: false }
    }
}

/// The first message of a sender whose code is retired, encoded.
pub fn retired() -> Vec<u8> {
    frame::to_bytes(&First::Retired)
}

impl Greeting {
    /// A greeting for a new handshake, of the sender to whom `key` belongs. The keys will take this many iterations of PBKDF2.
    ///
    /// # Errors
    ///
    /// [`Impossible`] if the number of iterations is out of bounds, or if the system has no randomness.
    pub fn new(code: &CodePhrase, key: SenderIdKey, iterations: u32) -> Result<Self, TransferError> {
        let (pake, message) = Pake::start(Side::Sender, code.as_bytes(), &code.room(), VERSION);
        let stretch = draw(iterations)?;
        let first = frame::to_bytes(&First::Hello(SenderHello {
            version: VERSION,
            features: 0,
            sender: id_of(key),
            pake: message,
            iterations: stretch.iterations(),
            salt: stretch.salt(),
        }));
        Ok(Self { pake, first, key, stretch })
    }

    /// The encoded first message, which the relay keeps for the receiver.
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// Carries out the rest of the handshake on the sender's side, once the receiver's message has been [`read`]. For a receiver with
    /// a wrong code, `count` counts the try, and returns how many are left. It is called before the receiver is told, because the
    /// caller may drop this future at any time.
    ///
    /// # Errors
    ///
    /// [`TransferError::WrongCode`] if the receiver has another code, [`TransferError::PeerVersion`] if it speaks another
    /// version, or what went wrong with the connection or the receiver's messages.
    pub async fn answer(
        self,
        theirs: ReceiverFirst,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        count: impl FnOnce() -> u8,
    ) -> Result<Agreed, TransferError> {
        let hello: ReceiverHello = frame::from_bytes(&theirs.hello).map_err(Misbehaviour::Frame)?;
        if hello.version != VERSION {
            // What is known of the receiver doesn't depend on whether it hears the answer.
            let _ = write(stream, &SenderVerdict::Version { version: VERSION }).await;
            return Err(TransferError::PeerVersion { theirs: hello.version });
        }
        let transcript = Transcript::new(&self.first, &theirs.hello);
        let checked = self.pake.finish(&hello.pake).and_then(|key| {
            key.check(Side::Receiver, &transcript, &theirs.tag)?;
            Ok(key)
        });
        let Ok(key) = checked else {
            // The try counts even if the receiver can't be told, or a receiver that leaves at once could try for ever.
            let tries_left = count();
            let _ = write(stream, &SenderVerdict::WrongCode { tries_left, key: self.key }).await;
            return Err(TransferError::WrongCode { tries_left: Some(tries_left) });
        };
        let tag = key.confirm(Side::Sender, &transcript);
        write(stream, &SenderVerdict::Confirmed { tag }).await?;
        Ok(Agreed { key, stretch: self.stretch })
    }
}

/// A sender's first message as a receiver has heard it. It serves for one handshake.
pub struct HeardGreeting<'a> {
    first: &'a [u8],
    hello: SenderHello,
    stretch: Stretch,
}

impl<'a> HeardGreeting<'a> {
    /// Reads and checks a sender's first message.
    ///
    /// # Errors
    ///
    /// [`TransferError::Retired`] if the sender's code no longer counts, [`TransferError::PeerVersion`] if it speaks another
    /// version, or what is wrong with the message.
    pub fn read(first: &'a [u8]) -> Result<Self, TransferError> {
        let hello = match frame::from_bytes(first).map_err(Misbehaviour::Frame)? {
            First::Hello(hello) => hello,
            First::Retired => return Err(TransferError::Retired),
        };
        if hello.version != VERSION {
            return Err(TransferError::PeerVersion { theirs: hello.version });
        }
        let stretch = Stretch::checked(hello.iterations, hello.salt).map_err(|_| Misbehaviour::Iterations)?;
        Ok(Self { first, hello, stretch })
    }

    /// What the sender calls itself, truly or not.
    pub fn sender(&self) -> SenderId {
        self.hello.sender
    }

    /// Carries out the rest of the handshake on the receiver's side. It gives the sender a proof that this side knows `code`,
    /// against which one guess can be checked.
    ///
    /// # Errors
    ///
    /// [`TransferError::WrongCode`] if the sender has another code, or what went wrong with the connection or the sender's
    /// answer.
    pub async fn prove(
        self,
        code: &CodePhrase,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Agreed, NotProven> {
        let Self { first, hello: theirs, stretch } = self;
        let (pake, message) = Pake::start(Side::Receiver, code.as_bytes(), &code.room(), VERSION);
        let key = pake.finish(&theirs.pake).map_err(|_| wrong_code())?;
        let hello = frame::to_bytes(&ReceiverHello { version: VERSION, features: 0, pake: message });
        let transcript = Transcript::new(first, &hello);
        let tag = key.confirm(Side::Receiver, &transcript);
        write(stream, &ReceiverFirst { hello, tag }).await?;
        match read(stream).await? {
            SenderVerdict::Confirmed { tag } => {
                key.check(Side::Sender, &transcript, &tag).map_err(|_| wrong_code())?;
                Ok(Agreed { key, stretch })
            }
            SenderVerdict::WrongCode { tries_left, key } => {
                let error = TransferError::WrongCode { tries_left: Some(tries_left) };
                Err(NotProven { error, is_refusal: id_of(key) == theirs.sender })
            }
            SenderVerdict::Version { version } => Err(TransferError::PeerVersion { theirs: version }.into()),
        }
    }
}

fn wrong_code() -> TransferError {
    TransferError::WrongCode { tries_left: None }
}

/// Draws the key behind what a sender calls itself while its code is up.
pub fn draw_sender_key() -> Result<SenderIdKey, TransferError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|_| Impossible::NoRandomness)?;
    Ok(SenderIdKey(key))
}

/// The name of the sender to whom `key` belongs.
fn id_of(key: SenderIdKey) -> SenderId {
    SenderId(sender_id::of_key(&key.0))
}

fn draw(iterations: u32) -> Result<Stretch, TransferError> {
    Stretch::draw(iterations).map_err(|error| match error {
        CryptoError::Iterations { .. } => Impossible::Arguments(error.to_string()).into(),
        _ => Impossible::NoRandomness.into(),
    })
}

async fn derive_keys(code: &Arc<CodePhrase>, key: SharedKey, stretch: Stretch) -> Keys {
    let code = Arc::clone(code);
    let root = spawn_blocking(move || Root::stretch(code.as_bytes(), &key, &stretch)).await;
    Keys {
        metadata: root.keys(Channel::Metadata),
        data: root.keys(Channel::Data),
        reconnect: root.reconnect_key(),
        pair: root.pair_key(),
    }
}

pub(crate) async fn read<T: serde::de::DeserializeOwned>(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<T, TransferError> {
    heard(frames::read(stream, MAX_HANDSHAKE)).await
}

/// Reads one message with the padding behind it.
pub(super) async fn read_padded<T: serde::de::DeserializeOwned>(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<T, TransferError> {
    heard(frames::read_padded(stream, MAX_HANDSHAKE)).await
}

async fn heard<T>(reading: impl Future<Output = Result<T, frames::ReadError>>) -> Result<T, TransferError> {
    match timeout(LIMIT, reading).await {
        Ok(Ok(message)) => Ok(message),
        Ok(Err(frames::ReadError::Io(_))) => Err(TransferError::PeerLost),
        Ok(Err(frames::ReadError::Frame(error))) => Err(misbehaved(error)),
        Err(_) => Err(TransferError::PeerSilent { seconds: LIMIT.as_secs() }),
    }
}

pub(super) async fn write<T: serde::Serialize>(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    message: &T,
) -> Result<(), TransferError> {
    said(frames::write(stream, message)).await
}

/// Writes one message with padding behind it.
pub(super) async fn write_padded<T: serde::Serialize>(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    message: &T,
) -> Result<(), TransferError> {
    said(frames::write_padded(stream, message)).await
}

async fn said(writing: impl Future<Output = std::io::Result<()>>) -> Result<(), TransferError> {
    match timeout(LIMIT, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(TransferError::PeerLost),
        Err(_) => Err(TransferError::PeerSilent { seconds: LIMIT.as_secs() }),
    }
}

fn misbehaved(error: FrameError) -> TransferError {
    Misbehaviour::Frame(error).into()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// The answer of a receiver that has `code`, as a frame.
    fn answer_with(code: &CodePhrase, first: &[u8], version: u16) -> Vec<u8> {
        let First::Hello(theirs) = frame::from_bytes(first).unwrap() else { panic!("the code is retired") };
        let (pake, message) = Pake::start(Side::Receiver, code.as_bytes(), &code.room(), VERSION);
        let key = pake.finish(&theirs.pake).unwrap();
        let hello = frame::to_bytes(&ReceiverHello { version, features: 0, pake: message });
        let tag = key.confirm(Side::Receiver, &Transcript::new(first, &hello));
        frame::encode(&ReceiverFirst { hello, tag })
    }

    #[tokio::test]
    async fn a_wrong_try_is_one_even_if_nobody_is_left_to_be_told() {
        let [right, wrong] =
            ["blue-horse-7731-kitchen", "blue-horse-1377-kitchen"].map(|code| CodePhrase::own(code).unwrap());
        for (version, is_wrong) in [(VERSION, true), (VERSION + 1, false)] {
            let greeting =
                Greeting::new(&right, SenderIdKey([0; 16]), crate::crypto::kdf::MIN_ITERATIONS).unwrap();
            let answer = answer_with(&wrong, greeting.first(), version);
            let (mut theirs, mut ours) = tokio::io::duplex(1024);
            theirs.write_all(&answer).await.unwrap();
            // From now on, every write of the sender's fails.
            drop(theirs);
            let answered = async { greeting.answer(read(&mut ours).await?, &mut ours, || 2).await };
            match answered.await.err() {
                Some(TransferError::WrongCode { tries_left: Some(2) }) => assert!(is_wrong),
                Some(TransferError::PeerVersion { .. }) => assert!(!is_wrong),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A receiver that takes nothing can hold the verdict up for as long as it likes.
    #[tokio::test(start_paused = true)]
    async fn a_wrong_try_counts_before_the_receiver_is_told() {
        let [right, wrong] =
            ["blue-horse-7731-kitchen", "blue-horse-1377-kitchen"].map(|code| CodePhrase::own(code).unwrap());
        let greeting =
            Greeting::new(&right, SenderIdKey([0; 16]), crate::crypto::kdf::MIN_ITERATIONS).unwrap();
        let answer = answer_with(&wrong, greeting.first(), VERSION);
        let mut stream = tokio::io::join(&answer[..], tokio::io::simplex(1).1);
        let theirs = read(&mut stream).await.unwrap();
        let mut has_counted = false;
        let count = || {
            has_counted = true;
            2
        };
        let answered = timeout(Duration::from_millis(1), greeting.answer(theirs, &mut stream, count)).await;
        assert!(answered.is_err() && has_counted);
    }
}
