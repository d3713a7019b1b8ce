//! What a sender does while a relay is not there: asks again ever more rarely, says so, or gives up.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::code_room::CodeRoom;
use crate::{
    net::{
        backoff::{Backoff, jittered},
        client::RelayClientError,
    },
    protocol::relay::Refusal,
    sync::lock,
    transfer::{
        error::TransferError,
        link::rendezvous::room::is_silence,
        notice::{Context, Notice},
        progress::Connection,
    },
};

/// How soon a relay that was lost is asked again, and how rarely at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How soon a relay is asked again that has refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);
/// How long only the relay is asked that the other side was told of, before another one of the list takes its place.
const LOYALTY: Duration = Duration::from_secs(10);

/// The time in which a relay is not there.
pub(super) struct Outage<'a> {
    /// The relay that the other side was told of last.
    in_use: &'a Mutex<Option<usize>>,
    rooms: &'a [CodeRoom],
    scope: Scope,
    patience: Duration,
    context: &'a Context,
    since: Option<Instant>,
    backoff: Backoff,
    /// What was said of it last.
    told: Option<String>,
}

impl<'a> Outage<'a> {
    pub(super) fn new(
        in_use: &'a Mutex<Option<usize>>,
        rooms: &'a [CodeRoom],
        scope: Scope,
        patience: Duration,
        context: &'a Context,
    ) -> Self {
        Self {
            in_use,
            rooms,
            scope,
            patience,
            context,
            since: None,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            told: None,
        }
    }

    /// The only relay that is asked now: who has the link goes there.
    pub(super) fn loyal_to(&self) -> Option<usize> {
        let is_fresh = self.since.is_some_and(|since| since.elapsed() < LOYALTY);
        (*self.lock_in_use()).filter(|_| is_fresh && !self.scope.is_own)
    }

    /// Waits a little longer each time; gives the error back if it is none that goes by, or, where the sender waits nowhere
    /// else, once it is of another kind or patience is at its end.
    pub(super) async fn sit_out(&mut self, error: TransferError) -> Result<(), TransferError> {
        let is_refused = match &error {
            TransferError::Relay(RelayClientError::Refused(Refusal::Draining | Refusal::TooSlow)) => false,
            TransferError::Relay(RelayClientError::Refused(_) | RelayClientError::NotARelay(_))
            | TransferError::CodeTaken => true,
            TransferError::Relay(_) => false,
            _ => return Err(error),
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.scope.is_alone {
            if is_refused || since.elapsed() >= self.patience {
                return Err(error);
            }
            self.context.update(|progress| progress.connection = Connection::LookingForRelay);
        } else if !self.scope.is_own {
            self.tell_gone(error).await;
        }
        sleep(if is_refused { jittered(REFUSED_PAUSE) } else { self.backoff.next_pause() }).await;
        Ok(())
    }

    /// Says that only the local network is left, once for each reason.
    async fn tell_gone(&mut self, why: TransferError) {
        // How a relay can't be reached may change with every try, and means the same.
        let reason = if is_silence(&why) { String::new() } else { why.to_string() };
        if self.told.as_ref() != Some(&reason) {
            self.told = Some(reason);
            self.context.tell(Notice::Reach { relay: None, why: Some(why) }).await;
        }
    }

    fn lock_in_use(&self) -> MutexGuard<'_, Option<usize>> {
        lock(self.in_use)
    }

    /// A relay has taken the room.
    pub(super) async fn end(&mut self, at: usize) {
        let was_told_gone = self.told.take().is_some();
        self.since = None;
        self.backoff.reset();
        if self.scope.is_alone {
            self.context.update(|progress| progress.connection = Connection::Up);
        }
        if self.scope.is_own {
            return;
        }
        let is_news = self.lock_in_use().replace(at) != Some(at);
        if is_news || was_told_gone {
            let relay = Some(self.rooms[at].relay.address.clone());
            self.context.tell(Notice::Reach { relay, why: None }).await;
        }
    }
}

/// What a list of relays is to the sender.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// It is the relay beside the sender.
    pub(super) is_own: bool,
    /// The sender waits nowhere else.
    pub(super) is_alone: bool,
}
