//! The sender's lanes: which are open, which are over on which side, and when those that were lost are opened again.
//!
//! The sender leads: it says which lane opens. A lane is over when both ends are: only then is it known which of its blocks
//! arrived, and the others go out again over another.

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
            sending::{LaneEnd, LaneStop, SendLanes},
        },
        link::{control::Control, opener::LaneOpener},
    },
};

/// The pauses before a lost lane is opened again. They begin anew once the lane worked.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
/// A lane over which nothing arrives for so long, while the other side lives, is ended; twice as long after each time.
const SILENCE: Duration = Duration::from_secs(8);
/// Unless all lanes are silent, a silent one is ended only after so many blocks for each lane have arrived over others.
const OVERTAKEN: u64 = 4;
/// Where nothing tells a slow network from one that is gone, because no lane has anything to be compared with, silence may
/// last so many times as long.
const DOUBTFUL: u32 = 3;
/// A lane that holds up the end is ended if another could bring so many blocks meanwhile; twice as many after each time.
const SOONER: u32 = 3;
/// A lane that lived this long worked.
const WORKED: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct SendLanePool {
    shared: Arc<SendLanes>,
    slots: u16,
    /// How many of them are to be used.
    wanted: u16,
    tasks: JoinSet<EndedLane<LaneEnd>>,
    /// The connection that the lanes belong to, and the way to them.
    link: u64,
    opener: Option<LaneOpener>,
    lanes: BTreeMap<u16, PooledLane>,
    /// Slots without a lane: which lane comes next, and when.
    due: BTreeMap<u16, (Instant, Backoff)>,
    is_paused: bool,
    silence: Duration,
    sooner: u32,
}

struct PooledLane {
    way: Way,
    stop: LaneStop,
    since: Instant,
    backoff: Backoff,
    ours_is_over: bool,
    theirs_is_over: bool,
    /// Whether the receiver was told that ours is.
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

    /// How many lanes carry data, or are about to, and whether they go around the relay.
    pub(super) fn open_lanes(&self) -> (u16, bool) {
        let open = || self.lanes.values().filter(|lane| !lane.ours_is_over);
        (open().count() as u16, open().any(|lane| lane.way != Way::Relay))
    }

    /// Opens the first lanes of a connection; the other side does the same without being told.
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

    /// The connection is gone, and all its lanes with it.
    pub(super) fn leave(&mut self) {
        for lane in self.lanes.values() {
            lane.stop.now.cancel();
        }
        self.lanes.clear();
        self.due.clear();
        self.opener = None;
    }

    /// Whether the lanes of a lost connection have come to rest.
    pub(super) fn has_left(&self) -> bool {
        self.opener.is_none() && self.tasks.is_empty()
    }

    /// Whether the lanes' connection is one that counts.
    pub(super) fn is_at_home(&self) -> bool {
        self.opener.is_some()
    }

    /// The next lane that ends on this side; `None` while there are none.
    pub(super) async fn next(&mut self) -> Option<EndedLane<LaneEnd>> {
        self.tasks.join_next().await.map(joined)
    }

    /// A lane has ended on this side.
    pub(super) fn ended(
        &mut self,
        control: &mut Control,
        ended: EndedLane<LaneEnd>,
    ) -> Result<(), TransferError> {
        let EndedLane { link, number: lane, result } = ended;
        let is_closed = matches!(result, Ok(LaneEnd::Closed));
        match result {
            Ok(_) | Err(TransferError::PeerLost) => {}
            // A relay that let nobody in from the start has a reason that a person should hear.
            Err(TransferError::Relay(RelayClientError::Refused(_)))
                if self.shared.has_opened.load(Ordering::Relaxed) => {}
            Err(other) => return Err(other),
        }
        if link != self.link {
            return Ok(());
        }
        let Some(state) = self.lanes.get_mut(&lane) else { return Ok(()) };
        state.ours_is_over = true;
        if state.theirs_is_over {
            self.settle(lane);
            return Ok(());
        }
        // To be told now would cost the receiver what is still on its way. It finds the end behind that.
        if is_closed { Ok(()) } else { state.tell_over(control, link, lane) }
    }

    /// A lane has ended on the other side, and what it brought was said.
    pub(super) fn other_end_is_over(&mut self, link: u64, lane: u16) {
        if link != self.link {
            return;
        }
        // A lane that was never opened is none of ours to end.
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        state.theirs_is_over = true;
        state.stop.now.cancel();
        if state.ours_is_over {
            self.settle(lane);
        }
    }

    /// Sends every lane home, or brings them back.
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

    /// Uses so many lanes from now on.
    pub(super) fn use_lanes(&mut self, wanted: u16) {
        self.wanted = wanted.min(self.slots);
        for (number, lane) in &self.lanes {
            if number % MAX_LANES >= self.wanted {
                lane.stop.after_block.cancel();
            }
        }
    }

    /// Opens what is due; once there is a way around the relay, lanes that go through it make way for others.
    pub(super) fn open_due(&mut self, control: &mut Control) -> Result<(), TransferError> {
        let Some(opener) = self.opener.as_ref().filter(|_| !self.is_paused) else { return Ok(()) };
        let way = opener.ways.best();
        if way != Way::Relay {
            for lane in self.lanes.values().filter(|lane| lane.way == Way::Relay) {
                lane.stop.after_block.cancel();
            }
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

    /// Ends lanes over which nothing arrives any more, so that what they carry goes out over others. A way around the relay
    /// on which all of them are silent is left.
    pub(super) fn end_silent(&mut self, control: &mut Control) -> Result<(), TransferError> {
        let queue = &self.shared.queue;
        let silent = queue.silent(self.silence);
        let (open, is_direct) = self.open_lanes();
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

    /// Ends the lane that all others, which have nothing to do any more, wait for.
    pub(super) fn end_straggler(&mut self, control: &mut Control) -> Result<(), TransferError> {
        let Some(lane) = self.shared.queue.straggler(self.sooner) else { return Ok(()) };
        self.sooner = self.sooner.saturating_mul(2);
        self.give_up(control, lane)
    }

    fn give_up(&mut self, control: &mut Control, lane: u16) -> Result<(), TransferError> {
        let Some(state) = self.lanes.get_mut(&lane) else { return Ok(()) };
        state.stop.now.cancel();
        // One that was closed will not end a second time.
        if state.ours_is_over { state.tell_over(control, self.link, lane) } else { Ok(()) }
    }

    /// Ends all lanes and waits until they are gone.
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

    /// Both ends of a lane are over.
    fn settle(&mut self, lane: u16) {
        let Some(state) = self.lanes.remove(&lane) else { return };
        self.shared.queue.requeue(Some(lane));
        let mut backoff = if state.since.elapsed() >= WORKED { BACKOFF } else { state.backoff };
        // A slot that was used so often that its numbers are used up stays empty until the next connection.
        if let Some(next) = lane.checked_add(MAX_LANES) {
            self.due.insert(next, (Instant::now() + backoff.next_pause(), backoff));
        }
    }
}
