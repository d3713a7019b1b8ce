//! What people who call, and transfers with them, change in the state.

use super::*;
use crate::{
    code::CodePhrase,
    crypto::{KnownPair, PairKey, Side},
    people::People,
    protocol::peer::Trouble,
};

/// A state that knows a person.
fn acquainted() -> (Told, PairId) {
    let mut told = Told::new();
    let pair = KnownPair::new(PairKey::from_bytes(&[7; 32]), Side::Sender);
    let mut people = People::default();
    people.remember("Ben", pair.clone()).unwrap();
    told.state.people.take(people);
    (told, pair.id())
}

#[test]
fn a_call_is_answered_once_and_only_a_few_at_a_time() {
    let (mut told, person) = acquainted();
    let call = |told: &mut Told, person: PairId, code: &str| {
        let code: CodePhrase = code.parse().unwrap();
        let effects = told.apply(Event::Called(Called { person, code: code.clone(), relay: None }));
        if effects == ["receive"] {
            let id = TaskId::made_up(told.state.cards.len() as u64 + 10);
            told.state.add(id, Direction::Received, StartedWith::Call(code));
            told.state.card(id).unwrap().person = Some(person);
        }
        effects.len()
    };
    let codes = ["one-two-three-four", "one-two-three-five", "one-two-three-six", "one-two-three-seven"];
    let answered = [0, 0, 1, 0, 2, 3].map(|at| call(&mut told, person, codes[at]));
    assert_eq!(answered, [1, 0, 1, 0, 1, 1]);
    assert_eq!(call(&mut told, person, "one-two-three-eight"), 0, "there are four");
    let stranger = KnownPair::new(PairKey::from_bytes(&[8; 32]), Side::Sender).id();
    assert_eq!(call(&mut told, stranger, "one-two-three-nine"), 0);
    // One that has ended makes room, and the same call may come again.
    told.apply(failed(TaskId::made_up(10), TransferError::PeerLost));
    assert_eq!(call(&mut told, person, codes[0]), 1);
}

#[test]
fn what_was_accepted_of_a_person_goes_on_unless_a_user_has_ended_it() {
    let ends = [
        (TransferError::PeerLost, true),
        (TransferError::PeerFailed(Trouble::Closed), true),
        (TransferError::Cancelled, false),
        (TransferError::PeerCancelled, false),
        (TransferError::PeerDeclined, false),
    ];
    for (error, goes_on) in ends {
        let (mut told, person) = acquainted();
        told.add(ID, Direction::Received);
        (told.card().person, told.card().offer) = (Some(person), Some([3; 32]));
        let text = format!("{error:?}");
        let effects = told.state.apply(failed(ID, error), told.now);
        let parting = effects.iter().find_map(|effect| match effect {
            Effect::Part(parting) => Some(parting),
            _ => None,
        });
        assert_eq!(parting.unwrap().offer.is_none(), goes_on, "{text}");
    }
}

#[test]
fn a_transfer_that_goes_on_under_another_call_leaves_no_card_behind() {
    let (mut told, person) = acquainted();
    told.add(ID, Direction::Received);
    told.notice(Notice::Accepted { files: 1, bytes: Some(1) });
    told.card().person = Some(person);
    told.apply(failed(ID, TransferError::Superseded));
    assert!(told.state.cards.is_empty());
}
