//! Networks that let only some things through: relays behind proxies, and networks on which large packets get lost. The scripts that
//! build whole networks of this kind are in `tests/networks.sh`.

use std::{fs, time::Duration};

use caiman::{
    engine::{
        Choices, CodeChoice, ProxyError, ReceiveOrder, RelayChoice, RelayClientError, SendOrder,
        TransferError,
    },
    net::client::RelayAddress,
};

use crate::support::{
    engine::{BLOCK, Transfer, World},
    noise,
    process::{Running, caiman, run, text},
    proxy::{Does, NAME, TestProxy},
};

/// Sends `x` through these relays and accepts it; returns both sides.
async fn begin(world: &World, relays: Vec<RelayChoice>) -> (Transfer, Transfer) {
    let order = SendOrder { relays: relays.clone(), ..world.send_order(world.paths(&["x"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await;
    let mut receiving = world.receiver.receive(ReceiveOrder { relays, ..world.receive_order(code) });
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    (sending, receiving)
}

/// Whether this is what should be wrong with a proxy.
type IsDue = fn(&ProxyError) -> bool;

/// A relay that only the proxy knows.
fn behind(proxy: &TestProxy, scheme: &str, login: &str, port: u16) -> RelayChoice {
    let address: RelayAddress = format!("{NAME}:{port}").parse().unwrap();
    let proxy = format!("{scheme}://{login}{}", proxy.addr).parse().unwrap();
    RelayChoice { proxy: Some(proxy), ..RelayChoice::new(address) }
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_are_reached_through_proxies_which_look_up_their_names() {
    let bytes = noise(15, 3 * BLOCK);
    for (scheme, login, does) in [
        ("socks5", "", Does::Connect),
        ("http", "", Does::Connect),
        ("socks5", "ada:p%40ss@", Does::AskWho),
        ("http", "ada:p%40ss@", Does::AskWho),
    ] {
        let world = World::new().await;
        fs::write(world.from("x"), &bytes).unwrap();
        let proxy = TestProxy::start(does).await;
        let relays = vec![behind(&proxy, scheme, login, world.relay.addr.port())];
        let (mut sending, mut receiving) = begin(&world, relays).await;
        tokio::join!(sending.report(), receiving.report());
        assert!(fs::read(world.to("x")).unwrap() == bytes, "{scheme}");
        let asked = proxy.asked();
        assert!(asked.len() > 2, "control connections and lanes: {asked:?}");
        assert!(
            asked.iter().all(|asked| *asked == format!("{NAME}:{}", world.relay.addr.port())),
            "{asked:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_of_no_help_is_named_with_the_reason() {
    let world = World::new().await;
    let port = world.relay.addr.port();
    let refusing = TestProxy::start(Does::Refuse).await;
    let asking = TestProxy::start(Does::AskWho).await;
    let honest = TestProxy::start(Does::Connect).await;
    let elsewhere = |scheme| RelayChoice {
        address: "nowhere.test:9".parse().unwrap(),
        ..behind(&honest, scheme, "", port)
    };
    let relay = |scheme| RelayChoice {
        proxy: Some(format!("{scheme}://{}", world.relay.addr).parse().unwrap()),
        ..behind(&honest, scheme, "", port)
    };
    let gone = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
        RelayChoice { proxy: Some(proxy), ..behind(&honest, "http", "", port) }
    };
    let cases: [(RelayChoice, IsDue); 9] = [
        (behind(&refusing, "socks5", "", port), |error| matches!(error, ProxyError::Refused(_))),
        (behind(&refusing, "http", "", port), |error| matches!(error, ProxyError::Refused(_))),
        (behind(&asking, "socks5", "", port), |error| matches!(error, ProxyError::Login)),
        (behind(&asking, "socks5", "ada:wrong@", port), |error| matches!(error, ProxyError::Login)),
        (behind(&asking, "http", "ada:wrong@", port), |error| matches!(error, ProxyError::Login)),
        (elsewhere("socks5"), |error| matches!(error, ProxyError::Failed(_))),
        (elsewhere("http"), |error| matches!(error, ProxyError::Failed(_))),
        // What answers there closes the connection without a word of a proxy's.
        (relay("http"), |error| matches!(error, ProxyError::Silent | ProxyError::NotAProxy)),
        (gone, |error| matches!(error, ProxyError::Unreachable(_))),
    ];
    for (relay, is_due) in cases {
        match world.sender.check(relay.clone()).await {
            Err(error @ RelayClientError::Proxy { .. }) => {
                let told = error.to_string();
                let RelayClientError::Proxy { cause, proxy, .. } = error else { unreachable!() };
                assert!(is_due(&cause), "{relay:?}: {cause:?}");
                assert!(told.contains(&proxy) && !told.contains("wrong"), "{told}");
            }
            other => panic!("{relay:?}: {other:?}"),
        }
    }
}

/// The real program: the proxy is named on the command line or in the environment, and exempted hosts go without.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_takes_its_proxy_from_the_command_line_or_the_environment() {
    let world = World::new().await;
    let proxy = TestProxy::start(Does::Connect).await;
    fs::write(world.from("x"), "x").unwrap();
    let (server, url) = (format!("{NAME}:{}", world.relay.addr.port()), format!("socks5h://{}", proxy.addr));
    let code = "blue-horse-7731-kitchen";
    let from = world.from("x");
    let mut sending = caiman(&["send", "--code", code, "--server", &server, text(&from)]);
    sending.env("ALL_PROXY", &url);
    let mut sending = Running::start(sending);
    sending.says("the code", |line| line.contains(code).then_some(()));
    let receive = ["receive", code, "--yes", "--server", &server, "--out", text(world.target.path())];
    let received = run(caiman(&[&receive[..], &["--proxy", &url]].concat()));
    received.exits(0);
    sending.end().exits(0);
    assert_eq!(fs::read_to_string(world.to("x")).unwrap(), "x");
    assert!(!proxy.asked().is_empty());
    let asked = proxy.asked().len();
    for (name, value) in [("NO_PROXY", ".test"), ("CAIMAN_PROXY", "off")] {
        let mut without = caiman(&receive);
        without.env("ALL_PROXY", &url).env(name, value);
        // No name service knows the relay.
        assert!(run(without).exits(5).errors.contains("can't be found by its name"));
    }
    assert_eq!(proxy.asked().len(), asked);
    let mut useless = caiman(&receive);
    useless.env("ALL_PROXY", "https://ada:secret@127.0.0.1:9");
    let told = run(useless).exits(5).errors.clone();
    assert!(told.contains("ALL_PROXY") && !told.contains("secret"), "{told}");
    let told =
        run(caiman(&[&receive[..], &["--proxy", "ftp://ada:secret@x"]].concat())).exits(2).errors.clone();
    assert!(told.contains("socks5://HOST:PORT") && !told.contains("secret"), "{told}");
}

/// Windows chooses the size of segments by itself.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_on_with_small_packets_where_large_ones_get_lost() {
    use crate::support::cutter::Cutter;

    let world = World::new().await;
    let bytes = noise(16, 3 * BLOCK);
    fs::write(world.from("x"), &bytes).unwrap();
    let cutter = Cutter::before(world.relay.addr).await;
    cutter.lose_large_packets();
    let relays = vec![cutter.relay()];
    let (mut sending, mut receiving) = begin(&world, relays).await;
    for side in [&mut sending, &mut receiving] {
        side.reach("the finding", |progress| progress.large_packets_are_lost).await;
    }
    tokio::join!(sending.report(), receiving.report());
    assert!(fs::read(world.to("x")).unwrap() == bytes);
}

/// A second connection is tried beside the first one, and nothing that was said on the one may count against the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_answers_late_costs_only_time() {
    use crate::support::cutter::Cutter;

    let late = Duration::from_secs(3);
    for only_first_upload in [false, true] {
        let world = World::new().await;
        fs::write(world.from("x"), "x").unwrap();
        let cutter = Cutter::before(world.relay.addr).await;
        if only_first_upload {
            cutter.delay_next_upload(late);
        } else {
            cutter.delay_answers(late);
        }
        let relays = vec![cutter.relay()];
        let choice = CodeChoice::Own("blue-horse-7731-kitchen".parse().unwrap());
        let order =
            SendOrder { code: choice, relays: relays.clone(), ..world.send_order(world.paths(&["x"])) };
        let mut sending = world.sender.send(order);
        let code = sending.code().await;
        if only_first_upload {
            cutter.late_upload_arrives().await;
            // The relay has dealt with it by the time at which it answers the next opening.
            world.sender.check(cutter.relay()).await.unwrap();
            cutter.delay_next_upload(late);
        }
        let mut receiving = world.receiver.receive(ReceiveOrder { relays, ..world.receive_order(code) });
        receiving.offer().await;
        world.receiver.accept(&receiving, Choices::default());
        tokio::join!(sending.report(), receiving.report());
        assert_eq!(fs::read_to_string(world.to("x")).unwrap(), "x");
    }
}

/// A relay that refuses is told from one that is silent, and the next one is tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_refuses_this_machine_is_said_to_and_the_next_one_is_tried() {
    let world = World::new().await;
    fs::write(world.from("x"), "x").unwrap();
    // Bound, so that no other program gets the port, and not listening.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    closed.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = RelayAddress::from_socket(closed.local_addr().unwrap().as_socket().unwrap());
    let refusing = RelayChoice::new(address.clone());
    let alone = SendOrder { relays: vec![refusing.clone()], ..world.send_order(world.paths(&["x"])) };
    let mut failing = world.sender.send(alone);
    let error = failing.error().await;
    let is_due =
        matches!(error, TransferError::Relay(RelayClientError::TurnedAway(relay)) if *relay == address);
    assert!(is_due, "{error:?}");
    let both = SendOrder { relays: vec![refusing, world.relay()], ..world.send_order(world.paths(&["x"])) };
    let mut sending = world.sender.send(both);
    let code = sending.code().await;
    let mut receiving = world.receiver.receive(world.receive_order(code));
    receiving.offer().await;
    world.receiver.accept(&receiving, Choices::default());
    tokio::join!(sending.report(), receiving.report());
}
