//! Files that change or vanish between being listed and being sent: each is named on both sides, and the others arrive.

use std::{fs, io};

use crate::support::{
    engine::{BLOCK, Transfer, World, names_in},
    noise,
    tree::tree,
};
use caiman::{
    engine::{Choices, Notice, Output, ReceiveOrder, SendOrder, TransferError},
    protocol::peer::Withdrawal,
};

/// Why a file was withdrawn, as one side reports it.
fn reason(transfer: &Transfer, name: &str) -> Option<Withdrawal> {
    transfer.notices.iter().find_map(|notice| match notice {
        Notice::Withdrawn { path, reason } if path.ends_with(name) => Some(*reason),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_before_it_was_read_is_named_and_the_others_arrive() {
    let world = World::new().await;
    let files = [
        ("all/kept", 200),
        ("all/kept large", 3 * BLOCK + 1),
        ("all/longer", 100),
        ("all/shorter", 100),
        ("all/same size", 100),
        ("all/gone", 100),
        ("all/kept empty", 0),
        ("all/no longer empty", 0),
        ("all/replaced", 100),
        ("all/became a folder", 100),
        ("all/large longer", 2 * BLOCK),
        ("all/large gone", 2 * BLOCK),
        ("all/sub/out of reach", 100),
    ];
    fs::create_dir_all(world.from("all/sub")).unwrap();
    for (seed, (name, size)) in (1..).zip(files) {
        fs::write(world.from(name), noise(seed, size)).unwrap();
    }
    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["all"]))).await;

    for name in ["all/longer", "all/large longer", "all/no longer empty"] {
        let mut longer = fs::OpenOptions::new().append(true).open(world.from(name)).unwrap();
        io::Write::write_all(&mut longer, b"more").unwrap();
    }
    fs::write(world.from("all/shorter"), "less").unwrap();
    fs::write(world.from("all/same size"), noise(99, 100)).unwrap();
    fs::remove_file(world.from("all/gone")).unwrap();
    fs::remove_file(world.from("all/large gone")).unwrap();
    fs::write(world.from("all/other"), noise(98, 100)).unwrap();
    fs::rename(world.from("all/other"), world.from("all/replaced")).unwrap();
    fs::remove_file(world.from("all/became a folder")).unwrap();
    fs::create_dir(world.from("all/became a folder")).unwrap();
    fs::remove_dir_all(world.from("all/sub")).unwrap();
    fs::write(world.from("all/sub"), "in the way").unwrap();

    world.receiver.accept(&receiving, Choices::default());
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    let named = [
        "became a folder",
        "gone",
        "large gone",
        "large longer",
        "longer",
        "no longer empty",
        "out of reach",
        "replaced",
        "same size",
        "shorter",
    ];
    assert_eq!(sending.withdrawn().await, named);
    assert_eq!(receiving.withdrawn().await, named);
    assert_eq!((sent.missing, received.missing, received.not_stored), (10, 10, 0));
    assert_eq!((sent.stored, received.stored), (5, 5));
    let bytes = (200 + 3 * BLOCK + 1) as u64;
    assert_eq!((sent.bytes, received.bytes), (bytes, bytes));
    for side in [&sending, &receiving] {
        assert_eq!(reason(side, "gone"), Some(Withdrawal::Vanished));
        assert_eq!(reason(side, "same size"), Some(Withdrawal::Changed));
        if cfg!(unix) {
            assert_eq!(reason(side, "out of reach"), Some(Withdrawal::Unreadable));
        }
    }
    assert_eq!(names_in(&world.to("all")), ["kept", "kept empty", "kept large", "sub"]);
    assert_eq!(names_in(&world.to("all/sub")), Vec::<String>::new());
    for name in ["all/kept", "all/kept empty", "all/kept large"] {
        assert_eq!(tree(&world.to(name)), tree(&world.from(name)));
    }
    assert_eq!(names_in(world.target.path()), ["all"], "the staging folder stayed behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_moves_is_withdrawn_with_what_arrived_of_it() {
    let world = World::new().await;
    fs::create_dir(world.from("all")).unwrap();
    fs::write(world.from("all/1 grows"), noise(1, 40 * BLOCK)).unwrap();
    fs::write(world.from("all/2 kept"), noise(2, BLOCK + 1)).unwrap();
    // One block a second over one lane: the next blocks are read long after the first was stored.
    let bytes_per_sec = Some(BLOCK as u64);
    let order = SendOrder { lanes: 1, bytes_per_sec, ..world.send_order(world.paths(&["all"])) };
    let (mut sending, mut receiving, _) = world.offer(order).await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.moving(), receiving.moving());
    let mut grown = fs::OpenOptions::new().append(true).open(world.from("all/1 grows")).unwrap();
    io::Write::write_all(&mut grown, b"more").unwrap();
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.missing, received.missing), (1, 1));
    assert_eq!(
        (reason(&sending, "1 grows"), reason(&receiving, "1 grows")),
        (Some(Withdrawal::Changed), Some(Withdrawal::Changed))
    );
    assert_eq!(names_in(&world.to("all")), ["2 kept"]);
    assert_eq!(names_in(world.target.path()), ["all"], "the staging folder stayed behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_whose_only_file_is_gone_ends_without_it() {
    let world = World::new().await;
    for name in ["small", "large"] {
        let size = if name == "small" { 10 } else { 4 * BLOCK };
        fs::write(world.from(name), noise(1, size)).unwrap();
        let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&[name]))).await;
        fs::remove_file(world.from(name)).unwrap();
        world.receiver.accept(&receiving, Choices::default());
        let (sent, received) = tokio::join!(sending.report(), receiving.report());
        assert_eq!((sent.missing, sent.stored, received.missing, received.stored), (1, 0, 1, 0));
        assert_eq!(sending.withdrawn().await, [name]);
        assert_eq!(receiving.withdrawn().await, [name]);
        assert!(names_in(world.target.path()).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_file_is_gone_ends_in_an_error_on_both_sides() {
    let world = World::new().await;
    fs::write(world.from("x"), noise(1, 4 * BLOCK)).unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["x"])));
    let code = sending.code().await;
    let output = Output::Writer(Box::new(io::sink()));
    let mut receiving = world.receiver.receive(ReceiveOrder { output, ..world.receive_order(code) });
    receiving.offer().await;
    fs::remove_file(world.from("x")).unwrap();
    world.receiver.accept(&receiving, Choices::default());
    let error = receiving.error().await;
    assert!(matches!(error, TransferError::Withdrawn { reason: Withdrawal::Vanished, .. }), "{error:?}");
    assert_eq!(sending.withdrawn().await, ["x"]);
    sending.error().await;
}
