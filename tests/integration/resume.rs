//! Transfers whose program has ended: the same files are sent again under a new code, and only what is missing moves.

use std::{fs, path::PathBuf, time::Duration};

use crate::support::iroh::left_out_over_quic;
use crate::support::{
    cutter::Cutter,
    engine::{BLOCK, Party, World, names_in},
    noise,
    tree::tree,
};
use caiman::{
    engine::{
        Choices, Connection, Notice, PATIENCE, Payload, ReceiveOrder, Registry, SendOrder, TransferError,
    },
    protocol::peer::Trouble,
};

/// The number of blocks of the large file.
const BLOCKS: usize = 64;
const PACE: Option<u64> = Some(8 * 1024 * 1024);
/// Bytes that framing, padding and blocks in flight may add to what a relay carries.
const SLACK: u64 = 24 * BLOCK as u64;

/// A large file, small ones, an empty one and a folder.
fn plant(world: &World) {
    fs::create_dir_all(world.from("all/deep")).unwrap();
    fs::write(world.from("all/large"), noise(7, BLOCKS * BLOCK + 1)).unwrap();
    fs::write(world.from("all/empty"), b"").unwrap();
    for number in 0..100u32 {
        fs::write(world.from(&format!("all/deep/{number}")), noise(u64::from(number), 999)).unwrap();
    }
}

fn order(world: &World) -> SendOrder {
    SendOrder { bytes_per_sec: PACE, ..world.send_order(world.paths(&["all"])) }
}

/// Runs a transfer of `all` until this many bytes are stored, then ends the receiver's program as closing its window does.
async fn interrupt(world: &mut World, at: u64) {
    let (mut sending, receiving, _) = world.offer(order(world)).await;
    world.receiver.accept(&receiving, Choices::default());
    sending.reach("enough bytes", |progress| progress.bytes >= at).await;
    std::mem::replace(&mut world.receiver, Party::start()).close().await;
    assert!(
        matches!(sending.error().await, TransferError::PeerFailed(Trouble::Closed)),
        "{:?}",
        sending.end().await
    );
}

fn staging(world: &World) -> Vec<PathBuf> {
    let names = names_in(world.target.path());
    names.iter().filter(|name| name.starts_with(".caiman-")).map(|name| world.to(name)).collect()
}

fn assert_same(world: &World, paths: &[&str]) {
    for path in paths {
        let (sent, arrived) = (fs::read(world.from(path)).unwrap(), fs::read(world.to(path)).unwrap());
        assert!(sent == arrived, "{path} differs");
    }
    assert_eq!(staging(world), Vec::<PathBuf>::new());
}

/// Sends `all` again, and returns how much the offer said is here already and how many bytes the relay carried for it.
async fn go_on(world: &World) -> (u64, Option<u64>) {
    let transfer = async {
        let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["all"]))).await;
        world.receiver.accept(&receiving, Choices::default());
        let (sent, received) = tokio::join!(sending.report(), receiving.report());
        assert_eq!((sent.bytes, sent.missing), (received.bytes, received.missing));
        offer.resumable
    };
    world.weigh(transfer).await
}

#[tokio::test]
async fn what_is_here_is_not_sent_again() {
    let mut world = World::new().await;
    plant(&world);
    let half = (BLOCKS / 2 * BLOCK) as u64;
    interrupt(&mut world, half).await;
    assert_eq!(staging(&world).len(), 1);
    let (here, carried) = go_on(&world).await;
    assert!(here >= half, "{here} of {half} are said to be here");
    assert!(
        carried.is_none_or(|carried| carried <= (BLOCKS * BLOCK) as u64 - here + SLACK),
        "{carried:?} bytes moved although {here} were here"
    );
    assert_same(&world, &["all/large", "all/empty", "all/deep/0", "all/deep/99"]);
}

#[tokio::test]
async fn a_changed_file_is_sent_as_it_is_now_and_a_new_one_with_it() {
    let mut world = World::new().await;
    plant(&world);
    fs::write(world.from("all/other"), noise(8, 3 * BLOCK)).unwrap();
    interrupt(&mut world, (BLOCKS / 2 * BLOCK) as u64).await;
    // The file has the same size and a later time.
    fs::write(world.from("all/deep/7"), noise(70, 999)).unwrap();
    fs::write(world.from("all/other"), noise(80, 3 * BLOCK)).unwrap();
    fs::write(world.from("all/a new one"), noise(90, 2 * BLOCK)).unwrap();
    let (here, _) = go_on(&world).await;
    assert!(here > 0);
    assert_same(&world, &["all/large", "all/other", "all/a new one", "all/deep/7", "all/deep/8"]);
}

/// A power cut may leave a journal that is ahead of the data, or data that is ahead of the journal. Which block is spoilt
/// can't be found out together with the sender without telling it about the others, which may be parts of another sender's
/// file; so all of the file comes again, and nothing else.
#[tokio::test]
async fn what_a_power_cut_spoilt_is_found_by_its_hash_and_sent_again() {
    let mut world = World::new().await;
    plant(&world);
    interrupt(&mut world, (BLOCKS / 2 * BLOCK) as u64).await;
    let folder = staging(&world).remove(0);
    let largest = folder.join("tree/all/large");
    let mut bytes = fs::read(&largest).unwrap();
    bytes[3 * BLOCK..4 * BLOCK].fill(0);
    fs::write(&largest, bytes).unwrap();
    let (here, carried) = go_on(&world).await;
    assert!(here >= (BLOCKS / 2 * BLOCK) as u64, "{here}");
    assert!(carried.is_none_or(|carried| carried <= (BLOCKS * BLOCK) as u64 + SLACK), "{carried:?}");
    assert_same(&world, &["all/large", "all/deep/0"]);

    // The journal is lost, and with it the knowledge of what is here.
    interrupt_again(&mut world).await;
    let folder = staging(&world).remove(0);
    fs::write(folder.join("journal"), b"").unwrap();
    assert_eq!(go_on(&world).await.0, 0);
}

/// Another program may have changed what an interrupted transfer left.
#[tokio::test]
async fn what_was_added_to_a_file_that_is_here_is_not_delivered() {
    let mut world = World::new().await;
    plant(&world);
    interrupt(&mut world, (BLOCKS / 2 * BLOCK) as u64).await;
    let large = staging(&world).remove(0).join("tree/all/large");
    let file = fs::File::options().write(true).open(large).unwrap();
    file.set_len((2 * BLOCKS * BLOCK) as u64).unwrap();
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
    assert!(go_on(&world).await.0 > 0);
    assert_same(&world, &["all/large", "all/deep/3"]);
    assert_eq!(tree(&world.to("all/large")), tree(&world.from("all/large")));
}

/// Another user's program made the folder, or an archive brought it: everything in it is right but the seals. The others
/// hold pipes, which would keep a program that opens them for ever.
#[tokio::test]
async fn what_others_have_planted_is_neither_used_nor_touched() {
    let mut world = World::new().await;
    plant(&world);
    interrupt(&mut world, (BLOCKS / 2 * BLOCK) as u64).await;
    let planted = staging(&world).remove(0);
    let file = fs::File::options().write(true).open(planted.join("tree/all/large")).unwrap();
    file.set_len((2 * BLOCKS * BLOCK) as u64).unwrap();
    let before = tree(&planted);
    #[cfg(target_os = "linux")]
    for name in ["lock", "offer", "journal"] {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let folder = world.to(&format!(".caiman-{name}"));
        fs::create_dir(&folder).unwrap();
        for other in ["lock", "offer", "journal"].into_iter().filter(|other| *other != name) {
            fs::copy(planted.join(other), folder.join(other)).unwrap();
        }
        mkfifoat(CWD, folder.join(name), Mode::RWXU).unwrap();
    }
    let folders = staging(&world);

    let data = tempfile::tempdir().unwrap();
    let registry = Registry::at(Some(data.path().join("unfinished")));
    let mine = std::mem::replace(&mut world.unfinished, registry.clone());
    assert_eq!(go_on(&world).await.0, 0);
    assert_eq!(tree(&world.to("all/large")), tree(&world.from("all/large")));
    registry.note(&planted).unwrap();
    let id = planted.file_name().unwrap().to_str().unwrap().strip_prefix(".caiman-").unwrap();
    assert!(registry.list().is_empty() && !registry.discard(id).unwrap());
    assert_eq!(staging(&world), folders);
    assert_eq!(tree(&planted), before);

    // The user who has the key gets it, with the right length.
    fs::remove_dir_all(world.to("all")).unwrap();
    world.unfinished = mine;
    assert!(go_on(&world).await.0 >= (BLOCKS / 2 * BLOCK) as u64);
    assert_eq!(tree(&world.to("all/large")), tree(&world.from("all/large")));
    assert!(!planted.exists());
}

async fn interrupt_again(world: &mut World) {
    fs::remove_dir_all(world.to("all")).unwrap();
    interrupt(world, (BLOCKS / 2 * BLOCK) as u64).await;
}

#[tokio::test]
async fn files_that_vanished_from_the_staging_folder_are_sent_again() {
    let mut world = World::new().await;
    plant(&world);
    interrupt(&mut world, (BLOCKS / 2 * BLOCK) as u64).await;
    let folder = staging(&world).remove(0);
    fs::remove_dir_all(folder.join("tree")).unwrap();
    let (here, _) = go_on(&world).await;
    assert_eq!(here, 0);
    fs::remove_dir_all(&folder).unwrap();
    assert_same(&world, &["all/large", "all/deep/0"]);
}

#[tokio::test]
async fn a_smaller_offer_takes_its_part_and_leaves_the_rest_for_later() {
    let mut world = World::new().await;
    plant(&world);
    interrupt(&mut world, (BLOCKS / 2 * BLOCK) as u64).await;
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["all"]))).await;
    let unwanted = crate::support::engine::all_but(&offer, &["all/large"]);
    world.receiver.accept(&receiving, unwanted);
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(fs::read(world.to("all/deep/5")).unwrap(), fs::read(world.from("all/deep/5")).unwrap());
    assert_eq!(staging(&world).len(), 1, "the large file's blocks are gone");
    fs::remove_dir_all(world.to("all")).unwrap();
    assert!(go_on(&world).await.0 >= ((BLOCKS / 2 - 1) * BLOCK) as u64);
    assert_same(&world, &["all/large", "all/deep/0"]);
}

#[tokio::test]
async fn a_person_may_want_none_of_it() {
    let mut world = World::new().await;
    plant(&world);
    interrupt(&mut world, (BLOCKS / 2 * BLOCK) as u64).await;
    let transfer = async {
        let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&["all"]))).await;
        world.receiver.accept(&receiving, Choices { resumes: false, ..Choices::default() });
        tokio::join!(sending.report(), receiving.report());
    };
    let ((), carried) = world.weigh(transfer).await;
    assert!(carried.is_none_or(|carried| carried >= (BLOCKS * BLOCK) as u64), "{carried:?}");
}

/// The sender's network is gone for good, and its user sends the same files from another machine.
#[tokio::test]
async fn a_transfer_that_looks_for_its_lost_sender_gives_way_to_one_that_brings_the_same() {
    if left_out_over_quic("it cuts connections to a relay of Caiman's own kind") {
        return;
    }
    let world = World::new().await;
    plant(&world);
    fs::write(world.from("another"), noise(9, BLOCK)).unwrap();
    let cutter = Cutter::before(world.relay.addr).await;
    let lost = SendOrder { relays: vec![cutter.relay()], patience: PATIENCE, ..order(&world) };
    let mut sending = world.sender.send(lost);
    let code = sending.code().await;
    let mut holder = world.receiver.receive(ReceiveOrder { patience: PATIENCE, ..world.receive_order(code) });
    holder.offer().await;
    world.receiver.accept(&holder, Choices::default());
    let half = (BLOCKS / 2 * BLOCK) as u64;
    holder.reach("enough bytes", |progress| progress.bytes >= half).await;
    world.receiver.pause(&holder, true);
    sending.reach("the pause", |progress| progress.paused.there).await;

    // While the receiver hears its sender, it keeps what it has.
    let (mut beside, mut twin, offer) = world.offer(order(&world)).await;
    assert_eq!(offer.resumable, 0);
    world.receiver.cancel(&twin);
    let _ = (beside.end().await, twin.end().await);

    cutter.freeze();
    cutter.cut();
    let is_lost = |progress: &caiman::engine::Progress| progress.connection != Connection::Up;
    holder.reach("the loss", is_lost).await;
    // For other files, it has nothing to give up.
    world.exchange(Payload::Paths(vec![world.from("another")])).await;
    assert_eq!(staging(&world).len(), 1);
    let (here, carried) = go_on(&world).await;
    assert!(here >= half, "{here} of {half} are said to be here");
    assert!(
        carried.is_none_or(|carried| carried <= (BLOCKS * BLOCK) as u64 - here + SLACK),
        "{carried:?} bytes moved although {here} were here"
    );
    assert!(matches!(holder.error().await, TransferError::Superseded), "{:?}", holder.end().await);
    assert!(!holder.notices.iter().any(|notice| matches!(notice, Notice::Kept(_))));
    assert_same(&world, &["all/large", "all/empty", "all/deep/0", "all/deep/99"]);
}

#[tokio::test]
async fn an_interrupted_transfer_is_listed_until_it_is_gone_on_with_or_discarded() {
    let data = tempfile::tempdir().unwrap();
    let registry = Registry::at(Some(data.path().join("unfinished")));
    let mut world = World::new().await;
    plant(&world);
    for discards in [true, false] {
        let (mut sending, mut receiving) = begin(&world, &registry).await;
        assert_eq!(registry.list(), [], "a transfer that runs is not unfinished");
        sending.reach("some bytes", |progress| progress.bytes >= 8 * BLOCK as u64).await;
        std::mem::replace(&mut world.receiver, Party::start()).close().await;
        let _ = (sending.end().await, &mut receiving);
        let list = registry.list();
        assert_eq!(list.len(), 1);
        assert_eq!((list[0].names.clone(), list[0].count), (vec!["all".to_owned()], 1));
        assert_eq!(list[0].folder, world.target.path());
        assert!(list[0].held >= 8 * BLOCK as u64 && list[0].held < list[0].bytes, "{list:?}");
        if discards {
            assert!(!registry.discard("0000000000000000").unwrap());
            assert!(registry.discard(&list[0].id).unwrap());
            assert_eq!(names_in(world.target.path()), Vec::<String>::new());
        } else {
            let (mut sending, mut receiving) = begin(&world, &registry).await;
            tokio::join!(sending.report(), receiving.report());
        }
        assert_eq!(registry.list(), []);
    }
}

async fn begin(
    world: &World,
    registry: &Registry,
) -> (crate::support::engine::Transfer, crate::support::engine::Transfer) {
    let mut sending = world.sender.send(order(world));
    let code = sending.code().await;
    let order = ReceiveOrder { unfinished: registry.clone(), ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    sending.moving().await;
    (sending, receiving)
}

/// Entries of the list are files that any program may have written, so they must not lead anywhere else.
#[test]
fn the_list_leads_to_staging_folders_and_nowhere_else() {
    let data = tempfile::tempdir().unwrap();
    let precious = data.path().join("precious");
    fs::create_dir(&precious).unwrap();
    let list = data.path().join("unfinished");
    fs::create_dir(&list).unwrap();
    fs::write(list.join("precious"), precious.to_str().unwrap()).unwrap();
    fs::write(list.join("0123456789abcdef"), precious.to_str().unwrap()).unwrap();
    fs::write(list.join("relative"), ".caiman-relative").unwrap();
    let registry = Registry::at(Some(list));
    for id in ["precious", "0123456789abcdef", "relative", "../precious"] {
        assert!(!registry.discard(id).unwrap(), "{id}");
    }
    assert_eq!(registry.list(), []);
    assert!(precious.is_dir());
}

/// The journal is correct at every moment, so a receiver that is killed again and again still finishes.
#[test]
fn a_receiver_that_is_killed_again_and_again_loses_nothing_that_was_stored() {
    let site = crate::support::process::Site::new();
    let path = site.plant("large", noise(7, BLOCKS * BLOCK + 5));
    let mut kills = 0;
    let mut last = 0;
    loop {
        let mut sending = site.send(&["--rate".as_ref(), "8MB".as_ref(), path.as_os_str()]);
        let code = sending.code();
        let mut receiving = site.receive(&[&code, "--yes", "--json"]);
        let here = receiving.event("offer")["resumable"].as_u64().unwrap();
        assert!(here >= last, "{here} bytes are here, after {last} were stored");
        if here > (BLOCKS * BLOCK / 2) as u64 || kills > 20 {
            assert_eq!((sending.wait().code, receiving.wait().code), (Some(0), Some(0)));
            break;
        }
        receiving.moving();
        std::thread::sleep(Duration::from_millis(100 + 70 * kills));
        receiving.kill();
        // What the sender counts as stored is in the journal.
        let ended = sending.wait();
        let counted = ended.events().into_iter().filter(|event| event["event"] == "progress");
        last = counted.map(|event| event["bytes"].as_u64().unwrap()).max().unwrap_or(0);
        kills += 1;
    }
    assert!(kills >= 2, "killed {kills} times");
    assert_eq!(fs::read(site.target.path().join("large")).unwrap(), fs::read(&path).unwrap());
    assert_eq!(names_in(site.target.path()), ["large"]);
}

/// In a mount namespace of the receiver's own, whose disk is filled by another program while bytes move. On a system that
/// doesn't allow such namespaces, the test does nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_rests_the_transfer_until_there_is_room() {
    use std::{io::Write, process::Command};

    use crate::support::process::Running;

    const SCRIPT: &str = "mount -t tmpfs -o size=32m none \"$1\" || exit 77
        folder=$1 file=$2; shift 2
        \"$@\" </dev/null & receiver=$!
        read -r _; cat /dev/zero >\"$folder/hog\" 2>/dev/null
        read -r _; rm \"$folder/hog\"
        wait $receiver && cmp \"$folder/large\" \"$file\"";
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--mount", "true"]);
    if !probe.status().is_ok_and(|status| status.success()) {
        eprintln!("no mount namespaces here: a full disk could not be tried");
        return;
    }
    let site = crate::support::process::Site::new();
    let path = site.plant("large", noise(7, BLOCKS * BLOCK));
    let mut sending = site.send(&["--rate".as_ref(), "8MB".as_ref(), path.as_os_str()]);
    let code = sending.code();
    let receive = site.receive_command(&[&code, "--yes", "--json"]);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]);
    command.arg(site.target.path()).arg(&path).arg(receive.get_program()).args(receive.get_args());
    command.envs(receive.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let (mut receiving, mut tell) = Running::start_asking(command);
    sending.moving();
    tell.write_all(b"fill\n").unwrap();
    for side in [&mut sending, &mut receiving] {
        side.event_where("room", |event| event["lacks"] == true);
    }
    tell.write_all(b"make room\n").unwrap();
    receiving.event_where("room", |event| event["lacks"] == false);
    sending.wait().exits(0);
    receiving.wait().exits(0);
}
