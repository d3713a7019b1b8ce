//! A limit on bytes a second, shared by all lanes of a transfer.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// A limit, or none.
#[derive(Debug)]
pub struct Throttle {
    bytes_per_sec: Option<u64>,
    free_at: Mutex<Instant>,
}

impl Throttle {
    /// `None` is no limit; zero counts as one byte a second.
    pub fn new(bytes_per_sec: Option<u64>) -> Self {
        let bytes_per_sec = bytes_per_sec.map(|rate| rate.max(1));
        Self { bytes_per_sec, free_at: Mutex::new(Instant::now()) }
    }

    /// Waits until `bytes` more may be sent.
    pub async fn take(&self, bytes: usize) {
        let Some(rate) = self.bytes_per_sec else { return };
        let start = {
            let mut free_at = self.lock();
            // Time that passed unused is not saved up, so a pause is not followed by a burst.
            let start = (*free_at).max(Instant::now());
            *free_at = start + Duration::from_secs_f64(bytes as f64 / rate as f64);
            start
        };
        sleep_until(start).await;
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.free_at.lock().expect("no code panics while it holds this lock")
    }
}
