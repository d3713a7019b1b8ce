//! How a receiver that has everything takes leave: it waits until the sender has confirmed that it knows, for a limited time.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

use super::Control;
use crate::transfer::{link::wire::LOOK_EVERY, progress::Connection};

/// How long a receiver that has everything waits, while the connection works, for the sender to confirm that it knows this.
/// A peer that answers at all does so within a round trip; the rest is for lanes whose bytes still fill the path between
/// the two.
const FAREWELL: Duration = Duration::from_secs(20);
/// How long a receiver that has everything waits in all for the sender's confirmation, when the connection is lost
/// meanwhile. Most outages on the road are shorter, and a sender that never comes back must not keep the user from closing
/// the program for longer.
pub(crate) const LONGEST_FAREWELL: Duration = Duration::from_mins(2);
/// How long such a receiver still waits once its user has cancelled: a few round trips.
const CANCELLED_FAREWELL: Duration = Duration::from_secs(3);

impl Control {
    /// Ends the session once the other side has confirmed the last messages, which closing the connection at once could
    /// destroy in flight. It is not waited for without end, nor after a message of the other side that `is_last_word`.
    pub(crate) async fn finish_confirmed<T: DeserializeOwned>(mut self, is_last_word: impl Fn(&T) -> bool) {
        self.wait_for_confirmation(is_last_word).await;
        // A peer that has confirmed and left is not lost.
        self.context.update(|progress| progress.connection = Connection::Up);
        self.part().await;
    }

    async fn wait_for_confirmation<T: DeserializeOwned>(&mut self, is_last_word: impl Fn(&T) -> bool) {
        let start = Instant::now();
        let longest = start + self.patience.min(LONGEST_FAREWELL).max(FAREWELL);
        let mut give_up = start + FAREWELL;
        let mut cancelled_at = None;
        while !self.peer_has_ended && Instant::now() < give_up.min(longest) {
            if self.context.cancel.is_cancelled() {
                let cancelled_at = cancelled_at.get_or_insert_with(Instant::now);
                if cancelled_at.elapsed() >= CANCELLED_FAREWELL {
                    return;
                }
            }
            match timeout(LOOK_EVERY, self.next_or_heard::<T>()).await {
                Ok(Ok(Some(message))) => self.peer_has_ended = is_last_word(&message),
                // A peer that has confirmed everything may leave, so its loss is no error here.
                Ok(Ok(None) | Err(_)) => return,
                Err(_) if self.hears() => {}
                Err(_) if self.context.cancel.is_cancelled() => return,
                Err(_) => give_up = Instant::now() + FAREWELL,
            }
        }
    }
}
