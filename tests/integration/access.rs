//! The relay's password between a client and its relay, and what those learn who are neither: a listener, a relay that doesn't
//! know the password, and somebody in between.

use std::net::SocketAddr;

use crate::support::{
    Client, OTHER_ROOM, ROOM, TestRelay, hello,
    process::{caiman, run},
    within,
};
use caiman::{
    engine::RelayClientError,
    net::{
        access::{self, AccessClaim},
        client::{self, Join, RelayAddress, RelayCheck, RelayChoice},
        io::{read, read_padded, skip_padding, write, write_padded},
    },
    protocol::{
        Role, VERSION,
        frame::PADDING,
        relay::{AccessRequest, ConnectionKind, Hello, MAX_FRAME, OPENING_LEN, Refusal, Reply, Welcome},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Something that answers in the place of a relay, and asks for a password or doesn't.
struct FalseRelay(TcpListener);

impl FalseRelay {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// A client that has read a welcome with a nonce which is always the same.
    async fn client(&self, password_required: bool) -> (TcpStream, Welcome) {
        let (mut stream, observed) = within("a client", self.0.accept()).await.unwrap();
        let mut opening = [0; OPENING_LEN];
        stream.read_exact(&mut opening).await.unwrap();
        skip_padding(&mut stream).await.unwrap();
        assert_eq!(opening, ConnectionKind::Control.to_bytes());
        let (features, nonce, data_ports) = (0, [1; 32], Vec::new());
        let welcome = Welcome { version: VERSION, features, nonce, password_required, data_ports, observed };
        write_padded(&mut stream, &welcome).await.unwrap();
        (stream, welcome)
    }
}

async fn check(relay: SocketAddr) -> Result<RelayCheck, RelayClientError> {
    client::probe(&with_password(relay)).await
}

fn with_password(relay: SocketAddr) -> RelayChoice {
    RelayChoice { password: Some("lagoon".into()), ..RelayChoice::new(RelayAddress::from_socket(relay)) }
}

fn is_wrong_password(checked: &Result<RelayCheck, RelayClientError>) -> bool {
    matches!(checked, Err(RelayClientError::Refused(Refusal::PasswordWrong)))
}

/// What a client says to it can't be computed in advance, and a wrong guess ends the connection before a room is named.
#[tokio::test]
async fn a_false_relay_gets_one_guess_and_hears_of_no_room() {
    let relay = FalseRelay::new().await;
    let mut heard = Vec::new();
    for (guess, is_right) in [("swamp", false), ("swamp", false), ("lagoon", true)] {
        let guessing = async {
            let (mut stream, welcome) = relay.client(true).await;
            let request: AccessRequest = read(&mut stream, MAX_FRAME).await.unwrap();
            let (reply, _) = access::answer(&guess.into(), &welcome, &request).unwrap();
            write(&mut stream, &reply).await.unwrap();
            // The client's hello, if one comes, is answered in a way that ends the connection.
            let hello: Result<Hello, _> = read(&mut stream, MAX_FRAME).await;
            let _ = write(&mut stream, &Reply::Refused(Refusal::Draining)).await;
            (request.point, hello.is_ok())
        };
        let (checked, (point, has_gone_on)) = tokio::join!(check(relay.address()), guessing);
        assert_eq!((has_gone_on, is_wrong_password(&checked)), (is_right, !is_right), "{checked:?}");
        heard.push(point);
    }
    assert_ne!(heard[0], heard[1], "the same nonce gave the same words");
}

#[tokio::test]
async fn a_password_is_not_proven_to_a_relay_that_does_not_ask() {
    let relay = FalseRelay::new().await;
    let open = async {
        let (mut stream, _) = relay.client(false).await;
        let hello: Hello = read(&mut stream, MAX_FRAME).await.unwrap();
        write(&mut stream, &Reply::Refused(Refusal::NoSuchRoom)).await.unwrap();
        hello
    };
    let (checked, hello) = tokio::join!(check(relay.address()), open);
    assert_eq!(hello.proof, None);
    assert!(!checked.unwrap().has_password);
}

/// One who passes everything on has the connection, as any network has, and nothing else: the proof is good for the client's own
/// hello alone, on this connection alone.
#[tokio::test]
async fn a_proof_that_is_passed_on_opens_no_other_room_and_no_other_connection() {
    let relay = TestRelay::start(|config| config.password = Some("lagoon".into())).await;
    let mut client = Client::connect(relay.addr).await;
    let proven = client.claim("lagoon").await.unwrap().put_into(hello(Role::Sender, ROOM));
    let mut changed = Client::connect(relay.addr).await;
    changed.claim("lagoon").await.unwrap();
    changed.say(&proven).await;
    assert_eq!(changed.refusal().await, Refusal::PasswordWrong, "a proof from another connection");

    let mut client_in_between = Client::connect(relay.addr).await;
    let proven = client_in_between.claim("lagoon").await.unwrap().put_into(hello(Role::Sender, ROOM));
    client_in_between.say(&Hello { room: OTHER_ROOM, ..proven }).await;
    assert_eq!(client_in_between.refusal().await, Refusal::PasswordWrong, "a proof for another room");
    relay.stop().await;
}

/// The welcome is covered too: somebody in between can't send a client's lanes elsewhere.
#[tokio::test]
async fn a_changed_welcome_ends_the_connection() {
    let relay = TestRelay::start(|config| config.password = Some("lagoon".into())).await;
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = between.local_addr().unwrap();
    let changing = async {
        let (mut client, _) = between.accept().await.unwrap();
        let mut server = TcpStream::connect(relay.addr).await.unwrap();
        let mut opening = [0; OPENING_LEN + PADDING.len()];
        client.read_exact(&mut opening).await.unwrap();
        server.write_all(&opening).await.unwrap();
        let welcome: Welcome = read_padded(&mut server, MAX_FRAME).await.unwrap();
        write_padded(&mut client, &Welcome { data_ports: vec![9], ..welcome }).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    };
    let (checked, ()) = tokio::join!(check(address), changing);
    assert!(is_wrong_password(&checked), "{checked:?}");
    relay.stop().await;
}

/// What travels holds nothing by which a password could be tested: what was a proof in itself before is nowhere in it.
#[tokio::test]
async fn a_listener_hears_other_words_each_time() {
    let relay = TestRelay::start(|config| config.password = Some("lagoon".into())).await;
    let mut heard = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(relay.addr).await;
        let (claim, request) = AccessClaim::new(&"lagoon".into());
        write(&mut client.stream, &request).await.unwrap();
        let Reply::Access { point, tag } = client.reply().await else { panic!("no proof") };
        let proof = claim.check(&client.welcome, &point, &tag).unwrap();
        let ours = proof.put_into(hello(Role::Receiver, ROOM)).proof.unwrap();
        heard.extend([request.point, point, tag, ours]);
    }
    let all = heard.len();
    heard.sort_unstable();
    heard.dedup();
    assert_eq!(heard.len(), all);
    relay.stop().await;
}

/// The real client comes into a room with a password, and in one without it says hello as early as ever.
#[tokio::test]
async fn a_client_joins_with_its_password() {
    let relay = TestRelay::start(|config| config.password = Some("lagoon".into())).await;
    let with = with_password(relay.addr);
    let without = RelayChoice { password: None, ..with.clone() };
    let join = |role, relay| Join {
        relay,
        known: None,
        connect_limit: client::CONNECT_LIMIT,
        role,
        room: ROOM,
        client_token: client::draw_client_token().unwrap(),
        waits: false,
        first: Vec::new(),
    };
    let sender = client::join(join(Role::Sender, &with)).await.unwrap();
    let receiver = client::join(join(Role::Receiver, &with)).await.unwrap();
    let (sender, receiver) = tokio::join!(sender.paired(), receiver.paired());
    assert_eq!(sender.unwrap().token, receiver.unwrap().token);
    let refused = client::join(join(Role::Receiver, &without)).await;
    assert!(matches!(refused.err(), Some(RelayClientError::Refused(Refusal::PasswordRequired))));
    relay.stop().await;
}

/// Somebody may send a link to a relay of their own, which asks for a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_shown_to_the_relay_of_a_link() {
    let relay = FalseRelay::new().await;
    let server = relay.address().to_string();
    let link = format!("caiman:acid-coyote-mustard-tulip?server={server}");
    let settings = tempfile::tempdir().unwrap();
    let own = |address: &str| format!("[[relay]]\naddress = \"{address}\"\n");
    let receive = |args: Vec<String>| {
        let folder = settings.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let mut command = caiman(&args);
            command.env("CAIMAN_CONFIG_DIR", folder).env("CAIMAN_PASSWORD", "lagoon");
            run(command)
        })
    };
    let args = |more: &[&str]| -> Vec<String> {
        ["receive", &link, "--yes"].iter().chain(more).map(|arg| (*arg).to_owned()).collect()
    };
    for (listed, more, is_shown) in [
        (own("relay.example"), &[][..], false),
        (own("relay.example"), &["--server", server.as_str()], true),
        // The user's own relay may well be the one in the link.
        (own(&server), &[], true),
    ] {
        std::fs::write(settings.path().join("settings.toml"), listed).unwrap();
        let receiving = receive(args(more));
        let (mut stream, _) = relay.client(true).await;
        let asked: Result<AccessRequest, _> = read(&mut stream, MAX_FRAME).await;
        assert_eq!(asked.is_ok(), is_shown, "{more:?}");
        drop(stream);
        let ended = within("the end", receiving).await.unwrap();
        assert_eq!(ended.errors.contains("is not shown to"), !is_shown, "{}", ended.errors);
    }
}
