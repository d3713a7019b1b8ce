//! Whether a transfer waits, moves or stands still, and why.

use std::time::{Duration, Instant};

use super::card::{Card, CardEnd};
use crate::{
    engine::{Connection, MAX_PLACED, Paused, Phase, Stall, WaitsFor},
    history::Direction,
};

/// Why a transfer stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Standstill {
    /// It is paused by either side or both.
    Paused(Paused),
    /// The connection has been lost for this long.
    Lost(Lost, Duration),
    /// There is no room on the receiver's disk.
    NoRoom,
    /// Nothing has moved for this long, for this reason.
    Stalled(WaitsFor, Duration),
}

/// What a transfer has lost and is looking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Lost {
    Relay,
    Peer,
}

impl Card {
    /// Whether what has arrived can be moved into another folder: all of it is known, and nothing that was in its folder before is a part
    /// of it.
    pub(in crate::app) fn can_relocate(&self) -> bool {
        let Some(CardEnd::Done(report)) = &self.end else { return false };
        let is_known = !report.placed.is_empty() && report.placed.len() < MAX_PLACED;
        report.is_new && is_known && self.relocation.is_none()
    }

    /// Whether this is a send that still waits for its receiver. Files can be added until one comes.
    pub(in crate::app) fn is_waiting(&self) -> bool {
        self.end.is_none()
            && self.direction == Direction::Sent
            && matches!(self.progress.phase, Phase::Connecting | Phase::WaitingForPeer)
    }

    /// Whether more can be offered to the same receiver: the two have met and are connected.
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

    /// Whether the transfer has begun and is not over, moving or not.
    pub(in crate::app) fn is_under_way(&self) -> bool {
        let phase = self.progress.phase;
        self.end.is_none()
            && matches!(
                phase,
                Phase::OpeningLanes | Phase::Moving | Phase::Storing | Phase::Repairing | Phase::Confirming
            )
    }

    /// Whether bytes move, are about to, or are being put in place.
    pub(in crate::app) fn is_moving(&self) -> bool {
        self.is_under_way() && self.paused().is_none() && self.lost_since.is_none()
    }

    /// Whether a pause would change anything. Once everything has arrived it doesn't: files are put in place all the
    /// same.
    pub(in crate::app) fn can_pause(&self) -> bool {
        self.is_under_way()
            && !matches!(self.progress.phase, Phase::Storing | Phase::Confirming)
            && !self.is_cancelling
    }

    /// Which sides have paused the transfer, if any has.
    pub(in crate::app) fn paused(&self) -> Option<Paused> {
        let paused = self.progress.paused;
        (self.can_pause() && (paused.here || paused.there)).then_some(paused)
    }

    /// What has been lost, and for how long, while the connection is down.
    pub(in crate::app) fn lost(&self, now: Instant) -> Option<(Lost, Duration)> {
        let lost = match self.progress.connection {
            _ if self.end.is_some() => return None,
            // The user has everything, and only the sender does not know.
            _ if self.progress.phase == Phase::Confirming => return None,
            Connection::Up => return None,
            Connection::LookingForRelay => Lost::Relay,
            Connection::LookingForPeer => Lost::Peer,
        };
        Some((lost, now.saturating_duration_since(self.lost_since?)))
    }

    /// Why the transfer stands still, if there is a reason to show. Of several reasons it is the one that the user
    /// can do most about.
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
        if self.is_moving() && self.progress.disk_is_full {
            return Some(Standstill::NoRoom);
        }
        let Stall { waits_for, since } = self.progress.stall.filter(|_| self.end.is_none())?;
        Some(Standstill::Stalled(waits_for, now.saturating_duration_since(since)))
    }
}
