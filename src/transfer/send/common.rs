//! What all parts of a send share: messages that mean the same at every point, and the last word.

use crate::{
    protocol::peer::{FromReceiver, FromSender, Trouble},
    transfer::{
        error::{Misbehaviour, TransferError},
        link::control::Control,
        notice::Context,
        progress::Phase,
    },
};

/// How a wait for a receiver ends when the user cancels it.
pub(super) fn cancelled(context: &Context) -> TransferError {
    // Once the code is retired, the wait only serves to tell peers so. Ending it doesn't change why the send failed.
    if context.phase() == Phase::Retired { TransferError::TooManyTries } else { TransferError::Cancelled }
}

/// What the receiver is told when the send ends like this; `None` if it is told nothing. `is_closing` says that a cancellation means that
/// the program ends.
pub(super) fn last_word<T>(ended: &Result<T, TransferError>, is_closing: bool) -> Option<FromSender> {
    match ended {
        // The same may be sent again, once this side is back.
        Err(TransferError::Cancelled) if is_closing => Some(FromSender::Failed(Trouble::Closed)),
        Err(TransferError::Cancelled) => Some(FromSender::Cancel),
        Err(error) => error.trouble().map(FromSender::Failed),
        Ok(_) => None,
    }
}

/// Handles a message that means the same at every point; any other is out of turn.
pub(super) async fn check_common(control: &mut Control, message: &FromReceiver) -> Result<(), TransferError> {
    match message {
        FromReceiver::Name(name) => check_turn(control.other_is_called(name).await, message),
        FromReceiver::Addresses(theirs) => check_turn(control.try_directly(theirs), message),
        FromReceiver::AtWork(work) => check_turn(control.other_works(*work), message),
        FromReceiver::Cancel => Err(TransferError::PeerCancelled),
        FromReceiver::Failed(trouble) => Err(TransferError::PeerFailed(*trouble)),
        // These messages may concern lanes of a connection that is lost, or of a transfer that hasn't begun.
        FromReceiver::Reopen { .. } | FromReceiver::LaneOver { .. } | FromReceiver::Pause(_) => Ok(()),
        FromReceiver::WhatIs(_)
        | FromReceiver::Thumbnails(_)
        | FromReceiver::AlreadyHere { .. }
        | FromReceiver::DiskFull(_)
        | FromReceiver::Held(_)
        | FromReceiver::Decline
        | FromReceiver::Accept { .. }
        | FromReceiver::Stored(_)
        | FromReceiver::Damaged { .. }
        | FromReceiver::Complete { .. }
        | FromReceiver::Call(_) => Err(Misbehaviour::OutOfTurn(message.name()).into()),
    }
}

fn check_turn(is_in_turn: bool, message: &FromReceiver) -> Result<(), TransferError> {
    if is_in_turn { Ok(()) } else { Err(Misbehaviour::OutOfTurn(message.name()).into()) }
}
