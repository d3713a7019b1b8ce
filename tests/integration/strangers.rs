//! A receiver that finds others than the sender, in the code's room of a relay or at an address of the local network. Each of
//! them that hears a proof has one guess at the code, so few do; and none of them keeps the receiver from the sender.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use caiman::{
    code::CodePhrase,
    crypto::{Pake, Side},
    engine::{Notice, RelayChoice, TransferError},
    net,
    protocol::{
        Role, VERSION, frame,
        peer::{
            First, INVITATION_WORDS, MAX_HANDSHAKE, ReceiverFirst, SenderHello, SenderId, SenderIdKey,
            SenderVerdict,
        },
        relay::Reply,
    },
    transfer::link::rendezvous::{Meeting, SearchPlaces, meet_sender},
};
use tokio::{
    io::{AsyncReadExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::sleep,
};

use crate::{
    places::{RIGHT, WRONG, Waiting, at, code, context},
    support::{
        TestRelay,
        peer::{ITERATIONS, JoinedReceiver, WaitingSender, enter},
        read_to_end,
        stage::{Stage, accept},
        within,
    },
};

/// What a stranger does with the proof that it hears.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// It leaves.
    HangsUp,
    /// It says nothing.
    Silent,
    /// It says that the code is wrong.
    Refuses,
    /// It claims to know the code.
    Lies,
}

use Manner::{HangsUp, Lies, Refuses, Silent};

/// Strangers in the room of [`RIGHT`], each at a relay of its own, and how many proofs they have heard in all.
struct Strangers {
    relays: Vec<TestRelay>,
    heard: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Strangers {
    async fn new(manners: &[Manner]) -> Self {
        let (mut relays, heard, mut tasks) = (Vec::new(), Arc::<AtomicUsize>::default(), JoinSet::new());
        for (name, manner) in manners.iter().enumerate() {
            let relay = TestRelay::start(|config| config.limits.joins_per_minute = 1_000_000).await;
            let (is_there, waits) = oneshot::channel();
            let name = SenderId([u8::try_from(name).unwrap(); 16]);
            tasks.spawn(pose(relay.addr, code(RIGHT), name, *manner, Arc::clone(&heard), Some(is_there)));
            waits.await.unwrap();
            relays.push(relay);
        }
        Self { relays, heard, _tasks: tasks }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.relays.iter().map(|relay| relay.addr).collect()
    }

    fn choices(&self) -> Vec<RelayChoice> {
        self.relays.iter().map(|relay| at(relay.addr)).collect()
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

/// Poses as the sender in a code's room, again and again.
async fn pose(
    relay: SocketAddr,
    code: CodePhrase,
    sender: SenderId,
    manner: Manner,
    heard: Arc<AtomicUsize>,
    mut is_there: Option<oneshot::Sender<()>>,
) {
    loop {
        let (_pake, message) = Pake::start(Side::Sender, b"a guess", &code.room(), VERSION);
        let hello = SenderHello {
            version: VERSION,
            features: 0,
            sender,
            pake: message,
            iterations: ITERATIONS,
            salt: [1; 8],
        };
        let mut client = enter(relay, Role::Sender, &code, frame::to_bytes(&First::Hello(hello))).await;
        if client.reply().await != Reply::Waiting {
            // The relay is still ending the last pair.
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        if let Some(is_there) = is_there.take() {
            is_there.send(()).unwrap();
        }
        let Reply::Paired { .. } = client.reply().await else { continue };
        let proof: Result<ReceiverFirst, _> = net::io::read(&mut client.stream, MAX_HANDSHAKE).await;
        if proof.is_err() {
            continue;
        }
        heard.fetch_add(1, Ordering::SeqCst);
        match manner {
            HangsUp => {}
            Silent => drop(client.stream.read(&mut [0]).await),
            Refuses => {
                client
                    .send(&frame::encode(&SenderVerdict::WrongCode {
                        tries_left: 2,
                        key: SenderIdKey([9; 16]),
                    }))
                    .await;
            }
            Lies => client.send(&frame::encode(&SenderVerdict::Confirmed { tag: [7; 32] })).await,
        }
    }
}

/// Looks for the sender on relays and at addresses that are announced on the local network, which is listened to until the
/// search ends. Returns how it ended, and how many strangers it reported.
async fn look(
    text: &str,
    relays: Vec<RelayChoice>,
    heard: Vec<SocketAddr>,
) -> (Result<Meeting, TransferError>, usize) {
    let (named, found) = mpsc::channel(64);
    for address in heard {
        named.send(address).await.unwrap();
    }
    let search = SearchPlaces { relays, found: Some(found), internet: None };
    let (context, mut told, _snapshots) = context();
    let ended = within("the end of the search", meet_sender(search, &Arc::new(code(text)), &context)).await;
    drop((context, named));
    let mut strangers = 0;
    while let Some(notice) = told.recv().await {
        if let Notice::Strangers { count } = notice {
            assert!(count > strangers, "told once only");
            strangers = count;
        }
    }
    (ended, strangers)
}

/// The way to a relay, which is as slow as a satellite's.
async fn slowly(relay: SocketAddr) -> (RelayChoice, JoinSet<()>) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let choice = at(door.local_addr().unwrap());
    let mut carrying = JoinSet::new();
    carrying.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut client, _)) = door.accept().await {
            connections.spawn(async move {
                sleep(Duration::from_millis(1500)).await;
                let mut server = TcpStream::connect(relay).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (choice, carrying)
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_of_the_local_network_leave_the_relay_its_turn() {
    let strangers = Strangers::new(&[HangsUp, Refuses, Lies, HangsUp, Refuses, Lies, HangsUp, Silent]).await;
    let relay = TestRelay::start(|_| {}).await;
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    waiting.code().await;
    let (slow, _carrying) = slowly(relay.addr).await;
    let (met, (found, told)) =
        tokio::join!(waiting.met(), look(RIGHT, vec![slow.clone()], strangers.addresses()));
    assert_eq!(found.unwrap().venue.relay().unwrap().address, slow.address);
    assert!(met.1.is_some());
    assert!((1..=3).contains(&strangers.heard()), "{}", strangers.heard());
    assert!(told >= 1 && told <= strangers.heard(), "{told} of {}", strangers.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn four_strangers_at_most_hear_a_proof_and_the_user_learns_of_all() {
    let relay = TestRelay::start(|_| {}).await;
    let strangers = Strangers::new(&[HangsUp; 6]).await;
    let (found, told) = look(RIGHT, vec![at(relay.addr)], strangers.addresses()).await;
    assert!(matches!(found, Err(TransferError::OnlyStrangers { count: 4 })), "{:?}", found.err());
    assert_eq!((strangers.heard(), told), (4, 4));
    // It is the same where they are all at relays, however many the user has.
    let strangers = Strangers::new(&[HangsUp; 6]).await;
    let (found, told) = look(RIGHT, strangers.choices(), Vec::new()).await;
    assert!(matches!(found, Err(TransferError::OnlyStrangers { count: 4 })), "{:?}", found.err());
    assert_eq!((strangers.heard(), told), (4, 4));
}

/// Anybody in the code's room can say that the code is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_calls_the_code_wrong_ends_its_own_visit_only() {
    for is_local in [true, false] {
        let relay = TestRelay::start(|_| {}).await;
        let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
        waiting.code().await;
        let strangers = Strangers::new(&[Refuses]).await;
        let (slow, _carrying) = slowly(relay.addr).await;
        let (relays, heard) = if is_local {
            (vec![slow], strangers.addresses())
        } else {
            ([strangers.choices(), vec![slow]].concat(), Vec::new())
        };
        let (met, (found, told)) = tokio::join!(waiting.met(), look(RIGHT, relays, heard));
        assert!(found.is_ok() && met.1.is_some(), "{:?}", found.err());
        assert_eq!((strangers.heard(), told), (1, 1));
    }
    // The true sender is on the local network, and a stranger at the relay.
    let mut waiting = Waiting::at(Vec::new()).await;
    waiting.code().await;
    let strangers = Strangers::new(&[Refuses]).await;
    let local = waiting.own.addr;
    let (met, (found, _)) = tokio::join!(waiting.met(), look(RIGHT, strangers.choices(), vec![local]));
    assert!(found.is_ok() && met.1.is_none(), "{:?}", found.err());
}

/// A sender's name is no secret: anybody can join its room, hear it and leave again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_takes_the_senders_name_keeps_nobody_from_the_sender() {
    let [relay, other] = [TestRelay::start(|_| {}).await, TestRelay::start(|_| {}).await];
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    waiting.code().await;
    let name = JoinedReceiver::new(relay.addr, &code(RIGHT)).await.sender_hello().sender;
    let ((is_there, waits), heard, mut posing) = (oneshot::channel(), Arc::default(), JoinSet::new());
    posing.spawn(pose(other.addr, code(RIGHT), name, Refuses, Arc::clone(&heard), Some(is_there)));
    waits.await.unwrap();
    let (slow, _carrying) = slowly(relay.addr).await;
    let (met, (found, told)) = tokio::join!(waiting.met(), look(RIGHT, vec![slow], vec![other.addr]));
    assert!(found.is_ok() && met.1.is_some(), "{:?}", found.err());
    assert_eq!((heard.load(Ordering::SeqCst), told), (1, 1));
}

/// The sender is the same wherever it is found, and its user is told of one wrong try.
#[tokio::test(flavor = "multi_thread")]
async fn a_slip_costs_one_try_and_little_time() {
    let relay = TestRelay::start(|config| config.limits.joins_per_minute = 1_000_000).await;
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    waiting.code().await;
    let own = waiting.own.addr;
    let started = Instant::now();
    let (found, told) = look(WRONG, vec![at(relay.addr)], vec![own, own, own]).await;
    assert!(matches!(found, Err(TransferError::WrongCode { tries_left: Some(2) })), "{:?}", found.err());
    // Without an answer, the local network would be listened to for 3 s after that of the relay.
    assert!(started.elapsed() < Duration::from_millis(2900), "{:?}", started.elapsed());
    assert_eq!(told, 0, "a slip is no attack");
    assert_eq!(waiting.wrong_try().await, 2);
    // The next notice is that of the meeting.
    let (met, found) = tokio::join!(waiting.met(), async {
        loop {
            match look(RIGHT, vec![at(relay.addr)], Vec::new()).await {
                // The sender is going back into its rooms.
                (Err(TransferError::NobodyThere { .. }), _) => {}
                (other, told) => break (other, told),
            }
        }
    });
    assert!(met.1.is_some() && found.0.is_ok() && found.1 == 0);
}

/// A receiver that was invited looks for its sender for a while, and proves the code four times at most meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_invites_and_hangs_up_hears_four_proofs() {
    let mut stage = Stage::new().await;
    let (first, second) = (crate::support::peer::code(), CodePhrase::generate(INVITATION_WORDS).unwrap());
    let waiting = WaitingSender::new(stage.relay.addr, &first).await;
    let heard = Arc::<AtomicUsize>::default();
    let mut posing = JoinSet::new();
    let (relay, name) = (stage.relay.addr, SenderId([1; 16]));
    posing.spawn(pose(relay, second.clone(), name, HangsUp, Arc::clone(&heard), None));
    let inviting = async {
        let mut peer = waiting.meet().await;
        let code = second.to_string().as_str().into();
        peer.say(&caiman::protocol::peer::FromSender::Invitation { code, instead: true }).await;
        while peer.hear::<caiman::protocol::peer::FromReceiver>().await.is_some() {}
    };
    let (ended, ()) = tokio::join!(stage.receive(&first, None, accept), inviting);
    assert!(matches!(ended.result, Err(TransferError::PeerLost)), "{:?}", ended.result);
    assert_eq!(heard.load(Ordering::SeqCst), 4);
}

/// What is changed on its way during the handshake of an invited receiver costs that visit, and not the transfer.
#[tokio::test(flavor = "multi_thread")]
async fn an_invited_receiver_whose_handshake_is_spoilt_tries_again() {
    let mut stage = Stage::new().await;
    let (first, second) = (crate::support::peer::code(), CodePhrase::generate(INVITATION_WORDS).unwrap());
    let relay = stage.relay.addr;
    let waiting = WaitingSender::new(relay, &first).await;
    let spoilt = [
        frame::wrap(&[0xff; 10]),
        frame::encode(&SenderVerdict::WrongCode { tries_left: 2, key: SenderIdKey([9; 16]) }),
    ];
    let inviting = async {
        let mut peer = waiting.meet().await;
        let code = second.to_string().as_str().into();
        peer.say(&caiman::protocol::peer::FromSender::Invitation { code, instead: true }).await;
        for message in spoilt {
            let mut greeted = WaitingSender::new(relay, &second).await.greeted().await;
            greeted.client.send(&message).await;
            drop(read_to_end(&mut greeted.client.stream).await);
        }
        drop(WaitingSender::new(relay, &second).await.meet().await);
    };
    tokio::join!(stage.receive(&first, None, accept), inviting);
}
