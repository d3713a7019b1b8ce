//! A receiver that is lost before it has answered the offer: the code is up again, and whichever comes first is served, that
//! receiver or another.

use std::fs;

use crate::support::{
    cutter::Cutter,
    engine::{Transfer, World},
};
use caiman::{
    code::CodePhrase,
    engine::{Choices, Connection, Notice, PATIENCE, Phase, ReceiveOrder, SendOrder},
};

/// A sender that has gone back to its code, because the receiver that it had is cut off at its question.
struct Alone {
    world: World,
    there: Cutter,
    code: CodePhrase,
    sending: Transfer,
    receiving: Transfer,
}

impl Alone {
    async fn new() -> Self {
        let world = World::new().await;
        fs::write(world.from("x"), "x").unwrap();
        let order = SendOrder { patience: PATIENCE, ..world.send_order(world.paths(&["x"])) };
        let mut sending = world.sender.send(order);
        let code = sending.code().await;
        let there = Cutter::before(world.relay.addr).await;
        let order = ReceiveOrder {
            relays: vec![there.relay()],
            patience: PATIENCE,
            ..world.receive_order(code.clone())
        };
        let mut receiving = world.receiver.receive(order);
        receiving.offer().await;
        sending.enters(Phase::WaitingForAnswer).await;
        there.freeze();
        there.cut();
        sending
            .told("that the code is up again", |notice| matches!(notice, Notice::Unanswered).then_some(()))
            .await;
        sending.enters(Phase::WaitingForPeer).await;
        Self { world, there, code, sending, receiving }
    }

    fn arrived(&self) -> String {
        fs::read_to_string(self.world.to("x")).unwrap()
    }
}

#[tokio::test]
async fn a_receiver_that_comes_back_is_still_asked_and_served() {
    let mut alone = Alone::new().await;
    alone.there.mend();
    alone.sending.enters(Phase::WaitingForAnswer).await;
    alone.receiving.reach("the return", |progress| progress.connection == Connection::Up).await;
    alone.world.receiver.accept(&alone.receiving, Choices::default());
    alone.receiving.report().await;
    alone.sending.report().await;
    assert_eq!(alone.arrived(), "x");
}

#[tokio::test]
async fn another_receiver_is_served_in_its_place() {
    let mut alone = Alone::new().await;
    // It gets the file as it is when it comes.
    fs::write(alone.world.from("x"), "changed meanwhile").unwrap();
    let mut second = alone.world.receiver.receive(alone.world.receive_order(alone.code.clone()));
    second.offer().await;
    alone.world.receiver.accept(&second, Choices::default());
    let (received, sent) = tokio::join!(second.report(), alone.sending.report());
    assert_eq!((received.missing, sent.missing), (0, 0));
    assert_eq!(alone.arrived(), "changed meanwhile");
}

#[tokio::test]
async fn the_user_may_cancel_while_the_code_is_up_again() {
    let mut alone = Alone::new().await;
    alone.world.sender.cancel(&alone.sending);
    assert!(matches!(alone.sending.error().await, caiman::engine::TransferError::Cancelled));
}
