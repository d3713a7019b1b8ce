//! Tests of whole sessions: whatever happens to lanes, connections and files, and whatever users do, the receiver ends up
//! with what the sender has, or both sides say why not.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    network::{FakeQuic, Network, Random},
    pair::{BLOCK, Folders, Running, Terms, begin, begin_into, temporary},
};
use crate::{
    protocol::peer::{Trouble, Withdrawal},
    sync::lock_shared,
    transfer::{
        error::TransferError,
        link::control::farewell::LONGEST_FAREWELL,
        notice::Notice,
        progress::{Connection, Phase, Report},
        receive::Output,
    },
};

/// A folder that holds the sender's folder `all` with these files, each with its path and its size in bytes.
fn outbox(files: &[(&str, usize)]) -> TempDir {
    let folder = temporary();
    for (seed, (name, size)) in (1..).zip(files) {
        let path = folder.path().join("all").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise(seed, *size)).unwrap();
    }
    folder
}

/// Random-looking bytes that depend only on the seed.
pub(super) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..size).map(|_| random.next().to_le_bytes()[0]).collect()
}

/// All files below a folder, each with its path and its bytes, sorted by path.
pub(super) fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut due = vec![folder.to_owned()];
    while let Some(at) = due.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                due.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Waits until both sides are done, which must work, and checks that the receiver has what the sender has. Returns both
/// reports, the sender's first.
async fn both_are_done(sender: Running, receiver: Running, folders: &Folders) -> [Report; 2] {
    let (sent, got) = tokio::join!(sender.end(), receiver.end());
    let reports = [sent.expect("the sender is done"), got.expect("the receiver is done")];
    assert_eq!(
        tree(folders.inbox.path()),
        tree(folders.outbox.parent().unwrap()),
        "the receiver has all files and no others"
    );
    reports
}

#[tokio::test(start_paused = true)]
async fn a_tree_arrives() {
    let outbox =
        outbox(&[("large", 5 * BLOCK + 7), ("deep/small", 10), ("deep/er/empty", 0), ("medium", BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (sender, receiver) = begin(&network, &folders, Terms::default());
    let [sent, got] = both_are_done(sender, receiver, &folders).await;
    assert_eq!((sent.stored, got.stored, sent.missing), (7, 7, 0));
}

/// Nothing that is not authentic may end a transfer or cost what has arrived. Catches a header, a claim or a tag that is
/// taken for the peer's misbehaviour, and a block that a forged header keeps from its honest lane.
#[tokio::test(start_paused = true)]
async fn whatever_is_changed_on_its_way_costs_only_connections() {
    const SEEDS: u64 = 40;
    let outbox = outbox(&[("large", 20 * BLOCK + 7), ("deep/small", 10), ("medium", 3 * BLOCK)]);
    let mut told = 0;
    for seed in 0..SEEDS {
        let folders = Folders::new(&outbox.path().join("all"));
        let network = Network::new(seed, Duration::from_millis(10));
        network.tamper(1 + 3 * seed);
        let (sender, receiver) = begin(&network, &folders, Terms::default());
        let progress = receiver.progress.clone();
        both_are_done(sender, receiver, &folders).await;
        told += u64::from(progress.borrow().is_tampered_with());
    }
    assert!((1..SEEDS).contains(&told), "users were told {told} times");
}

/// A lane is cut once for each number of blocks that have arrived by then.
#[tokio::test(start_paused = true)]
async fn a_lane_may_be_lost_at_every_block() {
    const BLOCKS: usize = 12;
    let outbox = outbox(&[("large", BLOCKS * BLOCK)]);
    for lost_at in 0..BLOCKS as u64 {
        let folders = Folders::new(&outbox.path().join("all"));
        let network = Network::new(lost_at, Duration::from_millis(10));
        let terms = Terms { lanes: 3, ..Terms::default() };
        let (sender, mut receiver) = begin(&network, &folders, terms);
        receiver.reaches(|progress| progress.bytes >= lost_at * BLOCK as u64).await;
        network.cut_lane((lost_at % 3) as u16);
        both_are_done(sender, receiver, &folders).await;
        assert_eq!(network.reconnections(), 0, "a lost lane costs no connection of the control channel");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_may_be_cut_at_every_block() {
    const BLOCKS: usize = 12;
    let outbox = outbox(&[("large", BLOCKS * BLOCK)]);
    for cut_at in 0..BLOCKS as u64 {
        let folders = Folders::new(&outbox.path().join("all"));
        let network = Network::new(cut_at, Duration::from_millis(10));
        let (sender, mut receiver) = begin(&network, &folders, Terms::default());
        receiver.reaches(|progress| progress.bytes >= cut_at * BLOCK as u64).await;
        network.cut_all();
        both_are_done(sender, receiver, &folders).await;
        assert_eq!(network.reconnections(), 1);
    }
}

/// Sends 100 MiB over eight lanes, each of which carries 430 KB a second over TCP, and ten times as much over QUIC if that works.
/// Returns how many ends of lanes were opened over QUIC, and how long it took.
async fn send_where_tcp_is_held_back(works: bool) -> (u64, Duration) {
    let outbox = outbox(&[("large", 400 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(300));
    let (round_trip, delay) = (Duration::from_millis(100), Duration::from_millis(30));
    network.offer(FakeQuic { round_trip, delay, works });
    let (sender, receiver) = begin(&network, &folders, Terms { lanes: 8, ..Terms::default() });
    let started = Instant::now();
    both_are_done(sender, receiver, &folders).await;
    assert_eq!(network.reconnections(), 0);
    (network.ends_over_quic(), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn lanes_that_tcp_holds_back_move_to_quic_where_that_is_faster() {
    let (ends, took) = send_where_tcp_is_held_back(true).await;
    assert_eq!(ends, 2 * 8, "each lane has moved once");
    assert!(took < Duration::from_secs(10), "{took:?}; over TCP alone it takes thirty seconds");
}

#[tokio::test(start_paused = true)]
async fn where_no_lane_can_be_opened_over_quic_they_go_on_over_tcp() {
    let (ends, _) = send_where_tcp_is_held_back(false).await;
    assert!((2..=2 * 8).contains(&ends), "{ends}");
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_falls_silent_is_replaced() {
    let outbox = outbox(&[("large", 60 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms { lanes: 2, ..Terms::default() });
    receiver.reaches(|progress| progress.bytes >= 4 * BLOCK as u64).await;
    network.stall_lane(1, true);
    both_are_done(sender, receiver, &folders).await;
}

/// A writer gets all blocks in order, though one lane after the other is far slower than the rest.
#[tokio::test(start_paused = true)]
async fn blocks_that_overtake_each_other_are_put_in_order() {
    let outbox = outbox(&[("large", 40 * BLOCK + 9)]);
    let file = outbox.path().join("all/large");
    let network = Network::new(1, Duration::from_millis(60));
    let written = Written::default();
    let output = Output::Writer(Box::new(written.clone()));
    let (sender, mut receiver) = begin_into(&network, &file, output, Terms { lanes: 4, ..Terms::default() });
    for lane in 0..3 {
        receiver.reaches(|progress| progress.bytes >= (lane + 1) * 6 * BLOCK as u64).await;
        network.stall_lane(lane as u16, true);
        sleep(Duration::from_secs(2)).await;
        network.stall_lane(lane as u16, false);
    }
    sender.end().await.unwrap();
    receiver.end().await.unwrap();
    assert!(*lock_shared(&written.0) == fs::read(file).unwrap());
}

/// A writer that keeps what is written, so that a test can read it.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock_shared(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_hours_costs_nothing_but_time() {
    let outbox = outbox(&[("large", 20 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.bytes >= 5 * BLOCK as u64).await;
    network.set_up(false);
    sleep(Duration::from_hours(10)).await;
    network.set_up(true);
    both_are_done(sender, receiver, &folders).await;
}

#[tokio::test(start_paused = true)]
async fn without_patience_a_loss_is_the_end_and_what_arrived_is_kept() {
    let outbox = outbox(&[("large", 20 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let terms = Terms { patience: Duration::ZERO, ..Terms::default() };
    let (sender, mut receiver) = begin(&network, &folders, terms);
    receiver.reaches(|progress| progress.bytes >= 5 * BLOCK as u64).await;
    network.set_up(false);
    let (notices, got) = (receiver.notices.clone(), receiver.end().await);
    assert!(matches!(got, Err(TransferError::PeerLost)), "{got:?}");
    assert!(matches!(sender.end().await, Err(TransferError::PeerLost)));
    assert!(lock_shared(&notices).iter().any(|notice| matches!(notice, Notice::Kept(_))));

    // When the file is sent again, only the missing blocks move.
    let network = Network::new(2, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.bytes > 0).await;
    assert!(receiver.progress.borrow().bytes >= 5 * BLOCK as u64);
    both_are_done(sender, receiver, &folders).await;
}

/// Both users pause at the same moment, both let the transfer go on, and one of them pauses again for a moment. In the end
/// neither wants a pause, so the transfer must go on.
#[tokio::test(start_paused = true)]
async fn a_pause_may_cross_a_pause() {
    let outbox = outbox(&[("large", 30 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(30));
    let (mut sender, mut receiver) = begin(&network, &folders, Terms { lanes: 2, ..Terms::default() });
    receiver.reaches(|progress| progress.bytes >= 3 * BLOCK as u64).await;
    sender.pause.send_replace(true);
    receiver.pause.send_replace(true);
    sender.reaches(|progress| progress.paused.here && progress.paused.there).await;
    receiver.reaches(|progress| progress.paused.here && progress.paused.there).await;
    sleep(Duration::from_mins(10)).await;
    let rests_at = receiver.progress.borrow().bytes;
    sleep(Duration::from_mins(10)).await;
    assert_eq!(receiver.progress.borrow().bytes, rests_at, "bytes moved during a pause");
    sender.pause.send_replace(false);
    receiver.pause.send_replace(false);
    sleep(Duration::from_millis(20)).await;
    sender.pause.send_replace(true);
    sender.pause.send_replace(false);
    both_are_done(sender, receiver, &folders).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_lasts_through_a_lost_connection() {
    let outbox = outbox(&[("large", 20 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms { lanes: 2, ..Terms::default() });
    receiver.reaches(|progress| progress.bytes >= 3 * BLOCK as u64).await;
    sender.pause.send_replace(true);
    receiver.reaches(|progress| progress.paused.there).await;
    network.cut_all();
    sleep(Duration::from_mins(5)).await;
    let rests_at = receiver.progress.borrow().bytes;
    sleep(Duration::from_mins(5)).await;
    assert_eq!(receiver.progress.borrow().bytes, rests_at, "bytes moved during a pause");
    assert_eq!(network.reconnections(), 1);
    sender.pause.send_replace(false);
    both_are_done(sender, receiver, &folders).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_meanwhile_is_withdrawn_and_the_others_arrive() {
    let outbox = outbox(&[("a", 20 * BLOCK), ("b", 20 * BLOCK), ("c", 100)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms { lanes: 2, ..Terms::default() });
    receiver.reaches(|progress| progress.bytes >= 3 * BLOCK as u64).await;
    fs::write(folders.outbox.join("b"), "shorter").unwrap();
    network.cut_all();
    let notices = receiver.notices.clone();
    let (sent, got) = tokio::join!(sender.end(), receiver.end());
    let (sent, got) = (sent.unwrap(), got.unwrap());
    assert_eq!((sent.missing, got.missing), (1, 1));
    let withdrawn = lock_shared(&notices).iter().any(|notice| {
        matches!(notice, Notice::Withdrawn { path, reason: Withdrawal::Changed } if path.ends_with("b"))
    });
    assert!(withdrawn, "the withdrawn file is named");
    let names: Vec<String> = tree(folders.inbox.path()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["all/a", "all/c"]);
}

/// The staging folder in a receiver's folder, which must have one.
fn staging(inbox: &Path) -> std::path::PathBuf {
    let mut folders = fs::read_dir(inbox).unwrap().map(|entry| entry.unwrap().path());
    folders.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(".caiman-")).unwrap()
}

/// The leftovers of an interrupted transfer are damaged on the disk before the next transfer uses them.
#[tokio::test(start_paused = true)]
async fn damage_on_the_receivers_disk_is_found_and_repaired() {
    let outbox = outbox(&[("large", 20 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let terms = Terms { patience: Duration::ZERO, lanes: 2, ..Terms::default() };
    let (sender, mut receiver) = begin(&network, &folders, terms);
    receiver.reaches(|progress| progress.bytes >= 8 * BLOCK as u64).await;
    network.set_up(false);
    assert!(receiver.end().await.is_err() && sender.end().await.is_err());
    let staged = staging(folders.inbox.path()).join("tree/all/large");
    let mut bytes = fs::read(&staged).unwrap();
    bytes[2 * BLOCK + 5] ^= 1;
    fs::write(&staged, bytes).unwrap();

    let network = Network::new(2, Duration::from_millis(10));
    let (sender, receiver) = begin(&network, &folders, Terms::default());
    both_are_done(sender, receiver, &folders).await;
}

/// Another program adds bytes to a file whose blocks are stored and hashed.
#[tokio::test(start_paused = true)]
async fn bytes_that_something_else_adds_to_a_file_are_not_delivered() {
    let outbox = outbox(&[("large", 20 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let terms = Terms { lanes: 2, ..Terms::default() };
    let (sender, mut receiver) = begin(&network, &folders, terms);
    receiver.reaches(|progress| progress.bytes >= 18 * BLOCK as u64).await;
    let large = staging(folders.inbox.path()).join("tree/all/large");
    let file = fs::File::options().write(true).open(large).unwrap();
    file.set_len(30 * BLOCK as u64).unwrap();
    both_are_done(sender, receiver, &folders).await;
}

/// The network fails while the receiver's last message is in flight. It is sent again as soon as the two sides reconnect.
#[tokio::test(start_paused = true)]
async fn an_outage_at_the_very_end_is_waited_for() {
    let outbox = outbox(&[("small", 100)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(20));
    let (mut sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.phase == Phase::Confirming).await;
    network.set_up(false);
    sender.reaches(|progress| progress.connection != Connection::Up).await;
    sleep(Duration::from_secs(100)).await;
    network.set_up(true);
    both_are_done(sender, receiver, &folders).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_has_everything_leaves_in_the_end_and_the_sender_says_what_it_knows() {
    let outbox = outbox(&[("small", 100)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(20));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.phase == Phase::Confirming).await;
    network.set_up(false);
    let start = Instant::now();
    assert_eq!(receiver.end().await.unwrap().stored, 2);
    let after = start.elapsed().as_secs();
    assert!((LONGEST_FAREWELL.as_secs()..LONGEST_FAREWELL.as_secs() + 5).contains(&after), "{after}");
    assert!(matches!(sender.end().await, Err(TransferError::Unconfirmed)));
}

/// A user who has everything need not wait until the sender knows it.
#[tokio::test(start_paused = true)]
async fn a_cancellation_ends_the_wait_for_a_lost_sender() {
    let outbox = outbox(&[("small", 100)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(20));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.phase == Phase::Confirming).await;
    network.set_up(false);
    receiver.reaches(|progress| progress.connection != Connection::Up).await;
    receiver.cancel.cancel();
    let start = Instant::now();
    assert_eq!(receiver.end().await.expect("the receiver has everything").stored, 2);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    sender.kill().await;
}

/// A sender that ends while its receiver tells it that everything arrived will confirm nothing any more.
#[tokio::test(start_paused = true)]
async fn a_sender_that_has_said_its_last_word_is_not_waited_for() {
    let outbox = outbox(&[("small", 100)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(20));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.phase == Phase::Confirming).await;
    sender.cancel.cancel();
    let start = Instant::now();
    assert_eq!(receiver.end().await.expect("the receiver has everything").stored, 2);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(matches!(sender.end().await, Err(TransferError::Cancelled)));
}

/// The sender is heard but never confirms, as it does while nothing reaches it.
#[tokio::test(start_paused = true)]
async fn a_cancellation_ends_the_wait_for_a_sender_that_does_not_confirm() {
    let outbox = outbox(&[("small", 100)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(20));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.phase == Phase::Confirming).await;
    network.stall_control_to_sender();
    receiver.cancel.cancel();
    let start = Instant::now();
    assert_eq!(receiver.end().await.expect("the receiver has everything").stored, 2);
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    sender.kill().await;
}

#[tokio::test(start_paused = true)]
async fn either_side_may_cancel_and_the_other_hears_it() {
    let outbox = outbox(&[("large", 30 * BLOCK)]);
    for is_sender in [true, false] {
        let folders = Folders::new(&outbox.path().join("all"));
        let network = Network::new(1, Duration::from_millis(10));
        let (sender, mut receiver) = begin(&network, &folders, Terms::default());
        receiver.reaches(|progress| progress.bytes >= 3 * BLOCK as u64).await;
        if is_sender {
            sender.cancel.cancel();
        } else {
            receiver.cancel.cancel();
        }
        let (sent, got) = tokio::join!(sender.end(), receiver.end());
        let ended = if is_sender { (sent, got) } else { (got, sent) };
        assert!(
            matches!(ended, (Err(TransferError::Cancelled), Err(TransferError::PeerCancelled))),
            "{ended:?}"
        );
    }
}

/// Once the files have come by other means, the leftovers of an interrupted transfer are of no use any more.
#[tokio::test(start_paused = true)]
async fn a_leftover_goes_when_all_that_it_holds_is_in_place() {
    let outbox = outbox(&[("large", 20 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (mut sender, mut receiver) = begin(&network, &folders, Terms { lanes: 2, ..Terms::default() });
    receiver.reaches(|progress| progress.bytes >= 5 * BLOCK as u64).await;
    receiver.kill().await;
    sender.reaches(|progress| progress.connection != Connection::Up).await;
    sender.kill().await;
    fs::create_dir(folders.inbox.path().join("all")).unwrap();
    fs::copy(folders.outbox.join("large"), folders.inbox.path().join("all/large")).unwrap();

    let network = Network::new(2, Duration::from_millis(10));
    let terms = Terms { answers_after: Duration::from_secs(10), ..Terms::default() };
    let (sender, receiver) = begin(&network, &folders, terms);
    let [_, got] = both_are_done(sender, receiver, &folders).await;
    assert_eq!((got.here, got.bytes), (1, 0));
}

/// A session that is killed says nothing. Its connections close, and the other side looks for it until its own patience
/// ends.
#[tokio::test(start_paused = true)]
async fn a_killed_side_is_looked_for_and_a_new_session_goes_on_from_what_arrived() {
    let outbox = outbox(&[("large", 20 * BLOCK), ("small", 100)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (mut sender, mut receiver) = begin(&network, &folders, Terms { lanes: 2, ..Terms::default() });
    receiver.reaches(|progress| progress.bytes >= 8 * BLOCK as u64).await;
    receiver.kill().await;
    sender.reaches(|progress| progress.connection != Connection::Up).await;
    sender.cancel.cancel();
    assert!(matches!(sender.end().await, Err(TransferError::Cancelled)));

    let network = Network::new(2, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.bytes > 0).await;
    assert!(receiver.progress.borrow().bytes >= 8 * BLOCK as u64, "{:?}", receiver.progress.borrow());
    both_are_done(sender, receiver, &folders).await;
}

/// A panic in a lane ends the transfer with a report, and keeps what has arrived.
#[tokio::test(start_paused = true)]
async fn a_panic_keeps_what_has_arrived() {
    let outbox = outbox(&[("large", 20 * BLOCK)]);
    let folders = Folders::new(&outbox.path().join("all"));
    let network = Network::new(1, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms { lanes: 2, ..Terms::default() });
    receiver.reaches(|progress| progress.bytes >= 5 * BLOCK as u64).await;
    network.break_next_lane();
    network.cut_lane(0);
    let (sent, got) = tokio::join!(sender.end(), receiver.end());
    let (panicked, other) =
        if matches!(sent, Err(TransferError::Internal(_))) { (sent, got) } else { (got, sent) };
    assert!(matches!(panicked, Err(TransferError::Internal(_))), "{panicked:?}");
    assert!(matches!(other, Err(TransferError::PeerFailed(Trouble::Internal))), "{other:?}");
    let network = Network::new(2, Duration::from_millis(10));
    let (sender, mut receiver) = begin(&network, &folders, Terms::default());
    receiver.reaches(|progress| progress.bytes > 0).await;
    assert!(receiver.progress.borrow().bytes >= 5 * BLOCK as u64);
    both_are_done(sender, receiver, &folders).await;
}
