//! How often a receiver proves its code. Whoever hears a proof can check one guess at the code with it, so one search makes
//! few of them, over all of its places together. Any machine of the local network may pose as the sender there, and must not
//! use up what is due to the relays.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, MutexGuard, watch},
    time::timeout,
};

use crate::protocol::peer::SenderId;

/// The most proofs that one search makes. A sender may be found in several places, and the connection to it may break.
pub(super) const MAX_PROOFS: u8 = 4;
/// How long a sender that has heard a proof keeps this side from proving the code to another one. An honest sender needs one
/// round trip; a silent one must not keep the receiver from reaching it.
const TURN: Duration = Duration::from_secs(3);

/// The proofs of one search.
pub(super) struct Proofs {
    state: watch::Sender<ProofState>,
    /// Held while the answer to a proof is due. Several places may lead to the same sender, which counts wrong codes.
    turn: Mutex<()>,
}

/// What has become of the proofs.
#[derive(Default)]
struct ProofState {
    /// How many were made.
    made: u8,
    /// How many relays have had none yet and may still need one.
    due: u8,
    /// How many senders wait for theirs.
    waiting: usize,
    /// The senders that have said that the code is wrong.
    refused_by: Vec<SenderId>,
}

impl ProofState {
    /// Whether a proof may be made now.
    fn allows(&self, is_local: bool) -> bool {
        // However many relays there are, a sender of the local network that is found first need not wait for them.
        let reserved = if is_local { self.due.min(MAX_PROOFS - 1) } else { 0 };
        self.made + reserved < MAX_PROOFS
    }

    /// Whether a proof to this sender would be a waste, or can't be made any more.
    fn rules_out(&self, sender: SenderId) -> bool {
        self.made >= MAX_PROOFS || self.refused_by.contains(&sender)
    }
}

/// A place at which the search looks.
pub(super) struct Place {
    proofs: Arc<Proofs>,
    is_local: bool,
    /// Whether a proof is reserved for it.
    is_due: bool,
}

/// The right to prove the code once, which has been counted. It is held until the sender has answered.
pub(super) struct ProofTurn<'a> {
    proofs: &'a Proofs,
    sender: SenderId,
    /// `None` if the answer to an earlier proof has been due for too long.
    _lock: Option<MutexGuard<'a, ()>>,
}

impl Proofs {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: watch::Sender::default(), turn: Mutex::default() })
    }

    /// Adds a place: an address of the local network, or a relay, for which a proof is reserved.
    pub(super) fn place(self: &Arc<Self>, is_local: bool) -> Place {
        let is_due = !is_local;
        self.state.send_modify(|state| state.due = state.due.saturating_add(is_due.into()));
        Place { proofs: Arc::clone(self), is_local, is_due }
    }

    /// How many proofs were made.
    pub(super) fn made(&self) -> u8 {
        self.state.borrow().made
    }

    /// Whether a sender was found that waits for its proof.
    pub(super) fn are_awaited(&self) -> bool {
        self.state.borrow().waiting > 0
    }
}

impl Place {
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Waits until the code may be proven to `sender`, which is in this place. `None` if no proof is left, or if the same
    /// sender has already said in another place that the code is wrong.
    ///
    /// The name saves an honest sender from counting one mistake twice. An attacker who repeats it can't call the code wrong
    /// under it without a key that the sender shows only to those who have used up a try at its code.
    pub(super) async fn turn(&mut self, sender: SenderId) -> Option<ProofTurn<'_>> {
        let (proofs, is_local) = (&*self.proofs, self.is_local);
        let _waiting = Waiting::new(proofs);
        let mut seen = proofs.state.subscribe();
        loop {
            // The state lives as long as this place.
            let _ = seen.wait_for(|state| state.allows(is_local) || state.rules_out(sender)).await;
            let lock = timeout(TURN, proofs.turn.lock()).await.ok();
            let (mut is_over, mut is_taken) = (false, false);
            proofs.state.send_modify(|state| {
                is_over = state.rules_out(sender);
                is_taken = !is_over && state.allows(is_local);
                if is_taken {
                    state.made += 1;
                    state.due -= u8::from(std::mem::take(&mut self.is_due));
                }
            });
            if is_over {
                return None;
            }
            if is_taken {
                return Some(ProofTurn { proofs, sender, _lock: lock });
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_due {
            self.proofs.state.send_modify(|state| state.due -= 1);
        }
    }
}

impl ProofTurn<'_> {
    /// Notes that the sender has said that the code is wrong.
    pub(super) fn refused(&self) {
        self.proofs.state.send_modify(|state| state.refused_by.push(self.sender));
    }
}

/// A sender that waits for its proof.
struct Waiting<'a>(&'a Proofs);

impl<'a> Waiting<'a> {
    fn new(proofs: &'a Proofs) -> Self {
        proofs.state.send_modify(|state| state.waiting += 1);
        Self(proofs)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.waiting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE: SenderId = SenderId([1; 16]);

    /// A sender that nobody has met before.
    fn stranger(number: usize) -> SenderId {
        SenderId([100 + u8::try_from(number).unwrap(); 16])
    }

    async fn is_refused(place: &mut Place, sender: SenderId) -> bool {
        timeout(Duration::from_mins(1), place.turn(sender)).await.is_ok_and(|turn| turn.is_none())
    }

    #[tokio::test(start_paused = true)]
    async fn the_local_network_leaves_the_relays_theirs() {
        for relays in 0..6 {
            let proofs = Proofs::new();
            let mut due: Vec<Place> = (0..relays).map(|_| proofs.place(false)).collect();
            for number in 0..16 {
                let mut local = proofs.place(true);
                let turn = timeout(Duration::from_mins(1), local.turn(stranger(number))).await;
                drop(turn);
            }
            assert_eq!(usize::from(proofs.made()), 4 - relays.min(3), "{relays} relays");
            for place in due.iter_mut().take(3) {
                assert!(place.turn(TRUE).await.is_some(), "{relays} relays");
            }
            assert!(proofs.made() <= MAX_PROOFS);
            let mut local = proofs.place(true);
            drop(due);
            assert_eq!(is_refused(&mut local, TRUE).await, proofs.made() == MAX_PROOFS);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_without_a_sender_leaves_its_proof_to_the_local_network() {
        let proofs = Proofs::new();
        let relays: Vec<Place> = (0..3).map(|_| proofs.place(false)).collect();
        drop(proofs.place(true).turn(stranger(0)).await);
        let mut local = proofs.place(true);
        let mut waits = std::pin::pin!(local.turn(TRUE));
        assert!(timeout(Duration::from_mins(1), &mut waits).await.is_err());
        assert!(proofs.are_awaited());
        drop(relays);
        assert!(waits.await.is_some());
        assert!(!proofs.are_awaited());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_is_everywhere_hears_a_wrong_code_once() {
        let proofs = Proofs::new();
        let [mut relay, mut local] = [false, true].map(|is_local| proofs.place(is_local));
        let turn = relay.turn(TRUE).await.unwrap();
        turn.refused();
        drop(turn);
        assert!(is_refused(&mut local, TRUE).await);
        assert_eq!(proofs.made(), 1);
        assert!(local.turn(stranger(0)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_sender_keeps_the_others_waiting_for_a_moment_only() {
        let proofs = Proofs::new();
        let [mut silent, mut relay] = [true, false].map(|is_local| proofs.place(is_local));
        let _silent = silent.turn(stranger(0)).await.unwrap();
        assert!(timeout(TURN + Duration::from_millis(1), relay.turn(TRUE)).await.unwrap().is_some());
    }
}
