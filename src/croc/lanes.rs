//! The receiver's data connections: opened all at once, each read by a task of its own.
//!
//! A lane checks of each chunk that it was asked for before the chunk is passed on. Decrypting and writing happen on the blocking
//! pool, for all frames at once that have arrived. Where what is written can't be taken at the moment, the lane reads nothing more,
//! so the sender comes to rest as well.

use std::{
    convert::Infallible,
    io,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    channel::TrafficKey,
    chunks::{CHUNK_LEN, ChunkError, ChunkOpener, Coding, WantedChunks},
    client::{MAX_LANES, join},
    error::{CrocError, StoreFailed},
    frame::KEEP_ALIVE,
    link::{FrameStream, Link},
};
use crate::{
    panics::{joined, reported, spawn_blocking},
    sync::lock,
};

/// The longest sealed chunk: DEFLATE may make a chunk a little longer.
const MAX_SEALED: usize = 2 * CHUNK_LEN;
/// How long a connection may take to be made.
const DIAL_LIMIT: Duration = Duration::from_secs(15);
/// How long a lane waits before it offers a chunk again that could not be taken.
const RETRY: Duration = Duration::from_millis(20);

/// Makes connections to the relay's ports.
pub trait Dial: Send + Sync {
    /// What the connections are.
    type Stream: FrameStream;

    /// Connects to a port of the relay.
    fn dial(&self, port: u16) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// How the relay is joined for data. Has no `Debug`, because that would show the password.
#[derive(Clone, Copy)]
pub struct LaneOrder<'a> {
    /// The relay's password.
    pub relay_password: &'a str,
    /// The room of the control channel, after which those of the lanes are called.
    pub room: &'a str,
    /// The ports that the relay has named.
    pub ports: &'a [u16],
}

/// Opens all lanes, or none.
pub async fn open<D: Dial>(dial: &D, order: LaneOrder<'_>) -> Result<Vec<Link<D::Stream>>, CrocError> {
    let one = async |number: usize, port: u16| {
        let stream = timeout(DIAL_LIMIT, dial.dial(port))
            .await
            .map_err(|_| CrocError::Silence)?
            .map_err(CrocError::Connection)?;
        let room = format!("{}-{number}", order.room);
        let mut link = join(stream, order.relay_password, &room).await?.link;
        link.set_limit(MAX_SEALED);
        Ok::<_, CrocError>(link)
    };
    let ports = order.ports.iter().take(MAX_LANES).enumerate();
    all_of(ports.map(|(number, port)| one(number, *port)).collect()).await
}

/// Waits for all of them side by side; the first error ends all.
async fn all_of<T>(futures: Vec<impl Future<Output = Result<T, CrocError>>>) -> Result<Vec<T>, CrocError> {
    use std::task::Poll;
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_pending = false;
        for (future, done) in &mut futures {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(Ok(value)) => *done = Some(value),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => is_pending = true,
                }
            }
        }
        if is_pending {
            return Poll::Pending;
        }
        Poll::Ready(Ok(futures.iter_mut().filter_map(|(_, done)| done.take()).collect()))
    })
    .await
}

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkTaken {
    /// It is stored, or kept until it can be.
    Whole,
    /// It can't be taken at the moment, and is to be offered again.
    NotNow,
}

/// Where chunks go, from all lanes at once.
pub trait ChunkStore: Send + Sync + 'static {
    /// Takes bytes of a file that were asked for, which begin at `start`. Blocks on the disk.
    fn take(&self, index: usize, start: u64, bytes: &[u8]) -> Result<ChunkTaken, StoreFailed>;

    /// Whether nothing is taken at the moment, so that a sender that sends nothing is not silent.
    fn is_resting(&self) -> bool;
}

/// The lanes of a receiver. Dropping it ends them.
pub struct CrocLanes {
    tasks: JoinSet<CrocError>,
    file: Arc<CurrentFile>,
}

/// The file that chunks belong to.
#[derive(Default)]
struct CurrentFile {
    wanted: Mutex<Option<(usize, Coding, WantedChunks)>>,
    /// How many chunks are still to be taken.
    left: AtomicU64,
    all_taken: Notify,
}

impl CrocLanes {
    /// Reads these lanes from now on.
    pub fn new<S: FrameStream>(lanes: Vec<Link<S>>, key: &TrafficKey, store: &Arc<impl ChunkStore>) -> Self {
        let file = Arc::new(CurrentFile::default());
        let mut tasks = JoinSet::new();
        for link in lanes {
            let lane = ReadLane {
                link,
                opener: ChunkOpener::new(key.clone()),
                file: Arc::clone(&file),
                store: Arc::clone(store),
                again: None,
            };
            tasks.spawn(reported(async move {
                let Err(error) = lane.read().await;
                error
            }));
        }
        Self { tasks, file }
    }

    /// How many lanes there are.
    pub fn count(&self) -> u16 {
        self.tasks.len() as u16
    }

    /// Expects these ranges of a file from now on. The request must not have been sent yet.
    pub fn expect(&self, index: usize, coding: Coding, size: u64, ranges: &[Range<u64>]) {
        let wanted = WantedChunks::new(size, ranges);
        self.file.left.store(wanted.left(), Ordering::Release);
        *lock(&self.file.wanted) = Some((index, coding, wanted));
    }

    /// How many chunks have not been taken yet.
    pub fn left(&self) -> u64 {
        self.file.left.load(Ordering::Acquire)
    }

    /// Waits until all chunks are taken, or until a lane fails. Can be cancelled.
    pub async fn finished(&mut self) -> Result<(), CrocError> {
        loop {
            let all_taken = self.file.all_taken.notified();
            if self.left() == 0 {
                return Ok(());
            }
            tokio::select! {
                () = all_taken => {}
                Some(ended) = self.tasks.join_next() => return Err(joined(ended)),
            }
        }
    }

    /// Ends all lanes. What is being stored at this moment is stored.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// One lane.
struct ReadLane<S, T> {
    link: Link<S>,
    opener: ChunkOpener,
    file: Arc<CurrentFile>,
    store: Arc<T>,
    /// A chunk that could not be taken: the file's index, its place, its bytes.
    again: Option<(usize, u64, Vec<u8>)>,
}

impl<S: FrameStream, T: ChunkStore> ReadLane<S, T> {
    async fn read(mut self) -> Result<Infallible, CrocError> {
        loop {
            if self.again.is_some() {
                sleep(RETRY).await;
            } else {
                self.link.ready().await?;
            }
            let taken;
            (self, taken) = spawn_blocking(move || {
                let taken = self.take_arrived();
                (self, taken)
            })
            .await;
            taken?;
        }
    }

    /// Takes every chunk that has arrived, as far as that is possible. Blocks on the disk.
    fn take_arrived(&mut self) -> Result<(), CrocError> {
        if let Some((index, start, bytes)) = self.again.take() {
            match self.store.take(index, start, &bytes)? {
                ChunkTaken::Whole => self.file.count(),
                ChunkTaken::NotNow => {
                    self.again = Some((index, start, bytes));
                    return Ok(());
                }
            }
        }
        while let Some(frame) = self.link.arrived()? {
            if frame == KEEP_ALIVE {
                continue;
            }
            let coding = lock(&self.file.wanted).as_ref().ok_or(ChunkError::NotWanted)?.1;
            let (start, bytes) = self.opener.open(coding, frame)?;
            let index = {
                let mut current = lock(&self.file.wanted);
                let (index, _, wanted) = current.as_mut().ok_or(ChunkError::NotWanted)?;
                wanted.take(start, bytes.len())?;
                *index
            };
            match self.store.take(index, start, bytes)? {
                ChunkTaken::Whole => self.file.count(),
                ChunkTaken::NotNow => {
                    self.again = Some((index, start, bytes.to_vec()));
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl CurrentFile {
    /// Counts a chunk that was taken.
    fn count(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_taken.notify_one();
        }
    }
}
