//! What every part of a send has in common: messages that mean the same at every point, and the last word.

use crate::{
    protocol::peer::{FromReceiver, FromSender},
    transfer::{
        error::{Misbehaviour, TransferError},
        link::control::Control,
        notice::Context,
        progress::Phase,
    },
};

/// What it means that a person cancels while a code waits.
pub(super) fn cancelled(context: &Context) -> TransferError {
    // Whoever no longer wants to tell others about a retired code hasn't cancelled anything else.
    if context.phase() == Phase::Retired { TransferError::GuessedAt } else { TransferError::Cancelled }
}

/// What the receiver has to hear of an end.
pub(super) fn last_word<T>(ended: &Result<T, TransferError>) -> Option<FromSender> {
    match ended {
        Err(TransferError::Cancelled) => Some(FromSender::Cancel),
        Err(error) => error.trouble().map(FromSender::Failed),
        Ok(_) => None,
    }
}

/// Messages that mean the same at every point.
pub(super) fn check_common(control: &mut Control, message: &FromReceiver) -> Result<(), TransferError> {
    match message {
        FromReceiver::Addresses(theirs) => control.try_directly(theirs),
        FromReceiver::AtWork(work) => control.other_works(*work),
        FromReceiver::Cancel => Err(TransferError::PeerCancelled),
        FromReceiver::Failed(trouble) => Err(TransferError::PeerFailed(*trouble)),
        // Lanes of a connection that is lost, or of a transfer that hasn't begun.
        FromReceiver::Reopen { .. } | FromReceiver::LaneOver { .. } | FromReceiver::Pause(_) => Ok(()),
        FromReceiver::WhatIs(_) => Err(Misbehaviour::OutOfTurn("what is").into()),
        FromReceiver::Here { .. } => Err(Misbehaviour::OutOfTurn("here").into()),
        FromReceiver::LacksRoom(_) => Err(Misbehaviour::OutOfTurn("lacks room").into()),
        FromReceiver::Held(_) => Err(Misbehaviour::OutOfTurn("held").into()),
        FromReceiver::Decline => Err(Misbehaviour::OutOfTurn("decline").into()),
        FromReceiver::Accept { .. } => Err(Misbehaviour::OutOfTurn("accept").into()),
        FromReceiver::Stored(_) => Err(Misbehaviour::OutOfTurn("stored").into()),
        FromReceiver::Damaged { .. } => Err(Misbehaviour::OutOfTurn("damaged").into()),
        FromReceiver::Complete { .. } => Err(Misbehaviour::OutOfTurn("complete").into()),
    }
}
