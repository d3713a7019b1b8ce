//! Names that already exist on the receiver's side: nothing there is lost without consent, and nothing is ever written through
//! a link.

use std::{collections::HashMap, fs, io, sync::Arc};

use crate::support::engine::{World, entry, names_in};
use caiman::engine::{Choices, Notice, OnConflict, OnMerge, Report, TransferError};

/// Folders are merged.
fn policy(on_conflict: OnConflict) -> Choices {
    Choices { on_conflict, on_merge: OnMerge::Merge, ..Choices::default() }
}

/// Sends `top` with `file`, `other` and `new`; `file` and `other` exist already.
async fn world_with_conflicts() -> World {
    let world = World::new().await;
    for (folder, text) in [(world.from("top"), "theirs"), (world.to("top"), "ours")] {
        fs::create_dir(&folder).unwrap();
        for name in ["file", "other.tar.gz"] {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    fs::write(world.from("top/new"), "theirs").unwrap();
    fs::write(world.to("top/mine"), "ours").unwrap();
    world
}

fn contents(world: &World) -> Vec<(String, String)> {
    let read = |name: String| (fs::read_to_string(world.to("top").join(&name)).unwrap(), name);
    names_in(&world.to("top")).into_iter().map(read).map(|(text, name)| (name, text)).collect()
}

fn expected(contents: &[(&str, &str)]) -> Vec<(String, String)> {
    contents.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_does_what_it_says() {
    for (on_conflict, bytes, stored, result) in [
        (
            OnConflict::Skip,
            6,
            2,
            &[("file", "ours"), ("mine", "ours"), ("new", "theirs"), ("other.tar.gz", "ours")][..],
        ),
        (
            OnConflict::Replace,
            18,
            4,
            &[("file", "theirs"), ("mine", "ours"), ("new", "theirs"), ("other.tar.gz", "theirs")],
        ),
        (
            OnConflict::KeepBoth,
            18,
            4,
            &[
                ("file", "ours"),
                ("file (2)", "theirs"),
                ("mine", "ours"),
                ("new", "theirs"),
                ("other (2).tar.gz", "theirs"),
                ("other.tar.gz", "ours"),
            ],
        ),
    ] {
        let world = world_with_conflicts().await;
        let order = world.send_order(world.paths(&["top"]));
        let (mut sending, mut receiving, offer) = world.offer(order).await;
        assert_eq!(offer.conflicts(&offer.here, OnMerge::Merge).len(), 2);
        assert_eq!(
            offer.conflicts(&offer.here, OnMerge::KeepBoth).len(),
            0,
            "only in a folder that is merged"
        );
        world.receiver.accept(&receiving, policy(on_conflict));
        let (sent, received) = tokio::join!(sending.report(), receiving.report());
        assert_eq!(contents(&world), expected(result), "{on_conflict:?}");
        assert!(!received.is_new, "the folder was there before");
        assert_eq!(
            (sent.bytes, sent.stored, sent.missing),
            (bytes, stored, 0),
            "what is skipped is not sent"
        );
        assert_eq!((received.bytes, received.stored, received.missing), (bytes, stored, 0));
    }
}

/// Catches a sender who puts something into a folder that the receiver has, such as `.ssh`, without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_merged_with_one_that_is_there_only_if_the_user_says_so() {
    let ours = [("file", "ours"), ("mine", "ours"), ("other.tar.gz", "ours")];
    for (choices, names) in [
        (Choices::default(), &["top", "top (2)"][..]),
        (Choices { on_conflict: OnConflict::Replace, ..Choices::default() }, &["top", "top (2)"]),
        (Choices { on_merge: OnMerge::Skip, ..Choices::default() }, &["top"]),
        (
            Choices { merge_exceptions: HashMap::from([(0, OnMerge::Skip)]), ..policy(OnConflict::Replace) },
            &["top"],
        ),
    ] {
        let world = world_with_conflicts().await;
        let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["top"]))).await;
        let tops = offer.tops(&offer.here);
        assert!(tops.len() == 1 && tops[0].merges && !tops[0].is_hidden);
        world.receiver.accept(&receiving, choices);
        let (_, received) = tokio::join!(sending.report(), receiving.report());
        assert_eq!(names_in(world.target.path()), names);
        assert_eq!(contents(&world), expected(&ours), "what was there is as it was");
        assert_eq!(received.missing, 0);
        if let [_, beside] = names {
            assert_eq!(names_in(&world.to(beside)), ["file", "new", "other.tar.gz"], "it is whole");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_goes_before_the_policy() {
    let world = world_with_conflicts().await;
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["top"]))).await;
    let exceptions = HashMap::from([(entry(&offer, "top/file"), OnConflict::Replace)]);
    world.receiver.accept(&receiving, Choices { exceptions, ..policy(OnConflict::Skip) });
    tokio::join!(sending.report(), receiving.report());
    let result = [("file", "theirs"), ("mine", "ours"), ("new", "theirs"), ("other.tar.gz", "ours")];
    assert_eq!(contents(&world), expected(&result));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_the_way_of_a_file_always_stays() {
    for (on_conflict, names) in [
        (OnConflict::Skip, &["name"][..]),
        (OnConflict::Replace, &["name", "name (2)"]),
        (OnConflict::KeepBoth, &["name", "name (2)"]),
    ] {
        let world = World::new().await;
        fs::write(world.from("name"), "theirs").unwrap();
        fs::create_dir(world.to("name")).unwrap();
        fs::write(world.to("name/inside"), "ours").unwrap();
        world.exchange_with(world.send_order(world.paths(&["name"])), policy(on_conflict)).await;
        assert_eq!(names_in(world.target.path()), names, "{on_conflict:?}");
        assert_eq!(fs::read_to_string(world.to("name/inside")).unwrap(), "ours");
    }
}

async fn send_folder_onto(plant: impl Fn(&World), on_conflict: OnConflict) -> (World, Report) {
    let world = World::new().await;
    fs::create_dir_all(world.from("name/sub")).unwrap();
    fs::write(world.from("name/sub/inside"), "theirs").unwrap();
    plant(&world);
    let order = world.send_order(world.paths(&["name"]));
    let (sent, received) = world.exchange_with(order, policy(on_conflict)).await;
    assert_eq!((sent.stored, sent.missing), (received.stored, received.missing));
    (world, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_way_of_a_folder_is_dealt_with_as_asked() {
    let plant = |world: &World| fs::write(world.to("name"), "ours").unwrap();
    let (world, report) = send_folder_onto(plant, OnConflict::Skip).await;
    assert_eq!((report.stored, report.bytes), (0, 0), "nothing of the folder is transferred");
    assert_eq!(fs::read_to_string(world.to("name")).unwrap(), "ours");
    let (world, _) = send_folder_onto(plant, OnConflict::Replace).await;
    assert_eq!(names_in(world.target.path()), ["name"]);
    assert_eq!(fs::read_to_string(world.to("name/sub/inside")).unwrap(), "theirs");
    let (world, _) = send_folder_onto(plant, OnConflict::KeepBoth).await;
    assert_eq!(fs::read_to_string(world.to("name")).unwrap(), "ours");
    assert_eq!(fs::read_to_string(world.to("name (2)/sub/inside")).unwrap(), "theirs");
}

/// On Windows only administrators may create links; `transfer::placement` tests the decision there.
#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use caiman::engine::SendOrder;

    use super::*;
    use crate::support::{engine::BLOCK, noise};

    /// A link that has the name of a folder in the offer, and leads to a folder into which nothing may be written.
    fn plant(world: &World) {
        fs::create_dir_all(world.from("outside/sub")).unwrap();
        symlink(world.from("outside"), world.to("name")).unwrap();
    }

    fn assert_nothing_came_through(world: &World) {
        assert_eq!(names_in(&world.from("outside")), ["sub"]);
        assert!(names_in(&world.from("outside/sub")).is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_written_through_a_link_to_a_folder() {
        for on_conflict in [OnConflict::Skip, OnConflict::Replace, OnConflict::KeepBoth] {
            let (world, _) = send_folder_onto(plant, on_conflict).await;
            assert_nothing_came_through(&world);
            let place = match on_conflict {
                OnConflict::Skip => {
                    assert_eq!(names_in(world.target.path()), ["name"]);
                    continue;
                }
                OnConflict::Replace => "name",
                OnConflict::KeepBoth => "name (2)",
            };
            assert!(!world.to(place).is_symlink());
            assert_eq!(fs::read_to_string(world.to(place).join("sub/inside")).unwrap(), "theirs");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_written_through_a_link_to_a_file() {
        for (on_conflict, place) in [(OnConflict::Replace, "name"), (OnConflict::KeepBoth, "name (2)")] {
            for target in ["file", "nothing"] {
                let world = World::new().await;
                fs::write(world.from("name"), "theirs").unwrap();
                fs::write(world.from("file"), "ours").unwrap();
                symlink(world.from(target), world.to("name")).unwrap();
                let order = world.send_order(world.paths(&["name"]));
                world.exchange_with(order, policy(on_conflict)).await;
                assert_eq!(fs::read_to_string(world.from("file")).unwrap(), "ours");
                assert!(!world.from("nothing").exists());
                assert!(!world.to(place).is_symlink());
                assert_eq!(fs::read_to_string(world.to(place)).unwrap(), "theirs");
            }
        }
    }

    /// The folder is checked before the first byte moves, and again when the files get their real names.
    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_written_through_a_link_that_appears_while_bytes_move() {
        let world = World::new().await;
        fs::create_dir(world.from("name")).unwrap();
        fs::write(world.from("name/inside"), noise(1, 8 * BLOCK)).unwrap();
        fs::write(world.from("beside"), "theirs").unwrap();
        let bytes_per_sec = Some(BLOCK as u64);
        let what = world.paths(&["name", "beside"]);
        let order = SendOrder { bytes_per_sec, ..world.send_order(what) };
        let (mut sending, mut receiving, _) = world.offer(order).await;
        world.receiver.accept(&receiving, policy(OnConflict::Replace));
        tokio::join!(sending.moving(), receiving.moving());
        plant(&world);
        fs::write(world.to("beside"), "ours").unwrap();
        let (sent, received) = tokio::join!(sending.report(), receiving.report());
        assert_nothing_came_through(&world);
        assert_eq!((sent.missing, received.missing, received.not_stored), (2, 2, 2));
        let not_stored = receiving.notices.iter().filter(|notice| matches!(notice, Notice::NotStored { .. }));
        assert_eq!(not_stored.count(), 2, "the folder and the file in it are named");
        assert!(
            receiving.notices.iter().any(|notice| matches!(notice, Notice::Kept(_))),
            "what arrived is kept"
        );
        assert_eq!(
            fs::read_to_string(world.to("beside")).unwrap(),
            "ours",
            "the receiver's user did not allow this to be replaced"
        );
        assert_eq!(fs::read_to_string(world.to("beside (2)")).unwrap(), "theirs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_can_be_held_against_other_folders_before_it_is_answered() {
    let world = world_with_conflicts().await;
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["top"]))).await;
    assert_eq!(offer.conflicts(&offer.here, OnMerge::Merge).len(), 2);

    for (folder, kind) in
        [(world.to("missing"), io::ErrorKind::NotFound), (world.to("top/mine"), io::ErrorKind::NotADirectory)]
    {
        world.receiver.look(&receiving, &folder);
        let told = receiving.told("that the folder is no use", |notice| match notice {
            Notice::CantUse(TransferError::File { path, cause, .. }) if *path == folder => Some(cause.kind()),
            _ => None,
        });
        assert_eq!(told.await, kind);
    }

    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir(elsewhere.path().join("top")).unwrap();
    fs::write(elsewhere.path().join("top/new"), "ours").unwrap();
    world.receiver.look(&receiving, elsewhere.path());
    let again = receiving.told("the offer for that folder", |notice| match notice {
        Notice::Offer(offer) if offer.folder.as_deref() == Some(elsewhere.path()) => Some(Arc::clone(offer)),
        _ => None,
    });
    let again = again.await;
    assert!(Arc::ptr_eq(&offer.manifest, &again.manifest));
    let target = &again.targets[entry(&again, "top/new") as usize];
    assert!(target.conflicts && target.path.as_ref().unwrap().as_str() == "top/new (2)");
    assert_eq!((again.conflicts(&again.here, OnMerge::Merge).len(), again.free.is_some()), (1, true));

    let folder = Some(elsewhere.path().to_owned());
    world.receiver.accept(&receiving, Choices { folder, ..policy(OnConflict::KeepBoth) });
    let (_, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!(received.folder.as_deref(), Some(elsewhere.path()));
    assert_eq!(received.placed, [elsewhere.path().join("top")]);
    assert_eq!(names_in(&elsewhere.path().join("top")), ["file", "new", "new (2)", "other.tar.gz"]);
}

/// Catches a code that is used up on a folder that can't be used.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_for_a_folder_of_no_use_waits_for_another_one() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    fs::remove_dir(world.to("")).unwrap();
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["x"]))).await;
    let Some(TransferError::File { path, cause, .. }) = &offer.unusable else {
        panic!("the offer doesn't say why the folder is of no use: {offer:?}")
    };
    assert_eq!((path, cause.kind()), (offer.folder.as_ref().unwrap(), io::ErrorKind::NotFound));
    let elsewhere = tempfile::tempdir().unwrap();
    world.receiver.look(&receiving, elsewhere.path());
    let usable = receiving.told("the offer for that folder", |notice| match notice {
        Notice::Offer(offer) if offer.unusable.is_none() => offer.folder.clone(),
        _ => None,
    });
    let folder = Some(usable.await);
    world.receiver.accept(&receiving, Choices { folder, ..Choices::default() });
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(names_in(elsewhere.path()), ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_under_which_names_things_lie_now() {
    let world = World::new().await;
    fs::create_dir_all(world.from("top/inner")).unwrap();
    fs::create_dir(world.to("top")).unwrap();
    for path in [world.from("top/inner/x"), world.from("a.txt"), world.from("b.txt")] {
        fs::write(path, "x").unwrap();
    }
    fs::write(world.to("a.txt"), "ours").unwrap();
    let many: Vec<_> = (0..70).map(|number| format!("many {number}")).collect();
    for name in &many {
        fs::write(world.from(name), "x").unwrap();
    }
    let (sent, received) = world.exchange(world.paths(&["top", "a.txt", "b.txt"])).await;
    assert!(sent.placed.is_empty());
    assert_eq!(received.placed, ["top (2)", "a (2).txt", "b.txt"].map(|name| world.to(name)));
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let (_, received) = world.exchange(world.paths(&many)).await;
    assert_eq!((received.stored, received.placed.len()), (70, 64));
}
