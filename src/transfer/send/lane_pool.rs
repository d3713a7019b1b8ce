//! The sender's lane pool: which lanes are open, which of their ends are over, and when lanes that were lost are opened
//! again.
//!
//! The sender decides which lane opens. A lane is over when both of its ends are: only then is it known which of its
//! blocks have arrived, and the others are sent again over other lanes.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use crate::{
    net::{backoff::Backoff, client::RelayClientError},
    panics::{caught, joined},
    protocol::{
        peer::{FromSender, Way},
        relay::{FIRST_LANES, MAX_LANES},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        lanes::{
            lane::{EndedLane, Lane},
            lane_count::LaneWish,
            sending::{LaneEnd, LaneStop, SendLanes},
        },
        link::{control::Control, online::MAX_ONLINE_LANES, opener::LaneOpener},
        progress::Route,
    },
};

/// The pauses before a lost lane is opened again. The first is short, because most losses are single ones; later ones
/// spare a network or a relay that keeps failing. After a lane that worked, they start again with the first.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
/// How long nothing may arrive over a lane, while the other side lives, before the lane is ended; doubled each time
/// lanes are ended for it. It balances a network that recovers by itself against blocks that wait on a dead lane.
const SILENCE: Duration = Duration::from_secs(8);
/// How many blocks for each open lane must have arrived over other lanes before a silent one is ended, unless all lanes
/// are silent. A lane that is only slow brings something in that time.
const OVERTAKEN: u64 = 4;
/// How many times as long silence may last where a slow network can't be told from a dead one, because no lane has
/// another to be compared with.
const DOUBTFUL: u32 = 3;
/// A lane for which all others wait is ended if an idle one could bring this many blocks in the time that it still
/// needs. The number doubles each time, because ending a lane loses what it has in flight.
const SOONER: u32 = 3;
/// How long a lane must have lived to count as one that worked: longer than any pause before it is opened again.
const WORKED: Duration = Duration::from_secs(10);

/// Opens and ends the sender's lanes, and has the blocks sent again that were lost with one.
pub(super) struct SendLanePool {
    shared: Arc<SendLanes>,
    /// How many lanes there may be at once.
    slots: u16,
    /// How many slots are to be used.
    wanted: u16,
    /// Whether lanes are to go over QUIC where TCP from machine to machine would do as well.
    prefers_quic: bool,
    /// Whether a lane that was to go over QUIC for that reason has not opened, or not lasted.
    has_failed_over_quic: bool,
    tasks: JoinSet<EndedLane<LaneEnd>>,
    /// The connection that the lanes belong to.
    link: u64,
    /// How lanes are opened on that connection; `None` while there is none.
    opener: Option<LaneOpener>,
    lanes: BTreeMap<u16, PooledLane>,
    /// Slots without a lane: the number of the next lane, when it may open, and the backoff after that.
    due: BTreeMap<u16, (Instant, Backoff)>,
    is_paused: bool,
    /// How long a lane may be silent now; begins with [`SILENCE`].
    silence: Duration,
    /// How many blocks a faster lane must be able to bring now; begins with [`SOONER`].
    sooner: u32,
}

struct PooledLane {
    way: Way,
    stop: LaneStop,
    since: Instant,
    backoff: Backoff,
    ours_is_over: bool,
    theirs_is_over: bool,
    /// Whether the receiver was told that this end is over.
    has_told: bool,
}

impl PooledLane {
    fn tell_over(&mut self, control: &mut Control, link: u64, lane: u16) -> Result<(), TransferError> {
        if std::mem::replace(&mut self.has_told, true) {
            return Ok(());
        }
        control.say(&FromSender::LaneOver { link, lane })
    }
}

impl SendLanePool {
    pub(super) fn new(shared: Arc<SendLanes>, slots: u16) -> Self {
        Self {
            shared,
            slots,
            wanted: slots.min(FIRST_LANES),
            prefers_quic: false,
            has_failed_over_quic: false,
            tasks: JoinSet::new(),
            link: 0,
            opener: None,
            lanes: BTreeMap::new(),
            due: BTreeMap::new(),
            is_paused: false,
            silence: SILENCE,
            sooner: SOONER,
        }
    }

    /// The connection that the lanes belong to.
    pub(super) fn link(&self) -> u64 {
        self.link
    }

    /// The speed limit of all lanes together, in bytes a second, as it is now.
    pub(super) fn limit(&self) -> Option<u64> {
        self.shared.throttle.bytes_per_sec()
    }

    /// How many lanes carry data, or are about to.
    pub(super) fn open_lanes(&self) -> u16 {
        self.lanes.values().filter(|lane| !lane.ours_is_over).count() as u16
    }

    /// The best way that any of these lanes goes.
    pub(super) fn best_way(&self) -> Way {
        let open = self.lanes.values().filter(|lane| !lane.ours_is_over).map(|lane| lane.way);
        open.max_by_key(|way| way.rank()).unwrap_or(Way::Relay)
    }

    /// Which way the lanes really take, and how long a packet takes there and back, where that is known.
    pub(super) fn route(&self) -> (Route, Option<Duration>) {
        self.opener.as_ref().map_or((Route::Relay, None), |opener| opener.ways.route(self.best_way()))
    }

    /// Opens the first lanes of a connection; the other side opens them as well without being told.
    pub(super) fn open_all(
        &mut self,
        control: &mut Control,
        opener: LaneOpener,
        way: Way,
    ) -> Result<(), TransferError> {
        if way != Way::Relay && !opener.ways.allows_direct() {
            return Err(Misbehaviour::Lanes.into());
        }
        let link = opener.link;
        (self.link, self.opener) = (link, Some(opener));
        let first = self.slots.min(FIRST_LANES);
        self.due.extend((first..self.slots).map(|lane| (lane, (Instant::now(), BACKOFF))));
        for lane in 0..first {
            self.open(Lane { number: lane, way }, BACKOFF);
            if self.is_paused {
                self.end_ours(control, lane)?;
            }
        }
        Ok(())
    }

    /// Gives up the connection, and all its lanes with it.
    pub(super) fn leave(&mut self) {
        for lane in self.lanes.values() {
            lane.stop.now.cancel();
        }
        self.lanes.clear();
        self.due.clear();
        self.opener = None;
    }

    /// Whether all lanes of a connection that was given up have ended.
    pub(super) fn has_left(&self) -> bool {
        self.opener.is_none() && self.tasks.is_empty()
    }

    /// Whether the lanes belong to a connection that has not been given up.
    pub(super) fn is_at_home(&self) -> bool {
        self.opener.is_some()
    }

    /// The next lane that ends on this side; `None` while there are none.
    pub(super) async fn next(&mut self) -> Option<EndedLane<LaneEnd>> {
        self.tasks.join_next().await.map(joined)
    }

    /// Notes that a lane has ended on this side.
    pub(super) fn ended(
        &mut self,
        control: &mut Control,
        ended: EndedLane<LaneEnd>,
    ) -> Result<(), TransferError> {
        let EndedLane { link, number: lane, result } = ended;
        let is_closed = matches!(result, Ok(LaneEnd::Closed));
        let is_lost = result.is_err();
        match result {
            Ok(_) | Err(TransferError::PeerLost) => {}
            // Once a lane was open, a refusal costs only this lane. A relay that refuses from the start has a reason
            // that the user should learn.
            Err(TransferError::Relay(RelayClientError::Refused(_)))
                if self.shared.has_opened.load(Ordering::Relaxed) => {}
            Err(other) => return Err(other),
        }
        if link != self.link {
            return Ok(());
        }
        let Some(state) = self.lanes.get_mut(&lane) else { return Ok(()) };
        self.has_failed_over_quic |= is_lost && self.prefers_quic && state.way == Way::Internet;
        state.ours_is_over = true;
        if state.theirs_is_over {
            self.settle(lane);
            return Ok(());
        }
        // Telling the receiver now would cost it what is still in flight. It finds the lane's end behind those bytes.
        if is_closed { Ok(()) } else { state.tell_over(control, link, lane) }
    }

    /// Notes that a lane has ended on the other side, which has reported all that the lane brought.
    pub(super) fn other_end_is_over(&mut self, link: u64, lane: u16) {
        if link != self.link {
            return;
        }
        // A lane that was never opened can't be ended.
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        state.theirs_is_over = true;
        state.stop.now.cancel();
        if state.ours_is_over {
            self.settle(lane);
        }
    }

    /// Ends all lanes for a pause, or has them opened again at once.
    pub(super) fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
        self.shared.queue.pause(is_paused);
        if !is_paused {
            let now = Instant::now();
            for due in self.due.values_mut() {
                *due = (now, BACKOFF);
            }
        }
    }

    /// How long a packet takes there and back, where lanes go from machine to machine over TCP and could go over QUIC as well.
    pub(super) fn quic_round_trip(&self) -> Option<Duration> {
        self.opener.as_ref()?.ways.quic_round_trip()
    }

    /// Whether a lane that was to go over QUIC in place of TCP has not opened, or not lasted, since this was asked last.
    pub(super) fn has_failed_over_quic(&mut self) -> bool {
        std::mem::take(&mut self.has_failed_over_quic)
    }

    /// Uses these lanes from now on, at most one for each slot. Lanes beyond that end after their current block.
    pub(super) fn use_lanes(&mut self, wish: LaneWish) {
        self.prefers_quic = wish.prefers_quic;
        let most =
            if self.way() == Some(Way::Internet) { self.slots.min(MAX_ONLINE_LANES) } else { self.slots };
        self.wanted = wish.lanes.min(most);
        for (number, lane) in &self.lanes {
            if number % MAX_LANES >= self.wanted {
                lane.stop.after_block.cancel();
            }
        }
    }

    /// The way that new lanes are to take.
    fn way(&self) -> Option<Way> {
        let ways = &self.opener.as_ref()?.ways;
        let prefers_quic = self.prefers_quic && ways.quic_round_trip().is_some();
        Some(if prefers_quic { Way::Internet } else { ways.best() })
    }

    /// Opens the lanes that are due. Once there is a better way than that of a lane, it ends after its current block, and another
    /// takes its place.
    pub(super) fn open_due(&mut self, control: &mut Control) -> Result<(), TransferError> {
        let Some(way) = self.way().filter(|_| !self.is_paused) else { return Ok(()) };
        let is_better = |than: Way| match way {
            Way::Internet if self.prefers_quic => than != way,
            _ => than.rank() < way.rank(),
        };
        for lane in self.lanes.values().filter(|lane| is_better(lane.way)) {
            lane.stop.after_block.cancel();
        }
        let now = Instant::now();
        let is_due = |lane: u16, at: Instant| at <= now && lane % MAX_LANES < self.wanted;
        let due: Vec<_> =
            self.due.iter().filter(|(l, (at, _))| is_due(**l, *at)).map(|(l, (_, p))| (*l, *p)).collect();
        for (lane, backoff) in due {
            self.due.remove(&lane);
            control.say(&FromSender::OpenLane { link: self.link, lane, way })?;
            self.open(Lane { number: lane, way }, backoff);
        }
        Ok(())
    }

    /// Ends lanes over which nothing arrives any more, so that their blocks are sent over others. A way around the
    /// relay is given up if all lanes on it are silent.
    pub(super) fn end_silent(&mut self, control: &mut Control) -> Result<(), TransferError> {
        let queue = &self.shared.queue;
        let silent = queue.silent(self.silence);
        let (open, is_direct) = (self.open_lanes(), self.best_way() != Way::Relay);
        let are_all = silent.len() >= usize::from(open);
        let is_dead = |others: u64| if are_all { is_direct } else { others >= OVERTAKEN * u64::from(open) };
        let mut dead: Vec<u16> = silent.iter().filter(|s| is_dead(s.others)).map(|s| s.lane).collect();
        if dead.is_empty() {
            let silent = queue.silent(self.silence * DOUBTFUL);
            let doubtful: Vec<u16> = silent.iter().map(|silent| silent.lane).collect();
            if doubtful.len() >= usize::from(open) || queue.waits_only_for(&doubtful) {
                dead = doubtful;
            }
        }
        if dead.is_empty() {
            return Ok(());
        }
        self.silence *= 2;
        if are_all && let Some(opener) = self.opener.as_ref() {
            opener.ways.forget_direct();
        }
        dead.into_iter().try_for_each(|lane| self.give_up(control, lane))
    }

    /// Ends the lane that all others, which have nothing left to do, wait for, if one of them would be much faster.
    pub(super) fn end_straggler(&mut self, control: &mut Control) -> Result<(), TransferError> {
        let Some(lane) = self.shared.queue.straggler(self.sooner) else { return Ok(()) };
        self.sooner = self.sooner.saturating_mul(2);
        self.give_up(control, lane)
    }

    fn give_up(&mut self, control: &mut Control, lane: u16) -> Result<(), TransferError> {
        let Some(state) = self.lanes.get_mut(&lane) else { return Ok(()) };
        state.stop.now.cancel();
        // A lane that has closed on this side won't end a second time, so the receiver is told here.
        if state.ours_is_over { state.tell_over(control, self.link, lane) } else { Ok(()) }
    }

    /// Aborts all lanes and waits until their tasks have ended.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    fn end_ours(&mut self, control: &mut Control, lane: u16) -> Result<(), TransferError> {
        let Some(state) = self.lanes.get_mut(&lane) else { return Ok(()) };
        state.ours_is_over = true;
        state.stop.now.cancel();
        state.tell_over(control, self.link, lane)
    }

    fn open(&mut self, lane: Lane, backoff: Backoff) {
        let Some(opener) = self.opener.clone() else { return };
        let (stop, link) = (LaneStop::default(), self.link);
        let (shared, way, since) = (Arc::clone(&self.shared), lane.way, Instant::now());
        let state = PooledLane {
            way,
            stop: stop.clone(),
            since,
            backoff,
            ours_is_over: false,
            theirs_is_over: false,
            has_told: false,
        };
        self.tasks.spawn(async move {
            let ran = caught(shared.run(opener, lane, stop)).await;
            let result = ran.unwrap_or_else(|report| Err(report.into()));
            EndedLane { link, number: lane.number, result }
        });
        self.lanes.insert(lane.number, state);
    }

    /// Removes a lane of which both ends are over: what it had in flight is sent again, and its slot is due for another
    /// lane.
    fn settle(&mut self, lane: u16) {
        let Some(state) = self.lanes.remove(&lane) else { return };
        self.shared.queue.requeue(Some(lane));
        let mut backoff = if state.since.elapsed() >= WORKED { BACKOFF } else { state.backoff };
        // A slot whose lane numbers are used up stays empty until the next connection.
        if let Some(next) = lane.checked_add(MAX_LANES) {
            self.due.insert(next, (Instant::now() + backoff.next_pause(), backoff));
        }
    }
}
