//! The relay's side of the handshake with a client: from a fresh connection to the name of the room that the client asks for. What
//! becomes of the room is `relay`'s affair.
//!
//! Until a client has shown that it knows the relay's password, no more of it is held than one short message at a time, and not one byte
//! beyond that is read: what a client sends early stays in the system's buffers until it is wanted.

use std::{net::SocketAddr, time::Duration};

use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    channel::{OVERHEAD, TrafficKey},
    client::{ADMITTED, SEPARATOR, WEAK_PASSWORD},
    error::{CrocError, RelayRefusal},
    frame::{self, HEADER_LEN},
    pake::{CurveName, respond},
};

/// What asks whether a relay is there.
const PING: &[u8] = b"ping";
/// What answers that.
const PONG: &[u8] = b"pong";
/// The longest first message: several times what croc's key exchange takes on this curve.
const MAX_QUESTION: usize = 4 << 10;
/// The longest salt. croc's has eight bytes.
const MAX_SALT: usize = 256;
/// The longest password that is read.
const MAX_PASSWORD: usize = 1 << 10;
/// The longest name of a room in bytes. croc's has 64, and two or three more on a data port.
pub const MAX_ROOM_NAME: usize = 256;
/// How often a client that is alone in its room is told so. Clients take a longer silence for the arrival of their peer.
pub const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(1);

/// How a relay introduces itself.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// The password that a client has to know. Without one, every password is taken, and the client learns nothing of the right one.
    pub password: Option<&'a str>,
    /// The relay's data ports, separated by commas, or [`ON_A_DATA_PORT`].
    pub banner: &'a str,
}

/// What a relay introduces itself with on a data port.
pub const ON_A_DATA_PORT: &str = "ok";

/// What a client that knows the password asks for.
pub struct RoomRequest {
    /// The name of the room: 1 to [`MAX_ROOM_NAME`] bytes, chosen by the client.
    pub room: String,
    answers: TrafficKey,
}

/// What a relay says to a client that has asked for a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomAnswer {
    /// The client is in the room. What follows is between it and its peer.
    Admitted,
    /// Two others are in the room.
    Full,
    /// The client, or this relay as a whole, uses as much as it may.
    Limited,
    /// The relay ends.
    Ending,
}

/// Reads a client's first message, and returns it for [`Introduction::shake`]. A client that only asks whether a relay is there is
/// answered, and wants nothing more.
///
/// # Errors
///
/// The connection is lost, or what arrives is no frame of croc's or too long.
pub async fn question<S>(stream: &mut S) -> Result<Option<Vec<u8>>, CrocError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let question = read(stream, MAX_QUESTION).await?;
    if question == PING {
        write(stream, PONG).await?;
        return Ok(None);
    }
    Ok(Some(question))
}

impl Introduction<'_> {
    /// Agrees on a key with a client that has sent `question`, checks its password, and returns the room that it asks for. `seen_as`
    /// is the client's address, which it is told.
    ///
    /// # Errors
    ///
    /// [`RelayRefusal::BadPassword`] if the client has another password, which it has been told. Otherwise the connection is lost, or
    /// the client breaks the protocol and is told nothing.
    pub async fn shake<S>(
        &self,
        stream: &mut S,
        question: &[u8],
        seen_as: SocketAddr,
    ) -> Result<RoomRequest, CrocError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (agreement, answer) = respond(CurveName::Siec, WEAK_PASSWORD, question)?;
        write(stream, &answer).await?;
        let key = TrafficKey::salted(&agreement, &read(stream, MAX_SALT).await?);
        drop(agreement);
        let mut sealed = read(stream, MAX_PASSWORD + OVERHEAD).await?;
        let is_known = |password: &str| {
            let given = key.open(&mut sealed)?.trim_ascii();
            Ok::<_, CrocError>(bool::from(given.ct_eq(password.trim_ascii().as_bytes())))
        };
        if !self.password.map_or(Ok(true), is_known)? {
            write(stream, &key.seal(b"bad password")?).await?;
            return Err(RelayRefusal::BadPassword.into());
        }
        let seen_as = SocketAddr::new(seen_as.ip().to_canonical(), seen_as.port());
        write(stream, &key.seal(format!("{}{SEPARATOR}{seen_as}", self.banner).as_bytes())?).await?;
        let mut sealed = read(stream, MAX_ROOM_NAME + OVERHEAD).await?;
        let room = str::from_utf8(key.open(&mut sealed)?);
        match room {
            Ok(room) if !room.is_empty() => Ok(RoomRequest { room: room.to_owned(), answers: key }),
            _ => Err(CrocError::Misbehaved("a room without a name")),
        }
    }
}

impl RoomRequest {
    /// The frame that tells the client what becomes of its request.
    ///
    /// # Errors
    ///
    /// The system has no random bytes.
    pub fn answer(&self, answer: RoomAnswer) -> Result<Vec<u8>, CrocError> {
        let said: &[u8] = match answer {
            RoomAnswer::Admitted => ADMITTED,
            RoomAnswer::Full => b"room full",
            RoomAnswer::Limited => b"rate limited",
            RoomAnswer::Ending => b"this relay is shutting down",
        };
        Ok(frame::encode(&self.answers.seal(said)?))
    }
}

/// Reads one frame, and nothing after it.
async fn read<S: AsyncRead + Unpin>(stream: &mut S, limit: usize) -> Result<Vec<u8>, CrocError> {
    let mut header = [0; HEADER_LEN];
    stream.read_exact(&mut header).await.map_err(CrocError::Connection)?;
    let mut payload = vec![0; frame::payload_len(header, limit)?];
    stream.read_exact(&mut payload).await.map_err(CrocError::Connection)?;
    Ok(payload)
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, payload: &[u8]) -> Result<(), CrocError> {
    stream.write_all(&frame::encode(payload)).await.map_err(CrocError::Connection)
}
