use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::crypto::{Channel, Pake, Root, Stretch, Transcript};

/// The longest that a test may wait: far longer than anything here takes.
const GUARD: Duration = Duration::from_mins(1);

const MET: MetHow = MetHow { is_here: true, has_relay: true };

/// The two ends of a session on this machine.
fn ends() -> (Paths, Paths) {
    let secrets = secrets();
    let open = |side| {
        let listen = ListenOptions::default();
        Paths::open(side, &secrets[0], (PathMode::Automatic, listen), MET, None).unwrap()
    };
    (open(Side::Sender), open(Side::Receiver))
}

/// A session's secret twice, as each of its two ends has it.
fn secrets() -> [ReconnectKey; 2] {
    let (sender, message) = Pake::start(Side::Sender, b"code", &[7; 16], 1);
    let (receiver, answer) = Pake::start(Side::Receiver, b"code", &[7; 16], 1);
    let stretch = Stretch::checked(100_000, [1; 8]).unwrap();
    let _ = Transcript::new(&message, &answer);
    [sender.finish(&answer).unwrap(), receiver.finish(&message).unwrap()].map(|key| {
        let root = Root::stretch(b"code", &key, &stretch);
        let _ = root.keys(Channel::Metadata);
        root.reconnect_key()
    })
}

fn loopback(paths: &Paths) -> SocketAddr {
    *paths.addresses(None).unwrap().sockets.iter().find(|address| address.ip().is_loopback()).unwrap()
}

fn introduce(caller: &mut Paths, other: &Paths) {
    caller.try_all(&named(&[loopback(other)]));
}

fn named(sockets: &[SocketAddr]) -> Addresses {
    Addresses { sockets: sockets.to_vec(), endpoint: None }
}

/// How lanes are opened once the search is done.
async fn settled(paths: &Paths) -> Way {
    paths.settled().await;
    paths.direct().way()
}

async fn say(from: Pipe, to: Pipe) {
    let (mut from, mut to) = (from.stream, to.stream);
    from.write_all(b"over the wall").await.unwrap();
    drop(from);
    let mut heard = Vec::new();
    to.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"over the wall");
}

#[tokio::test]
async fn whichever_side_reaches_the_other_makes_the_lanes() {
    for sender_calls in [true, false] {
        let (mut sender, mut receiver) = ends();
        let way = if sender_calls {
            introduce(&mut sender, &receiver);
            receiver.heard_at = Some(Instant::now());
            Way::FromSender
        } else {
            introduce(&mut receiver, &sender);
            sender.heard_at = Some(Instant::now());
            Way::FromReceiver
        };
        assert_eq!(tokio::join!(settled(&sender), settled(&receiver)), (way, way));
        let (from, to) = tokio::join!(sender.direct().lane(way, 5, 1), receiver.direct().lane(way, 5, 1));
        timeout(GUARD, say(from.unwrap(), to.unwrap())).await.unwrap();
    }
}

/// Catches data that goes over the relay after an answer that took its time, although there is a direct way.
#[tokio::test(start_paused = true)]
async fn the_search_has_its_time_after_the_answer() {
    let (_sender, mut receiver) = ends();
    receiver.heard_at = Some(Instant::now());
    tokio::time::advance(2 * SEARCH).await;
    receiver.open_up();
    let accepted_at = Instant::now();
    assert_eq!(settled(&receiver).await, Way::Relay);
    assert_eq!(accepted_at.elapsed().as_secs(), SEARCH.as_secs());
}

#[tokio::test]
async fn a_lane_that_comes_before_it_is_awaited_is_kept() {
    let (mut sender, receiver) = ends();
    introduce(&mut sender, &receiver);
    assert_eq!(settled(&sender).await, Way::FromSender);
    let from = sender.direct().lane(Way::FromSender, 0, 3).await.unwrap();
    let to = receiver.direct().lane(Way::FromSender, 0, 3).await.unwrap();
    timeout(GUARD, say(from, to)).await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_gives_way_to_another_and_is_named() {
    let [secret, _] = secrets();
    let listen = |port| {
        let listen = ListenOptions { port: NonZeroU16::new(port), asks_gateway: false };
        Paths::open(Side::Sender, &secret, (PathMode::Automatic, listen), MET, None).unwrap()
    };
    let first = listen(0);
    assert_eq!(first.refused_port(), None);
    let second = listen(first.port);
    assert_eq!(second.refused_port(), Some((first.port, second.port)));
    assert_ne!(first.port, second.port);
    let port = first.port;
    drop((first, second));
    // The listener ends with its task, a moment later.
    while listen(port).refused_port().is_some() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_path_that_fails_is_forgotten() {
    let (mut sender, receiver) = ends();
    introduce(&mut sender, &receiver);
    assert_eq!(settled(&sender).await, Way::FromSender);
    drop(receiver);
    // The listener ends with its tasks, a moment later.
    while sender.direct().lane(Way::FromSender, 0, 0).await.is_ok() {}
    assert_eq!(sender.direct().way(), Way::Relay);
}

#[tokio::test]
async fn where_the_other_side_wants_no_direct_path_lanes_do_not_wait_for_one() {
    let (mut sender, _receiver) = ends();
    sender.try_all(&named(&[]));
    let settled = timeout(Duration::ZERO, settled(&sender)).await;
    assert_eq!(settled, Ok(Way::Relay));
}

#[tokio::test]
async fn strangers_get_nowhere_and_do_not_keep_the_peer_out() {
    let (mut sender, receiver) = ends();
    let port = loopback(&receiver);
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(port).await.unwrap());
    }
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0xff; 2000]] {
        let mut stream = TcpStream::connect(port).await.unwrap();
        // The other end may close the connection before it has read everything.
        let _ = stream.write_all(garbage).await;
        silent.push(stream);
    }
    let mut liar = TcpStream::connect(port).await.unwrap();
    write_padded(&mut liar, &DirectHello { purpose: DirectPurpose::Probe, nonce: [1; 32] }).await.unwrap();
    let answer: DirectAnswer = read_padded(&mut liar).await.unwrap();
    write(&mut liar, &DirectProof { tag: answer.tag }).await.unwrap();
    let mut end = [0; 1];
    let closed: io::Result<usize> = timeout(GUARD, liar.read(&mut end)).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "a stranger was let in");
    assert_eq!(receiver.direct().way(), Way::Relay);
    introduce(&mut sender, &receiver);
    assert_eq!(timeout(GUARD, settled(&sender)).await, Ok(Way::FromSender));
}

#[test]
fn only_the_local_network_may_come_where_the_user_wants_no_other() {
    for (peer, is_local) in
        [("127.0.0.1", true), ("192.168.1.5", true), ("fe80::1", true), ("8.8.8.8", false)]
    {
        let peer = peer.parse().unwrap();
        assert!(may_come(peer, PathMode::Automatic), "{peer}");
        assert_eq!(may_come(peer, PathMode::LocalOnly), is_local, "{peer}");
    }
}

#[test]
fn addresses_that_cannot_be_the_other_sides_are_not_tried() {
    let worth = |text: &str, mode, here| is_worth_trying(text.parse().unwrap(), mode, here);
    for text in ["192.168.1.5:9", "[fd00::1]:9", "203.0.113.9:9", "[2001:db8::1]:9"] {
        assert!(worth(text, PathMode::Automatic, false), "{text}");
    }
    for text in [
        "127.0.0.1:9",
        "[::1]:9",
        "[::ffff:127.0.0.1]:9",
        "0.0.0.0:9",
        "[::]:9",
        "224.0.0.1:9",
        "255.255.255.255:9",
        "[ff02::1]:9",
        "[fe80::1]:9",
        "192.168.1.5:0",
    ] {
        assert!(!worth(text, PathMode::Automatic, false), "{text}");
    }
    assert!(worth("127.0.0.1:9", PathMode::Automatic, true));
    assert!(!worth("0.0.0.0:9", PathMode::Automatic, true));
    assert!(worth("10.0.0.1:9", PathMode::LocalOnly, false));
    assert!(!worth("203.0.113.9:9", PathMode::LocalOnly, false));
}
