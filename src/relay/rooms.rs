//! The table of rooms and lanes, which says who waits for whom. Pure: no sockets, no clock, no randomness.
//!
//! `W` reaches the client that waits in a room, `L` the end that waits on a lane; dropping it tells that connection that its
//! wait is over. `S` is what the connections of a paired room share. A room exists exactly as long as its host's connection
//! keeps it: [`Rooms::close`] wipes the room, its token and its lanes. Before that, only a client that is in the room can take it
//! over, with its [`ClientToken`].

use std::collections::HashMap;

use crate::protocol::{
    Role,
    relay::{ClientToken, LaneHello, LaneToken, MAX_LANES, Refusal, RoomId},
};

/// All rooms of a relay.
pub(super) struct Rooms<W, L, S> {
    capacity: usize,
    draining: bool,
    opened: u64,
    by_id: HashMap<RoomId, HostedRoom<W>>,
    pairs: HashMap<LaneToken, PairLanes<L, S>>,
}

/// A client in a room. It is the same client if all three are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) room: RoomId,
    pub(super) role: Role,
    pub(super) client_token: ClientToken,
}

struct HostedRoom<W> {
    /// Distinguishes this room from an earlier one with the same id.
    number: u64,
    host: Member,
    host_waits: bool,
    state: RoomState<W>,
}

enum RoomState<W> {
    Waiting { first: Vec<u8>, mailbox: W },
    Paired { token: LaneToken, joiner: Member },
}

struct PairLanes<L, S> {
    shared: S,
    lanes: HashMap<u16, LaneEnds<L>>,
}

/// Which ends of a lane are there.
enum LaneEnds<L> {
    Waiting { role: Role, first_comer: L },
    Paired,
}

/// What a client opens a room with.
#[derive(Debug)]
pub(super) struct Opening<W> {
    pub(super) member: Member,
    /// Whether the client has said that it waits. Then it meets only one that has said so as well.
    pub(super) waits: bool,
    /// Its first message.
    pub(super) first: Vec<u8>,
    /// Reaches it.
    pub(super) mailbox: W,
}

/// The result of opening a room.
#[derive(Debug)]
pub(super) struct OpenedRoom<S> {
    /// The room's number, which [`Rooms::close`] needs.
    pub(super) number: u64,
    /// What the connections of the pair shared whose room this was until now. That pair has to be ended.
    pub(super) displaced: Option<S>,
}

/// What the client that comes second finds in a room.
#[derive(Debug)]
pub(super) struct JoinedRoom<W> {
    /// Reaches the client that waits.
    pub(super) mailbox: W,
    /// The first message of the client that waits.
    pub(super) first: Vec<u8>,
}

/// What an end of a lane finds when it arrives.
#[derive(Debug)]
pub(super) enum LaneArrival<L, S> {
    /// The other end isn't there yet. It will be reached through the waiter that was passed in.
    First(S),
    /// The other end waits, and this reaches it.
    Second(L),
}

impl<W> HostedRoom<W> {
    /// Whether `member` is in the room already.
    fn is_held_by(&self, member: Member) -> bool {
        let joiner = if let RoomState::Paired { joiner, .. } = &self.state { Some(*joiner) } else { None };
        self.host == member || joiner == Some(member)
    }
}

impl<W, L, S: Clone> Rooms<W, L, S> {
    /// No rooms yet, and never more than `capacity`.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, draining: false, opened: 0, by_id: HashMap::new(), pairs: HashMap::new() }
    }

    /// Opens a room for a client that waits in it. A client that is in the room already takes it over, and the room starts again.
    pub(super) fn open(&mut self, opening: Opening<W>) -> Result<OpenedRoom<S>, Refusal> {
        let Opening { member, waits, first, mailbox } = opening;
        if self.draining {
            return Err(Refusal::Draining);
        }
        match self.by_id.get(&member.room) {
            Some(room) if !room.is_held_by(member) => return Err(Refusal::RoleTaken),
            None if self.by_id.len() >= self.capacity => return Err(Refusal::TooManyRooms),
            _ => {}
        }
        self.opened += 1;
        let number = self.opened;
        let room = HostedRoom {
            number,
            host: member,
            host_waits: waits,
            state: RoomState::Waiting { first, mailbox },
        };
        let before = self.by_id.insert(member.room, room);
        Ok(OpenedRoom { number, displaced: before.and_then(|room| self.end(&room)) })
    }

    /// Lets a second client join a room, if either both it and the host have said that they wait, or neither. `token` must be
    /// fresh random bytes; `shared` is kept for the room's lanes.
    pub(super) fn join(
        &mut self,
        member: Member,
        waits: bool,
        token: LaneToken,
        shared: S,
    ) -> Result<JoinedRoom<W>, Refusal> {
        if self.draining {
            return Err(Refusal::Draining);
        }
        let room = self.by_id.get_mut(&member.room).ok_or(Refusal::NoSuchRoom)?;
        if room.host.role == member.role || room.host_waits != waits {
            return Err(Refusal::RoleTaken);
        }
        match std::mem::replace(&mut room.state, RoomState::Paired { token, joiner: member }) {
            RoomState::Waiting { first, mailbox } => {
                self.pairs.insert(token, PairLanes { shared, lanes: HashMap::new() });
                Ok(JoinedRoom { mailbox, first })
            }
            paired @ RoomState::Paired { .. } => {
                room.state = paired;
                Err(Refusal::RoleTaken)
            }
        }
    }

    /// Takes one end of a lane. The first one waits, and its `waiter` is kept for the second.
    pub(super) fn enter_lane(&mut self, hello: &LaneHello, waiter: L) -> Result<LaneArrival<L, S>, Refusal> {
        let pair = self.pairs.get_mut(&hello.token).ok_or(Refusal::NoSuchLane)?;
        if hello.lane >= MAX_LANES {
            return Err(Refusal::NoSuchLane);
        }
        match pair.lanes.remove(&hello.lane) {
            None => {
                let waiting = LaneEnds::Waiting { role: hello.role, first_comer: waiter };
                pair.lanes.insert(hello.lane, waiting);
                Ok(LaneArrival::First(pair.shared.clone()))
            }
            Some(LaneEnds::Waiting { role, first_comer }) if role != hello.role => {
                pair.lanes.insert(hello.lane, LaneEnds::Paired);
                Ok(LaneArrival::Second(first_comer))
            }
            Some(taken) => {
                pair.lanes.insert(hello.lane, taken);
                Err(Refusal::NoSuchLane)
            }
        }
    }

    /// Ends a lane, paired or not. Its number may be used again.
    pub(super) fn free_lane(&mut self, token: LaneToken, lane: u16) {
        if let Some(pair) = self.pairs.get_mut(&token) {
            pair.lanes.remove(&lane);
        }
    }

    /// Wipes a room and everything about it, unless it has been taken over since. Lanes that wait notice it because their waiter
    /// is dropped; for those that copy, what the room's connections share is returned.
    pub(super) fn close(&mut self, id: RoomId, number: u64) -> Option<S> {
        self.by_id.get(&id).filter(|room| room.number == number)?;
        let room = self.by_id.remove(&id)?;
        self.end(&room)
    }

    fn end(&mut self, room: &HostedRoom<W>) -> Option<S> {
        match &room.state {
            RoomState::Paired { token, .. } => self.pairs.remove(token).map(|pair| pair.shared),
            RoomState::Waiting { .. } => None,
        }
    }

    /// Refuses new rooms and joins from now on, and wipes the rooms that wait. Paired rooms stay, and may open lanes.
    pub(super) fn drain(&mut self) {
        self.draining = true;
        self.by_id.retain(|_, room| matches!(room.state, RoomState::Paired { .. }));
    }

    /// Whether new rooms are refused.
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// How many rooms are open, waiting and paired.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many lanes are open, waiting and paired. Takes time for each room.
    pub(super) fn lanes(&self) -> usize {
        self.pairs.values().map(|pair| pair.lanes.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([1; 16]);
    const OTHER: RoomId = RoomId([2; 16]);
    const TOKEN: LaneToken = LaneToken([9; 16]);

    type TestRooms = Rooms<&'static str, &'static str, u8>;

    fn member(room: RoomId, role: Role, token: u8) -> Member {
        Member { room, role, client_token: ClientToken([token; 16]) }
    }

    const SENDER: Member = Member { room: ROOM, role: Role::Sender, client_token: ClientToken([1; 16]) };
    const RECEIVER: Member = Member { room: ROOM, role: Role::Receiver, client_token: ClientToken([2; 16]) };

    fn opening(member: Member, first: Vec<u8>, mailbox: &'static str) -> Opening<&'static str> {
        Opening { member, waits: false, first, mailbox }
    }

    fn table() -> TestRooms {
        Rooms::new(10)
    }

    fn paired() -> TestRooms {
        let mut rooms = table();
        rooms.open(opening(SENDER, b"hi".to_vec(), "sender")).unwrap();
        rooms.join(RECEIVER, false, TOKEN, 7).unwrap();
        rooms
    }

    fn lane(lane: u16, role: Role) -> LaneHello {
        LaneHello { token: TOKEN, lane, role }
    }

    #[test]
    fn a_receiver_finds_the_sender_and_its_first_message() {
        let mut rooms = table();
        rooms.open(opening(SENDER, b"hi".to_vec(), "sender")).unwrap();
        let joined = rooms.join(RECEIVER, false, TOKEN, 7).unwrap();
        assert_eq!((joined.mailbox, joined.first), ("sender", b"hi".to_vec()));
    }

    #[test]
    fn a_second_sender_is_refused_before_and_after_pairing() {
        let mut rooms = table();
        let stranger = member(ROOM, Role::Sender, 9);
        rooms.open(opening(SENDER, Vec::new(), "sender")).unwrap();
        assert_eq!(rooms.open(opening(stranger, Vec::new(), "second")).unwrap_err(), Refusal::RoleTaken);
        assert_eq!(paired().open(opening(stranger, Vec::new(), "second")).unwrap_err(), Refusal::RoleTaken);
    }

    #[test]
    fn a_second_receiver_is_refused_and_the_room_stays() {
        let mut rooms = paired();
        assert_eq!(
            rooms.join(member(ROOM, Role::Receiver, 9), false, LaneToken([3; 16]), 8).unwrap_err(),
            Refusal::RoleTaken
        );
        assert!(matches!(rooms.enter_lane(&lane(0, Role::Sender), "a"), Ok(LaneArrival::First(7))));
    }

    #[test]
    fn a_client_that_waits_meets_only_one_that_waits() {
        let mut rooms = table();
        rooms.open(Opening { waits: true, ..opening(SENDER, Vec::new(), "waits") }).unwrap();
        rooms.open(opening(member(OTHER, Role::Sender, 3), Vec::new(), "asks")).unwrap();
        assert_eq!(rooms.join(RECEIVER, false, TOKEN, 7).unwrap_err(), Refusal::RoleTaken);
        let receiver = member(OTHER, Role::Receiver, 2);
        assert_eq!(rooms.join(receiver, true, TOKEN, 7).unwrap_err(), Refusal::RoleTaken);
        assert_eq!(rooms.join(RECEIVER, true, TOKEN, 7).unwrap().mailbox, "waits");
    }

    #[test]
    fn a_receiver_without_a_sender_is_refused() {
        let mut rooms = table();
        rooms.open(opening(SENDER, Vec::new(), "sender")).unwrap();
        assert_eq!(
            rooms.join(member(OTHER, Role::Receiver, 2), false, TOKEN, 7).unwrap_err(),
            Refusal::NoSuchRoom
        );
    }

    #[test]
    fn rooms_are_limited_and_closing_one_makes_room_for_another() {
        let mut rooms = TestRooms::new(1);
        let other = member(OTHER, Role::Sender, 3);
        let OpenedRoom { number, .. } = rooms.open(opening(SENDER, Vec::new(), "one")).unwrap();
        assert_eq!(rooms.open(opening(other, Vec::new(), "two")).unwrap_err(), Refusal::TooManyRooms);
        rooms.close(ROOM, number);
        assert!(rooms.open(opening(other, Vec::new(), "two")).is_ok());
    }

    #[test]
    fn a_lane_pairs_two_roles_whichever_comes_first() {
        for (first, second) in [(Role::Sender, Role::Receiver), (Role::Receiver, Role::Sender)] {
            let mut rooms = paired();
            assert!(matches!(rooms.enter_lane(&lane(31, first), "first"), Ok(LaneArrival::First(7))));
            assert!(matches!(
                rooms.enter_lane(&lane(31, second), "second"),
                Ok(LaneArrival::Second("first"))
            ));
            assert_eq!(rooms.lanes(), 1);
        }
    }

    #[test]
    fn lanes_of_different_numbers_do_not_meet() {
        let mut rooms = paired();
        rooms.enter_lane(&lane(0, Role::Sender), "zero").unwrap();
        assert!(matches!(rooms.enter_lane(&lane(1, Role::Receiver), "one"), Ok(LaneArrival::First(7))));
    }

    #[test]
    fn a_lane_end_that_is_taken_is_refused_and_its_holder_keeps_it() {
        let mut rooms = paired();
        rooms.enter_lane(&lane(0, Role::Sender), "first").unwrap();
        assert_eq!(rooms.enter_lane(&lane(0, Role::Sender), "again").unwrap_err(), Refusal::NoSuchLane);
        assert!(matches!(
            rooms.enter_lane(&lane(0, Role::Receiver), "second"),
            Ok(LaneArrival::Second("first"))
        ));
        for role in [Role::Sender, Role::Receiver] {
            assert_eq!(rooms.enter_lane(&lane(0, role), "third").unwrap_err(), Refusal::NoSuchLane);
        }
    }

    #[test]
    fn a_lane_of_an_unknown_token_or_number_is_refused() {
        let mut rooms = paired();
        let stray = LaneHello { token: LaneToken([8; 16]), ..lane(0, Role::Sender) };
        assert_eq!(rooms.enter_lane(&stray, "stray").unwrap_err(), Refusal::NoSuchLane);
        let beyond = lane(MAX_LANES, Role::Sender);
        assert_eq!(rooms.enter_lane(&beyond, "beyond").unwrap_err(), Refusal::NoSuchLane);
    }

    #[test]
    fn a_lane_that_ended_may_be_opened_again() {
        let mut rooms = paired();
        rooms.enter_lane(&lane(0, Role::Sender), "first").unwrap();
        rooms.free_lane(TOKEN, 0);
        assert!(matches!(rooms.enter_lane(&lane(0, Role::Sender), "anew"), Ok(LaneArrival::First(7))));
    }

    #[test]
    fn closing_a_room_wipes_its_id_its_token_and_its_lanes() {
        let mut rooms = paired();
        rooms.enter_lane(&lane(0, Role::Sender), "waits").unwrap();
        assert_eq!(rooms.close(ROOM, 1), Some(7));
        assert_eq!((rooms.len(), rooms.lanes()), (0, 0));
        assert!(rooms.pairs.is_empty());
        assert_eq!(rooms.join(RECEIVER, false, TOKEN, 7).unwrap_err(), Refusal::NoSuchRoom);
        assert_eq!(rooms.enter_lane(&lane(0, Role::Receiver), "late").unwrap_err(), Refusal::NoSuchLane);
        assert_eq!(rooms.close(ROOM, 1), None);
    }

    #[test]
    fn draining_wipes_waiting_rooms_refuses_new_ones_and_lets_paired_ones_open_lanes() {
        let mut rooms = paired();
        rooms.open(opening(member(OTHER, Role::Sender, 3), Vec::new(), "waits")).unwrap();
        rooms.drain();
        assert!(rooms.is_draining());
        assert_eq!(rooms.len(), 1);
        assert_eq!(
            rooms.open(opening(member(OTHER, Role::Sender, 3), Vec::new(), "new")).unwrap_err(),
            Refusal::Draining
        );
        assert_eq!(
            rooms.join(member(OTHER, Role::Receiver, 2), false, TOKEN, 7).unwrap_err(),
            Refusal::Draining
        );
        assert!(matches!(rooms.enter_lane(&lane(0, Role::Sender), "lane"), Ok(LaneArrival::First(7))));
    }

    #[test]
    fn a_receiver_may_wait_for_its_sender() {
        let mut rooms = table();
        rooms.open(opening(RECEIVER, Vec::new(), "receiver")).unwrap();
        assert_eq!(rooms.join(RECEIVER, false, TOKEN, 7).unwrap_err(), Refusal::RoleTaken);
        assert_eq!(rooms.join(SENDER, false, TOKEN, 7).unwrap().mailbox, "receiver");
    }

    #[test]
    fn a_client_that_comes_back_takes_its_room_over_and_its_old_connection_wipes_nothing() {
        for back in [SENDER, RECEIVER] {
            let mut rooms = paired();
            let OpenedRoom { number, displaced } = rooms.open(opening(back, Vec::new(), "back")).unwrap();
            assert_eq!((displaced, rooms.lanes()), (Some(7), 0));
            assert_eq!(rooms.close(ROOM, 1), None);
            assert_eq!(rooms.len(), 1);
            let other = if back == SENDER { RECEIVER } else { SENDER };
            assert_eq!(rooms.join(other, false, LaneToken([4; 16]), 8).unwrap().mailbox, "back");
            assert_eq!(rooms.close(ROOM, number), Some(8));
        }
        let mut rooms = table();
        rooms.open(opening(SENDER, Vec::new(), "dead")).unwrap();
        assert!(rooms.open(opening(SENDER, Vec::new(), "back")).unwrap().displaced.is_none());
        assert_eq!(rooms.join(RECEIVER, false, TOKEN, 7).unwrap().mailbox, "back");
    }
}
