//! Which of the clients that have croc wait, and for which peer. Pure: no sockets, no clock. A croc has no role at a relay: the first in a room
//! waits and the second meets it.
//!
//! `W` reaches the client that waits; dropping it tells that client that its wait is over. `S` is what the connections of two peers
//! share. A room exists exactly as long as its first client keeps it.

use std::collections::HashMap;

/// A room's name: the number of the port, of which 0 is the control port, and what the clients call the room there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CrocRoomName {
    pub(super) port: usize,
    pub(super) name: String,
}

/// All rooms of a relay's croc ports.
pub(super) struct CrocRooms<W, S> {
    opened: u64,
    is_draining: bool,
    by_name: HashMap<CrocRoomName, CrocRoom<W, S>>,
}

struct CrocRoom<W, S> {
    /// Distinguishes this room from an earlier one with the same name.
    number: u64,
    state: Occupants<W, S>,
}

enum Occupants<W, S> {
    One(W),
    /// What the two share, once it is known.
    Two(Option<S>),
}

/// What a client finds in a room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RoomFound<W> {
    /// Nobody: it waits in the room of this number, which [`CrocRooms::close`] needs.
    First(u64),
    /// A client that waits.
    Second(W),
    /// Two clients.
    Full,
    /// The relay takes nobody any more.
    Draining,
}

impl CrocRoomName {
    /// Whether the room is one of the control port.
    pub(super) fn is_control(&self) -> bool {
        self.port == 0
    }

    /// The control room of the transfer to which a data room belongs: croc adds a hyphen and a number to its name.
    pub(super) fn control(&self) -> Option<Self> {
        let (name, number) = self.name.rsplit_once('-')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (!self.is_control() && is_number).then(|| Self { port: 0, name: name.to_owned() })
    }
}

impl<W, S> CrocRooms<W, S> {
    /// No rooms yet.
    pub(super) fn new() -> Self {
        Self { opened: 0, is_draining: false, by_name: HashMap::new() }
    }

    /// Lets a client in. `waiter` makes what reaches it, if it has to wait.
    pub(super) fn enter(&mut self, name: &CrocRoomName, waiter: impl FnOnce() -> W) -> RoomFound<W> {
        if self.is_draining && self.shared(name).is_none() {
            return RoomFound::Draining;
        }
        let Some(room) = self.by_name.get_mut(name) else {
            self.opened += 1;
            let room = CrocRoom { number: self.opened, state: Occupants::One(waiter()) };
            self.by_name.insert(name.clone(), room);
            return RoomFound::First(self.opened);
        };
        match std::mem::replace(&mut room.state, Occupants::Two(None)) {
            Occupants::One(waiting) => RoomFound::Second(waiting),
            two @ Occupants::Two(_) => {
                room.state = two;
                RoomFound::Full
            }
        }
    }

    /// Keeps what the two clients of a control room share, for their data rooms.
    pub(super) fn share(&mut self, name: &CrocRoomName, number: u64, shared: S) {
        if let Some(room) = self.by_name.get_mut(name).filter(|room| room.number == number) {
            room.state = Occupants::Two(Some(shared));
        }
    }

    /// What the two clients of the transfer to which a data room belongs share.
    pub(super) fn shared(&self, data_room: &CrocRoomName) -> Option<&S> {
        match &self.by_name.get(&data_room.control()?)?.state {
            Occupants::Two(shared) => shared.as_ref(),
            Occupants::One(_) => None,
        }
    }

    /// Closes the room of this name and number. One that was opened later under the same name stays.
    pub(super) fn close(&mut self, name: &CrocRoomName, number: u64) {
        if self.by_name.get(name).is_some_and(|room| room.number == number) {
            self.by_name.remove(name);
        }
    }

    /// Takes no new clients from now on and ends the wait of those that wait, but for the data rooms of transfers that run.
    pub(super) fn drain(&mut self) {
        self.is_draining = true;
        let waits = |room: &CrocRoom<W, S>| matches!(room.state, Occupants::One(_));
        let ended: Vec<_> = self
            .by_name
            .iter()
            .filter(|(name, room)| waits(room) && self.shared(name).is_none())
            .map(|(name, _)| name.clone())
            .collect();
        self.by_name.retain(|name, _| !ended.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(port: usize, name: &str) -> CrocRoomName {
        CrocRoomName { port, name: name.to_owned() }
    }

    #[test]
    fn two_meet_and_a_third_is_refused() {
        let mut rooms = CrocRooms::<_, ()>::new();
        assert_eq!(rooms.enter(&name(0, "room"), || 'a'), RoomFound::First(1));
        assert_eq!(rooms.enter(&name(0, "room"), || 'b'), RoomFound::Second('a'));
        assert_eq!(rooms.enter(&name(0, "room"), || 'c'), RoomFound::Full);
        assert_eq!(rooms.enter(&name(1, "room"), || 'd'), RoomFound::First(2));
    }

    #[test]
    fn a_closed_room_is_free_and_a_later_one_stays() {
        let mut rooms = CrocRooms::<_, ()>::new();
        let name = name(0, "room");
        assert_eq!(rooms.enter(&name, || 'a'), RoomFound::First(1));
        rooms.close(&name, 1);
        assert_eq!(rooms.enter(&name, || 'b'), RoomFound::First(2));
        rooms.close(&name, 1);
        assert_eq!(rooms.enter(&name, || 'c'), RoomFound::Second('b'));
    }

    #[test]
    fn a_data_room_finds_what_its_transfer_shares() {
        let mut rooms = CrocRooms::new();
        let control = name(0, "room");
        rooms.enter(&control, || 'a');
        assert_eq!(rooms.shared(&name(1, "room-0")), None);
        rooms.enter(&control, || 'b');
        rooms.share(&control, 1, "pair");
        assert_eq!(rooms.shared(&name(3, "room-12")), Some(&"pair"));
        for other in
            [name(1, "room"), name(1, "room-"), name(1, "room-x"), name(1, "other-0"), name(0, "room-0")]
        {
            assert_eq!(rooms.shared(&other), None, "{other:?}");
        }
        rooms.close(&control, 1);
        assert_eq!(rooms.shared(&name(1, "room-0")), None);
    }

    #[test]
    fn a_draining_relay_opens_only_the_data_rooms_of_transfers_that_run() {
        let mut rooms = CrocRooms::new();
        let (running, waiting) = (name(0, "running"), name(0, "waiting"));
        rooms.enter(&running, || 'a');
        rooms.enter(&running, || 'b');
        rooms.share(&running, 1, ());
        rooms.enter(&name(1, "running-0"), || 'c');
        rooms.enter(&waiting, || 'd');
        rooms.drain();
        assert_eq!(rooms.enter(&waiting, || 'e'), RoomFound::Draining);
        assert_eq!(rooms.enter(&name(1, "waiting-0"), || 'e'), RoomFound::Draining);
        assert_eq!(rooms.enter(&name(1, "running-0"), || 'f'), RoomFound::Second('c'));
        assert_eq!(rooms.enter(&name(2, "running-1"), || 'g'), RoomFound::First(4));
    }
}
