//! Tests of the control channel: every message arrives once and in order, even when connections are lost, and a lost peer
//! is noticed in time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{
    network::{Network, Random},
    pair::{PATIENCE, controls},
};
use crate::{
    protocol::peer::{FromReceiver, FromSender},
    transfer::{
        error::{Misbehaviour, TransferError},
        link::control::Control,
    },
};

/// A message that carries this number.
fn message(number: u64) -> FromSender {
    FromSender::StreamEnd { bytes: number }
}

/// Takes messages until `count` of them have come, and returns their numbers.
async fn hear(control: &mut Control, count: usize) -> Vec<u64> {
    let mut heard = Vec::new();
    while heard.len() < count {
        match control.next().await.unwrap() {
            FromSender::StreamEnd { bytes } => heard.push(bytes),
            other => panic!("{other:?}"),
        }
    }
    heard
}

/// Runs the channel of a side that has nothing to say, for as long as this is polled. Returns only with the error that ends
/// the session.
async fn idle(control: &mut Control) -> TransferError {
    match control.next::<FromReceiver>().await {
        Ok(message) => panic!("{message:?}"),
        Err(error) => error,
    }
}

/// Catches a message that arrives twice or not at all, because the connection is lost while it is in flight.
#[tokio::test(start_paused = true)]
async fn messages_arrive_once_and_in_order_however_often_the_connection_is_cut() {
    const MESSAGES: u64 = 400;
    let network = Network::new(1, Duration::from_millis(20));
    let (mut sender, mut receiver) = controls(&network, PATIENCE);
    let saying = async {
        for number in 0..MESSAGES {
            sender.say(&message(number)).unwrap();
            // The channel moves only while it is polled, though nothing is due from the other side.
            let _ = timeout(Duration::from_millis(7), idle(&mut sender)).await;
        }
        while timeout(Duration::from_secs(1), sender.next_or_heard::<FromReceiver>()).await.is_err() {}
    };
    let cutting = async {
        let mut random = Random(2);
        loop {
            sleep(Duration::from_millis(random.below(300))).await;
            network.cut_control();
        }
    };
    let heard = async {
        let heard = hear(&mut receiver, MESSAGES as usize).await;
        // The last confirmation must still leave.
        let _ = timeout(Duration::from_mins(1), receiver.next::<FromSender>()).await;
        heard
    };
    let both = async { tokio::join!(saying, heard).1 };
    let heard = tokio::select! { heard = both => heard, () = cutting => unreachable!() };
    assert_eq!(heard, (0..MESSAGES).collect::<Vec<_>>());
    assert!(network.reconnections() > 5, "{}", network.reconnections());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_for_hours_by_heartbeats() {
    let network = Network::new(1, Duration::from_millis(20));
    let (mut sender, mut receiver) = controls(&network, Duration::ZERO);
    let both = async { tokio::join!(idle(&mut sender), hear(&mut receiver, 1)) };
    assert!(timeout(Duration::from_hours(5), both).await.is_err(), "the idle connection has ended");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_is_lost_after_twelve_seconds_where_nobody_is_looked_for() {
    let network = Network::new(1, Duration::ZERO);
    let (mut sender, mut receiver) = controls(&network, Duration::ZERO);
    let start = Instant::now();
    let silence = async {
        sleep(Duration::from_secs(5)).await;
        network.stall_control(true);
    };
    let both = async { tokio::join!(idle(&mut sender), receiver.next::<FromSender>(), silence) };
    let (error, other, ()) = both.await;
    assert!(matches!(error, TransferError::PeerSilent { seconds: 12 }), "{error:?}");
    assert!(matches!(other, Err(TransferError::PeerSilent { seconds: 12 })), "{other:?}");
    let after = start.elapsed().as_secs_f64();
    // The last byte came with a heartbeat, up to a second before the stall.
    assert!((15.9..17.6).contains(&after), "noticed after {after}");
}

/// The lanes of a stalled connection may be stuck for minutes, so a new connection is looked for while the old one is only
/// doubted.
#[tokio::test(start_paused = true)]
async fn a_doubted_connection_is_replaced_before_it_is_given_up() {
    let network = Network::new(1, Duration::ZERO);
    let (mut sender, mut receiver) = controls(&network, PATIENCE);
    let start = Instant::now();
    network.stall_control(true);
    sender.say(&message(7)).unwrap();
    let heard = tokio::select! {
        heard = hear(&mut receiver, 1) => heard,
        error = idle(&mut sender) => panic!("{error:?}"),
    };
    assert_eq!((heard, network.reconnections()), (vec![7], 1));
    let after = start.elapsed().as_secs_f64();
    assert!((2.9..4.5).contains(&after), "replaced after {after}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stalls_for_a_moment_is_kept() {
    let network = Network::new(1, Duration::ZERO);
    let (mut sender, mut receiver) = controls(&network, PATIENCE);
    let (before, hold_up) = (sender.link(), async {
        network.stall_control(true);
        // The stall ends just before either side doubts the connection. A moment later both sides would look for each
        // other, and find each other.
        sleep(Duration::from_millis(2500)).await;
        network.stall_control(false);
        sleep(Duration::from_mins(1)).await;
    });
    tokio::select! {
        () = hold_up => {}
        error = idle(&mut sender) => panic!("{error:?}"),
        _ = hear(&mut receiver, 1) => unreachable!("nothing is said"),
    }
    assert_eq!((sender.link(), network.reconnections()), (before, 0));
}

/// Catches a side that goes on looking for its peer beside a connection that works again: a new connection would be found
/// as soon as the other side has a moment of doubt.
#[tokio::test(start_paused = true)]
async fn a_side_stops_looking_once_a_doubted_connection_has_recovered() {
    let network = Network::new(1, Duration::ZERO);
    let (mut sender, mut receiver) = controls(&network, PATIENCE);
    let (before, hold_up) = (sender.link(), async {
        // The receiver still hears the sender, so only the sender comes to doubt the connection.
        network.stall_control_to_sender();
        sleep(Duration::from_secs(4)).await;
        assert!(network.is_looked_for(), "the sender looks for its peer");
        network.stall_control(false);
        sleep(Duration::from_secs(4)).await;
        assert!(
            network.is_looked_for(),
            "a connection has to work for some seconds before it is trusted again"
        );
        sleep(Duration::from_secs(3)).await;
        assert!(!network.is_looked_for(), "the sender has stopped looking");
    });
    tokio::select! {
        () = hold_up => {}
        error = idle(&mut sender) => panic!("{error:?}"),
        _ = hear(&mut receiver, 1) => unreachable!("nothing is said"),
    }
    assert_eq!((sender.link(), network.reconnections()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn both_sides_give_a_new_connection_the_same_name() {
    let network = Network::new(1, Duration::from_millis(5));
    let (mut sender, mut receiver) = controls(&network, PATIENCE);
    let first = sender.link();
    assert_eq!(first, receiver.link());
    network.cut_all();
    sender.say(&message(1)).unwrap();
    tokio::select! {
        _ = hear(&mut receiver, 1) => {}
        error = idle(&mut sender) => panic!("{error:?}"),
    }
    assert_eq!(sender.link(), receiver.link());
    assert_ne!(sender.link(), first);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_come_back_is_given_up_when_patience_ends() {
    let network = Network::new(1, Duration::ZERO);
    let patience = Duration::from_mins(10);
    let (mut sender, _receiver) = controls(&network, patience);
    let start = Instant::now();
    network.set_up(false);
    let error = idle(&mut sender).await;
    assert!(matches!(error, TransferError::PeerLost), "{error:?}");
    assert!(
        (patience..patience + Duration::from_secs(2)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
}

/// A new connection may reach only one of the sides. That side must not wait on it for ever, because the other knows
/// nothing of it.
#[tokio::test(start_paused = true)]
async fn a_reconnection_that_reaches_only_one_side_is_tried_again() {
    let network = Network::new(1, Duration::from_millis(5));
    let (mut sender, mut receiver) = controls(&network, PATIENCE);
    network.halve_next_reconnection();
    network.halve_next_reconnection();
    network.cut_control();
    sender.say(&message(3)).unwrap();
    let heard = tokio::select! {
        heard = hear(&mut receiver, 1) => heard,
        error = idle(&mut sender) => panic!("{error:?}"),
    };
    assert_eq!(heard, [3]);
    assert!(network.reconnections() >= 3, "{}", network.reconnections());
}

/// A side keeps its messages until they are confirmed, and forgets them then.
#[tokio::test(start_paused = true)]
async fn what_is_confirmed_is_kept_no_longer() {
    let network = Network::new(1, Duration::ZERO);
    let (mut sender, mut receiver) = controls(&network, PATIENCE);
    for number in 0..50 {
        sender.say(&message(number)).unwrap();
    }
    assert!(sender.backlog() > 0);
    let hearing = async {
        hear(&mut receiver, 50).await;
        let _ = receiver.next::<FromSender>().await;
    };
    tokio::select! {
        () = hearing => unreachable!("nothing more is said"),
        confirmed = sender.next_or_heard::<FromReceiver>() => assert!(matches!(confirmed, Ok(None))),
    }
    assert_eq!(sender.backlog(), 0);
}

/// A peer may neither read nor confirm anything, or confirm what it has not read: it knows how many messages there are.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_left_before_the_memory_is_full() {
    let network = Network::new(1, Duration::ZERO);
    let (mut sender, _receiver) = controls(&network, PATIENCE);
    let page = FromSender::Hashes(vec![(0, [0; 32]); 4096]);
    let said = (0..2000).take_while(|_| sender.say(&page).is_ok()).count();
    let hashes = said * 4096;
    assert!(
        (1_000_000..3_000_000).contains(&hashes),
        "{hashes}: as many as an offer has files, and not many more"
    );
    assert!(matches!(sender.say(&page), Err(TransferError::PeerMisbehaved(Misbehaviour::Unread))));
}
