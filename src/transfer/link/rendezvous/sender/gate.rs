//! The gate that the receivers of a shared code pass: how many there may be, and where each of them is sent on to its own
//! transfer.

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch},
    time::timeout,
};

use crate::transfer::link::{invitation::MeetingPlace, rendezvous::Meeting};

/// How long a receiver that has proven a shared code may keep the code's room: enough to learn the code of its own
/// transfer.
const PASSAGE_LIMIT: Duration = Duration::from_secs(12);

/// A receiver that has proven a shared code, and is to be sent on to a transfer of its own.
pub struct Admitted {
    /// The connection between the sender and this receiver.
    pub meeting: Meeting,
    /// The relay at which they met.
    pub place: MeetingPlace,
    /// Dropped as soon as this receiver no longer needs the code's room.
    pub stays: oneshot::Sender<()>,
    /// Ends when the code's room is open to the next receiver. Until then the connection is kept, and with it the room, so
    /// that the next receiver finds the code busy for a moment and not gone.
    pub is_free: oneshot::Receiver<()>,
}

/// Counts the receivers of a shared code, and passes each of them on.
pub struct Gate {
    admitted: mpsc::Sender<Admitted>,
    /// How many more receivers may be admitted.
    admissions: Semaphore,
    /// How many receivers have yet to be sent on.
    left: watch::Sender<u16>,
}

impl Gate {
    /// A gate for this many receivers. Each of them is handed to `admitted`.
    pub fn new(receivers: u16, admitted: mpsc::Sender<Admitted>) -> Self {
        Self { admitted, admissions: Semaphore::new(receivers.into()), left: watch::Sender::new(receivers) }
    }

    /// Whether as many receivers were admitted as there may be.
    pub(super) fn is_full(&self) -> bool {
        self.admissions.available_permits() == 0
    }

    /// Admits one more receiver, if there may be one more. Returns whether it did.
    pub(super) fn admits(&self) -> bool {
        self.admissions.try_acquire().map(SemaphorePermit::forget).is_ok()
    }

    /// Hands on a receiver that was admitted, and waits until it no longer needs the code's room. Its connection is kept
    /// until the result is dropped.
    pub(super) async fn pass(&self, meeting: Meeting, place: MeetingPlace) -> oneshot::Sender<()> {
        let ((stays, has_left), (free, is_free)) = (oneshot::channel::<()>(), oneshot::channel());
        // The task that sends receivers on may have been cancelled; then this one is about to be cancelled as well.
        let _ = self.admitted.send(Admitted { meeting, place, stays, is_free }).await;
        let _ = timeout(PASSAGE_LIMIT, has_left).await;
        self.left.send_modify(|left| *left = left.saturating_sub(1));
        free
    }

    /// Waits until every receiver was sent on.
    pub(super) async fn all_have_gone(&self) {
        // This can't fail, because `self` holds the channel's sending end.
        let _ = self.left.subscribe().wait_for(|left| *left == 0).await;
    }
}
