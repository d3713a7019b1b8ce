//! Questions and answers about files that the receiver may already have, from peers that break the rules. Each is refused by
//! name, and a peer that says nothing holds nothing up.

use std::fs;

use crate::support::{peer::*, stage::*};
use caiman::{
    engine::{Choices, Notice, Payload, TransferError},
    protocol::{
        manifest::OfferKind,
        peer::{FromReceiver, FromSender, Trouble},
        thumbnail::Thumbnail,
    },
    transfer::error::Misbehaviour,
};
use tokio::sync::oneshot;

fn assert_misbehaved(name: &str, ended: &Ended, expected: &Misbehaviour) {
    match &ended.result {
        Err(TransferError::PeerMisbehaved(found)) => assert_eq!(found, expected, "{name}"),
        other => panic!("{name}: {other:?}"),
    }
}

/// Offers a folder (entry 0) with two files honestly. The hostile receiver hears the offer and says `messages`.
async fn sender_refuses(stage: &mut Stage, name: &str, messages: &[FromReceiver], expected: Misbehaviour) {
    let goods = stage.outer().join("goods");
    fs::create_dir_all(&goods).unwrap();
    fs::write(goods.join("a"), "text").unwrap();
    fs::write(goods.join("b"), "").unwrap();
    let (code, relay) = (code(), stage.place());
    let (ready, is_ready) = oneshot::channel();
    let attack = async {
        is_ready.await.unwrap();
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        while !matches!(peer.hear().await, Some(FromSender::OfferEnd { .. })) {}
        for message in messages {
            peer.say(message).await;
        }
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{name}");
    };
    let (ended, ()) = tokio::join!(stage.send(&code, Payload::Paths(vec![goods]), ready), attack);
    assert_misbehaved(name, &ended, &expected);
}

#[tokio::test]
async fn questions_that_are_not_due_are_refused() {
    use FromReceiver::{AlreadyHere, Thumbnails, WhatIs};
    let mut stage = Stage::new().await;
    let unknown = Misbehaviour::UnknownEntry;
    let what_is = Misbehaviour::OutOfTurn("what is");
    let thumbnails = Misbehaviour::OutOfTurn("thumbnails");
    let accept = || FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: None };
    let only = |bits: u8| FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: Some(vec![bits]) };
    let cases = [
        ("what isn't offered", vec![WhatIs(vec![1, 3])], unknown.clone()),
        ("what can't be offered", vec![WhatIs(vec![u32::MAX])], unknown.clone()),
        ("a folder", vec![WhatIs(vec![0])], unknown.clone()),
        ("twice at once", vec![WhatIs(vec![1, 1])], what_is.clone()),
        ("again and again", vec![WhatIs(vec![1, 2]), WhatIs(vec![1])], what_is.clone()),
        ("after the answer", vec![accept(), WhatIs(vec![1])], what_is),
        ("a thumbnail of what isn't offered", vec![Thumbnails(vec![1, 3])], unknown.clone()),
        ("a thumbnail of a folder", vec![Thumbnails(vec![0])], unknown.clone()),
        ("a thumbnail twice at once", vec![Thumbnails(vec![1, 1])], thumbnails.clone()),
        ("a thumbnail again", vec![Thumbnails(vec![1]), Thumbnails(vec![1])], thumbnails.clone()),
        ("a thumbnail after the answer", vec![accept(), Thumbnails(vec![1])], thumbnails),
        ("having what one wants", vec![AlreadyHere { files: 1, bytes: 0 }, accept()], unknown.clone()),
        (
            "having more files than there are",
            vec![AlreadyHere { files: 3, bytes: 4 }, only(0)],
            unknown.clone(),
        ),
        ("having more bytes than there are", vec![AlreadyHere { files: 1, bytes: 5 }, only(0)], unknown),
        (
            "having it twice",
            vec![AlreadyHere { files: 1, bytes: 4 }, AlreadyHere { files: 1, bytes: 4 }],
            Misbehaviour::OutOfTurn("already here"),
        ),
        (
            "having it later",
            vec![accept(), AlreadyHere { files: 1, bytes: 4 }],
            Misbehaviour::OutOfTurn("already here"),
        ),
    ];
    for (name, messages, expected) in cases {
        sender_refuses(&mut stage, name, &messages, expected).await;
    }
}

/// A text and a stream have nothing that could be hashed twice, and no picture.
#[tokio::test]
async fn questions_about_a_text_are_refused() {
    for question in [FromReceiver::WhatIs(vec![0]), FromReceiver::Thumbnails(vec![0])] {
        let mut stage = Stage::new().await;
        let (code, relay) = (code(), stage.place());
        let (ready, is_ready) = oneshot::channel();
        let attack = async {
            is_ready.await.unwrap();
            let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
            peer.say(&question).await;
            assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved));
        };
        let (ended, ()) = tokio::join!(stage.send(&code, Payload::Text("word".to_owned()), ready), attack);
        assert!(matches!(ended.result, Err(TransferError::PeerMisbehaved(_))), "{:?}", ended.result);
    }
}

/// Offers `a` of 4 bytes and `b` of 2, which the receiver has as well, and says `messages` once it was asked.
async fn receiver_refuses(stage: &mut Stage, name: &str, messages: &[FromSender], expected: Misbehaviour) {
    fs::write(stage.inbox().join("a"), "text").unwrap();
    let before = stage.tree();
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        for message in offer(OfferKind::Files, &[file("a", 4), file("b", 2)]) {
            peer.say(&message).await;
        }
        assert_eq!(peer.hear().await, Some(FromReceiver::WhatIs(vec![0])), "{name}");
        for message in messages {
            peer.say(message).await;
        }
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved), "{name}");
    };
    // The user doesn't answer the offer, so what comes next is not an answer to it.
    let (ended, ()) = tokio::join!(stage.receive(&code, None, |_| None), attack);
    assert_misbehaved(name, &ended, &expected);
    assert_eq!(stage.tree(), before, "{name} left something behind");
}

#[tokio::test]
async fn answers_that_nobody_asked_for_are_refused() {
    let mut stage = Stage::new().await;
    let this_is =
        |entries: &[u32]| FromSender::ThisIs(entries.iter().map(|entry| (*entry, Some([7; 32]))).collect());
    let out_of_turn = Misbehaviour::OutOfTurn("this is");
    let cases = [
        ("what wasn't asked for", vec![this_is(&[1])], Misbehaviour::UnknownEntry),
        ("what wasn't offered", vec![this_is(&[2])], Misbehaviour::UnknownEntry),
        ("twice at once", vec![this_is(&[0, 0])], out_of_turn.clone()),
        ("twice", vec![this_is(&[0]), this_is(&[0])], out_of_turn.clone()),
        ("one thing and another", vec![FromSender::ThisIs(vec![(0, None)]), this_is(&[0])], out_of_turn),
        (
            "a thumbnail",
            vec![FromSender::Thumbnail { entry: 0, thumbnail: Thumbnail::new(1, vec![7; 3]).ok() }],
            Misbehaviour::UnknownEntry,
        ),
    ];
    for (name, messages, expected) in cases {
        receiver_refuses(&mut stage, name, &messages, expected).await;
    }
}

#[tokio::test]
async fn an_answer_before_there_is_an_offer_is_refused() {
    let mut stage = Stage::new().await;
    let code = code();
    let waiting = WaitingSender::new(stage.place(), &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        let mut messages = offer(OfferKind::Files, &[file("a", 4)]);
        messages.insert(1, FromSender::ThisIs(Vec::new()));
        for message in messages {
            peer.say(&message).await;
        }
        assert_eq!(peer.last_word().await, Some(Trouble::Misbehaved));
    };
    let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
    assert_misbehaved("before the offer", &ended, &Misbehaviour::OutOfTurn("this is"));
}

/// A sender that never says what its files are, or only says that it is still reading, or lies: the user's answer counts, and
/// existing files stay as they are.
#[tokio::test]
async fn whoever_does_not_say_what_files_are_sends_them() {
    let lies = [
        ("silence", vec![]),
        ("signs of life", vec![FromSender::ThisIs(Vec::new()); 100]),
        ("a wrong hash", vec![FromSender::ThisIs(vec![(0, Some([7; 32]))])]),
    ];
    for (name, messages) in lies {
        let mut stage = Stage::new().await;
        fs::write(stage.inbox().join("a"), "text").unwrap();
        let code = code();
        let waiting = WaitingSender::new(stage.place(), &code).await;
        let sending = async {
            let mut peer = waiting.meet().await;
            for message in offer(OfferKind::Files, &[file("a", 4)]) {
                peer.say(&message).await;
            }
            assert_eq!(peer.hear().await, Some(FromReceiver::WhatIs(vec![0])), "{name}");
            for message in &messages {
                peer.say(message).await;
            }
            let taken = FromReceiver::Accept { lanes: 1, way: lane_way(), wanted: None };
            assert_eq!(peer.hear().await, Some(taken), "{name}");
            // This message crosses the answer, and does no harm.
            if messages.is_empty() {
                peer.say(&FromSender::ThisIs(vec![(0, None)])).await;
            }
            let mut lanes = peer.open_lanes(1).await;
            let block = lanes[0].seal(0, b"text");
            lanes[0].send(&block).await;
            peer.say(&FromSender::Hashes(vec![(0, *blake3::hash(b"text").as_bytes())])).await;
            while !matches!(peer.hear().await, Some(FromReceiver::Stored(_))) {}
            peer.say(&FromSender::Done).await;
            assert_eq!(peer.last_word().await, None, "{name}");
        };
        let accept = |notice: &Notice| accept_with(notice, Choices::default());
        let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), sending);
        let report = ended.result.unwrap();
        assert_eq!((report.stored, report.here), (1, 0), "{name}");
        assert_eq!(fs::read_to_string(stage.inbox().join("a (2)")).unwrap(), "text");
    }
}
