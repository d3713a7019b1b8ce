//! The sender's part: puts up a code, in several places at once, and waits for somebody who knows it. Tries at the code are
//! counted over all places together. Whatever becomes of one place, the others go on.

use std::{
    future, io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{CodeChoice, Entry, Meeting, Met, RelayChoice, graver, is_silence, join, place};
use crate::{
    code::CodePhrase,
    net::client::{self, CONNECT_LIMIT, RelayAddress, RelayClientError},
    protocol::{
        Role,
        relay::{Place, Refusal, RoomId},
    },
    transfer::{
        error::{TransferError, Unsuited},
        handshake::{self, Greeting},
        progress::{Connection, Context, Notice, Phase},
    },
};

/// After this many wrong codes a sender retires its own.
const MAX_TRIES: u8 = 3;
/// How long a sender stays to tell others that its code is retired.
const RETIRED_NOTICE: Duration = Duration::from_mins(1);
/// How often a taken room makes a sender draw again.
const MAX_DRAWS: u32 = 20;
/// How long the code waits for a relay where it could be shown without: nearly every relay answers sooner, and then nobody
/// reads of a local network for half a second.
const HEAD_START: Duration = Duration::from_millis(500);
/// How long one address of a relay may take to answer a connection while others of the list wait for their turn.
const CONNECT_LIMIT_OF_SEVERAL: Duration = Duration::from_secs(2);
/// How soon a relay that was lost is asked again, and how rarely at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How soon a relay is asked again that has refused.
const REFUSED_PAUSE: Duration = Duration::from_secs(10);
/// How long only the relay is asked that the other side was told of, before another one of the list takes its place.
const LOYALTY: Duration = Duration::from_secs(10);
/// How long the relay may take to end a pair.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// Where a sender waits.
pub struct Places {
    /// Relays in the order of preference: the first that can be reached is used.
    pub relays: Vec<RelayChoice>,
    /// The one that runs beside this sender.
    pub own: Option<OwnRelay>,
}

/// A relay that runs beside a sender, for whoever can reach this machine. Dropped when nobody is to find it any more.
pub struct OwnRelay {
    /// Where the sender itself reaches it.
    pub address: RelayAddress,
    /// The room that the local network may know of, once there is one.
    pub announced: watch::Sender<Option<RoomId>>,
    /// Cancelled when the two have met elsewhere.
    pub unneeded: CancellationToken,
}

/// Puts up a code and waits for somebody who knows it. Without a relay of its own, a relay that is lost meanwhile is asked
/// again for as long as `patience` allows; with one, for as long as nobody has come.
pub async fn wait_for_receiver(
    places: Places,
    choice: CodeChoice,
    patience: Duration,
    context: &Context,
) -> Result<Meeting, TransferError> {
    let Places { relays, own } = places;
    let rooms = relays.into_iter().map(Room::at).collect::<Result<Vec<_>, _>>()?;
    let own_room = match &own {
        Some(own) => vec![Room::at(RelayChoice { address: own.address.clone(), password: None })?],
        None => Vec::new(),
    };
    let Settled { code, at_own, at_relay } = settle(&rooms, &own_room, choice).await?;
    let in_use = match &at_relay {
        Some(Ok((at, _))) => Some(*at),
        _ => None,
    };
    if let Some(own) = &own {
        own.announced.send_replace(Some(RoomId(code.room())));
    }
    let relay = in_use.map(|at| rooms[at].relay.address.clone());
    context.tell(Notice::Code { code: (*code).clone(), relay }).await;
    let waiting = Waiting {
        code,
        tries: Semaphore::new(usize::from(MAX_TRIES)),
        tries_left: AtomicU8::new(MAX_TRIES),
        in_use: Mutex::new(in_use),
        patience,
        context,
    };
    let has_own = at_own.is_some();
    let met = tokio::select! {
        met = waiting.wait_at(&own_room, at_own.map(Ok), Scope { is_own: true, is_alone: rooms.is_empty() }) => met,
        met = waiting.wait_at(&rooms, at_relay, Scope { is_own: false, is_alone: !has_own }) => met,
    };
    match met {
        Ok(met) => {
            let is_own = own_room.iter().any(|room| room.relay.address == met.relay.address);
            if let Some(own) = own.filter(|_| !is_own) {
                own.unneeded.cancel();
            }
            let relay = (!is_own).then(|| met.relay.address.clone());
            context.tell(Notice::Met { relay }).await;
            Ok(met.meeting(&waiting.code, is_own).await)
        }
        Err(TransferError::GuessedAt) => {
            let in_use = *waiting.in_use();
            waiting.tell_retired(own_room.first(), in_use.map(|at| &rooms[at])).await;
            Err(TransferError::GuessedAt)
        }
        Err(error) => Err(error),
    }
}

/// The code's room on one relay.
struct Room {
    relay: RelayChoice,
    place: Place,
}

/// A room that the sender is in, with what it has said there.
struct Entered {
    joined: client::Joined,
    greeting: Greeting,
}

impl Room {
    fn at(relay: RelayChoice) -> Result<Self, TransferError> {
        Ok(Self { relay, place: place()? })
    }

    async fn enter(&self, code: &CodePhrase, connect_limit: Duration) -> Result<Entered, TransferError> {
        let greeting = Greeting::new(code)?;
        let joined = self.join(code, greeting.first().to_vec(), connect_limit).await?;
        Ok(Entered { joined, greeting })
    }

    async fn join(
        &self,
        code: &CodePhrase,
        first: Vec<u8>,
        connect_limit: Duration,
    ) -> Result<client::Joined, TransferError> {
        let entry = Entry { role: Role::Sender, place: self.place, connect_limit, first };
        match join(&self.relay, code, entry).await {
            Err(RelayClientError::Refused(Refusal::RoleTaken)) => Err(TransferError::CodeTaken),
            other => Ok(other?),
        }
    }
}

/// A relay of a list, by its number, and what came of entering it.
type Tried = Result<(usize, Entered), TransferError>;

/// A code whose room nobody else has, as far as that is known.
struct Settled {
    code: Arc<CodePhrase>,
    at_own: Option<(usize, Entered)>,
    /// `None`: no relay has answered yet.
    at_relay: Option<Tried>,
}

/// Draws codes until one can be shown.
async fn settle(rooms: &[Room], own: &[Room], choice: CodeChoice) -> Result<Settled, TransferError> {
    let may_draw = if let CodeChoice::Drawn { words } = choice { Some(words) } else { None };
    let mut code = Arc::new(match choice {
        CodeChoice::Drawn { words } => draw(words)?,
        CodeChoice::Own(code) => code,
    });
    for _ in 0..MAX_DRAWS {
        let at_own = match first_of(own, None, &code).await {
            Ok(entered) => Some(entered),
            Err(error) if rooms.is_empty() => return Err(error),
            Err(error) => {
                if !own.is_empty() {
                    tracing::warn!(%error, "the relay beside this send can't be used");
                }
                None
            }
        };
        let at_relay = match (&at_own, rooms.is_empty()) {
            (_, true) => None,
            (Some(_), false) => timeout(HEAD_START, first_of(rooms, None, &code)).await.ok(),
            (None, false) => Some(first_of(rooms, None, &code).await),
        };
        match (at_relay, may_draw) {
            (Some(Err(TransferError::CodeTaken)), Some(words)) => code = Arc::new(draw(words)?),
            (Some(Err(error)), _) if at_own.is_none() || matches!(error, TransferError::CodeTaken) => {
                return Err(error);
            }
            (at_relay, _) => return Ok(Settled { code, at_own, at_relay }),
        }
    }
    Err(TransferError::CodeTaken)
}

/// Enters the room on the first relay that can be reached, or on `only` one of them.
async fn first_of(rooms: &[Room], only: Option<usize>, code: &CodePhrase) -> Tried {
    let limit = if rooms.len() > 1 { CONNECT_LIMIT_OF_SEVERAL } else { CONNECT_LIMIT };
    let mut failure = None;
    for (at, room) in rooms.iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at)) {
        match room.enter(code, limit).await {
            Ok(entered) => return Ok((at, entered)),
            // Somebody else has it: another code is needed, not another relay.
            Err(error @ TransferError::CodeTaken) => return Err(error),
            Err(error) => failure = Some(graver(failure, error)),
        }
    }
    Err(failure.unwrap_or(TransferError::Relay(RelayClientError::Lost)))
}

/// A code that is up.
struct Waiting<'a> {
    code: Arc<CodePhrase>,
    /// Tries that may be made: one is taken while somebody answers, and comes back unless it was a wrong code. So all
    /// places together allow as many as one.
    tries: Semaphore,
    tries_left: AtomicU8,
    /// The relay that the other side was told of last.
    in_use: Mutex<Option<usize>>,
    patience: Duration,
    context: &'a Context,
}

/// What a list of relays is to the sender.
#[derive(Clone, Copy)]
struct Scope {
    /// It is the relay beside the sender.
    is_own: bool,
    /// The sender waits nowhere else.
    is_alone: bool,
}

impl Waiting<'_> {
    /// Waits on one of `rooms`, for ever if there are none. Comes back without anybody only if this can't go on.
    async fn wait_at(
        &self,
        rooms: &[Room],
        settled: Option<Tried>,
        scope: Scope,
    ) -> Result<Met, TransferError> {
        if rooms.is_empty() {
            return future::pending().await;
        }
        let mut outage = Outage::new(self, rooms, scope);
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
                        Ok(met) => return Ok(met),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            outage.sit_out(error).await?;
        }
    }

    /// Lets one after the other try the code.
    async fn serve(&self, room: &Room, mut entered: Entered) -> Result<Met, TransferError> {
        loop {
            self.context.enter(Phase::WaitingForPeer);
            let Entered { joined, greeting } = entered;
            let mut paired = joined.paired().await?;
            let turn = self.tries.acquire().await.expect("nothing closes it");
            self.context.enter(Phase::Handshake);
            let left = u8::try_from(self.tries.available_permits()).unwrap_or(MAX_TRIES);
            let answered = greeting.answer(&mut paired.stream, left).await;
            match &answered {
                Err(TransferError::WrongCode { .. }) => turn.forget(),
                _ => drop(turn),
            }
            if answered.is_err() {
                leave(&mut paired.stream).await;
            }
            match answered {
                Ok(agreed) => {
                    return Ok(Met { relay: room.relay.clone(), place: room.place, paired, agreed });
                }
                Err(TransferError::WrongCode { .. }) => {
                    let tries_left = self.tries_left.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
                    self.context.tell(Notice::WrongTry { tries_left }).await;
                    if tries_left == 0 {
                        return Err(TransferError::GuessedAt);
                    }
                }
                Err(TransferError::PeerVersion { theirs }) => {
                    self.context.tell(Notice::OtherVersion { theirs }).await;
                }
                // Somebody came and went, or talked nonsense, without ever trying a code. The next one may be the right one.
                Err(
                    TransferError::PeerLost
                    | TransferError::PeerSilent { .. }
                    | TransferError::PeerMisbehaved(_),
                ) => {}
                Err(other) => return Err(other),
            }
            entered = room.enter(&self.code, CONNECT_LIMIT).await?;
        }
    }

    /// For a minute, tells everybody who comes that the code is retired, so that the right person doesn't stand before a
    /// closed door without a word.
    async fn tell_retired(&self, own: Option<&Room>, relay: Option<&Room>) {
        self.context.tell(Notice::Retired).await;
        self.context.enter(Phase::Retired);
        let tell_all = async { tokio::join!(self.tell_retired_at(own), self.tell_retired_at(relay)) };
        // Its end is the clock's, or the relays'.
        let _ = timeout_at(Instant::now() + RETIRED_NOTICE, tell_all).await;
    }

    async fn tell_retired_at(&self, room: Option<&Room>) {
        let Some(room) = room else { return };
        while let Ok(joined) = room.join(&self.code, handshake::retired(), CONNECT_LIMIT).await {
            if joined.paired().await.is_err() {
                break;
            }
        }
    }

    fn in_use(&self) -> std::sync::MutexGuard<'_, Option<usize>> {
        self.in_use.lock().expect("no code panics while it holds this lock")
    }
}

/// The time in which a relay is not there.
struct Outage<'a> {
    waiting: &'a Waiting<'a>,
    rooms: &'a [Room],
    scope: Scope,
    since: Option<Instant>,
    pause: Duration,
    /// What was said of it last.
    told: Option<String>,
}

impl<'a> Outage<'a> {
    fn new(waiting: &'a Waiting<'a>, rooms: &'a [Room], scope: Scope) -> Self {
        Self { waiting, rooms, scope, since: None, pause: FIRST_PAUSE, told: None }
    }

    /// The only relay that is asked now: who has the link goes there.
    fn loyal_to(&self) -> Option<usize> {
        let is_fresh = self.since.is_some_and(|since| since.elapsed() < LOYALTY);
        (*self.waiting.in_use()).filter(|_| is_fresh && !self.scope.is_own)
    }

    /// Waits a little longer each time; gives the error back if it is none that goes by, or, where the sender waits nowhere
    /// else, once it is of another kind or patience is at its end.
    async fn sit_out(&mut self, error: TransferError) -> Result<(), TransferError> {
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
    async fn end(&mut self, at: usize) {
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

/// Ends a pair and waits until the relay has: it wipes the room before it closes the connection, so whoever comes to the
/// same room next finds neither the old one nor nothing for long.
async fn leave(stream: &mut TcpStream) {
    let leaving = async {
        stream.shutdown().await?;
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // A relay that takes its time is dealt with when the room turns out to be taken still.
    let _ = timeout(LEAVE_LIMIT, leaving).await;
}

fn draw(words: usize) -> Result<CodePhrase, TransferError> {
    Ok(CodePhrase::generate(words).map_err(Unsuited::Code)?)
}
