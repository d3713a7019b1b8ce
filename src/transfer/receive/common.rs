//! What every part of a receive has in common: messages that mean the same at every point, and waiting beside the channel.

use std::sync::{Mutex, MutexGuard};

use tokio::task::JoinHandle;

use crate::{
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
    task: &mut JoinHandle<T>,
) -> Result<T, TransferError> {
    let _working = control.work().begin(work);
    loop {
        tokio::select! {
            done = &mut *task => return Ok(done.expect("work on the disk doesn't panic")),
            message = control.next() => {
                let message = message?;
                check_common(control, &message).await?;
            }
        }
    }
}

/// The same, but whatever becomes of the other side, the task is waited for.
pub(super) async fn meanwhile<T>(control: &mut Control, work: Work, mut task: JoinHandle<T>) -> T {
    let _working = control.work().begin(work);
    let mut is_there = true;
    loop {
        tokio::select! {
            done = &mut task => return done.expect("work on the disk doesn't panic"),
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
            control.try_directly(theirs)
        }
        // Lanes of a connection that is lost, or of a transfer that hasn't begun; a hash that crossed the answer.
        FromSender::OpenLane { .. }
        | FromSender::LaneOver { .. }
        | FromSender::Pause(_)
        | FromSender::ThisIs(_) => Ok(()),
        FromSender::AtWork(work) => control.other_works(*work),
        FromSender::Invitation { code, instead: false } => control.invited(code).await,
        FromSender::Invitation { instead: true, .. } => Err(Misbehaviour::OutOfTurn("invitation").into()),
        FromSender::Cancel => Err(TransferError::PeerCancelled),
        FromSender::Failed(trouble) => Err(TransferError::PeerFailed(*trouble)),
        FromSender::Offer { .. } => Err(Misbehaviour::OutOfTurn("offer").into()),
        FromSender::Page(_) => Err(Misbehaviour::OutOfTurn("page").into()),
        FromSender::OfferEnd { .. } => Err(Misbehaviour::OutOfTurn("offer end").into()),
        FromSender::Withdrawn { .. } => Err(Misbehaviour::OutOfTurn("withdrawn").into()),
        FromSender::StreamEnd { .. } => Err(Misbehaviour::OutOfTurn("stream end").into()),
        FromSender::Hashes(_) => Err(Misbehaviour::OutOfTurn("hashes").into()),
        FromSender::Done => Err(Misbehaviour::OutOfTurn("done").into()),
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no code panics while it holds this lock")
}
