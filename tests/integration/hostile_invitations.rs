//! A peer that knows the code and misuses invitations: senders that invite to invalid codes, without end or in circles, and
//! receivers that stay in a code's room.

use std::{fs, time::Duration};

use crate::support::iroh::left_out_over_quic;
use crate::support::{
    TestRelay,
    engine::World,
    peer::{HostilePeer, JoinedReceiver, WaitingSender, code, file, offer},
    process::Site,
    stage::{Ended, Stage, accept},
};
use caiman::{
    code::CodePhrase,
    engine::{Answer, Choices, CodeChoice, Invited, Notice, PathMode, ReceiveOrder, TransferError},
    protocol::{
        manifest::OfferKind,
        peer::{
            Addresses, FromReceiver, FromSender, INVITATION_WORDS, MAX_ADDRESSES, MAX_INVITATIONS, Trouble,
        },
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
    let waiting = WaitingSender::new(stage.place(), &code).await;
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

/// An honest receiver that accepts the offer of a sender, which then says `messages`.
async fn accepted(stage: &mut Stage, said: &[FromSender]) -> (Ended, Option<Trouble>) {
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let hostile = async {
        let mut peer = waiting.meet().await;
        be_accepted(&mut peer).await;
        for message in said {
            peer.say(message).await;
        }
        peer.last_word().await
    };
    tokio::join!(stage.receive(&code, None, accept), hostile)
}

/// Makes an offer of one small file, which is accepted.
async fn be_accepted(peer: &mut HostilePeer) {
    for message in offer(OfferKind::Files, &[file("x", 5)]) {
        peer.say(&message).await;
    }
    while !matches!(peer.hear().await.unwrap(), FromReceiver::Accept { .. }) {}
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
    let waiting = WaitingSender::new(stage.place(), &first).await;
    let again = WaitingSender::new(stage.place(), &second).await;
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
    let waiting = WaitingSender::new(stage.place(), &code).await;
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
    let (ended, last_word) = accepted(&mut stage, &invitations).await;
    assert!(is_misbehaviour(&ended, &Misbehaviour::Invitation), "{:?}", ended.result);
    assert_eq!(last_word, Some(Trouble::Misbehaved));
    let told = ended.notices.iter().filter(|notice| matches!(notice, Notice::Invited { .. }));
    assert_eq!(told.count(), MAX_INVITATIONS as usize);
}

/// Catches a count that begins anew with each follower, so that followers could invite followers for ever.
#[tokio::test(flavor = "multi_thread")]
async fn followers_inherit_the_count_of_invitations() {
    let world = World::with_relay(|config| config.limits.joins_per_minute = 100_000).await;
    let mut order = world.receive_order(code());
    // The first sender leaves two, and its followers invite on and on.
    for (says, is_refused) in [(MAX_INVITATIONS - 2, false), (1, false), (1, false), (1, true)] {
        let waiting = WaitingSender::new(world.place(), &order.code).await;
        let mut receiving = world.receiver.receive(order);
        let mut peer = waiting.meet().await;
        let begun = async {
            receiving.offer().await;
            world.receiver.accept(&receiving, Choices::default());
        };
        tokio::join!(be_accepted(&mut peer), begun);
        for _ in 0..says {
            peer.say(&invitation(&drawn(), false)).await;
        }
        peer.say(&FromSender::Cancel).await;
        peer.last_word().await;
        let error = receiving.error().await;
        if is_refused {
            assert!(matches!(error, TransferError::PeerMisbehaved(Misbehaviour::Invitation)), "{error:?}");
            return;
        }
        assert!(matches!(error, TransferError::PeerCancelled), "{error:?}");
        let Invited { code, venue, chain } = receiving.invitation().await;
        order = ReceiveOrder {
            relays: venue.relay().cloned().into_iter().collect(),
            chain,
            ..world.receive_order(code)
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_invited_to_more_before_an_offer_is_accepted() {
    let mut stage = Stage::new().await;
    let offer = offer(OfferKind::Files, &[file("x", 5)]);
    let invitation = || invitation(&drawn(), false);
    for (before, after) in [(0, offer.len()), (1, offer.len()), (offer.len(), offer.len())] {
        let said = [&offer[..before], &[invitation()], &offer[before..after]].concat();
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let hostile = async {
            let mut peer = waiting.meet().await;
            for message in &said {
                peer.say(message).await;
            }
            peer.last_word().await
        };
        // Its user reads the offer for as long as it likes.
        let (ended, last_word) = tokio::join!(stage.receive(&code, None, |_| None), hostile);
        assert!(is_misbehaviour(&ended, &Misbehaviour::Invitation), "{before}: {:?}", ended.result);
        assert_eq!(last_word, Some(Trouble::Misbehaved));
        assert!(ended.notices.iter().all(|notice| !matches!(notice, Notice::Invited(_))));
    }
}

/// A sender that is refused is to know no more of the receiver than the local network does.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_learns_where_the_receiver_is_once_its_offer_is_accepted() {
    if left_out_over_quic("over the internet a receiver names no address") {
        return;
    }
    let mut stage = Stage::new().await;
    stage.path_mode = PathMode::Automatic;
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let hostile = async {
        let mut peer = waiting.meet().await;
        peer.say(&FromSender::Addresses(Addresses {
            sockets: vec![([127, 0, 0, 1], 9).into()],
            endpoint: None,
        }))
        .await;
        let FromReceiver::Addresses(before) = peer.hear().await.unwrap() else { panic!("no answer") };
        for message in offer(OfferKind::Files, &[file("x", 5)]) {
            peer.say(&message).await;
        }
        let mut after = Vec::new();
        loop {
            match peer.hear().await.unwrap() {
                FromReceiver::Addresses(addresses) => after = addresses.sockets,
                FromReceiver::Accept { .. } => break,
                _ => {}
            }
        }
        peer.say(&FromSender::Cancel).await;
        peer.last_word().await;
        (before, after)
    };
    let (_, (before, after)) = tokio::join!(stage.receive(&code, None, accept), hostile);
    // The two have met on this machine.
    assert!(before.sockets.len() == 1 && before.sockets[0].ip().is_loopback(), "{before:?}");
    let own = caiman::net::addresses::reachable();
    assert!(
        after.len() == MAX_ADDRESSES || own.iter().all(|ip| after.iter().any(|told| told.ip() == *ip)),
        "{after:?}"
    );
}

/// With `--yes` nobody looks, and nobody may be there to end a command that goes on and on.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_asks_nobody_takes_so_many_offers_and_ends() {
    if left_out_over_quic("it runs the program, with a relay of Caiman's own kind") {
        return;
    }
    let busy = TestRelay::start(|config| config.limits.joins_per_minute = 100_000).await;
    let (mut site, relay) = (Site::new(), busy.addr);
    site.server = relay.to_string();
    let first = code();
    let waiting = WaitingSender::new(relay, &first).await;
    let args =
        [first.to_string(), "--yes".to_owned(), "--json".to_owned(), "--path".to_owned(), "relay".to_owned()];
    let receiving = site.receive(&args);
    let mut followers = tokio::task::JoinSet::new();
    let mut peer = waiting.meet().await;
    for message in offer(OfferKind::Files, &[file("first", 0)]) {
        peer.say(&message).await;
    }
    while !matches!(peer.hear().await.unwrap(), FromReceiver::Accept { .. }) {}
    for number in 0..20 {
        let code = drawn();
        let waiting = WaitingSender::new(relay, &code).await;
        followers.spawn(async move {
            let mut peer = waiting.meet().await;
            for message in offer(OfferKind::Files, &[file(&format!("follower {number}"), 0)]) {
                peer.say(&message).await;
            }
            while !matches!(peer.hear().await.unwrap(), FromReceiver::Accept { .. }) {}
            peer.say(&FromSender::Done).await;
            peer.last_word().await;
        });
        peer.say(&invitation(&code, false)).await;
    }
    peer.say(&FromSender::Done).await;
    peer.last_word().await;
    let ended = tokio::task::spawn_blocking(move || (receiving.end(), site)).await.unwrap();
    ended.0.exits(0);
    let invited: Vec<bool> = ended
        .0
        .events()
        .iter()
        .filter(|event| event["event"] == "invited")
        .map(|event| event["taken"].as_bool().unwrap())
        .collect();
    assert_eq!(invited, [[true; 16].as_slice(), &[false; 4]].concat());
    assert_eq!(fs::read_dir(ended.1.target.path()).unwrap().count(), 17);
    followers.shutdown().await;
}

/// No log contains the words of a code or the relay's password.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_shows_no_secret() {
    let mut stage = Stage::new().await;
    let more = drawn();
    let (ended, _) = accepted(&mut stage, &[invitation(&more, false), FromSender::Cancel]).await;
    let invited = ended.notices.iter().find_map(|notice| match notice {
        Notice::Invited(invited) => Some(invited),
        _ => None,
    });
    let Invited { code, .. } = invited.unwrap_or_else(|| panic!("{:?}", ended.notices));
    assert_eq!(*code, more);
    let with_password =
        caiman::engine::RelayChoice { password: Some("lagoon".into()), ..stage.relay_choice() };
    let shown = format!("{:?} {with_password:?}", ended.notices);
    assert!(!shown.contains("lagoon"), "{shown}");
    // A single word may be one that stands there anyway.
    let words: Vec<&str> = more.words().collect();
    assert!(words.windows(2).all(|pair| !shown.contains(&pair.join("-"))), "{shown}");
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
    let mut peer = JoinedReceiver::new(world.place(), &code).await.meet(&code).await;
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
    let mut peer = JoinedReceiver::new(world.place(), &code).await.meet(&code).await;
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
    let mut peer = JoinedReceiver::new(world.place(), &code).await.meet(&code).await;
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
