//! How it stands with a transfer: whether it waits, moves or rests, and why.

use std::time::{Duration, Instant};

use super::card::Card;
use crate::{
    engine::{Connection, Paused, Phase, Stall, WaitsFor},
    history::Direction,
};

/// What a transfer waits for that has begun, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Standstill {
    /// For a person.
    Paused(Paused),
    /// For the connection, which was lost so long ago.
    Lost(Lost, Duration),
    /// For room on the receiver's disk.
    NoRoom,
    /// For something else, and nothing has come for so long.
    Stalled(WaitsFor, Duration),
}

/// What is being looked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Lost {
    Relay,
    Peer,
}

impl Card {
    /// Whether a sender still waits for somebody to come, so that things can be added.
    pub(in crate::app) fn is_waiting(&self) -> bool {
        self.end.is_none()
            && self.direction == Direction::Sent
            && matches!(self.progress.phase, Phase::Connecting | Phase::WaitingForPeer)
    }

    /// Whether more can be offered to the same receiver: a sender has met it, and the two are connected.
    pub(in crate::app) fn takes_more(&self) -> bool {
        let has_met = !matches!(
            self.progress.phase,
            Phase::Connecting | Phase::WaitingForPeer | Phase::Handshake | Phase::Retired | Phase::Branches
        );
        self.direction == Direction::Sent
            && self.end.is_none()
            && has_met
            && !self.is_cancelling
            && self.progress.connection == Connection::Up
    }

    /// Whether the transfer has begun and is not over, at rest or not.
    pub(in crate::app) fn is_under_way(&self) -> bool {
        let phase = self.progress.phase;
        self.end.is_none()
            && matches!(phase, Phase::OpeningLanes | Phase::Moving | Phase::Storing | Phase::Repairing)
    }

    /// Whether bytes move, or are about to, or are being put in place.
    pub(in crate::app) fn is_moving(&self) -> bool {
        self.is_under_way() && self.paused().is_none() && self.lost_since.is_none()
    }

    /// Whether a pause would change anything: what has arrived is put in place all the same.
    pub(in crate::app) fn can_pause(&self) -> bool {
        self.is_under_way() && self.progress.phase != Phase::Storing && !self.is_cancelling
    }

    /// Who lets the transfer rest, if anybody does.
    pub(in crate::app) fn paused(&self) -> Option<Paused> {
        let paused = self.progress.paused;
        (self.can_pause() && (paused.here || paused.there)).then_some(paused)
    }

    /// How long the connection is lost.
    pub(in crate::app) fn lost(&self, now: Instant) -> Option<(Lost, Duration)> {
        let lost = match self.progress.connection {
            _ if self.end.is_some() => return None,
            Connection::Up => return None,
            Connection::LookingForRelay => Lost::Relay,
            Connection::LookingForPeer => Lost::Peer,
        };
        Some((lost, now.saturating_duration_since(self.lost_since?)))
    }

    /// Why nothing goes on, if this is worth a word: of several reasons the one that comes first for a person.
    pub(in crate::app) fn standstill(&self, now: Instant) -> Option<Standstill> {
        if self.is_cancelling {
            return None;
        }
        if let Some(paused) = self.paused() {
            return Some(Standstill::Paused(paused));
        }
        if let Some((lost, since)) = self.lost(now) {
            return Some(Standstill::Lost(lost, since));
        }
        if self.is_moving() && self.progress.lacks_room {
            return Some(Standstill::NoRoom);
        }
        let Stall { waits_for, since } = self.progress.stall.filter(|_| self.end.is_none())?;
        Some(Standstill::Stalled(waits_for, now.saturating_duration_since(since)))
    }
}
