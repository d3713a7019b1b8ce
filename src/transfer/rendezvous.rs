//! How a sender and a receiver find each other: the code, the room, the handshake, and the end of a code that was guessed
//! at too often.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    error::TransferError,
    handshake::{self, Greeting, Keys},
    progress::{Connection, Context, Notice, Phase},
};
use crate::{
    code::CodePhrase,
    net::client::{
        self, CONNECT_LIMIT, Join, LaneAddress, Paired, RelayAddress, RelayClientError, draw_place,
    },
    protocol::{
        Role,
        relay::{LaneToken, Place, Refusal, RoomId},
    },
};

/// After this many wrong codes a sender retires its own.
const MAX_TRIES: u8 = 3;
/// How long a sender stays to tell others that its code is retired.
const RETIRED_NOTICE: Duration = Duration::from_mins(1);
/// How often a taken room makes a sender draw again.
const MAX_DRAWS: u32 = 20;
/// How soon a relay that was lost is asked again, and how rarely at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long the relay may take to end a pair.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);
/// How long a relay may take to show that it is still there.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// A relay and the way into it.
#[derive(Clone)]
pub struct RelayChoice {
    /// Where it is.
    pub address: RelayAddress,
    /// Its access password, if it has one.
    pub password: Option<String>,
}

/// Which code a sender uses.
pub enum CodeChoice {
    /// One drawn from the word list, of this many words.
    Drawn {
        /// Four to six.
        words: usize,
    },
    /// The person's own.
    Own(CodePhrase),
}

/// Two peers that know each other's keys.
pub struct Meeting {
    /// The pipe between them.
    pub stream: TcpStream,
    /// Where lanes are opened.
    pub lanes: LaneAddress,
    /// Their name.
    pub token: LaneToken,
    /// Both channels' keys.
    pub keys: Keys,
}

/// Puts up a code and waits for somebody who knows it. A relay that is lost meanwhile is asked again for as long as
/// `patience` allows.
pub async fn wait_for_receiver(
    relay: &RelayChoice,
    choice: CodeChoice,
    patience: Duration,
    context: &Context,
) -> Result<Meeting, TransferError> {
    let may_draw = if let CodeChoice::Drawn { words } = choice { Some(words) } else { None };
    let mut code = Arc::new(match choice {
        CodeChoice::Drawn { words } => draw(words)?,
        CodeChoice::Own(code) => code,
    });
    let place = place()?;
    let mut tries_left = MAX_TRIES;
    let mut draws = 1;
    let mut is_shown = false;
    let mut outage = Outage::new(patience, context);
    loop {
        let greeting = Greeting::new(&code)?;
        let joined = match join_as_sender(relay, &code, place, greeting.first()).await {
            Err(TransferError::CodeTaken) if !is_shown && draws < MAX_DRAWS && may_draw.is_some() => {
                code = Arc::new(draw(may_draw.unwrap_or_default())?);
                draws += 1;
                continue;
            }
            Err(error) if is_shown => {
                outage.sit_out(error).await?;
                continue;
            }
            other => other?,
        };
        outage.end();
        if !is_shown {
            context.tell(Notice::Code { code: (*code).clone(), relay: relay.address.clone() }).await;
            is_shown = true;
        }
        context.enter(Phase::WaitingForPeer);
        let mut paired = match joined.paired().await {
            Ok(paired) => paired,
            Err(error) => {
                outage.sit_out(error.into()).await?;
                continue;
            }
        };
        context.enter(Phase::Handshake);
        let answered = greeting.answer(&code, &mut paired.stream, tries_left - 1).await;
        if answered.is_err() {
            leave(&mut paired.stream).await;
        }
        match answered {
            Ok(keys) => return Ok(meeting(paired, keys)),
            Err(TransferError::WrongCode { .. }) => {
                tries_left -= 1;
                context.tell(Notice::WrongTry { tries_left }).await;
                if tries_left == 0 {
                    tell_retired(relay, &code, place, context).await;
                    return Err(TransferError::GuessedAt);
                }
            }
            Err(TransferError::PeerVersion { theirs }) => context.tell(Notice::OtherVersion { theirs }).await,
            // Somebody came and went, or talked nonsense, without ever trying a code. The next one may be the right one.
            Err(
                TransferError::PeerLost | TransferError::PeerSilent { .. } | TransferError::PeerMisbehaved(_),
            ) => {}
            Err(other) => return Err(other),
        }
    }
}

/// The time in which a relay that was there is not.
struct Outage<'a> {
    patience: Duration,
    context: &'a Context,
    since: Option<Instant>,
    pause: Duration,
}

impl<'a> Outage<'a> {
    fn new(patience: Duration, context: &'a Context) -> Self {
        Self { patience, context, since: None, pause: FIRST_PAUSE }
    }

    /// Waits a little longer each time; gives the error back once it is of another kind, or patience is at its end.
    async fn sit_out(&mut self, error: TransferError) -> Result<(), TransferError> {
        let is_outage = matches!(
            error,
            TransferError::Relay(
                RelayClientError::Lost
                    | RelayClientError::Unreachable { .. }
                    | RelayClientError::Refused(Refusal::Draining | Refusal::TooSlow)
            )
        );
        let since = *self.since.get_or_insert_with(Instant::now);
        if !is_outage || since.elapsed() >= self.patience {
            return Err(error);
        }
        self.context.update(|progress| progress.connection = Connection::LookingForRelay);
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    fn end(&mut self) {
        (self.since, self.pause) = (None, FIRST_PAUSE);
        self.context.update(|progress| progress.connection = Connection::Up);
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

/// Joins the sender who waits under `code`.
pub async fn meet_sender(
    relay: &RelayChoice,
    code: &Arc<CodePhrase>,
    context: &Context,
) -> Result<Meeting, TransferError> {
    let paired = join(relay, code, Role::Receiver, place()?, Vec::new()).await;
    let joined = paired.map_err(|error| match error {
        RelayClientError::Refused(Refusal::NoSuchRoom) => {
            TransferError::NobodyThere { relay: relay.address.clone() }
        }
        other => other.into(),
    })?;
    let mut paired = joined.paired().await?;
    context.enter(Phase::Handshake);
    let keys = handshake::greet(code, &mut paired.stream, &paired.first).await?;
    Ok(meeting(paired, keys))
}

/// Tells a lost peer from a lost relay: when every connection breaks at once, only the relay can say whose end it was.
pub async fn explain_loss(error: TransferError, relay: &RelayChoice) -> TransferError {
    match error {
        TransferError::PeerLost => match timeout(CHECK_LIMIT, client::check(&relay.address)).await {
            Ok(Err(gone)) => gone.into(),
            Ok(Ok(())) | Err(_) => TransferError::PeerLost,
        },
        other => other,
    }
}

async fn join_as_sender(
    relay: &RelayChoice,
    code: &CodePhrase,
    place: Place,
    first: &[u8],
) -> Result<client::Joined, TransferError> {
    match join(relay, code, Role::Sender, place, first.to_vec()).await {
        Err(RelayClientError::Refused(Refusal::RoleTaken)) => Err(TransferError::CodeTaken),
        other => Ok(other?),
    }
}

/// For a minute, tells everybody who comes that the code is retired, so that the right person doesn't stand before a
/// closed door without a word.
async fn tell_retired(relay: &RelayChoice, code: &CodePhrase, place: Place, context: &Context) {
    context.tell(Notice::Retired).await;
    context.enter(Phase::Retired);
    let end = Instant::now() + RETIRED_NOTICE;
    let tell_all = async {
        let first = handshake::retired();
        while let Ok(joined) = join_as_sender(relay, code, place, &first).await {
            if joined.paired().await.is_err() {
                break;
            }
        }
    };
    // Its end is the clock's, or the relay's.
    let _ = timeout_at(end, tell_all).await;
}

async fn join(
    relay: &RelayChoice,
    code: &CodePhrase,
    role: Role,
    place: Place,
    first: Vec<u8>,
) -> Result<client::Joined, RelayClientError> {
    let (address, password) = (&relay.address, relay.password.as_deref());
    let room = RoomId(code.room());
    let connect_limit = CONNECT_LIMIT;
    client::join(Join { address, connect_limit, password, role, room, place, waits: false, first }).await
}

/// Draws this side's place in a room.
pub(super) fn place() -> Result<Place, TransferError> {
    draw_place().map_err(|error| TransferError::Unsuited(error.to_string()))
}

fn meeting(paired: Paired, keys: Keys) -> Meeting {
    Meeting { stream: paired.stream, lanes: paired.lanes, token: paired.token, keys }
}

fn draw(words: usize) -> Result<CodePhrase, TransferError> {
    CodePhrase::generate(words).map_err(|error| TransferError::Unsuited(error.to_string()))
}
