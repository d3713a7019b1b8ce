//! The wait for a receiver that has croc: at each relay where one may look, all at once, beside the wait under Caiman's own code.
//!
//! Nothing that goes wrong here ends the send, because Caiman's own code works on. Wrong codes are counted over all relays together;
//! after the third, croc's code is over.

use std::{
    collections::HashSet,
    future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::list::listed;
use crate::{
    croc::{
        code::CrocCode,
        control::CodeMeeting,
        error::CrocError,
        send::{CrocReceiver, InTheRoom, fits, meet, wait_for_receiver},
    },
    net::{backoff::Backoff, client::RelayClientError},
    panics::{joined, reported, spawn_blocking},
    protocol::{manifest::Manifest, relay::Refusal},
    transfer::{
        croc::{CrocName, CrocNews, CrocPlace, CrocPosting, CrocSend, enter},
        error::TransferError,
        notice::{Context, MetAt, Notice},
    },
};

/// The number of wrong codes after which croc's code is over, as with Caiman's own.
const MAX_TRIES: u8 = 3;
/// The first pause before a relay is entered again: a receiver whose user has mistyped the code comes back no sooner.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest such pause, to which the pauses grow. croc's relays let in a client 30 times a minute.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a stay in a room has to last for the pauses to begin anew.
const LONG_STAY: Duration = Duration::from_secs(20);

/// A receiver that has proven the code.
pub(crate) struct CrocGuest {
    pub(super) receiver: CrocReceiver<TcpStream>,
    pub(super) met_at: MetAt,
    /// The names that the user knows of.
    pub(super) named: Arc<HashSet<CrocName>>,
}

impl CrocGuest {
    /// Whether it has come to the sender's own relay.
    pub(in crate::transfer::send) fn is_at_own(&self) -> bool {
        self.met_at == MetAt::OwnRelay
    }
}

/// The wait under a code of croc.
pub(crate) struct CrocWait {
    posting: CrocPosting,
    /// What is offered, as far as it is listed.
    manifests: watch::Receiver<Option<Arc<Manifest>>>,
    shared: Arc<SharedWait>,
    is_told: bool,
    named: Arc<HashSet<CrocName>>,
}

/// What the waits at all relays share.
struct SharedWait {
    code: CrocCode,
    allows_v10: bool,
    posting: CrocPosting,
    /// The tries that may still be made. One is taken for each handshake, and given back unless the code was wrong.
    tries: Semaphore,
    tries_left: AtomicU8,
    /// Whether the user knows that a receiver has a version that is turned off.
    told_of_version: AtomicBool,
    /// Cancelled after the last wrong code.
    is_over: CancellationToken,
    context: Context,
}

impl CrocWait {
    pub(crate) fn new(
        posting: CrocPosting,
        manifests: watch::Receiver<Option<Arc<Manifest>>>,
        context: &Context,
    ) -> Self {
        let shared = Arc::new(SharedWait {
            code: posting.order.search.code.clone(),
            allows_v10: posting.order.search.allows_v10,
            posting: posting.clone(),
            tries: Semaphore::new(usize::from(MAX_TRIES)),
            tries_left: AtomicU8::new(MAX_TRIES),
            told_of_version: AtomicBool::new(false),
            is_over: CancellationToken::new(),
            context: context.clone(),
        });
        Self { posting, manifests, shared, is_told: false, named: Arc::default() }
    }

    /// Waits for a receiver that proves the code. Never returns once the code is over. May be dropped, which leaves the rooms, and
    /// called again.
    pub(crate) async fn receiver(&mut self) -> CrocGuest {
        if !self.name_all().await {
            return future::pending().await;
        }
        if !std::mem::replace(&mut self.is_told, true) {
            let CrocSend { search, relay, needs_password } = self.posting.order.clone();
            self.tell(CrocNews::Code { code: search.code, relay, needs_password }).await;
        }
        let mut visits = JoinSet::new();
        let elsewhere = self.posting.order.search.places.iter().cloned().map(|place| (place, false));
        let own = self.posting.own_places().into_iter().map(|place| (place, true));
        for (place, is_own) in elsewhere.chain(own) {
            let shared = Arc::clone(&self.shared);
            let visit = RelayVisit { shared, place, is_own, told: Told::Nothing };
            visits.spawn(reported(visit.receiver()));
        }
        let is_over = self.shared.is_over.clone();
        loop {
            tokio::select! {
                Some(met) = visits.join_next() => {
                    let (receiver, met_at) = joined(met);
                    return CrocGuest { receiver, met_at, named: Arc::clone(&self.named) };
                }
                () = is_over.cancelled() => break,
                Ok(()) = self.manifests.changed() => {
                    if !self.name_all().await {
                        break;
                    }
                }
            }
        }
        visits.shutdown().await;
        future::pending().await
    }

    /// Tells the user what croc doesn't take as it is, as soon as it is known what is offered. Returns whether croc can be told of
    /// so much.
    async fn name_all(&mut self) -> bool {
        if self.shared.is_over.is_cancelled() {
            return false;
        }
        let manifest = match self.manifests.wait_for(Option::is_some).await {
            Ok(manifest) => manifest.clone(),
            // The listing has failed, and the send ends.
            Err(_) => return false,
        };
        let Some(manifest) = manifest else { return false };
        let (fits, changes) = spawn_blocking(move || {
            let listing = listed(&manifest);
            // Each hash takes 12 characters of Base64.
            (fits(listing.list.to_json().len() + 12 * listing.entries.len()), listing.changes)
        })
        .await;
        if !fits {
            self.shared.is_over.cancel();
            self.tell(CrocNews::TooLong).await;
            return false;
        }
        let new: Vec<CrocName> = changes.into_iter().filter(|name| !self.named.contains(name)).collect();
        if !new.is_empty() {
            Arc::make_mut(&mut self.named).extend(new.iter().cloned());
            self.tell(CrocNews::Names(new)).await;
        }
        true
    }

    async fn tell(&self, news: CrocNews) {
        self.shared.context.tell(Notice::Croc(news)).await;
    }
}

/// What the user was told last about a relay.
#[derive(PartialEq, Eq)]
enum Told {
    Nothing,
    Unusable,
    Taken,
}

/// The wait at one relay.
struct RelayVisit {
    shared: Arc<SharedWait>,
    place: CrocPlace,
    /// Whether it is the sender's own.
    is_own: bool,
    told: Told,
}

impl RelayVisit {
    async fn receiver(mut self) -> (CrocReceiver<TcpStream>, MetAt) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let since = Instant::now();
            if let Some(receiver) = self.stay().await {
                let met_at =
                    if self.is_own { MetAt::OwnRelay } else { MetAt::Relay(self.place.relay.address) };
                return (receiver, met_at);
            }
            if since.elapsed() >= LONG_STAY {
                backoff.reset();
            }
            sleep(backoff.next_pause()).await;
        }
    }

    /// Stays in the room until a receiver has proven the code, or the stay is over for any other reason.
    async fn stay(&mut self) -> Option<CrocReceiver<TcpStream>> {
        let room = self.shared.code.room(self.place.version);
        let (mut joined, dial) = match enter(&room, &self.place).await {
            Ok(entered) => entered,
            Err(why) => {
                self.complain(why).await;
                return None;
            }
        };
        if self.told == Told::Unusable {
            self.told = Told::Nothing;
            self.tell(CrocNews::RelayBack(self.place.relay.address.clone())).await;
        }
        match wait_for_receiver(&mut joined).await {
            Ok(InTheRoom::Receiver) => {}
            Ok(InTheRoom::Stranger) => {
                self.complain(TransferError::CodeTaken).await;
                return None;
            }
            // A client came and left, or the relay is gone, which the next stay finds out.
            Err(_) => return None,
        }
        let turn = self.shared.tries.acquire().await.expect("the semaphore is never closed");
        let meeting = CodeMeeting {
            room: &room,
            password: self.shared.code.password(self.place.version),
            allows_v10: self.shared.allows_v10,
        };
        let addresses = self.shared.posting.addresses().filter(|_| !self.is_own);
        match meet(joined, &dial, meeting, &self.place.password, addresses.as_ref()).await {
            Ok(receiver) => Some(receiver),
            Err(CrocError::WrongCode) => {
                turn.forget();
                let tries_left = self.shared.tries_left.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
                self.tell(CrocNews::WrongTry { tries_left }).await;
                if tries_left == 0 {
                    self.shared.is_over.cancel();
                }
                None
            }
            Err(CrocError::VersionOff) => {
                if !self.shared.told_of_version.swap(true, Ordering::Relaxed) {
                    self.tell(CrocNews::VersionOff).await;
                }
                None
            }
            // A client came and went, or sent nonsense, without trying a code. The next one may be the right one.
            Err(error) => {
                tracing::debug!(%error, "a croc came and has not proven the code");
                None
            }
        }
    }

    /// Tells the user what is wrong with the relay, unless the last news was the same.
    async fn complain(&mut self, why: TransferError) {
        // Of a relay that the user has not named, it is of no use to hear.
        if self.is_own {
            return tracing::debug!(error = %why, "no croc can come over this send's own relay");
        }
        let (why, told) = match why {
            TransferError::Relay(RelayClientError::Refused(Refusal::RoleTaken))
            | TransferError::CodeTaken => (TransferError::CodeTaken, Told::Taken),
            why => (why, Told::Unusable),
        };
        if self.told != told {
            self.told = told;
            self.tell(CrocNews::NoRelay { relay: self.place.relay.address.clone(), why }).await;
        }
    }

    async fn tell(&self, news: CrocNews) {
        self.shared.context.tell(Notice::Croc(news)).await;
    }
}
