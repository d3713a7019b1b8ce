//! The sealed control channel of a session: messages in, messages out, in order and each exactly once, whatever becomes of
//! the connection below.
//!
//! Every record says how many messages its author has heard. What the other side has not confirmed is kept, and said
//! again on the next connection; so a lost connection loses no message, and nobody above needs to know of it but for the
//! lanes, which went with it ([`Control::link`]). A side that has heard nothing for a while starts to come back
//! ([`super::reconnect`]) while it still listens, and gives the old connection up later; at once if its own address is gone.
//!
//! [`Control::next`] writes what is queued while it waits, says that this side is alive when it has nothing else to say,
//! and gives up when the other side stays away for longer than this side's patience. It may be dropped at any await and
//! called again, so it can stand in a `select!` beside lanes and a person's decisions.

use std::{future, net::SocketAddr, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    activity::Activity,
    direct::Paths,
    handshake::Keys,
    invitation::{self, Invitation, Invitations},
    opener::{LaneOpener, LaneWays, NetworkWays},
    pipe::Pipe,
    reconnect::{FindPeer, Reconnect, Reconnected},
    rendezvous::{Meeting, Seat, new_client_token},
    watchdog::{News, Observation, Watchdog},
    wire::{HEARTBEAT_MESSAGE, LOOK_EVERY, Talk, Wire},
};
use crate::{
    crypto::{ChannelKeys, Side},
    net::client::RelayChoice,
    panics::{Blocking, joined, reported},
    protocol::{
        frame,
        peer::{FromReceiver, FromSender, MAX_INVITATIONS, Way, Work},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        notice::{Context, Notice},
        path_mode::ConnectOptions,
        progress::Connection,
    },
};

/// A side that has said nothing for this long says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A connection that has brought nothing for this long is doubted: coming back begins.
const DOUBT: Duration = Duration::from_secs(3);
/// A doubted connection that has worked again for this long is doubted no more. Until then the way back is taken if the other
/// side takes it too: the lanes of the old connection may need much longer to recover than new ones need to open.
const RECOVERY: Duration = Duration::from_secs(5);
/// A connection that has brought nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(12);

/// How long a receiver that has everything waits for the sender to confirm that it has heard so, while the connection works.
/// A peer that answers at all does so within a round trip; the rest is for lanes that still fill the way between the two.
const FAREWELL: Duration = Duration::from_secs(20);
/// How long it does so in all, when the connection is lost meanwhile: most outages on the road are shorter, and a user who has
/// everything is not kept longer from closing the program by a sender that will never come back.
pub(crate) const LONGEST_FAREWELL: Duration = Duration::from_mins(2);
/// Bytes heard after which they are confirmed at once, so that the other side need not keep them for long.
const CONFIRM_AFTER: usize = 64 * 1024;

/// See the module.
pub(crate) struct Control {
    /// `None` while the connection is lost.
    wire: Option<Wire>,
    talk: Talk,
    side: Side,
    /// How long a lost peer is looked for. With no patience at all, a loss is the end.
    patience: Duration,
    /// The relay through which the two have met.
    relay: RelayChoice,
    context: Context,
    find: Arc<dyn FindPeer>,
    /// Finds the other side again, while it is being looked for.
    finding: JoinSet<Reconnected>,
    /// Since when nothing works.
    lost_at: Option<Instant>,
    /// Since when a doubted connection works again.
    recovered_at: Option<Instant>,
    link: u64,
    /// Where this side sits at the relay, as long as the first connection lasts.
    seat: Option<Seat>,
    /// The seat of a connection that only this side knows to be dead.
    left: Option<Seat>,
    lanes: LaneOpening,
    /// Ways around the relay, unless a person wants none.
    paths: Option<Paths>,
    /// The connection on which the other side's addresses came last, and how often.
    addresses_came: (u64, u32),
    /// The connection on which this side's were said last, with what the gateway had opened then.
    addresses_said: Option<(u64, Option<SocketAddr>)>,
    /// Finds out why nothing moves.
    watchdog: Watchdog,
    /// Brings the codes under which a sender has more to offer.
    inviting: Option<Invitations>,
    /// Invitations that came.
    invitations: u32,
}

/// How the lanes of this connection are opened, once their keys are there.
enum LaneOpening {
    /// The keys are still being derived.
    Deriving(Arc<dyn LaneWays>, Blocking<ChannelKeys>),
    Ready(LaneOpener),
}

/// A fresh connection whose handshake is done, and what a session needs beside it.
pub(crate) struct Session {
    /// The connection.
    pub(crate) pipe: Pipe,
    /// Which of the two this is.
    pub(crate) side: Side,
    /// Keys of the control channel on this connection.
    pub(crate) keys: ChannelKeys,
    /// Keys of the lanes, which may still be derived.
    pub(crate) lane_keys: Blocking<ChannelKeys>,
    /// How lanes are opened.
    pub(crate) ways: Arc<dyn LaneWays>,
    /// Where this side sits at the relay, if it came through one.
    pub(crate) seat: Option<Seat>,
    /// Finds the other side again.
    pub(crate) find: Arc<dyn FindPeer>,
    /// Ways around the relay, unless the user wants none.
    pub(crate) paths: Option<Paths>,
    /// How long a lost peer is looked for. With no patience at all, a loss is the end.
    pub(crate) patience: Duration,
}

impl Session {
    /// Between two peers that have met through `relay`, which also brings them together again.
    pub(crate) fn through(
        meeting: Meeting,
        side: Side,
        relay: &RelayChoice,
        ConnectOptions { patience, path_mode, listen }: ConnectOptions,
        context: &Context,
    ) -> Result<Self, TransferError> {
        let Meeting { is_here, stream, lanes, token, seat, keys: Keys { metadata, data, reconnect }, .. } =
            meeting;
        let paths = Paths::open(side, &reconnect, path_mode, listen, is_here);
        let direct = paths.as_ref().map(|paths| Arc::clone(paths.direct()));
        let find = Reconnect {
            relay: relay.clone(),
            known: lanes.socket(),
            side,
            key: reconnect,
            client_token: new_client_token()?,
            direct: direct.clone(),
            context: context.clone(),
        };
        Ok(Self {
            pipe: stream.into(),
            side,
            keys: metadata,
            lane_keys: data,
            ways: Arc::new(NetworkWays { relay: Some((lanes, token)), direct }),
            seat: Some(seat),
            find: Arc::new(find),
            paths,
            patience,
        })
    }
}

impl Control {
    /// Over a fresh connection. `relay` is the one through which the two have met.
    pub(crate) fn new(session: Session, relay: &RelayChoice, context: &Context) -> Self {
        let Session { pipe, side, keys, lane_keys, ways, seat, find, paths, patience } = session;
        let mut wire = Wire::new(pipe, &keys, side);
        // There were no connections before.
        wire.is_in_step = true;
        Self {
            wire: Some(wire),
            talk: Talk::default(),
            side,
            patience,
            relay: relay.clone(),
            context: context.clone(),
            find,
            finding: JoinSet::new(),
            lost_at: None,
            recovered_at: None,
            link: 0,
            seat,
            left: None,
            lanes: LaneOpening::Deriving(ways, lane_keys),
            paths,
            addresses_came: (0, 0),
            addresses_said: None,
            watchdog: Watchdog::new(Arc::default()),
            inviting: None,
            invitations: 0,
        }
    }

    /// Says whatever comes over `inviting` as well, at any point.
    pub(crate) fn invite_over(&mut self, inviting: Invitations) {
        self.inviting = Some(inviting);
    }

    /// The other side has named a code under which it has more to offer.
    pub(crate) async fn invited(&mut self, code: &str) -> Result<(), TransferError> {
        self.invitations += 1;
        if self.invitations > MAX_INVITATIONS {
            return Err(Misbehaviour::Invitation.into());
        }
        let (code, relay) = (invitation::read(code)?, self.relay.clone());
        self.context.tell(Notice::Invited { code, relay }).await;
        Ok(())
    }

    /// Names the connection; another one means that the lanes of the last are gone. The same on both sides.
    pub(crate) fn link(&self) -> u64 {
        self.link
    }

    /// How the lanes of this connection are opened.
    pub(crate) async fn lane_opener(&mut self) -> LaneOpener {
        if let LaneOpening::Deriving(ways, keys) = &mut self.lanes {
            let keys = Arc::new(keys.await);
            self.lanes = LaneOpening::Ready(LaneOpener { link: self.link, keys, ways: Arc::clone(ways) });
        }
        match &self.lanes {
            LaneOpening::Ready(opener) => opener.clone(),
            LaneOpening::Deriving(..) => unreachable!("the keys were just waited for"),
        }
    }

    /// Whether the other side was heard a moment ago.
    pub(crate) fn hears(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.heard.elapsed() < DOUBT)
    }

    /// Where what takes long on this side is noted.
    pub(crate) fn work(&self) -> &Arc<Activity> {
        self.watchdog.work()
    }

    /// The other side says what it is doing that holds both up. `false` if that says nothing new, which no peer does.
    pub(crate) fn other_works(&mut self, work: Option<Work>) -> bool {
        self.watchdog.hear(work)
    }

    /// Whether the other side is what things wait for, as it says.
    pub(crate) fn other_is_at_work(&self) -> bool {
        self.watchdog.other_is_at_work()
    }

    /// Says where the other side may reach this machine directly, unless that was said on this connection. A sender that
    /// is not to be reached says nothing; a receiver answers in any case.
    pub(crate) fn say_addresses(&mut self) -> Result<(), TransferError> {
        if self.addresses_said.is_some_and(|(link, _)| link == self.link) {
            return Ok(());
        }
        self.say_addresses_again()
    }

    fn say_addresses_again(&mut self) -> Result<(), TransferError> {
        let addresses = self.paths.as_ref().map(Paths::addresses).unwrap_or_default();
        self.addresses_said = Some((self.link, self.outside()));
        match self.side {
            Side::Sender if addresses.is_empty() => Ok(()),
            Side::Sender => self.say(&FromSender::Addresses(addresses)),
            Side::Receiver => self.say(&FromReceiver::Addresses(addresses)),
        }
    }

    /// The port for direct connections that was asked for and could not be had, and the one that is used instead.
    pub(crate) fn refused_port(&self) -> Option<(u16, u16)> {
        self.paths.as_ref().and_then(Paths::refused_port)
    }

    /// Where the gateway lets connections from outside in, once it does.
    fn outside(&self) -> Option<SocketAddr> {
        self.paths.as_ref().and_then(Paths::outside)
    }

    /// The other side has said where it may be reached directly, which it does once on each connection, and once more when
    /// its gateway has opened a way in. `false` if it says it once more than that.
    pub(crate) fn try_directly(&mut self, theirs: &[SocketAddr]) -> bool {
        let times = if self.addresses_came.0 == self.link { self.addresses_came.1 } else { 0 };
        if times >= 2 {
            return false;
        }
        self.addresses_came = (self.link, times + 1);
        if let Some(paths) = &mut self.paths {
            paths.try_all(theirs);
        }
        true
    }

    /// Waits for a direct way as long as that makes sense; says how lanes are best opened then.
    pub(crate) async fn way(&self) -> Way {
        match &self.paths {
            Some(paths) => paths.settled().await,
            None => Way::Relay,
        }
    }

    /// Queues a message; [`Control::next`] and [`Control::finish`] write it.
    pub(crate) fn say<T: Serialize>(&mut self, message: &T) -> Result<(), TransferError> {
        let bytes = frame::to_bytes(message);
        if let Some(wire) = self.wire.as_mut().filter(|wire| wire.is_in_step) {
            wire.say(self.talk.heard, &bytes)?;
            self.talk.heard_since_told = 0;
        }
        self.talk.unconfirmed_bytes += bytes.len();
        self.talk.unconfirmed.push_back(bytes);
        Ok(())
    }

    /// Bytes that the other side may not have heard yet.
    pub(crate) fn backlog(&self) -> usize {
        self.talk.unconfirmed_bytes
    }

    /// The next message. Safe to drop and call again.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, TransferError> {
        loop {
            self.watch()?;
            if let Some(message) = self.step().await? {
                return Ok(message);
            }
        }
    }

    /// Tells the other side, and the person on this one, why nothing moves; and the other side of a way in that the gateway
    /// has opened since its addresses were said.
    fn watch(&mut self) -> Result<(), TransferError> {
        if self.addresses_said == Some((self.link, None)) && self.outside().is_some() {
            self.say_addresses_again()?;
        }
        let progress = self.context.snapshot();
        let Observation { news, stall } = self.watchdog.observe(&progress, self.hears(), Instant::now());
        self.context.update(|progress| progress.stall = stall);
        let work = match news {
            News::None => return Ok(()),
            News::Busy(work) => Some(work),
            News::Free => None,
        };
        match self.side {
            Side::Sender => self.say(&FromSender::AtWork(work)),
            Side::Receiver => self.say(&FromReceiver::AtWork(work)),
        }
    }

    /// The next message; `None` as soon as the other side has heard all that was said. Safe to drop and call again.
    pub(crate) async fn next_or_heard<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TransferError> {
        loop {
            if let Some(message) = self.read_next()? {
                return Ok(Some(message));
            }
            if self.talk.unconfirmed.is_empty() {
                return Ok(None);
            }
            if let Some(message) = self.step().await? {
                return Ok(Some(message));
            }
        }
    }

    /// Has the last words confirmed if `must_arrive`, and parts: closing at once could destroy them on their way.
    pub(crate) async fn finish<T: DeserializeOwned>(mut self, must_arrive: bool) {
        if must_arrive {
            self.wait_for_confirmation::<T>().await;
            // A peer that has confirmed and left is not lost.
            self.context.update(|progress| progress.connection = Connection::Up);
        }
        self.part().await;
    }

    async fn wait_for_confirmation<T: DeserializeOwned>(&mut self) {
        let start = Instant::now();
        let longest = start + self.patience.min(LONGEST_FAREWELL).max(FAREWELL);
        let mut give_up = start + FAREWELL;
        while Instant::now() < give_up.min(longest) {
            match timeout(LOOK_EVERY, self.next_or_heard::<T>()).await {
                Ok(Ok(Some(_))) => {}
                // A peer that has confirmed it leaves, and that is no loss.
                Ok(Ok(None) | Err(_)) => return,
                Err(_) if self.hears() => {}
                Err(_) if self.context.cancel.is_cancelled() => return,
                Err(_) => give_up = Instant::now() + FAREWELL,
            }
        }
    }

    /// Writes what is still to be said, says that nothing more comes, and waits a little for the other side to close as well.
    /// The session is over then.
    pub(crate) async fn part(&mut self) {
        self.context.update(|progress| progress.stall = None);
        self.finding.shutdown().await;
        if let Some(wire) = self.wire.take() {
            wire.close(&self.talk).await;
        }
        if let Some(paths) = self.paths.take() {
            paths.close().await;
        }
    }

    /// One thing that happens: a message, bytes moved, a connection lost or found.
    async fn step<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TransferError> {
        if let Some(message) = self.read_next()? {
            return Ok(Some(message));
        }
        let now = Instant::now();
        if self.wire.as_mut().is_some_and(|wire| wire.has_lost_its_address(now)) {
            tracing::debug!("this machine has lost the address of a connection");
            self.left = self.seat.take();
            self.lose(TransferError::PeerLost)?;
            // What has been tried from there waits for answers that can't come.
            self.finding = JoinSet::new();
        }
        let silent_for = self.wire.as_ref().map_or(Duration::ZERO, |wire| now - wire.heard);
        if silent_for >= SILENCE {
            self.lose(TransferError::PeerSilent { seconds: SILENCE.as_secs() })?;
        }
        if self.lost_at.is_some_and(|lost_at| now >= lost_at + self.patience) {
            return Err(TransferError::PeerLost);
        }
        if (self.wire.is_none() || silent_for >= DOUBT) && self.patience > Duration::ZERO {
            self.look_for_peer();
        }
        let Some(wire) = &mut self.wire else {
            let give_up = self.lost_at.unwrap_or(now) + self.patience;
            tokio::select! {
                Some(returned) = self.finding.join_next() => self.go_on(returned)?,
                invitation = invitation(&mut self.inviting) => self.invite(invitation)?,
                () = sleep_until(give_up) => {}
            }
            return Ok(None);
        };
        if now >= wire.said + HEARTBEAT || self.talk.heard_since_told >= CONFIRM_AFTER {
            wire.say(self.talk.heard, HEARTBEAT_MESSAGE)?;
            self.talk.heard_since_told = 0;
        }
        let has_backlog = wire.written < wire.outgoing.len();
        let next_doubt = if silent_for >= DOUBT { SILENCE } else { DOUBT };
        let wake = (wire.heard + next_doubt).min(wire.said + HEARTBEAT).min(wire.looked + LOOK_EVERY);
        let moved = tokio::select! {
            read = wire.reader.read_buf(&mut wire.incoming) => match read {
                Ok(0) | Err(_) => Err(TransferError::PeerLost),
                Ok(_) => {
                    wire.heard = Instant::now();
                    Ok(())
                }
            },
            written = wire.writer.write(&wire.outgoing[wire.written..]), if has_backlog => match written {
                Ok(0) | Err(_) => Err(TransferError::PeerLost),
                Ok(written) => {
                    wire.written += written;
                    if wire.written == wire.outgoing.len() {
                        wire.outgoing.clear();
                        wire.written = 0;
                    }
                    Ok(())
                }
            },
            Some(returned) = self.finding.join_next() => return self.go_on(returned).map(|()| None),
            invitation = invitation(&mut self.inviting) => return self.invite(invitation).map(|()| None),
            () = sleep_until(wake) => Ok(()),
        };
        match moved {
            Err(lost) => self.lose(lost)?,
            Ok(()) => self.consider_doubt(),
        }
        Ok(None)
    }

    fn invite(&mut self, invitation: Invitation) -> Result<(), TransferError> {
        self.say(&FromSender::Invitation { code: invitation.say(), instead: false })
    }

    /// Whether a doubted connection has worked again for long enough.
    fn consider_doubt(&mut self) {
        if self.finding.is_empty() || !self.hears() {
            self.recovered_at = None;
        } else if self.recovered_at.get_or_insert_with(Instant::now).elapsed() >= RECOVERY {
            self.finding = JoinSet::new();
        }
    }

    /// Looks for the way back, if nobody does yet.
    fn look_for_peer(&mut self) {
        if self.finding.is_empty() {
            let (find, left) = (Arc::clone(&self.find), self.left);
            self.finding.spawn(reported(async move { find.find(left).await }));
        }
    }

    /// The connection is gone; `reason` is what is told if that is the end.
    fn lose(&mut self, reason: TransferError) -> Result<(), TransferError> {
        if self.patience == Duration::ZERO {
            return Err(reason);
        }
        tracing::debug!(%reason, "a connection is lost");
        self.wire = None;
        self.lost_at = Some(Instant::now());
        self.context.update(|progress| progress.connection = Connection::LookingForPeer);
        Ok(())
    }

    /// On a new connection with the same other side.
    fn go_on(&mut self, returned: Result<Reconnected, tokio::task::JoinError>) -> Result<(), TransferError> {
        let Reconnected { pipe, metadata, data, ways, is_direct, link } = joined(returned);
        let mut wire = Wire::new(pipe, &metadata, self.side);
        wire.say(self.talk.heard, HEARTBEAT_MESSAGE)?;
        self.talk.heard_since_told = 0;
        self.wire = Some(wire);
        self.lost_at = None;
        self.link = link;
        (self.seat, self.left) = (None, None);
        if !is_direct && let Some(paths) = &self.paths {
            paths.start_over();
        }
        self.lanes = LaneOpening::Ready(LaneOpener { link, keys: Arc::new(data), ways });
        self.finding = JoinSet::new();
        self.context.update(|progress| progress.connection = Connection::Up);
        Ok(())
    }

    /// The next message among the bytes that are here already.
    fn read_next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TransferError> {
        let Some(wire) = &mut self.wire else { return Ok(None) };
        while let Some((heard, message, len)) = wire.open_next::<T>()? {
            self.talk.confirm(heard)?;
            if !wire.is_in_step {
                wire.is_in_step = true;
                for bytes in &self.talk.unconfirmed {
                    wire.say(self.talk.heard, bytes)?;
                }
            }
            if let Some(message) = message {
                self.talk.heard += 1;
                self.talk.heard_since_told += len;
                return Ok(Some(message));
            }
        }
        Ok(None)
    }
}

/// Waits for a code to be said, if any is to come.
async fn invitation(inviting: &mut Option<Invitations>) -> Invitation {
    match inviting {
        Some(inviting) => match inviting.next().await {
            Some(invitation) => invitation,
            None => future::pending().await,
        },
        None => future::pending().await,
    }
}
