//! `caiman receive --from-people`: waits for the people this computer knows, and receives what they send, until the user ends
//! it. Transfers that ask nothing run side by side; those that may ask wait for each other, because there is one terminal.

use std::{collections::VecDeque, path::PathBuf, rc::Rc, sync::Arc, time::SystemTime};

use serde_json::json;
use tokio::{
    sync::Notify,
    time::{Duration, sleep},
};

use super::{
    exit::Exit,
    interrupts::Interrupts,
    offer::{ReceivePolicy, UserReply},
    output,
    report::{Reporter, failure, sentence},
    transfer::{CliTransfer, Policy},
};
use crate::{
    code::CodePhrase,
    engine::{
        Called, Command, Engine, Event, Events, InvitationChain, Invited, KnownPair, Notice, Output, PairId,
        ReceiveOrder, RelayChoice, Report, TaskId, TransferError, WaitOrder,
    },
    people::{FILE_NAME, People, Person},
    store::Store,
    transfer::{error::Impossible, show::Shown},
};

/// Makes the order with which something is received under a code, from these relays among others, into this.
pub(super) type ReceiveOrders =
    Box<dyn Fn(CodePhrase, Vec<RelayChoice>, Output, InvitationChain) -> ReceiveOrder>;

/// How often progress is shown anew while nothing happens, and how often the list of people is looked at.
const REFRESH: Duration = Duration::from_secs(1);
/// The most calls that wait for their turn. A caller whose call is dropped calls again.
const MAX_WAITING: usize = 16;
/// The most transfers with one person at a time.
const MAX_OF_ONE: usize = 4;

/// What the arguments say.
pub(super) struct FromPeople {
    pub(super) reporter: Reporter,
    /// Where to wait.
    pub(super) wait: WaitOrder,
    /// The folder for what comes from people who have none of their own.
    pub(super) out: PathBuf,
    pub(super) policy: ReceivePolicy,
    pub(super) order: ReceiveOrders,
}

impl FromPeople {
    /// Waits for people and receives from them, until the user ends it.
    pub(super) async fn run(mut self, interrupts: &mut Interrupts) -> Exit {
        // Notified whenever there is a new snapshot of the progress.
        let news = Arc::new(Notify::new());
        let wake = Arc::clone(&news);
        let (engine, events) = match Engine::start(move || wake.notify_one()) {
            Ok(started) => started,
            Err(error) => {
                let why = format!("this program can't start: {error}");
                self.reporter.error(&Impossible::Arguments(why).into());
                return Exit::Usage;
            }
        };
        let mut reception = PeopleReception {
            engine: Rc::new(engine),
            plan: self,
            people: People::default(),
            looked: None,
            running: Vec::new(),
            waiting: VecDeque::new(),
            is_cancelled: false,
            worst: Exit::Done,
        };
        reception.look_again(true);
        reception.follow(events, &news, interrupts).await
    }
}

/// A sender that has called, and waits.
struct PersonCall {
    person: PairId,
    code: CodePhrase,
    relay: Option<RelayChoice>,
    chain: InvitationChain,
}

/// The transfer with a caller.
struct Received {
    person: KnownPair,
    /// What it is received under. A caller that is not heard in time calls again with the same.
    code: CodePhrase,
    transfer: CliTransfer,
}

/// All transfers of this call.
struct PeopleReception {
    engine: Rc<Engine>,
    plan: FromPeople,
    people: People,
    /// When the list of people was last changed.
    looked: Option<SystemTime>,
    running: Vec<Received>,
    waiting: VecDeque<PersonCall>,
    is_cancelled: bool,
    worst: Exit,
}

impl PeopleReception {
    /// Handles events until the user ends it and all transfers have ended, or until a second interrupt.
    async fn follow(&mut self, mut events: Events, news: &Notify, interrupts: &mut Interrupts) -> Exit {
        loop {
            let is_cancelled = self.is_cancelled;
            let said = async || output::written_unless(is_cancelled).await;
            tokio::select! {
                biased;
                event = async { said().await; events.next().await } => {
                    let Some(event) = event else { return Exit::Failed };
                    if let Event::Stopped(report) = event {
                        return self.plan.reporter.error(&TransferError::Internal(report));
                    }
                    self.apply(event);
                }
                (at, reply) = answered(&mut self.running) => self.running[at].transfer.answer(reply),
                () = async { said().await; news.notified().await } => {
                    self.running.iter_mut().for_each(|received| received.transfer.tick());
                }
                () = sleep(REFRESH) => {
                    self.running.iter().for_each(|received| received.transfer.refresh());
                    self.look_again(false);
                }
                () = interrupts.next() => {
                    if self.is_cancelled {
                        return Exit::Cancelled;
                    }
                    self.is_cancelled = true;
                    self.command(Command::Wait(Box::default()));
                    self.running.iter().for_each(|received| received.transfer.stop());
                }
            }
            if self.is_cancelled && self.running.is_empty() {
                return self.worst;
            }
        }
    }

    /// Reads the list of people if it has changed, and waits for those who are in it.
    fn look_again(&mut self, is_first: bool) {
        let store = Store::of_history();
        let changed = store
            .folder()
            .and_then(|folder| folder.join(FILE_NAME).metadata().ok())
            .and_then(|metadata| metadata.modified().ok());
        if self.is_cancelled || !is_first && changed == self.looked {
            return;
        }
        self.looked = changed;
        let (people, problem) = People::look(&store);
        if let Some(problem) = problem {
            let message = problem.to_string();
            self.plan.reporter.say(&sentence(&message), "warning", json!({ "message": message }));
        }
        let before = self.people.welcome_pairs();
        self.people = people;
        let now = self.people.welcome_pairs();
        if !is_first && before == now {
            return;
        }
        let names: Vec<&str> = self.people.welcome().map(|person| person.name.as_str()).collect();
        let line = if names.is_empty() {
            "Nobody is known to wait for. After meeting under a code, both sides can remember each other: --remember"
                .to_owned()
        } else {
            let shown: Vec<String> = names.iter().map(|name| Shown(name).to_string()).collect();
            format!("Waiting for {}. Ctrl-C ends this.", shown.join(", "))
        };
        self.plan.reporter.say(&line, "waiting", json!({ "people": names }));
        let WaitOrder { relays, internet, path_mode, .. } = self.plan.wait.clone();
        self.command(Command::Wait(Box::new(WaitOrder { people: now, relays, internet, path_mode })));
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Called(Called { person, code, relay }) => {
                self.take(PersonCall { person, code, relay, chain: InvitationChain::default() });
            }
            Event::Started(id, snapshots, _) => {
                if let Some(received) = self.received(id) {
                    received.transfer.follow(snapshots);
                }
            }
            Event::Notice(id, Notice::Invited(Invited { code, venue, chain })) => {
                if let Some(person) = self.received(id).map(|received| received.person.id()) {
                    self.take(PersonCall { person, code, relay: venue.relay().cloned(), chain });
                }
            }
            Event::Notice(id, notice) => {
                if let Some(received) = self.received(id) {
                    received.transfer.notice(notice);
                }
            }
            Event::Ended(id, ended) => self.end(id, &ended),
            Event::WaitBroke(report) => {
                let exit = self.plan.reporter.error(&TransferError::Internal(report));
                self.worst = self.worst.or(exit);
            }
            Event::Branch { .. }
            | Event::Listening { .. }
            | Event::Calling(..)
            | Event::Presence(..)
            | Event::RelayEnded(..)
            | Event::Checked(..)
            | Event::CheckedIroh(..)
            | Event::Stopped(_) => {}
        }
    }

    /// Receives from a caller, now or as soon as it is its turn.
    fn take(&mut self, caller: PersonCall) {
        // The user may just have blocked or trusted the person.
        self.look_again(false);
        let is_known = |code: &CodePhrase| *code == caller.code;
        let is_here = self.running.iter().any(|received| is_known(&received.code));
        let waits = self.waiting.iter().any(|waiting| is_known(&waiting.code));
        let of_one = self.running.iter().filter(|received| received.person.id() == caller.person).count();
        if !self.is_cancelled && !is_here && !waits && of_one < MAX_OF_ONE && self.waiting.len() < MAX_WAITING
        {
            self.waiting.push_back(caller);
            self.begin_next();
        }
    }

    /// Begins with all callers whose turn it is.
    fn begin_next(&mut self) {
        let is_asking = self.running.iter().any(|received| received.transfer.may_ask());
        let may_begin = |caller: &PersonCall| {
            let person = self.people.of(caller.person);
            !is_asking || person.is_none_or(|person| self.policy(person).accepts)
        };
        let Some(at) = self.waiting.iter().position(may_begin) else { return };
        let Some(PersonCall { person, code, relay, chain }) = self.waiting.remove(at) else { return };
        // The user may have forgotten or blocked the person meanwhile.
        if let Some(person) = self.people.of(person).filter(|person| !person.is_blocked).cloned() {
            let id = self.engine.new_id();
            let reporter = self.plan.reporter.of_person(&person.name);
            reporter.say("calls.", "called", json!({}));
            let policy = Rc::new(Policy::Receive(self.policy(&person)));
            let transfer = CliTransfer::new(Rc::clone(&self.engine), id, reporter, policy);
            let transfer = transfer.with_person(&person.pair);
            let folder = person.trusted_folder.clone().unwrap_or_else(|| self.plan.out.clone());
            let relays = self.plan.wait.relays.iter().cloned().chain(relay).collect();
            let order = (self.plan.order)(code.clone(), relays, Output::Folder(folder), chain);
            self.running.push(Received { person: person.pair, code, transfer });
            self.command(Command::Receive(id, Box::new(order)));
        }
        self.begin_next();
    }

    /// How the offers of a person are answered.
    fn policy(&self, person: &Person) -> ReceivePolicy {
        let policy = self.plan.policy.clone();
        ReceivePolicy { accepts: policy.accepts || person.trusted_folder.is_some(), ..policy }
    }

    fn end(&mut self, id: TaskId, ended: &Result<Report, TransferError>) {
        let Some(at) = self.running.iter().position(|received| received.transfer.id() == id) else { return };
        let mut received = self.running.remove(at);
        let exit = match ended {
            Ok(report) => received.transfer.done(report),
            Err(error) => received.transfer.fail(error),
        };
        self.worst = self.worst.or(exit);
        self.begin_next();
    }

    fn received(&mut self, id: TaskId) -> Option<&mut Received> {
        self.running.iter_mut().find(|received| received.transfer.id() == id)
    }

    fn command(&self, command: Command) {
        if self.engine.command(command).is_err() {
            output::line(failure("this program can't go on"));
        }
    }
}

/// Waits for the answer to the question of a transfer; for ever, if none was asked.
async fn answered(running: &mut [Received]) -> (usize, UserReply) {
    let asking = running.iter_mut().enumerate().find(|(_, received)| received.transfer.is_asking());
    match asking {
        Some((at, received)) => (at, received.transfer.answered().await),
        None => std::future::pending().await,
    }
}
