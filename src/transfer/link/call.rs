//! A call: one side meets the other, which it knows already, under a code that both make of their pair key, and tells it the code
//! under which it waits as a sender. The other side then comes as a receiver, as under any code. Nothing else is said in a call, so
//! the place where calls come is free again for the next.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    control::Control,
    rendezvous::{Meeting, SearchPlaces, meet_sender},
    session::Session,
};
use crate::{
    code::CodePhrase,
    crypto::{CallSecret, Side},
    net::venue::Venue,
    protocol::peer::{CallCode, FromReceiver, FromSender},
    transfer::{
        error::{Impossible, Misbehaviour, TransferError},
        notice::Context,
        path_mode::{ConnectOptions, ListenOptions, PathMode},
    },
};

/// How long one side may take for its part of a call, once the two have met: a few round trips. It is shorter than the time for
/// which the next caller may wait.
const LIMIT: Duration = Duration::from_secs(10);

/// No lane is opened in a call, so it needs no direct way; and one that is lost is made again.
const CONNECT: ConnectOptions = ConnectOptions {
    patience: Duration::ZERO,
    path_mode: PathMode::RelayOnly,
    listen: ListenOptions { port: None, asks_gateway: false },
    internet: None,
};

/// Draws what a caller waits under.
///
/// # Errors
///
/// [`Impossible::NoRandomness`] if the system has none.
pub(crate) fn draw() -> Result<CallCode, TransferError> {
    let mut drawn = CallCode { room: [0; 16], secret: [0; 32] };
    getrandom::fill(&mut drawn.room).map_err(|_| Impossible::NoRandomness)?;
    getrandom::fill(&mut drawn.secret).map_err(|_| Impossible::NoRandomness)?;
    Ok(drawn)
}

/// The code under which a caller waits.
pub(crate) fn code_of(call: &CallCode) -> CodePhrase {
    CodePhrase::derived(&call.room, &call.secret)
}

/// The code under which a side can be called.
pub(crate) fn called_under(secret: &CallSecret) -> CodePhrase {
    CodePhrase::derived(&secret.room, &secret.secret)
}

/// Looks for the side that can be called `under` this code, and tells it where this side waits. Returns once the other side has
/// heard it.
///
/// # Errors
///
/// [`TransferError::NobodyThere`] if nobody waits for calls, or what went wrong with the search or the connection.
pub(crate) async fn call(
    search: SearchPlaces,
    under: CodePhrase,
    call: &CallCode,
    context: &Context,
) -> Result<(), TransferError> {
    let mut control = meet(search, under, context).await?;
    let saying = async {
        control.say(&FromReceiver::Call(call.clone()))?;
        match control.next_or_heard::<FromSender>().await? {
            None => Ok(()),
            Some(message) => Err(Misbehaviour::OutOfTurn(message.name()).into()),
        }
    };
    let said = timeout(LIMIT, saying).await.unwrap_or(Err(silent()));
    control.part().await;
    said
}

/// Looks for the side that can be called `under` this code, and says nothing to it. The notices of `context` tell where it was met.
///
/// # Errors
///
/// As those of [`call`].
pub(crate) async fn look(
    search: SearchPlaces,
    under: CodePhrase,
    context: &Context,
) -> Result<(), TransferError> {
    meet(search, under, context).await?.part().await;
    Ok(())
}

async fn meet(search: SearchPlaces, under: CodePhrase, context: &Context) -> Result<Control, TransferError> {
    let meeting = meet_sender(search, &Arc::new(under), context).await?;
    let venue = meeting.venue.clone();
    let session = Session::through(meeting, Side::Receiver, CONNECT, context);
    Ok(Control::new(session, &venue, context))
}

/// Hears what a caller says that has proven the code, and ends the session with it.
///
/// # Errors
///
/// [`Misbehaviour::OutOfTurn`] if it says anything but a call first, or what went wrong with the connection.
pub(crate) async fn hear(
    meeting: Meeting,
    venue: &Venue,
    context: &Context,
) -> Result<CallCode, TransferError> {
    let session = Session::through(meeting, Side::Sender, CONNECT, context);
    let mut control = Control::new(session, venue, context);
    let hearing = async {
        match control.next::<FromReceiver>().await? {
            FromReceiver::Call(call) => Ok(call),
            other => Err(Misbehaviour::OutOfTurn(other.name()).into()),
        }
    };
    let heard = timeout(LIMIT, hearing).await.unwrap_or(Err(silent()));
    // This confirms the call to the caller.
    control.part().await;
    heard
}

fn silent() -> TransferError {
    TransferError::PeerSilent { seconds: LIMIT.as_secs() }
}
