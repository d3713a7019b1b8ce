//! A network in memory. It connects the two sides of a session and their lanes, and can cut, stall and delay connections as
//! real networks do.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    sync::{oneshot, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    crypto::{Channel, Nonces, Pake, Root, Side, Stretch},
    protocol::{Role, VERSION, peer::Way, relay::MAX_LANES},
    sync::lock_shared,
    transfer::{
        error::TransferError,
        link::{
            opener::LaneWays,
            pipe::{BoxFuture, Pipe},
            reconnect::{FindPeer, Reconnected},
            rendezvous::Seat,
        },
        progress::Route,
    },
};

/// The bytes that a connection can hold on each side of the network: a quarter of a block, so that a block is in flight for
/// a while.
const BUFFER: usize = 64 * 1024;
/// How long one end of a lane waits for the other, which is as long as at a relay.
const LANE_LIMIT: Duration = Duration::from_secs(15);

/// What happens to the bytes on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// The bytes move.
    Moves,
    /// The bytes wait, and neither end is told.
    Stalls,
    /// The bytes on their way back, to the first end, wait.
    StallsBack,
    /// The bytes are lost, and both ends see the connection end.
    Cut,
}

/// Controls the flow on one connection.
type Switch = watch::Sender<Flow>;

/// A network between a sender and a receiver.
pub(super) struct Network {
    state: Mutex<NetworkState>,
    is_up: watch::Sender<bool>,
    /// Of 1,000 pieces of bytes, how many are changed on their way.
    tampering: Arc<AtomicU64>,
    pumps: Mutex<JoinSet<()>>,
}

struct NetworkState {
    control: Switch,
    /// The lane that was last opened in each slot.
    lanes: HashMap<u16, Switch>,
    /// The ends of lanes that wait for their other ends, by link and number.
    waiting_lanes: HashMap<(u64, u16), oneshot::Sender<Pipe>>,
    /// The side that waits for the other one to reconnect.
    waiting_side: Option<(Side, oneshot::Sender<Reconnected>)>,
    /// How many of the next reconnections are to reach only one side.
    halves: u32,
    reconnections: u64,
    /// Whether opening the next lane panics.
    breaks: bool,
    /// How long a piece of up to [`BUFFER`] bytes is in flight at most.
    delay: Duration,
    quic: Option<FakeQuic>,
    /// How many ends of lanes were opened over QUIC.
    ends_over_quic: u64,
    random: Random,
}

/// What stands for QUIC where the usual lanes go from machine to machine over TCP.
#[derive(Debug, Clone, Copy)]
pub(super) struct FakeQuic {
    /// How long a packet takes there and back, as QUIC says.
    pub(super) round_trip: Duration,
    /// How long a piece is in flight at most, in place of the network's delay.
    pub(super) delay: Duration,
    /// Whether lanes can be opened.
    pub(super) works: bool,
}

/// Numbers that look random and depend only on the seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number, reduced to less than `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// One side's access to the network.
pub(super) struct Access {
    pub(super) network: Arc<Network>,
    pub(super) side: Side,
}

impl Network {
    pub(super) fn new(seed: u64, delay: Duration) -> Arc<Self> {
        let state = NetworkState {
            control: Switch::new(Flow::Cut),
            lanes: HashMap::new(),
            waiting_lanes: HashMap::new(),
            waiting_side: None,
            halves: 0,
            reconnections: 0,
            breaks: false,
            delay,
            quic: None,
            ends_over_quic: 0,
            random: Random(seed),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            is_up: watch::Sender::new(true),
            tampering: Arc::default(),
            pumps: Mutex::new(JoinSet::new()),
        })
    }

    /// Makes the first connection of the control channel. Returns the sender's end and the receiver's.
    pub(super) fn first(&self) -> (Pipe, Pipe) {
        let (ours, theirs, switch) = self.connect(None);
        lock_shared(&self.state).control = switch;
        (ours, theirs)
    }

    /// Cuts the connection of the control channel.
    pub(super) fn cut_control(&self) {
        lock_shared(&self.state).control.send_replace(Flow::Cut);
    }

    /// Cuts the lane in this slot, if one was opened there.
    pub(super) fn cut_lane(&self, slot: u16) {
        if let Some(lane) = lock_shared(&self.state).lanes.get(&slot) {
            lane.send_replace(Flow::Cut);
        }
    }

    /// Cuts every connection.
    pub(super) fn cut_all(&self) {
        let mut state = lock_shared(&self.state);
        state.control.send_replace(Flow::Cut);
        for lane in state.lanes.values() {
            lane.send_replace(Flow::Cut);
        }
        state.waiting_lanes.clear();
    }

    /// Stalls the connection of the control channel, or lets it move again.
    pub(super) fn stall_control(&self, is_stalled: bool) {
        set_stalled(&lock_shared(&self.state).control, is_stalled);
    }

    /// Stalls the bytes to the sender on the first connection of the control channel.
    pub(super) fn stall_control_to_sender(&self) {
        lock_shared(&self.state).control.send_replace(Flow::StallsBack);
    }

    /// Stalls the lane in this slot, or lets it move again.
    pub(super) fn stall_lane(&self, slot: u16, is_stalled: bool) {
        if let Some(lane) = lock_shared(&self.state).lanes.get(&slot) {
            set_stalled(lane, is_stalled);
        }
    }

    /// Stalls every connection, or lets them all move again.
    pub(super) fn stall_all(&self, is_stalled: bool) {
        let state = lock_shared(&self.state);
        state.lanes.values().chain([&state.control]).for_each(|flow| set_stalled(flow, is_stalled));
    }

    /// Takes the network down (`false`), which cuts every connection and lets no new one be made, or brings it up again
    /// (`true`).
    pub(super) fn set_up(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
        if !is_up {
            self.cut_all();
            lock_shared(&self.state).waiting_side = None;
        }
    }

    /// Changes this many of 1,000 pieces of bytes on their way, on every connection, from now on: it flips a bit of the piece,
    /// drops it, sends it twice, or lets the next one overtake it.
    pub(super) fn tamper(&self, permille: u64) {
        self.tampering.store(permille, Ordering::Relaxed);
    }

    /// Lets the next reconnection reach only the side that came first, whose connection then leads nowhere.
    pub(super) fn halve_next_reconnection(&self) {
        lock_shared(&self.state).halves += 1;
    }

    /// Has lanes go from machine to machine, and offers QUIC in place of TCP.
    pub(super) fn offer(&self, quic: FakeQuic) {
        lock_shared(&self.state).quic = Some(quic);
    }

    /// How many ends of lanes were opened over QUIC.
    pub(super) fn ends_over_quic(&self) -> u64 {
        lock_shared(&self.state).ends_over_quic
    }

    fn quic(&self) -> Option<FakeQuic> {
        lock_shared(&self.state).quic
    }

    /// Makes the opening of the next lane panic, as a fault of the program would.
    pub(super) fn break_next_lane(&self) {
        lock_shared(&self.state).breaks = true;
    }

    /// Whether a side waits for the other one to reconnect.
    pub(super) fn is_looked_for(&self) -> bool {
        lock_shared(&self.state).waiting_side.as_ref().is_some_and(|(_, waiting)| !waiting.is_closed())
    }

    /// How often the two sides have reconnected.
    pub(super) fn reconnections(&self) -> u64 {
        lock_shared(&self.state).reconnections
    }

    /// A connection on which pieces are in flight for `delay` at most, or for the network's own delay.
    fn connect(&self, delay: Option<Duration>) -> (Pipe, Pipe, Switch) {
        let ((ours, inner_ours), (theirs, inner_theirs)) = (duplex(BUFFER), duplex(BUFFER));
        let switch = Switch::new(Flow::Moves);
        let (delay, seed) = {
            let mut state = lock_shared(&self.state);
            (delay.unwrap_or(state.delay), state.random.next())
        };
        let road = Road { flow: switch.subscribe(), tampering: Arc::clone(&self.tampering), delay };
        let pump = carry(inner_ours, inner_theirs, road, seed);
        lock_shared(&self.pumps).spawn(pump);
        let pipe = |stream| Pipe { stream: Box::new(stream), local: None };
        (pipe(ours), pipe(theirs), switch)
    }

    async fn until_up(&self) {
        // This can't fail, because `self` holds the channel's sending end.
        let _ = self.is_up.subscribe().wait_for(|is_up| *is_up).await;
    }

    /// Connects a side to the other one, if that one looks for it already. Returns this side's end of the connection, or
    /// where this side is to wait for it.
    fn meet(self: &Arc<Self>, side: Side) -> Result<Reconnected, oneshot::Receiver<Reconnected>> {
        let waiting = lock_shared(&self.state).waiting_side.take();
        let Some((_, other)) = waiting.filter(|(other, sender)| *other != side && !sender.is_closed()) else {
            let (sender, receiver) = oneshot::channel();
            lock_shared(&self.state).waiting_side = Some((side, sender));
            return Err(receiver);
        };
        let (ours, theirs, switch) = self.connect(None);
        let mut state = lock_shared(&self.state);
        state.reconnections += 1;
        let nonce = |random: &mut Random| std::array::from_fn(|_| random.next().to_le_bytes()[0]);
        let nonces = Nonces { sender: nonce(&mut state.random), receiver: nonce(&mut state.random) };
        let link = state.random.next();
        let is_half = state.halves > 0;
        state.halves = state.halves.saturating_sub(1);
        state.control = switch;
        state.lanes.clear();
        drop(state);
        let key = root().reconnect_key();
        let reconnected = |pipe, side| Reconnected {
            pipe,
            metadata: key.keys(Channel::Metadata, &nonces),
            data: key.keys(Channel::Data, &nonces),
            ways: Arc::new(Access { network: Arc::clone(self), side }),
            is_direct: false,
            link,
        };
        let other_side = side.other();
        if is_half {
            drop(ours);
            let _ = other.send(reconnected(theirs, other_side));
            let (sender, receiver) = oneshot::channel();
            lock_shared(&self.state).waiting_side = Some((side, sender));
            return Err(receiver);
        }
        // If the other side has stopped looking meanwhile, this end sees its connection close.
        let _ = other.send(reconnected(theirs, other_side));
        Ok(reconnected(ours, side))
    }
}

fn set_stalled(switch: &Switch, is_stalled: bool) {
    switch.send_if_modified(|flow| {
        let wanted = if is_stalled { Flow::Stalls } else { Flow::Moves };
        *flow != Flow::Cut && std::mem::replace(flow, wanted) != wanted
    });
}

impl FindPeer for Access {
    fn find(&self, left: Option<Seat>) -> BoxFuture<'_, Reconnected> {
        Box::pin(async move {
            if left.is_some() {
                self.network.cut_control();
            }
            loop {
                self.network.until_up().await;
                match self.network.meet(self.side) {
                    Ok(reconnected) => return reconnected,
                    Err(waiting) => {
                        if let Ok(reconnected) = waiting.await {
                            return reconnected;
                        }
                        // A later try of this side may have taken the place of this one, which must not push it out at
                        // once.
                        sleep(Duration::from_millis(10)).await;
                    }
                }
            }
        })
    }
}

impl LaneWays for Access {
    fn loses_large_packets(&self) -> bool {
        false
    }

    fn best(&self) -> Way {
        if self.network.quic().is_some() { Way::FromSender } else { Way::Relay }
    }

    fn quic_round_trip(&self) -> Option<Duration> {
        self.network.quic().map(|quic| quic.round_trip)
    }

    fn allows_direct(&self) -> bool {
        self.network.quic().is_some()
    }

    fn route(&self, _way: Way) -> (Route, Option<Duration>) {
        (Route::Relay, None)
    }

    fn forget_direct(&self) {}

    fn open(
        &self,
        link: u64,
        number: u16,
        way: Way,
        _role: Role,
    ) -> BoxFuture<'_, Result<Pipe, TransferError>> {
        Box::pin(async move {
            let quic = self.network.quic().filter(|_| way == Way::Internet);
            if let Some(quic) = quic {
                lock_shared(&self.network.state).ends_over_quic += 1;
                if !quic.works {
                    return Err(TransferError::PeerLost);
                }
            }
            let opening = async {
                self.network.until_up().await;
                assert!(
                    !std::mem::take(&mut lock_shared(&self.network.state).breaks),
                    "a test has asked for this panic"
                );
                let other = lock_shared(&self.network.state).waiting_lanes.remove(&(link, number));
                if let Some(other) = other.filter(|other| !other.is_closed()) {
                    let (ours, theirs, switch) = self.network.connect(quic.map(|quic| quic.delay));
                    lock_shared(&self.network.state).lanes.insert(number % MAX_LANES, switch);
                    // If the other end has stopped waiting meanwhile, this end sees its lane close.
                    let _ = other.send(theirs);
                    return Ok(ours);
                }
                let (sender, receiver) = oneshot::channel();
                lock_shared(&self.network.state).waiting_lanes.insert((link, number), sender);
                receiver.await.map_err(|_| TransferError::PeerLost)
            };
            timeout(LANE_LIMIT, opening).await.unwrap_or(Err(TransferError::PeerLost))
        })
    }
}

/// Carries bytes both ways until the connection is cut or both ends are closed.
/// What bytes meet on their way.
#[derive(Clone)]
struct Road {
    flow: watch::Receiver<Flow>,
    tampering: Arc<AtomicU64>,
    delay: Duration,
}

async fn carry(one: DuplexStream, other: DuplexStream, mut road: Road, seed: u64) {
    let ((one_reads, one_writes), (other_reads, other_writes)) = (split(one), split(other));
    let there = carry_one_way(one_reads, other_writes, road.clone(), &[Flow::Stalls], Random(seed));
    let stalls_back = [Flow::Stalls, Flow::StallsBack];
    let back = carry_one_way(other_reads, one_writes, road.clone(), &stalls_back, Random(!seed));
    let both = async { tokio::join!(there, back) };
    let mut both = pin!(both);
    tokio::select! {
        _ = road.flow.wait_for(|flow| *flow == Flow::Cut) => {}
        _ = &mut both => {}
    }
}

async fn carry_one_way(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    Road { mut flow, tampering, delay }: Road,
    stalls: &[Flow],
    mut random: Random,
) {
    let mut piece = vec![0; BUFFER];
    let mut overtaken = Vec::new();
    loop {
        let Ok(read) = from.read(&mut piece).await else { return };
        if !delay.is_zero() {
            sleep(delay.mul_f64(random.below(1000) as f64 / 1000.0)).await;
        }
        // Where nothing controls the flow any more, it stays as it was.
        let _ = flow.wait_for(|flow| !stalls.contains(flow)).await;
        let mut bytes = piece[..read].to_vec();
        if read > 0 && random.below(1000) < tampering.load(Ordering::Relaxed) {
            match random.below(4) {
                0 => {
                    let bit = random.below(8 * read as u64);
                    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
                }
                1 => bytes.clear(),
                2 => bytes.extend_from_within(..),
                _ => {
                    overtaken = bytes;
                    continue;
                }
            }
        }
        bytes.append(&mut overtaken);
        if to.write_all(&bytes).await.is_err() {
            return;
        }
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
    }
}

/// The secret of all sessions in the tests. They share it, because deriving it takes longer than most of them.
pub(super) fn root() -> &'static Root {
    static ROOT: OnceLock<Root> = OnceLock::new();
    ROOT.get_or_init(|| {
        let (code, room) = (b"acid-canyon-mustang-tulip", [7; 16]);
        let (sender, _) = Pake::start(Side::Sender, code, &room, VERSION);
        let (_, message) = Pake::start(Side::Receiver, code, &room, VERSION);
        let shared = sender.finish(&message).unwrap();
        Root::stretch(code, &shared, &Stretch::draw(100_000).unwrap())
    })
}
