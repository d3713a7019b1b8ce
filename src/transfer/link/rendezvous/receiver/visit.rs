//! A visit to a place where the sender may be: the proof of the code, and why a visit has led to nothing.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    code::CodePhrase,
    transfer::{
        error::TransferError,
        link::{
            handshake::{Agreed, HeardGreeting, NotProven},
            rendezvous::proofs::Place,
        },
        notice::Context,
        progress::Phase,
    },
};

/// Why a place has not brought a meeting.
pub(super) enum Missed {
    /// The code was not proven there.
    Before(TransferError),
    /// The code was proven, and was not proven in return.
    Stranger(TransferError),
    /// A sender is there, and the code is not to be proven to it: the search has made all its proofs, or the same sender has
    /// said in another place that the code is wrong.
    Spared,
    /// Nobody is there.
    Nobody,
}

impl From<TransferError> for Missed {
    fn from(error: TransferError) -> Self {
        Self::Before(error)
    }
}

/// Proves the code to the sender that has said `first`, once it is this one's turn.
pub(super) async fn prove(
    first: &[u8],
    place: &mut Place,
    code: &CodePhrase,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    context: &Context,
) -> Result<Agreed, Missed> {
    let greeting = HeardGreeting::read(first)?;
    let Some(turn) = place.turn(greeting.sender()).await else { return Err(Missed::Spared) };
    context.enter(Phase::Handshake);
    greeting.prove(code, stream).await.map_err(|NotProven { error, is_refusal }| {
        if is_refusal {
            turn.refused();
        }
        Missed::Stranger(error)
    })
}
