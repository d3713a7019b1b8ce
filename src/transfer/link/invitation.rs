//! Invitations: a running send names its receiver another code, under which the same sender waits at the same relay. In
//! this way more can be offered to a receiver that is connected already, without a user having to pass on a code. The
//! receivers of a shared code are also sent on in this way, each to a transfer of its own.
//!
//! [`Invitations`] is the end in the running send, which names the codes; [`Follower`] is the end in the second transfer.
//! After the invitation nothing connects the two transfers: the second one has its own handshake, its own keys and its own
//! end.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

use crate::{
    code::{CodePhrase, MAX_CODE_BYTES},
    net::{access::SenderKey, client::RelayChoice},
    protocol::peer::{INVITATION_WORDS, InvitationCode, MAX_INVITATIONS},
    transfer::error::{Misbehaviour, TransferError},
};

/// The most invitations that may wait to be sent. Further callers of [`Follower::invite`] wait for room.
const WAITING: usize = 8;
/// How long a receiver may take to come once the session in which it was invited is over. Until then its user may have been
/// busy with a question of that session.
const GRACE: Duration = Duration::from_secs(20);

/// Where a sender and a receiver have met.
#[derive(Clone)]
pub struct MeetingPlace {
    /// The relay, as the sender reaches it.
    pub relay: RelayChoice,
    /// The key by which this relay knows the sender, if it runs beside it.
    pub own_key: Option<SenderKey>,
}

/// A code that is to be named to the receiver.
pub struct Invitation {
    code: CodePhrase,
    said: oneshot::Sender<()>,
}

/// The end of a running send that names further codes to its receiver. It is dropped when that send is over.
pub struct Invitations {
    met: watch::Sender<Option<MeetingPlace>>,
    inbox: mpsc::Receiver<Invitation>,
    left: u32,
}

/// The end of a second transfer to the same receiver, which needs its code named to it.
#[derive(Clone)]
pub struct Follower {
    met: watch::Receiver<Option<MeetingPlace>>,
    invitations: mpsc::Sender<Invitation>,
}

/// Makes both ends: one for the running send, and one for the transfers that follow it.
pub fn channel() -> (Invitations, Follower) {
    let (met, meets) = watch::channel(None);
    let (invitations, inbox) = mpsc::channel(WAITING);
    (Invitations { met, inbox, left: MAX_INVITATIONS }, Follower { met: meets, invitations })
}

impl Invitations {
    /// Notes where the sender and the receiver have met. From now on others may hand in invitations.
    pub fn meet(&self, place: MeetingPlace) {
        self.met.send_replace(Some(place));
    }

    /// The next code to be named; `None` once no [`Follower`] is left. After [`MAX_INVITATIONS`] codes, further ones are
    /// dropped, which tells the callers that handed them in. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<Invitation> {
        loop {
            let invitation = self.inbox.recv().await?;
            if let Some(left) = self.left.checked_sub(1) {
                self.left = left;
                return Some(invitation);
            }
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
    /// Where the running send has met its receiver; `None` if it hasn't yet, or if it is over.
    pub fn place(&self) -> Option<MeetingPlace> {
        self.met.has_changed().ok()?;
        self.met.borrow().clone()
    }

    /// Has the running send tell its receiver that a sender waits under `code`. Returns only when it is of no use to wait
    /// any longer, and then [`TransferError::PeerGone`]: the send has ended before it could name the code, or the receiver
    /// has not come for a while after the send's end.
    pub async fn invite(&self, code: CodePhrase) -> TransferError {
        let (said, is_said) = oneshot::channel();
        let is_taken = self.invitations.send(Invitation { code, said }).await.is_ok();
        if is_taken && is_said.await.is_ok() {
            let mut met = self.met.clone();
            while met.changed().await.is_ok() {}
            sleep(GRACE).await;
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

    #[tokio::test]
    async fn an_invitation_that_will_not_be_sent_ends_the_wait() {
        let code = || CodePhrase::generate(INVITATION_WORDS).unwrap();
        let (mut invitations, follower) = channel();
        assert!(follower.place().is_none());
        let relay = RelayChoice { address: "127.0.0.1:9".parse().unwrap(), password: None };
        invitations.meet(MeetingPlace { relay, own_key: None });
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
        assert!(follower.place().is_none());
        assert!(matches!(follower.invite(code()).await, TransferError::PeerGone));
    }
}
