//! What a sender does while a relay is not there: asks again ever more rarely, says so, or gives up.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Room, Scope, Waiting};
use crate::{
    net::client::RelayClientError,
    protocol::relay::Refusal,
    transfer::{error::TransferError, notice::Notice, progress::Connection, rendezvous::is_silence},
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
    waiting: &'a Waiting<'a>,
    rooms: &'a [Room],
    scope: Scope,
    since: Option<Instant>,
    pause: Duration,
    /// What was said of it last.
    told: Option<String>,
}

impl<'a> Outage<'a> {
    pub(super) fn new(waiting: &'a Waiting<'a>, rooms: &'a [Room], scope: Scope) -> Self {
        Self { waiting, rooms, scope, since: None, pause: FIRST_PAUSE, told: None }
    }

    /// The only relay that is asked now: who has the link goes there.
    pub(super) fn loyal_to(&self) -> Option<usize> {
        let is_fresh = self.since.is_some_and(|since| since.elapsed() < LOYALTY);
        (*self.waiting.in_use()).filter(|_| is_fresh && !self.scope.is_own)
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
            if is_refused || since.elapsed() >= self.waiting.patience {
                return Err(error);
            }
            self.waiting.context.update(|progress| progress.connection = Connection::LookingForRelay);
        } else if !self.scope.is_own {
            self.tell_gone(error).await;
        }
        sleep(if is_refused { REFUSED_PAUSE } else { self.pause }).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// Says that only the local network is left, once for each reason.
    async fn tell_gone(&mut self, why: TransferError) {
        // How a relay can't be reached may change with every try, and means the same.
        let reason = if is_silence(&why) { String::new() } else { why.to_string() };
        if self.told.as_ref() != Some(&reason) {
            self.told = Some(reason);
            self.waiting.context.tell(Notice::Reach { relay: None, why: Some(why) }).await;
        }
    }

    /// A relay has taken the room.
    pub(super) async fn end(&mut self, at: usize) {
        let was_told_gone = self.told.take().is_some();
        (self.since, self.pause) = (None, FIRST_PAUSE);
        if self.scope.is_alone {
            self.waiting.context.update(|progress| progress.connection = Connection::Up);
        }
        if self.scope.is_own {
            return;
        }
        let is_news = self.waiting.in_use().replace(at) != Some(at);
        if is_news || was_told_gone {
            let relay = Some(self.rooms[at].relay.address.clone());
            self.waiting.context.tell(Notice::Reach { relay, why: None }).await;
        }
    }
}
