//! What events change in the state, and what they ask for outside it.

mod people;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::watch;

use super::*;
use crate::{
    app::{
        model::{
            action::{Resume, SheetAction},
            card::{CardEnd, LeftBehind},
            standing::Lost,
            tree::Tick,
        },
        tests::made_up::{self, code, code_of, failed, manifest, offer, progress, relay},
    },
    engine::{
        Connection, FileWatch, InvitationChain, Invited, Notice, OnConflict, Paused, Phase, Progress,
        RelayCheck, RelayChoice, Report, Stall, Venue, WaitsFor,
    },
    protocol::peer::Withdrawal,
    transfer::notice::{LeftOut, LeftOutReason, NotAdded},
};

const ID: TaskId = TaskId::made_up(1);
const OTHER: TaskId = TaskId::made_up(2);

/// A state, and the time that passes for it.
struct Told {
    state: State,
    now: Instant,
}

impl Told {
    fn new() -> Self {
        let state = State::new(Settings::default(), PathBuf::from("/home/ada"), History::default());
        Self { state, now: Instant::now() }
    }

    /// A state with a send, or a receive under [`made_up::CODE`], that has just been started.
    fn with(direction: Direction) -> Self {
        let mut told = Self::new();
        told.add(ID, direction);
        told
    }

    fn add(&mut self, id: TaskId, direction: Direction) {
        let started_with = match direction {
            Direction::Sent => StartedWith::Paths(vec![PathBuf::from("/home/ada/notes.txt")]),
            Direction::Received => StartedWith::Code { code: code(), server: None },
        };
        self.state.add(id, direction, started_with);
    }

    /// Applies an event and returns the names of its effects, in order.
    fn apply(&mut self, event: Event) -> Vec<&'static str> {
        let name = |effect: &Effect| match effect {
            Effect::Ask(..) => "ask",
            Effect::Recognise(..) => "recognise",
            Effect::Part(_) => "part",
            Effect::Receive(_) => "receive",
            Effect::WaitBroke(_) => "wait broke",
            Effect::TellEnded(_) => "tell ended",
            Effect::Begin(_) => "begin",
            Effect::Finish(_) => "finish",
            Effect::Follow(..) => "follow",
            Effect::Drop(_) => "drop",
        };
        self.state.apply(event, self.now).iter().map(name).collect()
    }

    fn notice(&mut self, notice: Notice) -> Vec<&'static str> {
        self.apply(Event::Notice(ID, notice))
    }

    /// Starts a transfer and returns the source of its snapshots.
    fn start(&mut self, id: TaskId) -> watch::Sender<Progress> {
        let (sender, snapshots) = watch::channel(Progress::default());
        assert!(self.apply(Event::Started(id, snapshots, FileWatch::default())).is_empty());
        sender
    }

    fn tick(&mut self) -> bool {
        self.now += Duration::from_millis(500);
        self.state.tick(self.now)
    }

    fn card(&mut self) -> &mut Card {
        self.state.card(ID).expect("the card is there")
    }

    /// Takes an offer of two files, whose first name is taken, and its tree.
    fn offered(&mut self) -> Arc<Manifest> {
        let manifest = manifest(&[("a.txt", 10), ("b.txt", 20)]);
        let offer = offer(&manifest, "/home/ada".as_ref(), &["a.txt"]);
        assert_eq!(self.notice(Notice::Offer(offer)), ["ask"]);
        self.state.built(ID, Tree::new(Arc::clone(&manifest)));
        manifest
    }
}

#[test]
fn a_send_lives_from_its_code_to_its_report() {
    let mut told = Told::with(Direction::Sent);
    let snapshots = told.start(ID);
    assert!(told.card().is_waiting() && told.card().code.is_none());
    assert_eq!(told.card().names(), (vec!["notes.txt".to_owned()], 1));

    assert!(told.apply(code_of(ID)).is_empty());
    assert_eq!(told.card().code.as_ref(), Some(&code()));
    assert_eq!(told.card().relay, Some(relay()));
    assert!(told.notice(Notice::Listed(manifest(&[("pictures/", 0), ("pictures/a.jpg", 100)]))).is_empty());
    assert_eq!(told.card().names(), (vec!["pictures".to_owned()], 1));
    snapshots.send_replace(Progress { phase: Phase::WaitingForPeer, ..Progress::default() });
    told.tick();
    assert!(told.card().is_waiting() && !told.state.is_moving());

    assert_eq!(told.notice(Notice::Accepted { files: 1, bytes: Some(100) }), ["begin"]);
    snapshots.send_replace(progress(Phase::Moving, 25, 100));
    told.tick();
    assert!(!told.card().is_waiting() && told.state.is_moving());
    assert_eq!(told.state.fraction(), Some(0.25));

    snapshots.send_replace(progress(Phase::Storing, 100, 100));
    let report = Report { stored: 1, bytes: 100, ..Report::default() };
    assert_eq!(told.apply(Event::Ended(ID, Ok(report))), ["finish", "tell ended"]);
    // The last snapshot counts even if no frame came after it.
    assert_eq!(told.card().progress.bytes, 100);
    assert!(told.card().end.as_ref().is_some_and(CardEnd::is_whole));
    assert!(told.state.has_ended() && !told.state.is_moving());
    assert_eq!(told.state.fraction(), None);
}

#[test]
fn a_receive_asks_once_and_then_moves() {
    let mut told = Told::with(Direction::Received);
    let snapshots = told.start(ID);
    assert!(!told.card().is_waiting() && !told.card().is_asking());
    told.offered();
    assert!(told.card().is_asking());
    assert_eq!(told.card().sheet.as_ref().map(|sheet| sheet.conflicts.clone()), Some(vec![0]));
    assert_eq!(told.card().folder, Some(PathBuf::from("/home/ada")));

    assert_eq!(told.notice(Notice::Accepted { files: 2, bytes: Some(30) }), ["drop", "begin"]);
    assert!(told.card().sheet.is_none());
    snapshots.send_replace(progress(Phase::OpeningLanes, 0, 30));
    told.tick();
    assert!(told.state.is_moving());
    let report = Report { stored: 1, missing: 1, bytes: 10, ..Report::default() };
    assert_eq!(told.apply(Event::Ended(ID, Ok(report))), ["finish", "tell ended"]);
    assert!(!told.card().end.as_ref().is_some_and(CardEnd::is_whole));
}

#[test]
fn another_folder_changes_the_conflicts_and_nothing_that_was_chosen() {
    let mut told = Told::with(Direction::Received);
    let manifest = told.offered();
    let sheet = told.card().sheet.as_mut().unwrap();
    sheet.perform(SheetAction::Tick(1, false));
    sheet.perform(SheetAction::OnConflict(OnConflict::Skip));
    sheet.perform(SheetAction::Exception(0, OnConflict::Replace));
    sheet.perform(SheetAction::Search("txt".to_owned()));
    sheet.is_looking = true;

    let elsewhere = offer(&manifest, "/media/disk".as_ref(), &["b.txt"]);
    assert!(told.notice(Notice::Offer(elsewhere)).is_empty(), "the person was asked already");
    let sheet = told.card().sheet.as_ref().unwrap();
    let tree = sheet.tree.as_ref().unwrap();
    assert_eq!((tree.tick(0), tree.tick(1)), (Tick::On, Tick::Off));
    assert_eq!(sheet.conflicts, [1]);
    assert!(!sheet.is_looking);
    assert_eq!((sheet.search.as_str(), tree.is_searched()), ("txt", true));
    let choices = sheet.choices();
    assert_eq!(choices.folder, Some(PathBuf::from("/media/disk")));
    assert_eq!((choices.unwanted, choices.on_conflict), (vec![1], OnConflict::Skip));
    // A choice about a name that is free in this folder must not linger.
    assert!(choices.exceptions.is_empty());
}

#[test]
fn a_folder_that_cannot_be_used_leaves_the_offer_as_it_was() {
    let mut told = Told::with(Direction::Received);
    told.offered();
    told.card().sheet.as_mut().unwrap().is_looking = true;
    assert!(told.notice(Notice::CantUse(TransferError::PeerLost)).is_empty());
    let sheet = told.card().sheet.as_ref().unwrap();
    assert!(sheet.unusable.is_some() && !sheet.is_looking && sheet.can_accept());
    assert_eq!(sheet.choices().folder, Some(PathBuf::from("/home/ada")));
}

#[test]
fn wrong_tries_are_counted_down_until_the_code_is_retired() {
    let mut told = Told::with(Direction::Sent);
    let snapshots = told.start(ID);
    told.apply(code_of(ID));
    assert!(told.notice(Notice::WrongTry { tries_left: 2 }).is_empty());
    assert_eq!(told.card().tries_left, Some(2));
    told.notice(Notice::WrongTry { tries_left: 1 });
    told.notice(Notice::Retired);
    snapshots.send_replace(Progress { phase: Phase::Retired, ..Progress::default() });
    told.tick();
    assert_eq!(told.card().tries_left, Some(0));
    assert!(!told.card().is_waiting(), "nothing can be added to a retired code");
    told.notice(Notice::OtherVersion { theirs: 99 });
    assert_eq!(told.card().other_version, Some(99));
    assert_eq!(told.apply(failed(ID, TransferError::TooManyTries)), ["finish", "tell ended"]);
}

#[test]
fn what_is_left_behind_is_all_counted_and_some_named() {
    let mut told = Told::with(Direction::Sent);
    let left_out = |n: u32| LeftOut { path: format!("/home/ada/{n}").into(), reason: LeftOutReason::Special };
    told.notice(Notice::LeftOut((0..2000).map(left_out).collect()));
    let path = PathBuf::from("/home/ada/b");
    told.notice(Notice::Withdrawn { path: path.clone(), reason: Withdrawal::Changed });
    told.notice(Notice::NotStored { path, error: TransferError::PeerLost });
    assert_eq!(told.card().left_behind_count, 2002);
    assert_eq!(told.card().left_behind.len(), 500);
    let Some(LeftBehind::LeftOut { path, reason }) = told.card().left_behind.first() else {
        panic!("none is named")
    };
    assert_eq!((path.as_path(), *reason), ("/home/ada/0".as_ref(), LeftOutReason::Special));
}

#[test]
fn what_could_not_be_added_is_named() {
    let mut told = Told::with(Direction::Sent);
    let paths = vec![PathBuf::from("/home/ada/c"), PathBuf::from("/home/ada/d")];
    told.notice(Notice::NotAdded { paths, reason: NotAdded::TooLate });
    let Some(LeftBehind::NotAdded { paths, .. }) = told.card().left_behind.first() else {
        panic!("none is named")
    };
    assert_eq!(paths.len(), 2);
    assert_eq!(told.card().left_behind_count, 2);
}

#[test]
fn an_own_cancel_before_the_answer_leaves_nothing_behind() {
    for (direction, error) in [
        (Direction::Sent, TransferError::Cancelled),
        (Direction::Received, TransferError::Cancelled),
        (Direction::Received, TransferError::Declined),
    ] {
        let mut told = Told::with(direction);
        told.add(OTHER, Direction::Sent);
        assert_eq!(told.apply(failed(ID, error)), ["finish"]);
        assert!(told.state.card(ID).is_none() && told.state.card(OTHER).is_some());
    }
}

#[test]
fn an_own_cancel_later_stays_to_be_read() {
    let mut told = Told::with(Direction::Sent);
    told.notice(Notice::Accepted { files: 1, bytes: Some(100) });
    assert_eq!(told.apply(failed(ID, TransferError::Cancelled)), ["finish"]);
    assert!(matches!(told.card().end, Some(CardEnd::Failed(TransferError::Cancelled))));
}

#[test]
fn the_other_sides_cancel_is_told_at_any_time() {
    let mut told = Told::with(Direction::Received);
    told.offered();
    assert_eq!(told.apply(failed(ID, TransferError::PeerCancelled)), ["drop", "finish", "tell ended"]);
    assert!(!told.card().is_asking(), "there is nothing to answer any more");
}

#[test]
fn what_had_arrived_of_a_broken_transfer_is_known() {
    let mut told = Told::with(Direction::Received);
    told.notice(Notice::Accepted { files: 1, bytes: Some(100) });
    told.notice(Notice::Kept("/home/ada/.caiman-1".into()));
    told.apply(failed(ID, TransferError::PeerLost));
    assert_eq!(told.card().kept, Some(PathBuf::from("/home/ada/.caiman-1")));
    assert_eq!(told.card().placed(), None);
}

#[test]
fn what_was_to_be_resumed_is_so_until_something_is_offered() {
    let resume = Resume { name: "film.mov".to_owned(), staging: "/home/ada/.caiman-1".into() };
    assert_eq!(resume.folder(), Path::new("/home/ada"));
    let mut told = Told::with(Direction::Received);
    told.card().resume = Some(resume.clone());
    told.apply(failed(ID, TransferError::WrongCode { tries_left: Some(2) }));
    assert_eq!(told.state.unfinished.resume, Some(resume.clone()));
    // What is gone is another transfer's folder at first.
    told.state.listed(Vec::new(), &["/home/ada/.caiman-2".into()]);
    assert!(told.state.unfinished.resume.is_some());
    told.state.listed(Vec::new(), std::slice::from_ref(&resume.staging));
    assert_eq!(told.state.unfinished.resume, None);

    let mut told = Told::with(Direction::Received);
    told.card().resume = Some(resume);
    told.offered();
    told.apply(failed(ID, TransferError::PeerCancelled));
    assert_eq!(told.state.unfinished.resume, None);
}

#[test]
fn a_relay_of_the_window_comes_and_goes() {
    let mut told = Told::new();
    let host = || Host {
        id: ID,
        reachable: None,
        ports: vec![27001],
        is_stopping: false,
        as_set: HostRelay::default(),
    };
    told.state.host = Some(host());
    let listening = |id| Event::Listening {
        id,
        local: ([0, 0, 0, 0], 4001).into(),
        data_ports: vec![4002, 4003],
        croc_ports: Vec::new(),
        metrics: None,
        reachable: vec![relay()],
    };
    told.apply(listening(ID));
    let running = told.state.host.as_ref().unwrap();
    assert_eq!((&running.ports, &running.reachable), (&vec![4001, 4002, 4003], &Some(vec![relay()])));
    told.apply(Event::RelayEnded(ID, Ok(())));
    assert!(told.state.host.is_none() && told.state.host_error.is_none());

    told.state.host = Some(host());
    let taken = RelayError::PortTaken(([0, 0, 0, 0], 27001).into());
    told.apply(Event::RelayEnded(ID, Err(taken)));
    assert!(told.state.host.is_none());
    assert!(matches!(told.state.host_error, Some(RelayError::PortTaken(_))));
}

#[test]
fn a_send_without_a_relay_invites_to_its_own() {
    let mut told = Told::with(Direction::Sent);
    let listening = |reachable| Event::Listening {
        id: ID,
        local: ([0, 0, 0, 0], 4001).into(),
        data_ports: Vec::new(),
        croc_ports: Vec::new(),
        metrics: None,
        reachable,
    };
    told.apply(Event::Notice(ID, Notice::Code { code: made_up::code(), relay: None }));
    told.apply(listening(vec!["192.0.2.7:4001".parse().unwrap(), "198.51.100.7:4001".parse().unwrap()]));
    assert!(told.state.host.is_none());
    let links: Vec<String> = told.card().invites().iter().map(ToString::to_string).collect();
    assert_eq!(links.len(), 2);
    assert!(links[0].contains(made_up::CODE) && links[0].contains("192.0.2.7:4001"), "{links:?}");
    // No other computer could use the address under which this one reaches itself.
    told.apply(listening(Vec::new()));
    let links: Vec<String> = told.card().invites().iter().map(ToString::to_string).collect();
    assert_eq!(links, [format!("caiman:{}", made_up::CODE)]);
}

#[test]
fn a_link_follows_the_relay_that_a_code_is_on() {
    let mut told = Told::with(Direction::Sent);
    let reachable = vec!["192.0.2.7:4001".parse().unwrap()];
    let local = ([0, 0, 0, 0], 4001).into();
    told.apply(Event::Listening {
        id: ID,
        local,
        data_ports: Vec::new(),
        croc_ports: Vec::new(),
        metrics: None,
        reachable,
    });
    told.apply(Event::Notice(ID, Notice::Code { code: made_up::code(), relay: None }));
    let link = |told: &mut Told| told.card().invites()[0].to_string();
    assert!(link(&mut told).contains("192.0.2.7:4001"));
    told.card().fold_qr();
    let before = told.card().folds.qr.clone();
    told.apply(Event::Notice(ID, Notice::Reach { relay: Some(relay()), why: None }));
    assert!(link(&mut told).contains(&relay().to_string()) && told.card().only_here().is_none());
    assert!(
        told.card().folds.qr.is_some() && told.card().folds.qr != before,
        "the QR code is the old link's"
    );
    let why = Some(TransferError::CodeTaken);
    told.apply(Event::Notice(ID, Notice::Reach { relay: None, why }));
    assert!(link(&mut told).contains("192.0.2.7:4001") && told.card().off_relay.is_some());
}

#[test]
fn what_a_relay_answered_stands_under_its_address() {
    let mut told = Told::new();
    let good: RelayAddress = "good.example.org".parse().unwrap();
    told.state.checks.insert(ID, good.clone());
    told.state.checks.insert(OTHER, relay());
    let check = RelayCheck { latency: Duration::from_millis(20), has_password: false };
    told.apply(Event::Checked(ID, Ok(check)));
    told.apply(Event::Checked(OTHER, Err(RelayClientError::Lost)));
    assert!(matches!(told.state.checked.get(&good), Some(RelayStatus::Good(_))));
    assert!(matches!(told.state.checked.get(&relay()), Some(RelayStatus::Bad(_))));
    assert!(told.state.checks.is_empty());
    // Nothing was asked under this number any more.
    told.apply(Event::Checked(ID, Err(RelayClientError::Lost)));
    assert!(matches!(told.state.checked.get(&good), Some(RelayStatus::Good(_))));
}

#[test]
fn own_codes_are_known_however_they_are_dressed() {
    let mut told = Told::with(Direction::Sent);
    told.apply(code_of(ID));
    assert!(told.state.is_own_code(made_up::CODE));
    let link = told.card().invites()[0].to_string();
    assert!(told.state.is_own_code(&link));
    assert!(told.state.is_own_code(&made_up::CODE.replace('-', " ").to_uppercase()));
    assert!(!told.state.is_own_code("acid-coyote-mustard-zebra"));
}

#[test]
fn the_title_counts_everything_that_moves_and_whose_size_is_known() {
    let mut told = Told::with(Direction::Sent);
    let (one, two) = (told.start(ID), {
        told.add(OTHER, Direction::Received);
        told.start(OTHER)
    });
    let third = TaskId::made_up(3);
    told.add(third, Direction::Sent);
    let three = told.start(third);
    assert_eq!(told.state.fraction(), None);
    one.send_replace(progress(Phase::Moving, 10, 100));
    two.send_replace(progress(Phase::Moving, 200, 300));
    three.send_replace(Progress {
        phase: Phase::Moving,
        bytes: 7,
        total_bytes: None,
        lanes: 1,
        ..Progress::default()
    });
    told.tick();
    assert_eq!(told.state.fraction(), Some(210.0 / 400.0));
    told.apply(Event::Ended(OTHER, Ok(Report::default())));
    assert_eq!(told.state.fraction(), Some(0.1));
}

#[test]
fn events_of_transfers_that_are_gone_do_nothing() {
    let mut told = Told::new();
    let (_sender, snapshots) = watch::channel(Progress::default());
    assert!(told.apply(Event::Started(ID, snapshots, FileWatch::default())).is_empty());
    assert!(told.apply(code_of(ID)).is_empty());
    assert!(told.apply(failed(ID, TransferError::PeerLost)).is_empty());
    assert!(told.apply(Event::RelayEnded(ID, Ok(()))).is_empty());
}

#[test]
fn the_same_sentence_stands_at_the_top_once() {
    let mut told = Told::new();
    told.state.tell(Tone::Warning, "one".to_owned());
    told.state.tell(Tone::Warning, "two".to_owned());
    told.state.tell(Tone::Warning, "one".to_owned());
    let texts: Vec<&str> = told.state.banners.iter().map(|banner| banner.text.as_str()).collect();
    assert_eq!(texts, ["two", "one"]);
}

#[test]
fn a_text_is_one_by_its_offer_or_by_its_arrival() {
    let mut told = Told::with(Direction::Received);
    assert!(!told.card().is_text());
    told.notice(Notice::Offer(offer(&made_up::text_manifest(), "/".as_ref(), &[])));
    assert!(told.card().is_text());
    told.notice(Notice::Text("see you at eight".to_owned()));
    assert_eq!(told.card().text.as_deref(), Some("see you at eight"));
}

/// A state with a send whose bytes move, and the source of its snapshots.
fn moving() -> (Told, watch::Sender<Progress>) {
    let mut told = Told::with(Direction::Sent);
    let snapshots = told.start(ID);
    told.notice(Notice::Accepted { files: 1, bytes: Some(100) });
    snapshots.send_replace(progress(Phase::Moving, 25, 100));
    told.tick();
    assert!(told.state.is_moving());
    (told, snapshots)
}

const PAUSES: [Paused; 3] = [
    Paused { here: true, there: false },
    Paused { here: false, there: true },
    Paused { here: true, there: true },
];

#[test]
fn what_is_paused_does_not_move_and_is_not_finished() {
    for paused in PAUSES {
        let (mut told, snapshots) = moving();
        snapshots.send_modify(|progress| progress.paused = paused);
        told.tick();
        assert_eq!(told.card().paused(), Some(paused));
        assert!(!told.state.is_moving() && told.state.is_under_way());
        let now = told.now;
        assert!(!told.state.wants_awake(now) && !told.state.has_clock(now));
        assert_eq!(told.state.fraction(), Some(0.25));
        // An hour later it doesn't count as a stall, even in the first moments after resuming.
        told.now += Duration::from_hours(1);
        told.tick();
        let now = told.now;
        assert_eq!(told.card().standstill(now), Some(Standstill::Paused(paused)));
        snapshots.send_modify(|progress| progress.paused = Paused::default());
        told.tick();
        let now = told.now;
        assert!(told.state.is_moving());
        assert_eq!(told.card().standstill(now), None);
    }
}

#[test]
fn what_is_being_put_in_place_takes_no_notice_of_a_pause() {
    let (mut told, snapshots) = moving();
    snapshots.send_modify(|progress| {
        (progress.phase, progress.paused) = (Phase::Storing, PAUSES[0]);
    });
    told.tick();
    assert!(!told.card().can_pause() && told.card().paused().is_none() && told.state.is_moving());
}

#[test]
fn a_lost_connection_counts_from_its_loss_whatever_is_looked_for() {
    let (mut told, snapshots) = moving();
    snapshots.send_modify(|progress| progress.connection = Connection::LookingForPeer);
    assert!(!told.tick(), "the relay is where it was");
    let now = told.now;
    assert_eq!(told.card().standstill(now), Some(Standstill::Lost(Lost::Peer, Duration::ZERO)));
    snapshots.send_modify(|progress| progress.connection = Connection::LookingForRelay);
    assert!(told.tick(), "the relay is to be looked at");
    let now = told.now;
    let since = Duration::from_millis(500);
    assert_eq!(told.card().standstill(now), Some(Standstill::Lost(Lost::Relay, since)));
    assert!(!told.state.is_moving() && told.state.is_under_way());
    assert!(told.state.has_clock(now) && told.state.wants_awake(now));
    let later = told.now + Duration::from_mins(10);
    assert!(!told.state.wants_awake(later), "nobody is kept awake for a day");
    snapshots.send_modify(|progress| progress.connection = Connection::Up);
    assert!(told.tick() && !told.tick());
    let now = told.now;
    assert!(told.state.is_moving());
    assert_eq!(told.card().standstill(now), None);
}

#[test]
fn of_several_reasons_to_stand_still_one_is_told() {
    let (mut told, snapshots) = moving();
    let (waits_for, since) = (WaitsFor::Network, told.now);
    snapshots.send_modify(|progress| progress.stall = Some(Stall { waits_for, since }));
    told.now += Duration::from_secs(11);
    told.tick();
    let now = told.now;
    assert_eq!(told.card().standstill(now), Some(Standstill::Stalled(waits_for, now - since)));
    snapshots.send_modify(|progress| progress.connection = Connection::LookingForPeer);
    told.tick();
    let now = told.now;
    assert!(matches!(told.card().standstill(now), Some(Standstill::Lost(..))));
    snapshots.send_modify(|progress| progress.paused = PAUSES[1]);
    told.tick();
    let now = told.now;
    assert_eq!(told.card().standstill(now), Some(Standstill::Paused(PAUSES[1])));
    told.card().is_cancelling = true;
    assert_eq!(told.card().standstill(now), None);
    assert!(!told.card().can_pause());
}

#[test]
fn a_waiting_send_that_lost_its_relay_says_so_and_nothing_moves() {
    let mut told = Told::with(Direction::Sent);
    let snapshots = told.start(ID);
    told.apply(code_of(ID));
    let connection = Connection::LookingForRelay;
    snapshots.send_replace(Progress { phase: Phase::WaitingForPeer, connection, ..Progress::default() });
    told.tick();
    let now = told.now;
    assert_eq!(told.card().standstill(now), Some(Standstill::Lost(Lost::Relay, Duration::ZERO)));
    assert!(told.card().is_waiting() && !told.state.is_under_way());
    assert!(told.state.has_clock(now) && !told.state.wants_awake(now));
    told.apply(failed(ID, TransferError::PeerLost));
    assert_eq!(told.card().standstill(now), None);
}

fn invited(chain: &InvitationChain) -> Notice {
    let venue = Venue::Relay(RelayChoice::new(relay()));
    Notice::Invited(Invited { code: code(), venue, chain: chain.clone() })
}

/// A card that follows an invitation, as the window adds it.
fn follow(told: &mut Told, id: TaskId, chain: &InvitationChain) {
    told.state.add(id, Direction::Received, StartedWith::Invitation);
    told.state.card(id).unwrap().chain = Some(chain.clone());
}

#[test]
fn a_sender_with_more_is_followed_and_told_of_no_card() {
    let mut told = Told::with(Direction::Received);
    assert_eq!(told.notice(invited(&InvitationChain::default())), ["follow"]);
}

#[test]
fn a_sender_that_invites_and_invites_has_one_question_on_the_page() {
    let mut told = Told::with(Direction::Received);
    let (chain, others) = (InvitationChain::default(), InvitationChain::default());
    assert_eq!(told.notice(invited(&chain)), ["follow"]);
    follow(&mut told, OTHER, &chain);
    for _ in 0..10 {
        assert!(told.notice(invited(&chain)).is_empty());
    }
    // Another sender doesn't have to wait for it.
    assert_eq!(told.notice(invited(&others)), ["follow"]);
    let third = TaskId::made_up(3);
    follow(&mut told, third, &others);
    // The offer is shown, and the user thinks about it.
    let shown = made_up::offer(&manifest(&[("a.txt", 1)]), "/home/ada".as_ref(), &[]);
    assert_eq!(told.apply(Event::Notice(OTHER, Notice::Offer(shown))), ["ask"]);
    // The answer lets the next one in, and only that.
    let effects = told.apply(Event::Notice(OTHER, Notice::Accepted { files: 1, bytes: Some(1) }));
    assert_eq!(effects, ["drop", "begin", "follow"]);
    let fourth = TaskId::made_up(4);
    follow(&mut told, fourth, &chain);
    assert!(told.apply(Event::Notice(OTHER, Notice::Strangers { count: 1 })).is_empty());
    // So does an end without an answer.
    assert_eq!(told.apply(failed(fourth, TransferError::PeerLost)), ["finish", "tell ended", "follow"]);
}

#[test]
fn receivers_of_one_code_are_numbered_as_they_came_and_count_as_what_moves() {
    let mut told = Told::with(Direction::Sent);
    told.card().receivers = 2;
    for id in [OTHER, TaskId::made_up(3)] {
        assert!(told.apply(Event::Branch { of: ID, id }).is_empty());
    }
    let bonds: Vec<_> = told.state.branches(ID).map(|card| card.bond).collect();
    assert_eq!(bonds, [1, 2].map(|number| Some(Bond::Branch { of: ID, number })));
    let snapshots = told.start(OTHER);
    snapshots.send_replace(progress(Phase::Moving, 50, 100));
    told.tick();
    assert!(told.state.is_under_way() && told.state.fraction() == Some(0.5));
    // A branch of a send that doesn't exist has no row.
    assert!(told.apply(Event::Branch { of: TaskId::made_up(9), id: TaskId::made_up(8) }).is_empty());
    assert_eq!(told.state.cards.len(), 3);
    // The branch has notified the user, and the send as a whole has nothing to add.
    let done = || Ok(Report { receivers: 1, ..Report::default() });
    assert_eq!(told.apply(Event::Ended(OTHER, done())), ["finish", "tell ended"]);
    assert!(!told.state.has_ended(), "the send goes on");
    assert_eq!(told.apply(Event::Ended(ID, done())), ["finish"]);
}

#[test]
fn an_engine_that_stops_cuts_off_what_is_not_over() {
    let (mut told, _snapshots) = moving();
    told.add(OTHER, Direction::Received);
    told.apply(Event::Ended(OTHER, Ok(Report { stored: 1, ..Report::default() })));
    let asking = TaskId::made_up(3);
    told.add(asking, Direction::Received);
    told.apply(Event::Notice(
        asking,
        Notice::Offer(offer(&manifest(&[("a.txt", 1)]), "/home/ada".as_ref(), &[])),
    ));
    told.state.checks.insert(TaskId::made_up(4), relay());
    told.state.checked.insert(relay(), RelayStatus::Pending);
    told.state.dialog = Some(Dialog::Quit);

    let now = told.now;
    let effects = told.state.engine_ended(now);
    assert!(matches!(effects[..], [Effect::Drop(_)]), "the offer is let go of");
    assert!(!told.state.has_engine && told.state.dialog.is_none() && told.state.checked.is_empty());
    let is_cut_off = |card: &Card| matches!(card.end, Some(CardEnd::CutOff));
    let cut_off: Vec<TaskId> =
        told.state.cards.iter().filter(|card| is_cut_off(card)).map(|card| card.id).collect();
    assert_eq!(cut_off, [asking, ID], "what was over stays as it ended");
    assert!(!told.state.is_under_way() && !told.state.has_clock(now) && told.state.fraction().is_none());
}
