//! The tasks of sends. A send under a code of its own waits wherever its order allows, which may include a relay beside it. A
//! send that follows another goes where that one has met its receiver. A send for several has branches, each of them a task.

use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    calling::{Callee, send_to},
    command::{SendOrder, TaskId},
    event::Event,
    local::{Lease, OwnRelayConfig, OwnRelayTask},
    outbox::{NewBranch, Outbox, listening, transfer},
    signals::EndSignals,
};
#[cfg(feature = "croc")]
use crate::transfer::croc::CrocPosting;
use crate::{
    panics::caught,
    transfer::{
        error::{Impossible, TransferError},
        file_states::FileWatch,
        lanes::throttle::Throttle,
        link::{
            invitation::Follower,
            rendezvous::{MeetBy, OnlinePlace, OwnRelay, WaitingPlaces},
        },
        notice::Context,
        path_mode::{ConnectOptions, PathMode},
        progress::Progress,
        send::{self, CodeForSeveral, MAX_RECEIVERS, options::SendOptions, send, send_to_several},
        source::listing::Payload,
    },
};

/// An order, and the limit on its speed, which the user may change while it is carried out.
pub(super) struct LimitedOrder {
    pub(super) order: SendOrder,
    pub(super) throttle: Arc<Throttle>,
}

/// Where a send waits for its receiver.
pub(super) enum SendPlace {
    /// Wherever its order allows. When the last holder of the lease drops it, `end` is cancelled and the send's own relay ends.
    Open { lease: Lease, end: CancellationToken },
    /// Where another send has met the receiver. The lease keeps that send's relay up.
    Known { lease: Lease, follower: Follower },
}

impl SendPlace {
    /// The place of a send under a code of its own.
    pub(super) fn open() -> Self {
        let end = CancellationToken::new();
        Self::Open { lease: Arc::new(end.clone().drop_guard()), end }
    }

    /// The place of a send that follows the one to which `lease` and `follower` belong; `None` if that one has ended.
    pub(super) fn known(lease: &Weak<DropGuard>, follower: &Follower) -> Option<Self> {
        Some(Self::Known { lease: lease.upgrade()?, follower: follower.clone() })
    }

    /// The lease for sends that will follow this one.
    pub(super) fn lease(&self) -> Weak<DropGuard> {
        let (Self::Open { lease, .. } | Self::Known { lease, .. }) = self;
        Arc::downgrade(lease)
    }
}

/// Runs a branch of a send for several receivers, from the event that introduces it to its end.
pub(super) async fn branch_task(
    id: TaskId,
    branch_order: NewBranch,
    input: send::SenderInput,
    signals: EndSignals,
    out: Outbox,
) {
    let NewBranch { of, branch, cancel: _, lease } = branch_order;
    out.send(Event::Branch { of, id }).await;
    let guard = branch.guard();
    let work = async |context: &Context| branch.run(input, context).await;
    let ended = transfer(id, &out, signals, work).await;
    out.send(Event::Ended(id, ended)).await;
    drop((guard, lease));
}

/// Runs a send at `place`, or ends it at once if there is none, because the send that it was to follow has ended.
pub(super) async fn send_task(
    id: TaskId,
    LimitedOrder { order, throttle }: LimitedOrder,
    input: send::SenderInput,
    place: Option<SendPlace>,
    signals: EndSignals,
    out: Outbox,
) {
    let asked = check(&order);
    match (asked, place) {
        (Err(error), _) => refuse(id, error, &out).await,
        (Ok(()), None) => refuse(id, TransferError::PeerGone, &out).await,
        (Ok(()), Some(SendPlace::Known { lease, follower })) => {
            let (options, payload) = (options(&order, throttle), order.payload);
            let work = async |context: &Context| {
                send(payload, MeetBy::Invitation(follower), options, input, context).await
            };
            let ended = transfer(id, &out, signals, work).await;
            drop(lease);
            out.send(Event::Ended(id, ended)).await;
        }
        (Ok(()), Some(SendPlace::Open { lease, end })) => {
            let order = LimitedOrder { order, throttle };
            Box::pin(open(id, order, input, lease, end, signals, &out)).await;
        }
    }
}

/// Refuses an order that contradicts itself.
fn check(order: &SendOrder) -> Result<(), TransferError> {
    let why = match order {
        SendOrder { to: Some(_), after: Some(_), .. } => {
            "what follows another send goes to its receiver".to_owned()
        }
        SendOrder { to: Some(_), receivers: 2.., .. } => "one person is one receiver".to_owned(),
        #[cfg(feature = "croc")]
        SendOrder { croc: Some(_), after, to, receivers, payload, .. }
            if after.is_some()
                || to.is_some()
                || *receivers != 1
                || matches!(payload, Payload::Stream { .. }) =>
        {
            "a code for croc is for one receiver, and for what can be read more than once".to_owned()
        }
        SendOrder { receivers: 1, .. } => return Ok(()),
        SendOrder { after: Some(_), .. } => "what follows another send goes to its receiver alone".to_owned(),
        SendOrder { payload: Payload::Stream { .. }, .. } => {
            "what can be read only once can't be sent to several receivers".to_owned()
        }
        SendOrder { receivers: 2..=MAX_RECEIVERS, .. } => return Ok(()),
        _ => format!("a code leads to at least one receiver and at most {MAX_RECEIVERS}"),
    };
    Err(Impossible::Arguments(why).into())
}

/// Reports a send that could not begin.
async fn refuse(id: TaskId, error: TransferError, out: &Outbox) {
    let (_, progress) = watch::channel(Progress::default());
    out.send(Event::Started(id, progress, FileWatch::default())).await;
    out.send(Event::Ended(id, Err(error))).await;
}

/// The part of an order that concerns the transfer itself.
fn options(order: &SendOrder, throttle: Arc<Throttle>) -> SendOptions {
    let SendOrder { path_mode, listen, lanes, patience, iterations, .. } = *order;
    let (internet, name) = (order.internet.clone(), order.name.clone());
    SendOptions {
        lanes,
        throttle,
        iterations,
        connect: ConnectOptions { patience, path_mode, listen, internet },
        name,
        #[cfg(feature = "croc")]
        croc: order.croc.clone().map(|order| CrocPosting { order, own_port: None }),
    }
}

/// Runs a send under a code of its own, and a relay beside it if the order allows one.
async fn open(
    id: TaskId,
    LimitedOrder { mut order, throttle }: LimitedOrder,
    input: send::SenderInput,
    lease: Lease,
    end: CancellationToken,
    signals: EndSignals,
    out: &Outbox,
) {
    let path_mode = order.path_mode;
    if path_mode == PathMode::LocalOnly {
        order.relays.clear();
        order.internet = None;
        #[cfg(feature = "croc")]
        if let Some(croc) = &mut order.croc {
            croc.search.keep_near();
        }
    }
    let is_alone = order.relays.is_empty() && order.internet.is_none();
    let wants_own = path_mode != PathMode::RelayOnly || is_alone;
    let wanted = OwnRelayConfig::of(&order, is_alone);
    let bound = if wants_own { Some(OwnRelayTask::bind(wanted).await) } else { None };
    let (own_relay, own) = match bound {
        Some(Ok((own_relay, own))) => (Some(own_relay), Some(own)),
        Some(Err(error)) if is_alone => return refuse(id, error.into(), out).await,
        Some(Err(error)) => {
            tracing::warn!(%error, "this send waits on no relay of its own");
            (None, None)
        }
        None => (None, None),
    };
    if let Some(own_relay) = own_relay.as_ref().filter(|_| order.to.is_none()) {
        out.send(listening(id, &own_relay.relay)).await;
    }
    let callee = order.to.take().map(|person| Callee {
        person,
        relays: order.relays.clone(),
        internet: order.internet.clone(),
        path_mode,
    });
    // To a person who is lost, more than one session may lead, and any of them may be met on that relay.
    let own = own.map(|own| match callee {
        Some(_) => OwnRelay { unneeded: CancellationToken::new(), ..own },
        None => own,
    });
    let online = order.internet.clone().map(|internet| OnlinePlace { internet, reveal: path_mode.reveal() });
    #[cfg(feature = "croc")]
    let croc_port = own_relay.as_ref().and_then(OwnRelayTask::croc_port);
    let options = options(&order, throttle);
    #[cfg(feature = "croc")]
    let options = options.with_croc_at(croc_port);
    let places = WaitingPlaces { relays: order.relays, own, online };
    let (payload, code, receivers) = (order.payload, order.code, order.receivers);
    let is_over = CancellationToken::new();
    let sending = async {
        let (branches, mut arrivals) = mpsc::channel(1);
        let work = async |context: &Context| {
            if let Some(callee) = callee {
                let to = (id, callee, out);
                return Box::pin(send_to(to, payload, places, options, input, context)).await;
            }
            if receivers == 1 {
                return send(payload, MeetBy::Code(code, places), options, input, context).await;
            }
            let code = CodeForSeveral { choice: code, places, receivers };
            send_to_several(payload, code, branches, options, input, context).await
        };
        let begin = async {
            while let Some(branch) = arrivals.recv().await {
                let (lease, cancel) = (Arc::clone(&lease), signals.cancel.child_token());
                out.begin(NewBranch { of: id, branch, lease, cancel }).await;
            }
        };
        let (ended, ()) = tokio::join!(transfer(id, out, signals.clone(), work), begin);
        // Unless other transfers use the relay, it ends before the send does: nothing of a send runs on after its end.
        if Arc::into_inner(lease).is_some() {
            is_over.cancelled().await;
        }
        out.send(Event::Ended(id, ended)).await;
    };
    let serving = async {
        if let Some(own_relay) = own_relay {
            // If the relay panics, the send goes on wherever else it waits.
            let _ = caught(own_relay.run(path_mode != PathMode::RelayOnly, end)).await;
        }
        is_over.cancel();
    };
    tokio::join!(sending, serving);
}
