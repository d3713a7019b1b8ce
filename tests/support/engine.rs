//! Two engines and a relay between them, and what a test needs to follow a transfer from its code to its report. Every wait
//! here is for an event; the limit only turns a hang into a failure.

use std::{
    collections::{HashMap, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use caiman::{
    code::CodePhrase,
    engine::{
        Answer, CallState, Called, Choices, CodeChoice, Command, Engine, Event, Internet, InvitationChain,
        Invited, ListenOptions, Notice, Offer, Output, PairId, PathMode, Payload, Phase, Presence, Progress,
        ReceiveOrder, Registry, RelayCheck, RelayChoice, RelayClientError, RelayConfig, Report, SendOrder,
        TaskId, TransferError, WaitOrder,
    },
    net::client::RelayAddress,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    TestRelay,
    iroh::TestIrohRelay,
    peer::{ITERATIONS, Place},
    within,
};

/// A rate so low that a transfer of [`CRAWL_BLOCKS`] runs until something is done about it: one block in two seconds.
pub const CRAWL: Option<u64> = Some(BLOCK as u64 / 2);
/// The number of blocks that take longer than [`within`] waits at that rate.
pub const CRAWL_BLOCKS: usize = 80;
/// Bytes of a block.
pub const BLOCK: usize = caiman::transfer::plan::MIN_BLOCK as usize;

type Inboxes = Arc<Mutex<HashMap<TaskId, mpsc::UnboundedSender<Event>>>>;

/// Inboxes of transfers that the test didn't ask for: the branches of a send for several receivers.
type Foundlings = Arc<Mutex<HashMap<TaskId, mpsc::UnboundedReceiver<Event>>>>;

/// One side: an engine whose events are sorted by transfer.
pub struct Party {
    engine: Option<Engine>,
    inboxes: Inboxes,
    branches: Foundlings,
    calls: tokio::sync::Mutex<mpsc::UnboundedReceiver<Called>>,
    seen: tokio::sync::Mutex<mpsc::UnboundedReceiver<(PairId, Presence)>>,
}

impl Party {
    pub fn start() -> Self {
        let (engine, mut events) = Engine::start(|| {}).unwrap();
        let inboxes = Inboxes::default();
        let (sorted, branches) = (Arc::clone(&inboxes), Foundlings::default());
        let born = Arc::clone(&branches);
        let (calling, calls) = mpsc::unbounded_channel();
        let (presences, seen) = mpsc::unbounded_channel();
        // The task ends with the engine.
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::Branch { id, .. } = &event {
                    let (outbox, inbox) = mpsc::unbounded_channel();
                    lock(&sorted).insert(*id, outbox);
                    lock(&born).insert(*id, inbox);
                }
                if let Event::Called(called) = event {
                    // A test that waits for no call has dropped its end.
                    let _ = calling.send(called);
                    continue;
                }
                if let Event::Presence(person, presence) = event {
                    let _ = presences.send((person, presence));
                    continue;
                }
                let inbox = lock(&sorted).get(&id_of(&event)).cloned();
                // A test that has seen enough has dropped its end.
                let _ = inbox.expect("every transfer has an inbox").send(event);
            }
        });
        Self { engine: Some(engine), inboxes, branches, calls: calls.into(), seen: seen.into() }
    }

    /// Waits for the next receiver of a send for several, and returns the transfer with it.
    pub async fn branch(&self, sending: &mut Transfer) -> Transfer {
        while sending.branches.is_empty() {
            assert!(sending.ended.is_none(), "ended before a receiver came: {:?}", sending.ended);
            within("a receiver", sending.step()).await;
        }
        let id = sending.branches.pop_front().unwrap();
        Transfer::new(id, lock(&self.branches).remove(&id).unwrap())
    }

    /// Waits for calls like this.
    pub fn wait(&self, order: WaitOrder) {
        self.command(Command::Wait(Box::new(order)));
    }

    /// Finds out where the people of this order are.
    pub async fn seek(&self, order: WaitOrder) -> HashMap<PairId, Presence> {
        let count = order.people.len();
        self.command(Command::Seek(Box::new(order)));
        let mut found = HashMap::new();
        while found.len() < count {
            let seen = within("a person", async { self.seen.lock().await.recv().await });
            found.extend(seen.await);
        }
        found
    }

    /// Waits until a person is seen, without being looked for.
    pub async fn sees(&self) -> (PairId, Presence) {
        within("a person", async { self.seen.lock().await.recv().await }).await.unwrap()
    }

    /// Waits for the next call.
    pub async fn called(&self) -> Called {
        within("a call", async { self.calls.lock().await.recv().await }).await.unwrap()
    }

    pub fn send(&self, order: SendOrder) -> Transfer {
        self.begin(|id| Command::Send(id, Box::new(order)))
    }

    pub fn receive(&self, order: ReceiveOrder) -> Transfer {
        self.begin(|id| Command::Receive(id, Box::new(order)))
    }

    /// Receives from a sender that has croc.
    #[cfg(feature = "croc")]
    pub fn receive_croc(&self, order: caiman::engine::CrocReceiveOrder) -> Transfer {
        self.begin(|id| Command::ReceiveCroc(id, Box::new(order)))
    }

    /// Tests a relay.
    pub async fn check(&self, relay: RelayChoice) -> Result<RelayCheck, RelayClientError> {
        let mut checking = self.begin(|id| Command::Check(id, relay));
        while checking.checked.is_none() {
            within("what a relay is worth", checking.step()).await;
        }
        checking.checked.unwrap()
    }

    pub fn answer(&self, transfer: &Transfer, answer: Answer) {
        self.command(Command::Answer(transfer.id, answer));
    }

    pub fn accept(&self, transfer: &Transfer, choices: Choices) {
        self.answer(transfer, Answer::Accept(choices));
    }

    pub fn add(&self, transfer: &Transfer, paths: Vec<PathBuf>) {
        self.command(Command::Add(transfer.id, paths));
    }

    pub fn remove(&self, transfer: &Transfer, name: &str) {
        self.command(Command::Remove(transfer.id, name.to_owned()));
    }

    pub fn limit(&self, transfer: &Transfer, bytes_per_sec: Option<u64>) {
        self.command(Command::Limit(transfer.id, bytes_per_sec));
    }

    pub fn thumbnails(&self, transfer: &Transfer, entries: Vec<u32>) {
        self.command(Command::Thumbnails(transfer.id, entries));
    }

    pub fn look(&self, transfer: &Transfer, folder: &Path) {
        self.command(Command::Look(transfer.id, folder.to_owned()));
    }

    pub fn pause(&self, transfer: &Transfer, is_paused: bool) {
        self.command(Command::Pause(transfer.id, is_paused));
    }

    /// Ends a transfer as the end of its program would.
    pub fn stop(&self, transfer: &Transfer) {
        self.command(Command::Stop(transfer.id));
    }

    pub fn cancel(&self, transfer: &Transfer) {
        self.command(Command::Cancel(transfer.id));
    }

    /// Drops the engine, as closing the window does, and returns when it has ended.
    pub async fn close(mut self) {
        let engine = self.engine.take();
        within("the engine's end", tokio::task::spawn_blocking(move || drop(engine))).await.unwrap();
    }

    fn begin(&self, command: impl FnOnce(TaskId) -> Command) -> Transfer {
        let id = self.engine.as_ref().unwrap().new_id();
        let (outbox, inbox) = mpsc::unbounded_channel();
        lock(&self.inboxes).insert(id, outbox);
        self.command(command(id));
        Transfer::new(id, inbox)
    }

    fn command(&self, command: Command) {
        self.engine.as_ref().unwrap().command(command).unwrap();
    }
}

/// One transfer as one side sees it.
pub struct Transfer {
    pub id: TaskId,
    inbox: mpsc::UnboundedReceiver<Event>,
    /// The notices so far, except those that a method below has returned.
    pub notices: Vec<Notice>,
    /// Where the transfer's own relay listens.
    pub listening: Option<RelayAddress>,
    /// The result of testing a relay.
    checked: Option<Result<RelayCheck, RelayClientError>>,
    snapshots: Option<watch::Receiver<Progress>>,
    history: Option<JoinHandle<Vec<Progress>>>,
    ended: Option<Result<Report, TransferError>>,
    /// How calls were doing.
    pub calls: Vec<CallState>,
    /// The receivers that have come to a send for several.
    branches: VecDeque<TaskId>,
}

impl Transfer {
    fn new(id: TaskId, inbox: mpsc::UnboundedReceiver<Event>) -> Self {
        Self {
            id,
            inbox,
            notices: Vec::new(),
            listening: None,
            checked: None,
            snapshots: None,
            history: None,
            ended: None,
            calls: Vec::new(),
            branches: VecDeque::new(),
        }
    }

    /// Waits for the code that the sender shows.
    pub async fn code(&mut self) -> CodePhrase {
        self.told("the code", |notice| match notice {
            Notice::Code { code, .. } => Some(code.clone()),
            _ => None,
        })
        .await
    }

    /// Waits for the offer that the receiver is asked about.
    pub async fn offer(&mut self) -> Arc<Offer> {
        self.told("the offer", |notice| match notice {
            Notice::Offer(offer) => Some(Arc::clone(offer)),
            _ => None,
        })
        .await
    }

    /// Waits until the sender has something more to offer, and returns where.
    pub async fn invitation(&mut self) -> Invited {
        self.told("an invitation", |notice| match notice {
            Notice::Invited(Invited { code, venue, chain }) => {
                Some(Invited { code: code.clone(), venue: venue.clone(), chain: chain.clone() })
            }
            _ => None,
        })
        .await
    }

    /// Waits for a notice, received already or still to come, in which `find` finds something.
    pub async fn told<T>(&mut self, what: &str, find: impl Fn(&Notice) -> Option<T>) -> T {
        let mut looked_at = 0;
        loop {
            if let Some(found) = self.notices[looked_at..].iter().find_map(&find) {
                return found;
            }
            looked_at = self.notices.len();
            assert!(self.ended.is_none(), "ended before {what}: {:?}", self.ended);
            within(what, self.step()).await;
        }
    }

    /// Waits until some bytes are stored on the receiver's side.
    pub async fn moving(&mut self) -> Progress {
        self.reach("bytes that move", |progress| progress.bytes > 0).await
    }

    /// Waits until the transfer is in `phase`.
    pub async fn enters(&mut self, phase: Phase) {
        self.reach("a phase", |progress| progress.phase == phase).await;
    }

    /// Waits for a snapshot.
    pub async fn reach(&mut self, what: &str, is_there: impl FnMut(&Progress) -> bool) -> Progress {
        while self.snapshots.is_none() {
            within(what, self.step()).await;
        }
        let mut snapshots = self.snapshots.clone().unwrap();
        if let Ok(progress) = within(what, snapshots.wait_for(is_there)).await {
            return *progress;
        }
        let ended = self.end().await;
        panic!("ended before {what}: {ended:?}")
    }

    /// Waits for the end.
    pub async fn end(&mut self) -> &Result<Report, TransferError> {
        while self.ended.is_none() {
            within("the end", self.step()).await;
        }
        self.ended.as_ref().unwrap()
    }

    /// Waits for the end, which must be a success.
    pub async fn report(&mut self) -> Report {
        match self.end().await {
            Ok(report) => report.clone(),
            Err(error) => panic!("the transfer should have succeeded: {error:?}"),
        }
    }

    /// Waits for the end, which must be an error.
    pub async fn error(&mut self) -> &TransferError {
        match self.end().await {
            Err(error) => error,
            Ok(report) => panic!("the transfer should have failed: {report:?}"),
        }
    }

    /// Waits for the end, and returns every snapshot that was seen until then.
    pub async fn history(&mut self) -> Vec<Progress> {
        self.end().await.as_ref().unwrap();
        within("the last snapshot", self.history.take().unwrap()).await.unwrap()
    }

    /// Waits for the end, and returns the last names of the files that were withdrawn.
    pub async fn withdrawn(&mut self) -> Vec<String> {
        // Whatever the end is, the notices are complete then.
        let _ = self.end().await;
        let paths = self.notices.iter().filter_map(|notice| match notice {
            Notice::Withdrawn { path, .. } => Some(path),
            _ => None,
        });
        let mut names: Vec<_> =
            paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Whether it has ended, as far as events were taken in.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The end, which has come.
    pub fn into_end(self) -> Result<Report, TransferError> {
        self.ended.expect("the transfer has ended")
    }

    /// Takes in the next event.
    pub async fn next_event(&mut self) {
        within("an event", self.step()).await;
    }

    async fn step(&mut self) {
        match self.inbox.recv().await.expect("a transfer ends before its engine does") {
            Event::Started(_, snapshots, _) => {
                self.history = Some(tokio::spawn(collect(snapshots.clone())));
                self.snapshots = Some(snapshots);
            }
            Event::Listening { local, .. } => {
                self.listening = Some(RelayAddress::from_socket(([127, 0, 0, 1], local.port()).into()));
            }
            Event::Notice(_, notice) => self.notices.push(notice),
            Event::Ended(_, ended) => self.ended = Some(ended),
            Event::Checked(_, checked) => self.checked = Some(checked),
            Event::Branch { id, .. } => self.branches.push_back(id),
            Event::Calling(_, state) => self.calls.push(state),
            Event::RelayEnded(..)
            | Event::CheckedIroh(..)
            | Event::Stopped(_)
            | Event::Called(_)
            | Event::Presence(..)
            | Event::WaitBroke(_) => {}
        }
    }
}

async fn collect(mut snapshots: watch::Receiver<Progress>) -> Vec<Progress> {
    let mut seen = vec![*snapshots.borrow_and_update()];
    while snapshots.changed().await.is_ok() {
        seen.push(*snapshots.borrow_and_update());
    }
    let last = *snapshots.borrow();
    seen.push(last);
    seen
}

/// A relay, two engines, a folder with what is sent and a folder into which it is received.
pub struct World {
    pub relay: TestRelay,
    /// The relay that stands for `relay` where the suites run over QUIC.
    pub iroh: Option<TestIrohRelay>,
    pub sender: Party,
    pub receiver: Party,
    pub source: TempDir,
    pub target: TempDir,
    /// The receiver's list of interrupted transfers, with the key of their staging folders.
    pub unfinished: Registry,
}

impl World {
    pub async fn new() -> Self {
        Self::with_relay(|_| {}).await
    }

    /// A world whose relay has the settings that `change` makes.
    pub async fn with_relay(change: impl FnOnce(&mut RelayConfig)) -> Self {
        Self {
            relay: TestRelay::start(change).await,
            iroh: TestIrohRelay::if_over_quic().await,
            sender: Party::start(),
            receiver: Party::start(),
            source: tempfile::tempdir().unwrap(),
            target: tempfile::tempdir().unwrap(),
            unfinished: Registry::default(),
        }
    }

    pub fn relay(&self) -> RelayChoice {
        RelayChoice::new(RelayAddress::from_socket(self.relay.addr))
    }

    /// Where a hostile peer meets one of the two engines.
    pub fn place(&self) -> Place {
        match &self.iroh {
            Some(iroh) => Place::Iroh(iroh.addr()),
            None => Place::Relay(self.relay.addr),
        }
    }

    /// How many bytes the relay has passed on for lanes.
    async fn carried(&self) -> u64 {
        self.relay.metric("relayed_bytes_total{kind=\"lane\"}").await
    }

    /// Runs a transfer, and says how many bytes the relay has passed on for its lanes. An iroh relay can't tell these from others;
    /// there it is `None`.
    pub async fn weigh<T>(&self, transfer: impl Future<Output = T>) -> (T, Option<u64>) {
        let before = self.carried().await;
        let result = transfer.await;
        let carried = self.carried().await - before;
        (result, Some(carried).filter(|_| self.iroh.is_none()))
    }

    /// Ends the relay for good.
    pub async fn lose_relay(&mut self) {
        self.relay.kill.cancel();
        if let Some(iroh) = self.iroh.take() {
            iroh.stop().await;
        }
    }

    /// The relays of all orders.
    fn relays(&self) -> Vec<RelayChoice> {
        if self.iroh.is_some() { Vec::new() } else { vec![self.relay()] }
    }

    /// What of the internet all orders may use.
    pub fn internet(&self) -> Option<Internet> {
        self.iroh.as_ref().map(TestIrohRelay::internet)
    }

    /// A path in the folder with what is sent.
    pub fn from(&self, path: &str) -> PathBuf {
        self.source.path().join(path)
    }

    /// A path in the folder into which it is received.
    pub fn to(&self, path: &str) -> PathBuf {
        self.target.path().join(path)
    }

    /// These paths in the folder with what is sent.
    pub fn paths(&self, paths: &[&str]) -> Payload {
        Payload::Paths(paths.iter().map(|path| self.from(path)).collect())
    }

    pub fn send_order(&self, payload: Payload) -> SendOrder {
        let code = CodeChoice::Drawn { words: 4 };
        SendOrder {
            payload,
            code,
            relays: self.relays(),
            internet: self.internet(),
            path_mode: PathMode::RelayOnly,
            listen: ListenOptions::default(),
            lanes: 8,
            bytes_per_sec: None,
            patience: Duration::ZERO,
            iterations: ITERATIONS,
            after: None,
            receivers: 1,
            to: None,
            name: None,
            #[cfg(feature = "croc")]
            croc: None,
        }
    }

    pub fn receive_order(&self, code: CodePhrase) -> ReceiveOrder {
        let output = Output::Folder(self.target.path().to_owned());
        ReceiveOrder {
            code,
            relays: self.relays(),
            internet: self.internet(),
            output,
            lanes: 8,
            patience: Duration::ZERO,
            path_mode: PathMode::RelayOnly,
            listen: ListenOptions::default(),
            unfinished: self.unfinished.clone(),
            chain: InvitationChain::default(),
            name: None,
            #[cfg(feature = "croc")]
            croc: None,
        }
    }

    /// Starts a transfer and follows it to the offer that the receiver is asked about.
    pub async fn offer(&self, order: SendOrder) -> (Transfer, Transfer, Arc<Offer>) {
        let mut sending = self.sender.send(order);
        let code = sending.code().await;
        let mut receiving = self.receiver.receive(self.receive_order(code));
        let offer = receiving.offer().await;
        (sending, receiving, offer)
    }

    /// Runs a transfer that is accepted, and returns the reports of both sides.
    pub async fn exchange_with(&self, order: SendOrder, choices: Choices) -> (Report, Report) {
        let (mut sending, mut receiving, _) = self.offer(order).await;
        self.receiver.accept(&receiving, choices);
        tokio::join!(sending.report(), receiving.report())
    }

    /// Runs a transfer that is accepted, with nothing special about it.
    pub async fn exchange(&self, payload: Payload) -> (Report, Report) {
        self.exchange_with(self.send_order(payload), Choices::default()).await
    }

    /// Starts a transfer of [`CRAWL_BLOCKS`] in `file`, which crawls and has already stored something on the receiver's side.
    pub async fn crawl(&self, file: &str) -> (Transfer, Transfer) {
        std::fs::write(self.from(file), super::noise(7, CRAWL_BLOCKS * BLOCK)).unwrap();
        let order = SendOrder { bytes_per_sec: CRAWL, ..self.send_order(self.paths(&[file])) };
        let (mut sending, mut receiving, _) = self.offer(order).await;
        self.receiver.accept(&receiving, Choices::default());
        tokio::join!(sending.moving(), receiving.moving());
        (sending, receiving)
    }
}

/// A writer and what was written to it.
pub fn memory() -> (Memory, Arc<Mutex<Vec<u8>>>) {
    let written = Arc::new(Mutex::new(Vec::new()));
    (Memory(Arc::clone(&written)), written)
}

pub struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The choices of a user who takes everything but these paths.
pub fn all_but(offer: &Offer, paths: &[&str]) -> Choices {
    let unwanted = paths.iter().map(|path| entry(offer, path)).collect::<std::collections::BTreeSet<_>>();
    Choices { unwanted: unwanted.into_iter().collect(), ..Choices::default() }
}

/// The number of an entry of an offer.
pub fn entry(offer: &Offer, path: &str) -> u32 {
    let mut entries = offer.manifest.entries().iter();
    entries.position(|entry| entry.path.as_str() == path).unwrap_or_else(|| panic!("{path} is not offered"))
        as u32
}

/// What is in a folder, hidden entries included.
pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn id_of(event: &Event) -> TaskId {
    match event {
        Event::Started(id, ..)
        | Event::Listening { id, .. }
        | Event::Notice(id, _)
        | Event::Ended(id, _)
        | Event::Checked(id, _)
        | Event::CheckedIroh(id, _)
        | Event::Branch { of: id, .. }
        | Event::Calling(id, _)
        | Event::RelayEnded(id, _) => *id,
        Event::Called(_) | Event::Presence(..) => unreachable!("calls have an inbox of their own"),
        Event::WaitBroke(report) => panic!("the wait broke: {report}"),
        Event::Stopped(report) => panic!("the engine stopped: {report}"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
