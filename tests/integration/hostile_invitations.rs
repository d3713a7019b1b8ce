//! A peer that knows the code and misuses invitations: senders that invite to invalid codes, without end or in circles, and
//! receivers that stay in a code's room.

use std::{fs, time::Duration};

use crate::support::{
    engine::World,
    peer::{HostilePeer, JoinedReceiver, WaitingSender, code},
    stage::{Ended, Stage, accept},
};
use caiman::{
    code::CodePhrase,
    engine::{Answer, Choices, CodeChoice, Notice, TransferError},
    protocol::{
        manifest::OfferKind,
        peer::{FromReceiver, FromSender, INVITATION_WORDS, MAX_INVITATIONS, Trouble},
    },
    transfer::error::Misbehaviour,
};

fn drawn() -> CodePhrase {
    CodePhrase::generate(INVITATION_WORDS).unwrap()
}

fn invitation(code: &impl ToString, instead: bool) -> FromSender {
    FromSender::Invitation { code: code.to_string().as_str().into(), instead }
}

/// An honest receiver against a sender that says `messages`.
async fn receive(stage: &mut Stage, said: &[FromSender]) -> (Ended, Option<Trouble>) {
    let code = code();
    let waiting = WaitingSender::new(stage.relay.addr, &code).await;
    let hostile = async {
        let mut peer = waiting.meet().await;
        for message in said {
            peer.say(message).await;
        }
        peer.last_word().await
    };
    let decline = |notice: &Notice| matches!(notice, Notice::Offer(_)).then_some(Answer::Decline);
    tokio::join!(stage.receive(&code, None, decline), hostile)
}

fn is_misbehaviour(ended: &Ended, due: &Misbehaviour) -> bool {
    matches!(&ended.result, Err(TransferError::PeerMisbehaved(why)) if why == due)
}

fn empty_offer() -> [FromSender; 2] {
    let digest = *blake3::Hasher::new().finalize().as_bytes();
    [
        FromSender::Offer { kind: OfferKind::Files, entries: 0, bytes: 0, lanes: 1 },
        FromSender::OfferEnd { digest },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_to_what_is_no_drawn_code_is_refused() {
    let mut stage = Stage::new().await;
    let five = CodePhrase::generate(5).unwrap().to_string();
    let long = "acid-".repeat(20_000);
    let link = format!("caiman:{}?server=127.0.0.1:9", drawn());
    let none =
        ["", "acid", "blue-horse-7731-kitchen-and-more", five.as_str(), &long, &link, "\0\0\0", "-----"];
    for text in none {
        for instead in [false, true] {
            let (ended, last_word) = receive(&mut stage, &[invitation(&text, instead)]).await;
            assert!(is_misbehaviour(&ended, &Misbehaviour::Invitation), "{text:?}: {:?}", ended.result);
            assert_eq!(last_word, Some(Trouble::Misbehaved));
            assert!(ended.notices.iter().all(|notice| !matches!(notice, Notice::Invited { .. })));
        }
    }
    assert_eq!(stage.tree(), ["inbox/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_replaces_the_offer_comes_before_it() {
    let mut stage = Stage::new().await;
    let [offer, end] = empty_offer();
    let out_of_turn = Misbehaviour::OutOfTurn("invitation");
    let (ended, _) = receive(&mut stage, &[offer.clone(), invitation(&drawn(), true)]).await;
    assert!(is_misbehaviour(&ended, &out_of_turn), "{:?}", ended.result);
    let (ended, _) = receive(&mut stage, &[offer, end, invitation(&drawn(), true)]).await;
    // Whatever the receiver makes of an empty offer, it doesn't follow the invitation.
    assert!(ended.result.is_err(), "{:?}", ended.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_on_twice() {
    let mut stage = Stage::new().await;
    let (first, second) = (code(), drawn());
    let waiting = WaitingSender::new(stage.relay.addr, &first).await;
    let again = WaitingSender::new(stage.relay.addr, &second).await;
    let hostile = async {
        let mut peer = waiting.meet().await;
        peer.say(&invitation(&second, true)).await;
        let mut peer = again.meet().await;
        peer.say(&invitation(&drawn(), true)).await;
        peer.last_word().await
    };
    let (ended, last_word) = tokio::join!(stage.receive(&first, None, accept), hostile);
    assert!(is_misbehaviour(&ended, &Misbehaviour::OutOfTurn("invitation")), "{:?}", ended.result);
    assert_eq!(last_word, Some(Trouble::Misbehaved));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_sent_on_to_nobody_gives_up() {
    let mut stage = Stage::new().await;
    let code = code();
    let waiting = WaitingSender::new(stage.relay.addr, &code).await;
    let hostile = async {
        let mut peer = waiting.meet().await;
        peer.say(&invitation(&drawn(), true)).await;
        // The receiver has heard the invitation, and leaves.
        while peer.hear::<FromReceiver>().await.is_some() {}
    };
    let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), hostile);
    assert!(matches!(ended.result, Err(TransferError::PeerLost)), "{:?}", ended.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_so_many_invitations() {
    let mut stage = Stage::new().await;
    let invitations: Vec<_> = (0..=MAX_INVITATIONS).map(|_| invitation(&drawn(), false)).collect();
    let (ended, last_word) = receive(&mut stage, &invitations).await;
    assert!(is_misbehaviour(&ended, &Misbehaviour::Invitation), "{:?}", ended.result);
    assert_eq!(last_word, Some(Trouble::Misbehaved));
    let told = ended.notices.iter().filter(|notice| matches!(notice, Notice::Invited { .. }));
    assert_eq!(told.count(), MAX_INVITATIONS as usize);
}

/// No log contains the words of a code or the relay's password.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_shows_no_secret() {
    let mut stage = Stage::new().await;
    let more = drawn();
    let (ended, _) = receive(&mut stage, &[invitation(&more, false), FromSender::Cancel]).await;
    let [Notice::Invited { code, relay }] = &ended.notices[1..] else { panic!("{:?}", ended.notices) };
    assert_eq!(*code, more);
    let with_password = caiman::engine::RelayChoice { password: Some("lagoon".into()), ..relay.clone() };
    let shown = format!("{:?} {with_password:?}", ended.notices);
    assert!(!shown.contains("lagoon"), "{shown}");
    assert!(more.words().all(|word| !shown.contains(word)), "{shown}");
}

/// A world whose sender waits for two receivers, and its code.
async fn for_two(patience: Duration) -> (World, crate::support::engine::Transfer, CodePhrase) {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let (code, receivers) = (code(), 2);
    let order = world.send_order(world.paths(&["x"]));
    let order =
        caiman::engine::SendOrder { code: CodeChoice::Own(code.clone()), receivers, patience, ..order };
    let mut sending = world.sender.send(order);
    sending.code().await;
    (world, sending, code)
}

async fn receive_all(world: &World, code: &CodePhrase) {
    let mut honest = world.receiver.receive(world.receive_order(code.clone()));
    honest.offer().await;
    world.receiver.accept(&honest, Choices::default());
    honest.report().await;
}

/// What the sender tells a receiver that has proven a code for several receivers.
async fn where_to(peer: &mut HostilePeer) -> CodePhrase {
    match peer.hear::<FromSender>().await.unwrap() {
        FromSender::Invitation { code, instead: true } => code.as_str().parse().unwrap(),
        other => panic!("{other:?} came where an invitation was due"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_leave_the_room_keeps_nobody_out() {
    let (world, mut sending, code) = for_two(Duration::ZERO).await;
    let mut peer = JoinedReceiver::new(world.relay.addr, &code).await.meet(&code).await;
    where_to(&mut peer).await;
    receive_all(&world, &code).await;
    // This receiver never came to its branch.
    let mut branch = world.sender.branch(&mut sending).await;
    assert!(matches!(branch.error().await, TransferError::PeerGone));
    assert_eq!(sending.report().await.receivers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nonsense_on_the_way_is_left() {
    let (world, mut sending, code) = for_two(Duration::ZERO).await;
    let mut peer = JoinedReceiver::new(world.relay.addr, &code).await.meet(&code).await;
    where_to(&mut peer).await;
    peer.say(&FromReceiver::Complete { stored: 1, failed: 0 }).await;
    assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved));
    receive_all(&world, &code).await;
    let mut branch = world.sender.branch(&mut sending).await;
    assert!(matches!(branch.error().await, TransferError::PeerGone));
    assert_eq!(sending.report().await.receivers, 1);
}

/// Only the receiver that heard a branch's code knows it. A stranger who finds its room has to guess it, three times at most.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_takes_nobody_without_its_code() {
    let (world, mut sending, code) = for_two(Duration::from_mins(2)).await;
    let mut peer = JoinedReceiver::new(world.relay.addr, &code).await.meet(&code).await;
    let own = where_to(&mut peer).await;
    assert_eq!(own.words().count(), INVITATION_WORDS);
    let mut tries = 0;
    while tries < 3 {
        let wrong = crate::support::peer::wrong_code(&own);
        let mut guest = world.receiver.receive(world.receive_order(wrong));
        match guest.error().await {
            TransferError::WrongCode { .. } => tries += 1,
            // The branch is going back into its room.
            TransferError::NobodyThere { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    let mut branch = world.sender.branch(&mut sending).await;
    branch.told("the end of its code", |notice| matches!(notice, Notice::Retired).then_some(())).await;
    world.sender.cancel(&branch);
    assert!(matches!(branch.error().await, TransferError::TooManyTries));
    receive_all(&world, &code).await;
    assert_eq!(sending.report().await.receivers, 1);
}
