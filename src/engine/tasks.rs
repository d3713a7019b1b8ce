//! The engine's own loop, which takes commands, owns the tasks and joins them.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{self, JoinError, JoinSet},
    time::timeout,
};
use tokio_util::sync::DropGuard;

#[cfg(feature = "croc")]
use super::receiving::receive_croc_task;
use super::{
    command::{Command, Ids, SendOrder, TaskId, WaitOrder},
    event::Event,
    outbox::{NewBranch, Outbox},
    presence::seek_task,
    receiving::receive_task,
    relays::{check_iroh_task, check_task, relay_task},
    sending::{LimitedOrder, SendPlace, branch_task, send_task},
    signals::EndSignals,
    waiting::wait_task,
};
use crate::{
    net::{client::RelayClientError, internet::IrohCheckError},
    panics::{PanicReport, caught},
    relay::RelayError,
    transfer::{
        lanes::throttle::Throttle,
        link::invitation::{self, Follower, Succession},
        offer::Answer,
        receive::{self},
        send,
        sink::active::ActiveReceives,
        source::listing::ListChange,
    },
};

/// How long tasks get to say goodbye to their peers when the engine ends: the three seconds that a session may take for its
/// last word, and some time for what follows it.
const GOODBYE: Duration = Duration::from_secs(5);
/// How many branches may wait for the loop to begin them. It begins each at once, so more than a few never wait.
const NEW_BRANCHES: usize = 8;

/// Runs the loop until the engine's handle is dropped, then ends all tasks.
pub(super) async fn run(
    mut commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    ids: Ids,
    wake: Arc<dyn Fn() + Send + Sync>,
) {
    let (branches, mut new_branches) = mpsc::channel(NEW_BRANCHES);
    let mut tasks = Tasks {
        out: Outbox { events, wake, branches },
        ids,
        set: JoinSet::new(),
        names: HashMap::new(),
        running: HashMap::new(),
        active: ActiveReceives::default(),
        waiting: None,
    };
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => tasks.obey(command),
                None => break,
            },
            Some(branch) = new_branches.recv() => tasks.begin_branch(branch),
            Some(ended) = tasks.set.join_next_with_id() => tasks.forget(ended),
        }
    }
    drop(new_branches);
    tasks.end().await;
}

/// All tasks of the engine. A panic in one of them ends that task alone.
struct Tasks {
    out: Outbox,
    ids: Ids,
    set: JoinSet<()>,
    /// Which of the runtime's ids belongs to which task. Of a task that panicked, the runtime's id is all that is known.
    names: HashMap<task::Id, TaskId>,
    running: HashMap<TaskId, Running>,
    active: ActiveReceives,
    /// The task that waits for calls.
    waiting: Option<TaskId>,
}

/// How to reach a running task.
struct Running {
    /// The send whose branch the task is, if it is one.
    of: Option<TaskId>,
    end: EndSignals,
    input: TaskInput,
}

/// How the user's later commands reach a task.
enum TaskInput {
    Send {
        /// Every change that was ever made to what is sent.
        change: watch::Sender<Vec<ListChange>>,
        /// Limits the speed.
        throttle: Arc<Throttle>,
        pause: watch::Sender<bool>,
        /// Leads sends that follow this one to its receiver.
        follower: Follower,
        /// Keeps this send's own relay up for sends that follow it.
        lease: Weak<DropGuard>,
    },
    Receive {
        /// `None` once the offer has been answered.
        answer: Option<oneshot::Sender<Answer>>,
        look: watch::Sender<Option<PathBuf>>,
        in_sight: watch::Sender<Vec<u32>>,
        pause: watch::Sender<bool>,
    },
    None,
}

impl Tasks {
    fn obey(&mut self, command: Command) {
        match command {
            Command::Send(id, order) => self.begin_send(id, *order),
            Command::Receive(id, order) => {
                self.begin_receive(id, |input, active, end, out| {
                    receive_task(id, *order, input, active, end, out)
                });
            }
            #[cfg(feature = "croc")]
            Command::ReceiveCroc(id, order) => {
                self.begin_receive(id, |input, active, end, out| {
                    receive_croc_task(id, *order, input, active, end, out)
                });
            }
            Command::Relay(id, config) => {
                let end = EndSignals::default();
                let task = relay_task(id, *config, end.clone(), self.out.clone());
                self.spawn(id, Running { of: None, end, input: TaskInput::None }, task, |id, report| {
                    Event::RelayEnded(id, Err(RelayError::Internal(report)))
                });
            }
            Command::Check(id, relay) => {
                let end = EndSignals::default();
                let task = check_task(id, relay, end.cancel.clone(), self.out.clone());
                self.spawn(id, Running { of: None, end, input: TaskInput::None }, task, |id, report| {
                    Event::Checked(id, Err(RelayClientError::Internal(report)))
                });
            }
            Command::CheckIroh(id, relay, proxy) => {
                let end = EndSignals::default();
                let task = check_iroh_task(id, (relay, proxy), end.cancel.clone(), self.out.clone());
                self.spawn(id, Running { of: None, end, input: TaskInput::None }, task, |id, report| {
                    Event::CheckedIroh(id, Err(IrohCheckError::Internal(report)))
                });
            }
            Command::Wait(order) => self.wait(*order),
            Command::Seek(order) => {
                let (id, end) = (self.ids.draw(), EndSignals::default());
                let task = seek_task(*order, end.cancel.clone(), self.out.clone());
                self.spawn(id, Running { of: None, end, input: TaskInput::None }, task, |_, report| {
                    Event::WaitBroke(report)
                });
            }
            Command::Add(id, paths) => self.change(id, ListChange::Add(paths)),
            Command::Remove(id, name) => self.change(id, ListChange::Remove(name)),
            Command::Limit(id, bytes_per_sec) => {
                if let Some(TaskInput::Send { throttle, .. }) = self.input(id) {
                    throttle.limit(bytes_per_sec);
                }
            }
            Command::Look(id, folder) => {
                if let Some(TaskInput::Receive { look, .. }) = self.input(id) {
                    look.send_replace(Some(folder));
                }
            }
            Command::Thumbnails(id, entries) => {
                if let Some(TaskInput::Receive { in_sight, .. }) = self.input(id) {
                    in_sight.send_replace(entries);
                }
            }
            Command::Pause(id, is_paused) => {
                let its_own = |(at, task): &(&TaskId, &Running)| **at == id || task.of == Some(id);
                for (_, task) in self.running.iter().filter(its_own) {
                    if let TaskInput::Send { pause, .. } | TaskInput::Receive { pause, .. } = &task.input {
                        pause.send_replace(is_paused);
                    }
                }
            }
            Command::Answer(id, answer) => {
                if let Some(TaskInput::Receive { answer: waiting, .. }) =
                    self.running.get_mut(&id).map(|task| &mut task.input)
                    && let Some(waiting) = waiting.take()
                {
                    // The transfer may have ended a moment ago; the event of its end says why.
                    let _ = waiting.send(answer);
                }
            }
            #[cfg(test)]
            Command::Break => panic!("the engine ran dry"),
            Command::Stop(id) => {
                if let Some(task) = self.running.get(&id) {
                    task.end.closing.store(true, Ordering::Relaxed);
                    task.end.cancel.cancel();
                }
            }
            Command::Cancel(id) => {
                if let Some(task) = self.running.get(&id) {
                    if task.end.cancel.is_cancelled() {
                        task.end.kill.cancel();
                    }
                    task.end.cancel.cancel();
                }
            }
        }
    }

    fn change(&self, id: TaskId, change: ListChange) {
        if let Some(TaskInput::Send { change: changes, .. }) = self.input(id) {
            changes.send_modify(|changes| changes.push(change));
        }
    }

    /// Ends the wait for calls that an earlier order began, and begins another, if there is anybody to wait for.
    fn wait(&mut self, order: WaitOrder) {
        if let Some(running) = self.waiting.take().and_then(|earlier| self.running.get(&earlier)) {
            running.end.cancel.cancel();
        }
        if order.people.is_empty() {
            return;
        }
        let (id, end) = (self.ids.draw(), EndSignals::default());
        let task = wait_task(order, end.cancel.clone(), self.out.clone());
        self.spawn(id, Running { of: None, end, input: TaskInput::None }, task, |_, report| {
            Event::WaitBroke(report)
        });
        self.waiting = Some(id);
    }

    fn begin_send(&mut self, id: TaskId, order: SendOrder) {
        let ((change, changes), (pause, pauses)) = (watch::channel(Vec::new()), watch::channel(false));
        let (place, succession) = match order.after.map(|other| self.input(other)) {
            None => (Some(SendPlace::open()), Succession::default()),
            Some(Some(TaskInput::Send { follower, lease, .. })) => {
                (SendPlace::known(lease, follower), follower.succession().clone())
            }
            Some(_) => (None, Succession::default()),
        };
        let (invitations, follower) = invitation::channel(succession);
        let user_input = send::SenderInput { changes, pause: pauses, invitations };
        let lease = place.as_ref().map(SendPlace::lease).unwrap_or_default();
        let (end, throttle) = (EndSignals::default(), Arc::new(Throttle::new(order.bytes_per_sec)));
        let order = LimitedOrder { order, throttle: Arc::clone(&throttle) };
        let task = send_task(id, order, user_input, place, end.clone(), self.out.clone());
        let input = TaskInput::Send { change, throttle, pause, follower, lease };
        self.spawn(id, Running { of: None, end, input }, task, transfer_broke);
    }

    /// Begins a branch, paused if its send is.
    fn begin_branch(&mut self, branch: NewBranch) {
        let (id, of) = (self.ids.draw(), branch.of);
        let is_paused = match self.input(of) {
            Some(TaskInput::Send { pause, .. }) => *pause.borrow(),
            _ => false,
        };
        let ((change, changes), (pause, pauses)) = (watch::channel(Vec::new()), watch::channel(is_paused));
        let (invitations, follower) = invitation::channel(Succession::default());
        let user_input = send::SenderInput { changes, pause: pauses, invitations };
        let (lease, throttle) = (branch.lease(), branch.branch.throttle());
        let end = EndSignals::of(branch.cancel.clone());
        let task = branch_task(id, branch, user_input, end.clone(), self.out.clone());
        let input = TaskInput::Send { change, throttle, pause, follower, lease };
        self.spawn(id, Running { of: Some(of), end, input }, task, transfer_broke);
    }

    fn begin_receive<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        id: TaskId,
        task: impl FnOnce(receive::ReceiverInput, ActiveReceives, EndSignals, Outbox) -> F,
    ) {
        let ((answer, answered), (look, looks)) = (oneshot::channel(), watch::channel(None));
        let ((pause, pauses), (in_sight, sees)) = (watch::channel(false), watch::channel(Vec::new()));
        let user_input =
            receive::ReceiverInput { answer: answered, look: looks, in_sight: sees, pause: pauses };
        let end = EndSignals::default();
        let task = task(user_input, self.active.clone(), end.clone(), self.out.clone());
        let input = TaskInput::Receive { answer: Some(answer), look, in_sight, pause };
        self.spawn(id, Running { of: None, end, input }, task, transfer_broke);
    }

    /// Starts a task. If it panics, the event that `broke` makes of the panic reports its end.
    fn spawn(
        &mut self,
        id: TaskId,
        running: Running,
        task: impl Future<Output = ()> + Send + 'static,
        broke: fn(TaskId, PanicReport) -> Event,
    ) {
        let out = self.out.clone();
        let handle = self.set.spawn(async move {
            if let Err(report) = caught(task).await {
                out.send(broke(id, report)).await;
            }
        });
        self.names.insert(handle.id(), id);
        self.running.insert(id, running);
    }

    /// Forgets a task that has ended, by itself, by a panic or by an abort.
    fn forget(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let name = ended.map_or_else(|error| error.id(), |(name, ())| name);
        if let Some(id) = self.names.remove(&name) {
            self.running.remove(&id);
        }
    }

    fn input(&self, id: TaskId) -> Option<&TaskInput> {
        self.running.get(&id).map(|task| &task.input)
    }

    /// Ends all tasks. Those that don't end within [`GOODBYE`] are aborted.
    async fn end(self) {
        let Self { out, mut set, running, .. } = self;
        for task in running.values() {
            task.end.closing.store(true, Ordering::Relaxed);
            task.end.cancel.cancel();
            task.end.kill.cancel();
        }
        // The listener sees the engine's end when this sender and those of all tasks are dropped. If the listener is gone
        // without having closed the channel, a task that waits for room in it is aborted at the limit.
        drop(out);
        let all = async { while set.join_next().await.is_some() {} };
        if timeout(GOODBYE, all).await.is_err() {
            set.shutdown().await;
        }
    }
}

fn transfer_broke(id: TaskId, report: PanicReport) -> Event {
    Event::Ended(id, Err(report.into()))
}
