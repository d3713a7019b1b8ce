//! One code for several receivers: each proves it separately and gets a separate transfer, whatever happens to the others.

use std::fs;

use crate::support::iroh::left_out_over_quic;
use crate::support::{
    cutter::Cutter,
    engine::{BLOCK, CRAWL, CRAWL_BLOCKS, Party, Transfer, World},
    noise,
    tree::tree,
};
use caiman::{
    code::CodePhrase,
    engine::{
        Answer, Choices, CodeChoice, NotAdded, Notice, Payload, Phase, ReceiveOrder, RelayChoice, Report,
        SendOrder, TransferError,
    },
};
use tempfile::TempDir;

/// A receiver that receives into a folder of its own.
struct Guest {
    folder: TempDir,
    receiving: Transfer,
}

impl Guest {
    fn come(world: &World, code: &CodePhrase) -> Self {
        Self::come_with(world, world.receive_order(code.clone()))
    }

    fn come_with(world: &World, order: ReceiveOrder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = caiman::engine::Output::Folder(folder.path().to_owned());
        Self { receiving: world.receiver.receive(ReceiveOrder { output, ..order }), folder }
    }

    async fn accept(&mut self, world: &World) {
        self.receiving.offer().await;
        world.receiver.accept(&self.receiving, Choices::default());
    }

    fn has_all_of(&self, world: &World) -> bool {
        let strip = |mut nodes: std::collections::BTreeMap<_, _>| {
            nodes.remove(std::path::Path::new(""));
            nodes
        };
        strip(tree(self.folder.path())) == strip(tree(world.source.path()))
    }
}

fn for_several(world: &World, receivers: u16, payload: Payload) -> SendOrder {
    SendOrder { receivers, ..world.send_order(payload) }
}

/// A world with a file of several blocks and a small one, and the order to send both.
async fn world_for(receivers: u16, bytes_per_sec: Option<u64>) -> (World, SendOrder) {
    let blocks = if bytes_per_sec == CRAWL { CRAWL_BLOCKS } else { 5 };
    let world = World::new().await;
    fs::write(world.from("large"), noise(7, blocks * BLOCK + 1)).unwrap();
    fs::write(world.from("small"), "small").unwrap();
    let order = for_several(&world, receivers, world.paths(&["large", "small"]));
    (world, SendOrder { bytes_per_sec, ..order })
}

#[tokio::test(flavor = "multi_thread")]
async fn three_receivers_get_it_at_the_same_time() {
    let (world, order) = world_for(3, None).await;
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let mut guests = [(); 3].map(|()| Guest::come(&world, &code));
    let [one, two, three] = &mut guests;
    tokio::join!(one.accept(&world), two.accept(&world), three.accept(&world));
    for _ in 0..3 {
        let mut branch = world.sender.branch(&mut sending).await;
        let Report { stored, receivers, .. } = branch.report().await;
        assert_eq!((stored, receivers), (2, 1));
    }
    for guest in &mut guests {
        assert_eq!(guest.receiving.report().await.stored, 2);
        assert!(guest.has_all_of(&world));
        // The two sides meet twice, under the code and under the branch's own. Only the first meeting is reported.
        let meetings = guest.receiving.notices.iter().filter(|notice| matches!(notice, Notice::Met(_)));
        assert_eq!(meetings.count(), 1);
    }
    let report = sending.report().await;
    assert_eq!((report.receivers, report.stored, report.bytes), (3, 6, 3 * (5 * BLOCK as u64 + 6)));
    // The code can't be used any more.
    let mut late = Guest::come(&world, &code);
    assert!(matches!(late.receiving.error().await, TransferError::NobodyThere { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_another_one_receives_gets_it_too() {
    let (world, order) = world_for(2, CRAWL).await;
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let mut first = Guest::come(&world, &code);
    first.accept(&world).await;
    let mut branch = world.sender.branch(&mut sending).await;
    branch.moving().await;
    sending.enters(Phase::WaitingForPeer).await;
    let mut second = Guest::come(&world, &code);
    second.receiving.offer().await;
    let mut other = world.sender.branch(&mut sending).await;
    sending.enters(Phase::Branches).await;
    // One receiver declines, and the other goes on.
    world.receiver.answer(&second.receiving, Answer::Decline);
    assert!(matches!(other.error().await, TransferError::PeerDeclined));
    second.receiving.error().await;
    branch.enters(Phase::Moving).await;
    world.receiver.cancel(&first.receiving);
    assert!(matches!(branch.error().await, TransferError::PeerCancelled));
    assert!(matches!(sending.error().await, TransferError::NobodyGotIt { came: 2 }));
    first.receiving.error().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_can_be_cancelled_by_itself() {
    let (world, order) = world_for(2, None).await;
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let (mut one, mut two) = (Guest::come(&world, &code), Guest::come(&world, &code));
    tokio::join!(one.receiving.offer(), two.receiving.offer());
    let mut cancelled = world.sender.branch(&mut sending).await;
    let mut left = world.sender.branch(&mut sending).await;
    tokio::join!(cancelled.enters(Phase::WaitingForAnswer), left.enters(Phase::WaitingForAnswer));
    world.sender.cancel(&cancelled);
    assert!(matches!(cancelled.error().await, TransferError::Cancelled));
    for guest in [&one, &two] {
        // For one of the two, the transfer has ended, and the answer has no effect.
        world.receiver.accept(&guest.receiving, Choices::default());
    }
    assert_eq!(left.report().await.stored, 2);
    assert_eq!(sending.report().await.receivers, 1);
    let ended = [one.receiving.end().await.is_ok(), two.receiving.end().await.is_ok()];
    assert_eq!(ended.into_iter().filter(|is_good| *is_good).count(), 1, "{ended:?}");
    assert_eq!([one, two].map(|guest| guest.has_all_of(&world)), ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_the_send_reaches_all_its_branches() {
    let (world, order) = world_for(3, CRAWL).await;
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let (mut one, mut two) = (Guest::come(&world, &code), Guest::come(&world, &code));
    tokio::join!(one.accept(&world), two.receiving.offer());
    let mut branches = [world.sender.branch(&mut sending).await, world.sender.branch(&mut sending).await];
    sending.enters(Phase::WaitingForPeer).await;
    world.sender.cancel(&sending);
    for branch in &mut branches {
        assert!(matches!(branch.error().await, TransferError::Cancelled));
    }
    assert!(matches!(sending.error().await, TransferError::Cancelled));
    for guest in [&mut one, &mut two] {
        assert!(matches!(guest.receiving.error().await, TransferError::PeerCancelled));
    }
    let mut late = Guest::come(&world, &code);
    assert!(matches!(late.receiving.error().await, TransferError::NobodyThere { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_the_send_reaches_its_branches() {
    let (world, order) = world_for(2, None).await;
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let mut one = Guest::come(&world, &code);
    one.receiving.offer().await;
    let mut first = world.sender.branch(&mut sending).await;
    world.sender.pause(&sending, true);
    one.accept(&world).await;
    first.reach("a pause", |progress| progress.paused.here).await;
    one.receiving.reach("a pause", |progress| progress.paused.there).await;
    // A receiver that comes later gets a branch that is paused as well.
    let mut two = Guest::come(&world, &code);
    two.accept(&world).await;
    let mut second = world.sender.branch(&mut sending).await;
    second.reach("a pause", |progress| progress.paused.here).await;
    // One of the branches may be resumed before the other.
    world.sender.pause(&second, false);
    second.report().await;
    assert!(first.reach("a pause", |_| true).await.paused.here);
    world.sender.pause(&sending, false);
    tokio::join!(first.report(), one.receiving.report(), two.receiving.report());
    assert_eq!(sending.report().await.receivers, 2);
}

/// Three wrong tries in all retire the code, whichever receivers come in between. Receivers that are already there stay.
#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_end_the_code_but_no_branch() {
    let (world, order) = world_for(3, CRAWL).await;
    let own = |text: &str| CodePhrase::own(text).unwrap();
    let (right, wrong) = (own("blue-horse-7731-kitchen"), own("blue-horse-1377-kitchen"));
    let mut sending = world.sender.send(SendOrder { code: CodeChoice::Own(right.clone()), ..order });
    sending.code().await;
    let try_wrong = async |sending: &mut Transfer, left: u8| {
        sending.enters(Phase::WaitingForPeer).await;
        let mut guest = Guest::come(&world, &wrong);
        let error = guest.receiving.error().await;
        assert!(
            matches!(error, TransferError::WrongCode { tries_left: Some(tries) } if *tries == left),
            "{error:?}"
        );
        let told = |notice: &Notice| {
            matches!(notice, Notice::WrongTry { tries_left } if *tries_left == left).then_some(())
        };
        sending.told("the wrong try", told).await;
    };
    try_wrong(&mut sending, 2).await;
    let mut guest = Guest::come(&world, &right);
    guest.accept(&world).await;
    let mut branch = world.sender.branch(&mut sending).await;
    branch.moving().await;
    try_wrong(&mut sending, 1).await;
    try_wrong(&mut sending, 0).await;
    sending.enters(Phase::Retired).await;
    branch.enters(Phase::Moving).await;
    guest.receiving.enters(Phase::Moving).await;
    world.sender.cancel(&sending);
    assert!(matches!(branch.error().await, TransferError::Cancelled));
    assert!(matches!(sending.error().await, TransferError::TooManyTries));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_code_takes_nothing_from_who_has_it_all() {
    let (world, order) = world_for(2, None).await;
    let own = |text: &str| CodePhrase::own(text).unwrap();
    let (right, wrong) = (own("blue-horse-7731-kitchen"), own("blue-horse-1377-kitchen"));
    let mut sending = world.sender.send(SendOrder { code: CodeChoice::Own(right.clone()), ..order });
    sending.code().await;
    let mut guest = Guest::come(&world, &right);
    guest.accept(&world).await;
    guest.receiving.report().await;
    for _ in 0..3 {
        sending.enters(Phase::WaitingForPeer).await;
        let mut wrong = Guest::come(&world, &wrong);
        assert!(matches!(wrong.receiving.error().await, TransferError::WrongCode { .. }));
    }
    sending.enters(Phase::Retired).await;
    world.sender.cancel(&sending);
    assert_eq!(sending.report().await.receivers, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_reaches_all_or_none() {
    let world = World::new().await;
    for file in ["first", "early", "late"] {
        fs::write(world.from(file), file).unwrap();
    }
    let mut sending = world.sender.send(for_several(&world, 2, world.paths(&["first"])));
    let code = sending.code().await;
    world.sender.add(&sending, vec![world.from("early")]);
    let two_listed = |notice: &Notice| match notice {
        Notice::Listed(manifest) => (manifest.entries().len() == 2).then_some(()),
        _ => None,
    };
    sending.told("both files", two_listed).await;
    let mut one = Guest::come(&world, &code);
    assert_eq!(one.receiving.offer().await.manifest.entries().len(), 2);
    let mut branch = world.sender.branch(&mut sending).await;
    let too_late =
        |notice: &Notice| matches!(notice, Notice::NotAdded { reason: NotAdded::TooLate, .. }).then_some(());
    world.sender.add(&sending, vec![world.from("late")]);
    sending.told("that it is too late", too_late).await;
    world.sender.add(&branch, vec![world.from("late")]);
    branch.told("that it is too late", too_late).await;
    let mut two = Guest::come(&world, &code);
    assert_eq!(two.receiving.offer().await.manifest.entries().len(), 2);
    for guest in [&one, &two] {
        world.receiver.accept(&guest.receiving, Choices::default());
    }
    tokio::join!(one.receiving.report(), two.receiving.report(), sending.report());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_to_several() {
    let world = World::new().await;
    let mut sending = world.sender.send(for_several(&world, 2, Payload::Text("a snippet".to_owned())));
    let code = sending.code().await;
    for _ in 0..2 {
        let mut guest = Guest::come(&world, &code);
        guest.accept(&world).await;
        let text = |notice: &Notice| if let Notice::Text(text) = notice { Some(text.clone()) } else { None };
        assert_eq!(guest.receiving.told("the text", text).await, "a snippet");
        guest.receiving.report().await;
    }
    sending.report().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_for_several_is_refused() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let stream = Payload::Stream { name: "stdin".to_owned(), reader: Box::new(std::io::empty()) };
    let sends = [
        for_several(&world, 2, stream),
        for_several(&world, 0, world.paths(&["x"])),
        for_several(&world, caiman::engine::MAX_RECEIVERS + 1, world.paths(&["x"])),
    ];
    for order in sends {
        let mut sending = world.sender.send(order);
        assert!(matches!(sending.error().await, TransferError::Impossible(_)));
    }
}

/// All branches go through the sender's own relay, which has to last until the last of them has ended.
#[tokio::test(flavor = "multi_thread")]
async fn several_come_to_the_senders_own_relay() {
    if left_out_over_quic("it is about the sender's own relay") {
        return;
    }
    let (world, order) = world_for(2, None).await;
    let mut sending = world.sender.send(SendOrder { relays: Vec::new(), ..order });
    let code = sending.code().await;
    let relay = RelayChoice::new(sending.listening.clone().unwrap());
    let order = || ReceiveOrder { relays: vec![relay.clone()], ..world.receive_order(code.clone()) };
    let mut guests = [(); 2].map(|()| Guest::come_with(&world, order()));
    for guest in &mut guests {
        guest.accept(&world).await;
    }
    for guest in &mut guests {
        guest.receiving.report().await;
        assert!(guest.has_all_of(&world));
    }
    assert_eq!(sending.report().await.receivers, 2);
}

/// Files that can't be listed end the send, even before a receiver has come.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_listed_is_sent_to_nobody() {
    let world = World::new().await;
    let mut sending = world.sender.send(for_several(&world, 2, world.paths(&["nothing"])));
    assert!(matches!(sending.error().await, TransferError::File { .. }));
}

/// One receiver loses its network for a while; the other receiver and the code don't notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_is_cut_comes_back_by_itself() {
    if left_out_over_quic("it cuts connections to a relay of Caiman's own kind") {
        return;
    }
    let (world, order) = world_for(2, Some(512 * 1024)).await;
    let patience = std::time::Duration::from_mins(2);
    let mut sending = world.sender.send(SendOrder { patience, ..order });
    let code = sending.code().await;
    let cutter = Cutter::before(world.relay.addr).await;
    let order = ReceiveOrder { relays: vec![cutter.relay()], patience, ..world.receive_order(code.clone()) };
    let mut cut = Guest::come_with(&world, order);
    cut.accept(&world).await;
    let mut branch = world.sender.branch(&mut sending).await;
    tokio::join!(branch.moving(), cut.receiving.moving());
    cutter.cut();
    let mut other = Guest::come(&world, &code);
    other.accept(&world).await;
    tokio::join!(cut.receiving.report(), other.receiving.report());
    assert!(cut.has_all_of(&world) && other.has_all_of(&world));
    assert_eq!(sending.report().await.receivers, 2);
}

/// The end of the engine ends the send and all its branches.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_ends_ends_its_branches() {
    let (mut world, order) = world_for(3, CRAWL).await;
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let mut guest = Guest::come(&world, &code);
    guest.accept(&world).await;
    guest.receiving.moving().await;
    std::mem::replace(&mut world.sender, Party::start()).close().await;
    let error = guest.receiving.error().await;
    assert!(matches!(error, TransferError::PeerFailed(caiman::protocol::peer::Trouble::Closed)), "{error:?}");
}
