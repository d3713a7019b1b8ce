//! Frames over a socket. There are no time limits here: wrap a call in `tokio::time::timeout`.

use std::io;

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::protocol::frame::{self, FrameError, PADDING};

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection broke or was closed.
    #[error("the connection was lost")]
    Io(#[from] io::Error),
    /// The other side sent something that isn't in the protocol.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Reads the payload of one frame, at most `limit` bytes. Memory grows with what arrives, never with what is announced.
pub async fn read_bytes(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut prefix = [0; frame::PREFIX_LEN];
    stream.read_exact(&mut prefix).await?;
    let length = frame::length(prefix, limit)?;
    let mut payload = Vec::new();
    stream.take(length as u64).read_to_end(&mut payload).await?;
    if payload.len() < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(payload)
}

/// Reads one message of at most `limit` bytes.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<T, ReadError> {
    Ok(frame::from_bytes(&read_bytes(stream, limit).await?)?)
}

/// Writes one message.
pub async fn write<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), message: &T) -> io::Result<()> {
    stream.write_all(&frame::encode(message)).await
}

/// Reads one message of at most `limit` bytes and the padding behind it.
pub async fn read_padded<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<T, ReadError> {
    let message = read(stream, limit).await?;
    skip_padding(stream).await?;
    Ok(message)
}

/// Writes one message and the padding behind it.
pub async fn write_padded<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> io::Result<()> {
    stream.write_all(&[&frame::encode(message)[..], &PADDING].concat()).await
}

/// Reads the padding behind what was just read. What it consists of makes no difference.
pub async fn skip_padding(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    stream.read_exact(&mut vec![0; PADDING.len()]).await?;
    Ok(())
}
