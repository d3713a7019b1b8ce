//! Where a send waits for its receiver: under Caiman's own code and, if the user wants that, under one of croc's beside it. The
//! first receiver that proves either code is served, and the other wait ends.

#[cfg(feature = "croc")]
use super::croc::waiting::{CrocGuest, CrocWait};
use crate::transfer::{
    error::TransferError,
    link::{
        invitation::MeetingPlace,
        rendezvous::{Meeting, WaitingSender},
    },
};

/// The waits of one send.
pub(crate) struct SendReception<'a> {
    pub(super) caiman: WaitingSender<'a>,
    #[cfg(feature = "croc")]
    pub(super) croc: Option<CrocWait>,
}

/// A receiver that has proven a code.
pub(crate) enum Newcomer {
    /// It has Caiman; where the two have met.
    Caiman(Box<Meeting>, MeetingPlace),
    /// It has croc.
    #[cfg(feature = "croc")]
    Croc(Box<CrocGuest>),
}

impl SendReception<'_> {
    /// Waits for the first receiver that proves a code. The other wait has ended then.
    ///
    /// # Errors
    ///
    /// Those of [`WaitingSender::receiver`].
    pub(super) async fn newcomer(&mut self) -> Result<Newcomer, TransferError> {
        let by_caiman = async |caiman: &mut WaitingSender<'_>| {
            let (meeting, place) = Box::pin(caiman.receiver()).await?;
            Ok(Newcomer::Caiman(Box::new(meeting), place))
        };
        #[cfg(feature = "croc")]
        if let Some(croc) = &mut self.croc {
            let guest = tokio::select! {
                newcomer = by_caiman(&mut self.caiman) => return newcomer,
                guest = croc.receiver() => guest,
            };
            self.caiman.rest().await;
            return Ok(Newcomer::Croc(Box::new(guest)));
        }
        by_caiman(&mut self.caiman).await
    }

    /// Whether another receiver can come after one that is lost.
    pub(super) fn may_wait_again(&self) -> bool {
        self.caiman.may_wait_again()
    }

    /// Takes the code down after a call of [`newcomer`](Self::newcomer) was dropped.
    pub(super) async fn rest(&mut self) {
        self.caiman.rest().await;
    }

    /// Notes that the receiver has answered, so that no other will be needed.
    pub(super) fn settle(self) {
        self.caiman.settle();
    }
}
