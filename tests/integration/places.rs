//! A code in several places at once: on a relay of a list, and on the relay beside its sender, which is announced on the local
//! network. The tests hand in what would be heard there, and don't use a real network.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::support::{Client, TestRelay, peer::ITERATIONS, waiting_sender, within};
use caiman::{
    code::CodePhrase,
    engine::{CodeChoice, MetAt, Notice, Phase, Progress, RelayChoice, TransferError},
    net::{
        access::SenderKey,
        client::{RelayAddress, RelayClientError},
        internet::Reveal,
    },
    protocol::{
        Role,
        relay::{Refusal, Reply, RoomId},
    },
    transfer::{
        link::rendezvous::{
            MeetBy, Meeting, OwnRelay, SearchPlaces, WaitOptions, WaitingPlaces, WaitingSender, meet_sender,
        },
        notice::Context,
    },
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

pub(crate) const RIGHT: &str = "blue-horse-7731-kitchen";
pub(crate) const WRONG: &str = "blue-horse-1377-kitchen";

pub(crate) fn code(text: &str) -> CodePhrase {
    CodePhrase::own(text).unwrap()
}

pub(crate) fn at(address: SocketAddr) -> RelayChoice {
    RelayChoice::new(RelayAddress::from_socket(address))
}

/// An address where nothing answers. It is bound but nothing listens, so no other program gets the port.
fn dead() -> (tokio::net::TcpSocket, RelayChoice) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let choice = at(socket.local_addr().unwrap());
    (socket, choice)
}

pub(crate) fn context() -> (Context, mpsc::Receiver<Notice>, watch::Receiver<Progress>) {
    let (notices, told) = mpsc::channel(64);
    let (progress, snapshots) = watch::channel(Progress::default());
    let context = Context::new(notices, progress, Arc::new(|| ()), CancellationToken::new(), Arc::default());
    (context, told, snapshots)
}

/// A sender that waits, with a relay of its own.
pub(crate) struct Waiting {
    pub(crate) own: TestRelay,
    unneeded: CancellationToken,
    announced: watch::Receiver<Option<RoomId>>,
    told: mpsc::Receiver<Notice>,
    snapshots: watch::Receiver<Progress>,
    task: JoinHandle<Result<Meeting, TransferError>>,
}

impl Waiting {
    /// A sender whose own relay is there, and which also tries `relays`.
    pub(crate) async fn at(relays: Vec<RelayChoice>) -> Self {
        Self::with(relays, CodeChoice::Own(code(RIGHT))).await
    }

    async fn with(relays: Vec<RelayChoice>, choice: CodeChoice) -> Self {
        let key = SenderKey::draw().unwrap();
        let own = TestRelay::start(|config| config.sender_key = Some(key.clone())).await;
        let (announce, announced) = watch::channel(None);
        let unneeded = CancellationToken::new();
        let beside =
            OwnRelay { address: at(own.addr).address, key, announced: announce, unneeded: unneeded.clone() };
        let places = WaitingPlaces { relays, own: Some(beside), online: None };
        let (context, told, snapshots) = context();
        let task = tokio::spawn(async move {
            let waits =
                WaitOptions { patience: Duration::ZERO, iterations: ITERATIONS, reveal: Reveal::Nothing };
            let mut waiting = WaitingSender::put_up(MeetBy::Code(choice, places), waits, &context).await?;
            let (meeting, _) = waiting.receiver().await?;
            waiting.settle();
            Ok(meeting)
        });
        Self { own, unneeded, announced, told, snapshots, task }
    }

    async fn notice(&mut self) -> Notice {
        within("a notice", self.told.recv()).await.expect("the sender still waits")
    }

    /// The code, and the relay that is shown with it.
    pub(crate) async fn code(&mut self) -> (CodePhrase, Option<RelayAddress>) {
        match self.notice().await {
            Notice::Code { code, relay } => (code, relay),
            other => panic!("{other:?} before the code"),
        }
    }

    /// The relay on which the code can be found from now on, or why it can be found on none.
    async fn reach(&mut self) -> (Option<RelayAddress>, Option<TransferError>) {
        match self.notice().await {
            Notice::Reach { relay, why } => (relay, why),
            other => panic!("{other:?} where news of a relay was due"),
        }
    }

    pub(crate) async fn wrong_try(&mut self) -> u8 {
        match self.notice().await {
            Notice::WrongTry { tries_left } => tries_left,
            other => panic!("{other:?} where a wrong try was due"),
        }
    }

    async fn enters(&mut self, phase: Phase) {
        let mut snapshots = self.snapshots.clone();
        within("a phase", snapshots.wait_for(|progress| progress.phase == phase)).await.unwrap();
    }

    /// Waits for the meeting, and returns it with the notices until then.
    pub(crate) async fn met(&mut self) -> (Meeting, Option<RelayAddress>) {
        let relay = match self.notice().await {
            Notice::Met(MetAt::Relay(relay)) => Some(relay),
            Notice::Met(_) => None,
            other => panic!("{other:?} where a meeting was due"),
        };
        (within("the meeting", &mut self.task).await.unwrap().unwrap(), relay)
    }

    /// The room that is announced on the local network.
    fn room(&self) -> Option<RoomId> {
        *self.announced.borrow()
    }
}

/// Looks for the sender on relays, and at addresses that are announced on the local network.
async fn look<const R: usize, const H: usize>(
    code: &str,
    relays: [RelayChoice; R],
    heard: [SocketAddr; H],
) -> Result<Meeting, TransferError> {
    let (named, found) = mpsc::channel(16);
    for address in heard {
        named.send(address).await.unwrap();
    }
    // Nothing more will be announced.
    drop(named);
    let search = SearchPlaces { relays: relays.to_vec(), found: Some(found), internet: None };
    let (context, _told, _snapshots) = context();
    within("the sender", meet_sender(search, &Arc::new(self::code(code)), &context)).await
}

/// What a relay answers a receiver that looks for the sender there.
async fn answer(relay: SocketAddr) -> Reply {
    let mut client = Client::connect(relay).await;
    client.hello(Role::Receiver, RoomId(code(RIGHT).room())).await;
    client.reply().await
}

/// Waits until a relay no longer has a room for the code.
async fn no_room(relay: SocketAddr) {
    within("the end of a room", async {
        while answer(relay).await != Reply::Refused(Refusal::NoSuchRoom) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_relay_of_the_list_that_can_be_reached_is_used_and_told() {
    let (_port, nobody) = dead();
    let relay = TestRelay::start(|_| {}).await;
    let mut waiting = Waiting::at(vec![nobody, at(relay.addr)]).await;
    assert_eq!(waiting.code().await, (code(RIGHT), Some(at(relay.addr).address)));
    assert_eq!(waiting.room(), Some(RoomId(code(RIGHT).room())));
    let (met, found) = tokio::join!(waiting.met(), look(RIGHT, [at(relay.addr)], []));
    assert_eq!(
        (met.1, found.unwrap().venue.relay().unwrap().address.clone()),
        (Some(at(relay.addr).address), at(relay.addr).address)
    );
    // No other receiver may find it any more, and its own relay may end.
    assert!(waiting.unneeded.is_cancelled());
    while within("the end of the announcement", waiting.announced.changed()).await.is_ok() {}
    no_room(waiting.own.addr).await;
}

/// A connection that is accepted and then stays silent is worse than none.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_relay_does_not_hold_up_the_next_of_the_list_for_long() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = TestRelay::start(|_| {}).await;
    let started = tokio::time::Instant::now();
    let mut waiting = Waiting::at(vec![at(silent.local_addr().unwrap()), at(relay.addr)]).await;
    assert_eq!(waiting.code().await.1, None);
    assert!(matches!(waiting.reach().await, (Some(address), None) if address == at(relay.addr).address));
    // The limit for a relay that is the only one is 10 s.
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_met_on_the_local_network_leaves_the_relay_at_once() {
    let relay = TestRelay::start(|_| {}).await;
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    waiting.code().await;
    let own = waiting.own.addr;
    let (met, found) = tokio::join!(waiting.met(), look(RIGHT, [], [own]));
    assert_eq!((met.1, found.unwrap().venue.relay().unwrap().address.clone()), (None, at(own).address));
    assert!(!waiting.unneeded.is_cancelled(), "the lanes go over the sender's own relay");
    no_room(relay.addr).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_relay_a_code_is_shown_for_the_local_network_and_comes_to_the_relay_later() {
    let (port, late) = dead();
    let mut waiting = Waiting::at(vec![late.clone()]).await;
    assert_eq!(waiting.code().await, (code(RIGHT), None));
    let (relay, why) = waiting.reach().await;
    assert!(relay.is_none(), "{relay:?}");
    assert!(matches!(why, Some(TransferError::Relay(RelayClientError::TurnedAway(_)))), "{why:?}");
    drop(port);
    let relay = TestRelay::start(|config| config.port = late.address.port()).await;
    assert!(matches!(waiting.reach().await, (Some(address), None) if address == late.address));
    let (met, found) = tokio::join!(waiting.met(), look(RIGHT, [at(relay.addr)], []));
    assert!(met.1.is_some() && found.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_goes_while_the_code_is_up_leaves_the_local_network() {
    let relay = TestRelay::start(|_| {}).await;
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    assert!(waiting.code().await.1.is_some());
    relay.stop().await;
    assert!(matches!(waiting.reach().await, (None, Some(TransferError::Relay(_)))));
    let own = waiting.own.addr;
    let mut meeting = tokio::spawn(async move { look(RIGHT, [], [own]).await });
    // The next notice is that of the meeting: the loss of the relay is not reported again.
    assert_eq!(waiting.met().await.1, None);
    within("the meeting", &mut meeting).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_taken_before_the_code_is_shown_makes_the_sender_draw_again_and_later_it_stays_local()
{
    let (port, late) = dead();
    let mut waiting = Waiting::at(vec![late.clone()]).await;
    waiting.code().await;
    waiting.reach().await;
    // When the sender reaches the relay, another client is in the room already: the test puts it there before it opens the
    // way to the relay.
    let relay = TestRelay::start(|_| {}).await;
    let _other = waiting_sender(relay.addr, RoomId(code(RIGHT).room())).await;
    drop(port);
    let door = TcpListener::bind(("127.0.0.1", late.address.port())).await.unwrap();
    let carrying = tokio::spawn(async move {
        while let Ok((mut client, _)) = door.accept().await {
            let mut server = tokio::net::TcpStream::connect(relay.addr).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    assert!(matches!(waiting.reach().await, (None, Some(TransferError::CodeTaken))));
    let own = waiting.own.addr;
    let (met, found) = tokio::join!(waiting.met(), look(RIGHT, [], [own]));
    assert!(met.1.is_none() && found.is_ok());
    carrying.abort();

    let relay = TestRelay::start(|_| {}).await;
    let _other = waiting_sender(relay.addr, RoomId(code(RIGHT).room())).await;
    let waiting = Waiting::at(vec![at(relay.addr)]).await;
    let ended = within("the refusal", waiting.task).await.unwrap();
    assert!(matches!(ended, Err(TransferError::CodeTaken)), "a chosen code can't be drawn again");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_in_all_places_together_retire_the_right_one_everywhere() {
    let relay = TestRelay::start(|_| ()).await;
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    waiting.code().await;
    let own = waiting.own.addr;
    for (left, is_own) in [(2, false), (1, true), (0, false)] {
        let found =
            if is_own { look(WRONG, [], [own]).await } else { look(WRONG, [at(relay.addr)], []).await };
        let told = match found {
            Err(TransferError::WrongCode { tries_left }) => tries_left,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("met"),
        };
        assert_eq!((told, waiting.wrong_try().await), (Some(left), left));
    }
    assert!(matches!(waiting.notice().await, Notice::Retired));
    waiting.enters(Phase::Retired).await;
    for place in [relay.addr, own] {
        within("the word of the end", async {
            loop {
                match look(RIGHT, [at(place)], []).await {
                    Err(TransferError::Retired) => break,
                    // The sender is going back into the room in which it says so.
                    Err(TransferError::NobodyThere { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                    Ok(_) => panic!("a retired code was good"),
                }
            }
        })
        .await;
    }
    waiting.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_that_finds_its_sender_everywhere_costs_one_try() {
    let relay = TestRelay::start(|_| {}).await;
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    waiting.code().await;
    let own = waiting.own.addr;
    let found = look(WRONG, [at(relay.addr)], [own, own]).await;
    assert!(matches!(found, Err(TransferError::WrongCode { tries_left: Some(2) })), "{:?}", found.err());
    assert_eq!(waiting.wrong_try().await, 2);
    waiting.enters(Phase::WaitingForPeer).await;
    let (met, found) = tokio::join!(waiting.met(), async {
        loop {
            match look(RIGHT, [at(relay.addr)], [own]).await {
                // The sender is going back into its rooms.
                Err(TransferError::NobodyThere { .. }) => {}
                other => break other,
            }
        }
    });
    assert_eq!(met.0.venue.relay().unwrap().address, found.unwrap().venue.relay().unwrap().address);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_there_only_when_every_place_says_so() {
    let (_port, nobody) = dead();
    let [one, two] = [TestRelay::start(|_| {}).await, TestRelay::start(|_| {}).await];
    let found = look(RIGHT, [at(one.addr), at(two.addr)], []).await;
    match found {
        Err(TransferError::NobodyThere { relays, looked_locally: true, .. }) => {
            assert_eq!(relays, [at(one.addr).address, at(two.addr).address]);
        }
        other => panic!("{:?}", other.err()),
    }
    // The sender may be on the relay that could not be asked, so that relay is named.
    let found = look(RIGHT, [at(one.addr), nobody.clone()], []).await;
    assert!(
        matches!(&found, Err(TransferError::Relay(RelayClientError::TurnedAway(address))) if *address == nobody.address),
        "{:?}",
        found.err()
    );
    let mut waiting = Waiting::at(Vec::new()).await;
    waiting.code().await;
    let own = waiting.own.addr;
    let (met, found) = tokio::join!(waiting.met(), look(RIGHT, [nobody, at(one.addr)], [own]));
    assert!(met.1.is_none() && found.is_ok());
}

/// Any machine on the same network can announce an address, accept a connection and stay silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_liar_on_the_local_network_does_not_bar_the_way_to_the_relay() {
    let liar = TestRelay::start(|_| {}).await;
    let mut silent = Client::connect(liar.addr).await;
    silent.hello(Role::Sender, RoomId(code(RIGHT).room())).await;
    let relay = TestRelay::start(|_| {}).await;
    let mut waiting = Waiting::at(vec![at(relay.addr)]).await;
    waiting.code().await;
    let (met, found) = tokio::join!(waiting.met(), look(RIGHT, [at(relay.addr)], [liar.addr]));
    assert_eq!((met.1, found.is_ok()), (Some(at(relay.addr).address), true));
}

#[tokio::test(start_paused = true)]
async fn a_local_network_that_says_nothing_is_not_listened_to_for_ever() {
    let (_named, found) = mpsc::channel(16);
    let search = SearchPlaces { relays: Vec::new(), found: Some(found), internet: None };
    let (context, _told, _snapshots) = context();
    let started = tokio::time::Instant::now();
    let found = meet_sender(search, &Arc::new(code(RIGHT)), &context).await;
    assert!(
        matches!(&found, Err(TransferError::NobodyThere { relays, looked_locally: true, .. }) if relays.is_empty()),
        "{:?}",
        found.err()
    );
    assert!(started.elapsed() >= Duration::from_secs(3) && started.elapsed() < Duration::from_secs(10));
}
