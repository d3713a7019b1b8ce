//! The code's room on the internet: an endpoint under a key that both sides make of the words. Anyone who has guessed the words
//! can take an endpoint under the same key, and the relay then passes receivers to the last that came. So the sender calls the key
//! before it takes the room, and leaves the room to another sender that answers. Later it calls itself from time to time, and sees
//! whether it hears its own call.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    code::CodePhrase,
    net::internet::{Endpoint, Incoming, Internet, IrohRelay, QuicStream, Reveal, public_key},
    panics::{joined, reported},
    protocol::peer::{EndpointId, OnlineFirst, ReceiverFirst, SenderIdKey},
    transfer::{
        link::{
            handshake::{self, Greeting, write},
            rendezvous::{
                OnlinePlace,
                online::{key, today},
            },
        },
        notice::{Context, Notice, OnlineState},
    },
};

/// The most receivers that may be about to prove the code at a time; one more makes the oldest leave.
const MAX_GUESTS: usize = 8;
/// How long a relay may take to be found before the user is told that none answers: as long as iroh looks for one, and some more.
const ONLINE_LIMIT: Duration = Duration::from_secs(8);
/// How long an earlier sender in the room has to answer before this one takes it: the way to a relay and a few round trips.
const EARLIER_LIMIT: Duration = Duration::from_millis(1500);
/// How long the sender's call to itself may take: a few round trips to the relay.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// How long the sender waits to hear its own call once it was answered.
const HEARING_LIMIT: Duration = Duration::from_secs(1);
/// The pause between two calls.
const CALL_EVERY: Duration = Duration::from_secs(30);
/// How many calls in a row may be lost before the room counts as taken, although the relay is there.
const LOST_CALLS: u32 = 2;
/// The pause before the endpoint is bound again, after that has failed.
const REBIND: Duration = Duration::from_secs(10);

/// The code's room on the internet.
pub(super) struct OnlineRoom {
    place: OnlinePlace,
    code: Arc<CodePhrase>,
    sender: SenderIdKey,
    iterations: u32,
    /// The endpoint for the session that follows. It tells this machine's addresses to all that connect to it, so its key is told to
    /// nobody but the receiver.
    session: Endpoint,
    /// Whether another endpoint for the session is being bound, and the present one is closed.
    is_renewing: bool,
    /// The endpoint that makes the calls, and tells nothing.
    caller: Endpoint,
    /// Brings the endpoint under the room's key; nothing if another sender has the room.
    posting: JoinSet<io::Result<Option<Posted>>>,
    posted: Option<Posted>,
    guests: JoinSet<Came>,
    /// Sends a guest away, the oldest first.
    by_age: VecDeque<CancellationToken>,
    calling: JoinSet<bool>,
    call: Call,
    /// How the room is doing, and what of that the user was told.
    state: Option<OnlineState>,
    told: Option<OnlineState>,
    /// Since when no relay has been there; `None` while one is.
    offline_since: Option<Instant>,
}

/// The endpoint under the room's key, for a day.
struct Posted {
    endpoint: Endpoint,
    session: Endpoint,
    caller: Endpoint,
    /// The day of the key. A clock is asked again and again, because it may be set, and the machine may sleep.
    day: u64,
}

/// The sender's calls to itself.
struct Call {
    /// When the next one is due.
    due: Instant,
    /// Whether the last one was heard.
    is_heard: bool,
    /// Until when one that was answered has to be heard.
    hear_until: Option<Instant>,
    /// How many were lost in a row.
    lost: u32,
}

impl Call {
    fn due_now() -> Self {
        Self { due: Instant::now(), is_heard: false, hear_until: None, lost: 0 }
    }
}

/// What has become of an incoming connection.
enum Came {
    /// A receiver has answered the greeting.
    Guest(Box<Guest>),
    /// The sender has called itself.
    OwnCall,
    /// Neither.
    Nobody,
}

/// A receiver that has answered the greeting, and waits for the verdict.
pub(super) struct Guest {
    pub(super) stream: QuicStream,
    pub(super) greeting: Greeting,
    pub(super) answer: ReceiverFirst,
    /// The endpoint at which it came.
    pub(super) endpoint: Endpoint,
    pub(super) internet: Internet,
}

impl OnlineRoom {
    /// Begins to put up the code on the internet.
    pub(super) fn begin(
        place: OnlinePlace,
        (session, caller): (Endpoint, Endpoint),
        code: Arc<CodePhrase>,
        sender: SenderIdKey,
        iterations: u32,
    ) -> Self {
        let begun = Instant::now();
        let mut room = Self {
            place,
            code,
            sender,
            iterations,
            session,
            is_renewing: false,
            caller,
            posting: JoinSet::new(),
            posted: None,
            guests: JoinSet::new(),
            by_age: VecDeque::new(),
            calling: JoinSet::new(),
            call: Call::due_now(),
            state: None,
            told: None,
            offline_since: Some(begun),
        };
        room.post(Duration::ZERO, false);
        room
    }

    /// The endpoint for the session that follows. One that no relay knows at the moment is replaced, because iroh looks for relays
    /// at once when it is new, and otherwise only now and then.
    pub(super) async fn session(&self) -> Option<Endpoint> {
        if !self.is_renewing && self.session.relay().is_some() {
            return Some(self.session.clone());
        }
        close(&self.session).await;
        Endpoint::bind(&self.place.internet, None, self.place.reveal).await.ok()
    }

    /// Waits until it is known whether the room is free, and returns whether it is. Safe to drop and call again.
    pub(super) async fn is_free(&mut self) -> bool {
        loop {
            match self.state {
                Some(OnlineState::Taken) => return false,
                // Where no relay is, no other words would help.
                Some(OnlineState::Reachable { .. } | OnlineState::NoRelay) => return true,
                None => {}
            }
            // Nobody knows the code yet.
            drop(self.step().await);
        }
    }

    /// The next receiver that answers the greeting. Meanwhile the user learns how the room is doing.
    pub(super) async fn next_guest(&mut self, context: &Context) -> Guest {
        loop {
            if self.state.is_some() && self.told != self.state {
                self.told.clone_from(&self.state);
                if let Some(state) = self.state.clone() {
                    context.tell(Notice::Online(state)).await;
                }
            }
            if let Some(guest) = self.step().await {
                return guest;
            }
        }
    }

    /// Lets a receiver that has not proven the code hear the verdict. Nobody waits for it.
    pub(super) fn see_off(&mut self, stream: QuicStream) {
        self.guests.spawn(reported(async move {
            stream.linger().await;
            Came::Nobody
        }));
    }

    /// Tells every receiver that comes that the code is retired.
    pub(super) async fn tell_retired(&mut self) {
        loop {
            let Some(posted) = &self.posted else {
                drop(self.step().await);
                continue;
            };
            let Some(incoming) = posted.endpoint.accept().await else { return };
            while self.guests.len() >= MAX_GUESTS && self.guests.join_next().await.is_some() {}
            self.guests.spawn(reported(async move {
                if let Some(connection) = incoming.complete().await
                    && let Ok(mut stream) = connection.open().await
                {
                    let _ = write(&mut stream, &OnlineFirst { first: handshake::retired() }).await;
                    stream.linger().await;
                }
                Came::Nobody
            }));
        }
    }

    /// Ends the room, and keeps the endpoint for the session. `is_unused` says whether the two have met elsewhere, so that the
    /// endpoint under the room's key carries nothing.
    pub(super) async fn leave(mut self, is_unused: bool) {
        self.guests.shutdown().await;
        let unused = self.posted.filter(|_| is_unused);
        tokio::join!(close(&self.caller), async {
            if let Some(posted) = unused {
                close(&posted.endpoint).await;
            }
        });
    }

    /// Ends everything.
    pub(super) async fn close(self) {
        let session = self.session.clone();
        tokio::join!(self.leave(true), session.close());
    }

    /// Waits for one thing to happen.
    async fn step(&mut self) -> Option<Guest> {
        let now = Instant::now();
        let Some(posted) = &self.posted else {
            let limit = self.offline_since.map(|since| since + ONLINE_LIMIT);
            tokio::select! {
                Some(posted) = self.posting.join_next() => match joined(posted) {
                    Ok(Some(posted)) => {
                        (self.session, self.caller) = (posted.session.clone(), posted.caller.clone());
                        self.is_renewing = false;
                        self.posted = Some(posted);
                    }
                    Ok(None) => {
                        self.state_taken();
                        self.post(CALL_EVERY, false);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the code can't be found over the internet");
                        self.state = Some(OnlineState::NoRelay);
                        self.post(REBIND, true);
                    }
                },
                () = sleep_until(limit.unwrap_or(now)), if self.state.is_none() && limit.is_some() => {
                    self.state = Some(OnlineState::NoRelay);
                }
            }
            return None;
        };
        if today() != posted.day {
            // The other side counts the next day as well.
            self.renew(false).await;
            return None;
        }
        // A receiver that comes is soon sent on to the session's endpoint.
        let is_connected = posted.endpoint.relay().is_some() && self.session.relay().is_some();
        let offline_since = if is_connected { None } else { Some(*self.offline_since.get_or_insert(now)) };
        self.offline_since = offline_since;
        if offline_since.is_some_and(|since| now >= since + ONLINE_LIMIT) {
            // By itself, iroh looks for relays again only after a while, and the network may be back.
            self.state = Some(OnlineState::NoRelay);
            self.offline_since = Some(now);
            self.renew(true).await;
            return None;
        }
        let hear_until = self.call.hear_until;
        let look_again = offline_since.unwrap_or(now) + ONLINE_LIMIT;
        let (endpoint, session) = (posted.endpoint.clone(), self.session.clone());
        tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => self.welcome(incoming),
                None => sleep(REBIND).await,
            },
            Some(came) = self.guests.join_next() => match joined(came) {
                Came::Guest(guest) => return Some(*guest),
                Came::OwnCall => self.hear_call(),
                Came::Nobody => {}
            },
            Some(is_answered) = self.calling.join_next() => self.end_call(joined(is_answered)),
            () = both_online(&endpoint, &session), if !is_connected => self.call.due = Instant::now(),
            () = sleep_until(self.call.due), if is_connected && self.calling.is_empty() && hear_until.is_none() => {
                self.make_call(&endpoint);
            }
            () = sleep_until(hear_until.unwrap_or(now)), if hear_until.is_some() => self.state_taken(),
            () = sleep_until(look_again.min(now + CALL_EVERY)) => {}
        }
        None
    }

    /// Ends the endpoint under the room's key, and begins to bind another; the one for the session as well, if it is to be another.
    async fn renew(&mut self, with_session: bool) {
        if let Some(posted) = self.posted.take() {
            posted.endpoint.close().await;
        }
        // What an earlier call would bring says nothing about the new endpoint.
        (self.calling, self.call) = (JoinSet::new(), Call::due_now());
        self.post(Duration::ZERO, with_session);
    }

    /// Begins to bind the endpoint under the room's key of today, and one for the session, if it is to be another.
    fn post(&mut self, pause: Duration, with_session: bool) {
        let OnlinePlace { internet, reveal } = self.place.clone();
        let (code, mut session, mut caller) =
            (Arc::clone(&self.code), self.session.clone(), self.caller.clone());
        self.is_renewing |= with_session;
        self.posting.spawn(reported(async move {
            sleep(pause).await;
            if with_session {
                tokio::join!(session.close(), caller.close());
                session = Endpoint::bind(&internet, None, reveal).await?;
                caller = Endpoint::bind(&internet, None, Reveal::Nothing).await?;
            }
            let day = today();
            let key = key(&code, day).await;
            let earlier = timeout(EARLIER_LIMIT, caller.connect(public_key(&key), |_| true)).await;
            if earlier.is_ok_and(|connection| connection.is_ok()) {
                return Ok(None);
            }
            let endpoint = Endpoint::bind(&internet, Some(&key), Reveal::Nothing).await?;
            Ok(Some(Posted { endpoint, session, caller, day }))
        }));
    }

    /// Greets a caller.
    fn welcome(&mut self, incoming: Incoming) {
        let Some(posted) = &self.posted else { return };
        let Ok(greeting) = Greeting::new(&self.code, self.sender, self.iterations) else { return };
        let (endpoint, internet, own) =
            (posted.endpoint.clone(), self.place.internet.clone(), self.caller.id());
        self.by_age.retain(|leaves| !leaves.is_cancelled());
        if self.by_age.len() >= MAX_GUESTS
            && let Some(oldest) = self.by_age.pop_front()
        {
            oldest.cancel();
        }
        let leaves = CancellationToken::new();
        self.by_age.push_back(leaves.clone());
        self.guests.spawn(reported(async move {
            let came = tokio::select! {
                came = greet(incoming, greeting, endpoint, internet, own) => came,
                () = leaves.cancelled() => Came::Nobody,
            };
            leaves.cancel();
            came
        }));
    }

    fn make_call(&mut self, endpoint: &Endpoint) {
        let Some(home) = endpoint.relay() else { return };
        let (caller, id) = (self.caller.clone(), endpoint.id());
        self.call.is_heard = false;
        self.call.due = Instant::now() + CALL_EVERY;
        self.calling.spawn(reported(async move {
            let answered = timeout(CALL_LIMIT, caller.connect(id, |relay| relay == home)).await;
            answered.is_ok_and(|connection| connection.is_ok())
        }));
    }

    fn end_call(&mut self, is_answered: bool) {
        if self.call.is_heard {
            return;
        }
        if is_answered {
            self.call.hear_until = Some(Instant::now() + HEARING_LIMIT);
            return;
        }
        self.call.lost += 1;
        if self.call.lost >= LOST_CALLS {
            self.state_taken();
        } else {
            self.call.due = Instant::now();
        }
    }

    /// The sender has heard its own call, so receivers reach it as well.
    fn hear_call(&mut self) {
        (self.call.is_heard, self.call.hear_until, self.call.lost) = (true, None, 0);
        let relay = self.posted.as_ref().and_then(|posted| posted.endpoint.relay());
        let relay = relay.and_then(|relay| relay.parse::<IrohRelay>().ok());
        let relay = relay.map_or_else(String::new, |relay| relay.host().to_owned());
        self.state = Some(OnlineState::Reachable { relay });
    }

    fn state_taken(&mut self) {
        (self.call.hear_until, self.call.lost) = (None, 0);
        self.call.due = Instant::now() + CALL_EVERY;
        self.state = Some(OnlineState::Taken);
    }
}

/// Closes an endpoint over which nothing goes. Where no relay knows it, there is nobody to tell, and the attempt would take a second
/// during which two that have met nearby would wait.
async fn close(endpoint: &Endpoint) {
    if endpoint.relay().is_some() {
        endpoint.close().await;
    }
}

async fn both_online(endpoint: &Endpoint, session: &Endpoint) {
    tokio::join!(endpoint.online(), session.online());
}

/// Completes a connection, greets the other side, and waits for its answer.
async fn greet(
    incoming: Incoming,
    greeting: Greeting,
    endpoint: Endpoint,
    internet: Internet,
    own: EndpointId,
) -> Came {
    let Some(connection) = incoming.complete().await else { return Came::Nobody };
    if connection.peer() == own {
        return Came::OwnCall;
    }
    let Ok(mut stream) = connection.open().await else { return Came::Nobody };
    let heard = async {
        write(&mut stream, &OnlineFirst { first: greeting.first().to_vec() }).await?;
        handshake::read::<ReceiverFirst>(&mut stream).await
    };
    match heard.await {
        Ok(answer) => Came::Guest(Box::new(Guest { stream, greeting, answer, endpoint, internet })),
        // It came and went, or sent nonsense, without trying a code.
        Err(_) => Came::Nobody,
    }
}
