//! The connections of a session that are made over the internet: the receiver calls, the sender takes its calls.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Direct, MAX_UNPROVEN, PROOF_LIMIT, SEARCH};
use crate::{
    net::{
        backoff::Backoff,
        internet::{Incoming, QuicConnection},
    },
    protocol::peer::DirectPurpose,
    transfer::link::pipe::Pipe,
};

/// The most connections over the internet that a sender takes at a time: those of an honest receiver, several times over, because
/// it may make new ones before the old ones are known to be dead; and strangers beside them.
const MAX_CALLERS: usize = 64;
/// The most of them on which nothing is proven yet. When there is one more, the oldest of them is closed.
const MAX_UNPROVEN_CALLERS: usize = 24;
/// The pauses before the sender's endpoint is called again over the internet.
const REDIAL: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// A connection that is being served.
#[derive(Default)]
struct Caller {
    /// Whether the other side has proven on it who it is.
    is_proven: AtomicBool,
    /// Cancelled when it has ended, or has to end.
    leaves: CancellationToken,
}

impl Caller {
    fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }
}

impl Direct {
    /// Calls the sender's endpoint over the internet.
    pub(super) async fn call_for(&self, purpose: DirectPurpose) -> Option<Pipe> {
        let online = self.online.as_ref()?;
        let opened = match purpose {
            DirectPurpose::Lane { lane, .. } => online.lane(lane).await,
            DirectPurpose::Probe | DirectPurpose::Reconnect => online.call().await.map(|(stream, _)| stream),
        };
        let mut stream = opened.ok()?;
        self.offer_proof(&mut stream, purpose, || {}).await?;
        Some(stream.into())
    }

    /// Keeps a connection to the sender's endpoint over the internet, from when the user has accepted the offer. Where the two
    /// have met at a relay, machines that reach each other in a local network need none; others do, because QUIC may be faster
    /// than TCP between them.
    pub(super) async fn call(self: Arc<Self>) {
        let Some(online) = self.online.clone() else { return };
        let (mut machines, mut backoff) = (self.found.subscribe(), REDIAL);
        if !self.has_relay {
            online.prepare().await;
        }
        loop {
            online.is_wanted().await;
            if self.has_relay {
                let is_found =
                    async { machines.wait_for(|found| !found.is_empty()).await.map(|found| *found) };
                if let Ok(Ok(found)) = timeout(SEARCH, is_found).await
                    && found.is_local()
                {
                    let _ = machines.wait_for(|found| found.is_empty()).await;
                    continue;
                }
            }
            if let Ok((mut stream, connection)) = online.call().await
                && self.offer_proof(&mut stream, DirectPurpose::Probe, || {}).await.is_some()
            {
                backoff.reset();
                online.find(connection.clone());
                online.outlive(&connection).await;
            }
            sleep(backoff.next_pause()).await;
        }
    }

    /// Takes connections that a receiver makes over the internet, and keeps their streams on which it proves who it is.
    pub(super) async fn take_calls(self: Arc<Self>) {
        let Some(endpoint) = self.online.as_ref().and_then(|online| online.own()).cloned() else { return };
        let (mut callers, mut unproven) = (JoinSet::new(), VecDeque::new());
        loop {
            tokio::select! {
                incoming = endpoint.accept() => {
                    let Some(incoming) = incoming else { return };
                    let caller = Arc::new(Caller::default());
                    unproven.retain(|caller: &Arc<Caller>| !caller.is_proven() && !caller.leaves.is_cancelled());
                    // Nobody but the peer can make room by taking it from the peer.
                    if unproven.len() >= MAX_UNPROVEN_CALLERS && let Some(oldest) = unproven.pop_front() {
                        oldest.leaves.cancel();
                    }
                    if callers.len() < MAX_CALLERS {
                        unproven.push_back(Arc::clone(&caller));
                        callers.spawn(Arc::clone(&self).take_call(incoming, caller));
                    } else {
                        incoming.ignore();
                    }
                }
                Some(_) = callers.join_next() => {}
            }
        }
    }

    /// Serves one connection over the internet until it ends. It ends early if nothing is proven on it.
    async fn take_call(self: Arc<Self>, incoming: Incoming, caller: Arc<Caller>) {
        tokio::select! {
            () = caller.leaves.cancelled() => {}
            () = self.serve_call(incoming, &caller) => caller.leaves.cancel(),
        }
    }

    async fn serve_call(self: &Arc<Self>, incoming: Incoming, caller: &Caller) {
        let Some(connection) = incoming.complete().await else { return };
        let mut proving = JoinSet::new();
        let unproven_until = Instant::now() + PROOF_LIMIT;
        loop {
            tokio::select! {
                stream = connection.accept() => {
                    let Ok(mut stream) = stream else { return };
                    if proving.len() >= MAX_UNPROVEN {
                        return connection.close();
                    }
                    let direct = Arc::clone(self);
                    proving.spawn(async move { Some((direct.hear_proof(&mut stream).await?, stream)) });
                }
                Some(proven) = proving.join_next() => if let Ok(Some((purpose, stream))) = proven {
                    caller.is_proven.store(true, Ordering::Relaxed);
                    self.take_caller(purpose, stream.into(), &connection);
                },
                () = sleep_until(unproven_until), if !caller.is_proven() => return connection.close(),
            }
        }
    }

    fn take_caller(&self, purpose: DirectPurpose, pipe: Pipe, connection: &QuicConnection) {
        match (purpose, &self.online) {
            (DirectPurpose::Probe, Some(online)) => online.find(connection.clone()),
            _ => self.keep_inbound(purpose, pipe),
        }
    }
}
