//! Where the receivers of a code for several pass: how many there may be, and who takes each of them from here.

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch},
    time::timeout,
};

use crate::transfer::link::{invitation::MeetingPlace, rendezvous::Meeting};

/// How long somebody who has proven a code for several may keep its room: enough to hear where to go.
const PASSAGE_LIMIT: Duration = Duration::from_secs(12);

/// Somebody who has proven a code for several, and is to be sent on.
pub struct Admitted {
    /// The two.
    pub meeting: Meeting,
    /// Where they met.
    pub place: MeetingPlace,
    /// Dropped as soon as the guest needs the code's room no more.
    pub stays: oneshot::Sender<()>,
    /// Comes to its end when the room is open to the next one. Until then the connection holds it: whoever comes finds it busy
    /// for a moment, rather than nobody there.
    pub is_free: oneshot::Receiver<()>,
}

/// Where the guests of a code for several pass.
pub struct Gate {
    admitted: mpsc::Sender<Admitted>,
    admissions: Semaphore,
    /// How many are still to go on from here.
    left: watch::Sender<u16>,
}

impl Gate {
    /// For so many, each of whom goes to `admitted`.
    pub fn new(receivers: u16, admitted: mpsc::Sender<Admitted>) -> Self {
        Self { admitted, admissions: Semaphore::new(receivers.into()), left: watch::Sender::new(receivers) }
    }

    /// Whether as many have come as there may be.
    pub(super) fn is_full(&self) -> bool {
        self.admissions.available_permits() == 0
    }

    /// Admits one more receiver, if one may still come.
    pub(super) fn admits(&self) -> bool {
        self.admissions.try_acquire().map(SemaphorePermit::forget).is_ok()
    }

    /// Lets one pass, and waits until the room is needed no more. What is given back holds the guest's connection until it
    /// is dropped.
    pub(super) async fn pass(&self, meeting: Meeting, place: MeetingPlace) -> oneshot::Sender<()> {
        let ((stays, has_left), (free, is_free)) = (oneshot::channel::<()>(), oneshot::channel());
        // Whoever shows them on may have been cancelled, and cancels this as well.
        let _ = self.admitted.send(Admitted { meeting, place, stays, is_free }).await;
        let _ = timeout(PASSAGE_LIMIT, has_left).await;
        self.left.send_modify(|left| *left = left.saturating_sub(1));
        free
    }

    pub(super) async fn all_have_gone(&self) {
        // It can't be closed: its sender is here.
        let _ = self.left.subscribe().wait_for(|left| *left == 0).await;
    }
}
