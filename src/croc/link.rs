//! Frames over one connection, read and written. Reading can be cancelled at any time without losing a byte; writing can't.

use std::{collections::VecDeque, io};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    error::CrocError,
    frame::{self, Decoder, KEEP_ALIVE, MAX_EARLY_PAYLOAD},
};

/// What a connection needs to be able to do.
pub trait FrameStream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> FrameStream for S {}

/// A connection that carries frames.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    decoder: Decoder,
    /// Frames that came before their turn.
    early: VecDeque<Vec<u8>>,
    /// The frame that was given last, if it was an early one.
    current: Vec<u8>,
    /// What the peer has not answered in time, and may answer yet.
    pub(super) unanswered: Option<Unanswered>,
}

/// A question that was not answered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// One that anybody can answer.
    Question,
    /// One that was sealed, so a peer with another code can't open it.
    Sealed,
}

impl<S: FrameStream> Link<S> {
    /// Reads frames of up to [`MAX_EARLY_PAYLOAD`].
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            decoder: Decoder::new(MAX_EARLY_PAYLOAD),
            early: VecDeque::new(),
            current: Vec::new(),
            unanswered: None,
        }
    }

    /// Allows frames of up to `limit` bytes from the next one on.
    pub fn set_limit(&mut self, limit: usize) {
        self.decoder.set_limit(limit);
    }

    /// Reads the next frame. It may be changed in place.
    pub async fn read(&mut self) -> Result<&mut [u8], CrocError> {
        self.ready().await?;
        Ok(self.arrived()?.expect("a frame has arrived whole"))
    }

    /// The next frame, if it has arrived whole already. It may be changed in place.
    pub fn arrived(&mut self) -> Result<Option<&mut [u8]>, CrocError> {
        if let Some(early) = self.early.pop_front() {
            self.current = early;
            return Ok(Some(&mut self.current));
        }
        Ok(self.decoder.take()?)
    }

    /// Waits until a frame has arrived whole, and leaves it to be read. Can be cancelled at any time.
    pub async fn ready(&mut self) -> Result<(), CrocError> {
        while self.early.is_empty() && !self.decoder.is_ready()? {
            let read = self.stream.read(self.decoder.space()).await.map_err(CrocError::Connection)?;
            if read == 0 {
                return Err(CrocError::Connection(io::ErrorKind::UnexpectedEof.into()));
            }
            self.decoder.filled(read);
        }
        Ok(())
    }

    /// Reads the next frame that is no keep-alive.
    pub async fn read_awake(&mut self) -> Result<&mut [u8], CrocError> {
        while self.peek().await? == KEEP_ALIVE {
            self.read().await?;
        }
        self.read().await
    }

    /// Waits for the next frame and leaves it to be read.
    pub async fn peek(&mut self) -> Result<&[u8], CrocError> {
        if self.early.is_empty() {
            let frame = self.read().await?.to_vec();
            self.early.push_back(frame);
        }
        Ok(self.early.front().expect("a frame was put there"))
    }

    /// Puts frames back, to be read before all others.
    pub fn put_back(&mut self, frames: Vec<Vec<u8>>) {
        for frame in frames.into_iter().rev() {
            self.early.push_front(frame);
        }
    }

    /// Writes a payload as one frame.
    pub async fn write(&mut self, payload: &[u8]) -> Result<(), CrocError> {
        self.write_frames(&frame::encode(payload)).await
    }

    /// Writes whole frames.
    pub async fn write_frames(&mut self, frames: &[u8]) -> Result<(), CrocError> {
        self.stream.write_all(frames).await.map_err(CrocError::Connection)?;
        self.stream.flush().await.map_err(CrocError::Connection)
    }

    /// Says that nothing more is written.
    pub async fn close(&mut self) {
        // The connection is done with; that it may be lost already changes nothing.
        let _ = self.stream.shutdown().await;
    }
}
