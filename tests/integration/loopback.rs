//! Two engines and a relay in one process: what is sent arrives, identical, whatever it is.

use std::{
    fs,
    io::{self, Read},
};

use crate::support::iroh::left_out_over_quic;
use crate::support::{
    cutter::Cutter,
    engine::{BLOCK, Memory, Party, World, all_but, memory, names_in},
    noise,
    tree::{touch, tree},
};
use caiman::{
    code::CodePhrase,
    engine::{
        Choices, CodeChoice, Notice, Output, Payload, Progress, ReceiveOrder, SendOrder, TransferError,
    },
    protocol::relay::{FIRST_LANES, MAX_LANES},
};

/// A deep tree with names that cause trouble in shells, terminals and other systems.
#[cfg(unix)]
fn plant_everything(top: &std::path::Path) {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let mut deep = top.to_owned();
    for depth in 0..30 {
        deep.push(format!("depth {depth}"));
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom"), "found").unwrap();
    let names = [
        "日本語.txt",
        "Ελληνικά",
        "русский",
        "العربية",
        "עברית",
        "ไทย",
        "한국어",
        "हिन्दी",
        "😀🏳️‍🌈.png",
        " leading space",
        "trailing space ",
        "-rf",
        "--help",
        "'single'",
        "\"double\"",
        "a\nb",
        "tab\there",
        "back\\slash",
        "$HOME",
        "*?",
        "con",
        "a:b",
        "trailing dot.",
        ".hidden",
        "...",
        "e\u{301} decomposed",
        "\u{e9} composed",
        "\u{202e}gpj.exe",
    ];
    for (number, name) in names.iter().enumerate() {
        fs::write(top.join(name), noise(number as u64 + 1, number * 37)).unwrap();
        let folder = top.join("folders").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("inside"), name).unwrap();
    }
    fs::write(top.join("empty file"), "").unwrap();
    fs::create_dir_all(top.join("empty folder/and another")).unwrap();
    fs::write(top.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(top.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(top.join("empty tool"), "").unwrap();
    fs::set_permissions(top.join("empty tool"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(top.join("large"), noise(99, 3 * BLOCK + 17)).unwrap();
    symlink("run.sh", top.join("link to a file")).unwrap();
    symlink("empty folder/and another", top.join("link to a folder")).unwrap();
    symlink("../../run.sh", top.join("folders/-rf/link up")).unwrap();
    symlink("nowhere/at all", top.join("dangling link")).unwrap();
    touch(&top.join("run.sh"), 1_234_567_890, 123_456_789);
    touch(&top.join("large"), -1_000_000_000, 987_654_321);
    touch(&top.join("empty file"), -1, 1);
    touch(&top.join("empty folder"), 1_000_000_000, 5);
    touch(&deep, -86_400, 7);
    touch(top, 1_500_000_000, 999_999_999);
}

/// Not every system has links and the executable bit, and Windows stores other names. There, the tests below and those of
/// `transfer::names` take the place of this one.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_arrives_with_every_name_byte_time_link_and_bit() {
    let world = World::new().await;
    fs::create_dir(world.from("top")).unwrap();
    plant_everything(&world.from("top"));
    let (sent, received) = world.exchange(world.paths(&["top"])).await;
    assert_eq!(tree(&world.to("top")), tree(&world.from("top")));
    assert_eq!(names_in(world.target.path()), ["top"], "the staging folder stayed behind");
    let entries = tree(&world.from("top")).len() as u64;
    assert_eq!((sent.stored, received.stored), (entries, entries));
    assert_eq!((sent.missing, received.missing, received.not_stored), (0, 0, 0));
    assert_eq!(sent.bytes, received.bytes);
    assert_eq!(received.folder.as_deref(), Some(world.target.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_around_the_size_of_a_block_arrive_over_one_three_and_eight_lanes() {
    let world = World::new().await;
    let sizes = [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 12 * BLOCK + 4321];
    fs::create_dir(world.from("sizes")).unwrap();
    for size in sizes {
        fs::write(world.from("sizes").join(size.to_string()), noise(size as u64, size)).unwrap();
    }
    for lanes in [1, 3, 8] {
        let order = SendOrder { lanes, ..world.send_order(world.paths(&["sizes"])) };
        let (mut sending, mut receiving, _) = world.offer(order).await;
        let folder = world.to(&format!("over {lanes}"));
        fs::create_dir(&folder).unwrap();
        world.receiver.accept(&receiving, Choices { folder: Some(folder.clone()), ..Choices::default() });
        let (sent, received) = tokio::join!(sending.history(), receiving.history());
        assert_eq!(tree(&folder.join("sizes")), tree(&world.from("sizes")));
        for history in [&sent, &received] {
            assert_grows_to(history, sizes.iter().sum::<usize>() as u64);
            assert_eq!(history.last().unwrap().lanes, lanes);
        }
    }
}

/// If each lane is held back on its own, more lanes are opened than both sides begin with.
#[tokio::test(flavor = "multi_thread")]
async fn more_lanes_are_opened_where_they_help() {
    if left_out_over_quic("over the internet there are no more lanes than both sides begin with") {
        return;
    }
    let world = World::new().await;
    let bytes = noise(3, 400 * BLOCK);
    fs::write(world.from("file"), &bytes).unwrap();
    let cutter = Cutter::before(world.relay.addr).await;
    cutter.narrow(true);
    let order = SendOrder {
        lanes: MAX_LANES,
        relays: vec![cutter.relay()],
        ..world.send_order(world.paths(&["file"]))
    };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let order = ReceiveOrder { lanes: MAX_LANES, ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order);
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    for side in [&mut sending, &mut receiving] {
        side.reach("more lanes", |progress| progress.lanes > FIRST_LANES).await;
    }
    cutter.narrow(false);
    tokio::join!(sending.report(), receiving.report());
    assert!(fs::read(world.to("file")).unwrap() == bytes);
}

/// Snapshots may be missed, but those that are seen never go back, and end at the total.
fn assert_grows_to(history: &[Progress], bytes: u64) {
    let seen: Vec<_> = history.iter().map(|progress| progress.bytes).collect();
    assert!(seen.is_sorted(), "{seen:?} goes back");
    assert_eq!(seen.last(), Some(&bytes));
    assert_eq!(history.last().unwrap().total_bytes, Some(bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_paths_arrive_side_by_side_and_equal_names_are_told_apart() {
    let world = World::new().await;
    for folder in ["1", "2", "3"] {
        fs::create_dir(world.from(folder)).unwrap();
    }
    fs::write(world.from("1/x.txt"), "first").unwrap();
    fs::write(world.from("2/x.txt"), "second").unwrap();
    fs::write(world.from("3/inside"), "third").unwrap();
    let (_, received) = world.exchange(world.paths(&["1/x.txt", "2/x.txt", "3"])).await;
    assert_eq!(received.stored, 4);
    assert_eq!(names_in(world.target.path()), ["3", "x (2).txt", "x.txt"]);
    assert_eq!(fs::read_to_string(world.to("x.txt")).unwrap(), "first");
    assert_eq!(fs::read_to_string(world.to("x (2).txt")).unwrap(), "second");
    assert_eq!(fs::read_to_string(world.to("3/inside")).unwrap(), "third");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_and_an_empty_folder_arrive_each_alone() {
    let world = World::new().await;
    fs::write(world.from("file"), "").unwrap();
    touch(&world.from("file"), 1_111_111_111, 11);
    fs::create_dir(world.from("folder")).unwrap();
    touch(&world.from("folder"), 1_222_222_222, 22);
    for name in ["file", "folder"] {
        let (sent, received) = world.exchange(world.paths(&[name])).await;
        assert_eq!((sent.stored, received.stored, received.bytes), (1, 1, 0));
        assert_eq!(tree(&world.to(name)), tree(&world.from(name)));
    }
    assert_eq!(names_in(world.target.path()), ["file", "folder"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_small_files_arrive() {
    let world = World::new().await;
    for number in 0..3000 {
        let folder = world.from(&format!("many/{}", number % 50));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(number.to_string()), noise(number, number as usize % 700)).unwrap();
    }
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["many"]))).await;
    assert_eq!(offer.manifest.files(), 3000);
    world.receiver.accept(&receiving, Choices::default());
    let (sent, received) = tokio::join!(sending.history(), receiving.history());
    assert_grows_to(&sent, offer.manifest.bytes());
    assert_grows_to(&received, offer.manifest.bytes());
    assert_eq!(tree(&world.to("many")), tree(&world.from("many")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ticked_is_not_sent() {
    let world = World::new().await;
    fs::create_dir_all(world.from("top/no")).unwrap();
    for (name, size) in [("top/large", 2 * BLOCK), ("top/small", 100), ("top/no/x", 300), ("top/kept", 50)] {
        fs::write(world.from(name), noise(3, size)).unwrap();
    }
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["top"]))).await;
    world.receiver.accept(&receiving, all_but(&offer, &["top/large", "top/no", "top/no/x"]));
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.bytes, received.bytes), (150, 150));
    assert_eq!((sent.stored, received.stored), (3, 3));
    assert_eq!((sent.missing, received.missing), (0, 0));
    assert_eq!(names_in(&world.to("top")), ["kept", "small"]);
    let told = sending.told("what is taken", |notice| match notice {
        Notice::Accepted { files, bytes } => Some((*files, *bytes)),
        _ => None,
    });
    assert_eq!(told.await, (2, Some(150)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_arrives_and_nothing_is_saved() {
    let world = World::new().await;
    for text in ["", "the door code is 4711\n日本語 \u{1b}[2J"] {
        let (sent, _) = {
            let (mut sending, mut receiving, offer) =
                world.offer(world.send_order(Payload::Text(text.to_owned()))).await;
            assert_eq!(offer.folder, None);
            world.receiver.accept(&receiving, Choices::default());
            let reports = tokio::join!(sending.report(), receiving.report());
            let arrived = receiving.told("the text", |notice| match notice {
                Notice::Text(text) => Some(text.clone()),
                _ => None,
            });
            assert_eq!(arrived.await, text);
            reports
        };
        assert_eq!(sent.bytes, text.len() as u64);
    }
    assert!(names_in(world.target.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_any_length_arrives_in_a_folder_and_in_order_in_a_writer() {
    let world = World::new().await;
    for length in [0, 1, BLOCK, 2 * BLOCK, 20 * BLOCK + 5] {
        let bytes = noise(5, length);
        let stream = || Payload::Stream {
            name: format!("{length}.bin"),
            reader: Box::new(io::Cursor::new(bytes.clone())),
        };
        let (mut sending, mut receiving, _) = world.offer(world.send_order(stream())).await;
        world.receiver.accept(&receiving, Choices::default());
        let (sent, received) = tokio::join!(sending.report(), receiving.report());
        assert_eq!((sent.bytes, received.bytes), (length as u64, length as u64));
        assert_eq!(fs::read(world.to(&format!("{length}.bin"))).unwrap(), bytes);
        for transfer in [&mut sending, &mut receiving] {
            let seen: Vec<_> = transfer.history().await.iter().map(|progress| progress.bytes).collect();
            assert!(seen.is_sorted(), "{seen:?} goes back");
            assert_eq!(seen.last(), Some(&(length as u64)), "the last block counts with its own length");
        }

        let (writer, written) = memory();
        let report = receive_into(&world, stream(), writer).await;
        assert_eq!((report.bytes, report.folder), (length as u64, None));
        assert_eq!(*written.lock().unwrap(), bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_file_arrives_in_a_writer_and_several_are_refused() {
    let world = World::new().await;
    let bytes = noise(8, 9 * BLOCK + 1);
    fs::write(world.from("one"), &bytes).unwrap();
    fs::write(world.from("two"), "x").unwrap();
    let (writer, written) = memory();
    receive_into(&world, world.paths(&["one"]), writer).await;
    assert_eq!(*written.lock().unwrap(), bytes);

    let mut sending = world.sender.send(world.send_order(world.paths(&["one", "two"])));
    let code = sending.code().await;
    let output = Output::Writer(Box::new(io::sink()));
    let mut receiving = world.receiver.receive(ReceiveOrder { output, ..world.receive_order(code) });
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    assert!(matches!(receiving.error().await, TransferError::Impossible(_)));
    assert!(matches!(sending.error().await, TransferError::PeerFailed(_)));
}

async fn receive_into(world: &World, payload: Payload, writer: Memory) -> caiman::engine::Report {
    let mut sending = world.sender.send(world.send_order(payload));
    let code = sending.code().await;
    let output = Output::Writer(Box::new(writer));
    let mut receiving = world.receiver.receive(ReceiveOrder { output, ..world.receive_order(code) });
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!(sent.bytes, received.bytes);
    received
}

/// Reads from a pipe that is filled slowly.
struct Slow {
    bytes: io::Cursor<Vec<u8>>,
    pieces: usize,
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = buffer.len().min(self.pieces);
        self.bytes.read(&mut buffer[..end])
    }
}

/// A pipe gives what it has, not what was asked for. A short read is not the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_comes_in_pieces_arrives_whole() {
    let world = World::new().await;
    let bytes = noise(21, 3 * BLOCK + 100);
    let reader = Slow { bytes: io::Cursor::new(bytes.clone()), pieces: 4093 };
    world.exchange(Payload::Stream { name: "pieces".to_owned(), reader: Box::new(reader) }).await;
    assert_eq!(fs::read(world.to("pieces")).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_transfers_run_at_once_in_the_same_engines() {
    let world = World::new().await;
    let names = ["first", "second"];
    for (seed, name) in (1..).zip(names) {
        fs::write(world.from(name), noise(seed, 6 * BLOCK + 3)).unwrap();
    }
    let (mut one, mut two) = (
        world.sender.send(world.send_order(world.paths(&["first"]))),
        world.sender.send(world.send_order(world.paths(&["second"]))),
    );
    let (code_one, code_two) = (one.code().await, two.code().await);
    let mut to_one = world.receiver.receive(world.receive_order(code_one));
    let mut to_two = world.receiver.receive(world.receive_order(code_two));
    // Both transfers have been offered before either is accepted.
    tokio::join!(to_one.offer(), to_two.offer());
    for transfer in [&to_one, &to_two] {
        world.receiver.accept(transfer, Choices::default());
    }
    tokio::join!(one.report(), two.report(), to_one.report(), to_two.report());
    for name in names {
        assert_eq!(tree(&world.to(name)), tree(&world.from(name)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_code_works_once_at_a_time() {
    if left_out_over_quic("over the internet nobody refuses a code that is taken") {
        return;
    }
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    let code = CodePhrase::own("blue-horse-7731-kitchen").unwrap();
    let order = || SendOrder { code: CodeChoice::Own(code.clone()), ..world.send_order(world.paths(&["x"])) };
    let mut first = world.sender.send(order());
    assert!(first.code().await == code);
    let mut second = world.sender.send(order());
    assert!(matches!(second.error().await, TransferError::CodeTaken));
    let mut receiving = world.receiver.receive(world.receive_order(code.clone()));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(first.report(), receiving.report());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_relay_the_sender_hosts_one_that_ends_with_the_transfer() {
    if left_out_over_quic("it is about the sender's own relay") {
        return;
    }
    let world = World::new().await;
    fs::write(world.from("x"), noise(4, 2 * BLOCK)).unwrap();
    let mut sending =
        world.sender.send(SendOrder { relays: Vec::new(), ..world.send_order(world.paths(&["x"])) });
    let code = sending.code().await;
    let address = sending.listening.clone().expect("a relay listens before there is a code");
    let relay = caiman::engine::RelayChoice::new(address);
    let order = |code| ReceiveOrder { relays: vec![relay.clone()], ..world.receive_order(code) };
    let mut receiving = world.receiver.receive(order(code.clone()));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
    assert_eq!(tree(&world.to("x")), tree(&world.from("x")));
    // Another test may have taken the port in the meantime; then its relay doesn't know this code.
    let late_party = Party::start();
    let mut late = late_party.receive(order(code));
    assert!(matches!(late.error().await, TransferError::Relay(_) | TransferError::NobodyThere { .. }));
}
