//! Two codes for one send, and codes that may be Caiman's or croc's: which of them leads where.

use caiman::{
    code::CodePhrase,
    croc::{
        client::join,
        code::{USUAL_PASSWORD, Version},
    },
    engine::{
        Choices, CodeChoice, CrocCode, CrocNews, CrocSearch, Notice, ReceiveOrder, SendOrder, TransferError,
    },
};

use crate::support::{
    croc_receiver::{CrocReceiver, assert_room_is_free, connect},
    croc_world::{CrocWorld, closed_port, code, is_up, place, to_croc},
    process::{Running, caiman},
    within,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_or_a_room_that_is_full_is_told_and_caimans_code_works() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let code = code();
    let room = code.room(Version::V11);
    let first = join(connect(world.port()).await, USUAL_PASSWORD, &room).await.unwrap();
    let second = join(connect(world.port()).await, USUAL_PASSWORD, &room).await.unwrap();
    let closed = closed_port();
    let croc = to_croc(&code, &[world.place(), place(closed)]);
    let order = SendOrder { croc: Some(croc), ..world.0.send_order(world.0.paths(&["file"])) };
    let mut sending = world.0.sender.send(order);
    for port in [world.port(), closed] {
        let is_taken = sending
            .told("what is wrong with a relay", |notice| match notice {
                Notice::Croc(CrocNews::NoRelay { relay, why }) if relay.port() == port => {
                    Some(matches!(why, TransferError::CodeTaken))
                }
                _ => None,
            })
            .await;
        assert_eq!(is_taken, port == world.port());
    }
    drop((first, second));
    let caiman = sending.code().await;
    world.arrives_under(caiman, &mut sending).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_receiver_ends_the_other_wait() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let (code, mut sending) = world.waiting(&["file"]).await;
    let caiman = sending.code().await;
    let mut receiving = world.0.receiver.receive(world.0.receive_order(caiman));
    receiving.offer().await;
    assert_room_is_free(&world, &code).await;
    world.0.receiver.accept(&receiving, Choices::default());
    receiving.report().await;
    sending.report().await;

    let (code, mut sending) = world.waiting(&["file"]).await;
    let caiman = sending.code().await;
    let mut receiver = CrocReceiver::meet(&world, &code, Version::V11).await.unwrap();
    let mut late = world.0.receiver.receive(world.0.receive_order(caiman));
    assert!(matches!(late.error().await, TransferError::NobodyThere { .. }));
    assert_eq!(receiver.fetch(0).await, b"bytes");
    receiver.finish().await;
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_shows_both_codes() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    let relay = format!("127.0.0.1:{}", world.port());
    let file = world.0.from("file");
    let args = [
        "send",
        "--path",
        "relay",
        "--server",
        "none",
        "--croc",
        "--croc-relay",
        &relay,
        file.to_str().unwrap(),
    ];
    let mut sending = Running::start(caiman(&args));
    let shown = tokio::task::spawn_blocking(move || {
        let code = sending
            .says("the code for croc", |line| Some(line.strip_prefix("Code for croc:")?.trim().to_owned()));
        let command = sending
            .says("the command", |line| line.trim().starts_with("croc ").then(|| line.trim().to_owned()));
        (code, command, sending)
    });
    let (code, command, sending) = within("the command", shown).await.unwrap();
    assert_eq!(command, format!("croc --relay {relay}"));
    world.take(&CrocCode::new(&code).unwrap()).await;
    let ended = tokio::task::spawn_blocking(move || sending.end()).await.unwrap();
    ended.exits(0);
}

/// A code that Caiman and croc may both have leads to its sender, whichever of them that has.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_may_be_eithers_leads_to_its_sender() {
    let world = CrocWorld::new().await;
    world.plant("file", b"bytes");
    for is_crocs in [true, false] {
        let text = if is_crocs { "8123-alpha-bravo-charlie" } else { "blue-horse-kitchen-door" };
        let (code, own) = (CrocCode::new(text).unwrap(), CodePhrase::own(text).unwrap());
        let payload = world.0.paths(&["file"]);
        let mut sending = if is_crocs {
            let mut sending = world.send(payload, &code);
            is_up(&mut sending).await;
            sending
        } else {
            let mut sending = world
                .0
                .sender
                .send(SendOrder { code: CodeChoice::Own(own.clone()), ..world.0.send_order(payload) });
            sending.code().await;
            sending
        };
        let croc = Some(CrocSearch::at(code, &[world.place()], true));
        let mut receiving = world.0.receiver.receive(ReceiveOrder { croc, ..world.0.receive_order(own) });
        receiving.offer().await;
        world.0.receiver.accept(&receiving, Choices::default());
        assert_eq!((receiving.report().await.missing, sending.report().await.missing), (0, 0));
        assert!(sending.notices.iter().all(|notice| !matches!(notice, Notice::WrongTry { .. })));
    }
}

/// Where neither has a sender, Caiman's search says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_may_be_eithers_and_is_nobodys_is_told_as_one() {
    let world = CrocWorld::new().await;
    let text = "blue-horse-kitchen-door";
    let (code, own) = (CrocCode::new(text).unwrap(), CodePhrase::own(text).unwrap());
    let closed = place(closed_port());
    let croc = Some(CrocSearch::at(code, &[closed], true));
    let mut receiving = world.0.receiver.receive(ReceiveOrder { croc, ..world.0.receive_order(own) });
    assert!(matches!(receiving.error().await, TransferError::NobodyThere { .. }));
}
