//! A send to a person this side knows: the person is called until it comes, and called again when it is lost.

use std::time::Duration;

use tokio::{sync::watch, time::sleep};

use super::{
    command::TaskId,
    event::{CallState, Event},
    local::search,
    outbox::Outbox,
};
use crate::{
    crypto::KnownPair,
    net::{backoff::Backoff, client::RelayChoice, internet::Internet},
    protocol::{
        peer::{CallCode, Trouble},
        relay::RoomId,
    },
    transfer::{
        error::{Impossible, TransferError},
        link::{
            call,
            invitation::{self, Succession},
            rendezvous::{MeetBy, SearchPlaces, WaitingPlaces, days},
        },
        notice::Context,
        path_mode::PathMode,
        progress::{Progress, Report},
        send::{SenderInput, options::SendOptions, send},
        source::listing::Payload,
    },
};

/// How long a lost person is looked for within a session before it is called again: a person whose program was started again can't
/// come back to the session, but hears a call.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause before a person that can't be found is called again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest such pause, to which the pauses grow. The user waits that much longer after the person has come back.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a person that has heard a call may take to come before it is called again.
const COMING: Duration = Duration::from_secs(20);

/// The person to call, and where to look.
pub(super) struct Callee {
    /// The person.
    pub(super) person: KnownPair,
    /// Relays to look at, all of them at once.
    pub(super) relays: Vec<RelayChoice>,
    /// What of the internet may be searched.
    pub(super) internet: Option<Internet>,
    /// Which ways may be used.
    pub(super) path_mode: PathMode,
}

/// Sends `payload` to a person, over as many sessions as that takes.
pub(super) async fn send_to(
    (id, callee, out): (TaskId, Callee, &Outbox),
    payload: Payload,
    places: WaitingPlaces,
    mut options: SendOptions,
    input: SenderInput,
    context: &Context,
) -> Result<Report, TransferError> {
    options.connect.patience = options.connect.patience.min(PATIENCE);
    let (changes, pause) = (input.changes.clone(), input.pause.clone());
    let (mut payload, mut input) = (payload, Some(input));
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let again = payload.again().ok_or_else(cannot_repeat)?;
        let this_time = input.take().unwrap_or_else(|| SenderInput {
            changes: changes.clone(),
            pause: pause.clone(),
            invitations: invitation::channel(Succession::default()).0,
        });
        let drawn = call::draw()?;
        let (is_up, up) = watch::channel(false);
        let meet_by = MeetBy::Call { code: call::code_of(&drawn), places: places.clone(), is_up };
        let calling = async {
            call_while_up(id, &callee, &drawn, up, context, out).await;
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! {
            ended = send(payload, meet_by, options.clone(), this_time, context) => ended,
            () = calling => unreachable!("it never returns"),
        };
        payload = again;
        let lost = match ended {
            Err(error) if is_loss(&error) && !context.cancel.is_cancelled() => error,
            ended => return ended,
        };
        out.send(Event::Calling(id, CallState::Lost(lost))).await;
        context.update(|progress| *progress = Progress::default());
        tokio::select! {
            () = sleep(backoff.next_pause()) => {}
            () = context.cancel.cancelled() => return Err(TransferError::Cancelled),
        }
    }
}

/// Whether the person may come back and take the rest.
fn is_loss(error: &TransferError) -> bool {
    matches!(
        error,
        TransferError::PeerLost
            | TransferError::PeerSilent { .. }
            | TransferError::Unconfirmed
            | TransferError::PeerFailed(Trouble::Network | Trouble::Closed)
    )
}

fn cannot_repeat() -> TransferError {
    let why = "what can be read only once can't be sent to a person, because it might have to be sent again";
    Impossible::Arguments(why.to_owned()).into()
}

/// Calls whenever that is of use, until it never will be again.
async fn call_while_up(
    id: TaskId,
    callee: &Callee,
    drawn: &CallCode,
    mut up: watch::Receiver<bool>,
    context: &Context,
    out: &Outbox,
) {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    // Only the send itself reports to the user.
    let apart = context.apart();
    let mut is_told = false;
    while up.wait_for(|is_up| *is_up).await.is_ok() {
        let attempt = async {
            let pause = match callee.reach(Some(drawn), &apart).await {
                Ok(()) => {
                    is_told = false;
                    backoff.reset();
                    out.send(Event::Calling(id, CallState::Heard)).await;
                    COMING
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        out.send(Event::Calling(id, CallState::Away(error))).await;
                    }
                    backoff.next_pause()
                }
            };
            sleep(pause).await;
        };
        let mut down = up.clone();
        tokio::select! {
            () = attempt => {}
            gone = down.wait_for(|is_up| !*is_up) => {
                if gone.is_err() {
                    return;
                }
            }
        }
    }
}

impl Callee {
    /// Meets the person wherever it may be, in the room of today and around midnight in that of the neighbouring day. Says this
    /// call, or nothing.
    ///
    /// # Errors
    ///
    /// The first error, if the person was met nowhere.
    pub(super) async fn reach(&self, say: Option<&CallCode>, context: &Context) -> Result<(), TransferError> {
        let Self { person, relays, internet, path_mode } = self;
        let mut failure = None;
        for day in days() {
            let under = call::called_under(&person.calls_under(day));
            let (found, searching) = if *path_mode == PathMode::RelayOnly {
                (None, None)
            } else {
                let (found, searching) = search(RoomId(under.room()));
                (Some(found), Some(searching))
            };
            let places = SearchPlaces { relays: relays.clone(), found, internet: internet.clone() };
            let searching = async {
                if let Some(searching) = searching {
                    searching.await;
                }
            };
            let meeting = async {
                match say {
                    Some(drawn) => call::call(places, under, drawn, context).await,
                    None => call::look(places, under, context).await,
                }
            };
            match tokio::join!(meeting, searching).0 {
                Ok(()) => return Ok(()),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or(TransferError::PeerLost))
    }
}
