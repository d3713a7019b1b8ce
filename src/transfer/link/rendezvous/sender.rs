//! The sender's part of finding the other side: it puts up a code in several places at once, and waits for a receiver that
//! knows it. Wrong codes are counted over all places together. When one place fails, the others go on.

mod code_room;
mod gate;
mod online_room;
mod outage;
mod passed_on;

use std::{
    future, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use super::{
    CodeChoice, MeetBy, Meeting,
    meeting::{Met, MetBy},
    places::{OnlinePlace, OwnRelay, WaitOptions, WaitingPlaces},
    room::{leave, new_client_token},
};
use crate::{
    code::CodePhrase,
    net::{
        access::SenderKey,
        addresses,
        client::RelayChoice,
        internet::{Endpoint, Reveal},
        venue::Venue,
    },
    panics::{joined, reported},
    protocol::{
        peer::{INVITATION_WORDS, ReceiverFirst, SenderIdKey},
        relay::RoomId,
    },
    sync::lock,
    transfer::{
        error::{Impossible, TransferError},
        link::{handshake, invitation::MeetingPlace},
        notice::{Context, MetAt, Notice},
        progress::Phase,
    },
};
use code_room::{CodeRoom, EnteredRoom, Tried, first_of};
use online_room::{Guest, OnlineRoom};
use outage::{Outage, Scope};
use passed_on::PassedOn;

pub use gate::{Admitted, Gate};

/// The number of wrong codes after which a sender retires its own: enough for honest slips, and far too few for guessing.
const MAX_TRIES: u8 = 3;
/// How long a sender stays to tell receivers that its code is retired: long enough for the intended one, whose user may
/// just be typing it.
const RETIRED_NOTICE: Duration = Duration::from_mins(1);
/// The most codes that a sender draws when the room of each is taken. That is next to impossible by chance, so more draws
/// would not help either.
const MAX_DRAWS: u32 = 20;
/// How long a sender that could show its code already, because its own relay has the room, first waits for a relay of the
/// list. Nearly every relay answers sooner; without the wait, the user would briefly read that only the local network is
/// left.
const HEAD_START: Duration = Duration::from_millis(500);

/// A sender whose code is up until a receiver has come, and goes up again if that one is lost before it has answered.
pub struct WaitingSender<'a> {
    posted: PostedCode<'a>,
    passed_on: PassedOn,
    /// Whether the last receiver has come to the sender's own relay.
    is_at_own: bool,
    /// The task that ends the room on the internet once a receiver has come, who doesn't wait for it.
    leaving: JoinSet<()>,
}

impl<'a> WaitingSender<'a> {
    /// Puts up a code, and tells the user.
    ///
    /// # Errors
    ///
    /// [`TransferError::CodeTaken`] if another sender has the code, [`TransferError::PeerGone`] if there is nowhere to wait for an
    /// invited receiver, or what is wrong with the only relay.
    pub async fn put_up(
        meet_by: MeetBy,
        waits: WaitOptions,
        context: &'a Context,
    ) -> Result<Self, TransferError> {
        let (choice, places, passed_on) = match meet_by {
            MeetBy::Code(choice, places) => (choice, places, PassedOn::User),
            MeetBy::Call { code, places, is_up } => (CodeChoice::Own(code), places, PassedOn::Calls(is_up)),
            MeetBy::Invitation(follower) => {
                let place = follower.place().ok_or(TransferError::PeerGone)?;
                let choice = CodeChoice::Drawn { words: INVITATION_WORDS };
                (choice, WaitingPlaces::only(place, waits.reveal), PassedOn::Invitation(follower))
            }
        };
        let posted = PostedCode::put_up(choice, places, waits, context).await?;
        if matches!(passed_on, PassedOn::User) {
            posted.tell().await;
        }
        Ok(Self { posted, passed_on, is_at_own: false, leaving: JoinSet::new() })
    }

    /// Whether another receiver can come after one that is lost: not to a code that was named to that one alone.
    pub fn may_wait_again(&self) -> bool {
        !matches!(self.passed_on, PassedOn::Invitation(_))
    }

    /// Waits for a receiver that knows the code. Returns the connection with it, and where the two have met. When it is called
    /// again, the code goes up again; wrong codes are counted over the whole time.
    ///
    /// A relay that is lost meanwhile is tried again: by a sender with a relay of its own until a receiver has come, and by one
    /// without for as long as its patience allows.
    ///
    /// # Errors
    ///
    /// [`TransferError::TooManyTries`] if the code was guessed at too often, [`TransferError::PeerGone`] if an invited receiver
    /// doesn't come, or what is wrong with the only relay.
    pub async fn receiver(&mut self) -> Result<(Meeting, MeetingPlace), TransferError> {
        while self.leaving.join_next().await.map(joined).is_some() {}
        self.posted.go_up().await;
        self.passed_on.call(true);
        let Self { posted, passed_on, is_at_own, leaving } = self;
        // The call that counted the last wrong code may have been dropped before it could say so.
        if posted.waiting.tries_left.load(Ordering::Relaxed) == 0 {
            return Err(posted.end(TransferError::TooManyTries).await);
        }
        let code = Arc::clone(&posted.waiting.code);
        let gone = async {
            match passed_on {
                PassedOn::Invitation(follower) => follower.invite((*code).clone()).await,
                _ => future::pending().await,
            }
        };
        let (at_own, at_relay) = std::mem::take(&mut posted.entered);
        let (own, list) = posted.scopes;
        let met = tokio::select! {
            met = posted.waiting.wait_at(&posted.own_room, at_own, own) => met.map(|(_, met)| met),
            met = posted.waiting.wait_at(&posted.rooms, at_relay, list) => met.map(|(_, met)| met),
            met = posted.waiting.wait_online(posted.online.as_mut()) => met,
            gone = gone => Err(gone),
        };
        let met = match met {
            Ok(met) => met,
            Err(error) => return Err(posted.end(error).await),
        };
        passed_on.call(false);
        let is_own = met.relay().is_some_and(|relay| posted.is_own(relay));
        *is_at_own = is_own;
        posted.is_up = false;
        posted.announce(false);
        let endpoint = match posted.online.take() {
            Some(online) => {
                let endpoint = online.session().await;
                leaving.spawn(reported(online.leave(matches!(met.way, MetBy::Relay { .. }))));
                endpoint
            }
            None => None,
        };
        let place = posted.waiting.place(&met, is_own);
        posted.waiting.context.tell(Notice::Met(met_at(&met, is_own))).await;
        Ok((met.meeting(&code, is_own, endpoint).await, place))
    }

    /// Takes the code down after a call of [`receiver`](Self::receiver) was dropped.
    pub async fn rest(&mut self) {
        self.passed_on.call(false);
        self.posted.is_up = false;
        self.posted.announce(false);
        if let Some(online) = self.posted.online.take() {
            online.close().await;
        }
    }

    /// Notes that the receiver has answered, so that no other will be needed.
    pub fn settle(mut self) {
        self.leaving.detach_all();
        if let Some(own) = self.posted.own.filter(|_| !self.is_at_own) {
            own.unneeded.cancel();
        }
    }
}

/// Puts up a shared code that admits several receivers, one after the other, and keeps it up until the last of them was
/// sent on. Wrong codes are counted over the whole time.
///
/// # Errors
///
/// Anything that ends this earlier, such as [`TransferError::TooManyTries`] or the loss of the only relay.
pub async fn wait_for_several(
    choice: CodeChoice,
    places: WaitingPlaces,
    gate: Gate,
    waits: WaitOptions,
    context: &Context,
) -> Result<(), TransferError> {
    let mut posted = PostedCode::put_up(choice, places, waits, context).await?;
    posted.tell().await;
    let (at_own, at_relay) = std::mem::take(&mut posted.entered);
    let (own, list) = posted.scopes;
    let over = tokio::select! {
        error = posted.waiting.admit_at(&posted.own_room, at_own, own, &gate) => Err(error),
        error = posted.waiting.admit_at(&posted.rooms, at_relay, list, &gate) => Err(error),
        error = posted.waiting.admit_online(posted.online.as_mut(), &gate) => Err(error),
        () = gate.all_have_gone() => Ok(()),
    };
    match over {
        Ok(()) => {
            if let Some(online) = posted.online {
                online.close().await;
            }
            Ok(())
        }
        Err(error) => Err(posted.end(error).await),
    }
}

/// A code that is up, and the places where it is.
struct PostedCode<'a> {
    rooms: Vec<CodeRoom>,
    own_room: Vec<CodeRoom>,
    own: Option<OwnRelay>,
    online: Option<OnlineRoom>,
    /// What came of entering the code's rooms: at the sender's own relay, and at a relay of the list.
    entered: (Option<Tried>, Option<Tried>),
    /// The scopes of the sender's own relay and of the relays of the list.
    scopes: (Scope, Scope),
    /// With what the code goes up again on the internet.
    online_terms: Option<OnlineTerms>,
    is_up: bool,
    waiting: CodeWait<'a>,
}

impl<'a> PostedCode<'a> {
    async fn put_up(
        choice: CodeChoice,
        places: WaitingPlaces,
        WaitOptions { patience, iterations, .. }: WaitOptions,
        context: &'a Context,
    ) -> Result<Self, TransferError> {
        let WaitingPlaces { relays, own, online } = places;
        let sender = handshake::draw_sender_key()?;
        let room = |relay| {
            Ok::<_, TransferError>(CodeRoom { relay, client_token: new_client_token()?, sender, iterations })
        };
        let rooms = relays.into_iter().map(room).collect::<Result<Vec<_>, _>>()?;
        let own_room = |own: &OwnRelay| {
            let relay = RelayChoice::new(own.address.clone());
            let client_token = own.key.client_token().map_err(|_| Impossible::NoRandomness)?;
            Ok::<_, TransferError>(CodeRoom { relay, client_token, sender, iterations })
        };
        let own_room = own.iter().map(own_room).collect::<Result<Vec<_>, _>>()?;
        let online_terms = online.map(|place| OnlineTerms { place, sender, iterations });
        let begin = match &online_terms {
            Some(terms) => terms.start().await,
            None => None,
        };
        let DrawnCode { code, at_own, at_relay, online } = settle(&rooms, &own_room, begin, choice).await?;
        let in_use = match &at_relay {
            Some(Ok((at, _))) => Some(*at),
            _ => None,
        };
        let waiting = CodeWait {
            code,
            tries: Semaphore::new(usize::from(MAX_TRIES)),
            tries_left: AtomicU8::new(MAX_TRIES),
            in_use: Mutex::new(in_use),
            own_key: own.as_ref().map(|own| own.key.clone()),
            patience,
            context,
        };
        let scopes = (
            Scope { is_own: true, is_alone: rooms.is_empty() && online.is_none() },
            Scope { is_own: false, is_alone: at_own.is_none() && online.is_none() },
        );
        let entered = (at_own.map(Ok), at_relay);
        let posted =
            Self { rooms, own_room, own, online, entered, scopes, online_terms, is_up: true, waiting };
        posted.announce(true);
        Ok(posted)
    }

    /// Puts the code up again, if it was taken down. The room at a relay is entered by those who wait there.
    async fn go_up(&mut self) {
        if std::mem::replace(&mut self.is_up, true) {
            return;
        }
        // The user learns anew where the code can be found.
        *self.waiting.in_use() = None;
        self.announce(true);
        if let Some(terms) = &self.online_terms {
            self.online = terms.start().await.map(|start| start.begin(&self.waiting.code));
        }
    }

    /// Has the room announced on the local network, or no longer.
    fn announce(&self, is_there: bool) {
        if let Some(own) = &self.own {
            own.announced.send_replace(is_there.then(|| RoomId(self.waiting.code.room())));
        }
    }

    /// Shows the code to the user.
    async fn tell(&self) {
        let relay = self.relay_in_use().map(|room| room.relay.address.clone());
        self.waiting.context.tell(Notice::Code { code: (*self.waiting.code).clone(), relay }).await;
    }

    fn is_own(&self, relay: &RelayChoice) -> bool {
        self.own_room.iter().any(|room| room.relay.address == relay.address)
    }

    fn relay_in_use(&self) -> Option<&CodeRoom> {
        let in_use = *self.waiting.in_use();
        in_use.map(|at| &self.rooms[at])
    }

    /// Ends the code's time with this error, which is returned. If there were too many wrong codes, it first tells every
    /// receiver that comes within a minute.
    async fn end(&mut self, error: TransferError) -> TransferError {
        let mut online = self.online.take();
        if matches!(error, TransferError::TooManyTries) {
            self.waiting.tell_retired(self.own_room.first(), self.relay_in_use(), online.as_mut()).await;
        }
        if let Some(online) = online {
            online.close().await;
        }
        error
    }
}

/// A code whose room no other sender has, as far as that is known.
struct DrawnCode {
    code: Arc<CodePhrase>,
    /// The room at the sender's own relay.
    at_own: Option<(usize, EnteredRoom)>,
    /// What came of entering the room at a relay of the list; `None` if none has answered yet, or if there is none.
    at_relay: Option<Tried>,
    /// The room on the internet, if there is to be one.
    online: Option<OnlineRoom>,
}

/// What the room on the internet takes, whatever the code.
#[derive(Clone)]
struct OnlineTerms {
    place: OnlinePlace,
    sender: SenderIdKey,
    iterations: u32,
}

/// What a room on the internet begins with: its terms, an endpoint for the session, and one that makes the sender's calls to itself.
struct OnlineStart {
    terms: OnlineTerms,
    endpoints: (Endpoint, Endpoint),
}

impl OnlineTerms {
    async fn start(&self) -> Option<OnlineStart> {
        match bind_both(&self.place).await {
            Ok(endpoints) => Some(OnlineStart { terms: self.clone(), endpoints }),
            Err(error) => {
                tracing::warn!(%error, "nothing can be sent over the internet");
                None
            }
        }
    }
}

impl OnlineStart {
    fn begin(&self, code: &Arc<CodePhrase>) -> OnlineRoom {
        let OnlineTerms { place, sender, iterations } = self.terms.clone();
        OnlineRoom::begin(place, self.endpoints.clone(), Arc::clone(code), sender, iterations)
    }
}

/// Enters the code's room where that is possible. If the room is taken and the code was drawn, draws another one.
async fn settle(
    rooms: &[CodeRoom],
    own: &[CodeRoom],
    online: Option<OnlineStart>,
    choice: CodeChoice,
) -> Result<DrawnCode, TransferError> {
    let may_draw = if let CodeChoice::Drawn { words } = choice { Some(words) } else { None };
    let mut code = Arc::new(match choice {
        CodeChoice::Drawn { words } => draw(words)?,
        CodeChoice::Own(code) => code,
    });
    for _ in 0..MAX_DRAWS {
        let mut online_room = online.as_ref().map(|online| online.begin(&code));
        let at_own = match first_of(own, None, &code).await {
            Ok(entered) => Some(entered),
            Err(error) if rooms.is_empty() && online.is_none() => return Err(error),
            Err(error) => {
                if !own.is_empty() {
                    tracing::warn!(%error, "the relay beside this send can't be used");
                }
                None
            }
        };
        let has_another = at_own.is_some() || online.is_some();
        let on_list = async {
            match (has_another, rooms.is_empty()) {
                (_, true) => None,
                (true, false) => timeout(HEAD_START, first_of(rooms, None, &code)).await.ok(),
                (false, false) => Some(first_of(rooms, None, &code).await),
            }
        };
        let is_free_online = async {
            match &mut online_room {
                // The code is shown without this answer if it takes longer.
                Some(room) if !addresses::reachable().is_empty() => {
                    timeout(HEAD_START, room.is_free()).await.unwrap_or(true)
                }
                // Without any network there is nothing to wait for.
                _ => true,
            }
        };
        let (at_relay, is_free_online) = tokio::join!(on_list, is_free_online);
        if let (false, Some(words)) = (is_free_online, may_draw) {
            if let Some(room) = online_room {
                room.leave(true).await;
            }
            code = Arc::new(draw(words)?);
            continue;
        }
        match (at_relay, may_draw) {
            (Some(Err(TransferError::CodeTaken)), Some(words)) => code = Arc::new(draw(words)?),
            (Some(Err(error)), _) if !has_another || matches!(error, TransferError::CodeTaken) => {
                return Err(error);
            }
            (at_relay, _) => return Ok(DrawnCode { code, at_own, at_relay, online: online_room }),
        }
    }
    Err(TransferError::CodeTaken)
}

/// What the places where a code is up share while they wait for a receiver.
struct CodeWait<'a> {
    code: Arc<CodePhrase>,
    /// The tries that may still be made. One is taken for each handshake, and given back unless the code was wrong. So all
    /// places together allow no more wrong codes than a single one would.
    tries: Semaphore,
    tries_left: AtomicU8,
    /// The index of the relay that was last named to the user, and so to the other side.
    in_use: Mutex<Option<usize>>,
    /// The key by which the sender's own relay knows it, if there is one.
    own_key: Option<SenderKey>,
    patience: Duration,
    context: &'a Context,
}

impl CodeWait<'_> {
    /// Lets one receiver after the other through the gate, from one of `rooms`. Returns only if this can't go on.
    async fn admit_at(
        &self,
        rooms: &[CodeRoom],
        settled: Option<Tried>,
        scope: Scope,
        gate: &Gate,
    ) -> TransferError {
        let mut settled = settled;
        loop {
            let (at, mut met) = match self.wait_at(rooms, settled.take(), scope).await {
                Ok(met) => met,
                Err(error) => return error,
            };
            if !gate.admits() {
                // The last receiver that may come was admitted at another place a moment ago.
                if let MetBy::Relay { paired, .. } = &mut met.way {
                    leave(&mut paired.stream).await;
                }
                return future::pending().await;
            }
            let place = self.place(&met, scope.is_own);
            let meeting = met.meeting(&self.code, scope.is_own, None).await;
            let holds = gate.pass(meeting, place).await;
            if gate.is_full() {
                return future::pending().await;
            }
            // The next receiver looks at the relay where the last one was.
            let entered = rooms[at].enter(&self.code).await;
            settled = Some(entered.map(|entered| (at, entered)));
            drop(holds);
        }
    }

    /// Lets one receiver after the other through the gate that has come over the internet. Returns only if this can't go on.
    async fn admit_online(&self, online: Option<&mut OnlineRoom>, gate: &Gate) -> TransferError {
        let Some(online) = online else { return future::pending().await };
        loop {
            let met = match self.wait_online(Some(online)).await {
                Ok(met) => met,
                Err(error) => return error,
            };
            if !gate.admits() {
                // The last receiver that may come was admitted at another place a moment ago.
                drop(met);
                return future::pending().await;
            }
            let place = self.place(&met, false);
            let mut meeting = met.meeting(&self.code, false, None).await;
            // The room goes on with this endpoint, so the session must not close it.
            meeting.met_with = None;
            drop(gate.pass(meeting, place).await);
            if gate.is_full() {
                return future::pending().await;
            }
        }
    }

    /// Waits for a receiver that comes over the internet; for ever if none can. Returns an error only if this can't go on.
    async fn wait_online(&self, online: Option<&mut OnlineRoom>) -> Result<Met, TransferError> {
        let Some(online) = online else { return future::pending().await };
        loop {
            self.context.enter(Phase::WaitingForPeer);
            let Guest { mut stream, greeting, answer, endpoint, internet } =
                online.next_guest(self.context).await;
            let judged = self.judge(greeting, answer, &mut stream).await;
            if let Ok(Some(agreed)) = judged {
                return Ok(Met { way: MetBy::Internet { internet, stream, endpoint }, agreed });
            }
            online.see_off(stream);
            judged?;
        }
    }

    /// Judges whether a receiver has proven the code, and tells it. `None` if it has not.
    ///
    /// # Errors
    ///
    /// The code is retired now, or something went wrong that concerns more than this receiver.
    async fn judge(
        &self,
        greeting: handshake::Greeting,
        answer: ReceiverFirst,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Option<handshake::Agreed>, TransferError> {
        let turn = self.tries.acquire().await.expect("the semaphore is never closed");
        self.context.enter(Phase::Handshake);
        let count = || {
            turn.forget();
            // Receivers that try the code elsewhere at this moment don't count, because they have not been wrong yet.
            self.tries_left.fetch_sub(1, Ordering::Relaxed).saturating_sub(1)
        };
        let answered = greeting.answer(answer, stream, count).await;
        match answered {
            Ok(agreed) => return Ok(Some(agreed)),
            Err(TransferError::WrongCode { tries_left }) => {
                let tries_left = tries_left.unwrap_or(0);
                self.context.tell(Notice::WrongTry { tries_left }).await;
                if tries_left == 0 {
                    return Err(TransferError::TooManyTries);
                }
            }
            Err(TransferError::PeerVersion { theirs }) => {
                self.context.tell(Notice::OtherVersion { theirs }).await;
            }
            // A client came and went, or sent nonsense, without trying a code. The next one may be the right one.
            Err(
                TransferError::PeerLost | TransferError::PeerSilent { .. } | TransferError::PeerMisbehaved(_),
            ) => {}
            Err(other) => return Err(other),
        }
        Ok(None)
    }

    /// Waits for a receiver in one of `rooms`; for ever if there are none. Returns an error only if this can't go on.
    async fn wait_at(
        &self,
        rooms: &[CodeRoom],
        settled: Option<Tried>,
        scope: Scope,
    ) -> Result<(usize, Met), TransferError> {
        if rooms.is_empty() {
            return future::pending().await;
        }
        let mut outage = Outage::new(&self.in_use, rooms, scope, self.patience, self.context);
        let mut settled = settled;
        loop {
            let tried = match settled.take() {
                Some(tried) => tried,
                None => first_of(rooms, outage.loyal_to(), &self.code).await,
            };
            let error = match tried {
                Ok((at, entered)) => {
                    outage.end(at).await;
                    match self.serve(&rooms[at], entered).await {
                        Ok(met) => return Ok((at, met)),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            outage.sit_out(error).await?;
        }
    }

    /// Lets one receiver after the other try the code in a room, until one of them has proven it.
    async fn serve(&self, room: &CodeRoom, mut entered: EnteredRoom) -> Result<Met, TransferError> {
        loop {
            self.context.enter(Phase::WaitingForPeer);
            let EnteredRoom { joined, greeting } = entered;
            let mut paired = joined.paired().await?;
            // A receiver that says nothing takes nobody's turn.
            let judged = match handshake::read(&mut paired.stream).await {
                Ok(answer) => self.judge(greeting, answer, &mut paired.stream).await,
                Err(_) => Ok(None),
            };
            if !matches!(judged, Ok(Some(_))) {
                leave(&mut paired.stream).await;
            }
            if let Some(agreed) = judged? {
                let (relay, client_token) = (room.relay.clone(), room.client_token);
                return Ok(Met { way: MetBy::Relay { relay, client_token, paired }, agreed });
            }
            entered = room.enter(&self.code).await?;
        }
    }

    /// For a minute, tells every receiver that comes that the code is retired, so that the intended one learns why it can't
    /// get in.
    async fn tell_retired(
        &self,
        own: Option<&CodeRoom>,
        relay: Option<&CodeRoom>,
        online: Option<&mut OnlineRoom>,
    ) {
        self.context.tell(Notice::Retired).await;
        self.context.enter(Phase::Retired);
        let tell_online = async {
            if let Some(online) = online {
                online.tell_retired().await;
            }
        };
        let tell_all =
            async { tokio::join!(self.tell_retired_at(own), self.tell_retired_at(relay), tell_online) };
        // This ends with the minute, or earlier when both relays fail.
        let _ = timeout_at(Instant::now() + RETIRED_NOTICE, tell_all).await;
    }

    async fn tell_retired_at(&self, room: Option<&CodeRoom>) {
        let Some(room) = room else { return };
        while let Ok(joined) = room.join(&self.code, handshake::retired()).await {
            if joined.paired().await.is_err() {
                break;
            }
        }
    }

    /// Where the sender and a receiver have met.
    fn place(&self, met: &Met, is_own: bool) -> MeetingPlace {
        let venue = match &met.way {
            MetBy::Relay { relay, .. } => Venue::Relay(relay.clone()),
            MetBy::Internet { internet, .. } => Venue::Internet(internet.clone()),
        };
        MeetingPlace { venue, own_key: self.own_key.clone().filter(|_| is_own) }
    }

    fn in_use(&self) -> std::sync::MutexGuard<'_, Option<usize>> {
        lock(&self.in_use)
    }
}

/// The endpoint for the session that follows, and one that tells nothing.
async fn bind_both(OnlinePlace { internet, reveal }: &OnlinePlace) -> io::Result<(Endpoint, Endpoint)> {
    let session = Endpoint::bind(internet, None, *reveal).await?;
    Ok((session, Endpoint::bind(internet, None, Reveal::Nothing).await?))
}

fn met_at(met: &Met, is_own: bool) -> MetAt {
    match met.relay() {
        Some(_) if is_own => MetAt::OwnRelay,
        Some(relay) => MetAt::Relay(relay.address.clone()),
        None => MetAt::Internet,
    }
}

fn draw(words: usize) -> Result<CodePhrase, TransferError> {
    Ok(CodePhrase::generate(words).map_err(Impossible::Code)?)
}
