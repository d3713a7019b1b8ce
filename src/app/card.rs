//! One transfer as the window knows it. Pure: it is changed by events and by what the person does, and draws nothing.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{action::SheetAction, explain::Standpoint, meter::Meter, tree::Tree, unfinished::Resume};
use crate::{
    code::{CodePhrase, Invite},
    engine::{
        Choices, Connection, Here, NotAdded, Notice, Offer, OnConflict, Paused, Phase, Progress, Report,
        Stall, TaskId, TransferError, WaitsFor,
    },
    net::client::RelayAddress,
    protocol::{
        manifest::{Manifest, OfferKind},
        peer::Withdrawal,
    },
    transfer::notice::Unfit,
};

/// Names that a card is called by.
const NAMES_SHOWN: usize = 3;
/// Troubles of one transfer that are listed by name; the rest is counted.
const MAX_TROUBLES: usize = 500;

/// Which end of the transfer this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Sending,
    Receiving,
}

/// What a transfer was started with, so that it can be started again.
#[derive(Clone)]
pub(super) enum Origin {
    /// Files and folders.
    Paths(Vec<PathBuf>),
    /// A text.
    Text(String),
    /// A code, and the relay that an invite link named.
    Code { code: CodePhrase, server: Option<RelayAddress> },
    /// A sender with whom this window is connected already has something more.
    Invitation,
}

/// What a send has to do with another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// It goes to the receiver of that one, which is asked by itself.
    After(TaskId),
    /// It is that one's transfer with one of its receivers, the first, the second and so on of those who came.
    Branch { of: TaskId, number: usize },
}

/// A file that doesn't arrive, or was not offered.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It was chosen and can't be offered.
    LeftOut { path: PathBuf, reason: Unfit },
    /// It was offered and then couldn't be sent.
    Withdrawn { path: PathBuf, reason: Withdrawal },
    /// It arrived and could not get its place.
    NotStored { error: TransferError },
    /// They were to be added to a waiting send.
    NotAdded { paths: Vec<PathBuf>, reason: NotAdded },
}

/// As many repaired names are shown.
pub(super) const FEW_REPAIRED: usize = 5;

/// The offer that waits for an answer.
pub(super) struct Sheet {
    /// What is offered, held against the folder.
    pub(super) offer: Arc<Offer>,
    /// Its entries; `None` while it is being built.
    pub(super) tree: Option<Tree>,
    /// The search field's text.
    pub(super) search: String,
    /// What happens to names that are taken.
    pub(super) on_conflict: OnConflict,
    /// Entries for which something else was chosen.
    pub(super) exceptions: HashMap<u32, OnConflict>,
    /// Why another folder can't be used.
    pub(super) unusable: Option<TransferError>,
    /// What is there already and the same, and need not come.
    pub(super) here: Here,
    /// The conflicts, by entry.
    pub(super) conflicts: Vec<u32>,
    /// Names that this system can't store and what becomes of them: a few, and one more if there are others. Looked for once,
    /// because an offer may be long.
    pub(super) repaired: Vec<(String, String)>,
    /// Another folder is being looked at.
    pub(super) is_looking: bool,
    /// The answer is given.
    pub(super) is_answered: bool,
}

impl Sheet {
    fn new(offer: Arc<Offer>) -> Self {
        let repaired = offer.repaired().take(FEW_REPAIRED + 1);
        let mut sheet = Self {
            here: offer.here.clone(),
            repaired: repaired.map(|(theirs, here)| (theirs.to_owned(), here.to_owned())).collect(),
            offer,
            tree: None,
            search: String::new(),
            on_conflict: OnConflict::KeepBoth,
            exceptions: HashMap::new(),
            unusable: None,
            conflicts: Vec::new(),
            is_looking: false,
            is_answered: false,
        };
        sheet.sort_out();
        sheet
    }

    /// The offer's tree is built.
    pub(super) fn built(&mut self, tree: Tree) {
        self.tree = Some(tree);
        self.sort_out();
    }

    /// More is known of what is there already.
    fn learn(&mut self, here: Here) {
        self.here = here;
        self.sort_out();
    }

    /// Tells what is there already from names that are taken. A word of the person's for a single one goes before.
    fn sort_out(&mut self) {
        let stays = |entry: u32| self.here.contains(entry as usize) && !self.exceptions.contains_key(&entry);
        let targets = (0..).zip(&self.offer.targets);
        let taken = targets.filter(|(entry, target)| target.conflicts && !stays(*entry));
        self.conflicts = taken.map(|(entry, _)| entry).collect();
        if let Some(tree) = &mut self.tree {
            tree.mark_here(stays);
        }
    }

    /// Takes a change of the person's.
    pub(super) fn perform(&mut self, action: SheetAction) {
        let is_for_all = matches!(action, SheetAction::OnConflict(_));
        match (action, &mut self.tree) {
            (SheetAction::Tick(node, is_ticked), Some(tree)) => tree.set_tick(node, is_ticked),
            (SheetAction::TickAll(is_ticked), Some(tree)) => tree.set_all(is_ticked),
            (SheetAction::Open(node), Some(tree)) => tree.toggle_open(node),
            (SheetAction::Search(text), Some(tree)) => {
                tree.search(&text);
                self.search = text;
            }
            (SheetAction::OnConflict(policy), _) => {
                self.on_conflict = policy;
                self.exceptions.clear();
            }
            (SheetAction::Exception(entry, policy), _) => {
                self.exceptions.insert(entry, policy);
            }
            (_, None) => {}
        }
        if is_for_all {
            self.sort_out();
        }
    }

    /// What the person chose.
    pub(super) fn choices(&self) -> Choices {
        Choices {
            resumes: true,
            folder: self.offer.folder.clone(),
            unwanted: self.tree.as_ref().map(Tree::unwanted).unwrap_or_default(),
            on_conflict: self.on_conflict,
            exceptions: self.exceptions.clone(),
        }
    }

    /// What happens to the name of an entry if it is taken.
    pub(super) fn policy(&self, entry: u32) -> OnConflict {
        self.exceptions.get(&entry).copied().unwrap_or(self.on_conflict)
    }

    /// Bytes that accepting now would bring.
    pub(super) fn wanted_bytes(&self) -> u64 {
        let all = || self.offer.manifest.bytes().saturating_sub(self.here.bytes());
        self.tree.as_ref().map_or_else(all, Tree::wanted_bytes)
    }

    /// Files that are ticked and there already, and their bytes.
    pub(super) fn here(&self) -> (u64, u64) {
        self.tree.as_ref().map_or_else(|| (self.here.files(), self.here.bytes()), Tree::here)
    }

    /// Whether the disk has room for what is ticked.
    pub(super) fn fits(&self) -> bool {
        let needed = self.wanted_bytes().saturating_sub(self.offer.resumable);
        self.offer.free.is_none_or(|free| needed <= free)
    }

    /// Whether Accept makes sense now.
    pub(super) fn can_accept(&self) -> bool {
        !self.is_looking
            && self.offer.unusable.is_none()
            && self.fits()
            && self.tree.as_ref().is_some_and(Tree::wants_anything)
    }
}

/// How a transfer ended.
pub(super) enum End {
    /// With everything, or nearly everything, in place.
    Done(Report),
    /// Early.
    Failed(TransferError),
}

/// Parts of a card that are opened and closed by the person.
#[allow(clippy::struct_excessive_bools)]
#[derive(Default)]
pub(super) struct Folds {
    /// The QR code of the invite link, row by row, while it is shown.
    pub(super) qr: Option<Vec<Vec<bool>>>,
    /// What is being sent.
    pub(super) list: bool,
    /// The received text, in full.
    pub(super) text: bool,
    /// What doesn't arrive.
    pub(super) troubles: bool,
    /// The card is new or asks something: its first control takes the keyboard.
    pub(super) wants_focus: bool,
}

/// What a transfer waits for that has begun, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standstill {
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
pub(super) enum Lost {
    Relay,
    Peer,
}

/// Which text of a card was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    Code,
    Link,
    Text,
    Report,
}

/// One transfer.
pub(super) struct Card {
    pub(super) id: TaskId,
    pub(super) direction: Direction,
    pub(super) origin: Origin,
    /// What it has to do with another one; `None` for a transfer by itself.
    pub(super) bond: Option<Bond>,
    /// To how many its code leads.
    pub(super) receivers: u16,
    /// Where what arrives goes.
    pub(super) folder: Option<PathBuf>,
    /// The code, once it is good.
    pub(super) code: Option<CodePhrase>,
    /// The relay in use; `None` before there is one, and on the local network.
    pub(super) relay: Option<RelayAddress>,
    /// Where others reach the relay that was started for this transfer.
    pub(super) hosted: Option<Vec<RelayAddress>>,
    /// Why a waiting sender's code is on no relay, if one should be.
    pub(super) off_relay: Option<TransferError>,
    /// The two sides have met on the sender's own relay.
    pub(super) is_local: bool,
    /// What is being sent, or received, once known.
    pub(super) manifest: Option<Arc<Manifest>>,
    /// The names at its top, and how many there are.
    top: Option<(Vec<String>, usize)>,
    pub(super) sheet: Option<Sheet>,
    /// Wrong codes that may still be tried; `None` before the first wrong one.
    pub(super) tries_left: Option<u8>,
    /// Somebody came with another version.
    pub(super) other_version: Option<u16>,
    /// The port for direct connections that could not be had, and the one that is used instead.
    pub(super) refused_port: Option<(u16, u16)>,
    pub(super) troubles: Vec<Trouble>,
    /// Troubles in all, listed or not.
    pub(super) trouble_count: usize,
    /// Files and bytes that move, once accepted.
    pub(super) accepted: Option<(u64, Option<u64>)>,
    pub(super) progress: Progress,
    /// Since when the connection is lost.
    pub(super) lost_since: Option<Instant>,
    pub(super) meter: Meter,
    /// The text that arrived.
    pub(super) text: Option<String>,
    /// Where what arrived of a broken transfer is.
    pub(super) kept: Option<PathBuf>,
    /// What it was started to go on with.
    pub(super) resume: Option<Resume>,
    pub(super) end: Option<End>,
    /// Its place in the history.
    pub(super) history: Option<u64>,
    pub(super) folds: Folds,
    /// What was copied last, and when, so that the button can say so.
    pub(super) copied: Option<(Copied, Instant)>,
    pub(super) is_cancelling: bool,
    snapshots: Option<watch::Receiver<Progress>>,
}

/// What a card's news ask of the window.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing beyond a new picture.
    None,
    /// An offer waits for an answer; its tree is to be built.
    Asked,
    /// Bytes begin to move.
    Began,
}

impl Card {
    pub(super) fn new(id: TaskId, direction: Direction, origin: Origin) -> Self {
        Self {
            id,
            direction,
            origin,
            bond: None,
            receivers: 1,
            folder: None,
            code: None,
            relay: None,
            hosted: None,
            off_relay: None,
            is_local: false,
            manifest: None,
            top: None,
            sheet: None,
            tries_left: None,
            other_version: None,
            refused_port: None,
            troubles: Vec::new(),
            trouble_count: 0,
            accepted: None,
            progress: Progress::default(),
            lost_since: None,
            meter: Meter::new(),
            text: None,
            kept: None,
            resume: None,
            end: None,
            history: None,
            folds: Folds::default(),
            copied: None,
            is_cancelling: false,
            snapshots: None,
        }
    }

    /// The transfer has begun.
    pub(super) fn follow(&mut self, snapshots: watch::Receiver<Progress>) {
        self.snapshots = Some(snapshots);
    }

    /// Takes the latest snapshot.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some(snapshots) = &mut self.snapshots {
            self.progress = *snapshots.borrow_and_update();
        }
        self.lost_since = match self.progress.connection {
            Connection::Up => None,
            Connection::LookingForRelay | Connection::LookingForPeer => Some(self.lost_since.unwrap_or(now)),
        };
        if self.is_moving() {
            self.meter.note(self.progress.bytes, self.progress.total_bytes, now);
        } else {
            self.meter.rest();
        }
    }

    /// Something that the transfer tells.
    pub(super) fn notice(&mut self, notice: Notice) -> News {
        match notice {
            Notice::Code { code, relay } => {
                self.code = Some(code);
                self.relay = relay;
            }
            Notice::Reach { relay, why } => {
                (self.relay, self.off_relay) = (relay, why);
                // It shows the link of before.
                if self.folds.qr.is_some() {
                    self.folds.qr = None;
                    self.fold_qr();
                }
            }
            Notice::Met { relay } => {
                self.is_local = relay.is_none();
                (self.relay, self.off_relay) = (relay, None);
            }
            Notice::Closed(why) => (self.relay, self.off_relay) = (None, Some(why)),
            Notice::WrongTry { tries_left } => self.tries_left = Some(tries_left),
            Notice::Retired => self.tries_left = Some(0),
            Notice::OtherVersion { theirs } => self.other_version = Some(theirs),
            Notice::PortRefused { wished, used } => self.refused_port = Some((wished, used)),
            Notice::Listed(manifest) => self.know(manifest),
            Notice::LeftOut(items) => {
                for item in items {
                    self.trouble(1, Trouble::LeftOut { path: item.path, reason: item.reason });
                }
            }
            Notice::NotAdded { paths, reason } => {
                self.trouble(paths.len(), Trouble::NotAdded { paths, reason });
            }
            Notice::Offer(offer) => {
                self.know(Arc::clone(&offer.manifest));
                self.folder.clone_from(&offer.folder);
                // Another folder was looked at: the conflicts are new, the rest stays.
                let Some(Sheet { tree, search, on_conflict, offer: before, .. }) = self.sheet.take() else {
                    self.sheet = Some(Sheet::new(offer));
                    return News::Asked;
                };
                // The button that had it is gone.
                self.folds.wants_focus |= before.unusable.is_some();
                let mut sheet = Sheet { tree, search, on_conflict, ..Sheet::new(offer) };
                sheet.sort_out();
                self.sheet = Some(sheet);
            }
            Notice::Here(here) => {
                if let Some(sheet) = &mut self.sheet {
                    sheet.learn(here);
                }
            }
            Notice::CantUse(error) => {
                if let Some(sheet) = &mut self.sheet {
                    (sheet.unusable, sheet.is_looking) = (Some(error), false);
                }
            }
            Notice::Accepted { files, bytes } => {
                self.accepted = Some((files, bytes));
                return News::Began;
            }
            Notice::Withdrawn { path, reason } => {
                self.trouble(1, Trouble::Withdrawn { path, reason });
            }
            Notice::NotStored { path: _, error } => self.trouble(1, Trouble::NotStored { error }),
            Notice::Text(text) => self.text = Some(text),
            Notice::Kept(folder) => self.kept = Some(folder),
            // The sender learns from nobody's coming that it isn't taken.
            Notice::Invited { .. } => {}
        }
        News::None
    }

    fn trouble(&mut self, count: usize, trouble: Trouble) {
        self.trouble_count += count;
        if self.troubles.len() < MAX_TROUBLES {
            self.troubles.push(trouble);
        }
    }

    /// The transfer is over.
    pub(super) fn ended(&mut self, ended: Result<Report, TransferError>, now: Instant) {
        self.tick(now);
        self.snapshots = None;
        self.end = Some(match ended {
            Ok(report) => End::Done(report),
            Err(error) => End::Failed(error),
        });
    }

    /// Whether a sender still waits for somebody to come, so that things can be added.
    pub(super) fn is_waiting(&self) -> bool {
        self.end.is_none()
            && self.direction == Direction::Sending
            && matches!(self.progress.phase, Phase::Connecting | Phase::WaitingForPeer)
    }

    /// Whether more can be offered to the same receiver: a sender has met it, and the two are connected.
    pub(super) fn takes_more(&self) -> bool {
        let has_met = !matches!(
            self.progress.phase,
            Phase::Connecting | Phase::WaitingForPeer | Phase::Handshake | Phase::Retired | Phase::Branches
        );
        self.direction == Direction::Sending
            && self.end.is_none()
            && has_met
            && !self.is_cancelling
            && self.progress.connection == Connection::Up
    }

    /// The send whose transfer with one receiver this is.
    pub(super) fn branch_of(&self) -> Option<TaskId> {
        match self.bond? {
            Bond::Branch { of, .. } => Some(of),
            Bond::After(_) => None,
        }
    }

    /// Whether the transfer has begun and is not over, at rest or not.
    pub(super) fn is_under_way(&self) -> bool {
        let phase = self.progress.phase;
        self.end.is_none()
            && matches!(phase, Phase::OpeningLanes | Phase::Moving | Phase::Storing | Phase::Repairing)
    }

    /// Whether bytes move, or are about to, or are being put in place.
    pub(super) fn is_moving(&self) -> bool {
        self.is_under_way() && self.paused().is_none() && self.lost_since.is_none()
    }

    /// Whether a pause would change anything: what has arrived is put in place all the same.
    pub(super) fn can_pause(&self) -> bool {
        self.is_under_way() && self.progress.phase != Phase::Storing && !self.is_cancelling
    }

    /// Who lets the transfer rest, if anybody does.
    pub(super) fn paused(&self) -> Option<Paused> {
        let paused = self.progress.paused;
        (self.can_pause() && (paused.here || paused.there)).then_some(paused)
    }

    /// How long the connection is lost.
    pub(super) fn lost(&self, now: Instant) -> Option<(Lost, Duration)> {
        let lost = match self.progress.connection {
            _ if self.end.is_some() => return None,
            Connection::Up => return None,
            Connection::LookingForRelay => Lost::Relay,
            Connection::LookingForPeer => Lost::Peer,
        };
        Some((lost, now.saturating_duration_since(self.lost_since?)))
    }

    /// Why nothing goes on, if this is worth a word: of several reasons the one that comes first for a person.
    pub(super) fn standstill(&self, now: Instant) -> Option<Standstill> {
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

    /// Whether an offer waits for an answer.
    pub(super) fn is_asking(&self) -> bool {
        self.sheet.as_ref().is_some_and(|sheet| !sheet.is_answered)
    }

    /// From 0 to 1; `None` for a stream.
    pub(super) fn fraction(&self) -> Option<f32> {
        let total = self.progress.total_bytes?;
        Some(if total == 0 { 1.0 } else { (self.progress.bytes as f64 / total as f64) as f32 })
    }

    /// From where its errors are looked at.
    pub(super) fn standpoint(&self) -> Standpoint {
        let (has_begun, is_kept) = (self.accepted.is_some(), self.kept.is_some());
        Standpoint { direction: self.direction, has_begun, is_kept }
    }

    /// What is on the way is a text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.origin, Origin::Text(_))
            || self.text.is_some()
            || self.manifest.as_ref().is_some_and(|manifest| manifest.kind() == OfferKind::Text)
    }

    /// What moves is known. Its top is looked for once: a view would do it again in every frame.
    pub(super) fn know(&mut self, manifest: Arc<Manifest>) {
        let mut top = manifest.entries().iter().filter(|entry| entry.path.names().nth(1).is_none());
        let names: Vec<String> =
            top.by_ref().take(NAMES_SHOWN).map(|entry| entry.path.name().to_owned()).collect();
        let count = names.len() + top.count();
        self.top = Some((names, count));
        self.manifest = Some(manifest);
    }

    /// The names at the top of what is sent or received, and how many there are in all.
    pub(super) fn names(&self) -> (Vec<String>, usize) {
        if let Some(top) = &self.top {
            return top.clone();
        }
        match &self.origin {
            Origin::Paths(paths) => {
                let name = |path: &PathBuf| {
                    path.file_name()
                        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into())
                };
                (paths.iter().take(NAMES_SHOWN).map(name).collect(), paths.len())
            }
            Origin::Text(_) | Origin::Code { .. } | Origin::Invitation => (Vec::new(), 0),
        }
    }

    /// Where others reach this machine, if that is the only way to a sender's code.
    pub(super) fn only_here(&self) -> Option<&[RelayAddress]> {
        self.hosted.as_deref().filter(|_| self.relay.is_none())
    }

    /// Links that carry the code and the relay, the likeliest address first.
    pub(super) fn invites(&self) -> Vec<Invite> {
        let Some(code) = &self.code else { return Vec::new() };
        let servers: Vec<&RelayAddress> = match self.only_here() {
            Some(hosted) => hosted.iter().collect(),
            None => self.relay.iter().collect(),
        };
        let invite = |server: &RelayAddress| Invite::new(code.clone(), Some(&server.to_string())).ok();
        servers.into_iter().filter_map(invite).collect()
    }

    /// Shows or hides the QR code.
    pub(super) fn fold_qr(&mut self) {
        let link = self.invites().first().map(ToString::to_string);
        self.folds.qr = match (self.folds.qr.take(), link) {
            (None, Some(link)) => fast_qr::QRBuilder::new(link).build().ok().map(|code| {
                let row = |y: usize| (0..code.size).map(|x| code[y][x].value()).collect();
                (0..code.size).map(row).collect()
            }),
            _ => None,
        };
    }

    /// What was to be sent and didn't leave, as far as it is listed.
    pub(super) fn missing(&self) -> Vec<PathBuf> {
        let path = |trouble: &Trouble| match trouble {
            Trouble::Withdrawn { path, .. } => Some(path.clone()),
            _ => None,
        };
        let is_whole = self.troubles.len() == self.trouble_count;
        if self.direction == Direction::Receiving || !is_whole {
            return Vec::new();
        }
        self.troubles.iter().filter_map(path).collect()
    }

    /// What a person would open or show: what arrived, or the folder it is in.
    pub(super) fn placed(&self) -> Option<(&Path, &[PathBuf])> {
        match &self.end {
            Some(End::Done(report)) => {
                report.folder.as_deref().map(|folder| (folder, report.placed.as_slice()))
            }
            _ => None,
        }
    }
}
