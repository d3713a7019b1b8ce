//! What a sender does while a relay can't be used: it tries again with growing pauses, tells the user, or gives up.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::code_room::CodeRoom;
use crate::{
    net::{
        access::GUESS_PAUSE,
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

/// The first pause before a relay that was lost is tried again: a relay that restarts may be back soon.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before a relay that was lost is tried again, to which the pauses grow. It balances a quick return to
/// the room against tries that find nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The pause before a relay that has refused is tried again. It can be reached then, and its refusal asks for fewer tries.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);
/// How long only the relay that the user has passed on with the code is tried, before another one of the list may take its
/// place: a receiver that was given the code looks for the sender there.
const LOYALTY: Duration = Duration::from_secs(10);

/// The loss of a relay, from the first failed try until the sender is in a room again.
pub(super) struct Outage<'a> {
    /// The index of the relay that was last named to the user, and so to the other side.
    in_use: &'a Mutex<Option<usize>>,
    rooms: &'a [CodeRoom],
    scope: Scope,
    patience: Duration,
    context: &'a Context,
    /// When the outage began; `None` while there is none.
    since: Option<Instant>,
    backoff: Backoff,
    /// The reason of the outage that the user was last told; empty for a relay's silence.
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

    /// The index of the relay to be tried alone now, if there is one: a receiver that was given the code looks there.
    pub(super) fn loyal_to(&self) -> Option<usize> {
        let is_fresh = self.since.is_some_and(|since| since.elapsed() < LOYALTY);
        (*self.lock_in_use()).filter(|_| is_fresh && !self.scope.is_own)
    }

    /// Waits before the next try, a little longer each time.
    ///
    /// # Errors
    ///
    /// Returns the given error if it is not a relay's. Where the sender waits nowhere else, it also does so if the relay's
    /// refusal is not one that goes by, or once the outage has lasted longer than the sender's patience.
    pub(super) async fn sit_out(&mut self, error: TransferError) -> Result<(), TransferError> {
        let is_refused = match &error {
            // Others may have used up what this address or its network may do at the moment.
            TransferError::Relay(RelayClientError::Refused(
                Refusal::Draining | Refusal::TooSlow | Refusal::TooManyJoins | Refusal::TooMuchFromHere,
            )) => false,
            TransferError::Relay(RelayClientError::Refused(_) | RelayClientError::NotARelay(_))
            | TransferError::CodeTaken => true,
            TransferError::Relay(_) => false,
            _ => return Err(error),
        };
        let pause = match &error {
            TransferError::Relay(RelayClientError::Refused(Refusal::PasswordWrong)) => jittered(GUESS_PAUSE),
            _ if is_refused => jittered(REFUSED_PAUSE),
            _ => self.backoff.next_pause(),
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
        sleep(pause).await;
        Ok(())
    }

    /// Tells the user, once for each reason, that receivers can come only through the local network now.
    async fn tell_gone(&mut self, why: TransferError) {
        // The words for a relay's silence may change with every try, and mean nothing new.
        let reason = if is_silence(&why) { String::new() } else { why.to_string() };
        if self.told.as_ref() != Some(&reason) {
            self.told = Some(reason);
            self.context.tell(Notice::Reach { relay: None, why: Some(why) }).await;
        }
    }

    fn lock_in_use(&self) -> MutexGuard<'_, Option<usize>> {
        lock(self.in_use)
    }

    /// Ends the outage, now that the sender is in the room on the relay with the index `at`.
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
    /// Whether it holds only the relay that runs beside the sender.
    pub(super) is_own: bool,
    /// Whether the sender waits nowhere else.
    pub(super) is_alone: bool,
}
