//! The engine's own loop: takes commands, owns the tasks, joins them.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    command::{Command, Ids, ReceiveOrder, TaskId},
    event::Event,
    local::search,
    outbox::{NewBranch, Outbox, listening, transfer},
    sending::{SendPlace, branch_task, send_task},
};
use crate::{
    net::{
        addresses::Reach,
        client::{self, RelayChoice},
    },
    protocol::relay::RoomId,
    relay::{Relay, RelayConfig},
    transfer::{
        link::{
            invitation::{self, Follower},
            rendezvous::Search,
        },
        notice::Context,
        offer::Answer,
        path_mode::PathMode,
        receive::{self, ReceiveRequest, receive},
        send,
        sink::active::ActiveReceives,
    },
};

/// How long tasks get to say goodbye to their peers when the engine ends.
const GOODBYE: Duration = Duration::from_secs(5);
/// Branches that may wait to be begun.
const NEW_BRANCHES: usize = 8;

/// Runs until the handle is dropped.
pub(super) async fn run(
    mut commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    ids: Ids,
    wake: Arc<dyn Fn() + Send + Sync>,
) {
    let (branches, mut new_branches) = mpsc::channel(NEW_BRANCHES);
    let out = Outbox { events, wake, branches };
    let mut tasks = JoinSet::new();
    let mut running: HashMap<TaskId, Running> = HashMap::new();
    let active = ActiveReceives::default();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => obey(command, &out, &active, &mut tasks, &mut running),
                None => break,
            },
            Some(branch_order) = new_branches.recv() => begin(branch_order, ids.draw(), &out, &mut tasks, &mut running),
            Some(ended) = tasks.join_next() => {
                running.remove(&ended.expect("a transfer doesn't panic"));
            }
        }
    }
    for task in running.values() {
        task.closing.store(true, Ordering::Relaxed);
        task.cancel.cancel();
        task.kill.cancel();
    }
    // Nobody listens to events any more; tasks that wait for a place in the channel must not wait for ever.
    drop((out, new_branches));
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(GOODBYE, all).await.is_err() {
        tasks.shutdown().await;
    }
}

struct Running {
    /// The send whose branch it is.
    of: Option<TaskId>,
    cancel: CancellationToken,
    /// Whether the cancellation is a program's end rather than a person's wish.
    closing: Arc<AtomicBool>,
    kill: CancellationToken,
    input: TaskInput,
}

/// The ways in which a person's later words reach a task.
enum TaskInput {
    Send {
        /// Every path that was ever added.
        add: watch::Sender<Vec<PathBuf>>,
        pause: watch::Sender<bool>,
        /// For what is to go to the same receiver.
        follower: Follower,
        /// Its own relay, for the same.
        lease: Weak<DropGuard>,
    },
    Receive {
        answer: Option<oneshot::Sender<Answer>>,
        look: watch::Sender<Option<PathBuf>>,
        pause: watch::Sender<bool>,
    },
    None,
}

/// Begins a branch, which rests if its siblings do.
fn begin(
    branch_order: NewBranch,
    id: TaskId,
    out: &Outbox,
    tasks: &mut JoinSet<TaskId>,
    running: &mut HashMap<TaskId, Running>,
) {
    let (of, cancel) = (branch_order.of, branch_order.cancel.clone());
    let is_paused = match running.get(&of).map(|task| &task.input) {
        Some(TaskInput::Send { pause, .. }) => *pause.borrow(),
        _ => false,
    };
    let ((add, additions), (pause, pauses)) = (watch::channel(Vec::new()), watch::channel(is_paused));
    let (line, follower) = invitation::line();
    let person = send::Person { additions, pause: pauses, line };
    let lease = branch_order.lease();
    tasks.spawn(branch_task(id, branch_order, person, out.clone()));
    let (closing, kill) = (Arc::default(), CancellationToken::new());
    let input = TaskInput::Send { add, pause, follower, lease };
    running.insert(id, Running { of: Some(of), cancel, closing, kill, input });
}

fn obey(
    command: Command,
    out: &Outbox,
    active: &ActiveReceives,
    tasks: &mut JoinSet<TaskId>,
    running: &mut HashMap<TaskId, Running>,
) {
    let (cancel, kill) = (CancellationToken::new(), CancellationToken::new());
    let closing = Arc::<AtomicBool>::default();
    let out = out.clone();
    let (id, input) = match command {
        Command::Send(id, order) => {
            let ((add, additions), (pause, pauses)) = (watch::channel(Vec::new()), watch::channel(false));
            let (line, follower) = invitation::line();
            let person = send::Person { additions, pause: pauses, line };
            let place = match order.after.map(|other| running.get(&other).map(|task| &task.input)) {
                None => Some(SendPlace::open()),
                Some(Some(TaskInput::Send { follower, lease, .. })) => SendPlace::own_relay(lease, follower),
                Some(_) => None,
            };
            let lease = place.as_ref().map(SendPlace::lease).unwrap_or_default();
            tasks.spawn(send_task(id, *order, person, place, cancel.clone(), out));
            (id, TaskInput::Send { add, pause, follower, lease })
        }
        Command::Receive(id, order) => {
            let ((answer, answered), (look, looks)) = (oneshot::channel(), watch::channel(None));
            let (pause, pauses) = watch::channel(false);
            let person = receive::Person { answer: answered, look: looks, pause: pauses };
            let end = (cancel.clone(), Arc::clone(&closing));
            tasks.spawn(receive_task(id, *order, person, active.clone(), end, out));
            (id, TaskInput::Receive { answer: Some(answer), look, pause })
        }
        Command::Relay(id, config) => {
            tasks.spawn(relay_task(id, *config, cancel.clone(), kill.clone(), out));
            (id, TaskInput::None)
        }
        Command::Check(id, relay) => {
            tasks.spawn(check_task(id, relay, cancel.clone(), out));
            (id, TaskInput::None)
        }
        Command::Add(id, paths) => {
            if let Some(TaskInput::Send { add, .. }) = running.get(&id).map(|task| &task.input) {
                add.send_modify(|additions| additions.extend(paths));
            }
            return;
        }
        Command::Look(id, folder) => {
            if let Some(TaskInput::Receive { look, .. }) = running.get(&id).map(|task| &task.input) {
                look.send_replace(Some(folder));
            }
            return;
        }
        Command::Pause(id, is_paused) => {
            let its_own = |(at, task): &(&TaskId, &Running)| **at == id || task.of == Some(id);
            for (_, task) in running.iter().filter(its_own) {
                if let TaskInput::Send { pause, .. } | TaskInput::Receive { pause, .. } = &task.input {
                    pause.send_replace(is_paused);
                }
            }
            return;
        }
        Command::Answer(id, answer) => {
            if let Some(TaskInput::Receive { answer: waiting, .. }) =
                running.get_mut(&id).map(|task| &mut task.input)
                && let Some(waiting) = waiting.take()
            {
                // The transfer may have ended a moment ago; its end tells why.
                let _ = waiting.send(answer);
            }
            return;
        }
        Command::Stop(id) => {
            if let Some(task) = running.get(&id) {
                task.closing.store(true, Ordering::Relaxed);
                task.cancel.cancel();
            }
            return;
        }
        Command::Cancel(id) => {
            if let Some(task) = running.get(&id) {
                if task.cancel.is_cancelled() {
                    task.kill.cancel();
                }
                task.cancel.cancel();
            }
            return;
        }
    };
    running.insert(id, Running { of: None, cancel, closing, kill, input });
}

async fn receive_task(
    id: TaskId,
    order: ReceiveOrder,
    person: receive::Person,
    active: ActiveReceives,
    end: (CancellationToken, Arc<AtomicBool>),
    out: Outbox,
) -> TaskId {
    let ReceiveOrder { code, mut relays, path_mode, entrance, output, lanes, patience, unfinished } = order;
    if path_mode == PathMode::LocalOnly {
        // An invite link may name the sender itself.
        relays
            .retain(|relay| matches!(relay.address.reach(), Some(Reach::LocalNetwork | Reach::ThisComputer)));
    }
    let (found, searching) = if path_mode == PathMode::RelayOnly {
        (None, None)
    } else {
        let (found, searching) = search(RoomId(code.room()));
        (Some(found), Some(searching))
    };
    let search = Search { relays, found };
    let request =
        ReceiveRequest { code, search, output, lanes, patience, path_mode, entrance, unfinished, active };
    let receiving = async {
        let work = async |context: &Context| receive(request, person, context).await;
        transfer(id, &out, end, work).await
    };
    let searching = async {
        if let Some(searching) = searching {
            searching.await;
        }
    };
    let (ended, ()) = tokio::join!(receiving, searching);
    out.send(Event::Ended(id, ended)).await;
    id
}

async fn relay_task(
    id: TaskId,
    config: RelayConfig,
    cancel: CancellationToken,
    kill: CancellationToken,
    out: Outbox,
) -> TaskId {
    let ended = match Relay::bind(config).await {
        Ok(relay) => {
            out.send(listening(id, &relay)).await;
            let relay_kill = relay.kill_token();
            let serving = relay.serve(cancel);
            tokio::pin!(serving);
            tokio::select! {
                () = &mut serving => {}
                () = kill.cancelled() => {
                    relay_kill.cancel();
                    serving.await;
                }
            }
            Ok(())
        }
        Err(error) => Err(error),
    };
    out.send(Event::RelayEnded(id, ended)).await;
    id
}

async fn check_task(id: TaskId, relay: RelayChoice, cancel: CancellationToken, out: Outbox) -> TaskId {
    tokio::select! {
        checked = client::probe(&relay.address, relay.password.as_deref()) => {
            out.send(Event::Checked(id, checked)).await;
        }
        () = cancel.cancelled() => {}
    }
    id
}
