//! What every part of a receive has in common: messages that mean the same at every point, and waiting beside the channel.

use crate::{
    panics::Blocking,
    protocol::peer::{FromSender, Work},
    transfer::{
        error::{Misbehaviour, TransferError},
        link::control::Control,
    },
};

/// Waits for a task while the other side is kept informed that this one lives, and of what it is doing if that takes long;
/// ends early if the other side does.
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

/// The same, but whatever becomes of the other side, the task is waited for.
pub(super) async fn meanwhile<T>(control: &mut Control, work: Work, mut task: Blocking<T>) -> T {
    let _working = control.work().begin(work);
    let mut is_there = true;
    loop {
        tokio::select! {
            done = &mut task => return done,
            message = control.next::<FromSender>(), if is_there => is_there = match message {
                Ok(FromSender::Invitation { code, instead: false }) => control.invited(&code).await.is_ok(),
                other => other.is_ok(),
            },
        }
    }
}

/// Messages that mean the same at every point.
pub(super) async fn check_common(control: &mut Control, message: &FromSender) -> Result<(), TransferError> {
    match message {
        FromSender::Addresses(theirs) => {
            control.say_addresses()?;
            check_turn(control.try_directly(theirs), message)
        }
        // Lanes of a connection that is lost, or of a transfer that hasn't begun; a hash that crossed the answer.
        FromSender::OpenLane { .. }
        | FromSender::LaneOver { .. }
        | FromSender::Pause(_)
        | FromSender::ThisIs(_) => Ok(()),
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
