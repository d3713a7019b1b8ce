//! The receiver's lane pool: lanes are opened when the sender says so, and the sender is told when they are over.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    net::client::RelayClientError,
    panics::{caught, joined},
    protocol::{
        peer::Way,
        relay::{FIRST_LANES, MAX_LANES},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        lanes::{
            lane::{EndedLane, Lane},
            receiving::ReceiveLanes,
        },
        link::opener::LaneOpener,
        progress::Route,
    },
};

/// Opens and ends the receiver's lanes, and knows which are over.
pub(super) struct ReceiveLanePool {
    shared: Arc<ReceiveLanes>,
    /// How many lanes there may be at once.
    slots: u16,
    tasks: JoinSet<EndedLane<()>>,
    /// The connection that the lanes belong to.
    link: u64,
    /// How lanes are opened on that connection; `None` while there is none.
    opener: Option<LaneOpener>,
    /// For each slot, the last lane that used it, and how to end that lane while it runs.
    lanes: BTreeMap<u16, (Lane, Option<CancellationToken>)>,
}

impl ReceiveLanePool {
    pub(super) fn new(shared: Arc<ReceiveLanes>, slots: u16) -> Self {
        let (tasks, lanes) = (JoinSet::new(), BTreeMap::new());
        Self { shared, slots, tasks, link: 0, opener: None, lanes }
    }

    /// The connection that the lanes belong to.
    pub(super) fn link(&self) -> u64 {
        self.link
    }

    /// How many lanes are open, which way they really take, and how long a packet takes there and back, where that is known.
    pub(super) fn open_lanes(&self) -> (u16, (Route, Option<Duration>)) {
        let open = || self.lanes.values().filter(|(_, end)| end.is_some()).map(|(lane, _)| lane.way);
        let best = open().max_by_key(|way| way.rank()).unwrap_or(Way::Relay);
        let route = self.opener.as_ref().map_or((Route::Relay, None), |opener| opener.ways.route(best));
        (open().count() as u16, route)
    }

    /// Opens the first lanes of a connection; the sender opens them as well without being told.
    pub(super) fn open_all(&mut self, opener: LaneOpener, way: Way) {
        (self.link, self.opener) = (opener.link, Some(opener));
        for number in 0..self.slots.min(FIRST_LANES) {
            self.start(Lane { number, way });
        }
    }

    /// Opens one lane that the sender has named: in a free slot, under a number that the slot has not seen. A lane of
    /// another connection is ignored.
    pub(super) fn open(&mut self, link: u64, lane: Lane) -> Result<(), Misbehaviour> {
        if link != self.link || self.opener.is_none() {
            return Ok(());
        }
        let slot = lane.number % MAX_LANES;
        let is_free =
            self.lanes.get(&slot).is_none_or(|(last, end)| end.is_none() && lane.number > last.number);
        if slot >= self.slots || !is_free {
            return Err(Misbehaviour::Lanes);
        }
        self.start(lane);
        Ok(())
    }

    /// Ends a lane whose other end is over.
    pub(super) fn end(&mut self, link: u64, lane: u16) {
        let running =
            self.lanes.get(&(lane % MAX_LANES)).filter(|(last, _)| link == self.link && last.number == lane);
        if let Some((_, Some(end))) = running {
            end.cancel();
        }
    }

    /// Gives up the connection, and all its lanes with it.
    pub(super) fn leave(&mut self) {
        for (_, end) in self.lanes.values() {
            end.iter().for_each(CancellationToken::cancel);
        }
        self.lanes.clear();
        self.opener = None;
    }

    /// Whether the lanes belong to a connection that has not been given up.
    pub(super) fn is_at_home(&self) -> bool {
        self.opener.is_some()
    }

    /// Whether all lanes of a connection that was given up have ended.
    pub(super) fn has_left(&self) -> bool {
        self.opener.is_none() && self.tasks.is_empty()
    }

    /// The next lane that ends; `None` while there are none.
    pub(super) async fn next(&mut self) -> Option<EndedLane<()>> {
        self.tasks.join_next().await.map(joined)
    }

    /// Notes that a lane has ended. Returns its connection and number if the sender is to be told.
    pub(super) fn ended(&mut self, ended: EndedLane<()>) -> Result<Option<(u64, u16)>, TransferError> {
        let EndedLane { link, number: lane, result } = ended;
        match result {
            Ok(()) | Err(TransferError::PeerLost) => {}
            // Once a lane was open, a refusal costs only this lane. A relay that refuses from the start has a reason
            // that the user should learn.
            Err(TransferError::Relay(RelayClientError::Refused(_)))
                if self.shared.has_opened.load(Ordering::Relaxed) => {}
            Err(other) => return Err(other),
        }
        if link != self.link || self.opener.is_none() {
            return Ok(None);
        }
        if let Some((_, end)) = self.lanes.get_mut(&(lane % MAX_LANES)) {
            *end = None;
        }
        Ok(Some((link, lane)))
    }

    /// Aborts all lanes and waits until their tasks have ended.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    fn start(&mut self, lane: Lane) {
        let Some(opener) = self.opener.clone() else { return };
        let (end, link) = (CancellationToken::new(), self.link);
        let (shared, token) = (Arc::clone(&self.shared), end.clone());
        self.tasks.spawn(async move {
            let ran = caught(shared.run(opener, lane, token)).await;
            let result = ran.unwrap_or_else(|report| Err(report.into()));
            EndedLane { link, number: lane.number, result }
        });
        self.lanes.insert(lane.number % MAX_LANES, (lane, Some(end)));
    }
}
