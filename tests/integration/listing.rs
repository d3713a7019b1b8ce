//! What a sender learns about its own list, and what its user can do about it, before the receiver is there.

use std::{fs, path::PathBuf, sync::Arc};

use crate::support::{
    engine::{BLOCK, Transfer, World, names_in},
    noise,
};
use caiman::{
    engine::{Choices, NotAdded, Notice, Payload, SendOrder, TransferError},
    protocol::manifest::Manifest,
};

/// Waits for a list of this many entries.
async fn listed(sending: &mut Transfer, entries: usize) -> Arc<Manifest> {
    let told = sending.told("the list", |notice| match notice {
        Notice::Listed(manifest) if manifest.entries().len() == entries => Some(Arc::clone(manifest)),
        _ => None,
    });
    told.await
}

/// Waits for the notice that `path` was not added, and returns the reason in words.
async fn not_added(sending: &mut Transfer, path: &PathBuf) -> String {
    let told = sending.told("what is not added", |notice| match notice {
        Notice::NotAdded { paths, reason } if paths.contains(path) => Some(format!("{reason:?}")),
        _ => None,
    });
    told.await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_told_while_nobody_has_come() {
    let world = World::new().await;
    fs::create_dir(world.from("top")).unwrap();
    fs::write(world.from("top/x"), "four").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", world.from("top/out")).unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["top"])));
    let manifest = listed(&mut sending, 2).await;
    assert_eq!((manifest.files(), manifest.bytes()), (1, 4));
    if cfg!(unix) {
        let left_out = sending.notices.iter().find_map(|notice| match notice {
            Notice::LeftOut(left_out) => Some(left_out.clone()),
            _ => None,
        });
        assert_eq!(left_out.unwrap()[0].path, world.from("top/out"));
    }
    let mut text = world.sender.send(world.send_order(Payload::Text("four".to_owned())));
    assert_eq!(listed(&mut text, 1).await.bytes(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_gone_ends_a_send_before_anybody_comes() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["x", "gone"])));
    let error = sending.error().await;
    assert!(matches!(error, TransferError::File { path, .. } if *path == world.from("gone")), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_while_nobody_has_come_is_offered_with_the_rest() {
    let world = World::new().await;
    for folder in ["1", "2"] {
        fs::create_dir(world.from(folder)).unwrap();
        fs::write(world.from(folder).join("x"), folder).unwrap();
    }
    let mut sending = world.sender.send(world.send_order(world.paths(&["1/x"])));
    let code = sending.code().await;
    listed(&mut sending, 1).await;
    let missing = world.from("missing");
    world.sender.add(&sending, vec![world.from("2/x"), missing.clone(), world.from("2/../1/x")]);
    assert!(not_added(&mut sending, &missing).await.starts_with("Unlisted(File"));
    listed(&mut sending, 2).await;
    world.sender.add(&sending, vec![world.from("2")]);
    listed(&mut sending, 4).await;

    let mut receiving = world.receiver.receive(world.receive_order(code));
    let offer = receiving.offer().await;
    let names: Vec<_> = offer.manifest.entries().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, ["x", "x (2)", "2", "2/x"]);
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(names_in(world.target.path()), ["2", "x", "x (2)"]);
    for (name, text) in [("x", "1"), ("x (2)", "2"), ("2/x", "2")] {
        assert_eq!(fs::read_to_string(world.to(name)).unwrap(), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_while_nobody_has_come_is_not_offered() {
    let world = World::new().await;
    for name in ["kept", "removed"] {
        fs::write(world.from(name), name).unwrap();
    }
    let mut sending = world.sender.send(world.send_order(world.paths(&["kept", "removed"])));
    let code = sending.code().await;
    listed(&mut sending, 2).await;
    world.sender.remove(&sending, "removed");
    let path = sending.told("what is removed", |notice| match notice {
        Notice::Removed(path) => Some(path.clone()),
        _ => None,
    });
    assert_eq!(path.await, world.from("removed"));
    listed(&mut sending, 1).await;
    let mut receiving = world.receiver.receive(world.receive_order(code));
    assert_eq!(receiving.offer().await.manifest.entries().len(), 1);
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(names_in(world.target.path()), ["kept"]);
}

/// Catches a file that is left out, and offered with its old size, because its user has saved it once more.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_while_the_code_waits_is_offered_and_sent_as_it_is_now() {
    for receivers in [1, 2] {
        let world = World::new().await;
        fs::create_dir(world.from("all")).unwrap();
        for name in ["all/edited", "all/saved anew", "all/gone", "all/kept"] {
            fs::write(world.from(name), "old").unwrap();
        }
        let order = SendOrder { receivers, ..world.send_order(world.paths(&["all"])) };
        let mut sending = world.sender.send(order);
        let code = sending.code().await;
        listed(&mut sending, 5).await;
        fs::write(world.from("all/edited"), "longer").unwrap();
        fs::write(world.from("all/other"), "as editors save").unwrap();
        fs::rename(world.from("all/other"), world.from("all/saved anew")).unwrap();
        fs::remove_file(world.from("all/gone")).unwrap();
        fs::write(world.from("all/new"), "new").unwrap();

        let mut receiving = world.receiver.receive(world.receive_order(code));
        let offer = receiving.offer().await;
        assert_eq!((offer.manifest.files(), offer.manifest.bytes()), (4, 6 + 15 + 3 + 3));
        world.receiver.accept(&receiving, Choices::default());
        let received = receiving.report().await;
        assert_eq!(received.missing, 0);
        assert_eq!(names_in(&world.to("all")), ["edited", "kept", "new", "saved anew"]);
        assert_eq!(fs::read_to_string(world.to("all/edited")).unwrap(), "longer");
    }
}

/// Catches a limit that reaches only the sends that begin after it was set.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_set_while_the_code_waits_holds() {
    let world = World::new().await;
    fs::write(world.from("x"), noise(1, 6 * BLOCK)).unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["x"])));
    let code = sending.code().await;
    world.sender.limit(&sending, Some(2 * BLOCK as u64));
    let mut receiving = world.receiver.receive(world.receive_order(code));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    let (sent, _) = tokio::join!(sending.report(), receiving.report());
    assert!(sent.seconds > 2.0, "six blocks at two a second took {} s", sent.seconds);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_after_the_offer_is_refused_and_the_send_goes_on() {
    let world = World::new().await;
    for name in ["x", "late"] {
        fs::write(world.from(name), name).unwrap();
    }
    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["x"]))).await;
    let late = world.from("late");
    world.sender.add(&sending, vec![late.clone()]);
    let told = sending.told("that it is too late", |notice| {
        matches!(notice, Notice::NotAdded { paths, reason: NotAdded::TooLate } if paths[..] == [late.clone()])
            .then_some(())
    });
    told.await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(names_in(world.target.path()), ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_added_to_a_text_or_a_stream() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let stream = Payload::Stream { name: "stream".to_owned(), reader: Box::new(&b"bytes"[..]) };
    for what in [Payload::Text("text".to_owned()), stream] {
        let mut sending = world.sender.send(world.send_order(what));
        let code = sending.code().await;
        world.sender.add(&sending, vec![world.from("x")]);
        assert_eq!(not_added(&mut sending, &world.from("x")).await, "NotFiles");
        let mut receiving = world.receiver.receive(world.receive_order(code));
        assert_eq!(receiving.offer().await.manifest.entries().len(), 1);
        world.receiver.accept(&receiving, Choices::default());
        tokio::join!(sending.report(), receiving.report());
    }
}
