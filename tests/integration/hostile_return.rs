//! An honest end that has lost its peer, and strangers in the room where it looks for it. The relay and the network know that
//! room, so a client that comes there has to prove the session's secret before anything else, and is dropped if that fails.

use std::time::Duration;

use crate::support::{peer::*, read_to_end, stage::*, within};
use caiman::{
    crypto::{Channel, Nonces, Opener, ReconnectKey, Sealer, Side, record::HEADER_LEN},
    engine::{Payload, TransferError},
    net,
    protocol::{
        frame,
        manifest::OfferKind,
        peer::{
            FromReceiver, FromSender, MAX_CONTROL, MAX_HANDSHAKE, ReconnectAnswer, ReconnectHello,
            ReconnectProof,
        },
    },
};
use tokio::{io::AsyncWriteExt, sync::oneshot};

async fn hear<T: serde::de::DeserializeOwned>(client: &mut Contact) -> T {
    within("a handshake message", net::io::read(&mut client.stream, MAX_HANDSHAKE)).await.unwrap()
}

async fn say<T: serde::Serialize>(client: &mut Contact, message: &T) {
    client.send(&frame::encode(message)).await;
}

/// Wrong proofs that a stranger could give, knowing the proof of the honest end.
fn wrong_tags(key: &ReconnectKey, nonces: &Nonces, theirs: [u8; 32], ours: Side) -> Vec<[u8; 32]> {
    let old = Nonces { sender: [7; 32], receiver: [8; 32] };
    vec![[0; 32], theirs, key.prove(ours.other(), nonces), key.prove(ours, &old)]
}

#[tokio::test]
async fn a_receiver_goes_on_with_nobody_but_its_sender() {
    let mut stage = Stage::new().await;
    stage.patience = Duration::from_mins(5);
    let (relay, code) = (stage.place(), code());
    let waiting = WaitingSender::new(relay, &code).await;
    let attack = async {
        let mut peer = waiting.meet().await;
        for message in offer(OfferKind::Files, &[file("x", 9)]) {
            peer.say(&message).await;
        }
        assert!(matches!(peer.hear().await, Some(FromReceiver::Accept { .. })));
        peer.lose();
        let key = peer.key();
        let mut proofs = Vec::new();
        for attempt in 0..4 {
            let mut client = peer.come_back().await;
            say(&mut client, &ReconnectHello { nonce: [1; 32] }).await;
            let ReconnectAnswer { nonce, tag } = hear(&mut client).await;
            let nonces = Nonces { sender: [1; 32], receiver: nonce };
            key.check(Side::Receiver, &nonces, &tag).unwrap();
            proofs.push(tag);
            let tag = wrong_tags(&key, &nonces, tag, Side::Sender)[attempt];
            say(&mut client, &ReconnectProof { tag }).await;
            assert_eq!(read_to_end(&mut client.stream).await.unwrap_or_default(), b"", "it said more");
        }
        proofs.dedup();
        assert_eq!(proofs.len(), 4, "the same nonce gave the same proof");
        let mut client = peer.come_back().await;
        let _ = client.stream.write_all(b"\xff\xff\xff\xff no frame").await;
        assert_eq!(read_to_end(&mut client.stream).await.unwrap_or_default(), b"", "it said more");

        let mut client = peer.come_back().await;
        say(&mut client, &ReconnectHello { nonce: [1; 32] }).await;
        let ReconnectAnswer { nonce, .. } = hear(&mut client).await;
        let nonces = Nonces { sender: [1; 32], receiver: nonce };
        say(&mut client, &ReconnectProof { tag: key.prove(Side::Sender, &nonces) }).await;
        let keys = key.keys(Channel::Metadata, &nonces);
        let mut sealer = Sealer::new(keys.sent_by(Side::Sender), 0);
        let cancel = sealer.seal_message(&frame::to_bytes(&(1u64, FromSender::Cancel))).unwrap();
        client.send(&cancel).await;
        read_to_end(&mut client.stream).await.unwrap_or_default();
    };
    let (ended, ()) = tokio::join!(stage.receive(&code, None, accept), attack);
    assert!(matches!(ended.result, Err(TransferError::PeerCancelled)), "{ended:?}");
}

#[tokio::test]
async fn a_sender_goes_on_with_nobody_but_its_receiver() {
    let mut stage = Stage::new().await;
    stage.patience = Duration::from_mins(5);
    let (relay, code) = (stage.place(), code());
    let (ready, is_ready) = oneshot::channel();
    let attack = async {
        is_ready.await.unwrap();
        let mut peer = JoinedReceiver::new(relay, &code).await.meet(&code).await;
        assert!(matches!(peer.hear().await, Some(FromSender::Offer { .. })));
        peer.lose();
        let key = peer.key();
        for attempt in 0..4 {
            let mut client = peer.come_back().await;
            let ReconnectHello { nonce } = hear(&mut client).await;
            let nonces = Nonces { sender: nonce, receiver: [2; 32] };
            let tag = wrong_tags(&key, &nonces, [9; 32], Side::Receiver)[attempt];
            say(&mut client, &ReconnectAnswer { nonce: [2; 32], tag }).await;
            assert_eq!(read_to_end(&mut client.stream).await.unwrap_or_default(), b"", "it proved itself");
        }
        let mut client = peer.come_back().await;
        let ReconnectHello { nonce } = hear(&mut client).await;
        let nonces = Nonces { sender: nonce, receiver: [2; 32] };
        let tag = key.prove(Side::Receiver, &nonces);
        say(&mut client, &ReconnectAnswer { nonce: [2; 32], tag }).await;
        let ReconnectProof { tag } = hear(&mut client).await;
        key.check(Side::Sender, &nonces, &tag).unwrap();
        let keys = key.keys(Channel::Metadata, &nonces);
        // The honest end sends again what was not confirmed, under the new keys.
        let mut sealer = Sealer::new(keys.sent_by(Side::Receiver), 0);
        let decline = sealer.seal_message(&frame::to_bytes(&(1u64, FromReceiver::Decline))).unwrap();
        client.send(&decline).await;
        let said = read_to_end(&mut client.stream).await.unwrap();
        let mut opener = Opener::new(keys.sent_by(Side::Sender), 0, MAX_CONTROL);
        let (header, rest) = said.split_first_chunk::<HEADER_LEN>().unwrap();
        let due = opener.begin(header).unwrap();
        assert!(opener.open(header, &mut rest[..due.rest].to_vec()).is_ok());
    };
    let what = Payload::Text("hello".to_owned());
    let (ended, ()) = tokio::join!(stage.send(&code, what, ready), attack);
    assert!(matches!(ended.result, Err(TransferError::PeerDeclined)), "{ended:?}");
}
