//! The relay and clients that have croc, over real sockets: how two of them meet, what is passed on and in which order, what ends, what
//! is refused, and that hostile ones hold up nobody.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU64,
    time::{Duration, Instant},
};

use caiman::{
    croc::{
        channel::TrafficKey,
        client::{self, InRoom},
        error::{CrocError, RelayRefusal},
        frame::{self, KEEP_ALIVE},
        link::Link,
        pake::{CurveName, Initiator},
    },
    protocol::{Role, relay::Refusal},
    relay::{CrocConfig, CrocPorts, RelayConfig},
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::support::{
    process::{Running, caiman},
    *,
};

const USUAL: &str = "pass123";

/// A relay that serves crocs as well, on three ports that the system chooses.
async fn start(change: impl FnOnce(&mut RelayConfig)) -> TestRelay {
    TestRelay::start(|config| {
        let ports = CrocPorts::new(vec![0; 3]).unwrap();
        config.croc = Some(CrocConfig { ports, ..CrocConfig::default() });
        change(config);
    })
    .await
}

/// Where crocs find the port of this number; 0 is the control port.
fn addr(relay: &TestRelay, port: usize) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, relay.croc_ports[port]).into()
}

async fn connect(relay: &TestRelay, port: usize) -> TcpStream {
    TcpStream::connect(addr(relay, port)).await.unwrap()
}

async fn try_join(relay: &TestRelay, port: usize, room: &str) -> Result<InRoom<TcpStream>, CrocError> {
    within("a croc relay's handshake", client::join(connect(relay, port).await, USUAL, room)).await
}

async fn join(relay: &TestRelay, port: usize, room: &str) -> InRoom<TcpStream> {
    try_join(relay, port, room).await.unwrap()
}

/// Two clients that have met.
async fn meet(relay: &TestRelay, port: usize, room: &str) -> [Link<TcpStream>; 2] {
    let first = join(relay, port, room).await.link;
    let second = join(relay, port, room).await.link;
    [first, second]
}

/// Why a client isn't let in.
async fn refusal(relay: &TestRelay, port: usize, room: &str) -> RelayRefusal {
    match try_join(relay, port, room).await {
        Err(CrocError::Refused(refusal)) => refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the relay should have refused"),
    }
}

/// What the peer sends next.
async fn heard(link: &mut Link<TcpStream>) -> Vec<u8> {
    within("a frame of the peer's", link.read_awake()).await.unwrap().to_vec()
}

/// Waits until the relay has closed a client's connection.
async fn ended(link: &mut Link<TcpStream>) {
    within("the end of a connection", async { while link.read().await.is_ok() {} }).await;
}

async fn until(relay: &TestRelay, metric: &str, value: u64) {
    within(metric, async {
        while relay.metric(metric).await != value {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A client that has agreed on a key, and what it agreed on: it can do wrong what the real one does right.
async fn agreed(relay: &TestRelay, port: usize) -> (Link<TcpStream>, TrafficKey) {
    let mut link = Link::new(connect(relay, port).await);
    let (initiator, question) = Initiator::begin(CurveName::Siec, &[1, 2, 3]).unwrap();
    link.write(&question).await.unwrap();
    let agreement = initiator.finish(within("an answer", link.read()).await.unwrap()).unwrap();
    link.write(&[7; 8]).await.unwrap();
    (link, TrafficKey::salted(&agreement, &[7; 8]))
}

#[tokio::test]
async fn two_crocs_meet_and_every_byte_between_them_is_passed_on() {
    let relay = start(|_| ()).await;
    let stream = connect(&relay, 0).await;
    let local = stream.local_addr().unwrap();
    let mut first = client::join(stream, USUAL, "room").await.unwrap();
    assert_eq!(first.data_ports().unwrap(), relay.croc_ports[1..]);
    assert_eq!(first.seen_as, local.to_string());
    let mut second = join(&relay, 0, "room").await.link;
    second.write(b"handshake").await.unwrap();
    assert_eq!(heard(&mut first.link).await, b"handshake");

    let lane = join(&relay, 1, "room-0").await;
    assert_eq!(lane.banner, "ok");
    let mut lanes = [lane.link, join(&relay, 1, "room-0").await.link];
    let chunks: Vec<_> = (0..200).map(|seed| noise(seed, 16_000)).collect();
    let [here, there] = &mut lanes;
    let sending = async {
        for chunk in &chunks {
            here.write(chunk).await.unwrap();
        }
    };
    let receiving = async {
        for chunk in &chunks {
            assert!(heard(there).await == *chunk);
        }
    };
    tokio::join!(sending, receiving);
    there.write(b"back").await.unwrap();
    assert_eq!(heard(here).await, b"back");
    assert_eq!(relay.metric("pairings_total").await, 1);
    assert_eq!(relay.metric("lanes_total").await, 1);
    assert_eq!(relay.metric("rooms").await, 1);
    assert!(relay.metric("relayed_bytes_total{kind=\"lane\"}").await > 200 * 16_000);
    drop((first, second, lanes));
    until(&relay, "connections", 0).await;
    assert_eq!(relay.metric("rooms").await + relay.metric("lanes").await, 0);
    assert_eq!(relay.metric("memory_bytes").await, 0);
    relay.stop().await;
}

#[tokio::test]
async fn a_croc_that_is_alone_hears_so_once_a_second_and_no_more_when_its_peer_has_come() {
    let relay = start(|_| ()).await;
    let mut first = join(&relay, 0, "room").await.link;
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(within("a sign of life", first.read()).await.unwrap(), KEEP_ALIVE);
    }
    assert!(start.elapsed() > Duration::from_millis(1500), "they come at once");
    let mut second = join(&relay, 0, "room").await.link;
    second.write(b"hello").await.unwrap();
    assert_eq!(heard(&mut first).await, b"hello");
    assert!(timeout(Duration::from_millis(1500), first.read()).await.is_err(), "something follows");
    relay.stop().await;
}

#[tokio::test]
async fn the_second_is_admitted_before_anything_that_the_first_has_sent() {
    let relay = start(|_| ()).await;
    for port in [0, 1] {
        let mut first = join(&relay, port, "room").await.link;
        first.write(b"early").await.unwrap();
        let (mut second, key) = agreed(&relay, port).await;
        second.write(&key.seal(USUAL.as_bytes()).unwrap()).await.unwrap();
        second.write(&key.seal(b"room").unwrap()).await.unwrap();
        let welcome = within("the welcome", second.read()).await.unwrap();
        assert!(key.open(welcome).unwrap().windows(3).any(|part| part == b"|||"));
        let admitted = within("the admission", second.read()).await.unwrap();
        assert_eq!(key.open(admitted).unwrap(), b"ok");
        assert_eq!(heard(&mut second).await, b"early");
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_ping_is_answered() {
    let relay = start(|config| config.limits.joins_per_minute = 0).await;
    for port in 0..3 {
        let mut link = Link::new(connect(&relay, port).await);
        link.write(b"ping").await.unwrap();
        assert_eq!(heard(&mut link).await, b"pong");
        ended(&mut link).await;
    }
    relay.stop().await;
}

#[tokio::test]
async fn only_crocs_with_the_password_get_in() {
    let relay = start(|config| config.croc.as_mut().unwrap().password = "lagoon ".into()).await;
    for port in [0, 2] {
        assert_eq!(refusal(&relay, port, "room").await, RelayRefusal::BadPassword);
        // croc leaves out the white space at both ends.
        assert!(client::join(connect(&relay, port).await, " lagoon\n", "room").await.is_ok());
    }
    assert_eq!(relay.metric("refusals_total{reason=\"password_wrong\"}").await, 2);
    relay.stop().await;
}

#[tokio::test]
async fn a_room_takes_two_and_is_free_when_one_has_left() {
    let relay = start(|_| ()).await;
    for port in [0, 1] {
        let [first, mut second] = meet(&relay, port, "room").await;
        assert_eq!(refusal(&relay, port, "room").await, RelayRefusal::RoomFull);
        drop(first);
        ended(&mut second).await;
        let [mut first, mut second] = meet(&relay, port, "room").await;
        // One that has said all that it wants to say has left as well.
        second.close().await;
        ended(&mut first).await;
        ended(&mut second).await;
        let _next = meet(&relay, port, "room").await;
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_croc_that_leaves_while_it_waits_frees_its_room() {
    let relay = start(|_| ()).await;
    for is_talkative in [false, true] {
        for is_clean in [false, true] {
            let mut link = join(&relay, 0, "room").await.link;
            if is_talkative {
                link.write(b"is anybody there?").await.unwrap();
            }
            assert_eq!(relay.metric("croc_rooms").await, 1);
            if is_clean {
                link.close().await;
                until(&relay, "croc_rooms", 0).await;
            }
            drop(link);
            until(&relay, "croc_rooms", 0).await;
        }
    }
    let _pair = meet(&relay, 0, "room").await;
    relay.stop().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_closed_and_holds_up_nobody() {
    let relay = start(|_| ()).await;
    let mut waiting = join(&relay, 0, "room").await.link;
    let pake = |rest: &str| frame::encode(format!("{{\"Role\":0,{rest}}}").as_bytes());
    let openings = [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        // Announced, and never sent.
        [&b"croc"[..], &u32::MAX.to_le_bytes()].concat(),
        [&b"croc"[..], &(64u32 << 20).to_le_bytes()].concat(),
        frame::encode(&vec![b' '; 5000]),
        frame::encode(b""),
        frame::encode(b"pang"),
        frame::encode(&[b'['; 4000]),
        frame::encode(b"null"),
        frame::encode(b"{\"Role\":1}"),
        pake("\"X\u{1d64}\":null,\"X\u{1d65}\":null"),
        pake("\"X\u{1d64}\":\"7\",\"X\u{1d65}\":-1"),
        pake("\"X\u{1d64}\":1e999999999,\"X\u{1d65}\":1"),
        pake("\"X\u{1d64}\":1,\"X\u{1d65}\":1"),
        pake(&format!("\"X\u{1d64}\":{0},\"X\u{1d65}\":{0}", "9".repeat(1500))),
    ];
    for (number, opening) in openings.iter().enumerate() {
        let mut stream = connect(&relay, number % 3).await;
        stream.write_all(opening).await.unwrap();
        closed_in_silence(&mut stream).await;
    }
    assert_eq!(relay.metric("refusals_total{reason=\"malformed\"}").await, openings.len() as u64);

    let long = "x".repeat(257);
    for sealed in [&[&b"\xff\xfe"[..]][..], &[b""], &[long.as_bytes()]] {
        let (mut link, key) = agreed(&relay, 0).await;
        link.write(&key.seal(USUAL.as_bytes()).unwrap()).await.unwrap();
        within("the welcome", link.read()).await.unwrap();
        for room in sealed {
            link.write(&key.seal(room).unwrap()).await.unwrap();
        }
        assert!(within("the end", link.read()).await.is_err(), "a room of that name");
    }
    for password in [vec![0; 40], vec![0; 5], vec![0; 4096]] {
        let (mut link, _) = agreed(&relay, 0).await;
        link.write(&password).await.unwrap();
        assert!(within("the end", link.read()).await.is_err(), "a password that isn't sealed");
    }

    let mut peer = join(&relay, 0, "room").await.link;
    peer.write(b"hello").await.unwrap();
    assert_eq!(heard(&mut waiting).await, b"hello");
    drop((waiting, peer));
    until(&relay, "connections", 0).await;
    assert_eq!(relay.metric("memory_bytes").await, 0);
    relay.stop().await;
}

#[tokio::test]
async fn a_croc_that_is_slow_or_silent_is_closed_in_time() {
    let relay = start(|config| config.limits.hello_secs = 1).await;
    let mut silent = connect(&relay, 0).await;
    let mut slow = connect(&relay, 1).await;
    let (mut halfway, _) = agreed(&relay, 2).await;
    let start = Instant::now();
    let dripping = async {
        for byte in [&b"croc"[..], &4000u32.to_le_bytes(), &[b' '; 4000]].concat() {
            if slow.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    within("the relay to lose patience", async {
        tokio::join!(dripping, closed_in_silence(&mut silent), ended(&mut halfway));
    })
    .await;
    assert!(start.elapsed() >= Duration::from_millis(900));
    until(&relay, "refusals_total{reason=\"too_slow\"}", 3).await;
    relay.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_flood_of_rooms_from_one_address_ends_nobodys_wait() {
    let relay = start(|config| config.limits.rooms_per_address = 10).await;
    let mut honest = join(&relay, 0, "honest").await.link;
    let (mut flood, mut refused) = (Vec::new(), 0);
    for number in 0..60 {
        let stream = connect_from([127, 0, 9, 1], addr(&relay, 0)).await.unwrap();
        match client::join(stream, USUAL, &format!("flood {number}")).await {
            Ok(joined) => flood.push(joined),
            Err(CrocError::Refused(RelayRefusal::RateLimited)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((flood.len(), refused), (10, 50));
    // Neither those that wait nor those that come notice.
    let _another = join(&relay, 0, "another").await;
    let mut peer = join(&relay, 0, "honest").await.link;
    peer.write(b"hello").await.unwrap();
    assert_eq!(heard(&mut honest).await, b"hello");
    relay.stop().await;
}

#[tokio::test]
async fn who_comes_too_often_is_told_so_and_learns_nothing() {
    let relay = start(|config| config.limits.joins_per_minute = 3).await;
    let _waiting = join(&relay, 0, "room").await;
    assert!(client::join(connect(&relay, 0).await, "wrong", "room").await.is_err());
    let _other = join(&relay, 0, "other").await;
    // Whether the room is there and whether the password is right makes no difference any more.
    for (password, room) in [(USUAL, "room"), (USUAL, "nobody's"), ("wrong", "room")] {
        let joined = client::join(connect(&relay, 0).await, password, room).await;
        assert!(matches!(joined, Err(CrocError::Refused(RelayRefusal::RateLimited))), "{password} {room}");
    }
    // A transfer that has begun gets its data connections.
    let _lane = join(&relay, 1, "room-0").await;
    assert_eq!(refused(relay.addr, Role::Sender).await, Refusal::TooManyJoins);
    relay.stop().await;
}

#[tokio::test]
async fn both_kinds_of_clients_count_together() {
    let relay = start(|config| {
        config.limits.connections_per_address = 3;
        config.limits.rooms_per_address = 2;
    })
    .await;
    let _sender = waiting_sender(relay.addr, ROOM).await;
    let first = join(&relay, 0, "room").await;
    assert_eq!(refusal(&relay, 0, "another").await, RelayRefusal::RateLimited);
    // The place of the one that was refused is free once the relay has seen it leave.
    until(&relay, "connections", 2).await;
    let _second = join(&relay, 0, "room").await;
    let mut fourth = connect(&relay, 0).await;
    closed_in_silence(&mut fourth).await;
    assert_eq!(refused(relay.addr, Role::Receiver).await, Refusal::TooMuchFromHere);
    assert_eq!(relay.metric("rooms").await, 2);
    assert_eq!(relay.metric("croc_rooms").await, 1);
    drop(first);
    until(&relay, "connections", 1).await;
    let _room = join(&relay, 0, "another").await;
    relay.stop().await;
}

#[tokio::test]
async fn a_rate_holds_for_all_connections_of_a_transfer_together() {
    let relay = start(|config| config.limits.rate_bytes_per_sec = NonZeroU64::new(2 << 20)).await;
    let _control = meet(&relay, 0, "room").await;
    let [mut a, mut b] = meet(&relay, 1, "room-0").await;
    let [mut c, mut d] = meet(&relay, 2, "room-1").await;
    let start = Instant::now();
    let pump = async |from: &mut Link<TcpStream>, to: &mut Link<TcpStream>| {
        let (sent, mut came) = (vec![1; 1 << 14], 0);
        let sending = async {
            for _ in 0..64 {
                from.write(&sent).await.unwrap();
            }
        };
        let receiving = async {
            while came < 64 << 14 {
                came += heard(to).await.len();
            }
        };
        tokio::join!(sending, receiving);
    };
    tokio::join!(pump(&mut a, &mut b), pump(&mut c, &mut d));
    // Two mebibytes; each for itself would have had three quarters of a second less to wait.
    assert!(start.elapsed() > Duration::from_millis(600), "{:?}", start.elapsed());
    relay.stop().await;
}

/// croc's own relay ends each room after three hours, used or not.
#[tokio::test]
async fn a_room_lives_on_while_any_of_its_connections_is_used_and_ends_when_none_is() {
    // Two crocs may be silent for six times as long.
    let relay = start(|config| config.limits.idle_secs = 1).await;
    let [mut first, mut second] = meet(&relay, 0, "room").await;
    let [mut here, mut there] = meet(&relay, 1, "room-0").await;
    let [mut idle, mut also_idle] = meet(&relay, 2, "room-1").await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(7) {
        here.write(b"chunk").await.unwrap();
        assert_eq!(heard(&mut there).await, b"chunk");
        sleep(Duration::from_millis(500)).await;
    }
    first.write(b"close-recipient").await.unwrap();
    assert_eq!(heard(&mut second).await, b"close-recipient");
    idle.write(b"late").await.unwrap();
    assert_eq!(heard(&mut also_idle).await, b"late");
    for link in [&mut first, &mut second, &mut here, &mut idle] {
        ended(link).await;
    }
    until(&relay, "idle_closes_total", 3).await;
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_that_stops_ends_waits_and_lets_transfers_finish() {
    let relay = start(|_| ()).await;
    let mut waiting = join(&relay, 0, "waiting").await.link;
    let [mut first, mut second] = meet(&relay, 0, "running").await;
    let mut lane = join(&relay, 1, "running-0").await.link;
    relay.shutdown.cancel();
    ended(&mut waiting).await;
    assert_eq!(refusal(&relay, 0, "new").await, RelayRefusal::Other);
    assert_eq!(refusal(&relay, 1, "new-0").await, RelayRefusal::Other);
    let mut other_end = join(&relay, 1, "running-0").await.link;
    lane.write(b"chunk").await.unwrap();
    assert_eq!(heard(&mut other_end).await, b"chunk");
    let _lane = meet(&relay, 2, "running-1").await;
    first.write(b"finished").await.unwrap();
    assert_eq!(heard(&mut second).await, b"finished");
    drop((first, second, lane, other_end));
    relay.ended().await;
}

#[tokio::test]
async fn both_protocols_are_served_at_once_and_each_on_its_own_ports() {
    let relay = start(|_| ()).await;
    let (_sender, _receiver, token) = pair(relay.addr, ROOM).await;
    let (mut there, mut back) = paired_lane(relay.addr, token, 0).await;
    let [mut first, mut second] = meet(&relay, 0, "room").await;
    first.write(b"hello").await.unwrap();
    assert_eq!(heard(&mut second).await, b"hello");
    let (_, received) = tokio::join!(exchange(&mut there, b"over"), exchange(&mut back, b""));
    assert_eq!(received, b"over");
    let mut strays = [connect(&relay, 0).await, TcpStream::connect(relay.addr).await.unwrap()];
    let (_, question) = Initiator::begin(CurveName::Siec, &[1, 2, 3]).unwrap();
    strays[0].write_all(&caiman::protocol::relay::ConnectionKind::Control.to_bytes()).await.unwrap();
    strays[0].shutdown().await.unwrap();
    strays[1].write_all(&frame::encode(&question)).await.unwrap();
    for stray in &mut strays {
        closed_in_silence(stray).await;
    }
    relay.stop().await;
}

#[test]
fn the_command_says_where_crocs_find_it() {
    let common = [
        "relay",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--data-ports",
        "none",
        "--croc",
        "--croc-ports",
        "0,0",
    ];
    let port_of = |line: &str| {
        line.strip_prefix("Listening for croc on 127.0.0.1:")?.split(',').next()?.parse::<u16>().ok()
    };
    for (options, said) in [(&[][..], ""), (&["--croc-password", "lagoon"], " --pass PASSWORD")] {
        let mut relay = Running::start(caiman(&[&common[..], options].concat()));
        let port = relay.says("where crocs find it", port_of);
        let wanted = format!("Users of croc send with: croc --relay HOST:{port}{said} send FILE");
        relay.says("what a user of croc types", |line| (line == wanted).then_some(()));
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        std::io::Write::write_all(&mut stream, &frame::encode(b"ping")).unwrap();
        let mut answer = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
        assert_eq!(answer[..], frame::encode(b"pong"));
        relay.kill();
    }
}
