//! Invitations: a running send names its receiver another code, under which the same sender waits at the same relay. In
//! this way more can be offered to a receiver that is connected already, without a user having to pass on a code. The
//! receivers of a shared code are also sent on in this way, each to a transfer of its own.
//!
//! [`Invitations`] is the end in the running send, which names the codes; [`Follower`] is the end in the second transfer.
//! After the invitation nothing connects the two transfers: the second one has its own handshake, its own keys and its own
//! end.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use crate::{
    code::{CodePhrase, MAX_CODE_BYTES},
    net::{access::SenderKey, venue::Venue},
    protocol::peer::{INVITATION_WORDS, InvitationCode},
    transfer::{
        error::{Misbehaviour, TransferError},
        notice::InvitationChain,
    },
};

/// The most invitations that may wait to be sent. Further callers of [`Follower::invite`] wait for room.
const WAITING: usize = 8;
/// How long a receiver may take to come once no session with it is left. Until then it may be taking what it was invited to
/// before, or its user may be busy with a question.
const GRACE: Duration = Duration::from_secs(20);

/// Where a sender and a receiver have met.
#[derive(Clone)]
pub struct MeetingPlace {
    /// The relay, as the sender reaches it.
    pub venue: Venue,
    /// The key by which this relay knows the sender, if it runs beside it.
    pub own_key: Option<SenderKey>,
}

/// A code that is to be named to the receiver.
pub struct Invitation {
    code: CodePhrase,
    said: oneshot::Sender<()>,
}

/// All sends to one receiver, which came under one code: the first, those that follow it, those that follow these.
#[derive(Clone, Default)]
pub struct Succession {
    chain: InvitationChain,
    /// How many of these sends have met the receiver and are not over.
    sessions: Arc<watch::Sender<usize>>,
}

impl Succession {
    /// Returns once no session with the receiver is left, and none has begun for a while.
    async fn is_over(&self) {
        let mut sessions = self.sessions.subscribe();
        loop {
            // The sender of the number can't be gone.
            let _ = sessions.wait_for(|sessions| *sessions == 0).await;
            if timeout(GRACE, sessions.wait_for(|sessions| *sessions > 0)).await.is_err() {
                return;
            }
        }
    }
}

/// The end of a running send that names further codes to its receiver. It is dropped when that send is over.
pub struct Invitations {
    met: watch::Sender<Option<MeetingPlace>>,
    inbox: mpsc::Receiver<Invitation>,
    succession: Succession,
}

/// The end of a second transfer to the same receiver, which needs its code named to it.
#[derive(Clone)]
pub struct Follower {
    met: watch::Receiver<Option<MeetingPlace>>,
    invitations: mpsc::Sender<Invitation>,
    succession: Succession,
}

/// Makes both ends: one for the running send, and one for the transfers that follow it.
pub fn channel(succession: Succession) -> (Invitations, Follower) {
    let (met, meets) = watch::channel(None);
    let (invitations, inbox) = mpsc::channel(WAITING);
    let follower = Follower { met: meets, invitations, succession: succession.clone() };
    (Invitations { met, inbox, succession }, follower)
}

impl Invitations {
    /// Notes where the sender and the receiver have met. From now on others may hand in invitations.
    pub fn meet(&self, place: MeetingPlace) {
        if self.met.send_replace(Some(place)).is_none() {
            self.succession.sessions.send_modify(|sessions| *sessions += 1);
        }
    }

    /// The chain to which all sends of the succession belong.
    pub fn chain(&self) -> &InvitationChain {
        &self.succession.chain
    }

    /// The next code to be named; `None` once no [`Follower`] is left. Codes beyond what the succession may name are dropped,
    /// which tells the callers that handed them in. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<Invitation> {
        loop {
            let invitation = self.inbox.recv().await?;
            if self.succession.chain.count() {
                return Some(invitation);
            }
        }
    }

    /// The next code that is to be named and waits for it already.
    pub fn ready(&mut self) -> Option<Invitation> {
        let invitation = self.inbox.try_recv().ok()?;
        self.succession.chain.count().then_some(invitation)
    }
}

impl Drop for Invitations {
    fn drop(&mut self) {
        if self.met.borrow().is_some() {
            self.succession.sessions.send_modify(|sessions| *sessions -= 1);
        }
    }
}

impl Invitation {
    /// The code, for a caller that sends it to the receiver now.
    pub fn say(self) -> InvitationCode {
        // The transfer that handed it in may have been cancelled; then the receiver finds nobody under this code.
        let _ = self.said.send(());
        InvitationCode::from(self.code.as_str())
    }
}

impl Follower {
    /// The sends to which the one that follows belongs.
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    /// Where the running send has met its receiver; `None` if it hasn't yet, or if it is over.
    pub fn place(&self) -> Option<MeetingPlace> {
        self.met.has_changed().ok()?;
        self.met.borrow().clone()
    }

    /// Has the running send tell its receiver that a sender waits under `code`. Returns only when it is of no use to wait
    /// any longer, and then [`TransferError::PeerGone`]: the send has ended before it could name the code, or the receiver
    /// has not come for a while after the end of the last session with it.
    pub async fn invite(&self, code: CodePhrase) -> TransferError {
        let (said, is_said) = oneshot::channel();
        let is_taken = self.invitations.send(Invitation { code, said }).await.is_ok();
        if is_taken && is_said.await.is_ok() {
            self.succession.is_over().await;
        }
        TransferError::PeerGone
    }
}

/// Reads a code that a peer has named.
///
/// # Errors
///
/// [`Misbehaviour::Invitation`] unless it is a code as it is drawn for invitations, of [`INVITATION_WORDS`] listed words.
pub fn read(code: &InvitationCode) -> Result<CodePhrase, Misbehaviour> {
    let code = code.as_str();
    // This is checked before anything is parsed, because a peer's text may be as long as a message.
    if code.len() > MAX_CODE_BYTES {
        return Err(Misbehaviour::Invitation);
    }
    let read = CodePhrase::parse(code).map_err(|_| Misbehaviour::Invitation)?;
    let is_drawn = read.is_listed() && read.words().count() == INVITATION_WORDS;
    // Only the code itself will do, and not what only leads to one: no prefix of it, no sentence around it, no invite link.
    if is_drawn && read.as_bytes() == code.as_bytes() { Ok(read) } else { Err(Misbehaviour::Invitation) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{net::client::RelayChoice, protocol::peer::MAX_INVITATIONS};

    #[test]
    fn only_a_drawn_code_of_six_words_invites() {
        let code = CodePhrase::generate(INVITATION_WORDS).unwrap();
        assert_eq!(read(&InvitationCode::from(code.as_str())), Ok(code.clone()));
        let short = CodePhrase::generate(INVITATION_WORDS - 1).unwrap().to_string();
        let own = "blue-horse-7731-kitchen-lemon-tiger".to_owned();
        let loud = code.to_string().to_uppercase();
        let link = format!("caiman:{code}?server=relay.example");
        let long = format!("{code}{}", " ".repeat(MAX_CODE_BYTES));
        for refused in [String::new(), short, own, loud, link, long, format!(" {code}"), format!("{code}-")] {
            assert_eq!(read(&refused.as_str().into()), Err(Misbehaviour::Invitation), "{refused:?}");
        }
    }

    fn code() -> CodePhrase {
        CodePhrase::generate(INVITATION_WORDS).unwrap()
    }

    fn place() -> MeetingPlace {
        let relay = RelayChoice::new("127.0.0.1:9".parse().unwrap());
        MeetingPlace { venue: Venue::Relay(relay), own_key: None }
    }

    #[tokio::test]
    async fn an_invitation_that_will_not_be_sent_ends_the_wait() {
        let (mut invitations, follower) = channel(Succession::default());
        assert!(follower.place().is_none());
        invitations.meet(place());
        assert!(follower.place().is_some());
        for _ in 0..MAX_INVITATIONS {
            let invite = follower.invite(code());
            tokio::select! {
                invitation = invitations.next() => drop(invitation.unwrap().say()),
                error = invite => panic!("{error:?}"),
            }
        }
        tokio::select! {
            error = follower.invite(code()) => assert!(matches!(error, TransferError::PeerGone)),
            _ = invitations.next() => panic!("one too many"),
        }
        drop(invitations);
        assert!(matches!(follower.invite(code()).await, TransferError::PeerGone));
    }

    /// Without this, each follower would have a count of its own, and a chain of followers no end.
    #[tokio::test]
    async fn all_that_follows_one_send_shares_its_invitations() {
        let (mut invitations, follower) = channel(Succession::default());
        for _ in 0..MAX_INVITATIONS / 2 {
            let (mut later, of_later) = channel(follower.succession().clone());
            for (inviting, by) in [(&mut invitations, &follower), (&mut later, &of_later)] {
                tokio::select! {
                    invitation = inviting.next() => drop(invitation.unwrap().say()),
                    error = by.invite(code()) => panic!("{error:?}"),
                }
            }
        }
        let (mut last, of_last) = channel(follower.succession().clone());
        tokio::select! {
            error = of_last.invite(code()) => assert!(matches!(error, TransferError::PeerGone)),
            _ = last.next() => panic!("one too many"),
        }
    }

    /// The receiver takes one after the other, so a later one may have to wait for longer than the first session lasts.
    #[tokio::test(start_paused = true)]
    async fn an_invited_receiver_may_first_take_what_it_was_invited_to_before() {
        let (mut first, follower) = channel(Succession::default());
        first.meet(place());
        let mut waits = std::pin::pin!(follower.invite(code()));
        tokio::select! {
            invitation = first.next() => drop(invitation.unwrap().say()),
            error = &mut waits => panic!("{error:?}"),
        }
        let (second, _) = channel(follower.succession().clone());
        drop(first);
        assert!(timeout(GRACE / 2, &mut waits).await.is_err());
        second.meet(place());
        assert!(timeout(GRACE * 100, &mut waits).await.is_err());
        drop(second);
        let started = tokio::time::Instant::now();
        assert!(matches!(waits.await, TransferError::PeerGone));
        assert!(started.elapsed() >= GRACE && started.elapsed() < GRACE * 2);
    }
}
