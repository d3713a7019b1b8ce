//! What all parts of a receive share: messages that mean the same at every point, and waiting beside the control
//! channel.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    panics::Blocking,
    protocol::{
        name::PeerName,
        peer::{FromReceiver, FromSender, Work},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        link::control::Control,
    },
};

/// How often to check whether the sender has confirmed enough, because no message announces that: a fraction of a usual
/// round trip.
const ROOM_CHECK_EVERY: Duration = Duration::from_millis(20);

/// Says what this computer is called, unless the user doesn't want that. It has to be the first that is said.
pub(super) fn introduce(control: &mut Control, name: Option<&PeerName>) -> Result<(), TransferError> {
    name.map_or(Ok(()), |name| control.say(&FromReceiver::Name(name.clone())))
}

/// Waits for a task while the control channel stays alive and says what this side is doing if that takes long. Ends
/// early with an error if the other side ends the transfer or is lost.
pub(super) async fn meanwhile_checked<T>(
    control: &mut Control,
    work: Work,
    task: &mut Blocking<T>,
) -> Result<T, TransferError> {
    let _working = control.work().begin(work);
    loop {
        tokio::select! {
            done = &mut *task => return Ok(done),
            message = control.next() => {
                let message = message?;
                check_common(control, &message).await?;
            }
        }
    }
}

/// Waits until the sender has confirmed enough of a long list for more of it to be sent.
pub(super) async fn wait_for_room(control: &mut Control) -> Result<(), TransferError> {
    while !control.has_room() {
        tokio::select! {
            message = control.next() => {
                let message = message?;
                check_common(control, &message).await?;
            }
            () = sleep(ROOM_CHECK_EVERY) => {}
        }
    }
    Ok(())
}

/// Waits for a task while the control channel stays alive and says what this side is doing if that takes long. Whatever
/// becomes of the other side, the task is waited for.
pub(super) async fn meanwhile<T>(control: &mut Control, work: Work, mut task: Blocking<T>) -> T {
    let _working = control.work().begin(work);
    let mut is_there = true;
    loop {
        tokio::select! {
            done = &mut task => return done,
            message = control.next::<FromSender>(), if is_there => is_there = match message {
                Ok(FromSender::Invitation { code, instead: false }) => control.invited(&code).await.is_ok(),
                Ok(message) if is_last_word(&message) => {
                    control.note_peers_end();
                    false
                }
                other => other.is_ok(),
            },
        }
    }
}

/// Whether the sender says nothing after this message.
pub(super) fn is_last_word(message: &FromSender) -> bool {
    matches!(message, FromSender::Cancel | FromSender::Failed(_))
}

/// Handles a message that means the same at every point; any other is out of turn.
pub(super) async fn check_common(control: &mut Control, message: &FromSender) -> Result<(), TransferError> {
    match message {
        FromSender::Name(name) => check_turn(control.other_is_called(name).await, message),
        FromSender::Addresses(theirs) => {
            control.say_addresses()?;
            check_turn(control.try_directly(theirs), message)
        }
        // These messages may concern lanes of a connection that is lost, or of a transfer that hasn't begun; a hash or a
        // thumbnail may have crossed the answer.
        FromSender::OpenLane { .. }
        | FromSender::LaneOver { .. }
        | FromSender::Pause(_)
        | FromSender::ThisIs(_)
        | FromSender::Thumbnail { .. } => Ok(()),
        FromSender::AtWork(work) => check_turn(control.other_works(*work), message),
        FromSender::Invitation { code, instead: false } => control.invited(code).await,
        FromSender::Cancel => Err(TransferError::PeerCancelled),
        FromSender::Failed(trouble) => Err(TransferError::PeerFailed(*trouble)),
        FromSender::Invitation { instead: true, .. }
        | FromSender::Offer { .. }
        | FromSender::Page(_)
        | FromSender::OfferEnd { .. }
        | FromSender::Withdrawn { .. }
        | FromSender::StreamEnd { .. }
        | FromSender::Hashes(_)
        | FromSender::Done => Err(Misbehaviour::OutOfTurn(message.name()).into()),
    }
}

fn check_turn(is_in_turn: bool, message: &FromSender) -> Result<(), TransferError> {
    if is_in_turn { Ok(()) } else { Err(Misbehaviour::OutOfTurn(message.name()).into()) }
}
