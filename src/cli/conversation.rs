//! What `caiman send` and `caiman receive` do once the arguments are read: run the transfer, those that belong to it and
//! those that follow it, and give one exit code for all of them.

use std::{collections::VecDeque, rc::Rc, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{sync::Notify, time::sleep};

use super::{
    exit::Exit,
    interrupts::Interrupts,
    offer::{ReceivePolicy, UserReply},
    output,
    report::Reporter,
    transfer::{CliTransfer, Policy},
};
use crate::{
    engine::{
        Command, Engine, Event, Events, Invited, KnownPair, Notice, ReceiveOrder, Report, TaskId,
        TransferError,
    },
    transfer::error::Impossible,
};

/// Makes the order with which a further offer of the same sender is received.
pub(super) type Again = Box<dyn Fn(Invited) -> ReceiveOrder>;

/// The most offers that a command takes without asking, after the first. A sender could go on for ever, and no user may be
/// there to end it.
pub(super) const MAX_UNASKED: usize = 16;

/// How often progress is shown anew while nothing happens.
const REFRESH: Duration = Duration::from_secs(1);

/// The transfers of one call.
struct Conversation {
    engine: Rc<Engine>,
    reporter: Reporter,
    policy: Rc<Policy>,
    /// The person to which the send goes, if this computer knows it.
    person: Option<KnownPair>,
    /// First the transfer that was asked for, or the one that followed it; then, in a send for several receivers, the transfer
    /// with each of them.
    transfers: Vec<CliTransfer>,
    /// How many receivers have come.
    came: u16,
    /// Where the sender has more to offer.
    invitations: VecDeque<Invited>,
    /// How many offers have come or are to come after the first.
    invited: usize,
    again: Option<Again>,
    is_cancelled: bool,
    worst: Exit,
}

/// Runs the transfer that `command` begins, and all that belong to it or follow it.
pub(super) async fn run(
    reporter: Reporter,
    (policy, person): (Policy, Option<KnownPair>),
    again: Option<Again>,
    interrupts: &mut Interrupts,
    command: impl FnOnce(TaskId) -> Command,
) -> Exit {
    // Notified whenever there is a new snapshot of the progress.
    let news = Arc::new(Notify::new());
    let wake = Arc::clone(&news);
    let (engine, mut events) = match Engine::start(move || wake.notify_one()) {
        Ok(started) => started,
        Err(error) => {
            let mut reporter = reporter;
            reporter.error(&Impossible::Arguments(format!("this program can't start: {error}")).into());
            return Exit::Usage;
        }
    };
    let mut conversation = Conversation {
        engine: Rc::new(engine),
        reporter,
        policy: Rc::new(policy),
        person,
        transfers: Vec::new(),
        came: 0,
        invitations: VecDeque::new(),
        invited: 0,
        again,
        is_cancelled: false,
        worst: Exit::Done,
    };
    conversation.begin(command);
    conversation.follow(&mut events, &news, interrupts).await
}

impl Conversation {
    fn begin(&mut self, command: impl FnOnce(TaskId) -> Command) {
        let id = self.engine.new_id();
        let reporter = self.reporter.another();
        let mut transfer = CliTransfer::new(Rc::clone(&self.engine), id, reporter, Rc::clone(&self.policy));
        if let Some(person) = &self.person {
            transfer = transfer.with_person(person);
        }
        self.transfers = vec![transfer];
        // An engine that takes no command has ended, and its last event will come.
        let _ = self.engine.command(command(id));
    }

    /// Handles events until everything is over, or until a second interrupt, which doesn't even wait for the goodbyes.
    async fn follow(&mut self, events: &mut Events, news: &Notify, interrupts: &mut Interrupts) -> Exit {
        loop {
            let is_cancelled = self.is_cancelled;
            let said = async || output::written_unless(is_cancelled).await;
            tokio::select! {
                biased;
                event = async { said().await; events.next().await } => {
                    let Some(event) = event else { return Exit::Failed };
                    if self.apply(event) {
                        return self.worst;
                    }
                }
                reply = answered(&mut self.transfers) => {
                    if let Some(transfer) = self.transfers.first_mut() {
                        transfer.answer(reply);
                    }
                }
                () = async { said().await; news.notified().await } => self.transfers.iter_mut().for_each(CliTransfer::tick),
                // Without news the speed and the time left change all the same.
                () = sleep(REFRESH) => self.transfers.iter().for_each(CliTransfer::refresh),
                () = interrupts.next() => {
                    if self.is_cancelled {
                        return Exit::Cancelled;
                    }
                    self.is_cancelled = true;
                    if let Some(transfer) = self.transfers.first() {
                        transfer.stop();
                    }
                }
            }
        }
    }

    /// Handles an event, and says whether it was the last.
    fn apply(&mut self, event: Event) -> bool {
        match event {
            Event::Branch { id, .. } => self.greet(id),
            Event::Started(id, snapshots, _) => {
                if let Some(transfer) = self.transfer(id) {
                    transfer.follow(snapshots);
                }
            }
            Event::Listening { id, reachable, .. } => {
                if let Some(transfer) = self.transfer(id) {
                    transfer.hosts(reachable);
                }
            }
            Event::Notice(_, Notice::Invited(invited)) => self.note_invitation(invited),
            Event::Notice(id, notice) => {
                if let Some(transfer) = self.transfer(id) {
                    transfer.notice(notice);
                }
            }
            Event::Ended(id, ended) => return self.end(id, &ended),
            Event::Stopped(report) => {
                let exit = self.transfers[0].fail(&TransferError::Internal(report));
                self.worst = self.worst.or(exit);
                return true;
            }
            Event::Calling(id, state) => {
                if let Some(transfer) = self.transfer(id) {
                    transfer.calling(&state);
                }
            }
            Event::Called(_)
            | Event::Presence(..)
            | Event::WaitBroke(_)
            | Event::RelayEnded(..)
            | Event::Checked(..)
            | Event::CheckedIroh(..) => {}
        }
        false
    }

    /// Begins the transfer with a receiver that has come to a send for several.
    fn greet(&mut self, id: TaskId) {
        self.came += 1;
        let reporter = self.reporter.of_receiver(self.came, self.policy.receivers());
        reporter.say("has come.", "receiver", json!({ "receivers": self.policy.receivers() }));
        self.transfers.push(CliTransfer::new(Rc::clone(&self.engine), id, reporter, Rc::clone(&self.policy)));
    }

    fn note_invitation(&mut self, invited: Invited) {
        let is_asked = !matches!(*self.policy, Policy::Receive(ReceivePolicy { accepts: true, .. }));
        let is_taken = self.again.is_some() && (is_asked || self.invited < MAX_UNASKED);
        let who = self.transfers.first().map(CliTransfer::subject).unwrap_or_default();
        let line = if is_taken {
            format!("{who} has more to send. That comes next.")
        } else if self.again.is_none() {
            format!(
                "{who} has more to send. It is not received, because standard output can hold only one file."
            )
        } else {
            format!(
                "{who} has more to send. It is not received: without asking, a command takes {MAX_UNASKED} offers after \
                 the first. Have it sent again under a new code, or leave out --yes."
            )
        };
        if let Some(transfer) = self.transfers.first() {
            transfer.say(&line, "invited", json!({ "taken": is_taken }));
        }
        if is_taken {
            self.invited += 1;
            self.invitations.push_back(invited);
        }
    }

    fn end(&mut self, id: TaskId, ended: &Result<Report, TransferError>) -> bool {
        let Some(at) = self.transfers.iter().position(|transfer| transfer.id() == id) else { return false };
        let receivers = self.policy.receivers();
        let exit = match ended {
            Err(error) => self.transfers[at].fail(error),
            // This is the send as a whole.
            Ok(report) if at == 0 && receivers > 1 => {
                let exit = self.transfers[0].done_with_all(report, self.came);
                if report.receivers < receivers && self.is_cancelled { Exit::Cancelled } else { exit }
            }
            Ok(report) => self.transfers[at].done(report),
        };
        self.worst = self.worst.or(exit);
        if at > 0 {
            return false;
        }
        match (self.invitations.pop_front(), &self.again) {
            (Some(invited), Some(again)) if !self.is_cancelled => {
                let order = again(invited);
                self.begin(|id| Command::Receive(id, Box::new(order)));
                false
            }
            _ => true,
        }
    }

    fn transfer(&mut self, id: TaskId) -> Option<&mut CliTransfer> {
        self.transfers.iter_mut().find(|transfer| transfer.id() == id)
    }
}

/// Waits for the answer to a question; for ever, if none was asked. Only the first transfer asks, because a receiver has only one.
async fn answered(transfers: &mut [CliTransfer]) -> UserReply {
    match transfers.first_mut() {
        Some(transfer) => transfer.answered().await,
        None => std::future::pending().await,
    }
}
