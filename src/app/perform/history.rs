//! Writes transfers into the history.

use crate::{
    app::{
        desktop::desk::Job,
        explain,
        model::card::{CardEnd, StartedWith},
        window::Window,
    },
    code::CodePhrase,
    engine::{TaskId, TransferError},
    history::{Ending, Outcome as Past, PastTransfer, unix_secs},
};

/// As much of a code's room as the history keeps: enough that hardly ever two codes are taken for one.
fn beginning_of_room(code: &CodePhrase) -> u16 {
    let [first, second, ..] = code.room();
    u16::from_be_bytes([first, second])
}

impl Window {
    pub(super) fn save_history(&self) {
        self.desk.ask(Job::SaveHistory(self.state.history.clone()));
    }

    pub(super) fn begin_history(&mut self, id: TaskId) {
        let Some(card) = self.state.cards.iter_mut().find(|card| card.id == id) else { return };
        // A send to a person that was lost on the way begins again.
        if card.history.is_some() {
            return;
        }
        let (files, bytes) = card.accepted.unwrap_or_default();
        let mut entry = PastTransfer::now(card.direction, explain::name(&self.words, card));
        (entry.files, entry.bytes) = (files, bytes.unwrap_or_default());
        entry.kind = card.kind();
        entry.room = card.typed_code().or(card.code.as_ref()).map(beginning_of_room);
        entry.peer = card.peer.as_ref().map(|peer| peer.as_str().to_owned());
        match &card.started_with {
            StartedWith::Paths(paths) => entry.paths.clone_from(paths),
            StartedWith::Code { .. }
            | StartedWith::Croc(_)
            | StartedWith::Invitation
            | StartedWith::Call(_)
                if !card.is_text() =>
            {
                entry.folder.clone_from(&card.folder);
            }
            _ => {}
        }
        card.history = Some(self.state.history.begin(entry));
        self.save_history();
    }

    pub(super) fn finish_history(&mut self, id: TaskId) {
        let Some(card) = self.state.cards.iter_mut().find(|card| card.id == id) else { return };
        let (Some(history), Some(end)) = (card.history, &card.end) else { return };
        let outcome = match end {
            CardEnd::Done(report) if report.missing == 0 => Past::Done,
            CardEnd::Done(report) => Past::Partial { missing: report.missing },
            CardEnd::Failed(TransferError::Cancelled | TransferError::PeerCancelled) => Past::Cancelled,
            CardEnd::Failed(TransferError::Declined | TransferError::PeerDeclined) => Past::Declined,
            // The entry stays as it is, and the next start reports what was cut off.
            CardEnd::CutOff => return,
            CardEnd::Failed(error) => Past::Failed {
                reason: explain::error(&self.words, error, explain::standpoint(card)).happened,
            },
        };
        let paths = card.placed().map(|(_, placed)| placed.to_vec()).unwrap_or_default();
        let (here, here_bytes) =
            if let CardEnd::Done(report) = end { (report.here, report.here_bytes) } else { (0, 0) };
        // What was there already counts with its bytes, or a folder of which little moved would look small.
        let files = card.accepted.map_or(0, |(files, _)| files) + here;
        let bytes = card.progress.bytes + here_bytes;
        let ending = Ending { outcome, ended: unix_secs(), files, bytes, paths, kept: card.kept.clone() };
        self.state.history.finish(history, ending);
        self.save_history();
    }

    /// Whether a transfer under this code has begun before, as far as the history knows.
    pub(super) fn is_used_up(&self, code: &CodePhrase) -> bool {
        let room = Some(beginning_of_room(code));
        self.state.history.entries().iter().any(|entry| entry.room == room)
    }

    /// Saves the window's size and the history before the window closes. The history then still holds what is cut off
    /// by that.
    pub(in crate::app) fn remember_running(&mut self) {
        self.save_history();
        if self.size.is_some() && self.size != self.state.settings.window {
            self.state.settings.window = self.size;
            self.save_settings();
        }
    }
}
