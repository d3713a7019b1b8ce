//! One transfer as the window knows it. Pure: it is changed by events and by what the person does, and draws nothing.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    action::{Copied, Resume},
    meter::Meter,
    sheet::Sheet,
};
use crate::{
    code::{CodePhrase, Invite},
    engine::{Connection, NotAdded, Notice, Progress, Report, TaskId, TransferError},
    history::Direction,
    net::client::RelayAddress,
    protocol::{
        manifest::{Manifest, OfferKind},
        peer::Withdrawal,
    },
    transfer::scan::Unfit,
};

/// Names that a card is called by.
const NAMES_SHOWN: usize = 3;
/// Troubles of one transfer that are listed by name; the rest is counted.
const MAX_LEFT_BEHIND: usize = 500;

/// How long a button says that it has copied something.
pub(in crate::app) const SAYS_COPIED: Duration = Duration::from_secs(2);

/// What a transfer was started with, so that it can be started again.
#[derive(Clone)]
pub(in crate::app) enum StartedWith {
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
pub(in crate::app) enum Bond {
    /// It goes to the receiver of that one, which is asked by itself.
    After(TaskId),
    /// It is that one's transfer with one of its receivers, the first, the second and so on of those who came.
    Branch { of: TaskId, number: usize },
}

/// A file that doesn't arrive, or was not offered.
#[derive(Debug)]
pub(in crate::app) enum LeftBehind {
    /// It was chosen and can't be offered.
    LeftOut { path: PathBuf, reason: Unfit },
    /// It was offered and then couldn't be sent.
    Withdrawn { path: PathBuf, reason: Withdrawal },
    /// It arrived and could not get its place.
    NotStored { error: TransferError },
    /// They were to be added to a waiting send.
    NotAdded { paths: Vec<PathBuf>, reason: NotAdded },
}

/// How a transfer ended.
pub(in crate::app) enum CardEnd {
    /// With everything, or nearly everything, in place.
    Done(Report),
    /// Early.
    Failed(TransferError),
    /// With the engine, which has stopped.
    CutOff,
}

impl CardEnd {
    /// Whether everything is in place.
    pub(in crate::app) fn is_whole(&self) -> bool {
        matches!(self, Self::Done(report) if report.missing == 0)
    }
}

/// Parts of a card that are opened and closed by the person.
#[allow(clippy::struct_excessive_bools)]
#[derive(Default)]
pub(in crate::app) struct Folds {
    /// The QR code of the invite link, row by row, while it is shown.
    pub(in crate::app) qr: Option<Vec<Vec<bool>>>,
    /// What is being sent.
    pub(in crate::app) list: bool,
    /// The received text, in full.
    pub(in crate::app) text: bool,
    /// What doesn't arrive.
    pub(in crate::app) left_behind: bool,
    /// The card is new or asks something: its first control takes the keyboard.
    pub(in crate::app) wants_focus: bool,
}

/// One transfer.
pub(in crate::app) struct Card {
    pub(in crate::app) id: TaskId,
    pub(in crate::app) direction: Direction,
    pub(in crate::app) started_with: StartedWith,
    /// What it has to do with another one; `None` for a transfer by itself.
    pub(in crate::app) bond: Option<Bond>,
    /// To how many its code leads.
    pub(in crate::app) receivers: u16,
    /// Where what arrives goes.
    pub(in crate::app) folder: Option<PathBuf>,
    /// The code, once it is good.
    pub(in crate::app) code: Option<CodePhrase>,
    /// The relay in use; `None` before there is one, and on the local network.
    pub(in crate::app) relay: Option<RelayAddress>,
    /// Where others reach the relay that was started for this transfer.
    pub(in crate::app) hosted: Option<Vec<RelayAddress>>,
    /// Why a waiting sender's code is on no relay, if one should be.
    pub(in crate::app) off_relay: Option<TransferError>,
    /// The two sides have met on the sender's own relay.
    pub(in crate::app) is_local: bool,
    /// What is being sent, or received, once known.
    pub(in crate::app) manifest: Option<Arc<Manifest>>,
    /// The names at its top, and how many there are.
    top: Option<(Vec<String>, usize)>,
    pub(in crate::app) sheet: Option<Sheet>,
    /// Wrong codes that may still be tried; `None` before the first wrong one.
    pub(in crate::app) tries_left: Option<u8>,
    /// Somebody came with another version.
    pub(in crate::app) other_version: Option<u16>,
    /// The port for direct connections that could not be had, and the one that is used instead.
    pub(in crate::app) refused_port: Option<(u16, u16)>,
    pub(in crate::app) left_behind: Vec<LeftBehind>,
    /// How many things were left behind in all, listed or not.
    pub(in crate::app) left_behind_count: usize,
    /// Files and bytes that move, once accepted.
    pub(in crate::app) accepted: Option<(u64, Option<u64>)>,
    pub(in crate::app) progress: Progress,
    /// Since when the connection is lost.
    pub(in crate::app) lost_since: Option<Instant>,
    pub(in crate::app) meter: Meter,
    /// The text that arrived.
    pub(in crate::app) text: Option<String>,
    /// Where what arrived of a broken transfer is.
    pub(in crate::app) kept: Option<PathBuf>,
    /// What it was started to go on with.
    pub(in crate::app) resume: Option<Resume>,
    pub(in crate::app) end: Option<CardEnd>,
    /// Its place in the history.
    pub(in crate::app) history: Option<u64>,
    pub(in crate::app) folds: Folds,
    /// What was copied last, and when, so that the button can say so.
    pub(in crate::app) copied: Option<(Copied, Instant)>,
    pub(in crate::app) is_cancelling: bool,
    snapshots: Option<watch::Receiver<Progress>>,
}

/// What a card's news ask of the window.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::app) enum News {
    /// Nothing beyond a new picture.
    None,
    /// An offer waits for an answer; its tree is to be built.
    Asked,
    /// Bytes begin to move.
    Began,
}

impl Card {
    pub(in crate::app) fn new(id: TaskId, direction: Direction, started_with: StartedWith) -> Self {
        Self {
            id,
            direction,
            started_with,
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
            left_behind: Vec::new(),
            left_behind_count: 0,
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
    pub(in crate::app) fn follow(&mut self, snapshots: watch::Receiver<Progress>) {
        self.snapshots = Some(snapshots);
    }

    /// Takes the latest snapshot.
    pub(in crate::app) fn tick(&mut self, now: Instant) {
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
    pub(in crate::app) fn notice(&mut self, notice: Notice) -> News {
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
                    self.leave_behind(1, LeftBehind::LeftOut { path: item.path, reason: item.reason });
                }
            }
            Notice::NotAdded { paths, reason } => {
                self.leave_behind(paths.len(), LeftBehind::NotAdded { paths, reason });
            }
            Notice::Offer(offer) => {
                self.know(Arc::clone(&offer.manifest));
                self.folder.clone_from(&offer.folder);
                let Some(before) = self.sheet.take() else {
                    self.sheet = Some(Sheet::new(offer));
                    return News::Asked;
                };
                // The button that had it is gone.
                self.folds.wants_focus |= before.offer.unusable.is_some();
                self.sheet = Some(before.held_against(offer));
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
                self.leave_behind(1, LeftBehind::Withdrawn { path, reason });
            }
            Notice::NotStored { path: _, error } => self.leave_behind(1, LeftBehind::NotStored { error }),
            Notice::Text(text) => self.text = Some(text),
            Notice::Kept(folder) => self.kept = Some(folder),
            // The sender learns from nobody's coming that it isn't taken.
            Notice::Invited { .. } => {}
        }
        News::None
    }

    fn leave_behind(&mut self, count: usize, left: LeftBehind) {
        self.left_behind_count += count;
        if self.left_behind.len() < MAX_LEFT_BEHIND {
            self.left_behind.push(left);
        }
    }

    /// The engine has stopped, and with it the transfer, if it was not over yet. Gives an offer that waited for its answer.
    pub(super) fn cut_off(&mut self, now: Instant) -> Option<Sheet> {
        if self.end.is_none() {
            self.tick(now);
            self.snapshots = None;
            self.end = Some(CardEnd::CutOff);
        }
        self.sheet.take()
    }

    /// The transfer is over.
    pub(in crate::app) fn ended(&mut self, ended: Result<Report, TransferError>, now: Instant) {
        self.tick(now);
        self.snapshots = None;
        self.end = Some(match ended {
            Ok(report) => CardEnd::Done(report),
            Err(error) => CardEnd::Failed(error),
        });
    }

    /// The send whose transfer with one receiver this is.
    pub(in crate::app) fn branch_of(&self) -> Option<TaskId> {
        match self.bond? {
            Bond::Branch { of, .. } => Some(of),
            Bond::After(_) => None,
        }
    }

    /// Whether an offer waits for an answer.
    pub(in crate::app) fn is_asking(&self) -> bool {
        self.sheet.as_ref().is_some_and(|sheet| !sheet.is_answered)
    }

    /// From 0 to 1; `None` for a stream.
    pub(in crate::app) fn fraction(&self) -> Option<f32> {
        let total = self.progress.total_bytes?;
        Some(if total == 0 { 1.0 } else { (self.progress.bytes as f64 / total as f64) as f32 })
    }

    /// What is on the way is a text.
    pub(in crate::app) fn is_text(&self) -> bool {
        matches!(self.started_with, StartedWith::Text(_))
            || self.text.is_some()
            || self.manifest.as_ref().is_some_and(|manifest| manifest.kind() == OfferKind::Text)
    }

    /// What moves is known. Its top is looked for once: a view would do it again in every frame.
    pub(in crate::app) fn know(&mut self, manifest: Arc<Manifest>) {
        let mut top = manifest.entries().iter().filter(|entry| entry.path.names().nth(1).is_none());
        let names: Vec<String> =
            top.by_ref().take(NAMES_SHOWN).map(|entry| entry.path.name().to_owned()).collect();
        let count = names.len() + top.count();
        self.top = Some((names, count));
        self.manifest = Some(manifest);
    }

    /// The names at the top of what is sent or received, and how many there are in all.
    pub(in crate::app) fn names(&self) -> (Vec<String>, usize) {
        if let Some(top) = &self.top {
            return top.clone();
        }
        match &self.started_with {
            StartedWith::Paths(paths) => {
                let name = |path: &PathBuf| {
                    path.file_name()
                        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into())
                };
                (paths.iter().take(NAMES_SHOWN).map(name).collect(), paths.len())
            }
            StartedWith::Text(_) | StartedWith::Code { .. } | StartedWith::Invitation => (Vec::new(), 0),
        }
    }

    /// Where others reach this machine, if that is the only way to a sender's code.
    pub(in crate::app) fn only_here(&self) -> Option<&[RelayAddress]> {
        self.hosted.as_deref().filter(|_| self.relay.is_none())
    }

    /// Links that carry the code and the relay, the likeliest address first.
    pub(in crate::app) fn invites(&self) -> Vec<Invite> {
        let Some(code) = &self.code else { return Vec::new() };
        let servers: Vec<&RelayAddress> = match self.only_here() {
            Some(hosted) => hosted.iter().collect(),
            None => self.relay.iter().collect(),
        };
        let invite = |server: &RelayAddress| Invite::new(code.clone(), Some(&server.to_string())).ok();
        servers.into_iter().filter_map(invite).collect()
    }

    /// Shows or hides the QR code.
    pub(in crate::app) fn fold_qr(&mut self) {
        let link = self.invites().first().map(ToString::to_string);
        self.folds.qr = match (self.folds.qr.take(), link) {
            (None, Some(link)) => fast_qr::QRBuilder::new(link).build().ok().map(|code| {
                let row = |y: usize| (0..code.size).map(|x| code[y][x].value()).collect();
                (0..code.size).map(row).collect()
            }),
            _ => None,
        };
    }

    /// Whether this was copied a moment ago, so that its button says so.
    pub(in crate::app) fn has_copied(&self, what: Copied, now: Instant) -> bool {
        self.copied.is_some_and(|(copied, when)| copied == what && now.duration_since(when) < SAYS_COPIED)
    }

    /// What was to be sent and didn't leave, as far as it is listed.
    pub(in crate::app) fn missing(&self) -> Vec<PathBuf> {
        let path = |left: &LeftBehind| match left {
            LeftBehind::Withdrawn { path, .. } => Some(path.clone()),
            _ => None,
        };
        let is_whole = self.left_behind.len() == self.left_behind_count;
        if self.direction == Direction::Received || !is_whole {
            return Vec::new();
        }
        self.left_behind.iter().filter_map(path).collect()
    }

    /// What a person would open or show: what arrived, or the folder it is in.
    pub(in crate::app) fn placed(&self) -> Option<(&Path, &[PathBuf])> {
        match &self.end {
            Some(CardEnd::Done(report)) => {
                report.folder.as_deref().map(|folder| (folder, report.placed.as_slice()))
            }
            _ => None,
        }
    }
}
