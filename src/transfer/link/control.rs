//! The sealed control channel of a session. It carries messages both ways, in order and each exactly once, even when the
//! connection below it is lost.
//!
//! Every record says how many messages its author has heard. Messages that the other side has not confirmed are kept, and
//! sent again on the next connection. So a lost connection loses no message, and the code above need not know of the loss,
//! except that the lanes are lost as well ([`Control::link`]). A side that has heard nothing for a while starts to
//! reconnect ([`super::reconnect`]) while it still listens on the old connection, and gives that one up later. If this
//! machine has lost the connection's address, it gives the connection up at once.
//!
//! [`Control::next`] writes what is queued while it waits, sends a heartbeat when there is nothing else to send, and gives
//! up when the other side stays away for longer than this side's patience. It may be dropped at any await and called again,
//! so it can stand in a `select!` beside lanes and the user's decisions.

pub(crate) mod farewell;

use std::{future, net::SocketAddr, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use zeroize::Zeroizing;

use super::{
    activity::Activity,
    direct::Paths,
    forgeries::Forgeries,
    invitation::{self, Invitation, Invitations},
    opener::{LaneOpener, LaneWays},
    reconnect::{FindPeer, Reconnected},
    rendezvous::Seat,
    session::Session,
    watchdog::{News, Observation, Watchdog},
    wire::{HEARTBEAT_MESSAGE, LOOK_EVERY, Talk, Wire},
};
use crate::{
    crypto::{KnownPair, Side},
    net::{backoff::Backoff, venue::Venue},
    panics::{joined, reported},
    protocol::{
        frame,
        name::PeerName,
        peer::{Addresses, FromReceiver, FromSender, InvitationCode, Way, Work},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        notice::{Context, InvitationChain, Invited, Notice},
        progress::Connection,
    },
};

/// A side that has said nothing for this long sends a heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// A connection over which nothing has come for this long is doubted, and this side starts to reconnect. It is three
/// heartbeats, so that one late heartbeat raises no doubt.
const DOUBT: Duration = Duration::from_secs(3);
/// A doubted connection that has worked again for this long is doubted no more. Until then a reconnection is used if the
/// other side looks for it too: the lanes of the old connection may need much longer to recover than new ones need to open.
const RECOVERY: Duration = Duration::from_secs(5);
/// A connection over which nothing has come for this long is given up. Until then it may still recover, if it does so
/// before a new one is found.
const SILENCE: Duration = Duration::from_secs(12);
/// How long both sides may take to move from the connection on which they have met over the internet to another.
const MOVE_LIMIT: Duration = Duration::from_secs(10);
/// The pauses before the other side is looked for again after a record that was changed on its way. Without them, anything
/// that changes every record would have the two sides reconnect without end and without rest.
const WARINESS: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// How long a connection has to work before those pauses begin anew.
const TRUSTED_AFTER: Duration = Duration::from_secs(30);
/// How many bytes of messages may wait for the other side's confirmation before no more of a long list is queued. It bounds
/// the memory for them, and how fast an offer travels over a long distance: about 1 MiB for each round trip.
const MAX_BACKLOG: usize = 1 << 20;
/// Bytes of messages that may wait for a peer that doesn't read or confirm them. The longest list that is sent without
/// waiting, the hashes of 1,000,000 files, takes 36 MB.
const MAX_WAITING: usize = 64 << 20;
/// Bytes of messages after which they are confirmed at once and not only with the next record, so that the other side need
/// not keep many of them.
const CONFIRM_AFTER: usize = 64 * 1024;

/// The control channel as one side of a session uses it, over as many connections as it takes.
pub(crate) struct Control {
    /// The present connection; `None` while it is lost.
    wire: Option<Wire>,
    talk: Talk,
    side: Side,
    /// How long a lost peer is looked for. With no patience at all, a loss ends the session.
    patience: Duration,
    /// Where the two peers have met.
    venue: Venue,
    context: Context,
    find: Arc<dyn FindPeer>,
    /// The task that looks for the other side, while there is one.
    finding: JoinSet<Reconnected>,
    /// Since when there has been no connection.
    lost_at: watch::Sender<Option<Instant>>,
    /// Since when a doubted connection has worked again.
    recovered_at: Option<Instant>,
    /// This side's seat at the relay, as long as the first connection lasts.
    seat: Option<Seat>,
    /// The seat of a connection that only this side knows to be dead.
    dead_seat: Option<Seat>,
    /// How the lanes of the present link are opened.
    lanes: LaneOpener,
    /// The direct paths around the relay, unless the user wants none.
    paths: Option<Paths>,
    /// Whether the present connection is the one on which the two have met over the internet. Anyone who has the first two words
    /// of the code can get in its way, so it is left as soon as there is another.
    is_provisional: bool,
    /// The link on which the other side last named its addresses, and how often it did so there.
    addresses_came: (u64, u32),
    /// The link on which this side last named its addresses, and the address at which the gateway let connections in by
    /// then.
    addresses_said: Option<(u64, Option<SocketAddr>)>,
    /// Records that were changed on their way, on this channel and on the lanes.
    forgeries: Arc<Forgeries>,
    /// How many of them the progress shows.
    forgeries_told: u32,
    /// Pauses before the other side is looked for, after a connection that brought such a record.
    wariness: Backoff,
    /// Such a pause that is due.
    rest: Option<Duration>,
    /// When the present connection was made.
    connected_at: Instant,
    /// Finds out why nothing moves.
    watchdog: Watchdog,
    /// Brings the codes under which a sender has more to offer.
    inviting: Option<Invitations>,
    /// The chain to which the transfer belongs.
    chain: InvitationChain,
    /// By what the two sides can find each other again on later days, if this is the first transfer of the chain.
    pair: KnownPair,
    /// Whether the offer was accepted. Before that, nobody is invited to anything more.
    is_accepted: bool,
    /// Whether the other side has ended its session.
    peer_has_ended: bool,
}

impl Control {
    /// A control channel that begins with a fresh connection between two peers that have met at `venue`.
    pub(crate) fn new(session: Session, venue: &Venue, context: &Context) -> Self {
        let Session { pipe, side, keys, pair, lane_keys, ways, seat, find, paths, patience } = session;
        let mut wire = Wire::new(pipe, &keys, side);
        // There was no earlier connection of which the other side would have to say what it has heard.
        wire.is_in_step = true;
        Self {
            wire: Some(wire),
            talk: Talk::default(),
            side,
            patience,
            venue: venue.clone(),
            context: context.clone(),
            find,
            finding: JoinSet::new(),
            lost_at: watch::Sender::default(),
            recovered_at: None,
            seat,
            dead_seat: None,
            lanes: LaneOpener { link: 0, keys: Arc::new(lane_keys), ways },
            paths,
            is_provisional: matches!(venue, Venue::Internet(_)),
            addresses_came: (0, 0),
            addresses_said: None,
            forgeries: Arc::default(),
            forgeries_told: 0,
            wariness: WARINESS,
            rest: None,
            connected_at: Instant::now(),
            watchdog: Watchdog::new(Arc::default()),
            inviting: None,
            chain: InvitationChain::default(),
            pair,
            is_accepted: false,
            peer_has_ended: false,
        }
    }

    /// Once the offer is accepted, also sends the other side every invitation that comes over `inviting`.
    pub(crate) fn invite_over(&mut self, inviting: Invitations) {
        self.chain = inviting.chain().clone();
        self.inviting = Some(inviting);
    }

    /// Takes back what was handed to [`invite_over`](Self::invite_over).
    pub(crate) fn take_invitations(&mut self) -> Option<Invitations> {
        self.inviting.take()
    }

    /// Reports what the other side's computer is called. Returns `false` if that isn't the first that the other side has said.
    pub(crate) async fn other_is_called(&self, name: &PeerName) -> bool {
        let is_first = self.talk.heard == 1;
        if is_first {
            self.context.tell(Notice::Peer(name.clone())).await;
        }
        is_first
    }

    /// Since when there has been no connection, now and from now on.
    pub(crate) fn loss(&self) -> watch::Receiver<Option<Instant>> {
        self.lost_at.subscribe()
    }

    /// By what the two sides can find each other again on later days: the same in all accepted transfers of a chain.
    pub(crate) fn pair(&self) -> KnownPair {
        self.chain.acquaint(&self.pair)
    }

    /// Counts the other side's invitations along this chain.
    pub(crate) fn belong_to(&mut self, chain: InvitationChain) {
        self.chain = chain;
    }

    /// Notes that the receiver's user has accepted the offer: only then may a sender invite to anything more.
    /// What waits to be named is named at once, because what was accepted may be over in a moment.
    pub(crate) fn note_acceptance(&mut self) -> Result<(), TransferError> {
        self.is_accepted = true;
        if self.side == Side::Receiver
            && let Some(paths) = &mut self.paths
        {
            paths.open_up();
            if self.addresses_came.0 == self.lanes.link && self.addresses_came.1 > 0 {
                self.say_addresses_again()?;
            }
        }
        while let Some(invitation) = self.inviting.as_mut().and_then(Invitations::ready) {
            self.invite(invitation)?;
        }
        Ok(())
    }

    /// Passes on a code that the other side has named, under which it has more to offer.
    ///
    /// # Errors
    ///
    /// [`Misbehaviour::Invitation`] if the offer is not accepted, if the code is not one that is drawn for invitations, or if
    /// the chain has had all of its invitations.
    pub(crate) async fn invited(&mut self, code: &InvitationCode) -> Result<(), TransferError> {
        let (code, venue, chain) = (invitation::read(code)?, self.venue.clone(), self.chain.clone());
        if !self.is_accepted || !chain.count() {
            return Err(Misbehaviour::Invitation.into());
        }
        self.context.tell(Notice::Invited(Invited { code, venue, chain })).await;
        Ok(())
    }

    /// The number of the present link, the same on both sides. A link is one connection of this channel with the lanes that
    /// belong to it, so a new number means that the lanes of the last link are gone.
    pub(crate) fn link(&self) -> u64 {
        self.lanes.link
    }

    /// Opens the lanes of the present link.
    pub(crate) fn lane_opener(&self) -> LaneOpener {
        self.lanes.clone()
    }

    /// Whether the other side was heard a moment ago, so that the connection is not in doubt.
    pub(crate) fn hears(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.heard.elapsed() < DOUBT)
    }

    /// Counts records that were changed on their way.
    pub(crate) fn forgeries(&self) -> &Arc<Forgeries> {
        &self.forgeries
    }

    /// Where this side notes work that may take long.
    pub(crate) fn work(&self) -> &Arc<Activity> {
        self.watchdog.work()
    }

    /// Takes note of the work with which the other side says that it holds both up; `None` means that it no longer does.
    /// Returns `false` if that is nothing new, which no honest peer sends.
    pub(crate) fn other_works(&mut self, work: Option<Work>) -> bool {
        self.watchdog.hear(work)
    }

    /// Whether the other side says that its work holds both up.
    pub(crate) fn other_is_at_work(&self) -> bool {
        self.watchdog.other_is_at_work()
    }

    /// Tells the other side where it may reach this machine directly, unless that was done on this link. A sender that
    /// can't be reached sends nothing; a receiver always answers, but may have to wait until the offer is accepted.
    pub(crate) fn say_addresses(&mut self) -> Result<(), TransferError> {
        if self.addresses_said.is_some_and(|(link, _)| link == self.lanes.link) {
            return Ok(());
        }
        self.say_addresses_again()
    }

    fn say_addresses_again(&mut self) -> Result<(), TransferError> {
        let used = self.wire.as_ref().and_then(|wire| wire.local).map(|local| local.ip().to_canonical());
        let addresses = match &self.paths {
            Some(paths) => match paths.addresses(used) {
                Some(addresses) => addresses,
                None => return Ok(()),
            },
            None => Addresses::default(),
        };
        self.addresses_said = Some((self.lanes.link, self.outside()));
        match self.side {
            Side::Sender if addresses == Addresses::default() => Ok(()),
            Side::Sender => self.say(&FromSender::Addresses(addresses)),
            Side::Receiver => self.say(&FromReceiver::Addresses(addresses)),
        }
    }

    /// The port that the user chose for direct connections and that was not available, with the one that is used instead.
    pub(crate) fn refused_port(&self) -> Option<(u16, u16)> {
        self.paths.as_ref().and_then(Paths::refused_port)
    }

    /// The address at which the gateway lets connections from outside in, once it does.
    fn outside(&self) -> Option<SocketAddr> {
        self.paths.as_ref().and_then(Paths::outside)
    }

    /// Tries the addresses at which the other side says it may be reached directly. It may name them once on each link, once
    /// more when its gateway has opened a port, and a receiver once more when it accepts the offer. Returns `false` if it names them more often than that.
    pub(crate) fn try_directly(&mut self, theirs: &Addresses) -> bool {
        let times = if self.addresses_came.0 == self.lanes.link { self.addresses_came.1 } else { 0 };
        let most = match self.side {
            Side::Sender => 3,
            Side::Receiver => 2,
        };
        if times >= most {
            return false;
        }
        self.addresses_came = (self.lanes.link, times + 1);
        if let Some(paths) = &mut self.paths {
            paths.try_all(theirs);
        }
        true
    }

    /// Waits for a direct path as long as that makes sense, and returns how lanes are best opened then.
    pub(crate) async fn way(&self) -> Way {
        if let Some(paths) = &self.paths {
            paths.settled().await;
        }
        self.ways().best()
    }

    /// What connects the ends of the present link's lanes.
    fn ways(&self) -> &dyn LaneWays {
        &*self.lanes.ways
    }

    /// Queues a message for the other side; [`Control::next`] and [`Control::part`] write it.
    ///
    /// # Errors
    ///
    /// [`Misbehaviour::Unread`] if too much waits for the other side already, which an honest peer reads and confirms.
    pub(crate) fn say<T: Serialize>(&mut self, message: &T) -> Result<(), TransferError> {
        let bytes = Zeroizing::new(frame::to_bytes(message));
        if let Some(wire) = self.wire.as_mut().filter(|wire| wire.is_in_step) {
            wire.say(self.talk.heard, &bytes)?;
            self.talk.heard_since_told = 0;
        }
        self.talk.unconfirmed_bytes += bytes.len();
        self.talk.unconfirmed.push_back(bytes);
        let unwritten = self.wire.as_ref().map_or(0, |wire| wire.outgoing.len());
        if self.talk.unconfirmed_bytes.max(unwritten) > MAX_WAITING {
            return Err(Misbehaviour::Unread.into());
        }
        Ok(())
    }

    /// Bytes of messages that the other side may not have heard yet.
    pub(crate) fn backlog(&self) -> usize {
        self.talk.unconfirmed_bytes
    }

    /// Whether the other side has confirmed enough for more of a long list to be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog() <= MAX_BACKLOG
    }

    /// The next message from the other side. Safe to drop and call again.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, TransferError> {
        loop {
            self.watch()?;
            if let Some(message) = self.step().await? {
                return Ok(message);
            }
        }
    }

    /// Tells the other side and this side's user why nothing moves, if nothing does. Also names this machine's addresses
    /// again if the gateway has opened a port since they were named.
    fn watch(&mut self) -> Result<(), TransferError> {
        if self.addresses_said == Some((self.lanes.link, None)) && self.outside().is_some() {
            self.say_addresses_again()?;
        }
        let progress = self.context.snapshot();
        let Observation { news, stall } = self.watchdog.observe(&progress, self.hears(), Instant::now());
        let large_packets_are_lost = self.ways().loses_large_packets();
        self.context.update(|progress| {
            (progress.stall, progress.large_packets_are_lost) = (stall, large_packets_are_lost);
        });
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

    /// The next message from the other side, or `None` as soon as that side has confirmed all of this side's messages. Safe
    /// to drop and call again.
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

    /// Notes that the other side has ended its session, so that it will confirm nothing more.
    pub(crate) fn note_peers_end(&mut self) {
        self.peer_has_ended = true;
    }

    /// Ends the session: writes what is queued, closes this side of the connection, and waits a little for the other side
    /// to close it as well.
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

    /// Waits for one thing to happen: a message, bytes that move, a connection that is lost or found.
    async fn step<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TransferError> {
        if let Some(message) = self.read_next()? {
            return Ok(Some(message));
        }
        let now = Instant::now();
        let forgeries = self.forgeries.count();
        if std::mem::replace(&mut self.forgeries_told, forgeries) != forgeries {
            self.context.update(|progress| progress.forgeries = forgeries);
        }
        if self.wire.as_mut().is_some_and(|wire| wire.has_lost_its_address(now)) {
            tracing::debug!("this machine has lost the address of a connection");
            self.dead_seat = self.seat.take();
            self.lose(TransferError::PeerLost)?;
            // Connections that were tried from the lost address wait for answers that can't come.
            self.finding = JoinSet::new();
        }
        let silent_for = self.wire.as_ref().map_or(Duration::ZERO, |wire| now - wire.heard);
        if silent_for >= SILENCE {
            self.lose(TransferError::PeerSilent { seconds: SILENCE.as_secs() })?;
        }
        let lost_at = *self.lost_at.borrow();
        if lost_at.is_some_and(|lost_at| now >= lost_at + self.patience()) {
            return Err(TransferError::PeerLost);
        }
        if (self.wire.is_none() || silent_for >= DOUBT || self.is_moving())
            && self.patience() > Duration::ZERO
        {
            self.look_for_peer();
        }
        let Some(wire) = &mut self.wire else {
            let give_up = lost_at.unwrap_or(now) + self.patience();
            tokio::select! {
                Some(returned) = self.finding.join_next() => self.go_on(returned)?,
                invitation = invitation(&mut self.inviting), if self.is_accepted => self.invite(invitation)?,
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
                    wire.forget_written();
                    Ok(())
                }
            },
            Some(returned) = self.finding.join_next() => return self.go_on(returned).map(|()| None),
            invitation = invitation(&mut self.inviting), if self.is_accepted => {
                return self.invite(invitation).map(|()| None);
            }
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

    /// Stops looking for a new connection once a doubted one has worked again for long enough.
    fn consider_doubt(&mut self) {
        if self.finding.is_empty() || !self.hears() || self.is_provisional {
            self.recovered_at = None;
        } else if self.recovered_at.get_or_insert_with(Instant::now).elapsed() >= RECOVERY {
            self.finding = JoinSet::new();
        }
    }

    /// Starts to look for the other side, unless that is being done already.
    fn look_for_peer(&mut self) {
        if self.finding.is_empty() {
            let (find, dead_seat) = (Arc::clone(&self.find), self.dead_seat);
            let rest = self.rest.take().unwrap_or_default();
            self.finding.spawn(reported(async move {
                sleep(rest).await;
                find.find(dead_seat).await
            }));
        }
    }

    /// Whether this side is about to leave the connection on which the two have met over the internet.
    pub(crate) fn is_moving(&self) -> bool {
        self.is_provisional && self.paths.as_ref().is_some_and(Paths::may_move)
    }

    /// How long a lost peer is looked for. Even without patience, the two have a moment to move on from the connection on which they
    /// have met over the internet.
    fn patience(&self) -> Duration {
        match &self.paths {
            // Where no endpoint is known, and there is no relay, nothing would ever be found.
            Some(paths) if self.is_provisional && !paths.knows_where() => MOVE_LIMIT,
            None if self.is_provisional => MOVE_LIMIT,
            _ if self.is_provisional => self.patience.max(MOVE_LIMIT),
            _ => self.patience,
        }
    }

    /// Gives up a connection that is lost. `reason` becomes the session's error if it has no patience for a loss.
    fn lose(&mut self, reason: TransferError) -> Result<(), TransferError> {
        if self.patience() == Duration::ZERO {
            return Err(reason);
        }
        tracing::debug!(%reason, "a connection is lost");
        self.wire = None;
        self.lost_at.send_replace(Some(Instant::now()));
        // The other side has moved on, and this one is about to.
        if self.is_provisional && !self.finding.is_empty() {
            return Ok(());
        }
        self.context.update(|progress| progress.connection = Connection::LookingForPeer);
        Ok(())
    }

    /// Goes on over the new connection that was found.
    fn go_on(&mut self, returned: Result<Reconnected, tokio::task::JoinError>) -> Result<(), TransferError> {
        let Reconnected { pipe, metadata, data, ways, is_direct, link } = joined(returned);
        let mut wire = Wire::new(pipe, &metadata, self.side);
        wire.say(self.talk.heard, HEARTBEAT_MESSAGE)?;
        self.talk.heard_since_told = 0;
        self.wire = Some(wire);
        self.lost_at.send_replace(None);
        self.is_provisional = false;
        self.connected_at = Instant::now();
        (self.seat, self.dead_seat) = (None, None);
        if !is_direct && let Some(paths) = &self.paths {
            paths.start_over();
        }
        self.lanes = LaneOpener { link, keys: Arc::new(data), ways };
        self.finding = JoinSet::new();
        self.context.update(|progress| progress.connection = Connection::Up);
        Ok(())
    }

    /// The next message among the bytes that have come already.
    fn read_next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, TransferError> {
        let Some(wire) = &mut self.wire else { return Ok(None) };
        loop {
            let opened = match wire.open_next::<T>(&self.forgeries) {
                Ok(Some(opened)) => opened,
                Ok(None) => return Ok(None),
                Err(error @ TransferError::PeerLost) => return self.distrust(error).map(|()| None),
                Err(error) => return Err(error),
            };
            let (heard, message, len) = opened;
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
    }

    /// Gives up a connection that brought a record which was changed on its way.
    fn distrust(&mut self, reason: TransferError) -> Result<(), TransferError> {
        if self.connected_at.elapsed() >= TRUSTED_AFTER {
            self.wariness.reset();
        }
        self.rest = Some(self.wariness.next_pause());
        self.lose(reason)
    }
}

/// Waits for the next invitation that is to be sent; for ever if none can come.
async fn invitation(inviting: &mut Option<Invitations>) -> Invitation {
    match inviting {
        Some(inviting) => match inviting.next().await {
            Some(invitation) => invitation,
            None => future::pending().await,
        },
        None => future::pending().await,
    }
}
