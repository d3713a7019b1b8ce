//! Invitations: a send that runs names its receiver another code, under which the same sender waits at the same relay. So
//! more can be offered to somebody who is there already, without anybody having to pass on a code; and so the receivers
//! of one code for several are sent on, each to a transfer of its own.
//!
//! [`Invitations`] is the end of the send that says them, [`Follower`] the end of whatever is offered that way. After the invitation
//! nothing connects the two transfers: the second one has its own handshake, its own keys and its own end.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};

use crate::{
    code::{CodePhrase, MAX_CODE_BYTES},
    net::client::RelayChoice,
    protocol::peer::{INVITATION_WORDS, MAX_INVITATIONS},
    transfer::error::{Misbehaviour, TransferError},
};

/// Invitations that may wait to be said.
const WAITING: usize = 8;
/// How long a receiver may take to come once the session in which it was invited is over. Its person may have been asked
/// something there until its end.
const GRACE: Duration = Duration::from_secs(20);

/// Where two have met.
#[derive(Clone)]
pub struct MeetingPlace {
    /// The relay, as the sender reaches it.
    pub relay: RelayChoice,
    /// Whether it is one of the sender's own.
    pub is_own: bool,
}

/// A code that is to be said to the other side.
pub struct Invitation {
    code: CodePhrase,
    said: oneshot::Sender<()>,
}

/// The end of the send that says them; see the module. Dropped when it is over.
pub struct Invitations {
    met: watch::Sender<Option<MeetingPlace>>,
    inbox: mpsc::Receiver<Invitation>,
    left: u32,
}

/// The end of whatever follows; see the module.
#[derive(Clone)]
pub struct Follower {
    met: watch::Receiver<Option<MeetingPlace>>,
    invitations: mpsc::Sender<Invitation>,
}

/// Both ends.
pub fn channel() -> (Invitations, Follower) {
    let (met, meets) = watch::channel(None);
    let (invitations, inbox) = mpsc::channel(WAITING);
    (Invitations { met, inbox, left: MAX_INVITATIONS }, Follower { met: meets, invitations })
}

impl Invitations {
    /// The two have met, and invitations can be said soon.
    pub fn meet(&self, place: MeetingPlace) {
        self.met.send_replace(Some(place));
    }

    /// The next code to be said; `None` once nobody is there who could have one. One too many is dropped, so that whoever
    /// handed it in learns it. Safe to drop and call again.
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
    /// Gives the code to whoever says it now.
    pub fn say(self) -> String {
        // Whoever handed it in may have been cancelled; the receiver finds nobody then.
        let _ = self.said.send(());
        self.code.to_string()
    }
}

impl Follower {
    /// Where the send has met its receiver; `None` if it hasn't, or is over.
    pub fn place(&self) -> Option<MeetingPlace> {
        self.met.has_changed().ok()?;
        self.met.borrow().clone()
    }

    /// Has the receiver told that somebody waits under `code`, and comes back when it is no use to wait any longer: the send
    /// ended before it could say so, or the receiver has not come for a while after its end.
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

/// What a peer calls a code, if it is one of those that are drawn for this.
pub fn read(code: &str) -> Result<CodePhrase, Misbehaviour> {
    // Before anything is read: a peer's text may be as long as a message.
    if code.len() > MAX_CODE_BYTES {
        return Err(Misbehaviour::Invitation);
    }
    let read = CodePhrase::parse(code).map_err(|_| Misbehaviour::Invitation)?;
    let is_drawn = read.is_listed() && read.words().count() == INVITATION_WORDS;
    // Nothing that only leads to a code: no prefixes, no sentence around it, no link.
    if is_drawn && read.as_bytes() == code.as_bytes() { Ok(read) } else { Err(Misbehaviour::Invitation) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_drawn_code_of_six_words_invites() {
        let code = CodePhrase::generate(INVITATION_WORDS).unwrap();
        assert_eq!(read(&code.to_string()), Ok(code.clone()));
        let short = CodePhrase::generate(INVITATION_WORDS - 1).unwrap().to_string();
        let own = "blue-horse-7731-kitchen-lemon-tiger".to_owned();
        let loud = code.to_string().to_uppercase();
        let link = format!("caiman:{code}?server=relay.example");
        let long = format!("{code}{}", " ".repeat(MAX_CODE_BYTES));
        for refused in [String::new(), short, own, loud, link, long, format!(" {code}"), format!("{code}-")] {
            assert_eq!(read(&refused), Err(Misbehaviour::Invitation), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn what_nobody_says_any_more_is_given_back() {
        let code = || CodePhrase::generate(INVITATION_WORDS).unwrap();
        let (mut invitations, follower) = channel();
        assert!(follower.place().is_none());
        let relay = RelayChoice { address: "127.0.0.1:9".parse().unwrap(), password: None };
        invitations.meet(MeetingPlace { relay, is_own: true });
        assert!(follower.place().is_some_and(|place| place.is_own));
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
