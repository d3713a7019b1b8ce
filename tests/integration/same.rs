//! Files that the receiver already has are recognised in the offer and not sent.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::support::{
    engine::{BLOCK, Party, Transfer, World, entry, names_in},
    noise,
    tree::tree,
};
use caiman::engine::{AlreadyHere, Choices, Notice, OnConflict, OnMerge, Payload, Report, SendOrder};

/// Folders are merged.
fn policy(on_conflict: OnConflict) -> Choices {
    Choices { on_conflict, on_merge: OnMerge::Merge, ..Choices::default() }
}

/// A large file, one of a single block, three hundred that share blocks, an empty file and an empty folder.
fn plant(world: &World) {
    fs::create_dir_all(world.from("all/deep/empty folder")).unwrap();
    fs::write(world.from("all/large"), noise(7, 12 * BLOCK + 1)).unwrap();
    fs::write(world.from("all/block"), noise(8, BLOCK)).unwrap();
    fs::write(world.from("all/empty"), b"").unwrap();
    for number in 0..300u32 {
        fs::write(world.from(&format!("all/deep/{number}")), noise(number.into(), 999)).unwrap();
    }
}

const FILES: u64 = 303;
const BYTES: u64 = (13 * BLOCK + 1 + 300 * 999) as u64;

/// Copies what was planted into the receiver's folder, with other times.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// Flips a bit of a file without changing its size.
fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Waits until it is known which files are already here.
async fn compared(receiving: &mut Transfer) -> AlreadyHere {
    let known = |notice: &Notice| match notice {
        Notice::Offer(offer) if !offer.here.is_growing() => Some(offer.here.clone()),
        Notice::AlreadyHere(here) if !here.is_growing() => Some(here.clone()),
        _ => None,
    };
    receiving.told("what is here already", known).await
}

/// Sends `what` to a receiver that waits until it is known which files are already there. Returns those, both reports, and how
/// many bytes of files the relay carried.
async fn send(
    world: &World,
    payload: Payload,
    choices: Choices,
) -> (AlreadyHere, Report, Report, Option<u64>) {
    let transfer = async {
        let (mut sending, mut receiving, _) = world.offer(world.send_order(payload)).await;
        let here = compared(&mut receiving).await;
        world.receiver.accept(&receiving, choices);
        let (sent, received) = tokio::join!(sending.report(), receiving.report());
        (here, sent, received)
    };
    let ((here, sent, received), carried) = world.weigh(transfer).await;
    assert_eq!((sent.here, sent.here_bytes), (received.here, received.here_bytes));
    assert_eq!((sent.bytes, sent.missing, received.missing), (received.bytes, 0, 0));
    (here, sent, received, carried)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_here_is_not_sent_and_stays_as_it_is() {
    let world = World::new().await;
    plant(&world);
    copy(&world.from("all"), &world.to("all"));
    let before = tree(&world.to("all"));
    // Merging changes nothing here, so it needs no word.
    let unsaid =
        [OnMerge::KeepBoth, OnMerge::Skip].map(|on_merge| Choices { on_merge, ..Choices::default() });
    let said = [OnConflict::KeepBoth, OnConflict::Replace, OnConflict::Skip].map(policy);
    for choices in unsaid.into_iter().chain(said) {
        let what = world.paths(&["all"]);
        let (here, sent, received, carried) = send(&world, what, choices).await;
        assert_eq!((here.files(), here.bytes()), (FILES, BYTES));
        assert_eq!((received.here, received.here_bytes, received.bytes), (FILES, BYTES, 0));
        assert!(!received.is_new);
        assert_eq!(sent.stored, 3, "folders count as stored, whether they were made or found");
        assert_eq!(carried.unwrap_or(0), 0, "nothing has to move");
        assert_eq!(tree(&world.to("all")), before, "not even a time is touched");
        assert_eq!(names_in(world.target.path()), ["all"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_differing_byte_is_enough_to_be_sent() {
    for (on_conflict, name) in [(OnConflict::KeepBoth, "large (2)"), (OnConflict::Replace, "large")] {
        let world = World::new().await;
        plant(&world);
        copy(&world.from("all"), &world.to("all"));
        spoil(&world.to("all/large"));
        let what = world.paths(&["all"]);
        let (here, _, received, carried) = send(&world, what, policy(on_conflict)).await;
        let large = (12 * BLOCK + 1) as u64;
        assert_eq!((here.files(), here.bytes()), (FILES - 1, BYTES - large));
        assert_eq!((received.here, received.bytes), (FILES - 1, large));
        let due = large..large + 2 * BLOCK as u64;
        assert!(carried.is_none_or(|carried| due.contains(&carried)), "{carried:?}");
        let arrived = fs::read(world.to("all").join(name)).unwrap();
        assert!(arrived == fs::read(world.from("all/large")).unwrap());
        let more = names_in(&world.to("all")).len() - names_in(&world.from("all")).len();
        assert_eq!(more, usize::from(on_conflict == OnConflict::KeepBoth));
    }
}

/// Catches a folder beside the existing one that lacks what is in that one.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_stored_beside_another_one_is_whole() {
    let world = World::new().await;
    plant(&world);
    copy(&world.from("all"), &world.to("all"));
    spoil(&world.to("all/large"));
    let before = tree(&world.to("all"));
    let (here, _, received, _) = send(&world, world.paths(&["all"]), Choices::default()).await;
    assert_eq!(here.files(), FILES - 1);
    assert_eq!((received.here, received.bytes), (0, BYTES));
    assert!(received.is_new);
    assert_eq!(tree(&world.to("all")), before);
    assert_eq!(names_in(world.target.path()), ["all", "all (2)"]);
    assert!(tree(&world.to("all (2)")).keys().eq(tree(&world.from("all")).keys()));
}

/// Small files share blocks. Those that are already here must not be in them, or the two sides would disagree on the blocks.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_small_files_only_the_others_are_sent() {
    let world = World::new().await;
    plant(&world);
    copy(&world.from("all"), &world.to("all"));
    for number in 0..300 {
        match number % 3 {
            0 => spoil(&world.to(&format!("all/deep/{number}"))),
            1 => fs::remove_file(world.to(&format!("all/deep/{number}"))).unwrap(),
            _ => {}
        }
    }
    let what = world.paths(&["all"]);
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(what)).await;
    let here = compared(&mut receiving).await;
    assert_eq!(here.files(), FILES - 200);
    assert_eq!(offer.conflicts(&here, OnMerge::Merge).len(), 100, "a file that is the same is no conflict");
    world.receiver.accept(&receiving, policy(OnConflict::Replace));
    let told = sending.told("what is taken", |notice| match notice {
        Notice::Accepted { files, bytes } => Some((*files, *bytes)),
        _ => None,
    });
    assert_eq!(told.await, (200, Some(200 * 999)));
    let (sent, received) = tokio::join!(sending.history(), receiving.history());
    for history in [&sent, &received] {
        let last = history.last().unwrap();
        assert_eq!((last.bytes, last.total_bytes), (200 * 999, Some(200 * 999)));
    }
    assert_eq!(names_in(&world.to("all/deep")), names_in(&world.from("all/deep")));
    for number in 0..300 {
        let path = format!("all/deep/{number}");
        assert!(fs::read(world.to(&path)).unwrap() == fs::read(world.from(&path)).unwrap(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_file_that_is_here_ends_at_once_and_can_be_opened() {
    let world = World::new().await;
    fs::write(world.from("film"), noise(3, 5 * BLOCK)).unwrap();
    copy(world.source.path(), world.target.path());
    let (here, sent, received, carried) = send(&world, world.paths(&["film"]), Choices::default()).await;
    assert_eq!((here.files(), carried.unwrap_or(0)), (1, 0));
    assert_eq!((sent.stored, sent.here, sent.here_bytes), (0, 1, 5 * BLOCK as u64));
    assert_eq!(received.placed, [world.to("film")]);
    assert_eq!(names_in(world.target.path()), ["film"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_decides_goes_before() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        fs::write(world.from(name), name).unwrap();
    }
    copy(world.source.path(), world.target.path());
    let order = || world.send_order(world.paths(&["a", "b", "c"]));
    let (mut sending, mut receiving, offer) = world.offer(order()).await;
    compared(&mut receiving).await;
    let exceptions = HashMap::from([(entry(&offer, "a"), OnConflict::KeepBoth)]);
    let unwanted = vec![entry(&offer, "b")];
    world.receiver.accept(&receiving, Choices { exceptions, unwanted, ..policy(OnConflict::Skip) });
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.here, received.here, received.stored), (1, 1, 1), "what isn't ticked is not counted");
    assert_eq!(names_in(world.target.path()), ["a", "a (2)", "b", "c"]);

    let (mut sending, mut receiving, _) = world.offer(order()).await;
    compared(&mut receiving).await;
    world.receiver.accept(&receiving, Choices { resumes: false, ..policy(OnConflict::Replace) });
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.here, received.here, received.stored), (0, 0, 3), "everything is to be sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_changed_before_the_answer_is_no_longer_the_same() {
    let world = World::new().await;
    fs::write(world.from("x"), "text").unwrap();
    fs::write(world.to("x"), "text").unwrap();
    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["x"]))).await;
    assert_eq!(compared(&mut receiving).await.files(), 1);
    let file = fs::File::options().write(true).truncate(true).open(world.to("x")).unwrap();
    io::Write::write_all(&mut &file, b"mine").unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(10)).unwrap();
    drop(file);
    world.receiver.accept(&receiving, Choices::default());
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.here, received.here, received.stored), (0, 0, 1));
    assert_eq!(fs::read_to_string(world.to("x")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(world.to("x (2)")).unwrap(), "text");
}

/// What was listed is looked at again when the receiver comes, so what is compared is what the file holds by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_edited_while_the_code_waits_is_compared_as_it_is_now() {
    let world = World::new().await;
    fs::write(world.from("x"), "text").unwrap();
    let mut sending = world.sender.send(world.send_order(world.paths(&["x"])));
    let code = sending.code().await;
    sending.told("the list", |notice| matches!(notice, Notice::Listed(_)).then_some(())).await;
    fs::write(world.from("x"), "else").unwrap();
    let file = fs::File::options().write(true).open(world.from("x")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(10)).unwrap();
    fs::write(world.to("x"), "else").unwrap();
    let mut receiving = world.receiver.receive(world.receive_order(code));
    assert_eq!(compared(&mut receiving).await.files(), 1);
    world.receiver.cancel(&receiving);
    assert!(receiving.end().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_folder_is_compared_anew() {
    let world = World::new().await;
    for name in ["a", "b"] {
        fs::write(world.from(name), name).unwrap();
    }
    fs::write(world.to("a"), "a").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    copy(world.source.path(), elsewhere.path());
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["a", "b"]))).await;
    let here = compared(&mut receiving).await;
    assert_eq!((here.files(), here.contains(entry(&offer, "a") as usize)), (1, true));
    receiving.notices.clear();
    world.receiver.look(&receiving, elsewhere.path());
    assert_eq!(compared(&mut receiving).await.files(), 2);
    // The folder that was compared last is not the one into which it is received.
    world.receiver.accept(&receiving, Choices::default());
    let (_, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((received.here, received.stored), (0, 2), "this folder was not compared");

    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["a", "b"]))).await;
    compared(&mut receiving).await;
    receiving.notices.clear();
    world.receiver.look(&receiving, elsewhere.path());
    compared(&mut receiving).await;
    let folder = Some(elsewhere.path().to_owned());
    world.receiver.accept(&receiving, Choices { folder, ..Choices::default() });
    let (_, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((received.here, received.stored), (2, 0));
    assert_eq!(names_in(elsewhere.path()), ["a", "b"]);
}

/// An answer doesn't wait. Whatever is known by then, what arrives is right.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_at_once_is_as_good() {
    let world = World::new().await;
    plant(&world);
    copy(&world.from("all"), &world.to("all"));
    let choices = policy(OnConflict::Replace);
    let (sent, received) = world.exchange_with(world.send_order(world.paths(&["all"])), choices).await;
    assert_eq!(sent.bytes + sent.here_bytes, BYTES);
    assert_eq!((received.missing, received.here_bytes), (0, sent.here_bytes));
    assert!(tree(&world.to("all")).keys().eq(tree(&world.from("all")).keys()), "nothing is there twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_transfer_goes_on_beside_what_is_here() {
    let mut world = World::new().await;
    plant(&world);
    copy(&world.from("all/deep"), &world.to("all/deep"));
    let bytes_per_sec = Some(2 * 1024 * 1024);
    let order = SendOrder { bytes_per_sec, ..world.send_order(world.paths(&["all"])) };
    let (mut sending, mut receiving, _) = world.offer(order).await;
    assert_eq!(compared(&mut receiving).await.files(), 300);
    world.receiver.accept(&receiving, policy(OnConflict::KeepBoth));
    sending.reach("some blocks", |progress| progress.bytes >= 3 * BLOCK as u64).await;
    std::mem::replace(&mut world.receiver, Party::start()).close().await;
    assert!(sending.end().await.is_err());

    let transfer = async {
        let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["all"]))).await;
        assert!(offer.resumable >= 3 * BLOCK as u64);
        assert_eq!(compared(&mut receiving).await.files(), 300);
        world.receiver.accept(&receiving, policy(OnConflict::KeepBoth));
        tokio::join!(sending.report(), receiving.report())
    };
    let ((_, received), carried) = world.weigh(transfer).await;
    assert!(carried.is_none_or(|carried| carried < 12 * BLOCK as u64), "{carried:?} bytes moved");
    assert_eq!((received.here, received.stored), (300, 6));
    for name in ["large", "block", "empty", "deep/0", "deep/299"] {
        let path = format!("all/{name}");
        assert!(fs::read(world.to(&path)).unwrap() == fs::read(world.from(&path)).unwrap(), "{path}");
    }
    assert_eq!(names_in(world.target.path()), ["all"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_streams_are_taken_as_they_come() {
    let world = World::new().await;
    // The offer gives 0 as the size of a stream.
    fs::write(world.to("stream"), "").unwrap();
    fs::write(world.to("text"), "word").unwrap();
    let stream = Payload::Stream { name: "stream".to_owned(), reader: Box::new(io::Cursor::new("word")) };
    let (here, _, received, _) = send(&world, stream, Choices::default()).await;
    assert_eq!((here.files(), received.here, received.bytes), (0, 0, 4));
    assert_eq!(fs::read_to_string(world.to("stream (2)")).unwrap(), "word");
    let (here, sent, _, _) = send(&world, Payload::Text("word".to_owned()), Choices::default()).await;
    assert_eq!((here.files(), sent.here, sent.bytes), (0, 0, 4));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_lies_behind_a_link_is_not_here() {
    use std::os::unix::fs::symlink;
    let world = World::new().await;
    fs::create_dir(world.from("folder")).unwrap();
    for path in ["x", "folder/y"] {
        fs::write(world.from(path), "text").unwrap();
    }
    let outside = tempfile::tempdir().unwrap();
    copy(world.source.path(), outside.path());
    symlink(outside.path().join("x"), world.to("x")).unwrap();
    symlink(outside.path().join("folder"), world.to("folder")).unwrap();
    let what = world.paths(&["x", "folder"]);
    let (here, _, received, _) = send(&world, what, Choices::default()).await;
    assert_eq!((here.files(), received.here), (0, 0));
    assert_eq!(fs::read_to_string(world.to("x (2)")).unwrap(), "text");
    assert_eq!(fs::read_to_string(world.to("folder (2)/y")).unwrap(), "text");
}
